"""A clearing house looks at the mark on its clock, pays funding, and queues whom the mark has reached, longs and shorts apart.

What is due of the queues is worked by `forced`. All money is the house's at the exchange: margin and fund of its accounts are
parts of its cash, to the grain.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel, whole_kernel
from counterpoise.sim.agents.kernels.forced import enter_auction, settle, work
from counterpoise.sim.agents.kernels.house import (
    H_EVERY_NS,
    H_FUNDING_AT,
    H_FUNDING_PAID,
    H_LEFT,
    H_LOOK_NS,
    H_OPENED,
    H_PRICE,
    H_SENT,
    H_SIDE,
    H_START,
    H_STEP,
    T_FUND,
    T_HALTED,
    T_LONGS,
    T_MARK,
    T_QUEUED,
    T_SHORTS,
    amounts_of,
    columns_of,
    heads_of,
    path_row,
    plan_of,
    rates_of,
    read_exchange,
    scale_of,
    start_of,
    state_of,
    to_fund,
    turn,
)
from counterpoise.sim.agents.kernels.layout import A_ACCOUNT, A_INTS, A_MARKET, NOW
from counterpoise.sim.agents.kernels.wire import begin_auction, best_price, end_auction
from counterpoise.sim.exchange.kernels.codes import AUCTION, OPEN, UNCROSSING
from counterpoise.sim.exchange.kernels.layout import FUNDING_PAID, FUNDING_RATE, GRAINS, MARK, NEXT_FUNDING, STATUS
from counterpoise.sim.exchange.kernels.orders import market_at, position_at
from counterpoise.sim.kernels.cascade_codes import AUCTION_TICKS, FACTOR_AFTER, FRACTION_PPM, HALT, START, THROTTLE, WINDOW
from counterpoise.sim.kernels.liquidation import (
    ARMED_FROM,
    COLLATERAL,
    CURSOR,
    ENTRY,
    FUND,
    HALTED_UNTIL,
    LOTS,
    NEXT,
    NO_ACCOUNT,
    QUEUED_LOTS,
    SCALED,
    TAKER,
    book_account,
    enqueue,
    fill_lists,
    liquidation_key,
    order_lots,
)
from counterpoise.sim.kernels.liquidation import MARK as LAST_MARK

__all__ = ["wake_clearing"]

_BILLION: Final = 1_000_000_000


@whole_kernel
def wake_clearing(world: Int1D, reals: Float1D, rng: UInt2D, ex: Int1D, agent: int) -> int:
    """Look, or settle what was sent a nanosecond ago; longs are worked before shorts."""
    house, market, account = world[agent + A_INTS], world[agent + A_MARKET], world[agent + A_ACCOUNT]
    row = market_at(ex, market)
    side = 1
    if world[house + H_SENT] == 0:
        world[house + H_LOOK_NS] = world[NOW]
        if not world[house + H_OPENED]:
            _open(world, reals, ex, house, row, account, market)
        _look(world, reals, ex, house, row, account, market)
        if ex[row + STATUS] == AUCTION and world[house + H_STEP] >= state_of(world, house, 1)[HALTED_UNTIL]:
            enter_auction(world, ex, house, row, market)
            return world[NOW] + 1
    elif ex[row + STATUS] == UNCROSSING:  # there was no room to match all of the auction
        end_auction(world, market)
        return world[NOW] + 1
    else:
        side = -1 if world[house + H_SENT] > 0 else 0
        settle(world, reals, ex, house, row, account, market)
    while side:
        if ex[row + STATUS] == OPEN and work(world, reals, ex, house, row, market, side):
            return world[NOW] + 1
        side = -1 if side > 0 else 0
    _close_step(world, house)
    return world[house + H_LOOK_NS] + world[house + H_EVERY_NS]


@kernel
def _open(world: Int1D, reals: Float1D, ex: Int1D, house: int, row: int, account: int, market: int) -> None:
    """Entries move along with the price since they were drawn; then everyone is listed."""
    mark = _mark(world, ex, house, row, market)
    accounts, away = columns_of(world, house), mark - world[house + H_PRICE]
    for at in range(accounts.shape[1]):
        accounts[ENTRY, at] += world[house + H_SIDE] * away
    world[house + H_START] = mark
    for side in (-1, 1):
        plan_of(world, house, side)[START] = start_of(world, house, side)
    _list_all(world, reals, house)
    world[house + H_FUNDING_AT] = ex[row + NEXT_FUNDING]
    world[house + H_OPENED] = 1
    read_exchange(world, ex, house, row, account, market)


@kernel
def _mark(world: Int1D, ex: Int1D, house: int, row: int, market: int) -> int:
    """Mark of the exchange [ticks]; the middle of the best prices before the first, the price of the accounts without them."""
    if ex[row + MARK]:
        return ex[row + MARK]
    bid, ask = best_price(ex, market, 1), best_price(ex, market, -1)
    return (bid + ask) >> 1 if bid and ask else world[house + H_PRICE]


@whole_kernel
def _list_all(world: Int1D, reals: Float1D, house: int) -> None:
    """Put everyone who is not in a queue on the list of his price, both sides. O(accounts)."""
    accounts, scale = columns_of(world, house), scale_of(world, reals, house)
    rates, cums = rates_of(world, reals, house), amounts_of(world, reals, house)
    for side in (-world[house + H_SIDE], world[house + H_SIDE]):
        turn(world, house, side)
        state, heads = state_of(world, house, side), heads_of(world, house, side)
        fill_lists(accounts, state, heads, rates, cums, scale, side, 0, start_of(world, house, side))


@kernel
def _look(world: Int1D, reals: Float1D, ex: Int1D, house: int, row: int, account: int, market: int) -> None:
    """Pay funding, tighten or ease margin, halt, and queue whom the mark has reached."""
    mark = _mark(world, ex, house, row, market)
    longs = state_of(world, house, 1)
    if ex[row + NEXT_FUNDING] != world[house + H_FUNDING_AT]:
        _pay_funding(world, reals, ex, house, row, account, market)
    plan, moved = plan_of(world, house, 1), abs(mark - world[house + H_START])
    if longs[SCALED] == 0 and moved >= plan[FACTOR_AFTER]:
        longs[SCALED] = 1
        _list_all(world, reals, house)
    step, at = world[house + H_STEP], path_row(world, house, 0)
    world[at + T_MARK] = mark
    before = world[path_row(world, house, plan[WINDOW]) + T_MARK] if step >= plan[WINDOW] else world[house + H_START]
    if step >= longs[ARMED_FROM] and abs(mark - before) >= plan[AUCTION_TICKS]:
        longs[HALTED_UNTIL] = step + plan[HALT]
        longs[ARMED_FROM] = longs[HALTED_UNTIL] + plan[WINDOW]
        begin_auction(world, market)
    world[house + H_LEFT] = plan[THROTTLE]
    for side in (1, -1):
        state = state_of(world, house, side)
        state[LAST_MARK] = side * mark
        if _reached(state, heads_of(world, house, side), start_of(world, house, side), side * mark):
            turn(world, house, side)
            found = _trigger(world, reals, house, side, side * mark)
            world[at + (T_LONGS if side > 0 else T_SHORTS)] += found


@kernel
def _pay_funding(world: Int1D, reals: Float1D, ex: Int1D, house: int, row: int, account: int, market: int) -> None:
    """Longs pay shorts the rate of the exchange at the mark; the fund has what the accounts paid beyond what the house did."""
    accounts, rate = columns_of(world, house), ex[row + FUNDING_RATE]
    side, paid = world[house + H_SIDE], 0
    for at in range(accounts.shape[1]):
        value = accounts[LOTS, at] * ex[row + MARK]
        whole = value // _BILLION
        cost = whole * rate + ((value - whole * _BILLION) * rate + _BILLION // 2) // _BILLION
        cost = cost if (side > 0) == (accounts[TAKER, at] == 1) else -cost
        accounts[COLLATERAL, at] -= cost
        paid += cost
    house_paid = ex[position_at(ex, account, market) + FUNDING_PAID] - world[house + H_FUNDING_PAID]
    to_fund(world, ex, house, row, paid * ex[row + GRAINS] - house_paid)
    world[house + H_FUNDING_AT] = ex[row + NEXT_FUNDING]
    read_exchange(world, ex, house, row, account, market)
    _list_all(world, reals, house)


@kernel
def _reached(state: Int1D, heads: Int1D, start: int, mark: int) -> bool:
    """Whether somebody stands on a list that the mark has reached; the cursor passes those that are empty."""
    end = min(start - mark, len(heads) - 1)
    while state[CURSOR] <= end:
        if heads[state[CURSOR]] != NO_ACCOUNT:
            return True
        state[CURSOR] += 1
    return False


@whole_kernel
def _trigger(world: Int1D, reals: Float1D, house: int, side: int, mark: int) -> int:
    """Queue every listed account that the mark has reached; returns how many.

    Who has been deleveraged since he was listed is safer than his list says: he is listed anew.
    """
    accounts, state, heads = columns_of(world, house), state_of(world, house, side), heads_of(world, house, side)
    rates, cums, scale = rates_of(world, reals, house), amounts_of(world, reals, house), scale_of(world, reals, house)
    start, fraction = start_of(world, house, side), plan_of(world, house, side)[FRACTION_PPM]
    lowest, found = start - len(heads) + 1, 0
    while _reached(state, heads, start, mark):
        slot = state[CURSOR]
        at, heads[slot] = heads[slot], NO_ACCOUNT
        state[CURSOR] = slot + 1
        while at != NO_ACCOUNT:
            after = accounts[NEXT, at]
            if accounts[LOTS, at] > 0:
                key = liquidation_key(accounts, at, rates, cums, scale, side, 0, start, lowest)
                if key >= mark:
                    enqueue(accounts, state, at, order_lots(accounts[LOTS, at], fraction))
                    found += 1
                else:
                    book_account(accounts, state, heads, at, start, key)
            at = after
    return found


@kernel
def _close_step(world: Int1D, house: int) -> None:
    """Write down what is left."""
    at, longs = path_row(world, house, 0), state_of(world, house, 1)
    world[at + T_QUEUED] = longs[QUEUED_LOTS] + state_of(world, house, -1)[QUEUED_LOTS]
    world[at + T_FUND] = state_of(world, house, world[house + H_SIDE])[FUND]
    world[at + T_HALTED] = world[house + H_STEP] < longs[HALTED_UNTIL]
    world[house + H_STEP] += 1
