"""What leverage adds to bad news in a market of agents, what each lever of the clearing house changes, and what it costs.

    python benchmarks/live_cascades.py [--seeds 40] [--first 5000]

One token on one venue, perpetual and spot; 20,000 accounts on the perpetual, about 1.2 billion of open interest
(2.5 in part 3). Every comparison is of the same seeds, draw by
draw; intervals are 95 % by bootstrap over seeds.

1. The fall after news of −3 %, as a multiple of that without leverage, by the greatest leverage that accounts have.
2. The same, fund and deleveraging, under each lever less without any, at a greatest leverage of 50.
3. Excess kurtosis of 5-second moves without news, in a market four times as volatile, where liquidations are of every day.
4. Seconds of a minute of market with a million accounts, and without.
"""

from __future__ import annotations

import argparse
import time

import msgspec
import numpy as np
import polars as pl

from counterpoise.balance.comparison.verdict import bootstrap_mean
from counterpoise.core.arrays import Float1D
from counterpoise.core.units import SECOND_NS
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.clearing import ClearingHouse
from counterpoise.sim.agents.leverage_config import LeverageConfig, ShockConfig
from counterpoise.sim.agents.live_cascade import compare_live, live_cascade, marks_without, with_policy
from counterpoise.sim.agents.market import open_world
from counterpoise.sim.leverage.accounts import AccountsConfig
from counterpoise.sim.leverage.cascade_config import (
    Backstop,
    DynamicMargin,
    PartialLiquidation,
    Policy,
    PriceBand,
    Throttle,
    VolatilityAuction,
)

LEVERS = Policy(
    throttle=Throttle(value_per_s=2_000_000.0),
    band=PriceBand(width_bps=10.0),
    auction=VolatilityAuction(trigger_bps=50.0, window="5s", halt="20s"),
    margin=DynamicMargin(after_bps=100.0, factor=0.5),
    backstop=Backstop(value=50_000_000.0, discount_bps=30.0),
    partial=PartialLiquidation(share=0.25),
)


def market(seed: int, *, most: float, count: int = 20_000, notional: float = 20_000.0) -> AgentMarketConfig:
    base = agent_market_config(seed=seed, duration="4m", tokens=1, venues=1)
    accounts = AccountsConfig(count=count, notional=notional * 20_000 / count, most_leverage=most)
    leverage = LeverageConfig(token="BTC", venue="alpha", accounts=accounts, fund=1_000_000.0)
    shock = ShockConfig(bps=-300.0, at="1m", over="20s")
    return msgspec.structs.replace(base, leverage=(leverage,), shocks=(shock,))


def lively(seed: int, *, most: float) -> AgentMarketConfig:
    """Without news, four times as volatile; without leverage where `most` is 0."""
    config = market(seed, most=max(most, 3.0), notional=40_000.0)
    value = msgspec.structs.replace(config.tokens[0].value, vol_annual=2.0)
    tokens = (msgspec.structs.replace(config.tokens[0], value=value),)
    houses = config.leverage if most else ()
    return msgspec.structs.replace(config, tokens=tokens, leverage=houses, shocks=(), duration="15m")


def told(values: Float1D) -> str:
    mean, low, high = bootstrap_mean(values)
    return f"{mean:.3g} [{low:.3g}, {high:.3g}]"


def by_leverage(seeds: range) -> None:
    rows = []
    for most in (5.0, 10.0, 20.0, 50.0, 100.0):
        runs = []
        for seed in seeds:
            config = market(seed, most=most)
            runs.append(live_cascade(config, without=marks_without(config)))
        column = {
            name: np.array([float(run.summary[name][0]) for run in runs])
            for name in ("amplification", "amplification_end", "liquidated", "fund_draw", "adl")
        }
        rows.append({"greatest leverage": most} | {name: told(values) for name, values in column.items()})
    print("1. the fall by greatest leverage\n", pl.DataFrame(rows))


def by_lever(seeds: range) -> None:
    tables = [compare_live(with_policy(market(seed, most=50.0), LEVERS)).frame for seed in seeds]
    rows = []
    for name in tables[0]["policy"]:
        row = {"lever": name}
        for column in ("amplification", "fund_draw", "adl", "liquidated"):
            mine = np.array([float(t.filter(pl.col("policy") == name)[column][0]) for t in tables])
            none = np.array([float(t[column][0]) for t in tables])
            row[column] = told(mine if name == "none" else mine - none)
        rows.append(row)
    print("2. each lever less none (first row: none itself)\n", pl.DataFrame(rows))


def kurtosis(config: AgentMarketConfig) -> float:
    """Excess kurtosis of 5-second moves of the perpetual's mid."""
    world = open_world(config)
    mids = []
    for ts_ns in range(config.start_ns, config.end_ns, 5 * SECOND_NS):
        world.pass_unseen(ts_ns)
        mids.append(float(world.log_mids()[0]))
    change = np.diff(mids)
    change = change - change.mean()
    return float((change**4).mean() / (change**2).mean() ** 2 - 3.0)


def tails(seeds: range) -> None:
    alone = np.array([kurtosis(lively(seed, most=0.0)) for seed in seeds])
    rows = [{"greatest leverage": 0.0, "kurtosis": told(alone), "more than without": ""}]
    for most in (10.0, 25.0, 50.0, 100.0):
        found = np.array([kurtosis(lively(seed, most=most)) for seed in seeds])
        rows.append({"greatest leverage": most, "kurtosis": told(found), "more than without": told(found - alone)})
    print("3. tails by greatest leverage, 0 for none\n", pl.DataFrame(rows))


def cost() -> None:
    rows = []
    for count in (0, 20_000, 1_000_000):
        config = market(1, most=50.0, count=max(count, 1))
        config = config if count else msgspec.structs.replace(config, leverage=())
        world = open_world(config)
        world.pass_unseen(config.start_ns + SECOND_NS)
        start = time.process_time()
        world.pass_unseen(config.end_ns)
        took = time.process_time() - start
        triggered = int(ClearingHouse(world).path()["triggered"].sum()) if count else 0
        size = (world.world.nbytes + world.reals.nbytes) / 2**20
        rows.append({"accounts": count, "CPU s of 4 minutes": round(took, 3), "liquidated": triggered, "MiB": round(size)})
    print("4. what it costs\n", pl.DataFrame(rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=40)
    parser.add_argument("--first", type=int, default=5000)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    pl.Config.set_tbl_cols(12)
    pl.Config.set_tbl_width_chars(180)
    pl.Config.set_fmt_str_lengths(60)
    cost()
    by_leverage(seeds)
    by_lever(seeds)
    tails(seeds)


if __name__ == "__main__":
    main()
