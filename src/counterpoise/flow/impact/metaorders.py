"""Proxy metaorders: runs of orders on one side, from trades alone."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import metaorders as k
from counterpoise.flow.stream import WRITTEN, Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Metaorders", "metaorders"]

GROUPS: Final = (
    Group(
        "metaorders",
        "runs of orders on one side: a biased stand-in for orders worked in pieces",
        "Metaorders",
        ("trades",),
        (
            Column("ts_local", "ns", "when it was known to be over"),
            Column("start", "ns", "of its first trade"),
            Column("end", "ns", "of its last trade"),
            Column("side", "1", "+1 bought, -1 sold", "odd"),
            Column("orders", "count", "aggressors: trades of one side and one venue time are one"),
            Column("trades", "count", "trades"),
            Column("qty", "base", "traded", "even", "linear"),
            Column("unknown_qty", "base", "of trades between them whose aggressor is unknown", "even", "linear"),
            Column("notional", "quote", "value of its trades", "free", "linear"),
            Column("open", "quote", "price of its first trade", "price"),
            Column("close", "quote", "price of its last trade", "price"),
            Column("price_change", "quote", "close - open", "odd"),
            Column("impact_bps", "bps", "the same against open; not times the side", "free"),
        ),
        "Lillo, Mike, Farmer (2005), arXiv cond-mat/0412708: runs of signs come from orders worked in pieces",
    ),
)


class Metaorders(Stream):
    """Runs of orders on one side, ended by one on the other side or by silence.

    Parameters
    ----------
    instrument : Instrument
    least_orders : int
        Shorter runs are not written.
    silence_ns : int
        A longer time without a trade of the run ends it.

    Raises
    ------
    InputError
        If a number is not positive.

    Notes
    -----
    **A proxy, and a biased one.** The tape does not say whose an order is. Several people who buy at once make one run; one who
    is interrupted by a single sale makes two. Runs are therefore short, end where the price has moved, and hold all of the
    volume of their time. An exponent fitted to them is not that of the square-root law of real orders. Price changes are from
    the first trade to the last, both on the same side of the spread.

    Trades of unknown aggressor neither end nor join a run; they are counted beside it. A GAP voids the open run.

    Causal: a row depends on events up to ``ts_local``. O(1) a row.

    References
    ----------
    Lillo, Mike, Farmer (2005), arXiv cond-mat/0412708: runs of signs come from orders worked in pieces. Maitrier, Loeper,
    Bouchaud (2025), arXiv 2503.18199: trades dealt out at random to made-up traders are a better proxy; it is not built.
    """

    rows = staticmethod(k.metaorder_rows)

    def __init__(self, instrument: Instrument, *, least_orders: int = 2, silence_ns: int = 10 * SECOND_NS) -> None:
        if least_orders < 1 or silence_ns < 1:
            raise InputError(f"orders and silence must be positive, found {least_orders} orders and {silence_ns} ns")
        settings = np.array([least_orders, silence_ns, instrument.inverse], np.float64)
        super().__init__(instrument, state=np.zeros(k.STATE_SIZE, np.int64), settings=settings, width=k.WIDTH)

    def _close(self) -> None:
        self._state[WRITTEN] = 0
        k.write_run(self._state, self._settings, self._last_ts, self._out)
        self._keep()

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        of = self.instrument
        price, qty = of.price_grid, of.flow_grid
        change = rows[:, k.CLOSE] - rows[:, k.OPEN]
        sound = rows[:, k.OPEN] > 0
        impact = np.divide(change, rows[:, k.OPEN] * BPS, out=np.full(len(rows), np.nan), where=sound)
        return pl.DataFrame(
            {
                "ts_local": rows[:, k.TS],
                "start": rows[:, k.START],
                "end": rows[:, k.END],
                "side": rows[:, k.SIDE],
                "orders": rows[:, k.ORDERS],
                "trades": rows[:, k.TRADES],
                "qty": qty.values(rows[:, k.LOTS]),
                "unknown_qty": qty.values(rows[:, k.UNKNOWN]),
                "notional": np.ascontiguousarray(rows[:, k.NOTIONAL]).view(np.float64) * float(of.notional(1, 1)),
                "open": price.values(rows[:, k.OPEN]),
                "close": price.values(rows[:, k.CLOSE]),
                "price_change": price.values(change),
                "impact_bps": impact,
            },
            nan_to_null=True,
        ).with_columns(pl.col("ts_local", "start", "end").cast(UTC_NS))


def metaorders(
    events: Events, instrument: Instrument, *, least_orders: int = 2, silence_ns: int = 10 * SECOND_NS
) -> pl.DataFrame:
    """Runs of a recording, one row each; see `Metaorders`, and what a proxy they are.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> metaorders(Events.empty(), parse_instrument("binance_usdm:BTCUSDT")).height
    0
    """
    return Metaorders(instrument, least_orders=least_orders, silence_ns=silence_ns).whole(events)
