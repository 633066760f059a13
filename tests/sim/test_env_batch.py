"""Environments over a market tape: against slow twins, by hand, and the laws that a simulation must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import ConfigError, InputError
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.sim.env.batch import Executions, Makers
from counterpoise.sim.env.kernels import execution as ek
from counterpoise.sim.env.task import ExecutionTask, MakerTask
from counterpoise.sim.fees import Fees
from reference.naive_env import naive_execution, naive_maker
from reference.random_tape_of_markets import INVERSE, random_market_tape

SEEDS = st.integers(0, 2**32)
IMPACT = TransientImpact(bps_per_million=40.0, permanent=0.3, half_lives=("2s", "30s"), weights=(0.6, 0.4))
HORIZON = 12
TASK = ExecutionTask(
    horizon=HORIZON,
    least_coins=0.05,
    most_coins=8.0,
    risk_aversion=0.3,
    leakage_price=0.2,
    impact=IMPACT,
    refill_half_life="3s",
    fees=Fees(maker_bps=-0.5, taker_bps=4.0),
)
MAKER = MakerTask(
    horizon=HORIZON, most_qty=2.0, order_qty=0.7, reach_ticks=4, risk_aversion=0.3, impact=IMPACT, refill_half_life="3s"
)


def drawn_actions(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Anything in [0, 1], its ends often."""
    draw = np.random.default_rng(seed)
    return np.clip(draw.uniform(-0.4, 1.4, shape), 0, 1)


@pytest.mark.parametrize("markets", [1, 2])
@settings(max_examples=25)
@given(seed=SEEDS)
def test_an_execution_equals_the_naive_one(markets: int, seed: int) -> None:
    tape = random_market_tape(seed, markets=markets)
    batch = Executions(tape, TASK, count=3)
    batch.seed(seed)
    batch.begin(np.arange(3))
    starts = batch._ints[:, ek.AT].copy()
    actions = drawn_actions(seed, (HORIZON, 3, 2 + markets))
    ours = np.array([batch.step(action).copy() for action in actions])
    for env in range(3):
        side, target = int(batch._ints[env, ek.SIDE]), float(batch._reals[env, ek.TARGET])
        naive = naive_execution(TASK, tape, start=int(starts[env]), side=side, target=target, actions=actions[:, env].tolist())
        expected = np.array([[line[name] for name in batch.info_names] for line in naive])
        np.testing.assert_allclose(ours[:, env], expected, rtol=1e-9, atol=1e-9)


@settings(max_examples=25)
@given(seed=SEEDS)
def test_a_maker_equals_the_naive_one(seed: int) -> None:
    tape = random_market_tape(seed, markets=1)
    batch = Makers(tape, MAKER, count=3)
    batch.seed(seed)
    batch.begin(np.arange(3))
    starts = batch._ints[:, 0].copy()
    actions = drawn_actions(seed, (HORIZON, 3, 4))
    ours = np.array([batch.step(action).copy() for action in actions])
    for env in range(3):
        naive = naive_maker(MAKER, tape, start=int(starts[env]), actions=actions[:, env].tolist())
        expected = np.array([[line[name] for name in batch.info_names] for line in naive])
        np.testing.assert_allclose(ours[:, env], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["execution", "maker"])
def test_an_environment_does_not_feel_the_others(kind: str) -> None:
    """The same seeds and actions, alone and among others, the same bytes; and the tape is untouched."""
    tape = random_market_tape(5, markets=1)
    before = [np.copy(column) for column in tape[3:]]
    made = (lambda n: Executions(tape, TASK, count=n)) if kind == "execution" else (lambda n: Makers(tape, MAKER, count=n))
    seeds = [11, 12, 13, 14]
    together = made(4)
    together.seed(seeds)
    together.begin(np.arange(4))
    actions = drawn_actions(1, (HORIZON, 4, together.action_size))
    many = np.array([together.step(action).copy() for action in actions])
    for env, seed in enumerate(seeds):
        alone = made(1)
        alone.seed([seed])
        alone.begin(np.arange(1))
        one = np.array([alone.step(action[env : env + 1]).copy() for action in actions])
        assert one[:, 0].tobytes() == many[:, env].tobytes()
    assert all(np.array_equal(a, b) for a, b in zip(before, tape[3:], strict=True))


@settings(max_examples=20)
@given(seed=SEEDS, cut=st.integers(2, HORIZON - 1))
def test_nothing_looks_ahead(seed: int, cut: int) -> None:
    """A tape that differs after a step gives the same observations and rewards up to it."""
    tape = random_market_tape(seed, markets=2)
    other = random_market_tape(seed + 1, markets=2)
    outs = []
    start = 7
    seen = start + cut + 1  # the last step whose end the environment has seen after `cut` steps
    ticks, lots, features, noise = (np.copy(a) for a in (tape.ticks, tape.lots, tape.features, tape.noise))
    ticks[:, seen:], lots[:, seen:] = other.ticks[:, seen:], other.lots[:, seen:]
    features[seen:], noise[:, seen:] = other.features[seen:], other.noise[:, seen:]
    trades = np.copy(tape.trades)
    for market in range(2):
        trades[tape.offsets[market, seen] : tape.offsets[market, -1], 1] += 1
    changed = tape._replace(ticks=ticks, lots=lots, features=features, noise=noise, trades=trades)
    actions = drawn_actions(seed, (cut, 1, 4))
    for one in (tape, changed):
        batch = Executions(one, TASK)
        batch.seed(3)
        batch._starts = np.array([start])
        batch.begin(np.zeros(1, np.int64))
        rows = []
        for action in actions:
            out = batch.step(action).copy()
            view = np.zeros((1, batch.observation_size), np.float32)
            batch.observe(view)
            rows.append(out.tobytes() + view.tobytes())
        outs.append(rows)
    assert outs[0] == outs[1]


