"""A shock to a leveraged market: liquidations hit the book, the fall triggers more, the fund pays, winners are deleveraged."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.config import config_hash
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS, Grid, parse_duration
from counterpoise.market.book import Levels, grow_ladder, new_ladder
from counterpoise.sim.kernels import cascade as steps
from counterpoise.sim.kernels import cascade_codes as codes
from counterpoise.sim.kernels import liquidation as books
from counterpoise.sim.leverage.accounts import Accounts, draw_accounts, require_accounts
from counterpoise.sim.leverage.cascade_config import LEVERS, CascadeConfig, Policy

__all__ = ["Balance", "CascadeResult", "Comparison", "cascade", "compare"]

_ADL_RULES: Final = {"binance": 0, "bybit": 1, "okx": 2}


class Balance(NamedTuple):
    """Whole amounts of everybody who is not an account, in units of one tick × one lot; lots signed.

    With cash counted as though positions were paid for in full, what an account holds is ``wallet − signed_lots × entry``; the
    sum over accounts, plus fund, market_cash and backstop_cash, is the same before and after. So is the sum of all lots.
    """

    fund: int
    market_cash: int
    market_lots: int
    backstop_cash: int
    backstop_lots: int


class CascadeResult(NamedTuple):
    """What came of a shock.

    Attributes
    ----------
    frame : DataFrame
        One row a step: ``step``, ``seconds`` since the shock, ``price`` after it, ``triggered`` accounts, ``book_lots``,
        ``backstop_lots``, ``adl_lots``, ``queued_lots``, ``liquidated`` value [quote], ``fund`` [quote], ``halted``.
    by_tier : DataFrame
        ``step``, ``tier``, ``floor`` [quote], ``liquidated`` [quote]: the tier is that of the position when its order is
        worked; only rows with something.
    victims : DataFrame
        Deleveraged accounts: ``account``, ``ours``, ``signed_lots`` taken, mean ``price`` [quote], ``signed_lots_left``.
    summary : DataFrame
        One row, see `Comparison`.
    before, after : Accounts
        Our own hedge, if any, is the last.
    balance : Balance
    config_hash : str
    """

    frame: pl.DataFrame
    by_tier: pl.DataFrame
    victims: pl.DataFrame
    summary: pl.DataFrame
    before: Accounts
    after: Accounts
    balance: Balance
    config_hash: str

    @property
    def amplification(self) -> float:
        """Greatest move of the price over the shock."""
        return float(self.summary["amplification"][0])


class Comparison(NamedTuple):
    """The same shock to the same accounts under several policies.

    Attributes
    ----------
    frame : DataFrame
        ``policy``, ``amplification``, ``amplification_end``, ``worst_price``, ``end_price``, ``liquidated`` [quote],
        ``accounts`` triggered, ``fund_draw`` [quote] at its worst, ``uncovered`` [quote] below zero, ``adl`` lots, ``adl_ours``
        lots, ``queued`` lots at the end, ``exhausted``: whether the price came to the end of the reach, where nothing trades.
    results : dict of CascadeResult
        By policy: ``none``, each lever alone, and ``all`` where there are several.
    """

    frame: pl.DataFrame
    results: dict[str, CascadeResult]


class _Run(NamedTuple):
    """Arrays of one run, see the kernel."""

    plan: Int1D
    accounts: Int2D
    state: Int1D
    path: Int2D
    by_tier: Int2D


def cascade(config: CascadeConfig, *, accounts: Accounts | None = None, resting: Levels | None = None) -> CascadeResult:
    """Shock a market and let it settle.

    Parameters
    ----------
    config : CascadeConfig
    accounts : Accounts, optional
        In place of a drawn population.
    resting : Levels, optional
        Side of a recorded book that is hit, in the config's ticks and lots, best first; beyond its end the mean lots per tick
        go on. In place of the density of `config.book`.

    Raises
    ------
    InputError
        As `counterpoise.sim.leverage.accounts.require_accounts`, or if the book is empty, not best first, or of the other side.

    Notes
    -----
    Prices, lots and money are whole. The price at which an account is liquidated is a double rounded to a tick. One position an
    account, and only the side that the shock hurts is liquidated: with a lasting shock the price never passes the start.
    O(accounts + ticks moved + ticks refilled + steps + rankings × accounts).
    """
    held = _population(config) if accounts is None else accounts
    held = _with_hedge(config, held)
    require_accounts(held, price_ticks=config.start_ticks, allow_bankrupt=config.allow_bankrupt)
    return _result(config, held, _run(config, held, _depth(config, resting)))


def compare(config: CascadeConfig, *, accounts: Accounts | None = None, resting: Levels | None = None) -> Comparison:
    """Without any lever of the config's policy, with each alone, and with all; parameters and errors as `cascade`."""
    set_levers = [name for name in LEVERS if getattr(config.policy, name) is not None]
    policies = {"none": Policy()} | {name: Policy(**{name: getattr(config.policy, name)}) for name in set_levers}
    if len(set_levers) > 1:
        policies["all"] = config.policy
    held = _population(config) if accounts is None else accounts
    results = {
        name: cascade(msgspec.structs.replace(config, policy=policy), accounts=held, resting=resting)
        for name, policy in policies.items()
    }
    rows = [result.summary.select(pl.lit(name).alias("policy"), pl.all()) for name, result in results.items()]
    return Comparison(pl.concat(rows), results)


