"""Conduct: each breach is found where it was planted, and the executions we ship have none."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.basket.balanced import Balanced, BalancedConfig, TokenPlan
from counterpoise.balance.disguise.clock_law import ClockLaw
from counterpoise.balance.disguise.conduct import RULES, conduct
from counterpoise.balance.disguise.size_law import SizeLaw
from counterpoise.balance.execution import PlaceOrder, Seen
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS, parse_duration
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


HIDDEN: Final = BalancedConfig(sizes="market", clock=ClockLaw(every="500ms", most="3s"), display=1.0, mix_bps=0.3, join=0.3)


def sent(config: BalancedConfig, *, every: str | ClockLaw) -> pl.DataFrame:
    """All that the balanced execution sent on a market of agents, a token bought and another sold."""
    market = agent_market_config(seed=8, duration="60s", tokens=2, venues=1)
    times = market.start_ns + np.array([2, 50]) * SECOND_NS
    one = Balanced(
        "b",
        market.instruments,
        plan=TokenPlan(("BTC", "ETH"), times, np.array([[0.0, 0.0], [40.0, -900.0]])),
        forecast=MoveForecast(horizon="30s", names=MarketSignals([0]).names, weights=(0.1,) * 14),
        share=np.array([0.6, 0.4, 0.6, 0.4]),
        config=config,
        rng=np.random.default_rng(1),
        sizes=[SizeLaw.like([20, 50, 100, 500, 2_000, 9_000], mean=900.0)] * 4 if config.sizes == "market" else None,
    )
    venue, rows = AgentVenue(market, latency=ConstantLatency(order="5ms", ack="5ms", feed="5ms")), dict[str, dict[str, Any]]()
    span = market.start_ns + SECOND_NS, market.end_ns
    wakes = (
        range(*span, parse_duration(every)) if isinstance(every, str) else every.times(*span, np.random.default_rng(2)).tolist()
    )
    for ts in wakes:
        venue.advance(ts)
        list(venue.market())
        for event in venue.events():
            one.hear(event)
            row = rows[event.client_id]
            if isinstance(event, Fill):
                row["filled_lots"] += event.qty_lots
            elif not event.state.live:
                row |= {"ended_ns": event.ts_ns, "withdrawn": row["rests"] and event.state is OrderState.CANCELLED}
        for action in one.step(ts, {i.id: Seen(venue.top(i.id), 0) for i in market.instruments}):
            if isinstance(action, PlaceOrder):
                placed = action.order
                rows[placed.client_id] = order(
                    placed.client_id,
                    instrument=placed.instrument,
                    side=placed.side,
                    price_ticks=placed.price_ticks,
                    qty_lots=placed.qty_lots,
                    filled_lots=0,
                    rests=placed.time_in_force is not TimeInForce.IOC,
                    sent_ns=ts,
                    ended_ns=None,
                )
                venue.submit(Approved(placed))
            else:
                venue.cancel(action.client_id)
    return pl.DataFrame(list(rows.values()), schema_overrides=SCHEMA)


@pytest.mark.parametrize(
    ("config", "every"),
    [
        (BalancedConfig(), "1s"),
        (BalancedConfig(), "250ms"),
        (HIDDEN, "250ms"),
        (HIDDEN, "1s"),
        (HIDDEN, ClockLaw(every="300ms", most="2s")),
    ],
)
def test_the_balanced_execution_behaves(config: BalancedConfig, every: str | ClockLaw) -> None:
    orders = sent(config, every=every)
    assert orders.height > 20
    assert orders["withdrawn"].any()
    assert conduct(orders).is_empty()
    for _, of_one in orders.group_by("instrument", maintain_order=True):
        lots = of_one["qty_lots"].to_numpy()
        again = lots[1:] == lots[:-1]
        assert not (again & (lots[1:] > 1)).any()


def test_without_its_rest_it_would_not() -> None:
    """Decided on four times a second an order may be taken back before it could trade: the rule sees it."""
    found = conduct(sent(BalancedConfig(rest="1ms"), every="250ms"))
    assert set(found["rule"]) == {"fleeting"}
