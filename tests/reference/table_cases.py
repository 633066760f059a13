"""Every measure of tables, with random tables in which what it looks for happens."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.units import HOUR_NS, MINUTE_NS, SECOND_NS, parse_time
from counterpoise.flow.cross.running_shares import RunningShares
from counterpoise.flow.derivatives.basis import Basis, basis
from counterpoise.flow.derivatives.chain_changes import ChainChanges, chain_changes
from counterpoise.flow.derivatives.chain_flow import ChainFlow, chain_flow
from counterpoise.flow.derivatives.funding import Funding, funding
from counterpoise.flow.derivatives.open_interest import OpenInterest, open_interest
from counterpoise.flow.derivatives.option_trades import WeightedOptionTrades, weighted_option_trades
from counterpoise.flow.derivatives.options_flow import OptionFlow, OptionFlowByStrike, option_flow, option_flow_by_strike
from counterpoise.flow.derivatives.settlements import FundingSettlements, funding_settlements
from counterpoise.flow.tables import TableStream
from counterpoise.market.chain import CHAIN_COLUMNS, option_terms
from counterpoise.market.symbol import parse_instrument

T0: Final = parse_time("2026-01-05T12:00")
PERP: Final = parse_instrument("binance_usdm:BTCUSDT")
COIN: Final = parse_instrument("binance_coinm:BTCUSD_PERP")
FUTURE: Final = parse_instrument("deribit:BTC-27MAR26")
SPOT: Final = parse_instrument("binance:BTCUSDT")
SYMBOLS: Final = ("BTC-27MAR26-100000-C", "BTC-27MAR26-80000-P", "BTC-27MAR26-80000-C", "BTC-6JAN26-92000-P")
SAID: Final = ("underlying_price", "mark_price", "mark_iv", "delta", "gamma", "vega")
Tables = dict[str, pl.DataFrame]


class TableCase(NamedTuple):
    """One way to measure tables.

    Attributes
    ----------
    make : callable
        Gives a fresh stream.
    tables : callable
        Random tables of a seed; those of seed 3 are silent for a long time in their middle.
    batch : callable
        The function of its noun, on tables; None when that is tested on its own.
    void : tuple of str
        Columns that are null in a row of seed 3 where nothing was heard for too long.
    """

    make: Callable[[], TableStream]
    tables: Callable[[int], Tables]
    batch: Callable[[Tables], pl.DataFrame] | None
    void: tuple[str, ...] = ()


def times(draw: np.random.Generator, seed: int, *, count: int, step_ns: int = SECOND_NS // 4) -> Any:
    """Times of rows, some the same; with a silence in the middle for seed 3."""
    ts = T0 + np.sort(draw.integers(0, 160, count)) * step_ns
    return ts + (ts > T0 + 80 * step_ns) * (120 * step_ns if seed == 3 else 0)


def reals(draw: np.random.Generator, values: Any, *, holes: float = 0.1) -> pl.Series:
    """Numbers, some of them not said."""
    unsaid = draw.random(len(values)) < holes
    return pl.Series([None if hole else float(v) for v, hole in zip(values, unsaid, strict=True)], dtype=pl.Float64)


def priced(seed: int, *names: str, count: int = 120, base: float = 50_000.0) -> pl.DataFrame:
    draw = np.random.default_rng([seed, len(names), count])
    columns = {name: reals(draw, base + np.cumsum(draw.integers(-5, 6, count))) for name in names}
    return pl.DataFrame({"ts_local": times(draw, seed, count=count), **columns})


def interest(seed: int) -> Tables:
    draw = np.random.default_rng(seed)
    told = pl.DataFrame({"ts_local": times(draw, seed, count=70), "open_interest": reals(draw, draw.integers(0, 9, 70) * 50)})
    return {"open_interest": told, "mark": priced(seed, "mark_price")}


def carried(seed: int) -> Tables:
    paid = pl.DataFrame({"ts_local": [T0 + 5 * SECOND_NS, T0 + 20 * SECOND_NS], "annualised": [0.1, -0.2]})
    return {"mark": priced(seed, "mark_price", "index_price"), "funding": paid}


def compared(seed: int) -> Tables:
    rate = (
        priced(seed, "price", count=40, base=1.0).with_columns(pl.col("price") / 1000 + 1).with_columns(pl.col("price").abs())
    )
    return {"mark": priced(seed, "last"), "spot": priced(seed, "price", count=90), "rate": rate}


def payments(seed: int) -> Tables:
    draw = np.random.default_rng(seed)
    hours = np.cumsum(draw.choice([1, 2, 4, 8, 8, 16, 3], 60))
    rates = reals(draw, draw.normal(0, 1e-4, 60))
    due = T0 + hours * HOUR_NS + draw.integers(0, 20, 60) * SECOND_NS
    return {"payments": pl.DataFrame({"ts": due, "funding_rate": rates, "predicted": rates.reverse(), "first_rate": rates * 2})}


def marks(seed: int) -> Tables:
    draw = np.random.default_rng(seed)
    ts = T0 + np.sort(draw.integers(0, 6000, 200)) * MINUTE_NS
    late = draw.integers(0, 3, 200) * SECOND_NS
    due = [None if draw.random() < 0.1 else int(t // (8 * HOUR_NS) + 1) * 8 * HOUR_NS for t in ts]
    rates = [reals(draw, draw.normal(0, 1e-4, 200), holes=0.2) for _ in range(2)]
    columns = {"ts_local": ts + late, "ts_venue": ts, "next_funding_ns": due, "funding_rate": rates[0]}
    return {"mark": pl.DataFrame({**columns, "predicted_funding_rate": rates[1]}).sort("ts_local", maintain_order=True)}


def option_rows(seed: int) -> Tables:
    draw = np.random.default_rng(seed)
    trades = pl.DataFrame(
        {
            "ts_local": times(draw, seed, count=90),
            "symbol": draw.choice(SYMBOLS[:3], 90),
            "side": draw.integers(-1, 2, 90),
            "price": draw.integers(1, 90, 90) / 1000,
            "qty": draw.integers(0, 9, 90) / 10,
        }
    )
    terms = option_terms(pl.Series(SYMBOLS), venue="deribit")
    said = {name: reals(draw, draw.uniform(0.01, 1, 130), holes=0.03) for name in SAID[1:]}
    quotes = pl.DataFrame(
        {
            "ts_local": times(draw, seed, count=130),
            "symbol": draw.choice(SYMBOLS, 130),
            "underlying_price": reals(draw, draw.integers(70_000, 110_000, 130), holes=0.05),
            **said,
        }
    )
    return {"trades": trades.join(terms, on="symbol", how="left", maintain_order="left"), "quotes": quotes}


def snapshots(seed: int) -> Tables:
    """Snapshots of two coins, hours apart, of options that come, go, come again and expire."""
    draw, rows = np.random.default_rng(seed), []
    terms = option_terms(pl.Series([*SYMBOLS, "ETH-27MAR26-3000-P"]), venue="deribit").to_dicts()
    for hour in np.cumsum(draw.integers(3, 40, 8)).tolist():
        told = [of for of in terms if draw.random() < 0.7 and of["expiry_ns"] > T0 + hour * HOUR_NS]
        for of in told:
            forward, call = 92_000.0 + float(draw.integers(-9000, 9000)), of["right"] == "C"
            said = {"underlying_price": forward, "mark_price": 0.03, "mark_iv": 0.5, "vega": float(draw.integers(50, 150))}
            said |= {"delta": float(draw.uniform(0, 1)) * (1 if call else -1)} if draw.random() < 0.9 else {}
            sizes = {name: float(draw.integers(0, 50)) for name in ("open_interest", "volume") if draw.random() < 0.9}
            rows.append({"ts_local": T0 + hour * HOUR_NS, **of, **said, **sizes})
    return {"chains": pl.DataFrame(rows, schema=CHAIN_COLUMNS)}


def gridded(seed: int) -> Tables:
    """Prices of three venues on a grid, some not known, some points of it left out, the third venue the first but for noise."""
    draw = np.random.default_rng(seed)
    walk = np.cumsum(draw.normal(0, 1e-4, 400))
    noise = draw.normal(0, 2e-5, (3, 400))
    columns = {name: reals(draw, np.exp(np.roll(walk, i) + noise[i]), holes=0.02) for i, name in enumerate("abc")}
    frame = pl.DataFrame({"ts": T0 + np.arange(400) * SECOND_NS, **columns})
    return {"prices": frame.filter(pl.Series(draw.random(400) > 0.02))}


EVERY: Final[dict[str, Any]] = {"every_ns": SECOND_NS}
FRESH: Final[dict[str, Any]] = {**EVERY, "max_age_ns": 4 * SECOND_NS}
ACROSS: Final[dict[str, Any]] = {**FRESH, "price": "last", "spot_instrument": SPOT}
DEALT: Final[dict[str, Any]] = {**FRESH, "dealers": "customers_short_calls_long_puts", "delta": "net"}
GRID: Final[dict[str, Any]] = {**EVERY, "block": 40, "blocks": 3}
CASES: Final = {
    "OpenInterest": TableCase(
        partial(OpenInterest, PERP, **FRESH),
        interest,
        lambda t: open_interest(t["open_interest"], t["mark"], PERP, **FRESH),
        ("open_interest", "price", "quadrant", "open_interest_change"),
    ),
    "OpenInterest-inverse": TableCase(
        partial(OpenInterest, COIN, **EVERY, dead_zone_share=0.3, dead_zone_bps=1.0),
        interest,
        lambda t: open_interest(t["open_interest"], t["mark"], COIN, **EVERY, dead_zone_share=0.3, dead_zone_bps=1.0),
    ),
    "Basis": TableCase(
        partial(Basis, PERP, **FRESH),
        carried,
        lambda t: basis(t["mark"], PERP, **FRESH, funding=t["funding"]),
        ("price", "reference", "basis", "basis_bps", "price_age_ns", "reference_age_ns"),
    ),
    "Basis-spot": TableCase(
        partial(Basis, FUTURE, **ACROSS, rate=True),
        compared,
        lambda t: basis(t["mark"], FUTURE, **ACROSS, spot=t["spot"], rate=t["rate"]),
        ("price", "reference", "basis", "annualised", "carry"),
    ),
    "Funding": TableCase(Funding, payments, lambda t: funding(t["payments"])),
    "FundingSettlements": TableCase(FundingSettlements, marks, lambda t: funding_settlements(t["mark"])),
    "WeightedOptionTrades": TableCase(WeightedOptionTrades, option_rows, lambda t: weighted_option_trades(**t)),
    "OptionFlow": TableCase(partial(OptionFlow, **FRESH), option_rows, lambda t: option_flow(**t, **FRESH)),
    "OptionFlow-dealers": TableCase(partial(OptionFlow, **DEALT), option_rows, lambda t: option_flow(**t, **DEALT)),
    "OptionFlowByStrike": TableCase(
        partial(OptionFlowByStrike, **FRESH), option_rows, lambda t: option_flow_by_strike(**t, **FRESH)
    ),
    "ChainChanges": TableCase(
        partial(ChainChanges, seen=SYMBOLS[:1]), snapshots, lambda t: chain_changes(t["chains"], seen=SYMBOLS[:1])
    ),
    "RunningShares": TableCase(partial(RunningShares, "abc", lags=1, **GRID), gridded, None),
    "RunningShares-two": TableCase(partial(RunningShares, "ba", lags=0, **GRID), gridded, None),
    "ChainFlow": TableCase(partial(ChainFlow, delta="net"), snapshots, lambda t: chain_flow(t["chains"], delta="net")),
}
