"""An option chain of the agent market: its expiries, strikes and smile, its dealers and those who trade with them."""

from __future__ import annotations

from decimal import Decimal
from math import exp, sqrt
from typing import Final, Literal

import numpy as np

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import DAY_NS, Grid, parse_duration, utc_date
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.options.svi import RawSvi
from counterpoise.options.svi_arbitrage import least_butterfly
from counterpoise.sim.agents.participants import require_within

__all__ = ["DealerConfig", "OptionChainConfig", "OptionFlowConfig", "ParityConfig"]

_MOST_OPTIONS: Final = 60


class DealerConfig(Config, frozen=True, kw_only=True):
    """Dealers of one chain, alike.

    Parameters
    ----------
    count : int
    half_vol : float
        Half the spread, in volatility (0.01 is a point).
    half_delta_bps : float
        And for a delta of 1, of the price.
    skew_vol : float
        By how much volatility he lowers his quotes when he holds as much vega as he may.
    quote_lots, most_lots, most_vega_lots : int, int, float
        Size of a quote; most of one option, either way; and of all, in lots of an option at the money of the first expiry.
    requote_bps, requote_time : float, str
        A move of the forward, and an age, at which quotes are written anew.
    hedge_band_lots : float
        Net delta let be, in lots of the options.
    slip_bps, looks_per_s, delay : float, float, str
    """

    count: int = 1
    half_vol: float = 0.004
    half_delta_bps: float = 0.5
    skew_vol: float = 0.02
    quote_lots: int = 20
    most_lots: int = 2_000
    most_vega_lots: float = 4_000.0
    requote_bps: float = 0.5
    requote_time: str = "2s"
    hedge_band_lots: float = 20.0
    slip_bps: float = 10.0
    looks_per_s: float = 10.0
    delay: str = "5ms"

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "count": (1, 100),
                "half_vol": (0.0, 10.0),
                "half_delta_bps": (0.0, 1_000.0),
                "skew_vol": (0.0, 10.0),
                "quote_lots": (1, 10**6),
                "most_lots": (1, 10**9),
                "most_vega_lots": (1.0, 1e12),
                "requote_bps": (0.0, 1_000.0),
                "hedge_band_lots": (0.0, 1e9),
                "slip_bps": (0.0, 500.0),
                "looks_per_s": (0.001, 1_000.0),
            },
        )
        parse_duration(self.requote_time)
        parse_duration(self.delay)


class OptionFlowConfig(Config, frozen=True, kw_only=True):
    """Many small hands.

    Parameters
    ----------
    orders_per_s : float
        On the whole chain.
    buy_share : float
        Share of orders that buy.
    lots, sigma : float
        Median size and its log standard deviation.
    slip : float
        How far through the best an order goes, as a share of the premium.
    """

    orders_per_s: float = 1.0
    buy_share: float = 0.65
    lots: float = 5.0
    sigma: float = 1.0
    slip: float = 0.05

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "orders_per_s": (1e-4, 10_000.0),
                "buy_share": (0.0, 1.0),
                "lots": (1e-3, 1e6),
                "sigma": (0.0, 4.0),
                "slip": (0.0, 1.0),
            },
        )


class ParityConfig(Config, frozen=True, kw_only=True):
    """Arbitrageurs between the options and the perpetual.

    Parameters
    ----------
    count : int
    margin_bps : float
        What must be left of the forward beyond fees.
    most_lots : int
        Of one pair of call and put, either way.
    slip_bps, looks_per_s, delay : float, float, str
    """

    count: int = 1
    margin_bps: float = 0.5
    most_lots: int = 500
    slip_bps: float = 1.0
    looks_per_s: float = 5.0
    delay: str = "4ms"

    def __post_init__(self) -> None:
        require_within(
            self,
            {
                "count": (0, 100),
                "margin_bps": (0.0, 1_000.0),
                "most_lots": (1, 10**9),
                "slip_bps": (0.0, 500.0),
                "looks_per_s": (0.001, 1_000.0),
            },
        )
        parse_duration(self.delay)


