"""Fees of one fill, worked by hand."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.fees import Fees

LINEAR = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
INVERSE = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")


def test_linear_fee_is_of_the_quote_value() -> None:
    """2 BTC at 60,000 are 120,000: 5 bps 60 as taker, a rebate of 1 bp 12 as maker."""
    fees = Fees(maker_bps=-1, taker_bps=5)
    assert fees.fee(LINEAR, 600_000, 2000, maker=False) == pytest.approx(60)
    assert fees.fee(LINEAR, 600_000, 2000, maker=True) == pytest.approx(-12)


def test_inverse_fee_is_of_the_coins() -> None:
    """600 contracts of 100 USD at 60,000 are 1 BTC: 5 bps of it."""
    fees = Fees(maker_bps=2, taker_bps=5)
    assert fees.fee(INVERSE, 600_000, 600, maker=False) == pytest.approx(5e-4)
    assert fees.fee(INVERSE, 300_000, 600, maker=False) == pytest.approx(10e-4)
    assert fees.fee(INVERSE, 600_000, 600, maker=True) == pytest.approx(2e-4)


@given(st.integers(1, 10**7), st.integers(1, 10**9), st.floats(-99, 999))
def test_fee_is_proportional_to_size(price: int, lots: int, bps: float) -> None:
    fees = Fees(taker_bps=bps)
    exact = Fraction(price, 10) * Fraction(lots, 1000) * Fraction(bps) / 10_000
    assert fees.fee(LINEAR, price, lots, maker=False) == pytest.approx(float(exact), rel=1e-12, abs=1e-300)


@pytest.mark.parametrize("name", ["maker_bps", "taker_bps"])
@pytest.mark.parametrize("value", [-100.0, 1000.0, float("nan"), float("inf")])
def test_fees_out_of_bounds_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match="between -100 and 1,000 bps"):
        Fees(**{name: value})
