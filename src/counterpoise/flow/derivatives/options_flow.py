"""Option trades weighted by their greeks, per bin and per strike, and beside the order flow of the perpetual.

A trade takes the greeks its option was last quoted with, strictly before it. Side +1: the aggressor bought the option.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import MINUTE_NS
from counterpoise.flow.cells import UTC_NS, ratio
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.latest import bin_ends
from counterpoise.flow.derivatives.option_trades import weighted_option_trades
from counterpoise.flow.derivatives.option_weights import Dealers, DeltaKind, signs_of_dealers, summed, values_of_currencies
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "option_and_perp_flow", "option_flow", "option_flow_by_strike"]

_SIZES: Final = ("notional_size", "delta_size", "gamma_size", "vega_size")
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
        "option_flow",
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
        "option_flow_by_strike",
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
    """Option flow of all strikes and expiries together, one row a bin from the first trade to the last.

    Parameters
    ----------
    trades, quotes, max_age_ns, delta
        See `counterpoise.flow.derivatives.option_trades`.
    every_ns : int
        Length of a bin; bins end at multiples of it, in ts_local.
    dealers : {"other_side", "customers_long_calls_short_puts", "customers_short_calls_long_puts"}
        What ``dealer_gamma`` assumes: dealers take the other side of every aggressor; or of customers who, whoever is the
        aggressor, buy calls and sell puts; or the reverse.
    rates : mapping, optional
        Value of one unit of each coin and each cash currency in one currency, where trades are of several: all sums of coins
        and cash are then in it.

    Returns
    -------
    pl.DataFrame
        The columns of the first of `GROUPS`. Weighted sums are over the trades that have greeks, and null in a bin whose
        trades all have none; ratios are null over nothing.

    Raises
    ------
    InputError
        If currencies do not add up, or bins are too many.
    DataError
        As `weighted_option_trades`.

    Notes
    -----
    Causal: a bin depends on trades with ts_local before its end, and those on quotes before them. O(n log n).
    """
    weighted = weighted_option_trades(trades, quotes, max_age_ns=max_age_ns, delta=delta)
    ends, into = _bins(weighted, every_ns)
    coin, cash = values_of_currencies(weighted, rates=rates)
    add = _Adder(weighted, into, len(ends))
    side, call = weighted["side"].to_numpy().astype(np.float64), (weighted["right"] == "C").to_numpy()
    given = pl.Series(np.ones(weighted.height))
    columns: dict[str, Any] = {
        "ts": ends,
        "trades": add(given).astype(np.int64),
        "unknown_trades": add(given, side == 0).astype(np.int64),
        "unweighted_trades": add.unweighted(),
        **{name: add("qty", coin * (side == sign)) for name, sign in (("buy_qty", 1), ("sell_qty", -1), ("unknown_qty", 0))},
        "call_qty": add("qty", coin * call),
        "put_qty": add("qty", coin * ~call),
        "call_premium": add("premium_cash", cash * call, weighs=True),
        "put_premium": add("premium_cash", cash * ~call, weighs=True),
        **_signed(add, side, coin, cash),
        "signed_premium": add("premium_cash", cash * side, weighs=True),
    }
    beyond = weighted["out_of_money"].fill_null(False).to_numpy()
    columns["put_vega"] = add("vega_size", cash * side * beyond * ~call, weighs=True)
    columns["call_vega"] = add("vega_size", cash * side * beyond * call, weighs=True)
    columns["skew_pressure"] = columns["put_vega"] - columns["call_vega"]
    signs = signs_of_dealers(weighted["right"], dealers=dealers)
    columns["dealer_gamma"] = add("gamma_size", coin * (-side if signs is None else signs), weighs=True)
    columns["put_call_ratio"] = ratio(columns["put_qty"], columns["call_qty"])
    columns["put_call_premium_ratio"] = ratio(columns["put_premium"], columns["call_premium"])
    frame = pl.DataFrame(columns, nan_to_null=True).with_columns(pl.col("ts").cast(UTC_NS))
    return frame.select(column.name for column in GROUPS[0].columns)


def option_flow_by_strike(
    trades: pl.DataFrame,
    quotes: pl.DataFrame,
    *,
    every_ns: int,
    max_age_ns: int = 5 * MINUTE_NS,
    delta: DeltaKind = "black",
) -> pl.DataFrame:
    """Option flow by expiry and strike, one row a bin, coin, currency, expiry and strike; parameters as of `option_flow`."""
    weighted = weighted_option_trades(trades, quotes, max_age_ns=max_age_ns, delta=delta)
    ends, bin_of = _bins(weighted, every_ns)
    keys = weighted.select(pl.Series("ts", ends[bin_of]).cast(UTC_NS), "base", "cash", "expiry_ns", "strike")
    keys = keys.rename({"expiry_ns": "expiry"}).with_columns(pl.col("expiry").cast(UTC_NS))
    places = keys.unique().sort("ts", "base", "cash", "expiry", "strike").with_row_index("place")
    into = keys.join(places, on=keys.columns, how="left", maintain_order="left")["place"].to_numpy().astype(np.int64)
    add = _Adder(weighted, into, places.height)
    side, call = weighted["side"].to_numpy().astype(np.float64), (weighted["right"] == "C").to_numpy()
    one = np.ones(weighted.height)
    columns = {
        "trades": add(pl.Series(one)).astype(np.int64),
        "unweighted_trades": add.unweighted(),
        "signed_call_qty": add("qty", side * call),
        "signed_put_qty": add("qty", side * ~call),
        **_signed(add, side, one, one),
    }
    sums = pl.DataFrame(columns, nan_to_null=True)
    frame: pl.DataFrame = pl.concat([places.drop("place"), sums], how="horizontal")
    return frame


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


def _bins(weighted: pl.DataFrame, every_ns: int) -> tuple[Int1D, Int1D]:
    ts = weighted["ts_local"].to_numpy()
    if not len(ts):
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    ends = bin_ends(int(ts[0]), int(ts[-1]), every_ns)
    return ends, ts // every_ns - ts[0] // every_ns


class _Adder:
    """Sums of a column of trades, times a factor, in each place; what `weighs` leaves out trades without greeks."""

    def __init__(self, weighted: pl.DataFrame, into: Int1D, size: int) -> None:
        qty = pl.col("qty")
        sized = weighted.with_columns(
            notional_size=qty * pl.col("underlying_price"),
            delta_size=qty * pl.col("delta_coin"),
            gamma_size=qty * pl.col("gamma_coin"),
            vega_size=qty * pl.col("vega_cash"),
        )
        self._table = sized
        self._whole = sized.select(pl.all_horizontal(pl.col(_SIZES).is_not_null()).alias("whole"))["whole"].to_numpy()
        self._into, self._size = into, size
        self._bare = np.bincount(into[~self._whole], minlength=size)
        self._empty = (self._bare > 0) & (self._bare == np.bincount(into, minlength=size))

    def __call__(self, what: str | pl.Series, factor: Any = 1.0, *, weighs: bool = False) -> Float1D:
        values = self._table[what] if isinstance(what, str) else what
        counts = factor * self._whole if weighs else factor
        total = summed(values, into=self._into, size=self._size, factor=counts)
        return np.asarray(np.where(self._empty, np.nan, total), np.float64) if weighs else total

    def unweighted(self) -> Int1D:
        return self._bare.astype(np.int64)


def _signed(add: _Adder, side: Float1D, coin: Float1D, cash: Float1D) -> dict[str, Float1D]:
    return {
        "signed_notional": add("notional_size", cash * side, weighs=True),
        "delta_flow": add("delta_size", coin * side, weighs=True),
        "gamma_flow": add("gamma_size", coin * side, weighs=True),
        "vega_flow": add("vega_size", cash * side, weighs=True),
    }
