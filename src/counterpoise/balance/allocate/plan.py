"""What an allocation came to: amounts by instrument and slice, and what they are expected to cost, node by node."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from counterpoise.balance.allocate.setting import AllocationSetting
from counterpoise.balance.fairness import gini, max_to_mean, normalised_impact
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.units import BPS, SECOND_NS
from counterpoise.market.tree import level_of

__all__ = ["Plan"]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Signed amounts and their price by the setting's own impact; all values in millions of quote.

    Parameters
    ----------
    setting : AllocationSetting
    target : (tokens,) float64
    amounts : (slices, instruments) float64
        Signed millions.
    solver : str
        How it was found.
    """

    setting: AllocationSetting
    target: Float1D
    amounts: Float2D
    solver: str

    @property
    def value(self) -> float:
        """Of the parent [millions]."""
        return float(np.abs(self.target).sum())

    @cached_property
    def flows(self) -> Float2D:
        """(slices, tokens) signed millions."""
        out = np.zeros((self.setting.slices, len(self.target)))
        np.add.at(out.T, self.setting.token_of, self.amounts.T)
        return out

    @property
    def deviation(self) -> Float1D:
        """(tokens,) what is held at the end beyond the target."""
        return np.asarray(self.flows.sum(axis=0) - self.target)

    @property
    def tracking_bps(self) -> float:
        """Standard deviation over a day of holding that instead of the target [bps of the parent's value]."""
        return float(np.sqrt(self.deviation @ self.setting.daily_covariance @ self.deviation)) / self.value / BPS

    @property
    def remaining(self) -> Float2D:
        """(slices, tokens) to do at the beginning of each slice."""
        done = np.cumsum(self.flows, axis=0)
        return np.asarray(self.target - np.vstack([np.zeros(len(self.target)), done[:-1]]))

    @cached_property
    def costs(self) -> dict[str, float]:
        """Expected cost by where it comes from, and the risk of the wait [bps of the parent's value]."""
        setting, own = self.setting, np.abs(self.amounts)
        linear = float((own @ setting.linear_bps).sum())
        scale = 1.0 if setting.temporary_scale is None else setting.temporary_scale
        share = own / np.maximum(setting.volume.T, 1e-12)
        temporary = float((own * scale * setting.temporary.cost_bps(share)).sum())
        drift = 0.0 if setting.alpha_bps is None else float((self.remaining * setting.alpha_bps.T).sum())
        variance = float(np.einsum("ki,ij,kj->", self.remaining, setting.covariance, self.remaining))
        risk = np.sqrt(variance * setting.slice_ns / SECOND_NS) / BPS
        parts = {"linear": linear, "temporary": temporary, "transient": self._transient(), "drift": drift}
        return {name: part / self.value for name, part in parts.items()} | {
            "total": sum(parts.values()) / self.value,
            "risk": float(risk) / self.value,
        }

    def _transient(self) -> float:
        """½ Σ over pairs of slices [millions × bps]."""
        setting = self.setting
        if setting.impact is None:
            return 0.0
        lag = np.abs(np.subtract.outer(np.arange(setting.slices), np.arange(setting.slices))) * setting.slice_ns
        decay = setting.propagator.kernel(lag.ravel()).reshape(lag.shape)
        cross = np.eye(len(self.target)) if setting.cross is None else setting.cross
        scaled = self.flows * np.sqrt(setting.impact)
        return float(np.einsum("ki,kl,lj,ij->", scaled, decay, scaled, cross, optimize=True)) / 2

    def impact_of(self, level: str) -> dict[str, float]:
        """Normalised impact over the whole horizon of each node of a level that holds something of the parent."""
        wanted = np.flatnonzero((self.target != 0)[self.setting.token_of] | (self.amounts != 0).any(axis=0))
        nodes = [node for node in self.setting.nodes(level) if np.isin(self.setting.members(node), wanted).any()]
        traded = [float(np.abs(self.amounts[:, self.setting.members(node)]).sum()) for node in nodes]
        volume = [float(self.setting.volume[self.setting.members(node)].sum()) for node in nodes]
        exponent = self.setting.temporary.exponent
        return dict(zip(nodes, normalised_impact(traded, volume, exponent=exponent or 0.5).tolist(), strict=True))

    def fairness(self) -> pl.DataFrame:
        """By level: ``level``, ``nodes``, ``gini`` and ``max_to_mean`` of normalised impact."""
        rows = []
        for level in self.setting.tree.levels():
            found = list(self.impact_of(level).values())
            rows.append({"level": level, "nodes": len(found), "gini": gini(found), "max_to_mean": max_to_mean(found)})
        return pl.DataFrame(rows)

    def by_node(self) -> pl.DataFrame:
        """A row a node: ``level``, ``node``, ``millions`` (signed), ``share`` of all, ``participation`` own/(own + others)."""
        rows = []
        for level, nodes in self.setting.tree.levels().items():
            for node in nodes:
                members = self.setting.members(node)
                own, others = float(np.abs(self.amounts[:, members]).sum()), float(self.setting.volume[members].sum())
                rows.append(
                    {
                        "level": level,
                        "node": node,
                        "millions": float(self.amounts[:, members].sum()),
                        "share": own / float(np.abs(self.amounts).sum()),
                        "participation": own / (own + others) if own + others else 0.0,
                    }
                )
        return pl.DataFrame(rows)

    @property
    def frame(self) -> pl.DataFrame:
        """A row an instrument and slice: ``slice``, ``instrument``, ``token``, ``millions`` (signed)."""
        names, count = self.setting.instruments, self.setting.slices
        tokens = [next(node for node in reversed(self.setting.tree.path(name)) if level_of(node) == "token") for name in names]
        return pl.DataFrame(
            {
                "slice": np.repeat(np.arange(count), len(names)),
                "instrument": list(names) * count,
                "token": tokens * count,
                "millions": self.amounts.ravel(),
            }
        )
