"""docs/start.md and the how-to pages work: commands and code are run in a fresh folder, as a reader would type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 240


def console_commands(page: Path) -> list[str]:
    """Lines that start with ``$`` in the ``console`` blocks of a page; a trailing backslash joins the next line."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    joined = "".join(blocks).replace("\\\n", " ")
    return [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]


@pytest.mark.realdata
def test_start_page_runs(data_dir: Path, tmp_path: Path) -> None:
    commands = console_commands(ROOT / "docs" / "start.md")
    assert len(commands) >= 7
    project = tmp_path / "project"
    project.mkdir()
    (project / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data").symlink_to(data_dir.resolve(), target_is_directory=True)
    environment = os.environ | {
        "COUNTERPOISE_DATA": str(data_dir.resolve()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "NO_COLOR": "1",
    }
    for command in commands:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    for name in ("out/demo/report.html", "out/massive/report.html", "out/massive/results.json", "flow.parquet"):
        assert (project / name).stat().st_size > 0, f"{name} is missing after the last command"


def test_csv_page_runs(tmp_path: Path) -> None:
    code = re.search(
        r"^```python\n(.*?)^```", (ROOT / "docs/how-to/ingest-csv.md").read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )
    assert code
    rows = ["1723161300000000,1723161299999000,61800.1,0.002,B", "1723161300500000,1723161300400000,61800.2,0.010,S"]
    (tmp_path / "trades.csv").write_text("\n".join(["received,time,px,size,aggressor", *rows, ""]), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", code[1]], cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "2 rows" in done.stdout
