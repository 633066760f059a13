"""Flow up the tree against a slow twin, and the laws that make it a tree: children add up, nothing is hidden."""

from __future__ import annotations

import random
from fractions import Fraction
from math import fsum, isclose, ulp

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.additive import add_up
from counterpoise.flow.cross.by_node import GROUPS, OnMissing, by_node, exact_sum
from counterpoise.flow.cross.rates import Rates, RateTable
from counterpoise.flow.measures import measure
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from counterpoise.market.tree import Node, Tree, level_of
from reference.naive_by_node import naive_by_node
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP")
SPOT = parse_instrument("binance:BTCUSDT")
ETHER = parse_instrument("binance_usdm:ETHUSDT")
PUT = parse_instrument("binance_options:BTC-260327-80000-P")
ALL = (PERP, COIN, SPOT, ETHER, PUT)
RATES = {"USDT": 0.75, "USD": 1.0}  # exact in doubles, so that the twin has the same
TREE = Tree.from_instruments(ALL, index="majors", clusters={"l1": ["BTC"]}, split="kind")


def frames_of(seed: int, *, messages: int = 150) -> dict[str, pl.DataFrame]:
    return {
        instrument.id: measure(RandomStream(seed + i, far=500).events(messages), instrument, bins=Bins.every(SECOND_NS))
        for i, instrument in enumerate(ALL)
    }


def added(frames: dict[str, pl.DataFrame], *, on_missing: OnMissing = "null", tree: Tree = TREE) -> pl.DataFrame:
    return by_node(tree, frames, instruments=ALL, rates=RATES, weights={PUT.id: -0.25}, on_missing=on_missing)


@pytest.mark.parametrize("on_missing", ["null", "leave_out"])
@pytest.mark.parametrize("seed", [1, 20])
def test_equals_naive_twin(seed: int, on_missing: OnMissing) -> None:
    frames = frames_of(seed)
    expected = naive_by_node(
        TREE,
        frames,
        {i.id: i for i in ALL},
        rates={"USDT": "0.75", "USD": "1"},
        deltas={PUT.id: "-0.25"},
        leave_out=on_missing == "leave_out",
    )
    frame = added(frames, on_missing=on_missing)
    rows = frame.with_columns(frame["ts"].dt.epoch("ns")).to_dicts()
    assert len(rows) == len(expected)
    found = 0
    for row in rows:
        for name, value in expected[row["ts"], row["node"]].items():
            if isinstance(value, Fraction):
                volume = expected[row["ts"], row["node"]].get(name.replace("signed", "volume").replace("ofi", "volume"), 0)
                assert isclose(row[name], float(value), rel_tol=1e-12, abs_tol=1e-11 * abs(float(volume or 1))), (name, row)
                found += 1
            else:
                assert row[name] == value, (name, row)
    assert found > 200


def test_frames_hold_every_case() -> None:
    """The comparison above would be hollow if all leaves were sound, or none."""
    frame = added(frames_of(1), on_missing="leave_out").filter(pl.col("node") == "token:BTC")
    assert set(frame["sound"].unique()) >= {0, 1, 2, 3}


def test_children_add_up_to_their_parent() -> None:
    frame = added(frames_of(3), on_missing="leave_out")
    for (_,), rows in frame.group_by("ts"):
        value = {(row["node"], name): row[name] or 0.0 for row in rows.to_dicts() for name in ("signed_usd", "volume_usd")}
        for node in (node for level in TREE.levels().values() for node in level if TREE.children(node)):
            for name in ("signed_usd", "volume_usd"):
                parts = [value[child, name] for child in TREE.children(node)]
                slack = sum(ulp(part) for part in parts) + ulp(value[node, name])
                assert abs(fsum(parts) - value[node, name]) <= slack


def test_coins_stop_at_the_token() -> None:
    frame = added(frames_of(1), on_missing="leave_out").filter(pl.col("sound") > 0)
    above = pl.col("level").is_in(["index", "cluster"])
    assert frame.filter(above)["signed_coin"].null_count() == frame.filter(above).height > 0
    assert frame.filter(~above)["signed_coin"].null_count() == 0


