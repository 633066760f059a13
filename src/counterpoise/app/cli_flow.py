"""The verbs that measure: flow and wallets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from counterpoise.app.cli_options import End, Json, LakeDir, OutFile, Start, kernels

if TYPE_CHECKING:
    import polars as pl

    from counterpoise.app.flow_profile import FlowOptions
    from counterpoise.app.flows import Flows

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: counterpoise flow BTC --lake lake --every 1s --measures ofi,cvd --out flow.parquet")(flow)
    app.command(epilog="Example: counterpoise wallets edges.parquet --out out/wallets")(wallets)


def flow(
    instruments: Annotated[
        list[str] | None,
        typer.Argument(help="venue:symbol, or a token for all its markets; with --list, groups.", show_default=False),
    ] = None,
    *,
    lake: LakeDir = "",
    every: Annotated[str, typer.Option("--every", help="Length of a bin, like 100ms, 1s or 5m.")] = "",
    bins: Annotated[
        str,
        typer.Option("--bins", help="Bins by what is traded: volume:100, notional:1e6, trades:500, range:5 or tick-imbalance."),
    ] = "",
    measures: Annotated[str, typer.Option("--measures", help="Groups or columns with commas; see --list.")] = "",
    profile: Annotated[str, typer.Option("--profile", help="Named settings of a paper; see --list.")] = "",
    quotes: Annotated[str, typer.Option("--quotes", help="depth, ticker or trades; by default the best there is.")] = "",
    stale: Annotated[str, typer.Option("--stale", help="Silence after which the book is STALE.")] = "10s",
    start: Start = "",
    end: End = "",
    engine: Annotated[str, typer.Option("--engine", help="Where parts run: loky, serial, ray or dask.")] = "loky",
    jobs: Annotated[int, typer.Option("--jobs", help="Workers; -1 for one a core.")] = -1,
    listed: Annotated[bool, typer.Option("--list", help="List all groups of measures, or columns of those named.")] = False,
    out: OutFile = None,
    as_json: Json = False,
) -> None:
    """Measure order flow per bin: prices, depth, OFI and its parts, trades, CVD, quality; or a table such as sweeps."""
    from counterpoise.adapters.lake import Lake
    from counterpoise.app.flow_profile import flow_options
    from counterpoise.app.flows import flows
    from counterpoise.app.output import require_ending, write_frame
    from counterpoise.core.errors import InputError
    from counterpoise.core.progress import progress
    from counterpoise.core.units import parse_time

    if listed:
        _list(instruments or [], as_json=as_json)
        return
    if not instruments or not lake:
        raise InputError("flow needs instruments and --lake DIR; --list shows what can be measured")
    if every and bins:
        raise InputError(f"found --every {every} and --bins {bins}, but one rule ends a bin; give one of them")
    if out is not None:
        require_ending(out)
    options = flow_options(
        profile, bins=bins or (f"time:{every}" if every else ""), quotes=quotes, measures=measures, stale=stale
    )
    with kernels(), progress("flow", 1.0) as show:
        result = flows(
            instruments,
            lake=Lake(lake),
            options=options,
            start_ns=parse_time(start) if start else None,
            end_ns=parse_time(end) if end else None,
            engine=engine,  # type: ignore[arg-type]
            jobs=jobs,
            progress=show,
        )
    if out is not None:
        write_frame(result.frame, out)
    _show(result, options, as_json=as_json, kept=f" written to {out}" if out else "; keep them with --out FILE.parquet")
    if result.failed:
        raise typer.Exit(max(part.exit_code for part in result.failed))


def wallets(
    edges: Annotated[
        Path, typer.Argument(help="Transfers: Parquet or CSV with src and dst, or from and to.", show_default=False)
    ],
    amounts: Annotated[
        Path | None, typer.Option("--amounts", help="Parquet or CSV with address and amount, to measure concentration of.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the order in which communities are looked for.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for tables as Parquet and a page.")] = None,
    as_json: Json = False,
) -> None:
    """Find entities behind addresses, their sybil scores, and who holds how much."""
    from counterpoise.app.output import note, plain, print_json
    from counterpoise.app.wallets import print_wallets, wallets_report

    with kernels():
        made = wallets_report(edges, out=out, amounts=amounts, seed=seed)
    if as_json:
        found = made.found
        tables = {"clusters": found.clusters, "hubs": found.hubs, "input": found.report, "concentration": made.concentration}
        said = {"addresses": found.frame.height, "links": found.links.height, "amounts": made.amounts}
        print_json(said | {name: plain(frame) for name, frame in tables.items()})
    else:
        print_wallets(made)
    if out is not None:
        note(f"written: {len(made.files)} files to {out}")


def _list(names: list[str], *, as_json: bool) -> None:
    from counterpoise.app.flow_measure import stream_groups
    from counterpoise.app.flow_profile import PROFILES
    from counterpoise.app.output import note, plain, print_json, print_table
    from counterpoise.flow.catalogue import CATALOGUE, catalogue_frame, group

    chosen = [group(name) for name in names] or list(CATALOGUE)
    if as_json:
        frame = catalogue_frame()
        frame = frame.filter(frame["group"].is_in([g.name for g in chosen]))
        print_json({"measures": plain(frame), "profiles": [p.to_dict() for p in PROFILES.values()]})
        return
    by_flow = {g.name for g in stream_groups()}
    if names:
        for found in chosen:
            by = "" if found.name in by_flow else f" In Python: counterpoise.flow.{found.made_by}."
            title = f"{found.name}: {found.says}. Needs {', '.join(found.needs)}. Source: {found.source}.{by}"
            columns = [(column.name, column.unit, column.says) for column in found.columns]
            print_table(title, ("column", "unit", "what it is"), columns)
        return
    for title, here in (("by counterpoise flow", True), ("in Python, from counterpoise.flow", False)):
        groups = [g for g in chosen if (g.name in by_flow) is here]
        rows = [(g.name, g.says if here else f"{g.says} ({g.made_by})") for g in groups]
        print_table(f"groups of measures {title}", ("group", "what it is for"), rows)
    print_table("profiles", ("name", "what it is", "source"), [(p.name, p.says, p.source) for p in PROFILES.values()])
    note("columns of a group: counterpoise flow --list GROUP")


def _show(result: Flows, options: FlowOptions, *, as_json: bool, kept: str) -> None:
    from counterpoise.app.flows import SUMMARY, summarise
    from counterpoise.app.output import note, print_json, print_table

    frame = result.frame
    failed = [{"part": part.part, "code": part.code, "says": part.says} for part in result.failed]
    if "quality" in frame.columns and "ts" in frame.columns:
        of_each = [(str(name), summarise(part)) for (name,), part in frame.group_by("instrument", maintain_order=True)]
        if as_json:
            bins = str(options.bins)
            print_json([{"instrument": name, "bins_of": bins, **summary} for name, summary in of_each] + failed)
        else:
            told = [key for key in SUMMARY if any(summary[key] is not None for _, summary in of_each)]
            rows = [(name, *(_rounded(key, summary[key]) for key in told)) for name, summary in of_each]
            r2 = ", R² of the mid's change in the same bin" if any("R²" in SUMMARY[key] for key in told) else ""
            print_table(f"bins of {options.bins}{r2}", ("instrument", *(SUMMARY[key] for key in told)), rows)
    elif as_json:
        by_name = frame.group_by("instrument", maintain_order=True)
        print_json([{"instrument": name, "rows": part.height} for (name,), part in by_name] + failed)
    if not as_json and (options.measures or "quality" not in frame.columns) and frame.height:
        _excerpt(frame)
    note(f"{frame.height:,} rows{kept}" if frame.height else "no row: nothing of the kind was found in the range")
    for part in result.failed:
        note(f"not measured: {part.part}: {part.code} {part.says}")


def _excerpt(frame: pl.DataFrame) -> None:
    from counterpoise.app.output import note, print_rows

    some = frame.head(20)
    alone = frame["instrument"].n_unique() == 1
    of = f" of {frame['instrument'][0]}" if alone else ""
    shown = f"first of {frame.height:,} rows" if frame.height > some.height else f"rows: {frame.height}"
    left = print_rows(shown + of, some.drop("instrument") if alone else some)
    if left:
        note(f"and {len(left)} columns more: {', '.join(left)}")


def _rounded(key: str, value: object) -> object:
    """Four digits of what is a mean or a share, so that the table fits eighty characters."""
    return float(f"{value:.4g}") if isinstance(value, float) and (key == "mean_spread" or key.endswith("_r2")) else value
