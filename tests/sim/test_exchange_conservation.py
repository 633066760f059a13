"""Nothing is made or lost: money, positions and lots over runs of everything an exchange can do."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.arrays import Int1D, Int2D, Int3D
from counterpoise.sim.exchange.floor import new_exchange, new_outputs
from counterpoise.sim.exchange.kernels import batch, codes, control, layout
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.exchange.ledger import total_grains
from counterpoise.sim.exchange.rules import ExchangeConfig
from reference.exchange_pair import small_config

KINDS = (codes.LIMIT,) * 8 + (codes.MARKET, codes.IMMEDIATE, codes.FILL_OR_KILL, codes.POST_ONLY, codes.REDUCE_ONLY)
WAITING = (
    codes.STOP,
    codes.TAKE_PROFIT,
    codes.STOP | codes.MARKET,
    codes.STOP | codes.BY_MARK,
    codes.TAKE_PROFIT | codes.MARKET,
)
REQUESTS = 400


def random_rows(rng: np.random.Generator, centre: int) -> Int2D:
    """Requests around a price; cancels and amendments of any order placed before in the same rows."""
    rows = np.zeros((REQUESTS, batch.REQUEST_COLUMNS), np.int64)
    rows[:, batch.Q_WHAT] = rng.choice(
        (batch.PLACE, batch.CANCEL, batch.AMEND, batch.CANCEL_ALL), REQUESTS, p=(0.7, 0.15, 0.13, 0.02)
    )
    rows[0, batch.Q_WHAT] = batch.PLACE
    rows[:, batch.Q_NUMBER] = -1 - (rng.random(REQUESTS) * np.arange(REQUESTS)).astype(np.int64)
    rows[rows[:, batch.Q_WHAT] == batch.PLACE, batch.Q_NUMBER] = 0
    rows[:, batch.Q_MARKET] = rng.integers(0, 3, REQUESTS)
    rows[:, batch.Q_ACCOUNT] = rng.integers(2, 5, REQUESTS)
    rows[:, batch.Q_SIDE] = rng.choice((1, -1), REQUESTS)
    waits = rng.random(REQUESTS) < 0.1
    rows[:, batch.Q_KIND] = np.where(waits, rng.choice(WAITING, REQUESTS), rng.choice(KINDS, REQUESTS))
    priced = (rows[:, batch.Q_KIND] & codes.MARKET) == 0
    rows[:, batch.Q_PRICE] = priced * (centre + 2 * rng.integers(-6, 7, REQUESTS))
    rows[:, batch.Q_TRIGGER] = waits * (centre + 2 * rng.integers(-12, 13, REQUESTS))
    rows[:, batch.Q_LOTS] = 2 * rng.integers(1, 20, REQUESTS)
    rows[:, batch.Q_DISPLAY] = (rng.random(REQUESTS) < 0.1) * 2
    rows[rows[:, batch.Q_KIND] & 7 > 0, batch.Q_DISPLAY] = 0
    return rows


def run_all(ex: Int1D, tape: Int2D, reports: Int2D, rows: Int2D) -> Iterator[tuple[Int2D, Int2D]]:
    """Carry rows out, and give what is said whenever the outputs are full, and at the end."""
    answers, done = np.zeros(len(rows), np.int64), 0
    while done < len(rows):
        done = batch.run_requests(ex, tape, reports, rows, answers, done)
        yield take(ex, tape, reports)


def take(ex: Int1D, tape: Int2D, reports: Int2D) -> tuple[Int2D, Int2D]:
    rows = tape[: ex[layout.TAPE_ROWS]].copy(), reports[: ex[layout.REPORT_ROWS]].copy()
    ex[layout.TAPE_ROWS] = ex[layout.REPORT_ROWS] = 0
    return rows


def busy_config() -> ExchangeConfig:
    return small_config("decrement", orders=256, max_fills=20)


def check(ex: Int1D, config: ExchangeConfig, deposits: list[int]) -> None:
    for currency, deposited in enumerate(deposits):
        assert total_grains(ex, config, currency) == deposited
    lots = positions_of(ex)[:, :, layout.POSITION_LOTS]
    assert (lots.sum(axis=0) == 0).all()
    interest = [int(ex[market_at(ex, market) + layout.OPEN_INTEREST]) for market in range(len(config.markets))]
    assert abs(lots).sum(axis=0).tolist() == interest


def positions_of(ex: Int1D) -> Int3D:
    """(accounts, markets, POSITION_SIZE)."""
    shape = int(ex[layout.ACCOUNT_COUNT]), int(ex[layout.MARKET_COUNT]), layout.POSITION_SIZE
    return ex[ex[layout.POSITIONS] :][: np.prod(shape)].reshape(shape)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32))
def test_money_and_positions_add_up_over_any_run(seed: int) -> None:
    rng, config = np.random.default_rng(seed), busy_config()
    ex = new_exchange(config)
    tape, reports = new_outputs(config, requests=3)
    deposits, centre, fees, fills = [0, 0], 1000, 0, 0
    for step in range(8):
        for account in range(2, 5):
            for currency in range(2):
                grains = int(rng.integers(-(10**6), 10**7))
                deposits[currency] += grains
                control.deposit(ex, account, currency, grains)
        for _, said in run_all(ex, tape, reports, random_rows(rng, centre)):
            fees += int(said[:, codes.R_FEE].sum())
            fills += int(np.count_nonzero(said[:, codes.R_CODE] & 255 == codes.FILL))
        for market in range(3):
            control.set_index(ex, market, centre + int(rng.integers(-9, 10)))
            assert control.keep_time(ex, tape, reports, (step + 1) * 40 * 10**9, market) == 0
            fees += int(take(ex, tape, reports)[1][:, codes.R_FEE].sum())
            control.set_status(ex, market, int(rng.choice((codes.OPEN, codes.HALTED, codes.AUCTION), p=(0.5, 0.1, 0.4))))
        for said in (rows[1] for rows in run_all(ex, tape, reports, random_rows(rng, centre))):
            fees += int(said[:, codes.R_FEE].sum())
        for market in range(3):
            while control.open_market(ex, tape, reports, (step + 1) * 40 * 10**9, market):
                fees += int(take(ex, tape, reports)[1][:, codes.R_FEE].sum())
            fees += int(take(ex, tape, reports)[1][:, codes.R_FEE].sum())
        control.move_position(ex, reports, step, 0, 2, 1, centre, 3, 0)
        control.move_cash(ex, 1, 3, 0, 777)
        fees += int(take(ex, tape, reports)[1][:, codes.R_FEE].sum())
        check(ex, config, deposits)
        centre += int(rng.choice((-20, 0, 20)))
    assert positions_of(ex)[:, :, layout.FEES_PAID].sum() == fees
    assert fills > 100


@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_the_same_exchange(seed: int) -> None:
    rng, config = np.random.default_rng(seed), busy_config()
    ex = new_exchange(config)
    tape, reports = new_outputs(config, requests=3)
    list(run_all(ex, tape, reports, random_rows(rng, 1000)))
    copy, rows = ex.copy(), random_rows(rng, 1000)
    first = list(run_all(ex, tape, reports, rows))
    second = list(run_all(copy, tape, reports, rows))
    assert (ex == copy).all()
    assert all((a == b).all() for one, other in zip(first, second, strict=True) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_what_is_said_does_not_hang_on_the_room_for_it(seed: int) -> None:
    """Triggered orders that wait for room enter before anything else does."""
    config = busy_config()
    said, due = [], []
    for requests in (1, 1000):
        rng, ex = np.random.default_rng(seed), new_exchange(config)
        tape, reports = new_outputs(config, requests=requests)
        pieces, waited = [], 0
        for _ in range(3):
            for piece in run_all(ex, tape, reports, random_rows(rng, 1000)):
                waited += int(ex[layout.DUE_MARKETS])
                pieces.append(piece)
        due.append(waited)
        said.append([np.concatenate(columns) for columns in zip(*pieces, strict=True)])
    assert due[0] > 0
    assert due[1] == 0
    for a, b in zip(*said, strict=True):
        assert np.array_equal(a, b)
