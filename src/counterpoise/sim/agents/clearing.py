"""What a clearing house of a world says: its accounts, whom it liquidated and when, what the fund paid, who was deleveraged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS, Grid
from counterpoise.sim.agents.kernels import house as h
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.leverage_config import LeverageConfig
from counterpoise.sim.agents.world import AgentWorld
from counterpoise.sim.exchange.kernels import layout as x
from counterpoise.sim.exchange.kernels.orders import market_at, money_at, position_at
from counterpoise.sim.kernels import liquidation as books
from counterpoise.sim.leverage.accounts import Accounts
from counterpoise.sim.leverage.cascade import Balance

__all__ = ["Clearance", "ClearingHouse"]


class Clearance(NamedTuple):
    """Both sides of a house's books, each in grains and lots: equal at any time between two wakes.

    Attributes
    ----------
    position, held : int
        Lots of the house at the exchange, and of all accounts and its backstop together.
    money, owned : int
        Cash of the house at the exchange less what its position cost, and the same of accounts, backstop and fund.
    """

    position: int
    held: int
    money: int
    owned: int


class ClearingHouse:
    """One house of a world, read and never written.

    Parameters
    ----------
    world : AgentWorld
    number : int
        Its place in `config.leverage`.

    Raises
    ------
    InputError
        If there is no such house.
    """

    def __init__(self, world: AgentWorld, number: int = 0) -> None:
        houses = [row for row, line in enumerate(world.lines) if line.kind == loop.CLEARING]
        if not 0 <= number < len(houses):
            raise InputError(f"house {number}; this world has {len(houses)}: see `leverage` of its config")
        self._world, self._line = world, world.lines[houses[number]]
        self._ints = int(world.world[int(world.world[at.AGENT_ROWS]) + houses[number] * at.AGENT_SIZE + at.A_INTS])
        self.config: LeverageConfig = world.config.leverage[number]

    @property
    def market(self) -> int:
        """Place of its perpetual in the config."""
        return self._line.market

    def accounts(self) -> Accounts:
        """What each holds now; of one that is isolated the wallet is not split."""
        columns, side = self._columns(), self._int(h.H_SIDE)
        signs = np.where(columns[books.TAKER] == 1, side, -side)
        collateral = columns[books.COLLATERAL].copy()
        cross = np.ones(len(collateral), bool)
        return Accounts(signs * columns[books.LOTS], side * columns[books.ENTRY], collateral, collateral, cross)

    def waiting(self) -> Bool1D:
        """(accounts,) whose liquidation is not done."""
        return np.asarray(self._columns()[books.ORDER_LOTS] > 0)

    def fund(self) -> float:
        """Insurance fund [quote]."""
        return self._fund() * self._unit

    def path(self) -> pl.DataFrame:
        """One row a look at the mark.

        Returns
        -------
        pl.DataFrame
            ``step``, ``seconds`` since the market was shown, ``price`` (the mark), ``triggered`` accounts and of them
            ``longs`` and ``shorts``, ``book_lots`` closed in the book and of them ``sold_lots`` and ``bought_lots``,
            ``backstop_lots``, ``adl_lots``, ``queued_lots`` after it, ``liquidated`` value and ``fund`` [quote], ``halted``.
        """
        rows = self._table(h.H_PATH, h.PATH_SIZE)
        step = np.arange(len(rows))
        column = {name: rows[:, slot] for name, slot in _COUNTS.items()}
        return pl.DataFrame(
            {
                "step": step,
                "seconds": step * (self._int(h.H_EVERY_NS) / SECOND_NS),
                "price": Grid(self._tick).values(rows[:, h.T_MARK]),
                "triggered": rows[:, h.T_LONGS] + rows[:, h.T_SHORTS],
                "book_lots": rows[:, h.T_SOLD] + rows[:, h.T_BOUGHT],
                **column,
                "liquidated": rows[:, h.T_VALUE] * self._unit,
                "fund": rows[:, h.T_FUND] * self._unit,
                "halted": rows[:, h.T_HALTED] > 0,
            }
        )

    def by_tier(self) -> pl.DataFrame:
        """Liquidated value [quote] by step and the tier of the position when its order was worked; only rows with some."""
        table = self._table(h.H_BY_TIER, self._int(h.H_TIERS))
        step, tier = np.nonzero(table)
        floors = self.config.margin_rules.tiers.floors
        return pl.DataFrame(
            {"step": step, "tier": tier, "floor": floors[tier], "liquidated": table[step, tier] * self._unit},
            schema={"step": pl.Int64, "tier": pl.Int64, "floor": pl.Float64, "liquidated": pl.Float64},
        )

    def victims(self) -> pl.DataFrame:
        """Deleveraged accounts: ``account``, ``ours``, ``signed_lots`` taken, mean ``price``, ``signed_lots_left``."""
        columns, left = self._columns(), self.accounts().signed_lots
        hit = np.flatnonzero(columns[books.ADL_LOTS])
        lots = columns[books.ADL_LOTS, hit]
        signs = np.where(columns[books.TAKER, hit] == 1, self._int(h.H_SIDE), -self._int(h.H_SIDE))
        ours = (hit == columns.shape[1] - 1) & (self.config.hedge is not None)
        return pl.DataFrame(
            {
                "account": hit,
                "ours": ours,
                "signed_lots": signs * lots,
                "price": np.abs(columns[books.ADL_VALUE, hit]) / np.maximum(lots, 1) * Grid(self._tick).size,
                "signed_lots_left": left[hit],
            }
        )

    def clearance(self) -> Clearance:
        """The house's position and money as the exchange and as its own books have them."""
        ex, account, row = self._world.ex, self._line.account, market_at(self._world.ex, self.market)
        position, currency = position_at(ex, account, self.market), int(ex[row + x.CURRENCY])
        purse = int(self._world.purse[currency])
        accounts, states = self.accounts(), self._states()
        lots, money = int(accounts.signed_lots.sum()), int(accounts.wallet.sum()) + self._fund()
        money -= int((accounts.signed_lots * accounts.entry_ticks).sum())
        for side, state in zip((1, -1), states, strict=True):
            lots += side * int(state[books.BACKSTOP_LOTS])
            money += int(state[books.BACKSTOP_CASH])
        cash = int(ex[money_at(ex, account, currency) + x.CASH]) - purse - int(ex[position + x.COST])
        owned = money * int(ex[row + x.GRAINS]) + self._int(h.H_RESIDUE)
        return Clearance(int(ex[position + x.POSITION_LOTS]), lots, cash, owned)

    def balance(self) -> Balance:
        """Whole amounts of everybody who is not an account, as of a simulated cascade; lots of both sides together."""
        longs, shorts = self._states().astype(object)
        both = longs + shorts
        market, backstop = (int(longs[slot] - shorts[slot]) for slot in (books.MARKET_LOTS, books.BACKSTOP_LOTS))
        return Balance(self._fund(), int(both[books.MARKET_CASH]), market, int(both[books.BACKSTOP_CASH]), backstop)

    @property
    def _tick(self) -> str:
        return self._world.config.tokens[self._world.config.places[self.market].token].tick

    @property
    def _unit(self) -> float:
        token = self._world.config.tokens[self._world.config.places[self.market].token]
        return Grid(token.tick).size * Grid(token.lot).size

    def _int(self, slot: int) -> int:
        return int(self._world.world[self._ints + slot])

    def _states(self) -> Int2D:
        start = self._int(h.H_STATES)
        return self._world.world[start : start + 2 * books.STATE_SIZE].reshape(2, books.STATE_SIZE)

    def _fund(self) -> int:
        return int(self._states()[0 if self._int(h.H_SIDE) > 0 else 1, books.FUND])

    def _columns(self) -> Int2D:
        start, count = self._int(h.H_COLUMNS), self._int(h.H_COUNT)
        return self._world.world[start : start + books.ACCOUNT_FIELDS * count].reshape(books.ACCOUNT_FIELDS, count)

    def _table(self, slot: int, width: int) -> Int2D:
        start, steps = self._int(slot), min(self._int(h.H_STEP), self._int(h.H_STEPS))
        return self._world.world[start : start + steps * width].reshape(steps, width)


_COUNTS = {
    "longs": h.T_LONGS,
    "shorts": h.T_SHORTS,
    "sold_lots": h.T_SOLD,
    "bought_lots": h.T_BOUGHT,
    "backstop_lots": h.T_BACKSTOP,
    "adl_lots": h.T_ADL,
    "queued_lots": h.T_QUEUED,
}
