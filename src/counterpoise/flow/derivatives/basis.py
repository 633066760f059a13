"""Basis: what a perpetual or future costs above its spot or index, and what that pays a year."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Int1D, Int2D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS, format_time
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.funding import YEAR_NS
from counterpoise.flow.kernels.latest import END, FIRST, PER_NUMBER
from counterpoise.flow.kernels.tables import CODE, OPENS, TS
from counterpoise.flow.memory import words_of
from counterpoise.flow.table_bins import LatestBins, told_table
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["GROUPS", "Basis", "basis"]

_FUNDING_AGE_NS: Final = DAY_NS  # three payments of the longest interval that is common

_PRICE, _REFERENCE, _RATE, _FUNDING = (FIRST + number * PER_NUMBER for number in range(4))  # columns: value, age

GROUPS: Final = (
    Group(
        "basis",
        "price of a perpetual or future above its spot or index, and its carry a year",
        "Basis",
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
    """Basis and carry of recorded tables, one row a bin from the first price of the derivative to the last; see `Basis`.

    Parameters
    ----------
    prices, spot, rate, funding : pl.DataFrame
        Its tables ``mark``, ``spot``, ``rate`` and ``funding``; what lies behind the bin of the last price is not looked at.
        `spot` needs its terms, `spot_instrument`.
    instrument, every_ns, spot_instrument, price, max_age_ns, min_tenor_ns
        As there.

    Raises
    ------
    InputError
        If there is a `spot` without its terms; else as `Basis` and `counterpoise.flow.tables.TableStream.push`.
    DataError
        As there.
    """
    if spot is not None and spot_instrument is None:
        raise InputError("whether a spot price may be compared depends on its terms; pass spot_instrument= with spot=")
    stream = Basis(
        instrument,
        every_ns=every_ns,
        spot_instrument=spot_instrument,
        rate=rate is not None,
        price=price,
        max_age_ns=max_age_ns,
        min_tenor_ns=min_tenor_ns,
    )
    given = {"mark": prices, "spot": spot, "rate": rate, "funding": funding}
    return stream.opened({name: frame for name, frame in given.items() if frame is not None and name in stream.tables})


class Basis(LatestBins):
    """Basis and carry, one row a bin, from the first price of the derivative on.

    Tables, each with ``ts_local``: ``mark`` with a column of the derivative's price, and ``index_price`` when it is compared
    with that; ``spot`` and ``rate`` with ``price``; of a perpetual ``funding`` with ``annualised``, as
    `counterpoise.flow.derivatives.funding.Funding` gives it.

    Parameters
    ----------
    instrument : Instrument
        The perpetual or future.
    every_ns : int
        Length of a bin; bins end at multiples of it, in ts_local.
    spot_instrument : Instrument, optional
        Terms of the spot market to compare with, instead of the index: another base coin, or another quote currency without a
        `rate`, is refused.
    rate : bool
        Whether the reference is in another currency: rows of ``rate`` say how many units of the derivative's quote currency
        one of the spot's costs. Refused where they are the same.
    price : str
        Column of the derivative's price.
    max_age_ns : int
        A price older than this at the bin's end is none; funding is none when a day old.
    min_tenor_ns : int
        ``annualised`` and ``carry`` of a future are null when less time is left: a tick would be hundreds of percent a year.

    Raises
    ------
    InputError
        If the instrument is neither a perpetual nor a future, base coins differ, quote currencies without a `rate`, or there is
        a `rate` between equal ones.

    Notes
    -----
    Columns are those of `GROUPS`, null where a price is missing or too old. Prices of a future after its delivery are refused.
    Causal: a bin depends on rows with ts_local before its end only. Both prices are read at the same moment, the bin's end,
    however old each is: in a fast market the older one makes a basis that was never there, so look at the ages. O(rows + bins).
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        every_ns: int,
        spot_instrument: Instrument | None = None,
        rate: bool = False,
        price: str = "mark_price",
        max_age_ns: int = MINUTE_NS,
        min_tenor_ns: int = HOUR_NS,
    ) -> None:
        _require_terms(instrument, spot_instrument, rate=rate)
        against_index = spot_instrument is None
        tables = {
            "mark": told_table(OPENS, "prices of the derivative", {price: 0, **({"index_price": 1} if against_index else {})})
        }
        if not against_index:
            tables["spot"] = told_table(OPENS + 1, "reference prices", {"price": 1})
        if rate:
            tables["rate"] = told_table(OPENS + 2, "currency rates", {"price": 2})
        if instrument.kind is InstrumentKind.PERP:
            tables["funding"] = told_table(OPENS + 3, "funding", {"annualised": 3}, kind="real")
        super().__init__(tables, every_ns=every_ns, max_age_ns=(max_age_ns,) * 3 + (_FUNDING_AGE_NS,))
        self.instrument = instrument
        self._spot = "" if spot_instrument is None else spot_instrument.id
        self._rate, self._price, self._min_tenor_ns = rate, price, min_tenor_ns

    def _of(self) -> str:
        return words_of(self.instrument)

    def _words(self) -> str:
        return f"{self._spot}, {self._rate}, {self._price}, {self._min_tenor_ns}"

    def _look(self, rows: Int2D) -> None:
        expiry = self.instrument.expiry_ns
        late = rows[(rows[:, CODE] == OPENS) & (rows[:, TS] >= expiry), TS] if expiry is not None else rows[:0, TS]
        if expiry is not None and len(late):
            raise DataError(
                f"{self.instrument.id} is delivered at {format_time(expiry)}, but has prices until "
                f"{format_time(late[-1])}; cut them off there, or give the terms of the contract they belong to"
            )
        super()._look(rows)

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        if self.instrument.expiry_ns is not None:
            self._horizon = min(self._horizon, self.instrument.expiry_ns - 1)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        ends, ours, theirs = rows[:, END], real(rows, _PRICE), real(rows, _REFERENCE)
        if self._rate:
            theirs = theirs * real(rows, _RATE)
        tenor, annualised, carry = _a_year(self.instrument, ends, ours / theirs, self._min_tenor_ns)
        columns: dict[str, AnyArray] = {
            "ts": ends,
            "price": ours,
            "reference": theirs,
            "basis": ours - theirs,
            "basis_bps": (ours / theirs - 1) * 1e4,
            "tenor_ns": tenor,
            "annualised": annualised,
            "carry": real(rows, _FUNDING) if self.instrument.kind is InstrumentKind.PERP else carry,
            "price_age_ns": rows[:, _PRICE + 1],
            "reference_age_ns": rows[:, _REFERENCE + 1],
        }
        frame = pl.DataFrame(columns, nan_to_null=True)
        known = {"price_age_ns": "price", "reference_age_ns": "reference"}
        ages = [pl.when(pl.col(of).is_not_null()).then(pl.col(name)).alias(name) for name, of in known.items()]
        left = pl.when(pl.col("tenor_ns") > 0).then(pl.col("tenor_ns")).alias("tenor_ns")
        return frame.with_columns(pl.col("ts").cast(UTC_NS), left, *ages)


