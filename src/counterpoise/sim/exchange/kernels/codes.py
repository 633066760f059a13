"""Numbers that stand for words in an exchange: kinds of orders, states of a market, what reports say, reasons of refusals."""

from __future__ import annotations

from typing import Final

__all__ = [
    "AUCTION",
    "BELOW_MIN_NOTIONAL",
    "BY_MARK",
    "CANCELLED",
    "CANCEL_BOTH",
    "CANCEL_NEWEST",
    "CANCEL_OLDEST",
    "CANNOT_FILL",
    "DECREMENT",
    "FILL",
    "FILL_OR_KILL",
    "HALTED",
    "HALTED_MARKET",
    "IMMEDIATE",
    "INSUFFICIENT_FUNDS",
    "LIMIT",
    "MARKET",
    "MARK_INDEX",
    "MARK_LAST",
    "MARK_MEDIAN",
    "MARK_MID",
    "MATCH_LIMIT",
    "NOT_SUPPORTED",
    "NO_LIQUIDITY",
    "NO_ROOM",
    "OFF_GRID",
    "OPEN",
    "OUT_OF_REACH",
    "POSITION_LIMIT",
    "POST_ONLY",
    "PRICE_BAND",
    "REDUCE_ONLY",
    "REJECTED",
    "REPORT_COLUMNS",
    "R_ACCOUNT",
    "R_CODE",
    "R_FEE",
    "R_LEFT",
    "R_LOTS",
    "R_MARKET",
    "R_NUMBER",
    "R_OTHER",
    "R_PRICE",
    "R_TAG",
    "R_TS",
    "R_VALUE",
    "SELF_MATCH",
    "SELF_TRADE_ALLOWED",
    "SIZE_LIMIT",
    "STOP",
    "TAKE_PROFIT",
    "TRIGGERED",
    "TRIGGER_PASSED",
    "UNCROSSING",
    "UNKNOWN_ACCOUNT",
    "UNKNOWN_MARKET",
    "UNKNOWN_ORDER",
    "VENUE_FULL",
    "WORKING",
    "WOULD_NOT_REDUCE",
    "WOULD_TAKE",
]

# kind of an order, a sum of bits; 0 is a limit order good till cancelled
LIMIT: Final = 0
MARKET: Final = 1
IMMEDIATE: Final = 2  # or cancel
FILL_OR_KILL: Final = 4
POST_ONLY: Final = 8
REDUCE_ONLY: Final = 16
STOP: Final = 32  # a buy waits for a price at or above its trigger, a sale at or below
TAKE_PROFIT: Final = 64  # the other way round
BY_MARK: Final = 128  # triggered by the mark, not by the last trade

# state of a market
OPEN: Final = 0
HALTED: Final = 1  # cancels only
AUCTION: Final = 2  # orders rest, none is matched
UNCROSSING: Final = 3  # they are being matched at one price

# where the mark comes from
MARK_LAST: Final = 0
MARK_MID: Final = 1
MARK_INDEX: Final = 2
MARK_MEDIAN: Final = 3

# when an order meets one of its own account
SELF_TRADE_ALLOWED: Final = 0
CANCEL_NEWEST: Final = 1
CANCEL_OLDEST: Final = 2
CANCEL_BOTH: Final = 3
DECREMENT: Final = 4  # both lose the smaller size

# a report: code = what + 256 × reason + 65536 × (side + 1) + 2²⁰ × maker
R_TS: Final = 0
R_MARKET: Final = 1
R_ACCOUNT: Final = 2
R_NUMBER: Final = 3
R_TAG: Final = 4
R_CODE: Final = 5
R_PRICE: Final = 6
R_LOTS: Final = 7  # of a fill
R_LEFT: Final = 8  # of the order after it
R_VALUE: Final = 9  # of a fill [grains]
R_FEE: Final = 10
R_OTHER: Final = 11  # account on the other side
REPORT_COLUMNS: Final = 12

# what a report says
WORKING: Final = 0  # rests or waits with so many lots left
FILL: Final = 1
CANCELLED: Final = 2
REJECTED: Final = 3  # the request changed nothing
TRIGGERED: Final = 4

# reasons, in the order of `counterpoise.sim.exchange.reports.REASONS`; 0 is none
WOULD_TAKE: Final = 1
BELOW_MIN_NOTIONAL: Final = 2
OFF_GRID: Final = 3
NO_LIQUIDITY: Final = 4
UNKNOWN_ORDER: Final = 5
UNKNOWN_ACCOUNT: Final = 6
UNKNOWN_MARKET: Final = 7
HALTED_MARKET: Final = 8
PRICE_BAND: Final = 9
OUT_OF_REACH: Final = 10
SIZE_LIMIT: Final = 11
POSITION_LIMIT: Final = 12
WOULD_NOT_REDUCE: Final = 13
CANNOT_FILL: Final = 14
SELF_MATCH: Final = 15
TRIGGER_PASSED: Final = 16
INSUFFICIENT_FUNDS: Final = 17
VENUE_FULL: Final = 18
MATCH_LIMIT: Final = 19
NOT_SUPPORTED: Final = 20
NO_ROOM: Final = 21  # of the outputs: nothing was done, take the rows and ask again
