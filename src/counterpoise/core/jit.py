"""The one place that imports numba.

`kernel` compiles a function on its first call and caches the machine code on disk. Numba's own file cache does not notice when
a callee in *another* file changed, so the cache folder is named by a hash of the sources of all kernels.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
import platformdirs
from numba.core import config as numba_config
from numba.core import event as numba_event
from numba.core import types as numba_types
from numba.extending import intrinsic

__all__ = ["borrow", "cache_dir", "compile_time_note", "count_leading_zeros", "inner_kernel", "kernel", "whole_kernel"]

FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
ArrayT = TypeVar("ArrayT")


def cache_dir() -> Path:
    """Folder of compiled kernels, one for each state of their sources and version of numba; numba tells CPUs apart inside."""
    root = os.environ.get("COUNTERPOISE_CACHE") or platformdirs.user_cache_dir("counterpoise")
    digest = hashlib.sha256(numba.__version__.encode())
    package = Path(__file__).resolve().parents[1]
    for source in sorted(package.rglob("kernels*/*.py")) + sorted(package.rglob("kernels.py")) + [Path(__file__)]:
        digest.update(source.relative_to(package).as_posix().encode())
        digest.update(source.read_bytes())
    return Path(root) / "kernels" / digest.hexdigest()[:16]


numba_config.CACHE_DIR = str(cache_dir())


def kernel(function: FunctionT) -> FunctionT:
    """Compile a function over columns: cached on disk, releases the GIL, numpy error model, no fastmath.

    A kernel takes arrays and scalars, knows no frame, file, clock or config, and is not compiled before its first call.
    """
    return cast("FunctionT", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def whole_kernel(function: FunctionT) -> FunctionT:
    """A large kernel that others call from many places, compiled once and called.

    Numba hands the flag of an inlined function down to what it calls first: a plain kernel below an inner one is inlined too,
    and compiled again with every loop that comes to it. This one does not take the flag.
    """
    options = {"cache": True, "nogil": True, "error_model": "numpy", "forceinline": False}
    return cast("FunctionT", numba.njit(**options)(function))


def inner_kernel(function: FunctionT) -> FunctionT:
    """A small kernel that is always inlined into the loops that call it.

    An array is seven words by value, so a call costs more than the few instructions of such a step.
    """
    return cast("FunctionT", numba.njit(cache=True, nogil=True, error_model="numpy", forceinline=True)(function))


if numba_config.DISABLE_JIT:

    def count_leading_zeros(word: int) -> int:
        """Zeros above the highest set bit of a 64-bit word; 64 for zero."""
        return 64 - (int(word) & (2**64 - 1)).bit_length()

    def borrow(array: ArrayT) -> ArrayT:
        """The same array, without a share in its ownership."""
        return array

else:

    @intrinsic  # type: ignore[untyped-decorator]
    def borrow(typing_context: Any, array: Any) -> Any:
        """The same array, without a share in its ownership.

        Numba counts references to an array at every call that takes it, atomically: 30 ns a row in a loop of small kernels. A
        kernel that borrows its arguments on entry pays nothing; its caller keeps them alive.
        """

        def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            view = context.make_array(signature.return_type)(context, builder, arguments[0])
            view.meminfo = context.get_constant_null(numba_types.voidptr)
            view.parent = context.get_constant_null(numba_types.pyobject)
            return view._getvalue()

        return array(array), lower

    @intrinsic  # type: ignore[untyped-decorator]
    def count_leading_zeros(typing_context: Any, word: Any) -> Any:
        """Zeros above the highest set bit of a 64-bit word; 64 for zero (one `lzcnt`)."""

        def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.ctlz(arguments[0], context.get_constant(numba_types.boolean, 0))

        return numba_types.int64(numba_types.int64), lower


class _CompileListener(numba_event.Listener):  # type: ignore[misc]
    def __init__(self, note: Callable[[], None]) -> None:
        self._note: Callable[[], None] | None = note

    def on_start(self, event: Any) -> None:
        if self._note is not None:
            note, self._note = self._note, None
            note()

    def on_end(self, event: Any) -> None:
        pass


def compile_time_note(note: Callable[[], None]) -> None:
    """Call `note` once, when the first kernel has to be compiled because the cache does not hold it."""
    numba_event.register("numba:compile", _CompileListener(note))
