"""Tick and lot of a recording that come with no contract terms, from the decimals of its first block."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from counterpoise.adapters.formats import detect_format, first_lines
from counterpoise.adapters.grid import infer_step
from counterpoise.adapters.lean import LEAN_LOT, LEAN_TICK
from counterpoise.adapters.lobster import LOBSTER_LOT, LOBSTER_TICK
from counterpoise.adapters.table_map import TableMap
from counterpoise.core.errors import InputError

__all__ = ["sample_steps"]

_PAIR: Final = re.compile(r'\["(\d+(?:\.\d*)?)","(\d+(?:\.\d*)?)"')
_DECIMAL: Final = re.compile(r"\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
_PLACES: Final = {  # price columns and quantity columns, by place
    "tardis:incremental_book_L2": ((6,), (7,)),
    "tardis:trades": ((6,), (7,)),
    "tardis:liquidations": ((6,), (7,)),
    "binance_vision:trades": ((1,), (2,)),
    "binance_vision:aggTrades": ((1,), (2,)),
    "binance_vision:bookTicker": ((1, 3), (2, 4)),
}
_FIXED: Final = {
    "lobster": (LOBSTER_TICK, LOBSTER_LOT),
    "lean:quote": (LEAN_TICK, LEAN_LOT),
    "lean:trade": (LEAN_TICK, LEAN_LOT),
}


def sample_steps(path: Path, *, form: str = "", columns: TableMap | None = None, symbol: str = "") -> tuple[str, str]:
    """Coarsest tick and lot on which the values of the first block lie.

    A later value may be finer: it is a bad record then, which says so.

    Parameters
    ----------
    path : Path
    form : str
        A key of `counterpoise.adapters.formats.FORMATS`; detected when empty.
    columns : TableMap, optional
        Map of a CSV file.
    symbol : str
        Look at rows of this symbol only, where the format names it (Tardis).

    Raises
    ------
    InputError
        If the format holds no text to look at, or the block no value.
    """
    form = form or detect_format(path)
    if form in _FIXED:
        return _FIXED[form]
    if form == "binance_capture":
        pairs = {pair for line in first_lines(path) for pair in _PAIR.findall(line)}
        return infer_step({price for price, _ in pairs}), infer_step({qty for _, qty in pairs})
    separator = columns.separator if columns else ","
    rows = list(csv.reader(first_lines(path), delimiter=separator))
    if form == "csv" and columns is not None and rows:
        _require(rows[0], columns, path)
        places = [rows[0].index(name) for name in columns.numbers]
        prices, quantities = tuple(places[::2]), tuple(places[1::2])
    elif form in _PLACES:
        prices, quantities = _PLACES[form]
    else:
        raise InputError(f"{path}: tick and lot are not found in a file of format {form}; give them yourself")
    if symbol and form.startswith("tardis:"):
        rows = [row for row in rows if len(row) > 1 and row[1] == symbol]
    return infer_step(_decimals(rows, prices)), infer_step(_decimals(rows, quantities))


def _require(names: list[str], columns: TableMap, path: Path) -> None:
    missing = [name for name in columns.numbers if name not in names]
    if missing:
        raise InputError(f"{path}: no column {', '.join(missing)}; it has {', '.join(names)}; correct the map")


def _decimals(rows: list[list[str]], places: Iterable[int]) -> set[str]:
    """Texts that are numbers; others are the reader's to report."""
    return {row[i] for i in places for row in rows if i < len(row) and _DECIMAL.fullmatch(row[i])}
