"""Symbols against the venues' own instrument lists, and round trips over dates and strikes."""

from __future__ import annotations

import json
import tarfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS, parse_time
from counterpoise.market.instrument import InstrumentKind
from counterpoise.market.listing import EXAMPLES, FORMS, GRIDS
from counterpoise.market.symbol import format_instrument, parse_instrument

PERP, SPOT, FUTURE, OPTION = InstrumentKind.PERP, InstrumentKind.SPOT, InstrumentKind.FUTURE, InstrumentKind.OPTION
LINEAR, INVERSE = False, True

WRITTEN = {
    "binance:BTCUSDT": (SPOT, "BTC", "USDT", "USDT", LINEAR, "1"),
    "binance:ETHBTC": (SPOT, "ETH", "BTC", "BTC", LINEAR, "1"),
    "binance:FDUSDUSDT": (SPOT, "FDUSD", "USDT", "USDT", LINEAR, "1"),
    "binance_coinm:BTCUSD_240927": (FUTURE, "BTC", "USD", "BTC", INVERSE, "100"),
    "binance_coinm:BTCUSD_PERP": (PERP, "BTC", "USD", "BTC", INVERSE, "100"),
    "binance_coinm:ETHUSD_PERP": (PERP, "ETH", "USD", "ETH", INVERSE, "10"),
    "binance_options:BTC-260327-80000-C": (OPTION, "BTC", "USDT", "USDT", LINEAR, "1"),
    "binance_usdm:1000SHIBUSDT": (PERP, "1000SHIB", "USDT", "USDT", LINEAR, "1"),
    "binance_usdm:BTCUSDT": (PERP, "BTC", "USDT", "USDT", LINEAR, "1"),
    "binance_usdm:BTCUSDT_240927": (FUTURE, "BTC", "USDT", "USDT", LINEAR, "1"),
    "bitmex:ETHUSD": (PERP, "ETH", "USD", "BTC", LINEAR, "0.000001"),
    "bitmex:XBTU21": (FUTURE, "BTC", "USD", "BTC", INVERSE, "1"),
    "bitmex:XBTUSD": (PERP, "BTC", "USD", "BTC", INVERSE, "1"),
    "bitmex:XBTUSDT": (PERP, "BTC", "USDT", "USDT", LINEAR, "0.000001"),
    "bitmex:XRPU21": (FUTURE, "XRP", "BTC", "BTC", LINEAR, "1"),
    "bybit:BTC-27MAR26": (FUTURE, "BTC", "USDC", "USDC", LINEAR, "1"),
    "bybit:BTC-27MAR26-80000-C": (OPTION, "BTC", "USDC", "USDC", LINEAR, "1"),
    "bybit:BTCPERP": (PERP, "BTC", "USDC", "USDC", LINEAR, "1"),
    "bybit:BTCUSD": (PERP, "BTC", "USD", "BTC", INVERSE, "1"),
    "bybit:BTCUSDT": (PERP, "BTC", "USDT", "USDT", LINEAR, "1"),
    "bybit:BTCUSDZ25": (FUTURE, "BTC", "USD", "BTC", INVERSE, "1"),
    "bybit_spot:BTCUSDT": (SPOT, "BTC", "USDT", "USDT", LINEAR, "1"),
    "coinbase:BTC-USD": (SPOT, "BTC", "USD", "USD", LINEAR, "1"),
    "deribit:BTC-27MAR26": (FUTURE, "BTC", "USD", "BTC", INVERSE, "1"),
    "deribit:BTC-27MAR26-80000-C": (OPTION, "BTC", "BTC", "BTC", LINEAR, "1"),
    "deribit:BTC-PERPETUAL": (PERP, "BTC", "USD", "BTC", INVERSE, "1"),
    "deribit:BTC_USDC": (SPOT, "BTC", "USDC", "USDC", LINEAR, "1"),
    "deribit:BTC_USDC-PERPETUAL": (PERP, "BTC", "USDC", "USDC", LINEAR, "1"),
    "deribit:XRP_USDC-27MAR26-0d625-C": (OPTION, "XRP", "USDC", "USDC", LINEAR, "1"),
    "dydx:BTC-USD": (PERP, "BTC", "USD", "USDC", LINEAR, "1"),
    "hyperliquid:BTC": (PERP, "BTC", "USD", "USDC", LINEAR, "1"),
    "hyperliquid:PURR/USDC": (SPOT, "PURR", "USDC", "USDC", LINEAR, "1"),
    "hyperliquid:xyz:TSLA": (PERP, "TSLA", "USD", "USDC", LINEAR, "1"),
    "kraken:BTC/USD": (SPOT, "BTC", "USD", "USD", LINEAR, "1"),
    "kraken_futures:fi_xbtusd_210924": (FUTURE, "BTC", "USD", "BTC", INVERSE, "1"),
    "kraken_futures:pf_xbtusd": (PERP, "BTC", "USD", "USD", LINEAR, "1"),
    "kraken_futures:pi_xbtusd": (PERP, "BTC", "USD", "BTC", INVERSE, "1"),
    "nyse:AIG": (SPOT, "AIG", "USD", "USD", LINEAR, "1"),
    "okx:BTC-USD-220514-22000-C": (OPTION, "BTC", "BTC", "BTC", LINEAR, "0.01"),
    "okx:BTC-USD-220527": (FUTURE, "BTC", "USD", "BTC", INVERSE, "100"),
    "okx:BTC-USD-SWAP": (PERP, "BTC", "USD", "BTC", INVERSE, "100"),
    "okx:BTC-USDT": (SPOT, "BTC", "USDT", "USDT", LINEAR, "1"),
    "okx:BTC-USDT-SWAP": (PERP, "BTC", "USDT", "USDT", LINEAR, "0.01"),
    "okx:ETH-USD-SWAP": (PERP, "ETH", "USD", "ETH", INVERSE, "10"),
}


