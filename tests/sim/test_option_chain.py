"""An option chain in the agent market: its terms, its values, what its dealers hedge, parity, conservation, pieces = whole."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import SECOND_NS, parse_time
from counterpoise.market.book import Book
from counterpoise.market.event import QUOTE, TRADE
from counterpoise.market.instrument import InstrumentKind
from counterpoise.options.black import black76_greeks, coin_greeks
from counterpoise.options.svi_arbitrage import least_butterfly
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.hedging import dealer_report, hedging_path
from counterpoise.sim.agents.kernels import chain as k
from counterpoise.sim.agents.kernels import layout as at
from counterpoise.sim.agents.kernels import loop
from counterpoise.sim.agents.kernels import option_maker as d
from counterpoise.sim.agents.ledger import agent_ledger, venue_ledger
from counterpoise.sim.agents.market import simulate
from counterpoise.sim.agents.option_chain import DealerConfig, OptionChainConfig, OptionFlowConfig, ParityConfig
from counterpoise.sim.agents.world import AgentWorld, build_world
from counterpoise.sim.exchange.kernels.readers import best_price

CASH = OptionChainConfig(
    token="BTC", venue="alpha", days=(7, 30), strikes=(-0.05, 0.0, 0.05), flow=OptionFlowConfig(orders_per_s=5.0)
)
COIN = msgspec.structs.replace(CASH, settle="coin", tick="0.00001")


def config_of(*chains: OptionChainConfig, seed: int = 1, duration: str = "20s") -> AgentMarketConfig:
    small = agent_market_config(seed=seed, duration=duration, tokens=1, venues=1)
    return msgspec.structs.replace(
        small, chains=chains, warm_up="2s", patient=msgspec.structs.replace(small.patient, count=100)
    )


def lived(config: AgentMarketConfig) -> AgentWorld:
    world = build_world(config)
    world.pass_unseen(config.end_ns)
    return world


def dealer_slices(world: AgentWorld) -> tuple[np.ndarray, np.ndarray]:
    """Integers and numbers of the first dealer, from where his own begin."""
    number = next(i for i, line in enumerate(world.lines) if line.kind == loop.OPTION_MAKER)
    agent = int(world.world[at.AGENT_ROWS]) + number * at.AGENT_SIZE
    return world.world[world.world[agent + at.A_INTS] :], world.reals[world.world[agent + at.A_REALS] :]


def test_terms_of_a_chain() -> None:
    config = config_of(CASH)
    options = config.instruments[len(config.outrights) :]
    assert [o.symbol for o in options[:4]] == [
        "BTC-260112-87500-C",
        "BTC-260112-87500-P",
        "BTC-260112-92000-C",
        "BTC-260112-92000-P",
    ]
    assert {o.kind for o in options} == {InstrumentKind.OPTION}
    assert options[0].expiry_ns == parse_time("2026-01-12T08:00")
    assert (options[0].lot, options[0].settle, options[0].quote) == ("0.010", "USDT", "USDT")
    assert config_of(COIN).instruments[-1].settle == "BTC"
    assert [place.kind for place in config.places].count("option") == CASH.options == 12
    leaves = {node.id for node in config.tree().nodes}
    assert {o.id for o in options} <= leaves


@pytest.mark.parametrize("chain", [CASH, COIN], ids=["cash", "coin"])
def test_a_dealer_values_as_black_and_the_smile_say(chain: OptionChainConfig) -> None:
    config = config_of(chain)
    world = lived(config)
    ints, reals = dealer_slices(world)
    numbers = reals[d.D_CHAIN :]
    expiries = [numbers[k.CHAIN_HEAD + i * k.EXPIRY_SIZE :] for i in range(2)]
    options = numbers[k.CHAIN_HEAD + 2 * k.EXPIRY_SIZE :][: chain.options * k.OPTION_SIZE].reshape(-1, k.OPTION_SIZE)
    forward = 92_000.0
    k.value_chain(np.array([config.start_ns]), numbers, ints, 0, forward)
    passed_s, level = (config.start_ns - config.opening_ns) / 1e9, np.exp(numbers[k.K_LEVEL])
    years = np.repeat([(e[k.E_LEFT_S] - passed_s) / (365 * 86_400) for e in expiries], 6)
    moneyness = np.log(options[:, k.O_STRIKE] / forward)
    smiles = [chain.smile_of(e[k.E_LEFT_S] / (365 * 86_400)) for e in expiries]
    total = np.concatenate([smiles[i // 6].total_variance(moneyness[i : i + 6]) for i in (0, 6)])
    left = np.repeat([e[k.E_LEFT_S] for e in expiries], 6)
    volatility = level * np.sqrt(total * (1 - passed_s / left) / years)
    assert not np.allclose(level, 1.0)
    assert volatility[2] / level == pytest.approx(chain.vol_annual, rel=0.01)
    terms = options[:, k.O_STRIKE], years, volatility, np.tile(["C", "P"], 6)
    greeks_of = coin_greeks if chain.settle == "coin" else black76_greeks
    greeks = greeks_of(forward, *terms)
    for slot, name in ((k.O_VALUE, "price"), (k.O_DELTA, "delta"), (k.O_VEGA, "vega")):
        assert options[:, slot] == pytest.approx(greeks[name].to_numpy(), rel=1e-9)
    up, down = (greeks_of(forward * (1 + h), *terms)["delta"].to_numpy() for h in (1e-5, -1e-5))
    assert options[:, k.O_GAMMA] == pytest.approx((up - down) / 2e-5, rel=1e-4)


def test_the_smile_is_free_of_arbitrage_at_the_opening() -> None:
    for years in (7 / 365, 30 / 365):
        assert least_butterfly(CASH.smile_of(years)).value >= 0
        assert CASH.smile_of(years).volatility(0.0, years=years) == pytest.approx(0.5)


@pytest.mark.parametrize("chain", [CASH, COIN], ids=["cash", "coin"])
def test_quotes_stand_about_the_values_and_obey_parity(chain: OptionChainConfig) -> None:
    world = lived(config_of(chain))
    config, first = world.config, len(world.config.outrights)
    perp = world.mid_ticks()[0] * 0.1
    unit = (1.0 if chain.settle == "cash" else perp) * float(chain.tick)
    quoted = 0
    for pair in range(chain.options // 2):
        call, put = first + 2 * pair, first + 2 * pair + 1
        quotes = [best_price(world.ex, market, side) for market in (call, put) for side in (1, -1)]
        if min(quotes) > 0:
            assert quotes[0] < quotes[1]
            assert quotes[2] < quotes[3]
            strike = float(config.instruments[call].strike or 0)
            low, high = (quotes[0] - quotes[3]) * unit, (quotes[1] - quotes[2]) * unit
            assert low - 5e-4 * perp < perp - strike < high + 5e-4 * perp
            quoted += 1
    assert quoted >= 4


@pytest.mark.parametrize("chain", [CASH, COIN], ids=["cash", "coin"])
def test_money_and_coins_add_up_to_the_last_grain(chain: OptionChainConfig) -> None:
    world = lived(config_of(chain, seed=3))
    for row in venue_ledger(world).iter_rows(named=True):
        assert row["traders"] + row["venue"] + row["fund"] - row["cost"] == row["deposited"]
    agents = agent_ledger(world)
    assert agents.filter(type="option flow")["traded"][0] > 0
    assert agents["profit"].sum() + agents["fees"].sum() == pytest.approx(0.0, abs=0.01 * agents["traded"].sum())


def test_pieces_are_the_whole() -> None:
    config = config_of(CASH, duration="6s")
    whole, pieces = lived(config), build_world(config)
    for end in range(config.opening_ns, config.end_ns + 1, 700_000_000):
        pieces = pieces.copy()
        pieces.pass_unseen(end)
    pieces.pass_unseen(config.end_ns)
    for name in ("world", "reals", "rng", "ex"):
        assert getattr(whole, name).tobytes() == getattr(pieces, name).tobytes(), name


def test_the_feed_tells_of_every_option() -> None:
    """Snapshot, levels, trades; the book of the tape is the exchange's."""
    config = config_of(CASH, duration="10s")
    market = simulate(config)
    options = config.instruments[len(config.outrights) :]
    assert set(market.events) == {instrument.id for instrument in config.instruments}
    traded = 0
    for instrument in options:
        events = market.events[instrument.id]
        book = Book()
        book.apply(events)
        for side, best in ((1, book.best_bid), (-1, book.best_ask)):
            last = np.flatnonzero((events.kind == QUOTE) & (events.side == side))
            if best is not None and len(last):
                assert events.price_ticks[last[-1]] == best
        traded += int((events.kind == TRADE).sum())
    assert traded > 20


