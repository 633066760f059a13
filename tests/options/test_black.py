"""Option values and greeks against published numbers, the definition in many decimals, and recorded chains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from counterpoise.core.errors import InputError
from counterpoise.options.black import black76, black76_greeks, black_scholes_greeks, coin_greeks, deribit_greeks
from counterpoise.options.kernels.black import normalised
from reference import naive_black
from reference.deribit_chains import deribit_chains

DOMAIN = st.tuples(
    st.floats(1.0, 1e6), st.floats(-2.0, 2.0), st.floats(0.001, 5.0), st.floats(0.02, 3.0), st.sampled_from("CP")
)  # forward, ln K/F, years, volatility, right


@pytest.mark.parametrize(
    ("terms", "price"),
    [
        ((100.0, 100.0, 1.0, 0.2, "C"), 7.9655674554057962931),
        ((100.0, 110.0, 0.5, 0.8, "C"), 18.705852673578887953),
        ((100.0, 90.0, 0.25, 0.6, "P"), 7.0128799018497126026),
    ],
)
def test_black76_to_the_last_digit(terms: tuple[float, float, float, float, str], price: float) -> None:
    assert float(black76(*terms)) == pytest.approx(price, rel=4e-16)


@pytest.mark.parametrize("x", [0.0, -1e-9, -1e-3, -0.1, -0.7, -3.0])
@pytest.mark.parametrize("h", [0.0, -0.3, -1.9, -2.1, -6.0, -15.0])
def test_naive_twin_of_the_normalised_value(x: float, h: float) -> None:
    """Every branch: series with both recurrences, Mills ratios, plain; `b` of small s has no digit left if subtracted."""
    s = x / h if x * h > 0 else 0.7
    if x / s > -18 and s < 30:
        assert normalised(x, s) == pytest.approx(naive_black.normalised(x, s), rel=2e-14)


@pytest.mark.parametrize("s", [1e-7, 1e-3, 0.399, 0.401, 2.0, 12.0])
def test_naive_twin_at_the_money(s: float) -> None:
    assert normalised(0.0, s) == pytest.approx(naive_black.normalised(0.0, s), rel=5e-16)


def test_naive_prices_with_many_decimals() -> None:
    rng = np.random.default_rng(3)
    for _ in range(12):
        forward, years, sigma = rng.uniform(1, 1e5), rng.uniform(0.01, 3), rng.uniform(0.05, 2)
        strike, right = forward * np.exp(rng.normal() * sigma * years**0.5), rng.choice(["C", "P"])
        expected = naive_black.price(forward, strike, years, sigma, 1 if right == "C" else -1)
        assert float(black76(forward, strike, years, sigma, right)) == pytest.approx(expected, rel=2e-14)


def test_a_price_near_the_smallest_double_keeps_its_digits() -> None:
    assert float(black76(100.0, 1000.0, 0.25, 0.22, "C")) == pytest.approx(
        naive_black.price(100.0, 1000.0, 0.25, 0.22, 1), rel=1e-12
    )
    assert float(black76(100.0, 1000.0, 0.25, 0.22, "C")) < 1e-95


@given(DOMAIN)
def test_scipy_agrees_and_the_bounds_and_parity_hold(case: tuple[float, float, float, float, str]) -> None:
    forward, k, years, sigma, _ = case
    strike = forward * np.exp(k)
    call, put = (float(black76(forward, strike, years, sigma, right)) for right in "CP")
    deviation = sigma * years**0.5
    d1 = np.log(forward / strike) / deviation + deviation / 2
    assert call == pytest.approx(forward * ndtr(d1) - strike * ndtr(d1 - deviation), abs=1e-12 * (forward + strike))
    assert call - put == pytest.approx(forward - strike, abs=1e-13 * (forward + strike))
    assert max(forward - strike, 0) <= call <= forward
    assert max(strike - forward, 0) <= put <= strike


@given(DOMAIN)
def test_greeks_are_the_slopes_of_the_price(case: tuple[float, float, float, float, str]) -> None:
    forward, k, years, sigma, right = case
    strike = forward * np.exp(k * sigma * years**0.5)
    row = black76_greeks(forward, strike, years, sigma, right).row(0, named=True)
    dev, e = sigma * years**0.5, 1e-4
    scale, step = forward + strike, e * forward * min(dev, 1.0)
    up, here, down = (float(black76(forward + j * step, strike, years, sigma, right)) for j in (1, 0, -1))
    assert row["price"] == here
    assert row["delta"] == pytest.approx((up - down) / (2 * step), abs=1e-6)
    assert row["gamma"] * step**2 == pytest.approx(up - 2 * here + down, abs=1e-6 * row["gamma"] * step**2 + 4e-15 * scale)
    high, low = (float(black76(forward, strike, years, sigma * (1 + j * e), right)) for j in (1, -1))
    assert row["vega"] * sigma == pytest.approx((high - low) / (2 * e), rel=1e-5, abs=1e-9 * scale)
    later, sooner = (float(black76(forward, strike, years * (1 + j * e), sigma, right)) for j in (1, -1))
    assert row["theta"] * years == pytest.approx(-(later - sooner) / (2 * e), rel=1e-5, abs=1e-9 * scale)


@given(DOMAIN)
def test_coin_greeks_are_the_slopes_of_the_premium(case: tuple[float, float, float, float, str]) -> None:
    forward, k, years, sigma, right = case
    strike = forward * np.exp(k * sigma * years**0.5)
    row = coin_greeks(forward, strike, years, sigma, right).row(0, named=True)
    step = 1e-4 * forward * min(sigma * years**0.5, 1.0)
    coins = [float(black76(f, strike, years, sigma, right)) / f for f in (forward + step, forward, forward - step)]
    ratio = (forward + strike) / forward
    assert row["price"] == pytest.approx(coins[1], rel=1e-15)
    assert row["delta"] == pytest.approx(forward * (coins[0] - coins[2]) / (2 * step), abs=2e-6 * ratio)
    curve = coins[0] - 2 * coins[1] + coins[2]
    assert row["gamma"] * step**2 == pytest.approx(curve, abs=1e-5 * abs(row["gamma"]) * step**2 + 1e-12 * ratio)


def test_inverse_option_by_hand() -> None:
    """F = 65,000, K = 70,000, 30 days, σ = .55: formulas of Alexander and Imeraj (2021), computed once with 30 digits."""
    row = coin_greeks(65_000.0, 70_000.0, 30 / 365, 0.55, "C").row(0, named=True)
    assert row["price"] * 65_000 == pytest.approx(2200.535008173538, rel=1e-14)
    assert row["price"] == pytest.approx(0.03385438474113135, rel=1e-14)
    assert row["delta"] == pytest.approx(0.313989044616561, rel=1e-13)


def test_black_scholes_of_hull() -> None:
    """Hull, Options, Futures, and Other Derivatives, example 15.6 and sections 19.4-19.8; Black's put of example 18.6."""
    both = black_scholes_greeks([42.0, 42.0], 40.0, 0.5, 0.2, ["C", "P"], rate=0.1)
    assert both["price"].round(2).to_list() == [4.76, 0.81]
    row = black_scholes_greeks(49.0, 50.0, 0.3846, 0.2, "C", rate=0.05).row(0, named=True)
    assert [round(row[name], d) for name, d in [("delta", 3), ("gamma", 3), ("vega", 1)]] == [0.522, 0.066, 12.1]
    assert (round(row["theta"], 2), round(row["rho"], 2)) == (-4.31, 8.91)
    future = black_scholes_greeks(20.0, 20.0, 4 / 12, 0.25, "P", rate=0.09, income=0.09)
    assert round(future["price"][0], 2) == 1.12


