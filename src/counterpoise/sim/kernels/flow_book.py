"""What an event does to the book of the synthetic market, and the rows a venue would send for it.

Each function changes the ring, writes its messages at the end of the tape and returns the rows now written. The book cannot
cross: an order rests on its own side of the opposite best, and a market order only takes. It cannot empty: behind a side that
has no level left within reach a floor order is placed.
"""

from __future__ import annotations

from counterpoise.core.arrays import Int1D, Int2D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.codes import DELTA, QUOTE, TRADE
from counterpoise.sim.kernels.flow_state import (
    ASK,
    BID,
    FILLED,
    FLOOR_GAP,
    FLOOR_LOTS,
    FLOW_STREAM,
    LIMIT_LOTS,
    MARKET_LOTS,
    MAX_FILLS,
    MAX_SWEEP,
    REACH,
    SEQ,
    TOLD_ASK,
    TOLD_ASK_LOTS,
    TOLD_BID,
    TOLD_BID_LOTS,
    TRADE_ID,
    UPDATE_ID,
)
from counterpoise.sim.kernels.random import draw
from counterpoise.sim.kernels.ring import NO_LEVEL, lots_at, next_level, set_lots
from counterpoise.sim.kernels.tape import PRICE, bracket, write_row

__all__ = ["rest", "take", "tell_best", "withdraw"]


@kernel
def rest(ints: Int1D, ring: Int1D, tape: Int2D, rows: int, ts_venue: int, side: int, price: int, lots: int) -> int:
    """Add lots at a price; levels that a better best leaves out of reach are let go. Assumes that the price does not cross."""
    first = rows
    set_lots(ring, price, lots_at(ring, price) + lots)
    rows = _level(ints, ring, tape, rows, ts_venue, side, price)
    best = BID if side > 0 else ASK
    end = ints[best] - side * ints[REACH]
    for step in range(side * (price - ints[best])):
        gone = end + side * step
        if lots_at(ring, gone) > 0:
            set_lots(ring, gone, 0)
            rows = _level(ints, ring, tape, rows, ts_venue, side, gone)
    if side * (price - ints[best]) > 0:
        ints[best] = price
    return _depth_message(ints, tape, first, rows)


@kernel
def withdraw(ints: Int1D, ring: Int1D, tape: Int2D, rows: int, ts_venue: int, side: int, price: int, share: float) -> int:
    """Cancel a share in (0, 1] of a level, one lot at least; nothing where nothing rests, nor the best at the widest spread."""
    first, best = rows, BID if side > 0 else ASK
    if side * (price - ints[best]) > 0 or lots_at(ring, price) == 0:
        return rows
    left = lots_at(ring, price) - max(int(lots_at(ring, price) * share), 1)
    if left == 0 and price == ints[best] and _at_widest(ints):
        return rows
    set_lots(ring, price, left)
    rows = _level(ints, ring, tape, rows, ts_venue, side, price)
    if price == ints[best] and left == 0:
        rows = _retreat(ints, ring, tape, rows, ts_venue, side)
    return _depth_message(ints, tape, first, rows)


@kernel
def take(ints: Int1D, ring: Int1D, rng: UInt2D, tables: Int2D, tape: Int2D, rows: int, ts_venue: int, side: int) -> int:
    """A market order: side +1 takes asks from the best on. Each trade is a message, the levels they leave are one more.

    What is not filled after MAX_SWEEP levels, at the widest spread or at the end of a side is dropped.
    """
    ints[FILLED] = 0
    if _at_widest(ints):
        return rows
    first, best = rows, ASK if side > 0 else BID
    price, lots = ints[best], draw(rng, FLOW_STREAM, tables, MARKET_LOTS)
    for _ in range(MAX_SWEEP):
        taken = min(lots, lots_at(ring, price))
        rows = _fills(ints, rng, tables, tape, rows, ts_venue, side, price, taken)
        set_lots(ring, price, lots_at(ring, price) - taken)
        ints[FILLED] += taken
        lots -= taken
        behind = next_level(ring, price, -side, ints[REACH])
        if lots == 0 or behind == NO_LEVEL or side * (behind - ints[BID if side > 0 else ASK]) > ints[REACH]:
            break
        price = behind
    trades, depth = rows, rows
    for row in range(first, trades):
        if row == first or tape[row, PRICE] != tape[row - 1, PRICE]:
            rows = _level(ints, ring, tape, rows, ts_venue, -side, tape[row, PRICE])
    ints[best] = price
    if lots_at(ring, price) == 0:
        rows = _retreat(ints, ring, tape, rows, ts_venue, -side)
    return _depth_message(ints, tape, depth, rows)


