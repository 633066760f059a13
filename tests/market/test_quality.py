"""The quality report against its naive twin, against damage done on purpose, and on a real recording."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.market.event import DELTA, FIRST, GAP, LAST, LIQUIDATION, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.kernels import codes
from counterpoise.market.quality import BookState, QualityReport, check_events
from reference import naive_quality as naive

X = Instrument(venue="v", symbol="X", kind=InstrumentKind.PERP, base="BTC", quote="USD", settle="USD", tick="0.1", lot="0.001")
MS = 1_000_000
T0 = 1_700_000_000 * SECOND_NS

Rows = list[dict[str, int]]


def events_of(rows: Rows) -> Events:
    full = [{"seq": i, **row} for i, row in enumerate(rows)]
    return Events._make(
        np.array([row[name] for row in full], column.dtype) for name, column in zip(Events._fields, Events.empty(), strict=True)
    )


def row(
    at: int, kind: int, number: int, side: int, price: int, lots: int, *, flags: int = FIRST | LAST, late: int = 5 * MS
) -> dict[str, int]:
    names = {"ts_local": at, "ts_venue": at - late, "id": number, "kind": kind, "side": side, "flags": flags}
    return names | {"price_ticks": price, "qty_lots": lots}


def sound(n: int = 400) -> list[Rows]:
    """Messages without fault: every 10 ms a trade, a quote and a book update, every second a liquidation."""
    messages: list[Rows] = [[row(T0, SNAPSHOT, 1, 1, 990, 5, flags=FIRST), row(T0, SNAPSHOT, 1, -1, 1010, 5, flags=LAST)]]
    for i in range(n):
        at = T0 + i * 10 * MS
        messages.append([row(at, TRADE, 100 + i, 1 - 2 * (i % 2), 1000 + i % 3, 1 + i % 7)])
        messages.append([row(at, QUOTE, 2 + i, 1, 999, 4 + i % 5, flags=FIRST), row(at, QUOTE, 2 + i, -1, 1002, 3, flags=LAST)])
        messages.append([row(at, DELTA, 2 + i, 1, 990 - i % 9, i % 4)])
        if i % 100 == 0:
            messages.append([row(at, LIQUIDATION, -1, 1, 1000, 2)])
    return messages


def report(messages: list[Rows], **options: Any) -> QualityReport:
    events = events_of([r for message in messages for r in message])
    return check_events(events, X, **({"stale_ns": SECOND_NS, "consecutive_ids": True} | options))


def found(quality: QualityReport) -> dict[tuple[str, str], int]:
    return {(r["check"], r["channel"]): r["count"] for r in quality.frame.to_dicts() if r["count"]}


def of_kind(messages: list[Rows], kind: int) -> list[int]:
    return [i for i, message in enumerate(messages) if message[0]["kind"] == kind]


def test_a_sound_stream_has_no_fault() -> None:
    quality = report(sound())
    assert found(quality) == {}
    assert quality.ok
    assert quality.frame["verdict"].unique().to_list() == ["ok"]
    channels = {r["channel"]: r for r in quality.channels.to_dicts()}
    assert {name: (c["rows"], c["messages"]) for name, c in channels.items()} == {
        "book": (402, 401),
        "quote": (800, 400),
        "trade": (400, 400),
        "liquidation": (4, 4),
    }
    assert all(c["latency_p50_ns"] == c["latency_max_ns"] == 5 * MS for c in channels.values())
    assert channels["trade"]["longest_silence_ns"] == 10 * MS
    assert (channels["trade"]["first_ns"], channels["trade"]["last_ns"]) == (T0, T0 + 399 * 10 * MS)


@given(st.sets(st.integers(1, 398), min_size=1, max_size=60))
def test_dropped_trades_are_holes_in_the_ids(dropped: set[int]) -> None:
    messages = sound()
    at = of_kind(messages, TRADE)
    quality = report([m for i, m in enumerate(messages) if i not in {at[k] for k in dropped}])
    runs = sum(k - 1 not in dropped for k in dropped)
    assert found(quality) == {("gap", "trade"): runs}
    assert not quality.ok
    trade = next(c for c in quality.channels.to_dicts() if c["channel"] == "trade")
    assert trade["missing_ids"] == len(dropped)
    gap = next(r for r in quality.frame.to_dicts() if (r["check"], r["channel"]) == ("gap", "trade"))
    after = min(k for k in range(min(dropped), 400) if k not in dropped)
    assert gap["first_ns"] == T0 + after * 10 * MS


def test_venues_without_consecutive_ids_have_no_holes() -> None:
    messages = sound()
    del messages[of_kind(messages, TRADE)[7]]
    assert found(report(messages, consecutive_ids=None)) == {}
    events = events_of([r for m in messages for r in m])
    binance = Instrument(venue="binance_usdm", symbol="X", kind=X.kind, base="B", quote="U", settle="U", tick="1", lot="1")
    assert check_events(events, binance, stale_ns=SECOND_NS).count("gap", "trade") == 1


@given(st.lists(st.integers(0, 399), min_size=1, max_size=30), st.integers(0, 5))
def test_trades_that_come_again_are_duplicates_wherever_they_stand(again: list[int], later: int) -> None:
    messages = sound()
    at = of_kind(messages, TRADE)
    out = []
    for i, message in enumerate(messages):
        out.append(message)
        for k in again:
            if i == at[min(k + later, 399)]:
                out.append([r | {"ts_local": message[0]["ts_local"]} for r in messages[at[k]]])
    quality = report(out, tolerance_ns=SECOND_NS)
    assert found(quality) == {("duplicate", "trade"): len(again)}


@given(st.sets(st.integers(0, 199), min_size=1, max_size=30))
def test_messages_said_twice_are_repeated(twice: set[int]) -> None:
    messages = sound()
    at = {of_kind(messages, QUOTE)[2 * k] for k in twice}
    quality = report([m for i, message in enumerate(messages) for m in [message] * (1 + (i in at))])
    assert found(quality) == {("repeated", "quote"): len(twice)}
    assert quality.ok


@given(st.sets(st.integers(0, 198), min_size=1, max_size=30))
def test_swapped_trades_are_late_once_and_leave_no_hole(swapped: set[int]) -> None:
    messages = sound()
    at = of_kind(messages, TRADE)
    for k in swapped:
        a, b = messages[at[2 * k]][0], messages[at[2 * k + 1]][0]
        for name in ("id", "ts_venue"):
            a[name], b[name] = b[name], a[name]
    quality = report(messages)
    here = {(r["check"], r["channel"]): r for r in quality.frame.to_dicts() if r["count"]}
    assert found(quality).keys() <= {("id back", "trade"), ("venue time back", "trade"), ("clock skew", "trade")}
    assert here["id back", "trade"]["count"] == here["venue time back", "trade"]["count"] == len(swapped)
    assert here["id back", "trade"]["worst"] == 1
    assert here["venue time back", "trade"]["worst"] == 10 * MS
    assert report(messages, tolerance_ns=10 * MS).count("venue time back", "trade") == 0


@given(st.integers(1, 10_000))
def test_a_clock_behind_the_venue_is_skew_in_every_message(behind_ms: int) -> None:
    messages = [[r | {"ts_venue": r["ts_local"] + behind_ms * MS} for r in message] for message in sound()]
    quality = report(messages)
    assert {(r["check"], r["count"]) for r in quality.frame.to_dicts() if r["count"]} == {
        ("clock skew", n) for n in (4, 400, 401)
    }
    assert set(quality.frame.filter(quality.frame["check"] == "clock skew")["worst"]) == {behind_ms * MS}
    assert quality.channels["latency_p50_ns"].unique().to_list() == [-behind_ms * MS]
    assert quality.ok


def test_a_dead_channel_is_silent_to_the_end() -> None:
    messages = [m for m in sound() if m[0]["kind"] != TRADE or m[0]["ts_local"] <= T0 + SECOND_NS]
    quality = report(messages)
    silent = next(r for r in quality.frame.to_dicts() if (r["check"], r["channel"]) == ("silence", "trade"))
    assert found(quality) == {("silence", "trade"): 1}
    assert (silent["worst"], silent["first_ns"]) == (399 * 10 * MS - SECOND_NS, T0 + SECOND_NS)


def test_a_channel_that_begins_late_was_silent_from_the_start() -> None:
    messages = [m for m in sound() if m[0]["kind"] != QUOTE or m[0]["ts_local"] > T0 + 2 * SECOND_NS]
    assert found(report(messages)) == {("silence", "quote"): 1}


@pytest.mark.parametrize(("ask", "expected"), [(999, {("locked", "quote"): 1}), (998, {("crossed", "quote"): 1}), (1000, {})])
def test_a_quote_at_or_over_its_ask(ask: int, expected: dict[tuple[str, str], int]) -> None:
    messages = sound()
    messages[of_kind(messages, QUOTE)[50]][1]["price_ticks"] = ask
    assert found(report(messages)) == expected


def test_an_empty_side_crosses_nothing_and_has_no_price() -> None:
    messages = sound()
    messages[of_kind(messages, QUOTE)[50]][1] |= {"price_ticks": 0, "qty_lots": 0}
    assert found(report(messages)) == {}


def test_inside_a_message_the_quote_may_cross() -> None:
    messages = sound()
    for message in [messages[i] for i in of_kind(messages, QUOTE)[50:]]:
        message[0]["price_ticks"], message[1]["price_ticks"] = 1005, 1006
    assert found(report(messages)) == {}


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        (TRADE, {"qty_lots": 0}, "zero quantity"),
        (TRADE, {"qty_lots": -3}, "negative quantity"),
        (DELTA, {"qty_lots": -3}, "negative quantity"),
        (TRADE, {"price_ticks": 0}, "price off range"),
        (DELTA, {"price_ticks": -1}, "price off range"),
        (TRADE, {"flags": FIRST}, "broken message"),
        (LIQUIDATION, {"qty_lots": 0}, "zero quantity"),
    ],
)
def test_one_wrong_number_is_found_once(kind: int, change: dict[str, int], expected: str) -> None:
    messages = sound()
    messages[of_kind(messages, kind)[3]][0] |= change
    quality = report(messages)
    channel = {TRADE: "trade", DELTA: "book", LIQUIDATION: "liquidation"}[kind]
    assert found(quality) == {(expected, channel): 1}


def test_prices_outside_a_given_range() -> None:
    messages = sound()
    messages[of_kind(messages, TRADE)[3]][0]["price_ticks"] = 10_000
    assert found(report(messages)) == {}
    here = report(messages, price_range=("90", "110.05"))
    worst = {r["channel"]: r["worst"] for r in here.frame.to_dicts() if r["check"] == "price off range" and r["count"]}
    assert worst == {"trade": 8900}


def test_gap_rows_and_book_crossings_are_bad() -> None:
    messages = sound()
    messages.insert(500, [row(messages[500][0]["ts_local"], GAP, -1, 0, 0, 0)])
    quality = report(messages, book_crossings=7)
    assert found(quality) == {("gap", "book"): 1, ("crossed", "book"): 7}
    assert not quality.ok


def test_a_snapshot_may_be_older_than_what_waited_for_it() -> None:
    messages = sound()
    old = [row(messages[500][0]["ts_local"], SNAPSHOT, 1, 1, 990, 5, late=60 * SECOND_NS)]
    messages.insert(500, old)
    assert found(report(messages)) == {}


def test_arrival_that_goes_back_is_bad() -> None:
    messages = sound()
    late = messages[of_kind(messages, TRADE)[50]][0]
    late |= {"ts_local": late["ts_local"] - 20 * MS, "ts_venue": late["ts_venue"]}
    quality = report(messages)
    assert quality.count("local time back", "trade") == 1
    assert not quality.ok


@st.composite
def streams(draw: st.DrawFn) -> Events:
    """Rows with every fault there is, close together."""
    rows: Rows = []
    at = 1000
    for _ in range(draw(st.integers(0, 25))):
        at += draw(st.sampled_from([0, 1, 5, 40, -3]))
        kind = draw(st.sampled_from([DELTA, SNAPSHOT, GAP, QUOTE, QUOTE, TRADE, TRADE, TRADE, LIQUIDATION]))
        number, late = draw(st.sampled_from([-1, 1, 2, 3, 4, 5, 9])), draw(st.sampled_from([3, -2, 0, at]))
        size = draw(st.sampled_from([1, 1, 2]))
        for k in range(size):
            flags = (FIRST if k == 0 else 0) | (LAST if k == size - 1 else 0)
            side, price, lots = draw(st.sampled_from([(1, 5, 1), (-1, 5, 1), (-1, 6, 2), (1, 7, 0), (-1, -1, 1), (0, 99, -2)]))
            rows.append(row(at, kind, number, side, price, lots, flags=flags, late=late))
    for i in draw(st.lists(st.integers(0, 60), max_size=2)):
        if i < len(rows):
            rows[i]["flags"] = draw(st.integers(0, 3))
    return events_of(rows)


@given(streams(), st.sampled_from([3, 30]), st.sampled_from([0, 4]), st.booleans())
def test_the_report_is_that_of_the_naive_twin(events: Events, stale_ns: int, tolerance_ns: int, consecutive: bool) -> None:
    for column in events:
        column.flags.writeable = False
    quality = check_events(
        events, X, stale_ns=stale_ns, tolerance_ns=tolerance_ns, consecutive_ids=consecutive, price_range=("0.1", "0.7")
    )
    expected = naive.check(events, stale_ns=stale_ns, tolerance_ns=tolerance_ns, consecutive=consecutive, low=1, high=7)
    ours = {(r["check"], r["channel"]): (r["count"], r["worst"], r["first_ns"]) for r in quality.frame.to_dicts()}
    assert ours == expected
    for channel in quality.channels.to_dicts():
        assert channel["latency_p50_ns"] == naive.percentile(events, channel["channel"], 50)
        assert channel["latency_p99_ns"] == naive.percentile(events, channel["channel"], 99)
        assert channel["longest_silence_ns"] == naive.longest_silence(events, channel["channel"])


def test_nothing_gives_an_empty_report_that_is_ok() -> None:
    quality = check_events(Events.empty(), X, stale_ns=1)
    assert quality.ok
    assert (quality.frame.height, quality.channels.height) == (0, 0)
    assert "nothing found" in str(quality)


def test_the_report_reads_as_text_and_as_html() -> None:
    messages = sound()
    del messages[of_kind(messages, TRADE)[7]]
    quality = report(messages)
    assert str(quality).splitlines()[0] == "v:X: BAD"
    assert any(line.split()[:4] == ["bad", "gap", "trade", "1"] for line in str(quality).splitlines())
    assert quality._repr_html_() == quality.to_html()
    assert "<td>gap</td><td>trade</td><td>1</td><td>1 ids</td>" in quality.to_html()
    html = check_events(Events.empty(), Instrument(**{**terms(), "symbol": "<b>"}), stale_ns=1).to_html()
    assert "v:&lt;b&gt;" in html
    with pytest.raises(AttributeError):
        quality.instrument = "other"  # type: ignore[misc]


def terms() -> dict[str, Any]:
    return {"venue": "v", "kind": InstrumentKind.PERP, "base": "B", "quote": "U", "settle": "U", "tick": "1", "lot": "1"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"stale_ns": 0}, "stale_ns must be positive"),
        ({"stale_ns": 1, "tolerance_ns": -1}, "tolerance_ns not negative"),
        ({"stale_ns": 1, "price_range": ("5", "4")}, "empty"),
        ({"stale_ns": 1, "price_range": ("x", "4")}, "not a decimal"),
    ],
)
def test_limits_that_cannot_be_meant_are_refused(options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        check_events(Events.empty(), X, **options)


def test_columns_that_cannot_be_events_are_refused() -> None:
    events = events_of(sound()[0])
    with pytest.raises(InputError, match="differ in length"):
        check_events(events._replace(side=events.side[:1]), X, stale_ns=1)
    with pytest.raises(InputError, match="kind 9"):
        check_events(events._replace(kind=np.full(2, 9, np.uint8)), X, stale_ns=1)


def test_book_states_are_the_kernels_and_the_greater_is_the_worse() -> None:
    assert [state.value for state in BookState] == [codes.SYNCED, codes.STALE, codes.CROSSED, codes.GAPPED] == [0, 1, 2, 3]


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("name", "venue", "tick", "lot", "median_s"),
    [
        ("usdm/btcusdt_20240808.gz", "binance_usdm", "0.1", "0.001", -1.268),
        ("cm/btcusd_perp_20240808.gz", "binance_coinm", "0.1", "1", -1.253),
        ("spot/btcusdt_20240808.gz", "binance", "0.01", "0.00001", -1.271),
    ],
)
def test_a_recording_is_whole_and_its_clock_is_behind(
    data_dir: Path, name: str, venue: str, tick: str, lot: str, median_s: float
) -> None:
    """The data's own notes: no gap, no crossed quote, local clock about 1.27 s behind the venue."""
    instrument = Instrument(**{**terms(), "symbol": "X", "venue": venue, "tick": tick, "lot": lot})
    rows: Rows = []
    with gzip.open(data_dir / "01_binance_l2_20240808" / name, "rt") as file:
        for line in file:
            ts, body = line.split(" ", 1)
            said = json.loads(body)
            said = said.get("data", said)
            at, venue_ns = int(ts), said.get("T", 0) * MS
            late = at - venue_ns
            ticks, lots = instrument.price_grid.steps, instrument.qty_grid.steps
            if said.get("e") == "trade":
                rows.append(row(at, TRADE, said["t"], -1 if said["m"] else 1, ticks(said["p"]), lots(said["q"]), late=late))
            elif "B" in said and "A" in said:
                rows.append(row(at, QUOTE, said["u"], 1, ticks(said["b"]), lots(said["B"]), flags=FIRST, late=late))
                rows.append(row(at, QUOTE, said["u"], -1, ticks(said["a"]), lots(said["A"]), flags=LAST, late=late))
    quality = check_events(events_of(rows), instrument, stale_ns=60 * SECOND_NS)
    channels = {c["channel"]: c for c in quality.channels.to_dicts()}
    assert quality.ok, str(quality)
    assert channels["trade"]["latency_p50_ns"] / 1e9 == pytest.approx(median_s, abs=1e-3)
    assert quality.count("clock skew", "trade") == channels["trade"]["messages"] > 2000
    assert quality.count("gap", "trade") == quality.count("crossed", "quote") == quality.count("duplicate", "trade") == 0
