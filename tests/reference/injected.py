"""Episodes of manipulation put into a clean stream, that stays one a venue could have sent: whole messages, in order, one book.

Injected size lies over the book as it was: every later row of that level tells of both. Depth and trades only; the ticker's
quotes, which say where the touch is, are left out of what is returned.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.book import Book
from counterpoise.market.event import DELTA, FIRST, LAST, QUOTE, SNAPSHOT, TRADE, Events

_WARM_UP_NS: Final = 90 * SECOND_NS
_TRIES: Final = 500


class Episode(NamedTuple):
    """What was put in: from, to [ns], side, and its price [ticks], 0 where it has none of its own."""

    start_ns: int
    end_ns: int
    side: int
    price: int


class Clean:
    """A stream with quotes, and where its touch was."""

    def __init__(self, events: Events) -> None:
        quotes = events.kind == QUOTE
        self.events = Events._make(np.ascontiguousarray(column[~quotes]) for column in events)
        self.touch = {side: self._best(events, quotes & (events.side == side)) for side in (1, -1)}
        book = self.events.kind <= SNAPSHOT
        self._rows = np.flatnonzero(book)
        self._order = np.lexsort((self._rows, self.events.price_ticks[book], self.events.side[book]))
        self._keys = [
            (int(self.events.side[row]), int(self.events.price_ticks[row]), int(row)) for row in self._rows[self._order]
        ]

    @staticmethod
    def _best(events: Events, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return events.ts_local[rows], events.price_ticks[rows]

    def best(self, side: int, ts: int) -> int:
        times, prices = self.touch[side]
        return int(prices[max(np.searchsorted(times, ts, side="right") - 1, 0)])

    def reach(self, side: int, start: int, end: int) -> tuple[int, int]:
        """Least and greatest best price from start to end."""
        times, prices = self.touch[side]
        first, last = max(np.searchsorted(times, start, side="right") - 1, 0), np.searchsorted(times, end, side="right")
        return int(prices[first:last].min()), int(prices[first:last].max())

    def rows_of(self, side: int, price: int) -> np.ndarray:
        """Rows that tell of a level."""
        first, last = bisect_left(self._keys, (side, price, -1)), bisect_left(self._keys, (side, price + 1, -1))
        return self._rows[self._order[first:last]]

    def starts(self, draw: np.random.Generator, count: int) -> list[int]:
        """Times with a like distance from each other, the first after a warm-up."""
        first, last = int(self.events.ts_local[0]) + _WARM_UP_NS, int(self.events.ts_local[-1]) - 45 * SECOND_NS
        step = (last - first) // count
        return [first + i * step + int(draw.integers(0, max(step // 4, 1))) for i in range(count)]


class Writer:
    """Collects messages and level sizes that lie over a clean stream, and makes one stream of both."""

    def __init__(self, clean: Clean) -> None:
        self.clean = clean
        self.lots = clean.events.qty_lots.copy()
        self.messages: list[tuple[int, int, list[tuple[int, int, int]]]] = []  # ts, kind, (side, price, lots)

    def say(self, ts: int, kind: int, levels: list[tuple[int, int, int]]) -> None:
        self.messages.append((ts, kind, levels))

    def over(self, side: int, price: int, steps: list[tuple[int, int]]) -> None:
        """Lots over a level from each time on; the last step brings it back to none."""
        events = self.clean.events
        rows = self.clean.rows_of(side, price)
        ts = events.ts_local[rows]
        times, sizes = np.array([t for t, _ in steps]), np.array([0, *(lots for _, lots in steps)])
        self.lots[rows] += sizes[np.searchsorted(times, ts, side="left")]
        for when, lots in steps:
            before = np.searchsorted(ts, when, side="right") - 1
            held = int(events.qty_lots[rows[before]]) if before >= 0 else 0
            self.say(when, DELTA, [(side, price, held + lots)])

    def trade(self, ts: int, side: int, price: int, lots: int) -> None:
        self.say(ts, TRADE, [(side, price, lots)])

    def events(self) -> Events:
        clean = self.clean.events._replace(qty_lots=self.lots)
        if not self.messages:
            return clean
        self.messages.sort(key=lambda message: message[0])
        at = np.searchsorted(clean.ts_local, [ts for ts, _, _ in self.messages], side="right")
        rows, places, same = [], [], 0
        for i, (ts, kind, levels) in enumerate(self.messages):
            same = same + 1 if i and at[i] == at[i - 1] else 1
            venue = int(clean.ts_venue[at[i] - 1]) + same
            for j, (side, price, lots) in enumerate(levels):
                flags = FIRST * (j == 0) | LAST * (j == len(levels) - 1)
                rows.append((ts, venue, 0, -1, kind, side, flags, price, lots))
                places.append(at[i])
        columns = zip(*rows, strict=True)
        out = Events._make(np.insert(c, places, np.array(new, c.dtype)) for c, new in zip(clean, columns, strict=True))
        return out._replace(seq=np.cumsum(out.flags & FIRST).astype(np.int64))


def icebergs(
    clean: Clean, draw: np.random.Generator, *, count: int, refills: int, latency_ns: int = 0
) -> tuple[Events, list[Episode]]:
    """Orders at the touch that show one tip, are sold or bought tip by tip, and show it again, at once or after a latency."""
    writer, episodes = Writer(clean), []
    trades = clean.events.kind == TRADE
    tip_sizes = clean.events.qty_lots[trades]
    for begin in clean.starts(draw, count):
        side, tip = int(draw.choice((1, -1))), max(int(draw.choice(tip_sizes)), 10)
        for start in _later(begin):
            times = start + np.cumsum(latency_ns + draw.integers(3 * MS_NS, 15 * MS_NS, refills + 1))
            end = int(times[-1]) + 2 * MS_NS
            price = clean.reach(side, start, end)[side > 0]  # the best that others bid meanwhile: it holds the touch
            if _stays_beyond(clean, -side, price, start, end):
                break
        else:
            continue
        steps = [(start, tip)]
        for i, when in enumerate(times.tolist()):
            writer.trade(when, -side, price, tip)
            if i == refills:
                steps.append((when + MS_NS, 0))
            elif latency_ns:
                steps += [(when + MS_NS, 0), (when + MS_NS + latency_ns, tip)]
            else:
                steps.append((when + MS_NS, tip))
        writer.over(side, price, steps)
        episodes.append(Episode(start, end, side, price))
    return writer.events(), episodes


def spoofs(
    clean: Clean, draw: np.random.Generator, *, count: int, times_large: float, levels: int = 1
) -> tuple[Events, list[Episode]]:
    """Large size behind the touch, a small order of the same hand executed on the other side, and the pull 20 to 120 ms later.

    It is `times_large` times the size that one clean posting in a hundred has.
    """
    writer, episodes = Writer(clean), []
    large = times_large * _large_posting(clean.events)
    for begin in clean.starts(draw, count):
        side = int(draw.choice((1, -1)))
        far = np.sort(draw.choice(np.arange(2, 15), levels, replace=False))
        life, pull = int(draw.integers(400 * MS_NS, 2500 * MS_NS)), int(draw.integers(20 * MS_NS, 120 * MS_NS))
        for start in _later(begin):
            touch = clean.best(side, start)
            own = clean.reach(side, start, start + life + pull)
            worst = own[0] if side > 0 else own[1]
            nearest = touch - side * int(far[0])
            done = start + life
            other = clean.best(-side, done)
            apart = _stays_beyond(clean, side, other, done - 5 * MS_NS, done + MS_NS)  # the small order crosses nothing
            if apart and side * (worst - nearest) > 0 and _stays_beyond(clean, -side, nearest, start, done + pull):
                break
        else:
            continue
        prices = [touch - side * int(ticks) for ticks in far]
        for price in prices:
            lots = int(large * draw.uniform(0.8, 1.25))
            writer.over(side, price, [(start, lots), (done + pull, 0)])
        small = max(int(large / 20), 1)
        writer.over(-side, other, [(done - 5 * MS_NS, small), (done + MS_NS, 0)])
        writer.trade(done, side, other, small)
        episodes.append(Episode(start, done + pull, side, prices[0]))
    return writer.events(), episodes


def stuffings(
    clean: Clean, draw: np.random.Generator, *, count: int, times_usual: float, seconds: int = 2
) -> tuple[Events, list[Episode]]:
    """One lot posted and cancelled at one price behind the touch, `times_usual` as often as the book usually speaks."""
    writer, episodes = Writer(clean), []
    events = clean.events
    usual = (events.kind == DELTA).sum() / ((events.ts_local[-1] - events.ts_local[0]) / SECOND_NS)
    for begin in clean.starts(draw, count):
        side, updates = int(draw.choice((1, -1))), int(usual * times_usual * seconds) // 2 * 2
        price = clean.reach(side, begin, begin + seconds * SECOND_NS)[side < 0] - side * 20
        times = begin + np.sort(draw.choice(seconds * SECOND_NS // 1000, updates, replace=False)) * 1000
        writer.over(side, price, [(int(ts), 1 - i % 2) for i, ts in enumerate(times)])
        episodes.append(Episode(int(times[0]), int(times[-1]), side, 0))
    return writer.events(), episodes


def washes(clean: Clean, draw: np.random.Generator, *, count: int, pairs: int) -> tuple[Events, list[Episode]]:
    """A buy and a sell of one size at one price within 5 to 50 ms, again and again; the size is that of some clean trade."""
    writer, episodes = Writer(clean), []
    sizes = clean.events.qty_lots[clean.events.kind == TRADE]
    for start in clean.starts(draw, count):
        price, lots = clean.best(1, start), int(draw.choice(sizes))
        ts = start
        for _ in range(pairs):
            first = int(draw.choice((1, -1)))
            writer.trade(ts, first, price, lots)
            ts += int(draw.integers(5 * MS_NS, 50 * MS_NS))
            writer.trade(ts, -first, price, lots)
            end = ts
            ts += int(draw.integers(50 * MS_NS, 300 * MS_NS))
        episodes.append(Episode(start, end, 0, price))
    return writer.events(), episodes


def ignitions(
    clean: Clean, draw: np.random.Generator, *, count: int, times_volume: float, sigmas: float
) -> tuple[Events, list[Episode]]:
    """A second of one-sided trades, a move of `sigmas` of a second's moves with it, and six seconds back to where it was.

    The whole book is moved, by a snapshot a fifth of a second; the rows between are moved alike.
    """
    events = clean.events
    trades = events.kind == TRADE
    usual = events.qty_lots[trades].sum() / ((events.ts_local[-1] - events.ts_local[0]) / SECOND_NS)
    grid = np.arange(int(events.ts_local[0]), int(events.ts_local[-1]), SECOND_NS)
    moves = np.diff([clean.best(1, int(ts)) for ts in grid])
    most = max(round(sigmas * float(moves.std())), 5)
    price, episodes, steps = events.price_ticks.copy(), [], []
    plan: list[tuple[int, int, int]] = []  # ts, offset, lots of the burst's trade
    for begin in clean.starts(draw, count):
        start, side = begin // SECOND_NS * SECOND_NS + SECOND_NS, int(draw.choice((1, -1)))
        up = [(start + i * 200 * MS_NS, side * most * (i + 1) // 5) for i in range(5)]
        down = [(start + 1_500 * MS_NS + i * 200 * MS_NS, side * most * (29 - i) // 30) for i in range(30)]
        plan += [(ts, offset, side * int(times_volume * usual / 5)) for ts, offset in up]
        plan += [(ts, offset, 0) for ts, offset in down]
        episodes.append(Episode(start, down[-1][0], side, 0))
        steps.append((start, down[-1][0]))
    times, offsets = np.array([p[0] for p in plan]), np.array([0, *(p[1] for p in plan)])
    price += offsets[np.searchsorted(times, events.ts_local, side="left")]
    moved = Clean.__new__(Clean)
    moved.events = events._replace(price_ticks=price)
    writer = Writer(moved)
    for (ts, offset, burst), levels in zip(plan, _books(events, times), strict=True):
        shifted = [(side, at + offset, lots) for side, at, lots in levels]
        writer.say(ts, SNAPSHOT, shifted)
        if burst:
            way = 1 if burst > 0 else -1
            other = [at for side, at, _ in shifted if side == -way]
            writer.trade(ts, way, min(other) if way > 0 else max(other), abs(burst))
    return writer.events(), episodes


def _books(events: Events, times: np.ndarray) -> Iterator[list[tuple[int, int, int]]]:
    """All levels as they stand after the rows up to each time."""
    book, done = Book(), 0
    for ts in times.tolist():
        until = int(np.searchsorted(events.ts_local, ts, side="right"))
        book.apply(events.cut(done, until))
        done = until
        sides = {side: book.levels(side) for side in (1, -1)}
        yield [
            (side, price, lots)
            for side, held in sides.items()
            for price, lots in zip(held.price_ticks.tolist(), held.qty_lots.tolist(), strict=True)
        ]


def _later(begin: int) -> Iterator[int]:
    """Times from `begin` on, until a place is found where the episode fits."""
    yield from (begin + i * 20 * MS_NS for i in range(_TRIES))


def _stays_beyond(clean: Clean, side: int, price: int, start: int, end: int) -> bool:
    """Whether a side's touch never comes to a price: an order of the other side there would cross the book."""
    low, high = clean.reach(side, start, end)
    return low > price if side < 0 else high < price


def _large_posting(events: Events) -> float:
    """Size that one increase of a level in a hundred has, over a sample of the levels."""
    rows = np.flatnonzero(events.kind == DELTA)[:200_000]
    order = rows[np.lexsort((rows, events.price_ticks[rows], events.side[rows]))]
    same = (np.diff(events.price_ticks[order]) == 0) & (np.diff(events.side[order].astype(int)) == 0)
    rises = np.diff(events.qty_lots[order])[same]
    return float(np.quantile(rises[rises > 0], 0.99))
