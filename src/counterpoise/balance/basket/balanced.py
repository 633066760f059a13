"""The balanced execution: every token follows its plan closely, in whichever of its markets the moment is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from counterpoise.balance.basket.leg import Leg
from counterpoise.balance.disguise.clock_law import ClockLaw
from counterpoise.balance.disguise.size_law import SizeLaw
from counterpoise.balance.execution import Action, PlaceOrder, Seen, Standing
from counterpoise.balance.placement.placement import Moment, Placement, PlacementConfig
from counterpoise.balance.placement.stance import Stance
from counterpoise.core.arrays import Bool1D, Float1D, Float2D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.forecast.move_forecast import MoveForecast
from counterpoise.forecast.signals import MarketSignals
from counterpoise.market.instrument import Instrument
from counterpoise.market.venue import TopOfBook, VenueEvent

__all__ = ["Balanced", "BalancedConfig", "TokenPlan"]

_NEVER_BPS: Final = -1e9  # what waiting saves where a market is not to be used


class TokenPlan(NamedTuple):
    """What is to be held of each token, and when.

    Attributes
    ----------
    tokens : tuple of str
    times_ns : (n,) int64
        From the start to the end, increasing.
    quantity : (n, tokens) float64
        Signed quantity to have by each time [base]; 0 in the first row. Between the times it is linear.
    """

    tokens: tuple[str, ...]
    times_ns: Int1D
    quantity: Float2D

    def at(self, ts_ns: int) -> Float1D:
        """(tokens,) quantity to have at a time; the last after the end."""
        return np.array([np.interp(ts_ns, self.times_ns, column) for column in self.quantity.T])


class BalancedConfig(Config, frozen=True, kw_only=True):
    """How the balanced execution weighs the moment against the plan.

    A market's *edge* is the move foretold there in the direction of the order, plus `pressure_bps` for each `band` that its
    token is behind its plan. The leg stands at its touch where the edge is above `join_bps`, takes where it is above
    `cross_bps` and the half spread, and stays away elsewhere.

    Parameters
    ----------
    band : float
        Share of a token's quantity that it may be behind or ahead; above 0.
    pressure_bps : float
        Edge that being a band behind is worth; ≥ 0. Capped at `most_bands`.
    most_bands : float
    join_bps, cross_bps : float
    markets : int
        How many of a token's markets, the best by forecast, may work at a time.
    improve : bool
        Whether an order that rests goes a tick before the touch where the spread has room.
    child : str
        Time in which a market's share of the plan would trade what one child holds on the mean.
    sizes : {"even", "market"}
        Whether they vary evenly around it by half, or are drawn from the sizes of the market's own orders, weighed so that the
        mean is that, or that of volume (`child_size` at information alone) where it is less.
    clock : ClockLaw, optional
        When a market is decided on, each by itself, at the first step after; at every step if left out.
    display : float
        An order that rests shows at most about so many times (half to one and a half of it, at random) what stands at its
        touch; 0 for no bound.
    rest : str
        Nothing is decided on a market for so long after it was sent an order, unless that has ended: what rests has time to
        trade.
    mix_bps : float
        Markets whose views differ by less take turns at random, anew at each decision; ≥ 0.
    join : float
        Share of the orders that rest which join the queue at the touch though there were room to improve; in [0, 1].
    leash_bps, reach_bps : float
        As `Leg`.
    last : float
        Share of the time at the end in which what is left takes.
    placement : PlacementConfig, optional
        Chooses the stance by expected cost in place of `join_bps`, `cross_bps` and `improve`; what remains then costs the
        pressure later.
    """

    band: float = 0.005
    pressure_bps: float = 3.5
    most_bands: float = 4.0
    join_bps: float = 0.5
    cross_bps: float = 6.0
    markets: int = 3
    improve: bool = True
    child: str = "10s"
    sizes: str = "even"
    clock: ClockLaw | None = None
    display: float = 0.0
    rest: str = "600ms"
    mix_bps: float = 0.0
    join: float = 0.0
    leash_bps: float = 0.5
    reach_bps: float = 3.0
    last: float = 0.02
    placement: PlacementConfig | None = None

    def __post_init__(self) -> None:
        if not 0 < self.band <= 1 or not 0 <= self.last < 1 or self.markets < 1 or self.most_bands <= 0:
            raise InputError(
                "a balanced execution needs band in (0, 1], last in [0, 1), markets >= 1 and most_bands > 0, found "
                f"{self.band}, {self.last}, {self.markets} and {self.most_bands}"
            )
        if self.pressure_bps < 0 or self.cross_bps < self.join_bps:
            raise InputError(
                f"pressure_bps is {self.pressure_bps}, join_bps {self.join_bps}, cross_bps {self.cross_bps}; expected "
                "pressure_bps >= 0 and cross_bps >= join_bps"
            )
        if self.sizes not in ("even", "market"):
            raise InputError(f"sizes is {self.sizes!r}; expected 'even' or 'market'")
        if self.mix_bps < 0 or self.display < 0 or not 0 <= self.join <= 1:
            raise InputError(
                f"mix_bps is {self.mix_bps}, display {self.display}, join {self.join}; expected mix_bps, display >= 0, "
                "join in [0, 1]"
            )
        parse_duration(self.child)
        parse_duration(self.rest)


class Balanced:
    """One parent order over many instruments, spot and perpetual on several venues, tokens apart.

    Parameters
    ----------
    instruments : sequence of Instrument
        Each delivers the token that is its base coin; linear, or spot.
    plan : TokenPlan
    forecast : MoveForecast
    share : (instruments,) float64
        Part of its token's quantity that each market would take by its volume; of a token they sum to 1.
    config : BalancedConfig
    rng : numpy.random.Generator
        Draws sizes, times, and who takes turns.
    sizes : sequence of SizeLaw, optional
        Of each market's children, where `config.sizes` is "market".

    Raises
    ------
    InputError
        If a token of the plan has no instrument, an instrument no place in the plan, a plan changes its side, or laws of sizes
        are not what the config says.
    """

    def __init__(
        self,
        name: str,
        instruments: Sequence[Instrument],
        *,
        plan: TokenPlan,
        forecast: MoveForecast,
        share: Float1D,
        config: BalancedConfig,
        rng: np.random.Generator,
        sizes: Sequence[SizeLaw] | None = None,
    ) -> None:
        self.name, self.instruments, self.plan = name, tuple(instruments), plan
        self._config, self._forecast, self._rng = config, forecast, rng
        self._token: Final = np.array([_place_of(i, plan.tokens) for i in self.instruments])
        if missing := set(range(len(plan.tokens))) - set(self._token.tolist()):
            raise InputError(f"no instrument delivers {sorted(plan.tokens[token] for token in missing)}; give one each")
        whole = plan.quantity[-1]
        if np.any(np.diff(plan.quantity, axis=0) * np.sign(whole) < 0):
            raise InputError("the plan of a token changes its side; give a plan that only buys or only sells")
        self._whole: Final = np.abs(whole)
        self._side: Final = np.where(whole < 0, -1, 1)[self._token]
        self._unit: Final = np.array([i.qty_grid.size * float(i.multiplier) for i in self.instruments])
        self._span_s: Final = (int(plan.times_ns[-1]) - int(plan.times_ns[0])) / SECOND_NS
        rate = self._whole[self._token] * share / self._span_s / self._unit
        self._child: Final = rate * parse_duration(config.child) / SECOND_NS  # lots
        self._sizes: Final = self._laws(sizes)
        self._shown: Final = [0] * len(self.instruments)  # lots of each market's last order
        self._due_ns: Final = np.zeros(len(self.instruments), np.int64)  # when each is decided on next
        self._rest_ns: Final = parse_duration(config.rest)
        self._taste: Final = np.zeros(len(self.instruments))
        self._improves: Final = np.full(len(self.instruments), config.improve)
        self._signals: Final = MarketSignals(self._token.tolist())
        self._legs: Final = {i.id: self._leg(i, number) for number, i in enumerate(self.instruments)}
        self._placement: Final = Placement(config.placement, len(self.instruments)) if config.placement else None
        self._by_prefix: Final = {f"{name}.{number}": number for number in range(len(self.instruments))}
        self.waited = 0  # decisions in which a market could not be used, its book being out of order

    def _leg(self, instrument: Instrument, number: int) -> Leg:
        most = int(self._whole[self._token[number]] / self._unit[number] + 1e-9)
        return Leg(
            f"{self.name}.{number}",
            instrument,
            side=int(self._side[number]),
            most_lots=most,
            leash_bps=self._config.leash_bps,
            reach_bps=self._config.reach_bps,
        )

    def _laws(self, sizes: Sequence[SizeLaw] | None) -> list[SizeLaw]:
        given = 0 if sizes is None else len(sizes)
        if given != (len(self.instruments) if self._config.sizes == "market" else 0):
            raise InputError(f"{given} laws of sizes; expected one a market where config.sizes is 'market', none otherwise")
        return [SizeLaw.around(lots) for lots in self._child] if sizes is None else list(sizes)

    @property
    def start_ns(self) -> int:
        return int(self.plan.times_ns[0])

    @property
    def done(self) -> bool:
        """Less than a lot is left of every token, and nothing is live."""
        filled, live = self._lots()
        left = self._whole - np.bincount(self._token, filled * self._unit)
        least = np.full(len(self._whole), np.inf)
        np.minimum.at(least, self._token, self._unit)
        return bool((left < least * (1 - 1e-9)).all() and not live.any())

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        """The target of a market is its token's, less what the token's other markets hold."""
        leg, number = self._legs[instrument], list(self._legs).index(instrument)
        filled, _ = self._lots()
        token, side = int(self._token[number]), leg.side
        others = float((filled * self._unit)[self._token == token].sum()) - leg.filled_lots * self._unit[number]
        target = (abs(float(self.plan.at(ts_ns)[token])) - others) / self._unit[number]
        return Standing(side * round(target), side * leg.filled_lots, side * leg.live_lots)

    def hear(self, event: VenueEvent) -> None:
        number = self._by_prefix.get(event.client_id.rpartition("-")[0])
        if number is None:
            return
        leg = self._legs[self.instruments[number].id]
        leg.hear(event)
        if not leg.live_lots:
            self._due_ns[number] = self._after(event.ts_ns, 1)[0]

    def refused(self, client_id: str) -> None:
        number = self._by_prefix[client_id.rpartition("-")[0]]
        self._legs[self.instruments[number].id].refused(client_id)

    def stop(self) -> list[Action]:
        return [action for leg in self._legs.values() for action in leg.stop()]

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        tops = [seen[i.id].top for i in self.instruments]
        quotes = np.array([top[:4] for top in tops], np.float64)
        bid, bid_lots, ask, ask_lots = quotes.T
        signals = self._signals.push(ts_ns, bid=bid, ask=ask, bid_lots=bid_lots, ask_lots=ask_lots)
        asked = [action for leg in self._legs.values() for action in leg.ask(ts_ns)]
        if ts_ns < self.start_ns:
            return asked
        if ts_ns >= self.plan.times_ns[-1]:
            return asked + self.stop()
        sound = np.array([top.sound for top in tops])
        self.waited += int((~sound).sum())
        due = self._due(ts_ns)
        stances = self._stances(ts_ns, signals, quotes)
        room = self._whole - np.bincount(self._token, sum(self._lots()) * self._unit)
        resting_ends = ts_ns + self._rest_ns > self.plan.times_ns[-1]
        actions = asked
        for number in np.flatnonzero(due & sound).tolist():
            if stances[number] is Stance.CROSS or not resting_ends:
                actions += self._send(number, ts_ns, tops[number], stances[number], room)
        return actions

    def _send(self, number: int, ts_ns: int, top: TopOfBook, stance: Stance, room: Float1D) -> list[Action]:
        """What a market's leg does now; `room` is what may yet be sent of each token, and is kept so."""
        token, unit, config = self._token[number], self._unit[number], self._config
        most = int(room[token] / unit + 1e-9)
        if config.display and stance is not Stance.CROSS:
            stands = top.bid_lots if self._side[number] > 0 else top.ask_lots
            most = min(most, max(int(config.display * self._rng.uniform(0.5, 1.5) * stands), 1))
        lots = self._sizes[number].draw(self._rng, most=most, last=self._shown[number])
        actions = self._legs[self.instruments[number].id].step(top, stance, lots=lots)
        for action in actions:
            if isinstance(action, PlaceOrder):
                self._shown[number] = action.order.qty_lots
                self._due_ns[number] = max(self._due_ns[number], ts_ns + self._rest_ns)
                room[token] -= unit * action.order.qty_lots
        return actions

    def _due(self, ts_ns: int) -> Bool1D:
        """Which markets are decided on now; for these the next time, taste and kind of order are drawn."""
        config, due = self._config, self._due_ns <= ts_ns
        count = int(due.sum())
        self._due_ns[due] = self._after(ts_ns, count)
        if config.mix_bps:
            self._taste[due] = self._rng.uniform(0.0, config.mix_bps, count)
        if config.join:
            self._improves[due] = config.improve & (self._rng.random(count) >= config.join)
        return due

    def _after(self, ts_ns: int, count: int) -> Int1D:
        """When each of so many is decided on next."""
        clock = self._config.clock
        return np.full(count, ts_ns) if clock is None else clock.after(ts_ns, self._rng, count=count)

    def _lots(self) -> tuple[Float1D, Float1D]:
        """Lots filled and live of each leg."""
        legs = self._legs.values()
        return np.array([leg.filled_lots for leg in legs], float), np.array([leg.live_lots for leg in legs], float)

    def _stances(self, ts_ns: int, signals: Float2D, quotes: Float2D) -> list[Stance]:
        """Where each market's leg should stand."""
        config, (bid, bid_lots, ask, ask_lots) = self._config, quotes.T
        filled, live = self._lots()
        behind = np.abs(self.plan.at(ts_ns)) - np.bincount(self._token, filled * self._unit)
        bands = behind / (config.band * np.where(self._whole > 0, self._whole, 1.0))
        late = ts_ns >= self.plan.times_ns[-1] - config.last * self._span_s * SECOND_NS
        view = self._side * self._forecast.bps(signals)
        pressure = config.pressure_bps * np.minimum(bands, config.most_bands)[self._token]
        chosen = _best(view + self._taste, self._token, config.markets)
        if self._placement is not None and not late:
            later, unit = np.where(chosen, pressure, _NEVER_BPS), np.maximum(self._child, 1.0)
            moment = Moment(self._side, bid, bid_lots, ask, ask_lots, unit, later, view)
            return self._placement.choose(ts_ns, moment, resting=live > 0)
        edge = view + pressure
        cross = config.cross_bps + (ask - bid) / np.where(bid + ask > 0, bid + ask, 1.0) / BPS
        return [
            Stance.CROSS if takes or late else (Stance.IMPROVE if improves else Stance.JOIN) if stands else Stance.WAIT
            for takes, stands, improves in zip(
                chosen & (edge > cross), chosen & (edge > config.join_bps), self._improves, strict=True
            )
        ]


def _place_of(instrument: Instrument, tokens: tuple[str, ...]) -> int:
    if instrument.inverse:
        raise InputError(f"{instrument.id} is inverse: its exposure moves with the price; give linear or spot instruments")
    if instrument.base not in tokens:
        raise UnknownName("token of the plan", instrument.base, tokens)
    return tokens.index(instrument.base)


def _best(view: Float1D, token: Int1D, count: int) -> Float1D:
    """Whether a market is among its token's best so many; ties go to the earlier one."""
    order = np.lexsort((np.arange(len(view)), -view, token))
    first = np.searchsorted(token[order], np.arange(token.max() + 1))
    rank = np.empty(len(view), np.int64)
    rank[order] = np.arange(len(view)) - first[token[order]]
    return np.asarray(rank < count)
