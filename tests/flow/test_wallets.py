"""Entities of a transfer graph: against a slow twin, against a published graph, rule by rule, and on bad input."""

from __future__ import annotations

import random
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, SchemaError, UnknownName
from counterpoise.flow.wallet.communities import communities, components, modularity
from counterpoise.flow.wallet.concentration import gini, herfindahl, top_share
from counterpoise.flow.wallet.transfers import read_transfers
from counterpoise.flow.wallet.wallet_links import WalletRules
from counterpoise.flow.wallet.wallets import GROUPS, WalletClusters, wallets
from reference.naive_wallets import Edge, Naive, naive_evidence, naive_gini, naive_links, naive_parts

RULES = {"hub_degree": 5, "deposit_senders": 3, "min_shared": 2, "min_jaccard": 0.3}
WEIGHTS = {"size": 2.0, "density": 1.0, "star": 3.0, "regularity": 1.0, "common": 0.5}
MIXED = WalletRules(**RULES, **{f"{name}_weight": w for name, w in WEIGHTS.items()})  # type: ignore[arg-type]
KARATE = (
    "0-1 0-2 0-3 0-4 0-5 0-6 0-7 0-8 0-10 0-11 0-12 0-13 0-17 0-19 0-21 0-31 1-2 1-3 1-7 1-13 1-17 1-19 1-21 1-30 2-3 2-7 2-8 "
    "2-9 2-13 2-27 2-28 2-32 3-7 3-12 3-13 4-6 4-10 5-6 5-10 5-16 6-16 8-30 8-32 8-33 9-33 13-33 14-32 14-33 15-32 15-33 18-32 "
    "18-33 19-33 20-32 20-33 22-32 22-33 23-25 23-27 23-29 23-32 23-33 24-25 24-27 24-31 25-31 26-29 26-33 27-33 28-31 28-33 "
    "29-32 29-33 30-32 30-33 31-32 31-33 32-33"
)


def random_edges(seed: int, *, timed: bool, addresses: int = 22, transfers: int = 34) -> list[Edge]:
    """A few busy addresses, many quiet ones, loops and repeats among them."""
    draw = random.Random(seed)
    names = [f"0x{i:02x}" for i in range(addresses)]
    busy = draw.sample(names, 2)
    out: list[Edge] = []
    for i in range(transfers):
        src, dst = draw.choice(names), draw.choice(busy if draw.random() < 0.3 else names)
        time = 1000 * i + draw.randint(0, 999) if timed else None
        value = draw.choice((1.0, 2.0, 0.5, None)) if seed % 3 else float(draw.randint(1, 9))
        out.append((src, dst, time, value))
        if draw.random() < 0.1:
            out.append(out[-1])
    return out


def frame_of(edges: list[Edge]) -> pl.DataFrame:
    frame = pl.DataFrame(
        edges, schema={"src": pl.String, "dst": pl.String, "time": pl.Int64, "value": pl.Float64}, orient="row"
    )
    return frame if frame["time"].null_count() == 0 else frame.drop("time")


def parts_of(found: WalletClusters) -> set[frozenset[str]]:
    grouped = found.frame.filter(~pl.col("hub")).group_by("entity").agg("address")
    return {frozenset(names) for names in grouped["address"]}


def both_ways(seed: int, *, timed: bool, method: str) -> tuple[WalletClusters, Naive]:
    edges = random_edges(seed, timed=timed)
    found = wallets(frame_of(edges), rules=WalletRules(method=method, exchanges=("0x03",), **RULES))  # type: ignore[arg-type]
    return found, naive_links(edges, exchanges=("0x03",), **RULES)  # type: ignore[arg-type]


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_links_and_hubs_equal_naive(seed: int, timed: bool) -> None:
    found, naive = both_ways(seed, timed=timed, method="weak")
    assert set(found.hubs["address"]) == naive.hubs
    assert {(a, b, rule): pytest.approx(weight, rel=1e-12) for a, b, rule, weight in found.links.iter_rows()} == naive.links


