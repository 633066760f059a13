"""`counterpoise footprint` and `counterpoise profile`: the auction of one instrument of a lake, in bounded memory."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import polars as pl

from counterpoise.adapters.lake import Lake
from counterpoise.app.lake_events import lake_events
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import MINUTE_NS
from counterpoise.flow.auction.footprint import Footprint, FootprintBars
from counterpoise.flow.auction.market_profile import auction, market_profile
from counterpoise.flow.auction.profile import Profile, SessionProfile
from counterpoise.flow.auction.sessions import SESSIONS, Sessions
from counterpoise.flow.bins import Bins
from counterpoise.flow.stream import Stream
from counterpoise.market.instrument import Instrument

__all__ = ["WHOLE", "AuctionTables", "Range", "lake_footprint", "lake_profile", "one_instrument", "sessions_named"]

Kind = Literal["volume", "market"]
_KINDS: Final = ("volume", "market")
_TRADES: Final = ("trade",)


class AuctionTables(NamedTuple):
    """Rows of prices, and one row a bar or session.

    Attributes
    ----------
    instrument : Instrument
    rows, bars : polars.DataFrame
    """

    instrument: Instrument
    rows: pl.DataFrame
    bars: pl.DataFrame


class Range(NamedTuple):
    """From when to when, ts_local [ns UTC]; None for where the lake begins or ends."""

    start_ns: int | None = None
    end_ns: int | None = None


WHOLE: Final = Range()


def lake_footprint(
    name: str,
    *,
    lake: Lake,
    bins: Bins,
    row_ticks: int = 1,
    definition: str = "atas",
    within: Range = WHOLE,
    progress: Progress = silent,
) -> AuctionTables:
    """Footprint of an instrument.

    Parameters
    ----------
    name : str
        ``venue:symbol``, or a token that has one market.
    bins, row_ticks, definition
        As `counterpoise.flow.auction.footprint.FootprintBars`. The first bar of time is the first whole one of the range.

    Raises
    ------
    UnknownName
        If there is no such instrument or definition.
    InputError
        If the range holds no trade.
    """
    start_ns, every_ns = within.start_ns, bins.every_ns
    if start_ns is not None and every_ns:
        within = within._replace(start_ns=-(-start_ns // every_ns) * every_ns)
    of = one_instrument(name, lake=lake, within=within)
    by_row = Footprint(of, bins=bins, row_ticks=row_ticks, definition=definition)
    by_bar = FootprintBars(of, bins=bins, row_ticks=row_ticks, definition=definition)
    return AuctionTables(of, *_both(by_row, by_bar, lake, within, progress))


def lake_profile(
    name: str,
    *,
    lake: Lake,
    sessions: Sessions,
    kind: str = "volume",
    row_ticks: int = 1,
    area: str = "classic",
    share: float = 0.7,
    period_ns: int = 30 * MINUTE_NS,
    within: Range = WHOLE,
    progress: Progress = silent,
) -> AuctionTables:
    """Profiles of an instrument, a session each.

    Parameters
    ----------
    name : str
        ``venue:symbol``, or a token that has one market.
    kind : {"volume", "market"}
        What traded at each row, or the letters of the periods that did.
    sessions, row_ticks, area, share, period_ns
        As `counterpoise.flow.auction.profile.SessionProfile` and `counterpoise.flow.auction.market_profile.market_profile`.

    Raises
    ------
    UnknownName
        If there is no such instrument, kind or value area.
    InputError
        If the range holds no trade, or sessions do not fit the period.
    """
    if kind not in _KINDS:
        raise UnknownName("kind of profile", kind, _KINDS)
    of = one_instrument(name, lake=lake, within=within)
    if kind == "volume":
        by_row = Profile(of, sessions=sessions, row_ticks=row_ticks)
        of_session = SessionProfile(of, sessions=sessions, row_ticks=row_ticks, value_area=area, share=share)
        return AuctionTables(of, *_both(by_row, of_session, lake, within, progress))
    events = lake_events(of.id, lake=lake, tables=_TRADES, start_ns=within.start_ns, end_ns=within.end_ns, progress=progress)
    letters = market_profile(events, of, sessions=sessions, period_ns=period_ns, row_ticks=row_ticks)
    return AuctionTables(of, letters, auction(letters, of, definition=area, share=share))


def one_instrument(name: str, *, lake: Lake, within: Range = WHOLE) -> Instrument:
    """The instrument as the range has it, from its id or from a token with one market."""
    if ":" not in name:
        held = sorted(i.id for i in lake.instruments() if i.base.upper() == name.upper())
        if len(held) > 1:
            raise InputError(f"{name} is {len(held)} markets of this lake, one expected; choose of {', '.join(held)}")
        name = held[0] if held else name
    return lake.terms(lake.instrument(name).id, start_ns=within.start_ns, end_ns=within.end_ns, tables=_TRADES)


def sessions_named(name: str) -> Sessions:
    """Sessions by their set (``utc_day``, ``regions``), one of a set (``asia``), or a part of the day (``13:30-20:00``).

    Raises
    ------
    UnknownName
        With the nearest name.
    InputError
        If a time of day is none.

    Examples
    --------
    >>> str(sessions_named("europe"))
    'europe 07:00-13:00'
    """
    if name in SESSIONS:
        return Sessions.of(name)
    parts = {part[0]: part for of_day in SESSIONS.values() for part in of_day}
    if name in parts:
        return Sessions.of([parts[name]])
    start, dash, end = name.partition("-")
    if dash:
        return Sessions.of([(name, start, end)])
    raise UnknownName("session", name, [*SESSIONS, *parts, "13:30-20:00"])


def _both(rows: Stream, bars: Stream, lake: Lake, within: Range, progress: Progress) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two measures of the same events, read once."""
    of = rows.instrument.id
    for events in lake_events(of, lake=lake, tables=_TRADES, start_ns=within.start_ns, end_ns=within.end_ns, progress=progress):
        rows.push(events)
        bars.push(events)
    return rows.finish(), bars.finish()
