"""Who is behind the addresses: entities of a transfer graph, how much each looks like a sybil group, and who holds how much.

All of it is inference from who paid whom. An entity is a guess with its reasons beside it, never an identity.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import DataError, InputError, SchemaError, UnknownName
from counterpoise.flow.column import Column, Group
from counterpoise.flow.wallet.communities import COMPONENTS, communities, components
from counterpoise.flow.wallet.concentration import concentration_row
from counterpoise.flow.wallet.sybil import find_evidence, sybil_score
from counterpoise.flow.wallet.transfers import TransferGraph, own_form, read_transfers
from counterpoise.flow.wallet.wallet_links import WalletRules, find_hubs, find_links

__all__ = ["GROUPS", "WalletClusters", "wallets"]

METHODS: Final = ("communities", *COMPONENTS)
GROUPS: Final = (
    Group(
        name="wallets",
        says="entities behind addresses, from who paid whom, and how much each looks like a sybil group",
        made_by="wallets",
        needs=("transfers",),
        columns=(
            Column("address", "text", "in small letters when hexadecimal", "free", "free"),
            Column("entity", "count", "number of its group, by its first address; null for a hub", "free", "free"),
            Column("hub", "1", "whether it is too busy, or known, to belong to anybody", "free", "free"),
            Column("counterparties", "count", "distinct others that it paid or was paid by", "free", "free"),
            Column("senders", "count", "distinct others that paid it", "free", "free"),
            Column("receivers", "count", "distinct others that it paid", "free", "free"),
            Column("size", "count", "addresses of the entity", "free", "free"),
            Column("score", "1", "sybil score of the entity in [0, 1]; 0 for one address, null for a hub", "free", "free"),
            Column("pairs", "count", "pairs of the entity that paid each other", "free", "free"),
            Column("transfers", "count", "transfers within the entity", "free", "free"),
            Column("value", "input", "value moved within the entity", "free", "linear"),
            Column("density", "1", "pairs over possible pairs", "free", "free"),
            Column("cohesion", "1", "pairs inside over pairs that touch the entity", "free", "free"),
            Column("star", "1", "centralisation of the degrees inside", "free", "free"),
            Column(
                "regularity", "1", "evenness of first fundings; without times, share of the commonest degrees", "free", "free"
            ),
            Column("common", "1", "outside counterparties that two members or more share", "free", "free"),
        ),
        source="Victor (2020), doi:10.1007/978-3-030-51280-4_33; Blondel et al. (2008), doi:10.1088/1742-5468/2008/10/P10008",
    ),
)
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class WalletClusters:
    """What `wallets` found.

    Attributes
    ----------
    frame : pl.DataFrame
        One row an address: ``address``, ``entity`` (null for a hub), ``hub``, ``counterparties``, ``senders``, ``receivers``,
        ``size`` and ``score`` of its entity.
    clusters : pl.DataFrame
        One row an entity of two addresses or more: the evidence (see `counterpoise.flow.wallet.sybil.find_evidence`) and its
        ``score``, highest first.
    hubs : pl.DataFrame
        ``address``, ``counterparties``, ``why``: who was left out of every entity.
    links : pl.DataFrame
        ``a``, ``b`` (addresses), ``rule``, ``weight``: why.
    report : pl.DataFrame
        What was odd in the input, see `counterpoise.flow.wallet.transfers.TransferGraph`.
    rules : WalletRules
    """

    frame: pl.DataFrame
    clusters: pl.DataFrame
    hubs: pl.DataFrame
    links: pl.DataFrame
    report: pl.DataFrame
    rules: WalletRules

    def concentration(self, amounts: pl.DataFrame, *, top: int = 10) -> pl.DataFrame:
        """Concentration of an amount over addresses, over entities, and over entities without hubs.

        Parameters
        ----------
        amounts : pl.DataFrame
            ``address`` and ``amount`` ≥ 0 (balance or volume). An address the graph does not know is an entity of its own.
        top : int
            The share of so many largest holders is given.

        Raises
        ------
        SchemaError
            If a column is missing.
        DataError
            If an address or amount is.
        InputError
            If an amount is negative or not finite, all are zero, or `top` is not positive.

        Returns
        -------
        pl.DataFrame
            ``over``, ``holders``, ``hhi`` = Σ s², ``gini``, ``top``, ``top_share``; amounts of one address add up.
        """
        missing = {"address", "amount"} - set(amounts.columns)
        if missing:
            raise SchemaError(f"amounts need columns address and amount, found {amounts.columns}; rename them")
        unknown = amounts.select(pl.any_horizontal(pl.col("address", "amount").is_null())).to_series().arg_true()
        if len(unknown):
            raise DataError(f"row {unknown[0]} of the amounts has no address or no amount; leave unknown holdings out")
        held = amounts.select(own_form(amounts["address"]), "amount").group_by("address").agg(pl.col("amount").sum())
        known = held.join(self.frame.select("address", "entity", "hub"), on="address", how="left").sort("address")
        alone = pl.format("address {}", "address")  # an address may be written like the number of an entity
        whose = pl.when(pl.col("entity").is_null()).then(alone).otherwise(pl.format("entity {}", "entity"))
        known = known.with_columns(owner=whose, hub=pl.col("hub").fill_null(False))
        rows = [concentration_row("addresses", known["amount"], top=top)]
        for name, part in (("entities", known), ("entities without hubs", known.filter(~pl.col("hub")))):
            if part.height and part["amount"].sum() > 0:
                rows.append(concentration_row(name, part.group_by("owner").agg(pl.col("amount").sum())["amount"], top=top))
        return pl.DataFrame(rows)

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_html(self) -> str:
        """The clusters with the highest scores, the hubs and the report, as HTML."""
        found = int((self.frame["size"] > 1).sum())
        words = (
            f"{self.frame.height:,} addresses, {self.hubs.height:,} of them hubs; {found:,} others in "
            f"{self.clusters.height:,} entities of two or more. A score ranks, it is no probability."
        )
        tables = (
            ("Highest scores", self.clusters.head(_SHOWN)),
            ("Hubs", self.hubs.head(_SHOWN)),
            ("Input", self.report.filter(pl.col("count") > 0)),
        )
        return f"<div class='cp-wallets'><p>{escape(words)}</p>" + "".join(_table(*part) for part in tables) + "</div>"


def wallets(edges: pl.DataFrame, *, rules: WalletRules | None = None, seed: int = 0) -> WalletClusters:
    """Entities of a transfer graph.

    Parameters
    ----------
    edges : pl.DataFrame
        Transfers, see `counterpoise.flow.wallet.transfers.read_transfers`: ``src``, ``dst``, and if known ``time``, ``value``,
        ``token``.
    rules : WalletRules, optional
    seed : int
        Order in which communities are looked for; components need none.

    Raises
    ------
    SchemaError, DataError
        If the transfers cannot be read.
    UnknownName
        If there is no such method.
    InputError
        If nothing is left to look at.

    Notes
    -----
    Not causal: it looks at all transfers it is given. For a state of the past, give the transfers up to then. O(Σ degree² of
    addresses that are no hubs).

    Examples
    --------
    >>> paid = pl.DataFrame({"src": ["f", "f", "a", "b"], "dst": ["a", "b", "x", "x"]})
    >>> wallets(paid).frame["entity"].n_unique()
    1
    """
    rules = WalletRules() if rules is None else rules
    if rules.method not in METHODS:
        raise UnknownName("method", rules.method, METHODS)
    graph = read_transfers(edges)
    if not graph.size:
        raise InputError(f"no transfer between two addresses among {edges.height} rows; see that src and dst are what they say")
    hubs = find_hubs(graph, rules)
    links = find_links(graph, hubs["node"].to_numpy(), rules)
    entity = _entities(graph, hubs["node"].to_numpy(), links, rules=rules, seed=seed)
    evidence = find_evidence(graph, entity)
    clusters = evidence.with_columns(score=sybil_score(evidence, rules)).sort(
        "score", "size", "entity", descending=[True, True, False]
    )
    name = graph.addresses
    return WalletClusters(
        frame=_frame(graph, entity, clusters),
        clusters=clusters,
        hubs=hubs.select(address=name.gather(hubs["node"]), counterparties="counterparties", why="why"),
        links=links.select(a=name.gather(links["a"]), b=name.gather(links["b"]), rule="rule", weight="weight"),
        report=graph.report,
        rules=rules,
    )


def _entities(graph: TransferGraph, hubs: Int1D, links: pl.DataFrame, *, rules: WalletRules, seed: int) -> Int1D:
    """Entity of each address, −1 for hubs."""
    if rules.method == "strong":
        free = np.ones(graph.size, np.bool_)
        free[hubs] = False
        src, dst = graph.pairs["src"].to_numpy(), graph.pairs["dst"].to_numpy()
        kept = free[src] & free[dst]
        part = components(src[kept], dst[kept], nodes=graph.size, connection="strong")
    else:
        a, b, weight = links["a"].to_numpy(), links["b"].to_numpy(), links["weight"].to_numpy()
        if rules.method == "weak":
            part = components(a, b, nodes=graph.size)
        else:
            part = communities(a, b, weight, nodes=graph.size, resolution=rules.resolution, seed=seed)
    entity = part.copy()
    entity[hubs] = -1
    return entity


def _frame(graph: TransferGraph, entity: Int1D, clusters: pl.DataFrame) -> pl.DataFrame:
    senders, receivers = (np.bincount(graph.pairs[side].to_numpy(), minlength=graph.size) for side in ("dst", "src"))
    frame = pl.DataFrame(
        {
            "address": graph.addresses,
            "entity": pl.Series(entity).replace(-1, None),
            "hub": entity < 0,
            "counterparties": graph.counterparties(),
            "senders": senders,
            "receivers": receivers,
        }
    ).join(clusters.select("entity", "size", "score"), on="entity", how="left", maintain_order="left")
    alone = pl.col("size").is_null() & ~pl.col("hub")
    return frame.with_columns(size=pl.when(alone).then(1).otherwise("size"), score=pl.when(alone).then(0.0).otherwise("score"))


def _table(title: str, frame: pl.DataFrame) -> str:
    if frame.is_empty():
        return ""
    head = "".join(f"<th>{escape(name)}</th>" for name in frame.columns)
    rows = "".join("<tr>" + "".join(f"<td>{escape(_shown(cell))}</td>" for cell in row) + "</tr>" for row in frame.iter_rows())
    return f"<h4>{escape(title)}</h4><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