def test_random_graphs_of_the_naive_twin_hold_every_rule() -> None:
    """The comparison above would be hollow otherwise."""
    found = [both_ways(seed, timed=timed, method="weak")[0] for seed in range(8) for timed in (False, True)]
    rules = pl.concat([f.links for f in found])["rule"].value_counts()
    assert min(dict(rules.iter_rows()).values()) >= 5
    assert rules.height == 5
    assert sum(f.hubs.height for f in found) > 20


@pytest.mark.parametrize("method", ["weak", "strong"])
@pytest.mark.parametrize("seed", range(6))
def test_components_equal_naive(seed: int, method: str) -> None:
    found, naive = both_ways(seed, timed=True, method=method)
    free = set(found.frame["address"]) - naive.hubs
    sent = {(e[0], e[1]) for e in naive.edges if not {e[0], e[1]} & naive.hubs}
    pairs = sent if method == "strong" else {(a, b) for a, b, _ in naive.links}
    assert parts_of(found) == naive_parts(pairs, free, strong=method == "strong")


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_evidence_equals_naive(seed: int, timed: bool) -> None:
    found, naive = both_ways(seed, timed=timed, method="communities")
    members = {e: frozenset(m) for e, m in found.frame.group_by("entity").agg("address").iter_rows() if e is not None}
    assert found.clusters.height == sum(len(m) > 1 for m in members.values()) > 0
    for row in found.clusters.to_dicts():
        expected = naive_evidence(naive, members[row["entity"]])
        assert {name: row[name] for name in expected} == {
            name: value if value is None else pytest.approx(value, rel=1e-12) for name, value in expected.items()
        }


def test_score_is_the_mean_of_known_evidence_held_back_by_size() -> None:
    found = wallets(frame_of(random_edges(3, timed=False)), rules=MIXED)
    for row in found.clusters.to_dicts():
        known = {n: row[n] for n in ("density", "cohesion", "star", "regularity", "common") if row[n] is not None}
        weight = {n: getattr(MIXED, f"{n}_weight") for n in known}
        mean = sum(weight[n] * known[n] for n in known) / sum(weight.values())
        held_back = (np.log2(row["size"]) / (np.log2(row["size"]) + 3)) ** 2
        assert row["score"] == pytest.approx(mean * held_back, rel=1e-12)
        assert 0 <= row["score"] < 1


def karate() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    pairs = np.array([[int(v) for v in pair.split("-")] for pair in KARATE.split()])
    return pairs[:, 0].copy(), pairs[:, 1].copy(), np.ones(len(pairs))


def test_published_modularity_of_the_karate_club() -> None:
    """Its greatest modularity is .4198 with four communities (Brandes et al. 2008, doi:10.1109/TKDE.2007.190689, table 1)."""
    src, dst, w = karate()
    found = [communities(src, dst, w, nodes=34, seed=seed) for seed in range(12)]
    best = max(found, key=lambda part: modularity(src, dst, w, part))
    assert modularity(src, dst, w, best) == pytest.approx(0.4198, abs=5e-5)
    assert best.max() + 1 == 4
    assert min(modularity(src, dst, w, part) for part in found) > 0.40


def test_modularity_by_its_definition_nojit() -> None:
    src, dst, w = karate()
    part = communities(src, dst, w, nodes=34, seed=1)
    degree = np.bincount(np.concatenate([src, dst]))
    linked = {(int(a), int(b)) for a, b in zip(src, dst, strict=True)}
    q = sum(
        Fraction(((a, b) in linked) + ((b, a) in linked)) - Fraction(int(degree[a] * degree[b]), 2 * len(src))
        for a in range(34)
        for b in range(34)
        if part[a] == part[b]
    ) / (2 * len(src))
    assert modularity(src, dst, w, part) == pytest.approx(float(q), rel=1e-12)


def test_resolution_limit_is_there_and_resolution_moves_it() -> None:
    """A ring of thirty cliques of five (Fortunato, Barthelemy 2007, fig. 2): γ = 1 merges neighbours, a larger γ does not."""
    pairs = [(5 * c + i, 5 * c + j) for c in range(30) for i in range(5) for j in range(i)]
    pairs += [(5 * c, (5 * c + 6) % 150) for c in range(30)]
    src, dst = (np.array(column) for column in zip(*pairs, strict=True))
    counts = [communities(src, dst, np.ones(len(src)), nodes=150, resolution=g).max() + 1 for g in (1.0, 3.0)]
    assert counts[0] < 30
    assert counts[1] == 30


