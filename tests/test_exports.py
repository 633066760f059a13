"""The public list of a stage is what its `__init__` says (ruff keeps it sorted), and every name is there."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

STAGES = ("core", "market", "flow", "options", "risk", "sim", "balance", "runtime")


@pytest.mark.parametrize("stage", STAGES)
def test_public_list(stage: str) -> None:
    module = importlib.import_module(f"counterpoise.{stage}")
    assert len(module.__all__) == len(set(module.__all__)) > 0
    assert all(hasattr(module, name) for name in module.__all__)


def loaded_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split())


def test_the_package_root_loads_nothing() -> None:
    assert not loaded_by("import counterpoise") & {"numpy", "numba", "polars", "pyarrow", "typer"}


def test_help_needs_no_kernel_and_no_frame() -> None:
    assert not loaded_by("import counterpoise.app.cli") & {"numba", "polars", "pyarrow", "plotly", "duckdb", "sqlalchemy"}
