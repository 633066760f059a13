"""How well laws of sizes and times hide a parent on the agent market, and what they cost: two detectors, paired seeds.

    python benchmarks/disguise_auc.py [--seeds 24] [--seed 2000] [--share 0.05] [--tokens 2] [--minutes 10]

Every seed is lived without a parent and, for each law, with one that buys. The first detector is the adversary of the market
(`sim.agents.adversary`), fitted on the training seeds, on the prints of each token's first market: its score is the greatest
of the run. The second knows the law: classifiers learn windows of 30 s of the public feed there (prints, sizes, phases, best
quotes) with the order and without, on other seeds than they judge (five folds by seed); a run's score is the mean of its
windows. The floor is that of an observer of a token's whole signed flow who knows the schedule. Cost is against the mids as
they would have been, fees in; its difference from ours as it is by default is on the same seeds, with 95 % by bootstrap.
Parameters were chosen on seeds 40 to 55.
"""

from __future__ import annotations

import argparse
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import NamedTuple

import msgspec
import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from counterpoise.balance.basket.balanced import BalancedConfig
from counterpoise.balance.comparison.contenders import Task, contender
from counterpoise.balance.comparison.scenario import Known, Scenario
from counterpoise.balance.comparison.training import learn, watched
from counterpoise.balance.comparison.verdict import bootstrap_mean
from counterpoise.balance.disguise.clock_law import ClockLaw
from counterpoise.balance.execution import PlaceOrder, Seen
from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.units import BPS, SECOND_NS, parse_duration
from counterpoise.market.event import QUOTE, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Fill
from counterpoise.sim.agents.adversary import detect
from counterpoise.sim.agents.detection import Auc, auc, leakage_floor
from counterpoise.sim.agents.ordinary_flow import aggressive_orders
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.latency import ConstantLatency

