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


COIN = """
name = "coin"
[cascade]
contract = "inverse"
lot = "100"
duration = "1m"
shock_over = "10s"
fund = 0.05
venue = "binance_coinm"
symbol = "BTCUSD_211231"
on = "2021-11-10"
[cascade.accounts]
count = 500
[cascade.book]
density = 2000.0
[cascade.policy.throttle]
value_per_s = 10_000.0
[cascade.policy.backstop]
value = 100_000.0
"""


def test_inverse_example_tells_money_in_coin_and_in_quote(tmp_path: Path) -> None:
    report = run_cascade(EXAMPLE.with_name("cascade_inverse.toml"), out=tmp_path, levers=("throttle",))
    none, throttle = (report.frame.row(by_predicate=pl.col("policy") == name, named=True) for name in ("none", "throttle"))
    assert none["amplification"] > throttle["amplification"] > 1
    assert none["fund_draw"] == pytest.approx(30.0, rel=1e-4)
    assert 29.99 * none["worst_price"] <= none["fund_draw_quote"] <= 30 * 64_000
    assert none["worst_price"] < none["liquidated_quote"] / none["liquidated"] < 64_000
    page = (tmp_path / "cascade.html").read_text(encoding="utf-8")
    for section in ("liquidated [coin]", "liquidated [quote]", "Insurance fund in quote", "drawn from the fund [coin]"):
        assert section in page


def test_levers_are_chosen_by_name(tmp_path: Path) -> None:
    config = tmp_path / "coin.toml"
    config.write_text(COIN, encoding="utf-8")
    one = run_cascade(config, out=tmp_path / "one", levers=("backstop",))
    assert list(one.comparison.results) == ["none", "backstop"]
    both = run_cascade(config, out=tmp_path / "both")
    assert list(both.comparison.results) == ["none", "throttle", "backstop", "all"]
    assert one.comparison.results["backstop"].frame.equals(both.comparison.results["backstop"].frame)
    with pytest.raises(UnknownName, match=r"unknown lever in .* 'band'"):
        run_cascade(config, out=tmp_path / "none", levers=("band",))


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


def test_recorded_contracts_are_lots_of_their_face_value() -> None:
    """Bids 100.9, 100.2 and 99.95 with 10, 25 and 4 contracts of 100, in ticks of 1 and lots of 100 or 1,000."""
    coin = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.05", lot="1")
    book = book_of(1, (2018, 10), (2004, 25), (1999, 4))
    terms = {"contract": "inverse", "venue": "bybit", "symbol": "BTCUSD", "on": "2026-02-01"}
    config, levels = recorded_levels(book, coin, CascadeConfig(lot="100", **terms))
    assert config.price == 100.0
    assert (levels.price_ticks.tolist(), levels.qty_lots.tolist()) == ([100, 99], [35, 4])
    _, levels = recorded_levels(book, coin, CascadeConfig(lot="1000", **terms))
    assert levels.qty_lots.tolist() == [3]
    with pytest.raises(ConfigError, match=r'is inverse and contract is linear.*contract = "inverse", a lot as "100"'):
        recorded_levels(book, coin, CascadeConfig())
    perp = parse_instrument("binance_usdm:BTCUSDT", tick="0.05", lot="0.1")
    with pytest.raises(ConfigError, match=r'is linear and contract is inverse.*contract = "linear", a lot and margin rules'):
        recorded_levels(book, perp, CascadeConfig(lot="100", **terms))


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


@pytest.mark.realdata
def test_inverse_cascade_on_a_recorded_book_of_contracts(
    data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """COIN-M BTCUSD_PERP: contracts of 100 USD, sold no lower than the worst price, and fewer at a time under the throttle."""
    monkeypatch.setenv("COUNTERPOISE_DATA", str(data_dir))
    config = tmp_path / "recorded.toml"
    config.write_text(
        COIN.replace("count = 500", "count = 20_000").replace("duration", 'tick = "0.1"\nprice = 60_000.0\nduration')
        + """
[data]
instrument = "binance_coinm:BTCUSD_PERP"
captures = ["01_binance_l2_20240808/cm/btcusd_perp_20240808.gz"]
end = "2024-08-08T23:57"
""",
        encoding="utf-8",
    )
    report = run_cascade(config, out=tmp_path / "out")
    none, throttle = (report.comparison.results[name] for name in ("none", "throttle"))
    assert 50_000 < none.frame["price"][0] < 70_000
    assert none.summary["accounts"].item() > 0
    assert none.amplification > throttle.amplification >= 1
    value = none.frame.filter(pl.col("liquidated") > 0)
    sold = value["liquidated_quote"] / value["liquidated"]
    assert (sold >= none.summary["worst_price"].item()).all()
