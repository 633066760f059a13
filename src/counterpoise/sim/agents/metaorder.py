"""A large order worked in the plainest way, and what it does to the price.

The impact of an order is the move of the log price beyond that of the value. The same seed with the order to buy and with the
order to sell is a pair: half the difference has the value, and what else they share, taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float3D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, parse_duration
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.arrays import AgentLine
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels import metaorder as o
from counterpoise.sim.agents.world import AgentWorld, build_world

__all__ = ["impact", "metaorder_line", "metaorder_paths", "with_metaorder"]

_SLIP: Final = 100 * BPS


def metaorder_line(
    config: AgentMarketConfig, market: int, *, side: int, lots: int, child_lots: int, every: str, share: float = 0.0
) -> AgentLine:
    """An agent that works an order from the start of the market on.

    Parameters
    ----------
    config : AgentMarketConfig
    market : int
        Its place in `config.places`.
    side : int
    lots, child_lots : int
        Of the whole order, and of a child at most.
    every : str
        Between children.
    share : float
        Of all that is traded, its own included, that it may be; 0 for the fixed clock alone.

    Raises
    ------
    InputError
        If there is no such market, side, size or share.
    """
    if not 0 <= market < len(config.places) or side not in (1, -1):
        raise InputError(f"market {market}, side {side}: expected a market below {len(config.places)}, and +1 or −1")
    if not (0 < child_lots <= lots and 0 <= share < 1):
        raise InputError(
            f"{child_lots} of {lots} lots at a share of {share}: expected a child of 1 to all lots and a share in [0, 1)"
        )
    ints = {
        o.O_SIDE: side,
        o.O_LOTS: lots,
        o.O_CHILD: child_lots,
        o.O_EVERY_NS: parse_duration(every),
        o.O_START_NS: config.start_ns,
        o.O_VOLUME: -1,
    }
    reals, size = {o.O_SHARE: share, o.O_SLIP: _SLIP}, (o.METAORDER_INTS, o.METAORDER_REALS)
    return AgentLine("metaorder", loop.METAORDER, market, -1, -1, 0, 1.0, ints, reals, size)


def with_metaorder(config: AgentMarketConfig, line: AgentLine) -> AgentWorld:
    """The world of a config and one agent more, who begins at the start of the market."""
    world = build_world(config, extra=[line])
    world.wake_at(len(world.lines) - 1, config.start_ns)
    return world


def metaorder_paths(
    config: AgentMarketConfig, market: int, *, lots: int, child_lots: int, every: str, ends: Sequence[float]
) -> Float3D:
    """How far log price and log value moved since an order began, the order bought and, in the same world, sold.

    Parameters
    ----------
    config : AgentMarketConfig
    market : int
    lots, child_lots, every
        As `metaorder_line`; the order takes lots / child_lots × every.
    ends : sequence of float
        Times at which it is looked at, as multiples of the time that the order takes, increasing.

    Returns
    -------
    (2, n, 2) float64
        Bought and sold, times, price and value. `impact` makes one number of each time.
    """
    duration_ns = -(-lots // child_lots) * parse_duration(every)
    token, moves = config.places[market].token, np.zeros((2, len(ends), 2))
    for row, side in enumerate((1, -1)):
        world = with_metaorder(config, metaorder_line(config, market, side=side, lots=lots, child_lots=child_lots, every=every))
        world.pass_unseen(config.start_ns)
        before = world.log_mids()[market], world.log_values()[token]
        for i, end in enumerate(ends):
            world.pass_unseen(config.start_ns + int(end * duration_ns))
            moves[row, i] = world.log_mids()[market] - before[0], world.log_values()[token] - before[1]
    return moves


def impact(paths: Float3D) -> Float1D:
    """Mean move of the log price in the direction of the order beyond that of the value: no expectation, average over seeds.

    Parameters
    ----------
    paths : (2, n, 2) float64
        As `metaorder_paths`.

    Returns
    -------
    (n,) float64
    """
    gap = paths[:, :, 0] - paths[:, :, 1]
    return np.asarray(0.5 * (gap[0] - gap[1]))
