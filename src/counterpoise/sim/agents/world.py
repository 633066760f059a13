"""A world of agents: the arrays of a config, and time passing over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, log
from types import MappingProxyType
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D, UInt2D
from counterpoise.core.errors import ConfigError
from counterpoise.core.jit import address_of
from counterpoise.core.units import SECOND_NS, Grid
from counterpoise.sim.agents.agent_config import AgentMarketConfig, AgentToken
from counterpoise.sim.agents.arrays import AgentLine, Draft, slots
from counterpoise.sim.agents.exchange_rules import MAX_FILLS, exchange_config
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels import loop, values
from counterpoise.sim.agents.kernels.alarms import set_alarm, sort_alarms
from counterpoise.sim.agents.kernels.clearing import wake_clearing
from counterpoise.sim.agents.kernels.wire import position_of
from counterpoise.sim.agents.leverage_lines import house_lines, shock_lines
from counterpoise.sim.agents.option_agents import opening_ticks
from counterpoise.sim.agents.population import population
from counterpoise.sim.exchange.floor import RESERVED_ACCOUNTS, new_exchange
from counterpoise.sim.exchange.kernels import layout as x
from counterpoise.sim.exchange.kernels.codes import REPORT_COLUMNS
from counterpoise.sim.exchange.kernels.control import deposit, open_market, set_tier
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.exchange.kernels.outputs import EXCHANGE_TAPE_COLUMNS
from counterpoise.sim.exchange.rules import ExchangeConfig
from counterpoise.sim.leverage.accounts import Accounts

__all__ = ["AgentWorld", "build_world"]

_TAPE_ROWS: Final = 1 << 15
_MARGIN: Final = 6 * (2 * MAX_FILLS + 8)  # rows that one wake may write: a few sweeps, or many orders that fill nothing
_PROFESSIONALS: Final = frozenset(
    {
        loop.MAKER,
        loop.TREND,
        loop.INFORMED,
        loop.ARBITRAGE,
        loop.AHEAD,
        loop.OPTION_MAKER,
        loop.PARITY,
        loop.CLEARING,
    }
)
_CLIPS: Final = 100_000  # of each token that everyone begins with, in coins and in money


@dataclass(slots=True)
class AgentWorld:
    """The arrays of a market of agents; copies of them all are a copy of the market.

    Attributes
    ----------
    config : AgentMarketConfig
    lines : tuple of AgentLine
        The agents, in the order of their rows; the clock of the grid is the first.
    exchange : ExchangeConfig
    purse : (currencies,) int64
        What every account began with [grains].
    world, reals, rng, ex : arrays
        The state.
    tape, reports : (n, …) int64
        What was said and not yet taken.
    """

    config: AgentMarketConfig
    lines: tuple[AgentLine, ...]
    exchange: ExchangeConfig
    purse: Int1D
    world: Int1D
    reals: Float1D
    rng: UInt2D
    ex: Int1D
    tape: Int2D
    reports: Int2D

    @property
    def now_ns(self) -> int:
        """Time of the last wake."""
        return int(self.world[at.NOW])

    @property
    def messages(self) -> int:
        """Orders, amends and cancels that agents have sent to the matching engine so far."""
        return int(self.world[at.MESSAGES])

    def advance(self, until_ns: int) -> bool:
        """Live up to a time, or until the tape or the reports are nearly full; True when the time was reached.

        Take the rows (`clear`) before you go on.
        """
        if self.config.leverage:
            state = self.world, self.reals, self.rng, self.ex
            self.world[at.CLEARING_CODE] = address_of(wake_clearing, *state, 0)
            self.world[at.UNCROSS_CODE] = address_of(open_market, self.ex, self.tape, self.reports, 0, 0)
        return bool(loop.run(self.world, self.reals, self.rng, self.ex, self.tape, self.reports, until_ns, _MARGIN))

    @property
    def nearly_full(self) -> bool:
        """Whether the tape or the reports have no room for another wake."""
        ex = self.ex
        return bool(ex[x.TAPE_ROWS] > len(self.tape) - _MARGIN or ex[x.REPORT_ROWS] > len(self.reports) - _MARGIN)

    def deposit_of(self, account: int) -> Int1D:
        """What an account began with [grains], by currency."""
        purse = self.purse.copy()
        for line in self.lines:
            if line.account == account and line.funds:
                market = market_at(self.ex, line.market)
                purse[self.ex[market + x.CURRENCY]] += line.funds * self.ex[market + x.GRAINS]
        return purse

    def clear(self) -> None:
        """Forget the rows of tape and reports."""
        self.ex[x.TAPE_ROWS] = self.ex[x.REPORT_ROWS] = 0
        self.world[at.HEARD] = 0

    def widen_tape(self, rows: int) -> None:
        """Make sure that an empty tape has room for so many rows."""
        if len(self.tape) < rows:
            self.tape = np.zeros((rows, EXCHANGE_TAPE_COLUMNS), np.int64)

    def pass_unseen(self, until_ns: int) -> None:
        """Live up to a time and forget what was said."""
        while not self.advance(until_ns):
            self.clear()
        self.clear()

    def copy(self) -> AgentWorld:
        """The same market once more: it lives on alone."""
        return replace(
            self,
            world=self.world.copy(),
            reals=self.reals.copy(),
            rng=self.rng.copy(),
            ex=self.ex.copy(),
            tape=self.tape.copy(),
            reports=self.reports.copy(),
        )

    def wake_at(self, leaf: int, ts_ns: int) -> None:
        """Set the next alarm of an agent."""
        set_alarm(self.world, int(self.world[at.TREE]), int(self.world[at.LEAVES]), leaf, ts_ns)

    def position_lots(self, account: int, market: int) -> int:
        """Signed lots that an account bought in a market; on spot markets of one coin, in all of them together."""
        return int(position_of(self.world, self.ex, account, market))

    def skip_prints(self) -> None:
        """Take no prints from what stands on the tape."""
        self.world[at.HEARD] = self.ex[x.TAPE_ROWS]

    def mid_ticks(self) -> list[int]:
        """Mid of every market at the last step of the grid [ticks], to the nearest."""
        return [round(float(np.exp(mid))) for mid in self.reals[self.market_rows()[:, at.M_STATS] + at.S_MID]]

    def log_mids(self) -> Float1D:
        """Log mid of every market since the opening, at the last step of the grid."""
        stats = self.market_rows()[:, at.M_STATS]
        return np.asarray(self.reals[stats + at.S_MID] - self.reals[stats + at.S_OPEN])

    def log_indices(self) -> Float1D:
        """Log index of every token since the opening, the mean of its spot markets', and after the last that of the whole."""
        count, start = len(self.config.tokens), int(self.world[at.TOKEN_ROWS])
        rows = start + at.TOKEN_SIZE * np.arange(count)
        return np.append(self.reals[rows + at.V_INDEX], self.reals[start + count * at.TOKEN_SIZE])

    def log_values(self) -> Float1D:
        """Log value of every token since the opening: hidden from those who trade."""
        rows = self.world[at.TOKEN_ROWS] + at.TOKEN_SIZE * np.arange(len(self.config.tokens))
        return np.asarray(self.reals[rows + at.V_LOG])

    def traded_lots(self) -> Int1D:
        """Lots traded so far on every market."""
        rows = self.market_rows()
        return np.asarray(rows[:, at.M_BUYS] + rows[:, at.M_SELLS])

    def market_rows(self) -> Int2D:
        """Rows of the markets (`kernels.layout`, ``M_…``), not copied."""
        start, count = int(self.world[at.MARKET_ROWS]), len(self.exchange.markets)
        return self.world[start : start + count * at.MARKET_SIZE].reshape(count, at.MARKET_SIZE)


