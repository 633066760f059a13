"""The example of a cascade, from file to page, and a cascade on a recorded book."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.app.cascade import recorded_levels, run_cascade
from counterpoise.core.errors import ConfigError, DataError, UnknownName
from counterpoise.market.book import Book
from counterpoise.market.event import FIRST, LAST, SNAPSHOT, Events
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.leverage.cascade_config import LEVERS, CascadeConfig

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "cascade.toml"
SMALL = """
name = "small"
[cascade]
duration = "1m"
shock_over = "10s"
fund = 1000.0
[cascade.accounts]
count = 500
[cascade.book]
density = 2000.0
[cascade.policy.throttle]
value_per_s = 10_000.0
"""


def test_example_writes_frames_and_a_page(tmp_path: Path) -> None:
    report = run_cascade(EXAMPLE, out=tmp_path)
    assert [path.name for path in report.files] == [
        "comparison.parquet",
        "path.parquet",
        "by_tier.parquet",
        "victims.parquet",
        "cascade.html",
    ]
    frame = pl.read_parquet(tmp_path / "comparison.parquet")
    assert frame["policy"].to_list() == ["none", *LEVERS, "all"]
    none, throttle = (frame.row(by_predicate=pl.col("policy") == name, named=True) for name in ("none", "throttle"))
    assert none["amplification"] > throttle["amplification"] > 1
    assert none["adl"] > 0
    path = pl.read_parquet(tmp_path / "path.parquet")
    assert path.group_by("policy").len()["len"].unique().to_list() == [300]
    page = (tmp_path / "cascade.html").read_text(encoding="utf-8")
    for section in ("Price", "Liquidations by tier", "Insurance fund", "Deleveraged", "Policies"):
        assert section in page
    assert report._repr_html_() == page


def test_same_file_same_bytes(tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(SMALL, encoding="utf-8")
    first, second = (run_cascade(config, out=tmp_path / name) for name in "ab")
    assert list(first.comparison.results) == ["none", "throttle"]
    assert [path.read_bytes() for path in first.files] == [path.read_bytes() for path in second.files]


def test_unknown_key_is_refused_with_the_nearest(tmp_path: Path) -> None:
    config = tmp_path / "small.toml"
    config.write_text(SMALL.replace("shock_over", "shok_over"), encoding="utf-8")
    with pytest.raises(UnknownName, match="did you mean 'shock_over'"):
        run_cascade(config, out=tmp_path)


def book_of(side: int, *levels: tuple[int, int]) -> Book:
    price, lots = (np.array(column, np.int64) for column in zip(*levels, strict=True))
    n = len(price)
    flags = np.zeros(n, np.uint8)
    flags[0] |= FIRST
    flags[-1] |= LAST
    order = np.arange(n)
    kinds, sides = np.full(n, SNAPSHOT, np.uint8), np.full(n, side, np.int8)
    book = Book()
    book.apply(Events(order, order, order, order, kinds, sides, flags, price, lots))
    return book


def test_recorded_levels_are_gathered_by_coarser_ticks() -> None:
    """Bids 100.9, 100.2 and 99.95 with 1, 2.5 and .4 coins, in ticks of 1 and lots of .5: the last is less than a lot."""
    perp = parse_instrument("binance_usdm:BTCUSDT", tick="0.05", lot="0.1")
    rows = ((2018, 10), (2004, 25), (1999, 4))
    config, levels = recorded_levels(book_of(1, *rows), perp, CascadeConfig(tick="1", lot="0.5"))
    assert config.price == 100.0
    assert levels.price_ticks.tolist() == [100]
    assert levels.qty_lots.tolist() == [7]
    upward = CascadeConfig(tick="1", lot="0.5", shock_bps=500.0)
    config, levels = recorded_levels(book_of(-1, *rows), perp, upward)
    assert levels.price_ticks.tolist() == [101]
    assert config.price == 101.0
    with pytest.raises(DataError, match="has no bids"):
        recorded_levels(book_of(-1, *rows), perp, CascadeConfig())
    coin = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
    with pytest.raises(ConfigError, match="is inverse"):
        recorded_levels(book_of(1, *rows), coin, CascadeConfig())


@pytest.mark.realdata
def test_cascade_on_a_recorded_book(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thin accounts barely move it, many of them do; the price starts at the recorded best bid."""
    monkeypatch.setenv("COUNTERPOISE_DATA", str(data_dir))
    config = tmp_path / "recorded.toml"
    config.write_text(
        SMALL.replace("count = 500", "count = 20_000")
        + """
[data]
instrument = "binance_usdm:BTCUSDT"
captures = ["01_binance_l2_20240808/usdm/btcusdt_20240808.gz"]
end = "2024-08-08T23:57"
""",
        encoding="utf-8",
    )
    report = run_cascade(config, out=tmp_path / "out")
    none = report.comparison.results["none"]
    assert 50_000 < none.frame["price"][0] < 70_000
    assert none.summary["accounts"].item() > 0
    assert none.amplification > 1
