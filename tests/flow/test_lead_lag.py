"""Lead-lag against the double sum of its definition, on Brownian paths of known correlation and lag, and on recordings."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import InputError, NumericalError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.cross.best_quotes import best_quotes, prices_on_grid
from counterpoise.flow.cross.lead_lag import GROUPS, LeadLag, default_lags, lead_lag, price_changes
from reference.binance_recordings import CAPTURES, read_recording
from reference.naive_lead_lag import Seen, changes_of, correlation

RHO = 0.8
STEP_NS = MS_NS
NEAR = default_lags(100 * MS_NS, 5 * MS_NS)


def table(ts: Any, price: Any) -> pl.DataFrame:
    return pl.DataFrame({"ts_local": ts, "mid": price}, schema={"ts_local": pl.Int64, "mid": pl.Float64}).with_columns(
        pl.col("ts_local").cast(pl.Datetime("ns", "UTC"))
    )


@cache
def paths(
    seed: int, *, steps: int = 100_000, lag: int = 0, rates: tuple[float, float] = (0.02, 0.05)
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Two Brownian motions of correlation RHO, each seen at its own Poisson times; the second follows by `lag` ms."""
    draw = np.random.default_rng([seed, 2026])
    shared, own = draw.normal(size=(2, steps + lag)) * 1e-5
    first = np.cumsum(shared)
    second = np.cumsum(RHO * np.roll(shared, lag) + np.sqrt(1 - RHO**2) * own)
    seen = []
    for path, rate in zip((first, second), rates, strict=True):
        at = np.flatnonzero(draw.random(steps) < rate) + lag
        seen.append(table(at * STEP_NS, np.exp(path[at])))
    return seen[0], seen[1]


def found(first: pl.DataFrame, second: pl.DataFrame, *, seed: int = 1, **more: Any) -> LeadLag:
    return lead_lag(first, second, rng=np.random.default_rng(seed), **more)


def random_prices(draw: np.random.Generator, rows: int) -> Seen:
    ts = np.cumsum(draw.integers(0, 4, rows))
    price = 100 + np.cumsum(draw.integers(-1, 2, rows))
    return [(int(t), None if draw.random() < 0.05 else float(p)) for t, p in zip(ts, price, strict=True)]


@given(seed=st.integers(0, 2**32))
@settings(max_examples=25)
def test_equals_naive_double_sum(seed: int) -> None:
    """Few, coarse times: intervals touch, gaps stand anywhere, several prices share a moment."""
    draw = np.random.default_rng(seed)
    seen = [random_prices(draw, 120) for _ in range(2)]
    tables = [table([t for t, _ in part], [p for _, p in part]) for part in seen]
    x, y = (changes_of(part) for part in seen)
    for ours, theirs in zip(map(price_changes, tables), (x, y), strict=True):
        assert list(zip(ours.start.tolist(), ours.end.tolist(), strict=True)) == [(s, t) for s, t, _ in theirs]
        np.testing.assert_allclose(ours.change, [c for _, _, c in theirs], rtol=1e-9, atol=1e-15)
    lags = list(range(-9, 10))
    frame = found(*tables, lags_ns=lags, blocks=4, resamples=5).frame
    expected = [correlation(x, y, lag) for lag in lags]
    np.testing.assert_allclose(frame["correlation"], expected, rtol=1e-9, atol=1e-12)


def test_unbiased_and_no_epps_effect() -> None:
    """Hayashi-Yoshida at lag 0 is right on average; the last price on a grid of 10 ms sees half of it (Epps)."""
    ours, grids = [], []
    for seed in range(20):
        first, second = paths(seed)
        ours.append(found(first, second, lags_ns=[0], resamples=2).correlation)
        grid = prices_on_grid({"x": first, "y": second}, every_ns=10 * MS_NS).drop_nulls()
        changes = np.diff(np.log(grid.select("x", "y").to_numpy()), axis=0)
        grids.append(float(np.corrcoef(changes.T)[0, 1]))
    error = np.std(ours, ddof=1) / np.sqrt(len(ours))
    assert abs(np.mean(ours) - RHO) < 4 * error < 0.05
    assert np.mean(grids) < 0.45


