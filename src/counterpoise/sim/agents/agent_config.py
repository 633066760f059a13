"""The agent market: tokens in clusters, venues, who trades there, each value with its bounds."""

from __future__ import annotations

from itertools import product
from typing import Final, Literal, NamedTuple

from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError
from counterpoise.core.units import Grid, parse_duration, parse_time
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.tree import Node, Tree
from counterpoise.sim.agents.fundamental import FundamentalConfig, TokenValue
from counterpoise.sim.agents.leverage_config import LeverageConfig, ShockConfig
from counterpoise.sim.agents.option_chain import OptionChainConfig
from counterpoise.sim.agents.participants import (
    ArbitrageConfig,
    CrowdConfig,
    InformedConfig,
    MakerConfig,
    PatientConfig,
    TrendConfig,
    require_within,
)

__all__ = ["AgentMarketConfig", "AgentToken", "AgentVenueConfig", "Place", "agent_market_config"]

MarketKind = Literal["spot", "perp"]
_MAX_REACH: Final = 1 << 20


class AgentToken(Config, frozen=True, kw_only=True):
    """A token, and what one lot and one ordinary order of it are.

    Parameters
    ----------
    name, cluster : str
    tick, lot : str
        Steps of price [quote] and quantity [base] on every market.
    price : float
        At the opening [quote].
    clip : float
        The ordinary size in which agents count [base].
    activity : float
        All rates of its markets as a multiple of those of the participants.
    weight : float
        In the index of the whole; weights are divided by their sum.
    value : TokenValue
    """

    name: str
    cluster: str = "majors"
    tick: str
    lot: str
    price: float
    clip: float
    activity: float = 1.0
    weight: float = 1.0
    value: TokenValue = TokenValue()

    def __post_init__(self) -> None:
        if not self.name or not self.name.isalnum():
            raise ConfigError(f"token name {self.name!r}; expected letters and digits")
        require_within(
            self,
            {"price": (1e-12, 1e12), "clip": (1e-12, 1e15), "activity": (1e-3, 1e3), "weight": (0.0, 1e9)},
        )
        if not 5 <= self.clip / Grid(self.lot).size <= 1e6:
            raise ConfigError(f"token {self.name}: clip is {self.clip:g}; expected 5 to 1,000,000 lots of {self.lot}")
        if self.price < 1000 * Grid(self.tick).size:
            raise ConfigError(f"token {self.name}: price is {self.price:g}; expected at least 1,000 ticks of {self.tick}")


class AgentVenueConfig(Config, frozen=True, kw_only=True):
    """A venue.

    Parameters
    ----------
    name : str
        First part of the instrument ids.
    activity : float
        All rates of its markets as a multiple.
    """

    name: str
    activity: float = 1.0

    def __post_init__(self) -> None:
        if not self.name or not self.name.replace("_", "").isalnum():
            raise ConfigError(f"venue name {self.name!r}; expected letters, digits and underscores")
        require_within(self, {"activity": (1e-3, 1e3)})


class Place(NamedTuple):
    """One market of the world: its number is its place in `AgentMarketConfig.places`; options of a chain stand together."""

    token: int
    venue: int
    kind: MarketKind | Literal["option"]
    chain: int = -1
    option: int = -1


