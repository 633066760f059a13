"""A clearing house works: who is at his maintenance is liquidated, into the book that everyone trades in.

It looks at the mark on its clock. Accounts that it has reached wait in a queue, longs and shorts apart. What is due of a queue
goes to the backstop, then in one immediate order to the book, no further than the fund can pay what lies below the accounts'
prices of bankruptcy; what that price does not find is handed to winners; and what no winner takes is sold at any price. All of
an order's accounts get its mean price. What the order brought is read off the exchange's own books a nanosecond later. The
exchange's fee on its orders is paid out of the fund, which takes the liquidation fee.

All money is the house's at the exchange: margin and fund of its accounts are parts of its cash, to the grain.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Float1D, Int1D, Int2D, UInt2D
from counterpoise.core.jit import kernel, whole_kernel
from counterpoise.sim.agents.kernels.house import (
    H_BLOCK,
    H_BOUND,
    H_BY_TIER,
    H_COUNT,
    H_EVERY_NS,
    H_FEE_PPM,
    H_FEES_PAID,
    H_FLOORS,
    H_FORCED,
    H_FUNDING_AT,
    H_FUNDING_PAID,
    H_LEFT,
    H_LIMIT,
    H_LOOK_NS,
    H_MONEY,
    H_OPENED,
    H_ORDER,
    H_PATH,
    H_POSITION,
    H_PRICE,
    H_RANKING,
    H_RATES,
    H_RESIDUE,
    H_SCORES,
    H_SENT,
    H_SIDE,
    H_SLOTS,
    H_START,
    H_STEP,
    H_STEPS,
    H_TIERS,
    PATH_SIZE,
    T_ADL,
    T_BACKSTOP,
    T_BOUGHT,
    T_FUND,
    T_HALTED,
    T_LONGS,
    T_MARK,
    T_QUEUED,
    T_SHORTS,
    T_SOLD,
    T_VALUE,
    columns_of,
    heads_of,
    plan_of,
    start_of,
    state_of,
    turn,
)
from counterpoise.sim.agents.kernels.layout import A_ACCOUNT, A_INTS, A_MARKET, NOW
from counterpoise.sim.agents.kernels.wire import IMMEDIATE, LIMIT, begin_auction, best_price, end_auction, send, withdraw
from counterpoise.sim.exchange.kernels.codes import AUCTION, OPEN, UNCROSSING
from counterpoise.sim.exchange.kernels.layout import (
    CASH,
    COST,
    CURRENCY,
    FEES_PAID,
    FUNDING_PAID,
    FUNDING_RATE,
    GRAINS,
    MARK,
    MAX_LOTS,
    MAX_PRICE,
    NEXT_FUNDING,
    POSITION_LOTS,
    STATUS,
)
from counterpoise.sim.exchange.kernels.orders import market_at, money_at, position_at
from counterpoise.sim.kernels.cascade_codes import (
    ADL_RULE,
    AUCTION_TICKS,
    BAND,
    FACTOR_AFTER,
    FEE_PPM,
    FRACTION_PPM,
    HALT,
    RERANK,
    START,
    THROTTLE,
    WINDOW,
)
from counterpoise.sim.kernels.contract import share_of
from counterpoise.sim.kernels.deleveraging import deleverage
from counterpoise.sim.kernels.liquidation import (
    ARMED_FROM,
    BACKSTOP_CASH,
    COLLATERAL,
    CURSOR,
    ENTRY,
    FUND,
    HALTED_UNTIL,
    LOTS,
    MARKET_CASH,
    NEXT,
    NO_ACCOUNT,
    ORDER_LOTS,
    QUEUE_HEAD,
    QUEUED_LOTS,
    SCALED,
    TAKER,
    bankruptcy_key,
    book_account,
    close_for,
    enqueue,
    fill_lists,
    liquidation_key,
    order_lots,
    tier_of,
)
from counterpoise.sim.kernels.liquidation import (
    MARK as LAST_MARK,
)
from counterpoise.sim.kernels.liquidation_orders import finish_order, to_backstop

__all__ = ["wake_clearing"]

_MILLION: Final = 1_000_000
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
            _enter_auction(world, ex, house, row, market)
            return world[NOW] + 1
    elif ex[row + STATUS] == UNCROSSING:  # there was no room to match all of the auction
        end_auction(world, market)
        return world[NOW] + 1
    else:
        side = -1 if world[house + H_SENT] > 0 else 0
        _settle(world, reals, ex, house, row, account, market)
    while side:
        if ex[row + STATUS] == OPEN and _work(world, reals, ex, house, row, market, side):
            return world[NOW] + 1
        side = -1 if side > 0 else 0
    _close_step(world, house)
    return world[house + H_LOOK_NS] + world[house + H_EVERY_NS]


@kernel
def _path_row(world: Int1D, house: int, back: int) -> int:
    """Where the row of this step, or of one before it, stands; the last row takes what comes after the end."""
    return world[house + H_PATH] + PATH_SIZE * max(0, min(world[house + H_STEP], world[house + H_STEPS] - 1) - back)


@kernel
def _rates(world: Int1D, reals: Float1D, house: int) -> Float1D:
    at, tiers = world[house + H_RATES], world[house + H_TIERS]
    return reals[at : at + tiers]


@kernel
def _amounts(world: Int1D, reals: Float1D, house: int) -> Float1D:
    at, tiers = world[house + H_RATES], world[house + H_TIERS]
    return reals[at + tiers : at + 2 * tiers]


@kernel
def _scale(world: Int1D, reals: Float1D, house: int) -> float:
    """What maintenance is multiplied with now."""
    factor = reals[world[house + H_RATES] + 2 * world[house + H_TIERS]]
    return factor if state_of(world, house, 1)[SCALED] else 1.0


@kernel
def _read_exchange(world: Int1D, ex: Int1D, house: int, row: int, account: int, market: int) -> None:
    """Remember position, money and funding of the house at the exchange."""
    position = position_at(ex, account, market)
    world[house + H_POSITION] = ex[position + POSITION_LOTS]
    world[house + H_MONEY] = ex[money_at(ex, account, ex[row + CURRENCY]) + CASH] - ex[position + COST]
    world[house + H_FUNDING_PAID], world[house + H_FEES_PAID] = ex[position + FUNDING_PAID], ex[position + FEES_PAID]


@kernel
def _to_fund(world: Int1D, ex: Int1D, house: int, row: int, grains: int) -> None:
    """Grains into the fund, which counts whole units; what is less than one is kept beside it."""
    left = world[house + H_RESIDUE] + grains
    state_of(world, house, world[house + H_SIDE])[FUND] += left // ex[row + GRAINS]
    world[house + H_RESIDUE] = left % ex[row + GRAINS]


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
    _read_exchange(world, ex, house, row, account, market)


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
    accounts, scale = columns_of(world, house), _scale(world, reals, house)
    rates, cums = _rates(world, reals, house), _amounts(world, reals, house)
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
    step, at = world[house + H_STEP], _path_row(world, house, 0)
    world[at + T_MARK] = mark
    before = world[_path_row(world, house, plan[WINDOW]) + T_MARK] if step >= plan[WINDOW] else world[house + H_START]
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
    _to_fund(world, ex, house, row, paid * ex[row + GRAINS] - house_paid)
    world[house + H_FUNDING_AT] = ex[row + NEXT_FUNDING]
    _read_exchange(world, ex, house, row, account, market)
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
    rates, cums, scale = _rates(world, reals, house), _amounts(world, reals, house), _scale(world, reals, house)
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
def _work(world: Int1D, reals: Float1D, ex: Int1D, house: int, row: int, market: int, side: int) -> bool:
    """Send what is due of a side's queue; whether an order went out."""
    state = state_of(world, house, side)
    if state[QUEUE_HEAD] == NO_ACCOUNT or world[house + H_LEFT] <= 0:
        return False
    turn(world, house, side)
    _offer_to_backstop(world, reals, house, side)
    return _send(world, ex, house, row, market, side, IMMEDIATE)


