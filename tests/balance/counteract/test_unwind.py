"""The speed of an unwind by hand, its dust, and that a guard around it keeps off the levels."""

from __future__ import annotations

from math import exp, log, sqrt
from typing import Final

import pytest

from counterpoise.balance.counteract.guard import ClusterGuardConfig
from counterpoise.balance.counteract.liquidation_map import LiquidationMap
from counterpoise.balance.counteract.unwind import BlockUnwind, BlockUnwindConfig, unwind_block
from counterpoise.balance.execution import Action, Execution, PlaceOrder, Seen
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook

TERMS: Final = {"kind": InstrumentKind.PERP, "base": "X", "quote": "USD", "settle": "USD", "tick": "0.01", "lot": "1"}
ONE: Final = Instrument(venue="testex", symbol="XUSD", min_notional="500", **TERMS)  # six lots just below 100
IMPACT: Final = TransientImpact(bps_per_million=100.0, permanent=0.5, half_lives=("1s",))


def config(**terms: object) -> BlockUnwindConfig:
    chosen = {
        "side": "sell",
        "qty": "1000",
        "impact": IMPACT,
        "risk_aversion": 1.0,
        "slowest": "10s",
        "cross_bps": 10.0,
    } | terms
    return BlockUnwindConfig(**chosen)  # type: ignore[arg-type]


def step(of: Execution, seconds: float, mid: int = 10_000, state: BookState = BookState.SYNCED) -> list[Action]:
    return of.step(round(seconds * SECOND_NS), {ONE.id: Seen(TopOfBook(mid - 1, 50, mid + 1, 50, state), 0)})


def done(of: Execution, actions: list[Action]) -> Order:
    """Fill the one order whole."""
    (action,) = actions
    assert isinstance(action, PlaceOrder)
    sent = action.order
    common = {"ts_ns": 0, "client_id": sent.client_id}
    price, lots = sent.price_ticks, sent.qty_lots
    of.hear(Fill(instrument=ONE.id, side=sent.side, price_ticks=price, qty_lots=lots, fee=0.0, maker=False, **common))  # type: ignore[arg-type]
    of.hear(OrderUpdate(state=OrderState.FILLED, left_lots=0, reason=None, **common))  # type: ignore[arg-type]
    return sent


def test_the_speed_is_that_of_the_formula() -> None:
    one = config()
    assert one.eta == pytest.approx(100 * 0.5 / log(2))  # a second's half-life, half of it decays
    assert one.rate(3.0) == pytest.approx(3 * sqrt(1 / one.eta))
    assert one.rate(0.0) == pytest.approx(log(2) / 10)  # never slower


def test_orders_take_a_constant_share_of_what_is_left() -> None:
    one = BlockUnwind("u", ONE, config(), start_ns=0)
    share = 1 - exp(-log(2) / 10)
    left = 1_000
    for second in range(8):
        sent = done(one, step(one, second))
        assert sent.qty_lots == round(left * share)
        assert (sent.side, sent.price_ticks, sent.time_in_force) == (-1, 9_999 - 9, TimeInForce.IOC)
        left -= sent.qty_lots
    assert one.standing(ONE.id, 0) == (-1_000, left - 1_000, 0)


def test_it_hurries_when_the_price_moves() -> None:
    calm, wild = (BlockUnwind("u", ONE, config(), start_ns=SECOND_NS) for _ in range(2))
    assert step(calm, 0) == step(wild, 0) == []
    assert done(wild, step(wild, 1, 10_050)).qty_lots > 5 * done(calm, step(calm, 1)).qty_lots


def test_it_leaves_no_dust_and_waits_for_its_time_and_for_a_book() -> None:
    one = BlockUnwind("u", ONE, config(qty="12"), start_ns=0)
    assert step(one, 0, state=BookState.GAPPED) == []
    assert done(one, step(one, 0)).qty_lots == 6  # five at 99.99 are worth too little
    assert step(one, 0.9) == []
    assert done(one, step(one, 1)).qty_lots == 6
    assert one.done
    assert one.stop() == []


def test_levels_hold_it_and_let_it_go_on_where_they_end() -> None:
    terms = ClusterGuardConfig(most_set_off=0, impact=IMPACT, sigmas=0)
    one = unwind_block("u", ONE, config(), start_ns=0, levels=LiquidationMap([99.95], [1.0], [-1]), guard=terms)
    assert done(one, step(one, 0, 9_996)).qty_lots == 67  # 1 bps has room for 100
    assert step(one, 1, 9_995) != []  # the level is touched: nothing is left of it
    slow = unwind_block("u", ONE, config(slowest="1s"), start_ns=0, levels=LiquidationMap([99.95], [1.0], [-1]), guard=terms)
    assert done(slow, step(slow, 0, 9_996)).qty_lots == 100


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ConfigError, match="risk_aversion"):
        config(risk_aversion=0.0)
    with pytest.raises(ConfigError, match="decays"):
        config(impact=TransientImpact(bps_per_million=1.0, permanent=1.0))
    with pytest.raises(InputError, match="at least one lot"):
        BlockUnwind("u", ONE, config(qty="0"), start_ns=0)
