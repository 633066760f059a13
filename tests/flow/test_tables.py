"""Streams of tables: strictly before, not too old, never what was not said; what cannot be leaves no trace."""

from __future__ import annotations

import zlib
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import CounterpoiseError, DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.derivatives.basis import Basis
from counterpoise.flow.derivatives.chain_changes import ChainChanges
from counterpoise.flow.derivatives.funding import Funding
from counterpoise.flow.derivatives.open_interest import OpenInterest
from counterpoise.flow.derivatives.options_flow import OptionFlow, OptionFlowByStrike
from counterpoise.flow.derivatives.settlements import FundingSettlements
from counterpoise.flow.records import Records
from counterpoise.flow.tables import TableStream
from reference.table_cases import CASES, FUTURE, PERP, SYMBOLS, T0, option_rows, snapshots

MARK = {"ts_local": T0, "mark_price": 100.0, "index_price": 99.0}


def basis(**how: Any) -> Basis:
    return Basis(PERP, **{"every_ns": 10, "max_age_ns": 15, **how})


def test_what_is_said_at_the_moment_itself_is_not_known_yet() -> None:
    stream = basis()
    for ts, price in ((10, 1.0), (20, 2.0), (20, 3.0), (30, None)):
        stream.event("mark", {"ts_local": ts, "mark_price": price, "index_price": 1.0})
    stream.until(60)
    frame = stream.drain()
    assert frame["ts"].cast(pl.Int64).to_list() == [20, 30, 40, 50, 60]
    assert frame["price"].to_list() == [1.0, 3.0, None, None, None]  # 20 ns old at the third end
    assert frame["price_age_ns"].to_list() == [10, 10, None, None, None]
    assert frame["reference_age_ns"].to_list() == [10, 10, 10, None, None]
    young = basis(max_age_ns=9)
    young.push({"mark": pl.DataFrame({"ts_local": [10], "mark_price": [1.0], "index_price": [1.0]})})
    assert young.finish()["price"].to_list() == [None]


def test_bins_hold_the_first_and_follow_without_a_hole() -> None:
    for first, last, ends in ((9, 20, [10, 20, 30]), (10, 19, [20])):
        stream = basis()
        for ts in (first, last):
            stream.event("mark", MARK | {"ts_local": ts})
        assert stream.finish()["ts"].cast(pl.Int64).to_list() == ends


@pytest.mark.parametrize(
    ("table", "row", "error", "words"),
    [
        ("marks", MARK, UnknownName, "table 'marks'.*'mark'"),
        ("mark", {"ts_local": T0, "mark_price": 1.0}, InputError, "needs 'index_price', found ts_local, mark_price"),
        ("mark", MARK | {"mark_price": -1.0}, DataError, r"mark_price -1\.0, expected a positive price"),
        ("mark", MARK | {"mark_price": float("inf")}, DataError, "expected a finite number"),
        ("mark", MARK | {"mark_price": "high"}, InputError, "mark_price is 'high'.*give a number"),
        ("mark", MARK | {"ts_local": None}, DataError, "a row has no ts_local"),
        ("mark", MARK | {"ts_local": 1.5}, InputError, "ts_local is 1.5"),
        ("mark", MARK | {"ts_local": T0 - 1}, DataError, "give each row once, in order"),
        ("funding", {"ts_local": T0, "annualised": float("-inf")}, DataError, "expected a finite number"),
    ],
)
def test_single_rows_that_cannot_be(table: str, row: dict[str, Any], error: type[Exception], words: str) -> None:
    stream = basis()
    stream.event("mark", MARK)
    before = stream.save()
    with pytest.raises(error, match=words):
        stream.event(table, row)
    assert stream.save() == before
    assert stream.event("mark", MARK | {"index_price": None, "more": "that is not looked at"}) == 0


