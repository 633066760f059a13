"""Sells off, or buys back, a block that someone took over: as fast as the risk of holding it asks."""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, exp, inf, log, sqrt
from typing import Final, Literal

from counterpoise.balance.children import Children
from counterpoise.balance.counteract.guard import ClusterGuard, ClusterGuardConfig
from counterpoise.balance.counteract.liquidation_map import LiquidationMap
from counterpoise.balance.counteract.push import Noise
from counterpoise.balance.execution import Action, Seen, Standing
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import TimeInForce
from counterpoise.market.venue import TopOfBook, VenueEvent

__all__ = ["BlockUnwind", "BlockUnwindConfig", "unwind_block"]


class BlockUnwindConfig(Config, frozen=True, kw_only=True):
    """A block and how much its risk is minded.

    Parameters
    ----------
    side : {"buy", "sell"}
        Of the orders: a long position that was taken over is sold.
    qty : str
        Decimal quantity in the venue's unit; a multiple of the lot.
    impact : TransientImpact
        Of our own orders; some of it must decay.
    risk_aversion : float
        λ > 0 [1 / (bps × millions of quote)].
    every : str
        Time between orders.
    cross_bps : float
        How far beyond the opposite touch an order may reach.
    slowest : str
        The half-life of what is left is never longer, however quiet the market.
    half_life : str
        Memory of the measured volatility.

    Raises
    ------
    ConfigError
        If a number is out of its bound, or nothing of the impact decays.
    """

    side: Literal["buy", "sell"]
    qty: str
    impact: TransientImpact
    risk_aversion: float
    every: str = "1s"
    cross_bps: float = 5.0
    slowest: str = "10m"
    half_life: str = "1m"

    def __post_init__(self) -> None:
        if not 0 < self.risk_aversion < inf or not 0 <= self.cross_bps < 1000:
            raise ConfigError(
                f"an unwind needs risk_aversion above 0 and cross_bps in [0, 1000), found {self.risk_aversion} and "
                f"{self.cross_bps}"
            )
        if not self.impact.bps_per_million or self.impact.permanent >= 1:
            raise ConfigError("an unwind needs an impact that decays: its speed is what that is worth; fit `impact` first")
        for text in (self.every, self.slowest, self.half_life):
            parse_duration(text)

    @property
    def eta(self) -> float:
        """Displacement that a steady flow comes to, the permanent part aside [bps a million a second]: b Σ wᵢ / ρᵢ."""
        shares, rates = self.impact.shares[1:], self.impact.rates[1:] * SECOND_NS
        return self.impact.bps_per_million * float((shares / rates).sum())

    def rate(self, volatility_bps: float) -> float:
        """κ = σ √(λ/η) [1/s], or that of the slowest half-life if it is more."""
        slowest = log(2) * SECOND_NS / parse_duration(self.slowest)
        return max(volatility_bps * sqrt(self.risk_aversion / self.eta), slowest)


class BlockUnwind:
    """Immediate-or-cancel orders, each for 1 − e^{−κ every} of what is left.

    The static optimum of Almgren and Chriss (2000) without an end: cost η v² and risk λ σ² x² a second give ẋ = −κ x with
    κ² = λ σ²/η. σ is measured as it goes. `unwind_block` lets a liquidation map slow it down.

    Parameters
    ----------
    name : str
        Prefix of the client order ids.
    instrument : Instrument
    config : BlockUnwindConfig
    start_ns : int

    References
    ----------
    Almgren, Chriss (2000), Journal of Risk 3(2), section 2.3, doi:10.21314/JOR.2001.041.
    """

    def __init__(self, name: str, instrument: Instrument, config: BlockUnwindConfig, *, start_ns: int) -> None:
        self.name, self.instrument, self.config, self._start_ns = name, instrument, config, start_ns
        self.side: Final = 1 if config.side == "buy" else -1
        self.qty_lots: Final = instrument.qty_grid.steps(config.qty)
        if self.qty_lots < 1:
            raise InputError(f"a block of {config.qty}; expected at least one lot of {instrument.lot}")
        self._children: Final = Children(name, instrument, side=self.side, most_lots=self.qty_lots)
        self._noise: Final = Noise(half_life=config.half_life, floor_bps=0.0)
        self._every_ns: Final = parse_duration(config.every)
        self._next_ns = start_ns

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (self.instrument,)

    @property
    def start_ns(self) -> int:
        return self._start_ns

    @property
    def filled_lots(self) -> int:
        return self._children.filled_lots

    @property
    def done(self) -> bool:
        return not self._children.live and self.filled_lots == self.qty_lots

    def standing(self, instrument: str, ts_ns: int) -> Standing:
        """The target of a policy that has no end is the whole block, from the start on."""
        target = self.qty_lots if ts_ns >= self._start_ns else 0
        return Standing(self.side * target, self.side * self.filled_lots, self.side * self._children.live_lots)

    def step(self, ts_ns: int, seen: Mapping[str, Seen]) -> list[Action]:
        """An order once in `every`, if none is live and the book is in order."""
        top, asked = seen[self.instrument.id].top, self._children.ask(ts_ns)
        if not top.sound:
            return asked
        self._noise.see(ts_ns, (top.bid_ticks + top.ask_ticks) / 2)
        if ts_ns < self._next_ns or self._children.live:
            return asked
        lots = self._lots(top)
        self._next_ns = ts_ns + self._every_ns
        if not lots:
            return asked
        opposite = top.ask_ticks if self.side > 0 else top.bid_ticks
        price = max(1, opposite + self.side * int(opposite * self.config.cross_bps * BPS))
        return [*asked, self._children.place(lots, price, TimeInForce.IOC)]

    def _lots(self, top: TopOfBook) -> int:
        """By the risk; at least what the venue takes, and all where the rest would be dust."""
        left = self.qty_lots - self.filled_lots
        share = 1 - exp(-self.config.rate(self._noise.bps) * self._every_ns / SECOND_NS)
        lot_value = self.instrument.notional(top.bid_ticks, 1)
        least = max(1, ceil(self.instrument.least_notional / lot_value))
        lots = max(least, round(left * share))
        return min(left, lots if left - lots >= least else left)

    def hear(self, event: VenueEvent) -> None:
        self._children.hear(event)

    def refused(self, client_id: str) -> None:
        """Tried again at the next order's time."""
        self._children.refused(client_id)

    def stop(self) -> list[Action]:
        return self._children.cancel(self._children.live)


def unwind_block(
    name: str,
    instrument: Instrument,
    config: BlockUnwindConfig,
    *,
    start_ns: int,
    levels: LiquidationMap,
    guard: ClusterGuardConfig,
) -> ClusterGuard:
    """A block's unwind that does not carry the price to the next liquidation levels.

    Parameters
    ----------
    name, instrument, config, start_ns
        As `BlockUnwind`.
    levels : LiquidationMap
        Of the instrument.
    guard : ClusterGuardConfig

    Returns
    -------
    ClusterGuard
        Around a `BlockUnwind`: as fast as the risk asks while there is room, else as fast as the room allows.
    """
    return ClusterGuard(BlockUnwind(name, instrument, config, start_ns=start_ns), guard, maps={instrument.id: levels})
