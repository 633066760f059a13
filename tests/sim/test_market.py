"""The synthetic market: a naive twin, the laws of a venue's feed, and the figures it was asked for."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from counterpoise.core.config import parse_config
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.core.units import MINUTE_NS, MS_NS, SECOND_NS
from counterpoise.market.event import DELTA, FIRST, LAST, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.sim.synthetic.efficient import correlation, efficient_paths
from counterpoise.sim.synthetic.market import Jump, MarketConfig, SyntheticFeed, TokenConfig, default_config, generate
from counterpoise.sim.synthetic.market_config import default_tokens
from counterpoise.sim.synthetic.order_flow import OrderFlow, flow_tables
from reference.naive_market import NaiveMarket

THIN = TokenConfig(  # a book so thin that floors, sweeps and letting go beyond reach are common
    name="THIN",
    tick="0.01",
    lot="1",
    price=100.0,
    vol_annual=8.0,
    market_orders_per_s=60.0,
    limit_orders_per_s=60.0,
    cancels_per_s=400.0,
    limit_exponent=0.5,
    whole_level_share=0.9,
    pulls_per_s=40.0,
    refills_per_s=20.0,
    limit_qty=3.0,
    market_qty=4.0,
    reach_ticks=12,
)
SHORT = default_config(seed=11, duration="20s")


def digest(events: Events) -> str:
    return hashlib.sha256(b"".join(column.tobytes() for column in events)).hexdigest()


def joined(parts: list[Events]) -> Events:
    return Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


def cut_feed(feed: SyntheticFeed, times: list[int]) -> dict[str, Events]:
    parts: dict[str, list[Events]] = {i.id: [] for i in feed.instruments}
    for ts_ns in times:
        for instrument, events in feed.until(ts_ns):
            assert events.ts_local[-1] < ts_ns
            parts[instrument.id].append(events)
    return {name: joined(p) for name, p in parts.items()}


def naive_book(events: Events) -> tuple[dict[int, int], dict[int, int]]:
    """Bids and asks after the events; refuses a crossed or empty book after any message, and a quote that is not the book's."""
    sides: dict[int, dict[int, int]] = {1: {}, -1: {}}
    columns = (events.kind, events.flags, events.side, events.price_ticks, events.qty_lots)
    for kind, flags, side, price, lots in zip(*(c.tolist() for c in columns), strict=True):
        best = (max(sides[1]), min(sides[-1])) if sides[1] and sides[-1] else None
        if kind == QUOTE:
            assert price == best[0 if side > 0 else 1]
            assert lots == sides[side][price]
        if kind in (SNAPSHOT, DELTA):
            if lots:
                sides[side][price] = lots
            else:
                del sides[side][price]
            if flags & LAST:
                assert max(sides[1]) < min(sides[-1])
    return sides[1], sides[-1]


def mid_at(events: Events, times: np.ndarray) -> np.ndarray:
    bid, ask = (np.flatnonzero((events.kind == QUOTE) & (events.side == side)) for side in (1, -1))
    at = np.searchsorted(events.ts_venue[bid], times) - 1
    return (events.price_ticks[bid][at] + events.price_ticks[ask][at]) / 2


@pytest.fixture(scope="module")
def short() -> dict[str, Events]:
    return generate(SHORT)


@pytest.fixture(scope="module", params=["default", "thin"])
def stream(request: pytest.FixtureRequest, short: dict[str, Events]) -> Events:
    if request.param == "default":
        return short["sim:BTC-PERP"]
    return generate(MarketConfig(seed=3, duration="60s", warm_up="2s", tokens=(THIN,)))["sim:THIN-PERP"]


@pytest.mark.parametrize("token", [THIN, *default_tokens()], ids=lambda t: t.name)
def test_market_naive_twin(token: TokenConfig) -> None:
    config = MarketConfig(seed=5, duration="10s", warm_up="3s", tokens=(token,), jumps=(Jump(at="4s", size_bps=-30.0),))
    instrument = token.instrument("sim")
    seeds = np.random.SeedSequence(5).spawn(1)[0].spawn(2)
    naive = NaiveMarket(
        token,
        tick=float(instrument.tick),
        lot=float(instrument.lot),
        path=efficient_paths(config, seeds[:1])[0].tolist(),
        path_step_s=0.05,
        start_ns=config.start_ns,
        warm_up_s=3.0,
        words=seeds[1].generate_state(8, np.uint64),
        quantiles=flow_tables(config, token),
    )
    expected = naive.open() + naive.run(10.0)
    events = generate(config)[instrument.id]
    assert events.rows > 1500
    assert list(zip(*(column.tolist() for column in events), strict=True)) == expected


