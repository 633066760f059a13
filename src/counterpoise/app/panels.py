"""Panels of a run's report about the market itself: which there are, and the frames behind each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS, SECOND_NS
from counterpoise.flow.auction.footprint import footprint, footprint_bars
from counterpoise.flow.auction.profile import composite
from counterpoise.flow.bins import Bins
from counterpoise.flow.book.absorption import find_absorption
from counterpoise.flow.book.sweeps import find_sweeps
from counterpoise.flow.manipulation.icebergs import icebergs
from counterpoise.flow.manipulation.ignition import ignition
from counterpoise.flow.manipulation.spoofing import spoofing
from counterpoise.flow.manipulation.stuffing import stuffing
from counterpoise.flow.manipulation.wash import wash
from counterpoise.flow.tape.sized_flow import sized_flow
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument

__all__ = ["DETECTORS", "PANEL_FRAMES", "panel_frames"]

_Find = Callable[[Events, Instrument], pl.DataFrame]
DETECTORS: Final[dict[str, _Find]] = {
    "icebergs": icebergs,
    "spoofing": spoofing,
    "stuffing": stuffing,
    "wash": wash,
    "ignition": ignition,
}
PANEL_FRAMES: Final[dict[str, tuple[str, ...]]] = {
    "sized_flow": ("sized_flow",),
    "footprint": ("footprint", "footprint_bars"),
    "profile": ("profile",),
    "absorption": ("absorption",),
    "sweeps": ("sweeps",),
    **{name: (name,) for name in DETECTORS},
}
_BAR_NS: Final = (
    *(n * SECOND_NS for n in (1, 2, 5, 10, 15, 30)),
    *(n * MINUTE_NS for n in (1, 2, 5, 10, 15, 30)),
    *(n * HOUR_NS for n in (1, 2, 4, 8)),
    *(n * DAY_NS for n in (1, 7)),
)
_MOST_BARS: Final = 12  # whose numbers there is room for
_MOST_ROWS: Final = 40


def panel_frames(events: Events, instrument: Instrument, *, panels: Iterable[str], every: Bins) -> dict[str, pl.DataFrame]:
    """Frames of the panels that are asked for, by name; a panel that is not costs nothing.

    Parameters
    ----------
    events : Events
        Of one instrument, in order; the market without our orders.
    instrument : Instrument
    panels : iterable of str
        Keys of `PANEL_FRAMES`.
    every : Bins
        Of the flow by size of order.

    Returns
    -------
    dict of DataFrame
        Columns as in the catalogue of `counterpoise.flow`: ``footprint``, ``footprint_bars`` and ``profile`` in the same rows,
        as high as it takes for about forty of them; bars so long that there are about twelve.
    """
    wanted, out = set(panels), dict[str, pl.DataFrame]()
    if "sized_flow" in wanted:
        out["sized_flow"] = sized_flow(events, instrument, bins=every)
    if wanted & {"footprint", "profile"}:
        bins, row_ticks = Bins.every(_bar_ns(events)), _row_ticks(events)
        rows = footprint(events, instrument, bins=bins, row_ticks=row_ticks)
        if "footprint" in wanted:
            out["footprint"] = rows
            out["footprint_bars"] = footprint_bars(events, instrument, bins=bins, row_ticks=row_ticks)
        if "profile" in wanted:
            out["profile"] = composite(rows)
    finders: dict[str, _Find] = {"absorption": find_absorption, "sweeps": find_sweeps, **DETECTORS}
    out |= {name: find(events, instrument) for name, find in finders.items() if name in wanted}
    return out


def _bar_ns(events: Events) -> int:
    span = int(events.ts_local[-1] - events.ts_local[0]) if events.rows else 0
    return next((ns for ns in _BAR_NS if span <= ns * _MOST_BARS), _BAR_NS[-1])


def _row_ticks(events: Events) -> int:
    """Least of 1, 2, 5, 10, ... ticks with which all that traded is within so many rows."""
    traded = events.price_ticks[events.kind == TRADE]
    span = int(np.ptp(traded)) if len(traded) else 0
    scale = 1
    while span >= 10 * scale * _MOST_ROWS:
        scale *= 10
    return next(n * scale for n in (1, 2, 5, 10) if span < n * scale * _MOST_ROWS)
