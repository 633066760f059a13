"""Leveraged funds: against the slow twin, and the tails that leverage fattens."""

from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from counterpoise.core.errors import ConfigError
from counterpoise.sim.leverage.funds import FundMarket, FundsConfig, fund_market
from reference.naive_funds import naive_funds


@pytest.mark.parametrize("leverage", [1.0, 5.0, 20.0])
def test_prices_equal_naive_twin(leverage: float) -> None:
    config = FundsConfig(most_leverage=leverage, wealth=2e8, aggression=(5.0, 25.0, 50.0), failure=0.95, absence=7)
    found = fund_market(config, np.random.default_rng(4), steps=400)
    prices, failures = naive_funds(config, np.random.default_rng(4).standard_normal(400).tolist())
    assert found.prices == pytest.approx(prices, rel=1e-9)
    assert found.failures == failures
    if leverage == 20.0:
        assert failures


def test_tails_fatten_with_leverage() -> None:
    """Excess kurtosis ≈ 0 / 3 / 6.6 at maximum leverage 1 / 5 / 10; here .19 / 3.8 / 8.3, gaps significant over 20 seeds."""
    seeds = range(20)

    def kurtosis(leverage: float) -> np.ndarray:
        config = FundsConfig(most_leverage=leverage)
        return np.array([fund_market(config, np.random.default_rng(s), steps=50_000).excess_kurtosis() for s in seeds])

    one, five, ten = kurtosis(1.0), kurtosis(5.0), kurtosis(10.0)
    assert abs(one.mean()) < 0.5
    assert 2 < five.mean() < 6 < ten.mean() < 12
    for low, high in ((one, five), (five, ten)):
        gap = high - low  # of the same noise
        assert gap.mean() - 2.093 * gap.std(ddof=1) / math.sqrt(len(gap)) > 0


def test_without_funds_the_price_is_the_noise_traders() -> None:
    config = FundsConfig(aggression=())
    level, expected = 0.0, []
    for noise in np.random.default_rng(1).standard_normal(200):
        level = config.rho * level + config.sigma * noise
        expected.append(math.exp(level))
    assert fund_market(config, np.random.default_rng(1), steps=200).prices == pytest.approx(expected, rel=1e-12)


def test_kurtosis_of_a_still_price_is_nan() -> None:
    assert math.isnan(FundMarket(np.ones(50), 0).excess_kurtosis(skip=0))
    assert math.isnan(FundMarket(np.ones(50), 0).excess_kurtosis())


@pytest.mark.parametrize(
    ("field", "value"),
    [("rho", 1.0), ("sigma", -0.1), ("most_leverage", 0.0), ("wealth", float("nan")), ("aggression", (0.0,))],
)
def test_impossible_parameters_are_refused(field: str, value: object) -> None:
    with pytest.raises(ConfigError, match=f"{field} is"):
        FundsConfig(**{field: value})
    with pytest.raises(ConfigError, match="steps is 0"):
        fund_market(msgspec.structs.replace(FundsConfig()), np.random.default_rng(0), steps=0)
