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
from counterpoise.balance.disguise.child_size import ChildCosts, ChildSize, DetectionModel, child_size
from counterpoise.balance.disguise.clock_law import ClockLaw
from counterpoise.balance.disguise.size_law import SizeLaw
from counterpoise.balance.execution import Action, CancelOrder, Execution, PlaceOrder, Seen, Standing
from counterpoise.balance.fairness import gini, max_to_mean, normalised_impact
from counterpoise.balance.order_style.iceberg import Iceberg, iceberg_peaks
from counterpoise.balance.order_style.sweep import Sweep, sweep_lots
from counterpoise.balance.order_style.volume_tracker import VolumeTracker
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.balance.placement.adverse_selection import AdverseSelection, fit_adverse_selection
from counterpoise.balance.placement.escalation import Escalation
from counterpoise.balance.placement.fill_model import FillModel, fit_fill_model
from counterpoise.balance.placement.fill_probability import fill_probability
from counterpoise.balance.placement.peg import Peg
from counterpoise.balance.placement.placement import Placement, PlacementConfig
from counterpoise.balance.placement.queue_rates import QueueRates
from counterpoise.balance.placement.queue_value import QueueMarket, QueueValue, queue_value
from counterpoise.balance.router.outcome import RoutingTerms, VenueQueue
from counterpoise.balance.router.route import Route, one_venue, route
from counterpoise.balance.schedule.almgren_chriss import AlmgrenChriss, almgren_chriss, efficient_frontier
from counterpoise.balance.schedule.cartea_jaimungal import CarteaJaimungal, cartea_jaimungal
from counterpoise.balance.schedule.gueant_lehalle import GueantLehalle, gueant_lehalle
from counterpoise.balance.schedule.obizhaeva_wang import ObizhaevaWang, obizhaeva_wang
from counterpoise.balance.schedule.schedule import Schedule, whole_lots
from counterpoise.balance.schedule.target import TargetSchedule, target_schedule
from counterpoise.balance.schedule.transient import TransientSchedule, transient_schedule
from counterpoise.balance.schedule.twap import twap
from counterpoise.balance.schedule.volume import level_certainty, pov, updated_vwap, vwap
from counterpoise.balance.tca import Executions, Shortfall, shortfall
from counterpoise.market.tree import Tree as GranularityTree

__all__ = [
    "Action",
    "AdverseSelection",
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
    "ChildCosts",
    "ChildSize",
    "ClockLaw",
    "ClusterGuard",
    "ClusterGuardConfig",
    "DetectionModel",
    "Escalation",
    "Execution",
    "Executions",
    "FillModel",
    "GaugesConfig",
    "GranularityTree",
    "GueantLehalle",
    "Iceberg",
    "LiquidationMap",
    "ObizhaevaWang",
    "Parent",
    "ParentConfig",
    "Peg",
    "PlaceOrder",
    "Placement",
    "PlacementConfig",
    "Plan",
    "QueueMarket",
    "QueueRates",
    "QueueValue",
    "Recalibration",
    "RecalibrationState",
    "RiskBudget",
    "Route",
    "RoutingTerms",
    "Schedule",
    "Seen",
    "Shortfall",
    "SizeLaw",
    "Standing",
    "StepBack",
    "Sweep",
    "TargetSchedule",
    "ThinSide",
    "ThinSideConfig",
    "TokenPlan",
    "TransientSchedule",
    "VenueQueue",
    "VolumeTracker",
    "allocate",
    "almgren_chriss",
    "cartea_jaimungal",
    "child_size",
    "efficient_frontier",
    "estimate_map",
    "fill_probability",
    "fit_adverse_selection",
    "fit_fill_model",
    "gini",
    "gueant_lehalle",
    "iceberg_peaks",
    "level_certainty",
    "map_of_accounts",
    "max_to_mean",
    "normalised_impact",
    "obizhaeva_wang",
    "one_venue",
    "pov",
    "queue_value",
    "route",
    "shortfall",
    "sweep_lots",
    "target_schedule",
    "transient_schedule",
    "twap",
    "unwind_block",
    "updated_vwap",
    "vwap",
    "whole_lots",
]
