"""Option chains: terms, the chain of a moment, and every fault by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from counterpoise.adapters.tardis import read_tardis
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import HOUR_NS, MINUTE_NS, parse_time
from counterpoise.market.chain import CHAIN_COLUMNS, chain_at, chain_faults, chain_quotes, option_terms, require_chain
from counterpoise.market.symbol import parse_instrument
from reference.deribit_chains import deribit_chains

T0 = parse_time("2026-01-05T12:00")
CALL, PUT = "BTC-27MAR26-80000-C", "BTC-27MAR26-80000-P"


def quote(symbol: str, seconds: float, **said: Any) -> dict[str, Any]:
    """A row of the option_quote table."""
    told = {"underlying_price": 92_000.0, "mark_price": 0.15, "mark_iv": 0.5, "delta": 0.7, "open_interest": 3.0}
    return {"ts_local": T0 + round(seconds * 1e9), "seq": round(seconds), "symbol": symbol, **told, **said}


def chain(*rows: dict[str, Any]) -> pl.DataFrame:
    table = pl.DataFrame(list(rows), infer_schema_length=None)
    told = table.join(option_terms(table["symbol"], venue="deribit"), on="symbol", how="left")
    absent = [pl.lit(None, dtype).alias(n) for n, dtype in CHAIN_COLUMNS.items() if n not in told.columns]
    return told.with_columns(absent).select(pl.col(n).cast(dtype) for n, dtype in CHAIN_COLUMNS.items())


def test_terms_of_coin_settled_and_linear_options() -> None:
    coin = option_terms(pl.Series([CALL, CALL, PUT]), venue="deribit").to_dicts()
    assert [row["right"] for row in coin] == ["C", "P"]
    assert (coin[0]["base"], coin[0]["cash"], coin[0]["coin_settled"], coin[0]["strike"]) == ("BTC", "USD", True, 80_000)
    linear = option_terms(pl.Series(["XRP_USDC-27MAR26-0d625-C"]), venue="deribit").to_dicts()[0]
    assert (linear["cash"], linear["coin_settled"], linear["strike"]) == ("USDC", False, 0.625)
    small = option_terms(pl.Series(["BTC-USD-220514-22000-C"]), venue="okx").to_dicts()[0]
    assert small["multiplier"] == 0.01
    with pytest.raises(InputError, match="filter the others out"):
        option_terms(pl.Series(["BTC-PERPETUAL"]), venue="deribit")


def test_the_chain_of_a_moment_sees_nothing_later() -> None:
    quotes = pl.DataFrame(
        [
            quote(PUT, 5, delta=-0.3),
            quote(CALL, 10, mark_price=0.11),
            quote(CALL, 20, mark_price=0.12),
            quote(CALL, 30, mark_price=0.13),
            quote("BTC-5JAN26-80000-C", 15),
        ]
    ).sort("ts_local")
    found = chain_at(quotes, venue="deribit", at_ns=T0 + 30 * 10**9, max_age_ns=MINUTE_NS)
    assert found.select("symbol", "mark_price").rows() == [(CALL, 0.12), (PUT, 0.15)]  # what expired at 08:00 is not in it
    assert found.columns == list(CHAIN_COLUMNS)
    assert set(found["ts_local"]) == {T0 + 30 * 10**9}
    young = chain_at(quotes, venue="deribit", at_ns=T0 + 30 * 10**9, max_age_ns=20 * 10**9)
    assert young["symbol"].to_list() == [CALL]
    assert chain_at(quotes, venue="deribit", at_ns=T0, max_age_ns=HOUR_NS).height == 0


def test_from_a_file_of_quotes_to_a_chain(tmp_path: Path) -> None:
    """A Tardis file of three options, one of which said something twice; Deribit gives no gamma finer than 10⁻⁵."""
    head = (
        "exchange,symbol,timestamp,local_timestamp,type,strike_price,expiration,open_interest,last_price,bid_price,"
        "bid_amount,bid_iv,ask_price,ask_amount,ask_iv,mark_price,mark_iv,underlying_index,underlying_price,delta,gamma,vega,"
        "theta,rho\n"
    )
    start, tail = T0 // 1000, "0.1,0.0295,0.028,6,62.5,,,,{},64.25,SYN.BTC-9JUN20,9600.5,{},0.0003,4.1,-30.2,-0.4\n"
    said = (("BTC-27MAR26-9875-P", 0.03, -0.6), ("BTC-27MAR26-9000-C", 0.07, 0.7), ("BTC-27MAR26-9875-P", 0.04, -0.61))
    lines = [
        f"deribit,{symbol},{start + i},{start + i},put,9875,{start + 10**9}," + tail.format(mark, delta)
        for i, (symbol, mark, delta) in enumerate(said)
    ]
    file = tmp_path / "chain.csv"
    file.write_text(head + "".join(lines))
    batches = read_tardis(file, kind="options_chain", instrument=lambda symbol: parse_instrument(f"deribit:{symbol}"))
    quotes = chain_quotes((batch.instrument, batch.frame) for batch in batches)
    found = chain_at(quotes, venue="deribit", at_ns=T0 + 3000, max_age_ns=MINUTE_NS)
    assert found.select("symbol", "mark_price", "delta", "mark_iv").rows() == [
        ("BTC-27MAR26-9000-C", 0.07, 0.7, 0.6425),
        ("BTC-27MAR26-9875-P", 0.04, -0.61, 0.6425),
    ]
    with pytest.raises(InputError, match="option quotes of venues: none"):
        chain_quotes([])
    with pytest.raises(InputError, match="expected options"):
        chain_quotes([(parse_instrument("deribit:BTC-PERPETUAL"), quotes)])


@pytest.mark.parametrize(
    ("fault", "rows"),
    [
        ("stands twice", [quote(CALL, 1), quote(CALL, 1)]),
        ("expired", [quote("BTC-5JAN26-80000-C", 1)]),
        ("not a number", [quote(CALL, 1, delta=float("nan"))]),
        ("not a number", [quote(CALL, 1, mark_iv=float("nan"))]),
        ("crossed", [quote(CALL, 1, bid_price=0.16, ask_price=0.15)]),
        ("below nothing", [quote(CALL, 1, open_interest=-1.0)]),
        ("no price of the underlying", [quote(CALL, 1, underlying_price=0.0)]),
        ("delta out of its bounds", [quote(PUT, 1)]),
        ("delta out of its bounds", [quote(CALL, 1, delta=70.0)]),
        ("iv cannot be a fraction", [quote(CALL, 1, mark_iv=50.0)]),
    ],
)
def test_every_fault_has_a_name_and_advice(fault: str, rows: list[dict[str, Any]]) -> None:
    table = chain(*rows, quote(PUT, 2, delta=-0.3))
    faults = chain_faults(table)
    assert faults["fault"].to_list() == [fault]
    assert faults["options"].to_list() == [len(rows)]
    with pytest.raises(DataError, match=rf"{len(rows)} {fault} \(such as {rows[0]['symbol']} at 2026-01-05 12:00:01"):
        require_chain(table)


def test_a_sound_chain_and_a_silent_venue_have_none() -> None:
    silent = dict.fromkeys(("delta", "mark_iv", "underlying_price", "bid_price", "ask_price"))
    table = chain(quote(CALL, 1, bid_price=0.15, ask_price=0.15), quote(PUT, 1, **silent))
    assert chain_faults(table).height == 0
    with pytest.raises(InputError, match="missing: vega"):
        chain_faults(table.drop("vega"))


@pytest.mark.realdata
def test_recorded_chains_have_no_fault(data_dir: Path) -> None:
    table = deribit_chains(data_dir)
    assert table.height == 26_552
    assert chain_faults(table).height == 0
    broken = table.with_columns(pl.when(pl.col("strike") == 90_000).then(float("nan")).otherwise("delta").alias("delta"))
    assert chain_faults(broken)["fault"].to_list() == ["not a number"]
