"""What random round trips cost by their own impact, in the market that applies it: a search for price manipulation."""

from __future__ import annotations

from copy import copy
from typing import Final, NamedTuple

import msgspec
import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, parse_duration
from counterpoise.market.event import FIRST, LAST, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.response import NO_RESPONSE, ResponseModel

__all__ = ["RoundTrips", "round_trip_costs"]

_STILL: Final = Instrument(
    venue="still", symbol="X", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.000001", lot="1"
)
_BID: Final = 10**12  # ticks; a displacement of millions of them changes no price by more than a few parts in a million
_KICK: Final = 1000.0  # ticks a lot
_DEPTH: Final = 10**9  # lots
_MOST_LOTS: Final = 100
_MOST_TRADES: Final = 8
_BATCH: Final = 50  # schedules in one market, with a pause between
_PAUSE: Final = 40  # longest half-lives


class RoundTrips(NamedTuple):
    """Costs of round trips.

    Attributes
    ----------
    cost : (n,) float64
        Cost of each by its own impact, over ½ λ Σ q²: what its trades would cost if each were alone.
    rounding : (n,) float64
        By how much rounding to ticks can make it smaller, in the same unit.
    trades : (n,) int64
    """

    cost: Float1D
    rounding: Float1D
    trades: Int1D


def round_trip_costs(model: ResponseModel, *, schedules: int, rng: np.random.Generator) -> RoundTrips:
    """Trade random round trips in a market whose recording stands still.

    Each is 2 to 8 trades of up to 100 lots that add up to nothing, at times from far below the shortest half-life to beyond the
    longest, each taken or waited for by a coin toss. What a trade costs is its price against the recorded price at which it was
    met; spread and depth cost nothing here.

    Parameters
    ----------
    model : ResponseModel
        Its impact is scaled so that one lot displaces by 1,000 ticks, which changes nothing else: impact is linear.
    schedules : int
    rng : numpy.random.Generator

    Raises
    ------
    InputError
        If the model displaces nothing.

    Notes
    -----
    Gatheral (2010), doi:10.1080/14697680903373692, section 2: a round trip of negative expected cost is price manipulation.
    O(schedules).
    """
    if not model.impact.bps_per_million:
        raise InputError("the response has no impact (bps_per_million is 0): there is nothing to manipulate")
    worth = float(_STILL.notional(1, 1)) / 1e6
    scaled = copy(model)  # not made anew: a model that was let through by mistake has to come this far
    impact = msgspec.structs.replace(model.impact, bps_per_million=_KICK / (BPS * worth * float(_BID) ** 2))
    msgspec.structs.force_setattr(scaled, "impact", impact)
    msgspec.structs.force_setattr(scaled, "resilience", NO_RESPONSE.resilience)
    half_lives = [parse_duration(text) for text in model.impact.half_lives + model.followers.half_lives]
    shortest, longest = min(half_lives), max(half_lives)
    cost, rounding, trades = np.zeros(schedules), np.zeros(schedules), np.zeros(schedules, np.int64)
    for i in range(schedules):
        if i % _BATCH == 0:
            market, ts = _still_market(scaled), 1
        lots = _signed_lots(rng)
        gaps = np.exp(rng.uniform(np.log(shortest / 1000), np.log(3 * longest), len(lots))) * rng.random()
        paid = 0
        for number, signed in enumerate(lots.tolist()):
            ts += 2 + int(gaps[number])
            waits = rng.random() < 0.5
            paid += _wait(market, ts, signed, number) if waits else _take(market, ts, signed)
        alone = _KICK * float(lots @ lots) / 2
        cost[i], rounding[i], trades[i] = paid / alone, np.abs(lots).sum() / alone, len(lots)
        ts += _PAUSE * longest
    return RoundTrips(cost, rounding, trades)


def _signed_lots(rng: np.random.Generator) -> Int1D:
    """Trades that add up to nothing, none empty; half of the time all buys come first, or all sells."""
    while True:
        lots = rng.integers(-_MOST_LOTS, _MOST_LOTS + 1, rng.integers(1, _MOST_TRADES))
        lots = np.append(lots, -lots.sum())
        lots = lots[lots != 0]
        if len(lots) > 1:
            return np.sort(lots)[:: rng.choice((1, -1))] if rng.random() < 0.5 else lots


def _still_market(model: ResponseModel) -> ReplayMarket:
    market = ReplayMarket(_STILL, model)
    market.feed(_message(0, SNAPSHOT, [(1, _BID, _DEPTH), (-1, _BID + 1, _DEPTH)]))
    market.run(1)
    return market


def _take(market: ReplayMarket, ts: int, signed: int) -> int:
    side = 1 if signed > 0 else -1
    recorded = _BID + (side > 0)
    return sum(side * (piece.price_ticks - recorded) * piece.qty_lots for piece in market.take(ts, side, abs(signed), None))


def _wait(market: ReplayMarket, ts: int, signed: int, number: int) -> int:
    """Rest where the market is shown, and be met by the first recorded price that fills all of it."""
    side = 1 if signed > 0 else -1
    displaced = side * market.displacement(ts)
    reach = int(np.ceil(displaced + _KICK * abs(signed) / 2 + 0.5))
    price = _BID + side * round(displaced)
    market.rest(number, ts, side, price, abs(signed))
    market.feed(_message(ts, TRADE, [(-side, price - side * reach, _DEPTH)]))
    (fill,) = market.run(ts + 1)
    assert fill.qty_lots == abs(signed)
    return reach * fill.qty_lots


def _message(ts: int, kind: int, levels: list[tuple[int, int, int]]) -> Events:
    n = len(levels)
    side, price, lots = np.array(levels, np.int64).T
    flags = np.zeros(n, np.uint8)
    flags[0] |= FIRST
    flags[-1] |= LAST
    times = np.full(n, ts, np.int64)
    return Events(
        times, times, times, times, np.full(n, kind, np.uint8), side.astype(np.int8), flags,
        np.ascontiguousarray(price), np.ascontiguousarray(lots),
    )  # fmt: skip
