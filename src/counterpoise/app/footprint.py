"""A footprint to look at: as text for a terminal, and as a page with a figure and tables.

Blue and right of the cross is what buyers took, orange and left of it what sellers gave; signs say what colours say.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl
from plotly.subplots import make_subplots

from counterpoise.app.chart import BOLD, BUYERS, PLAIN, SELLERS, coloured, decimals, short, wrapped
from counterpoise.app.figures import BLUE, INK, ORANGE, dressed
from counterpoise.app.page import page, picture, table
from counterpoise.flow.auction.diagonal import stacked_imbalances
from counterpoise.market.instrument import Instrument

__all__ = ["footprint_figure", "footprint_html", "footprint_text"]

_LEGEND: Final = "sold×bought; + buyers, - sellers out of balance with their diagonal, # in a stack; * point of control"
_SOLD: Final = "rgba(232,130,12,0.8)"  # numbers of either theme read on it
_BOUGHT: Final = "rgba(59,125,221,0.8)"
_NUMBER: Final = 5
_CELL: Final = 2 * _NUMBER + 5
_MOST_TOLD_BARS: Final = 14  # with their numbers written in; more do not fit a page
_MOST_TOLD_ROWS: Final = 90
_MOST_GRID_ROWS: Final = 3000


class _Cell(NamedTuple):
    """What one bar did on one line."""

    sold: float
    bought: float
    sold_mark: str
    bought_mark: str
    poc: bool


def footprint_text(
    rows: pl.DataFrame,
    bars: pl.DataFrame,
    instrument: Instrument,
    *,
    width: int = 100,
    height: int = 40,
    color: bool | None = None,
) -> str:
    """Bars side by side, the latest to the right, as many as the width has room for; prices fall down the lines.

    Parameters
    ----------
    rows, bars : polars.DataFrame
        As `counterpoise.flow.auction.footprint.Footprint` and `FootprintBars` give them, of the same bars.
    instrument : Instrument
    width : int
        Characters of a line; older bars are left out until the rest fits, but one stays.
    height : int
        Lines of prices at most; where bars span more rows, adjacent ones are added up and the caption says how many.
    color : bool, optional
        By default on a terminal without ``NO_COLOR``.
    """
    traded = bars.filter(pl.col("trades") > 0)
    if rows.height == 0 or traded.height == 0:
        return "no trade in this range\n"
    digits = decimals(instrument.price_grid.size)
    edge = max(len(f"{price:.{digits}f}") for price in rows["price"])
    shown = traded.tail(max(1, (width - edge) // (_CELL + 1)))
    part = rows.join(shown.select("bar", "poc"), on="bar", maintain_order="left")
    span = int(part["row"].to_numpy().max() - part["row"].to_numpy().min()) + 1
    merged = -(-span // max(1, height))
    cells = _cells(part, merged)
    lines = [_across("", edge, [f"{ts:%H:%M:%S}" for ts in shown["ts"]])]
    prices = dict(part.sort("row", descending=True).select(pl.col("row") // merged, "price").rows())
    last = max(prices)
    for line in sorted(prices, reverse=True):
        if line < last - 1:
            lines.append("⋮".rjust(edge))
        last = line
        drawn = (_drawn(cells.get((bar, line)), color=coloured() if color is None else color) for bar in shown["bar"])
        lines.append(f"{prices[line]:{edge}.{digits}f} " + " ".join(drawn))
    lines.append(_across("delta", edge, [short(value, sign=True) for value in shown["delta"]]))
    lines.append(_across("volume", edge, [short(value) for value in shown["volume"]]))
    unit = "contracts" if instrument.inverse else instrument.base
    scale = f"; {merged} rows a line" if merged > 1 else ""
    lines += wrapped(f"{instrument.id}, {unit}, bars by their end, UTC{scale}. {_LEGEND}", width)
    return "\n".join(text.rstrip() for text in lines) + "\n"


def footprint_figure(rows: pl.DataFrame, bars: pl.DataFrame, instrument: Instrument) -> Any:
    """Net aggressor flow of each row and bar, with what was sold and bought where there is room; delta beneath."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.04, row_heights=[0.82, 0.18])
    place = {bar: i for i, bar in enumerate(bars["bar"])}
    held = rows.filter(pl.col("bar").is_in(list(place))).with_columns(
        net=pl.col("buy_qty") - pl.col("sell_qty"), x=pl.col("bar").replace_strict(place, default=None, return_dtype=pl.Int64)
    )
    span = int(np.ptp(held["row"].to_numpy())) + 1 if held.height else 1
    told = bars.height <= _MOST_TOLD_BARS and span <= _MOST_TOLD_ROWS
    if held.height:
        _heat(figure, held, bars.height, span=span, told=told, unit=_unit(instrument))
        _marks(figure, held)
        _framed(figure, held, bars)
    colours = [BLUE if value > 0 else ORANGE for value in bars["delta"]]
    at = list(range(bars.height))
    figure.add_bar(
        x=at, y=bars["delta"], name="delta", marker={"color": colours, "line": {"width": 0}}, showlegend=False, row=2, col=1
    )
    names = _names(bars)
    every = max(1, -(-bars.height // (120 // max(map(len, names), default=1))))
    figure.update_xaxes(tickvals=at[::every], ticktext=names[::every], range=[-0.6, bars.height - 0.4])
    figure.update_yaxes(tickformat=f",.{decimals(instrument.price_grid.size)}f", row=1, col=1)
    figure.update_yaxes(title_text=f"delta [{_unit(instrument)}]", row=2, col=1)
    figure.update_layout(bargap=0.25)
    return dressed(figure, y=f"price [{instrument.quote}]", height=min(1500, max(620, 14 * span + 260)) if told else 760)


def footprint_html(rows: pl.DataFrame, bars: pl.DataFrame, instrument: Instrument) -> str:
    """One page: the figure, every stack, and all numbers as tables.

    Parameters
    ----------
    rows, bars : polars.DataFrame
        As `counterpoise.flow.auction.footprint.Footprint` and `FootprintBars` give them, of the same bars.
    instrument : Instrument
    """
    sums = bars.select(pl.col("volume", "delta", "trades", "buy_imbalances", "sell_imbalances").sum()).row(0, named=True)
    stacks = stacked_imbalances(rows)
    cards = [
        (short(sums["volume"]), f"traded [{_unit(instrument)}]"),
        (short(sums["delta"], sign=True), f"delta [{_unit(instrument)}]"),
        (f"{sums['trades']:,}", "trades"),
        (f"{sums['buy_imbalances']:,} / {sums['sell_imbalances']:,}", "rows out of balance, buyers / sellers"),
        (f"{stacks.height:,}", "stacks"),
    ]
    note = (
        "Each field is what aggressors bought less what they sold at a row of prices, blue where buyers took more; its text is "
        "sold × bought. Triangles point to the side that outweighs its diagonal, larger ones stand in a stack; the frame is "
        "about the point of control."
    )
    ends = [f"{ts:%Y-%m-%d %H:%M:%S}" for ts in bars["ts"]]
    span = f"Bars that end from {ends[0]} to {ends[-1]} UTC." if ends else "No bar."
    sections = [
        picture("Footprint", note, footprint_figure(rows, bars, instrument)),
        table("Bars", bars),
        table("Stacks", stacks),
        table("Rows", rows),
    ]
    return page(f"Footprint of {instrument.id}", span, cards, sections)


def _cells(part: pl.DataFrame, merged: int) -> dict[tuple[int, int], _Cell]:
    """Adjacent rows added up, by bar and line."""
    sums = part.group_by("bar", line=pl.col("row") // merged).agg(
        pl.col("sell_qty", "buy_qty").sum(),
        pl.col("sell_imbalance", "buy_imbalance", "sell_stack", "buy_stack").any(),
        poc=(pl.col("price") == pl.col("poc")).any(),
    )
    out = {}
    for row in sums.iter_rows(named=True):
        sold, bought = (_sign(row, side, mark) for side, mark in (("sell", "-"), ("buy", "+")))
        out[row["bar"], row["line"]] = _Cell(row["sell_qty"], row["buy_qty"], sold, bought, row["poc"])
    return out


def _sign(row: dict[str, Any], side: str, mark: str) -> str:
    return "#" if row[f"{side}_stack"] else mark if row[f"{side}_imbalance"] else " "


def _drawn(cell: _Cell | None, *, color: bool) -> str:
    if cell is None:
        return " " * _CELL
    sold, bought = f"{cell.sold_mark}{short(cell.sold):>{_NUMBER}}", f"{short(cell.bought):<{_NUMBER}}{cell.bought_mark}"
    if color:
        sold = f"{SELLERS}{BOLD if cell.sold_mark.strip() else ''}{sold}{PLAIN}"
        bought = f"{BUYERS}{BOLD if cell.bought_mark.strip() else ''}{bought}{PLAIN}"
    return f"{sold}×{bought}{'*' if cell.poc else ' '} "


def _across(label: str, edge: int, texts: list[str]) -> str:
    return f"{label[:edge]:>{edge}} " + " ".join(f"{text:^{_CELL}}" for text in texts)


def _unit(instrument: Instrument) -> str:
    return "contracts" if instrument.inverse else instrument.base


def _names(bars: pl.DataFrame) -> list[str]:
    """A label for each bar: its end, and its number where two end together."""
    ends = [f"{ts:%H:%M:%S}" for ts in bars["ts"]]
    twice = len(set(ends)) < len(ends)
    return [f"{end} #{bar}" if twice else end for bar, end in zip(bars["bar"], ends, strict=True)]


def _heat(figure: Any, held: pl.DataFrame, count: int, *, span: int, told: bool, unit: str) -> None:
    """Fields of a row and a bar, shaded by the root of their net flow; rows that did not trade stay open."""
    prices = held.unique("row").sort("row").select("row", "price")
    if span <= _MOST_GRID_ROWS and span > 1:
        low, step = prices["price"][0], (prices["price"][-1] - prices["price"][0]) / (span - 1)
        first = int(prices["row"][0])
        prices = pl.DataFrame({"row": first + np.arange(span), "price": low + step * np.arange(span)})
    line = {row: i for i, row in enumerate(prices["row"])}
    shade = np.full((prices.height, count), np.nan)
    words = np.full(shade.shape, "", dtype=object)
    reach = float(np.abs(held["net"].to_numpy()).max()) or 1.0
    for x, row, sold, bought, value in held.select("x", "row", "sell_qty", "buy_qty", "net").rows():
        shade[line[row], x] = np.sign(value) * np.sqrt(abs(value) / reach)
        words[line[row], x] = f"{short(sold)} × {short(bought)}"
    figure.add_heatmap(
        x=list(range(count)),
        y=np.round(prices["price"].to_numpy(), 9),
        z=np.round(shade, 4),
        customdata=words,
        text=words if told else None,
        texttemplate="%{text}" if told else None,
        textfont={"size": 10},
        zmin=-1,
        zmax=1,
        xgap=3 if count <= _MOST_TOLD_BARS else 1,
        ygap=1 if told else 0,
        colorscale=[[0, _SOLD], [0.5, "rgba(139,146,156,0.14)"], [1, _BOUGHT]],
        showscale=False,
        hoverongaps=False,
        hovertemplate="%{y}: %{customdata} " + unit + "<extra></extra>",
        row=1,
        col=1,
    )


def _marks(figure: Any, held: pl.DataFrame) -> None:
    """Imbalances at the edges of their fields, where they hide no number."""
    for side, symbol, colour, shift in (("buy", "triangle-right", BLUE, 0.47), ("sell", "triangle-left", ORANGE, -0.47)):
        part = held.filter(f"{side}_imbalance")
        figure.add_scatter(
            x=part["x"].to_numpy() + shift,
            y=part["price"],
            name=f"{side}ers out of balance",
            mode="markers",
            marker={
                "symbol": symbol,
                "size": np.where(part[f"{side}_stack"].to_numpy(), 12, 8),
                "color": colour,
                "line": {"width": 1, "color": INK},
            },
            hovertemplate=f"%{{y}}<extra>{side}ers out of balance</extra>",
            row=1,
            col=1,
        )


def _framed(figure: Any, held: pl.DataFrame, bars: pl.DataFrame) -> None:
    """A frame about each bar's point of control; one line, broken between the frames."""
    prices = held["price"].unique().sort().to_numpy()
    half = float(np.diff(prices).min()) / 2 if len(prices) > 1 else 0.5
    x: list[float | None] = []
    y: list[float | None] = []
    for at, poc in enumerate(bars["poc"]):
        if poc is not None:
            x += [at - 0.46, at + 0.46, at + 0.46, at - 0.46, at - 0.46, None]
            y += [poc - half, poc - half, poc + half, poc + half, poc - half, None]
    figure.add_scatter(
        x=x, y=y, name="point of control", mode="lines", line={"color": INK, "width": 2}, hoverinfo="skip", row=1, col=1
    )
