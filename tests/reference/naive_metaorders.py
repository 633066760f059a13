"""Runs of orders on one side, from lists of trades: the slow twin of `counterpoise.flow.impact.metaorders`."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.instrument import Instrument

Run = dict[str, float | int | None]
Trade = tuple[int, int, int, int, int]  # ts_local, time of the order, side, price, lots


def naive_metaorders(events: Events, instrument: Instrument, *, least_orders: int, silence_ns: int) -> list[Run]:
    """One dictionary a run."""
    out: list[Run] = []
    trades: list[Trade] = []

    def end(ts: int) -> None:
        own = [t for t in trades if t[2]]
        if own and 1 + sum(a[1] != b[1] for a, b in pairwise(own)) >= least_orders:
            out.append(run(ts, trades, instrument))
        trades.clear()

    ts = 0
    for ts, venue, _, _, kind, side, _, price, lots in zip(*(column.tolist() for column in events), strict=True):
        own = [t for t in trades if t[2]]
        if own and ts - own[-1][0] > silence_ns:
            end(ts)
        if kind == GAP:
            trades.clear()
        elif kind == TRADE and lots and (side or trades):
            if side and own and trades and side == -own[-1][2]:
                end(ts)
            trades.append((ts, venue or ts, side, price, lots))
    end(ts)
    return out


def run(ts: int, trades: list[Trade], instrument: Instrument) -> Run:
    own = [t for t in trades if t[2]]
    last = max(i for i, t in enumerate(trades) if t[2])
    tick, lot = Fraction(instrument.price_grid.step), Fraction(instrument.flow_grid.step)
    first_price, last_price = own[0][3], own[-1][3]
    return {
        "ts_local": ts,
        "start": own[0][0],
        "end": own[-1][0],
        "side": own[0][2],
        "orders": 1 + sum(a[1] != b[1] for a, b in pairwise(own)),
        "trades": len(own),
        "qty": float(sum(t[4] for t in own) * lot),
        "unknown_qty": float(sum(t[4] for t in trades[:last] if not t[2]) * lot),
        "notional": float(sum(instrument.notional(t[3], t[4]) for t in own)),
        "open": float(first_price * tick),
        "close": float(last_price * tick),
        "price_change": float((last_price - first_price) * tick),
        "impact_bps": float(Fraction(last_price - first_price, first_price) * 10_000),
    }
