"""TWAP: exact sums, even slices, and which slice a time is in."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.schedule.twap import twap
from counterpoise.core.errors import InputError

SPANS = st.tuples(st.integers(-(10**18), 10**18), st.integers(1, 10**12), st.integers(1, 500), st.floats(0, 0.999))


@given(st.integers(1, 10**15), SPANS)
def test_sum_is_exact_and_slices_are_even(qty_lots: int, span: tuple[int, int, int, float]) -> None:
    start_ns, slice_ns, count, beyond = span
    end_ns = start_ns + slice_ns * count + int(slice_ns * beyond)
    schedule = twap(qty_lots, start_ns=start_ns, end_ns=end_ns, slice_ns=slice_ns)
    assert len(schedule.cumulative_lots) == count
    assert schedule.cumulative_lots[-1] == qty_lots
    slices = np.diff(schedule.cumulative_lots, prepend=0).tolist()
    assert all(abs(lots - Fraction(qty_lots, count)) < 1 for lots in slices)
    assert all(
        abs(done - Fraction(qty_lots * (j + 1), count)) <= Fraction(1, 2)
        for j, done in enumerate(schedule.cumulative_lots.tolist())
    )
    assert (schedule.start_ns[0], schedule.end_ns[-1]) == (start_ns, end_ns)
    assert (schedule.start_ns[1:] == schedule.end_ns[:-1]).all()
    assert (schedule.end_ns[:-1] - schedule.start_ns[:-1] == slice_ns).all()


@given(SPANS, st.floats(-0.5, 1.5))
def test_a_time_is_in_the_slice_that_holds_it(span: tuple[int, int, int, float], where: float) -> None:
    start_ns, slice_ns, count, beyond = span
    end_ns = start_ns + slice_ns * count + int(slice_ns * beyond)
    schedule = twap(10, start_ns=start_ns, end_ns=end_ns, slice_ns=slice_ns)
    ts_ns = start_ns + int((end_ns - start_ns) * where)
    found = schedule.slice_at(ts_ns)
    if found == -1:
        assert ts_ns < start_ns
    elif found == count:
        assert ts_ns >= end_ns
    else:
        assert schedule.start_ns[found] <= ts_ns < schedule.end_ns[found]


def test_edges_belong_to_the_later_slice() -> None:
    schedule = twap(10, start_ns=0, end_ns=30, slice_ns=10)
    assert [schedule.slice_at(ts) for ts in (-1, 0, 9, 10, 29, 30)] == [-1, 0, 0, 1, 2, 3]


@pytest.mark.parametrize(
    ("qty_lots", "end_ns", "slice_ns"), [(0, 30, 10), (-5, 30, 10), (10, 9, 10), (10, 30, 0), (10, 30, -1)]
)
def test_what_cannot_be_sliced_is_refused(qty_lots: int, end_ns: int, slice_ns: int) -> None:
    with pytest.raises(InputError, match="positive quantity and at least one slice"):
        twap(qty_lots, start_ns=0, end_ns=end_ns, slice_ns=slice_ns)