class AgentMarketConfig(Config, frozen=True, kw_only=True):
    """A world of venues made by those who trade on them.

    Parameters
    ----------
    seed : int
        Same seed and config, same bytes.
    start, duration, warm_up : str
        Opening time (UTC), length, and how long the market lives before its opening snapshot.
    tokens, venues, kinds : tuple
        Every token is traded on every venue as each of the kinds.
    fundamental : FundamentalConfig
    crowd, patient, arbitrage : CrowdConfig, PatientConfig, ArbitrageConfig
        Of every market, of every market, of every pair of markets of a token.
    makers, trends, informed : tuple of MakerConfig, TrendConfig, InformedConfig
        Each on every market.
    chains : tuple of OptionChainConfig
        Options, each chain over the perpetual of one token on one venue.
    leverage : tuple of LeverageConfig
        Leveraged accounts, each population on the perpetual of one token on one venue.
    shocks : tuple of ShockConfig
    maker_bps, taker_bps : float
        Fees of the crowd, of patient traders and of us, on every venue.
    pro_maker_bps, pro_taker_bps : float
        Those of makers, takers and arbitrageurs.
    spot_activity : float
        Rates of spot markets as a multiple of those of perpetuals.
    funding_interval : str
        Between funding payments of perpetuals; the other rules are `FundingRules`'.
    feed_latency, feed_latency_sigma : str, float
        Median and log standard deviation of ts_local − ts_venue.
    """

    seed: int = 0
    start: str = "2026-01-05T00:00"
    duration: str = "10m"
    warm_up: str = "1m"
    tokens: tuple[AgentToken, ...]
    venues: tuple[AgentVenueConfig, ...]
    kinds: tuple[MarketKind, ...] = ("perp",)
    fundamental: FundamentalConfig = FundamentalConfig()
    crowd: CrowdConfig = CrowdConfig()
    patient: PatientConfig = PatientConfig()
    makers: tuple[MakerConfig, ...] = (MakerConfig(),)
    trends: tuple[TrendConfig, ...] = ()
    informed: tuple[InformedConfig, ...] = (InformedConfig(),)
    arbitrage: ArbitrageConfig = ArbitrageConfig()
    chains: tuple[OptionChainConfig, ...] = ()
    leverage: tuple[LeverageConfig, ...] = ()
    shocks: tuple[ShockConfig, ...] = ()
    maker_bps: float = 1.0
    taker_bps: float = 3.0
    pro_maker_bps: float = -0.1
    pro_taker_bps: float = 0.8
    spot_activity: float = 0.5
    funding_interval: str = "8h"
    feed_latency: str = "3ms"
    feed_latency_sigma: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.seed < 2**63:
            raise ConfigError(f"seed is {self.seed}; expected 0 to 2⁶³ − 1")
        for name, found in (
            ("tokens", [token.name for token in self.tokens]),
            ("venues", [venue.name for venue in self.venues]),
            ("kinds", list(self.kinds)),
        ):
            if not found or len(set(found)) < len(found):
                raise ConfigError(f"{name} are {found}; expected at least one, and each once")
        if sum(token.weight for token in self.tokens) <= 0:
            raise ConfigError("the weights of the tokens add up to 0; give one a positive weight")
        require_within(
            self,
            {
                "maker_bps": (-10.0, 100.0),
                "taker_bps": (-10.0, 100.0),
                "pro_maker_bps": (-10.0, 100.0),
                "pro_taker_bps": (-10.0, 100.0),
                "spot_activity": (1e-3, 1e3),
                "feed_latency_sigma": (0.0, 4.0),
            },
        )
        least = min(self.maker_bps, self.pro_maker_bps) + min(self.taker_bps, self.pro_taker_bps)
        if least < 0:
            raise ConfigError(
                f"the least maker and taker fee add up to {least:g} bps; expected 0 or more, or the venue pays to trade"
            )
        parse_time(self.start)
        for name in ("duration", "warm_up", "feed_latency", "funding_interval"):
            parse_duration(getattr(self, name))
        self._require_chains()
        self._require_leverage()
        for token in self.tokens:
            if self.reach_ticks(token) > _MAX_REACH:
                raise ConfigError(
                    f"token {token.name}: a book of ± {self.patient.reach_bps:g} bps is {self.reach_ticks(token):,} ticks; "
                    f"expected at most {_MAX_REACH:,}; choose a coarser tick or a smaller reach_bps"
                )

    def _require_chains(self) -> None:
        """Each chain has a perpetual, and none expires while the market lives."""
        tokens, venues = [token.name for token in self.tokens], [venue.name for venue in self.venues]
        homes = [(chain.token, chain.venue) for chain in self.chains]
        for chain in self.chains:
            if chain.token not in tokens or chain.venue not in venues or "perp" not in self.kinds:
                raise ConfigError(
                    f"chain of {chain.token} on {chain.venue}: expected a token of {tokens} with a perpetual on one of {venues}"
                )
            if chain.expiries_ns(self.start_ns)[0] <= self.end_ns:
                raise ConfigError(f"chain of {chain.token}: {chain.days[0]} days end within the market; take later expiries")
        if len(set(homes)) < len(homes):
            raise ConfigError(f"chains are of {homes}; expected each token and venue once")

    def _require_leverage(self) -> None:
        """Each population has a perpetual of its own, and news is of tokens that there are, while the market is shown."""
        tokens, venues = [token.name for token in self.tokens], [venue.name for venue in self.venues]
        homes = [(leverage.token, leverage.venue) for leverage in self.leverage]
        for token, venue in homes:
            if token not in tokens or venue not in venues or "perp" not in self.kinds:
                raise ConfigError(
                    f"leverage of {token} on {venue}: expected a token of {tokens} with a perpetual on one of {venues}"
                )
        if len(set(homes)) < len(homes):
            raise ConfigError(f"leverage is of {homes}; expected each token and venue once")
        for shock in self.shocks:
            if strange := sorted(set(shock.tokens) - set(tokens)):
                raise ConfigError(f"shock of {strange}: expected tokens of {tokens}")
            if parse_duration(shock.at) + parse_duration(shock.over) > parse_duration(self.duration):
                raise ConfigError(f"shock at {shock.at} over {shock.over}: expected an end within duration = {self.duration}")

    @property
    def start_ns(self) -> int:
        return parse_time(self.start)

    @property
    def opening_ns(self) -> int:
        """When the market begins to live, before it is shown."""
        return self.start_ns - parse_duration(self.warm_up)

    @property
    def end_ns(self) -> int:
        return self.start_ns + parse_duration(self.duration)

    @property
    def outrights(self) -> tuple[Place, ...]:
        """Every market but the options: token by token, venue by venue, kind by kind."""
        ranges = range(len(self.tokens)), range(len(self.venues)), self.kinds
        return tuple(Place(token, venue, kind) for token, venue, kind in product(*ranges))

    @property
    def places(self) -> tuple[Place, ...]:
        """Every market: the outrights, then the options, chain by chain."""
        tokens, venues = [token.name for token in self.tokens], [venue.name for venue in self.venues]
        options = (
            Place(tokens.index(chain.token), venues.index(chain.venue), "option", number, option)
            for number, chain in enumerate(self.chains)
            for option in range(chain.options)
        )
        return (*self.outrights, *options)

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        chains = (instrument for chain in self.chains for instrument in self.chain_instruments(chain))
        return (*map(self.instrument, self.outrights), *chains)

    def chain_instruments(self, chain: OptionChainConfig) -> tuple[Instrument, ...]:
        """Options of a chain."""
        place = self.outrights[self.perp(chain)]
        price = self.tokens[place.token].price
        return chain.instruments(perp=self.instrument(place), price=price, start_ns=self.start_ns)

    def perp(self, of: OptionChainConfig | LeverageConfig) -> int:
        """Market of the perpetual that a chain or a clearing house stands on."""
        tokens, venues = [token.name for token in self.tokens], [venue.name for venue in self.venues]
        return self.outrights.index(Place(tokens.index(of.token), venues.index(of.venue), "perp"))

    def instrument(self, place: Place) -> Instrument:
        """``venue:TOKEN-PERP`` or ``venue:TOKEN-SPOT``, in USDT; of an option the chain's."""
        if place.kind == "option":
            return self.chain_instruments(self.chains[place.chain])[place.option]
        token = self.tokens[place.token]
        return Instrument(
            venue=self.venues[place.venue].name,
            symbol=f"{token.name}-{place.kind.upper()}",
            kind=InstrumentKind.SPOT if place.kind == "spot" else InstrumentKind.PERP,
            base=token.name,
            quote="USDT",
            settle="USDT",
            tick=token.tick,
            lot=token.lot,
        )

    def activity(self, place: Place) -> float:
        """Rates of a market as a multiple of those of the participants."""
        kind = self.spot_activity if place.kind == "spot" else 1.0
        return self.tokens[place.token].activity * self.venues[place.venue].activity * kind

    def reach_ticks(self, token: AgentToken) -> int:
        """Length of a book's ring: both sides' reach and as much again for the price to move, a power of two."""
        widest = max(self.patient.reach_bps, self.crowd.reach_bps)
        ticks = 8 * widest * 1e-4 * token.price / Grid(token.tick).size
        return max(1 << int(ticks).bit_length(), 1024)

    def tree(self) -> Tree:
        """Index, clusters, tokens, instruments; tokens weigh as in the index."""
        names = sorted({token.cluster for token in self.tokens})
        nodes = [Node(id="index:all")]
        for name in names:
            inside = [token for token in self.tokens if token.cluster == name]
            nodes.append(Node(id=f"cluster:{name}", parent="index:all", weight=sum(token.weight for token in inside)))
        for token in self.tokens:
            nodes.append(Node(id=f"token:{token.name}", parent=f"cluster:{token.cluster}", weight=token.weight))
        for place, instrument in zip(self.places, self.instruments, strict=True):
            nodes.append(Node(id=instrument.id, parent=f"token:{self.tokens[place.token].name}"))
        return Tree(nodes=tuple(nodes), since=self.start)


