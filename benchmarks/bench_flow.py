"""Order flow beside its peers: all measures on all rows, one event at a time, and what others need for less; ns a row.

    python benchmarks/bench_flow.py [--rows 5000000] [--events 200000] [--rounds 5] [--peer .venv-peers/bin/python]

Streams: the USD-M recording (COUNTERPOISE_DATA or ../shared/data), again and again in time, each time from its snapshot on; and
the synthetic market. All data are in memory, kernels and peers are compiled before the clock starts, all jobs of a table go in
turn. CPU time counts; the clock, which on a shared machine also counts what others do, stands beside it.

A measure's time ends with its frame. "alone" is one measure with a book of its own where it needs one; the sum is what all six
cost side by side. hftbacktest replays bare, without an order or a measure; it keeps two books, the exchange's and the local,
and knows no quotes. lrvx takes one delta a call into its book and computes nothing. pandas computes OFI of the best level
(Cont, Kukanov, Stoikov 2014), trade imbalance and CVD per second, of ticker quotes and trades that stand ready in its tables,
both sides of a quote in a row; it knows neither gaps nor crossed quotes. The slow twin (dictionaries and Fractions) runs on
the first rows.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.book.absorption import Absorption
from counterpoise.flow.book.sweeps import Sweeps
from counterpoise.flow.live import Live
from counterpoise.flow.measures import Measures, measure
from counterpoise.flow.stream import Stream
from counterpoise.flow.tape.divergence import Divergences
from counterpoise.flow.tape.sized_flow import SizedFlow
from counterpoise.flow.tape.tape import Tape
from counterpoise.market.book import Book
from counterpoise.market.event import DELTA, QUOTE, SNAPSHOT, Events
from counterpoise.market.instrument import Instrument
from peers.hftbacktest_records import records_of
from peers.pandas_flow import PandasFlow
from peers.process import PYTHON, PeerProcess, python_with
from streams import PERP, recording, repeated, synthetic, without_depth, without_quotes
from timing import Job, Timing, Took, interleaved, job, ratio, show, timed

BINS = Bins.every(SECOND_NS)
SIX: dict[str, Callable[[Instrument], Stream]] = {
    "Measures": lambda of: Measures(of, bins=BINS),
    "Sweeps": Sweeps,
    "Absorption": Absorption,
    "SizedFlow": lambda of: SizedFlow(of, bins=BINS),
    "Tape": Tape,
    "Divergences": lambda of: Divergences(of, reversal_bps=5),
}
ALL_TARGET_NS, BEST_TARGET_NS, EVENT_TARGET_NS = 60, 15, 2000
MEASURES_EVENT, ALL_EVENTS, DELTAS = "Measures.event", "event of all six, six calls", "lrvx OrderBook.apply_delta"
LIVE_EVENT = "Live.event, all six in one call"


def whole(made: Callable[[Instrument], Stream], events: Events, instrument: Instrument) -> None:
    stream = made(instrument)
    stream.push(events)
    stream.finish()


def each_alone(events: Events, instrument: Instrument) -> list[Job]:
    """The six measures on all rows."""
    jobs = [
        job(f"{name} alone", events.rows, lambda made=made: whole(made, events, instrument))  # type: ignore[misc]
        for name, made in SIX.items()
    ]
    return [*jobs, job("Book.apply", events.rows, lambda: Book().apply(events))]


def print_sum(timing: Timing, rows: int) -> None:
    total = [min(took.cpu for took in timing[f"{name} alone"]) for name in SIX]
    nanoseconds = sum(total) / rows * 1e9
    verdict = "met" if nanoseconds <= ALL_TARGET_NS else "missed"
    print(f"  sum of the six, CPU best: {nanoseconds:.2f} ns a row  target {ALL_TARGET_NS}: {verdict}")


def binned(events: Events, instrument: Instrument, target_ns: float | None) -> list[Job]:
    """`Measures` on depth and trades: with all it computes, and without bands and values, which leaves OFI and CVD."""

    def alone() -> None:
        measure(events, instrument, bins=BINS, bands_bps=(), values=())

    return [
        job("Measures, depth and trades", events.rows, lambda: measure(events, instrument, bins=BINS)),
        job("Measures, OFI and CVD alone", events.rows, alone, target_ns),
        job("Book.apply, depth and trades", events.rows, lambda: Book().apply(events)),
    ]


def from_ticker(events: Events, instrument: Instrument) -> list[Job]:
    """Ours and pandas on quotes and trades."""
    twin = PandasFlow(events, every_ns=SECOND_NS)
    ours = measure(events, instrument, bins=BINS, quotes="ticker")
    print(f"pandas, OFI and trade imbalance per second: {twin.agreement(ours, instrument)}")
    return [
        job("Measures, ticker and trades", events.rows, lambda: measure(events, instrument, bins=BINS, quotes="ticker")),
        job("pandas OFI and trade imbalance", events.rows, twin.run),
    ]


def one_by_one(events: Events, instrument: Instrument) -> list[Job]:
    """Events from Python, one a call."""
    rows = list(zip(*(column.tolist() for column in events), strict=True))

    def run(names: list[str]) -> None:
        takes = [SIX[name](instrument).event for name in names]
        for row in rows:
            for take in takes:
                take(row)

    def live() -> None:
        take = Live({name: made(instrument) for name, made in SIX.items()}).event
        for row in rows:
            take(row)

    return [
        job(MEASURES_EVENT, len(rows), lambda: run(["Measures"]), EVENT_TARGET_NS),
        job(ALL_EVENTS, len(rows), lambda: run(list(SIX))),
        job(LIVE_EVENT, len(rows), live, EVENT_TARGET_NS),
    ]


def of_hftbacktest(python: Path, events: Events, instrument: Instrument, stack: ExitStack) -> list[Job]:
    """Its bare replay, in both forms of its book, in one call and in steps of a second."""
    records = records_of(events, instrument)
    peer = stack.enter_context(PeerProcess(python, "hftbacktest_replay.py", instrument.tick, instrument.lot, records=records))
    last = peer.ask("hashmap 0")
    book = Book()
    book.apply(events)
    same = (book.best_bid, book.best_ask) == (last["bid"], last["ask"])
    print(f"hftbacktest {peer.info['version']}, same best prices at the end: {same}")
    return [
        Job(f"hftbacktest, {depth}, {words}", events.rows, lambda line=f"{depth} {step}": Took.told(peer.ask(line)))  # type: ignore[misc]
        for depth in ("hashmap", "roivec")
        for step, words in ((0, "one call"), (SECOND_NS, "1 s steps"))
    ]


def of_lrvx(python: Path, events: Events, instrument: Instrument, stack: ExitStack) -> list[Job]:
    """Its book, one delta a call."""
    depth = (events.kind == DELTA) | (events.kind == SNAPSHOT)
    events = Events._make(column[depth] for column in events)
    peer = stack.enter_context(
        PeerProcess(
            python,
            "lrvx_book.py",
            instrument.tick,
            price=instrument.price_grid.values(events.price_ticks),
            qty=instrument.qty_grid.values(events.qty_lots),
            bid=events.side > 0,
            snapshot=events.kind == SNAPSHOT,
        )
    )
    last = peer.ask("deltas")
    book = Book()
    book.apply(events)
    ticks = tuple(round(last[side] / instrument.price_grid.size) for side in ("bid", "ask"))
    print(f"lrvx {peer.info['version']}, same best prices at the end: {ticks == (book.best_bid, book.best_ask)}")
    return [Job(DELTAS, peer.info["calls"], lambda: Took.told(peer.ask("deltas")))]


def compare(title: str, events: Events, instrument: Instrument, wanted: argparse.Namespace) -> None:
    """One table of a stream: ours and the peers', all in turn."""
    print(f"\n== {title}")
    lean, few = without_quotes(events), events.cut(0, wanted.events)
    quotes = without_depth(events)
    jobs = [*each_alone(events, instrument), *binned(lean, instrument, BEST_TARGET_NS)]
    with ExitStack() as stack:
        if (events.kind == QUOTE).any():
            jobs += from_ticker(quotes, instrument)
        if wanted.hftbacktest is not None:
            jobs += of_hftbacktest(wanted.hftbacktest, lean, instrument, stack)
        jobs += one_by_one(few, instrument)
        if wanted.lrvx is not None:
            jobs += of_lrvx(wanted.lrvx, few, instrument, stack)
        timing = interleaved(jobs, wanted.rounds)
    show(title, jobs, timing)
    print_sum(timing, events.rows)
    for slow in timing:
        if slow.startswith("hftbacktest"):
            print(f"  Measures against {slow}: {ratio(timing, slow, 'Measures, depth and trades')}")
        if slow.startswith("pandas"):
            print(f"  Measures against pandas: {ratio(timing, slow, 'Measures, ticker and trades')}")


def twin(events: Events, instrument: Instrument, rows: int) -> None:
    """The slow twin of the tests on the first rows."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
    from reference.naive_flow import naive_measures

    few = events.cut(0, rows)
    slow = timed(lambda: naive_measures(few, instrument, every_ns=SECOND_NS, bands_bps=("1", "5", "10", "25"))).cpu
    fast = min(timed(lambda: measure(few, instrument, bins=BINS)).cpu for _ in range(3))
    print(
        f"\nfirst {rows:,} rows: slow twin {slow / rows * 1e9:,.0f} ns/row, ours {fast / rows * 1e9:.0f}; {slow / fast:,.0f} x"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--events", type=int, default=200_000, help="rows given one at a time")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer", type=Path, default=PYTHON)
    wanted = parser.parse_args()
    wanted.hftbacktest, wanted.lrvx = (python_with(wanted.peer, name) for name in ("hftbacktest", "lrvx"))
    real = recording()
    if real is not None:
        compare("USD-M recording", repeated(real, wanted.rows), PERP, wanted)
        twin(without_quotes(real), PERP, 50_000)
    compare("synthetic market", *synthetic(wanted.rows), wanted)


if __name__ == "__main__":
    main()
