"""Orders that cannot be meant, and the life of an order as a chart."""

from __future__ import annotations

import itertools

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.market.order import (
    Approved,
    Conditions,
    Fill,
    Order,
    OrderState,
    OrderType,
    OrderUpdate,
    PriceReference,
    Refused,
    RejectReason,
    TimeInForce,
    Trigger,
    TriggerKind,
    require_transition,
)

S = OrderState
# as FIX 4.4 appendix D: a done order never changes; a lost one may have become anything it could
LEGAL = {
    (S.IN_FLIGHT, S.WORKING),
    (S.IN_FLIGHT, S.FILLED),
    (S.IN_FLIGHT, S.CANCELLED),
    (S.IN_FLIGHT, S.REJECTED),
    (S.IN_FLIGHT, S.UNKNOWN),
    (S.WORKING, S.WORKING),
    (S.WORKING, S.FILLED),
    (S.WORKING, S.CANCELLED),
    (S.WORKING, S.UNKNOWN),
    (S.UNKNOWN, S.WORKING),
    (S.UNKNOWN, S.FILLED),
    (S.UNKNOWN, S.CANCELLED),
    (S.UNKNOWN, S.REJECTED),
}


def order(**terms: object) -> Order:
    return Order(**{"client_id": "a-1", "instrument": "v:X", "side": 1, "qty_lots": 5, "price_ticks": 100} | terms)  # type: ignore[arg-type]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(S, S)))
def test_only_the_legal_changes_pass(before: OrderState, after: OrderState) -> None:
    if (before, after) in LEGAL:
        require_transition("a-1", before, after)
    else:
        with pytest.raises(InputError, match=f"order a-1: {before} cannot become {after}; reconcile"):
            require_transition("a-1", before, after)


def test_a_live_order_is_one_that_can_still_change() -> None:
    assert {state for state in S if state.live} == {before for before, _ in LEGAL}


@given(st.integers(-3, 3), st.integers(-5, 5))
def test_side_and_size(side: int, qty_lots: int) -> None:
    if side in (1, -1) and qty_lots > 0:
        assert order(side=side, qty_lots=qty_lots).qty_lots == qty_lots
    else:
        with pytest.raises(InputError, match=r"expected \+1 or -1 and a positive size"):
            order(side=side, qty_lots=qty_lots)


@given(st.sampled_from(OrderType), st.integers(-3, 3))
def test_a_limit_order_has_a_price_and_a_market_order_none(kind: OrderType, price_ticks: int) -> None:
    if kind is OrderType.LIMIT and price_ticks > 0:
        assert order(type=kind, price_ticks=price_ticks).price_ticks == price_ticks
    elif kind is OrderType.MARKET and price_ticks == 0:
        assert order(type=kind, price_ticks=0).price_ticks == 0
    else:
        with pytest.raises(InputError, match="a limit order needs a positive price and a market order none"):
            order(type=kind, price_ticks=price_ticks)


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        order().qty_lots = 6  # type: ignore[misc]
    with pytest.raises(AttributeError):
        Refused(order(), "too big").reason = "fine"  # type: ignore[misc]


def test_decisions_are_values_that_say_which() -> None:
    assert Approved(order()) == Approved(order())
    assert Approved(order()).order is not None
    assert Refused(order(), "notional over 5,000") != Refused(order(), "other")


def test_what_a_venue_says_survives_the_journal() -> None:
    said: list[Fill | OrderUpdate] = [
        Fill(ts_ns=1, client_id="a-1", instrument="v:X", side=1, price_ticks=100, qty_lots=2, fee=-0.5, maker=True),
        OrderUpdate(ts_ns=2, client_id="a-1", state=S.REJECTED, left_lots=0, reason=RejectReason.WOULD_TAKE),
    ]
    assert msgspec.json.decode(msgspec.json.encode(said), type=list[Fill | OrderUpdate]) == said
    stop = Trigger(kind=TriggerKind.STOP, price_ticks=90, reference=PriceReference.MARK)
    for sent in (
        order(time_in_force=TimeInForce.POST_ONLY),
        order(conditions=Conditions(display_lots=2)),
        order(time_in_force=TimeInForce.FOK, conditions=Conditions(reduce_only=True, trigger=stop)),
    ):
        assert msgspec.json.decode(msgspec.json.encode(sent), type=Order) == sent


def test_conditions_that_cannot_be_meant() -> None:
    assert order().asks == Conditions()
    with pytest.raises(InputError, match="shows 6 lots; expected 0 to its 5"):
        order(conditions=Conditions(display_lots=6))
    with pytest.raises(InputError, match="a trigger at 0 ticks; expected a positive price"):
        Trigger(kind=TriggerKind.TAKE_PROFIT, price_ticks=0)


def test_a_journal_with_an_impossible_order_is_refused() -> None:
    bad = msgspec.json.encode(order()).replace(b'"side":1', b'"side":3')
    with pytest.raises(InputError, match="side 3"):
        msgspec.json.decode(bad, type=Order)
