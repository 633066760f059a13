"""A volume profile to look at: bars from left to right by price, with point of control, value area and nodes marked."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
from plotly.subplots import make_subplots

from counterpoise.app.chart import BUYERS, PLAIN, SELLERS, coloured, decimals, short, wrapped
from counterpoise.app.figures import BLUE, INK, ORANGE, dressed
from counterpoise.app.page import page, picture, table
from counterpoise.flow.auction.value_area import ValueArea, nodes, value_area
from counterpoise.market.instrument import Instrument

__all__ = ["profile_figure", "profile_html", "profile_text"]

_LEGEND: Final = "█ bought, ▒ sold, · unknown side; P point of control, H and L the value area's edges, | within it"


def profile_text(
    rows: pl.DataFrame,
    instrument: Instrument,
    *,
    area: ValueArea | None = None,
    width: int = 80,
    height: int = 40,
    color: bool | None = None,
) -> str:
    """One profile, prices falling down the lines.

    Parameters
    ----------
    rows : polars.DataFrame
        A session of `counterpoise.flow.auction.profile.Profile`, or a composite.
    instrument : Instrument
    area : ValueArea, optional
        By default the classic one of 70 %.
    width, height : int
        Characters of a line, and lines of prices at most; rows are added up until they fit.
    color : bool, optional
        By default on a terminal without ``NO_COLOR``.
    """
    held = rows.filter(_TRADED > 0).sort("row")
    if held.height == 0:
        return "no trade in this range\n"
    found = value_area(held, instrument) if area is None else area
    span = int(held["row"][-1]) - int(held["row"][0]) + 1
    merged = -(-span // max(1, height))
    lines = held.group_by(line=pl.col("row") // merged).agg(
        pl.col("price").min(), top=pl.col("price").max(), **{name: pl.col(name).sum() for name in _QTY}
    )
    lines = lines.with_columns(volume=_TRADED).sort("line", descending=True)
    digits = decimals(instrument.price_grid.size)
    edge = max(len(f"{price:.{digits}f}") for price in held["price"])
    room, most = max(5, width - edge - 11), max(lines["volume"])
    colour, out, last = coloured() if color is None else color, [], int(lines["line"][0])
    for row in lines.iter_rows(named=True):
        if row["line"] < last - 1:
            out.append("⋮".rjust(edge))
        last = row["line"]
        mark = _mark(row["price"], row["top"], found)
        bar = _bar(row, room=room, most=most, color=colour)
        out.append(f"{row['price']:{edge}.{digits}f} {mark} {short(row['volume']):>5} {bar}")
    unit = "contracts" if instrument.inverse else instrument.base
    scale = f"; {merged} rows a line" if merged > 1 else ""
    total = short(sum(lines["volume"]))
    out += wrapped(f"{instrument.id}, {total} {unit}, {100 * found.share:.1f} % in the value area{scale}. {_LEGEND}", width)
    return "\n".join(text.rstrip() for text in out) + "\n"


def profile_figure(rows: pl.DataFrame, instrument: Instrument, area: ValueArea, found: pl.DataFrame) -> Any:
    """Bought and sold at each row, with value area and nodes."""
    figure = make_subplots(rows=1, cols=1)
    for name, column, colour, pattern in (("bought", "buy_qty", BLUE, ""), ("sold", "sell_qty", ORANGE, "/")):
        marker = {
            "color": colour,
            "line": {"width": 0},
            "pattern": {"shape": pattern, "size": 6, "solidity": 0.2, "fillmode": "overlay"},
        }
        figure.add_bar(x=rows[column], y=rows["price"], name=name, orientation="h", marker=marker)
    if float(rows["unknown_qty"].sum()) > 0:
        figure.add_bar(x=rows["unknown_qty"], y=rows["price"], name="unknown side", orientation="h", marker={"color": INK})
    figure.add_hrect(y0=area.low, y1=area.high, fillcolor=INK, opacity=0.14, line_width=0)
    edges = (("P", area.poc, "solid"), ("L", area.low, "dot"), ("H", area.high, "dot"))
    digits = decimals(instrument.price_grid.size)
    for name, price, dash in edges:
        text = f"{name} {price:,.{digits}f}"
        figure.add_hline(y=price, line={"color": INK, "width": 1, "dash": dash}, layer="below", annotation_text=text)
    for kind, symbol in (("high", "circle"), ("low", "circle-open")):
        part = found.filter(pl.col("node") == kind)
        figure.add_scatter(
            x=part["qty"],
            y=part["price"],
            name=f"{kind}-volume node",
            mode="markers",
            marker={"symbol": symbol, "size": 9, "color": INK},
        )
    figure.update_layout(barmode="stack", bargap=0.05)
    unit = "contracts" if instrument.inverse else instrument.base
    most = rows.select((pl.col("buy_qty") + pl.col("sell_qty") + pl.col("unknown_qty")).max()).item()
    figure.update_xaxes(title_text=f"traded [{unit}]", range=[0, 1.15 * float(most)])  # room for the names of the edges
    figure.update_yaxes(tickformat=f",.{digits}f")
    return dressed(figure, y=f"price [{instrument.quote}]", height=720)


def profile_html(rows: pl.DataFrame, instrument: Instrument, *, area: ValueArea | None = None) -> str:
    """One page: the profile, its nodes, and all numbers as tables.

    Parameters
    ----------
    rows : polars.DataFrame
        A session of `counterpoise.flow.auction.profile.Profile`, or a composite; with some trade.
    instrument : Instrument
    area : ValueArea, optional
        By default the classic one of 70 %.
    """
    held = rows.filter(_TRADED > 0).sort("row")
    found, told = value_area(held, instrument) if area is None else area, nodes(held, instrument)
    bought, sold = float(held["buy_qty"].sum()), float(held["sell_qty"].sum())
    unit = "contracts" if instrument.inverse else instrument.base
    digits = decimals(instrument.price_grid.size)
    cards = [
        (f"{found.poc:,.{digits}f}", f"point of control [{instrument.quote}]"),
        (f"{found.low:,.{digits}f} – {found.high:,.{digits}f}", f"value area, {100 * found.share:.1f} % of all"),
        (short(float(held.select(_TRADED.sum()).item())), f"traded [{unit}]"),
        (short(bought - sold, sign=True), f"delta [{unit}]"),
    ]
    note = "What traded at each row of prices; the ground is the value area. Filled circles are high-volume nodes, rings low."
    figure = profile_figure(held, instrument, found, told)
    sections = [picture("Volume profile", note, figure), table("Nodes", told), table("Rows", rows)]
    return page(f"Volume profile of {instrument.id}", "Prices are the low edges of rows.", cards, sections)


_QTY: Final = ("buy_qty", "sell_qty", "unknown_qty")
_TRADED: Final = pl.col("buy_qty") + pl.col("sell_qty") + pl.col("unknown_qty")


def _mark(price: float, top: float, area: ValueArea) -> str:
    """Which of the value area's rows a line holds."""
    for name, edge in (("P", area.poc), ("H", area.high), ("L", area.low)):
        if price <= edge <= top:
            return name
    return "|" if area.low <= price <= area.high else " "


def _bar(row: dict[str, Any], *, room: int, most: float, color: bool) -> str:
    """Parts of a bar whose lengths add up to that of the whole."""
    ends, total = [], 0.0
    for name in _QTY:
        total += row[name]
        ends.append(round(room * total / most))
    parts = ["█" * ends[0], "▒" * (ends[1] - ends[0]), "·" * (ends[2] - ends[1])]
    if color:
        parts[0], parts[1] = f"{BUYERS}{parts[0]}{PLAIN}", f"{SELLERS}{parts[1]}{PLAIN}"
    return "".join(parts)
