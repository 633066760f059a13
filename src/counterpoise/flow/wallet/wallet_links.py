"""Signs that two addresses have one owner, each a link with a weight: funding, sweeping, deposits, common counterparties."""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.flow.wallet.transfers import TransferGraph

__all__ = ["RULES", "WalletRules", "find_hubs", "find_links"]

RULES: Final = ("transfer", "funder", "sweep", "deposit", "counterparties")


class WalletRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What counts as a sign, and how much.

    Parameters
    ----------
    hub_degree : int
        An address with more counterparties is a hub: exchange, bridge, contract, airdrop. It links nobody and has no entity.
    exchanges : tuple of str
        Addresses that are hubs whatever their degree.
    transfer, funder, sweep, deposit, counterparties : float
        Weight of a link of that rule, 0 for none. A transfer link is one direction of a pair; a link of common counterparties
        weighs this times their weighted Jaccard index.
    deposit_senders : int
        A deposit address with more senders than this is shared by customers and links nobody.
    min_shared : int
        Counterparties two addresses must have in common.
    min_jaccard : float
        Least weighted Jaccard index of their counterparties.
    method : {"communities", "weak", "strong"}
        How links become entities: communities of greatest modularity, connected components of the links, or strong components
        of the transfers without hubs.
    resolution : float
        Of communities; larger gives smaller ones.
    density_weight, cohesion_weight, star_weight, regularity_weight, common_weight : float
        Weights of the evidence in the sybil score. By default cohesion alone: on the one labelled graph at hand equal weights
        ranked no better than chance. All evidence is in the result, to be weighed by whoever knows the graph.
    size_weight : float
        How strongly the score holds small groups back, see `counterpoise.flow.wallet.sybil.sybil_score`.
    """

    hub_degree: int = 50
    exchanges: tuple[str, ...] = ()
    transfer: float = 1.0
    funder: float = 1.0
    sweep: float = 1.0
    deposit: float = 1.0
    counterparties: float = 1.0
    deposit_senders: int = 10
    min_shared: int = 2
    min_jaccard: float = 0.5
    method: str = "communities"
    resolution: float = 1.0
    size_weight: float = 3.0
    density_weight: float = 0.0
    cohesion_weight: float = 1.0
    star_weight: float = 0.0
    regularity_weight: float = 0.0
    common_weight: float = 0.0

    def __post_init__(self) -> None:
        weights = [getattr(self, name) for name in (*RULES, *(f for f in self.__struct_fields__ if f.endswith("_weight")))]
        if not all(np.isfinite(w) and w >= 0 for w in weights):
            raise InputError(f"weights of rules and evidence must be 0 or more, found {weights}")
        if self.hub_degree < 1 or self.deposit_senders < 2 or self.min_shared < 1 or not 0 < self.min_jaccard <= 1:
            raise InputError(
                "expected hub_degree >= 1, deposit_senders >= 2, min_shared >= 1 and 0 < min_jaccard <= 1; "
                f"found {self.hub_degree}, {self.deposit_senders}, {self.min_shared} and {self.min_jaccard}"
            )


def find_hubs(graph: TransferGraph, rules: WalletRules) -> pl.DataFrame:
    """Hubs by number: ``node``, ``counterparties``, ``why`` (``degree`` or ``exchange``)."""
    degree = graph.counterparties()
    named = np.zeros(graph.size, np.bool_)
    named[graph.numbers(rules.exchanges)] = True
    hubs = pl.DataFrame({"node": np.arange(graph.size), "counterparties": degree, "named": named})
    return hubs.filter(pl.col("named") | (pl.col("counterparties") > rules.hub_degree)).select(
        "node", "counterparties", why=pl.when("named").then(pl.lit("exchange")).otherwise(pl.lit("degree"))
    )


def find_links(graph: TransferGraph, hubs: Int1D, rules: WalletRules) -> pl.DataFrame:
    """Links between addresses that are no hubs: ``a`` < ``b`` (numbers), ``rule``, ``weight``; one row a pair and rule.

    Notes
    -----
    *transfer*: one sent to the other. *funder*: the sender of an address's first incoming transfer; without times, the only
    sender it ever had. *sweep*: the receiver of its last outgoing transfer; without times, its only receiver. *deposit*: an
    address that pays hubs only is a deposit address of whoever pays into it. *counterparties*: Σ_common w / Σ_either w over
    counterparties that are no hubs, with w = 1 / log₂(2 + degree), so that busy ones say little.

    O(Σ degree² of addresses that are no hubs).

    References
    ----------
    Victor (2020), doi:10.1007/978-3-030-51280-4_33, section 4: deposit address reuse. Adamic, Adar (2003),
    doi:10.1016/S0378-8733(03)00009-1: the weight.
    """
    is_hub = np.zeros(graph.size, np.bool_)
    is_hub[hubs] = True
    free = _without(graph.pairs, is_hub)
    found = {
        "transfer": free.select("src", "dst"),
        "funder": _first_of(graph, is_hub, of="dst", other="src"),
        "sweep": _first_of(graph, is_hub, of="src", other="dst"),
        "deposit": _deposits(graph, is_hub, rules),
    }
    weights = {name: getattr(rules, name) for name in RULES}
    frames = [_link(pairs, name, weights[name]) for name, pairs in found.items() if weights[name] > 0]
    if rules.counterparties > 0:
        frames.append(_common(graph, free, rules))
    empty = pl.DataFrame(schema={"a": pl.Int64, "b": pl.Int64, "rule": pl.String, "weight": pl.Float64})
    return pl.concat([empty, *frames]).sort("a", "b", "rule")


def _without(pairs: pl.DataFrame, is_hub: Bool1D) -> pl.DataFrame:
    return pairs.filter(pl.Series(~is_hub[pairs["src"].to_numpy()] & ~is_hub[pairs["dst"].to_numpy()]))


def _link(pairs: pl.DataFrame, rule: str, weight: float) -> pl.DataFrame:
    first, second = pairs.columns[:2]
    return (
        pairs.select(a=pl.min_horizontal(first, second), b=pl.max_horizontal(first, second))
        .group_by("a", "b")
        .agg(weight=pl.len() * weight)
        .select("a", "b", pl.lit(rule).alias("rule"), pl.col("weight").cast(pl.Float64))
    )


def _first_of(graph: TransferGraph, is_hub: Bool1D, *, of: str, other: str) -> pl.DataFrame:
    """Each address with its first funder (``of="dst"``) or its last sweep (``of="src"``), hubs left out afterwards."""
    if graph.timed:
        edge = pl.col("time").min() if of == "dst" else pl.col("time").max()
        found = graph.transfers.filter(pl.col("time") == edge.over(of)).group_by(of).agg(pl.col(other).unique())
    else:
        found = graph.pairs.group_by(of).agg(pl.col(other).unique())
    single = found.filter(pl.col(other).list.len() == 1).select(pl.col(of), pl.col(other).list.first())
    return _without(single.select("src", "dst"), is_hub)


def _deposits(graph: TransferGraph, is_hub: Bool1D, rules: WalletRules) -> pl.DataFrame:
    pays_hub = pl.Series(is_hub[graph.pairs["dst"].to_numpy()])
    only = graph.pairs.with_columns(hub=pays_hub).group_by("src").agg(pl.col("hub").all())
    deposits = only.filter("hub").select(dst="src")
    paid = _without(graph.pairs, is_hub).join(deposits, on="dst", how="semi")
    return paid.filter(pl.len().over("dst").is_between(2, rules.deposit_senders)).select("src", "dst")


def _common(graph: TransferGraph, free: pl.DataFrame, rules: WalletRules) -> pl.DataFrame:
    degree = graph.counterparties()
    meets = pl.concat([free.select(x="src", via="dst"), free.select(x="dst", via="src")]).unique()
    meets = meets.with_columns(w=1 / np.log2(2.0 + degree[meets["via"].to_numpy()])).sort("via", "x")
    whole = meets.sort("x", "via").group_by("x", maintain_order=True).agg(all=pl.col("w").sum())
    both = (
        meets.join(meets.select("via", y="x"), on="via")
        .filter(pl.col("x") < pl.col("y"))
        .sort("x", "y", "via")
        .group_by("x", "y", maintain_order=True)
        .agg(shared=pl.len(), common=pl.col("w").sum())
        .filter(pl.col("shared") >= rules.min_shared)
    )
    either = both.join(whole, on="x").join(whole.select(y="x", all_y="all"), on="y")
    jaccard = pl.col("common") / (pl.col("all") + pl.col("all_y") - pl.col("common"))
    return (
        either.with_columns(weight=jaccard)
        .filter(pl.col("weight") >= rules.min_jaccard)
        .select(a="x", b="y", rule=pl.lit("counterparties"), weight=pl.col("weight") * rules.counterparties)
    )
