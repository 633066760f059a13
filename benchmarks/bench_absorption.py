"""Cost of absorption and sweeps per row, and how often absorption is right: false alarms an hour, recall of injected attacks.

    python benchmarks/bench_absorption.py [--seeds 4] [--first-seed 9100] [--tries 20] [--rounds 7]

Cost: CPU time on the USD-M recording (COUNTERPOISE_DATA or ../shared/data), best of the rounds. False alarms: the synthetic
market, in which nobody intends to absorb, at the default threshold; 95 % interval by Byar's approximation. Recall: into the
same market, time is cut open for ten seconds at random moments. The best queue is made long enough to hold; 5.2 s later, when
no attack is left from before, one side trades there a quarter of a second apart, and a share of each fill is shown anew 50 ms
later, while nothing else happens. The volume is a multiple of the mean plus three standard deviations of the last 60 windows of
5 s, worked out here from the trades alone. 95 % Wilson intervals. The measure was not tuned on these seeds.
"""

from __future__ import annotations

import argparse
import time
from itertools import product
from math import sqrt

import numpy as np
import polars as pl

from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.book.absorption import Absorption, find_absorption
from counterpoise.flow.book.sweeps import Sweeps
from counterpoise.flow.stream import Stream
from counterpoise.market.book import Book
from counterpoise.market.event import DELTA, FIRST, LAST, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.synthetic.market import default_config, generate
from streams import PERP, recording

WINDOW_NS = 5 * SECOND_NS
HOLE_NS = 10 * SECOND_NS
QUIET_NS = 5200 * MS_NS
FILLS = 16
STRENGTHS = (0.8, 1.2, 1.5, 3.0)
REFILLS = (0.3, 0.7, 1.0)
Z = 1.959964


def cost(events: Events, made: type[Stream], rounds: int) -> float:
    """Best ns of CPU a row: the machine may be busy with other things."""
    seconds = []
    for _ in range(rounds + 1):
        stream = made(PERP)  # type: ignore[call-arg]
        start = time.thread_time()
        stream.push(events)
        seconds.append(time.thread_time() - start)
    return min(seconds[1:]) / events.rows * 1e9


def markets(seed: int) -> list[tuple[Instrument, Events]]:
    """Half an hour of three instruments."""
    config = default_config(seed=seed)
    made = generate(config)
    return [(token.instrument(config.venue), made[token.instrument(config.venue).id]) for token in config.tokens]


def poisson_interval(count: int) -> tuple[float, float]:
    """Byar's approximation."""
    low = count * (1 - 1 / (9 * count) - Z / (3 * sqrt(count))) ** 3 if count else 0.0
    above = count + 1
    return low, above * (1 - 1 / (9 * above) + Z / (3 * sqrt(above))) ** 3


def wilson(hits: int, tries: int) -> tuple[float, float]:
    share, z2 = hits / tries, Z * Z / tries
    middle, half = share + z2 / 2, Z * sqrt(share * (1 - share) / tries + z2 / (4 * tries))
    return max((middle - half) / (1 + z2), 0.0), (middle + half) / (1 + z2)


def usual_volume(events: Events, side: int, before_ns: int) -> float:
    """Mean plus three standard deviations of the side's lots in the 60 whole windows before a moment."""
    trades = (events.kind == TRADE) & (events.side == side)
    last = before_ns // WINDOW_NS
    number = events.ts_local[trades] // WINDOW_NS - (last - 60)
    inside = (number >= 0) & (number < 60)
    volumes = np.bincount(number[inside], weights=events.qty_lots[trades][inside], minlength=60)
    return float(volumes.mean() + 3 * volumes.std())