def test_same_seed_same_bytes(short: dict[str, Events]) -> None:
    again = generate(SHORT)
    assert {name: digest(e) for name, e in again.items()} == {name: digest(e) for name, e in short.items()}


def test_other_seed_other_bytes(short: dict[str, Events]) -> None:
    other = generate(msgspec.structs.replace(SHORT, seed=12))
    assert {digest(e) for e in other.values()}.isdisjoint(digest(e) for e in short.values())


def test_a_token_added_leaves_the_others_alone(short: dict[str, Events]) -> None:
    fewer = generate(msgspec.structs.replace(SHORT, tokens=SHORT.tokens[:2]))
    assert {name: digest(e) for name, e in fewer.items()} == {name: digest(short[name]) for name in fewer}


@pytest.mark.parametrize("chunk_rows", [1, 1000, 1 << 16])
@pytest.mark.parametrize("step_ns", [7 * MS_NS, 3 * SECOND_NS, MINUTE_NS])
def test_chunked_equals_whole(short: dict[str, Events], chunk_rows: int, step_ns: int) -> None:
    feed = SyntheticFeed(SHORT, chunk_rows=chunk_rows)
    first, last = feed.span_ns
    parts = cut_feed(feed, [*range(first, last, step_ns), last + 1])
    assert {name: digest(e) for name, e in parts.items()} == {name: digest(e) for name, e in short.items()}
    assert not list(feed.until(last + MINUTE_NS))


def test_feed_holds_about_one_chunk() -> None:
    feed = SyntheticFeed(SHORT, chunk_rows=500)
    sizes = [events.rows for _, events in feed.until(feed.span_ns[1] + 1)]
    margin = 32 * 9 + 2 * 600 + 8  # the most rows of one event
    assert max(sizes) <= 500 + margin
    assert len(sizes) > 50


def test_span_is_kept(short: dict[str, Events]) -> None:
    first, last = SyntheticFeed(SHORT).span_ns
    assert first == min(e.ts_local[0] for e in short.values())
    assert last >= max(e.ts_local[-1] for e in short.values())
    assert all(e.ts_venue[-1] < SHORT.start_ns + SHORT.duration_ns for e in short.values())


def test_messages_are_well_formed(stream: Events) -> None:
    stream.require_order()
    assert (np.diff(stream.ts_venue) >= 0).all()
    assert (stream.ts_local >= stream.ts_venue).all()
    first, last = stream.flags & FIRST > 0, stream.flags & LAST > 0
    assert first[0]
    assert last[-1]
    assert (first[1:] == last[:-1]).all()
    assert (np.diff(stream.seq) == first[1:]).all()
    snapshot = stream.kind == SNAPSHOT
    assert snapshot[0]
    assert (stream.seq[snapshot] == 0).all()
    assert not snapshot[stream.seq > 0].any()
    message = np.cumsum(first)
    for column in (stream.kind, stream.id, stream.ts_local, stream.ts_venue):
        changed = np.flatnonzero(np.diff(column) != 0)
        assert first[changed + 1].all()
    sides = np.bincount(message[stream.kind == QUOTE], weights=stream.side[stream.kind == QUOTE])
    assert not sides.any()
    assert (np.bincount(message[stream.kind == QUOTE])[np.unique(message[stream.kind == QUOTE])] == 2).all()
    assert (stream.qty_lots[stream.kind == TRADE] > 0).all()
    assert (stream.price_ticks > 0).all()


def test_ids_count_up(stream: Events) -> None:
    trades = stream.id[stream.kind == TRADE]
    assert (trades == np.arange(1, len(trades) + 1)).all()
    book = stream.id[(stream.kind == DELTA) & (stream.flags & FIRST > 0)]
    assert (book == np.arange(2, len(book) + 2)).all()


