"""Lines of delimited text as columns: polars on the fast path, line by line through a block it refuses.

A line is read whole or it is a bad record whose file, line and field are named; no field becomes null unless its layout says it
may be empty.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
import polars as pl

from counterpoise.adapters.ahead import read_ahead
from counterpoise.adapters.reader import ReadReport
from counterpoise.adapters.source import BLOCK_BYTES, Block, read_blocks
from counterpoise.core.arrays import Bool1D, Int1D
from counterpoise.core.errors import CorruptRecord, DataError

__all__ = ["Check", "FieldType", "Layout", "Lines", "read_lines", "sift"]

FieldType: TypeAlias = type[pl.Int64] | type[pl.Float64] | type[pl.Boolean] | type[pl.String]

_INTEGER: Final = re.compile(r"[+-]?\d{1,19}")
_NUMBER: Final = re.compile(r"[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan|inf(?:inity)?)", re.IGNORECASE)
_EXPECTED: Final = {
    pl.Int64: "a whole number of 63 bits",
    pl.Float64: "a number",
    pl.Boolean: "true or false",
    pl.String: "UTF-8 text",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """Fields of a line, in order.

    Parameters
    ----------
    fields : mapping of str to FieldType
        Name and type of each.
    optional : frozenset of str
        Fields that may be empty; they are null then.
    separator : str
        One ASCII character.
    quoted : bool
        Whether fields may stand in double quotes.
    """

    fields: Mapping[str, FieldType]
    optional: frozenset[str] = frozenset()
    separator: str = ","
    quoted: bool = False


class Lines(NamedTuple):
    """Good lines of a block: columns, and the (n,) 1-based line number of each row."""

    frame: pl.DataFrame
    line: Int1D


class Check(NamedTuple):
    """What makes a row a bad record: the (n,) mask is true there.

    `column` shows what was found, where the frame does not name it as the file does.
    """

    field: str
    bad: Bool1D
    expected: str
    column: str = ""


def read_lines(
    path: Path,
    report: ReadReport,
    *,
    layout_of: Callable[[str], tuple[Layout, bool]],
    block_bytes: int = BLOCK_BYTES,
) -> Iterator[Lines]:
    """Columns of a text file in blocks of whole lines.

    Parameters
    ----------
    layout_of : callable
        Given the first line, the layout of the file and whether that line is a header.

    Raises
    ------
    DataError
        If the file is empty, or a line is bad and the report allows no more of them.
    """
    layout: Layout | None = None
    for block in read_ahead(read_blocks(path, report, block_bytes=block_bytes)):
        data, first_line = block
        if layout is None:
            data = data.removeprefix(b"\xef\xbb\xbf")
            end = data.find(b"\n") + 1 or len(data)
            layout, header = layout_of(data[:end].decode("utf-8", "replace").strip())
            if header:
                data, first_line = data[end:], first_line + 1
        if data:
            yield _parse(Block(data, first_line), layout, path, report)
    if layout is None and not report.truncated:
        raise DataError(f"{path}: the file is empty, expected lines of text; fetch it again")


def sift(lines: Lines, checks: Sequence[Check], *, path: Path, report: ReadReport) -> Lines:
    """Rows that pass every check; each other row is one bad record, named by the first check it fails."""
    bad = np.logical_or.reduce([check.bad for check in checks])
    if not bad.any():
        return lines
    for row in np.flatnonzero(bad):
        check = next(c for c in checks if c.bad[row])
        found = str(lines.frame[check.column or check.field][int(row)])
        report.corrupt(CorruptRecord(str(path), int(lines.line[row]), check.field, found, check.expected))
    return Lines(lines.frame.filter(~bad), lines.line[~bad])


def _parse(block: Block, layout: Layout, path: Path, report: ReadReport) -> Lines:
    frame = _parse_fast(block.data, layout)
    if frame is None:
        return _parse_slow(block, layout, path, report)
    report.messages += frame.height
    return Lines(frame, np.arange(block.first_line, block.first_line + frame.height))


def _parse_fast(data: bytes, layout: Layout) -> pl.DataFrame | None:
    """Columns of a block, or None when any line of it is not plainly good."""
    quoted = layout.quoted and b'"' in data
    try:
        frame = pl.read_csv(
            data,
            has_header=False,
            schema=dict(layout.fields),
            separator=layout.separator,
            quote_char='"' if quoted else None,
        )
    except (pl.exceptions.PolarsError, OverflowError):
        return None
    if frame.height != data.count(b"\n") + (not data.endswith(b"\n")):
        return None
    # polars pads a short line with nulls and reads a blank one as nulls: a last field that must be there shows both
    must = [name for name in layout.fields if quoted or name not in layout.optional]
    if any(frame[name].null_count() for name in must):
        return None
    ragged = frame.columns[-1] not in must and data.count(layout.separator.encode()) != frame.height * (frame.width - 1)
    return None if ragged else frame


def _parse_slow(block: Block, layout: Layout, path: Path, report: ReadReport) -> Lines:
    """Good lines of a block, each bad one reported."""
    columns: dict[str, list[Any]] = {name: [] for name in layout.fields}
    numbers: list[int] = []
    texts = block.data.split(b"\n")
    if not texts[-1]:
        texts.pop()
    for number, text in enumerate(texts, block.first_line):
        if not text.strip():
            report.drop("blank line")
            continue
        report.messages += 1
        try:
            values = _parse_line(text, layout, path, number)
        except CorruptRecord as error:
            report.corrupt(error)
            continue
        numbers.append(number)
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    frame = pl.DataFrame(columns, schema=dict(layout.fields))
    return Lines(frame, np.array(numbers, np.int64))


def _parse_line(text: bytes, layout: Layout, path: Path, number: int) -> list[Any]:
    try:
        line = text.decode("utf-8").rstrip("\r")
    except UnicodeDecodeError as error:
        raise CorruptRecord(str(path), number, "record", repr(text), "UTF-8 text") from error
    fields = next(csv.reader([line], delimiter=layout.separator)) if layout.quoted else line.split(layout.separator)
    if len(fields) != len(layout.fields):
        expected = f"{len(layout.fields)} fields ({', '.join(layout.fields)}), not {len(fields)}"
        raise CorruptRecord(str(path), number, "record", line, expected)
    values = []
    for (name, kind), field in zip(layout.fields.items(), fields, strict=True):
        value = _value(field.strip(), kind) if kind is not pl.String else field
        if value is None or value == "":
            if field or name not in layout.optional:
                raise CorruptRecord(str(path), number, name, field, _EXPECTED[kind])
            value = None
        values.append(value)
    return values


def _value(field: str, kind: FieldType) -> int | float | bool | None:
    """The value of a field, None when it has none."""
    if kind is pl.Int64:
        value = int(field) if _INTEGER.fullmatch(field) else None
        return value if value is not None and -(2**63) <= value < 2**63 else None
    if kind is pl.Float64:
        return float(field) if _NUMBER.fullmatch(field) else None
    return {"true": True, "false": False}.get(field.lower())
