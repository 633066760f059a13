"""Bars and the quality report beside Polars and pandas twins of the same run: million rows/s and ratio.

    python benchmarks/bench_market.py [--rows 1000000 4000000] [--rounds 5]

The twins answer less: their volume bars do not split a trade, and their quality check does six of the report's fourteen checks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl

from counterpoise.core.units import SECOND_NS
from counterpoise.market.bars import imbalance_bars, notional_bars, time_bars, trade_bars, volume_bars
from counterpoise.market.event import FIRST, LAST, QUOTE, TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.quality import check_events

PERP = Instrument(
    venue="binance_usdm",
    symbol="XUSDT",
    kind=InstrumentKind.PERP,
    base="X",
    quote="USDT",
    settle="USDT",
    tick="0.1",
    lot="0.001",
)
STALE_NS = 5 * SECOND_NS
Job = Callable[[], object]


def trades(rows: int, *, seed: int = 1) -> Events:
    """A thousand trades a second about a walking price."""
    random = np.random.default_rng(seed)
    ts = 1_723_075_200 * SECOND_NS + np.cumsum(random.exponential(1e6, rows)).astype(np.int64)
    return Events(
        ts_local=ts,
        ts_venue=ts + 1_268_000_000 - random.integers(0, 5_000_000, rows),
        seq=np.arange(rows),
        id=10_000 + np.arange(rows),
        kind=np.full(rows, TRADE, np.uint8),
        side=random.choice(np.array([-1, 1], np.int8), rows),
        flags=np.full(rows, FIRST | LAST, np.uint8),
        price_ticks=600_000 + np.cumsum(random.integers(-1, 2, rows)),
        qty_lots=np.exp(random.normal(3, 1.5, rows)).astype(np.int64) + 1,
    )


def with_quotes(trade: Events) -> Events:
    """Every trade followed by a quote message of two rows."""
    columns = {name: np.repeat(column, 3) for name, column in zip(Events._fields, trade, strict=True)}
    columns["kind"] = np.tile(np.array([TRADE, QUOTE, QUOTE], np.uint8), trade.rows)
    columns["flags"] = np.tile(np.array([FIRST | LAST, FIRST, LAST], np.uint8), trade.rows)
    columns["side"] = np.where(columns["kind"] == TRADE, columns["side"], np.tile(np.array([0, 1, -1], np.int8), trade.rows))
    columns["price_ticks"] = columns["price_ticks"] + np.tile(np.array([0, -1, 1]), trade.rows)
    return Events(**columns)


def bars_of(groups: pl.LazyFrame) -> pl.DataFrame:
    p, q = pl.col("price_ticks"), pl.col("qty_lots")
    return (
        groups.group_by("bar", maintain_order=True)
        .agg(
            open=p.first(),
            high=p.max(),
            low=p.min(),
            close=p.last(),
            qty=q.sum(),
            buy=q.filter(pl.col("side") > 0).sum(),
            value=(p * q).sum(),
            trades=pl.len(),
            first=pl.col("ts_local").first(),
            last=pl.col("ts_local").last(),
        )
        .with_columns(vwap=pl.col("value") / pl.col("qty"))
        .collect()
    )


def pandas_bars(frame: pd.DataFrame, bar: pd.Series) -> pd.DataFrame:
    value = frame["price_ticks"] * frame["qty_lots"]
    buy = frame["qty_lots"].where(frame["side"] > 0, 0)
    grouped = frame.assign(value=value, buy=buy).groupby(bar.to_numpy(), sort=False)
    return grouped.agg(
        open=("price_ticks", "first"),
        high=("price_ticks", "max"),
        low=("price_ticks", "min"),
        close=("price_ticks", "last"),
        qty=("qty_lots", "sum"),
        buy=("buy", "sum"),
        value=("value", "sum"),
        first=("ts_local", "first"),
        last=("ts_local", "last"),
    )


def polars_quality(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows, holes, ids and times going back, silences and latency, per channel."""
    step, back = pl.col("id").diff(), pl.col("ts_venue").cum_max() - pl.col("ts_venue")
    wait, late = pl.col("ts_local").diff(), pl.col("ts_local") - pl.col("ts_venue")
    return frame.group_by("kind").agg(
        rows=pl.len(),
        gaps=(step > 1).sum(),
        id_back=(step < 0).sum(),
        time_back=(back > 0).sum(),
        silences=(wait > STALE_NS).sum(),
        skew=(late < 0).sum(),
        low=late.min(),
        median=late.quantile(0.5, "nearest"),
        high=late.quantile(0.99, "nearest"),
    )


def bar_jobs(events: Events) -> dict[str, dict[str, Job]]:
    frame = events.to_frame()
    table = frame.to_pandas()
    second = pl.col("ts_local") // SECOND_NS
    filled = (pl.col("qty_lots").cum_sum() - 1) // 50_000
    return {
        "time bars 1 s": {
            "ours": lambda: time_bars(events, PERP, every_ns=SECOND_NS),
            "polars": lambda: bars_of(frame.lazy().with_columns(bar=second)),
            "pandas": lambda: pandas_bars(table, table["ts_local"] // SECOND_NS),
        },
        "volume bars": {
            "ours": lambda: volume_bars(events, PERP, qty=50),
            "polars": lambda: bars_of(frame.lazy().with_columns(bar=filled)),
            "pandas": lambda: pandas_bars(table, (table["qty_lots"].cumsum() - 1) // 50_000),
        },
        "trade bars": {
            "ours": lambda: trade_bars(events, PERP, trades=1000),
            "polars": lambda: bars_of(frame.lazy().with_row_index("bar").with_columns(pl.col("bar") // 1000)),
        },
        "notional bars": {"ours": lambda: notional_bars(events, PERP, notional=3_000_000)},
        "imbalance bars": {"ours": lambda: imbalance_bars(events, PERP, threshold=50)},
    }


def quality_jobs(events: Events) -> dict[str, dict[str, Job]]:
    frame = events.to_frame()
    return {
        "quality": {
            "ours": lambda: check_events(events, PERP, stale_ns=STALE_NS, tolerance_ns=10_000_000),
            "polars": lambda: polars_quality(frame),
        }
    }


def best_seconds(jobs: dict[str, Job], rounds: int) -> dict[str, float]:
    """Best of some rounds, implementations in turn, after a warm-up."""
    best = {}
    for name, job in jobs.items():
        job()
        best[name] = float("inf")
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 4_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{'job':<16}{'rows':>12}  {'implementation':<16}{'M rows/s':>10}{'ours ×':>9}   polars threads {pl.thread_pool_size()}"
    )
    for rows in options.rows:
        trade = trades(rows)
        both = with_quotes(trades(rows // 3))
        jobs = {name: (trade.rows, job) for name, job in bar_jobs(trade).items()}
        jobs |= {name: (both.rows, job) for name, job in quality_jobs(both).items()}
        for name, (size, job) in jobs.items():
            seconds = best_seconds(job, options.rounds)
            for implementation, taken in seconds.items():
                ratio = taken / seconds["ours"]
                print(f"{name:<16}{size:>12,}  {implementation:<16}{size / taken / 1e6:>10.1f}{ratio:>9.2f}")


if __name__ == "__main__":
    main()
