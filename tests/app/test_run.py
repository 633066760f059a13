"""The main job end to end: the same configuration gives the same bytes, and nothing journalled is lost."""

from __future__ import annotations

import hashlib
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.adapters.journal_file import read_journal
from counterpoise.adapters.results import ResultStore
from counterpoise.app.demo import demo_config
from counterpoise.app.report import write_report
from counterpoise.app.run import Run, run, run_config, save, set_aside
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.market.order import Fill
from counterpoise.runtime.journal import Finished, Intent, Started, VenueSaid, decode

ROOT = Path(__file__).resolve().parents[2]


def short_demo(out: Path, *, seed: int = 5) -> Run:
    config = demo_config(seed=seed, duration="1m", tokens=1, venues=1, options=False)
    parent = msgspec.structs.replace(config.parent, qty="20", slice="5s")
    return run_config(msgspec.structs.replace(config, parent=parent), config_path=out, out=out)


def digests(folder: Path) -> dict[str, str]:
    return {
        p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.rglob("*") if p.is_file()
    }


@pytest.fixture(scope="module")
def one_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    result = short_demo(tmp_path_factory.mktemp("run"))
    write_report(result)
    return result


def test_the_same_run_writes_the_same_bytes(one_run: Run, tmp_path: Path) -> None:
    write_report(short_demo(tmp_path))
    assert digests(tmp_path) == digests(one_run.folder)


def test_another_seed_writes_other_bytes(one_run: Run, tmp_path: Path) -> None:
    short_demo(tmp_path, seed=6)
    assert digests(tmp_path)["fills.parquet"] != digests(one_run.folder)["fills.parquet"]


def test_fills_journal_and_results_tell_the_same_story(one_run: Run) -> None:
    records = [decode(line) for line in read_journal(one_run.folder / "journal.log")]
    assert isinstance(records[0], Started)
    assert isinstance(records[-1], Finished)
    journalled = [r.event for r in records if isinstance(r, VenueSaid) and isinstance(r.event, Fill)]
    assert journalled == one_run.fills
    fills = pl.read_parquet(one_run.folder / "fills.parquet")
    results = msgspec.json.decode((one_run.folder / "results.json").read_bytes())
    assert fills["qty"].sum() == pytest.approx(results["filled_qty"], abs=1e-9)
    assert results["orders"] == sum(isinstance(r, Intent) for r in records)
    assert sum(
        results["shortfall"][p] for p in ("delay", "spread", "impact", "timing", "opportunity", "fees")
    ) == pytest.approx(results["shortfall"]["total"])


def test_every_intent_is_written_before_the_venue_answers_it(one_run: Run) -> None:
    known: set[str] = set()
    for line in read_journal(one_run.folder / "journal.log"):
        record = decode(line)
        if isinstance(record, Intent):
            known.add(record.order.client_id)
        elif isinstance(record, VenueSaid):
            assert record.event.client_id in known


def test_the_report_stands_alone(one_run: Run) -> None:
    page = (one_run.folder / "report.html").read_text(encoding="utf-8")
    without_library = page[: page.index("<script>")] + page[page.index("</script>") :]
    assert one_run.summary["config_hash"] in page
    assert f"{one_run.shortfall.total_bps:+.2f} bps" in page
    for needle in ("src=", "href=", "@import", "url("):
        assert needle not in without_library


def test_the_report_goes_from_the_order_to_the_market(one_run: Run) -> None:
    heads = re.findall(r"<h2>(.*?)</h2>", (one_run.folder / "report.html").read_text(encoding="utf-8"))
    market = ["Order flow", "Flow by size of order", "Footprint", "Volume profile", "Depth", "Absorption"]
    assert heads == ["Price and fills", "Schedule against fills", "What it cost", *market, *heads[-3:]]
    assert set(one_run.frames.panels) == {"sized_flow", "footprint", "footprint_bars", "profile", "absorption"}
    for name, frame in one_run.frames.panels.items():
        assert_frame_equal(pl.read_parquet(one_run.folder / f"{name}.parquet"), frame)


