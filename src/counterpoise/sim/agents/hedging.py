"""What option dealers hold, what they hedge, and how their hedges go with the price: forced flow, step by step."""

from __future__ import annotations

import numpy as np
import polars as pl

from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration
from counterpoise.flow.cells import UTC_NS
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels import option_maker as d
from counterpoise.sim.agents.kernels.chain import K_PERP
from counterpoise.sim.agents.world import AgentWorld

__all__ = ["dealer_report", "hedging_path"]

_SCHEMA = {
    "dealer": pl.Int64,
    "perp": pl.Int64,
    "net_delta_lots": pl.Float64,
    "gamma_lots": pl.Float64,
    "vega": pl.Float64,
    "hedges": pl.Int64,
    "perp_lots": pl.Int64,
}


def dealer_report(world: AgentWorld) -> pl.DataFrame:
    """What each option dealer of a world holds, as of his last look.

    Returns
    -------
    DataFrame
        A row a dealer: ``dealer`` (number among the agents), ``perp`` (its market), ``net_delta_lots`` (of the perpetual, his
        hedge with it), ``gamma_lots`` (what net delta gains by a relative move of 1), ``vega`` (premium's money · lots of an
        option for 1.00 of volatility), ``hedges`` sent so far, ``perp_lots`` he holds now.
    """
    rows = []
    for number, line in enumerate(world.lines):
        if line.kind == loop.OPTION_MAKER:
            agent = int(world.world[at.AGENT_ROWS]) + number * at.AGENT_SIZE
            ints, reals = int(world.world[agent + at.A_INTS]), int(world.world[agent + at.A_REALS])
            perp = int(world.world[ints + K_PERP])
            held = (float(world.reals[reals + slot]) for slot in (d.D_NET, d.D_GAMMA, d.D_VEGA))
            hedges = int(world.world[ints + d.D_HEDGES])
            rows.append((number, perp, *held, hedges, world.position_lots(line.account, perp)))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def hedging_path(world: AgentWorld, *, until_ns: int, every: str = "1s") -> pl.DataFrame:
    """Let a world live, its rows unseen, and note at every step what its dealers hedged and how the price moved.

    Parameters
    ----------
    world : AgentWorld
        Lives on: give a copy to keep it.
    until_ns : int
    every : str

    Returns
    -------
    DataFrame
        A row a step and dealer: ``ts`` (its end), ``dealer``, ``gamma_lots`` at its end, ``hedge_lots`` bought in it of the
        perpetual (signed), ``move_bps`` of its mid.

    Raises
    ------
    InputError
        If the world has no option dealer.
    """
    before = dealer_report(world)
    if not before.height:
        raise InputError("this market has no option dealer; give its configuration a chain")
    mids, frames = world.log_mids(), []
    step_ns = parse_duration(every)
    for ts_ns in range(world.now_ns + step_ns, until_ns + 1, step_ns):
        world.pass_unseen(ts_ns)
        now, moved = dealer_report(world), world.log_mids()
        perps = now["perp"].to_numpy()
        columns = {
            "ts": pl.Series(np.full(now.height, ts_ns)).cast(UTC_NS),
            "dealer": now["dealer"],
            "gamma_lots": now["gamma_lots"],
            "hedge_lots": now["perp_lots"] - before["perp_lots"],
            "move_bps": 1e4 * (moved[perps] - mids[perps]),
        }
        frames.append(pl.DataFrame(columns))
        before, mids = now, moved
    return pl.concat(frames)
