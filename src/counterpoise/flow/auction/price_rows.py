"""Streams over price rows: what footprint, profile and naked levels have in common.

Each is one kernel, told by its settings what to write when a bar ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import ceil, floor
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import format_duration
from counterpoise.flow.auction.definition import (
    ImbalanceDefinition,
    ValueAreaDefinition,
    imbalance_definition,
    value_area_definition,
)
from counterpoise.flow.auction.sessions import Sessions
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS, where_sound
from counterpoise.flow.kernels import bar as k
from counterpoise.flow.kernels import price_rows
from counterpoise.flow.kernels.bins import BINS_SIZE, NOT_OPEN, RULE, SIZE, TIME
from counterpoise.flow.kernels.footprint import footprint_rows
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["RowRules", "Summary", "stamped"]  # RowStream is a base, not a measure

_FIRST_PAGES: Final = 8
_MOST_BINS: Final = 50_000_000
_MOST: Final = 1 << 53  # settings are doubles
_WHOLE: Final = 10_000  # bps


class RowRules(NamedTuple):
    """What rows and bars are made by: see `Footprint` and `counterpoise.flow.auction.profile.Profile`."""

    bins: Bins | None
    sessions: Sessions | None = None
    row_ticks: int = 1
    definition: str | ImbalanceDefinition = "atas"
    value_area: str | ValueAreaDefinition = "classic"
    share: float = 0.7


class RowStream(Stream):
    """Base of streams over price rows.

    Parameters
    ----------
    instrument : Instrument
    rules : RowRules
    writes : int
        What of a bar is written, as `counterpoise.flow.kernels.bar` numbers it.
    width : int
        Columns of that.
    """

    rows = staticmethod(footprint_rows)

    def __init__(self, instrument: Instrument, *, rules: RowRules, writes: int, width: int) -> None:
        self.rules = rules._replace(
            definition=imbalance_definition(rules.definition), value_area=value_area_definition(rules.value_area)
        )
        state = np.zeros(price_rows.TABLE + _FIRST_PAGES * price_rows.PAGE_WORDS, np.int64)
        if rules.bins is not None:
            state[:BINS_SIZE] = rules.bins.state()
        state[price_rows.CAPACITY], state[price_rows.PAGE] = _FIRST_PAGES, price_rows.NO_PAGE
        state[k.BOUNDARY], state[k.CLOSING], state[k.CURSOR] = -NOT_OPEN, NOT_OPEN, k.UNLISTED
        super().__init__(instrument, state=state, settings=_settings(instrument, self.rules, writes), width=width)

    def _begin(self, first_ns: int, last_ns: int) -> None:
        every = int(self._settings[SIZE]) if self._settings[RULE] == TIME else 0
        since = self._last_ts if self._state[k.BEGUN] else first_ns
        if every and (last_ns - since) // every > _MOST_BINS:
            raise InputError(
                f"events span {format_duration(last_ns - since)}, more than {_MOST_BINS:,} bins of {format_duration(every)}; "
                "choose longer bins, or look at the times with 'counterpoise check'"
            )
        super()._begin(first_ns, last_ns)
        if every:
            self._horizon = last_ns + _MOST_BINS * every

    def _grow(self) -> None:
        """Twice the pages; what lies behind them keeps its place from the end."""
        old, pages = self._state, int(self._state[price_rows.CAPACITY])
        table, used = price_rows.TABLE, int(old[price_rows.USED])
        new = np.zeros(len(old) + pages * price_rows.PAGE_WORDS, np.int64)
        new[: table + 2 * used] = old[: table + 2 * used]
        new[table + 1 : table + 2 * used : 2] += 2 * pages
        held = used * price_rows.PAGE_ROWS * price_rows.WORDS
        new[table + 4 * pages : table + 4 * pages + held] = old[table + 2 * pages : table + 2 * pages + held]
        behind = table + pages * price_rows.PAGE_WORDS
        new[behind + pages * price_rows.PAGE_WORDS :] = old[behind:]
        new[price_rows.CAPACITY], new[price_rows.PAGE] = 2 * pages, price_rows.NO_PAGE
        self._state = new

    def _close(self) -> None:
        state, timed = self._state, self._settings[RULE] == TIME
        between = self.rules.sessions is not None and state[k.SESSION] < 0
        if not state[k.BEGUN] or between or (not timed and not state[k.BAR_TRADES]):
            return
        state[k.COMPLETE] = 0
        state[k.CLOSING] = state[k.BOUNDARY] if timed else min(int(state[k.BOUNDARY]), self._last_ts + 1)
        while self._state[k.CLOSING] != NOT_OPEN:
            self.rows(self._book, self._state, self._settings, *Events.empty(), 0, self._out)
            if self._keep() < len(self._out) and self._state[k.CLOSING] != NOT_OPEN:
                self._grow()

    def _price(self, rows: Int1D) -> Float1D:
        """Low edge of rows [quote]."""
        return self.instrument.price_grid.values(rows * self.rules.row_ticks)


class Summary:
    """Columns of bars as kernels write them, turned into units; null where a bar has none."""

    def __init__(self, rows: Int2D, instrument: Instrument, row_ticks: int) -> None:
        self._rows, self._instrument, self._row_ticks = rows, instrument, row_ticks
        self._traded = self[k.BAR_TRADES] > 0
        self._held = self[k.SUM_TRADES] > 0

    def __getitem__(self, slot: int) -> Int1D:
        return self._rows[:, 1 + slot - k.SUMMARY]

    def qty(self, *slots: int) -> Float1D:
        """Sum of lots [base; contracts of an inverse instrument]."""
        lots = np.zeros(len(self._rows), np.int64)
        for slot in slots:
            lots += self[slot]
        return self._instrument.flow_grid.values(lots)

    def net(self, plus: int, minus: int) -> Float1D:
        """Difference of lots [base], rounded once."""
        return self._instrument.flow_grid.values(self[plus] - self[minus])

    def price(self, slot: int) -> Float1D:
        """Ticks [quote]; NaN in a bar without a trade."""
        return where_sound(self._traded, self._instrument.price_grid.values(self[slot]))

    def area(self) -> dict[str, AnyArray]:
        """Point of control and value area of the rows; NaN when there are none."""
        edges = (("poc", k.POC), ("value_area_low", k.AREA_LOW), ("value_area_high", k.AREA_HIGH))
        values = self._instrument.price_grid.values
        out: dict[str, AnyArray] = {n: where_sound(self._held, values(self[slot] * self._row_ticks)) for n, slot in edges}
        return out | {"poc_qty": where_sound(self._held, self._instrument.flow_grid.values(self[k.POC_LOTS]))}

    def vwap(self) -> tuple[Float1D, Float1D]:
        """Mean price of all the rows hold, weighted by base coins, and its standard deviation [quote]."""
        weight, mean, square = (np.ascontiguousarray(self[slot]).view(np.float64) for slot in (k.WEIGHT, k.MEAN, k.SQUARE))
        some = np.where(weight > 0, weight, 1.0)
        shift = mean / some
        spread = np.sqrt(np.maximum(square / some - shift * shift, 0.0))
        tick, sound = self._instrument.price_grid.size, self._held & (weight > 0)
        return where_sound(sound, (self[k.ANCHOR] + shift) * tick), where_sound(sound, spread * tick)


def stamped(columns: Mapping[str, AnyArray]) -> pl.DataFrame:
    """A frame whose first column is a time [ns] and whose NaNs are nulls."""
    frame = pl.DataFrame([pl.Series(name, values, nan_to_null=True) for name, values in columns.items()])
    return frame.with_columns(pl.nth(0).cast(UTC_NS))


def _settings(instrument: Instrument, rules: RowRules, writes: int) -> Float1D:
    """Numbers for the kernel, in the order it names them."""
    if rules.row_ticks < 1 or rules.row_ticks >= _MOST:
        raise InputError(f"a row must be at least one tick high, found {rules.row_ticks}")
    if not 0 < rules.share <= 1 or round(rules.share * _WHOLE) < 1:
        raise InputError(f"the share of a value area lies in (0, 1], found {rules.share}")
    if rules.bins is None and rules.sessions is None:
        raise InputError("neither bins nor sessions end a bar; give one of them")
    meant, area = imbalance_definition(rules.definition), value_area_definition(rules.value_area)
    top, bottom = meant.multiplier.as_integer_ratio()
    lot = Fraction(instrument.flow_grid.step)
    least, unfinished = ceil(Fraction(meant.min_qty) / lot), floor(Fraction(meant.unfinished_qty) / lot)
    if max(least, unfinished) >= _MOST:
        raise InputError(f"{meant} is beyond 2^53 lots of {instrument.id}; choose smaller quantities")
    numbers = [*(rules.bins.settings(instrument) if rules.bins else (float(TIME), 0.0)), writes, rules.row_ticks]
    numbers += [instrument.inverse, top, bottom, meant.strict, least, meant.zero == "count", meant.stack, unfinished]
    numbers += [area.rows, round(rules.share * _WHOLE)]
    return np.array([*numbers, *(rules.sessions.settings() if rules.sessions else [0.0])], np.float64)
