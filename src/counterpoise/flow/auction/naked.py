"""Levels that bars or sessions leave behind, until a trade reaches them: naked points of control, unfinished auctions."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int2D
from counterpoise.core.errors import InputError
from counterpoise.flow.auction.definition import ImbalanceDefinition
from counterpoise.flow.auction.price_rows import RowRules, RowStream, stamped
from counterpoise.flow.auction.sessions import Sessions
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import bar as k
from counterpoise.flow.kernels import naked as levels
from counterpoise.flow.kernels.bins import NOT_OPEN
from counterpoise.flow.kernels.price_rows import CAPACITY, NEED, PAGE_WORDS, TABLE
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "NakedLevels", "naked_levels", "standing"]

_FIRST_LEVELS: Final = 256
_MOST_LEVELS: Final = 1 << 22  # 168 MB
_NAMES: Final = np.array(["poc", "unfinished_low", "unfinished_high"])
_EVENTS: Final = np.array(["left", "reached"])


class NakedLevels(RowStream):
    """One row when a level is left behind, and one when a trade reaches it.

    Parameters
    ----------
    instrument : Instrument
    bins : Bins or Sessions
        What leaves levels behind: bars, or sessions.
    row_ticks : int
    definition : str or ImbalanceDefinition
        When an auction is unfinished.

    Notes
    -----
    A frame has ``ts_local`` (end of the bar that left it, or time of the trade that ended that bar or reached the level),
    ``event`` (``left``, ``reached``), ``level`` (``poc``, ``unfinished_low``, ``unfinished_high``), ``price`` (low edge of its
    row), ``bar`` and ``bar_ts`` of the bar that left it, and ``gaps``, GAP rows since: where there are some, trades that
    reached it may be missing.

    A level is reached by the first later trade in its row, or past it: price that jumps over it has been there too. A bar that
    nothing has ended leaves nothing. What stands now is `open`; of a finished table, `standing`.

    Of several that one trade reaches the nearest to the trade before it is written first. At most three stand in a row of
    price, as a later trade there reaches them, and four million (2²²) in all; memory, 40 bytes a level, doubles when full.

    Causal: nothing is written before it is known. O(1) a trade and a level.

    Raises
    ------
    InputError
        From `push`, if more levels stand than that.
    """

    def __init__(
        self,
        instrument: Instrument,
        *,
        bins: Bins | Sessions,
        row_ticks: int = 1,
        definition: str | ImbalanceDefinition = "atas",
    ) -> None:
        by, over = (None, bins) if isinstance(bins, Sessions) else (bins, None)
        rules = RowRules(by, over, row_ticks=row_ticks, definition=definition)
        super().__init__(instrument, rules=rules, writes=k.LEVELS, width=levels.LEVEL_COLUMNS)
        self._state[levels.WATCH_HIGH], self._state[levels.WATCH_LOW] = NOT_OPEN, -NOT_OPEN
        self._more_levels(_FIRST_LEVELS)

    @property
    def open(self) -> pl.DataFrame:
        """Levels that no trade has reached yet, in order of price."""
        below, above = int(self._state[levels.LEVELS_BELOW]), int(self._state[levels.LEVELS_ABOVE])
        entries = self._state[self._levels_at :].reshape(-1, levels.ENTRY)
        entries = np.concatenate([entries[:below], entries[len(entries) - above :]])
        rows = np.zeros((len(entries), levels.LEVEL_COLUMNS), np.int64)
        rows[:, 0], rows[:, 2:7] = entries[:, 2], entries
        rows[:, 6] = self._state[levels.SEEN_GAPS] - entries[:, 4]
        return self._frame(rows).drop("event", "ts_local")

    def _grow(self) -> None:
        if self._state[NEED] == levels.NEED_LEVELS:
            self._more_levels(int(self._state[levels.LEVEL_CAPACITY]))
        else:
            super()._grow()

    @property
    def _levels_at(self) -> int:
        return TABLE + int(self._state[CAPACITY]) * PAGE_WORDS

    def _more_levels(self, count: int) -> None:
        """Room between the levels at or below the last trade and those above it."""
        if self._state[levels.LEVEL_CAPACITY] + count > _MOST_LEVELS:
            raise InputError(
                f"{self._state[levels.LEVEL_CAPACITY]:,} levels stand that no trade has reached, expected at most "
                f"{_MOST_LEVELS:,}; choose longer bins or higher rows (row_ticks)"
            )
        room = self._levels_at + int(self._state[levels.LEVELS_BELOW]) * levels.ENTRY
        self._state = np.insert(self._state, room, np.zeros(count * levels.ENTRY, np.int64))
        self._state[levels.LEVEL_CAPACITY] += count

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        columns: dict[str, AnyArray] = {"ts_local": rows[:, 0], "event": _EVENTS[rows[:, 1]], "level": _NAMES[rows[:, 3]]}
        columns |= {"price": self._price(rows[:, 2]), "bar": rows[:, 5], "bar_ts": rows[:, 4], "gaps": rows[:, 6]}
        return stamped(columns).with_columns(pl.col("event", "level").cast(pl.String), pl.col("bar_ts").cast(UTC_NS))


def naked_levels(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins | Sessions,
    row_ticks: int = 1,
    definition: str | ImbalanceDefinition = "atas",
) -> pl.DataFrame:
    """What every bar of a whole stream leaves behind, and when it is reached; see `NakedLevels`."""
    return NakedLevels(instrument, bins=bins, row_ticks=row_ticks, definition=definition).whole(events)


def standing(table: pl.DataFrame) -> pl.DataFrame:
    """One row a level: what left it, and when it was reached; null while it stands.

    Parameters
    ----------
    table : polars.DataFrame
        All that a `NakedLevels` gave. Looks back from its end: no row of it may be used as if known at ``bar_ts``.

    Returns
    -------
    polars.DataFrame
        ``bar_ts``, ``bar``, ``level``, ``price``, ``reached`` (Datetime), ``gaps`` until then.
    """
    reached = table.filter(pl.col("event") == "reached").select("bar", "level", reached="ts_local", gaps_until="gaps")
    left = table.filter(pl.col("event") == "left").select("bar_ts", "bar", "level", "price")
    return left.join(reached, on=["bar", "level"], how="left", maintain_order="left").rename({"gaps_until": "gaps"})


GROUPS: Final[tuple[Group, ...]] = (
    Group(
        "naked_levels",
        "points of control and unfinished auctions, when they are left behind and when they are reached",
        "NakedLevels",
        ("trades", "bins"),
        (
            Column("ts_local", "ns", "when the bar ended, or the trade came that reached the level", "free", "free"),
            Column("event", "1", "left or reached", "free", "free"),
            Column("level", "1", "poc, unfinished_low or unfinished_high", "free", "free"),
            Column("price", "quote", "low edge of the level's row", "free", "free"),
            Column("bar", "count", "number of the bar that left it", "free", "free"),
            Column("bar_ts", "ns", "end of that bar", "free", "free"),
            Column("gaps", "count", "GAP rows since it was left", "free", "free"),
        ),
        "unfinished auction: counterpoise.flow.auction.definition; a naked point of control has not been traded since",
    ),
)
