"""Information shares: closed forms, known systems, symmetries, recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.information import GROUPS, InformationShares, information_shares
from counterpoise.flow.cross.running_shares import RunningShares
from counterpoise.flow.impact.fit import Z95
from counterpoise.flow.measures import measure
from reference.binance_recordings import CAPTURES, read_recording
from reference.flow_walk import assert_described
from reference.naive_information import naive_two_venues, simulated_prices, two_venue_shares

SEEDS = np.random.SeedSequence(20261124).spawn(20)
LEAST_COVERED = 16  # of 20 intervals at 95 %: fewer happens once in 390 times
ALPHA, SIGMA, RHO = (-0.05, 0.15), (1e-4, 1.5e-4), 0.3
NOISE = np.array([[SIGMA[0] ** 2, RHO * SIGMA[0] * SIGMA[1]], [RHO * SIGMA[0] * SIGMA[1], SIGMA[1] ** 2]])
SHARES = ("share_low", "share_high", "share", "component_share")


def frame(prices: np.ndarray, names: tuple[str, ...] = ("a", "b", "c")) -> pl.DataFrame:
    columns = {name: prices[:, i] for i, name in enumerate(names[: prices.shape[1]])}
    return pl.DataFrame({"ts": np.arange(len(prices)) * SECOND_NS} | columns, nan_to_null=True)


def pair(seed: np.random.SeedSequence, n: int = 5000) -> pl.DataFrame:
    return frame(simulated_prices(np.random.default_rng(seed), n, np.array(ALPHA)[:, None], NOISE))


def shares(prices: pl.DataFrame, *, lags: int | None = 0, draws: int = 0) -> InformationShares:
    return information_shares(prices, rng=np.random.default_rng(1), lags=lags, draws=draws)


@pytest.mark.parametrize("lags", [0, 2])
def test_equals_naive_twin(lags: int) -> None:
    """With unknown prices here and there, which take the rows around them with them."""
    prices = pair(SEEDS[0], 300)
    holes = prices.with_columns(a=pl.when(pl.int_range(pl.len()) % 41 != 7).then("a"), b=pl.when(pl.col("ts") != 0).then("b"))
    found = shares(holes, lags=lags)
    expected = naive_two_venues(holes["a"].to_list(), holes["b"].to_list(), lags)
    for name in SHARES:
        assert found.frame[name].to_list() == pytest.approx(expected[name], rel=1e-6), name
    assert found.n == 300 - 1 - 1 - lags - 8 * (2 + lags)


def test_intervals_cover_the_closed_form() -> None:
    truth = two_venue_shares(ALPHA, SIGMA, RHO)
    assert truth["component_share"] == pytest.approx((0.75, 0.25))
    fits = [shares(pair(seed), draws=100).frame.row(0, named=True) for seed in SEEDS]
    for name in ("share", "component_share"):
        covered = sum(abs(row[name] - truth[name][0]) <= Z95 * row[f"{name}_se"] for row in fits)
        assert covered >= LEAST_COVERED, name
    for name in SHARES:
        assert np.mean([row[name] for row in fits]) == pytest.approx(truth[name][0], abs=0.03)


def test_the_market_that_is_copied_has_all_of_it() -> None:
    """Hasbrouck's two markets: one price walks, the other is its last value and an error of its own."""
    rng = np.random.default_rng(SEEDS[1])
    walk = np.cumsum(rng.normal(0, 1e-4, 8001))
    prices = frame(np.exp(np.column_stack([walk[1:], walk[:-1] + rng.normal(0, 2e-5, 8000)])))
    found = shares(prices, lags=None)
    leader, follower = found.frame.rows(named=True)
    assert leader["share_low"] > 0.98
    assert leader["component_share"] == pytest.approx(1, abs=0.03)
    assert follower["share_high"] < 0.02
    assert found.half_life_steps < 1


def test_lags_are_found_by_bic() -> None:
    """Differences that depend on the last two: BIC takes 2, in nearly every sample."""
    chosen = []
    for seed in SEEDS[:8]:
        rng = np.random.default_rng(seed)
        p, shock = np.zeros((4000, 2)), rng.normal(0, 1e-4, (4000, 2))
        for t in range(3, 4000):
            lagged = 0.2 * (p[t - 1] - p[t - 2])[::-1] + 0.2 * (p[t - 2] - p[t - 3])
            p[t] = p[t - 1] + np.array([-0.1, 0.1]) * (p[t - 1, 0] - p[t - 1, 1]) + lagged + shock[t]
        found = information_shares(frame(np.exp(p)), rng=rng, most_lags=5, draws=0)
        chosen.append(found.lags)
        assert found.bic.index(min(found.bic)) == found.lags
        assert found.residual_autocorrelation < 4.5
    assert chosen.count(2) >= 7


