"""Leveraged accounts as columns: what each holds, what it can lose, and how many there are of which kind."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.risk.margin_tiers import TierTable

__all__ = [
    "MOST_MONEY",
    "Accounts",
    "AccountsConfig",
    "Drawn",
    "draw_accounts",
    "draw_positions",
    "require_accounts",
    "require_columns",
    "require_solvent",
    "wallets",
]

_BOUNDS: Final[dict[str, tuple[float, float]]] = {  # both ends allowed
    "count": (0, 5_000_000),
    "long_share": (0.0, 1.0),
    "cross_share": (0.0, 1.0),
    "least_leverage": (0.1, 200.0),
    "most_leverage": (0.1, 200.0),
    "notional": (1e-6, 1e12),
    "notional_sigma": (0.0, 4.0),
    "entry_sigma_bps": (0.0, 2000.0),
    "idle_share": (0.0, 100.0),
}
MOST_MONEY: Final = 2**62


class Accounts(NamedTuple):
    """One position an account, linear: money is in units of one tick × one lot, so that it stays whole.

    Attributes
    ----------
    signed_lots : (n,) int64
        Below zero short.
    entry_ticks : (n,) int64
    wallet : (n,) int64
        All that the account holds, unrealised profit aside.
    margin : (n,) int64
        What an isolated position can lose, at most the wallet; not looked at for a cross one, which can lose the wallet.
    cross : (n,) bool
    """

    signed_lots: Int1D
    entry_ticks: Int1D
    wallet: Int1D
    margin: Int1D
    cross: Bool1D

    @property
    def collateral(self) -> Int1D:
        """(n,) what the position can lose."""
        return np.where(self.cross, self.wallet, self.margin)

    def equity(self, price_ticks: int) -> Int1D:
        """(n,) collateral and unrealised profit at a price."""
        return np.asarray(self.collateral + self.signed_lots * (price_ticks - self.entry_ticks))

    def frame(self) -> pl.DataFrame:
        """The columns as they are."""
        return pl.DataFrame(self._asdict())


class AccountsConfig(Config, frozen=True, kw_only=True):
    """A population of accounts.

    Assumes: leverage is log-uniform and independent of size and side, size is lognormal, and nobody is below twice his
    maintenance at the start.

    Parameters
    ----------
    count : int
    long_share, cross_share : float
        Shares of accounts.
    least_leverage, most_leverage : float
        Of the value at entry; no one has more than half of what maintenance alone would allow.
    notional, notional_sigma : float
        Median [quote] and log standard deviation of position values.
    entry_sigma_bps : float
        Standard deviation of entry prices about the price at the start.
    idle_share : float
        What an isolated account holds beside its margin, as a share of it.
    """

    count: int = 100_000
    long_share: float = 0.5
    cross_share: float = 0.5
    least_leverage: float = 2.0
    most_leverage: float = 50.0
    notional: float = 5_000.0
    notional_sigma: float = 1.5
    entry_sigma_bps: float = 100.0
    idle_share: float = 0.5

    def __post_init__(self) -> None:
        for field, (low, high) in _BOUNDS.items():
            value = getattr(self, field)
            if not low <= value <= high:
                raise ConfigError(f"accounts.{field} is {value}; expected {low:g} to {high:g}")
        if self.least_leverage > self.most_leverage:
            raise ConfigError(
                f"accounts.least_leverage is {self.least_leverage:g}; expected at most most_leverage = {self.most_leverage:g}"
            )


class Drawn(NamedTuple):
    """Positions before they are cut to lots: values [quote], sides, leverages, how far entries lie off the price, modes."""

    value: Float1D
    side: Int1D
    leverage: Float1D
    away: Float1D
    cross: Bool1D


def draw_positions(config: AccountsConfig, draw: np.random.Generator, *, cap: float = 1e7) -> Drawn:
    """A random population, the same for any contract.

    Parameters
    ----------
    config : AccountsConfig
    draw : numpy.random.Generator
    cap : float
        Greatest position value drawn [quote].
    """
    n = config.count
    value = np.minimum(config.notional * np.exp(config.notional_sigma * draw.standard_normal(n)), cap)
    side = np.where(draw.random(n) < config.long_share, 1, -1)
    leverage = np.exp(draw.uniform(np.log(config.least_leverage), np.log(config.most_leverage), n))
    away = np.clip(config.entry_sigma_bps * 1e-4 * draw.standard_normal(n), -0.5, 0.5)
    return Drawn(value, side, leverage, away, draw.random(n) < config.cross_share)


def draw_accounts(
    config: AccountsConfig, tiers: TierTable, draw: np.random.Generator, *, price_ticks: int, unit: float, cap: float = 1e7
) -> Accounts:
    """A random population of linear accounts.

    Parameters
    ----------
    config : AccountsConfig
    tiers : TierTable
    draw : numpy.random.Generator
    price_ticks : int
        At the start.
    unit : float
        Quote value of one tick × one lot.
    cap : float
        Greatest position value drawn [quote].
    """
    drawn = draw_positions(config, draw, cap=cap)
    lots = np.maximum(1, np.rint(drawn.value / unit / price_ticks)).astype(np.int64)
    maintenance = tiers.maintenance(np.asarray(lots * (price_ticks * unit), np.float64)) / unit
    entry = np.maximum(1, np.rint(price_ticks * (1 + drawn.away))).astype(np.int64)
    margin = np.maximum(lots * entry / drawn.leverage, 2 * maintenance)
    poor = margin + drawn.side * lots * (price_ticks - entry) < 2 * maintenance
    entry[poor] = price_ticks
    posted = np.ceil(margin).astype(np.int64)
    return Accounts(drawn.side * lots, entry, wallets(posted, drawn.cross, idle_share=config.idle_share), posted, drawn.cross)


def wallets(posted: Int1D, cross: Bool1D, *, idle_share: float) -> Int1D:
    """(n,) what accounts hold: the margin, and if isolated so much beside it."""
    return np.where(cross, posted, posted + (posted * idle_share).astype(np.int64))


def require_accounts(accounts: Accounts, *, price_ticks: int, allow_bankrupt: bool = False) -> None:
    """Refuse columns that cannot be meant.

    Raises
    ------
    InputError
        If lengths or types differ, a price is not positive, an isolated margin exceeds its wallet, an account is bankrupt at
        the price and that is not allowed, or amounts do not fit 62 bits.
    """
    require_columns(accounts, margin=accounts.margin, wallet=accounts.wallet, cross=accounts.cross)
    if not len(accounts.wallet):
        return
    if int(accounts.entry_ticks.min()) <= 0:
        raise InputError(f"entry_ticks of account {int(accounts.entry_ticks.argmin())} is not positive; give ticks above 0")
    size = np.abs(accounts.signed_lots).astype(np.float64)
    highest = np.maximum(accounts.entry_ticks, 2 * price_ticks)
    if float((size * highest).sum() + np.abs(accounts.wallet).astype(np.float64).sum()) >= MOST_MONEY:
        raise InputError("all positions together exceed 2⁶² units of one tick × one lot; choose a coarser tick or lot")
    if not allow_bankrupt:
        require_solvent(accounts.equity(price_ticks), accounts.signed_lots, price_ticks=price_ticks)


def require_columns(columns: tuple[Int1D | Bool1D, ...], *, margin: Int1D, wallet: Int1D, cross: Bool1D) -> None:
    """Refuse columns of different lengths or other types, and isolated margins above their wallets, with `InputError`."""
    lengths = {len(column) for column in columns}
    kinds = [column.dtype for column in columns]
    if len(lengths) > 1 or kinds != [np.int64] * 4 + [np.bool_]:
        raise InputError(
            f"accounts are four int64 columns and one bool of one length; found {kinds}, lengths {sorted(lengths)}"
        )
    over = ~cross & (margin > wallet)
    if over.any():
        raise InputError(f"margin of isolated account {int(over.argmax())} exceeds its wallet; expected at most that")


def require_solvent(equity: Int1D, signed_lots: Int1D, *, price_ticks: int) -> None:
    """Refuse open positions of less than zero equity with `InputError`."""
    broke = (equity < 0) & (signed_lots != 0)
    if broke.any():
        raise InputError(
            f"{int(broke.sum())} accounts are bankrupt at {price_ticks} ticks, the first is {int(broke.argmax())}; "
            "expected equity >= 0: leave them out, or set allow_bankrupt"
        )
