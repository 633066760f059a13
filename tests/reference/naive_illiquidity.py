"""Kyle, Amihud and Roll from their definitions, on lists of bins: the slow twin of `counterpoise.flow.impact.illiquidity`."""

from __future__ import annotations

from fractions import Fraction
from math import log

import numpy as np

from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import rows_of

Bin = dict[str, float | int | None]
NAMES = ("close", "price_change", "signed_qty", "unknown_qty", "notional", "trades", "n")
MEASURES = ("kyle_lambda", "kyle_lambda_se", "kyle_r2", "amihud", "roll_spread")


def naive_illiquidity(events: Events, instrument: Instrument, *, window: int, every_ns: int = 0, trades: int = 0) -> list[Bin]:
    """One dictionary a bin, of time or of a number of trades."""
    rows = rows_of(events)
    if not rows:
        return []
    out, open_trades, void = [], [], False  # type: ignore[var-annotated]
    past = _Past(instrument, window)
    end = (rows[0][0] // every_ns + 1) * every_ns if every_ns else 0
    for ts, kind, side, _, price, lots in rows:
        while every_ns and ts >= end:
            out.append(past.close(end, open_trades, void=void))
            open_trades, void, end = [], False, end + every_ns
        if kind == GAP:
            past = _Past(instrument, window)
            open_trades, void = [], bool(every_ns)
        elif kind == TRADE and lots:
            open_trades.append((side, price, lots))
            if trades and len(open_trades) == trades:
                out.append(past.close(ts + 1, open_trades, void=False))
                open_trades = []
    if every_ns or open_trades:
        out.append(past.close(end if every_ns else rows[-1][0] + 1, open_trades, void=void))
    return out


class _Past:
    def __init__(self, instrument: Instrument, window: int) -> None:
        self.of, self.window = instrument, window
        self.price: Fraction | None = None
        self.seen: list[tuple[float, float, float | None]] = []  # ΔP, signed volume, |r| per million

    def close(self, end: int, trades: list[tuple[int, int, int]], *, void: bool) -> Bin:
        tick, lot = Fraction(self.of.price_grid.step), Fraction(self.of.flow_grid.step)
        before, self.price = self.price, trades[-1][1] * tick if trades else self.price
        if void:
            return {"ts": end, **dict.fromkeys((*NAMES, *MEASURES))}
        signed = float(sum(side * lots for side, _, lots in trades) * lot)
        notional = float(sum((self.of.notional(price, lots) for _, price, lots in trades), Fraction(0)))
        change = None
        if before is not None and self.price is not None:
            change = float(self.price - before)
            sound = notional > 0 and before > 0 and self.price > 0
            ratio = abs(log(self.price / before)) * 1e4 / (notional / 1e6) if sound else None
            self.seen = [*self.seen, (change, signed, ratio)][-self.window :]
        out: Bin = {
            "ts": end,
            "close": None if self.price is None else float(self.price),
            "price_change": change,
            "signed_qty": signed,
            "unknown_qty": float(sum(lots for side, _, lots in trades if side == 0) * lot),
            "notional": notional,
            "trades": len(trades),
            "n": len(self.seen),
        }
        return out | (self.measures() if len(self.seen) == self.window else dict.fromkeys(MEASURES))

    def measures(self) -> Bin:
        y, x = np.array([row[0] for row in self.seen]), np.array([row[1] for row in self.seen])
        out: Bin = dict.fromkeys(MEASURES)
        if np.ptp(x):
            design = np.column_stack([np.ones(len(x)), x])
            (_, slope), *_ = np.linalg.lstsq(design, y, rcond=None)
            left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
            covariance = np.linalg.inv(design.T @ design) * (left @ left) / (len(x) - 2)
            out |= {"kyle_lambda": float(slope), "kyle_lambda_se": float(covariance[1, 1] ** 0.5)}
            if np.ptp(y):
                out["kyle_r2"] = float(1 - left @ left / ((y - y.mean()) @ (y - y.mean())))
        ratios = [row[2] for row in self.seen if row[2] is not None]
        out["amihud"] = float(np.mean(ratios)) if ratios else None
        covariance = np.cov(y[1:], y[:-1])[0, 1] if len(y) > 2 else 0.0
        out["roll_spread"] = float(2 * (-covariance) ** 0.5) if covariance < 0 else None
        return out
