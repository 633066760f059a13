"""A market profile to look at: letters of the periods that traded at each price, as text and as a page."""

from __future__ import annotations

from html import escape
from typing import Final

import polars as pl

from counterpoise.app.chart import decimals, wrapped
from counterpoise.app.page import page, table
from counterpoise.market.instrument import Instrument

__all__ = ["letters_html", "letters_text"]

_LEGEND: Final = "a letter a period; P point of control, H and L the value area's edges, | within it"


def letters_text(rows: pl.DataFrame, bars: pl.DataFrame, instrument: Instrument, *, width: int = 80, height: int = 40) -> str:
    """One session, prices falling down the lines.

    Parameters
    ----------
    rows, bars : polars.DataFrame
        A session of `counterpoise.flow.auction.market_profile.market_profile`, and its row of ``auction``.
    instrument : Instrument
    width, height : int
        Characters of a line, and lines of prices at most; letters of adjacent rows are put together until they fit.
    """
    if rows.height == 0 or bars.height == 0:
        return "no trade in this range\n"
    area = bars.row(-1, named=True)
    span = int(rows["row"].to_numpy().max() - rows["row"].to_numpy().min()) + 1
    merged = -(-span // max(1, height))
    lines = rows.group_by(line=pl.col("row") // merged).agg(
        pl.col("price").min(), top=pl.col("price").max(), letters=pl.col("letters").str.join("")
    )
    lines = lines.sort("line", descending=True)
    digits = decimals(instrument.price_grid.size)
    edge = max(len(f"{price:.{digits}f}") for price in rows["price"])
    out, last = [], int(lines["line"][0])
    for line, price, top, letters in lines.rows():
        if line < last - 1:
            out.append("⋮".rjust(edge))
        last = line
        marks = (("P", "poc"), ("H", "value_area_high"), ("L", "value_area_low"))
        inside = "|" if area["value_area_low"] <= price <= area["value_area_high"] else " "
        mark = next((name for name, key in marks if price <= area[key] <= top), inside)
        told = "".join(sorted(set(letters), key=lambda letter: (letter.islower(), letter)))
        room = max(1, width - edge - 3)
        out.append(f"{price:{edge}.{digits}f} {mark} {told if len(told) <= room else told[: room - 1] + '…'}")
    scale = f"; {merged} rows a line" if merged > 1 else ""
    out += wrapped(f"{instrument.id}, {area['session']} to {area['ts']:%Y-%m-%d %H:%M}, UTC{scale}. {_LEGEND}", width)
    return "\n".join(text.rstrip() for text in out) + "\n"


def letters_html(rows: pl.DataFrame, bars: pl.DataFrame, instrument: Instrument) -> str:
    """One page: the letters, and all numbers as tables. Parameters as `letters_text`."""
    digits = decimals(instrument.price_grid.size)
    area = bars.row(-1, named=True)
    cards = [
        (f"{area['poc']:,.{digits}f}", f"point of control [{instrument.quote}]"),
        (f"{area['value_area_low']:,.{digits}f} – {area['value_area_high']:,.{digits}f}", "value area"),
        (f"{area['single_prints']:,}", "single prints"),
    ]
    drawn = f"<h2>Letters</h2><pre>{escape(letters_text(rows, bars, instrument, width=120, height=120))}</pre>"
    sections = [drawn, table("Sessions", bars), table("Rows", rows)]
    return page(f"Market profile of {instrument.id}", "Prices are the low edges of rows.", cards, sections)
