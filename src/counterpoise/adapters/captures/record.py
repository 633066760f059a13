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
_LAST_NS: Final = 2**63 - 1
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
    return heapq.merge(*(_File(path, report).records() for path in paths), key=lambda record: record.ts_ns)


class _File:
    """One file being read: its time never goes back."""

    def __init__(self, path: Path, report: ReadReport) -> None:
        self._path, self._report = path, report
        self._line, self._last_ns = 1, 0

    def records(self) -> Iterator[Record]:
        for block in read_blocks(self._path, self._report):
            if block.first_line == 1 and block.data.lstrip()[:1] in (b"{", b"["):
                yield self._document()
                return
            for self._line, line in enumerate(block.data.splitlines(), block.first_line):
                if line:
                    yield self._parse(line)

    def _parse(self, line: bytes) -> Record:
        if line.startswith(b"configuration: "):
            return self._record(OTHER)
        found = _LINE.fullmatch(line)
        if found is None:
            return self._corrupt("record", line, _EXPECTED)
        url, arrow, seconds, fraction, text = found.groups()
        ts_ns = int(seconds) * SECOND_NS + int((fraction or b"").ljust(9, b"0"))
        kind = _KINDS[arrow]
        if ts_ns > _LAST_NS:
            return self._corrupt("time", line[:40], "a time in seconds")
        if ts_ns < self._last_ns and kind != OTHER:
            return self._corrupt("time", line[:40], "a time not before that of the line above")
        self._last_ns = max(ts_ns, self._last_ns)
        data = None
        if kind in (MESSAGE, ANSWER):
            try:
                data = _DECODER.decode(text or b"")
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                return self._corrupt("JSON", text or b"", f"JSON ({error})")
        return self._record(kind, url or b"", data)

    def _document(self) -> Record:
        text = b"".join(block.data for block in read_blocks(self._path, self._report))
        try:
            return self._record(MESSAGE, b"", _DECODER.decode(text))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return self._corrupt("JSON", text[:80], f"JSON ({error})")

    def _record(self, kind: str, url: bytes = b"", data: Any = None) -> Record:
        return Record(self._last_ns, self._path.name, self._line, kind, url.decode(errors="replace"), data)

    def _corrupt(self, field: str, found: bytes, expected: str) -> Record:
        self._report.corrupt(CorruptRecord(self._path.name, self._line, field, found.decode(errors="replace"), expected))
        return self._record(CORRUPT)
