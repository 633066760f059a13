"""Forced orders of a clearing house, into the book that everyone trades in.

What is due of a queue goes to the backstop, then in one immediate order to the book, no further than the fund can pay what lies
below the accounts' prices of bankruptcy; what that price does not find is handed to winners; and what no winner takes is sold
at any price. All of an order's accounts get its mean price. What the order brought is read off the exchange's own books a
nanosecond later. The exchange's fee on it is paid out of the fund, which takes the liquidation fee.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import kernel, whole_kernel
from counterpoise.sim.agents.kernels.house import (
    H_BLOCK,
    H_BOUND,
    H_BY_TIER,
    H_COUNT,
    H_FEE_PPM,
    H_FEES_PAID,
    H_FLOORS,
    H_FORCED,
    H_FUNDING_PAID,
    H_LEFT,
    H_LIMIT,
    H_MONEY,
    H_ORDER,
    H_POSITION,
    H_RANKING,
    H_SCORES,
    H_SENT,
    H_SLOTS,
    H_STEP,
    H_STEPS,
    H_TIERS,
    T_ADL,
    T_BACKSTOP,
    T_BOUGHT,
    T_SOLD,
    T_VALUE,
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
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, LIMIT, best_price, end_auction, send, withdraw
from counterpoise.sim.exchange.kernels.layout import GRAINS, MAX_LOTS, MAX_PRICE
from counterpoise.sim.kernels.cascade_codes import ADL_RULE, BAND, FEE_PPM, RERANK
from counterpoise.sim.kernels.contract import share_of
from counterpoise.sim.kernels.deleveraging import deleverage
from counterpoise.sim.kernels.liquidation import (
    BACKSTOP_CASH,
    FUND,
    LOTS,
    MARKET_CASH,
    NEXT,
    NO_ACCOUNT,
    ORDER_LOTS,
    QUEUE_HEAD,
    QUEUE_TAIL,
    QUEUED_LOTS,
    bankruptcy_key,
    close_for,
    tier_of,
)
from counterpoise.sim.kernels.liquidation import MARK as LAST_MARK
from counterpoise.sim.kernels.liquidation_orders import finish_order, to_backstop

__all__ = ["enter_auction", "payable_key", "settle", "work"]

_MILLION: Final = 1_000_000


@kernel
def work(world: Int1D, reals: Float1D, ex: Int1D, house: int, row: int, market: int, side: int) -> bool:
    """Send what is due of a side's queue; whether an order went out."""
    state = state_of(world, house, side)
    if state[QUEUE_HEAD] == NO_ACCOUNT or world[house + H_LEFT] <= 0:
        return False
    turn(world, house, side)
    _offer_to_backstop(world, reals, house, side)
    return _send(world, ex, house, row, market, side, IMMEDIATE)


@kernel
def enter_auction(world: Int1D, ex: Int1D, house: int, row: int, market: int) -> None:
    """The longer of the queues goes into the auction that ends a halt, the other one waits for the next step."""
    longer = state_of(world, house, 1)[QUEUED_LOTS] >= state_of(world, house, -1)[QUEUED_LOTS]
    side = 1 if longer else -1
    turn(world, house, side)
    _send(world, ex, house, row, market, side, LIMIT)
    end_auction(world, market)


@kernel
def _send(world: Int1D, ex: Int1D, house: int, row: int, market: int, side: int, kind: int) -> bool:
    """One order for the head of the queue, as far as the step, the band and the fund let it; whether there was one to send."""
    state, plan, start = state_of(world, house, side), plan_of(world, house, side), start_of(world, house, side)
    lots = min(world[house + H_LEFT], state[QUEUED_LOTS], ex[row + MAX_LOTS])
    world[house + H_BLOCK], world[house + H_ORDER], world[house + H_BOUND] = lots, 0, 0
    world[house + H_SENT] = side
    if lots == 0:
        world[house + H_SENT] = side if kind == LIMIT else 0
        return False
    floor = max(start - world[house + H_SLOTS] + 1, state[LAST_MARK] - plan[BAND])
    limit = floor
    if plan[ADL_RULE] >= 0 and not world[house + H_FORCED]:
        fee = lots * abs(floor if side < 0 else state[LAST_MARK]) // _MILLION * world[house + H_FEE_PPM]
        limit = payable_key(columns_of(world, house), state[QUEUE_HEAD], lots, max(0, state[FUND] - max(0, fee)), floor)
    world[house + H_LIMIT], world[house + H_BOUND], world[house + H_FORCED] = limit, limit > floor, 0
    price = min(max(side * limit, 1), ex[row + MAX_PRICE])
    send(world, market, -side, kind, price, lots, house + H_ORDER if kind == LIMIT else 0)
    return True


