"""Keeps any execution from setting off a liquidation cluster: its orders are let through, cut, or held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf, sqrt
from typing import Final, NamedTuple

import msgspec

from counterpoise.balance.counteract.liquidation_map import LiquidationMap
from counterpoise.balance.counteract.push import Noise, OwnPush
from counterpoise.balance.execution import Action, CancelOrder, Execution, PlaceOrder, Seen, Standing
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Fill, Order, OrderState, OrderStatus, OrderUpdate, TimeInForce, fills_of, tells_of_order
from counterpoise.market.venue import TopOfBook, VenueEvent

__all__ = ["ClusterGuard", "ClusterGuardConfig", "Held"]

_MILLION: Final = 1e6
_DENIALS: Final = 2  # a venue that says so often that it never had an order is believed, as by the children of an execution


class ClusterGuardConfig(Config, frozen=True, kw_only=True):
    """How far from a cluster to stop.

    Parameters
    ----------
    most_set_off : float
        Most notional that we may set off [quote].
    impact : TransientImpact
        What our own orders do to the mid.
    horizon : str
        Over which noise may add to it.
    sigmas : float
        How many standard deviations of noise are kept free; ≥ 0.
    half_life : str
        Memory of the measured volatility.
    floor_bps : float
        Volatility is never taken for less [bps/√s].

    Raises
    ------
    ConfigError
        If a number is out of its bound.
    """

    most_set_off: float
    impact: TransientImpact
    horizon: str = "5s"
    sigmas: float = 2.0
    half_life: str = "1m"
    floor_bps: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.most_set_off < inf or not 0 <= self.sigmas < inf or not 0 <= self.floor_bps < inf:
            raise ConfigError(
                "a guard needs most_set_off, sigmas and floor_bps of at least 0, finite; found "
                f"{self.most_set_off}, {self.sigmas}, {self.floor_bps}"
            )
        parse_duration(self.horizon)
        parse_duration(self.half_life)


class Held(NamedTuple):
    """An order that was cut or held, and why."""

    ts_ns: int
    client_id: str
    asked_lots: int
    sent_lots: int
    reason: str


@dataclass(slots=True)
class _Sent:
    """An order on its way or working, by what was cut from it."""

    order: Order
    cut_lots: int
    cancelling: bool = False
    denied: int = 0  # times that the venue said it never had it
    trades: set[int] = field(default_factory=set)


class ClusterGuard:
    """An execution that holds another and lets through what does not carry the price to a cluster.

    With m the mid, d = 10⁴ |c − m| / m the distance in bps to the nearest price c at which more than `most_set_off` would be
    liquidated on an order's way, D what is left of our own displacement that way, and live orders of that way counted as
    filled, an order of q millions goes out as far as

        b (q + live) + z σ √h < d        b bps a million at once, h the horizon

    The shown mid has D in it already. An order that is too large is cut to what fits; one of which nothing fits is held: the
    inner execution hears that a limit stopped it. What rests is cancelled once noise alone, b × live with it, reaches c.

    Parameters
    ----------
    inner : Execution
    config : ClusterGuardConfig
    maps : mapping of str to LiquidationMap
        By instrument id; instruments without one are not guarded. `renew` replaces one.

    Raises
    ------
    UnknownName
        If a map is of an instrument that the inner execution has not.

    Notes
    -----
    Of a cut order the inner execution hears that the rest was cancelled, when the order ends. All its other events reach it as
    they are. Levels that the price is beyond count as gone, and are there again when it comes back: `renew` the map. It holds
    us back, it does not hold the market: noise, news and others may still set a cluster off.
    """

    def __init__(self, inner: Execution, config: ClusterGuardConfig, *, maps: Mapping[str, LiquidationMap]) -> None:
        self._inner, self.config = inner, config
        self._instruments: Final = {one.id: one for one in inner.instruments}
        for name in maps:
            if name not in self._instruments:
                raise UnknownName("instrument of the guarded execution", name, self._instruments)
        self._maps: Final = dict(maps)
        self._push: Final = {name: OwnPush(config.impact) for name in maps}
        self._noise: Final = {name: Noise(half_life=config.half_life, floor_bps=config.floor_bps) for name in maps}
        self._live: Final[dict[str, _Sent]] = {}
        self._horizon_s: Final = parse_duration(config.horizon) / SECOND_NS
        self.held: Final[list[Held]] = []

    @property
    def name(self) -> str:
        return self._inner.name

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self._inner.instruments

    @property
    def start_ns(self) -> int:
        return self._inner.start_ns

    @property
    def done(self) -> bool:
        return self._inner.done

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        """As of the inner execution, without what was cut."""
        inner = self._inner.standing(instrument, ts_ns)
        cut = sum(sent.order.side * sent.cut_lots for sent in self._live.values() if sent.order.instrument == instrument)
        return inner._replace(live_lots=inner.live_lots - cut)

    def renew(self, instrument: str, levels: LiquidationMap) -> None:
        """Take a newer map of a guarded instrument.

        Raises
        ------
        UnknownName
            If it was not guarded from the start.
        """
        if instrument not in self._maps:
            raise UnknownName("guarded instrument", instrument, self._maps)
        self._maps[instrument] = levels

    def own_displacement_bps(self, instrument: str, ts_ns: int) -> float:
        """What is left of our own displacement of a guarded mid, by the impact of the config."""
        return self._push[instrument].at(ts_ns)

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """What the inner execution wants, as far as it may."""
        sound = {name: seen[name].top for name in self._maps if name in seen and seen[name].top.sound}
        for name, top in sound.items():
            self._noise[name].see(ts_ns, (top.bid_ticks + top.ask_ticks) / 2)
        actions: list[Action] = []
        for action in self._inner.step(ts_ns, seen):
            let: Action | None = action
            if isinstance(action, PlaceOrder):
                let = self._place(ts_ns, action.order, sound)
            elif isinstance(action, CancelOrder):
                let = self._cancel(action)
            actions += [let] if let is not None else []
        return actions + self._withdraw(sound)

    def hear(self, event: VenueEvent) -> None:
        """Pass on what the venue says, with the lots that were cut as cancelled ones."""
        sent = self._live.get(event.client_id)
        if sent is None:
            self._inner.hear(event)
            return
        for fill in fills_of(event):
            self._take(sent, fill)
        self._inner.hear(event if isinstance(event, Fill) else _with_cut(event, sent.cut_lots))
        if isinstance(event, Fill):
            return
        if event.state is None:
            sent.denied += 1
        elif not tells_of_order(event):
            sent.cancelling = False
        elif not event.state.live:
            sent.denied = _DENIALS
        if sent.denied >= _DENIALS:
            del self._live[event.client_id]

    def _take(self, sent: _Sent, fill: Fill) -> None:
        """A fill, once."""
        if fill.trade_id in sent.trades:
            return
        if fill.trade_id:
            sent.trades.add(fill.trade_id)
        push = self._push.get(fill.instrument)
        if push is not None:
            push.take(fill.ts_ns, fill.side * self._millions(fill.instrument, fill.price_ticks, fill.qty_lots))
        left = sent.order.qty_lots - fill.qty_lots
        sent.order = msgspec.structs.replace(sent.order, qty_lots=left) if left > 0 else sent.order

    def refused(self, client_id: str) -> None:
        self._live.pop(client_id, None)
        self._inner.refused(client_id)

    def stop(self) -> list[Action]:
        return self._inner.stop()

    def _cancel(self, action: CancelOrder) -> Action | None:
        """A cancel that we have not sent already."""
        sent = self._live.get(action.client_id)
        if sent is None:
            return action
        again, sent.cancelling = sent.cancelling, True
        return None if again else action

    def _place(self, ts_ns: int, order: Order, sound: Mapping[str, TopOfBook]) -> Action | None:
        if order.instrument not in self._maps:
            return PlaceOrder(order)
        top = sound.get(order.instrument)
        room = self._room(order.instrument, order.side, top) if top is not None else 0
        lots = min(order.qty_lots, room)
        least = self._least(order)
        if lots < order.qty_lots:
            lots = lots if lots >= least and order.time_in_force is not TimeInForce.FOK else 0
            reason = self._reason(order.instrument, order.side, top)
            self.held.append(Held(ts_ns, order.client_id, order.qty_lots, lots, reason))
        if not lots:
            self._inner.refused(order.client_id)
            return None
        cut = order if lots == order.qty_lots else msgspec.structs.replace(order, qty_lots=lots)
        self._live[order.client_id] = _Sent(cut, order.qty_lots - lots)
        return PlaceOrder(cut)

    def _withdraw(self, sound: Mapping[str, TopOfBook]) -> list[Action]:
        """Cancels of what rests on a way on which there is no room any more."""
        actions: list[Action] = []
        for name, top in sound.items():
            for side in (1, -1):
                if self._free_bps(name, side, top) > 0:
                    continue
                for client_id, sent in self._live.items():
                    order = sent.order
                    rests = order.time_in_force in (TimeInForce.GTC, TimeInForce.POST_ONLY)
                    if order.instrument == name and order.side == side and rests and not sent.cancelling:
                        sent.cancelling = True
                        actions.append(CancelOrder(client_id))
        return actions

    def _room(self, instrument: str, side: int, top: TopOfBook) -> int:
        """Lots that may yet be sent on a way."""
        free, per_million = self._free_bps(instrument, side, top), self.config.impact.bps_per_million
        if free <= 0:
            return 0
        if free == inf or not per_million:
            return 1 << 62
        return int(free / per_million / self._millions(instrument, (top.bid_ticks + top.ask_ticks) // 2, 1) * (1 - 1e-9))

    def _free_bps(self, instrument: str, side: int, top: TopOfBook) -> float:
        """Distance to the cluster less noise and what live orders of that way would add; inf where there is none."""
        cluster, mid = self._cluster(instrument, side, top)
        if cluster != cluster:
            return inf
        noise = self.config.sigmas * self._noise[instrument].bps * sqrt(self._horizon_s)
        live = sum(
            sent.order.qty_lots
            for sent in self._live.values()
            if (sent.order.instrument, sent.order.side) == (instrument, side)
        )
        ours = self._push[instrument].at_once(self._millions(instrument, top.bid_ticks, live)) if live else 0.0
        return side * (cluster - mid) / mid / BPS - noise - ours

    def _cluster(self, instrument: str, side: int, top: TopOfBook) -> tuple[float, float]:
        grid = self._instruments[instrument].price_grid
        mid = (grid.value(top.bid_ticks) + grid.value(top.ask_ticks)) / 2
        return self._maps[instrument].cluster(mid, side=side, most=self.config.most_set_off), mid

    def _reason(self, instrument: str, side: int, top: TopOfBook | None) -> str:
        if top is None:
            return "the book is not in order, so the way to the next cluster is not known"
        cluster, mid = self._cluster(instrument, side, top)
        noise = self.config.sigmas * self._noise[instrument].bps * sqrt(self._horizon_s)
        return (
            f"more than {self.config.most_set_off:.6g} would be liquidated at {cluster:.8g}, "
            f"{side * (cluster - mid) / mid / BPS:.3g} bps away, of which noise takes {noise:.3g}"
        )

    def _least(self, order: Order) -> int:
        """Fewest lots that the venue takes."""
        instrument = self._instruments[order.instrument]
        if not order.price_ticks:
            return 1
        return max(1, -int(-instrument.least_notional // instrument.notional(order.price_ticks, 1)))

    def _millions(self, instrument: str, price_ticks: int, lots: int) -> float:
        return float(self._instruments[instrument].notional(price_ticks, lots)) / _MILLION


def _with_cut(event: OrderUpdate | OrderStatus, cut_lots: int) -> OrderUpdate | OrderStatus:
    """What the inner execution would hear had it sent the whole order and the cut part been cancelled."""
    if not cut_lots or event.state in (None, OrderState.REJECTED, OrderState.UNKNOWN):
        return event
    state = OrderState.CANCELLED if event.state is OrderState.FILLED else event.state
    return msgspec.structs.replace(event, state=state, left_lots=event.left_lots + cut_lots)
