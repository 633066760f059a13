"""Clearing houses with their accounts, and news, as agents of a world."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import log1p
from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import BPS, Grid, parse_duration
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.arrays import AgentLine, Draft
from counterpoise.sim.agents.kernels import house as h
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels import shock as s
from counterpoise.sim.agents.leverage_config import LeverageConfig
from counterpoise.sim.kernels import cascade_codes as codes
from counterpoise.sim.kernels import liquidation as books
from counterpoise.sim.leverage.accounts import Accounts, draw_accounts, require_accounts
from counterpoise.sim.leverage.cascade_run import ADL_RULES, account_columns, lever_plan

__all__ = ["house_lines", "leveraged_accounts", "shock_lines"]

_PPM: Final = 100  # of a bp
_MOST_CELLS: Final = 1 << 26  # of the tables that a house writes


def leveraged_accounts(config: AgentMarketConfig, number: int) -> Accounts:
    """The accounts that a house of a config begins with; after those drawn stands who is on the other side, then our hedge.

    Parameters
    ----------
    config : AgentMarketConfig
    number : int
        Its place in `config.leverage`.
    """
    leverage = config.leverage[number]
    seed = np.random.SeedSequence(config.seed).spawn(4)[3].spawn(len(config.leverage))[number]
    start, unit = _start_ticks(config, leverage), _unit(config, leverage)
    tiers = leverage.margin_rules.tiers
    drawn = draw_accounts(leverage.accounts, tiers, np.random.default_rng(seed), price_ticks=start, unit=unit)
    return _with_hedge(leverage, _with_holder(drawn, start), start, start * unit)


def _with_holder(accounts: Accounts, start: int) -> Accounts:
    """What all are long or short together is held against them by one who can lose all of its value."""
    net = int(accounts.signed_lots.sum())
    return _add(accounts, -net, start, abs(net) * start) if net else accounts


def _with_hedge(leverage: LeverageConfig, accounts: Accounts, start: int, lot_value: float) -> Accounts:
    """Our own position, and one more holder against it."""
    hedge = leverage.hedge
    if hedge is None:
        return accounts
    side = 1 if leverage.hedge_side == "long" else -1
    lots, entry = max(1, round(hedge.notional / lot_value)), start - side * round(start * hedge.entry_bps * BPS)
    holder = _add(accounts, -side * lots, start, lots * start)
    return _add(holder, side * lots, entry, max(1, round(lots * entry / hedge.leverage)))


def _add(accounts: Accounts, signed_lots: int, entry_ticks: int, wallet: int) -> Accounts:
    row = (signed_lots, entry_ticks, wallet, wallet, True)
    columns = (np.append(column, np.array([value], column.dtype)) for column, value in zip(accounts, row, strict=True))
    return Accounts(*columns)


def house_lines(config: AgentMarketConfig, draft: Draft, given: Mapping[int, Accounts]) -> Iterator[AgentLine]:
    """A line a house; its account is not numbered yet.

    Parameters
    ----------
    config : AgentMarketConfig
    draft : Draft
        Takes the columns and all that is beside them.
    given : mapping of int to Accounts
        Accounts in place of those drawn, by the house's place in `config.leverage`; long and short lots alike.

    Raises
    ------
    ConfigError
        If the tables of a house would be too large.
    InputError
        As `require_accounts`, if accounts cannot be meant.
    """
    for number, leverage in enumerate(config.leverage):
        accounts = given[number] if number in given else leveraged_accounts(config, number)
        require_accounts(accounts, price_ticks=_start_ticks(config, leverage))
        if accounts.signed_lots.sum():
            raise ConfigError(
                f"accounts of {leverage.venue}:{leverage.token}-PERP are {int(accounts.signed_lots.sum()):+,} lots together; "
                "expected 0: every long position has its short one"
            )
        yield _house(config, draft, leverage, accounts)


def _house(config: AgentMarketConfig, draft: Draft, leverage: LeverageConfig, accounts: Accounts) -> AgentLine:
    start, unit = _start_ticks(config, leverage), _unit(config, leverage)
    rules, every_ns = leverage.margin_rules, parse_duration(leverage.every)
    fund, count, tiers = round(leverage.fund / unit), len(accounts.wallet), len(rules.tiers.tiers)
    reach = int(start * leverage.reach_bps * BPS)
    slots, steps = 2 * reach + 1, (config.end_ns - config.start_ns) // every_ns + 1
    if slots + steps * (tiers + h.PATH_SIZE) > _MOST_CELLS:
        raise ConfigError(
            f"leverage of {leverage.token}: a reach of {reach:,} ticks and {steps:,} looks; expected fewer than "
            f"{_MOST_CELLS:,} cells: look less often (every), or lower reach_bps"
        )
    plan = lever_plan(leverage.policy, start_ticks=start, lot_value=start * unit, every_ns=every_ns)
    plan[codes.FEE_PPM], plan[codes.RERANK] = round(leverage.fee_bps * _PPM), max(1, round(start * leverage.rerank_bps * BPS))
    plan[codes.ADL_RULE] = ADL_RULES[rules.adl] if leverage.adl else -1
    factor = leverage.policy.margin.factor if leverage.policy.margin else 1.0
    floors = np.rint(rules.tiers.floors / unit).astype(np.int64)
    numbers = np.concatenate([rules.tiers.rates + rules.fee, rules.tiers.cums / unit, [factor]])
    ints = {
        h.H_COUNT: count,
        h.H_COLUMNS: draft.add_ints(account_columns(accounts, side=1).ravel()),
        h.H_SIDE: 1,
        h.H_HEADS: draft.add_ints(np.full(2 * slots, books.NO_ACCOUNT, np.int64)),
        h.H_SLOTS: slots,
        h.H_PRICE: start,
        h.H_STATES: draft.add_ints(np.concatenate([_state(side, start, fund) for side in (1, -1)])),
        h.H_PLANS: draft.add_ints(np.concatenate([_of_side(plan, side) for side in (1, -1)])),
        h.H_TIERS: tiers,
        h.H_FLOORS: draft.add_ints(floors),
        h.H_RATES: draft.add_reals(numbers),
        h.H_RANKING: draft.add_ints(np.zeros(count, np.int64)),
        h.H_SCORES: draft.add_reals(np.zeros(count)),
        h.H_PATH: draft.add_ints(np.zeros(steps * h.PATH_SIZE, np.int64)),
        h.H_BY_TIER: draft.add_ints(np.zeros(steps * tiers, np.int64)),
        h.H_STEPS: steps,
        h.H_EVERY_NS: every_ns,
        h.H_FEE_PPM: round(config.pro_taker_bps * _PPM),
    }
    owed = int(accounts.collateral.sum()) - int((accounts.signed_lots * accounts.entry_ticks).sum())
    funds, sizes, market = owed + fund, (h.HOUSE_INTS, 0), config.perp(leverage)
    return AgentLine("clearing", loop.CLEARING, market, -1, -1, 0, 1.0, ints, {}, sizes, funds=funds, begins_ns=config.start_ns)


def _state(side: int, start: int, fund: int) -> Int1D:
    state = np.zeros(books.STATE_SIZE, np.int64)
    books.open_state(state, fund, side * start)
    return state


def _of_side(plan: Int1D, side: int) -> Int1D:
    mine = plan.copy()
    mine[codes.SIDE] = side
    return mine


def shock_lines(config: AgentMarketConfig) -> Iterator[AgentLine]:
    """A line for each token that a shock moves; they have no account."""
    names = [token.name for token in config.tokens]
    for shock in config.shocks:
        steps = max(1, parse_duration(shock.over) // config.fundamental.step_ns)
        move = {s.X_MOVE: log1p(shock.bps * BPS) / steps}
        for name in shock.tokens or names:
            ints = {s.X_TOKEN: names.index(name), s.X_LEFT: steps}
            begins, sizes = config.start_ns + parse_duration(shock.at), (s.SHOCK_INTS, s.SHOCK_REALS)
            yield AgentLine("shock", loop.SHOCK, -1, -1, -1, 0, 1.0, ints, move, sizes, begins_ns=begins)


def _start_ticks(config: AgentMarketConfig, leverage: LeverageConfig) -> int:
    token = config.tokens[config.outrights[config.perp(leverage)].token]
    return Grid(token.tick).round(token.price)


def _unit(config: AgentMarketConfig, leverage: LeverageConfig) -> float:
    """Value of one tick × one lot [quote]."""
    token = config.tokens[config.outrights[config.perp(leverage)].token]
    return Grid(token.tick).size * Grid(token.lot).size