@pytest.mark.parametrize("text", sorted(WRITTEN))
def test_terms_and_round_trip(text: str) -> None:
    found = parse_instrument(text)
    terms = found.kind, found.base, found.quote, found.settle, found.inverse, found.multiplier
    assert terms == WRITTEN[text]
    assert format_instrument(found) == text
    assert parse_instrument(format_instrument(found)) == found


def test_every_venue_is_tested_and_has_an_example() -> None:
    assert {text.partition(":")[0] for text in WRITTEN} == set(FORMS) == set(EXAMPLES)


@pytest.mark.parametrize("text", sorted(GRIDS))
def test_known_grids_belong_to_real_symbols(text: str) -> None:
    found = parse_instrument(text)
    assert (found.tick, found.lot) == GRIDS[text]


def test_given_steps_win() -> None:
    found = parse_instrument("okx:PEPE-USDT-SWAP", tick="0.000000001", lot="0.1", multiplier="10000000")
    assert (found.tick, found.lot, found.multiplier) == ("0.000000001", "0.1", "10000000")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("bybit:BTCUSDZ25", "2025-12-26T08:00"),  # last Friday
        ("bitmex:XBTU21", "2021-09-24T12:00"),
        ("kraken_futures:fi_xbtusd_210924", "2021-09-24T15:00"),  # London summer time
        ("kraken_futures:fi_xbtusd_211231", "2021-12-31T16:00"),
        ("deribit:BTC-3JAN26-90000-P", "2026-01-03T08:00"),
        ("okx:BTC-USD-220527", "2022-05-27T08:00"),
    ],
)
def test_expiries(text: str, expected: str) -> None:
    assert parse_instrument(text).expiry_ns == parse_time(expected)


DAYS = st.dates(date(2020, 1, 1), date(2069, 12, 31))
STRIKES = st.decimals("0.0001", "999999", places=4).map(lambda d: f"{d.normalize():f}")


def written(day: date, form: str) -> str:
    if form == "compact":
        return day.strftime("%y%m%d")
    return f"{day.day}{day.strftime('%b%y').upper()}"


@settings(deadline=None)
@given(day=DAYS, strike=STRIKES, right=st.sampled_from("CP"), venue=st.sampled_from(["deribit", "bybit", "okx"]))
def test_options_round_trip(day: date, strike: str, right: str, venue: str) -> None:
    symbol = {
        "deribit": f"XRP_USDC-{written(day, 'named')}-{strike.replace('.', 'd')}-{right}",
        "bybit": f"BTC-{written(day, 'named')}-{strike}-{right}",
        "okx": f"BTC-USD-{written(day, 'compact')}-{strike}-{right}",
    }[venue]
    found = parse_instrument(f"{venue}:{symbol}")
    at = datetime(day.year, day.month, day.day, 8, tzinfo=UTC)
    assert (found.kind, found.strike, found.right) == (OPTION, strike, right)
    assert found.expiry_ns == int(at.timestamp()) * SECOND_NS
    assert format_instrument(found) == f"{venue}:{symbol}"


