"""Flow measures against published numbers and a slow twin; quality and null rules case by case."""

from __future__ import annotations

import math
import random
from decimal import Decimal

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.kernels.bins import NOTIONAL
from counterpoise.flow.kernels.queues import queue_change
from counterpoise.flow.measures import Measures, QuoteSource, measure
from counterpoise.market.event import DELTA, GAP, QUOTE, SNAPSHOT, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.flow_frames import assert_equals_naive
from reference.message_script import T0, events_of
from reference.random_stream import RandomStream

SOURCES: tuple[QuoteSource, ...] = ("depth", "ticker", "trades")
PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SPOT = parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001")
# Books of domain/flow.md in ticks of 0.1: bid, size, ask, size
EIGHT_BOOKS = (
    (1000, 10, 1005, 8),
    (1000, 14, 1005, 8),
    (1000, 9, 1005, 12),
    (1001, 5, 1005, 12),
    (1001, 5, 1004, 7),
    (1000, 6, 1004, 7),
    (1000, 6, 1006, 9),
    (1000, 6, 1006, 4),
)
EIGHT_OFI = [4.0, -9.0, 5.0, -7.0, -5.0, 7.0, 5.0]


def quote_changes() -> Events:
    """As a ticker tells them, one a second."""
    return events_of((i, QUOTE, [(1, pb, qb), (-1, pa, qa)]) for i, (pb, qb, pa, qa) in enumerate(EIGHT_BOOKS))


def book_replacements() -> Events:
    return events_of((i, SNAPSHOT, [(1, pb, qb), (-1, pa, qa)]) for i, (pb, qb, pa, qa) in enumerate(EIGHT_BOOKS))


def level_changes() -> Events:
    """As a depth stream tells them: deletions beside insertions."""
    pb, qb, pa, qa = EIGHT_BOOKS[0]
    messages = [(0, SNAPSHOT, [(1, pb, qb), (-1, pa, qa)])]
    for i, (bid, bid_lots, ask, ask_lots) in enumerate(EIGHT_BOOKS[1:], 1):
        levels = [(1, pb, 0), (-1, pa, 0), (1, bid, bid_lots), (-1, ask, ask_lots)]
        messages.append((i, DELTA, levels))
        pb, pa = bid, ask
    return events_of(messages)


@pytest.mark.parametrize(
    ("events", "quotes"),
    [(quote_changes(), "ticker"), (book_replacements(), "depth"), (level_changes(), "depth")],
    ids=["quotes", "snapshots", "deltas"],
)
def test_published_order_flow_imbalance_of_eight_books(events: Events, quotes: QuoteSource) -> None:
    frame = measure(events, COIN, bins=Bins.every(SECOND_NS), quotes=quotes)
    assert frame["ofi"].to_list()[1:] == EIGHT_OFI
    assert frame["ofi_1"].to_list()[1:] == EIGHT_OFI
    assert frame["mid"].to_list()[1:] == [(pb + pa) / 20 for pb, _, pa, _ in EIGHT_BOOKS[1:]]
    assert frame["quality"].to_list()[1:] == ["SYNCED"] * 7
    assert measure(events, COIN, bins=Bins.every(60 * SECOND_NS), quotes=quotes)["quality"].to_list() == ["GAPPED"]


def test_queue_change_is_one_side_of_the_published_events() -> None:
    """e = bid's change − ask's change, asks seen through negative prices."""
    for (pb0, qb0, pa0, qa0), (pb, qb, pa, qa), e in zip(EIGHT_BOOKS, EIGHT_BOOKS[1:], EIGHT_OFI, strict=False):
        assert queue_change(pb, qb, pb0, qb0) - queue_change(-pa, qa, -pa0, qa0) == e


@given(
    seed=st.integers(0, 2**32),
    quotes=st.sampled_from(SOURCES),
    far=st.sampled_from([60, 40_000, 10**9]),
    every_ms=st.sampled_from([50, 1000, 7000]),
)
@settings(max_examples=25)
def test_equals_naive_twin_on_random_streams(seed: int, quotes: QuoteSource, far: int, every_ms: int) -> None:
    centre = 3 * 10**12 if far > 10**6 else 600_000
    events = RandomStream(seed, far=far, centre=centre).events(150)
    for instrument, locked in ((PERP, "null"), (COIN, "skip"), (SPOT, "null")):
        assert_equals_naive(
            events,
            instrument,
            every_ns=every_ms * 10**6,
            quotes=quotes,
            stale_ns=4 * SECOND_NS,
            locked=locked,  # type: ignore[arg-type]
        )


