"""`counterpoise ingest`: recordings of any known format into a lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_ingest import source_hash
from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.core.progress import Progress, silent
from counterpoise.market.symbol import parse_instrument

__all__ = ["Ingested", "ingest"]


class Ingested(NamedTuple):
    """What became of one source.

    Attributes
    ----------
    path : Path
    source : str
        Hash of its content and of how it was read.
    report : ReadReport or None
        What the reader met; None when the lake had this very content already.
    rows : int
        Rows that the lake holds of it.
    """

    path: Path
    source: str
    report: ReadReport | None
    rows: int


def ingest(
    paths: Sequence[Path],
    *,
    lake: Lake,
    venue: str,
    symbol: str = "",
    tick: str = "",
    lot: str = "",
    max_bad: int = 0,
    replace: bool = False,
    progress: Progress = silent,
) -> list[Ingested]:
    """Read recordings into a lake; a source the lake has is not read again."""
    done: list[Ingested] = []
    for path in paths:
        source = source_hash([path], f"{venue}:{symbol} {tick} {lot} {max_bad} 1")

        def terms(name: str) -> object:
            return parse_instrument(f"{venue}:{symbol or name}", tick=tick, lot=lot)

        reader = read_binance_capture(path, venue=venue, instrument=terms, max_bad=max_bad)  # type: ignore[arg-type]
        result = lake.ingest(source, reader, progress=progress, replace=replace)
        report = None if result.already_there else reader.report
        done.append(Ingested(path, source, report, result.rows))
    return done


_ = (Iterable, Iterator, Batch, Reader)
