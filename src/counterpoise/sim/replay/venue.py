"""SimVenue: the Venue port over a replayed or synthetic feed, with latency, fees, a queue, and a book that moves when we trade.

Time runs on the feed's ts_local axis; `counterpoise.sim.connection` says when requests arrive and reports are heard.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Final, NamedTuple

from msgspec import structs

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import UnknownName
from counterpoise.market.event import Events, Feed
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import (
    Conditions,
    Order,
    OrderState,
    OrderType,
    RejectReason,
    TimeInForce,
)
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.desk import Held, OrderDesk
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import Latency
from counterpoise.sim.replay.market import CONSERVATIVE, Execution, ReplayMarket
from counterpoise.sim.replay.queue import QueueModel
from counterpoise.sim.replay.response import NO_RESPONSE, ResponseModel
from counterpoise.sim.request import Request

__all__ = ["FillContext", "SimVenue"]


class FillContext(NamedTuple):
    """What a fill cost by whose doing: known to a simulation only. While a side is empty a mid is the price of the fill."""

    ts_ns: int
    client_id: str
    shown_mid_ticks: float  # just before the fill, our own impact included
    recorded_mid_ticks: float  # of the recording, which knows nothing of us


class SimVenue(OrderDesk):
    """A venue made of a feed and models.

    Parameters
    ----------
    feed : Feed
        Recorded or synthetic events; the venue reads it alone and hands the events on through `market`.
    response : ResponseModel
        How the market answers to our orders; `NO_RESPONSE` for a plain replay.
    queue : QueueModel
        Who stands ahead of our resting orders.
    fees : Fees
    latency : Latency
    seed : int
        Of the latency model's randomness.
    """

    def __init__(
        self,
        feed: Feed,
        *,
        response: ResponseModel = NO_RESPONSE,
        queue: QueueModel = CONSERVATIVE,
        fees: Fees,
        latency: Latency,
        seed: int = 0,
    ) -> None:
        super().__init__(latency, seed=seed)
        self._feed, self._fees = feed, fees
        self._markets: Final = {i.id: ReplayMarket(i, response, queue) for i in feed.instruments}
        self._arrived: list[tuple[Instrument, Events]] = []
        self._contexts: list[FillContext] = []

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._feed.instruments

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last time of the feed."""
        return self._feed.span_ns

    def advance(self, until_ns: int) -> None:
        """Replay to a time, our requests arriving on the way."""
        arrivals = self._arrivals(until_ns)
        for instrument, events in self._feed.until(until_ns):
            self._arrived.append((instrument, events))
            self._markets[instrument.id].feed(events)
        for ts_ns, request in arrivals:
            self._replay(ts_ns)
            self._receive(ts_ns, request)
        self._replay(until_ns)
        self._now_ns = until_ns

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        """Market events that arrived since the last call."""
        arrived, self._arrived = self._arrived, []
        return iter(arrived)

    def top(self, instrument: str) -> TopOfBook:
        return self._market(instrument).top(self._now_ns)

    def depth_rows(self, instrument: str, edges_ticks: Int1D) -> Int1D:
        """Lots shown between consecutive prices; bids positive, asks negative."""
        return self._market(instrument).depth_rows(self._now_ns, edges_ticks)

    def contexts(self) -> Sequence[FillContext]:
        """One per fill so far: what the mid was, with and without our own impact."""
        return self._contexts

    def _require(self, order: Order) -> None:
        self._market(order.instrument)

    def _market(self, instrument: str) -> ReplayMarket:
        try:
            return self._markets[instrument]
        except KeyError:
            raise UnknownName("instrument of this venue", instrument, self._markets) from None

    def _replay(self, until_ns: int) -> None:
        for market in self._markets.values():
            while executions := market.run(until_ns):
                mid = market.mid_before_fill(executions[0].ts_ns)
                for execution in executions:
                    held = self._held[self._ids[execution.number]]
                    self._filled(held, execution, market, maker=True, shown_mid_ticks=mid)

    def _withdraw(self, held: Held, ts_ns: int) -> None:
        self._market(held.order.instrument).remove(held.number)
        self._update(held, ts_ns, OrderState.CANCELLED)

    def _arrive(self, held: Held, ts_ns: int) -> None:
        """An order reaches the book: take what it may, then rest, or not."""
        order, market = held.order, self._market(held.order.instrument)
        reason = _refusal(order, market, ts_ns)
        if reason is not None:
            self._refuse(held, ts_ns, reason)
            return
        self._enter(held, market, ts_ns)

    def _enter(self, held: Held, market: ReplayMarket, ts_ns: int) -> None:
        order = held.order
        if order.time_in_force is not TimeInForce.POST_ONLY:
            limit = order.price_ticks if order.type is OrderType.LIMIT else None
            top = market.top(ts_ns)
            mid = (top.bid_ticks + top.ask_ticks) / 2 if top.bid_ticks and top.ask_ticks else float("nan")
            for execution in market.take(ts_ns, order.side, held.left_lots, limit):
                self._filled(held, execution, market, maker=False, shown_mid_ticks=mid)
        if held.state is OrderState.FILLED:
            return
        if order.type is OrderType.LIMIT and order.time_in_force is not TimeInForce.IOC:
            market.rest(held.number, ts_ns, order.side, order.price_ticks, held.left_lots)
            self._update(held, ts_ns, OrderState.WORKING)
        else:
            self._update(held, ts_ns, OrderState.CANCELLED)

    def _change(self, held: Held, ts_ns: int, request: Request) -> None:
        """A smaller size at the same price keeps the place in the queue, anything else goes to the back.

        An amendment that is refused changes nothing: the order works on, and the answer says why.
        """
        market = self._market(held.order.instrument)
        if request.qty_lots <= 0 or request.price_ticks <= 0:
            self._update(held, ts_ns, OrderState.WORKING, RejectReason.OFF_GRID)
            return
        order = structs.replace(held.order, qty_lots=request.qty_lots, price_ticks=request.price_ticks)
        reason = _refusal(order, market, ts_ns)
        if reason is not None:
            self._update(held, ts_ns, OrderState.WORKING, reason)
        elif request.qty_lots <= held.left_lots and request.price_ticks == held.order.price_ticks:
            market.shrink(held.number, request.qty_lots)
            held.left_lots = request.qty_lots
            self._update(held, ts_ns, OrderState.WORKING)
        else:
            market.remove(held.number)
            held.order, held.left_lots = order, request.qty_lots
            self._enter(held, market, ts_ns)

    def _filled(self, held: Held, execution: Execution, market: ReplayMarket, *, maker: bool, shown_mid_ticks: float) -> None:
        ts_ns, price, lots = execution.ts_ns, execution.price_ticks, execution.qty_lots
        self._contexts.append(_context(held, execution, shown_mid_ticks, market.recorded_mid_ticks()))
        held.left_lots -= lots
        fee = self._fees.fee(market.instrument, price, lots, maker=maker)
        self._fill(held, ts_ns, price_ticks=price, qty_lots=lots, fee=fee, maker=maker)
        if held.left_lots == 0:
            self._update(held, ts_ns, OrderState.FILLED)


