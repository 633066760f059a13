"""Point of control, value area and nodes of a profile that is complete: a session's, or a composite of several."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.flow.auction.definition import NodeDefinition, ValueAreaDefinition, node_definition, value_area_definition
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import price_rows
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "ValueArea", "nodes", "value_area"]

_WHOLE: Final = 10_000  # bps
_MOST_ROWS: Final = 5_000_000


class ValueArea(NamedTuple):
    """Low edges of three rows [quote], and the share of all quantity that the rows from low to high hold."""

    poc: float
    low: float
    high: float
    share: float


def value_area(
    rows: pl.DataFrame, instrument: Instrument, *, definition: str | ValueAreaDefinition = "classic", share: float = 0.7
) -> ValueArea:
    """Value area of one profile.

    Parameters
    ----------
    rows : polars.DataFrame
        ``row``, ``price`` and quantities (``buy_qty``, ``sell_qty``, ``unknown_qty``) or ``letters_count``, a row once.
    instrument : Instrument
        Its lot makes the comparison exact.
    definition : str or ValueAreaDefinition
    share : float
        Of all that the value area holds at least; to a hundredth of a percent.

    Raises
    ------
    InputError
        If nothing traded, a row stands twice, or the share is not in (0, 1].
    UnknownName
        If there is no such definition.

    Notes
    -----
    The point of control is the row with most; of equals the nearest to the middle of the profile, then the upper. From there
    the definition's number of rows above is compared with as many below, the larger is added whole, of equals the upper, until
    the share is held. Rows that did not trade count as rows. O(rows that traded).
    """
    step = value_area_definition(definition).rows
    if not 0 < share <= 1 or round(share * _WHOLE) < 1:
        raise InputError(f"the share of a value area lies in (0, 1], found {share}")
    counted = "letters_count" in rows.columns
    unit = 1.0 if counted else instrument.flow_grid.size
    held = rows.sort("row").with_columns(_qty=pl.col("letters_count").cast(pl.Float64) if counted else _TRADED)
    held = held.filter(pl.col("_qty") > 0)
    if held.height == 0 or held["row"].n_unique() < held.height:
        raise InputError(
            f"a profile has each row once and some that traded, found {rows.height} rows, {held.height} traded; "
            "take one session, or counterpoise.flow.auction.profile.composite of several"
        )
    number, lots = held["row"].to_numpy(), np.rint(held["_qty"].to_numpy() / unit).astype(np.int64)
    out = np.zeros(4, np.int64)
    price_rows.value_area(np.ascontiguousarray(number), lots, step, round(share * _WHOLE), out)
    inside = lots[(number >= out[2]) & (number <= out[3])].sum() / lots.sum()
    poc, low, high = _edges(held, out[[0, 2, 3]], instrument)
    return ValueArea(poc, low, high, float(inside))


def nodes(rows: pl.DataFrame, instrument: Instrument, *, definition: str | NodeDefinition = "prominence") -> pl.DataFrame:
    """High-volume and low-volume nodes of one profile.

    Parameters
    ----------
    rows : polars.DataFrame
        As for `value_area`, quantities only.
    instrument : Instrument
    definition : str or NodeDefinition
        ``prominence`` (default): peaks and troughs of a centred mean over rows, which stand out by a share of its maximum.
        ``neighbours``: rows that no other within a share of all rows is higher, or lower, than.

    Returns
    -------
    polars.DataFrame
        ``node`` (``high``, ``low``), ``row``, ``price``, ``qty`` of the row itself and ``prominence``, the share of the
        greatest (smoothed) row by which it stands out; lowest row first. A plateau is one node, at its middle or just below.

    Raises
    ------
    InputError
        If the profile spans more than five million rows.
    UnknownName
        If there is no such definition.

    Notes
    -----
    Prominence of a peak is the topographic one: the drop to the higher of the lowest points on the way to higher ground on each
    side, with nothing past the edge. Of a trough it is the rise to the lower of the highest points on the way to lower ground,
    or to the edge, on each side; outside the profile nothing traded, and that is no node. O(rows between low and high).
    """
    meant = node_definition(definition)
    held = rows.sort("row").with_columns(_qty=_TRADED).filter(pl.col("_qty") > 0)
    schema = {"node": pl.String, "row": pl.Int64, "price": pl.Float64, "qty": pl.Float64, "prominence": pl.Float64}
    if held.height == 0:
        return pl.DataFrame(schema=schema)
    first, last = int(held["row"][0]), int(held["row"][-1])
    if last - first >= _MOST_ROWS:
        raise InputError(f"the profile spans {last - first + 1:,} rows; choose higher rows (row_ticks)")
    qty = np.zeros(last - first + 1)
    qty[held["row"].to_numpy() - first] = held["_qty"].to_numpy()
    smooth = _centred_mean(qty, meant.smooth_rows)
    reach, top = int(meant.neighbours * len(qty)), float(smooth.max())
    found: list[tuple[int, str, float]] = []
    for name, ground in (("high", smooth), ("low", top - smooth)):
        for at, drop in _peaks(ground, inner=name == "low"):
            around = ground[max(0, at - reach) : at + reach + 1]
            if drop >= meant.prominence * top and float(around.max()) <= ground[at]:
                found.append((at, name, drop / top))
    found.sort()
    number = first + np.array([at for at, _, _ in found], np.int64)
    columns = {"node": [name for _, name, _ in found], "row": number, "price": _edges(held, number, instrument)}
    columns |= {"qty": qty[number - first], "prominence": [drop for _, _, drop in found]}
    return pl.DataFrame(columns, schema=schema)


_TRADED: Final = pl.col("buy_qty") + pl.col("sell_qty") + pl.col("unknown_qty")


def _edges(held: pl.DataFrame, rows: Int1D, instrument: Instrument) -> list[float]:
    """Low edges of rows [quote], also of such that did not trade: a row is as high as the outermost two are apart."""
    tick = instrument.price_grid
    first, last = (round(price / tick.size) for price in (held["price"][0], held["price"][-1]))
    span = int(held["row"][-1]) - int(held["row"][0])
    row_ticks = (last - first) // span if span else 1
    return [float(edge) for edge in tick.values(first + (rows - int(held["row"][0])) * row_ticks)]


def _centred_mean(values: Float1D, length: int) -> Float1D:
    """Mean over `length` rows about each; outside the profile nothing traded."""
    padded = np.pad(values, length // 2)
    return np.asarray(np.convolve(padded, np.full(length, 1 / length), "valid"), np.float64) if length > 1 else values


def _peaks(ground: Float1D, *, inner: bool) -> list[tuple[int, float]]:
    """Middle and prominence of each peak or plateau; not those at the edges when `inner`."""
    starts = np.flatnonzero(np.r_[True, np.diff(ground) != 0])
    level = ground[starts]
    before, after = _lowest_to_higher(level, inner=inner), _lowest_to_higher(level[::-1], inner=inner)[::-1]
    out = []
    for i in range(len(level)):
        left = i == 0 or level[i - 1] < level[i]
        right = i == len(level) - 1 or level[i + 1] < level[i]
        if left and right and not (inner and i in (0, len(level) - 1)):
            end = starts[i + 1] if i + 1 < len(starts) else len(ground)
            out.append(((int(starts[i]) + int(end) - 1) // 2, float(level[i] - max(before[i], after[i]))))
    return out


def _lowest_to_higher(level: Float1D, *, inner: bool) -> Float1D:
    """Lowest point between each and the nearest higher one to the left, or the edge; past it all is 0 unless `inner`."""
    out, stack = np.zeros(len(level)), list[tuple[float, float]]()
    for i, height in enumerate(level):
        lowest = float(height)
        while stack and stack[-1][0] <= height:
            lowest = min(lowest, stack.pop()[1])
        out[i] = lowest if stack or inner else 0.0
        stack.append((float(height), lowest))
    return out


_SOURCE: Final = "definitions in counterpoise.flow.auction.definition"
GROUPS: Final[tuple[Group, ...]] = (
    Group(
        "nodes",
        "high-volume and low-volume nodes of one profile",
        "nodes",
        ("trades",),
        (
            Column("node", "1", "high or low", "free"),
            Column("row", "1", "number of the row", "free"),
            Column("price", "quote", "low edge of the row", "free"),
            Column("qty", "base", "what traded there", "free", "linear"),
            Column("prominence", "1", "share of the greatest row, smoothed, by which it stands out", "free"),
        ),
        _SOURCE,
    ),
    Group(
        "value_area",
        "point of control and value area of one profile, or of letters",
        "value_area",
        ("trades",),
        (
            Column("poc", "quote", "low edge of the row with most; of equals the nearest to the centre", "free"),
            Column("low", "quote", "low edge of the lowest row of the value area", "free"),
            Column("high", "quote", "low edge of the highest row of the value area", "free"),
            Column("share", "1", "of all that the rows from low to high hold", "free"),
        ),
        _SOURCE,
    ),
)
