"""An order book of single orders that writes LOBSTER files, and the reading of an orderbook file row by row."""

from __future__ import annotations

from collections import Counter

import numpy as np

Book = dict[tuple[int, int], int]
EMPTY = {1: -9999999999, -1: 9999999999}


def market(rng: np.random.Generator, *, rows: int, depth: int, halts: bool = False) -> tuple[list[str], list[str]]:
    """Random submissions, cancels, executions and halts; the levels within `depth` after each."""
    orders: dict[int, list[int]] = {}  # id -> side, price, size
    messages, levels, halted = [], [], False
    time_ns = 34_200_000_000_000
    for number in range(1, rows + 1):
        time_ns += int(rng.integers(0, 3)) * int(rng.integers(1, 10**8))
        if halts and rng.random() < 0.05:
            halted = not halted
            fields = [7, 0, 0, -1 if halted else int(rng.integers(0, 2)), -1]
        else:
            fields = _act(rng, orders, number)
        messages.append(f"{time_ns // 10**9}.{time_ns % 10**9:09d},{','.join(map(str, fields))}")
        levels.append(_levels(orders, depth))
    return messages, levels


def _act(rng: np.random.Generator, orders: dict[int, list[int]], number: int) -> list[int]:
    if not orders or rng.random() < 0.5:
        side = int(rng.choice([1, -1]))
        orders[number] = [side, 1_000_000 - side * 100 * int(rng.integers(1, 12)), int(rng.integers(1, 300))]
        return [1, number, orders[number][2], orders[number][1], side]
    key = int(rng.choice(list(orders)))
    side, price, size = orders[key]
    kind = int(rng.choice([2, 3, 4, 5]))
    part = size if kind == 3 else int(rng.integers(1, size + 1))
    if kind != 5:  # hidden executions leave the visible book alone
        orders[key][2] -= part
        if not orders[key][2]:
            del orders[key]
    return [kind, key, part, price, side]


def _levels(orders: dict[int, list[int]], depth: int) -> str:
    total: Counter[tuple[int, int]] = Counter()
    for side, price, size in orders.values():
        total[side, price] += size
    best = {side: sorted((p for s, p in total if s == side), key=lambda p: -side * p)[:depth] for side in (1, -1)}
    fields = []
    for i in range(depth):
        for side in (-1, 1):
            there = i < len(best[side])
            fields += [best[side][i], total[side, best[side][i]]] if there else [EMPTY[side], 0]
    return ",".join(map(str, fields))


def book_of(line: str, *, per_tick: int) -> Book:
    """Levels of one line of an orderbook file."""
    numbers = [int(text) for text in line.split(",")]
    out = {}
    for i in range(0, len(numbers), 4):
        for side, price, size in ((-1, *numbers[i : i + 2]), (1, *numbers[i + 2 : i + 4])):
            if size:
                out[side, price // per_tick] = size
    return out
