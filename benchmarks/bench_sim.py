"""The replayed venue on a recording: ns a row of the market, µs a decision of a session, and memory.

    python benchmarks/bench_sim.py [CAPTURE] [--tiles 5] [--rounds 5]

CAPTURE is a raw Binance USD-M recording; without one the synthetic market of the demo is made. The events are laid end to end,
`tiles` times. The plain book alone stands beside the market: what our orders cost is the difference. Seconds are of CPU.

Beside hftbacktest, where the peers' environment is ready: the same depth and trades, and the same orders. Ten times a second,
or once, an order is cancelled and placed anew at the best bid, post-only, and takes 1 ms to get there; both count what they
bought. Ours is told twice: the market driven from Python, and the venue with its connection, reports and order objects.
"""

from __future__ import annotations

import argparse
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.core.clock import SimClock
from counterpoise.core.units import HOUR_NS, MS_NS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.flow.impact.power_law import power_law_impact
from counterpoise.flow.measures import Measures
from counterpoise.market.book import Book
from counterpoise.market.event import DELTA, SNAPSHOT, TRADE, Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Fill, Order, TimeInForce
from counterpoise.market.symbol import parse_instrument
from counterpoise.risk.limits import Limits
from counterpoise.runtime.journal import JournalRecord, encode
from counterpoise.runtime.session import Session
from counterpoise.sim.fees import Fees
from counterpoise.sim.latency import ConstantLatency
from counterpoise.sim.replay.market import ReplayMarket
from counterpoise.sim.replay.queue import QueueModel
from counterpoise.sim.replay.response import NO_RESPONSE, Followers, Resilience, ResponseModel
from counterpoise.sim.replay.venue import SimVenue
from counterpoise.sim.synthetic.market import default_config, generate
from peers.hftbacktest_records import records_of
from peers.process import PYTHON, PeerProcess, python_with
from timing import Took, timed

FITTED = ResponseModel(
    impact=power_law_impact(bps_per_million=2.2, exponent=0.5, since_ns=63 * MS_NS, until_ns=HOUR_NS),
    resilience=Resilience(half_life="900ms", half_life_behind="5s", cancels=1.0),
    followers=Followers(per_lot=0.08, half_lives=("60ms", "250ms", "1s", "4s"), weights=(0.1, 0.7, 0.1, 0.1), volume_per_s=3.5),
)  # as fitted to the USD-M recording
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


ONE_WAY_NS = MS_NS
LATENCY = ConstantLatency(order="1ms", ack="1ms", feed="1ms")


def lean(events: Events) -> Events:
    """Depth and trades, all that hftbacktest takes."""
    kept = np.isin(events.kind, (DELTA, SNAPSHOT, TRADE))
    return Events._make(np.ascontiguousarray(column[kept]) for column in events)


def worked_in_market(instrument: Instrument, events: Events, queue: str, every_ns: int, lots: int) -> int:
    """Lots bought by one order that is placed anew at the best bid; requests are there two ways of 1 ms later."""
    market = ReplayMarket(instrument, NO_RESPONSE, QueueModel.parse(queue))
    market.feed(events)
    number = bought = 0
    for ts_ns in range(int(events.ts_local[0]) + every_ns, int(events.ts_local[-1]), every_ns):
        while fills := market.run(ts_ns):
            bought += sum(fill.qty_lots for fill in fills)
        bid, there_ns = market.top(ts_ns).bid_ticks, ts_ns + 2 * ONE_WAY_NS
        while fills := market.run(there_ns):
            bought += sum(fill.qty_lots for fill in fills)
        market.remove(number)
        if bid and not 0 < market.top(there_ns).ask_ticks <= bid:
            number += 1
            market.rest(number, there_ns, 1, bid, lots)
    return bought


