"""What the binned measures are called, their units, and how a kernel's integers become them."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Bool1D, Float1D, Int1D, Int2D
from counterpoise.flow.cells import STATE_NAMES, UTC_NS, where_sound
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import columns as k
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["GROUPS", "measure_frame"]

_CKS: Final = "Cont, Kukanov, Stoikov (2014), arXiv 1011.6402"

GROUPS: Final = (
    Group(
        "bin",
        "the bin itself",
        "Measures",
        (),
        (
            Column("ts", "ns UTC", "end of the bin, exclusive"),
            Column("quality", "state", "worst state of the price source within the bin; measures are null unless SYNCED"),
            Column("locked_quotes", "count", "ticker quotes waited through because they locked the book, where asked for"),
            Column("complete", "bool", "false when the recording ended before the bin did"),
        ),
        "domain rule: every number carries its quality",
    ),
    Group(
        "price",
        "best prices at the bin's end",
        "Measures",
        ("quotes",),
        (
            Column("mid", "quote", "(best bid + best ask) / 2", "price"),
            Column("mid_change", "quote", "mid less mid at the previous bin's end", "odd"),
            Column("spread", "quote", "best ask − best bid"),
            Column("microprice", "quote", "mid weighted by the size on the other side", "price"),
        ),
        "Stoikov (2018), eq. (2), for the weighted mid",
    ),
    Group(
        "depth",
        "what rests in the book at the bin's end",
        "Measures",
        ("quotes",),
        (
            Column("depth_imbalance_{level}", "1", "(bid − ask) / (bid + ask) over the best levels", "odd"),
            Column("depth_imbalance_{x}bps", "1", "the same within x bps of mid", "free"),
            Column("weighted_imbalance", "1", "the same, each level weighted by 1 − distance / widest band", "free"),
            Column("bid_qty", "base", "size at the best bid", "swaps", "linear"),
            Column("ask_qty", "base", "size at the best ask", "swaps", "linear"),
            Column("bid_depth_{x}bps", "base", "bids within x bps of mid", "free", "linear"),
            Column("ask_depth_{x}bps", "base", "asks within x bps of mid", "free", "linear"),
            Column("bid_slope", "base/bps", "depth gained per bps from mid, best ten levels", "free", "linear"),
            Column("ask_slope", "base/bps", "the same of asks", "free", "linear"),
            Column(
                "mean_best_depth", "base", "mean of (best bid size + best ask size) / 2 over the bin's messages", size="linear"
            ),
            Column("mean_depth", "base", "mean size of a level, best ten of both sides, over the messages", size="linear"),
            Column("buy_cost_{value}_bps", "bps", "average price over mid of buying that much [quote] at once", "free", "free"),
            Column("sell_cost_{value}_bps", "bps", "average price under mid of selling as much", "free", "free"),
        ),
        "Gould, Bonart (2016), arXiv 1512.03492, for the queue imbalance",
    ),
    Group(
        "ofi",
        "order-flow imbalance summed over the bin",
        "Measures",
        ("quotes",),
        (
            Column("ofi", "base", "of the best level, equal to ofi_1", "odd", "linear"),
            Column("ofi_{level}", "base", "of that level; beyond the first from the depth stream only", "odd", "linear"),
        ),
        f"{_CKS}, eq. (3)-(4); Xu, Gould, Howison (2019), arXiv 1907.06230, for levels",
    ),
    Group(
        "ofi_parts",
        "order-flow imbalance of the best level by what made it; the parts add up to ofi exactly",
        "Measures",
        ("quotes", "trades"),
        (
            Column("ofi_limit", "base", "by new limit orders", "odd", "linear"),
            Column("ofi_cancel", "base", "by cancels, and falls that no trade explains", "odd", "linear"),
            Column("ofi_market", "base", "by trades matched to the queue they hit", "odd", "linear"),
        ),
        f"{_CKS}, section 2.1, for the three kinds of events",
    ),
    Group(
        "trades",
        "what aggressors traded within the bin",
        "Measures",
        ("trades",),
        (
            Column("trades", "count", "trade messages of the venue"),
            Column("buy_trades", "count", "of buying aggressors", "swaps"),
            Column("sell_trades", "count", "of selling aggressors", "swaps"),
            Column("buy_qty", "base", "bought by aggressors", "swaps", "linear"),
            Column("sell_qty", "base", "sold by aggressors", "swaps", "linear"),
            Column("unknown_qty", "base", "traded by aggressors the venue does not name", size="linear"),
            Column("trade_imbalance", "base", "buy_qty − sell_qty", "odd", "linear"),
            Column("buy_sell_ratio", "1", "buy_qty / sell_qty; null when nothing was sold", "free"),
            Column("buy_notional", "quote", "value bought", "free", "linear"),
            Column("sell_notional", "quote", "value sold", "free", "linear"),
            Column("open", "quote", "price of the first trade; null without one", "price"),
            Column("high", "quote", "highest trade", "price"),
            Column("low", "quote", "lowest trade", "price"),
            Column("close", "quote", "last trade", "price"),
        ),
        _CKS,
    ),
    Group(
        "cvd",
        "signed volume cumulated",
        "Measures",
        ("trades",),
        (
            Column("cvd", "base", "bought less sold since the first event", "odd", "linear"),
            Column("min_delta", "base", "least of bought less sold since the bin began, ≤ 0", "odd", "linear"),
            Column("max_delta", "base", "greatest, ≥ 0", "odd", "linear"),
            Column("obv", "base", "volume added when a bin closes above the last one, taken off below", "odd", "linear"),
        ),
        "Granville (1963) for on-balance volume",
    ),
)


def measure_frame(
    rows: Int2D,
    instrument: Instrument,
    *,
    source: int,
    bands_bps: tuple[float, ...],
    values: tuple[int, ...],
) -> pl.DataFrame:
    """Integers of closed bins to measures with units; null where the quality is not SYNCED."""
    synced = rows[:, k.QUALITY] == BookState.SYNCED
    priced = synced & (rows[:, k.BID] != NO_KEY) & (rows[:, k.ASK] != NO_KEY) & (source != k.TRADES_ONLY)
    columns: dict[str, AnyArray] = {"ts": rows[:, k.END]}
    book_stands = priced & ((source == k.DEPTH) | (rows[:, k.BOOK] == BookState.SYNCED))
    columns |= _prices(rows, instrument, priced)
    columns |= _depth(rows, instrument, priced, book_stands, bands_bps, source)
    columns |= _costs(rows, book_stands, bands_bps, values)
    columns |= _order_flow(rows, instrument, synced, source)
    columns |= _trades(rows, instrument, synced)
    columns["locked_quotes"] = rows[:, k.LOCKED]
    columns["complete"] = rows[:, k.COMPLETE] != 0
    columns["quality"] = STATE_NAMES[rows[:, k.QUALITY]]
    counts = ("trades", "buy_trades", "sell_trades")
    return pl.DataFrame(columns, nan_to_null=True, schema_overrides={"quality": pl.String}).with_columns(
        pl.col("ts").cast(UTC_NS),
        *(pl.when(pl.col("quality") == BookState.SYNCED.name).then(pl.col(name)).alias(name) for name in counts),
    )


def _prices(rows: Int2D, instrument: Instrument, priced: Bool1D) -> dict[str, AnyArray]:
    price = instrument.price_grid
    bid, ask = np.where(priced, rows[:, k.BID], 0), np.where(priced, -rows[:, k.ASK], 0)
    moved = priced & (rows[:, k.MID_BEFORE] != NO_KEY)
    change = bid + ask - np.where(moved, rows[:, k.MID_BEFORE], 0)
    return {
        "mid": where_sound(priced, price.values(bid + ask, over=2)),
        "mid_change": where_sound(moved, price.values(np.where(moved, change, 0), over=2)),
        "spread": where_sound(priced, price.values(ask - bid)),
        "microprice": where_sound(priced, _weighted_mid(bid, ask, rows[:, k.BID_DEPTH], rows[:, k.ASK_DEPTH]) * price.size),
    }


def _depth(
    rows: Int2D,
    instrument: Instrument,
    priced: Bool1D,
    stands: Bool1D,
    bands_bps: tuple[float, ...],
    source: int,
) -> dict[str, AnyArray]:
    qty, real = instrument.flow_grid, rows.view(np.float64)
    columns: dict[str, AnyArray] = {}
    for level in range(k.LEVELS):
        bid, ask = rows[:, k.BID_DEPTH + level], rows[:, k.ASK_DEPTH + level]
        columns[f"depth_imbalance_{level + 1}"] = _imbalance(bid, ask, stands if level else priced)
    for i, band in enumerate(bands_bps):
        at = k.BANDS + 2 * i
        columns[f"depth_imbalance_{band:g}bps"] = _imbalance(rows[:, at], rows[:, at + 1], stands)
    columns["weighted_imbalance"] = _imbalance(real[:, k.NEAR], real[:, k.NEAR + 1], stands)
    for i, side in enumerate(("bid", "ask")):
        columns[f"{side}_qty"] = where_sound(priced, qty.values(rows[:, (k.BID_DEPTH, k.ASK_DEPTH)[i]]))
        for j, band in enumerate(bands_bps):
            columns[f"{side}_depth_{band:g}bps"] = where_sound(stands, qty.values(rows[:, k.BANDS + 2 * j + i]))
        columns[f"{side}_slope"] = where_sound(stands, real[:, k.SLOPES + i] * qty.size)
    messages = np.maximum(rows[:, k.MESSAGES], 1)
    columns["mean_best_depth"] = where_sound(priced, rows[:, k.TOP_SUM] / (2 * messages) * qty.size)
    deep = priced & (source == k.DEPTH)
    columns["mean_depth"] = where_sound(deep, rows[:, k.DEPTH_SUM] / (2 * k.LEVELS * messages) * qty.size)
    return columns


def _costs(rows: Int2D, stands: Bool1D, bands_bps: tuple[float, ...], values: tuple[int, ...]) -> dict[str, AnyArray]:
    real, at = rows.view(np.float64), k.BANDS + 2 * len(bands_bps)
    columns: dict[str, AnyArray] = {}
    for i, side in enumerate(("buy", "sell")):
        for j, value in enumerate(values):
            columns[f"{side}_cost_{value}_bps"] = where_sound(stands, real[:, at + i * len(values) + j])
    return columns


def _order_flow(rows: Int2D, instrument: Instrument, synced: Bool1D, source: int) -> dict[str, AnyArray]:
    qty = instrument.flow_grid
    best, deep = synced & (source != k.TRADES_ONLY), synced & (source == k.DEPTH)
    ofi = where_sound(best, qty.values(rows[:, k.OFI]))
    columns: dict[str, AnyArray] = {"ofi": ofi, "ofi_1": ofi}
    for level in range(1, k.LEVELS):
        columns[f"ofi_{level + 1}"] = where_sound(deep, qty.values(rows[:, k.OFI + level]))
    for i, part in enumerate(("limit", "cancel", "market")):
        columns[f"ofi_{part}"] = where_sound(best, qty.values(rows[:, k.PARTS + i]))
    return columns


def _trades(rows: Int2D, instrument: Instrument, synced: Bool1D) -> dict[str, AnyArray]:
    price, qty, real = instrument.price_grid, instrument.flow_grid, rows.view(np.float64)
    worth = float(instrument.notional(1, 1))
    buy, sell, happened = rows[:, k.BUY], rows[:, k.SELL], synced & (rows[:, k.CLOSE] != NO_KEY)
    columns: dict[str, AnyArray] = {"trades": rows[:, k.TRADES]}
    columns |= {"buy_trades": rows[:, k.BUY_TRADES], "sell_trades": rows[:, k.SELL_TRADES]}
    sums = {"buy_qty": buy, "sell_qty": sell, "unknown_qty": rows[:, k.UNKNOWN], "trade_imbalance": buy - sell}
    sums |= {"cvd": rows[:, k.CVD], "min_delta": rows[:, k.MIN_DELTA], "max_delta": rows[:, k.MAX_DELTA], "obv": rows[:, k.OBV]}
    columns |= {name: where_sound(synced, qty.values(lots)) for name, lots in sums.items()}
    columns["buy_sell_ratio"] = np.divide(buy, sell, out=np.full(len(rows), np.nan), where=synced & (sell > 0))
    for name, at in (("buy_notional", k.BUY_VALUE), ("sell_notional", k.SELL_VALUE)):
        columns[name] = where_sound(synced, real[:, at] * worth)
    for name, at in (("open", k.OPEN), ("high", k.HIGH), ("low", k.LOW), ("close", k.CLOSE)):
        columns[name] = where_sound(happened, price.values(np.where(happened, rows[:, at], 0)))
    return columns


def _imbalance(bid: Int1D | Float1D, ask: Int1D | Float1D, sound: Bool1D) -> Float1D:
    """(bid − ask) / (bid + ask) of two columns; null when both are zero."""
    both = bid + ask
    share = np.divide(bid - ask, both, out=np.full(len(both), np.nan), where=sound & (both > 0))
    return np.asarray(share, np.float64)


def _weighted_mid(bid: Int1D, ask: Int1D, bid_lots: Int1D, ask_lots: Int1D) -> Float1D:
    """Best prices weighted by the size on the other side [ticks]."""
    both = np.maximum(bid_lots + ask_lots, 1)
    return np.asarray(bid + (ask - bid) * (bid_lots / both), np.float64)