def test_a_dealer_keeps_his_delta_in_the_band() -> None:
    """Looks come ten times a second, hedges a few ms later: what lies between may leave it, for a while."""
    band = DealerConfig(hedge_band_lots=5.0)
    buyers = OptionFlowConfig(orders_per_s=10.0, buy_share=1.0)
    config = config_of(msgspec.structs.replace(CASH, dealer=band, flow=buyers))
    world = build_world(config)
    inside = []
    for second in range(1, 21):
        world.pass_unseen(config.start_ns + second * SECOND_NS)
        inside.append(abs(dealer_report(world)["net_delta_lots"][0]) <= 5.0 * CASH.perp_lots)
    report = dealer_report(world)
    assert report["hedges"][0] >= 3
    assert np.mean(inside) > 0.5
    assert report["gamma_lots"][0] < 0  # everyone bought
    assert report["vega"][0] < 0


def hedged_with_moves(buy_share: float) -> tuple[float, float]:
    """Correlation of hedges with moves of 5 s, and the mean gamma: a minute of one-sided flow, then none."""
    flow = OptionFlowConfig(orders_per_s=5.0, buy_share=buy_share, lots=2.0)
    dealer = DealerConfig(hedge_band_lots=0.5, most_lots=20_000, most_vega_lots=1e6, skew_vol=0.0, quote_lots=100)
    still = {"level_sigma": 0.0, "parity": ParityConfig(count=0)}
    chain = msgspec.structs.replace(CASH, days=(1,), strikes=(-0.005, 0.0, 0.005), flow=flow, dealer=dealer, **still)
    config = config_of(chain, seed=11, duration="4m")
    world = build_world(config)
    world.pass_unseen(config.start_ns + 60 * SECOND_NS)
    world.wake_at(next(i for i, line in enumerate(world.lines) if line.type == "option flow"), at.NEVER)
    path = hedging_path(world, until_ns=config.end_ns, every="5s").tail(34)
    return float(np.corrcoef(path["hedge_lots"], path["move_bps"])[0, 1]), float(path["gamma_lots"].mean())


