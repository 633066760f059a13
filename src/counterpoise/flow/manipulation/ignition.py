"""Momentum ignition: a burst of one-sided volume on a still price, a large move its way, and the way back on less volume."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.cells import real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import ignition as k
from counterpoise.flow.manipulation.episode import (
    KNOWN_COLUMN,
    PRICE_COLUMN,
    SIDE_COLUMN,
    SPAN_COLUMNS,
    STALE_NS,
    episode_frame,
    require_counts,
    require_shares,
    require_spans,
    watch_state,
)
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Ignition", "ignition"]

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="ignition",
        says="a one-sided burst of volume, a large move its way, and the way back",
        made_by="Ignition",
        needs=("depth", "trades"),
        columns=(
            KNOWN_COLUMN,
            *SPAN_COLUMNS,
            SIDE_COLUMN,
            PRICE_COLUMN,
            Column("peak", "quote", "mid at the end of the window where it was furthest", mirror="price"),
            Column("move", "quote", "peak − price", mirror="odd"),
            Column("back_share", "1", "share of the move that was taken back"),
            Column("burst_qty", "base", "volume of aggressors with the move, up to the peak", size="linear"),
            Column("burst_share", "1", "its share of all volume with a known aggressor up to the peak"),
            Column("after_qty", "base", "volume of aggressors against the move, after the peak", size="linear"),
            Column("after_share", "1", "its share of all volume with a known aggressor after the peak"),
            Column("unknown_qty", "base", "volume without a known aggressor; in no other column", size="linear"),
            Column("sigmas", "1", "first window's volume above its mean, in standard deviations"),
            Column("passive_gain", "base·quote", "gain, at the last mid, of who sold to the burst", size="linear"),
            Column("score", "1", "1 − chance of spike, move and return together, by Fisher's method"),
        ),
        source="phases of Tse, Lin and Vincent (2012), High frequency trading: measurement, detection and response",
    ),
)


class Ignition(Stream):
    """Momentum ignition of one instrument, event by event: one row when the price is back.

    Parameters
    ----------
    instrument : Instrument
    window_ns : int
        Volume and mid are looked at once in it, at multiples of it.
    volume_sigmas : float
        The burst begins with a window whose volume exceeds its mean by so many standard deviations.
    one_sided : float
        And whose |bought − sold| is at least this share of it.
    calm_windows : int
        And before which, for so many windows, mid had not drifted: at most 63.
    calm_sigmas : float
        By more than this many standard deviations of such a walk.
    move_windows, move_sigmas : int, float
        Within so many windows mid goes along by so many standard deviations of a walk as long.
    back_windows, back_share : int, float
        And within so many windows after its furthest point this share of the move is taken back, at a lower rate of volume.
    memory : int
        Windows over which the usual volume and move are taken, exponentially.
    min_windows : int
        Sound windows before the first burst can be called.
    min_score : float
        Rows below it are not given.
    stale_ns : int
        A book silent for longer voids what is open.

    Notes
    -----
    score = 1 − e^(−x) (1 + x + x²/2) with x = −ln p₁ − ln p₂ − ln p₃, Fisher's method for three independent chances:
    p₁ = 1 / (1 + z²), Cantelli's bound for the volume of the first window; p₂ and p₃ = erfc(d / (σ √(2 h))), the chance that a
    Gaussian walk goes d or more one way within h windows (reflection principle), for the way out and the way back. Real moves
    have fatter tails and the three are not independent: it orders episodes, its false alarms are measured and not read off.

    `side` is the direction of the burst, `price` the mid before it. What it means to have ignited is not in public data: who
    profits is unknown, `passive_gain` says how much could be had. One episode at a time; a window in which the book was not in
    sync throughout voids it. Causal: a row is given by the first event after the window that ends it. O(rows).

    References
    ----------
    Tse, Lin and Vincent (2012), High frequency trading: measurement, detection and response (Credit Suisse): stable prices and
    a spike in volume, a large move compared with the day's volatility, reversion under lower volume.
    """

    rows = staticmethod(k.ignition_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        window_ns: int = SECOND_NS,
        volume_sigmas: float = 3.0,
        one_sided: float = 0.7,
        calm_windows: int = 5,
        calm_sigmas: float = 2.0,
        move_windows: int = 5,
        move_sigmas: float = 3.0,
        back_windows: int = 30,
        back_share: float = 0.6,
        memory: int = 300,
        min_windows: int = 30,
        min_score: float = 0.99,
        stale_ns: int = STALE_NS,
    ) -> None:
        require_spans(window_ns=window_ns, stale_ns=stale_ns)
        require_shares(back_share=back_share)
        require_shares(ends=True, one_sided=one_sided, min_score=min_score)
        require_counts(
            calm_windows=calm_windows,
            move_windows=move_windows,
            back_windows=back_windows,
            memory=memory,
            min_windows=min_windows,
        )
        if calm_windows > k.MOST_CALM:
            raise InputError(f"calm_windows is {calm_windows}; at most {k.MOST_CALM} are remembered, choose longer windows")
        if not (volume_sigmas > 0 and calm_sigmas > 0 and move_sigmas > 0):
            raise InputError(f"sigmas must be positive, found {volume_sigmas}, {calm_sigmas} and {move_sigmas}")
        numbers = [window_ns, volume_sigmas, one_sided, calm_windows, calm_sigmas, move_windows, move_sigmas, back_windows]
        numbers += [back_share, 2 / (memory + 1), min_windows, min_score, stale_ns]
        state = watch_state(k.STATE_SIZE)
        state[k.WINDOW_END] = k.WINDOW_OPEN
        super().__init__(instrument, state=state, settings=np.array(numbers, np.float64), width=k.WIDTH, book=True)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        qty, price = self.instrument.flow_grid, self.instrument.price_grid
        way, mid, peak, end = (rows[:, column] for column in (k.SIDE, k.MID, k.PEAK, k.MID_END))
        burst, against = rows[:, k.BURST], rows[:, k.AGAINST]
        after, after_all = rows[:, k.AFTER_AGAINST], rows[:, k.AFTER_AGAINST] + rows[:, k.AFTER_WITH]
        gain = real(rows, k.GAIN) - burst.astype(np.float64) * way * (end - mid)
        return episode_frame(
            rows,
            {
                "side": way,
                "price": price.values(mid, over=2),
                "peak": price.values(peak, over=2),
                "move": price.values(peak - mid, over=2),
                "back_share": (peak - end) / np.where(peak == mid, 1, peak - mid),
                "burst_qty": qty.values(burst),
                "burst_share": burst / np.maximum(burst + against, 1),
                "after_qty": qty.values(after),
                "after_share": np.where(after_all > 0, after / np.maximum(after_all, 1), np.nan),
                "unknown_qty": qty.values(rows[:, k.UNKNOWN]),
                "sigmas": real(rows, k.SIGMAS),
                "passive_gain": gain * (price.size / 2 * qty.size),
                "score": real(rows, k.SCORE),
            },
        )


def ignition(
    events: Events,
    instrument: Instrument,
    *,
    window_ns: int = SECOND_NS,
    volume_sigmas: float = 3.0,
    one_sided: float = 0.7,
    calm_windows: int = 5,
    calm_sigmas: float = 2.0,
    move_windows: int = 5,
    move_sigmas: float = 3.0,
    back_windows: int = 30,
    back_share: float = 0.6,
    memory: int = 300,
    min_windows: int = 30,
    min_score: float = 0.99,
    stale_ns: int = STALE_NS,
) -> pl.DataFrame:
    """Momentum ignition of a recording; see `Ignition`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> ignition(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Ignition(
        instrument,
        window_ns=window_ns,
        volume_sigmas=volume_sigmas,
        one_sided=one_sided,
        calm_windows=calm_windows,
        calm_sigmas=calm_sigmas,
        move_windows=move_windows,
        move_sigmas=move_sigmas,
        back_windows=back_windows,
        back_share=back_share,
        memory=memory,
        min_windows=min_windows,
        min_score=min_score,
        stale_ns=stale_ns,
    ).whole(events)