def worked_at_venue(instrument: Instrument, events: Events, queue: str, every_ns: int, lots: int) -> int:
    """The same through a venue."""
    venue = SimVenue(Tape(instrument, events), queue=QueueModel.parse(queue), fees=Fees(), latency=LATENCY)
    number = bought = 0
    for ts_ns in range(int(events.ts_local[0]) + every_ns, int(events.ts_local[-1]), every_ns):
        venue.advance(ts_ns)
        bought += sum(event.qty_lots for event in venue.events() if isinstance(event, Fill))
        list(venue.market())
        bid = venue.top(instrument.id).bid_ticks
        if bid:
            venue.cancel(str(number))
            number += 1
            order = Order(
                client_id=str(number),
                instrument=instrument.id,
                side=1,
                qty_lots=lots,
                price_ticks=bid,
                time_in_force=TimeInForce.POST_ONLY,
            )
            venue.submit(Approved(order))
    return bought


def beside_hftbacktest(instrument: Instrument, events: Events, rounds: int) -> None:
    with PeerProcess(
        PYTHON, "hftbacktest_orders.py", instrument.tick, instrument.lot, records=records_of(events, instrument)
    ) as peer:
        print(f"\nhftbacktest {peer.info['version']}, {events.rows:,} rows: CPU ns a row and lots bought, best of {rounds}")
        heads = "".join(f"{name:>18}" for name in ("hftbacktest", "our market", "our venue"))
        print(f"{'queue':14}{'anew every':>11}{'lots':>6}{heads}{'times as fast':>15}")
        for every_ns, every in ((100 * MS_NS, "100ms"), (SECOND_NS, "1s")):
            for queue in ("conservative", "power:1", "power:3", "log"):
                one_row_beside(peer, instrument, events, (queue, every_ns, every), rounds)


def one_row_beside(
    peer: PeerProcess, instrument: Instrument, events: Events, case: tuple[str, int, str], rounds: int, *, lots: int = 10
) -> None:
    queue, every_ns, every = case
    took: dict[str, list[float]] = {"peer": [], "market": [], "venue": []}
    bought: dict[str, int] = {}
    for _ in range(rounds):
        answer = peer.ask(f"{queue} {every_ns} {lots}")
        took["peer"].append(Took.told(answer).cpu)
        bought["peer"] = int(answer["lots"])
        for name, work in (("market", worked_in_market), ("venue", worked_at_venue)):
            out: list[int] = []
            took[name].append(timed(lambda work=work, out=out: out.append(work(instrument, events, queue, every_ns, lots))).cpu)
            bought[name] = out[0]
    best = {name: min(seconds) / events.rows * 1e9 for name, seconds in took.items()}
    cells = "".join(f"{best[name]:9.1f}{bought[name]:9,}" for name in best)
    print(f"{queue:14}{every:>11}{lots:6}{cells}{best['peer'] / best['market']:15.2f}")


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
        execution=Parent(instrument, config, name="bench", start_ns=first + 10 * SECOND_NS, end_ns=last - 5 * SECOND_NS),
        limits=Limits(),
        measures={instrument.id: Measures(instrument, bins=Bins.every(SECOND_NS))} if measured else {},
        journal=Encoded(),
        step_ns=100 * MS_NS,
    )
    return built.run(last + 1).steps.height


def best_seconds(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Best CPU time of some rounds, jobs in turn, after a warm-up."""
    best = {name: float("inf") for name in jobs}
    for i in range(rounds + 1):
        for name, job in jobs.items():
            took = timed(job).cpu
            if i:
                best[name] = min(best[name], took)
    return best


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("capture", type=Path, nargs="?")
    parser.add_argument("--tiles", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    path = options.capture
    instrument, once = recording(path)
    events = tiled(once, options.tiles)
    before = peak_mib()
    seconds = best_seconds(
        {
            "plain book, no market": lambda: plain_book(events),
            "market, no orders, at once": lambda: replay_at_once(instrument, events),
            "market, no orders, 10 looks a second": lambda: replay(instrument, events, NO_RESPONSE, rests=False, takes=False),
            "one order re-placed 10 a second": lambda: replay(instrument, events, NO_RESPONSE, rests=True, takes=False),
            "and one lot taken, impact on": lambda: replay(instrument, events, MOVING, rests=True, takes=True),
            "and the fitted response": lambda: replay(instrument, events, FITTED, rests=True, takes=True),
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
    if path is not None and python_with(PYTHON, "hftbacktest"):
        beside_hftbacktest(instrument, lean(once), options.rounds)


if __name__ == "__main__":
    main()
