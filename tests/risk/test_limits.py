"""Limits in front of every order: what passes, what does not, and why."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Decision, Order, OrderType, Refused
from counterpoise.market.quality import BookState
from counterpoise.market.symbol import parse_instrument
from counterpoise.market.venue import TopOfBook
from counterpoise.risk.limits import Limits, approve

LINEAR = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
INVERSE = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
TOP = TopOfBook(600_000, 5, 600_010, 5, BookState.SYNCED)
LIMITS = Limits(max_order_notional=60_000, max_position=2.0, price_band_bps=10)


def decide(
    *,
    side: int = 1,
    qty_lots: int = 1000,
    price_ticks: int = 600_000,
    market: bool = False,
    limits: Limits = LIMITS,
    instrument: Instrument = LINEAR,
    top: TopOfBook = TOP,
    position: int = 0,
    live: int = 0,
) -> Decision:
    order = Order(
        client_id="a",
        instrument=instrument.id,
        side=side,
        qty_lots=qty_lots,
        type=OrderType.MARKET if market else OrderType.LIMIT,
        price_ticks=0 if market else price_ticks,
    )
    return approve(order, limits, instrument, top=top, signed_position_lots=position, signed_live_lots=live)


def reason(decision: Decision) -> str:
    assert isinstance(decision, Refused)
    return decision.reason


def test_what_is_within_passes_unchanged() -> None:
    decision = decide()
    assert isinstance(decision, Approved)
    assert decision.order.qty_lots == 1000


def test_order_value_is_held_exactly() -> None:
    """1 BTC at 60,000.0 is the limit to the cent; one lot or one tick more is not."""
    assert isinstance(decide(), Approved)
    assert "60,060 exceeds max_order_notional 60,000" in reason(decide(qty_lots=1001))
    assert "exceeds max_order_notional" in reason(decide(price_ticks=600_001))


def test_a_market_order_is_valued_at_the_opposite_touch() -> None:
    assert "exceeds max_order_notional" in reason(decide(market=True))  # 60,001
    assert isinstance(decide(market=True, side=-1), Approved)  # 60,000


def test_an_inverse_contract_is_worth_its_face() -> None:
    """600 contracts of 100 USD at any price."""
    limits = Limits(max_order_notional=60_000, max_position=1e9)
    assert isinstance(decide(instrument=INVERSE, qty_lots=600, limits=limits), Approved)
    assert "60,100" in reason(decide(instrument=INVERSE, qty_lots=601, limits=limits))


@pytest.mark.parametrize("side", [1, -1])
def test_position_counts_what_is_held_and_what_is_live(side: int) -> None:
    assert isinstance(decide(side=side, position=side * 600, live=side * 400), Approved)  # 2 BTC in all
    assert "position could reach 2.001, beyond max_position 2" in reason(
        decide(side=side, position=side * 601, live=side * 400)
    )


@pytest.mark.parametrize("side", [1, -1])
def test_an_order_that_makes_a_position_smaller_passes(side: int) -> None:
    """A book beyond its limit, after the limit was lowered, must be able to come back."""
    assert isinstance(decide(side=side, position=-side * 5000), Approved)
    assert "could reach 6" in reason(decide(side=-side, position=-side * 5000))
    assert "could reach 4.5" in reason(decide(side=side, qty_lots=1000, position=-side * 500, live=side * 4000))


@pytest.mark.parametrize("side", [1, -1])
def test_price_band_is_measured_from_the_opposite_touch(side: int) -> None:
    limits = Limits(max_order_notional=1e9, max_position=1e9, price_band_bps=10)
    opposite = TOP.ask_ticks if side > 0 else TOP.bid_ticks
    assert isinstance(decide(side=side, price_ticks=opposite + side * 600, limits=limits), Approved)
    assert "reaches beyond price_band_bps 10" in reason(decide(side=side, price_ticks=opposite + side * 601, limits=limits))
    assert isinstance(decide(side=side, price_ticks=opposite - side * 100_000, limits=limits), Approved)  # patient


@pytest.mark.parametrize("state", [s for s in BookState if s is not BookState.SYNCED])
def test_a_book_out_of_order_refuses_all(state: BookState) -> None:
    assert f"the book is {state.name}" in reason(decide(top=TOP._replace(state=state)))


@pytest.mark.parametrize("market", [True, False])
def test_an_empty_opposite_side_refuses(market: bool) -> None:
    """Nothing to hold the price against; a far limit price must not slip through."""
    top = TOP._replace(ask_ticks=0, ask_lots=0)
    assert "the opposite side is empty" in reason(decide(top=top, market=market))
    assert isinstance(decide(top=top, side=-1, market=market), Approved)


@given(st.integers(1, 10**7), st.integers(1, 10**7), st.sampled_from([1, -1]), st.integers(-(10**5), 10**5))
def test_whatever_passes_is_within_every_bound(qty_lots: int, price_ticks: int, side: int, position: int) -> None:
    decision = decide(side=side, qty_lots=qty_lots, price_ticks=price_ticks, position=position)
    if isinstance(decision, Approved):
        assert qty_lots * price_ticks <= 60_000 * 10_000
        after = abs(position + side * qty_lots)
        assert after <= 2000 or after <= abs(position)
        assert side * (price_ticks - (600_010 if side > 0 else 600_000)) <= 601


@pytest.mark.parametrize("name", ["max_order_notional", "max_position", "price_band_bps"])
@pytest.mark.parametrize("value", [0.0, -1.0, float("nan")])
def test_limits_that_limit_nothing_are_refused(name: str, value: float) -> None:
    with pytest.raises(InputError, match="limits must be positive"):
        Limits(**{name: value})
