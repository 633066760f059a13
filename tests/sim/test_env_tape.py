"""A market cut into steps: books as `market.Book` has them, trades whole, nothing from the future, real recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.book import Book
from counterpoise.market.event import TRADE, Events
from counterpoise.market.quality import BookState
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.env.tape import FEATURES, MarketTape, cut_market
from counterpoise.sim.synthetic.market import MarketConfig, generate
from counterpoise.sim.synthetic.market_config import default_tokens
from reference.binance_recordings import CAPTURES, read_recording
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
TERMS = {PERP.id: PERP}


def wild_stream(seed: int, messages: int = 200) -> Events:
    return RandomStream(seed, centre=100_000_000, far=100_000, pace_ns=100 * MS_NS).events(messages)


@pytest.fixture(scope="module")
def calm() -> Events:
    config = MarketConfig(duration="40s", warm_up="2s", tokens=default_tokens()[:1])
    return next(iter(generate(config).values()))


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_steps_hold_the_naive_book_and_every_trade(seed: int) -> None:
    events, levels = wild_stream(seed), 4
    assume(events.ts_local[-1] - events.ts_local[0] > 12 * SECOND_NS)
    tape = cut_market({PERP.id: events}, TERMS, step_ns=SECOND_NS, levels=levels)
    book, done = Book(), 0
    for step in range(tape.steps):
        stop = events.until(tape.first_ns + (step + 1) * SECOND_NS)
        book.apply(events.cut(done, stop))
        piece = events.cut(max(done, events.until(tape.first_ns + step * SECOND_NS)), stop)
        done = stop
        for index, side in enumerate((1, -1)):
            there = book.levels(side, levels)
            count = len(there.qty_lots)
            assert tape.lots[0, step, index].tolist() == there.qty_lots.tolist() + [0] * (levels - count)
            assert tape.ticks[0, step, index, :count].tolist() == there.price_ticks.tolist()
        traded = np.flatnonzero((piece.kind == TRADE) & (piece.qty_lots > 0))
        rows = tape.trades[tape.offsets[0, step] : tape.offsets[0, step + 1]]
        assert rows.tolist() == [[int(c[i]) for c in (piece.side, piece.price_ticks, piece.qty_lots)] for i in traded]
        if tape.sound[step]:
            assert book.state is BookState.SYNCED


def test_a_later_event_changes_no_earlier_step(calm: Events) -> None:
    whole = cut_market({PERP.id: calm}, TERMS)
    cut = cut_market({PERP.id: calm.cut(0, calm.until(whole.first_ns + 30 * SECOND_NS + 1))}, TERMS)
    assert 0 < cut.steps < whole.steps
    assert whole.sound[: cut.steps].sum() > 10
    for name in ("ticks", "lots", "noise"):
        assert np.array_equal(getattr(cut, name), getattr(whole, name)[:, : cut.steps])
    assert np.array_equal(cut.features, whole.features[: cut.steps])
    assert np.array_equal(cut.trades, whole.trades[: len(cut.trades)])


def test_steps_of_a_gap_are_not_sound(calm: Events) -> None:
    second = calm.ts_local >= calm.ts_local[0] + 30 * SECOND_NS
    silent = Events._make(column[~second] for column in calm)
    broken = silent._replace(kind=np.where(np.arange(silent.rows) == silent.rows // 2, 2, silent.kind).astype(np.uint8))
    tape = cut_market({PERP.id: broken}, TERMS)
    gap = (int(broken.ts_local[silent.rows // 2]) - tape.first_ns) // SECOND_NS
    assert tape.sound[gap - 2]
    assert not tape.sound[gap:].any()
    assert not tape.features[gap:].any()
    assert tape.starts(2).max() <= gap - 3


def test_what_cannot_be_cut_is_refused(calm: Events) -> None:
    ether = parse_instrument("binance_usdm:ETHUSDT", tick="0.01", lot="0.001")
    with pytest.raises(InputError, match="markets of one token"):
        cut_market({PERP.id: calm, ether.id: calm}, TERMS | {ether.id: ether})
    with pytest.raises(InputError, match="found 0 markets"):
        cut_market({}, {})
    with pytest.raises(DataError, match="no events of binance_usdm:BTCUSDT"):
        cut_market({PERP.id: Events.empty()}, TERMS)
    with pytest.raises(DataError, match="expected 10 or more"):
        cut_market({PERP.id: calm}, TERMS, step_ns=10 * SECOND_NS)


@pytest.mark.realdata
def test_three_markets_of_a_recording(data_dir: Path) -> None:
    terms = {CAPTURES[name].instrument.id: CAPTURES[name].instrument for name in CAPTURES}
    events = {CAPTURES[name].instrument.id: read_recording(name, data_dir)[0] for name in CAPTURES}
    tape = cut_market(events, terms)
    assert isinstance(tape, MarketTape)
    assert tape.sound.sum() > 300
    mids = (tape.ticks[:, :, 0, 0] + tape.ticks[:, :, 1, 0]) / 2 * [[i.price_grid.size] for i in tape.instruments]
    assert np.abs(mids[:, tape.sound] / mids[0, tape.sound] - 1).max() < 0.002  # one token
    volatility = tape.features[tape.sound][:, FEATURES.index("volatility_bps") :: len(FEATURES)]
    assert ((volatility > 0.3) & (volatility < 5)).all()
    volumes = [
        float(i.base_qty(round(mid / i.price_grid.size), 1)) * tape.trades[offsets[0] : offsets[-1], 2].sum()
        for i, mid, offsets in zip(tape.instruments, mids[:, 200], tape.offsets, strict=True)
    ]
    assert volumes[0] > volumes[2] > volumes[1] > 0  # coins: USD-M, spot, COIN-M
