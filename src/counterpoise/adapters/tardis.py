"""Tardis CSV files, gzip or plain: incremental_book_L2, trades, liquidations, derivative_ticker, options_chain.

Times are µs UTC and rows are sorted by `local_timestamp`; rows of one symbol with equal local time are one message. A venue
time equal to the local one means that the venue gave none: `ts_venue` is 0 then. Ids that are not whole numbers become −1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import polars as pl

from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.adapters.recording import Recording
from counterpoise.adapters.source import BLOCK_BYTES
from counterpoise.adapters.tardis_tables import TABLES, Rows, SymbolState, chain_rows
from counterpoise.adapters.text import Check, FieldType, Layout, Lines, read_lines, sift
from counterpoise.adapters.ticks import MessageCount, order_check, price_checks, qty_checks, time_check, whole_messages
from counterpoise.core.errors import SchemaError, UnknownName
from counterpoise.core.units import US_NS
from counterpoise.market.instrument import Instrument

__all__ = ["TARDIS_KINDS", "TARDIS_VENUES", "Instruments", "read_tardis"]

TARDIS_VENUES: Final = {  # what the exchange column says, and our name of the venue
    "binance": "binance",
    "binance-delivery": "binance_coinm",
    "binance-futures": "binance_usdm",
    "bitmex": "bitmex",
    "bybit": "bybit",
    "bybit-spot": "bybit_spot",
    "coinbase": "coinbase",
    "cryptofacilities": "kraken_futures",
    "deribit": "deribit",
    "dydx": "dydx",
    "hyperliquid": "hyperliquid",
    "kraken": "kraken",
    "okex": "okx",
    "okex-futures": "okx",
    "okex-options": "okx",
    "okex-swap": "okx",
}
Instruments: TypeAlias = Instrument | Callable[[str], Instrument | None]

_HEAD: Final[dict[str, FieldType]] = {
    "exchange": pl.String,
    "symbol": pl.String,
    "timestamp": pl.Int64,
    "local_timestamp": pl.Int64,
}
_DEAL: Final[dict[str, FieldType]] = {"id": pl.String, "side": pl.String, "price": pl.Float64, "amount": pl.Float64}
_TICKER: Final[dict[str, FieldType]] = {
    "funding_timestamp": pl.Int64,
    **dict.fromkeys(
        ("funding_rate", "predicted_funding_rate", "open_interest", "last_price", "index_price", "mark_price"), pl.Float64
    ),
}
_CHAIN: Final[dict[str, FieldType]] = {
    "type": pl.String,
    "strike_price": pl.Float64,
    "expiration": pl.Int64,
    **dict.fromkeys(("open_interest", "last_price", "bid_price", "bid_amount", "bid_iv"), pl.Float64),
    **dict.fromkeys(("ask_price", "ask_amount", "ask_iv", "mark_price", "mark_iv"), pl.Float64),
    "underlying_index": pl.String,
    **dict.fromkeys(("underlying_price", "delta", "gamma", "vega", "theta", "rho"), pl.Float64),
}
_FIELDS: Final[dict[str, dict[str, FieldType]]] = {
    "incremental_book_L2": {"is_snapshot": pl.Boolean, "side": pl.String, "price": pl.Float64, "amount": pl.Float64},
    "trades": _DEAL,
    "liquidations": _DEAL,
    "derivative_ticker": _TICKER,
    "options_chain": _CHAIN,
}
_OPTIONAL: Final = frozenset({"id", *_TICKER, *_CHAIN} - {"type", "strike_price", "expiration"})
_SIDES: Final = {
    "incremental_book_L2": ("bid", "ask"),
    "trades": ("buy", "sell", "unknown"),
    "liquidations": ("buy", "sell", "unknown"),
}
_CHAIN_BYTES: Final = 1 << 25  # its rows are dealt out to hundreds of symbols
TARDIS_KINDS: Final = tuple(sorted(_FIELDS))


def read_tardis(path: Path, *, kind: str, instrument: Instruments, max_bad: int = 0) -> Reader:
    """Open a Tardis CSV file.

    Parameters
    ----------
    path : Path
        Gzip or plain.
    kind : str
        One of `TARDIS_KINDS`.
    instrument : Instrument or callable
        The instrument whose rows are read (those of other symbols are dropped and counted), or what gives the instrument of a
        symbol, None to leave the symbol out.
    max_bad : int
        Bad records allowed. A bad record of a book leaves a GAP in its place: the book is void until the next snapshot.

    Returns
    -------
    Reader
        Tables: book; trade; liquidation; mark and open_interest; or option_quote, whose volatilities are annual fractions.

    Raises
    ------
    UnknownName
        If there is no such kind.
    """
    if kind not in _FIELDS:
        raise UnknownName("Tardis kind", kind, TARDIS_KINDS)

    def batches(report: ReadReport) -> Iterator[Batch]:
        chain = kind == "options_chain"
        size = _CHAIN_BYTES if chain else BLOCK_BYTES
        lines = read_lines(path, report, layout_of=lambda head: (_layout(head, kind, path), True), block_bytes=size)
        symbols = _Symbols(instrument)
        good = _checked(lines, kind, symbols, path, report)
        whole = whole_messages(good)
        yield from _chains(whole, symbols, report) if chain else _batches(whole, kind, symbols, report)

    return Recording(batches, name=str(path), max_bad=max_bad)


class _Symbols:
    """The instrument of each symbol of a file, None when it is not wanted."""

    def __init__(self, instrument: Instruments) -> None:
        self._instrument = instrument
        self._states: dict[str, SymbolState | None] = {}

    def state(self, symbol: str) -> SymbolState | None:
        if symbol not in self._states:
            given = self._instrument
            own = isinstance(given, Instrument) and given.symbol == symbol
            found = (given if own else None) if isinstance(given, Instrument) else given(symbol)
            self._states[symbol] = None if found is None else SymbolState(found)
        return self._states[symbol]

    def split(self, frame: pl.DataFrame) -> list[tuple[SymbolState | None, pl.DataFrame]]:
        """Rows by symbol; a frame of one symbol is not copied."""
        symbol = frame["symbol"]
        if frame.height and (symbol == symbol[0]).all():
            return [(self.state(symbol[0]), frame)]
        parts = frame.partition_by("symbol", maintain_order=True)
        return [(self.state(part["symbol"][0]), part) for part in parts]


def _layout(head: str, kind: str, path: Path) -> Layout:
    """Fields in the order of the file's header; ones this reader does not know are let be."""
    known = _HEAD | _FIELDS[kind]
    names = head.split(",")
    missing = [name for name in known if name not in names]
    if missing or len(set(names)) != len(names):
        fault = f"missing {', '.join(missing)}" if missing else "a name stands twice"
        raise SchemaError(
            f"{path}: header {head!r} is not that of Tardis {kind}: {fault}; give the right kind, or fetch the file again"
        )
    fields: dict[str, FieldType] = {name: known.get(name, pl.String) for name in names}
    return Layout(fields, _OPTIONAL | (set(names) - set(known)))


