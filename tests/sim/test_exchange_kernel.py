"""The exchange against its naive twin, request by request and row by row."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.arrays import Int2D
from counterpoise.market.book import Book
from counterpoise.sim.exchange.kernels.layout import TAPE_ROWS
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.exchange.kernels.outputs import tell_snapshot
from counterpoise.sim.exchange.rules import SelfTrade
from counterpoise.sim.exchange.tape import tape_events
from reference.exchange_pair import Pair, RandomRequests, small_config

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
