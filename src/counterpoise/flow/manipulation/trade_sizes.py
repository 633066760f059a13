"""What trade sizes look like in a window: first digits, roundness, the most common size, the tail."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import InputError
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.manipulation.episode import require_counts, require_spans
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "trade_sizes"]

_BENFORD: Final = np.log10(1 + 1 / np.arange(1, 10))
_TAIL_SHARE: Final = 0.1  # the largest tenth is the tail, as in Cong et al.
_LEAST_TAIL: Final = 10  # observations of a tail

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="trade_sizes",
        says="first digits, roundness, the most common size and the tail of trade sizes",
        made_by="trade_sizes",
        needs=("trades",),
        columns=(
            Column("ts", "ns UTC", "end of the window, exclusive"),
            Column("trades", "count", "trades of positive size in it, whatever their aggressor"),
            Column(
                "benford_chi2", "1", "chi-square distance of first digits from Benford's law, 8 degrees of freedom", size="free"
            ),
            Column("benford_p", "1", "chance of one as large if sizes were independent and followed the law", size="free"),
            Column("benford_mad", "1", "mean absolute difference of the nine shares from the law", size="free"),
            Column("round_share", "1", "share of sizes that are a multiple of round_lots", size="free"),
            Column("common_share", "1", "share of the most common size"),
            Column("tail_exponent", "1", "Hill's estimate for the largest tenth of sizes"),
        ),
        source="Cong, Li, Tang and Yang (2023), doi:10.1287/mnsc.2021.02709",
    ),
)


def trade_sizes(
    events: Events, instrument: Instrument, *, every_ns: int, round_lots: int = 100, min_trades: int = 100
) -> pl.DataFrame:
    """Statistics of trade sizes in each window of time that had a trade.

    Parameters
    ----------
    events : Events
    instrument : Instrument
    every_ns : int
        Length of a window; they end at multiples of it, in ts_local.
    round_lots : int
        A size is round when it is a multiple of it.
    min_trades : int
        With fewer trades a window's statistics are null.

    Returns
    -------
    DataFrame
        See `GROUPS`. First digits are those of the size in the venue's unit. The tail exponent is null when the largest tenth
        has fewer than ten sizes or all of them are equal.

    Raises
    ------
    InputError
        If a parameter is not positive.

    Notes
    -----
    Trades of one taker order are counted as they are printed, and sizes of neighbouring trades depend on each other, so
    `benford_p` is too small for honest data as well: compare windows and venues, do not test one. Causal: a window depends on
    its own rows alone. O(n log n).

    References
    ----------
    Cong, Li, Tang and Yang (2023), doi:10.1287/mnsc.2021.02709, section 3. Aloosh and Li (2024), doi:10.1287/mnsc.2021.01448:
    first digits and common sizes agree with leaked wash trades, the power-law tail points the other way.
    """
    require_spans(every_ns=every_ns)
    require_counts(min_trades=min_trades)
    if round_lots < 1:
        raise InputError(f"round_lots must be 1 or more, found {round_lots}")
    trades = (events.kind == TRADE) & (events.qty_lots > 0)
    window = events.ts_local[trades] // every_ns
    lots = events.qty_lots[trades]
    firsts = np.flatnonzero(np.diff(window, prepend=window[:1] - 1))
    rows = [
        (int(window[a] + 1) * every_ns, *_statistics(lots[a:b], instrument, round_lots=round_lots, min_trades=min_trades))
        for a, b in zip(firsts, np.append(firsts, len(lots))[1:], strict=True)
    ]
    names = [column.name for column in GROUPS[0].columns]
    schema = {name: pl.Int64 if name in ("ts", "trades") else pl.Float64 for name in names}
    return pl.DataFrame(rows, schema=schema, orient="row").with_columns(pl.col("ts").cast(UTC_NS))


def _statistics(
    lots: Int1D, instrument: Instrument, *, round_lots: int, min_trades: int
) -> tuple[int, float | None, float | None, float | None, float | None, float | None, float | None]:
    count = len(lots)
    if count < min_trades:
        return count, None, None, None, None, None, None
    digits = np.bincount(_first_digits(lots, instrument), minlength=10)[1:]
    chi2 = float((count * (digits / count - _BENFORD) ** 2 / _BENFORD).sum())
    common = float(np.unique(lots, return_counts=True)[1].max() / count)
    mad = float(np.abs(digits / count - _BENFORD).mean())
    return count, chi2, _chi2_tail(chi2), mad, float((lots % round_lots == 0).mean()), common, _hill(lots)


def _first_digits(lots: Int1D, instrument: Instrument) -> Int1D:
    """First significant decimal digit of each size, exactly: the step's digits times the lots."""
    step = int("".join(map(str, instrument.qty_grid.step.as_tuple().digits)))
    return np.array([int(str(size * step)[0]) for size in lots.tolist()], np.int64)


def _chi2_tail(value: float) -> float:
    """P(chi² ≥ value) with 8 degrees of freedom, in closed form."""
    half = value / 2
    return float(np.exp(-half) * (1 + half + half**2 / 2 + half**3 / 6))


def _hill(lots: Int1D) -> float | None:
    """Exponent of the largest tenth of sizes; None when they say nothing."""
    tail = int(len(lots) * _TAIL_SHARE)
    if tail < _LEAST_TAIL:
        return None
    largest = np.sort(lots)[-tail - 1 :]
    mean = float(np.log(largest[1:] / largest[0]).mean())
    return 1 / mean if mean > 0 else None
