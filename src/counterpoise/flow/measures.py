"""Measures of imbalance per time bin: spread, depth imbalance, OFI, trade imbalance, CVD, microprice, each with its quality.

`Measures(instrument, ...)` has a memory: `step(events)` any number of times, then `finish()`. `measure` is the batch form over
the same kernel, so both agree to the last bit.
"""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Bool1D, Float1D, Int1D, Int2D
from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS, format_duration
from counterpoise.flow.kernels import measures as k
from counterpoise.market.book import grow_ladder, new_ladder, require_sound
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["DEFAULT_BANDS_BPS", "Measures", "QuoteSource", "measure"]

QuoteSource = Literal["depth", "ticker", "trades"]
DEFAULT_BANDS_BPS: Final = (1.0, 5.0, 10.0, 25.0)
_SOURCES: Final = {"depth": k.DEPTH, "ticker": k.TICKER, "trades": k.TRADES_ONLY}
_STATE_NAMES: Final = np.array([state.name for state in BookState])
_NOT_OPEN: Final = 2**62  # no event yet, so no bin
_MAX_BINS: Final = 50_000_000
_OUT_ROWS: Final = 4096


def measure(
    events: Events,
    instrument: Instrument,
    *,
    every_ns: int,
    quotes: QuoteSource = "depth",
    bands_bps: tuple[float, ...] = DEFAULT_BANDS_BPS,
    stale_ns: int = 10 * SECOND_NS,
) -> pl.DataFrame:
    """All measures of a recording, one row a bin; see `Measures` for the columns.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> measure(Events.empty(), parse_instrument("binance_usdm:BTCUSDT"), every_ns=10**9).height
    0
    """
    measures = Measures(instrument, every_ns=every_ns, quotes=quotes, bands_bps=bands_bps, stale_ns=stale_ns)
    return pl.concat([measures.step(events), measures.finish()])


