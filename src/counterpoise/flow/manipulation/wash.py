"""Wash-like prints: opposite prints of one size at one price, more of them than chance gives; and what sizes look like.

A public tape names nobody, so this is a probability under a stated model and not a finding.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.units import MS_NS
from counterpoise.flow.cells import real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import wash as k
from counterpoise.flow.manipulation.episode import (
    KNOWN_COLUMN,
    PRICE_COLUMN,
    SIDE_COLUMN,
    SPAN_COLUMNS,
    episode_frame,
    require_counts,
    require_shares,
    require_spans,
)
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Wash", "wash"]

_WASH_MATCH: Final = 0.9  # chance that a print within a wash run meets its opposite

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="wash",
        says="pairs of opposite prints of one size at one price, beyond chance",
        made_by="Wash",
        needs=("trades",),
        columns=(
            KNOWN_COLUMN,
            *SPAN_COLUMNS,
            SIDE_COLUMN,
            PRICE_COLUMN,
            Column("size", "base", "of each print", size="linear"),
            Column("pairs", "count", "pairs in the run"),
            Column("qty", "base", "traded by all its prints", size="linear"),
            Column("unknown_prints", "count", "prints of that price and size without a known aggressor; in no pair"),
            Column("gaps", "count", "GAP rows from its first print to its last: prints between may be missing", size="free"),
            Column("zeros", "count", "trailing decimal zeros of the size in lots: how round it is", size="free"),
            Column("wait", "ns", "mean time between the two prints of a pair"),
            Column(
                "gap_cv", "1", "sd / mean of times between pairs; 1 for a Poisson process, 0 for a clock; null under 3 pairs"
            ),
            Column("chance", "1", "product of p of its pairs: what chance alone gives"),
            Column("score", "1", "probability of a wash run under the model"),
        ),
        source="null model of independent sizes; signs after Cong, Li, Tang and Yang (2023), doi:10.1287/mnsc.2021.02709",
    ),
)


class Wash(Stream):
    """Runs of wash-like pairs of prints of one instrument, event by event: one row when the run is over.

    Parameters
    ----------
    instrument : Instrument
    within_ns : int
        The two prints of a pair are this close, and so are pairs of a run.
    prior : float
        Chance that a pair that meets begins a wash run, before its size is looked at.
    min_score : float
        Rows below it are not given.
    min_pairs : int

    Notes
    -----
    A print meets the latest unmet print of the other side, at its price and of its size, within `within_ns` and among the last
    64. Null model: sizes are independent of each other and of sides, with the shares f they had among the last 2048 to 4096
    prints. With m unmet opposite prints at that price a print of size q meets one of its size by chance with

        p = 1 − (1 − f(q))^m

    f(q) is at least the share of q among those of the last 64 prints that are opposite and at other prices: sizes come in
    trains. In a run, prints of size q come again by themselves: with T prints at its price since its last pair the exponent is
    m · max(1, T f). Each pair multiplies the odds by 0.9 / p, so under the null a print of a given size does it by x or more
    with a chance of at most 0.9 / x. `side` is the aggressor of the first print. Sixteen runs are open at most; the one that
    was silent longest makes room.

    A print without a known aggressor meets nothing; it is counted. Trades alone matter, not the book. A GAP ends nothing and is
    counted in `gaps`: a pair or run across it may hold prints that met others which never arrived.
    Causal: a row is given by the first event later than `within_ns` after the last pair. O(rows), and 64 prints a trade.

    References
    ----------
    Cong, Li, Tang and Yang (2023), Crypto wash trading, doi:10.1287/mnsc.2021.02709. Aloosh and Li (2024), Direct evidence of
    bitcoin wash trading, doi:10.1287/mnsc.2021.01448.
    """

    rows = staticmethod(k.wash_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        within_ns: int = 500 * MS_NS,
        prior: float = 0.001,
        min_score: float = 0.9,
        min_pairs: int = 2,
    ) -> None:
        require_spans(within_ns=within_ns)
        require_shares(prior=prior)
        require_shares(ends=True, min_score=min_score)
        require_counts(min_pairs=min_pairs)
        numbers = (within_ns, prior, _WASH_MATCH, min_score, min_pairs)
        state = np.zeros(k.STATE_SIZE, np.int64)
        state[k.NEXT_DUE] = k.NEVER
        super().__init__(instrument, state=state, settings=np.array(numbers, np.float64), width=k.WIDTH)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        qty = self.instrument.flow_grid
        lots = rows[:, k.LOTS]
        powers = 10 ** np.arange(1, 19, dtype=np.int64)
        return episode_frame(
            rows,
            {
                "side": rows[:, k.SIDE],
                "price": self.instrument.price_grid.values(rows[:, k.PRICE]),
                "size": qty.values(lots),
                "pairs": rows[:, k.PAIRS],
                "qty": qty.values(2 * rows[:, k.PAIRS] * lots),
                "unknown_prints": rows[:, k.UNKNOWN],
                "gaps": rows[:, k.GAPS],
                "zeros": (lots[:, None] % powers == 0).sum(axis=1),
                "wait": rows[:, k.WAIT] // np.maximum(rows[:, k.PAIRS], 1),
                "gap_cv": real(rows, k.CV),
                "chance": real(rows, k.CHANCE),
                "score": real(rows, k.SCORE),
            },
        )


def wash(
    events: Events,
    instrument: Instrument,
    *,
    within_ns: int = 500 * MS_NS,
    prior: float = 0.001,
    min_score: float = 0.9,
    min_pairs: int = 2,
) -> pl.DataFrame:
    """Wash-like runs of a recording; see `Wash`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> wash(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Wash(instrument, within_ns=within_ns, prior=prior, min_score=min_score, min_pairs=min_pairs).whole(events)
