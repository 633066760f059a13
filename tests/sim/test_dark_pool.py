"""The dark pool against its twin, by hand, against closed forms, and on a recording."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import ConfigError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.book import Book
from counterpoise.market.event import DELTA, GAP, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import Approved, Fill, Order, OrderType, OrderUpdate, TimeInForce
from counterpoise.sim.fees import Fees
from counterpoise.sim.kernels import dark_match as m
from counterpoise.sim.kernels import dark_pool as k
from counterpoise.sim.latency import ConstantLatency
from counterpoise.sim.otc.crowd import Crowd, DarkFlow, dark_outlook, presence_after_pings
from counterpoise.sim.otc.dark_pool import DarkPool
from counterpoise.sim.otc.lit import LitTape, half_tick_instrument
from counterpoise.sim.otc.markout import Markout, fit_markout
from counterpoise.sim.replay.response import Resilience, ResponseModel
from counterpoise.sim.replay.venue import SimVenue
from reference.binance_recordings import CAPTURES, read_recording
from reference.given_feed import Given
from reference.message_script import T0, Message, events_of
from reference.naive_dark_pool import NaivePool

LIT: Final = Instrument(
    venue="testex", symbol="XUSD", kind=InstrumentKind.PERP, base="X", quote="USD", settle="USD", tick="0.1", lot="1"
)
AT_ONCE: Final = ConstantLatency(order="0", ack="0", feed="0")
FREE: Final = Fees(maker_bps=0, taker_bps=0)
NOBODY: Final = DarkFlow(share=0.0)
BOOK: Final[Message] = (0, SNAPSHOT, [(1, 1000, 10), (-1, 1003, 10)])


def pool_of(*messages: Message, flow: DarkFlow = NOBODY, **options: object) -> DarkPool:
    pool = DarkPool(LIT, flow=flow, fees=options.pop("fees", FREE), latency=options.pop("latency", AT_ONCE), **options)
    pool.feed(events_of([BOOK, *messages]))
    return pool


def send(
    pool: DarkPool, name: str, side: int, lots: int, price: int = 0, tif: TimeInForce = TimeInForce.GTC, *, least: int = 1
) -> None:
    order = Order(
        client_id=name,
        instrument=pool.instrument.id,
        side=side,
        qty_lots=lots,
        type=OrderType.LIMIT if price else OrderType.MARKET,
        price_ticks=price,
        time_in_force=tif,
    )
    pool.submit(Approved(order), least_lots=least)


def at(seconds: float) -> int:
    return T0 + round(seconds * SECOND_NS)


def rest(pool: DarkPool, side: int, lots: int, *, least: int = 1, knows: bool = False) -> None:
    """Somebody else's order comes now and rests."""
    pool._state[m.NOW] = pool._now_ns
    pool._look(pool._now_ns)
    order = np.array([side, 0, lots, least, m.CROWD, int(knows), m.FAR_NS])
    found = k.enter(pool._state, pool._orders, pool._moves, order, True, np.empty(256, np.int64), pool._fills, 0)
    pool._filled(found)


def fills(pool: DarkPool) -> list[tuple[str, int, int, bool]]:
    return [(e.client_id, e.price_ticks, e.qty_lots, e.maker) for e in pool.events() if isinstance(e, Fill)]


def said(pool: DarkPool) -> list[str]:
    return [
        f"{e.client_id} {e.state} {e.left_lots} {e.reason or ''}".strip() for e in pool.events() if isinstance(e, OrderUpdate)
    ]


