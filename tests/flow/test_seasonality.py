"""Volume by time of day: the slow twin, what is causal, the volume curve, and real minutes of sixteen markets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS, parse_time
from counterpoise.flow.tape.seasonality import GROUPS, TimeOfDay, relative_volume
from reference.flow_walk import assert_described
from reference.naive_seasonality import naive_bins, naive_fit, naive_relative

MONDAY = parse_time("2026-03-02T00:00")
EVERY = 2 * HOUR_NS


def bins_of(seed: int, days: int, *, every_ns: int = EVERY, holes: float = 0.2, start_ns: int = MONDAY) -> pl.DataFrame:
    """Random volumes, some zero, some null, some rows and whole days absent."""
    draw = np.random.default_rng(seed)
    end = start_ns + every_ns * np.arange(1, days * DAY_NS // every_ns + 1)
    volume = np.where(draw.random(len(end)) < 0.1, 0.0, draw.lognormal(2, 1, len(end)).round(3))
    frame = pl.DataFrame({"ts": end, "volume": volume}).with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    gone = (draw.random(len(end)) < holes) | (draw.random(days + 1)[(end - 1 - start_ns) // DAY_NS] < holes / 2)
    known = pl.Series(draw.random(len(end)) > holes / 2)
    return frame.with_columns(pl.when(known).then("volume")).filter(pl.Series(~gone))


@given(seed=st.integers(0, 2**32), by_weekday=st.booleans(), hours=st.sampled_from([1, 2, 8, 24]))
@settings(max_examples=30)
def test_fit_equals_naive_twin(seed: int, by_weekday: bool, hours: int) -> None:
    frame = bins_of(seed, 17, every_ns=hours * HOUR_NS)
    expected = naive_fit(naive_bins(frame, timedelta(hours=hours)), by_weekday=by_weekday)
    found = TimeOfDay.fit(frame, hours * HOUR_NS, by_weekday=by_weekday).frame
    assert found.height == 24 // hours * (7 if by_weekday else 1)
    for weekday, clock, mean, median, days, missing in found.iter_rows():
        theirs = expected.get((weekday, clock), (None, None, 0))
        assert (median, days) == theirs[1:]
        assert mean == (None if theirs[0] is None else pytest.approx(theirs[0], rel=1e-14))
        assert missing >= 0


@given(seed=st.integers(0, 2**32), by_weekday=st.booleans(), mean=st.booleans(), days=st.integers(1, 9))
@settings(max_examples=30)
def test_relative_volume_equals_naive_twin(seed: int, by_weekday: bool, mean: bool, days: int) -> None:
    frame = bins_of(seed, 20, every_ns=6 * HOUR_NS)
    bins = naive_bins(frame, timedelta(hours=6))
    against: Any = "mean" if mean else "median"
    found = relative_volume(frame, every_ns=6 * HOUR_NS, days=days, by_weekday=by_weekday, against=against)
    assert found["ts"].equals(frame["ts"])
    for ts, *ours in found.with_columns(pl.col("ts").dt.epoch("s")).drop("volume").iter_rows():
        start = datetime.fromtimestamp(ts, UTC) - timedelta(hours=6)
        theirs = naive_relative(bins, start, days=days, by_weekday=by_weekday, mean=mean)
        assert ours == [None if x is None else pytest.approx(x, rel=1e-14) for x in theirs]


def test_streams_of_the_naive_twin_hold_every_case() -> None:
    frame = pl.concat([relative_volume(bins_of(seed, 20), every_ns=EVERY, days=4) for seed in range(5)])
    assert frame["relative"].is_not_null().sum() > 200
    assert frame.filter((pl.col("expected") == 0) & pl.col("relative").is_null()).height > 3
    assert frame.filter((pl.col("days_seen") == 0) & pl.col("expected").is_null()).height > 20
    assert set(range(5)) == set(frame["days_missing"].unique())


def test_relative_volume_by_hand() -> None:
    """10, then 30, then a day without data, then 60: against the mean of what is there, within two days and within three."""
    days = [0, 1, 3]
    end = [MONDAY + day * DAY_NS + 5 * HOUR_NS for day in days]
    frame = pl.DataFrame({"ts": end, "volume": [10, 30, 60]}).with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    names = ["expected", "relative", "days_seen", "days_missing"]
    two = relative_volume(frame, every_ns=HOUR_NS, days=2, against="mean").select(names).rows()
    assert two == [(None, None, 0, 2), (10.0, 3.0, 1, 1), (30.0, 2.0, 1, 1)]
    three = relative_volume(frame, every_ns=HOUR_NS, days=3, against="mean").select(names).rows()
    assert three == [(None, None, 0, 3), (10.0, 3.0, 1, 2), (20.0, 3.0, 2, 1)]


@given(seed=st.integers(0, 2**32), cut=st.integers(1, 150))
@settings(max_examples=25)
def test_relative_volume_never_looks_ahead(seed: int, cut: int) -> None:
    frame = bins_of(seed, 16)
    whole = relative_volume(frame, every_ns=EVERY, days=5)
    assert_frame_equal(relative_volume(frame.head(cut), every_ns=EVERY, days=5), whole.head(cut), check_exact=True)
    grown = frame.with_columns(pl.when(pl.int_range(pl.len()) >= cut).then(pl.col("volume") * 9 + 1).otherwise("volume"))
    assert_frame_equal(relative_volume(grown, every_ns=EVERY, days=5).head(cut), whole.head(cut), check_exact=True)


def test_a_bin_is_not_compared_with_its_own_day() -> None:
    frame = bins_of(1, 3, holes=0.0)
    assert relative_volume(frame, every_ns=EVERY, days=9)["days_seen"].head(12).to_list() == [0] * 12


def test_laws_of_relative_volume() -> None:
    frame = bins_of(4, 12)
    found = relative_volume(frame, every_ns=EVERY, days=5)
    assert_described(GROUPS, found)
    doubled = relative_volume(frame.with_columns(pl.col("volume") * 2), every_ns=EVERY, days=5)
    assert_frame_equal(doubled, found.with_columns(pl.col("volume", "expected") * 2), check_exact=True)
    before = frame.clone()
    assert relative_volume(frame, every_ns=EVERY, days=5).equals(found)
    assert frame.equals(before)


# the fitted profile


def test_fitted_and_rolling_agree_on_the_next_day() -> None:
    """A profile of all days before is what the rolling form sees on the last day."""
    frame = bins_of(8, 9)
    cut = MONDAY + 8 * DAY_NS
    ends = frame["ts"].dt.epoch("ns")
    past, last = frame.filter(ends <= cut), frame.filter(ends > cut)
    fitted = TimeOfDay.fit(past, EVERY).relative(last)
    rolling = relative_volume(frame, every_ns=EVERY, days=8).tail(last.height)
    assert_frame_equal(fitted.drop("days_missing"), rolling.drop("days_missing"), check_exact=True)


def test_a_profile_refuses_the_days_it_was_fitted_on() -> None:
    frame = bins_of(1, 5, holes=0)
    profile = TimeOfDay.fit(frame, EVERY)
    for known in (frame, frame.tail(1)):
        with pytest.raises(InputError, match="would know the future"):
            profile.relative(known)
    with pytest.raises(InputError, match="would know the future"):
        profile.curve(profile.until_ns - 1, profile.until_ns + DAY_NS)
    assert profile.relative(bins_of(2, 1, holes=0, start_ns=profile.until_ns)).height == 12


def test_missing_days_are_counted_not_filled() -> None:
    """Ten days; every bin is either there or missing, and within the first and last day only what the span holds."""
    frame = bins_of(3, 10).slice(3)
    for by_weekday in (False, True):
        profile = TimeOfDay.fit(frame, EVERY, by_weekday=by_weekday)
        span = (profile.until_ns - profile.first_ns) // EVERY
        assert profile.frame.select((pl.col("days") + pl.col("missing")).sum()).item() == span
        assert profile.frame["days"].sum() == frame["volume"].drop_nulls().len()


def test_only_the_last_days_count() -> None:
    frame = bins_of(3, 10, holes=0)
    last = frame.filter(frame["ts"].dt.epoch("ns") > MONDAY + 7 * DAY_NS)
    assert TimeOfDay.fit(frame, EVERY, days=3) == TimeOfDay.fit(last, EVERY)
    assert TimeOfDay.fit(frame, EVERY, days=30) == TimeOfDay.fit(frame, EVERY)


def test_weekdays_are_those_of_the_calendar() -> None:
    frame = bins_of(1, 1, holes=0)  # a Monday
    profile = TimeOfDay.fit(frame, EVERY, by_weekday=True).frame
    assert profile.filter(pl.col("days") > 0)["weekday"].unique().to_list() == [1]


@pytest.mark.parametrize("by_weekday", [False, True])
def test_saved_and_loaded_it_is_the_same(by_weekday: bool) -> None:
    profile = TimeOfDay.fit(bins_of(5, 9), EVERY, by_weekday=by_weekday)
    assert TimeOfDay.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile
    with pytest.raises(InputError, match="no saved profile"):
        TimeOfDay.from_dict({**profile.to_dict(), "man": 1})
    with pytest.raises(InputError, match="1 or 7 rows of 24"):
        TimeOfDay.from_dict({**profile.to_dict(), "every_ns": HOUR_NS})


# the volume curve


def flat(volumes: list[float]) -> TimeOfDay:
    """One past day of 6 h bins."""
    end = [MONDAY + (i + 1) * 6 * HOUR_NS for i in range(4)]
    frame = pl.DataFrame({"ts": end, "volume": volumes}).with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    return TimeOfDay.fit(frame, 6 * HOUR_NS)


def test_curve_by_hand() -> None:
    """From 03:00 to 15:00 of 10, 20, 40, 30: half of 10, all of 20, half of 40."""
    frame = flat([10, 20, 40, 30]).curve(MONDAY + DAY_NS + 3 * HOUR_NS, MONDAY + DAY_NS + 15 * HOUR_NS)
    assert frame["share"].to_list() == pytest.approx([5 / 45, 20 / 45, 20 / 45], rel=1e-15)
    hours = (frame["ts"].dt.epoch("ns") - MONDAY - DAY_NS) // HOUR_NS
    assert hours.to_list() == [6, 12, 15]


@given(seed=st.integers(0, 2**32), start_m=st.integers(0, 3000), minutes=st.integers(1, 5000), cut_m=st.integers(1, 4999))
@settings(max_examples=40)
def test_curve_is_a_distribution_that_splits_anywhere(seed: int, start_m: int, minutes: int, cut_m: int) -> None:
    """It ends with 1 exactly; what it gives a part of the span is in proportion what the part's own curve gives."""
    profile = TimeOfDay.fit(bins_of(seed, 6, holes=0), EVERY)
    start = profile.until_ns + start_m * MINUTE_NS
    end, cut = start + minutes * MINUTE_NS, start + min(cut_m, minutes) * MINUTE_NS
    frame = profile.curve(start, end)
    assert frame["cumulative"][-1] == 1.0
    assert frame["share"].min() >= 0  # type: ignore[operator]
    assert frame["share"].sum() == pytest.approx(1, rel=1e-12)
    assert frame["ts"].dt.epoch("ns").to_list()[-1] == end
    part, whole = profile.curve(start, cut), dict(frame.with_columns(pl.col("ts").dt.epoch("ns")).drop("share").rows())
    ends = part["ts"].dt.epoch("ns").to_list()
    if len(ends) > 2 and whole[ends[1]] > 1e-9:
        ratio = part["cumulative"][1] / whole[ends[1]]
        assert part["cumulative"][0] == pytest.approx(whole[ends[0]] * ratio, rel=1e-9)


