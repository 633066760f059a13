"""`counterpoise plan`: the example, its files and page, and orders that cannot be done."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Final

import polars as pl
import pytest

from counterpoise.app.plan import PlanFile, PlanReport, plan_file
from counterpoise.core.errors import ConfigError, InputError, UnknownName

EXAMPLE: Final = Path(__file__).resolve().parents[2] / "examples" / "parent.toml"


def cli(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from counterpoise.app.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> PlanReport:
    return plan_file(EXAMPLE, out=tmp_path_factory.mktemp("plan"))


def changed(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = EXAMPLE.read_text(encoding="utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after, 1)
    path = tmp_path / "parent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_all_of_the_parent_is_placed_inside_its_bounds(report: PlanReport) -> None:
    nodes = {row["node"]: row for row in report.plan.by_node().to_dicts()}
    assert nodes["index:all"]["millions"] == pytest.approx(-60, rel=1e-5)
    assert sum(nodes[f"cluster:{name}"]["millions"] for name in ("majors", "defi")) == pytest.approx(-60, rel=1e-5)
    assert nodes["cluster:defi"]["participation"] <= 0.12 + 1e-6
    assert all(row["participation"] <= 0.15 + 1e-6 for row in nodes.values() if row["level"] == "token")
    assert report.plan.tracking_bps <= 15.001
    fair = report.plan.fairness().filter(level="token").row(0, named=True)
    assert fair["max_to_mean"] <= 1.51
    assert report.capacity.filter(pl.col("millions") > pl.col("most"))["token"].to_list() == ["token:AAVE"]  # the band helps


def test_the_frontier_trades_cost_for_risk(report: PlanReport) -> None:
    frontier = report.frontier
    assert (frontier["cost_bps"].diff().drop_nulls() > -1e-6).all()
    assert (frontier["risk_bps"].diff().drop_nulls() < 1e-6).all()


def test_files_and_page(report: PlanReport) -> None:
    assert {path.name for path in report.files} == {"plan.parquet", "nodes.parquet", "frontier.parquet", "plan.html"}
    assert all(path.stat().st_size for path in report.files)
    assert pl.read_parquet(report.files[0])["millions"].sum() == pytest.approx(-60, rel=1e-5)
    page = report.to_html()
    assert page == report.files[-1].read_text(encoding="utf-8") == report._repr_html_()
    for section in ("Frontier", "Schedule", "Nodes", "Fairness", "Capacity, millions"):
        assert section in page


def test_a_parent_at_one_instrument_trades_there(tmp_path: Path) -> None:
    config = changed(
        tmp_path,
        ('"index:all"', '"beta:UNI-SPOT"'),
        ("60_000_000.0", "300_000.0"),
        ("tracking_bps = 15.0", "tracking_bps = 0.0"),
    )
    nodes = {row["node"]: row["millions"] for row in plan_file(config, out=tmp_path).plan.by_node().to_dicts()}
    assert nodes["beta:UNI-SPOT"] == pytest.approx(-0.3, rel=1e-4)
    assert "alpha:UNI-PERP" not in nodes
    assert nodes["index:all"] == pytest.approx(-0.3, rel=1e-4)


def test_what_is_too_large_says_what_to_relax(tmp_path: Path) -> None:
    config = changed(tmp_path, ("60_000_000.0", "600_000_000.0"))
    with pytest.raises(InputError, match=r"relax one of: participation of .*millions more a slice"):
        plan_file(config, out=tmp_path)
    left = cli("plan", config, "--out", tmp_path)
    assert left.returncode == 2
    assert "relax one of" in left.stderr


def test_json_has_costs_nodes_and_frontier(tmp_path: Path) -> None:
    left = cli("plan", EXAMPLE, "--out", tmp_path, "--json")
    assert left.returncode == 0
    said = json.loads(left.stdout)
    parts = [said["costs_bps"][name] for name in ("linear", "temporary", "transient", "drift")]
    assert said["costs_bps"]["total"] == pytest.approx(sum(parts))
    assert {row["level"] for row in said["nodes"]} == {"index", "cluster", "token", "instrument"}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("60_000_000.0", "-1.0"), ConfigError),
        (('slice = "10m"', 'slice = "7m"'), ConfigError),
        (("cluster_correlation = 0.7", "cluster_correlation = 0.2"), ConfigError),
        (('"index:all"', '"token:XYZ"'), UnknownName),
        (("vol_annual = 0.45", "vol_annual = 0.0"), ConfigError),
        (('id = "beta:BTC-PERP"', 'id = "alpha:BTC-PERP"'), ConfigError),
        (("risk_aversion = 5.0", "risk_avers = 5.0"), UnknownName),
    ],
)
def test_configurations_that_cannot_be_meant_are_refused(
    tmp_path: Path, change: tuple[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        plan_file(changed(tmp_path, change), out=tmp_path)


def test_the_tree_is_that_of_the_markets() -> None:
    from counterpoise.adapters.config_file import load_config

    tree = load_config(EXAMPLE, PlanFile).tree
    assert tree.children("token:UNI") == ("alpha:UNI-PERP", "beta:UNI-SPOT")
    assert tree.weight("token:BTC") == pytest.approx(0.4 / 0.85)
