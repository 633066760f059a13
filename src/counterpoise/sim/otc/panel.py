"""DealerPanel: dealers who are asked for prices, compete, may look twice, and trade on what they were asked.

A request goes to some of the dealers. Each updates his belief about the client and quotes from his inventory, his cost to
unwind, his belief and the number he competes with. The client may accept one quote; the others may trade ahead of what they
think is still to come, which moves the lit price.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from math import ceil, floor
from typing import Final, NamedTuple

import numpy as np
import polars as pl
from msgspec import structs

from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import Impact
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Fill, Order, OrderState, OrderUpdate, RejectReason
from counterpoise.market.venue import VenueEvent
from counterpoise.sim.otc.belief import NO_BELIEF, Belief, after_move, after_request, expected_residual, faded
from counterpoise.sim.otc.competition import equilibrium_markup
from counterpoise.sim.otc.dealer import Dealer, holding_cost, reservation_bps
from counterpoise.sim.otc.desk import CLIENT, Desks, LitTrade
from counterpoise.sim.otc.lit import LitTape
from counterpoise.sim.otc.rfq import Quote, Request, RfqRules

__all__ = ["DealerPanel"]


class _Asked(NamedTuple):
    """A request as every dealer sees it."""

    name: str
    lots: int
    side: int
    dealers: int  # how many are asked
    mid: int  # half ticks


@dataclass(slots=True)
class _Open:
    """A request until its end: filled, rejected or expired."""

    request: Request
    order: Order | None = None  # with which the client said yes
    won: Quote | None = None  # that traded
    outcome: str = ""
    filled_lots: int = 0
    ahead_lots: int = 0
    leak_bps: float = 0.0


class DealerPanel:
    """Dealers beside one lit market.

    Parameters
    ----------
    lit : Instrument
        Orders here name `instrument`, the same contract on the venue ``otc``.
    dealers : tuple of Dealer
    rules : RfqRules
    impact : Impact
        Of one instrument: what unwinding costs them, and how what they trade moves the lit mid.
    seed : int
        Of the private costs.

    Notes
    -----
    There is one client. Quotes come at once; what they and decisions at t rest on are lit rows strictly before t. A dealer
    unwinds in equal slices and only towards no inventory. Prices are whole lit ticks, rounded against the client.
    Dealers take one another to have no inventory, and their own private cost to be what the rules say; both are in the quote.
    """

    def __init__(self, lit: Instrument, *, dealers: tuple[Dealer, ...], rules: RfqRules, impact: Impact, seed: int = 0) -> None:
        if not dealers:
            raise InputError("a panel needs a dealer")
        self.instrument: Final = structs.replace(lit, venue="otc")
        self._dealers, self._rules, self._push_bps = dealers, rules, float(impact.matrix[0, 0])
        self._desks = Desks(lit, dealers, impact, lit_millions_per_s=rules.lit_millions_per_s)
        self._costs = [
            holding_cost(dealer, impact, sigma_bps=rules.belief.sigma_bps, millions_per_s=rules.lit_millions_per_s)
            for dealer in dealers
        ]
        self._tape, self._rng = LitTape(), np.random.default_rng(seed)
        self._beliefs = [NO_BELIEF] * len(dealers)
        self._open: dict[str, _Open] = {}
        self._quotes: dict[str, Quote] = {}
        self._ids: set[str] = set()
        self._trades: Final = count(1)
        self._agenda: list[tuple[int, int, Callable[[int], None]]] = []
        self._numbers, self._requests = count(), count(1)
        self._said: list[VenueEvent] = []
        self._now_ns = 0

    def feed(self, events: Events) -> None:
        """Events of the lit market that lie after all fed before, and not before the panel's time."""
        if events.rows and int(events.ts_local[0]) < self._now_ns:
            raise InputError(f"events from {events.ts_local[0]} ns, the panel stands at {self._now_ns} ns; feed, then advance")
        self._desks.see(self._tape.rows(events), self._now_ns)

    def advance(self, until_ns: int) -> None:
        """Live to a time: decisions, expiries and the dealers' own trading on the way."""
        if until_ns < self._now_ns:
            raise InputError(f"the panel stands at {self._now_ns} ns and cannot go back to {until_ns} ns")
        while self._agenda and self._agenda[0][0] <= until_ns:
            ts_ns, _, act = heapq.heappop(self._agenda)
            act(ts_ns)
        self._now_ns = until_ns

    def request(self, lots: int, *, side: int = 0, dealers: Sequence[int] | None = None) -> Request:
        """Ask for prices now.

        Parameters
        ----------
        lots : int
        side : int
            +1 to buy, −1 to sell, 0 for prices both ways, which tell nobody the side.
        dealers : sequence of int, optional
            Whom to ask; all, when left out.

        Returns
        -------
        Request
            Without quotes while the lit market has no mid; without that of a dealer whom it would take beyond his limit.

        Raises
        ------
        InputError
            If the size is not positive, a dealer does not exist or is asked twice, or nobody is.
        """
        asked = tuple(range(len(self._dealers))) if dealers is None else tuple(dealers)
        if lots <= 0 or side not in (-1, 0, 1) or not asked:
            raise InputError(
                f"{lots} lots, side {side}, {len(asked)} dealers; expected a size, -1, 0 or 1, and one dealer or more"
            )
        if len(set(asked)) < len(asked) or not set(asked) <= set(range(len(self._dealers))):
            raise InputError(f"dealers {asked} asked; expected different ones of 0 to {len(self._dealers) - 1}")
        now, name = self._now_ns, f"r{next(self._requests)}"
        mid = self._desks.mid_half_ticks(now)
        terms = _Asked(name, lots, side, len(asked), mid)
        quotes = [self._quote(dealer, terms) for dealer in asked] if mid else []
        request = Request(name, now, side, lots, asked, tuple(quote for quote in quotes if quote is not None))
        self._open[name] = _Open(request)
        self._quotes |= {quote.quote_id: quote for quote in request.quotes}
        self._at(now + parse_duration(self._rules.expiry) + 1, partial(self._expire, name))
        return request

    def accept(self, quote_id: str, approved: Approved) -> None:
        """Say yes to a quote. What becomes of it is heard through `events`, at once or after the dealer's last look.

        Raises
        ------
        InputError
            If the order is for another instrument, or limited to less than the quote.
        """
        order, now = approved.order, self._now_ns
        if order.instrument != self.instrument.id:
            raise InputError(f"order {order.client_id} is for {order.instrument}, this panel trades {self.instrument.id}")
        quote = self._quotes.get(quote_id)
        if quote and order.price_ticks and order.side * (quote.price_ticks(order.side) - order.price_ticks) > 0:
            raise InputError(f"order {order.client_id} is limited to {order.price_ticks} ticks; the quote {quote} is worse")
        reason = self._refusal(quote, order)
        self._ids.add(order.client_id)
        if quote is None or reason is not None:
            self._update(now, order, OrderState.REJECTED, 0, reason)
            return
        held = self._open[quote.request_id]
        held.order = order
        self._at(now + self._rules.last_look.hold_ns, partial(self._decide, held, order, quote))
        self.advance(now)

    def events(self) -> Sequence[VenueEvent]:
        """What became known since the last call, in order of time."""
        said, self._said = self._said, []
        return said

    @property
    def balances(self) -> dict[int, tuple[int, int]]:
        """Signed lots and signed half ticks × lots of each dealer, of `CLIENT` and of `LIT`: they add to zero."""
        return self._desks.balances

    @property
    def lit_trades(self) -> tuple[LitTrade, ...]:
        """What dealers did in the lit market so far: known to a simulation only."""
        return tuple(self._desks.trades)

    @property
    def pushed_bps(self) -> float:
        """By how much dealers' trading displaces the lit mid now."""
        return self._desks.pushed_bps(self._now_ns)

    @property
    def beliefs(self) -> tuple[Belief, ...]:
        """What each dealer thinks of the client, as of his last update."""
        return tuple(self._beliefs)

    def reports(self) -> pl.DataFrame:
        """A row a request.

        Returns
        -------
        pl.DataFrame
            ``request``, ``ts_ns``, ``side``, ``lots``, ``asked``, ``outcome`` (empty while open), ``winner`` (null without),
            ``filled_lots``, ``quote_bps`` (null without a winner), and what those who did not win did: ``ahead_lots`` and
            ``leak_bps``, by how much they pushed the mid towards the client's side, as they traded.
        """
        schema = {
            "request": pl.String,
            "ts_ns": pl.Int64,
            "side": pl.Int64,
            "lots": pl.Int64,
            "asked": pl.Int64,
            "outcome": pl.String,
            "winner": pl.Int64,
            "filled_lots": pl.Int64,
            "quote_bps": pl.Float64,
            "ahead_lots": pl.Int64,
            "leak_bps": pl.Float64,
        }
        return pl.DataFrame([_row(held) for held in self._open.values()], schema=schema, orient="row")

    def _quote(self, dealer: int, asked: _Asked) -> Quote | None:
        """Learn from being asked, then price both sides, or the one asked for."""
        now, rules = self._now_ns, self._rules
        belief = faded(self._beliefs[dealer], now, rules.belief)
        belief = after_request(belief, rules.belief, side=asked.side, millions=self._desks.millions(asked.lots, asked.mid))
        self._beliefs[dealer] = belief
        private = self._rng.uniform(0, rules.width_bps, 2).tolist()
        drift = 0.5 * self._push_bps * expected_residual(belief, rules.belief)
        bid = 0 if asked.side > 0 else self._price(dealer, asked, -1, drift_bps=drift, private_bps=private[0])
        ask = 0 if asked.side < 0 else self._price(dealer, asked, 1, drift_bps=drift, private_bps=private[1])
        if not bid and not ask:
            return None
        expires = now + parse_duration(rules.expiry)
        return Quote(f"{asked.name}-{dealer}", asked.name, dealer, bid, ask, asked.lots, expires, asked.mid)

    def _price(self, dealer: int, asked: _Asked, side: int, *, drift_bps: float, private_bps: float) -> int:
        """Ticks for a client of a side; 0 when it would lead beyond the dealer's limit, or below a tick."""
        desks, cost, inventory = self._desks, self._costs[dealer], self._desks.inventory(dealer)
        held, size = desks.millions(inventory, asked.mid), desks.millions(asked.lots, asked.mid)
        after = abs(desks.millions(inventory - side * asked.lots, asked.mid))
        if after > self._dealers[dealer].limit_millions and after > abs(held):
            return 0
        flat, own = (
            reservation_bps(cost, inventory_millions=x, side=side, millions=size, drift_bps=drift_bps) for x in (0.0, held)
        )
        own += private_bps
        markup = equilibrium_markup(
            own - flat, dealers=asked.dealers, width=self._rules.width_bps, elasticity=self._rules.elasticity
        )
        exact = asked.mid / 2 * (1 + side * (own + float(markup)) * BPS)
        return max(ceil(exact) if side > 0 else floor(exact), 0)

    def _refusal(self, quote: Quote | None, order: Order) -> RejectReason | None:
        if order.client_id in self._ids:
            return RejectReason.DUPLICATE_ID
        if quote is None or not quote.price_ticks(order.side):
            return RejectReason.UNKNOWN_ORDER
        held = self._open[quote.request_id]
        if held.order is not None or held.outcome or self._now_ns > quote.expires_ns:
            return RejectReason.QUOTE_EXPIRED
        if order.qty_lots > quote.lots or (order.qty_lots < quote.lots and not self._rules.partial):
            return RejectReason.ALL_OR_NONE
        return None

    def _decide(self, held: _Open, order: Order, quote: Quote, ts_ns: int) -> None:
        """The dealer looks once more, then trades or does not."""
        mid = self._desks.mid_half_ticks(ts_ns)
        move = (mid / quote.mid_half_ticks - 1) / BPS
        if not mid or self._rules.last_look.rejects(side=order.side, move_bps=move):
            reason = RejectReason.LAST_LOOK if mid else RejectReason.BOOK_NOT_SYNCED
            self._update(ts_ns, order, OrderState.REJECTED, 0, reason)
            self._close(held, ts_ns, "rejected")
            return
        price, lots = quote.price_ticks(order.side), order.qty_lots
        buyer, seller = (CLIENT, quote.dealer) if order.side > 0 else (quote.dealer, CLIENT)
        self._desks.exchange(buyer, seller, lots=lots, price_half_ticks=2 * price)
        held.won, held.filled_lots = quote, lots
        fill = Fill(
            ts_ns=ts_ns,
            client_id=order.client_id,
            instrument=self.instrument.id,
            side=order.side,
            price_ticks=price,
            qty_lots=lots,
            fee=0.0,
            maker=False,
            trade_id=next(self._trades),
        )
        self._said.append(fill)
        self._update(ts_ns, order, OrderState.FILLED, 0)
        self._unwind(quote.dealer, ts_ns, order.side * lots)
        self._close(held, ts_ns, "filled")

    def _expire(self, name: str, ts_ns: int) -> None:
        held = self._open[name]
        if held.order is None:
            self._close(held, ts_ns, "expired")

    def _close(self, held: _Open, ts_ns: int, outcome: str) -> None:
        """A request is over: those who did not win may trade ahead, after they have watched for a while."""
        held.outcome = outcome
        winner = held.won.dealer if held.won is not None else None
        for dealer in held.request.dealers:
            if dealer != winner and self._dealers[dealer].prehedge > 0:
                self._at(ts_ns + self._rules.reaction_ns, partial(self._ahead, held, dealer))

    def _ahead(self, held: _Open, dealer: int, ts_ns: int) -> None:
        """Trade ahead of what the client is still expected to do, within the limit, and unwind it later."""
        mid, request, model = self._desks.mid_half_ticks(ts_ns), held.request, self._rules.belief
        if not mid or not request.quotes:
            return
        waited, before = ts_ns - request.ts_ns, request.quotes[0].mid_half_ticks
        belief = faded(self._beliefs[dealer], ts_ns, model)
        if self._rules.reaction:
            unwound = min(1.0, waited / parse_duration(self._dealers[dealer].unwind))
            drift = self._push_bps * belief.millions * unwound
            belief = after_move(belief, model, move_bps=(mid / before - 1) / BPS, drift_bps=drift, elapsed_ns=waited)
        self._beliefs[dealer] = belief
        residual, inventory = expected_residual(belief, model), self._desks.inventory(dealer)
        side = 1 if residual > 0 else -1
        room = self._dealers[dealer].limit_millions - side * self._desks.millions(inventory, mid)
        lots = self._desks.lots_worth(max(min(abs(residual) * self._dealers[dealer].prehedge, room), 0.0), mid)
        already = self._desks.pushed_bps(ts_ns)
        if self._desks.trade_lit(ts_ns, dealer, signed_lots=side * lots, why="ahead"):
            held.ahead_lots += side * lots
            toward = held.order.side if held.order is not None else request.side or side
            held.leak_bps += toward * (self._desks.pushed_bps(ts_ns) - already)
            self._unwind(dealer, ts_ns, -side * lots)

    def _unwind(self, dealer: int, ts_ns: int, signed_lots: int) -> None:
        """Plan to trade so many lots in equal slices."""
        slices = self._dealers[dealer].slice_ns
        for i, later in enumerate(slices):
            part = abs(signed_lots) * (i + 1) // len(slices) - abs(signed_lots) * i // len(slices)
            self._at(ts_ns + later, partial(self._slice, dealer, part if signed_lots > 0 else -part))

    def _slice(self, dealer: int, signed_lots: int, ts_ns: int) -> None:
        """Trade a slice, never away from no inventory or past it; without a mid, a second later."""
        side = 1 if signed_lots > 0 else -1
        lots = min(abs(signed_lots), max(-side * self._desks.inventory(dealer), 0))
        if lots and not self._desks.trade_lit(ts_ns, dealer, signed_lots=side * lots, why="unwind"):
            self._at(ts_ns + SECOND_NS, partial(self._slice, dealer, signed_lots))

    def _at(self, ts_ns: int, act: Callable[[int], None]) -> None:
        heapq.heappush(self._agenda, (ts_ns, next(self._numbers), act))

    def _update(self, ts_ns: int, order: Order, state: OrderState, left: int, reason: RejectReason | None = None) -> None:
        self._said.append(OrderUpdate(ts_ns=ts_ns, client_id=order.client_id, state=state, left_lots=left, reason=reason))


def _row(held: _Open) -> tuple[object, ...]:
    request, won = held.request, held.won
    side = held.order.side if held.order is not None else 0
    return (
        request.request_id,
        request.ts_ns,
        request.side,
        request.lots,
        len(request.dealers),
        held.outcome,
        won.dealer if won else None,
        held.filled_lots,
        won.cost_bps(side) if won else None,
        held.ahead_lots,
        held.leak_bps,
    )
