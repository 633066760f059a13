"""The allocation as a conic program, put together for Clarabel from sparse blocks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

import clarabel
import numpy as np
from scipy import sparse

from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.core.arrays import Float1D, Float2D
from counterpoise.core.errors import NumericalError
from counterpoise.core.units import BPS, SECOND_NS

__all__ = ["Program", "Row", "build_program", "solve_program"]

_MILLION_BPS: Final = BPS  # a million × a bp, in millions


@dataclass(frozen=True)
class Row:
    """A family of inequalities A q ≤ b on the amounts, with the name a person knows it by."""

    name: str
    matrix: sparse.csr_matrix
    bound: Float1D


@dataclass
class Program:
    """Blocks of  min ½ zᵀPz + cᵀz  s.t.  Az + s = b, s in cones.

    z holds the amounts q ≥ 0 (slice by slice, instruments within), the flow of each token f = Bq, what remains of it x, the
    temporary cost t, and the deviation d of each token from its target.
    """

    setting: AllocationSetting
    q: slice
    f: slice
    x: slice
    t: slice
    d: slice
    quadratic: sparse.csc_matrix
    linear: Float1D
    equalities: sparse.csc_matrix
    level: Float1D
    rows: list[Row] = field(default_factory=list)
    tracking: tuple[Float2D, float] | None = None


def build_program(
    setting: AllocationSetting, wishes: AllocationWishes, target: Float1D, rows: Sequence[Row], *, value: float
) -> Program:
    """Objective [millions] and equalities.

    Parameters
    ----------
    target : (tokens,) float64
        Signed millions of each token.
    rows : sequence of Row
    value : float
        Of the parent [millions].
    """
    m, n, count = len(setting.instruments), len(setting.tokens), setting.slices
    q = slice(0, m * count)
    f = slice(q.stop, q.stop + n * count)
    x = slice(f.stop, f.stop + n * count)
    t = slice(x.stop, x.stop + (m * count if setting.temporary.bps > 0 else 0))
    d = slice(t.stop, t.stop + n)
    side = np.where(target < 0, -1.0, 1.0)
    risk = 2 * wishes.risk_aversion * setting.covariance * (setting.slice_ns / SECOND_NS)
    blocks = [
        (q, q, _leakage(setting, wishes, side, value)),
        (f, f, _transient(setting)),
        (x, x, sparse.kron(sparse.eye_array(count), risk)),
    ]
    quadratic = sparse.csc_matrix(_placed(blocks, d.stop, d.stop))
    linear = np.zeros(d.stop)
    linear[q] = np.tile(setting.linear_bps * BPS, count)
    linear[t] = BPS
    if setting.alpha_bps is not None:
        linear[x] = setting.alpha_bps.T.ravel() * BPS  # what is still to be bought costs more by then
    matrix, level = _equalities(setting, wishes, target, side, (q, f, x, d))
    tracking = None
    if wishes.tracking_bps > 0:
        root = _root(setting.daily_covariance)
        tracking = root / (value * BPS), wishes.tracking_bps
    return Program(setting, q, f, x, t, d, quadratic, linear, matrix, level, list(rows), tracking)


def _leakage(setting: AllocationSetting, wishes: AllocationWishes, side: Float1D, value: float) -> sparse.coo_array:
    """2 × price × Σ over nodes (their signed flow)²/noise², slice by slice."""
    m = len(setting.instruments)
    inner = np.zeros((m, m))
    signed = side[setting.token_of]
    for node, noise in (setting.noise or {}).items():
        row = np.zeros(m)
        members = setting.members(node)
        row[members] = signed[members]
        inner += np.outer(row, row) / noise**2
    return sparse.coo_array(sparse.kron(sparse.eye_array(setting.slices), 2 * wishes.leakage_price * value * BPS * inner))


def _transient(setting: AllocationSetting) -> sparse.coo_array:
    """λ_i^½ C_ij λ_j^½ G(|s − t|), between slices; a trade pays half of its own."""
    n, count = len(setting.tokens), setting.slices
    if setting.impact is None:
        return sparse.coo_array((n * count, n * count))
    lag = np.abs(np.subtract.outer(np.arange(count), np.arange(count))) * setting.slice_ns
    decay = setting.propagator.kernel(lag.ravel()).reshape(count, count)
    cross = np.eye(n) if setting.cross is None else setting.cross
    root = np.sqrt(setting.impact)
    return sparse.coo_array(sparse.kron(decay, sparse.coo_array(BPS * root[:, None] * cross * root[None, :])))


def _equalities(
    setting: AllocationSetting,
    wishes: AllocationWishes,
    target: Float1D,
    side: Float1D,
    places: tuple[slice, slice, slice, slice],
) -> tuple[sparse.csc_matrix, Float1D]:
    """f = Bq, x = target − what was done before each slice, Σ f = target + d, and what d may be."""
    q, f, x, d = places
    m, n, count = len(setting.instruments), len(setting.tokens), setting.slices
    members = sparse.coo_array((side[setting.token_of], (setting.token_of, np.arange(m))), shape=(n, m))
    before = sparse.coo_array(np.tril(np.ones((count, count)), -1))
    one = sparse.eye_array(n * count)
    flows = _row((q, -sparse.kron(sparse.eye_array(count), members)), (f, one), width=d.stop)
    rests = _row((f, sparse.kron(before, sparse.eye_array(n))), (x, one), width=d.stop)
    whole = _row((f, sparse.kron(np.ones((1, count)), sparse.eye_array(n))), (d, -sparse.eye_array(n)), width=d.stop)
    deviation = sparse.eye_array(n) if wishes.tracking_bps == 0 else sparse.coo_array(np.ones((1, n)))
    free = _row((d, deviation), width=d.stop)
    level = np.concatenate([np.zeros(n * count), np.tile(target, count), target, np.zeros(free.shape[0])])
    return sparse.csc_matrix(sparse.vstack([flows, rests, whole, free])), level


def _row(*blocks: tuple[slice, sparse.coo_array], width: int) -> sparse.csr_matrix:
    """One row of blocks, each in its place."""
    return _placed([(slice(0, 0), place, block) for place, block in blocks], blocks[0][1].shape[0], width)


def _placed(blocks: list[tuple[slice, slice, sparse.coo_array]], height: int, width: int) -> sparse.csr_matrix:
    parts = [(down, across, sparse.coo_array(block)) for down, across, block in blocks]
    values = np.concatenate([block.data for _, _, block in parts])
    rows = np.concatenate([block.coords[0] + down.start for down, _, block in parts])
    columns = np.concatenate([block.coords[1] + across.start for _, across, block in parts])
    return sparse.csr_matrix((values, (rows, columns)), shape=(height, width))


def _root(covariance: Float2D) -> Float2D:
    """R with RᵀR = Σ, for one that may be singular."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0))).T)