def _demo_tokens() -> tuple[AgentToken, ...]:
    """Twelve tokens in four clusters: names of the field, sizes and prices of their order; a recording stands behind BTC."""
    majors = {"market_loading": 0.85, "cluster_loading": 0.3}
    others = {"market_loading": 0.6, "cluster_loading": 0.5}
    rows = (
        ("BTC", "majors", "0.1", "0.001", 92_000.0, 0.1, 1.0, 10.0, TokenValue(vol_annual=0.5, **majors)),
        ("ETH", "majors", "0.01", "0.001", 3_150.0, 3.0, 0.9, 4.0, TokenValue(vol_annual=0.65, **majors)),
        ("SOL", "majors", "0.01", "0.01", 135.0, 60.0, 0.7, 1.5, TokenValue(vol_annual=0.8, **majors)),
        ("LINK", "defi", "0.001", "0.1", 13.0, 400.0, 0.4, 0.4, TokenValue(vol_annual=0.9, **others)),
        ("UNI", "defi", "0.001", "0.1", 6.0, 800.0, 0.3, 0.3, TokenValue(vol_annual=1.0, **others)),
        ("AAVE", "defi", "0.01", "0.01", 170.0, 25.0, 0.3, 0.3, TokenValue(vol_annual=0.95, **others)),
        ("AVAX", "chains", "0.001", "0.1", 14.0, 350.0, 0.4, 0.4, TokenValue(vol_annual=0.9, **others)),
        ("ADA", "chains", "0.0001", "1", 0.42, 12_000.0, 0.35, 0.5, TokenValue(vol_annual=0.85, **others)),
        ("DOT", "chains", "0.001", "0.1", 2.3, 2_000.0, 0.25, 0.2, TokenValue(vol_annual=0.9, **others)),
        ("XRP", "payments", "0.0001", "1", 2.1, 2_500.0, 0.6, 1.5, TokenValue(vol_annual=0.8, **others)),
        ("LTC", "payments", "0.01", "0.01", 84.0, 60.0, 0.3, 0.3, TokenValue(vol_annual=0.75, **others)),
        ("DOGE", "payments", "0.00001", "10", 0.14, 25_000.0, 0.4, 0.5, TokenValue(vol_annual=0.95, **others)),
    )
    return tuple(
        AgentToken(
            name=name,
            cluster=cluster,
            tick=tick,
            lot=lot,
            price=price,
            clip=clip,
            activity=activity,
            weight=weight,
            value=value,
        )
        for name, cluster, tick, lot, price, clip, activity, weight, value in rows
    )


