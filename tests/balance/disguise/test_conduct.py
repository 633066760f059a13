"""Conduct: each breach is found where it was planted, and the executions we ship have none."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.basket.balanced import Balanced, BalancedConfig, TokenPlan
from counterpoise.balance.disguise.conduct import RULES, conduct
from counterpoise.balance.execution import PlaceOrder, Seen
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.forecast.move_forecast import MoveForecast
from counterpoise.forecast.signals import MarketSignals
from counterpoise.market.order import Approved, Fill, OrderState, TimeInForce
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

SCHEMA: Final = {"ended_ns": pl.Int64}


def order(name: str, **terms: Any) -> dict[str, Any]:
    plain = {
        "client_id": name,
        "instrument": "v:X",
        "side": 1,
        "price_ticks": 100,
        "qty_lots": 10,
        "filled_lots": 10,
        "rests": True,
        "sent_ns": 0,
        "ended_ns": 10 * SECOND_NS,
        "withdrawn": False,
    }
    return plain | terms


def found(*orders: dict[str, Any], **terms: Any) -> list[tuple[str, str]]:
    frame = conduct(pl.DataFrame(list(orders), schema_overrides=SCHEMA), **terms)
    return [(row["client_id"], row["rule"]) for row in frame.iter_rows(named=True)]


def test_good_conduct_is_empty() -> None:
    assert found(order("a"), order("b", sent_ns=5, filled_lots=0, withdrawn=True)) == []
    assert conduct(pl.DataFrame([order("a")]).clear()).is_empty()


def test_an_order_against_the_parent_is_found() -> None:
    assert found(order("a"), order("b", side=-1, price_ticks=200, sent_ns=5 * SECOND_NS)) == [("b", "two_sides")]
    assert found(order("a"), side=-1) == [("a", "two_sides")]
    assert found(order("a"), order("b", side=-1, instrument="v:Y")) == []


def test_meeting_oneself_is_found() -> None:
    ask = order("b", side=-1, price_ticks=100, sent_ns=SECOND_NS)
    assert found(order("a"), ask) == [("b", "self_cross"), ("b", "two_sides")]
    assert found(order("a"), ask | {"price_ticks": 101}) == [("b", "two_sides")]
    assert found(order("a", ended_ns=SECOND_NS), ask) == [("b", "two_sides")]
    assert found(order("a", ended_ns=None), ask | {"rests": False}) == [("b", "self_cross"), ("b", "two_sides")]
    assert found(order("a", rests=False), ask) == [("b", "two_sides")]


def test_what_had_no_time_to_trade_is_found() -> None:
    fleeting = order("a", filled_lots=0, withdrawn=True, ended_ns=400 * MS_NS)
    assert found(fleeting) == [("a", "fleeting")]
    assert found(fleeting, least_life="300ms") == []
    assert found(fleeting | {"filled_lots": 1}) == []
    assert found(fleeting | {"rests": False}) == []


@given(st.permutations(range(4)))
def test_the_order_of_rows_does_not_matter(places: list[int]) -> None:
    rows = [
        order("a"),
        order("b", side=-1, sent_ns=SECOND_NS),
        order("c", sent_ns=2 * SECOND_NS, filled_lots=0, withdrawn=True, ended_ns=2 * SECOND_NS + 1),
        order("d", side=-1, price_ticks=150, sent_ns=3 * SECOND_NS),
    ]
    assert found(*[rows[i] for i in places], side=1) == found(*rows, side=1)


@pytest.mark.parametrize("bad", [{"side": 0}, {"ended_ns": -1}, {"filled_lots": 11}])
def test_orders_that_cannot_be_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="order a has"):
        found(order("a", **bad))
    with pytest.raises(InputError, match="orders lack side"):
        conduct(pl.DataFrame([order("a")]).drop("side"))


def test_rules_name_their_source() -> None:
    assert set(RULES) == {"self_cross", "two_sides", "fleeting"}
    assert all("MAR" in text for text in RULES.values())


def test_the_balanced_execution_behaves() -> None:
    """All that it sent on a market of agents, a token bought and another sold."""
    config = agent_market_config(seed=8, duration="60s", tokens=2, venues=1)
    times = config.start_ns + np.array([2, 50]) * SECOND_NS
    one = Balanced(
        "b",
        config.instruments,
        plan=TokenPlan(("BTC", "ETH"), times, np.array([[0.0, 0.0], [40.0, -900.0]])),
        forecast=MoveForecast(horizon="30s", names=MarketSignals([0]).names, weights=(0.1,) * 14),
        share=np.array([0.6, 0.4, 0.6, 0.4]),
        config=BalancedConfig(),
        rng=np.random.default_rng(1),
    )
    venue, rows = AgentVenue(config, latency=ConstantLatency(order="5ms", ack="5ms", feed="5ms")), dict[str, dict[str, Any]]()
    for ts in range(config.start_ns + SECOND_NS, config.end_ns, SECOND_NS):
        venue.advance(ts)
        list(venue.market())
        for event in venue.events():
            one.hear(event)
            row = rows[event.client_id]
            if isinstance(event, Fill):
                row["filled_lots"] += event.qty_lots
            elif not event.state.live:
                row |= {"ended_ns": event.ts_ns, "withdrawn": row["rests"] and event.state is OrderState.CANCELLED}
        for action in one.step(ts, {i.id: Seen(venue.top(i.id), 0) for i in config.instruments}):
            if isinstance(action, PlaceOrder):
                sent = action.order
                rows[sent.client_id] = order(
                    sent.client_id,
                    instrument=sent.instrument,
                    side=sent.side,
                    price_ticks=sent.price_ticks,
                    qty_lots=sent.qty_lots,
                    filled_lots=0,
                    rests=sent.time_in_force is not TimeInForce.IOC,
                    sent_ns=ts,
                    ended_ns=None,
                )
                venue.submit(Approved(sent))
            else:
                venue.cancel(action.client_id)
    assert len(rows) > 20
    assert any(row["withdrawn"] for row in rows.values())
    assert conduct(pl.DataFrame(list(rows.values()), schema_overrides=SCHEMA)).is_empty()
