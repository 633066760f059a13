"""What an allocation is made of: markets and what they cost, and what is wanted of the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec
import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS, SECOND_NS
from counterpoise.flow.impact.impact import NO_IMPACT, TemporaryImpact, TransientImpact
from counterpoise.market.tree import LEVELS, Tree, level_of

__all__ = ["AllocationSetting", "AllocationWishes"]

_TOLERANCE: Final = 1e-9
_NO_TEMPORARY: Final = TemporaryImpact()


class AllocationWishes(Config, frozen=True, kw_only=True):
    """What is wanted of a plan beside being cheap.

    Parameters
    ----------
    risk_aversion : float
        Price of variance of the remaining exposure [1/quote millions]: cost [millions] + aversion × variance [millions²].
    leakage_price : float
        Bps of the parent's value for each unit of d′² that the signed flow of a node gives away.
    participation : dict of str to float
        Most we may be of all that trades at a node in a slice, own ≤ p (own + others): by node, or by level for all its nodes.
        In (0, 1).
    fairness : dict of str to float
        By level: most that the largest normalised impact of a node may be of the mean of all, above 1.
    tracking_bps : float
        How far, as a standard deviation over a day in bps of the parent's value, what is held at the end may be from the
        target; 0 wants each token exactly. What one token gets less another gets more: the value of the whole stays.
    """

    risk_aversion: float = 0.0
    leakage_price: float = 0.0
    participation: dict[str, float] = msgspec.field(default_factory=lambda: {"instrument": 0.5})
    fairness: dict[str, float] = msgspec.field(default_factory=dict)
    tracking_bps: float = 0.0

    def __post_init__(self) -> None:
        for name in ("risk_aversion", "leakage_price", "tracking_bps"):
            if not 0 <= getattr(self, name) < np.inf:
                raise InputError(f"{name} must be 0 or more and finite, found {getattr(self, name)}")
        for node, cap in self.participation.items():
            if not 0 < cap < 1:
                raise InputError(f"participation of {node} must lie in (0, 1), found {cap}")
        for level, most in self.fairness.items():
            if level not in LEVELS:
                raise UnknownName("level of the tree", level, LEVELS)
            if not most > 1:
                raise InputError(
                    f"fairness of {level} bounds the largest impact by the mean and must lie above 1, found {most}"
                )


@dataclass(frozen=True, kw_only=True)
class AllocationSetting:
    """Markets over the slices of a horizon, with what trading there costs. Values are in millions of one quote currency.

    Parameters
    ----------
    tree : Tree
        Its leaves are the instruments, in its order; all hang below a token.
    slice_ns : int
    volume : (instruments, slices) float64
        What others are expected to trade [millions].
    linear_bps : (instruments,) float64
        Half spread, fee, and funding or borrow while it is held.
    temporary : TemporaryImpact
        Of participation: η x^δ, paid by each trade and gone.
    temporary_scale : (instruments,) float64
        Multiples of η by instrument, as its volatility has it.
    propagator : TransientImpact
        Kernel; its ``bps_per_million`` is 1 or as in `impact`.
    impact : (tokens,) float64
        λ: bps that a million of a token displaces the prices of all its markets.
    cross : (tokens, tokens) float64
        Symmetric and positive semidefinite, 1 on the diagonal.
    covariance : (tokens, tokens) float64
        Of returns over a second.
    alpha_bps : (tokens, slices) float64
        Move foretold in each slice, whatever we do.
    noise : dict of str to float
        By node: standard deviation of the signed flow of others in a slice [millions]; none, none leaks.

    Raises
    ------
    InputError
        If a shape does not fit, a number is not finite or negative where it cannot be, a matrix not symmetric or not positive
        semidefinite, or an instrument is below no token.
    """

    tree: Tree
    slice_ns: int
    volume: Float2D
    linear_bps: Float1D
    covariance: Float2D
    temporary: TemporaryImpact = _NO_TEMPORARY
    temporary_scale: Float1D | None = None
    propagator: TransientImpact = NO_IMPACT
    impact: Float1D | None = None
    cross: Float2D | None = None
    alpha_bps: Float2D | None = None
    noise: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        m, n, slices = len(self.instruments), len(self.tokens), self.slices
        if self.slice_ns <= 0 or self.volume.ndim != 2 or slices < 1:
            raise InputError("a setting needs slices of positive length and their expected volume")
        if self.temporary.of != "participation":
            raise InputError("temporary impact of an allocation is of participation; set of = 'participation'")
        shapes: dict[str, tuple[object, tuple[int, ...]]] = {
            "volume": (self.volume, (m, slices)),
            "linear_bps": (self.linear_bps, (m,)),
            "temporary_scale": (self.temporary_scale, (m,)),
            "impact": (self.impact, (n,)),
            "cross": (self.cross, (n, n)),
            "covariance": (self.covariance, (n, n)),
            "alpha_bps": (self.alpha_bps, (n, slices)),
        }
        for name, (values, shape) in shapes.items():
            if values is not None and (np.shape(values) != shape or not np.isfinite(values).all()):  # type: ignore[call-overload]
                raise InputError(f"{name} of {m} instruments, {n} tokens and {slices} slices is finite of shape {shape}")
        for name in ("volume", "temporary_scale", "impact"):
            values = getattr(self, name)
            if values is not None and (values < 0).any():
                raise InputError(f"{name} must be 0 or more everywhere")
        for name in ("covariance", "cross"):
            _require_psd(getattr(self, name), name)
        for node in self.noise or {}:
            self.members(node)

    @property
    def instruments(self) -> tuple[str, ...]:
        return self.tree.leaves()

    @property
    def slices(self) -> int:
        return int(self.volume.shape[1])

    @cached_property
    def tokens(self) -> tuple[str, ...]:
        """Token nodes, in the order of their first instrument."""
        return tuple(dict.fromkeys(self._token_node(instrument) for instrument in self.instruments))

    @cached_property
    def token_of(self) -> Int1D:
        """(instruments,) place of each instrument's token."""
        return np.array([self.tokens.index(self._token_node(instrument)) for instrument in self.instruments])

    def _token_node(self, instrument: str) -> str:
        found = [node for node in self.tree.path(instrument) if level_of(node) == "token"]
        if not found:
            raise InputError(f"{instrument} hangs below no token of the tree; an allocation needs one for each")
        return found[-1]

    def members(self, node: str) -> Int1D:
        """Places of the instruments below a node."""
        place = {instrument: i for i, instrument in enumerate(self.instruments)}
        return np.array([place[leaf] for leaf in self.tree.leaves(node)])

    def nodes(self, name: str) -> tuple[str, ...]:
        """The nodes a name stands for: a level's all, or one.

        Raises
        ------
        UnknownName
            If it is neither.
        """
        if name in LEVELS:
            return self.tree.levels().get(name, ())
        self.tree.leaves(name)
        return (name,)

    @property
    def daily_covariance(self) -> Float2D:
        return np.asarray(self.covariance * (DAY_NS / SECOND_NS))


def _require_psd(matrix: Float2D | None, name: str) -> None:
    if matrix is None:
        return
    scale = float(np.abs(matrix).max())
    if np.abs(matrix - matrix.T).max() > _TOLERANCE * scale:
        raise InputError(f"{name} must be symmetric; take its symmetric part")
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < -_TOLERANCE * scale:
        raise InputError(f"{name} must be positive semidefinite, its least eigenvalue is {least:.3g}: take nearest_psd of it")
