"""Liquidity on the thin side: what rests where, by hand; the budget under anything; one run among agents."""

from __future__ import annotations

from math import isinf, log
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.balance.counteract.budget import RiskBudget
from counterpoise.balance.counteract.gauges import GaugesConfig
from counterpoise.balance.counteract.step_back import Band, StepBack
from counterpoise.balance.counteract.thin_side import ThinSide, ThinSideConfig
from counterpoise.balance.execution import Action, CancelOrder, PlaceOrder, Seen
from counterpoise.core.clock import SimClock
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import JournalRecord
from counterpoise.runtime.session import Session
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

TERMS: Final = {"kind": InstrumentKind.PERP, "base": "X", "quote": "USD", "settle": "USD", "tick": "0.01", "lot": "1"}
ONE: Final = Instrument(venue="testex", symbol="XUSD", **TERMS)
BUDGET: Final = RiskBudget(max_inventory="30", max_loss=50.0, max_orders_per_s=3)
BANDS: Final = StepBack(bands={"vpin": Band(leave=0.6, enter=0.4)}, patience=1, calm=2)


def policy(*, budget: RiskBudget = BUDGET, **terms: object) -> ThinSide:
    chosen = {"clip": "10", "kappa": 1.0, "intensity": 1.0, "gamma": 0.1, "loss_sigmas": 1.0} | terms
    one = ThinSide("t", ONE, ThinSideConfig(**chosen), budget=budget, start_ns=0)  # type: ignore[arg-type]
    one.gauges.bins = 99  # warm
    return one


def step(of: ThinSide, seconds: float, *, bids: float, asks: float, mid: int = 10_000) -> list[Action]:
    of.gauges.thinness = {1: bids, -1: asks}
    return of.step(round(seconds * SECOND_NS), {ONE.id: Seen(TopOfBook(mid - 1, 50, mid + 1, 50, BookState.SYNCED), 0)})


def fill(of: Order, lots: int, price: int | None = None) -> Fill:
    at = of.price_ticks if price is None else price
    common = {"ts_ns": 0, "client_id": of.client_id, "instrument": ONE.id, "side": of.side, "price_ticks": at}
    return Fill(qty_lots=lots, fee=0.0, maker=True, **common)  # type: ignore[arg-type]


def ended(of: Order, state: OrderState, left: int = 0) -> OrderUpdate:
    return OrderUpdate(ts_ns=0, client_id=of.client_id, state=state, left_lots=left, reason=None)


def placed(actions: list[Action]) -> Order:
    (action,) = actions
    assert isinstance(action, PlaceOrder)
    return action.order


def test_it_rests_where_depth_is_missing_and_nowhere_else() -> None:
    one = policy()
    assert step(one, 0, bids=1.0, asks=1.0) == []
    sent = placed(step(one, 1, bids=0.5, asks=1.0))
    assert (sent.side, sent.qty_lots, sent.time_in_force) == (1, 10, TimeInForce.POST_ONLY)
    assert sent.price_ticks == int(10_000 * (1 - log(1.1) / 0.1 * 1e-4))  # (1/γ) ln(1 + γ/κ), at no volatility
    assert step(one, 2, bids=0.9, asks=1.0) == []  # thin until it is filled
    assert step(one, 3, bids=1.1, asks=1.0) == [CancelOrder(sent.client_id)]


def test_what_is_held_is_offered_though_the_other_side_is_not_thin() -> None:
    one = policy()
    sent = placed(step(one, 0, bids=0.5, asks=2.0))
    one.hear(fill(sent, 4))
    one.hear(ended(sent, OrderState.CANCELLED, 6))
    back = placed(step(one, 1, bids=2.0, asks=2.0))
    assert (back.side, back.qty_lots) == (-1, 4)


def test_it_fades_by_the_adverse_markout_and_out_of_reach() -> None:
    one = policy(most_bps=6.0, edge_bps=1.0)
    one.gauges._moved[-1], one.gauges._traded[-1] = 4.0, 1.0  # whoever sold saw the price fall 4 bps
    assert placed(step(one, 0, bids=0.5, asks=1.0)).price_ticks == 9_995
    one = policy(most_bps=6.0, edge_bps=1.0)
    one.gauges._moved[-1], one.gauges._traded[-1] = 6.0, 1.0
    assert isinf(one.distance_bps(1))
    assert step(one, 0, bids=0.5, asks=1.0) == []


def test_outside_its_band_it_withdraws_at_once_and_comes_back() -> None:
    one = policy(step_back=BANDS)
    one.gauges.vpin = 0.3
    one.gauges._moved[1] = one.gauges._traded[1] = 0.0
    sent = placed(step(one, 0, bids=0.5, asks=1.0))
    one.gauges.vpin = 0.7
    assert step(one, 0.1, bids=0.5, asks=1.0) == [CancelOrder(sent.client_id)]
    assert one.notes[-1].reasons == ("vpin 0.7 is above 0.6",)
    one.hear(ended(sent, OrderState.CANCELLED, 10))
    one.gauges.vpin = 0.3
    assert step(one, 1, bids=0.5, asks=1.0) == []
    assert placed(step(one, 2, bids=0.5, asks=1.0)).side == 1


