"""Icebergs, sweeps and the tracker of volume: their laws one by one, and on a market with queues, latency and impact."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.execution import Execution, PlaceOrder, Seen
from counterpoise.balance.order_style.iceberg import Iceberg, iceberg_peaks
from counterpoise.balance.order_style.single import SingleOrder
from counterpoise.balance.order_style.sweep import Sweep, sweep_lots
from counterpoise.balance.order_style.volume_tracker import VolumeTracker
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.balance.schedule.volume import updated_vwap, vwap
from counterpoise.core.clock import SimClock
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.book import Levels
from counterpoise.market.event import SNAPSHOT, Events
from counterpoise.market.order import Fill, Order, OrderState, OrderUpdate, RejectReason, TimeInForce
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import Intent, JournalRecord, VenueSaid
from counterpoise.runtime.restart import recover
from counterpoise.runtime.session import Session, SessionResult
from reference.message_script import T0, events_of
from reference.small_session import END_NS, PERP, SECONDS, venue

SPAN: Final = {"start_ns": T0 + SECOND_NS, "end_ns": T0 + (SECONDS - 1) * SECOND_NS}
TOP: Final = TopOfBook(999, 8, 1001, 8, BookState.SYNCED)


def iceberg(seed: int = 1, **changed: object) -> Iceberg:
    """Buy 60 at 100.1 or better, showing 8 to 16."""
    terms = {"side": 1, "qty_lots": 60, "price_ticks": 1001, "peak_lots": 12, "spread": 0.4} | SPAN | changed
    return Iceberg(PERP, name="ice", rng=np.random.default_rng(seed), **terms)  # type: ignore[arg-type]


def sweep(**changed: object) -> Sweep:
    """Buy 60 at 100.2 or better, where 15 are shown there at once."""
    terms = {"side": 1, "qty_lots": 60, "limit_ticks": 1002, "least_lots": 15} | SPAN | changed
    return Sweep(PERP, name="sweep", **terms)  # type: ignore[arg-type]


def book(*asks: tuple[int, int]) -> Events:
    return events_of([(0, SNAPSHOT, [(1, 999, 8), *((-1, price, lots) for price, lots in asks)])])


def step(of: SingleOrder, seconds: float, *events: Events) -> list[Order]:
    actions = of.step(T0 + round(seconds * SECOND_NS), {PERP.id: Seen(TOP, 0, events)})
    return [action.order for action in actions if isinstance(action, PlaceOrder)]


def fill(order: Order, lots: int) -> Fill:
    return Fill(
        ts_ns=0,
        client_id=order.client_id,
        instrument=PERP.id,
        side=order.side,
        price_ticks=1001,
        qty_lots=lots,
        fee=0,
        maker=True,
    )


def ended(order: Order, state: OrderState, left: int) -> OrderUpdate:
    reason = RejectReason.PRICE_BAND if state is OrderState.REJECTED else None
    return OrderUpdate(ts_ns=0, client_id=order.client_id, state=state, left_lots=left, reason=reason)


@given(st.integers(1, 5000), st.integers(1, 400), st.floats(0, 0.9), st.integers(1, 10), st.integers(0, 2**32 - 1))
def test_peaks_are_in_range_never_repeat_and_sum_to_the_whole(
    qty: int, peak: int, spread: float, least: int, seed: int
) -> None:
    low, high = int(np.ceil(peak * (1 - spread))), int(peak * (1 + spread))
    if low < min(least, qty):
        return
    peaks = iceberg_peaks(qty, peak_lots=peak, spread=spread, rng=np.random.default_rng(seed), least_lots=least)
    assert peaks.sum() == qty
    assert (peaks[:-1] >= low).all()
    assert (peaks[:-1] <= high).all()
    assert 0 < peaks[-1] < high + least
    assert min(least, qty) <= peaks[-1]
    if high > low:
        assert (np.diff(peaks[:-1]) != 0).all()


def test_peaks_are_even_over_their_range() -> None:
    """Chi-square of the first and the second peaks, at the 1 % point of 8 degrees of freedom."""
    rng = np.random.default_rng(7)
    drawn = np.array([iceberg_peaks(1000, peak_lots=12, spread=0.4, rng=rng)[:2] for _ in range(4000)])
    for column in drawn.T:
        counts = np.bincount(column, minlength=17)[8:]
        assert len(counts) == 9
        assert ((counts - 4000 / 9) ** 2 / (4000 / 9)).sum() < 20.09


def test_an_iceberg_shows_the_next_peak_when_the_last_is_gone() -> None:
    ice, shown = iceberg(), []
    assert not step(ice, 0.5)
    for i in range(len(ice.peaks)):
        (order,) = step(ice, 2 + i / 10)
        assert (order.price_ticks, order.time_in_force) == (1001, TimeInForce.GTC)
        assert not step(ice, 2 + i / 10)
        ice.hear(fill(order, 1))
        assert not step(ice, 2 + i / 10)
        ice.hear(fill(order, order.qty_lots - 1))
        ice.hear(ended(order, OrderState.FILLED, 0))
        shown.append(order.qty_lots)
    assert shown == ice.peaks.tolist()
    assert ice.done
    assert not step(ice, 5)


def test_a_refusal_stops_it_until_it_is_resumed_and_time_ends_it() -> None:
    ice = iceberg()
    (order,) = step(ice, 2)
    ice.hear(ended(order, OrderState.REJECTED, order.qty_lots))
    assert not step(ice, 2.1)
    assert "price_band" in ice.paused
    ice.resume()
    (order,) = step(ice, 2.2)
    ice.refused(order.client_id)
    assert not step(ice, 2.3)
    ice.resume()
    (order,) = step(ice, 2.4)
    (action,) = ice.step(SPAN["end_ns"], {PERP.id: Seen(TOP, 0)})
    assert action.client_id == order.client_id  # type: ignore[union-attr]


def test_an_iceberg_that_takes_up_anothers_orders_goes_on_with_its_peaks() -> None:
    first, second = iceberg(seed=5), iceberg(seed=5)
    for i in range(2):
        (order,) = step(first, 2 + i)
        second.take_up(order)
        for one in (first, second):
            one.hear(fill(order, order.qty_lots))
            one.hear(ended(order, OrderState.FILLED, 0))
    assert step(second, 5) == step(first, 5)


def test_a_sweep_takes_what_is_worth_taking() -> None:
    lying = sweep()
    assert not step(lying, 2)  # it has seen no book
    assert not step(lying, 2.1, book((1001, 5), (1002, 9), (1003, 90)))  # 14 are not worth it
    (order,) = step(lying, 2.2, book((1001, 5), (1002, 10), (1003, 90)))
    assert (order.qty_lots, order.price_ticks, order.time_in_force) == (15, 1002, TimeInForce.IOC)
    assert not step(lying, 2.3, book((1001, 500)))
    lying.hear(fill(order, 15))
    lying.hear(ended(order, OrderState.FILLED, 0))
    assert not step(lying, 2.4)  # it rests
    (order,) = step(lying, 2.5)
    assert (order.qty_lots, order.price_ticks) == (45, 1001)


def test_a_sweep_leaves_no_dust() -> None:
    """The venue takes 2 lots or more at 100."""
    (order,) = step(sweep(), 2, book((1001, 59)))
    assert order.qty_lots == 58
    (order,) = step(sweep(qty_lots=10), 2, book((1001, 10)))  # all it wants, though less than is worth taking
    assert order.qty_lots == 10


@given(
    st.lists(st.tuples(st.integers(1, 5), st.integers(1, 50)), max_size=6),
    st.sampled_from((1, -1)),
    st.integers(80, 120),
    st.integers(1, 100),
    st.integers(1, 100),
)
def test_a_sweep_takes_all_that_is_good_enough_and_nothing_else(
    steps: list[tuple[int, int]], side: int, limit: int, left: int, least: int
) -> None:
    prices = 100 + side * np.cumsum([gap for gap, _ in steps], dtype=np.int64)
    sizes = np.array([lots for _, lots in steps], np.int64)
    lots, price = sweep_lots(Levels(prices, sizes), side=side, limit_ticks=limit, left_lots=left, least_lots=least)
    offered = int(sizes[side * (limit - prices) >= 0].sum())
    worth = offered and min(offered, left) >= min(left, least)
    assert lots == (min(offered, left) if worth else 0)
    if lots:
        assert side * (limit - price) >= 0
        assert sizes[side * (price - prices) >= 0].sum() >= lots > sizes[side * (price - prices) > 0].sum()


def tracker(volume: np.ndarray, certainty: float) -> VolumeTracker:
    config = ParentConfig(side="buy", qty="200", slice="1s", max_participation=0.5)
    return VolumeTracker(Parent(PERP, config, name="track", **SPAN), volume=volume, certainty=certainty)


def test_a_tracker_follows_what_others_traded() -> None:
    curve = np.array([4.0, 3, 2, 1, 1, 2, 3, 4]) * 10
    of, edges, came = tracker(curve, 20.0), T0 + np.arange(1, 10) * SECOND_NS, [0, 90, 90, 150, 210, 220, 260, 300, 310]
    assert of.parent.schedule.cumulative_lots.tolist() == vwap(200, times_ns=edges, volume=curve).cumulative_lots.tolist()
    for i in (0, 1, 2, 4, 7):  # two slices are passed over by a slow clock
        of.step(int(edges[i]), {PERP.id: Seen(TOP, came[i])})
        counts = {0: [], 1: [90], 2: [90, 0], 4: [90, 0, 60, 60], 7: [90, 0, 60, 60, 30, 30, 30]}[i]
        expected = updated_vwap(200, times_ns=edges, volume=curve, seen=np.array(counts, float), certainty=20.0)
        assert of.parent.schedule.cumulative_lots.tolist() == expected.cumulative_lots.tolist()


def test_a_tracker_takes_what_it_did_not_see_as_the_past_had_it() -> None:
    curve, edges = np.array([4.0, 3, 2, 1, 1, 2, 3, 4]) * 10, T0 + np.arange(1, 10) * SECOND_NS
    of = tracker(curve, 20.0)
    for i, market_lots in ((3, 7), (4, 37)):
        of.step(int(edges[i]), {PERP.id: Seen(TOP, market_lots)})
    expected = updated_vwap(200, times_ns=edges, volume=curve, seen=np.array([40.0, 30, 20, 30]), certainty=20.0)
    assert of.parent.schedule.cumulative_lots.tolist() == expected.cumulative_lots.tolist()


def test_a_tracker_wants_a_slice_of_volume_for_each_of_the_schedule() -> None:
    with pytest.raises(InputError, match="3 slices have 4 increasing edges"):
        tracker(np.ones(3), 1.0)


class Kept:
    """A journal in memory."""

    def __init__(self) -> None:
        self.records: list[JournalRecord] = []

    def append(self, record: JournalRecord) -> None:
        self.records.append(record)

    def flush(self) -> None: ...


def run(execution: Execution) -> tuple[SessionResult, list[JournalRecord]]:
    kept = Kept()
    session = Session(
        venue(), clock=SimClock(T0), execution=execution, limits=Limits(), measures={}, journal=kept, step_ns=50 * MS_NS
    )
    return session.run(END_NS), kept.records


@pytest.mark.parametrize("side", [1, -1])
def test_on_a_market_an_iceberg_shows_its_peaks_in_order(side: int) -> None:
    ice = iceberg(side=side, price_ticks=1000 + side)
    result, _ = run(ice)
    sizes = [order.qty_lots for _, order in result.orders]
    assert len(sizes) > 2
    assert sizes == ice.peaks[: len(sizes)].tolist()
    assert sum(one.qty_lots for one in result.fills) == ice.children.filled_lots > 0
    assert all(side * (one.price_ticks - 1000) <= 1 for one in result.fills)


@pytest.mark.parametrize("side", [1, -1])
def test_on_a_market_a_sweep_takes_down_to_its_limit(side: int) -> None:
    lying = sweep(side=side, limit_ticks=1000 + side)
    result, _ = run(lying)
    assert 0 < sum(one.qty_lots for one in result.fills) == lying.children.filled_lots <= 60
    assert all(side * (one.price_ticks - 1000) <= 1 and not one.maker for one in result.fills)
    assert result.orders[0][1].qty_lots >= 15


def test_on_a_market_a_tracker_wants_what_others_volume_says() -> None:
    """At each edge of a slice, from what the session counted there; the past's level is ten times what comes."""
    past = np.full(8, 600.0)
    result, _ = run(tracker(past, 300.0))
    edges = T0 + np.arange(1, 10) * SECOND_NS
    at_edges = result.steps.filter(result.steps["ts"].is_in(edges[:-1].tolist()))
    came = at_edges["market_lots"].to_numpy()
    wanted = [
        updated_vwap(
            200, times_ns=edges, volume=past, seen=np.diff(came[: i + 1]).astype(float), certainty=300.0
        ).cumulative_lots[i]
        for i in range(8)
    ]
    assert at_edges["target_lots"].to_list() == wanted
    plain = vwap(200, times_ns=edges, volume=past).cumulative_lots
    assert abs(plain - wanted).max() > 10  # it does not say what the past alone would
    assert result.fills


