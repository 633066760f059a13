"""A measures' frame held against the naive twin, number by number."""

from __future__ import annotations

import math
from typing import Final

from counterpoise.flow.measures import QuoteSource, measure
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from reference.naive_flow import naive_measures

BANDS: Final = ("0.5", "1", "5", "25", "900")
MICROPRICE_ULPS: Final = 3  # three roundings where the twin has one; all else is equal to the last bit


def assert_equals_naive(
    events: Events, instrument: Instrument, *, every_ns: int, quotes: QuoteSource = "depth", stale_ns: int = 10_000_000_000
) -> int:
    """Compare all columns of all bins; returns how many bins were SYNCED."""
    bands = tuple(float(band) for band in BANDS)
    frame = measure(events, instrument, every_ns=every_ns, quotes=quotes, bands_bps=bands, stale_ns=stale_ns)
    found = frame.with_columns(frame["ts"].dt.epoch("ns")).to_dicts()
    expected = naive_measures(events, instrument, every_ns=every_ns, quotes=quotes, bands_bps=BANDS, stale_ns=stale_ns)
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert set(ours) == set(theirs)
        exact, exactly = ours.pop("microprice"), theirs.pop("microprice")
        assert ours == theirs
        assert (exact is None) == (exactly is None)
        if exact is not None:
            assert isinstance(exactly, float)
            assert abs(exact - exactly) <= MICROPRICE_ULPS * math.ulp(exactly)
    return int((frame["quality"] == "SYNCED").sum())
