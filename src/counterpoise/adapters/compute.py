"""Independent work over many parts, through joblib: on this machine's processes (loky), on a Ray cluster, or on a Dask one.

A part that fails is reported with its name and does not lose the others. Results come back in the order of the parts, whatever
the engine and however they finished.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from counterpoise.core.errors import CounterpoiseError, InputError, UnknownName
from counterpoise.core.progress import Progress, silent

__all__ = ["ENGINES", "Done", "Engine", "Failed", "fan_out", "require_workers"]

PartT = TypeVar("PartT")
ResultT = TypeVar("ResultT")

Engine = Literal["serial", "loky", "ray", "dask"]
ENGINES: Final[tuple[Engine, ...]] = ("serial", "loky", "ray", "dask")


class Done(NamedTuple, Generic[ResultT]):
    """A part's result.

    Attributes
    ----------
    part : str
    result : object
    """

    part: str
    result: ResultT


class Failed(NamedTuple):
    """A part that raised one of our errors.

    Attributes
    ----------
    part : str
    code : str
        Of the error, ``CP-…``; ``CP-000`` when it is none of ours.
    says : str
    exit_code : int
    """

    part: str
    code: str
    says: str
    exit_code: int


def fan_out(
    task: Callable[[PartT], ResultT],
    parts: Sequence[tuple[str, PartT]],
    *,
    engine: Engine = "loky",
    jobs: int = -1,
    progress: Progress = silent,
) -> list[Done[ResultT] | Failed]:
    """Call a task on every part.

    Parameters
    ----------
    task : callable
        Of one part; importable by name, so that another process can call it.
    parts : sequence of (name, part)
        Plain values that can be sent to another process.
    engine : {"loky", "serial", "ray", "dask"}
        ``serial`` stays in this process. ``ray`` and ``dask`` use the cluster that the environment names (RAY_ADDRESS,
        DASK_SCHEDULER_ADDRESS) and without it start one of `jobs` workers here.
    jobs : int
        Workers; −1 for as many as there are cores.

    Raises
    ------
    UnknownName
        If there is no such engine.
    InputError
        If its package is not installed, or `jobs` is 0.
    """
    require_workers(engine, jobs)
    out: list[Done[ResultT] | Failed] = []
    if engine == "serial" or (engine == "loky" and (jobs == 1 or len(parts) < 2)):
        for name, part in parts:
            out.append(_guarded(task, name, part))
            progress(len(out) / len(parts), name)
        return out
    with _backend(engine, jobs):
        as_they_come = "list" if engine == "ray" else "generator"  # Ray's backend gives all at once
        done = Parallel(return_as=as_they_come)(delayed(_guarded)(task, name, part) for name, part in parts)
        try:
            for result in done:
                out.append(result)
                progress(len(out) / len(parts), result.part)
        except TerminatedWorkerError:
            for name, part in parts[len(out) :]:  # whose worker died is not said: each again, alone
                out.append(_alone(task, name, part))
                progress(len(out) / len(parts), name)
    return out


def _alone(task: Callable[[PartT], ResultT], name: str, part: PartT) -> Done[ResultT] | Failed:
    """A part in a worker that it shares with none."""
    try:
        (result,) = Parallel(n_jobs=2, backend="loky")([delayed(_guarded)(task, name, part)])
    except TerminatedWorkerError:
        return Failed(name, "CP-000", "its worker was killed; perhaps there is not enough memory for it", 1)
    found: Done[ResultT] | Failed = result
    return found


def require_workers(engine: str, jobs: int) -> None:
    """Refuse what `fan_out` would refuse, before anything is done. Raises as there."""
    if engine not in ENGINES:
        raise UnknownName("engine", engine, ENGINES)
    if jobs == 0 or jobs < -1:
        raise InputError(f"jobs must be a number of workers, or -1 for one a core; found {jobs}")


def _guarded(task: Callable[[PartT], ResultT], name: str, part: PartT) -> Done[ResultT] | Failed:
    try:
        return Done(name, task(part))
    except CounterpoiseError as error:
        return Failed(name, error.code, str(error), error.exit_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other parts are not to be lost
        return Failed(name, "CP-000", f"{type(error).__name__}: {error}", 1)


@contextmanager
def _backend(engine: str, jobs: int) -> Iterator[None]:
    workers = jobs if jobs > 0 else os.cpu_count() or 1
    if engine == "loky":
        with parallel_config(backend="loky", n_jobs=workers, inner_max_num_threads=1):
            yield
    elif engine == "ray":
        with _ray(workers):
            yield
    else:
        with _dask(workers):
            yield


@contextmanager
def _ray(workers: int) -> Iterator[None]:
    ray = _package("ray")
    from ray.util.joblib import register_ray

    register_ray()  # type: ignore[no-untyped-call]
    here = not ray.is_initialized()
    if here:
        address = os.environ.get("RAY_ADDRESS")
        local: dict[str, Any] = {"address": address} if address else {"num_cpus": workers, "include_dashboard": False}
        ray.init(log_to_driver=False, logging_level="ERROR", **local)
    try:
        with parallel_config(backend="ray", n_jobs=workers):
            yield
    finally:
        if here:
            ray.shutdown()


@contextmanager
def _dask(workers: int) -> Iterator[None]:
    distributed = _package("distributed", extra="dask")
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    local: dict[str, Any] = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with distributed.Client(address) if address else distributed.Client(**local), parallel_config(backend="dask"):
        yield


def _package(name: str, *, extra: str = "") -> Any:
    from importlib import import_module

    try:
        return import_module(name)
    except ImportError as error:
        raise InputError(
            f"engine {extra or name} needs the package {name}: pip install 'counterpoise[{extra or name}]'"
        ) from error
