"""Payments of funding that a recording of marks saw happen: each is known when the stamp of the next one is first seen."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import DataError
from counterpoise.core.units import MINUTE_NS, format_time
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import funding as k
from counterpoise.flow.kernels.tables import CODE, OPENS, TOLD, TS
from counterpoise.flow.tables import Field, Table, TableStream, age_setting

__all__ = ["GROUPS", "FundingSettlements", "funding_settlements"]

_MARKS: Final = Table(
    OPENS,
    "mark table",
    (
        Field("ts_local", TS, "time"),
        Field("ts_venue", TOLD, "stamp"),
        Field("next_funding_ns", TOLD + 1, "stamp"),
        Field("funding_rate", TOLD + 2),
        Field("predicted_funding_rate", TOLD + 3),
    ),
)

GROUPS: Final = (
    Group(
        "funding_settlements",
        "payments of a perpetual that its marks show to have happened",
        "FundingSettlements",
        ("marks",),
        (
            Column("ts_local", "ns", "when the stamp of the next payment was first seen"),
            Column("ts", "ns", "when it was due"),
            Column("funding_rate", "1", "the last rate shown before; null when older than the most that was allowed", "free"),
            Column("predicted", "1", "the last forecast of it before its interval began", "free"),
            Column("first_rate", "1", "the rate shown first for it; null for the first payment seen", "free"),
            Column("age_ns", "ns", "from the last showing until it was due; −1 when none was shown"),
        ),
        "docs/theory/flow.md, Funding",
    ),
)


def funding_settlements(mark: pl.DataFrame, *, max_age_ns: int = 5 * MINUTE_NS) -> pl.DataFrame:
    """Payments that a recording of the ``mark`` table saw happen; see `FundingSettlements`. Raises as there."""
    return FundingSettlements(max_age_ns=max_age_ns).whole({"mark": mark})


class FundingSettlements(TableStream):
    """Payments of one perpetual, as its marks show them, one row a payment.

    A payment is known when the stamp of the next one is first seen; its rate is the last one shown before. Table ``mark``:
    ``ts_local``, ``ts_venue``, ``funding_rate``, ``predicted_funding_rate``, ``next_funding_ns``.

    Parameters
    ----------
    max_age_ns : int
        A rate last shown longer before the payment is none.

    Notes
    -----
    Columns are those of `GROUPS`; `counterpoise.flow.derivatives.funding.Funding` takes them. `push` and `event` refuse, with a
    DataError, a stamp of the next payment that goes back. Rows without a stamp say nothing. Causal. O(rows).
    """

    rows = staticmethod(k.settlement_rows)

    def __init__(self, *, max_age_ns: int = 5 * MINUTE_NS) -> None:
        nothing = np.array(np.nan).view(np.int64)
        state = np.full(k.SETTLEMENT_STATE_SIZE, nothing)
        state[0], state[k.LAST_STAMP] = 0, k.NOTHING
        settings = np.array([age_setting(max_age_ns)], np.float64)
        super().__init__({"mark": _MARKS}, state=state, settings=settings, width=k.SETTLEMENT_WIDTH, row_width=TOLD + 4)

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        self._horizon = k.NOTHING  # every stamp is looked at

    def _look(self, rows: Int2D) -> None:
        rows = rows[(rows[:, CODE] == OPENS) & (rows[:, TOLD + 1] != 0)]
        stamps = np.concatenate([self._state[k.LAST_STAMP : k.LAST_STAMP + 1], rows[:, TOLD + 1]])
        stamps = stamps[stamps != k.NOTHING]
        back = np.flatnonzero(np.diff(stamps) < -k.SLACK_NS)
        if len(back):
            at = int(back[0]) + 1
            local = rows[at - len(stamps), TS]
            raise DataError(
                f"mark table: the next funding goes back at {format_time(local)}, from {format_time(stamps[at - 1])} to "
                f"{format_time(stamps[at])}; give the rows of one instrument"
            )

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        columns = {
            "ts_local": rows[:, k.KNOWN_AT],
            "ts": rows[:, k.DUE],
            "funding_rate": real(rows, k.RATE),
            "predicted": real(rows, k.PREDICTED),
            "first_rate": real(rows, k.FIRST_RATE),
            "age_ns": rows[:, k.AGE],
        }
        return pl.DataFrame(columns, nan_to_null=True).with_columns(pl.col("ts_local", "ts").cast(UTC_NS))
