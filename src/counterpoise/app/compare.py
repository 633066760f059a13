"""A comparison of executions from a configuration file: learn, work every parent on every seed, tell what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import polars as pl

from counterpoise.adapters.compute import Engine, Failed, fan_out
from counterpoise.adapters.config_file import load_config
from counterpoise.app.compare_page import compare_html
from counterpoise.app.output import write_frame
from counterpoise.balance.comparison.scenario import Known, Scenario
from counterpoise.balance.comparison.training import learn
from counterpoise.balance.comparison.trial import Outcome, trial
from counterpoise.balance.comparison.verdict import Verdict, jobs_of, verdict
from counterpoise.core.config import Config
from counterpoise.core.errors import ConfigError, DataError
from counterpoise.core.progress import Progress, silent

__all__ = ["CompareFile", "CompareReport", "compare_file"]


class CompareFile(Config, frozen=True, kw_only=True):
    """What a comparison reads: one TOML file.

    Parameters
    ----------
    name : str
        The default output folder.
    contenders : tuple of str
        Of `counterpoise.balance.comparison.contenders.CONTENDERS`.
    first_seed, seeds : int
        Fresh ones: none that was trained on.
    engine, jobs : str, int
        As `counterpoise.adapters.compute.fan_out`.
    scenario : Scenario
    """

    name: str
    contenders: tuple[str, ...] = (
        "twap",
        "twap_crossing",
        "vwap",
        "pov",
        "almgren_chriss",
        "pro_rata",
        "balanced_exact",
        "balanced",
    )
    first_seed: int = 1
    seeds: int = 10
    engine: Engine = "loky"
    jobs: int = -1
    scenario: Scenario = msgspec.field(default_factory=Scenario)

    def __post_init__(self) -> None:
        fresh = range(self.first_seed, self.first_seed + self.seeds)
        known = sorted(set(fresh) & set(self.scenario.train_seeds))
        if self.first_seed < 0 or known:
            raise ConfigError(f"seeds from {self.first_seed} on were trained on: {known}; take others, 0 or more")
        jobs_of(self.contenders, fresh)


class CompareReport(NamedTuple):
    """What came of it, and the files it was written to."""

    config: CompareFile
    known: Known
    verdict: Verdict
    files: tuple[Path, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """A row a contender."""
        return self.verdict.frame

    def to_html(self) -> str:
        """The page."""
        return compare_html(self.verdict, self.config.scenario, title=self.config.name, seeds=self.config.seeds)

    def _repr_html_(self) -> str:
        return self.to_html()


def compare_file(
    config_path: Path, *, out: Path | None = None, seeds: int | None = None, progress: Progress = silent
) -> CompareReport:
    """Run a comparison and write ``contenders``, ``pairs`` and ``runs`` as Parquet and ``compare.html``.

    Parameters
    ----------
    config_path : Path
        TOML, see `CompareFile`.
    out : Path, optional
        Folder, by default ``out/NAME``.
    seeds : int, optional
        Instead of the file's.

    Raises
    ------
    ConfigError, InputError
        If the configuration cannot be meant or a file cannot be read or written.
    DataError
        If a trial failed: the message says which, and why.
    """
    config = load_config(config_path, CompareFile)
    if seeds is not None:
        config = msgspec.structs.replace(config, seeds=seeds)
    scenario = config.scenario
    jobs = jobs_of(config.contenders, range(config.first_seed, config.first_seed + config.seeds))
    learning = len(scenario.train_seeds)
    whole = 2 * learning + len(jobs)
    done = 0

    def run(task: Callable[[Any], Any], parts: Sequence[Any]) -> list[Any]:
        nonlocal done
        named = [(str(part), part) for part in parts]
        before = done

        def show(share: float, /, note: str = "") -> None:
            progress((before + share * len(parts)) / whole, note)

        found = fan_out(task, named, engine=config.engine, jobs=config.jobs, progress=show)
        done += len(parts)
        return [_result(one) for one in found]

    known = learn(scenario, run=run)
    outcomes: list[Outcome] = run(partial(_trial, scenario, known), jobs)
    report = CompareReport(config, known, verdict(scenario, known, outcomes), ())
    return report._replace(files=_write(report, out or Path("out") / config.name))


def _trial(scenario: Scenario, known: Known, job: tuple[str, int, int]) -> Outcome:
    name, seed, side = job
    return trial(scenario, known, name, seed=seed, side=side)


def _result(found: Any) -> Any:
    if isinstance(found, Failed):
        raise DataError(f"trial {found.part} failed: {found.says}")
    return found.result


def _write(report: CompareReport, folder: Path) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    frames = {"contenders": report.verdict.frame, "pairs": report.verdict.pairs, "runs": report.verdict.runs}
    paths = [folder / f"{name}.parquet" for name in frames]
    for path, frame in zip(paths, frames.values(), strict=True):
        write_frame(frame, path)
    page = folder / "compare.html"
    page.write_text(report.to_html(), encoding="utf-8")
    return (*paths, page)
