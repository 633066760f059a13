"""Pools: published numbers of the contracts, exact conservation, and recorded swaps."""

from __future__ import annotations

import tarfile
from fractions import Fraction
from math import isqrt
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.market.pool import (
    ConcentratedPool,
    ConstantProductPool,
    inventory_imbalance,
    loss_of_product_pool,
    range_value,
    sqrt_price_at,
    tick_at,
)
from counterpoise.market.pool.sqrt_price import MAX_TICK, PPM, Q96, next_price_from_input, swap_step

E18 = 10**18


def encoded(token1: int, token0: int) -> int:
    return isqrt((token1 << 192) // token0)


def test_ticks_are_those_of_the_contract() -> None:
    """v3-core TickMath: MIN_SQRT_RATIO and MAX_SQRT_RATIO."""
    assert sqrt_price_at(0) == Q96
    assert sqrt_price_at(-MAX_TICK) == 4295128739
    assert sqrt_price_at(MAX_TICK) == 1461446703485210103287273052203988822378723970342


@given(st.integers(-MAX_TICK, MAX_TICK - 1), st.floats(0, 1, exclude_max=True))
def test_a_price_lies_in_its_tick(tick: int, share: float) -> None:
    low, high = sqrt_price_at(tick), sqrt_price_at(tick + 1)
    assert tick_at(low + int((high - low) * Fraction(share))) == tick
    assert low / Q96 == pytest.approx(1.0001 ** (tick / 2), rel=1e-9)


@pytest.mark.parametrize(
    ("target", "exact_out", "expected"),
    [
        ((101, 100), False, (9975124224178055, 9925619580021728, 5988667735148)),
        ((101, 100), True, (9975124224178055, 9925619580021728, 5988667735148)),
        ((1_000, 100), False, (999400000000000000, 666399946655997866, 600000000000000)),
        ((10_000, 100), True, (2 * E18, E18, 1200720432259356)),
    ],
)
def test_steps_of_the_contracts_own_tests(target: tuple[int, int], exact_out: bool, expected: tuple[int, int, int]) -> None:
    """v3-core SwapMath specification: price 1, liquidity 2e18, amount 1e18, fee 600."""
    step = swap_step(Q96, encoded(*target), 2 * E18, E18, fee_ppm=600, exact_out=exact_out)
    assert (step.amount_in, step.amount_out, step.fee) == expected


def test_prices_of_the_contracts_own_tests() -> None:
    """v3-core SqrtPriceMath specification: .1 of either token into liquidity 1e18 at price 1."""
    assert next_price_from_input(Q96, E18, E18 // 10, zero_in=False) == 87150978765690771352898345369
    assert next_price_from_input(Q96, E18, E18 // 10, zero_in=True) == 72025602285694852357767227579


def test_constant_product_by_hand() -> None:
    """1,000 × 1,000 at .3 %: 100 in gives ⌊99.7 · 1000/1099.7⌋ = 90; 90 out costs ⌊1000 · 90/(910 · .997)⌋ + 1 = 100."""
    pool, swap = ConstantProductPool(1_000, 1_000).swap_in(100, zero_in=True)
    assert (swap.amount_out, swap.fee, pool.reserve0, pool.reserve1) == (90, 1, 1_100, 910)
    assert swap.impact == pytest.approx(910 / 1_100 - 1)
    assert ConstantProductPool(1_000, 1_000).swap_out(90, zero_in=True)[1].amount_in == 100


@given(st.integers(10**3, 10**24), st.integers(10**3, 10**24), st.integers(1, 10**24), st.booleans())
def test_a_constant_product_never_falls(x: int, y: int, amount: int, zero_in: bool) -> None:
    start = ConstantProductPool(x, y)
    pool, swap = start.swap_in(amount, zero_in=zero_in)
    assert pool.reserve0 * pool.reserve1 >= x * y
    assert min(pool.reserve0, pool.reserve1) > 0
    back, again = pool.swap_in(swap.amount_out, zero_in=not zero_in) if swap.amount_out else (pool, swap)
    assert again.amount_out <= amount or not swap.amount_out
    if swap.amount_out:
        assert start.swap_out(swap.amount_out, zero_in=zero_in)[1].amount_in <= amount + 1
    assert back.reserve0 * back.reserve1 >= x * y


def three_ranges(price_tick: int = 0) -> tuple[ConcentratedPool, list[tuple[int, int, int]]]:
    return ConcentratedPool.at(sqrt_price_at(price_tick)), [
        (-1_000, 1_000, 10**15),
        (-200, 300, 4 * 10**15),
        (300, 600, 10**16),
    ]


operations = st.lists(
    st.tuples(st.integers(1, 10**15), st.booleans(), st.booleans()), min_size=1, max_size=12
)  # amount, zero_in, exact_out


@given(operations, st.integers(-250, 550))
def test_every_unit_is_accounted_for(swaps: list[tuple[int, bool, bool]], price_tick: int) -> None:
    """What was paid in, less what came out, is what all positions take when they leave, up to one unit a rounding."""
    pool, ranges = three_ranges(price_tick)
    held, positions = [0, 0], []
    for each in ranges:
        pool, position, paid = pool.mint(*each)
        positions.append(position)
        held = [h + p for h, p in zip(held, paid, strict=True)]
    roundings = 4 * len(ranges)
    for amount, zero_in, exact_out in swaps:
        pool, swap = pool.swap(amount, zero_in=zero_in, exact_out=exact_out)
        held[1 - zero_in] += swap.amount_in
        held[zero_in] -= swap.amount_out
        assert swap.unfilled == amount - (swap.amount_out if exact_out else swap.amount_in)
        assert min(held) >= 0
        roundings += 4 * (swap.crossed + 1)
    for position in positions:
        pool, tokens, fees = pool.burn(position)
        held = [h - t - f for h, t, f in zip(held, tokens, fees, strict=True)]
    assert pool.ticks == {}
    assert pool.liquidity == 0
    assert min(held) >= 0
    assert max(held) <= roundings


@given(st.integers(10**6, 10**14), st.booleans())
def test_naive_swap_in_fractions(amount: int, zero_in: bool) -> None:
    """Across borders, without rounding: Δy = L Δ√P and Δx = L Δ(1/√P) range by range; ours gives a few units less."""
    pool, ranges = three_ranges()
    for each in ranges:
        pool, _, _ = pool.mint(*each)
    _, swap = pool.swap(amount, zero_in=zero_in)
    left, out, root, borders = Fraction(amount) * (PPM - 500) / PPM, Fraction(0), Fraction(1), sorted(pool.ticks)
    path = [b for b in reversed(borders) if b < 0] if zero_in else [b for b in borders if b > 0]
    for border in path:
        middle = sum(liquidity for low, high, liquidity in ranges if low < (border + 1 if zero_in else border) <= high)
        edge = Fraction(sqrt_price_at(border), Q96)
        room = middle * (1 / edge - 1 / root) if zero_in else middle * (edge - root)
        if left < room:
            end = 1 / (1 / root + left / middle) if zero_in else root + left / middle
            left = Fraction(0)
        else:
            end, left = edge, left - room
        out += middle * (root - end) if zero_in else middle * (1 / root - 1 / end)
        root = end
        if not left:
            break
    assert 0 <= out - swap.amount_out <= 4 * (swap.crossed + 1)


def test_crossing_by_hand() -> None:
    """Up through the border at 300 into the deep range: liquidity 5e15, then 1.1e16; back below it is 5e15 again."""
    pool, ranges = three_ranges()
    for each in ranges:
        pool, _, _ = pool.mint(*each)
    assert pool.liquidity == 5 * 10**15
    up, swap = pool.swap(2 * 10**14, zero_in=False)
    assert (up.liquidity, swap.crossed, 300 <= up.tick < 600) == (11 * 10**15, 1, True)
    assert swap.impact == pytest.approx(up.price / pool.price - 1)
    down, _ = up.swap(10**18, zero_in=True, limit=sqrt_price_at(250))
    assert (down.liquidity, down.tick, down.sqrt_price) == (5 * 10**15, 250, sqrt_price_at(250))


def test_a_swap_beyond_all_liquidity_says_what_is_left() -> None:
    pool, ranges = three_ranges()
    pool, _, _ = pool.mint(*ranges[0])
    end, swap = pool.swap(10**20, zero_in=True)
    assert swap.unfilled == 10**20 - swap.amount_in > 0
    assert (end.liquidity, end.tick, end.sqrt_price) == (0, -1_001, sqrt_price_at(-1_000))
    back, _ = end.swap(10**10, zero_in=False)
    assert back.liquidity == 10**15


def test_fees_go_to_those_in_range_by_their_share() -> None:
    pool = ConcentratedPool.at(Q96, fee_ppm=3_000)
    pool, wide, _ = pool.mint(-1_000, 1_000, 3 * 10**18)
    pool, narrow, _ = pool.mint(-100, 100, 10**18)
    pool, away, _ = pool.mint(500, 600, 10**18)
    pool, swap = pool.swap(10**15, zero_in=True)
    assert swap.fee == 3 * 10**12
    owed = [pool.fees_owed(each)[0] for each in (wide, narrow, away)]
    assert owed == pytest.approx([0.75 * swap.fee, 0.25 * swap.fee, 0], abs=1)
    assert [pool.fees_owed(each)[1] for each in (wide, narrow, away)] == [0, 0, 0]


def test_position_by_its_formulas() -> None:
    """L = 1000 on [1500, 2500] at 2000: V, Δ and Γ of the whitepaper's section 2 in closed form."""
    row = range_value(2_000.0, liquidity=1_000.0, low=1_500.0, high=2_500.0).row(0, named=True)
    assert row["value"] == pytest.approx(10712.885638, abs=1e-6)
    assert row["delta"] == pytest.approx(2.360679775, abs=1e-9)
    assert row["gamma"] == pytest.approx(-0.0055901699, abs=1e-10)
    assert float(loss_of_product_pool(2.0)) == pytest.approx(-0.0571910, abs=5e-8)


@given(st.floats(0.05, 20.0))
def test_an_unbounded_range_loses_as_the_product_pool_and_a_narrow_one_more(ratio: float) -> None:
    wide = range_value([1.0, ratio], liquidity=5.0, low=0.0, high=np.inf)["loss"][1]
    narrow = range_value([1.0, ratio], liquidity=5.0, low=0.5, high=2.0)["loss"][1]
    assert wide == pytest.approx(float(loss_of_product_pool(ratio)), abs=1e-12)
    assert narrow <= wide + 1e-12 <= 2e-12


def test_exact_amounts_agree_with_the_real_ones() -> None:
    pool = ConcentratedPool.at(sqrt_price_at(1_000))
    low, high = (float((sqrt_price_at(t) / Q96) ** 2) for t in (-500, 2_000))
    row = range_value(pool.price, liquidity=1e18, low=low, high=high).row(0, named=True)
    assert pool.amounts(-500, 2_000, E18, up=False) == pytest.approx((row["token0"], row["token1"]), rel=1e-12)


def test_imbalance_of_an_inventory() -> None:
    assert inventory_imbalance([1.0, 0.0, 1.0, 0.0], [0.0, 5.0, 2.0, 0.0], price=2.0)[:3].tolist() == [-1.0, 1.0, 0.0]
    assert np.isnan(inventory_imbalance(0.0, 0.0, price=2.0))


def test_what_cannot_be_is_refused() -> None:
    pool = ConcentratedPool.at(Q96)
    pool, position, _ = pool.mint(-10, 10, 1_000)
    for action, said in [
        (lambda: sqrt_price_at(MAX_TICK + 1), "lies beyond"),
        (lambda: tick_at(1), "lies beyond"),
        (lambda: ConcentratedPool.at(Q96, fee_ppm=PPM), "fee 1000000 ppm"),
        (lambda: pool.mint(-5, 10, 1), "multiples of 10"),
        (lambda: pool.mint(-10, 10, 0), "liquidity 0"),
        (lambda: pool.burn(position._replace(liquidity=1_001)), "hold 1000"),
        (lambda: pool.swap(0, zero_in=True), "amount of 0"),
        (lambda: pool.swap(1, zero_in=True, limit=2 * Q96), "behind the price"),
        (lambda: ConstantProductPool(0, 1).swap_in(1, zero_in=True), "positive reserves"),
        (lambda: ConstantProductPool(9, 9).swap_out(9, zero_in=True), "never emptied"),
        (lambda: ConstantProductPool(9, 9).swap_in(-1, zero_in=True), "amount of -1"),
        (lambda: range_value(-1.0, liquidity=1.0, low=1.0, high=2.0), "positive finite"),
        (lambda: range_value(1.0, liquidity=1.0, low=2.0, high=2.0), "low < high"),
        (lambda: loss_of_product_pool(-1.0), "price ratios"),
        (lambda: inventory_imbalance(-1.0, 0.0, price=1.0), "holds no debt"),
    ]:
        with pytest.raises(InputError, match=said):
            action()


def recorded_minutes(data_dir: Path) -> pl.DataFrame:
    """Minutes of the Polygon USDC/WETH .05 % pool: token 0 is USDC."""
    with tarfile.open(data_dir / "06_defi" / "demeter_202308.tar.xz") as archive:
        names = sorted(name for name in archive.getnames() if name.startswith("polygon-0x45dda"))
        files = [archive.extractfile(name) for name in names]
        return pl.concat([pl.read_csv(file.read(), infer_schema=False) for file in files if file is not None])


@pytest.mark.realdata
def test_recorded_swaps_follow_from_the_price_before(data_dir: Path) -> None:
    """Minutes of one direction at unchanged liquidity tell the price they end at: √P₀√P₁ = in/out, √P₁ − √P₀ = ±Δ₁/L.

    That price lies in the recorded tick, and from it the next such minute's output follows to a median below 1e-8.
    """
    price, before, misses, closes = None, 0, [], []
    for row in recorded_minutes(data_dir).iter_rows(named=True):
        net0, net1, in0, in1, liquidity = (
            int(row[name]) for name in ("netAmount0", "netAmount1", "inAmount0", "inAmount1", "currentLiquidity")
        )
        steady, before = liquidity == before, liquidity
        if not in0 and not in1:
            continue
        if not steady or (in0 and in1):
            price = None
            continue
        amount, out = (in0, -net1) if in0 else (in1, -net0)
        if price is not None:
            far = sqrt_price_at(-MAX_TICK if in0 else MAX_TICK)
            misses.append(abs(swap_step(price, far, liquidity, amount, fee_ppm=500).amount_out / out - 1))
        kept = amount * (PPM - 500) / PPM
        product, move = (out / kept, -out / liquidity) if in0 else (kept / out, kept / liquidity)
        price = int((move + np.sqrt(move**2 + 4 * product)) / 2 * Q96)
        closes.append(tick_at(price) == int(row["closeTick"]))
    assert len(misses) > 1_500
    assert np.median(misses) < 1e-8
    assert np.mean(closes) > 0.96
