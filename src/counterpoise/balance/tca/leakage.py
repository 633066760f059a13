"""How much an observer of the flow of each node learnt, beside the least that any schedule of that total gives away."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.tree import Tree
from counterpoise.sim.agents.detection import auc_of, detectability, least_detectable

__all__ = ["leakage", "slice_variance"]


def leakage(own: Mapping[str, Float1D], others: Mapping[str, Float1D], tree: Tree, *, parts: int = 1) -> pl.DataFrame:
    """Realised d′ of our signed flow at every node against the flow of others there, and its floor.

    d′² = Σ_k v_k² / s_k² over slices k, v our net flow and s_k² the variance of the others'; the floor is that of v_k ∝ s_k²
    with the same total, |Σ v| / √Σ s². An observer who knows the schedule and sees only net flow per slice does no better than
    AUC = Φ(d′/√2). What he learns from sizes and times of single orders comes on top: `counterpoise.balance.tca.habits`.

    Parameters
    ----------
    own : mapping of instrument id to (slices,) float64
        Signed net flow in one currency; instruments left out did nothing.
    others : mapping of instrument id to (slices · parts,) float64
        Of the others, in `parts` equal parts of each slice, in the same currency.
    tree : Tree
    parts : int
        The variance of a slice is the sum of squares of its parts.

    Returns
    -------
    DataFrame
        ``level``, ``node``, ``total`` (Σ v), ``d_prime``, ``auc``, ``floor_d_prime``, ``floor_auc``, ``excess`` (d′ over its
        floor; null where the total is 0). Nodes whose others stood still in a slice are left out: nothing hides there, d′ is
        infinite.

    Raises
    ------
    UnknownName
        If an instrument is not in the tree.
    InputError
        If shapes do not fit, an instrument of `own` has no flow of others, or a number is not finite.

    Notes
    -----
    Slices are taken as independent; flow with memory has more variance over long horizons than this, so true d′ and floor are
    lower. With one part a slice a variance rests on one square: take ten or more.
    """
    slices = _require(own, others, tree, parts)
    rows = []
    for level, nodes in tree.levels().items():
        for node in nodes:
            below = [leaf for leaf in tree.leaves(node) if leaf in others]
            if not below:
                continue
            flow = np.sum([own[leaf] for leaf in below if leaf in own] or [np.zeros(slices)], axis=0)
            variance = slice_variance(np.sum([others[leaf] for leaf in below], axis=0), parts=parts)
            if not (variance > 0).all():
                continue
            covariance, total = np.diag(variance), float(flow.sum())
            found = detectability(flow, covariance)
            floor = detectability(least_detectable(total, covariance), covariance)
            rows.append((level, node, total, found, auc_of(found), floor, auc_of(floor), found / floor if floor else None))
    columns = ("total", "d_prime", "auc", "floor_d_prime", "floor_auc", "excess")
    schema = {"level": pl.String, "node": pl.String, **dict.fromkeys(columns, pl.Float64)}
    return pl.DataFrame(rows, schema=schema, orient="row")


def slice_variance(flow: Float1D, *, parts: int) -> Float1D:
    """Sum of squared net flows of the parts of each slice; (slices · parts,) → (slices,)."""
    return np.asarray((flow.reshape(-1, parts) ** 2).sum(axis=1), np.float64)


def _require(own: Mapping[str, Float1D], others: Mapping[str, Float1D], tree: Tree, parts: int) -> int:
    leaves = tree.leaves()
    for name in (*own, *others):
        if name not in leaves:
            raise UnknownName("instrument of the tree", name, leaves)
    sizes = {len(flow) // parts for flow in others.values()} | {len(flow) for flow in own.values()} if parts > 0 else set()
    if len(sizes) != 1 or any(len(flow) % parts for flow in others.values()) or set(own) - set(others):
        raise InputError(
            "leakage needs as many slices of own flow as of others', and others' flow of every instrument we traded"
        )
    if not all(np.isfinite(flow).all() for flow in (*own.values(), *others.values())):
        raise InputError("a flow is not finite; fill the slices without trades with 0")
    return sizes.pop()
