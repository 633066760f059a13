"""Option trades of many instruments as one table, each with the greeks its option was last quoted with before it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import MINUTE_NS, format_time
from counterpoise.flow.derivatives.latest import times_of
from counterpoise.flow.derivatives.option_weights import DeltaKind, with_weights
from counterpoise.market.chain import option_terms
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["option_trades", "weighted_option_trades"]

_QUOTED: Final = ("underlying_price", "mark_price", "mark_iv", "delta", "gamma", "vega")


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
    """Trades with the greeks their option was last quoted with before them.

    Parameters
    ----------
    trades : pl.DataFrame
        As `option_trades` gives them.
    quotes : pl.DataFrame
        ``symbol`` and the columns of the ``option_quote`` table, of the same venue.
    max_age_ns : int
        Older greeks are none.
    delta : {"black", "net"}
        See `counterpoise.flow.derivatives.option_weights.with_weights`.

    Returns
    -------
    pl.DataFrame
        The trades with ``age_ns`` and the columns of `with_weights`, and ``premium_cash`` of the trade; null without greeks.

    Raises
    ------
    InputError
        If a column is missing.
    DataError
        If a greek is NaN, or times go back.
    """
    times_of(trades, "ts_local", what="option trades")
    times_of(quotes, "ts_local", what="option quotes")
    absent = [name for name in ("symbol", *_QUOTED) if name not in quotes.columns]
    if absent:
        raise InputError(f"option quotes need {', '.join(absent)}; join the tables with counterpoise.market.chain.chain_quotes")
    damaged = quotes.filter(pl.any_horizontal(pl.col(_QUOTED).is_nan()))
    if damaged.height:
        raise DataError(
            f"option quotes: {damaged.height} rows have NaN among {', '.join(_QUOTED)}, the first of {damaged['symbol'][0]} at "
            f"{format_time(damaged['ts_local'][0])}; make it null where the venue said nothing, or drop the rows"
        )
    said = quotes.filter(pl.col("delta").is_not_null() & pl.col("underlying_price").is_not_null())
    right = said.select("symbol", "ts_local", *(pl.col(n).cast(pl.Float64) for n in _QUOTED), quoted_at="ts_local")
    joined = trades.join_asof(right, on="ts_local", by="symbol", allow_exact_matches=False, check_sortedness=False)
    fresh = pl.col("ts_local") - pl.col("quoted_at") <= max_age_ns
    aged = joined.with_columns(pl.when(fresh).then(pl.col(*_QUOTED, "quoted_at")))
    weighted = with_weights(aged, delta=delta).with_columns(age_ns=pl.col("ts_local") - pl.col("quoted_at"))
    forward = pl.when("coin_settled").then("underlying_price").otherwise(1.0)
    return weighted.with_columns(premium_cash=pl.col("price") * pl.col("qty") * forward).drop("quoted_at")
