"""Flow by the size of the aggressor's whole order, per bin, and CVD of each size class from a named anchor."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import ClassVar, Final, Literal, TypeAlias

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS, format_duration, parse_decimal
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import bins as b
from counterpoise.flow.kernels import sized_flow as k
from counterpoise.flow.stream import Rows, Stream
from counterpoise.flow.tape.tape import DEFAULT_WAIT_NS, ended, notional_units, print_settings
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["DEFAULT_EDGES", "GROUPS", "Anchor", "SizedFlow", "sized_flow"]

Anchor: TypeAlias = Literal["first", "session", "epoch"]
Edge: TypeAlias = str | int | float | Decimal
DEFAULT_EDGES: Final = ("1000", "10000", "100000")
_ANCHORS: Final = {"first": k.FIRST_EVENT, "session": k.SESSION, "epoch": k.EPOCH}
_MOST_EDGES: Final = 64
_MOST_BINS: Final = 5_000_000  # a gigabyte of rows

GROUPS: Final = (
    Group(
        name="sized_flow",
        says="signed flow and CVD by the size of the aggressor's whole order",
        made_by="SizedFlow",
        needs=("trades", "bins"),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column(
                "buy_qty_{edge}", "base", "bought by orders of this value and up to the next edge", mirror="free", size="free"
            ),
            Column("sell_qty_{edge}", "base", "sold by orders of this size", mirror="free", size="free"),
            Column("buys_{edge}", "count", "buying orders of this size", mirror="free", size="free"),
            Column("sells_{edge}", "count", "selling orders of this size", mirror="free", size="free"),
            Column("cvd_{edge}", "base", "bought − sold by orders of this size since the anchor", mirror="free", size="free"),
            Column("buy_qty", "base", "bought by orders that were completed in the bin", mirror="swaps", size="linear"),
            Column("sell_qty", "base", "sold by them", mirror="swaps", size="linear"),
            Column("cvd", "base", "bought − sold since the anchor", mirror="odd", size="linear"),
            Column("unknown_qty", "base", "traded by an aggressor whom the venue does not name", size="linear"),
            Column("unknown_prints", "count", "such trades"),
            Column("gaps", "count", "gaps in the data within the bin: trades may be missing"),
            Column(
                "anchored", "1", "whether the events reach back to the anchor and no GAP row has come since: CVD lacks nothing"
            ),
        ),
        source="the tape, by edges in quote notional",
    ),
)


def sized_flow(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins,
    edges: Sequence[Edge] = DEFAULT_EDGES,
    anchor: Anchor = "first",
    session_start_ns: int = 0,
    epoch_ns: int | None = None,
    join_ns: int = 0,
    wait_ns: int = DEFAULT_WAIT_NS,
) -> pl.DataFrame:
    """Flow by size of order of a recording, one row a bin; see `SizedFlow`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> sized_flow(Events.empty(), parse_instrument("binance_usdm:BTCUSDT"), bins=Bins.parse("10s")).columns[1:4]
    ['buy_qty_0', 'sell_qty_0', 'buys_0']
    """
    return SizedFlow(
        instrument,
        bins=bins,
        edges=edges,
        anchor=anchor,
        session_start_ns=session_start_ns,
        epoch_ns=epoch_ns,
        join_ns=join_ns,
        wait_ns=wait_ns,
    ).whole(events)


class SizedFlow(Stream):
    """Buying and selling per bin, apart for each size of order.

    An order's size is that of its whole print (`flow.tape.tape.Tape`), not of its fills. A bucket is named by its lower
    edge: with the default edges ``0`` (below 1,000), ``1000``, ``10000`` and ``100000`` (that much or more).

    Parameters
    ----------
    instrument : Instrument
    bins : Bins
    edges : sequence of numbers [quote]
        Ascending, positive.
    anchor : {"first", "session", "epoch"}
        Where the running sums begin: with the first event; anew each day at `session_start_ns`; or at `epoch_ns`, and before it
        they are null.
    session_start_ns : int [ns]
        Time of day, UTC; 0 is midnight.
    epoch_ns : int, optional [ns UTC]
    join_ns, wait_ns : int
        See `Tape`.

    Raises
    ------
    InputError
        If edges do not ascend from above 0 or are more than 64, a time lies out of its range, or events span more than five
        million bins.
    UnknownName
        If there is no such anchor.

    Notes
    -----
    A print counts whole, at the moment from which it is known to be complete: with the fill that does not join it, or
    ``join_ns + wait_ns`` after its last fill. So flow comes up to that much later than in the plain trade imbalance, and bins
    of volume end with the same trade as those of other measures but hold the prints that were completed in them. The last bin
    also takes the print that is open. Buckets add up to the whole in lots, exactly. Unknown aggressors are in no bucket.

    Two recordings of one market agree on CVD when both reach back to the anchor and have no GAP row since: `anchored` says
    whether. After a GAP row it is false until the next session begins, for the other anchors to the end. Nothing here depends
    on the book, so nothing is null for its quality; ``gaps`` counts GAP rows. Causal. O(rows).
    """

    rows: ClassVar[Rows] = staticmethod(k.sized_flow_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        bins: Bins,
        edges: Sequence[Edge] = DEFAULT_EDGES,
        anchor: Anchor = "first",
        session_start_ns: int = 0,
        epoch_ns: int | None = None,
        join_ns: int = 0,
        wait_ns: int = DEFAULT_WAIT_NS,
    ) -> None:
        values = [parse_decimal(edge, what="edge") for edge in edges]
        if values != sorted(set(values)) or any(value <= 0 for value in values) or len(values) > _MOST_EDGES:
            raise InputError(f"edges ascend from above 0 and are at most {_MOST_EDGES}, found {', '.join(map(str, edges))}")
        self._every_ns = bins.every_ns
        self._names = ["0", *(f"{value.normalize():f}" for value in values)]
        prints = print_settings(instrument, join_ns=join_ns, wait_ns=wait_ns)
        settings = [*bins.settings(instrument), *prints[2:], *_anchor_settings(anchor, session_start_ns, epoch_ns)]
        settings += [notional_units(value, instrument) for value in values]
        width = k.OUT_HEAD + k.BUCKET * len(self._names)
        state = np.zeros(k.RESET_AT + 1 + width, np.int64)
        state[: b.BINS_SIZE] = bins.state()
        state[k.RESET_AT] = k.NOT_STARTED
        super().__init__(instrument, state=state, settings=np.array(settings), width=width)

    def _begin(self, first_ns: int, last_ns: int) -> None:
        end, every_ns = int(self._state[b.BIN_END]), self._every_ns
        if every_ns:
            begun = first_ns if end == b.NOT_OPEN else end - every_ns
            if (last_ns - begun) // every_ns > _MOST_BINS:
                raise InputError(
                    f"events span {format_duration(last_ns - begun)}, more than {_MOST_BINS:,} bins of "
                    f"{format_duration(every_ns)}; choose longer bins, or look at the times with 'counterpoise check'"
                )
        super()._begin(first_ns, last_ns)
        if every_ns:
            self._horizon = last_ns + _MOST_BINS * every_ns

    def _close(self) -> None:
        state = self._state
        if state[k.RESET_AT] != k.NOT_STARTED:
            timed = state[b.BIN_END] != b.NOT_OPEN
            self._run(ended(int(state[b.BIN_END]) - 1 if timed else self._last_ts), 1)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        qty = self.instrument.flow_grid
        head, buckets = rows[:, : k.OUT_HEAD], rows[:, k.OUT_HEAD :].reshape(len(rows), len(self._names), k.BUCKET)
        columns: dict[str, AnyArray] = {"ts": head[:, k.OUT_END]}
        for i, edge in enumerate(self._names):
            buy, sell, buys, sells, cvd = buckets[:, i].T
            columns |= {f"buy_qty_{edge}": qty.values(buy), f"sell_qty_{edge}": qty.values(sell)}
            columns |= {f"buys_{edge}": buys, f"sells_{edge}": sells, f"cvd_{edge}": qty.values(cvd)}
        buy, sell, _, _, cvd = buckets.sum(axis=1).T
        columns |= {"buy_qty": qty.values(buy), "sell_qty": qty.values(sell), "cvd": qty.values(cvd)}
        columns |= {"unknown_qty": qty.values(head[:, 2]), "unknown_prints": head[:, 3], "gaps": head[:, 1]}
        frame = pl.DataFrame({name: np.ascontiguousarray(column) for name, column in columns.items()})
        begun = pl.Series(head[:, 4] >= 0)
        return frame.with_columns(
            pl.col("ts").cast(UTC_NS),
            *(pl.when(begun).then(name).alias(name) for name in columns if name.startswith("cvd")),
            anchored=pl.Series(head[:, 4] > 0),
        )


def _anchor_settings(anchor: str, session_start_ns: int, epoch_ns: int | None) -> list[float]:
    """ANCHOR, and its time as days and ns into the day: a double does not hold an epoch time."""
    if anchor not in _ANCHORS:
        raise UnknownName("anchor", anchor, _ANCHORS)
    if not 0 <= session_start_ns < DAY_NS:
        raise InputError(f"a session starts at a time of day, 0 ns to a day, found {session_start_ns} ns")
    if (epoch_ns is None) == (anchor == "epoch"):
        raise InputError(f"epoch_ns belongs to the anchor 'epoch', found {epoch_ns} with {anchor!r}; give both or neither")
    start = {"first": 0, "session": session_start_ns, "epoch": epoch_ns or 0}[anchor]
    return [float(_ANCHORS[anchor]), *map(float, divmod(start, DAY_NS))]