def test_contracts_are_converted_by_their_terms() -> None:
    """100 contracts of 100 USD at 50,000 are 0.2 coins; 2 coins of a linear perp at 50,000 USDT of .75 USD are 75,000 USD."""
    row = {"ts": [1], "mid": [50_000.0], "ofi": [0.0], "sell_qty": [0.0], "quality": ["SYNCED"]}
    cast = pl.col("ts").cast(pl.Datetime("ns", "UTC"))
    frames = {COIN.id: pl.DataFrame(row | {"buy_qty": [100.0]}), PERP.id: pl.DataFrame(row | {"buy_qty": [2.0]})}
    tree = Tree.from_instruments([COIN, PERP])
    frame = by_node(tree, {name: held.with_columns(cast) for name, held in frames.items()}, rates=RATES)
    held = {row["node"]: row for row in frame.to_dicts()}
    assert (held[COIN.id]["signed_coin"], held[COIN.id]["signed_usd"]) == (0.2, 10_000.0)
    assert (held[PERP.id]["signed_coin"], held[PERP.id]["signed_usd"]) == (2.0, 75_000.0)
    assert (held["token:BTC"]["signed_coin"], held["token:BTC"]["signed_usd"]) == (2.2, 85_000.0)
    assert held["token:BTC"]["imbalance"] == 1.0


def test_a_missing_leaf_is_counted_and_voids_its_branch_only() -> None:
    frames = frames_of(2)
    del frames[ETHER.id]
    frame = added(frames)
    ether = frame.filter(pl.col("node").is_in([ETHER.id, "token:ETH", "index:majors"]))
    assert ether["signed_usd"].null_count() == ether.height
    assert set(ether["quality"]) == {"GAPPED"}
    assert frame.filter(pl.col("node") == PERP.id)["signed_usd"].count() > 10
    kept = added(frames, on_missing="leave_out").filter(pl.col("node") == "index:majors")
    assert kept["signed_usd"].count() > 10
    assert ((kept["coverage"] - kept["sound"] / 5).abs() < 1e-12).all()
    assert kept["sound"].max() in (3, 4)


def test_no_look_ahead_and_inputs_untouched() -> None:
    frames = frames_of(4)
    before = {name: frame.clone() for name, frame in frames.items()}
    whole = by_node(
        TREE, frames, instruments=ALL, rates=RATES, weights={PUT.id: -0.5}, on_missing="leave_out", volatility_bins=2
    )
    assert whole["signed_risk_usd"].count() > 20
    now = whole["ts"][whole.height // 2]
    past = {name: frame.filter(pl.col("ts") <= now) for name, frame in frames.items()}
    short = by_node(TREE, past, instruments=ALL, rates=RATES, weights={PUT.id: -0.5}, on_missing="leave_out", volatility_bins=2)
    assert_frame_equal(short, whole.filter(pl.col("ts") <= now), check_exact=True)
    for name, frame in frames.items():
        assert_frame_equal(frame, before[name])


def test_weights_and_rates_hold_from_their_time_on() -> None:
    """A rate given at a bin's very end is not known in it."""
    cast = pl.col("ts").cast(pl.Datetime("ns", "UTC"))
    row = {"mid": [10.0] * 4, "ofi": [1.0] * 4, "buy_qty": [1.0] * 4, "sell_qty": [0.0] * 4, "quality": ["SYNCED"] * 4}
    frames = {PERP.id: pl.DataFrame({"ts": [10, 20, 30, 40], **row}).with_columns(cast)}
    rates = pl.DataFrame({"ts": [10, 30], "USDT": [1.0, 2.0]}).with_columns(cast)
    weights = {PERP.id: pl.DataFrame({"ts": [1, 25], "value": [3.0, -5.0]}).with_columns(cast)}
    frame = by_node(Tree.from_instruments([PERP]), frames, rates=rates, weights=weights)
    assert frame.filter(pl.col("node") == "token:BTC")["signed_usd"].to_list() == [None, 30.0, -50.0, -100.0]
    assert frame.filter(pl.col("node") == PERP.id)["ofi_coin"].to_list() == [None, 3.0, -5.0, -5.0]


def test_weighted_imbalance_is_the_mean_by_the_weights_of_the_tree() -> None:
    nodes = (Node(id="index:i"), Node(id="token:BTC", parent="index:i", weight=3), Node(id="token:ETH", parent="index:i"))
    leaves = (Node(id=PERP.id, parent="token:BTC"), Node(id=ETHER.id, parent="token:ETH"))
    row = {"ts": [1], "mid": [10.0], "ofi": [0.0], "quality": ["SYNCED"]}
    frames = {
        PERP.id: pl.DataFrame(row | {"buy_qty": [1.0], "sell_qty": [0.0]}),
        ETHER.id: pl.DataFrame(row | {"buy_qty": [0.0], "sell_qty": [1000.0]}),
    }
    cast = pl.col("ts").cast(pl.Datetime("ns", "UTC"))
    frame = by_node(Tree(nodes=nodes + leaves), {n: f.with_columns(cast) for n, f in frames.items()}, rates="par")
    top = frame.filter(pl.col("node") == "index:i").row(0, named=True)
    assert top["imbalance_weighted"] == (3 - 1) / 4
    assert top["imbalance"] == pytest.approx(-999 / 1001)


def test_depth_columns_give_flow_per_depth() -> None:
    row = {
        "ts": [1],
        "mid": [10.0],
        "ofi": [3.0],
        "buy_qty": [0.0],
        "sell_qty": [0.0],
        "quality": ["SYNCED"],
        "b": [4.0],
        "a": [2.0],
    }
    frame = pl.DataFrame(row).with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    out = by_node(Tree.from_instruments([PERP]), {PERP.id: frame}, rates="par", depth=("b", "a"))
    assert out["depth_usd"].to_list() == [60.0] * 3
    assert out["ofi_per_depth"].to_list() == [0.5] * 3


def test_every_column_is_described() -> None:
    for name in added(frames_of(1)).columns:
        assert any(column.covers(name) for column in GROUPS[0].columns), name


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        ({"rates": None}, InputError, "has no rate in USD"),
        ({"on_missing": "drop"}, UnknownName, "leave_out"),
        ({"weights": {}}, InputError, "is an option"),
        ({"weights": {"binance:X": 1.0}}, UnknownName, "instrument of the tree"),
        ({"depth": ("x", "y")}, InputError, "lacks x, y"),
        ({"rates": {"USDT": -1.0, "USD": 1.0}}, InputError, "positive"),
        ({"rates": "one"}, InputError, "par"),
    ],
)
def test_bad_parameters_are_refused(wrong: dict[str, object], error: type[Exception], words: str) -> None:
    given = {"instruments": ALL, "rates": RATES, "weights": {PUT.id: -0.25}} | wrong
    with pytest.raises(error, match=words):
        by_node(TREE, frames_of(1, messages=5), **given)  # type: ignore[arg-type]


