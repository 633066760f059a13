"""Payments of a perpetual: how long each was for, what they add up to, and when a recording of marks shows that one happened.

The sum is a double, added in order of the payments.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.tables import CODE, TIME_ONLY, TOLD, TS

__all__ = [
    "AGE",
    "ANNUALISED",
    "CHANGED",
    "CUMULATIVE",
    "DUE",
    "FIRST_RATE",
    "FUNDING_STATE_SIZE",
    "FUNDING_WIDTH",
    "INTERVAL",
    "KNOWN_AT",
    "LARGE",
    "LAST_DUE",
    "LAST_STAMP",
    "MISSING",
    "NOTHING",
    "PREDICTED",
    "RATE",
    "RATES",
    "SETTLEMENT_STATE_SIZE",
    "SETTLEMENT_WIDTH",
    "SLACK_NS",
    "funding_rows",
    "settlement_rows",
]

WRITTEN: Final = 0
NOTHING: Final = -(2**63)  # no time
SLACK_NS: Final = 60_000_000_000  # stamps come some milliseconds late
_YEAR_NS: Final = 365 * 86_400_000_000_000
_HOUR_NS: Final = 3_600_000_000_000

# columns of a payment
KNOWN_AT: Final = 0
DUE: Final = 1
RATE: Final = 2
PREDICTED: Final = 3
FIRST_RATE: Final = 4
INTERVAL: Final = 5  # 0 where it is not known
ANNUALISED: Final = 6
CUMULATIVE: Final = 7
CHANGED: Final = 8
MISSING: Final = 9
FUNDING_WIDTH: Final = 10
AGE: Final = 5  # of a settlement: ns from the last showing until it was due, −1 when none
SETTLEMENT_WIDTH: Final = 6

# state of payments
LAST_DUE: Final = 1
_INTERVAL_BEFORE: Final = 2  # of the payment before, 0 where it is not known
_LAST_KNOWN: Final = 3  # the last that was known, 0 for none
_SUM: Final = 4
RATES: Final = 5  # how many rates were told
LARGE: Final = 6  # of these, of a size that is not usual
FUNDING_STATE_SIZE: Final = 7

# settings
_SCALE: Final = 0  # of rates: 1, or of percent 0.01
_GIVEN: Final = 1  # ns that every payment is for; 0 when that is to be inferred
_USUAL: Final = 2  # size that is still usual
_MAX_AGE: Final = 0  # of settlements, ns


@inner_kernel
def _usual_interval(gap: int) -> int:
    """1, 2, 4 or 8 h if the gap is that, else 0."""
    for hours in (1, 2, 4, 8):
        if abs(gap - hours * _HOUR_NS) <= SLACK_NS:
            return hours * _HOUR_NS
    return 0


@inner_kernel
def _interval(state: Int1D, due: int, given: int, row: Int1D) -> None:
    """Interval and missing payments of the payment that is due."""
    row[MISSING] = 0
    row[INTERVAL] = given
    if state[LAST_DUE] == NOTHING:
        return
    gap = due - state[LAST_DUE]
    if given:
        row[MISSING] = (gap + given // 2) // given - 1
        return
    row[INTERVAL] = _usual_interval(gap)
    step = state[_INTERVAL_BEFORE] if state[_INTERVAL_BEFORE] else state[_LAST_KNOWN]
    if row[INTERVAL] or not step:
        return
    times = (gap + step // 2) // step
    if times > 1 and abs(gap - times * step) <= SLACK_NS:
        row[INTERVAL], row[MISSING] = step, times - 1


@kernel
def funding_rows(state: Int1D, settings: Float1D, rows: Int2D, start: int, out: Int2D) -> int:
    """Payments with their intervals: ts_local, due, rate, predicted, first_rate in; returns the first row not taken."""
    state, settings, rows, out = borrow(state), borrow(settings), borrow(rows), borrow(out)
    told, sums = rows.view(np.float64), state.view(np.float64)
    given = np.int64(settings[_GIVEN])
    written, i = 0, start
    while i < len(rows) and written < len(out):
        if rows[i, CODE] == TIME_ONLY:
            i += 1
            continue
        due, row = rows[i, TOLD], out[written]
        values = row.view(np.float64)
        row[KNOWN_AT], row[DUE] = rows[i, TS], due
        for column in range(RATE, FIRST_RATE + 1):
            values[column] = told[i, TOLD + column - DUE] * settings[_SCALE]
        _interval(state, due, given, row)
        interval, last = row[INTERVAL], state[_LAST_KNOWN]
        values[ANNUALISED] = values[RATE] * _YEAR_NS / interval if interval else np.nan
        row[CHANGED] = interval > 0 and last > 0 and interval != last
        if not np.isnan(values[RATE]):
            sums[_SUM] += values[RATE]
            state[RATES] += 1
            state[LARGE] += abs(told[i, TOLD + 1]) > settings[_USUAL]
        values[CUMULATIVE] = sums[_SUM]
        state[LAST_DUE], state[_INTERVAL_BEFORE] = due, interval
        state[_LAST_KNOWN] = interval if interval else last
        written += 1
        i += 1
    state[WRITTEN] = written
    return i


# state of settlements
LAST_STAMP: Final = 1  # of the next payment, as it was shown last
_STAMP: Final = 2  # as it was shown first
_SHOWN: Final = 3  # the last rate shown for it, and when
_SHOWN_AT: Final = 4
_OPENING: Final = 5  # the rate shown beside its first stamp, where that was seen to be the first
_FORETOLD: Final = 6  # the last forecast for the payment after it
_FORETOLD_BEFORE: Final = 7  # the last forecast for it
SETTLEMENT_STATE_SIZE: Final = 8


@inner_kernel
def _settled(state: Int1D, settings: Float1D, ts: int, row: Int1D) -> None:
    held, values = state.view(np.float64), row.view(np.float64)
    shown = not np.isnan(held[_SHOWN])
    row[KNOWN_AT], row[DUE] = ts, state[_STAMP]
    row[AGE] = state[_STAMP] - state[_SHOWN_AT] if shown else -1
    values[RATE] = held[_SHOWN] if shown and row[AGE] <= np.int64(settings[_MAX_AGE]) else np.nan
    values[PREDICTED] = held[_FORETOLD_BEFORE]
    values[FIRST_RATE] = held[_OPENING]


@kernel
def settlement_rows(state: Int1D, settings: Float1D, rows: Int2D, start: int, out: Int2D) -> int:
    """Payments that marks show: ts_local, ts_venue, next stamp or 0, rate, forecast in; returns the first row not taken."""
    state, settings, rows, out = borrow(state), borrow(settings), borrow(rows), borrow(out)
    held, told = state.view(np.float64), rows.view(np.float64)
    written, i = 0, start
    while i < len(rows):
        ts, stamp = rows[i, TS], rows[i, TOLD + 1]
        if stamp == 0:
            i += 1
            continue
        first = state[LAST_STAMP] == NOTHING
        if first or stamp - state[LAST_STAMP] > SLACK_NS:
            if not first:
                if written == len(out):
                    break
                _settled(state, settings, ts, out[written])
                written += 1
            state[_STAMP] = stamp
            held[_OPENING] = np.nan if first else told[i, TOLD + 2]
            held[_FORETOLD_BEFORE] = held[_FORETOLD]
            held[_SHOWN] = held[_FORETOLD] = np.nan
        state[LAST_STAMP] = stamp
        if not np.isnan(told[i, TOLD + 2]):
            held[_SHOWN] = told[i, TOLD + 2]
            state[_SHOWN_AT] = rows[i, TOLD] if rows[i, TOLD] > 0 else ts
        if not np.isnan(told[i, TOLD + 3]):
            held[_FORETOLD] = told[i, TOLD + 3]
        i += 1
    state[WRITTEN] = written
    return i
