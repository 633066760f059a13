"""A page of our own look: style of the report, dark and light, plotly inside, tables beneath for who sees no picture."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Any, Final

import polars as pl
from plotly.offline import get_plotlyjs

__all__ = ["STYLE", "listing", "page", "picture", "table"]

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d232b; --soft: #667080; --page: #ffffff; --card: #f4f6f9; --line: #dfe4ea; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8ecf1; --soft: #9aa4b2; --page: #12161c; --card: #1b212a; --line: #2c3540; }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0 auto; max-width: 1180px;
       padding: 28px 20px 60px; }
h1 { font-size: 26px; margin: 0 0 2px; } h2 { font-size: 18px; margin: 32px 0 4px; }
p.note { color: var(--soft); margin: 0 0 8px; max-width: 80ch; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 18px 0 6px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 14px; }
.card b { display: block; font-size: 20px; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); font-size: 13px; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; margin: 6px 0 14px; }
th, td { text-align: right; padding: 2px 12px 2px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 500; }
.heatmap-label text { fill: var(--ink) !important; }
summary { cursor: pointer; color: var(--soft); margin: 6px 0; } .wide { overflow-x: auto; }
"""
_MOST_ROWS: Final = 2000


def page(title: str, note: str, cards: Iterable[tuple[str, str]], sections: Iterable[str]) -> str:
    """One self-contained page; the same content gives the same bytes.

    Parameters
    ----------
    title, note : str
    cards : iterable of (value, what it is)
    sections : iterable of str
        HTML, as `picture` and `table` give it.
    """
    shown = "".join(f"<div class='card'><b>{escape(value)}</b><span>{escape(name)}</span></div>" for value, name in cards)
    return (
        "<!doctype html><html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(title)}</title><style>{STYLE}</style><script>{get_plotlyjs()}</script></head><body>"
        f"<h1>{escape(title)}</h1><p class='note'>{escape(note)}</p><div class='cards'>{shown}</div>{''.join(sections)}"
        "</body></html>\n"
    )


def picture(title: str, note: str, figure: Any) -> str:
    """A section with one figure."""
    name = title.lower().replace(" ", "-")
    body = figure.to_html(
        full_html=False, include_plotlyjs=False, div_id=name, config={"displaylogo": False, "responsive": True}
    )
    return f"<h2>{escape(title)}</h2><p class='note'>{escape(note)}</p>{body}"


def table(title: str, frame: pl.DataFrame) -> str:
    """The same as numbers, folded away; the last rows where there are very many."""
    part = frame.tail(_MOST_ROWS)
    head = "".join(f"<th>{escape(name)}</th>" for name in part.columns)
    body = "".join("<tr>" + "".join(f"<td>{escape(_cell(value))}</td>" for value in row) + "</tr>" for row in part.rows())
    some = f", the last {_MOST_ROWS:,} of {frame.height:,} rows" if frame.height > _MOST_ROWS else ""
    return (
        f"<details><summary>{escape(title)} as a table{some}</summary><div class='wide'><table><tr>{head}</tr>{body}</table>"
        "</div></details>"
    )


def listing(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A short table, open."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='wide'><table><tr>{top}</tr>{body}</table></div>"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, float):
        return f"{value:,.10g}"
    return "" if value is None else str(value)
