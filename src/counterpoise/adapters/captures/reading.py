"""Raw captures of a venue as batches of rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from counterpoise.adapters.captures.binance import BinanceDecoder
from counterpoise.adapters.captures.bitmex import BitMexDecoder
from counterpoise.adapters.captures.bybit import BybitDecoder
from counterpoise.adapters.captures.coinbase import CoinbaseDecoder
from counterpoise.adapters.captures.deribit import DeribitDecoder
from counterpoise.adapters.captures.desk import Desk
from counterpoise.adapters.captures.dydx import DydxDecoder
from counterpoise.adapters.captures.hyperliquid import HyperliquidDecoder
from counterpoise.adapters.captures.kraken import KrakenDecoder, KrakenFuturesDecoder
from counterpoise.adapters.captures.message import BookMessage, Decoder, Message, TickMessage, ValueMessage
from counterpoise.adapters.captures.okx import OkxDecoder
from counterpoise.adapters.captures.record import ANSWER, CONNECT, CORRUPT, MESSAGE, Record, read_records
from counterpoise.adapters.grid import StepGauge
from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.adapters.recording import Recording
from counterpoise.core.errors import CorruptRecord, InputError, UnknownName
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument

__all__ = ["VENUES", "read_capture"]

_BATCH_ROWS: Final = 1 << 17
_MALFORMED: Final = (KeyError, TypeError, ValueError, IndexError, AttributeError, InputError)

VENUES: Final[dict[str, Callable[[str], Decoder]]] = {
    "binance": BinanceDecoder,
    "binance_coinm": BinanceDecoder,
    "binance_options": BinanceDecoder,
    "binance_usdm": BinanceDecoder,
    "bitmex": BitMexDecoder,
    "bybit": BybitDecoder,
    "bybit_spot": BybitDecoder,
    "coinbase": CoinbaseDecoder,
    "deribit": DeribitDecoder,
    "dydx": DydxDecoder,
    "hyperliquid": HyperliquidDecoder,
    "kraken": KrakenDecoder,
    "kraken_futures": KrakenFuturesDecoder,
    "okx": OkxDecoder,
}


def read_capture(
    paths: Iterable[Path],
    *,
    venue: str,
    max_bad: int = 0,
    instruments: Iterable[Instrument] = (),
    universe: Mapping[str, Sequence[str]] | None = None,
) -> Reader:
    """Open the raw capture files of one recording, read together in order of local time.

    Parameters
    ----------
    paths : iterable of Path
        Socket and REST files of one venue and one recording.
    venue : str
    max_bad : int
        Records that may be unreadable; one more is an error.
    instruments : iterable of Instrument
        Terms that are known. For other symbols the steps are the greatest common divisors of all prices and sizes of the
        recording, which is read twice for that; symbols whose contract size is not known are dropped and counted.
    universe : mapping, optional
        Hyperliquid only: coins by perpetual market, in the venue's order.

    Returns
    -------
    Reader
        Batches of tables book, quote, trade, liquidation, mark, open_interest and option_quote. Volatilities and funding are
        fractions. Held book updates carry the time of the snapshot that let them through.

    Raises
    ------
    UnknownName
        If there is no reader for the venue.
    InputError
        If no path is given or an instrument is of another venue.
    CorruptRecord
        While reading, at the first bad record past `max_bad`: file, line and field are named.
    """
    files, known = list(paths), {instrument.symbol: instrument for instrument in instruments}
    if venue not in VENUES:
        raise UnknownName("venue with a capture reader", venue, VENUES)
    if not files:
        raise InputError(f"no capture files given for {venue}; pass the paths of one recording")
    for instrument in known.values():
        if instrument.venue != venue:
            raise InputError(f"instrument {instrument.id} is not of venue {venue}; pass the instruments of this recording")
    factory = partial(HyperliquidDecoder, universe=universe) if venue == "hyperliquid" else VENUES[venue]
    return Recording(partial(_batches, files, venue, known, factory), name=str(files[0]), max_bad=max_bad)


def _batches(
    files: list[Path], venue: str, known: dict[str, Instrument], factory: Callable[[str], Decoder], report: ReadReport
) -> Iterator[Batch]:
    desk = Desk(_survey(files, venue, known, factory(venue)), report)
    decoder = factory(venue)
    for seq, record in enumerate(read_records(files, report)):
        report.messages += 1
        if record.kind in (CONNECT, CORRUPT):
            desk.lose(record, seq, numbered=False)
        if record.kind == CONNECT:
            decoder.reset()
        elif record.kind in (MESSAGE, ANSWER):
            _file(record, seq, decoder, desk, report)
        elif record.kind != CORRUPT:
            report.drop("request or configuration")
        if desk.size >= _BATCH_ROWS:
            yield from desk.flush()
    desk.close()
    yield from desk.flush()


def _file(record: Record, seq: int, decoder: Decoder, desk: Desk, report: ReadReport) -> None:
    try:
        for message in decoder.decode(record):
            desk.take(message, record, seq)
    except _MALFORMED as error:
        report.corrupt(_corrupt(record, error))
        desk.lose(record, seq, numbered=False)


def _corrupt(record: Record, error: Exception) -> CorruptRecord:
    if isinstance(error, KeyError):
        return CorruptRecord(record.source, record.line, str(error.args[0]), "absent or unknown", "one the venue documents")
    return CorruptRecord(record.source, record.line, "record", str(error), "a message of the venue, on the instrument's grid")


def _survey(files: list[Path], venue: str, known: dict[str, Instrument], decoder: Decoder) -> dict[str, Instrument]:
    """Terms of every symbol of the recording that has any."""
    gauges: defaultdict[str, tuple[StepGauge, StepGauge]] = defaultdict(lambda: (StepGauge(), StepGauge()))
    for record in read_records(files, ReadReport(max_bad=1 << 62)):
        if record.kind == CONNECT:
            decoder.reset()
        elif record.kind in (MESSAGE, ANSWER):
            _gauge(record, decoder, gauges)
    terms = {symbol: known.get(symbol) or _terms(venue, symbol, *gauge) for symbol, gauge in gauges.items()}
    return {symbol: instrument for symbol, instrument in terms.items() if instrument is not None}


def _gauge(record: Record, decoder: Decoder, gauges: dict[str, tuple[StepGauge, StepGauge]]) -> None:
    try:
        for message in decoder.decode(record):
            if isinstance(message, BookMessage | TickMessage | ValueMessage):
                price, qty = gauges[message.symbol]
                for p, q in _numbers(message):
                    price.add(p)
                    qty.add(q)
    except _MALFORMED:
        return  # reported when the rows are read


def _numbers(message: Message) -> list[tuple[str, str]]:
    if isinstance(message, BookMessage):
        return [*message.bids, *message.asks]
    return [(tick.price, tick.qty) for tick in message.ticks] if isinstance(message, TickMessage) else []


def _terms(venue: str, symbol: str, price: StepGauge, qty: StepGauge) -> Instrument | None:
    try:
        instrument = parse_instrument(f"{venue}:{symbol}")
    except InputError:
        return None
    return msgspec.structs.replace(instrument, tick=price.step or instrument.tick, lot=qty.step or instrument.lot)
