"""The allocation as a conic program, put together for Clarabel from sparse blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import clarabel
import numpy as np
from scipy import sparse

from counterpoise.balance.allocate.setting import AllocationSetting, AllocationWishes
from counterpoise.core.arrays import Bool1D, Float1D, Float2D, Int1D
from counterpoise.core.errors import NumericalError
from counterpoise.core.units import BPS, SECOND_NS

__all__ = ["Program", "Row", "build_program", "solve_program"]

_LEAST: Final = 1e-9
_ROOT: Final = 0.5  # the exponent that second-order cones can express


@dataclass(frozen=True)
class Row:
    """A family of inequalities A q ≤ b on the amounts, with the name a person knows it by."""

    name: str
    matrix: sparse.csr_matrix
    bound: Float1D


@dataclass
class Program:
    """Blocks of  min ½ zᵀPz + cᵀz  s.t.  Az + s = b, s in cones.

    z holds, in places of these names, the amounts q ≥ 0 (slice by slice, instruments within), the flow of each token f = Bq,
    what remains of it x, the displacement y of each component of the kernel that decays, the signed flow g of each node that
    leaks, the temporary cost t with the root w of what is traded, where it needs cones, and the deviation d of each token
    from its target. `value` is the parent's, `temporary` η of each amount, `active` whether it may be more than 0.
    """

    setting: AllocationSetting
    value: float
    active: Bool1D
    temporary: Float1D
    place: dict[str, slice]
    quadratic: sparse.csc_matrix
    linear: Float1D
    equalities: sparse.csc_matrix
    level: Float1D
    rows: list[Row] = field(default_factory=list)
    tracking: tuple[Float2D, float] | None = None

    @property
    def width(self) -> int:
        return int(self.place["d"].stop)

    @property
    def q(self) -> slice:
        return self.place["q"]


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

    Notes
    -----
    The transient cost is taken apart by exponentials: with y_k = a y_{k−1} + f_k, the sum of f_k f_l a^|k−l| over all pairs is
    (1 − a²) Σ_{k<K} y_k² + y_K², so that nothing but neighbouring slices meet in the matrices. What stays for ever costs by
    the whole alone, target + d.
    """
    m, n, count = len(setting.instruments), len(setting.tokens), setting.slices
    parts = len(_kept(setting)[0])
    leaks = len(setting.noise or {}) if wishes.leakage_price > 0 else 0
    coned = m if setting.temporary.bps > 0 and setting.temporary.exponent not in (0, 1) else 0
    root = coned if setting.temporary.exponent == _ROOT else 0
    sizes = {"q": m, "f": n, "x": n, "y": parts * n, "g": leaks, "t": coned, "w": root}
    ends = np.cumsum([0, *(size * count for size in sizes.values()), n]).tolist()
    place = {name: slice(a, b) for name, a, b in zip((*sizes, "d"), ends, ends[1:], strict=False)}
    side = np.where(target < 0, -1.0, 1.0)
    linear = np.zeros(ends[-1])
    linear[place["q"]] = np.tile(setting.linear_bps * BPS, count)
    each = np.ones(m) if setting.temporary_scale is None else np.maximum(setting.temporary_scale, _LEAST)
    temporary = np.tile(each * setting.temporary.bps, count)
    linear[place["t"]] = BPS
    if setting.temporary.exponent == 0:
        linear[place["q"]] += temporary * BPS
    if setting.alpha_bps is not None:
        linear[place["x"]] = setting.alpha_bps.T.ravel() * BPS  # what is still to be bought costs more by then
    if setting.impact is not None:
        linear[place["d"]] = setting.propagator.permanent * _moved(setting, setting.impact) @ target
    matrix, level = _equalities(setting, wishes, target, side, place)
    tracking = None
    if wishes.tracking_bps > 0:
        tracking = _root(setting.daily_covariance) / (value * BPS), wishes.tracking_bps
    active = np.tile((target != 0)[setting.token_of] | (wishes.tracking_bps > 0), count)
    quadratic = _quadratic(setting, wishes, place, value)
    program = Program(setting, value, active, temporary, place, quadratic, linear, matrix, level, list(rows), tracking)
    if setting.temporary.exponent == 1:
        own = sparse.dia_array((2 * BPS * temporary / _volume(program), 0), shape=(m * count, m * count))
        program.quadratic += _placed([(place["q"], place["q"], own)], program.width, program.width)
    return program


