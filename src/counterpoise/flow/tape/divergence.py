"""Swings of price found causally, and divergence of CVD from them: swing to swing, never by a single bar."""

from __future__ import annotations

from typing import ClassVar, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int2D
from counterpoise.core.errors import InputError
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import divergence as k
from counterpoise.flow.stream import Rows, Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["DEFAULT_REVERSAL_BPS", "GROUPS", "Divergences", "Swings", "chance_of_divergence", "divergences", "swings"]

DEFAULT_REVERSAL_BPS: Final = 10.0
_FAR: Final = 20.0  # beyond it the integrand is below 1e-17
_PANELS: Final = 4096
_SWING_ZIGZAG: Final = "zig-zag: an extreme from which price has turned by a size"


def _turned(*columns: Column) -> tuple[Column, ...]:
    """A reversal in bps is of the extreme's price, so the swings of a mirror image are others; in ticks they are the same."""
    return tuple(column._replace(mirror="free") for column in columns)


GROUPS: Final = (
    Group(
        name="swings",
        says="swing highs and lows of the traded price",
        made_by="Swings",
        needs=("trades",),
        columns=_turned(
            Column("ts_local", "ns", "arrival of the trade that showed the swing: price had turned by the size"),
            Column("ts_swing", "ns", "arrival of the trade at the extreme, the first at that price"),
            Column("side", "1", "+1 a high, −1 a low"),
            Column("price", "quote", "price of the extreme"),
            Column("cvd", "base", "CVD with that trade, since the first event", size="linear"),
        ),
        source=_SWING_ZIGZAG,
    ),
    Group(
        name="divergences",
        says="price made a new extreme and CVD did not, or the reverse, from swing to swing",
        made_by="Divergences",
        needs=("trades",),
        columns=_turned(
            Column("ts_local", "ns", "arrival of the trade that showed the second swing"),
            Column("side", "1", "−1 bearish, between two highs; +1 bullish, between two lows"),
            Column("hidden", "1", "CVD made the new extreme and price did not"),
            Column("ts_first", "ns", "arrival of the trade at the first swing"),
            Column("ts_second", "ns", "arrival of the trade at the second swing"),
            Column("price_first", "quote", "price at the first swing"),
            Column("price_second", "quote", "price at the second swing"),
            Column("cvd_first", "base", "CVD with the first swing, since the first event", size="linear"),
            Column("cvd_second", "base", "CVD with the second swing", size="linear"),
            Column("strength", "1", "change of CVD over all that was traded between the swings, 0 to 1"),
            Column("unknown_share", "1", "share of that by aggressors whom the venue does not name"),
        ),
        source=f"{_SWING_ZIGZAG}; CVD at the swings",
    ),
)


def swings(
    events: Events, instrument: Instrument, *, reversal_bps: float | None = None, reversal_ticks: int | None = None
) -> pl.DataFrame:
    """The swings of a recording; see `Swings`."""
    return Swings(instrument, reversal_bps=reversal_bps, reversal_ticks=reversal_ticks).whole(events)


def divergences(
    events: Events,
    instrument: Instrument,
    *,
    reversal_bps: float | None = None,
    reversal_ticks: int | None = None,
    least_strength: float = 0.0,
) -> pl.DataFrame:
    """The divergences of a recording; see `Divergences`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> divergences(Events.empty(), parse_instrument("binance_usdm:BTCUSDT"), reversal_bps=5).height
    0
    """
    return Divergences(
        instrument, reversal_bps=reversal_bps, reversal_ticks=reversal_ticks, least_strength=least_strength
    ).whole(events)


def chance_of_divergence(correlation: float) -> float:
    """The share of higher highs (or lower lows) that diverge where price and CVD are random walks without drift.

        P = 1/2 − ρ √(1 − ρ²) / π · ∫₀^∞ tanh s / (s (cosh² s − ρ²)) ds

    Parameters
    ----------
    correlation : float
        Of the changes of price and of CVD over the same times, −1 to 1. A half at 0, none at 1.

    Raises
    ------
    InputError
        If it is no correlation.

    Notes
    -----
    Whatever the reversal, as long as it is many ticks; ticks make swings equal, which takes a few hundredths away. The same
    share of lower highs diverges hidden. The theory page derives it.

    Examples
    --------
    >>> round(chance_of_divergence(0.6), 3)
    0.321
    """
    if not -1 <= correlation <= 1:
        raise InputError(f"a correlation lies between -1 and 1, found {correlation}")
    rest = float(np.sqrt(1 - correlation**2))
    if rest == 0:
        return 0.5 * (1 - correlation)
    edges = np.linspace(0, np.arcsinh(_FAR / rest), _PANELS + 1)  # s = √(1 − ρ²)·sinh x spreads the peak at 0
    x, width = (edges[1:] + edges[:-1]) / 2, edges[1]
    s = rest * np.sinh(x)
    integral = float(np.sum(np.tanh(s) / (s * (np.sinh(s) ** 2 + rest**2)) * rest * np.cosh(x)) * width)
    return 0.5 - correlation * rest / float(np.pi) * integral


