"""How many dealers to ask: more of them quote closer, and more of those who do not win know what is coming."""

from __future__ import annotations

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration
from counterpoise.flow.impact.impact import Impact
from counterpoise.sim.otc.belief import NO_BELIEF, Belief, after_request, expected_residual
from counterpoise.sim.otc.competition import expected_best_quote
from counterpoise.sim.otc.dealer import Dealer, holding_cost, reservation_bps
from counterpoise.sim.otc.rfq import RfqRules

__all__ = ["request_frontier"]


def request_frontier(
    *,
    dealer: Dealer,
    rules: RfqRules,
    impact: Impact,
    millions: float,
    residual_millions: float,
    horizon: str,
    most: int = 10,
    slices: int = 20,
) -> pl.DataFrame:
    """Expected cost of a request that names its side, by the number of equal dealers without inventory who are asked.

        total(n) = [shared + E best private quote(n)] + [D_winner + (n − 1) D_loser] · residual / millions

    D is the mean displacement that the client's residual meets, traded evenly over the horizon: of the winner's unwinding, and
    of one who trades ahead at once and unwinds. All moves come from the one impact object.

    Parameters
    ----------
    dealer : Dealer
    rules : RfqRules
        Its last look is not priced here, see `LastLook.gain_bps`; its reaction must be at once.
    impact : Impact
        Of one instrument.
    millions : float
        Size of the request [millions of quote].
    residual_millions : float
        What the client has left to do in the lit market, on the same side.
    horizon : str
        Over which he does it.
    most : int
        Largest number of dealers.
    slices : int
        Equal trades of the residual, in the middle of as many parts of the horizon.

    Returns
    -------
    pl.DataFrame
        A row for n = 1 … most: ``dealers``, ``quote_bps``, ``hedge_bps`` (the winner's doing), ``leak_bps`` (the others'), and
        ``total_bps``, all in bps of the value of the request.

    Raises
    ------
    InputError
        If a size is out of its bound, or dealers wait before they react, which has no closed form: simulate it.

    Notes
    -----
    The trade ahead is what a dealer expects after this one request, (2 honesty − 1) · millions · a/(b − 1), times `prehedge`. A
    dealer's limit is not looked at. Mean quotes are exact up to the rounding of prices to ticks.

    References
    ----------
    Burdett and O'Hara (1987), Journal of Banking and Finance 11, on shopping a block and the leak it costs.
    """
    if not millions > 0 or not residual_millions >= 0 or most < 1 or slices < 1:
        raise InputError(
            f"{millions} and {residual_millions} millions, {most} dealers, {slices} slices; expected > 0, >= 0, 1, 1"
        )
    if rules.reaction:
        raise InputError(f"dealers wait {rules.reaction} before they react; simulate a DealerPanel, or set reaction to nothing")
    belief = after_request(NO_BELIEF, rules.belief, side=1, millions=millions)
    counts = np.arange(1, most + 1)
    quotes = _shared(dealer, rules, impact, belief) + np.array(
        [expected_best_quote(dealers=n, width=rules.width_bps, elasticity=rules.elasticity) for n in counts.tolist()]
    )
    ahead = dealer.prehedge * expected_residual(belief, rules.belief)
    met = residual_millions / millions
    at_ns = np.asarray(parse_duration(horizon) * (np.arange(slices) + 0.5) / slices, np.int64)
    hedge = _met(impact, at_ns, np.array(dealer.slice_ns), np.full(dealer.slices, millions / dealer.slices)) * met
    times, trades = np.array([0, *dealer.slice_ns]), np.array([ahead, *[-ahead / dealer.slices] * dealer.slices])
    leak = (counts - 1) * _met(impact, at_ns, times, trades) * met
    return pl.DataFrame(
        {
            "dealers": counts,
            "quote_bps": quotes,
            "hedge_bps": np.full(most, hedge),
            "leak_bps": leak,
            "total_bps": quotes + hedge + leak,
        }
    )


def _shared(dealer: Dealer, rules: RfqRules, impact: Impact, belief: Belief) -> float:
    """What every dealer's cost has in it [bps]."""
    drift = 0.5 * float(impact.matrix[0, 0]) * expected_residual(belief, rules.belief)
    cost = holding_cost(dealer, impact, sigma_bps=rules.belief.sigma_bps, millions_per_s=rules.lit_millions_per_s)
    return reservation_bps(cost, inventory_millions=0.0, side=1, millions=belief.millions, drift_bps=drift)


def _met(impact: Impact, at_ns: Int1D, trade_ns: Int1D, millions: Float1D) -> float:
    """Mean displacement at some times by trades before [bps]."""
    return float(np.mean(impact.displacement_bps(at_ns, trade_ns, millions)))
