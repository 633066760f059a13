"""The journal: every intent before it is sent, everything the venue said after, in bytes that do not depend on the machine.

A session that died is understood from its journal alone: an `Intent` without an answer is an order that may be live.
"""

from __future__ import annotations

from typing import Final, Protocol, TypeAlias

import msgspec

from counterpoise.core.errors import CorruptRecord, InputError
from counterpoise.market.order import Order
from counterpoise.market.venue import VenueEvent

__all__ = [
    "AmendIntent",
    "CancelIntent",
    "Finished",
    "Intent",
    "Journal",
    "JournalRecord",
    "LineJournal",
    "Lines",
    "RefusedIntent",
    "Started",
    "VenueSaid",
    "decode",
    "encode",
]


class Started(msgspec.Struct, frozen=True, kw_only=True, tag="started"):
    """First record of a run: with these three the run can be repeated."""

    config_hash: str
    seed: int
    version: str


class Intent(msgspec.Struct, frozen=True, kw_only=True, tag="intent"):
    """An approved order, written before it is sent."""

    ts_ns: int
    order: Order


class CancelIntent(msgspec.Struct, frozen=True, kw_only=True, tag="cancel"):
    """A cancel, written before it is sent."""

    ts_ns: int
    client_id: str


class AmendIntent(msgspec.Struct, frozen=True, kw_only=True, tag="amend"):
    """An amendment, written before it is sent."""

    ts_ns: int
    client_id: str
    qty_lots: int
    price_ticks: int


class RefusedIntent(msgspec.Struct, frozen=True, kw_only=True, tag="refused"):
    """An order that a limit stopped; it was not sent."""

    ts_ns: int
    order: Order
    reason: str


class VenueSaid(msgspec.Struct, frozen=True, kw_only=True, tag="venue"):
    """What the venue answered; `ts_ns` is when we learnt it, the event carries the venue's own time."""

    ts_ns: int
    event: VenueEvent


class Finished(msgspec.Struct, frozen=True, kw_only=True, tag="finished"):
    """Last record of a run that ended by itself."""

    ts_ns: int


JournalRecord: TypeAlias = Started | Intent | CancelIntent | AmendIntent | RefusedIntent | VenueSaid | Finished

_ENCODER: Final = msgspec.json.Encoder(order="sorted")
_DECODER: Final[msgspec.json.Decoder[JournalRecord]] = msgspec.json.Decoder(JournalRecord)


class Journal(Protocol):
    """Where records go; what `append` returned from survives the death of the process."""

    def append(self, record: JournalRecord) -> None: ...

    def flush(self) -> None:
        """Make everything appended survive the death of the machine."""
        ...

    def close(self) -> None: ...


class Lines(Protocol):
    """Bytes of records, as an adapter keeps them."""

    def append(self, data: bytes) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class LineJournal:
    """The Journal port over any `Lines`, such as a journal file."""

    def __init__(self, lines: Lines) -> None:
        self._lines: Final = lines

    def append(self, record: JournalRecord) -> None:
        self._lines.append(encode(record))

    def flush(self) -> None:
        self._lines.flush()

    def close(self) -> None:
        self._lines.close()


def encode(record: JournalRecord) -> bytes:
    """Canonical JSON of a record: sorted keys, no spaces, no newline; equal records give equal bytes.

    Examples
    --------
    >>> encode(Finished(ts_ns=1))
    b'{"ts_ns":1,"type":"finished"}'
    """
    return _ENCODER.encode(record)


def decode(data: bytes, *, source: str = "journal", number: int = 1) -> JournalRecord:
    """The record of its bytes.

    Parameters
    ----------
    source, number : str and int
        File and 1-based record number, for the error.

    Raises
    ------
    CorruptRecord
        If the bytes are not a record of this version.
    """
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, InputError) as error:
        raise CorruptRecord(source, number, "record", data.decode(errors="replace"), f"a journal record ({error})") from error
