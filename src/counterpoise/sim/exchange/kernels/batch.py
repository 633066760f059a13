"""Requests as rows of integers, carried out one after the other."""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.jit import borrow, kernel
from counterpoise.sim.exchange.kernels.codes import NO_ROOM
from counterpoise.sim.exchange.kernels.requests import amend, cancel, cancel_all, place_with

__all__ = [
    "AMEND",
    "CANCEL",
    "CANCEL_ALL",
    "PLACE",
    "Q_ACCOUNT",
    "Q_DISPLAY",
    "Q_KIND",
    "Q_LOTS",
    "Q_MARKET",
    "Q_NUMBER",
    "Q_PRICE",
    "Q_SIDE",
    "Q_TAG",
    "Q_TRIGGER",
    "Q_TS",
    "Q_WHAT",
    "REQUEST_COLUMNS",
    "run_requests",
]

# columns of a request; what an action does not need is not read
Q_WHAT: Final = 0
Q_TS: Final = 1
Q_NUMBER: Final = 2  # of an order, or −1 − the row that placed it
Q_MARKET: Final = 3
Q_ACCOUNT: Final = 4
Q_SIDE: Final = 5
Q_KIND: Final = 6
Q_PRICE: Final = 7
Q_LOTS: Final = 8
Q_TAG: Final = 9
Q_DISPLAY: Final = 10
Q_TRIGGER: Final = 11
REQUEST_COLUMNS: Final = 12

PLACE: Final = 0
CANCEL: Final = 1
AMEND: Final = 2
CANCEL_ALL: Final = 3


@kernel
def run_requests(ex: Int1D, tape: Int2D, reports: Int2D, rows: Int2D, answers: Int1D, start: int) -> int:
    """Carry out rows from `start` on and write their answers; returns the first row that was not, for want of room.

    Assumes that a row which refers to another refers to an earlier one.
    """
    ex, tape, reports, rows, answers = borrow(ex), borrow(tape), borrow(reports), borrow(rows), borrow(answers)
    for row in range(start, len(rows)):
        what, ts, number = rows[row, Q_WHAT], rows[row, Q_TS], rows[row, Q_NUMBER]
        if number < 0:
            number = answers[-1 - number]
        if what == PLACE:
            answer = place_with(
                ex,
                tape,
                reports,
                ts,
                rows[row, Q_MARKET],
                rows[row, Q_ACCOUNT],
                rows[row, Q_SIDE],
                rows[row, Q_KIND],
                rows[row, Q_PRICE],
                rows[row, Q_LOTS],
                rows[row, Q_TAG],
                rows[row, Q_DISPLAY],
                rows[row, Q_TRIGGER],
            )
        elif what == CANCEL:
            answer = cancel(ex, tape, reports, ts, number)
        elif what == AMEND:
            answer = amend(ex, tape, reports, ts, number, rows[row, Q_PRICE], rows[row, Q_LOTS])
        else:
            answer = cancel_all(ex, tape, reports, ts, rows[row, Q_MARKET], rows[row, Q_ACCOUNT])
        if answer == -NO_ROOM:
            return row
        answers[row] = answer
    return len(rows)
