"""Absorption: one side trades hard into a price, the price holds, and what is taken there is shown anew.

`Absorption(instrument, ...)` has a memory; `find_absorption` is the batch form.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS, parse_decimal
from counterpoise.flow.cells import STATE_NAMES, UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import absorption as k
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.book import STATE
from counterpoise.market.quality import BookState

__all__ = ["GROUPS", "Absorption", "find_absorption"]

_RULES: Final = {"sigmas": k.SIGMAS, "qty": k.QTY, "notional": k.NOTIONAL}
_ENDED: Final = np.array(["break", "fade", "timeout", "void", "open"])

GROUPS: Final[tuple[Group, ...]] = (
    Group(
        name="absorption",
        says="prices that were hit hard, held, and were refilled",
        made_by="Absorption",
        needs=("trades", "depth"),
        columns=(
            Column("ts_local", "ns", "when the episode was over"),
            Column("ts_start", "ns", "first fill of the window in which it was recognised, ts_local"),
            Column("ts_known", "ns", "when it was recognised, ts_local"),
            Column("ts_end", "ns", "last fill counted, ts_local"),
            Column("side", "1", "of the aggressor that was absorbed: +1 buys, -1 sells", "odd"),
            Column("price", "quote", "that was hit first", "price"),
            Column("price_nearest", "quote", "of the fills, that the aggressor liked best", "price"),
            Column("price_farthest", "quote", "of the fills, that it liked least", "price"),
            Column("fills", "count", "trades counted"),
            Column("traded", "base", "aggressive volume the book has answered to", "even", "linear"),
            Column("refilled", "base", "traded less the net fall of what was shown at these prices", "even", "linear"),
            Column("displayed_before", "base", "shown at these prices before the first fill", "even", "linear"),
            Column("max_move_ticks", "ticks", "how far the best price of the hit side fell behind `price`"),
            Column("strength", "1", "traded / threshold"),
            Column("threshold", "base", "volume it took to be recognised", "even", "linear"),
            Column("unknown_qty", "base", "traded with unknown aggressor meanwhile", "even", "linear"),
            Column("quality", "1", "worst book state up to the row"),
            Column("ended", "1", "break, fade, timeout, void, open"),
        ),
        source="practice of order-flow traders; counted as in docs/theory",
    ),
)


def find_absorption(
    events: Events,
    instrument: Instrument,
    *,
    threshold: str = "sigmas:3",
    within_ns: int = 5 * SECOND_NS,
    ticks: int = 0,
    max_move_ticks: int = 2,
    min_refill: float = 0.5,
) -> pl.DataFrame:
    """All absorbed attacks of a recording, in the order in which they ended; see `Absorption`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> find_absorption(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Absorption(
        instrument,
        threshold=threshold,
        within_ns=within_ns,
        ticks=ticks,
        max_move_ticks=max_move_ticks,
        min_refill=min_refill,
    ).whole(events)


class Absorption(Stream):
    """Absorbed attacks of one instrument, event by event, buys and sells apart.

    Parameters
    ----------
    instrument : Instrument
    threshold : str
        Volume at the price within the window: ``"sigmas:3"``, standard deviations above the mean of the side's volume per
        window at all prices; ``"qty:50"`` [base coins; contracts of an inverse instrument]; ``"notional:1e6"`` [quote].
    within_ns : int
        The window.
    ticks : int
        Fills this far from the first one's price are of the same attack.
    max_move_ticks : int
        The best price of the hit side may be this far from it, and no farther.
    min_refill : float
        Share of the volume that must be shown anew.
    patience_ns : int
        An episode ends after this time.
    memory : int
        Windows of the recent past that mean and deviation look back over: weights fall by 1 − 2/(memory + 1).
    warm : int
        Whole windows before the first threshold.
    stale_ns : int
        A book silent for longer is STALE.

    Raises
    ------
    InputError
        If a number is out of its range.
    UnknownName
        If there is no such rule of threshold.

    Notes
    -----
    An attack begins with a fill, at its price. Another fill farther than `ticks` away begins another, unless the attack is
    already an episode and the fill within `max_move_ticks`. It is an episode once a whole book message finds the volume of the
    last `within_ns` at or above the threshold and ``refilled ≥ min_refill · traded``. Volume counts when a book message of its
    ts_venue or later has come, so a queue that has fallen and the trades that made it fall are booked together:
    ``refilled = traded − (shown before − shown now)``. An episode ends by ``break`` (the price went through), ``fade`` (it went
    the other way, or no fill came for `within_ns`), ``timeout``, ``void`` (GAP, crossed or silent book) or ``open`` (the data
    end). Mean and deviation are of whole windows before the current one, so the threshold is causal; a GAP takes the window it
    falls in out of them. Trades of unknown side are counted beside. At most 256 messages with fills are told apart in a window,
    and 64 times at the venue of fills that wait for the book; more are counted with the last.

    Causal: a row depends on rows up to its ts_local only. O(1) a row.

    References
    ----------
    No paper defines absorption; the exponential moments are West (1979), doi:10.1145/359146.359153.
    """

    rows = staticmethod(k.absorption_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        threshold: str = "sigmas:3",
        within_ns: int = 5 * SECOND_NS,
        ticks: int = 0,
        max_move_ticks: int = 2,
        min_refill: float = 0.5,
        patience_ns: int = 60 * SECOND_NS,
        memory: int = 60,
        warm: int = 10,
        stale_ns: int = 10 * SECOND_NS,
    ) -> None:
        if not 0 <= ticks <= max_move_ticks < 1 << 30 or memory < 1 or warm < 1 or not 0 <= min_refill < 1e6:
            raise InputError(
                f"found ticks {ticks}, max_move_ticks {max_move_ticks}, memory {memory}, warm {warm}, min_refill {min_refill}; "
                "expected 0 <= ticks <= max_move_ticks < 2^30, memory and warm at least 1, min_refill 0 or more"
            )
        if not 0 < within_ns <= patience_ns or stale_ns <= 0:
            raise InputError(
                f"found within {within_ns}, patience {patience_ns}, stale {stale_ns} ns; "
                "expected 0 < within <= patience and stale > 0"
            )
        numbers = (within_ns, patience_ns, stale_ns, ticks, max_move_ticks, *_least(threshold, instrument))
        settings = np.array([*numbers, min_refill, 2 / (memory + 1), warm], np.float64)
        state = np.zeros(k.STATE_SIZE, np.int64)
        state[k.STATUS + STATE] = BookState.GAPPED
        state[k.WAKE] = k.NEVER
        super().__init__(instrument, state=state, settings=settings, width=k.ROW, book=True)

    def _close(self) -> None:
        blocks = self._state[k.BLOCKS :].reshape(2, k.BLOCK)
        rows = blocks[blocks[:, k.PHASE] == k.ABSORBED, : k.ROW]
        rows = rows[np.argsort(rows[:, k.TS_START], kind="stable")]
        rows[:, k.TS], rows[:, k.ENDED] = self._last_ts, k.OPEN
        rows[:, k.UNKNOWN] = self._state[k.UNKNOWN_TOTAL] - rows[:, k.UNKNOWN]
        if len(rows):
            self._closed.append(rows)
        blocks[:, k.PHASE] = k.NONE

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        return _to_frame(rows, self.instrument)


def _least(threshold: str, instrument: Instrument) -> tuple[int, float]:
    """RULE and LEAST for the kernel, in the instrument's ticks and lots."""
    rule, _, text = threshold.partition(":")
    if rule not in _RULES:
        raise UnknownName("rule of threshold", rule, _RULES)
    number = parse_decimal(text, what=f"{rule} of the threshold")
    if number < 0 or (number == 0 and rule != "sigmas"):
        raise InputError(f"{rule} of the threshold must be positive, found {text}; write it like sigmas:3 or qty:50")
    if rule == "sigmas":
        return k.SIGMAS, float(number)
    if rule == "qty":
        return k.QTY, float(Fraction(number) / Fraction(instrument.flow_grid.step))
    least = float(Fraction(number) / instrument.notional(1, 1))
    return (k.QTY if instrument.inverse else k.NOTIONAL), least


def _to_frame(rows: Int2D, instrument: Instrument) -> pl.DataFrame:
    price, qty = instrument.price_grid, instrument.flow_grid
    side = rows[:, k.SIDE]
    threshold = np.ascontiguousarray(rows[:, k.THRESHOLD]).view(np.float64)
    columns: dict[str, AnyArray] = {
        "ts_local": rows[:, k.TS],
        "ts_start": rows[:, k.TS_START],
        "ts_known": rows[:, k.TS_KNOWN],
        "ts_end": rows[:, k.TS_END],
        "side": side.astype(np.int8),
        "price": price.values(-side * rows[:, k.ANCHOR]),
        "price_nearest": price.values(-side * rows[:, k.NEAREST]),
        "price_farthest": price.values(-side * rows[:, k.FARTHEST]),
        "fills": rows[:, k.FILLS],
        "traded": qty.values(rows[:, k.LOTS]),
        "refilled": qty.values(rows[:, k.REFILLED]),
        "displayed_before": qty.values(rows[:, k.SHOWN]),
        "max_move_ticks": rows[:, k.MOVE],
        "strength": rows[:, k.LOTS] / threshold,
        "threshold": threshold * qty.size,
        "unknown_qty": qty.values(rows[:, k.UNKNOWN]),
        "quality": STATE_NAMES[rows[:, k.QUALITY]],
        "ended": _ENDED[rows[:, k.ENDED]],
    }
    texts = {"quality": pl.String, "ended": pl.String}
    return pl.DataFrame(columns, schema_overrides=texts).with_columns(
        pl.col("ts_local", "ts_start", "ts_known", "ts_end").cast(UTC_NS)
    )
