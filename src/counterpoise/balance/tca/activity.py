"""What was sent for what came of it: fill rates, cancels, orders to trades, maker share."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from counterpoise.balance.tca.breakdown import require_columns
from counterpoise.core.errors import InputError

__all__ = ["activity"]


def activity(orders: pl.DataFrame, fills: pl.DataFrame, by: Sequence[str] = ()) -> pl.DataFrame:
    """Counts and ratios of orders, by some of their columns.

    Parameters
    ----------
    orders : DataFrame
        One row an order sent: ``client_id``, ``qty``; ``state`` (its last, such as ``cancelled``) where it is known.
    fills : DataFrame
        ``client_id``, ``qty``, ``maker``.
    by : sequence of str
        Columns of `orders` to group by; none counts everything.

    Returns
    -------
    DataFrame
        `by`, ``orders``, ``orders_filled`` (in part or whole), ``fills``, ``cancelled``, ``rejected`` (null where no state is
        known), ``qty_sent``, ``qty_filled``, ``qty_maker``; ``fill_rate`` (of quantity), ``hit_rate`` (of orders),
        ``cancel_ratio``, ``order_to_trade`` and ``maker_share``; a ratio over nothing is null.

    Raises
    ------
    SchemaError
        If a column is missing.
    InputError
        If an order stands twice, a fill has no order, or an order filled more than was sent.
    """
    require_columns(orders, ("client_id", "qty", *by), "orders")
    require_columns(fills, ("client_id", "qty", "maker"), "fills")
    if orders["client_id"].is_duplicated().any():
        raise InputError("a client id stands twice among the orders; ids are unique, keep the first line of each")
    lost = fills.join(orders, on="client_id", how="anti")
    if lost.height:
        raise InputError(
            f"fills of {lost['client_id'][0]!r} have no order; give all that were sent, or reconcile with the venue"
        )
    done = fills.group_by("client_id", maintain_order=True).agg(
        pl.len().alias("fills"), pl.col("qty").sum().alias("done"), pl.col("qty").filter(pl.col("maker")).sum().alias("maker")
    )
    each = orders.join(done, on="client_id", how="left", maintain_order="left").with_columns(
        pl.col("fills", "done", "maker").fill_null(0)
    )
    over = each.filter(pl.col("done") > pl.col("qty") * (1 + 1e-9))
    if over.height:
        raise InputError(f"order {over['client_id'][0]!r} filled more than was sent; reconcile with the venue")
    state = pl.col("state") if "state" in orders.columns else pl.lit(None, pl.String)
    sums = [
        pl.len().cast(pl.Int64).alias("orders"),
        (pl.col("done") > 0).sum().cast(pl.Int64).alias("orders_filled"),
        pl.col("fills").sum().cast(pl.Int64),
        *(
            pl.when(pl.col("state").is_not_null().any()).then((pl.col("state") == name).sum()).cast(pl.Int64).alias(name)
            for name in ("cancelled", "rejected")
        ),
        pl.col("qty").sum().alias("qty_sent"),
        pl.col("done").sum().alias("qty_filled"),
        pl.col("maker").sum().alias("qty_maker"),
    ]
    each = each.with_columns(state.alias("state"))
    table = each.group_by(list(by), maintain_order=True).agg(sums) if by else each.select(sums)
    return table.with_columns(
        _ratio("qty_filled", "qty_sent").alias("fill_rate"),
        _ratio("orders_filled", "orders").alias("hit_rate"),
        _ratio("cancelled", "orders").alias("cancel_ratio"),
        _ratio("orders", "fills").alias("order_to_trade"),
        _ratio("qty_maker", "qty_filled").alias("maker_share"),
    )


def _ratio(part: str, whole: str) -> pl.Expr:
    return pl.when(pl.col(whole) > 0).then(pl.col(part) / pl.col(whole))
