"""Columns of option terms: broadcast against each other, looked through, and ready for a kernel."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from counterpoise.core.arrays import AnyArray, Bool1D, Float1D, Int8_1D
from counterpoise.core.errors import InputError

__all__ = ["Terms", "option_terms_of", "refuse_rows"]


class Terms(NamedTuple):
    """Flat columns of one length, and the shape the caller's arrays broadcast to."""

    forward: Float1D
    strike: Float1D
    years: Float1D
    other: Float1D  # volatility or price
    sign: Int8_1D  # +1 call, −1 put
    shape: tuple[int, ...]


def option_terms_of(forward: ArrayLike, strike: ArrayLike, years: ArrayLike, right: ArrayLike, **other: ArrayLike) -> Terms:
    """The terms of options as `Terms`; `other` is the one further column, under the name messages shall use.

    Raises
    ------
    InputError
        If shapes do not broadcast, a right is neither C nor P, or a number is infinite or not positive (NaN passes).
    """
    ((name, further),) = other.items()
    rights = np.asarray(right)
    wrong = rights[(rights != "C") & (rights != "P")]
    if wrong.size:
        raise InputError(
            f"option right {str(wrong.flat[0])!r} is neither 'C' (call) nor 'P' (put); map the venue's word to these"
        )
    numbers = {"forward": forward, "strike": strike, "years": years, name: further}
    try:
        columns = np.broadcast_arrays(*(np.asarray(values, np.float64) for values in numbers.values()), rights == "C")
    except ValueError as error:
        shapes = ", ".join(f"{key} {np.shape(values)}" for key, values in numbers.items())
        raise InputError(f"columns of shapes {shapes}, right {rights.shape} do not broadcast; give one value a row") from error
    flat = [column.flatten() for column in columns]  # copies: a kernel is compiled once more for arrays that are read-only
    for key, values in zip(numbers, flat, strict=False):
        may_be_zero = key == "price"
        bad = np.isinf(values) | (values < 0 if may_be_zero else values <= 0)
        refuse_rows(bad, values, f"{key} must be finite and {'at least' if may_be_zero else 'above'} 0")
    sign = np.where(flat[4], 1, -1).astype(np.int8)
    return Terms(flat[0], flat[1], flat[2], flat[3], sign, columns[0].shape)


def refuse_rows(bad: Bool1D, found: AnyArray, expected: str) -> None:
    """Name the first bad row and how many there are.

    Raises
    ------
    InputError
        If any row is bad.
    """
    rows = np.flatnonzero(bad)
    if rows.size:
        raise InputError(
            f"{expected}; found {float(found[rows[0]])!r} in row {rows[0]} ({rows.size} of {bad.size} rows); "
            "drop these rows or make them NaN"
        )
