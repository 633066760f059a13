"""What the orders say: imbalance, order flow, trades, impact, manipulation, derivatives, markets together, participants."""

from counterpoise.flow.auction.definition import IMBALANCES, NODES, VALUE_AREAS
from counterpoise.flow.auction.diagonal import diagonal_imbalances, stacked_imbalances
from counterpoise.flow.auction.footprint import Footprint, FootprintBars, footprint, footprint_bars
from counterpoise.flow.auction.market_profile import auction as session_auction
from counterpoise.flow.auction.market_profile import market_profile
from counterpoise.flow.auction.naked import NakedLevels, naked_levels
from counterpoise.flow.auction.profile import (
    DevelopingProfile,
    Profile,
    SessionProfile,
    composite,
    developing_profile,
    profile,
    session_profile,
)
from counterpoise.flow.auction.sessions import Session, Sessions
from counterpoise.flow.auction.value_area import nodes, value_area
from counterpoise.flow.bins import Bins
from counterpoise.flow.book.absorption import Absorption, find_absorption
from counterpoise.flow.book.recovery import resilience
from counterpoise.flow.book.sweeps import Sweeps, find_sweeps
from counterpoise.flow.catalogue import CATALOGUE, catalogue_frame
from counterpoise.flow.cross.additive import add_up
from counterpoise.flow.cross.best_quotes import BestQuotes, best_quotes, prices_on_grid
from counterpoise.flow.cross.by_node import by_node
from counterpoise.flow.cross.consolidated import Consolidated, consolidate
from counterpoise.flow.cross.disparity import Disparity, disparity
from counterpoise.flow.cross.half_life import episode_life, reversion
from counterpoise.flow.cross.information import InformationShares, information_shares
from counterpoise.flow.cross.lead_lag import LeadLag, lead_lag
from counterpoise.flow.cross.market_bins import MarketBins, market_bins
from counterpoise.flow.cross.merged_book import merged_book
from counterpoise.flow.cross.rates import Rates
from counterpoise.flow.cross.running_shares import RunningShares
from counterpoise.flow.cross.token_clusters import (
    TokenClusters,
    adjusted_rand,
    clean_correlation,
    cluster_tokens,
    match_clusters,
)
from counterpoise.flow.derivatives.basis import Basis, basis
from counterpoise.flow.derivatives.chain_changes import ChainChanges, chain_changes
from counterpoise.flow.derivatives.chain_flow import ChainFlow, chain_flow
from counterpoise.flow.derivatives.coverage import CoverageRule
from counterpoise.flow.derivatives.funding import Funding, funding
from counterpoise.flow.derivatives.liquidations import LiquidationEpisodes, Liquidations, liquidation_episodes, liquidations
from counterpoise.flow.derivatives.open_interest import OpenInterest, open_interest
from counterpoise.flow.derivatives.option_trades import WeightedOptionTrades, option_trades, weighted_option_trades
from counterpoise.flow.derivatives.options_flow import (
    OptionFlow,
    OptionFlowByStrike,
    option_and_perp_flow,
    option_flow,
    option_flow_by_strike,
)
from counterpoise.flow.derivatives.settlements import FundingSettlements, funding_settlements
from counterpoise.flow.impact.cross_impact_fit import CrossImpactFit, fit_cross_impact
from counterpoise.flow.impact.illiquidity import Illiquidity, illiquidity
from counterpoise.flow.impact.impact import NO_IMPACT, Impact, ImpactCost, TemporaryImpact, TransientImpact
from counterpoise.flow.impact.impact_fit import DepthRelation, OfiImpact, fit_depth_relation, fit_ofi_impact
from counterpoise.flow.impact.metaorders import Metaorders, metaorders
from counterpoise.flow.impact.propagator_fit import PropagatorFit, fit_propagator
from counterpoise.flow.impact.square_root_fit import SquareRootFit, fit_square_root
from counterpoise.flow.impact.toxicity import Toxicity, toxicity
from counterpoise.flow.integrated import IntegratedOfi, integrated_ofi
from counterpoise.flow.live import Live
from counterpoise.flow.manipulation.icebergs import Icebergs, icebergs
from counterpoise.flow.manipulation.ignition import Ignition, ignition
from counterpoise.flow.manipulation.spoofing import Spoofing, spoofing
from counterpoise.flow.manipulation.stuffing import Stuffing, stuffing
from counterpoise.flow.manipulation.trade_sizes import trade_sizes
from counterpoise.flow.manipulation.wash import Wash, wash
from counterpoise.flow.measures import Measures, measure
from counterpoise.flow.microprice import Microprice
from counterpoise.flow.participants.event_features import EventFeatures, event_features
from counterpoise.flow.participants.participants import Participants
from counterpoise.flow.participants.size_groups import SizeGroups, size_groups
from counterpoise.flow.stream import Stream
from counterpoise.flow.tables import TableStream
from counterpoise.flow.tape.divergence import Divergences, Swings, chance_of_divergence, divergences, swings
from counterpoise.flow.tape.seasonality import TimeOfDay, relative_volume
from counterpoise.flow.tape.sized_flow import SizedFlow, sized_flow
from counterpoise.flow.tape.tape import LargePrints, Tape, large_prints, time_and_sales
from counterpoise.flow.wallet.concentration import gini, herfindahl, top_share
from counterpoise.flow.wallet.wallet_links import WalletRules
from counterpoise.flow.wallet.wallets import WalletClusters, wallets

