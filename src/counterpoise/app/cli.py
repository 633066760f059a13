"""The command line: one verb a job, each importable as a function of `counterpoise.app`.

Results go to stdout, notes and progress to stderr. Exit codes: 0 done, 1 any other error of ours, 2 wrong input, 3 bad data,
4 every child order refused by a limit, 130 interrupted. Verbs import what they need when they run, so that ``--help`` is
instant.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from counterpoise import __version__
from counterpoise.app import cli_auction, cli_balance, cli_flow, cli_sim, cli_tca
from counterpoise.app.cli_options import Json, LakeDir, OutFile, kernels
from counterpoise.core.errors import CounterpoiseError

if TYPE_CHECKING:
    from counterpoise.app.run import Run
    from counterpoise.market.quality import QualityReport

app = typer.Typer(
    name="counterpoise",
    help="Keep a crypto-derivatives desk in balance: measure order flow, execute massive orders, see what it cost.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def main() -> None:
    """Entry point: errors of ours become one line and an exit code."""
    try:
        app()
    except CounterpoiseError as error:
        _fail(f"error {error.code}: {error}", error.exit_code)
    except KeyboardInterrupt:
        _fail("interrupted", 130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        _fail(f"error CP-100: cannot use{where}: {error.strerror or error}; give a place that can be read and written", 2)


def _fail(text: str, code: int) -> None:
    sys.stderr.write(text + "\n")
    sys.exit(code)


def _version(shown: bool) -> None:
    if shown:
        typer.echo(f"counterpoise {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False,
    log: Annotated[str, typer.Option("--log", envvar="COUNTERPOISE_LOG", help="debug, info, warning or error.")] = "warning",
) -> None:
    from counterpoise.core.errors import UnknownName
    from counterpoise.core.log import LEVELS, configure_log

    if log not in LEVELS:
        raise UnknownName("log level", log, LEVELS)
    configure_log(log)


@app.command(epilog="Example: counterpoise demo --out out/demo")
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for report, results, frames and journal.")] = Path("out/demo"),
    seed: Annotated[int, typer.Option("--seed", help="Of the synthetic market and all else.")] = 1,
    as_json: Json = False,
) -> None:
    """Run the main job on the embedded simulated market and write a report."""
    from counterpoise.app.demo import demo as run_demo
    from counterpoise.core.progress import progress

    with kernels():
        with progress("demo", 1.0) as show:
            result = run_demo(out=out, seed=seed, progress=show)
        _show_run(result, as_json=as_json)


@app.command(epilog="Example: counterpoise run examples/massive_order.toml --out out/massive")
def run(
    config: Annotated[Path, typer.Argument(help="TOML file of the run.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for the results; out/NAME by default.")] = None,
    store: Annotated[str, typer.Option("--store", envvar="COUNTERPOISE_STORE", help="Database URL to record the run in.")] = "",
    as_json: Json = False,
) -> None:
    """Execute a massive order in replay and write what it did and cost."""
    from counterpoise.app.run import run as run_file
    from counterpoise.app.run import save
    from counterpoise.core.progress import progress

    with kernels():
        with progress("run", 1.0) as show:
            result = run_file(config, out=out, progress=show)
        if store:
            save(result, store)
        _show_run(result, as_json=as_json)


def _show_run(result: Run, *, as_json: bool) -> None:
    from counterpoise.app.output import note, print_json, print_table
    from counterpoise.app.report import write_report

    path = write_report(result)
    if as_json:
        print_json(result.summary)
    else:
        cost, money = result.shortfall, result.instrument.settle
        digits = 8 if result.instrument.inverse else 2
        parts = ("delay", "spread", "impact", "timing", "opportunity", "fees", "total")
        rows = [(p, round(getattr(cost, p), digits), round(cost.bps(p), 3)) for p in parts]
        s = result.summary
        print_table(f"{s['side']} {s['qty']} {s['instrument']}: implementation shortfall", ("cause", money, "bps"), rows)
        print_table(
            "execution",
            ("filled", "average price", "share of volume %", "as maker %", "orders", "fills", "refused"),
            [
                (
                    s["filled_qty"],
                    s["shortfall"]["average_price"],
                    None if s["participation"] is None else round(100 * s["participation"], 2),
                    None if s["maker_share"] is None else round(100 * s["maker_share"], 1),
                    s["orders"],
                    s["fills"],
                    s["refused"],
                )
            ],
        )
    note(f"report: {path}")
    if result.summary["refused"] and not result.summary["orders"]:
        note("every child order was refused by a limit; the journal says which")
        raise typer.Exit(4)


@app.command(
    epilog="Example: counterpoise ingest ../shared/data/01_binance_l2_20240808/usdm/btcusdt_20240808.gz "
    "--venue binance_usdm --lake lake"
)
def ingest(
    sources: Annotated[list[Path], typer.Argument(help="Recordings: captures, CSV, Parquet.", show_default=False)],
    lake: LakeDir,
    venue: Annotated[str, typer.Option("--venue", help="Venue of the recording, where the file does not say.")] = "",
    symbol: Annotated[str, typer.Option("--symbol", help="Symbol, where the file does not say.")] = "",
    tick: Annotated[str, typer.Option("--tick", help="Price step, when it is not known.")] = "",
    lot: Annotated[str, typer.Option("--lot", help="Quantity step, when it is not known.")] = "",
    file_format: Annotated[str, typer.Option("--format", help="Format, when the file does not show it.")] = "",
    columns: Annotated[Path | None, typer.Option("--columns", help="TOML column map of a CSV or Parquet table.")] = None,
    max_bad: Annotated[int, typer.Option("--max-bad", help="Unreadable records to pass over before stopping.")] = 0,
    replace: Annotated[bool, typer.Option("--replace", help="Drop stored sources that cover the same time.")] = False,
    as_json: Json = False,
) -> None:
    """Read recordings into a lake of Parquet files; what is there already is not read again."""
    from counterpoise.adapters.lake import Lake
    from counterpoise.app.ingest import IngestOptions
    from counterpoise.app.ingest import ingest as read
    from counterpoise.app.output import note, print_json, print_table
    from counterpoise.core.progress import progress

    options = IngestOptions(
        venue=venue,
        symbol=symbol,
        tick=tick,
        lot=lot,
        file_format=file_format,
        columns=columns,
        max_bad=max_bad,
        replace=replace,
    )
    with kernels(), progress("ingest", float(len(sources))) as show:
        done = read(sources, lake=Lake(lake), options=options, progress=show)
    if as_json:
        print_json([item.summary() for item in done])
        return
    rows = [
        (s["path"], s["already_there"], s["messages"], s["rows"], s["gaps"], s["bad"], s["dropped_messages"])
        for s in (item.summary() for item in done)
    ]
    print_table(f"lake {lake}", ("source", "already there", "messages", "rows", "gaps", "bad", "dropped"), rows)
    for item in done:
        for text in item.remarks():
            note(text)


@app.command(epilog="Example: counterpoise check lake --json")
def check(
    source: Annotated[str, typer.Argument(help="A lake (folder or URL), or a recording.", show_default=False)],
    venue: Annotated[str, typer.Option("--venue", help="Venue of a recording, where the file does not say.")] = "",
    symbol: Annotated[str, typer.Option("--symbol", help="Symbol of a recording, where the file does not say.")] = "",
    instrument: Annotated[str, typer.Option("--instrument", help="Only this venue:symbol of a lake.")] = "",
    stale: Annotated[str, typer.Option("--stale", help="Silence of a channel that is worth a note.")] = "10s",
    max_bad: Annotated[int, typer.Option("--max-bad", help="Unreadable records to pass over before stopping.")] = 0,
    out: OutFile = None,
    as_json: Json = False,
) -> None:
    """Say how far data can be trusted: gaps, crossed books, clocks, duplicates, silence. Exit code 3 when something is bad."""
    from counterpoise.adapters.lake import Lake
    from counterpoise.app.check import check_lake, check_recording, is_lake, quality_frame
    from counterpoise.app.ingest import IngestOptions, open_source, remarks
    from counterpoise.app.output import note, print_json, require_ending, write_frame
    from counterpoise.core.progress import progress
    from counterpoise.core.units import parse_duration

    if out is not None:
        require_ending(out)
    stale_ns = parse_duration(stale)
    said: list[str] = []
    with kernels(), progress("check", 1.0) as show:
        if is_lake(source):
            reports = list(check_lake(Lake(source), instrument_id=instrument or None, stale_ns=stale_ns, progress=show))
        else:
            reader = open_source([Path(source)], options=IngestOptions(venue=venue, symbol=symbol, max_bad=max_bad))
            reports = list(check_recording(reader, stale_ns=stale_ns))
            said = remarks(Path(source), reader.report)
    if out is not None:
        write_frame(quality_frame(reports), out)
    if as_json:
        print_json(_quality_json(reports))
    else:
        typer.echo("\n\n".join(str(report) for report in reports))
    for text in said:
        note(text)
    if not all(report.ok for report in reports):
        raise typer.Exit(3)


def _quality_json(reports: list[QualityReport]) -> list[dict[str, Any]]:
    return [
        {
            "instrument": r.instrument,
            "date": r.date or None,
            "ok": r.ok,
            "checks": r.frame.to_dicts(),
            "channels": r.channels.to_dicts(),
        }
        for r in reports
    ]


for verbs in (cli_flow, cli_auction, cli_sim, cli_balance, cli_tca):
    verbs.register(app)