def test_time_does_not_go_back_and_bins_are_not_endless() -> None:
    stream = basis()
    stream.event("mark", MARK)
    with pytest.raises(DataError, match="give each row once, in order"):
        stream.until(T0 - 1)
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        stream.event("mark", MARK | {"ts_local": T0 + 10**9})
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        stream.until(T0 + 10**9)
    early = OpenInterest(PERP, every_ns=1)
    early.event("mark", MARK)  # opens no bin, however long before the first report
    assert early.event("open_interest", {"ts_local": T0 + 10**12, "open_interest": 5.0}) == 0
    with pytest.raises(InputError, match="longer than nothing"):
        basis(every_ns=0)
    with pytest.raises(InputError, match="must be 0 ns or more"):
        basis(max_age_ns=-1)


def test_a_future_has_no_price_after_its_delivery_row_by_row() -> None:
    assert FUTURE.expiry_ns is not None
    stream = Basis(FUTURE, every_ns=SECOND_NS)
    assert "funding" not in stream.tables
    stream.event("mark", MARK | {"ts_local": FUTURE.expiry_ns - 1})
    with pytest.raises(DataError, match="is delivered at 2026-03-27 08:00"):
        stream.event("mark", MARK | {"ts_local": FUTURE.expiry_ns})
    assert stream.until(FUTURE.expiry_ns) == 1


def test_payments_are_refused_at_the_row_that_cannot_be() -> None:
    """Also when what makes it impossible came in an earlier piece."""
    hour = 3600 * 10**9
    stream = Funding(interval_ns=4 * hour)
    stream.event("payments", {"ts": T0, "funding_rate": 1e-4})
    for row, words in (
        ({"ts": T0 + 10**9, "funding_rate": 1e-4}, "are both due"),
        ({"ts": T0 + 6 * hour, "funding_rate": 1e-4}, "no multiple of 4h"),
        ({"ts": T0 + 4 * hour, "funding_rate": 0.3}, "a rate of 0.3 is too much for a fraction"),
    ):
        with pytest.raises(DataError, match=words):
            stream.event("payments", row)
    stream = Funding()
    for i in range(59):
        stream.event("payments", {"ts": T0 + i * hour, "funding_rate": 0.01 * (-1) ** i})
    with pytest.raises(DataError, match="more than half of 60 payments"):
        stream.event("payments", {"ts": T0 + 59 * hour, "funding_rate": 0.0})
    marks = FundingSettlements()
    shown = {"ts_venue": 0, "funding_rate": 1e-4, "predicted_funding_rate": None}
    marks.event("mark", {"ts_local": T0, "next_funding_ns": T0 + hour, **shown})
    marks.event("mark", {"ts_local": T0, "next_funding_ns": None, **shown})
    with pytest.raises(DataError, match="next funding goes back"):
        marks.event("mark", {"ts_local": T0 + 5, "next_funding_ns": T0, **shown})


@pytest.mark.parametrize("make", [OptionFlow, OptionFlowByStrike])
def test_options_that_are_refused_leave_no_record(make: type[TableStream]) -> None:
    """A symbol, a place and a currency that only a refused row knows are not remembered."""
    tables = option_rows(1)
    stream = make(every_ns=SECOND_NS)  # type: ignore[call-arg]
    stream.push({name: frame.head(20) for name, frame in tables.items()})
    before, trade, quote = stream.save(), tables["trades"].row(60, named=True), tables["quotes"].row(60, named=True)
    late = 10**9 * 10**9 * 3
    for table, row, words in (
        ("trades", {**trade, "ts_local": 5, "symbol": "BTC-1MAY26-1-C", "strike": 1.0}, "in order"),
        ("trades", {**trade, "ts_local": late, "symbol": "x", "qty": None}, "a row has no qty"),
        ("trades", {**trade, "ts_local": late, "side": 2}, "side 2, expected 1, -1 or 0"),
        ("trades", {**trade, "ts_local": late, "strike": None}, "without strike"),
        ("quotes", {**quote, "ts_local": late, "symbol": "x", "vega": float("nan")}, "has NaN; give None"),
        ("quotes", {"ts_local": late, "symbol": "x"}, "option quotes need underlying_price"),
        ("trades", {"ts_local": late, "symbol": "x"}, "option trades need base"),
    ):
        with pytest.raises(CounterpoiseError, match=words):
            stream.event(table, row)
        with pytest.raises(CounterpoiseError):
            stream.push({table: pl.DataFrame([row])})
        assert stream.save() == before, words
    if make is OptionFlow:
        with pytest.raises(InputError, match=r"several coins \(BTC, ETH\)"):
            stream.event("trades", {**trade, "ts_local": late, "base": "ETH"})
        assert stream.save() == before


