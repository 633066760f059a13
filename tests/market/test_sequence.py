"""Every sequence rule: the venue's own words as cases, and mutations of a clean stream as laws."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.market.sequence import (
    RULES,
    BinanceFutures,
    BinanceSpot,
    BitMex,
    Bybit,
    CoinbaseAdvanced,
    Deribit,
    Hyperliquid,
    KrakenBook,
    KrakenFutures,
    KrakenV2,
    Okx,
    SequenceRule,
    Synchroniser,
    Unsequenced,
    Update,
    Verdict,
    kraken_checksum,
    sequence_rule,
)

APPLY, DROP, GAP, NEED = Verdict.APPLY, Verdict.DROP, Verdict.GAP, Verdict.NEED_SNAPSHOT
NUMBERED: list[Callable[[], SequenceRule]] = [
    BinanceSpot,
    BinanceFutures,
    Deribit,
    Okx,
    Bybit,
    KrakenFutures,
    CoinbaseAdvanced,
]


def snap(last: int, **more: int) -> Update:
    return Update(True, last, last, **more)


def diff(first: int, last: int, prev: int = -1) -> Update:
    return Update(False, first, last, prev)


def verdicts(rule: SequenceRule, *updates: Update) -> list[Verdict]:
    return [rule.step(update) for update in updates]


def test_binance_spot_first_diff_straddles_the_snapshot() -> None:
    rule = BinanceSpot()
    found = verdicts(rule, diff(98, 99), snap(105), diff(100, 105), diff(104, 107), diff(108, 108), diff(108, 108))
    assert found == [NEED, APPLY, DROP, APPLY, APPLY, DROP]
    assert rule.synced


def test_binance_spot_later_diffs_may_not_overlap() -> None:
    assert verdicts(BinanceSpot(), snap(10), diff(11, 12), diff(12, 14)) == [APPLY, APPLY, GAP]


def test_binance_spot_stale_snapshot_is_fetched_again() -> None:
    assert verdicts(BinanceSpot(), diff(100, 105), snap(98), snap(99), diff(100, 105)) == [NEED, NEED, APPLY, APPLY]
    assert verdicts(BinanceSpot(), diff(100, 105), snap(98), diff(106, 107), snap(101)) == [NEED, NEED, NEED, APPLY]


def test_binance_spot_hole_after_the_snapshot() -> None:
    rule = BinanceSpot()
    assert verdicts(rule, snap(10), diff(13, 14), diff(15, 15), snap(12), diff(13, 14)) == [APPLY, GAP, NEED, APPLY, APPLY]


def test_binance_futures_joins_by_range_or_by_pu() -> None:
    assert verdicts(BinanceFutures(), snap(100), diff(90, 99, 80), diff(98, 103, 95), diff(110, 120, 103)) == [
        APPLY,
        DROP,
        APPLY,
        APPLY,
    ]
    assert verdicts(BinanceFutures(), snap(100), diff(105, 120, 100), diff(130, 140, 120)) == [APPLY, APPLY, APPLY]
    assert verdicts(BinanceFutures(), snap(100), diff(100, 100, 95), diff(130, 140, 100)) == [APPLY, APPLY, APPLY]


def test_binance_futures_follow_pu_not_ranges() -> None:
    """Numbers are shared by all symbols: a hole between u and U is none as long as pu fits."""
    assert verdicts(BinanceFutures(), snap(100), diff(105, 120, 100), diff(121, 140, 119)) == [APPLY, APPLY, GAP]


def test_binance_futures_stale_snapshot() -> None:
    assert verdicts(BinanceFutures(), diff(105, 120, 100), snap(99), snap(100), diff(105, 120, 100)) == [
        NEED,
        NEED,
        APPLY,
        APPLY,
    ]


@pytest.mark.parametrize("rule", [BinanceSpot, BinanceFutures])
def test_binance_old_snapshot_does_not_replace_a_newer_book(rule: Callable[[], SequenceRule]) -> None:
    assert verdicts(rule(), snap(100), diff(101, 110, 100), snap(105), diff(111, 112, 110)) == [APPLY, APPLY, DROP, APPLY]


def test_deribit_links() -> None:
    rule = Deribit()
    found = verdicts(rule, diff(4, 4, 3), snap(10), diff(15, 15, 10), diff(15, 15, 10), diff(30, 30, 20), diff(40, 40, 30))
    assert found == [NEED, APPLY, APPLY, DROP, GAP, NEED]
    assert not rule.synced


def test_okx_keep_alive_reset_and_bootstrap() -> None:
    assert verdicts(Okx(), snap(10), diff(15, 15, 10), diff(15, 15, 15), diff(20, 20, 15)) == [APPLY] * 4
    assert verdicts(Okx(), snap(10), diff(15, 15, 10), diff(3, 3, 15), diff(5, 5, 3)) == [APPLY] * 4
    assert verdicts(Okx(), snap(12), diff(11, 11, 10), diff(15, 15, 11), diff(16, 16, 15)) == [APPLY, DROP, APPLY, APPLY]


def test_okx_missed_reset_is_a_gap_and_a_repetition_is_not() -> None:
    assert verdicts(Okx(), snap(1000), diff(1005, 1005, 1000), diff(1005, 1005, 1000)) == [APPLY, APPLY, DROP]
    assert verdicts(Okx(), snap(1000), diff(1005, 1005, 1000), diff(5, 5, 3), diff(7, 7, 5)) == [APPLY, APPLY, GAP, NEED]


def test_bybit_one_overwrites() -> None:
    assert verdicts(Bybit(), snap(18521288), diff(18521289, 18521289), diff(1, 1), diff(2, 2)) == [APPLY] * 4
    assert verdicts(Bybit(), diff(1, 1), diff(2, 2), diff(4, 4), diff(5, 5)) == [APPLY, APPLY, GAP, NEED]


def test_bybit_level_one_repeats_after_idle() -> None:
    assert verdicts(Bybit(), snap(7), snap(7), snap(8), snap(11)) == [APPLY] * 4


@pytest.mark.parametrize("rule", [KrakenFutures, CoinbaseAdvanced])
def test_counters(rule: Callable[[], SequenceRule]) -> None:
    found = verdicts(rule(), diff(0, 0), snap(0), diff(1, 1), diff(1, 1), diff(3, 3), diff(4, 4), snap(4), diff(5, 5))
    assert found == [NEED, APPLY, APPLY, DROP, GAP, NEED, APPLY, APPLY]


def test_hyperliquid_time_does_not_go_back() -> None:
    rule = Hyperliquid()
    found = [rule.step(Update(True, -1, -1, ts_ns=t)) for t in (5, 5, 4, 6)]
    assert found == [APPLY, APPLY, DROP, APPLY]
    assert rule.step(diff(1, 1)) is DROP


@pytest.mark.parametrize("rule", [BitMex, Unsequenced])
def test_unnumbered_drop_what_comes_before_the_snapshot(rule: Callable[[], SequenceRule]) -> None:
    assert verdicts(rule(), diff(-1, -1), snap(-1), diff(-1, -1), diff(-1, -1)) == [DROP, APPLY, APPLY, APPLY]


# Kraken developer documentation, "Spot Websockets (v1) Book Checksum": the sample book and its checksum
ASKS = [(f"0.05{i:03d}", "0.00000500") for i in range(5, 55, 5)]
BIDS = [(price, "0.00000500") for price in ("0.05000", "0.04995", "0.04990", "0.04980", "0.04975")]
BIDS += [(price, "0.00000500") for price in ("0.04970", "0.04965", "0.04960", "0.04955", "0.04950")]
PUBLISHED = 974947235


def test_kraken_checksum_is_the_published_one() -> None:
    assert kraken_checksum(ASKS, BIDS) == PUBLISHED
    assert kraken_checksum([*ASKS, ("0.06000", "1.0")], [*BIDS, ("0.01000", "1.0")]) == PUBLISHED
    assert kraken_checksum(ASKS, BIDS[:9]) != PUBLISHED


def test_kraken_book_cuts_to_depth_and_keeps_the_checksum() -> None:
    book = KrakenBook(depth=10)
    assert book.apply(list(reversed(ASKS)), BIDS, snapshot=True) == []
    assert book.checksum() == PUBLISHED
    assert book.apply([("0.05001", "1.00000000")], []) == [(-1, "0.05050")]
    assert book.apply([("0.05001", "0.00000000"), ("0.05050", "0.00000500")], []) == []
    assert book.checksum() == PUBLISHED


def test_kraken_rule_compares() -> None:
    rule = KrakenV2()
    assert rule.step(Update(False, -1, 5, checksum=5)) is DROP
    assert rule.step(Update(True, -1, 5, checksum=5)) is APPLY
    assert rule.step(Update(False, -1, 6, checksum=7)) is GAP
    assert rule.step(Update(False, -1, 7, checksum=7)) is DROP
    assert rule.step(Update(True, -1, 7)) is APPLY


def test_every_venue_has_a_rule() -> None:
    assert {venue for venue in RULES if not isinstance(sequence_rule(venue), RULES[venue])} == set()  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="deribit"):
        sequence_rule("deribt")


# Laws: a clean stream, what is done to it, and what must come out of it.


def stream(count: int, *, start: int = 1000) -> list[Update]:
    """Diffs that are clean under every numbered rule: one number each, each naming the one before."""
    return [diff(n, n, n - 1) for n in range(start + 1, start + 1 + count)]


def applied(sync: Synchroniser[int], updates: list[Update]) -> list[int]:
    return [n for update in updates for verdict, n in sync.feed(update, update.last) if verdict is APPLY]


@pytest.mark.parametrize("rule", NUMBERED)
@settings(deadline=None)
@given(held=st.integers(0, 8), at=st.integers(0, 8), after=st.integers(0, 8))
def test_law_a_snapshot_anywhere_gives_the_same_book(rule: Callable[[], SequenceRule], held: int, at: int, after: int) -> None:
    """Held updates come out in order, without those the snapshot already holds."""
    updates, number = stream(held + after), 1000 + min(at, held)
    sync: Synchroniser[int] = Synchroniser(rule())
    found = applied(sync, [*updates[:held], snap(number), *updates[held:]])
    last = 1000 + held + after
    # BinanceFutures may repeat the update that ends where the snapshot does: U ≤ last ≤ u
    assert [n for n in found[1:] if n != number] == list(range(number + 1, last + 1))
    assert found[0] == number
    assert (sync.gaps, sync.waiting, sync.synced) == (0, 0, True)


@pytest.mark.parametrize("rule", NUMBERED)
@settings(deadline=None)
@given(count=st.integers(3, 30), data=st.data())
def test_law_one_lost_update_is_one_gap_until_the_next_snapshot(
    rule: Callable[[], SequenceRule], count: int, data: st.DataObject
) -> None:
    updates = stream(count)
    lost = data.draw(st.integers(0, count - 2))
    cure = data.draw(st.integers(updates[lost].last, updates[-1].last))
    sync: Synchroniser[int] = Synchroniser(rule())
    before = applied(sync, [snap(1000), *updates[:lost], *updates[lost + 1 :]])
    assert before == [1000, *range(1001, updates[lost].last)]
    assert (sync.gaps, sync.synced) == (1, False)
    found = applied(sync, [snap(cure)])
    assert [n for n in found[1:] if n != cure] == list(range(cure + 1, updates[-1].last + 1))
    assert (sync.gaps, sync.synced) == (1, True)


@pytest.mark.parametrize("rule", NUMBERED)
@settings(deadline=None)
@given(count=st.integers(1, 30), data=st.data())
def test_law_repetitions_and_late_copies_change_nothing(
    rule: Callable[[], SequenceRule], count: int, data: st.DataObject
) -> None:
    updates = [snap(1000), *stream(count)]
    mutated = list(updates)
    for _ in range(data.draw(st.integers(1, 4))):
        copy = data.draw(st.integers(1, count))
        later = data.draw(st.integers(mutated.index(updates[copy]) + 1, len(mutated)))
        mutated.insert(later, updates[copy])
    sync: Synchroniser[int] = Synchroniser(rule())
    assert applied(sync, mutated) == [1000, *range(1001, 1001 + count)]
    assert sync.gaps == 0
    assert sync.dropped == len(mutated) - len(updates)


@pytest.mark.parametrize("rule", NUMBERED)
@settings(deadline=None)
@given(count=st.integers(3, 20), data=st.data())
def test_law_swapped_updates_are_a_gap_never_a_wrong_book(
    rule: Callable[[], SequenceRule], count: int, data: st.DataObject
) -> None:
    updates = stream(count)
    i = data.draw(st.integers(0, count - 2))
    updates[i], updates[i + 1] = updates[i + 1], updates[i]
    sync: Synchroniser[int] = Synchroniser(rule())
    found = applied(sync, [snap(1000), *updates])
    assert found == list(range(1000, 1001 + i))
    assert sync.gaps == 1


@pytest.mark.parametrize("rule", [BinanceSpot, BinanceFutures])
@settings(deadline=None)
@given(first=st.integers(1010, 1100), stale=st.integers(1, 9))
def test_law_stale_snapshots_never_apply(rule: Callable[[], SequenceRule], first: int, stale: int) -> None:
    updates = stream(3, start=first - 1)
    sync: Synchroniser[int] = Synchroniser(rule())
    assert applied(sync, [*updates, snap(first - 1 - stale)]) == []
    assert applied(sync, [snap(first - 1)]) == [first - 1, first, first + 1, first + 2]


@pytest.mark.parametrize("rule", [Bybit, Okx, Deribit, KrakenFutures, CoinbaseAdvanced])
@settings(deadline=None)
@given(after=st.integers(1, 10))
def test_law_numbers_that_begin_anew_with_a_snapshot(rule: Callable[[], SequenceRule], after: int) -> None:
    """What was held under the old numbers is dropped; it must not tear the new book."""
    sync: Synchroniser[int] = Synchroniser(rule())
    applied(sync, [snap(1000), *stream(3, start=1005)])
    assert (sync.gaps, sync.waiting) == (1, 3)
    assert applied(sync, [snap(1), *stream(after, start=1)]) == list(range(1, after + 2))
    assert (sync.gaps, sync.waiting, sync.dropped) == (1, 0, 3)


@pytest.mark.parametrize("rule", NUMBERED)
def test_feed_tells_what_happened_to_each_message(rule: Callable[[], SequenceRule]) -> None:
    sync: Synchroniser[str] = Synchroniser(rule())
    assert sync.feed(diff(11, 11, 10), "early") == [(NEED, "early")]
    assert sync.feed(snap(10), "snap") == [(APPLY, "snap"), (APPLY, "early")]
    assert sync.feed(diff(13, 13, 12), "torn") == [(GAP, "torn")]
    assert sync.feed(snap(12), "cure") == [(APPLY, "cure"), (APPLY, "torn")]
    assert (sync.applied, sync.dropped, sync.gaps, sync.held) == (4, 0, 1, 2)


def test_hole_inside_the_buffer() -> None:
    sync: Synchroniser[int] = Synchroniser(BinanceSpot())
    for n in (11, 12, 14, 15):
        sync.feed(diff(n, n), n)
    assert sync.feed(snap(10), 10) == [(APPLY, 10), (APPLY, 11), (APPLY, 12), (GAP, 14)]
    assert sync.feed(snap(13), 13) == [(APPLY, 13), (APPLY, 14), (APPLY, 15)]
    assert (sync.gaps, sync.waiting) == (1, 0)


def test_buffer_is_bounded_and_counts_what_it_loses() -> None:
    sync: Synchroniser[int] = Synchroniser(Deribit(), limit=3)
    for update in stream(5):
        sync.feed(update, update.last)
    assert (sync.waiting, sync.dropped, sync.overflowed, sync.held) == (3, 2, 2, 5)
    assert sync.feed(snap(1003), 1003) == [(APPLY, 1003), (APPLY, 1004), (APPLY, 1005)]
    with pytest.raises(InputError, match="limit=0"):
        Synchroniser(Deribit(), limit=0)


def test_reset_forgets() -> None:
    sync: Synchroniser[int] = Synchroniser(KrakenFutures())
    applied(sync, [snap(5), diff(6, 6)])
    assert sync.reset()
    assert not sync.synced
    assert not sync.reset()
    assert sync.feed(diff(7, 7), 7) == [(NEED, 7)]
