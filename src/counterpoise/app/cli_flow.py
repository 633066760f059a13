"""The verbs that measure: flow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from counterpoise.app.cli_options import End, Json, LakeDir, OutFile, Start, kernels

if TYPE_CHECKING:
    from counterpoise.app.flow_profile import FlowOptions
    from counterpoise.app.flows import Flows

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: counterpoise flow BTC --lake lake --every 1s --measures ofi,cvd --out flow.parquet")(flow)


def flow(
    instruments: Annotated[
        list[str] | None, typer.Argument(help="venue:symbol, or a token for all its markets.", show_default=False)
    ] = None,
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
    listed: Annotated[bool, typer.Option("--list", help="List every measure there is, and end.")] = False,
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
        _list(as_json=as_json)
        return
    if not instruments or not lake:
        raise InputError("flow needs instruments and --lake DIR; --list shows what can be measured")
    if out is not None:
        require_ending(out)
    options = flow_options(profile, bins=bins or every, quotes=quotes, measures=measures, stale=stale)
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


def _list(*, as_json: bool) -> None:
    from counterpoise.app.flow_measure import stream_groups
    from counterpoise.app.flow_profile import PROFILES
    from counterpoise.app.output import print_json, print_table
    from counterpoise.flow.catalogue import CATALOGUE, catalogue_frame

    if as_json:
        print_json({"measures": catalogue_frame().to_dicts(), "profiles": [p.to_dict() for p in PROFILES.values()]})
        return
    by_flow = {g.name for g in stream_groups()}
    for group in CATALOGUE:
        how = "" if group.name in by_flow else f", in Python: counterpoise.flow.{group.made_by}"
        rows = [(column.name, column.unit, column.says) for column in group.columns]
        print_table(f"{group.name}: {group.says} ({group.source}){how}", ("column", "unit", "what it is"), rows)
    print_table("profiles", ("name", "what it is", "source"), [(p.name, p.says, p.source) for p in PROFILES.values()])


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
            title = f"bins of {options.bins}, R² of the mid's change in the same bin"
            rows = [(name, *(summary[key] for key in SUMMARY)) for name, summary in of_each]
            print_table(title, ("instrument", *SUMMARY.values()), rows)
    elif as_json:
        print_json([{"instrument": name, "rows": part.height} for (name,), part in frame.group_by("instrument")] + failed)
    else:
        shown = frame.head(20)
        print_table(f"first of {frame.height:,} rows", shown.columns, shown.rows())
    note(f"{frame.height:,} rows{kept}")
    for part in result.failed:
        note(f"not measured: {part.part}: {part.code} {part.says}")