@pytest.mark.parametrize("token", [THIN, default_tokens()[0]], ids=lambda t: t.name)
def test_book_never_crosses_and_ends_as_the_generator_s(token: TokenConfig) -> None:
    config = MarketConfig(seed=8, duration="30s", warm_up="2s", tokens=(token,))
    path, flow = np.random.SeedSequence(8).spawn(1)[0].spawn(2)
    made = OrderFlow(config, token, efficient_paths(config, [path])[0], seed=flow)
    events = joined(list(made.events(config.start_ns + config.duration_ns)))
    bids, asks = naive_book(events)
    assert bids
    assert asks
    assert (bids, asks) == made.book
    assert digest(events) == digest(generate(config)[f"sim:{token.name}-PERP"])


def test_trades_take_what_the_book_loses(stream: Events) -> None:
    """Between two depth messages, each price loses exactly what traded there, on the passive side, best first."""
    book: dict[tuple[int, int], int] = {}
    traded: dict[tuple[int, int], int] = {}
    checked = 0
    columns = (stream.kind, stream.flags, stream.side, stream.price_ticks, stream.qty_lots)
    for kind, flags, side, price, lots in zip(*(c.tolist() for c in columns), strict=True):
        if kind == TRADE:
            key = (-side, price)
            passive = [p * side for s, p in book if s == -side and book[s, p] > traded.get((s, p), 0)]
            assert price * side == min(passive)
            traded[key] = traded.get(key, 0) + lots
        elif kind in (SNAPSHOT, DELTA):
            key = (side, price)
            if key in traded:
                assert book[key] - traded.pop(key) == lots
                checked += 1
            book[key] = lots
            if lots == 0:
                del book[key]
            assert not (traded and flags & LAST)
    assert not traded
    assert checked > 50


def test_thin_book_meets_its_edges() -> None:
    """Without these the twin and the laws above would not see floors, sweeps and levels let go."""
    events = generate(MarketConfig(seed=3, duration="60s", warm_up="2s", tokens=(THIN,)))["sim:THIN-PERP"]
    delta = events.kind == DELTA
    levels = np.bincount(events.seq[delta])
    assert (levels >= 3).sum() > 20
    quotes = events.price_ticks[events.kind == QUOTE].reshape(-1, 2)
    spread = quotes[:, 1] - quotes[:, 0]
    assert spread.max() > THIN.reach_ticks
    assert spread.max() <= 2 * THIN.reach_ticks


def test_correlation_matrix_is_the_factor_model() -> None:
    found = correlation(SHORT)
    expected = 0.85**2 + 0.3**2
    assert np.allclose(found, np.where(np.eye(3, dtype=bool), 1.0, expected))
    apart = msgspec.structs.replace(SHORT.tokens[1], cluster="other")
    assert correlation(MarketConfig(tokens=(SHORT.tokens[0], apart)))[0, 1] == pytest.approx(0.85**2)


@pytest.mark.parametrize("seed", [101, 102])
def test_mids_move_together_as_configured(seed: int) -> None:
    """30 s returns of an hour; Fisher's interval at 99.9 % (±3.29 / √(n − 3)) around the configured correlation."""
    config = default_config(seed=seed, duration="1h")
    times = config.start_ns + np.arange(MINUTE_NS, config.duration_ns, 30 * SECOND_NS)
    returns = np.array([np.diff(np.log(mid_at(e, times))) for e in generate(config).values()])
    found, expected = np.corrcoef(returns), correlation(config)
    half_width = 3.29 / np.sqrt(returns.shape[1] - 3)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert abs(np.arctanh(found[i, j]) - np.arctanh(expected[i, j])) < half_width


def test_price_follows_flow() -> None:
    """Best-level order-flow imbalance explains .3 to .7 of 1 s mid changes, with a positive slope (Cont et al. 2014)."""
    config = msgspec.structs.replace(default_config(seed=21, duration="10m"), tokens=default_tokens()[:1])
    events = generate(config)["sim:BTC-PERP"]
    bid, ask = (events.kind == QUOTE) & (events.side == 1), (events.kind == QUOTE) & (events.side == -1)
    pb, qb, pa, qa = events.price_ticks[bid], events.qty_lots[bid], events.price_ticks[ask], events.qty_lots[ask]
    bids = (pb[1:] >= pb[:-1]) * qb[1:] - (pb[1:] <= pb[:-1]) * qb[:-1]
    asks = (pa[1:] <= pa[:-1]) * qa[1:] - (pa[1:] >= pa[:-1]) * qa[:-1]
    times = config.start_ns + np.arange(SECOND_NS, config.duration_ns, SECOND_NS)
    at = np.searchsorted(events.ts_venue[bid], times) - 1
    ofi = np.diff(np.concatenate([[0], np.cumsum(bids - asks)])[at])
    assert 0.3 < np.corrcoef(ofi, np.diff(mid_at(events, times)))[0, 1] < np.sqrt(0.7)
    signs = events.side[events.kind == TRADE]
    assert np.corrcoef(signs[:-1], signs[1:])[0, 1] > np.corrcoef(signs[:-50], signs[50:])[0, 1] > 0


