"""Market profile: one letter for each period in which a price was traded, as a session's auction is read."""

from __future__ import annotations

from collections.abc import Iterable
from string import ascii_letters
from typing import Any, Final, Literal

import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS, MINUTE_NS, format_duration
from counterpoise.flow.auction.definition import ValueAreaDefinition
from counterpoise.flow.auction.price_rows import RowRules, RowStream, stamped
from counterpoise.flow.auction.profile import SessionsLike
from counterpoise.flow.auction.sessions import Sessions
from counterpoise.flow.auction.value_area import value_area
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import bar as k
from counterpoise.flow.kernels.footprint import ROW_COLUMNS
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Fill", "auction", "market_profile"]

Fill = Literal["traded", "range"]

_LETTERS: Final = ascii_letters[26:] + ascii_letters[:26]  # A to Z, then a to z
_MOST_ROWS: Final = 10_000_000
_KEYS: Final = ("ts", "session", "start")


def market_profile(
    events: Events | Iterable[Events],
    instrument: Instrument,
    *,
    sessions: SessionsLike = "utc_day",
    period_ns: int = 30 * MINUTE_NS,
    row_ticks: int = 1,
    fill: Fill = "traded",
) -> pl.DataFrame:
    """Letters of every row of every session.

    Parameters
    ----------
    events : Events, or an iterable of them
        In order; pieces are taken one by one.
    instrument : Instrument
    sessions : str, Sessions or (name, start, end) of each
    period_ns : int [ns]
        Length of a letter; sessions begin and end on its multiples.
    row_ticks : int
    fill : {"traded", "range"}
        Whether a letter stands at the rows that traded, or at all from the period's low to its high: as charts that are made
        from bars have it.

    Returns
    -------
    polars.DataFrame
        ``ts`` (end of the session, exclusive), ``session``, ``start``, ``row``, ``price`` (low edge), ``letters`` (``A`` the
        first period, after ``Z`` comes ``a``), ``letters_count`` and ``single_print`` (whether one letter alone stands there: a
        single print).

    Raises
    ------
    InputError
        If sessions do not fit the period, have more than 52 of them, or `range` spans more than ten million rows.

    Notes
    -----
    Causal: a session's rows depend on its own events. O(events).

    References
    ----------
    Steidlmayer's Market Profile, CBOT (1985): letters of half an hour.
    """
    over = Sessions.of(sessions)
    _require_fit(over, period_ns)
    if fill not in ("traded", "range"):
        raise UnknownName("fill", fill, ("traded", "range"))
    periods = _Periods(instrument, period_ns, row_ticks)
    pieces = (events,) if isinstance(events, Events) else events
    rows = pl.concat([*map(periods.step, pieces), periods.finish()])
    spans = _spans(rows["ts"].dt.epoch("ns").unique().to_list(), over, period_ns)
    found = (_between(rows) if fill == "range" else rows).join(spans, left_on="ts", right_on="end").drop("ts")
    tick = instrument.price_grid
    out = (
        found.sort("letter")
        .group_by("session_end", "session", "start", "row")
        .agg(letters=pl.col("letter").replace_strict(dict(enumerate(_LETTERS)), return_dtype=pl.String).str.join(""))
        .sort("session_end", "row")
        .rename({"session_end": "ts"})
        .with_columns(letters_count=pl.col("letters").str.len_chars().cast(pl.Int64))
    )
    price = pl.Series("price", tick.values(out["row"].to_numpy() * row_ticks))
    return out.with_columns(price, single_print=pl.col("letters_count") == 1).select(
        *_KEYS, "row", "price", "letters", "letters_count", "single_print"
    )


class _Periods(RowStream):
    """Which rows traded in each period."""

    def __init__(self, instrument: Instrument, period_ns: int, row_ticks: int) -> None:
        rules = RowRules(Bins.every(period_ns), row_ticks=row_ticks)
        super().__init__(instrument, rules=rules, writes=k.ROWS, width=ROW_COLUMNS)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        return stamped({"ts": rows[:, 0], "row": rows[:, 4]})