def test_three_venues_add_up_in_any_order() -> None:
    alpha = np.array([[-0.05, -0.02], [0.1, 0.0], [0.02, 0.2]])
    noise = 1e-8 * (0.4 * np.ones((3, 3)) + np.diag([0.6, 1.0, 2.0]))
    prices = frame(simulated_prices(np.random.default_rng(SEEDS[2]), 4000, alpha, noise))
    found = shares(prices, lags=1).frame
    assert found["share"].sum() == pytest.approx(1)
    assert found["component_share"].sum() == pytest.approx(1)
    assert (found["share_low"] <= found["share"]).all()
    assert (found["share"] <= found["share_high"]).all()
    turned = shares(prices.select("ts", "c", "a", "b"), lags=1).frame
    both = found.join(turned, on="venue", suffix="_turned")
    for name in SHARES:
        assert both[name].to_list() == pytest.approx(both[f"{name}_turned"].to_list()), name


def test_units_do_not_matter() -> None:
    """Prices in another currency unit, the grid in another clock: the same shares."""
    prices = pair(SEEDS[3], 1000)
    base = shares(prices).frame
    scaled = shares(prices.with_columns(pl.col("a", "b") * 1000, pl.col("ts") * 7)).frame
    for name in SHARES:
        assert scaled[name].to_list() == pytest.approx(base[name].to_list(), rel=1e-6)


def test_speed_of_adjustment_is_said() -> None:
    """Gaps close by 1 − .2 a step: half-life log ½ / log .8 = 3.1 steps. Prices that do not adjust have none."""
    found = shares(pair(SEEDS[4], 20_000))
    assert found.half_life_steps == pytest.approx(3.106, rel=0.1)
    assert found.adjustment.ravel() == pytest.approx(ALPHA, abs=0.015)
    assert found.residual_correlation == pytest.approx(RHO, abs=0.03)
    assert_described(GROUPS, found.frame)
    apart = frame(np.exp(np.cumsum(np.random.default_rng(SEEDS[5]).normal(0, 1e-4, (3000, 2)), axis=0)))
    assert shares(apart).half_life_steps > 50


