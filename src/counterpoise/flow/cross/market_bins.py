"""One market per bin in coins and in its quote currency, so that it can be added to others whatever its contract."""

from __future__ import annotations

from math import inf, isfinite
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Bool1D, Float1D, Int1D, Int2D
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS, format_duration, parse_decimal
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import STATE_NAMES, UTC_NS, where_sound
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.best_quotes import NO_ROW, Source, fresh_market
from counterpoise.flow.kernels import best as b
from counterpoise.flow.kernels import market_bins as k
from counterpoise.flow.kernels.bins import VOLUME
from counterpoise.flow.stream import WRITTEN, Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.kernels.ladder import NO_KEY
from counterpoise.market.quality import BookState

__all__ = ["DEPTH_BANDS_BPS", "FLOWS", "GROUPS", "MarketBins", "market_bins"]

DEPTH_BANDS_BPS: Final = (5.0, 25.0)
FLOWS: Final = ("buy", "sell", "unknown", "cvd", "ofi")
_MAX_BINS: Final = 50_000_000
_TOLD: Final = Bins.every(1)


def market_bins(
    events: Events,
    instrument: Instrument,
    *,
    bins: Bins,
    source: Source = "depth",
    bands_bps: tuple[float, ...] = DEPTH_BANDS_BPS,
    stale_ns: int = 10 * SECOND_NS,
) -> pl.DataFrame:
    """One market of a recording, one row a bin; see `MarketBins`."""
    return MarketBins(instrument, bins=bins, source=source, bands_bps=bands_bps, stale_ns=stale_ns).whole(events)


