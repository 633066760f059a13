"""Records of the journal: the same bytes everywhere, and back."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import CorruptRecord
from counterpoise.market.order import Fill, Order, OrderState, OrderType, OrderUpdate, RejectReason, TimeInForce
from counterpoise.runtime.journal import (
    AmendIntent,
    CancelIntent,
    Finished,
    Intent,
    JournalRecord,
    LineJournal,
    RefusedIntent,
    Started,
    VenueSaid,
    decode,
    encode,
)

INT64 = st.integers(-(2**63), 2**63 - 1)
POSITIVE = st.integers(1, 2**63 - 1)
TEXT = st.text(max_size=20)
SIDES = st.sampled_from([1, -1])
LIMITS = st.builds(
    Order,
    client_id=TEXT,
    instrument=TEXT,
    side=SIDES,
    qty_lots=POSITIVE,
    price_ticks=POSITIVE,
    time_in_force=st.sampled_from(TimeInForce),
)
MARKETS = st.builds(Order, client_id=TEXT, instrument=TEXT, side=SIDES, qty_lots=POSITIVE, type=st.just(OrderType.MARKET))
ORDERS = LIMITS | MARKETS
FILLS = st.builds(
    Fill,
    ts_ns=INT64,
    client_id=TEXT,
    instrument=TEXT,
    side=SIDES,
    price_ticks=INT64,
    qty_lots=INT64,
    fee=st.floats(allow_nan=False, allow_infinity=False),
    maker=st.booleans(),
    trade_id=INT64,
)
UPDATES = st.builds(
    OrderUpdate,
    ts_ns=INT64,
    client_id=TEXT,
    state=st.sampled_from(OrderState),
    left_lots=INT64,
    reason=st.none() | st.sampled_from(RejectReason),
)
RECORDS: st.SearchStrategy[JournalRecord] = st.one_of(
    st.builds(Started, config_hash=TEXT, seed=INT64, version=TEXT),
    st.builds(Intent, ts_ns=INT64, order=ORDERS),
    st.builds(CancelIntent, ts_ns=INT64, client_id=TEXT),
    st.builds(AmendIntent, ts_ns=INT64, client_id=TEXT, qty_lots=INT64, price_ticks=INT64),
    st.builds(RefusedIntent, ts_ns=INT64, order=ORDERS, reason=TEXT),
    st.builds(VenueSaid, ts_ns=INT64, event=FILLS | UPDATES),
    st.builds(Finished, ts_ns=INT64),
)


@given(RECORDS)
def test_a_record_is_canonical_json_and_comes_back(record: JournalRecord) -> None:
    data = encode(record)
    assert decode(data) == record
    assert b"\n" not in data
    tree = json.loads(data)
    if "fee" not in tree.get("event", {}):  # writers of JSON may spell a float differently
        assert data.decode() == json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert encode(decode(data)) == data


def test_bytes_on_disk_do_not_change_between_versions() -> None:
    order = Order(client_id="p1-3", instrument="testex:BTCUSDT", side=-1, qty_lots=5, price_ticks=618002)
    assert encode(Intent(ts_ns=7, order=order)) == (
        b'{"order":{"client_id":"p1-3","instrument":"testex:BTCUSDT","price_ticks":618002,"qty_lots":5,"side":-1,'
        b'"time_in_force":"gtc","type":"limit"},"ts_ns":7,"type":"intent"}'
    )
    fill = Fill(
        ts_ns=8, client_id="p1-3", instrument="testex:BTCUSDT", side=-1, price_ticks=618002, qty_lots=5, fee=-0.25, maker=True
    )
    assert encode(VenueSaid(ts_ns=9, event=fill)) == (
        b'{"event":{"client_id":"p1-3","fee":-0.25,"instrument":"testex:BTCUSDT","maker":true,"price_ticks":618002,'
        b'"qty_lots":5,"side":-1,"ts_ns":8,"type":"Fill"},"ts_ns":9,"type":"venue"}'
    )


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'{"type":"finished"}',
        b'{"ts_ns":"1","type":"finished"}',
        b'{"ts_ns":1,"type":"ended"}',
        b'{"ts_ns":1,"type":"finished"} x',
        b'{"ts_ns":1,"type":"cancel","client_id":"\xff"}',
        b'{"order":{"client_id":"a","instrument":"b","qty_lots":0,"side":1,"price_ticks":1},"ts_ns":1,"type":"intent"}',
    ],
)
def test_what_is_no_record_is_named(data: bytes) -> None:
    with pytest.raises(CorruptRecord, match=r"j\.log:12: field 'record'"):
        decode(data, source="j.log", number=12)


class Kept:
    """Lines in memory."""

    def __init__(self) -> None:
        self.said: list[bytes | str] = []

    def append(self, data: bytes) -> None:
        self.said.append(data)

    def flush(self) -> None:
        self.said.append("flush")

    def close(self) -> None:
        self.said.append("close")


def test_a_journal_over_lines_writes_each_record_at_once() -> None:
    lines = Kept()
    journal = LineJournal(lines)
    for ts_ns in (1, 2):
        journal.append(Finished(ts_ns=ts_ns))
        assert lines.said[-1] == encode(Finished(ts_ns=ts_ns))
    journal.flush()
    journal.close()
    assert lines.said[2:] == ["flush", "close"]
