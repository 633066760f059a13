"""A market cut at equal steps, for environments: books, trades between, and what the order flow says of each step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Float2D, Int1D, Int2D, UInt8_1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import BPS, SECOND_NS, format_duration, format_time
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS, ratio
from counterpoise.flow.measures import measure
from counterpoise.market.book import grow_ladder, new_ladder, require_sound
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE, STATUS_SIZE
from counterpoise.market.quality import BookState
from counterpoise.sim.env.kernels import cut as k

__all__ = ["FEATURES", "LEAST_STEPS", "MarketTape", "StepFeatures", "cut_market", "step_features"]

FEATURES: Final = ("spread_bps", "imbalance", "ofi", "trade_imbalance", "volume", "volatility_bps")
_LEVELS: Final = 100
_MEASURES: Final = (
    "mid",
    "mid_change",
    "spread",
    "depth_imbalance_5",
    "ofi",
    "trade_imbalance",
    "buy_qty",
    "sell_qty",
    "unknown_qty",
)
_MEMORY_STEPS: Final = 60  # of running means and variances
LEAST_STEPS: Final = 10


class MarketTape(NamedTuple):
    """`n` markets of one token over the same `t` steps.

    Attributes
    ----------
    instruments : tuple of Instrument
    first_ns, step_ns : int
        Step k ends at ``first_ns + (k + 1) step_ns``, exclusive.
    ticks, lots : (n, t, 2, levels) int64
        Book at each step's end, bids then asks, best first; no lots where a level is not there.
    offsets : (n, t + 1) int64
        Trades of step k are rows [offsets[k], offsets[k + 1]) of `trades`.
    trades : (m, 3) int64
        Side of the aggressor, ticks, lots.
    features : (t, n × len(FEATURES)) float64
        As of the step's end, NaN-free where `sound`: spread [bps]; depth imbalance of five levels; OFI and trade imbalance over
        their own running standard deviation; volume over its running mean; volatility of the mid [bps/√step].
    noise : (n, t) float64 [coins]
        Running standard deviation of a step's signed trade flow, the noise that a trade of ours hides in.
    sound : (t,) bool
        Every market was SYNCED, with both sides and a known running past, over the whole step.
    """

    instruments: tuple[Instrument, ...]
    first_ns: int
    step_ns: int
    ticks: Int2D
    lots: Int2D
    offsets: Int2D
    trades: Int2D
    features: Float2D
    noise: Float2D
    sound: Bool1D

    @property
    def steps(self) -> int:
        return len(self.sound)

    def starts(self, horizon: int) -> Int1D:
        """Steps from whose end `horizon` whole steps follow, all sound.

        Raises
        ------
        InputError
            If there is none.
        """
        run = np.convolve(self.sound, np.ones(horizon + 1), mode="valid")
        starts = np.flatnonzero(run > horizon)
        if not len(starts):
            raise InputError(
                f"no {horizon} steps of {format_duration(self.step_ns)} in a row are sound, of {self.steps} steps "
                f"{int(self.sound.sum())} are; shorten the horizon or the step, or give a longer recording"
            )
        return starts


def cut_market(
    events: Mapping[str, Events], instruments: Mapping[str, Instrument], *, step_ns: int = SECOND_NS, levels: int = _LEVELS
) -> MarketTape:
    """Cut the events of one token's markets into steps of a grid of time.

    Parameters
    ----------
    events : mapping of str to Events
        By instrument id; the order of the markets.
    instruments : mapping of str to Instrument
    step_ns : int
    levels : int
        Of the book kept at each step, a side.

    Raises
    ------
    InputError
        If there is no market, they are not of one base coin, or an argument is out of its bound.
    DataError
        If the markets share fewer than ten steps.

    Notes
    -----
    A step holds rows with ts_local before its end. Running moments weigh the past by 2^(−age/60 steps) and leave out steps that
    are not sound. Causal. O(rows + steps × levels).
    """
    if not events or not 1 <= levels <= 1000 or step_ns <= 0:
        raise InputError(f"found {len(events)} markets, {levels} levels, a step of {step_ns} ns; expected one or more of each")
    terms = tuple(instruments[name] for name in events)
    if len({instrument.base for instrument in terms}) > 1:
        raise InputError(f"markets of one token expected, found {', '.join(f'{i.id} in {i.base}' for i in terms)}")
    first_ns, steps = _grid(events, step_ns)
    books = [_cut(rows, first_ns=first_ns, step_ns=step_ns, steps=steps, levels=levels) for rows in events.values()]
    measured = [
        _measured(rows, instrument, first_ns=first_ns, step_ns=step_ns, steps=steps)
        for rows, instrument in zip(events.values(), terms, strict=True)
    ]
    before = np.cumsum([0, *(len(book.trades) for book in books)])
    sound = np.logical_and.reduce([book.sound.astype(bool) & m.sound for book, m in zip(books, measured, strict=True)])
    return MarketTape(
        instruments=terms,
        first_ns=first_ns,
        step_ns=step_ns,
        ticks=np.stack([book.ticks for book in books]),
        lots=np.stack([book.lots for book in books]),
        offsets=np.stack([book.offsets + rows for book, rows in zip(books, before[:-1], strict=True)]),
        trades=np.concatenate([book.trades for book in books]),
        features=np.concatenate([m.features for m in measured], axis=1),
        noise=np.stack([m.noise for m in measured]),
        sound=sound,
    )


def _grid(events: Mapping[str, Events], step_ns: int) -> tuple[int, int]:
    """Start and number of the whole steps that all markets cover."""
    if not all(rows.rows for rows in events.values()):
        raise DataError(f"no events of {', '.join(name for name, rows in events.items() if not rows.rows)}")
    first = max(int(rows.ts_local[0]) for rows in events.values())
    last = min(int(rows.ts_local[-1]) for rows in events.values())
    begin = -(-first // step_ns)
    steps = last // step_ns - begin
    if steps < LEAST_STEPS:
        raise DataError(
            f"markets share {max(steps, 0)} steps of {format_duration(step_ns)}, from {format_time(first)} to "
            f"{format_time(last)}; expected {LEAST_STEPS} or more"
        )
    return begin * step_ns, steps


class _Books(NamedTuple):
    ticks: Int2D
    lots: Int2D
    offsets: Int1D
    trades: Int2D
    sound: UInt8_1D


def _cut(events: Events, *, first_ns: int, step_ns: int, steps: int, levels: int) -> _Books:
    require_sound(events, in_order=True)
    book, status = new_ladder(), np.zeros(STATUS_SIZE, np.int64)
    status[STATE] = BookState.GAPPED
    ticks, lots = np.zeros((2, steps, 2, levels), np.int64)
    out = _Books(
        ticks,
        lots,
        np.zeros(steps + 1, np.int64),
        np.zeros((int((events.kind == TRADE).sum()), 3), np.int64),
        np.zeros(steps, np.uint8),
    )
    written, done = np.zeros(k.WRITTEN_SIZE, np.int64), 0
    columns = (events.ts_local, events.kind, events.side, events.flags, events.price_ticks, events.qty_lots)
    while True:
        done = k.cut_rows(
            book, status, written, *columns, done, first_ns, step_ns, out.ticks, out.lots, out.sound, out.offsets, out.trades
        )
        if done == events.rows:
            return out._replace(trades=out.trades[: written[k.TRADES]])
        book = grow_ladder(book)


class StepFeatures(NamedTuple):
    """What `flow` says of each of t steps of one market, on scales that do not depend on the market; see `MarketTape`."""

    features: Float2D
    noise: Float1D
    sound: Bool1D


def _measured(events: Events, instrument: Instrument, *, first_ns: int, step_ns: int, steps: int) -> StepFeatures:
    ends = pl.DataFrame({"ts": first_ns + step_ns * np.arange(1, steps + 1)}).with_columns(pl.col("ts").cast(UTC_NS))
    bins = measure(events, instrument, bins=Bins.parse(format_duration(step_ns)))
    return step_features(ends.join(bins, on="ts", how="left", maintain_order="left"), instrument)


def step_features(frame: pl.DataFrame, instrument: Instrument) -> StepFeatures:
    """Features of steps whose measures (`counterpoise.flow.measures.Measures`) are the rows of a frame; causal."""
    column = {name: frame[name].fill_null(np.nan).to_numpy() for name in _MEASURES}
    coins = float(instrument.multiplier) / column["mid"] if instrument.inverse else 1.0
    signed, volume = column["trade_imbalance"] * coins, (column["buy_qty"] + column["sell_qty"] + column["unknown_qty"]) * coins
    change_bps = column["mid_change"] / column["mid"] / BPS
    noise = _running_deviation(signed)
    features = np.column_stack(
        [
            column["spread"] / column["mid"] / BPS,
            column["depth_imbalance_5"],
            ratio(column["ofi"], _running_deviation(column["ofi"])),
            ratio(signed, noise),
            ratio(volume, _running(volume)),
            _running_deviation(change_bps),
        ]
    )
    sound = (frame["quality"] == BookState.SYNCED.name).fill_null(False).to_numpy() & np.isfinite(features).all(axis=1)
    return StepFeatures(np.where(sound[:, None], features, 0.0), np.where(sound, noise, 0.0), sound)


def _running(values: Float1D) -> Float1D:
    """Mean of the past and this step, weights halving every 60 steps; leaves NaNs out, and is NaN before the tenth number."""
    mean = pl.Series(values).fill_nan(None).ewm_mean(half_life=_MEMORY_STEPS, min_samples=LEAST_STEPS, ignore_nulls=True)
    return np.asarray(mean.fill_null(np.nan).to_numpy(), np.float64)


def _running_deviation(values: Float1D) -> Float1D:
    """Root of the running mean square."""
    return np.sqrt(_running(values * values))
