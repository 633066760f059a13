"""The law of whole orders: the exponent it was given is found, and one half is told from another."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import InputError, NumericalError
from counterpoise.flow.impact.fit import Z95
from counterpoise.flow.impact.square_root_fit import GROUPS, fit_square_root
from reference.flow_walk import assert_described

SEEDS = np.random.SeedSequence(20261122).spawn(20)
LEAST_COVERED = 16  # of 20 intervals at 95 %: fewer happens once in 390 times


def orders(seed: np.random.SeedSequence, *, exponent: float = 0.6, noise: float = 0.05, n: int = 800) -> pl.DataFrame:
    """Y = .9; noise grows with size; a third of the impact is gone an hour later."""
    rng = np.random.default_rng(seed)
    share, volume = np.exp(rng.uniform(np.log(1e-4), np.log(0.2), n)), rng.uniform(1e3, 1e4, n)
    volatility, side = rng.uniform(50, 500, n), rng.choice([-1, 1], n)
    law = 0.9 * share**exponent
    error = rng.normal(0, noise, n) * (0.5 + share / 0.1)
    return pl.DataFrame(
        {
            "side": side,
            "qty": share * volume,
            "volume": volume,
            "volatility_bps": volatility,
            "impact_bps": side * volatility * (law + error),
            "hour_bps": side * volatility * (law * 2 / 3 + error + rng.normal(0, noise, n)),
        }
    )


@pytest.mark.parametrize("exponent", [0.5, 0.6])
def test_intervals_cover_the_truth(exponent: float) -> None:
    fits = [fit_square_root(orders(seed, exponent=exponent), after=("hour_bps",)) for seed in SEEDS]
    assert sum(abs(fit.exponent - exponent) <= Z95 * fit.exponent_se for fit in fits) >= LEAST_COVERED
    assert sum(abs(fit.prefactor - 0.9) <= Z95 * fit.prefactor_se for fit in fits) >= LEAST_COVERED
    left = [fit.relaxation.row(0, named=True) for fit in fits]
    assert sum(abs(row["share"] - 2 / 3) <= Z95 * row["share_se"] for row in left) >= LEAST_COVERED
    assert all(fit.exponent_se < 0.1 for fit in fits)
    half = [fit.frame.row(1, named=True) for fit in fits]
    assert (np.mean([row["r2"] for row in half]) < np.mean([fit.r2 for fit in fits]) - 1e-3) == (exponent != 0.5)


def test_without_noise_the_law_comes_back() -> None:
    fit = fit_square_root(orders(SEEDS[0], noise=0.0))
    assert (fit.prefactor, fit.exponent, fit.r2) == pytest.approx((0.9, 0.6, 1.0))
    assert fit.deciles["impact"].to_numpy() == pytest.approx(fit.deciles["fitted"].to_numpy())
    assert fit.deciles["size"].is_sorted()
    assert_described(GROUPS, fit.frame)


def test_half_is_a_line_through_the_origin() -> None:
    table = orders(SEEDS[1])
    x = (table["qty"] / table["volume"]).sqrt().to_numpy()[:, None]
    y = (table["side"] * table["impact_bps"] / table["volatility_bps"]).to_numpy()
    expected = np.linalg.lstsq(x, y, rcond=None)[0][0]
    assert fit_square_root(table).frame["prefactor"][1] == pytest.approx(expected)


def test_impact_is_the_mean_of_the_way_up() -> None:
    """Y σ (Q/V)^δ / (1 + δ): .9 × 200 × .01^.6 / 1.6 bps for a hundredth of the day."""
    model = fit_square_root(orders(SEEDS[2], noise=0.0)).impact(volatility_bps=200)
    cost = model.cost(np.array([0]), np.array([-3.0]), participation=np.array([0.01]))
    assert cost.total_bps == pytest.approx(0.9 * 200 * 0.01**0.6 / 1.6)


def test_mirror_and_units() -> None:
    """Buyers and sellers exchanged, or quantities in other units: the same law."""
    table = orders(SEEDS[3])
    fit = fit_square_root(table)
    turned = fit_square_root(table.with_columns(-pl.col("side"), -pl.col("impact_bps")))
    scaled = fit_square_root(table.with_columns(pl.col("qty", "volume") * 64))
    for other in (turned, scaled):
        assert other.frame.select("prefactor", "exponent", "r2").to_numpy() == pytest.approx(
            fit.frame.select("prefactor", "exponent", "r2").to_numpy(), rel=1e-7
        )


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda t: t.head(19), InputError, "19 orders are too few"),
        (lambda t: t.drop("volume"), InputError, "lacks volume"),
        (lambda t: t.with_columns(qty=pl.lit(0.0)), InputError, "800 orders have a size"),
        (lambda t: t.with_columns(side=pl.lit(0)), InputError, "side that is not"),
        (lambda t: t.with_columns(qty=pl.col("volume") / 100), NumericalError, "sizes that differ"),
    ],
)
def test_what_cannot_be_fitted_is_refused(change: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fit_square_root(change(orders(SEEDS[4])))  # type: ignore[operator]


def test_orders_that_push_the_wrong_way_give_no_model() -> None:
    with pytest.raises(InputError, match="are no impact"):
        fit_square_root(orders(SEEDS[5], noise=0).with_columns(-pl.col("impact_bps"))).impact(volatility_bps=100)
