"""Stoikov's microprice: its defining equation on the data it was fitted on, a chain whose answer is known, and recordings."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.core.errors import DataError, InputError
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import measure
from counterpoise.flow.microprice import Microprice
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording

STOCK = parse_instrument("binance:BTCUSDT", tick="0.01", lot="1")


def chain(seed: int, rows: int, *, up: float) -> pl.DataFrame:
    """Spread of one tick; a heavy bid is followed by a rise with probability `up`, a heavy ask by a fall; else by a fresh draw.

    After a move the imbalance is drawn afresh and evenly, so E[mid moves in all | heavy bid] = up + (1 − up)·0 = up ticks.
    """
    draw = np.random.default_rng(seed)
    heavy = draw.random(rows) < 0.5
    moves = np.where(draw.random(rows) < up, np.where(heavy, 1, -1), 0)[:-1]
    mid = 100.005 + 0.01 * np.concatenate([[0], np.cumsum(moves)])
    return pl.DataFrame(
        {"mid": mid, "spread": 0.01, "bid_qty": np.where(heavy, 9.0, 1.0), "ask_qty": np.where(heavy, 1.0, 9.0)}
    )


@pytest.mark.parametrize("up", [0.1, 0.4])
def test_a_chain_with_a_known_answer(up: float) -> None:
    """Over 20 seeds the mean is within four standard errors of the truth."""
    found = [Microprice.fit(chain(seed, 5_000, up=up), STOCK, buckets=3, spreads=1).adjustment[0, 2] for seed in range(20)]
    assert abs(np.mean(found) - up) < 4 * np.std(found) / np.sqrt(len(found))
    assert np.std(found) < 0.02


def test_symmetric_by_construction() -> None:
    fitted = Microprice.fit(chain(1, 2_000, up=0.3), STOCK, buckets=5, spreads=2)
    seen = fitted.observed > 0
    assert np.allclose(fitted.adjustment[seen], -fitted.adjustment[:, ::-1][seen])
    assert np.array_equal(fitted.observed, fitted.observed[:, ::-1])
    assert fitted.observed.sum() == 1_999


def test_an_even_book_leans_nowhere() -> None:
    """Sizes 4 to 3, 3 to 4, or 2 to 2, after which the mid is a fair coin: an even book is its own mirror image."""
    draw = np.random.default_rng(8)
    kind = draw.integers(0, 3, 6_000)
    up = np.select([kind == 0, kind == 1], [draw.random(6_000) < 0.4, draw.random(6_000) >= 0.4], draw.random(6_000) < 0.5)
    mid = 100.005 + 0.01 * np.concatenate([[0], np.cumsum(np.where(up, 1, -1)[:-1])])
    sizes = np.array([(4.0, 3.0), (3.0, 4.0), (2.0, 2.0)])[kind]
    frame = pl.DataFrame({"mid": mid, "spread": 0.01, "bid_qty": sizes[:, 0], "ask_qty": sizes[:, 1]})
    even = frame.filter(pl.col("bid_qty") == pl.col("ask_qty"))
    found = Microprice.fit(frame, STOCK, spreads=1).apply(even, STOCK)
    assert np.allclose(found.to_numpy(), even["mid"].to_numpy(), atol=1e-12)


def test_a_state_never_seen_is_null_and_so_is_a_null_sample() -> None:
    frame = chain(2, 500, up=0.3)
    fitted = Microprice.fit(frame, STOCK, buckets=11, spreads=1)
    odd = frame[:3].with_columns(pl.Series("bid_qty", [5.0, 9.0, None]), pl.Series("ask_qty", [5.0, 1.0, 1.0]))
    prices = fitted.apply(odd, STOCK)
    assert prices.is_null().to_list() == [True, False, True]  # an even book, a heavy bid, none
    assert Microprice.from_dict(fitted.to_dict()).apply(frame, STOCK).equals(fitted.apply(frame, STOCK))
    assert fitted.frame.height == 11


def test_a_null_breaks_the_chain_of_samples() -> None:
    frame = chain(3, 1_000, up=0.3)
    holed = frame.with_columns(pl.when(pl.int_range(1_000) % 100 == 50).then(None).otherwise(pl.col("mid")).alias("mid"))
    assert Microprice.fit(holed, STOCK).observed.sum() == 999 - 20


def test_bad_input_says_what_to_do() -> None:
    frame = chain(4, 300, up=0.3)
    with pytest.raises(InputError, match="missing: bid_qty"):
        Microprice.fit(frame.drop("bid_qty"), STOCK)
    with pytest.raises(DataError, match="100 transitions between samples, found 49"):
        Microprice.fit(frame[:50], STOCK)
    with pytest.raises(DataError, match="never moved"):
        Microprice.fit(frame.with_columns(mid=pl.lit(100.005)), STOCK)
    with pytest.raises(InputError, match=r"wants 3, 5, \.\.\. buckets"):
        Microprice.fit(frame, STOCK, buckets=10)
    with pytest.raises(InputError, match="no microprice"):
        Microprice.from_dict({})


@pytest.mark.realdata
def test_the_defining_equation_holds_on_a_recording(data_dir: Path) -> None:
    """G(s) = E[Δmid + G(next state)] over the transitions from s and their mirror images: a martingale, counted one by one."""
    events, _ = read_recording("usdm", data_dir)
    perp = CAPTURES["usdm"].instrument
    frame = measure(events, perp, bins=Bins.parse("100ms")).drop_nulls(["mid", "bid_qty"])
    fitted = Microprice.fit(frame, perp, buckets=5, spreads=1)
    tick = perp.price_grid.size
    totals: dict[int, list[float]] = {bucket: [] for bucket in range(5)}
    rows = frame.select("mid", "spread", "bid_qty", "ask_qty").rows()
    for (mid, spread, bid, ask), (mid1, spread1, bid1, ask1) in pairwise(rows):
        if round(spread / tick) == 1 and round(spread1 / tick) == 1:
            s, s1 = (min(int(b / (b + a) * 5), 4) for b, a in ((bid, ask), (bid1, ask1)))
            move = (mid1 - mid) / tick
            totals[s].append(move + fitted.adjustment[0, s1])
            totals[4 - s].append(-move + fitted.adjustment[0, 4 - s1])
    assert sum(map(len, totals.values())) > 5_000
    for bucket, expected in totals.items():
        assert np.mean(expected) == pytest.approx(fitted.adjustment[0, bucket], abs=1e-6)
    assert (np.diff(fitted.adjustment[0]) > 0).all()
