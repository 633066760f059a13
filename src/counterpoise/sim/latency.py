"""How long messages travel between us and the venue: models by name."""

from __future__ import annotations

from functools import cache
from typing import Protocol

import numpy as np

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration

__all__ = ["ConstantLatency", "Latency", "LognormalLatency", "SampledLatency", "whole_ns"]


class Latency(Protocol):
    """Delays of one way each [ns], at times on the axis of what we see: ts_local of the market data."""

    def order_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        """A request of ours sent then, to the venue."""
        ...

    def ack_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        """A report of the venue on an instant whose market data we see then, to us."""
        ...

    def feed_delay(self, ts_ns: int) -> int:
        """Market data that reach us then; the recording's ts_local has this in it already."""
        ...


class _SteadyFeed(Config, frozen=True, kw_only=True):
    """Models whose feed delay is one number: that of the recording, which is in its ts_local already."""

    feed: str = "20ms"

    @property
    def feed_ns(self) -> int:
        return whole_ns(self.feed, what="latency feed")

    def feed_delay(self, ts_ns: int) -> int:
        return self.feed_ns


@cache  # asked for at every message
def whole_ns(text: str, *, what: str) -> int:
    """Duration in ns; ``"0"`` is none."""
    try:
        return 0 if text in ("0", "0s", "0ms") else parse_duration(text)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


class ConstantLatency(_SteadyFeed, frozen=True, kw_only=True, tag_field="model", tag="constant"):
    """Every message takes the same time.

    Parameters
    ----------
    order, ack, feed : str
        Us to venue, venue's reports to us, market data to us. The recording's ts_local includes the feed's delay already.
    """

    order: str = "20ms"
    ack: str = "20ms"

    def __post_init__(self) -> None:
        for what in ("order", "ack", "feed"):
            whole_ns(getattr(self, what), what=f"latency {what}")

    def order_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        return whole_ns(self.order, what="latency order")

    def ack_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        return whole_ns(self.ack, what="latency ack")


class LognormalLatency(_SteadyFeed, frozen=True, kw_only=True, tag_field="model", tag="lognormal"):
    """A median and a spread: the logarithm of each delay is normal. Draws are independent; bursts of delay are not modelled.

    Parameters
    ----------
    order, ack, feed : str
        Medians, as in `ConstantLatency`; the feed's stays constant, being in the recording.
    sigma : float
        Standard deviation of the logarithm, in [0, 3].
    """

    order: str = "20ms"
    ack: str = "20ms"
    sigma: float = 0.5

    def __post_init__(self) -> None:
        for what in ("order", "ack", "feed"):
            whole_ns(getattr(self, what), what=f"latency {what}")
        if not 0 <= self.sigma <= 3:
            raise InputError(f"latency sigma must lie in [0, 3], found {self.sigma}")

    def order_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        return round(whole_ns(self.order, what="latency order") * float(rng.lognormal(0, self.sigma)))

    def ack_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        return round(whole_ns(self.ack, what="latency ack") * float(rng.lognormal(0, self.sigma)))


class SampledLatency(_SteadyFeed, frozen=True, kw_only=True, tag_field="model", tag="sampled"):
    """Delays that were measured, drawn again with equal chance. Draws are independent; bursts of delay are not modelled.

    Parameters
    ----------
    order_ns, ack_ns : tuple of int
        Measured delays [ns], at least one each, none negative: two clocks that disagree have to be set right first.
    feed : str
        As in `ConstantLatency`; constant, being in the recording.
    """

    order_ns: tuple[int, ...]
    ack_ns: tuple[int, ...]

    def __post_init__(self) -> None:
        whole_ns(self.feed, what="latency feed")
        for what, sample in (("order_ns", self.order_ns), ("ack_ns", self.ack_ns)):
            if not sample or min(sample) < 0:
                found = f"{min(sample)} ns" if sample else "none"
                raise InputError(f"latency {what}: found {found}; expected measured delays ≥ 0, at least one")

    def order_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        return self.order_ns[int(rng.integers(len(self.order_ns)))]

    def ack_delay(self, ts_ns: int, rng: np.random.Generator) -> int:
        return self.ack_ns[int(rng.integers(len(self.ack_ns)))]
