"""Predicted against realised: by hand, beside scipy, and intervals that cover on fresh seeds."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import bootstrap, linregress

from counterpoise.balance.tca import Calibration, calibrate
from counterpoise.core.errors import InputError, SchemaError


def drawn(seed: int, *, count: int = 120, days: int = 0, bias: float = 0.0, stretch: float = 1.0) -> pl.DataFrame:
    """Costs that come as foretold, but for a bias and a risk `stretch` times as large; days move together if there are any."""
    rng = np.random.default_rng(seed)
    predicted, sd = rng.uniform(2, 20, count), rng.uniform(1, 5, count)
    day = np.arange(count) % max(days, 1)
    z = rng.normal(size=count) if not days else 0.8 * rng.normal(size=days)[day] + 0.6 * rng.normal(size=count)
    return pl.DataFrame({"day": day, "predicted": predicted, "sd": sd, "realised": predicted + bias + stretch * sd * z})


def row(found: Calibration, name: str) -> dict[str, float]:
    return found.frame.filter(pl.col("statistic") == name).to_dicts()[0]


def test_by_hand() -> None:
    """Errors 1, −1, 3; z 1, −.5, 1.5; realised = predicted + error."""
    costs = pl.DataFrame({"predicted": [1.0, 2.0, 3.0], "sd": [1.0, 2.0, 2.0], "realised": [2.0, 1.0, 6.0]})
    found = calibrate(costs, rng=np.random.default_rng(0))
    value = dict(found.frame.select("statistic", "value").rows())
    assert value == pytest.approx(
        {"bias": 1, "rmse": (11 / 3) ** 0.5, "slope": 2, "intercept": -1, "mean_z": 2 / 3, "sd_z": (13 / 12) ** 0.5,
         "within_68": 1 / 3, "within_95": 1}
    )  # fmt: skip
    assert found.pit["parents"].sum() == found.parents == found.clusters == 3


def test_statistics_agree_with_scipy() -> None:
    costs = drawn(1)
    found = calibrate(costs, rng=np.random.default_rng(0), draws=4000)
    line = linregress(costs["predicted"], costs["realised"])
    assert row(found, "slope")["value"] == pytest.approx(line.slope)
    assert row(found, "intercept")["value"] == pytest.approx(line.intercept)
    peer = bootstrap(
        ((costs["realised"] - costs["predicted"]).to_numpy(),), np.mean, n_resamples=4000, method="percentile",
        rng=np.random.default_rng(1),
    ).confidence_interval  # fmt: skip
    width = peer.high - peer.low
    assert row(found, "bias")["low"] == pytest.approx(peer.low, abs=0.06 * width)
    assert row(found, "bias")["high"] == pytest.approx(peer.high, abs=0.06 * width)


def covers(seed: int, cluster: str | None) -> bool:
    """Whether the 90 % interval of the bias holds 0, its true value, on 25 days that move together."""
    found = calibrate(drawn(seed, days=25), rng=np.random.default_rng(seed), cluster=cluster, confidence=0.9, draws=400)
    return row(found, "bias")["low"] <= 0 <= row(found, "bias")["high"]


def test_intervals_of_clusters_cover() -> None:
    """In 82 to 96 % of 160 seeds; parents taken as independent promise too much."""
    held = np.mean([covers(seed, "day") for seed in range(160)])
    assert 0.82 <= held <= 0.96
    assert np.mean([covers(seed, None) for seed in range(80)]) < held - 0.15


def test_a_wrong_risk_and_a_bias_are_seen() -> None:
    right, bold, low = (
        calibrate(costs, rng=np.random.default_rng(0)) for costs in (drawn(3), drawn(3, stretch=3), drawn(3, bias=4))
    )
    assert right.pit_p_value > 0.01
    assert bold.pit_p_value < 1e-4
    assert row(bold, "sd_z")["low"] > 2
    assert bold.pit["parents"][0] + bold.pit["parents"][9] > 0.4 * 120
    assert row(right, "bias")["low"] < 0 < row(right, "bias")["high"]
    assert row(low, "bias")["low"] > 3


def test_the_same_seed_gives_the_same_interval() -> None:
    one, two = (calibrate(drawn(5), rng=np.random.default_rng(9)).frame for _ in range(2))
    assert one.equals(two)


def test_predictions_all_alike_have_no_slope() -> None:
    found = calibrate(drawn(1).with_columns(predicted=pl.lit(7.3)), rng=np.random.default_rng(0))
    assert (row(found, "slope")["value"], row(found, "intercept")["low"]) == (None, None)


@pytest.mark.parametrize(
    ("costs", "terms"),
    [
        (drawn(1)[:1], {}),
        (drawn(1).clear(), {}),
        (drawn(1), {"cluster": "day"}),
        (drawn(1).with_columns(sd=pl.lit(0.0)), {}),
        (drawn(1).with_columns(realised=pl.lit(float("nan"))), {}),
        (drawn(1).with_columns(realised=pl.lit(None, pl.Float64)), {}),
        (drawn(1), {"confidence": 1.0}),
        (drawn(1), {"draws": 10}),
    ],
)
def test_what_cannot_be_meant_is_refused(costs: pl.DataFrame, terms: dict[str, object]) -> None:
    with pytest.raises(InputError, match=r"calibration needs|expected between 0 and 1"):
        calibrate(costs, rng=np.random.default_rng(0), **terms)  # type: ignore[arg-type]


def test_a_missing_column_is_refused() -> None:
    with pytest.raises(SchemaError, match="costs lack sd"):
        calibrate(drawn(1).drop("sd"), rng=np.random.default_rng(0))
