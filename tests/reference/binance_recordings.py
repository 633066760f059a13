"""The three Binance recordings, read once a test run."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.adapters.reader import ReadReport
from counterpoise.market.event import Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument

FOLDER: Final = "01_binance_l2_20240808"


class Capture(NamedTuple):
    """Where a recording lies, its grids, and what stands in it (counted with wc and grep)."""

    path: str
    instrument: Instrument
    messages: int


def _capture(path: str, name: str, tick: str, lot: str, messages: int) -> Capture:
    return Capture(f"{FOLDER}/{path}_20240808.gz", parse_instrument(name, tick=tick, lot=lot), messages)


CAPTURES: Final = {
    "usdm": _capture("usdm/btcusdt", "binance_usdm:BTCUSDT", "0.1", "0.001", 93_954),
    "coinm": _capture("cm/btcusd_perp", "binance_coinm:BTCUSD_PERP", "0.1", "1", 48_270),
    "spot": _capture("spot/btcusdt", "binance:BTCUSDT", "0.01", "0.00000001", 41_249),
}


@cache
def read_recording(name: str, data_dir: Path) -> tuple[Events, ReadReport]:
    """All event rows of a recording in order of arrival, and the reader's report."""
    capture = CAPTURES[name]
    reader = read_binance_capture(
        data_dir / capture.path, venue=capture.instrument.venue, instrument=lambda _: capture.instrument
    )
    return merge_events([Events.from_frame(batch.frame) for batch in reader]), reader.report
