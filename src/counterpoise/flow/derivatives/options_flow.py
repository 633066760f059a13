"""Option trades weighted by their greeks, per bin and per strike, and beside the order flow of the perpetual.

A trade takes the greeks its option was last quoted with, strictly before it. Side +1: the aggressor bought the option.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import MINUTE_NS
from counterpoise.flow.cells import UTC_NS, ratio, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.option_tables import OptionTables
from counterpoise.flow.derivatives.option_weights import Dealers, DeltaKind, require_delta, signs_of_dealers
from counterpoise.flow.kernels import option_flow as k
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN
from counterpoise.flow.table_bins import TableBins, require_bins
from counterpoise.flow.tables import age_setting
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "OptionFlow", "OptionFlowByStrike", "option_and_perp_flow", "option_flow", "option_flow_by_strike"]

_SIGNED: Final = (
    Column("signed_notional", "quote", "Σ side · quantity · forward", "odd", "linear"),
    Column("delta_flow", "coin", "Σ side · quantity · delta: coins the aggressors are longer", "odd", "linear"),
    Column("gamma_flow", "coin", "Σ side · quantity · change of delta for a move of 1 %", "odd", "linear"),
    Column("vega_flow", "quote", "Σ side · quantity · vega of a vol point", "odd", "linear"),
)

GROUPS: Final = (
    Group(
        "option_flow",
        "signed option trades weighted by delta, gamma and vega; put/call; skew; dealers' gamma",
        "OptionFlow",
        ("trades", "options", "bins"),
        (
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("trades", "count", "option trades"),
            Column("unknown_trades", "count", "of these, without an aggressor: in no signed sum"),
            Column("unweighted_trades", "count", "of these, without greeks fresh enough: in no weighted sum"),
            Column("buy_qty", "coin", "coins of options bought by aggressors", "swaps", "linear"),
            Column("sell_qty", "coin", "coins of options sold by aggressors", "swaps", "linear"),
            Column("unknown_qty", "coin", "coins of options of nobody knows which side", "even", "linear"),
            Column("call_qty", "coin", "coins of calls traded", "even", "linear"),
            Column("put_qty", "coin", "coins of puts traded", "even", "linear"),
            Column("put_call_ratio", "1", "put_qty / call_qty"),
            Column("call_premium", "quote", "premium of calls traded, in cash", "even", "linear"),
            Column("put_premium", "quote", "premium of puts traded, in cash", "even", "linear"),
            Column("put_call_premium_ratio", "1", "put_premium / call_premium"),
            *_SIGNED,
            Column("signed_premium", "quote", "Σ side · premium in cash", "odd", "linear"),
            Column("put_vega", "quote", "vega_flow of puts struck below the forward", "odd", "linear"),
            Column("call_vega", "quote", "vega_flow of calls struck above it", "odd", "linear"),
            Column("skew_pressure", "quote", "put_vega − call_vega: positive steepens the skew", "odd", "linear"),
            Column("dealer_gamma", "coin", "change of the dealers' gamma for a move of 1 %, by assumption", "free", "linear"),
        ),
        "docs/theory/flow.md, Options flow",
    ),
    Group(
        "option_flow_by_strike",
        "signed option trades by expiry and strike",
        "OptionFlowByStrike",
        ("trades", "options", "bins"),
        (
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("base", "1", "the coin"),
            Column("cash", "1", "currency of strike, notional and vega"),
            Column("expiry", "ns", "when the options expire"),
            Column("strike", "quote", "strike"),
            Column("trades", "count", "trades of the call and the put"),
            Column("unweighted_trades", "count", "of these, without greeks fresh enough"),
            Column("signed_call_qty", "coin", "coins of calls bought less sold by aggressors", "odd", "linear"),
            Column("signed_put_qty", "coin", "coins of puts bought less sold by aggressors", "odd", "linear"),
            *_SIGNED,
        ),
        "docs/theory/flow.md, Options flow",
    ),
    Group(
        "option_and_perp_flow",
        "option flow beside the order flow of the perpetual, in coins, over the same bins",
        "option_and_perp_flow",
        ("trades", "options", "depth", "bins"),
        (
            Column("perp_ofi", "coin", "order flow at the perpetual's best quotes", "odd", "linear"),
            Column("perp_trade_imbalance", "coin", "its buying less its selling aggressors", "odd", "linear"),
            Column("perp_mid_change", "quote", "change of its mid", "odd"),
            Column("perp_quality", "1", "worst state of its book within the bin"),
        ),
        "docs/theory/flow.md, Options flow",
    ),
)


def option_flow(
    trades: pl.DataFrame,
    quotes: pl.DataFrame,
    *,
    every_ns: int,
    max_age_ns: int = 5 * MINUTE_NS,
    delta: DeltaKind = "black",
    dealers: Dealers = "other_side",
    rates: Mapping[str, float] | None = None,
) -> pl.DataFrame:
    """Option flow of recorded trades, one row a bin from the first trade to the last; see `OptionFlow`. Raises as there."""
    stream = OptionFlow(every_ns=every_ns, max_age_ns=max_age_ns, delta=delta, dealers=dealers, rates=rates)
    return stream.opened({"trades": trades, "quotes": quotes})


def option_flow_by_strike(
    trades: pl.DataFrame,
    quotes: pl.DataFrame,
    *,
    every_ns: int,
    max_age_ns: int = 5 * MINUTE_NS,
    delta: DeltaKind = "black",
) -> pl.DataFrame:
    """Option flow of recorded trades by expiry and strike; see `OptionFlowByStrike`. Raises as there."""
    stream = OptionFlowByStrike(every_ns=every_ns, max_age_ns=max_age_ns, delta=delta)
    return stream.opened({"trades": trades, "quotes": quotes})


class _Flow(OptionTables, TableBins):
    """Sums of option trades per bin and place."""

    rows = staticmethod(k.option_flow_rows)

    def __init__(self, *, every_ns: int, settings: tuple[float, ...], **places: Any) -> None:
        require_bins(every_ns)
        super().__init__(settings=(every_ns, *settings), width=k.FLOW_WIDTH, **places)
        self.every_ns = every_ns

    def _close(self) -> None:
        if self._state[BIN_END] == NOT_OPEN:
            return
        left = True
        while left:
            left = k.close_places(self._state, self._settings, self._out)
            self._keep()


class OptionFlow(_Flow):
    """Option flow of all strikes and expiries together, one row a bin, from the first trade on.

    Tables as of `counterpoise.flow.derivatives.option_tables.OptionTables`.

    Parameters
    ----------
    every_ns : int
        Length of a bin; bins end at multiples of it, in ts_local.
    max_age_ns, delta
        As of `counterpoise.flow.derivatives.option_trades.WeightedOptionTrades`.
    dealers : {"other_side", "customers_long_calls_short_puts", "customers_short_calls_long_puts"}
        What ``dealer_gamma`` assumes: dealers take the other side of every aggressor; or of customers who, whoever is the
        aggressor, buy calls and sell puts; or the reverse.
    rates : mapping, optional
        Value of one unit of each coin and each cash currency in one currency, where trades are of several: all sums of coins
        and cash are then in it.

    Raises
    ------
    UnknownName
        If there is no such delta or assumption.
    InputError
        If bins are not longer than nothing; later, if currencies do not add up.

    Notes
    -----
    Columns are those of the first of `GROUPS`. Weighted sums are over the trades that have greeks, and null in a bin whose
    trades all have none; ratios are null over nothing. Sums are doubles, added in order of the trades. Causal: a bin depends on
    trades with ts_local before its end, and those on quotes before them. O(rows).
    """

    def __init__(
        self,
        *,
        every_ns: int,
        max_age_ns: int = 5 * MINUTE_NS,
        delta: DeltaKind = "black",
        dealers: Dealers = "other_side",
        rates: Mapping[str, float] | None = None,
    ) -> None:
        require_delta(delta)
        settings = (age_setting(max_age_ns), delta == "net", *signs_of_dealers(dealers), True)
        super().__init__(every_ns=every_ns, settings=settings, rates=rates)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        counts, sums = rows[:, _AT:], _sums(rows)
        put_vega, call_vega = sums("put_vega"), sums("call_vega")
        columns: dict[str, Any] = {
            "ts": rows[:, k.END],
            "trades": counts[:, k.TRADES],
            "unknown_trades": counts[:, k.UNKNOWN],
            "unweighted_trades": counts[:, k.BARE],
            **{name: sums(name) for name in _SUMMED},
            "skew_pressure": put_vega - call_vega,
            "put_call_ratio": ratio(sums("put_qty"), sums("call_qty")),
            "put_call_premium_ratio": ratio(sums("put_premium"), sums("call_premium")),
        }
        frame = pl.DataFrame(columns, nan_to_null=True).with_columns(pl.col("ts").cast(UTC_NS))
        return frame.select(column.name for column in GROUPS[0].columns)


class OptionFlowByStrike(_Flow):
    """Option flow by expiry and strike, one row for each bin, coin, currency, expiry and strike with a trade.

    Tables as of `counterpoise.flow.derivatives.option_tables.OptionTables`; parameters as of `OptionFlow`.

    Notes
    -----
    Columns are those of the second of `GROUPS`, by time, coin, currency, expiry and strike. Causal. O(rows).
    """

    def __init__(self, *, every_ns: int, max_age_ns: int = 5 * MINUTE_NS, delta: DeltaKind = "black") -> None:
        require_delta(delta)
        settings = (age_setting(max_age_ns), delta == "net", 0, 0, False)
        super().__init__(every_ns=every_ns, settings=settings, by_strike=True)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        counts, sums = rows[:, _AT:], _sums(rows)
        names = self._records.names()
        schema = {"base": pl.String, "cash": pl.String, "expiry": pl.Int64, "strike": pl.Float64}
        places = pl.DataFrame([names[at] for at in rows[:, k.PLACE_OF].tolist()], schema=schema, orient="row")
        columns: dict[str, Any] = {
            "trades": counts[:, k.TRADES],
            "unweighted_trades": counts[:, k.BARE],
            **{name: sums(name) for name in ("signed_call_qty", "signed_put_qty", *(c.name for c in _SIGNED))},
        }
        ends = pl.Series("ts", rows[:, k.END]).cast(UTC_NS)
        keys = places.with_columns(pl.col("expiry").cast(UTC_NS)).insert_column(0, ends)
        frame: pl.DataFrame = pl.concat([keys, pl.DataFrame(columns, nan_to_null=True)], how="horizontal")
        return frame.sort(keys.columns)


_AT: Final = k.PLACE_OF + 1
_SUMMED: Final = {
    "buy_qty": k.BUY_QTY,
    "sell_qty": k.SELL_QTY,
    "unknown_qty": k.UNKNOWN_QTY,
    "call_qty": k.CALL_QTY,
    "put_qty": k.PUT_QTY,
    "call_premium": k.CALL_PREMIUM,
    "put_premium": k.PUT_PREMIUM,
    "signed_premium": k.SIGNED_PREMIUM,
    "signed_notional": k.NOTIONAL,
    "delta_flow": k.DELTA_FLOW,
    "gamma_flow": k.GAMMA_FLOW,
    "vega_flow": k.VEGA_FLOW,
    "put_vega": k.PUT_VEGA,
    "call_vega": k.CALL_VEGA,
    "dealer_gamma": k.DEALER_GAMMA,
}
_SIGNED_QTY: Final = {"signed_call_qty": k.SIGNED_CALL_QTY, "signed_put_qty": k.SIGNED_PUT_QTY}


def _sums(rows: Int2D) -> Callable[[str], Float1D]:
    """Sums by name; a weighted one is NaN where trades were, but none with greeks."""
    counts = rows[:, _AT:]
    void = (counts[:, k.BARE] > 0) & (counts[:, k.BARE] == counts[:, k.TRADES])

    def sums(name: str) -> Float1D:
        at = {**_SUMMED, **_SIGNED_QTY}[name]
        values = real(rows, _AT + at)
        return np.asarray(np.where(void, np.nan, values) if at >= k.CALL_PREMIUM else values, np.float64)

    return sums


def option_and_perp_flow(options: pl.DataFrame, perp: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Option flow beside the order flow of the perpetual of the same coin, over the same bins.

    Parameters
    ----------
    options : pl.DataFrame
        As `option_flow` gives it, of options on the coin of `instrument`.
    perp : pl.DataFrame
        ``ts``, ``ofi``, ``trade_imbalance``, ``mid``, ``mid_change``, ``quality``, as `counterpoise.flow.measures.measure` has.
    instrument : Instrument
        The perpetual: contracts of an inverse one become coins at the mid of the bin's end.

    Returns
    -------
    pl.DataFrame
        The columns of `option_flow` and of the last of `GROUPS`. Null where one of the two has no bin; what the perpetual says
        is null, by its quality, as `measure` gave it.

    Raises
    ------
    InputError
        If the bins of the two are not the same.
    """
    per_contract = pl.lit(1.0)
    if instrument.inverse:
        per_contract = float(instrument.notional(1, 1)) / instrument.flow_grid.size / pl.col("mid")
    beside = perp.select(
        "ts",
        perp_ofi=pl.col("ofi") * per_contract,
        perp_trade_imbalance=pl.col("trade_imbalance") * per_contract,
        perp_mid_change="mid_change",
        perp_quality="quality",
    )
    both = options.join(beside, on="ts", how="full", coalesce=True).sort("ts")
    steps = [frame["ts"].diff().drop_nulls().dt.total_nanoseconds().unique().to_list() for frame in (options, perp)]
    shared = both.drop_nulls(["trades", "perp_quality"]).height
    if options.height and perp.height and (not shared or (steps[0] and steps[1] and steps[0] != steps[1])):
        raise InputError(
            f"bins of the options begin with {options['ts'][0]}, those of {instrument.id} with {perp['ts'][0]}, and {shared} "
            "are the same; measure both with one every_ns, over times that overlap"
        )
    return both
