"""Jobs timed in turn, by the clock and in CPU time: on a shared machine the clock also counts what others do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any, NamedTuple


class Took(NamedTuple):
    wall: float
    cpu: float  # seconds of all threads of the process that did the job

    @classmethod
    def told(cls, answer: dict[str, Any]) -> Took:
        """What a peer's process says of its own job."""
        return cls(float(answer["seconds"]), float(answer["cpu"]))


class Job(NamedTuple):
    name: str
    rows: int
    run: Callable[[], Took]
    target_ns: float | None = None


Timing = dict[str, list[Took]]


def timed(job: Callable[[], Any]) -> Took:
    start, cpu = time.perf_counter(), time.process_time()
    job()
    return Took(time.perf_counter() - start, time.process_time() - cpu)


def job(name: str, rows: int, call: Callable[[], Any], target_ns: float | None = None) -> Job:
    """A job of our own process."""
    return Job(name, rows, lambda: timed(call), target_ns)


def interleaved(jobs: Iterable[Job], rounds: int) -> Timing:
    """What each job took, by name; every job runs once before, uncounted."""
    held = list(jobs)
    out: Timing = {one.name: [] for one in held}
    for turn in range(rounds + 1):
        for one in held:
            took = one.run()
            if turn:
                out[one.name].append(took)
    return out


def best_and_median_ns(runs: Iterable[Took], rows: int) -> tuple[float, float, float, float]:
    """CPU best, CPU median, wall best, wall median, in ns a row."""
    wall, cpu = zip(*runs, strict=True)
    return tuple(seconds / rows * 1e9 for seconds in (min(cpu), median(cpu), min(wall), median(wall)))  # type: ignore[return-value]


def show(title: str, jobs: Iterable[Job], timing: Timing) -> None:
    print(f"\n{title}\n  {'ns a row':46} {'rows':>10} {'CPU best':>10} {'median':>8} {'wall best':>10} {'median':>8}")
    for one in jobs:
        figures = best_and_median_ns(timing[one.name], one.rows)
        cpu, cpu_median, wall, wall_median = figures
        aim = "" if one.target_ns is None else f"  target {one.target_ns:g}: {'met' if cpu <= one.target_ns else 'missed'}"
        print(f"  {one.name:46} {one.rows:10,} {cpu:10.2f} {cpu_median:8.2f} {wall:10.2f} {wall_median:8.2f}{aim}")


def ratio(timing: Timing, slow: str, fast: str) -> str:
    """How many times as fast, by CPU; the two jobs have the same rows."""
    runs = [[took.cpu for took in timing[name]] for name in (slow, fast)]
    return f"{min(runs[0]) / min(runs[1]):.2f} x by best, {median(runs[0]) / median(runs[1]):.2f} x by median"
