"""Measures of every market of the nine venues' captures: the same in one piece and in many, and sound where the book is."""

from __future__ import annotations

import random

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import Measures, measure
from counterpoise.market.event import Events, merge_events
from counterpoise.market.instrument import Instrument
from reference.capture_reading import VENUES, Reading

pytestmark = pytest.mark.realdata


def markets(reading: Reading) -> dict[str, tuple[Instrument, Events]]:
    """Book and trades of each instrument, in order of arrival."""
    parts: dict[str, list[Events]] = {}
    terms: dict[str, Instrument] = {}
    for batch in reading.batches:
        if batch.table in ("book", "trade"):
            parts.setdefault(batch.instrument.id, []).append(Events.from_frame(batch.frame))
            terms[batch.instrument.id] = batch.instrument
    return {name: (terms[name], merge_events(held)) for name, held in parts.items()}


@pytest.mark.parametrize("name", VENUES)
def test_in_pieces_as_in_one(name: str, readings: dict[str, Reading]) -> None:
    sound = 0
    for instrument, events in markets(readings[name]).values():
        whole = measure(events, instrument, bins=Bins.parse("250ms"))
        stream = Measures(instrument, bins=Bins.parse("250ms"))
        cuts = sorted(random.Random(7).sample(range(1, events.rows), min(9, events.rows - 1)))
        frames = [stream.step(events.cut(i, j)) for i, j in zip([0, *cuts], [*cuts, events.rows], strict=True)]
        assert_frame_equal(pl.concat([*frames, stream.finish()]), whole, check_exact=True)
        parts = whole["ofi_limit"] + whole["ofi_cancel"] + whole["ofi_market"] - whole["ofi"]
        assert not (parts / instrument.flow_grid.size).round().fill_null(0).ne(0).any(), "the parts do not add up in lots"
        sound += whole["mid"].count()
    assert sound > 100
