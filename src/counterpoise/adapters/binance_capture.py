"""Raw Binance socket captures: one line a message, ``local_ns JSON``, spot, USD-M and COIN-M.

Read: depth diffs and REST snapshots (put in sequence), bookTicker, trade or aggTrade, forceOrder, markPrice. A diff that came
before its snapshot was usable takes the snapshot's local time: nobody could have applied it earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import msgspec
import polars as pl

from counterpoise.adapters.level_columns import LevelColumns
from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.adapters.source import Block, read_blocks
from counterpoise.core.errors import CorruptRecord, InputError
from counterpoise.core.schema import table_schema
from counterpoise.core.units import MS_NS
from counterpoise.market.event import DELTA, GAP, LIQUIDATION, QUOTE, SNAPSHOT, TRADE
from counterpoise.market.instrument import Instrument
from counterpoise.market.sequence import RULES, Synchroniser, Update, Verdict

__all__ = ["VENUES", "read_binance_capture"]

VENUES: Final = ("binance", "binance_usdm", "binance_coinm")
_NONE: Final = msgspec.Raw(b"")
_LAST_NS: Final = 2**63 - 1
_Number: TypeAlias = Annotated[int, msgspec.Meta(ge=-(2**63), le=_LAST_NS)]
_Time: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=_LAST_NS // MS_NS)]  # ms


class _Data(msgspec.Struct):
    """Fields of every stream's message; text of prices and sizes stays raw."""

    e: str = ""
    E: _Time = 0
    T: _Time = 0
    s: str = ""
    U: _Number = -1
    u: _Number = -1
    pu: _Number = -1
    b: msgspec.Raw = _NONE
    B: msgspec.Raw = _NONE
    a: msgspec.Raw = _NONE
    A: msgspec.Raw = _NONE
    t: _Number = -1
    p: msgspec.Raw = _NONE
    q: msgspec.Raw = _NONE
    m: bool | None = None
    X: str = "MARKET"
    o: msgspec.Raw = _NONE
    i: msgspec.Raw = _NONE
    r: msgspec.Raw = _NONE


class _Line(msgspec.Struct):
    """A stream message, or a REST depth snapshot."""

    stream: str = ""
    data: _Data | list[_Data] | None = None
    lastUpdateId: _Number = -1
    E: _Time = 0
    T: _Time = 0
    symbol: str = ""
    bids: msgspec.Raw = _NONE
    asks: msgspec.Raw = _NONE


class _Forced(msgspec.Struct):
    """The order inside a forceOrder message; the symbol stands here only."""

    s: str
    S: str
    ap: str
    z: str
    T: _Time


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_forced = msgspec.json.Decoder(_Forced).decode
_decode_number = msgspec.json.Decoder(float, strict=False).decode
_decode_id = msgspec.json.Decoder(_Number).decode
_Message = tuple[int, int, int, int, int, int]
_Held = tuple[int, int, int, int, Any, Any]  # ts_venue, id, kind, line, bids, asks


def read_binance_capture(path: Path, *, venue: str, instrument: Callable[[str], Instrument], max_bad: int = 0) -> Reader:
    """Open a capture.

    Parameters
    ----------
    venue : {"binance", "binance_usdm", "binance_coinm"}
        Decides the sequence rule.
    instrument : callable
        Terms of a symbol, called once a symbol.
    max_bad : int
        Lines that may be unreadable before reading stops.

    Raises
    ------
    InputError
        If the venue is not one of Binance's.
    CorruptRecord
        While iterating, at the first unreadable line past `max_bad`.
    """
    if venue not in VENUES:
        raise InputError(f"a Binance capture is of one of {', '.join(VENUES)}, found {venue!r}")
    return _BinanceCapture(path, venue, instrument, ReadReport(max_bad=max_bad))


