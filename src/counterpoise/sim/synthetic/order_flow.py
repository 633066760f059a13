"""The order flow of one instrument: the arrays of the kernels from its config, and its events in chunks."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import NormalDist
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, UInt2D
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.market.event import FIRST, LAST, SNAPSHOT, Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.kernels import flow_state as at
from counterpoise.sim.kernels.flow_model import advance, rows_of_one_event, schedule
from counterpoise.sim.kernels.random import TABLE_BITS
from counterpoise.sim.kernels.tape import TAPE_COLUMNS, split_tape
from counterpoise.sim.synthetic.efficient import grid_seconds
from counterpoise.sim.synthetic.market_config import MarketConfig, TokenConfig

__all__ = ["CHUNK_ROWS", "OrderFlow", "flow_parameters", "flow_tables"]

CHUNK_ROWS: Final = 1 << 16
_QUANTILES: Final = (np.arange(1 << TABLE_BITS) + 0.5) / (1 << TABLE_BITS)
_FLOOR_GAP: Final = 8
_MARGIN_S: Final = 1e-6  # a time in float seconds is exact to far less than this


class OrderFlow:
    """Book and clock of one instrument, from its opening snapshot on.

    Parameters
    ----------
    config : MarketConfig
    token : TokenConfig
    path : (n,) float64 [ticks]
        Its efficient price, as `efficient_paths` gives it.
    seed : SeedSequence
    chunk_rows : int
        Rows held at a time, about.
    """

    def __init__(
        self,
        config: MarketConfig,
        token: TokenConfig,
        path: Float1D,
        *,
        seed: np.random.SeedSequence,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.instrument: Final[Instrument] = token.instrument(config.venue)
        self._start_ns, self._end_s = config.start_ns, config.duration_ns / SECOND_NS
        self._par, self._tables, self._path = flow_parameters(config, token), flow_tables(config, token), path
        self._rng = _random_state(seed)
        self._ring = np.zeros(1 << (8 * token.reach_ticks - 1).bit_length(), np.int64)
        self._ints, self._reals = self._unopened(token), np.zeros(at.REALS)
        self._tape = np.empty((chunk_rows + rows_of_one_event(token.reach_ticks), TAPE_COLUMNS), np.int64)
        self._warm_up(parse_duration(config.warm_up) / SECOND_NS)
        self._opening: Events | None = self._snapshot()

    @property
    def latest_ns(self) -> int:
        """No row arrives later than this [ns UTC]."""
        return self._start_ns + int(self._end_s * SECOND_NS) + int(self._tables[at.LAG_NS, -1])

    @property
    def book(self) -> tuple[dict[int, int], dict[int, int]]:
        """Lots by price of the bids and of the asks, best first, after the last event made."""
        return self._side(1), self._side(-1)

    def events(self, until_ns: int) -> Iterator[Events]:
        """Chunks of what has not been given yet, at least up to venue time `until_ns`, never past the end."""
        if self._opening is not None:
            opening, self._opening = self._opening, None
            yield opening
        stop_s = min((until_ns - self._start_ns) / SECOND_NS + _MARGIN_S, self._end_s)
        while rows := self._advance(stop_s):
            yield self._columns(rows)

    def _advance(self, stop_s: float) -> int:
        return advance(self._ints, self._reals, self._ring, self._rng, self._par, self._tables, self._path, self._tape, stop_s)

    def _columns(self, rows: int) -> Events:
        events = Events._make(np.empty(rows, column.dtype) for column in Events.empty())
        split_tape(self._tape, rows, *events)
        return events

    def _unopened(self, token: TokenConfig) -> Int1D:
        """State before the warm-up: one floor order a side around the efficient price."""
        ints = np.zeros(at.INTS, np.int64)
        bid = int(self._path[0])
        lots = max(self.instrument.qty_grid.round(token.limit_qty), 1)
        for index, value in (
            (at.BID, bid),
            (at.ASK, bid + 1),
            (at.START_NS, self._start_ns),
            (at.REACH, token.reach_ticks),
            (at.FLOOR_GAP, min(_FLOOR_GAP, token.reach_ticks)),
            (at.FLOOR_LOTS, lots),
        ):
            ints[index] = value
        self._ring[[bid & (len(self._ring) - 1), (bid + 1) & (len(self._ring) - 1)]] = lots
        return ints

    def _warm_up(self, warm_up_s: float) -> None:
        """Live up to t = 0 without a witness, then count messages from zero."""
        self._reals[at.T_LAST] = -warm_up_s
        schedule(self._ints, self._reals, self._rng, self._par, self._path)
        while self._advance(0.0):
            pass
        self._ints[[at.SEQ, at.UPDATE_ID, at.TRADE_ID, at.TS_LOCAL]] = 0

    def _snapshot(self) -> Events:
        """The opening message: every level, bids then asks, best first."""
        sides = [(side, price, lots) for side, levels in zip((1, -1), self.book, strict=True) for price, lots in levels.items()]
        side, price, lots = (np.array(column) for column in zip(*sides, strict=True))
        self._ints[at.SEQ], self._ints[at.UPDATE_ID] = 1, 1
        self._ints[at.TS_LOCAL] = self._start_ns + int(np.median(self._tables[at.LAG_NS]))
        flags = np.zeros(len(sides), np.uint8)
        flags[0] |= FIRST
        flags[-1] |= LAST
        values = self._ints[at.TS_LOCAL], self._start_ns, 0, 1, SNAPSHOT, side, flags, price, lots
        types = (column.dtype for column in Events.empty())
        return Events._make(np.full(len(sides), v, t) for v, t in zip(values, types, strict=True))

    def _side(self, side: int) -> dict[int, int]:
        best = int(self._ints[at.BID if side > 0 else at.ASK])
        prices = best - side * np.arange(self._ints[at.REACH] + 1)
        lots = self._ring[prices & (len(self._ring) - 1)]
        return {int(p): int(q) for p, q in zip(prices, lots, strict=True) if q}


def _random_state(seed: np.random.SeedSequence) -> UInt2D:
    words = seed.generate_state(4 * at.STREAMS, np.uint64)
    return words.reshape(at.STREAMS, 4).astype(np.uint64)


def flow_parameters(config: MarketConfig, token: TokenConfig) -> Float1D:
    """Constants of the kernels (`kernels/flow_state.py`) from a token's config."""
    branching = token.offspring_same_side + token.offspring_other_side
    instrument = token.instrument(config.venue)
    ticks_per_bp = BPS * token.price / instrument.price_grid.size
    par = np.zeros(at.PAR)
    for index, value in (
        (at.MU, 0.5 * token.market_orders_per_s * (1 - branching)),
        (at.SELF, token.offspring_same_side * token.decay_per_s),
        (at.CROSS, token.offspring_other_side * token.decay_per_s),
        (at.BETA, token.decay_per_s),
        (at.LIMIT, token.limit_orders_per_s),
        (at.CANCEL, token.cancels_per_s),
        (at.PULL, token.pulls_per_s),
        (at.REFILL, token.refills_per_s),
        (at.LEAN_TICKS, max(token.lean_bps * ticks_per_bp, 1.0)),
        (at.ALL, token.whole_level_share),
        (at.GRID_S, grid_seconds(config)),
        (at.IMPROVE, token.improve_factor),
        (at.IMPACT, token.impact_bps * ticks_per_bp / np.sqrt(token.market_qty / instrument.qty_grid.size)),
        (at.RELAX, token.impact_decay_per_s),
    ):
        par[index] = value
    return par