def _quadratic(
    setting: AllocationSetting, wishes: AllocationWishes, place: dict[str, slice], value: float
) -> sparse.csc_matrix:
    """Risk of what remains, transient cost component by component, leakage node by node."""
    n, count = len(setting.tokens), setting.slices
    slices = sparse.eye_array(count)
    risk = 2 * wishes.risk_aversion * setting.covariance * (setting.slice_ns / SECOND_NS)
    blocks = [(place["x"], place["x"], sparse.kron(slices, risk))]
    if setting.impact is not None:
        moved = _moved(setting, setting.impact)
        for i, (share, a) in enumerate(zip(*_kept(setting), strict=True)):
            weights = np.append(np.full(count - 1, 1 - a * a), 1.0) * share
            at = slice(place["y"].start + i * n * count, place["y"].start + (i + 1) * n * count)
            blocks.append((at, at, sparse.kron(sparse.dia_array((weights[None, :], [0]), shape=(count, count)), moved)))
        blocks.append((place["d"], place["d"], sparse.coo_array(setting.propagator.permanent * moved)))
    if place["g"].stop > place["g"].start:
        price = 2 * wishes.leakage_price * value * BPS / np.array(list((setting.noise or {}).values())) ** 2
        blocks.append((place["g"], place["g"], sparse.kron(slices, np.diag(price))))
    width = place["d"].stop
    return sparse.csc_matrix(_placed(blocks, width, width))


def _kept(setting: AllocationSetting) -> tuple[Float1D, Float1D]:
    """Of each component of the kernel that decays: its share, and what a slice leaves of it."""
    decays = setting.propagator.rates > 0
    if setting.impact is None:
        decays[:] = False
    return setting.propagator.shares[decays], np.exp(-setting.propagator.rates[decays] * setting.slice_ns)


def _moved(setting: AllocationSetting, impact: Float1D) -> Float2D:
    """(tokens, tokens) what a million displaces."""
    root = np.sqrt(impact)
    cross = np.eye(len(root)) if setting.cross is None else setting.cross
    return np.asarray(BPS * root[:, None] * cross * root[None, :])


def _equalities(
    setting: AllocationSetting, wishes: AllocationWishes, target: Float1D, side: Float1D, place: dict[str, slice]
) -> tuple[sparse.csc_matrix, Float1D]:
    """f = Bq; x falls by f, to −d in the end; y decays and grows by f; g sums q below a node; and what d may be."""
    m, n, count = len(setting.instruments), len(setting.tokens), setting.slices
    width, slices, tokens = place["d"].stop, sparse.eye_array(count), sparse.eye_array(n)
    before = sparse.eye_array(count, k=-1)
    signed = side[setting.token_of]
    members = sparse.coo_array((signed, (setting.token_of, np.arange(m))), shape=(n, m))
    one = sparse.eye_array(n * count)
    parts = [_row((place["q"], -sparse.kron(slices, members)), (place["f"], one), width=width)]
    levels = [np.zeros(n * count)]
    parts.append(
        _row((place["f"], sparse.kron(before, tokens)), (place["x"], sparse.kron(slices - before, tokens)), width=width)
    )
    levels.append(np.append(target, np.zeros(n * (count - 1))))
    for i, a in enumerate(_kept(setting)[1]):
        at = slice(place["y"].start + i * n * count, place["y"].start + (i + 1) * n * count)
        parts.append(_row((place["f"], -one), (at, sparse.kron(slices - a * before, tokens)), width=width))
        levels.append(np.zeros(n * count))
    if place["g"].stop > place["g"].start:
        below = np.zeros((len(setting.noise or {}), m))
        for row, node in enumerate(setting.noise or {}):
            inside = setting.members(node)
            below[row, inside] = signed[inside]
        flows = sparse.kron(slices, sparse.coo_array(below))
        parts.append(_row((place["q"], -flows), (place["g"], sparse.eye_array(flows.shape[0])), width=width))
        levels.append(np.zeros(flows.shape[0]))
    last = sparse.coo_array(([1.0], ([0], [count - 1])), shape=(1, count))
    ends = [(place["x"], sparse.kron(last, tokens)), (place["f"], -sparse.kron(last, tokens)), (place["d"], tokens)]
    parts.append(_row(*ends, width=width))
    deviation = tokens if wishes.tracking_bps == 0 else sparse.coo_array(np.ones((1, n)))
    parts.append(_row((place["d"], deviation), width=width))
    levels += [np.zeros(n), np.zeros(parts[-1].shape[0])]
    return sparse.csc_matrix(sparse.vstack(parts)), np.concatenate(levels)


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


