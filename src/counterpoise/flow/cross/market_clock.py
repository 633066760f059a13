"""When bins that several markets fill together end: by what all of them traded, in coins or in one currency."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D, Int8_1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.core.units import format_time
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.by_node import Weight
from counterpoise.flow.cross.rates import Rates, value_before
from counterpoise.flow.kernels import market_clock as k
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument, InstrumentKind

__all__ = ["MarketClock", "delta_at"]

_BEFORE_ALL: Final = np.iinfo(np.int64).min


class _Trades(NamedTuple):
    """Columns of trades; `amount` is what the rule counts of each."""

    ts: Int1D
    market: Int1D
    amount: Float1D

    def cut(self, start: int, stop: int) -> _Trades:
        return _Trades(self.ts[start:stop], self.market[start:stop], self.amount[start:stop])


class MarketClock:
    """Ends of the bins that several markets fill together.

    Parameters
    ----------
    instruments : sequence of Instrument
        Of one base coin when bins are of volume.
    bins : Bins
        No bins of time, which need no trades. ``volume`` counts coins, of inverse contracts too, and of an option those that it
        moves with; ``notional`` the common currency; ``trades`` trades; ``range`` how far the price of any one market has gone,
        in the common currency; ``tick-imbalance`` sides, of an option those in the coin.
    rates : Rates
        Of the quote currencies of all but options.
    deltas : mapping of instrument id to float or frame
        Of every option.

    Raises
    ------
    InputError
        If the bins cannot be counted: coins that differ have no common volume, and an option no notional and no range.

    Notes
    -----
    Trades of one ts_local, of whichever markets, are one moment and stand in one bin: whether it is full is asked when the
    moment is over, and its end is one nanosecond after it. So it does not matter which market of a moment is read first.
    Sums of linear markets are exact at constant rates of one, others are doubles, added up in order of time, then of id.
    Causal. O(trades).
    """

    def __init__(
        self, instruments: Sequence[Instrument], *, bins: Bins, rates: Rates, deltas: Mapping[str, Weight] | None = None
    ) -> None:
        _require_countable(instruments, bins)
        self._of = {of.id: of for of in sorted(instruments, key=lambda of: of.id)}
        self._rule, self._rates, self._deltas = bins.rule, rates, dict(deltas or {})
        self._unit = _unit(self._of.values(), bins.rule)
        self._settings = np.array([bins.settings(instruments[0])[0], float(Fraction(bins.size) / self._unit)])
        self._state = np.zeros(k.FIRST_MARKET + 2 * len(self._of))
        self._state[k.EXPECTED_TRADES] = self._settings[1]
        k.start_shared_bin(self._state)
        self._pending = _Trades(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))
        self._last_event = self._last_end = self._now = _BEFORE_ALL

    def count(self, events: Mapping[str, Sequence[Events]]) -> None:
        """Count the trades of every market up to a moment.

        Raises
        ------
        DataError
            If a trade cannot be counted, as its rate or delta is not known, or an inverse contract traded at zero or below.
        """
        found, last = [self._pending], self._last_event
        for number, (name, of) in enumerate(self._of.items()):
            for part in events.get(name, ()):
                found.append(self._trades(of, number, part))
                last = max([last, *part.ts_local[-1:].tolist()])
        ts, market, amount = (np.concatenate(columns) for columns in zip(*found, strict=True))
        order = np.lexsort((market, ts))
        self._pending, self._last_event = _Trades(ts[order], market[order], amount[order]), last

    def until(self, ts_ns: int) -> Int1D:
        """Ends at or before a time that were not given before; all up to that time must have been taken."""
        self._now = max(self._now, ts_ns)
        over = int(np.searchsorted(self._pending.ts, ts_ns))
        moments, self._pending = self._pending.cut(0, over), self._pending.cut(over, len(self._pending.ts))
        ends = np.zeros(over, np.int64)
        ends = ends[: int(k.clock_rows(self._state, self._settings, *moments, ends))] if over else ends
        if len(ends):
            self._last_end = int(ends[-1])
        return ends

    def finish(self) -> Int1D:
        """What is left: bins that the last moment fills, and the end of the one that is open, if anything came in it."""
        if self._last_event == _BEFORE_ALL:
            return np.zeros(0, np.int64)
        end = max(self._now, self._last_event) + 1
        ends = self.until(end)
        if self._last_event >= self._last_end:
            k.start_shared_bin(self._state)
            self._last_end = end
            ends = np.append(ends, end)
        return ends

    def save(self) -> list[Any]:
        """All that it remembers, as plain numbers."""
        pending = [column.tolist() for column in self._pending]
        return [self._state.tolist(), pending, [self._last_event, self._last_end, self._now]]

    def restore(self, memory: Any) -> None:
        """Go on from what `save` gave.

        Raises
        ------
        ValueError, TypeError
            If it is no such memory.
        """
        state, (ts, market, amount), (last_event, last_end, now) = memory
        if len(state) != len(self._state) or not len(ts) == len(market) == len(amount):
            raise ValueError(f"state of {len(state)}, trades of {len(ts)}, {len(market)} and {len(amount)}")
        held = _Trades(np.array(ts, np.int64), np.array(market, np.int64), np.array(amount, np.float64))
        if not np.isin(held.market, np.arange(len(self._of))).all():
            raise ValueError(f"markets {sorted(set(market))}")
        self._state, self._pending = np.array(state, np.float64), held
        self._last_event, self._last_end, self._now = int(last_event), int(last_end), int(now)

    def _trades(self, of: Instrument, market: int, events: Events) -> _Trades:
        traded = (events.kind == TRADE) & (events.qty_lots > 0)
        ts = events.ts_local[traded]
        amount = self._amounts(of, ts, events.side[traded], events.price_ticks[traded], events.qty_lots[traded])
        wrong = np.flatnonzero(~np.isfinite(amount))
        if len(wrong):
            raise DataError(
                f"a trade of {of.id} at {format_time(int(ts[wrong[0]]))} cannot be counted in bins of {self._rule}: its rate "
                "or delta is not known by then, or its contract has no coins at that price; give rates from before it"
            )
        return _Trades(ts, np.full(len(ts), market), amount)

    def _amounts(self, of: Instrument, ts: Int1D, side: Int8_1D, price_ticks: Int1D, qty_lots: Int1D) -> Float1D:
        """What the rule counts of each trade, in units of `_unit`."""
        option = of.kind is InstrumentKind.OPTION
        if self._rule == "trades":
            return np.ones(len(ts))
        if self._rule == "tick-imbalance":
            sides = side.astype(np.float64)
            return sides * np.sign(delta_at(self._deltas[of.id], ts)) if option else sides
        if self._rule == "range":
            return price_ticks * float(Fraction(of.price_grid.step) / self._unit) * self._rates.at(of.quote, ts)
        if self._rule == "notional":
            worth = qty_lots.astype(np.float64) * float(of.notional(1, 1) / self._unit) * self._rates.at(of.quote, ts)
            return worth if of.inverse else worth * price_ticks
        worth = qty_lots.astype(np.float64) * float(of.base_qty(1, 1) / self._unit)
        if of.inverse:
            worth = np.where(price_ticks > 0, worth / np.maximum(price_ticks, 1), np.nan)
        return worth * np.abs(delta_at(self._deltas[of.id], ts)) if option else worth


def delta_at(given: Weight, ts: Int1D) -> Float1D:
    """Delta of an option just before each time; NaN before the first of a frame."""
    return value_before(given, ts) if isinstance(given, pl.DataFrame) else np.full(len(ts), float(given))


def _require_countable(instruments: Sequence[Instrument], bins: Bins) -> None:
    for of in instruments:
        bins.settings(of)  # refuses sizes that no instrument could count
    coins = sorted({of.base for of in instruments})
    if bins.rule == "volume" and len(coins) > 1:
        raise InputError(f"coins of {', '.join(coins)} do not fill one bin of {bins}; count what they are worth, notional:1e6")
    options = [of.id for of in instruments if of.kind is InstrumentKind.OPTION]
    if options and bins.rule in ("notional", "range"):
        raise InputError(
            f"premiums of {', '.join(options)} are no prices of the coin, so bins of {bins} cannot count them; "
            "take volume:100 or trades:500, or leave options out"
        )


def _unit(instruments: Collection[Instrument], rule: str) -> Fraction:
    """The largest amount of which every linear market counts whole numbers, so that sums of them are exact."""
    if rule == "volume":
        steps = [of.base_qty(1, 1) for of in instruments if not of.inverse]
    elif rule == "notional":
        steps = [of.notional(1, 1) for of in instruments]
    elif rule == "range":
        steps = [Fraction(of.price_grid.step) for of in instruments]
    else:
        return Fraction(1)
    below = lcm(*(step.denominator for step in steps))
    return Fraction(gcd(*(int(step * below) for step in steps)) or 1, below)