def build_world(
    config: AgentMarketConfig,
    *,
    extra: Sequence[AgentLine] = (),
    own_accounts: int = 0,
    leveraged: Mapping[int, Accounts] = MappingProxyType({}),
) -> AgentWorld:
    """The world at its opening: everyone is about to wake, patient traders first, who fill the books.

    Parameters
    ----------
    config : AgentMarketConfig
    extra : sequence of AgentLine
        More agents, after those of the config: these live as they would without them.
    own_accounts : int
        Accounts of ours, numbered after all agents'.
    leveraged : mapping of int to Accounts
        In place of those that `config.leverage` draws, by its place there.
    """
    draft = Draft()
    draft.add_ints(np.zeros(at.HEADER, np.int64))
    lines = population(config, draft)
    last = (*extra, *house_lines(config, draft, leveraged))
    lines += [line._replace(account=RESERVED_ACCOUNTS + len(lines) + i) for i, line in enumerate(last)]
    accounts = len(lines) + own_accounts
    lines += shock_lines(config)
    clock = AgentLine("clock", loop.GRID, -1, -1, -1, 0, SECOND_NS / config.fundamental.step_ns, {}, {}, (0, 0))
    lines = [clock, *lines]
    outbox = {at.OUTBOX: draft.add_ints(np.zeros(at.OUTBOX_LEN * at.OUT_SIZE, np.int64))}
    header = outbox | _add_values(config, draft) | _add_markets(config, draft) | _add_agents(draft, lines)
    world, reals = draft.finish()
    for slot, value in header.items():
        world[slot] = value
    world[at.NOW], world[at.GRID_NS] = config.opening_ns, config.fundamental.step_ns
    seeds = np.random.SeedSequence(config.seed).spawn(3)
    rng = seeds[0].generate_state(4 * len(lines), np.uint64).reshape(len(lines), 4).astype(np.uint64)
    rules = exchange_config(config, accounts=accounts)
    made = AgentWorld(
        config,
        tuple(lines),
        rules,
        _purse(config, rules),
        world,
        reals,
        rng,
        new_exchange(rules),
        np.zeros((_TAPE_ROWS, EXCHANGE_TAPE_COLUMNS), np.int64),
        np.zeros((_TAPE_ROWS, REPORT_COLUMNS), np.int64),
    )
    _open_accounts(made)
    _set_alarms(made, np.random.default_rng(seeds[1]))
    return made