def test_an_option_stands_once_in_a_snapshot_and_keeps_its_terms() -> None:
    chains = snapshots(1)["chains"]
    first = chains.filter(pl.col("ts_local") == chains["ts_local"][0])
    stream = ChainChanges()
    stream.push({"chains": first.head(1)})
    before = stream.save()
    with pytest.raises(DataError, match=f"{first['symbol'][0]} stands twice"):
        stream.push({"chains": first})
    with pytest.raises(DataError, match=r"the terms of .* were"):
        stream.push({"chains": first[1:].with_columns(strike=1.0, symbol=pl.lit(first["symbol"][0])).head(1)})
    assert stream.save() == before
    assert stream.push({"chains": first[1:]}) == 0


@pytest.mark.parametrize("name", ["OptionFlow", "OptionFlowByStrike", "ChainFlow", "OpenInterest"])
def test_memories_that_do_not_fit_are_refused(name: str) -> None:
    """Whatever they hold, the kernel would read beyond them."""
    stream = CASES[name].make()
    stream.push(CASES[name].tables(1))
    held = msgspec.msgpack.decode(zlib.decompress(stream.save()))
    whole = held["arrays"][0]
    short = ((whole[0][0] - 1,), whole[1][:-8])
    wrong: list[dict[str, Any]] = [{"arrays": [short]}, {"arrays": []}, {"arrays": [((2, 2), b"\0" * 32)]}]
    if held["extra"] is not None:
        records = held["extra"][0]
        shifted = [[name, at + 1, size] for name, at, size in records]
        wrong += [{"extra": None}, {"extra": [records[:-1], *held["extra"][1:]]}, {"extra": [shifted, *held["extra"][1:]]}]
    for change in wrong:
        with pytest.raises(InputError, match="no memory of a measure"):
            CASES[name].make().restore(zlib.compress(msgspec.msgpack.encode({**held, **change})))
    assert CASES[name].make().restore(zlib.compress(msgspec.msgpack.encode(held))).save() == stream.save()


def test_records_lie_behind_each_other_and_can_be_taken_back() -> None:
    records, state = Records(2), np.arange(2)
    assert [records.at(name, np.full(3, i)) for i, name in enumerate("aba")] == [2, 5, 2]
    state = records.grown(state)
    assert state.tolist() == [0, 1, 0, 0, 0, 1, 1, 1]
    assert records.grown(state) is state
    records.at(("c", 1), np.zeros(4, np.int64))
    assert records.back_to(1, state).tolist() == [0, 1, 0, 0, 0]
    assert (len(records), records.end, records.names()) == (1, 5, {2: "a"})
    twin = Records(2)
    twin.restore(records.saved())
    assert twin.fit(twin.saved(), 5)
    assert not twin.fit(twin.saved(), 6)
    assert not twin.fit("ab", 2)


def test_the_frame_of_single_symbols_is_the_order_of_what_was_said() -> None:
    """Quotes of options that never trade cost no row and change none."""
    tables = option_rows(2)
    known = tables["trades"]["symbol"].unique().to_list()
    assert set(known) < set(SYMBOLS)
    whole = CASES["OptionFlow"].make().whole(tables)
    fewer = {**tables, "quotes": tables["quotes"].filter(pl.col("symbol").is_in(known))}
    short = CASES["OptionFlow"].make().whole(fewer)
    assert short.height > 20
    assert short.equals(whole.head(short.height))
