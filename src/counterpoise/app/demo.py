"""`counterpoise demo`: the main job on the embedded simulated market."""

from __future__ import annotations

from pathlib import Path

from counterpoise.app.config import DataConfig, RunConfig
from counterpoise.app.run import Run, run_config
from counterpoise.app.venue_models import ResponseConfig, VenueConfig
from counterpoise.balance.parent import ParentConfig
from counterpoise.core.progress import Progress, silent
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.risk.limits import Limits
from counterpoise.sim.synthetic.market import default_config

__all__ = ["demo", "demo_config"]


def demo_config(*, seed: int = 1, duration: str = "10m") -> RunConfig:
    """Buy 400 BTC of a synthetic perpetual within ten minutes: about a tenth of all that trades."""
    market = default_config(seed=seed, duration=duration)
    return RunConfig(
        name="demo",
        seed=seed,
        data=DataConfig(instrument="sim:BTC-PERP", synthetic=market),
        parent=ParentConfig(side="buy", qty="400", slice="10s", max_participation=0.15, cross_after=0.1, cross_bps=2.0),
        venue=VenueConfig(response=ResponseConfig(impact=TransientImpact(bps_per_million=0.7))),
        limits=Limits(max_order_notional=3_000_000.0, max_position=400.0),
    )


def demo(*, out: Path, seed: int = 1, progress: Progress = silent) -> Run:
    """Run the demonstration into a folder."""
    return run_config(demo_config(seed=seed), config_path=out, out=out, progress=progress)