def flow_tables(config: MarketConfig, token: TokenConfig) -> Int2D:
    """Distributions of the kernels as equally likely quantiles."""
    grid = token.instrument(config.venue).qty_grid
    tables = np.empty((at.TABLES, len(_QUANTILES)), np.int64)
    tables[at.LIMIT_TICKS] = _distances(token.limit_exponent, token.far_share, reach=token.reach_ticks)
    tables[at.CANCEL_TICKS] = _distances(token.cancel_exponent, token.far_share, reach=token.reach_ticks)
    tables[at.LIMIT_LOTS] = _lognormal(token.limit_qty / grid.size, token.limit_sigma)
    tables[at.MARKET_LOTS] = _lognormal(token.market_qty / grid.size, token.market_sigma)
    tables[at.LAG_NS] = _lognormal(parse_duration(config.feed_latency), config.feed_latency_sigma)
    return tables


def _lognormal(median: float, sigma: float) -> Int1D:
    normal = NormalDist()
    z = np.array([normal.inv_cdf(q) for q in _QUANTILES])
    return np.maximum(np.rint(median * np.exp(sigma * z)), 1).astype(np.int64)


def _distances(exponent: float, far_share: float, *, reach: int) -> Int1D:
    """Quantiles of 1 … reach ticks: power law with a uniform share."""
    ticks = np.arange(1, reach + 1)
    power = ticks.astype(np.float64) ** -exponent
    weight = (1 - far_share) * power / power.sum() + far_share / reach
    return np.searchsorted(np.cumsum(weight) / weight.sum(), _QUANTILES).astype(np.int64) + 1
