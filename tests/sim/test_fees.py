"""Fees of linear and inverse contracts, by hand and by law."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.config import parse_config
from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.sim.fees import Fees

TERMS = {"venue": "x", "kind": InstrumentKind.PERP, "base": "BTC"}
LINEAR = Instrument(**TERMS, symbol="L", quote="USDT", settle="USDT", tick="0.1", lot="0.001")
INVERSE = Instrument(**TERMS, symbol="I", quote="USD", settle="BTC", tick="0.1", lot="1", multiplier="100", inverse=True)
FEES = Fees(maker_bps=-0.5, taker_bps=4.0)


@pytest.mark.parametrize(
    ("instrument", "qty_lots", "maker", "expected"),
    [
        (LINEAR, 2_000, False, 2 * 50_000 * 0.0004),  # USDT
        (LINEAR, 2_000, True, -2 * 50_000 * 0.00005),  # a rebate
        (INVERSE, 30, False, 30 * 100 / 50_000 * 0.0004),  # BTC
        (INVERSE, 30, True, -30 * 100 / 50_000 * 0.00005),
    ],
)
def test_fee_by_hand(instrument: Instrument, qty_lots: int, maker: bool, expected: float) -> None:
    assert FEES.fee(instrument, 500_000, qty_lots, maker=maker) == pytest.approx(expected, rel=1e-14)


@given(st.sampled_from([LINEAR, INVERSE]), st.integers(1, 10**7), st.integers(0, 10**9), st.integers(0, 10**9), st.booleans())
def test_fee_adds_up_over_fills(instrument: Instrument, price: int, a: int, b: int, maker: bool) -> None:
    parts = FEES.fee(instrument, price, a, maker=maker) + FEES.fee(instrument, price, b, maker=maker)
    assert parts == pytest.approx(FEES.fee(instrument, price, a + b, maker=maker), rel=1e-12)


@pytest.mark.parametrize("wrong", [{"maker_bps": -100.0}, {"taker_bps": 1000.0}, {"taker_bps": float("nan")}])
def test_impossible_fees_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match="bps"):
        Fees(**wrong)


def test_unknown_fee_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="taker_bps"):
        parse_config("taker_bp = 3", Fees)