@kernel
def _enter_auction(world: Int1D, ex: Int1D, house: int, row: int, market: int) -> None:
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
        limit = _payable_key(columns_of(world, house), state[QUEUE_HEAD], lots, max(0, state[FUND] - max(0, fee)), floor)
    world[house + H_LIMIT], world[house + H_BOUND], world[house + H_FORCED] = limit, limit > floor, 0
    price = min(max(side * limit, 1), ex[row + MAX_PRICE])
    send(world, market, -side, kind, price, lots, house + H_ORDER if kind == LIMIT else 0)
    return True


@whole_kernel
def _payable_key(accounts: Int2D, head: int, lots: int, fund: int, floor: int) -> int:
    """Least key from `floor` on at which the fund can pay all that the first lots of a queue bring too little."""
    if _shortfall(accounts, head, lots, floor, fund) <= fund:
        return floor
    most, at, left = floor, head, lots
    while left > 0 and at != NO_ACCOUNT:
        most = max(most, bankruptcy_key(accounts, at, 0))
        left -= accounts[ORDER_LOTS, at]
        at = accounts[NEXT, at]
    low, high = floor, most  # too much at low, nothing at high
    while high - low > 1:
        middle = (low + high) >> 1
        if _shortfall(accounts, head, lots, middle, fund) <= fund:
            high = middle
        else:
            low = middle
    return high


