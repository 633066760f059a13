"""What an exchange tells each account about its orders, as a frame."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.market.order import RejectReason
from counterpoise.sim.exchange.kernels import codes

__all__ = ["REASONS", "SAYINGS", "report_frame"]

REASONS: Final[tuple[RejectReason | None, ...]] = (
    None,
    RejectReason.WOULD_TAKE,
    RejectReason.BELOW_MIN_NOTIONAL,
    RejectReason.OFF_GRID,
    RejectReason.NO_LIQUIDITY,
    RejectReason.UNKNOWN_ORDER,
    RejectReason.UNKNOWN_ACCOUNT,
    RejectReason.UNKNOWN_MARKET,
    RejectReason.HALTED,
    RejectReason.PRICE_BAND,
    RejectReason.OUT_OF_REACH,
    RejectReason.SIZE_LIMIT,
    RejectReason.POSITION_LIMIT,
    RejectReason.WOULD_NOT_REDUCE,
    RejectReason.CANNOT_FILL,
    RejectReason.SELF_MATCH,
    RejectReason.TRIGGER_PASSED,
    RejectReason.INSUFFICIENT_FUNDS,
    RejectReason.VENUE_FULL,
    RejectReason.MATCH_LIMIT,
    RejectReason.NOT_SUPPORTED,
)
SAYINGS: Final = ("working", "fill", "cancelled", "rejected", "triggered")


def report_frame(
    rows: Int2D, *, instruments: Sequence[str], accounts: Sequence[str], client_ids: Sequence[str]
) -> pl.DataFrame:
    """Reports with names in place of numbers.

    Parameters
    ----------
    rows : (n, REPORT_COLUMNS) int64
        As the kernels write them; tags are places in `client_ids`, −1 for none.
    instruments, accounts, client_ids : sequence of str
        Names by number.

    Returns
    -------
    pl.DataFrame
        ``ts_ns``, ``instrument``, ``account``, ``client_id``, ``number``, ``said`` (`SAYINGS`), ``reason`` (null for none),
        ``side``, ``price_ticks`` (of a fill the trade's), ``lots`` (of a fill), ``left_lots``, ``value`` and ``fee`` [grains],
        ``counterparty`` (null unless a fill), ``maker``. The answer to a request for an order that does not live has no names.
    """
    code = rows[:, codes.R_CODE]
    reasons = [None if reason is None else str(reason) for reason in REASONS]
    return pl.DataFrame(
        {
            "ts_ns": rows[:, codes.R_TS],
            "instrument": _names(instruments, rows[:, codes.R_MARKET]),
            "account": _names(accounts, rows[:, codes.R_ACCOUNT]),
            "client_id": _names(client_ids, rows[:, codes.R_TAG]),
            "number": rows[:, codes.R_NUMBER],
            "said": _names(SAYINGS, code & 255),
            "reason": _names(reasons, code >> 8 & 255),
            "side": (code >> 16 & 15) - 1,
            "price_ticks": rows[:, codes.R_PRICE],
            "lots": rows[:, codes.R_LOTS],
            "left_lots": rows[:, codes.R_LEFT],
            "value": rows[:, codes.R_VALUE],
            "fee": rows[:, codes.R_FEE],
            "counterparty": _names(accounts, rows[:, codes.R_OTHER]),
            "maker": (code >> 20 & 1) == 1,
        }
    )


def _names(names: Sequence[str | None], numbers: np.ndarray) -> pl.Series:
    """Names by number, null for a number that has none."""
    places = pl.Series(np.where((numbers >= 0) & (numbers < len(names)), numbers, len(names)))
    return pl.Series([*names, None], dtype=pl.String).gather(places)
