"""Seconds of CPU that each flow kernel takes to compile, from an empty kernel cache.

    python benchmarks/compile_times.py [MODULE ...] [--least 1.0]

Kernels are compiled for the types their annotations name, each module in a process of its own with an empty cache. Within a
module they go in the order of the file: the first pays for callees it shares with later ones, so the sum of a module counts.
Loading numba and what it compiles once for itself is not counted.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any, Final

import numba
from numba.core import types

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import kernel
from counterpoise.flow import kernels

TYPES: Final[dict[str, types.Type]] = {
    "int": types.int64,
    "float": types.float64,
    "bool": types.boolean,
    "Int1D": types.int64[::1],
    "Int2D": types.int64[:, ::1],
    "Int3D": types.int64[:, :, ::1],
    "Float1D": types.float64[::1],
    "Float2D": types.float64[:, ::1],
    "Bool1D": types.boolean[::1],
    "Int8_1D": types.int8[::1],
    "UInt8_1D": types.uint8[::1],
    "UInt2D": types.uint64[:, ::1],
}


@kernel
def _warm(rows: Int1D) -> int:
    """Something to compile first, so that numba has loaded what it needs."""
    total = 0
    for i in range(len(rows)):
        total += rows[i]
    return total


def public_kernels(module: str) -> Iterator[tuple[str, Any]]:
    """Kernels that a module offers, but not the small ones inlined into others."""
    for name, made in vars(importlib.import_module(module)).items():
        own = isinstance(made, numba.core.dispatcher.Dispatcher) and made.__module__ == module
        if own and not name.startswith("_") and not made.targetoptions.get("forceinline"):
            yield name, made


def signature_of(made: Any) -> tuple[types.Type, ...]:
    """By the names of the annotations: to Python an Int1D and an Int2D are the same."""
    return tuple(TYPES[hint] for name, hint in made.py_func.__annotations__.items() if name != "return")


def compile_all(module: str) -> dict[str, float]:
    """CPU seconds by name of kernel; the child's work."""
    _warm.compile((types.int64[::1],))  # type: ignore[attr-defined]
    seconds = {}
    for name, made in public_kernels(module):
        start = time.process_time()
        made.compile(signature_of(made))
        seconds[name] = time.process_time() - start
    return seconds


def in_a_child(module: str) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as cache:
        command = [sys.executable, __file__, "--child", module]
        told = subprocess.run(command, env=os.environ | {"COUNTERPOISE_CACHE": cache}, stdout=subprocess.PIPE, check=True)
    return dict(json.loads(told.stdout))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("modules", nargs="*", help="names within counterpoise.flow.kernels; nothing means all")
    parser.add_argument("--least", type=float, default=1.0, help="seconds below which a kernel has no line of its own")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child:
        print(json.dumps(compile_all(wanted.child)))
        return
    total = 0.0
    names = wanted.modules or [info.name for info in pkgutil.iter_modules(kernels.__path__)]
    for name in names:
        seconds = in_a_child(f"{kernels.__name__}.{name}")
        total += sum(seconds.values())
        print(f"{name:18} {sum(seconds.values()):6.1f} s", flush=True)
        for one, took in sorted(seconds.items(), key=lambda item: -item[1]):
            if took >= wanted.least:
                print(f"    {one:30} {took:6.1f} s")
    print(f"{'all':18} {total:6.1f} s")


if __name__ == "__main__":
    main()
