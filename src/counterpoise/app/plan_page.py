"""The page of a plan: its frontier, its schedule by token, and what each node is asked to take."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
from plotly.subplots import make_subplots

from counterpoise.app.figures import BLUE, INK, ORANGE, dressed
from counterpoise.app.page import page, picture, table
from counterpoise.balance.allocate.plan import Plan

__all__ = ["plan_html"]

_COLOURS: Final = (BLUE, ORANGE, INK, "#1f5fb8", "#b65d00", "#5f6670")


def plan_html(plan: Plan, frontier: pl.DataFrame, capacity: pl.DataFrame, *, title: str, slice_text: str) -> str:
    """One self-contained page."""
    costs = plan.costs
    cards = [
        (f"{costs['total']:.2f} ± {costs['risk']:.1f} bps", "expected cost ± risk"),
        (f"{plan.value:,.6g} million", "value, quote"),
        (f"{costs['linear']:.2f}", "spread and fees, bps"),
        (f"{costs['temporary'] + costs['transient']:.2f}", "impact, bps"),
        (f"{plan.tracking_bps:.1f} bps", "tracking a day"),
        (f"{max(row['millions'] / row['most'] for row in capacity.to_dicts()):.0%}", "of the tightest token's capacity"),
    ]
    sections = [
        picture("Frontier", "Cost against risk as aversion grows; the diamond is this plan.", _frontier(frontier, costs)),
        picture("Schedule", f"Millions a slice of {slice_text}, by token.", _schedule(plan)),
        table("Costs, bps of the parent", pl.DataFrame([costs])),
        table("Nodes", plan.by_node()),
        table("Fairness", plan.fairness()),
        table("Capacity, millions", capacity),
        table("Schedule by instrument", plan.frame.filter(pl.col("millions") != 0)),
    ]
    return page(
        f"Plan: {title}",
        f"{len(plan.setting.instruments)} markets, {plan.setting.slices} slices of {slice_text}; solver: {plan.solver}.",
        cards,
        sections,
    )


def _frontier(frontier: pl.DataFrame, costs: dict[str, float]) -> Any:
    figure = make_subplots(rows=1, cols=1)
    figure.add_scatter(
        x=frontier["risk_bps"], y=frontier["cost_bps"], mode="lines+markers", line={"color": INK}, name="frontier"
    )
    looks = {"symbol": "diamond", "size": 12, "color": BLUE}
    figure.add_scatter(x=[costs["risk"]], y=[costs["total"]], mode="markers", marker=looks, name="this plan")
    figure.update_xaxes(title_text="risk, bps")
    return dressed(figure, y="cost, bps", height=340)


def _schedule(plan: Plan) -> Any:
    figure = make_subplots(rows=1, cols=1)
    for number, token in enumerate(plan.setting.tokens):
        flow = plan.flows[:, number]
        if np.any(flow):
            colour = _COLOURS[number % len(_COLOURS)]
            figure.add_bar(x=np.arange(len(flow)), y=flow, name=token.removeprefix("token:"), marker={"color": colour})
    figure.update_layout(barmode="relative")
    figure.update_xaxes(title_text="slice")
    return dressed(figure, y="millions", height=380)
