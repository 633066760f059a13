"""The verbs that ask what could happen: cascade."""

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
    app.command(epilog="Example: counterpoise cascade examples/cascade.toml --out out/cascade")(cascade)


def cascade(
    config: Annotated[Path, typer.Argument(help="TOML file: accounts, margin rules, book, shock, levers.", show_default=False)],
    out: Annotated[Path | None, typer.Option("--out", help="Folder for frames and page; out/NAME by default.")] = None,
    as_json: Json = False,
) -> None:
    """Let a shock liquidate leveraged accounts into a book: price, tiers, fund, ADL, with and without each lever."""
    from counterpoise.app.cascade import run_cascade
    from counterpoise.app.output import note, print_json, print_table

    with kernels():
        report = run_cascade(config, out=out)
    if as_json:
        print_json(report.frame.to_dicts())
    else:
        rows = [tuple(row[column] for column in SHOWN) for row in report.frame.to_dicts()]
        print_table("what each lever of the exchange does", tuple(SHOWN.values()), rows)
    for path in report.files:
        note(f"written: {path}")