def solve_program(program: Program, *, tolerance: float = 1e-8) -> tuple[Float1D, str] | str:
    """z and how the solver fared, or the solver's word where it found no plan.

    Raises
    ------
    NumericalError
        If the solver gave up without saying that there is none.
    """
    width = program.width
    blocks, levels = [program.equalities], [program.level]
    cones = [clarabel.ZeroConeT(program.equalities.shape[0])]
    rows = [_row((program.q, row.matrix), width=width) for row in program.rows]
    floor = sparse.csr_matrix(_row((program.q, -sparse.eye_array(program.q.stop)), width=width))[program.active]
    blocks += [floor, *rows]
    levels += [np.zeros(floor.shape[0]), *(row.bound for row in program.rows)]
    cones.append(clarabel.NonnegativeConeT(sum(len(level) for level in levels[1:])))
    if program.tracking is not None:
        root, most = program.tracking
        blocks += [
            _row((program.place["d"], block), width=width)
            for block in (sparse.coo_array((1, len(root))), sparse.coo_array(-root))
        ]
        levels += [np.array([most]), np.zeros(len(root))]
        cones.append(clarabel.SecondOrderConeT(len(root) + 1))
    if program.place["t"].stop > program.place["t"].start:
        matrix, level, powers = _temporary(program)
        blocks.append(matrix)
        levels.append(level)
        cones += powers
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    scale, price = _scale(program), 1 / (program.value * BPS)
    columns = sparse.dia_array((scale[None, :], [0]), shape=(width, width))
    upper = sparse.csc_matrix(sparse.triu(columns @ program.quadratic @ columns) * price)
    matrix = sparse.csc_matrix(sparse.vstack(blocks) @ columns)
    found = clarabel.DefaultSolver(
        upper, program.linear * scale * price, matrix, np.concatenate(levels), cones, settings
    ).solve()
    status = str(found.status)
    if status in ("Solved", "AlmostSolved"):
        return scale * np.array(found.x), f"{status} in {found.iterations} steps"
    if "PrimalInfeasible" in status:
        return status
    raise NumericalError(f"the solver ended with {status} after {found.iterations} steps; scale the setting, or ask for less")


def _scale(program: Program) -> Float1D:
    """Units in which every number of a plan is near 1: q in volumes, t in what a whole volume costs, the rest in parents."""
    scale = np.full(program.width, program.value)
    scale[program.q] = np.where(program.active, _volume(program), 0.0)  # 0 takes an amount out of the program
    if program.place["t"].stop > program.place["t"].start:
        scale[program.place["t"]] = np.where(program.active, _volume(program) * program.temporary, 0.0)
    scale[program.place["w"]] = np.where(program.active[: program.place["w"].stop - program.place["w"].start], 1.0, 0.0)
    return scale


def _volume(program: Program) -> Float1D:
    """Expected volume, slice by slice; never 0, where nothing may be traded anyway."""
    return np.maximum(program.setting.volume.T.ravel(), _LEAST * program.value)


def _temporary(program: Program) -> tuple[sparse.csr_matrix, Float1D, list[object]]:
    """t ≥ η q (q/V)^δ, in units u = q/V and v = t/ηV: v ≥ u^(1+δ), for the amounts that may be more than 0."""
    each = np.flatnonzero(program.active)
    volume = _volume(program)[each]
    u = (program.q.start + each, 1 / volume)
    v = (program.place["t"].start + each, 1 / (volume * program.temporary[each]))
    if program.place["w"].stop == program.place["w"].start:
        alpha = 1 / (1 + program.setting.temporary.exponent)  # (v, 1, u): v^α 1^(1−α) ≥ u
        matrix, level = _cones(program.width, (0, v), (2, u), one=(0.0, 1.0, 0.0))
        return matrix, level, [clarabel.PowerConeT(alpha)] * len(each)
    w, one = (program.place["w"].start + each, np.ones(len(each))), np.ones(len(each))
    above, _ = _cones(program.width, (0, v), (0, w), (1, (u[0], 2 * u[1])), (2, v), (2, (w[0], -one)), one=(0.0, 0.0, 0.0))
    below, level = _cones(program.width, (0, u), (1, (w[0], 2 * one)), (2, u), one=(1.0, 0.0, -1.0))
    matrix = sparse.csr_matrix(sparse.vstack([above, below]))  # u² ≤ v w and w² ≤ u
    return matrix, np.concatenate([np.zeros(len(level)), level]), [clarabel.SecondOrderConeT(3)] * (2 * len(each))


def _cones(
    width: int, *terms: tuple[int, tuple[Int1D, Float1D]], one: tuple[float, float, float]
) -> tuple[sparse.csr_matrix, Float1D]:
    """Cones of three rows, s = `one` + the terms: each the row within its cone, and a column and a factor for every cone."""
    count = len(terms[0][1][0])
    rows = np.concatenate([3 * np.arange(count) + row for row, _ in terms])
    columns = np.concatenate([column for _, (column, _) in terms])
    factors = np.concatenate([-factor for _, (_, factor) in terms])
    return sparse.csr_matrix((factors, (rows, columns)), shape=(3 * count, width)), np.tile(one, count)
