"""Option trades of many instruments as one table, each with the greeks its option was last quoted with before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import MINUTE_NS, format_time
from counterpoise.flow.cells import real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.option_tables import OptionTables
from counterpoise.flow.derivatives.option_weights import SAID_COLUMNS, DeltaKind, require_delta, weight_columns
from counterpoise.flow.kernels import option_flow as k
from counterpoise.flow.kernels.tables import TS
from counterpoise.flow.tables import age_setting
from counterpoise.market.chain import option_terms
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["GROUPS", "WeightedOptionTrades", "option_trades", "weighted_option_trades"]

_TRADE: Final = ("ts_local", "symbol", "side", "price", "qty")

GROUPS: Final = (
    Group(
        "weighted_option_trades",
        "option trades with the greeks that their option was last quoted with before them",
        "WeightedOptionTrades",
        ("trades", "options"),
        (
            Column("ts_local", "ns", "when the trade was known"),
            Column("symbol", "1", "the option"),
            Column("side", "1", "of the aggressor; 0 where nobody knows", "odd"),
            Column("price", "quote", "coins of a coin-settled option"),
            Column("qty", "coin", "quantity", "even", "linear"),
            Column("underlying_price", "quote", "forward of its expiry, as last quoted before"),
            Column("mark_price", "quote", "mark, as last quoted before; coins of a coin-settled option"),
            Column("mark_iv", "1", "iv of the mark, a year, as last quoted before"),
            Column("delta", "1", "as last quoted before"),
            Column("gamma", "1", "as last quoted before"),
            Column("vega", "quote", "as last quoted before"),
            Column("delta_coin", "coin", "delta of one coin of the option, by choice less its premium"),
            Column("gamma_coin", "coin", "change of delta for a move of 1 %"),
            Column("vega_cash", "quote", "vega of a vol point"),
            Column("worth_cash", "quote", "mark in cash"),
            Column("out_of_money", "1", "struck beyond the forward"),
            Column("age_ns", "ns", "how old the quote was"),
            Column("premium_cash", "quote", "price · quantity, in cash", "even", "linear"),
        ),
        "docs/theory/flow.md, Options flow",
    ),
)


def option_trades(parts: Iterable[tuple[Instrument, Events]]) -> pl.DataFrame:
    """Trades of many options of one venue as one table, in order of (ts_local, seq, symbol).

    Returns
    -------
    pl.DataFrame
        ``ts_local`` [ns], ``seq``, ``side``, ``price`` [coins of a coin-settled option, else quote], ``qty`` [coins], and the
        terms of `counterpoise.market.chain.option_terms`.

    Raises
    ------
    InputError
        If an instrument is no option, or they are of several venues.
    DataError
        If an option trades after it has expired.
    """
    tables, venues = [], set()
    for instrument, events in parts:
        if instrument.kind is not InstrumentKind.OPTION or instrument.expiry_ns is None:
            raise InputError(f"{instrument.id} is of kind {instrument.kind.value}, expected options; filter the others out")
        venues.add(instrument.venue)
        rows = np.flatnonzero(events.kind == TRADE)
        if len(rows) and events.ts_local[rows[-1]] >= instrument.expiry_ns:
            raise DataError(
                f"{instrument.id} expires at {format_time(instrument.expiry_ns)} but trades at "
                f"{format_time(events.ts_local[rows[-1]])}; cut its events off there"
            )
        columns: dict[str, Any] = {"ts_local": events.ts_local[rows], "seq": events.seq[rows]}
        columns["side"] = events.side[rows].astype(np.int64)
        columns["price"] = instrument.price_grid.values(events.price_ticks[rows])
        columns["qty"] = instrument.flow_grid.values(events.qty_lots[rows])
        tables.append(pl.DataFrame(columns).with_columns(pl.lit(instrument.symbol).alias("symbol")))
    if len(venues) > 1:
        raise InputError(f"option trades of {', '.join(sorted(venues))}: greeks differ in kind; take one venue at a time")
    numbers = dict.fromkeys(("ts_local", "seq", "side"), pl.Int64) | {"price": pl.Float64, "qty": pl.Float64}
    empty = pl.DataFrame(schema={**numbers, "symbol": pl.String})
    joined = pl.concat([empty, *tables]).sort("ts_local", "seq", "symbol", maintain_order=True)
    terms = option_terms(joined["symbol"], venue=next(iter(venues), ""))
    return joined.join(terms, on="symbol", how="left", maintain_order="left")


def weighted_option_trades(
    trades: pl.DataFrame, quotes: pl.DataFrame, *, max_age_ns: int = 5 * MINUTE_NS, delta: DeltaKind = "black"
) -> pl.DataFrame:
    """Recorded trades with the greeks their option was last quoted with before them; see `WeightedOptionTrades`.

    Returns
    -------
    pl.DataFrame
        The trades, with the columns of `GROUPS` that they lack.

    Raises
    ------
    InputError, DataError
        As there.
    """
    frame = WeightedOptionTrades(max_age_ns=max_age_ns, delta=delta).whole({"trades": trades, "quotes": quotes})
    return pl.concat([trades, frame.select(c.name for c in GROUPS[0].columns if c.name not in _TRADE)], how="horizontal")


class WeightedOptionTrades(OptionTables):
    """Trades with the greeks their option was last quoted with before them, one row a trade.

    Tables as of `counterpoise.flow.derivatives.option_tables.OptionTables`.

    Parameters
    ----------
    max_age_ns : int
        Older greeks are none.
    delta : {"black", "net"}
        See `counterpoise.flow.derivatives.option_weights.with_weights`.

    Raises
    ------
    UnknownName
        If there is no such delta.

    Notes
    -----
    Columns are those of `GROUPS`, null without greeks. A quote of the time of a trade comes after it, in whatever order they
    are told. Causal. O(rows).
    """

    rows = staticmethod(k.weighted_trade_rows)

    def __init__(self, *, max_age_ns: int = 5 * MINUTE_NS, delta: DeltaKind = "black") -> None:
        require_delta(delta)
        settings = (0, age_setting(max_age_ns), delta == "net", 0, 0, 0)
        super().__init__(settings=settings, width=k.WEIGHED_WIDTH)

    def _value(self, column: str, name: str) -> float:
        return 1.0  # nothing is added up

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        names = self._records.names()
        columns: dict[str, Any] = {
            "ts_local": pl.Series(rows[:, TS]),
            "symbol": pl.Series([names[at] for at in rows[:, k.OPTION].tolist()], dtype=pl.String),
            "side": rows[:, k.SIDE],
            "price": real(rows, k.PRICE),
            "qty": real(rows, k.QTY),
        }
        columns |= {name: real(rows, k.ROW_WIDTH + i) for i, name in enumerate(SAID_COLUMNS)}
        numbers = np.ascontiguousarray(rows[:, k.WEIGHED : k.AGE_NS]).view(np.float64)
        age = pl.Series("age_ns", rows[:, k.AGE_NS])
        frame = pl.DataFrame(columns, nan_to_null=True).with_columns(*weight_columns(numbers))
        return frame.with_columns(
            pl.select(pl.when(age >= 0).then(age)).to_series().alias("age_ns"),
            pl.Series("premium_cash", real(rows, k.PREMIUM), nan_to_null=True),
        )
