"""A rule with a buffer: updates wait for their snapshot and come out in order."""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

from counterpoise.core.errors import InputError
from counterpoise.market.sequence.rule import SequenceRule, Update, Verdict

__all__ = ["Synchroniser"]

T = TypeVar("T")
_APPLY: Final = Verdict.APPLY
_DROP: Final = Verdict.DROP
_GAP: Final = Verdict.GAP
_NEED: Final = Verdict.NEED_SNAPSHOT


class Synchroniser(Generic[T]):
    """Follows one book through a rule and holds what cannot be applied yet.

    Parameters
    ----------
    rule : SequenceRule
    limit : int
        Most updates held; past it the oldest is dropped and counted in `dropped` and `overflowed`.

    Attributes
    ----------
    applied, dropped, gaps : int
        Messages by their final verdict; a message after a gap is held and counted again when it comes out.
    held : int
        Messages that had to wait, ever; `waiting` of them do now.
    overflowed : int
        Held messages lost because the buffer was full.
    """

    __slots__ = ("_buffer", "_limit", "_rule", "_step", "applied", "dropped", "gaps", "held", "overflowed")

    def __init__(self, rule: SequenceRule, *, limit: int = 100_000) -> None:
        if limit < 1:
            raise InputError(f"a synchroniser holds at least one update, found limit={limit}")
        self._rule, self._step, self._limit = rule, rule.step, limit
        self._buffer: deque[tuple[Update, T]] = deque()
        self.applied = self.dropped = self.gaps = self.held = self.overflowed = 0

    @property
    def synced(self) -> bool:
        return self._rule.synced

    @property
    def waiting(self) -> int:
        return len(self._buffer)

    def feed(self, update: Update, payload: T) -> list[tuple[Verdict, T]]:
        """Verdicts in the order in which to act on them; the first is that of this message.

        A snapshot that applies is followed by the held updates that apply. A held update comes back as NEED_SNAPSHOT now and as
        APPLY later; the update that shows a gap is held too. A stale snapshot is NEED_SNAPSHOT and is not held.
        """
        verdict = self._step(update)
        if verdict is _APPLY:
            self.applied += 1
            if self._buffer:
                return [(verdict, payload), *self._drain(update)]
        elif verdict is _DROP:
            self.dropped += 1
        else:
            if verdict is _GAP:
                self.gaps += 1
            if update.snapshot:
                self.dropped += 1
            else:
                self._hold(update, payload)
        return [(verdict, payload)]

    def reset(self) -> bool:
        """Forget book and buffer, as after a lost connection; True when the book was synced until now."""
        was_synced = self._rule.synced
        self._rule.reset()
        self.dropped += len(self._buffer)
        self._buffer.clear()
        return was_synced

    def _hold(self, update: Update, payload: T) -> None:
        if len(self._buffer) == self._limit:
            self._buffer.popleft()
            self.dropped += 1
            self.overflowed += 1
        self._buffer.append((update, payload))
        self.held += 1

    def _drain(self, snapshot: Update) -> list[tuple[Verdict, T]]:
        out: list[tuple[Verdict, T]] = []
        buffer = self._buffer
        while buffer:
            update, payload = buffer[0]
            verdict = self._step(update)
            if verdict is _GAP:
                return self._torn(snapshot, out, payload)
            buffer.popleft()
            if verdict is _APPLY:
                self.applied += 1
                out.append((verdict, payload))
            else:
                self.dropped += 1
        return out

    def _torn(self, snapshot: Update, out: list[tuple[Verdict, T]], payload: T) -> list[tuple[Verdict, T]]:
        """What was held does not follow: a hole inside the buffer, or numbers that the snapshot began anew."""
        if out:
            self.gaps += 1
            return [*out, (_GAP, payload)]
        self.dropped += len(self._buffer)
        self._buffer.clear()
        self._step(snapshot)
        return out
