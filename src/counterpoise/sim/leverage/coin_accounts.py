"""Accounts of inverse contracts as columns: wallets, margin and profit in whole grains of the coin."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from counterpoise.core.arrays import Bool1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.risk.margin_tiers import TierTable
from counterpoise.sim.leverage.accounts import (
    MOST_MONEY,
    AccountsConfig,
    draw_positions,
    require_columns,
    require_solvent,
    wallets,
)

__all__ = ["CoinAccounts", "draw_coin_accounts", "require_coin_accounts"]

_MOST_LOTS: Final = 2**31


class CoinAccounts(NamedTuple):
    """One inverse position an account; a lot is a fixed amount of the quote, money is in whole grains of the coin.

    A long position of q lots gains ``cost − q coin / P``, a short one the negative, `coin` being the grains that a lot is worth
    at one tick and P the price in ticks.

    Attributes
    ----------
    signed_lots : (n,) int64
        Below zero short.
    cost : (n,) int64
        What the lots were worth where they were entered, fill by fill: the entry price is ``|signed_lots| coin / cost`` ticks.
    wallet : (n,) int64
        All that the account holds, unrealised profit aside.
    margin : (n,) int64
        What an isolated position can lose, at most the wallet; not looked at for a cross one, which can lose the wallet.
    cross : (n,) bool
    """

    signed_lots: Int1D
    cost: Int1D
    wallet: Int1D
    margin: Int1D
    cross: Bool1D

    @property
    def collateral(self) -> Int1D:
        """(n,) what the position can lose."""
        return np.where(self.cross, self.wallet, self.margin)

    def equity(self, price_ticks: int, *, coin: int) -> Int1D:
        """(n,) collateral and unrealised profit at a price, down to a whole grain."""
        return np.asarray(self.collateral + np.sign(self.signed_lots) * self.cost + -self.signed_lots * coin // price_ticks)


def draw_coin_accounts(
    config: AccountsConfig,
    tiers: TierTable,
    draw: np.random.Generator,
    *,
    price_ticks: int,
    coin: int,
    lot_value: float,
    grain: float,
) -> CoinAccounts:
    """A random population of inverse accounts: the values, sides, leverages and entries that linear ones would have.

    Parameters
    ----------
    config : AccountsConfig
    tiers : TierTable
        In coins.
    draw : numpy.random.Generator
    price_ticks : int
        At the start.
    coin : int
        Grains that a lot is worth at one tick.
    lot_value : float
        Of a lot [quote].
    grain : float
        [coins]
    """
    drawn = draw_positions(config, draw)
    lots = np.maximum(1, np.rint(drawn.value / lot_value)).astype(np.int64)
    now = np.asarray(lots * (coin / price_ticks), np.float64)
    cost = np.maximum(1, np.rint(now / (1 + drawn.away))).astype(np.int64)
    maintenance = tiers.maintenance(now * grain) / grain
    margin = np.maximum(cost / drawn.leverage, 2 * maintenance)
    poor = margin + drawn.side * (cost - now) < 2 * maintenance
    cost[poor] = np.rint(now[poor]).astype(np.int64)
    posted = np.ceil(margin).astype(np.int64)
    held = wallets(posted, drawn.cross, idle_share=config.idle_share)
    return CoinAccounts(drawn.side * lots, cost, held, posted, drawn.cross)


def require_coin_accounts(accounts: CoinAccounts, *, price_ticks: int, coin: int, allow_bankrupt: bool = False) -> None:
    """Refuse columns that cannot be meant.

    Raises
    ------
    InputError
        If lengths or types differ, an open position has no cost, an isolated margin exceeds its wallet, amounts do not fit 62
        bits, an account is bankrupt at the price and that is not allowed, or is so at every price.
    """
    require_columns(accounts, margin=accounts.margin, wallet=accounts.wallet, cross=accounts.cross)
    if not len(accounts.wallet):
        return
    size = np.abs(accounts.signed_lots)
    free = (accounts.cost <= 0) & (size > 0)
    if free.any():
        raise InputError(f"cost of account {int(free.argmax())} is not positive; give the grains its lots were worth at entry")
    most = float(size.max())
    worth = _total(size) * coin / (price_ticks * 0.01)  # of all at the end of any reach
    money = max(most * coin, worth + _total(accounts.cost) + _total(accounts.wallet))
    if most >= _MOST_LOTS or money >= MOST_MONEY:
        raise InputError("a position exceeds 2³¹ lots, or all together 2⁶² grains; choose a coarser grain, or a greater lot")
    owed = np.sign(accounts.signed_lots) * accounts.cost + accounts.collateral
    lost = np.where(accounts.signed_lots > 0, owed <= 0, -owed > size * coin) & (size > 0)
    if lost.any():
        raise InputError(f"account {int(lost.argmax())} is bankrupt at every price; leave it out")
    if not allow_bankrupt:
        require_solvent(accounts.equity(price_ticks, coin=coin), accounts.signed_lots, price_ticks=price_ticks)


def _total(column: Int1D) -> float:
    return float(np.abs(column).astype(np.float64).sum())
