"""The SVI fit: what it was made from, with errors that mean what they say, and the recorded chains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.options.svi import RawSvi
from counterpoise.options.svi_fit import fit_svi
from reference.deribit_chains import deribit_chains

VOGT = RawSvi(a=-0.0410, b=0.1331, m=0.3586, rho=0.3060, sigma=0.4153)
GRID = np.linspace(-1.5, 1.5, 31)


@settings(max_examples=15)
@given(st.floats(0.05, 0.8), st.floats(-0.8, 0.8), st.floats(0.05, 0.6), st.floats(-0.4, 0.4), st.floats(0.001, 0.1))
def test_a_smile_comes_back(b: float, rho: float, sigma: float, m: float, least: float) -> None:
    smile = RawSvi(a=least - b * sigma * (1 - rho**2) ** 0.5, b=b, rho=rho, m=m, sigma=sigma)
    w = smile.total_variance(GRID)
    assert fit_svi(GRID, w).rmse < 1e-7 * w.max()


def test_vogt_comes_back_in_every_parameter_and_order() -> None:
    order = np.random.default_rng(1).permutation(len(GRID))
    fit = fit_svi(GRID[order], VOGT.total_variance(GRID[order]))
    found = [fit.smile.a, fit.smile.b, fit.smile.m, fit.smile.rho, fit.smile.sigma]
    assert found == pytest.approx([-0.0410, 0.1331, 0.3586, 0.3060, 0.4153], rel=1e-8)
    assert fit.points == 31


def test_errors_are_the_spread_of_repeated_fits() -> None:
    """Sixty fits of one smile under fresh noise: standardised misses have standard deviation 1 (99.9 % interval)."""
    rng = np.random.default_rng(4)
    scores = []
    for _ in range(60):
        fit = fit_svi(GRID, VOGT.total_variance(GRID) + rng.normal(0, 1e-4, len(GRID)))
        scores.append([(getattr(fit.smile, name) - getattr(VOGT, name)) / error for name, error in fit.errors.items()])
    assert np.std(scores, axis=0) == pytest.approx(np.ones(5), abs=3.3 / np.sqrt(2 * 60))


def test_weights_choose_the_points() -> None:
    w = VOGT.total_variance(GRID)
    spoilt = w.copy()
    spoilt[::5] += 0.05
    weights = np.ones_like(w)
    weights[::5] = 0.0
    fit = fit_svi(GRID, spoilt, weights=weights)
    assert fit.rmse < 1e-9
    assert fit.smile.total_variance(GRID) == pytest.approx(w, abs=1e-8)


def test_points_on_a_line_do_not_tell_the_bend() -> None:
    fit = fit_svi(GRID, 0.2 + 0.1 * GRID)
    assert fit.rmse < 1e-4
    assert max(fit.errors.values()) > 1e-2


@pytest.mark.parametrize(
    ("k", "w", "said"),
    [
        (GRID[:5], np.ones(5), "six different strikes with weight, found 5"),
        (np.zeros(9), np.ones(9), "six different strikes with weight, found 1"),
        (GRID, np.ones(30), "expected one"),
        (GRID, np.full(31, np.nan), "finite"),
        (GRID, np.full(31, -1.0), "at least 0"),
    ],
)
def test_points_that_cannot_be_fitted_are_refused(k: np.ndarray, w: np.ndarray, said: str) -> None:
    with pytest.raises(InputError, match=said):
        fit_svi(k, w)


@pytest.mark.realdata
def test_recorded_smiles_are_svi(data_dir: Path) -> None:
    """Expiries beyond three days of the first chain of both coins, out of the money: median rmse below half a vol point."""
    chain = deribit_chains(data_dir, count=1).with_columns(k=(pl.col("strike") / pl.col("underlying_price")).log())
    chain = chain.filter(pl.col("mark_iv") > 0, pl.col("years") > 3 / 365, (pl.col("k") > 0) == (pl.col("right") == "C"))
    misses = []
    for _, smile in chain.group_by("base", "expiry_ns", maintain_order=True):
        k, iv, years = (smile[name].to_numpy() for name in ("k", "mark_iv", "years"))
        fit = fit_svi(k, iv**2 * years)
        misses.append(float(np.sqrt(np.mean((fit.smile.volatility(k, years=years[0]) - iv) ** 2))))
    assert len(misses) >= 8
    assert np.median(misses) < 0.005
