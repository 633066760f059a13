"""`counterpoise demo`: the main job on the embedded simulated market."""

from __future__ import annotations

from pathlib import Path

import msgspec

from counterpoise.app.config import DataConfig, RunConfig
from counterpoise.app.run import Run, run_config
from counterpoise.balance.parent import ParentConfig
from counterpoise.core.progress import Progress, silent
from counterpoise.risk.limits import Limits
from counterpoise.sim.agents.agent_config import agent_market_config
from counterpoise.sim.agents.option_chain import OptionChainConfig

__all__ = ["demo", "demo_config"]


def demo_config(*, seed: int = 1, duration: str = "10m", tokens: int = 6, venues: int = 2, options: bool = True) -> RunConfig:
    """Buy 75 BTC within ten minutes on one of two venues where agents trade six tokens: a tenth of what trades there."""
    market = agent_market_config(seed=seed, duration=duration, tokens=tokens, venues=venues)
    if options:
        market = msgspec.structs.replace(market, chains=(OptionChainConfig(token="BTC", venue="alpha"),))
    return RunConfig(
        name="demo",
        seed=seed,
        data=DataConfig(instrument="alpha:BTC-PERP", agents=market),
        parent=ParentConfig(side="buy", qty="75", slice="10s", max_participation=0.15, cross_after=0.1, cross_bps=2.0),
        limits=Limits(max_order_notional=1_000_000.0, max_position=75.0),
    )


def demo(*, out: Path, seed: int = 1, progress: Progress = silent) -> Run:
    """Run the demonstration into a folder."""
    return run_config(demo_config(seed=seed), config_path=out, out=out, progress=progress)