@kernel
def tell_best(ints: Int1D, ring: Int1D, tape: Int2D, rows: int, ts_venue: int) -> int:
    """Quote both sides if either best price or its lots are not those told last; its id is that of the depth message."""
    bid, ask = ints[BID], ints[ASK]
    bid_lots, ask_lots = lots_at(ring, bid), lots_at(ring, ask)
    if bid == ints[TOLD_BID] and ask == ints[TOLD_ASK] and bid_lots == ints[TOLD_BID_LOTS] and ask_lots == ints[TOLD_ASK_LOTS]:
        return rows
    ints[TOLD_BID], ints[TOLD_BID_LOTS] = bid, bid_lots
    ints[TOLD_ASK], ints[TOLD_ASK_LOTS] = ask, ask_lots
    write_row(tape, rows, ts_venue, ints[SEQ], ints[UPDATE_ID], QUOTE, 1, bid, bid_lots)
    write_row(tape, rows + 1, ts_venue, ints[SEQ], ints[UPDATE_ID], QUOTE, -1, ask, ask_lots)
    bracket(tape, rows, rows + 2)
    ints[SEQ] += 1
    return rows + 2


@kernel
def _fills(
    ints: Int1D, rng: UInt2D, tables: Int2D, tape: Int2D, rows: int, ts_venue: int, side: int, price: int, lots: int
) -> int:
    """One trade per resting order met; order sizes are those of arriving limit orders, the last fill takes what is left."""
    for fill in range(MAX_FILLS):
        size = lots if fill == MAX_FILLS - 1 else min(lots, draw(rng, FLOW_STREAM, tables, LIMIT_LOTS))
        ints[TRADE_ID] += 1
        write_row(tape, rows, ts_venue, ints[SEQ], ints[TRADE_ID], TRADE, side, price, size)
        bracket(tape, rows, rows + 1)
        ints[SEQ] += 1
        rows, lots = rows + 1, lots - size
        if lots == 0:
            break
    return rows


@kernel
def _level(ints: Int1D, ring: Int1D, tape: Int2D, row: int, ts_venue: int, side: int, price: int) -> int:
    """Write a level of the coming depth message as it now stands."""
    write_row(tape, row, ts_venue, ints[SEQ], ints[UPDATE_ID] + 1, DELTA, side, price, lots_at(ring, price))
    return row + 1


@kernel
def _depth_message(ints: Int1D, tape: Int2D, first: int, rows: int) -> int:
    """Close the message of the levels written since `first`."""
    bracket(tape, first, rows)
    ints[SEQ] += 1
    ints[UPDATE_ID] += 1
    return rows


@kernel
def _retreat(ints: Int1D, ring: Int1D, tape: Int2D, rows: int, ts_venue: int, side: int) -> int:
    """Step back from an emptied best to the next level, or to a floor order where there is none within reach."""
    best = BID if side > 0 else ASK
    behind = next_level(ring, ints[best], side, ints[REACH])
    if behind == NO_LEVEL:
        behind = ints[best] - side * ints[FLOOR_GAP]
        set_lots(ring, behind, ints[FLOOR_LOTS])
        rows = _level(ints, ring, tape, rows, ts_venue, side, behind)
    ints[best] = behind
    return rows


@kernel
def _at_widest(ints: Int1D) -> bool:
    return ints[ASK] - ints[BID] > ints[REACH]
