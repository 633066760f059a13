"""What each event did and where it stood: the six numbers by which ClusterLOB tells participants apart, with order flow beside.

The paper clusters orders; a book of levels shows none. An event here is one side of one book message, or one trade.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.cells import STATE_NAMES, UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import event_features as k
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["FEATURES", "GROUPS", "EventFeatures", "event_features"]

FEATURES: Final = ("level_qty", "same_depth", "opposite_depth", "since_mid_ns", "since_level_ns", "level_age_ns")
_EVENTS: Final = np.array(["add", "remove", "move", "replace", "trade"])

GROUPS: Final = (
    Group(
        name="event_features",
        says="what each event did, and six numbers of where and when, to tell participants apart",
        made_by="EventFeatures",
        needs=("depth", "trades"),
        columns=(
            Column("ts_local", "ns", "when its last row was heard"),
            Column("event", "text", "add, remove or move on one side of the book, replace (a snapshot), trade"),
            Column("side", "1", "which way it pushes: +1 up, −1 down, 0 neither or unknown", mirror="odd"),
            Column("price", "quote", "best price it changed, or at which it traded", mirror="price"),
            Column("qty", "base", "added and removed together, or traded", size="linear"),
            Column("ofi", "base", "its part of the best level's order flow; null unless SYNCED", mirror="odd", size="linear"),
            Column("level_qty", "base", "V: resting at that price afterwards", size="linear"),
            Column(
                "same_depth", "base", "SBS: resting on that side from the best price to it, at most ten levels", size="linear"
            ),
            Column("opposite_depth", "base", "OBS: resting in as many levels of the other side", size="linear"),
            Column("since_mid_ns", "ns", "T_M: since a best price changed"),
            Column("since_level_ns", "ns", "T_1: since the last event at that price; 0 at the first"),
            Column("level_age_ns", "ns", "T_pre: since the first event at that price; 0 at the first"),
            Column("quality", "text", "state of the book, the worse of before and after"),
        ),
        source="Zhang, Cucuringu, Shestopaloff, Zohren (2025), arXiv 2504.20349, section 3",
    ),
)


def event_features(events: Events, instrument: Instrument, *, stale_ns: int = 10 * SECOND_NS) -> pl.DataFrame:
    """Events of a recording with their features; see `EventFeatures`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> event_features(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).columns[6:9]
    ['level_qty', 'same_depth', 'opposite_depth']
    """
    return EventFeatures(instrument, stale_ns=stale_ns).whole(events)


class EventFeatures(Stream):
    """One row a side that a book message changed, one a trade.

    Parameters
    ----------
    instrument : Instrument
    stale_ns : int
        A depth stream silent for longer is STALE.

    Notes
    -----
    The price of a book event is the best one it changed, that of a trade its own; *its side* is that queue's, for a trade the
    side that was hit. Depths are those after the message (of a trade: as the book stood when it was heard, which may or may
    not hold it still). Times are ts_local, so bursts of the network are in them. A price is forgotten when another one, a
    multiple of 8,192 ticks away, is used, and at a gap. The six are null unless the book is SYNCED before and after, for an
    unknown aggressor, and for snapshots, which do not say what changed.

    ``ofi`` of the two sides of a message add up to its e of Cont, Kukanov, Stoikov, so the sum over the events of a SYNCED bin
    is the ``ofi`` of `counterpoise.flow.measures.measure`, in lots, exactly.

    Causal. O(rows).

    References
    ----------
    Zhang, Cucuringu, Shestopaloff, Zohren (2025), arXiv 2504.20349: V, SBS, OBS, T_M, T_1, T_pre of one order each.
    """

    rows = staticmethod(k.event_rows)

    def __init__(self, instrument: Instrument, *, stale_ns: int = 10 * SECOND_NS) -> None:
        if not 0 < stale_ns < 1 << 53:
            raise InputError(f"stale time must be positive and below 104 days, found {stale_ns} ns")
        state = np.zeros(k.STATE_SIZE, np.int64)
        state[k.STATUS + STATE] = state[k.BEFORE] = BookState.GAPPED
        state[k.OPENING] = k.NO_SIDE
        state[k.TOUCHED : k.TOUCHED + 2] = NO_KEY
        state[k.TOP] = state[k.TOP + 2] = NO_KEY
        state[k.STATE_SIZE - 6 * k.SLOTS :: 3] = NO_KEY
        super().__init__(instrument, state=state, settings=np.array([float(stale_ns)]), width=k.EVENT_WIDTH, book=True)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        price, qty = self.instrument.price_grid, self.instrument.flow_grid
        synced, known = rows[:, k.QUALITY] == BookState.SYNCED, rows[:, k.KNOWN] == 1
        priced = rows[:, k.PRICE] != NO_KEY
        columns: dict[str, AnyArray] = {
            "ts_local": rows[:, k.TS],
            "event": _EVENTS[rows[:, k.EVENT]],
            "side": rows[:, k.SIDE].astype(np.int8),
            "price": np.where(priced, price.values(np.where(priced, rows[:, k.PRICE], 0)), np.nan),
            "qty": np.where(rows[:, k.EVENT] == k.REPLACE, np.nan, qty.values(rows[:, k.LOTS])),
            "ofi": np.where(synced, qty.values(rows[:, k.OFI]), np.nan),
        }
        for i, name in enumerate(FEATURES[:3]):
            columns[name] = np.where(known, qty.values(rows[:, k.LEVEL_LOTS + i]), np.nan)
        for i, name in enumerate(FEATURES[3:]):
            columns[name] = rows[:, k.SINCE_MID + i]
        columns["quality"] = STATE_NAMES[rows[:, k.QUALITY]]
        frame = pl.DataFrame(columns, nan_to_null=True, schema_overrides={"event": pl.String, "quality": pl.String})
        return frame.with_columns(
            pl.col("ts_local").cast(UTC_NS),
            *(pl.when(pl.Series(known)).then(name).alias(name) for name in FEATURES[3:]),
        )
