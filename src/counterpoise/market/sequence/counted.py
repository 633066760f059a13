"""Venues that count messages one by one: Bybit, Coinbase Advanced and Kraken futures."""

from __future__ import annotations

from typing import Final

from counterpoise.market.sequence.rule import Update, Verdict

__all__ = ["Bybit", "CoinbaseAdvanced", "KrakenFutures"]

_APPLY: Final = Verdict.APPLY
_DROP: Final = Verdict.DROP
_GAP: Final = Verdict.GAP
_NEED: Final = Verdict.NEED_SNAPSHOT


class KrakenFutures:
    """A snapshot with its `seq`, then each update of the product is one more."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last = -1

    @property
    def synced(self) -> bool:
        return self._last >= 0

    def step(self, update: Update) -> Verdict:
        snapshot, _, last = update[:3]
        known = self._last
        if snapshot or (last == known + 1 and known >= 0):
            self._last = last
            return _APPLY
        if known < 0:
            return _NEED
        if last <= known:
            return _DROP
        self._last = -1
        return _GAP


class CoinbaseAdvanced(KrakenFutures):
    """`sequence_num` counts the envelopes of one connection, all channels together; a gap means: subscribe again.

    One instance follows one connection. A missing envelope voids every book fed by it, for nobody knows whose it was.
    """

    __slots__ = ()


class Bybit(KrakenFutures):
    """Any snapshot or u = 1 overwrites the book; then u = last + 1.

    Level 1 sends the same snapshot again after 3 s without a change: it overwrites like any other.
    """

    __slots__ = ()

    def step(self, update: Update) -> Verdict:
        snapshot, _, last = update[:3]
        known = self._last
        if snapshot or last == 1 or (last == known + 1 and known >= 0):
            self._last = last
            return _APPLY
        if known < 0:
            return _NEED
        if last <= known:
            return _DROP
        self._last = -1
        return _GAP
