"""Bytes of a recording, in blocks of whole lines and bounded memory.

Plain, gzip and zip files are read the same way. A file that was cut off keeps what was whole; the report says so.
"""

from __future__ import annotations

import codecs
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from counterpoise.adapters.reader import ReadReport
from counterpoise.core.errors import DataError, InputError

__all__ = ["BLOCK_BYTES", "Block", "read_blocks"]

BLOCK_BYTES: Final = 1 << 22
_CHUNK_BYTES: Final = 1 << 18


class Block(NamedTuple):
    """Whole lines of a file; `first_line` is 1-based."""

    data: bytes
    first_line: int


def read_blocks(path: Path, report: ReadReport, *, block_bytes: int = BLOCK_BYTES) -> Iterator[Block]:
    """Blocks of whole lines of about `block_bytes` each.

    Raises
    ------
    InputError
        If the file cannot be opened.
    DataError
        If a compressed file is damaged before its end (not merely cut off).
    """
    pending: list[bytes] = []
    size, line = 0, 1
    for chunk in _without_mark(_chunks(path, report)):
        pending.append(chunk)
        size += len(chunk)
        if size < block_bytes:
            continue
        data = b"".join(pending)
        end = data.rfind(b"\n") + 1
        if end:
            yield Block(data[:end], line)
            line += data.count(b"\n", 0, end)
        pending, size = [data[end:]], len(data) - end
    tail = b"".join(pending)
    if report.truncated:
        whole = tail.rfind(b"\n") + 1
        report.drop("cut off within the record", int(whole < len(tail)))
        tail = tail[:whole]
    if tail:
        yield Block(tail, line)


def _without_mark(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Bytes of a text without the UTF-8 byte order mark that some editors and spreadsheets put before it."""
    head = b""
    for chunk in chunks:
        head += chunk
        if len(head) >= len(codecs.BOM_UTF8):
            break
    if head:
        yield head.removeprefix(codecs.BOM_UTF8)
    yield from chunks


def _chunks(path: Path, report: ReadReport) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            magic = file.read(4)
            file.seek(0)
            if magic[:2] == b"\x1f\x8b":
                yield from _gunzip(iter(lambda: file.read(_CHUNK_BYTES), b""), path, report)
            elif magic == b"PK\x03\x04":
                yield from _unzip(path)
            else:
                yield from iter(lambda: file.read(_CHUNK_BYTES), b"")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error


def _gunzip(chunks: Iterator[bytes], path: Path, report: ReadReport) -> Iterator[bytes]:
    inflate = zlib.decompressobj(wbits=31)
    for packed in chunks:
        rest = packed
        while rest:
            if inflate.eof:  # a gzip file may hold several members
                inflate = zlib.decompressobj(wbits=31)
            try:
                data = inflate.decompress(rest)
            except zlib.error as error:
                raise DataError(f"{path}: damaged gzip data ({error}); fetch the file again") from error
            rest = inflate.unused_data
            if data:
                yield data
    if not inflate.eof:
        report.truncated = True
        tail = inflate.flush()
        if tail:
            yield tail


def _unzip(path: Path) -> Iterator[bytes]:
    try:
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                with archive.open(name) as member:
                    yield from iter(lambda: member.read(_CHUNK_BYTES), b"")
    except zipfile.BadZipFile as error:
        raise DataError(f"{path}: damaged zip archive ({error}); fetch the file again") from error
