"""One recorded market that our orders stand in, take from and move."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.market.book import grow_ladder, new_ladder
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE, STATUS_SIZE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, depth_between, quantity_at
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.kernels import replay as k
from counterpoise.sim.response import Response

__all__ = ["Execution", "ReplayMarket"]

_TAKEN_ROWS: Final = 4096
_FILL_ROWS: Final = 1024
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
    first; cancels are assumed to come from behind us until the level is smaller than what is ahead. An order is filled by a
    trade through its price, by a trade at its price once nothing is ahead, or when the opposite side moves onto its price.

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
        self._now_ns = 0
        self._shift = np.zeros(len(self._impact.shares))
        self._rates = self._impact.rates
        self._shift_ns = 0
        self._taken = np.zeros((_TAKEN_ROWS, k.TAKEN_COLUMNS), np.int64)
        self._taken_rows = 0
        self._orders: Int2D = np.zeros((0, k.ORDER_COLUMNS), np.int64)
        self._numbers: list[int] = []
        self._fills = np.zeros((_FILL_ROWS, k.FILL_COLUMNS), np.int64)

    @property
    def state(self) -> BookState:
        return BookState(int(self._status[STATE]))

    def feed(self, events: Events) -> None:
        """Append events that lie after all fed before."""
        if events.rows:
            self._waiting.append(events)

    def run(self, until_ns: int) -> list[Execution]:
        """Replay rows with ts_local < until_ns, up to the first fill of a resting order.

        An empty list means that the time was reached.
        """
        while self._waiting:
            events = self._waiting[0]
            done, found = k.replay_rows(
                self._book,
                self._status,
                self._orders,
                self._shift,
                self._rates,
                self._shift_ns,
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
            self._done = done
            if found:
                executions = [self._execution(self._fills[i]) for i in range(found)]
                self._now_ns = executions[-1].ts_ns
                self._drop_filled()
                return executions
            if done < events.rows and int(events.ts_local[done]) < until_ns:
                self._book = grow_ladder(self._book)
            elif done == events.rows:
                self._waiting.pop(0)
                self._done = 0
            else:
                break
        self._now_ns = max(self._now_ns, until_ns)
        return []

    def _execution(self, fill: Int1D) -> Execution:
        ts_ns, row, price, lots = (int(x) for x in fill)
        return Execution(ts_ns, self._numbers[row] if row >= 0 else -1, price, lots)

    def _drop_filled(self) -> None:
        keep = np.flatnonzero(self._orders[:, k.LEFT] > 0)
        self._numbers = [self._numbers[i] for i in keep]
        self._orders = np.ascontiguousarray(self._orders[keep])

    def shift_ticks(self, ts_ns: int) -> int:
        """By how many ticks our own impact displaces the quotes at a time."""
        return int(np.rint(k.shift_at(self._shift, self._rates, self._shift_ns, ts_ns)))

    def top(self, ts_ns: int) -> TopOfBook:
        """Best prices and sizes as shown to us."""
        shift, found = self.shift_ticks(ts_ns), np.zeros(2, np.int64)
        prices, lots = [0, 0], [0, 0]
        for index in range(2):
            if self._half_life_ns:
                k.best_shown(self._book, self._taken, self._taken_rows, index, ts_ns, self._half_life_ns, found)
            else:
                key = self._book[index * HEAD + BEST]
                found[0], found[1] = key, 0 if key == NO_KEY else quantity_at(self._book, index, key)
            if int(found[0]) != NO_KEY:
                prices[index], lots[index] = int(found[0]) * (1 - 2 * index) + shift, int(found[1])
        return TopOfBook(prices[0], lots[0], prices[1], lots[1], self.state)

    def recorded_mid_ticks(self) -> float:
        """Mid of the recording, which knows nothing of us; NaN when a side is empty."""
        bid, ask = int(self._book[BEST]), int(self._book[HEAD + BEST])
        return float("nan") if NO_KEY in (bid, ask) else (bid - ask) / 2

    def take(self, ts_ns: int, side: int, lots: int, limit_ticks: int | None) -> list[Execution]:
        """Take from the opposite side now, at shown prices no worse than the limit; then the quotes shift."""
        limit = side * _FAR_PRICE if limit_ticks is None else limit_ticks
        shift = self.shift_ticks(ts_ns)
        out: list[Execution] = []
        left = lots
        while left:
            found, self._taken_rows = k.take(
                self._book, self._taken, self._taken_rows, side, limit, left, shift, ts_ns, self._half_life_ns, self._fills
            )
            if not found:
                break
            out += [self._execution(self._fills[i]) for i in range(found)]
            left -= int(self._fills[:found, 3].sum())
            if self._taken_rows == len(self._taken):
                self._taken = np.concatenate([self._taken, np.zeros_like(self._taken)])
            elif found < len(self._fills):
                break
            elif not self._half_life_ns:
                raise InputError(
                    f"an order that sweeps {found} levels of a book that keeps no trace of it; give a refill half-life"
                )
        self._move(ts_ns, side, out)
        return out

    def _move(self, ts_ns: int, side: int, executions: list[Execution]) -> None:
        """Shift the quotes by what was taken."""
        if not executions or not self._impact.bps_per_million:
            return
        decayed = self._shift * np.exp(-self._rates * (ts_ns - self._shift_ns))
        ticks = 0.0
        for fill in executions:
            notional = float(self.instrument.notional(fill.price_ticks, fill.qty_lots))
            ticks += self._impact.ticks_per_lot(notional_per_lot=notional, price_ticks=fill.price_ticks)
        self._shift = decayed + side * ticks * self._impact.shares
        self._shift_ns = ts_ns

    def rest(self, number: int, ts_ns: int, side: int, price_ticks: int, lots: int) -> None:
        """Put an order into the book behind all that is displayed at its price."""
        if len(self._numbers) == _FILL_ROWS:
            raise InputError(f"{self.instrument.id}: {_FILL_ROWS} orders rest already; cancel some first")
        index = (1 - side) >> 1
        queue = int(quantity_at(self._book, index, side * (price_ticks - self.shift_ticks(ts_ns))))
        self._orders = np.vstack([self._orders, np.array([[side, price_ticks, lots, queue]], np.int64)])
        self._numbers.append(number)

    def remove(self, number: int) -> int:
        """Take an order out of the book; returns the lots that were left, 0 when it does not rest."""
        if number not in self._numbers:
            return 0
        row = self._numbers.index(number)
        left = int(self._orders[row, k.LEFT])
        self._numbers.pop(row)
        self._orders = np.ascontiguousarray(np.delete(self._orders, row, axis=0))
        return left

    def shrink(self, number: int, lots: int) -> None:
        """Make a resting order smaller; it keeps its place in the queue."""
        self._orders[self._numbers.index(number), k.LEFT] = lots

    def left(self, number: int) -> int:
        """Lots of a resting order, 0 when it does not rest."""
        return int(self._orders[self._numbers.index(number), k.LEFT]) if number in self._numbers else 0

    def depth_rows(self, ts_ns: int, edges_ticks: Int1D) -> Int1D:
        """Lots shown between consecutive prices, (m + 1,) ascending → (m,): bids positive, asks negative."""
        shift = self.shift_ticks(ts_ns)
        rows = np.zeros(len(edges_ticks) - 1, np.int64)
        for i, (low, high) in enumerate(zip(edges_ticks[:-1] - shift, edges_ticks[1:] - shift, strict=True)):
            bid = depth_between(self._book, 0, int(low), int(high) - 1)
            rows[i] = bid if bid else -depth_between(self._book, 1, int(-high) + 1, int(-low))
        return rows
