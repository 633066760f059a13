"""Where the market went after each fill: effective and realised spread, and how well their means are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from counterpoise.balance.tca.breakdown import require_columns
from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, parse_duration

__all__ = ["HORIZONS", "fill_markouts", "markouts"]

HORIZONS: Final = ("1s", "5s", "10s", "30s", "1m", "5m", "15m", "1h")


def fill_markouts(fills: pl.DataFrame, *, mid_ns: Int1D, mid: Float1D, horizons: Sequence[str] = HORIZONS) -> pl.DataFrame:
    """Half-spreads of each fill at each horizon, from our side; a positive one is a cost.

        effective = s (p − m) / m        realised(h) = s (p − m(t+h)) / m        move(h) = s (m(t+h) − m) / m

    with s our side, p the price and m the mid just before: effective = realised + move. A taker pays the effective spread, and
    where the market goes on his way (move > 0) gets that part back. A maker earns it (effective < 0) and loses what the market
    goes against him (move < 0): adverse selection.

    Parameters
    ----------
    fills : DataFrame
        ``ts``, ``side``, ``price``, ``mid`` and whatever else; one instrument.
    mid_ns : (m,) int64 [ns]
        Rising; a mid holds until the next.
    mid : (m,) float64 [quote]
    horizons : sequence of str
        Durations.

    Returns
    -------
    DataFrame
        One row a fill and horizon: the columns of `fills`, ``horizon``, ``horizon_ns``, ``effective_bps``, ``realised_bps``,
        ``move_bps``; the last two are null where the mids end before the horizon.

    Raises
    ------
    SchemaError
        If a column is missing.
    InputError
        If the mids do not rise in time, are not positive, or there are none.

    Notes
    -----
    Looks ahead: an account, no signal. Huang and Stoll's spreads are twice these.

    References
    ----------
    Huang and Stoll (1996), doi:10.1016/0304-405X(95)00879-M, section 2; Hasbrouck (2007), "Empirical Market Microstructure".
    """
    require_columns(fills, ("ts", "side", "price", "mid"), "fills")
    if not len(mid) or len(mid) != len(mid_ns) or (np.diff(mid_ns) < 0).any() or not (np.isfinite(mid) & (mid > 0)).all():
        raise InputError(f"markouts need mids > 0 at rising times, found {len(mid)} and {len(mid_ns)}; leave empty ones out")
    ts = fills["ts"].cast(pl.Int64).to_numpy()
    side, price, before = (fills[name].cast(pl.Float64).to_numpy() for name in ("side", "price", "mid"))
    effective = side * (price - before) / before / BPS
    tables = []
    for horizon in horizons:
        then = ts + parse_duration(horizon)
        at = np.searchsorted(mid_ns, then, side="right") - 1
        known = (then <= mid_ns[-1]) & (at >= 0)
        move = np.where(known, side * (mid[np.maximum(at, 0)] - before) / before / BPS, np.nan)
        tables.append(
            fills.with_columns(
                pl.lit(horizon).alias("horizon"),
                pl.lit(parse_duration(horizon), pl.Int64).alias("horizon_ns"),
                pl.Series("effective_bps", effective),
                pl.Series("realised_bps", effective - move).fill_nan(None),
                pl.Series("move_bps", move).fill_nan(None),
            )
        )
    return pl.concat(tables) if tables else fills.clear()


def markouts(table: pl.DataFrame, by: Sequence[str] = (), *, cluster: str = "client_id") -> pl.DataFrame:
    """Means by quantity of `fill_markouts`, with standard errors that let fills of one child move together.

    With w the quantities and θ = Σ w x / Σ w, a child's pull is u = Σ w (x − θ) over its fills, and
    se² = C / (C − 1) · Σ u² / (Σ w)² over the C children.

    Parameters
    ----------
    table : DataFrame
        As `fill_markouts` gives it, with ``qty``.
    by : sequence of str
        Columns to group by beside the horizon: ``maker``, ``venue``, ``client_id``.
    cluster : str
        Column of what counts as one draw.

    Returns
    -------
    DataFrame
        `by`, ``horizon``, ``fills`` and ``children`` with a known mid, and mean and ``_se`` of the three measures; null where
        no fill is known, standard errors null below two children.

    Raises
    ------
    SchemaError
        If a column is missing.

    References
    ----------
    Liang and Zeger (1986), doi:10.1093/biomet/73.1.13, with the small-sample factor C/(C − 1).
    """
    names = ("effective_bps", "realised_bps", "move_bps")
    require_columns(table, [*by, cluster, "qty", "horizon", "horizon_ns", *names], "markouts")
    groups = [*by, "horizon", "horizon_ns"]
    known = table.filter(pl.col("move_bps").is_not_null())
    weight = pl.col("qty")
    centred = known.with_columns(
        (weight * (pl.col(name) - ((pl.col(name) * weight).sum() / weight.sum()).over(groups))).alias(f"{name}_pull")
        for name in names
    )
    pulls = centred.group_by([*groups, cluster], maintain_order=True).agg(pl.col(f"{name}_pull").sum() for name in names)
    count = pl.len()
    errors = pulls.group_by(groups, maintain_order=True).agg(
        count.alias("children"),
        *(
            pl.when(count > 1).then((pl.col(f"{n}_pull").pow(2).sum() * count / (count - 1)).sqrt()).alias(f"{n}_se")
            for n in names
        ),
    )
    means = known.group_by(groups, maintain_order=True).agg(
        count.alias("fills"),
        weight.sum().alias("_weight"),
        *((pl.col(n) * weight).sum() / weight.sum() for n in names),
    )
    joined = means.join(errors, on=groups, how="left", nulls_equal=True, maintain_order="left")
    ordered = [column for n in names for column in (n, f"{n}_se")]
    return joined.with_columns(pl.col(f"{n}_se") / pl.col("_weight") for n in names).select(
        *by, "horizon", "horizon_ns", "fills", "children", *ordered
    )
