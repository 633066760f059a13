"""Implied volatility: back from any price a double can hold, and no price outside its bounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.options.black import black76
from counterpoise.options.implied import implied_volatility, price_bounds
from counterpoise.options.kernels.black import normalised, normalised_vega
from counterpoise.options.kernels.implied import implied_deviation
from reference import naive_black
from reference.deribit_chains import deribit_chains


@pytest.mark.parametrize(("x", "beta"), [(0.0, 1e-6), (0.0, 0.9), (-0.01, 0.2), (-0.5, 1e-12), (-2.0, 0.3), (-0.3, 0.8)])
def test_naive_twin_halves_an_interval(x: float, beta: float) -> None:
    assert implied_deviation(x, beta) == pytest.approx(naive_black.deviation(x, beta), rel=1e-14)


@pytest.mark.parametrize("h", [-0.2, -1.0, -3.0, -9.0, -17.0])
@pytest.mark.parametrize("s", [1e-3, 0.1, 1.0])
def test_naive_value_of_many_decimals_has_its_deviation(h: float, s: float) -> None:
    assert implied_deviation(h * s, naive_black.normalised(h * s, s)) == pytest.approx(s, rel=4e-15)


def test_every_deviation_comes_back_from_its_value() -> None:
    """Values down to 1e-290: error 1e-14 relative, times the conditioning b/(s b′) where the value nears its bound."""
    checked = 0
    for x in [0.0, *-np.logspace(-12, 2.3, 40)]:
        for s in np.logspace(-8, 1.2, 60):
            beta, bound = normalised(x, s) if x / s > -36 else 0.0, np.exp(x / 2)
            if not 1e-290 < beta < bound * (1 - 1e-15):
                continue
            conditioning = beta / (s * normalised_vega(x, s))
            assert abs(implied_deviation(x, beta) / s - 1) < 1e-14 * max(1.0, conditioning)
            checked += 1
    assert checked > 1_000


@given(st.floats(-4.0, 4.0), st.floats(0.001, 5.0), st.floats(0.02, 3.0))
def test_volatility_comes_back_from_a_price_out_of_the_money(d: float, years: float, sigma: float) -> None:
    strike = 100.0 * np.exp(d * sigma * years**0.5)
    right = "C" if strike >= 100.0 else "P"
    price = black76(100.0, strike, years, sigma, right)
    # half a unit in the last place of a price near its bound is worth this much volatility
    lost = 2e-16 * strike / max(float(black76(100.0, strike, years, sigma * 1.001, right) - price) / 0.001, 1e-300)
    assert float(implied_volatility(price, 100.0, strike, years, right)) == pytest.approx(sigma, rel=1e-12 + 2 * lost)


def test_a_price_of_1e_minus_100_has_its_volatility() -> None:
    price = black76(100.0, 1000.0, 0.25, 0.2165, "C")
    assert 1e-101 < float(price) < 1e-99
    assert float(implied_volatility(price, 100.0, 1000.0, 0.25, "C")) == pytest.approx(0.2165, rel=1e-14)


@pytest.mark.parametrize(
    ("price", "strike", "right", "said"),
    [
        (9.99, 90.0, "C", "price 9.99 in row 0 has no implied volatility; expected at least its intrinsic value 10.0"),
        (100.0, 90.0, "C", "below its upper bound 100.0"),
        (90.0, 90.0, "P", "below its upper bound 90.0"),
        (9.0, 110.0, "P", "intrinsic value 10.0"),
        (-0.1, 110.0, "C", "price must be finite and at least 0"),
    ],
)
def test_arbitrage_is_refused_with_its_bound(price: float, strike: float, right: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        implied_volatility(price, 100.0, strike, 0.5, right)


def test_intrinsic_value_means_no_volatility_and_nan_stays() -> None:
    found = implied_volatility([10.0, 0.0, np.nan, 12.0], 100.0, [90.0, 110.0, 100.0, 90.0], 0.5, "C")
    assert found[:2].tolist() == [0.0, 0.0]
    assert np.isnan(found[2])
    assert found[3] > 0


def test_bounds_are_those_of_the_refusal() -> None:
    lower, upper = price_bounds(100.0, [90.0, 110.0, 90.0, 110.0], ["C", "C", "P", "P"])
    assert lower.tolist() == [10.0, 0.0, 0.0, 10.0]
    assert upper.tolist() == [100.0, 100.0, 90.0, 110.0]
    assert np.isfinite(implied_volatility(np.nextafter(upper, 0.0), 100.0, [90.0, 110.0, 90.0, 110.0], 0.5, list("CCPP"))).all()


@pytest.mark.realdata
def test_recorded_marks_give_back_their_volatility(data_dir: Path) -> None:
    """Marks are rounded to 1e-4 coin or finer, so only options with vega tell their volatility: a median within .3 points."""
    chain = deribit_chains(data_dir, count=2).filter((pl.col("mark_iv") > 0) & (pl.col("years") > 0.02))
    chain = chain.filter(pl.col("delta").abs().is_between(0.1, 0.9))
    forward, strike, years, right = (chain[name].to_numpy() for name in ("underlying_price", "strike", "years", "right"))
    price = chain["mark_price"].to_numpy() * forward
    lower, upper = price_bounds(forward, strike, right)
    sound = (price >= lower) & (price < upper)
    found = implied_volatility(np.where(sound, price, np.nan), forward, strike, years, right)
    assert sound.mean() > 0.99
    assert np.nanmedian(np.abs(found - chain["mark_iv"].to_numpy())) < 0.003