class OptionChainConfig(Config, frozen=True, kw_only=True):
    """European options on one token of one venue, over its perpetual there.

    Parameters
    ----------
    token, venue : str
    settle : {"cash", "coin"}
        What premiums are in.
    days : tuple of int
        Of the expiries, at 08:00 UTC of the day so many days after the start.
    strikes : tuple of float
        As log-moneyness at the opening; rounded to three digits of the price.
    tick : str
        Of the premium [quote or coin].
    perp_lots : int
        Lots of the perpetual in one lot of an option.
    vol_annual, smile, width, skew : float
        At the money; b and σ of the raw smile in units of vol·√T; and its ρ.
    level_sigma, level_time : float, str
        Standard deviation of the logarithm of the level of volatility, and the time in which it returns.
    dealer : DealerConfig
    flow : OptionFlowConfig
    parity : ParityConfig
    """

    token: str
    venue: str
    settle: Literal["cash", "coin"] = "cash"
    days: tuple[int, ...] = (7, 30)
    strikes: tuple[float, ...] = (-0.1, -0.05, 0.0, 0.05, 0.1)
    tick: str = "1"
    perp_lots: int = 10
    vol_annual: float = 0.5
    smile: float = 0.3
    width: float = 1.0
    skew: float = -0.2
    level_sigma: float = 0.05
    level_time: str = "10m"
    dealer: DealerConfig = DealerConfig()
    flow: OptionFlowConfig = OptionFlowConfig()
    parity: ParityConfig = ParityConfig()

    def __post_init__(self) -> None:
        for name, found in (("days", self.days), ("strikes", self.strikes)):
            if not found or list(found) != sorted(set(found)):
                raise ConfigError(f"chain of {self.token}: {name} are {found}; expected one or more, ascending")
        if self.days[0] < 1 or self.days[-1] > 3650 or max(map(abs, self.strikes)) > 3:
            raise ConfigError(
                f"chain of {self.token}: days are {self.days} and strikes {self.strikes}; expected 1 to 3650 and within ±3"
            )
        require_within(
            self,
            {
                "perp_lots": (1, 10**6),
                "vol_annual": (0.01, 20.0),
                "smile": (0.0, 10.0),
                "width": (0.01, 10.0),
                "skew": (-0.99, 0.99),
                "level_sigma": (0.0, 2.0),
            },
        )
        parse_duration(self.level_time)
        if self.options > _MOST_OPTIONS:
            raise ConfigError(
                f"chain of {self.token}: {self.options} options; expected at most {_MOST_OPTIONS}, as a dealer writes all his "
                "quotes at once; take fewer strikes or expiries"
            )
        for days in self.days:
            least = least_butterfly(self.smile_of(days / 365)).value
            if least < 0:
                raise ConfigError(
                    f"chain of {self.token}: the smile of {days} days has butterfly arbitrage (least density {least:.3g}); "
                    "lower smile or skew, or raise width"
                )

    @property
    def options(self) -> int:
        """How many there are."""
        return 2 * len(self.days) * len(self.strikes)

    def smile_of(self, years: float) -> RawSvi:
        """Total variance of an expiry at the opening."""
        deviation = self.vol_annual * sqrt(years)
        b, sigma = self.smile * deviation, self.width * deviation
        return RawSvi(a=deviation**2 - b * sigma, b=b, rho=self.skew, m=0.0, sigma=sigma)

    def expiries_ns(self, start_ns: int) -> tuple[int, ...]:
        """08:00 UTC of each day of expiry."""
        midnight = start_ns // DAY_NS * DAY_NS
        return tuple(midnight + days * DAY_NS + DAY_NS // 3 for days in self.days)

    def strike_texts(self, price: float) -> tuple[str, ...]:
        """Strikes [quote] around an opening price, exact."""
        texts = tuple(f"{Decimal(f'{price * exp(k):.3g}'):f}" for k in self.strikes)
        if len(set(texts)) < len(texts):
            raise ConfigError(f"chain of {self.token}: strikes {texts} are not all different; take them further apart")
        return texts

    def instruments(self, *, perp: Instrument, price: float, start_ns: int) -> tuple[Instrument, ...]:
        """Expiry by expiry, strike by strike, the call and then the put."""
        money = perp.base if self.settle == "coin" else perp.quote
        lot = Decimal(perp.lot) * self.perp_lots
        return tuple(
            Instrument(
                venue=self.venue,
                symbol=f"{self.token}-{utc_date(expiry).replace('-', '')[2:]}-{strike}-{right}",
                kind=InstrumentKind.OPTION,
                base=perp.base,
                quote=money,
                settle=money,
                tick=self.tick,
                lot=f"{lot:f}",
                expiry_ns=expiry,
                strike=strike,
                right=right,
            )
            for expiry in self.expiries_ns(start_ns)
            for strike in self.strike_texts(price)
            for right in ("C", "P")
        )

    def reach_ticks(self, price: float) -> int:
        """Length of a book's ring: a power of two beyond the dearest premium, twice over."""
        years, furthest = self.days[-1] / 365 + 1 / 365, max(map(abs, self.strikes))
        dearest = (exp(furthest) - 1) + 0.5 * self.vol_annual * sqrt(years) * (1 + 3 * self.level_sigma)
        unit = 1.0 if self.settle == "coin" else price
        ticks = 2 * dearest * unit / Grid(self.tick).size
        if ticks < 64:
            raise ConfigError(
                f"chain of {self.token}: the dearest premium is {ticks / 2:.0f} ticks of {self.tick}; expected 32 or more, "
                "choose a finer tick"
            )
        return 1 << int(np.ceil(np.log2(ticks)))