def _add_values(config: AgentMarketConfig, draft: Draft) -> dict[int, int]:
    """Factors and tokens."""
    clusters = sorted({token.cluster for token in config.tokens})
    factors = 1 + len(clusters) + len(config.tokens)
    head = slots(values.F_FIRST, {values.F_COUNT: factors})
    head[values.F_SIGMA : values.F_SIGMA + values.SCALES] = config.fundamental.vol_sigmas
    head[values.F_FADE : values.F_FADE + values.SCALES] = config.fundamental.fades
    at_factors = draft.add_reals(np.concatenate([head, np.zeros(factors * values.FACTOR_SIZE)]))
    weight = sum(token.weight for token in config.tokens)
    rows = [
        slots(
            at.TOKEN_SIZE,
            {
                at.V_ACTIVITY: 1.0,
                at.V_VOL: config.fundamental.step_vol(token.value),
                at.V_MARKET_LOADING: token.value.market_loading,
                at.V_CLUSTER_LOADING: token.value.cluster_loading,
                at.V_OWN_LOADING: token.value.own_loading,
                at.V_CLUSTER: 1 + clusters.index(token.cluster),
                at.V_JUMP_RATE: config.fundamental.jump_chance(token.value),
                at.V_JUMP_SIGMA: config.fundamental.jump_sigma(token.value),
                at.V_WEIGHT: token.weight / weight,
            },
        )
        for token in config.tokens
    ]
    return {
        at.TOKENS: len(config.tokens),
        at.FACTORS: at_factors,
        at.TOKEN_ROWS: draft.add_reals(np.concatenate([*rows, np.zeros(1)])),
        at.HISTORY: draft.add_reals(np.zeros(len(config.tokens) * at.HISTORY_LEN)),
    }