def auction(
    letters: pl.DataFrame,
    instrument: Instrument,
    *,
    definition: str | ValueAreaDefinition = "classic",
    share: float = 0.7,
    opening: int = 2,
) -> pl.DataFrame:
    """What each session's letters come to.

    Parameters
    ----------
    letters : polars.DataFrame
        As `market_profile` gives them.
    definition, share
        Of the value area of letters; see `counterpoise.flow.value_area.value_area`.
    opening : int
        Periods of the initial balance.

    Returns
    -------
    polars.DataFrame
        ``ts``, ``session``, ``start``, ``poc``, ``value_area_low``, ``value_area_high`` [quote], ``initial_low`` and
        ``initial_high`` of the first periods (null when nothing traded in them), ``single_prints`` (rows with one letter, but
        for the tails at the two ends), ``poor_low`` and ``poor_high`` (two letters or more at the extreme).
    """
    out: list[dict[str, Any]] = []
    for key, part in letters.group_by(_KEYS, maintain_order=True):
        area = value_area(part, instrument, definition=definition, share=share)
        line: dict[str, Any] = dict(zip(_KEYS, key, strict=True))
        line |= {"poc": area.poc, "value_area_low": area.low, "value_area_high": area.high}
        first = part.filter(pl.col("letters").str.contains_any(list(_LETTERS[:opening])))["price"]
        line |= {"initial_low": first.min(), "initial_high": first.max()}
        inner = part["letters_count"].to_list()
        while inner and inner[0] == 1:
            inner.pop(0)
        while inner and inner[-1] == 1:
            inner.pop()
        counts = part["letters_count"]
        out.append(line | {"single_prints": inner.count(1), "poor_low": counts[0] > 1, "poor_high": counts[-1] > 1})
    schema = pl.Schema({"ts": UTC_NS, "session": pl.String(), "start": UTC_NS, **dict.fromkeys(_PRICES, pl.Float64())})
    return pl.DataFrame(
        out, schema={**schema, "single_prints": pl.Int64(), "poor_low": pl.Boolean(), "poor_high": pl.Boolean()}
    )


_PRICES: Final = ("poc", "value_area_low", "value_area_high", "initial_low", "initial_high")


def _require_fit(sessions: Sessions, period_ns: int) -> None:
    if period_ns <= 0 or DAY_NS % period_ns:
        raise InputError(f"a day has no whole number of periods of {period_ns} ns; choose one like 30m")
    for part in sessions.parts:
        if part.start_ns % period_ns or part.end_ns % period_ns or part.end_ns - part.start_ns > len(_LETTERS) * period_ns:
            raise InputError(
                f"session {part.name!r} of {sessions} must begin and end on multiples of {format_duration(period_ns)} and have "
                f"at most {len(_LETTERS)} of them; choose another period"
            )


def _spans(ends: list[int], sessions: Sessions, period_ns: int) -> pl.DataFrame:
    """Session and letter of each period, by its end; periods between sessions have none."""
    out = []
    for end in ends:
        number, session_end = sessions.at(end - period_ns)
        if number >= 0:
            part = sessions.parts[number]
            start = session_end - (part.end_ns - part.start_ns)
            out.append((end, session_end, part.name, start, (end - period_ns - start) // period_ns))
    schema = {"end": pl.Int64, "session_end": pl.Int64, "session": pl.String, "start": pl.Int64, "letter": pl.Int64}
    return pl.DataFrame(out, schema=schema, orient="row").with_columns(pl.col("end", "session_end", "start").cast(UTC_NS))


def _between(rows: pl.DataFrame) -> pl.DataFrame:
    """Every row from the low to the high of each period."""
    ends = rows.group_by("ts", maintain_order=True).agg(low=pl.col("row").min(), high=pl.col("row").max())
    count = int((ends["high"] - ends["low"] + 1).sum())
    if count > _MOST_ROWS:
        raise InputError(f"periods span {count:,} rows; choose higher rows (row_ticks), or fill='traded'")
    return ends.select("ts", row=pl.int_ranges("low", pl.col("high") + 1)).explode("row", empty_as_null=True)


GROUPS: Final[tuple[Group, ...]] = (
    Group(
        "market_profile",
        "letters of the periods in which each row of prices was traded, over a session",
        "market_profile",
        ("trades",),
        (
            Column("ts", "ns", "end of the session, exclusive"),
            Column("session", "1", "its name"),
            Column("start", "ns", "its start"),
            Column("row", "1", "number of the row: price / (row_ticks · tick), rounded down", "free"),
            Column("price", "quote", "low edge of the row", "price"),
            Column("letters", "1", "a letter a period in which it traded", "even"),
            Column("letters_count", "count", "how many", "even"),
            Column("single_print", "1", "whether it is one: a single print", "even"),
        ),
        "CBOT (1985), Market Profile",
    ),
    Group(
        "session_auction",
        "what the letters of a session come to: value area, initial balance, single prints, poor extremes",
        "session_auction",
        ("trades",),
        (
            Column("ts", "ns", "end of the session, exclusive"),
            Column("session", "1", "its name"),
            Column("start", "ns", "its start"),
            Column("poc", "quote", "low edge of the row with most letters; of equals the nearest to the centre", "free"),
            Column("value_area_low", "quote", "low edge of the lowest row of the value area of letters", "free"),
            Column("value_area_high", "quote", "low edge of the highest row of it", "free"),
            Column("initial_low", "quote", "low edge of the lowest row of the first periods; null without a trade", "free"),
            Column("initial_high", "quote", "low edge of the highest row of the first periods", "free"),
            Column("single_prints", "count", "rows with one letter between the tails at both ends", "free"),
            Column("poor_low", "1", "whether the lowest row has two letters or more", "free"),
            Column("poor_high", "1", "whether the highest row has", "free"),
        ),
        "CBOT (1985), Market Profile",
    ),
)