__all__ = [
    "CATALOGUE",
    "IMBALANCES",
    "NODES",
    "NO_IMPACT",
    "VALUE_AREAS",
    "Absorption",
    "Basis",
    "BestQuotes",
    "Bins",
    "ChainChanges",
    "ChainFlow",
    "Consolidated",
    "CoverageRule",
    "CrossImpactFit",
    "DepthRelation",
    "DevelopingProfile",
    "Disparity",
    "Divergences",
    "EventFeatures",
    "Footprint",
    "FootprintBars",
    "Funding",
    "FundingSettlements",
    "Icebergs",
    "Ignition",
    "Illiquidity",
    "Impact",
    "ImpactCost",
    "InformationShares",
    "IntegratedOfi",
    "LargePrints",
    "LeadLag",
    "LiquidationEpisodes",
    "Liquidations",
    "Live",
    "MarketBins",
    "Measures",
    "Metaorders",
    "Microprice",
    "NakedLevels",
    "OfiImpact",
    "OpenInterest",
    "OptionFlow",
    "OptionFlowByStrike",
    "Participants",
    "Profile",
    "PropagatorFit",
    "Rates",
    "RunningShares",
    "Session",
    "SessionProfile",
    "Sessions",
    "SizeGroups",
    "SizedFlow",
    "Spoofing",
    "SquareRootFit",
    "Stream",
    "Stuffing",
    "Sweeps",
    "Swings",
    "TableStream",
    "Tape",
    "TemporaryImpact",
    "TimeOfDay",
    "TokenClusters",
    "Toxicity",
    "TransientImpact",
    "WalletClusters",
    "WalletRules",
    "Wash",
    "WeightedOptionTrades",
    "add_up",
    "adjusted_rand",
    "basis",
    "best_quotes",
    "by_node",
    "catalogue_frame",
    "chain_changes",
    "chain_flow",
    "chance_of_divergence",
    "clean_correlation",
    "cluster_tokens",
    "composite",
    "consolidate",
    "developing_profile",
    "diagonal_imbalances",
    "disparity",
    "divergences",
    "episode_life",
    "event_features",
    "find_absorption",
    "find_sweeps",
    "fit_cross_impact",
    "fit_depth_relation",
    "fit_ofi_impact",
    "fit_propagator",
    "fit_square_root",
    "footprint",
    "footprint_bars",
    "funding",
    "funding_settlements",
    "gini",
    "herfindahl",
    "icebergs",
    "ignition",
    "illiquidity",
    "information_shares",
    "integrated_ofi",
    "large_prints",
    "lead_lag",
    "liquidation_episodes",
    "liquidations",
    "market_bins",
    "market_profile",
    "match_clusters",
    "measure",
    "merged_book",
    "metaorders",
    "naked_levels",
    "nodes",
    "open_interest",
    "option_and_perp_flow",
    "option_flow",
    "option_flow_by_strike",
    "option_trades",
    "prices_on_grid",
    "profile",
    "relative_volume",
    "resilience",
    "reversion",
    "session_auction",
    "session_profile",
    "size_groups",
    "sized_flow",
    "spoofing",
    "stacked_imbalances",
    "stuffing",
    "swings",
    "time_and_sales",
    "top_share",
    "toxicity",
    "trade_sizes",
    "value_area",
    "wallets",
    "wash",
    "weighted_option_trades",
]
