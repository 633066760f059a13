"""The verb that says what finished runs cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from counterpoise.app.cli_options import Json

__all__ = ["register", "tca"]

VENUE_COLUMNS: Final = ("venue", "instrument", "maker", "fills", "notional", "cost", "cost_bps")


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(epilog="Example: counterpoise tca out/demo")(tca)


def tca(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs; a basket's together.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for page and export; tca in the run by default.")] = None,
    tree: Annotated[Path | None, typer.Option("--tree", help="TOML file of the tree; by base coin by default.")] = None,
    predicted: Annotated[Path | None, typer.Option("--predicted", help="Table of run, predicted, sd in bps.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap.")] = 1,
    as_json: Json = False,
) -> None:
    """Say what orders cost and by whose doing, against the market and the plan; write a page and an auditor's export."""
    from counterpoise.app.output import note, print_json, print_rows, print_table
    from counterpoise.app.tca import tca as analyse
    from counterpoise.balance.tca import PARTS

    report = analyse(runs, out=out, tree=tree, predicted=predicted, seed=seed)
    if as_json:
        print_json(report.summary())
    else:
        for one in report.runs:
            cost, run = one.shortfall, one.run
            digits = 8 if run.instrument.inverse else 2
            rows = [(part, round(getattr(cost, part), digits), round(cost.bps(part), 3)) for part in (*PARTS, "total")]
            head = f"{run.name}: {run.summary['side']} {run.summary['qty']} {run.instrument.id}"
            print_table(f"{head}, implementation shortfall", ("cause", run.instrument.settle, "bps"), rows)
            print_rows("against the market, positive is a cost", one.benchmarks)
            print_rows("after our fills [bps], positive is a cost", one.markouts.drop("horizon_ns"))
        print_rows("by node [bps of its own value]", report.nodes.select("level", "node", "orders", "total_bps", "share"))
        print_rows("by venue [bps of what was filled there]", report.venues.select(*VENUE_COLUMNS))
        print_rows("how fairly impact was spread", report.evenness)
        if not report.leakage.is_empty():
            print_rows("what an observer of net flow could tell", report.leakage.drop("total"))
        if report.predicted is not None:
            print_rows("foretold and come [bps]", report.predicted)
        if report.calibration is not None:
            print_rows("predictions", report.calibration.frame)
    for path in report.files:
        note(f"written: {path}")
