"""Tables for an auditor: one row an order, one row a fill, sums that agree to the last digit, and what each column means."""

from __future__ import annotations

from typing import Final, NamedTuple

import polars as pl

from counterpoise.balance.tca.breakdown import require_columns
from counterpoise.balance.tca.shortfall import FILL_PARTS
from counterpoise.core.errors import InputError
from counterpoise.market.instrument import Instrument

__all__ = ["AuditTables", "audit_tables"]

_EXACT: Final = pl.Decimal(38, 10)
_ISO: Final = "%Y-%m-%dT%H:%M:%S%.9fZ"
_MONEY: Final = ("notional", *FILL_PARTS, "cost")
_MEANINGS: Final = {
    "order_id": ("", "client order id, unique in the export"),
    "fill_number": ("", "number of the fill in the order of the venue's messages, from 1"),
    "instrument": ("", "venue:symbol"),
    "side": ("", "buy or sell"),
    "sent_utc": ("ISO 8601, UTC", "when the order was handed to the venue's connection"),
    "filled_utc": ("ISO 8601, UTC", "time of the fill by the venue"),
    "state": ("", "last state of the order that the venue told; empty when none was heard"),
    "time_in_force": ("", "gtc, ioc, fok or post_only"),
    "quantity_units": ("{unit}", "quantity ordered, or of the fill"),
    "filled_quantity_units": ("{unit}", "sum of quantity_units of the order's fills"),
    "limit_price_quote": ("{quote}", "limit price; 0 for a market order"),
    "price_quote": ("{quote}", "price of the fill"),
    "mid_before_quote": ("{quote}", "mean of best bid and ask just before the fill, as shown to us"),
    "market_mid_quote": ("{quote}", "the same without our own impact where a simulation knows it"),
    "maker": ("", "true when our order rested and was hit"),
    "fee_settle": ("{settle}", "fee of the venue; negative is a rebate"),
    "notional_settle": ("{settle}", "quantity valued at the decision price"),
    "delay_settle": ("{settle}", "side x quantity x (arrival mid - decision mid)"),
    "spread_settle": ("{settle}", "side x quantity x (price - mid before)"),
    "impact_settle": ("{settle}", "side x quantity x (mid before - market mid)"),
    "timing_settle": ("{settle}", "side x quantity x (market mid - arrival mid)"),
    "fees_settle": ("{settle}", "as fee_settle"),
    "cost_settle": ("{settle}", "delay + spread + impact + timing + fees; positive is a cost"),
}


class AuditTables(NamedTuple):
    """What is handed over.

    Attributes
    ----------
    orders, fills : DataFrame
        One row an order sent and one a fill; times as ISO text in UTC, money and quantities as decimals of ten digits.
    totals : DataFrame
        ``quantity``, ``from_fills``, ``from_orders``, ``agrees``: every sum that stands in both.
    dictionary : DataFrame
        ``table``, ``column``, ``type``, ``unit``, ``definition``.
    """

    orders: pl.DataFrame
    fills: pl.DataFrame
    totals: pl.DataFrame
    dictionary: pl.DataFrame


