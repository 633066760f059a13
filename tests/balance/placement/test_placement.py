"""The choice of a place: its arithmetic by hand, its laws, that it does not flicker, and that an execution lives by it."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.balance.basket.balanced import Balanced, BalancedConfig, TokenPlan
from counterpoise.balance.disguise.conduct import conduct
from counterpoise.balance.execution import PlaceOrder, Seen
from counterpoise.balance.placement.adverse_selection import AdverseSelection
from counterpoise.balance.placement.fill_model import FillModel
from counterpoise.balance.placement.placement import STANCES, Moment, Placement, PlacementConfig, placement_costs
from counterpoise.balance.placement.stance import Stance
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.forecast.move_forecast import MoveForecast
from counterpoise.forecast.signals import MarketSignals
from counterpoise.market.order import Approved, Fill, TimeInForce
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

HALF: Final = float(np.log(np.log(2)))  # a log hazard of which half is filled in a second
EVEN: Final = PlacementConfig(
    fill=FillModel(weights=(HALF, 0.0, 0.0, 0.0, 0.0, 0.0), shape=1.0),
    adverse=AdverseSelection(weights=(-2.0, 0.5, 0.0, 0.0, 0.0, 0.0)),
    maker_bps=1.0,
    taker_bps=4.0,
    horizon="1s",
)
REAL: Final = msgspec.structs.replace(
    EVEN,
    fill=FillModel(weights=(-2.4, 0.2, -0.07, -0.05, -0.17, 0.01), shape=0.8),
    adverse=AdverseSelection(weights=(-1.3, 0.0, 0.0, 0.2, -0.8, 0.0)),
    horizon="10s",
)


def moment(*, later: float, move: float = 0.0, bid: float = 9_997, ask: float = 10_003, side: int = 1) -> Moment:
    one = np.ones(1)
    return Moment(side * one, bid * one, 5 * one, ask * one, 5 * one, one, later * one, move * one)


def test_costs_by_hand() -> None:
    """Half spread 3 bps, a tick 1 bp, half of what rests is filled within the second."""
    wait, join, improve, cross = placement_costs(EVEN, moment(later=5.0, move=0.3))[0]
    assert wait == pytest.approx(5.3)
    assert cross == pytest.approx(7.0)
    assert join == pytest.approx(0.5 * (-3 + 1) + 0.5 * 5 + 0.3 - 0.5 * (-2 + 0.3))
    assert improve == pytest.approx(0.5 * (-2 + 1) + 0.5 * 5 + 0.3 - 0.5 * (-1.5 + 0.3))
    dearer = placement_costs(msgspec.structs.replace(EVEN, take_bps=2.0, later_bps=-1.0), moment(later=6.0, move=0.3))[0]
    assert dearer == pytest.approx([wait, join, improve, cross + 2.0])


@given(
    later=st.floats(-10, 30),
    move=st.floats(-5, 5),
    half=st.integers(1, 20),
    side=st.sampled_from([1, -1]),
    own=st.floats(1, 1e4),
    across=st.floats(1, 1e4),
)
@settings(max_examples=80)
def test_laws(later: float, move: float, half: int, side: int, own: float, across: float) -> None:
    """Rest beats waiting just where a fill beats what comes later; pressure and views push towards the other side."""

    def seen(later: float, move: float) -> Moment:
        bid_lots, ask_lots = (own, across) if side > 0 else (across, own)
        columns = (side, 10_000 - half, bid_lots, 10_000 + half, ask_lots, 3.0, later, move)
        return Moment(*(np.full(1, float(value)) for value in columns))

    here = placement_costs(REAL, seen(later, move))[0]
    assert here[3] == pytest.approx(half + REAL.taker_bps)
    mirrored = seen(later, move)._replace(side=np.full(1, -float(side)))
    swapped = mirrored._replace(bid_lots=mirrored.ask_lots, ask_lots=mirrored.bid_lots)
    assert placement_costs(REAL, swapped)[0] == pytest.approx(here)
    pressed = placement_costs(REAL, seen(later + 1.0, move))[0]
    assert 0 <= (pressed - here)[1] <= 1 + 1e-9
    assert (pressed - here)[[0, 3]] == pytest.approx([1.0, 0.0])
    foreseen = placement_costs(REAL, seen(later, move + 1.0))[0]
    assert (foreseen - here)[0] == pytest.approx(1.0)
    assert 0 <= (foreseen - here)[1] <= 1 + 1e-9


def test_urgency_goes_from_waiting_to_resting_to_crossing() -> None:
    order = [Stance.WAIT, Stance.JOIN, Stance.IMPROVE, Stance.CROSS]
    places = []
    for later in np.arange(-10.0, 40.0, 0.5):
        (stance,) = Placement(REAL, 1).choose(0, moment(later=later), resting=np.zeros(1, bool))
        places.append(order.index(stance))
    assert places[0] == 0
    assert places[-1] == 3
    assert {1, 2} & set(places)
    assert places == sorted(places)


def test_a_book_without_two_sides_or_room() -> None:
    costs = placement_costs(REAL, moment(later=3.0, bid=0.0))[0]
    assert costs[0] == 3.0
    assert np.isinf(costs[1:]).all()
    tight = placement_costs(REAL, moment(later=3.0, bid=10_000, ask=10_001))[0]
    assert np.isinf(tight[2])
    assert np.isfinite(tight[[0, 1, 3]]).all()


def test_it_does_not_flicker() -> None:
    """A view that jumps about the threshold by less than the hysteresis changes nothing; by more, once a least rest."""
    edge = next(
        later
        for later in np.arange(-10, 10, 0.01)
        if np.argmin(placement_costs(REAL, moment(later=later))[0]) != 0
    )  # fmt: skip
    config = msgspec.structs.replace(REAL, change_bps=0.2, least_rest="3s")
    still, jumping = Placement(config, 1), Placement(config, 1)
    rests = np.ones(1, bool)
    assert still.choose(0, moment(later=edge + 5), resting=~rests) != [Stance.WAIT]
    rng = np.random.default_rng(1)
    steady = [
        still.choose(10 * SECOND_NS + t, moment(later=edge + rng.uniform(-0.1, 0.1)), resting=rests)[0] for t in range(99)
    ]
    assert len(set(steady)) == 1
    changes = []
    for t in range(60):
        changes.append(jumping.choose(t * SECOND_NS, moment(later=edge + (20 if t % 2 else -20)), resting=rests)[0])
    lives = [len(run) for run in "".join("r" if c in (Stance.JOIN, Stance.IMPROVE) else " " for c in changes).split()]
    assert min(lives, default=3) >= 3


def test_an_order_sent_anew_begins_its_rest_anew() -> None:
    config = msgspec.structs.replace(REAL, least_rest="3s")
    one = Placement(config, 1)
    rests = np.ones(1, bool)
    (first,) = one.choose(0, moment(later=1.0), resting=~rests)
    assert first in (Stance.JOIN, Stance.IMPROVE)
    assert one.choose(8 * SECOND_NS, moment(later=1.0), resting=~rests) == [first]  # filled meanwhile: another is sent now
    assert one.choose(9 * SECOND_NS, moment(later=-50.0), resting=rests) == [first]
    assert one.choose(11 * SECOND_NS, moment(later=-50.0), resting=rests) == [Stance.WAIT]


def test_balanced_lives_by_it_and_behaves() -> None:
    """The whole is done, most of it resting, and no order is withdrawn before it could trade."""
    market = agent_market_config(seed=5, duration="40s", tokens=2, venues=1)
    times = market.start_ns + np.array([2, 30]) * SECOND_NS
    plan = TokenPlan(("BTC", "ETH"), times, np.array([[0.0, 0.0], [3.0, -60.0]]))
    execution = Balanced(
        "b",
        market.instruments,
        plan=plan,
        forecast=MoveForecast(horizon="30s", names=MarketSignals([0]).names, weights=(0.0,) * 14),
        share=np.array([0.6, 0.4, 0.6, 0.4]),
        config=BalancedConfig(placement=REAL, band=0.1),
        rng=np.random.default_rng(1),
    )
    venue, orders = AgentVenue(market, latency=ConstantLatency(order="5ms", ack="5ms", feed="5ms")), dict[str, dict[str, Any]]()
    rested = traded = 0
    for ts in range(market.start_ns + SECOND_NS, market.end_ns, SECOND_NS // 2):
        venue.advance(ts)
        list(venue.market())
        for event in venue.events():
            execution.hear(event)
            row = orders[event.client_id]
            if isinstance(event, Fill):
                row["filled_lots"] += event.qty_lots
                rested, traded = rested + event.qty_lots * event.maker, traded + event.qty_lots
            elif not event.state.live:
                row["ended_ns"] = event.ts_ns
        for action in execution.step(ts, {i.id: Seen(venue.top(i.id), 0) for i in market.instruments}):
            if isinstance(action, PlaceOrder):
                order = action.order
                named = {name: getattr(order, name) for name in ("client_id", "instrument", "side", "price_ticks", "qty_lots")}
                rests = order.time_in_force is TimeInForce.POST_ONLY
                fate = {"filled_lots": 0, "rests": rests, "sent_ns": ts, "ended_ns": None, "withdrawn": False}
                orders[order.client_id] = named | fate
                venue.submit(Approved(order))
            else:
                orders[action.client_id]["withdrawn"] = True
                venue.cancel(action.client_id)
    assert execution.done
    assert rested > 0.3 * traded
    schema = {"client_id": pl.String, "instrument": pl.String, "rests": pl.Boolean, "withdrawn": pl.Boolean}
    frame = pl.DataFrame(list(orders.values()), schema_overrides=schema | {"ended_ns": pl.Int64})
    assert conduct(frame, least_life="500ms").is_empty()


def test_what_is_refused() -> None:
    for terms in ({"horizon": "0s"}, {"change_bps": -1.0}, {"take_bps": -1.0}, {"maker_bps": float("nan")}):
        with pytest.raises(InputError):
            PlacementConfig(**({"fill": EVEN.fill, "adverse": EVEN.adverse} | terms))  # type: ignore[arg-type]
    with pytest.raises(InputError):
        Placement(EVEN, 0)
    assert len(STANCES) == 4
