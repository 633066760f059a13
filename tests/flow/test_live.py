"""`Live` against the batch form on recordings, saved and restored at random rows; wrong memories are refused whole."""

from __future__ import annotations

import random
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.flow.auction.footprint import FootprintBars
from counterpoise.flow.bins import Bins
from counterpoise.flow.book.sweeps import Sweeps
from counterpoise.flow.derivatives.basis import Basis
from counterpoise.flow.derivatives.liquidations import Liquidations
from counterpoise.flow.derivatives.open_interest import OpenInterest
from counterpoise.flow.derivatives.settlements import FundingSettlements
from counterpoise.flow.live import Live
from counterpoise.flow.measures import Measures
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import run
from reference.flow_walk import streams as walked_streams
from reference.law_cases import PERP as LAW_PERP
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT")
SECOND = Bins.parse("1s")
Row = tuple[int, int, int, int, int, int, int, int, int]


def streams(instrument: Instrument = PERP) -> dict[str, Stream]:
    return {
        "bins": Measures(instrument, bins=SECOND),
        "volume": Measures(instrument, bins=Bins.parse("trades:25")),
        "sweeps": Sweeps(instrument),
        "bars": FootprintBars(instrument, bins=Bins.parse("10s"), row_ticks=10),
    }


def rows_of(events: Events) -> Iterator[Row]:
    return zip(*(column.tolist() for column in events), strict=True)  # type: ignore[arg-type]


def batch(events: Events, instrument: Instrument) -> dict[str, pl.DataFrame]:
    return {name: pl.concat([stream.step(events), stream.finish()]) for name, stream in streams(instrument).items()}


@pytest.mark.realdata
@pytest.mark.parametrize("market", sorted(CAPTURES))
def test_live_is_the_batch_form_however_often_it_is_saved(market: str, data_dir: Path) -> None:
    instrument = CAPTURES[market].instrument
    events = read_recording(market, data_dir)[0]
    events = events.cut(0, min(events.rows, 40_000))
    draw = random.Random(market)
    saved = set(draw.sample(range(events.rows), 25))
    read = set(draw.sample(range(events.rows), 40))
    live, told = Live(streams(instrument)), {name: list[pl.DataFrame]() for name in streams()}
    for number, row in enumerate(rows_of(events)):
        live.event(row)
        if number in read:
            live.now("volume")
            told["bins"].append(live.rows("bins"))
        if number in saved:
            live = Live(streams(instrument)).restore(live.save())
    for name, expected in batch(events, instrument).items():
        assert_frame_equal(pl.concat([*told[name], live.finish(name)]), expected, check_exact=True)
        assert expected.height >= 3


def test_now_is_the_row_that_the_end_would_bring() -> None:
    """Though rows wait undrained, and with the change of mid from the last of them."""
    events = RandomStream(3, pace_ns=50_000_000).events(3000)
    live = Live(streams())
    for end in random.Random(3).sample(range(500, events.rows), 12):
        whole = batch(events.cut(0, end), PERP)
        live = Live(streams())
        assert live.push(events.cut(0, end)) > 0
        for name in ("bins", "volume", "bars"):
            now, waiting = live.now(name), live.rows(name)
            assert_frame_equal(pl.concat([waiting, now]), whole[name], check_exact=True)
            assert now.height <= 1
            assert_frame_equal(live.now(name), now, check_exact=True)
        assert live["bins.mid_change"] == whole["bins"]["mid_change"][-1]
        assert live["delta"] == whole["bars"]["delta"][-1]
        assert live["bars.volume"] == whole["bars"]["volume"][-1]


def test_events_one_by_one_and_in_pieces_are_the_same() -> None:
    events = RandomStream(4, pace_ns=20_000_000).events(800)
    one, two = Live(streams()), Live(streams())
    waits = [one.event(row) for row in rows_of(events)]
    assert two.push(events.cut(0, 311)) <= two.push(events.cut(311, events.rows)) == waits[-1]
    for name in streams():
        assert_frame_equal(one.finish(name), two.finish(name), check_exact=True)


def test_a_name_that_is_not_there_or_not_alone() -> None:
    live = Live({"bins": Measures(PERP, bins=SECOND), "volume": Measures(PERP, bins=Bins.parse("volume:5"))})
    with pytest.raises(UnknownName, match=r"measure 'offi'.*'ofi'"):
        live["offi"]
    with pytest.raises(InputError, match=r"ofi is in 2 streams.*bins\.ofi, volume\.ofi"):
        live["ofi"]
    assert live["volume.ofi"] is None  # nothing has come yet
    with pytest.raises(UnknownName, match=r"stream 'bin'.*'bins'"):
        live.rows("bin")
    with pytest.raises(InputError, match="no stream given"):
        Live({})
    other = parse_instrument("binance_usdm:ETHUSDT")
    with pytest.raises(InputError, match="expected one instrument"):
        Live({"a": Measures(PERP, bins=SECOND), "b": Measures(other, bins=SECOND)})


def test_a_memory_of_something_else_changes_nothing() -> None:
    events = RandomStream(5).events(400)
    live = Live(streams())
    live.push(events)
    before = live.save()
    settings = streams() | {"bars": FootprintBars(PERP, bins=Bins.parse("20s"), row_ticks=10)}
    fewer = {"bins": Measures(PERP, bins=SECOND)}
    other = streams(parse_instrument("binance_coinm:BTCUSD_PERP"))
    for wrong, words in (
        (Live(settings).save(), "it cannot go on in FootprintBars"),  # the first three would fit
        (Live(fewer).save(), "expected bins, volume, sweeps, bars"),
        (Live(other).save(), "BTCUSD_PERP"),
        (b"", "no memory of measures"),
        (b"\x93\x01\x02\x03", "no memory of measures"),
        (before[:-9], "no memory of measures"),
        (Measures(PERP, bins=SECOND).save(), "no memory of measures"),
    ):
        with pytest.raises(InputError, match=words):
            live.restore(wrong)
        assert live.save() == before


