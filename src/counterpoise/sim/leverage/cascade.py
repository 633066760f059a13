"""A shock to a leveraged market: liquidations hit the book, the fall triggers more, the fund pays, winners are deleveraged."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.config import config_hash
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS
from counterpoise.market.book import Levels
from counterpoise.sim.kernels import liquidation as books
from counterpoise.sim.leverage.accounts import Accounts, draw_accounts, require_accounts
from counterpoise.sim.leverage.cascade_config import LEVERS, CascadeConfig, Policy
from counterpoise.sim.leverage.cascade_frames import path_frame, summary_frame, tier_frame, victims_frame
from counterpoise.sim.leverage.cascade_run import Run, advance, open_run, side_of
from counterpoise.sim.leverage.coin_accounts import CoinAccounts, draw_coin_accounts, require_coin_accounts

__all__ = ["Balance", "CascadeResult", "Comparison", "cascade", "compare", "opened", "population", "result_of"]


class Balance(NamedTuple):
    """Whole amounts of everybody who is not an account, in units of one tick × one lot, or in grains of coin; lots signed.

    With cash counted as though positions were paid for in full, what an account holds is ``wallet − signed_lots × entry``, of
    an inverse contract ``wallet + sign × cost``; the sum over accounts, plus fund, market_cash and backstop_cash, is the same
    before and after. So is the sum of all lots.
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
        ``backstop_lots``, ``adl_lots``, ``queued_lots``, ``liquidated`` value and ``fund`` [settle], both in quote too:
        ``liquidated_quote``, ``fund_quote`` at the step's price; ``halted``.
    by_tier : DataFrame
        ``step``, ``tier``, ``floor`` [settle], ``liquidated`` [settle]: the tier is that of the position when its order is
        worked; only rows with something.
    victims : DataFrame
        Deleveraged accounts: ``account``, ``ours``, ``signed_lots`` taken, mean ``price`` [quote], ``signed_lots_left``.
    summary : DataFrame
        One row, see `Comparison`.
    before, after : Accounts or CoinAccounts
        Our own hedge, if any, is the last.
    balance : Balance
    config_hash : str
    """

    frame: pl.DataFrame
    by_tier: pl.DataFrame
    victims: pl.DataFrame
    summary: pl.DataFrame
    before: Accounts | CoinAccounts
    after: Accounts | CoinAccounts
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
        ``policy``, ``amplification``, ``amplification_end``, ``worst_price``, ``end_price``, ``liquidated`` [settle],
        ``liquidated_quote``, ``accounts`` triggered, ``fund_draw`` [settle] at its worst and ``fund_draw_quote`` at the price
        then, ``uncovered`` [settle] below zero and ``uncovered_quote``, ``adl`` lots, ``adl_ours`` lots, ``queued`` lots at the
        end, ``exhausted``: whether the price came to the end of the reach, where nothing trades.
    results : dict of CascadeResult
        By policy: ``none``, each lever alone, and ``all`` where there are several.
    """

    frame: pl.DataFrame
    results: dict[str, CascadeResult]


def cascade(
    config: CascadeConfig, *, accounts: Accounts | CoinAccounts | None = None, resting: Levels | None = None
) -> CascadeResult:
    """Shock a market and let it settle.

    Parameters
    ----------
    config : CascadeConfig
    accounts : Accounts or CoinAccounts, optional
        In place of a drawn population; of the config's contract.
    resting : Levels, optional
        Side of a recorded book that is hit, in the config's ticks and lots, best first; beyond its end the mean lots per tick
        go on. In place of the density of `config.book`.

    Raises
    ------
    InputError
        As `require_accounts` or `require_coin_accounts`, or if accounts are of the other contract, or the book is empty, not
        best first, or of the other side.

    Notes
    -----
    Prices, lots and money are whole; what an inverse contract pays is rounded once an event, down, and booked alike by both
    sides of it. The price at which an account is liquidated is a double rounded to a tick. One position an account, and only
    the side that the shock hurts is liquidated: with a lasting shock the price never passes the start.
    O(accounts + ticks moved + ticks refilled + steps + rankings × accounts).
    """
    held = opened(config, accounts)
    run = open_run(config, held, resting)
    advance(run, 0, config.steps)
    return result_of(config, held, run)


