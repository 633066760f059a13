"""The catalogue is whole: what is measured stands in it, what stands in it is made, and the domain is covered."""

from __future__ import annotations

import inspect
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from counterpoise import flow
from counterpoise.flow.catalogue import CATALOGUE, catalogue_frame, group
from counterpoise.market.event import Events
from reference.flow_walk import column_of, measures, public_members, streams
from reference.law_cases import noun_of

THEORY: Final = Path(__file__).resolve().parents[2] / "docs" / "theory" / "flow.md"
GROUPS: Final = [group.name for group in CATALOGUE]
# what a desk asks of order flow → groups that answer
DOMAIN: Final[dict[str, tuple[str, ...]]] = {
    "depth imbalance": ("depth",),
    "order flow imbalance": ("ofi", "ofi_parts"),
    "multi-level order flow imbalance": ("ofi",),
    "integrated order flow imbalance": ("integrated",),
    "matched-trade removal": ("ofi_parts",),
    "microprice": ("price", "stoikov"),
    "trade imbalance": ("trades",),
    "cumulative volume delta": ("cvd",),
    "on-balance volume": ("cvd",),
    "volume by time of day": ("relative_volume",),
    "delta divergence": ("divergences", "swings"),
    "footprint": ("footprint", "footprint_bars"),
    "unfinished auction": ("footprint_bars", "naked_levels"),
    "naked point of control": ("naked_levels",),
    "volume profile": ("profile", "developing_profile", "session_profile"),
    "market profile": ("market_profile",),
    "value area": ("session_profile", "developing_profile"),
    "VPIN": ("toxicity",),
    "Kyle": ("illiquidity",),
    "Amihud": ("illiquidity",),
    "Roll": ("illiquidity",),
    "information share": ("information_shares", "running_shares"),
    "absorption": ("absorption",),
    "iceberg": ("icebergs",),
    "spoofing": ("spoofing",),
    "resilience": ("sweeps",),
    "sweep": ("sweeps",),
    "liquidations": ("liquidations", "liquidation_episodes"),
    "funding": ("funding",),
    "open interest": ("open_interest",),
    "basis": ("basis",),
    "options flow": ("option_flow", "option_flow_by_strike", "chain_flow"),
    "cross-market": ("consolidated", "disparity", "merged_book"),
    "lead-lag": ("lead_lag",),
    "participants": ("participants", "size_groups"),
    "wallets": ("wallets",),
}
# a column in which a row of the domain can be read, where the name of its group does not say so
READ_IN: Final = {
    "on-balance volume": "obv",
    "multi-level order flow imbalance": "ofi_{level}",
    "matched-trade removal": "ofi_market",
    "unfinished auction": "unfinished_high",
    "VPIN": "vpin",
    "Kyle": "kyle_lambda",
    "Amihud": "amihud",
    "Roll": "roll_spread",
    "value area": "value_area_high",
    "microprice": "microprice",
    "resilience": "half_ns",
}
# public names that the walk over functions Events → frame and streams does not reach, by why not
TABLES: Final = "takes a frame of another measure or of a venue, not events; laws in its own tests"
TOLD: Final = "takes tables, not events; laws in test_flow_tables"
FITS: Final = "fits a model to a frame; the answer is a set of numbers with errors"
NUMBERS: Final = "a number or few from numbers"
RESULT: Final = "holds a result; does not measure"
RULE: Final = "says how to measure; does not measure"
MARKETS: Final = "takes several markets; laws in test_flow_markets"
NOT_WALKED: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            "add_up", "by_node", "composite", "diagonal_imbalances", "integrated_ofi", "merged_book", "nodes",
            "option_and_perp_flow", "option_trades", "prices_on_grid", "relative_volume", "resilience", "session_auction",
            "stacked_imbalances", "value_area", "wallets",
        ),
        TABLES,
    ),
    **dict.fromkeys(
        (
            "Basis", "ChainChanges", "ChainFlow", "Funding", "FundingSettlements", "OpenInterest", "OptionFlow",
            "OptionFlowByStrike", "RunningShares", "WeightedOptionTrades", "basis", "chain_changes", "chain_flow", "funding",
            "funding_settlements", "open_interest", "option_flow", "option_flow_by_strike", "weighted_option_trades",
        ),
        TOLD,
    ),
    **dict.fromkeys(
        (
            "episode_life", "fit_cross_impact", "fit_depth_relation", "fit_ofi_impact", "fit_propagator", "fit_square_root",
            "information_shares", "lead_lag", "reversion", "Microprice", "Participants", "clean_correlation", "cluster_tokens",
        ),
        FITS,
    ),
    **dict.fromkeys(
        (
            "adjusted_rand", "catalogue_frame", "chance_of_divergence", "gini", "herfindahl", "match_clusters", "top_share",
        ),
        NUMBERS,
    ),
    **dict.fromkeys(
        (
            "CrossImpactFit", "DepthRelation", "ImpactCost", "InformationShares", "IntegratedOfi", "LeadLag", "OfiImpact",
            "PropagatorFit", "SquareRootFit", "TokenClusters", "WalletClusters",
        ),
        RESULT,
    ),
    **dict.fromkeys(
        (
            "Bins", "CoverageRule", "Impact", "Rates", "Session", "Sessions", "TemporaryImpact", "TimeOfDay", "TransientImpact",
            "WalletRules", "Stream", "TableStream",
        ),
        RULE,
    ),
    "Live": "feeds streams together; laws in its own tests",
    **dict.fromkeys(("Consolidated", "Disparity", "consolidate", "disparity"), MARKETS),
}  # fmt: skip
MEASURES: Final = measures()
WALKED: Final = {name.partition("-")[0] for name in (*MEASURES, *streams())}


