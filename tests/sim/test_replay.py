"""The replayed book with our orders in it, against a slow twin on random streams."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from counterpoise.core.units import MS_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.event import ORDER, Events
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.queue import QueueModel
from counterpoise.sim.replay.response import NO_RESPONSE, Followers, Resilience, ResponseModel
from reference.naive_replay import NaiveMarket
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
CENTRE = 100_000_000  # so far from zero that no price of a stream is negative
IMPACT = TransientImpact(bps_per_million=2.0137e-3, permanent=0.3, half_lives=("300ms", "5s"), weights=(0.7, 0.3))
RESPONSES = {
    "plain": NO_RESPONSE,
    "consumed": ResponseModel(resilience=Resilience(half_life="1s")),
    "moved": ResponseModel(impact=IMPACT, resilience=Resilience(half_life="")),
    "both": ResponseModel(impact=IMPACT, resilience=Resilience(half_life="2s")),
    "all": ResponseModel(
        impact=IMPACT,
        resilience=Resilience(half_life="1s", half_life_behind="3s", cancels=0.7),
        followers=Followers(per_lot=0.3, half_lives=("500ms", "4s"), weights=(0.4, 0.6), volume_per_s=0.05),
    ),
    "followed": ResponseModel(resilience=Resilience(half_life=""), followers=Followers(per_lot=2, volume_per_s=0.02)),
}
QUEUES = ("conservative", "proportional", "power:3", "power:0.5", "log", "exact")
SEEDS = st.integers(0, 2**32)


def stream(seed: int, messages: int = 120, *, named: bool = False) -> Events:
    """Random messages; `named` makes most rows those of one order each, drawn from some dozens, so that they come and go."""
    events = RandomStream(seed, centre=CENTRE, far=100_000, pace_ns=100 * MS_NS).events(messages)
    if not named:
        return events
    rng = np.random.default_rng(seed)
    flags = events.flags | (rng.random(events.rows) < 0.8) * np.uint8(ORDER)
    return events._replace(flags=flags.astype(np.uint8), id=rng.integers(0, 40, events.rows))


class Both:
    """The market and its twin, driven alike; whatever they say is compared at once."""

    def __init__(self, response: ResponseModel, seed: int, queue: str = "conservative") -> None:
        self.ours, self.naive = ReplayMarket(PERP, response, QueueModel.parse(queue)), NaiveMarket(PERP, response, queue)
        self.draw = random.Random(seed)
        self.number = self.fills = 0
        self.ts = 0

    def feed(self, events: Events) -> None:
        self.ours.feed(events)
        self.naive.feed(events)

    def run(self, until: int) -> None:
        self.ts = until
        while pieces := self.naive.run(until):
            assert [tuple(e) for e in self.ours.run(until)] == pieces
            self.fills += len(pieces)
        assert self.ours.run(until) == []

    def compare(self) -> None:
        *best, state = self.naive.top(self.ts)
        shown = self.ours.top(self.ts)
        assert (*shown[:4], shown.state.name) == (*best, state)
        assert self.ours.shift_ticks(self.ts) == self.naive.shift(self.ts)
        for order in self.naive.orders:
            assert self.ours.left(order.number) == order.left
            assert self.ours.ahead(order.number) == pytest.approx(order.ahead, rel=1e-12)

    def near(self, side: int) -> int:
        bid, _, ask, _, _ = self.naive.top(self.ts)
        return ((bid if side > 0 else ask) or CENTRE) + self.draw.choice((0, 0, -side * self.draw.randint(0, 6), side))

    def rest(self) -> None:
        side = self.draw.choice((1, -1))
        self.number += 1
        order = self.number, self.ts, side, self.near(side), self.draw.choice((1, self.draw.randint(1, 60), 10**6))
        self.ours.rest(*order)
        self.naive.rest(*order)

    def remove(self) -> None:
        number = self.draw.randint(1, self.number + 1)
        assert self.ours.remove(number) == self.naive.remove(number)

    def shrink(self) -> None:
        if self.naive.orders:
            order = self.draw.choice(self.naive.orders)
            order.left = self.draw.randint(1, order.left)
            self.ours.shrink(order.number, order.left)

    def take(self) -> None:
        if self.naive.book.state != "SYNCED":
            return
        side = self.draw.choice((1, -1))
        limit = self.draw.choice((None, self.near(-side), self.near(-side) + 20 * side))
        order = self.ts, side, self.draw.choice((1, self.draw.randint(1, 80))), limit
        assert [tuple(e) for e in self.ours.take(*order)] == self.naive.take(*order)

    def depth(self) -> None:
        edges = np.cumsum([CENTRE - 50, *(self.draw.choice((1, 2, 30)) for _ in range(12))])
        edges += self.near(1) - CENTRE
        expected = [self.naive.depth(self.ts, low, high) for low, high in pairwise(edges)]
        assert self.ours.depth_rows(self.ts, edges).tolist() == expected

    def step(self, until: int) -> None:
        self.run(until)
        for _ in range(self.draw.choice((0, 1, 2))):
            self.draw.choice((self.rest, self.rest, self.rest, self.take, self.take, self.remove, self.shrink, self.depth))()
        self.compare()


@pytest.mark.parametrize("response", RESPONSES)
@given(seed=SEEDS)
@example(seed=274)  # a thousandth of a lot left by one take was counted by the next
@settings(max_examples=20)
def test_equals_naive_market_on_random_streams(response: str, seed: int) -> None:
    """Every fill, queue, size and price, while we rest, take, cancel and shrink at random times."""
    trade_at_random(Both(RESPONSES[response], seed), stream(seed))


@pytest.mark.parametrize("response", ["all"])
@pytest.mark.parametrize("queue", QUEUES[1:])
@given(seed=SEEDS)
@settings(max_examples=8)
def test_equals_naive_market_with_every_queue_model(queue: str, response: str, seed: int) -> None:
    trade_at_random(Both(RESPONSES[response], seed, queue), stream(seed, named=queue == "exact"))


def trade_at_random(both: Both, events: Events) -> None:
    cut = events.rows // 2
    both.feed(events.cut(0, cut))
    both.feed(events.cut(cut, events.rows))
    for ts in range(int(events.ts_local[0]), int(events.ts_local[-1]) + 200 * MS_NS, 150 * MS_NS):
        both.step(ts)


@pytest.mark.nojit
def test_the_streams_make_orders_fill() -> None:
    """The comparison above is not of silence: in one stream some hundred pieces of resting orders trade."""
    both, events = Both(RESPONSES["both"], 5), stream(5, 600)
    both.feed(events)
    for ts in range(int(events.ts_local[0]), int(events.ts_local[-1]), 150 * MS_NS):
        both.step(ts)
    assert both.fills > 100


@given(seed=SEEDS)
@settings(max_examples=30)
def test_fills_do_not_depend_on_how_time_is_cut(seed: int) -> None:
    """One order rests under impact that decays; asking every 10 ms or once, in pieces or whole, it fills alike."""
    events = stream(seed)
    heard = []
    for pause, pieces in ((10 * MS_NS, 1), (10**12, 7)):
        market = ReplayMarket(PERP, RESPONSES["both"])
        for cut in np.array_split(np.arange(events.rows), pieces):
            market.feed(events.cut(int(cut[0]), int(cut[-1]) + 1))
        middle, end = int(events.ts_local[events.rows // 3]), int(events.ts_local[-1]) + 1
        market.run(middle)
        market.take(middle, 1, 300, None)
        top = market.top(middle)
        for number, (side, price) in enumerate(((1, top.bid_ticks or CENTRE), (-1, top.ask_ticks or CENTRE))):
            market.rest(number, middle, side, price, 10**9)
        fills, ts = [], middle
        while ts < end:
            ts = min(end, ts + pause)
            while pieces_of := market.run(ts):
                fills += pieces_of
        heard.append(fills)
    assert heard[0] == heard[1]
