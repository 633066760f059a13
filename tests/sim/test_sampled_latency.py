"""Measured delays drawn again: every one of them, none other, each as often."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from counterpoise.core.config import parse_config
from counterpoise.core.errors import InputError
from counterpoise.sim.latency import SampledLatency


def test_draws_are_the_sample_with_equal_chance() -> None:
    """Pearson's statistic of 6,000 draws over six delays, below its 99.9 % point with five degrees of freedom."""
    model, rng = SampledLatency(order_ns=(1, 2, 3, 5, 8, 13), ack_ns=(7,), feed="2ms"), np.random.default_rng(3)
    counts = Counter(model.order_delay(0, rng) for _ in range(6_000))
    assert set(counts) == set(model.order_ns)
    assert sum((count - 1000) ** 2 / 1000 for count in counts.values()) < 20.5
    assert {model.ack_delay(0, rng) for _ in range(10)} == {7}
    assert model.feed_ns == 2_000_000


def test_same_generator_same_draws() -> None:
    model = parse_config("order_ns = [10, 20, 30, 40]\nack_ns = [0, 1]", SampledLatency)
    first, second = ([model.order_delay(0, rng) for _ in range(50)] for rng in map(np.random.default_rng, (9, 9)))
    assert first == second


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"order_ns": (), "ack_ns": (1,)}, "order_ns"),
        ({"order_ns": (1,), "ack_ns": (5, -1)}, "ack_ns"),
        ({"order_ns": (1,), "ack_ns": (1,), "feed": "soon"}, "feed"),
    ],
)
def test_impossible_samples_are_refused(wrong: dict[str, object], named: str) -> None:
    with pytest.raises(InputError, match=named):
        SampledLatency(**wrong)
