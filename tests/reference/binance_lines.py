"""Binance captures written down by hand, and read back with json and Decimal: the slow twin of the capture reader."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

from counterpoise.market.event import DELTA, QUOTE, SNAPSHOT, TRADE

Level = tuple[int, int, int]  # side, ticks, lots
Told = tuple[int, int, int, list[Level]]  # ts_local, venue's number, kind, levels
START = 1_723_161_300_000_000_000


def written(folder: Path, messages: Iterable[dict[str, Any] | str], name: str = "capture.gz") -> Path:
    """A capture file: one message a millisecond; text stands as it is."""
    lines = [
        text if isinstance(text, str) else f"{START + i * 1_000_000} {json.dumps(text, separators=(',', ':'))}"
        for i, text in enumerate(messages)
    ]
    data = "".join(line + "\n" for line in lines).encode()
    path = folder / name
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def depth(last: int, prev: int, *, bids: list[list[str]] | None = None, asks: list[list[str]] | None = None) -> dict[str, Any]:
    """A USD-M diff; numbers count in tens."""
    data = {"e": "depthUpdate", "E": 5, "T": 4, "s": "BTCUSDT", "U": prev + 1, "u": last, "pu": prev}
    return {"stream": "btcusdt@depth@0ms", "data": {**data, "b": [["100.0", "1"]] if bids is None else bids, "a": asks or []}}


def snapshot(last: int, *, bids: list[list[str]] | None = None, asks: list[list[str]] | None = None) -> dict[str, Any]:
    levels = {"bids": bids or [["100.0", "5"], ["99.0", "2"]], "asks": asks or [["101.0", "5"]]}
    return {"lastUpdateId": last, "E": 5, "T": 4, "symbol": "BTCUSDT", **levels}


def trade(number: int, *, price: str = "100.0", qty: str = "0.5", sold: bool = True, kind: str = "MARKET") -> dict[str, Any]:
    data = {"e": "trade", "E": 5, "T": 4, "s": "BTCUSDT", "t": number, "p": price, "q": qty, "X": kind, "m": sold}
    return {"stream": "btcusdt@trade", "data": data}


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def naive_reading(path: Path, *, tick: str, lot: str, spot: bool) -> list[Told]:
    """What a capture tells, in its order; diffs held before the snapshot come right after it, at its time."""
    out: list[Told] = []
    held: list[tuple[int, dict[str, Any]]] = []
    synced = False
    for line in lines_of(path):
        stamp, text = line.split(" ", 1)
        ts, message = int(stamp), json.loads(text)
        data = message.get("data", {})
        channel = message.get("stream", "").partition("@")[2]
        if "lastUpdateId" in message:
            known = message["lastUpdateId"]
            out.append((ts, known, SNAPSHOT, _levels(message["bids"], message["asks"], tick, lot)))
            useful = [diff for _, diff in held if diff["u"] > known or (diff["u"] == known and not spot)]
            out += [(ts, diff["u"], DELTA, _levels(diff["b"], diff["a"], tick, lot)) for diff in useful]
            synced = True
        elif channel.startswith("depth") and not synced:
            held.append((ts, data))
        elif channel.startswith("depth"):
            out.append((ts, data["u"], DELTA, _levels(data["b"], data["a"], tick, lot)))
        elif channel == "bookTicker":
            sides = _levels([[data["b"], data["B"]]], [[data["a"], data["A"]]], tick, lot)
            out.append((ts, data["u"], QUOTE, sides))
        elif data.get("X", "MARKET") == "MARKET":
            price, lots = _steps(data["p"], tick), _steps(data["q"], lot)
            out.append((ts, data["t"], TRADE, [(-1 if data["m"] else 1, price, lots)]))
    return out


def _levels(bids: list[list[str]], asks: list[list[str]], tick: str, lot: str) -> list[Level]:
    return [(side, _steps(p, tick), _steps(q, lot)) for side, pairs in ((1, bids), (-1, asks)) for p, q in pairs]


def _steps(text: str, step: str) -> int:
    steps = Decimal(text) / Decimal(step)
    assert steps == int(steps)
    return int(steps)