def test_mid_follows_a_jump() -> None:
    config = default_config(seed=4, duration="40s")
    fall = msgspec.structs.replace(config, jumps=(Jump(at="20s", size_bps=-200.0),))
    times = config.start_ns + np.array([15, 35]) * SECOND_NS
    for token, events in zip(fall.tokens, generate(fall).values(), strict=True):
        before, after = mid_at(events, times)
        assert 1e4 * np.log(after / before) == pytest.approx(1e4 * np.log1p(-0.02 * token.market_loading), abs=25)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("price", 0.0),
        ("price", float("nan")),
        ("price", float("inf")),
        ("vol_annual", -0.1),
        ("market_orders_per_s", 0.0),
        ("decay_per_s", -1.0),
        ("limit_orders_per_s", 0.0),
        ("cancels_per_s", float("nan")),
        ("whole_level_share", 1.5),
        ("limit_qty", 0.0),
        ("market_qty", -1.0),
        ("reach_ticks", 0),
        ("limit_sigma", 9.0),
        ("market_loading", 1.2),
        ("tick", "0"),
        ("lot", "abc"),
        ("name", ""),
    ],
)
def test_impossible_tokens_are_refused(field: str, value: object) -> None:
    with pytest.raises(InputError) as refused:
        msgspec.structs.replace(THIN, **{field: value}).instrument("sim")
    assert field in str(refused.value) or field in ("tick", "lot")


def test_branching_ratio_of_one_is_refused() -> None:
    with pytest.raises(ConfigError, match="branching ratio"):
        msgspec.structs.replace(THIN, offspring_same_side=0.6, offspring_other_side=0.4)


def test_loadings_leave_room_for_own_noise() -> None:
    with pytest.raises(ConfigError, match="less than 1"):
        msgspec.structs.replace(THIN, market_loading=0.8, cluster_loading=0.6)


def test_price_must_be_many_ticks() -> None:
    with pytest.raises(ConfigError, match="finer tick"):
        msgspec.structs.replace(THIN, tick="1")


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": -1},
        {"duration": "0s"},
        {"duration": "soon"},
        {"start": "yesterday"},
        {"tokens": ()},
        {"tokens": (THIN, THIN)},
        {"path_step": "1h"},
        {"feed_latency": "-1ms"},
        {"feed_latency_sigma": float("nan")},
        {"jumps": (Jump(at="31m", size_bps=1.0),)},
        {"jumps": (Jump(at="1m", size_bps=float("nan")),)},
    ],
    ids=str,
)
def test_impossible_markets_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError):
        MarketConfig(**wrong)


def test_a_price_that_would_reach_zero_is_refused() -> None:
    crash = MarketConfig(duration="1h", jumps=tuple(Jump(at=f"{m}m", size_bps=-5000.0) for m in range(1, 20)))
    with pytest.raises(ConfigError, match="efficient price falls"):
        generate(crash)


def test_config_reads_from_toml() -> None:
    text = 'seed = 3\nduration = "5m"\n[[tokens]]\nname = "AAA"\ntick = "0.01"\nlot = "1"\nprice = 100.0\nvol_annual = 1\n'
    config = parse_config(text + "limit_qty = 5\nmarket_qty = 2\n", MarketConfig)
    assert [t.name for t in config.tokens] == ["AAA"]
    assert config.duration_ns == 5 * MINUTE_NS
    with pytest.raises(InputError, match="limit_qty"):
        parse_config(text + "limit_qtty = 5\n", MarketConfig)


def test_instruments_are_their_own() -> None:
    instruments = SyntheticFeed(SHORT).instruments
    assert [i.id for i in instruments] == ["sim:BTC-PERP", "sim:ETH-PERP", "sim:SOL-PERP"]
    assert [(i.tick, i.lot) for i in instruments] == [(t.tick, t.lot) for t in SHORT.tokens]
    assert all(a.id != b.id for a, b in pairwise(instruments))
