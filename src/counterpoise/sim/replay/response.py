"""How the replayed market answers to our own orders: each assumption one small model that can be switched off."""

from __future__ import annotations

from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import SECOND_NS, parse_duration
from counterpoise.flow.impact.impact import NO_IMPACT, TransientImpact
from counterpoise.market.instrument import Instrument

__all__ = ["NO_FOLLOWERS", "NO_RESPONSE", "Followers", "Resilience", "ResponseModel"]

_APART: Final = 1e-6  # of two rates that are one: the convolution of their exponentials is taken a little beside it
_GRID: Final = 4001  # frequencies, in equal steps of their logarithm
_BEYOND: Final = 1e4  # times the outermost rates


class Resilience(Config, frozen=True, kw_only=True):
    """What we take is gone until it comes back: missing(t) = taken · 2^(−(t − s) / half-life).

    Assumes: the same at every distance from the mid, but for levels behind the best when their half-life is given. Others
    cancel in proportion to what we take, and what they cancel comes back as the rest does.

    Parameters
    ----------
    half_life : str
        Of what we take at the best level; ``""`` says that we leave no trace.
    half_life_behind : str
        Of what we take at levels behind it; ``""`` is as at the best.
    cancels : float
        Lots that others cancel at a level for each lot that we take from it, as far as it has them; ≥ 0.
    """

    half_life: str = "2s"
    half_life_behind: str = ""
    cancels: float = 0.0

    def __post_init__(self) -> None:
        for text in (self.half_life, self.half_life_behind):
            if text:
                parse_duration(text)
        if self.half_life_behind and not self.half_life:
            raise InputError("resilience half_life_behind is given and half_life is off; give both, or none")
        if not 0 <= self.cancels <= 1000:
            raise InputError(f"resilience cancels must lie in [0, 1000] lots a lot, found {self.cancels}")

    @property
    def half_life_ns(self) -> int:
        """0 when it is off."""
        return parse_duration(self.half_life) if self.half_life else 0

    @property
    def half_life_behind_ns(self) -> int:
        return parse_duration(self.half_life_behind) if self.half_life_behind else self.half_life_ns


class Followers(Config, frozen=True, kw_only=True):
    """Others trade the same way after us: for each lot of ours per_lot lots in all, at a rate that decays.

        a(t) = per_lot · Σ wⱼ κⱼ e^(−κⱼ t),    κⱼ = ln 2 / half_lifeⱼ,    Σ wⱼ = 1

    They push the quotes as we do, and on their side they add to each recorded trade in proportion, by rate of theirs over
    volume, so that they fill resting orders of ours on the other side. Those whom followers call up in turn are among them.

    Parameters
    ----------
    per_lot : float
        In [0, 100]; 0 says that nobody follows.
    half_lives : tuple of str
    weights : tuple of float
        Of the half-lives; positive, sum to 1. Empty means equal.
    volume_per_s : float
        What trades on one side [base, or contracts of an inverse instrument, a second]; needed when somebody follows.
    """

    per_lot: float = 0.0
    half_lives: tuple[str, ...] = ("2s",)
    weights: tuple[float, ...] = ()
    volume_per_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.per_lot <= 100:
            raise InputError(f"followers per_lot must lie in [0, 100], found {self.per_lot}")
        if not 0 <= self.volume_per_s < float("inf") or (self.per_lot and not self.volume_per_s):
            raise InputError(
                f"followers volume_per_s is {self.volume_per_s}; expected what trades on one side in a second, above 0"
            )
        if not self.half_lives or (self.weights and len(self.weights) != len(self.half_lives)):
            raise InputError(
                f"followers need a half-life, and a weight each or none: found {len(self.half_lives)} and {len(self.weights)}"
            )
        if self.weights and not (all(w > 0 for w in self.weights) and abs(sum(self.weights) - 1) <= 1e-9):
            raise InputError(f"followers weights must be positive and sum to 1, found {self.weights}")
        for text in self.half_lives:
            parse_duration(text)

    @property
    def shares(self) -> Float1D:
        """(m,) wⱼ."""
        return np.array(self.weights or (1 / len(self.half_lives),) * len(self.half_lives))

    @property
    def rates(self) -> Float1D:
        """(m,) κⱼ [1/ns]."""
        return np.array([np.log(2) / parse_duration(text) for text in self.half_lives])


NO_FOLLOWERS: Final = Followers()


