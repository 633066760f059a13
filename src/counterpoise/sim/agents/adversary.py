"""An adversary who reads the public feed and asks, order by order, whether somebody works a large order, and on which side."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int2D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import parse_duration
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.agents.kernels import adversary as k
from counterpoise.sim.agents.kernels.suspicion import CLOCKS, EXPLAINED, RATES, forget
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow

__all__ = ["Adversary", "AdversaryConfig", "detect", "suspicion_settings"]

_PERIODS: Final = ("1s", "2s", "3s", "5s", "6s", "10s", "12s", "15s", "20s", "30s", "1m", "2m")
_KINDS: Final = ("flow", "volume", "sizes", "clock", "sizes_and_clock")


class AdversaryConfig(Config, frozen=True, kw_only=True):
    """What an adversary looks for.

    Parameters
    ----------
    shares : tuple of 4 floats
        Shares of all aggressive orders that a hidden order may make up, ascending, each in (0, .9].
    periods : tuple of str
        Clocks on which children may come; at most 12, none is allowed.
    memory : float
        Children over which sizes and phases are remembered, exponentially.
    """

    shares: tuple[float, ...] = (0.005, 0.02, 0.08, 0.3)
    periods: tuple[str, ...] = _PERIODS
    memory: float = 100.0

    def __post_init__(self) -> None:
        shares = self.shares
        if len(shares) != RATES or not all(0 < a < b <= 0.9 for a, b in zip((1e-12, *shares), shares, strict=False)):
            raise ConfigError(f"shares are {shares}; expected {RATES} ascending numbers above 0, at most .9")
        if len(self.periods) > CLOCKS or len(set(self.periods)) < len(self.periods):
            raise ConfigError(f"periods are {self.periods}; expected at most {CLOCKS}, each once")
        for period in self.periods:
            parse_duration(period)
        if not 1 <= self.memory <= 1e9:
            raise ConfigError(f"memory is {self.memory} children; expected 1 to 1e9")


def suspicion_settings(ordinary: OrdinaryFlow, config: AdversaryConfig) -> Float1D:
    """Numbers of `kernels.suspicion`, in its order."""
    periods = [parse_duration(period) for period in config.periods]
    unused = [1] * (CLOCKS - len(periods))
    return np.concatenate([config.shares, periods, unused, [len(periods), config.memory], ordinary.model()])


class Adversary(Stream):
    """Suspicion that somebody works a large order, event by event; one row at the end of every step of time.

    Parameters
    ----------
    instrument : Instrument
    ordinary : OrdinaryFlow
        What flow looks like when nobody does.
    config : AdversaryConfig
    every : str
        Step of the rows.
    restart : str
        Suspicion begins anew at multiples of it, and the memory of ordinary flow stays; "" never.

    Notes
    -----
    Rows have ``ts`` (end of the step, exclusive), ``orders`` since suspicion began, ``side`` (the likelier), ``score`` and
    ``peak`` (greatest within the step); scores of the hypotheses that look at signs alone (``flow``), that children come as
    volume does (``volume``), that they repeat sizes (``sizes``), that they keep a clock (``clock``), a clock and either of
    these (``sizes_and_clock``); ``share`` (expected share of a hidden order in all orders), ``period_ns`` (of the likeliest
    clock, null when none is likelier), ``unknown`` (trades without a side, not used) and ``gaps``.

    score = ln mean R over the hypotheses {buying, selling} × share × {sizes as any, as volume, as used} × {no clock, each
    period}, in nats; −∞ before the first order, at most 575. R is a Shiryaev-Roberts sum of likelihood ratios (formula in
    `kernels.suspicion`). Assumed of a child: side, size and phase are independent given that it is one. If ordinary flow is
    as modelled, the chance that the score reaches ln(n/α) within n orders is at most α, whatever the adversary has learnt
    meanwhile. Real flow is not as modelled: `alarm_threshold` calibrates.

    An order is weighed when it is known to be whole. Causal. O(orders × hypotheses).

    References
    ----------
    Shiryaev (1963), doi:10.1137/1108002; Roberts (1966), doi:10.1080/00401706.1966.10490374; Shin, Ramdas and Rinaldo (2023),
    arXiv 2203.03532, section 2: sums and mixtures of such ratios.
    """

    rows = staticmethod(k.adversary_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        ordinary: OrdinaryFlow,
        config: AdversaryConfig | None = None,
        every: str = "1s",
        restart: str = "",
    ) -> None:
        every_ns, restart_ns = parse_duration(every), parse_duration(restart) if restart else 0
        if restart_ns % every_ns:
            raise ConfigError(f"restart is {restart}, every {every}; expected a multiple of it")
        state = np.zeros(k.WATCH_STATE, np.int64)
        state[k.NEXT_END] = k.NOT_OPEN
        forget(state[k.SUSPECTS :].view(np.float64))
        settings = np.concatenate([[every_ns, restart_ns], suspicion_settings(ordinary, config or AdversaryConfig())])
        super().__init__(instrument, state=state, settings=settings, width=k.WIDTH)

    def _close(self) -> None:
        if self._state[k.NEXT_END] != k.NOT_OPEN:
            out = np.zeros((1, k.WIDTH), np.int64)
            k.finish_row(self._state, self._settings, out[0])
            self._closed.append(out)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        columns = {
            "ts": pl.Series(np.ascontiguousarray(rows[:, k.END])).cast(UTC_NS),
            "orders": rows[:, k.ORDERS],
            "side": rows[:, k.SIDE].astype(np.int8),
            "score": real(rows, k.SCORE),
            "peak": real(rows, k.PEAK),
            **{name: real(rows, k.PARTS + i) for i, name in enumerate(_KINDS)},
            "share": real(rows, k.PARTS + EXPLAINED - 2),
            "period_ns": real(rows, k.PARTS + EXPLAINED - 1).astype(np.int64),
            "unknown": rows[:, k.UNKNOWN],
            "gaps": rows[:, k.GAPS],
        }
        return pl.DataFrame(columns).with_columns(pl.col("period_ns").replace(0, None))


def detect(
    events: Events,
    instrument: Instrument,
    *,
    ordinary: OrdinaryFlow,
    config: AdversaryConfig | None = None,
    every: str = "1s",
    restart: str = "",
) -> pl.DataFrame:
    """Path of the adversary's score over a recording or a simulated market; see `Adversary`."""
    return Adversary(instrument, ordinary=ordinary, config=config, every=every, restart=restart).whole(events)
