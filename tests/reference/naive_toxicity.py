"""VPIN from its definition, in Fractions of a lot, bucket after bucket: the slow twin of `flow.impact.toxicity`."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import erf
from statistics import stdev

from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.market.instrument import Instrument
from reference.naive_book import rows_of

Bucket = dict[str, float | int | None]


def naive_toxicity(
    events: Events,
    instrument: Instrument,
    *,
    bucket_qty: str | None = None,
    buckets: int = 50,
    buckets_a_period: int = 50,
    period_ns: int = 60_000_000_000,
    bar_ns: int | None = None,
) -> list[Bucket]:
    """One dictionary a bucket; with `bar_ns`, sides are guessed from bars of that length."""
    flow = _Buckets(instrument, bucket_qty, buckets, buckets_a_period, period_ns)
    bar: list[tuple[int, int]] = []  # price, lots of the trades of the open bar
    end, closes = 0, []
    for ts, kind, side, _, price, lots in rows_of(events):
        if bar and ts >= end and bar_ns is not None:
            closes.append(bar[-1][0])
            changes = [after - before for before, after in pairwise(closes)][-buckets:]
            if len(changes) > 1:
                sigma = stdev(changes)
                bought = (1 + erf(changes[-1] / sigma / 2**0.5)) / 2 if sigma else 0.5
                flow.pour(end - bar_ns, ts, bar[-1][0], sum(q for _, q in bar), {1: Fraction(bought), -1: 1 - Fraction(bought)})
            bar = []
        if kind == GAP:
            flow.void()
            bar, closes = [], []
        elif kind == TRADE and lots:
            flow.count(ts, lots)
            if bar_ns is None:
                flow.pour(ts, ts, price, lots, {side: Fraction(1)})
            else:
                end = end if bar else (ts // bar_ns + 1) * bar_ns
                bar.append((price, lots))
    return flow.out


class _Buckets:
    def __init__(self, instrument: Instrument, bucket_qty: str | None, n: int, of_a_period: int, period_ns: int) -> None:
        self.tick, self.lot = Fraction(instrument.price_grid.step), Fraction(instrument.flow_grid.step)
        self.n, self.of_a_period, self.period_ns = n, of_a_period, period_ns
        self.fixed = bucket_qty is not None
        self.next_size = Fraction(-(-Fraction(bucket_qty) // self.lot)) if bucket_qty is not None else None
        self.out: list[Bucket] = []
        self.began: int | None = None
        self.traded: dict[int, int] = {}  # lots by number of the period
        self.void()

    def void(self) -> None:
        self.window: list[tuple[Fraction, Fraction]] = []
        self.size: Fraction | None = None

    def count(self, ts: int, lots: int) -> None:
        if self.fixed:
            return
        self.began = ts if self.began is None else self.began
        period = (ts - self.began) // self.period_ns
        if self.traded and period not in self.traded:
            self.next_size = Fraction(self.traded[max(self.traded)], self.of_a_period)
        self.traded[period] = self.traded.get(period, 0) + lots

    def pour(self, since: int, ts: int, price: int, lots: int, shares: dict[int, Fraction]) -> None:
        left = Fraction(lots)
        alone = 0  # whole buckets that this volume filled alone: one row stands for them
        while left:
            if self.size is None:
                if self.next_size is None:
                    return
                self.size, self.since, self.held, fresh = (
                    self.next_size,
                    since,
                    {1: Fraction(0), -1: Fraction(0), 0: Fraction(0)},
                    True,
                )
            else:
                fresh = False
            taken = min(left, self.size - sum(self.held.values()))
            for side, share in shares.items():
                self.held[side] += share * taken
            left -= taken
            if sum(self.held.values()) == self.size:
                if fresh and alone:
                    self.out.pop()
                alone = alone + 1 if fresh else 0
                self.close(ts, price, max(alone, 1))

    def close(self, ts: int, price: int, times: int) -> None:
        assert self.size is not None
        buy, sell, unknown = self.held[1], self.held[-1], self.held[0]
        self.window = [*self.window, (abs(buy - sell) / self.size, unknown / self.size)][-self.n :]
        full = len(self.window) == self.n
        known = full and any(u < 1 for _, u in self.window)
        self.out.append(
            {
                "ts_local": ts,
                "buckets": times,
                "bucket_qty": float(self.size * self.lot),
                "buy_qty": float(buy * self.lot),
                "sell_qty": float(sell * self.lot),
                "unknown_qty": float(unknown * self.lot),
                "close": float(price * self.tick),
                "duration_ns": ts - self.since,
                "vpin": float(sum(i for i, _ in self.window) / self.n) if known else None,
                "unknown_share": float(sum(u for _, u in self.window) / self.n) if full else None,
            }
        )
        self.size = None
