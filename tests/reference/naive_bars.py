"""Bars the slow way: one loop a rule, lists of (trade, lots) pieces, Python integers and Fractions."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

from counterpoise.market.bar_rule import ExpectedImbalance
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument

Row = dict[str, Any]
Piece = tuple[Row, int, bool]  # a trade, lots of it in this bar, whether they are its first


def rows_of(events: Events) -> list[Row]:
    return [dict(zip(Events._fields, row, strict=True)) for row in zip(*(c.tolist() for c in events), strict=True)]


def trades_of(events: Events) -> list[Row]:
    return [row for row in rows_of(events) if row["kind"] == TRADE and row["qty_lots"] > 0]


def bar(pieces: list[Piece], instrument: Instrument, *, complete: bool) -> Row:
    prices = [row["price_ticks"] for row, _, _ in pieces]
    qty = sum(lots for _, lots, _ in pieces)
    value = sum(row["price_ticks"] * lots for row, lots, _ in pieces)
    base = 0.0
    for row, lots, _ in pieces:
        base += lots / row["price_ticks"] if instrument.inverse else 0.0
    unit, tick = float(instrument.notional(1, 1)), instrument.price(1)
    whole, rest = divmod(abs(value), 2**62)
    as_float = (float(whole) * 2.0**62 + float(rest)) * (-1 if value < 0 else 1)
    return {
        "first_ns": pieces[0][0]["ts_local"] if pieces else None,
        "last_ns": pieces[-1][0]["ts_local"] if pieces else None,
        "open_ticks": prices[0] if pieces else None,
        "high_ticks": max(prices, default=None),
        "low_ticks": min(prices, default=None),
        "close_ticks": prices[-1] if pieces else None,
        "qty_lots": qty,
        "buy_lots": sum(lots for row, lots, _ in pieces if row["side"] == 1),
        "sell_lots": sum(lots for row, lots, _ in pieces if row["side"] == -1),
        "notional": (float(qty) if instrument.inverse else as_float) * unit,
        "vwap": (float(qty) / base if instrument.inverse else as_float / float(qty)) * tick if pieces else None,
        "trades": sum(first for _, _, first in pieces),
        "complete": complete,
    }


def time_bars(events: Events, instrument: Instrument, *, every_ns: int, clock: str = "local") -> list[Row]:
    rows = rows_of(events) if clock == "local" else [row for row in rows_of(events) if row["kind"] == TRADE]
    if not rows:
        return []
    slots = [row[f"ts_{clock}"] // every_ns for row in rows]
    out = []
    for slot in range(slots[0], slots[-1] + 1):
        inside = [
            row for row, at in zip(rows, slots, strict=True) if at == slot and row["kind"] == TRADE and row["qty_lots"] > 0
        ]
        pieces = [(row, row["qty_lots"], True) for row in inside]
        limits = {"start_ns": slot * every_ns, "end_ns": (slot + 1) * every_ns}
        out.append(limits | bar(pieces, instrument, complete=slot < slots[-1]))
    return out


def sized_bars(events: Events, instrument: Instrument, *, size: Fraction, by_value: bool) -> list[Row]:
    """One lot after another."""
    bars: list[list[Piece]] = [[]]
    filled = Fraction(0)
    for row in trades_of(events):
        each = instrument.notional(row["price_ticks"], 1) if by_value else Fraction(instrument.qty_grid.step)
        for lot in range(row["qty_lots"]):
            if bars[-1] and bars[-1][-1][0] is row:
                same, lots, first = bars[-1][-1]
                bars[-1][-1] = (same, lots + 1, first)
            else:
                bars[-1].append((row, 1, lot == 0))
            filled += each
            if filled >= size:
                bars.append([])
                filled = Fraction(0)
    return closed_and_open(bars, instrument)


def trade_bars(events: Events, instrument: Instrument, *, trades: int) -> list[Row]:
    pieces = [(row, row["qty_lots"], True) for row in trades_of(events)]
    bars = [pieces[at : at + trades] for at in range(0, len(pieces), trades)]
    if not bars or len(bars[-1]) == trades:
        bars.append([])
    return closed_and_open(bars, instrument)


def aggressors(trades: list[Row]) -> list[int]:
    """Side, or by the tick rule where there is none."""
    out: list[int] = []
    for i, row in enumerate(trades):
        change = row["price_ticks"] - trades[i - 1]["price_ticks"] if i else 0
        rule = (change > 0) - (change < 0) or (out[-1] if out else 0)
        out.append(row["side"] or rule)
    return out


def imbalance_bars(events: Events, instrument: Instrument, *, threshold: Fraction | ExpectedImbalance, by: str) -> list[Row]:
    unit = {"trades": Fraction(1), "qty": Fraction(instrument.qty_grid.step), "notional": instrument.notional(1, 1)}[by]
    trades = trades_of(events)
    if isinstance(threshold, ExpectedImbalance):
        expected, signed = float(threshold.trades), threshold.signed / float(unit)
        needed = expected * abs(signed)
    else:
        needed = float(ceil(threshold / unit))
    bars: list[list[Piece]] = [[]]
    theta = 0
    for row, b in zip(trades, aggressors(trades), strict=True):
        lots, ticks = row["qty_lots"], row["price_ticks"]
        v = {"trades": 1, "qty": lots, "notional": lots if instrument.inverse else lots * ticks}[by]
        bars[-1].append((row, lots, True))
        theta += b * v
        if isinstance(threshold, ExpectedImbalance):
            signed += 2 / (threshold.span_trades + 1) * (b * v - signed)
        if abs(theta) < needed:
            continue
        if isinstance(threshold, ExpectedImbalance):
            expected += 2 / (threshold.span_bars + 1) * (len(bars[-1]) - expected)
            expected = min(max(expected, threshold.least_trades), threshold.most_trades)
            needed = expected * abs(signed)
        bars.append([])
        theta = 0
    return closed_and_open(bars, instrument)


def closed_and_open(bars: list[list[Piece]], instrument: Instrument) -> list[Row]:
    """All bars but the last are complete; the last is left out when it is empty."""
    out = [bar(pieces, instrument, complete=True) for pieces in bars[:-1]]
    return out + ([bar(bars[-1], instrument, complete=False)] if bars[-1] else [])
