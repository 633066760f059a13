"""The same news in a market of agents, under each lever of the clearing house, and without leverage: a cascade that is lived.

Nothing of the book is assumed: makers step back, followers sell, arbitrageurs carry the fall to other markets, and forced
orders meet whoever is left. All agents, accounts and news are the same in every run, draw by draw; what differs is what the
house does, and what comes of it.
"""

from __future__ import annotations

from typing import Final

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import config_hash
from counterpoise.core.errors import ConfigError
from counterpoise.core.progress import Progress, silent
from counterpoise.core.units import BPS, SECOND_NS, Grid, parse_duration
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.clearing import ClearingHouse
from counterpoise.sim.agents.leverage_config import LeverageConfig
from counterpoise.sim.agents.leverage_lines import leveraged_accounts
from counterpoise.sim.agents.market import open_world
from counterpoise.sim.agents.world import AgentWorld
from counterpoise.sim.exchange.kernels.layout import MARK
from counterpoise.sim.exchange.kernels.orders import market_at
from counterpoise.sim.leverage.cascade import CascadeResult, Comparison
from counterpoise.sim.leverage.cascade_config import LEVERS, Policy

__all__ = ["compare_live", "live_cascade", "marks_without", "with_policy"]

_COUNTED: Final = ("triggered", "longs", "shorts", "book_lots", "sold_lots", "bought_lots", "backstop_lots", "adl_lots")


def compare_live(config: AgentMarketConfig, *, progress: Progress = silent) -> Comparison:
    """Without any lever of the first house's policy, with each alone, and with all.

    Parameters
    ----------
    config : AgentMarketConfig
        With a house and a shock.
    progress : Progress, optional
        Is told the share that is done.

    Returns
    -------
    Comparison
        As of `counterpoise.sim.leverage.cascade`, with one row a second; the move that amplification is measured by is that of
        the same market without leverage.

    Raises
    ------
    ConfigError
        If there is no house or no shock.
    """
    policy = _house(config).policy
    set_levers = [name for name in LEVERS if getattr(policy, name) is not None]
    policies = {"none": Policy()} | {name: Policy(**{name: getattr(policy, name)}) for name in set_levers}
    if len(set_levers) > 1:
        policies["all"] = policy
    without, results = marks_without(config), {}
    for done, (name, lever) in enumerate(policies.items(), start=1):
        progress(done / (len(policies) + 1))
        results[name] = live_cascade(with_policy(config, lever), without=without)
    progress(1.0)
    rows = [result.summary.select(pl.lit(name).alias("policy"), pl.all()) for name, result in results.items()]
    return Comparison(pl.concat(rows), results)


def live_cascade(config: AgentMarketConfig, *, without: Float1D | None = None) -> CascadeResult:
    """One run; ``seconds`` of its frames are since the first shock began.

    Parameters
    ----------
    config : AgentMarketConfig
    without : (seconds,) float64, optional
        As `marks_without`, to spare its run.
    """
    _house(config)
    before, reference = leveraged_accounts(config, 0), marks_without(config) if without is None else without
    world = open_world(config)
    world.pass_unseen(config.end_ns)
    house = ClearingHouse(world)
    path, shocked = house.path(), config.shocks[0]
    begins = parse_duration(shocked.at) / SECOND_NS
    frame = _by_second(path, begins)
    by_tier = house.by_tier().join(path.select("step", second=pl.col("seconds").floor().cast(pl.Int64)), on="step")
    by_tier = by_tier.group_by(pl.col("second").alias("step"), "tier", "floor").agg(pl.col("liquidated").sum())
    summary = _summary(config, house, frame, reference, begins)
    return CascadeResult(
        frame,
        by_tier.sort("step", "tier"),
        house.victims(),
        summary,
        before,
        house.accounts(),
        house.balance(),
        config_hash(config),
    )


def marks_without(config: AgentMarketConfig) -> Float1D:
    """(seconds,) marks of the house's market, second by second from the first that is shown, had nobody leverage."""
    _house(config)
    market = config.perp(config.leverage[0])
    tick = Grid(config.tokens[config.outrights[market].token].tick)
    world = open_world(msgspec.structs.replace(config, leverage=()))
    marks = []
    for ts_ns in range(config.start_ns, config.end_ns, SECOND_NS):
        world.pass_unseen(ts_ns)
        marks.append(tick.value(_mark(world, market)))
    return np.array(marks)


def _mark(world: AgentWorld, market: int) -> int:
    return int(world.ex[market_at(world.ex, market) + MARK])


def _house(config: AgentMarketConfig) -> LeverageConfig:
    if not config.leverage or not config.shocks:
        raise ConfigError(
            f"{len(config.leverage)} [[leverage]] and {len(config.shocks)} [[shocks]]; expected one of each at least: accounts "
            "to be liquidated, and news that sets it off"
        )
    return config.leverage[0]


def with_policy(config: AgentMarketConfig, policy: Policy) -> AgentMarketConfig:
    """The same market with other levers of its first house."""
    first = msgspec.structs.replace(config.leverage[0], policy=policy)
    return msgspec.structs.replace(config, leverage=(first, *config.leverage[1:]))


def _by_second(path: pl.DataFrame, begins: float) -> pl.DataFrame:
    """One row a second: what was counted in it, and what was at its end."""
    counted = [pl.col(name).sum() for name in (*_COUNTED, "liquidated")]
    last = [pl.col(name).last() for name in ("price", "queued_lots", "fund")]
    second = pl.col("seconds").floor().cast(pl.Int64).alias("step")
    frame = path.group_by(second, maintain_order=True).agg(*last, *counted, pl.col("halted").any())
    quote = {"liquidated_quote": pl.col("liquidated"), "fund_quote": pl.col("fund")}
    return frame.with_columns(seconds=pl.col("step") - begins, **quote).select(
        "step", "seconds", "price", *_COUNTED, "queued_lots", "liquidated", "liquidated_quote", "fund", "fund_quote", "halted"
    )


def _summary(
    config: AgentMarketConfig, house: ClearingHouse, frame: pl.DataFrame, reference: Float1D, begins: float
) -> pl.DataFrame:
    """One row as of a simulated cascade; moves are since the shock began, against those without leverage."""
    side = 1 if config.shocks[0].bps < 0 else -1
    price, fund = frame["price"].to_numpy(), frame["fund"].to_numpy()
    first, rows = int(begins), min(len(price), len(reference))
    moved, alone = side * (price[first] - price[first:rows]), side * (reference[first] - reference[first:rows])
    worst, poorest, victims = int(moved.argmax()), float(fund.min()), house.victims()
    draw = max(0.0, house.config.fund - poorest)
    liquidated = float(frame["liquidated"].sum())
    tail = max(1, len(moved) // 10)
    return pl.DataFrame(
        {
            "amplification": [float(moved[worst]) / float(alone.max())],
            "amplification_end": [float(moved[-tail:].mean()) / float(alone[-tail:].mean())],
            "worst_price": [float(price[first + worst])],
            "end_price": [float(price[-1])],
            "liquidated": [liquidated],
            "liquidated_quote": [liquidated],
            "accounts": [frame["triggered"].sum()],
            "fund_draw": [draw],
            "fund_draw_quote": [draw],
            "uncovered": [max(0.0, -poorest)],
            "uncovered_quote": [max(0.0, -poorest)],
            "adl": [victims["signed_lots"].abs().sum()],
            "adl_ours": [victims.filter("ours")["signed_lots"].abs().sum()],
            "queued": [frame["queued_lots"][-1]],
            "exhausted": [bool(moved[worst] >= house.config.reach_bps * BPS * price[0])],
        }
    )
