"""Pictures of the report. Blue is bid, buying and gain; orange is ask, selling and loss; shape or sign says it too."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
import polars as pl
from plotly.subplots import make_subplots

from counterpoise.balance.tca import PARTS, Shortfall

__all__ = [
    "BLUE",
    "INK",
    "ORANGE",
    "PRICE_FORMAT",
    "cost_figure",
    "depth_figure",
    "dressed",
    "flow_figure",
    "price_figure",
    "schedule_figure",
    "thinned",
    "times",
]

BLUE: Final = "#3b7ddd"
ORANGE: Final = "#e8820c"
INK: Final = "#8b929c"  # reads on a light and on a dark page
PRICE_FORMAT: Final = ",.8~g"  # 61,800 and not 61.8k
_GRID: Final = "rgba(139,146,156,0.22)"


def price_figure(flow: pl.DataFrame, steps: pl.DataFrame, fills: pl.DataFrame, cost: Shortfall, *, quote: str) -> Any:
    """Mid as recorded and as shown with our own impact, and where we traded."""
    figure = go.Figure()
    shown = thinned(steps.select("ts", mid=(pl.col("bid") + pl.col("ask")) / 2), "ts", 1500)
    figure.add_scatter(x=times(flow["ts"]), y=flow["mid"], name="mid recorded", line={"color": INK, "width": 1, "dash": "dot"})
    figure.add_scatter(x=times(shown["ts"]), y=shown["mid"], name="mid with our impact", line={"color": INK, "width": 1.6})
    bought = bool((fills["side"] > 0).any())
    arrow = "triangle-up" if bought else "triangle-down"
    looks = ((True, "in the queue (maker)", "circle-open", BLUE), (False, "crossed (taker)", arrow, ORANGE))
    for maker, name, symbol, colour in looks:
        part = _by_order(fills.filter(pl.col("maker") == maker))
        figure.add_scatter(
            x=times(part["ts"]),
            y=part["price"],
            name=name,
            mode="markers",
            marker={"symbol": symbol, "color": colour, "size": _sizes(part["qty"]), "line": {"width": 1, "color": colour}},
            customdata=part["qty"],
            hovertemplate="%{x}<br>%{y} for %{customdata:.4g}<extra></extra>",
        )
    if cost.average_price is not None:
        figure.add_hline(y=cost.average_price, line={"color": ORANGE, "width": 1, "dash": "dash"}, annotation_text="average")
    figure.update_yaxes(tickformat=PRICE_FORMAT)
    return dressed(figure, y=f"price [{quote}]", height=440)


def depth_figure(depth: pl.DataFrame, steps: pl.DataFrame, *, unit: str, quote: str) -> Any:
    """Depth around mid over time: bids blue and positive, asks orange and negative, on a logarithmic scale."""
    wide = depth.sort("price").pivot(on="ts", index="price", values="signed_qty", sort_columns=True)
    z = wide.drop("price").to_numpy().astype(np.float64)
    columns = [name.replace("T", " ")[:23] for name in wide.columns[1:]]
    shade = np.sign(z) * np.log10(1 + np.abs(z))
    reach = float(np.nanmax(np.abs(shade))) if np.isfinite(shade).any() else 1.0
    figure = go.Figure()
    figure.add_heatmap(
        x=columns,
        y=wide["price"] + float(depth["row_price"][0]) / 2,
        z=np.round(shade, 4),
        customdata=np.round(z, 6),
        zmin=-reach,
        zmax=reach,
        colorscale=[[0, ORANGE], [0.5, "rgba(127,127,127,0.03)"], [1, BLUE]],
        hovertemplate="%{x}<br>%{y:.6g}: %{customdata} " + unit + "<extra></extra>",
        colorbar={"title": {"text": f"± log₁₀(1 + {unit})"}, "thickness": 10, "outlinewidth": 0},
    )
    mid = thinned(steps.select("ts", mid=(pl.col("bid") + pl.col("ask")) / 2), "ts", 1500)
    figure.add_scatter(x=times(mid["ts"]), y=mid["mid"], name="mid", line={"color": "#d7dbe0", "width": 1.2}, showlegend=False)
    figure.update_yaxes(tickformat=PRICE_FORMAT)
    return dressed(figure, y=f"price [{quote}]", height=440)


def flow_figure(flow: pl.DataFrame, *, unit: str) -> Any:
    """Best-level order-flow imbalance per bin, and cumulative volume delta."""
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=[0.5, 0.5])
    ofi = flow["ofi"].fill_null(0.0)
    figure.add_bar(
        x=times(flow["ts"]), y=ofi, name="OFI", marker={"color": [BLUE if v > 0 else ORANGE for v in ofi], "line": {"width": 0}}
    )
    figure.add_scatter(x=times(flow["ts"]), y=flow["cvd"], name="CVD", line={"color": BLUE, "width": 1.6}, row=2, col=1)
    figure.update_yaxes(title_text=f"OFI [{unit}]", row=1, col=1)
    figure.update_yaxes(title_text=f"CVD [{unit}]", row=2, col=1)
    figure.update_layout(bargap=0, showlegend=False)
    return dressed(figure, y=None, height=440)


def schedule_figure(steps: pl.DataFrame, *, unit: str, cap: float) -> Any:
    """What should be done against what is, and our share of all that traded."""
    part = thinned(steps, "ts", 1500).with_columns(
        share=100 * pl.col("filled_qty") / (pl.col("filled_qty") + pl.col("market_qty"))
    )
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.65, 0.35])
    time = times(part["ts"])
    figure.add_scatter(x=time, y=part["target_qty"], name="schedule", line={"color": INK, "shape": "hv", "dash": "dot"})
    figure.add_scatter(x=time, y=part["filled_qty"], name="filled", line={"color": BLUE, "width": 2})
    figure.add_scatter(x=time, y=part["live_qty"], name="live", line={"color": ORANGE, "width": 1})
    figure.add_scatter(x=time, y=part["share"], name="participation", line={"color": BLUE, "dash": "dash"}, row=2, col=1)
    figure.add_hline(y=100 * cap, line={"color": ORANGE, "dash": "dot"}, annotation_text="cap", row=2, col=1)
    figure.update_yaxes(title_text=f"quantity [{unit}]", row=1, col=1)
    figure.update_yaxes(title_text="share of volume [%]", row=2, col=1, rangemode="tozero")
    return dressed(figure, y=None, height=440)


def cost_figure(cost: Shortfall) -> Any:
    """Implementation shortfall by cause, in bps of the parent's value; a cost is positive."""
    values = [cost.bps(part) for part in PARTS]
    figure = go.Figure(
        go.Waterfall(
            x=[*PARTS, "total"],
            y=[*values, 0],
            measure=["relative"] * len(PARTS) + ["total"],
            text=[f"{v:+.2f}" for v in [*values, cost.total_bps]],
            textposition="outside",
            increasing={"marker": {"color": ORANGE}},
            decreasing={"marker": {"color": BLUE}},
            totals={"marker": {"color": INK}},
            connector={"line": {"color": _GRID}},
        )
    )
    figure.update_layout(showlegend=False)
    return dressed(figure, y="bps of the parent", height=380)