def test_streams_of_the_naive_twin_hold_every_quality() -> None:
    """The comparison above would be hollow if bins were null throughout."""
    frames = [
        measure(RandomStream(seed).events(150), PERP, bins=Bins.every(SECOND_NS), stale_ns=4 * SECOND_NS) for seed in range(12)
    ]
    counts = dict(pl.concat(frames)["quality"].value_counts().rows())
    assert min(counts[name] for name in ("SYNCED", "STALE", "CROSSED", "GAPPED")) >= 5


@given(seed=st.integers(0, 2**32), quotes=st.sampled_from(SOURCES), cuts=st.integers(0, 60))
@settings(max_examples=30)
def test_batch_equals_stream_at_random_cuts_nojit(seed: int, quotes: QuoteSource, cuts: int) -> None:
    events = RandomStream(seed).events(100)
    draw = random.Random(seed)
    at = sorted(draw.sample(range(1, events.rows), min(cuts, events.rows - 1)))
    assert_frame_equal(in_pieces(events, at, quotes), batch(events, quotes), check_exact=True)


def batch(events: Events, quotes: QuoteSource) -> pl.DataFrame:
    return measure(events, PERP, bins=Bins.every(SECOND_NS // 2), quotes=quotes)


def in_pieces(events: Events, at: list[int], quotes: QuoteSource) -> pl.DataFrame:
    measures = Measures(PERP, bins=Bins.every(SECOND_NS // 2), quotes=quotes)
    pieces = [events.cut(i, j) for i, j in zip([0, *at], [*at, events.rows], strict=True)]
    return pl.concat([*(measures.step(piece) for piece in pieces), measures.finish()])


def test_closing_by_the_clock_equals_closing_by_events() -> None:
    events = RandomStream(11).events(200)
    measures = Measures(PERP, bins=Bins.every(SECOND_NS))
    frames = []
    for i in range(events.rows):
        frames.append(measures.until(int(events.ts_local[i])))
        frames.append(measures.step(events.cut(i, i + 1)))
    frames.append(measures.finish())
    assert_frame_equal(pl.concat(frames), measure(events, PERP, bins=Bins.every(SECOND_NS)), check_exact=True)


def test_more_bins_than_one_call_holds() -> None:
    """10,000 bins close inside one silence; the book stands still and so do the measures, but trust in it ends."""
    events = events_of([(0, SNAPSHOT, [(1, 100, 5), (-1, 102, 5)]), (0.5, TRADE, [(1, 102, 1)]), (1000, TRADE, [(-1, 100, 2)])])
    frame = measure(events, COIN, bins=Bins.every(SECOND_NS // 10), stale_ns=2 * SECOND_NS)
    assert frame.height == 10_001
    assert frame["ts"].is_sorted()
    assert frame["ts"].n_unique() == 10_001
    assert (frame["quality"] == "STALE").sum() == 10_001 - 20
    assert frame["mid"].drop_nulls().unique().to_list() == [10.1]


def bins(*messages: tuple[float, int, list[tuple[int, int, int]]], quotes: QuoteSource = "depth") -> pl.DataFrame:
    return measure(events_of(messages), COIN, bins=Bins.every(SECOND_NS), quotes=quotes, stale_ns=3 * SECOND_NS)


WHOLE = [(1, 100, 5), (-1, 102, 5)]


def test_gapped_before_the_snapshot_and_in_the_bin_that_holds_it() -> None:
    frame = bins((0, DELTA, [(1, 90, 1)]), (1.5, SNAPSHOT, WHOLE), (2.5, DELTA, [(1, 100, 9)]), (3.5, DELTA, [(1, 100, 9)]))
    assert frame["quality"].to_list() == ["GAPPED", "GAPPED", "SYNCED", "SYNCED"]
    assert frame["mid"].to_list() == [None, None, 10.1, 10.1]
    assert frame["mid_change"].to_list() == [None, None, None, 0.0]
    assert frame["ofi"].to_list() == [None, None, 4.0, 0.0]


def test_null_across_a_gap_and_flow_starts_anew() -> None:
    frame = bins(
        (0, SNAPSHOT, WHOLE),
        (1.1, DELTA, [(1, 100, 6)]),
        (2.2, GAP, [(0, 0, 0)]),
        (2.4, TRADE, [(1, 102, 3)]),
        (3.5, SNAPSHOT, [(1, 500, 50), (-1, 501, 50)]),
        (4.5, DELTA, [(1, 500, 51)]),
    )
    assert frame["quality"].to_list() == ["GAPPED", "SYNCED", "GAPPED", "GAPPED", "SYNCED"]
    assert frame["ofi"].to_list() == [None, 1.0, None, None, 1.0]
    assert frame["mid_change"].to_list() == [None] * 5
    assert frame["trades"].to_list() == [None, 0, None, None, 0]
    assert frame["cvd"].to_list() == [None, 0.0, None, None, 3.0]


def test_snapshot_of_a_book_in_sync_is_order_flow() -> None:
    """A venue that sends whole books (Hyperliquid) has flow between them."""
    frame = bins((0, SNAPSHOT, WHOLE), (1.5, SNAPSHOT, [(1, 100, 8), (-1, 102, 1)]))
    assert frame["ofi"].to_list() == [None, 3.0 + 4.0]


def test_stale_while_the_source_is_silent() -> None:
    """Silent for more than 3 s from 1.5 on: stale in the bin of 4.5, and in the one where it speaks again."""
    frame = bins((0, SNAPSHOT, WHOLE), (1.5, DELTA, [(1, 100, 6)]), (6.2, DELTA, [(1, 100, 8)]), (7.2, TRADE, [(1, 102, 1)]))
    assert frame["quality"].to_list() == ["GAPPED", "SYNCED", "SYNCED", "SYNCED", "STALE", "STALE", "STALE", "SYNCED"]
    assert frame["ofi"].to_list()[5:] == [None, None, 0.0]


def test_a_trade_does_not_make_a_silent_book_speak() -> None:
    frame = bins((0, SNAPSHOT, WHOLE), *((float(i), TRADE, [(1, 102, 1)]) for i in range(1, 7)))
    assert frame["quality"].to_list() == ["GAPPED", "SYNCED", "SYNCED", *["STALE"] * 4]


def test_silence_of_exactly_the_limit_is_not_stale() -> None:
    frame = bins((1, SNAPSHOT, WHOLE), (4, DELTA, [(1, 100, 6)]))
    assert frame["quality"].to_list() == ["GAPPED", "SYNCED", "SYNCED", "SYNCED"]


def test_crossed_for_a_moment_spoils_its_bin_only() -> None:
    frame = bins((0, SNAPSHOT, WHOLE), (1.2, DELTA, [(1, 102, 1)]), (1.3, DELTA, [(1, 102, 0)]), (2.5, DELTA, [(1, 100, 6)]))
    assert frame["quality"].to_list() == ["GAPPED", "CROSSED", "SYNCED"]
    assert frame["ofi"].to_list() == [None, None, 1.0]


def test_a_book_with_an_empty_side_has_neither_price_nor_flow() -> None:
    frame = bins((0, SNAPSHOT, WHOLE), (1.5, DELTA, [(-1, 102, 0)]), (2.5, DELTA, [(-1, 104, 2)]), (3.5, DELTA, [(-1, 104, 3)]))
    assert frame["quality"].to_list() == ["GAPPED", "GAPPED", "GAPPED", "SYNCED"]
    assert frame["mid"].to_list() == [None, None, None, 10.2]
    assert frame["ofi"].to_list() == [None, None, None, -1.0]


def test_depth_beside_a_ticker_is_null_unless_its_own_book_is_sound() -> None:
    quotes = [(t, QUOTE, [(1, 1000, 5), (-1, 1010, 5)]) for t in (0, 1.2, 2.2, 3.2)]
    book = [(1.5, SNAPSHOT, [(1, 1000, 7), (-1, 1010, 8)]), (2.5, DELTA, [(1, 1020, 50)]), (3.5, GAP, [(0, 0, 0)])]
    frame = bins(*sorted([*quotes, *book], key=lambda message: message[0]), quotes="ticker")
    assert frame["quality"].to_list() == ["GAPPED", "SYNCED", "SYNCED", "SYNCED"]
    assert frame["depth_imbalance_1"].to_list()[1:] == [0.0, 0.0, 0.0]  # the ticker's own
    for name in ("bid_depth_25bps", "bid_slope", "weighted_imbalance", "depth_imbalance_2", "buy_cost_10000_bps"):
        assert frame[name].is_null().to_list()[2:] == [True, True], name
    assert frame["bid_slope"].is_null().to_list()[1] is False


def test_a_row_that_overflows_or_is_of_no_kind_is_refused() -> None:
    stream = Measures(PERP, bins=Bins.every(SECOND_NS))
    for wrong in ((1, 0, 1, 1, 99, 1, 3, 5, 1), (1, 0, 1, 1, 4, 1, 3, 5, 2**58), (1, 0, 1, 1, 4, 200, 3, 5, 1)):
        with pytest.raises(InputError):
            stream.event(wrong)
    lots = np.full(1, 2**58)
    one = np.ones(1, np.int64)
    trade = Events(one, one, one, one, np.full(1, TRADE, np.uint8), np.ones(1, np.int8), np.full(1, 3, np.uint8), one, lots)
    with pytest.raises(InputError, match="lots < 2\\^58"):
        stream.push(trade)


def test_what_is_closed_takes_nothing_more() -> None:
    stream = Measures(PERP, bins=Bins.every(SECOND_NS), quotes="trades")
    stream.event((SECOND_NS, 0, 1, 1, TRADE, 1, 3, 5, 1))
    stream.until(10 * SECOND_NS)
    with pytest.raises(DataError, match="all was taken"):
        stream.event((3 * SECOND_NS, 0, 1, 1, TRADE, 1, 3, 5, 1))


def test_a_refused_push_changes_nothing() -> None:
    stream = Measures(PERP, bins=Bins.every(1), quotes="trades")
    far = events_of([(0, TRADE, [(1, 1, 1)]), (60, TRADE, [(1, 1, 1)])])
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        stream.push(far)
    assert stream.step(far.cut(0, 1)).height == 0
    assert stream.finish()["trades"].to_list() == [1]


def test_now_is_the_last_row_of_finish() -> None:
    stream = Measures(PERP, bins=Bins.every(SECOND_NS // 2))
    stream.push(RandomStream(4).events(120))
    open_row = stream.now()
    assert_frame_equal(open_row, stream.finish().tail(1), check_exact=True)


def test_ticker_with_one_side_is_gapped() -> None:
    frame = bins(
        (0, QUOTE, [(1, 100, 5)]),
        (1.5, QUOTE, [(-1, 102, 5)]),
        (2.5, QUOTE, [(1, 101, 2)]),
        (3.5, QUOTE, [(-1, 0, 0)]),
        (4.5, QUOTE, [(-1, 103, 1)]),
        quotes="ticker",
    )
    assert frame["quality"].to_list() == ["GAPPED", "GAPPED", "SYNCED", "GAPPED", "GAPPED"]
    assert frame["ofi"].to_list()[2] == 2.0


def test_ticker_ahead_of_the_book_sees_all_depth_near_mid() -> None:
    """The book lags and still shows a bid above the ticker's: it counts, as an ask below would."""
    book = [(1, 10_006, 7), (1, 10_000, 1), (-1, 10_007, 2), (-1, 10_009, 3)]
    frame = bins((0, SNAPSHOT, book), (0, QUOTE, [(1, 10_003, 5), (-1, 10_004, 5)]), (1, TRADE, [(1, 5, 1)]), quotes="ticker")
    assert frame["depth_imbalance_10bps"].to_list()[1] == (8 - 5) / 13


def test_trades_alone_have_trade_measures_alone() -> None:
    messages = [(0.1, TRADE, [(1, 100, 5)]), (0.2, TRADE, [(-1, 100, 2)]), (2.5, TRADE, [(0, 100, 9)])]
    frame = bins(*messages, quotes="trades")
    assert frame["trade_imbalance"].to_list() == [3.0, 0.0, 0.0]
    assert frame["buy_qty"].to_list() == [5.0, 0.0, 0.0]
    assert frame["sell_qty"].to_list() == [2.0, 0.0, 0.0]
    assert frame["cvd"].to_list() == [3.0, 3.0, 3.0]
    assert frame["trades"].to_list() == [2, 0, 1]
    assert frame["quality"].to_list() == ["SYNCED"] * 3
    priced = [name for name in frame.columns if name.startswith(("mid", "spread", "micro", "depth", "ofi"))]
    assert len(priced) == 4 + 10 + 4 + 11 + 3
    assert frame.select(pl.all_horizontal(pl.col(priced).is_null().all())).item()


def test_bins_are_half_open_and_aligned_to_the_epoch() -> None:
    frame = bins((0.3, TRADE, [(1, 100, 1)]), (1.0, TRADE, [(1, 100, 2)]), (1.999999999, TRADE, [(1, 100, 4)]), quotes="trades")
    assert frame["ts"].dt.epoch("ns").to_list() == [T0 + SECOND_NS, T0 + 2 * SECOND_NS]
    assert frame["buy_qty"].to_list() == [1.0, 6.0]


def test_microprice_is_the_mean_of_best_prices_weighted_by_the_other_side() -> None:
    frame = bins((0, SNAPSHOT, [(1, 1000, 3), (-1, 1004, 1)]), (1, DELTA, [(1, 999, 1)]))
    assert frame["microprice"].to_list()[1] == pytest.approx((1000 * 1 + 1004 * 3) / 4 / 10, rel=1e-15)
    assert frame["spread"].to_list()[1] == 0.4


def test_nothing_comes_of_nothing() -> None:
    frame = measure(Events.empty(), PERP, bins=Bins.every(SECOND_NS))
    assert frame.height == 0
    assert frame.schema == measure(quote_changes(), PERP, bins=Bins.every(SECOND_NS)).schema
    assert Measures(PERP, bins=Bins.every(SECOND_NS)).finish().height == 0


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"match_ns": 0}, InputError, "stale and matching time must be positive"),
        ({"values": (5, 1)}, InputError, "values to trade must ascend"),
        ({"bins": Bins("volum", Decimal(1))}, UnknownName, "did you mean 'volume'"),
        ({"bins": Bins("volume", Decimal("1e40"))}, InputError, r"at most about volume:4\.?6"),
        ({"bins": Bins("trades", Decimal("2.5"))}, InputError, "give a whole number, like trades:2"),
        ({"stale_ns": 0}, InputError, "stale and matching time must be positive"),
        ({"locked": "skipp"}, UnknownName, "did you mean 'skip'"),
        ({"quotes": "tickr"}, UnknownName, "did you mean 'ticker'"),
        ({"bands_bps": (5.0, 1.0)}, InputError, "ascend"),
        ({"bands_bps": (1.0, 1.0)}, InputError, "ascend"),
        ({"bands_bps": (1.0, 1.000001)}, InputError, "differ within six digits"),
        ({"bands_bps": (0.0,)}, InputError, "between 0 and 10,000"),
        ({"bands_bps": (10_000.0,)}, InputError, "between 0 and 10,000"),
        ({"bands_bps": (math.nan,)}, InputError, "between 0 and 10,000"),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, object], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        measure(quote_changes(), PERP, **{"bins": Bins.every(SECOND_NS), **wrong})  # type: ignore[arg-type]


def test_rows_that_cannot_be_are_refused() -> None:
    events = quote_changes()
    with pytest.raises(InputError, match=r"row 3 .* side 5"):
        measure(
            events._replace(side=np.where(np.arange(events.rows) == 3, 5, events.side).astype(np.int8)),
            PERP,
            bins=Bins.every(1),
        )
    back = events._replace(ts_local=events.ts_local[::-1].copy())
    with pytest.raises(DataError, match="goes back at row 2"):
        measure(back, PERP, bins=Bins.every(SECOND_NS))
    measures = Measures(PERP, bins=Bins.every(SECOND_NS))
    measures.step(events)
    with pytest.raises(DataError, match="all was taken"):
        measures.step(events.cut(0, 2))
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        measure(events_of([(0, TRADE, [(1, 1, 1)]), (60, TRADE, [(1, 1, 1)])]), PERP, bins=Bins.every(1))


def test_linear_contracts_count_in_coins_and_inverse_ones_in_contracts() -> None:
    """A swap of 0.01 coins a contract: 5 contracts bought are 0.05 coins; 5 contracts of 100 USD stay 5."""
    one = np.ones(1, np.int64)
    bought = Events(
        one, 0 * one, one, one, np.full(1, 4, np.uint8), np.ones(1, np.int8), np.full(1, 3, np.uint8), 600_000 * one, 5 * one
    )
    swap = parse_instrument("okx:BTC-USDT-SWAP", tick="0.1", lot="1", multiplier="0.01")
    inverse = parse_instrument("binance_coinm:BTCUSD_PERP")
    for instrument, expected in ((swap, 0.05), (inverse, 5.0)):
        assert measure(bought, instrument, bins=Bins.every(10), quotes="trades")["buy_qty"].to_list() == [expected]


def test_bins_of_notional_on_a_fine_grid() -> None:
    """On 1e-8 × 1e-8 a million of quote is 10²² units; a bin of it holds ten trades of 100,000."""
    fine = parse_instrument("binance:BTCUSDT", tick="0.00000001", lot="0.00000001")
    assert Bins.parse("notional:1e6").settings(fine) == [NOTIONAL, 1e22]
    trades = events_of((i, TRADE, [(1, 10**13, 10**8)]) for i in range(40))
    assert measure(trades, fine, bins=Bins.parse("notional:1e6"), quotes="trades")["trades"].to_list() == [10] * 4