def test_terms_and_rules_are_part_of_a_memory() -> None:
    small, large = (parse_instrument("okx:BTC-USDT-SWAP", multiplier=text) for text in ("0.01", "1"))
    memory = Liquidations(small, bins=SECOND).save()
    for other in (Liquidations(large, bins=SECOND), Liquidations(small, bins=SECOND, rules=())):
        with pytest.raises(InputError, match="it cannot go on in"):
            other.restore(memory)


@pytest.mark.parametrize("of", [Measures, Liquidations])
@pytest.mark.parametrize("shapes", [[(3,), (4,)], [(3, 1), (4,)], [], [(1,), (4000,), (2, 3)]])
def test_arrays_of_another_size_are_no_memory(of: type[Stream], shapes: list[tuple[int, ...]]) -> None:
    """Whatever they hold, the kernel would read beyond them."""
    stream = of(PERP, bins=SECOND)  # type: ignore[call-arg]
    held = msgspec.msgpack.decode(zlib.decompress(stream.save()))
    held["arrays"] = [(shape, np.zeros(shape, np.int64).tobytes()) for shape in shapes]
    with pytest.raises(InputError, match="no memory of a measure"):
        stream.restore(zlib.compress(msgspec.msgpack.encode(held)))


def test_a_row_that_cannot_be_is_taken_by_no_stream() -> None:
    events = RandomStream(6).events(300)
    live = Live(streams())
    live.push(events)
    before, last = live.save(), list(rows_of(events))[-1]
    with pytest.raises(InputError, match="-5 lots"):
        live.event((*last[:8], -5))
    with pytest.raises(DataError, match="give each event once, in order"):
        live.event((last[0] - 1, *last[1:]))
    assert live.save() == before


def test_every_stream_of_the_stage_goes_along_as_it_goes_alone() -> None:
    """All of one instrument in one call an event, saved and restored on the way: each gives its own rows to the last bit."""
    found = {name: one for name, one in walked_streams().items() if one.case.instrument == LAW_PERP}
    made = {name: stream for name, one in found.items() if isinstance(stream := one.make(), Stream)}
    assert len(made) > 20
    events = RandomStream(8, centre=600_000, far=50_000, pace_ns=100_000_000).events(200)
    live = Live(made)
    for number, row in enumerate(rows_of(events)):
        live.event(row)
        if number == events.rows // 2:
            live = Live({name: found[name].make() for name in made}).restore(live.save())
    for name in made:
        assert_frame_equal(live.finish(name), run(found[name].make, events), check_exact=True)


def test_most_events_are_one_call_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """No stream is asked for itself but where it completes a row or must grow."""
    alone: list[str] = []
    usual = Stream._run
    monkeypatch.setattr(Stream, "_run", lambda one, rows, count: (alone.append(type(one).__name__), usual(one, rows, count)))
    live = Live(streams())
    events = RandomStream(4, pace_ns=20_000_000).events(800)
    for row in rows_of(events):
        live.event(row)
    assert len(alone) < events.rows / 20, alone


def test_events_and_tables_side_by_side() -> None:
    """One mark message feeds all that know of marks; each is what it is alone, saved and restored between."""
    draw = np.random.default_rng(8)
    of = {"every_ns": 10**9, "max_age_ns": 5 * 10**9}
    made = {
        "bins": Measures(PERP, bins=SECOND),
        "open": OpenInterest(PERP, **of),
        "basis": Basis(PERP, **of),
        "paid": FundingSettlements(),
    }
    live, alone = Live(made), OpenInterest(PERP, **of)
    hour = 3600 * 10**9
    for i in range(200):
        ts = 1_700_000_000 * 10**9 + i * 400 * 10**6
        mark = {"ts_local": ts, "ts_venue": ts, "mark_price": 100.0 + float(draw.normal()), "index_price": 100.0}
        due = {"funding_rate": 1e-4 * i, "predicted_funding_rate": None, "next_funding_ns": (ts // hour + (i > 90) + 1) * hour}
        live.row("mark", {**mark, **due})
        alone.event("mark", mark)
        if i % 7 == 0:
            report = {"ts_local": ts, "open_interest": float(draw.integers(1, 9))}
            live.row("open_interest", report)
            alone.event("open_interest", report)
        if i == 77:
            live = Live(made).restore(live.save())
    assert live["open.price"] == alone.now()["price"][0]
    assert live["basis_bps"] is not None
    assert live.until(ts + 10**9) > 0
    alone.until(ts + 10**9)
    assert_frame_equal(live.finish("open"), alone.finish(), check_exact=True)
    assert live.rows("paid").height == 1
    assert live["bins.ofi"] is None
    with pytest.raises(UnknownName, match=r"table 'marks'.*'mark'"):
        live.row("marks", {})
    frame = pl.DataFrame({"ts_local": [2 * ts], "mark_price": [1.0], "index_price": [1.0]})
    assert Live({"basis": Basis(PERP, **of)}).push_tables({"mark": frame}) == 0
