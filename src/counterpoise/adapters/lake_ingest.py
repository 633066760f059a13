"""Writing a source into a lake: bounded buffers, sorted parts, one commit.

Crash safety: parts are written first and count for nothing; the rename of the manifest makes all of them count at once. A
marker file says that a source is being written: if it is found at the start, a writer died, and what it left is swept.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from counterpoise.adapters.manifest import FOLDER, Manifest, Manifests, Overlap, Part, overlapping
from counterpoise.adapters.part import require_rows, write_part
from counterpoise.adapters.reader import Batch
from counterpoise.adapters.storage import TEMPORARY, Storage
from counterpoise.core.errors import InputError
from counterpoise.core.progress import Progress
from counterpoise.core.schema import VERSION
from counterpoise.core.units import DAY_NS
from counterpoise.market.instrument import Instrument

__all__ = ["PART_BYTES", "IngestResult", "ingest", "source_hash"]

PART_BYTES: Final = 64 << 20
BUFFER_BYTES: Final = 256 << 20
_SOURCE: Final = re.compile(r"[0-9a-z_]{1,64}")
_CHUNK_BYTES: Final = 1 << 20
_COLUMN_BYTES: Final = 512  # what a column costs in memory beside its values
_COMMIT_LOCK: Final = f"{FOLDER}/.commit"


class _Key(NamedTuple):
    instrument: Instrument
    table: str
    day: int


class IngestResult(NamedTuple):
    """What an ingest did.

    Attributes
    ----------
    source : str
    already_there : bool
        The lake had this very content; nothing was read or written, and `parts` are the stored ones.
    parts : tuple of Part
    replaced : tuple of Overlap
        Sources that covered the same time and were dropped, whole, because `replace` was given.
    swept : int
        Files that an interrupted ingest of this source had left.
    """

    source: str
    already_there: bool
    parts: tuple[Part, ...]
    replaced: tuple[Overlap, ...] = ()
    swept: int = 0

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return sum(part.size for part in self.parts)

    def __str__(self) -> str:
        what = f"source {self.source[:12]}: {self.rows} rows in {len(self.parts)} parts, {self.size} bytes"
        if self.already_there:
            return f"{what}; already in the lake, nothing written"
        dropped = "; ".join(f"dropped {o.manifest.rows} rows: {o}" for o in self.replaced)
        return f"{what}; {dropped}" if dropped else what


def source_hash(paths: Iterable[Path], extra: str = "") -> str:
    """SHA-256 over the content of files, in the given order, and of what else decides the rows (reader and version).

    Names and times of the files do not count.
    """
    total = hashlib.sha256(extra.encode())
    for path in paths:
        one = hashlib.sha256()
        try:
            with path.open("rb") as file:
                while chunk := file.read(_CHUNK_BYTES):
                    one.update(chunk)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}; give the path of a recording") from error
        total.update(one.digest())
    return total.hexdigest()


def ingest(storage: Storage, source: str, batches: Iterable[Batch], *, progress: Progress, replace: bool) -> IngestResult:
    """Store a source; see `counterpoise.adapters.lake.Lake.ingest`."""
    if not _SOURCE.fullmatch(source):
        raise InputError(f"source id {source!r} must be at most 64 of a-z, 0-9 and _; make it with source_hash(paths, reader)")
    marker = _marker(source)
    interrupted = marker.rpartition("/")[2] in storage.listing(FOLDER)
    try:
        with storage.lock(marker, wait=False):
            result = _ingest_locked(storage, source, batches, progress=progress, replace=replace, interrupted=interrupted)
            storage.remove(marker)
            return result
    except BlockingIOError as error:
        raise InputError(f"source {source[:12]} is being ingested by another process; wait for it") from error


def _marker(source: str) -> str:
    return f"{FOLDER}/{source}.pending"


def _ingest_locked(
    storage: Storage, source: str, batches: Iterable[Batch], *, progress: Progress, replace: bool, interrupted: bool
) -> IngestResult:
    manifests = Manifests(storage)
    swept = _sweep_hidden(storage, manifests) + (_sweep_source(storage, manifests, source) if interrupted else 0)
    visible = {m.source: m for m in manifests.visible()}
    stored = visible.pop(source, None)
    if stored is not None and stored.version == VERSION:
        return IngestResult(source, True, stored.parts, swept=swept)
    writer = _Writer(storage, source, first=len(stored.parts) if stored else 0)
    try:
        for part in writer.write(batches, progress=progress):
            _require_allowed(overlapping([part], visible.values()), replace=replace)
    except BaseException:
        writer.discard()
        raise
    replaced = _commit(storage, writer, replace=replace)
    for part in stored.parts if stored else ():
        storage.remove(part.path)
    if replaced:
        _sweep_hidden(storage, manifests)
    return IngestResult(source, False, tuple(writer.parts), tuple(replaced), swept)


def _commit(storage: Storage, writer: _Writer, *, replace: bool) -> list[Overlap]:
    manifests, parts = Manifests(storage), tuple(writer.parts)
    with storage.lock(_COMMIT_LOCK, wait=True):
        every = manifests.visible()
        found = overlapping(parts, [m for m in every if m.source != writer.source])
        try:
            _require_allowed(found, replace=replace)
        except InputError:
            writer.discard()
            raise
        # from here on nothing is taken back: an error may come after the manifest has become visible
        order = 1 + max((m.order for m in every), default=0)
        dropped = tuple(sorted(o.manifest.source for o in found))
        manifests.commit(Manifest(source=writer.source, version=VERSION, order=order, parts=parts, replaces=dropped))
    return found


def _require_allowed(found: list[Overlap], *, replace: bool) -> None:
    if found and not replace:
        raise InputError(
            f"the lake has this time already: {found[0]}; rows would count twice. "
            "Leave one of them out, or ingest with --replace (replace=True), which drops the stored sources that overlap, whole"
        )


def _sweep_hidden(storage: Storage, manifests: Manifests) -> int:
    """Delete sources that were replaced."""
    if not manifests.sorted_out()[1]:
        return 0
    with storage.lock(_COMMIT_LOCK, wait=True):  # so that nobody deletes what another has begun to write again
        hidden = manifests.sorted_out()[1]
        for manifest in hidden:
            for part in manifest.parts:
                storage.remove(part.path)
            storage.remove(manifest.path)
    return sum(len(m.parts) for m in hidden)


def _sweep_source(storage: Storage, manifests: Manifests, source: str) -> int:
    """Delete what an interrupted ingest of a source left."""
    listed = {part.path for m in manifests.visible() for part in m.parts}
    left = re.compile(rf"(?:{re.escape(TEMPORARY)}\d+-)?{source}-\d+\.parquet|{re.escape(TEMPORARY)}\d+-{source}\.json")
    found = [path for path in storage.walk() if left.fullmatch(path.rpartition("/")[2]) and path not in listed]
    for path in found:
        storage.remove(path)
    return len(found)


class _Writer:
    """Buffers by (instrument, table, day); a full one becomes a part, and so does the fullest when all together are too big."""

    def __init__(self, storage: Storage, source: str, *, first: int) -> None:
        self.source: Final = source
        self.parts: list[Part] = []
        self._storage, self._first = storage, first
        self._frames: dict[_Key, list[pl.DataFrame]] = {}
        self._bytes: dict[_Key, int] = {}
        self._total = 0

    def write(self, batches: Iterable[Batch], *, progress: Progress) -> Iterator[Part]:
        rows = 0
        for batch in batches:
            require_rows(batch.frame, batch.table, where=f"source {self.source[:12]}, {batch.instrument.id}")
            for key, frame in _by_day(batch):
                self._hold(key, frame)
                if self._bytes[key] >= PART_BYTES:
                    yield self._flush(key)
            while self._total > BUFFER_BYTES:
                yield self._flush(max(self._bytes, key=self._bytes.__getitem__))
            rows += batch.frame.height
            progress(rows, batch.instrument.id)
        while self._frames:
            yield self._flush(next(iter(self._frames)))

    def discard(self) -> None:
        """Take back everything, and last the marker that says there is something to take back."""
        for part in self.parts:
            self._storage.remove(part.path)
        self._storage.remove(_marker(self.source))

    def _hold(self, key: _Key, frame: pl.DataFrame) -> None:
        size = int(frame.estimated_size()) + frame.width * _COLUMN_BYTES
        self._frames.setdefault(key, []).append(frame)
        self._bytes[key] = self._bytes.get(key, 0) + size
        self._total += size

    def _flush(self, key: _Key) -> Part:
        frame = _sorted(pl.concat(self._frames.pop(key)))
        self._total -= self._bytes.pop(key)
        number = self._first + len(self.parts)
        part = write_part(self._storage, frame, instrument=key.instrument, table=key.table, source=self.source, number=number)
        self.parts.append(part)
        return part


def _by_day(batch: Batch) -> Iterator[tuple[_Key, pl.DataFrame]]:
    if not batch.frame.height:
        return
    days = batch.frame["ts_local"] // DAY_NS
    low, high = days.min(), days.max()
    if low == high:
        yield _Key(batch.instrument, batch.table, int(days[0])), batch.frame
        return
    for day in days.unique().sort():
        yield _Key(batch.instrument, batch.table, day), batch.frame.filter(days == day)


def _sorted(frame: pl.DataFrame) -> pl.DataFrame:
    ts, seq = frame["ts_local"], frame["seq"]
    back = (ts.diff() < 0) | ((ts.diff() == 0) & (seq.diff() < 0))
    return frame.sort("ts_local", "seq", maintain_order=True) if back.any() else frame
