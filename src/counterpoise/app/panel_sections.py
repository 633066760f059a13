"""Sections of a run's report about the market: each says what is seen, how far it can be trusted, and when there is nothing."""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Any, Final

import polars as pl

from counterpoise.app.chart import decimals, lasted, short
from counterpoise.app.figures import INK
from counterpoise.app.footprint import footprint_figure
from counterpoise.app.frames import RunFrames
from counterpoise.app.manipulation_section import manipulation_section
from counterpoise.app.page import listing, picture
from counterpoise.app.panel_figures import ABSORBED, SWEPT, episode_figure, sized_figure
from counterpoise.app.panels import DETECTORS, PANEL_FRAMES
from counterpoise.app.profile import profile_figure
from counterpoise.core.units import MINUTE_NS, format_duration
from counterpoise.flow.auction.value_area import nodes, value_area
from counterpoise.market.instrument import Instrument

__all__ = ["market_sections"]

_MOST_DRAWN: Final = 200
_MOST_LISTED: Final = 20
_TRADED: Final = pl.col("buy_qty") + pl.col("sell_qty") + pl.col("unknown_qty")


def market_sections(
    frames: RunFrames, instrument: Instrument, panels: tuple[str, ...], *, average_price: float | None
) -> dict[str, str]:
    """HTML of each panel that was asked for, by its name; all detectors of manipulation together as ``manipulation``.

    Parameters
    ----------
    frames : RunFrames
    instrument : Instrument
    panels : tuple of str
        Keys of `counterpoise.app.panels.PANEL_FRAMES`.
    average_price : float, optional [quote]
        Of our fills, drawn on the profile.
    """
    made: dict[str, Callable[[], str]] = {
        "sized_flow": lambda: _sized(frames, instrument),
        "footprint": lambda: _footprint(frames, instrument),
        "profile": lambda: _profile(frames, instrument, average_price),
        "absorption": lambda: _absorption(frames, instrument),
        "sweeps": lambda: _sweeps(frames, instrument),
    }
    out = {name: make() for name, make in made.items() if name in panels}
    looked_for = tuple(name for name in DETECTORS if name in panels)
    if looked_for:
        found = {name: frames.panels[name] for name in looked_for}
        out["manipulation"] = manipulation_section(found, instrument, span=_span(frames), minutes=_minutes(frames))
    absent = [name for name in PANEL_FRAMES if name not in panels]
    if absent:
        out["absent"] = f"<p class='note'>Not looked at: {escape(', '.join(absent))}. Name them in [report] panels.</p>"
    return out


def _sized(frames: RunFrames, instrument: Instrument) -> str:
    title, sized = "Flow by size of order", frames.panels["sized_flow"]
    if not float((sized["buy_qty"] + sized["sell_qty"]).sum()):
        return _none(title, f"No trade with a known aggressor in {_minutes(frames)}.")
    note = (
        "Bought less sold since the start, apart by the value of the aggressor's order; fills of one message are one order, so "
        "an order that was split shows as small, and whose it is nobody can see."
    )
    return picture(title, note, sized_figure(sized, unit=_unit(instrument), quote=instrument.quote))


def _footprint(frames: RunFrames, instrument: Instrument) -> str:
    title, rows, bars = "Footprint", frames.panels["footprint"], frames.panels["footprint_bars"]
    if not rows.height:
        return _none(title, f"No trade in {_minutes(frames)}.")
    note = (
        f"Bars of {_every(bars)}: each field is bought less sold by aggressors at a row of prices, its text sold × bought, the "
        "frame the point of control; exact as far as the venue names the aggressor, while an imbalance (triangle) is a "
        "convention and no forecast."
    )
    return picture(title, note, footprint_figure(rows, bars, instrument))


def _profile(frames: RunFrames, instrument: Instrument, average_price: float | None) -> str:
    title, rows = "Volume profile", frames.panels["profile"].filter(_TRADED > 0)
    if not rows.height:
        return _none(title, f"No trade in {_minutes(frames)}.")
    area, digits = value_area(rows, instrument), decimals(instrument.price_grid.size)
    note = (
        f"Most traded at {area.poc:,.{digits}f} (P); {100 * area.share:.0f} % within {area.low:,.{digits}f} to "
        f"{area.high:,.{digits}f} (L to H, low edges of rows); exact for {_minutes(frames)}, which is a short time for such an "
        "area to mean anything later."
    )
    figure = profile_figure(rows, instrument, area, nodes(rows, instrument))
    figure.update_layout(height=520)
    if average_price is not None:
        figure.add_scatter(
            x=figure.layout.xaxis.range,
            y=[average_price] * 2,
            name=f"our average {average_price:,.{digits}f}",
            mode="lines",
            line={"color": INK, "width": 3, "dash": "dash"},
        )
    return picture(title, note, figure)


