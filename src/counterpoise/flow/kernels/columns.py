"""Where the numbers of one instrument's binned measures lie: in a closed bin, in the settings, in the state."""

from __future__ import annotations

from typing import Final

from counterpoise.flow.kernels.bins import BINS_SIZE
from counterpoise.flow.kernels.queues import QUEUES_SIZE
from counterpoise.market.kernels.book import STATUS_SIZE

__all__ = [
    "ASK",
    "ASK_DEPTH",
    "BANDS",
    "BANDS_AT",
    "BANDS_COUNT",
    "BID",
    "BID_DEPTH",
    "BIN_SUMS",
    "BOOK",
    "BOOK_HEARD",
    "BUY",
    "BUY_TRADES",
    "BUY_VALUE",
    "CLOSE",
    "COMPLETE",
    "COSTS_COUNT",
    "CVD",
    "DEPTH",
    "DEPTH_SUM",
    "DIRTY",
    "END",
    "HEARD",
    "HIGH",
    "INVERSE",
    "LAST_MID",
    "LEVELS",
    "LOCKED",
    "LOCKED_RULE",
    "LOW",
    "MATCH_NS",
    "MAX_DELTA",
    "MESSAGES",
    "MID_BEFORE",
    "MIN_DELTA",
    "NEAR",
    "NEW_KEY",
    "NEW_LOTS",
    "NEW_QUOTE_KEY",
    "NEW_QUOTE_LOTS",
    "OBV",
    "OFI",
    "OPEN",
    "PARTS",
    "PREVIOUS_CLOSE",
    "QUALITY",
    "QUEUES",
    "QUOTE_KEY",
    "QUOTE_LOTS",
    "QUOTE_STATE",
    "SELL",
    "SELL_TRADES",
    "SELL_VALUE",
    "SLOPES",
    "SOURCE",
    "STALE_NS",
    "STANDING",
    "STATE_SIZE",
    "STATUS",
    "SUMS",
    "TICKER",
    "TOP_KEY",
    "TOP_LOTS",
    "TOP_SUM",
    "TOTAL",
    "TRADES",
    "TRADES_ONLY",
    "UNKNOWN",
    "VALID",
    "WORST",
]

LEVELS: Final = 10

# columns of a closed bin: first what is summed while it is open
END: Final = 0  # ns, exclusive
COMPLETE: Final = 1
QUALITY: Final = 2  # worst state within the bin
TRADES: Final = 3
BUY: Final = 4  # lots
SELL: Final = 5
UNKNOWN: Final = 6  # lots of trades whose aggressor the venue did not name
BUY_TRADES: Final = 7
SELL_TRADES: Final = 8
BUY_VALUE: Final = 9  # ticks·lots, inverse contracts: lots; floats by their bits, for they may pass 2⁶³
SELL_VALUE: Final = 10
MIN_DELTA: Final = 11  # lots: extremes of what was bought less sold since the bin began
MAX_DELTA: Final = 12
OPEN: Final = 13  # ticks of the first, highest, lowest and last trade; NO_KEY without one
HIGH: Final = 14
LOW: Final = 15
CLOSE: Final = 16
MESSAGES: Final = 17  # of the price source
TOP_SUM: Final = 18  # Σ over messages of the lots at both best prices
DEPTH_SUM: Final = 19  # the same of the best LEVELS levels
LOCKED: Final = 20  # quotes that were waited through
MID_BEFORE: Final = 21  # twice the mid of the bin before [ticks], NO_KEY when it was not sound
OFI: Final = 22  # LEVELS columns
BIN_SUMS: Final = OFI + LEVELS
# what goes on from bin to bin
CVD: Final = BIN_SUMS  # lots since the first event
OBV: Final = CVD + 1
PARTS: Final = OBV + 1  # 3 columns: limit, cancel, market
# what stands at its end
STANDING: Final = PARTS + 3
BID: Final = STANDING  # best key of each side in ticks, NO_KEY when the side is empty
ASK: Final = STANDING + 1
BID_DEPTH: Final = STANDING + 2  # LEVELS columns: lots in the best 1..LEVELS levels
ASK_DEPTH: Final = BID_DEPTH + LEVELS
SLOPES: Final = ASK_DEPTH + LEVELS  # bid, ask; floats by their bits, and so are all that follow
NEAR: Final = SLOPES + 2  # bid, ask: distance-weighted lots
BOOK: Final = NEAR + 2  # state of the depth book at the bin's end, whatever the source of prices is; an integer
BANDS: Final = BOOK + 1  # for each band bid lots, ask lots (integers); then for each value the cost of buying, then of selling

# settings: RULE and SIZE of the bins, then
STALE_NS: Final = 2
SOURCE: Final = 3
MATCH_NS: Final = 4
INVERSE: Final = 5
LOCKED_RULE: Final = 6  # 1 to wait through quotes that lock or cross, 0 to take them as they come
BANDS_COUNT: Final = 7
COSTS_COUNT: Final = 8
BANDS_AT: Final = 9  # the bands as fractions of mid, ascending, then the values of costs

# where prices come from
DEPTH: Final = 0  # the depth stream's book
TICKER: Final = 1  # best quotes of a ticker channel
TRADES_ONLY: Final = 2  # no prices: only the trade measures mean something

# slots of `state`: all that one instrument's measures remember between rows, but for the ladder; WRITTEN and the bins first
HEARD: Final = BINS_SIZE  # ts_local of the last message of the price source, 0 before the first
WORST: Final = HEARD + 1  # worst state of the price source in the open bin
QUOTE_STATE: Final = HEARD + 2  # of the price source
VALID: Final = HEARD + 3  # 1 when TOP_* is the top of a book, so that a change of it is order flow
DIRTY: Final = HEARD + 4  # 2 slots: greatest key of that side's top that the message being read touched, NO_KEY when none
TOTAL: Final = HEARD + 6  # lots in TOP_LOTS
PREVIOUS_CLOSE: Final = HEARD + 7  # ticks of the last trade of the last bin that had one, NO_KEY before
LAST_MID: Final = HEARD + 8  # twice the mid of the last bin, NO_KEY when it was not sound
BOOK_HEARD: Final = HEARD + 9  # ts_local of the last message of the depth stream
QUOTE_KEY: Final = HEARD + 10  # 2 slots: best keys of the ticker
QUOTE_LOTS: Final = QUOTE_KEY + 2
NEW_QUOTE_KEY: Final = QUOTE_LOTS + 2  # 2 slots: those of the message being read
NEW_QUOTE_LOTS: Final = NEW_QUOTE_KEY + 2
STATUS: Final = NEW_QUOTE_LOTS + 2  # counterpoise.market.kernels.book
QUEUES: Final = STATUS + STATUS_SIZE  # counterpoise.flow.kernels.queues
SUMS: Final = QUEUES + QUEUES_SIZE  # PARTS slots: running sums of the open bin, in the columns of a closed one
TOP_KEY: Final = SUMS + PARTS  # 2 × LEVELS slots: the best keys after the last message
TOP_LOTS: Final = TOP_KEY + 2 * LEVELS
NEW_KEY: Final = TOP_LOTS + 2 * LEVELS  # scratch
NEW_LOTS: Final = NEW_KEY + LEVELS
STATE_SIZE: Final = NEW_LOTS + LEVELS
