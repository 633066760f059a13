"""One token over its venues and markets: best prices, depth, trades and order flow in coins and in one currency, bin by bin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from functools import cached_property
from typing import Any, Final, Self, TypeVar

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import SECOND_NS, format_time
from counterpoise.flow.bins import Bins
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.best_quotes import Source
from counterpoise.flow.cross.by_node import ON_MISSING, OnMissing, Weight
from counterpoise.flow.cross.market_bins import DEPTH_BANDS_BPS, FLOWS, MarketBins
from counterpoise.flow.cross.market_sum import Part, by_delta, market_frame, mean_mid, part_of, total_frame
from counterpoise.flow.cross.rates import Rates, RateTable, value_before
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["GROUPS", "TOTAL", "Consolidated", "MarketEvents", "by_market", "consolidate", "restored"]

MarketEvents = Mapping[str, Events] | Iterable[tuple[Instrument, Events]]
Market = TypeVar("Market", bound=Stream)
TOTAL: Final = "total"
_BEFORE_ALL: Final = np.iinfo(np.int64).min


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
        Bins of time: what several markets traded does not fill one bin.
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
        If coins differ, bins are not of time, rates are missing, or an option has no delta.

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
        if not bins.every_ns:
            raise InputError(f"markets are added over bins of time, found {bins}; write them like 1s")
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
        settings: Any = {"every_ns": bins.every_ns, "source": source, "bands_bps": bands_bps, "stale_ns": stale_ns}
        self._markets = {name: MarketBins(instrument, **settings) for name, instrument in self.instruments.items()}
        self._running = dict.fromkeys(sorted(self._options), (0.0, 0.0))
        self._horizon = _BEFORE_ALL

    def take(self, events: MarketEvents) -> pl.DataFrame:
        """Take the events of all markets up to a moment; returns the bins that are over by then.

        Raises
        ------
        DataError
            If an event lies before what was taken, in its market or another.
        UnknownName
            If there is no such market; else as `counterpoise.flow.stream.Stream.step`.
        """
        given = by_market(events, self.instruments)
        starts = [int(part.ts_local[0]) for parts in given.values() for part in parts if part.rows]
        ends = [int(part.ts_local[-1]) for parts in given.values() for part in parts if part.rows]
        if starts and min(starts) < self._horizon:
            raise DataError(
                f"events begin at {format_time(min(starts))}, but of all markets those up to {format_time(self._horizon)} were "
                "taken; give every market up to a moment at once"
            )
        for name, parts in given.items():
            for part in parts:
                self._markets[name].push(part)
        return self.until(max(ends)) if ends else self._nothing

    def until(self, ts_ns: int) -> pl.DataFrame:
        """Close the bins that end at or before a time, though no event says so."""
        self._horizon = max(self._horizon, ts_ns)
        if not any(market.due(self._horizon) for market in self._markets.values()):
            return self._nothing  # frames cost milliseconds, and most messages end no bin
        return self._added({name: market.until(self._horizon) for name, market in self._markets.items()})

    def finish(self) -> pl.DataFrame:
        """Close the bin that is open; empty when no event ever came."""
        return self._added({name: market.finish() for name, market in self._markets.items()})

    def save(self) -> bytes:
        """All that it remembers, to go on from later."""
        memory = {name: market.save() for name, market in self._markets.items()}
        return msgspec.msgpack.encode([self._made_by(), memory, self._running, self._horizon])

    def restore(self, memory: bytes) -> Self:
        """Go on from what `save` gave; it goes on bit-identically.

        Raises
        ------
        InputError
            If the bytes are no memory, or one of other markets or settings; then nothing has changed.
        """
        try:
            made_by, held, sums, horizon = msgspec.msgpack.decode(memory)
            if made_by != self._made_by():
                raise InputError(f"this is the memory of {made_by}; it cannot go on in {self._made_by()}; make that one first")
            markets = restored(self._markets, held)
            running = {name: (float(sums[name][0]), float(sums[name][1])) for name in self._running}
            horizon = int(horizon)
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"these bytes are no memory of these markets ({error!r}); give what save() gave") from error
        self._markets, self._running, self._horizon = markets, running, horizon
        return self

    def _made_by(self) -> str:
        deltas = ", ".join(
            f"{name} {'by time' if isinstance(given, pl.DataFrame) else float(given)}"
            for name, given in sorted(self._deltas.items())
        )
        how = "leave_out" if self._leave_out else "null"
        return f"Consolidated of {', '.join(self.instruments)}, {how}, {self._rates.words()}; deltas {deltas or 'none'}"

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
            parts[name], self._running[name] = by_delta(parts[name], self._delta(name, ts), price, self._running[name])
        rows = [market_frame(name, ts, part) for name, part in parts.items()]
        return pl.concat([*rows, self._total(ts, parts)]).sort("ts", maintain_order=True)

    def _total(self, ts: Int1D, parts: Mapping[str, Part]) -> pl.DataFrame:
        return total_frame(TOTAL, ts, parts, self._names, leave_out=self._leave_out, no_depth=self._options)

    def _delta(self, name: str, ts: Int1D) -> Float1D:
        given = self._deltas[name]
        return value_before(given, ts) if isinstance(given, pl.DataFrame) else np.full(len(ts), float(given))


def by_market(events: MarketEvents, known: Mapping[str, Instrument]) -> dict[str, list[Events]]:
    """Events of each market, whether they come by id or in the pairs of a `Feed`.

    Raises
    ------
    UnknownName
        If there is no such market.
    """
    pairs = events.items() if isinstance(events, Mapping) else ((instrument.id, part) for instrument, part in events)
    out: dict[str, list[Events]] = {}
    for name, part in pairs:
        if name not in known:
            raise UnknownName("market", name, known)
        out.setdefault(name, []).append(part)
    return out


def restored(markets: Mapping[str, Market], memories: Mapping[str, bytes]) -> dict[str, Market]:
    """Twins of some streams with the memories of their names; the streams stay as they are. Raises as `Stream.restore`."""
    if set(markets) != set(memories):
        raise ValueError(f"memories of {', '.join(memories)}")
    return {name: copy(market).restore(memories[name]) for name, market in markets.items()}


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
