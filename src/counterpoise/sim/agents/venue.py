"""AgentVenue: the Venue port over a market of agents, who see our orders in the book and in the prints, and answer.

Our orders stand in the same queues and trade with the same agents under the same rules and fees as everyone's; nothing is
modelled beyond the way there and back. Time runs on the axis of what we see: what happens at the venues at t is seen a feed
latency later. `counterpoise.sim.connection` says when requests arrive and reports are heard.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import exp, log
from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import UnknownName
from counterpoise.market.event import QUOTE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Order, OrderState
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.arrays import AgentLine
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels.prints import hear
from counterpoise.sim.agents.kernels.values import past_value
from counterpoise.sim.agents.market import open_world, take_events
from counterpoise.sim.desk import Held, OrderDesk
from counterpoise.sim.exchange.exchange import order_kind
from counterpoise.sim.exchange.kernels import codes
from counterpoise.sim.exchange.kernels import layout as x
from counterpoise.sim.exchange.kernels.readers import best_lots, best_price, depth_of
from counterpoise.sim.exchange.kernels.requests import amend, cancel, place_with
from counterpoise.sim.exchange.reports import REASONS
from counterpoise.sim.latency import ConstantLatency, LognormalLatency
from counterpoise.sim.replay.venue import FillContext
from counterpoise.sim.request import Request

__all__ = ["AgentVenue"]


class AgentVenue(OrderDesk):
    """Our seat in a market of agents.

    Parameters
    ----------
    config : AgentMarketConfig
    latency : ConstantLatency or LognormalLatency
    seed : int
        Of the latency model's randomness.
    extra : sequence of AgentLine
        More agents than the config's, such as an adversary: the others live as they would without them.
    """

    def __init__(
        self,
        config: AgentMarketConfig,
        *,
        latency: ConstantLatency | LognormalLatency,
        seed: int = 0,
        extra: Sequence[AgentLine] = (),
    ) -> None:
        super().__init__(latency, seed=seed)
        self.world: Final = open_world(config, extra=extra, own_accounts=1)
        self._account: Final = int(self.world.ex[x.ACCOUNT_COUNT]) - 1
        self._feed_ns: Final = latency.feed_ns
        self._instruments: Final = config.instruments
        self._markets: Final = {instrument.id: market for market, instrument in enumerate(self._instruments)}
        self._at_exchange: dict[int, int] = {}  # numbers of our orders there
        self._arrived: list[tuple[Instrument, Events]] = []
        self._contexts: list[FillContext] = []
        self._fills: list[tuple[int, int, int, float]] = []  # market, time, order and log value of fills without their context
        self._tokens: Final = [place.token for place in config.places]
        stats = self.world.market_rows()[:, at.M_STATS]
        self._origins: Final[list[float]] = self.world.reals[stats + at.S_OPEN].tolist()  # log ticks that stand for the value 0
        self._mids: list[float] = self.world.log_mids().tolist()
        self._opening: Final = [mid - self._log_value(m, config.start_ns) for m, mid in enumerate(self._mids)]

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._instruments

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last time at which something is seen."""
        config = self.world.config
        return config.start_ns + self._feed_ns, config.end_ns + self._feed_ns

    def advance(self, until_ns: int) -> None:
        """Let the market live up to what is seen at a time, our requests arriving on the way."""
        for ts_ns, request in self._arrivals(until_ns):
            self._live(ts_ns)
            self._receive(ts_ns, request)
        self._live(until_ns)
        self._now_ns = until_ns

    def market(self) -> Iterator[tuple[Instrument, Events]]:
        """Market events that arrived since the last call."""
        self._take_tape()
        arrived, self._arrived = self._arrived, []
        return iter(arrived)

    def top(self, instrument: str) -> TopOfBook:
        market, ex = self._market(instrument), self.world.ex
        bid, ask = (int(best_price(ex, market, side)) for side in (1, -1))
        return TopOfBook(bid, int(best_lots(ex, market, 1)), ask, int(best_lots(ex, market, -1)), BookState.SYNCED)

    def depth_rows(self, instrument: str, edges_ticks: Int1D) -> Int1D:
        """Lots shown between consecutive prices; bids positive, asks negative."""
        market, rows = self._market(instrument), np.zeros(len(edges_ticks) - 1, np.int64)
        for side in (1, -1):
            prices, lots = (np.zeros(len(self.world.tape), np.int64) for _ in range(2))
            found = depth_of(self.world.ex, market, side, prices, lots)
            row = np.searchsorted(edges_ticks, prices[:found], side="right") - 1
            inside = (row >= 0) & (row < len(rows))
            np.add.at(rows, row[inside], side * lots[:found][inside])
        return rows

    def contexts(self) -> Sequence[FillContext]:
        """One per fill so far: the mid as it stood, and as it would be had it moved from the start on as the value did.

        The second knows nothing of us; it is known to a simulation only, and to within what price and value differ anyway.
        """
        self._take_tape()
        return self._contexts

    def _require(self, order: Order) -> None:
        self._market(order.instrument)

    def _market(self, instrument: str) -> int:
        try:
            return self._markets[instrument]
        except KeyError:
            raise UnknownName("instrument of this venue", instrument, self._markets) from None

    def _live(self, until_ns: int) -> None:
        """Let the agents live; a request that arrives at that very time is before theirs."""
        while not self.world.advance(until_ns - self._feed_ns):
            self._hear()
            self._take_tape()
        self._hear()

    def _hear(self) -> None:
        """What the exchange has reported to us."""
        ex = self.world.ex
        rows = self.world.reports[: ex[x.REPORT_ROWS]]
        for row in rows[rows[:, codes.R_ACCOUNT] == self._account].tolist():
            if row[codes.R_CODE] & 255 == codes.FILL:
                market, ts_ns = row[codes.R_MARKET], row[codes.R_TS]
                self._fills.append((market, ts_ns, row[codes.R_TAG], self._log_value(market, ts_ns)))
            self._tell(row)
        ex[x.REPORT_ROWS] = 0

    def _take_tape(self) -> None:
        """What the venues have said to everyone, and the mids at our fills meanwhile."""
        told = take_events(self.world)
        fills, self._fills = self._fills, []
        self._contexts += [self._context(*fill, told[fill[0]]) for fill in fills]
        for market, events in enumerate(told):
            if events.rows:
                seen = events._replace(ts_local=events.ts_venue + self._feed_ns)
                self._arrived.append((self._instruments[market], seen))
                origin = self._origins[market]
                self._mids[market] = _log_mid(events, events.rows, self._mids[market] + origin) - origin

    def _context(self, market: int, ts_ns: int, tag: int, value: float, events: Events) -> FillContext:
        """Mids at a fill; `events` are those of its market since the last time."""
        origin, before = self._origins[market], int(np.searchsorted(events.ts_venue, ts_ns, side="left"))
        shown = _log_mid(events, before, self._mids[market] + origin)
        undisturbed = self._opening[market] + value + origin
        return FillContext(ts_ns + self._feed_ns, self._ids[tag], exp(shown), exp(undisturbed))

    def _log_value(self, market: int, ts_ns: int) -> float:
        """Log value of a market's token at the step of the grid before a time."""
        state = self.world
        ago = max((int(state.world[at.NOW]) - ts_ns) // state.config.fundamental.step_ns, 0)
        return float(past_value(state.world, state.reals, self._tokens[market], ago))

    def _arrive(self, held: Held, ts_ns: int) -> None:
        order = held.order
        trigger = 0 if order.asks.trigger is None else order.asks.trigger.price_ticks
        terms = self._market(order.instrument), self._account, order.side, order_kind(order), order.price_ticks
        answer = self._ask(ts_ns, place_with, *terms, order.qty_lots, held.number, order.asks.display_lots, trigger)
        self._at_exchange[held.number] = max(answer, 0)
        self._answered()

    def _withdraw(self, held: Held, ts_ns: int) -> None:
        self._ask(ts_ns, cancel, self._at_exchange[held.number])
        self._answered()

    def _change(self, held: Held, ts_ns: int, request: Request) -> None:
        self._ask(ts_ns, amend, self._at_exchange[held.number], request.price_ticks, request.qty_lots)
        self._answered()

    def _ask(self, ts_ns: int, request: Callable[..., int], *terms: int) -> int:
        """Hand a request to the exchange; its answer stands in the reports."""
        if self.world.nearly_full:
            self._take_tape()
        return int(request(self.world.ex, self.world.tape, self.world.reports, ts_ns - self._feed_ns, *terms))

    def _answered(self) -> None:
        """Take down what was printed and reported."""
        hear(self.world.world, self.world.ex, self.world.tape)
        self._hear()

    def _tell(self, row: list[int]) -> None:
        """One report of the exchange, in our words."""
        held, code = self._held[self._ids[row[codes.R_TAG]]], row[codes.R_CODE]
        what, reason = code & 255, REASONS[code >> 8 & 255]
        ts_ns, left = row[codes.R_TS] + self._feed_ns, row[codes.R_LEFT]
        if what == codes.FILL:
            rules = self.world.exchange.markets[row[codes.R_MARKET]]
            fee = float(row[codes.R_FEE] * self.world.exchange.grain(rules.money))
            price, lots, maker = row[codes.R_PRICE], row[codes.R_LOTS], (code >> 20 & 1) == 1
            self._fill(held, ts_ns, price_ticks=price, qty_lots=lots, fee=fee, maker=maker)
            held.left_lots = left
            if left == 0:
                self._update(held, ts_ns, OrderState.FILLED)
        elif what == codes.REJECTED and held.state is OrderState.WORKING:  # an amendment: the order works on
            self._update(held, ts_ns, OrderState.WORKING, reason)
        elif what == codes.REJECTED:
            self._refuse(held, ts_ns, reason)
        elif what != codes.TRIGGERED:
            held.left_lots = left
            self._update(held, ts_ns, OrderState.WORKING if what == codes.WORKING else OrderState.CANCELLED, reason)


def _log_mid(events: Events, rows: int, otherwise: float) -> float:
    """Log mid by the last quote message of the first rows; `otherwise` where there is none, or a side was empty."""
    quoted = np.flatnonzero(events.kind[:rows] == QUOTE)
    if len(quoted) < 2:
        return otherwise
    bid, ask = events.price_ticks[quoted[-2]], events.price_ticks[quoted[-1]]
    return log((bid + ask) / 2) if bid > 0 and ask > 0 else otherwise