class Measures:
    """Measures of one instrument, event by event.

    Parameters
    ----------
    instrument : Instrument
    every_ns : int
        Bin length; bin ends are multiples of it, in ts_local.
    quotes : {"depth", "ticker", "trades"}
        Where best prices and best-level OFI come from: the book of the depth stream, the ticker channel's best quotes, or
        nowhere (a stream of trades alone).
    bands_bps : tuple of float
        Distances from mid for ``depth_imbalance_{x}bps``, ascending.
    stale_ns : int
        A source silent for longer is STALE.

    Notes
    -----
    A frame has, per bin, ``ts`` (end of the bin, exclusive, UTC), ``mid``, ``mid_change``, ``spread`` and ``microprice``
    [quote], ``depth_imbalance_1..10`` and ``depth_imbalance_{x}bps`` [−1, 1] at the bin's end, ``ofi`` (best level) and
    ``ofi_1..10``, ``trade_imbalance`` = ``buy_qty − sell_qty`` and ``cvd`` since the first event [base coins; contracts of an
    inverse instrument], ``trades`` (count) and ``quality``, the worst `BookState` within the bin. Every measure is null in a
    bin whose quality is not SYNCED, ``mid_change`` also in the first bin after such a one; ``ofi_2..10`` need the depth stream.

    Causal: a bin depends on rows with ts_local before its end only. O(rows).

    References
    ----------
    Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, eq. (3)-(4): OFI, summed per book message. Xu, Gould, Howison (2019), arXiv
    1907.06230: the same per level. The microprice here is the weighted mid (Stoikov 2018, eq. 2), not yet his fitted estimator.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        every_ns: int,
        quotes: QuoteSource = "depth",
        bands_bps: tuple[float, ...] = DEFAULT_BANDS_BPS,
        stale_ns: int = 10 * SECOND_NS,
    ) -> None:
        if every_ns <= 0 or stale_ns <= 0:
            raise InputError(f"bin and stale time must be positive, found {every_ns} ns and {stale_ns} ns")
        if quotes not in _SOURCES:
            raise UnknownName("quote source", quotes, _SOURCES)
        if any(not 0 < band < 10_000 for band in bands_bps) or list(bands_bps) != sorted(set(bands_bps)):
            raise InputError(f"bands must ascend and lie between 0 and 10,000 bps, found {bands_bps}")
        self.instrument = instrument
        self.every_ns = every_ns
        self._source = _SOURCES[quotes]
        self._bands_bps = bands_bps
        self._bands = np.array(bands_bps, np.float64) * 1e-4
        self._stale_ns = stale_ns
        self._book = new_ladder()
        self._state = _new_state()
        self._out = np.zeros((_OUT_ROWS, k.BANDS + 2 * len(bands_bps)), np.int64)
        self._closed: list[Int2D] = []
        self._closed_bins = 0
        self._mid_before = float("nan")  # of the last drained bin
        self._last_ts = np.iinfo(np.int64).min

    def step(self, events: Events) -> pl.DataFrame:
        """Take events in order of ts_local; returns the bins they closed. Raises as `push`."""
        self.push(events)
        return self.drain()

    def push(self, events: Events) -> int:
        """Take events in order of ts_local; returns how many bins wait for `drain`. A frame costs a millisecond, this does not.

        Raises
        ------
        InputError
            If a row cannot be (see `counterpoise.market.book.require_sound`), or the events span too many bins.
        DataError
            If ts_local goes back, within these events or behind what was taken or closed before.
        """
        if events.rows:
            require_sound(events, in_order=True)
            self._open(events)
        done = 0
        while done < events.rows:
            done = k.measure_rows(
                self._book,
                self._state,
                events.ts_local,
                events.kind,
                events.side,
                events.flags,
                events.price_ticks,
                events.qty_lots,
                done,
                self.every_ns,
                self._stale_ns,
                self._source,
                self._bands,
                self._out,
            )
            full = int(self._state[k.CLOSED])
            self._keep(full)
            if done < events.rows and full < len(self._out):
                self._book = grow_ladder(self._book)
        return self._closed_bins

    def drain(self) -> pl.DataFrame:
        """Bins closed since the last call."""
        rows = np.concatenate(self._closed) if self._closed else np.zeros((0, self._out.shape[1]), np.int64)
        self._closed.clear()
        self._closed_bins = 0
        frame = _to_frame(rows, self.instrument, self._bands_bps, source=self._source, mid_before=self._mid_before)
        if frame.height:
            mid = frame["mid"][-1]
            self._mid_before = float("nan") if mid is None else mid
        return frame

    def until(self, ts_ns: int) -> pl.DataFrame:
        """Close the bins that end at or before a time, though no event says so."""
        while self._state[k.BIN_END] <= ts_ns:
            full = k.close_bins(
                self._book, self._state, ts_ns, self.every_ns, self._stale_ns, self._source, self._bands, self._out
            )
            self._keep(full)
        return self.drain()

    def finish(self) -> pl.DataFrame:
        """Close the bin that is open; empty when no event ever came."""
        end = int(self._state[k.BIN_END])
        return self.drain() if end == _NOT_OPEN else self.until(end)

    def _keep(self, full: int) -> None:
        if full:
            self._closed.append(self._out[:full].copy())
            self._closed_bins += full

    def _open(self, events: Events) -> None:
        first, last = int(events.ts_local[0]), int(events.ts_local[-1])
        now = self._state
        if now[k.BIN_END] == _NOT_OPEN:
            now[k.BIN_END] = (first // self.every_ns + 1) * self.every_ns
        taken = max(self._last_ts, int(now[k.BIN_END]) - self.every_ns)
        if first < taken:
            raise DataError(
                f"events begin at ts_local {first}, but up to {taken} all was taken; give each event once, in order"
            )
        if (last - int(now[k.BIN_END])) // self.every_ns > _MAX_BINS:
            raise InputError(
                f"events span {format_duration(last - first)}, more than {_MAX_BINS:,} bins of "
                f"{format_duration(self.every_ns)}; choose longer bins, or look at the times with 'counterpoise check'"
            )
        self._last_ts = last


def _new_state() -> Int1D:
    state = np.zeros(k.STATE_SIZE, np.int64)
    state[k.STATUS + STATE] = state[k.WORST] = state[k.QUOTE_STATE] = BookState.GAPPED
    state[k.BIN_END] = _NOT_OPEN
    state[k.QUOTE_KEY : k.QUOTE_KEY + 2] = NO_KEY
    state[k.TOP_KEY : k.TOP_LOTS] = NO_KEY
    state[k.DIRTY : k.DIRTY + 2] = NO_KEY
    return state


def _to_frame(
    rows: Int2D, instrument: Instrument, bands_bps: tuple[float, ...], *, source: int, mid_before: float
) -> pl.DataFrame:
    """Integers of closed bins to measures with units; null where the quality is not SYNCED."""
    price, qty = instrument.price_grid, instrument.flow_grid
    synced = rows[:, k.QUALITY] == BookState.SYNCED
    priced = synced & (rows[:, k.BID] != NO_KEY) & (rows[:, k.ASK] != NO_KEY) & (source != k.TRADES_ONLY)
    bid, ask = np.where(priced, rows[:, k.BID], 0), np.where(priced, -rows[:, k.ASK], 0)
    mid = _where(priced, price.values(bid + ask, over=2))
    columns: dict[str, AnyArray] = {
        "ts": rows[:, k.END],
        "mid": mid,
        "mid_change": np.diff(mid, prepend=mid_before),
        "spread": _where(priced, price.values(ask - bid)),
        "microprice": _where(priced, _weighted_mid(bid, ask, rows[:, k.BID_DEPTH], rows[:, k.ASK_DEPTH]) * price.size),
    }
    for level in range(k.LEVELS):
        columns[f"depth_imbalance_{level + 1}"] = _imbalance(rows, k.BID_DEPTH + level, k.ASK_DEPTH + level, priced)
    for i, band in enumerate(bands_bps):
        columns[f"depth_imbalance_{band:g}bps"] = _imbalance(rows, k.BANDS + 2 * i, k.BANDS + 2 * i + 1, priced)
    deep = synced & (source == k.DEPTH)
    columns["ofi"] = _where(synced & (source != k.TRADES_ONLY), qty.values(rows[:, k.OFI]))
    for level in range(k.LEVELS):
        columns[f"ofi_{level + 1}"] = _where(deep, qty.values(rows[:, k.OFI + level])) if level else columns["ofi"]
    columns["trade_imbalance"] = _where(synced, qty.values(rows[:, k.BUY] - rows[:, k.SELL]))
    for name, column in (("buy_qty", k.BUY), ("sell_qty", k.SELL), ("cvd", k.CVD)):
        columns[name] = _where(synced, qty.values(rows[:, column]))
    columns["trades"] = rows[:, k.TRADES]
    columns["quality"] = _STATE_NAMES[rows[:, k.QUALITY]]
    return pl.DataFrame(columns, nan_to_null=True, schema_overrides={"quality": pl.String}).with_columns(
        pl.col("ts").cast(pl.Datetime("ns", "UTC")),
        pl.when(pl.col("quality") == BookState.SYNCED.name).then(pl.col("trades")),
    )


def _where(sound: Bool1D, values: Float1D) -> Float1D:
    return np.asarray(np.where(sound, values, np.nan), np.float64)


def _imbalance(rows: Int2D, bid: int, ask: int, sound: Bool1D) -> Float1D:
    """(bid − ask) / (bid + ask) of two columns; null when both are zero."""
    both = rows[:, bid] + rows[:, ask]
    share = np.divide(rows[:, bid] - rows[:, ask], both, out=np.full(len(rows), np.nan), where=sound & (both > 0))
    return np.asarray(share, np.float64)


def _weighted_mid(bid: Int1D, ask: Int1D, bid_lots: Int1D, ask_lots: Int1D) -> Float1D:
    """Best prices weighted by the size on the other side [ticks]."""
    both = np.maximum(bid_lots + ask_lots, 1)
    return np.asarray(bid + (ask - bid) * (bid_lots / both), np.float64)
