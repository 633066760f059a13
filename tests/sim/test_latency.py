"""Delays of messages: constants, a lognormal spread, and the same draws from the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS
from counterpoise.sim.latency import ConstantLatency, LognormalLatency


def test_constant_delays() -> None:
    latency = ConstantLatency(order="3ms", ack="250us", feed="0")
    rng = np.random.default_rng(0)
    assert (latency.order_delay(0, rng), latency.ack_delay(0, rng), latency.feed_ns) == (3 * MS_NS, 250_000, 0)
    assert rng.bit_generator.state == np.random.default_rng(0).bit_generator.state  # nothing was drawn


@pytest.mark.parametrize("none", ["0", "0s", "0ms"])
def test_no_delay_may_be_said(none: str) -> None:
    assert ConstantLatency(order=none, ack=none, feed=none).feed_ns == 0


def test_lognormal_has_its_median_and_its_spread() -> None:
    """Of 20,000 draws: median within 1.5 %, standard deviation of the logarithm within 2 % (four standard errors each)."""
    latency = LognormalLatency(order="20ms", ack="5ms", feed="2ms", sigma=0.5)
    rng = np.random.default_rng(4)
    for draw, median_ms in ((latency.order_delay, 20), (latency.ack_delay, 5)):
        log = np.log([draw(0, rng) / MS_NS for _ in range(20_000)])
        assert np.median(log) == pytest.approx(math.log(median_ms), abs=0.018)
        assert log.std() == pytest.approx(0.5, rel=0.02)
        assert np.mean((log - log.mean()) ** 3) / log.std() ** 3 == pytest.approx(0, abs=0.07)
    assert latency.feed_ns == 2 * MS_NS


def test_no_spread_is_constant_and_one_seed_gives_one_sequence() -> None:
    still = LognormalLatency(order="20ms", sigma=0)
    assert still.order_delay(0, np.random.default_rng(1)) == 20 * MS_NS
    wide = LognormalLatency(order="20ms", sigma=2)
    draws = [[wide.order_delay(0, rng) for _ in range(50)] for rng in (np.random.default_rng(7), np.random.default_rng(7))]
    assert draws[0] == draws[1]
    assert min(draws[0]) > 0


@pytest.mark.parametrize("model", [ConstantLatency, LognormalLatency])
@pytest.mark.parametrize("what", ["order", "ack", "feed"])
@pytest.mark.parametrize("bad", ["", "-1ms", "soon", "0.1ns"])
def test_durations_that_are_none_are_refused(model: type, what: str, bad: str) -> None:
    with pytest.raises(InputError, match=f"latency {what}: duration"):
        model(**{what: bad})


@pytest.mark.parametrize("sigma", [-0.1, 3.1, float("nan")])
def test_spread_out_of_bounds_is_refused(sigma: float) -> None:
    with pytest.raises(InputError, match=r"sigma must lie in \[0, 3\]"):
        LognormalLatency(sigma=sigma)
