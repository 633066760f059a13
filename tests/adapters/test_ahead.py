"""Reading ahead gives what the source gives, and ends when either side does."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from counterpoise.adapters.ahead import read_ahead


def test_the_same_items_in_order() -> None:
    assert list(read_ahead(iter(range(1000)))) == list(range(1000))
    assert list(read_ahead(iter([]))) == []


def test_an_error_comes_where_the_item_would_have() -> None:
    def source() -> Iterator[int]:
        yield 1
        yield 2
        raise ZeroDivisionError("third")

    reader = read_ahead(source())
    assert (next(reader), next(reader)) == (1, 2)
    with pytest.raises(ZeroDivisionError, match="third"):
        next(reader)


def test_few_items_wait_and_a_reader_left_early_stops_the_thread() -> None:
    made: list[int] = []

    def source() -> Iterator[int]:
        for i in range(10**9):
            made.append(i)
            yield i

    reader = read_ahead(source())
    assert next(reader) == 0
    reader.close()
    assert len(made) <= 5
    assert "read-ahead" not in {thread.name for thread in threading.enumerate()}