def _require_terms(instrument: Instrument, terms: Instrument | None, *, rate: bool) -> None:
    if instrument.kind not in (InstrumentKind.PERP, InstrumentKind.FUTURE):
        raise InputError(f"{instrument.id} is of kind {instrument.kind.value}; a basis is that of a perp or a future")
    if terms is None:
        return
    if terms.base != instrument.base:
        raise InputError(f"{instrument.id} is of {instrument.base}, {terms.id} of {terms.base}; compare markets of one coin")
    if terms.quote != instrument.quote and not rate:
        raise InputError(
            f"{instrument.id} is quoted in {instrument.quote}, {terms.id} in {terms.quote}; pass rate=, the price of one "
            f"{terms.quote} in {instrument.quote}"
        )
    if terms.quote == instrument.quote and rate:
        raise InputError(f"{instrument.id} and {terms.id} are both quoted in {terms.quote}; leave rate= out")


def _a_year(instrument: Instrument, ends: Int1D, ratio: Float1D, min_tenor_ns: int) -> tuple[Int1D, Float1D, Float1D]:
    """Time to delivery, simple and continuous yield a year; nothing of a perpetual."""
    nothing = np.full(len(ends), np.nan)
    if instrument.expiry_ns is None:
        return np.zeros(len(ends), np.int64), nothing, nothing
    tenor = np.maximum(instrument.expiry_ns - ends, 0)
    years = np.where(tenor >= max(min_tenor_ns, 1), tenor / YEAR_NS, np.nan)
    return tenor, np.asarray((ratio - 1) / years, np.float64), np.asarray(np.log(ratio) / years, np.float64)