def test_curve_finds_the_shape_that_made_the_volume() -> None:
    """Forty days of a known shape in heavy noise; the curve of the fit is nearer to it than a flat one, by a factor."""
    draw = np.random.default_rng(2026)
    shape = 1 + 0.6 * np.cos(np.arange(48) / 48 * 2 * np.pi)
    volume = (shape * draw.lognormal(0, 0.7, (40, 48))).ravel()
    end = MONDAY + 30 * MINUTE_NS * np.arange(1, len(volume) + 1)
    frame = pl.DataFrame({"ts": end, "volume": volume}).with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    profile = TimeOfDay.fit(frame, 30 * MINUTE_NS)
    true = np.cumsum(shape) / shape.sum()
    for against in ("mean", "median"):
        ours = profile.curve(profile.until_ns, profile.until_ns + DAY_NS, against=against)["cumulative"].to_numpy()
        assert np.abs(ours - true).mean() < np.abs(np.arange(1, 49) / 48 - true).mean() / 5


def test_curve_of_unknown_times_is_refused() -> None:
    one_morning = TimeOfDay.fit(bins_of(1, 1, holes=0).head(4), EVERY)
    with pytest.raises(DataError, match=r"no past day had the bin of 2026-03-03 08:00:00 UTC \(and 1 more"):
        one_morning.curve(MONDAY + DAY_NS, MONDAY + DAY_NS + 12 * HOUR_NS)
    assert one_morning.curve(MONDAY + DAY_NS, MONDAY + DAY_NS + 8 * HOUR_NS).height == 4
    with pytest.raises(DataError, match="nothing was traded"):
        flat([0, 0, 0, 5]).curve(MONDAY + DAY_NS, MONDAY + DAY_NS + 6 * HOUR_NS)
    with pytest.raises(InputError, match="ends after it begins"):
        flat([1, 1, 1, 1]).curve(MONDAY + DAY_NS, MONDAY + DAY_NS)


