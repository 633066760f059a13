"""The three Binance recordings of one evening: perpetuals linear and inverse, and spot."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.market.event import Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument


class Recording(NamedTuple):
    path: str
    instrument: Instrument


_FOLDER: Final = "01_binance_l2_20240808"
RECORDINGS: Final = {
    "USD-M": Recording(
        f"{_FOLDER}/usdm/btcusdt_20240808.gz", parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
    ),
    "COIN-M": Recording(
        f"{_FOLDER}/cm/btcusd_perp_20240808.gz", parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
    ),
    "spot": Recording(
        f"{_FOLDER}/spot/btcusdt_20240808.gz", parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001")
    ),
}


def events_of(recording: Recording, data: Path) -> Events:
    """All of its events, in order of arrival."""
    instrument = recording.instrument
    batches = read_binance_capture(data / recording.path, venue=instrument.venue, instrument=lambda _: instrument)
    return merge_events([Events.from_frame(batch.frame) for batch in batches])