def test_hedges_go_with_the_price_when_dealers_are_short_gamma_and_against_it_when_long() -> None:
    short, long = hedged_with_moves(1.0), hedged_with_moves(0.0)
    assert short[1] < 0 < long[1]
    assert short[0] > 0.8
    assert long[0] < -0.8


def test_stale_quotes_are_taken_by_arbitrage_with_three_legs() -> None:
    """A dealer who hardly ever writes anew, and no fees: pairs are traded, even, and matched by the perpetual."""
    lazy = DealerConfig(requote_bps=1000.0, requote_time="5s", half_vol=0.0, half_delta_bps=0.05)
    chain = msgspec.structs.replace(CASH, dealer=lazy, parity=ParityConfig(margin_bps=0.0))
    config = msgspec.structs.replace(config_of(chain, duration="40s"), pro_taker_bps=0.1)
    world = lived(config)
    line = next(line for line in world.lines if line.type == "option arbitrage")
    first = len(config.outrights)
    held = np.array([world.position_lots(line.account, first + i) for i in range(chain.options)])
    assert agent_ledger(world).filter(type="option arbitrage")["traded"][0] > 0
    assert np.abs(held).sum() > 0
    uneven = np.abs(held[::2] + held[1::2]).sum() + abs(
        world.position_lots(line.account, 0) + held[::2].sum() * chain.perp_lots
    )
    assert uneven <= chain.dealer.quote_lots * chain.perp_lots  # no more than one trade is on its way


def test_impossible_chains_are_refused() -> None:
    for bad, said in (
        ({"days": ()}, "days"),
        ({"days": (30, 7)}, "days"),
        ({"days": (0, 7)}, "days"),
        ({"strikes": (0.0, 0.0)}, "strikes"),
        ({"smile": 3.0, "width": 0.05}, "butterfly"),
        ({"perp_lots": 0}, "perp_lots"),
        ({"strikes": tuple(np.linspace(-0.4, 0.4, 31).tolist())}, "at most 60"),
    ):
        with pytest.raises(ConfigError, match=said):
            OptionChainConfig(**{"token": "BTC", "venue": "alpha"} | bad)
    with pytest.raises(ConfigError, match="not all different"):
        config_of(msgspec.structs.replace(CASH, strikes=(0.0, 0.00001))).instruments  # noqa: B018
    with pytest.raises(ConfigError, match="expected a token"):
        config_of(msgspec.structs.replace(CASH, token="DOGE")).__post_init__()
    with pytest.raises(ConfigError, match="within the market"):
        config_of(msgspec.structs.replace(CASH, days=(1,)), duration="40h").__post_init__()
    with pytest.raises(ConfigError, match="once"):
        config_of(CASH, COIN).__post_init__()
    with pytest.raises(ConfigError, match="finer tick"):
        msgspec.structs.replace(CASH, tick="1000").reach_ticks(92_000.0)
    with pytest.raises(InputError, match="no option dealer"):
        hedging_path(build_world(config_of()), until_ns=0)
