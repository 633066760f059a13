"""The balanced execution: every token follows its plan closely, in whichever of its markets the moment is best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from counterpoise.balance.basket.leg import Leg, Stance
from counterpoise.balance.execution import Action, PlaceOrder, Seen, Standing
from counterpoise.balance.placement.placement import Moment, Placement, PlacementConfig
from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.forecast.move_forecast import MoveForecast
from counterpoise.forecast.signals import MarketSignals
from counterpoise.market.instrument import Instrument
from counterpoise.market.quality import BookState
from counterpoise.market.venue import VenueEvent

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
        Time in which a market's share of the plan would trade what one child holds; sizes vary around it by half, at random.
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
        parse_duration(self.child)


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
        Draws sizes.

    Raises
    ------
    InputError
        If a token of the plan has no instrument, an instrument no place in the plan, or a plan changes its side.
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
        self._signals: Final = MarketSignals(self._token.tolist())
        self._legs: Final = {i.id: self._leg(i, number) for number, i in enumerate(self.instruments)}
        self._placement: Final = Placement(config.placement, len(self.instruments)) if config.placement else None
        self._by_prefix: Final = {f"{name}.{number}": leg for number, leg in enumerate(self._legs.values())}
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
        leg = self._by_prefix.get(event.client_id.rpartition("-")[0])
        if leg is not None:
            leg.hear(event)

    def refused(self, client_id: str) -> None:
        self._by_prefix[client_id.rpartition("-")[0]].refused(client_id)

    def stop(self) -> list[Action]:
        return [action for leg in self._legs.values() for action in leg.stop()]

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        tops = [seen[i.id].top for i in self.instruments]
        quotes = np.array([top[:4] for top in tops], np.float64)
        bid, bid_lots, ask, ask_lots = quotes.T
        signals = self._signals.push(ts_ns, bid=bid, ask=ask, bid_lots=bid_lots, ask_lots=ask_lots)
        if ts_ns < self.start_ns:
            return []
        if ts_ns >= self.plan.times_ns[-1]:
            return self.stop()
        sound = np.array([top.state is BookState.SYNCED for top in tops]) & (bid > 0) & (ask > 0)
        self.waited += int((~sound).sum())
        stances = self._stances(ts_ns, signals, quotes)
        room = self._whole - np.bincount(self._token, sum(self._lots()) * self._unit)
        sizes = self._child * self._rng.uniform(0.5, 1.5, len(tops))
        actions: list[Action] = []
        for number, leg in enumerate(self._legs.values()):
            token, unit = self._token[number], self._unit[number]
            lots = min(max(int(sizes[number]), 1), int(room[token] / unit + 1e-9))
            new = leg.step(tops[number], stances[number], lots=lots) if sound[number] else []
            room[token] -= unit * sum(action.order.qty_lots for action in new if isinstance(action, PlaceOrder))
            actions += new
        return actions

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
        chosen = _best(view, self._token, config.markets)
        if self._placement is not None and not late:
            later, unit = np.where(chosen, pressure, _NEVER_BPS), np.maximum(self._child, 1.0)
            moment = Moment(self._side, bid, bid_lots, ask, ask_lots, unit, later, view)
            return self._placement.choose(ts_ns, moment, resting=live > 0)
        edge = view + pressure
        cross = config.cross_bps + (ask - bid) / np.where(bid + ask > 0, bid + ask, 1.0) / BPS
        resting = Stance.IMPROVE if config.improve else Stance.JOIN
        return [
            Stance.CROSS if takes or late else resting if stands else Stance.WAIT
            for takes, stands in zip(chosen & (edge > cross), chosen & (edge > config.join_bps), strict=True)
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
