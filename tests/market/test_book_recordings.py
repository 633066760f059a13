"""The ladder book against a book of dictionaries on real recordings of many venues."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from counterpoise.market.book import Book
from counterpoise.market.event import LAST, Events
from reference.binance_recordings import CAPTURES, read_recording
from reference.capture_reading import VENUES, files, read, terms
from reference.naive_book import NaiveBook, rows_of

pytestmark = pytest.mark.realdata
BEST_EVERY, FULL_EVERY = 5, 400  # messages between comparisons of the best prices, of the whole book


def replay_both(events: Events) -> tuple[Book, NaiveBook]:
    """Message by message; states compared after each, best prices often, all levels now and then and at the end."""
    book, naive, start, heard = Book(), NaiveBook(), 0, 0
    for stop, row in enumerate(rows_of(events), 1):
        naive.apply(row)
        if row[3] & LAST:
            book.apply(events.cut(start, stop))
            start, heard = stop, heard + 1
            assert (book.crossings, book.state.name) == (naive.crossings, naive.state)
            if heard % BEST_EVERY == 0:
                assert (book.best_bid, book.best_ask) == (naive.best(1), naive.best(-1))
            if heard % FULL_EVERY == 0 or stop == events.rows:
                assert_levels(book, naive)
    assert start == events.rows
    return book, naive


def assert_levels(book: Book, naive: NaiveBook) -> None:
    for side in (1, -1):
        levels = book.levels(side)
        assert list(zip(levels.price_ticks.tolist(), levels.qty_lots.tolist(), strict=True)) == naive.levels(side)
        assert book.depth(side, levels=20) == naive.depth(side, 20)
        if naive.mid is not None:
            assert book.depth_within(side, bps=10.0) == naive.within(side, "10", mid=naive.mid)


@pytest.mark.parametrize("name", CAPTURES)
def test_equals_naive_book_on_binance(name: str, data_dir: Path) -> None:
    """No gap and no crossed book in any of the three, as their README says."""
    events, _ = read_recording(name, data_dir)
    levels = events.kind <= 2
    book, naive = replay_both(Events._make(column[levels] for column in events))
    assert (book.messages, book.gaps, book.crossings) == (naive.messages, 0, 0)
    assert book.messages > 3000


@pytest.fixture(scope="module")
def unpacked(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("venue_captures")
    with tarfile.open(data_dir / "08_venue_captures" / "cryptofeed_9venues.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.mark.parametrize("name", VENUES)
def test_equals_naive_book_on_every_venue(name: str, unpacked: Path) -> None:
    books = read(files(unpacked, name), VENUES[name], known=terms(name)).books
    of = {batch.instrument.id: [b.frame for b in books if b.instrument.id == batch.instrument.id] for batch in books}
    assert of
    for frames in of.values():
        book, stop = Book(), 0
        naive = NaiveBook()
        for frame in frames:
            events = Events.from_frame(frame)
            rows = rows_of(events)
            for start in range(0, len(rows), 997):
                stop = min(start + 997, len(rows))
                book.apply(events.cut(start, stop))
                for row in rows[start:stop]:
                    naive.apply(row)
                assert (book.best_bid, book.best_ask, book.state.name) == (naive.best(1), naive.best(-1), naive.state)
        assert_levels(book, naive)
        assert (book.messages, book.crossings) == (naive.messages, naive.crossings)
