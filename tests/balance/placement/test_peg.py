"""Pegs follow the book to their bounds, patience runs out by the clock."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.balance.placement.escalation import Escalation
from counterpoise.balance.placement.peg import Peg
from counterpoise.balance.placement.stance import Stance
from counterpoise.core.errors import InputError
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook

SECOND: Final = 10**9


def top(bid: int, ask: int) -> TopOfBook:
    return TopOfBook(bid, 5, ask, 5, BookState.SYNCED)


@pytest.mark.parametrize(
    ("terms", "side", "price"),
    [
        ({}, 1, 100),
        ({}, -1, 105),
        ({"offset_ticks": 1}, 1, 101),
        ({"offset_ticks": -2}, -1, 107),
        ({"to": "mid"}, 1, 102),
        ({"to": "mid"}, -1, 103),
        ({"to": "opposite"}, 1, 104),
        ({"to": "opposite", "post_only": False}, 1, 105),
        ({"to": "opposite", "post_only": False, "offset_ticks": 2}, -1, 98),
        ({"limit_ticks": 98}, 1, 98),
        ({"limit_ticks": 107}, -1, 107),
    ],
)
def test_where_it_stands(terms: dict[str, object], side: int, price: int) -> None:
    assert Peg(**terms).price(top(100, 105), side=side) == price  # type: ignore[arg-type]


def test_it_chases_so_far_and_comes_back_freely() -> None:
    peg = Peg(most_chase_ticks=3, band_ticks=1)
    assert peg.moved(top(101, 103), side=1, price_ticks=100, first_ticks=100) is None
    assert peg.moved(top(102, 104), side=1, price_ticks=100, first_ticks=100) == 102
    assert (
        peg.moved(top(140, 143), side=1, price_ticks=102, first_ticks=100) is None
    )  # 103 is all it may, a tick is not worth it
    assert peg.price(top(140, 143), side=1, first_ticks=100) == 103
    assert peg.price(top(90, 93), side=1, first_ticks=100) == 90
    assert peg.price(top(60, 63), side=-1, first_ticks=100) == 97
    assert Peg(limit_ticks=99, band_ticks=5).moved(top(100, 103), side=1, price_ticks=100) == 99


@given(
    bid=st.integers(1_000, 2_000),
    spread=st.integers(1, 20),
    side=st.sampled_from([1, -1]),
    to=st.sampled_from(["best", "mid", "opposite"]),
    offset=st.integers(-30, 30),
    limit=st.integers(0, 3_000),
    chase=st.integers(-1, 50),
    first=st.integers(900, 2_100),
)
def test_no_bound_is_ever_broken(
    bid: int, spread: int, side: int, to: str, offset: int, limit: int, chase: int, first: int
) -> None:
    peg = Peg(to=to, offset_ticks=offset, limit_ticks=limit, most_chase_ticks=chase)  # type: ignore[arg-type]
    price = peg.price(top(bid, bid + spread), side=side, first_ticks=first)
    opposite = bid + spread if side > 0 else bid
    assert side * (opposite - price) >= 1
    assert not limit or side * (limit - price) >= 0
    assert chase < 0 or side * (price - first) <= chase


def test_patience_runs_out() -> None:
    patience = Escalation(join="5s", improve="3s")
    seen = [patience.stance(int(t * SECOND)) for t in (0, 4.999, 5, 7.999, 8, 1000)]
    assert seen == [Stance.JOIN, Stance.JOIN, Stance.IMPROVE, Stance.IMPROVE, Stance.CROSS, Stance.CROSS]
    assert Escalation(join="5s", improve="3s", cross=False).stance(10**12) is Stance.IMPROVE
    assert Escalation(join="", improve="").stance(0) is Stance.CROSS
    assert [patience.next_ns(int(t * SECOND)) for t in (0, 5, 8)] == [5 * SECOND, 8 * SECOND, float("inf")]
    assert Escalation(cross=False).next_ns(6 * SECOND) == float("inf")


@given(waits=st.lists(st.integers(0, 20 * SECOND), min_size=2, max_size=6))
def test_patience_never_comes_back(waits: list[int]) -> None:
    order = [Stance.JOIN, Stance.IMPROVE, Stance.CROSS]
    places = [order.index(Escalation(join="4s", improve="4s").stance(wait)) for wait in sorted(waits)]
    assert places == sorted(places)


def test_what_is_refused() -> None:
    with pytest.raises(InputError):
        Peg().price(top(105, 100), side=1)
    with pytest.raises(InputError):
        Peg().price(top(100, 105), side=0)
    with pytest.raises(InputError):
        Peg(most_chase_ticks=-2)
    with pytest.raises(InputError):
        Escalation().stance(-1)
