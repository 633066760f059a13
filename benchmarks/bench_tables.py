"""Measures of tables beside the same in polars or numpy: marks, open interest, funding, options, chains, shares; ns a row.

    python benchmarks/bench_tables.py [--rows 1000000] [--events 100000] [--rounds 5]

Random tables of the shape that venues tell; all are in memory, kernels are compiled before the clock starts, all jobs go in
turn. CPU time of all threads counts, and polars takes as many as there are cores; the clock stands beside it. A measure's time
ends with its frame. The polars forms compute less and check nothing: open interest joins values to bins and takes differences;
option flow joins quotes to trades and sums delta alone; funding takes gaps without inferring what is missing; chains take the
change from row to row of a symbol and know no option that goes. numpy's least squares is handed the rows of the regression
ready made, and gives no shares; ours makes them, and shares of a window each 1,000 points. "event" is a row a call from Python.
"""

from __future__ import annotations

import argparse
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.units import HOUR_NS, MINUTE_NS, SECOND_NS, parse_time
from counterpoise.flow.cross.running_shares import RunningShares
from counterpoise.flow.derivatives.basis import Basis
from counterpoise.flow.derivatives.chain_changes import chain_changes
from counterpoise.flow.derivatives.chain_flow import chain_flow
from counterpoise.flow.derivatives.funding import Funding
from counterpoise.flow.derivatives.open_interest import OpenInterest
from counterpoise.flow.derivatives.options_flow import OptionFlow, OptionFlowByStrike
from counterpoise.market.chain import CHAIN_COLUMNS, option_terms
from streams import PERP
from timing import Job, interleaved, job, ratio, show

T0: Final = parse_time("2026-01-05T12:00")
EVERY: Final = 10 * SECOND_NS
STRIKES: Final = range(40_000, 160_000, 2_000)
Tables = dict[str, pl.DataFrame]