def test_the_mid_is_exact_at_half_ticks() -> None:
    """Bid 1000 and ask 1003 of .1: the mid 100.15 is 2,003 half ticks, and its value is exact."""
    pool = pool_of(fees=Fees(maker_bps=1, taker_bps=2))
    pool.advance(at(1))
    assert pool.instrument.tick == "0.05"
    assert pool.mid_ticks == 2003
    assert pool.instrument.price(2003) == 100.15
    rest(pool, -1, 4)
    send(pool, "a", 1, 10)
    pool.advance(at(2))
    rest(pool, -1, 3)
    events = [e for e in pool.events() if isinstance(e, Fill)]
    assert [(e.price_ticks, e.qty_lots, e.maker) for e in events] == [(2003, 4, False), (2003, 3, True)]
    assert [e.fee for e in events] == pytest.approx([100.15 * 4 * 2e-4, 100.15 * 3 * 1e-4])
    assert pool.balances == {"ours": (7, -7 * 2003), "crowd": (-7, 7 * 2003)}


def test_least_sizes_hold_on_both_sides() -> None:
    pool = pool_of()
    pool.advance(at(1))
    send(pool, "a", 1, 100, least=30)
    pool.advance(at(1))
    for lots, least in ((29, 1), (200, 101), (40, 40), (35, 1)):
        rest(pool, -1, lots, least=least)
    # 29 is too small for us; we are too small for 101; 40 and 35 match; of 25 left, less than 30, all of it is the least
    assert fills(pool) == [("a", 2003, 40, True), ("a", 2003, 35, True)]
    rest(pool, -1, 24)
    assert fills(pool) == []
    rest(pool, -1, 25)
    assert fills(pool) == [("a", 2003, 25, True)]


def test_time_priority_and_pro_rata() -> None:
    for priority, expected in (("time", [30, 20, 0]), ("pro_rata", [15, 10, 25])):
        pool = pool_of(priority=priority)
        pool.advance(at(1))
        for name, lots in (("a", 30), ("b", 20), ("c", 50)):
            send(pool, name, -1, lots)
        pool.advance(at(1))
        rest(pool, 1, 50)
        got = {name: lots for name, _, lots, _ in fills(pool)}
        assert [got.get(name, 0) for name in "abc"] == expected


def test_pro_rata_gives_way_to_least_sizes() -> None:
    """7 over 10, 10 and 10: 3, 2, 2; the one who wants at least 3 of it leaves, youngest first, until all are content."""
    pool = pool_of(priority="pro_rata")
    pool.advance(at(1))
    for name in "abc":
        send(pool, name, -1, 10, least=3 if name == "c" else 1)
    pool.advance(at(1))
    rest(pool, 1, 7)
    assert {name: lots for name, _, lots, _ in fills(pool)} == {"a": 4, "b": 3}


def test_a_limit_waits_for_the_mid() -> None:
    """A buy limited to 2,002 trades when the ask falls from 1003 to 1002, at 2,002."""
    pool = pool_of((3, DELTA, [(-1, 1003, 0), (-1, 1002, 5)]))
    pool.advance(at(1))
    rest(pool, -1, 5)
    send(pool, "a", 1, 5, price=2002)
    pool.advance(at(3))
    assert fills(pool) == []
    pool.advance(at(3) + 1)
    assert fills(pool) == [("a", 2002, 5, True)]


def test_our_own_orders_never_meet() -> None:
    pool = pool_of()
    pool.advance(at(1))
    send(pool, "a", 1, 5)
    send(pool, "b", -1, 5)
    pool.advance(at(2))
    assert said(pool) == ["a working 5", "b working 5"]


