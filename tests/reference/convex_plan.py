"""The allocation written as arithmetic in cvxpy, dense and slow, for its objective and its amounts."""

from __future__ import annotations

import cvxpy as cp
import numpy as np

from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.core.arrays import Float1D, Float2D


def objective(setting: AllocationSetting, wishes: AllocationWishes, target: Float1D, amounts: Float2D) -> float:
    """Millions that a plan of signed amounts costs, risk and leakage priced in; sums and no matrices."""
    slices, total, value = setting.slices, 0.0, float(np.abs(target).sum())
    flows = np.array([[amounts[k, setting.token_of == n].sum() for n in range(len(target))] for k in range(slices)])
    left = target.copy()
    for k in range(slices):
        for i in range(len(setting.instruments)):
            own = abs(amounts[k, i])
            total += own * setting.linear_bps[i] * 1e-4
            scale = 1.0 if setting.temporary_scale is None else setting.temporary_scale[i]
            total += own * scale * setting.temporary.bps * (own / setting.volume[i, k]) ** setting.temporary.exponent * 1e-4
        if setting.alpha_bps is not None:
            total += float(left @ setting.alpha_bps[:, k]) * 1e-4
        total += wishes.risk_aversion * float(left @ setting.covariance @ left) * setting.slice_ns / 1e9
        if setting.impact is not None:
            for before in range(slices):
                decay = setting.propagator.kernel(np.array([abs(k - before) * setting.slice_ns]))[0]
                cross = np.eye(len(target)) if setting.cross is None else setting.cross
                root = np.sqrt(setting.impact)
                total += 0.5e-4 * float((flows[k] * root) @ cross @ (flows[before] * root)) * decay
        for node, noise in (setting.noise or {}).items():
            total += wishes.leakage_price * value * 1e-4 * (amounts[k, setting.members(node)].sum() / noise) ** 2
        left = left - flows[k]
    return total


def solved(setting: AllocationSetting, wishes: AllocationWishes, target: Float1D) -> tuple[float, Float2D]:
    """Least objective and (slices, instruments) signed amounts. Fairness is left out."""
    m, n, slices, value = len(setting.instruments), len(target), setting.slices, float(np.abs(target).sum())
    side = np.where(target < 0, -1.0, 1.0)
    q, d = cp.Variable((slices, m), nonneg=True), cp.Variable(n)
    members = np.zeros((n, m))
    members[setting.token_of, np.arange(m)] = side[setting.token_of]
    flow = q @ members.T
    left = target - np.tril(np.ones((slices, slices)), -1) @ flow
    scale = np.ones(m) if setting.temporary_scale is None else setting.temporary_scale
    power = 1 + setting.temporary.exponent
    cost = 1e-4 * cp.sum(q @ setting.linear_bps)
    weight = scale[None, :] * setting.temporary.bps / setting.volume.T**setting.temporary.exponent
    cost += 1e-4 * cp.sum(cp.multiply(weight, cp.power(q, power)))
    if setting.alpha_bps is not None:
        cost += 1e-4 * cp.sum(cp.multiply(setting.alpha_bps.T, left))
    for k in range(slices):
        cost += wishes.risk_aversion * setting.slice_ns / 1e9 * cp.quad_form(left[k], cp.psd_wrap(setting.covariance))
        for node, noise in (setting.noise or {}).items():
            at = setting.members(node)
            cost += wishes.leakage_price * value * 1e-4 * cp.square((q[k, at] @ side[setting.token_of[at]]) / noise)
    if setting.impact is not None:
        lag = np.abs(np.subtract.outer(np.arange(slices), np.arange(slices))) * setting.slice_ns
        decay = setting.propagator.kernel(lag.ravel()).reshape(slices, slices)
        cross = np.eye(n) if setting.cross is None else setting.cross
        root = np.sqrt(setting.impact)
        whole = np.kron(decay, root[:, None] * cross * root[None, :])
        cost += 0.5e-4 * cp.quad_form(cp.vec(flow, order="C"), cp.psd_wrap(whole))
    bounds = [cp.sum(flow, axis=0) == target + d, cp.sum(d) == 0]
    if wishes.tracking_bps:
        root_day = np.linalg.cholesky(setting.daily_covariance + 1e-18 * np.eye(n)).T
        bounds.append(cp.norm(root_day @ d) <= wishes.tracking_bps * 1e-4 * value)
    else:
        bounds.append(d == 0)
    for name, cap in wishes.participation.items():
        for node in setting.nodes(name):
            at = setting.members(node)
            bounds.append(cp.sum(q[:, at], axis=1) <= cap / (1 - cap) * setting.volume[at].sum(axis=0))
    problem = cp.Problem(cp.Minimize(cost), bounds)
    problem.solve(solver=cp.CLARABEL, canon_backend=cp.SCIPY_CANON_BACKEND)
    return float(problem.value), q.value * side[setting.token_of][None, :]
