"""Where the parameters of a cascade and the columns of its path stand."""

from __future__ import annotations

from typing import Final

__all__ = [
    "ADL_RULE",
    "AUCTION_TICKS",
    "BACKSTOP",
    "BACKSTOP_DISCOUNT",
    "BAND",
    "COIN",
    "FACTOR_AFTER",
    "FEE_PPM",
    "FRACTION_PPM",
    "HALT",
    "NONE",
    "PATH_FIELDS",
    "PLAN_SIZE",
    "P_ADL",
    "P_BACKSTOP",
    "P_BOOK",
    "P_FUND",
    "P_HALTED",
    "P_MARK",
    "P_QUEUED",
    "P_TRIGGERED",
    "P_VALUE",
    "RERANK",
    "SHOCK_KEYS",
    "SHOCK_STEPS",
    "SIDE",
    "START",
    "THROTTLE",
    "WINDOW",
]

NONE: Final = 2**62  # a bound that never binds

# plan[...]
SIDE: Final = 0
START: Final = 1  # best key before the shock
SHOCK_KEYS: Final = 2
SHOCK_STEPS: Final = 3
FEE_PPM: Final = 4
ADL_RULE: Final = 5  # 0 Binance, 1 Bybit, 2 OKX, -1 none: the fund may go below zero
RERANK: Final = 6
THROTTLE: Final = 7  # lots a step
BAND: Final = 8  # keys below the mark at the beginning of a step
AUCTION_TICKS: Final = 9  # fall over the window that halts
WINDOW: Final = 10  # steps
HALT: Final = 11  # steps
FACTOR_AFTER: Final = 12  # fall since the start that scales maintenance
BACKSTOP: Final = 13  # lots
BACKSTOP_DISCOUNT: Final = 14  # ppm of the mark
FRACTION_PPM: Final = 15
COIN: Final = 16  # grains of coin that an inverse lot is worth at one tick; 0 is a linear contract
PLAN_SIZE: Final = 17

# path[step, field]
P_MARK: Final = 0  # key after the step
P_TRIGGERED: Final = 1  # accounts
P_BOOK: Final = 2  # lots sold to the book
P_BACKSTOP: Final = 3  # lots taken by the backstop
P_ADL: Final = 4  # lots deleveraged
P_QUEUED: Final = 5  # lots waiting after the step
P_FUND: Final = 6
P_HALTED: Final = 7
P_VALUE: Final = 8  # liquidated worth
PATH_FIELDS: Final = 9
