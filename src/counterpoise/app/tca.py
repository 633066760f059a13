"""`counterpoise tca`: what finished runs cost and by whose doing, as tables, one page, and an export for an auditor."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl

from counterpoise.adapters.config_file import load_config
from counterpoise.app.output import write_frame, write_text
from counterpoise.app.tca_folder import RunFolder, read_run
from counterpoise.app.tca_page import render
from counterpoise.app.tca_report import RunCost, TcaReport
from counterpoise.balance.tca import (
    FILL_PARTS,
    Calibration,
    Executions,
    activity,
    audit_tables,
    benchmarks,
    breakdown,
    by_node,
    calibrate,
    evenness,
    fill_costs,
    fill_markouts,
    habits,
    leakage,
    markouts,
    participation,
    rates,
    shortfall,
)
from counterpoise.balance.tca.evenness import node_impacts
from counterpoise.core.errors import InputError
from counterpoise.core.units import MINUTE_NS
from counterpoise.market.tree import Tree

__all__ = ["run_cost", "tca"]

_SLICES: Final = 10  # of the flow an observer of a run sees
_LEAST_PARTS: Final = 5  # bins a slice, so that its variance is known to within a factor


def tca(
    folders: Sequence[Path],
    *,
    out: Path | None = None,
    tree: Path | None = None,
    predicted: Path | None = None,
    seed: int = 1,
) -> TcaReport:
    """Analyse finished runs together and write the page and the export.

    Parameters
    ----------
    folders : sequence of Path
        As `counterpoise run` wrote them; those of a basket together.
    out : Path, optional
        Folder for ``tca.html``, ``tca.json`` and the export; ``tca`` in the first run's folder by default.
    tree : Path, optional
        TOML file of the granularity tree; by default each instrument below its base coin.
    predicted : Path, optional
        Parquet or CSV with ``run``, ``predicted`` and ``sd`` [bps of the parent], and ``cluster`` where runs move together.
    seed : int
        Of the bootstrap.

    Raises
    ------
    InputError
        If a folder is none of a finished run, two have one name, the runs are priced in several currencies, or a run has no
        prediction though predictions were given.
    """
    if not folders:
        raise InputError("no run was given; give a folder that 'counterpoise run --out' wrote")
    runs = tuple(run_cost(read_run(folder)) for folder in folders)
    names, quotes = {one.run.name for one in runs}, sorted({one.run.instrument.quote for one in runs})
    if len(names) < len(runs) or len(quotes) > 1:
        raise InputError(f"runs need names of their own and one currency, found {sorted(names)} in {', '.join(quotes)}")
    node_tree = (
        load_config(tree, Tree)
        if tree
        else Tree.from_instruments({r.run.instrument.id: r.run.instrument for r in runs}.values())
    )
    worth = {one.run.instrument.id: one.shortfall.decision_price for one in runs if one.run.instrument.inverse}
    impacts = _impacts(runs, node_tree)
    told = None if predicted is None else _predicted(runs, predicted)
    report = TcaReport(
        runs=runs,
        nodes=by_node([(one.run.instrument.id, one.shortfall) for one in runs], node_tree, worth=worth),
        impacts=impacts,
        evenness=evenness(impacts),
        leakage=_leakage(runs, node_tree),
        venues=_venues(runs, worth),
        predicted=told,
        calibration=_calibration(told, seed),
    )
    return report._replace(files=_write(report, out or folders[0] / "tca"))


def run_cost(run: RunFolder) -> RunCost:
    """Everything that one run says by itself."""
    start, end = run.span_ns
    terms = {name: float(run.summary["shortfall"][f"{name}_price"]) for name in ("decision", "arrival", "close")}
    fills, side, inverse = run.fills, run.side, run.instrument.inverse
    numbers = {name: fills[name].cast(pl.Float64).to_numpy() for name in Executions._fields}
    executions = Executions(**numbers | {"qty": numbers["qty"] * run.unit})
    cost = shortfall(
        executions,
        side=side,
        qty=float(run.summary["qty"]) * run.unit,
        decision_price=terms["decision"],
        arrival_price=terms["arrival"],
        close_price=terms["close"],
        inverse=inverse,
    )
    costs = fill_costs(
        fills, side=side, decision_price=terms["decision"], arrival_price=terms["arrival"], unit=run.unit, inverse=inverse
    )
    beside = benchmarks(
        executions.price, executions.qty, run.market, side=side, start_ns=start, end_ns=end, arrival_price=terms["arrival"],
        rate=None, inverse=inverse,
    )  # fmt: skip
    mid_ns, mid = run.mids
    after = markouts(fill_markouts(fills, mid_ns=mid_ns, mid=mid), ("maker",))
    others_ns, others = run.others
    times, qty = fills["ts"].cast(pl.Int64).to_numpy(), numbers["qty"]
    slices = rates(times, qty, others_ns, others, start_ns=start, end_ns=end, every_ns=MINUTE_NS)
    sent = run.orders["ts"].cast(pl.Int64).to_numpy()
    lots = np.rint(run.orders["qty"].to_numpy() / run.instrument.qty_grid.size).astype(np.int64)
    found = habits(sent, lots)
    told = found._asdict() | {"clock": None if found.clock is None else found.clock._asdict()}
    return RunCost(
        run, cost, costs, beside, after, breakdown(costs, ["client_id"]), activity(run.orders, fills), slices,
        participation(slices), told,
    )  # fmt: skip


def _impacts(runs: Sequence[RunCost], tree: Tree) -> pl.DataFrame:
    """Normalised impact, all in the quote currency."""
    traded: dict[str, float] = {}
    volume: dict[str, float] = {}
    for one in runs:
        name = one.run.instrument.id
        price = 1.0 if one.run.instrument.inverse else one.shortfall.decision_price
        traded[name] = traded.get(name, 0.0) + one.participation.own * one.run.unit * price
        volume[name] = volume.get(name, 0.0) + one.participation.others * one.run.unit * price
    return node_impacts({name: own for name, own in traded.items() if volume[name] > 0}, volume, tree)


def _venues(runs: Sequence[RunCost], worth: Mapping[str, float]) -> pl.DataFrame:
    """All fills by venue, instrument, and maker or taker; coins at what they are worth."""
    money = ("notional", *FILL_PARTS, "cost")
    told = [
        one.costs.with_columns(
            pl.lit(one.run.instrument.venue).alias("venue"),
            pl.lit(one.run.instrument.id).alias("instrument"),
            pl.format("{}/{}", pl.lit(one.run.name), pl.col("client_id")).alias("client_id"),
            pl.col(money) * worth.get(one.run.instrument.id, 1.0),
        )
        for one in runs
    ]
    return breakdown(pl.concat(told), ["venue", "instrument", "maker"])


def _leakage(runs: Sequence[RunCost], tree: Tree) -> pl.DataFrame:
    """Over the time that all runs share, in slices of whole bins; empty where bins are not of one length or too few."""
    first = max(one.run.span_ns[0] for one in runs)
    last = min(one.run.span_ns[1] for one in runs)
    flows: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for one in runs:
        bins = one.run.flow.filter((pl.col("ts").cast(pl.Int64) > first) & (pl.col("ts").cast(pl.Int64) <= last))
        flows[one.run.instrument.id] = (bins["ts"].cast(pl.Int64).to_numpy(), _net_value(one, bins))
    ends = [ends for ends, _ in flows.values()]
    parts = min(map(len, ends)) // _SLICES
    even = parts >= _LEAST_PARTS and all(np.array_equal(e, ends[0]) for e in ends) and len(set(np.diff(ends[0]))) == 1
    if not even:
        return leakage({}, {leaf: np.zeros(1) for leaf in tree.leaves()}, tree)
    kept = ends[0][: parts * _SLICES]
    length = int(kept[1] - kept[0])
    edges = np.append(kept[0] - length, kept[parts - 1 :: parts])
    own: dict[str, np.ndarray] = {}
    for one in runs:
        times = one.run.fills["ts"].cast(pl.Int64).to_numpy()
        value = one.run.side * one.costs["qty"].to_numpy() * one.run.unit
        value = value if one.run.instrument.inverse else value * one.costs["price"].to_numpy()
        name = one.run.instrument.id
        own[name] = own.get(name, np.zeros(_SLICES)) + np.histogram(times, edges, weights=value)[0]
    return leakage(own, {name: net[: len(kept)] for name, (_, net) in flows.items()}, tree, parts=parts)


def _net_value(one: RunCost, bins: pl.DataFrame) -> np.ndarray:
    return np.asarray((bins["buy_notional"].fill_null(0.0) - bins["sell_notional"].fill_null(0.0)).to_numpy(), np.float64)


def _predicted(runs: Sequence[RunCost], path: Path) -> pl.DataFrame:
    """What was foretold of each run beside what came."""
    table = pl.read_csv(path) if path.suffix == ".csv" else pl.read_parquet(path)
    lost = {"run", "predicted", "sd"} - set(table.columns)
    if lost:
        raise InputError(f"{path} lacks {', '.join(sorted(lost))}; it needs run, predicted and sd [bps of the parent]")
    came = pl.DataFrame({"run": [o.run.name for o in runs], "realised": [o.shortfall.total_bps for o in runs]})
    both = came.join(table, on="run", how="left", maintain_order="left")
    unknown = both.filter(pl.col("predicted").is_null() | pl.col("sd").is_null())["run"].to_list()
    if unknown or both.height > came.height:
        raise InputError(f"{path} must foretell each run once; wrong for {', '.join(unknown) or 'a run that stands twice'}")
    return both.with_columns(z=(pl.col("realised") - pl.col("predicted")) / pl.col("sd"))


def _calibration(told: pl.DataFrame | None, seed: int) -> Calibration | None:
    if told is None or told.height < 10:
        return None
    return calibrate(told, rng=np.random.default_rng(seed), cluster="cluster" if "cluster" in told.columns else None)


def _write(report: TcaReport, out: Path) -> tuple[Path, ...]:
    files = [out / "tca.html", out / "tca.json", out / "nodes.csv"]
    write_text(render(report), files[0])
    text = msgspec.json.format(msgspec.json.encode(report.summary(), order="sorted"), indent=2).decode() + "\n"
    write_text(text, files[1])
    write_frame(report.nodes, files[2])
    for one in report.runs:
        folder = out / one.run.name if len(report.runs) > 1 else out
        tables = audit_tables(one.run.orders, one.costs, one.run.instrument)
        names = [f"{name}.{end}" for name in ("orders", "fills") for end in ("csv", "parquet")] + [
            "totals.csv",
            "dictionary.csv",
        ]
        for name in names:
            write_frame(getattr(tables, name.partition(".")[0]), folder / name)
        sums = "".join(f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names)
        write_text(sums, folder / "SHA256SUMS")
        files += [folder / name for name in (*names, "SHA256SUMS")]
    return tuple(files)
