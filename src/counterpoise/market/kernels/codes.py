"""Numbers that stand for words in event columns; `counterpoise.market.event` shows them to users."""

from __future__ import annotations

from typing import Final

# kind: what a row says
DELTA: Final = 0  # absolute quantity at a level, 0 deletes it
SNAPSHOT: Final = 1  # as DELTA; its FIRST row clears the book
GAP: Final = 2  # messages are missing: the book is void until the next snapshot
QUOTE: Final = 3  # best price and quantity of one side, from a ticker channel
TRADE: Final = 4  # side is the aggressor's, 0 when the venue does not say
LIQUIDATION: Final = 5  # side is the forced order's: +1 closes a short

# flags: where a row stands in its message
FIRST: Final = 1
LAST: Final = 2
ORDER: Final = 4  # and that its id names one order of the book: its own change of the level, or the order that was traded with

# state of a book; of two states the greater is the worse
SYNCED: Final = 0
STALE: Final = 1
CROSSED: Final = 2
GAPPED: Final = 3
