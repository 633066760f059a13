"""Results on stdout, notes on stderr, files by their ending."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import polars.selectors as cs
from rich.console import Console
from rich.table import Table

from counterpoise.core.errors import InputError

__all__ = ["note", "plain", "print_json", "print_rows", "print_table", "require_ending", "write_frame", "write_text"]

_ENDINGS = (".parquet", ".csv", ".json")


def note(text: str) -> None:
    """A remark for the person at the terminal."""
    Console(stderr=True, highlight=False).print(text, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """One JSON document on stdout, keys sorted."""
    sys.stdout.write(msgspec.json.encode(value, order="sorted").decode() + "\n")


def plain(frame: pl.DataFrame) -> list[dict[str, Any]]:
    """Rows for a JSON document: times as ISO text to the nanosecond, UTC."""
    return frame.with_columns(cs.datetime().dt.strftime("%Y-%m-%dT%H:%M:%S%.9fZ")).to_dicts()


def print_rows(title: str, frame: pl.DataFrame) -> list[str]:
    """Rows of a frame, as many of its first columns as the terminal has room for; returns the columns left out.

    Columns that are null throughout, and times but for the first, are left out before any other.
    """
    times = frame.select(cs.datetime()).columns
    short = frame.drop(times[1:]).with_columns(cs.datetime().dt.strftime("%m-%d %H:%M:%S%.3f"))
    kept: list[str] = []
    room = Console().width
    for name in short.columns:
        if short[name].null_count() == short.height and short.height:
            continue
        room -= 2 + max([len(name), *(len(_cell(value)) for value in short[name])])
        if room < 0 and len(kept) > 1:
            break
        kept.append(name)
    print_table(title, kept, short.select(kept).rows())
    return [name for name in frame.columns if name not in kept]


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table as wide as the terminal; numbers to the right."""
    table = Table(header_style="bold", box=None, pad_edge=False)
    numeric = [all(isinstance(row[i], int | float | None) for row in rows) for i in range(len(columns))]
    console = Console(highlight=False)
    for i, (name, right) in enumerate(zip(columns, numeric, strict=True)):
        longest = max((len(_cell(row[i])) for row in rows), default=0) if i == 0 else 0
        whole = min(longest, console.width // 4)  # what a row is about is folded last
        table.add_column(name, justify="right" if right else "left", overflow="fold", min_width=whole or None)
    for row in rows:
        table.add_row(*(_cell(value) for value in row))
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


def write_text(text: str, path: Path) -> None:
    """Write a page. Raises InputError if the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