def test_bad_input_is_refused() -> None:
    frame = bins_of(1, 3, holes=0)
    wrong: list[tuple[pl.DataFrame, dict[str, Any], type[Exception], str]] = [
        (frame, {"every_ns": 7 * HOUR_NS}, InputError, "divide a day"),
        (frame, {"every_ns": 0}, InputError, "divide a day"),
        (frame, {"every_ns": 3 * HOUR_NS}, InputError, "end at multiples"),
        (frame.reverse(), {"every_ns": EVERY}, InputError, "ascend"),
        (pl.concat([frame.head(1), frame.head(1)]), {"every_ns": EVERY}, InputError, "each once"),
        (frame, {"every_ns": EVERY, "column": "volum"}, UnknownName, "did you mean 'volume'"),
        (frame, {"every_ns": EVERY, "days": 0}, InputError, "one day or more"),
        (frame.with_columns(pl.col("volume") - 1e9), {"every_ns": EVERY}, DataError, "0 or more"),
        (frame.with_columns(volume=pl.lit(float("inf"))), {"every_ns": EVERY}, DataError, "inf in row 0"),
        (frame.with_columns(pl.col("ts").dt.epoch("ns")), {"every_ns": EVERY}, InputError, "a time without nulls"),
    ]
    for given_frame, options, error, words in wrong:
        with pytest.raises(error, match=words):
            TimeOfDay.fit(given_frame, **options)
        with pytest.raises(error, match=words):
            relative_volume(given_frame, **options)
    with pytest.raises(UnknownName, match="did you mean 'median'"):
        relative_volume(frame, every_ns=EVERY, against="medan")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least one bin"):
        TimeOfDay.fit(frame.head(0), EVERY)


