"""The granularity tree: built, read from TOML, walked, dated; and everything that is no tree refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.config import config_hash, parse_config
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import parse_time
from counterpoise.market.symbol import parse_instrument
from counterpoise.market.tree import LEVELS, Node, Tree, TreeHistory, level_of

IDS = ("binance_usdm:BTCUSDT", "binance:BTCUSDT", "binance_coinm:BTCUSD_PERP", "binance_usdm:ETHUSDT", "okx:SOL-USDC-SWAP")
INSTRUMENTS = [parse_instrument(name, multiplier="1") if "SOL" in name else parse_instrument(name) for name in IDS]
TREE = Tree.from_instruments(INSTRUMENTS, index="majors", clusters={"l1": ["BTC", "ETH"]}, split="kind")
TOML = """
since = "2024-08-01T00:00:00Z"
version = 3
[[nodes]]
id = "index:majors"
[[nodes]]
id = "cluster:l1"
parent = "index:majors"
[[nodes]]
id = "token:BTC"
parent = "cluster:l1"
weight = 3.0
[[nodes]]
id = "token:ETH"
parent = "cluster:l1"
[[nodes]]
id = "binance_usdm:BTCUSDT"
parent = "token:BTC"
[[nodes]]
id = "binance_usdm:ETHUSDT"
parent = "token:ETH"
"""


def test_the_plain_tree_of_some_instruments() -> None:
    assert TREE.levels() == {
        "index": ("index:majors",),
        "cluster": ("cluster:l1",),
        "token": ("token:BTC", "token:ETH", "token:SOL"),
        "market": ("market:BTC.perp", "market:BTC.spot", "market:ETH.perp", "market:SOL.perp"),
        "instrument": ("binance_usdm:BTCUSDT", "binance:BTCUSDT", "binance_coinm:BTCUSD_PERP", *IDS[3:]),
    }
    assert TREE.leaves("market:BTC.perp") == ("binance_usdm:BTCUSDT", "binance_coinm:BTCUSD_PERP")
    assert TREE.leaves() == IDS
    assert TREE.path(IDS[1]) == ("index:majors", "cluster:l1", "token:BTC", "market:BTC.spot", IDS[1])
    assert TREE.parent("token:SOL") == "index:majors"
    assert TREE.parent("index:majors") is None
    assert TREE.roots == ("index:majors",)
    assert TREE.leaves(IDS[0]) == (IDS[0],)


def test_markets_apart_by_quote_currency_or_not_at_all() -> None:
    by_quote = Tree.from_instruments(INSTRUMENTS, split="quote")
    assert by_quote.levels()["market"] == ("market:BTC.USDT", "market:BTC.USD", "market:ETH.USDT", "market:SOL.USDC")
    assert by_quote.leaves("market:BTC.USDT") == IDS[:2]
    plain = Tree.from_instruments(INSTRUMENTS)
    assert plain.children("token:BTC") == IDS[:3]
    assert "cluster" not in plain.levels()


def test_a_tree_is_read_from_toml_and_hashed() -> None:
    tree = parse_config(TOML, Tree)
    assert tree.leaves("cluster:l1") == (IDS[0], IDS[3])
    assert tree.weight("token:BTC") == 0.75
    assert tree.weight("index:majors") == 1.0
    assert tree.since_ns == parse_time("2024-08-01")
    assert (
        config_hash(tree)
        == config_hash(parse_config(TOML, Tree))
        != config_hash(parse_config(TOML.replace("3.0", "2.0"), Tree))
    )
    with pytest.raises(UnknownName, match="did you mean 'weight'"):
        parse_config(TOML.replace("weight", "wieght"), Tree)


@given(st.sampled_from([TREE, Tree.from_instruments(INSTRUMENTS), Tree.from_instruments(INSTRUMENTS, split="quote")]))
def test_leaves_of_children_are_the_leaves_and_paths_go_down(tree: Tree) -> None:
    for node in (node for nodes in tree.levels().values() for node in nodes):
        below = [leaf for child in tree.children(node) for leaf in tree.leaves(child)]
        assert sorted(below) == sorted(tree.leaves(node)) or not tree.children(node)
        levels = [LEVELS.index(level_of(step)) for step in tree.path(node)]
        assert levels == sorted(set(levels))
        assert sum(tree.weight(child) for child in tree.children(node)) == pytest.approx(float(bool(tree.children(node))))


def test_weight_of_a_node_that_is_not_there() -> None:
    with pytest.raises(UnknownName, match="did you mean 'token:BTC'"):
        TREE.weight("token:BTX")


def nodes(*lines: tuple[str, str], weight: float = 1.0) -> Tree:
    return Tree(nodes=tuple(Node(id=node, parent=parent, weight=weight) for node, parent in lines))


LEAF = IDS[0]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Tree(nodes=()), InputError, "needs nodes"),
        (lambda: nodes((LEAF, ""), (LEAF, "")), InputError, "more than once"),
        (lambda: nodes(("token:BTC", ""), (LEAF, "token:BTX")), UnknownName, "did you mean 'token:BTC'"),
        (lambda: nodes((LEAF, ""), ("token:BTC", LEAF)), InputError, "cannot hang below"),
        (lambda: nodes(("token:BTC", ""), ("token:ETH", "token:BTC"), (LEAF, "token:ETH")), InputError, "cannot hang below"),
        (lambda: nodes(("token:BTC", "")), InputError, "holds nothing"),
        (lambda: nodes(("token:BTC", ""), (LEAF, "token:BTC"), weight=0), InputError, "add up to 0"),
        (lambda: nodes((LEAF, ""), weight=-1), InputError, "0 or more"),
        (lambda: nodes((LEAF, ""), weight=float("nan")), InputError, "0 or more"),
        (lambda: nodes(("BTC", "")), InputError, "no node of the tree"),
        (lambda: nodes(("order:1", "")), InputError, "no node of the tree"),
        (lambda: nodes(("token:", "")), InputError, "no node of the tree"),
        (lambda: Tree(nodes=(Node(id=LEAF),), since="soon"), InputError, "not understood"),
        (lambda: Tree.from_instruments([*INSTRUMENTS, INSTRUMENTS[0]]), InputError, "more than once"),
        (lambda: Tree.from_instruments(INSTRUMENTS, clusters={"a": ["BTC"], "b": ["BTC"]}), InputError, "two clusters"),
        (lambda: Tree.from_instruments(INSTRUMENTS, split="venue"), UnknownName, "split"),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_tree_is_refused(make: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        make()  # type: ignore[operator]


def dated(since: str, version: int) -> Tree:
    return Tree(nodes=(Node(id=LEAF),), since=since, version=version)


def test_the_tree_as_of_a_time() -> None:
    history = TreeHistory(trees=(dated("2024-01-01", 1), dated("2024-06-01", 2)))
    assert history.as_of(parse_time("2024-06-01") - 1).version == 1
    assert history.as_of(parse_time("2024-06-01")).version == 2
    with pytest.raises(InputError, match="no tree held at 2023-12-31"):
        history.as_of(parse_time("2024-01-01") - 1)
    with pytest.raises(InputError, match="one at least"):
        TreeHistory(trees=())
    for wrong in ((dated("2024-01-01", 1), dated("2024-01-01", 2)), (dated("2024-01-01", 2), dated("2024-02-01", 2))):
        with pytest.raises(InputError, match="follow each other"):
            TreeHistory(trees=wrong)


def test_a_history_is_read_from_toml() -> None:
    text = """
    [[trees]]
    since = "2024-01-01"
    version = 1
    nodes = [{id = "binance:BTCUSDT"}]
    [[trees]]
    since = "2024-02-01"
    version = 2
    nodes = [{id = "token:BTC"}, {id = "binance:BTCUSDT", parent = "token:BTC"}]
    """
    history = parse_config(text, TreeHistory)
    assert [history.as_of(parse_time(day)).roots for day in ("2024-01-05", "2024-02-05")] == [(IDS[1],), ("token:BTC",)]
