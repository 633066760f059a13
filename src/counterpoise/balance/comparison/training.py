"""What everybody is told before a comparison, learnt on markets without a large order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import msgspec
import numpy as np

from counterpoise.balance.comparison.scenario import Known, Scenario
from counterpoise.core.arrays import Float1D, Float2D, Float3D
from counterpoise.core.units import BPS, MINUTE_NS, SECOND_NS, parse_duration
from counterpoise.forecast.move_forecast import fit_move_forecast
from counterpoise.forecast.signals import MarketSignals
from counterpoise.market.event import TRADE, Events
from counterpoise.sim.agents.ahead import ahead_line, ahead_report
from counterpoise.sim.agents.detection import alarm_threshold
from counterpoise.sim.agents.ordinary_flow import OrdinaryFlow, fit_ordinary_flow
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

__all__ = ["learn", "watched"]

_HORIZON_S: Final = 60
_WARM_S: Final = 600
_SCORE_S: Final = 5
_NEVER: Final = 499.0  # a threshold that no score reaches


class _Seen(NamedTuple):
    """One clean market, second by second.

    Attributes
    ----------
    quotes : (seconds, instruments, 4) float64
        Bid, its lots, ask, its lots.
    signed : (instruments,) float64
        Lots of aggressive buys less sells.
    traded : (minutes, instruments) float64
        Lots of all trades, minute by minute.
    prints : tuple of Events
        Trades on the watched markets.
    """

    quotes: Float3D
    signed: Float1D
    traded: Float2D
    prints: tuple[Events, ...]


def watched(scenario: Scenario) -> tuple[int, ...]:
    """Place of the market that each token's adversary watches: the first of its markets."""
    places = scenario.market(0).places
    return tuple(next(m for m, place in enumerate(places) if place.token == token) for token in range(scenario.tokens))


def learn(scenario: Scenario, *, run: Callable[[Callable[[int], object], Sequence[int]], list[object]]) -> Known:
    """Live the training seeds twice: once to see, once with adversaries who only watch, for their false alarms.

    Parameters
    ----------
    scenario : Scenario
    run : callable
        Maps a function over seeds, in this process or in many.
    """
    seen: list[_Seen] = run(_Look(scenario), scenario.train_seeds)  # type: ignore[assignment]
    config = scenario.market(0)
    tokens = np.array([place.token for place in config.places])
    lot, tick = (np.array([getattr(i, name).size for i in config.instruments]) for name in ("qty_grid", "price_grid"))
    ordinary = tuple(
        fit_ordinary_flow(_in_a_row([one.prints[n] for one in seen]), config.instruments[market])
        for n, market in enumerate(watched(scenario))
    )
    peaks = np.concatenate(run(_Watch(scenario, ordinary), scenario.train_seeds))  # type: ignore[arg-type, var-annotated]
    mids = [(one.quotes[:, :, 0] + one.quotes[:, :, 2]) / 2 for one in seen]
    price = np.mean([mid.mean(axis=0) for mid in mids], axis=0) * tick
    signals = MarketSignals(tokens.tolist())
    samples = [_sample(one.quotes, mid, tokens) for one, mid in zip(seen, mids, strict=True)]
    return Known(
        volume=np.mean([one.traded.sum(axis=0) for one in seen], axis=0) * lot,
        volume_curve=np.mean([one.traded @ (lot * price) for one in seen], axis=0),
        price=price,
        half_spread_bps=np.mean([_half_spread(one.quotes) for one in seen], axis=0),
        covariance=_covariance(mids, tokens),
        forecast=fit_move_forecast(samples, horizon=f"{_HORIZON_S}s", names=signals.names),
        ordinary=ordinary,
        threshold=alarm_threshold(peaks),
        clean_net=np.array([np.bincount(tokens, one.signed * lot) for one in seen]),
    )


