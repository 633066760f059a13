"""Volume profiles: what traded at each price over a session, how it came to be bin by bin, and the sum of several.

`Profile` gives the rows of each session when it ends, `DevelopingProfile` what was known of it at the end of each bin, and
`SessionProfile` what it came to. Market profiles of letters are in `counterpoise.flow.auction.market_profile`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.flow.auction.definition import ValueAreaDefinition
from counterpoise.flow.auction.price_rows import RowRules, RowStream, Summary, stamped
from counterpoise.flow.auction.sessions import Sessions
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import bar as k
from counterpoise.flow.kernels.footprint import ROW_COLUMNS, SUMMARY_COLUMNS
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = [
    "GROUPS",
    "DevelopingProfile",
    "Profile",
    "SessionProfile",
    "composite",
    "developing_profile",
    "profile",
    "session_profile",
]

SessionsLike = str | Sessions | Iterable[tuple[str, str, str]]


class Profile(RowStream):
    """Rows of each session when it ends: what was bought and sold at each row of prices.

    Parameters
    ----------
    instrument : Instrument
    sessions : str, Sessions or (name, start, end) of each
        See `counterpoise.flow.auction.sessions.Sessions.of`.
    row_ticks : int
        Height of a row [ticks].

    Notes
    -----
    A frame has ``ts`` (end of the session, exclusive), ``session``, ``start``, ``row``, ``price`` (low edge), ``buy_qty``,
    ``sell_qty``, ``unknown_qty`` and ``trades``. What is traded between sessions is in none of them. The last session is there
    as far as it went. Causal. O(1) a trade, O(rows) a session.
    """

    def __init__(self, instrument: Instrument, *, sessions: SessionsLike = "utc_day", row_ticks: int = 1) -> None:
        rules = RowRules(None, Sessions.of(sessions), row_ticks=row_ticks)
        super().__init__(instrument, rules=rules, writes=k.ROWS, width=ROW_COLUMNS)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        columns: dict[str, AnyArray] = {"ts": rows[:, 0], **_session(self.rules.sessions, rows[:, 2], rows[:, 3])}
        columns |= {"row": rows[:, 4], "price": self._price(rows[:, 4])}
        for name, column in (("buy_qty", 5), ("sell_qty", 7), ("unknown_qty", 6)):
            columns[name] = self.instrument.flow_grid.values(rows[:, column])
        return _named(stamped(columns | {"trades": rows[:, 8]}))


class DevelopingProfile(RowStream):
    """What is known of the running session at the end of each bin: point of control, value area, mean price, CVD.

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
        When it is looked at. Where a session ends within a bin, the bin ends there too.
    sessions : str, Sessions or (name, start, end) of each
    row_ticks : int
    value_area : str or ValueAreaDefinition
    share : float
        Of all quantity that the value area holds at least.
    bands : tuple of float
        Distances of ``vwap_low_{x}`` and ``vwap_high_{x}`` from the mean price, in its standard deviations.

    Notes
    -----
    Columns are described in `GROUPS`; all are from the start of the session on, which is the anchor of ``vwap`` and ``cvd``.
    There are no bins between sessions. Prices are weighted by base coins, so those of an inverse contract by contracts / price,
    and not at all where that price is not positive.

    Causal. O(1) a trade, O(rows of the session) a bin.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        bins: Bins,
        sessions: SessionsLike = "utc_day",
        row_ticks: int = 1,
        value_area: str | ValueAreaDefinition = "classic",
        share: float = 0.7,
        bands: tuple[float, ...] = (1.0, 2.0),
    ) -> None:
        rules = RowRules(bins, Sessions.of(sessions), row_ticks=row_ticks, value_area=value_area, share=share)
        self._develop(instrument, rules, bands)

    def _develop(self, instrument: Instrument, rules: RowRules, bands: tuple[float, ...]) -> None:
        if any(not band > 0 for band in bands) or len(set(bands)) < len(bands):
            raise InputError(f"bands lie at different distances above 0, found {bands}")
        self.bands = bands
        super().__init__(instrument, rules=rules, writes=k.BARS, width=SUMMARY_COLUMNS)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        of = Summary(rows, self.instrument, self.rules.row_ticks)
        columns: dict[str, AnyArray] = {
            "ts": rows[:, 0],
            **_session(self.rules.sessions, of[k.SESSION], of[k.SESSION_START]),
            "volume": of.qty(k.SUM_BUY, k.SUM_SELL, k.SUM_UNKNOWN),
            "buy_qty": of.qty(k.SUM_BUY),
            "sell_qty": of.qty(k.SUM_SELL),
            "unknown_qty": of.qty(k.SUM_UNKNOWN),
            "trades": of[k.SUM_TRADES],
            "cvd": of.net(k.SUM_BUY, k.SUM_SELL),
            **of.area(),
        }
        mean, spread = of.vwap()
        columns |= {"vwap": mean, "vwap_sd": spread}
        for band in self.bands:
            columns |= {f"vwap_low_{band:g}": mean - band * spread, f"vwap_high_{band:g}": mean + band * spread}
        return _named(stamped(columns | {"gaps": of[k.GAPS], "complete": of[k.COMPLETE] > 0}))


class SessionProfile(DevelopingProfile):
    """What each session came to: the columns of `DevelopingProfile` at its end. Parameters as there, without bins."""

    def __init__(
        self,
        instrument: Instrument,
        *,
        sessions: SessionsLike = "utc_day",
        row_ticks: int = 1,
        value_area: str | ValueAreaDefinition = "classic",
        share: float = 0.7,
        bands: tuple[float, ...] = (1.0, 2.0),
    ) -> None:
        rules = RowRules(None, Sessions.of(sessions), row_ticks=row_ticks, value_area=value_area, share=share)
        self._develop(instrument, rules, bands)


