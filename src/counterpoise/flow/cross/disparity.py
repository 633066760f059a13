"""How far the prices of two markets are apart: between mids, and between what one can be bought and the other sold for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final, NamedTuple, Self

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D, Int2D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import BPS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.best_quotes import BestQuotes, Source
from counterpoise.flow.cross.by_node import ON_MISSING, OnMissing
from counterpoise.flow.cross.market_clock import MarketClock
from counterpoise.flow.cross.markets import MarketEvents, Markets, Moment
from counterpoise.flow.cross.rates import Rates, RateTable
from counterpoise.flow.kernels import disparity as k
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["GROUPS", "Apart", "Disparity", "disparity"]

_OUT_ROWS: Final = 1024
_REASONS: Final = np.array(["ended", "unsound", "open"])


class Apart(NamedTuple):
    """What `Disparity` gives.

    Attributes
    ----------
    bins : pl.DataFrame
        One row a bin and pair.
    episodes : pl.DataFrame
        One row each time that buying in one market and selling in the other paid after fees.
    """

    bins: pl.DataFrame
    episodes: pl.DataFrame


def disparity(
    events: MarketEvents,
    instruments: Sequence[Instrument],
    *,
    bins: Bins,
    fees_bps: Mapping[str, float],
    rates: RateTable = None,
    currency: str = "USD",
    on_missing: OnMissing = "null",
    source: Source = "depth",
    stale_ns: int = 10 * SECOND_NS,
) -> Apart:
    """Disparity of every pair of markets of a recording; see `Disparity`."""
    settings: Any = {"rates": rates, "currency": currency, "on_missing": on_missing, "source": source, "stale_ns": stale_ns}
    stream = Disparity(instruments, bins=bins, fees_bps=fees_bps, **settings)
    first, last = stream.take(events), stream.finish()
    return Apart(pl.concat([first.bins, last.bins]), pl.concat([first.episodes, last.episodes]))


class Disparity:
    """Prices of each pair of markets of one coin against each other, event by event.

        mid_bps = 10⁴ ln(mid_a / mid_b),    edge(buy a, sell b) = 10⁴ (bid_b (1 − f_b) / (ask_a (1 + f_a)) − 1)

    Parameters
    ----------
    instruments : sequence of Instrument
        Two or more of one base coin, no options.
    bins : Bins
        Bins of time, or bins that all markets fill together, as `counterpoise.flow.cross.market_clock.MarketClock` counts them.
    fees_bps : mapping of instrument id to float
        Taker fee of each market.
    rates, currency
        As `counterpoise.flow.cross.rates.Rates`; a rate is taken anew at each change of a quote.
    on_missing : {"null", "leave_out"}
        Whether a bin in which a market was not sound throughout is null, or covers the sound part of it.
    source, stale_ns
        As `counterpoise.flow.cross.best_quotes.BestQuotes`.

    Raises
    ------
    InputError
        If there are fewer than two markets, of several coins, an option among them, or a fee or rate is missing.

    Notes
    -----
    Means are weighted by time, shares are of sound time. An edge is what quotes say, at best size and without the way between
    the markets: an upper bound of what anyone got. An episode is written when time has moved past its end. Causal. O(rows).
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        *,
        bins: Bins,
        fees_bps: Mapping[str, float],
        rates: RateTable = None,
        currency: str = "USD",
        on_missing: OnMissing = "null",
        source: Source = "depth",
        stale_ns: int = 10 * SECOND_NS,
    ) -> None:
        self.instruments = {instrument.id: instrument for instrument in instruments}
        _require_pairs(instruments, fees_bps)
        if on_missing not in ON_MISSING:
            raise UnknownName("rule for what is missing", on_missing, ON_MISSING)
        self._leave_out = on_missing == "leave_out"
        self._bins, self._every_ns = bins, bins.every_ns
        self._fees = {name: float(fees_bps[name]) for name in self.instruments}
        self._rates = Rates(instruments, table=rates, currency=currency)
        clock = None if bins.every_ns else MarketClock(instruments, bins=bins, rates=self._rates)
        streams = {name: BestQuotes(of, source=source, stale_ns=stale_ns) for name, of in self.instruments.items()}
        self._markets = Markets(streams, clock=clock)
        self._pairs = list(combinations(self.instruments, 2))
        self._settings = {pair: _settings(bins.every_ns, *(fees_bps[name] * BPS for name in pair)) for pair in self._pairs}
        self._states = {pair: _fresh_state() for pair in self._pairs}
        self._out = np.zeros((_OUT_ROWS, k.WIDTH), np.int64)

    def take(self, events: MarketEvents) -> Apart:
        """Take the events of all markets up to a moment. Raises as `counterpoise.flow.cross.consolidated.Consolidated.take`."""
        moment = self._markets.push(events)
        return self._nothing if moment is None else self._over(moment)

    def until(self, ts_ns: int) -> Apart:
        """Let time pass though no event says so."""
        return self._over(self._markets.until(ts_ns))

    def _over(self, moment: Moment) -> Apart:
        quotes = {name: self._quotes(name, market.until(moment.ts_ns)) for name, market in self._markets}
        return self._apart({pair: self._run(pair, moment, *(quotes[name] for name in pair)) for pair in self._pairs}, moment)

    def finish(self) -> Apart:
        """Close the bin that is open; what is going on then is an episode still open."""
        if not self._markets.begun:
            return self._nothing
        moment = self._markets.finish()
        ends = [int(state[k.BIN_END]) for state in self._states.values() if self._every_ns and state[k.BIN_END] != k.NOT_OPEN]
        last = self._over(self._markets.until(max(ends)) if ends else moment)
        rows = {}
        for pair, state in self._states.items():
            written = int(k.end_episodes(state, self._out)) if state[k.BIN_END] != k.NOT_OPEN else 0
            rows[pair] = self._out[:written].copy()
        return Apart(last.bins, pl.concat([last.episodes, self._apart(rows, moment).episodes]))

    @property
    def _nothing(self) -> Apart:
        nothing = Moment(0, 0, np.zeros(0, np.int64))
        return self._apart({pair: np.zeros((0, k.WIDTH), np.int64) for pair in self._pairs}, nothing)

    def save(self) -> bytes:
        """All that it remembers, to go on from later."""
        states = [state.tolist() for state in self._states.values()]
        return msgspec.msgpack.encode([self._made_by(), self._markets.save(), states])

    def restore(self, memory: bytes) -> Self:
        """Go on from what `save` gave; it goes on bit-identically.

        Raises
        ------
        InputError
            If the bytes are no memory, or one of other markets, fees, rates or bins; then nothing has changed.
        """
        try:
            made_by, held, rows = msgspec.msgpack.decode(memory)
            if made_by != self._made_by():
                raise InputError(f"this is the memory of {made_by}; it cannot go on in {self._made_by()}; make that one first")
            markets = self._markets.restored(held)
            states = {pair: np.array(row, np.int64) for pair, row in zip(self._pairs, rows, strict=True)}
            if any(state.shape != (k.STATE_SIZE,) for state in states.values()):
                raise ValueError(f"states of {[state.shape for state in states.values()]}")
        except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"these bytes are no memory of these markets ({error!r}); give what save() gave") from error
        self._markets, self._states = markets, states
        return self

    def _made_by(self) -> str:
        fees = ", ".join(f"{name} {self._fees[name]:g}" for name in self.instruments)
        how = "leave_out" if self._leave_out else "null"
        return f"Disparity over bins of {self._bins}, {how}, {self._rates.words()}; fees {fees}"

    def _quotes(self, name: str, table: pl.DataFrame) -> tuple[Int1D, Float1D, Float1D]:
        """Times, bids and asks of one market's changes in the common currency; NaN where there is none."""
        ts = table["ts_local"].dt.epoch("ns").to_numpy()
        rate = self._rates.at(self.instruments[name].quote, ts)
        bid, ask = (table[side].fill_null(float("nan")).to_numpy() * rate for side in ("bid", "ask"))
        whole = (bid > 0) & (ask > 0)
        return ts, np.where(whole, bid, np.nan), np.where(whole, ask, np.nan)

    def _run(self, pair: tuple[str, str], moment: Moment, *quotes: tuple[Int1D, Float1D, Float1D]) -> Int2D:
        """Rows of one pair: ends of bins before what comes at them, the changes of both in order of time, then the clock."""
        ts = np.concatenate([moment.ends, *(part[0] for part in quotes), [moment.ts_ns]])
        markets = (np.full(len(part[0]), i) for i, part in enumerate(quotes))
        market = np.concatenate([np.full(len(moment.ends), k.ENDS), *markets, [k.CLOCK]])
        nothing = np.full(len(moment.ends), np.nan)
        bid, ask = (np.concatenate([nothing, *(part[side] for part in quotes), [np.nan]]) for side in (1, 2))
        order = np.lexsort((np.where(market == k.CLOCK, 2, market), ts))
        columns = ts[order], market[order], bid[order], ask[order]
        state, settings = self._states[pair], self._settings[pair]
        done, rows = 0, [np.zeros((0, k.WIDTH), np.int64)]
        while done < len(ts):
            done = int(k.disparity_rows(state, settings, *columns, done, self._out))
            rows.append(self._out[: int(state[k.WRITTEN])].copy())
        return np.concatenate(rows)

    def _apart(self, rows: Mapping[tuple[str, str], Int2D], moment: Moment) -> Apart:
        bins = []
        for pair, held in rows.items():
            whole = held[held[:, 0] == k.BIN]
            bins.append(_bins(pair, whole, self._lengths(whole[:, k.END], moment), self._leave_out))
        episodes = [_episodes(pair, held[held[:, 0] == k.EPISODE]) for pair, held in rows.items()]
        return Apart(pl.concat(bins).sort("ts", maintain_order=True), pl.concat(episodes).sort("ts_local", maintain_order=True))

    def _lengths(self, ends: Int1D, moment: Moment) -> Int1D:
        """How long each bin is [ns]."""
        if self._every_ns:
            return np.full(len(ends), self._every_ns)
        lengths = np.diff(moment.ends, prepend=moment.since_ns)
        return np.asarray(lengths[np.searchsorted(moment.ends, ends)], np.int64)


