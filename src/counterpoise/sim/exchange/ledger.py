"""What the accounts of an exchange hold, read from its array."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D, Int2D, Int3D
from counterpoise.sim.exchange.kernels import layout
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.exchange.kernels.readers import profit_of
from counterpoise.sim.exchange.rules import ExchangeConfig

__all__ = ["balance_frame", "position_frame", "total_grains"]


def balance_frame(ex: Int1D, config: ExchangeConfig, accounts: Sequence[str]) -> pl.DataFrame:
    """Money of accounts.

    Parameters
    ----------
    ex : (n,) int64
        The exchange.
    config : ExchangeConfig
    accounts : sequence of str
        Names by number.

    Returns
    -------
    pl.DataFrame
        ``account``, ``currency``, ``grains`` (exact), ``held_grains`` (held back for open spot orders), ``cash`` (float64, in
        the currency). One row each, all currencies of an account together.
    """
    money = _money(ex, config)[: len(accounts)]
    grains = money[:, :, layout.CASH].ravel()
    sizes = np.array([float(config.grain(currency)) for currency in config.currencies])
    return pl.DataFrame(
        {
            "account": np.repeat(np.array(accounts), len(config.currencies)).tolist(),
            "currency": list(config.currencies) * len(accounts),
            "grains": grains,
            "held_grains": money[:, :, layout.HELD].ravel(),
            "cash": grains * np.tile(sizes, len(accounts)),
        }
    )


def position_frame(ex: Int1D, config: ExchangeConfig, accounts: Sequence[str]) -> pl.DataFrame:
    """Positions that are open or ever traded.

    Parameters
    ----------
    ex, config, accounts
        As `balance_frame`.

    Returns
    -------
    pl.DataFrame
        ``account``, ``instrument``, ``signed_lots``, ``cost`` (signed value at which the lots were opened), ``profit``
        (unrealised, at the mark; null without one), ``fees`` and ``funding`` (paid so far), all in grains of the settle
        currency, ``buying_lots`` and ``selling_lots`` (of resting orders), ``traded_lots``. A spot market has no lots, cost or
        profit here.
    """
    rows = _positions(ex, config)[: len(accounts)]
    used = rows[:, :, (layout.POSITION_LOTS, layout.TRADED, layout.BUYING, layout.SELLING)].any(axis=2)
    at, markets = np.nonzero(used)
    held = rows[at, markets]
    names = [rules.instrument.id for rules in config.markets]
    marks = [int(ex[market_at(ex, market) + layout.MARK]) for market in range(len(names))]
    profit = [
        int(profit_of(ex, market, account, marks[market])) if marks[market] else None
        for account, market in zip(at.tolist(), markets.tolist(), strict=True)
    ]
    return pl.DataFrame(
        {
            "account": [accounts[account] for account in at.tolist()],
            "instrument": [names[market] for market in markets.tolist()],
            "signed_lots": held[:, layout.POSITION_LOTS],
            "cost": held[:, layout.COST],
            "profit": pl.Series(profit, dtype=pl.Int64),
            "fees": held[:, layout.FEES_PAID],
            "funding": held[:, layout.FUNDING_PAID],
            "buying_lots": held[:, layout.BUYING],
            "selling_lots": held[:, layout.SELLING],
            "traded_lots": held[:, layout.TRADED],
        }
    )


def total_grains(ex: Int1D, config: ExchangeConfig, currency: int) -> int:
    """Cash − cost of all accounts in a currency [grains], in Python integers: the sum is exact however large."""
    cash = _money(ex, config)[:, currency, layout.CASH]
    settled = [rules.money == config.currencies[currency] for rules in config.markets]
    cost = _positions(ex, config)[:, settled, layout.COST]
    return sum(map(int, cash)) - sum(map(int, cost.ravel()))


def _money(ex: Int1D, config: ExchangeConfig) -> Int3D:
    """A view (accounts, currencies, MONEY_SIZE)."""
    size, start = int(ex[layout.ACCOUNT_SIZE]), int(ex[layout.ACCOUNTS])
    accounts: Int2D = ex[start : start + int(ex[layout.ACCOUNT_COUNT]) * size].reshape(-1, size)
    return accounts[:, layout.FIRST_MONEY :].reshape(len(accounts), len(config.currencies), layout.MONEY_SIZE)


def _positions(ex: Int1D, config: ExchangeConfig) -> Int3D:
    """A view (accounts, markets, POSITION_SIZE)."""
    start, accounts = int(ex[layout.POSITIONS]), int(ex[layout.ACCOUNT_COUNT])
    size = len(config.markets) * layout.POSITION_SIZE
    return ex[start : start + accounts * size].reshape(accounts, len(config.markets), layout.POSITION_SIZE)
