"""Units: time in int64 nanoseconds UTC, prices and sizes as integer steps of an exact grid."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import cached_property
from math import ceil, floor
from typing import Final, Literal

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError

__all__ = [
    "BPS",
    "DAY_NS",
    "HOUR_NS",
    "MINUTE_NS",
    "MS_NS",
    "SECOND_NS",
    "US_NS",
    "Grid",
    "format_duration",
    "format_time",
    "parse_decimal",
    "parse_duration",
    "parse_time",
    "utc_date",
]

US_NS: Final = 1_000
MS_NS: Final = 1_000_000
SECOND_NS: Final = 1_000_000_000
MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
BPS: Final = 1e-4

_DURATION_UNITS: Final = {
    "ns": 1,
    "us": US_NS,
    "ms": MS_NS,
    "s": SECOND_NS,
    "m": MINUTE_NS,
    "min": MINUTE_NS,
    "h": HOUR_NS,
    "d": DAY_NS,
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|ms|s|min|m|h|d)")
_ROUNDING: Final[dict[str, Callable[[Fraction], int]]] = {"down": floor, "up": ceil, "nearest": round}


def parse_duration(text: str) -> int:
    """Nanoseconds in a duration such as ``"1s"``, ``"250ms"`` or ``"1h30m"``.

    Raises
    ------
    InputError
        If the text is not a positive duration.

    Examples
    --------
    >>> parse_duration("1m30s")
    90000000000
    """
    compact = text.replace(" ", "")
    parts = list(_DURATION.finditer(compact))
    if not parts or "".join(m.group(0) for m in parts) != compact:
        raise InputError(f"duration {text!r} not understood; write it like 250ms, 1s, 5m or 1h30m")
    total = sum(Decimal(m.group(1)) * _DURATION_UNITS[m.group(2)] for m in parts)
    if total != int(total) or total <= 0:
        raise InputError(f"duration {text!r} must be a positive whole number of nanoseconds")
    return int(total)


def format_duration(duration_ns: int) -> str:
    """Readable form of a duration: four digits below a second, milliseconds above.

    Examples
    --------
    >>> format_duration(90_000_000_000)
    '1m30s'
    """
    if duration_ns < 0:
        return "-" + format_duration(-duration_ns)
    for unit, size in (("ns", 1), ("us", US_NS), ("ms", MS_NS)):
        shown = f"{duration_ns / size:.4g}"
        if duration_ns < 1000 * size and shown != "1000":  # 999.96 us is shown as 1 ms
            return f"{shown}{unit}" if duration_ns else "0s"
    out, rest = "", (duration_ns + MS_NS // 2) // MS_NS * MS_NS
    for unit, size in (("d", DAY_NS), ("h", HOUR_NS), ("m", MINUTE_NS)):
        count, rest = divmod(rest, size)
        out += f"{count}{unit}" if count else ""
    return out + (f"{rest / SECOND_NS:g}s" if rest else "")


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an ISO-8601 time; without an offset it is UTC.

    Examples
    --------
    >>> parse_time("2024-08-08T23:55")
    1723161300000000000
    """
    if text.isdigit() and len(text) == 19:
        return int(text)
    head, dot, fraction = text.strip().removesuffix("Z").partition(".")
    digits = re.match(r"\d*", fraction)
    nanos = digits.group(0) if digits else ""
    try:
        when = datetime.fromisoformat(head + fraction[len(nanos) :] if dot else head)
        if len(nanos) > 9:
            raise ValueError("finer than a nanosecond")
    except ValueError as error:
        raise InputError(f"time {text!r} not understood ({error}); write 2024-08-08T23:55:00Z") from error
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return int(when.timestamp()) * SECOND_NS + int(nanos.ljust(9, "0") or 0)


def format_time(ts_ns: int, *, digits: int = 3) -> str:
    """UTC time of day and date of an epoch time.

    Examples
    --------
    >>> format_time(1723161300000000000)
    '2024-08-08 23:55:00.000 UTC'
    """
    seconds, nanos = divmod(int(ts_ns), SECOND_NS)
    text = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{nanos:09d}"[: 20 + digits if digits else 19] + " UTC"


def utc_date(ts_ns: int) -> str:
    """ISO date (UTC) of an epoch time."""
    return datetime.fromtimestamp(int(ts_ns) // SECOND_NS, UTC).strftime("%Y-%m-%d")


def parse_decimal(text: str | int | float | Decimal, *, what: str = "number") -> Decimal:
    """Exact decimal of a text; a float is read through its shortest representation."""
    try:
        value = Decimal(str(text)) if isinstance(text, float) else Decimal(text)
    except InvalidOperation as error:
        raise InputError(f"{what} {text!r} is not a decimal number") from error
    if not value.is_finite():
        raise InputError(f"{what} {text!r} is not finite")
    return value


class Grid:
    """An exact grid of prices or sizes: a value is a whole number of steps.

    Parameters
    ----------
    step : str, int or Decimal
        Size of one step, > 0, for example ``"0.1"``.

    Examples
    --------
    >>> tick = Grid("0.1")
    >>> tick.steps("61800.2"), tick.value(618002)
    (618002, 61800.2)
    """

    __slots__ = ("__dict__", "step")

    def __init__(self, step: str | int | Decimal) -> None:
        self.step: Final = parse_decimal(step, what="grid step").normalize()
        if self.step <= 0:
            raise InputError(f"grid step must be positive, found {step!r}")

    def __repr__(self) -> str:
        return f"Grid({self})"

    def __str__(self) -> str:
        return f"{self.step:f}"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Grid) and self.step == other.step

    def __hash__(self) -> int:
        return hash(self.step)

    @cached_property
    def size(self) -> float:
        """One step as a float."""
        return float(self.step)

    @cached_property
    def _ratio(self) -> tuple[int, int]:
        return self.step.as_integer_ratio()

    def steps(self, value: str | int | Decimal) -> int:
        """Whole number of steps in an exact value.

        Raises
        ------
        InputError
            If the value does not lie on the grid.
        """
        top, bottom = parse_decimal(value).as_integer_ratio()
        whole, rest = divmod(top * self._ratio[1], bottom * self._ratio[0])
        if rest:
            raise InputError(f"{value} is not a multiple of {self}; round it, or declare a finer step")
        return whole

    def round(self, value: float | Decimal, to: Literal["down", "up", "nearest"] = "nearest") -> int:
        """Steps after rounding; a float is read through its shortest decimal form."""
        return _ROUNDING[to](Fraction(parse_decimal(value)) / Fraction(*self._ratio))

    def value(self, steps: int) -> float:
        """The double nearest to ``steps × step`` (one rounding, not two)."""
        top, bottom = self._ratio
        return int(steps) * top / bottom

    def values(self, steps: Int1D, *, over: int = 1) -> Float1D:
        """``steps × step / over`` as doubles with one rounding, while ``steps × numerator`` stays below 2⁵³."""
        top, bottom = self._ratio
        return np.asarray(steps * top / (bottom * over), np.float64)

    def decimal(self, steps: int) -> Decimal:
        """The exact value of a number of steps."""
        return int(steps) * self.step
