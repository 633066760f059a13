"""Where each number of an exchange stands in its one flat int64 array; copying the array copies the exchange.

    [head][fee tiers][touched levels][markets][accounts][positions][orders][rings of market 0][rings of market 1] ...

An *address* is an index into the array; orders are linked by address, and 0 is none. A side of a book is seen through *keys*:
+price for bids, −price for asks, so the best level of either side is the greatest key and one piece of code serves both.
Prices are ticks > 0, sizes lots, money grains of its currency. Account 0 is the venue, account 1 its insurance fund.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACCOUNT",
    "ACCOUNTS",
    "ACCOUNT_COUNT",
    "ACCOUNT_SIZE",
    "ASKS",
    "AUCTION_PRICE",
    "BAND_HIGH",
    "BAND_LOW",
    "BAND_PPM",
    "BASE",
    "BASE_GRAINS",
    "BASIS",
    "BASIS_COUNT",
    "BEST",
    "BIDS",
    "BITS",
    "BUYING",
    "CASH",
    "CHILD",
    "COST",
    "COUNT",
    "CURRENCY",
    "CURRENCY_COUNT",
    "DISPLAY",
    "DUE",
    "DUE_MARKETS",
    "FEES",
    "FEES_PAID",
    "FEE_TIERS",
    "FILLED",
    "FILLED_VALUE",
    "FIRST_MONEY",
    "FREE",
    "FUND",
    "FUNDING_CAP",
    "FUNDING_CLAMP",
    "FUNDING_INTERVAL",
    "FUNDING_PAID",
    "FUNDING_RATE",
    "GRAINS",
    "HEAD",
    "HEAD_SIZE",
    "HELD",
    "HIDDEN",
    "HOLD_PPM",
    "IMPACT_LOTS",
    "INDEX",
    "INTEREST",
    "INVERSE",
    "KIND",
    "LAST_PRICE",
    "LEVELS",
    "LEVEL_LOTS",
    "LEVEL_ORDERS",
    "LEVEL_SIZE",
    "LINEAR",
    "LIVE",
    "LOT_STEP",
    "LOW",
    "MARK",
    "MARKET",
    "MARKETS",
    "MARKET_COUNT",
    "MARKET_NUMBER",
    "MARKET_SIZE",
    "MARK_RULE",
    "MASK",
    "MAX_FILLS",
    "MAX_LOTS",
    "MAX_POSITION",
    "MAX_PRICE",
    "MIN_LOTS",
    "MIN_VALUE",
    "MONEY_SIZE",
    "NEXT",
    "NEXT_FUNDING",
    "NEXT_SAMPLE",
    "NO_KEY",
    "NUMBER",
    "OPEN_INTEREST",
    "OPEN_ORDERS",
    "ORDERS",
    "ORDER_BITS",
    "ORDER_SIZE",
    "OWN",
    "OWN_NEXT",
    "OWN_PREV",
    "PAYOFF",
    "POSITIONS",
    "POSITION_LOTS",
    "POSITION_SIZE",
    "PREMIUM_COUNT",
    "PREMIUM_MISSED",
    "PREMIUM_SUM",
    "PREV",
    "PRICE",
    "QUOTING",
    "REPORT_ROWS",
    "REQUESTS",
    "SAMPLE_NS",
    "SELF_TRADE",
    "SELLING",
    "SEQ",
    "SERIAL",
    "SHOWN",
    "SIDE",
    "SIDE_SIZE",
    "SPOT",
    "STATUS",
    "SUMS",
    "TAG",
    "TAIL",
    "TAPE_ROWS",
    "TICK_STEP",
    "TIER",
    "TOLD_ASK",
    "TOLD_ASK_LOTS",
    "TOLD_BID",
    "TOLD_BID_LOTS",
    "TOUCHED",
    "TOUCHED_COUNT",
    "TRADED",
    "TRADE_ID",
    "TRIGGER",
    "TRIGGERS",
    "UPDATE_ID",
    "VENUE",
    "VOLUME",
    "WAITING",
]

NO_KEY: Final = -(2**62)  # best of an empty side

# head
ORDERS: Final = 0  # address of place 0, where orders stand that cannot rest
ORDER_BITS: Final = 1  # there are 2^bits orders
FREE: Final = 2  # address of the first free order
LIVE: Final = 3  # orders that rest or wait
SERIAL: Final = 4  # of the last order
MARKETS: Final = 5  # address
MARKET_COUNT: Final = 6
ACCOUNTS: Final = 7  # address
ACCOUNT_COUNT: Final = 8
ACCOUNT_SIZE: Final = 9  # words of an account
POSITIONS: Final = 10  # address
CURRENCY_COUNT: Final = 11
FEES: Final = 12  # address of maker and taker ppm, tier after tier
FEE_TIERS: Final = 13
TOUCHED: Final = 14  # address of the levels that the request has changed
TOUCHED_COUNT: Final = 15
MAX_FILLS: Final = 16  # steps of matching of one request
SEQ: Final = 17  # of the next public message
TAPE_ROWS: Final = 18  # written and not yet taken
REPORT_ROWS: Final = 19
QUOTING: Final = 20  # 1 when the tape carries quotes
REQUESTS: Final = 21  # so far
FILLED: Final = 22  # lots that the last request took
FILLED_VALUE: Final = 23  # and their value [grains]
DUE_MARKETS: Final = 24  # markets with triggers that wait for room
HOLD_PPM: Final = 25  # the highest fee, held back for open spot purchases
HEAD_SIZE: Final = 32

# a market: two sides, then its terms
BIDS: Final = 0
ASKS: Final = 8
SIDE_SIZE: Final = 8
STATUS: Final = 16
LOW: Final = 17  # live prices lie in [low, low + ring)
PAYOFF: Final = 18
GRAINS: Final = 19  # linear and spot: of one tick × lot; inverse: of one lot at a price of one tick
CURRENCY: Final = 20  # that profits and fees are paid in
BASE: Final = 21  # spot: currency of the base
BASE_GRAINS: Final = 22  # spot: of one lot
TICK_STEP: Final = 23
LOT_STEP: Final = 24
MIN_LOTS: Final = 25
MAX_LOTS: Final = 26
MIN_VALUE: Final = 27  # [grains]
MAX_POSITION: Final = 28  # [lots]
SELF_TRADE: Final = 29
BAND_PPM: Final = 30  # 0: none
BAND_LOW: Final = 31  # no sale below [ticks]
BAND_HIGH: Final = 32  # no purchase above
LAST_PRICE: Final = 33  # 0: no trade yet
INDEX: Final = 34  # 0: none
MARK: Final = 35  # 0: none
UPDATE_ID: Final = 36
TRADE_ID: Final = 37
TOLD_BID: Final = 38
TOLD_BID_LOTS: Final = 39
TOLD_ASK: Final = 40
TOLD_ASK_LOTS: Final = 41
VOLUME: Final = 42  # lots traded so far
MARKET_NUMBER: Final = 43
MAX_PRICE: Final = 44  # [ticks]
DUE: Final = 45  # 1 when triggers are met and wait for room
TRIGGERS: Final = 46  # four heaps of waiting orders, see `heap`
WAITING: Final = 50  # orders in them
OPEN_INTEREST: Final = 51  # lots of all positions, long and short
MARK_RULE: Final = 52
FUNDING_INTERVAL: Final = 53  # [ns], 0: none
NEXT_FUNDING: Final = 54  # [ns]
FUNDING_RATE: Final = 55  # last paid [10⁻⁹]
INTEREST: Final = 56  # per interval [10⁻⁹]
FUNDING_CLAMP: Final = 57
FUNDING_CAP: Final = 58
IMPACT_LOTS: Final = 59
SAMPLE_NS: Final = 60
NEXT_SAMPLE: Final = 61  # [ns]
PREMIUM_SUM: Final = 62  # of i × the i-th sample of the interval
PREMIUM_COUNT: Final = 63
PREMIUM_MISSED: Final = 64  # samples for which the book was too thin, so far
AUCTION_PRICE: Final = 65  # at which crossed orders are matched now, 0: none
BASIS_COUNT: Final = 66  # samples so far
BASIS: Final = 67  # the last 30, (bid + ask) − 2 × index
MARKET_SIZE: Final = 104

LINEAR: Final = 0  # payoffs
INVERSE: Final = 1
SPOT: Final = 2

# a side of a book
BEST: Final = 0  # greatest live key, NO_KEY when the side is empty
COUNT: Final = 1  # live levels
LEVELS: Final = 2  # addresses
BITS: Final = 3  # a bit a level
SUMS: Final = 4  # a bit a word of bits
MASK: Final = 5  # length of the ring − 1

# a level
HEAD: Final = 0  # first order
TAIL: Final = 1
LEVEL_LOTS: Final = 2  # shown
LEVEL_ORDERS: Final = 3
LEVEL_SIZE: Final = 4

# an order
NEXT: Final = 0  # behind it in its level, or in the free list
PREV: Final = 1
PRICE: Final = 2
SHOWN: Final = 3  # lots
HIDDEN: Final = 4  # lots behind them
ACCOUNT: Final = 5
SIDE: Final = 6  # +1 buy, −1 sell
NUMBER: Final = 7  # 0 when the place is free
TAG: Final = 8  # the sender's own number
DISPLAY: Final = 9  # lots that an iceberg shows, 0 for all
OWN_NEXT: Final = 10  # the account's orders in this market
OWN_PREV: Final = 11
KIND: Final = 12
TRIGGER: Final = 13
CHILD: Final = 14
MARKET: Final = 15  # number
ORDER_SIZE: Final = 16

# an account
TIER: Final = 0
OPEN_ORDERS: Final = 1
FIRST_MONEY: Final = 2  # then cash and held of each currency
CASH: Final = 0
HELD: Final = 1  # what open spot orders may cost
MONEY_SIZE: Final = 2
VENUE: Final = 0
FUND: Final = 1

# a position of one account in one market
POSITION_LOTS: Final = 0  # signed
COST: Final = 1  # signed value of the open lots when they were opened
BUYING: Final = 2  # lots of resting orders
SELLING: Final = 3
OWN: Final = 4  # first of the account's orders
FEES_PAID: Final = 5
TRADED: Final = 6  # lots so far, both ways
FUNDING_PAID: Final = 7
POSITION_SIZE: Final = 8
