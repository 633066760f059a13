"""What `counterpoise run` reads: one TOML file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from counterpoise.app.panels import PANEL_FRAMES
from counterpoise.app.venue_models import VenueConfig
from counterpoise.balance.parent import ParentConfig
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import parse_decimal, parse_duration
from counterpoise.flow.measures import DEFAULT_BANDS_BPS, QuoteSource
from counterpoise.risk.limits import Limits
from counterpoise.sim.synthetic.market import MarketConfig

__all__ = ["DataConfig", "FlowConfig", "ReportConfig", "RunConfig", "VenueConfig", "recordings"]

DATA_VARIABLE: Final = "COUNTERPOISE_DATA"


class DataConfig(Config, frozen=True, kw_only=True):
    """Where market events come from: recordings, a lake, or the synthetic market.

    Parameters
    ----------
    instrument : str
        ``venue:symbol`` that the parent trades.
    captures : tuple of str
        Raw recordings of it, under `root`.
    root : str
        Folder of the captures, relative to the configuration file; the environment's COUNTERPOISE_DATA goes first.
    lake : str
        A lake that holds it already, relative to the configuration file.
    min_notional : str
        Least order value the venue takes [quote], which recordings do not say; ``""`` as the instrument has it.
    start, end : str
        Range of ts_local, ISO; ``""`` for all.
    synthetic : MarketConfig, optional
        The embedded simulated market.
    """

    instrument: str
    captures: tuple[str, ...] = ()
    root: str = "."
    lake: str = ""
    min_notional: str = ""
    start: str = ""
    end: str = ""
    synthetic: MarketConfig | None = None

    def __post_init__(self) -> None:
        if sum((bool(self.captures), bool(self.lake), self.synthetic is not None)) != 1:
            raise ConfigError("[data] needs exactly one of captures, lake and [data.synthetic]")
        if self.min_notional and parse_decimal(self.min_notional, what="min_notional") < 0:
            raise ConfigError(f"[data] min_notional must not be negative, found {self.min_notional}")


class FlowConfig(Config, frozen=True, kw_only=True):
    """How flow is measured along the way."""

    every: str = "1s"
    quotes: QuoteSource = "depth"
    bands_bps: tuple[float, ...] = DEFAULT_BANDS_BPS
    stale_after: str = "10s"


class ReportConfig(Config, frozen=True, kw_only=True):
    """What the report tells of the market besides the order.

    Parameters
    ----------
    panels : tuple of str
        Keys of `counterpoise.app.panels.PANEL_FRAMES`. All but ``profile`` have a kernel of their own, which takes 3 to 12 s of
        a core to compile before its first run on a machine.
    """

    panels: tuple[str, ...] = ("sized_flow", "footprint", "profile", "absorption")

    def __post_init__(self) -> None:
        for name in self.panels:
            if name not in PANEL_FRAMES:
                raise UnknownName("panel in [report] panels", name, PANEL_FRAMES)
        if len(set(self.panels)) < len(self.panels):
            raise ConfigError(f"[report] panels names one twice: {', '.join(self.panels)}; name each once")


class RunConfig(Config, frozen=True, kw_only=True):
    """One run.

    Parameters
    ----------
    name : str
        Prefix of client order ids, and the default output folder.
    seed : int
        Of every random draw.
    decide_every : str
        Time between decisions.
    start_after, end_before : str
        The parent begins that long after the data begins, and ends that long before it ends.
    """

    name: str
    data: DataConfig
    parent: ParentConfig
    seed: int = 1
    decide_every: str = "100ms"
    start_after: str = "10s"
    end_before: str = "10s"
    flow: FlowConfig = FlowConfig()
    venue: VenueConfig = VenueConfig()
    limits: Limits = Limits()
    report: ReportConfig = ReportConfig()

    def __post_init__(self) -> None:
        for text in (self.decide_every, self.start_after, self.end_before):
            parse_duration(text)


def recordings(data: DataConfig, config_path: Path) -> list[Path]:
    """Capture files of a configuration; all of them must be there.

    Raises
    ------
    ConfigError
        If one is missing.
    """
    root = Path(os.environ.get(DATA_VARIABLE) or config_path.parent / data.root)
    paths = [root / name for name in data.captures]
    for path in paths:
        if not path.is_file():
            raise ConfigError(f"{config_path}: no recording at {path}; set {DATA_VARIABLE} or [data] root to where it lies")
    return paths
