"""The ridge regression of moves on signals, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest

from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import InputError
from counterpoise.forecast.move_forecast import MoveForecast, fit_move_forecast

NAMES = ("a", "b", "c")


def samples(seed: int = 0, *, noise: float = 1.0, rows: int = 400) -> list[tuple[Float2D, Float1D]]:
    """Two recordings of moves that are 2a − b and noise; c says nothing."""
    draw, out = np.random.default_rng(seed), []
    for _ in range(2):
        signals = draw.normal(size=(rows, 3)) * [1.0, 5.0, 0.1]
        out.append((signals, signals @ [2.0, -1.0, 0.0] + noise * draw.normal(size=rows)))
    return out


def test_weights_are_those_of_scikit_learn() -> None:
    ridge = pytest.importorskip("sklearn.linear_model").Ridge
    both = samples()
    signals, moves = np.concatenate([s for s, _ in both]), np.concatenate([m for _, m in both])
    scale = signals.std(axis=0)
    for penalty in (0.0, 0.01, 1.0):
        peer = ridge(alpha=penalty * len(moves), fit_intercept=False).fit(signals / scale, moves)
        found = fit_move_forecast(both, horizon="30s", names=NAMES, ridge=penalty)
        assert found.weights == pytest.approx(peer.coef_ / scale, rel=1e-9)


def test_what_is_left_out_tells_the_power() -> None:
    """Of 2a − b with variances 1 and 25 the signals explain 29 of 29 + noise²; without a signal, nothing or less."""
    found = fit_move_forecast(samples(rows=20_000, noise=5.0), horizon="30s", names=NAMES, ridge=0.0)
    assert found.r2 == pytest.approx(29 / 54, abs=0.02)
    draw = np.random.default_rng(1)
    nothing = [(signals, draw.normal(size=len(signals))) for signals, _ in samples()]
    assert fit_move_forecast(nothing, horizon="30s", names=NAMES).r2 < 0.01


def test_rows_that_lack_a_signal_are_left_out() -> None:
    both = samples()
    (signals, moves), other = both
    broken = np.vstack([signals, [[np.nan, 1.0, 1.0]]]), np.append(moves, 1e9)
    found = fit_move_forecast([broken, other], horizon="30s", names=NAMES)
    assert found == fit_move_forecast(both, horizon="30s", names=NAMES)


def test_no_view_where_a_signal_is_missing() -> None:
    forecast = MoveForecast(horizon="30s", names=NAMES, weights=(1.0, 2.0, 3.0))
    assert forecast.bps(np.array([[1.0, 1.0, 1.0], [np.nan, 1.0, 1.0]])).tolist() == [6.0, 0.0]


def test_what_cannot_be_fitted_is_refused() -> None:
    both = samples()
    with pytest.raises(InputError, match="two recordings"):
        fit_move_forecast(both[:1], horizon="30s", names=NAMES)
    with pytest.raises(InputError, match="do not fit"):
        fit_move_forecast(both, horizon="30s", names=("a", "b"))
    with pytest.raises(InputError, match="more than 30"):
        fit_move_forecast([(s[:30], m[:30]) for s, m in both], horizon="30s", names=NAMES)
    with pytest.raises(InputError, match="finite weight"):
        MoveForecast(horizon="30s", names=NAMES, weights=(1.0, 2.0))
