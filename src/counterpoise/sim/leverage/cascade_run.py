"""The arrays of one cascade: the plan, accounts by key, the ladder that is hit, and what is remembered from step to step."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.market.book import Levels, grow_ladder, new_ladder
from counterpoise.sim.kernels import cascade as steps
from counterpoise.sim.kernels import cascade_codes as codes
from counterpoise.sim.kernels import liquidation as books
from counterpoise.sim.leverage.accounts import Accounts
from counterpoise.sim.leverage.cascade_config import CascadeConfig, Policy
from counterpoise.sim.leverage.coin_accounts import CoinAccounts

__all__ = ["ADL_RULES", "Run", "account_columns", "advance", "lever_plan", "open_run", "side_of"]

ADL_RULES: Final = {"binance": 0, "bybit": 1, "okx": 2}


class Run(NamedTuple):
    """What the kernel works on, see `counterpoise.sim.kernels.cascade.run_steps`."""

    book: Int1D
    full: Int1D
    accounts: Int2D
    state: Int1D
    heads: Int1D
    ranking: Int1D
    scores: Float1D
    path: Int2D
    by_tier: Int2D
    plan: Int1D
    rates: Float1D
    cums: Float1D
    floors: Int1D
    moved: Float1D
    shares: Float1D
    keeps: Float1D
    keys_per_lot: float
    refill_keep: float
    factor: float


def side_of(config: CascadeConfig) -> int:
    """+1 where longs are liquidated."""
    return 1 if config.shock_bps < 0 else -1


def open_run(config: CascadeConfig, accounts: Accounts | CoinAccounts, resting: Levels | None) -> Run:
    """Arrays before the first step.

    Parameters
    ----------
    config : CascadeConfig
    accounts : Accounts or CoinAccounts
        As the config's contract; checked.
    resting : Levels, optional
        In place of the config's density.

    Raises
    ------
    InputError
        If the levels are empty, not best first, or of the other side.
    """
    side, full = side_of(config), _depth(config, resting)
    plan = _plan(config)
    start = int(plan[codes.START])
    columns, state = account_columns(accounts, side=side, coin=config.coin), np.zeros(books.STATE_SIZE, np.int64)
    books.open_state(state, round(config.fund_settle / config.unit), start)
    tiers = config.margin_rules.tiers
    rates = tiers.rates + config.margin_rules.fee
    cums, floors = tiers.cums / config.unit, np.rint(tiers.floors / config.unit).astype(np.int64)
    heads = np.empty(len(full), np.int64)
    books.fill_lists(columns, state, heads, rates, cums, 1.0, side, config.coin, start)
    every = parse_duration(config.step)
    keep = 2.0 ** -(every / parse_duration(config.refill_half_life)) if config.refill_half_life else 1.0
    shares, count = config.impact.shares, columns.shape[1]
    return Run(
        book=_ladder(full, side, start),
        full=full,
        accounts=columns,
        state=state,
        heads=heads,
        ranking=np.empty(count, np.int64),
        scores=np.empty(count, np.float64),
        path=np.zeros((config.steps, codes.PATH_FIELDS), np.int64),
        by_tier=np.zeros((config.steps, len(rates)), np.int64),
        plan=plan,
        rates=rates,
        cums=cums,
        floors=floors,
        moved=np.zeros(len(shares)),
        shares=shares,
        keeps=np.asarray(np.exp(-config.impact.rates * every), np.float64),
        keys_per_lot=config.impact.ticks_per_lot(notional_per_lot=config.lot_value, price_ticks=float(config.start_ticks)),
        refill_keep=keep,
        factor=config.policy.margin.factor if config.policy.margin else 1.0,
    )


def advance(run: Run, begin: int, end: int) -> None:
    """Run steps from `begin` to before `end`, after those before it."""
    steps.run_steps(*run, begin, end)


def _depth(config: CascadeConfig, resting: Levels | None) -> Int1D:
    """(reach,) lots at each tick away from the best."""
    start = config.start_ticks
    reach = int(start * config.reach_bps * BPS) + 1  # the start itself, and so many ticks
    if resting is not None:
        return _recorded_depth(resting, side_of(config), reach)
    away_bps = np.arange(reach) / (start * BPS)
    per_tick = config.book.density / (start * BPS) / config.lot_value
    shape = (1 + away_bps / config.book.scale_bps) ** config.book.exponent
    total = np.floor(np.cumsum(per_tick * shape) + 1e-9).astype(np.int64)
    return np.diff(total, prepend=np.int64(0))


def _recorded_depth(resting: Levels, side: int, reach: int) -> Int1D:
    away = side * (resting.price_ticks[:1] - resting.price_ticks)
    if not len(away) or (np.diff(away) <= 0).any() or int(resting.qty_lots.min()) <= 0:
        raise InputError(
            f"resting holds {len(away)} levels; expected some, of positive lots, from the best away "
            f"({'bids falling' if side > 0 else 'asks rising'})"
        )
    inside = away < reach
    full = np.zeros(reach, np.int64)
    full[away[inside]] = resting.qty_lots[inside]
    end = int(away[-1]) + 1
    if end < reach:
        mean = float(resting.qty_lots.sum()) / end
        full[end:] = np.diff(np.floor(mean * np.arange(reach - end + 1)).astype(np.int64))
    return full


def _plan(config: CascadeConfig) -> Int1D:
    side, start, every = side_of(config), config.start_ticks, parse_duration(config.step)
    plan = lever_plan(config.policy, start_ticks=start, lot_value=config.lot_value, every_ns=every)
    plan[codes.SIDE], plan[codes.START], plan[codes.COIN] = side, side * start, config.coin
    plan[codes.SHOCK_KEYS] = _ticks(start, abs(config.shock_bps))
    plan[codes.SHOCK_STEPS] = _steps(config.shock_over, every) if config.shock_over else 1
    plan[codes.FEE_PPM] = round(config.fee_bps * 100)
    plan[codes.ADL_RULE] = ADL_RULES[config.margin_rules.adl] if config.adl else -1
    plan[codes.RERANK] = _ticks(start, config.rerank_bps)
    return plan


def lever_plan(policy: Policy, *, start_ticks: int, lot_value: float, every_ns: int) -> Int1D:
    """A plan with the levers of the exchange in it, all else zero.

    Parameters
    ----------
    policy : Policy
    start_ticks : int
    lot_value : float
        Of a lot at the start [quote].
    every_ns : int
        A step.
    """
    plan = np.zeros(codes.PLAN_SIZE, np.int64)
    plan[[codes.THROTTLE, codes.BAND, codes.AUCTION_TICKS, codes.FACTOR_AFTER]] = codes.NONE
    plan[codes.WINDOW] = plan[codes.HALT] = 1
    plan[codes.FRACTION_PPM] = 1_000_000 if policy.partial is None else round(policy.partial.share * 1e6)
    if policy.throttle is not None:
        plan[codes.THROTTLE] = max(1, round(policy.throttle.value_per_s * every_ns / SECOND_NS / lot_value))
    if policy.band is not None:
        plan[codes.BAND] = _ticks(start_ticks, policy.band.width_bps)
    if policy.auction is not None:
        plan[codes.AUCTION_TICKS] = _ticks(start_ticks, policy.auction.trigger_bps)
        plan[codes.WINDOW], plan[codes.HALT] = _steps(policy.auction.window, every_ns), _steps(policy.auction.halt, every_ns)
    if policy.margin is not None:
        plan[codes.FACTOR_AFTER] = _ticks(start_ticks, policy.margin.after_bps)
    if policy.backstop is not None:
        plan[codes.BACKSTOP] = round(policy.backstop.value / lot_value)
        plan[codes.BACKSTOP_DISCOUNT] = round(policy.backstop.discount_bps * 100)
    return plan


def _ticks(start_ticks: int, bps: float) -> int:
    return max(1, round(start_ticks * bps * BPS))


def _steps(text: str, every_ns: int) -> int:
    return max(1, -(-parse_duration(text) // every_ns))


def account_columns(accounts: Accounts | CoinAccounts, *, side: int, coin: int = 0) -> Int2D:
    """(fields, n) of `counterpoise.sim.kernels.liquidation`, in the keys of a side."""
    fields = books.INVERSE_FIELDS if isinstance(accounts, CoinAccounts) else books.ACCOUNT_FIELDS
    columns = np.zeros((fields, len(accounts.wallet)), np.int64)
    columns[books.LOTS] = np.abs(accounts.signed_lots)
    columns[books.TAKER] = accounts.signed_lots * side > 0
    columns[books.COLLATERAL] = accounts.collateral
    if isinstance(accounts, CoinAccounts):
        columns[books.BASIS] = -side * accounts.cost
        columns[books.ENTRY] = side * columns[books.LOTS] * coin // np.maximum(accounts.cost, 1)
        value = accounts.cost * 1000.0
    else:
        columns[books.ENTRY] = side * accounts.entry_ticks
        value = columns[books.LOTS] * accounts.entry_ticks * 1000.0
    columns[books.WEIGHTING] = np.minimum(value / np.maximum(accounts.collateral, 1), 1e9).astype(np.int64)
    return columns


def _ladder(full: Int1D, side: int, start: int) -> Int1D:
    ladder, index, done = new_ladder(), (1 - side) // 2, 0
    while done < len(full):
        done = steps.load_levels(ladder, index, full, start, done)
        if done < len(full):
            ladder = grow_ladder(ladder)
    return grow_ladder(ladder)
