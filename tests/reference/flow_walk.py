"""What is public in `counterpoise.flow`, found by walking the package, and what each of it measures."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any, Final, NamedTuple

import polars as pl

from counterpoise import flow
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.catalogue import CATALOGUE
from counterpoise.flow.column import Column, Group
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from reference.law_cases import SECOND, Case, cases_of, noun_of

ARGUMENTS: Final[dict[str, Any]] = {"every_ns": SECOND_NS, "bins": SECOND}  # values of parameters without a default
TAKEN: Final = ("Events", "Events | Iterable[Events]")
ABSTRACT: Final = {"Stream", "RowStream"}  # bases without rows of their own


class Found(NamedTuple):
    """One way to measure: `make` called with events gives a frame, or, of a class, called with nothing a stream."""

    name: str
    case: Case
    make: Callable[..., Any]
    groups: tuple[Group, ...]


def public_members() -> dict[str, Any]:
    """Public names defined in the modules of the stage."""
    found: dict[str, Any] = {}
    for info in pkgutil.walk_packages(flow.__path__, f"{flow.__name__}."):
        if ".kernels" in info.name:
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            member = getattr(module, name)
            if getattr(member, "__module__", None) == module.__name__:
                found[name] = member
    return found


def groups_of(name: str) -> tuple[Group, ...]:
    return tuple(group for group in CATALOGUE if noun_of(group.made_by) == noun_of(name))


def ways(member: Any, *, skip: int) -> dict[str, Found]:
    """A member with each of its settings, and what its other parameters without default get, past the first `skip`."""
    parameters = list(inspect.signature(member).parameters.values())[skip:]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    out = {}
    for name, case in cases_of(member.__name__).items():
        given = {**ARGUMENTS, "instrument": case.instrument}
        unknown = set(needed) - given.keys() - case.settings.keys()
        assert not unknown, f"give {unknown} of {member.__name__} a value in ARGUMENTS, so that the laws can call it"
        settings = {key: given[key] for key in needed if key in given} | case.settings
        out[name] = Found(name, case, partial(member, **settings), groups_of(member.__name__))
    return out


def measures() -> dict[str, Found]:
    """Every function Events → frame of the stage, with each of its settings."""
    out: dict[str, Found] = {}
    for member in public_members().values():
        if inspect.isfunction(member):
            signature = inspect.signature(member)
            first = next(iter(signature.parameters.values()), None)
            if first is not None and first.annotation in TAKEN and signature.return_annotation == "pl.DataFrame":
                out |= ways(member, skip=1)
    return out


def streams() -> dict[str, Found]:
    """Every class of the stage that takes market events piece by piece, with each of its settings."""
    out: dict[str, Found] = {}
    for name, member in public_members().items():
        if inspect.isclass(member) and issubclass(member, Stream) and name not in ABSTRACT:
            out |= ways(member, skip=0)
    return out


def column_of(groups: tuple[Group, ...], name: str) -> Column:
    """What the groups say of a column of a frame: one of them says it, or all that do say the same."""
    found = [column for group in groups for column in group.columns if column.covers(name)]
    assert found, f"no group says what {name!r} is: say it in a Group, and put the group in the catalogue"
    assert all(column == found[0] for column in found), f"{name!r} is said {len(found)} times, not alike"
    return found[0]


def assert_described(groups: tuple[Group, ...], frame: pl.DataFrame) -> None:
    """Every column is said once, and all that is said stands in the frame."""
    said = {column_of(groups, name).name for name in frame.columns}
    missing = {column.name for group in groups for column in group.columns} - said
    assert not missing, f"groups speak of columns that are not given: {sorted(missing)}"


def run(make: Callable[[], Any], events: Events, at: Any = ()) -> pl.DataFrame:
    """The frame of a stream that takes the events in pieces, cut at rows."""
    stream = make()
    pieces = [events.cut(i, j) for i, j in pairwise([0, *at, events.rows])]
    return pl.concat([*(stream.step(piece) for piece in pieces), stream.finish()])
