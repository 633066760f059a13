"""The value of a place: closed forms, a simulation that knows nothing of the equations, and limits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.balance.placement.queue_value import QueueMarket, queue_value
from counterpoise.core.errors import InputError

BUSY = QueueMarket(
    trade_rate=1.0, trade_lots=(0.5, 0.2, 0.1, 0.2), impact=0.05, cancel_rate=0.1, away_rate=0.1, through_rate=0.08, jump=1.0
)


def test_the_front_of_single_lots_by_hand() -> None:
    """α = (μ + t)/R, and β R = μ κ (1 − α) + t J: the other side's trades lift what waits."""
    market = QueueMarket(trade_rate=2.0, impact=0.1, away_rate=1.0, through_rate=0.5, jump=1.5)
    found = queue_value(market, most_ahead=0)
    alpha = 2.5 / 3.5
    assert found.filled.tolist() == pytest.approx([alpha])
    assert found.adverse_ticks.tolist() == pytest.approx([(2.0 * 0.1 * (1 - alpha) + 0.5 * 1.5) / 3.5])
    assert found.ticks(0, earned=0.5) == pytest.approx(alpha * 0.5 - found.adverse_ticks[0])


def test_a_price_that_never_jumps_fills_every_place_without_an_edge() -> None:
    """Trades alone: the value is a martingale, so all that is lost by a fill is won back while waiting, in the mean."""
    calm = QueueMarket(trade_rate=1.0, trade_lots=(0.6, 0.4), impact=0.1, cancel_rate=0.2)
    found = queue_value(calm, most_ahead=30)
    assert found.filled == pytest.approx(np.ones(31))
    assert found.adverse_ticks == pytest.approx(np.zeros(31), abs=1e-12)


def test_the_end_of_a_long_queue_is_worth_what_a_jump_makes_of_it() -> None:
    """Nobody gets there by trades: filled by jumps through it alone, at a loss of J − δ."""
    market = QueueMarket(trade_rate=1.0, away_rate=0.3, through_rate=0.1, jump=1.0)
    found = queue_value(market, most_ahead=400)
    assert found.filled[-1] == pytest.approx(0.25, abs=1e-9)
    assert found.ticks(400, earned=0.5) == pytest.approx(-0.125, abs=1e-9)


def simulated(market: QueueMarket, *, ahead: int, runs: int, seed: int) -> tuple[float, float, float]:
    """Share filled, what the value moved against an order by its fill (0 unfilled), and that mean's standard error."""
    rng = np.random.default_rng(seed)
    sizes = np.arange(1, len(market.trade_lots) + 1)
    adverse = np.zeros(runs)
    filled = np.zeros(runs)
    for run in range(runs):
        place, moved = ahead, 0.0
        while True:
            rates = np.array([1, 1, 0, 0, 0]) * market.trade_rate
            rates = rates + np.array([0, 0, market.cancel_rate * place, market.away_rate, market.through_rate])
            what = rng.choice(5, p=rates / rates.sum())
            if what <= 1:
                size = rng.choice(sizes, p=market.trade_lots)
                moved += market.impact * size * (1 if what == 0 else -1)
                if what == 0:
                    if size > place:
                        filled[run], adverse[run] = 1, moved
                        break
                    place -= size
            elif what == 2:
                place -= 1
            else:
                if what == 4:
                    filled[run], adverse[run] = 1, moved + market.jump
                break
    return float(filled.mean()), float(adverse.mean()), float(adverse.std() / runs**0.5)


@pytest.mark.parametrize("ahead", [0, 4])
def test_a_simulation_agrees(ahead: int) -> None:
    runs = 4_000
    share, adverse, error = simulated(BUSY, ahead=ahead, runs=runs, seed=3)
    found = queue_value(BUSY, most_ahead=ahead)
    assert share == pytest.approx(found.filled[ahead], abs=4 * (0.25 / runs) ** 0.5)
    assert adverse == pytest.approx(found.adverse_ticks[ahead], abs=4 * error)


@given(
    away=st.floats(0.01, 2),
    through=st.floats(0.0, 2),
    cancel=st.floats(0, 1),
    impact=st.floats(0, 0.2),
    large=st.floats(0, 0.5),
)
@settings(max_examples=50, deadline=None)
def test_laws(away: float, through: float, cancel: float, impact: float, large: float) -> None:
    """A place nearer the front is filled more often; a fill further back is against more; scale of time does not matter."""
    market = QueueMarket(
        trade_rate=1.0,
        trade_lots=(1 - large, 0.0, large),
        impact=impact,
        cancel_rate=cancel,
        away_rate=away,
        through_rate=through,
        jump=10 * impact + 1,
    )
    found = queue_value(market, most_ahead=25)
    assert (np.diff(found.filled) <= 1e-12).all()
    each = found.adverse_ticks / found.filled
    assert (np.diff(each[found.filled > 1e-9]) >= -1e-9).all()
    faster = QueueMarket(
        trade_rate=3.0,
        trade_lots=market.trade_lots,
        impact=impact,
        cancel_rate=3 * cancel,
        away_rate=3 * away,
        through_rate=3 * through,
        jump=market.jump,
    )
    assert queue_value(faster, most_ahead=25).adverse_ticks == pytest.approx(found.adverse_ticks, abs=1e-12)


def test_what_is_refused() -> None:
    for terms in (
        {"trade_rate": 0.0},
        {"trade_lots": (0.5, 0.4)},
        {"trade_lots": ()},
        {"impact": -1.0},
        {"jump": float("nan")},
    ):
        with pytest.raises(InputError):
            QueueMarket(**({"trade_rate": 1.0} | terms))  # type: ignore[arg-type]
    with pytest.raises(InputError):
        queue_value(BUSY, most_ahead=-1)
    with pytest.raises(InputError, match="solve for more"):
        queue_value(BUSY, most_ahead=2).ticks(3, earned=0.5)