@given(seed=st.integers(0, 2**32), nodes=st.integers(1, 30))
def test_communities_hang_together_within_components(seed: int, nodes: int) -> None:
    draw = np.random.default_rng(seed)
    src, dst = draw.integers(0, nodes, (2, 2 * nodes))
    part = communities(src, dst, np.ones(2 * nodes), nodes=nodes, seed=seed)
    whole = components(src, dst, nodes=nodes)
    assert all(len(set(whole[part == c])) == 1 for c in range(part.max() + 1))
    assert modularity(src, dst, np.ones(2 * nodes), part) >= modularity(src, dst, np.ones(2 * nodes), np.arange(nodes)) - 1e-12


@pytest.mark.parametrize("method", ["communities", "weak", "strong"])
def test_same_bytes_twice_and_inputs_untouched(method: str) -> None:
    edges = frame_of(random_edges(5, timed=True))
    before, rules = edges.clone(), WalletRules(method=method, **RULES)  # type: ignore[arg-type]
    first, second = (wallets(edges, rules=rules, seed=7) for _ in range(2))
    for name in ("frame", "clusters", "hubs", "links", "report"):
        assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)
    assert_frame_equal(edges, before)


@pytest.mark.parametrize("method", ["communities", "weak", "strong"])
@pytest.mark.parametrize("timed", [False, True])
def test_order_of_rows_does_not_matter(method: str, timed: bool) -> None:
    edges = frame_of(random_edges(9, timed=timed))
    rules = WalletRules(method=method, **RULES)  # type: ignore[arg-type]
    one, other = wallets(edges, rules=rules), wallets(edges.sample(fraction=1.0, shuffle=True, seed=3), rules=rules)
    assert_frame_equal(one.frame, other.frame, check_exact=True)
    assert_frame_equal(one.clusters, other.clusters, rel_tol=1e-12)


def test_values_scale_and_nothing_else_does() -> None:
    edges = frame_of(random_edges(4, timed=True))
    base, scaled = (wallets(edges.with_columns(pl.col("value") * f), rules=WalletRules(**RULES)) for f in (1, 64))  # type: ignore[arg-type]
    assert_frame_equal(scaled.clusters, base.clusters.with_columns(pl.col("value") * 64), check_exact=True)


def test_first_funder_and_last_sweep_mind_the_time() -> None:
    """f funded a before g did, and a swept to s at last; without times neither is known."""
    edges = [("f", "a", 1, 1.0), ("g", "a", 5, 1.0), ("a", "r", 6, 1.0), ("a", "s", 9, 1.0)]
    rules = WalletRules(transfer=0.0, deposit=0.0, counterparties=0.0, hub_degree=9, method="weak")
    found = {(a, b, r) for a, b, r, _ in wallets(frame_of(edges), rules=rules).links.iter_rows()}
    assert {("a", "f", "funder"), ("a", "s", "sweep")} <= found
    assert not {("a", "g", "funder"), ("a", "r", "sweep")} & found
    late = {(a, b, r) for a, b, r, _ in wallets(frame_of(edges).drop("time"), rules=rules).links.iter_rows()}
    assert not {("a", "f", "funder"), ("a", "s", "sweep")} & late
    assert ("a", "s", "funder") in late  # s was paid by nobody else


def test_deposit_address_joins_its_few_senders_and_hubs_join_nobody() -> None:
    edges: list[Edge] = [(f"c{i}", "exchange", None, None) for i in range(6)]
    edges += [("d", "exchange", None, None), ("x", "d", None, None), ("y", "d", None, None)]
    rules = WalletRules(transfer=0.0, funder=0.0, sweep=0.0, counterparties=0.0, hub_degree=5, method="weak")
    found = wallets(frame_of(edges), rules=rules)
    assert found.hubs.rows() == [("exchange", 7, "degree")]
    assert {frozenset("dxy")} <= parts_of(found)
    assert found.frame.filter(address="exchange").select("entity", "hub", "size", "score").row(0) == (None, True, None, None)
    assert found.clusters.height == 1
    named = WalletRules(exchanges=("EXCHANGE", "exchange"), hub_degree=99, method="weak")
    assert wallets(frame_of(edges), rules=named).hubs["why"].to_list() == ["exchange"]


