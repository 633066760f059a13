"""What moves the values of tokens: factors with volatilities of several time scales, and jumps."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import BPS, DAY_NS, SECOND_NS, parse_duration
from counterpoise.sim.agents.kernels.values import SCALES

__all__ = ["FundamentalConfig", "TokenValue"]

_YEAR_S: Final = 365 * DAY_NS / SECOND_NS


class TokenValue(Config, frozen=True, kw_only=True):
    """How the value of a token moves; each part a share of its variance.

    Parameters
    ----------
    vol_annual : float
        As a fraction; 365 days a year.
    market_loading, cluster_loading : float
        Correlation with the common and the cluster's factor; their squares sum to less than one, the rest is its own.
    jumps_per_day, jump_bps : float
        How often the value jumps, and the standard deviation of a jump.
    """

    vol_annual: float = 0.5
    market_loading: float = 0.8
    cluster_loading: float = 0.4
    jumps_per_day: float = 0.0
    jump_bps: float = 20.0

    def __post_init__(self) -> None:
        for name, low, high in (
            ("vol_annual", 0.0, 20.0),
            ("market_loading", -1.0, 1.0),
            ("cluster_loading", -1.0, 1.0),
            ("jumps_per_day", 0.0, 86_400.0),
            ("jump_bps", 0.0, 5_000.0),
        ):
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}; expected {low:g} to {high:g}")
        shared = self.market_loading**2 + self.cluster_loading**2
        if shared >= 1:
            raise ConfigError(
                f"market_loading² + cluster_loading² is {shared:g}; expected less than 1, the rest is its own noise"
            )

    @property
    def own_loading(self) -> float:
        """√(1 − market² − cluster²)."""
        return float(np.sqrt(1 - self.market_loading**2 - self.cluster_loading**2))


class FundamentalConfig(Config, frozen=True, kw_only=True):
    """Volatility of the factors, and the grid on which values move.

    Parameters
    ----------
    step : str
        Grid of values and of everyone's statistics.
    vol_times : tuple of str
        Fading times of the parts of log volatility, four.
    vol_sigmas : tuple of float
        Their stationary standard deviations.
    """

    step: str = "100ms"
    vol_times: tuple[str, ...] = ("4s", "1m", "15m", "4h")
    vol_sigmas: tuple[float, ...] = (0.3, 0.3, 0.3, 0.3)

    def __post_init__(self) -> None:
        if len(self.vol_times) != SCALES or len(self.vol_sigmas) != SCALES:
            raise ConfigError(f"{len(self.vol_times)} vol_times and {len(self.vol_sigmas)} vol_sigmas; expected {SCALES} each")
        if not all(0 <= sigma <= 2 for sigma in self.vol_sigmas):
            raise ConfigError(f"vol_sigmas are {self.vol_sigmas}; expected 0 to 2 each")
        step = parse_duration(self.step)
        if not 1_000_000 <= step <= 10 * SECOND_NS:
            raise ConfigError(f"step is {self.step}; expected 1ms to 10s")
        for time in self.vol_times:
            if parse_duration(time) < step:
                raise ConfigError(f"vol_times holds {time}, shorter than the step {self.step}")

    @property
    def step_ns(self) -> int:
        return parse_duration(self.step)

    @property
    def fades(self) -> Float1D:
        """exp(−step/τ) of each time scale."""
        return np.exp([-self.step_ns / parse_duration(time) for time in self.vol_times])

    def step_vol(self, value: TokenValue) -> float:
        """Standard deviation of a step of a token's log value, jumps left out."""
        return float(value.vol_annual * np.sqrt(self.step_ns / SECOND_NS / _YEAR_S))

    def jump_chance(self, value: TokenValue) -> float:
        """Chance of a jump within a step."""
        return value.jumps_per_day * self.step_ns / DAY_NS

    @staticmethod
    def jump_sigma(value: TokenValue) -> float:
        """Standard deviation of a jump of log value."""
        return value.jump_bps * BPS
