"""Every diagonal imbalance and every stack of a footprint, as tables drawn from its rows."""

from __future__ import annotations

from typing import Final

import polars as pl

from counterpoise.flow.column import Column, Group

__all__ = ["GROUPS", "diagonal_imbalances", "stacked_imbalances"]

_SIDES = ((1, "buy", "sell"), (-1, "sell", "buy"))


def diagonal_imbalances(rows: pl.DataFrame) -> pl.DataFrame:
    """Each row and side out of balance: what stands there and what stands diagonally opposite.

    Parameters
    ----------
    rows : polars.DataFrame
        As `counterpoise.flow.auction.footprint.Footprint` gives them, of whole bars.

    Returns
    -------
    polars.DataFrame
        ``ts``, ``bar``, ``side`` (+1 buyers), ``row``, ``price``, ``qty``, ``against_qty`` of the row lower (buyers) or higher
        (sellers) and ``times``, their ratio, null against nothing; sorted by bar, row and side.
    """
    parts = []
    for side, name, other in _SIDES:
        beside = rows.select("bar", pl.col("row") + side, against_qty=f"{other}_qty")
        parts.append(
            rows.filter(f"{name}_imbalance")
            .join(beside, on=["bar", "row"], how="left", maintain_order="left")
            .select("ts", "bar", pl.lit(side).alias("side"), "row", "price", pl.col(f"{name}_qty").alias("qty"), "against_qty")
        )
    against = pl.col("against_qty").fill_null(0.0)
    return (
        pl.concat(parts)
        .with_columns(against, times=pl.when(against > 0).then(pl.col("qty") / against))
        .sort(["bar", "row", "side"], descending=[False, False, True])
    )


def stacked_imbalances(rows: pl.DataFrame) -> pl.DataFrame:
    """Each stack: adjacent rows out of balance to one side, as many as the definition of the footprint asks for.

    Parameters
    ----------
    rows : polars.DataFrame
        As `counterpoise.flow.auction.footprint.Footprint` gives them, of whole bars.

    Returns
    -------
    polars.DataFrame
        ``ts``, ``bar``, ``side``, ``low`` and ``high`` (low edges of its lowest and highest row), ``rows`` and ``qty`` of that
        side; sorted by bar, low and side.
    """
    parts = []
    for side, name, _ in _SIDES:
        # a row's number less its place among the marked stays the same as long as rows are adjacent
        stacked = rows.filter(f"{name}_stack").with_columns(run=pl.col("row") - pl.int_range(pl.len()).over("bar"))
        parts.append(
            stacked.group_by("ts", "bar", "run", maintain_order=True).agg(
                side=pl.lit(side),
                low=pl.col("price").min(),
                high=pl.col("price").max(),
                rows=pl.len().cast(pl.Int64),
                qty=pl.col(f"{name}_qty").sum(),
            )
        )
    return pl.concat(parts).drop("run").sort(["bar", "low", "side"], descending=[False, False, True])


_WHICH: Final = (
    Column("ts", "ns", "end of the bar, exclusive", "free", "free"),
    Column("bar", "count", "number of the bar", "free", "free"),
    Column("side", "1", "+1 buyers, -1 sellers", "free", "free"),
)
_SOURCE: Final = "definitions in counterpoise.flow.auction.definition"
# rows of several ticks have a low edge only, and which rows there are depends on a least quantity
GROUPS: Final[tuple[Group, ...]] = (
    Group(
        "diagonal_imbalances",
        "each row and side of a footprint that is out of balance with its diagonal opposite",
        "diagonal_imbalances",
        ("trades", "bins"),
        (
            *_WHICH,
            Column("row", "1", "number of the row", "free", "free"),
            Column("price", "quote", "low edge of the row", "free", "free"),
            Column("qty", "base", "traded there by that side", "free", "free"),
            Column("against_qty", "base", "by the other side a row lower (buyers) or higher (sellers)", "free", "free"),
            Column("times", "1", "qty / against_qty, null against nothing", "free", "free"),
        ),
        _SOURCE,
    ),
    Group(
        "stacked_imbalances",
        "adjacent rows of a footprint out of balance to one side, as many as the definition asks for",
        "stacked_imbalances",
        ("trades", "bins"),
        (
            *_WHICH,
            Column("low", "quote", "low edge of the lowest row", "free", "free"),
            Column("high", "quote", "low edge of the highest row", "free", "free"),
            Column("rows", "count", "rows of the stack", "free", "free"),
            Column("qty", "base", "traded in them by that side", "free", "free"),
        ),
        _SOURCE,
    ),
)