class _Stream:
    """What is remembered of one symbol while its messages go by."""

    def __init__(self, instrument: Instrument, venue: str, source: str) -> None:
        self.columns = LevelColumns(instrument, source=source)
        self.sync: Synchroniser[_Held] = Synchroniser(RULES[venue]())
        self.trade_stream = ""
        self.marks: list[tuple[int, int, int, float | None, float | None, float | None, None, int | None]] = []


class _BinanceCapture:
    def __init__(self, path: Path, venue: str, instrument: Callable[[str], Instrument], report: ReadReport) -> None:
        self._path, self._venue, self._instrument, self._report = path, venue, instrument, report
        self._streams: dict[str, _Stream] = {}
        self._seq = 0
        self._last_symbol = ""
        self._orphans: list[tuple[int, _Line, int]] = []  # spot snapshots do not name their symbol, the first diff does

    @property
    def report(self) -> ReadReport:
        return self._report

    def __iter__(self) -> Iterator[Batch]:
        for block in read_blocks(self._path, self._report):
            self._read(block)
            for stream in self._streams.values():
                yield from stream.columns.flush(self._report)
                if stream.marks:
                    yield self._marks(stream)
        for stream in self._streams.values():
            self._report.drop("depth before any usable snapshot", stream.sync.waiting + stream.sync.overflowed)
            self._report.drop(
                "depth or snapshot older than the book, or repeated", stream.sync.dropped - stream.sync.overflowed
            )
        self._report.drop("snapshot of an unknown symbol", len(self._orphans))

    def _read(self, block: Block) -> None:
        lines = block.data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        for number, line in enumerate(lines, block.first_line):
            self._report.messages += 1
            stamp, _, text = line.partition(b" ")
            try:
                ts_local = int(stamp)
                if not 0 < ts_local <= _LAST_NS:
                    raise ValueError(f"{ts_local} is no time in ns")
                self._message(ts_local, _decode_line(text), number)
            except CorruptRecord as error:
                self._report.corrupt(error)
            except (ValueError, msgspec.MsgspecError) as error:
                self._report.corrupt(self._corrupt(number, line, error))

    def _message(self, ts_local: int, message: _Line, line: int) -> None:
        if isinstance(message.data, _Data):
            self._take(ts_local, message.data, message.stream, line)
        elif message.data is not None:
            for data in message.data:
                self._take(ts_local, data, message.stream, line)
        elif message.lastUpdateId >= 0:
            self._snapshot(ts_local, message, line)
        else:
            self._report.drop("neither a stream message nor a snapshot")

    def _corrupt(self, number: int, line: bytes, error: Exception) -> CorruptRecord:
        found = f"{line[:60].decode('utf-8', 'replace')} ({error})"
        return CorruptRecord(str(self._path), number, "record", found, "local_ns and a JSON message")

    def _take(self, ts_local: int, data: _Data, name: str, line: int) -> None:
        channel = data.e or name.partition("@")[2]
        if channel == "forceOrder":
            self._forced(ts_local, _decode_forced(data.o), line)
            return
        stream = self._streams.get(data.s) or self._open(data.s, line)
        if channel.startswith("depth"):
            self._require_market(data, line)
            update = Update(snapshot=False, first=data.U, last=data.u, prev=data.pu)
            self._book(stream, ts_local, update, ((data.T or data.E) * MS_NS, data.u, DELTA, line, data.b, data.a))
            return
        self._seq += 1
        if channel == "bookTicker":
            message = (ts_local, data.T * MS_NS, self._seq, data.u, QUOTE, line)
            stream.columns.add(message, (1, b"[[%b,%b]]" % (data.b, data.B)), (-1, b"[[%b,%b]]" % (data.a, data.A)))
        elif channel in ("trade", "aggTrade"):
            self._trade(stream, ts_local, data, channel, line)
        elif channel.startswith("markPrice"):
            mark, index, rate = (_decode_number(x) if bytes(x) not in (b"", b'""') else None for x in (data.p, data.i, data.r))
            stream.marks.append((ts_local, data.E * MS_NS, self._seq, mark, index, rate, None, data.T * MS_NS or None))
        else:
            self._report.drop(f"channel {channel!r} is not read")

    def _require_market(self, data: _Data, line: int) -> None:
        """Futures link every diff to the one before, spot does not: the wrong rule would find gaps, or none."""
        spot = self._venue == "binance"
        if (data.pu < 0) == spot:
            return
        found = str(data.pu) if spot else "missing"
        expected = "none: it is a futures capture, read it as binance_usdm or binance_coinm"
        if not spot:
            expected = f"the number of the diff before, as {self._venue} sends it; read a spot capture as binance"
        raise CorruptRecord(str(self._path), line, "pu", found, expected)

    def _forced(self, ts_local: int, forced: _Forced, line: int) -> None:
        stream = self._streams.get(forced.s) or self._open(forced.s, line)
        self._seq += 1
        message = (ts_local, forced.T * MS_NS, self._seq, -1, LIQUIDATION, line)
        stream.columns.add(message, (1 if forced.S == "BUY" else -1, f"[[{forced.ap},{forced.z}]]".encode()))

    def _trade(self, stream: _Stream, ts_local: int, data: _Data, channel: str, line: int) -> None:
        number = data.t if channel == "trade" else _decode_id(data.a)
        stream.trade_stream = stream.trade_stream or channel
        if channel != stream.trade_stream:  # trade and aggTrade tell the same trades
            self._report.drop(f"{channel} beside {stream.trade_stream}")
        elif data.X != "MARKET":  # insurance fund and auto-deleveraging prints did not trade in the book
            self._report.drop(f"trade of type {data.X}")
        else:
            message = (ts_local, data.T * MS_NS, self._seq, number, TRADE, line)
            side = 0 if data.m is None else -1 if data.m else 1
            stream.columns.add(message, (side, b"[[%b,%b]]" % (data.p, data.q)))

    def _snapshot(self, ts_local: int, message: _Line, line: int) -> None:
        symbol = message.symbol or self._last_symbol
        if not symbol:
            self._orphans.append((ts_local, message, line))
            return
        if not message.symbol and len(self._streams) > 1:
            expected = "a snapshot with its symbol, or a capture of one symbol"
            self._report.corrupt(CorruptRecord(str(self._path), line, "symbol", message.symbol, expected))
            return
        stream = self._streams.get(symbol) or self._open(symbol, line)
        last = message.lastUpdateId
        ts_venue = (message.T or message.E) * MS_NS
        update = Update(snapshot=True, first=last, last=last)
        self._book(stream, ts_local, update, (ts_venue, last, SNAPSHOT, line, message.bids, message.asks))

    def _book(self, stream: _Stream, ts_local: int, update: Update, held: _Held) -> None:
        for verdict, (ts_venue, number, kind, line, bids, asks) in stream.sync.feed(update, held):
            if verdict is Verdict.APPLY:
                self._seq += 1
                stream.columns.add((ts_local, ts_venue, self._seq, number, kind, line), (1, bids), (-1, asks))
            elif verdict is Verdict.GAP:
                self._seq += 1
                self._report.gaps += 1
                stream.columns.add((ts_local, ts_venue, self._seq, number, GAP, line))

    def _open(self, symbol: str, line: int) -> _Stream:
        if not symbol:
            raise CorruptRecord(str(self._path), line, "s", "", "the symbol of the message")
        stream = _Stream(self._instrument(symbol), self._venue, str(self._path))
        self._streams[symbol] = stream
        self._last_symbol = symbol
        orphans, self._orphans = self._orphans, []
        for orphan in orphans:
            self._snapshot(*orphan)
        return stream

    def _marks(self, stream: _Stream) -> Batch:
        schema = table_schema("mark")
        frame = pl.DataFrame(stream.marks, schema=schema.names, orient="row")
        types = pl.from_arrow(schema.empty_table())
        assert isinstance(types, pl.DataFrame)
        stream.marks.clear()
        self._report.rows["mark"] += frame.height
        return Batch(stream.columns.instrument, "mark", frame.cast(types.schema))
