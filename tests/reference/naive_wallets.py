"""Entities of a transfer graph from their definitions, in sets, dictionaries and Fractions: the slow twin of `flow.wallets`."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations, pairwise
from math import log2
from statistics import fmean, pstdev
from typing import NamedTuple

Edge = tuple[str, str, int | None, float | None]  # src, dst, time, value
Link = dict[tuple[str, str, str], float]  # a < b, rule → weight


class Naive(NamedTuple):
    """Who is a hub, what links whom, and what each entity of given members looks like."""

    hubs: set[str]
    links: Link
    edges: list[Edge]
    timed: bool


def naive_links(
    edges: Iterable[Edge],
    *,
    hub_degree: int,
    exchanges: Iterable[str] = (),
    deposit_senders: int,
    min_shared: int,
    min_jaccard: float,
) -> Naive:
    held = [e for e in edges if e[0] != e[1]]
    timed = bool(held) and all(e[2] is not None for e in held)
    held = list(dict.fromkeys(held)) if timed else held
    near: dict[str, set[str]] = defaultdict(set)
    for src, dst, *_ in held:
        near[src].add(dst)
        near[dst].add(src)
    hubs = {a for a in near if len(near[a]) > hub_degree} | (set(exchanges) & set(near))
    links: Link = {}
    for src, dst in {(e[0], e[1]) for e in held}:
        if not {src, dst} & hubs:
            _add(links, src, dst, "transfer")
    for address in near:
        for rule, at, other in (("funder", 1, 0), ("sweep", 0, 1)):
            found = _edge_of(held, address, at, other, timed=timed, last=rule == "sweep")
            if len(found) == 1 and not (found | {address}) & hubs:
                _add(links, address, *found, rule)
        paid_by = {e[0] for e in held if e[1] == address} - hubs
        pays = {e[1] for e in held if e[0] == address}
        if pays and pays <= hubs and address not in hubs and 2 <= len(paid_by) <= deposit_senders:
            for sender in paid_by:
                _add(links, sender, address, "deposit")
    for a, b in combinations(sorted(set(near) - hubs), 2):
        common, either = (near[a] & near[b]) - hubs, (near[a] | near[b]) - hubs
        if len(common) >= min_shared:
            jaccard = _busy(common, near) / _busy(either, near)
            if jaccard >= min_jaccard:
                links[a, b, "counterparties"] = jaccard
    return Naive(hubs, links, held, timed)


def _add(links: Link, one: str, other: str, rule: str) -> None:
    key = (min(one, other), max(one, other), rule)
    links[key] = links.get(key, 0.0) + 1.0


def _edge_of(edges: list[Edge], address: str, at: int, other: int, *, timed: bool, last: bool) -> set[str]:
    own = [e for e in edges if e[at] == address]
    if timed and own:
        when = (max if last else min)(e[2] for e in own if e[2] is not None)
        own = [e for e in own if e[2] == when]
    return {str(e[other]) for e in own}


def _busy(addresses: set[str], near: dict[str, set[str]]) -> float:
    return sum(1 / log2(2 + len(near[a])) for a in addresses)


def naive_parts(pairs: Iterable[tuple[str, str]], nodes: Iterable[str], *, strong: bool) -> set[frozenset[str]]:
    """Components: who reaches whom, and back."""
    ways: dict[str, set[str]] = defaultdict(set)
    for a, b in pairs:
        ways[a].add(b)
        if not strong:
            ways[b].add(a)
    reach = {v: _reached(v, ways) for v in nodes}
    return {frozenset(u for u in reach[v] if v in reach[u]) for v in reach}


def _reached(start: str, ways: dict[str, set[str]]) -> set[str]:
    seen, todo = {start}, [start]
    while todo:
        new = ways[todo.pop()] - seen
        seen |= new
        todo.extend(new)
    return seen


def naive_evidence(naive: Naive, members: frozenset[str]) -> dict[str, float | int | None]:
    """The evidence of one entity."""
    n = len(members)
    ends = {frozenset(e[:2]) for e in naive.edges}
    inside = {p for p in ends if p <= members}
    degree = Counter(a for p in inside for a in p)
    most = max(degree.values(), default=0)
    outside = Counter(o for p in ends if len(p & members) == 1 for o in p - members if o not in naive.hubs)
    return {
        "size": n,
        "pairs": len(inside),
        "transfers": sum(set(e[:2]) <= members for e in naive.edges),
        "density": float(Fraction(2 * len(inside), n * (n - 1))),
        "cohesion": float(Fraction(len(inside), sum(bool(p & members) for p in ends))),
        "star": float(Fraction(n * most - 2 * len(inside), (n - 1) * (n - 2))) if n > 2 else None,
        "regularity": _regularity(naive, members),
        "common": float(Fraction(sum(k > 1 for k in outside.values()), len(outside))) if outside else None,
    }


def _regularity(naive: Naive, members: frozenset[str]) -> float | None:
    if not naive.timed:
        kinds = Counter(
            (len({e[0] for e in naive.edges if e[1] == a}), len({e[1] for e in naive.edges if e[0] == a})) for a in members
        )
        return max(kinds.values()) / len(members)
    first = [min((e for e in naive.edges if e[1] == a), key=lambda e: e[2] or 0, default=None) for a in members]
    funded = sorted((e[2] or 0, e[3]) for e in first if e is not None)
    if len(funded) < 4:
        return None
    parts = [_even([float(b[0] - a[0]) for a, b in pairwise(funded)])]
    values = [v for _, v in funded if v is not None]
    if len(values) == len(funded):
        parts.append(_even(values))
    return fmean(parts)


def _even(numbers: list[float]) -> float:
    return 1.0 if pstdev(numbers) == 0 else 1 / (1 + pstdev(numbers) / fmean(numbers)) if fmean(numbers) else 0.0


def naive_gini(amounts: list[int]) -> Fraction:
    n = len(amounts)
    return Fraction(sum(abs(x - y) for x in amounts for y in amounts), 2 * n * sum(amounts))
