"""Records behind the fixed slots of a state: one for each option, place or coin that a measure has met, by its name."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from counterpoise.core.arrays import Int1D

__all__ = ["Records"]

_Name = str | tuple[Any, ...]
_FIELDS: Final = 3  # of what is saved of a record


class Records:
    """Where in a state each record lies. Records only come; none goes.

    Parameters
    ----------
    first : int
        Where the first record begins: the length of a state without any.

    Examples
    --------
    >>> records = Records(4)
    >>> records.at("a", np.zeros(3, np.int64)), records.at("b", np.ones(2, np.int64)), records.at("a", np.zeros(3, np.int64))
    (4, 7, 4)
    >>> records.grown(np.full(4, 9)).tolist()
    [9, 9, 9, 9, 0, 0, 0, 1, 1]
    """

    def __init__(self, first: int) -> None:
        self._first = self.end = first
        self._at: dict[_Name, int] = {}
        self._sizes: list[int] = []
        self._new: list[Int1D] = []

    def at(self, name: _Name, fresh: Int1D) -> int:
        """Where the record of a name lies; a name that was never met gets one that begins as `fresh`."""
        found = self._at.get(name)
        if found is None:
            found = self._at[name] = self.end
            self.end += len(fresh)
            self._sizes.append(len(fresh))
            self._new.append(fresh)
        return found

    def names(self) -> dict[int, Any]:
        """Names by where their records lie."""
        return {at: name for name, at in self._at.items()}

    def grown(self, state: Int1D) -> Int1D:
        """The state with room for the records that are new since the last call."""
        if not self._new:
            return state
        grown = np.concatenate([state, *self._new])
        self._new.clear()
        return grown

    def __len__(self) -> int:
        return len(self._at)

    def back_to(self, count: int, state: Int1D) -> Int1D:
        """Forget all records but the first `count`; returns the state without the others."""
        self._at = dict(list(self._at.items())[:count])
        self._sizes = self._sizes[:count]
        self._new.clear()
        self.end = self._first + sum(self._sizes)
        return state[: self.end].copy()

    # memory

    def saved(self) -> list[list[Any]]:
        """Name, where, and size of each record, in order."""
        return [[name, at, size] for (name, at), size in zip(self._at.items(), self._sizes, strict=True)]

    def fit(self, saved: Any, length: int) -> bool:
        """Whether what was saved lies without a hole in a state of that length."""
        end = self._first
        if not isinstance(saved, list):
            return False
        for record in saved:
            if len(record) != _FIELDS or record[1] != end or not isinstance(record[2], int) or record[2] <= 0:
                return False
            end += record[2]
        return bool(end == length)

    def restore(self, saved: list[list[Any]]) -> None:
        """Take back what `saved` gave."""
        self._at = {tuple(name) if isinstance(name, list) else name: at for name, at, _ in saved}
        self._sizes = [size for _, _, size in saved]
        self._new.clear()
        self.end = self._first + sum(self._sizes)
