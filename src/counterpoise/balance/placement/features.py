"""What is seen of a resting order's chances: where it would stand, and the book around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from counterpoise.core.arrays import Bool1D, Float1D, Float2D
from counterpoise.core.errors import InputError

__all__ = ["FEATURES", "features", "whole_samples"]

FEATURES: Final = ("one", "inside", "log_spread", "imbalance", "log_ahead", "log_across")


def features(
    *, inside: Bool1D, spread_ticks: Float1D, own_lots: Float1D, opposite_lots: Float1D, unit_lots: Float1D
) -> Float2D:
    """One row an order: 1, inside, log spread, (own − opposite)/(own + opposite), log(1 + ahead/unit), log(1 + opposite/unit).

    Parameters
    ----------
    inside : (n,) bool
        Whether it stands before the touch, with nobody ahead; else behind all that is shown there.
    spread_ticks, own_lots, opposite_lots : (n,) float64
        Of the book before it came, own being the side that it stands on; above 0.
    unit_lots : (n,) float64
        An ordinary order of its market, above 0: markets of any activity are then one.

    Returns
    -------
    (n, 6) float64
        Columns as `FEATURES`.

    Raises
    ------
    InputError
        If a spread, size or unit is not above 0.
    """
    for name, column in (
        ("spread_ticks", spread_ticks),
        ("own_lots", own_lots),
        ("opposite_lots", opposite_lots),
        ("unit_lots", unit_lots),
    ):
        if not (column > 0).all():
            raise InputError(f"{name} holds {float(np.min(column)):g}; expected above 0: leave out books without two sides")
    ahead = np.where(inside, 0.0, own_lots)
    return np.column_stack(
        [
            np.ones(len(ahead)),
            inside,
            np.log(spread_ticks),
            (own_lots - opposite_lots) / (own_lots + opposite_lots),
            np.log1p(ahead / unit_lots),
            np.log1p(opposite_lots / unit_lots),
        ]
    )


def whole_samples(samples: Sequence[tuple[Any, ...]], least: int) -> None:
    """Two recordings or more, each long enough, its columns of one length and finite.

    Raises
    ------
    InputError
        If not.
    """
    if len(samples) < 2:
        raise InputError(f"{len(samples)} recording; expected two or more, for one is left out to tell how good the fit is")
    for parts in samples:
        rows = len(parts[0])
        if rows < least or any(len(part) != rows or not np.isfinite(part).all() for part in parts):
            raise InputError(f"a recording of {rows} orders; expected {least} or more, with finite columns of one length")
