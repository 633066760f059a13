"""Latency models: what they assume, and that the same generator gives the same delays."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS
from counterpoise.sim.latency import ConstantLatency, LognormalLatency


def test_constant_latency_draws_nothing() -> None:
    rng = np.random.default_rng(1)
    before = rng.bit_generator.state
    model = ConstantLatency(order="5ms", ack="7ms", feed="0ms")
    assert [model.order_delay(rng), model.ack_delay(rng), model.feed_ns] == [5 * MS_NS, 7 * MS_NS, 0]
    assert rng.bit_generator.state == before


def test_lognormal_latency_has_its_median_and_spread() -> None:
    """The sample median of the logarithm has standard error σ √(π / 2n); 99.9 % interval."""
    model, rng, n = LognormalLatency(order="20ms", ack="4ms", sigma=0.5), np.random.default_rng(3), 20_000
    for delay, median in ((model.order_delay, 20 * MS_NS), (model.ack_delay, 4 * MS_NS)):
        logs = np.log(np.array([delay(rng) for _ in range(n)]) / median)
        assert abs(np.median(logs)) < 3.29 * 0.5 * np.sqrt(np.pi / 2 / n)
        assert logs.std() == pytest.approx(0.5, rel=3.29 / np.sqrt(2 * n))


def test_same_generator_same_delays() -> None:
    model = LognormalLatency()
    first, second = (
        [model.order_delay(rng) for _ in range(50)] for rng in (np.random.default_rng(9), np.random.default_rng(9))
    )
    assert first == second
    assert len(set(first)) == 50


@pytest.mark.parametrize("model", [ConstantLatency, LognormalLatency])
@pytest.mark.parametrize("wrong", [{"order": "soon"}, {"ack": "-1ms"}, {"feed": ""}])
def test_impossible_delays_are_refused(model: type, wrong: dict[str, str]) -> None:
    with pytest.raises(InputError, match=f"latency {next(iter(wrong))}"):
        model(**wrong)


@pytest.mark.parametrize("sigma", [-0.1, 3.1, float("nan")])
def test_impossible_spread_is_refused(sigma: float) -> None:
    with pytest.raises(InputError, match="sigma"):
        LognormalLatency(sigma=sigma)
