"""Clearing of interlinked debts: who pays what when everyone's money is owed to everyone else.

    p_i = owed_i                                   if assets_i + Σ_j p_j Π_ji ≥ owed_i
    p_i = α assets_i + β Σ_j p_j Π_ji              otherwise,          Π_ij = liabilities_ij / owed_i

Eisenberg and Noe (2001), doi:10.1287/mnsc.47.2.236.9835 (α = β = 1); default costs of Rogers and Veraart (2013),
doi:10.1287/mnsc.1120.1569. All debts of a node are of one rank.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from counterpoise.core.arrays import Bool1D, Float1D, Float2D
from counterpoise.core.errors import InputError, NumericalError

__all__ = ["Clearing", "clear_by_iteration", "clear_debts"]

_MAX_STEPS = 100_000


class Clearing(NamedTuple):
    """A clearing vector and what follows from it.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a node: ``owed``, ``paid``, ``received``, ``equity`` (what is left to the owners, at least 0), ``lost`` (of its
        own estate in default, to the costs), all [cash], and ``default_round`` (Int64, 1 for those who fail although all
        others pay; null for the solvent, and for all when cleared by iteration, which has no rounds).
    rounds : int
        Rounds of default, or steps of the iteration.
    unique : bool
        Whether it is known to be the only clearing vector; otherwise it is the greatest (or, when asked for, the least).
    """

    frame: pl.DataFrame
    rounds: int
    unique: bool


class _Network(NamedTuple):
    shares: Float2D  # Π
    owed: Float1D
    assets: Float1D
    recovery: tuple[float, float]  # α, β
    unique: bool


def clear_debts(
    liabilities: ArrayLike,
    assets: ArrayLike,
    *,
    outside: ArrayLike = 0.0,
    asset_recovery: float = 1.0,
    claim_recovery: float = 1.0,
) -> Clearing:
    """The greatest clearing vector by the fictitious default algorithm, with the round each node fails in.

    All are taken to pay; those who cannot are the first round; with what these pay instead more cannot, and so on.

    Parameters
    ----------
    liabilities : (n, n) float64 [cash]
        Row i owes column j; nought on the diagonal.
    assets : (n,) float64 [cash]
        What each node has besides its claims on the others; at least 0.
    outside : (n,) float64 [cash]
        What each node owes outside the network, of the same rank as its other debts.
    asset_recovery, claim_recovery : float
        Shares α of its assets and β of its claims that a failed node's creditors get; in (0, 1].

    Returns
    -------
    Clearing

    Raises
    ------
    InputError
        If a shape, sign or recovery is impossible.

    Notes
    -----
    O(n³) a round. The linear system of a round is never singular: a closed group of failed nodes would owe no more than it has.

    Examples
    --------
    >>> clear_debts([[0, 10], [4, 0]], [2, 5]).frame["paid"].to_list()
    [6.0, 4.0]
    """
    network = _network(liabilities, assets, outside, asset_recovery, claim_recovery)
    alpha, beta = network.recovery
    paid, failed_in = network.owed.copy(), np.zeros(len(network.owed), np.int64)
    rounds = 0
    while True:
        short = _short(network, paid) & (failed_in == 0)
        if not short.any():
            break
        rounds += 1
        failed_in[short] = rounds
        failed = failed_in > 0
        from_solvent = network.shares[~failed][:, failed].T @ network.owed[~failed]
        among = np.eye(int(failed.sum())) - beta * network.shares[failed][:, failed].T
        paid[failed] = np.linalg.solve(among, alpha * network.assets[failed] + beta * from_solvent)
    in_default = failed_in > 0
    return Clearing(_frame(network, np.clip(paid, 0.0, network.owed), in_default, failed_in), rounds, network.unique)


def clear_by_iteration(
    liabilities: ArrayLike,
    assets: ArrayLike,
    *,
    outside: ArrayLike = 0.0,
    asset_recovery: float = 1.0,
    claim_recovery: float = 1.0,
    least: bool = False,
    tolerance: float = 1e-13,
) -> Clearing:
    """The greatest clearing vector, or the least, as the limit of paying round after round from all, or from nothing.

    Parameters
    ----------
    liabilities, assets, outside, asset_recovery, claim_recovery
        As `clear_debts`.
    least : bool
        Start from no payments. With default costs the limit from below need not clear, so this is refused.
    tolerance : float
        Greatest change of a payment in the last step, relative to the greatest debt.

    Returns
    -------
    Clearing

    Raises
    ------
    InputError
        As `clear_debts`, or if the least vector is asked for with default costs.
    NumericalError
        If 100,000 steps do not settle it.
    """
    network = _network(liabilities, assets, outside, asset_recovery, claim_recovery)
    if least and network.recovery != (1.0, 1.0):
        raise InputError(f"recoveries {network.recovery} with least=True; expected 1 and 1, or start from all payments")
    paid = np.zeros_like(network.owed) if least else network.owed.copy()
    for step in range(1, _MAX_STEPS + 1):
        new = _payments(network, paid)
        settled = np.abs(new - paid).max(initial=0.0) <= tolerance * network.owed.max(initial=1.0)
        paid = new
        if settled:
            failed = _short(network, paid)
            return Clearing(_frame(network, paid, failed, np.zeros(len(paid), np.int64)), step, network.unique)
    raise NumericalError(f"payments still move after {_MAX_STEPS} steps; use clear_debts, which solves for them")


def _payments(network: _Network, paid: Float1D) -> Float1D:
    """One application of the clearing map."""
    alpha, beta = network.recovery
    estate = alpha * network.assets + beta * (network.shares.T @ paid)
    return np.where(_short(network, paid), np.minimum(estate, network.owed), network.owed)


def _short(network: _Network, paid: Float1D) -> Bool1D:
    """Who cannot pay in full; a shortage of rounding size is none."""
    means = network.assets + network.shares.T @ paid
    return np.asarray(means < network.owed - 1e-12 * (network.owed + network.assets.max(initial=0.0)))


def _network(
    liabilities: ArrayLike, assets: ArrayLike, outside: ArrayLike, asset_recovery: float, claim_recovery: float
) -> _Network:
    debts, own = np.asarray(liabilities, np.float64), np.asarray(assets, np.float64)
    if own.ndim != 1 or debts.shape != (len(own), len(own)):
        raise InputError(f"liabilities {debts.shape} and assets {own.shape} given; expected (n, n) and (n,)")
    if np.shape(outside) not in ((), own.shape):
        raise InputError(f"outside debts have the shape {np.shape(outside)}, expected {own.shape} or one number")
    beyond = np.broadcast_to(np.asarray(outside, np.float64), own.shape)
    for name, values in (("liabilities", debts), ("assets", own), ("outside", beyond)):
        if not (np.isfinite(values).all() and (values >= 0).all()):
            raise InputError(
                f"{name} must be finite and at least 0, found {values.min()}; a negative asset is a debt to outside"
            )
    if np.diag(debts).any():
        raise InputError(f"node {int(np.flatnonzero(np.diag(debts))[0])} owes itself; set the diagonal to 0")
    if not (0 < asset_recovery <= 1 and 0 < claim_recovery <= 1):
        raise InputError(f"recoveries must lie in (0, 1], found {asset_recovery} and {claim_recovery}")
    owed = debts.sum(axis=1) + beyond
    shares = np.divide(debts, owed[:, None], out=np.zeros_like(debts), where=owed[:, None] > 0)
    costless = asset_recovery == claim_recovery == 1.0
    return _Network(shares, owed, own, (asset_recovery, claim_recovery), costless and _regular(debts, own, owed, beyond))


def _regular(debts: Float2D, assets: Float1D, owed: Float1D, outside: Float1D) -> bool:
    """Whether the debts of every node lead somewhere to a surplus (Eisenberg and Noe, definition 5): then theorem 2 holds.

    A node that owes nothing, and the world outside, are surplus sinks: assets given to them would change no payment.
    """
    surplus = (assets > 0) | (owed == 0) | (outside > 0)
    while True:
        wider = surplus | ((debts > 0) & surplus[None, :]).any(axis=1)
        if (wider == surplus).all():
            return bool(surplus.all())
        surplus = wider


def _frame(
    network: _Network, paid: Float1D, failed: Bool1D, failed_in: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> pl.DataFrame:
    received = network.shares.T @ paid
    left = network.assets + received - paid
    columns = {
        "owed": network.owed,
        "paid": paid,
        "received": received,
        "equity": np.where(failed, 0.0, np.maximum(left, 0.0)),
        "lost": np.where(failed, np.maximum(left, 0.0), 0.0),
        "default_round": failed_in,
    }
    fell = pl.col("default_round")
    return pl.DataFrame(columns).with_columns(pl.when(fell > 0).then(fell))