def solve_program(program: Program, *, tolerance: float = 1e-8) -> tuple[Float1D, Callable[[], str]] | str:
    """z and how the solver fared, or the solver's word where it found no plan.

    Raises
    ------
    NumericalError
        If the solver gave up without saying that there is none.
    """
    width = program.d.stop
    blocks, levels = [program.equalities], [program.level]
    cones = [clarabel.ZeroConeT(program.equalities.shape[0])]
    rows = [_row((program.q, row.matrix), width=width) for row in program.rows]
    floor = _row((program.q, -sparse.eye_array(program.q.stop)), width=width)
    blocks += [floor, *rows]
    levels += [np.zeros(program.q.stop), *(row.bound for row in program.rows)]
    cones.append(clarabel.NonnegativeConeT(program.q.stop + sum(row.matrix.shape[0] for row in program.rows)))
    if program.tracking is not None:
        root, most = program.tracking
        blocks += [
            _row((program.d, block), width=width) for block in (sparse.coo_array((1, len(root))), sparse.coo_array(-root))
        ]
        levels += [np.array([most]), np.zeros(len(root))]
        cones.append(clarabel.SecondOrderConeT(len(root) + 1))
    if program.t.stop > program.t.start:
        matrix, level, powers = _temporary(program)
        blocks.append(matrix)
        levels.append(level)
        cones += powers
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    upper = sparse.csc_matrix(sparse.triu(program.quadratic))
    solver = clarabel.DefaultSolver(
        upper, program.linear, sparse.csc_matrix(sparse.vstack(blocks)), np.concatenate(levels), cones, settings
    )
    found = solver.solve()
    status = str(found.status)
    if status in ("Solved", "AlmostSolved"):
        return np.array(found.x), lambda: f"{status} in {found.iterations} steps, {found.solve_time:.3f} s"
    if "PrimalInfeasible" in status:
        return status
    raise NumericalError(f"the solver ended with {status} after {found.iterations} steps; scale the setting, or ask for less")


def _temporary(program: Program) -> tuple[sparse.csr_matrix, Float1D, list[object]]:
    """t ≥ η scale q^(1+δ)/V^δ as power cones (t, V, ηq): t^α V^(1−α) ≥ (scale η)^α q with α = 1/(1+δ)."""
    setting, width = program.setting, program.d.stop
    alpha = 1 / (1 + setting.temporary.exponent)
    m, count = len(setting.instruments), setting.slices
    scale = np.ones(m) if setting.temporary_scale is None else setting.temporary_scale
    factor = np.tile((scale * setting.temporary.bps) ** alpha, count)
    each = np.arange(m * count)
    rows = np.concatenate([3 * each, 3 * each + 2])
    columns = np.concatenate([program.t.start + each, program.q.start + each])
    values = np.concatenate([np.full(m * count, -1.0), -factor])
    level = np.zeros(3 * m * count)
    level[1::3] = np.maximum(setting.volume.T.ravel(), 1e-12)
    matrix = sparse.csr_matrix((values, (rows, columns)), shape=(3 * m * count, width))
    return matrix, level, [clarabel.PowerConeT(alpha)] * (m * count)