def _add_markets(config: AgentMarketConfig, draft: Draft) -> dict[int, int]:
    """Statistics, prints and rows of markets."""
    spot = "spot" in config.kinds
    rows = []
    for place in config.places:
        token = config.tokens[place.token]
        opening = log(round(token.price / Grid(token.tick).size))
        if place.kind == "option":
            opening = log(max(opening_ticks(config, config.chains[place.chain])[place.option], 1.0))
        variance = config.fundamental.step_vol(token.value) ** 2 * SECOND_NS / config.fundamental.step_ns
        stats = {at.S_OPEN: opening, at.S_MID: opening}
        stats |= {at.S_VAR + k: variance for k in range(at.VARS)} | {at.S_EMA + k: opening for k in range(at.EMAS)}
        row = {
            at.M_TOKEN: place.token,
            at.M_PRINTS: draft.add_ints(np.zeros(at.PRINTS_LEN * at.PRINT_SIZE, np.int64)),
            at.M_STATS: draft.add_reals(slots(at.STATS_SIZE, stats)),
            at.M_COINS: _coin_lots(token) if place.kind == "spot" else 0,
            at.M_WEIGHT: int(place.kind == ("spot" if spot else "perp")),
        }
        rows.append(slots(at.MARKET_SIZE, row).astype(np.int64))
    return {at.MARKETS: len(rows), at.MARKET_ROWS: draft.add_ints(np.concatenate(rows))}


def _add_agents(draft: Draft, lines: Sequence[AgentLine]) -> dict[int, int]:
    """Slices and rows of agents, and the clock with every alarm off."""
    rows = []
    for stream, line in enumerate(lines):
        row = {
            at.A_KIND: line.kind,
            at.A_ACCOUNT: line.account,
            at.A_MARKET: line.market,
            at.A_OTHER: line.other,
            at.A_INTS: draft.add_ints(slots(line.sizes[0], line.ints).astype(np.int64)),
            at.A_REALS: draft.add_reals(slots(line.sizes[1], line.reals)),
            at.A_STREAM: stream,
            at.A_DELAY_NS: line.delay_ns,
        }
        rows.append(slots(at.AGENT_SIZE, row).astype(np.int64))
    leaves = 1 << max(len(lines) - 1, 1).bit_length()
    return {
        at.AGENTS: len(lines),
        at.AGENT_ROWS: draft.add_ints(np.concatenate(rows)),
        at.LEAVES: leaves,
        at.TREE: draft.add_ints(np.full(2 * leaves, at.NEVER, np.int64)),
    }


def _purse(config: AgentMarketConfig, rules: ExchangeConfig) -> Int1D:
    """Coins of each token with a spot market, and as much in money."""
    purse = dict.fromkeys(rules.currencies, 0)
    for token in config.tokens:
        purse["USDT"] += int(_CLIPS * token.clip * token.price / rules.grain("USDT"))
    for market, place in zip(rules.markets, config.places, strict=True):
        if place.kind == "spot":
            purse[market.instrument.base] = _coin_lots(config.tokens[place.token]) * rules.base_grains(market)
    for currency, grains in purse.items():
        if grains >= 2**58:
            raise ConfigError(
                f"everyone would begin with {grains:.3g} grains of {currency}; expected below 2⁵⁸: give a token a smaller clip"
            )
    return np.array(list(purse.values()), np.int64)


def _coin_lots(token: AgentToken) -> int:
    return int(_CLIPS * token.clip / Grid(token.lot).size)


def _open_accounts(made: AgentWorld) -> None:
    """Everyone begins with coins for every spot market and money for as much; professionals pay their fees."""
    ex = made.ex
    for account in range(RESERVED_ACCOUNTS, ex[x.ACCOUNT_COUNT]):
        for currency, grains in enumerate(made.deposit_of(account)):
            deposit(ex, account, currency, grains)
    for line in made.lines:
        if line.kind in _PROFESSIONALS:
            set_tier(ex, line.account, 1)


def _set_alarms(made: AgentWorld, rng: np.random.Generator) -> None:
    """First wakes, spread over the mean time between an agent's wakes; the grid and patient traders begin at once."""
    tree, opening = int(made.world[at.TREE]), made.config.opening_ns
    spread = rng.random(len(made.lines))
    for leaf, line in enumerate(made.lines):
        at_once = line.kind in (loop.GRID, loop.PATIENT)
        wait = 0.0 if at_once else spread[leaf] / line.rate
        made.world[tree + leaf] = line.begins_ns or opening + ceil(wait * SECOND_NS)
    sort_alarms(made.world, tree, int(made.world[at.LEAVES]))
