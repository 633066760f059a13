"""Venues whose every update names the one before it: Deribit and OKX."""

from __future__ import annotations

from collections import deque
from typing import Final

from counterpoise.market.sequence.rule import Update, Verdict

__all__ = ["Deribit", "Okx"]

_APPLY: Final = Verdict.APPLY
_DROP: Final = Verdict.DROP
_GAP: Final = Verdict.GAP
_NEED: Final = Verdict.NEED_SNAPSHOT
_REMEMBERED: Final = 64


class Deribit:
    """A snapshot, then prev_change_id = last change_id; anything else above it means: subscribe again."""

    __slots__ = ("_last",)

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._last = -1

    @property
    def synced(self) -> bool:
        return self._last >= 0

    def step(self, update: Update) -> Verdict:
        snapshot, _, last, prev = update[:4]
        known = self._last
        if snapshot or (prev == known and known >= 0):
            self._last = last
            return _APPLY
        if known < 0:
            return _NEED
        if last <= known:
            return _DROP
        self._last = -1
        return _GAP


class Okx:
    """prevSeqId = last seqId, also when the number falls (a reset) or stays (a keep-alive).

    After a snapshot, fetched over REST or sent with prevSeqId −1, the first update may straddle it:
    prevSeqId ≤ snapshot seqId < seqId. A number below the last is dropped when it is one of the latest 64 applied, or
    still older than the snapshot it follows; otherwise a reset has been missed, which is a gap.
    """

    __slots__ = ("_joining", "_last", "_recent")

    def __init__(self) -> None:
        self._recent: deque[int] = deque(maxlen=_REMEMBERED)
        self.reset()

    def reset(self) -> None:
        self._last = -1
        self._joining = False
        self._recent.clear()

    @property
    def synced(self) -> bool:
        return self._last >= 0

    def step(self, update: Update) -> Verdict:
        snapshot, _, last, prev = update[:4]
        known = self._last
        if snapshot:
            self._recent.clear()
            self._joining = True
        elif known < 0:
            return _NEED
        elif prev == known or (self._joining and prev <= known < last):
            self._joining = False
        elif last <= known and (self._joining or last in self._recent):
            return _DROP
        else:
            self._last = -1
            return _GAP
        self._last = last
        self._recent.append(last)
        return _APPLY
