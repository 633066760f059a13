"""What a quote currency is worth in a common one: as data, or one to one where the caller says so; never guessed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.flow.cells import UTC_NS
from counterpoise.market.instrument import Instrument

__all__ = ["USD_FAMILY", "RateTable", "Rates", "value_before"]

USD_FAMILY: Final = frozenset({"BUSD", "DAI", "FDUSD", "PYUSD", "TUSD", "USD", "USD1", "USDC", "USDE", "USDP", "USDS", "USDT"})
RateTable = pl.DataFrame | Mapping[str, float] | Literal["par"] | None


class Rates:
    """Value of one unit of each quote currency in a common currency.

    Parameters
    ----------
    instruments : iterable of Instrument
        Whose quote currencies are to be valued.
    table : frame, mapping, "par" or None
        A frame with ``ts`` and one column a currency [common per unit], used from its time on until the next; constants; or
        ``"par"``: every currency of the dollar family is one dollar. Without it all instruments must share one quote currency.
    currency : str
        The common one; with no table it is the shared quote currency.

    Raises
    ------
    InputError
        If currencies differ and no rate joins them, a rate is no positive number, or that of the common one is not 1.
    """

    def __init__(self, instruments: Iterable[Instrument], *, table: RateTable = None, currency: str = "USD") -> None:
        quotes = sorted({instrument.quote for instrument in instruments})
        self.currency = quotes[0] if table is None and len(quotes) == 1 else currency
        self._frame = table.sort("ts") if isinstance(table, pl.DataFrame) else None
        self._fixed = _constants(table, self.currency)
        self._quotes = quotes
        for quote in quotes:
            self._require(quote, quotes)
            if quote not in self._fixed and self._frame is not None:
                self._require_sound(self._frame[quote], quote)
        if self._frame is not None and self.currency in self._frame.columns and (self._frame[self.currency] != 1).any():
            raise InputError(_not_one(self.currency))

    def _require_sound(self, rates: pl.Series, quote: str) -> None:
        given = rates.drop_nulls().cast(pl.Float64)
        wrong = given.filter(~(given.is_finite() & (given > 0)))
        if len(wrong):
            raise InputError(f"rates of {quote} hold {wrong[0]}, expected positive numbers; give {self.currency} per unit")

    def _require(self, quote: str, quotes: list[str]) -> None:
        if quote in self._fixed or (self._frame is not None and quote in self._frame.columns):
            return
        raise InputError(
            f"prices are in {', '.join(quotes)}, and {quote} has no rate in {self.currency}; "
            "give rates={'USDT': ...}, a frame with ts and a column each, or rates=\"par\" for one to one"
        )

    def at(self, quote: str, ts: Int1D) -> Float1D:
        """Rate of a currency just before each time: the last one given; NaN before the first."""
        if quote in self._fixed:
            return np.full(len(ts), self._fixed[quote])
        if self._frame is None or quote not in self._frame.columns:
            raise UnknownName("currency", quote, self._fixed)
        return value_before(self._frame.select("ts", pl.col(quote).alias("value")), ts)

    def words(self) -> str:
        """What makes two alike: the currency, and each constant; a frame may have grown, so only that it is one."""
        rates = [f"{quote} {self._fixed.get(quote, 'by time')}" for quote in self._quotes]
        return f"in {self.currency}: {', '.join(rates)}"

    def __repr__(self) -> str:
        given = list(self._fixed) if self._frame is None else [*self._fixed, *self._frame.columns[1:]]
        return f"Rates({', '.join(given)} in {self.currency})"


def _constants(table: RateTable, currency: str) -> dict[str, float]:
    fixed = {currency: 1.0}
    if isinstance(table, str):
        if table != "par" or currency not in USD_FAMILY:
            raise InputError(f'rates={table!r} in {currency} is not understood; "par" joins currencies of the dollar family')
        return dict.fromkeys(USD_FAMILY, 1.0)
    if isinstance(table, Mapping):
        fixed |= {name: float(rate) for name, rate in table.items()}
        if fixed[currency] != 1:
            raise InputError(_not_one(currency))
    wrong = {name: rate for name, rate in fixed.items() if not (isfinite(rate) and rate > 0)}
    if wrong:
        raise InputError(f"a rate is a positive number, found {wrong}; give {currency} per unit")
    return fixed


def _not_one(currency: str) -> str:
    return f"a rate of {currency} in {currency} is 1, found another; leave it out, or name the common currency with currency="


def value_before(frame: pl.DataFrame, ts: Int1D) -> Float1D:
    """Last ``value`` of a frame with ``ts`` strictly before each time; NaN when there is none or it is null.

    Raises
    ------
    InputError
        If the frame has no such columns.
    """
    if not {"ts", "value"} <= set(frame.columns):
        raise InputError(f"expected columns ts and value, found {', '.join(frame.columns)}; rename them")
    known = frame.sort("ts")
    at = known["ts"].cast(UTC_NS).dt.epoch("ns").to_numpy() if known.height else np.zeros(0, np.int64)
    values = known["value"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    found = np.searchsorted(at, ts, side="left") - 1
    return np.where(found >= 0, values[np.maximum(found, 0)], np.nan) if len(at) else np.full(len(ts), np.nan)
