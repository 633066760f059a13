"""Markouts by hand, beside the fit of a curve, and their errors beside a slow twin and scipy's bootstrap."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy.stats import bootstrap

from counterpoise.balance.tca import fill_markouts, markouts
from counterpoise.core.errors import InputError, SchemaError
from counterpoise.sim.otc.markout import fit_markout
from reference.random_fills import random_fills

SECOND = 1_000_000_000
MID_NS = np.arange(0, 700, dtype=np.int64) * SECOND
MID = 100 + np.random.default_rng(0).normal(0, 0.02, 700).cumsum()


def test_one_fill_by_hand() -> None:
    """A maker sells 100.02 at a mid of 100; the mid is 100.05 after a second: he lost what he earned, and more."""
    fill = pl.DataFrame({"ts": [SECOND], "client_id": ["a"], "side": [-1], "price": [100.02], "qty": [1.0], "mid": [100.0]})
    table = fill_markouts(
        fill, mid_ns=np.array([0, 2 * SECOND, 3 * SECOND]), mid=np.array([100.0, 100.05, 100.3]), horizons=("1s", "3s")
    )
    assert table["effective_bps"].to_list() == pytest.approx([-2, -2])
    assert table["move_bps"].to_list() == [pytest.approx(-5), None]
    assert table["realised_bps"].to_list() == [pytest.approx(3), None]
    row = markouts(table).to_dicts()
    assert [(r["horizon"], r["fills"], r["children"], r["realised_bps_se"]) for r in row] == [("1s", 1, 1, None)]


@pytest.mark.parametrize("side", [1, -1])
def test_spread_is_what_stays_and_what_moves(side: int) -> None:
    table = fill_markouts(random_fills(2, side=side), mid_ns=MID_NS, mid=MID).drop_nulls("move_bps")
    assert table.height > 200
    assert table["effective_bps"].to_list() == pytest.approx((table["realised_bps"] + table["move_bps"]).to_list(), abs=1e-9)


def test_mean_move_agrees_with_the_fitted_curve() -> None:
    """A dealer's curve counts moves against him from the mid that stood, each fill alike."""
    rng = np.random.default_rng(5)
    ts, side = np.sort(rng.integers(0, 600 * SECOND, 80)), rng.choice([-1, 1], 80)
    before = MID[np.searchsorted(MID_NS, ts, side="right") - 1]
    fills = pl.DataFrame(
        {"ts": ts, "client_id": [str(i) for i in range(80)], "side": side, "price": before, "qty": 1.0, "mid": before}
    )
    horizons = ("1s", "10s", "1m")
    table = markouts(fill_markouts(fills, mid_ns=MID_NS, mid=MID, horizons=horizons))
    fit = fit_markout(ts, side, mid_ns=MID_NS, mid=MID, horizons=horizons)
    assert (-table["move_bps"]).to_list() == pytest.approx(list(fit.markout.bps))
    assert table["move_bps_se"].to_list() == pytest.approx(list(fit.errors_bps))
    assert table["fills"].to_list() == list(fit.used)


def clustered(values: np.ndarray, weight: np.ndarray, child: np.ndarray) -> tuple[float, float]:
    mean = float((values * weight).sum() / weight.sum())
    pulls = [float((weight * (values - mean))[child == name].sum()) for name in sorted(set(child))]
    c = len(pulls)
    return mean, (c / (c - 1) * sum(u * u for u in pulls)) ** 0.5 / float(weight.sum())


@pytest.mark.parametrize("by", [(), ("maker",)])
def test_means_and_errors_agree_with_a_slow_twin(by: tuple[str, ...]) -> None:
    table = fill_markouts(random_fills(6, count=120), mid_ns=MID_NS, mid=MID, horizons=("5s", "1m"))
    rows = markouts(table, by).to_dicts()
    assert len(rows) == 2 * 2 ** len(by)
    for row in rows:
        part = table.filter(pl.col("horizon") == row["horizon"], *(pl.col(name) == row[name] for name in by)).drop_nulls(
            "move_bps"
        )
        for name in ("effective_bps", "realised_bps", "move_bps"):
            found = clustered(part[name].to_numpy(), part["qty"].to_numpy(), part["client_id"].to_numpy())
            assert (row[name], row[f"{name}_se"]) == pytest.approx(found)


def test_errors_are_those_of_drawing_children_anew() -> None:
    """scipy draws whole children; with 60 of them the two agree within a tenth."""
    table = fill_markouts(random_fills(7, count=600, children=60), mid_ns=MID_NS, mid=MID, horizons=("30s",)).drop_nulls(
        "move_bps"
    )
    sums = table.group_by("client_id").agg(
        (pl.col("move_bps") * pl.col("qty")).sum().alias("x"), pl.col("qty").sum().alias("w")
    )
    drawn = bootstrap(
        (sums["x"].to_numpy(), sums["w"].to_numpy()),
        lambda x, w, axis: x.sum(axis=axis) / w.sum(axis=axis),
        paired=True, vectorized=True, n_resamples=4000, method="percentile", rng=np.random.default_rng(1),
    )  # fmt: skip
    assert markouts(table)["move_bps_se"][0] == pytest.approx(float(drawn.standard_error), rel=0.1)


def test_nothing_known_is_no_row() -> None:
    fills = random_fills(1)
    assert markouts(fill_markouts(fills.clear(), mid_ns=MID_NS, mid=MID)).is_empty()
    assert markouts(fill_markouts(fills, mid_ns=MID_NS, mid=MID, horizons=("1h",))).is_empty()


def test_what_cannot_be_meant_is_refused() -> None:
    fills = random_fills(1)
    for ns, mid in ((MID_NS[:0], MID[:0]), (MID_NS[::-1].copy(), MID), (MID_NS, MID * np.nan), (MID_NS, MID[1:])):
        with pytest.raises(InputError, match="mids > 0 at rising times"):
            fill_markouts(fills, mid_ns=ns, mid=mid)
    with pytest.raises(SchemaError, match="fills lack mid"):
        fill_markouts(fills.drop("mid"), mid_ns=MID_NS, mid=MID)
    with pytest.raises(SchemaError, match="markouts lack venue"):
        markouts(fill_markouts(fills, mid_ns=MID_NS, mid=MID), ("venue",))