WINDOW_NS = 30 * SECOND_NS
PERIODS_NS = (SECOND_NS, SECOND_NS // 4)
FOLDS = 5
AT_RANDOM = ClockLaw(every="500ms", most="3s")


class Law(NamedTuple):
    """A contender, how ours hides, and how often it is woken."""

    contender: str
    balanced: BalancedConfig = BalancedConfig()
    every: str | ClockLaw = "1s"

    def wakes(self, start: int, end: int, draw: np.random.Generator) -> Int1D:
        if isinstance(self.every, ClockLaw):
            return self.every.times(start, end, draw)
        return np.arange(start, end, parse_duration(self.every))


OURS = "ours by default"
LAWS = {
    "nobody": Law("nobody"),
    "fixed size, fixed clock": Law("twap_crossing"),
    "twap that waits": Law("twap"),
    OURS: Law("balanced"),
    "sizes of the market's orders": Law("balanced", BalancedConfig(sizes="market")),
    "each market at random, 4 steps a second": Law("balanced", BalancedConfig(clock=AT_RANDOM), "250ms"),
    "woken at random": Law("balanced", BalancedConfig(), AT_RANDOM),
    "woken at random, sizes of the touch": Law("balanced", BalancedConfig(display=1.0), AT_RANDOM),
    "all three": Law("balanced", BalancedConfig(sizes="market", display=1.0), AT_RANDOM),
    "ours, three times the band": Law("balanced", BalancedConfig(band=0.015)),
    "all three, three times the band": Law("balanced", BalancedConfig(sizes="market", display=1.0, band=0.015), AT_RANDOM),
    "all three, turns and kinds": Law(
        "balanced", BalancedConfig(sizes="market", display=1.0, mix_bps=0.3, join=0.3), AT_RANDOM
    ),
}


class Lived(NamedTuple):
    """One run: by token the greatest score, windows and net signed quantity; what it cost, what was done, orders sent."""

    peaks: Float1D
    windows: list[Float2D]
    signed: Float1D
    cost_bps: float
    completion: float
    orders: int


def live(seed: int, *, scenario: Scenario, known: Known, law: Law) -> Lived:
    """Live a seed with a parent that buys, or nobody."""
    config = scenario.market(seed)
    venue = AgentVenue(config, latency=ConstantLatency(order=scenario.latency, ack=scenario.latency, feed=scenario.latency))
    start = venue.span_ns[0] + parse_duration(scenario.settle)
    task = Task(
        msgspec.structs.replace(scenario, balanced=law.balanced), known, 1, start, start + parse_duration(scenario.horizon)
    )
    draw = np.random.default_rng(np.random.SeedSequence([seed, 2]))
    works = None if law.contender == "nobody" else contender(law.contender, task, draw)
    names = [instrument.id for instrument in config.instruments]
    feed, others, fills, orders = {name: [] for name in names}, dict.fromkeys(names, 0), [], 0
    venue.advance(start)
    list(venue.market())
    arrival = mids(venue)
    for ts in law.wakes(start, task.end_ns + SECOND_NS + 1, np.random.default_rng([seed, 3])).tolist():
        venue.advance(ts)
        for instrument, events in venue.market():
            feed[instrument.id].append(events)
            others[instrument.id] += int(np.sum(events.qty_lots, where=events.kind == TRADE))
        for event in venue.events():
            works.hear(event)
            if isinstance(event, Fill):
                fills.append(event)
                others[event.instrument] -= event.qty_lots
        for action in [] if works is None else works.step(ts, {name: Seen(venue.top(name), others[name]) for name in names}):
            if isinstance(action, PlaceOrder):
                venue.submit(Approved(action.order))
                orders += 1
            else:
                venue.cancel(action.client_id)
    streams = {
        name: Events._make(np.concatenate(columns) for columns in zip(*parts, strict=True)) for name, parts in feed.items()
    }
    first = [names[market] for market in watched(scenario)]
    seen = [
        detect(streams[name], config.instruments[names.index(name)], ordinary=flow)["peak"].max()
        for name, flow in zip(first, known.ordinary, strict=True)
    ]
    lot = np.array([instrument.qty_grid.size for instrument in config.instruments])
    net = np.array([float(np.sum(s.qty_lots * s.side, where=s.kind == TRADE)) for s in streams.values()]) * lot
    return Lived(
        np.array(seen),
        [windows(streams[name], config.instruments[names.index(name)], start, task.end_ns) for name in first],
        np.bincount(task.tokens, net),
        *(cost(fills, venue, task, arrival) if fills else (0.0, 0.0)),
        orders,
    )


def mids(venue: AgentVenue) -> Float1D:
    tops = [venue.top(instrument.id) for instrument in venue.instruments]
    return np.array([(t.bid_ticks + t.ask_ticks) / 2 * i.price_grid.size for t, i in zip(tops, venue.instruments, strict=True)])


def cost(fills: list[Fill], venue: AgentVenue, task: Task, arrival: Float1D) -> tuple[float, float]:
    """Bps of the value against the mids without us, fees in; share done."""
    without = {(c.client_id, c.ts_ns): c.recorded_mid_ticks for c in venue.contexts()}
    at = {instrument.id: m for m, instrument in enumerate(venue.instruments)}
    paid, done = 0.0, np.zeros(len(at))
    for fill in fills:
        m = at[fill.instrument]
        unit, tick = venue.instruments[m].qty_grid.size * fill.qty_lots, venue.instruments[m].price_grid.size
        paid += unit * tick * (fill.price_ticks - without[fill.client_id, fill.ts_ns]) + fill.fee
        done[m] += unit
    worth = np.bincount(task.tokens, arrival) / np.bincount(task.tokens)
    return paid / float(done @ arrival) / BPS, float(np.bincount(task.tokens, done) @ worth / (task.quantity @ worth))


def windows(events: Events, instrument: Instrument, start: int, end: int) -> Float2D:
    """A row of features each 30 s of what a market shows."""
    orders = aggressive_orders(events, instrument)
    ts, side, lots = (orders[name].to_numpy().astype(np.int64) for name in ("ts", "side", "qty_lots"))
    quote = events.kind == QUOTE
    quotes = [column[quote] for column in (events.ts_venue, events.side, events.price_ticks, events.qty_lots)]
    rows = []
    for begin in range(start, end - WINDOW_NS + 1, WINDOW_NS):
        now = (ts >= begin) & (ts < begin + WINDOW_NS)
        here = slice(*np.searchsorted(quotes[0], [begin, begin + WINDOW_NS]))
        rows.append(order_features(ts[now], side[now], lots[now]) + quote_features(*(column[here] for column in quotes)))
    return np.array(rows)


def resultants(ts: Int1D) -> list[float]:
    """How much times keep to one phase, √n · R, so that chance is alike at every n."""
    n = max(len(ts), 1)
    return [float(np.abs(np.exp(2j * np.pi * (ts % period) / period).sum()) / np.sqrt(n)) for period in PERIODS_NS]


def order_features(ts: Int1D, side: Int1D, lots: Int1D) -> list[float]:
    """Of aggressive orders: number, volume, largest, repeated sizes, phases, by side."""
    found = []
    for sign in (1, -1):
        own = lots[side == sign]
        counts = np.unique(own, return_counts=True)[1]
        largest, repeated = (float(own.max()), float((counts * (counts - 1)).sum() / len(own))) if len(own) else (0.0, 0.0)
        found += [np.log1p(len(own)), np.log1p(own.sum()), np.log1p(largest), repeated, *resultants(ts[side == sign])]
    return [*found, found[0] - found[6], found[1] - found[7]]


def quote_features(ts: Int1D, side: Int1D, price: Int1D, lots: Int1D) -> list[float]:
    """Of best quotes: updates, improvements, sizes shown and shown again, phases of improvements, by side."""
    found = []
    for sign in (1, -1):
        own = side == sign
        step = sign * np.diff(price[own], prepend=price[own][:1])
        better, shown = step > 0, lots[own]
        counts = np.unique(shown[better], return_counts=True)[1]
        again = float((counts * (counts - 1)).sum() / max(better.sum(), 1))
        found += [np.log1p(len(shown)), np.log1p(better.sum()), float(np.log1p(shown).mean()) if len(shown) else 0.0]
        found += [float(np.log1p(shown[better]).mean()) if better.any() else 0.0, again, *resultants(ts[own][better])]
    return [*found, found[0] - found[7], found[2] - found[9]]


def learnt(clean: list[Lived], worked: list[Lived], classifier: Callable[[], object]) -> Auc:
    """AUC over runs and tokens of a classifier of windows, each judged by one that learnt on other seeds."""
    rows, labels, groups, runs = [], [], [], []
    for label, lived in enumerate((clean, worked)):
        for seed, one in enumerate(lived):
            for token, windows_ in enumerate(one.windows):
                usual = np.concatenate([other.windows[token] for s, other in enumerate(clean) if s % FOLDS != seed % FOLDS])
                rows.append((windows_ - usual.mean(axis=0)) / np.maximum(usual.std(axis=0), 1e-9))
                labels += [label] * len(windows_)
                groups += [seed % FOLDS] * len(windows_)
                runs += [(label, seed, token)] * len(windows_)
    x, y, run = np.concatenate(rows), np.array(labels), np.array(runs)
    score = np.empty(len(y))
    for train, test in GroupKFold(FOLDS).split(x, y, groups):
        model = classifier().fit(x[train], y[train])
        chance = np.clip(model.predict_proba(x[test])[:, 1], 1e-6, 1 - 1e-6)
        score[test] = np.log(chance / (1 - chance))
    each, at = np.unique(run, axis=0, return_inverse=True)
    mean = np.bincount(at.ravel(), score) / np.bincount(at.ravel())
    return auc(mean[each[:, 0] == 1], mean[each[:, 0] == 0])


def logistic() -> object:
    return make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2_000))


