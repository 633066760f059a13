"""What trading costs the price: Kyle's λ, Amihud's ratio and Roll's spread over the last bins, from trades alone."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, format_duration
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS, where_sound
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import illiquidity as k
from counterpoise.flow.kernels.bins import BIN_END, NOT_OPEN
from counterpoise.flow.stream import WRITTEN, Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Illiquidity", "illiquidity"]

_MILLION: Final = 1e6
_MAX_BINS: Final = 50_000_000
_LEAST_WINDOW: Final = 3  # a slope with a standard error

GROUPS: Final = (
    Group(
        "illiquidity",
        "price change per volume: Kyle's slope, Amihud's ratio, Roll's spread",
        "Illiquidity",
        ("trades",),
        (
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("close", "quote", "price of the last trade in the bin or before it", "price"),
            Column("price_change", "quote", "against the bin before", "odd"),
            Column("signed_qty", "base", "bought less sold by aggressors; unknown ones are in neither", "odd", "linear"),
            Column("unknown_qty", "base", "of trades whose aggressor is unknown", "even", "linear"),
            Column("notional", "quote", "value of all trades", "free", "linear"),
            Column("trades", "count", "trades in the bin"),
            Column("n", "count", "bins in the window"),
            Column("kyle_lambda", "quote/base", "slope of price_change on signed_qty, with intercept", "even", "free"),
            Column(
                "kyle_lambda_se", "quote/base", "its standard error, errors taken to be independent and alike", "even", "free"
            ),
            Column("kyle_r2", "1", "R² of that line"),
            Column(
                "amihud",
                "bps/million",
                "mean of |log return| per million of quote traded, over bins with trades",
                "free",
                "free",
            ),
            Column("roll_spread", "quote", "2 √(−cov) of successive price changes; null when they do not turn back"),
        ),
        "Kyle (1985); Amihud (2002), eq. (1); Roll (1984)",
    ),
)


class Illiquidity(Stream):
    """Kyle's λ, Amihud's ratio and Roll's spread, bin by bin over a rolling window.

        ΔP = a + λ·(B − S)        A = mean |log P/P′| / notional        s = 2 √(−cov(ΔP, ΔP′))

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
        What ends a bin. ``trades:1`` makes Roll's spread that of successive trades, as published.
    window : int
        Bins the three are taken over, at least 3; null before there are so many.

    Raises
    ------
    InputError
        If the window is shorter.

    Notes
    -----
    P is the price of the last trade, which lies on the side of the spread that the last aggressor hit: in short bins that alone
    gives λ > 0. A bin of time without a trade has no change and no volume, and counts as such for λ and s, not for A. A GAP
    voids the open bin and the window.

    Causal: a row depends on trades before the end of its bin. O(window) a bin.

    References
    ----------
    Kyle (1985), doi:10.2307/1913210. Amihud (2002), doi:10.1016/S1386-4181(01)00024-6. Roll (1984),
    doi:10.1111/j.1540-6261.1984.tb03897.x.
    """

    rows = staticmethod(k.illiquidity_rows)

    def __init__(self, instrument: Instrument, *, bins: Bins, window: int = 50) -> None:
        if window < _LEAST_WINDOW:
            raise InputError(f"a window of {window} bins gives no slope with an error; take at least {_LEAST_WINDOW}")
        state = np.concatenate([bins.state(), np.zeros(k.RINGS + k.RING_COUNT * window - len(bins.state()), np.int64)])
        state[k.BEFORE - 1 : k.BEFORE + 1] = k.NO_PRICE
        settings = np.array([*bins.settings(instrument), window, instrument.inverse], np.float64)
        super().__init__(instrument, state=state, settings=settings, width=k.WIDTH)
        self._every_ns = bins.every_ns

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        if not self._every_ns:
            return
        begun = min(int(self._state[BIN_END]), first_ns)
        if (last_ns - begun) // self._every_ns > _MAX_BINS:
            raise InputError(
                f"events span {format_duration(last_ns - begun)}, more than {_MAX_BINS:,} bins of "
                f"{format_duration(self._every_ns)}; choose longer bins, or look at the times with 'counterpoise check'"
            )
        self._horizon = last_ns + _MAX_BINS * self._every_ns

    def _close(self) -> None:
        end = int(self._state[BIN_END]) if self._every_ns else self._last_ts + 1
        if not (self._every_ns or self._state[k.OPEN_TRADES]) or end == NOT_OPEN:
            return
        self._state[WRITTEN] = 0
        k.write_bin(self._state, self._settings, end, self._out)
        self._keep()

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        of, whole = self.instrument, rows[:, k.VOID] == 0
        price, qty = of.price_grid, of.flow_grid
        worth = float(of.notional(1, 1))  # of one lot at one tick; of one inverse lot at any price
        real = np.ascontiguousarray(rows[:, k.KYLE :]).view(np.float64)
        slope = price.size / qty.size
        columns = {
            "close": where_sound(rows[:, k.PRICE] != k.NO_PRICE, price.values(rows[:, k.PRICE])),
            "price_change": where_sound(rows[:, k.CHANGE] != k.NO_PRICE, price.values(rows[:, k.CHANGE])),
            "signed_qty": qty.values(rows[:, k.SIGNED]),
            "unknown_qty": qty.values(rows[:, k.UNKNOWN]),
            "notional": np.ascontiguousarray(rows[:, k.NOTIONAL]).view(np.float64) * worth,
        }
        after = {
            "kyle_lambda": real[:, 0] * slope,
            "kyle_lambda_se": real[:, 1] * slope,
            "kyle_r2": real[:, 2],
            "amihud": real[:, 3] / worth * _MILLION / BPS,
            "roll_spread": real[:, 4] * price.size,
        }
        frame = pl.DataFrame(
            {
                "ts": rows[:, k.TS],
                **{name: where_sound(whole, column) for name, column in columns.items()},
                "trades": rows[:, k.TRADES],
                "n": rows[:, k.HELD],
                **after,
            },
            nan_to_null=True,
        )
        return frame.with_columns(pl.col("ts").cast(UTC_NS), pl.when(pl.Series(whole)).then(pl.col("trades", "n")))


def illiquidity(events: Events, instrument: Instrument, *, bins: Bins, window: int = 50) -> pl.DataFrame:
    """Kyle's λ, Amihud's ratio and Roll's spread of a recording, one row a bin; see `Illiquidity`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> illiquidity(Events.empty(), parse_instrument("binance_usdm:BTCUSDT"), bins=Bins.parse("1s")).height
    0
    """
    return Illiquidity(instrument, bins=bins, window=window).whole(events)