def _require_pairs(instruments: Sequence[Instrument], fees_bps: Mapping[str, float]) -> None:
    ids = [instrument.id for instrument in instruments]
    if len(set(ids)) < 2 or len(set(ids)) < len(ids) or len({instrument.base for instrument in instruments}) > 1:
        raise InputError(f"disparity is of two or more markets of one coin, found {', '.join(ids) or 'none'}")
    if any(instrument.kind is InstrumentKind.OPTION for instrument in instruments):
        raise InputError("an option's premium is no price of its coin; leave options out of disparity")
    without = [name for name in ids if name not in fees_bps]
    if without or any(not -10_000 < fees_bps[name] < 10_000 for name in ids):
        raise InputError(
            f"every market needs a taker fee in bps, found {dict(fees_bps)}; add {', '.join(without) or 'better ones'}"
        )


def _settings(every_ns: int, fee_a: float, fee_b: float) -> Float1D:
    return np.array([every_ns, 1 - fee_a, 1 - fee_b, 1 + fee_a, 1 + fee_b], np.float64)


def _fresh_state() -> Int1D:
    state = np.zeros(k.STATE_SIZE, np.int64)
    state[k.BIN_END] = state[k.FIRST_OPEN] = state[k.FIRST_OPEN + 1] = k.NOT_OPEN
    state[k.QUOTES :].view(np.float64)[:4] = np.nan
    state[k.QUOTES :].view(np.float64)[k.MAXIMA - k.QUOTES : k.MAXIMA - k.QUOTES + 2] = -np.inf
    return state


