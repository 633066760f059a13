"""What text charts share: short numbers, whether to colour, and lines that fit."""

from __future__ import annotations

import os
import sys
import textwrap
from datetime import datetime, timedelta
from typing import Final

from counterpoise.core.units import US_NS, format_duration

__all__ = ["BOLD", "BUYERS", "PLAIN", "SELLERS", "coloured", "decimals", "lasted", "short", "wrapped"]

BUYERS: Final = "\x1b[34m"  # blue, yellow: the nearest to our colours that every terminal has
SELLERS: Final = "\x1b[33m"
BOLD: Final = "\x1b[1m"
PLAIN: Final = "\x1b[0m"
_LARGE: Final = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


def coloured() -> bool:
    """Whether stdout is a terminal and nobody has set ``NO_COLOR``."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def short(value: float, *, sign: bool = False) -> str:
    """A number in five characters, six with its sign.

    Examples
    --------
    >>> short(0.0421), short(7.5), short(1234.0), short(-56_789.0, sign=True)
    ('.0421', '7.5', '1.23k', '-56.8k')
    """
    mark = "-" if value < 0 else "+" if sign and value else ""
    size = abs(value)
    for unit, letter in _LARGE:
        if size >= unit * (1 if unit > 1e3 else 0.9995):
            return f"{mark}{_digits(size / unit, 3)}{letter}"
    return mark + _digits(size, 4)


def decimals(step: float) -> int:
    """Digits after the point that a price step needs."""
    return len(f"{step:.12f}".rstrip("0").partition(".")[2])


def lasted(start: datetime, end: datetime) -> str:
    """Time between two moments, to the microsecond."""
    return format_duration((end - start) // timedelta(microseconds=1) * US_NS)


def wrapped(text: str, width: int) -> list[str]:
    """The text in lines of at most so many characters."""
    return textwrap.wrap(text, max(20, width))


def _digits(size: float, count: int) -> str:
    if size and size < 10**-count:
        return f"<.{'0' * (count - 2)}1"
    whole = len(f"{int(size)}") if size >= 1 else 0
    text = f"{size:.{max(0, count - whole)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.removeprefix("0") or "0"
