"""Disparity of two markets from its definition, moment by moment: the slow twin of `counterpoise.flow.cross.disparity`."""

from __future__ import annotations

from itertools import pairwise
from math import log
from typing import Any

Quote = tuple[int, float | None, float | None]  # ts, bid, ask in the common currency


def naive_disparity(
    a: list[Quote], b: list[Quote], *, edges: list[int], fee_a: float, fee_b: float
) -> tuple[list[dict[str, Any]], list[tuple[int, int, int, str]]]:
    """Bins between edges, and episodes as (start, end, way, how it ended); way 0 buys in a."""
    moments = sorted({ts for ts, _, _ in a + b})
    first = next(i for i, edge in enumerate(edges) if edge > moments[0]) - 1
    cuts = sorted({*moments, *edges[first + 1 :]})
    stretches = []
    for since, until in pairwise(cuts):
        qa, qb = standing(a, since), standing(b, since)
        stretches.append((since, until, values(qa, qb, fee_a, fee_b)))
    bins = [one_bin(since, until, stretches) for since, until in pairwise(edges[first:])]
    return bins, [episode for way in (0, 1) for episode in episodes(stretches, way)]


def standing(quotes: list[Quote], ts: int) -> Quote | None:
    held = [quote for quote in quotes if quote[0] <= ts]
    return held[-1] if held else None


def values(qa: Quote | None, qb: Quote | None, fee_a: float, fee_b: float) -> tuple[float, float, float] | None:
    if qa is None or qb is None or None in qa or None in qb:
        return None
    (_, bid_a, ask_a), (_, bid_b, ask_b) = qa, qb
    assert bid_a is not None
    assert ask_a is not None
    assert bid_b is not None
    assert ask_b is not None
    mid = 1e4 * log((bid_a + ask_a) / (bid_b + ask_b))
    return (
        mid,
        1e4 * (bid_b * (1 - fee_b) / (ask_a * (1 + fee_a)) - 1),
        1e4 * (bid_a * (1 - fee_a) / (ask_b * (1 + fee_b)) - 1),
    )


def one_bin(begin: int, end: int, stretches: list[Any]) -> dict[str, Any]:
    inside = [(until - since, held) for since, until, held in stretches if begin <= since < end]
    sound = [(length, held) for length, held in inside if held is not None]
    total = sum(length for length, _ in sound)
    out: dict[str, Any] = {"ts": end, "sound_share": total / (end - begin)}
    for at, name in enumerate(("mid", "ab", "ba")):
        out[name] = sum(length * held[at] for length, held in sound) / total if total else None
        out[f"{name}_max"] = max((held[at] for _, held in sound), default=None)
        out[f"{name}_share"] = sum(length for length, held in sound if held[at] > 0) / total if total else None
    return out


def episodes(stretches: list[Any], way: int) -> list[tuple[int, int, int, str]]:
    out, start = [], None
    for since, _, held in stretches:
        positive = held is not None and held[1 + way] > 0
        if positive and start is None:
            start = since
        if not positive and start is not None:
            out.append((start, since, way, "unsound" if held is None else "ended"))
            start = None
    return [*out, (start, stretches[-1][1], way, "open")] if start is not None else out
