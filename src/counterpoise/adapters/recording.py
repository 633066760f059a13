"""An open recording of any format: read once, rows counted as they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from counterpoise.adapters.reader import Batch, ReadReport
from counterpoise.core.errors import InputError

__all__ = ["Recording"]


class Recording:
    """A reader over a generator of batches.

    Parameters
    ----------
    batches : callable
        Given the report, gives the batches; called when reading begins.
    name : str
        The file, for messages.
    max_bad : int
        Bad records allowed before reading stops with an error.
    """

    def __init__(self, batches: Callable[[ReadReport], Iterator[Batch]], *, name: str, max_bad: int = 0) -> None:
        self.report = ReadReport(max_bad=max_bad)
        self._batches, self._name, self._begun = batches, name, False

    def __iter__(self) -> Iterator[Batch]:
        if self._begun:
            raise InputError(f"{self._name}: read already, and its report counts one reading; open it again")
        self._begun = True
        return self._give()

    def _give(self) -> Iterator[Batch]:
        for batch in self._batches(self.report):
            if batch.frame.height:
                self.report.rows[batch.table] += batch.frame.height
                yield batch
