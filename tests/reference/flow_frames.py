"""A measures' frame held against the naive twin, number by number."""

from __future__ import annotations

import re
from typing import Final

import pytest

from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import LockedRule, QuoteSource, measure
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from reference.naive_flow import naive_measures

BANDS: Final = ("0.5", "1", "5", "25", "900")
VALUES: Final = (100, 5_000, 10_000_000)
ROUNDED: Final = {
    "microprice": 4e-16,
    "buy_notional": 1e-12,
    "sell_notional": 1e-12,
    "mean_best_depth": 1e-15,
    "mean_depth": 1e-15,
}
SUMMED: Final = r"weighted_imbalance|(bid|ask)_slope|(buy|sell)_cost_\d+_bps"  # sums of floats where the twin has fractions


def assert_equals_naive(
    events: Events,
    instrument: Instrument,
    *,
    every_ns: int,
    quotes: QuoteSource = "depth",
    stale_ns: int = 10_000_000_000,
    locked: LockedRule = "null",
) -> int:
    """Compare all columns of all bins; returns how many bins were SYNCED."""
    bands = tuple(float(band) for band in BANDS)
    frame = measure(
        events,
        instrument,
        bins=Bins.every(every_ns),
        quotes=quotes,
        bands_bps=bands,
        values=VALUES,
        stale_ns=stale_ns,
        locked=locked,
    )
    found = frame.with_columns(frame["ts"].dt.epoch("ns")).to_dicts()
    expected = naive_measures(
        events,
        instrument,
        every_ns=every_ns,
        quotes=quotes,
        bands_bps=BANDS,
        values=VALUES,
        stale_ns=stale_ns,
        locked=locked,
    )
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        assert set(ours) == set(theirs)
        for name in [n for n in ours if n in ROUNDED or re.fullmatch(SUMMED, n)]:
            one, other = ours.pop(name), theirs.pop(name)
            assert (one is None) == (other is None), name
            assert one is None or one == pytest.approx(other, rel=ROUNDED.get(name, 1e-11), abs=1e-9), name
        assert {n: (ours[n], theirs[n]) for n in ours if ours[n] != theirs[n]} == {}
    return int((frame["quality"] == "SYNCED").sum())
