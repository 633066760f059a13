"""Slopes of mid changes on order flow: against plain NumPy, known truths and recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import InputError, NumericalError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.impact.fit import Z95, block_starts, draw_blocks, least_squares
from counterpoise.flow.impact.impact_fit import GROUPS, fit_depth_relation, fit_ofi_impact
from counterpoise.flow.measures import measure
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import assert_described

SEEDS = np.random.SeedSequence(20261120).spawn(20)
LEAST_COVERED = 16  # of 20 intervals at 95 %: fewer happens once in 390 times


def bins(seed: np.random.SeedSequence, *, slope: float = 0.5, n: int = 400) -> pl.DataFrame:
    """Flow and noise both autocorrelated, so that White's errors would be too small."""
    rng = np.random.default_rng(seed)
    noise, flow = np.zeros(n), np.zeros(n)
    for t in range(1, n):
        noise[t] = 0.4 * noise[t - 1] + rng.normal()
        flow[t] = 0.4 * flow[t - 1] + rng.normal()
    ends = (np.arange(n) + 1) * SECOND_NS
    frame = pl.DataFrame({"ts": ends, "mid": 100.0 + np.arange(n) % 3, "mid_change": slope * flow + noise, "ofi": flow})
    return frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")), mean_best_depth=pl.lit(3.0))


def naive_newey_west(y: np.ndarray, x: np.ndarray, lags: int) -> np.ndarray:
    """Every pair of observations at most `lags` apart, one by one."""
    design = np.column_stack([np.ones(len(y)), x])
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    meat = np.zeros((2, 2))
    for t in range(len(y)):
        for s in range(max(0, t - lags), min(len(y), t + lags + 1)):
            meat += (1 - abs(t - s) / (lags + 1)) * left[t] * left[s] * np.outer(design[t], design[s])
    bread = np.linalg.inv(design.T @ design)
    return np.asarray(np.sqrt(np.diag(len(y) / (len(y) - 2) * bread @ meat @ bread)))


@pytest.mark.parametrize("lags", [0, 1, 5])
def test_newey_west_equals_naive_twin(lags: int) -> None:
    frame = bins(SEEDS[0], n=60)
    y, x = frame["mid_change"].to_numpy(), frame["ofi"].to_numpy()
    fit = least_squares(y, x, lags=lags)
    assert fit.errors == pytest.approx(naive_newey_west(y, x, lags))
    assert fit.coefficients == pytest.approx(np.polyfit(x, y, 1)[::-1])
    assert fit.r2 == pytest.approx(np.corrcoef(y, x)[0, 1] ** 2)


def test_slope_intervals_cover_the_truth() -> None:
    fits = [fit_ofi_impact(bins(seed)) for seed in SEEDS]
    covered = sum(abs(fit.slope - 0.5) <= Z95 * fit.slope_se for fit in fits)
    assert covered >= LEAST_COVERED
    assert all(fit.slope_se < 0.1 for fit in fits)


def test_windows_end_with_their_bins() -> None:
    """100 bins of a second that end at 1 … 100 s: windows of 50 s hold 50 each, the bin that ends at 50 s in the first."""
    fit = fit_ofi_impact(bins(SEEDS[1], n=100), window="50s", depth="mean_best_depth")
    assert fit.frame["n"].to_list() == [50, 50]
    assert fit.frame["ts"].dt.epoch("s").to_list() == [50, 100]
    assert fit.frame["depth"].to_list() == [3.0, 3.0]
    assert fit.slope == pytest.approx(fit.frame["slope"].mean())
    assert fit.n == 100
    assert_described(GROUPS[:1], fit.frame)
    assert fit.to_html().startswith("<")


def test_nulls_are_left_out() -> None:
    frame = bins(SEEDS[2])
    holes = frame.with_columns(pl.when(pl.int_range(pl.len()) % 5 > 0).then(pl.col("mid_change")))
    assert fit_ofi_impact(holes).n == 320


