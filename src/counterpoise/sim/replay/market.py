"""One recorded market that our orders stand in, take from and move."""

from __future__ import annotations

from itertools import pairwise
from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.market.book import grow_ladder, new_ladder
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE, STATUS_SIZE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, quantity_at
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.kernels import replay as k
from counterpoise.sim.replay.response import Response

__all__ = ["Execution", "ReplayMarket"]

_TAKEN_ROWS: Final = 4096
_ORDER_ROWS: Final = 1024
_FILL_ROWS: Final = 1024  # at least as many as orders
_FAR_PRICE: Final = 2**61


class Execution(NamedTuple):
    """A piece of one of our orders that traded: `number` is the resting order's, −1 for an aggressive one."""

    ts_ns: int
    number: int
    price_ticks: int
    qty_lots: int


class ReplayMarket:
    """Replays one instrument's events and answers to our orders.

    Queue model (conservative): an order joins behind all that is displayed at its price; trades at the price eat what is ahead
    first; cancels are assumed to come from behind us until the level is smaller than what is ahead; when our own impact moves
    the quotes, all that then stands at our price is ahead of us. An order is filled by a trade through its price, by a trade at
    its price once nothing is ahead, or when the opposite side moves onto its price, by what stands there. Of our own orders the
    best price goes first, then the oldest. Nothing is filled while the book is not SYNCED.

    Parameters
    ----------
    response : Response
        What our own orders leave behind; with `NO_RESPONSE` the book shown is the recorded one exactly.
    """

    def __init__(self, instrument: Instrument, response: Response) -> None:
        self.instrument = instrument
        self._impact = response.impact
        self._half_life_ns = response.refill_half_life_ns
        self._book = new_ladder()
        self._status = np.zeros(STATUS_SIZE, np.int64)
        self._status[STATE] = BookState.GAPPED
        self._waiting: list[Events] = []
        self._done = 0  # rows of the first waiting piece
        self._shift: Float1D = np.zeros(0)  # empty until something was taken: then nothing is to be decayed
        self._rates = self._impact.rates
        self._shift_ns = 0
        self._taken = np.zeros((_TAKEN_ROWS, k.TAKEN_COLUMNS), np.int64)
        self._room = np.zeros((_ORDER_ROWS, k.ORDER_COLUMNS), np.int64)
        self._orders: Int2D = self._room[:0]
        self._numbers: list[int] = []
        self._standing = np.zeros(k.STANDING_SIZE, np.int64)
        self._fills = np.zeros((_FILL_ROWS, k.FILL_COLUMNS), np.int64)
        self._top = np.zeros(4, np.int64)

    @property
    def state(self) -> BookState:
        return BookState(int(self._status[STATE]))

    def feed(self, events: Events) -> None:
        """Append events that lie after all fed before."""
        if events.rows:
            self._waiting.append(events)

    def run(self, until_ns: int) -> list[Execution]:
        """Replay rows with ts_local < until_ns, up to the first row that fills a resting order.

        An empty list means that the time was reached.
        """
        while self._waiting:
            events = self._waiting[0]
            self._make_room()
            self._done, found = k.replay_rows(
                self._book,
                self._status,
                self._orders,
                self._taken,
                self._standing,
                self._shift,
                self._rates,
                self._shift_ns,
                self._half_life_ns,
                events.ts_local,
                events.kind,
                events.side,
                events.flags,
                events.price_ticks,
                events.qty_lots,
                self._done,
                until_ns,
                self._fills,
            )
            if found:
                executions = self._executions(found)
                self._drop_filled()
                return executions
            if self._done == events.rows:
                self._waiting.pop(0)
                self._done = 0
            elif int(events.ts_local[self._done]) < until_ns:
                self._book = grow_ladder(self._book)
            else:
                break
        return []

    def _make_room(self) -> None:
        """A kernel may take from as many more levels as it may write fills."""
        if len(self._taken) - int(self._standing[k.TAKEN_ROWS]) < len(self._fills):
            self._taken = np.concatenate([self._taken, np.zeros_like(self._taken)])

    def _executions(self, found: int) -> list[Execution]:
        return [
            Execution(ts_ns, self._numbers[row] if row >= 0 else -1, price, lots)
            for ts_ns, row, price, lots in self._fills[:found].tolist()
        ]

    def _drop_filled(self) -> None:
        for row in np.flatnonzero(self._orders[:, k.LEFT] == 0)[::-1].tolist():
            self._drop(row)

    def _drop(self, row: int) -> None:
        self._numbers.pop(row)
        self._orders[row:-1] = self._orders[row + 1 :]
        self._orders = self._room[: len(self._numbers)]

    def shift_ticks(self, ts_ns: int) -> int:
        """By how many ticks our own impact displaces the quotes at a time."""
        return int(np.rint(k.shift_at(self._shift, self._rates, self._shift_ns, ts_ns))) if len(self._shift) else 0

    def top(self, ts_ns: int) -> TopOfBook:
        """Best prices and sizes as shown to us."""
        k.show_top(
            self._book,
            self._taken,
            self._standing[k.TAKEN_ROWS],
            self._shift,
            self._rates,
            self._shift_ns,
            ts_ns,
            self._half_life_ns,
            self._top,
        )
        bid, bid_lots, ask, ask_lots = self._top.tolist()
        return TopOfBook(bid, bid_lots, ask, ask_lots, self.state)

    def recorded_mid_ticks(self) -> float:
        """Mid of the recording, which knows nothing of us; NaN when a side is empty."""
        bid, ask = int(self._book[BEST]), int(self._book[HEAD + BEST])
        return float("nan") if NO_KEY in (bid, ask) else (bid - ask) / 2

    def take(self, ts_ns: int, side: int, lots: int, limit_ticks: int | None) -> list[Execution]:
        """Take from the opposite side now, at shown prices no worse than the limit; then the quotes shift."""
        limit = side * _FAR_PRICE if limit_ticks is None else limit_ticks
        if self._half_life_ns:
            self._standing[k.TAKEN_ROWS] = k.forget(self._taken, self._standing[k.TAKEN_ROWS], ts_ns, self._half_life_ns)
        out: list[Execution] = []
        left, full = lots, True
        while left and full:
            found = self._sweep(ts_ns, side, left, limit)
            full = found == len(self._fills)
            if full and not self._half_life_ns:  # nothing was left behind: do it again with room for all
                self._fills = np.concatenate([self._fills, np.zeros_like(self._fills)])
                continue
            out += self._executions(found)
            left -= int(self._fills[:found, 3].sum())
        self._move(ts_ns, side, out)
        return out

    def _sweep(self, ts_ns: int, side: int, lots: int, limit: int) -> int:
        """Take from as many levels as `_fills` has rows for; returns how many."""
        self._make_room()
        rows, shift = self._standing[k.TAKEN_ROWS], self.shift_ticks(ts_ns)
        found, self._standing[k.TAKEN_ROWS] = k.take(
            self._book, self._taken, rows, side, limit, lots, shift, ts_ns, self._half_life_ns, self._fills
        )
        return int(found)

    def _move(self, ts_ns: int, side: int, executions: list[Execution]) -> None:
        """Shift the quotes by what was taken."""
        if not executions or not self._impact.bps_per_million:
            return
        ticks = 0.0
        for fill in executions:
            notional = float(self.instrument.notional(fill.price_ticks, fill.qty_lots))
            ticks += self._impact.ticks_per_lot(notional_per_lot=notional, price_ticks=fill.price_ticks)
        added = side * ticks * self._impact.shares
        decayed = self._shift * np.exp(-self._rates * (ts_ns - self._shift_ns)) if len(self._shift) else 0.0
        self._shift, self._shift_ns = decayed + added, ts_ns
        k.requeue(self._book, self._orders, self._standing, self.shift_ticks(ts_ns))

    def rest(self, number: int, ts_ns: int, side: int, price_ticks: int, lots: int) -> None:
        """Put an order into the book behind all that is displayed at its price."""
        count = len(self._numbers)
        if count == _ORDER_ROWS:
            raise InputError(f"{self.instrument.id}: {_ORDER_ROWS} orders rest already; cancel some first")
        queue = int(quantity_at(self._book, (1 - side) >> 1, side * (price_ticks - self.shift_ticks(ts_ns))))
        better = -self._orders[:, k.SIDE] * self._orders[:, k.PRICE]  # smaller goes first
        row = int(np.searchsorted(better, -side * price_ticks, side="right"))
        if row and better[row - 1] == -side * price_ticks:  # never ahead of an older order of ours
            queue = max(queue, int(self._orders[row - 1, k.QUEUE]))
        self._room[row + 1 : count + 1] = self._room[row:count]
        self._room[row] = side, price_ticks, lots, queue
        self._orders = self._room[: count + 1]
        self._numbers.insert(row, number)

    def remove(self, number: int) -> int:
        """Take an order out of the book; returns the lots that were left, 0 when it does not rest."""
        if number not in self._numbers:
            return 0
        row = self._numbers.index(number)
        left = int(self._orders[row, k.LEFT])
        self._drop(row)
        return left

    def shrink(self, number: int, lots: int) -> None:
        """Make a resting order smaller; it keeps its place in the queue."""
        self._orders[self._numbers.index(number), k.LEFT] = lots

    def left(self, number: int) -> int:
        """Lots of a resting order, 0 when it does not rest."""
        return int(self._orders[self._numbers.index(number), k.LEFT]) if number in self._numbers else 0

    def depth_rows(self, ts_ns: int, edges_ticks: Int1D) -> Int1D:
        """Lots shown between consecutive prices, (m + 1,) ascending → (m,): bids count up, asks down."""
        edges = (edges_ticks - self.shift_ticks(ts_ns)).tolist()
        rows = self._standing[k.TAKEN_ROWS]
        depth = np.zeros(len(edges) - 1, np.int64)
        for i, (low, high) in enumerate(pairwise(edges)):
            bid = k.shown_depth(self._book, self._taken, rows, 0, low, high - 1, ts_ns, self._half_life_ns)
            ask = k.shown_depth(self._book, self._taken, rows, 1, 1 - high, -low, ts_ns, self._half_life_ns)
            depth[i] = bid - ask
        return depth