class Swings(Stream):
    """Swing highs and lows of the traded price, one row for each when it is known.

    A swing high is the highest price since the last swing low, once a trade is lower by the reversal; a low is the mirror. The
    extreme before the first reversal is none, because what was before it is not known. Trades of no quantity are passed over.

    Parameters
    ----------
    instrument : Instrument
    reversal_bps : float, optional
        In basis points of the extreme; 10 when neither is given.
    reversal_ticks : int, optional
        In ticks. Less than a few spreads, and the swings are the bounce between bid and ask.

    Raises
    ------
    InputError
        If both are given, or one is not positive.

    Notes
    -----
    Highs and lows alternate. A GAP row voids the extremes and the swings before it: the next swing is the first again. CVD runs
    on over it, so do not compare it across. Causal: a row is written with the trade that turns, never before. O(rows).
    """

    rows: ClassVar[Rows] = staticmethod(k.swing_rows)

    def __init__(self, instrument: Instrument, *, reversal_bps: float | None = None, reversal_ticks: int | None = None) -> None:
        super().__init__(
            instrument,
            state=_new_state(),
            settings=np.array([*_reversal(reversal_bps, reversal_ticks), 1.0, 0.0]),
            width=k.OUT_WIDTH,
        )

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        second = rows[:, k.OUT_SECOND :]
        return _to_frame(
            {
                "ts_local": rows[:, k.OUT_TS],
                "ts_swing": second[:, k.MARK_TS],
                "side": rows[:, k.OUT_SIDE].astype(np.int8),
                "price": self.instrument.price_grid.values(second[:, k.MARK_PRICE]),
                "cvd": self.instrument.flow_grid.values(second[:, k.MARK_CVD]),
            }
        )


class Divergences(Stream):
    """Divergence of CVD from price between two swings of the same kind in turn, one row for each.

    Bearish (−1): the second of two swing highs is higher in price and lower in CVD. Bullish (+1): the second of two lows is
    lower in price and higher in CVD. Hidden: bearish when the second high is lower in price and higher in CVD, bullish when
    the second low is higher in price and lower in CVD. CVD is taken with the trade that first reached the extreme. What is
    equal does not diverge.

    Parameters
    ----------
    instrument : Instrument
    reversal_bps, reversal_ticks : float, int, optional
        What makes a swing; see `Swings`.
    least_strength : float
        Least |change of CVD| / volume between the swings, 0 to 1.

    Raises
    ------
    InputError
        If a number lies out of its range.

    Notes
    -----
    **A divergence is common by chance.** If flow says nothing of price, the sign of the change of CVD is a coin's: half of all
    higher highs diverge, and half of all lower highs do so hidden. `chance_of_divergence` has the share when flow moves price.
    Count the pairs with `Swings`, and compare.

    A pair with a GAP row between does not exist. Causal: the row is written when the second swing is known. O(rows).
    """

    rows: ClassVar[Rows] = staticmethod(k.swing_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        reversal_bps: float | None = None,
        reversal_ticks: int | None = None,
        least_strength: float = 0.0,
    ) -> None:
        if not 0 <= least_strength <= 1:
            raise InputError(f"a strength lies between 0 and 1, found {least_strength}")
        super().__init__(
            instrument,
            state=_new_state(),
            settings=np.array([*_reversal(reversal_bps, reversal_ticks), 0.0, least_strength]),
            width=k.OUT_WIDTH,
        )

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        price, qty = self.instrument.price_grid, self.instrument.flow_grid
        first, second = rows[:, k.OUT_FIRST : k.OUT_SECOND], rows[:, k.OUT_SECOND :]
        between = second - first
        return _to_frame(
            {
                "ts_local": rows[:, k.OUT_TS],
                "side": (-rows[:, k.OUT_SIDE]).astype(np.int8),
                "hidden": rows[:, k.OUT_HIDDEN] != 0,
                "ts_first": first[:, k.MARK_TS],
                "ts_second": second[:, k.MARK_TS],
                "price_first": price.values(first[:, k.MARK_PRICE]),
                "price_second": price.values(second[:, k.MARK_PRICE]),
                "cvd_first": qty.values(first[:, k.MARK_CVD]),
                "cvd_second": qty.values(second[:, k.MARK_CVD]),
                "strength": np.abs(between[:, k.MARK_CVD]) / between[:, k.MARK_VOLUME],
                "unknown_share": between[:, k.MARK_UNKNOWN] / between[:, k.MARK_VOLUME],
            }
        )


def _new_state() -> AnyArray:
    state = np.zeros(k.STATE_SIZE, np.int64)
    state[k.TREND] = k.UNSEEN
    return state


def _reversal(bps: float | None, ticks: int | None) -> list[float]:
    """REVERSAL_TICKS and REVERSAL_BPS."""
    if bps is not None and ticks is not None:
        raise InputError("reversal_bps and reversal_ticks both say what a reversal is; give one of them")
    if ticks is None:
        bps = DEFAULT_REVERSAL_BPS if bps is None else bps
        if not 0 < bps < 10_000:
            raise InputError(f"a reversal lies between 0 and 10,000 bps, found {bps}")
        return [0.0, bps]
    if ticks < 1:
        raise InputError(f"a reversal is one tick or more, found {ticks}")
    return [float(ticks), 0.0]


def _to_frame(columns: dict[str, AnyArray]) -> pl.DataFrame:
    frame = pl.DataFrame({name: np.ascontiguousarray(column) for name, column in columns.items()})
    return frame.with_columns(pl.col("^ts_.*$").cast(UTC_NS))
