"""What became of small orders put into a recorded book: the sample that fills and adverse selection are fitted on."""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np

from counterpoise.balance.placement.features import features
from counterpoise.core.arrays import Bool1D, Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.queue import QueueModel

__all__ = ["Probes", "replay_probes"]


class Probes(NamedTuple):
    """Orders and their fate, in the order they were sent.

    Attributes
    ----------
    sent_ns : (n,) int64
    rows : (n, features) float64
        As `features`, by the book when they were sent.
    seconds : (n,) float64
        To the fill, or to the end of watching [s].
    filled : (n,) bool
    moves_bps : (n,) float64
        Of the mid from sending to the horizon's end, in the order's direction; NaN where there was no mid.
    """

    sent_ns: Int1D
    rows: Float2D
    seconds: Float1D
    filled: Bool1D
    moves_bps: Float1D

    def filled_within(self, horizon_s: float) -> Bool1D:
        """(n,) whether it was, the move being known: the rows for `fit_adverse_selection`."""
        return self.filled & (self.seconds <= horizon_s) & np.isfinite(self.moves_bps)


class _Sent(NamedTuple):
    number: int
    ts_ns: int
    side: int
    inside: bool
    quote: tuple[int, int, int, int]

    @classmethod
    def at(cls, ts_ns: int, number: int, top: TopOfBook) -> Self:
        """Sides by turns, and by turns of two before the touch where there is room."""
        inside = number // 2 % 2 == 1 and top.ask_ticks - top.bid_ticks > 1
        return cls(number, ts_ns, 1 - 2 * (number % 2), inside, top[:4])

    @property
    def price_ticks(self) -> int:
        return (self.quote[0] if self.side > 0 else self.quote[2]) + self.side * self.inside


def replay_probes(
    events: Events,
    instrument: Instrument,
    *,
    unit_lots: float,
    every: str = "1s",
    life: str = "30s",
    horizon: str = "10s",
    queue: QueueModel | None = None,
) -> Probes:
    """Put orders of one lot into a replay at equal times, on either side by turns, at the touch and before it by turns.

    Parameters
    ----------
    events : Events
        In order of arrival.
    instrument : Instrument
    unit_lots : float
        An ordinary order of this market, above 0.
    every, life, horizon : str
        Time between orders, most that one is watched, and time over which moves are told; all above 0.
    queue : QueueModel, optional
        What becomes of the orders ahead, where the recording does not say; conservative if left out.

    Raises
    ------
    InputError
        If a time or the unit is not above 0, or the recording has no moment with a book in order.

    Notes
    -----
    They leave nothing behind in the book, and stand behind each other as any orders do. Where the spread is a tick all join.
    """
    every_ns, life_ns, horizon_ns = parse_duration(every), parse_duration(life), parse_duration(horizon)
    if min(every_ns, life_ns, horizon_ns) <= 0 or not unit_lots > 0:
        raise InputError(f"every {every}, life {life}, horizon {horizon} and unit_lots {unit_lots}; expected all above 0")
    market = ReplayMarket(instrument, queue=queue or QueueModel())
    market.feed(events)
    sent: list[_Sent] = []
    fills: dict[int, int] = {}
    mids: dict[int, float] = {}
    for ts_ns in range(int(events.ts_local[0]) + every_ns, int(events.ts_local[-1]) + 1, every_ns):
        while found := market.run(ts_ns):
            fills.update({fill.number: fill.ts_ns for fill in found})
        for old in sent[-(life_ns // every_ns) - 2 :]:
            if ts_ns - old.ts_ns >= life_ns:
                market.remove(old.number)
        top = market.top(ts_ns)
        if top.state is not BookState.SYNCED or not 0 < top.bid_ticks < top.ask_ticks:
            continue
        mids[ts_ns] = (top.bid_ticks + top.ask_ticks) / 2
        sent.append(_Sent.at(ts_ns, len(sent), top))
        market.rest(sent[-1].number, ts_ns, sent[-1].side, sent[-1].price_ticks, 1)
    if not sent:
        raise InputError(f"{instrument.id}: the book is never in order, so no order could be put into it")
    ended = [fills.get(one.number, min(one.ts_ns + life_ns, int(events.ts_local[-1]))) for one in sent]
    after = [mids.get(one.ts_ns + horizon_ns, np.nan) for one in sent]
    filled = np.array([one.number in fills for one in sent])
    return _told(sent, np.array(ended), filled, after=np.array(after), unit_lots=unit_lots)


def _told(sent: list[_Sent], ended: Int1D, filled: Bool1D, *, after: Float1D, unit_lots: float) -> Probes:
    """Columns, by when each order ended and the mid a horizon after it was sent."""
    bid, bid_lots, ask, ask_lots = np.array([one.quote for one in sent], np.float64).T
    side = np.array([one.side for one in sent])
    sent_ns = np.array([one.ts_ns for one in sent], np.int64)
    rows = features(
        inside=np.array([one.inside for one in sent]),
        spread_ticks=ask - bid,
        own_lots=np.where(side > 0, bid_lots, ask_lots),
        opposite_lots=np.where(side > 0, ask_lots, bid_lots),
        unit_lots=np.full(len(sent), unit_lots),
    )
    moves = side * np.log(after / ((bid + ask) / 2)) / BPS
    return Probes(sent_ns, rows, np.maximum((ended - sent_ns) / SECOND_NS, 1e-6), filled, moves)