def test_public_names_are_walked_or_have_a_reason() -> None:
    public = {name for name in flow.__all__ if inspect.isclass(getattr(flow, name)) or inspect.isfunction(getattr(flow, name))}
    assert sorted(public - WALKED - NOT_WALKED.keys()) == [], "give the laws a case for it, or say in NOT_WALKED why not"
    assert sorted(NOT_WALKED.keys() - public) == [], "no such public name"
    assert sorted(NOT_WALKED.keys() & WALKED) == [], "the laws do reach it"


def test_what_the_walk_reaches_is_public() -> None:
    assert sorted(name for name in WALKED if name not in flow.__all__) == []


def test_groups_have_names_of_their_own_and_makers_that_exist() -> None:
    assert [name for name, count in Counter(GROUPS).items() if count > 1] == []
    assert [one.made_by for one in CATALOGUE if one.made_by not in flow.__all__] == []
    for one in CATALOGUE:
        names = [column.name for column in one.columns]
        assert len(set(names)) == len(names), one.name


def test_every_group_of_the_package_is_in_the_catalogue() -> None:
    modules = {inspect.getmodule(member) for member in public_members().values()}
    said = [one.name for module in modules for one in getattr(module, "GROUPS", ())]
    assert sorted(said) == sorted(GROUPS)


@pytest.mark.parametrize("name", sorted(MEASURES))
def test_columns_of_measures_stand_in_the_catalogue(name: str) -> None:
    """By the groups of its own maker, which are those of the catalogue."""
    one = MEASURES[name]
    assert one.groups, f"no group is made by {noun_of(name.partition('-')[0])}"
    assert [column_of(one.groups, column) for column in one.make(Events.empty()).columns]


def test_the_catalogue_as_a_frame_holds_every_column() -> None:
    frame = catalogue_frame()
    assert frame.height == sum(len(one.columns) for one in CATALOGUE)
    assert frame.null_count().sum_horizontal().item() == 0
    assert frame.select("group").unique().height == len(GROUPS)


@pytest.mark.parametrize("row", DOMAIN)
def test_the_domain_is_covered(row: str) -> None:
    groups = [group(name) for name in DOMAIN[row]]
    assert groups
    if row in READ_IN:
        assert any(column.name == READ_IN[row] or column.covers(READ_IN[row]) for one in groups for column in one.columns)


@pytest.mark.parametrize("name", GROUPS)
def test_the_theory_names_every_group(name: str) -> None:
    assert f"`{name}`" in THEORY.read_text(encoding="utf-8"), f"docs/theory/flow.md does not name `{name}`"
