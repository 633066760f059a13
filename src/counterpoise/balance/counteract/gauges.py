"""What a standing policy looks at: depth of each side against its own norm, adverse markouts, toxicity, volatility."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import exp, inf, isfinite, nan, sqrt
from typing import Any, Final

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.flow.bins import Bins
from counterpoise.flow.impact.toxicity import Toxicity
from counterpoise.flow.live import Live
from counterpoise.flow.measures import Measures
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GAUGES", "Gauges", "GaugesConfig"]

GAUGES: Final = ("adverse_bps", "volatility_bps", "vpin")  # those that a band may be set on


class GaugesConfig(Config, frozen=True, kw_only=True):
    """How the market is measured.

    Parameters
    ----------
    every : str
        Length of a bin.
    depth_bps : float
        Depth of a side is all that rests within so much of the mid.
    norm : str
        Memory of a side's ordinary depth.
    memory : str
        Memory of volatility and markouts.
    markout : str
        How long after a trade the mid is looked at; in whole bins.
    bucket_qty : str
        Volume of a bucket of VPIN [base coins; contracts of an inverse instrument].
    buckets : int
        In the mean.
    warm_up : int
        Bins that must have passed before anything is said.

    Raises
    ------
    ConfigError
        If a number is out of its bound.
    """

    every: str = "1s"
    depth_bps: float = 5.0
    norm: str = "5m"
    memory: str = "30s"
    markout: str = "5s"
    bucket_qty: str = "1"
    buckets: int = 20
    warm_up: int = 20

    def __post_init__(self) -> None:
        every, markout = parse_duration(self.every), parse_duration(self.markout)
        if not 0 < self.depth_bps < inf or self.buckets < 1 or self.warm_up < 1:
            raise ConfigError(
                f"gauges need depth_bps > 0, buckets and warm_up of at least 1; found {self.depth_bps}, {self.buckets}, "
                f"{self.warm_up}"
            )
        if markout < every or markout % every:
            raise ConfigError(f"markout is {self.markout}; expected a whole number of bins of {self.every}")
        if min(parse_duration(self.norm), parse_duration(self.memory)) < every:
            raise ConfigError(f"memories are {self.norm} and {self.memory}; expected at least a bin of {self.every}")


class Gauges:
    """Measures of one instrument as they stand, from events that have arrived.

        norm        N ← N + (1 − e^{−every/norm}) (depth − N)                    thinness = depth / N before this bin
        volatility  σ² = Σ w (change of the mid in a bin)² / Σ w every          [bps² / s]
        markout     M_s = Σ w V_s(b) s (m(b + h) − m(b)) / Σ w V_s(b)             [bps]

    with V_s what aggressors of side s traded in bin b, m(b) the mid at its end, and exponential weights w. A maker whose ask
    is lifted loses M₊; of a bid that is hit, M₋.

    Parameters
    ----------
    instrument : Instrument
    config : GaugesConfig

    Notes
    -----
    Bins are those of `counterpoise.flow.measures.Measures`, toxicity is `counterpoise.flow.impact.toxicity.Toxicity`. Causal: a
    markout enters when its horizon has passed. Own orders are part of the depth and own fills of the trades, as for everyone.
    """

    def __init__(self, instrument: Instrument, config: GaugesConfig) -> None:
        self.config: Final = config
        every = parse_duration(config.every)
        self._every_s: Final = every / SECOND_NS
        self._bins: Final = Measures(instrument, bins=Bins.every(every), bands_bps=(config.depth_bps,), values=())
        self._toxicity: Final = Toxicity(instrument, bucket_qty=config.bucket_qty, buckets=config.buckets)
        self._live: Final = Live({"bins": self._bins, "toxicity": self._toxicity})
        self._keep: Final = exp(-every / parse_duration(config.memory))
        self._keep_norm: Final = exp(-every / parse_duration(config.norm))
        self._lag: Final = parse_duration(config.markout) // every
        self._past: Final[deque[tuple[float, dict[int, float]]]] = deque()  # mid and traded by side of bins not yet marked out
        self._moved, self._traded = {1: 0.0, -1: 0.0}, {1: 0.0, -1: 0.0}
        self._squares = self._weight = 0.0
        self._norm: dict[int, float] = {}
        self.thinness: dict[int, float] = {1: nan, -1: nan}  # depth over its norm: +1 bids, −1 asks
        self.vpin = nan
        self.bins = 0

    @property
    def warm(self) -> bool:
        return self.bins >= self.config.warm_up

    @property
    def volatility_bps(self) -> float:
        """Of the mid [bps/√s]; NaN before the first bin."""
        return sqrt(self._squares / (self._weight * self._every_s)) if self._weight else nan

    def adverse_bps(self, aggressor: int) -> float:
        """What makers lost to aggressors of a side by the markout's horizon, before the spread that they earned [bps]."""
        return self._moved[aggressor] / self._traded[aggressor] if self._traded[aggressor] > 0 else nan

    def values(self) -> dict[str, float]:
        """The measures that bands may be set on; the adverse markout is that of the worse side."""
        sides = [one for one in map(self.adverse_bps, (1, -1)) if isfinite(one)]
        return {"adverse_bps": max(sides, default=nan), "volatility_bps": self.volatility_bps, "vpin": self.vpin}

    def push(self, events: Iterable[Events]) -> None:
        """Take what arrived."""
        for part in events:
            self._live.push(part)
        if self._bins.waiting:
            columns = ("mid", "mid_change", "buy_qty", "sell_qty", *self._depths)
            for row in self._bins.drain().select(columns).iter_rows(named=True):
                self._take(row)
        if self._toxicity.waiting:
            last = self._toxicity.drain()["vpin"][-1]
            self.vpin = nan if last is None else float(last)

    @property
    def _depths(self) -> tuple[str, str]:
        return f"bid_depth_{self.config.depth_bps:g}bps", f"ask_depth_{self.config.depth_bps:g}bps"

    def _take(self, row: dict[str, Any]) -> None:
        """One bin; a bin without a sound book breaks markouts off and leaves the rest as it was."""
        mid = row["mid"]
        if mid is None:
            self._past.clear()
            self.thinness = {1: nan, -1: nan}
            return
        self.bins += 1
        if row["mid_change"] is not None:
            self._squares = self._keep * self._squares + (row["mid_change"] / mid / BPS) ** 2
            self._weight = self._keep * self._weight + 1
        for side, name in zip((1, -1), self._depths, strict=True):
            self._measure_depth(side, row[name])
        self._past.append((mid, {1: row["buy_qty"] or 0.0, -1: row["sell_qty"] or 0.0}))
        if len(self._past) > self._lag:
            before, traded = self._past.popleft()
            for side, qty in traded.items():
                self._moved[side] = self._keep * self._moved[side] + qty * side * (mid - before) / before / BPS
                self._traded[side] = self._keep * self._traded[side] + qty

    def _measure_depth(self, side: int, depth: float | None) -> None:
        if depth is None:
            self.thinness[side] = nan
            return
        norm = self._norm.get(side, depth)
        self.thinness[side] = depth / norm if norm > 0 else nan
        self._norm[side] = norm + (1 - self._keep_norm) * (depth - norm)
