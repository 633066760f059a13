"""Sweeps against a slow twin, and case by case: what belongs to an order, what was there before, when it is back."""

from __future__ import annotations

import math
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.sweeps import Recovery, Sweeps
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.naive_sweeps import naive_sweeps
from reference.sweeping_stream import SweepingStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
RECOVERIES: tuple[Recovery, ...] = ("swept", "levels", "band")


def stream(seed: int, *, messages: int = 150, **kwargs: int) -> Events:
    """The same times at the venue within 100 ms, as fills of one order have."""
    events = SweepingStream(seed, **{"far": 50_000, "pace_ns": 100 * MS_NS, **kwargs}).events(messages)
    return events._replace(ts_venue=events.ts_venue // (100 * MS_NS) * (100 * MS_NS))


def assert_equals_naive(events: Events, instrument: Instrument = PERP, **given: Any) -> pl.DataFrame:
    made = Sweeps(instrument, **given)
    frame = pl.concat([made.step(events), made.finish()])
    times = [pl.col(name).dt.epoch("ns") for name in ("ts_local", "ts_start", "ts_end")]
    found, expected = frame.with_columns(times).to_dicts(), naive_sweeps(events, instrument, **given)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert math.isclose(ours.pop("notional"), theirs.pop("notional"), rel_tol=1e-14)
        assert ours == theirs
    return frame


@given(seed=st.integers(0, 2**32), recovery=st.sampled_from(RECOVERIES), open_at_most=st.sampled_from([1, 3, 128]))
@settings(max_examples=40)
def test_equals_naive_twin_on_random_streams(seed: int, recovery: Recovery, open_at_most: int) -> None:
    events = stream(seed, far=60 if seed % 2 else 50_000)
    assert_equals_naive(
        events,
        COIN if seed % 3 else PERP,
        recovery=recovery,
        levels=1 + seed % 3,
        depth_levels=3,
        band_bps="0.25",
        patience_ns=2 * SECOND_NS,
        stale_ns=SECOND_NS,
        most_open=open_at_most,
    )
