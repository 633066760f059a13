"""Reading ahead: one thread unpacks the next block while the caller parses this one."""

from __future__ import annotations

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import Final, TypeVar

__all__ = ["read_ahead"]

ItemT = TypeVar("ItemT")

_DEPTH: Final = 2
_POLL_S: Final = 0.05


class _End:
    """After the last item; holds what ended the source before it was through."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def read_ahead(items: Iterator[ItemT]) -> Iterator[ItemT]:
    """The same items in the same order, at most two of them made before they are asked for.

    Pays where making an item releases the interpreter lock, as inflating and file reads do. An error of the source is raised
    where the item would have been; a reader that is left early stops the thread.
    """
    made: Queue[ItemT | _End] = Queue(_DEPTH)
    left = Event()

    def put(item: ItemT | _End) -> None:
        while not left.is_set():
            try:
                made.put(item, timeout=_POLL_S)
            except Full:
                continue
            return

    def make() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                put(item)
                if left.is_set():
                    break
        except BaseException as raised:  # noqa: BLE001  handed to the reader, which raises it
            error = raised
        put(_End(error))

    thread = Thread(target=make, name="read-ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := made.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        thread.join()
