"""Icebergs: levels at which more was executed than they showed, or that are refilled after each fill.

Depth by level never shows an order, so this is a probability and not a finding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.units import MS_NS
from counterpoise.flow.cells import real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import icebergs as k
from counterpoise.flow.manipulation.episode import (
    KNOWN_COLUMN,
    PRICE_COLUMN,
    SIDE_COLUMN,
    SPAN_COLUMNS,
    STALE_NS,
    episode_frame,
    require_counts,
    require_shares,
    require_spans,
    watch_state,
)
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.ladder import NO_KEY

__all__ = ["GROUPS", "Icebergs", "icebergs"]

_HIDDEN: Final = (0.1, 0.5, 0.4)  # a fill at an iceberg: nothing comes after it, a refill, more than was shown
_HIDDEN_SAME: Final = 0.85  # two refills of an iceberg in turn are alike; some venues blur the size
_BEFORE_ALL: Final = (24, 12, 4, 12, 4)  # first guess of what fills at other levels do, worth 40 fills and 16 pairs of refills

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="icebergs",
        says="levels that are refilled after fills, or give more than they show",
        made_by="Icebergs",
        needs=("depth", "trades"),
        columns=(
            KNOWN_COLUMN,
            *SPAN_COLUMNS,
            SIDE_COLUMN,
            PRICE_COLUMN,
            Column("displayed", "base", "most that was shown there since the price became best", size="linear"),
            Column("executed", "base", "executed there since then", size="linear"),
            Column("excess", "base", "executed beyond the most that was shown; 0 when it was not", size="linear"),
            Column("unknown_qty", "base", "traded there without a known aggressor; not in executed", size="linear"),
            Column("fills", "count", "times the book told of executions there"),
            Column("refills", "count", "fills after which new size stood there"),
            Column("alike", "count", "refills of the size of the one before"),
            Column("refill", "base", "mean size of a refill", size="linear"),
            Column("delay", "ns", "mean time from an execution to the message that shows the refill"),
            Column("score", "1", "greatest probability of an iceberg, after any refill"),
        ),
        source="odds of a change, Shiryaev (1963), doi:10.1137/1108002; signs, Zotikov and Antonov (2019), arXiv 1909.09495",
    ),
)


class Icebergs(Stream):
    """Icebergs of one instrument, event by event: one row when the level is over.

    Parameters
    ----------
    instrument : Instrument
    refill_ns : int
        A refill that comes later after a fill is no answer to it, and a level empty for longer is over. 150 ms: three messages
        of a feed that speaks each 50 ms.
    similar : float
        Two refills are alike when their difference is at most this share of the larger.
    prior : float
        Chance that an iceberg was placed between one fill of a level and the next.
    min_score : float
        Rows below it are not given.
    min_refills : int
        One refill has no size to be alike with: two.
    stale_ns : int
        A book silent for longer voids what is open.

    Notes
    -----
    A level is kept from the moment it is the best of its side, eight a side at a time, until it has been empty for `refill_ns`
    or seven others with better prices need its room. A fill is what was executed there until the book speaks next; it ends as
    nothing, a refill or an overrun (more executed than was shown). The odds O of an iceberg follow, fill by fill,

        O ← (O + prior) / (1 − prior) · P(outcome | iceberg) / P(outcome | none)

    and for a refill after another P(alike or not | iceberg) / P(alike or not | none) besides. The denominators are shares of
    the last 256 to 512 fills of that side, at all levels: what independent orders do in this market, now. The numerators are
    assumed. Fills are taken as independent of each other given either.

    Causal. O(rows) and 16 levels a book message.

    References
    ----------
    Shiryaev (1963), doi:10.1137/1108002: odds of a change at an unknown time. Zotikov and Antonov (2019), arXiv 1909.09495:
    native icebergs refill within the message of the fill, synthetic ones after a latency.
    """

    rows = staticmethod(k.iceberg_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        refill_ns: int = 150 * MS_NS,
        similar: float = 0.02,
        prior: float = 0.001,
        min_score: float = 0.95,
        min_refills: int = 2,
        stale_ns: int = STALE_NS,
    ) -> None:
        require_spans(refill_ns=refill_ns, stale_ns=stale_ns)
        require_shares(prior=prior)
        require_shares(ends=True, similar=similar, min_score=min_score)
        require_counts(min_refills=min_refills)
        state = watch_state(k.STATE_SIZE)
        state[k.COUNTS : k.TABLE] = _BEFORE_ALL * 2
        state[k.TABLE :: k.FIELDS] = NO_KEY
        numbers = (refill_ns, stale_ns, prior, similar, min_score, min_refills, *_HIDDEN, _HIDDEN_SAME)
        super().__init__(instrument, state=state, settings=np.array(numbers, np.float64), width=k.WIDTH, book=True)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        qty = self.instrument.flow_grid
        refills = np.maximum(rows[:, k.REFILLS], 1)
        return episode_frame(
            rows,
            {
                "side": rows[:, k.SIDE],
                "price": self.instrument.price_grid.values(rows[:, k.PRICE]),
                "displayed": qty.values(rows[:, k.MOST]),
                "executed": qty.values(rows[:, k.EXECUTED]),
                "excess": qty.values(np.maximum(rows[:, k.EXECUTED] - rows[:, k.MOST], 0)),
                "unknown_qty": qty.values(rows[:, k.UNKNOWN]),
                "fills": rows[:, k.FILLS],
                "refills": rows[:, k.REFILLS],
                "alike": rows[:, k.SAME],
                "refill": qty.values(rows[:, k.REFILLED]) / refills,
                "delay": rows[:, k.DELAY] // refills,
                "score": real(rows, k.SCORE),
            },
        )


def icebergs(
    events: Events,
    instrument: Instrument,
    *,
    refill_ns: int = 150 * MS_NS,
    similar: float = 0.02,
    prior: float = 0.001,
    min_score: float = 0.95,
    min_refills: int = 2,
    stale_ns: int = STALE_NS,
) -> pl.DataFrame:
    """Icebergs of a recording; see `Icebergs`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> icebergs(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Icebergs(
        instrument,
        refill_ns=refill_ns,
        similar=similar,
        prior=prior,
        min_score=min_score,
        min_refills=min_refills,
        stale_ns=stale_ns,
    ).whole(events)
