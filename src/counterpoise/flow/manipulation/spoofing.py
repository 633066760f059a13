"""Spoofing and layering: large sizes behind the touch that are pulled before they trade.

Depth by level never shows who posted or who traded, so this is a probability under a stated model and not a finding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.cells import real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import spoofing as k
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
from counterpoise.market.kernels.ladder import ABOVE_ALL, NO_KEY

__all__ = ["GROUPS", "Spoofing", "spoofing"]

# what is counted of large postings of a side: P(· | spoof), and a first guess of how often it is seen
_COUNTED: Final = (
    ((0.05, 0.95), (2, 18)),  # eaten, pulled
    ((0.6, 0.3, 0.1), (2, 4, 14)),  # pulled soon after an execution on the other side, later, much later or after none
    ((0.5, 0.5), (10, 10)),  # touch as far as at the posting or farther, nearer
    ((0.1, 0.9), (5, 15)),  # long after the posting, soon after it
    ((0.1, 0.9), (10, 10)),  # in parts, all at once
    ((0.5, 0.5), (18, 2)),  # imbalance made, small and large
    ((0.5, 0.5), (18, 2)),  # levels in the episode, few and many
)
_SPOOF: Final = tuple(chance for chances, _ in _COUNTED for chance in chances)
_BEFORE_ALL: Final = tuple(count for _, counts in _COUNTED for count in counts)
_SIZE_POWER: Final = 0.5  # P(tail ≤ x | spoof) = (x / tail_max)^power

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="spoofing",
        says="large sizes behind the touch that are pulled before they trade; several at once are layering",
        made_by="Spoofing",
        needs=("depth", "trades"),
        columns=(
            KNOWN_COLUMN,
            *SPAN_COLUMNS,
            SIDE_COLUMN,
            PRICE_COLUMN,
            Column("levels", "count", "large postings pulled together; three or more are layering"),
            Column("size", "base", "size of all of them", size="linear"),
            Column("executed", "base", "executed at their prices while they stood", size="linear"),
            Column("cancelled", "base", "size that went without execution", size="linear"),
            Column("cancelled_share", "1", "cancelled / (cancelled + executed)"),
            Column("size_tail", "1", "share of recent postings at that distance that are as large"),
            Column("distance", "count", "ticks behind the touch when posted"),
            Column("distance_end", "count", "ticks behind the touch when pulled"),
            Column("lifetime", "ns", "from posting to pull"),
            Column("opposite_qty", "base", "executed meanwhile against the other side of the book", size="linear"),
            Column("unknown_qty", "base", "traded meanwhile without a known aggressor; in no other column", size="linear"),
            Column("reaction", "ns", "from the last such execution to the pull; null when there was none"),
            Column("imbalance", "1", "what all of them added to depth imbalance within reach, to their own side"),
            Column("score", "1", "probability of a spoof under the model"),
        ),
        source="Fabre and Challet (2025), arXiv 2504.15908, for the distance; Lee, Eom and Park (2013) for the signs",
    ),
)


class Spoofing(Stream):
    """Spoofing and layering of one instrument, event by event: one row for postings of a side that were pulled together.

    Parameters
    ----------
    instrument : Instrument
    reach_ticks : int
        Postings farther behind the touch are not looked at; at most 1024.
    tail_max : float
        A posting is large when at most this share of the recent postings of its side and octave of distance are as large.
    min_seen : int
        Postings of a distance that must have been seen before any is called large.
    life_ns : int
        What has stood longer is taken as meant.
    brief_ns : int
        A pull sooner than this is brief.
    react_ns : int
        A pull this soon after an execution against the other side is a reaction to it; one within four times is a late one.
    together_ns : int
        Pulls of a side this close to the one before are one episode.
    pulled_share : float
        A posting is over when this share of it is gone.
    min_levels : int
        Postings in an episode that make it layering.
    heavy : float
        A posting that adds this much to depth imbalance within reach weighs on it.
    prior : float
        Chance that a large posting is a spoof, before it is looked at.
    min_score : float
        Rows below it are not given.
    stale_ns : int
        A book silent for longer voids what is open.

    Notes
    -----
    A posting is a rise of one level by one row, at least one tick behind its touch. It ends when `pulled_share` of it is gone:
    eaten, if the touch went through it or it was executed, else pulled. The score is a posterior,

        odds = prior / (1 − prior) · max over the levels of (size · pulled · how) · layers

    Each factor is P(· | spoof) / P(· | none). Size: ½ (tail / tail_max)^−½ against uniform, since a tail of honest postings is
    uniform by its definition. How: a reaction (three classes), the price neared, brief, taken away all at once, the imbalance
    it made; taken as independent. The denominators are shares of the last 256 to 512 large postings of that side; the
    numerators are assumed. `price`, `size_tail`, `distance`,
    `lifetime`, `opposite_qty`, `unknown_qty` and `reaction` are those of the level with the greatest factor.

    For a bid the opposite executions are buys: they lift the asks that the bid was to help. Of two large postings at prices
    that agree modulo 1024 ticks the larger is kept. A snapshot voids what is open, as a gap does.

    Causal: a row is given by the first event later than `together_ns` after the last pull. O(rows).

    References
    ----------
    Fabre and Challet (2025), arXiv 2504.15908: the posting distance is essential. Lee, Eom and Park (2013),
    doi:10.1016/j.finmar.2012.05.004: spoofing orders are large, far from the touch, pulled, and followed by a trade on the
    other side.
    """

    rows = staticmethod(k.spoofing_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        reach_ticks: int = 500,
        tail_max: float = 0.01,
        min_seen: int = 500,
        life_ns: int = 30 * SECOND_NS,
        brief_ns: int = 3 * SECOND_NS,
        react_ns: int = 150 * MS_NS,
        together_ns: int = 100 * MS_NS,
        pulled_share: float = 0.8,
        min_levels: int = 3,
        heavy: float = 0.1,
        prior: float = 0.01,
        min_score: float = 0.8,
        stale_ns: int = STALE_NS,
    ) -> None:
        require_spans(life_ns=life_ns, brief_ns=brief_ns, react_ns=react_ns, together_ns=together_ns, stale_ns=stale_ns)
        require_shares(tail_max=tail_max, pulled_share=pulled_share, heavy=heavy, prior=prior)
        require_shares(ends=True, min_score=min_score)
        require_counts(reach_ticks=reach_ticks, min_seen=min_seen, min_levels=min_levels)
        if reach_ticks > k.SLOTS:
            raise InputError(f"reach_ticks is {reach_ticks}; at most {k.SLOTS} ticks are watched, choose fewer")
        numbers = [reach_ticks, tail_max, min_seen, life_ns, brief_ns, react_ns, together_ns, pulled_share, prior, min_levels]
        numbers += [min_score, stale_ns, _SIZE_POWER, heavy, *_SPOOF]
        state = watch_state(k.STATE_SIZE)
        state[k.TOP : k.TOP + 2] = NO_KEY
        state[k.NEXT_DUE : k.DUE + 2] = ABOVE_ALL
        state[k.COUNTS : k.COUNTS + 2 * k.COUNTS_SIZE] = _BEFORE_ALL * 2
        state[k.KEYS : k.KEYS + 2 * k.SLOTS] = NO_KEY
        super().__init__(instrument, state=state, settings=np.array(numbers, np.float64), width=k.WIDTH, book=True)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        qty = self.instrument.flow_grid
        gone = rows[:, k.CANCELLED] + rows[:, k.EXECUTED]
        reaction = np.where(rows[:, k.REACTION] < 0, np.nan, rows[:, k.REACTION])
        return episode_frame(
            rows,
            {
                "side": rows[:, k.SIDE],
                "price": self.instrument.price_grid.values(rows[:, k.PRICE]),
                "levels": rows[:, k.LEVELS],
                "size": qty.values(rows[:, k.SIZE]),
                "executed": qty.values(rows[:, k.EXECUTED]),
                "cancelled": qty.values(rows[:, k.CANCELLED]),
                "cancelled_share": rows[:, k.CANCELLED] / np.maximum(gone, 1),
                "size_tail": real(rows, k.TAIL),
                "distance": rows[:, k.DISTANCE],
                "distance_end": rows[:, k.DISTANCE_END],
                "lifetime": rows[:, k.LIFETIME],
                "opposite_qty": qty.values(rows[:, k.OPPOSITE]),
                "unknown_qty": qty.values(rows[:, k.UNKNOWN]),
                "reaction": reaction,
                "imbalance": real(rows, k.IMBALANCE),
                "score": real(rows, k.SCORE),
            },
        ).with_columns(pl.col("reaction").cast(pl.Int64))


def spoofing(
    events: Events,
    instrument: Instrument,
    *,
    reach_ticks: int = 500,
    tail_max: float = 0.01,
    min_seen: int = 500,
    life_ns: int = 30 * SECOND_NS,
    brief_ns: int = 3 * SECOND_NS,
    react_ns: int = 150 * MS_NS,
    together_ns: int = 100 * MS_NS,
    pulled_share: float = 0.8,
    min_levels: int = 3,
    heavy: float = 0.1,
    prior: float = 0.01,
    min_score: float = 0.8,
    stale_ns: int = STALE_NS,
) -> pl.DataFrame:
    """Spoofing and layering of a recording; see `Spoofing`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> spoofing(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Spoofing(
        instrument,
        reach_ticks=reach_ticks,
        tail_max=tail_max,
        min_seen=min_seen,
        life_ns=life_ns,
        brief_ns=brief_ns,
        react_ns=react_ns,
        together_ns=together_ns,
        pulled_share=pulled_share,
        min_levels=min_levels,
        heavy=heavy,
        prior=prior,
        min_score=min_score,
        stale_ns=stale_ns,
    ).whole(events)
