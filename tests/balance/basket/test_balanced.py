"""The balanced execution on a small market of agents: it does what its plan says, and no more."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from counterpoise.balance.basket.balanced import Balanced, BalancedConfig, TokenPlan, _best
from counterpoise.balance.execution import CancelOrder, PlaceOrder, Seen
from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.forecast.move_forecast import MoveForecast
from counterpoise.forecast.signals import MarketSignals
from counterpoise.market.order import Approved, Fill
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

CONFIG: Final = agent_market_config(seed=5, duration="40s", tokens=2, venues=1)
NO_VIEW: Final = MoveForecast(horizon="30s", names=MarketSignals([0]).names, weights=(0.0,) * 14)
LATENCY: Final = ConstantLatency(order="5ms", ack="5ms", feed="5ms")


def plan(quantity: Float1D, *, start_s: float = 2, end_s: float = 30) -> TokenPlan:
    times = CONFIG.start_ns + (np.array([start_s, end_s]) * SECOND_NS).astype(np.int64)
    return TokenPlan(("BTC", "ETH"), times, np.array([np.zeros(2), quantity]))


def balanced(quantity: Float1D, **terms: object) -> Balanced:
    return Balanced(
        "b",
        CONFIG.instruments,
        plan=plan(quantity),
        forecast=NO_VIEW,
        share=np.array([0.6, 0.4, 0.6, 0.4]),
        config=BalancedConfig(**terms),  # type: ignore[arg-type]
        rng=np.random.default_rng(1),
    )


def worked(one: Balanced) -> tuple[dict[str, int], list[Fill]]:
    """Signed lots by instrument after every second decided until the end."""
    venue, fills, live = AgentVenue(CONFIG, latency=LATENCY), [], set()
    for ts in range(CONFIG.start_ns + SECOND_NS, CONFIG.end_ns, SECOND_NS):
        venue.advance(ts)
        list(venue.market())
        for event in venue.events():
            one.hear(event)
            fills += [event] if isinstance(event, Fill) else []
        for action in one.step(ts, {i.id: Seen(venue.top(i.id), 0) for i in CONFIG.instruments}):
            if isinstance(action, PlaceOrder):
                assert action.order.client_id not in live
                live.add(action.order.client_id)
                venue.submit(Approved(action.order))
            else:
                assert isinstance(action, CancelOrder)
                venue.cancel(action.client_id)
    lots = {i.id: sum(f.side * f.qty_lots for f in fills if f.instrument == i.id) for i in CONFIG.instruments}
    return lots, fills


def test_it_buys_one_token_and_sells_the_other_to_the_last_lot() -> None:
    quantity = np.array([3.0, -60.0])
    one = balanced(quantity)
    lots, fills = worked(one)
    of_token = [sum(lots[i.id] for i in CONFIG.instruments if i.base == base) for base in ("BTC", "ETH")]
    assert of_token == [3_000, -60_000]
    assert one.done
    assert {f.side for f in fills if f.instrument.startswith("alpha:ETH")} == {-1}
    assert len({f.qty_lots for f in fills}) > 5
    end = CONFIG.end_ns
    assert sum(one.standing(i.id, end).filled_lots for i in CONFIG.instruments[:2]) == 3_000
    assert all(one.standing(i.id, end).live_lots == 0 for i in CONFIG.instruments)


def test_the_same_seed_does_the_same() -> None:
    quantity = np.array([1.0, 20.0])
    (_, one), (_, two) = worked(balanced(quantity)), worked(balanced(quantity))
    assert one == two


def test_a_plan_is_linear_between_its_times() -> None:
    found = plan(np.array([3.0, -60.0]))
    middle = int(found.times_ns.mean())
    assert found.at(middle) == pytest.approx([1.5, -30.0])
    assert found.at(0).tolist() == [0.0, 0.0]
    assert found.at(found.times_ns[-1] + 1).tolist() == [3.0, -60.0]


def test_the_best_markets_of_each_token() -> None:
    view, token = np.array([1.0, 3.0, 2.0, 2.0, 5.0]), np.array([0, 0, 0, 1, 1])
    assert _best(view, token, 1).tolist() == [False, True, False, False, True]
    assert _best(view, token, 2).tolist() == [False, True, True, True, True]
    assert _best(np.zeros(3), np.zeros(3, np.int64), 1).tolist() == [True, False, False]


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(InputError, match="changes its side"):
        Balanced(
            "b",
            CONFIG.instruments,
            plan=TokenPlan(("BTC", "ETH"), np.array([0, 1, 2]), np.array([[0.0, 0], [2, 1], [1, 2]])),
            forecast=NO_VIEW,
            share=np.full(4, 0.5),
            config=BalancedConfig(),
            rng=np.random.default_rng(0),
        )
    for tokens, error in ((("BTC",), UnknownName), (("BTC", "ETH", "SOL"), InputError)):
        with pytest.raises(error):
            Balanced(
                "b",
                CONFIG.instruments,
                plan=TokenPlan(tokens, np.array([0, 1]), np.array([[0.0] * len(tokens), [1.0] * len(tokens)])),
                forecast=NO_VIEW,
                share=np.full(4, 0.5),
                config=BalancedConfig(),
                rng=np.random.default_rng(0),
            )
    for bad in ({"band": 0.0}, {"markets": 0}, {"cross_bps": 0.0, "join_bps": 1.0}, {"pressure_bps": -1.0}):
        with pytest.raises(InputError):
            BalancedConfig(**bad)  # type: ignore[arg-type]
