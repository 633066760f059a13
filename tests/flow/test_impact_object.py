"""The impact object: temporary, transient, permanent and cross impact; no round trip earns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.config import config_hash, parse_config
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.impact.impact import Impact, ImpactCost, TemporaryImpact, TransientImpact, nearest_psd

PROPAGATOR = TransientImpact(bps_per_million=2.0, permanent=0.25, half_lives=("1s", "30s"))
PAIR = Impact(propagator=PROPAGATOR, instruments=("a", "b"), cross=((1.0, 0.5), (0.5, 2.0)))
SQUARES = st.integers(1, 4).flatmap(
    lambda k: st.lists(st.lists(st.floats(-5, 5), min_size=k, max_size=k), min_size=k, max_size=k)
)
TRADES = st.lists(st.tuples(st.integers(0, 60), st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("of", "participation", "expected"),
    [("millions", None, (4 * 6 * 2 + 1 * 6 * 1) / 5), ("participation", [0.25, 0.01], (4 * 6 * 0.5 + 1 * 6 * 0.1) / 5)],
)
def test_temporary_by_hand(of: str, participation: list[float] | None, expected: float) -> None:
    """η = 6 bps, β = ½: four millions pay 6·√4 each, one pays 6; or 6·√share."""
    model = Impact(temporary=TemporaryImpact(bps=6, exponent=0.5, of=of))  # type: ignore[arg-type]
    share = None if participation is None else np.array(participation)
    cost = model.cost(np.array([0, 1]), np.array([4.0, -1.0]), participation=share)
    assert cost == ImpactCost(pytest.approx(expected), 0.0, 0.0, 5.0)
    assert cost.quote == pytest.approx(expected * 1e-4 * 5e6)


@given(TRADES)
def test_one_instrument_is_its_propagator(trades: list[tuple[int, int, int]]) -> None:
    """Parts add up to what `TransientImpact` says; the permanent one is ½ γ (Σq)²."""
    time = np.sort(np.array([t for t, _, _ in trades]) * SECOND_NS)
    q = np.array([float(q) for _, q, _ in trades])
    model = Impact(propagator=PROPAGATOR)
    cost = model.cost(time, q)
    assert cost.total_bps == pytest.approx(PROPAGATOR.cost_bps(time, q), abs=1e-12)
    assert cost.permanent_bps * cost.millions == pytest.approx(model.permanent_bps_per_million * q.sum() ** 2 / 2)
    assert np.allclose(model.displacement_bps(time + 5, time, q), PROPAGATOR.displacement_bps(time + 5, time, q))


def test_cross_displacement_by_hand() -> None:
    """Three millions of a: 2 × (1, .5) × 3 × G bps on a and b; G of 0 is 1, seen one nanosecond after."""
    moved = PAIR.displacement_bps(np.array([0, 1]), np.array([0]), np.array([[3.0, 0.0]]))
    assert moved == pytest.approx(np.array([[0, 0], [6.0, 3.0]]))
    assert np.array([[2.0, 1.0], [1.0, 4.0]]) == pytest.approx(PAIR.matrix)


def test_cross_cost_by_hand() -> None:
    """Both at once: ½ qᵀΛq = ½ (2·9 + 2·1·3·(−1) + 4·1) = 8 of 4 millions."""
    cost = PAIR.cost(np.array([7]), np.array([[3.0, -1.0]]))
    assert cost.total_bps == pytest.approx(8 / 4)
    assert cost.permanent_bps == pytest.approx(0.25 * 8 / 4)


@given(SQUARES, TRADES, st.floats(0, 1), st.floats(0, 2))
def test_no_round_trip_earns(
    square: list[list[float]], trades: list[tuple[int, int, int]], permanent: float, beta: float
) -> None:
    """Any projected matrix, any schedule over its instruments that ends flat (Schneider, Lillo 2019)."""
    sound = nearest_psd(np.array(square))
    k = len(sound)
    model = Impact(
        temporary=TemporaryImpact(bps=0.01, exponent=beta, of="millions"),
        propagator=TransientImpact(bps_per_million=3, permanent=permanent),
        instruments=tuple("abcd"[:k]),
        cross=tuple(map(tuple, sound.tolist())),
    )
    draw = np.random.default_rng(len(trades))
    time = np.append(np.sort(np.array([t for t, _, _ in trades]) * SECOND_NS), 100 * SECOND_NS)
    q = np.array([[a, b, a - b, a + 2 * b][:k] for _, a, b in trades], np.float64) * draw.choice([0, 1], (len(trades), k))
    cost = model.cost(time, np.vstack([q, -q.sum(axis=0)]))
    assert cost.total_bps * cost.millions >= -1e-9 * (1 + cost.millions**2)


@pytest.mark.parametrize("eigenvalue", [-0.5, -0.01])
def test_what_is_refused_would_have_earned(eigenvalue: float) -> None:
    """Along the eigenvector of a negative eigenvalue a schedule has negative cost: the refusal is not idle."""
    vectors = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    wrong = (vectors * [eigenvalue, 1, 2]) @ vectors.T
    q = vectors[:, 0]
    assert q @ wrong @ q < 0
    with pytest.raises(InputError, match="least eigenvalue is -0"):
        Impact(propagator=PROPAGATOR, instruments=("a", "b", "c"), cross=tuple(map(tuple, ((wrong + wrong.T) / 2).tolist())))


@given(SQUARES)
def test_nearest_psd_is_nearest(square: list[list[float]]) -> None:
    """Its distance is that of Higham's formula, and no random positive semidefinite matrix is nearer."""
    given_matrix = np.array(square)
    near = nearest_psd(given_matrix)
    assert np.linalg.eigvalsh(near)[0] >= -1e-9
    symmetric, skew = (given_matrix + given_matrix.T) / 2, (given_matrix - given_matrix.T) / 2
    negative = np.minimum(np.linalg.eigvalsh(symmetric), 0)
    distance = np.sqrt((negative**2).sum() + (skew**2).sum())
    assert np.linalg.norm(near - given_matrix) == pytest.approx(distance, abs=1e-9)
    root = np.random.default_rng(1).normal(size=near.shape)
    assert np.linalg.norm(root @ root.T - given_matrix) >= distance - 1e-9


