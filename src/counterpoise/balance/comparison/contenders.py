"""The executions that are compared: the textbook's, each over all markets, and ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np

from counterpoise.balance.allocate.allocate import allocate
from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.balance.basket.balanced import Balanced, TokenPlan
from counterpoise.balance.basket.basket import Basket
from counterpoise.balance.comparison.scenario import Known, Scenario
from counterpoise.balance.disguise.child_size import ChildCosts, DetectionModel, child_size
from counterpoise.balance.disguise.size_law import SizeLaw
from counterpoise.balance.execution import Execution
from counterpoise.balance.parent import Parent, ParentConfig
from counterpoise.balance.schedule.almgren_chriss import almgren_chriss
from counterpoise.balance.schedule.schedule import Schedule, whole_lots
from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import UnknownName
from counterpoise.core.units import SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import TemporaryImpact
from counterpoise.market.instrument import Instrument

__all__ = ["CONTENDERS", "Task", "contender", "impact_of"]

_SLICE: Final = "30s"
_URGENCY: Final = 2.0  # κT of the Almgren-Chriss schedule: 48 % is done in the first third
_MILLION: Final = 1e6


class Task(NamedTuple):
    """One parent to be worked.

    Attributes
    ----------
    scenario : Scenario
    known : Known
    side : int
    start_ns, end_ns : int
    """

    scenario: Scenario
    known: Known
    side: int
    start_ns: int
    end_ns: int

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return self.scenario.market(0).instruments

    @property
    def tokens(self) -> Float1D:
        """(instruments,) token of each."""
        return np.array([place.token for place in self.scenario.market(0).places])

    @property
    def quantity(self) -> Float1D:
        """(tokens,) of the parent [base]: weights of the index on a share of all that is traded in the horizon."""
        known = self.known
        traded = np.bincount(self.tokens, known.volume * known.price)
        price = traded / np.bincount(self.tokens, known.volume)
        weight = traded / traded.sum() if self.scenario.index == "volume" else np.full(len(traded), 1 / len(traded))
        return np.asarray(self.scenario.share * traded.sum() * weight / price)

    @property
    def by_volume(self) -> Float1D:
        """(instruments,) part of its token's volume."""
        return np.asarray(self.known.volume / np.bincount(self.tokens, self.known.volume)[self.tokens])


def contender(name: str, task: Task, rng: np.random.Generator) -> Execution:
    """An execution by name.

    Raises
    ------
    UnknownName
        If it is none of `CONTENDERS`.
    """
    if name not in CONTENDERS:
        raise UnknownName("contender", name, CONTENDERS)
    return CONTENDERS[name](task, rng)


def _basket(
    task: Task, share: Float1D, done: Float1D | None = None, *, caps: Float1D | None = None, cross_after: float = 0.5
) -> Basket:
    """Parents that wait half a slice at their touch and then cross: the same placement for all.

    `share` is each instrument's part of its token; `done` what of 1 is to be done by the end of each slice, evenly if left out;
    `caps` the most each may be of what trades there.
    """
    edges = _edges(task)
    path = np.arange(1, len(edges)) / (len(edges) - 1) if done is None else done
    wanted, parents = task.quantity[task.tokens] * share, []
    for m, instrument in enumerate(task.instruments):
        lots = round(wanted[m] / instrument.qty_grid.size)
        if not lots:
            continue
        terms = ParentConfig(
            side="buy" if task.side > 0 else "sell",
            qty=str(instrument.qty_grid.decimal(lots)),
            slice=_SLICE,
            max_participation=0.99 if caps is None else round(float(caps[m]), 4),
            cross_after=cross_after,
            cross_bps=5.0,
            min_child=0.1 if caps is None else 0.01,
        )
        schedule = Schedule(edges[:-1], edges[1:], whole_lots(path, qty_lots=lots))
        parents.append(Parent(instrument, terms, name=f"p{m}", start_ns=task.start_ns, end_ns=task.end_ns, schedule=schedule))
    return Basket("basket", parents)


