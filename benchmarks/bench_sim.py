"""The replayed venue on a recording: ns a row of the market, µs a decision of a session, and memory.

    python benchmarks/bench_sim.py [CAPTURE] [--tiles 5] [--rounds 5]

CAPTURE is a raw Binance USD-M recording; without one the synthetic market of the demo is made. The events are laid end to end,
`tiles` times. The plain book alone stands beside the market: what our orders cost is the difference.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.clock import SimClock
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.flow.measures import Measures
from counterpoise.market.book import Book
from counterpoise.market.event import Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import JournalRecord, encode
from counterpoise.runtime.session import Session
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.response import NO_RESPONSE, Resilience, ResponseModel
from counterpoise.sim.replay.venue import SimVenue
from counterpoise.sim.synthetic.market import default_config, generate

MOVING = ResponseModel(impact=TransientImpact(bps_per_million=0.76), resilience=Resilience(half_life="2s"))


def recording(path: Path | None) -> tuple[Instrument, Events]:
    if path is None:
        config = default_config()
        instrument = config.tokens[0].instrument(config.venue)
        return instrument, generate(config)[instrument.id]
    instrument = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
    batches = read_binance_capture(path, venue=instrument.venue, instrument=lambda _: instrument)
    return instrument, merge_events([Events.from_frame(batch.frame) for batch in batches])


def tiled(events: Events, tiles: int) -> Events:
    """The same events again and again, each time a second after the last."""
    columns = {name: np.tile(column, tiles) for name, column in events._asdict().items()}
    span = int(events.ts_local[-1] - events.ts_local[0]) + SECOND_NS
    columns["ts_local"] = columns["ts_local"] + np.repeat(np.arange(tiles) * span, events.rows)
    return Events(**columns)


def plain_book(events: Events) -> None:
    Book().apply(events)


def replay_at_once(instrument: Instrument, events: Events) -> None:
    market = ReplayMarket(instrument, NO_RESPONSE)
    market.feed(events)
    market.run(int(events.ts_local[-1]) + 1)


def replay(instrument: Instrument, events: Events, response: ResponseModel, *, rests: bool, takes: bool) -> None:
    """Ten looks a second; a resting order is re-placed at its touch at each, and one lot is taken at each."""
    market = ReplayMarket(instrument, response)
    market.feed(events)
    for ts_ns in range(int(events.ts_local[0]), int(events.ts_local[-1]) + 1, 100 * MS_NS):
        while market.run(ts_ns):
            pass
        top = market.top(ts_ns)
        if rests and top.bid_ticks:
            market.remove(1)
            market.rest(1, ts_ns, 1, top.bid_ticks, 10)
        if takes and top.ask_ticks:
            market.take(ts_ns, 1 if ts_ns // (100 * MS_NS) % 2 else -1, 1, None)


class Tape:
    """A feed of one instrument's events."""

    def __init__(self, instrument: Instrument, events: Events) -> None:
        self._instrument, self._events, self._done = instrument, events, 0

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return (self._instrument,)

    @property
    def span_ns(self) -> tuple[int, int]:
        return int(self._events.ts_local[0]), int(self._events.ts_local[-1])

    def until(self, ts_ns: int) -> Iterator[tuple[Instrument, Events]]:
        start, self._done = self._done, self._events.until(ts_ns)
        if self._done > start:
            yield self._instrument, self._events.cut(start, self._done)


class Encoded:
    """A journal that encodes and counts."""

    def __init__(self) -> None:
        self.bytes = 0

    def append(self, record: JournalRecord) -> None:
        self.bytes += len(encode(record))

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def session(instrument: Instrument, events: Events, *, measured: bool) -> int:
    """Sell 150 at 10 decisions a second, 15 % of the volume at most; returns the decisions."""
    first, last = int(events.ts_local[0]), int(events.ts_local[-1])
    latency = ConstantLatency(order="10ms", ack="10ms", feed="10ms")
    config = ParentConfig(side="sell", qty="150", slice="5s", max_participation=0.15, cross_after=0.6, cross_bps=2.0)
    built = Session(
        SimVenue(Tape(instrument, events), response=MOVING, fees=Fees(), latency=latency),
        clock=SimClock(first),
        parent=Parent(instrument, config, name="bench", start_ns=first + 10 * SECOND_NS, end_ns=last - 5 * SECOND_NS),
        limits=Limits(),
        measures={instrument.id: Measures(instrument, bins=Bins.every(SECOND_NS))} if measured else {},
        journal=Encoded(),
        step_ns=100 * MS_NS,
    )
    return built.run(last + 1).steps.height


def best_seconds(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Best of some rounds, jobs in turn, after a warm-up."""
    best = {name: float("inf") for name in jobs}
    for i in range(rounds + 1):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            if i:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path, nargs="?")
    parser.add_argument("--tiles", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    instrument, once = recording(options.capture)
    events = tiled(once, options.tiles)
    before = peak_mib()
    seconds = best_seconds(
        {
            "plain book, no market": lambda: plain_book(events),
            "market, no orders, at once": lambda: replay_at_once(instrument, events),
            "market, no orders, 10 looks a second": lambda: replay(instrument, events, NO_RESPONSE, rests=False, takes=False),
            "one order re-placed 10 a second": lambda: replay(instrument, events, NO_RESPONSE, rests=True, takes=False),
            "and one lot taken, impact on": lambda: replay(instrument, events, MOVING, rests=True, takes=True),
        },
        options.rounds,
    )
    print(f"{instrument.id}: {events.rows:,} rows, {options.tiles} times {once.rows:,}")
    for name, taken in seconds.items():
        ratio = taken / seconds["plain book, no market"]
        print(f"{name:<38}{taken / events.rows * 1e9:>9.1f} ns/row{events.rows / taken / 1e6:>9.1f} M rows/s{ratio:>7.2f} ×")
    decisions = session(instrument, once, measured=False)
    for measured in (False, True):
        (taken,) = best_seconds(
            {"": lambda measured=measured: session(instrument, once, measured=measured)}, options.rounds
        ).values()
        name = "session, measured" if measured else "session, not measured"
        print(f"{name:<38}{taken / decisions * 1e6:>9.1f} µs/decision  ({decisions:,} decisions over {once.rows:,} rows)")
    print(f"{'peak memory':<38}{peak_mib():>9.0f} MiB, {before:.0f} of them before the first job")


if __name__ == "__main__":
    main()
