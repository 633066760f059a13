"""Measures of imbalance per bin, of one instrument's book and trades: prices, depth, order flow, trades, each with its quality.

`Measures(instrument, ...)` has a memory: `step(events)` any number of times, then `finish()`. `measure` is the batch form over
the same kernel, so both agree to the last bit. What the columns are says `counterpoise.flow.measure_frame`.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS, format_duration
from counterpoise.flow.bins import Bins
from counterpoise.flow.kernels import columns as k
from counterpoise.flow.kernels.bins import BIN_END, BINS_SIZE, NOT_OPEN, WRITTEN
from counterpoise.flow.kernels.measures import close_bins, close_open, measure_rows
from counterpoise.flow.kernels.queues import forget
from counterpoise.flow.measure_frame import measure_frame
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["DEFAULT_BANDS_BPS", "DEFAULT_VALUES", "LockedRule", "Measures", "QuoteSource", "measure"]

QuoteSource = Literal["depth", "ticker", "trades"]
LockedRule = Literal["null", "skip"]
DEFAULT_BANDS_BPS: Final = (1.0, 5.0, 10.0, 25.0)
DEFAULT_VALUES: Final = (10_000, 100_000, 1_000_000)
_SOURCES: Final = {"depth": k.DEPTH, "ticker": k.TICKER, "trades": k.TRADES_ONLY}
_LOCKED: Final = ("null", "skip")
_MAX_BINS: Final = 50_000_000


def measure(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins,
    quotes: QuoteSource = "depth",
    bands_bps: tuple[float, ...] = DEFAULT_BANDS_BPS,
    values: tuple[int, ...] = DEFAULT_VALUES,
    stale_ns: int = 10 * SECOND_NS,
    match_ns: int = SECOND_NS // 4,
    locked: LockedRule = "null",
) -> pl.DataFrame:
    """All measures of a recording, one row a bin; see `Measures`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> measure(Events.empty(), parse_instrument("binance_usdm:BTCUSDT"), bins=Bins.parse("1s")).height
    0
    """
    return Measures(
        instrument,
        bins=bins,
        quotes=quotes,
        bands_bps=bands_bps,
        values=values,
        stale_ns=stale_ns,
        match_ns=match_ns,
        locked=locked,
    ).whole(events)


class Measures(Stream):
    """Measures of one instrument, event by event.

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
        What ends a bin.
    quotes : {"depth", "ticker", "trades"}
        Where best prices and best-level OFI come from: the book of the depth stream, the ticker channel's best quotes, or
        nowhere (a stream of trades alone).
    bands_bps : tuple of float
        Distances from mid of ``depth_imbalance_{x}bps`` and its kin, ascending; the last is the reach of
        ``weighted_imbalance``.
    values : tuple of int
        Notionals of ``buy_cost_{value}_bps`` and ``sell_cost_{value}_bps`` [quote], ascending.
    stale_ns : int
        A source silent for longer is STALE.
    match_ns : int
        How long a trade waits for the fall of the queue it hit, and a fall for its trade, in ts_local.
    locked : {"null", "skip"}
        Of ticker quotes that lock or cross. ``null``: the book is CROSSED, so the bin is null. ``skip``, for streams that give
        one side at a time: wait for the other side, count the wait in ``locked_quotes``, and book the change from the last
        sound quotes to the next; a lock longer than `stale_ns` makes the source STALE.

    Notes
    -----
    ``quality`` is the price source's worst `BookState` within the bin. Every measure is null in a bin whose quality is not
    SYNCED; ``mid_change`` also in the first bin after such a one. Levels beyond the best need the depth stream.

    Causal: a bin depends on rows with ts_local before its end only. O(rows), and O(levels within the widest band) a bin.

    References
    ----------
    Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, eq. (3)-(4): OFI, summed per book message. Xu, Gould, Howison (2019), arXiv
    1907.06230: the same per level.
    """

    rows = staticmethod(measure_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        bins: Bins,
        quotes: QuoteSource = "depth",
        bands_bps: tuple[float, ...] = DEFAULT_BANDS_BPS,
        values: tuple[int, ...] = DEFAULT_VALUES,
        stale_ns: int = 10 * SECOND_NS,
        match_ns: int = SECOND_NS // 4,
        locked: LockedRule = "null",
    ) -> None:
        if stale_ns <= 0 or match_ns <= 0:
            raise InputError(f"stale and matching time must be positive, found {stale_ns} ns and {match_ns} ns")
        if quotes not in _SOURCES:
            raise UnknownName("quote source", quotes, _SOURCES)
        if locked not in _LOCKED:
            raise UnknownName("rule for locked quotes", locked, _LOCKED)
        if any(not 0 < band < 10_000 for band in bands_bps) or list(bands_bps) != sorted(set(bands_bps)):
            raise InputError(f"bands must ascend and lie between 0 and 10,000 bps, found {bands_bps}")
        if len({f"{band:g}" for band in bands_bps}) < len(bands_bps):
            raise InputError(f"bands must differ within six digits, which name their columns; found {bands_bps}")
        if any(not 0 < value < 1e15 for value in values) or list(values) != sorted(set(values)):
            raise InputError(f"values to trade must ascend and lie between 0 and 1e15, found {values}")
        self.bins = bins
        self.source = _SOURCES[quotes]
        self.bands_bps = bands_bps
        self.values = values
        unit = float(instrument.notional(1, 1))
        settings = [
            *bins.settings(instrument),
            *(stale_ns, self.source, match_ns, instrument.inverse, _LOCKED.index(locked), len(bands_bps), len(values)),
            *(band * 1e-4 for band in bands_bps),
            *(value / unit for value in values),
        ]
        width = k.BANDS + 2 * len(bands_bps) + 2 * len(values)
        super().__init__(instrument, state=_new_state(bins), settings=np.array(settings, np.float64), width=width, book=True)

    def open_at(self, ts_ns: int) -> None:
        """Begin bins of time at a time, though nothing has come yet; nothing for other bins, or when something has."""
        if self.bins.every_ns and self._state[BIN_END] == NOT_OPEN:
            self._state[BIN_END] = (ts_ns // self.bins.every_ns + 1) * self.bins.every_ns

    def until(self, ts_ns: int) -> pl.DataFrame:
        """Close the bins of time that end at or before a time, though no event says so."""
        self._close_until(ts_ns, complete=True)
        return self.drain()

    def anchor(self) -> None:
        """Begin what is cumulated (``cvd``, ``obv``) anew, and match nothing across this moment: a session begins.

        A bin that no clock ends is ended first, as far as it has come.
        """
        if not self.bins.every_ns:
            self._close()
            self._state[k.LAST_MID] = NO_KEY
        forget(self._state[k.QUEUES : k.SUMS])
        self._state[k.SUMS + k.CVD] = self._state[k.SUMS + k.OBV] = 0
        self._state[k.PREVIOUS_CLOSE] = NO_KEY

    def _close_until(self, ts_ns: int, *, complete: bool) -> None:
        while self._state[BIN_END] <= ts_ns:
            self._state[WRITTEN] = close_bins(self._book, self._state, self._settings, ts_ns, complete, self._out)
            self._keep()
        if self._state[BIN_END] != NOT_OPEN:  # nothing may come any more for what is closed
            self._last_ts = max(self._last_ts, int(self._state[BIN_END]) - self.bins.every_ns)

    def _close(self) -> None:
        end = int(self._state[BIN_END])
        if end != NOT_OPEN:
            self._close_until(end, complete=False)
        elif self._state[k.SUMS + k.TRADES] or self._state[k.SUMS + k.MESSAGES]:
            self._state[WRITTEN] = close_open(self._book, self._state, self._settings, self._last_ts + 1, False, self._out)
            self._keep()

    def _begin(self, first_ns: int, last_ns: int) -> None:
        end, every_ns = int(self._state[BIN_END]), self.bins.every_ns
        if every_ns:
            begun = first_ns if end == NOT_OPEN else end - every_ns
            if (last_ns - begun) // every_ns > _MAX_BINS:
                raise InputError(
                    f"events span {format_duration(last_ns - begun)}, more than {_MAX_BINS:,} bins of {self.bins}; "
                    "choose longer bins, or look at the times with 'counterpoise check'"
                )
        super()._begin(first_ns, last_ns)
        if every_ns:
            self._horizon = last_ns + _MAX_BINS * every_ns

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        return measure_frame(rows, self.instrument, source=self.source, bands_bps=self.bands_bps, values=self.values)


def _new_state(bins: Bins) -> Int1D:
    state = np.zeros(k.STATE_SIZE, np.int64)
    state[:BINS_SIZE] = bins.state()
    state[k.STATUS + STATE] = state[k.WORST] = state[k.QUOTE_STATE] = BookState.GAPPED
    for keys in (
        slice(k.QUOTE_KEY, k.QUOTE_KEY + 2),
        slice(k.NEW_QUOTE_KEY, k.NEW_QUOTE_KEY + 2),
        slice(k.TOP_KEY, k.TOP_LOTS),
        slice(k.DIRTY, k.DIRTY + 2),
    ):
        state[keys] = NO_KEY
    state[k.SUMS + k.OPEN : k.SUMS + k.CLOSE + 1] = state[k.PREVIOUS_CLOSE] = state[k.LAST_MID] = NO_KEY
    return state