def test_reports_cancel_amend_and_refusals() -> None:
    pool = pool_of((5, GAP, [(0, 0, 0)]), latency=ConstantLatency(order="100ms", ack="150ms", feed="50ms"))
    pool.advance(at(1))
    send(pool, "a", 1, 9)
    send(pool, "a", 1, 9)
    send(pool, "ping", -1, 1, tif=TimeInForce.IOC)
    send(pool, "post", 1, 1, tif=TimeInForce.POST_ONLY)
    pool.cancel("b")
    pool.advance(at(1.2))
    assert said(pool) == []
    pool.advance(at(1.25))
    assert said(pool) == [
        "a working 9",
        "a rejected 0 duplicate_id",
        "ping cancelled 1",
        "post rejected 0 would_take",
        "b rejected 0 unknown_order",
    ]
    pool.amend("a", qty_lots=4, price_ticks=0)
    pool.amend("a", qty_lots=4, price_ticks=77)
    pool.cancel("a")
    pool.advance(at(4))
    assert said(pool) == ["a working 4", "a working 4 off_grid", "a cancelled 4"]
    pool.advance(at(6))
    send(pool, "late", 1, 1)
    pool.advance(at(7))
    assert said(pool) == ["late rejected 0 book_not_synced"]
    assert pool.top(pool.instrument.id)[0] == 0


def test_the_informed_move_the_mid_after_our_fill() -> None:
    """20 bps at 10 s towards the seller we bought from: 1001.5 ticks fall by 2.003, half of it after 5 s, and no more after."""
    flow = DarkFlow(share=0.0, markout=Markout(horizons=("10s",), bps=(20.0,)))
    pool = pool_of(flow=flow)
    pool.advance(at(1))
    send(pool, "a", 1, 8)
    pool.advance(at(1))
    rest(pool, -1, 5)
    assert pool.shift_ticks == 0
    rest(pool, -1, 1, knows=True)
    rest(pool, -1, 1, knows=False)
    assert [fill.informed for fill in pool.known()] == [False, True, False]
    shifts = []
    for seconds in (1.0, 6.0, 11.0, 60.0):
        pool.advance(at(seconds))
        shifts.append((pool.shift_ticks, pool.mid_ticks))
    assert shifts == [(0, 2003), (-1, 2001), (-2, 1999), (-2, 1999)]


def test_beside_a_venue_that_moves_when_we_trade() -> None:
    """Events of a SimVenue feed the pool, and its shift by our impact displaces the mid here: a tick each way."""
    trades: list[Message] = [(1 + i, TRADE, [(1, 1003, 2)]) for i in range(8)]
    impact = TransientImpact(bps_per_million=1e4, permanent=1.0)
    feed = Given((LIT, events_of([BOOK, *trades])))
    venue = SimVenue(
        feed, response=ResponseModel(impact=impact, resilience=Resilience(half_life="")), fees=FREE, latency=AT_ONCE
    )
    pool, mids = DarkPool(LIT, flow=NOBODY, fees=FREE, latency=AT_ONCE), []
    for second in range(2, 8):
        venue.advance(at(second))
        for _, events in venue.market():
            pool.feed(events)
        if second == 4:
            venue.submit(Approved(Order(client_id="lit", instrument=LIT.id, side=1, qty_lots=5, type=OrderType.MARKET)))
        top = venue.top(LIT.id)
        pool.advance(at(second), lit_shift_ticks=top.bid_ticks - 1000)
        assert pool.mid_ticks == top.bid_ticks + top.ask_ticks
        mids.append(pool.mid_ticks)
    # 5 lots at 100.3 are .0005 millions: 5 bps of 1003 ticks, half a tick, round up to 1
    assert mids == [2003, 2003, 2003, 2005, 2005, 2005]


