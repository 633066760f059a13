"""Hyperliquid: whole books, trades, best quotes and the contexts of assets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from counterpoise.adapters.captures.message import (
    BookMessage,
    Level,
    Message,
    Skipped,
    Tick,
    TickMessage,
    ValueMessage,
    millis,
    number,
    quote,
    side_of,
)
from counterpoise.adapters.captures.record import ANSWER, Record
from counterpoise.core.units import MS_NS
from counterpoise.market.sequence import Hyperliquid, Update

__all__ = ["HyperliquidDecoder"]


class HyperliquidDecoder:
    """`l2Book`, `bbo`, `trades`, `activeAssetCtx` and `allDexsAssetCtxs`.

    Parameters
    ----------
    venue : str
    universe : mapping of str to sequence of str, optional
        Coins of each perpetual market (``""`` is the main one) in the venue's order: `allDexsAssetCtxs` names none.
    """

    def __init__(self, venue: str, *, universe: Mapping[str, Sequence[str]] | None = None) -> None:
        self._universe = universe or {}

    def reset(self) -> None:
        """Nothing depends on the connection."""

    def decode(self, record: Record) -> Iterator[Message]:
        data = record.data
        if record.kind == ANSWER or "channel" not in data:
            yield Skipped("answer to a request")
            return
        channel, body = data["channel"], data.get("data")
        if channel == "trades":
            yield from _trades(body)
        elif channel == "allDexsAssetCtxs":
            yield from self._contexts(body["ctxs"])
        elif channel == "activeAssetCtx":
            yield from _named(body["coin"], lambda: _context(body["coin"], body["ctx"]))
        elif channel in ("l2Book", "bbo"):
            yield from _named(body["coin"], lambda: [(_book if channel == "l2Book" else _best)(body)])
        else:
            yield Skipped(f"channel {channel}")

    def _contexts(self, markets: Sequence[tuple[str, Sequence[dict[str, Any]]]]) -> Iterator[Message]:
        for market, contexts in markets:
            names = self._universe.get(market, ())
            for name, context in zip(names, contexts, strict=False):
                yield from _context(name, context)
            for _ in contexts[len(names) :]:
                yield Skipped("asset without a name (give the universe)")


def _named(coin: str, messages: Callable[[], Iterable[Message]]) -> Iterator[Message]:
    """An index such as @107 means another pair after the venue lists or delists one: it is no name to store data under."""
    if coin.startswith("@"):
        yield Skipped("spot pair written as an index")
    else:
        yield from messages()


def _levels(rows: Sequence[dict[str, Any]]) -> list[Level]:
    return [(str(row["px"]), str(row["sz"])) for row in rows]


def _book(body: dict[str, Any]) -> Message:
    bids, asks = body["levels"]
    update = Update(True, -1, body["time"], ts_ns=body["time"] * MS_NS)
    return BookMessage(body["coin"], update, _levels(bids), _levels(asks), Hyperliquid)


def _best(body: dict[str, Any]) -> Message:
    bid, ask = ((side["px"], side["sz"]) if side else (None, None) for side in body["bbo"])
    return quote(body["coin"], millis(body["time"]), bid, ask)


def _trades(rows: Sequence[dict[str, Any]]) -> Iterator[Message]:
    by_coin: defaultdict[str, list[Tick]] = defaultdict(list)
    for row in rows:
        tick = Tick(millis(row["time"]), int(row.get("tid", -1)), side_of(row["side"]), str(row["px"]), str(row["sz"]))
        by_coin[row["coin"]].append(tick)
    for coin, ticks in by_coin.items():
        yield from _named(coin, partial(_trade_message, coin, ticks))


def _trade_message(coin: str, ticks: Sequence[Tick]) -> list[Message]:
    return [TickMessage(coin, "trade", ticks)]


def _context(coin: str, context: dict[str, Any]) -> Iterator[Message]:
    mark: dict[str, float | int | str | None] = {
        "mark_price": number(context["markPx"]),
        "index_price": number(context.get("oraclePx")),
        "funding_rate": number(context.get("funding")),
    }
    yield ValueMessage(coin, "mark", 0, mark)
    if context.get("openInterest") is not None:
        yield ValueMessage(coin, "open_interest", 0, {"open_interest": number(context["openInterest"])})
