"""Where a child order stands: what crossing, improving, joining and waiting are expected to cost, and the least of them."""

from __future__ import annotations

from math import inf
from typing import Final, NamedTuple

import numpy as np

from counterpoise.balance.placement.adverse_selection import AdverseSelection
from counterpoise.balance.placement.features import features
from counterpoise.balance.placement.fill_model import FillModel
from counterpoise.balance.placement.stance import Stance
from counterpoise.core.arrays import Bool1D, Float1D, Float2D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, SECOND_NS, parse_duration

__all__ = ["STANCES", "Moment", "Placement", "PlacementConfig", "placement_costs"]

STANCES: Final = (Stance.WAIT, Stance.JOIN, Stance.IMPROVE, Stance.CROSS)
_WAIT, _JOIN, _IMPROVE, _CROSS = range(4)


class PlacementConfig(Config, frozen=True, kw_only=True):
    """What a placement knows and pays.

    Parameters
    ----------
    fill : FillModel
    adverse : AdverseSelection
    maker_bps, taker_bps : float
        Fees; negative for a rebate.
    take_bps : float
        What taking costs besides, its own impact on what remains; ≥ 0.
    later_bps : float
        Added to what remains costs later: patience where below 0.
    horizon : str
        Time over which a resting order is judged, above 0.
    change_bps : float
        What another stance must save before it is taken: hysteresis, ≥ 0.
    least_rest : str
        A resting order is not withdrawn before; it must be longer than the way to the venue and back.
    """

    fill: FillModel
    adverse: AdverseSelection
    maker_bps: float = 0.0
    taker_bps: float = 0.0
    take_bps: float = 0.0
    later_bps: float = 0.0
    horizon: str = "10s"
    change_bps: float = 0.1
    least_rest: str = "1s"

    def __post_init__(self) -> None:
        if not 0 <= self.change_bps < inf or not 0 <= self.take_bps < inf:
            raise InputError(f"change_bps is {self.change_bps} and take_bps {self.take_bps}; expected both finite and >= 0")
        for name in ("horizon", "least_rest"):
            parse_duration(getattr(self, name))
        if not np.isfinite([self.maker_bps, self.taker_bps, self.later_bps]).all():
            raise InputError(
                f"maker_bps, taker_bps and later_bps are {self.maker_bps}, {self.taker_bps}, {self.later_bps}; expected finite"
            )


class Moment(NamedTuple):
    """The markets at a decision time, seen from our side.

    Attributes
    ----------
    side : (n,) int64
        ±1.
    bid, bid_lots, ask, ask_lots : (n,) float64
        Best prices [ticks] and sizes.
    unit_lots : (n,) float64
        An ordinary order there.
    later_bps : (n,) float64
        What an order that is not done within the horizon costs then, over the mid of then: from a patient −half spread to half
        spread and taker fee at the deadline, and above it where missing costs more.
    move_bps : (n,) float64
        Move of the mid in the order's direction foretold over the horizon, a microprice less the mid or a forecast.
    """

    side: Float1D
    bid: Float1D
    bid_lots: Float1D
    ask: Float1D
    ask_lots: Float1D
    unit_lots: Float1D
    later_bps: Float1D
    move_bps: Float1D


def placement_costs(config: PlacementConfig, moment: Moment) -> Float2D:
    """Expected cost of each stance over the mid of now [bps].

    With h the distance of the order's price from the mid, f a fee, g `take_bps`, C what remains costs later, m the move
    foretold, p the chance of a fill and a the move that follows one (m is added to what was fitted),

        cross h + f_taker + g;   wait C + m;   rest p (−h + f_maker) + (1 − p) C + m − p a.

    The last has E[move | no fill] from (1 − p) E[move | no fill] + p a = m: an order that is filled when the price comes to it
    is missed when the price runs away. Rest beats waiting where h − f_maker + a + C > 0, and p says by how much.

    Returns
    -------
    (n, 4) float64
        Columns as `STANCES`: wait, join, improve, cross. ∞ where there is no room to improve; a market without two sides costs
        ∞ but for waiting.
    """
    sound = (moment.bid > 0) & (moment.ask > moment.bid) & (moment.bid_lots > 0) & (moment.ask_lots > 0)
    bid, ask = np.where(sound, moment.bid, 1.0), np.where(sound, moment.ask, 2.0)
    tick_bps = 2 / (bid + ask) / BPS
    half = (ask - bid) / 2 * tick_bps
    remains = moment.later_bps + config.later_bps
    later = remains + moment.move_bps
    costs = np.full((len(bid), len(STANCES)), inf)
    costs[:, _WAIT] = later
    costs[:, _CROSS] = half + config.taker_bps + config.take_bps
    buys = moment.side > 0
    for column, inside in ((_JOIN, False), (_IMPROVE, True)):
        rows = features(
            inside=np.full(len(bid), inside),
            spread_ticks=ask - bid,
            own_lots=np.where(sound, np.where(buys, moment.bid_lots, moment.ask_lots), 1.0),
            opposite_lots=np.where(sound, np.where(buys, moment.ask_lots, moment.bid_lots), 1.0),
            unit_lots=moment.unit_lots,
        )
        chance = config.fill.probability(rows, parse_duration(config.horizon) / SECOND_NS)
        earned = half - inside * tick_bps - config.maker_bps
        after = config.adverse.bps(rows) + moment.move_bps
        costs[:, column] = later - chance * (earned + after + remains)
    costs[:, _IMPROVE][ask - bid < 2] = inf
    costs[~sound, _JOIN:] = inf
    return costs


class Placement:
    """Chooses stances market by market, and does not flicker.

    Parameters
    ----------
    config : PlacementConfig
    markets : int
        How many, above 0.

    Notes
    -----
    A stance is kept while no other saves `change_bps`. While an order rests by it, it is kept for `least_rest` from when that
    order was sent, whatever comes.
    """

    def __init__(self, config: PlacementConfig, markets: int) -> None:
        if markets < 1:
            raise InputError(f"{markets} markets; expected 1 or more")
        self.config: Final = config
        self._least_ns: Final = parse_duration(config.least_rest)
        self._stance: Final = np.zeros(markets, np.int64)
        self._since_ns: Final = np.zeros(markets, np.int64)

    def choose(self, ts_ns: int, moment: Moment, *, resting: Bool1D) -> list[Stance]:
        """Where each market's order should stand now.

        Parameters
        ----------
        ts_ns : int
        moment : Moment
        resting : (n,) bool
            Whether an order of ours is in that market's book: only such a one is held for its least time.
        """
        costs = placement_costs(self.config, moment)
        every = np.arange(len(costs))
        best = np.argmin(costs, axis=1)
        saved = costs[every, self._stance] - costs[every, best]  # NaN, no change, where both are ∞
        rested = (self._stance == _JOIN) | (self._stance == _IMPROVE)
        held = rested & resting & (ts_ns - self._since_ns < self._least_ns)
        change = (best != self._stance) & (saved > self.config.change_bps) & ~held
        self._stance[change] = best[change]
        # an order that a stance sends later, after a fill, begins its rest then
        begins = change | (rested & ~resting)
        self._since_ns[begins] = ts_ns
        return [STANCES[place] for place in self._stance]
