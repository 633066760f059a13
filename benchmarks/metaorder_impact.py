"""Metaorders of growing size at one participation, worked on the three Binance recordings with fitted responses.

    python benchmarks/metaorder_impact.py [--data DIR] [--participation 0.1] [--starts 12] [--draws 1000] [--seed 1]

Each order takes the same lots every half second, buying and selling, from many starts. Its impact is how far the mid that is
shown lies from the mid that was recorded, so the market's own moves are not in it. δ is the slope of log impact on log size;
what is left is told at a quarter, a half and the whole of the order's duration after its end. Intervals are 95 % bootstrap
intervals over starts, and in a second row over the fitted level and followers too, drawn by their standard errors.

The exponent of decay is given (½) or fitted (1 less the exponent of runs on one side): a linear response carries the law it is
given, at a fixed participation δ ≈ 1 − β, and this table shows that book, ticks, refill and followers keep it.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.response import ResponseModel
from counterpoise.sim.replay.response_fit import ResponseFit, fit_response
from recordings import RECORDINGS, events_of

SECONDS = (5, 10, 20, 40, 80, 160)
AFTER = (0.25, 0.5, 1.0)
STEP_NS = 500 * MS_NS
WARM_NS = 5 * SECOND_NS
Floats = npt.NDArray[np.float64]


class Order(NamedTuple):
    start_ns: int
    seconds: int
    side: int
    lots: int  # a child


def off_by_bps(market: ReplayMarket, ts_ns: int) -> float:
    """How far the mid that is shown lies from the recorded one."""
    while market.run(ts_ns):
        pass
    top, recorded = market.top(ts_ns), market.recorded_mid_ticks()
    return ((top.bid_ticks + top.ask_ticks) / 2 - recorded) / recorded * 1e4 if top.bid_ticks and top.ask_ticks else np.nan


def worked(events: Events, instrument: Instrument, model: ResponseModel, order: Order) -> list[float]:
    """Impact [bps, times the side] at the order's end, and later at the shares of its duration in `AFTER`."""
    market = ReplayMarket(instrument, model)
    market.feed(events)
    end_ns = order.start_ns + order.seconds * SECOND_NS
    for ts_ns in range(order.start_ns, end_ns, STEP_NS):
        market.run(ts_ns)
        market.take(ts_ns, order.side, order.lots, None)
    later = [end_ns + int(share * order.seconds * SECOND_NS) for share in AFTER]
    return [order.side * off_by_bps(market, ts_ns) for ts_ns in (end_ns, *later)]


def worked_all(events: Events, instrument: Instrument, model: ResponseModel, *, participation: float, starts: int) -> Floats:
    """(sizes, starts, 1 + AFTER) impact, mean of buying and selling."""
    first, last = int(events.ts_local[0]) + WARM_NS, int(events.ts_local[-1])
    volume = float(events.qty_lots[events.kind == TRADE].sum()) / (last - first)  # lots a ns
    lots = max(1, round(participation * volume * STEP_NS))
    out = np.zeros((len(SECONDS), starts, 1 + len(AFTER)))
    for i, seconds in enumerate(SECONDS):
        room = last - first - int((1 + AFTER[-1]) * seconds * SECOND_NS)
        for j, start_ns in enumerate(first + np.linspace(0, max(room, 0), starts).astype(np.int64)):
            sides = [worked(events, instrument, model, Order(int(start_ns), seconds, side, lots)) for side in (1, -1)]
            out[i, j] = np.mean(sides, axis=0)
    return out


def slope(impact: Floats) -> float:
    """δ: of log impact at the end on log duration, which is log size at one rate."""
    return float(np.polyfit(np.log(SECONDS), np.log(impact[:, :, 0].mean(axis=1)), 1)[0])


def left(impact: Floats) -> Floats:
    """Share of the impact at the end that is left, mean over sizes."""
    means = impact.mean(axis=1)
    return np.asarray((means[:, 1:] / means[:, :1]).mean(axis=0))


def drawn(fit: ResponseFit, rng: np.random.Generator) -> ResponseModel:
    """The model with its level and its followers drawn by their standard errors."""
    value = {one.name: max(one.value + one.se * rng.standard_normal(), 0.05 * one.value) for one in fit.estimates
             if one.se and one.value and one.name in ("impact.bps_per_million", "followers.per_lot")}  # fmt: skip
    replace = msgspec.structs.replace
    impact = replace(fit.model.impact, bps_per_million=value["impact.bps_per_million"])
    return replace(fit.model, impact=impact, followers=replace(fit.model.followers, per_lot=value["followers.per_lot"]))


def interval(values: list[float]) -> str:
    low, high = np.quantile(values, (0.025, 0.975))
    return f"[{low:.2f}, {high:.2f}]"


def report(name: str, words: str, runs: list[Floats], draws: int, rng: np.random.Generator) -> None:
    """One row: figures of the first run, intervals over draws of a run and of its starts."""
    picks = [runs[rng.integers(len(runs))][:, rng.integers(runs[0].shape[1], size=runs[0].shape[1])] for _ in range(draws)]
    told = [f"{slope(runs[0]):.2f} {interval([slope(one) for one in picks])}"]
    shares = np.array([left(one) for one in picks])
    told += [f"{share:.2f} {interval(list(shares[:, i]))}" for i, share in enumerate(left(runs[0]))]
    print(f"| {name} | {words} | " + " | ".join(told) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTERPOISE_DATA", "../shared/data")))
    parser.add_argument("--participation", type=float, default=0.1)
    parser.add_argument("--starts", type=int, default=12)
    parser.add_argument("--parameters", type=int, default=8, help="models drawn by the standard errors of the fit")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.participation:.0%} of the volume, {SECONDS[0]} to {SECONDS[-1]} s, {options.starts} starts, both sides")
    print("| market | decay | δ | left after T/4 | after T/2 | after T |\n|---|---|---|---|---|---|")
    for name, recording in RECORDINGS.items():
        events = events_of(recording, options.data)
        for exponent in (0.5, None):
            rng = np.random.default_rng(options.seed)
            fit = fit_response(events, recording.instrument, rng=rng, exponent=exponent)
            beta = next(one for one in fit.estimates if one.name == "impact.exponent")
            words = "½, given" if exponent else f"{beta.value:.2f} ± {beta.se or 0:.2f}, fitted"
            models = [fit.model] + [drawn(fit, rng) for _ in range(options.parameters if exponent else 0)]
            runs = [
                worked_all(events, recording.instrument, model, participation=options.participation, starts=options.starts)
                for model in models
            ]
            report(name, words, runs[:1], options.draws, rng)
            if exponent:
                report(name, f"{words}; parameters drawn", runs, options.draws, rng)
            sizes = ", ".join(f"{value:.3f}" for value in runs[0][:, :, 0].mean(axis=1))
            print(f"<!-- impact at the end [bps], {name}, {words}: {sizes} -->", flush=True)


if __name__ == "__main__":
    main()