class _Look(msgspec.Struct, frozen=True):
    scenario: Scenario

    def __call__(self, seed: int) -> _Seen:
        config, scenario = self.scenario.market(seed), self.scenario
        venue, tracked = _venue(scenario, seed), watched(scenario)
        first, last = venue.span_ns
        names = [instrument.id for instrument in config.instruments]
        at = {name: m for m, name in enumerate(names)}
        minutes = -(-parse_duration(scenario.horizon) // MINUTE_NS)
        signed, traded = np.zeros(len(names)), np.zeros((minutes, len(names)))
        quotes, prints = [], [[] for _ in tracked]  # type: ignore[var-annotated]
        begin = first + parse_duration(scenario.settle)
        for ts in range(begin, min(begin + parse_duration(scenario.horizon), last) + 1, SECOND_NS):
            venue.advance(ts)
            quotes.append([venue.top(name)[:4] for name in names])
            for instrument, events in venue.market():
                trade = events.kind == TRADE
                lots, m = events.qty_lots[trade], at[instrument.id]
                signed[m] += float((lots * events.side[trade]).sum())
                traded[min((ts - begin) // MINUTE_NS, minutes - 1), m] += float(lots.sum())
                if m in tracked:
                    prints[tracked.index(m)].append(Events._make(column[trade] for column in events))
        return _Seen(np.array(quotes, float), signed, traded, tuple(_joined(parts) for parts in prints))


class _Watch(msgspec.Struct, frozen=True):
    scenario: Scenario
    ordinary: tuple[OrdinaryFlow, ...]

    def __call__(self, seed: int) -> Float1D:
        """(tokens,) greatest score of each adversary over a clean horizon."""
        config = self.scenario.market(seed)
        quiet = msgspec.structs.replace(self.scenario.adversary, threshold=_NEVER)
        lines = [
            ahead_line(config, market, ordinary=flow, ahead=quiet)
            for market, flow in zip(watched(self.scenario), self.ordinary, strict=True)
        ]
        venue = AgentVenue(config, latency=ConstantLatency(), extra=lines)
        peaks = np.full(len(lines), -np.inf)
        begin = venue.span_ns[0] + parse_duration(self.scenario.settle)
        for ts in range(begin, begin + parse_duration(self.scenario.horizon) + 1, _SCORE_S * SECOND_NS):
            venue.advance(ts)
            for _ in venue.market():
                pass
            peaks = np.maximum(peaks, ahead_report(venue.world)["score"].to_numpy())
        return peaks


def _venue(scenario: Scenario, seed: int) -> AgentVenue:
    latency = ConstantLatency(order=scenario.latency, ack=scenario.latency, feed=scenario.latency)
    return AgentVenue(scenario.market(seed), latency=latency)


def _joined(parts: Sequence[Events]) -> Events:
    if not parts:
        return Events.empty()
    return Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _in_a_row(recordings: Sequence[Events]) -> Events:
    """One after the other, a second apart."""
    parts, end_ns = [], 0
    for events in recordings:
        shift = end_ns + SECOND_NS - int(events.ts_venue[0])
        parts.append(events._replace(ts_venue=events.ts_venue + shift, ts_local=events.ts_local + shift))
        end_ns = int(parts[-1].ts_venue[-1])
    return _joined(parts)


def _half_spread(quotes: Float3D) -> Float1D:
    bid, ask = quotes[:, :, 0], quotes[:, :, 2]
    return np.asarray(np.mean((ask - bid) / (ask + bid), axis=0) / BPS)


def _sample(quotes: Float3D, mids: Float2D, tokens: Float1D) -> tuple[Float2D, Float1D]:
    """Signals second by second and the moves that followed [bps], markets below each other, without the first ten minutes."""
    signals = MarketSignals(tokens.tolist())
    rows = np.array(
        [
            signals.push((second + 1) * SECOND_NS, bid=now[:, 0], ask=now[:, 2], bid_lots=now[:, 1], ask_lots=now[:, 3])
            for second, now in enumerate(quotes)
        ]
    )
    log_mid = np.log(mids) / BPS
    moves = log_mid[_HORIZON_S:] - log_mid[:-_HORIZON_S]
    warm = min(_WARM_S, len(moves) // 3)
    return rows[warm:-_HORIZON_S].reshape(-1, rows.shape[2]), moves[warm:].ravel()


def _covariance(mids: Sequence[Float2D], tokens: Float1D) -> Float2D:
    """Of a token's mean return over a second, from those over minutes: faster ones lag each other."""
    parts = []
    for mid in mids:
        minutes = np.log(mid[::60])
        level = np.array([minutes[:, tokens == token].mean(axis=1) for token in range(int(tokens.max()) + 1)]).T
        parts.append(np.diff(level, axis=0))
    return np.asarray(np.cov(np.concatenate(parts), rowvar=False) / 60)
