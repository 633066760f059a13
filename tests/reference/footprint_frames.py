"""Frames of the footprint beside its slow twin."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from counterpoise.flow.auction.definition import ImbalanceDefinition, imbalance_definition, value_area_definition
from counterpoise.market.instrument import Instrument
from reference.naive_footprint import Bar, imbalances, stacks, value_area

Row = dict[str, Any]


def row_frame(
    bars: list[Bar], instrument: Instrument, *, row_ticks: int = 1, definition: str | ImbalanceDefinition = "atas"
) -> list[Row]:
    """What `Footprint` should give."""
    meant = imbalance_definition(definition)
    tick, lot = Fraction(instrument.price_grid.step), Fraction(instrument.flow_grid.step)
    out = []
    for bar in bars:
        rows = bar.rows(row_ticks)
        found = imbalances(rows, meant, lot)
        stacked = {side: {row for run in stacks(found[side], meant.stack) for row in run} for side in (1, -1)}
        for row, sums in rows.items():
            out.append(
                {
                    "ts": bar.end,
                    "bar": bar.number,
                    "row": row,
                    "price": float(row * row_ticks * tick),
                    "buy_qty": float(sums[1] * lot),
                    "sell_qty": float(sums[-1] * lot),
                    "unknown_qty": float(sums[0] * lot),
                    "trades": sums[9],
                    "buy_imbalance": row in found[1],
                    "sell_imbalance": row in found[-1],
                    "buy_stack": row in stacked[1],
                    "sell_stack": row in stacked[-1],
                }
            )
    return out


def bar_frame(
    bars: list[Bar],
    instrument: Instrument,
    *,
    row_ticks: int = 1,
    definition: str | ImbalanceDefinition = "atas",
    area: str = "classic",
    share: Fraction = Fraction(7, 10),
) -> list[Row]:
    """What `FootprintBars` should give, but for the mean price, which is not exact."""
    meant = imbalance_definition(definition)
    tick, lot = Fraction(instrument.price_grid.step), Fraction(instrument.flow_grid.step)
    out = []
    for bar in bars:
        rows = bar.rows(row_ticks)
        deltas = [0]
        for trade in bar.trades:
            deltas.append(deltas[-1] + trade.side * trade.lots)
        sums = {side: sum(t.lots for t in bar.trades if t.side == side) for side in (1, 0, -1)}
        found = imbalances(rows, meant, lot)
        made = {side: stacks(found[side], meant.stack) for side in (1, -1)}
        line: Row = {"ts": bar.end, "bar": bar.number, **dict.fromkeys(("open", "high", "low", "close"))}
        ticks = [t.ticks for t in bar.trades]
        if ticks:
            prices = (ticks[0], max(ticks), min(ticks), ticks[-1])
            line |= {n: float(p * tick) for n, p in zip(("open", "high", "low", "close"), prices, strict=True)}
        line |= {"volume": float(sum(sums.values()) * lot), "buy_qty": float(sums[1] * lot), "sell_qty": float(sums[-1] * lot)}
        line |= {"unknown_qty": float(sums[0] * lot), "trades": len(ticks), "delta": float(deltas[-1] * lot)}
        line |= {"min_delta": float(min(deltas) * lot), "max_delta": float(max(deltas) * lot)}
        line |= dict.fromkeys(("poc", "value_area_low", "value_area_high", "poc_qty"))
        if rows:
            lots = {row: s[1] + s[0] + s[-1] for row, s in rows.items()}
            poc, low, high = value_area(lots, value_area_definition(area), share)
            edges = {"poc": poc, "value_area_low": low, "value_area_high": high}
            line |= {name: float(row * row_ticks * tick) for name, row in edges.items()}
            line["poc_qty"] = float(lots[poc] * lot)
        line |= {"buy_imbalances": len(found[1]), "sell_imbalances": len(found[-1])}
        line |= {"buy_stacks": len(made[1]), "sell_stacks": len(made[-1])}
        bottom, top = (rows[min(rows)], rows[max(rows)]) if rows else ({1: 0, -1: 0}, {1: 0, -1: 0})
        line["unfinished_low"] = bottom[1] > 0 and bottom[-1] * lot > meant.unfinished_qty
        line["unfinished_high"] = top[-1] > 0 and top[1] * lot > meant.unfinished_qty
        out.append(line | {"gaps": bar.gaps, "complete": bar.complete})
    return out