def compare(
    config: CascadeConfig, *, accounts: Accounts | CoinAccounts | None = None, resting: Levels | None = None
) -> Comparison:
    """Without any lever of the config's policy, with each alone, and with all; parameters and errors as `cascade`."""
    set_levers = [name for name in LEVERS if getattr(config.policy, name) is not None]
    policies = {"none": Policy()} | {name: Policy(**{name: getattr(config.policy, name)}) for name in set_levers}
    if len(set_levers) > 1:
        policies["all"] = config.policy
    held = population(config) if accounts is None else accounts
    results = {
        name: cascade(msgspec.structs.replace(config, policy=policy), accounts=held, resting=resting)
        for name, policy in policies.items()
    }
    rows = [result.summary.select(pl.lit(name).alias("policy"), pl.all()) for name, result in results.items()]
    return Comparison(pl.concat(rows), results)


def population(config: CascadeConfig) -> Accounts | CoinAccounts:
    """The accounts that a config draws, without our own hedge."""
    draw, tiers, start = np.random.default_rng(config.seed), config.margin_rules.tiers, config.start_ticks
    if config.coin == 0:
        return draw_accounts(config.accounts, tiers, draw, price_ticks=start, unit=config.unit)
    return draw_coin_accounts(
        config.accounts, tiers, draw, price_ticks=start, coin=config.coin, lot_value=config.lot_value, grain=config.unit
    )


def opened(config: CascadeConfig, accounts: Accounts | CoinAccounts | None) -> Accounts | CoinAccounts:
    """Accounts given or drawn, with our hedge as the last, checked against the config's contract."""
    held = population(config) if accounts is None else accounts
    if isinstance(held, CoinAccounts) != (config.coin > 0):
        raise InputError(
            f"accounts are {type(held).__name__} and contract is {config.contract}; "
            "expected Accounts of a linear contract, CoinAccounts of an inverse one"
        )
    held = _with_hedge(config, held)
    start, broke = config.start_ticks, config.allow_bankrupt
    if isinstance(held, CoinAccounts):
        require_coin_accounts(held, price_ticks=start, coin=config.coin, allow_bankrupt=broke)
    else:
        require_accounts(held, price_ticks=start, allow_bankrupt=broke)
    return held


def _with_hedge(config: CascadeConfig, accounts: Accounts | CoinAccounts) -> Accounts | CoinAccounts:
    if config.hedge is None:
        return accounts
    side, start = side_of(config), config.start_ticks
    lots = max(1, round(config.hedge.notional / config.lot_value))
    entry = start + round(side * start * config.hedge.entry_bps * BPS)
    cost = round(Fraction(lots * config.coin, entry)) if config.coin else lots * entry
    wallet = -(-cost // max(1, round(config.hedge.leverage * 1000))) * 1000
    ours = (-side * lots, cost if config.coin else entry, wallet, wallet, True)
    columns = (np.append(column, np.array([value], column.dtype)) for column, value in zip(accounts, ours, strict=True))
    return type(accounts)(*columns)


def result_of(config: CascadeConfig, accounts: Accounts | CoinAccounts, run: Run) -> CascadeResult:
    """What the arrays say once every step has run."""
    side = side_of(config)
    frame, victims = path_frame(config, run.path), victims_frame(config, run.accounts)
    lost = run.accounts[books.COLLATERAL] - accounts.collateral
    left = np.sign(accounts.signed_lots) * run.accounts[books.LOTS]
    wallet, margin = accounts.wallet + lost, np.where(accounts.cross, accounts.margin, accounts.margin + lost)
    after = accounts._replace(signed_lots=left, wallet=wallet, margin=margin)
    if isinstance(after, CoinAccounts):
        after = after._replace(cost=np.abs(run.accounts[books.BASIS]))
    state = [int(value) for value in run.state]
    balance = Balance(
        state[books.FUND],
        state[books.MARKET_CASH],
        side * state[books.MARKET_LOTS],
        state[books.BACKSTOP_CASH],
        side * state[books.BACKSTOP_LOTS],
    )
    summary = summary_frame(config, run, frame, victims)
    by_tier = tier_frame(config, run.by_tier)
    return CascadeResult(frame, by_tier, victims, summary, accounts, after, balance, config_hash(config))