def test_participation_stays_under_the_cap(one_run: Run) -> None:
    steps = one_run.frames.steps
    cap = one_run.config.parent.max_participation
    own, others = steps["filled_qty"], steps["market_qty"]
    assert (own <= cap / (1 - cap) * others + 1e-9).all()


def test_runs_are_recorded_once(one_run: Run, tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path / 'runs.sqlite'}"
    save(one_run, store)
    save(one_run, store)
    with ResultStore(store) as results:
        runs = results.runs()
        assert runs.height == 1
        assert results.fills(runs["run_id"][0]).height == len(one_run.fills)


def test_an_unfinished_journal_is_kept(tmp_path: Path) -> None:
    first = short_demo(tmp_path)
    whole = (first.folder / "journal.log").read_bytes()
    cut = b"".join(whole.splitlines(keepends=True)[:40])
    (tmp_path / "journal.log").write_bytes(cut)
    short_demo(tmp_path)
    assert (tmp_path / "journal.log").read_bytes() == whole
    assert (tmp_path / "journal.interrupted-1.log").read_bytes() == cut
    assert set_aside(tmp_path / "absent.log") is None


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_run import short_demo
short_demo(Path(sys.argv[1]))
"""


def test_a_killed_run_leaves_a_prefix_of_the_whole_journal(one_run: Run, tmp_path: Path) -> None:
    whole = list(read_journal(one_run.folder / "journal.log"))
    wait = random.Random(11)
    lengths = []
    for attempt in range(3):
        folder = tmp_path / str(attempt)
        child = subprocess.Popen([sys.executable, "-c", CHILD, str(folder), str(Path(__file__).parent)])
        journal = folder / "journal.log"
        enough = wait.randrange(1, len(whole) // 2)
        deadline = time.monotonic() + 120
        while child.poll() is None and time.monotonic() < deadline:
            if journal.exists() and journal.read_bytes().count(b"\n") >= enough:
                break
        child.send_signal(signal.SIGKILL)
        child.wait()
        kept = list(read_journal(journal))
        assert len(kept) >= enough
        assert kept == whole[: len(kept)]
        lengths.append(len(kept))
    assert min(lengths) < len(whole), "no attempt was killed before its end"


@pytest.mark.realdata
def test_the_example_runs_on_the_recording(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERPOISE_DATA", str(data_dir))
    result = run(ROOT / "examples" / "massive_order.toml", out=tmp_path)
    assert result.shortfall.unfilled_qty == 0
    assert str(result.filled_qty) in ("150", "150.000")
    assert result.summary["flow"]["ofi_r2"] == pytest.approx(0.42, abs=0.02)
    assert result.quality.ok


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("nome = 'x'", UnknownName, "did you mean 'name'"),
        ("name = 'x'", ConfigError, "data"),
        ("name = 'x'\n[data]\ninstrument = 'a:b'\n[parent]\nside='buy'\nqty='1'", ConfigError, "exactly one of"),
        ("name = 'x'\n[data]\ninstrument='a:b'\ncaptures=['none.gz']\n[parent]\nside='buy'\nqty='1'", ConfigError, "none.gz"),
        ("name = 'x'\n[data]\ninstrument='a:b'\nlake='l'\n[parent]\nside='hold'\nqty='1'", ConfigError, "hold"),
        ("name = ", ConfigError, "not TOML"),
        ("name = 'x'\n[report]\npanels=['icebrgs']", UnknownName, "did you mean 'icebergs'"),
    ],
)
def test_bad_configurations_say_what_is_wrong(
    text: str, error: type[Exception], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COUNTERPOISE_DATA", raising=False)
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(error, match=words):
        run(path, out=tmp_path / "out")


def test_no_child_is_smaller_than_the_venue_takes(tmp_path: Path) -> None:
    config = demo_config(seed=5, duration="1m", tokens=1, venues=1, options=False)
    parent = msgspec.structs.replace(config.parent, qty="5", slice="5s", min_child=0.0, max_participation=0.02)
    data = msgspec.structs.replace(config.data, min_notional="40000")
    result = run_config(msgspec.structs.replace(config, parent=parent, data=data), config_path=tmp_path, out=tmp_path)
    orders = result.frames.orders
    assert orders.height > 0
    assert (orders["price"] * orders["qty"]).min() >= 40_000
