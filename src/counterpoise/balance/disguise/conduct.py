"""What an execution must not do to hide itself, looked for in its orders: meet itself, trade both ways, not mean to trade."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import polars as pl

from counterpoise.core.errors import InputError
from counterpoise.core.units import format_duration, parse_duration

__all__ = ["RULES", "conduct"]

RULES: Final = {
    "self_cross": "own orders of both sides would trade with each other (wash trade: MAR annex I A (c); CEA section 4c(a))",
    "two_sides": "orders against the side of the parent (opposite-side noise: MAR article 12(1)(a))",
    "fleeting": "a resting order taken back before it could trade (spoofing: MAR article 12(2)(c); CEA section 4c(a)(5)(C))",
}
_COLUMNS: Final = {
    "client_id": pl.String,
    "instrument": pl.String,
    "side": pl.Int64,
    "price_ticks": pl.Int64,
    "qty_lots": pl.Int64,
    "filled_lots": pl.Int64,
    "rests": pl.Boolean,
    "sent_ns": pl.Int64,
    "ended_ns": pl.Int64,
    "withdrawn": pl.Boolean,
}
_BREACHES: Final = {"ts_ns": pl.Int64, "instrument": pl.String, "client_id": pl.String, "rule": pl.String, "what": pl.String}


def conduct(orders: pl.DataFrame, *, side: int | None = None, least_life: str = "500ms") -> pl.DataFrame:
    """Breaches of three rules that no disguise is worth.

    Parameters
    ----------
    orders : DataFrame
        A row an order: ``client_id``, ``instrument``, ``side`` (±1), ``price_ticks``, ``qty_lots``, ``filled_lots``, ``rests``
        (whether it could wait in the book), ``sent_ns``, ``ended_ns`` (null while live), ``withdrawn`` (by us).
    side : int, optional
        Of the parent; each instrument's first order says it where it is left out.
    least_life : str
        A resting order withdrawn unfilled within less had no time to trade.

    Returns
    -------
    DataFrame
        ``ts_ns``, ``instrument``, ``client_id``, ``rule`` (of `RULES`), ``what``, in order of time; empty is good conduct.

    Raises
    ------
    InputError
        If a column is missing, a side is not ±1, an order ends before it is sent or has more filled than it wanted.

    Notes
    -----
    Sees what was sent, not what was meant: an empty answer is no acquittal. O(n log n + pairs that rest at one time).
    """
    _require(orders)
    least_ns = parse_duration(least_life)
    rows = [*_sides(orders, side), *_fleeting(orders, least_ns), *_crossings(orders)]
    return pl.DataFrame(rows, schema=_BREACHES, orient="row").sort("ts_ns", "client_id", "rule")


def _require(orders: pl.DataFrame) -> None:
    missing = [name for name in _COLUMNS if name not in orders.columns]
    if missing:
        raise InputError(f"orders lack {', '.join(missing)}; expected the columns {', '.join(_COLUMNS)}")
    wrong = orders.filter(
        ~pl.col("side").is_in([1, -1]) | (pl.col("ended_ns") < pl.col("sent_ns")) | (pl.col("filled_lots") > pl.col("qty_lots"))
    )
    if not wrong.is_empty():
        raise InputError(
            f"order {wrong['client_id'][0]} has no side of ±1, ends before it is sent, or is filled beyond its size"
        )


def _sides(orders: pl.DataFrame, side: int | None) -> Iterator[tuple[Any, ...]]:
    """Orders of the other side than the parent's."""
    ordered = orders.sort("sent_ns", maintain_order=True)
    first = {name: int(part["side"][0]) for (name,), part in ordered.group_by("instrument", maintain_order=True)}
    for row in ordered.iter_rows(named=True):
        wanted = side if side is not None else first[row["instrument"]]
        if row["side"] != wanted:
            word = "buys" if row["side"] > 0 else "sells"
            yield row["sent_ns"], row["instrument"], row["client_id"], "two_sides", f"{word} {row['qty_lots']} lots"


def _fleeting(orders: pl.DataFrame, least_ns: int) -> Iterator[tuple[Any, ...]]:
    for row in orders.iter_rows(named=True):
        if row["rests"] and row["withdrawn"] and not row["filled_lots"] and row["ended_ns"] is not None:
            life = row["ended_ns"] - row["sent_ns"]
            if life < least_ns:
                said = f"{row['qty_lots']} lots withdrawn after {format_duration(life)}"
                yield row["ended_ns"], row["instrument"], row["client_id"], "fleeting", said


def _crossings(orders: pl.DataFrame) -> Iterator[tuple[Any, ...]]:
    """Own bids at or above own asks that live at one time; one that does not rest meets what rests when it is sent."""
    for _, part in orders.group_by("instrument", maintain_order=True):
        live: list[dict[str, Any]] = []
        for row in part.sort("sent_ns", maintain_order=True).iter_rows(named=True):
            live = [one for one in live if one["ended_ns"] is None or one["ended_ns"] > row["sent_ns"]]
            for other in live:
                if other["side"] != row["side"] and row["side"] * (row["price_ticks"] - other["price_ticks"]) >= 0:
                    said = f"meets {other['client_id']} at {other['price_ticks']} ticks"
                    yield row["sent_ns"], row["instrument"], row["client_id"], "self_cross", said
            if row["rests"]:
                live.append(row)
