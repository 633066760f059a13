"""Finished runs analysed: what the page, the table and the export say is what the run did."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import msgspec
import polars as pl
import pytest

from counterpoise.app.demo import demo_config
from counterpoise.app.run import Run, run_config
from counterpoise.app.tca import tca
from counterpoise.app.tca_folder import read_run
from counterpoise.app.tca_report import TcaReport
from counterpoise.balance.tca import PARTS
from counterpoise.core.errors import DataError, InputError


def small_run(out: Path, *, seed: int, side: str) -> Run:
    config = demo_config(seed=seed, duration="90s", tokens=1, venues=1, options=False)
    parent = msgspec.structs.replace(config.parent, qty="20", slice="5s", side=side)
    return run_config(msgspec.structs.replace(config, parent=parent), config_path=out, out=out)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    root = tmp_path_factory.mktemp("runs")
    return [small_run(root / name, seed=seed, side=side) for name, seed, side in (("first", 5, "buy"), ("second", 6, "sell"))]


@pytest.fixture(scope="module")
def report(runs: list[Run], tmp_path_factory: pytest.TempPathFactory) -> TcaReport:
    return tca([runs[0].folder], out=tmp_path_factory.mktemp("tca"))


def test_it_says_what_the_run_said(runs: list[Run], report: TcaReport) -> None:
    (one,) = report.runs
    for name in (*PARTS, "total", "notional", "filled_qty", "average_price"):
        assert getattr(one.shortfall, name) == pytest.approx(getattr(runs[0].shortfall, name), rel=1e-9, abs=1e-9)
    steps, (start, end) = runs[0].frames.steps, one.run.span_ns
    others = steps.filter(pl.col("ts").cast(pl.Int64) <= end)["market_qty"][-1]  # the summary counts on behind the end
    own = one.run.fills.filter(pl.col("ts").cast(pl.Int64).is_between(start, end - 1))["qty"].sum()
    assert one.participation.share == pytest.approx(own / (own + others))
    row = one.activity.to_dicts()[0]
    assert (row["orders"], row["fills"]) == (runs[0].summary["orders"], runs[0].summary["fills"])
    assert row["maker_share"] == pytest.approx(runs[0].summary["maker_share"])
    assert one.children["cost"].sum() == pytest.approx(runs[0].shortfall.total - runs[0].shortfall.opportunity)


def test_every_order_ended_as_the_journal_says(report: TcaReport) -> None:
    """What was not filled whole was cancelled, and nothing is left working."""
    (one,) = report.runs
    done = one.run.fills.group_by("client_id").agg(pl.col("qty").sum().alias("done"))
    each = one.run.orders.join(done, on="client_id", how="left").with_columns(pl.col("done").fill_null(0.0))
    assert set(each["state"]) <= {"filled", "cancelled", "rejected"}
    whole = each.filter((pl.col("done") - pl.col("qty")).abs() < 1e-9)
    assert set(whole["state"]) == {"filled"}
    assert "filled" not in set(each.filter(pl.col("done") < pl.col("qty") - 1e-9)["state"])


def test_the_market_is_that_of_others(runs: list[Run]) -> None:
    run = read_run(runs[0].folder)
    start, end = run.span_ns
    market, (others_ns, others) = run.market, run.others
    inside = (market.trade_ns >= start) & (market.trade_ns < end)
    assert market.trade_qty[inside].sum() == pytest.approx(others[(others_ns >= start) & (others_ns < end)].sum(), rel=0.05)
    assert abs(market.trade_price[inside] / market.mid[0] - 1).max() < 0.01


def test_observer_and_habits(report: TcaReport) -> None:
    assert report.leakage["level"].to_list() == ["index", "token", "instrument"]
    assert (report.leakage["d_prime"] >= report.leakage["floor_d_prime"]).all()
    assert 0 <= report.runs[0].habits["repeats"] <= 1


def test_the_export_carries_its_checksums(report: TcaReport) -> None:
    sums = next(path for path in report.files if path.name == "SHA256SUMS")
    lines = [line.split("  ") for line in sums.read_text(encoding="utf-8").splitlines()]
    assert {name for _, name in lines} == {
        "orders.csv", "orders.parquet", "fills.csv", "fills.parquet", "totals.csv", "dictionary.csv"
    }  # fmt: skip
    for digest, name in lines:
        assert hashlib.sha256((sums.parent / name).read_bytes()).hexdigest() == digest
    text = pl.read_csv(sums.parent / "fills.csv", infer_schema=False)
    stored = pl.read_parquet(sums.parent / "fills.parquet")
    assert sum(map(Decimal, text["cost_settle"])) == stored["cost_settle"].sum()
    assert float(stored["cost_settle"].sum()) == pytest.approx(report.runs[0].costs["cost"].sum())


def test_the_same_run_gives_the_same_bytes(runs: list[Run], report: TcaReport, tmp_path: Path) -> None:
    again = tca([runs[0].folder], out=tmp_path)
    assert [path.name for path in again.files] == [path.name for path in report.files]
    assert [p.read_bytes() for p in again.files] == [p.read_bytes() for p in report.files]


def test_the_page_holds_every_section(report: TcaReport) -> None:
    text = report.files[0].read_text(encoding="utf-8")
    for title in (
        "What it cost",
        "Price and fills",
        "Participation",
        "After our fills",
        "Children",
        "Cost by node",
        "Fairness",
    ):
        assert f"<h2>{title}</h2>" in text
    assert "prefers-color-scheme: dark" in text
    assert "http-equiv" not in text
    assert "<h2>Predictions</h2>" not in text


def test_a_basket_adds_up_and_is_held_against_its_predictions(runs: list[Run], tmp_path: Path) -> None:
    told = tmp_path / "told.csv"
    told.write_text("run,predicted,sd\nfirst,1.0,5.0\nsecond,2.0,4.0\n", encoding="utf-8")
    both = tca([run.folder for run in runs], out=tmp_path / "out", predicted=told)
    row = both.nodes.to_dicts()[0]
    assert row["orders"] == 2
    assert float(row["total"]) == pytest.approx(sum(run.shortfall.total for run in runs))
    assert both.predicted is not None
    assert both.predicted["z"].to_list() == pytest.approx(
        [(runs[0].shortfall.total_bps - 1) / 5, (runs[1].shortfall.total_bps - 2) / 4]
    )
    assert both.calibration is None
    filled = sum(run.shortfall.total - run.shortfall.opportunity for run in runs)
    assert both.venues["cost"].sum() == pytest.approx(filled)
    assert both.venues["orders"].sum() == sum(len({fill.client_id for fill in run.fills}) for run in runs)
    assert (tmp_path / "out" / "second" / "SHA256SUMS").is_file()
    page = (tmp_path / "out" / "tca.html").read_text(encoding="utf-8")
    assert "<h2>Price and fills of second</h2>" in page
    assert "<h2>Predictions</h2>" in page
    stored = json.loads((tmp_path / "out" / "tca.json").read_text(encoding="utf-8"))
    assert [one["run"] for one in stored["runs"]] == ["first", "second"]


def test_ten_predictions_are_calibrated(runs: list[Run], tmp_path: Path) -> None:
    """Two runs under ten names, all foretold 1 bp too low."""
    folders = [_copied(runs[i % 2].folder, tmp_path / f"run-{i}") for i in range(10)]
    told = tmp_path / "told.parquet"
    rows = [(f"run-{i}", runs[i % 2].shortfall.total_bps - 1, 2.0, i // 2) for i in range(10)]
    pl.DataFrame(rows, schema=["run", "predicted", "sd", "cluster"], orient="row").write_parquet(told)
    found = tca(folders, out=tmp_path / "out", predicted=told).calibration
    assert found is not None
    assert (found.parents, found.clusters) == (10, 5)
    bias = found.frame.filter(pl.col("statistic") == "bias").to_dicts()[0]
    assert (bias["value"], bias["low"], bias["high"]) == pytest.approx((1, 1, 1))


def test_a_folder_of_no_run_is_refused(runs: list[Run], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"lacks results\.json, config\.json.*counterpoise run --out"):
        tca([tmp_path])
    with pytest.raises(InputError, match="no run was given"):
        tca([])
    with pytest.raises(InputError, match="names of their own"):
        tca([runs[0].folder, runs[0].folder], out=tmp_path)
    told = tmp_path / "told.csv"
    told.write_text("run,predicted,sd\nother,1.0,5.0\n", encoding="utf-8")
    with pytest.raises(InputError, match="must foretell each run once; wrong for first"):
        tca([runs[0].folder], out=tmp_path, predicted=told)
    told.write_text("run,predicted\nfirst,1.0\n", encoding="utf-8")
    with pytest.raises(InputError, match="lacks sd"):
        tca([runs[0].folder], out=tmp_path, predicted=told)


def test_a_torn_file_is_bad_data(runs: list[Run], tmp_path: Path) -> None:
    copy = _copied(runs[0].folder, tmp_path / "torn")
    (copy / "fills.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"a file of .*torn cannot be read"):
        read_run(copy)


def _copied(folder: Path, to: Path) -> Path:
    to.mkdir()
    for path in folder.iterdir():
        if path.is_file():
            (to / path.name).write_bytes(path.read_bytes())
    return to
