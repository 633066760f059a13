"""Arrow schemas of every table on disk. A change of meaning or type raises VERSION."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from counterpoise.core.errors import SchemaError, UnknownName

__all__ = ["TABLES", "TICK_TABLES", "VERSION", "require_schema", "table_schema"]

VERSION: Final = 1

_CLOCKS = [("ts_local", pa.int64()), ("ts_venue", pa.int64()), ("seq", pa.int64())]  # ns UTC, ns UTC, message ordinal
_TICK = pa.schema(
    [
        *_CLOCKS,
        ("id", pa.int64()),  # venue's update or trade id, -1 when none
        ("kind", pa.uint8()),  # counterpoise.market.event
        ("side", pa.int8()),  # +1 bid/buy, -1 ask/sell, 0 unknown
        ("flags", pa.uint8()),  # FIRST | LAST of the message, ORDER where id is an order's
        ("price_ticks", pa.int64()),
        ("qty_lots", pa.int64()),
    ]
)
# null where the venue said nothing
_MARK = pa.schema(
    [
        *_CLOCKS,
        ("mark_price", pa.float64()),  # quote per base
        ("index_price", pa.float64()),  # quote per base
        ("funding_rate", pa.float64()),  # fraction per interval, not percent
        ("predicted_funding_rate", pa.float64()),
        ("next_funding_ns", pa.int64()),
    ]
)
_OPEN_INTEREST = pa.schema([*_CLOCKS, ("open_interest", pa.float64())])  # venue's quantity unit
_OPTION_QUOTE = pa.schema(
    [
        *_CLOCKS,
        *((name, pa.float64()) for name in ("bid_price", "bid_qty", "bid_iv", "ask_price", "ask_qty", "ask_iv")),
        *((name, pa.float64()) for name in ("last_price", "mark_price", "mark_iv", "underlying_price")),
        ("underlying", pa.string()),
        ("open_interest", pa.float64()),
        *((name, pa.float64()) for name in ("delta", "gamma", "vega", "theta", "rho")),
    ]
)
_BAR = pa.schema(
    [
        *_CLOCKS,  # ts_venue is the bar's end
        *((name, pa.float64()) for name in ("open", "high", "low", "close", "qty", "notional", "buy_qty", "buy_notional")),
        ("trades", pa.int64()),
    ]
)

TICK_TABLES: Final = ("book", "quote", "trade", "liquidation")
_TABLES: Final = {
    **dict.fromkeys(TICK_TABLES, _TICK),
    "mark": _MARK,
    "open_interest": _OPEN_INTEREST,
    "option_quote": _OPTION_QUOTE,
    "bar": _BAR,
}
TABLES: Final = tuple(_TABLES)


def table_schema(table: str) -> pa.Schema:
    """Schema of a lake table by name.

    Raises
    ------
    UnknownName
        If there is no such table.
    """
    try:
        return _TABLES[table]
    except KeyError:
        raise UnknownName("table", table, _TABLES) from None


def require_schema(table: str, found: pa.Schema, *, where: str) -> None:
    """Refuse a table whose columns or types are not this version's."""
    expected = table_schema(table)
    if not found.equals(expected, check_metadata=False):
        raise SchemaError(
            f"{where}: columns {found.names} of types {[str(t) for t in found.types]} are not table {table!r} "
            f"version {VERSION} ({expected.names}); ingest the source again"
        )