class MarketBins(Stream):
    """One market, event by event, in coins and in its quote currency.

    A linear quantity is coins already, and worth its price in quote; an inverse contract is quote already, and coins at its
    price. Each trade is converted at its own price, each queue of the order flow at its own level, each level of depth at its
    own, so nothing waits for a rate at the bin's end.

    Parameters
    ----------
    instrument : Instrument
        Not an option: its price is not its coin's (`counterpoise.flow.cross.consolidated.Consolidated` takes deltas).
    bins : Bins, or None
        What ends a bin, in this market's own lots and trades. None when its ends are told (`tell`), as those of bins that
        several markets fill together are.
    source : {"depth", "ticker"}
        Where best quotes and order flow come from. Depth always comes from the book.
    bands_bps : tuple of float
        Distances from the market's own mid over which depth is added, ascending.
    stale_ns : int
        A source silent for longer is STALE.

    Raises
    ------
    InputError
        If bands or stale time are not positive, bands do not ascend, or the bins cannot be counted on the instrument.

    Notes
    -----
    Null in a bin that was not SYNCED throughout; depth also where the book is not. ``cvd`` goes on after a GAP: trades that
    never arrived are missing ever after. Causal. O(rows + bins · levels in the
    widest band).

    References
    ----------
    Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, eq. (3): ``ofi``, each term of which is here worth its own price.
    """

    rows = staticmethod(k.market_rows)

    def __init__(
        self,
        instrument: Instrument,
        *,
        bins: Bins | None,
        source: Source = "depth",
        bands_bps: tuple[float, ...] = DEPTH_BANDS_BPS,
        stale_ns: int = 10 * SECOND_NS,
    ) -> None:
        if any(not (isfinite(x) and 0 < x < 10_000) for x in bands_bps) or list(bands_bps) != sorted(set(bands_bps)):
            raise InputError(f"bands must ascend and lie between 0 and 10,000 bps, found {bands_bps}")
        state, first = fresh_market(k.STATE_SIZE, source=source, stale_ns=stale_ns)
        state[k.BIN : k.WORST], state[k.WORST] = (bins or _TOLD).state(), BookState.GAPPED
        state[k.TOLD] = k.STATE_SIZE
        rule = [float(VOLUME), inf] if bins is None else bins.settings(instrument)
        settings = np.concatenate([first, rule, [float(instrument.inverse)], np.array(bands_bps, np.float64) * 1e-4])
        super().__init__(instrument, state=state, settings=settings, width=k.BANDS + 4 * len(bands_bps), book=True)
        self.bins, self._bands_bps = bins, bands_bps

    def tell(self, ends: Int1D) -> None:
        """Say when bins end, in order and behind all that was taken; a bin ends before what comes at its end."""
        if len(ends):
            left = self._state[self._state[k.TOLD] :]
            self._state = np.concatenate([self._state[: k.STATE_SIZE], left, ends])
            self._state[k.TOLD], self._state[k.BIN_END] = k.STATE_SIZE, self._state[k.STATE_SIZE]

    def due(self, ts_ns: int) -> bool:
        """Whether `until` would give rows."""
        return self.waiting > 0 or bool(self._state[k.BIN_END] <= ts_ns)

    def until(self, ts_ns: int) -> pl.DataFrame:
        """Close the bins that end at or before a time, though no event says so; opens none."""
        if self.due(ts_ns):
            self._pass_time(ts_ns, NO_ROW)
        return self.drain()

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        every_ns = self.bins.every_ns if self.bins else 0
        since = min(int(self._state[k.BIN_END]), first_ns)
        if every_ns and (last_ns - since) // every_ns > _MAX_BINS:
            raise InputError(
                f"events span {format_duration(last_ns - since)}, more than {_MAX_BINS:,} bins of {self.bins}; "
                "choose longer bins, or look at the times with 'counterpoise check'"
            )

    def _close(self) -> None:
        if self._state[k.BIN_END] != k.NOT_OPEN:
            self._pass_time(int(self._state[k.BIN_END]), NO_ROW)
        elif self._state[k.SUMS] or self._state[k.MESSAGES]:
            self._state[WRITTEN] = k.close_market_bin(self._book, self._state, self._settings, self._last_ts + 1, self._out)
            self._keep()

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        price = self.instrument.price_grid
        synced = rows[:, b.QUALITY] == BookState.SYNCED
        bid, ask = synced & (rows[:, b.BID] != NO_KEY), synced & (rows[:, b.ASK] != NO_KEY)
        best = np.where(bid, rows[:, b.BID], 0), np.where(ask, -rows[:, b.ASK], 0)
        columns: dict[str, AnyArray] = {
            "ts": rows[:, b.TS],
            "bid": where_sound(bid, price.values(best[0])),
            "bid_coin": where_sound(bid, self._in_coins(rows[:, b.BID_LOTS], best[0])),
            "ask": where_sound(ask, price.values(best[1])),
            "ask_coin": where_sound(ask, self._in_coins(rows[:, b.ASK_LOTS], best[1])),
            "mid": where_sound(bid & ask, price.values(best[0] + best[1], over=2)),
        }
        for at, name in enumerate(FLOWS):
            columns |= self._both(name, rows, k.TRADES + 1 + at, k.VALUES + at, synced)
        for at, band in enumerate(self._bands_bps):
            for side, word in enumerate(("bid", "ask")):
                lots = k.BANDS + 4 * at + side
                columns |= self._both(f"{word}_depth_{band:g}bps", rows, lots, lots + 2, synced & (rows[:, lots] >= 0))
        columns |= {"trades": rows[:, k.TRADES], "quality": STATE_NAMES[rows[:, b.QUALITY]]}
        return pl.DataFrame(columns, nan_to_null=True, schema_overrides={"quality": pl.String}).with_columns(
            pl.col("ts").cast(UTC_NS),
            pl.when(pl.col("quality") == BookState.SYNCED.name).then(pl.col("trades")),
        )

    def _both(self, name: str, rows: Int2D, lots: int, value: int, sound: Bool1D) -> dict[str, Float1D]:
        """A quantity in coins and in quote: its lots are one of them, its worth the other."""
        of = self.instrument
        size = float(parse_decimal(of.multiplier))
        worth = np.ascontiguousarray(rows[:, value]).view(np.float64)
        if of.inverse:
            coin, quote = worth * (of.qty_grid.size * size / of.price_grid.size), of.qty_grid.values(rows[:, lots]) * size
        else:
            coin, quote = of.flow_grid.values(rows[:, lots]), worth * (of.flow_grid.size * of.price_grid.size)
        return {f"{name}_coin": where_sound(sound, coin), f"{name}_quote": where_sound(sound, quote)}

    def _in_coins(self, lots: Int1D, ticks: Int1D) -> Float1D:
        of = self.instrument
        if not of.inverse:
            return of.flow_grid.values(lots)
        quote = of.qty_grid.values(lots) * float(parse_decimal(of.multiplier))
        return np.where(ticks > 0, quote / of.price_grid.values(np.maximum(ticks, 1)), np.nan)


def _pairs() -> list[Column]:
    """Coins have no mirror either: those of an inverse contract depend on the price that is turned about."""
    says = {
        "buy": "volume whose aggressor bought",
        "sell": "volume whose aggressor sold",
        "unknown": "volume whose aggressor the venue does not name",
        "cvd": "running sum of bought less sold since the first event; trades that never arrived are missing ever after",
        "ofi": "best-level order-flow imbalance",
        "bid_depth_{x}bps": "resting bids within x bps of the own mid",
        "ask_depth_{x}bps": "resting asks within x bps of the own mid",
    }
    out = []
    for name, words in says.items():
        out.append(Column(f"{name}_coin", "base", words, "free", "linear"))
        out.append(Column(f"{name}_quote", "quote", f"{words}, each at its own price", "free", "linear"))
    return out


GROUPS: Final = (
    Group(
        name="market_bins",
        says="one market in coins and in its quote currency, so that markets add up",
        made_by="MarketBins",
        needs=("depth", "trades"),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("bid", "quote", "best bid at the end", "price"),
            Column("bid_coin", "base", "quantity at it", "free", "linear"),
            Column("ask", "quote", "best ask at the end", "price"),
            Column("ask_coin", "base", "quantity at it", "free", "linear"),
            Column("mid", "quote", "(bid + ask) / 2", "price"),
            *_pairs(),
            Column("trades", "count", "trades of any side"),
            Column("quality", "1", "worst state within the bin"),
        ),
        source="Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, for OFI; contract terms of the venues",
    ),
)
