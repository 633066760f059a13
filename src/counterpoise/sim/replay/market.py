"""One recorded market that our orders stand in, take from and move."""

from __future__ import annotations

from itertools import pairwise
from math import ceil
from typing import Final, NamedTuple, TypeAlias

import numpy as np

from counterpoise.core.arrays import Int1D, Int8_1D, UInt8_1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import BPS
from counterpoise.market.book import grow_ladder, new_ladder
from counterpoise.market.event import DELTA, ORDER, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.ladder import BEST, HEAD, NO_KEY, room
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.kernels import replay as k
from counterpoise.sim.kernels import replay_orders as own
from counterpoise.sim.kernels import replay_state as at
from counterpoise.sim.kernels.consumption import shown_depth
from counterpoise.sim.kernels.displacement import remembered
from counterpoise.sim.replay.queue import QueueModel
from counterpoise.sim.replay.response import NO_RESPONSE, ResponseModel

__all__ = ["CONSERVATIVE", "Execution", "ReplayMarket"]

Columns: TypeAlias = tuple[Int1D, Int1D, UInt8_1D, Int8_1D, UInt8_1D, Int1D, Int1D]  # of events, as the kernel takes them

CONSERVATIVE: Final = QueueModel()
_TAKEN_ROWS: Final = 4096
_ORDER_ROWS: Final = 1024
_FILL_ROWS: Final = 1024  # at least as many as orders
_JOINED_ROWS: Final = 4096
_FAR_PRICE: Final = 2**61
_MILLION: Final = 1e6
_STATES: Final = tuple(BookState(i) for i in range(len(BookState)))


class Execution(NamedTuple):
    """A piece of one of our orders that traded: `number` is the resting order's, −1 for an aggressive one."""

    ts_ns: int
    number: int
    price_ticks: int
    qty_lots: int


