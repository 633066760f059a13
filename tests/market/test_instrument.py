"""Contract terms against published examples, and exact money laws."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument, InstrumentKind

LINEAR = Instrument(
    venue="binance_usdm",
    symbol="BTCUSDT",
    kind=InstrumentKind.PERP,
    base="BTC",
    quote="USDT",
    settle="USDT",
    tick="0.1",
    lot="0.001",
)
INVERSE = Instrument(
    venue="binance_coinm",
    symbol="BTCUSD_PERP",
    kind=InstrumentKind.PERP,
    base="BTC",
    quote="USD",
    settle="BTC",
    tick="0.1",
    lot="1",
    multiplier="100",
    inverse=True,
)
ONE_DOLLAR = msgspec.structs.replace(INVERSE, venue="bitmex", symbol="XBTUSD", tick="0.5", multiplier="1")
SHIB = msgspec.structs.replace(LINEAR, symbol="1000SHIBUSDT", base="SHIB", tick="0.000001", lot="1", multiplier="1000")

ANY = st.sampled_from([LINEAR, INVERSE, ONE_DOLLAR, SHIB])
TICKS = st.integers(1, 10**8)
LOTS = st.integers(-(10**9), 10**9)


def test_inverse_profit_is_bitmex_futures_guide_example() -> None:
    """Inverse futures guide: 100,000 contracts long from 10,000 to 10,500 = 100,000 · (1/10,000 − 1/10,500) = 0.4762 XBT."""
    profit = ONE_DOLLAR.profit(20_000, 21_000, 100_000)
    assert profit == Fraction(10, 21)
    assert round(float(profit), 4) == 0.4762


def test_inverse_margin_example_of_the_same_guide() -> None:
    """To go long 10 XBT at 10,000 the trader buys 100,000 contracts of 1 USD."""
    assert ONE_DOLLAR.base_qty(20_000, 100_000) == 10


def test_binance_official_cross_example_linear_profit() -> None:
    """Cross-margin example: ETH long 3683.979 from 1456.84 marked at 1335.18 has an unrealised profit of −448,192.89."""
    eth = msgspec.structs.replace(LINEAR, symbol="ETHUSDT", base="ETH", tick="0.01")
    assert round(float(eth.profit(145_684, 133_518, 3_683_979)), 2) == -448_192.89


@given(TICKS, TICKS, LOTS)
def test_inverse_profit_is_dollars_times_the_difference_of_inverse_prices(entry: int, exit_: int, lots: int) -> None:
    s0, s1 = Fraction(entry, 10), Fraction(exit_, 10)
    assert INVERSE.profit(entry, exit_, lots) == INVERSE.notional(entry, lots) * (1 / s0 - 1 / s1)


@given(TICKS, TICKS, LOTS)
def test_linear_profit_is_coins_times_the_difference_of_prices(entry: int, exit_: int, lots: int) -> None:
    assert LINEAR.profit(entry, exit_, lots) == Fraction(lots, 1000) * Fraction(exit_ - entry, 10)
    assert SHIB.profit(entry, exit_, lots) == lots * 1000 * Fraction(exit_ - entry, 10**6)


@given(ANY, TICKS, TICKS, TICKS, LOTS)
def test_profit_adds_up_along_a_path(instrument: Instrument, a: int, b: int, c: int, lots: int) -> None:
    assert instrument.profit(a, b, lots) + instrument.profit(b, c, lots) == instrument.profit(a, c, lots)


@given(ANY, TICKS, TICKS, LOTS, LOTS)
def test_profit_and_notional_add_up_over_positions(instrument: Instrument, a: int, b: int, x: int, y: int) -> None:
    assert instrument.profit(a, b, x) + instrument.profit(a, b, y) == instrument.profit(a, b, x + y)
    assert instrument.notional(a, x) + instrument.notional(a, y) == instrument.notional(a, x + y)
    assert instrument.base_qty(a, x) + instrument.base_qty(a, y) == instrument.base_qty(a, x + y)


@given(ANY, TICKS, LOTS)
def test_notional_is_base_times_price(instrument: Instrument, ticks: int, lots: int) -> None:
    price = Fraction(instrument.price_grid.decimal(ticks))
    assert instrument.notional(ticks, lots) == instrument.base_qty(ticks, lots) * price


@given(TICKS, TICKS, LOTS)
def test_an_inverse_notional_does_not_depend_on_the_price(a: int, b: int, lots: int) -> None:
    assert INVERSE.notional(a, lots) == INVERSE.notional(b, lots) == 100 * lots


@given(ANY, TICKS, TICKS)
def test_a_long_gains_when_the_price_rises(instrument: Instrument, a: int, b: int) -> None:
    profit = instrument.profit(a, b, 1)
    assert (profit > 0) == (b > a)
    assert (profit < 0) == (b < a)


def test_an_inverse_contract_has_no_coins_at_a_price_of_nothing() -> None:
    with pytest.raises(InputError, match="positive price, found 0 ticks"):
        INVERSE.base_qty(0, 1)


def test_names_and_grids() -> None:
    assert LINEAR.id == "binance_usdm:BTCUSDT"
    assert (LINEAR.price(618_002), LINEAR.qty(2_507)) == (61800.2, 2.507)
    assert (str(LINEAR.price_grid), str(SHIB.price_grid)) == ("0.1", "0.000001")


def test_terms_survive_the_way_through_json() -> None:
    option = Instrument(
        venue="deribit",
        symbol="BTC-27MAR26-80000-C",
        kind=InstrumentKind.OPTION,
        base="BTC",
        quote="BTC",
        settle="BTC",
        tick="0.0001",
        lot="0.1",
        expiry_ns=1_774_598_400_000_000_000,
        strike="80000",
        right="C",
    )
    assert msgspec.json.decode(msgspec.json.encode(option), type=Instrument) == option


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tick": "0"}, "positive"),
        ({"lot": "x"}, "not a decimal"),
        ({"multiplier": "-1"}, "positive"),
        ({"right": "C", "strike": "5"}, "only an option"),
        ({"kind": InstrumentKind.OPTION}, "strike and a right"),
        ({"kind": InstrumentKind.OPTION, "right": "X", "strike": "5"}, "strike and a right"),
        ({"kind": InstrumentKind.FUTURE}, "expiry_ns"),
        ({"expiry_ns": 5}, "expiry_ns"),
    ],
)
def test_terms_that_contradict_themselves_are_refused(change: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        msgspec.structs.replace(LINEAR, **change)  # type: ignore[arg-type]
