"""Slots of what a replayed market remembers between two calls, beside its book.

`standing` begins with the book's status, so that it can be given as one. `terms` are numbers that do not change. `orders` and
`places` hold one row a resting order, best price first and of one price the oldest first; `taken` one row a level that we took
from; `joined` one row an order of others that was seen to come behind one of ours.
"""

from __future__ import annotations

from typing import Final

from counterpoise.market.kernels.book import STATUS_SIZE

__all__ = [
    "AHEAD",
    "CANCELS",
    "CONSERVATIVE",
    "EXACT",
    "FILLED_AT",
    "FILL_COLUMNS",
    "HALF_BEHIND_NS",
    "HALF_NS",
    "INVERSE",
    "JOINED_COLUMNS",
    "JOINED_ID",
    "JOINED_KEY",
    "JOINED_ROWS",
    "JOINED_STAMP",
    "KICK",
    "LEFT",
    "LOG",
    "MEMORY_COLUMNS",
    "MODEL",
    "NEVER",
    "NUMBER",
    "ORDER_COLUMNS",
    "ORDER_ROWS",
    "PLACE_COLUMNS",
    "POWER",
    "POWER_OF",
    "PRICE",
    "PUSH",
    "RATE",
    "SHARE",
    "SHIFT_NS",
    "SHOWN",
    "SIDE",
    "SINCE",
    "STAMP",
    "STANDING_SIZE",
    "TAKEN_COLUMNS",
    "TAKEN_ROWS",
    "TERMS_SIZE",
    "TRADED",
    "VALUE",
    "VOLUME",
    "WAKE_NS",
]

NEVER: Final = 1 << 62  # ns

# standing, after the book's status
SHOWN: Final = STATUS_SIZE  # ticks between the recorded prices and those that the resting orders were last held against
WAKE_NS: Final = STATUS_SIZE + 1  # before then SHOWN cannot change by decay alone
SHIFT_NS: Final = STATUS_SIZE + 2  # time as of which the memories hold their values
ORDER_ROWS: Final = STATUS_SIZE + 3  # rows of orders in use
TAKEN_ROWS: Final = STATUS_SIZE + 4
JOINED_ROWS: Final = STATUS_SIZE + 5
STAMP: Final = STATUS_SIZE + 6  # counts what an order of others can come before or after
HALF_NS: Final = STATUS_SIZE + 7  # half-life of what we take at the best level; 0 says that we leave no trace
HALF_BEHIND_NS: Final = STATUS_SIZE + 8  # and at levels behind it
MODEL: Final = STATUS_SIZE + 9  # of the queue
INVERSE: Final = STATUS_SIZE + 10  # 1 where the value of a lot does not depend on the price
FILLED_AT: Final = STATUS_SIZE + 11  # SHOWN just before the last fill of a resting order
STANDING_SIZE: Final = STATUS_SIZE + 12

# models of the queue
CONSERVATIVE: Final = 0
POWER: Final = 1
LOG: Final = 2
EXACT: Final = 3

# terms
PUSH: Final = 0  # displacement of a lot [ticks] over the price, or over its square where a lot's value grows with the price
CANCELS: Final = 1  # lots that others cancel for each lot that we take
VOLUME: Final = 2  # lots that trade on one side in a ns
POWER_OF: Final = 3  # exponent of the queue model POWER
TERMS_SIZE: Final = 4

# columns of orders
SIDE: Final = 0  # +1 buy, -1 sell
PRICE: Final = 1  # shown ticks
LEFT: Final = 2  # lots; 0 when filled
NUMBER: Final = 3  # by which it is known
TRADED: Final = 4  # lots that traded at its price since the level last changed
SINCE: Final = 5  # stamp: who joined its price with this one or a later one stands behind
ORDER_COLUMNS: Final = 6

# columns of places
AHEAD: Final = 0  # lots ahead of us
KICK: Final = 1  # ticks by which one lot of ours displaces the quotes
PLACE_COLUMNS: Final = 2

# columns of the two memories, shift [ticks] and flow [lots a ns], one row a component
VALUE: Final = 0
RATE: Final = 1  # decay [1/ns]
SHARE: Final = 2  # of a kick, or of a lot
MEMORY_COLUMNS: Final = 3

TAKEN_COLUMNS: Final = 5  # see consumption
FILL_COLUMNS: Final = 4  # ts, number of the order, shown price, lots

# columns of joined
JOINED_ID: Final = 0
JOINED_STAMP: Final = 1
JOINED_KEY: Final = 2  # side × recorded price
JOINED_COLUMNS: Final = 3
