"""What an exchange is made of: markets with their rules, fee tiers, places for accounts and orders; each with its bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

import msgspec

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import DAY_NS, MINUTE_NS, parse_duration
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["ExchangeConfig", "FeeTier", "FundingRules", "MarkRule", "MarketRules", "SelfTrade"]

SelfTrade = Literal["allowed", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"]

MAX_LOTS: Final = 2**31 - 1
MarkRule = Literal["last", "mid", "index", "median"]
_MONEY_LIMIT: Final = 2**62
_MOST_SAMPLES: Final = 60_000  # their weighted sum stays within 64 bits


def require(name: str, value: float, low: float, high: float) -> None:
    """Refuse a value out of [low, high], naming the field and the bound."""
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}; expected {low:,} to {high:,}")


class FeeTier(Config, frozen=True, kw_only=True):
    """Fees of one tier in millionths of the value traded; below zero a rebate. A maker's rebate is no more than a taker's fee.

    Parameters
    ----------
    maker_ppm, taker_ppm : int
    """

    maker_ppm: int = 200
    taker_ppm: int = 500

    def __post_init__(self) -> None:
        require("maker_ppm", self.maker_ppm, -100_000, 100_000)
        require("taker_ppm", self.taker_ppm, -100_000, 100_000)


class FundingRules(Config, frozen=True, kw_only=True):
    """Funding of a perpetual, by the rule in `counterpoise.sim.exchange.kernels.marks`; rates are in 10⁻⁹ an interval.

    Parameters
    ----------
    interval, sample : str
        Between payments, and between samples of the premium.
    interest_ppb, clamp_ppb, cap_ppb : int
        rate = premium + clamp(interest − premium, ±clamp), at most ±cap.
    impact_lots : int
        Size whose mean price of taking is compared with the index.
    """

    interval: str = "8h"
    sample: str = "1s"
    interest_ppb: int = 100_000
    clamp_ppb: int = 500_000
    cap_ppb: int = 3_000_000
    impact_lots: int = 1

    def __post_init__(self) -> None:
        require("interval", self.interval_ns, MINUTE_NS, 7 * DAY_NS)
        require("sample", self.sample_ns, -(-self.interval_ns // _MOST_SAMPLES), self.interval_ns)
        require("interest_ppb", self.interest_ppb, -(10**8), 10**8)
        require("clamp_ppb", self.clamp_ppb, 0, 10**8)
        require("cap_ppb", self.cap_ppb, 0, 10**8)
        require("impact_lots", self.impact_lots, 1, MAX_LOTS)

    @property
    def interval_ns(self) -> int:
        return parse_duration(self.interval)

    @property
    def sample_ns(self) -> int:
        return parse_duration(self.sample)


class MarketRules(Config, frozen=True, kw_only=True):
    """One market and its rules.

    Parameters
    ----------
    instrument : Instrument
        Spot, a linear or inverse perpetual or future, or an option: its premium is a linear contract's price, in the money it
        settles in, and nobody exercises it.
    reach_ticks : int
        Live prices of the market lie within so many ticks of each other; a power of two, memory is 65 bytes a tick.
    max_price_ticks : int
        Highest price taken.
    tick_step, lot_step : int
        Orders come in multiples of so many ticks and lots.
    min_lots, max_lots : int
    max_position_lots : int
        An order is refused that could carry its account further; 0 for as far as 64 bits hold its value.
    self_trade : {"allowed", "cancel_newest", "cancel_oldest", "cancel_both", "decrement"}
        What happens when an order meets one of its own account.
    band_ppm : int
        No purchase above and no sale below mark × (1 ± band); 0 for none.
    mark : {"last", "mid", "index", "median"}
        Rule of the mark, see `counterpoise.sim.exchange.kernels.marks`.
    funding : FundingRules, optional
        Of a perpetual only.
    """

    instrument: Instrument
    reach_ticks: int = 1 << 16
    max_price_ticks: int = 1 << 26
    tick_step: int = 1
    lot_step: int = 1
    min_lots: int = 1
    max_lots: int = 1 << 24
    max_position_lots: int = 0
    self_trade: SelfTrade = "cancel_newest"
    band_ppm: int = 0
    mark: MarkRule = "last"
    funding: FundingRules | None = None

    def __post_init__(self) -> None:
        require("reach_ticks", self.reach_ticks, 64, 1 << 24)
        if self.reach_ticks & (self.reach_ticks - 1):
            raise ConfigError(f"reach_ticks is {self.reach_ticks}; expected a power of two")
        require("max_price_ticks", self.max_price_ticks, 1, 2**34)
        require("tick_step", self.tick_step, 1, self.max_price_ticks)
        require("max_lots", self.max_lots, 1, MAX_LOTS)
        require("lot_step", self.lot_step, 1, self.max_lots)
        require("min_lots", self.min_lots, 1, self.max_lots)
        require("max_position_lots", self.max_position_lots, 0, MAX_LOTS)
        require("band_ppm", self.band_ppm, 0, 999_999)
        if self.funding is not None and self.instrument.kind is not InstrumentKind.PERP:
            raise ConfigError(f"{self.instrument.id} is no perpetual; expected no funding")
        if self.funding is not None and self.funding.impact_lots * self.max_price_ticks >= 2**59:
            raise ConfigError("impact_lots × max_price_ticks is 2^59 or more; lower either")

    @property
    def payoff(self) -> Literal["linear", "inverse", "spot"]:
        if self.instrument.kind is InstrumentKind.SPOT:
            return "spot"
        return "inverse" if self.instrument.inverse else "linear"

    @property
    def money(self) -> str:
        """Currency of its cash and fees."""
        return self.instrument.quote if self.payoff == "spot" else self.instrument.settle

    @property
    def step_value(self) -> Fraction:
        """Value of one tick × one lot [quote]; of an inverse contract that of one lot / one tick [coin]."""
        instrument = self.instrument
        lot, tick = Fraction(instrument.qty_grid.step) * Fraction(instrument.multiplier), Fraction(instrument.price_grid.step)
        return lot / tick if instrument.inverse else lot * tick


class ExchangeConfig(Config, frozen=True, kw_only=True):
    """An exchange.

    Parameters
    ----------
    markets : tuple of MarketRules
        Numbered as they stand.
    fee_tiers : tuple of FeeTier
        An account is in the first unless it is said otherwise.
    accounts : int
        Places for accounts besides the venue and its fund.
    orders : int
        Places for orders that rest or wait at one time; a power of two.
    max_fills : int
        Steps of matching of one request; an order that needs more is cut and says so.
    grains : dict of str to str
        Least unit of a currency; ``"0.00000001"`` where not named. Every value must be whole in it.
    quotes : bool
        Whether the public tape carries quotes of the best besides levels and trades.
    """

    markets: tuple[MarketRules, ...]
    fee_tiers: tuple[FeeTier, ...] = (FeeTier(),)
    accounts: int = 64
    orders: int = 1 << 16
    max_fills: int = 1024
    grains: dict[str, str] = msgspec.field(default_factory=dict)
    quotes: bool = True

    def __post_init__(self) -> None:
        names = [rules.instrument.id for rules in self.markets]
        if not names or len(set(names)) < len(names):
            raise ConfigError(f"markets are {names}; expected at least one, and each once")
        if not self.fee_tiers:
            raise ConfigError("fee_tiers is empty; expected at least one tier")
        least = min(tier.taker_ppm for tier in self.fee_tiers) + min(tier.maker_ppm for tier in self.fee_tiers)
        if least < 0:
            raise ConfigError(
                f"the least maker_ppm and taker_ppm add to {least}; expected 0 or more, or the venue pays to trade"
            )
        require("accounts", self.accounts, 1, 1 << 24)
        require("orders", self.orders, 2, 1 << 26)
        if self.orders & (self.orders - 1):
            raise ConfigError(f"orders is {self.orders}; expected a power of two")
        require("max_fills", self.max_fills, 1, 1 << 20)
        unknown = sorted(set(self.grains) - set(self.currencies))
        if unknown:
            raise ConfigError(
                f"grains names {', '.join(unknown)}; expected currencies of the markets: {', '.join(self.currencies)}"
            )
        for rules in self.markets:
            self._require_whole(rules)

    @property
    def currencies(self) -> tuple[str, ...]:
        """What accounts hold: settle currencies, quotes and bases of spot; numbered in order of their names."""
        spot = {rules.instrument.base for rules in self.markets if rules.payoff == "spot"}
        return tuple(sorted({rules.money for rules in self.markets} | spot))

    def grain(self, currency: str) -> Fraction:
        """Least unit of a currency: as given, else 10⁻⁶ of one that prices are in and 10⁻⁸ of a coin."""
        quoted = any(rules.instrument.quote == currency for rules in self.markets)
        grain = Fraction(self.grains.get(currency, "0.000001" if quoted else "0.00000001"))
        if grain <= 0:
            raise ConfigError(f"grains of {currency} is {grain}; expected a positive amount")
        return grain

    def step_grains(self, rules: MarketRules) -> int:
        """`MarketRules.step_value` in grains."""
        return int(rules.step_value / self.grain(rules.money))

    def base_grains(self, rules: MarketRules) -> int:
        """Base coins of one lot of a spot market in grains, 0 elsewhere."""
        if rules.payoff != "spot":
            return 0
        lot = Fraction(rules.instrument.qty_grid.step) * Fraction(rules.instrument.multiplier)
        return int(lot / self.grain(rules.instrument.base))

    def _require_whole(self, rules: MarketRules) -> None:
        """Refuse a market whose values are no whole grains, or leave 64 bits."""
        name, grain = rules.instrument.id, self.grain(rules.money)
        if (rules.step_value / grain).denominator != 1:
            raise ConfigError(
                f"{name}: one step is worth {rules.step_value} {rules.money}, no whole number of grains of {grain}; "
                f"give grains a finer {rules.money!r}"
            )
        if rules.payoff == "spot" and not self.base_grains(rules):
            raise ConfigError(f"{name}: one lot is less than a grain of {rules.instrument.base}; give grains a finer one")
        most = max(rules.max_lots, rules.max_position_lots)
        if most > self._most_lots(rules):
            raise ConfigError(
                f"{name}: max_lots or max_position_lots is {most:,}; expected at most {self._most_lots(rules):,}, whose value "
                f"in grains of {rules.money} stays below 2^62: lower it or max_price_ticks, or take a coarser grain"
            )

    def _most_lots(self, rules: MarketRules) -> int:
        """Lots whose value stays below 2⁶² grains at any price, an inverse contract's being greatest at one tick."""
        highest = 2 if rules.payoff == "inverse" else rules.max_price_ticks
        return min((_MONEY_LIMIT - 1) // (highest * self.step_grains(rules)), MAX_LOTS)

    def position_limit(self, rules: MarketRules) -> int:
        """Lots that a position of a market may reach."""
        return rules.max_position_lots or self._most_lots(rules)
