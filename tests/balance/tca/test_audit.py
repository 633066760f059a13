"""The export adds up to the last digit as an auditor reads it, and says what each column means."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

import polars as pl
import pytest

from counterpoise.balance.tca import FILL_PARTS, AuditTables, audit_tables, fill_costs
from counterpoise.core.errors import InputError, SchemaError
from counterpoise.market.instrument import Instrument, InstrumentKind
from reference.random_fills import random_fills

BTC = Instrument(
    venue="v", symbol="BTC-PERP", kind=InstrumentKind.PERP, base="BTC", quote="USDT", settle="USDT", tick="0.01", lot="0.1"
)


def orders() -> pl.DataFrame:
    names = [f"p-{i:02d}" for i in range(10)]
    return pl.DataFrame(
        {"ts": pl.Series(range(10)).cast(pl.Datetime("ns", "UTC")), "client_id": names, "side": 1, "price": 101.0,
         "qty": 1000.0, "time_in_force": "post_only"}
    )  # fmt: skip


def costs() -> pl.DataFrame:
    return fill_costs(random_fills(11), side=1, decision_price=99.5, arrival_price=99.8)


def read(frame: pl.DataFrame) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(frame.write_csv())))


@pytest.fixture(scope="module")
def tables() -> AuditTables:
    return audit_tables(orders(), costs(), BTC)


def test_an_auditor_adds_up_what_he_reads(tables: AuditTables) -> None:
    """With exact decimals from the text: parts to costs, fills to orders, orders to totals."""
    fills, sent = read(tables.fills), read(tables.orders)
    for row in (*fills, *sent):
        assert sum(Decimal(row[f"{part}_settle"]) for part in FILL_PARTS) == Decimal(row["cost_settle"])
    money = [name for name in fills[0] if name.endswith("_settle")]
    for order in sent:
        mine = [fill for fill in fills if fill["order_id"] == order["order_id"]]
        for name in money:
            assert sum((Decimal(fill[name]) for fill in mine), Decimal(0)) == Decimal(order[name])
        assert sum((Decimal(fill["quantity_units"]) for fill in mine), Decimal(0)) == Decimal(order["filled_quantity_units"])
    for total in read(tables.totals):
        column = total["quantity"]
        assert sum(Decimal(order[column]) for order in sent) == Decimal(total["from_orders"]) == Decimal(total["from_fills"])
    assert tables.totals["agrees"].all()


def test_it_is_what_was_done(tables: AuditTables) -> None:
    given = costs()
    assert tables.fills.height == given.height
    assert float(tables.totals.filter(pl.col("quantity") == "cost_settle")["from_fills"][0]) == pytest.approx(
        given["cost"].sum()
    )
    assert tables.fills["filled_utc"][0].endswith("Z")
    assert tables.orders["sent_utc"][3] == "1970-01-01T00:00:00.000000003Z"
    assert set(tables.orders["side"]) == {"buy"}
    idle = tables.orders.filter(pl.col("order_id") == "p-09").to_dicts()[0]
    assert (idle["filled_quantity_units"], idle["cost_settle"]) == (0, 0)


def test_every_column_is_explained(tables: AuditTables) -> None:
    named = set(tables.dictionary.select("table", "column").rows())
    assert named == {("orders", c) for c in tables.orders.columns} | {("fills", c) for c in tables.fills.columns}
    assert all(tables.dictionary["definition"])
    units = dict(tables.dictionary.select("column", "unit").rows())
    assert (units["price_quote"], units["quantity_units"], units["sent_utc"]) == ("USDT", "1 BTC", "ISO 8601, UTC")


def test_a_contract_in_coins_says_so() -> None:
    coin = Instrument(
        venue="v", symbol="BTCUSD", kind=InstrumentKind.PERP, base="BTC", quote="USD", settle="BTC", tick="0.1", lot="1",
        multiplier="100", inverse=True,
    )  # fmt: skip
    units = dict(audit_tables(orders(), costs(), coin).dictionary.select("column", "unit").rows())
    assert (units["quantity_units"], units["cost_settle"]) == ("contracts of 100 USD", "BTC")


def test_nothing_filled_is_a_table_of_orders() -> None:
    tables = audit_tables(orders(), costs().clear(), BTC)
    assert (tables.orders.height, tables.fills.height) == (10, 0)
    assert tables.totals["agrees"].all()


def test_what_does_not_reconcile_is_refused() -> None:
    with pytest.raises(InputError, match="a fill has none"):
        audit_tables(orders()[5:], costs(), BTC)
    with pytest.raises(InputError, match="an order stands twice"):
        audit_tables(pl.concat([orders(), orders()]), costs(), BTC)
    with pytest.raises(SchemaError, match="costs lack notional"):
        audit_tables(orders(), random_fills(11), BTC)
