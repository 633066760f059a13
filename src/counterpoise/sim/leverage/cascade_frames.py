"""What the arrays of a cascade say: the path, liquidations by tier, who was deleveraged, and one row of it all."""

from __future__ import annotations

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int2D
from counterpoise.core.units import BPS, SECOND_NS, Grid, parse_duration
from counterpoise.sim.kernels import cascade_codes as codes
from counterpoise.sim.kernels import liquidation as books
from counterpoise.sim.leverage.cascade_config import CascadeConfig
from counterpoise.sim.leverage.cascade_run import Run, side_of

__all__ = ["path_frame", "summary_frame", "tier_frame", "victims_frame"]


def path_frame(config: CascadeConfig, path: Int2D) -> pl.DataFrame:
    """A row a step, see `counterpoise.sim.leverage.cascade.CascadeResult`."""
    at = np.arange(len(path))
    price = Grid(config.tick).values(side_of(config) * path[:, codes.P_MARK])
    liquidated, fund = path[:, codes.P_VALUE] * config.unit, path[:, codes.P_FUND] * config.unit
    closed = path[:, codes.P_BOOK] + path[:, codes.P_BACKSTOP] + path[:, codes.P_ADL]
    return pl.DataFrame(
        {
            "step": at,
            "seconds": at * (parse_duration(config.step) / SECOND_NS),
            "price": price,
            "triggered": path[:, codes.P_TRIGGERED],
            "book_lots": path[:, codes.P_BOOK],
            "backstop_lots": path[:, codes.P_BACKSTOP],
            "adl_lots": path[:, codes.P_ADL],
            "queued_lots": path[:, codes.P_QUEUED],
            "liquidated": liquidated,
            "liquidated_quote": closed * config.lot_value if config.coin else liquidated,
            "fund": fund,
            "fund_quote": fund * price if config.coin else fund,
            "halted": path[:, codes.P_HALTED] > 0,
        }
    )


def tier_frame(config: CascadeConfig, by_tier: Int2D) -> pl.DataFrame:
    """A row a step and tier with something in it."""
    step, tier = np.nonzero(by_tier)
    floors: Float1D = config.margin_rules.tiers.floors
    return pl.DataFrame(
        {"step": step, "tier": tier, "floor": floors[tier], "liquidated": by_tier[step, tier] * config.unit},
        schema={"step": pl.Int64, "tier": pl.Int64, "floor": pl.Float64, "liquidated": pl.Float64},
    )


def victims_frame(config: CascadeConfig, columns: Int2D) -> pl.DataFrame:
    """A row an account that was deleveraged, at its mean price: of an inverse contract the harmonic mean."""
    side = side_of(config)
    hit = np.flatnonzero(columns[books.ADL_LOTS])
    lots, worth = columns[books.ADL_LOTS, hit], columns[books.ADL_VALUE, hit]
    ticks = lots * (config.coin / np.abs(worth)) if config.coin else side * worth / lots
    ours = (hit == columns.shape[1] - 1) if config.hedge is not None else np.zeros(len(hit), bool)
    left = -side * columns[books.LOTS, hit]
    return pl.DataFrame(
        {
            "account": hit,
            "ours": ours,
            "signed_lots": -side * lots,
            "price": ticks * Grid(config.tick).size,
            "signed_lots_left": left,
        }
    )


def summary_frame(config: CascadeConfig, run: Run, frame: pl.DataFrame, victims: pl.DataFrame) -> pl.DataFrame:
    """One row, see `counterpoise.sim.leverage.cascade.Comparison`."""
    reach = int(config.start_ticks * config.reach_bps * BPS)
    moved = run.plan[codes.START] - run.path[:, codes.P_MARK]
    worst, shock = int(moved.argmax()), float(run.plan[codes.SHOCK_KEYS])
    fund = frame["fund"].to_numpy()
    poorest = int(fund.argmin())
    draw, uncovered = max(0.0, config.fund_settle - float(fund[poorest])), max(0.0, -float(fund[poorest]))
    in_quote = frame["price"][poorest] if config.coin else 1.0
    ours = victims.filter("ours")["signed_lots"].abs().sum()
    return pl.DataFrame(
        {
            "amplification": [float(moved[worst]) / shock],
            "amplification_end": [float(moved[-1]) / shock],
            "worst_price": [frame["price"][worst]],
            "end_price": [frame["price"][-1]],
            "liquidated": [frame["liquidated"].sum()],
            "liquidated_quote": [frame["liquidated_quote"].sum()],
            "accounts": [frame["triggered"].sum()],
            "fund_draw": [draw],
            "fund_draw_quote": [draw * in_quote],
            "uncovered": [uncovered],
            "uncovered_quote": [uncovered * in_quote],
            "adl": [victims["signed_lots"].abs().sum()],
            "adl_ours": [ours],
            "queued": [frame["queued_lots"][-1]],
            "exhausted": [bool(run.path[worst, codes.P_MARK] <= run.plan[codes.START] - reach)],
        }
    )
