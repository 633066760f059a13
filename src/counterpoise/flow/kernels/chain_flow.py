"""From one snapshot of an option chain to the next: option by option, and summed over each coin and currency.

A snapshot is what was told of a coin at one time; it is over when time passes. An option and a coin have a record in the state;
options are chained in the order of their rows, by coin, currency, expiry, strike and right, and sums are added in that order.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.jit import borrow, inner_kernel, kernel
from counterpoise.flow.kernels.option_weights import (
    DELTA_COIN,
    GAMMA_COIN,
    OUTSIDE,
    SAID,
    VEGA_CASH,
    WEIGHTS,
    weigh,
)
from counterpoise.flow.kernels.tables import CODE, OPENS, TOLD, TS

__all__ = [
    "AT",
    "CHAIN_ROW_WIDTH",
    "CHAIN_STATE_SIZE",
    "CHANGE",
    "CHANGES_WIDTH",
    "COIN_SIZE",
    "EVER",
    "EXPIRED",
    "FLOWS_WIDTH",
    "GONE",
    "GROUP",
    "HEAD",
    "HELD",
    "INTEREST",
    "IN_COINS",
    "LEAST",
    "MOST",
    "NEVER",
    "NEW",
    "NEXT",
    "OF_CALL",
    "OF_COIN",
    "OF_EXPIRY",
    "OF_GROUP",
    "OPEN_AT",
    "OPTION",
    "OPTION_INTEREST",
    "OPTION_SIZE",
    "OPTION_VOLUME",
    "RETURNED",
    "SAID_AT",
    "SEEN_AT",
    "SINCE",
    "STATUS",
    "STRIKE",
    "SUMS",
    "UNSIZED",
    "UNTIL",
    "UNWEIGHTED",
    "WEIGHTED_CHANGES",
    "chain_rows",
    "close_chain",
]

WRITTEN: Final = 0
NEVER: Final = np.iinfo(np.int64).max
_DAY_NS: Final = 86_400_000_000_000

# columns of a packed row, behind those of every table
OPTION: Final = TOLD  # where its record lies
SAID_AT: Final = TOLD + 1
OPTION_INTEREST: Final = SAID_AT + SAID  # coins
OPTION_VOLUME: Final = OPTION_INTEREST + 1
STRIKE: Final = OPTION_VOLUME + 1
IN_COINS: Final = STRIKE + 1
CHAIN_ROW_WIDTH: Final = IN_COINS + 1

# settings
_NET: Final = 0
_DEALER_CALL: Final = 1  # sign of the dealers' position
_DEALER_PUT: Final = 2
_SUMMED: Final = 3  # 1: rows are of coins and currencies, not of options

# state, before the records
OPEN_AT: Final = 1  # time of the snapshot that goes on, NEVER for none
HEAD: Final = 2  # the first option of the chain, 0 for none
_CURSOR: Final = 3  # the option to be written next, of a snapshot that is over; 0 before the first
_CHANGE_OF: Final = 4  # the change at hand

# a change: columns of a row of changes
UNTIL: Final = 0
SINCE: Final = 1
AT: Final = 2  # where the option lies
STATUS: Final = 3
INTEREST: Final = 4
CHANGE: Final = 5
LEAST: Final = 6
MOST: Final = 7
WEIGHTED_CHANGES: Final = 8  # of delta, gamma and vega, then whether struck beyond the forward
_BEYOND: Final = WEIGHTED_CHANGES + 3
_GAMMA_HELD: Final = _BEYOND + 1  # interest · gamma
CHANGES_WIDTH: Final = _GAMMA_HELD + 1

HELD: Final = 0
NEW: Final = 1
RETURNED: Final = 2
EXPIRED: Final = 3
GONE: Final = 4

# a sum of the group at hand: options in it, options in it whose value is known, and the double
_GROUP_OF: Final = _CHANGE_OF + CHANGES_WIDTH  # group, 0 for none
_COUNTS: Final = _GROUP_OF + 1  # five by status, unsized, unweighted, without a volume
_TRIPLES: Final = _COUNTS + 8
_SUM_COUNT: Final = 12
CHAIN_STATE_SIZE: Final = _TRIPLES + 3 * _SUM_COUNT

# columns of a group
GROUP: Final = 2
UNSIZED: Final = 3 + 5
UNWEIGHTED: Final = UNSIZED + 1
SUMS: Final = UNWEIGHTED + 1
_INTEREST_SUM: Final = 0
_CALL_CHANGE: Final = 1
_PUT_CHANGE: Final = 2
_EXPIRED_SUM: Final = 3
_LEAST_SUM: Final = 4
_MOST_SUM: Final = 5
_DELTA_SUM: Final = 6  # and gamma and vega
_PUT_VEGA: Final = 9
_CALL_VEGA: Final = 10
_DEALER: Final = 11
FLOWS_WIDTH: Final = SUMS + _SUM_COUNT

# record of a coin: times of its last two snapshots
_COIN_NOW: Final = 0
_COIN_BEFORE: Final = 1
COIN_SIZE: Final = 2

# record of an option
NEXT: Final = 0
OF_COIN: Final = 1  # where its coin lies
OF_GROUP: Final = 2  # coin and currency, from 1 on
OF_EXPIRY: Final = 3
OF_CALL: Final = 4
EVER: Final = 5  # 1 when it was seen before all that this stream takes
SEEN_AT: Final = 6  # first, last, and last before that; NEVER
_LAST_AT: Final = SEEN_AT + 1
_WAS_AT: Final = SEEN_AT + 2
_INTEREST: Final = SEEN_AT + 3  # coins: in the last, and in the one before
_INTEREST_WAS: Final = _INTEREST + 1
_VOLUME: Final = _INTEREST + 2
_VOLUME_WAS: Final = _INTEREST + 3
_WEIGHED: Final = _INTEREST + 4
OPTION_SIZE: Final = _WEIGHED + WEIGHTS


@inner_kernel
def _take_option(state: Int1D, settings: Float1D, row: Int1D) -> None:
    at, ts = row[OPTION], row[TS]
    coin = state[at + OF_COIN]
    if state[coin + _COIN_NOW] != ts:
        state[coin + _COIN_BEFORE] = state[coin + _COIN_NOW]
        state[coin + _COIN_NOW] = ts
    state[at + _WAS_AT] = state[at + _LAST_AT]
    state[at + _INTEREST_WAS], state[at + _VOLUME_WAS] = state[at + _INTEREST], state[at + _VOLUME]
    state[at + _LAST_AT] = ts
    state[at + _INTEREST], state[at + _VOLUME] = row[OPTION_INTEREST], row[OPTION_VOLUME]
    if state[at + SEEN_AT] == NEVER:
        state[at + SEEN_AT] = ts
    told = row.view(np.float64)
    weights = state.view(np.float64)[at + _WEIGHED : at + OPTION_SIZE]
    tenor = state[at + OF_EXPIRY] - ts
    weigh(told[SAID_AT:OPTION_INTEREST], told[STRIKE], tenor, state[at + OF_CALL], row[IN_COINS], settings[_NET] != 0, weights)


@inner_kernel
def _status(state: Int1D, at: int, now: int, then: int) -> int:
    """What became of an option between two snapshots of its coin; −1 when it is in neither."""
    here = state[at + _LAST_AT] == now
    was = state[at + (_WAS_AT if here else _LAST_AT)] == then
    if here:
        if was:
            return HELD
        return NEW if state[at + SEEN_AT] == now and not state[at + EVER] else RETURNED
    if was:
        return EXPIRED if state[at + OF_EXPIRY] <= now else GONE
    return -1


@inner_kernel
def _change_of(state: Int1D, at: int, now: int, change: Int1D) -> bool:
    """The change of one option from the snapshot before to the one that is over; False when there is none."""
    coin = state[at + OF_COIN]
    then = state[coin + _COIN_BEFORE]
    if state[coin + _COIN_NOW] != now or then == NEVER:
        return False
    status = _status(state, at, now, then)
    if status < 0:
        return False
    held, values = state.view(np.float64), change.view(np.float64)
    change[UNTIL], change[SINCE], change[AT], change[STATUS] = now, then, at, status
    values[INTEREST : _GAMMA_HELD + 1] = np.nan
    within, volume = now - then <= _DAY_NS, held[at + _VOLUME]
    if status == EXPIRED:
        values[CHANGE] = 0.0 - held[at + _INTEREST]
    if status >= EXPIRED:
        return True
    values[INTEREST] = held[at + _INTEREST]
    values[MOST] = volume if within else np.nan
    if status == HELD:
        grown = volume - held[at + _VOLUME_WAS]
        values[CHANGE] = held[at + _INTEREST] - held[at + _INTEREST_WAS]
        values[LEAST] = (0.0 if grown < 0 else grown) if within else volume
    elif status == NEW:
        values[CHANGE] = held[at + _INTEREST]
    for i in range(3):
        values[WEIGHTED_CHANGES + i] = values[CHANGE] * held[at + _WEIGHED + DELTA_COIN + i]
    values[_BEYOND] = held[at + _WEIGHED + OUTSIDE]
    values[_GAMMA_HELD] = held[at + _INTEREST] * held[at + _WEIGHED + GAMMA_COIN]
    return True


@inner_kernel
def _begin_close(state: Int1D) -> None:
    if not state[_CURSOR]:
        state[_CURSOR] = state[HEAD]


@inner_kernel
def _end_close(state: Int1D) -> None:
    state[OPEN_AT] = NEVER
    state[_CURSOR] = 0


@inner_kernel
def _write_changes(state: Int1D, out: Int2D, written: int) -> int:
    """Changes of the snapshot that is over, as far as there is room; returns how many rows are written then."""
    _begin_close(state)
    change = state[_CHANGE_OF : _CHANGE_OF + CHANGES_WIDTH]
    while state[_CURSOR] and written < len(out):
        at = state[_CURSOR]
        if _change_of(state, at, state[OPEN_AT], change):
            out[written] = change
            written += 1
        state[_CURSOR] = state[at + NEXT] if state[at + NEXT] else -1
        if state[_CURSOR] < 0:
            _end_close(state)
    return written


@inner_kernel
def _add(state: Int1D, which: int, value: float) -> None:
    at = _TRIPLES + 3 * which
    state[at] += 1
    if not np.isnan(value):
        state[at + 1] += 1
        state.view(np.float64)[at + 2] += value


@inner_kernel
def _add_change(state: Int1D, settings: Float1D, at: int, change: Int1D) -> None:
    """A change to the sums of its group."""
    values, status, call = change.view(np.float64), change[STATUS], state[at + OF_CALL] == 1
    counts = state[_COUNTS:_TRIPLES]
    counts[status] += 1
    unsized = np.isnan(values[INTEREST]) if status == RETURNED else np.isnan(values[CHANGE])
    counts[5] += unsized and status != GONE
    counts[7] += np.isnan(values[MOST])
    _add(state, _MOST_SUM, values[MOST])
    if status == EXPIRED:
        _add(state, _EXPIRED_SUM, values[CHANGE])
    if status >= EXPIRED:
        return
    _add(state, _INTEREST_SUM, values[INTEREST])
    dealers = settings[_DEALER_CALL] if call else settings[_DEALER_PUT]
    _add(state, _DEALER, values[_GAMMA_HELD] * dealers)
    if status == HELD:
        _add(state, _LEAST_SUM, values[LEAST])
    if status == RETURNED:
        return
    _add(state, _CALL_CHANGE if call else _PUT_CHANGE, values[CHANGE])
    weighted = values[WEIGHTED_CHANGES:_BEYOND]
    bare = np.isnan(weighted[0]) or np.isnan(weighted[1]) or np.isnan(weighted[2])
    counts[6] += bare
    nowhere = bare or np.isnan(values[_BEYOND])
    for i in range(3):
        _add(state, _DELTA_SUM + i, np.nan if nowhere else weighted[i])
    if values[_BEYOND] != 0:  # where nobody knows, vega is not known to be inside either
        _add(state, _CALL_VEGA if call else _PUT_VEGA, np.nan if nowhere else weighted[VEGA_CASH])


@inner_kernel
def _write_group(state: Int1D, row: Int1D) -> None:
    """The group at hand, NaN for sums over options of which none is known; the next one begins."""
    values = row.view(np.float64)
    row[UNTIL], row[SINCE] = state[_CHANGE_OF + UNTIL], state[_CHANGE_OF + SINCE]
    row[GROUP] = state[_GROUP_OF]
    row[GROUP + 1 : SUMS] = state[_COUNTS : _COUNTS + 7]
    for which in range(_SUM_COUNT):
        at = _TRIPLES + 3 * which
        unknown = state[at + 1] == 0 and (state[at] > 0 or which == _DEALER)
        values[SUMS + which] = np.nan if unknown else state.view(np.float64)[at + 2]
    values[SUMS + _EXPIRED_SUM] = 0.0 - values[SUMS + _EXPIRED_SUM]
    if state[_COUNTS + 7]:
        values[SUMS + _MOST_SUM] = np.nan
    state[_GROUP_OF:CHAIN_STATE_SIZE] = 0


@inner_kernel
def _write_groups(state: Int1D, settings: Float1D, out: Int2D, written: int) -> int:
    """Sums of the snapshot that is over, as far as there is room; returns how many rows are written then."""
    _begin_close(state)
    change = state[_CHANGE_OF : _CHANGE_OF + CHANGES_WIDTH]
    while state[OPEN_AT] != NEVER:
        at = state[_CURSOR]
        ended = at <= 0
        if state[_GROUP_OF] and (ended or state[at + OF_GROUP] != state[_GROUP_OF]):
            if written == len(out):
                return written
            _write_group(state, out[written])
            written += 1
        if ended:
            _end_close(state)
            return written
        if _change_of(state, at, state[OPEN_AT], change):
            state[_GROUP_OF] = state[at + OF_GROUP]
            _add_change(state, settings, at, change)
        state[_CURSOR] = state[at + NEXT] if state[at + NEXT] else -1
    return written


@inner_kernel
def _write(state: Int1D, settings: Float1D, out: Int2D, written: int) -> int:
    if settings[_SUMMED] != 0:
        return _write_groups(state, settings, out, written)
    return _write_changes(state, out, written)


@kernel
def close_chain(state: Int1D, settings: Float1D, out: Int2D) -> bool:
    """The open snapshot as it stands, as far as there is room; returns whether some of it is left."""
    state[WRITTEN] = 0
    if state[OPEN_AT] != NEVER:
        state[WRITTEN] = _write(state, settings, out, 0)
    return state[OPEN_AT] != NEVER


@kernel
def chain_rows(state: Int1D, settings: Float1D, rows: Int2D, start: int, out: Int2D) -> int:
    """Changes from snapshot to snapshot, of each option or of each coin and currency; returns the first row not taken."""
    state, settings, rows, out = borrow(state), borrow(settings), borrow(rows), borrow(out)
    written, i = 0, start
    while i < len(rows):
        row = rows[i]
        if state[OPEN_AT] != NEVER and row[TS] > state[OPEN_AT]:
            written = _write(state, settings, out, written)
            if state[OPEN_AT] != NEVER:
                break
        if row[CODE] == OPENS:
            state[OPEN_AT] = row[TS]
            _take_option(state, settings, row)
        i += 1
    state[WRITTEN] = written
    return i
