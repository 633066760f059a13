"""How far a stream can be trusted: the state of a book, and a report of everything that is wrong with some events."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction
from html import escape
from math import ceil, floor
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D, Int2D, Int3D
from counterpoise.core.errors import InputError
from counterpoise.core.units import format_duration, format_time, parse_decimal
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels import codes
from counterpoise.market.kernels import quality as kernels

__all__ = ["CONSECUTIVE_IDS", "BookState", "QualityReport", "check_events"]

# venues whose trade ids of one instrument are consecutive
CONSECUTIVE_IDS: Final = frozenset({"binance", "binance_coinm", "binance_usdm", "coinbase"})

_CHANNELS: Final = ("book", "quote", "trade", "liquidation")
_PERCENTILES: Final = (1, 50, 99)


class BookState(IntEnum):
    """State of a book; of two states the greater is the worse."""

    SYNCED = codes.SYNCED
    STALE = codes.STALE
    CROSSED = codes.CROSSED
    GAPPED = codes.GAPPED


class _Check(NamedTuple):
    """A line of the report: what it is called, what `worst` counts in, what it means when there is any, where it applies."""

    name: str
    unit: str
    verdict: str
    channels: tuple[str, ...] = _CHANNELS


_CHECKS: Final = {
    kernels.GAPS: _Check("gap", "ids", "bad", ("book", "trade")),
    kernels.CROSSED: _Check("crossed", "ticks", "bad", ("book", "quote")),
    kernels.LOCKED: _Check("locked", "", "note", ("quote",)),
    kernels.REPEATED: _Check("repeated", "", "note"),
    kernels.TIME_BACK: _Check("venue time back", "ns", "note"),
    kernels.ID_BACK: _Check("id back", "ids", "note"),
    kernels.LOCAL_BACK: _Check("local time back", "ns", "bad"),
    kernels.SILENCE: _Check("silence", "ns", "note", ("book", "quote", "trade")),
    kernels.SKEW: _Check("clock skew", "ns", "note"),
    kernels.ZERO_QTY: _Check("zero quantity", "", "note", ("trade", "liquidation")),
    kernels.NEGATIVE_QTY: _Check("negative quantity", "lots", "bad"),
    kernels.OFF_RANGE: _Check("price off range", "ticks", "bad"),
    kernels.FRAMING: _Check("broken message", "", "bad"),
}
_DUPLICATE: Final = _Check("duplicate", "copies", "bad", ("trade", "liquidation"))
_STYLE: Final = (
    "<style>.cp-quality{border-collapse:collapse;color-scheme:light dark;font-variant-numeric:tabular-nums}"
    ".cp-quality th,.cp-quality td{padding:.15em .7em;text-align:right}.cp-quality th:first-child,.cp-quality td:first-child"
    "{text-align:left}.cp-quality .bad{color:light-dark(#b35900,#ffb266);font-weight:700}"
    ".cp-quality .note{color:light-dark(#1f5fa8,#8fc1ff)}</style>"
)


@dataclass(frozen=True, slots=True)
class QualityReport:
    """What `check_events` found.

    Attributes
    ----------
    instrument : str
        ``venue:symbol``.
    frame : polars.DataFrame
        One row a check and channel: check, channel, count, worst, unit (of worst), first_ns (ts_local of the first), verdict
        ok, note (a fact to keep in mind) or bad (numbers made of these events are wrong or null).
    channels : polars.DataFrame
        One row a channel: rows, messages, first_ns, last_ns, missing_ids, longest_silence_ns, and of ts_local − ts_venue per
        message latency_min_ns, latency_p1_ns, latency_p50_ns, latency_p99_ns, latency_max_ns; null where a clock is missing.
    date : str
        ISO date (UTC) when the events are those of one day, else "".
    """

    instrument: str
    frame: pl.DataFrame
    channels: pl.DataFrame
    date: str = ""

    @property
    def title(self) -> str:
        """Instrument, and the date when there is one."""
        return f"{self.instrument} {self.date}".rstrip()

    @property
    def ok(self) -> bool:
        """Whether nothing is bad."""
        return not (self.frame["verdict"] == "bad").any()

    def count(self, check: str, channel: str) -> int:
        """How often a check found something in a channel; 0 where the channel is absent."""
        row = self.frame.filter((pl.col("check") == check) & (pl.col("channel") == channel))
        return int(row["count"].sum())

    def __str__(self) -> str:
        lines = [f"{self.title}: {'ok' if self.ok else 'BAD'}"]
        for channel, rows, messages, silence, latency in self._channel_cells():
            lines.append(
                f"{channel:<12}{rows:>13} rows{messages:>13} messages   longest silence {silence:<9} latency {latency}"
            )
        for check, channel, count, worst, first, verdict in self._found_cells():
            lines.append(f"{verdict:<5}{check:<19}{channel:<12}{count:>11}   worst {worst:<16} first {first}")
        return "\n".join(lines if len(lines) > len(self.channels) + 1 else [*lines, "nothing found"])

    def to_html(self) -> str:
        """A table of the checks that found something, and the channels; stands alone in a page."""
        channels = [_html_row(cells) for cells in self._channel_cells()]
        found = [_html_row(cells, mark=cells[-1]) for cells in self._found_cells()] or [_html_row(("nothing found",))]
        title = f"<caption>{escape(self.title)}: {'ok' if self.ok else 'bad'}</caption>"
        return (
            _STYLE
            + _html_table(title, ("channel", "rows", "messages", "longest silence", "median latency"), channels)
            + _html_table("", ("check", "channel", "count", "worst", "first", "verdict"), found)
        )

    def _repr_html_(self) -> str:
        return self.to_html()

    def _channel_cells(self) -> list[tuple[str, ...]]:
        columns = self.channels.select("channel", "rows", "messages", "longest_silence_ns", "latency_p50_ns")
        return [
            (name, f"{n:,}", f"{m:,}", _amount(s, "ns"), _amount(late, "ns")) for name, n, m, s, late in columns.iter_rows()
        ]

    def _found_cells(self) -> list[tuple[str, ...]]:
        columns = self.frame.filter(pl.col("count") > 0).select(
            "check", "channel", "count", "worst", "unit", "first_ns", "verdict"
        )
        return [
            (check, channel, f"{count:,}", _amount(worst, unit), "-" if at is None else format_time(at), verdict)
            for check, channel, count, worst, unit, at, verdict in columns.iter_rows()
        ]


def check_events(
    events: Events,
    instrument: Instrument,
    *,
    stale_ns: int,
    tolerance_ns: int = 0,
    consecutive_ids: bool | None = None,
    price_range: tuple[str | float | Decimal, str | float | Decimal] | None = None,
    book_crossings: int | None = None,
) -> QualityReport:
    """Everything about some events that can be found in one pass.

    Parameters
    ----------
    events : Events
        Rows of one instrument in order of arrival; nothing about them is taken for granted but equal lengths.
    instrument : Instrument
    stale_ns : int [ns]
        A channel that says nothing for longer is silent; from the stream's first row to its last, so a dead channel shows.
        Liquidations are rare by nature and are not held to it.
    tolerance_ns : int [ns]
        `ts_venue` may fall this far behind the greatest so far before it counts as going back.
    consecutive_ids : bool, optional
        Trade ids leave no holes; when not given, known for the venues of `CONSECUTIVE_IDS`.
    price_range : (low, high), optional [quote per base]
        Prices outside are off range; when not given, prices must be above 0.
    book_crossings : int, optional
        Messages that left the book crossed, as `counterpoise.market.book.Book.crossings` counts them.

    Returns
    -------
    QualityReport

    Raises
    ------
    InputError
        If a limit cannot be meant, or the columns differ in length or hold an unknown kind.

    Notes
    -----
    Order is judged against the greatest value so far, per channel: one message that comes two places late counts once. A
    snapshot or a GAP row starts the book's ids and times anew. A message repeats when id, venue time and all rows equal the one
    before; a trade with an id is a duplicate when the id was seen anywhere before. Negative latency is reported as clock skew,
    not repaired. Percentiles are by nearest rank. O(n); O(n log n) when trade ids go back.
    """
    columns, limits = _inputs(events, instrument, stale_ns, tolerance_ns, consecutive_ids, price_range)
    summary = np.zeros((kernels.CHANNELS, kernels.SUMMARY), np.int64)
    found = np.zeros((kernels.CHANNELS, kernels.CHECKS, 3), np.int64)
    latency_ns = np.empty((kernels.CHANNELS, len(columns.kind)), np.int64)
    kernels.check_rows(columns, limits, summary, found, latency_ns)
    doubles = np.zeros((kernels.CHANNELS, 3), np.int64)
    for kind in (codes.TRADE, codes.LIQUIDATION):
        channel = kind - codes.QUOTE + kernels.QUOTES
        if found[channel, kernels.ID_BACK, kernels.COUNT]:
            _tell_late_from_twice(columns, kind, limits.consecutive, summary[channel], found[channel], doubles[channel])
    if len(columns.kind):
        _silent_ends(summary, found, limits.stale_ns, int(columns.ts_local[0]), int(columns.ts_local[-1]))
    if book_crossings:
        found[kernels.BOOK, kernels.CROSSED, kernels.COUNT] = book_crossings
    return QualityReport(instrument.id, _checks_frame(summary, found, doubles), _channels_frame(columns, summary, latency_ns))


def _inputs(
    events: Events,
    instrument: Instrument,
    stale_ns: int,
    tolerance_ns: int,
    consecutive_ids: bool | None,
    price_range: tuple[str | float | Decimal, str | float | Decimal] | None,
) -> tuple[kernels.EventColumns, kernels.Limits]:
    if len({len(column) for column in events}) != 1:
        raise InputError(f"event columns differ in length: {[len(column) for column in events]}")
    if events.rows and events.kind.max() > codes.LIQUIDATION:
        raise InputError(f"kind {events.kind.max()} is no kind of event; expected 0 to {codes.LIQUIDATION}")
    if stale_ns <= 0 or tolerance_ns < 0:
        raise InputError(f"stale_ns must be positive and tolerance_ns not negative, found {stale_ns} and {tolerance_ns}")
    low, high = 1, 2**61
    if price_range is not None:
        tick = Fraction(instrument.price_grid.step)
        least, most = (Fraction(parse_decimal(price, what="price range")) for price in price_range)
        low, high = ceil(least / tick), floor(most / tick)
        if low > high:
            raise InputError(f"price range {price_range} is empty; give (low, high)")
    consecutive = instrument.venue in CONSECUTIVE_IDS if consecutive_ids is None else consecutive_ids
    messages = np.where(events.flags & codes.ORDER > 0, -1, events.id)  # an order's number comes again, a message's does not
    return kernels.EventColumns(*events._replace(id=messages)), kernels.Limits(stale_ns, tolerance_ns, low, high, consecutive)


def _tell_late_from_twice(
    e: kernels.EventColumns, kind: int, consecutive: bool, summary: Int1D, found: Int2D, double: Int1D
) -> None:
    """Ids that do not rise are late or there twice; only all of them together say which, and what is really missing."""
    rows = np.flatnonzero((e.kind == kind) & (e.id >= 0))
    ids, at = e.id[rows], e.ts_local[rows]
    values, first, copies = np.unique(ids, return_index=True, return_counts=True)
    again = np.ones(len(ids), np.bool_)
    again[first] = False
    greatest = np.maximum.accumulate(ids)
    late = np.flatnonzero(~again & (ids < greatest))
    twice = np.flatnonzero(again)
    if len(twice):
        double[:] = len(twice), copies.max(), at[twice[0]]
    found[kernels.ID_BACK] = (len(late), (greatest - ids)[late].max(), at[late[0]]) if len(late) else (0, 0, 0)
    if not (consecutive and kind == codes.TRADE):
        return
    holes = np.diff(values) - 1
    after = np.flatnonzero(holes > 0)
    summary[kernels.MISSING] = holes.sum()
    found[kernels.GAPS] = (len(after), holes.max(), at[first[after + 1].min()]) if len(after) else (0, 0, 0)


def _silent_ends(summary: Int2D, found: Int3D, stale_ns: int, begin: int, end: int) -> None:
    """Silence before a channel's first row and after its last."""
    for channel in (kernels.BOOK, kernels.QUOTES, kernels.TRADES):
        if not summary[channel, kernels.ROWS]:
            continue
        first, last = int(summary[channel, kernels.FIRST_NS]), int(summary[channel, kernels.LAST_NS])
        silence = found[channel, kernels.SILENCE]
        for start, length, foremost in ((begin, first - begin, True), (last, end - last, False)):
            summary[channel, kernels.LONGEST_NS] = max(summary[channel, kernels.LONGEST_NS], length)
            if length > stale_ns:
                if foremost or not silence[kernels.COUNT]:
                    silence[kernels.AT] = start
                silence[kernels.WORST] = max(length, silence[kernels.WORST])
                silence[kernels.COUNT] += 1


