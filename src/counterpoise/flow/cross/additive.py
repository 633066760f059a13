"""Own orders, fills or any other additive table, from order and slice over the instrument up to the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import fsum

import polars as pl

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.tree import RUN_LEVELS, Tree, level_of

__all__ = ["add_up", "require_leaves"]


def require_leaves(tree: Tree, names: Iterable[str]) -> None:
    """Refuse a name that is no instrument of the tree."""
    leaves = set(tree.leaves())
    for name in names:
        if name not in leaves:
            raise UnknownName("instrument of the tree", name, tree.leaves())


def add_up(tree: Tree, table: pl.DataFrame, *, columns: Sequence[str], by: Sequence[str] = ()) -> pl.DataFrame:
    """Any additive table by leaf, orders or fills, added up from order and slice over instrument to the index.

    Parameters
    ----------
    tree : Tree
    table : pl.DataFrame
        With ``instrument`` and, where sizes are to be seen below it, ``slice`` and ``order``: ids of what the row belongs to,
        null for none.
    columns : sequence of str
        What to add. Quantities of different contracts do not add up: convert them before (`Instrument.notional`, `base_qty`).
    by : sequence of str
        Columns kept apart, such as ``ts``.

    Returns
    -------
    pl.DataFrame
        `by`, ``node``, ``level``, ``parent``, then `columns`; nodes from the top, only those that have rows.

    Raises
    ------
    InputError
        If a column is missing or holds nulls, or an order or slice is of two instruments.
    UnknownName
        If an instrument is no leaf of the tree.

    Notes
    -----
    Integers add up exactly. A sum of floats is the double nearest to the exact sum of the rows (`math.fsum`), at every node
    and in any order of rows; so a parent differs from the sum of its children by half a last place of each child at most.
    """
    below = [level for level in RUN_LEVELS if level in table.columns]
    missing = [name for name in ("instrument", *columns, *by) if name not in table.columns]
    if missing:
        raise InputError(f"the table lacks {', '.join(missing)}, it has {', '.join(table.columns)}; add them")
    empty = [name for name in columns if table[name].null_count()]
    if empty:
        raise InputError(f"what is added has no nulls, found some in {', '.join(empty)}; leave the rows out, or say 0")
    require_leaves(tree, table["instrument"].unique().to_list())
    for level in below:
        _require_one_place(table, level)
    parts = [_summed(rows, pl.col("node"), parent=pl.col("parent"), columns=columns, by=by) for rows in _at_nodes(tree, table)]
    for level in below:
        above = "slice" if level == "order" and "slice" in below else "instrument"
        parent_id = pl.col("instrument") if above == "instrument" else pl.coalesce(pl.format("slice:{}", "slice"), "instrument")
        rows = table.filter(pl.col(level).is_not_null())
        parts.append(_summed(rows, pl.format(f"{level}:{{}}", level), parent=parent_id, columns=columns, by=by))
    return pl.concat(parts)


def _at_nodes(tree: Tree, table: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows of each level, each under the node above its instrument; nodes in the order of the tree."""
    for nodes in tree.levels().values():
        pairs = [(node, tree.parent(node), leaf) for node in nodes for leaf in tree.leaves(node)]
        places = pl.DataFrame(pairs, schema=dict.fromkeys(("node", "parent", "instrument"), pl.String), orient="row")
        ranked = places.with_columns(rank=pl.col("node").rle_id())
        yield table.join(ranked, on="instrument", maintain_order="left").sort("rank", maintain_order=True).drop("rank")


def _require_one_place(table: pl.DataFrame, level: str) -> None:
    held = table.filter(pl.col(level).is_not_null()).group_by(level).agg(pl.col("instrument").n_unique())
    torn = held.filter(pl.col("instrument") > 1)[level].sort().to_list()
    if torn:
        raise InputError(f"{level} {', '.join(map(str, torn))} stands in several instruments; give each its own id")


def _summed(rows: pl.DataFrame, name: pl.Expr, *, parent: pl.Expr, columns: Sequence[str], by: Sequence[str]) -> pl.DataFrame:
    """One row for each node and key; keys in the order they first come."""
    named = rows.with_columns(name.alias("node"), parent.alias("parent"))
    sums = named.group_by(*by, "node", "parent", maintain_order=True).agg(pl.col(column) for column in columns)
    added = [
        pl.col(column).list.eval(pl.element().cast(pl.Int64)).list.sum()
        if rows.schema[column].is_integer()
        else pl.col(column).map_elements(fsum, return_dtype=pl.Float64)
        for column in columns
    ]
    level = pl.col("node").map_elements(level_of, return_dtype=pl.String).alias("level")
    return sums.with_columns(added).select(*by, "node", level, "parent", *columns)
