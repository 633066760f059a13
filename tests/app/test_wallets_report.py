"""`counterpoise wallets` from file to tables and files."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.app.wallets import print_wallets, read_edges, wallets_report
from counterpoise.core.errors import InputError, SchemaError
from counterpoise.flow.wallet.wallet_links import WalletRules
from counterpoise.flow.wallet.wallets import wallets

EDGES = pl.DataFrame(
    {
        "from": ["0xF", "0xF", "0xa", "0xb", "0xa"],
        "to": ["0xa", "0xb", "0xc", "0xc", "0xb"],
        "timestamp": [1, 2, 3, 4, 5],
        "amount": [5.0, 5.0, 1.0, 1.0, 2.0],
    }
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "edges.parquet"
    EDGES.write_parquet(path)
    return path


def test_columns_are_renamed_where_the_proper_name_is_absent(file: Path, tmp_path: Path) -> None:
    assert read_edges(file).columns == ["src", "dst", "time", "value"]
    both = tmp_path / "both.csv"
    EDGES.with_columns(src=pl.lit("0xz")).write_csv(both)
    assert read_edges(both).columns == ["from", "dst", "time", "value", "src"]


def test_what_is_found_is_written_and_read_again(file: Path, tmp_path: Path) -> None:
    report = wallets_report(file, out=tmp_path / "out", rules=WalletRules(method="weak"))
    direct = wallets(read_edges(file), rules=WalletRules(method="weak"))
    assert [path.name for path in report.files] == [
        *(f"{name}.parquet" for name in ("frame", "clusters", "hubs", "links", "report", "concentration")),
        "wallets.html",
    ]
    for path in report.files[:-1]:
        expected = report.concentration if path.stem == "concentration" else getattr(direct, path.stem)
        assert_frame_equal(pl.read_parquet(path), expected, check_exact=True)
    assert "Highest scores" in report.files[-1].read_text(encoding="utf-8")


def test_concentration_is_of_turnover_unless_amounts_are_given(file: Path, tmp_path: Path) -> None:
    """Turnover by hand: f 10, a 8, b 8, c 2 of 28; one entity holds all of it."""
    report = wallets_report(file, rules=WalletRules(method="weak"), top=1)
    assert report.amounts == "value sent and received"
    assert report.concentration["top_share"].to_list()[:2] == pytest.approx([10 / 28, 1.0])
    bare = tmp_path / "bare.parquet"
    EDGES.drop("amount").write_parquet(bare)
    assert wallets_report(bare).amounts == "transfers sent and received"
    held = tmp_path / "held.csv"
    pl.DataFrame({"address": ["0xA", "0xq"], "amount": [3, 1]}).write_csv(held)
    given = wallets_report(file, amounts=held, top=1)
    assert given.concentration["top_share"].to_list() == pytest.approx([0.75] * 3)


def test_tables_are_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    print_wallets(wallets_report(file))
    shown = capsys.readouterr().out
    for words in ("What came of it", "Concentration of value sent and received", "sybil score"):
        assert words in shown


def test_what_cannot_be_read_or_written_is_said(file: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        wallets_report(tmp_path / "absent.parquet")
    (tmp_path / "odd.parquet").write_text("no table", encoding="utf-8")
    with pytest.raises(InputError, match="cannot read"):
        wallets_report(tmp_path / "odd.parquet")
    with pytest.raises(InputError, match="cannot tell the format"):
        wallets_report(tmp_path / "edges.xlsx")
    with pytest.raises(InputError, match="cannot write"):
        wallets_report(file, out=file / "below")
    other = tmp_path / "other.csv"
    pl.DataFrame({"a": ["x"], "b": ["y"]}).write_csv(other)
    with pytest.raises(SchemaError, match="need columns src and dst"):
        wallets_report(other)


def test_turnover_counts_a_record_once_and_adds_no_tokens(tmp_path: Path) -> None:
    """A transfer of 5 recorded twice, and one of 1 from c: b has 6 of 12, where the duplicate would make it 11 of 22."""
    path = tmp_path / "edges.parquet"
    paid = pl.DataFrame({"src": ["a", "a", "c"], "dst": ["b", "b", "b"], "time": [1, 1, 2], "value": [5.0, 5.0, 1.0]})
    paid.write_parquet(path)
    assert wallets_report(path, top=2).concentration["top_share"][0] == pytest.approx(11 / 12)
    paid.with_columns(token=pl.Series(["USDC", "USDC", "PEPE"])).write_parquet(path)
    assert wallets_report(path).amounts == "transfers sent and received"
