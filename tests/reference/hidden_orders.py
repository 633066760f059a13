"""Children of a large order put into a clean stream as prints: nobody reacts, the book stays as it was, the prints are seen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

import numpy as np

from counterpoise.market.event import FIRST, LAST, TRADE, Events

_NS: Final = 1_000_000_000


class Children(NamedTuple):
    """When they trade [ns at the venue], ascending, and how much each."""

    ts: np.ndarray
    lots: np.ndarray


Disguise = Callable[[np.random.Generator, int, int, int, int], Children]  # draw, start [ns], end [ns], total lots, count


def cut_evenly(total: int, count: int) -> np.ndarray:
    """Whole lots that differ by one at most; the larger first."""
    lots = np.full(count, total // count)
    lots[: total % count] += 1
    return lots


def cut_like(draw: np.random.Generator, total: int, sizes: np.ndarray) -> np.ndarray:
    """Sizes drawn from those of ordinary orders until the total is reached; the last is what is left."""
    drawn = draw.choice(sizes, size=4 * int(np.ceil(total / sizes.mean())) + 64)
    held = np.cumsum(drawn)
    count = int(np.searchsorted(held, total, side="left")) + 1
    lots = drawn[:count].copy()
    lots[-1] -= held[count - 1] - total
    return lots


def on_clock(draw: np.random.Generator, start: int, end: int, count: int) -> np.ndarray:
    """One each (end − start)/count, to the millisecond or so."""
    step = (end - start) / count
    late = np.minimum(draw.lognormal(np.log(2e6), 0.4, count), 0.4 * step)
    return start + (np.arange(count) * step + late).astype(np.int64)


def at_random(draw: np.random.Generator, start: int, end: int, count: int) -> np.ndarray:
    """Uniform, without a clock."""
    return np.sort(draw.integers(start, end, count))


def twap(draw: np.random.Generator, start: int, end: int, total: int, count: int) -> Children:
    """Fixed size, fixed clock: the naive TWAP. All children but the last have one size."""
    lots = np.full(count, total // count)
    lots[-1] += total % count
    return Children(on_clock(draw, start, end, count), lots)


def sizes_disguised(draw: np.random.Generator, start: int, end: int, total: int, count: int, sizes: np.ndarray) -> Children:
    """Fixed clock, sizes of ordinary orders."""
    lots = cut_like(draw, total, sizes)
    return Children(on_clock(draw, start, end, len(lots)), lots)


def times_disguised(draw: np.random.Generator, start: int, end: int, total: int, count: int) -> Children:
    """Fixed size, no clock."""
    children = twap(draw, start, end, total, count)
    return Children(at_random(draw, start, end, count), children.lots)


def randomised(draw: np.random.Generator, start: int, end: int, total: int, count: int, sizes: np.ndarray) -> Children:
    """No clock, sizes of ordinary orders."""
    lots = cut_like(draw, total, sizes)
    return Children(at_random(draw, start, end, len(lots)), lots)


def few_and_large(draw: np.random.Generator, start: int, end: int, total: int, count: int, sizes: np.ndarray) -> Children:
    """No clock, sizes of ordinary orders weighed by themselves, none above a twentieth of the total: where flow is noisiest."""
    able = sizes[sizes <= max(total // 20, sizes.min())]
    lots = cut_like(draw, total, draw.choice(able, size=len(able), p=able / able.sum()))
    return Children(at_random(draw, start, end, len(lots)), lots)


def disguises(sizes: np.ndarray) -> dict[str, Disguise]:
    """By name: what repeats and what does not."""
    return {
        "twap": twap,
        "times random": times_disguised,
        "sizes random": partial(sizes_disguised, sizes=sizes),
        "both random": partial(randomised, sizes=sizes),
        "both random, large": partial(few_and_large, sizes=sizes),
    }


def with_children(events: Events, children: Children, *, side: int) -> Events:
    """The stream with a print for each child, when a row of its time would have reached us; prices are the last print's."""
    trades = np.flatnonzero(events.kind == TRADE)
    order = np.argsort(children.ts, kind="stable")
    ts, lots = children.ts[order], children.lots[order]
    at = np.searchsorted(events.ts_venue, ts, side="right")
    before = np.clip(np.searchsorted(trades, at) - 1, 0, len(trades) - 1)
    local = np.where(at > 0, events.ts_local[np.maximum(at - 1, 0)], events.ts_local[0])
    new = Events(
        ts_local=local,
        ts_venue=ts,
        seq=np.zeros(len(ts), np.int64),
        id=np.full(len(ts), -1),
        kind=np.full(len(ts), TRADE),
        side=np.full(len(ts), side),
        flags=np.full(len(ts), FIRST | LAST),
        price_ticks=events.price_ticks[trades[before]],
        qty_lots=lots,
    )
    return Events._make(np.insert(old, at, column.astype(old.dtype)) for old, column in zip(events, new, strict=True))


def in_a_row(runs: list[Events]) -> Events:
    """Prints of runs one behind the other, a minute between."""
    parts, now = [], 0
    for run in runs:
        traded = run.kind == TRADE
        prints = Events._make(np.ascontiguousarray(column[traded]) for column in run)
        shift = now - int(prints.ts_local[0]) if now else 0
        parts.append(prints._replace(ts_local=prints.ts_local + shift, ts_venue=prints.ts_venue + shift))
        now = int(parts[-1].ts_local[-1]) + 60 * _NS
    return Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))
