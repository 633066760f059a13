"""Queue models: the formulas, what hftbacktest makes of the same changes, orders by name, and names that are none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.adapters.lobster import read_lobster
from counterpoise.core.errors import ConfigError, DataError, UnknownName
from counterpoise.market.event import DELTA, SNAPSHOT, TRADE, Events, merge_events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.queue import QueueModel
from counterpoise.sim.replay.response import NO_RESPONSE
from reference.message_script import T0, Message, events_of

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="1")
STOCK = Instrument(
    venue="nasdaq", symbol="XYZ", kind=InstrumentKind.SPOT, base="XYZ", quote="USD", settle="USD", tick="0.01", lot="1"
)
S = 10**9


def ahead(queue: str, before: int, *changes: Message) -> list[float]:
    """Lots ahead of an order that joins `before` lots at 1,000, after each message, a second apart."""
    m = ReplayMarket(PERP, NO_RESPONSE, QueueModel.parse(queue))
    m.feed(events_of([(0, SNAPSHOT, [(1, 1000, before), (-1, 1001, 30)]), *changes]))
    m.run(T0 + 1)
    m.rest(1, T0 + 1, 1, 1000, 10**6)
    out = []
    for second, *_ in changes:
        while m.run(T0 + int(second * S) + 1):
            pass
        out.append(m.ahead(1))
    return out


GROWN: Message = (1, DELTA, [(1, 1000, 40)])  # 10 ahead, 30 behind
FALLS: Message = (2, DELTA, [(1, 1000, 28)])  # 12 cancelled


@pytest.mark.parametrize(
    ("queue", "behind"),
    [
        ("conservative", 1.0),
        ("proportional", 30 / 40),
        ("power:1", 30 / 40),
        ("power:3", 30**3 / (30**3 + 10**3)),
        ("power:0.5", math.sqrt(30) / (math.sqrt(30) + math.sqrt(10))),
        ("log", math.log(31) / (math.log(31) + math.log(11))),
    ],
)
def test_a_cancel_comes_from_behind_with_the_chance_of_the_model(queue: str, behind: float) -> None:
    assert ahead(queue, 10, GROWN, FALLS) == [10, pytest.approx(10 - 12 * (1 - behind), abs=1 / 2048)]


@pytest.mark.parametrize("queue", ["proportional", "power:3", "log"])
def test_what_traded_is_not_cancelled_again(queue: str) -> None:
    """4 trade, and the level then shows 36: nothing was cancelled. Of a further fall of 6, in which 2 traded, 4 were."""
    told = ahead(
        queue,
        10,
        GROWN,
        (2, TRADE, [(-1, 1000, 4)]),
        (3, DELTA, [(1, 1000, 36)]),
        (4, TRADE, [(-1, 1000, 2)]),
        (5, DELTA, [(1, 1000, 30)]),
    )
    assert told[1:4] == [6, 6, 4]
    share = {"proportional": 32 / 36, "power:3": 32**3 / (32**3 + 4**3), "log": math.log(33) / math.log(33 * 5)}[queue]
    assert told[4] == pytest.approx(4 - 4 * (1 - share), abs=1 / 2048)


@pytest.mark.parametrize("queue", ["conservative", "proportional", "power:3", "log"])
@given(st.lists(st.integers(0, 60), min_size=1, max_size=8))
def test_no_more_is_ahead_than_stands_there_and_never_less_than_nothing(queue: str, levels: list[int]) -> None:
    told = ahead(queue, 25, *((1 + i, DELTA, [(1, 1000, lots)]) for i, lots in enumerate(levels)))
    held = [25.0, *told]
    assert all(0 <= now <= min(before, lots) for before, now, lots in zip(held, told, levels, strict=False))


def test_of_the_models_power_of_one_is_where_every_lot_is_alike() -> None:
    """The mean of drawing the cancelled lots without replacement: 12 of 40, 10 of them ours to lose."""
    rng = np.random.default_rng(5)
    drawn = rng.hypergeometric(10, 30, 12, size=20_000)
    assert ahead("proportional", 10, GROWN, FALLS)[1] == pytest.approx(10 - drawn.mean(), abs=0.05)


# exact: a LOBSTER pair, whose lines name orders

LINES = [  # time, type, order, size, price, direction; and the level at 100.00 after it, with an ask of 50 at 100.02
    ("34200", 1, 1, 30, 1000000, 1, 30),
    ("34201", 1, 2, 20, 1000000, 1, 50),
    ("34203", 1, 3, 40, 1000000, 1, 90),  # comes after us
    ("34204", 3, 2, 20, 1000000, 1, 70),  # one ahead of us goes
    ("34205", 2, 3, 15, 1000000, 1, 55),  # one behind us shrinks
    ("34206", 4, 1, 10, 1000000, 1, 45),  # one ahead of us trades
    ("34207", 4, 1, 20, 1000000, 1, 25),
    ("34208", 4, 3, 5, 1000000, 1, 20),  # one behind us trades: we would have
    ("34209", 4, 3, 20, 1000000, 1, 0),
]


@pytest.fixture
def named(tmp_path: Path) -> Events:
    path = tmp_path / "XYZ_2012-06-21_34200000_57600000_message_1.csv"
    path.write_text("".join(f"{t},{w},{o},{q},{p},{d}\n" for t, w, o, q, p, d, _ in LINES), encoding="utf-8")
    bids = (f"1000000,{level}" if level else "-9999999999,0" for *_, level in LINES)
    book = "".join(f"1000200,50,{bid}\n" for bid in bids)
    (tmp_path / path.name.replace("message", "orderbook")).write_text(book, encoding="utf-8")
    return merge_events([Events.from_frame(batch.frame) for batch in read_lobster(path, instrument=STOCK)])


def test_orders_by_name_are_ahead_or_behind_and_nothing_between(named: Events) -> None:
    m = ReplayMarket(STOCK, NO_RESPONSE, QueueModel.parse("exact"))
    m.feed(named)
    start = int(named.ts_local[0])
    m.run(start + 2 * S)
    m.rest(7, start + 2 * S, 1, 10_000, 12)
    told, fills = [], []
    for second in range(3, 10):
        while got := m.run(start + second * S + 1):
            fills += got
        told.append(m.ahead(7))
    assert told[:6] == [50, 30, 30, 20, 0, 0]
    assert [(f.ts_ns - start, f.price_ticks, f.qty_lots) for f in fills] == [(8 * S, 10_000, 5), (9 * S, 10_000, 7)]


def test_the_conservative_model_waits_longer_than_the_truth(named: Events) -> None:
    m = ReplayMarket(STOCK, NO_RESPONSE)
    m.feed(named)
    start = int(named.ts_local[0])
    m.run(start + 2 * S)
    m.rest(7, start + 2 * S, 1, 10_000, 12)
    m.run(start + 6 * S + 1)
    assert m.ahead(7) == 35  # of 45 that stand there after 10 of the 50 traded; in truth 20


def test_exact_is_refused_where_nothing_names_an_order() -> None:
    m = ReplayMarket(PERP, NO_RESPONSE, QueueModel.parse("exact"))
    with pytest.raises(DataError, match="'exact' needs a recording that names every order"):
        m.feed(events_of([(0, SNAPSHOT, [(1, 1000, 10)]), (1, DELTA, [(1, 1000, 4)])]))


# names


def test_models_say_what_they_assume() -> None:
    assert QueueModel.parse("power:2.5").assumes == "a cancel comes from behind with chance back^2.5 / (back^2.5 + front^2.5)"
    assert QueueModel.parse("conservative") == QueueModel()


@pytest.mark.parametrize("wrong", ["power", "power:", "power:0", "power:-1", "power:nan", "power:21", "power:x"])
def test_powers_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"expected power:N with N in \(0, 20\]"):
        QueueModel.parse(wrong)


@pytest.mark.parametrize("wrong", ["", "conservativ", "log:2", "fifo"])
def test_names_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(UnknownName, match="queue model"):
        QueueModel.parse(wrong)
