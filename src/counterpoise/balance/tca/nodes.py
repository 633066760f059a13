"""Shortfall along the granularity tree: what each node cost, to the last digit the sum of what is below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import ROUND_HALF_EVEN, Decimal
from math import isfinite
from typing import Final

import polars as pl

from counterpoise.balance.tca.shortfall import PARTS, Shortfall
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import BPS
from counterpoise.market.tree import Tree

__all__ = ["by_node"]

_DIGITS: Final = 10  # of money; a satoshi has 8
_GRAIN: Final = Decimal(1).scaleb(-_DIGITS)
_MONEY: Final = pl.Decimal(38, _DIGITS)


def by_node(costs: Iterable[tuple[str, Shortfall]], tree: Tree, *, worth: Mapping[str, float] | None = None) -> pl.DataFrame:
    """Cost of every node that has an instrument with a cost below it.

    Parameters
    ----------
    costs : iterable of (instrument id, Shortfall)
        One or more parents an instrument.
    tree : Tree
    worth : mapping of instrument id to float, optional
        What one unit of an instrument's settle currency is worth in the currency of the table; 1 where none is given. Needed
        when instruments settle in different currencies.

    Returns
    -------
    DataFrame
        From the roots down: ``level``, ``node``, ``parent`` (null for a root), ``orders`` (parents) below it, ``notional``,
        every one of `PARTS` and ``total`` as decimals of ten digits, ``total_bps`` of the node's own notional and
        ``share`` of the whole cost (null where that is 0).

    Raises
    ------
    InputError
        If there is no cost, or a worth is not positive and finite.
    UnknownName
        If an instrument is not in the tree, or a worth is of an instrument without a cost.

    Notes
    -----
    Each part of each order is rounded once, to 1e-10; from there on sums are exact: of the parts of a node, of the nodes
    below a node, and of a level.
    """
    given, rates = list(costs), dict(worth or {})
    if not given:
        raise InputError("no instrument has a cost; give the shortfall of one at least")
    traded, leaves = {name for name, _ in given}, tree.leaves()
    for name, rate in rates.items():
        if name not in traded:
            raise UnknownName("instrument with a cost", name, traded)
        if not (isfinite(rate) and rate > 0):
            raise InputError(f"worth of {name} is {rate}; expected a positive number")
    lines: dict[str, list[dict[str, Decimal]]] = {}
    for name, cost in given:
        if name not in leaves:
            raise UnknownName("instrument of the tree", name, leaves)
        lines.setdefault(name, []).append(_line(cost, rates.get(name, 1.0)))
    whole = sum((line["total"] for found in lines.values() for line in found), Decimal(0))
    rows = []
    for level, nodes in tree.levels().items():
        for node in nodes:
            below = [line for leaf in tree.leaves(node) for line in lines.get(leaf, ())]
            if below:
                sums = {part: sum((line[part] for line in below), Decimal(0)) for part in below[0]}
                rows.append({"level": level, "node": node, "parent": tree.parent(node), "orders": len(below), **sums})
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "level": pl.String,
        "node": pl.String,
        "parent": pl.String,
        "orders": pl.Int64,
        **dict.fromkeys(("notional", *PARTS, "total"), _MONEY),
    }
    total = pl.col("total").cast(pl.Float64)
    return pl.DataFrame(rows, schema=schema).with_columns(
        total_bps=total / pl.col("notional").cast(pl.Float64) / BPS,
        share=total / float(whole) if whole else pl.lit(None, pl.Float64),
    )


def _line(cost: Shortfall, rate: float) -> dict[str, Decimal]:
    """Money of one order, rounded once; its total is the sum of what was rounded."""
    money = {name: _rounded(getattr(cost, name) * rate) for name in ("notional", *PARTS)}
    return money | {"total": sum((money[part] for part in PARTS), Decimal(0))}


def _rounded(amount: float) -> Decimal:
    return Decimal(amount).quantize(_GRAIN, rounding=ROUND_HALF_EVEN)
