"""Markets of one token bin by bin as columns: brought to one currency, options to coins by their delta, and added."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.flow.cells import STATE_NAMES, UTC_NS
from counterpoise.flow.cross.by_node import exact_sum
from counterpoise.market.quality import BookState

__all__ = ["Part", "by_delta", "market_frame", "mean_mid", "part_of", "total_frame"]

_UNITS: Final = ("coin", "usd")
_BEST: Final = ("bid", "bid_coin", "ask", "ask_coin")
_CODES: Final = {state.name: int(state) for state in BookState}


class Part(NamedTuple):
    """One market at all the times that are looked at.

    Attributes
    ----------
    numbers : dict of str to (n,) float64
        NaN where there is none.
    quality : (n,) int64
        `BookState`, GAPPED where there was no bin.
    sound : (n,) bool
        Whether it may be added.
    """

    numbers: dict[str, Float1D]
    quality: Int1D
    sound: Bool1D


def part_of(frame: pl.DataFrame | None, ts: Int1D, rate: Float1D, *, names: Sequence[str]) -> Part:
    """A frame of `counterpoise.flow.cross.market_bins` at the times `ts`, its quote currency times `rate`."""
    wanted = [*_BEST, "trades", *(f"{name}_{unit}" for name in names for unit in ("coin", "quote"))]
    numbers = {column: np.full(len(ts), np.nan) for column in wanted}
    quality = np.full(len(ts), int(BookState.GAPPED))
    if frame is not None and frame.height:
        at = np.searchsorted(ts, frame["ts"].dt.epoch("ns").to_numpy())
        for column in wanted:
            numbers[column][at] = frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        quality[at] = frame["quality"].replace_strict(_CODES, return_dtype=pl.Int64).to_numpy()
    for name in names:
        numbers[f"{name}_usd"] = numbers.pop(f"{name}_quote") * rate
    numbers["bid"], numbers["ask"] = numbers["bid"] * rate, numbers["ask"] * rate
    return Part(numbers, quality, (quality == BookState.SYNCED) & np.isfinite(rate))


def mean_mid(parts: Sequence[Part], length: int) -> Float1D:
    """Mean of the sound markets' mids, which an option's coins are valued at; NaN when there is none."""
    mids = [np.where(part.sound, (part.numbers["bid"] + part.numbers["ask"]) / 2, np.nan) for part in parts]
    held = np.isfinite(np.array(mids).reshape(len(mids), length))
    total = exact_sum([np.nan_to_num(mid) for mid in mids], length)
    return np.asarray(np.where(held.any(axis=0), total / np.maximum(held.sum(axis=0), 1), np.nan), np.float64)


def by_delta(part: Part, delta: Float1D, price: Float1D, running: tuple[float, float]) -> tuple[Part, tuple[float, float]]:
    """Flow of an option in the coins it moves with, at the coin's price; it has no price and no depth in them.

    Also gives the running sums in coins and currency, from those before.
    """
    given, out = part.numbers, {name: np.full(len(delta), np.nan) for name in part.numbers}
    turned = delta < 0
    out["trades"] = given["trades"]
    out["buy_coin"] = np.where(turned, given["sell_coin"], given["buy_coin"]) * np.abs(delta)
    out["sell_coin"] = np.where(turned, given["buy_coin"], given["sell_coin"]) * np.abs(delta)
    out["unknown_coin"] = given["unknown_coin"] * np.abs(delta)
    out["ofi_coin"] = given["ofi_coin"] * delta
    for name in ("buy", "sell", "unknown", "ofi"):
        out[f"{name}_usd"] = out[f"{name}_coin"] * price
    sound = np.asarray(part.sound & np.isfinite(out["buy_usd"] + out["ofi_usd"]), np.bool_)
    sums = []
    for unit, before in zip(_UNITS, running, strict=True):
        signed = np.where(sound, out[f"buy_{unit}"] - out[f"sell_{unit}"], 0.0)
        total = np.cumsum(np.concatenate([[before], signed]))
        out[f"cvd_{unit}"] = np.where(sound, total[1:], np.nan)
        sums.append(float(total[-1]))
    return Part(out, part.quality, sound), (sums[0], sums[1])


def market_frame(market: str, ts: Int1D, part: Part) -> pl.DataFrame:
    """Rows of one market."""
    best = {f"{side}_market": [market if held else None for held in np.isfinite(part.numbers[side])] for side in ("bid", "ask")}
    missing: list[list[str]] = [[] if sound else [market] for sound in part.sound]
    return _frame(market, ts, part, best, missing)


def total_frame(
    market: str,
    ts: Int1D,
    parts: Mapping[str, Part],
    names: Sequence[str],
    *,
    leave_out: bool,
    no_depth: Collection[str] = (),
) -> pl.DataFrame:
    """Rows of all markets together; null where one is not sound or not known, or with `leave_out` where none is.

    Markets of `no_depth`, options, have none by nature and add none.
    """
    ids = np.array([*parts, None], dtype=object)
    sound = np.array([part.sound for part in parts.values()])
    whole: Bool1D = np.asarray(sound.any(axis=0) if leave_out else sound.all(axis=0), np.bool_)
    numbers = {
        column: np.where(whole, _sum(parts, column, leave_out=leave_out, no_depth=no_depth), np.nan)
        for column in ["trades", *(f"{name}_{unit}" for name in names for unit in _UNITS)]
    }
    best = {}
    for side, sign in (("bid", 1), ("ask", -1)):
        prices = np.array([np.where(part.sound & whole, part.numbers[side], np.nan) for part in parts.values()])
        ranked = np.where(np.isfinite(prices), sign * prices, -np.inf)
        at = np.argmax(ranked, axis=0)
        found = np.isfinite(ranked.max(axis=0, initial=-np.inf))
        coins = np.array([part.numbers[f"{side}_coin"] for part in parts.values()])
        for column, held in ((side, prices), (f"{side}_coin", coins)):
            numbers[column] = np.where(found, np.take_along_axis(held, at[None], axis=0)[0], np.nan)
        best[f"{side}_market"] = ids[np.where(found, at, -1)].tolist()
    states = np.array([part.quality for part in parts.values()])
    worst = np.max(np.where(sound | (not leave_out), states, -1), axis=0)
    quality = np.where(worst < 0, int(BookState.GAPPED), worst)
    missing = [[name for name, there in zip(parts, row, strict=True) if not there] for row in sound.T.tolist()]
    return _frame(market, ts, Part(numbers, quality, whole), best, missing, used=sound.sum(axis=0))


def _sum(parts: Mapping[str, Part], column: str, *, leave_out: bool, no_depth: Collection[str]) -> Float1D:
    """Sum over the sound markets; NaN where one of them does not say, or with `leave_out` where none of them says."""
    length = max((len(part.sound) for part in parts.values()), default=0)
    columns, known = [], np.zeros(length, np.bool_)
    for name, part in parts.items():
        values = np.where(part.sound, part.numbers[column], 0.0)
        if "_depth_" in column and name in no_depth:
            values = np.zeros(length)
        known |= part.sound & np.isfinite(values)
        columns.append(np.nan_to_num(values) if leave_out else values)
    total = exact_sum(columns, length)
    return np.where(known, total, np.nan) if leave_out else total


def _frame(
    market: str,
    ts: Int1D,
    part: Part,
    best: Mapping[str, list[str | None]],
    missing: list[list[str]],
    *,
    used: Int1D | None = None,
) -> pl.DataFrame:
    numbers = part.numbers
    mid, gap = (numbers["bid"] + numbers["ask"]) / 2, numbers["ask"] - numbers["bid"]
    columns: dict[str, Any] = {"ts": ts, "market": [market] * len(ts)} | {name: numbers[name] for name in _BEST}
    columns |= {"mid": mid, "spread_bps": np.where(mid > 0, 1e4 * gap / np.where(mid > 0, mid, 1.0), np.nan), **best}
    flows = [name.removesuffix("coin") for name in numbers if name.endswith("_coin") and name not in _BEST]
    columns |= {name + unit: numbers[name + unit] for name in flows for unit in _UNITS}
    columns |= {"trades": numbers["trades"], "used": (part.sound if used is None else used).astype(np.int64)}
    columns |= {"missing": missing, "quality": STATE_NAMES[part.quality]}
    types: dict[str, Any] = dict.fromkeys(("market", "bid_market", "ask_market", "quality"), pl.String)
    return pl.DataFrame(columns, nan_to_null=True, schema_overrides=types | {"missing": pl.List(pl.String)}).with_columns(
        pl.col("ts").cast(UTC_NS), pl.col("trades").cast(pl.Int64)
    )
