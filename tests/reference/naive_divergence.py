"""Swings and divergences from their definition, by looking back over all trades at each one: the slow twin of the kernel."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.instrument import Instrument


@dataclass
class Trade:
    ts: int
    price: int
    cvd: int
    volume: int
    unknown: int


@dataclass
class Swing:
    side: int
    at: Trade
    shown: Trade


def stretches(events: Events) -> list[list[Trade]]:
    """Trades between gaps, each with the running sums up to it."""
    out: list[list[Trade]] = [[]]
    cvd = volume = unknown = 0
    for i in range(events.rows):
        lots, side = int(events.qty_lots[i]), int(events.side[i])
        if events.kind[i] == GAP:
            out.append([])
        elif events.kind[i] == TRADE and lots:
            cvd, volume, unknown = cvd + side * lots, volume + lots, unknown + lots * (side == 0)
            out[-1].append(Trade(int(events.ts_local[i]), int(events.price_ticks[i]), cvd, volume, unknown))
    return out


def naive_swings(trades: list[Trade], *, bps: Fraction | None = None, ticks: int | None = None) -> list[Swing]:
    """Turns, one after another: the first trade that is away from the extreme since the last turn."""
    swings: list[Swing] = []
    since, sides = 0, (1, -1)  # where the stretch of the extremes begins, and which of them a trade may turn from
    for now in range(len(trades)):
        for side in sides:
            best = max(side * t.price for t in trades[since : now + 1])
            at = next(t for t in trades[since : now + 1] if side * t.price == best)
            away = best - side * trades[now].price
            if away >= (ticks if ticks is not None else max(abs(best) * (bps or 0) / 10_000, Fraction(1, 10**9))):
                if len(sides) == 1:
                    swings.append(Swing(side, at, trades[now]))
                since, sides = now, (-side,)
                break
    return swings


def naive_divergences(
    events: Events, instrument: Instrument, *, bps: Fraction | None = None, ticks: int | None = None
) -> list[dict[str, object]]:
    """Every pair of swings of one kind in turn that disagrees, in order of when it was known."""
    out: list[tuple[int, int, dict[str, object]]] = []
    for stretch in stretches(events):
        found = naive_swings(stretch, bps=bps, ticks=ticks)
        for side in (1, -1):
            for a, b in pairwise([s for s in found if s.side == side]):
                higher, gain = side * (b.at.price - a.at.price), side * (b.at.cvd - a.at.cvd)
                if higher * gain < 0:
                    out.append((b.shown.ts, b.shown.volume, _row(a, b, instrument)))
    return [row for *_, row in sorted(out, key=lambda held: held[:2])]


def _row(a: Swing, b: Swing, instrument: Instrument) -> dict[str, object]:
    lot, volume = Fraction(instrument.flow_grid.step), b.at.volume - a.at.volume
    return {
        "ts_local": b.shown.ts,
        "side": -a.side,
        "hidden": a.side * (b.at.price - a.at.price) < 0,
        "ts_first": a.at.ts,
        "ts_second": b.at.ts,
        "price_first": instrument.price(a.at.price),
        "price_second": instrument.price(b.at.price),
        "cvd_first": float(a.at.cvd * lot),
        "cvd_second": float(b.at.cvd * lot),
        "strength": abs(b.at.cvd - a.at.cvd) / volume,
        "unknown_share": (b.at.unknown - a.at.unknown) / volume,
    }
