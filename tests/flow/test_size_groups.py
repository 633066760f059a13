"""Flow by size of trade: the slow twin, by hand, laws of streams."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import measure
from counterpoise.flow.participants.size_groups import PROFILES, SizeGroups, SizeProfile, size_groups
from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import Message, events_of
from reference.naive_participants import naive_size_groups
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
BINS = Bins.parse("5s")
EDGES = {"notional": ("2000", "40000"), "quantile": ("0.4", "0.8")}


def stream(seed: int, messages: int = 300) -> Events:
    return RandomStream(seed, far=40_000).events(messages)


def trading(seed: int, trades: int) -> Events:
    """Many trades of all sizes, some of nothing, some without a side, a gap now and then."""
    draw = random.Random(seed)
    messages: list[Message] = []
    for i in range(trades):
        lots = draw.choice((0, 1, 2, 3, 7, draw.randint(1, 100), draw.randint(1, 10**5)))
        kind = GAP if draw.random() < 0.01 else TRADE
        messages.append((0.05 * i, kind, [(draw.choice((1, -1, 1, -1, 0)), 600_000 + draw.randint(-50, 50), lots)]))
    return events_of(messages)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("trades_a_bin", [0, 7])
@pytest.mark.parametrize("seed", range(3))
def test_equals_naive(profile: SizeProfile, trades_a_bin: int, seed: int) -> None:
    bins = Bins.parse(f"trades:{trades_a_bin}") if trades_a_bin else BINS
    for events in (stream(seed), trading(seed, 500), Events.empty(), events_of([(0, GAP, [(0, 0, 0)])])):
        for instrument in (PERP, COIN):
            frame = size_groups(events, instrument, bins=bins, profile=profile, edges=EDGES[profile])
            expected = naive_size_groups(
                events,
                instrument,
                every_ns=BINS.every_ns,
                ranked=profile == "quantile",
                edges=EDGES[profile],
                trades_a_bin=trades_a_bin,
            )
            assert frame.with_columns(pl.col("ts").dt.epoch("ns")).to_dicts() == expected


def test_streams_of_the_naive_twin_hold_every_group() -> None:
    for profile in PROFILES:
        sums = size_groups(trading(0, 500), PERP, bins=BINS, profile=profile, edges=EDGES[profile]).sum()
        assert min(sums[f"{name}_trades"][0] for name in ("retail", "middle", "institutional")) > 20
        assert sums["opposed"][0] > 0
        assert sums["unknown_count"][0] > 0
        assert (sums["ungrouped_count"][0] > 0) == (profile == "quantile")


def test_by_hand() -> None:
    """At 60,000 a coin: .1 coins are 6,000 (retail), 1 coin 60,000 (between), 2 coins 120,000 (institutional)."""
    lots = [(1, 100), (1, 100), (-1, 100), (-1, 2000), (1, 1000), (0, 5)]
    events = events_of((i / 10, TRADE, [(side, 600_000, size)]) for i, (side, size) in enumerate(lots))
    row = size_groups(events, PERP, bins=BINS).to_dicts()[0]
    assert (row["retail_buy_qty"], row["retail_sell_qty"], row["retail_trades"]) == (0.2, 0.1, 3)
    assert (row["middle_buy_qty"], row["institutional_sell_qty"], row["unknown_qty"]) == (1.0, 2.0, 0.005)
    assert row["retail_imbalance"] == pytest.approx(1 / 3)
    assert row["institutional_imbalance"] == -1.0
    assert row["divergence"] == pytest.approx(4 / 3)
    assert row["opposed"] is True
    assert row["size_skew"] == pytest.approx((0.3 - 2.0) / 2.3)


def test_ranks_forget_and_never_look_ahead() -> None:
    """After 70,000 small trades a large one is institutional; a long run of its like makes it ordinary."""
    one = np.ones(140_000, np.int64)
    lots = np.where(np.arange(140_000) < 70_000, 1, 50)
    events = Events(
        one.cumsum() * 10**6, 0 * one, one, one, np.full(140_000, TRADE, np.uint8), np.ones(140_000, np.int8),
        np.full(140_000, 3, np.uint8), 600_000 * one, lots,
    )  # fmt: skip
    frame = size_groups(events, PERP, bins=Bins.parse("trades:1000"), profile="quantile", edges=("0.5", "0.9"))
    assert frame["ungrouped_count"].to_list()[:2] == [200, 0]
    assert frame["institutional_trades"].to_list()[70:75] == [1000] * 5
    assert frame["institutional_trades"].to_list()[-5:] == [0] * 5
    assert frame["middle_trades"].to_list()[-5:] == [1000] * 5


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'quantile'"):
        SizeGroups(PERP, bins=BINS, profile="quantiles")  # type: ignore[arg-type]
    for profile, edges in (("notional", ("5", "1")), ("quantile", ("0.5", "1.5")), ("notional", ("1",)), ("notional", (0, 1))):
        with pytest.raises(InputError, match="two ascending edges"):
            SizeGroups(PERP, bins=BINS, profile=profile, edges=edges)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="more than 50,000,000 bins"):
        size_groups(events_of([(0, TRADE, [(1, 1, 1)]), (60, TRADE, [(1, 1, 1)])]), PERP, bins=Bins.every(1))


@pytest.mark.parametrize("profile", PROFILES)
def test_a_large_print_on_a_fine_grid_is_institutional(profile: SizeProfile) -> None:
    """33 coins at 60,000 are 2e22 ticks · lots on a grid of 1e-8 × 1e-8, beyond 64 bits."""
    fine = parse_instrument("binance:BTCUSDT", tick="0.00000001", lot="0.00000001")
    prints = [(i / 1000, TRADE, [(1, 60_000 * 10**8, 10**5)]) for i in range(300)] + [
        (1, TRADE, [(1, 60_000 * 10**8, 33 * 10**8)])
    ]
    frame = size_groups(events_of(prints), fine, bins=BINS, profile=profile)
    assert frame["institutional_buy_qty"].to_list() == [33.0]


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_groups_add_up_on_recordings(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    whole = measure(events, instrument, bins=Bins.every(SECOND_NS), quotes="trades")
    for profile in PROFILES:
        frame = size_groups(events, instrument, bins=Bins.every(SECOND_NS), profile=profile)
        assert frame["ts"].equals(whole["ts"])
        parts = frame.select(
            buy=pl.sum_horizontal(f"{g}_buy_qty" for g in ("retail", "middle", "institutional")),
            count=pl.sum_horizontal(f"{g}_trades" for g in ("retail", "middle", "institutional")) + pl.col("ungrouped_count"),
        )
        assert parts["count"].equals(whole["trades"].alias("count"))
        assert parts["buy"].sum() <= whole["buy_qty"].sum() + 1e-6
        counts = frame.sum().select(pl.col("retail_trades", "institutional_trades")).row(0)
        assert counts[0] > counts[1] >= (1 if profile == "quantile" else 0)