def test_nothing_comes_of_nothing() -> None:
    empty = relative_volume(bins_of(1, 3).head(0), every_ns=EVERY)
    assert empty.height == 0
    assert empty.schema == relative_volume(bins_of(1, 3), every_ns=EVERY).schema


# recordings


def half_hours(data_dir: Path) -> dict[str, pl.DataFrame]:
    """Volume per half-hour of each market, whole ones only."""
    minutes = pl.read_parquet(data_dir / "02_binance_perps_1m_2025" / "klines_1m_16perps_20250509_20250525.parquet")
    ts = pl.col("date").dt.truncate("30m").dt.offset_by("30m").alias("ts")
    bins = minutes.sort("date").group_by(pl.col("symbol").cast(pl.String), ts).agg(pl.len(), pl.col("volume").sum())
    held = bins.filter(pl.col("len") == 30).sort("ts").partition_by("symbol", as_dict=True)
    return {str(symbol): frame.select("ts", "volume") for (symbol,), frame in held.items()}


@pytest.mark.realdata
def test_shares_of_the_curve_go_with_those_of_later_days(data_dir: Path) -> None:
    """Sixteen perpetuals, ten days to fit, five whole days after: correlation of half-hourly shares, mean over markets.

    Markets move together, so the days are the sample: .18 with a 95 % interval of .13. As a curve ten days gain nothing that
    five can show: .057 mean distance from the day's cumulative volume, .059 for a flat one, the difference .002 with .005.
    """
    cut, every = parse_time("2025-05-20T00:00"), 30 * MINUTE_NS
    correlations, distances = [], []
    for frame in half_hours(data_dir).values():
        ends = frame["ts"].dt.epoch("ns")
        profile = TimeOfDay.fit(frame.filter(ends <= cut), every)
        for start in range(cut, cut + 5 * DAY_NS, DAY_NS):
            day = frame.filter((ends > start) & (ends <= start + DAY_NS))["volume"].to_numpy()
            curve = profile.curve(start, start + DAY_NS)
            assert len(day) == 48
            correlations.append(float(np.corrcoef(day, curve["share"].to_numpy())[0, 1]))
            distances.append(float(np.abs(np.cumsum(day) / day.sum() - curve["cumulative"].to_numpy()).mean()))
    assert len(correlations) == 16 * 5
    assert 0.04 < np.mean(correlations) < 0.6
    assert np.mean(distances) < 0.08


@pytest.mark.realdata
def test_relative_volume_is_about_one_on_binance(data_dir: Path) -> None:
    """Against the median of seven days: within a factor of two of one at the median, for every market."""
    for frame in half_hours(data_dir).values():
        found = relative_volume(frame, every_ns=30 * MINUTE_NS, days=7)
        known = found.filter(pl.col("days_seen") == 7)
        assert known.height > 300
        assert 0.5 < known["relative"].median() < 2  # type: ignore[operator]
        assert found.filter(pl.col("days_seen") == 0).height == 48