def _absorption(frames: RunFrames, instrument: Instrument) -> str:
    title, found = "Absorption", frames.panels["absorption"]
    if not found.height:
        return _none(
            title,
            f"None found in {_minutes(frames)}: no price was hit by three standard deviations above usual volume within "
            "5 s, held and was shown anew. The first 50 s have no usual volume to compare with.",
        )
    unit = _unit(instrument)
    says = pl.format("{} {} traded, {} shown anew", _short("traded"), pl.lit(unit), _short("refilled"))
    drawn = found.rename({"ts_start": "start", "ts_end": "end"}).with_columns(says=says)
    note = (
        f"{found.height:,} episodes: a price was hit by three standard deviations above usual volume within 5 s, held and was "
        "shown anew; a rule of practice, not a test: how often chance does the same is not known, and the refill may be "
        "many makers."
    )
    figure = episode_figure(frames.flow, drawn, ABSORBED, quote=instrument.quote)
    digits = decimals(instrument.price_grid.size)
    head = ("began", "lasted", "absorbed", "price", f"traded [{unit}]", "shown anew", "shown before", "× threshold", "ended by")
    rows = [
        (
            f"{row['ts_start']:%m-%d %H:%M:%S}",
            lasted(row["ts_start"], row["ts_end"]),
            "buys" if row["side"] > 0 else "sells",
            f"{row['price']:,.{digits}f}",
            short(row["traded"]),
            short(row["refilled"]),
            short(row["displayed_before"]),
            f"{row['strength']:.2f}",
            row["ended"],
        )
        for row in _largest(found, "strength", _MOST_LISTED).iter_rows(named=True)
    ]
    return picture(title, note, figure) + _some(found, "strongest") + listing(head, rows)


def _sweeps(frames: RunFrames, instrument: Instrument) -> str:
    title, found = "Sweeps", frames.panels["sweeps"]
    if not found.height:
        return _none(title, f"None found in {_minutes(frames)}: no order traded at two prices or more.")
    unit, half = _unit(instrument), found["half_ns"].median()
    drawn = _largest(found, "qty", _MOST_DRAWN)
    says = pl.format("{} {} at {} prices", _short("qty"), pl.lit(unit), "levels")
    drawn = drawn.rename({"ts_start": "start", "ts_end": "end", "price_last": "price"}).with_columns(says=says)
    back = (
        f"half of the depth was back after {format_duration(round(half))} (median)"
        if isinstance(half, float)
        else "no recovery seen"
    )
    note = (
        f"{found.height:,} orders that traded at two prices or more, the {drawn.height} largest drawn at their last price; "
        f"{back}. Fills of one side and one venue time are taken for one order, which may be two."
    )
    figure = episode_figure(frames.flow, drawn, SWEPT, quote=instrument.quote)
    digits = decimals(instrument.price_grid.size)
    head = ("began", "side", "from", "to", "prices", f"traded [{unit}]", "half back", "ended by")
    rows = [
        (
            f"{row['ts_start']:%m-%d %H:%M:%S}",
            "buy" if row["side"] > 0 else "sell",
            f"{row['price_first']:,.{digits}f}",
            f"{row['price_last']:,.{digits}f}",
            f"{row['levels']}",
            short(row["qty"]),
            "" if row["half_ns"] is None else format_duration(row["half_ns"]),
            row["ended"],
        )
        for row in _largest(found, "qty", _MOST_LISTED).iter_rows(named=True)
    ]
    return picture(title, note, figure) + _some(found, "largest") + listing(head, rows)


def _none(title: str, text: str) -> str:
    return f"<h2>{escape(title)}</h2><p class='note'>{escape(text)}</p>"


def _some(found: pl.DataFrame, which: str) -> str:
    return f"<p class='note'>The {_MOST_LISTED} {which} of {found.height:,}.</p>" if found.height > _MOST_LISTED else ""


def _largest(found: pl.DataFrame, by: str, most: int) -> pl.DataFrame:
    """The rows with most of it, in order of time."""
    order = found.with_row_index("_at").sort(by, descending=True, maintain_order=True).head(most)
    return order.sort("_at").drop("_at")


def _short(column: str) -> pl.Expr:
    return pl.col(column).map_elements(short, return_dtype=pl.String)


def _unit(instrument: Instrument) -> str:
    return "contracts" if instrument.inverse else instrument.base


def _every(bars: pl.DataFrame) -> str:
    step = bars["ts"].cast(pl.Int64).diff().max()
    return format_duration(step) if isinstance(step, int) else "the whole run"


def _span(frames: RunFrames) -> tuple[Any, Any]:
    return frames.steps["ts"][0], frames.steps["ts"][-1]


def _minutes(frames: RunFrames) -> str:
    """How long was looked at."""
    ts = frames.steps["ts"].cast(pl.Int64)
    return f"{(int(ts[-1]) - int(ts[0])) / MINUTE_NS:.1f}".removesuffix(".0") + " minutes"
