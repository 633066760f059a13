"""Open interest per bin: how many contracts are open, and who seems to open or close them.

A change of open interest beside a change of price is read as a quadrant. Both sides of a contract open and close together, so
the quadrant names the side that was in a hurry, by assumption.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import MINUTE_NS
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.latest import bin_ends, latest, numbers_of, times_of
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "QUADRANTS", "open_interest"]

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
        "open_interest",
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
    """Open interest and its quadrant, one row a bin.

    Parameters
    ----------
    reports : pl.DataFrame
        ``ts_local`` and ``open_interest`` [venue unit], as the ``open_interest`` table has them.
    prices : pl.DataFrame
        ``ts_local`` and a column of prices [quote], as the ``mark`` table has them.
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

    Returns
    -------
    pl.DataFrame
        The columns of `GROUPS`, from the first report to the last. Changes are null when an end of the bin has no value;
        ``quadrant`` is ``flat`` within a dead zone, and null where a change is.

    Raises
    ------
    InputError
        If columns are missing, a parameter is negative, or the bins are too many.
    DataError
        If times go back, an open interest is negative or a price not positive.

    Notes
    -----
    Causal: a bin depends on rows with ts_local before its end only. O(rows + bins log rows). The change of an inverse contract
    is counted in contracts: in coins it would move with the price while nobody trades, and a linear one would in dollars.
    """
    if min(dead_zone_share, dead_zone_bps) < 0 or max_age_ns <= 0:
        raise InputError(f"dead zones and age must not be negative: {dead_zone_share}, {dead_zone_bps} bps, {max_age_ns} ns")
    ts = times_of(reports, "ts_local", what="open interest")
    said = numbers_of(reports, "open_interest", what="open interest") * _unit(instrument)
    price_ts = times_of(prices, "ts_local", what="prices")
    paid = numbers_of(prices, price, what="prices")
    if (said < 0).any() or (paid <= 0).any():
        raise DataError(f"{instrument.id}: open interest must be 0 or more and prices positive; drop the rows that are not")
    ends = bin_ends(int(ts[0]), int(ts[-1]), every_ns) if len(ts) else np.zeros(0, np.int64)
    held, age = latest(ts, said, ends, max_age_ns=max_age_ns)
    mark, _ = latest(price_ts, paid, ends, max_age_ns=max_age_ns)
    contract = float(instrument.notional(1, 1)) / instrument.flow_grid.size if instrument.inverse else 1.0
    coins = held * contract / mark if instrument.inverse else held
    share = _share_of_change(held)
    bps = _share_of_change(mark) * 1e4
    columns: dict[str, AnyArray] = {
        "ts": ends,
        "open_interest": held,
        "open_coins": coins,
        "open_notional": held * contract if instrument.inverse else held * mark,
        "price": mark,
        "open_interest_change": np.diff(held, prepend=np.nan),
        "open_interest_change_share": share,
        "price_change_bps": bps,
        "open_interest_age_ns": age,
    }
    quadrant = _quadrant(columns["open_interest_change"], share, bps, dead=(dead_zone_share, dead_zone_bps))
    frame = pl.DataFrame(columns, nan_to_null=True)
    fresh = pl.when(pl.col("open_interest").is_not_null()).then(pl.col("open_interest_age_ns"))
    frame = frame.with_columns(pl.col("ts").cast(UTC_NS), fresh.alias("open_interest_age_ns"))
    return frame.insert_column(-1, quadrant)


def _unit(instrument: Instrument) -> float:
    """Flow units in one venue unit: the multiplier of a linear contract, 1 of an inverse one."""
    return instrument.flow_grid.size / instrument.qty_grid.size


def _share_of_change(values: Float1D) -> Float1D:
    """Change since the value before, in that value; from nothing to something there is no share."""
    before = np.concatenate([[np.nan], values[:-1]])[: len(values)]
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
