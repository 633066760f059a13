"""What the analysis of finished runs holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl

from counterpoise.app.tca_folder import RunFolder
from counterpoise.balance.tca import PARTS, Calibration, Participation, Shortfall

__all__ = ["RunCost", "TcaReport"]


class RunCost(NamedTuple):
    """One run analysed; frames as the functions of `counterpoise.balance.tca` give them."""

    run: RunFolder
    shortfall: Shortfall
    costs: pl.DataFrame
    benchmarks: pl.DataFrame
    markouts: pl.DataFrame
    children: pl.DataFrame
    activity: pl.DataFrame
    slices: pl.DataFrame
    participation: Participation
    habits: dict[str, Any]


class TcaReport(NamedTuple):
    """Runs analysed together.

    Attributes
    ----------
    runs : tuple of RunCost
    nodes, impacts, evenness, leakage : DataFrame
        By node and level of the tree.
    venues : DataFrame
        Fills of all runs by venue, instrument, and maker or taker; money in the quote currency.
    predicted : DataFrame or None
        ``run``, ``predicted``, ``sd``, ``realised``, ``z``, where predictions were given.
    calibration : Calibration or None
        Where there are ten runs or more.
    files : tuple of Path
        What was written.
    """

    runs: tuple[RunCost, ...]
    nodes: pl.DataFrame
    impacts: pl.DataFrame
    evenness: pl.DataFrame
    leakage: pl.DataFrame
    venues: pl.DataFrame
    predicted: pl.DataFrame | None
    calibration: Calibration | None
    files: tuple[Path, ...] = ()

    def summary(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "nodes": _floats(self.nodes).to_dicts(),
            "evenness": self.evenness.to_dicts(),
            "leakage": self.leakage.to_dicts(),
            "venues": self.venues.to_dicts(),
            "predicted": None if self.predicted is None else self.predicted.to_dicts(),
            "calibration": None if self.calibration is None else self.calibration.frame.to_dicts(),
            "runs": [_summary(one) for one in self.runs],
        }


def _summary(one: RunCost) -> dict[str, Any]:
    return {
        "run": one.run.name,
        "instrument": one.run.instrument.id,
        "settle": one.run.instrument.settle,
        "side": one.run.summary["side"],
        "shortfall": msgspec.to_builtins(one.shortfall),
        "shortfall_bps": {part: one.shortfall.bps(part) for part in (*PARTS, "total")},
        "benchmarks": one.benchmarks.to_dicts(),
        "markouts": one.markouts.to_dicts(),
        "activity": one.activity.to_dicts()[0],
        "participation": one.participation._asdict(),
        "habits": one.habits,
    }


def _floats(frame: pl.DataFrame) -> pl.DataFrame:
    """Decimals as numbers, for JSON."""
    return frame.with_columns(pl.col(pl.Decimal).cast(pl.Float64))
