"""Options that verbs share, and the note while kernels compile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

__all__ = ["End", "HtmlFile", "Json", "LakeDir", "OutFile", "Start", "kernels"]

Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout instead of tables.")]
OutFile = Annotated[Path | None, typer.Option("--out", help="Write the result: .parquet, .csv or .json.")]
HtmlFile = Annotated[Path | None, typer.Option("--html", help="Write one self-contained page.")]
LakeDir = Annotated[str, typer.Option("--lake", help="Folder of the lake, or any fsspec URL.")]
Start = Annotated[str, typer.Option("--start", help="First ts_local, like 2024-08-08T23:55.")]
End = Annotated[str, typer.Option("--end", help="End of ts_local, exclusive.")]


@contextmanager
def kernels() -> Iterator[None]:
    """Say so when kernels have to be compiled first."""
    from counterpoise.app.output import note
    from counterpoise.core.jit import compile_time_note

    began = time.monotonic()
    compiled: list[bool] = []

    def say() -> None:
        compiled.append(True)
        note("compiling kernels, once on this machine: the next run starts at once")

    compile_time_note(say)
    yield
    if compiled:
        note(f"done in {time.monotonic() - began:.0f} s, compilation included")
