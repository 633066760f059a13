"""Clusters of tokens: planted ones are found, names outlive refits, and scikit-learn counts alike."""

from __future__ import annotations

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.arrays import Float2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.flow.cross.token_clusters import adjusted_rand, clean_correlation, cluster_tokens, match_clusters
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.tree import Tree
from counterpoise.sim.agents.agent_config import agent_market_config

CONFIG: Final = agent_market_config(tokens=12)
TOKENS: Final = [token.name for token in CONFIG.tokens]
PLANTED: Final = [token.cluster for token in CONFIG.tokens]


def returns(rows: int = 2_000, seed: int = 0) -> Float2D:
    """Of the demo's tokens: one factor of the market, one of each cluster, one of their own."""
    draw, clusters = np.random.default_rng(seed), sorted(set(PLANTED))
    market, own = draw.normal(size=rows), draw.normal(size=(rows, len(TOKENS)))
    inside = draw.normal(size=(rows, len(clusters)))
    columns = [
        token.value.market_loading * market
        + token.value.cluster_loading * inside[:, clusters.index(token.cluster)]
        + token.value.own_loading * own[:, i]
        for i, token in enumerate(CONFIG.tokens)
    ]
    return np.column_stack(columns)


@pytest.mark.parametrize("linkage", ["average", "complete", "ward"])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_clusters_are_found(linkage: str, seed: int) -> None:
    found = cluster_tokens(clean_correlation(returns(seed=seed)), TOKENS, linkage=linkage, count=4)  # type: ignore[arg-type]
    planted = np.array([sorted(set(PLANTED)).index(name) for name in PLANTED])
    assert adjusted_rand(found.labels, planted) == 1.0
    assert found.frame.filter(found.frame["inside"] <= found.frame["outside"]).is_empty()


def test_the_gap_finds_how_many_there_are() -> None:
    """Two groups that have nothing to do with each other."""
    draw = np.random.default_rng(4)
    factors = draw.normal(size=(3_000, 2))
    series = np.column_stack([factors[:, i // 3] + 0.5 * draw.normal(size=3_000) for i in range(6)])
    found = cluster_tokens(clean_correlation(series), list("ABCDEF"))
    assert found.clusters == {"a": ("A", "B", "C"), "d": ("D", "E", "F")}


def test_clipping_leaves_the_factors_and_takes_the_noise() -> None:
    """Over many short samples it is nearer to the truth, by more than two standard errors."""
    true = np.corrcoef(returns(200_000, seed=9), rowvar=False)
    gains = []
    for seed in range(100, 300):
        short = returns(30, seed=seed)
        clean = clean_correlation(short)
        gains.append(np.linalg.norm(np.corrcoef(short, rowvar=False) - true) - np.linalg.norm(clean - true))
        assert np.diag(clean) == pytest.approx(np.ones(12))
        assert np.linalg.eigvalsh(clean)[0] > 0
    assert np.mean(gains) > 2 * np.std(gains) / np.sqrt(len(gains))


def test_single_linkage_is_the_spanning_tree() -> None:
    """Merges are the edges of a minimal spanning tree of the distances, by Kruskal."""
    corr = clean_correlation(returns(500, seed=6))
    found = cluster_tokens(corr, TOKENS, linkage="single", count=2)
    distance = np.sqrt(2 * (1 - corr))
    group, edges = list(range(12)), []
    for d, i, j in sorted((distance[a, b], a, b) for a in range(12) for b in range(a)):
        if group[i] != group[j]:
            edges.append(d)
            group = [group[i] if g == group[j] else g for g in group]
    assert found.merges[:, 2] == pytest.approx(edges)


def test_order_of_the_tokens_does_not_matter() -> None:
    corr = clean_correlation(returns(seed=7))
    order = np.random.default_rng(0).permutation(12)
    one = cluster_tokens(corr, TOKENS, count=4)
    two = cluster_tokens(corr[np.ix_(order, order)], [TOKENS[i] for i in order], count=4)
    assert {frozenset(found) for found in one.clusters.values()} == {frozenset(found) for found in two.clusters.values()}


def test_names_go_with_most_of_their_tokens() -> None:
    after = cluster_tokens(clean_correlation(returns(seed=8)), TOKENS, count=4)
    before = {"old": ("BTC", "ETH", "XYZ"), "chain": ("AVAX", "ADA", "DOT"), "gone": ("ABC",)}
    found = match_clusters(before, after).clusters
    assert found["old"] == ("BTC", "ETH", "SOL")
    assert found["chain"] == ("AVAX", "ADA", "DOT")
    assert set(found) == {"old", "chain", "link", "xrp"}
    assert match_clusters(found, after).clusters == found
    assert match_clusters({}, after).names == after.names
    taken = match_clusters({"link": ("QQQ",)}, after)
    assert "link2" in taken.names


def test_a_tree_is_made_of_them() -> None:
    found = cluster_tokens(clean_correlation(returns(seed=1)), TOKENS, count=4)
    terms = {"venue": "v", "kind": InstrumentKind.PERP, "quote": "USD", "settle": "USD", "tick": "0.1", "lot": "1"}
    instruments = [Instrument(symbol=token, base=token, **terms) for token in TOKENS]  # type: ignore[arg-type]
    tree = Tree.from_instruments(instruments, clusters=found.clusters, since="2026-01-01", version=3)
    assert set(tree.levels()["cluster"]) == {f"cluster:{name}" for name in found.names}


LABELS: Final = st.integers(2, 20).flatmap(
    lambda n: st.tuples(*[st.lists(st.integers(0, 4), min_size=n, max_size=n) for _ in range(2)])
)


@given(LABELS)
def test_the_rand_index_is_that_of_scikit_learn(both: tuple[list[int], list[int]]) -> None:
    peer = pytest.importorskip("sklearn.metrics").adjusted_rand_score
    a, b = (np.array(labels) for labels in both)
    assert adjusted_rand(a, b) == pytest.approx(peer(a, b), abs=1e-12)


def test_what_cannot_be_clustered_is_refused() -> None:
    with pytest.raises(UnknownName, match="linkage"):
        cluster_tokens(np.eye(3), list("ABC"), linkage="median")  # type: ignore[arg-type]
    for matrix, names in ((np.eye(2), list("ABC")), (np.full((2, 2), 2.0), list("AB")), (np.eye(2), ["A", "A"])):
        with pytest.raises(InputError):
            cluster_tokens(matrix, names)
    with pytest.raises(InputError, match="1 to 3"):
        cluster_tokens(np.eye(3), list("ABC"), count=4)
    with pytest.raises(InputError, match="does not vary"):
        clean_correlation(np.column_stack([np.arange(9.0), np.ones(9)]))
    with pytest.raises(InputError, match="more rows than tokens"):
        clean_correlation(np.ones((2, 2)))
    with pytest.raises(InputError):
        adjusted_rand(np.array([0]), np.array([0, 1]))
