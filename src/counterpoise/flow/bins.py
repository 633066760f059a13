"""Bins that measures are summed over: of time, quantity, notional, a number of trades, price range or tick imbalance."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Final, NamedTuple, Self

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import format_duration, parse_decimal, parse_duration
from counterpoise.flow.kernels import bins as k
from counterpoise.market.instrument import Instrument

__all__ = ["Bins"]

_RULES: Final = {
    "time": k.TIME,
    "volume": k.VOLUME,
    "notional": k.NOTIONAL,
    "trades": k.TRADE_COUNT,
    "range": k.RANGE,
    "tick-imbalance": k.TICK_IMBALANCE,
}
_EXPECTED_TRADES: Final = Decimal(500)
_FIRST_SIGN: Final = 0.0  # first guess of E[b]: neither side is expected
_LARGEST: Final = 1 << 53  # a setting is a double
_LARGEST_SUM: Final = {k.VOLUME: 1 << 62, k.NOTIONAL: 1 << 120}  # whose last digit does not matter


class Bins(NamedTuple):
    """What ends a bin.

    Attributes
    ----------
    rule : {"time", "volume", "notional", "trades", "range", "tick-imbalance"}
    size : Decimal
        Length [ns]; quantity [base coins; contracts of an inverse instrument]; notional [quote]; number of trades; distance of
        high from low [quote]; trades a bin is first expected to have.

    Notes
    -----
    Bins of time end at multiples of their length, in ts_local; ``ts`` of a bin is its end, exclusive. All others end with the
    trade that fills them, whole: ``ts`` is one nanosecond after its ts_local, and what is over is not carried on. Tick
    imbalance closes at |Σ b| ≥ E[T]·|E[b]|, both exponential averages over the past (Lopez de Prado 2018, 2.3.2.1), E[T] held
    within a quarter and four times its first guess and |E[b]| at .05 or more.
    """

    rule: str
    size: Decimal

    @classmethod
    def parse(cls, text: str) -> Self:
        """From ``"10s"``, ``"volume:100"``, ``"notional:1e6"``, ``"trades:500"``, ``"range:5"``, ``"tick-imbalance"``.

        Raises
        ------
        InputError
            If the text is no bin, or the size not positive.

        Examples
        --------
        >>> Bins.parse("notional:1e6")
        Bins(rule='notional', size=Decimal('1E+6'))
        """
        rule, colon, size = text.strip().partition(":")
        if rule not in _RULES:
            if colon or not rule[:1].isdigit():
                raise UnknownName("bin rule", rule, _RULES)
            return cls("time", Decimal(parse_duration(text)))
        if rule == "time":
            return cls("time", Decimal(parse_duration(size)))
        if not size and rule == "tick-imbalance":
            return cls(rule, _EXPECTED_TRADES)
        number = parse_decimal(size, what=f"size of {rule} bins")
        if number <= 0:
            raise InputError(f"size of {rule} bins must be positive, found {size}; write it like volume:100")
        return cls(rule, number)

    @classmethod
    def every(cls, every_ns: int) -> Self:
        """Bins of time."""
        if every_ns <= 0:
            raise InputError(f"a bin must be longer than nothing, found {every_ns} ns")
        return cls("time", Decimal(every_ns))

    @property
    def every_ns(self) -> int:
        """Length of bins of time [ns], 0 of others."""
        return int(self.size) if self.rule == "time" else 0

    def settings(self, instrument: Instrument) -> list[float]:
        """RULE and SIZE for the kernel, in the instrument's ticks and lots."""
        if self.rule not in _RULES:
            raise UnknownName("bin rule", self.rule, _RULES)
        rule = _RULES[self.rule]
        if rule in (k.TRADE_COUNT, k.TICK_IMBALANCE) and self.size != int(self.size):
            raise InputError(f"bins of {self} count trades: give a whole number, like {self.rule}:{max(1, int(self.size))}")
        unit = Fraction(1)
        if rule == k.VOLUME:
            unit = Fraction(instrument.flow_grid.step)
        elif rule == k.NOTIONAL:
            unit = instrument.notional(1, 1)
            rule = k.VOLUME if instrument.inverse else rule
        elif rule == k.RANGE:
            unit = Fraction(instrument.price_grid.step)
        size = ceil(Fraction(self.size) / unit)
        largest = _LARGEST_SUM.get(rule, _LARGEST)
        if not 0 < size <= largest:
            most = Bins(self.rule, parse_decimal(f"{float(largest * unit):.6g}", what="size"))
            raise InputError(
                f"bins of {self} cannot be counted on {instrument.id}; choose a size above 0, at most about {most}"
            )
        return [float(rule), float(size)]

    def state(self) -> Int1D:
        """Slots of a state before the first event; slot 0 is WRITTEN."""
        state = np.zeros(k.BINS_SIZE, np.int64)
        state[k.BIN_END] = k.NOT_OPEN
        k.start_bin(state)
        state[k.EXPECTED_TRADES : k.EXPECTED_SIGN + 1] = _bits(np.array([float(self.size), _FIRST_SIGN]))
        return state

    def __str__(self) -> str:
        return format_duration(self.every_ns) if self.rule == "time" else f"{self.rule}:{self.size:f}"


def _bits(values: Float1D) -> Int1D:
    return values.view(np.int64)