def agent_market_config(*, seed: int = 0, duration: str = "10m", tokens: int = 6, venues: int = 2) -> AgentMarketConfig:
    """The market of the demo (six tokens), its twelve, or the first of them: spot and perpetuals, everyone there.

    Raises
    ------
    ConfigError
        If it has not so many.
    """
    every = _demo_tokens()
    houses = AgentVenueConfig(name="alpha"), AgentVenueConfig(name="beta", activity=0.6)
    if not (1 <= tokens <= len(every) and 1 <= venues <= len(houses)):
        raise ConfigError(f"{tokens} tokens on {venues} venues; expected 1 to {len(every)} on 1 to {len(houses)}")
    return AgentMarketConfig(
        seed=seed,
        duration=duration,
        tokens=every[:tokens],
        venues=houses[:venues],
        kinds=("perp", "spot"),
        makers=(MakerConfig(), MakerConfig(rule="avellaneda", count=1, looks_per_s=2.0, half_spread_bps=0.5, clips=0.5)),
        trends=(
            TrendConfig(horizon="15s", gain=0.4),
            TrendConfig(horizon="240s", gain=0.4),
            TrendConfig(horizon="4s", gain=-0.5),
            TrendConfig(horizon="60s", gain=-0.5),
            TrendConfig(horizon="900s", gain=-0.5),
        ),
        informed=(
            InformedConfig(),
            InformedConfig(
                lag="2s",
                error_bps=3.0,
                error_time="2m",
                adapt="5m",
                threshold_bps=6.0,
                most_clips=100.0,
                looks_per_s=0.5,
            ),
        ),
    )
