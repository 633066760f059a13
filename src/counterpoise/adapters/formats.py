"""Which format a recording has, by its name and first lines, and the reader of each format."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.adapters.binance_vision import BINANCE_VISION_KINDS, read_binance_vision
from counterpoise.adapters.captures import read_capture
from counterpoise.adapters.lean import LEAN_KINDS, read_lean
from counterpoise.adapters.lobster import read_lobster
from counterpoise.adapters.reader import Reader, ReadReport
from counterpoise.adapters.source import read_blocks
from counterpoise.adapters.table import read_table
from counterpoise.adapters.table_map import TableMap
from counterpoise.adapters.tardis import TARDIS_KINDS, Instruments, read_tardis
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.instrument import Instrument

__all__ = ["FORMATS", "Opening", "detect_format", "first_lines", "open_recording"]

_TARDIS_HEAD: Final = "exchange,symbol,timestamp,local_timestamp,"
_TARDIS_MARKS: Final = {
    "is_snapshot": "incremental_book_L2",
    "funding_timestamp": "derivative_ticker",
    "strike_price": "options_chain",
}
_VISION_HEADS: Final = {
    "open_time": "klines",
    "update_id": "bookTicker",
    "agg_trade_id": "aggTrades",
    "id,price,qty": "trades",
}
_VISION_SHAPES: Final = {  # fields, and how many of them are true or false
    (6, 1): "trades",
    (7, 2): "trades",
    (7, 1): "aggTrades",
    (8, 2): "aggTrades",
    (12, 0): "klines",
}
_BINANCE_CAPTURE: Final = re.compile(r"\d{16,19} ?\{")
_CAPTURE: Final = re.compile(r"\S+ (?:<->|<-|->) \d+\.\d+|\S+ -> \d+\.\d+: ")
_LEAN_NAME: Final = re.compile(r"(?<!\d)\d{8}_(?:\w+_)?(quote|trade)", re.IGNORECASE)
_FLAG: Final = re.compile(r"(?i:true|false)")
_NUMBER: Final = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")


class Opening(NamedTuple):
    """What a format may need to be opened, beside the file.

    Attributes
    ----------
    instrument : Instrument or callable
        The instrument, or what gives the instrument of a symbol for formats that name it.
    venue : str
        Venue of a raw capture.
    columns : TableMap, optional
        Columns of a CSV or Parquet table.
    exchange : str
        The one that is kept of Lean's, "" for all.
    date : str
        ISO date of a recording whose name holds none (Lean, LOBSTER).
    max_bad : int
    """

    instrument: Instruments
    venue: str = ""
    columns: TableMap | None = None
    exchange: str = "N"
    date: str = ""
    max_bad: int = 0


def detect_format(path: Path) -> str:
    """Name of a recording's format, a key of `FORMATS`.

    Raises
    ------
    InputError
        If the file cannot be read, or looks like none of them.
    """
    lines = first_lines(path)
    if not lines:
        raise InputError(f"{path}: the file is empty; expected a recording, fetch or record it again")
    head = lines[0]
    for recognise in (_parquet, _capture, _tardis, _lobster, _lean, _binance_vision, _csv):
        found = recognise(path.name, head)
        if found:
            return found
    raise InputError(
        f"{path}: the format is not known (it begins {head[:60]!r}); expected one of {', '.join(sorted(FORMATS))}; name it"
    )


def first_lines(path: Path) -> list[str]:
    """Lines of the first block of a file, unpacked."""
    block = next(read_blocks(path, ReadReport(), block_bytes=1), None)
    return [] if block is None else block.data.decode("utf-8", "replace").splitlines()


def open_recording(path: Path, opening: Opening, *, form: str = "") -> Reader:
    """Open a recording of any format, detected when not named.

    Raises
    ------
    UnknownName
        If there is no such format.
    InputError
        If the format is not detected, or needs what `opening` does not hold.
    """
    form = form or detect_format(path)
    if form not in FORMATS:
        raise UnknownName("recording format", form, FORMATS)
    return FORMATS[form](path, opening)


def _parquet(name: str, head: str) -> str:
    return "parquet" if head.startswith("PAR1") else ""


def _capture(name: str, head: str) -> str:
    if _BINANCE_CAPTURE.match(head):
        return "binance_capture"
    return "capture" if _CAPTURE.match(head) else ""


def _tardis(name: str, head: str) -> str:
    if not head.startswith(_TARDIS_HEAD):
        return ""
    columns = head.split(",")
    for mark, kind in _TARDIS_MARKS.items():
        if mark in columns:
            return f"tardis:{kind}"
    deal = columns[4:8] == ["id", "side", "price", "amount"]
    return f"tardis:{'liquidations' if 'liquidation' in name else 'trades'}" if deal else ""


def _lobster(name: str, head: str) -> str:
    fields = head.split(",")
    return "lobster" if "message" in name and len(fields) == 6 and all(map(_NUMBER.fullmatch, fields)) else ""


def _lean(name: str, head: str) -> str:
    found, fields = _LEAN_NAME.search(name), head.split(",")
    kind = found.group(1).lower() if found else ""
    return f"lean:{kind}" if kind and len(fields) == {"quote": 8, "trade": 6}[kind] and fields[0].isdigit() else ""


def _binance_vision(name: str, head: str) -> str:
    for begin, kind in _VISION_HEADS.items():
        if head.startswith(begin + ","):
            return f"binance_vision:{kind}"
    fields = head.split(",")
    flags = len([field for field in fields if _FLAG.fullmatch(field)])
    if len(fields) < 6 or not all(_FLAG.fullmatch(field) or _NUMBER.fullmatch(field) for field in fields):
        return ""
    kind = _VISION_SHAPES.get((len(fields), flags), "")
    if (len(fields), flags) == (7, 0) and "bookTicker" in name:
        kind = "bookTicker"
    return f"binance_vision:{kind}" if kind else ""


def _csv(name: str, head: str) -> str:
    """A header: two fields or more, none of them a number."""
    fields = re.split(r"[,;\t|]", head)
    words = [field.strip().strip('"') for field in fields]
    header = len(words) > 1 and all(word.isprintable() and re.search(r"[A-Za-z]", word) for word in words)
    return "csv" if header and "\ufffd" not in head else ""


def _one(opening: Opening, form: str) -> Instrument:
    if isinstance(opening.instrument, Instrument):
        return opening.instrument
    raise InputError(f"a {form} file does not name its instrument; give it as venue:symbol")


def _each(opening: Opening) -> Callable[[str], Instrument]:
    given = opening.instrument
    if isinstance(given, Instrument):
        raise InputError("a raw capture names its symbols; give what makes an instrument of a symbol, or the venue only")

    def terms(symbol: str) -> Instrument:
        found = given(symbol)
        if found is None:
            raise InputError(f"no contract terms for symbol {symbol!r}; name its instrument")
        return found

    return terms


def _open_table(path: Path, opening: Opening) -> Reader:
    if opening.columns is None:
        raise InputError(f"{path}: which column says what is not known; give a map of its columns")
    return read_table(path, columns=opening.columns, instrument=_one(opening, "table"), max_bad=opening.max_bad)


def _open_capture(path: Path, opening: Opening) -> Reader:
    known = [opening.instrument] if isinstance(opening.instrument, Instrument) else []
    venue = opening.venue or (known[0].venue if known else "")
    return read_capture([path], venue=venue, max_bad=opening.max_bad, instruments=known)


def _tardis_opener(kind: str) -> Callable[[Path, Opening], Reader]:
    return lambda path, given: read_tardis(path, kind=kind, instrument=given.instrument, max_bad=given.max_bad)


def _vision_opener(kind: str) -> Callable[[Path, Opening], Reader]:
    return lambda path, given: read_binance_vision(
        path, kind=kind, instrument=_one(given, "Binance archive"), max_bad=given.max_bad
    )


def _lean_opener(kind: str) -> Callable[[Path, Opening], Reader]:
    return lambda path, given: read_lean(
        path, kind=kind, instrument=_one(given, "Lean"), exchange=given.exchange, date=given.date, max_bad=given.max_bad
    )


FORMATS: Final[dict[str, Callable[[Path, Opening], Reader]]] = {
    "binance_capture": lambda path, given: read_binance_capture(
        path, venue=given.venue, instrument=_each(given), max_bad=given.max_bad
    ),
    "capture": _open_capture,
    **{f"tardis:{kind}": _tardis_opener(kind) for kind in TARDIS_KINDS},
    **{f"binance_vision:{kind}": _vision_opener(kind) for kind in BINANCE_VISION_KINDS},
    "lobster": lambda path, given: read_lobster(
        path, instrument=_one(given, "LOBSTER"), date=given.date, max_bad=given.max_bad
    ),
    **{f"lean:{kind}": _lean_opener(kind) for kind in LEAN_KINDS},
    "parquet": _open_table,
    "csv": _open_table,
}
