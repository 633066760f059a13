"""Toxicity of the flow: the mean imbalance of the last buckets of equal volume (VPIN)."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import MINUTE_NS, SECOND_NS, parse_decimal
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import toxicity as k
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Classify", "Toxicity", "toxicity"]

Classify = Literal["flag", "bulk"]
_CLASSIFY: Final = {"flag": 0.0, "bulk": 1.0}
_LARGEST: Final = 1 << 53  # parts of a bucket are summed as doubles

GROUPS: Final = (
    Group(
        "toxicity",
        "imbalance of buckets of equal volume (VPIN); a measure, not an alarm",
        "Toxicity",
        ("trades",),
        (
            Column("ts_local", "ns", "when it was full: of the trade that filled it; bulk, of the event that ended its bar"),
            Column("buckets", "count", "buckets of this row; more than one where one trade filled several alone"),
            Column("bucket_qty", "base", "size V of the bucket", "even", "linear"),
            Column("buy_qty", "base", "B: bought by aggressors", "swaps", "linear"),
            Column("sell_qty", "base", "S: sold by aggressors", "swaps", "linear"),
            Column("unknown_qty", "base", "of trades whose aggressor is unknown; in V, in neither B nor S", "even", "linear"),
            Column("close", "quote", "price of the trade that filled it", "price"),
            Column("duration_ns", "ns", "from the bucket's first trade until it was full"),
            Column("vpin", "1", "mean of |B - S| / V over the last buckets; null before there are so many"),
            Column("unknown_share", "1", "share of unknown volume in those buckets: how far vpin may be off, either way"),
        ),
        "Easley, Lopez de Prado, O'Hara (2012), Review of Financial Studies 25",
    ),
)


class Toxicity(Stream):
    """VPIN, trade by trade.

        VPIN = (1/n) Σ |B − S| / V        over the last n buckets of volume V

    Parameters
    ----------
    instrument : Instrument
    bucket_qty : str, int, float or Decimal, optional
        V [base coins; contracts of an inverse instrument], rounded up to a lot. Without it V follows the market: a share of
        what the last period traded.
    buckets : int
        n, in the mean.
    buckets_a_period : int
        Without `bucket_qty`: V = volume of the last period in which anything traded, over this many. Nothing comes out before
        the first period has passed; periods are counted from the first trade.
    period_ns : int
        Length of a period. The paper has a day, with 50 buckets.
    classify : {"flag", "bulk"}
        Who was the aggressor: the venue says so; or V·Φ(ΔP/σ) of every time bar is said to be bought, where no venue does.
        One rule holds for all trades; it never changes by itself.
    bar_ns : int
        Length of the bars of bulk classification; σ is that of the last n changes of price from bar to bar.

    Raises
    ------
    InputError
        If a number is not positive, or a bucket is too large to count.
    UnknownName
        If there is no such rule.

    Notes
    -----
    A trade is split over the buckets it fills, exactly. Where one trade fills several whole buckets, one row stands for all of
    them and says how many (`buckets`); vpin is that after the last. A bucket that never fills is not written. Trades of unknown
    aggressor count in V and in neither B nor S; where all of a window is unknown, vpin is null. Bulk classification needs two
    changes of price: the volume of the first two bars, at the start and after a GAP, is in no bucket. A GAP voids the open
    bucket and the window; what it swallowed is missing in its period's volume too, so the next buckets may be smaller.

    Causal: a row depends on events up to its ``ts_local``: the trade that filled it; bulk, what ended that trade's bar. O(n) a
    bucket.

    References
    ----------
    Easley, Lopez de Prado, O'Hara (2012), Review of Financial Studies 25, doi:10.1093/rfs/hhs053: the measure, and bulk
    classification. Andersen, Bondarenko (2014), doi:10.1016/j.finmar.2013.05.005: what is left of it after controls.
    """

    rows = staticmethod(k.toxicity_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        bucket_qty: str | int | float | Decimal | None = None,
        buckets: int = 50,
        buckets_a_period: int = 50,
        period_ns: int = MINUTE_NS,
        classify: Classify = "flag",
        bar_ns: int = SECOND_NS,
    ) -> None:
        if classify not in _CLASSIFY:
            raise UnknownName("rule of classification", classify, _CLASSIFY)
        if min(buckets, buckets_a_period, period_ns, bar_ns) <= 0:
            found = f"{buckets} and {buckets_a_period} buckets, {period_ns} and {bar_ns} ns"
            raise InputError(f"buckets and times must be positive, found {found}")
        fixed = bucket_qty is not None
        state = np.zeros(k.RINGS + 3 * buckets, np.int64)
        state[k.TARGET] = _lots(instrument, bucket_qty) if bucket_qty is not None else 0
        parts = 1 if fixed else buckets_a_period
        settings = [buckets, parts, 0 if fixed else period_ns, _CLASSIFY[classify], bar_ns, state[k.TARGET]]
        super().__init__(instrument, state=state, settings=np.array(settings, np.float64), width=k.WIDTH)
        self._parts = parts

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        real = np.ascontiguousarray(rows[:, [k.BUY, k.SELL, k.UNKNOWN, k.VPIN, k.UNKNOWN_SHARE]]).view(np.float64)
        step = Fraction(self.instrument.flow_grid.step) / self._parts
        size, buy, sell, unknown = (
            parts * step.numerator / step.denominator for parts in (rows[:, k.SIZE], real[:, 0], real[:, 1], real[:, 2])
        )
        return pl.DataFrame(
            {
                "ts_local": rows[:, k.TS],
                "buckets": rows[:, k.TIMES],
                "bucket_qty": size,
                "buy_qty": buy,
                "sell_qty": sell,
                "unknown_qty": unknown,
                "close": self.instrument.price_grid.values(rows[:, k.PRICE]),
                "duration_ns": rows[:, k.TS] - rows[:, k.OPENED],
                "vpin": real[:, 3],
                "unknown_share": real[:, 4],
            },
            nan_to_null=True,
        ).with_columns(pl.col("ts_local").cast(UTC_NS))


def toxicity(
    events: Events,
    instrument: Instrument,
    *,
    bucket_qty: str | int | float | Decimal | None = None,
    buckets: int = 50,
    buckets_a_period: int = 50,
    period_ns: int = MINUTE_NS,
    classify: Classify = "flag",
    bar_ns: int = SECOND_NS,
) -> pl.DataFrame:
    """VPIN of a recording, one row a bucket; see `Toxicity`.

    Examples
    --------
    >>> from counterpoise.market.symbol import parse_instrument
    >>> toxicity(Events.empty(), parse_instrument("binance_usdm:BTCUSDT"), bucket_qty=10).height
    0
    """
    return Toxicity(
        instrument,
        bucket_qty=bucket_qty,
        buckets=buckets,
        buckets_a_period=buckets_a_period,
        period_ns=period_ns,
        classify=classify,
        bar_ns=bar_ns,
    ).whole(events)


def _lots(instrument: Instrument, bucket_qty: str | int | float | Decimal) -> int:
    lots = ceil(Fraction(parse_decimal(bucket_qty, what="bucket_qty")) / Fraction(instrument.flow_grid.step))
    if not 0 < lots < _LARGEST:
        raise InputError(f"bucket_qty {bucket_qty} is {lots} lots of {instrument.id}; choose between 1 and 2^53")
    return lots
