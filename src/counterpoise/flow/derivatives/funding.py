"""Funding of perpetuals: what was paid, annualised by its own interval, beside what was foretold.

A positive rate is paid by longs to shorts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int1D, Int2D
from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import DAY_NS, HOUR_NS, format_duration, format_time
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import funding as k
from counterpoise.flow.kernels.tables import CODE, OPENS, TOLD, TS
from counterpoise.flow.tables import Field, Table, TableStream

__all__ = ["GROUPS", "INTERVALS_NS", "YEAR_NS", "Funding", "RateUnit", "funding"]

RateUnit = Literal["fraction", "percent"]
YEAR_NS: Final = 365 * DAY_NS
INTERVALS_NS: Final = tuple(hours * HOUR_NS for hours in (1, 2, 4, 8))
_MOST: Final = 0.1  # no venue lets a payment be a tenth of the position
_USUAL_MOST: Final = 0.005  # a median above it for a month would eat a third of the position
_ENOUGH: Final = 60
_PAYMENTS: Final = Table(
    OPENS,
    "funding payments",
    (
        Field("ts", TOLD, "time"),
        Field("ts_local", TS, "time"),
        Field("funding_rate", TOLD + 1),
        Field("predicted", TOLD + 2, needed=False),
        Field("first_rate", TOLD + 3, needed=False),
    ),
)

GROUPS: Final = (
    Group(
        "funding",
        "payments of a perpetual, annualised by the interval each was paid for",
        "Funding",
        ("marks",),
        (
            Column("ts_local", "ns", "when the payment was known"),
            Column("ts", "ns", "when it was due"),
            Column("funding_rate", "1", "fraction of the position's value; positive: longs pay", "free"),
            Column("interval_ns", "ns", "time it was paid for: since the payment before, or as given"),
            Column("annualised", "1", "funding_rate · 365 d / interval, without compounding", "free"),
            Column("cumulative", "1", "sum of the known rates", "free"),
            Column("changed", "1", "whether the interval differs from the one before"),
            Column("missing", "count", "payments that must have happened since the last one known, but are not there"),
            Column("predicted", "1", "what the venue foretold for this payment before its interval began", "free"),
            Column("surprise", "1", "funding_rate − predicted", "free"),
            Column("drift", "1", "funding_rate − the rate first shown for this payment", "free"),
        ),
        "docs/theory/flow.md, Funding",
    ),
)


def funding(payments: pl.DataFrame, *, interval_ns: int | None = None, unit: RateUnit | None = None) -> pl.DataFrame:
    """Annualise and add up recorded payments of one perpetual, one row a payment; see `Funding`. Raises as there."""
    return Funding(interval_ns=interval_ns, unit=unit).whole({"payments": payments})


class Funding(TableStream):
    """Payments of one perpetual, annualised and added up, one row a payment.

    Table ``payments``: ``ts`` (due, ns or datetime, ascending) and ``funding_rate``; where known also ``ts_local`` (when it was
    known; else ``ts``), ``predicted`` and ``first_rate``, as `counterpoise.flow.derivatives.settlements.FundingSettlements`
    gives them.

    Parameters
    ----------
    interval_ns : int, optional
        What every payment is for. Without it, the time since the payment before, if that is 1, 2, 4 or 8 h.
    unit : {"fraction", "percent"}, optional
        What the rates are in. Without it fractions, and rates that can only be percent are refused.

    Raises
    ------
    UnknownName
        If there is no such unit.
    InputError
        If `interval_ns` is not positive.

    Notes
    -----
    Columns are those of `GROUPS`. ``interval_ns`` and ``annualised`` are null for the first payment (unless `interval_ns` is
    given) and where the time since the last is neither a known interval nor a multiple of the one before. `push` and `event`
    refuse, with a DataError, stamps that go back or stand twice or do not fit `interval_ns`, and rates that can only be
    percent: one above 0.1, or more than half of all so far above 0.005, from the 60th on.

    Causal: a row, and whether it is refused, depends on itself and those before. ``cumulative`` is added in order of the
    payments. O(rows). A time of 8 h after 4 h is taken for a change of interval, not for a missing payment; give `interval_ns`
    where it is known.
    """

    rows = staticmethod(k.funding_rows)

    def __init__(self, *, interval_ns: int | None = None, unit: RateUnit | None = None) -> None:
        if interval_ns is not None and not 0 < interval_ns < 1 << 53:
            raise InputError(f"a funding interval must be longer than nothing and below 104 days, found {interval_ns} ns")
        if unit not in (None, "fraction", "percent"):
            raise UnknownName("unit of funding", str(unit), ("fraction", "percent"))
        state = np.zeros(k.FUNDING_STATE_SIZE, np.int64)
        state[k.LAST_DUE] = k.NOTHING
        settings = np.array([0.01 if unit == "percent" else 1.0, interval_ns or 0, _USUAL_MOST])
        super().__init__({"payments": _PAYMENTS}, state=state, settings=settings, width=k.FUNDING_WIDTH, row_width=TOLD + 4)
        self._interval_ns, self._unit = interval_ns, unit

    def _words(self) -> str:
        return str(self._unit)

    def _packed(self, name: str, frame: pl.DataFrame) -> Int2D:
        alone = "ts" in frame.columns and "ts_local" not in frame.columns
        return super()._packed(name, frame.with_columns(ts_local="ts") if alone else frame)

    def _pack(self, name: str, row: Mapping[str, Any]) -> None:
        super()._pack(name, row if "ts_local" in row or "ts" not in row else {**row, "ts_local": row["ts"]})

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        self._horizon = k.NOTHING  # every payment is looked at

    def _look(self, rows: Int2D) -> None:
        rows = rows[rows[:, CODE] == OPENS]
        if not len(rows):
            return
        due, last = rows[:, TOLD], int(self._state[k.LAST_DUE])
        stamps = due if last == k.NOTHING else np.concatenate([[last], due])
        _require_in_order(stamps)
        if self._interval_ns is not None:
            _require_multiples(stamps, self._interval_ns)
        if self._unit is None:
            self._require_fractions(np.abs(rows.view(np.float64)[:, TOLD + 1]))

    def _require_fractions(self, size: AnyArray) -> None:
        """Without a unit, refuse what can only be percent."""
        size = size[~np.isnan(size)]
        told = self._state[k.RATES] + np.arange(1, len(size) + 1)
        large = self._state[k.LARGE] + np.cumsum(size > _USUAL_MOST)
        wrong = np.flatnonzero((size > _MOST) | ((told >= _ENOUGH) & (2 * large > told)))
        if len(wrong):
            at = wrong[0]
            half = f"more than half of {told[at]} payments above {_USUAL_MOST:g}"
            found = f"a rate of {size[at]:g}" if size[at] > _MOST else half
            raise DataError(
                f"funding payments: {found} is too much for a fraction (1 is the whole position) and can only be percent; "
                "pass unit='percent', or unit='fraction' to take it at its word"
            )

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        rate, predicted, first = (real(rows, column) for column in (k.RATE, k.PREDICTED, k.FIRST_RATE))
        frame = pl.DataFrame(
            {
                "ts_local": rows[:, k.KNOWN_AT],
                "ts": rows[:, k.DUE],
                "funding_rate": rate,
                "interval_ns": rows[:, k.INTERVAL],
                "annualised": real(rows, k.ANNUALISED),
                "cumulative": real(rows, k.CUMULATIVE),
                "changed": rows[:, k.CHANGED] != 0,
                "missing": rows[:, k.MISSING],
                "predicted": predicted,
                "surprise": rate - predicted,
                "drift": rate - first,
            },
            nan_to_null=True,
        )
        known = pl.when(pl.col("interval_ns") > 0).then(pl.col("interval_ns"))
        return frame.with_columns(pl.col("ts_local", "ts").cast(UTC_NS), known.alias("interval_ns"))


def _require_in_order(due: Int1D) -> None:
    close = np.flatnonzero(np.diff(due) <= k.SLACK_NS)
    if len(close):
        row = int(close[0]) + 1
        raise DataError(
            f"funding payments: rows {row - 1} and {row} are both due at {format_time(due[row])}; "
            "keep one of each, of one instrument"
        )


def _require_multiples(due: Int1D, interval_ns: int) -> None:
    gaps = np.diff(due)
    wrong = np.flatnonzero(np.abs(gaps - (gaps + interval_ns // 2) // interval_ns * interval_ns) > k.SLACK_NS)
    if len(wrong):
        row = int(wrong[0]) + 1
        raise DataError(
            f"funding payments: {format_duration(int(gaps[row - 1]))} before {format_time(due[row])} are no multiple of "
            f"{format_duration(interval_ns)}; leave interval_ns out to have it inferred"
        )
