"""The cost of each fill, and of any grouping of fills: by child, venue, instrument, maker or taker."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from counterpoise.balance.tca.shortfall import FILL_PARTS, Executions, fill_parts, worth
from counterpoise.core.errors import InputError, SchemaError
from counterpoise.core.units import BPS

__all__ = ["breakdown", "fill_costs", "require_columns"]

_FILLS = ("ts", "client_id", "side", "price", "qty", "fee", "maker", "mid", "market_mid")


def fill_costs(
    fills: pl.DataFrame, *, side: int, decision_price: float, arrival_price: float, unit: float = 1.0, inverse: bool = False
) -> pl.DataFrame:
    """Fills of one instrument with what each of them cost.

    Parameters
    ----------
    fills : DataFrame
        ``ts``, ``client_id``, ``side`` (±1), ``price``, ``qty`` [venue unit], ``fee`` [settle], ``maker``, ``mid`` and
        ``market_mid``, as `counterpoise run` writes them; further columns stay.
    side : int
        Of the parent; a fill of the other side takes back.
    decision_price, arrival_price : float
        Mids [quote].
    unit : float
        Base (inverse: quote) of one venue unit.
    inverse : bool

    Returns
    -------
    DataFrame
        With ``notional`` (at the decision price) and every one of `FILL_PARTS` and their sum ``cost``, [settle]. Summed over
        all fills they are the parts of `counterpoise.balance.tca.shortfall`; its opportunity and funding belong to no fill.

    Raises
    ------
    SchemaError
        If a column is missing.
    InputError
        If a price is missing or not finite.
    """
    require_columns(fills, _FILLS, "fills")
    if (fills["side"] * side < 0).any():
        raise InputError(f"some fills are not of the parent's side {side:+d}; give the fills of one parent and side")
    numbers = {name: fills[name].cast(pl.Float64).to_numpy() for name in ("price", "qty", "fee", "mid", "market_mid")}
    executions = Executions(**numbers | {"qty": numbers["qty"] * unit})
    parts = fill_parts(executions, side=side, decision_price=decision_price, arrival_price=arrival_price, inverse=inverse)
    value = np.abs(executions.qty * worth(np.array([decision_price]), inverse=inverse))
    added = {"notional": value, **parts, "cost": np.sum([parts[name] for name in FILL_PARTS], axis=0)}
    return fills.with_columns(pl.Series(name, column, pl.Float64) for name, column in added.items())


def breakdown(costs: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Fills added up by some of their columns.

    Parameters
    ----------
    costs : DataFrame
        As `fill_costs` gives it, of one or more instruments that settle in one currency.
    by : sequence of str
        Columns to group by, in order of first appearance; none adds up everything.

    Returns
    -------
    DataFrame
        The groups with ``fills``, ``orders``, ``qty``, ``price`` (mean by quantity), ``maker_share`` (of quantity),
        ``notional``, `FILL_PARTS`, ``cost`` [settle], and ``cost_bps`` of the group's own notional.

    Raises
    ------
    SchemaError
        If a column is missing.
    """
    require_columns(costs, [*_FILLS, *FILL_PARTS, "cost", "notional", *by], "costs of fills")
    qty = pl.col("qty")
    sums = (
        pl.len().alias("fills"),
        pl.col("client_id").n_unique().alias("orders"),
        qty.sum(),
        ((pl.col("price") * qty).sum() / qty.sum()).alias("price"),
        (qty.filter(pl.col("maker")).sum() / qty.sum()).alias("maker_share"),
        pl.col("notional", *FILL_PARTS, "cost").sum(),
    )
    table = costs.group_by(list(by), maintain_order=True).agg(*sums) if by else costs.select(*sums)
    return table.with_columns(cost_bps=pl.col("cost") / pl.col("notional") / BPS)


def require_columns(frame: pl.DataFrame, names: Sequence[str], what: str) -> None:
    """Refuse a frame that lacks a column.

    Raises
    ------
    SchemaError
    """
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise SchemaError(f"{what} lack {', '.join(missing)}; found {', '.join(frame.columns)}")
