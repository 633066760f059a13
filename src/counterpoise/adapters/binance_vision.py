"""Files of Binance's public archive, zip or plain CSV, with or without a header: trades, aggTrades, bookTicker, klines.

Spot times are µs from 2025 on and ms before; futures times are ms: the unit is read off the size of the number. The files hold
no arrival time: `ts_local` is `ts_venue`, the transaction time. Rows are given in the order of the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.adapters.recording import Recording
from counterpoise.adapters.text import Check, FieldType, Layout, read_lines, sift
from counterpoise.adapters.ticks import MessageCount, QuoteSide, price_checks, qty_checks, quote_frame, steps, tick_frame
from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import SchemaError, UnknownName
from counterpoise.core.schema import table_schema
from counterpoise.core.units import MS_NS, US_NS
from counterpoise.market.event import TRADE
from counterpoise.market.instrument import Instrument

__all__ = ["BINANCE_VISION_KINDS", "read_binance_vision"]

_SPOT_TAIL: Final = "is_best_match"  # spot files have one field more
_PRICES: Final = ("open", "high", "low", "close")
_FLOWS: Final = ("volume", "quote_volume", "buy_volume", "buy_quote_volume")
_DEAL: Final[dict[str, FieldType]] = {"id": pl.Int64, "price": pl.Float64, "qty": pl.Float64}
_FIELDS: Final[dict[str, dict[str, FieldType]]] = {
    "trades": {**_DEAL, "quote_qty": pl.Float64, "time": pl.Int64, "is_buyer_maker": pl.Boolean, _SPOT_TAIL: pl.String},
    "aggTrades": {
        **_DEAL,
        "first_id": pl.Int64,
        "last_id": pl.Int64,
        "time": pl.Int64,
        "is_buyer_maker": pl.Boolean,
        _SPOT_TAIL: pl.String,
    },
    "bookTicker": {
        "id": pl.Int64,
        **dict.fromkeys(("bid_price", "bid_qty", "ask_price", "ask_qty"), pl.Float64),
        "time": pl.Int64,
        "event_time": pl.Int64,
    },
    "klines": {
        "open_time": pl.Int64,
        **dict.fromkeys((*_PRICES, "volume"), pl.Float64),
        "close_time": pl.Int64,
        "quote_volume": pl.Float64,
        "trades": pl.Int64,
        **dict.fromkeys(("buy_volume", "buy_quote_volume"), pl.Float64),
        "ignore": pl.String,
    },
}
BINANCE_VISION_KINDS: Final = tuple(sorted(_FIELDS))


def read_binance_vision(path: Path, *, kind: str, instrument: Instrument, max_bad: int = 0) -> Reader:
    """Open a file of the archive.

    Parameters
    ----------
    path : Path
    kind : str
        One of `BINANCE_VISION_KINDS`.
    instrument : Instrument
    max_bad : int
        Bad records allowed.

    Returns
    -------
    Reader
        Table trade (side −1 where the buyer was the maker), quote, or bar. A bar's `ts_venue` is its end, the open time of the
        next; the notional of inverse contracts is contracts × multiplier (their files give the base volume instead).

    Raises
    ------
    UnknownName
        If there is no such kind.
    """
    if kind not in _FIELDS:
        raise UnknownName("Binance archive kind", kind, BINANCE_VISION_KINDS)
    checks_of, frame_of = _TABLES[kind]
    table = {"bookTicker": "quote", "klines": "bar"}.get(kind, "trade")

    def batches(report: ReadReport) -> Iterator[Batch]:
        count = MessageCount()
        for lines in read_lines(path, report, layout_of=lambda head: _layout(head, kind, path)):
            good = sift(lines, checks_of(lines.frame, instrument), path=path, report=report)
            seq, _ = count.number(np.ones(good.frame.height, np.bool_))
            yield Batch(instrument, table, frame_of(good.frame, seq, instrument))

    return Recording(batches, name=str(path), max_bad=max_bad)


def _layout(head: str, kind: str, path: Path) -> tuple[Layout, bool]:
    """Fields by their place; whether the first line is a header."""
    found, fields = head.split(","), dict(_FIELDS[kind])
    if len(found) == len(fields) - 1:
        fields.pop(_SPOT_TAIL, None)
    if len(found) != len(fields):
        raise SchemaError(
            f"{path}: the first line has {len(found)} fields ({head[:80]!r}), expected {len(fields)} of Binance {kind}: "
            f"{', '.join(fields)}; give the right kind"
        )
    return Layout(fields, frozenset({"ignore", _SPOT_TAIL})), any(c.isalpha() for c in found[0])


def _unit_ns(times: Int1D) -> Int1D:
    """ns in the unit of each epoch time, by its size: ms, µs or ns from 1973 to 2261; 0 for what is none of them."""
    edges = np.array([10**11, 92 * 10**11, 10**14, 92 * 10**14, 10**17])
    return np.array([0, MS_NS, 0, US_NS, 0, 1])[np.searchsorted(edges, times, side="right")]


def _epoch_ns(frame: pl.DataFrame, name: str) -> Int1D:
    times = frame[name].to_numpy()
    out: Int1D = times * _unit_ns(times)
    return out


def _time_check(frame: pl.DataFrame, name: str) -> Check:
    return Check(name, _unit_ns(frame[name].to_numpy()) == 0, "an epoch time in ms or µs")


def _deal_checks(frame: pl.DataFrame, instrument: Instrument) -> list[Check]:
    return [
        _time_check(frame, "time"),
        *price_checks("price", frame["price"].to_numpy(), instrument),
        *qty_checks("qty", frame["qty"].to_numpy(), instrument),
    ]


def _deals(frame: pl.DataFrame, seq: Int1D, instrument: Instrument) -> pl.DataFrame:
    ts = _epoch_ns(frame, "time")
    _, flags = MessageCount().number(np.ones(len(ts), np.bool_))
    return tick_frame(
        ts_local=ts,
        ts_venue=ts,
        seq=seq,
        flags=flags,
        kind=TRADE,
        side=np.where(frame["is_buyer_maker"].to_numpy(), np.int8(-1), np.int8(1)),
        price_ticks=steps(frame["price"].to_numpy(), instrument.price_grid),
        qty_lots=steps(frame["qty"].to_numpy(), instrument.qty_grid),
        ids=frame["id"].to_numpy(),
    )


def _quote_checks(frame: pl.DataFrame, instrument: Instrument) -> list[Check]:
    checks = [_time_check(frame, "time")]
    for side in ("bid", "ask"):
        checks += price_checks(f"{side}_price", frame[f"{side}_price"].to_numpy(), instrument)
        checks += qty_checks(f"{side}_qty", frame[f"{side}_qty"].to_numpy(), instrument)
    return checks


def _quotes(frame: pl.DataFrame, seq: Int1D, instrument: Instrument) -> pl.DataFrame:
    ts, both = _epoch_ns(frame, "time"), np.ones(frame.height, np.bool_)
    bid, ask = (QuoteSide(frame[f"{s}_price"].to_numpy(), frame[f"{s}_qty"].to_numpy(), both) for s in ("bid", "ask"))
    return quote_frame(bid, ask, ts_local=ts, ts_venue=ts, seq=seq, instrument=instrument, ids=frame["id"].to_numpy())


def _bar_checks(frame: pl.DataFrame, instrument: Instrument) -> list[Check]:
    value: dict[str, Float1D] = {name: frame[name].to_numpy() for name in (*_PRICES, *_FLOWS)}
    checks = [_time_check(frame, "open_time"), _time_check(frame, "close_time")]
    opened, closed = _epoch_ns(frame, "open_time"), _epoch_ns(frame, "close_time")
    checks.append(Check("close_time", closed <= opened, "a time after the open time"))
    checks += [Check(name, ~(np.isfinite(value[name]) & (value[name] > 0)), "a positive finite price") for name in _PRICES]
    for name in ("open", "close"):
        outside: Bool1D = (value[name] > value["high"]) | (value[name] < value["low"])
        checks.append(Check(name, outside, "a price between the bar's low and high"))
    checks += [Check(name, ~(np.isfinite(value[name]) & (value[name] >= 0)), "zero or more") for name in _FLOWS]
    checks.append(Check("buy_volume", value["buy_volume"] > value["volume"], "no more than the volume"))
    checks.append(Check("trades", frame["trades"].to_numpy() < 0, "zero or more"))
    return checks


def _bars(frame: pl.DataFrame, seq: Int1D, instrument: Instrument) -> pl.DataFrame:
    close_time = frame["close_time"].to_numpy()
    end = pl.Series((close_time + 1) * _unit_ns(close_time))
    contract = instrument.multiplier if instrument.inverse else ""
    notional = {
        out: pl.col(contracts) * float(contract) if contract else pl.col(quote)
        for out, contracts, quote in (
            ("notional", "volume", "quote_volume"),
            ("buy_notional", "buy_volume", "buy_quote_volume"),
        )
    }
    named = frame.with_columns(ts_local=end, ts_venue=end, seq=pl.Series(seq), **notional)
    return named.rename({"volume": "qty", "buy_volume": "buy_qty"}).select(table_schema("bar").names)


_ChecksOf = Callable[[pl.DataFrame, Instrument], list[Check]]
_FrameOf = Callable[[pl.DataFrame, Int1D, Instrument], pl.DataFrame]
_TABLES: Final[dict[str, tuple[_ChecksOf, _FrameOf]]] = {
    "trades": (_deal_checks, _deals),
    "aggTrades": (_deal_checks, _deals),
    "bookTicker": (_quote_checks, _quotes),
    "klines": (_bar_checks, _bars),
}
