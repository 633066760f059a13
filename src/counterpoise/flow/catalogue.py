"""Every measure of the stage in one list: what ``counterpoise flow --list`` prints and ``--measures`` chooses from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from counterpoise.core.errors import UnknownName
from counterpoise.flow import integrated, measure_frame
from counterpoise.flow.column import Group

__all__ = ["CATALOGUE", "catalogue_frame", "chosen_columns", "group"]

CATALOGUE: Final[tuple[Group, ...]] = (*measure_frame.GROUPS, *integrated.GROUPS)
_ALWAYS: Final = ("ts", "quality")


def group(name: str) -> Group:
    """A group by its name.

    Raises
    ------
    UnknownName
        With the nearest name.
    """
    for found in CATALOGUE:
        if found.name == name:
            return found
    raise UnknownName("group of measures", name, [g.name for g in CATALOGUE])


def chosen_columns(wanted: Iterable[str], columns: list[str]) -> list[str]:
    """Columns of a frame that names of groups, families (``ofi_{level}``) or columns choose, in the frame's order.

    Parameters
    ----------
    wanted : iterable of str
        Nothing chooses all.
    columns : list of str
        Of the frame; ``ts`` and ``quality`` are always kept.

    Raises
    ------
    UnknownName
        If a name is no group, no column and no family of the frame.

    Examples
    --------
    >>> chosen_columns(["cvd"], ["ts", "ofi", "cvd", "obv", "quality"])
    ['ts', 'cvd', 'obv', 'quality']
    """
    kept: set[str] = set()
    groups = {g.name: g for g in CATALOGUE}
    families = {c.name: c for g in CATALOGUE for c in g.columns}
    for name in wanted:
        if name in groups:
            found = {column for column in columns if any(c.covers(column) for c in groups[name].columns)}
        elif name in columns:
            found = {name}
        else:
            found = {column for column in columns if name in families and families[name].covers(column)}
        if not found:
            raise UnknownName("measure", name, [*groups, *columns])
        kept |= found
    return [c for c in columns if not kept or c in kept or c in _ALWAYS]


def catalogue_frame() -> pl.DataFrame:
    """One row a column or family: group, column, unit, needs, says, made_by, source."""
    rows = [
        {
            "group": g.name,
            "column": c.name,
            "unit": c.unit,
            "needs": ", ".join(g.needs),
            "says": c.says,
            "made_by": g.made_by,
            "source": g.source,
        }
        for g in CATALOGUE
        for c in g.columns
    ]
    return pl.DataFrame(rows)
