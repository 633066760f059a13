"""Option chains: what a venue said of all its options at a moment, with their terms, as one table that was looked through."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import format_time
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.symbol import parse_instrument

__all__ = ["CHAIN_COLUMNS", "chain_at", "chain_faults", "chain_quotes", "option_terms", "require_chain"]

# terms, then what was said; null where the venue said nothing
CHAIN_COLUMNS: Final = {
    "ts_local": pl.Int64(),  # ns UTC
    "symbol": pl.String(),
    "base": pl.String(),  # the coin
    "cash": pl.String(),  # currency of strike, underlying_price and vega
    "coin_settled": pl.Boolean(),  # premium, mark, bid and ask are in coins
    "multiplier": pl.Float64(),  # coins a contract
    "expiry_ns": pl.Int64(),
    "strike": pl.Float64(),
    "right": pl.String(),  # C or P
    "underlying_price": pl.Float64(),  # forward of that expiry
    "bid_price": pl.Float64(),
    "ask_price": pl.Float64(),
    "mark_price": pl.Float64(),
    "mark_iv": pl.Float64(),  # a year, as a fraction
    "delta": pl.Float64(),  # coins a coin
    "gamma": pl.Float64(),  # change of delta for one unit of cash
    "vega": pl.Float64(),  # cash a coin and vol point
    "open_interest": pl.Float64(),  # venue unit
    "volume": pl.Float64(),  # venue unit, rolling 24 h
}
_TERMS: Final = ("symbol", "base", "cash", "coin_settled", "multiplier", "expiry_ns", "strike", "right")
_GREEKS: Final = ("delta", "gamma", "vega", "mark_iv")
_STEEP: Final = 1.01  # venues round
_WILD_IV: Final = 10.0  # 1,000 % a year


def option_terms(symbols: pl.Series, *, venue: str) -> pl.DataFrame:
    """Terms of each symbol: `CHAIN_COLUMNS` from ``symbol`` to ``right``, one row a symbol, in order of first use.

    Raises
    ------
    InputError
        If a symbol is no option of the venue.
    """
    options = [parse_instrument(f"{venue}:{symbol}") for symbol in symbols.unique(maintain_order=True)]
    schema = {name: CHAIN_COLUMNS[name] for name in _TERMS}
    return pl.DataFrame([_terms(option) for option in options], schema=schema, orient="row")


def _terms(option: Instrument) -> tuple[str, str, str, bool, float, int, float, str]:
    if option.kind is not InstrumentKind.OPTION or option.strike is None or option.expiry_ns is None:
        raise InputError(f"{option.id} is of kind {option.kind.value}; a chain holds options only, filter the others out")
    in_coins = option.quote == option.base
    cash = "USD" if in_coins else option.quote
    size = option.flow_grid.size / option.qty_grid.size
    return option.symbol, option.base, cash, in_coins, size, option.expiry_ns, float(option.strike), option.right


def chain_quotes(parts: Iterable[tuple[Instrument, pl.DataFrame]]) -> pl.DataFrame:
    """The ``option_quote`` tables of many options of one venue as one, with their ``symbol``, by (ts_local, seq, symbol).

    Raises
    ------
    InputError
        If there is no part, an instrument is no option, or they are of several venues.
    """
    tables, venues = [], set()
    for instrument, frame in parts:
        if instrument.kind is not InstrumentKind.OPTION:
            raise InputError(f"{instrument.id} is of kind {instrument.kind.value}, expected options; filter the others out")
        venues.add(instrument.venue)
        tables.append(frame.with_columns(pl.lit(instrument.symbol).alias("symbol")))
    if len(venues) != 1:
        found = ", ".join(sorted(venues)) or "none"
        raise InputError(f"option quotes of venues: {found}; expected one, whose greeks are of one kind")
    return pl.concat(tables).sort("ts_local", "seq", "symbol", maintain_order=True)


def chain_at(quotes: pl.DataFrame, *, venue: str, at_ns: int, max_age_ns: int) -> pl.DataFrame:
    """The chain as it stood at a moment.

    Parameters
    ----------
    quotes : pl.DataFrame
        Rows of the ``option_quote`` table with their ``symbol``, as `chain_quotes` joins them; ``volume`` where the venue
        gives it.
    venue : str
    at_ns : int
        Rows at or after this time are not seen.
    max_age_ns : int
        A symbol silent for longer is not in the chain.

    Returns
    -------
    pl.DataFrame
        `CHAIN_COLUMNS`, one row a symbol that has not expired, sorted by base, expiry, strike and right; ``ts_local`` is
        `at_ns` for all.

    Raises
    ------
    InputError
        If a column is missing, or a symbol is no option.
    DataError
        If `chain_faults` finds something.
    """
    seen = quotes.filter(pl.col("ts_local").is_between(at_ns - max_age_ns, at_ns, closed="left"))
    last = seen.sort("ts_local", "seq", maintain_order=True).unique("symbol", keep="last", maintain_order=True)
    told = [name for name in CHAIN_COLUMNS if name in last.columns and name not in _TERMS]
    joined = last.select("symbol", *told).join(option_terms(last["symbol"], venue=venue), on="symbol", how="left")
    absent = [name for name in CHAIN_COLUMNS if name not in joined.columns]
    filled = joined.with_columns(pl.lit(None, CHAIN_COLUMNS[name]).alias(name) for name in absent)
    chain = filled.with_columns(pl.lit(at_ns, pl.Int64).alias("ts_local")).filter(pl.col("expiry_ns") > at_ns)
    chain = chain.select(pl.col(name).cast(dtype) for name, dtype in CHAIN_COLUMNS.items())
    require_chain(chain)
    return chain.sort("base", "expiry_ns", "strike", "right")


def chain_faults(chain: pl.DataFrame) -> pl.DataFrame:
    """What is wrong with a chain, or with several under each other.

    Returns
    -------
    pl.DataFrame
        ``fault``, ``options`` (how many rows), ``example`` (a symbol), ``ts_local`` of it, ``advice``; empty when all is well.

    Raises
    ------
    InputError
        If a column of `CHAIN_COLUMNS` is missing.
    """
    missing = [name for name in CHAIN_COLUMNS if name not in chain.columns]
    if missing:
        raise InputError(f"a chain has the columns {', '.join(CHAIN_COLUMNS)}; missing: {', '.join(missing)}")
    rows = []
    for fault, (wrong, advice) in _faults().items():
        found = chain.filter(wrong)
        if found.height:
            rows.append((fault, found.height, found["symbol"][0], int(found["ts_local"][0]), advice))
    schema = {"fault": pl.String, "options": pl.Int64, "example": pl.String, "ts_local": pl.Int64, "advice": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _faults() -> dict[str, tuple[pl.Expr, str]]:
    sizes = ("bid_price", "ask_price", "mark_price", "open_interest", "volume")
    numbers = pl.col(*_GREEKS, *sizes, "underlying_price")
    delta, iv, forward = (pl.col(name).fill_nan(None) for name in ("delta", "mark_iv", "underlying_price"))
    bid, ask = (pl.col(name).fill_nan(None) for name in ("bid_price", "ask_price"))
    contrary = pl.when(pl.col("right") == "C").then(delta < 1 - _STEEP).otherwise(delta > _STEEP - 1)
    return {
        "stands twice": (pl.struct("ts_local", "symbol").is_duplicated(), "keep one row a symbol and time"),
        "expired": (pl.col("expiry_ns") <= pl.col("ts_local"), "drop rows whose expiry_ns is not after ts_local"),
        "not a number": (
            pl.any_horizontal(numbers.is_nan() | numbers.is_infinite()),
            "make it null where the venue said nothing, or drop the row",
        ),
        "crossed": (bid > ask, "make both quotes null, or take a snapshot of one moment"),
        "below nothing": (pl.any_horizontal(pl.col(*sizes) < 0), "drop the rows"),
        "no price of the underlying": (forward <= 0, "make it null, or drop the row"),
        "delta out of its bounds": (contrary | (delta.abs() > _STEEP), "see whether calls and puts changed places"),
        "iv cannot be a fraction": ((iv > _WILD_IV) | (iv < 0), "divide by 100 if it is percent"),
    }


def require_chain(chain: pl.DataFrame) -> None:
    """Refuse a chain with faults.

    Raises
    ------
    DataError
        If `chain_faults` finds something; all of it is named.
    """
    faults = chain_faults(chain)
    if faults.height:
        said = [
            f"{row['options']} {row['fault']} (such as {row['example']} at {format_time(row['ts_local'])}: {row['advice']})"
            for row in faults.iter_rows(named=True)
        ]
        raise DataError(f"option chain: {'; '.join(said)}")
