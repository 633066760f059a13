"""The page of a comparison: cost with intervals, what was given away, how evenly it pressed."""

from __future__ import annotations

from typing import Any, Final

import polars as pl
from plotly.subplots import make_subplots

from counterpoise.app.figures import BLUE, INK, ORANGE, dressed
from counterpoise.app.page import page, picture, table
from counterpoise.balance.comparison.scenario import Scenario
from counterpoise.balance.comparison.verdict import Verdict

__all__ = ["compare_html"]

_OURS: Final = "balanced"


def compare_html(verdict: Verdict, scenario: Scenario, *, title: str, seeds: int) -> str:
    """One self-contained page."""
    frame = verdict.frame
    best = frame.sort("cost_undisturbed_bps").row(0, named=True)
    cards = [
        (str(best["contender"]).replace("_", " "), "cheapest"),
        (f"{best['cost_undisturbed_bps']:.2f} bps", "its cost"),
        (f"{best['maker']:.0%}", "of it rested"),
        (f"{best['auc']:.3f}", "AUC of its adversaries"),
    ]
    pairs = verdict.pairs
    others = pairs.filter(~pl.col("contender").str.starts_with(_OURS)) if not pairs.is_empty() else pairs
    if not others.is_empty():
        rival = others.sort("undisturbed_saved_bps").row(0, named=True)
        said = f"{rival['undisturbed_saved_share']:.0%}"
        cards.insert(2, (said, f"less than {str(rival['contender']).replace('_', ' ')}"))
    sections = [
        picture(
            "Cost",
            "Mean of both sides of each seed, fees paid, against the mids without the parent; 95 % by bootstrap over seeds.",
            _bars(frame, "cost_undisturbed_bps", y="bps"),
        ),
        picture(
            "What the adversaries knew",
            "AUC of their scores against runs without a parent, beside the floor of whoever sees all flow; ½ is nothing.",
            _bars(frame, "auc", y="AUC", mark="auc_floor"),
        ),
        picture("How evenly it pressed", "Gini of normalised impact over the nodes of each level; 0 is alike.", _ginis(frame)),
        table("Contenders", frame),
        *([table("Beside ours, on the same seeds", pairs)] if not pairs.is_empty() else []),
        table("Trials", verdict.runs),
    ]
    note = (
        f"{scenario.share:.0%} of what is traded in {scenario.horizon}, an index of {scenario.tokens} tokens on "
        f"{scenario.venues} venues, {seeds} fresh seeds, each bought and sold; one adversary a token."
    )
    return page(f"Comparison: {title}", note, cards, sections)


def _bars(frame: pl.DataFrame, column: str, *, y: str, mark: str | None = None) -> Any:
    figure = make_subplots(rows=1, cols=1)
    names = [name.replace("_", " ") for name in frame["contender"]]
    above = (frame[f"{column}_high"] - frame[column]).to_list()
    below = (frame[column] - frame[f"{column}_low"]).to_list()
    figure.add_bar(
        x=names,
        y=frame[column],
        error_y={"type": "data", "array": above, "arrayminus": below, "color": INK},
        marker={"color": [BLUE if name.startswith(_OURS) else ORANGE for name in names]},
        name=column,
    )
    if mark is not None:
        looks = {"symbol": "line-ew-open", "size": 24, "color": INK}
        figure.add_scatter(x=names, y=frame[mark], mode="markers", marker=looks, name="floor")
    return dressed(figure, y=y, height=360)


def _ginis(frame: pl.DataFrame) -> Any:
    figure = make_subplots(rows=1, cols=1)
    for column, colour in zip([name for name in frame.columns if name.startswith("gini_")], (INK, BLUE, ORANGE), strict=False):
        figure.add_bar(
            x=[name.replace("_", " ") for name in frame["contender"]],
            y=frame[column],
            name=column.removeprefix("gini_"),
            marker={"color": colour},
        )
    return dressed(figure, y="Gini", height=360)
