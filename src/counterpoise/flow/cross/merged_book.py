"""The books of several markets at one moment as one: prices on a common grid, a column for each venue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import ceil, floor, isfinite
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import Grid
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.by_node import ON_MISSING, OnMissing
from counterpoise.flow.cross.rates import Rates, RateTable
from counterpoise.market.book import Book
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.quality import BookState

__all__ = ["GROUPS", "merged_book"]

_Sizes = dict[int, tuple[Fraction, Fraction]]  # grid step: coins, value in the common currency


def merged_book(
    books: Mapping[str, Book],
    instruments: Sequence[Instrument],
    *,
    step: str,
    levels: int = 50,
    ts_ns: int = 0,
    rates: RateTable = None,
    currency: str = "USD",
    on_missing: OnMissing = "null",
) -> pl.DataFrame:
    """Price levels of several books merged, best first on each side.

    Parameters
    ----------
    books : mapping of instrument id to Book
        As they stood at one moment.
    instruments : sequence of Instrument
        Their terms; all of one coin, no options.
    step : str
        Step of the common price grid [currency per coin]. A bid falls on the step at or below it, an ask on the one at or
        above, so that no price looks better than it is.
    levels : int
        Rows of each side at most.
    ts_ns : int
        The moment; wanted when `rates` is a frame.
    rates, currency
        As `counterpoise.flow.cross.rates.Rates`.
    on_missing : {"null", "leave_out"}
        A book that is not SYNCED has nulls; the total is null with it, or goes without.

    Returns
    -------
    pl.DataFrame
        ``side`` (+1 bid, −1 ask), ``price``, ``coin`` and ``usd`` of all, ``cumulative_coin``, then coins in a column named by
        each instrument's id. Bids may stand above asks: markets cross.

    Raises
    ------
    InputError
        If coins differ, an option is among them, a rate is missing, or the count of levels is not positive.
    UnknownName
        If a book has no instrument.

    Notes
    -----
    Exact: each level is converted at its own price in fractions and rounded once. O(levels of all books).
    """
    terms = {instrument.id: instrument for instrument in instruments}
    _require(books, terms, levels=levels, on_missing=on_missing)
    held = [terms[name] for name in books]
    value, at = Rates(held, table=rates, currency=currency), np.array([ts_ns], np.int64)
    rate = {i.id: float(value.at(i.quote, at)[0]) for i in held}
    sound = {name: book.state is BookState.SYNCED and isfinite(rate[name]) for name, book in books.items()}
    whole = any(sound.values()) if on_missing == "leave_out" else all(sound.values())
    grid, rows = Grid(step), []
    for side in (1, -1):
        sizes = {n: _sizes(terms[n], book, side, grid, rate[n]) if sound[n] else {} for n, book in books.items()}
        rows += _rows(side, grid, sizes, sound, levels=levels, whole=whole)
    types = {"side": pl.Int8, **dict.fromkeys(("price", "coin", "usd", "cumulative_coin", *books), pl.Float64)}
    return pl.DataFrame(rows, schema=types, orient="row")


def _require(books: Mapping[str, Book], terms: Mapping[str, Instrument], *, levels: int, on_missing: str) -> None:
    for name in books:
        if name not in terms:
            raise UnknownName("market", name, terms)
    held = [terms[name] for name in books]
    if len({instrument.base for instrument in held}) != 1 or any(i.kind is InstrumentKind.OPTION for i in held):
        raise InputError(f"books of one coin are merged, and no options, found {', '.join(books) or 'none'}; leave some out")
    if levels <= 0:
        raise InputError(f"a merged book wants a positive count of levels, found {levels}")
    if on_missing not in ON_MISSING:
        raise UnknownName("rule for what is missing", on_missing, ON_MISSING)


def _sizes(instrument: Instrument, book: Book, side: int, grid: Grid, rate: float) -> _Sizes:
    """What one book holds on each step of the grid; levels at prices of zero or less have no coins behind them."""
    out: _Sizes = {}
    unit, step = Fraction(rate), Fraction(grid.step)
    found = book.levels(side)
    for ticks, lots in zip(found.price_ticks.tolist(), found.qty_lots.tolist(), strict=True):
        if ticks <= 0:
            continue
        price = Fraction(instrument.price_grid.decimal(ticks)) * unit / step
        key = floor(price) if side > 0 else ceil(price)
        coin, usd = out.get(key, (Fraction(0), Fraction(0)))
        out[key] = coin + instrument.base_qty(ticks, lots), usd + instrument.notional(ticks, lots) * unit
    return out


def _rows(
    side: int, grid: Grid, sizes: Mapping[str, _Sizes], sound: Mapping[str, bool], *, levels: int, whole: bool
) -> list[tuple[float | None, ...]]:
    keys = sorted({key for held in sizes.values() for key in held}, reverse=side > 0)[:levels]
    rows: list[tuple[float | None, ...]] = []
    cumulative = Fraction(0)
    for key in keys:
        parts = [held[key] for held in sizes.values() if key in held]
        coin, usd = sum((p[0] for p in parts), Fraction(0)), sum((p[1] for p in parts), Fraction(0))
        cumulative += coin
        total = (float(coin), float(usd), float(cumulative)) if whole else (None, None, None)
        each = (float(held.get(key, (0,))[0]) if sound[name] else None for name, held in sizes.items())
        rows.append((side, grid.value(key), *total, *each))
    return rows


GROUPS: Final = (
    Group(
        name="merged_book",
        says="the books of several markets at one moment as one",
        made_by="merged_book",
        needs=("depth",),
        columns=(
            Column("side", "1", "+1 bid, -1 ask", "odd"),
            Column("price", "usd", "step of the common grid, never better than a level on it", "free"),
            Column("coin", "base", "resting on it in all markets", "even", "linear"),
            Column("usd", "usd", "what that is worth, each level at its own price", "free", "linear"),
            Column("cumulative_coin", "base", "resting on it and on better steps", "even", "linear"),
            Column("{market}", "base", "resting on it in one market, a column for each instrument", "even", "linear"),
        ),
        source="contract terms of the venues",
    ),
)
