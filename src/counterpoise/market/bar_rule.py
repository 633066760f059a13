"""What closes a bar: time, quantity, notional, a number of trades, or imbalance."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Final, Literal, NamedTuple, TypeAlias

import numpy as np

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_decimal
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels import bars as kernels

__all__ = [
    "BarClock",
    "BarRule",
    "BarWeight",
    "ExpectedImbalance",
    "Size",
    "imbalance_rule",
    "notional_rule",
    "time_rule",
    "trade_rule",
    "volume_rule",
]

Size: TypeAlias = str | int | float | Decimal
BarClock: TypeAlias = Literal["local", "venue"]
BarWeight: TypeAlias = Literal["trades", "qty", "notional"]

_WEIGHTS: Final = ("trades", "qty", "notional")
_LARGEST: Final = 1 << 61  # lots (or ticks·lots) of a bar; a bar and one more trade stay inside int64


class ExpectedImbalance(NamedTuple):
    """Threshold E[T]·|E[b v]| of imbalance bars, both exponential averages over what came before.

    Attributes
    ----------
    trades : float
        First guess of the trades in a bar, E[T].
    signed : float
        First guess of the signed size of a trade, ``E[b v]`` [trades, venue quantity or quote, as the bars weigh].
    span_bars, span_trades : float
        Spans of the averages, α = 2 / (span + 1): of T over bars, of b v over trades.
    least_trades, most_trades : float
        E[T] is held between them; without bounds the recursion is known to run away or to collapse.
    """

    trades: float
    signed: float
    span_bars: float = 20.0
    span_trades: float = 10_000.0
    least_trades: float = 1.0
    most_trades: float = 1e9


class BarRule(NamedTuple):
    """How the bars of one instrument close.

    Attributes
    ----------
    instrument : Instrument
    step : callable
        ``(row, real, columns, out) → bars closed``: the kernel with the rule's numbers bound.
    most : callable
        ``(row, columns, is_trade) → bars`` that these rows can close at most.
    real : tuple of float
        The state's floats at the start.
    every_ns : int
        Length of a time bar, 0 for other bars.
    clock : {"local", "venue"}
    priced : bool
        The rule divides or weighs by prices, so they must be positive.
    """

    instrument: Instrument
    step: Callable[[Int1D, Float1D, kernels.TradeColumns, kernels.BarOut], int]
    most: Callable[[Int1D, kernels.TradeColumns, Bool1D], int]
    real: tuple[float, ...] = (0.0,) * kernels.REALS
    every_ns: int = 0
    clock: BarClock = "local"
    priced: bool = False


def time_rule(instrument: Instrument, *, every_ns: int, clock: BarClock = "local") -> BarRule:
    """Rule of `counterpoise.market.bars.time_bars`."""
    if every_ns <= 0:
        raise InputError(f"every_ns must be positive, found {every_ns}; write it like parse_duration('1m')")
    if clock not in ("local", "venue"):
        raise InputError(f"clock must be 'local' or 'venue', found {clock!r}")
    by_venue, inverse = clock == "venue", instrument.inverse

    def step(row: Int1D, real: Float1D, columns: kernels.TradeColumns, out: kernels.BarOut) -> int:
        return kernels.step_time(row, real, columns, out, every_ns, by_venue, inverse)

    def most(row: Int1D, columns: kernels.TradeColumns, trade: Bool1D) -> int:
        ts = columns.ts[trade] if by_venue else columns.ts
        if not len(ts):
            return 0
        start = int(row[kernels.START_NS])
        return (int(ts[-1]) - (int(ts[0]) if start == kernels.NOT_STARTED else start)) // every_ns + 1

    return BarRule(instrument, step, most, every_ns=every_ns, clock=clock, priced=inverse)


def volume_rule(instrument: Instrument, *, qty: Size) -> BarRule:
    """Rule of `counterpoise.market.bars.volume_bars`."""
    return _sized_rule(instrument, _whole(qty, Fraction(instrument.qty_grid.step), what="qty"), by_value=False)


def notional_rule(instrument: Instrument, *, notional: Size) -> BarRule:
    """Rule of `counterpoise.market.bars.notional_bars`."""
    size = _whole(notional, instrument.notional(1, 1), what="notional")
    return _sized_rule(instrument, size, by_value=not instrument.inverse)


def trade_rule(instrument: Instrument, *, trades: int) -> BarRule:
    """Rule of `counterpoise.market.bars.trade_bars`."""
    if trades <= 0:
        raise InputError(f"trades must be a positive number, found {trades}")
    inverse = instrument.inverse

    def step(row: Int1D, real: Float1D, columns: kernels.TradeColumns, out: kernels.BarOut) -> int:
        return kernels.step_trades(row, real, columns, out, trades, inverse)

    def most(row: Int1D, columns: kernels.TradeColumns, trade: Bool1D) -> int:
        return (int(row[kernels.TRADES]) + int(trade.sum())) // trades

    return BarRule(instrument, step, most, priced=inverse)


def imbalance_rule(instrument: Instrument, *, threshold: Size | ExpectedImbalance, by: BarWeight = "qty") -> BarRule:
    """Rule of `counterpoise.market.bars.imbalance_bars`."""
    if by not in _WEIGHTS:
        raise InputError(f"imbalance bars weigh by one of {', '.join(_WEIGHTS)}, found {by!r}")
    inverse = instrument.inverse
    weigh = 1 if inverse and by == "notional" else _WEIGHTS.index(by)
    unit = {"trades": Fraction(1), "qty": Fraction(instrument.qty_grid.step), "notional": instrument.notional(1, 1)}[by]
    alphas, bounds = np.zeros(2), np.zeros(2)
    if isinstance(threshold, ExpectedImbalance):
        _require_expectation(threshold)
        signed = threshold.signed / float(unit)
        real = (0.0, threshold.trades, signed, min(threshold.trades * abs(signed), float(_LARGEST)))
        alphas[:] = 2 / (threshold.span_bars + 1), 2 / (threshold.span_trades + 1)
        bounds[:] = threshold.least_trades, threshold.most_trades
    else:
        real = (0.0, 0.0, 0.0, float(_whole(threshold, unit, what="threshold")))

    def step(row: Int1D, real: Float1D, columns: kernels.TradeColumns, out: kernels.BarOut) -> int:
        return kernels.step_imbalance(row, real, columns, out, weigh, alphas, bounds, inverse)

    def most(row: Int1D, columns: kernels.TradeColumns, trade: Bool1D) -> int:
        return int(trade.sum())

    return BarRule(instrument, step, most, real=real, priced=inverse or weigh == 2)


def _sized_rule(instrument: Instrument, size: int, *, by_value: bool) -> BarRule:
    inverse = instrument.inverse

    def step(row: Int1D, real: Float1D, columns: kernels.TradeColumns, out: kernels.BarOut) -> int:
        return kernels.step_sized(row, real, columns, out, size, by_value, inverse)

    def most(row: Int1D, columns: kernels.TradeColumns, trade: Bool1D) -> int:
        total = kernels.total_size(columns, by_value) + float(row[kernels.FILLED])
        return int(total * (1 + 1e-9) / size) + 1  # a float sum errs by less

    return BarRule(instrument, step, most, priced=by_value or inverse)


def _whole(size: Size, unit: Fraction, *, what: str) -> int:
    """Least whole number of units that makes up a size."""
    exact = Fraction(parse_decimal(size, what=what))
    units = ceil(exact / unit)
    if not 0 < units < _LARGEST:
        raise InputError(f"{what} must be positive and less than 2**61 units of {float(unit):g}, found {size}")
    return units


def _require_expectation(guess: ExpectedImbalance) -> None:
    sound = min(guess.trades, guess.span_bars, guess.span_trades, guess.least_trades) >= 1
    if not (sound and guess.least_trades <= guess.most_trades and 0 < abs(guess.signed) < np.inf):
        raise InputError(f"expected trades, spans and bounds of at least 1, bounds in order, and signed not 0; found {guess}")
