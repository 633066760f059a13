"""Results on stdout, notes on stderr, files by their ending."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from rich.console import Console
from rich.table import Table

from counterpoise.core.errors import InputError

__all__ = ["note", "print_json", "print_table", "require_ending", "write_frame"]

_ENDINGS = (".parquet", ".csv", ".json")


def note(text: str) -> None:
    """A remark for the person at the terminal."""
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout, keys sorted."""
    sys.stdout.write(msgspec.json.encode(value, order="sorted").decode() + "\n")


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table as wide as the terminal; numbers to the right."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    numeric = [all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))]
    for name, right in zip(columns, numeric, strict=True):
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
    console = Console(highlight=False)
    console.print(title, style="italic", markup=False)
    console.print(table)
    console.print()


def _cell(value: object) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.0f}" if 1e6 <= abs(value) < 1e15 else f"{value:,.6g}"


def require_ending(path: Path) -> Path:
    """Refuse an output file whose ending says no format, before the work is done."""
    if path.suffix not in _ENDINGS:
        raise InputError(f"cannot tell the format of {path}; end its name with one of {', '.join(_ENDINGS)}")
    return path


def write_frame(frame: pl.DataFrame, path: Path) -> None:
    """Write a frame as Parquet, CSV or JSON by the file's ending.

    Raises
    ------
    InputError
        If the ending is none of them, or the file cannot be written.
    """
    require_ending(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            frame.write_parquet(path)
        elif path.suffix == ".csv":
            frame.write_csv(path)
        else:
            frame.write_json(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
