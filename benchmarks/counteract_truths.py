"""What standing policies against an imbalance earn and what they do to the price, in the agent market, on paired seeds.

    python benchmarks/counteract_truths.py [--seeds 24] [--first 7000] [--jobs 2] [--part thin|guard|all]

One token on one venue, perpetual and spot. Every comparison is of the same seeds, draw by draw, so that what differs is the
policy and what comes of it; intervals are 95 % by bootstrap over seeds.

1. Liquidity on the thin side of the perpetual for three minutes, with and without stepping back, against doing nothing:
   profit, what is held at the end, orders; realised volatility of one-second moves, and depth of the thinner side within 5 bps.
2. A block of the perpetual sold after news of -30 bps, with 20,000 leveraged accounts near: unwound by the risk alone, with a
   guard that knows the map of all accounts, with one that estimates it from open interest, and not at all: value liquidated,
   cost against the mid before, share done.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Final

import msgspec
import numpy as np
import polars as pl
from joblib import Parallel, delayed

from counterpoise.balance.comparison.verdict import bootstrap_mean
from counterpoise.balance.counteract.budget import RiskBudget
from counterpoise.balance.counteract.gauges import GaugesConfig
from counterpoise.balance.counteract.guard import ClusterGuard, ClusterGuardConfig
from counterpoise.balance.counteract.liquidation_map import LiquidationMap, estimate_map, map_of_accounts
from counterpoise.balance.counteract.step_back import Band, StepBack
from counterpoise.balance.counteract.thin_side import ThinSide, ThinSideConfig
from counterpoise.balance.counteract.unwind import BlockUnwind, BlockUnwindConfig
from counterpoise.balance.execution import Execution, PlaceOrder, Seen
from counterpoise.core.units import BPS, SECOND_NS
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.event import Events
from counterpoise.market.order import Approved, Fill
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.clearing import ClearingHouse
from counterpoise.sim.agents.leverage_config import LeverageConfig, ShockConfig
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency
from counterpoise.sim.leverage.accounts import AccountsConfig

LATENCY: Final = ConstantLatency(order="5ms", ack="5ms", feed="5ms")
STEP_NS: Final = SECOND_NS // 2
IMPACT: Final = TransientImpact(bps_per_million=1.5, permanent=0.2, half_lives=("2s", "20s"))
BLOCK_LOTS: Final = 400_000
Made = Callable[[AgentVenue], Execution | None]


def live(
    config: AgentMarketConfig, made: Made, *, from_s: int
) -> tuple[AgentVenue, Execution | None, list[Fill], np.ndarray, np.ndarray]:
    """The market with an execution: fills, mids by second and depth of the thinner side by second since it was made."""
    venue = AgentVenue(config, latency=LATENCY)
    name = venue.instruments[0].id
    start_ns, end_ns = venue.span_ns[0] + from_s * SECOND_NS, venue.span_ns[1]
    warm: list[Events] = []
    for ts_ns in range(venue.span_ns[0], start_ns, SECOND_NS):
        venue.advance(ts_ns)
        warm += [events for instrument, events in venue.market() if instrument.id == name]
    one = made(venue)
    fills: list[Fill] = []
    mids, depths, others = [], [], 0
    for ts_ns in range(start_ns, end_ns, STEP_NS):
        venue.advance(ts_ns)
        arrived = warm + [events for instrument, events in venue.market() if instrument.id == name]
        warm = []
        heard = venue.events()
        fills += [event for event in heard if isinstance(event, Fill)]
        top = venue.top(name)
        if one is not None:
            for event in heard:
                one.hear(event)
            for action in one.step(ts_ns, {name: Seen(top, others, tuple(arrived))}):
                venue.submit(Approved(action.order)) if isinstance(action, PlaceOrder) else venue.cancel(action.client_id)
        if (ts_ns - start_ns) % SECOND_NS == 0:
            mid = (top.bid_ticks + top.ask_ticks) / 2
            mids.append(mid)
            reach = max(1, int(mid * 5 * BPS))
            bids, asks = venue.depth_rows(name, np.array([int(mid) - reach, int(mid) + 1, int(mid) + reach], np.int64))
            depths.append(min(bids, -asks))
    return venue, one, fills, np.array(mids), np.array(depths)


# liquidity on the thin side


def thin_side(*, step_back: bool) -> Made:
    bands = {"adverse_bps": Band(leave=3.0, enter=1.5), "volatility_bps": Band(leave=4.0, enter=2.0)} if step_back else {}
    config = ThinSideConfig(
        clip="0.5",
        kappa=1.5,
        intensity=0.5,
        gamma=0.02,
        edge_bps=3.0,  # a maker pays 1 bps, and is met by those who know more than the mean
        gauges=GaugesConfig(bucket_qty="20"),
        step_back=StepBack(bands=bands),
    )
    budget = RiskBudget(max_inventory="5", max_loss=2_000.0, max_orders_per_s=4)
    return lambda venue: ThinSide("t", venue.instruments[0], config, budget=budget, start_ns=venue.span_ns[0])


def thin_row(seed: int, name: str) -> dict[str, object]:
    made: Made = (lambda _: None) if name == "nothing" else thin_side(step_back=name == "steps back")
    config = agent_market_config(seed=seed, duration="4m", tokens=1, venues=1)
    venue, one, fills, mids, depths = live(config, made, from_s=60)
    row: dict[str, object] = {"seed": seed, "policy": name, "profit": 0.0, "held": 0.0, "filled": 0.0, "away": 0.0}
    if isinstance(one, ThinSide):
        instrument = one.instrument
        row |= {
            "profit": one.budgeted.profit(venue.top(instrument.id)),
            "held": abs(instrument.qty(one.budgeted.signed_lots)),
            "filled": instrument.qty(sum(fill.qty_lots for fill in fills)),
            "away": float(sum(note.what == "steps back" for note in one.notes)),
        }
    moves = np.diff(np.log(mids)) / BPS
    return row | {
        "volatility": float(np.sqrt((moves**2).mean())),
        "depth": float(depths.mean()),
        "least depth": float(np.percentile(depths, 5)),
    }


# a block beside a cluster


def leveraged(seed: int) -> AgentMarketConfig:
    base = agent_market_config(seed=seed, duration="4m", tokens=1, venues=1)
    house = LeverageConfig(token="BTC", venue="alpha", accounts=AccountsConfig(count=20_000, notional=20_000.0))
    return msgspec.structs.replace(base, leverage=(house,), shocks=(ShockConfig(bps=-30.0, at="30s", over="20s"),))


def known_map(venue: AgentVenue) -> LiquidationMap:
    instrument, house = venue.instruments[0], ClearingHouse(venue.world)
    rules = house.config.margin_rules
    return map_of_accounts(house.accounts(), rules, tick=instrument.price_grid.size, lot=instrument.qty_grid.size)


def estimated_map(venue: AgentVenue) -> LiquidationMap:
    """Everyone entered within 1 % of the price at the start, with leverage log-uniform from 2 to 50."""
    instrument, house = venue.instruments[0], ClearingHouse(venue.world)
    top, lots = venue.top(instrument.id), house.accounts().signed_lots
    mark = instrument.price((top.bid_ticks + top.ask_ticks) // 2)
    entries = [(mark * (1 + away), float(np.exp(-((away / 0.01) ** 2) / 2))) for away in np.linspace(-0.03, 0.03, 25)]
    leverages = [(float(leverage), 1.0) for leverage in np.geomspace(2, 50, 20)]
    interest = float(np.maximum(lots, 0).sum()) * instrument.qty_grid.size * mark
    return estimate_map(interest, house.config.margin_rules, mark=mark, entries=entries, leverages=leverages, typical=60_000.0)


def seller(name: str) -> Made:
    def made(venue: AgentVenue) -> Execution | None:
        if name == "nobody":
            return None
        instrument = venue.instruments[0]
        qty = instrument.qty_grid.decimal(BLOCK_LOTS)
        config = BlockUnwindConfig(side="sell", qty=str(qty), impact=IMPACT, risk_aversion=0.05, cross_bps=20.0, slowest="30s")
        block = BlockUnwind("u", instrument, config, start_ns=venue.span_ns[0])
        if name == "unguarded":
            return block
        levels = known_map(venue) if name == "known map" else estimated_map(venue)
        terms = ClusterGuardConfig(most_set_off=100_000.0, impact=IMPACT, sigmas=2.0)
        return ClusterGuard(block, terms, maps={instrument.id: levels})

    return made


def guard_row(seed: int, name: str) -> dict[str, object]:
    venue, _, fills, mids, _ = live(leveraged(seed), seller(name), from_s=60)
    path = ClearingHouse(venue.world).path().filter(pl.col("seconds") >= 60)
    lots = sum(fill.qty_lots for fill in fills)
    paid = sum((mids[0] - fill.price_ticks) * fill.qty_lots for fill in fills)
    return {
        "seed": seed,
        "policy": name,
        "liquidated": float(path["liquidated"].sum()) / 1e6,
        "worst bps": float((mids[0] - mids.min()) / mids[0] / BPS),
        "cost bps": paid / lots / mids[0] / BPS if lots else 0.0,
        "done": lots / BLOCK_LOTS,
    }


def told(rows: list[dict[str, object]], first: str) -> pl.DataFrame:
    """Means with intervals; of all but the first policy, of the difference to it."""
    frame = pl.DataFrame(rows)
    base = frame.filter(policy=first).sort("seed")
    out = []
    for name in frame["policy"].unique(maintain_order=True):
        mine, row = frame.filter(policy=name).sort("seed"), {"policy": name}
        for column in frame.columns[2:]:
            values = mine[column].to_numpy() - (0.0 if name == first else base[column].to_numpy())
            mean, low, high = bootstrap_mean(values)
            row[column] = f"{mean:.4g} [{low:.3g}, {high:.3g}]"
        out.append(row)
    return pl.DataFrame(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--first", type=int, default=7000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--part", choices=("thin", "guard", "all"), default="all")
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.seeds)
    pl.Config.set_tbl_cols(12)
    pl.Config.set_tbl_width_chars(200)
    pl.Config.set_fmt_str_lengths(60)
    parts = {
        "thin": ("1. thin side (first row itself, others less it)", thin_row, ("nothing", "works on", "steps back")),
        "guard": (
            "2. guard (first row itself, others less it)",
            guard_row,
            ("unguarded", "known map", "estimated map", "nobody"),
        ),
    }
    for part, (title, row, names) in parts.items():
        if options.part in (part, "all"):
            rows = Parallel(n_jobs=options.jobs)(delayed(row)(seed, name) for seed in seeds for name in names)
            print(title, "\n", told(rows, names[0]))


if __name__ == "__main__":
    main()
