"""Where the numbers of a clearing house stand: its own integers, the rows of its path, and views of its columns.

The leveraged accounts of one perpetual hold their positions together in one account of the exchange, the house's; who holds
what of it is kept here. Their columns are those of `counterpoise.sim.kernels.liquidation`, seen from one side at a time:
`turn` changes the side, so that every kernel of a cascade serves falls and rises.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import inner_kernel, kernel
from counterpoise.sim.exchange.kernels.layout import CASH, COST, CURRENCY, FEES_PAID, FUNDING_PAID, GRAINS, POSITION_LOTS
from counterpoise.sim.exchange.kernels.orders import money_at, position_at
from counterpoise.sim.kernels.cascade_codes import PLAN_SIZE
from counterpoise.sim.kernels.liquidation import ACCOUNT_FIELDS, ENTRY, FUND, SCALED, STATE_SIZE, TAKER

__all__ = [
    "HOUSE_INTS",
    "H_BLOCK",
    "H_BOUND",
    "H_BY_TIER",
    "H_COLUMNS",
    "H_COUNT",
    "H_EVERY_NS",
    "H_FEES_PAID",
    "H_FEE_PPM",
    "H_FLOORS",
    "H_FORCED",
    "H_FUNDING_AT",
    "H_FUNDING_PAID",
    "H_HEADS",
    "H_LEFT",
    "H_LIMIT",
    "H_LOOK_NS",
    "H_MONEY",
    "H_OPENED",
    "H_ORDER",
    "H_PATH",
    "H_PLANS",
    "H_POSITION",
    "H_PRICE",
    "H_RANKING",
    "H_RATES",
    "H_RESIDUE",
    "H_SCORES",
    "H_SENT",
    "H_SIDE",
    "H_SLOTS",
    "H_START",
    "H_STATES",
    "H_STEP",
    "H_STEPS",
    "H_TIERS",
    "PATH_SIZE",
    "T_ADL",
    "T_BACKSTOP",
    "T_BOUGHT",
    "T_FUND",
    "T_HALTED",
    "T_LONGS",
    "T_MARK",
    "T_QUEUED",
    "T_SHORTS",
    "T_SOLD",
    "T_VALUE",
    "amounts_of",
    "columns_of",
    "heads_of",
    "path_row",
    "plan_of",
    "rates_of",
    "read_exchange",
    "scale_of",
    "start_of",
    "state_of",
    "to_fund",
    "turn",
]

# integers of a house
H_COUNT: Final = 0  # accounts
H_COLUMNS: Final = 1  # fields × accounts
H_SIDE: Final = 2  # whose keys the columns are in: +1 the longs', −1 the shorts'
H_HEADS: Final = 3  # lists of the longs, then of the shorts
H_SLOTS: Final = 4  # of each: odd, the middle one is of the price at the start
H_START: Final = 5  # mark when it opened [ticks]
H_PRICE: Final = 6  # at which its accounts were drawn [ticks]
H_STATES: Final = 7  # of the longs, then of the shorts; the fund stands in that of `H_SIDE`
H_PLANS: Final = 8  # alike
H_TIERS: Final = 9
H_FLOORS: Final = 10
H_RATES: Final = 11  # in `reals`: rates, then amounts
H_RANKING: Final = 12
H_SCORES: Final = 13  # in `reals`
H_PATH: Final = 14
H_BY_TIER: Final = 15
H_STEPS: Final = 16  # rows that these have
H_STEP: Final = 17  # looks so far
H_EVERY_NS: Final = 18
H_OPENED: Final = 19
H_LOOK_NS: Final = 20  # of the look that is being worked
H_SENT: Final = 21  # side whose order is out, 0 for none
H_BLOCK: Final = 22  # its lots
H_LIMIT: Final = 23  # its key
H_LEFT: Final = 24  # lots that may still be closed in this step
H_FORCED: Final = 25  # 1: no winner was left, the next order takes any price
H_ORDER: Final = 26  # number of the order that rests for an auction
H_POSITION: Final = 27  # of the house at the exchange when last looked at [lots]
H_MONEY: Final = 28  # its cash less what its position cost [grains]
H_FUNDING_PAID: Final = 29  # [grains]
H_FUNDING_AT: Final = 30  # next payment [ns]
H_RESIDUE: Final = 31  # grains of the fund beyond whole units
H_BOUND: Final = 32  # 1: its key is as far as the fund can pay
H_FEES_PAID: Final = 33  # to the exchange so far [grains]
H_FEE_PPM: Final = 34  # of its orders at the exchange
HOUSE_INTS: Final = 35

# a row of the path
T_MARK: Final = 0  # [ticks]
T_LONGS: Final = 1  # accounts triggered
T_SHORTS: Final = 2
T_SOLD: Final = 3  # lots closed in the book, of longs
T_BOUGHT: Final = 4  # of shorts
T_BACKSTOP: Final = 5  # lots
T_ADL: Final = 6  # lots
T_QUEUED: Final = 7  # lots, of both
T_FUND: Final = 8  # units
T_VALUE: Final = 9  # liquidated, units
T_HALTED: Final = 10
PATH_SIZE: Final = 11


@inner_kernel
def columns_of(world: Int1D, house: int) -> Int2D:
    """(fields, accounts), not copied."""
    at, count = world[house + H_COLUMNS], world[house + H_COUNT]
    return world[at : at + ACCOUNT_FIELDS * count].reshape((ACCOUNT_FIELDS, count))


@inner_kernel
def heads_of(world: Int1D, house: int, side: int) -> Int1D:
    """Lists of a side."""
    slots = world[house + H_SLOTS]
    at = world[house + H_HEADS] + (slots if side < 0 else 0)
    return world[at : at + slots]


@inner_kernel
def state_of(world: Int1D, house: int, side: int) -> Int1D:
    """State of a side."""
    at = world[house + H_STATES] + (STATE_SIZE if side < 0 else 0)
    return world[at : at + STATE_SIZE]


@inner_kernel
def plan_of(world: Int1D, house: int, side: int) -> Int1D:
    """Plan of a side."""
    at = world[house + H_PLANS] + (PLAN_SIZE if side < 0 else 0)
    return world[at : at + PLAN_SIZE]


@inner_kernel
def start_of(world: Int1D, house: int, side: int) -> int:
    """Key of a side's first list."""
    return side * world[house + H_START] + world[house + H_SLOTS] // 2


