"""The adversary's suspicion in plain Python, one hypothesis at a time. For sizes below 1,024 lots, which share no slot."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from math import exp, floor, inf, log, log2
from typing import Final

from counterpoise.core.units import parse_duration
from counterpoise.market.event import GAP, TRADE, Events
from counterpoise.sim.agents.adversary import AdversaryConfig
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow

GATHER_NS: Final = 2_000_000
LENGTHS: Final = (2000, 100, 10)


def quarter(lots: int) -> int:
    """Quarter of an octave, linear within the octave."""
    octave = floor(log2(lots))
    return 4 * octave + floor(4 * (lots / 2**octave - 1))


class Fading:
    """Weights by key, of which the old fade as the new come."""

    def __init__(self) -> None:
        self.weights: defaultdict[int, float] = defaultdict(float)

    def add(self, key: int, weight: float, fade: float) -> None:
        self.weights[key] += weight
        for held in self.weights:
            self.weights[held] /= 1 + fade

    def share(self, key: int, prior: float) -> float:
        """With one order of prior."""
        return (self.weights[key] + prior) / (sum(self.weights.values()) + 1)


class Side:
    """What is held of one side: evidence by hypothesis, sizes, quarters, phases."""

    def __init__(self, config: AdversaryConfig) -> None:
        self.periods = [0, *(parse_duration(period) for period in config.periods)]
        self.evidence = {(p, s, c): 0.0 for p in self.periods for s in range(3) for c in config.shares}
        self.sizes, self.quarters = Fading(), Fading()
        self.phases = {p: Fading() for p in self.periods[1:]}
        self.memory = config.memory


class NaiveAdversary:
    """Order by order."""

    def __init__(self, ordinary: OrdinaryFlow, config: AdversaryConfig) -> None:
        self.ordinary, self.config = ordinary, config
        self.signs: list[int] = []
        self.last_ts = 0
        self.shares = {side: list(ordinary.repeats) for side in (1, -1)}
        self.lately = {(length, side): Fading() for length in LENGTHS for side in (1, -1)}
        self.forget()

    def forget(self) -> None:
        self.sides = {1: Side(self.config), -1: Side(self.config)}
        self.orders = 0

    def buy_chance(self, ts: int) -> float:
        means = []
        for k in range(6):
            weight, mean = 2.0 ** -(2 * k + 1), 0.0
            for sign in self.signs:
                mean += weight * (sign - mean)
            means.append(mean)
        last, waited = (self.signs[-1], (ts - self.last_ts) / 1e9) if self.signs else (0, 0.0)
        features = [*means, last * exp(-waited * 10), last * exp(-waited)]
        return 1 / (1 + exp(-sum(w * f for w, f in zip(self.ordinary.sign_weights, features, strict=True))))

    def static(self, lots: int) -> float:
        common = dict(zip(self.ordinary.common_lots, self.ordinary.common_chances, strict=True))
        breadth = sum(quarter(q) == quarter(lots) for q in range(1, 1024))
        return common.get(lots, 0.0) + self.ordinary.rest_chances[quarter(lots)] / breadth

    def of_quarter(self, lots: int) -> float:
        common = zip(self.ordinary.common_lots, self.ordinary.common_chances, strict=True)
        return self.ordinary.rest_chances[quarter(lots)] + sum(c for q, c in common if quarter(q) == quarter(lots))

    def mean_size(self) -> float:
        """Of sizes up to the largest; quarters beyond 1,024 lots lie above it."""
        cap, common = self.ordinary.largest_lots, zip(self.ordinary.common_lots, self.ordinary.common_chances, strict=True)
        quarters = defaultdict(list)
        for q in range(1, 1024):
            quarters[quarter(q)].append(min(q, cap))
        rest = sum(self.ordinary.rest_chances[k] * sum(held) / len(held) for k, held in quarters.items())
        far = cap * sum(self.ordinary.rest_chances[40:])
        return rest + far + sum(min(q, cap) * c for q, c in common)

    def ordinary_size(self, side: int, lots: int) -> float:
        static, weights = self.static(lots), self.shares[side]
        recent = [self.lately[length, side].share(lots, static) for length in LENGTHS]
        return sum(w * r for w, r in zip(weights, recent, strict=True)) + (1 - sum(weights)) * static

    def order(self, ts: int, side: int, lots: int) -> None:
        buys, static, size = self.buy_chance(ts), self.static(lots), self.ordinary_size(side, lots)
        by_sign = 1 / (buys if side > 0 else 1 - buys)
        own = self.sides[side]
        of_quarter = self.of_quarter(lots)
        alike = static * own.quarters.share(quarter(lots), of_quarter) / of_quarter
        by_volume = min(lots, self.ordinary.largest_lots) / self.mean_size() * static / size
        by_use = 0.2 + 0.3 * alike / size + 0.5 * own.sizes.share(lots, size) / size
        child = total = 0.0
        for s, held in self.sides.items():
            for (period, sizes, share), before in held.evidence.items():
                pi = share
                if period:
                    pi = min(share * 128 * held.phases[period].share(ts % period * 128 // period, 1 / 128), 0.9)
                ratio = (by_sign * (1.0, by_volume, by_use)[sizes] if s == side else 0.0) * pi
                held.evidence[period, sizes, share] = after = (1 + before) * (1 - pi + ratio)
                if s == side and sizes != 1:
                    total += after
                    child += after * ratio / (1 - pi + ratio)
        weight = child / total
        fade = weight / own.memory
        own.sizes.add(lots, weight, fade)
        own.quarters.add(quarter(lots), weight, fade)
        for period, phases in own.phases.items():
            phases.add(ts % period * 128 // period, weight, fade)
        posteriors = [
            weight * self.lately[length, side].share(lots, static) / size
            for weight, length in zip(self.shares[side], LENGTHS, strict=True)
        ]
        usual = self.ordinary.repeats
        self.shares[side] = [0.9 * now + 0.1 * prior for now, prior in zip(posteriors, usual, strict=True)]
        for length in LENGTHS:
            for s in (1, -1) if length == LENGTHS[0] else (side,):
                self.lately[length, s].add(lots, 1.0, 1 / length)
        self.signs.append(side)
        self.last_ts = ts
        self.orders += 1

    def score(self, sizes_wanted: Sequence[int] = (0, 1, 2), clock: bool | None = None) -> float:
        """Log of the mean of R over all hypotheses, or over those with some kinds of sizes, with or without a clock."""
        chosen = [
            r
            for held in self.sides.values()
            for (period, sizes, _), r in held.evidence.items()
            if sizes in sizes_wanted and clock in (None, period > 0)
        ]
        mean = sum(chosen) / len(chosen) if chosen else 0.0
        return log(mean) if mean > 0 else -inf

    def side(self) -> int:
        buying, selling = (sum(held.evidence.values()) for held in self.sides.values())
        return (buying > selling) - (buying < selling)


def naive_scores(
    events: Events, *, ordinary: OrdinaryFlow, config: AdversaryConfig, every_ns: int, restart_ns: int = 0
) -> list[dict[str, float]]:
    """The adversary's rows: state at each multiple of `every_ns` that a row came after, and at the end."""
    naive, rows, open_order, end = NaiveAdversary(ordinary, config), [], None, None
    peak, gaps, unknown = -inf, 0, 0

    def order_ends() -> None:
        nonlocal open_order, peak
        naive.order(*open_order[:3])
        peak, open_order = max(peak, naive.score()), None

    def close() -> None:
        nonlocal peak, gaps, unknown
        row = {"ts": end, "orders": naive.orders, "side": naive.side(), "score": naive.score()}
        row |= {"peak": max(peak, row["score"]), "gaps": gaps, "unknown": unknown}
        kinds = {"flow": ([0], False), "volume": ([1], False), "sizes": ([2], False), "clock": ([0], True)}
        kinds["sizes_and_clock"] = ([1, 2], True)
        rows.append(row | {name: naive.score(*wanted) for name, wanted in kinds.items()})
        peak, gaps, unknown = -inf, 0, 0

    columns = (c.tolist() for c in (events.ts_local, events.ts_venue, events.kind, events.side, events.qty_lots))
    for ts, ts_venue, kind, side, lots in zip(*columns, strict=True):
        if open_order and ts - open_order[3] > GATHER_NS:
            order_ends()
        end = (ts // every_ns + 1) * every_ns if end is None else end
        while ts >= end:
            close()
            if restart_ns and end % restart_ns == 0:
                naive.forget()
            end += every_ns
        gaps += kind == GAP
        if kind != TRADE or not lots:
            continue
        if side == 0:
            unknown += 1
            continue
        when = ts_venue or ts
        if open_order and (open_order[0], open_order[1]) != (when, side):
            order_ends()
        held = open_order[2] if open_order else 0
        open_order = (when, side, held + lots, ts)
    if end is not None:
        if open_order:
            order_ends()
        close()
    return rows
