"""How long messages travel between us and the venue."""

from __future__ import annotations

from functools import cache
from typing import Protocol

import numpy as np

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration

__all__ = ["ConstantLatency", "Latency", "LognormalLatency", "SampledLatency"]


class Latency(Protocol):
    """Delays of one way each, in ns; `feed_ns` is what the recorded market data took to reach us."""

    @property
    def feed_ns(self) -> int: ...

    def order_delay(self, rng: np.random.Generator) -> int: ...

    def ack_delay(self, rng: np.random.Generator) -> int: ...


@cache  # asked for at every message
def _whole(text: str, *, what: str) -> int:
    """Duration in ns; ``"0"`` is none."""
    try:
        return 0 if text in ("0", "0s", "0ms") else parse_duration(text)
    except InputError as error:
        raise InputError(f"{what}: {error}") from error


class ConstantLatency(Config, frozen=True, kw_only=True):
    """Every message takes the same time.

    Parameters
    ----------
    order, ack, feed : str
        Us to venue, venue's reports to us, market data to us. The recording's ts_local includes the feed's delay already.
    """

    order: str = "20ms"
    ack: str = "20ms"
    feed: str = "20ms"

    def __post_init__(self) -> None:
        for what in ("order", "ack", "feed"):
            _whole(getattr(self, what), what=f"latency {what}")

    @property
    def feed_ns(self) -> int:
        return _whole(self.feed, what="latency feed")

    def order_delay(self, rng: np.random.Generator) -> int:
        return _whole(self.order, what="latency order")

    def ack_delay(self, rng: np.random.Generator) -> int:
        return _whole(self.ack, what="latency ack")


class LognormalLatency(Config, frozen=True, kw_only=True):
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
    feed: str = "20ms"
    sigma: float = 0.5

    def __post_init__(self) -> None:
        for what in ("order", "ack", "feed"):
            _whole(getattr(self, what), what=f"latency {what}")
        if not 0 <= self.sigma <= 3:
            raise InputError(f"latency sigma must lie in [0, 3], found {self.sigma}")

    @property
    def feed_ns(self) -> int:
        return _whole(self.feed, what="latency feed")

    def order_delay(self, rng: np.random.Generator) -> int:
        return round(_whole(self.order, what="latency order") * float(rng.lognormal(0, self.sigma)))

    def ack_delay(self, rng: np.random.Generator) -> int:
        return round(_whole(self.ack, what="latency ack") * float(rng.lognormal(0, self.sigma)))


class SampledLatency(Config, frozen=True, kw_only=True):
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
    feed: str = "20ms"

    def __post_init__(self) -> None:
        _whole(self.feed, what="latency feed")
        for what, sample in (("order_ns", self.order_ns), ("ack_ns", self.ack_ns)):
            if not sample or min(sample) < 0:
                found = f"{min(sample)} ns" if sample else "none"
                raise InputError(f"latency {what}: found {found}; expected measured delays ≥ 0, at least one")

    @property
    def feed_ns(self) -> int:
        return _whole(self.feed, what="latency feed")

    def order_delay(self, rng: np.random.Generator) -> int:
        return self.order_ns[int(rng.integers(len(self.order_ns)))]

    def ack_delay(self, rng: np.random.Generator) -> int:
        return self.ack_ns[int(rng.integers(len(self.ack_ns)))]
