"""Ordinary flow as an observer knows it: whether the next aggressive order buys, and how large it is. Fitted on clean flow."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Float2D, Int1D, Int2D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.agents.kernels.aggressor import (
    AGGRESSOR_STATE,
    AGGRESSOR_WIDTH,
    ORDER_LOTS,
    ORDER_SIDE,
    ORDER_TIME,
    aggressor_rows,
)
from counterpoise.sim.agents.kernels.order_sizes import MEMORIES, QUARTERS, quarters_of, recent_chances, static_chances
from counterpoise.sim.agents.kernels.sign_memory import SIGN_FEATURES, draw_signs, sign_features

__all__ = ["Aggressors", "OrdinaryFlow", "aggressive_orders", "fit_ordinary_flow"]

_LEAST: Final = 200  # orders of a fit
_MOST_COMMON: Final = 4096
_RIDGE: Final = 1.0
_STEPS: Final = 50
_EM_STEPS: Final = 200
_UNSEEN: Final = 0.02  # orders that each quarter without any is given
_HOLDS: Final = np.array([q >= 8 or q in (0, 4, 6) for q in range(QUARTERS)])  # quarters with whole lots in them
_BREADTH: Final = np.array([2.0 ** max(q // 4 - 2, 0) for q in range(QUARTERS)])  # whole lots in a quarter, and its first
_FIRST: Final = np.array([(4.0 + q % 4) * 2.0 ** (q // 4 - 2) for q in range(QUARTERS)])
_ROUNDING: Final = 1e-9


class Aggressors(Stream):
    """Aggressive orders of one instrument: fills of one side at one time of the venue are one order.

    A row is complete with the first fill of another order, or 2 ms after its own last. Trades of unknown side are left out.
    """

    rows = staticmethod(aggressor_rows)

    def __init__(self, instrument: Instrument) -> None:
        super().__init__(instrument, state=np.zeros(AGGRESSOR_STATE, np.int64), settings=np.zeros(1), width=AGGRESSOR_WIDTH)

    def _close(self) -> None:
        if self._state[ORDER_SIDE]:
            row = [self._last_ts, *self._state[[ORDER_TIME, ORDER_SIDE, ORDER_LOTS]]]
            self._closed.append(np.array([row], np.int64))

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        known, when, side, lots = (np.ascontiguousarray(column) for column in rows.T)
        times = {"ts_local": pl.Series(known).cast(UTC_NS), "ts": pl.Series(when).cast(UTC_NS)}
        return pl.DataFrame(times | {"side": side.astype(np.int8), "qty_lots": lots})


def aggressive_orders(events: Events, instrument: Instrument) -> pl.DataFrame:
    """Aggressive orders of a recording; see `Aggressors`.

    Returns
    -------
    DataFrame
        ``ts_local`` when the order was known to be whole, ``ts`` at the venue (of arrival where it gives none), ``side``,
        ``qty_lots``; one row an order.
    """
    return Aggressors(instrument).whole(events)


class OrdinaryFlow(Config, frozen=True, kw_only=True):
    """Chances of the next aggressive order's side and size when nobody works a large order.

    Parameters
    ----------
    sign_weights : tuple of 8 floats
        Logit of a buy: weights of means of past signs over 2, 8, … 2,048 orders, and of the last sign faded over .1 s and 1 s.
    common_lots, common_chances : tuples of equal length
        Sizes that are common, ascending, and their chances.
    rest_chances : tuple of 256 floats
        Chances of other sizes by quarters of an octave of lots, spread evenly over the lots in each. All chances sum to 1.
    largest_lots : int
        Sizes beyond it weigh no more than it where flow is weighed by volume.
    repeats : tuple of 3 floats
        Chances that a size is one of those of the last 2,000 orders, of the last 100 of its side, of the last 10 of its side
        (exponentially) rather than drawn from the above. They sum to less than 1.
    orders : int
        It was fitted on.

    Raises
    ------
    ConfigError
        If lengths differ, a number is not finite, a chance is not positive, or they do not sum to 1.
    """

    sign_weights: tuple[float, ...]
    common_lots: tuple[int, ...]
    common_chances: tuple[float, ...]
    rest_chances: tuple[float, ...]
    largest_lots: int
    repeats: tuple[float, ...] = (0.0,) * MEMORIES
    orders: int = 0

    def __post_init__(self) -> None:
        if len(self.sign_weights) != SIGN_FEATURES or not np.isfinite(self.sign_weights).all():
            raise ConfigError(f"sign_weights are {self.sign_weights}; expected {SIGN_FEATURES} finite numbers")
        lots = np.array(self.common_lots, np.int64)
        if len(lots) != len(self.common_chances) or (np.diff(lots) <= 0).any() or (lots < 1).any():
            raise ConfigError("common_lots must ascend from 1 or more, with one of common_chances each")
        rest = np.array(self.rest_chances)
        if rest.shape != (QUARTERS,) or not (rest[_HOLDS] > 0).all() or (rest[~_HOLDS] != 0).any():
            raise ConfigError(f"rest_chances must be {QUARTERS} numbers, positive but for quarters that hold no whole lots")
        total = float(rest.sum() + sum(self.common_chances))
        if not (abs(total - 1) < _ROUNDING and all(chance > 0 for chance in self.common_chances)):
            raise ConfigError(f"chances of sizes sum to {total:.9g}; expected positive ones that sum to 1")
        if not 1 <= self.largest_lots < 2**53:
            raise ConfigError(f"largest_lots is {self.largest_lots}; expected 1 to below 2⁵³")
        if len(self.repeats) != MEMORIES or not (min(self.repeats) >= 0 and sum(self.repeats) < 1):
            raise ConfigError(f"repeats are {self.repeats}; expected {MEMORIES} chances that sum to less than 1")

    def model(self) -> Float1D:
        """Numbers of `kernels.sign_memory` and of `kernels.order_sizes`, in this order."""
        rest = np.array(self.rest_chances)
        lots = np.array(self.common_lots, np.int64)
        quarters = np.empty(len(lots), np.int64)
        quarters_of(lots, quarters)
        whole = rest + np.bincount(quarters, self.common_chances, QUARTERS)
        whole[~_HOLDS] = 1.0
        capped = np.minimum(lots, self.largest_lots) @ np.array(self.common_chances)
        below = np.clip(self.largest_lots - _FIRST + 1.0, 0.0, _BREADTH)  # lots of each quarter up to the cap
        means = (below * (_FIRST + 0.5 * (below - 1.0)) + (_BREADTH - below) * self.largest_lots) / _BREADTH
        volume = [self.largest_lots, capped + means @ rest]
        return np.concatenate([self.sign_weights, whole, rest, self.repeats, volume, [len(lots)], lots, self.common_chances])

    def chances(self, lots: Int1D) -> Float1D:
        """Chance of each size whatever came before."""
        sizes = np.ascontiguousarray(lots, np.int64)
        if len(sizes) and sizes.min() < 1:
            raise InputError(f"sizes must be 1 lot or more, found {sizes.min()}")
        out = np.empty(len(sizes))
        static_chances(self.model()[SIGN_FEATURES:], sizes, out)
        return out

    def draw(self, ts_ns: Int1D, rng: np.random.Generator) -> tuple[Int1D, Int1D]:
        """Sides and lots of orders at given times [ns], of sizes drawn afresh (as if `repeats` were none)."""
        times = np.ascontiguousarray(ts_ns, np.int64)
        side = np.empty(len(times), np.int64)
        draw_signs(times, rng.random(len(times)), np.array(self.sign_weights), side)
        chances = np.concatenate([self.common_chances, self.rest_chances])
        pick = rng.choice(len(chances), len(times), p=chances / chances.sum())
        quarter = np.maximum(pick - len(self.common_lots), 0)
        lots = (_FIRST[quarter] + np.floor(rng.random(len(times)) * _BREADTH[quarter])).astype(np.int64)
        common = pick < len(self.common_lots)
        lots[common] = np.array((*self.common_lots, 0), np.int64)[pick[common]]
        return side, lots


def fit_ordinary_flow(events: Events, instrument: Instrument) -> OrdinaryFlow:
    """Ordinary flow of clean events: signs by logistic regression on their past, sizes by counting.

    A size that came twice or more is common (at most 4,096 of them, the most frequent); its chance is n / (N + 1). What is left
    is spread by quarters of an octave as the other sizes were, .02 of an order more in each. `repeats` are the likeliest on the
    second half of the orders, with the sizes of the first.

    Parameters
    ----------
    events : Events
    instrument : Instrument

    Raises
    ------
    InputError
        If there are fewer than 200 aggressive orders.

    Notes
    -----
    The regression has a ridge penalty of ½ |w|². O(orders).
    """
    orders = aggressive_orders(events, instrument)
    if orders.height < _LEAST:
        raise InputError(f"{orders.height} aggressive orders with a known side given; a fit wants {_LEAST} or more")
    side = orders["side"].to_numpy().astype(np.int64)
    features = np.empty((len(side), SIGN_FEATURES))
    sign_features(orders["ts"].to_numpy().astype(np.int64), side, features)
    weights = tuple(_logistic(features, side).tolist())
    sizes = orders["qty_lots"].to_numpy().copy()
    half = _static_flow(weights, sizes[: len(sizes) // 2])
    return msgspec.structs.replace(_static_flow(weights, sizes), repeats=_repeats(half, side, sizes))


def _static_flow(weights: tuple[float, ...], sizes: Int1D) -> OrdinaryFlow:
    lots, chances, rest = _size_chances(sizes)
    return OrdinaryFlow(
        sign_weights=weights,
        common_lots=tuple(lots.tolist()),
        common_chances=tuple(chances.tolist()),
        rest_chances=tuple(rest.tolist()),
        largest_lots=int(sizes.max()),
        orders=len(sizes),
    )


def _repeats(half: OrdinaryFlow, side: Int1D, sizes: Int1D) -> tuple[float, ...]:
    """The likeliest weights of the memories on the orders behind those that `half` was fitted on: expectation-maximisation."""
    chances = np.empty((len(sizes), MEMORIES + 1))
    recent_chances(half.model()[SIGN_FEATURES:], side, sizes, chances)
    chances[:, MEMORIES] = half.chances(sizes)
    chances, weights = chances[half.orders :], np.full(MEMORIES + 1, 1.0 / (MEMORIES + 1))
    for _ in range(_EM_STEPS):
        parts = chances * weights
        weights = (parts / parts.sum(axis=1, keepdims=True)).mean(axis=0)
    return tuple(weights[:MEMORIES].tolist())


def _logistic(features: Float2D, side: Int1D) -> Float1D:
    """Ridge logistic regression by Newton's method."""
    weights = np.zeros(features.shape[1])
    for _ in range(_STEPS):
        chance = 1.0 / (1.0 + np.exp(-(features @ weights)))
        slope = features.T @ ((side > 0) - chance) - _RIDGE * weights
        curvature = (features * (chance * (1.0 - chance))[:, None]).T @ features + _RIDGE * np.eye(len(weights))
        step = np.linalg.solve(curvature, slope)
        weights += step
        if np.abs(step).max() < _ROUNDING:
            break
    return np.asarray(weights, np.float64)


def _size_chances(sizes: Int1D) -> tuple[Int1D, Float1D, Float1D]:
    """Common sizes, their chances, and the chances of the rest by quarters."""
    lots, counts = np.unique(sizes, return_counts=True)
    kept = np.sort(np.lexsort((lots, -counts))[:_MOST_COMMON])
    kept = kept[counts[kept] >= 2]
    others = np.ones(len(lots), bool)
    others[kept] = False
    quarters = np.empty(int(others.sum()), np.int64)
    quarters_of(lots[others], quarters)
    rest = np.where(_HOLDS, np.bincount(quarters, counts[others], QUARTERS) + _UNSEEN, 0.0)
    chances = counts[kept] / (len(sizes) + 1)
    return lots[kept], chances, rest * ((1.0 - chances.sum()) / rest.sum())
