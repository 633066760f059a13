"""An order that rests at its price and shows a part of itself at a time."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np

from counterpoise.balance.execution import Action, Seen
from counterpoise.balance.order_style.single import SingleOrder
from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Order, TimeInForce

__all__ = ["Iceberg", "iceberg_peaks"]


def iceberg_peaks(qty_lots: int, *, peak_lots: int, spread: float, rng: np.random.Generator, least_lots: int = 1) -> Int1D:
    """What an iceberg shows, one refill after another: even over peak·(1 ± spread), the last what is left.

    Parameters
    ----------
    qty_lots : int
        Of the whole, > 0.
    peak_lots : int
        Mean of what is shown.
    spread : float
        In [0, 1); 0 shows the same every time. Above 0 no two peaks in a row are equal where there is a choice.
    rng : Generator
    least_lots : int
        A rest below it is shown along with the peak before.

    Returns
    -------
    (n,) int64
        They sum to the whole.

    Raises
    ------
    InputError
        If a number is out of its range, or the smallest peak is below the least.

    Examples
    --------
    >>> iceberg_peaks(100, peak_lots=30, spread=0.0, rng=np.random.default_rng(1), least_lots=20).tolist()
    [30, 30, 40]
    """
    if qty_lots <= 0 or peak_lots <= 0 or not 0 <= spread < 1:
        raise InputError(f"an iceberg needs lots, a peak and a spread in [0, 1); found {qty_lots}, {peak_lots} and {spread}")
    low, high = ceil(peak_lots * (1 - spread)), int(peak_lots * (1 + spread))
    if low < min(least_lots, qty_lots):
        raise InputError(f"the smallest peak would be {low} lots, and the venue takes {least_lots} or more; take a larger peak")
    peaks: list[int] = []
    left = qty_lots
    while left:
        choices = high - low + 1
        peak = low + int(rng.integers(choices))
        if peaks and peak == peaks[-1] and choices > 1:  # any other one, each as likely
            peak = low + (peak - low + 1 + int(rng.integers(choices - 1))) % choices
        if left - peak < least_lots:
            peak = left
        peaks.append(peak)
        left -= peak
    return np.array(peaks, np.int64)


class Iceberg(SingleOrder):
    """Rests at one price and refills when what it shows is gone: each refill queues anew, as at an exchange.

    Parameters
    ----------
    instrument, name, side, qty_lots, start_ns, end_ns
        As `SingleOrder`.
    price_ticks : int
        Where it rests; what trades there or better when it arrives is taken.
    peak_lots, spread
        As `iceberg_peaks`.
    rng : Generator
        All peaks are drawn at once: an order of the same seed that takes up another's children shows what that one would have.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        name: str,
        side: int,
        qty_lots: int,
        start_ns: int,
        end_ns: int,
        price_ticks: int,
        peak_lots: int,
        spread: float,
        rng: np.random.Generator,
    ) -> None:
        super().__init__(instrument, name=name, side=side, qty_lots=qty_lots, start_ns=start_ns, end_ns=end_ns)
        if price_ticks <= 0:
            raise InputError(f"{name}: an iceberg rests at a price above 0, found {price_ticks} ticks")
        self.price_ticks: Final = price_ticks
        self.peaks: Final = iceberg_peaks(
            qty_lots, peak_lots=peak_lots, spread=spread, rng=rng, least_lots=self.least_order(price_ticks)
        )
        self._shown = 0

    def work(self, ts_ns: int, seen: Seen) -> list[Action]:
        """Show the next peak; once all were shown, what was cancelled of them."""
        lots = self.left_lots
        if self._shown < len(self.peaks):
            lots = min(lots, int(self.peaks[self._shown]))
        self._shown += 1
        return [self.children.place(lots, self.price_ticks, TimeInForce.GTC)]

    def take_up(self, order: Order) -> None:
        """Take up an order that an earlier process meant to send; what is not filled or live is what remains to be done."""
        super().take_up(order)
        self._shown += 1