@pytest.mark.parametrize("make", [iceberg, lambda: sweep(limit_ticks=1001), lambda: tracker(np.ones(8), 1.0)])
def test_an_order_that_died_goes_on_as_it_would_have(make: Callable[[], Iceberg | Sweep | VolumeTracker]) -> None:
    """Told a journal's intents and answers, another of its kind stands where the first one stood."""
    first = make()
    _, records = run(first)
    second = make()
    told = [one for one in records if isinstance(one, Intent | VenueSaid)]
    assert told
    recover(told, second)
    at = END_NS
    assert second.standing(PERP.id, at)[1:] == first.standing(PERP.id, at)[1:]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: iceberg(side=0), "a side of"),
        (lambda: iceberg(qty_lots=0), "lots to trade"),
        (lambda: iceberg(end_ns=T0), "an end after the start"),
        (lambda: iceberg(price_ticks=0), "a price above 0"),
        (lambda: iceberg(peak_lots=0), "a peak"),
        (lambda: iceberg(spread=1.0), "a spread in"),
        (lambda: iceberg(peak_lots=2, spread=0.5), "takes 2 or more; take a larger peak"),
        (lambda: sweep(limit_ticks=0), "a limit and a least above 0"),
        (lambda: sweep(least_lots=0), "a limit and a least above 0"),
    ],
)
def test_what_cannot_be_worked_is_refused(make: Callable[[], SingleOrder], message: str) -> None:
    with pytest.raises(InputError, match=message):
        make()
