"""The kernel of cascades against its slow twin, on random small markets with every lever."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from counterpoise.market.book import grow_ladder, new_ladder
from counterpoise.sim.kernels import cascade as steps
from counterpoise.sim.kernels import cascade_codes as codes
from counterpoise.sim.kernels import deleveraging
from counterpoise.sim.kernels import liquidation as books
from reference.naive_cascade import Account, NaiveCascade
from reference.naive_coin_cascade import NaiveCoinCascade, coin_account

PLAN = {
    "side": codes.SIDE,
    "start": codes.START,
    "shock_keys": codes.SHOCK_KEYS,
    "shock_steps": codes.SHOCK_STEPS,
    "fee_ppm": codes.FEE_PPM,
    "adl_rule": codes.ADL_RULE,
    "rerank": codes.RERANK,
    "throttle": codes.THROTTLE,
    "band": codes.BAND,
    "auction_ticks": codes.AUCTION_TICKS,
    "window": codes.WINDOW,
    "halt": codes.HALT,
    "factor_after": codes.FACTOR_AFTER,
    "backstop": codes.BACKSTOP,
    "backstop_discount": codes.BACKSTOP_DISCOUNT,
    "fraction_ppm": codes.FRACTION_PPM,
    "coin": codes.COIN,
}
PATH = {
    "mark": codes.P_MARK,
    "triggered": codes.P_TRIGGERED,
    "book": codes.P_BOOK,
    "backstop": codes.P_BACKSTOP,
    "adl": codes.P_ADL,
    "queued": codes.P_QUEUED,
    "fund": codes.P_FUND,
    "halted": codes.P_HALTED,
    "value": codes.P_VALUE,
}
TIERS = [(0, 0.01, 0.0), (40_000, 0.03, 800.0), (90_000, 0.1, 7_100.0)]
STEPS = 40


def random_case(seed: int, *, inverse: bool) -> dict[str, Any]:
    """A lot is worth about 1,000 units of money whatever the contract."""
    draw = np.random.default_rng(seed)
    side = int(draw.choice([1, -1]))
    start = side * 1000

    def maybe(value: int) -> int:
        return value if draw.random() < 0.5 else codes.NONE

    plan = {
        "side": side,
        "start": start,
        "shock_keys": int(draw.integers(1, 150)),
        "shock_steps": int(draw.integers(1, 6)),
        "fee_ppm": int(draw.integers(0, 20_000)),
        "adl_rule": int(draw.integers(-1, 3)),
        "rerank": int(draw.integers(1, 40)),
        "throttle": maybe(int(draw.integers(1, 400))),
        "band": maybe(int(draw.integers(1, 30))),
        "auction_ticks": maybe(int(draw.integers(5, 80))),
        "window": int(draw.integers(1, 4)),
        "halt": int(draw.integers(1, 5)),
        "factor_after": maybe(int(draw.integers(10, 100))),
        "backstop": int(draw.choice([0, 300])),
        "backstop_discount": int(draw.integers(0, 30_000)),
        "fraction_ppm": int(draw.choice([1_000_000, 300_000])),
        "coin": int(draw.integers(990_000, 1_010_000)) if inverse else 0,
    }
    return {
        "plan": plan,
        "accounts": [random_account(draw, start) for _ in range(int(draw.integers(0, 60)))],
        "full": draw.integers(0, int(draw.choice([2, 30])), 700).tolist(),
        "fund": int(draw.choice([0, 3_000, 10**9])),
        "factor": float(draw.choice([0.5, 2.0])),
        "refill_keep": float(draw.choice([1.0, 0.9, 0.5])),
        "keys_per_lot": float(draw.choice([0.0, 0.02])),
        "shares": [0.3, 0.7],
        "keeps": [1.0, 0.8],
    }


def random_account(draw: np.random.Generator, start: int) -> tuple[int, bool, int, int, int]:
    lots, entry = int(draw.integers(1, 120)), start + int(draw.integers(-40, 40))
    taker = bool(draw.random() < 0.6)
    gain = lots * (start - entry) * (1 if taker else -1)
    collateral = max(1, int(lots * 1000 * draw.uniform(0.005, 0.4)) - gain) - (lots * 60 if draw.random() < 0.05 else 0)
    return lots, taker, entry, collateral, int(draw.integers(1000, 50_000))


def accounts_of(case: dict[str, Any]) -> list[Account]:
    side, coin = case["plan"]["side"], case["plan"]["coin"]
    if not coin:
        return [Account(*row) for row in case["accounts"]]
    costs = [lots * coin // abs(entry) + lots % 7 for lots, _, entry, _, _ in case["accounts"]]
    return [
        coin_account(lots, taker, cost, collateral, weighting, side=side, coin=coin)
        for (lots, taker, _, collateral, weighting), cost in zip(case["accounts"], costs, strict=True)
    ]


def by_kernel(case: dict[str, Any], *, cuts: tuple[int, ...] = (0,)) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    plan = np.zeros(codes.PLAN_SIZE, np.int64)
    for name, at in PLAN.items():
        plan[at] = case["plan"][name]
    side, start, coin = (case["plan"][name] for name in ("side", "start", "coin"))
    columns = np.zeros((books.INVERSE_FIELDS if coin else books.ACCOUNT_FIELDS, len(case["accounts"])), np.int64)
    for i, a in enumerate(accounts_of(case)):
        columns[: books.NEXT, i] = a.lots, a.taker, a.entry, a.collateral
        columns[books.WEIGHTING, i] = a.weighting
        if coin:
            columns[books.BASIS, i] = -side * a.cost
    state = np.zeros(books.STATE_SIZE, np.int64)
    books.open_state(state, case["fund"], start)
    floors, rates, cums = (np.array(column) for column in zip(*TIERS, strict=True))
    full = np.array(case["full"], np.int64)
    book, heads = grow_ladder(new_ladder()), np.empty(len(full), np.int64)
    assert steps.load_levels(book, (1 - side) // 2, full, start, 0) == len(full)
    books.fill_lists(columns, state, heads, rates, cums, 1.0, side, coin, start)
    path, by_tier = np.zeros((STEPS, codes.PATH_FIELDS), np.int64), np.zeros((STEPS, len(TIERS)), np.int64)
    count = columns.shape[1]
    arrays = (
        book,
        full,
        columns,
        state,
        heads,
        np.empty(count, np.int64),
        np.empty(count),
        path,
        by_tier,
        plan,
        rates,
        cums,
        floors,
        np.zeros(2),
        np.array(case["shares"]),
        np.array(case["keeps"]),
        case["keys_per_lot"],
        case["refill_keep"],
        case["factor"],
    )
    for begin, end in pairwise((*cuts, STEPS)):
        steps.run_steps(*arrays, begin, end)
    return path, by_tier, columns, state


def by_twin(case: dict[str, Any]) -> tuple[NaiveCascade, list[dict[str, int]]]:
    given = {name: case[name] for name in ("plan", "full", "fund", "shares", "keeps", "keys_per_lot", "refill_keep", "factor")}
    kind = NaiveCoinCascade if case["plan"]["coin"] else NaiveCascade
    twin = kind(accounts=accounts_of(case), tiers=TIERS, **given)
    return twin, twin.run(STEPS)


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("block", range(6))
def test_kernel_equals_naive_twin(block: int, inverse: bool) -> None:
    deleveraged = halted = 0
    for seed in range(20 * block, 20 * block + 20):
        case = random_case(seed, inverse=inverse)
        path, by_tier, columns, state = by_kernel(case)
        twin, rows = by_twin(case)
        for name, at in PATH.items():
            assert path[:, at].tolist() == [row[name] for row in rows], (seed, name)
        assert by_tier.tolist() == [[row.get(f"tier{k}", 0) for k in range(len(TIERS))] for row in rows], seed
        for name, at in (
            ("lots", books.LOTS),
            ("collateral", books.COLLATERAL),
            ("order_lots", books.ORDER_LOTS),
            ("owed", books.OWED),
        ):
            assert columns[at].tolist() == [getattr(a, name) for a in twin.accounts], (seed, name)
        if inverse:
            assert np.abs(columns[books.BASIS]).tolist() == [a.cost for a in twin.accounts], seed
        for name, at in (("adl_lots", books.ADL_LOTS), ("adl_value", books.ADL_VALUE)):
            assert columns[at].tolist() == [getattr(a, name) for a in twin.accounts], (seed, name)
        assert state[books.MARKET_CASH : books.BACKSTOP_LOTS + 1].tolist() == [*twin.market, *twin.backstop], seed
        deleveraged += int(path[:, codes.P_ADL].sum())
        halted += int(path[:, codes.P_HALTED].sum())
    assert deleveraged
    assert halted


def test_steps_one_by_one_equal_all_at_once() -> None:
    for seed in range(6):
        case = random_case(seed, inverse=bool(seed % 2))
        whole, cut = by_kernel(case), by_kernel(case, cuts=(0, 1, 2, 9, 20))
        assert all((a == b).all() for a, b in zip(whole, cut, strict=True))


def test_ranking_of_many_equals_naive_sort() -> None:
    """More counterparties than one ranking holds: the first ones, in order."""
    draw = np.random.default_rng(3)
    n = 30_000
    columns = np.zeros((books.ACCOUNT_FIELDS, n), np.int64)
    columns[books.LOTS] = draw.integers(0, 50, n)
    columns[books.ENTRY] = draw.integers(800, 1200, n)
    columns[books.COLLATERAL] = draw.integers(1, 20_000, n)
    state, ranking, scores = np.zeros(books.STATE_SIZE, np.int64), np.empty(n, np.int64), np.empty(n)
    count = deleveraging.rank_counterparties(columns, state, ranking, scores, 1000, 1020, 0, 0)
    lots, entry, collateral = (columns[f].astype(float) for f in (books.LOTS, books.ENTRY, books.COLLATERAL))
    held = np.flatnonzero((lots > 0) & (entry > 1000) & (entry >= 1020))
    value = (entry - 1000) / entry * (lots * 1000) / (collateral + lots * (entry - 1000))
    expected = held[np.lexsort((held, -value[held]))]
    assert 8192 <= count < len(held)
    assert ranking[:count].tolist() == expected[:count].tolist()
    assert state[books.TOP_ENTRY] == int(entry[lots > 0].max())
