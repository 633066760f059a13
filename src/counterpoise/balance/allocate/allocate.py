"""Allocate: the amounts that balance cost, risk, leakage and fairness, at every level of the tree at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy import optimize, sparse

from counterpoise.balance.allocate.plan import Plan
from counterpoise.balance.allocate.program import Program, Row, build_program, solve_program
from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.core.arrays import Float1D
from counterpoise.core.errors import InputError, NumericalError, UnknownName

__all__ = ["allocate"]

_ROUNDS: Final = 12  # of the fairness bound
_SETTLED: Final = 1e-4
_DUST: Final = 1e-7  # of the parent's value: what an interior point leaves of nothing


def allocate(
    target: Mapping[str, float], setting: AllocationSetting, *, wishes: AllocationWishes | None = None, tolerance: float = 1e-8
) -> Plan:
    """The plan of least  cost + risk + leakage  inside the bounds of every node.

    Minimises, with q ≥ 0 the amounts by instrument and slice in the direction of their token's target, f the signed flow of
    each token and x what remains of it [millions]:

        Σ h q + Σ η q (q/V)^δ + ½ Σ_{k,l} f_k Λ f_l G(|k − l|) + Σ α x + λ Σ x_k Σ x_k τ + π Σ_nodes Σ_k (F_nk/s_n)²

    subject to participation at every node named, fairness at every level named, and Σ_k f = target + d with Σ d = 0 and the
    standard deviation of d over a day inside the tracking band.

    Parameters
    ----------
    target : mapping of str to float
        Signed millions by token node, ``token:BTC``; a token left out is not traded, unless as a proxy.
    setting : AllocationSetting
    wishes : AllocationWishes, optional
    tolerance : float
        Of the interior-point method.

    Returns
    -------
    Plan

    Raises
    ------
    InputError
        If there is no plan: the message says which bounds to relax, and by how much.
    UnknownName
        If a token or a node is not in the tree.
    NumericalError
        If the solver gave up.

    Notes
    -----
    A parent that buys some tokens and sells others never trades against its own side. Fairness u_n = (own/volume)^δ bounded
    by c times the mean is not convex: the mean is that of the plan before, until it settles (12 rounds at most); the plan
    tells the true values. The whole is a conic program (quadratic cost, cones for the temporary one, a second-order cone for
    tracking), solved by Clarabel.

    References
    ----------
    Gatheral, Schied, Slynko (2012) for the transient term; Mastromatteo et al. (2017), arXiv 1702.03838, for the symmetric
    cross-impact; Goulart, Chen (2024), arXiv 2405.12762, for the solver.
    """
    wishes = wishes or AllocationWishes()
    unknown = set(target) - set(setting.tokens)
    if unknown:
        raise UnknownName("token of the tree", sorted(unknown)[0], setting.tokens)
    wanted = np.array([target.get(token, 0.0) for token in setting.tokens])
    value = float(np.abs(wanted).sum())
    if not 0 < value < np.inf:
        raise InputError(f"a parent wants something of some token; found a target of {value:g} millions in all")
    rows = [*_participation(setting, wishes)]
    plan = _solved(setting, wishes, wanted, rows, value, tolerance)
    if not wishes.fairness:
        return plan
    for _ in range(_ROUNDS):
        before = plan
        plan = _solved(setting, wishes, wanted, [*rows, *_fairness(before, wishes)], value, tolerance)
        if float(np.abs(plan.amounts - before.amounts).max()) < _SETTLED * value:
            break
    return plan


def _solved(
    setting: AllocationSetting, wishes: AllocationWishes, wanted: Float1D, rows: list[Row], value: float, tolerance: float
) -> Plan:
    program = build_program(setting, wishes, wanted, rows, value=value)
    found = solve_program(program, tolerance=tolerance)
    if isinstance(found, str):
        raise InputError(_what_to_relax(program, wanted, value))
    z, said = found
    amounts = z[program.q].reshape(setting.slices, -1)
    amounts = np.where(amounts > _DUST * value, amounts, 0.0)
    side = np.where(wanted < 0, -1.0, 1.0)[setting.token_of]
    return Plan(setting=setting, target=wanted, amounts=amounts * side, solver=said)


def _participation(setting: AllocationSetting, wishes: AllocationWishes) -> list[Row]:
    """own ≤ p/(1 − p) others, for every slice of each node."""
    out = []
    for name, cap in wishes.participation.items():
        for node in setting.nodes(name):
            members = setting.members(node)
            row = np.zeros((1, len(setting.instruments)))
            row[0, members] = 1.0
            matrix = sparse.csr_matrix(sparse.kron(sparse.eye_array(setting.slices), row))
            bound = cap / (1 - cap) * setting.volume[members].sum(axis=0)
            out.append(Row(f"participation of {node}, {cap:g}", matrix, bound))
    return out


def _fairness(plan: Plan, wishes: AllocationWishes) -> list[Row]:
    """(own/volume)^δ ≤ c × the mean of the plan before."""
    setting, out = plan.setting, []
    exponent = setting.temporary.exponent or 0.5
    for level, most in wishes.fairness.items():
        impacts = plan.impact_of(level)
        mean = float(np.mean(list(impacts.values())))
        for node in impacts:
            members = setting.members(node)
            row = np.zeros(len(setting.instruments))
            row[members] = 1.0
            bound = (most * mean) ** (1 / exponent) * setting.volume[members].sum()
            matrix = sparse.csr_matrix(np.tile(row, setting.slices)[None, :])
            out.append(Row(f"fairness of {level}, {most:g} times the mean", matrix, np.array([bound])))
    return out


def _what_to_relax(program: Program, wanted: Float1D, value: float) -> str:
    """The smallest violations in all that would let the parent through, by the names of the bounds: a linear program."""
    setting = program.setting
    tokens, members, families = len(setting.tokens), len(setting.instruments), len(program.rows)
    token = sparse.coo_array((np.ones(members), (setting.token_of, np.arange(members))), shape=(tokens, members))
    whole = sparse.hstack([sparse.kron(np.ones((1, setting.slices)), token), sparse.coo_array((tokens, families))])
    above = sparse.vstack([sparse.hstack([row.matrix, _column(row, i, families)]) for i, row in enumerate(program.rows)])
    found = optimize.linprog(
        np.concatenate([np.zeros(program.q.stop), np.ones(families)]),
        A_ub=sparse.csr_matrix(above),
        b_ub=np.concatenate([row.bound for row in program.rows]),
        A_eq=sparse.csr_matrix(whole),
        b_eq=np.abs(wanted),
        method="highs",
    )
    if found.x is None:
        raise NumericalError(f"neither a plan nor what stands in its way was found: {found.message}")
    missing = found.x[program.q.stop :]
    named = [
        f"{row.name}: {more:,.3g} millions more a slice"
        for row, more in zip(program.rows, missing, strict=True)
        if more > _SETTLED * value
    ]
    if not named:
        return "no plan keeps all bounds at once; widen tracking_bps or the fairness bounds"
    return "the market cannot take the parent inside its bounds; relax one of: " + "; ".join(named[:6])


def _column(row: Row, number: int, families: int) -> sparse.coo_array:
    """How much a family of bounds gives way: one number for all of its rows."""
    each = np.arange(len(row.bound))
    return sparse.coo_array((np.full(len(each), -1.0), (each, np.full(len(each), number))), shape=(len(each), families))
