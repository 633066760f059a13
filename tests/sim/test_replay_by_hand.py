"""The replayed book with our orders in it, worked by hand; and with impact off, the recording itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.book import Book
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.quality import BookState
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.replay.market import Execution, ReplayMarket
from counterpoise.sim.replay.response import NO_RESPONSE, Followers, Resilience, ResponseModel
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import T0, Message, events_of
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="1")
BOOK: Message = (0, SNAPSHOT, [(1, 1000, 10), (1, 999, 20), (-1, 1001, 30), (-1, 1002, 40)])
KEPT = ResponseModel(resilience=Resilience(half_life="10s"))
# of one lot at 1,000 ticks, worth 100: exactly 1 tick
MOVED = ResponseModel(
    impact=TransientImpact(bps_per_million=1e5, permanent=0, half_lives=("1s",)), resilience=Resilience(half_life="")
)


# the same of ten lots
LIGHT = ResponseModel(
    impact=TransientImpact(bps_per_million=1e4, permanent=0, half_lives=("1s",)), resilience=Resilience(half_life="")
)
STAYS = ResponseModel(impact=TransientImpact(bps_per_million=9e3, permanent=1), resilience=Resilience(half_life=""))


def market(*messages: Message, response: ResponseModel = NO_RESPONSE) -> ReplayMarket:
    out = ReplayMarket(PERP, response)
    out.feed(events_of(messages))
    return out


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND_NS)


def filled(of: ReplayMarket, seconds: float) -> list[tuple[float, int, int, int]]:
    """All fills of resting orders up to a time, with seconds for times."""
    out: list[Execution] = []
    while pieces := of.run(at(seconds)):
        out += pieces
    return [((e.ts_ns - T0) / SECOND_NS, *e[1:]) for e in out]


def pieces(executions: list[Execution]) -> list[tuple[int, int]]:
    return [(e.price_ticks, e.qty_lots) for e in executions]


# queue


def test_trades_at_the_price_eat_what_is_ahead_first() -> None:
    m = market(BOOK, (1, TRADE, [(-1, 1000, 6)]), (2, TRADE, [(-1, 1000, 6)]), (3, TRADE, [(-1, 1000, 6)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(2, 1, 1000, 2), (3, 1, 1000, 3)]
    assert m.left(1) == 0


def test_a_trade_through_the_price_fills_without_a_queue() -> None:
    m = market(BOOK, (1, TRADE, [(-1, 999, 3)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(1, 1, 1000, 3)]
    assert m.left(1) == 2


def test_trades_of_our_own_side_do_not_meet_us_and_unknown_ones_do() -> None:
    m = market(BOOK, (1, TRADE, [(1, 999, 3)]), (2, TRADE, [(0, 999, 3)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(2, 1, 1000, 3)]


def test_cancels_come_from_behind_until_the_level_is_smaller_than_what_is_ahead() -> None:
    """10 ahead; the level grows by 90 behind us, falls to 40 behind us, then to 4: 4 at most can be ahead."""
    m = market(BOOK, *((s, DELTA, [(1, 1000, lots)]) for s, lots in ((1, 100), (2, 40), (3, 4))), (4, TRADE, [(-1, 1000, 6)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(4, 1, 1000, 2)]


def test_a_snapshot_without_our_level_leaves_nobody_ahead() -> None:
    m = market(BOOK, (1, SNAPSHOT, [(1, 999, 5), (-1, 1001, 5)]), (2, TRADE, [(-1, 1000, 1)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(2, 1, 1000, 1)]


def test_the_opposite_side_on_our_price_fills_by_what_stands_there() -> None:
    m = market(BOOK, (1, DELTA, [(1, 1000, 0), (-1, 1000, 2), (-1, 999, 1), (1, 999, 0)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(1, 1, 1000, 1), (1, 1, 1000, 2)]


def test_lots_that_met_us_are_gone() -> None:
    """The same two lots stand in later messages: they trade with us once, and with one of our orders only."""
    crossed: Message = (1, DELTA, [(1, 1000, 0), (-1, 1000, 2)])
    m = market(BOOK, crossed, (1.5, DELTA, [(-1, 1005, 7)]), (2, DELTA, [(-1, 1000, 3)]), response=KEPT)
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    m.rest(2, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(1, 1, 1000, 2), (2, 1, 1000, 1)]
    assert m.top(at(2))[2:4] == (1001, 30)


def test_our_better_price_goes_first_then_the_older_order() -> None:
    m = market(BOOK, (1, TRADE, [(-1, 998, 7)]), (2, TRADE, [(-1, 998, 3)]))
    m.run(at(0.5))
    for number, price in ((1, 999), (2, 1000), (3, 999)):
        m.rest(number, at(0.5), 1, price, 4)
    assert filled(m, 9) == [(1, 2, 1000, 4), (1, 1, 999, 3), (2, 1, 999, 1), (2, 3, 999, 2)]


def test_two_of_our_orders_share_those_ahead() -> None:
    """10 others, our 3, then 10 more others, our 4: 25 lots reach 2 of the last 4."""
    m = market(BOOK, (1, DELTA, [(1, 1000, 20)]), (2, TRADE, [(-1, 1000, 25)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 3)
    m.run(at(1.5))
    m.rest(2, at(1.5), 1, 1000, 4)
    assert filled(m, 9) == [(2, 1, 1000, 3), (2, 2, 1000, 2)]


def test_sells_mirror_buys() -> None:
    m = market(BOOK, (1, TRADE, [(1, 1001, 33)]), (2, TRADE, [(1, 1003, 1)]), (3, DELTA, [(-1, 1001, 0), (1, 1001, 9)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), -1, 1001, 5)
    assert filled(m, 9) == [(1, 1, 1001, 3), (2, 1, 1001, 1), (3, 1, 1001, 1)]


@pytest.mark.parametrize("broken", [(1, GAP, [(0, 0, 0)]), (1, DELTA, [(1, 1001, 5)])])
def test_nothing_fills_while_the_book_is_not_synced(broken: Message) -> None:
    m = market(BOOK, broken, (2, TRADE, [(-1, 990, 9)]), (2, TRADE, [(1, 1010, 9)]), (3, DELTA, [(-1, 995, 9)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 999, 5)
    m.rest(2, at(0.5), -1, 1005, 5)
    assert filled(m, 9) == []
    assert m.state is not BookState.SYNCED


def test_before_the_first_snapshot_there_is_nothing() -> None:
    m = market((0, DELTA, [(1, 1000, 10)]), (1, TRADE, [(-1, 900, 5)]))
    m.rest(1, at(-1), 1, 1000, 5)
    assert filled(m, 9) == []
    assert m.top(at(9)) == (0, 0, 0, 0, BookState.GAPPED)
    assert np.isnan(m.recorded_mid_ticks())


def test_orders_leave_the_queue() -> None:
    m = market(BOOK, (1, TRADE, [(-1, 999, 3)]), (2, TRADE, [(-1, 990, 30)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    m.rest(2, at(0.5), 1, 1000, 5)
    m.shrink(2, 1)
    m.run(at(1.5))
    assert (m.remove(1), m.remove(1), m.remove(77), m.left(1)) == (2, 0, 0, 0)
    assert filled(m, 9) == [(2, 2, 1000, 1)]


def test_a_market_holds_so_many_orders_and_says_so() -> None:
    m = market(BOOK)
    m.run(at(0.5))
    for number in range(1024):
        m.rest(number, at(0.5), 1, 900, 1)
    with pytest.raises(InputError, match="1024 orders rest already"):
        m.rest(1024, at(0.5), 1, 900, 1)


def test_a_thousand_orders_fill_by_one_trade() -> None:
    m = market(BOOK, (1, TRADE, [(-1, 800, 10**6)]))
    m.run(at(0.5))
    for number in range(1024):
        m.rest(number, at(0.5), 1, 900, 2)
    assert filled(m, 9) == [(1, number, 900, 2) for number in range(1024)]


# what we take


def test_what_we_take_is_gone_and_half_is_back_in_the_half_life() -> None:
    m = market(BOOK, response=KEPT)
    m.run(at(1))
    assert pieces(m.take(at(1), 1, 50, None)) == [(1001, 30), (1002, 20)]
    assert m.top(at(1)) == (1000, 10, 1002, 20, BookState.SYNCED)
    assert m.top(at(11)) == (1000, 10, 1001, 15, BookState.SYNCED)
    assert m.depth_rows(at(11), np.array([999, 1001, 1002, 1003])).tolist() == [30, -15, -30]
    assert m.top(at(21))[2:4] == (1001, 22)  # 22.5 are back; lots are whole
    assert m.top(at(500))[2:4] == (1001, 30)


def test_two_takes_at_once_do_not_take_the_same_lots() -> None:
    m = market(BOOK, response=KEPT)
    m.run(at(1))
    assert pieces(m.take(at(1), 1, 25, None)) == [(1001, 25)]
    assert pieces(m.take(at(1), 1, 100, None)) == [(1001, 5), (1002, 40)]
    assert pieces(m.take(at(1), 1, 1, None)) == []
    assert pieces(m.take(at(11), 1, 100, None)) == [(1001, 15), (1002, 20)]


def test_a_level_that_shrank_below_what_is_missing_shows_nothing() -> None:
    m = market(BOOK, (2, DELTA, [(-1, 1001, 5)]), response=KEPT)
    m.run(at(1))
    m.take(at(1), 1, 20, None)
    m.run(at(3))
    assert m.top(at(3))[2:4] == (1002, 40)
    assert m.depth_rows(at(3), np.array([1001, 1003])).tolist() == [-40]


def test_without_consumption_takes_leave_no_trace() -> None:
    m = market(BOOK)
    m.run(at(1))
    for _ in range(3):
        assert pieces(m.take(at(1), -1, 15, None)) == [(1000, 10), (999, 5)]
        assert m.top(at(1)) == (1000, 10, 1001, 30, BookState.SYNCED)


@pytest.mark.parametrize(("side", "limit", "expected"), [(1, 1001, [(1001, 30)]), (1, 1000, []), (-1, 1000, [(1000, 10)])])
def test_a_limit_is_never_passed(side: int, limit: int, expected: list[tuple[int, int]]) -> None:
    m = market(BOOK)
    m.run(at(1))
    assert pieces(m.take(at(1), side, 10**6, limit)) == expected


@pytest.mark.parametrize("response", [NO_RESPONSE, KEPT])
@pytest.mark.parametrize("levels", [1023, 1024, 1025, 5000])
def test_sweeps_of_thousands_of_levels(response: ResponseModel, levels: int) -> None:
    """More than the kernel writes at once, levels beyond the dense window among them; exactly all of it, and then no more."""
    asks = [(-1, 1001 + 7 * i, 1 + i % 3) for i in range(levels)]
    m = market((0, SNAPSHOT, [(1, 1000, 10), *asks]), response=response)
    m.run(at(1))
    every = [(price, lots) for _, price, lots in asks]
    total = sum(lots for _, lots in every)
    assert pieces(m.take(at(1), 1, total, None)) == every
    again = pieces(m.take(at(1), 1, total + 5, None))
    assert again == ([] if response is KEPT else every)


def test_the_far_table_grows_in_the_midst_of_a_message() -> None:
    far = [(-1, 2000 + 40_000 * i, 1) for i in range(5000)]
    m = market(BOOK, (1, DELTA, [(1, 999, 7), *far]), (2, TRADE, [(-1, 990, 1)]))
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 5)
    assert filled(m, 9) == [(2, 1, 1000, 1)]
    assert len(m.take(at(9), 1, 10**9, None)) == 5002
    assert m.depth_rows(at(9), np.array([2000, 2000 + 40_000 * 5000])).tolist() == [-5000]


# impact


def test_shift_decays_as_the_kernel_says() -> None:
    """8 lots move the quotes by 8 ticks (1,001 instead of 1,000 adds 2 per mille each to value and to ticks: 8.016)."""
    m = market(BOOK, response=MOVED)
    m.run(at(1))
    m.take(at(1), 1, 8, None)
    assert [m.shift_ticks(at(1 + s)) for s in (0, 1, 2, 3, 4, 5)] == [8, 4, 2, 1, 1, 0]
    assert m.top(at(2))[::2] == (1004, 1005, BookState.SYNCED)
    assert m.recorded_mid_ticks() == 1000.5


def test_buys_push_up_and_sells_push_down() -> None:
    m = market(BOOK, response=MOVED)
    m.run(at(1))
    m.take(at(1), -1, 8, None)
    assert m.shift_ticks(at(1)) == -8
    m.take(at(1), 1, 8, None)
    assert m.shift_ticks(at(1)) == 0


def test_resting_orders_do_not_move_and_later_trades_do() -> None:
    """Shifted by 4 a trade recorded at 996 is shown at 1,000: through nobody, behind the 10 that now stand there."""
    asks = [(-1, p, 100) for p in (1001, 1002, 1003)]
    m = market((0, SNAPSHOT, [(1, 1000, 1), (1, 996, 10), *asks]), (2, TRADE, [(-1, 996, 12)]), response=LIGHT)
    m.run(at(1))
    m.rest(1, at(1), 1, 1000, 5)
    m.take(at(1), 1, 80, None)
    assert m.shift_ticks(at(2)) == 4
    assert filled(m, 9) == [(2, 1, 1000, 2)]


def test_a_piece_pays_half_of_its_own_displacement_and_all_of_that_before_it() -> None:
    """30 at 1,001 displace by 3.006: half is 1.503; 10 more at 1,002 by 1.004: 3.006 + .502 ."""
    m = market(BOOK, response=LIGHT)
    m.run(at(1))
    assert pieces(m.take(at(1), 1, 40, None)) == [(1001 + 2, 30), (1002 + 4, 10)]
    assert m.displacement(at(1)) == pytest.approx(30 * 0.1 * 1.001**2 + 10 * 0.1 * 1.002**2)


@pytest.mark.parametrize(("limit", "most"), [(1000, 0), (1001, 9), (1002, 29), (1003, 49)])
def test_a_limit_holds_with_the_displacement_in_it(limit: int, most: int) -> None:
    """A lot at 1,001 displaces by .1002: half of 9 is .45, of 29 1.45, of 49 2.46; of one more each time past the half tick."""
    m = market((0, SNAPSHOT, [(1, 1000, 10), (-1, 1001, 60)]), response=LIGHT)
    m.run(at(1))
    got = pieces(m.take(at(1), 1, 100, limit))
    assert sum(lots for _, lots in got) == most
    assert all(price <= limit for price, _ in got)


def test_what_fills_while_it_waits_moves_the_quotes_too() -> None:
    """A lot displaces by .09. 4 make .36, and half of 3 more .495, still the same tick; then trades are shown one away."""
    later = ((2, TRADE, [(-1, 1000, 6)]), (2, TRADE, [(-1, 1000, 6)]))
    m = market((0, SNAPSHOT, [(-1, 1001, 50)]), (1, TRADE, [(-1, 1000, 4)]), *later, response=STAYS)
    m.run(at(0.5))
    m.rest(1, at(0.5), 1, 1000, 50)
    assert filled(m, 9) == [(1, 1, 1000, 4), (2, 1, 1000, 3)]
    assert m.displacement(at(9)) == pytest.approx(0.63)


def test_what_waits_pays_half_of_its_own_displacement_in_time() -> None:
    """A lot displaces by .09: at the price itself 11 go, half of .99 is within half a tick; a tick through it 33."""
    for price, most in ((1000, 11), (999, 33), (998, 55)):
        m = market((0, SNAPSHOT, [(-1, 1001, 50)]), (1, TRADE, [(-1, price, 80)]), response=STAYS)
        m.run(at(0.5))
        m.rest(1, at(0.5), 1, 1000, 80)
        assert filled(m, 9) == [(1, 1, 1000, most)]


def test_others_cancel_with_what_we_take_and_levels_behind_come_back_in_their_own_time() -> None:
    """Of 30 at 1,001 we take 10 and 5 more go; of 40 at 1,002 we take 30, and of 10 left 10 can go of the 15."""
    of = ResponseModel(resilience=Resilience(half_life="10s", half_life_behind="20s", cancels=0.5))
    m = market(BOOK, response=of)
    m.run(at(1))
    m.take(at(1), 1, 10, None)
    assert m.depth_rows(at(1), np.array([1001, 1002, 1003])).tolist() == [-15, -40]
    assert m.depth_rows(at(11), np.array([1001, 1002, 1003])).tolist() == [-22, -40]
    m = market(BOOK, response=of)
    m.run(at(1))
    m.take(at(1), 1, 60, None)
    assert m.depth_rows(at(1), np.array([1001, 1002, 1003])).tolist() == [0, 0]
    assert m.depth_rows(at(21), np.array([1001, 1002, 1003])).tolist() == [-22, -20]


def test_followers_make_trades_of_our_side_larger() -> None:
    """10 lots call up 80 in all, 80 ln 2 a second at first and half of that a second later, where one side trades 40.

    That is 27.7 / 40 of each recorded buy, 7 lots on 10; sells stay as they are.
    """
    followers = Followers(per_lot=8, half_lives=("1s",), volume_per_s=40)
    of = ResponseModel(resilience=Resilience(half_life=""), followers=followers)
    for side, expected in ((1, 10 + 7), (-1, 10)):
        m = market(BOOK, (2, TRADE, [(side, 1000 + side * 50, 10)]), response=of)
        m.run(at(1))
        m.take(at(1), 1, 10, None)
        m.rest(1, at(1), -side, 1000 + side * 50, 40)
        assert filled(m, 9) == [(2, 1, 1000 + side * 50, expected)]


def test_nothing_taken_moves_nothing() -> None:
    m = market(BOOK, response=MOVED)
    m.run(at(1))
    assert m.take(at(1), 1, 8, 900) == []
    assert m.shift_ticks(at(1)) == 0


# the recording itself


def trading_all_the_while(events: Events, step_ns: int) -> int:
    """With impact off, the top at every decision equals the plain book's; our orders rest, take and go meanwhile."""
    plain, m = Book(), ReplayMarket(PERP, NO_RESPONSE)
    m.feed(events)
    done = trades = number = 0
    for ts in range(int(events.ts_local[0]), int(events.ts_local[-1]) + step_ns, step_ns):
        while fills := m.run(ts):
            trades += len(fills)
        stop = events.until(ts)
        plain.apply(events.cut(done, stop))
        done = stop
        top = m.top(ts)
        bid, ask = plain.best_bid, plain.best_ask
        sizes = [0 if p is None else plain.quantity(side, p) for side, p in ((1, bid), (-1, ask))]
        assert top == (bid or 0, sizes[0], ask or 0, sizes[1], plain.state)
        if top.state is BookState.SYNCED and bid and ask:
            number += 1
            side = 1 if number % 2 else -1
            m.remove(number - 4)
            m.rest(number, ts, side, bid if side > 0 else ask, 1 + number % 50)
            trades += len(m.take(ts, side, 1 + number % 7, None))
    assert done == events.rows
    return trades


def test_impact_off_is_a_plain_replay_of_random_streams() -> None:
    for seed in range(20):
        events = RandomStream(seed, centre=10**8, far=100_000, pace_ns=100 * MS_NS).events(300)
        assert trading_all_the_while(events, 170 * MS_NS) > 20


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_impact_off_is_a_plain_replay_of_a_recording(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    assert trading_all_the_while(events, 250 * MS_NS) > 1000