def dressed(figure: Any, *, y: str | None, height: int) -> Any:
    """A figure in our look: no ground of its own, ink that reads on dark and light; `y` names the first axis of prices."""
    figure.update_layout(
        template="none",
        height=height,
        margin={"l": 80, "r": 20, "t": 30, "b": 40},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": "system-ui, sans-serif", "size": 12, "color": INK},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        hovermode="closest",
        modebar={"bgcolor": "rgba(0,0,0,0)", "color": INK, "activecolor": BLUE},
    )
    figure.update_xaxes(gridcolor=_GRID, zeroline=False)
    figure.update_yaxes(gridcolor=_GRID, zerolinecolor=_GRID)
    if y is not None:
        figure.layout.yaxis.title.text = y
    return figure


def times(ts: pl.Series) -> list[str]:
    """UTC times as plotly reads them, to the millisecond."""
    return ts.dt.strftime("%Y-%m-%d %H:%M:%S%.3f").to_list()


def thinned(frame: pl.DataFrame, order: str, most: int) -> pl.DataFrame:
    """At most so many rows, evenly, the last one kept: a line needs no more than the screen has pixels."""
    stride = max(1, -(-frame.height // most))
    return frame.sort(order).reverse().gather_every(stride).reverse()


def _by_order(fills: pl.DataFrame) -> pl.DataFrame:
    """One point a child order: its volume-weighted price."""
    return fills.group_by("client_id", maintain_order=True).agg(
        pl.col("ts").first(), price=(pl.col("price") * pl.col("qty")).sum() / pl.col("qty").sum(), qty=pl.col("qty").sum()
    )


def _sizes(qty: pl.Series) -> list[float]:
    most = qty.max()
    return [4 + 10 * float(np.sqrt(q / most)) for q in qty] if isinstance(most, float) and most > 0 else []
