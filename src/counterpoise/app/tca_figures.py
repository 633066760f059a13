"""Pictures of transaction costs: blue is a gain or what was ours, orange a cost, grey what others did."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl

from counterpoise.app.figures import BLUE, INK, ORANGE, PRICE_FORMAT, dressed, thinned, times
from counterpoise.app.tca_folder import RunFolder
from counterpoise.balance.tca import PARTS, Calibration, lorenz

__all__ = [
    "calibration_figure",
    "lorenz_figure",
    "markout_figure",
    "nodes_figure",
    "participation_figure",
    "path_figure",
    "pit_figure",
]

_Z95: Final = 1.96
_SHADES: Final = (BLUE, ORANGE, INK, "#7c5cc4", "#2f9e73")
_DASHES: Final = ("solid", "dash", "dot", "dashdot", "longdash")


def nodes_figure(nodes: pl.DataFrame) -> Any:
    """Parts of the cost of each node, in bps of its own value, stacked."""
    figure = go.Figure()
    names = [str(node) for node in nodes["node"]][::-1]
    value = nodes["notional"].cast(pl.Float64)
    colours = (*_SHADES, "#c4488a", "#b0a03c")
    for part, colour in zip(PARTS, colours, strict=True):
        bps = (1e4 * nodes[part].cast(pl.Float64) / value).to_list()[::-1]
        figure.add_bar(y=names, x=bps, name=part, orientation="h", marker={"color": colour})
    figure.update_layout(barmode="relative")
    figure.update_xaxes(title_text="bps of the node's value; a cost is positive")
    return dressed(figure, y=None, height=140 + 34 * len(names))


def path_figure(run: RunFolder, benchmarks: pl.DataFrame) -> Any:
    """Mid, the market's running VWAP since the start, our running average, and our fills."""
    start, end = run.span_ns
    market = run.market
    figure = go.Figure()
    shown = thinned(run.steps.select("ts", mid=(pl.col("bid") + pl.col("ask")) / 2), "ts", 1500)
    figure.add_scatter(x=times(shown["ts"]), y=shown["mid"], name="mid", line={"color": INK, "width": 1})
    inside = (market.trade_ns >= start) & (market.trade_ns < end)
    others = _running(market.trade_ns[inside], market.trade_price[inside], market.trade_qty[inside])
    figure.add_scatter(x=times(others["ts"]), y=others["price"], name="VWAP of others", line={"color": ORANGE, "dash": "dash"})
    fills = run.fills
    own = _running(fills["ts"].cast(pl.Int64).to_numpy(), fills["price"].to_numpy(), fills["qty"].to_numpy())
    figure.add_scatter(x=times(own["ts"]), y=own["price"], name="our average", line={"color": BLUE, "width": 2})
    for maker, name, symbol in ((True, "in the queue (maker)", "circle-open"), (False, "crossed (taker)", "x-thin-open")):
        part = thinned(fills.filter(pl.col("maker") == maker), "ts", 1500)
        marker = {"symbol": symbol, "color": BLUE if maker else ORANGE, "size": 6}
        figure.add_scatter(x=times(part["ts"]), y=part["price"], name=name, mode="markers", marker=marker)
    for name, price in benchmarks.select("benchmark", "price").filter(pl.col("benchmark") == "arrival").rows():
        if price is not None:
            figure.add_hline(y=price, line={"color": INK, "width": 1, "dash": "dot"}, annotation_text=name)
    figure.update_yaxes(tickformat=PRICE_FORMAT)
    return dressed(figure, y=f"price [{run.instrument.quote}]", height=440)


def _running(ts: np.ndarray, price: np.ndarray, qty: np.ndarray) -> pl.DataFrame:
    """Mean price by quantity up to each row."""
    total = np.cumsum(qty)
    frame = pl.DataFrame({"ts": ts, "price": np.cumsum(price * qty) / total if len(ts) else price})
    return thinned(frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC"))), "ts", 1500)


def participation_figure(slices: pl.DataFrame, *, cap: float | None) -> Any:
    """Our share of what traded, slice by slice."""
    share = 100 * slices["share"]
    figure = go.Figure()
    figure.add_bar(x=times(slices["ts"]), y=share, marker={"color": BLUE, "line": {"width": 0}}, name="share")
    if cap is not None:
        figure.add_hline(y=100 * cap, line={"color": ORANGE, "dash": "dot"}, annotation_text="cap")
    figure.update_layout(showlegend=False)
    return dressed(figure, y="our share of volume [%]", height=280)


def markout_figure(markouts: pl.DataFrame) -> Any:
    """Realised half-spread over the horizon, makers and takers apart, with 95 % intervals."""
    figure = go.Figure()
    looks = ((True, "maker", BLUE, "circle"), (False, "taker", ORANGE, "triangle-up"))
    for maker, name, colour, symbol in looks:
        part = markouts.filter(pl.col("maker") == maker)
        reach = (_Z95 * part["realised_bps_se"]).fill_null(0.0).to_list()
        figure.add_scatter(
            x=part["horizon"].to_list(),
            y=part["realised_bps"].to_list(),
            error_y={"type": "data", "array": reach, "color": colour, "thickness": 1},
            name=name,
            mode="lines+markers",
            line={"color": colour},
            marker={"symbol": symbol, "size": 8},
        )
    return dressed(figure, y="realised half-spread [bps], a cost is positive", height=340)


def lorenz_figure(impacts: pl.DataFrame) -> Any:
    """Lorenz curves of normalised impact, a level each; the diagonal is perfectly fair."""
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], name="alike", line={"color": INK, "width": 1, "dash": "dot"})
    levels = [(level, part) for (level,), part in impacts.group_by("level", maintain_order=True)]
    told = [(level, part) for level, part in levels if part.height > 1 and part["impact"].sum() > 0]
    for i, (level, part) in enumerate(told):
        curve = lorenz(part["impact"])
        line = {"color": _SHADES[i % len(_SHADES)], "dash": _DASHES[i % len(_DASHES)]}
        figure.add_scatter(x=curve["nodes"], y=curve["share"], name=str(level), line=line)
    figure.update_xaxes(title_text="share of the nodes, least first")
    return dressed(figure, y="share of normalised impact", height=380)


def calibration_figure(told: pl.DataFrame) -> Any:
    """Foretold against come, with one standard deviation each way."""
    figure = go.Figure()
    edges = [min(told["predicted"].min(), told["realised"].min()), max(told["predicted"].max(), told["realised"].max())]  # type: ignore[type-var]
    figure.add_scatter(x=edges, y=edges, name="as foretold", line={"color": INK, "width": 1, "dash": "dot"})
    figure.add_scatter(
        x=told["predicted"],
        y=told["realised"],
        error_x={"type": "data", "array": told["sd"].to_list(), "color": BLUE, "thickness": 1},
        text=told["run"].to_list(),
        name="runs",
        mode="markers",
        marker={"color": BLUE, "size": 8},
    )
    figure.update_xaxes(title_text="foretold [bps]")
    return dressed(figure, y="come [bps]", height=380)


def pit_figure(calibration: Calibration) -> Any:
    """How often the outcome fell into each tenth of what was foretold."""
    pit = calibration.pit
    figure = go.Figure()
    figure.add_bar(x=((pit["low"] + pit["high"]) / 2).to_list(), y=pit["parents"].to_list(), marker={"color": BLUE})
    figure.add_hline(y=float(pit["expected"][0]), line={"color": INK, "dash": "dot"})
    figure.update_layout(showlegend=False)
    figure.update_xaxes(title_text="Φ((realised − predicted) / sd)")
    return dressed(figure, y="runs", height=280)
