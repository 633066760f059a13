"""`counterpoise ingest`: recordings of any known format into a lake."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from counterpoise.adapters.formats import open_recording
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_ingest import source_hash
from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.core.progress import Progress, silent

__all__ = ["Ingested", "ingest"]