def _checks_frame(summary: Int2D, found: Int3D, doubles: Int2D) -> pl.DataFrame:
    lines: list[dict[str, Any]] = []
    for channel, name in enumerate(_CHANNELS):
        numbers = [(check, found[channel, k]) for k, check in _CHECKS.items()] + [(_DUPLICATE, doubles[channel])]
        present = summary[channel, kernels.ROWS] > 0 or found[channel, :, kernels.COUNT].any()
        for check, (count, worst, at) in numbers:
            if not present or name not in check.channels:
                continue
            counted_elsewhere = name == "book" and check.name == "crossed"
            measured = bool(count and check.unit) and not counted_elsewhere and not (name == "book" and check.name == "gap")
            lines.append(
                {
                    "check": check.name,
                    "channel": name,
                    "count": int(count),
                    "worst": int(worst) if measured else None,
                    "unit": check.unit,
                    "first_ns": int(at) if count and not counted_elsewhere else None,
                    "verdict": check.verdict if count else "ok",
                }
            )
    types = {"check": pl.String, "channel": pl.String, "count": pl.Int64, "worst": pl.Int64, "unit": pl.String}
    return pl.DataFrame(lines, schema=types | {"first_ns": pl.Int64, "verdict": pl.String})


def _channels_frame(e: kernels.EventColumns, summary: Int2D, latency_ns: Int2D) -> pl.DataFrame:
    lines = []
    for channel, name in enumerate(_CHANNELS):
        rows, messages, first, last, missing, timed, longest = summary[channel].tolist()
        if not rows:
            continue
        late = np.sort(latency_ns[channel, :timed])
        line = {"channel": name, "rows": rows, "messages": messages, "first_ns": first, "last_ns": last, "missing_ids": missing}
        line |= {"longest_silence_ns": longest, "latency_min_ns": int(late[0]) if timed else None}
        line |= {f"latency_p{p}_ns": int(late[ceil(p * timed / 100) - 1]) if timed else None for p in _PERCENTILES}
        lines.append(line | {"latency_max_ns": int(late[-1]) if timed else None})
    numbers = ["rows", "messages", "first_ns", "last_ns", "missing_ids", "longest_silence_ns"]
    numbers += ["latency_min_ns", *(f"latency_p{p}_ns" for p in _PERCENTILES), "latency_max_ns"]
    return pl.DataFrame(lines, schema={"channel": pl.String} | dict.fromkeys(numbers, pl.Int64))


def _amount(worst: int | None, unit: str) -> str:
    if worst is None:
        return "-"
    return format_duration(worst) if unit == "ns" else f"{worst:,} {unit}"


def _html_row(cells: tuple[str, ...], *, mark: str = "") -> str:
    return f'<tr class="{mark}">' + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _html_table(title: str, names: tuple[str, ...], rows: list[str]) -> str:
    heads = "".join(f"<th>{name}</th>" for name in names)
    return f'<table class="cp-quality">{title}<tr>{heads}</tr>{"".join(rows)}</table>'
