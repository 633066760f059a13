"""Pictures of the panels about the market: flow by size of order, episodes on the price, episodes on a line of time."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import plotly.graph_objects as go
import polars as pl

from counterpoise.app.chart import short
from counterpoise.app.figures import BLUE, INK, ORANGE, PRICE_FORMAT, dressed, thinned, times

__all__ = ["ABSORBED", "SWEPT", "Looks", "episode_figure", "sized_figure", "timeline_figure"]

_POINTS: Final = 1500
_SMALL_TO_LARGE: Final = ((INK, "dot"), (INK, "dash"), (INK, "solid"))  # and the largest stands out


class Looks(NamedTuple):
    """How the episodes of one side are shown."""

    side: int
    name: str
    symbol: str
    colour: str


ABSORBED: Final = (
    Looks(-1, "sells absorbed, bids held", "triangle-up", BLUE),
    Looks(1, "buys absorbed, asks held", "triangle-down", ORANGE),
)
SWEPT: Final = (Looks(1, "buys swept", "triangle-up", BLUE), Looks(-1, "sells swept", "triangle-down", ORANGE))
_SIDES: Final = (Looks(1, "bid or buy", "triangle-up", BLUE), Looks(-1, "ask or sell", "triangle-down", ORANGE))
_NO_SIDE: Final = Looks(0, "no side", "diamond", INK)


def sized_figure(sized: pl.DataFrame, *, unit: str, quote: str) -> Any:
    """CVD of each size of order that traded; the largest drawn boldest."""
    edges = [name.removeprefix("cvd_") for name in sized.columns if name.startswith("cvd_")]
    held = [edge for edge in edges if int((sized[f"buys_{edge}"] + sized[f"sells_{edge}"]).sum())]
    part, figure = thinned(sized, "ts", _POINTS), go.Figure()
    for edge in held:
        i = edges.index(edge)
        largest = edge == held[-1]
        colour, dash = (BLUE, "solid") if largest else _SMALL_TO_LARGE[min(i, len(_SMALL_TO_LARGE) - 1)]
        figure.add_scatter(
            x=times(part["ts"]),
            y=part[f"cvd_{edge}"],
            name=f"{_bucket(edges, i)} {quote}",
            line={"color": colour, "dash": dash, "width": 2.4 if largest else 1.3},
        )
    figure.update_layout(showlegend=True)
    return dressed(figure, y=f"CVD [{unit}]", height=380)


def episode_figure(mid: pl.DataFrame, episodes: pl.DataFrame, looks: tuple[Looks, ...], *, quote: str) -> Any:
    """Mid, and each episode as a line at its price from beginning to end with a mark where it began.

    Parameters
    ----------
    mid : DataFrame
        ``ts``, ``mid``.
    episodes : DataFrame
        ``start``, ``end``, ``price``, ``side``, ``says``.
    """
    figure, shown = go.Figure(), thinned(mid, "ts", _POINTS)
    figure.add_scatter(x=times(shown["ts"]), y=shown["mid"], name="mid recorded", line={"color": INK, "width": 1.2})
    for look in looks:
        part = episodes.filter(pl.col("side") == look.side)
        _spans(figure, part, part["price"].to_list(), look, width=4)
    figure.update_yaxes(tickformat=PRICE_FORMAT)
    return dressed(figure, y=f"price [{quote}]", height=400)


def timeline_figure(found: pl.DataFrame, kinds: tuple[str, ...], *, first: str, last: str) -> Any:
    """One line a kind of episode over the whole run, so that what is empty is seen to be empty.

    Parameters
    ----------
    found : DataFrame
        ``kind``, ``start``, ``end``, ``side`` (0 for none), ``says``.
    kinds : tuple of str
        All that was looked for, the first uppermost.
    first, last : str
        Times at the edges.
    """
    figure = go.Figure()
    for look in (*_SIDES, _NO_SIDE):
        part = found.filter(pl.col("side") == look.side)
        if part.height:
            _spans(figure, part, part["kind"].to_list(), look, width=6)
    figure.update_yaxes(categoryorder="array", categoryarray=kinds[::-1], range=[-0.6, len(kinds) - 0.4], type="category")
    figure.update_xaxes(range=[first, last], type="date")
    figure.update_layout(showlegend=True)
    return dressed(figure, y=None, height=100 + 38 * len(kinds))


def _spans(figure: Any, part: pl.DataFrame, at: list[Any], look: Looks, *, width: int) -> None:
    """Lines from beginnings to ends as one trace, broken between them, and marks at the beginnings."""
    begun, over = times(part["start"]), times(part["end"])
    x: list[str | None] = []
    y: list[Any] = []
    for begin, end, where in zip(begun, over, at, strict=True):
        x += [begin, end, None]
        y += [where, where, None]
    line = {"color": look.colour, "width": width}
    figure.add_scatter(x=x, y=y, mode="lines", line=line, opacity=0.6, showlegend=False, hoverinfo="skip")
    figure.add_scatter(
        x=begun,
        y=at,
        name=look.name,
        mode="markers",
        marker={"symbol": look.symbol, "color": look.colour, "size": 10},
        customdata=part["says"],
        hovertemplate="%{x}<br>%{y}<br>%{customdata}<extra></extra>",
    )


def _bucket(edges: list[str], i: int) -> str:
    low, high = edges[i], edges[i + 1] if i + 1 < len(edges) else ""
    if not high:
        return f"{short(float(low))} and more"
    return f"{short(float(low))} to {short(float(high))}" if i else f"below {short(float(high))}"