@kernel
def _shortfall(accounts: Int2D, head: int, lots: int, key: int, enough: int) -> int:
    """What the first lots of a queue bring too little at a key; no further than to more than `enough`."""
    total, at, left = 0, head, lots
    while left > 0 and at != NO_ACCOUNT and total <= enough:
        taken = min(left, accounts[ORDER_LOTS, at])
        total += taken * max(0, bankruptcy_key(accounts, at, 0) - key)
        left -= taken
        at = accounts[NEXT, at]
    return total


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
    row, step = _path_row(world, house, 0), min(world[house + H_STEP], world[house + H_STEPS] - 1)
    world[row + what] += lots
    world[row + T_VALUE] += value
    world[world[house + H_BY_TIER] + step * world[house + H_TIERS] + tier] += value
    world[house + H_LEFT] -= lots


@whole_kernel
def _finish(world: Int1D, reals: Float1D, house: int, side: int, at: int) -> None:
    """A filled order leaves the queue; what is left of the position is queued again, or listed."""
    state = state_of(world, house, side)
    rates, cums, scale = _rates(world, reals, house), _amounts(world, reals, house), _scale(world, reals, house)
    heads, plan = heads_of(world, house, side), plan_of(world, house, side)
    finish_order(columns_of(world, house), state, heads, at, state[LAST_MARK], plan, rates, cums, scale)


@whole_kernel
def _settle(world: Int1D, reals: Float1D, ex: Int1D, house: int, row: int, account: int, market: int) -> None:
    """Give what the order brought to its accounts in turn; what its price did not find goes to winners."""
    side, position, money = world[house + H_SENT], world[house + H_POSITION], world[house + H_MONEY]
    if world[house + H_ORDER]:
        withdraw(world, world[house + H_ORDER])
        world[house + H_ORDER] = 0
    paid, fees = world[house + H_FUNDING_PAID], world[house + H_FEES_PAID]
    _read_exchange(world, ex, house, row, account, market)
    paid, fees = world[house + H_FUNDING_PAID] - paid, world[house + H_FEES_PAID] - fees
    sold = side * (position - world[house + H_POSITION])
    got = (world[house + H_MONEY] - money + paid + fees) // ex[row + GRAINS]
    _to_fund(world, ex, house, row, -fees)
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


@kernel
def _hand_to_winners(world: Int1D, reals: Float1D, house: int, side: int, lots: int) -> None:
    """Close the head of the queue against winners, account by account, until one is left with lots that nobody takes."""
    accounts, state, plan = columns_of(world, house), state_of(world, house, side), plan_of(world, house, side)
    at_ranking, at_scores, count = world[house + H_RANKING], world[house + H_SCORES], world[house + H_COUNT]
    ranking, scores = world[at_ranking : at_ranking + count], reals[at_scores : at_scores + count]
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


@kernel
def _close_step(world: Int1D, house: int) -> None:
    """Write down what is left."""
    at, longs = _path_row(world, house, 0), state_of(world, house, 1)
    world[at + T_QUEUED] = longs[QUEUED_LOTS] + state_of(world, house, -1)[QUEUED_LOTS]
    world[at + T_FUND] = state_of(world, house, world[house + H_SIDE])[FUND]
    world[at + T_HALTED] = world[house + H_STEP] < longs[HALTED_UNTIL]
    world[house + H_STEP] += 1
