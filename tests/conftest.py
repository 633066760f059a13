"""Shared by every test: where the real recordings lie, and a cache that does not touch the user's."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

ROOT = Path(__file__).resolve().parents[1]

hypothesis.settings.register_profile("counterpoise", deadline=None)  # the first call of a kernel compiles it
hypothesis.settings.load_profile("counterpoise")


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of real recordings; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("COUNTERPOISE_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real recordings at {folder}; set COUNTERPOISE_DATA")
    return folder
