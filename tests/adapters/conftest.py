"""Fixtures of the adapters' tests: real captures, unpacked once, and read once."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

from reference.capture_reading import VENUES, Reading, files, read, terms


@pytest.fixture(scope="session")
def captures(data_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("captures")
    with tarfile.open(data_dir / "08_venue_captures" / "cryptofeed_9venues.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture(scope="session")
def readings(captures: Path) -> dict[str, Reading]:
    return {name: read(files(captures, name), VENUES[name], known=terms(name)) for name in VENUES}
