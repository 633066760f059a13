"""What a cascade is made of: shock, book, impact, fund, and the levers of the exchange, each value with its bounds."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import Grid, parse_duration
from counterpoise.flow.impact.impact import NO_IMPACT, TransientImpact
from counterpoise.risk.margin import MarginRules, margin_rules
from counterpoise.sim.leverage.accounts import AccountsConfig

__all__ = [
    "LEVERS",
    "Backstop",
    "CascadeConfig",
    "DepthProfile",
    "DynamicMargin",
    "Hedge",
    "PartialLiquidation",
    "Policy",
    "PriceBand",
    "Throttle",
    "VolatilityAuction",
]


def _require(what: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise ConfigError(f"{what} is {value}; expected {low:g} to {high:g}")


class DepthProfile(Config, frozen=True, kw_only=True):
    """Resting value by distance: density·(1 + distance/scale)^exponent at each tick.

    Assumes that the book has this shape down to the end of the reach, that it is whole when the shock comes, and
    that it has the same shape again when it has refilled.

    Parameters
    ----------
    density : float
        Value per bp of price at the best [quote].
    scale_bps, exponent : float
        0 as exponent is a flat book; real ones thicken at first, then thin out.
    """

    density: float = 1_000_000.0
    scale_bps: float = 100.0
    exponent: float = 0.0

    def __post_init__(self) -> None:
        _require("book.density", self.density, 1e-9, 1e15)
        _require("book.scale_bps", self.scale_bps, 0.01, 1e5)
        _require("book.exponent", self.exponent, -5, 5)


class Hedge(Config, frozen=True, kw_only=True):
    """Our own hedge leg: a position on the side that the shock pays, in the deleveraging queue like any other.

    Parameters
    ----------
    notional : float
        At the start [quote].
    leverage : float
    entry_bps : float
        How far its entry lies on the winning side of the price at the start.
    """

    notional: float
    leverage: float = 5.0
    entry_bps: float = 0.0

    def __post_init__(self) -> None:
        _require("hedge.notional", self.notional, 1e-6, 1e12)
        _require("hedge.leverage", self.leverage, 0.1, 200)
        _require("hedge.entry_bps", self.entry_bps, 0, 5000)


class Throttle(Config, frozen=True, kw_only=True):
    """At most so much value is liquidated per second, at the price of the start; the rest waits and stays at risk."""

    value_per_s: float

    def __post_init__(self) -> None:
        _require("policy.throttle.value_per_s", self.value_per_s, 1e-6, 1e15)


class PriceBand(Config, frozen=True, kw_only=True):
    """A liquidation order fills no further than this from the mark at the beginning of its step; the rest waits."""

    width_bps: float

    def __post_init__(self) -> None:
        _require("policy.band.width_bps", self.width_bps, 0.01, 10_000)


class VolatilityAuction(Config, frozen=True, kw_only=True):
    """After a large move the market halts while the book refills; the queue then clears in one batch at one price.

    Assumes that nobody withdraws during the halt and that the auction draws no interest beyond the resting book. The next halt
    can come a window after the end of this one.

    Parameters
    ----------
    trigger_bps : float
        Move over the window that halts [bps of the price at the start].
    window, halt : str
        Durations.
    """

    trigger_bps: float = 500.0
    window: str = "10s"
    halt: str = "60s"

    def __post_init__(self) -> None:
        _require("policy.auction.trigger_bps", self.trigger_bps, 1, 10_000)
        parse_duration(self.window)
        parse_duration(self.halt)


class DynamicMargin(Config, frozen=True, kw_only=True):
    """Once the price has moved so far, all maintenance rates and amounts are multiplied by a factor, for good.

    Below 1 it is forbearance; above 1 it is the tightening that makes margin procyclical.
    """

    after_bps: float = 500.0
    factor: float = 0.5

    def __post_init__(self) -> None:
        _require("policy.margin.after_bps", self.after_bps, 1, 10_000)
        _require("policy.margin.factor", self.factor, 0.01, 10)
        if self.factor == 1:
            raise ConfigError("policy.margin.factor is 1, which changes nothing; leave [policy.margin] out")


class Backstop(Config, frozen=True, kw_only=True):
    """Providers take liquidated positions before the book does, at a discount to the mark, and hold them to the end.

    Parameters
    ----------
    value : float
        Capacity at the price of the start [quote].
    discount_bps : float
    """

    value: float
    discount_bps: float = 50.0

    def __post_init__(self) -> None:
        _require("policy.backstop.value", self.value, 1e-6, 1e15)
        _require("policy.backstop.discount_bps", self.discount_bps, 0, 5000)


class PartialLiquidation(Config, frozen=True, kw_only=True):
    """An order closes this share of the position; the rest is looked at again with the collateral that is left."""

    share: float = 0.2

    def __post_init__(self) -> None:
        _require("policy.partial.share", self.share, 1e-3, 1)


class Policy(Config, frozen=True, kw_only=True):
    """Levers of the exchange; None is off."""

    throttle: Throttle | None = None
    band: PriceBand | None = None
    auction: VolatilityAuction | None = None
    margin: DynamicMargin | None = None
    backstop: Backstop | None = None
    partial: PartialLiquidation | None = None


LEVERS: Final = Policy.__struct_fields__
_SHOCK: Final = (1.0, 9_000.0)
_FUND_QUOTE: Final = 10_000_000.0
_LEAST_GRAINS: Final = 1_000  # a lot is worth at the start, so that one of them is a tenth of a basis point
_MOST_COIN: Final = 2**48


class CascadeConfig(Config, frozen=True, kw_only=True):
    """One shock to one leveraged market.

    Parameters
    ----------
    seed : int
        Of the population.
    contract : {"linear", "inverse"}
        What profit is paid in, and so wallets, margin tiers and fund: the quote currency, or the coin itself; [settle] below.
    tick, lot : str
        Steps of price [quote] and size [base; of an inverse contract quote, as ``"100"`` dollars]; a tick of about a basis
        point is fine enough.
    grain : str
        Least amount of the coin that accounts of an inverse contract are kept in.
    price : float
        Start [quote].
    shock_bps : float
        Move of the quotes that others cause [bps of the start]; below zero a fall. It stays.
    shock_over : str
        Time it takes; ``""`` is at once.
    step, duration : str
    reach_bps : float
        Greatest move that is simulated.
    venue, symbol, on : str
        Which margin rules: see `counterpoise.risk.margin.margin_rules`.
    rules : MarginRules, optional
        Own ones instead.
    accounts : AccountsConfig
    book : DepthProfile
    impact : TransientImpact
        Shift of the quotes by what is sold to the book, renewed at each step.
    refill_half_life : str
        In which half of what was taken returns, nearest to the touch first; ``""`` is never.
    fund : float, optional
        Insurance fund [settle]; by default what is worth 10 million of the quote at the start.
    fee_bps : float
        Liquidation fee into the fund, as far as the collateral reaches.
    adl : bool
        Whether counterparties are deleveraged when the fund cannot pay; without it the fund goes below zero.
    rerank_bps : float
        Move of the mark after which their ranking is made again.
    allow_bankrupt : bool
        Whether accounts of less than zero equity are let in.
    hedge : Hedge, optional
    policy : Policy

    Raises
    ------
    ConfigError
        If a value is out of its bound; field and bound are named.
    """

    seed: int = 0
    contract: Literal["linear", "inverse"] = "linear"
    tick: str = "1"
    lot: str = "0.001"
    grain: str = "0.00000001"
    price: float = 60_000.0
    shock_bps: float = -1_000.0
    shock_over: str = ""
    step: str = "1s"
    duration: str = "10m"
    reach_bps: float = 9_000.0
    venue: str = "binance_usdm"
    symbol: str = "BTCUSDT"
    on: str = "2024-08-08"
    rules: MarginRules | None = None
    accounts: AccountsConfig = AccountsConfig()
    book: DepthProfile = DepthProfile()
    impact: TransientImpact = NO_IMPACT
    refill_half_life: str = "30s"
    fund: float | None = None
    fee_bps: float = 50.0
    adl: bool = True
    rerank_bps: float = 100.0
    allow_bankrupt: bool = False
    hedge: Hedge | None = None
    policy: Policy = Policy()

    def __post_init__(self) -> None:
        _require("seed", self.seed, 0, 2**63 - 1)
        _require("|shock_bps|", abs(self.shock_bps), *_SHOCK)
        _require("reach_bps", self.reach_bps, abs(self.shock_bps), 9_900)
        _require("fund", self.fund_settle, 0, 1e13)
        _require("fee_bps", self.fee_bps, 0, 10_000)
        _require("rerank_bps", self.rerank_bps, 0.01, 10_000)
        _require("price [ticks]", self.start_ticks, 100, 1 << 20)
        _require("steps of the duration", self.steps, 1, 1_000_000)
        if self.refill_half_life:
            parse_duration(self.refill_half_life)
        if self.shock_over and parse_duration(self.shock_over) > parse_duration(self.duration):
            raise ConfigError(f"shock_over is {self.shock_over}; expected at most duration = {self.duration}")
        self._require_rules()
        if self.contract == "inverse":
            self._require_coin()

    def _require_rules(self) -> None:
        rules = self.margin_rules
        if rules.inverse != (self.contract == "inverse"):
            held = "inverse" if rules.inverse else "linear"
            raise ConfigError(
                f"margin rules of {rules.venue}:{rules.symbol} are {held} and contract is {self.contract}; expected both "
                f"alike: name venue and symbol of a contract that is {self.contract}, or give its table as [rules]"
            )
        if rules.maintenance_at != "mark":
            raise ConfigError(
                f"margin rules of {rules.venue}:{rules.symbol} fix maintenance at entry; only that of the mark is simulated"
            )
        highest = rules.tiers.tiers[-1].maintenance + rules.fee
        if self.policy.margin and self.policy.margin.factor * highest >= 1:
            raise ConfigError(f"policy.margin.factor is {self.policy.margin.factor}; expected below {1 / highest:g}")

    def _require_coin(self) -> None:
        exact = self._grains
        if exact.denominator != 1 or not _LEAST_GRAINS * self.start_ticks <= exact < _MOST_COIN:
            raise ConfigError(
                f"a lot of {self.lot} at a price of one tick is {float(exact):g} grains; expected a whole number from "
                f'{_LEAST_GRAINS * self.start_ticks} to 2^48: lot is the face value of a contract in the quote, as "100"; '
                "choose a grain that divides it"
            )

    @property
    def margin_rules(self) -> MarginRules:
        if self.rules is not None:
            return self.rules
        try:
            return margin_rules(self.venue, self.symbol, on=self.on)
        except UnknownName as error:
            raise ConfigError(f"{error} Or give the contract's own table as [rules]") from error

    @property
    def start_ticks(self) -> int:
        return Grid(self.tick).round(self.price)

    @property
    def coin(self) -> int:
        """Grains of coin that a lot of an inverse contract is worth at a price of one tick; 0 of a linear one."""
        return int(self._grains) if self.contract == "inverse" else 0

    @property
    def _grains(self) -> Fraction:
        return Fraction(Grid(self.lot).step) / Fraction(Grid(self.tick).step) / Fraction(Grid(self.grain).step)

    @property
    def unit(self) -> float:
        """Value of one unit of money [settle]: one tick × one lot, or one grain."""
        return Grid(self.grain).size if self.contract == "inverse" else Grid(self.tick).size * Grid(self.lot).size

    @property
    def lot_value(self) -> float:
        """Value of a lot at the start [quote]; of an inverse contract at any price."""
        return Grid(self.lot).size if self.contract == "inverse" else self.start_ticks * self.unit

    @property
    def fund_settle(self) -> float:
        """Insurance fund at the start [settle]."""
        if self.fund is not None:
            return self.fund
        return _FUND_QUOTE / self.price if self.contract == "inverse" else _FUND_QUOTE

    @property
    def steps(self) -> int:
        return parse_duration(self.duration) // parse_duration(self.step)
