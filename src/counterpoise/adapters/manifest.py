"""Which files of a lake count: one manifest a source, made visible by one rename.

A part belongs to the lake when a visible manifest lists it. A manifest may replace others; it hides them from the moment it
appears, and whatever they listed is deleted afterwards. So at every instant a reader sees all of a source or nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from counterpoise.adapters.storage import Storage
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import format_time
from counterpoise.market.instrument import Instrument

__all__ = ["FOLDER", "Manifest", "Manifests", "Overlap", "Part", "overlapping"]

FOLDER: Final = "_manifest"
_RETRIES: Final = 5


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One Parquet file: rows of one table of one instrument on one UTC date, sorted by (ts_local, seq).

    Attributes
    ----------
    path : str
        Below the lake's root.
    first_ns, last_ns : int
        ts_local of the first and last row [ns UTC]; `first_seq` and `last_seq` are their seq.
    size : int
        Bytes.
    """

    path: str
    instrument: Instrument
    table: str
    date: str
    rows: int
    first_ns: int
    first_seq: int
    last_ns: int
    last_seq: int
    size: int
    sha256: str

    @property
    def first(self) -> tuple[int, int]:
        return self.first_ns, self.first_seq

    @property
    def last(self) -> tuple[int, int]:
        return self.last_ns, self.last_seq

    def meets(self, start_ns: int | None, end_ns: int | None) -> bool:
        """Whether a row of [start, end) may stand here."""
        return (end_ns is None or self.first_ns < end_ns) and (start_ns is None or self.last_ns >= start_ns)


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What one source gave.

    Attributes
    ----------
    version : int
        Of `counterpoise.core.schema` when it was written.
    order : int
        Grows with every commit; a manifest hides those of lower order that it replaces.
    replaces : tuple of str
        Sources.
    """

    source: str
    version: int
    order: int
    parts: tuple[Part, ...]
    replaces: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        return f"{FOLDER}/{self.source}.json"

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)


class Manifests:
    """The manifests of a lake, read again when they change."""

    def __init__(self, storage: Storage) -> None:
        self._storage: Final = storage
        self._read: dict[tuple[str, str], Manifest] = {}

    def visible(self) -> list[Manifest]:
        """Manifests that count, oldest commit first."""
        return self.sorted_out()[0]

    def sorted_out(self) -> tuple[list[Manifest], list[Manifest]]:
        """Manifests that count, and those hidden by a later one that replaces them."""
        every = sorted(self._load(), key=lambda m: (m.order, m.source))
        last = {source: m.order for m in every for source in m.replaces}
        hidden = [m for m in every if m.order < last.get(m.source, 0)]
        return [m for m in every if m.order >= last.get(m.source, 0)], hidden

    def commit(self, manifest: Manifest) -> None:
        """Make a source visible; the one write that does."""
        self._storage.put(manifest.path, msgspec.json.format(msgspec.json.encode(manifest), indent=1))

    def _load(self) -> Iterable[Manifest]:
        for _ in range(_RETRIES):
            names = {k: v for k, v in self._storage.listing(FOLDER).items() if k.endswith(".json") and not k.startswith(".")}
            try:
                self._read = {key: self._read.get(key) or self._decode(key[0]) for key in names.items()}
            except FileNotFoundError:
                continue  # replaced between the listing and the reading
            return self._read.values()
        raise InputError(f"the manifests of {self._storage.url} keep changing; try again when the other writers have finished")

    def _decode(self, name: str) -> Manifest:
        try:
            return msgspec.json.decode(self._storage.read(f"{FOLDER}/{name}"), type=Manifest)
        except (msgspec.DecodeError, InputError) as error:
            raise DataError(
                f"{self._storage.location(f'{FOLDER}/{name}')}: not a manifest ({error}); remove it and ingest its source again"
            ) from error


class Overlap(NamedTuple):
    """A source of the lake that covers the time of a new one, with a part of each that shows it."""

    manifest: Manifest
    old: Part
    new: Part

    def __str__(self) -> str:
        old, new = self.old, self.new
        return (
            f"source {self.manifest.source[:12]} has {old.table} of {old.instrument.id} from {format_time(old.first_ns)} "
            f"to {format_time(old.last_ns)}, the new one from {format_time(new.first_ns)} to {format_time(new.last_ns)}"
        )


def overlapping(parts: Iterable[Part], manifests: Iterable[Manifest]) -> list[Overlap]:
    """Sources that cover the same time of the same table of the same instrument.

    Ranges that share one end point only follow each other: a clock of milliseconds puts the end of one file and the start of
    the next at the same instant.
    """
    new: dict[tuple[str, str, str], list[Part]] = {}
    for part in parts:
        new.setdefault((part.instrument.id, part.table, part.date), []).append(part)
    found: list[Overlap] = []
    for manifest in manifests:
        pairs = (
            Overlap(manifest, old, part)
            for old in manifest.parts
            for part in new.get((old.instrument.id, old.table, old.date), ())
            if _overlap(part, old)
        )
        found += islice(pairs, 1)
    return found


def _overlap(a: Part, b: Part) -> bool:
    same = (a.first_ns, a.last_ns) == (b.first_ns, b.last_ns)
    return same or (a.first_ns < b.last_ns and b.first_ns < a.last_ns)
