"""The page of a cascade: price, liquidations by tier, fund and deleveraging, without and with the levers."""

from __future__ import annotations

from typing import Any, Final, Literal

import polars as pl
from plotly.subplots import make_subplots

from counterpoise.app.chart import short
from counterpoise.app.figures import BLUE, INK, ORANGE, dressed
from counterpoise.app.page import page, picture, table
from counterpoise.sim.leverage.cascade import CascadeResult, Comparison

__all__ = ["cascade_html"]

_TIERS: Final = ("#e8820c", "#3b7ddd", "#8b929c", "#b65d00", "#1f5fb8", "#5f6670")
_DASHES: Final = ("dot", "dash", "dashdot", "longdash", "longdashdot", "5px 2px")


def cascade_html(
    comparison: Comparison, *, title: str, contract: Literal["linear", "inverse"] = "linear", live: bool = False
) -> str:
    """One self-contained page; the first policy is the market without levers, the last is shown beside it.

    Parameters
    ----------
    comparison : Comparison
    title : str
    contract : {"linear", "inverse"}
        Money of an inverse contract is shown in coin and in quote.
    live : bool
        Whether the worst move is told over that of the same market without leverage.
    """
    inverse = contract == "inverse"
    unit = "coin" if inverse else "quote"
    names = list(comparison.results)
    none, last = comparison.results[names[0]], comparison.results[names[-1]]
    summary = none.summary.row(0, named=True)
    cards = [
        (f"{summary['amplification']:.2f} ×", f"worst move over {'that without leverage' if live else 'the shock'}"),
        (f"{summary['worst_price']:,.10g}", "worst price"),
        *_money(summary, "liquidated", "liquidated", inverse=inverse),
        *_money(summary, "fund_draw", "drawn from the fund", inverse=inverse),
        *_money(summary, "uncovered", "loss nobody covers", inverse=inverse),
        (short(float(none.victims.height)), "accounts deleveraged"),
        (short(float(summary["adl_ours"])), "lots of our own hedge taken"),
    ]
    sides = [(names[0], none), (names[-1], last)] if len(names) > 1 else [(names[0], none)]
    sections = [
        picture("Price", "Mark after each step, under each policy.", _lines(comparison, "price", y="price")),
        picture("Liquidations by tier", "Value per step by the tier of the position.", _tiers(sides, unit)),
        picture("Insurance fund", "After each step; below zero is a loss nobody covers.", _lines(comparison, "fund", y=unit)),
        *([_fund_in_quote(comparison)] if inverse else []),
        picture("Deleveraged", "Lots taken from winners so far.", _lines(comparison, "adl_lots", y="lots", summed=True)),
        table("Policies", _told(comparison.frame, inverse=inverse)),
        table(f"Path under {names[0]}", _told(none.frame, inverse=inverse)),
        table(f"Deleveraged accounts under {names[0]}", none.victims.sort("signed_lots")),
    ]
    note = f"One shock, {len(names)} policies, the same accounts, money in {unit}. Cards are of the market without levers."
    return page(f"Cascade: {title}", note, cards, sections)


def _money(summary: dict[str, Any], column: str, what: str, *, inverse: bool) -> list[tuple[str, str]]:
    """Cards of an amount: in quote, and before that in coin where that is what is settled in."""
    in_quote = (short(summary[f"{column}_quote"]), f"{what} [quote]")
    return [(short(summary[column]), f"{what} [coin]"), in_quote] if inverse else [in_quote]


def _told(frame: pl.DataFrame, *, inverse: bool) -> pl.DataFrame:
    """A linear contract settles in quote: its amounts stand there once."""
    return frame if inverse else frame.select(pl.exclude("^.*_quote$"))


def _fund_in_quote(comparison: Comparison) -> str:
    what = "The same fund at the price of each step: it shrinks with the coin it is held in, though nothing be drawn."
    return picture("Insurance fund in quote", what, _lines(comparison, "fund_quote", y="quote"))


def _lines(comparison: Comparison, column: str, *, y: str, summed: bool = False) -> Any:
    """One line a policy: without levers orange and solid, all of them blue and solid."""
    figure = make_subplots(rows=1, cols=1)
    names = list(comparison.results)
    for at, name in enumerate(names):
        frame = comparison.results[name].frame
        values = frame[column].cum_sum() if summed else frame[column]
        ends = at == 0 or at == len(names) - 1
        line = {"color": ORANGE if at == 0 else BLUE if ends else INK, "width": 2 if ends else 1}
        line["dash"] = "solid" if ends else _DASHES[at % len(_DASHES)]
        figure.add_scatter(x=frame["seconds"], y=values, name=name, mode="lines", line=line)
    figure.update_xaxes(title_text="seconds since the shock")
    return dressed(figure, y=y, height=380)


def _tiers(sides: list[tuple[str, CascadeResult]], unit: str) -> Any:
    """Stacked bars, a panel a policy."""
    figure = make_subplots(rows=len(sides), cols=1, shared_xaxes=True, subplot_titles=[name for name, _ in sides])
    for row, (_, result) in enumerate(sides, start=1):
        for (tier, floor), part in _by_tier(result):
            figure.add_bar(
                x=part["seconds"],
                y=part["liquidated"],
                name=f"from {short(floor)}",
                legendgroup=tier,
                showlegend=row == 1,
                marker={"color": _TIERS[tier % len(_TIERS)], "line": {"width": 0}},
                row=row,
                col=1,
            )
    figure.update_layout(barmode="stack", bargap=0)
    figure.update_xaxes(title_text="seconds since the shock", row=len(sides), col=1)
    return dressed(figure, y=unit, height=240 * len(sides) + 80)


def _by_tier(result: CascadeResult) -> list[tuple[tuple[int, float], pl.DataFrame]]:
    timed = result.by_tier.join(result.frame.select("step", "seconds"), on="step").sort("tier", "step")
    parts = timed.partition_by("tier", "floor", maintain_order=True)
    return [((int(part["tier"][0]), float(part["floor"][0])), part) for part in parts]
