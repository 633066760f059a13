"""The exchange against its naive twin, request by request and row by row."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.arrays import Int2D
from counterpoise.market.book import Book
from counterpoise.sim.exchange.floor import new_exchange
from counterpoise.sim.exchange.kernels.layout import BEST, NO_KEY, ORDER_SIZE, ORDERS, SHOWN, TAPE_ROWS
from counterpoise.sim.exchange.kernels.levels import enqueue, leave, next_above, next_below, reach, side_of
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.exchange.kernels.outputs import tell_snapshot
from counterpoise.sim.exchange.rules import ExchangeConfig, MarketRules, SelfTrade
from counterpoise.sim.exchange.tape import tape_events
from reference.exchange_pair import INVERSE, Pair, RandomRequests, small_config

SEEDS = st.integers(0, 2**32)
MODES: tuple[SelfTrade, ...] = ("allowed", "cancel_newest", "cancel_oldest", "cancel_both", "decrement")


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=20)
@given(seed=SEEDS)
def test_requests_equal_the_naive_ones(mode: SelfTrade, seed: int) -> None:
    pair = Pair(small_config(mode))
    requests = RandomRequests(pair, seed)
    for _ in range(120):
        requests.one()
    pair.compare_accounts()
    pair.compare_books()


@settings(max_examples=20)
@given(seed=SEEDS)
def test_books_of_the_tape_are_those_of_the_exchange(seed: int) -> None:
    """At every message boundary, through `market.Book`, which knows nothing of orders."""
    pair = Pair(small_config("cancel_oldest"))
    books = [Book() for _ in pair.config.markets]
    for number in range(len(books)):
        tell_snapshot(pair.ex, pair.tape, int(market_at(pair.ex, number)), 0)
    apply_tape(pair.tape[: pair.ex[TAPE_ROWS]], books)
    pair.ex[TAPE_ROWS], pair.naive.seq = 0, len(books)
    requests = RandomRequests(pair, seed)
    for _ in range(150):
        requests.one()
        apply_tape(pair.told, books)
        for market, book in zip(pair.naive.markets, books, strict=True):
            for side in (1, -1):
                levels = book.levels(side)
                shown = sorted(((p, market.lots(side, p)) for p in market.sides[side]), reverse=side > 0)
                assert list(zip(levels.price_ticks.tolist(), levels.qty_lots.tolist(), strict=True)) == shown


def apply_tape(rows: Int2D, books: list[Book]) -> None:
    for events, book in zip(tape_events(rows, markets=len(books)), books, strict=True):
        book.apply(events)


@settings(max_examples=30)
@given(seed=SEEDS, bits=st.sampled_from((6, 7, 12, 13, 15)))
def test_levels_are_found_over_any_gap_naive(seed: int, bits: int) -> None:
    """A ring of one word up to eight words of the upper layer, around prices that drift, against a sorted set."""
    draw, length = random.Random(seed), 1 << bits
    market = MarketRules(instrument=INVERSE, reach_ticks=length)
    ex = new_exchange(ExchangeConfig(markets=(market,), accounts=1, orders=64, max_fills=1))
    at = int(market_at(ex, 0))
    live: dict[tuple[int, int], int] = {}
    places = [int(ex[ORDERS]) + i * ORDER_SIZE for i in range(1, 64)]
    centre = 10**6
    for _ in range(150):
        centre += draw.choice((0, 0, -length // 8, length // 8))
        side, price = draw.choice((1, -1)), centre + draw.randint(-length // 2, length // 2)
        prices = [p for _, p in live]
        assert reach(ex, at, price) == (not prices or max(*prices, price) - min(*prices, price) < length)
        if (side, price) not in live and places and draw.random() < 0.6 and reach(ex, at, price):
            live[side, price] = places.pop()
            ex[live[side, price] + SHOWN] = 1
            enqueue(ex, side_of(at, side), side * price, live[side, price])
        elif live:
            side, price = draw.choice(list(live))
            leave(ex, side_of(at, side), side * price, live[side, price])
            places.append(live.pop((side, price)))
        for side in (1, -1):
            keys = sorted(side * p for s, p in live if s == side)
            assert ex[side_of(at, side) + BEST] == (keys[-1] if keys else NO_KEY)
            for below, above in pairwise(keys):
                assert next_below(ex, side_of(at, side), above) == below
                assert next_above(ex, side_of(at, side), below) == above