class ReplayMarket:
    """Replays one instrument's events and answers to our orders.

    An order joins behind all that is displayed at its price; `queue` says what becomes of that. It is filled by a trade through
    its price, by a trade at its price once nothing is ahead, or when the opposite side moves onto its price, by what stands
    there. Of our own orders the best price goes first, then the oldest. Nothing is filled while the book is not SYNCED.

    Every fill of ours, taken or given, displaces the quotes as `response` says, and pays half of its own displacement: what we
    take in price, and what waits in fills, since the quotes must come so much further to reach it. When the displacement
    becomes another tick, all that then stands at our price is ahead of us.

    Parameters
    ----------
    response : ResponseModel
        What our own orders leave behind; with `NO_RESPONSE` the book shown is the recorded one exactly.
    queue : QueueModel

    Raises
    ------
    InputError
        If `response` calls up followers without saying how much trades.
    """

    def __init__(self, instrument: Instrument, response: ResponseModel = NO_RESPONSE, queue: QueueModel = CONSERVATIVE) -> None:
        self.instrument, self.response, self.queue = instrument, response, queue
        resilience = response.resilience
        self._least_steps = ceil(instrument.least_notional / instrument.notional(1, 1))
        self._book = new_ladder()
        self._standing = np.zeros(at.STANDING_SIZE, np.int64)
        self._standing[STATE] = BookState.GAPPED
        self._standing[at.WAKE_NS] = at.NEVER
        self._standing[at.HALF_NS] = resilience.half_life_ns
        self._standing[at.HALF_BEHIND_NS] = resilience.half_life_behind_ns
        self._standing[at.MODEL] = queue.code
        self._standing[at.INVERSE] = instrument.inverse
        self._shift, self._flow = response.memories()
        self._terms = np.zeros(at.TERMS_SIZE)
        worth = float(instrument.notional(1, 1)) / _MILLION
        self._terms[at.PUSH] = response.impact.bps_per_million * BPS * worth
        self._terms[at.CANCELS] = resilience.cancels
        self._terms[at.VOLUME] = response.lots_per_ns(instrument)
        self._terms[at.POWER_OF] = queue.power
        self._waiting: list[tuple[Columns, int]] = []  # and how many rows they have
        self._done = 0  # rows of the first waiting piece
        self._next_ns = at.NEVER  # time of the next row; -1 when it is not known
        self._orders = np.zeros((_ORDER_ROWS, at.ORDER_COLUMNS), np.int64)
        self._places = np.zeros((_ORDER_ROWS, at.PLACE_COLUMNS))
        self._joined = np.zeros((_JOINED_ROWS if queue.code == at.EXACT else 1, at.JOINED_COLUMNS), np.int64)
        self._taken = np.zeros((_TAKEN_ROWS, at.TAKEN_COLUMNS), np.int64)
        self._fills = np.zeros((_FILL_ROWS, at.FILL_COLUMNS), np.int64)
        self._top, self._top_ns = np.zeros(5, np.int64), -1  # as of when it was looked at last
        self._forgets = not resilience.half_life_ns

    @property
    def state(self) -> BookState:
        return _STATES[int(self._standing[STATE])]

    def feed(self, events: Events) -> None:
        """Append events that lie after all fed before.

        Raises
        ------
        DataError
            If the queue is to be exact and a change of the book names no order.
        """
        if not events.rows:
            return
        if self.queue.code == at.EXACT:
            _require_orders(events, self.instrument.id)
        columns = (
            events.ts_local,
            events.id,
            events.kind,
            events.side,
            events.flags,
            events.price_ticks,
            events.qty_lots,
        )
        if not self._waiting:
            self._next_ns = int(events.ts_local[0])
        self._waiting.append((columns, events.rows))

    def run(self, until_ns: int) -> list[Execution]:
        """Replay rows with ts_local < until_ns, up to the first row that fills a resting order.

        An empty list means that the time was reached.
        """
        if until_ns <= self._next_ns:
            if self._forgets and not len(self._shift):  # then nothing changes with time alone
                self._top_ns = until_ns if self._top_ns >= 0 else -1
            return []
        while self._waiting:
            columns, rows = self._waiting[0]
            self._make_room()
            self._done, found = k.replay_rows(
                self._book,
                self._standing,
                self._terms,
                self._orders,
                self._places,
                self._joined,
                self._taken,
                self._shift,
                self._flow,
                *columns,
                self._done,
                until_ns,
                self._fills,
                self._top,
            )
            self._top_ns = -1 if found else until_ns
            if found:
                self._next_ns = -1
                own.drop_filled(self._orders, self._places, self._standing)
                return self._executions(found)
            if self._done == rows:
                self._waiting.pop(0)
                self._done = 0
            elif columns[0][self._done] < until_ns:
                self._grow(int(columns[3][self._done]))
            else:
                self._next_ns = int(columns[0][self._done])
                return []
        self._next_ns = at.NEVER
        return []

    def _make_room(self) -> None:
        """A kernel may take from as many more levels as it may write fills."""
        if not self._forgets and len(self._taken) - self._standing[at.TAKEN_ROWS] < len(self._fills):
            self._taken = np.concatenate([self._taken, np.zeros_like(self._taken)])

    def _grow(self, side: int) -> None:
        """A kernel stopped for want of room."""
        if room(self._book, (1 - side) >> 1):
            self._joined = np.concatenate([self._joined, np.zeros_like(self._joined)])
        else:
            self._book = grow_ladder(self._book)

    def _executions(self, found: int) -> list[Execution]:
        return [Execution._make(fill) for fill in self._fills[:found].tolist()]

    def shift_ticks(self, ts_ns: int) -> int:
        """By how many ticks our own impact displaces the quotes at a time."""
        return round(self.displacement(ts_ns))

    def displacement(self, ts_ns: int) -> float:
        """The same before it is rounded to ticks."""
        return float(remembered(self._shift, self._standing[at.SHIFT_NS], ts_ns))

    def top(self, ts_ns: int) -> TopOfBook:
        """Best prices and sizes as shown to us."""
        if ts_ns != self._top_ns:
            k.show_top(self._book, self._taken, self._standing, self._shift, ts_ns, self._top)
            self._top_ns = ts_ns
        bid, bid_lots, ask, ask_lots, state = self._top.tolist()
        return TopOfBook(bid, bid_lots, ask, ask_lots, _STATES[state])

    def recorded_mid_ticks(self) -> float:
        """Mid of the recording, which knows nothing of us; NaN when a side is empty."""
        bid, ask = int(self._book[BEST]), int(self._book[HEAD + BEST])
        return float("nan") if NO_KEY in (bid, ask) else (bid - ask) / 2

    def large_enough(self, price_ticks: int, lots: int) -> bool:
        """Whether an order is worth the least that the venue takes, in whole numbers."""
        return lots * (1 if self.instrument.inverse else price_ticks) >= self._least_steps

    def mid_before_fill(self, ts_ns: int) -> float:
        """Mid as shown at a time, less what the fill of resting orders at that time moved it by; NaN when a side is empty."""
        top = self.top(ts_ns)
        moved = self.shift_ticks(ts_ns) - int(self._standing[at.FILLED_AT])
        return (top.bid_ticks + top.ask_ticks) / 2 - moved if top.bid_ticks and top.ask_ticks else float("nan")

    def take(self, ts_ns: int, side: int, lots: int, limit_ticks: int | None) -> list[Execution]:
        """Take from the opposite side now, at shown prices no worse than the limit; then the quotes move."""
        limit = side * _FAR_PRICE if limit_ticks is None else limit_ticks
        out: list[Execution] = []
        left, full = lots, True
        while left and full:
            pieces = self._executions(self._sweep(ts_ns, side, left, limit))
            filled = sum(piece.qty_lots for piece in pieces)
            full = len(pieces) == len(self._fills)
            if full and filled < left and not self._standing[at.HALF_NS]:  # the kernel left all as it was
                self._fills = np.concatenate([self._fills, np.zeros_like(self._fills)])
                continue
            out += pieces
            left -= filled
        return out

    def _sweep(self, ts_ns: int, side: int, lots: int, limit: int) -> int:
        """Take from as many levels as `_fills` has rows for; returns how many."""
        self._make_room()
        self._top_ns = -1
        return int(
            own.take(
                self._book,
                self._orders,
                self._places,
                self._taken,
                self._standing,
                self._terms,
                self._shift,
                self._flow,
                ts_ns,
                side,
                lots,
                limit,
                self._fills,
            )
        )

    def rest(self, number: int, ts_ns: int, side: int, price_ticks: int, lots: int) -> None:
        """Put an order into the book behind all that is displayed at its price."""
        if self._standing[at.ORDER_ROWS] == _ORDER_ROWS:
            raise InputError(f"{self.instrument.id}: {_ORDER_ROWS} orders rest already; cancel some first")
        own.rest(
            self._book,
            self._orders,
            self._places,
            self._standing,
            self._terms,
            self._shift,
            number,
            ts_ns,
            side,
            price_ticks,
            lots,
        )

    def remove(self, number: int) -> int:
        """Take an order out of the book; returns the lots that were left, 0 when it does not rest."""
        return int(own.remove(self._orders, self._places, self._standing, number))

    def shrink(self, number: int, lots: int) -> None:
        """Make a resting order smaller; it keeps its place in the queue."""
        row = own.row_of(self._orders, self._standing, number)
        if row < 0:
            raise InputError(f"{self.instrument.id}: order {number} does not rest, so it cannot be made smaller")
        self._orders[row, at.LEFT] = lots

    def left(self, number: int) -> int:
        """Lots of a resting order, 0 when it does not rest."""
        row = own.row_of(self._orders, self._standing, number)
        return int(self._orders[row, at.LEFT]) if row >= 0 else 0

    def ahead(self, number: int) -> float:
        """Lots that the queue model has ahead of a resting order; NaN when it does not rest."""
        row = own.row_of(self._orders, self._standing, number)
        return float(self._places[row, at.AHEAD]) if row >= 0 else float("nan")

    def depth_rows(self, ts_ns: int, edges_ticks: Int1D) -> Int1D:
        """Lots shown between consecutive prices, (m + 1,) ascending → (m,): bids count up, asks down."""
        edges = (edges_ticks - self.shift_ticks(ts_ns)).tolist()
        depth = np.zeros(len(edges) - 1, np.int64)
        for i, (low, high) in enumerate(pairwise(edges)):
            bid = shown_depth(self._book, self._taken, self._standing, 0, low, high - 1, ts_ns)
            ask = shown_depth(self._book, self._taken, self._standing, 1, 1 - high, -low, ts_ns)
            depth[i] = bid - ask
        return depth


def _require_orders(events: Events, instrument: str) -> None:
    """Refuse changes of the book that name no order, when there is not one that does."""
    changes = events.flags[events.kind == DELTA]
    if len(changes) and not (changes & ORDER).any():
        raise DataError(
            f"{instrument}: queue 'exact' needs a recording that names every order (flag ORDER), and none of {len(changes)} "
            "changes of the book names one; take 'conservative', 'proportional', 'power:N' or 'log'"
        )
