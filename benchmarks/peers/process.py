"""A process of the peers' environment: a script that holds data in memory and does a named job for each line it is told."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Final

import numpy as np

FOLDER: Final = Path(__file__).parent
PYTHON: Final = FOLDER.parents[1] / ".venv-peers" / "bin" / "python"


def python_with(python: Path, module: str) -> Path | None:
    """The interpreter if it can import the module, else None, and a word on it."""
    ready = python.is_file() and not subprocess.run([python, "-c", f"import {module}"], capture_output=True).returncode
    if not ready:
        print(f"no {module} at {python}: run 'make bench', which installs it; going on without")
    return python if ready else None


class PeerProcess:
    """Runs ``SCRIPT DATA.npz ARGUMENTS``: the script answers one line of JSON when it is ready, then one for each job."""

    def __init__(self, python: Path, script: str, *arguments: str, **data: np.ndarray[Any, Any]) -> None:
        self._folder = TemporaryDirectory()
        path = Path(self._folder.name) / "data.npz"
        np.savez(path, **data)
        command = [str(python), str(FOLDER / script), str(path), *arguments]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.info = self._answer()

    def ask(self, job: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(job + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> PeerProcess:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)
        self._folder.cleanup()
