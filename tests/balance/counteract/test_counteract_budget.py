"""The budget's account: profit by hand, rate of orders, and the stop that is for good."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.counteract.budget import Budgeted, RiskBudget
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook

TERMS: Final = {"kind": InstrumentKind.PERP, "base": "X", "quote": "USD", "tick": "0.5", "lot": "1"}
LINEAR: Final = Instrument(venue="testex", symbol="XUSD", settle="USD", **TERMS)
INVERSE: Final = Instrument(venue="testex", symbol="XUSD_PERP", settle="X", multiplier="100", inverse=True, **TERMS)


def fill(side: int, price: int, lots: int, fee: float = 0.0) -> Fill:
    return Fill(ts_ns=0, client_id="x", instrument="x", side=side, price_ticks=price, qty_lots=lots, fee=fee, maker=True)


def top(bid: int, ask: int) -> TopOfBook:
    return TopOfBook(bid, 1, ask, 1, BookState.SYNCED)


def account(instrument: Instrument = LINEAR, **terms: object) -> Budgeted:
    return Budgeted(instrument, RiskBudget(**({"max_inventory": "10", "max_loss": 20.0, "max_orders_per_s": 2} | terms)))  # type: ignore[arg-type]


def test_profit_is_cash_and_inventory_at_the_mid_less_fees() -> None:
    one = account()
    one.take(fill(1, 200, 4, 0.25))  # 4 at 100
    one.take(fill(-1, 204, 1, 0.25))  # 1 at 102
    assert one.signed_lots == 3
    assert one.profit(top(201, 204)) == 2 + 3 * 1.25 - 0.5  # mid 101.25


def test_an_inverse_contract_earns_coins() -> None:
    one = account(INVERSE)
    one.take(fill(1, 200, 4))  # 400 USD at 100: 4 coins
    assert one.profit(top(250, 250)) == pytest.approx(4 - 3.2)  # at 125: worth 3.2


def test_the_loss_stops_for_good_and_says_what_to_do() -> None:
    one = account()
    one.take(fill(1, 200, 10))
    assert not one.mark(top(197, 197))
    assert one.loss_left == 5.0
    reason = one.mark(top(196, 196))
    assert "+10 lots are left" in reason
    assert one.mark(top(300, 300)) == reason


@pytest.mark.parametrize("wrong", [{"max_loss": 0.0}, {"max_orders_per_s": 0}, {"max_inventory": "0"}])
def test_a_budget_of_nothing_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="at least"):
        account(**wrong)


@given(st.lists(st.integers(0, SECOND_NS // 2), max_size=60))
def test_no_second_has_more_orders_than_its_bound(gaps: list[int]) -> None:
    one, now, sent = account(), 0, []
    for gap in gaps:
        now += gap
        if one.may_send(now):
            one.sent(now)
            sent.append(now)
    assert all(sum(at - SECOND_NS < other <= at for other in sent) <= 2 for at in sent)