def random_lit(seed: int, rows: int) -> np.ndarray:
    """A mid that walks, trades that cluster, and at times no book."""
    rng = np.random.default_rng(seed)
    ts = T0 + np.cumsum(rng.integers(0, SECOND_NS // 2, rows))
    bid = 1000 + np.cumsum(rng.integers(-1, 2, rows))
    ask = bid + rng.integers(0, 4, rows)
    gone = rng.random(rows) < 0.04
    lots = np.where(rng.random(rows) < 0.5, rng.integers(1, 400, rows), 0)
    return np.stack([ts, np.where(gone, 0, bid), np.where(gone, 0, ask), lots], axis=1)


@pytest.mark.parametrize("pro_rata", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_naive_twin(seed: int, pro_rata: bool) -> None:
    """Random lit rows, others of two kinds, and our orders with limits and least sizes: the same fills to the last unit."""
    flow = DarkFlow(
        share=1.5,
        natural=Crowd(median_lots=30, patience="4s", least_lots=2),
        informed=Crowd(median_lots=9, sigma=0.7, patience="1s" if seed % 2 else "", least_lots=1),
        markout=Markout(horizons=("500ms", "3s"), bps=(8.0, 25.0)),
    )
    lit, draw = random_lit(seed, 150), np.random.default_rng(100 + seed)
    words = np.random.SeedSequence(seed).generate_state(16, np.uint64)
    twin = NaivePool(flow, words, pro_rata=pro_rata)
    pool = pool_of(flow=flow, priority="pro_rata" if pro_rata else "time")
    pool._rng, pool._lit = words.reshape(4, 4).copy(), lit
    left, found = lit.tolist(), []
    for number, ts in enumerate(range(int(lit[0, 0]), int(lit[-1, 0]), SECOND_NS)):
        left = twin.run(left, ts)
        pool.advance(ts)
        side, lots = int(draw.choice((-1, 1))), int(draw.integers(1, 80))
        price = int(draw.integers(1995, 2012)) if draw.random() < 0.6 else 0
        least, tif = int(draw.integers(1, lots + 1)), TimeInForce.IOC if draw.random() < 0.2 else TimeInForce.GTC
        twin.now = ts
        twin.look()
        if twin.mid:
            order = {"side": side, "limit": price, "left": lots, "least": least, "owner": number, "knows": False}
            twin.enter(order | {"told": True, "expiry": 2**62}, rests=tif is TimeInForce.GTC)
        send(pool, str(number), side, lots, price, tif, least=least)
        pool.advance(ts)
        found += [e for e in pool.events() if isinstance(e, Fill)]
    known = {(f.ts_ns, f.client_id, f.qty_lots): f.informed for f in pool.known()}
    told = [
        (f.ts_ns, int(f.client_id), f.price_ticks, f.qty_lots, f.maker, known[f.ts_ns, f.client_id, f.qty_lots]) for f in found
    ]
    assert told == twin.fills
    assert len(told) > 20
    assert pool.counts["arrived"] == twin.arrived > 50
    assert pool.counts["turned_away"] == twin.turned_away
    assert pool.balances == {name: tuple(account) for name, account in twin.balances.items()}
    assert pool.shift_ticks == twin.shift()


@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.floats(0.0, 40.0), max_size=6), pro_rata=st.booleans())
@settings(max_examples=25, deadline=None)
def test_conserved_and_the_same_in_pieces(seed: int, cuts: list[float], pro_rata: bool) -> None:
    """Lots and cash add to zero, fills and what is left to the orders sent; pieces of time and of rows change nothing."""
    lit = random_lit(seed, 120)
    flow = DarkFlow(share=1.0, natural=Crowd(median_lots=20, patience="3s"))
    runs = []
    for stops in ([], sorted(cuts)):
        pool = pool_of(flow=flow, seed=seed, priority="pro_rata" if pro_rata else "time")
        pieces = iter(np.split(lit, np.searchsorted(lit[:, 0], [at(2.0 + cut / 2) for cut in stops])))
        pool._lit = next(pieces)
        pool.advance(at(2.0))
        for name, side, least in (("a", 1, 5), ("b", -1, 1), ("c", 1, 40)):
            send(pool, name, side, 150, least=least)
        for stop in (*(2.0 + cut / 2 for cut in stops), 25.0):
            pool.advance(at(stop))
            pool._lit, pool._done = np.concatenate([pool._lit[pool._done :], next(pieces, lit[:0])]), 0
        heard = pool.events()
        runs.append(heard)
        lots = {name: sum(e.qty_lots for e in heard if isinstance(e, Fill) and e.client_id == name) for name in "abc"}
        assert all(lots[name] + pool._held[name].left_lots == 150 for name in "abc")
        cash = sum(-e.side * e.price_ticks * e.qty_lots for e in heard if isinstance(e, Fill))
        signed = sum(e.side * e.qty_lots for e in heard if isinstance(e, Fill))
        assert pool.balances["ours"] == (signed, cash)
        numbers = sorted(e.trade_id for e in heard if isinstance(e, Fill))
        assert numbers == list(range(1, len(numbers) + 1))
        assert [sum(pair) for pair in zip(*pool.balances.values(), strict=True)] == [0, 0]
    assert runs[0] == runs[1]


def test_no_look_ahead() -> None:
    """Other lit rows from some time on change no fill before."""
    flow, lit = DarkFlow(share=1.0), random_lit(3, 200)
    other = lit.copy()
    other[100:, 1:3] += 5
    other[100:, 3] *= 7
    heard = []
    for rows in (lit, other):
        pool = pool_of(flow=flow, seed=5)
        pool._lit = rows
        pool.advance(at(1))
        send(pool, "a", 1, 10_000)
        pool.advance(int(lit[-1, 0]))
        heard.append([e for e in pool.events() if e.ts_ns < lit[100, 0]])
    assert heard[0] == heard[1]
    assert len(heard[0]) > 5


def steady(rows: int, lots: int, every_ms: int) -> np.ndarray:
    ts = T0 + np.arange(rows) * every_ms * 1_000_000
    return np.stack([ts, np.full(rows, 100_000), np.full(rows, 100_002), np.full(rows, lots)], axis=1)


def test_first_match_follows_the_closed_form() -> None:
    """Poisson arrivals of those who do not rest: chance, size, informed share and markout of `dark_outlook`, by least size."""
    flow = DarkFlow(
        share=0.2,
        memory="100ms",
        offspring_same_side=0.0,
        offspring_other_side=0.0,
        natural=Crowd(median_lots=100, sigma=1.0, patience=""),
        informed=Crowd(median_lots=20, sigma=0.7, patience=""),
        informed_share=0.4,
    )
    tries = 400
    for least in (1, 50):
        outlook = dark_outlook(flow, lit_lots_per_s=1000, lots=150, horizon="1s", least_lots=least)
        first, sizes, knows = [], [], []
        pool = pool_of(flow=flow, seed=least)
        pool._lit = steady(tries * 40 + 400, 50, 50)
        for number in range(tries):
            start = at(2.0 + 2 * number)
            pool.advance(start)
            send(pool, str(number), 1, 150, least=least)
            pool.advance(start + SECOND_NS)
            mine = [f for f in pool.known() if f.client_id == str(number)][:1]
            first.append(bool(mine))
            sizes += [f.qty_lots for f in mine]
            knows += [f.informed for f in mine]
            pool.cancel(str(number))
        assert np.mean(first) == pytest.approx(outlook.chance, abs=3.3 * math.sqrt(0.25 / tries))
        assert np.mean(sizes) == pytest.approx(outlook.lots, abs=3.3 * np.std(sizes) / math.sqrt(len(sizes)))
        assert np.mean(knows) == pytest.approx(outlook.informed_share, abs=3.3 * math.sqrt(0.25 / len(knows)))


def test_a_larger_least_size_is_filled_less_and_hurt_less() -> None:
    flow = DarkFlow()
    looks = [dark_outlook(flow, lit_lots_per_s=500, lots=1000, horizon="1m", least_lots=n) for n in (1, 20, 50, 200, 1000)]
    assert all(a.chance > b.chance and a.markout_bps > b.markout_bps for a, b in pairwise(looks))
    never = dark_outlook(flow, lit_lots_per_s=500, lots=10**7, horizon="1m", least_lots=10**7)
    assert never.chance == 0
    assert math.isnan(never.markout_bps)


def test_the_outlook_of_the_docs() -> None:
    """The table in docs/theory/otc.md is computed again."""
    text = (
        (Path(__file__).resolve().parents[2] / "docs" / "theory" / "otc.md")
        .read_text(encoding="utf-8")
        .partition("## Dealers")[0]
    )
    told = [[float(cell) for cell in row.split("|")[1:-1]] for row in re.findall(r"^\| \d+ \|.*$", text, flags=re.MULTILINE)]
    assert len(told) == 5
    for least, *cells in told:
        outlook = dark_outlook(DarkFlow(), lit_lots_per_s=100, lots=1000, horizon="20s", least_lots=int(least))
        assert cells == pytest.approx(outlook, abs=0.0006, rel=0.0006)


def test_dark_volume_is_the_share_of_the_lit() -> None:
    """With offspring too: lots that come are share × lit lots in the long run."""
    flow = DarkFlow(share=0.5, natural=Crowd(median_lots=50, sigma=0.5), offspring_same_side=0.4, offspring_other_side=0.2)
    pool = pool_of(flow=flow)
    pool._lit = steady(40_000, 100, 50)
    pool.advance(at(2000))
    expected = 0.5 * 40_000 * 100 / flow.mean_lots
    # the variance of the count of a Hawkes process is its mean / (1 − n)²
    assert pool.counts["arrived"] == pytest.approx(expected, abs=3.3 * math.sqrt(expected) / 0.4)


def test_the_markout_of_simulated_fills_is_found_again() -> None:
    """Fills against the crowd, and the mid that follows them: the fit gives back the informed share times the curve."""
    flow = DarkFlow(
        share=0.5, informed_share=0.5, informed=Crowd(median_lots=100, sigma=0.5, patience=""),
        natural=Crowd(median_lots=100, sigma=0.5, patience=""), markout=Markout(horizons=("1s", "4s"), bps=(10.0, 30.0)),
        offspring_same_side=0.0, offspring_other_side=0.0,
    )  # fmt: skip
    pool = pool_of(flow=flow, seed=1)
    pool._lit = steady(24_000, 10, 100)
    times, mids = [], []
    pool.advance(T0 + 1)
    send(pool, "b", 1, 10**8)
    send(pool, "s", -1, 10**8)
    for step in range(24_000):
        pool.advance(T0 + step * 100_000_000 + 1)
        times.append(T0 + step * 100_000_000 + 1)
        mids.append(pool.mid_ticks)
    known = pool.known()
    informed = np.mean([f.informed for f in known])
    sides = np.array([1 if f.client_id == "b" else -1 for f in known])
    fit = fit_markout(
        np.array([f.ts_ns for f in known]), sides, mid_ns=np.array(times), mid=np.array(mids, float),
        horizons=("1s", "4s"), informed_share=float(informed),
    )  # fmt: skip
    for found, error, given_bps in zip(fit.markout.bps, fit.errors_bps, flow.markout.bps, strict=True):
        assert found == pytest.approx(given_bps, abs=3.3 * error + 0.5)  # seen 10 times a second
        assert error < 2.0


def test_markout_by_hand() -> None:
    curve = Markout(horizons=("1s", "3s"), bps=(1.0, -2.0))
    assert curve.at(np.array([0, 500, 1000, 2000, 3000, 9000]) * 1_000_000).tolist() == [0, 0.5, 1, -0.5, -2, -2]
    ns = np.array([0, 1, 2, 3]) * SECOND_NS
    fit = fit_markout(ns[:3], np.array([1, -1, 1]), mid_ns=ns, mid=np.array([100.0, 101, 99, 99]), horizons=("1s", "2s"))
    assert fit.markout.bps == pytest.approx([(-100 - 1e4 * 2 / 101 + 0) / 3, (100 - 1e4 * 2 / 101) / 2])
    assert fit.used == (3, 2)


def test_what_a_ping_tells() -> None:
    """Bayes by hand: ½ prior, others fill a ping in a tenth of the cases; below the least size a ping is blind."""
    ask = {"base_chance": 0.1, "ping_lots": 1, "least_lots": 1}
    assert presence_after_pings(0.5, filled=1, unfilled=0, **ask) == pytest.approx(0.5 / (0.5 + 0.5 * 0.1))
    assert presence_after_pings(0.5, filled=3, unfilled=0, **ask) == pytest.approx(1 / 1.001)
    assert presence_after_pings(0.5, filled=3, unfilled=1, **ask) == 0
    assert presence_after_pings(0.5, filled=3, unfilled=0, **(ask | {"least_lots": 2})) == 0.5


def test_pings_in_the_pool_find_an_order_without_a_least_size() -> None:
    """One lot sold every 20 s: always filled while somebody rests who takes one lot; never by an order with a least size."""
    flow = DarkFlow(share=0.02, informed_share=0.0, natural=Crowd(median_lots=100, patience="5s", least_lots=10))
    for least, expected in ((1, 1.0), (50, 0.0)):
        pool = pool_of(flow=flow, seed=2)
        pool._lit = steady(10_000, 10, 100)
        pool.advance(T0 + 1)
        send(pool, "ours", 1, 10**6, least=least)
        hits = []
        for number in range(40):
            pool.advance(at(10 + 20 * number))
            before = pool._held["ours"].left_lots
            order = np.array([-1, 0, 1, 1, m.CROWD, 0, m.FAR_NS])
            pool._state[m.NOW] = pool._now_ns
            part = np.empty(256, np.int64)
            pool._filled(k.enter(pool._state, pool._orders, pool._moves, order, False, part, pool._fills, 0))
            hits.append(before - pool._held["ours"].left_lots)
        assert np.mean(hits) == expected


def test_lit_tape_by_hand() -> None:
    tape = LitTape()
    rows = tape.rows(
        events_of(
            [
                BOOK,
                (1, DELTA, [(1, 999, 5)]),
                (2, TRADE, [(1, 1003, 7)]),
                (3, DELTA, [(-1, 1003, 0)]),
                (4, DELTA, [(-1, 1000, 1)]),
                (5, DELTA, [(-1, 999, 1)]),
                (6, GAP, [(0, 0, 0)]),
            ]
        )
    )
    rows[:, 0] = (rows[:, 0] - T0) // SECOND_NS
    assert rows.tolist() == [[0, 1000, 1003, 0], [2, 1000, 1003, 7], [3, 0, 0, 0], [4, 1000, 1000, 0], [5, 0, 0, 0]]
    assert not len(tape.rows(Events.empty()))


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_beside_a_recording(name: str, data_dir: Path) -> None:
    """Its touch is the book's at every quarter, and each fill is at a mid of the recording, moved by what the informed knew."""
    events, _ = read_recording(name, data_dir)
    lit, start, span = CAPTURES[name].instrument, int(events.ts_local[0]), int(np.ptp(events.ts_local))
    lots = int(np.median(events.qty_lots[events.kind == TRADE]))
    flow = DarkFlow(natural=Crowd(median_lots=max(lots, 2)), informed=Crowd(median_lots=max(lots // 4, 1), patience=""))
    pool, book, done, mids = DarkPool(lit, flow=flow, fees=FREE, latency=AT_ONCE), Book(), 0, {}
    for quarter in range(1, 5):
        rows = events.until(start + quarter * span // 4)
        piece, done = events.cut(done, rows), rows
        pool.feed(piece)
        book.apply(piece)
        pool.advance(start + quarter * span // 4)
        if quarter == 1:
            send(pool, "b", 1, 2**31 - 1)
            send(pool, "s", -1, 2**31 - 1)
        assert pool.mid_ticks == book.best_bid + book.best_ask + 2 * pool.shift_ticks
    touches = LitTape().rows(events)
    for fill in (e for e in pool.events() if isinstance(e, Fill)):
        row = int(np.searchsorted(touches[:, 0], fill.ts_ns)) - 1
        mids[fill.ts_ns] = fill.price_ticks - int(touches[row, 1] + touches[row, 2])
    moves = np.array(list(mids.values()))
    assert len(moves) > 5
    assert (moves % 2 == 0).all()
    assert not moves[0]
    assert [sum(pair) for pair in zip(*pool.balances.values(), strict=True)] == [0, 0]


def test_same_seed_same_fills() -> None:
    told = []
    for seed in (1, 1, 2):
        pool = pool_of(flow=DarkFlow(share=1.0), seed=seed)
        pool._lit = random_lit(1, 100)
        pool.advance(at(2))
        send(pool, "a", 1, 10**6)
        pool.advance(at(30))
        told.append(pool.events())
    assert told[0] == told[1] != told[2]


def test_more_others_than_room() -> None:
    """The tables grow: hundreds of patient others, and one large order that meets them all."""
    flow = DarkFlow(share=10.0, natural=Crowd(median_lots=300, patience="1d", least_lots=10**6), informed_share=0.0)
    pool = pool_of(flow=flow)
    pool._lit = steady(600, 1000, 10)
    pool.advance(at(5))
    resting = pool._orders[: pool._state[m.ROWS]]
    assert len(resting) > 300  # all or nothing: those of other sizes never meet
    asked = int(resting[resting[:, m.SIDE] < 0, m.LEFT].sum())
    send(pool, "a", 1, 10**7, tif=TimeInForce.IOC)
    pool.advance(at(5))
    assert sum(f.qty_lots for f in pool.known()) == asked
    assert len(pool.known()) > 150


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Crowd(median_lots=0.5), "median_lots"),
        (lambda: Crowd(median_lots=1e8, sigma=4), "2³¹"),
        (lambda: DarkFlow(share=-1), "share lies"),
        (lambda: DarkFlow(offspring_same_side=0.8, offspring_other_side=0.2), "multiply without"),
        (lambda: Markout(horizons=("2s", "1s"), bps=(1, 2)), "rising"),
        (lambda: Markout(horizons=("1s",), bps=(float("nan"),)), "within 1,000"),
    ],
)
def test_impossible_configs_are_refused(build, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build()


def test_what_cannot_be_meant_is_refused() -> None:
    pool = pool_of()
    pool.advance(at(1))
    with pytest.raises(InputError, match="least_lots 3 of 2"):
        send(pool, "a", 1, 2, least=3)
    with pytest.raises(UnknownName, match="dark:XUSD"):
        pool.submit(Approved(Order(client_id="a", instrument=LIT.id, side=1, qty_lots=1, type=OrderType.MARKET)))
    with pytest.raises(UnknownName, match="priority"):
        pool_of(priority="size")
    with pytest.raises(InputError, match="go back"):
        pool.advance(at(0))
    with pytest.raises(InputError, match="feed, then advance"):
        pool.feed(events_of([BOOK]))
    with pytest.raises(InputError, match="no fill has a mid"):
        fit_markout(np.array([0]), np.array([1]), mid_ns=np.array([0, 5]), mid=np.array([1.0, 1.0]), horizons=("1s",))
    with pytest.raises(InputError, match="before the first mid"):
        fit_markout(np.array([0]), np.array([1]), mid_ns=np.array([3, 5]), mid=np.array([1.0, 1.0]), horizons=("1s",))
    with pytest.raises(InputError, match="base_chance 0"):
        presence_after_pings(0.5, base_chance=0.0, filled=1, unfilled=0, ping_lots=1, least_lots=1)
    with pytest.raises(InputError, match="beside -1"):
        dark_outlook(NOBODY, lit_lots_per_s=-1, lots=1, horizon="1s")
    assert half_tick_instrument(LIT).id == "dark:XUSD"
