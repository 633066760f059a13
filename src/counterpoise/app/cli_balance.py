"""The verbs about large orders: plan, compare."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from counterpoise.app.cli_options import Json, kernels

__all__ = ["register"]

SHOWN: Final = {
    "contender": "execution",
    "cost_undisturbed_bps": "cost, bps",
    "cost_undisturbed_bps_low": "from",
    "cost_undisturbed_bps_high": "to",
    "sd_bps": "sd",
    "cvar_bps": "CVaR 95 %",
    "fees_bps": "fees",
    "completion": "done",
    "gini_token": "Gini",
    "auc": "AUC",
    "auc_floor": "floor",
    "adversary_profit": "adversary",
    "liquidated": "liquidated",
    "orders": "orders",
}


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: counterpoise plan examples/parent.toml --out out/plan")(plan)
    app.command(epilog="Example: counterpoise compare examples/compare.toml --seeds 2 --out out/compare")(compare)


def plan(
    config: Annotated[Path, typer.Argument(help="TOML file: the parent, its markets, what is wanted.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for frames and page; out/NAME by default.")] = None,
    as_json: Json = False,
) -> None:
    """Plan a large order before it is sent: cost and risk, capacity, frontier, and how much goes where and when."""
    from counterpoise.app.output import note, print_json, print_rows, print_table
    from counterpoise.app.plan import plan_file

    report = plan_file(config, out=out)
    found = report.plan
    if as_json:
        nodes, frontier = found.by_node().to_dicts(), report.frontier.to_dicts()
        print_json({"costs_bps": found.costs, "nodes": nodes, "frontier": frontier, "capacity": report.capacity.to_dicts()})
    else:
        costs = found.costs
        title = f"{found.value:,.6g} millions in {report.config.horizon}: {costs['total']:.2f} bps ± {costs['risk']:.1f}"
        print_table(title, tuple(costs), [tuple(costs.values())])
        said = print_rows("where", found.by_node()) + print_rows("capacity [millions]", report.capacity)
        for text in said + print_rows("frontier", report.frontier):
            note(text)
    for path in report.files:
        note(f"written: {path}")


def compare(
    config: Annotated[Path, typer.Argument(help="TOML file: executions, market, parent, seeds.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for frames and page; out/NAME by default.")] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", help="How many, instead of the file's.")] = None,
    as_json: Json = False,
) -> None:
    """Let executions work the same large order on the same markets: cost, risk, fairness, what adversaries found out."""
    from counterpoise.app.compare import compare_file
    from counterpoise.app.output import note, print_json, print_table
    from counterpoise.core.progress import progress

    with kernels(), progress("compare", 1.0) as show:
        report = compare_file(config, out=out, seeds=seeds, progress=show)
    if as_json:
        print_json({"contenders": report.frame.to_dicts(), "pairs": report.verdict.pairs.to_dicts()})
    else:
        rows = [tuple(row[column] for column in SHOWN) for row in report.frame.to_dicts()]
        print_table(f"{report.config.seeds} seeds, each bought and sold", tuple(SHOWN.values()), rows)
    for path in report.files:
        note(f"written: {path}")
