"""Flow up the tree by its definition, bin by bin in Fractions: the slow twin of `counterpoise.flow.cross.by_node`."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import polars as pl

from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.tree import Tree

WORSE = ("SYNCED", "STALE", "CROSSED", "GAPPED")
Leaf = dict[str, Fraction]


def naive_by_node(
    tree: Tree,
    frames: dict[str, pl.DataFrame],
    instruments: dict[str, Instrument],
    *,
    rates: dict[str, str],
    deltas: dict[str, str],
    leave_out: bool,
) -> dict[tuple[int, str], dict[str, Any]]:
    """Numbers by bin and node; None where they are null."""
    by_time = {
        name: {row["ts"]: row for row in frame.with_columns(frame["ts"].dt.epoch("ns")).to_dicts()}
        for name, frame in frames.items()
    }
    out = {}
    for ts in sorted({ts for rows in by_time.values() for ts in rows}):
        rows = {name: held[ts] for name, held in by_time.items() if ts in held}
        leaves = {name: leaf_of(name, rows, instruments, rates, deltas) for name in rows}
        for nodes in tree.levels().values():
            for node in nodes:
                out[ts, node] = node_of(tree, node, rows, leaves, leave_out=leave_out)
    return out


def leaf_of(
    name: str, rows: dict[str, Any], instruments: dict[str, Instrument], rates: dict[str, str], deltas: dict[str, str]
) -> Leaf | None:
    row, instrument = rows[name], instruments[name]
    if row["quality"] != "SYNCED" or row["mid"] is None:
        return None
    rate, delta = Fraction(rates[instrument.quote]), Fraction(deltas.get(name, "1"))
    mid = Fraction(row["mid"]) * rate
    if instrument.kind is InstrumentKind.OPTION:
        others = [
            Fraction(other["mid"]) * Fraction(rates[instruments[o].quote])
            for o, other in rows.items()
            if instruments[o].base == instrument.base
            and instruments[o].kind is not InstrumentKind.OPTION
            and other["quality"] == "SYNCED"
            and other["mid"] is not None
        ]
        if not others:
            return None
        mid = sum(others) / Fraction(len(others))
    buy, sell, ofi = (Fraction(row[c]) * delta for c in ("buy_qty", "sell_qty", "ofi"))
    native = {"signed": buy - sell, "volume": abs(buy) + abs(sell), "ofi": ofi}
    out = {}
    for flow, qty in native.items():
        if instrument.inverse:
            out[f"{flow}_usd"] = qty * Fraction(instrument.multiplier) * rate
            out[f"{flow}_coin"] = out[f"{flow}_usd"] / mid
        else:
            out[f"{flow}_coin"], out[f"{flow}_usd"] = qty, qty * mid
    return out


def node_of(tree: Tree, node: str, rows: Any, leaves: dict[str, Leaf | None], *, leave_out: bool) -> dict[str, Any]:
    below = tree.leaves(node)
    sound = [leaf for name in below if (leaf := leaves.get(name)) is not None]
    whole = bool(sound) if leave_out else len(sound) == len(below)
    out: dict[str, Any] = {"leaves": len(below), "sound": len(sound)}
    for flow in ("signed", "volume", "ofi"):
        for unit in ("coin", "usd"):
            hidden = unit == "coin" and node.startswith(("index:", "cluster:"))
            name = f"{flow}_{unit}"
            out[name] = sum(leaf[name] for leaf in sound) if whole and not hidden else None
    out["imbalance"] = out["signed_usd"] / out["volume_usd"] if whole and out["volume_usd"] else None
    used = [rows[n]["quality"] if n in rows else "GAPPED" for n in below if not leave_out or leaves.get(n) is not None]
    out["quality"] = max(used, key=WORSE.index) if used else "GAPPED"
    return out
