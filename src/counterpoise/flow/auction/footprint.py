"""Footprint: what aggressors bought and sold at each row of prices, bar by bar, and what each bar comes to.

`Footprint` gives the rows, `FootprintBars` one row a bar; both take any rule of `Bins`. Tables of imbalances and stacks are in
`counterpoise.flow.auction.diagonal`; levels that are watched later in `flow.auction.naked`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Bool1D, Int1D, Int2D
from counterpoise.flow.auction.definition import ImbalanceDefinition, ValueAreaDefinition, imbalance_definition
from counterpoise.flow.auction.price_rows import RowRules, RowStream, Summary, stamped
from counterpoise.flow.bins import Bins
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import bar as k
from counterpoise.flow.kernels.footprint import ROW_COLUMNS, SUMMARY_COLUMNS
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Footprint", "FootprintBars", "footprint", "footprint_bars"]


class Footprint(RowStream):
    """Rows of each bar: quantity bought, sold and of unknown side at each row of prices, and which are out of balance.

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
        What ends a bar; any rule.
    row_ticks : int
        Height of a row [ticks]. Row r holds the prices from r·row_ticks up to the next row, also below zero.
    definition : str or ImbalanceDefinition
        What is out of balance; by default ``"atas"``.

    Notes
    -----
    A frame has ``ts`` (end of the bar, exclusive, UTC), ``bar`` (its number, from 0), ``row``, ``price`` (low edge of the
    row), ``buy_qty``, ``sell_qty``, ``unknown_qty``, ``trades``, ``buy_imbalance``, ``sell_imbalance`` and ``buy_stack``,
    ``sell_stack``, whether the row belongs to a stack. Rows ascend within a bar; those that did not trade are left out, and so
    are bars without a trade, though they are counted. Trades of no quantity are passed over.

    Buyers of a row lift the ask, so they are compared with what was sold one row lower, and sellers with what was bought one
    row higher; the lowest row has no buyers' comparison and the highest no sellers', as nothing was auctioned beyond them.

    Causal: a bar depends on its own rows. O(1) a trade, O(rows) a bar; memory by rows that traded within it, in pages of 128.
    """

    def __init__(
        self, instrument: Instrument, *, bins: Bins, row_ticks: int = 1, definition: str | ImbalanceDefinition = "atas"
    ) -> None:
        rules = RowRules(bins, row_ticks=row_ticks, definition=definition)
        super().__init__(instrument, rules=rules, writes=k.ROWS, width=ROW_COLUMNS)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        qty, definition = self.instrument.flow_grid, imbalance_definition(self.rules.definition)
        bar, row = rows[:, 1], rows[:, 4]
        columns: dict[str, AnyArray] = {"ts": rows[:, 0], "bar": bar, "row": row, "price": self._price(row)}
        for name, column in (("buy_qty", 5), ("sell_qty", 7), ("unknown_qty", 6)):
            columns[name] = qty.values(rows[:, column])
        columns["trades"] = rows[:, 8]
        for name, column in (("buy", 9), ("sell", 10)):
            columns[f"{name}_imbalance"] = rows[:, column] > 0
        for name, column in (("buy", 9), ("sell", 10)):
            columns[f"{name}_stack"] = _runs(rows[:, column] > 0, bar, row) >= definition.stack
        return stamped(columns)


class FootprintBars(RowStream):
    """One row a bar: prices, delta, point of control, value area, imbalances and unfinished auctions.

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
    row_ticks : int
    definition : str or ImbalanceDefinition
        Of imbalances, stacks and unfinished auctions.
    value_area : str or ValueAreaDefinition
    share : float
        Of all quantity that the value area holds at least; (0, 1], to a hundredth of a percent.

    Notes
    -----
    Columns are described in `GROUPS`. Bars of time are there without a trade too, with null prices. ``delta`` starts from 0 in
    each bar, so ``max_delta`` ≥ 0 ≥ ``min_delta``; trades of unknown side are in ``unknown_qty`` and in the rows' volume alone.
    ``gaps`` counts the GAP rows within the bar: trades may be missing there too. ``complete`` is false when nothing has ended
    the bar yet. The unfinished auction is that of the bar alone; whether it still stands is in `flow.auction.naked`.

    Causal: a bar depends on its own rows. O(1) a trade, O(rows) a bar.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        bins: Bins,
        row_ticks: int = 1,
        definition: str | ImbalanceDefinition = "atas",
        value_area: str | ValueAreaDefinition = "classic",
        share: float = 0.7,
    ) -> None:
        rules = RowRules(bins, row_ticks=row_ticks, definition=definition, value_area=value_area, share=share)
        super().__init__(instrument, rules=rules, writes=k.BARS, width=SUMMARY_COLUMNS)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        of = Summary(rows, self.instrument, self.rules.row_ticks)
        columns: dict[str, AnyArray] = {"ts": rows[:, 0], "bar": of[k.BAR]}
        columns |= {n: of.price(c) for n, c in (("open", k.OPEN), ("high", k.HIGH), ("low", k.LOW), ("close", k.CLOSE))}
        columns["volume"] = of.qty(k.BAR_BUY, k.BAR_SELL, k.BAR_UNKNOWN)
        columns |= {"buy_qty": of.qty(k.BAR_BUY), "sell_qty": of.qty(k.BAR_SELL), "unknown_qty": of.qty(k.BAR_UNKNOWN)}
        columns |= {"trades": of[k.BAR_TRADES], "delta": of.net(k.BAR_BUY, k.BAR_SELL)}
        columns |= {"min_delta": of.qty(k.DELTA_LOW), "max_delta": of.qty(k.DELTA_HIGH), **of.area(), "vwap": of.vwap()[0]}
        for name, column in (("imbalances", k.BUY_IMBALANCES), ("stacks", k.BUY_STACKS)):
            columns |= {f"buy_{name}": of[column], f"sell_{name}": of[column + 1]}
        columns |= {"unfinished_low": of[k.UNFINISHED_LOW] > 0, "unfinished_high": of[k.UNFINISHED_HIGH] > 0}
        return stamped(columns | {"gaps": of[k.GAPS], "complete": of[k.COMPLETE] > 0})


