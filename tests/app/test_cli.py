"""The command line as a person uses it: exit codes, streams, files, and errors that say what to do."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).resolve().parents[2]
VERBS = ("demo", "ingest", "check", "flow", "footprint", "profile", "wallets", "cascade", "plan", "compare", "run", "tca")
COLUMNS = {
    "ts",
    "mid",
    "mid_change",
    "spread",
    "microprice",
    *(f"depth_imbalance_{m}" for m in range(1, 11)),
    "ofi",
    *(f"ofi_{m}" for m in range(1, 11)),
    "trade_imbalance",
    "buy_qty",
    "sell_qty",
    "cvd",
    "trades",
    "quality",
}


def cli(*arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from counterpoise.app.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


def depth(first: int, last: int, before: int, bids: str, asks: str) -> str:
    data = f'"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":{first},"u":{last},"pu":{before},"b":[{bids}],"a":[{asks}]'
    return '{"stream":"btcusdt@depth@0ms","data":{' + data + "}}"


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    """Three seconds of a venue: snapshot, two diffs, two trades."""
    t = 1_700_000_000_000_000_000
    trade = '{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1,"T":1,"s":"BTCUSDT","t":{},"p":"{}","q":"{}","m":{}}}}}'
    lines = [
        f"{t} " + depth(1, 5, 0, "", ""),
        f'{t + 10} {{"lastUpdateId":5,"E":1,"T":1,"bids":[["100.0","2.000"]],"asks":[["100.1","3.000"]]}}',
        f"{t + 10**9} " + depth(6, 9, 5, '["100.0","5.000"]', ""),
        f"{t + 10**9 + 1} {trade.format(1, '100.1', '1.000', 'false')}",
        f"{t + 2 * 10**9} " + depth(10, 12, 9, "", '["100.1","1.000"]'),
        f"{t + 2 * 10**9 + 1} {trade.format(2, '100.0', '0.500', 'true')}",
    ]
    path = tmp_path / "capture.gz"
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    return path


@pytest.mark.parametrize("verb", VERBS)
def test_help_shows_an_example(verb: str) -> None:
    shown = cli(verb, "--help")
    assert shown.returncode == 0
    assert f"Example: counterpoise {verb}" in re.sub(r"\s+", " ", shown.stdout)


def test_ingest_check_flow(capture: Path, tmp_path: Path) -> None:
    lake, out = tmp_path / "lake", tmp_path / "flow.parquet"
    done = cli("ingest", capture, "--venue", "binance_usdm", "--lake", lake, "--json")
    assert done.returncode == 0, done.stderr
    (report,) = json.loads(done.stdout)
    assert (report["messages"], report["rows"], report["gaps"], report["bad"]) == (6, 6, 0, 0)

    again = cli("ingest", capture, "--venue", "binance_usdm", "--lake", lake)
    assert again.returncode == 0
    assert "nothing written" in again.stderr

    checked = cli("check", lake, "--json")
    assert checked.returncode == 0
    assert json.loads(checked.stdout)[0]["ok"] is True

    flow = cli("flow", "binance_usdm:BTCUSDT", "--lake", lake, "--every", "1s", "--out", out)
    assert flow.returncode == 0, flow.stderr
    frame = pl.read_parquet(out)
    assert set(frame.columns) >= COLUMNS
    assert frame.schema["ts"] == pl.Datetime("ns", "UTC")
    # by hand: bid 2 → 5, then ask 3 → 1
    assert frame["ofi"].to_list() == [None, 3.0, 2.0]
    assert frame["cvd"].to_list() == [None, 1.0, 0.5]
    assert frame["mid"].to_list()[1:] == [100.05, 100.05]


def test_check_reads_a_recording_and_finds_its_gap(capture: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(capture.read_bytes()).decode().splitlines(keepends=True)
    broken = tmp_path / "broken.txt"
    broken.write_text("".join(lines[:2] + lines[3:]))  # one diff is missing
    shown = cli("check", broken, "--venue", "binance_usdm", "--out", tmp_path / "q.csv")
    assert shown.returncode == 3
    assert "gap" in shown.stdout
    assert pl.read_csv(tmp_path / "q.csv").filter(pl.col("check") == "gap")["count"].sum() == 1


def test_a_corrupt_line_is_named(capture: Path, tmp_path: Path) -> None:
    lines = gzip.decompress(capture.read_bytes()).decode().splitlines(keepends=True)
    broken = tmp_path / "broken.txt"
    broken.write_text("".join([*lines[:3], "rubbish\n", *lines[3:]]))
    shown = cli("ingest", broken, "--venue", "binance_usdm", "--lake", tmp_path / "lake")
    assert shown.returncode == 3
    assert "CP-210" in shown.stderr
    assert "broken.txt:4" in shown.stderr
    assert "Traceback" not in shown.stderr
    allowed = cli("ingest", broken, "--venue", "binance_usdm", "--lake", tmp_path / "lake", "--max-bad", "1", "--json")
    assert allowed.returncode == 0
    assert json.loads(allowed.stdout)[0]["bad"] == 1


def test_a_cut_file_keeps_what_was_whole(capture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(capture.read_bytes()[:-30])
    shown = cli("ingest", cut, "--venue", "binance_usdm", "--lake", tmp_path / "lake")
    assert shown.returncode == 0
    assert "cut off" in shown.stderr


def test_check_says_what_the_reading_met(capture: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gz"
    cut.write_bytes(capture.read_bytes()[:-30])
    shown = cli("check", cut, "--venue", "binance_usdm", "--json")
    assert "cut off" in shown.stderr
    assert json.loads(shown.stdout)[0]["date"] is None


def test_a_place_that_cannot_be_written_is_one_line(capture: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file, not a folder")
    for arguments in (
        ("ingest", capture, "--venue", "binance_usdm", "--lake", taken / "lake"),
        ("demo", "--out", taken),
    ):
        shown = cli(*arguments)
        assert shown.returncode == 2
        assert shown.stderr.startswith("error CP-100: ")
        assert str(taken) in shown.stderr
        assert "Traceback" not in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("flow", "binance_usdm:BTCUSDT", "--lake", "absent"), 2, "absent"),
        (("flow", "binance_usdm:BTCUSDT", "--lake", "absent", "--out", "f.xls"), 2, "end its name with"),
        (("ingest", "absent.gz", "--venue", "binance_usdm", "--lake", "lake"), 2, "absent.gz"),
        (("check", "absent"), 2, "absent"),
        (("run", "absent.toml"), 2, "absent.toml"),
        (("flow", "x"), 2, "lake"),
        (("fly",), 2, "fly"),
    ],
)
def test_wrong_input_is_exit_code_2(arguments: tuple[str, ...], code: int, words: str, tmp_path: Path) -> None:
    shown = cli(*arguments, cwd=tmp_path)
    assert shown.returncode == code
    assert words in shown.stderr
    assert "Traceback" not in shown.stderr


def test_unknown_names_suggest_the_nearest(capture: Path, tmp_path: Path) -> None:
    lake = tmp_path / "lake"
    cli("ingest", capture, "--venue", "binance_usdm", "--lake", lake)
    for arguments, near in (
        (("flow", "binance_usdm:BTCUSD", "--lake", lake), "binance_usdm:BTCUSDT"),
        (("flow", "binance_usdm:BTCUSDT", "--lake", lake, "--quotes", "tiker"), "ticker"),
    ):
        shown = cli(*arguments)
        assert shown.returncode == 2
        assert f"did you mean '{near}'" in shown.stderr


@pytest.mark.realdata
def test_published_explanatory_power(data_dir: Path, tmp_path: Path) -> None:
    source = data_dir / "01_binance_l2_20240808" / "cm" / "btcusd_perp_20240808.gz"
    assert cli("ingest", source, "--venue", "binance_coinm", "--lake", tmp_path / "lake").returncode == 0
    for quotes, expected in (("depth", 0.41), ("ticker", 0.49)):
        shown = cli("flow", "binance_coinm:BTCUSD_PERP", "--lake", tmp_path / "lake", "--quotes", quotes, "--json")
        assert json.loads(shown.stdout)[0]["ofi_r2"] == pytest.approx(expected, abs=0.02)