def test_it_is_written_in_toml_and_hashed() -> None:
    text = """
    instruments = ["a", "b"]
    cross = [[1.0, 0.5], [0.5, 2.0]]
    [propagator]
    bps_per_million = 2
    permanent = 0.25
    half_lives = ["1s", "30s"]
    """
    assert parse_config(text, Impact) == PAIR
    assert config_hash(parse_config(text, Impact)) == config_hash(PAIR) != config_hash(Impact())
    with pytest.raises(UnknownName, match="did you mean 'cross'"):
        parse_config("crosses = []", Impact)


def test_nothing_costs_nothing() -> None:
    assert Impact().cost(np.array([1, 2]), np.array([1.0, -5.0])).total_bps == 0
    assert PAIR.cost(np.array([1]), np.zeros((1, 2))) == ImpactCost(0, 0, 0, 0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"instruments": ("a", "a")}, "stands twice"),
        ({"instruments": ("a", "b"), "cross": ((1.0,),)}, "matrix of as many rows"),
        ({"instruments": ("a", "b"), "cross": ((1.0, 0.1), (0.2, 1.0))}, "symmetric, or a round trip earns"),
        ({"instruments": ("a", "b"), "cross": ((1.0, 2.0), (2.0, 1.0))}, "take nearest_psd"),
        ({"instruments": ("a",), "cross": ((float("nan"),),)}, "finite"),
    ],
)
def test_models_that_cannot_be_meant_are_refused(bad: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Impact(**bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [{"bps": -1}, {"exponent": -0.1}, {"exponent": 2.1}, {"bps": float("nan")}])
def test_temporary_out_of_bounds_is_refused(bad: dict[str, float]) -> None:
    with pytest.raises(InputError, match="temporary impact needs"):
        TemporaryImpact(**bad)  # type: ignore[arg-type]


def test_trades_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="2 instruments at 1 times"):
        PAIR.cost(np.array([1]), np.array([1.0]))
    with pytest.raises(InputError, match="give participation="):
        Impact(temporary=TemporaryImpact(bps=1)).cost(np.array([1]), np.array([1.0]))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_trades_that_are_no_numbers_have_no_cost(bad: float) -> None:
    ns = np.array([0, 1])
    with pytest.raises(InputError, match="trade 0 of instrument 0"):
        Impact(propagator=TransientImpact(bps_per_million=1.0)).cost(ns, np.array([bad, 1.0]))
    with pytest.raises(InputError, match="participation 1 of instrument 0"):
        Impact(temporary=TemporaryImpact(bps=1.0)).cost(ns, np.ones(2), participation=np.array([0.1, bad]))
