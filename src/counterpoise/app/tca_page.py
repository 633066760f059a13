"""One page on what runs cost: waterfall, nodes, paths against VWAP, participation, markouts, fairness, predictions."""

from __future__ import annotations

from html import escape

import polars as pl

from counterpoise.app import tca_figures as figures
from counterpoise.app.figures import cost_figure
from counterpoise.app.page import page, picture, table
from counterpoise.app.tca_report import RunCost, TcaReport
from counterpoise.core.units import format_time

__all__ = ["render"]


def render(report: TcaReport) -> str:
    """The page; the same report gives the same bytes."""
    runs = report.runs
    first = min(one.run.span_ns[0] for one in runs)
    last = max(one.run.span_ns[1] for one in runs)
    whole = report.nodes.filter(pl.col("parent").is_null())
    total = float(whole["total"].cast(pl.Float64).sum())
    value = float(whole["notional"].cast(pl.Float64).sum())
    title = f"Cost of {runs[0].run.name}" if len(runs) == 1 else f"Cost of {len(runs)} orders"
    quote = runs[0].run.instrument.quote
    cards = [
        (f"{1e4 * total / value:+.2f} bps", "total shortfall"),
        (f"{total:,.2f} {quote}", "total shortfall"),
        (f"{value:,.0f} {quote}", "value at decision"),
        (f"{sum(one.costs.height for one in runs):,}", "fills"),
        (f"{sum(one.run.orders.height for one in runs):,}", "child orders"),
    ]
    sections = [
        *(text for one in runs for text in _run(one, alone=len(runs) == 1)),
        picture(
            "Cost by node",
            "Every node of the tree in bps of its own value; sums along the tree are exact to the tenth digit.",
            figures.nodes_figure(report.nodes),
        )
        + table("Cost by node", report.nodes),
        "<h2>By venue</h2><p class='note'>Fills added up by venue, instrument, and maker or taker, money in one currency.</p>"
        + table("Cost by venue", report.venues),
        *_fairness(report),
        *_predictions(report),
    ]
    return page(title, f"{format_time(first, digits=0)} to {format_time(last, digits=0)}", cards, sections)


def _run(one: RunCost, *, alone: bool) -> list[str]:
    run, of = one.run, "" if alone else f" of {one.run.name}"
    config = run.config.get("parent", {})
    share = one.participation
    worst = "nothing traded" if share.worst is None else f"worst minute {100 * share.worst:.1f} %"
    said = {True: "as maker", False: "as taker"}
    notes = "; ".join(
        f"{said[maker]}: {effective:+.2f} bps at once, {realised:+.2f} after {horizon}"
        for maker, horizon, effective, realised in one.markouts.filter(pl.col("horizon") == "10s")
        .select("maker", "horizon", "effective_bps", "realised_bps")
        .rows()
    )
    return [
        picture(
            f"What it cost{of}",
            "Implementation shortfall against the mid when the order was decided, by cause. Positive is a cost.",
            cost_figure(one.shortfall),
        ),
        picture(
            f"Price and fills{of}",
            "Our running average beside the running VWAP of what others traded since the start.",
            figures.path_figure(run, one.benchmarks),
        )
        + table(f"Benchmarks{of}", one.benchmarks),
        picture(
            f"Participation{of}",
            f"Our share of all that traded, minute by minute; {worst}.",
            figures.participation_figure(one.slices, cap=config.get("max_participation")),
        )
        + table(f"Participation{of}", one.slices),
        picture(
            f"After our fills{of}",
            "Half-spread that is left once the market has moved on, with 95 % intervals by child. " + notes,
            figures.markout_figure(one.markouts),
        )
        + table(f"Markouts{of}", one.markouts),
        f"<h2>{escape(f'Children{of}')}</h2><p class='note'>{escape(_habits(one))}</p>"
        + table(f"Children{of}", one.children)
        + table(f"Activity{of}", one.activity),
    ]


def _habits(one: RunCost) -> str:
    """What the children repeat, in words."""
    found = one.habits
    if found["repeats"] is None:
        return "Fewer than two children: nothing repeats."
    return (
        f"{100 * found['repeats']:.0f} % of the {found['orders']} children had the size of the one before, "
        f"{100 * found['repeats_by_chance']:.0f} % if the same sizes came in random order. "
        f"Strongest clock: {found['period']}, resultant {found['clock']['resultant']:.2f}, "
        f"chance by luck among all periods tried at most {found['clock_p_value']:.2g}."
    )


def _fairness(report: TcaReport) -> list[str]:
    """Lorenz curves where a level has nodes to compare, and what an observer could tell."""
    several = report.evenness.filter(pl.col("nodes") > 1).height > 0
    fair = (
        picture(
            "Fairness",
            "How normalised impact is spread over the nodes of a level; on the diagonal all bear alike.",
            figures.lorenz_figure(report.impacts),
        )
        if several
        else "<h2>Fairness</h2><p class='note'>No level has two nodes: there is nothing to compare.</p>"
    )
    shown = [fair + table("Fairness", report.evenness) + table("Normalised impact", report.impacts)]
    if not report.leakage.is_empty():
        shown.append(
            "<h2>Leakage</h2><p class='note'>How far our net flow shifted what others did (d′), beside the least that any "
            "schedule of the same total gives away; AUC of the best observer of net flow who knows the schedule.</p>"
            + table("Leakage by node", report.leakage)
        )
    return shown


def _predictions(report: TcaReport) -> list[str]:
    if report.predicted is None:
        return []
    note = "Cost foretold and come, in bps of each parent; bars are one standard deviation foretold."
    shown = [
        picture("Predictions", note, figures.calibration_figure(report.predicted)) + table("Predictions", report.predicted)
    ]
    if report.calibration is not None:
        found = report.calibration
        said = f"Flat where the risk was stated rightly (Kolmogorov-Smirnov p = {found.pit_p_value:.2g})."
        shown.append(picture("Risk foretold", said, figures.pit_figure(found)) + table("Calibration", found.frame))
    return shown
