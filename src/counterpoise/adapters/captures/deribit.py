"""Deribit v2: raw books, trades, and tickers as option quotes or marks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from counterpoise.adapters.captures.message import (
    BookMessage,
    FirstChannel,
    Level,
    Message,
    Skipped,
    Tick,
    TickMessage,
    ValueMessage,
    millis,
    number,
    side_of,
    venue_id,
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.market.sequence import Deribit, Update

__all__ = ["DeribitDecoder"]

_PERCENT: Final = 0.01
_GREEKS: Final = ("delta", "gamma", "vega", "theta", "rho")


class DeribitDecoder:
    """`book`, `trades` and `ticker` channels; volatilities become fractions a year."""

    def __init__(self, venue: str) -> None:
        self._channels = FirstChannel()

    def reset(self) -> None:
        """Nothing depends on the connection."""

    def decode(self, record: Record) -> Iterator[Message]:
        if record.kind == ANSWER or record.data.get("method") != "subscription":
            yield Skipped("answer to a request")
            return
        params = record.data["params"]
        channel, data = params["channel"].partition(".")[0], params["data"]
        if channel == "book" and not self._channels.takes(data["instrument_name"], params["channel"]):
            yield Skipped("book channel beside another one")
        elif channel == "book":
            yield _book(data)
        elif channel == "trades":
            for row in data:
                yield from _trade(row)
        elif channel == "ticker":
            yield from _option(data) if "greeks" in data else _future(data)
        else:
            yield Skipped(f"channel {channel}")


def _book(data: dict[str, Any]) -> Message:
    last = data["change_id"]
    # grouped books have no type: each is whole
    snapshot = data.get("type", "snapshot") == "snapshot"
    update = Update(snapshot, last, last, data.get("prev_change_id", -1), millis(data["timestamp"]))
    return BookMessage(data["instrument_name"], update, _levels(data["bids"]), _levels(data["asks"]), Deribit)


def _levels(rows: Sequence[Sequence[Any]]) -> list[Level]:
    return [(str(row[-2]), "0" if row[0] == "delete" else str(row[-1])) for row in rows]


def _trade(row: dict[str, Any]) -> Iterator[Message]:
    tick = Tick(
        millis(row["timestamp"]), venue_id(row["trade_id"]), side_of(row["direction"]), str(row["price"]), str(row["amount"])
    )
    yield TickMessage(row["instrument_name"], "trade", [tick])
    # M: the maker was liquidated, T: the taker
    for forced in row.get("liquidation", ""):
        side = tick.side if forced == "T" else -tick.side
        yield TickMessage(row["instrument_name"], "liquidation", [tick._replace(side=side)])


def _option(data: dict[str, Any]) -> Iterator[Message]:
    values: dict[str, float | int | str | None] = {
        **_side(data, "bid"),
        **_side(data, "ask"),
        "last_price": number(data.get("last_price")),
        "mark_price": number(data.get("mark_price")),
        "mark_iv": _volatility(data.get("mark_iv")),
        "underlying_price": number(data.get("underlying_price")),
        "underlying": data.get("underlying_index"),
        "open_interest": number(data.get("open_interest")),
        **{name: number(data["greeks"].get(name)) for name in _GREEKS},
    }
    yield ValueMessage(data["instrument_name"], "option_quote", millis(data["timestamp"]), values)


def _side(data: dict[str, Any], side: str) -> dict[str, float | None]:
    """The venue writes 0 for a side on which there is no order."""
    price, qty = number(data.get(f"best_{side}_price")), number(data.get(f"best_{side}_amount"))
    if not price or not qty:
        return dict.fromkeys((f"{side}_price", f"{side}_qty", f"{side}_iv"))
    return {f"{side}_price": price, f"{side}_qty": qty, f"{side}_iv": _volatility(data.get(f"{side}_iv"))}


def _volatility(value: Any) -> float | None:
    percent = number(value)
    return percent * _PERCENT if percent else None


def _future(data: dict[str, Any]) -> Iterator[Message]:
    symbol, ts_ns = data["instrument_name"], millis(data["timestamp"])
    mark: dict[str, float | int | str | None] = {
        "mark_price": number(data.get("mark_price")),
        "index_price": number(data.get("index_price")),
        "funding_rate": number(data.get("current_funding")),
    }
    yield ValueMessage(symbol, "mark", ts_ns, mark)
    yield ValueMessage(symbol, "open_interest", ts_ns, {"open_interest": number(data.get("open_interest"))})