def test_two_coins_of_one_token_are_refused() -> None:
    nodes = (Node(id="token:BTC"), Node(id=PERP.id, parent="token:BTC"), Node(id=ETHER.id, parent="token:BTC"))
    frames = frames_of(1, messages=5)
    with pytest.raises(InputError, match="BTC, ETH, which do not add up"):
        by_node(Tree(nodes=nodes), {name: frames[name] for name in (PERP.id, ETHER.id)}, rates=RATES)


def test_nothing_comes_of_nothing() -> None:
    empty = {name: frame.clear() for name, frame in frames_of(1, messages=5).items()}
    assert added(empty).height == 0
    assert added(empty).schema == added(frames_of(1)).schema


@given(st.lists(st.lists(st.floats(-1e15, 1e15), min_size=3, max_size=3), max_size=8))
def test_sums_are_as_good_as_exact(parts: list[list[float]]) -> None:
    columns = [np.array(part) for part in parts]
    found = exact_sum(columns, 3)
    for i in range(3):
        exact = fsum(part[i] for part in parts)
        assert abs(found[i] - exact) <= ulp(exact) + 1e-28 * sum(abs(part[i]) for part in parts)


ORDERS = st.lists(
    st.tuples(st.sampled_from([i.id for i in ALL]), st.integers(-(10**12), 10**12), st.floats(-1e9, 1e9)),
    min_size=1,
    max_size=30,
)