def test_black_scholes_greeks_are_slopes() -> None:
    point = {"spot": 120.0, "years": 0.7, "volatility": 0.6}

    def price(rate: float = 0.04, **moved: float) -> float:
        terms = point | moved
        found = black_scholes_greeks(terms["spot"], 100.0, terms["years"], terms["volatility"], "P", rate=rate, income=0.02)
        return float(found["price"][0])

    row = black_scholes_greeks(120.0, 100.0, 0.7, 0.6, "P", rate=0.04, income=0.02).row(0, named=True)
    assert row["delta"] == pytest.approx((price(spot=120.01) - price(spot=119.99)) / 0.02, rel=1e-6)
    assert row["gamma"] == pytest.approx((price(spot=120.1) - 2 * price() + price(spot=119.9)) / 0.01, rel=1e-6)
    assert row["vega"] == pytest.approx((price(volatility=0.6001) - price(volatility=0.5999)) / 0.0002, rel=1e-6)
    assert row["theta"] == pytest.approx((price(years=0.6999) - price(years=0.7001)) / 0.0002, rel=1e-6)
    assert row["rho"] == pytest.approx((price(0.0401) - price(0.0399)) / 0.0002, rel=1e-6)


def test_deribit_ticker() -> None:
    """ETH-30JUL21-2800-C at 1626993723632 ms: every figure the ticker said, to the digits it said."""
    years = (1627632000000 - 1626993723632) / (365 * 86_400_000)
    row = deribit_greeks(2003.61, 2800.0, years, 1.2074, "C").row(0, named=True)
    digits = {"mark_price": 6, "delta": 5, "vega": 5, "theta": 5, "rho": 5}
    said = {"mark_price": 0.001972, "delta": 0.03127, "vega": 0.20072, "theta": -1.64029, "rho": 0.01188}
    assert {name: round(row[name], d) for name, d in digits.items()} == pytest.approx(said, rel=2e-4)


