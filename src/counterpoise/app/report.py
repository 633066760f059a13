"""One self-contained HTML page a run: what was done, what it cost, on what data, under which assumptions."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any, Final

import msgspec
from plotly.offline import get_plotlyjs

from counterpoise.app import figures
from counterpoise.app.page import STYLE, listing, picture
from counterpoise.app.panel_sections import market_sections
from counterpoise.app.run import Run
from counterpoise.balance.tca import PARTS
from counterpoise.core.units import format_time

__all__ = ["render", "write_report"]

_STYLE: Final = """
:root { --gain: #1f5fb8; --loss: #b35900; }
@media (prefers-color-scheme: dark) { :root { --gain: #7fb2ff; --loss: #ffab4d; } }
.loss b { color: var(--loss); } .gain b { color: var(--gain); }
th:first-child, td:first-child, th:last-child, td:last-child { text-align: left; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 12px; overflow-x: auto;
      font-size: 13px; }
"""


def write_report(run: Run) -> Path:
    """Write ``report.html`` into the run's folder."""
    path = run.folder / "report.html"
    path.write_text(render(run), encoding="utf-8")
    return path


def render(run: Run) -> str:
    """The page; the same run gives the same bytes."""
    summary, instrument = run.summary, run.instrument
    unit = "contracts" if instrument.inverse else instrument.base
    title = f"{summary['side'].capitalize()} {summary['qty']} {unit} of {instrument.id}"
    span = f"{format_time(summary['start_ns'], digits=0)} to {format_time(summary['end_ns'], digits=0)}"
    frames = run.frames
    market = market_sections(frames, instrument, run.config.report.panels, average_price=run.shortfall.average_price)
    sections = [
        picture(
            "Price and fills",
            "Each mark is a child order at its average price; its area grows with its quantity.",
            figures.price_figure(frames.flow, frames.steps, frames.fills, run.shortfall, quote=instrument.quote),
        ),
        picture(
            "Schedule against fills",
            "The schedule is what should be done by the end of each slice.",
            figures.schedule_figure(frames.steps, unit=unit, cap=run.config.parent.max_participation),
        ),
        picture(
            "What it cost",
            "Implementation shortfall against the mid when the order was decided, by cause. Positive is a cost.",
            figures.cost_figure(run.shortfall),
        )
        + _cost_table(run),
        picture("Order flow", _flow_note(summary), figures.flow_figure(frames.flow, unit=unit)),
        *(market.get(name, "") for name in ("sized_flow", "footprint", "profile")),
        picture(
            "Depth",
            "Quantity displayed around mid as we saw it, our own impact included: blue bids, orange asks.",
            figures.depth_figure(frames.depth, frames.steps, unit=unit, quote=instrument.quote),
        ),
        *(market.get(name, "") for name in ("absorption", "sweeps", "manipulation", "absent")),
        f"<h2>Data quality</h2><div class='wide'>{run.quality.to_html()}</div>",
        "<h2>Assumptions</h2><ul>" + "".join(f"<li>{escape(text)}</li>" for text in run.opened.assumptions) + "</ul>",
        "" if run.opened.fit is None else f"<h2>Fitted response</h2><div class='wide'>{run.opened.fit.to_html()}</div>",
        f"<h2>Configuration</h2><p class='note'>Hash {summary['config_hash']}, data {summary['data_hash']}, "
        f"seed {summary['seed']}, counterpoise {summary['version']}.</p><pre>{escape(_config(run))}</pre>",
    ]
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}{_STYLE}</style><script>{get_plotlyjs()}</script></head><body>"
        f"<h1>{escape(title)}</h1><p class='note'>{span}</p>{_cards(run)}{''.join(sections)}</body></html>\n"
    )


def _cards(run: Run) -> str:
    summary, cost = run.summary, run.shortfall
    done = 100 * cost.filled_qty / (cost.filled_qty + cost.unfilled_qty)
    cards = [
        (f"{cost.total_bps:+.2f} bps", "total shortfall", "loss" if cost.total > 0 else "gain"),
        (f"{_money(cost.total, run)} {run.instrument.settle}", "total shortfall", "loss" if cost.total > 0 else "gain"),
        (f"{done:.1f} %", "filled", ""),
        (_number(cost.average_price, run.instrument.price_grid.size), f"average price [{run.instrument.quote}]", ""),
        (_percent(summary["participation"]), "of all volume", ""),
        (_percent(summary["maker_share"]), "filled as maker", ""),
        (f"{summary['orders']:,}", "child orders", ""),
    ]
    return (
        "<div class='cards'>"
        + "".join(f"<div class='card {k}'><b>{v}</b><span>{n}</span></div>" for v, n, k in cards)
        + "</div>"
    )


def _cost_table(run: Run) -> str:
    names, cost = (*PARTS, "total"), run.shortfall
    rows = [(n, _money(getattr(cost, n), run), f"{cost.bps(n):+.3f}") for n in names]
    return listing(("cause", run.instrument.settle, "bps"), rows)


def _flow_note(summary: dict[str, Any]) -> str:
    explained = summary["flow"]["ofi_r2"]
    if explained is None:
        return "Best-level order-flow imbalance per bin, and the running sum of signed trades."
    return (
        f"Best-level order-flow imbalance explains {100 * explained:.0f} % of the variance of the mid's change in a bin. "
        "That is what moved the price, not a forecast of it."
    )


def _config(run: Run) -> str:
    return msgspec.json.format(msgspec.json.encode(msgspec.to_builtins(run.config)), indent=2).decode()


def _number(value: float | None, step: float) -> str:
    digits = max(0, len(f"{step:.10f}".rstrip("0").partition(".")[2])) + 1
    return "none" if value is None else f"{value:,.{digits}f}"


def _percent(share: float | None) -> str:
    return "none" if share is None else f"{100 * share:.1f} %"


def _money(amount: float, run: Run) -> str:
    """Cents of a currency, or eight digits of a coin."""
    return f"{amount:,.8f}" if run.instrument.inverse else f"{amount:,.2f}"
