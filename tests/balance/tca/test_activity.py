"""Orders sent beside what came of them."""

from __future__ import annotations

import polars as pl
import pytest

from counterpoise.balance.tca import activity
from counterpoise.core.errors import InputError, SchemaError

ORDERS = pl.DataFrame(
    {
        "client_id": ["a", "b", "c", "d"],
        "venue": ["x", "x", "y", "y"],
        "qty": [10.0, 10.0, 10.0, 10.0],
        "state": ["filled", "cancelled", "cancelled", "rejected"],
    }
)
FILLS = pl.DataFrame({"client_id": ["a", "a", "b"], "qty": [6.0, 4.0, 5.0], "maker": [True, False, True]})


def test_by_hand() -> None:
    row = activity(ORDERS, FILLS).to_dicts()[0]
    assert row == {
        "orders": 4, "orders_filled": 2, "fills": 3, "cancelled": 2, "rejected": 1, "qty_sent": 40, "qty_filled": 15,
        "qty_maker": 11, "fill_rate": 0.375, "hit_rate": 0.5, "cancel_ratio": 0.5, "order_to_trade": pytest.approx(4 / 3),
        "maker_share": pytest.approx(11 / 15),
    }  # fmt: skip


def test_by_venue() -> None:
    x, y = activity(ORDERS, FILLS, ["venue"]).to_dicts()
    assert (x["venue"], x["orders"], x["fills"], x["cancel_ratio"]) == ("x", 2, 3, 0.5)
    assert (y["venue"], y["fill_rate"], y["order_to_trade"], y["maker_share"]) == ("y", 0, None, None)


def test_states_that_nobody_knows_are_null() -> None:
    row = activity(ORDERS.drop("state"), FILLS).to_dicts()[0]
    assert (row["cancelled"], row["rejected"], row["cancel_ratio"]) == (None, None, None)


def test_nothing_sent() -> None:
    row = activity(ORDERS.clear(), FILLS.clear()).to_dicts()[0]
    assert (row["orders"], row["fill_rate"], row["order_to_trade"]) == (0, None, None)


def test_what_does_not_reconcile_is_refused() -> None:
    with pytest.raises(InputError, match="stands twice"):
        activity(pl.concat([ORDERS, ORDERS]), FILLS)
    with pytest.raises(InputError, match="fills of 'a' have no order"):
        activity(ORDERS[1:], FILLS)
    with pytest.raises(InputError, match="order 'a' filled more than was sent"):
        activity(ORDERS.with_columns(qty=pl.lit(9.0)), FILLS)
    with pytest.raises(SchemaError, match="orders lack desk"):
        activity(ORDERS, FILLS, ["desk"])
