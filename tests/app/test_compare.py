"""`counterpoise compare` on a small market, from its file to its page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl
import pytest

from counterpoise.adapters.config_file import load_config
from counterpoise.app.compare import CompareFile, compare_file
from counterpoise.core.errors import ConfigError

ROOT: Final = Path(__file__).resolve().parents[2]
SMALL: Final = """
name = "small"
contenders = ["twap", "balanced"]
seeds = 2
engine = "serial"

[scenario]
tokens = 2
venues = 1
horizon = "2m"
share = 0.1
settle = "2s"
train_seeds = [901, 902, 903, 904, 905, 906, 907, 908, 909, 910]
"""


def test_a_comparison_is_run_and_written(tmp_path: Path) -> None:
    path, told = tmp_path / "small.toml", list[float]()
    path.write_text(SMALL, encoding="utf-8")

    def progress(share: float, /, note: str = "") -> None:
        told.append(share)

    report = compare_file(path, out=tmp_path / "out", progress=progress)
    assert told == sorted(told)
    assert told[-1] == 1.0
    assert report.frame["contender"].to_list() == ["twap", "balanced"]
    assert {one.name for one in report.files} == {"contenders.parquet", "pairs.parquet", "runs.parquet", "compare.html"}
    assert pl.read_parquet(tmp_path / "out" / "runs.parquet").height == 2 * (1 + 2 * 2)
    page = report.to_html()
    assert page == (tmp_path / "out" / "compare.html").read_text(encoding="utf-8") == report._repr_html_()
    for section in ("Cost", "What the adversaries knew", "How evenly it pressed", "Contenders"):
        assert section in page


@pytest.mark.parametrize("name", ["compare.toml", "compare_index.toml", "compare_small.toml"])
def test_examples_can_be_read(name: str) -> None:
    config = load_config(ROOT / "examples" / name, CompareFile)
    assert "balanced" in config.contenders
    assert not set(config.scenario.train_seeds) & set(range(config.first_seed, config.first_seed + config.seeds))


def test_seeds_that_were_trained_on_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(SMALL.replace("seeds = 2", "first_seed = 905\nseeds = 2", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=r"trained on: \[905, 906\]"):
        compare_file(path, out=tmp_path)