@pytest.mark.parametrize("lag", [-60, 0, 40])
def test_a_known_lag_lies_within_its_interval(lag: int) -> None:
    """Ten fresh pairs of paths each: 9.5 of 95 % expected, 7 or fewer have a probability of .012."""
    inside, peaks = 0, []
    for seed in range(100, 110):
        pair = paths(seed, steps=60_000, lag=abs(lag))
        pair = pair[::-1] if lag < 0 else pair
        result = found(*pair, seed=seed, lags_ns=default_lags(150 * MS_NS, 2 * MS_NS), resamples=200)
        inside += result.low_ns <= lag * MS_NS <= result.high_ns
        peaks.append(result.lag_ns / MS_NS)
        assert result.low_ns <= result.lag_ns <= result.high_ns
    assert inside >= 8
    assert abs(np.mean(peaks) - lag) < 6


def test_who_leads_is_seen_in_the_ratio() -> None:
    ahead = found(*paths(3, lag=40), lags_ns=default_lags(100 * MS_NS, 5 * MS_NS))
    level = found(*paths(3), lags_ns=default_lags(100 * MS_NS, 5 * MS_NS))
    assert ahead.ratio_low > 1.5
    assert level.ratio_low < 1 < level.ratio_high
    assert ahead.correlation == pytest.approx(RHO, abs=0.1)


def test_named_the_other_way_round_the_lag_changes_its_sign() -> None:
    pair = paths(5, steps=30_000, lag=20)
    lags = default_lags(60 * MS_NS, 5 * MS_NS)
    there, back = found(*pair, lags_ns=lags), found(*pair[::-1], lags_ns=lags)
    np.testing.assert_allclose(back.frame["correlation"].reverse(), there.frame["correlation"], rtol=1e-9, atol=1e-12)
    assert back.lag_ns == -there.lag_ns
    assert back.ratio == pytest.approx(1 / there.ratio)


def test_another_clock_shifts_every_lag_by_what_it_is_off() -> None:
    first, second = paths(6, steps=30_000, lag=20)
    off = 7 * MS_NS + 3
    late = second.with_columns(pl.col("ts_local") + pl.duration(nanoseconds=off))
    lags = default_lags(60 * MS_NS, 5 * MS_NS)
    plain = price_changes(second)
    assert np.array_equal(price_changes(late).end, plain.end + off)
    both = [found(first, one, lags_ns=at, blocks=10) for one, at in ((second, lags), (late, lags + off))]
    assert both[1].lag_ns == both[0].lag_ns + off
    np.testing.assert_allclose(both[1].frame["covariance"], both[0].frame["covariance"], rtol=0.05, atol=1e-7)


def test_prices_times_a_constant_and_rows_that_say_nothing_change_nothing() -> None:
    first, second = paths(7, steps=20_000)
    twice = second.with_columns(pl.col("mid") * 2)
    still = pl.concat([second, second.with_columns(pl.col("ts_local") + pl.duration(nanoseconds=1))]).sort("ts_local")
    plain = found(first, second, lags_ns=NEAR).frame
    assert_frame_equal(found(first, twice, lags_ns=NEAR).frame, plain, rel_tol=1e-9)
    assert_frame_equal(found(first, still, lags_ns=NEAR).frame, plain, check_exact=True)


def test_nothing_spans_a_gap() -> None:
    """The jump from 1 to 9 happens unseen."""
    changes = price_changes(table([0, 1, 2, 3, 4, 5], [1.0, 2.0, None, 9.0, 18.0, 18.0]))
    assert (changes.start.tolist(), changes.end.tolist()) == ([0, 3], [1, 4])
    np.testing.assert_allclose(changes.change, np.log([2, 2]))


def test_same_seed_same_result_and_inputs_untouched() -> None:
    first, second = (part.clone() for part in paths(9, steps=20_000))
    kept = first.clone(), second.clone()
    one, two = (found(first, second, lags_ns=NEAR) for _ in range(2))
    assert one[1:] == two[1:]
    assert_frame_equal(one.frame, two.frame, check_exact=True)
    assert_frame_equal(first, kept[0])
    assert_frame_equal(second, kept[1])
    assert one.ts_local <= max(int(part["ts_local"].dt.epoch("ns")[-1]) for part in kept)
    for name in one.frame.columns:
        assert any(column.covers(name) for column in GROUPS[0].columns), name