def test_impact_of_a_slope_by_hand() -> None:
    """0.05 a coin at a mid of 101 is 0.05/101 of 1e4 bps; a million is 1e6/101 coins. An inverse unit is worth 100."""
    frame = bins(SEEDS[3]).with_columns(mid_change=pl.col("ofi") * 0.05, mid=pl.lit(101.0))
    fit = fit_ofi_impact(frame)
    assert fit.impact().propagator.bps_per_million == pytest.approx(0.05 / 101 * 1e4 * 1e6 / 101)
    assert fit.impact(contract_value=100).matrix[0, 0] == pytest.approx(0.05 / 101 * 1e4 * 1e4)
    assert fit.impact(permanent=0.4).permanent_bps_per_million == pytest.approx(0.4 * 0.05 / 101**2 * 1e10)
    with pytest.raises(InputError, match="push the price down"):
        fit_ofi_impact(frame.with_columns(-pl.col("mid_change"))).impact()


def test_depth_relation_finds_what_was_published() -> None:
    """c = .45, λ = .98 (Cont, Kukanov, Stoikov), with 10 % noise: 95 % intervals, fresh seeds."""
    covered = []
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        depth = np.exp(rng.normal(3, 0.8, 60))
        slope = 0.1 * 0.45 / depth**0.98 * np.exp(rng.normal(0, 0.1, 60))
        fit = fit_depth_relation(pl.DataFrame({"slope": slope, "depth": depth}), tick=0.1)
        low, high = fit.frame["low"], fit.frame["high"]
        covered.append((low[0] <= 0.45 <= high[0], low[1] <= 0.98 <= high[1]))
        assert fit.slope(20.0) == pytest.approx(0.045 / 20**0.98, rel=0.1)
    assert np.min(np.sum(covered, axis=0)) >= LEAST_COVERED - 1  # 60 windows: Newey-West errors run a little small
    assert fit.impact(depth=20, mid=100).matrix[0, 0] == pytest.approx(fit.slope(20) / 100 * 1e4 * 1e4)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: f.drop("ofi"), InputError, "lacks ofi"),
        (lambda f: f.drop("ts"), InputError, "lacks ts"),
        (lambda f: f.head(19), InputError, "no window has 20 bins"),
        (lambda f: f.clear(), InputError, "of 0 in all"),
        (lambda f: f.with_columns(ofi=pl.lit(1.0)), NumericalError, "rank 1"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fit_ofi_impact(change(bins(SEEDS[4])))  # type: ignore[operator]


def test_least_squares_refuses() -> None:
    y = np.arange(5.0)
    with pytest.raises(InputError, match="too few for 2"):
        least_squares(y[:2], y[:2])
    with pytest.raises(InputError, match="within 0 and 4, found 5"):
        least_squares(y, y**2, lags=5)
    with pytest.raises(InputError, match="needs 4"):
        fit_depth_relation(pl.DataFrame({"slope": [1.0, 2, -3, 4], "depth": [1.0, 2, 3, 4]}), tick=1)
    with pytest.raises(InputError, match="fewer than 10 blocks"):
        block_starts(99, block=10)


def test_blocks_are_drawn_as_often_as_there_are_blocks() -> None:
    taken = draw_blocks(12, draws=500, rng=np.random.default_rng(SEEDS[5]))
    assert (taken.sum(axis=1) == 12).all()
    assert taken.mean(axis=0) == pytest.approx(np.ones(12), abs=0.25)
    assert block_starts(35, block=3).tolist() == list(range(0, 33, 3))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_is_no_number_is_refused(bad: float) -> None:
    frame = bins(np.random.SeedSequence(1)).with_columns(ofi=pl.when(pl.int_range(pl.len()) == 7).then(bad).otherwise("ofi"))
    with pytest.raises(InputError, match=f"flow is {bad} in row 7"):
        fit_ofi_impact(frame)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "r2"), [("usdm", 0.42), ("coinm", 0.41), ("spot", 0.20)])
def test_recordings(name: str, r2: float, data_dir: Path) -> None:
    """R² per second as another script found it; buying pushes up, and the slope lies ten errors from zero on USD-M."""
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    fit = fit_ofi_impact(measure(events, instrument, bins=Bins.every(SECOND_NS)))
    assert fit.r2 == pytest.approx(r2, abs=0.02)
    assert fit.slope > (4 if name == "spot" else 7) * fit.slope_se
    impact = fit.impact(contract_value=100.0 if instrument.inverse else None)
    assert 0.01 < impact.propagator.bps_per_million < 100