def attack(events: Events, at: int, side: int, *, strength: float, refill: float) -> tuple[Events, int]:
    """Rows of an injected attack behind row `at`, and their number."""
    book = Book()
    book.apply(events.cut(0, at))
    best = book.best_ask if side > 0 else book.best_bid
    assert best is not None
    ts = int(events.ts_local[at - 1]) + 100 * MS_NS
    each = max(round(strength * usual_volume(events, side, ts) / FILLS), 1)
    shown = book.quantity(-side, best) + FILLS * each  # never empty, so that the price holds whatever the refill
    rows = [(ts, DELTA, -side, shown)]
    ts += QUIET_NS
    for _ in range(FILLS):
        rows += [(ts, TRADE, side, each), (ts + MS_NS, DELTA, -side, shown - each)]
        shown += round(refill * each) - each
        rows.append((ts + 50 * MS_NS, DELTA, -side, shown))
        ts += 230 * MS_NS
    stamp, kind, sides, lots = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    flags = np.full(len(rows), FIRST | LAST)
    values = stamp, stamp, np.zeros(len(rows)), np.full(len(rows), -1), kind, sides, flags, np.full(len(rows), best), lots
    types = (column.dtype for column in Events.empty())
    return Events._make(np.asarray(v).astype(t) for v, t in zip(values, types, strict=True)), len(rows)


def with_hole(events: Events, at: int, attack_rows: Events) -> Events:
    """The attack between two rows, all that follows later by the length of the hole."""
    late = events.cut(at, events.rows)
    late = late._replace(ts_local=late.ts_local + HOLE_NS, ts_venue=late.ts_venue + HOLE_NS)
    return Events._make(np.concatenate(columns) for columns in zip(events.cut(0, at), attack_rows, late, strict=True))


def message_end(events: Events, ts_ns: int) -> int:
    """First row from a moment on that begins a message."""
    at = events.until(ts_ns)
    while not events.flags[at] & FIRST:
        at += 1
    return at


def is_found(events: Events, instrument: Instrument, start_ns: int, side: int) -> bool:
    frame = find_absorption(events, instrument)
    known = frame["ts_known"].dt.epoch("ns").is_between(start_ns, start_ns + HOLE_NS)
    return bool((known & (frame["side"] == side)).any())


def recall(instrument: Instrument, events: Events, draw: np.random.Generator, tries: int) -> list[tuple[float, float, bool]]:
    out = []
    cases = list(product(STRENGTHS, REFILLS))
    for case in draw.integers(0, len(cases), tries).tolist():
        strength, refill = cases[case]
        start = int(events.ts_local[0]) + int(draw.uniform(330, 1700) * SECOND_NS)
        part = events.cut(0, events.until(start + SECOND_NS))
        at, side = message_end(part, start), int(draw.choice((1, -1)))
        rows, _ = attack(part, at, side, strength=strength, refill=refill)
        whole = with_hole(part, at, rows)
        out.append((strength, refill, is_found(whole, instrument, int(rows.ts_local[0]), side)))
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--first-seed", type=int, default=9100)
    parser.add_argument("--tries", type=int, default=20, help="injected attacks for each instrument and seed")
    parser.add_argument("--rounds", type=int, default=7)
    wanted = parser.parse_args()
    real = recording()
    if real is not None:
        for made in (Sweeps, Absorption):
            print(f"{made.__name__}: {cost(real, made, wanted.rounds):.1f} ns/row on {real.rows:,} rows of the USD-M recording")
    counts: dict[str, list[int]] = {}
    found: list[tuple[float, float, bool]] = []
    for seed in range(wanted.first_seed, wanted.first_seed + wanted.seeds):
        for index, (instrument, events) in enumerate(markets(seed)):
            counts.setdefault(instrument.id, []).append(find_absorption(events, instrument).height)
            found += recall(instrument, events, np.random.default_rng([seed, index]), wanted.tries)
    for name, each in counts.items():
        hours = len(each) / 2
        low, high = (bound / hours for bound in poisson_interval(sum(each)))
        print(f"{name}: {sum(each) / hours:.2f} episodes an hour [{low:.2f}, {high:.2f}] in {hours:g} h of clean flow")
    table = pl.DataFrame(found, schema=["strength", "refill", "found"], orient="row").group_by("strength", "refill")
    for strength, refill, hits, tries in table.agg(pl.col("found").sum(), pl.len()).sort("strength", "refill").rows():
        low, high = wilson(hits, tries)
        print(f"strength {strength}, refill {refill}: {hits} of {tries} found, {hits / tries:.2f} [{low:.2f}, {high:.2f}]")


if __name__ == "__main__":
    main()