def boosted() -> object:
    return HistGradientBoostingClassifier(max_iter=60, max_leaf_nodes=8, learning_rate=0.1, random_state=0)


def cell(found: Auc) -> str:
    return f"{found.value:.2f} [{found.low:.2f}, {found.high:.2f}]"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=24)
    parser.add_argument("--seed", type=int, default=2000)
    parser.add_argument("--share", type=float, default=0.05)
    parser.add_argument("--tokens", type=int, default=2)
    parser.add_argument("--minutes", type=int, default=10)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--laws", nargs="*", default=list(LAWS))
    arguments = parser.parse_args()
    scenario = Scenario(
        tokens=arguments.tokens,
        venues=2,
        horizon=f"{arguments.minutes}m",
        share=arguments.share,
        train_seeds=tuple(range(901, 901 + max(2, -(-20 // arguments.tokens)))),
        tracking_bps=0.0,
    )
    with ProcessPoolExecutor(arguments.workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        known = learn(scenario, run=lambda task, seeds: list(pool.map(task, seeds)))
        table(arguments, scenario, known, pool)


def table(arguments: argparse.Namespace, scenario: Scenario, known: Known, pool: ProcessPoolExecutor) -> None:
    """Print a line a law."""
    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    run = {law: list(pool.map(partial(live, scenario=scenario, known=known, law=LAWS[law]), seeds)) for law in ("nobody", OURS)}
    clean, ours = run["nobody"], np.array([one.cost_bps for one in run[OURS]])
    quantity, net = Task(scenario, known, 1, 0, 1).quantity, np.vstack([known.clean_net, *(one.signed for one in clean)])
    floor = np.mean([leakage_floor(quantity[token], net[:, token]).auc for token in range(len(quantity))])
    print(
        f"{arguments.share:.0%} of {arguments.minutes} min, {arguments.tokens} tokens, {len(seeds)} seeds from {seeds[0]}; ",
        end="",
    )
    print(f"floor {floor:.2f}\n")
    print("| law | adversary | logistic | boosted trees | cost, bps | less than ours [95 %] | done | orders |")
    print("|---|---|---|---|---|---|---|---|")
    for law in arguments.laws:
        if law == "nobody":
            continue
        lived = run.get(law) or list(pool.map(partial(live, scenario=scenario, known=known, law=LAWS[law]), seeds))
        costs = np.array([one.cost_bps for one in lived])
        mean, low, high = bootstrap_mean(ours - costs)
        seen = auc(np.concatenate([one.peaks for one in lived]), np.concatenate([one.peaks for one in clean]))
        cells = (
            law,
            *(cell(found) for found in (seen, learnt(clean, lived, logistic), learnt(clean, lived, boosted))),
            f"{costs.mean():.2f}",
            f"{mean:.2f} [{low:.2f}, {high:.2f}]",
            f"{np.mean([one.completion for one in lived]):.3f}",
            f"{np.mean([one.orders for one in lived]):,.0f}",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
