"""From chain to chain: what the change of open interest between two snapshots says where no trade was recorded.

A snapshot has no sides. Open interest grows when both parties open and falls when both close, so its change is a quantity of
positions, not of buying.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D, Int2D
from counterpoise.core.errors import CounterpoiseError, DataError
from counterpoise.core.units import format_time
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.option_weights import SAID_COLUMNS, DeltaKind, require_delta
from counterpoise.flow.kernels import chain_flow as k
from counterpoise.flow.kernels.tables import OPENS, TS
from counterpoise.flow.numbers import numbered
from counterpoise.flow.records import Records
from counterpoise.flow.tables import Field, Table, TableStream
from counterpoise.market.chain import CHAIN_COLUMNS, require_chain

__all__ = ["GROUPS", "STATUS", "ChainChanges", "ChainTables", "chain_changes"]

STATUS: Final = ("held", "new", "returned", "expired", "gone")  # in the kernel's order
_TERMS: Final = ("symbol", "base", "cash", "expiry_ns", "strike", "right")
_Terms = tuple[str, str, str, int, float, str]
_CHAINS: Final = Table(
    OPENS,
    "option chains",
    (
        Field("ts_local", TS, "time"),
        Field("option_at", k.OPTION, "whole"),
        *(Field(name, k.SAID_AT + i) for i, name in enumerate(SAID_COLUMNS)),
        Field("interest", k.OPTION_INTEREST, "size"),
        Field("traded", k.OPTION_VOLUME, "size"),
        Field("strike", k.STRIKE, "price"),
        Field("coin_settled", k.IN_COINS, "whole"),
    ),
)

GROUPS: Final = (
    Group(
        "chain_changes",
        "change of open interest of each option between two snapshots, weighted by its greeks",
        "ChainChanges",
        ("options", "open_interest"),
        (
            Column("ts_local", "ns", "the later snapshot"),
            Column("since", "ns", "the earlier snapshot"),
            Column("gap_ns", "ns", "time between them"),
            Column("symbol", "1", "the option"),
            Column("base", "1", "the coin"),
            Column("cash", "1", "currency of strike and vega"),
            Column("expiry", "ns", "when it expires"),
            Column("strike", "quote", "strike"),
            Column("right", "1", "C or P"),
            Column("status", "1", "held, new, returned (seen before, not in the earlier one), expired or gone"),
            Column("open_interest", "coin", "in the later snapshot", "even", "linear"),
            Column(
                "open_interest_change",
                "coin",
                "null when returned or gone; of an expired one what was settled",
                "even",
                "linear",
            ),
            Column("volume_least", "coin", "what was traded between them, at least", "even", "linear"),
            Column("volume_most", "coin", "at most; null when they lie more than 24 h apart", "even", "linear"),
            Column("delta_change", "coin", "open_interest_change · delta", "even", "linear"),
            Column("gamma_change", "coin", "open_interest_change · change of delta for a move of 1 %", "even", "linear"),
            Column("vega_change", "quote", "open_interest_change · vega of a vol point", "even", "linear"),
            Column("out_of_money", "1", "struck beyond the forward"),
        ),
        "docs/theory/flow.md, From chain to chain",
    ),
)


def chain_changes(chains: pl.DataFrame, *, delta: DeltaKind = "black", seen: Iterable[str] = ()) -> pl.DataFrame:
    """Changes of open interest from each recorded snapshot to the next, option by option; see `ChainChanges`.

    Raises as there. What goes on from earlier snapshots begins with the last of them, and names in `seen` the symbols of all.
    """
    return ChainChanges(delta=delta, seen=seen).whole({"chains": chains})


class ChainTables(TableStream):
    """Base of a measure of snapshots of option chains.

    Table ``chains``: snapshots under each other, in the columns of `counterpoise.market.chain.CHAIN_COLUMNS`; equal
    ``ts_local`` and base make a snapshot. It is over when a later row comes, or `until` says so; `now` reads it before.

    Parameters
    ----------
    settings : sequence of float
        In the kernel's order.
    width : int
    seen : iterable of str
        Symbols of snapshots before these, so that one of them is returned and not new.

    Notes
    -----
    `push` and `event` refuse, with a DataError, a chain with faults (see `counterpoise.market.chain.chain_faults`), an option
    that stands twice in a snapshot, or whose terms change. An option costs 20 words of memory from its first row on, expired or
    not: what returns must be known.
    """

    rows = staticmethod(k.chain_rows)

    def __init__(self, *, settings: Sequence[float], width: int, seen: Iterable[str] = ()) -> None:
        state = np.zeros(k.CHAIN_STATE_SIZE, np.int64)
        state[k.OPEN_AT] = k.NEVER
        super().__init__(
            {"chains": _CHAINS},
            state=state,
            settings=np.array(settings, np.float64),
            width=width,
            row_width=k.CHAIN_ROW_WIDTH,
        )
        self._seen = frozenset(seen)
        self._records = Records(len(state))
        self._terms: dict[str, _Terms] = {}
        self._groups: list[tuple[str, str]] = []

    # rows in

    def push(self, frames: Mapping[str, pl.DataFrame]) -> int:
        """Take snapshots, all up to a moment; returns how many rows wait for `drain`.

        Raises
        ------
        UnknownName
            If there is no such table.
        InputError
            If a column is missing.
        DataError
            If a chain has faults, an option stands twice in a snapshot or changes its terms, or times go back.
        """
        known = len(self._records), len(self._terms), len(self._groups)
        try:
            return super().push(frames)
        except CounterpoiseError:
            self._state = self._records.back_to(known[0], self._state)
            self._terms = dict(list(self._terms.items())[: known[1]])
            del self._groups[known[2] :]
            raise

    def event(self, table: str, row: Mapping[str, Any]) -> int:
        """Take one option of a snapshot: a `push` of one row, which costs a millisecond. Raises as there."""
        return self.push({table: pl.DataFrame([row], schema_overrides=CHAIN_COLUMNS)})

    def _packed(self, name: str, frame: pl.DataFrame) -> Int2D:
        self._table(name)
        require_chain(frame)
        said = frame.select(_TERMS).unique(maintain_order=True)
        at = [self._option_at(terms) for terms in said.iter_rows()]
        placed = dict(zip(said["symbol"].to_list(), at, strict=True))
        told = frame.with_columns(
            numbered(frame["symbol"], placed.__getitem__).alias("option_at"),
            (pl.col("open_interest") * pl.col("multiplier")).alias("interest"),
            (pl.col("volume") * pl.col("multiplier")).alias("traded"),
        )
        return super()._packed(name, told)

    def _close(self) -> None:
        left = True
        while left:
            left = k.close_chain(self._state, self._settings, self._out)
            self._keep()

    def _look(self, rows: Int2D) -> None:
        now = int(self._state[k.OPEN_AT])
        again = rows[(rows[:, TS] == now) & (rows[:, k.OPTION] > 0) & (rows[:, k.OPTION] < len(self._state)), k.OPTION]
        twice = again[self._state[again + k.SEEN_AT + 1] == now]
        if len(twice):
            name = self._records.names()[int(twice[0])]
            raise DataError(f"option chains: {name} stands twice at {format_time(now)}; keep one row a symbol and time")

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        if self._records.end > len(self._state):
            self._state = self._records.grown(self._state)
            self._chain()

    # records

    def _option_at(self, terms: _Terms) -> int:
        symbol, base, cash, expiry, _, right = terms
        held = self._terms.setdefault(symbol, terms)
        if held != terms:
            raise DataError(
                f"option chains: the terms of {symbol} were {held[1:]} and are now {terms[1:]}; give them one symbol each"
            )
        if (base, cash) not in self._groups:
            self._groups.append((base, cash))
        fresh = np.full(k.OPTION_SIZE, k.NEVER)
        fresh[: k.SEEN_AT] = 0
        fresh[k.OF_COIN] = self._records.at(("coin", base), np.full(k.COIN_SIZE, k.NEVER))
        fresh[k.OF_GROUP] = self._groups.index((base, cash)) + 1
        fresh[k.OF_EXPIRY], fresh[k.OF_CALL], fresh[k.EVER] = expiry, right == "C", symbol in self._seen
        return self._records.at(symbol, fresh)

    def _chain(self) -> None:
        """Chain the options in the order of their rows."""
        at = [self._records.at(terms[0], _NOTHING) for terms in sorted(self._terms.values(), key=lambda terms: terms[1:])]
        self._state[np.array(at) + k.NEXT] = [*at[1:], 0]
        self._state[k.HEAD] = at[0]

    # memory

    def _words(self) -> str:
        return repr(sorted(self._seen))

    def _extra(self) -> Any:
        return [self._records.saved(), list(self._terms.values()), self._groups]

    def _set_extra(self, extra: Any) -> None:
        self._records.restore(extra[0])
        self._terms = {terms[0]: tuple(terms) for terms in extra[1]}
        self._groups = [(base, cash) for base, cash in extra[2]]

    def _holds(self, name: str, array: Int1D, extra: Any) -> bool:
        return self._records.fit(extra[0], len(array))


class ChainChanges(ChainTables):
    """Changes of open interest from each snapshot to the next, one row an option of either.

    Table as of `ChainTables`.

    Parameters
    ----------
    delta : {"black", "net"}
        See `counterpoise.flow.derivatives.option_weights.with_weights`.
    seen : iterable of str
        Symbols of snapshots before these, so that one of them is returned and not new.

    Raises
    ------
    UnknownName
        If there is no such delta.

    Notes
    -----
    Columns are those of `GROUPS`, by time, coin, currency, expiry, strike and right. Greeks are those of the later snapshot; of
    an expired option there are none. The change of an option that is new is all its open interest.

    Volume is the venue's rolling 24 h figure: between snapshots less than 24 h apart it grew by what was traded less what
    was traded a day before. So max(0, change) is the least that was traded, and the later figure the most; further apart the
    later figure is the least. The change of open interest is no bound: positions also close off the book. Causal. O(rows), and
    O(options log options) when one is new.
    """

    def __init__(self, *, delta: DeltaKind = "black", seen: Iterable[str] = ()) -> None:
        require_delta(delta)
        super().__init__(settings=(delta == "net", 0, 0, False), width=k.CHANGES_WIDTH, seen=seen)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        names = self._records.names()
        terms = [self._terms[names[at]] for at in rows[:, k.AT].tolist()]
        frame = pl.DataFrame(terms, schema={name: CHAIN_COLUMNS[name] for name in _TERMS}, orient="row")
        columns: dict[str, Any] = {
            "ts_local": pl.Series(rows[:, k.UNTIL]).cast(UTC_NS),
            "since": pl.Series(rows[:, k.SINCE]).cast(UTC_NS),
            "gap_ns": rows[:, k.UNTIL] - rows[:, k.SINCE],
            "status": pl.Series(_STATUS_NAMES[rows[:, k.STATUS]], dtype=pl.String),
            **{name: real(rows, at) for name, at in _REALS.items()},
        }
        told = pl.DataFrame(columns, nan_to_null=True)
        joined = pl.concat([frame, told], how="horizontal").with_columns(
            pl.col("expiry_ns").cast(UTC_NS).alias("expiry"), pl.col("out_of_money").cast(pl.Boolean)
        )
        return joined.select(column.name for column in GROUPS[0].columns)


_NOTHING: Final = np.zeros(0, np.int64)
_STATUS_NAMES: Final = np.array(STATUS, dtype=object)
_REALS: Final = {
    "open_interest": k.INTEREST,
    "open_interest_change": k.CHANGE,
    "volume_least": k.LEAST,
    "volume_most": k.MOST,
    "delta_change": k.WEIGHTED_CHANGES,
    "gamma_change": k.WEIGHTED_CHANGES + 1,
    "vega_change": k.WEIGHTED_CHANGES + 2,
    "out_of_money": k.WEIGHTED_CHANGES + 3,
}
