"""What orders cost, by whose doing, and how that compares: with the market, with the plan, and node with node."""

from counterpoise.balance.tca.activity import activity
from counterpoise.balance.tca.audit import AuditTables, audit_tables
from counterpoise.balance.tca.benchmarks import benchmarks
from counterpoise.balance.tca.breakdown import breakdown, fill_costs
from counterpoise.balance.tca.calibration import Calibration, calibrate
from counterpoise.balance.tca.evenness import evenness, lorenz
from counterpoise.balance.tca.habits import Habits, Rayleigh, habits, rayleigh
from counterpoise.balance.tca.leakage import leakage
from counterpoise.balance.tca.markouts import fill_markouts, markouts
from counterpoise.balance.tca.nodes import by_node
from counterpoise.balance.tca.participation import Participation, participation, rates
from counterpoise.balance.tca.shortfall import FILL_PARTS, PARTS, Executions, Shortfall, fill_parts, shortfall

__all__ = [
    "FILL_PARTS",
    "PARTS",
    "AuditTables",
    "Calibration",
    "Executions",
    "Habits",
    "Participation",
    "Rayleigh",
    "Shortfall",
    "activity",
    "audit_tables",
    "benchmarks",
    "breakdown",
    "by_node",
    "calibrate",
    "evenness",
    "fill_costs",
    "fill_markouts",
    "fill_parts",
    "habits",
    "leakage",
    "lorenz",
    "markouts",
    "participation",
    "rates",
    "rayleigh",
    "shortfall",
]
