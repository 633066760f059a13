"""A plan from a configuration file: what a large order would cost, where its capacity ends, and its schedule by node."""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
import numpy as np
import polars as pl

from counterpoise.adapters.config_file import load_config
from counterpoise.app.output import write_frame
from counterpoise.app.plan_page import plan_html
from counterpoise.balance.allocate.allocate import allocate
from counterpoise.balance.allocate.plan import Plan
from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.core.arrays import Float2D
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import BPS, DAY_NS, SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import TemporaryImpact, TransientImpact
from counterpoise.market.tree import Node, Tree, level_of

__all__ = ["PlanFile", "PlanReport", "PlannedMarket", "plan_file"]

_MILLION: Final = 1e6
_YEAR_S: Final = 365 * 86_400
_AVERSIONS: Final = (0.0, 0.1, 0.3, 1.0, 3.0, 10.0)  # multiples of the file's


class PlannedMarket(Config, frozen=True, kw_only=True):
    """A market as the planner knows it.

    Parameters
    ----------
    id, token, cluster : str
        Instrument, its token, and the cluster of that.
    volume_per_day : float
        What others trade [quote].
    half_spread_bps, fee_bps : float
    vol_annual : float
        Of its token; the same for all of a token's markets.
    weight : float
        Of its token in the index, told with the first of its markets.
    """

    id: str
    token: str
    cluster: str = "all"
    volume_per_day: float
    half_spread_bps: float = 0.5
    fee_bps: float = 3.0
    vol_annual: float
    weight: float = 1.0

    def __post_init__(self) -> None:
        if not (self.volume_per_day > 0 and 0 < self.vol_annual < 100 and self.weight >= 0 and self.half_spread_bps >= 0):
            raise ConfigError(f"{self.id}: volume and volatility are above 0, half spread and weight 0 or more; found {self}")


class PlanFile(Config, frozen=True, kw_only=True):
    """What a plan reads: one TOML file.

    Parameters
    ----------
    name : str
        The default output folder.
    node : str
        Where the parent enters: ``index:all``, ``cluster:NAME``, ``token:NAME`` or an instrument.
    side : {"buy", "sell"}
    value : float
        Of the parent [quote].
    horizon, slice : str
    market : tuple of PlannedMarket
        As ``[[market]]``.
    correlation, cluster_correlation : float
        Of two tokens, and of two in one cluster.
    impact_y, impact_exponent : float
        Y and δ of cost = Y σ (q/V)^δ, with σ and V those of a slice; .5 to 1 and about ½ (square-root law).
    transient : TransientImpact
        Displacement of a token's price, beside that.
    wishes : AllocationWishes
    """

    name: str
    node: str = "index:all"
    side: Literal["buy", "sell"]
    value: float
    horizon: str = "1h"
    slice: str = "5m"
    market: tuple[PlannedMarket, ...]
    correlation: float = 0.5
    cluster_correlation: float = 0.7
    impact_y: float = 0.7
    impact_exponent: float = 0.5
    transient: TransientImpact = TransientImpact()
    wishes: AllocationWishes = msgspec.field(default_factory=lambda: AllocationWishes(risk_aversion=1e-3))

    def __post_init__(self) -> None:
        if not 0 < self.value < np.inf or not 0 < self.impact_exponent <= 1 or self.impact_y < 0:
            raise ConfigError(
                f"value is above 0, impact_y 0 or more and impact_exponent in (0, 1]; found {self.value}, {self.impact_y} "
                f"and {self.impact_exponent}"
            )
        if not 0 <= self.correlation <= self.cluster_correlation < 1:
            raise ConfigError(
                "correlations lie in [0, 1), those in a cluster not below the others; found "
                f"{self.correlation} and {self.cluster_correlation}"
            )
        if parse_duration(self.horizon) % parse_duration(self.slice):
            raise ConfigError(f"horizon {self.horizon} is no whole number of slices of {self.slice}")
        ids = [market.id for market in self.market]
        if not ids or len(set(ids)) < len(ids):
            raise ConfigError(f"a plan needs [[market]] rows, each id once; found {ids}")

    @property
    def tree(self) -> Tree:
        """Index, clusters, tokens, instruments."""
        nodes = {"index:all": Node(id="index:all")}
        for market in self.market:
            cluster, token = f"cluster:{market.cluster}", f"token:{market.token}"
            nodes.setdefault(cluster, Node(id=cluster, parent="index:all"))
            nodes.setdefault(token, Node(id=token, parent=cluster, weight=market.weight))
            nodes[market.id] = Node(id=market.id, parent=token)
        return Tree(nodes=tuple(nodes.values()))

    def setting(self) -> AllocationSetting:
        """Markets and their costs over the slices."""
        tree = self.tree
        by_id = {market.id: market for market in self.market}
        markets = [by_id[leaf] for leaf in tree.leaves()]
        slice_ns = parse_duration(self.slice)
        count = parse_duration(self.horizon) // slice_ns
        volume = np.array([m.volume_per_day for m in markets]) * slice_ns / DAY_NS / _MILLION
        sigma_bps = np.array([m.vol_annual for m in markets]) * np.sqrt(slice_ns / SECOND_NS / _YEAR_S) / BPS
        tokens = list(dict.fromkeys(m.token for m in markets))
        impact = np.full(len(tokens), self.transient.bps_per_million) if self.transient.bps_per_million else None
        return AllocationSetting(
            tree=tree,
            slice_ns=slice_ns,
            volume=np.tile(volume[:, None], (1, count)),
            linear_bps=np.array([m.half_spread_bps + m.fee_bps for m in markets]),
            covariance=self._covariance({m.token: m for m in markets}),
            temporary=TemporaryImpact(bps=self.impact_y, exponent=self.impact_exponent),
            temporary_scale=sigma_bps,
            propagator=self.transient,
            impact=impact,
        )

    def _covariance(self, tokens: dict[str, PlannedMarket]) -> Float2D:
        vol = np.array([m.vol_annual for m in tokens.values()]) / np.sqrt(_YEAR_S)
        cluster = np.array([m.cluster for m in tokens.values()])
        inside = cluster[:, None] == cluster[None, :]
        corr = np.where(inside, self.cluster_correlation, self.correlation)
        np.fill_diagonal(corr, 1.0)
        return np.asarray(corr * vol[:, None] * vol[None, :])

    def target(self, setting: AllocationSetting) -> dict[str, float]:
        """Signed millions by token: the parent's value by the weights below its node.

        Raises
        ------
        UnknownName
            If there is no such node.
        """
        tree, side = setting.tree, 1.0 if self.side == "buy" else -1.0
        if self.node not in {node.id for node in tree.nodes}:
            raise UnknownName("node of the tree", self.node, [node.id for node in tree.nodes])
        if level_of(self.node) == "instrument":
            return {setting.tokens[setting.token_of[setting.instruments.index(self.node)]]: side * self.value / _MILLION}
        below = [token for token in setting.tokens if self.node in tree.path(token)]
        weights = {node.id: node.weight for node in tree.nodes}
        whole = sum(weights[token] for token in below)
        return {token: side * self.value / _MILLION * weights[token] / whole for token in below}


