"""Best quotes of one market as a table of their changes, and prices of several markets on one grid of time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Int1D, Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.cells import STATE_NAMES, UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import best as k
from counterpoise.flow.numbers import times_of
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["GROUPS", "NO_ROW", "QUOTE_SOURCES", "BestQuotes", "Source", "best_quotes", "fresh_market", "prices_on_grid"]

Source = Literal["depth", "ticker"]
QUOTE_SOURCES: Final = {"depth": k.DEPTH, "ticker": k.TICKER}
NO_ROW: Final = 255  # kind of a row that says nothing but the time


def best_quotes(
    events: Events, instrument: Instrument, *, source: Source = "depth", stale_ns: int = 10 * SECOND_NS
) -> pl.DataFrame:
    """Every change of the best quotes of a recording; see `BestQuotes`."""
    return BestQuotes(instrument, source=source, stale_ns=stale_ns).whole(events)


class BestQuotes(Stream):
    """Changes of the best quotes, event by event.

    Parameters
    ----------
    instrument : Instrument
    source : {"depth", "ticker"}
        Where they come from: the book of the depth stream, or a ticker channel.
    stale_ns : int
        A source silent for longer is STALE from then on.

    Raises
    ------
    InputError
        If `stale_ns` is not positive.
    UnknownName
        If there is no such source.

    Notes
    -----
    A row is written when a message ends and price, size or quality of the best quotes is not what it was; and one nanosecond
    after the source has been silent for `stale_ns`, which is known without an event. Numbers are null while the quality is not
    SYNCED, one side's when it is empty. Causal. O(rows).
    """

    rows = staticmethod(k.best_rows)

    def __init__(self, instrument: Instrument, *, source: Source = "depth", stale_ns: int = 10 * SECOND_NS) -> None:
        state, settings = fresh_market(k.BEST_SIZE + 5, source=source, stale_ns=stale_ns)
        state[k.BEST_SIZE : k.BEST_SIZE + 5] = (NO_KEY, 0, NO_KEY, 0, BookState.GAPPED)
        super().__init__(instrument, state=state, settings=settings, width=k.WIDTH, book=True)

    def until(self, ts_ns: int) -> pl.DataFrame:
        """Let time pass though no event says so; returns what it brought, which is staleness if anything."""
        self._pass_time(ts_ns, NO_ROW)
        return self.drain()

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        price, qty = self.instrument.price_grid, self.instrument.flow_grid
        sound = rows[:, k.QUALITY] == BookState.SYNCED
        bid, ask = sound & (rows[:, k.BID] != NO_KEY), sound & (rows[:, k.ASK] != NO_KEY)
        best = np.where(bid, rows[:, k.BID], 0), np.where(ask, -rows[:, k.ASK], 0)
        columns: dict[str, AnyArray] = {
            "ts_local": rows[:, k.TS],
            "bid": np.where(bid, price.values(best[0]), np.nan),
            "bid_qty": np.where(bid, qty.values(rows[:, k.BID_LOTS]), np.nan),
            "ask": np.where(ask, price.values(best[1]), np.nan),
            "ask_qty": np.where(ask, qty.values(rows[:, k.ASK_LOTS]), np.nan),
            "mid": np.where(bid & ask, price.values(best[0] + best[1], over=2), np.nan),
            "quality": STATE_NAMES[rows[:, k.QUALITY]],
        }
        return pl.DataFrame(columns, nan_to_null=True, schema_overrides={"quality": pl.String}).with_columns(
            pl.col("ts_local").cast(UTC_NS)
        )


def fresh_market(size: int, *, source: Source, stale_ns: int) -> tuple[Int1D, Float1D]:
    """State and settings of a kernel that follows one market, before its first event.

    Raises
    ------
    InputError
        If `stale_ns` is not positive.
    UnknownName
        If there is no such source of quotes.
    """
    if source not in QUOTE_SOURCES:
        raise UnknownName("quote source", source, QUOTE_SOURCES)
    if not 0 < stale_ns < 1 << 53:
        raise InputError(f"stale time must be positive and below 104 days, found {stale_ns} ns")
    state = np.zeros(size, np.int64)
    state[k.STATUS + STATE] = state[k.NOW] = BookState.GAPPED
    state[k.KEY : k.KEY + 2] = NO_KEY
    return state, np.array([QUOTE_SOURCES[source], stale_ns], np.float64)


def prices_on_grid(
    tables: Mapping[str, pl.DataFrame], *, every_ns: int, price: str = "mid", from_ns: int = 0, to_ns: int = 0
) -> pl.DataFrame:
    """One price of each market at the end of every bin: the last before it; null where that market was not in order.

    Parameters
    ----------
    tables : mapping of str to frame
        Name of a column to a table with ``ts_local`` and `price`, as `best_quotes` gives it. A row holds until the next; one
        whose price is null ends what was known.
    every_ns : int
        Bins end at its multiples.
    price : str
    from_ns, to_ns : int
        First and last bin end wanted; 0 takes the first in which every market has said something, and the last that all
        tables reach.

    Returns
    -------
    pl.DataFrame
        ``ts`` (end of the bin, exclusive), then a column for each market: what `hasbrouck`-like measures take.

    Raises
    ------
    InputError
        If there is no table, or one lacks a column, or bins are not positive.
    DataError
        If times of a table go back.

    Notes
    -----
    No look-ahead: a price stamped exactly ``ts`` belongs to the next bin. Nothing is carried over a gap. O(rows + bins).
    """
    if not tables or every_ns <= 0:
        raise InputError(f"prices on a grid want tables and bins longer than nothing, found {len(tables)} and {every_ns} ns")
    for name, table in tables.items():
        if not {"ts_local", price} <= set(table.columns):
            raise InputError(f"the table of {name} lacks ts_local or {price}, it has {', '.join(table.columns)}")
        times_of(table, "ts_local", what=f"the table of {name}")
    ends = _grid(tables, every_ns, from_ns, to_ns)
    grid = pl.DataFrame({"ts": ends}).with_columns(pl.col("ts").cast(UTC_NS))
    joined = (
        table.select(ts=pl.col("ts_local") + pl.duration(nanoseconds=1), **{name: price}).unique(
            "ts", keep="last", maintain_order=True
        )
        for name, table in tables.items()
    )
    return reduce(lambda left, right: left.join_asof(right, on="ts", check_sortedness=False), joined, grid)


def _grid(tables: Mapping[str, pl.DataFrame], every_ns: int, from_ns: int, to_ns: int) -> Int1D:
    """Bin ends that lie within all tables, or where they are asked for."""
    spans = [table["ts_local"].dt.epoch("ns") for table in tables.values() if table.height]
    if len(spans) < len(tables) and not (from_ns and to_ns):
        return np.zeros(0, np.int64)
    first = from_ns or (max(int(span[0]) for span in spans) // every_ns + 1) * every_ns
    last = to_ns or (min(int(span[-1]) for span in spans) // every_ns + 1) * every_ns
    return np.arange(-(-first // every_ns) * every_ns, last + 1, every_ns, dtype=np.int64)


GROUPS: Final = (
    Group(
        name="best_quotes",
        says="every change of the best quotes of a market",
        made_by="BestQuotes",
        needs=("depth",),
        columns=(
            Column("ts_local", "ns", "when the message that changed them was whole"),
            Column("bid", "quote", "best bid", "price"),
            Column("bid_qty", "base", "quantity at it", "swaps", "linear"),
            Column("ask", "quote", "best ask", "price"),
            Column("ask_qty", "base", "quantity at it", "swaps", "linear"),
            Column("mid", "quote", "(bid + ask) / 2", "price"),
            Column("quality", "1", "state of the source; numbers are null unless it is SYNCED"),
        ),
        source="the book as the venue told it",
    ),
)
