"""Implementation shortfall: a published split to the cent, and that the parts are the whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.tca import Executions, Shortfall, shortfall
from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument, InstrumentKind

PARTS = ("delay", "spread", "impact", "timing", "opportunity", "fees")
PRICES = st.floats(50, 200)
FILLS = st.lists(st.tuples(PRICES, st.floats(0.001, 10), st.floats(-1, 1), PRICES, PRICES), max_size=12)


def executions(*fills: tuple[float, float, float, float, float]) -> Executions:
    return Executions(*np.array(fills, np.float64).reshape(-1, 5).T)


def buy_ten_thousand(*, side: int = 1) -> Shortfall:
    """Decision 100, arrival 100.10; 6,000 at 100.20, 2,000 at 100.40; close 101; fee .01 a unit; a sale mirrors the prices."""

    def at(price: float) -> float:
        return 100 + side * (price - 100)

    fills = executions(
        (at(100.20), 6000, 60, at(100.16), at(100.12)),
        (at(100.40), 2000, 20, at(100.34), at(100.22)),
    )
    return shortfall(fills, side=side, qty=10_000, decision_price=100, arrival_price=at(100.10), close_price=at(101))


@pytest.mark.parametrize("side", [1, -1])
def test_worked_example_to_the_cent(side: int) -> None:
    """Its 'spread and impact' of 1,200 is all between arrival and price: our spread, impact and timing together."""
    cost = buy_ten_thousand(side=side)
    assert round(cost.delay, 2) == 800
    assert round(cost.spread + cost.impact + cost.timing, 2) == 1200
    assert round(cost.opportunity, 2) == 2000
    assert round(cost.fees, 2) == 80
    assert round(cost.total, 2) == 4080
    assert cost.total_bps == pytest.approx(40.8)
    assert (cost.filled_qty, cost.unfilled_qty, cost.notional) == (8000, 2000, 1_000_000)


def test_split_by_cause() -> None:
    """6,000 × .04 + 2,000 × .06; 6,000 × .04 + 2,000 × .12; 6,000 × .02 + 2,000 × .12."""
    cost = buy_ten_thousand()
    assert [round(x, 2) for x in (cost.spread, cost.impact, cost.timing)] == [360, 480, 360]
    assert cost.average_price == pytest.approx(100.25)
    assert cost.bps("delay") == pytest.approx(8)


@given(FILLS, st.sampled_from([1, -1]), st.floats(0, 50), PRICES, PRICES, PRICES)
def test_parts_are_what_was_paid_above_paper(
    fills: list[tuple[float, float, float, float, float]], side: int, more: float, decision: float, arrival: float, close: float
) -> None:
    """Perold: the difference to a paper portfolio that traded all at the decision price, whatever the mids were."""
    traded = executions(*fills)
    qty = float(traded.qty.sum()) + more + 0.001
    cost = shortfall(traded, side=side, qty=qty, decision_price=decision, arrival_price=arrival, close_price=close)
    paper = side * qty * (close - decision)
    real = side * float((traded.qty * (close - traded.price)).sum()) - float(traded.fee.sum())
    assert cost.total == pytest.approx(paper - real, rel=1e-9, abs=1e-6)
    assert sum(getattr(cost, part) for part in PARTS) == cost.total
    assert sum(cost.bps(part) for part in PARTS) == pytest.approx(cost.total_bps, rel=1e-9, abs=1e-9)


@given(FILLS.filter(bool), PRICES)
def test_a_sale_mirrors_a_purchase(fills: list[tuple[float, float, float, float, float]], arrival: float) -> None:
    """Mirrored prices, same costs."""
    mirror = [(300 - p, q, fee, 300 - mid, 300 - market) for p, q, fee, mid, market in fills]
    qty = sum(f[1] for f in fills) * 2
    bought = shortfall(executions(*fills), side=1, qty=qty, decision_price=150, arrival_price=arrival, close_price=120)
    sold = shortfall(executions(*mirror), side=-1, qty=qty, decision_price=150, arrival_price=300 - arrival, close_price=180)
    for part in (*PARTS, "total", "total_bps"):
        assert getattr(sold, part) == pytest.approx(getattr(bought, part), rel=1e-9, abs=1e-6)


def test_nothing_filled_costs_the_opportunity_alone() -> None:
    cost = shortfall(executions(), side=-1, qty=5, decision_price=100, arrival_price=99, close_price=90)
    assert cost.average_price is None
    assert (cost.total, cost.opportunity, cost.unfilled_qty) == (50, 50, 5)
    assert [str(getattr(cost, part)) for part in PARTS if part != "opportunity"] == ["0.0"] * 5


def test_float_noise_leaves_nothing_unfilled() -> None:
    """0.1 added ten times is not 1; the parent is filled all the same, and the last lot is none."""
    fills = executions(*[(100.0, 0.1, 0.0, 100.0, 100.0)] * 10)
    assert fills.qty.cumsum()[-1] != 1
    for qty in (1.0, float(fills.qty.sum()), 1 - 1e-12, 1 + 1e-12):
        cost = shortfall(fills, side=1, qty=qty, decision_price=100, arrival_price=100, close_price=1000)
        assert (cost.unfilled_qty, cost.opportunity, cost.filled_qty) == (0, 0, qty)
    left = shortfall(fills, side=1, qty=1.00001, decision_price=100, arrival_price=100, close_price=1000)
    assert left.unfilled_qty == pytest.approx(1e-5)


@pytest.mark.parametrize(
    "bad",
    [
        {"qty": 0.0},
        {"qty": -1.0},
        {"qty": float("inf")},
        {"qty": float("nan")},
        {"side": 0},
        {"side": 2},
        {"decision_price": 0.0},
        {"arrival_price": float("nan")},
        {"close_price": float("inf")},
        {"close_price": -1.0},
    ],
)
def test_terms_that_cannot_be_meant_are_refused(bad: dict[str, float]) -> None:
    good = {"side": 1, "qty": 10.0, "decision_price": 100.0, "arrival_price": 100.0, "close_price": 100.0}
    with pytest.raises(InputError, match="positive finite prices and quantity"):
        shortfall(executions(), **(good | bad))  # type: ignore[arg-type]


@pytest.mark.parametrize("column", Executions._fields)
def test_executions_that_are_not_numbers_are_refused(column: str) -> None:
    good = executions((100, 1, 0, 100, 100), (100, 1, 0, 100, 100))
    terms = {"side": 1, "qty": 10.0, "decision_price": 100.0, "arrival_price": 100.0, "close_price": 100.0}
    for broken in (np.array([100, np.nan]), np.array([100.0])):
        with pytest.raises(InputError, match="five columns of one length, all finite"):
            shortfall(good._replace(**{column: broken}), **terms)  # type: ignore[arg-type]


def test_more_filled_than_wanted_is_refused() -> None:
    with pytest.raises(InputError, match=r"2\.0 was filled of a parent of 1\.9; reconcile"):
        shortfall(executions((100, 2, 0, 100, 100)), side=1, qty=1.9, decision_price=100, arrival_price=100, close_price=100)


@given(FILLS, st.sampled_from([1, -1]), PRICES, PRICES, PRICES)
def test_an_inverse_contract_costs_coins(
    fills: list[tuple[float, float, float, float, float]], side: int, decision: float, arrival: float, close: float
) -> None:
    """What is lost is the profit of the same position held from the decision price to the price paid, and to the close."""
    traded = executions(*fills)
    qty = float(traded.qty.sum()) + 3
    cost = shortfall(
        traded, side=side, qty=qty, decision_price=decision, arrival_price=arrival, close_price=close, inverse=True
    )
    perp = Instrument(
        venue="v", symbol="BTCUSD", kind=InstrumentKind.PERP, base="BTC", quote="USD", settle="BTC", tick="1e-9", lot="1e-9",
        inverse=True,
    )  # fmt: skip

    def profit(start: float, end: float, amount: float) -> float:
        return float(perp.profit(round(start * 1e9), round(end * 1e9), round(side * amount * 1e9)))

    paid = sum(profit(decision, float(p), float(q)) for p, q in zip(traded.price, traded.qty, strict=True))
    missed = profit(decision, close, 3)
    assert cost.total == pytest.approx(paid + missed + float(traded.fee.sum()), abs=1e-7)
    assert cost.notional == pytest.approx(qty / decision)
