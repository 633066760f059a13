"""Laws of every public measure of tables in `counterpoise.flow`: one that is new must have a case."""

from __future__ import annotations

import inspect
import random
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise import flow
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow import Basis, OpenInterest, RunningShares
from counterpoise.flow.tables import TableStream
from reference.deribit_chains import deribit_chains
from reference.flow_walk import assert_described, groups_of, public_members
from reference.table_cases import CASES, PERP, TableCase, Tables

SEEDS: Final = (1, 2, 3)
each = pytest.mark.parametrize("name", sorted(CASES))


def clock_of(frame: pl.DataFrame) -> str:
    return "ts_local" if "ts_local" in frame.columns else "ts"


def upto(tables: Tables, start: int, stop: int) -> Tables:
    """Rows of all tables from one moment to another, exclusive."""
    return {of: frame.filter(pl.col(clock_of(frame)).is_between(start, stop, closed="left")) for of, frame in tables.items()}


def moments(tables: Tables) -> list[int]:
    """Times at which something was told."""
    return sorted({ts for frame in tables.values() for ts in frame[clock_of(frame)]})


def one_by_one(tables: Tables, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows in order of time; those of one time in any order of their tables."""
    turn = {name: random.Random(f"{name}{seed}").random() for name in tables}
    rows = [(row[clock_of(frame)], turn[name], name, row) for name, frame in tables.items() for row in frame.to_dicts()]
    for _, _, name, row in sorted(rows, key=lambda told: told[:2]):
        yield name, row


def known(frame: pl.DataFrame, now: int) -> pl.DataFrame:
    if "ts_local" in frame.columns:
        return frame.filter(pl.col("ts_local").cast(pl.Int64) < now)
    return frame.filter(pl.col("ts").cast(pl.Int64) <= now)


def test_every_measure_of_tables_has_a_case() -> None:
    """The base of all has none of its own; bases between are not public in the stage."""
    found = {n for n in flow.__all__ if inspect.isclass(getattr(flow, n)) and issubclass(getattr(flow, n), TableStream)}
    assert found - {"TableStream"} == {name.partition("-")[0] for name in CASES}
    assert found <= set(public_members())


@each
def test_frames_hold_something_and_say_what(name: str) -> None:
    case = CASES[name]
    frame = pl.concat([case.make().whole(case.tables(seed)) for seed in SEEDS])
    assert frame.height > 20
    assert any(frame[column].n_unique() > 5 for column in frame.columns[1:])
    assert_described(groups_of(name.partition("-")[0]), frame)
    nothing = case.make().whole({of: table.clear() for of, table in case.tables(1).items()})
    assert (nothing.height, nothing.schema) == (0, frame.schema)
    assert_frame_equal(case.make().finish(), nothing)


@each
def test_batch_equals_stream(name: str) -> None:
    """In pieces that each hold all tables up to a moment, and one row at a time with rows of one time in any order."""
    case = CASES[name]
    for seed in SEEDS:
        tables = case.tables(seed)
        whole, ends = case.make().whole(tables), moments(tables)
        cuts = [0, *sorted(random.Random(seed).sample(ends, 5)), 2**62]
        stream = case.make()
        pieces = [stream.step(upto(tables, start, stop)) for start, stop in pairwise(cuts)]
        assert_frame_equal(pl.concat([*pieces, stream.finish()]), whole, check_exact=True)
        stream = case.make()
        waits = [stream.event(of, row) for of, row in one_by_one(tables, seed)]
        assert max(waits) > 0
        assert_frame_equal(stream.finish(), whole, check_exact=True)
        assert stream.drain().height == 0


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.batch is not None])
def test_functions_are_their_streams(name: str) -> None:
    """A function gives what its stream gives, but for rows behind the last that the opening table begins."""
    case = CASES[name]
    for seed in SEEDS:
        tables = case.tables(seed)
        assert case.batch is not None
        batch = case.batch(tables)
        stream = case.make().whole(tables)
        assert 0 <= stream.height - batch.height < stream.height
        assert_frame_equal(batch.select(stream.columns), stream.head(batch.height), check_exact=True)


@each
def test_saved_and_restored_it_goes_on_the_same(name: str) -> None:
    case = CASES[name]
    for seed in SEEDS:
        tables, at = case.tables(seed), random.Random(seed)
        whole, ends = case.make().whole(tables), moments(tables)
        cuts, frames, stream = [0, ends[1], *sorted(at.sample(ends[2:], 4)), 2**62], [], case.make()
        for start, stop in pairwise(cuts):
            stream.push(upto(tables, start, stop))
            assert_frame_equal(stream.now(), stream.now(), check_exact=True)
            frames += [stream.drain()] if at.random() < 0.5 else []
            memory = stream.save()
            stream = case.make().restore(memory)
            assert stream.save() == memory
        still_open = stream.now()
        frames.append(stream.drain())
        assert_frame_equal(stream.finish(), still_open, check_exact=True)
        assert_frame_equal(pl.concat([*frames, still_open]), whole, check_exact=True)


def altered(frame: pl.DataFrame, now: int) -> pl.DataFrame:
    """The same until a moment; from it on every double that is no strike is another."""
    late = pl.col(clock_of(frame)) >= now
    numbers = [c for c, kind in frame.schema.items() if kind == pl.Float64 and c not in ("strike", "multiplier")]
    return frame.with_columns(pl.when(late).then(pl.col(c) * 0.75).otherwise(pl.col(c)).alias(c) for c in numbers)


@each
def test_no_look_ahead(name: str) -> None:
    """Whatever is told from a moment on, what was known by then is bit-equal; and something else is not."""
    case, held, seen = CASES[name], 0, 0
    for seed in SEEDS:
        tables = case.tables(seed)
        whole, ends = case.make().whole(tables), moments(tables)
        for now in [ends[-1], *random.Random(seed).sample(ends[3:], 4)]:
            other = case.make().whole({of: altered(frame, now) for of, frame in tables.items()})
            short = case.make()
            short.push(upto(tables, 0, now))
            short.until(now)
            for changed in (other, short.drain()):
                assert_frame_equal(known(changed, now), known(whole, now), check_exact=True)
            held += known(whole, now).height
            seen += not other.equals(whole)
    assert held > 30
    assert seen > 5


@each
def test_inputs_are_untouched_and_bytes_are_the_same(name: str) -> None:
    case = CASES[name]
    tables = case.tables(2)
    before = {of: frame.clone() for of, frame in tables.items()}
    first, second = (case.make().whole(tables).write_ipc(None, compat_level=pl.CompatLevel.oldest()) for _ in range(2))
    assert first.getvalue() == second.getvalue()
    for of, frame in tables.items():
        assert_frame_equal(frame, before[of], check_exact=True)


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.void])
def test_null_across_gaps(name: str) -> None:
    """In the middle of a silence longer than anything may be old; and not before it."""
    case: TableCase = CASES[name]
    tables = case.tables(3)
    frame, ends = case.make().whole(tables), np.array(moments(tables))
    wide = int(np.argmax(np.diff(ends)))
    deaf = int(ends[wide]) + 6 * SECOND_NS
    silent = frame.filter(pl.col("ts").cast(pl.Int64).is_between(deaf, int(ends[wide + 1]), closed="left"))
    assert silent.height > 10
    for column in case.void:
        assert silent[column].null_count() == silent.height, column
        assert known(frame, int(ends[wide]))[column].is_not_null().sum() > 5, column


@each
def test_time_that_passes_completes_what_is_over(name: str) -> None:
    """`until` gives what a row of that time would, and nothing that comes after may lie before it."""
    case = CASES[name]
    tables = case.tables(1)
    now = moments(tables)[len(moments(tables)) // 2]
    early = upto(tables, 0, now)
    stream = case.make()
    stream.push(early)
    stream.until(now)
    whole = case.make().whole(tables)
    done = stream.drain()
    assert_frame_equal(done, whole.head(done.height), check_exact=True)
    stream.push(upto(tables, now, 2**62))
    assert_frame_equal(pl.concat([done, stream.finish()]), whole, check_exact=True)


@each
def test_a_memory_of_something_else_is_refused(name: str) -> None:
    case = CASES[name]
    stream = case.make()
    stream.push(case.tables(1))
    before = stream.save()
    for other in sorted(CASES.keys() - {name})[::3]:
        theirs = CASES[other].make()
        with pytest.raises(InputError, match="it cannot go on in"):
            stream.restore(theirs.save())
    with pytest.raises(InputError, match="no memory of a measure"):
        stream.restore(before[:-9])
    assert stream.save() == before


def in_pieces(make: Any, tables: Tables, *, pieces: int, seed: int) -> pl.DataFrame:
    """The frame of a stream that was cut, saved and restored at random moments."""
    ends = moments(tables)
    cuts = [0, *sorted(random.Random(seed).sample(ends[1:], min(pieces, len(ends) - 1))), 2**62]
    stream, parts = make(), []
    for start, stop in pairwise(cuts):
        parts.append(stream.step(upto(tables, start, stop)))
        stream = make().restore(stream.save())
    return pl.concat([*parts, stream.finish()])


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "time", "rate"),
    [
        ("03_funding/binance_funding_15perps_2020_2023.parquet", "datetime", "funding_rate"),
        ("02_binance_perps_1m_2025/funding_8h_2025.parquet", "date", "open"),
    ],
)
def test_recorded_payments_one_by_one(data_dir: Path, file: str, time: str, rate: str) -> None:
    table = pl.read_parquet(data_dir / file).select(pl.col("symbol").cast(pl.String), ts=time, funding_rate=rate)
    symbols = table.partition_by("symbol")
    for frame in symbols:
        told = frame.sort("ts").with_columns(pl.col("ts").dt.epoch("ns"))
        stream = flow.Funding()
        for due, paid in told.select("ts", "funding_rate").head(400).iter_rows():
            stream.event("payments", {"ts": due, "funding_rate": paid})
        assert_frame_equal(stream.finish(), flow.funding(told.head(400)), check_exact=True)
    assert len(symbols) > 10


@pytest.mark.realdata
def test_recorded_chains_in_pieces(data_dir: Path) -> None:
    """Cut between snapshots, also between those of the two coins; and rows of a snapshot in pieces."""
    chains = deribit_chains(data_dir, count=6).drop("years")
    for make in (flow.ChainFlow, flow.ChainChanges):
        whole = make().whole({"chains": chains})
        assert whole.height > 5
        assert_frame_equal(in_pieces(make, {"chains": chains}, pieces=4, seed=4), whole, check_exact=True)
        stream = make()
        parts = [stream.step({"chains": chains[at : at + 700]}) for at in range(0, chains.height, 700)]
        assert_frame_equal(pl.concat([*parts, stream.finish()]), whole, check_exact=True)


@pytest.mark.realdata
def test_recorded_prices_in_pieces(data_dir: Path) -> None:
    """Minutes of two perpetuals: closes as marks, opens as the index; and both on one grid for the shares."""
    bars = pl.read_parquet(data_dir / "02_binance_perps_1m_2025" / "klines_1m_16perps_20250509_20250525.parquet")
    bars = bars.with_columns(pl.col("symbol").cast(pl.String), ts_local=pl.col("date").dt.epoch("ns")).sort("ts_local")
    btc, eth = (bars.filter(symbol=name)[:4000] for name in ("BTC", "ETH"))
    mark = btc.select("ts_local", mark_price="close", index_price="open")
    made = partial(Basis, PERP, every_ns=420 * SECOND_NS)
    assert_frame_equal(in_pieces(made, {"mark": mark}, pieces=9, seed=5), made().whole({"mark": mark}), check_exact=True)
    told = {"mark": mark, "open_interest": eth.select("ts_local", open_interest="volume")}
    opened = partial(OpenInterest, PERP, every_ns=300 * SECOND_NS)
    assert_frame_equal(in_pieces(opened, told, pieces=9, seed=6), opened().whole(told), check_exact=True)
    grid = {"prices": btc.select(ts="ts_local", btc="close").join(eth.select(ts="ts_local", eth="close"), on="ts")}
    shares = partial(RunningShares, ("btc", "eth"), every_ns=60 * SECOND_NS, lags=2, block=200, blocks=5)
    assert_frame_equal(in_pieces(shares, grid, pieces=9, seed=7), shares().whole(grid), check_exact=True)
