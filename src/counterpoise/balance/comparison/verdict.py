"""The table that decides: what each execution cost and gave away, with intervals over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.balance.comparison.contenders import CONTENDERS, Task
from counterpoise.balance.comparison.scenario import Known, Scenario
from counterpoise.balance.comparison.trial import NOBODY, Outcome
from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.sim.agents.detection import auc, leakage_floor

__all__ = ["Verdict", "bootstrap_mean", "jobs_of", "verdict"]

_DRAWS: Final = 10_000
_TAIL: Final = 0.95
Job = tuple[str, int, int]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What a comparison came to.

    Attributes
    ----------
    frame : DataFrame
        A row a contender; ``…_low`` and ``…_high`` are 95 % intervals by bootstrap over seeds.
    pairs : DataFrame
        A row a contender beside ours: difference of its mean cost from ours on the same seeds, with its interval.
    runs : DataFrame
        A row a trial.
    """

    frame: pl.DataFrame
    pairs: pl.DataFrame
    runs: pl.DataFrame


def jobs_of(contenders: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """Trials of a comparison: each contender buys and sells on every seed, and each seed is lived once without a parent.

    Raises
    ------
    UnknownName
        If a contender is none.
    InputError
        If there are fewer than two seeds, or one twice.
    """
    for name in contenders:
        if name not in CONTENDERS:
            raise UnknownName("contender", name, CONTENDERS)
    if len(set(seeds)) < len(seeds) or len(seeds) < 2:
        raise InputError(f"a comparison needs two seeds or more, each once; found {list(seeds)}")
    sides = [(name, side) for name in contenders for side in (1, -1)]
    return [(name, seed, side) for seed in seeds for name, side in [(NOBODY, 1), *sides]]


def bootstrap_mean(values: Float1D, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean and its 95 % interval by bootstrap; the interval of one value is NaN."""
    if len(values) < 2:
        return float(values.mean()), float("nan"), float("nan")
    draw = np.random.default_rng(seed)
    means = values[draw.integers(0, len(values), (_DRAWS, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(values.mean()), float(low), float(high)


def verdict(scenario: Scenario, known: Known, outcomes: Sequence[Outcome], *, ours: str = "balanced") -> Verdict:
    """The table of some outcomes.

    Notes
    -----
    ``cost_bps`` is the mean over both sides of a seed: the market's own move cancels, and what is left is the cost. ``sd_bps``
    and ``cvar_bps`` (mean of the worst 5 %) are of single parents, the market's move in them. The adversaries' AUC tells runs
    with a bought parent from those of nobody, over all tokens; the floor is that of an observer who knows everything but
    whether there is one, on a token's whole signed flow.
    """
    by_name: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        by_name.setdefault(outcome.contender, []).append(outcome)
    clean = np.concatenate([one.peaks for one in by_name[NOBODY]])
    quiet = {one.seed: one for one in by_name[NOBODY]}
    names = [name for name in by_name if name != NOBODY]
    floor = _floor(known, by_name[NOBODY], by_name[names[0]][0], scenario)
    frame = pl.DataFrame([_line(name, by_name[name], clean, quiet, floor) for name in names])
    pairs = [_pair(name, by_name[name], by_name[ours]) for name in names if name != ours] if ours in by_name else []
    runs = pl.DataFrame([_run(outcome) for outcome in outcomes])
    return Verdict(frame=frame, pairs=pl.DataFrame(pairs), runs=runs)


def _by_seed(outcomes: Sequence[Outcome], name: str) -> Float1D:
    """(seeds,) mean of both sides, in order of the seeds."""
    found: dict[int, list[float]] = {}
    for one in outcomes:
        found.setdefault(one.seed, []).append(getattr(one, name))
    return np.array([np.mean(found[seed]) for seed in sorted(found)])


def _line(name: str, outcomes: Sequence[Outcome], clean: Float1D, quiet: dict[int, Outcome], floor: float) -> dict[str, Any]:
    costs = np.array([one.shortfall_bps for one in outcomes])
    worst = np.sort(costs)[-max(1, round((1 - _TAIL) * len(costs))) :]
    cost, low, high = bootstrap_mean(_by_seed(outcomes, "shortfall_bps"))
    against, against_low, against_high = bootstrap_mean(_by_seed(outcomes, "impact_bps") + _by_seed(outcomes, "fees_bps"))
    bought = np.concatenate([one.peaks for one in outcomes if one.side > 0])
    seen = auc(bought, clean)
    delays = np.concatenate([one.delays for one in outcomes])
    row = {
        "contender": name,
        "cost_bps": cost,
        "cost_bps_low": low,
        "cost_bps_high": high,
        "cost_undisturbed_bps": against,
        "cost_undisturbed_bps_low": against_low,
        "cost_undisturbed_bps_high": against_high,
        "sd_bps": float(costs.std(ddof=1)),
        "cvar_bps": float(worst.mean()),
        "fees_bps": _mean(outcomes, "fees_bps"),
        "maker": _mean(outcomes, "maker"),
        "completion": _mean(outcomes, "completion"),
        "tracking_bps": _mean(outcomes, "tracking_bps"),
        "orders": _mean(outcomes, "orders"),
        "auc": seen.value,
        "auc_low": seen.low,
        "auc_high": seen.high,
        "auc_floor": floor,
        "alarms": float(np.mean(np.isfinite(delays))),
        "delay": float(np.median(np.minimum(delays, 1.0))),
        "adversary_profit": float(np.mean([one.adversary - quiet[one.seed].adversary for one in outcomes])),
        "liquidated": float(np.mean([one.liquidated - quiet[one.seed].liquidated for one in outcomes])),
    }
    levels = outcomes[0].gini
    return row | {f"gini_{level}": float(np.mean([one.gini[level] for one in outcomes])) for level in levels}


def _mean(outcomes: Sequence[Outcome], name: str) -> float:
    return float(np.mean([getattr(one, name) for one in outcomes]))


def _pair(name: str, theirs: Sequence[Outcome], ours: Sequence[Outcome]) -> dict[str, Any]:
    row: dict[str, Any] = {"contender": name}
    for label, parts in (("shortfall", ("shortfall_bps",)), ("undisturbed", ("impact_bps", "fees_bps"))):
        other = np.sum([_by_seed(theirs, part) for part in parts], axis=0)
        own = np.sum([_by_seed(ours, part) for part in parts], axis=0)
        mean, low, high = bootstrap_mean(other - own)
        row |= {f"{label}_saved_bps": mean, f"{label}_saved_low": low, f"{label}_saved_high": high}
        row[f"{label}_saved_share"] = mean / float(other.mean())
    return row


def _floor(known: Known, nobody: Sequence[Outcome], some: Outcome, scenario: Scenario) -> float:
    """Mean over tokens of the least AUC that a parent of that size can have, on a token's whole signed flow."""
    wanted = Task(scenario, known, some.side, 0, 1).quantity
    net = np.vstack([known.clean_net, [one.signed for one in nobody]])
    return float(np.mean([leakage_floor(wanted[token], net[:, token]).auc for token in range(len(wanted))]))


def _run(outcome: Outcome) -> dict[str, Any]:
    plain = {name: value for name, value in outcome._asdict().items() if name not in ("gini", "peaks", "delays", "signed")}
    return plain | {"peak": float(outcome.peaks.max())} | {f"gini_{level}": value for level, value in outcome.gini.items()}