def _side(config: CascadeConfig) -> int:
    """+1 where longs are liquidated."""
    return 1 if config.shock_bps < 0 else -1


def _population(config: CascadeConfig) -> Accounts:
    draw = np.random.default_rng(config.seed)
    return draw_accounts(config.accounts, config.margin_rules.tiers, draw, price_ticks=config.start_ticks, unit=config.unit)


def _with_hedge(config: CascadeConfig, accounts: Accounts) -> Accounts:
    if config.hedge is None:
        return accounts
    side, start = _side(config), config.start_ticks
    lots = max(1, round(config.hedge.notional / config.unit / start))
    entry = start + round(side * start * config.hedge.entry_bps * BPS)
    wallet = -(-lots * entry // max(1, round(config.hedge.leverage * 1000))) * 1000
    ours = (-side * lots, entry, wallet, wallet, True)
    return Accounts(*(np.append(column, np.array([value], column.dtype)) for column, value in zip(accounts, ours, strict=True)))


def _depth(config: CascadeConfig, resting: Levels | None) -> Int1D:
    """(reach,) lots at each tick away from the best."""
    start = config.start_ticks
    reach = int(start * config.reach_bps * BPS) + 1  # the start itself, and so many ticks
    if resting is not None:
        return _recorded_depth(resting, _side(config), reach)
    away_bps = np.arange(reach) / (start * BPS)
    per_tick = config.book.density / (start * BPS) / (start * config.unit)
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


def _run(config: CascadeConfig, accounts: Accounts, full: Int1D) -> _Run:
    side = _side(config)
    plan = _plan(config)
    start = int(plan[codes.START])
    columns, state = _columns(accounts, side), np.zeros(books.STATE_SIZE, np.int64)
    state[books.FUND] = round(config.fund / config.unit)
    state[[books.QUEUE_HEAD, books.QUEUE_TAIL]] = books.NO_ACCOUNT
    state[books.TOP_ENTRY] = codes.NONE
    state[books.RANK_KEY] = books.NO_ENTRY
    tiers = config.margin_rules.tiers
    rates, cums, floors = tiers.rates, tiers.cums / config.unit, np.rint(tiers.floors / config.unit).astype(np.int64)
    heads = np.empty(len(full), np.int64)
    books.fill_lists(columns, state, heads, rates, cums, 1.0, side, start)
    path = np.zeros((config.steps, codes.PATH_FIELDS), np.int64)
    by_tier = np.zeros((config.steps, len(rates)), np.int64)
    every = parse_duration(config.step)
    keep = 2.0 ** -(every / parse_duration(config.refill_half_life)) if config.refill_half_life else 1.0
    per_lot = config.impact.ticks_per_lot(notional_per_lot=start * side * config.unit, price_ticks=float(start * side))
    count = columns.shape[1]
    steps.run_steps(
        _ladder(full, side, start),
        full,
        columns,
        state,
        heads,
        np.empty(count, np.int64),
        np.empty(count, np.float64),
        path,
        by_tier,
        plan,
        rates,
        cums,
        floors,
        config.impact.shares,
        np.asarray(np.exp(-config.impact.rates * every), np.float64),
        per_lot,
        keep,
        config.policy.margin.factor if config.policy.margin else 1.0,
    )
    return _Run(plan, columns, state, path, by_tier)


def _plan(config: CascadeConfig) -> Int1D:
    policy, side, start, every = config.policy, _side(config), config.start_ticks, parse_duration(config.step)

    def ticks(bps: float) -> int:
        return max(1, round(start * bps * BPS))

    def duration(text: str) -> int:
        return max(1, -(-parse_duration(text) // every))

    plan = np.zeros(codes.PLAN_SIZE, np.int64)
    plan[[codes.THROTTLE, codes.BAND, codes.AUCTION_TICKS, codes.FACTOR_AFTER]] = codes.NONE
    plan[codes.SIDE], plan[codes.START] = side, side * start
    plan[codes.SHOCK_KEYS] = ticks(abs(config.shock_bps))
    plan[codes.SHOCK_STEPS] = duration(config.shock_over) if config.shock_over else 1
    plan[codes.FEE_PPM] = round(config.fee_bps * 100)
    plan[codes.ADL_RULE] = _ADL_RULES[config.margin_rules.adl] if config.adl else -1
    plan[codes.RERANK] = ticks(config.rerank_bps)
    plan[codes.WINDOW] = plan[codes.HALT] = 1
    plan[codes.FRACTION_PPM] = 1_000_000 if policy.partial is None else round(policy.partial.share * 1e6)
    lot_value = start * config.unit
    if policy.throttle is not None:
        plan[codes.THROTTLE] = max(1, round(policy.throttle.value_per_s * every / SECOND_NS / lot_value))
    if policy.band is not None:
        plan[codes.BAND] = ticks(policy.band.width_bps)
    if policy.auction is not None:
        plan[codes.AUCTION_TICKS] = ticks(policy.auction.trigger_bps)
        plan[codes.WINDOW], plan[codes.HALT] = duration(policy.auction.window), duration(policy.auction.halt)
    if policy.margin is not None:
        plan[codes.FACTOR_AFTER] = ticks(policy.margin.after_bps)
    if policy.backstop is not None:
        plan[codes.BACKSTOP] = round(policy.backstop.value / lot_value)
        plan[codes.BACKSTOP_DISCOUNT] = round(policy.backstop.discount_bps * 100)
    return plan


def _columns(accounts: Accounts, side: int) -> Int2D:
    columns = np.zeros((books.ACCOUNT_FIELDS, len(accounts.wallet)), np.int64)
    columns[books.LOTS] = np.abs(accounts.signed_lots)
    columns[books.TAKER] = accounts.signed_lots * side > 0
    columns[books.ENTRY] = side * accounts.entry_ticks
    columns[books.COLLATERAL] = accounts.collateral
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


def _result(config: CascadeConfig, accounts: Accounts, run: _Run) -> CascadeResult:
    side = _side(config)
    frame = _path_frame(config, run.path, side)
    victims = _victims(config, accounts, run.accounts, side)
    lost = run.accounts[books.COLLATERAL] - accounts.collateral
    after = Accounts(
        signed_lots=np.sign(accounts.signed_lots) * run.accounts[books.LOTS],
        entry_ticks=accounts.entry_ticks,
        wallet=accounts.wallet + lost,
        margin=np.where(accounts.cross, accounts.margin, accounts.margin + lost),
        cross=accounts.cross,
    )
    state = [int(value) for value in run.state]
    balance = Balance(
        state[books.FUND],
        state[books.MARKET_CASH],
        side * state[books.MARKET_LOTS],
        state[books.BACKSTOP_CASH],
        side * state[books.BACKSTOP_LOTS],
    )
    summary = _summary(config, run, frame, victims)
    return CascadeResult(
        frame, _tier_frame(config, run.by_tier), victims, summary, accounts, after, balance, config_hash(config)
    )


def _path_frame(config: CascadeConfig, path: Int2D, side: int) -> pl.DataFrame:
    at = np.arange(len(path))
    return pl.DataFrame(
        {
            "step": at,
            "seconds": at * (parse_duration(config.step) / SECOND_NS),
            "price": Grid(config.tick).values(side * path[:, codes.P_MARK]),
            "triggered": path[:, codes.P_TRIGGERED],
            "book_lots": path[:, codes.P_BOOK],
            "backstop_lots": path[:, codes.P_BACKSTOP],
            "adl_lots": path[:, codes.P_ADL],
            "queued_lots": path[:, codes.P_QUEUED],
            "liquidated": path[:, codes.P_VALUE] * config.unit,
            "fund": path[:, codes.P_FUND] * config.unit,
            "halted": path[:, codes.P_HALTED] > 0,
        }
    )


def _tier_frame(config: CascadeConfig, by_tier: Int2D) -> pl.DataFrame:
    step, tier = np.nonzero(by_tier)
    floors: Float1D = config.margin_rules.tiers.floors
    return pl.DataFrame(
        {"step": step, "tier": tier, "floor": floors[tier], "liquidated": by_tier[step, tier] * config.unit},
        schema={"step": pl.Int64, "tier": pl.Int64, "floor": pl.Float64, "liquidated": pl.Float64},
    )


def _victims(config: CascadeConfig, accounts: Accounts, columns: Int2D, side: int) -> pl.DataFrame:
    hit = np.flatnonzero(columns[books.ADL_LOTS])
    lots = columns[books.ADL_LOTS, hit]
    price = side * columns[books.ADL_VALUE, hit] / lots * Grid(config.tick).size
    ours = (hit == columns.shape[1] - 1) if config.hedge is not None else np.zeros(len(hit), bool)
    left = -side * columns[books.LOTS, hit]
    return pl.DataFrame({"account": hit, "ours": ours, "signed_lots": -side * lots, "price": price, "signed_lots_left": left})


def _summary(config: CascadeConfig, run: _Run, frame: pl.DataFrame, victims: pl.DataFrame) -> pl.DataFrame:
    reach = int(config.start_ticks * config.reach_bps * BPS)
    moved = run.plan[codes.START] - run.path[:, codes.P_MARK]
    worst, shock = int(moved.argmax()), float(run.plan[codes.SHOCK_KEYS])
    fund = frame["fund"].to_numpy()
    ours = victims.filter("ours")["signed_lots"].abs().sum()
    return pl.DataFrame(
        {
            "amplification": [float(moved[worst]) / shock],
            "amplification_end": [float(moved[-1]) / shock],
            "worst_price": [frame["price"][worst]],
            "end_price": [frame["price"][-1]],
            "liquidated": [frame["liquidated"].sum()],
            "accounts": [frame["triggered"].sum()],
            "fund_draw": [max(0.0, config.fund - float(fund.min()))],
            "uncovered": [max(0.0, -float(fund.min()))],
            "adl": [victims["signed_lots"].abs().sum()],
            "adl_ours": [ours],
            "queued": [frame["queued_lots"][-1]],
            "exhausted": [bool(run.path[worst, codes.P_MARK] <= run.plan[codes.START] - reach)],
        }
    )