@whole_kernel
def payable_key(accounts: Int2D, head: int, lots: int, fund: int, floor: int) -> int:
    """Least key from `floor` on at which the fund can pay all that the first lots of a queue bring too little.

    What they bring too little falls with the key and is convex, so Newton's steps from below never pass it: a few passes.
    """
    key = floor
    while True:
        short, short_lots, at, left = 0, 0, head, lots
        while left > 0 and at != NO_ACCOUNT:
            taken = min(left, accounts[ORDER_LOTS, at])
            gap = bankruptcy_key(accounts, at, 0) - key
            if gap > 0:
                short += taken * gap
                short_lots += taken
            left -= taken
            at = accounts[NEXT, at]
        if short <= fund:
            return key
        key += (short - fund - 1) // short_lots + 1


@kernel
def _offer_to_backstop(world: Int1D, reals: Float1D, house: int, side: int) -> None:
    """Providers take the head of the queue, as far as their capacity, the step and the fund go."""
    accounts, state, plan = columns_of(world, house), state_of(world, house, side), plan_of(world, house, side)
    while state[QUEUE_HEAD] != NO_ACCOUNT and world[house + H_LEFT] > 0:
        at = state[QUEUE_HEAD]
        tier, cash = _tier(world, house, accounts, at, state[LAST_MARK]), state[BACKSTOP_CASH]
        asked = min(accounts[ORDER_LOTS, at], world[house + H_LEFT])
        taken = to_backstop(accounts, state, at, asked, state[LAST_MARK], plan)
        if taken == 0:
            return
        _note(world, house, T_BACKSTOP, taken, tier, abs(cash - state[BACKSTOP_CASH]))
        if accounts[ORDER_LOTS, at] == 0:
            _finish(world, reals, house, side, at)


@kernel
def _tier(world: Int1D, house: int, accounts: Int2D, at: int, mark: int) -> int:
    floors, tiers = world[house + H_FLOORS], world[house + H_TIERS]
    return tier_of(accounts[LOTS, at] * abs(mark), world[floors : floors + tiers])


@kernel
def _note(world: Int1D, house: int, what: int, lots: int, tier: int, value: int) -> None:
    """Count lots that were closed in this step."""
    row, step = path_row(world, house, 0), min(world[house + H_STEP], world[house + H_STEPS] - 1)
    world[row + what] += lots
    world[row + T_VALUE] += value
    world[world[house + H_BY_TIER] + step * world[house + H_TIERS] + tier] += value
    world[house + H_LEFT] -= lots


@whole_kernel
def _finish(world: Int1D, reals: Float1D, house: int, side: int, at: int) -> None:
    """A filled order leaves the queue; what is left of the position is queued again, or listed."""
    state = state_of(world, house, side)
    rates, cums, scale = rates_of(world, reals, house), amounts_of(world, reals, house), scale_of(world, reals, house)
    heads, plan = heads_of(world, house, side), plan_of(world, house, side)
    finish_order(columns_of(world, house), state, heads, at, state[LAST_MARK], plan, rates, cums, scale)