def _bins(pair: tuple[str, str], rows: Int2D, length_ns: Int1D, leave_out: bool) -> pl.DataFrame:
    sound_ns = rows[:, k.SOUND_NS]
    held = (sound_ns > 0) & (leave_out | (sound_ns == length_ns))
    reals = np.ascontiguousarray(rows[:, k.MID :]).view(np.float64)
    columns: dict[str, Any] = {"ts": rows[:, k.END], "a": [pair[0]] * len(rows), "b": [pair[1]] * len(rows)}
    columns["mid_bps"] = _over(reals[:, 0], sound_ns, held)
    for way, name in enumerate(("buy_a_sell_b", "buy_b_sell_a")):
        columns[f"{name}_bps"] = _over(reals[:, 1 + way], sound_ns, held)
        columns[f"{name}_max_bps"] = np.where(held, reals[:, 3 + way], np.nan)
        columns[f"{name}_share"] = _over(rows[:, k.POSITIVE_NS + way].astype(np.float64), sound_ns, held)
    columns["sound_share"] = sound_ns / length_ns
    return pl.DataFrame(columns, nan_to_null=True, schema_overrides={"a": pl.String, "b": pl.String}).with_columns(
        pl.col("ts").cast(UTC_NS)
    )


def _over(total: Float1D, sound_ns: Int1D, held: Any) -> Float1D:
    return np.asarray(np.where(held, total / np.maximum(sound_ns, 1), np.nan), np.float64)


def _episodes(pair: tuple[str, str], rows: Int2D) -> pl.DataFrame:
    names = np.array(pair)
    columns = {
        "ts_local": rows[:, k.END],
        "start": rows[:, k.START],
        "buy": names[rows[:, k.WAY]],
        "sell": names[1 - rows[:, k.WAY]],
        "duration_ns": rows[:, k.END] - rows[:, k.START],
        "peak_bps": np.ascontiguousarray(rows[:, k.PEAK]).view(np.float64),
        "end": _REASONS[rows[:, k.REASON]],
    }
    words = dict.fromkeys(("buy", "sell", "end"), pl.String)
    return pl.DataFrame(columns, schema_overrides=words).with_columns(pl.col("ts_local", "start").cast(UTC_NS))


GROUPS: Final = (
    Group(
        name="disparity",
        says="how far two markets are apart, between mids and between executable prices net of fees",
        made_by="disparity",
        needs=("quotes",),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("a", "1", "first market of the pair"),
            Column("b", "1", "second market of the pair"),
            Column("mid_bps", "bps", "mean over time of the log of the ratio of mids", "free"),
            Column("buy_{x}_bps", "bps", "mean or greatest gain of buying here and selling there, net of fees", "free"),
            Column("buy_{x}_share", "1", "share of sound time in which it is positive", "free"),
            Column("sound_share", "1", "share of the bin in which both markets were sound"),
        ),
        source="executable prices of two books; fees of the caller",
    ),
    Group(
        name="disparity_episodes",
        says="each time a disparity paid after fees",
        made_by="disparity",
        needs=("quotes",),
        columns=(
            Column("ts_local", "ns", "when it ended"),
            Column("start", "ns", "when it began"),
            Column("buy", "1", "market to buy in"),
            Column("sell", "1", "market to sell in"),
            Column("duration_ns", "ns", "how long it stood", "free"),
            Column("peak_bps", "bps", "greatest gain net of fees", "free"),
            Column("end", "1", "ended, unsound (a market was lost) or open (the events ended)"),
        ),
        source="executable prices of two books; fees of the caller",
    ),
)
