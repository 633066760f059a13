"""What looks like manipulation or hidden size in a run: what was found, when, how sure, and how often chance does the same."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final, NamedTuple

import polars as pl

from counterpoise.app.chart import decimals, lasted, short
from counterpoise.app.figures import times
from counterpoise.app.page import listing, picture
from counterpoise.app.panel_figures import timeline_figure
from counterpoise.core.units import format_duration
from counterpoise.market.instrument import Instrument

__all__ = ["manipulation_section"]

Row = dict[str, Any]
_MOST_LISTED: Final = 40


class _Kind(NamedTuple):
    """How one detector is told of.

    Attributes
    ----------
    size : str
        Column of the quantity that it is about.
    evidence : callable
        A row in words.
    alarms : str
        Rows an hour on clean simulated flow of two instruments, one hour each, the worse of them; 95 % interval.
    blind : str
        What it is known to miss.
    """

    size: str
    evidence: Callable[[Row], str]
    alarms: str
    blind: str


_NO_ALARM: Final = "0 (at most 3.7)"
_KINDS: Final = {  # rates: benchmarks/manipulation_rates.py --minutes 20 --seeds 101 102 103
    "icebergs": _Kind(
        "executed",
        lambda r: (
            f"{short(r['executed'])} executed where {short(r['displayed'])} was shown, "
            f"{r['refills']} refills, {r['alike']} alike"
        ),
        _NO_ALARM,
        "tips refilled late, blurred, or fewer than six times",
    ),
    "spoofing": _Kind(
        "size",
        lambda r: (
            f"{r['levels']} posted {r['distance']} ticks out, {100 * r['cancelled_share']:.0f} % pulled after "
            f"{format_duration(r['lifetime'])}; {short(r['opposite_qty'])} traded against meanwhile"
        ),
        _NO_ALARM,
        "single large postings where the tick is small; it sees layers",
    ),
    "stuffing": _Kind(
        "gross",
        lambda r: f"{r['updates']:,} updates where {r['usual_updates']:,.0f} are usual, {r['trades']} trades",
        _NO_ALARM,
        "what flickers between two messages of the feed",
    ),
    "wash": _Kind(
        "qty",
        lambda r: f"{r['pairs']} pairs of {short(r['size'])}, {format_duration(r['wait'])} apart; by chance {r['chance']:.0e}",
        _NO_ALARM,
        "common sizes, and sides far apart in time",
    ),
    "ignition": _Kind(
        "burst_qty",
        lambda r: (
            f"moved {short(r['move'], sign=True)}, {100 * r['back_share']:.0f} % taken back; "
            f"volume {r['sigmas']:.1f} sd above its mean"
        ),
        "4 (1.1 to 10.2)",
        "most moves under eight standard deviations",
    ),
}


def manipulation_section(found: dict[str, pl.DataFrame], instrument: Instrument, *, span: tuple[Any, Any], minutes: str) -> str:
    """One table of detectors, one line of time, one table of episodes.

    Parameters
    ----------
    found : dict of DataFrame
        Episodes by the detector's name, empty where it found none.
    instrument : Instrument
    span : (datetime, datetime)
        Of the run.
    minutes : str
        How long that is, in words.
    """
    title = "Signs of manipulation and hidden size"
    note = (
        "A public feed names nobody: a row is a pattern, not a finding about a person, and our own orders are not in it. "
        "The rates of false alarms are those of calm simulated flow; a real market has news and makers who quote and leave, "
        "so take them as a lower bound."
    )
    rates = listing(
        ("looked for", f"found in {minutes}", "false alarms an hour, simulated", "known to miss"),
        [(name, f"{f.height:,}" if f.height else "none", _KINDS[name].alarms, _KINDS[name].blind) for name, f in found.items()],
    )
    rows = pl.concat([_told(name, frame) for name, frame in found.items()])
    if not rows.height:
        looked_for = escape(f"None found in {minutes}. {note}")
        return f"<h2>{title}</h2><p class='note'>{looked_for}</p>{rates}"
    first, last = times(pl.Series(span, dtype=pl.Datetime("ns", "UTC")))
    figure = timeline_figure(rows, tuple(found), first=first, last=last)
    return picture(title, note, figure) + rates + _episodes(rows, instrument)


def _told(name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Episodes of one detector in the columns that all have."""
    kind = _KINDS[name]
    says = pl.Series("says", [kind.evidence(row) for row in frame.iter_rows(named=True)], dtype=pl.String)
    qty = pl.col(kind.size).cast(pl.Float64).alias("qty")
    return frame.select(pl.lit(name).alias("kind"), "start", "end", pl.col("side").cast(pl.Int64), "price", qty, "score", says)


def _episodes(rows: pl.DataFrame, instrument: Instrument) -> str:
    most = rows.sort("score", descending=True, maintain_order=True).head(_MOST_LISTED).sort("start", maintain_order=True)
    digits, unit = decimals(instrument.price_grid.size), "contracts" if instrument.inverse else instrument.base
    sides = {1: "bid, buy", -1: "ask, sell"}
    told = [
        (
            row["kind"],
            f"{row['start']:%m-%d %H:%M:%S}",
            lasted(row["start"], row["end"]),
            sides.get(row["side"], ""),
            f"{row['price']:,.{digits}f}",
            short(row["qty"]),
            "over 0.9999" if row["score"] > 0.9999 else f"{row['score']:.4f}",
            row["says"],
        )
        for row in most.iter_rows(named=True)
    ]
    some = f"<p class='note'>The {_MOST_LISTED} highest scores of {rows.height:,}.</p>" if rows.height > _MOST_LISTED else ""
    return some + listing(("kind", "began", "lasted", "side", "price", f"quantity [{unit}]", "score", "evidence"), told)
