"""Where each number of the agent market stands, and what an agent is.

Three arrays are the whole world beside the exchange's own: `world` (int64: clock, agents, markets, prints, tables), `reals`
(float64: values, statistics, parameters of agents) and `rng` (four words a stream). Copies of them and of the exchange's arrays
are a copy of the market.

**An agent** is a row of `AGENT_SIZE` integers: its kind, its account at the exchange, up to two markets, and where its own
integers (in `world`), its own numbers (in `reals`) and its random stream (in `rng`) stand. It lives by waking: the loop
(`kernels/loop.py`) takes the earliest alarm of the clock and calls the wake function of the agent's kind,

    wake(world, reals, rng, ex, agent) -> next alarm [ns], NEVER to sleep for good

with `agent` the offset of its row and `world[NOW]` the time of the venue.

**Latency.** An agent that is one person wakes in two phases. In phase LOOK at time s it sees the books, prints, statistics and
its own account as they stand at s, and writes down what it wants; it returns s + `DELAY_NS`, its whole way from the venue,
through its head and back. In phase ACT it sends what it wrote down and returns its next look. What it acts on is therefore
exactly what had reached it, and it never has two decisions on the way. A crowd of thousands, whose rates have their delays in
them, has no phases.

**What it may see**: best prices and depth (`exchange/kernels/readers.py`), its own account and the prints through
`kernels/wire.py` (`print_at`: a ring of the last `PRINTS_LEN` trades of each market, numbered from 0), the statistics of the
last step of the grid (`S_…`, `V_INDEX`). Values (`V_LOG`) are hidden from all but those who are told: informed traders and
makers, late and with noise, and patient traders of what changed since they last thought.

**How it sends**: `send`, `reprice` and `withdraw` of `kernels/wire.py` write into the outbox; when the wake is over the loop
carries the requests out in their order, counts them and takes down the prints. The answer to an order that
may rest is its number, 0 if it was refused; to an immediate one the signed lots it took, added. It stands at the address `into`
from then on. That keeps the exchange out of the agents' code: a function is compiled again with each that calls it.

A new kind: a number and a line in `kernels/loop.py`, a wake function in a file of its own, a builder in `agents/population.py`.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ACT",
    "AGENTS",
    "AGENT_ROWS",
    "AGENT_SIZE",
    "AMEND",
    "A_ACCOUNT",
    "A_DELAY_NS",
    "A_INTS",
    "A_KIND",
    "A_MARKET",
    "A_OTHER",
    "A_PHASE",
    "A_REALS",
    "A_SENT",
    "A_STREAM",
    "CALL",
    "CANCEL",
    "CLEARING_CODE",
    "EMAS",
    "FACTORS",
    "GRID_NS",
    "GRID_STEPS",
    "HEADER",
    "HEARD",
    "HISTORY",
    "HISTORY_LEN",
    "KEEP",
    "LEAVES",
    "LOOK",
    "MARKETS",
    "MARKET_ROWS",
    "MARKET_SIZE",
    "MESSAGES",
    "M_BUYS",
    "M_COINS",
    "M_LAST",
    "M_LAST_NS",
    "M_PRINTS",
    "M_SELLS",
    "M_STATS",
    "M_TOKEN",
    "M_TRADES",
    "M_WEIGHT",
    "NEVER",
    "NOW",
    "OUTBOX",
    "OUTBOX_LEN",
    "OUT_COUNT",
    "OUT_INTO",
    "OUT_KIND",
    "OUT_LOTS",
    "OUT_PRICE",
    "OUT_SIDE",
    "OUT_SIZE",
    "OUT_TARGET",
    "OUT_WHAT",
    "PLACE",
    "PRINTS_LEN",
    "PRINT_SIZE",
    "REFUSED",
    "STATS_SIZE",
    "S_EMA",
    "S_FLOW",
    "S_MID",
    "S_OPEN",
    "S_SEEN_BUYS",
    "S_SEEN_SELLS",
    "S_VAR",
    "S_VOLUME",
    "TABLES",
    "TOKENS",
    "TOKEN_ROWS",
    "TOKEN_SIZE",
    "TREE",
    "UNCROSS",
    "UNCROSS_CODE",
    "VARS",
    "V_ACTIVITY",
    "V_CLUSTER",
    "V_CLUSTER_LOADING",
    "V_INDEX",
    "V_JUMP_RATE",
    "V_JUMP_SIGMA",
    "V_LOG",
    "V_MARKET_LOADING",
    "V_OWN_LOADING",
    "V_VOL",
    "V_WEIGHT",
]

OUTBOX_LEN: Final = 128  # requests of one wake at most
OUT_WHAT: Final = 0  # PLACE, AMEND, CANCEL, KEEP, CALL or UNCROSS
OUT_TARGET: Final = 1  # a market to place in, or the number of an order
OUT_SIDE: Final = 2
OUT_KIND: Final = 3
OUT_PRICE: Final = 4
OUT_LOTS: Final = 5
OUT_INTO: Final = 6  # where the answer goes in `world`: 0 for nowhere
OUT_SIZE: Final = 7
PLACE: Final = 0
AMEND: Final = 1
CANCEL: Final = 2
KEEP: Final = 3  # the venue itself: hear of the index, set the mark, pay funding
CALL: Final = 4  # the venue: from now on orders only rest
UNCROSS: Final = 5  # what is crossed trades at one price, then the market is open

NEVER: Final = 2**62  # an alarm that does not ring

# header of `world`
NOW: Final = 0  # time of the venues [ns UTC]
AGENTS: Final = 1
LEAVES: Final = 2  # places of the clock, a power of two
TREE: Final = 3  # where the clock stands
AGENT_ROWS: Final = 4
MARKETS: Final = 5
MARKET_ROWS: Final = 6
TOKENS: Final = 7
TOKEN_ROWS: Final = 8  # in `reals`
FACTORS: Final = 9  # in `reals`
HISTORY: Final = 10  # in `reals`: values of the last HISTORY_LEN steps of each token
GRID_NS: Final = 11  # step of values and statistics
GRID_STEPS: Final = 12  # steps made
TABLES: Final = 13  # quantile tables
HEARD: Final = 14  # rows of the tape whose prints are taken down
MESSAGES: Final = 15  # orders, amends and cancels sent
REFUSED: Final = 16  # of them refused by the exchange
OUTBOX: Final = 17  # requests of the agent that is awake
OUT_COUNT: Final = 18
CLEARING_CODE: Final = 19  # where the code of `wake_clearing` begins, in this process
UNCROSS_CODE: Final = 20  # alike, of `open_market`
HEADER: Final = 24

# an agent
A_KIND: Final = 0
A_ACCOUNT: Final = 1
A_MARKET: Final = 2
A_OTHER: Final = 3  # a second market, or −1
A_PHASE: Final = 4
A_INTS: Final = 5
A_REALS: Final = 6
A_STREAM: Final = 7
A_DELAY_NS: Final = 8
A_SENT: Final = 9  # messages
AGENT_SIZE: Final = 12
LOOK: Final = 0
ACT: Final = 1

# a market
M_TOKEN: Final = 0
M_TRADES: Final = 1  # prints so far
M_BUYS: Final = 2  # lots bought by aggressors so far
M_SELLS: Final = 3
M_LAST: Final = 4  # price of the last print [ticks]
M_LAST_NS: Final = 5
M_PRINTS: Final = 6  # where its ring stands
M_STATS: Final = 7  # in `reals`
M_WEIGHT: Final = 8  # 1 if its mid is part of the token's index, else 0
M_COINS: Final = 9  # spot: lots of the coin that every account begins with
MARKET_SIZE: Final = 10
PRINTS_LEN: Final = 1024  # a power of two
PRINT_SIZE: Final = 4  # time, side, price, lots

# statistics of a market: public, of the last step of the grid; prices are natural logarithms of ticks
S_OPEN: Final = 0  # log price that stands for the value 0
S_MID: Final = 1
S_VAR: Final = 2  # variance a second, over 5, 60 and 600 s
VARS: Final = 3
S_EMA: Final = 5  # means of S_MID over 1, 4, 15, 60, 240 and 900 s
EMAS: Final = 6
S_FLOW: Final = 11  # signed lots a second, over 15 s
S_VOLUME: Final = 12  # lots a second, over 15 s
S_SEEN_BUYS: Final = 13
S_SEEN_SELLS: Final = 14
STATS_SIZE: Final = 16

# a token: its value is hidden, its index public
V_LOG: Final = 0  # log value since the start
V_ACTIVITY: Final = 1  # how lively it is now, 1 on average
V_VOL: Final = 2  # standard deviation of a step at average liveliness
V_MARKET_LOADING: Final = 3
V_CLUSTER_LOADING: Final = 4
V_OWN_LOADING: Final = 5
V_CLUSTER: Final = 6
V_JUMP_RATE: Final = 7  # chance a step
V_JUMP_SIGMA: Final = 8
V_INDEX: Final = 9  # mean of S_MID − S_OPEN over its spot markets, or over all where it has none
V_WEIGHT: Final = 10  # in the index of the whole
TOKEN_SIZE: Final = 11  # after the last token stands the index of the whole
HISTORY_LEN: Final = 4096  # steps, a power of two
