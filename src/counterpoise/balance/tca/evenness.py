"""How fairly impact was spread over the nodes of each level of the tree."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.balance.fairness import gini, max_to_mean, normalised_impact
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.tree import Tree

__all__ = ["evenness", "lorenz", "node_impacts"]


def node_impacts(
    traded: Mapping[str, float], volume: Mapping[str, float], tree: Tree, *, exponent: float = 0.5
) -> pl.DataFrame:
    """Normalised impact u = (Σ|v| / ΣV)^δ of every node, over the instruments below it.

    Parameters
    ----------
    traded : mapping of instrument id to float
        What we traded, buys and sells added, in one currency; instruments left out did nothing.
    volume : mapping of instrument id to float
        What others did in the same time and currency.
    tree : Tree
    exponent : float
        δ in (0, 1].

    Returns
    -------
    DataFrame
        ``level``, ``node``, ``traded``, ``volume``, ``impact``; nodes without any volume are left out.

    Raises
    ------
    UnknownName
        If an instrument is not in the tree.
    InputError
        If an amount is negative or not finite, we traded where nobody else did, or the exponent is out of its bound.
    """
    leaves = tree.leaves()
    for name in (*traded, *volume):
        if name not in leaves:
            raise UnknownName("instrument of the tree", name, leaves)
    alone = [name for name, amount in traded.items() if amount > 0 and not volume.get(name, 0.0) > 0]
    if alone:
        raise InputError(f"we traded {', '.join(alone)} where nobody else did; give the others' volume of the same time")
    rows = [
        (level, node, *(sum(amounts.get(leaf, 0.0) for leaf in tree.leaves(node)) for amounts in (traded, volume)))
        for level, nodes in tree.levels().items()
        for node in nodes
    ]
    schema = {"level": pl.String, "node": pl.String, "traded": pl.Float64, "volume": pl.Float64}
    table = pl.DataFrame(rows, schema=schema, orient="row").filter(pl.col("volume") != 0)
    if table.is_empty():
        return table.with_columns(impact=pl.lit(None, pl.Float64))
    return table.with_columns(pl.Series("impact", normalised_impact(table["traded"], table["volume"], exponent=exponent)))


def evenness(impacts: pl.DataFrame) -> pl.DataFrame:
    """Gini coefficient and greatest over mean of `node_impacts`, level by level.

    Returns
    -------
    DataFrame
        ``level``, ``nodes``, ``gini``, ``max_to_mean`` (null where we traded nothing), ``worst`` (node of the greatest).
    """
    rows = []
    for (level,), part in impacts.group_by("level", maintain_order=True):
        found = part["impact"].to_numpy()
        spread = (gini(found), max_to_mean(found)) if found.max() > 0 else (None, None)
        rows.append((level, part.height, *spread, part["node"][int(found.argmax())]))
    schema = {"level": pl.String, "nodes": pl.Int64, "gini": pl.Float64, "max_to_mean": pl.Float64, "worst": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def lorenz(values: ArrayLike) -> pl.DataFrame:
    """Lorenz curve: which share of the whole the least share of the nodes has. Gini = 1 − 2 · area below, by trapezes.

    Returns
    -------
    DataFrame
        ``nodes`` and ``share``, from (0, 0) to (1, 1).

    Raises
    ------
    InputError
        If there is no value, one is negative or not finite, or all are 0.
    """
    ordered = np.sort(np.asarray(values, np.float64).ravel())
    if not len(ordered) or not np.isfinite(ordered).all() or ordered[0] < 0 or not ordered[-1] > 0:
        raise InputError("a Lorenz curve is of finite numbers >= 0 that are not all 0")
    part = np.concatenate([[0.0], np.cumsum(ordered) / ordered.sum()])
    return pl.DataFrame({"nodes": np.linspace(0.0, 1.0, len(part)), "share": np.minimum(part, 1.0)})
