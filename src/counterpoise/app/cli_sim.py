"""The verbs that ask what could happen: simulate, cascade."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from counterpoise.app.cli_options import Json, kernels

__all__ = ["register"]

SHOWN: Final = {
    "policy": "lever",
    "amplification": "amplification",
    "worst_price": "worst price",
    "end_price": "end price",
    "accounts": "accounts",
    "fund_draw": "fund paid",
    "adl": "ADL",
}


def register(app: typer.Typer) -> None:
    """Add the verbs."""
    app.command(epilog="Example: counterpoise simulate examples/market.toml --out out/market")(simulate)
    app.command(epilog="Example: counterpoise cascade examples/cascade.toml --out out/cascade")(cascade)


def cascade(
    config: Annotated[Path, typer.Argument(help="TOML file: accounts, book or agents, shock, levers.", show_default=False)],
    policy: Annotated[list[str] | None, typer.Option("--policy", help="A lever of the file; all of them by default.")] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder for frames and page; out/NAME by default.")] = None,
    as_json: Json = False,
) -> None:
    """Let a shock liquidate accounts into a book, assumed, recorded or lived by agents, with and without each lever."""
    from counterpoise.app.cascade import run_cascade
    from counterpoise.app.output import note, print_json, print_table
    from counterpoise.core.progress import progress

    with kernels(), progress("cascade", 1.0) as show:
        report = run_cascade(config, out=out, levers=tuple(policy or ()), progress=show)
    if as_json:
        print_json(report.frame.to_dicts())
    else:
        rows = [tuple(row[column] for column in SHOWN) for row in report.frame.to_dicts()]
        unit = "coin" if report.config.cascade.contract == "inverse" else "quote"
        print_table(f"what each lever of the exchange does; money in {unit}", tuple(SHOWN.values()), rows)
    for path in report.files:
        note(f"written: {path}")


def simulate(
    config: Annotated[Path, typer.Argument(help="TOML file: tokens, venues, who trades there.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for frames and page; out/NAME by default.")] = None,
    lake: Annotated[Path | None, typer.Option("--lake", help="Lake of the events; the folder's own by default.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Instead of the file's.")] = None,
    as_json: Json = False,
) -> None:
    """Let agents make a market on several venues: events into a lake, who earned what, a page."""
    from counterpoise.app.output import note, print_json, print_rows
    from counterpoise.app.simulate import simulate_file
    from counterpoise.core.progress import progress

    with kernels(), progress("simulate", 1.0) as show:
        report = simulate_file(config, out=out, lake=lake, seed=seed, progress=show)
    if as_json:
        print_json({"markets": report.markets.to_dicts(), "agents": report.agents.to_dicts()})
    else:
        said = print_rows("markets", report.markets) + print_rows("who earned [USDT]", report.agents)
        for text in said:
            note(text)
    for path in report.files:
        note(f"written: {path}")
