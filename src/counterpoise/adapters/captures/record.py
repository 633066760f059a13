"""Lines of raw socket captures in order of time.

``seconds: JSON`` came in over a socket, ``address <- seconds: JSON`` went out, ``address <-> seconds`` is a new connection,
``address -> seconds: JSON`` is a REST answer; a file that is one JSON document has no time at all.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from counterpoise.adapters.reader import ReadReport
from counterpoise.adapters.source import read_blocks
from counterpoise.core.errors import CorruptRecord
from counterpoise.core.units import SECOND_NS

__all__ = ["Record", "read_records"]

MESSAGE: Final = "message"
ANSWER: Final = "answer"
CONNECT: Final = "connect"
CORRUPT: Final = "corrupt"
OTHER: Final = "other"

_LINE: Final = re.compile(rb"(?:(\S+) (<->|<-|->) )?(\d{9,11})(?:\.(\d{1,9}))?(?:: (.*))?")
_KINDS: Final = {None: MESSAGE, b"->": ANSWER, b"<->": CONNECT, b"<-": OTHER}
_EXPECTED: Final = "'seconds: JSON' or 'address ->|<-|<-> seconds: JSON'"
# floats stay texts: their digits are the venue's own
_DECODER: Final = msgspec.json.Decoder(float_hook=str)


class Record(NamedTuple):
    """One line.

    Attributes
    ----------
    ts_ns : int
        Local time [ns UTC], 0 when the file gives none.
    source, line : str, int
        Where it stands.
    kind : str
        ``message``, ``answer``, ``connect``, ``corrupt`` (counted already) or ``other``.
    url : str
        Of an answer or a connection.
    data : Any
        Decoded JSON; floats are texts.
    """

    ts_ns: int
    source: str
    line: int
    kind: str
    url: str
    data: Any


def read_records(paths: Sequence[Path], report: ReadReport) -> Iterator[Record]:
    """Records of all files, merged by local time; ties keep the order of the files.

    Raises
    ------
    CorruptRecord
        At the first line past `report.max_bad` that cannot be read.
    """
    return heapq.merge(*(_file(path, report) for path in paths), key=lambda record: record.ts_ns)


def _file(path: Path, report: ReadReport) -> Iterator[Record]:
    last_ns = 0
    for block in read_blocks(path, report):
        if block.first_line == 1 and block.data.lstrip()[:1] in (b"{", b"["):
            yield _document(path, report)
            return
        for number, line in enumerate(block.data.splitlines(), block.first_line):
            if not line:
                continue
            record = _parse(line, path.name, number, last_ns, report)
            last_ns = record.ts_ns
            yield record


def _parse(line: bytes, source: str, number: int, last_ns: int, report: ReadReport) -> Record:
    if line.startswith(b"configuration: "):
        return Record(last_ns, source, number, OTHER, "", None)
    found = _LINE.fullmatch(line)
    if found is None:
        return _corrupt(source, number, "record", line, _EXPECTED, last_ns, report)
    url, arrow, seconds, fraction, text = found.groups()
    ts_ns = int(seconds) * SECOND_NS + int((fraction or b"").ljust(9, b"0"))
    if ts_ns < last_ns and arrow != b"<-":
        return _corrupt(source, number, "time", line[:40], "a time not before that of the line above", last_ns, report)
    kind, data = _KINDS[arrow], None
    if kind in (MESSAGE, ANSWER):
        try:
            data = _DECODER.decode(text or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return _corrupt(source, number, "JSON", text or b"", f"JSON ({error})", last_ns, report)
    return Record(max(ts_ns, last_ns), source, number, kind, (url or b"").decode(errors="replace"), data)


def _corrupt(source: str, number: int, field: str, found: bytes, expected: str, last_ns: int, report: ReadReport) -> Record:
    report.corrupt(CorruptRecord(source, number, field, found.decode(errors="replace"), expected))
    return Record(last_ns, source, number, CORRUPT, "", None)


def _document(path: Path, report: ReadReport) -> Record:
    text = b"".join(block.data for block in read_blocks(path, report))
    try:
        return Record(0, path.name, 1, MESSAGE, "", _DECODER.decode(text))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return _corrupt(path.name, 1, "JSON", text[:80], f"JSON ({error})", 0, report)
