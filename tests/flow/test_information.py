"""Information shares: closed forms, known systems, symmetries, recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.information import GROUPS, InformationShares, information_shares
from counterpoise.flow.impact.fit import Z95
from counterpoise.flow.measures import measure
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import assert_described
from reference.naive_information import naive_two_venues, simulated_prices, two_venue_shares

SEEDS = np.random.SeedSequence(20261124).spawn(20)
LEAST_COVERED = 16  # of 20 intervals at 95 %: fewer happens once in 390 times
ALPHA, SIGMA, RHO = (-0.05, 0.15), (1e-4, 1.5e-4), 0.3
NOISE = np.array([[SIGMA[0] ** 2, RHO * SIGMA[0] * SIGMA[1]], [RHO * SIGMA[0] * SIGMA[1], SIGMA[1] ** 2]])
SHARES = ("share_low", "share_high", "share", "component_share")


def frame(prices: np.ndarray, names: tuple[str, ...] = ("a", "b", "c")) -> pl.DataFrame:
    columns = {name: prices[:, i] for i, name in enumerate(names[: prices.shape[1]])}
    return pl.DataFrame({"ts": np.arange(len(prices)) * SECOND_NS} | columns, nan_to_null=True)


def pair(seed: np.random.SeedSequence, n: int = 5000) -> pl.DataFrame:
    return frame(simulated_prices(np.random.default_rng(seed), n, np.array(ALPHA)[:, None], NOISE))


def shares(prices: pl.DataFrame, *, lags: int | None = 0, draws: int = 0) -> InformationShares:
    return information_shares(prices, rng=np.random.default_rng(1), lags=lags, draws=draws)


@pytest.mark.parametrize("lags", [0, 2])
def test_equals_naive_twin(lags: int) -> None:
    """With unknown prices here and there, which take the rows around them with them."""
    prices = pair(SEEDS[0], 300)
    holes = prices.with_columns(a=pl.when(pl.int_range(pl.len()) % 41 != 7).then("a"), b=pl.when(pl.col("ts") != 0).then("b"))
    found = shares(holes, lags=lags)
    expected = naive_two_venues(holes["a"].to_list(), holes["b"].to_list(), lags)
    for name in SHARES:
        assert found.frame[name].to_list() == pytest.approx(expected[name], rel=1e-6), name
    assert found.n == 300 - 1 - 1 - lags - 8 * (2 + lags)


def test_intervals_cover_the_closed_form() -> None:
    truth = two_venue_shares(ALPHA, SIGMA, RHO)
    assert truth["component_share"] == pytest.approx((0.75, 0.25))
    fits = [shares(pair(seed), draws=100).frame.row(0, named=True) for seed in SEEDS]
    for name in ("share", "component_share"):
        covered = sum(abs(row[name] - truth[name][0]) <= Z95 * row[f"{name}_se"] for row in fits)
        assert covered >= LEAST_COVERED, name
    for name in SHARES:
        assert np.mean([row[name] for row in fits]) == pytest.approx(truth[name][0], abs=0.03)


def test_the_market_that_is_copied_has_all_of_it() -> None:
    """Hasbrouck's two markets: one price walks, the other is its last value and an error of its own."""
    rng = np.random.default_rng(SEEDS[1])
    walk = np.cumsum(rng.normal(0, 1e-4, 8001))
    prices = frame(np.exp(np.column_stack([walk[1:], walk[:-1] + rng.normal(0, 2e-5, 8000)])))
    found = shares(prices, lags=None)
    leader, follower = found.frame.rows(named=True)
    assert leader["share_low"] > 0.98
    assert leader["component_share"] == pytest.approx(1, abs=0.03)
    assert follower["share_high"] < 0.02
    assert found.half_life_steps < 1


def test_lags_are_found_by_bic() -> None:
    """Differences that depend on the last two: BIC takes 2, in nearly every sample."""
    chosen = []
    for seed in SEEDS[:8]:
        rng = np.random.default_rng(seed)
        p, shock = np.zeros((4000, 2)), rng.normal(0, 1e-4, (4000, 2))
        for t in range(3, 4000):
            lagged = 0.2 * (p[t - 1] - p[t - 2])[::-1] + 0.2 * (p[t - 2] - p[t - 3])
            p[t] = p[t - 1] + np.array([-0.1, 0.1]) * (p[t - 1, 0] - p[t - 1, 1]) + lagged + shock[t]
        found = information_shares(frame(np.exp(p)), rng=rng, most_lags=5, draws=0)
        chosen.append(found.lags)
        assert found.bic.index(min(found.bic)) == found.lags
        assert found.residual_autocorrelation < 4.5
    assert chosen.count(2) >= 7