def test_a_loss_at_its_bound_stops_for_good() -> None:
    one = policy()
    sent = placed(step(one, 0, bids=0.5, asks=1.0))
    one.hear(fill(sent, 10))
    one.hear(ended(sent, OrderState.FILLED))
    resting = placed(step(one, 1, bids=2.0, asks=2.0))
    assert step(one, 2, bids=0.5, asks=0.5, mid=9_000) == [CancelOrder(resting.client_id)]
    one.hear(ended(resting, OrderState.CANCELLED, 10))
    assert "loss of" in one.stopped
    assert one.done
    assert step(one, 3, bids=0.5, asks=0.5) == []


def test_the_size_is_what_the_loss_budget_bears() -> None:
    """σ of 10 bps a root second over 100 s: 1 % of 100 USD a lot; 5 USD left bear five lots."""
    one = policy(budget=RiskBudget(max_inventory="30", max_loss=5.0), loss_horizon="100s", gamma=1e-6)
    one.gauges._squares, one.gauges._weight = 100.0, 1.0
    assert placed(step(one, 0, bids=0.5, asks=1.0)).qty_lots in (4, 5)  # the touch is a tick under the mid


def test_what_cannot_be_meant_is_refused() -> None:
    with pytest.raises(ConfigError, match="thin <= filled"):
        policy(thin=1.2)
    with pytest.raises(UnknownName, match="vpin"):
        policy(step_back=StepBack(bands={"vpn": Band(leave=1, enter=1)}))
    with pytest.raises(ConfigError, match="at least one lot"):
        policy(clip="0")
    with pytest.raises(ConfigError, match="whole number of bins"):
        GaugesConfig(markout="1500ms")


LOOK: Final = st.tuples(
    st.integers(-6, 6), st.floats(0.2, 2), st.floats(0.2, 2), st.floats(0, 1), st.integers(0, 10), st.integers(1, 12)
)


@settings(max_examples=80, deadline=None)
@given(st.lists(LOOK, min_size=1, max_size=50))
def test_no_budget_is_passed_no_order_goes_out_of_band_and_none_meets_another(looks: list[tuple[float, ...]]) -> None:
    one, mid, now, live, sent_ns = policy(step_back=BANDS, least_life="1ns"), 10_000, 0.0, {}, []
    for move, bids, asks, vpin, lots, tenths in looks:
        mid, now, one.gauges.vpin = mid + int(move), now + tenths / 10, vpin
        for action in step(one, now, bids=bids, asks=asks, mid=mid):
            if isinstance(action, CancelOrder):
                what, left = live.pop(action.client_id)
                one.hear(ended(what, OrderState.CANCELLED, left))
                continue
            order = action.order
            assert order.time_in_force is TimeInForce.POST_ONLY
            assert order.price_ticks < mid + 1 if order.side > 0 else order.price_ticks > mid - 1
            assert not one._away.away
            assert not one.stopped
            assert all(
                (other.price_ticks - order.price_ticks) * order.side > 0
                for other, _ in live.values()
                if other.side != order.side
            )
            live[order.client_id] = order, order.qty_lots
            sent_ns.append(now)
            assert sum(now - 1 < at <= now for at in sent_ns) <= 3
        held = one.budgeted.signed_lots
        for side in (1, -1):
            assert side * held + sum(left for order, left in live.values() if order.side == side) <= 30
        for client_id, (order, left) in list(live.items()):
            done = min(int(lots), left)
            if done and order.side * (order.price_ticks - mid) >= -3:
                one.hear(fill(order, done))
                live[client_id] = order, left - done
                if done == left:
                    one.hear(ended(order, OrderState.FILLED))
                    del live[client_id]
        assert abs(one.budgeted.signed_lots) <= 30


CONFIG: Final = agent_market_config(seed=3, duration="50s", tokens=1, venues=1)
LATENCY: Final = ConstantLatency(order="5ms", ack="5ms", feed="5ms")


class MemoryJournal:
    def __init__(self) -> None:
        self.records: list[JournalRecord] = []

    def append(self, record: JournalRecord) -> None:
        self.records.append(record)

    def flush(self) -> None: ...

    def close(self) -> None: ...


def test_it_works_among_agents_in_a_session() -> None:
    venue = AgentVenue(CONFIG, latency=LATENCY)
    instrument, (start_ns, end_ns) = venue.instruments[0], venue.span_ns
    gauges = GaugesConfig(bucket_qty="2", buckets=10, warm_up=10)
    config = ThinSideConfig(clip="0.5", thin=0.95, kappa=1.5, intensity=0.5, gamma=0.02, gauges=gauges)
    budget = RiskBudget(max_inventory="2", max_loss=500.0)
    one = ThinSide("t", instrument, config, budget=budget, start_ns=start_ns)
    limits = Limits()
    session = Session(
        venue,
        clock=SimClock(start_ns),
        execution=one,
        limits=limits,
        measures={},
        journal=MemoryJournal(),
        step_ns=SECOND_NS // 2,
    )
    result = session.run(end_ns)
    assert result.refused == 0
    assert {fill.maker for fill in result.fills} == {True}
    assert all(order.time_in_force is TimeInForce.POST_ONLY for _, order in result.orders)
    signed = np.cumsum([fill.side * fill.qty_lots for fill in result.fills])
    assert np.abs(signed).max() <= 2_000
    assert one.budgeted.signed_lots == signed[-1]
