"""Quote stuffing: bursts of book updates that change the book little and trade little."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.cells import real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import stuffing as k
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

__all__ = ["GROUPS", "Stuffing", "stuffing"]

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="stuffing",
        says="bursts of book updates that change the book little and trade little",
        made_by="Stuffing",
        needs=("depth", "trades"),
        columns=(
            KNOWN_COLUMN,
            *SPAN_COLUMNS,
            SIDE_COLUMN,
            PRICE_COLUMN,
            Column("windows", "count", "windows in a row that are part of it"),
            Column("updates", "count", "book rows in them"),
            Column("usual_updates", "count", "book rows that as many windows usually have"),
            Column("trades", "count", "trades in them"),
            Column("unknown_trades", "count", "of which the aggressor is not known"),
            Column("gross", "base", "sum of all changes of levels, without sign", size="linear"),
            Column("net", "base", "what of it stayed: per window, net change of bids and of asks without sign", size="linear"),
            Column("move", "quote", "change of mid from start to end", mirror="odd"),
            Column("score", "1", "1 − 1/(1 + z²): at most 1 − score of windows have so many updates, by Cantelli's bound"),
        ),
        source="Egginton, Van Ness and Van Ness (2016), doi:10.1111/fima.12126",
    ),
)


class Stuffing(Stream):
    """Quote stuffing of one instrument, event by event: one row when the burst is over.

    Parameters
    ----------
    instrument : Instrument
    window_ns : int
        Updates are counted in windows that end at multiples of it.
    sigmas : float
        A window belongs to a burst when its updates exceed their mean by so many standard deviations. The paper has 20 over
        minutes of stocks; seconds of a perpetual vary more for honest reasons, so its tail is fatter and 20 finds nothing.
    trade_sigmas : float
        And when its trades exceed their mean by at most so many: news brings quotes and trades.
    max_net : float
        And when at most this share of all size changed is left at its end.
    max_moves : float
        And when mid moved by at most so many times its mean move, or that of one tick.
    memory : int
        Windows over which the means are taken, exponentially.
    min_windows : int
        Sound windows before the first burst can be called.
    stale_ns : int
        A book silent for longer voids what is open.

    Notes
    -----
    Mean and variance are exponential over the sound windows before; each count is cut at three standard deviations before it is
    learnt from, so that a burst does not hide the next, and a new level of activity is still learnt. The variance is never
    below that of a Poisson count. A window in which the book was not in sync throughout is neither a burst nor learnt from,
    and voids a burst before it.

    The score is that of the window with the greatest z = (updates − mean) / sd. 1/(1 + z²) bounds P(updates ≥ mean + z·sd) for
    any distribution with that mean and variance, one window at a time; it is a bound, not a probability of intent.

    Causal: a row is given by the first event after the window that ends the burst. O(rows).

    References
    ----------
    Egginton, Van Ness and Van Ness (2016), Quote stuffing, doi:10.1111/fima.12126: a minute whose quotes exceed the mean of its
    recent past by 20 standard deviations.
    """

    rows = staticmethod(k.stuffing_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        window_ns: int = SECOND_NS,
        sigmas: float = 6.0,
        trade_sigmas: float = 2.0,
        max_net: float = 0.25,
        max_moves: float = 3.0,
        memory: int = 300,
        min_windows: int = 30,
        stale_ns: int = STALE_NS,
    ) -> None:
        require_spans(window_ns=window_ns, stale_ns=stale_ns)
        require_shares(ends=True, max_net=max_net)
        require_counts(memory=memory, min_windows=min_windows)
        if not (sigmas > 0 and trade_sigmas > 0 and max_moves > 0):
            raise InputError(f"sigmas and max_moves must be positive, found {sigmas}, {trade_sigmas} and {max_moves}")
        numbers = (window_ns, sigmas, trade_sigmas, max_net, max_moves, 2 / (memory + 1), min_windows, stale_ns)
        state = watch_state(k.STATE_SIZE)
        state[k.WINDOW_END] = k.WINDOW_OPEN
        super().__init__(instrument, state=state, settings=np.array(numbers, np.float64), width=k.WIDTH, book=True)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        qty, price = self.instrument.flow_grid, self.instrument.price_grid
        return episode_frame(
            rows,
            {
                "side": np.sign(rows[:, k.SIDE]),
                "price": price.values(rows[:, k.MID], over=2),
                "windows": rows[:, k.WINDOWS],
                "updates": rows[:, k.UPDATES],
                "usual_updates": real(rows, k.USUAL),
                "trades": rows[:, k.TRADES],
                "unknown_trades": rows[:, k.UNKNOWN],
                "gross": qty.values(rows[:, k.GROSS]),
                "net": qty.values(rows[:, k.NET]),
                "move": price.values(rows[:, k.MOVE], over=2),
                "score": real(rows, k.SCORE),
            },
        )


def stuffing(
    events: Events,
    instrument: Instrument,
    *,
    window_ns: int = SECOND_NS,
    sigmas: float = 6.0,
    trade_sigmas: float = 2.0,
    max_net: float = 0.25,
    max_moves: float = 3.0,
    memory: int = 300,
    min_windows: int = 30,
    stale_ns: int = STALE_NS,
) -> pl.DataFrame:
    """Quote stuffing of a recording; see `Stuffing`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> stuffing(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Stuffing(
        instrument,
        window_ns=window_ns,
        sigmas=sigmas,
        trade_sigmas=trade_sigmas,
        max_net=max_net,
        max_moves=max_moves,
        memory=memory,
        min_windows=min_windows,
        stale_ns=stale_ns,
    ).whole(events)
