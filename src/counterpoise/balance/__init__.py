"""What to do about it: schedules, parent orders, and what they cost."""

from counterpoise.balance.execution import Action, CancelOrder, Execution, PlaceOrder, Seen, Standing
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.balance.schedule.almgren_chriss import AlmgrenChriss, almgren_chriss, efficient_frontier
from counterpoise.balance.schedule.obizhaeva_wang import ObizhaevaWang, obizhaeva_wang
from counterpoise.balance.schedule.schedule import Schedule, whole_lots
from counterpoise.balance.schedule.transient import TransientSchedule, transient_schedule
from counterpoise.balance.schedule.twap import twap
from counterpoise.balance.schedule.volume import vwap
from counterpoise.balance.tca import Executions, Shortfall, shortfall

__all__ = [
    "Action",
    "AlmgrenChriss",
    "CancelOrder",
    "Execution",
    "Executions",
    "ObizhaevaWang",
    "Parent",
    "ParentConfig",
    "PlaceOrder",
    "Schedule",
    "Seen",
    "Shortfall",
    "Standing",
    "TransientSchedule",
    "almgren_chriss",
    "efficient_frontier",
    "obizhaeva_wang",
    "shortfall",
    "transient_schedule",
    "twap",
    "vwap",
    "whole_lots",
]
