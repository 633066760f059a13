"""The adversary as a participant of the agent market: he trades ahead of the large order that he suspects."""

from __future__ import annotations

from math import exp

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, Grid, parse_duration
from counterpoise.sim.agents.adversary import AdversaryConfig, suspicion_settings
from counterpoise.sim.agents.agent_config import AgentMarketConfig
from counterpoise.sim.agents.arrays import AgentLine
from counterpoise.sim.agents.kernels import ahead as h
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels.suspicion import SUSPICION, forget, mean_evidence
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow
from counterpoise.sim.agents.participants import require_within
from counterpoise.sim.agents.world import AgentWorld

__all__ = ["AheadConfig", "ahead_line", "ahead_report"]


class AheadConfig(Config, frozen=True, kw_only=True):
    """How he trades on his suspicion.

    Parameters
    ----------
    threshold : float
        Score at which he engages [nats]; calibrate it on clean runs (`alarm_threshold`).
    drop : float
        Fall of the score from its peak at which he takes the order for done [nats].
    hold : str
        Longest time he stays engaged.
    most_clips, order_clips : float
        Largest position, largest order, in clips of the token.
    slip_bps, looks_per_s, delay : float, float, str
        How far through the best he goes; how often he looks; his whole way from the venue and back.
    watch : AdversaryConfig
    """

    threshold: float = 14.0
    drop: float = 8.0
    hold: str = "10m"
    most_clips: float = 15.0
    order_clips: float = 0.5
    slip_bps: float = 2.0
    looks_per_s: float = 5.0
    delay: str = "10ms"
    watch: AdversaryConfig = AdversaryConfig()

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "threshold": (0.0, 500.0),
                "drop": (0.1, 500.0),
                "most_clips": (1e-6, 1e6),
                "order_clips": (1e-6, 1e6),
                "slip_bps": (0.0, 500.0),
                "looks_per_s": (0.001, 1_000.0),
            },
        )
        parse_duration(self.hold)
        parse_duration(self.delay)


def ahead_line(config: AgentMarketConfig, market: int, *, ordinary: OrdinaryFlow, ahead: AheadConfig) -> AgentLine:
    """An agent who watches one market and trades ahead there.

    Parameters
    ----------
    config : AgentMarketConfig
    market : int
        Its place in `config.places`.
    ordinary : OrdinaryFlow
        Of that market, fitted on runs without a large order.
    ahead : AheadConfig

    Raises
    ------
    InputError
        If there is no such market.
    """
    if not 0 <= market < len(config.places):
        raise InputError(f"market {market}: expected one below {len(config.places)}")
    token = config.tokens[config.places[market].token]
    clip = token.clip / Grid(token.lot).size
    settings = suspicion_settings(ordinary, ahead.watch)
    nobody = np.zeros(SUSPICION)
    forget(nobody)
    reals = {
        h.H_RATE: ahead.looks_per_s,
        h.H_MOST: ahead.most_clips * clip,
        h.H_CLIP: ahead.order_clips * clip,
        h.H_SLIP: ahead.slip_bps * BPS,
        h.H_THRESHOLD: exp(ahead.threshold),
        h.H_DROP: exp(-ahead.drop),
        **_row(h.H_SUSPECTS, nobody),
        **_row(h.H_SETTINGS, settings),
    }
    size = h.AHEAD_INTS, h.AHEAD_REALS + len(settings)
    ints, delay = {h.H_HOLD_NS: parse_duration(ahead.hold)}, parse_duration(ahead.delay)
    return AgentLine("adversary", loop.AHEAD, market, -1, -1, delay, ahead.looks_per_s, ints, reals, size)


def ahead_report(world: AgentWorld) -> pl.DataFrame:
    """What each adversary of a world knows and did.

    Returns
    -------
    DataFrame
        A row an adversary: ``market``, ``score`` now [nats], ``engaged`` side, ``alarms`` so far, ``position_lots``,
        ``missed`` prints that were gone before he looked.
    """
    rows = []
    for number, line in enumerate(world.lines):
        if line.kind == loop.AHEAD:
            agent = int(world.world[at.AGENT_ROWS]) + number * at.AGENT_SIZE
            ints, reals = int(world.world[agent + at.A_INTS]), int(world.world[agent + at.A_REALS])
            evidence = float(mean_evidence(world.reals[reals + h.H_SUSPECTS : reals + h.H_SETTINGS]))
            rows.append(
                {
                    "market": line.market,
                    "score": float(np.log(evidence)) if evidence > 0 else -np.inf,
                    "engaged": int(world.world[ints + h.H_ENGAGED]),
                    "alarms": int(world.world[ints + h.H_ALARMS]),
                    "position_lots": world.position_lots(line.account, line.market),
                    "missed": int(world.world[ints + h.H_MISSED]),
                }
            )
    return pl.DataFrame(rows)


def _row(start: int, values: Float1D) -> dict[int, float]:
    return {start + i: value for i, value in enumerate(values.tolist())}
