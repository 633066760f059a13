"""The balanced execution on a small market of agents: it does what its plan says, and no more."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest

from counterpoise.balance.basket.balanced import Balanced, BalancedConfig, TokenPlan, _best
from counterpoise.balance.disguise.clock_law import ClockLaw
from counterpoise.balance.disguise.size_law import SizeLaw
from counterpoise.balance.execution import CancelOrder, PlaceOrder, Seen
from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.forecast.move_forecast import MoveForecast
from counterpoise.forecast.signals import MarketSignals
from counterpoise.market.order import Approved, Fill, Order, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

CONFIG: Final = agent_market_config(seed=5, duration="40s", tokens=2, venues=1)
NO_VIEW: Final = MoveForecast(horizon="30s", names=MarketSignals([0]).names, weights=(0.0,) * 14)
LATENCY: Final = ConstantLatency(order="5ms", ack="5ms", feed="5ms")


def plan(quantity: Float1D, *, start_s: float = 2, end_s: float = 30) -> TokenPlan:
    times = CONFIG.start_ns + (np.array([start_s, end_s]) * SECOND_NS).astype(np.int64)
    return TokenPlan(("BTC", "ETH"), times, np.array([np.zeros(2), quantity]))


def balanced(quantity: Float1D, *, seed: int = 1, **terms: object) -> Balanced:
    return Balanced(
        "b",
        CONFIG.instruments,
        plan=plan(quantity),
        forecast=NO_VIEW,
        share=np.array([0.6, 0.4, 0.6, 0.4]),
        config=BalancedConfig(**terms),  # type: ignore[arg-type]
        rng=np.random.default_rng(seed),
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


HIDDEN: Final = {"clock": ClockLaw(every="1500ms", most="4s"), "display": 1.0, "mix_bps": 0.5, "join": 0.5}


def test_hidden_it_does_the_same_at_other_times_and_sizes() -> None:
    """Decided on at random, in sizes like the touch's: all is done, markets are sent to at steps of their own."""
    one = balanced(np.array([1.0, 20.0]), last=0.2, **HIDDEN)
    lots, fills = worked(one)
    assert sum(lots[i.id] for i in CONFIG.instruments[:2]) == 1_000
    assert sum(lots[i.id] for i in CONFIG.instruments[2:]) == 20_000
    (_, again), (_, plain) = (
        worked(balanced(np.array([1.0, 20.0]), last=0.2, **HIDDEN)),
        worked(balanced(np.array([1.0, 20.0]))),
    )
    assert again == fills
    assert plain != fills


RESTS: Final = {"join_bps": -1.0, "cross_bps": 1e6}


def shows(one: Balanced, seconds: range, *, lots: int = 200) -> list[tuple[int, int, Order]]:
    """Second, market and order of all that it sends where each market shows so many lots and nothing is ever heard."""
    seen = {i.id: Seen(TopOfBook(100_000, lots, 100_010, lots, BookState.SYNCED), 0) for i in CONFIG.instruments}
    number = {i.id: m for m, i in enumerate(CONFIG.instruments)}
    return [
        (second, number[action.order.instrument], action.order)
        for second in seconds
        for action in one.step(CONFIG.start_ns + second * SECOND_NS, seen)
        if isinstance(action, PlaceOrder)
    ]


def test_a_market_is_decided_on_at_times_of_its_own() -> None:
    first = {}
    for second, market, _ in shows(balanced(np.array([3.0, 60.0]), clock=ClockLaw(every="3s", most="9s")), range(2, 14)):
        first.setdefault(market, second)
    assert len(first) == 4
    every = {}
    for second, market, _ in shows(balanced(np.array([3.0, 60.0])), range(2, 14)):
        every.setdefault(market, second)
    assert set(every.values()) == {3}


def test_what_rests_shows_no_more_than_its_touch() -> None:
    plain = shows(balanced(np.array([3.0, 60.0]), **RESTS), range(2, 6))
    shy = shows(balanced(np.array([3.0, 60.0]), display=1.0, **RESTS), range(2, 6))
    assert max(order.qty_lots for _, _, order in plain) > 1_000
    assert 100 <= max(order.qty_lots for _, _, order in shy) <= 300


def test_kinds_and_markets_take_turns() -> None:
    """All views alike: the first two markets win every tie, unless turns are drawn; half of those that rest do not improve."""
    always, mixed = set(), set()
    for seed in range(12):
        for terms, found in (({}, always), ({"mix_bps": 1.0, "join": 0.5}, mixed)):
            one = balanced(np.array([3.0, 60.0]), markets=1, seed=seed, **RESTS, **terms)
            found.update((market, order.price_ticks) for _, market, order in shows(one, range(2, 4)))
    assert always == {(0, 100_001), (2, 100_001)}
    assert {market for market, _ in mixed} == {0, 1, 2, 3}
    assert {price for _, price in mixed} == {100_000, 100_001}


def test_nothing_is_sent_to_rest_just_before_the_end() -> None:
    one = balanced(np.array([3.0, 60.0]), last=0.0)
    step, end = SECOND_NS // 4, int(plan(np.array([3.0, 60.0])).times_ns[-1])
    seen = {i.id: Seen(TopOfBook(100_000, 200, 100_010, 200, BookState.SYNCED), 0) for i in CONFIG.instruments}
    one.step(end - 3 * step, {i.id: Seen(TopOfBook(0, 0, 0, 0, BookState.STALE), 0) for i in CONFIG.instruments})
    late = [action.order for action in one.step(end - 2 * step, seen) if isinstance(action, PlaceOrder)]
    assert {order.time_in_force for order in late} <= {TimeInForce.IOC}


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
    for terms, laws in (({"sizes": "market"}, None), ({"sizes": "market"}, [SizeLaw.around(5)]), ({}, [SizeLaw.around(5)] * 4)):
        with pytest.raises(InputError, match="laws of sizes"):
            Balanced(
                "b",
                CONFIG.instruments,
                plan=plan(np.array([3.0, 60.0])),
                forecast=NO_VIEW,
                share=np.full(4, 0.5),
                config=BalancedConfig(**terms),
                rng=np.random.default_rng(0),
                sizes=laws,
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
    for bad in ({"sizes": "odd"}, {"mix_bps": -1.0}, {"join": 1.5}, {"display": -1.0}, {"rest": "soon"}):
        with pytest.raises(InputError):
            BalancedConfig(**bad)  # type: ignore[arg-type]
