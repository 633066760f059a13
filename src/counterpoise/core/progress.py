"""Progress of long work: a rich bar on a terminal, nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Progress", "progress", "silent"]


class Progress(Protocol):
    """What long work calls as it goes on."""

    def __call__(self, done: float, /, note: str = "") -> None: ...


def silent(done: float, /, note: str = "") -> None:
    """Progress that shows nothing."""


@contextmanager
def progress(title: str, total: float) -> Iterator[Progress]:
    """A bar on stderr while the block runs; `done` is absolute, in the unit of `total`."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
    with Bar(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=total)

        def show(done: float, /, note: str = "") -> None:
            bar.update(task, completed=done, description=f"{title} {note}".rstrip())

        yield show