class PlanReport(NamedTuple):
    """A plan, its frontier, and the files they were written to.

    Attributes
    ----------
    config : PlanFile
    plan : Plan
    frontier : DataFrame
        A row a risk aversion: ``risk_aversion``, ``cost_bps``, ``risk_bps``.
    capacity : DataFrame
        A row a token: ``token``, ``millions`` wanted, ``most`` inside the bounds, ``share_of_day`` of its volume.
    files : tuple of Path
    """

    config: PlanFile
    plan: Plan
    frontier: pl.DataFrame
    capacity: pl.DataFrame
    files: tuple[Path, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """A row an instrument and slice."""
        return self.plan.frame

    def to_html(self) -> str:
        """The page."""
        return plan_html(self.plan, self.frontier, self.capacity, title=self.config.name, slice_text=self.config.slice)

    def _repr_html_(self) -> str:
        return self.to_html()


def plan_file(config_path: Path, *, out: Path | None = None) -> PlanReport:
    """Plan a configuration and write ``plan``, ``nodes`` and ``frontier`` as Parquet and ``plan.html``.

    Parameters
    ----------
    config_path : Path
        TOML, see `PlanFile`.
    out : Path, optional
        Folder, by default ``out/NAME``.

    Raises
    ------
    ConfigError, InputError
        If the configuration cannot be meant, or the market cannot take the parent: the message says what to relax.
    """
    config = _narrowed(load_config(config_path, PlanFile))
    setting = config.setting()
    target = config.target(setting)
    plan = allocate(target, setting, wishes=config.wishes)
    report = PlanReport(config, plan, _frontier(config, setting, target), _capacity(config, setting, target), ())
    return report._replace(files=_write(report, out or Path("out") / config.name))


def _narrowed(config: PlanFile) -> PlanFile:
    """A parent at one instrument trades there alone: the other markets of its token are left out."""
    if level_of(config.node) != "instrument":
        return config
    token = next((market.token for market in config.market if market.id == config.node), None)
    kept = tuple(market for market in config.market if market.id == config.node or market.token != token)
    return msgspec.structs.replace(config, market=kept)


def _frontier(config: PlanFile, setting: AllocationSetting, target: dict[str, float]) -> pl.DataFrame:
    rows = []
    base = config.wishes.risk_aversion or 1e-3
    for multiple in _AVERSIONS:
        wishes = msgspec.structs.replace(config.wishes, risk_aversion=base * multiple)
        costs = allocate(target, setting, wishes=wishes).costs
        rows.append({"risk_aversion": base * multiple, "cost_bps": costs["total"], "risk_bps": costs["risk"]})
    return pl.DataFrame(rows)


def _capacity(config: PlanFile, setting: AllocationSetting, target: dict[str, float]) -> pl.DataFrame:
    """Most of each token that its own bounds let through in the horizon."""
    rows, caps = [], config.wishes.participation
    days = parse_duration(config.horizon) / DAY_NS
    for number, token in enumerate(setting.tokens):
        if token not in target:
            continue
        members = np.flatnonzero(setting.token_of == number)
        of_token = min([_part(caps[name]) for name in ("token", token) if name in caps], default=np.inf)
        names = [("instrument", setting.instruments[i]) for i in members]
        each = [min([_part(caps[name]) for name in both if name in caps], default=np.inf) for both in names]
        volume = setting.volume[members].sum(axis=1)
        most = min(float(np.minimum(each, 1e12) @ volume), of_token * float(volume.sum()))
        rows.append(
            {
                "token": token,
                "millions": abs(target[token]),
                "most": most,
                "share_of_day": abs(target[token]) / (float(volume.sum()) / days),
            }
        )
    return pl.DataFrame(rows)


def _part(cap: float) -> float:
    """Of others' volume, for a share of all."""
    return cap / (1 - cap)


def _write(report: PlanReport, folder: Path) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    frames = {"plan": report.frame, "nodes": report.plan.by_node(), "frontier": report.frontier}
    paths = [folder / f"{name}.parquet" for name in frames]
    for path, frame in zip(paths, frames.values(), strict=True):
        write_frame(frame, path)
    page = folder / "plan.html"
    page.write_text(report.to_html(), encoding="utf-8")
    return (*paths, page)
