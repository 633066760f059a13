"""Where each number of the order-flow model stands in its arrays.

`ints` (int64) and `reals` (float64) are the state, `par` (float64) the constants of one instrument, `tables` (int64) its
distributions as quantiles. With the ring, the random state and the path of the efficient price they are the whole model.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ALL",
    "ASK",
    "BETA",
    "BID",
    "BOUND",
    "CANCEL",
    "CANCEL_TICKS",
    "CROSS",
    "EXCITED",
    "FAIR",
    "FILLED",
    "FLOOR_GAP",
    "FLOOR_LOTS",
    "FLOW_STREAM",
    "GAP",
    "GRID_S",
    "IMPACT",
    "IMPROVE",
    "INTS",
    "LAG_NS",
    "LAG_STREAM",
    "LEAN",
    "LEAN_TICKS",
    "LIMIT",
    "LIMIT_LOTS",
    "LIMIT_TICKS",
    "MARKET_LOTS",
    "MAX_FILLS",
    "MAX_SWEEP",
    "MU",
    "MU_BUY",
    "PAR",
    "PRESSURE",
    "PULL",
    "RATE_CANCEL",
    "RATE_LIMIT",
    "RATE_PULL",
    "RATE_REFILL",
    "REACH",
    "REALS",
    "REFILL",
    "RELAX",
    "SELF",
    "SEQ",
    "START_NS",
    "STREAMS",
    "TABLES",
    "TOLD_ASK",
    "TOLD_ASK_LOTS",
    "TOLD_BID",
    "TOLD_BID_LOTS",
    "TRADE_ID",
    "TS_LOCAL",
    "T_LAST",
    "T_NEXT",
    "UPDATE_ID",
]

# ints
BID: Final = 0  # best bid [ticks]
ASK: Final = 1  # best ask [ticks]
SEQ: Final = 2  # of the next message
UPDATE_ID: Final = 3  # of the last book message
TRADE_ID: Final = 4  # of the last trade
TS_LOCAL: Final = 5  # of the last row [ns UTC]
START_NS: Final = 6  # t = 0 [ns UTC]
REACH: Final = 7  # deepest level behind the best [ticks]
FLOOR_GAP: Final = 8  # where liquidity refills behind an emptied side [ticks]
FLOOR_LOTS: Final = 9
TOLD_BID: Final = 10  # the best as the last quote row had it
TOLD_BID_LOTS: Final = 11
TOLD_ASK: Final = 12
TOLD_ASK_LOTS: Final = 13
FILLED: Final = 14  # lots of the last market order
INTS: Final = 15

# reals: times [s], rates [1/s], prices [ticks]
T_LAST: Final = 0  # the excitation is that of this time
T_NEXT: Final = 1  # next candidate event
BOUND: Final = 2  # total rate the candidate was drawn with
EXCITED: Final = 3  # of buys; of sells in the next place
MU_BUY: Final = 5  # baseline of buys; of sells in the next place
RATE_LIMIT: Final = 7
RATE_CANCEL: Final = 8
RATE_PULL: Final = 9
RATE_REFILL: Final = 10
LEAN: Final = 11  # gap over LEAN_TICKS, cut to [−1, 1]
GAP: Final = 12  # fair price − mid
FAIR: Final = 13  # efficient price + pressure
PRESSURE: Final = 14  # what past market orders still add to the fair price
REALS: Final = 15

# par
MU: Final = 0  # baseline of one side [1/s]
SELF: Final = 1  # jump of the own side's rate [1/s]
CROSS: Final = 2  # jump of the other side's rate [1/s]
BETA: Final = 3  # decay [1/s]
LIMIT: Final = 4  # limit orders [1/s]
CANCEL: Final = 5  # cancel attempts [1/s]
PULL: Final = 6  # best quotes pulled per LEAN_TICKS of gap [1/s]
REFILL: Final = 7  # orders into a spread wider than one tick [1/s]
LEAN_TICKS: Final = 8  # gap of full lean [ticks]
ALL: Final = 9  # share of cancels that take the whole level
GRID_S: Final = 10  # step of the efficient path [s]
IMPROVE: Final = 11  # orders into the spread are this many times larger
IMPACT: Final = 12  # of a market order on the fair price [ticks per root lot]
RELAX: Final = 13  # decay of that impact [1/s]
PAR: Final = 14

# tables
LIMIT_TICKS: Final = 0  # distance of a limit order from the opposite best
CANCEL_TICKS: Final = 1
LIMIT_LOTS: Final = 2
MARKET_LOTS: Final = 3
LAG_NS: Final = 4  # venue to us
TABLES: Final = 5

# random streams
FLOW_STREAM: Final = 0
LAG_STREAM: Final = 1
STREAMS: Final = 2

MAX_SWEEP: Final = 32  # levels one market order may take
MAX_FILLS: Final = 8  # resting orders met at one level