def test_a_hole_in_the_grid_is_no_step() -> None:
    prices = pair(SEEDS[6], 400)
    holed = prices.filter((pl.col("ts") < 100 * SECOND_NS) | (pl.col("ts") >= 110 * SECOND_NS))
    assert shares(holed).n == 390 - 1 - 1


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda f: f.select("ts", "a"), InputError, "2 to 6 columns"),
        (lambda f: f.drop("ts"), InputError, "give ts"),
        (lambda f: f.with_columns(a=pl.lit(-1.0)), InputError, "must be positive"),
        (lambda f: f.head(1), InputError, "no sample"),
        (lambda f: f.head(20), InputError, "19 grid points"),
        (lambda f: f.with_columns(b=pl.col("a")), NumericalError, "the same"),
        (lambda f: f.with_columns(ts=pl.col("ts") + (pl.col("ts") == 0) * 7), DataError, "even grid"),
        (lambda f: f.reverse(), DataError, "must ascend"),
    ],
)
def test_what_cannot_be_told_is_refused(change: object, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        shares(change(pair(SEEDS[7], 500)))  # type: ignore[operator]


@pytest.mark.parametrize("lags", [0, 2])
def test_a_window_is_the_batch_form_on_its_prices(lags: int) -> None:
    """To the last bit: after whole blocks and between, before and after the ring of blocks has gone round; holes included."""
    row, block, kept = pl.int_range(pl.len()), 60, 4
    prices = pair(SEEDS[9], 700).with_columns(a=pl.when(row % 97 != 50).then("a")).filter(row % 101 != 33)
    stream = RunningShares("ab", every_ns=SECOND_NS, lags=lags, block=block, blocks=kept)
    known = prices.select(pl.all_horizontal(pl.col("a", "b").is_not_null()).alias("known"), step=pl.col("ts").diff())
    run, sound = 0, []
    for at, (told, step) in enumerate(known.iter_rows()):
        run = (run + 1 if step == SECOND_NS and run else 1) if told else 0
        sound += [at] if run >= lags + 2 else []
    read, compared = {60 * 3, 60 * 3 + 17, 60 * 6, 60 * 9 + 41}, 0
    for at in range(prices.height):
        stream.push({"prices": prices[at : at + 1]})
        count = int(np.searchsorted(sound, at, side="right"))
        if count in read and sound[count - 1] == at:
            window = pl.concat([stream.drain(), stream.now()]).tail(2)
            first = sound[max(0, count // block - kept) * block]
            batch = information_shares(
                prices[first - lags - 1 : at + 1], rng=np.random.default_rng(0), lags=lags, block=block, draws=0
            )
            assert window["n"].to_list() == [batch.n] * 2
            assert_frame_equal(window.select(batch.frame.columns[:4]), batch.frame[:, :4], check_exact=True)
            assert window["component_share"].to_list() == batch.frame["component_share"].to_list()
            assert window["half_life_steps"].to_list() == [batch.half_life_steps] * 2
            assert window["residual_correlation"].to_list() == [batch.residual_correlation] * 2
            compared += 1
    assert compared == len(read)


def test_a_running_share_follows_the_market_that_leads() -> None:
    """The leader changes half way: the share of the first goes from nearly all to nearly nothing."""
    rng = np.random.default_rng(SEEDS[10])
    walk = np.cumsum(rng.normal(0, 1e-4, 4001))
    ahead, behind = walk[1:], walk[:-1] + rng.normal(0, 2e-5, 4000)
    first = np.where(np.arange(4000) < 2000, ahead, behind)
    prices = frame(np.exp(np.column_stack([first, ahead + behind - first])))
    told = RunningShares("ab", every_ns=SECOND_NS, lags=1, block=100, blocks=5).whole({"prices": prices})
    share = told.filter(venue="a")["share"]
    assert share[4:19].min() > 0.95  # type: ignore[operator]
    assert share[26:].max() < 0.05  # type: ignore[operator]
    assert (told["ts_local"] - told["since"]).dt.total_seconds().unique().sort().to_list() == [99, 199, 299, 399, 499, 597]
    assert told.filter(venue="a")["n"].to_list() == [min(100 * (i + 1), 500) for i in range(39)] + [598]


def test_a_window_that_says_nothing_is_null_and_wrong_numbers_are_refused() -> None:
    same = pair(SEEDS[11], 400).with_columns(b="a")
    told = RunningShares("ab", every_ns=SECOND_NS, lags=0, block=50, blocks=2).whole({"prices": same})
    assert told["share"].null_count() == told.height == 16
    for wrong, message in (
        ({"block": 0}, "must be positive"),
        ({"lags": -1}, "0 or more"),
        ({"venues": "aa"}, "each once"),
    ):
        with pytest.raises(InputError, match=message):
            RunningShares(**{"venues": "ab", "every_ns": 1, "lags": 0, "block": 9, "blocks": 1, **wrong})  # type: ignore[arg-type]
    stream = RunningShares("ab", every_ns=SECOND_NS, lags=0, block=50, blocks=2)
    stream.push({"prices": same})
    with pytest.raises(DataError, match="even grid"):
        stream.event("prices", {"ts": 400 * SECOND_NS + 7, "a": 1.0, "b": 1.0})
    with pytest.raises(DataError, match="expected a positive price"):
        stream.event("prices", {"ts": 400 * SECOND_NS, "a": -1.0, "b": 1.0})


@pytest.mark.realdata
def test_a_finer_grid_narrows_the_bounds(data_dir: Path) -> None:
    """Two perpetuals, five minutes: by half seconds nothing can be told, by 20 ms much; who leads hangs on the stream."""
    recordings = {name: read_recording(name, data_dir)[0] for name in ("usdm", "coinm")}
    widths, correlations = [], []
    for every in ("500ms", "20ms"):
        mids = [
            measure(events, CAPTURES[name].instrument, bins=Bins.parse(every)).select("ts", pl.col("mid").alias(name))
            for name, events in recordings.items()
        ]
        rng = np.random.default_rng(SEEDS[8])
        found = information_shares(mids[0].join(mids[1], on="ts"), rng=rng, most_lags=6, draws=50)
        widths.append(found.frame["share_high"][0] - found.frame["share_low"][0])
        correlations.append(found.residual_correlation)
        assert found.frame["share_se"].is_between(0.01, 0.3).all()
        assert 0.5 < found.half_life_steps < 100
    assert widths[0] > 0.8
    assert widths[1] < 0.3
    assert correlations[0] > 0.8 > 0.3 > correlations[1]
