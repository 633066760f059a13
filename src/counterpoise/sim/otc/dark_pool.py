"""DarkPool: hidden orders that meet at the lit mid, beside a replayed or simulated lit market.

The pool's tick is half the lit tick, so that every mid (bid + ask) / 2 is a whole number of its ticks and each fill is exact.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

import numpy as np
from msgspec import structs

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Order, OrderState, OrderType, RejectReason, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.desk import Held, OrderDesk
from counterpoise.sim.fees import Fees
from counterpoise.sim.kernels import dark_match as m
from counterpoise.sim.kernels import dark_pool as k
from counterpoise.sim.kernels.lit import LIT_COLUMNS
from counterpoise.sim.latency import Latency
from counterpoise.sim.otc.crowd import DarkFlow
from counterpoise.sim.otc.lit import LitTape, half_tick_instrument
from counterpoise.sim.request import Request

__all__ = ["DarkFill", "DarkPool"]

_ROWS: Final = 256
_PRIORITIES: Final = ("time", "pro_rata")


class DarkFill(NamedTuple):
    """What is known of a fill to a simulation only."""

    ts_ns: int
    client_id: str
    qty_lots: int
    informed: bool  # whether the other knew where the mid goes


class DarkPool(OrderDesk):
    """A pool of hidden orders that trade at the mid of one lit market.

    Parameters
    ----------
    lit : Instrument
        The lit market; orders here name `instrument`, whose tick is half of its tick.
    flow : DarkFlow
        The other participants, and what the informed among them know.
    fees : Fees
    latency : Latency
    seed : int
    priority : {"time", "pro_rata"}
        Who of those that rest is matched first: the oldest, or all by their size (`sim.kernels.dark_match`).
    venue : str

    Notes
    -----
    A market order follows the mid without a limit and rests; a limit order trades at mids no worse than its price. Nothing is
    displayed. Both sides' least sizes hold for each match alone. While the lit book is not sound nothing trades and others are
    turned away. Our own orders never meet each other. Post-only is refused: at a mid nobody makes or takes a price.
    A fill at t depends on lit rows up to t, and on rows before t when an arrival caused it. Others' arrivals do not depend on
    our orders: with one seed the same others come whatever we do.
    """

    def __init__(
        self,
        lit: Instrument,
        *,
        flow: DarkFlow,
        fees: Fees,
        latency: Latency,
        seed: int = 0,
        priority: Literal["time", "pro_rata"] = "time",
        venue: str = "dark",
    ) -> None:
        if priority not in _PRIORITIES:
            raise UnknownName("priority", priority, _PRIORITIES)
        self.instrument: Final = half_tick_instrument(lit, venue=venue)
        delays, words = np.random.SeedSequence(seed).spawn(2)
        super().__init__(latency, seed=delays)
        self._fees = fees
        self._tape, self._curve, self._par, self._tables = LitTape(), flow.markout.curve, flow.parameters, flow.tables
        self._rng = np.asarray(words.generate_state(4 * k.STREAMS, np.uint64), np.uint64).reshape(k.STREAMS, 4)
        self._state, self._reals = np.zeros(k.STATE_SIZE, np.int64), np.zeros(k.REALS)
        self._state[k.NEXT], self._state[m.PRO_RATA] = m.FAR_NS, priority == "pro_rata"
        self._orders, self._moves = np.zeros((_ROWS, m.ORDER_COLUMNS), np.int64), np.zeros((_ROWS, m.MOVE_COLUMNS), np.int64)
        self._fills = np.zeros((_ROWS, m.FILL_COLUMNS), np.int64)
        self._lit = np.empty((0, LIT_COLUMNS), np.int64)  # rows fed and not yet lived through
        self._done = 0  # of them
        self._known: list[DarkFill] = []

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (self.instrument,)

    def feed(self, events: Events) -> None:
        """Events of the lit market that lie after all fed before; what lies before the pool's time is too late."""
        if events.rows and int(events.ts_local[0]) < self._now_ns:
            raise InputError(
                f"events from {events.ts_local[0]} ns for a pool that stands at {self._now_ns} ns; feed, then advance"
            )
        self._lit, self._done = np.concatenate([self._lit[self._done :], self._tape.rows(events)]), 0

    def submit(self, approved: Approved, *, least_lots: int = 1) -> None:
        """Send an order; no match of it will be smaller than `least_lots`, or than what is left when that is less."""
        order = approved.order
        if not 1 <= least_lots <= order.qty_lots < 2**31:
            raise InputError(
                f"order {order.client_id}: least_lots {least_lots} of {order.qty_lots}; expected 1 to the size, below 2³¹"
            )
        self._take(order, least_lots=least_lots)

    def advance(self, until_ns: int, *, lit_shift_ticks: int = 0) -> None:
        """Live to a time, our requests arriving on the way; lit prices are displaced by `lit_shift_ticks` from here on."""
        arrivals = self._arrivals(until_ns)
        self._state[m.LIT_SHIFT] = lit_shift_ticks
        for due in arrivals:
            self._run(due[0])
            self._receive(*due)
        self._run(until_ns)
        self._now_ns = until_ns

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        """Nothing: a dark pool shows no market data."""
        return iter(())

    def top(self, instrument: str) -> TopOfBook:
        """The mid on both sides with no size shown; zeros and GAPPED while there is none."""
        if instrument != self.instrument.id:
            raise UnknownName("instrument", instrument, [self.instrument.id])
        mid = self.mid_ticks
        return TopOfBook(mid, 0, mid, 0, BookState.SYNCED if mid else BookState.GAPPED)

    @property
    def mid_ticks(self) -> int:
        """Mid at which the pool would match now [its ticks, half a lit tick], 0 for none."""
        return int(m.mid_now(self._state, self._reals, self._moves, self._curve, self._now_ns))

    @property
    def shift_ticks(self) -> int:
        """Lit ticks by which what the informed knew has moved the lit market since they traded with us."""
        return int(m.shift_now(self._state, self._reals, self._moves, self._curve, self._now_ns))

    @property
    def balances(self) -> dict[str, tuple[int, int]]:
        """Signed lots and signed pool ticks × lots of ``ours`` and of the ``crowd``: they add to zero."""
        ours, crowd = self._state[m.OUR_LOTS : m.OUR_CASH + 1], self._state[m.CROWD_LOTS : m.CROWD_CASH + 1]
        return {"ours": (int(ours[0]), int(ours[1])), "crowd": (int(crowd[0]), int(crowd[1]))}

    @property
    def counts(self) -> dict[str, int]:
        """Orders of others that ``arrived``, of them ``turned_away`` without a mid; lots ``matched``, ours included."""
        slots = {"arrived": k.ARRIVED, "turned_away": k.TURNED_AWAY, "matched": m.MATCHED}
        return {name: int(self._state[slot]) for name, slot in slots.items()}

    def known(self) -> tuple[DarkFill, ...]:
        """Fills so far, with what only the simulation knows."""
        return tuple(self._known)

    def _run(self, until_ns: int) -> None:
        """Replay to a time; rows of that very instant stay for later."""
        while True:
            self._done, found, reached = k.advance(
                self._state,
                self._reals,
                self._orders,
                self._moves,
                self._curve,
                self._par,
                self._tables,
                self._rng,
                self._lit,
                self._done,
                until_ns,
                self._fills,
            )
            self._filled(found)
            if reached:
                return
            if not found:
                self._more_room()

    def _more_room(self) -> None:
        self._orders, self._moves, self._fills = (
            np.concatenate([table, np.zeros_like(table)]) for table in (self._orders, self._moves, self._fills)
        )

    def _require(self, order: Order) -> None:
        if order.instrument != self.instrument.id:
            raise UnknownName("instrument", order.instrument, [self.instrument.id])

    def _arrive(self, held: Held, ts_ns: int) -> None:
        self._look(ts_ns)
        reason = self._refusal(held.order, held.left_lots)
        if reason is not None:
            self._refuse(held, ts_ns, reason)
        else:
            self._enter(held, ts_ns)

    def _withdraw(self, held: Held, ts_ns: int) -> None:
        self._remove(held)
        self._update(held, ts_ns, OrderState.CANCELLED)

    def _refusal(self, order: Order, lots: int) -> RejectReason | None:
        mid = int(self._state[m.MID])
        if not mid:
            return RejectReason.BOOK_NOT_SYNCED
        if order.time_in_force is TimeInForce.POST_ONLY:
            return RejectReason.WOULD_TAKE
        if self.instrument.notional(order.price_ticks or mid, lots) < self.instrument.least_notional:
            return RejectReason.BELOW_MIN_NOTIONAL
        return None

    def _change(self, held: Held, ts_ns: int, request: Request) -> None:
        """A smaller size at the same price keeps its place, anything else goes to the back; a refusal changes nothing."""
        self._look(ts_ns)
        if held.state is not OrderState.WORKING:  # the look filled it
            return
        lots, price = request.qty_lots, request.price_ticks
        if lots <= 0 or (price > 0) != (held.order.type is OrderType.LIMIT):
            self._update(held, ts_ns, OrderState.WORKING, RejectReason.OFF_GRID)
            return
        order = structs.replace(held.order, qty_lots=lots, price_ticks=price)
        reason = self._refusal(order, lots)
        if reason is not None:
            self._update(held, ts_ns, OrderState.WORKING, reason)
        elif lots <= held.left_lots and price == held.order.price_ticks:
            self._orders[self._row(held), m.LEFT] = held.left_lots = lots
            self._update(held, ts_ns, OrderState.WORKING)
        else:
            self._remove(held)
            held.order, held.left_lots = order, lots
            self._enter(held, ts_ns)

    def _look(self, ts_ns: int) -> None:
        """See the mid as it is now, which the markout of earlier fills may have moved."""
        self._state[m.NOW] = ts_ns
        self._ensure_room()
        part = np.empty(len(self._orders), np.int64)
        self._filled(k.look(self._state, self._reals, self._orders, self._moves, self._curve, part, self._fills, 0))

    def _ensure_room(self) -> None:
        rows, ours = int(self._state[m.ROWS]), int(self._state[m.OURS])
        most = (ours + 1) * (rows + 2)
        while rows + 2 > len(self._orders) or most > len(self._fills) or self._state[m.MOVES] + most > len(self._moves):
            self._more_room()

    def _enter(self, held: Held, ts_ns: int) -> None:
        order, rests = held.order, held.order.time_in_force is not TimeInForce.IOC
        row = np.array([order.side, order.price_ticks, held.left_lots, held.least_lots, held.number, 0, m.FAR_NS])
        self._ensure_room()
        part = np.empty(len(self._orders), np.int64)
        self._filled(k.enter(self._state, self._orders, self._moves, row, rests, part, self._fills, 0))
        if held.state is not OrderState.FILLED:
            self._update(held, ts_ns, OrderState.WORKING if rests else OrderState.CANCELLED)

    def _row(self, held: Held) -> int:
        owners = self._orders[: self._state[m.ROWS], m.OWNER]
        return int(np.flatnonzero(owners == held.number)[0])

    def _remove(self, held: Held) -> None:
        self._orders[self._row(held), m.LEFT] = 0
        m.tidy(self._state, self._orders, self._state[m.NOW])

    def _filled(self, found: int) -> None:
        for ts_ns, number, price, lots, maker, informed in self._fills[:found].tolist():
            held = self._held[self._ids[number]]
            held.left_lots -= lots
            self._known.append(DarkFill(ts_ns, held.order.client_id, lots, bool(informed)))
            fee = self._fees.fee(self.instrument, price, lots, maker=bool(maker))
            self._fill(held, ts_ns, price_ticks=price, qty_lots=lots, fee=fee, maker=bool(maker))
            if held.left_lots == 0:
                self._update(held, ts_ns, OrderState.FILLED)