def footprint(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins,
    row_ticks: int = 1,
    definition: str | ImbalanceDefinition = "atas",
) -> pl.DataFrame:
    """Rows of every bar of a whole stream; see `Footprint`."""
    return Footprint(instrument, bins=bins, row_ticks=row_ticks, definition=definition).whole(events)


def footprint_bars(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins,
    row_ticks: int = 1,
    definition: str | ImbalanceDefinition = "atas",
    value_area: str | ValueAreaDefinition = "classic",
    share: float = 0.7,
) -> pl.DataFrame:
    """Every bar of a whole stream; see `FootprintBars`."""
    return FootprintBars(
        instrument, bins=bins, row_ticks=row_ticks, definition=definition, value_area=value_area, share=share
    ).whole(events)


def _runs(marked: Bool1D, bar: Int1D, row: Int1D) -> Int1D:
    """Length of the run of adjacent marked rows that each row belongs to, 0 for rows that are not marked."""
    out = np.zeros(len(row), np.int64)
    at = np.flatnonzero(marked)
    if len(at):
        starts = np.flatnonzero(np.r_[True, (np.diff(bar[at]) != 0) | (np.diff(row[at]) != 1)])
        lengths = np.diff(np.r_[starts, len(at)])
        out[at] = np.repeat(lengths, lengths)
    return out


_BAR: Final = (
    Column("ts", "ns", "end of the bar, exclusive"),
    Column("bar", "count", "number of the bar, from 0"),
)
_QTY: Final = (
    Column("buy_qty", "base", "bought by aggressors", "swaps", "linear"),
    Column("sell_qty", "base", "sold by aggressors", "swaps", "linear"),
    Column("unknown_qty", "base", "traded, aggressor unknown", "even", "linear"),
    Column("trades", "count", "trades of some quantity"),
)
# a mirror turns the order of the rows, so column by column it says nothing of them
_ROW_QTY: Final = tuple(column._replace(mirror="free") for column in _QTY)
GROUPS: Final[tuple[Group, ...]] = (
    Group(
        "footprint",
        "what aggressors bought and sold at each row of prices, bar by bar",
        "Footprint",
        ("trades", "bins"),
        (
            *_BAR,
            Column("row", "1", "number of the row: price / (row_ticks · tick), rounded down", "free"),
            Column("price", "quote", "low edge of the row", "price"),
            *_ROW_QTY,
            Column("buy_imbalance", "1", "whether buyers outweigh what was sold one row lower", "swaps", "free"),
            Column("sell_imbalance", "1", "whether sellers outweigh what was bought one row higher", "swaps", "free"),
            Column("buy_stack", "1", "whether that imbalance is one of a stack of adjacent rows", "swaps", "free"),
            Column("sell_stack", "1", "whether that imbalance is one of a stack of adjacent rows", "swaps", "free"),
        ),
        "definitions in counterpoise.flow.auction.definition",
    ),
    Group(
        "footprint_bars",
        "what each bar of a footprint comes to: prices, delta, point of control, value area, imbalances",
        "FootprintBars",
        ("trades", "bins"),
        (
            *_BAR,
            Column("open", "quote", "first price", "price"),
            Column("high", "quote", "highest price", "price"),
            Column("low", "quote", "lowest price", "price"),
            Column("close", "quote", "last price", "price"),
            Column("volume", "base", "all that traded", "even", "linear"),
            *_QTY,
            Column("delta", "base", "buy_qty - sell_qty", "odd", "linear"),
            Column("min_delta", "base", "lowest delta since the bar began, 0 at its start", "odd", "linear"),
            Column("max_delta", "base", "highest delta since the bar began, 0 at its start", "odd", "linear"),
            Column("poc", "quote", "low edge of the row that traded most; of equals the nearest to the centre", "free"),
            Column("value_area_low", "quote", "low edge of the lowest row of the value area", "free"),
            Column("value_area_high", "quote", "low edge of the highest row of the value area", "free"),
            Column("poc_qty", "base", "what traded at the point of control", "even", "linear"),
            Column("vwap", "quote", "mean price weighted by base coins; harmonic for inverse contracts", "free"),
            Column("buy_imbalances", "count", "rows where buyers outweigh their diagonal", "swaps", "free"),
            Column("sell_imbalances", "count", "rows where sellers outweigh their diagonal", "swaps", "free"),
            Column("buy_stacks", "count", "stacks of such rows", "swaps", "free"),
            Column("sell_stacks", "count", "stacks of such rows", "swaps", "free"),
            Column("unfinished_low", "1", "whether both sides traded at the lowest row, sellers enough", "swaps", "free"),
            Column("unfinished_high", "1", "whether both sides traded at the highest row, buyers enough", "swaps", "free"),
            Column("gaps", "count", "GAP rows within the bar"),
            Column("complete", "1", "whether something has ended the bar"),
        ),
        "definitions in counterpoise.flow.auction.definition",
    ),
)