def test_what_comes_later_is_not_in_it() -> None:
    first, second = paths(10, steps=20_000)
    now = 12_000 * STEP_NS
    past = [part.filter(pl.col("ts_local").dt.epoch("ns") <= now) for part in (first, second)]
    result = found(*past, lags_ns=NEAR)
    assert result.ts_local <= now
    assert not result.frame.equals(found(first, second, lags_ns=NEAR).frame)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda x, y: found(x, y, lags_ns=[]), InputError, "ascending lags"),
        (lambda x, y: found(x, y, lags_ns=[2, 1]), InputError, "ascending lags"),
        (lambda x, y: found(x, y, blocks=1), InputError, "2 blocks"),
        (lambda x, y: found(x, y, confidence=1.0), InputError, "confidence"),
        (lambda x, y: found(x, y, blocks=20, lags_ns=[60 * SECOND_NS]), InputError, "shorter than the lag"),
        (lambda x, y: found(x, y, price="last"), InputError, "lacks ts_local or last"),
        (lambda x, y: found(x, y.reverse()), InputError, "times that do not go back"),
        (lambda x, y: found(x, y.with_columns(mid=-pl.col("mid"))), InputError, "positive values"),
        (lambda x, y: found(x, y.head(5), lags_ns=NEAR), NumericalError, "take a longer recording"),
        (lambda x, y: found(x, y.clear()), NumericalError, "take a longer recording"),
        (lambda x, y: found(x, y.with_columns(mid=pl.lit(1.0))), NumericalError, "take a longer recording"),
        (lambda *_: default_lags(5, 10), InputError, "positive step"),
    ],
)
def test_bad_input_is_refused(call: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        call(*paths(11, steps=20_000))


def test_draws_in_which_a_price_stood_still_are_left_out() -> None:
    """The second market moves in the first and last of 20 blocks: an eighth of the draws hold neither and say nothing."""
    rng = np.random.default_rng(3)
    ts, walk = np.sort(rng.choice(100_000, 4000, replace=False)) * MS_NS, np.cumsum(rng.normal(size=4000)) * 1e-4

    def table(at: np.ndarray, log: np.ndarray) -> pl.DataFrame:
        frame = pl.DataFrame({"ts_local": 10**15 + at, "mid": 100 * np.exp(log)}, nan_to_null=True)
        return frame.with_columns(pl.col("ts_local").cast(pl.Datetime("ns", "UTC")))

    early, late = ts < 4 * SECOND_NS, ts > 96 * SECOND_NS
    joined = np.concatenate([walk[early], [np.nan], walk[late]])  # no change leads over the hole
    busy = np.concatenate([ts[early], [50 * SECOND_NS], ts[late]]) + 100 * MS_NS
    found = lead_lag(table(ts, walk), table(busy, joined), rng=rng)
    assert 20 < found.empty_draws < 80
    assert (found.low_ns, found.lag_ns, found.high_ns) == (100 * MS_NS,) * 3
    once = table(np.append(ts[early], 101 * SECOND_NS), np.append(walk[early], 0.1))  # its last change ends beyond the first's
    with pytest.raises(NumericalError, match="stood still in"):
        lead_lag(table(ts, walk), once, rng=rng)


@pytest.mark.realdata
def test_the_perpetual_leads_spot_on_binance(data_dir: Path) -> None:
    """Six minutes of best quotes: the linear perpetual moves first, by a tenth of a second."""
    mids = {
        name: best_quotes(read_recording(name, data_dir)[0], CAPTURES[name].instrument, source="ticker") for name in CAPTURES
    }
    for follower in ("spot", "coinm"):
        result = found(mids["usdm"], mids[follower])
        assert 0 < result.low_ns <= result.lag_ns <= result.high_ns <= 250 * MS_NS
        assert result.ratio_low > 1
        assert result.correlation > 0.5