@given(rows=ORDERS, seed=st.integers(0, 2**32))
@settings(max_examples=40)
def test_orders_add_up_from_order_to_index(rows: list[tuple[str, int, float]], seed: int) -> None:
    """Integers exactly; floats correctly rounded at every node, whatever the order of the rows."""
    table = pl.DataFrame(
        {
            "instrument": [row[0] for row in rows],
            "slice": [f"s-{row[0]}" for row in rows],
            "order": [f"o{i}" for i in range(len(rows))],
            "lots": [row[1] for row in rows],
            "usd": [row[2] for row in rows],
        }
    )
    out = add_up(TREE, table, columns=["lots", "usd"])
    for row in out.to_dicts():
        children = out.filter(pl.col("parent") == row["node"])
        if children.height:
            assert children["lots"].sum() == row["lots"]
            slack = sum(ulp(child) for child in children["usd"]) + ulp(row["usd"])
            assert abs(fsum(children["usd"]) - row["usd"]) <= slack
    top = out.row(0, named=True)
    assert (top["node"], top["lots"], top["usd"]) == ("index:majors", sum(r[1] for r in rows), fsum(r[2] for r in rows))
    assert {level_of(node) for node in out["node"]} >= {"index", "token", "instrument", "slice", "order"}
    order = random.Random(seed).sample(range(len(rows)), len(rows))
    again = add_up(TREE, table[order], columns=["lots", "usd"])
    assert_frame_equal(again.sort("node"), out.sort("node"), check_exact=True)


def test_orders_are_kept_apart_by_time_and_refused_when_torn() -> None:
    table = pl.DataFrame(
        {"ts": [1, 1, 2], "instrument": [PERP.id, SPOT.id, PERP.id], "order": ["a", "b", "a"], "lots": [1, 2, 4]}
    )
    out = add_up(TREE, table, columns=["lots"], by=["ts"])
    assert out.filter(pl.col("node") == "index:majors")["lots"].to_list() == [3, 4]
    assert out.filter(pl.col("node") == "order:a").select("ts", "lots", "parent").rows() == [(1, 1, PERP.id), (2, 4, PERP.id)]
    with pytest.raises(InputError, match="stands in several instruments"):
        add_up(TREE, table.with_columns(order=pl.lit("a")), columns=["lots"])
    with pytest.raises(InputError, match="lacks qty"):
        add_up(TREE, table, columns=["qty"])
    with pytest.raises(InputError, match="no nulls"):
        add_up(TREE, table.with_columns(lots=pl.lit(None, pl.Int64)), columns=["lots"])
    with pytest.raises(UnknownName, match="instrument of the tree"):
        add_up(TREE, table.with_columns(instrument=pl.lit("binance:XUSDT")), columns=["lots"])


def bins_of(*rows: tuple[int, float, float, float]) -> pl.DataFrame:
    """Time, mid, order flow and quantity bought of bins that nothing was sold in."""
    ts, mid, ofi, buy = zip(*rows, strict=True)
    frame = pl.DataFrame({"ts": ts, "mid": mid, "ofi": ofi, "buy_qty": buy, "sell_qty": [0.0] * len(ts)})
    return frame.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")), quality=pl.lit("SYNCED"))


def test_bins_of_one_time_add_up() -> None:
    """Two trades of one nanosecond fill two bins of one trade, which end at one time."""
    frame = bins_of((1000, 10.0, 1.0, 5.0), (1000, 11.0, 2.0, 1.0))
    worse = frame.with_columns(quality=pl.Series(["STALE", "SYNCED"]))
    tree = Tree.from_instruments([PERP])
    row = by_node(tree, {PERP.id: frame}).filter(node="token:BTC").to_dicts()[0]
    assert (row["signed_coin"], row["ofi_coin"], row["signed_usd"]) == (6, 3, 66)
    row = by_node(tree, {PERP.id: worse}).filter(node="token:BTC").to_dicts()[0]
    assert (row["signed_coin"], row["quality"]) == (None, "STALE")


@pytest.mark.parametrize("of", [PERP, COIN])
def test_no_value_at_a_negative_price(of: Instrument) -> None:
    row = by_node(Tree.from_instruments([of]), {of.id: bins_of((1000, -10.0, 1.0, 5.0))}).filter(node="token:BTC").to_dicts()[0]
    assert [row[name] for name in ("signed_usd", "volume_usd", "imbalance")] == [None] * 3


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (pl.DataFrame({"ts": [0, 1], "USDT": [1.0, float("nan")]}), "rates of USDT hold nan"),
        (pl.DataFrame({"ts": [0], "USDT": [float("inf")]}), "rates of USDT hold inf"),
        ({"USD": 2.0, "USDT": 1.0}, "a rate of USD in USD is 1"),
        (pl.DataFrame({"ts": [0], "USDT": [1.0], "USD": [2.0]}), "a rate of USD in USD is 1"),
    ],
)
def test_rates_that_cannot_be_are_refused(table: RateTable, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Rates([PERP], table=table)
