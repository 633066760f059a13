"""`counterpoise simulate`: what lands in the lake is what the market said, and the report is the same again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

from counterpoise.adapters.lake import Lake
from counterpoise.app.cli import app
from counterpoise.app.simulate import MarketReport, simulate_file, simulate_market
from counterpoise.core.errors import ConfigError, InputError
from counterpoise.sim.agents.agent_config import AgentMarketConfig, agent_market_config
from counterpoise.sim.agents.market import simulate

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "market.toml"


@pytest.fixture(scope="module")
def config() -> AgentMarketConfig:
    return agent_market_config(seed=3, duration="6s", tokens=2, venues=1)


@pytest.fixture(scope="module")
def report(config: AgentMarketConfig, tmp_path_factory: pytest.TempPathFactory) -> MarketReport:
    folder = tmp_path_factory.mktemp("simulated")
    return simulate_market(config, out=folder, lake=folder / "lake")


def test_the_lake_holds_what_the_market_said(config: AgentMarketConfig, report: MarketReport) -> None:
    lake, told = Lake(report.files[0].parent / "lake"), simulate(config).events
    assert {instrument.id for instrument in lake.instruments()} == set(told)
    for name, events in told.items():
        for ours, theirs in zip(lake.events(name), events, strict=True):
            assert np.array_equal(ours, theirs)


def test_the_report_adds_up(config: AgentMarketConfig, report: MarketReport) -> None:
    told = simulate(config)
    assert report.markets["rows"].to_list() == [events.rows for events in told.events.values()]
    assert_frame_equal(report.agents, told.agents)
    money = report.ledger
    assert (money["traders"] + money["venue"] + money["fund"] - money["cost"]).to_list() == money["deposited"].to_list()
    assert (report.markets["spread_bps"] > 0).all()
    leaves = report.nodes.filter(pl.col("level") == "instrument")["volume_usd"].sum()
    assert report.nodes.filter(pl.col("node") == "index:all")["volume_usd"].sum() == pytest.approx(leaves, rel=1e-9)


def test_the_same_market_is_stored_once(config: AgentMarketConfig, report: MarketReport, tmp_path: Path) -> None:
    lake = report.files[0].parent / "lake"
    before = sorted(path.name for path in lake.rglob("*.parquet"))
    again = simulate_market(config, out=tmp_path, lake=lake)
    assert sorted(path.name for path in lake.rglob("*.parquet")) == before
    assert [path.read_bytes() for path in again.files] == [path.read_bytes() for path in report.files]


def test_another_market_at_the_same_time_is_refused(report: MarketReport) -> None:
    other = agent_market_config(seed=4, duration="6s", tokens=2, venues=1)
    with pytest.raises(InputError, match="has this time already"):
        simulate_market(other, out=report.files[0].parent, lake=report.files[0].parent / "lake")


def test_a_market_of_a_moment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="two seconds or more"):
        simulate_market(agent_market_config(duration="1s", tokens=1), out=tmp_path, lake=tmp_path / "lake")


def test_the_example_runs(tmp_path: Path) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace('duration = "5m"', 'duration = "3s"')
    path = tmp_path / "market.toml"
    path.write_text(text, encoding="utf-8")
    result = CliRunner().invoke(app, ["simulate", str(path), "--out", str(tmp_path / "out"), "--seed", "5"])
    assert result.exit_code == 0, result.output
    assert "alpha:BTC-PERP" in result.output
    assert "patient" in result.output
    page = (tmp_path / "out" / "market.html").read_text(encoding="utf-8")
    assert "seed 5" in page
    assert simulate_file(path, out=tmp_path / "out", seed=5).markets.height == 12