def test_what_is_over_stays_over() -> None:
    batch = Executions(random_market_tape(1), TASK)
    batch.seed(1)
    batch.begin(np.zeros(1, np.int64))
    action = np.full((1, 4), 0.5)
    rows = [batch.step(action).copy()[0] for _ in range(HORIZON + 2)]
    assert [row[-1] for row in rows] == [0.0] * (HORIZON - 1) + [1.0] * 3
    assert all(row[:-1].tolist() == [0.0] * 5 for row in rows[HORIZON:])


def test_an_even_crossing_by_hand() -> None:
    """One market, no impact, no refill: two coins in two steps walk the levels that stand there."""
    tape = random_market_tape(2, markets=1, steps=20)
    ticks, lots = np.copy(tape.ticks), np.copy(tape.lots)
    ticks[0, :, 1] = np.arange(600_001, 600_006)
    ticks[0, :, 0] = np.arange(599_999, 599_994, -1)
    lots[:] = 600
    tape = tape._replace(ticks=ticks, lots=lots, trades=tape.trades[:0], offsets=tape.offsets * 0)
    task = ExecutionTask(
        horizon=2, least_coins=2, most_coins=2, buy_share=1.0, max_rate=1.0, fees=Fees(maker_bps=0, taker_bps=0)
    )
    batch = Executions(tape, task)
    batch.seed(0)
    batch.begin(np.zeros(1, np.int64))
    first, second = (batch.step(np.array([[1.0, 1.0, 1.0]])).copy()[0] for _ in range(2))
    value = 2 * 60_000.0
    assert first[1] == pytest.approx((0.6 * 0.1 + 0.4 * 0.2) / value * 1e4)
    half = 2**-0.5  # of a thousand lots missing after a second, refill half-life 2 s: 708 are hidden
    hidden = int(np.ceil(1000 * half))
    paid = ((1200 - hidden) * 0.2 + (1000 - 1200 + hidden) * 0.3) / 1000
    assert second[1] == pytest.approx(paid / value * 1e4)
    assert second[4:].tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"horizon": 1}, "horizon is 1 steps"),
        ({"least_coins": 3.0, "most_coins": 2.0}, "least <= most"),
        ({"buy_share": 1.5}, "buy_share is 1.5"),
        ({"max_rate": 0.5}, "max_rate is 0.5"),
        ({"risk_aversion": float("nan")}, "risk_aversion is nan"),
        ({"leakage_price": -1.0}, "leakage_price is -1.0"),
        ({"impact": TransientImpact(half_lives=("1s", "2s", "3s", "4s"))}, "4 half-lives"),
    ],
)
def test_a_task_that_cannot_be_is_refused(changes: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        ExecutionTask(**changes)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"order_qty": 3.0, "most_qty": 2.0}, "order <= most"),
        ({"reach_ticks": -1}, "reach_ticks is -1"),
        ({"horizon": 0}, "horizon"),
    ],
)
def test_a_makers_task_that_cannot_be_is_refused(changes: dict, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        MakerTask(**changes)


def test_bad_input_is_refused() -> None:
    tape = random_market_tape(1)
    with pytest.raises(InputError, match="expected 1 or more"):
        Executions(tape, TASK, count=0)
    with pytest.raises(InputError, match="one linear market"):
        Makers(tape, MAKER)
    with pytest.raises(InputError, match="one linear market"):
        Makers(random_market_tape(1, markets=1)._replace(instruments=(INVERSE,)), MAKER)
    with pytest.raises(InputError, match="half a lot"):
        Makers(random_market_tape(1, markets=1), MakerTask(horizon=5, order_qty=1e-5, most_qty=1.0))
    with pytest.raises(InputError, match="shorten the horizon"):
        Executions(tape, ExecutionTask(horizon=tape.steps))
    batch = Executions(tape, TASK, count=2)
    with pytest.raises(InputError, match="3 seeds for 2"):
        batch.seed([1, 2, 3])
    batch.seed(1)
    batch.begin(np.arange(2))
    with pytest.raises(InputError, match="expected 0 to 1"):
        batch.step(np.full((2, 4), 1.5))
    with pytest.raises(InputError, match="expected 0 to 1"):
        batch.step(np.full((2, 4), np.nan))
    with pytest.raises(InputError, match="actions have shape"):
        batch.step(np.zeros((2, 3)))
