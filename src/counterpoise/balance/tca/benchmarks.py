"""What we paid beside what others paid and what stood in the market: arrival, VWAP, TWAP, close, participation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl

from counterpoise.balance.tca.shortfall import worth
from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS

__all__ = ["Market", "benchmarks"]


class Market(NamedTuple):
    """What the market did while an order ran.

    Attributes
    ----------
    trade_ns : (m,) int64 [ns]
        Rising. Trades of others, or ends of bins.
    trade_price, trade_qty : (m,) float64
        Price [quote], mean by quantity where it is a bin's, and quantity [as our fills].
    mid_ns : (k,) int64 [ns]
        Rising; a mid holds until the next.
    mid : (k,) float64 [quote]
    """

    trade_ns: Int1D
    trade_price: Float1D
    trade_qty: Float1D
    mid_ns: Int1D
    mid: Float1D


def benchmarks(
    price: Float1D,
    qty: Float1D,
    market: Market,
    *,
    side: int,
    start_ns: int,
    end_ns: int,
    arrival_price: float,
    rate: float | None = None,
    inverse: bool = False,
) -> pl.DataFrame:
    """Our average price against each benchmark of the interval [start, end).

    - ``arrival``: the mid when the first child could trade;
    - ``vwap``: mean price of others by their volume; ``vwap_all``: with our own fills;
    - ``twap``: mean of the mid over time; ``close``: the last mid before the end;
    - ``pov``: mean price of others' volume, from the start until our filled quantity is `rate` of what traded with it: what an
      order that kept to that share of volume would have met. Where that much never traded, it is ``vwap``.

    slippage = s (p − b) / b, in bps of the benchmark; positive is a cost. Of an inverse contract p and b stand for −1/p and
    −1/b, and means are of those.

    Parameters
    ----------
    price, qty : (n,) float64
        Our fills, buys or sells, one side.
    market : Market
    side : int
    start_ns, end_ns : int [ns]
    arrival_price : float [quote]
    rate : float, optional
        Own over all volume, in (0, 1); by default what we had in the interval.
    inverse : bool

    Returns
    -------
    DataFrame
        ``benchmark``, ``price`` and ``slippage_bps``; null where nothing was filled, nobody traded or no mid stood.

    Raises
    ------
    InputError
        If columns do not fit or are not positive and finite, times do not rise, the interval is empty, or the rate is no share.
    """
    _require(price, qty, market)
    if side not in (1, -1) or end_ns <= start_ns or not 0 < arrival_price < np.inf:
        raise InputError(f"benchmarks need a side, start before end and an arrival price, found {side}, {start_ns}, {end_ns}")
    if rate is not None and not 0 < rate < 1:
        raise InputError(f"rate is {rate}; expected a share of volume between 0 and 1")
    inside = (market.trade_ns >= start_ns) & (market.trade_ns < end_ns)
    values, others = worth(market.trade_price[inside], inverse=inverse), market.trade_qty[inside]
    own, done = worth(price, inverse=inverse), float(qty.sum())
    share = rate if rate is not None else done / (done + float(others.sum())) if done else None
    found = {
        "arrival": float(worth(np.array([arrival_price]), inverse=inverse)[0]),
        "vwap": _mean(values, others),
        "vwap_all": _mean(np.concatenate([values, own]), np.concatenate([others, qty])),
        **_of_mids(market, start_ns, end_ns, inverse),
        "pov": None if share is None else _mean(values, _first(others, done * (1 - share) / share)),
    }
    average = _mean(own, qty)
    rows = [(name, _priced(value, inverse), _slippage(average, value, side)) for name, value in found.items()]
    return pl.DataFrame(rows, schema={"benchmark": pl.String, "price": pl.Float64, "slippage_bps": pl.Float64}, orient="row")


def _first(volume: Float1D, most: float) -> Float1D:
    """As much of the volume as comes before `most` is reached."""
    before = np.concatenate([[0.0], np.cumsum(volume)[:-1]])
    return np.clip(most - before, 0.0, volume)


def _of_mids(market: Market, start_ns: int, end_ns: int, inverse: bool) -> dict[str, float | None]:
    """Mean over time and last value, of mids that stand within the interval; time before the first one is left out."""
    first = max(int(np.searchsorted(market.mid_ns, start_ns, side="right")) - 1, 0)
    last = int(np.searchsorted(market.mid_ns, end_ns, side="left"))
    if first >= last:
        return {"twap": None, "close": None}
    value = worth(market.mid[first:last], inverse=inverse)
    edges = np.append(np.maximum(market.mid_ns[first:last], start_ns), end_ns)
    return {"twap": _mean(value, np.diff(edges).astype(np.float64)), "close": float(value[-1])}


def _mean(value: Float1D, weight: Float1D) -> float | None:
    total = float(weight.sum())
    return float((value * weight).sum()) / total if total > 0 else None


def _priced(value: float | None, inverse: bool) -> float | None:
    return None if value is None else -1 / value if inverse else value


def _slippage(average: float | None, benchmark: float | None, side: int) -> float | None:
    if average is None or benchmark is None:
        return None
    return side * (average - benchmark) / abs(benchmark) / BPS + 0.0


def _require(price: Float1D, qty: Float1D, market: Market) -> None:
    pairs = ((price, qty), (market.trade_price, market.trade_qty), (market.trade_price, market.trade_ns), market[3:])
    if any(len(a) != len(b) for a, b in pairs):
        raise InputError("prices, quantities and times must be of one length: fills, trades and mids each")
    for name, column in {"price": price, "qty": qty, "trade_price": market.trade_price, "mid": market.mid}.items():
        if not (np.isfinite(column) & (column > 0)).all():
            raise InputError(f"{name} holds a value that is not a positive number; leave those rows out")
    if not (np.isfinite(market.trade_qty) & (market.trade_qty >= 0)).all():
        raise InputError("trade_qty holds a negative or missing quantity; leave those rows out")
    if any((np.diff(times) < 0).any() for times in (market.trade_ns, market.mid_ns)):
        raise InputError("times of the market fall; sort it by time")
