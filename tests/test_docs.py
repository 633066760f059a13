"""docs/start.md and the how-to pages work: commands and code are run in a fresh folder, as a reader would type them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 240


SMALL_RUN = """
name = "small"
start_after = "2s"
end_before = "2s"
data = {instrument = "sim:BTC-PERP", synthetic = {duration = "10s", warm_up = "1s"}}
parent = {side = "buy", qty = "1", slice = "2s"}
"""
TRADES = """received,time,px,size,aggressor
1723161300000000,1723161299999000,61800.1,0.002,B
1723161300500000,1723161300400000,61800.2,0.010,S
"""


def python_blocks(name: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / name).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def said_by(arguments: list[str], folder: Path) -> str:
    done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, f"{arguments}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def console_commands(page: Path) -> list[str]:
    """Lines that start with ``$`` in the ``console`` blocks of a page; a trailing backslash joins the next line."""
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    joined = "".join(blocks).replace("\\\n", " ")
    return [line[2:].strip() for line in joined.splitlines() if line.startswith("$ ")]


def reader(data_dir: Path) -> dict[str, str]:
    """Environment of somebody who reads a page."""
    return os.environ | {
        "COUNTERPOISE_DATA": str(data_dir.resolve()),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "NO_COLOR": "1",
    }


def typed(command: str, folder: Path, environment: dict[str, str]) -> None:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, f"$ {command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"


@pytest.mark.realdata
def test_start_page_runs(data_dir: Path, tmp_path: Path) -> None:
    commands = console_commands(ROOT / "docs" / "start.md")
    assert len(commands) >= 7
    project = tmp_path / "project"
    project.mkdir()
    (project / "examples").symlink_to(ROOT / "examples", target_is_directory=True)
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data").symlink_to(data_dir.resolve(), target_is_directory=True)
    for command in commands:
        typed(command, project, reader(data_dir))
    for name in ("out/demo/report.html", "out/massive/report.html", "out/massive/results.json", "flow.parquet"):
        assert (project / name).stat().st_size > 0, f"{name} is missing after the last command"


@pytest.mark.realdata
def test_page_on_flow_runs(data_dir: Path, tmp_path: Path) -> None:
    commands = console_commands(ROOT / "docs" / "how-to" / "measure-flow.md")
    assert len(commands) >= 15
    for command in commands:
        typed(command, tmp_path, reader(data_dir))
    live, same = python_blocks("how-to/measure-flow.md")
    assert "seconds complete" in said_by([sys.executable, "-c", live], tmp_path)
    said_by([sys.executable, "-c", same], tmp_path)
    for name in ("flow.parquet", "chosen.parquet", "sweeps.parquet", "footprint.html", "profile.html", "wallets/wallets.html"):
        assert (tmp_path / name).stat().st_size > 0, f"{name} is missing after the last command"


def test_pages_on_the_lake_run(tmp_path: Path) -> None:
    (ingest,), (report,) = python_blocks("how-to/ingest-csv.md"), python_blocks("how-to/quality-report.md")
    (tmp_path / "trades.csv").write_text(TRADES, encoding="utf-8")
    python = [sys.executable, "-c"]
    assert "2 rows" in said_by([*python, ingest], tmp_path)
    assert said_by([*python, report], tmp_path).startswith("binance_usdm:BTCUSDT: ok")
    lines = said_by([*python, python_blocks("how-to/sql.md")[0]], tmp_path)
    assert "binance_usdm:BTCUSDT 0.1 0.001" in lines


def test_page_on_the_results_database_runs(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(SMALL_RUN, encoding="utf-8")
    (command,) = console_commands(ROOT / "docs" / "how-to" / "sql.md")
    verb = command.removeprefix("counterpoise ").split()
    said_by([str(Path(sys.executable).with_name("counterpoise")), *verb], tmp_path)
    assert "sim:BTC-PERP" in said_by([sys.executable, "-c", python_blocks("how-to/sql.md")[1]], tmp_path)


FILES_OF_A_RUN = {
    *("config.json", "depth.parquet", "fills.parquet", "flow.parquet", "journal.log", "manifest.json", "orders.parquet"),
    *("instrument.json", "quality.parquet", "report.html", "results.json", "steps.parquet"),
    *("absorption.parquet", "footprint.parquet", "footprint_bars.parquet", "profile.parquet", "sized_flow.parquet"),
}


def test_the_page_on_runs_names_every_file_and_column(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(SMALL_RUN, encoding="utf-8")
    said_by([str(Path(sys.executable).with_name("counterpoise")), "run", "run.toml", "--out", "run"], tmp_path)
    page = (ROOT / "docs" / "how-to" / "parent-order.md").read_text(encoding="utf-8")
    cells = dict(re.findall(r"^\| `([\w.]+)` \| (.*) \|$", page, re.MULTILINE))
    assert {path.name for path in (tmp_path / "run").iterdir()} == FILES_OF_A_RUN <= set(cells)
    for name in ("steps", "orders", "fills", "depth"):
        columns = pl.read_parquet_schema(tmp_path / "run" / f"{name}.parquet")
        assert not [c for c in columns if f"`{c}`" not in cells[f"{name}.parquet"]]