def test_three_venues_add_up_in_any_order() -> None:
    alpha = np.array([[-0.05, -0.02], [0.1, 0.0], [0.02, 0.2]])
    noise = 1e-8 * (0.4 * np.ones((3, 3)) + np.diag([0.6, 1.0, 2.0]))
    prices = frame(simulated_prices(np.random.default_rng(SEEDS[2]), 4000, alpha, noise))
    found = shares(prices, lags=1).frame
    assert found["share"].sum() == pytest.approx(1)
    assert found["component_share"].sum() == pytest.approx(1)
    assert (found["share_low"] <= found["share"]).all()
    assert (found["share"] <= found["share_high"]).all()
    turned = shares(prices.select("ts", "c", "a", "b"), lags=1).frame
    both = found.join(turned, on="venue", suffix="_turned")
    for name in SHARES:
        assert both[name].to_list() == pytest.approx(both[f"{name}_turned"].to_list()), name


def test_units_do_not_matter() -> None:
    """Prices in another currency unit, the grid in another clock: the same shares."""
    prices = pair(SEEDS[3], 1000)
    base = shares(prices).frame
    scaled = shares(prices.with_columns(pl.col("a", "b") * 1000, pl.col("ts") * 7)).frame
    for name in SHARES:
        assert scaled[name].to_list() == pytest.approx(base[name].to_list(), rel=1e-6)


def test_speed_of_adjustment_is_said() -> None:
    """Gaps close by 1 − .2 a step: half-life log ½ / log .8 = 3.1 steps. Prices that do not adjust have none."""
    found = shares(pair(SEEDS[4], 20_000))
    assert found.half_life_steps == pytest.approx(3.106, rel=0.1)
    assert found.adjustment.ravel() == pytest.approx(ALPHA, abs=0.015)
    assert found.residual_correlation == pytest.approx(RHO, abs=0.03)
    assert_described(GROUPS, found.frame)
    apart = frame(np.exp(np.cumsum(np.random.default_rng(SEEDS[5]).normal(0, 1e-4, (3000, 2)), axis=0)))
    assert shares(apart).half_life_steps > 50


def test_a_hole_in_the_grid_is_no_step() -> None:
    prices = pair(SEEDS[6], 400)
    holed = prices.filter((pl.col("ts") < 100 * SECOND_NS) | (pl.col("ts") >= 110 * SECOND_NS))
    assert shares(holed).n == 390 - 1 - 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: f.select("ts", "a"), InputError, "2 to 6 columns"),
        (lambda f: f.drop("ts"), InputError, "give ts"),
        (lambda f: f.with_columns(a=pl.lit(-1.0)), InputError, "must be positive"),
        (lambda f: f.head(1), InputError, "no sample"),
        (lambda f: f.head(20), InputError, "19 grid points"),
        (lambda f: f.with_columns(b=pl.col("a")), NumericalError, "the same"),
        (lambda f: f.with_columns(ts=pl.col("ts") + (pl.col("ts") == 0) * 7), DataError, "even grid"),
        (lambda f: f.reverse(), DataError, "must ascend"),
    ],
)
def test_what_cannot_be_told_is_refused(change: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        shares(change(pair(SEEDS[7], 500)))  # type: ignore[operator]


@pytest.mark.realdata
def test_a_finer_grid_narrows_the_bounds(data_dir: Path) -> None:
    """Two perpetuals, five minutes: by half seconds nothing can be told, by 20 ms much; who leads hangs on the stream."""
    recordings = {name: read_recording(name, data_dir)[0] for name in ("usdm", "coinm")}
    widths, correlations = [], []
    for every in ("500ms", "20ms"):
        mids = [
            measure(events, CAPTURES[name].instrument, bins=Bins.parse(every)).select("ts", pl.col("mid").alias(name))
            for name, events in recordings.items()
        ]
        rng = np.random.default_rng(SEEDS[8])
        found = information_shares(mids[0].join(mids[1], on="ts"), rng=rng, most_lags=6, draws=50)
        widths.append(found.frame["share_high"][0] - found.frame["share_low"][0])
        correlations.append(found.residual_correlation)
        assert found.frame["share_se"].is_between(0.01, 0.3).all()
        assert 0.5 < found.half_life_steps < 100
    assert widths[0] > 0.8
    assert widths[1] < 0.3
    assert correlations[0] > 0.8 > 0.3 > correlations[1]