def profile(events: Events, instrument: Instrument, *, sessions: SessionsLike = "utc_day", row_ticks: int = 1) -> pl.DataFrame:
    """Rows of every session of a whole stream; see `Profile`."""
    return Profile(instrument, sessions=sessions, row_ticks=row_ticks).whole(events)


def developing_profile(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins,
    sessions: SessionsLike = "utc_day",
    row_ticks: int = 1,
    value_area: str | ValueAreaDefinition = "classic",
    share: float = 0.7,
    bands: tuple[float, ...] = (1.0, 2.0),
) -> pl.DataFrame:
    """How the profiles of a whole stream came to be; see `DevelopingProfile`."""
    return DevelopingProfile(
        instrument, bins=bins, sessions=sessions, row_ticks=row_ticks, value_area=value_area, share=share, bands=bands
    ).whole(events)


def session_profile(
    events: Events,
    instrument: Instrument,
    *,
    sessions: SessionsLike = "utc_day",
    row_ticks: int = 1,
    value_area: str | ValueAreaDefinition = "classic",
    share: float = 0.7,
    bands: tuple[float, ...] = (1.0, 2.0),
) -> pl.DataFrame:
    """What every session of a whole stream came to; see `SessionProfile`."""
    return SessionProfile(
        instrument, sessions=sessions, row_ticks=row_ticks, value_area=value_area, share=share, bands=bands
    ).whole(events)


def composite(rows: pl.DataFrame) -> pl.DataFrame:
    """The sum of profiles or footprints: one profile over all their bars or sessions.

    Parameters
    ----------
    rows : polars.DataFrame
        Rows of one instrument and one row height, of `Profile` or `flow.auction.footprint.Footprint`; take a range of them
        with a filter first.

    Returns
    -------
    polars.DataFrame
        ``row``, ``price``, ``buy_qty``, ``sell_qty``, ``unknown_qty``, ``trades``, lowest row first.

    Raises
    ------
    InputError
        If rows are not all of one height.
    """
    heights = rows.filter(pl.col("row") != 0).select(pl.col("price") / pl.col("row")).to_series().to_numpy()
    if len(heights) and not np.allclose(heights, heights[0], rtol=1e-9, atol=0.0):
        found = f"{heights.min():g} to {heights.max():g}"
        raise InputError(f"rows are {found} high [quote], expected one height; add up profiles made alike")
    sums = pl.col("buy_qty", "sell_qty", "unknown_qty", "trades").sum()
    return rows.group_by("row").agg(pl.col("price").first(), sums).sort("row")


def _session(sessions: Sessions | None, number: Int1D, start: Int1D) -> dict[str, AnyArray]:
    names = np.array(sessions.names if sessions else (), dtype=object)
    return {"session": names[number], "start": start}


def _named(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.col("session").cast(pl.String), pl.col("start").cast(UTC_NS))


_WHEN: Final = (
    Column("ts", "ns", "end of the session, or of the bin within it, exclusive"),
    Column("session", "1", "its name"),
    Column("start", "ns", "its start"),
)
_QTY: Final = (
    Column("buy_qty", "base", "bought by aggressors since the start", "swaps", "linear"),
    Column("sell_qty", "base", "sold by aggressors since the start", "swaps", "linear"),
    Column("unknown_qty", "base", "traded since the start, aggressor unknown", "even", "linear"),
    Column("trades", "count", "trades of some quantity since the start"),
)
_DEVELOPING: Final = (
    *_WHEN,
    Column("volume", "base", "all that traded since the start", "even", "linear"),
    *_QTY,
    Column("cvd", "base", "buy_qty - sell_qty, from the start of the session", "odd", "linear"),
    Column("poc", "quote", "low edge of the row that traded most; of equals the nearest to the centre", "free"),
    Column("value_area_low", "quote", "low edge of the lowest row of the value area", "free"),
    Column("value_area_high", "quote", "low edge of the highest row of the value area", "free"),
    Column("poc_qty", "base", "what traded at the point of control", "even", "linear"),
    Column("vwap", "quote", "mean price weighted by base coins, from the start of the session", "price"),
    Column("vwap_sd", "quote", "standard deviation of price so weighted", "even"),
    Column("vwap_low_{x}", "quote", "vwap - x standard deviations", "price"),
    Column("vwap_high_{x}", "quote", "vwap + x standard deviations", "price"),
    Column("gaps", "count", "GAP rows within the bin"),
    Column("complete", "1", "whether something has ended the bin"),
)
_SOURCE: Final = "value areas: counterpoise.flow.auction.definition"
GROUPS: Final[tuple[Group, ...]] = (
    Group(
        "profile",
        "what traded at each row of prices over a session",
        "Profile",
        ("trades",),
        (
            *_WHEN,
            Column("row", "1", "number of the row: price / (row_ticks · tick), rounded down", "free"),
            Column("price", "quote", "low edge of the row", "price"),
            # a mirror turns the order of the rows, so column by column it says nothing of them
            *(column._replace(mirror="free") for column in _QTY),
        ),
        _SOURCE,
    ),
    Group(
        "developing_profile",
        "point of control, value area, mean price and CVD of the session so far",
        "DevelopingProfile",
        ("trades", "bins"),
        _DEVELOPING,
        _SOURCE,
    ),
    Group("session_profile", "what a session came to", "SessionProfile", ("trades",), _DEVELOPING, _SOURCE),
)
