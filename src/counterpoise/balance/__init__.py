"""What to do about it: schedules, parent orders, and what they cost."""

from counterpoise.balance.allocate.allocate import allocate
from counterpoise.balance.allocate.plan import Plan
from counterpoise.balance.allocate.recalibration import Recalibration, RecalibrationState
from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.balance.basket.balanced import Balanced, BalancedConfig, TokenPlan
from counterpoise.balance.basket.basket import Basket
from counterpoise.balance.counteract.budget import RiskBudget
from counterpoise.balance.counteract.gauges import GaugesConfig
from counterpoise.balance.counteract.guard import ClusterGuard, ClusterGuardConfig
from counterpoise.balance.counteract.liquidation_map import LiquidationMap, estimate_map, map_of_accounts
from counterpoise.balance.counteract.step_back import Band, StepBack
from counterpoise.balance.counteract.thin_side import ThinSide, ThinSideConfig
from counterpoise.balance.counteract.unwind import BlockUnwind, BlockUnwindConfig, unwind_block
from counterpoise.balance.execution import Action, CancelOrder, Execution, PlaceOrder, Seen, Standing
from counterpoise.balance.fairness import gini, max_to_mean, normalised_impact
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.balance.router.outcome import RoutingTerms, VenueQueue
from counterpoise.balance.router.route import Route, one_venue, route
from counterpoise.balance.schedule.almgren_chriss import AlmgrenChriss, almgren_chriss, efficient_frontier
from counterpoise.balance.schedule.cartea_jaimungal import CarteaJaimungal, cartea_jaimungal
from counterpoise.balance.schedule.obizhaeva_wang import ObizhaevaWang, obizhaeva_wang
from counterpoise.balance.schedule.schedule import Schedule, whole_lots
from counterpoise.balance.schedule.transient import TransientSchedule, transient_schedule
from counterpoise.balance.schedule.twap import twap
from counterpoise.balance.schedule.volume import vwap
from counterpoise.balance.tca import Executions, Shortfall, shortfall
from counterpoise.market.tree import Tree as GranularityTree

__all__ = [
    "Action",
    "AllocationSetting",
    "AllocationWishes",
    "AlmgrenChriss",
    "Balanced",
    "BalancedConfig",
    "Band",
    "Basket",
    "BlockUnwind",
    "BlockUnwindConfig",
    "CancelOrder",
    "CarteaJaimungal",
    "ClusterGuard",
    "ClusterGuardConfig",
    "Execution",
    "Executions",
    "GaugesConfig",
    "GranularityTree",
    "LiquidationMap",
    "ObizhaevaWang",
    "Parent",
    "ParentConfig",
    "PlaceOrder",
    "Plan",
    "Recalibration",
    "RecalibrationState",
    "RiskBudget",
    "Route",
    "RoutingTerms",
    "Schedule",
    "Seen",
    "Shortfall",
    "Standing",
    "StepBack",
    "ThinSide",
    "ThinSideConfig",
    "TokenPlan",
    "TransientSchedule",
    "VenueQueue",
    "allocate",
    "almgren_chriss",
    "cartea_jaimungal",
    "efficient_frontier",
    "estimate_map",
    "gini",
    "map_of_accounts",
    "max_to_mean",
    "normalised_impact",
    "obizhaeva_wang",
    "one_venue",
    "route",
    "shortfall",
    "transient_schedule",
    "twap",
    "unwind_block",
    "vwap",
    "whole_lots",
]
