"""Benchmarks of an interval by hand, and how slippage to arrival hangs together with the shortfall."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from counterpoise.balance.tca import Executions, benchmarks, shortfall
from counterpoise.balance.tca.benchmarks import Market
from counterpoise.core.errors import InputError
from reference.random_fills import random_fills

MARKET = Market(
    trade_ns=np.array([5, 10, 20, 30, 40]),
    trade_price=np.array([90.0, 100.0, 102.0, 104.0, 999.0]),
    trade_qty=np.array([7.0, 10.0, 20.0, 10.0, 50.0]),
    mid_ns=np.array([0, 20, 35]),
    mid=np.array([100.0, 103.0, 105.0]),
)
INTERVAL = {"start_ns": 10, "end_ns": 40, "arrival_price": 100.0}


def prices(table: pl.DataFrame) -> dict[str, float | None]:
    return dict(table.select("benchmark", "price").rows())


def test_by_hand() -> None:
    """Trades at 5 and 40 lie outside; mids stand 10, 15 and 5 ns of the interval's 30; we buy 10 at 103."""
    table = benchmarks(np.array([103.0]), np.array([10.0]), MARKET, side=1, rate=0.5, **INTERVAL)
    assert prices(table) == pytest.approx(
        {
            "arrival": 100,
            "vwap": (1000 + 2040 + 1040) / 40,
            "vwap_all": (1000 + 2040 + 1040 + 1030) / 50,
            "twap": (10 * 100 + 15 * 103 + 5 * 105) / 30,
            "close": 105,
            "pov": 100,  # half of volume: ours are done with the first 10 of others
        }
    )
    assert dict(table.select("benchmark", "slippage_bps").rows()) == pytest.approx(
        {name: 1e4 * (103 - price) / price for name, price in prices(table).items() if price}
    )


@pytest.mark.parametrize(
    ("rate", "expected"), [(0.25, (1000 + 2040) / 30), (1 / 3, (1000 + 1020) / 20), (0.1, 102), (None, 102)]
)
def test_participation_meets_the_volume_that_its_share_needs(rate: float | None, expected: float) -> None:
    """10 of ours need 30 of others at a quarter, 20 at a third, 90 at a tenth, which never traded; and 40 is what traded."""
    table = benchmarks(np.array([103.0]), np.array([10.0]), MARKET, side=1, rate=rate, **INTERVAL)
    assert prices(table)["pov"] == pytest.approx(expected)


def test_a_sale_above_the_benchmark_is_a_gain() -> None:
    bought, sold = (benchmarks(np.array([103.0]), np.array([10.0]), MARKET, side=side, **INTERVAL) for side in (1, -1))
    assert sold["slippage_bps"].to_list() == pytest.approx((-bought["slippage_bps"]).to_list())
    assert sold["slippage_bps"][0] < 0


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("side", [1, -1])
def test_slippage_to_arrival_is_the_shortfall_behind_it(side: int, inverse: bool) -> None:
    """spread + impact + timing, over the value at arrival of what was filled."""
    fills = random_fills(8, side=side, inverse=inverse)
    executions = Executions(**{name: fills[name].to_numpy() for name in Executions._fields})
    qty = float(executions.qty.sum())
    cost = shortfall(executions, side=side, qty=qty, decision_price=99, arrival_price=100, close_price=101, inverse=inverse)
    market = MARKET._replace(trade_qty=MARKET.trade_qty * 10)
    table = benchmarks(executions.price, executions.qty, market, side=side, inverse=inverse, **INTERVAL)
    value = qty / 100 if inverse else qty * 100
    assert table["slippage_bps"][0] == pytest.approx(1e4 * (cost.spread + cost.impact + cost.timing) / value)


def test_means_of_an_inverse_contract_are_of_what_it_is_worth() -> None:
    table = benchmarks(np.array([100.0, 200.0]), np.array([100.0, 100.0]), MARKET, side=1, inverse=True, **INTERVAL)
    weight = np.array([10.0, 20.0, 10.0])
    assert prices(table)["vwap"] == pytest.approx(40 / (weight / np.array([100.0, 102.0, 104.0])).sum())
    average = 200 / (1 + 0.5)
    assert table["slippage_bps"][0] == pytest.approx(1e4 * (1 - 100 / average))


def test_what_is_not_there_is_null() -> None:
    nothing = np.zeros(0)
    table = benchmarks(nothing, nothing, MARKET, side=1, **INTERVAL)
    assert table["slippage_bps"].to_list() == [None] * 6
    assert prices(table)["pov"] is None
    silent = Market(*(nothing.astype(np.int64) if name.endswith("ns") else nothing for name in Market._fields))
    table = benchmarks(np.array([103.0]), np.array([1.0]), silent, side=1, **INTERVAL)
    assert prices(table) == {"arrival": 100, "vwap": None, "vwap_all": 103, "twap": None, "close": None, "pov": None}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"side": 0}, "need a side"),
        ({"end_ns": 10}, "start before end"),
        ({"arrival_price": 0.0}, "arrival price"),
        ({"rate": 1.0}, "share of volume"),
        ({"rate": 0.0}, "share of volume"),
        ({"price": np.array([np.nan])}, "price holds"),
        ({"price": np.array([1.0, 2.0])}, "one length"),
        ({"market": MARKET._replace(trade_ns=MARKET.trade_ns[::-1])}, "times of the market fall"),
        ({"market": MARKET._replace(trade_qty=-MARKET.trade_qty)}, "trade_qty holds"),
        ({"market": MARKET._replace(mid=MARKET.mid * 0)}, "mid holds"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, object], said: str) -> None:
    given = {"price": np.array([103.0]), "qty": np.array([10.0]), "market": MARKET, "side": 1, **INTERVAL} | wrong
    with pytest.raises(InputError, match=said):
        benchmarks(given.pop("price"), given.pop("qty"), given.pop("market"), **given)  # type: ignore[arg-type]