@whole_kernel
def settle(world: Int1D, reals: Float1D, ex: Int1D, house: int, row: int, account: int, market: int) -> None:
    """Give what the order brought to its accounts in turn; what its price did not find goes to winners."""
    side, position, money = world[house + H_SENT], world[house + H_POSITION], world[house + H_MONEY]
    if world[house + H_ORDER]:
        withdraw(world, world[house + H_ORDER])
        world[house + H_ORDER] = 0
    paid, fees = world[house + H_FUNDING_PAID], world[house + H_FEES_PAID]
    read_exchange(world, ex, house, row, account, market)
    paid, fees = world[house + H_FUNDING_PAID] - paid, world[house + H_FEES_PAID] - fees
    sold = side * (position - world[house + H_POSITION])
    got = (world[house + H_MONEY] - money + paid + fees) // ex[row + GRAINS]
    to_fund(world, ex, house, row, -fees)
    accounts, state, plan = columns_of(world, house), state_of(world, house, side), plan_of(world, house, side)
    fee, done, given = plan[FEE_PPM], 0, 0
    while done < sold:
        at = state[QUEUE_HEAD]
        lots = min(sold - done, accounts[ORDER_LOTS, at])
        part = got - given if done + lots == sold else share_of(got, lots, sold)
        tier = _tier(world, house, accounts, at, state[LAST_MARK])
        close_for(accounts, state, at, lots, part, bankruptcy_key(accounts, at, 0), MARKET_CASH, fee, 0)
        _note(world, house, T_SOLD if side > 0 else T_BOUGHT, lots, tier, abs(part))
        done, given = done + lots, given + part
        if accounts[ORDER_LOTS, at] == 0:
            _finish(world, reals, house, side, at)
    world[house + H_SENT] = 0
    best = best_price(ex, market, side)
    if sold < world[house + H_BLOCK] and world[house + H_BOUND] and best > 0 and side * best < world[house + H_LIMIT]:
        _hand_to_winners(world, reals, house, side, world[house + H_BLOCK] - sold)


@whole_kernel
def _sort_head(accounts: Int2D, state: Int1D, lots: int) -> None:
    """Sort the accounts that hold the first lots of a queue by their key of bankruptcy, greatest first."""
    count, left, at = 0, lots, state[QUEUE_HEAD]
    while left > 0 and at != NO_ACCOUNT:
        count, left, at = count + 1, left - accounts[ORDER_LOTS, at], accounts[NEXT, at]
    after = at
    waiting, keys = np.empty(count, np.int64), np.empty(count, np.int64)
    at = state[QUEUE_HEAD]
    for i in range(count):
        waiting[i], keys[i] = at, -bankruptcy_key(accounts, at, 0)
        at = accounts[NEXT, at]
    order = np.argsort(keys, kind="mergesort")
    state[QUEUE_HEAD] = waiting[order[0]]
    for i in range(count - 1):
        accounts[NEXT, waiting[order[i]]] = waiting[order[i + 1]]
    accounts[NEXT, waiting[order[count - 1]]] = after
    if after == NO_ACCOUNT:
        state[QUEUE_TAIL] = waiting[order[count - 1]]


@kernel
def _hand_to_winners(world: Int1D, reals: Float1D, house: int, side: int, lots: int) -> None:
    """Close the head of the queue against winners, account by account, until one is left with lots that nobody takes.

    Whose price of bankruptcy asks most of a winner is first: the winners ranked for him serve those after him too.
    """
    accounts, state, plan = columns_of(world, house), state_of(world, house, side), plan_of(world, house, side)
    at_ranking, at_scores, count = world[house + H_RANKING], world[house + H_SCORES], world[house + H_COUNT]
    ranking, scores = world[at_ranking : at_ranking + count], reals[at_scores : at_scores + count]
    _sort_head(accounts, state, lots)
    while lots > 0 and state[QUEUE_HEAD] != NO_ACCOUNT:
        at = state[QUEUE_HEAD]
        asked = min(lots, accounts[ORDER_LOTS, at])
        broke, tier = bankruptcy_key(accounts, at, 0), _tier(world, house, accounts, at, state[LAST_MARK])
        handed = deleverage(accounts, state, ranking, scores, at, asked, state[LAST_MARK], plan[ADL_RULE], plan[RERANK], 0)
        _note(world, house, T_ADL, handed, tier, handed * abs(broke))
        lots -= handed
        if accounts[ORDER_LOTS, at] == 0:
            _finish(world, reals, house, side, at)
        if handed < asked:
            world[house + H_FORCED] = 1
            return
