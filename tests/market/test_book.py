"""The ladder book against a book of dictionaries, on streams that go where ladders are weak."""

from __future__ import annotations

import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.market.book import Book, grow_ladder, new_ladder
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, LIQUIDATION, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.market.kernels import ladder
from counterpoise.market.quality import BookState
from reference.naive_book import NaiveBook, rows_of
from reference.random_stream import RandomStream

seeds = st.integers(0, 2**32)
BANDS = ("0.01", "1", "5", "25", "4000")


def assert_same(book: Book, naive: NaiveBook) -> None:
    """Every face of the two books."""
    assert (book.state.name, book.messages, book.gaps, book.crossings) == (
        naive.state,
        naive.messages,
        naive.gaps,
        naive.crossings,
    )
    assert (book.best_bid, book.best_ask) == (naive.best(1), naive.best(-1))
    for side in (1, -1):
        expected = naive.levels(side)
        levels = book.levels(side)
        assert list(zip(levels.price_ticks.tolist(), levels.qty_lots.tolist(), strict=True)) == expected
        for count in (1, 3, 10, len(expected) + 2):
            top = book.levels(side, count)
            assert list(zip(top.price_ticks.tolist(), top.qty_lots.tolist(), strict=True)) == expected[:count]
            assert book.depth(side, levels=count) == naive.depth(side, count)
        for price, lots in expected[:: max(1, len(expected) // 5)]:
            assert book.quantity(side, price) == lots
            assert book.quantity(side, price - side) == naive.sides[side].get(price - side, 0)
        if naive.mid is not None:
            for bps in BANDS:
                assert book.depth_within(side, bps=float(bps)) == naive.within(side, bps, mid=naive.mid)
        else:
            assert book.depth_within(side, bps=5.0) == 0


def stepped(events: Events, *, at_most: int, draw: random.Random) -> None:
    """Apply events in random pieces, messages cut or not, and compare after each piece."""
    book, naive, done = Book(), NaiveBook(), 0
    rows = rows_of(events)
    while done < len(rows):
        stop = min(len(rows), done + draw.randint(1, at_most))
        book.apply(events.cut(done, stop))
        for row in rows[done:stop]:
            naive.apply(row)
        assert_same(book, naive)
        done = stop


@given(seed=seeds, far=st.sampled_from([50, 40_000, 10**9]), centre=st.sampled_from([0, 600_000, -(10**12), 10**15]))
@settings(max_examples=60)
def test_equals_naive_book_on_random_streams(seed: int, far: int, centre: int) -> None:
    events = RandomStream(seed, far=far, centre=centre).events(150)
    stepped(events, at_most=60, draw=random.Random(seed))


@given(seed=seeds, exponent=st.integers(40, 60), sign=st.sampled_from([1, -1]))
@settings(max_examples=25)
def test_equals_naive_book_at_extreme_prices(seed: int, exponent: int, sign: int) -> None:
    """Up to 2⁶⁰ ticks from zero, with levels as far again from the centre."""
    stream = RandomStream(seed, centre=sign * (2**exponent - 10_000), far=2**exponent // 100)
    stepped(stream.events(80), at_most=40, draw=random.Random(seed))


def levels_event(levels: list[tuple[int, int, int]], *, kind: int = DELTA) -> Events:
    """One message of (side, price, lots)."""
    n = len(levels)
    side, price, lots = (np.array(column, np.int64) for column in zip(*levels, strict=True))
    flags = np.zeros(n, np.uint8)
    flags[0] |= FIRST
    flags[-1] |= LAST
    zeros = np.zeros(n, np.int64)
    return Events(zeros, zeros, zeros, zeros, np.full(n, kind, np.uint8), side.astype(np.int8), flags, price, lots)


def test_last_prices_the_grid_allows() -> None:
    edge = 2**61 - 1
    book, naive = Book(), NaiveBook()
    for event in (
        levels_event([(1, -edge, 3), (1, -edge + 1, 4), (-1, edge, 5), (-1, 7, 6)], kind=SNAPSHOT),
        levels_event([(1, -edge + 1, 0), (-1, 7, 0)]),
        levels_event([(1, 6, 1), (-1, 8, 1), (-1, edge, 0)]),
    ):
        book.apply(event)
        for row in rows_of(event):
            naive.apply(row)
        assert (book.best_bid, book.best_ask) == (naive.best(1), naive.best(-1))
        assert book.levels(1).price_ticks.tolist() == [price for price, _ in naive.levels(1)]
        assert book.levels(-1).price_ticks.tolist() == [price for price, _ in naive.levels(-1)]


def test_far_table_grows_exactly() -> None:
    """40,000 levels, half of them colliding in the low bits, none lost in seven doublings of the table."""
    draw = random.Random(1)
    prices = {draw.randint(1, 2**40) for _ in range(20_000)} | {k << 20 for k in range(20_000)}
    event = levels_event([(-1, price, price % 1000 + 1) for price in sorted(prices, key=lambda p: hash((p, 7)))], kind=SNAPSHOT)
    book = Book()
    book.apply(event)
    levels = book.levels(-1, len(prices) + 1)
    assert levels.price_ticks.tolist() == sorted(prices)
    assert (levels.qty_lots == levels.price_ticks % 1000 + 1).all()
    gone = levels_event([(-1, price, 0) for price in sorted(prices)[1:]])
    book.apply(gone)
    assert book.levels(-1).price_ticks.tolist() == [min(prices)]


def test_growing_keeps_a_copy_apart() -> None:
    small = new_ladder()
    ladder.set_level(small, 0, 600_000, 3)
    ladder.set_level(small, 0, 5, 4)
    before = small.copy()
    large = grow_ladder(small)
    ladder.set_level(large, 0, 5, 9)
    assert (small == before).all()
    assert ladder.quantity_at(large, 0, 5) == 9
    assert ladder.quantity_at(large, 0, 600_000) == 3
    assert ladder.far_slots(large) == 2 * ladder.far_slots(small)


def test_memory_is_bounded_by_live_levels() -> None:
    """A million updates over 10⁹ ticks, 400 levels alive at any time: the array stays what it was."""
    rng = np.random.default_rng(3)
    n, alive = 1_000_000, 400
    price = rng.integers(1, 10**9, n)
    side = np.where(rng.random(n) < 0.5, 1, -1)
    rows = np.arange(2 * n)
    old = rows // 2 - alive  # each new level is followed by the death of one that is `alive` steps old
    born = rows % 2 == 0
    of = np.where(born, rows // 2, np.maximum(old, 0))
    zeros = np.zeros(2 * n, np.int64)
    flags = np.full(2 * n, LAST, np.uint8)
    lots = np.where(born, 1 + rows % 7, 0)
    kinds = np.full(2 * n, DELTA, np.uint8)
    kinds[0], flags[0] = SNAPSHOT, FIRST | LAST
    signed = np.where(side > 0, -price, price)[of]  # bids below zero, asks above: never crossed
    book = Book()
    size = book._ladder.nbytes
    book.apply(Events(zeros, zeros, zeros, zeros, kinds, side.astype(np.int8)[of], flags, signed, lots))
    assert book._ladder.nbytes == size
    assert len(book.levels(1).qty_lots) + len(book.levels(-1).qty_lots) <= alive + 1
    assert book.crossings == 0


def test_messages_apply_whole() -> None:
    """State and counts change at the end of a message; a crossing that heals within one is none."""
    book = Book()
    book.apply(levels_event([(1, 100, 5), (-1, 101, 5)], kind=SNAPSHOT))
    book.apply(levels_event([(1, 101, 5), (-1, 101, 0), (-1, 102, 1)]))
    assert (book.state, book.crossings, book.messages) == (BookState.SYNCED, 0, 2)
    book.apply(levels_event([(1, 102, 5)]))
    assert (book.state, book.crossings) == (BookState.CROSSED, 1)
    book.apply(levels_event([(1, 102, 0)]))
    assert (book.state, book.crossings) == (BookState.SYNCED, 1)


def test_void_before_a_snapshot_and_across_a_gap() -> None:
    book = Book()
    book.apply(levels_event([(1, 100, 5)]))
    assert (book.state, book.best_bid, book.messages) == (BookState.GAPPED, None, 0)
    book.apply(levels_event([(1, 100, 5), (-1, 101, 5)], kind=SNAPSHOT))
    book.apply(levels_event([(0, 0, 0)], kind=GAP))
    assert (book.state, book.best_bid, book.best_ask, book.gaps) == (BookState.GAPPED, None, None, 1)
    book.apply(levels_event([(1, 100, 5)]))
    assert book.best_bid is None
    book.apply(levels_event([(1, 99, 5)], kind=SNAPSHOT))
    assert (book.state, book.best_bid, book.best_ask) == (BookState.SYNCED, 99, None)
    book.clear()
    assert (book.state, book.best_bid) == (BookState.GAPPED, None)


def test_snapshot_removes_what_it_does_not_hold() -> None:
    book = Book()
    book.apply(levels_event([(1, 100, 5), (1, -(10**9), 5), (-1, 101, 5)], kind=SNAPSHOT))
    book.apply(levels_event([(-1, 90, 1), (1, 80, 2)], kind=SNAPSHOT))
    assert book.levels(1).price_ticks.tolist() == [80]
    assert book.levels(-1).price_ticks.tolist() == [90]
    assert book.quantity(1, -(10**9)) == 0


def test_other_kinds_do_not_touch_the_book() -> None:
    book = Book()
    book.apply(levels_event([(1, 100, 5), (-1, 101, 5)], kind=SNAPSHOT))
    for kind in (QUOTE, TRADE, LIQUIDATION):
        book.apply(levels_event([(1, 105, 9)], kind=kind))
    assert (book.best_bid, book.messages) == (100, 1)


@pytest.mark.parametrize(
    ("kind", "level"),
    [
        (DELTA, (0, 100, 1)),
        (DELTA, (2, 100, 1)),
        (SNAPSHOT, (-3, 100, 1)),
        (DELTA, (1, 100, -1)),
        (DELTA, (1, 2**61, 1)),
        (DELTA, (-1, -(2**61), 1)),
        (DELTA, (1, -(2**63), 1)),
        (QUOTE, (0, 100, 1)),
        (TRADE, (2, 100, 1)),
        (TRADE, (1, 100, -1)),
    ],
)
def test_broken_rows_are_refused(kind: int, level: tuple[int, int, int]) -> None:
    """Nothing of the message is applied, and the message says which row it was."""
    book = Book()
    good = levels_event([(1, 100, 5), (-1, 101, 5)], kind=SNAPSHOT)
    book.apply(good)
    with pytest.raises(InputError, match=r"row 1 .* side .* expected"):
        book.apply(levels_event([(1, 99, 5), level, (1, 98, 5)], kind=kind))
    assert book.levels(1).price_ticks.tolist() == [100]


def test_columns_of_unequal_length_are_refused() -> None:
    event = levels_event([(1, 100, 5), (-1, 101, 5)], kind=SNAPSHOT)
    with pytest.raises(InputError, match=r"\[1, 2\] rows"):
        Book().apply(event._replace(qty_lots=event.qty_lots[:1]))


def test_questions_that_cannot_be_meant_are_refused() -> None:
    book = Book()
    with pytest.raises(InputError, match=r"\+1 .bids. or -1 .asks., found 0"):
        book.quantity(0, 100)
    with pytest.raises(InputError, match="found 2"):
        book.levels(2)
    with pytest.raises(InputError, match="positive count, found 0"):
        book.levels(1, 0)
    for bps in (0.0, -1.0, 10_000.0, float("nan")):
        with pytest.raises(InputError, match=r"between 0 and 10,000 bps"):
            book.depth_within(1, bps=bps)


def test_depth_within_is_inclusive() -> None:
    """1 bp of a mid of 10,000.5 is 1.00005: the level one and a half away is out, at 1.5 bps it is in, to the last digit."""
    book = Book()
    book.apply(levels_event([(1, 10_000, 2), (1, 9_999, 3), (-1, 10_001, 5), (-1, 10_002, 7)], kind=SNAPSHOT))
    assert book.depth_within(1, bps=1.0) == 2
    assert book.depth_within(-1, bps=1.0) == 5
    assert Fraction("10000.5") * Fraction("1.5") / 10_000 > Fraction("1.5")
    assert book.depth_within(1, bps=1.5) == 5
    book.apply(levels_event([(1, 10_000, 2), (1, 9_000, 3), (-1, 10_000 + 1000, 5), (-1, 10_000, 1)], kind=SNAPSHOT))
    assert book.depth_within(1, bps=1000.0) == 5  # exactly on the edge
    assert book.depth_within(-1, bps=1000.0) == 6
