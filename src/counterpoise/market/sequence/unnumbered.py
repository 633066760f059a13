"""Venues that number nothing: the order of arrival is all there is, and a lost message cannot be seen."""

from __future__ import annotations

from typing import Final

from counterpoise.market.sequence.rule import Update, Verdict

__all__ = ["BitMex", "Hyperliquid", "Unsequenced"]

_APPLY: Final = Verdict.APPLY
_DROP: Final = Verdict.DROP


class Unsequenced:
    """A snapshot, then deltas in order of arrival (old Bybit, Coinbase Pro level2, dYdX v3).

    Deltas before the snapshot are dropped, not held: they are older than it, and no number could tell them from newer ones.
    """

    __slots__ = ("_synced",)

    def __init__(self) -> None:
        self._synced = False

    def reset(self) -> None:
        self._synced = False

    @property
    def synced(self) -> bool:
        return self._synced

    def step(self, update: Update) -> Verdict:
        if update.snapshot:
            self._synced = True
        return _APPLY if self._synced else _DROP


class BitMex(Unsequenced):
    """`partial`, then insert, update and delete; whatever comes before the partial is dropped, as the venue tells."""

    __slots__ = ()


class Hyperliquid:
    """Every message is the whole book (20 levels a side); one whose time goes back is dropped."""

    __slots__ = ("_ts_ns",)

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self._ts_ns = -1

    @property
    def synced(self) -> bool:
        return self._ts_ns >= 0

    def step(self, update: Update) -> Verdict:
        if not update.snapshot or update.ts_ns < self._ts_ns:
            return _DROP
        self._ts_ns = update.ts_ns
        return _APPLY
