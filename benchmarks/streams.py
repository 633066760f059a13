"""Events that several benchmarks share: the USD-M recording, repeated in time, and the synthetic market."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import QUOTE, TRADE, Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.synthetic.market import default_config, generate

PERP: Final = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
_CAPTURE: Final = Path("01_binance_l2_20240808") / "usdm" / "btcusdt_20240808.gz"
_SHARED: Final = Path(__file__).resolve().parents[2] / "shared" / "data"


def recording() -> Events | None:
    """The recording as event columns, or None where it is absent."""
    path = Path(os.environ.get("COUNTERPOISE_DATA", _SHARED)) / _CAPTURE
    if not path.is_file():
        return None
    reader = read_binance_capture(path, venue="binance_usdm", instrument=lambda _: PERP)
    return merge_events([Events.from_frame(batch.frame) for batch in reader])


def repeated(events: Events, rows: int) -> Events:
    """The events over and over, a second apart, until there are `rows`; message ordinals go on."""
    times = -(-rows // events.rows)
    span = int(events.ts_local[-1] - events.ts_local[0]) + SECOND_NS
    turn = np.repeat(np.arange(times), events.rows)
    out = Events._make(np.tile(column, times) for column in events)
    step = int(events.seq.max()) + 1
    return out._replace(ts_local=out.ts_local + turn * span, ts_venue=out.ts_venue + turn * span, seq=out.seq + turn * step)


def without_quotes(events: Events) -> Events:
    """What the depth and trade channels say."""
    return _kept(events, events.kind != QUOTE)


def without_depth(events: Events) -> Events:
    """What the ticker and trade channels say."""
    return _kept(events, (events.kind == QUOTE) | (events.kind == TRADE))


def _kept(events: Events, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Events:
    return Events._make(np.ascontiguousarray(column[keep]) for column in events)


def synthetic(rows: int) -> tuple[Events, Instrument]:
    """The first instrument of the default market, ten minutes of it, repeated as often as it takes."""
    config = default_config(duration="10m")
    config = msgspec.structs.replace(config, tokens=config.tokens[:1])
    instrument = config.tokens[0].instrument(config.venue)
    return repeated(generate(config)[instrument.id], rows), instrument