def _edges(task: Task) -> Int1D:
    """Edges of slices; the last ends with the parent."""
    slice_ns = parse_duration(_SLICE)
    edges = task.start_ns + slice_ns * np.arange((task.end_ns - task.start_ns) // slice_ns + 1)
    edges[-1] = task.end_ns
    return np.asarray(edges)


def _twap(task: Task, rng: np.random.Generator) -> Basket:
    return _basket(task, task.by_volume)


def _crossing(task: Task, rng: np.random.Generator) -> Basket:
    """The plainest: the same sizes on the clock, taken at once."""
    return _basket(task, task.by_volume, cross_after=0.0)


def _vwap(task: Task, rng: np.random.Generator) -> Basket:
    """By the volume curve of the training seeds."""
    minutes = len(task.known.volume_curve)
    at = (_edges(task)[1:] - task.start_ns) / (task.end_ns - task.start_ns)
    curve = np.concatenate([[0.0], np.cumsum(task.known.volume_curve)])
    return _basket(task, task.by_volume, np.interp(at, np.arange(minutes + 1) / minutes, curve / curve[-1]))


def _pro_rata(task: Task, rng: np.random.Generator) -> Basket:
    """The basket cut evenly over the markets of a token."""
    return _basket(task, 1 / np.bincount(task.tokens)[task.tokens])


def _pov(task: Task, rng: np.random.Generator) -> Basket:
    """All is due at once, under a cap that ends in time if volume comes as it did: a tenth above the part wanted."""
    wanted = 1.1 * (task.quantity / np.bincount(task.tokens, task.known.volume))[task.tokens]
    return _basket(task, task.by_volume, np.ones(len(_edges(task)) - 1), caps=wanted / (1 + wanted))


def _almgren_chriss(task: Task, rng: np.random.Generator) -> Basket:
    """Front-loaded as risk has it."""
    steps = len(_edges(task)) - 1
    bend = 2 * (np.cosh(_URGENCY / steps) - 1) * steps**2
    found = almgren_chriss(1.0, horizon=1.0, steps=steps, sigma=1.0, risk_aversion=bend, eta=1.0)
    return _basket(task, task.by_volume, 1 - found.holdings[1:])


def impact_of(scenario: Scenario) -> TemporaryImpact:
    """Cost of a market's share of a token's volume over the horizon, as metaorders on training seeds had it."""
    hours = parse_duration(scenario.horizon) / (3600 * SECOND_NS)
    return TemporaryImpact(bps=42.0 * hours**0.5, exponent=0.85)


def _exact(task: Task, rng: np.random.Generator) -> Balanced:
    """Ours without proxies: every token in full, so that what is saved is the execution's alone."""
    return _balanced(task, rng, tracking_bps=0.0)


def _balanced(task: Task, rng: np.random.Generator, *, tracking_bps: float | None = None) -> Balanced:
    scenario, known = task.scenario, task.known
    config = scenario.market(0)
    tokens, price = task.tokens, known.price
    setting = AllocationSetting(
        tree=config.tree(),
        slice_ns=task.end_ns - task.start_ns,
        volume=(known.volume * price / _MILLION)[:, None],
        linear_bps=known.half_spread_bps + config.maker_bps,
        covariance=known.covariance,
        temporary=impact_of(scenario),
    )
    mean_price = np.bincount(tokens, known.volume * price) / np.bincount(tokens, known.volume)
    target = dict(zip(setting.tokens, task.side * task.quantity * mean_price / _MILLION, strict=True))
    wishes = AllocationWishes(
        participation={"instrument": scenario.participation, "token": scenario.participation},
        tracking_bps=scenario.tracking_bps if tracking_bps is None else tracking_bps,
    )
    plan = allocate(target, setting, wishes=wishes)
    quantity = plan.flows[0] * _MILLION / mean_price
    amounts = np.abs(plan.amounts[0])
    share = amounts / np.bincount(tokens, amounts)[tokens]
    names = tuple(token.name for token in config.tokens)
    times = np.array([task.start_ns, task.end_ns])
    return Balanced(
        "balanced",
        task.instruments,
        plan=TokenPlan(names, times, np.array([0 * quantity, quantity])),
        forecast=known.forecast,
        share=share,
        config=scenario.balanced,
        rng=rng,
        sizes=_sizes(task, np.abs(quantity)[tokens] * share) if scenario.balanced.sizes == "market" else None,
    )


def _sizes(task: Task, quantity: Float1D) -> list[SizeLaw]:
    """Of each market, to trade a quantity [base], as orders come on its token's first: the one that is known order by order."""
    known, laws = task.known, []
    horizon_s = parse_duration(task.scenario.horizon) / SECOND_NS
    longest_s = parse_duration(task.scenario.balanced.child) / SECOND_NS
    first = np.searchsorted(task.tokens, task.tokens)
    for m, instrument in enumerate(task.instruments):
        ordinary = known.ordinary[int(task.tokens[m])]
        lots, chances = np.array(ordinary.common_lots), np.array(ordinary.common_chances)
        mean = float(lots @ chances / chances.sum())
        sd = float(np.sqrt((lots - mean) ** 2 @ chances / chances.sum()))
        orders = 0.5 * ordinary.orders / len(task.scenario.train_seeds) / horizon_s  # of a side
        seen = DetectionModel(orders * known.volume[m] / known.volume[first[m]], mean, sd)
        rate = quantity[m] / instrument.qty_grid.size / horizon_s
        child = child_size(rate, seen, ChildCosts(), price_per_nat=1.0, longest_s=longest_s)
        laws.append(SizeLaw.like(lots, chances=chances, mean=float(child.lots[0])))
    return laws


CONTENDERS: Final[dict[str, Callable[[Task, np.random.Generator], Execution]]] = {
    "twap": _twap,
    "twap_crossing": _crossing,
    "vwap": _vwap,
    "pov": _pov,
    "almgren_chriss": _almgren_chriss,
    "pro_rata": _pro_rata,
    "balanced_exact": _exact,
    "balanced": _balanced,
}
