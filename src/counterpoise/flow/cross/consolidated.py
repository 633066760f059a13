"""One token over its venues and markets: best prices, depth, trades and order flow in coins and in one currency, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Final, Self

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.best_quotes import Source
from counterpoise.flow.cross.by_node import ON_MISSING, OnMissing, Weight
from counterpoise.flow.cross.market_bins import DEPTH_BANDS_BPS, FLOWS, MarketBins
from counterpoise.flow.cross.market_clock import MarketClock, delta_at
from counterpoise.flow.cross.market_sum import Part, by_delta, market_frame, mean_mid, part_of, total_frame
from counterpoise.flow.cross.markets import MarketEvents, Markets, Moment
from counterpoise.flow.cross.rates import Rates, RateTable
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["GROUPS", "TOTAL", "Consolidated", "consolidate"]

TOTAL: Final = "total"


def consolidate(
    events: MarketEvents,
    instruments: Sequence[Instrument],
    *,
    bins: Bins,
    rates: RateTable = None,
    currency: str = "USD",
    deltas: Mapping[str, Weight] | None = None,
    on_missing: OnMissing = "null",
    source: Source = "depth",
    bands_bps: tuple[float, ...] = DEPTH_BANDS_BPS,
    stale_ns: int = 10 * SECOND_NS,
) -> pl.DataFrame:
    """All markets of a recording in one; see `Consolidated`."""
    whole = Consolidated(
        instruments,
        bins=bins,
        rates=rates,
        currency=currency,
        deltas=deltas,
        on_missing=on_missing,
        source=source,
        bands_bps=bands_bps,
        stale_ns=stale_ns,
    )
    return pl.concat([whole.take(events), whole.finish()])


class Consolidated:
    """Several markets of one token, event by event.

    Parameters
    ----------
    instruments : sequence of Instrument
        Of one base coin; spot, linear, inverse, dated futures and options may stand together.
    bins : Bins
        Bins of time, or bins that all markets fill together, as `counterpoise.flow.cross.market_clock.MarketClock` counts them.
    rates, currency
        As `counterpoise.flow.cross.rates.Rates`; columns ``*_usd`` and prices are in `currency`.
    deltas : mapping of instrument id to float or frame
        Of every option: coins its contract moves with, as a number or as a frame of ``ts`` and ``value``. A sold put is a
        bought coin. Options have flow only: their premium is no price of the coin.
    on_missing : {"null", "leave_out"}
        A market that is not SYNCED makes the total null, or is left out; ``used`` and ``missing`` say which.
    source, bands_bps, stale_ns
        As `counterpoise.flow.cross.market_bins.MarketBins`.

    Raises
    ------
    InputError
        If coins differ, bins cannot be counted over the markets, rates are missing, or an option has no delta.

    Notes
    -----
    A frame has, per bin, one row for each market and one for the ``total``: see `GROUPS`. Give all events of all markets up to
    a moment in one `take`; what comes later must not lie before it. Best prices of a total may cross: markets differ by basis
    and latency, and a mixed best bid and offer is no book (domain figure: OFI of one explained 8 % where a book's explains 65).
    Its OFI is therefore the sum of the markets' own. Sums are compensated (`exact_sum`). Causal. O(rows + bins · markets).
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        bins: Bins,
        rates: RateTable = None,
        currency: str = "USD",
        deltas: Mapping[str, Weight] | None = None,
        on_missing: OnMissing = "null",
        source: Source = "depth",
        bands_bps: tuple[float, ...] = DEPTH_BANDS_BPS,
        stale_ns: int = 10 * SECOND_NS,
    ) -> None:
        self.instruments = {instrument.id: instrument for instrument in instruments}
        _require_one_token(instruments)
        if on_missing not in ON_MISSING:
            raise UnknownName("rule for what is missing", on_missing, ON_MISSING)
        self._options = {i.id for i in instruments if i.kind is InstrumentKind.OPTION}
        self._deltas = dict(deltas or {})
        without = sorted(self._options - set(self._deltas))
        if without:
            raise InputError(f"options without a delta: {', '.join(without)}; give deltas={{id: number or frame}}")
        self._rates = Rates([i for i in instruments if i.id not in self._options], table=rates, currency=currency)
        self._leave_out = on_missing == "leave_out"
        self._names = [*FLOWS, *(f"{side}_depth_{band:g}bps" for band in bands_bps for side in ("bid", "ask"))]
        self._bins = bins
        clock = None if bins.every_ns else MarketClock(instruments, bins=bins, rates=self._rates, deltas=self._deltas)
        settings: Any = {"source": source, "bands_bps": bands_bps, "stale_ns": stale_ns, "bins": None if clock else bins}
        self._markets = Markets({name: MarketBins(of, **settings) for name, of in self.instruments.items()}, clock=clock)
        self._running = dict.fromkeys(sorted(self._options), (0.0, 0.0))

    def take(self, events: MarketEvents) -> pl.DataFrame:
        """Take the events of all markets up to a moment; returns the bins that are over by then.

        Raises
        ------
        DataError
            If an event lies before what was taken, in its market or another, or a trade cannot be counted into its bin.
        UnknownName
            If there is no such market; else as `counterpoise.flow.stream.Stream.step`.
        """
        moment = self._markets.push(events)
        return self._nothing if moment is None else self._over(moment)

    def until(self, ts_ns: int) -> pl.DataFrame:
        """Close the bins that end at or before a time, though no event says so."""
        return self._over(self._markets.until(ts_ns))

    def _over(self, moment: Moment) -> pl.DataFrame:
        if not any(market.due(moment.ts_ns) for _, market in self._markets):
            return self._nothing  # frames cost milliseconds, and most messages end no bin
        return self._added({name: market.until(moment.ts_ns) for name, market in self._markets})

    def finish(self) -> pl.DataFrame:
        """Close the bin that is open; empty when no event ever came."""
        last = self._over(self._markets.finish())
        return pl.concat([last, self._added({name: market.finish() for name, market in self._markets})])

    def save(self) -> bytes:
        """All that it remembers, to go on from later."""
        return msgspec.msgpack.encode([self._made_by(), self._markets.save(), self._running])

    def restore(self, memory: bytes) -> Self:
        """Go on from what `save` gave; it goes on bit-identically.

        Raises
        ------
        InputError
            If the bytes are no memory, or one of other markets or settings; then nothing has changed.
        """
        try:
            made_by, held, sums = msgspec.msgpack.decode(memory)
            if made_by != self._made_by():
                raise InputError(f"this is the memory of {made_by}; it cannot go on in {self._made_by()}; make that one first")
            markets = self._markets.restored(held)
            running = {name: (float(sums[name][0]), float(sums[name][1])) for name in self._running}
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"these bytes are no memory of these markets ({error!r}); give what save() gave") from error
        self._markets, self._running = markets, running
        return self

    def _made_by(self) -> str:
        deltas = ", ".join(
            f"{name} {'by time' if isinstance(given, pl.DataFrame) else float(given)}"
            for name, given in sorted(self._deltas.items())
        )
        how = "leave_out" if self._leave_out else "null"
        words = f"Consolidated of {', '.join(self.instruments)}, bins of {self._bins}, {how}, {self._rates.words()}"
        return f"{words}; deltas {deltas or 'none'}"

    @cached_property
    def _nothing(self) -> pl.DataFrame:
        return self._added({})

    def _added(self, frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
        """Rows of each market and of their total."""
        ends = [frame["ts"].dt.epoch("ns").to_numpy() for frame in frames.values() if frame.height]
        ts = np.unique(np.concatenate(ends)).astype(np.int64) if ends else np.zeros(0, np.int64)
        parts: dict[str, Part] = {}
        for name, of in self.instruments.items():
            rate = np.ones(len(ts)) if name in self._options else self._rates.at(of.quote, ts)
            parts[name] = part_of(frames.get(name), ts, rate, names=self._names)
        price = mean_mid([part for name, part in parts.items() if name not in self._options], len(ts))
        for name in self._options:
            delta = delta_at(self._deltas[name], ts)
            parts[name], self._running[name] = by_delta(parts[name], delta, price, self._running[name])
        rows = [market_frame(name, ts, part) for name, part in parts.items()]
        return pl.concat([*rows, self._total(ts, parts)]).sort("ts", maintain_order=True)

    def _total(self, ts: Int1D, parts: Mapping[str, Part]) -> pl.DataFrame:
        return total_frame(TOTAL, ts, parts, self._names, leave_out=self._leave_out, no_depth=self._options)


def _require_one_token(instruments: Sequence[Instrument]) -> None:
    ids = [instrument.id for instrument in instruments]
    coins = sorted({instrument.base for instrument in instruments})
    if len(coins) != 1:
        raise InputError(f"markets of one coin are added, found {', '.join(coins) or 'none'}; add coins up a tree (by_node)")
    if len(set(ids)) < len(ids):
        raise InputError(f"a market stands twice in {', '.join(ids)}; give each once")


def _columns() -> list[Column]:
    """Coins have no mirror: those of an inverse contract depend on the price that is turned about."""
    says = {
        "buy": "volume whose aggressor bought",
        "sell": "volume whose aggressor sold",
        "unknown": "volume whose aggressor the venue does not name",
        "cvd": "running sum of bought less sold since the first event; trades that never arrived are missing ever after",
        "ofi": "best-level order-flow imbalance, each market's own",
        "bid_depth_{x}bps": "bids within x bps of each market's own mid",
        "ask_depth_{x}bps": "asks within x bps of each market's own mid",
    }
    out = []
    for name, words in says.items():
        out.append(Column(f"{name}_coin", "base", words, "free", "linear"))
        out.append(Column(f"{name}_usd", "usd", f"{words}, each at its own price", "free", "linear"))
    return out


GROUPS: Final = (
    Group(
        name="consolidated",
        says="one token over its venues and markets, contract by contract",
        made_by="consolidate",
        needs=("depth", "trades"),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("market", "1", "an instrument, or total"),
            Column("bid", "usd", "best bid", "free"),
            Column(
                "bid_coin", "base", "quantity at it in the market that has it, the first listed of equals", "free", "linear"
            ),
            Column("ask", "usd", "best ask", "free"),
            Column(
                "ask_coin", "base", "quantity at it in the market that has it, the first listed of equals", "free", "linear"
            ),
            Column("mid", "usd", "(bid + ask) / 2", "free"),
            Column("spread_bps", "bps", "(ask - bid) / mid; negative where markets cross", "free"),
            Column("bid_market", "1", "who has the best bid", "free"),
            Column("ask_market", "1", "who has the best ask", "free"),
            *_columns(),
            Column("trades", "count", "trades of any side"),
            Column("used", "count", "markets that were sound"),
            Column("missing", "1", "markets that were not"),
            Column("quality", "1", "worst state of the markets that were used"),
        ),
        source="Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, for OFI; contract terms of the venues",
    ),
)
