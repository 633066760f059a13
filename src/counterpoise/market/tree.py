"""The granularity tree: index, cluster, token, market, instrument; slices and orders hang below it at run time.

Nodes are named by level: ``index:majors``, ``cluster:l1``, ``token:BTC``, ``market:BTC.perp``; a leaf is an instrument and
bears its id, ``binance_usdm:BTCUSDT``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from math import isfinite
from typing import Final, Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import format_time, parse_time
from counterpoise.market.instrument import Instrument

__all__ = ["LEVELS", "RUN_LEVELS", "Node", "Split", "Tree", "TreeHistory", "level_of"]

LEVELS: Final = ("index", "cluster", "token", "market", "instrument")
RUN_LEVELS: Final = ("slice", "order")  # below an instrument; they carry sizes and are no nodes of the tree
Split = Literal["none", "kind", "quote"]
_SPLITS: Final = ("none", "kind", "quote")


def level_of(node: str) -> str:
    """Level of a node by its id.

    Examples
    --------
    >>> level_of("token:BTC"), level_of("binance:BTCUSDT")
    ('token', 'instrument')
    """
    prefix = node.partition(":")[0]
    return prefix if prefix in LEVELS[:-1] or prefix in RUN_LEVELS else "instrument"


class Node(Config, frozen=True, kw_only=True):
    """One line of the table.

    Parameters
    ----------
    id : str
    parent : str
        A node of a higher level; empty for a root.
    weight : float
        Its share among its siblings; they are divided by their sum.
    """

    id: str
    parent: str = ""
    weight: float = 1.0


class Tree(Config, frozen=True, kw_only=True, dict=True):
    """A tree that was true from a date on; built from a table, or from TOML by `counterpoise.core.config.parse_config`.

    Parameters
    ----------
    nodes : tuple of Node
        In any order; it is the order of `leaves`.
    since : str
        ISO-8601 time from which it holds.
    version : int

    Raises
    ------
    InputError
        If an id is no id, stands twice, has an unknown parent or one that is not above it, a weight is negative or not finite,
        the weights of siblings add up to nothing, or a branch ends without an instrument.
    """

    nodes: tuple[Node, ...]
    since: str = "1970-01-01"
    version: int = 1

    def __post_init__(self) -> None:
        parse_time(self.since)
        self._check_nodes()
        for node in self._by_id:
            if level_of(node) != "instrument" and not self._children[node]:
                raise InputError(f"{node} holds nothing, every branch ends in instruments; give it some, or leave it out")
            if self._children[node] and sum(self._by_id[child].weight for child in self._children[node]) <= 0:
                raise InputError(f"the weights of {', '.join(self._children[node])} add up to 0; give one a positive weight")

    def _check_nodes(self) -> None:
        if not self.nodes:
            raise InputError("a tree needs nodes, found none; give some, or use Tree.from_instruments")
        ids = [node.id for node in self.nodes]
        twice = [node for node, count in Counter(ids).items() if count > 1]
        if twice:
            raise InputError(f"{', '.join(sorted(twice))} stands more than once; each node and instrument has one place")
        for node in self.nodes:
            level, name = level_of(node.id), node.id.partition(":")[2]
            if not name or level in RUN_LEVELS:
                raise InputError(f"{node.id!r} is no node of the tree; write token:BTC, or venue:symbol for an instrument")
            if not (isfinite(node.weight) and node.weight >= 0):
                raise InputError(f"weight of {node.id} must be 0 or more, found {node.weight}")
            if node.parent and node.parent not in self._by_id:
                raise UnknownName(f"parent of {node.id}", node.parent, ids)
            if node.parent and LEVELS.index(level_of(node.parent)) >= LEVELS.index(level):
                raise InputError(f"{node.id} cannot hang below {node.parent}: levels go down {' > '.join(LEVELS)}")

    @cached_property
    def _by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    @cached_property
    def _children(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {node.id: [] for node in self.nodes}
        for node in self.nodes:
            if node.parent:
                found[node.parent].append(node.id)
        return found

    @cached_property
    def _leaves(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {node.id: [] for node in self.nodes}
        for leaf in self.leaves():
            for node in self.path(leaf):
                found[node].append(leaf)
        return {node: tuple(leaves) for node, leaves in found.items()}

    @cached_property
    def _totals(self) -> dict[str, float]:
        """Sum of the weights of each node's children."""
        return {node: sum(self._by_id[child].weight for child in below) for node, below in self._children.items()}

    def _known(self, node: str) -> Node:
        if node not in self._by_id:
            raise UnknownName("node of the tree", node, self._by_id)
        return self._by_id[node]

    @property
    def since_ns(self) -> int:
        """Time from which it holds, ns UTC."""
        return parse_time(self.since)

    @property
    def roots(self) -> tuple[str, ...]:
        return tuple(node.id for node in self.nodes if not node.parent)

    def levels(self) -> dict[str, tuple[str, ...]]:
        """Nodes by level, from the top; levels that have none are left out."""
        found = {level: tuple(node.id for node in self.nodes if level_of(node.id) == level) for level in LEVELS}
        return {level: nodes for level, nodes in found.items() if nodes}

    def parent(self, node: str) -> str | None:
        """The node above; None for a root."""
        return self._known(node).parent or None

    def children(self, node: str) -> tuple[str, ...]:
        self._known(node)
        return tuple(self._children[node])

    def weight(self, node: str) -> float:
        """Share of its parent, in [0, 1]; 1 of a root."""
        line = self._known(node)
        if not line.parent:
            return 1.0
        return line.weight / self._totals[line.parent]

    def path(self, node: str) -> tuple[str, ...]:
        """From the root down to the node itself."""
        line = self._known(node)
        return (*self.path(line.parent), node) if line.parent else (node,)

    def leaves(self, node: str | None = None) -> tuple[str, ...]:
        """Instruments below a node, or all of them, in the order of the table."""
        if node is None:
            return tuple(line.id for line in self.nodes if level_of(line.id) == "instrument")
        self._known(node)
        return self._leaves[node]

    @classmethod
    def from_instruments(
        cls,
        instruments: Iterable[Instrument],
        *,
        index: str = "all",
        clusters: Mapping[str, Sequence[str]] | None = None,
        split: Split = "none",
        since: str = "1970-01-01",
        version: int = 1,
    ) -> Tree:
        """The plain tree of some instruments: each below the token that is its base coin.

        Parameters
        ----------
        instruments : iterable of Instrument
        index : str
            Name of the root.
        clusters : mapping of str to sequence of str, optional
            Name of a cluster to its base coins; a coin of none hangs below the index.
        split : {"none", "kind", "quote"}
            Whether a market level stands between token and instrument: spot, perp, future and option apart, or the currencies
            prices are in (USD, USDT, USDC) apart.

        Raises
        ------
        InputError
            If a coin stands in two clusters, or as `Tree`.
        """
        if split not in _SPLITS:
            raise UnknownName("split", split, _SPLITS)
        above = {coin: f"cluster:{name}" for name, coins in (clusters or {}).items() for coin in coins}
        if len(above) < sum(map(len, (clusters or {}).values())):
            raise InputError("a coin stands in two clusters; each token has one place")
        lines = {f"index:{index}": ""}
        for instrument in instruments:
            token = f"token:{instrument.base}"
            cluster = above.get(instrument.base, f"index:{index}")
            if level_of(cluster) == "cluster":
                lines[cluster] = f"index:{index}"
            lines[token] = cluster
            holder = token
            if split != "none":
                holder = f"market:{instrument.base}.{instrument.kind.value if split == 'kind' else instrument.quote}"
                lines[holder] = token
            if instrument.id in lines:
                raise InputError(f"{instrument.id} stands more than once; each node and instrument has one place")
            lines[instrument.id] = holder
        return cls(nodes=tuple(Node(id=node, parent=above) for node, above in lines.items()), since=since, version=version)


class TreeHistory(Config, frozen=True, kw_only=True):
    """The trees that held one after the other.

    Raises
    ------
    InputError
        If it is empty, or dates and versions do not both increase.
    """

    trees: tuple[Tree, ...]

    def __post_init__(self) -> None:
        marks = [(tree.since_ns, tree.version) for tree in self.trees]
        if not marks:
            raise InputError("a history of trees needs one at least, found none")
        if any(b[0] <= a[0] or b[1] <= a[1] for a, b in pairwise(marks)):
            raise InputError(f"trees must follow each other by date and by version, found {[t.version for t in self.trees]}")

    def as_of(self, ts_ns: int) -> Tree:
        """The tree that held at a time.

        Raises
        ------
        InputError
            If that is before the first one.
        """
        held = [tree for tree in self.trees if tree.since_ns <= ts_ns]
        if not held:
            raise InputError(f"no tree held at {format_time(ts_ns)}: the first is of {self.trees[0].since}; add an earlier one")
        return held[-1]