def audit_tables(orders: pl.DataFrame, costs: pl.DataFrame, instrument: Instrument) -> AuditTables:
    """Best-execution tables of one instrument.

    Parameters
    ----------
    orders : DataFrame
        ``ts``, ``client_id``, ``side``, ``price``, ``qty``, ``time_in_force``, and ``state`` where it is known.
    costs : DataFrame
        Fills as `counterpoise.balance.tca.fill_costs` gives them.
    instrument : Instrument

    Raises
    ------
    SchemaError
        If a column is missing.
    InputError
        If a fill has no order, or an order stands twice.

    Notes
    -----
    Money of a fill is rounded once, to 1e-10; its cost is the sum of its rounded parts, and those of an order the sum of its
    fills. So every sum an auditor forms is exact; it differs from the shortfall of the run by less than 1e-10 a fill and part.
    """
    require_columns(orders, ("ts", "client_id", "side", "price", "qty", "time_in_force"), "orders")
    require_columns(costs, ("ts", "client_id", "side", "price", "qty", "fee", "maker", "mid", "market_mid", *_MONEY), "costs")
    if orders["client_id"].is_duplicated().any() or set(costs["client_id"]) - set(orders["client_id"]):
        raise InputError("an order stands twice, or a fill has none; reconcile with the venue before exporting")
    fills = _fills(costs, instrument)
    money = [f"{name}_settle" for name in ("fee", *_MONEY)]
    done = fills.group_by("order_id", maintain_order=True).agg(
        pl.col("quantity_units").sum().alias("filled_quantity_units"), pl.col(money).sum()
    )
    state = pl.col("state") if "state" in orders.columns else pl.lit(None, pl.String)
    sent = orders.select(
        pl.col("client_id").alias("order_id"),
        pl.lit(instrument.id).alias("instrument"),
        _side(),
        _iso("ts").alias("sent_utc"),
        pl.col("time_in_force"),
        state.alias("state"),
        _exact("qty").alias("quantity_units"),
        _exact("price").alias("limit_price_quote"),
    )
    table = sent.join(done, on="order_id", how="left", maintain_order="left").with_columns(
        pl.col("filled_quantity_units", *money).fill_null(pl.lit(0).cast(_EXACT))
    )
    return AuditTables(table, fills, _totals(table, fills, money), _dictionary(instrument, orders=table, fills=fills))


def _fills(costs: pl.DataFrame, instrument: Instrument) -> pl.DataFrame:
    """Rounded once; the cost is the sum of what was rounded."""
    table = costs.select(
        pl.int_range(1, pl.len() + 1).alias("fill_number"),
        pl.col("client_id").alias("order_id"),
        pl.lit(instrument.id).alias("instrument"),
        _side(),
        _iso("ts").alias("filled_utc"),
        _exact("qty").alias("quantity_units"),
        *(
            _exact(a).alias(b)
            for a, b in (("price", "price_quote"), ("mid", "mid_before_quote"), ("market_mid", "market_mid_quote"))
        ),
        pl.col("maker"),
        *(_exact(name).alias(f"{name}_settle") for name in ("fee", "notional", *FILL_PARTS)),
    )
    whole = pl.col(f"{FILL_PARTS[0]}_settle")
    for name in FILL_PARTS[1:]:
        whole = whole + pl.col(f"{name}_settle")
    return table.with_columns(whole.cast(_EXACT).alias("cost_settle"))


def _totals(orders: pl.DataFrame, fills: pl.DataFrame, money: list[str]) -> pl.DataFrame:
    """Every sum that stands in both tables."""
    names = {"filled_quantity_units": "quantity_units"} | {name: name for name in money}
    both = pl.DataFrame(
        {
            "quantity": list(names),
            "from_fills": pl.Series([fills[name].sum() for name in names.values()], dtype=_EXACT),
            "from_orders": pl.Series([orders[name].sum() for name in names], dtype=_EXACT),
        }
    )
    return both.with_columns(agrees=pl.col("from_fills") == pl.col("from_orders"))


def _dictionary(instrument: Instrument, **tables: pl.DataFrame) -> pl.DataFrame:
    unit = (
        f"contracts of {instrument.multiplier} {instrument.quote}"
        if instrument.inverse
        else f"{instrument.multiplier} {instrument.base}"
    )
    terms = {"{unit}": unit, "{quote}": instrument.quote, "{settle}": instrument.settle}
    rows = []
    for name, table in tables.items():
        for column, kind in table.schema.items():
            what, meaning = _MEANINGS[column]
            rows.append((name, column, str(kind), terms.get(what, what), meaning))
    return pl.DataFrame(rows, schema=["table", "column", "type", "unit", "definition"], orient="row")


def _exact(name: str) -> pl.Expr:
    return pl.col(name).round(10).cast(_EXACT)


def _iso(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Datetime("ns", "UTC")).dt.strftime(_ISO)


def _side() -> pl.Expr:
    return pl.when(pl.col("side") > 0).then(pl.lit("buy")).otherwise(pl.lit("sell")).alias("side")