def marks(rows: int) -> Tables:
    """A mark each 250 ms, a report of open interest each second."""
    draw = np.random.default_rng(1)
    ts = T0 + np.arange(rows * 4 // 5) * (SECOND_NS // 4)
    price = 90_000 * np.exp(np.cumsum(draw.normal(0, 1e-5, len(ts))))
    told = ts[::4] + 3
    interest = 80_000 + np.cumsum(draw.normal(0, 2, len(told)))
    mark = pl.DataFrame({"ts_local": ts, "mark_price": price, "index_price": price * (1 + draw.normal(0, 1e-4, len(ts)))})
    return {"open_interest": pl.DataFrame({"ts_local": told, "open_interest": interest}), "mark": mark}


def payments(rows: int) -> Tables:
    rates = np.random.default_rng(2).normal(0, 1e-4, rows)
    return {"payments": pl.DataFrame({"ts": T0 + np.arange(rows) * HOUR_NS, "funding_rate": rates})}


def option_rows(rows: int) -> Tables:
    """Four quotes to a trade, of 120 options."""
    draw = np.random.default_rng(3)
    symbols = pl.Series([f"BTC-27MAR26-{strike}-{right}" for strike in STRIKES for right in "CP"])
    count = rows // 5
    trades = pl.DataFrame(
        {
            "ts_local": T0 + np.sort(draw.integers(0, count * SECOND_NS // 4, count)),
            "symbol": symbols.gather(draw.integers(0, len(symbols), count)),
            "side": draw.integers(-1, 2, count),
            "price": draw.uniform(0.001, 0.1, count),
            "qty": draw.integers(1, 90, count) / 10,
        }
    ).join(option_terms(symbols, venue="deribit"), on="symbol", how="left", maintain_order="left")
    said = {name: draw.uniform(0.1, 1, rows - count) for name in ("mark_price", "mark_iv", "delta", "gamma", "vega")}
    quotes = pl.DataFrame(
        {
            "ts_local": T0 + np.sort(draw.integers(0, count * SECOND_NS // 4, rows - count)),
            "symbol": symbols.gather(draw.integers(0, len(symbols), rows - count)),
            "underlying_price": draw.uniform(80_000, 100_000, rows - count),
            **said,
        }
    )
    return {"trades": trades, "quotes": quotes}


def chains(rows: int) -> Tables:
    draw = np.random.default_rng(4)
    symbols = pl.Series(
        [f"BTC-{day}-{strike}-{right}" for day in ("27MAR26", "26JUN26", "25SEP26") for strike in STRIKES for right in "CP"]
    )
    terms = option_terms(symbols, venue="deribit")
    hours = np.repeat(np.arange(rows // len(symbols)), len(symbols))
    said = {name: draw.uniform(0.1, 0.9, len(hours)) for name in ("mark_iv", "open_interest", "volume", "vega", "gamma")}
    told = pl.concat([terms] * int(hours[-1] + 1)).with_columns(
        pl.Series("ts_local", T0 + hours * HOUR_NS),
        underlying_price=90_000.0,
        bid_price=0.01,
        ask_price=0.02,
        mark_price=0.015,
        delta=pl.when(pl.col("right") == "C").then(0.5).otherwise(-0.5),
        **{name: pl.Series(v) for name, v in said.items()},
    )
    return {"chains": told.select(pl.col(name).cast(kind) for name, kind in CHAIN_COLUMNS.items())}


def grid(rows: int) -> Tables:
    draw = np.random.default_rng(5)
    walk = np.cumsum(draw.normal(0, 1e-4, rows))
    prices = {name: np.exp(np.roll(walk, i) + draw.normal(0, 2e-5, rows)) for i, name in enumerate("ab")}
    return {"prices": pl.DataFrame({"ts": T0 + np.arange(rows) * SECOND_NS, **prices})}


def polars_open_interest(tables: Tables) -> pl.DataFrame:
    reports, prices = tables["open_interest"], tables["mark"].select("ts_local", "mark_price")
    ends = pl.int_range(T0 // EVERY + 1, reports["ts_local"][-1] // EVERY + 2, eager=True).alias("ts_local") * EVERY
    frame = ends.to_frame()
    for told in (reports, prices):
        frame = frame.join_asof(told, on="ts_local", allow_exact_matches=False, tolerance=10 * MINUTE_NS)
    change = pl.col("open_interest").diff()
    return frame.with_columns(
        change=change, share=change / pl.col("open_interest").shift(), move=pl.col("mark_price").pct_change()
    )


def polars_funding(tables: Tables) -> pl.DataFrame:
    gap = pl.col("ts").diff()
    rate = pl.col("funding_rate")
    return tables["payments"].with_columns(a=rate * (8760 * HOUR_NS) / gap, c=rate.cum_sum(), changed=gap != gap.shift())


def polars_option_flow(tables: Tables) -> pl.DataFrame:
    joined = tables["trades"].join_asof(
        tables["quotes"], on="ts_local", by="symbol", allow_exact_matches=False, tolerance=5 * MINUTE_NS, check_sortedness=False
    )
    flow = pl.col("side") * pl.col("qty") * pl.col("delta")
    return joined.group_by(pl.col("ts_local") // EVERY, maintain_order=True).agg(flow.sum())


def polars_chain_flow(tables: Tables) -> pl.DataFrame:
    told = tables["chains"].sort("symbol", "ts_local")
    change = pl.col("open_interest") - pl.col("open_interest").shift().over("symbol")
    return told.with_columns(d=change, w=change * pl.col("delta")).group_by("ts_local", "base").agg(pl.sum("d", "w"))


def events_of(made: Any, tables: Tables, count: int) -> Job:
    """Rows of all tables from Python, one a call."""
    told = [
        (row.get("ts_local", row.get("ts", 0)), name, row)
        for name, frame in tables.items()
        for row in frame.head(count).to_dicts()
    ]
    rows = [(name, row) for _, name, row in sorted(told, key=lambda one: one[0])[:count]]

    def run() -> None:
        take = made().event
        for name, row in rows:
            take(name, row)

    return job(f"{made().__class__.__name__}.event", len(rows), run)


def compare(title: str, tables: Tables, ours: dict[str, Any], theirs: dict[str, Any], rounds: int, more: list[Job]) -> None:
    rows = sum(frame.height for frame in tables.values())
    jobs = [job(name, rows, lambda call=call: call(tables)) for name, call in (ours | theirs).items()]  # type: ignore[misc]
    timing = interleaved([*jobs, *more], rounds)
    show(title, [*jobs, *more], timing)
    for slow in theirs:
        print(f"  {next(iter(ours))} against {slow}: {ratio(timing, slow, next(iter(ours)))}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--events", type=int, default=100_000, help="rows given one at a time")
    parser.add_argument("--rounds", type=int, default=5)
    wanted = parser.parse_args()
    of: dict[str, Any] = {"every_ns": EVERY}

    def whole(made: Any) -> Any:
        return lambda tables: made().whole({name: tables[name] for name in made().tables if name in tables})

    def against(title: str, tables: Tables, made: list[Any], theirs: dict[str, Any]) -> None:
        ours = {one().__class__.__name__: whole(one) for one in made}
        told = {name: tables[name] for name in made[0]().tables if name in tables}
        compare(title, tables, ours, theirs, wanted.rounds, [events_of(made[0], told, wanted.events)])

    told = marks(wanted.rows)
    against("open interest", told, [lambda: OpenInterest(PERP, **of)], {"polars as-of joins": polars_open_interest})
    against("marks", {"mark": told["mark"]}, [lambda: Basis(PERP, **of)], {})
    against("funding", payments(wanted.rows // 10), [Funding], {"polars gaps": polars_funding})
    options = option_rows(wanted.rows)
    flows: list[Any] = [lambda: OptionFlow(**of), lambda: OptionFlowByStrike(**of)]
    against("option trades and quotes", options, flows, {"polars as-of join, delta alone": polars_option_flow})
    snapshots = chains(wanted.rows // 4)
    ours = {"ChainFlow": lambda t: chain_flow(t["chains"]), "ChainChanges": lambda t: chain_changes(t["chains"])}
    compare("chains", snapshots, ours, {"polars shift over symbols": polars_chain_flow}, wanted.rounds, [])
    prices = grid(wanted.rows // 10)
    running = RunningShares("ab", every_ns=SECOND_NS, lags=5, block=1000, blocks=1)
    z = running.regression(prices)
    design = np.column_stack([np.ones(len(z)), z[:, :-2]])
    shares: list[Any] = [lambda: RunningShares("ab", every_ns=SECOND_NS, lags=5, block=1000, blocks=20)]
    against("prices on a grid", prices, shares, {"numpy lstsq, once": lambda _: np.linalg.lstsq(design, z[:, -2:], rcond=None)})


if __name__ == "__main__":
    main()