def _checked(blocks: Iterator[Lines], kind: str, symbols: _Symbols, path: Path, report: ReadReport) -> Iterator[pl.DataFrame]:
    """Good rows with their `damage`: how many lines before each could not be used."""
    latest, seen = 0, 2  # the header is line 1
    for lines in blocks:
        good = sift(lines, _checks(lines.frame, kind, symbols, latest), path=path, report=report)
        height = good.frame.height
        if height:
            damage = good.line - np.arange(seen, seen + height)
            seen += height
            latest = int(good.frame["local_timestamp"][-1])
            yield good.frame.with_columns(pl.Series("damage", damage))


def _checks(frame: pl.DataFrame, kind: str, symbols: _Symbols, latest: int) -> list[Check]:
    local = frame["local_timestamp"].to_numpy()
    sane = time_check("local_timestamp", local, unit_ns=US_NS)
    checks = [
        time_check("timestamp", frame["timestamp"].to_numpy(), unit_ns=US_NS),
        sane,
        order_check("local_timestamp", local, sane=~sane.bad, latest=latest),
    ]
    if sides := _SIDES.get(kind):
        checks.append(Check("side", ~frame["side"].is_in(sides).to_numpy(), " or ".join(sides)))
        return checks + _grid_checks(frame, symbols)
    return checks + _finite_checks(frame, kind)


def _grid_checks(frame: pl.DataFrame, symbols: _Symbols) -> list[Check]:
    """Prices and amounts lie on the grids of their own instruments."""
    price, amount = frame["price"].to_numpy(), frame["amount"].to_numpy()
    symbol, checks = frame["symbol"], []
    for name in symbol.unique(maintain_order=True):
        state = symbols.state(name)
        if state is not None:
            own = (symbol == name).to_numpy()
            found = price_checks("price", price, state.instrument) + qty_checks("amount", amount, state.instrument)
            checks += [check._replace(bad=check.bad & own) for check in found]
    return checks


def _finite_checks(frame: pl.DataFrame, kind: str) -> list[Check]:
    """Numbers of the venue may be absent, but not infinite or NaN."""
    names = [name for name, dtype in _FIELDS[kind].items() if dtype is pl.Float64]
    finite = frame.select((pl.col(name).is_finite() | pl.col(name).is_null()) for name in names)
    checks = [Check(name, ~finite[name].to_numpy(), "a finite number, or nothing") for name in names]
    if kind == "derivative_ticker":
        funding = frame["funding_timestamp"].fill_null(1).to_numpy()
        checks.append(time_check("funding_timestamp", funding, unit_ns=US_NS))
    return checks


def _chains(frames: Iterator[pl.DataFrame], symbols: _Symbols, report: ReadReport) -> Iterator[Batch]:
    count = MessageCount()
    for frame in frames:
        for state, part in symbols.split(chain_rows(frame, count)):
            if state is None:
                report.drop("other symbol", part.height)
                continue
            yield Batch(state.instrument, "option_quote", part.drop("symbol"))


def _batches(frames: Iterator[pl.DataFrame], kind: str, symbols: _Symbols, report: ReadReport) -> Iterator[Batch]:
    for frame in frames:
        for state, part in symbols.split(frame):
            if state is None:
                report.drop("other symbol", part.height)
                continue
            for table, out in TABLES[kind](Rows(part), state, report):
                yield Batch(state.instrument, table, out)
