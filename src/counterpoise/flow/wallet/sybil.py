"""How much a group of addresses looks like one person playing many: evidence first, then a score of it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D
from counterpoise.flow.wallet.transfers import TransferGraph
from counterpoise.flow.wallet.wallet_links import WalletRules

__all__ = ["EVIDENCE", "find_evidence", "sybil_score"]

EVIDENCE: Final = ("density", "cohesion", "star", "regularity", "common")
_LEAST_FUNDED: Final = 4  # three gaps between fundings, or there is nothing to call regular


def find_evidence(graph: TransferGraph, entity: Int1D) -> pl.DataFrame:
    """Evidence of each entity with two addresses or more.

    Parameters
    ----------
    graph : TransferGraph
    entity : (n,) int64
        Of each address; −1 for a hub.

    Returns
    -------
    pl.DataFrame
        ``entity``, ``size``, ``pairs`` (that sent to each other, inside), ``transfers`` and ``value`` (inside), and in [0, 1]:
        ``density`` = 2·pairs / (n (n − 1)); ``cohesion`` = pairs inside / pairs that touch a member, hubs included; ``star`` =
        Freeman's centralisation of the degrees inside, (n·max − Σ d) / ((n − 1)(n − 2)); ``regularity`` = mean of 1 / (1 + cv)
        of the gaps between first fundings and of their values, without times the share of the commonest pair (senders,
        receivers) among members; ``common`` = share of outside counterparties, hubs left out, that two members or more have.
        Null where a number has no meaning: a star of two, no outside counterparty, fewer than four funded.

    References
    ----------
    Freeman (1978), doi:10.1016/0378-8733(78)90021-7.
    """
    members = pl.DataFrame({"node": np.arange(graph.size), "entity": entity}).filter(pl.col("entity") >= 0)
    sizes = members.group_by("entity").agg(size=pl.len().cast(pl.Int64)).filter(pl.col("size") > 1)
    members = members.join(sizes, on="entity")
    inside = graph.pairs.with_columns(
        es=pl.Series(entity[graph.pairs["src"].to_numpy()]), ed=pl.Series(entity[graph.pairs["dst"].to_numpy()])
    )
    out = sizes.sort("entity")
    regular = _regular_times(graph, members) if graph.timed else _regular_degrees(graph, members)
    for part in (_inside(inside), _touching(inside), _stars(inside), regular, _common(inside)):
        out = out.join(part, on="entity", how="left", maintain_order="left")
    n = pl.col("size")
    pairs = pl.col("pairs").fill_null(0)
    star = (n * pl.col("most") - 2 * pairs) / ((n - 1) * (n - 2))
    return out.select(
        "entity",
        "size",
        pairs.cast(pl.Int64),
        pl.col("transfers").fill_null(0),
        "value",
        density=2 * pairs / (n * (n - 1)),
        cohesion=pairs / pl.col("touching"),
        star=pl.when(n > 2).then(star.fill_null(0.0)),
        regularity=pl.col("regularity"),
        common=pl.col("common"),
    )


def sybil_score(evidence: pl.DataFrame, rules: WalletRules) -> pl.Series:
    """g(n)^w · weighted mean of the evidence that is known, g(n) = log₂ n / (log₂ n + 3), w = `size_weight`; in [0, 1).

    Notes
    -----
    Two addresses that paid each other are dense and cohesive by necessity; g holds small groups back, with half at eight.

    A ranking, not a probability: nothing says what share of groups with a score of .8 are sybils. Where the weights came from
    decides what it finds.
    """
    weights = {name: float(getattr(rules, f"{name}_weight")) for name in EVIDENCE}
    known = pl.sum_horizontal(pl.when(pl.col(name).is_not_null()).then(weights[name]).otherwise(0.0) for name in EVIDENCE)
    total = pl.sum_horizontal((pl.col(name) * weights[name]).fill_null(0.0) for name in EVIDENCE)
    held_back = (pl.col("size").log(2) / (pl.col("size").log(2) + 3)) ** rules.size_weight
    return evidence.select(score=pl.when(known > 0).then(held_back * total / known).otherwise(0.0))["score"]


def _inside(pairs: pl.DataFrame) -> pl.DataFrame:
    same = pairs.filter((pl.col("es") == pl.col("ed")) & (pl.col("es") >= 0))
    return same.group_by(entity="es").agg(
        pairs=_undirected(),
        transfers=pl.col("transfers").sum(),
        value=pl.when(pl.col("value").count() > 0).then(pl.col("value").sum()),
    )


def _undirected() -> pl.Expr:
    return pl.struct(pl.min_horizontal("src", "dst"), pl.max_horizontal("src", "dst").alias("o")).n_unique().cast(pl.Int64)


def _touching(pairs: pl.DataFrame) -> pl.DataFrame:
    ends = pl.concat([pairs.with_columns(entity="es"), pairs.with_columns(entity="ed")])
    return ends.filter(pl.col("entity") >= 0).group_by("entity").agg(touching=_undirected())


def _stars(pairs: pl.DataFrame) -> pl.DataFrame:
    same = pairs.filter((pl.col("es") == pl.col("ed")) & (pl.col("es") >= 0))
    ends = pl.concat([same.select("es", v="src", o="dst"), same.select("es", v="dst", o="src")]).unique()
    return ends.group_by("es", "v").agg(d=pl.len()).group_by(entity="es").agg(most=pl.col("d").max().cast(pl.Int64))


def _common(pairs: pl.DataFrame) -> pl.DataFrame:
    """Hubs have entity −1."""
    ends = pl.concat(
        [
            pairs.select(entity="es", other="ed", v="src", o="dst"),
            pairs.select(entity="ed", other="es", v="dst", o="src"),
        ]
    ).filter((pl.col("entity") >= 0) & (pl.col("other") >= 0) & (pl.col("entity") != pl.col("other")))
    by = ends.group_by("entity", "o").agg(members=pl.col("v").n_unique())
    return by.group_by("entity").agg(common=(pl.col("members") > 1).mean())


def _regular_degrees(graph: TransferGraph, members: pl.DataFrame) -> pl.DataFrame:
    counts = [
        np.bincount(graph.pairs[side].to_numpy(), minlength=graph.size)[members["node"].to_numpy()] for side in ("dst", "src")
    ]
    kinds = members.with_columns(senders=pl.Series(counts[0]), receivers=pl.Series(counts[1]))
    same = kinds.group_by("entity", "senders", "receivers").agg(k=pl.len(), n=pl.col("size").first())
    return same.group_by("entity").agg(regularity=pl.col("k").max() / pl.col("n").first())


def _regular_times(graph: TransferGraph, members: pl.DataFrame) -> pl.DataFrame:
    first = (
        graph.transfers.join(members.select("entity", dst="node"), on="dst", maintain_order="left")
        .group_by("dst", maintain_order=True)
        .agg(pl.col("entity").first(), pl.col("time").first(), pl.col("value").first())
        .sort("entity", "time", "dst")
    )
    gaps = first.with_columns(gap=pl.col("time").diff().over("entity").cast(pl.Float64))
    funded = gaps.group_by("entity", maintain_order=True).agg(
        n=pl.len(), gap=_even("gap"), paid=pl.when(pl.col("value").null_count() == 0).then(_even("value"))
    )
    return funded.select("entity", regularity=pl.when(pl.col("n") >= _LEAST_FUNDED).then(pl.mean_horizontal("gap", "paid")))


def _even(name: str) -> pl.Expr:
    """1 / (1 + coefficient of variation); 1 when all are equal."""
    mean, spread = pl.col(name).mean(), pl.col(name).std(ddof=0)
    return pl.when(spread == 0).then(1.0).otherwise(mean / (mean + spread))
