"""Basis: what a perpetual or future costs above its spot or index, and what that pays a year."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Int1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS, format_time
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.funding import YEAR_NS
from counterpoise.flow.derivatives.latest import bin_ends, latest, numbers_of, times_of
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["GROUPS", "basis"]

_FUNDING_AGE_NS: Final = DAY_NS  # three payments of the longest interval that is common

GROUPS: Final = (
    Group(
        "basis",
        "price of a perpetual or future above its spot or index, and its carry a year",
        "basis",
        ("marks", "bins"),
        (
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("price", "quote", "last price of the derivative", "price"),
            Column("reference", "quote", "last price of the spot or index, in the derivative's quote currency", "price"),
            Column("basis", "quote", "price − reference", "odd"),
            Column("basis_bps", "bps", "the same in the reference", "free"),
            Column("tenor_ns", "ns", "time to delivery; null for a perpetual"),
            Column("annualised", "1", "(price / reference − 1) · 365 d / tenor", "free"),
            Column("carry", "1", "ln(price / reference) · 365 d / tenor; of a perpetual its last annualised funding", "free"),
            Column("price_age_ns", "ns", "how long before the bin's end the price was last said"),
            Column("reference_age_ns", "ns", "the same of the reference"),
        ),
        "docs/theory/flow.md, Basis",
    ),
)


def basis(
    prices: pl.DataFrame,
    instrument: Instrument,
    *,
    every_ns: int,
    spot: pl.DataFrame | None = None,
    spot_instrument: Instrument | None = None,
    rate: pl.DataFrame | None = None,
    funding: pl.DataFrame | None = None,
    price: str = "mark_price",
    max_age_ns: int = MINUTE_NS,
    min_tenor_ns: int = HOUR_NS,
) -> pl.DataFrame:
    """Basis and carry, one row a bin.

    Parameters
    ----------
    prices : pl.DataFrame
        ``ts_local`` and the column `price` of the derivative; without `spot` also ``index_price``, as the ``mark`` table has.
    instrument : Instrument
        The perpetual or future.
    every_ns : int
        Length of a bin; bins end at multiples of it, in ts_local.
    spot : pl.DataFrame, optional
        ``ts_local`` and ``price`` of the spot market to compare with, instead of the index.
    spot_instrument : Instrument, optional
        Its terms, with `spot`: another base coin, or another quote currency without a `rate`, is refused.
    rate : pl.DataFrame, optional
        ``ts_local`` and ``price``: units of the derivative's quote currency for one of the spot's; refused where they are
        the same.
    funding : pl.DataFrame, optional
        As `counterpoise.flow.funding.funding` gives it: the carry of a perpetual, null when a day old.
    price : str
        Column of the derivative's price.
    max_age_ns : int
        A price older than this at the bin's end is none.
    min_tenor_ns : int
        ``annualised`` and ``carry`` of a future are null when less time is left: a tick would be hundreds of percent a year.

    Returns
    -------
    pl.DataFrame
        The columns of `GROUPS`; null where a price is missing or too old.

    Raises
    ------
    InputError
        If the instrument is neither a perpetual nor a future, base coins differ, quote currencies without a `rate`, there is
        a `rate` between equal ones, or a `spot` without its terms.
    DataError
        If a price is not positive, or one of a future stands after its delivery.

    Notes
    -----
    Causal: a bin depends on rows with ts_local before its end only. Both prices are read at the same moment, the bin's end,
    however old each is: in a fast market the older one makes a basis that was never there, so look at the ages. O(rows).
    """
    _require_terms(instrument, spot_instrument, rate, spot=spot)
    ts = times_of(prices, "ts_local", what="prices of the derivative")
    ends = bin_ends(int(ts[0]), int(ts[-1]), every_ns) if len(ts) else np.zeros(0, np.int64)
    if instrument.expiry_ns is not None and len(ts) and ts[-1] >= instrument.expiry_ns:
        raise DataError(
            f"{instrument.id} is delivered at {format_time(instrument.expiry_ns)}, but has prices until "
            f"{format_time(ts[-1])}; cut them off there, or give the terms of the contract they belong to"
        )
    ours, age = _priced(prices, price, ends, max_age_ns=max_age_ns, what="prices of the derivative")
    table, column = (prices, "index_price") if spot is None else (spot, "price")
    theirs, their_age = _priced(table, column, ends, max_age_ns=max_age_ns, what="reference prices")
    if rate is not None:
        theirs = theirs * _priced(rate, "price", ends, max_age_ns=max_age_ns, what="currency rates")[0]
    tenor, annualised, carry = _a_year(instrument, ends, ours / theirs, min_tenor_ns)
    if funding is not None and instrument.kind is InstrumentKind.PERP:
        stamps = times_of(funding, "ts_local", what="funding")
        rates = numbers_of(funding, "annualised", what="funding")
        carry, _ = latest(stamps, rates, ends, max_age_ns=_FUNDING_AGE_NS)
    columns: dict[str, AnyArray] = {
        "ts": ends,
        "price": ours,
        "reference": theirs,
        "basis": ours - theirs,
        "basis_bps": (ours / theirs - 1) * 1e4,
        "tenor_ns": tenor,
        "annualised": annualised,
        "carry": carry,
        "price_age_ns": age,
        "reference_age_ns": their_age,
    }
    frame = pl.DataFrame(columns, nan_to_null=True)
    known = {"price_age_ns": "price", "reference_age_ns": "reference"}
    ages = [pl.when(pl.col(of).is_not_null()).then(pl.col(name)).alias(name) for name, of in known.items()]
    left = pl.when(pl.col("tenor_ns") > 0).then(pl.col("tenor_ns")).alias("tenor_ns")
    return frame.with_columns(pl.col("ts").cast(UTC_NS), left, *ages)


def _require_terms(
    instrument: Instrument, terms: Instrument | None, rate: pl.DataFrame | None, *, spot: pl.DataFrame | None
) -> None:
    if instrument.kind not in (InstrumentKind.PERP, InstrumentKind.FUTURE):
        raise InputError(f"{instrument.id} is of kind {instrument.kind.value}; a basis is that of a perp or a future")
    if terms is None:
        if spot is not None:
            raise InputError("whether a spot price may be compared depends on its terms; pass spot_instrument= with spot=")
        return
    if terms.base != instrument.base:
        raise InputError(f"{instrument.id} is of {instrument.base}, {terms.id} of {terms.base}; compare markets of one coin")
    if terms.quote != instrument.quote and rate is None:
        raise InputError(
            f"{instrument.id} is quoted in {instrument.quote}, {terms.id} in {terms.quote}; pass rate=, the price of one "
            f"{terms.quote} in {instrument.quote}"
        )
    if terms.quote == instrument.quote and rate is not None:
        raise InputError(f"{instrument.id} and {terms.id} are both quoted in {terms.quote}; leave rate= out")


def _priced(frame: pl.DataFrame, column: str, ends: Int1D, *, max_age_ns: int, what: str) -> tuple[Float1D, Int1D]:
    """Last price before each bin's end, and its age."""
    ts, values = times_of(frame, "ts_local", what=what), numbers_of(frame, column, what=what)
    bad = np.flatnonzero(values <= 0)
    if len(bad):
        raise DataError(f"{what}: row {bad[0]} has {column} {values[bad[0]]}, expected a positive price; drop such rows")
    return latest(ts, values, ends, max_age_ns=max_age_ns)


def _a_year(instrument: Instrument, ends: Int1D, ratio: Float1D, min_tenor_ns: int) -> tuple[Int1D, Float1D, Float1D]:
    """Time to delivery, simple and continuous yield a year; nothing of a perpetual."""
    nothing = np.full(len(ends), np.nan)
    if instrument.expiry_ns is None:
        return np.zeros(len(ends), np.int64), nothing, nothing
    tenor = np.maximum(instrument.expiry_ns - ends, 0)
    years = np.where(tenor >= max(min_tenor_ns, 1), tenor / YEAR_NS, np.nan)
    return tenor, np.asarray((ratio - 1) / years, np.float64), np.asarray(np.log(ratio) / years, np.float64)
