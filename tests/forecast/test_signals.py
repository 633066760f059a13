"""Signals of markets: beside a plain loop, causal, and blind to the names of markets and groups."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.core.arrays import Float2D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.forecast.signals import MarketSignals

GROUPS = [0, 0, 1, 1, 1]


def quotes(count: int = 40, seed: int = 1) -> tuple[Int1D, Float2D, Float2D, Float2D, Float2D]:
    """Times without a clock, bids that walk, asks above them, sizes."""
    draw = np.random.default_rng(seed)
    times = np.cumsum(draw.integers(1, 5 * SECOND_NS, count))
    bid = 100 + np.cumsum(draw.normal(0, 0.05, (count, len(GROUPS))), axis=0)
    sizes = draw.integers(1, 50, (2, count, len(GROUPS))).astype(float)
    return times, bid, bid + 0.1, sizes[0], sizes[1]


def pushed(groups: list[int], times: Int1D, *columns: Float2D) -> Float2D:
    signals = MarketSignals(groups)
    return np.array(
        [signals.push(int(ts), bid=b, ask=a, bid_lots=n, ask_lots=m) for ts, b, a, n, m in zip(times, *columns, strict=True)]
    )


def one_by_one(groups: list[int], times: Int1D, bid: Float2D, ask: Float2D, n: Float2D, m: Float2D) -> Float2D:
    """The same by a loop over markets, averages and times, with dictionaries."""
    averages: dict[tuple[str, int, float], float] = {}
    rows = []
    for row, ts in enumerate(times):
        mid = {i: float(np.log((bid[row, i] + ask[row, i]) / 2)) * 1e4 for i in range(len(groups))}
        mean = {g: sum(mid[i] for i in mid if groups[i] == g) / groups.count(g) for g in set(groups)}
        whole = sum(mean.values()) / len(mean)
        passed = float(ts - times[row - 1]) / 1e9 if row else 0.0

        def away(name: str, who: int, value: float, memory: float, passed: float = passed, row: int = row) -> float:
            key = name, who, memory
            before = averages.get(key, value)
            averages[key] = value if not row else before + (1 - np.exp(-passed / memory)) * (value - before)
            return value - averages[key]

        out = []
        for i, group in enumerate(groups):
            line = [away("basis", i, mid[i] - mean[group], 900.0)]
            for memory in (5.0, 20.0, 60.0, 240.0):
                line += [
                    away(f"group{i}", group, mean[group], memory),
                    away(f"all{i}", 0, whole, memory),
                    away("own", i, mid[i], memory),
                ]
            out.append([*line, (n[row, i] - m[row, i]) / (n[row, i] + m[row, i])])
        rows.append(out)
    return np.array(rows)


def test_signals_are_those_of_the_naive_loop() -> None:
    assert pushed(GROUPS, *quotes()) == pytest.approx(one_by_one(GROUPS, *quotes()), abs=1e-7)


def test_nothing_looks_ahead() -> None:
    times, *columns = quotes()
    changed = [column.copy() for column in columns]
    for column in changed:
        column[-1] *= 1.3
    assert np.array_equal(pushed(GROUPS, times, *columns)[:-1], pushed(GROUPS, times, *changed)[:-1])


def test_markets_in_another_order_have_the_same_signals() -> None:
    times, *columns = quotes()
    order = np.array([4, 2, 0, 3, 1])
    moved = pushed([1 - GROUPS[i] for i in order], times, *(column[:, order] for column in columns))
    assert moved == pytest.approx(pushed(GROUPS, times, *columns)[:, order], abs=1e-7)


def test_a_price_unit_changes_nothing() -> None:
    times, bid, ask, n, m = quotes()
    assert pushed(GROUPS, times, 7 * bid, 7 * ask, n, m) == pytest.approx(pushed(GROUPS, times, bid, ask, n, m), abs=1e-7)


def test_an_empty_side_silences_a_market_and_no_other() -> None:
    times, bid, ask, n, m = quotes()
    bid[20, 1] = 0
    rows = pushed(GROUPS, times, bid, ask, n, m)
    assert np.isnan(rows[20, 1]).all()
    assert np.isfinite(np.delete(rows[20], 1, axis=0)).all()
    assert np.isfinite(rows[21]).all()
    bid[0, 1] = 0
    assert np.isnan(pushed(GROUPS, times[:1], bid[:1], ask[:1], n[:1], m[:1])).all()


def test_an_empty_book_has_no_imbalance() -> None:
    times, bid, ask, n, m = quotes(1)
    assert (pushed(GROUPS, times, bid, ask, 0 * n, 0 * m)[0, :, -1] == 0).all()


def test_time_does_not_go_back() -> None:
    signals = MarketSignals([0])
    one = np.ones(1)
    signals.push(10, bid=one, ask=2 * one, bid_lots=one, ask_lots=one)
    with pytest.raises(InputError, match="push in order of time"):
        signals.push(9, bid=one, ask=2 * one, bid_lots=one, ask_lots=one)


@pytest.mark.parametrize("groups", [[], [1], [0, 2]])
def test_groups_are_numbered_without_gaps(groups: list[int]) -> None:
    with pytest.raises(InputError, match="without a gap"):
        MarketSignals(groups)


@pytest.mark.parametrize("memory", [0.0, -1.0, float("inf"), float("nan")])
def test_memories_are_positive_and_finite(memory: float) -> None:
    with pytest.raises(InputError, match="positive and finite"):
        MarketSignals([0], memories_s=(memory,))


def test_names_are_those_of_the_columns() -> None:
    signals = MarketSignals([0], memories_s=(5.0,))
    assert signals.names == ("basis", "group_5s", "all_5s", "own_5s", "imbalance")
