"""Rows of option trades and option quotes for the kernels: symbols and places become places in the state, currencies values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.errors import CounterpoiseError, DataError, InputError
from counterpoise.core.units import format_time
from counterpoise.flow.derivatives.option_weights import SAID_COLUMNS
from counterpoise.flow.kernels import option_flow as k
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN
from counterpoise.flow.kernels.tables import TS
from counterpoise.flow.numbers import numbered
from counterpoise.flow.records import Records
from counterpoise.flow.tables import Field, Table, TableStream

__all__ = ["OptionTables", "Place"]

Place = tuple[str, str, int, float]  # coin, currency, expiry, strike
_NO_QUOTES: Final = np.full(k.QUOTES_SIZE, k.NEVER)
_NO_SUMS: Final = np.zeros(k.PLACE_SIZE, np.int64)
_TERMS: Final = ("symbol", "base", "cash", "coin_settled", "expiry_ns", "strike", "right")
_TRADES: Final = Table(
    k.TRADE,
    "option trades",
    (
        Field("ts_local", TS, "time"),
        Field("option_at", k.OPTION, "whole"),
        Field("side", k.SIDE, "whole"),
        Field("price", k.PRICE, "given"),
        Field("qty", k.QTY, "given"),
        Field("coin_settled", k.IN_COINS, "whole"),
        Field("is_call", k.CALL, "whole"),
        Field("strike", k.STRIKE, "price"),
        Field("expiry_ns", k.EXPIRY, "whole"),
        Field("coin_value", k.COIN_VALUE),
        Field("cash_value", k.CASH_VALUE),
        Field("place_at", k.PLACE, "whole"),
    ),
)
_QUOTES: Final = Table(
    k.QUOTE,
    "option quotes",
    (
        Field("ts_local", TS, "time"),
        Field("option_at", k.OPTION, "whole"),
        *(Field(name, k.QUOTED + i) for i, name in enumerate(SAID_COLUMNS)),
    ),
)


class OptionTables(TableStream):
    """Base of a measure of option trades and quotes.

    Tables: ``trades`` as `counterpoise.flow.derivatives.option_trades.option_trades` gives them; ``quotes``, ``symbol`` and
    the columns of the ``option_quote`` table, of the same venue.

    Parameters
    ----------
    settings : sequence of float
        From ``every_ns`` on, in the kernel's order.
    width : int
    by_strike : bool
        A place for each coin, currency, expiry and strike; else one for all, and then values must add up.
    rates : mapping, optional
        Value of one unit of each coin and each cash currency, where they are of several.

    Notes
    -----
    An option costs 14 words of memory from its first row on, a place 22.
    """

    def __init__(
        self, *, settings: Sequence[float], width: int, by_strike: bool = False, rates: Mapping[str, float] | None = None
    ) -> None:
        state = np.zeros(k.FLOW_STATE_SIZE + (0 if by_strike else k.PLACE_SIZE), np.int64)
        state[BIN_END] = NOT_OPEN
        tables = {"trades": _TRADES, "quotes": _QUOTES}
        super().__init__(tables, state=state, settings=np.array(settings, np.float64), width=width, row_width=k.ROW_WIDTH)
        self._by_strike, self._rates = by_strike, dict(rates) if rates is not None else None
        self._records = Records(len(state))
        self._currencies: dict[str, list[str]] = {"base": [], "cash": []}

    # rows in

    def push(self, frames: Mapping[str, pl.DataFrame]) -> int:
        """As `counterpoise.flow.tables.TableStream.push`; also refuses currencies that do not add up."""
        known = self._known()
        try:
            return super().push(frames)
        except CounterpoiseError:
            self._forget(known)
            raise

    def event(self, table: str, row: Mapping[str, Any]) -> int:
        """As `counterpoise.flow.tables.TableStream.event`; also refuses currencies that do not add up."""
        known = self._known()
        try:
            return super().event(table, row)
        except CounterpoiseError:
            self._forget(known)
            raise

    def _packed(self, name: str, frame: pl.DataFrame) -> Int2D:
        _require_columns(frame.columns, name)
        if name == "quotes":
            _require_said(frame)
        told = frame.with_columns(numbered(frame["symbol"], self._option_at).alias("option_at"))
        if name == "trades":
            _require_terms(frame)
            told = told.with_columns(
                (pl.col("right") == "C").alias("is_call"),
                numbered(frame["base"], lambda of: self._value("base", of)).alias("coin_value"),
                numbered(frame["cash"], lambda of: self._value("cash", of)).alias("cash_value"),
                self._places_of(frame).alias("place_at"),
            )
        self._state = self._records.grown(self._state)
        return super()._packed(name, told)

    def _pack(self, name: str, row: Mapping[str, Any]) -> None:
        _require_columns(list(row), name)
        told = {**row, "option_at": self._option_at(row["symbol"])}
        if name == "trades":
            unsaid = [term for term in _TERMS if row[term] is None]
            if unsaid:
                raise DataError(f"option trades: a row without {', '.join(unsaid)}; leave it out")
            if row["side"] not in (-1, 0, 1):
                raise DataError(f"option trades: a row has side {row['side']}, expected 1, -1 or 0 where nobody knows")
            told["is_call"] = row["right"] == "C"
            told["coin_value"], told["cash_value"] = self._value("base", row["base"]), self._value("cash", row["cash"])
            told["place_at"] = self._place_at((row["base"], row["cash"], row["expiry_ns"], float(row["strike"])))
        elif any(row[said] != row[said] for said in SAID_COLUMNS):
            raise DataError(f"option quotes: {row['symbol']} has NaN; give None where the venue said nothing")
        self._state = self._records.grown(self._state)
        super()._pack(name, told)

    # records

    def _option_at(self, symbol: str) -> int:
        return self._records.at(symbol, _NO_QUOTES)

    def _place_at(self, place: Place) -> int:
        return self._records.at(place, _NO_SUMS) if self._by_strike else k.ALL_OPTIONS

    def _places_of(self, frame: pl.DataFrame) -> pl.Series:
        keys = frame.select("base", "cash", "expiry_ns", "strike")
        unique = keys.unique(maintain_order=True)
        at = pl.Series("at", [self._place_at((b, c, e, float(s))) for b, c, e, s in unique.iter_rows()], dtype=pl.Int64)
        return keys.join(unique.with_columns(at), on=keys.columns, how="left", maintain_order="left")["at"]

    def _value(self, column: str, name: str) -> float:
        """Value of a coin or a currency: what the rates say, or 1 where all are the same."""
        if self._by_strike:
            return 1.0
        seen = self._currencies[column]
        if name not in seen:
            seen.append(name)
        unpriced = [one for one in sorted(seen) if self._rates is not None and not self._rates.get(one, 0.0) > 0]
        if (self._rates is None and len(seen) > 1) or unpriced:
            word = "coins" if column == "base" else "currencies"
            raise InputError(
                f"options of several {word} ({', '.join(sorted(seen))}) do not add up; filter by {column}, or pass rates= with "
                f"the value of one {' and one '.join(unpriced or sorted(seen))} in one currency"
            )
        return 1.0 if self._rates is None else float(self._rates[name])

    def _known(self) -> tuple[int, dict[str, list[str]]]:
        return len(self._records), {column: [*names] for column, names in self._currencies.items()}

    def _forget(self, known: tuple[int, dict[str, list[str]]]) -> None:
        """Take back what a refused row has brought."""
        if len(self._records) > known[0]:
            self._state = self._records.back_to(known[0], self._state)
        self._currencies = known[1]

    # memory

    def _words(self) -> str:
        return repr(sorted(self._rates.items())) if self._rates is not None else ""

    def _extra(self) -> Any:
        return [self._records.saved(), self._currencies]

    def _set_extra(self, extra: Any) -> None:
        self._records.restore(extra[0])
        self._currencies = {column: [str(name) for name in extra[1][column]] for column in ("base", "cash")}

    def _holds(self, name: str, array: Int1D, extra: Any) -> bool:
        return self._records.fit(extra[0], len(array))


def _require_columns(found: Sequence[str], name: str) -> None:
    if name == "quotes":
        absent = [column for column in ("symbol", *SAID_COLUMNS) if column not in found]
        if absent:
            raise InputError(
                f"option quotes need {', '.join(absent)}; join the tables with counterpoise.market.chain.chain_quotes"
            )
    elif name == "trades":
        absent = [column for column in (*_TERMS, "side", "price", "qty") if column not in found]
        if absent:
            raise InputError(f"option trades need {', '.join(absent)}; make them with option_trades()")


def _require_said(quotes: pl.DataFrame) -> None:
    damaged = quotes.filter(pl.any_horizontal(pl.col(SAID_COLUMNS).is_nan()))
    if damaged.height:
        when = f" at {format_time(damaged['ts_local'][0])}" if damaged.schema.get("ts_local") == pl.Int64 else ""
        raise DataError(
            f"option quotes: {damaged.height} rows have NaN among {', '.join(SAID_COLUMNS)}, the first of "
            f"{damaged['symbol'][0]}{when}; make it null where the venue said nothing, or drop the rows"
        )


def _require_terms(trades: pl.DataFrame) -> None:
    unsaid = [term for term in _TERMS if trades[term].null_count()]
    if unsaid:
        raise DataError(f"option trades: rows without {', '.join(unsaid)}; drop them, or make them with option_trades()")
    side = trades["side"]
    odd = side.filter(~side.is_in([-1, 0, 1]))
    if len(odd):
        raise DataError(f"option trades: {len(odd)} rows have a side such as {odd[0]}, expected 1, -1 or 0 where nobody knows")