def test_odd_input_is_counted() -> None:
    edges = pl.DataFrame(
        {
            "src": ["0xAB", "0xab", "0xab", "0xcd", None, " 0xcd", "1Bs", "1BS"],
            "dst": ["0xcd", "0xcd", "0xCD", "0xCD", "0xef", "0xef", "0xab", "0xab"],
            "time": [1, 1, 2, 3, 4, 5, 6, 7],
            "value": [1.0, 1.0, float("nan"), 1.0, 1.0, None, 1.0, 1.0],
            "memo": ["?"] * 8,
        }
    )
    found = wallets(edges)
    counts = dict(found.report.select("check", "count").iter_rows())
    assert counts == {
        "rows": 8,
        "no address": 1,
        "to oneself": 1,
        "recorded twice": 1,
        "repeated pair": 1,
        "mixed case": 4,
        "value NaN": 1,
        "several tokens": 0,
        "time unknown": 0,
        "column memo": 8,
    }
    assert found.frame["address"].to_list() == ["0xab", "0xcd", "0xef", "1BS", "1Bs"]


def test_without_times_a_repeated_pair_is_another_transfer() -> None:
    graph = read_transfers(pl.DataFrame({"src": ["a", "a", "b"], "dst": ["b", "b", "a"]}))
    assert graph.pairs["transfers"].to_list() == [2, 1]
    assert graph.pairs["value"].to_list() == [None, None]


