"""Provides liquidity on the side of the book that is thin against its own norm."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, floor, inf, isfinite, sqrt
from typing import Final, NamedTuple

from counterpoise.balance.children import Children
from counterpoise.balance.counteract.budget import Budgeted, RiskBudget
from counterpoise.balance.counteract.gauges import GAUGES, Gauges, GaugesConfig
from counterpoise.balance.counteract.step_back import StepBack, StepBackState
from counterpoise.balance.execution import Action, Seen, Standing
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import TimeInForce
from counterpoise.market.venue import TopOfBook, VenueEvent
from counterpoise.sim.maker.avellaneda_stoikov import MakerModel
from counterpoise.sim.maker.bounded import asymptotic_distances

__all__ = ["Note", "ThinSide", "ThinSideConfig"]

_UNBOUNDED: Final = 1 << 62  # of fills over a life; the budget bounds what is held
_LEAST_VOLATILITY: Final = 1e-6  # [bps/√s]: the closed form needs one above 0


class ThinSideConfig(Config, frozen=True, kw_only=True):
    """How liquidity is provided.

    Parameters
    ----------
    clip : str
        Quantity of an order: decimal, a multiple of the lot.
    thin, filled : float
        A side is thin once its depth is below `thin` × its norm, until it is above `filled` × it: 0 < thin ≤ filled.
    intensity, kappa : float
        Fills of a clip a second at the mid, and how that decays with distance [1/bps].
    gamma : float
        Risk aversion [1/(bps × clips)].
    edge_bps : float
        Least expected markout that an order is placed for.
    most_bps : float
        No order is placed further from the mid.
    requote_bps : float
        An order is moved once its price is off by more.
    least_life : str
        And not sooner, unless the policy steps back or stops.
    loss_sigmas, loss_horizon : float, str
        Size is bounded so that a move of so many standard deviations over so long loses no more than is left of max_loss.
    gauges : GaugesConfig
    step_back : StepBack

    Raises
    ------
    ConfigError
        If a number is out of its bound.
    UnknownName
        If a band is on a measure that there is not.
    """

    clip: str
    thin: float = 0.8
    filled: float = 1.0
    intensity: float = 1.0
    kappa: float = 1.0
    gamma: float = 0.05
    edge_bps: float = 0.0
    most_bps: float = 10.0
    requote_bps: float = 0.5
    least_life: str = "500ms"
    loss_sigmas: float = 3.0
    loss_horizon: str = "1m"
    gauges: GaugesConfig = GaugesConfig()
    step_back: StepBack = StepBack()

    def __post_init__(self) -> None:
        if not 0 < self.thin <= self.filled < inf:
            raise ConfigError(f"thin is {self.thin} and filled {self.filled}; expected 0 < thin <= filled")
        if not 0 < self.most_bps < 1000 or not 0 <= self.requote_bps < inf or not abs(self.edge_bps) < inf:
            raise ConfigError(
                f"most_bps is {self.most_bps}, requote_bps {self.requote_bps}, edge_bps {self.edge_bps}; expected one in "
                "(0, 1000), one of at least 0, one finite"
            )
        if not 0 < self.loss_sigmas < inf:
            raise ConfigError(f"loss_sigmas is {self.loss_sigmas}; expected a finite number above 0")
        self.model(1.0)
        parse_duration(self.least_life)
        parse_duration(self.loss_horizon)
        for name in self.step_back.bands:
            if name not in GAUGES:
                raise UnknownName("measure of a band", name, GAUGES)

    def model(self, volatility_bps: float) -> MakerModel:
        """The market as a maker sees it: prices in bps, time in seconds, inventory in clips."""
        sigma = max(_LEAST_VOLATILITY, volatility_bps)
        return MakerModel(sigma=sigma, intensity=self.intensity, kappa=self.kappa, gamma=self.gamma, horizon=1.0)


class Note(NamedTuple):
    """A change of what the policy does, and why."""

    ts_ns: int
    what: str
    reasons: tuple[str, ...]


class ThinSide:
    """Rests post-only where depth is missing, and on the other side only to be rid of what it holds.

    Distances from the mid are the asymptotic ones of Guéant, Lehalle and Fernandez-Tapia at the measured volatility and the
    inventory in clips, and at least the measured adverse markout of the side plus `edge_bps`: so the expected markout of an
    order, distance − M, is never below the edge. Where that takes it beyond `most_bps`, it is not placed.

    Parameters
    ----------
    name : str
        Its client order ids begin with ``name.buy-`` and ``name.sell-``.
    instrument : Instrument
    config : ThinSideConfig
    budget : RiskBudget
    start_ns : int
        Nothing is sent before; what arrives before is measured.

    Notes
    -----
    Needs the events of each decision (`Seen.events`): without them it measures nothing and sends nothing. Once the loss has
    reached its bound it stops for good; what it then holds is left to its owner, see `stopped`.

    References
    ----------
    Avellaneda, Stoikov (2008), doi:10.1080/14697680701381228. Guéant, Lehalle, Fernandez-Tapia (2013), arXiv 1105.3115,
    section 4.
    """

    def __init__(self, name: str, instrument: Instrument, config: ThinSideConfig, *, budget: RiskBudget, start_ns: int) -> None:
        self.name, self.instrument, self.config, self._start_ns = name, instrument, config, start_ns
        self.budgeted: Final = Budgeted(instrument, budget)
        self.gauges: Final = Gauges(instrument, config.gauges)
        self._clip_lots: Final = instrument.qty_grid.steps(config.clip)
        if self._clip_lots < 1:
            raise ConfigError(f"clip is {config.clip}; expected at least one lot of {instrument.lot}")
        self._children: Final = {
            side: Children(f"{name}.{word}", instrument, side=side, most_lots=_UNBOUNDED)
            for side, word in ((1, "buy"), (-1, "sell"))
        }
        self._sent_ns: Final = {1: 0, -1: 0}  # of the last order of each side, of which one lives at a time
        self._thin = {1: False, -1: False}
        self._away = StepBackState()
        self.notes: Final[list[Note]] = []

    @property
    def stopped(self) -> str:
        """Why it has stopped for good; empty while it works."""
        return self.budgeted.stopped

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (self.instrument,)

    @property
    def start_ns(self) -> int:
        return self._start_ns

    @property
    def done(self) -> bool:
        """Stopped for good, and nothing live."""
        return bool(self.stopped) and not any(children.live for children in self._children.values())

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        """The target is to hold nothing; live lots are those of both sides, bought less sold."""
        live = sum(side * children.live_lots for side, children in self._children.items())
        return Standing(0, self.budgeted.signed_lots, live)

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """Measure, rest where depth is missing, and ask after orders that the venue is silent about."""
        asked = [action for children in self._children.values() for action in children.ask(ts_ns)]
        return asked + self._work(ts_ns, seen[self.instrument.id])

    def _work(self, ts_ns: int, now: Seen) -> list[Action]:
        self.gauges.push(now.events)
        if self.stopped or ts_ns < self._start_ns:
            return self.stop()
        if not now.top.sound:
            self._note(ts_ns, "waits", ("the book is not in order",))
            return self.stop()
        if self.budgeted.mark(now.top):
            self._note(ts_ns, "stops", (self.stopped,))
            return self.stop()
        if not self.gauges.warm:
            self._note(ts_ns, "waits", ("too little of the market has been measured",))
            return self.stop()
        self._away = self.config.step_back.step(self._away, self.gauges.values())
        if self._away.away:
            self._note(ts_ns, "steps back", self._away.reasons)
            return self.stop()
        self._note(ts_ns, "works", ())
        return [action for side in (1, -1) for action in self._quote(ts_ns, side, now.top)]

    def hear(self, event: VenueEvent) -> None:
        for children in self._children.values():
            if event.client_id.startswith(f"{children.name}-"):
                for fill in children.hear(event):
                    self.budgeted.take(fill)

    def refused(self, client_id: str) -> None:
        for children in self._children.values():
            if client_id.startswith(f"{children.name}-"):
                children.refused(client_id)

    def stop(self) -> list[Action]:
        return [action for children in self._children.values() for action in children.cancel(children.live)]

    def distance_bps(self, side: int) -> float:
        """From the mid at which an order of a side (±1) would rest now; inf where none would."""
        held = round(self.budgeted.signed_lots / self._clip_lots)
        bid, ask = asymptotic_distances(held, model=self.config.model(self.gauges.volatility_bps))
        adverse = self.gauges.adverse_bps(-side)
        fair = float(bid if side > 0 else ask)
        distance = max(fair, adverse + self.config.edge_bps) if isfinite(adverse) else fair
        return distance if distance <= self.config.most_bps else inf

    def _quote(self, ts_ns: int, side: int, top: TopOfBook) -> list[Action]:
        children = self._children[side]
        price = self._price(side, top) if self._wanted(side) else 0
        if children.live:
            young = ts_ns - self._sent_ns[side] < parse_duration(self.config.least_life)
            return [] if young else children.cancel([c for c in children.live if self._stale(c.order.price_ticks, price)])
        lots = self._lots(side, top) if price else 0
        if not lots or not self.budgeted.may_send(ts_ns):
            return []
        self.budgeted.sent(ts_ns)
        action = children.place(lots, price, TimeInForce.POST_ONLY)
        self._sent_ns[side] = ts_ns
        return [action]

    def _wanted(self, side: int) -> bool:
        """Whether a side is thin, with hysteresis, or would bring us nearer to holding nothing."""
        thinness = self.gauges.thinness[side]
        if isfinite(thinness):
            bound = self.config.filled if self._thin[side] else self.config.thin
            self._thin[side] = thinness < bound
        return self._thin[side] or side * self.budgeted.signed_lots < 0

    def _price(self, side: int, top: TopOfBook) -> int:
        """Ticks, or 0 for none: behind the other touch, and behind whatever of ours rests or may rest on the other side."""
        distance = self.distance_bps(side)
        if not isfinite(distance):
            return 0
        mid = (top.bid_ticks + top.ask_ticks) / 2
        raw = mid * (1 - side * distance * BPS)
        others = [c.order.price_ticks for c in self._children[-side].live]
        if side > 0:
            return max(0, min(floor(raw), min([top.ask_ticks, *others]) - 1))
        return max(ceil(raw), max([top.bid_ticks, *others]) + 1)

    def _stale(self, price_ticks: int, wanted_ticks: int) -> bool:
        return not wanted_ticks or abs(price_ticks - wanted_ticks) > self.config.requote_bps * BPS * wanted_ticks

    def _lots(self, side: int, top: TopOfBook) -> int:
        """A clip, as far as inventory and loss budget go; to get rid of inventory, no more than there is."""
        held = side * self.budgeted.signed_lots
        room = min(self._clip_lots, self.budgeted.room(side, live_lots=self._children[side].live_lots))
        if held < 0 and not self._thin[side]:
            room = min(room, -held)
        seconds = parse_duration(self.config.loss_horizon) / SECOND_NS
        move = self.config.loss_sigmas * max(_LEAST_VOLATILITY, self.gauges.volatility_bps) * sqrt(seconds) * BPS
        at_risk = move * float(abs(self._lot_value(top)))
        bearable = int(min(self.budgeted.loss_left / at_risk, float(_UNBOUNDED))) if at_risk else room
        lots = min(room, bearable - held)
        least = max(1, ceil(self.instrument.least_notional / self.instrument.notional(top.bid_ticks, 1)))
        return lots if lots >= least else 0

    def _lot_value(self, top: TopOfBook) -> float:
        """Of a lot, in the settle currency."""
        value = self.instrument.base_qty if self.instrument.inverse else self.instrument.notional
        return float(value(top.bid_ticks, 1))

    def _note(self, ts_ns: int, what: str, reasons: tuple[str, ...]) -> None:
        if not self.notes or (self.notes[-1].what, self.notes[-1].reasons) != (what, reasons):
            self.notes.append(Note(ts_ns, what, reasons))
