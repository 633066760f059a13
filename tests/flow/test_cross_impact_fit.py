"""The cross-impact fit finds matrices it was given and never gives one a round trip earns on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from counterpoise.core.errors import InputError, NumericalError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.impact.cross_impact_fit import GROUPS, CrossImpactFit, fit_cross_impact
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.flow.measures import measure
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import assert_described

SEEDS = np.random.SeedSequence(20261123).spawn(20)
TRUTH = np.array([[2.0, 0.8, 0.3], [0.8, 1.5, 0.4], [0.3, 0.4, 1.0]])
LEAST_COVERED = 16  # of 20 intervals at 95 %: fewer happens once in 390 times
NAMES = ("a", "b", "c")


def frame(seed: np.random.SeedSequence, matrix: NDArray[np.float64], *, noise: float = 2.0, n: int = 1500) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    k = len(matrix)
    x = rng.normal(size=(n, k)) @ np.linalg.cholesky(0.5 * np.eye(k) + 0.5)
    r = x @ matrix.T + noise * (rng.normal(size=(n, k)) + rng.normal(size=(n, 1)))
    return pl.DataFrame({f"r_{NAMES[i]}": r[:, i] for i in range(k)} | {f"x_{NAMES[i]}": x[:, i] for i in range(k)})


def fitted(table: pl.DataFrame, *, seed: int = 0, names: tuple[str, ...] = NAMES) -> CrossImpactFit:
    return fit_cross_impact(
        table,
        returns={name: f"r_{name}" for name in names},
        flows={name: f"x_{name}" for name in names},
        rng=np.random.default_rng(seed),
        draws=100,
    )


def test_intervals_cover_the_truth() -> None:
    fits = [fitted(frame(seed, TRUTH)) for seed in SEEDS]
    low, high = (np.array([fit.frame[name].to_numpy() for fit in fits]) for name in ("impact_low", "impact_high"))
    covered = ((low <= TRUTH.ravel()) & (TRUTH.ravel() <= high)).sum(axis=0)
    assert covered.min() >= LEAST_COVERED - 1  # the least of nine entries
    assert covered.mean() >= 17.5
    error = np.array([fit.matrix - TRUTH for fit in fits])
    raw = np.array([fit.raw - TRUTH for fit in fits])
    assert (error**2).sum() < (raw**2).sum()  # symmetry, where it holds, is knowledge


def test_raw_is_least_squares() -> None:
    table = frame(SEEDS[0], TRUTH)
    values = table.to_numpy()
    design = np.column_stack([np.ones(len(values)), values[:, 3:]])
    expected = np.linalg.lstsq(design, values[:, :3], rcond=None)[0][1:].T
    fit = fitted(table)
    assert fit.raw == pytest.approx(expected)
    assert fit.frame.filter(moved="b", traded="c")["raw"].item() == pytest.approx(expected[1, 2])
    assert_described(GROUPS, fit.frame)


def test_an_asymmetric_truth_is_projected_and_said() -> None:
    """[[1, 1.8], [.2, 1]]: its symmetric part has the eigenvalues 2 and 0."""
    fit = fitted(frame(SEEDS[1], np.array([[1.0, 1.8], [0.2, 1.0]]), noise=0.1), names=("a", "b"))
    assert fit.asymmetry == pytest.approx(1.6 * 2**0.5 / 4, abs=0.02)
    assert fit.moved > 0.3
    assert np.linalg.eigvalsh(fit.matrix)[0] > -1e-12
    model = fit.impact(propagator=TransientImpact(bps_per_million=99, permanent=0.5, half_lives=("3s",)))
    assert model.matrix == pytest.approx(fit.matrix)
    assert model.propagator.half_lives == ("3s",)
    assert model.instruments == ("a", "b")


def test_one_instrument_is_a_line() -> None:
    fit = fitted(frame(SEEDS[2], np.array([[3.0]])), names=("a",))
    assert fit.matrix == pytest.approx(fit.raw)
    assert fit.impact().permanent_bps_per_million == pytest.approx(fit.raw[0, 0])


def test_what_pushes_the_wrong_way_gives_no_model() -> None:
    with pytest.raises(NumericalError, match="projected matrix is zero"):
        fitted(frame(SEEDS[3], -TRUTH)).impact()


def test_what_cannot_be_fitted_is_refused() -> None:
    table = frame(SEEDS[4], TRUTH)
    with pytest.raises(InputError, match="same instruments in the same order"):
        fit_cross_impact(table, returns={"a": "r_a"}, flows={"b": "x_b"}, rng=np.random.default_rng(0))
    with pytest.raises(InputError, match="lacks r_a"):
        fitted(table.drop("r_a"))
    with pytest.raises(NumericalError, match="rank 3"):
        fitted(table.with_columns(x_b=pl.col("x_a") * 2))
    with pytest.raises(InputError, match="too few for 4"):
        fitted(table.head(4))


@pytest.mark.realdata
def test_perpetual_and_spot(data_dir: Path) -> None:
    """One second of USD-M and spot trades: the perpetual's flow moves both; spot's own, with that held fast, need not."""
    parts = []
    for name in ("usdm", "spot"):
        events, _ = read_recording(name, data_dir)
        bins = measure(events, CAPTURES[name].instrument, bins=Bins.every(SECOND_NS))
        parts.append(
            bins.select(
                "ts",
                (pl.col("mid_change") / pl.col("mid") * 1e4).alias(f"r_{name}"),
                (pl.col("trade_imbalance") * pl.col("mid") / 1e6).alias(f"x_{name}"),
            )
        )
    fit = fitted(parts[0].join(parts[1], on="ts"), names=("usdm", "spot"))
    assert fit.frame.filter(moved="usdm", traded="usdm")["impact_low"].item() > 0
    assert fit.frame.filter(moved="spot", traded="usdm")["impact_low"].item() > 0
    assert fit.n > 250
    assert np.linalg.eigvalsh(fit.impact().matrix)[0] > -1e-9