class ResponseModel(Config, frozen=True, kw_only=True):
    """What our own fills do to a replayed market: quotes move, levels empty and refill, others follow.

    A fill of q lots at time s displaces the quotes by λ q K(t − s) until t, where λ and G are those of `impact` and

        K(t) = G(t) + ∫₀ᵗ a(s) G(t − s) ds

    with a of `followers`; without them K is G. What we take and what waits count alike: a recorded trade that fills us has
    moved the recording's quotes, and would not have, had it met our order.

    Parameters
    ----------
    impact : TransientImpact
        λ and G; ``bps_per_million = 0`` turns displacement off.
    resilience : Resilience
    followers : Followers

    Raises
    ------
    InputError
        If K is not of positive type: then a round trip would earn from its own impact. The message names the largest
        per_lot that is admitted.

    Notes
    -----
    The expected cost of fills q at times t, against the market without them, is ½ λ Σᵢⱼ qᵢ qⱼ K(|tᵢ − tⱼ|): a fill pays what
    those before it left and half of its own. It is never negative if the cosine transform Σ bᵢ rᵢ / (rᵢ² + ω²) of
    K(t) = Σ bᵢ e^(−rᵢ t) is not, at any ω (Bochner); at ω → ∞ that says K′(0) ≤ 0, so followers may not come faster than the
    displacement decays. Checked at 4,001 frequencies from a ten-thousandth of the least rate to ten thousand times the
    greatest, and at both ends.

    References
    ----------
    Gatheral, Schied, Slynko (2012), doi:10.1111/j.1467-9965.2011.00478.x, section 2: positive type and no price manipulation.
    Bouchaud, Farmer, Lillo (2009), arXiv 0809.0822, section 5: response = propagator and the flow that follows.
    """

    impact: TransientImpact = NO_IMPACT
    resilience: Resilience = Resilience()
    followers: Followers = NO_FOLLOWERS

    def __post_init__(self) -> None:
        if self.followers.per_lot and self.impact.bps_per_million:
            most = _most_followers(self.impact, self.followers)
            if self.followers.per_lot > most:
                raise InputError(
                    f"followers per_lot is {self.followers.per_lot:g}, and with this impact at most {most:.6g} is admitted: "
                    "beyond it a round trip earns from its own impact; take fewer or slower followers, or an impact that "
                    "decays faster"
                )

    @property
    def rates(self) -> Float1D:
        """(n,) decay rates of K [1/ns]; 0 for what stays."""
        return _followed(self.impact, self.followers)[0]

    @property
    def shares(self) -> Float1D:
        """(n,) shares of K's components; they sum to 1."""
        kept, added = _followed(self.impact, self.followers)[1:]
        return np.asarray(kept + self.followers.per_lot * added)

    def kernel(self, lag_ns: Int1D) -> Float1D:
        """K at non-negative lags: (m,) ns → (m,)."""
        return np.asarray(np.exp(-np.outer(lag_ns, self.rates)) @ self.shares)

    def memories(self) -> tuple[Float2D, Float2D]:
        """Empty memories of the displacement and of the followers, as `counterpoise.sim.kernels.replay_state` lays them out."""
        if not self.impact.bps_per_million and not self.followers.per_lot:
            return np.zeros((0, 3)), np.zeros((0, 3))
        shift = np.column_stack([np.zeros(len(self.rates)), self.rates, self.shares])
        if not self.followers.per_lot:
            return shift, np.zeros((0, 3))
        calls = self.followers.per_lot * self.followers.shares * self.followers.rates
        return shift, np.column_stack([np.zeros(len(calls)), self.followers.rates, calls])

    def lots_per_ns(self, instrument: Instrument) -> float:
        """What trades on one side, in lots a ns."""
        return self.followers.volume_per_s / instrument.qty_grid.size / SECOND_NS


def _followed(impact: TransientImpact, followers: Followers) -> tuple[Float1D, Float1D, Float1D]:
    """Rates of K, its shares without followers, and what one follower a lot adds to them.

    Of e^(−ρt) and κe^(−κt) the convolution is κ/(κ − ρ) · (e^(−ρt) − e^(−κt)).
    """
    if not followers.per_lot:
        return impact.rates, impact.shares, np.zeros(len(impact.rates))
    rho, kept = impact.rates, impact.shares
    kappa = followers.rates.copy()
    for j in range(len(kappa)):
        while np.any(np.abs(kappa[j] - rho) < _APART / 2 * kappa[j]):
            kappa[j] *= 1 + _APART
    ratio = kappa[None, :] / (kappa[None, :] - rho[:, None]) * kept[:, None] * followers.shares[None, :]
    rates = np.concatenate([rho, kappa])
    return rates, np.concatenate([kept, np.zeros(len(kappa))]), np.concatenate([ratio.sum(axis=1), -ratio.sum(axis=0)])


def _most_followers(impact: TransientImpact, followers: Followers) -> float:
    """Largest per_lot with which K is of positive type."""
    rates, kept, added = _followed(impact, followers)
    decays = rates > 0
    r = rates[decays]
    omega = np.geomspace(r.min() / _BEYOND, r.max() * _BEYOND, _GRID)
    spread = r[None, :] * (r.max() ** 2 / (r[None, :] ** 2 + np.concatenate([[0.0], omega])[:, None] ** 2))
    spectrum = np.vstack([spread, r[None, :]])  # the last row is what is left at ω → ∞, times ω²
    base, slope = spectrum @ kept[decays], spectrum @ added[decays]
    falls = slope < 0
    return float(np.min(np.maximum(base[falls], 0.0) / -slope[falls])) if falls.any() else float("inf")


NO_RESPONSE: Final = ResponseModel(resilience=Resilience(half_life=""))
"""A plain replay: our orders leave no trace."""