@pytest.mark.parametrize(
    ("edges", "error", "words"),
    [
        ({"from": ["a"], "dst": ["b"]}, SchemaError, "missing src"),
        ({"src": [1], "dst": ["b"]}, SchemaError, "expected text"),
        ({"src": ["a"], "dst": ["b"], "value": [-1.0]}, DataError, r"row 0: value -1"),
        ({"src": ["a"], "dst": ["b"], "value": [float("inf")]}, DataError, "finite"),
        ({"src": ["a"], "dst": ["b"], "value": ["1"]}, SchemaError, "expected numbers"),
        ({"src": ["a"], "dst": ["b"], "time": ["noon"]}, SchemaError, "expected Datetime"),
        ({"src": ["a"], "dst": ["a"]}, InputError, "no transfer between two addresses"),
        ({"src": [], "dst": []}, SchemaError, "expected text"),
    ],
)
def test_bad_transfers_are_refused(edges: dict[str, list[object]], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        wallets(pl.DataFrame(edges))


def test_bad_rules_are_refused() -> None:
    edges = pl.DataFrame({"src": ["a"], "dst": ["b"]})
    with pytest.raises(UnknownName, match="did you mean 'communities'"):
        wallets(edges, rules=WalletRules(method="comunities"))
    with pytest.raises(InputError, match="hub_degree >= 1"):
        WalletRules(hub_degree=0)
    with pytest.raises(InputError, match="0 or more"):
        WalletRules(funder=-1.0)
    with pytest.raises(InputError, match="resolution must be positive"):
        wallets(edges, rules=WalletRules(resolution=0.0))
    with pytest.raises(UnknownName, match="kind of component"):
        components(np.zeros(1, np.int64), np.zeros(1, np.int64), nodes=1, connection="weakly")
    with pytest.raises(InputError, match="number them first"):
        components(np.zeros(1, np.int64), np.ones(1, np.int64), nodes=1)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_gini_equals_naive(amounts: list[int]) -> None:
    held = np.array(amounts, np.float64)
    assert gini(held) == pytest.approx(float(naive_gini(amounts)), abs=1e-12)
    assert 1 / len(amounts) <= herfindahl(held) * (1 + 1e-12)
    assert top_share(held, top=len(amounts)) == pytest.approx(1.0)


def test_concentration_over_entities_is_never_less() -> None:
    found = wallets(frame_of(random_edges(2, timed=True)), rules=WalletRules(method="weak", **RULES))  # type: ignore[arg-type]
    held = found.frame.select("address", amount=pl.int_range(1, pl.len() + 1))
    held = pl.concat([held, pl.DataFrame({"address": ["unknown"], "amount": [5]}, schema=held.schema)])
    rows = {row["over"]: row for row in found.concentration(held, top=3).to_dicts()}
    assert rows["addresses"]["holders"] == held.height > rows["entities"]["holders"]
    assert rows["entities"]["hhi"] > rows["addresses"]["hhi"]
    assert rows["entities"]["top_share"] >= rows["addresses"]["top_share"]
    assert rows["entities without hubs"]["holders"] == rows["entities"]["holders"] - found.hubs.height
    with pytest.raises(InputError, match="0 or more"):
        gini(np.array([1.0, -1.0]))
    with pytest.raises(SchemaError, match="address and amount"):
        found.concentration(pl.DataFrame({"wallet": ["a"]}))
    with pytest.raises(InputError, match="top must be 1"):
        found.concentration(held, top=0)


def test_html_shows_and_escapes() -> None:
    found = wallets(pl.DataFrame({"src": ["<b>", "a", "c"], "dst": ["a", "c", "<b>"]}), rules=WalletRules(hub_degree=1))
    assert "&lt;b&gt;" in found._repr_html_()
    assert "<b>" not in found.to_html()


def test_groups_name_every_column() -> None:
    found = wallets(frame_of(random_edges(1, timed=True)), rules=WalletRules(**RULES))  # type: ignore[arg-type]
    named = {column.name for column in GROUPS[0].columns}
    assert set(found.frame.columns) | set(found.clusters.columns) == named


def test_values_of_several_tokens_are_not_added() -> None:
    paid = pl.DataFrame(
        {"src": ["a", "a", "b"], "dst": ["b", "b", "a"], "token": ["USDC", "PEPE", "ETH"], "value": [10.0, 1e9, 1.0]}
    )
    found = wallets(paid)
    assert found.clusters.select("transfers", "value").rows() == [(3, None)]
    assert dict(found.report.select("check", "count").iter_rows())["several tokens"] == 3
    assert wallets(paid.with_columns(token=pl.lit("USDC"))).clusters["value"].to_list() == [1e9 + 11]


def test_an_address_named_like_an_entity_is_another_holder() -> None:
    found = wallets(pl.DataFrame({"src": ["a"], "dst": ["b"]}))
    assert found.frame["entity"].to_list() == [0, 0]
    held = found.concentration(pl.DataFrame({"address": ["a", "0"], "amount": [1.0, 1.0]}))
    assert held["holders"].to_list() == [2, 2, 2]


@pytest.mark.parametrize(
    "missing", [{"address": ["a", None], "amount": [1.0, 5.0]}, {"address": ["a", "b"], "amount": [1, None]}]
)
def test_holdings_nobody_knows_are_refused(missing: dict[str, list[object]]) -> None:
    found = wallets(pl.DataFrame({"src": ["a"], "dst": ["b"]}))
    with pytest.raises(DataError, match="row 1 of the amounts"):
        found.concentration(pl.DataFrame(missing))


@pytest.mark.realdata
def test_hop_airdrop_in_bounds(data_dir: Path) -> None:
    """Counted with an independent script: 90,308 addresses, 133,159 pairs, 236 busy ones; groups hardly share."""
    folder = data_dir / "07_sybil_hop"
    edges = pl.read_parquet(folder / "edges.parquet").rename({"from": "src", "to": "dst"})
    labels = pl.read_parquet(folder / "labels.parquet")
    found = wallets(edges)
    assert found.frame.height == 90_308
    assert read_transfers(edges).pairs.height == 133_159
    assert found.hubs.height == 236
    grouped = labels.drop_nulls("group").join(found.frame.drop_nulls("entity"), on="address")
    whole = grouped.group_by("entity").agg(n=pl.len(), most=pl.col("group").unique_counts().max())
    assert whole["most"].sum() / whole["n"].sum() > 0.9
    assert grouped.height > 7000