def _refusal(order: Order, market: ReplayMarket, ts_ns: int) -> RejectReason | None:
    """Why the venue does not take an order, or None."""
    if order.time_in_force is TimeInForce.FOK or order.asks != Conditions():
        return RejectReason.NOT_SUPPORTED
    if market.state is not BookState.SYNCED:
        return RejectReason.BOOK_NOT_SYNCED
    top = market.top(ts_ns)
    opposite = top.ask_ticks if order.side > 0 else top.bid_ticks
    if order.type is OrderType.MARKET and not opposite:
        return RejectReason.NO_LIQUIDITY
    crosses = opposite > 0 and order.side * (order.price_ticks - opposite) >= 0
    if order.time_in_force is TimeInForce.POST_ONLY and crosses:
        return RejectReason.WOULD_TAKE
    price = order.price_ticks or opposite
    if not market.large_enough(price, order.qty_lots):
        return RejectReason.BELOW_MIN_NOTIONAL
    return None


def _context(held: Held, execution: Execution, shown_mid_ticks: float, recorded_mid_ticks: float) -> FillContext:
    price = float(execution.price_ticks)
    shown, recorded = (price if isnan(mid) else mid for mid in (shown_mid_ticks, recorded_mid_ticks))
    return FillContext(execution.ts_ns, held.order.client_id, shown, recorded)
