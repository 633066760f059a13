"""Price impact of our own trading: the one object that prices a plan and that the simulated venue applies to our orders."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

import numpy as np

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS, parse_duration

__all__ = ["NO_IMPACT", "Impact", "ImpactCost", "TemporaryImpact", "TransientImpact", "nearest_psd"]

_TOLERANCE: Final = 1e-9  # of the largest entry, for what rounding does to symmetry and eigenvalues


class TransientImpact(Config, frozen=True, kw_only=True):
    """Linear transient impact with an exponential-sum decay kernel (propagator).

    A signed trade of value q [quote, millions] at time s moves the mid by

        bps_per_million · q · G(t − s),    G(t) = permanent + (1 − permanent) · Σ wᵢ 2^(−t / half_lifeᵢ),    G(0) = 1

    Parameters
    ----------
    bps_per_million : float
        Immediate displacement [bps of price] of a trade worth one million of the quote currency; ≥ 0, 0 turns impact off.
    permanent : float
        Part that never decays, in [0, 1].
    half_lives : tuple of str
        Durations such as ``"2s"``.
    weights : tuple of float
        Of the half-lives; positive, sum to 1. Empty means equal.

    Raises
    ------
    InputError
        If a number is out of its bound. Every kernel that passes is convex, decreasing and positive, so with linear impact no
        round trip has negative expected cost (Gatheral 2010, section 5; Gatheral, Schied, Slynko 2012, Theorem 1).

    References
    ----------
    Bouchaud, Gefen, Potters, Wyart (2004), Quantitative Finance 4, eq. (5). Obizhaeva, Wang (2013) for a single half-life.
    """

    bps_per_million: float = 0.0
    permanent: float = 0.2
    half_lives: tuple[str, ...] = ("1s", "10s", "2m")
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.bps_per_million < 1e6 or not 0 <= self.permanent <= 1:
            raise InputError(
                f"impact needs bps_per_million >= 0 and permanent in [0, 1], found {self.bps_per_million} and {self.permanent}"
            )
        if not self.half_lives or (self.weights and len(self.weights) != len(self.half_lives)):
            raise InputError(
                f"impact needs a half-life, and a weight for each or none: found {len(self.half_lives)} and {len(self.weights)}"
            )
        if self.weights and not (all(w > 0 for w in self.weights) and abs(sum(self.weights) - 1) <= 1e-9):
            raise InputError(f"impact weights must be positive and sum to 1, found {self.weights}")
        for text in self.half_lives:
            parse_duration(text)

    @property
    def shares(self) -> Float1D:
        """(n + 1,) share of the displacement in each component; the first is the permanent one."""
        weights = self.weights or (1 / len(self.half_lives),) * len(self.half_lives)
        return np.array([self.permanent, *((1 - self.permanent) * w for w in weights)])

    @property
    def rates(self) -> Float1D:
        """(n + 1,) decay rate of each component [1/ns]; 0 for the permanent one."""
        return np.array([0.0, *(np.log(2) / parse_duration(text) for text in self.half_lives)])

    def kernel(self, lag_ns: Int1D) -> Float1D:
        """G at non-negative lags: (m,) ns → (m,)."""
        return np.asarray(np.exp(-np.outer(lag_ns, self.rates)) @ self.shares)

    def displacement_bps(self, at_ns: Int1D, trade_ns: Int1D, signed_millions: Float1D) -> Float1D:
        """Displacement of mid [bps] just before each time in `at_ns`, by trades strictly before it. O(m n)."""
        lag = at_ns[:, None] - trade_ns[None, :]
        weight = np.where(lag > 0, self.kernel(np.maximum(lag, 0).ravel()).reshape(lag.shape), 0.0)
        return np.asarray(self.bps_per_million * (weight @ signed_millions))

    def cost_bps(self, trade_ns: Int1D, signed_millions: Float1D) -> float:
        """Expected cost of a schedule from its own earlier trades [bps of its value]; spread and depth are extra.

        Each trade pays the displacement its predecessors left, and half of its own and of those at the same instant: together
        ``½ Σᵢⱼ qᵢ qⱼ G(|tᵢ − tⱼ|)``, which no schedule makes negative. O(n²).
        """
        total = float(np.abs(signed_millions).sum())
        if total == 0:
            return 0.0
        lag = np.abs(trade_ns[:, None] - trade_ns[None, :])
        both = signed_millions @ self.kernel(lag.ravel()).reshape(lag.shape) @ signed_millions
        return float(self.bps_per_million * both / 2) / total

    def ticks_per_lot(self, *, notional_per_lot: float, price_ticks: float) -> float:
        """Immediate displacement in ticks of one lot worth `notional_per_lot` [quote] at a price."""
        return self.bps_per_million * BPS * price_ticks * notional_per_lot / _MILLION


_MILLION: Final = 1e6
NO_IMPACT: Final = TransientImpact()


class TemporaryImpact(Config, frozen=True, kw_only=True):
    """What a trade pays at once beyond the mid, and leaves nothing of: η·x^β.

    Parameters
    ----------
    bps : float
        η ≥ 0 [bps of the trade's value] at x = 1.
    exponent : float
        β in [0, 2]; 0 is a half spread.
    of : {"participation", "millions"}
        What x is: the trade's share of the volume traded meanwhile, or its value in millions of quote.

    Raises
    ------
    InputError
        If a number is out of its bound.

    References
    ----------
    Almgren, Thum, Hauptmann, Li (2005), "Direct estimation of equity market impact": β = .6.
    """

    bps: float = 0.0
    exponent: float = 0.5
    of: Literal["participation", "millions"] = "participation"

    def __post_init__(self) -> None:
        if not 0 <= self.bps < 1e6 or not 0 <= self.exponent <= 2:
            raise InputError(f"temporary impact needs bps >= 0 and exponent in [0, 2], found {self.bps} and {self.exponent}")

    def cost_bps(self, size: Float2D) -> Float2D:
        """Cost [bps of its value] of trades of size x ≥ 0, any shape."""
        return np.asarray(self.bps * np.abs(size) ** self.exponent, np.float64)


class ImpactCost(NamedTuple):
    """Expected cost of a schedule by where it comes from.

    Attributes
    ----------
    temporary_bps, transient_bps, permanent_bps : float
        Bps of the value traded.
    millions : float
        Value traded [millions of quote].
    """

    temporary_bps: float
    transient_bps: float
    permanent_bps: float
    millions: float

    @property
    def total_bps(self) -> float:
        return self.temporary_bps + self.transient_bps + self.permanent_bps

    @property
    def quote(self) -> float:
        """Total [quote]."""
        return self.total_bps * BPS * self.millions * _MILLION


class Impact(Config, frozen=True, kw_only=True):
    """Temporary, transient, permanent and cross impact in one object, for pricing a plan and for moving a simulated venue.

    Trades of values q_j(s) [millions of quote, signed] move the mid of instrument i [bps] by

        D_i(t) = λ Σ_j C_ij Σ_{s<t} q_j(s) G(t − s)

    with λ and G of `propagator`, and each trade pays η·x^β more, which moves nothing.

    Parameters
    ----------
    temporary : TemporaryImpact
    propagator : TransientImpact
        λ = bps_per_million, and the kernel G with its permanent part.
    instruments : tuple of str
        Ids in the order of C; empty for one instrument alone.
    cross : tuple of tuple of float
        C, no unit, symmetric and positive semidefinite; empty means every instrument for itself.

    Raises
    ------
    InputError
        If C is not square, symmetric and positive semidefinite. One that is not lets a round trip earn: see `nearest_psd`.

    Notes
    -----
    The cost of a schedule is ½ λ Σ q(s)ᵀ C q(s′) G(|s − s′|) plus what is temporary. G is convex, decreasing and positive,
    hence of positive type, so with C ⪰ 0 the sum is never negative: no price manipulation.

    References
    ----------
    Schneider, Lillo (2019), arXiv 1612.07742: one kernel and a symmetric matrix. Gatheral, Schied, Slynko (2012).
    """

    temporary: TemporaryImpact = TemporaryImpact()
    propagator: TransientImpact = NO_IMPACT
    instruments: tuple[str, ...] = ()
    cross: tuple[tuple[float, ...], ...] = ()

    def __post_init__(self) -> None:
        if len(set(self.instruments)) < len(self.instruments):
            raise InputError(f"an instrument stands twice in {self.instruments}")
        if not self.cross:
            return
        if {len(row) for row in self.cross} | {len(self.instruments)} != {len(self.cross)}:
            raise InputError(
                f"cross impact of {len(self.instruments)} instruments is a matrix of as many rows and columns, found rows of "
                f"{[len(row) for row in self.cross]}"
            )
        matrix = np.array(self.cross, np.float64)
        scale = np.abs(matrix).max()
        if not np.isfinite(scale) or np.abs(matrix - matrix.T).max() > _TOLERANCE * scale:
            raise InputError(f"cross impact must be finite and symmetric, or a round trip earns; found {self.cross}")
        least = float(np.linalg.eigvalsh(matrix)[0])
        if least < -_TOLERANCE * scale:
            raise InputError(
                f"cross impact must be positive semidefinite, or a round trip earns; its least eigenvalue is {least:.3g}: "
                "take nearest_psd of it"
            )

    @property
    def permanent_bps_per_million(self) -> float:
        """γ: displacement of its own mid that never decays."""
        return self.propagator.bps_per_million * self.propagator.permanent

    @property
    def matrix(self) -> Float2D:
        """(k, k) immediate displacement of row by column [bps per million]."""
        count = max(len(self.instruments), 1)
        relative = np.array(self.cross, np.float64) if self.cross else np.eye(count)
        return np.asarray(self.propagator.bps_per_million * relative)

    def displacement_bps(self, at_ns: Int1D, trade_ns: Int1D, signed_millions: Float2D) -> Float2D:
        """Displacement of mids just before times, by trades strictly before them.

        Parameters
        ----------
        at_ns : (m,) int64
        trade_ns : (n,) int64
        signed_millions : (n,) or (n, k) float64

        Returns
        -------
        (m,) or (m, k) float64 [bps]
            O(m n).
        """
        flow = self._flow(trade_ns, signed_millions)
        lag = at_ns[:, None] - trade_ns[None, :]
        decay = np.where(lag > 0, self.propagator.kernel(np.maximum(lag, 0).ravel()).reshape(lag.shape), 0.0)
        moved = decay @ flow @ self.matrix
        return np.asarray(moved[:, 0] if np.ndim(signed_millions) == 1 else moved)

    def cost(self, trade_ns: Int1D, signed_millions: Float2D, *, participation: Float2D | None = None) -> ImpactCost:
        """Expected cost of a schedule against the mids it would have without itself.

        Parameters
        ----------
        trade_ns : (n,) int64
        signed_millions : (n,) or (n, k) float64
        participation : (n,) or (n, k) float64, optional
            Share of the volume traded meanwhile; needed by a temporary impact that is of participation.

        Raises
        ------
        InputError
            If shapes do not fit, a value is not finite, or the participation is missing.

        Notes
        -----
        As `TransientImpact.cost_bps`: a trade pays what its predecessors left and half of its own. O(n²).
        """
        flow = self._flow(trade_ns, signed_millions)
        total = float(np.abs(flow).sum())
        if total == 0:
            return ImpactCost(0.0, 0.0, 0.0, 0.0)
        lag = np.abs(trade_ns[:, None] - trade_ns[None, :])
        decay = self.propagator.kernel(lag.ravel()).reshape(lag.shape)
        moved = float(np.einsum("ik,ij,jl,kl->", flow, decay, flow, self.matrix, optimize=True)) / 2
        summed = flow.sum(axis=0)
        permanent = self.propagator.permanent * float(summed @ self.matrix @ summed) / 2
        at_once = float((np.abs(flow) * self._temporary_bps(flow, participation)).sum())
        return ImpactCost(at_once / total, (moved - permanent) / total, permanent / total, total)

    def _temporary_bps(self, flow: Float2D, participation: Float2D | None) -> Float2D:
        if self.temporary.bps == 0:
            return np.zeros_like(flow)
        if self.temporary.of == "millions":
            return self.temporary.cost_bps(flow)
        if participation is None or np.size(participation) != flow.size:
            raise InputError(
                f"temporary impact of participation needs the share of each of {flow.size} trades, found "
                f"{'none' if participation is None else np.size(participation)}; give participation="
            )
        share = np.asarray(participation, np.float64).reshape(flow.shape)
        _require_finite(share, "participation")
        return self.temporary.cost_bps(share)

    def _flow(self, trade_ns: Int1D, signed_millions: Float2D) -> Float2D:
        """(n, k) trades."""
        flow = np.asarray(signed_millions, np.float64)
        flow = flow[:, None] if flow.ndim == 1 else flow
        expected = (len(trade_ns), max(len(self.instruments), 1))
        if flow.shape != expected:
            raise InputError(f"trades of {expected[1]} instruments at {expected[0]} times expected, found shape {flow.shape}")
        _require_finite(flow, "trade")
        return flow


def _require_finite(values: Float2D, what: str) -> None:
    wrong = np.argwhere(~np.isfinite(values))
    if len(wrong):
        at = tuple(wrong[0].tolist())
        raise InputError(f"{what} {at[0]} of instrument {at[1]} is {values[at]}, expected a finite number; give 0 for none")


def nearest_psd(matrix: Float2D) -> Float2D:
    """Nearest symmetric positive semidefinite matrix in the Frobenius norm.

    The symmetric part, with its negative eigenvalues set to zero.

    References
    ----------
    Higham (1988), Linear Algebra and its Applications 103, Theorem 2.1, doi:10.1016/0024-3795(88)90223-6.
    """
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    sound = (vectors * np.maximum(values, 0)) @ vectors.T
    return np.asarray((sound + sound.T) / 2)
