"""Open interest per bin: how many contracts are open, and who seems to open or close them.

A change of open interest beside a change of price is read as a quadrant. Both sides of a contract open and close together, so
the quadrant names the side that was in a hurry, by assumption.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import MINUTE_NS
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels.latest import END, FIRST, PER_NUMBER
from counterpoise.flow.kernels.tables import OPENS
from counterpoise.flow.memory import words_of
from counterpoise.flow.table_bins import LatestBins, told_table
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "QUADRANTS", "OpenInterest", "open_interest"]

_INTEREST: Final = FIRST  # columns of a row: value, age, value at the end of the bin before
_PRICE: Final = FIRST + PER_NUMBER

QUADRANTS: Final = {
    (1, 1): "long_build_up",
    (-1, 1): "short_covering",
    (1, -1): "short_build_up",
    (-1, -1): "long_unwinding",
}

GROUPS: Final = (
    Group(
        "open_interest",
        "open interest, its change, and the quadrant of its change and the price's",
        "OpenInterest",
        ("open_interest", "marks", "bins"),
        (
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("open_interest", "base", "what is open", "even", "linear"),
            Column("open_coins", "coin", "the same in coins; inverse contracts at the price", "free", "linear"),
            Column("open_notional", "quote", "the same in quote units", "free", "linear"),
            Column("price", "quote", "last price", "price"),
            Column("open_interest_change", "base", "since the end of the bin before", "even", "linear"),
            Column("open_interest_change_share", "1", "the same in what was open"),
            Column("price_change_bps", "bps", "change of the price since the end of the bin before", "free"),
            Column("quadrant", "1", "long_build_up, short_covering, short_build_up, long_unwinding or flat", "free"),
            Column("open_interest_age_ns", "ns", "how long before the bin's end it was last said"),
        ),
        "docs/theory/flow.md, Open interest",
    ),
)


def open_interest(
    reports: pl.DataFrame,
    prices: pl.DataFrame,
    instrument: Instrument,
    *,
    every_ns: int,
    price: str = "mark_price",
    dead_zone_share: float = 0.0,
    dead_zone_bps: float = 0.0,
    max_age_ns: int = 10 * MINUTE_NS,
) -> pl.DataFrame:
    """Open interest of recorded tables, one row a bin from the first report to the last; see `OpenInterest`.

    Parameters
    ----------
    reports : pl.DataFrame
        Its table ``open_interest``.
    prices : pl.DataFrame
        Its table ``mark``; what lies behind the bin of the last report is not looked at.
    instrument, every_ns, price, dead_zone_share, dead_zone_bps, max_age_ns
        As there.

    Raises
    ------
    InputError, DataError
        As `OpenInterest` and `counterpoise.flow.tables.TableStream.push`.
    """
    stream = OpenInterest(
        instrument,
        every_ns=every_ns,
        price=price,
        dead_zone_share=dead_zone_share,
        dead_zone_bps=dead_zone_bps,
        max_age_ns=max_age_ns,
    )
    return stream.opened({"open_interest": reports, "mark": prices})


class OpenInterest(LatestBins):
    """Open interest and its quadrant, one row a bin, from the first report on.

    Tables: ``open_interest`` with ``ts_local`` and ``open_interest`` [venue unit]; ``mark`` with ``ts_local`` and a column of
    prices [quote].

    Parameters
    ----------
    instrument : Instrument
        Its terms turn the venue's unit into coins, or contracts of an inverse instrument.
    every_ns : int
        Length of a bin; bins end at multiples of it, in ts_local.
    price : str
        Name of the column of prices.
    dead_zone_share, dead_zone_bps : float
        A change of open interest of at most this share of what was open, or of the price of at most so many bps, is none.
    max_age_ns : int
        A report or price older than this at the bin's end is none.

    Raises
    ------
    InputError
        If a parameter is negative, or bins are not longer than nothing.

    Notes
    -----
    Columns are those of `GROUPS`. Changes are null when an end of the bin has no value; ``quadrant`` is ``flat`` within a dead
    zone, and null where a change is. Causal: a bin depends on rows with ts_local before its end only. O(rows + bins). The
    change of an inverse contract is counted in contracts: in coins it would move with the price while nobody trades, and a
    linear one would in dollars.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        every_ns: int,
        price: str = "mark_price",
        dead_zone_share: float = 0.0,
        dead_zone_bps: float = 0.0,
        max_age_ns: int = 10 * MINUTE_NS,
    ) -> None:
        if min(dead_zone_share, dead_zone_bps) < 0 or max_age_ns <= 0:
            raise InputError(
                f"dead zones and age must not be negative: {dead_zone_share}, {dead_zone_bps} bps, {max_age_ns} ns"
            )
        tables = {
            "open_interest": told_table(OPENS, "open interest", {"open_interest": 0}, kind="size"),
            "mark": told_table(OPENS + 1, "prices", {price: 1}),
        }
        super().__init__(tables, every_ns=every_ns, max_age_ns=(max_age_ns, max_age_ns))
        self.instrument = instrument
        self._price = price
        self._dead = dead_zone_share, dead_zone_bps

    def _of(self) -> str:
        return words_of(self.instrument)

    def _words(self) -> str:
        return f"{self._price}, {self._dead}"

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        instrument, unit = self.instrument, _unit(self.instrument)
        held, before = real(rows, _INTEREST) * unit, real(rows, _INTEREST + 2) * unit
        mark, mark_before = real(rows, _PRICE), real(rows, _PRICE + 2)
        contract = float(instrument.notional(1, 1)) / instrument.flow_grid.size if instrument.inverse else 1.0
        share = _share_of_change(held, before)
        bps = _share_of_change(mark, mark_before) * 1e4
        columns: dict[str, AnyArray] = {
            "ts": rows[:, END],
            "open_interest": held,
            "open_coins": held * contract / mark if instrument.inverse else held,
            "open_notional": held * contract if instrument.inverse else held * mark,
            "price": mark,
            "open_interest_change": held - before,
            "open_interest_change_share": share,
            "price_change_bps": bps,
        }
        quadrant = _quadrant(held - before, share, bps, dead=self._dead)
        age = pl.Series("open_interest_age_ns", rows[:, _INTEREST + 1])
        frame = pl.DataFrame(columns, nan_to_null=True).with_columns(pl.col("ts").cast(UTC_NS), quadrant)
        return frame.with_columns(pl.when(pl.col("open_interest").is_not_null()).then(age).alias(age.name))


def _unit(instrument: Instrument) -> float:
    """Flow units in one venue unit: the multiplier of a linear contract, 1 of an inverse one."""
    return instrument.flow_grid.size / instrument.qty_grid.size


def _share_of_change(values: Float1D, before: Float1D) -> Float1D:
    """Change since the value before, in that value; from nothing to something there is no share."""
    share = np.divide(values - before, before, out=np.full(len(values), np.nan), where=before > 0)
    return np.asarray(share, np.float64)


def _quadrant(change: Float1D, share: Float1D, bps: Float1D, *, dead: tuple[float, float]) -> pl.Series:
    known = ~np.isnan(change) & ~np.isnan(bps)
    opened = np.where(known & ~(np.abs(share) <= dead[0]), np.sign(change), 0)
    moved = np.where(known & (np.abs(bps) > dead[1]), np.sign(bps), 0)
    out: AnyArray = np.full(len(change), None, dtype=object)
    out[known] = "flat"
    for (of_interest, of_price), name in QUADRANTS.items():
        out[(opened == of_interest) & (moved == of_price)] = name
    return pl.Series("quadrant", out.tolist(), dtype=pl.String)