@kernel
def turn(world: Int1D, house: int, side: int) -> None:
    """See the columns from a side: its positions are the takers, keys rise where they gain. O(accounts) when it changes."""
    if world[house + H_SIDE] == side:
        return
    accounts = columns_of(world, house)
    for at in range(accounts.shape[1]):
        accounts[ENTRY, at] = -accounts[ENTRY, at]
        accounts[TAKER, at] = 1 - accounts[TAKER, at]
    state_of(world, house, side)[FUND] = state_of(world, house, -side)[FUND]
    world[house + H_SIDE] = side


@kernel
def path_row(world: Int1D, house: int, back: int) -> int:
    """Where the row of this step, or of one before it, stands; the last row takes what comes after the end."""
    return world[house + H_PATH] + PATH_SIZE * max(0, min(world[house + H_STEP], world[house + H_STEPS] - 1) - back)


@kernel
def rates_of(world: Int1D, reals: Float1D, house: int) -> Float1D:
    """Maintenance rates of the tiers, each with the fee of closing."""
    at, tiers = world[house + H_RATES], world[house + H_TIERS]
    return reals[at : at + tiers]


@kernel
def amounts_of(world: Int1D, reals: Float1D, house: int) -> Float1D:
    """What the tiers take off."""
    at, tiers = world[house + H_RATES], world[house + H_TIERS]
    return reals[at + tiers : at + 2 * tiers]


@kernel
def scale_of(world: Int1D, reals: Float1D, house: int) -> float:
    """What maintenance is multiplied with now."""
    factor = reals[world[house + H_RATES] + 2 * world[house + H_TIERS]]
    return factor if state_of(world, house, 1)[SCALED] else 1.0


@kernel
def read_exchange(world: Int1D, ex: Int1D, house: int, row: int, account: int, market: int) -> None:
    """Remember position, money and funding of the house at the exchange."""
    position = position_at(ex, account, market)
    world[house + H_POSITION] = ex[position + POSITION_LOTS]
    world[house + H_MONEY] = ex[money_at(ex, account, ex[row + CURRENCY]) + CASH] - ex[position + COST]
    world[house + H_FUNDING_PAID], world[house + H_FEES_PAID] = ex[position + FUNDING_PAID], ex[position + FEES_PAID]


@kernel
def to_fund(world: Int1D, ex: Int1D, house: int, row: int, grains: int) -> None:
    """Grains into the fund, which counts whole units; what is less than one is kept beside it."""
    left = world[house + H_RESIDUE] + grains
    state_of(world, house, world[house + H_SIDE])[FUND] += left // ex[row + GRAINS]
    world[house + H_RESIDUE] = left % ex[row + GRAINS]