def test_theta_of_the_last_day_is_at_most_the_value() -> None:
    row = deribit_greeks([2000.0, 2000.0], 2000.0, [0.3 / 365, 3 / 365], 1.0, "C")
    assert row["theta"][0] == -row["mark_price"][0] * 2000
    assert row["theta"][1] > -row["mark_price"][1] * 2000


def test_nan_stays_in_its_row_and_shapes_broadcast() -> None:
    prices = black76([[100.0], [np.nan]], [90.0, 100.0, 110.0], 0.5, 0.8, "C")
    assert prices.shape == (2, 3)
    assert np.isfinite(prices[0]).all()
    assert np.isnan(prices[1]).all()
    assert deribit_greeks([], [], 1.0, 1.0, "C").height == 0


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ((-1.0, 100.0, 1.0, 0.2, "C"), "forward must be finite and above 0; found -1.0 in row 0"),
        ((100.0, np.inf, 1.0, 0.2, "C"), "strike must be finite"),
        ((100.0, 100.0, 0.0, 0.2, "C"), "years must be finite and above 0"),
        ((100.0, 100.0, 1.0, [0.2, 0.0], "C"), "volatility must be finite and above 0; found 0.0 in row 1 .1 of 2"),
        ((100.0, 100.0, 1.0, 0.2, "call"), "'call' is neither"),
        (([1.0, 2.0], [1.0, 2.0, 3.0], 1.0, 0.2, "C"), "do not broadcast"),
    ],
)
def test_impossible_terms_are_refused(terms: tuple[object, ...], said: str) -> None:
    with pytest.raises(InputError, match=said):
        black76(*terms)  # type: ignore[arg-type]


def test_a_rate_that_is_no_number_is_refused() -> None:
    with pytest.raises(InputError, match="rate nan"):
        black_scholes_greeks(100.0, 100.0, 1.0, 0.2, "C", rate=float("nan"))


@pytest.mark.realdata
def test_recorded_marks_follow_from_their_volatility(data_dir: Path) -> None:
    """Twenty chains of two coins: the coin premium at the recorded volatility meets the mark to a median 1.7e-5 coin."""
    chain = deribit_chains(data_dir).filter((pl.col("mark_iv") > 0) & (pl.col("years") > 0))
    greeks = deribit_greeks(*(chain[name].to_numpy() for name in ("underlying_price", "strike", "years", "mark_iv", "right")))
    errors = (greeks["mark_price"] - chain["mark_price"]).abs()
    assert len(errors) > 10_000
    assert errors.median() == pytest.approx(1.7e-5, rel=0.05)
    assert (greeks["delta"] - chain["delta"]).abs().median() < 1e-3


def test_read_only_and_single_columns_are_taken() -> None:
    """One row broadcast from scalars, none at all, and columns of a frame, which are read-only."""
    frame = pl.DataFrame({"forward": [100.0, 110.0], "strike": [90.0, 90.0]})
    prices = black76(frame["forward"].to_numpy(), frame["strike"].to_numpy(), 0.5, 0.8, "C")
    assert prices.tolist() == [float(black76(forward, [90.0], 0.5, 0.8, ["C"])[0]) for forward in (100.0, 110.0)]
    assert black76([], 90.0, 0.5, 0.8, "C").shape == (0,)
