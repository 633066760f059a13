"""Kernels: compiled on the first call only, cached under the hash of the sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core import config as numba_config

import counterpoise
from counterpoise.core.jit import count_leading_zeros, inner_kernel, kernel, whole_kernel

PACKAGE = Path(counterpoise.__file__).parent
compiled = pytest.mark.skipif(bool(numba_config.DISABLE_JIT), reason="NUMBA_DISABLE_JIT: nothing is compiled")


def _leading_zeros(words: np.ndarray) -> np.ndarray:
    out = np.empty(len(words), np.int64)
    for i in range(len(words)):
        out[i] = count_leading_zeros(words[i])
    return out


leading_zeros = kernel(_leading_zeros)


def run(code: str, *, package: Path = PACKAGE, cache: Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(package.parent), "COUNTERPOISE_CACHE": str(cache)}
    environment.pop("NUMBA_DISABLE_JIT", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    return done.stdout.strip()


@given(st.lists(st.integers(0, 2**64 - 1), max_size=20))
def test_leading_zeros_are_those_of_bit_length_nojit(words: list[int]) -> None:
    words += [0, 1, 2**63, 2**64 - 1]
    signed = np.array(words, np.uint64).view(np.int64)
    assert leading_zeros(signed).tolist() == [64 - word.bit_length() for word in words]


def test_every_power_of_two_nojit() -> None:
    words = np.array([1 << bit for bit in range(64)], np.uint64).view(np.int64)
    assert leading_zeros(words).tolist() == list(range(63, -1, -1))


@compiled
def test_a_kernel_divides_by_zero_as_numpy_does() -> None:
    assert kernel(lambda a, b: a / b)(1.0, 0.0) == np.inf


@compiled
def test_a_whole_kernel_is_not_inlined_with_the_inner_one_that_calls_it() -> None:
    """Numba hands the flag of an inlined function down to what it calls."""

    @whole_kernel
    def whole(a: int) -> int:
        return a * a

    @inner_kernel
    def step(a: int) -> int:
        return whole(a) + 1

    @kernel
    def loop(a: int) -> int:
        return step(a) + step(a + 1)

    assert loop(3) == 27
    (code,) = whole.inspect_llvm().values()  # type: ignore[attr-defined]
    assert "alwaysinline" not in code


IMPORT_ALL = """
import pathlib, importlib, sys
import counterpoise
root = pathlib.Path(counterpoise.__file__).parent
compiled = 0
for path in sorted(root.rglob("kernels*/*.py")) + sorted(root.rglob("kernels.py")):
    name = ".".join(("counterpoise", *path.relative_to(root).with_suffix("").parts)).removesuffix(".__init__")
    for thing in vars(importlib.import_module(name)).values():
        compiled += len(getattr(thing, "signatures", ()))
sys.stdout.write(str(compiled))
"""


def test_importing_every_kernel_compiles_none(tmp_path: Path) -> None:
    assert run(IMPORT_ALL, cache=tmp_path) == "0"
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_importing_the_package_imports_nothing_heavy(tmp_path: Path) -> None:
    code = "import sys, counterpoise; sys.stdout.write(','.join({'numba','polars','numpy','pyarrow'} & set(sys.modules)))"
    assert run(code, cache=tmp_path) == ""


CACHE_DIR = "import sys; from counterpoise.core.jit import cache_dir; sys.stdout.write(str(cache_dir()))"


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(PACKAGE, tmp_path / "copy" / "counterpoise", ignore=shutil.ignore_patterns("__pycache__")))


def test_the_cache_folder_follows_the_kernels_sources_and_only_those(copy: Path, tmp_path: Path) -> None:
    before = run(CACHE_DIR, package=copy, cache=tmp_path)
    assert before == run(CACHE_DIR, package=PACKAGE, cache=tmp_path)
    with (copy / "market" / "instrument.py").open("a") as file:
        file.write("\n")
    assert run(CACHE_DIR, package=copy, cache=tmp_path) == before
    with (copy / "market" / "kernels" / "codes.py").open("a") as file:
        file.write("\n")
    assert run(CACHE_DIR, package=copy, cache=tmp_path) != before


CALLER = """
from counterpoise.core.jit import kernel
from counterpoise.market.kernels.probe_callee import step
@kernel
def twice(x):
    return step(step(x))
"""
CALLEE = """
from counterpoise.core.jit import kernel
@kernel
def step(x):
    return x + {by}
"""


def test_a_changed_callee_in_another_file_is_compiled_anew(copy: Path, tmp_path: Path) -> None:
    kernels = copy / "market" / "kernels"
    (kernels / "probe_caller.py").write_text(CALLER)
    code = "import sys; from counterpoise.market.kernels.probe_caller import twice; sys.stdout.write(str(twice(1)))"
    said = []
    for by in (1, 10):
        (kernels / "probe_callee.py").write_text(CALLEE.format(by=by))
        said.append(run(code, package=copy, cache=tmp_path))
    assert said == ["3", "21"]
    assert list(tmp_path.rglob("*.nbc")), "the first run left nothing in the cache, so nothing was put to the test"


NOTE = """
import sys
from counterpoise.core.jit import compile_time_note
from counterpoise.market.kernels.probe_caller import twice
notes = []
compile_time_note(lambda: notes.append(1))
twice(1), twice(1.0)
sys.stdout.write(str(len(notes)))
"""


def test_the_compile_note_comes_once_and_only_when_the_cache_is_empty(copy: Path, tmp_path: Path) -> None:
    (copy / "market" / "kernels" / "probe_caller.py").write_text(CALLER)
    (copy / "market" / "kernels" / "probe_callee.py").write_text(CALLEE.format(by=1))
    assert [run(NOTE, package=copy, cache=tmp_path) for _ in range(2)] == ["1", "0"]
