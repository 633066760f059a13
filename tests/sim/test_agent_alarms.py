"""The clock of wakes against a plain search for the earliest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.sim.agents.kernels.alarms import first_alarm, set_alarm, sort_alarms

pytestmark = pytest.mark.nojit
HEAD = 3  # words before the clock


def clock_of(alarms: list[int]) -> tuple[np.ndarray, int]:
    leaves = 1 << max(len(alarms) - 1, 1).bit_length()
    clock = np.full(HEAD + 2 * leaves, 2**62, np.int64)
    clock[HEAD : HEAD + len(alarms)] = alarms
    sort_alarms(clock, HEAD, leaves)
    return clock, leaves


@given(
    st.lists(st.integers(0, 20), min_size=1, max_size=17),
    st.lists(st.tuples(st.integers(0, 16), st.integers(0, 20)), max_size=40),
)
@settings(max_examples=60)
def test_the_first_is_the_earliest_and_of_equals_the_lowest(alarms: list[int], changes: list[tuple[int, int]]) -> None:
    clock, leaves = clock_of(alarms)
    assert first_alarm(clock, HEAD, leaves) == int(np.argmin(alarms))
    for leaf, ts_ns in changes:
        leaf %= len(alarms)
        alarms[leaf] = ts_ns
        set_alarm(clock, HEAD, leaves, leaf, ts_ns)
        assert first_alarm(clock, HEAD, leaves) == int(np.argmin(alarms))
        assert clock[HEAD : HEAD + len(alarms)].tolist() == alarms


def test_nobody_but_one() -> None:
    clock, leaves = clock_of([7])
    assert (first_alarm(clock, HEAD, leaves), leaves) == (0, 2)
