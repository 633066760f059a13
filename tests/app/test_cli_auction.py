"""`counterpoise footprint`, `profile` and `wallets` as a person calls them: charts, pages, JSON, wrong input."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.adapters.lake import Lake
from counterpoise.adapters.reader import Batch
from counterpoise.app.auction import Range, lake_footprint, lake_profile, sessions_named
from counterpoise.app.cli import main
from counterpoise.core.units import HOUR_NS, MINUTE_NS
from counterpoise.flow.auction.footprint import footprint, footprint_bars
from counterpoise.flow.auction.market_profile import auction, market_profile
from counterpoise.flow.auction.profile import profile, session_profile
from counterpoise.flow.bins import Bins
from counterpoise.market.event import BOOK_KINDS, TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.random_stream import RandomStream

PERP = parse_instrument("binance_usdm:BTCUSDT")
ETHER = parse_instrument("binance_usdm:ETHUSDT")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP")

Said = tuple[int, str, str]
Say = Callable[..., Said]


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Two BTC markets over a day and more, in two sources, and one of ETH that has a book and no trades."""
    lake = Lake(tmp_path_factory.mktemp("auction") / "lake")
    for seed, instrument in enumerate((PERP, COIN, ETHER)):
        frame = RandomStream(seed, pace_ns=2 * MINUTE_NS).events(1200).to_frame()
        lake.ingest(f"book_{seed}", [Batch(instrument, "book", frame.filter(pl.col("kind").is_in(BOOK_KINDS)))])
        if instrument is not ETHER:
            near = pl.col("price_ticks").is_between(*(pl.col("price_ticks").median() + d for d in (-500_000, 500_000)))
            trades = frame.filter(pl.col("kind") == TRADE).filter(near)
            half = trades.height // 2
            for name, part in (("a", trades[:half]), ("b", trades[half:])):
                lake.ingest(f"trades_{seed}{name}", [Batch(instrument, "trade", part)])
    return lake


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Call the command line; exit code, stdout, stderr."""

    def call(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["counterpoise", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        shown = capsys.readouterr()
        return int(end.value.code or 0), shown.out, shown.err

    return call


def trades_of(lake: Lake) -> Events:
    return lake.events(PERP.id, tables=("trade",))


def test_a_footprint_of_a_lake_is_that_of_its_trades(lake: Lake) -> None:
    made = lake_footprint(PERP.id, lake=lake, bins=Bins.parse("1h"), row_ticks=5, definition="flowsurface")
    events = trades_of(lake)
    rules = {"bins": Bins.parse("1h"), "row_ticks": 5, "definition": "flowsurface"}
    assert_frame_equal(made.rows, footprint(events, PERP, **rules), check_exact=True)
    assert_frame_equal(made.bars, footprint_bars(events, PERP, **rules), check_exact=True)
    assert made.bars.height > 15
    assert made.rows.height > 40


def test_a_range_begins_with_a_whole_bar(lake: Lake) -> None:
    events = trades_of(lake)
    middle = int(events.ts_local[events.rows // 2])
    made = lake_footprint(PERP.id, lake=lake, bins=Bins.parse("1h"), within=Range(middle, None))
    whole = lake_footprint(PERP.id, lake=lake, bins=Bins.parse("1h")).bars
    begin = -(-middle // HOUR_NS) * HOUR_NS
    expected = whole.filter(pl.col("ts").cast(pl.Int64) > begin).drop("bar")
    assert_frame_equal(made.bars.drop("bar"), expected, check_exact=True)


def test_profiles_of_a_lake_are_those_of_its_trades(lake: Lake) -> None:
    events, sessions = trades_of(lake), sessions_named("regions")
    made = lake_profile(PERP.id, lake=lake, sessions=sessions, row_ticks=5, area="one_row", share=0.6)
    assert_frame_equal(made.rows, profile(events, PERP, sessions=sessions, row_ticks=5), check_exact=True)
    of_session = session_profile(events, PERP, sessions=sessions, row_ticks=5, value_area="one_row", share=0.6)
    assert_frame_equal(made.bars, of_session, check_exact=True)
    letters = lake_profile(PERP.id, lake=lake, sessions=sessions, kind="market", row_ticks=5)
    expected = market_profile(events, PERP, sessions=sessions, row_ticks=5)
    assert_frame_equal(letters.rows, expected, check_exact=True)
    assert_frame_equal(letters.bars, auction(expected, PERP), check_exact=True)
    assert letters.bars.height >= 3


def test_sessions_are_named() -> None:
    assert sessions_named("utc_day").names == ("day",)
    assert sessions_named("regions").names == ("europe", "us", "asia")
    assert str(sessions_named("asia")) == "asia 22:00-07:00"
    assert sessions_named("13:30-20:00").at(14 * HOUR_NS) == (0, 20 * HOUR_NS)


def test_footprint_prints_writes_and_speaks_json(lake: Lake, say: Say, tmp_path: Path) -> None:
    page, file = tmp_path / "deep" / "f.html", tmp_path / "f.parquet"
    arguments = ("footprint", PERP.id, "--lake", lake.url, "--bins", "trades:40", "--rows", "5")
    code, out, notes = say(*arguments, "--html", page, "--out", file)
    assert code == 0, notes
    assert "delta" in out
    assert "×" in out
    assert "\x1b" not in out
    made = lake_footprint(PERP.id, lake=lake, bins=Bins.parse("trades:40"), row_ticks=5)
    assert f"{made.bars.height:,} bars" in notes
    assert_frame_equal(pl.read_parquet(file), made.rows, check_exact=True)
    assert "Footprint of" in page.read_text(encoding="utf-8")
    code, out, _ = say(*arguments, "--json")
    told = json.loads(out)
    assert sorted(told) == ["bars", "bins", "definition", "instrument", "row_ticks", "rows"]
    assert len(told["rows"]) == made.rows.height
    assert sum(row["buy_qty"] for row in told["rows"]) == pytest.approx(made.bars["buy_qty"].sum())
    stamps = pl.Series([bar["ts"].rstrip("Z") for bar in told["bars"]]).str.to_datetime(time_unit="ns")
    assert stamps.to_physical().to_list() == made.bars["ts"].to_physical().to_list()  # no nanosecond is lost


@pytest.mark.parametrize("kind", ["volume", "market"])
def test_profile_prints_the_latest_session(lake: Lake, say: Say, tmp_path: Path, kind: str) -> None:
    page, file = tmp_path / "p.html", tmp_path / "p.csv"
    arguments = ("profile", PERP.id, "--lake", lake.url, "--session", "regions", "--kind", kind)
    code, out, notes = say(*arguments, "--rows", "5", "--html", page, "--out", file)
    assert code == 0, notes
    assert " P " in out
    made = lake_profile(PERP.id, lake=lake, sessions=sessions_named("regions"), kind=kind, row_ticks=5)
    assert f"session {made.bars['session'][-1]} to" in notes
    assert "before it:" in notes
    assert pl.read_csv(file).height == made.rows.height
    assert "profile of" in page.read_text(encoding="utf-8")
    told = json.loads(say(*arguments, "--rows", "5", "--json")[1])
    assert sorted(told) == ["area", "instrument", "kind", "row_ticks", "rows", "session", "sessions", "share"]
    assert len(told["sessions"]) == made.bars.height


@pytest.mark.parametrize("columns", [40, 72, 160])
@pytest.mark.parametrize("verb", [("footprint", "--bins", "1h"), ("profile",), ("profile", "--kind", "market")])
def test_charts_fit_the_terminal(
    lake: Lake, say: Say, monkeypatch: pytest.MonkeyPatch, columns: int, verb: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", "24")
    code, out, _ = say(verb[0], PERP.id, "--lake", lake.url, *verb[1:])
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= columns
    assert len([line for line in lines if line[:5].replace(".", "").strip().isdigit()]) <= 16


def test_a_session_without_a_trade_says_so(lake: Lake, say: Say, tmp_path: Path) -> None:
    first = trades_of(lake).ts_local[0]
    begin = pl.Series([first]).cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S").item()
    end = pl.Series([first + 60 * 10**9]).cast(pl.Datetime("ns")).dt.strftime("%Y-%m-%dT%H:%M:%S").item()
    hour = int(first // HOUR_NS % 24)
    other = f"{(hour + 3) % 24:02d}:00-{(hour + 4) % 24:02d}:00"
    arguments = ("profile", PERP.id, "--lake", lake.url, "--start", begin, "--end", end, "--session", other)
    assert say(*arguments) == (0, "no trade in this range\n", "")
    code, _, said = say(*arguments, "--html", tmp_path / "p.html")
    assert (code, "so there is no page" in said) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("footprint", PERP.id, "--definition", "atos"), "did you mean 'atas'"),
        (("footprint", "binance_usdm:BTCUSD"), "did you mean 'binance_usdm:BTCUSDT'"),
        (("footprint", "BTC"), "BTC is 2 markets of this lake, one expected"),
        (("footprint", "XYZ"), "known: binance_coinm:BTCUSD_PERP"),
        (("footprint", "ETH"), "has no trade; the lake holds book of it"),
        (("footprint", PERP.id, "--bins", "volum:5"), "did you mean 'volume'"),
        (("footprint", PERP.id, "--bins", "volume:nan"), "not finite"),
        (("footprint", PERP.id, "--bins", "trades:-1"), "must be positive"),
        (("footprint", PERP.id, "--rows", "0"), "at least one tick"),
        (("footprint", PERP.id, "--start", "2031-01-01T00:00"), "no event in the range; the lake holds"),
        (("footprint", PERP.id, "--start", "2031-01-02", "--end", "2031-01-01"), "give a start before the end"),
        (("footprint", PERP.id, "--out", "f.xls"), "end its name with"),
        (("profile", PERP.id, "--session", "asai"), "did you mean 'asia'"),
        (("profile", PERP.id, "--session", "25:00-26:00"), "write 13:30"),
        (("profile", PERP.id, "--kind", "volum"), "did you mean 'volume'"),
        (("profile", PERP.id, "--area", "clasic"), "did you mean 'classic'"),
        (("profile", PERP.id, "--share", "nan"), "lies in (0, 1], found nan"),
        (("profile", PERP.id, "--kind", "market", "--period", "7m"), "choose one like 30m"),
        (("profile", PERP.id, "--kind", "market", "--period", "1m"), "choose another period"),
    ],
)
def test_wrong_input_says_what_to_do(lake: Lake, say: Say, arguments: tuple[str, ...], words: str) -> None:
    code, out, said = say(*arguments, "--lake", lake.url)
    assert (code, out) == (2, "")
    assert words in said
    assert said.startswith("error CP-1")
    assert said.count("\n") == 1


def test_wallets_prints_writes_and_speaks_json(say: Say, tmp_path: Path) -> None:
    file, held = tmp_path / "edges.parquet", tmp_path / "held.csv"
    ends = {"from": ["0xF", "0xF", "0xa", "0xb", "0xa"], "to": ["0xa", "0xb", "0xc", "0xc", "0xb"]}
    pl.DataFrame({**ends, "timestamp": [1, 2, 3, 4, 5], "amount": [5.0, 5.0, 1.0, 1.0, 2.0]}).write_parquet(file)
    pl.DataFrame({"address": ["0xA", "0xq"], "amount": [3, 1]}).write_csv(held)
    code, out, notes = say("wallets", file, "--out", tmp_path / "out", "--amounts", held)
    assert code == 0, notes
    assert "Concentration of amounts of held.csv" in out
    assert "7 files" in notes
    told = [say("wallets", file, "--json", "--seed", "3")[1] for _ in range(2)]
    assert told[0] == told[1]
    assert sorted(json.loads(told[0])) == ["addresses", "amounts", "clusters", "concentration", "hubs", "input", "links"]
    assert json.loads(told[0])["addresses"] == 4
    code, _, said = say("wallets", tmp_path / "absent.parquet")
    assert (code, "cannot read" in said) == (2, True)