@settings(deadline=None)
@given(year=st.integers(2020, 2069), month=st.sampled_from([3, 6, 9, 12]))
def test_month_codes_are_last_fridays(year: int, month: int) -> None:
    code = {3: "H", 6: "M", 9: "U", 12: "Z"}[month]
    expiry_ns = parse_instrument(f"bybit:BTCUSD{code}{year % 100:02d}").expiry_ns
    assert expiry_ns is not None
    day = datetime.fromtimestamp(expiry_ns // SECOND_NS, UTC)
    assert (day.year, day.month, day.weekday(), day.hour) == (year, month, 4, 8)
    assert (day + timedelta(days=7)).month != month


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("BTCUSDT", "venue:symbol"),
        ("binance:btcusdt", "expected BTCUSDT"),
        ("binance_usdm:BTCUSDT_240931", "not a date"),
        ("deribit:BTC-31FEB26", "not a date"),
        ("deribit:BTC-27MAR26-80000-X", "BTC-27MAR26-80000-C"),
        ("hyperliquid:@107", "index"),
        ("kraken_futures:PI_XBTUSD", "lower case"),
        ("okx:PEPE-USDT-SWAP", "multiplier="),
        ("nyse:aig", "AIG"),
    ],
)
def test_bad_symbols_say_what_is_expected(text: str, says: str) -> None:
    with pytest.raises(InputError, match=says):
        parse_instrument(text)


def test_unknown_venue_suggests_the_nearest() -> None:
    with pytest.raises(UnknownName, match="binance"):
        parse_instrument("binanse:BTCUSDT")


@pytest.fixture(scope="module")
def listings(data_dir: Path) -> dict[str, list[Any]]:
    """What the venues themselves listed when the captures were made."""
    out: dict[str, list[Any]] = {}
    with tarfile.open(data_dir / "08_venue_captures" / "cryptofeed_9venues.tar.xz") as archive:
        for member in archive:
            name = Path(member.name).name
            file = archive.extractfile(member) if name.endswith(".0") and name.count(".") == 1 else None
            lines = file.read().decode().splitlines() if file else []
            out[name[:-2]] = [json.loads(line.split(": ", 1)[1]) for line in lines if " -> " in line]
    return out


@pytest.mark.realdata
def test_okx_expiries_and_contract_sizes_are_the_venues(listings: dict[str, list[Any]]) -> None:
    rows = [row for page in listings["OKX"] for row in page["data"]]
    checked = 0
    for row in rows:
        if row["instType"] == "SPOT" or not row["ctVal"] or row["instType"] == "OPTION":
            continue
        try:
            found = parse_instrument(f"okx:{row['instId']}")
        except InputError as error:
            assert "contract size" in str(error)  # noqa: PT017
            continue
        assert found.multiplier == row["ctVal"], row["instId"]
        assert found.inverse == (row["ctType"] == "inverse")
        assert found.settle == row["settleCcy"]
        assert found.expiry_ns == (int(row["expTime"]) * 1_000_000 if row["expTime"] else None)
        checked += 1
    assert checked > 60


@pytest.mark.realdata
def test_deribit_expiries_and_strikes_are_the_venues(listings: dict[str, list[Any]]) -> None:
    checked = 0
    for row in (row for page in listings["DERIBIT"] for row in page["result"]):
        found = parse_instrument(f"deribit:{row['instrument_name']}")
        if found.kind is not PERP:
            assert found.expiry_ns == row["expiration_timestamp"] * 1_000_000
        if found.kind is OPTION:
            assert (float(found.strike or 0), found.right) == (row["strike"], row["option_type"][0].upper())
        checked += 1
    assert checked > 400


@pytest.mark.realdata
def test_kraken_and_bitmex_expiries_are_the_venues(listings: dict[str, list[Any]]) -> None:
    for row in listings["KRAKEN_FUTURES"][0]["instruments"]:
        if row["symbol"][:2] in ("pi", "fi"):
            found = parse_instrument(f"kraken_futures:{row['symbol']}")
            last = row.get("lastTradingTime")
            assert found.expiry_ns == (parse_time(last) if last else None)
    futures = [row for row in listings["BITMEX"][0] if row["typ"] == "FFCCSX" and row["symbol"][-3] in "HMUZ"]
    assert len(futures) > 5
    for row in futures:
        found = parse_instrument(f"bitmex:{row['symbol']}", multiplier="1")
        assert found.expiry_ns == parse_time(row["expiry"])
        assert found.inverse == row["isInverse"]
