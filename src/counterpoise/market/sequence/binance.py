"""Binance: diffs on a socket, snapshots over REST, joined by update ids.

References
----------
Binance developer documentation, "How to manage a local order book correctly" (spot, USD-M, COIN-M, options).
"""

from __future__ import annotations

from typing import Final

from counterpoise.market.sequence.rule import Update, Verdict

__all__ = ["BinanceFutures", "BinanceSpot"]

_APPLY: Final = Verdict.APPLY
_DROP: Final = Verdict.DROP
_GAP: Final = Verdict.GAP
_NEED: Final = Verdict.NEED_SNAPSHOT


class BinanceSpot:
    """Drop u ≤ last; the first diff after a snapshot has U ≤ last + 1 ≤ u, each later one U = previous u + 1.

    A snapshot is stale when the first held diff begins after lastUpdateId + 1. (The venue's text also sends back a
    snapshot that ends exactly one before that diff; nothing is missing there, so it is taken.) While synced, a snapshot
    older than the book is dropped.
    """

    __slots__ = ("_joining", "_last", "_waiting")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last = -1  # −1: not synced
        self._waiting = -1  # first number of the first held diff
        self._joining = False

    @property
    def synced(self) -> bool:
        return self._last >= 0

    def step(self, update: Update) -> Verdict:
        snapshot, first, last = update[:3]
        if snapshot:
            return self._snapshot(last)
        known = self._last
        if known < 0:
            if self._waiting < 0:
                self._waiting = first
            return _NEED
        if last <= known:
            return _DROP
        if first == known + 1 or (self._joining and first <= known):
            self._last = last
            self._joining = False
            return _APPLY
        self._last, self._waiting = -1, first
        return _GAP

    def _snapshot(self, last: int) -> Verdict:
        if self._waiting >= 0 and last < self._waiting - 1:
            return _NEED
        if last < self._last:
            return _DROP
        self._last, self._waiting, self._joining = last, -1, True
        return _APPLY


class BinanceFutures:
    """USD-M, COIN-M and options: the first diff has U ≤ last ≤ u or pu = last, each later one pu = previous u.

    A diff with u < last is dropped; so is a repetition (u = last) once the stream has been joined.
    """

    __slots__ = ("_joining", "_last", "_waiting")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last = -1
        self._waiting: Update | None = None
        self._joining = False

    @property
    def synced(self) -> bool:
        return self._last >= 0

    def step(self, update: Update) -> Verdict:
        snapshot, first, last, prev = update[:4]
        if snapshot:
            return self._snapshot(last)
        known = self._last
        if known < 0:
            if self._waiting is None:
                self._waiting = update
            return _NEED
        if (prev == known and last >= known) or (self._joining and first <= known <= last):
            self._last = last
            self._joining = False
            return _APPLY
        if last <= known:
            return _DROP
        self._last, self._waiting = -1, update
        return _GAP

    def _snapshot(self, last: int) -> Verdict:
        held = self._waiting
        if held is not None and last < held.first and last != held.prev:
            return _NEED
        if last < self._last:
            return _DROP
        self._last, self._waiting, self._joining = last, None, True
        return _APPLY
