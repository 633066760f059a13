"""Time and grids against datetime, Decimal and Fraction."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.core.errors import InputError
from counterpoise.core.units import (
    DAY_NS,
    HOUR_NS,
    MINUTE_NS,
    SECOND_NS,
    Grid,
    format_duration,
    format_time,
    parse_decimal,
    parse_duration,
    parse_time,
    utc_date,
)

STEPS = st.sampled_from(["1", "0.1", "0.5", "0.05", "0.25", "0.01", "0.00000001", "5", "10", "1e-6", "0.3", "0.0125"])
COUNTS = st.integers(-(2**62), 2**62)
TIMES = st.integers(0, 4_000_000_000 * SECOND_NS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(STEPS, COUNTS)
def test_a_grid_gives_back_the_steps_of_its_exact_value(step: str, count: int) -> None:
    grid = Grid(step)
    exact = Fraction(Decimal(step)) * count
    assert Fraction(grid.decimal(count)) == exact
    assert grid.steps(grid.decimal(count)) == count


@given(STEPS, COUNTS)
def test_a_grid_value_is_the_double_nearest_to_the_fraction(step: str, count: int) -> None:
    assert Grid(step).value(count) == float(Fraction(Decimal(step)) * count)


@given(STEPS, st.integers(-(2**40), 2**40))
def test_a_double_on_the_grid_rounds_to_its_own_step(step: str, count: int) -> None:
    grid = Grid(step)
    assert all(grid.round(grid.value(count), to) == count for to in ("down", "up", "nearest"))


@given(STEPS, st.decimals(-(10**12), 10**12, allow_nan=False))
def test_rounding_is_that_of_fractions(step: str, value: Decimal) -> None:
    grid, ratio = Grid(step), Fraction(value) / Fraction(Decimal(step))
    assert grid.round(value, "down") == floor(ratio)
    assert grid.round(value, "up") == ceil(ratio)
    assert grid.round(value) == round(ratio)


@given(STEPS, COUNTS, st.integers(1, 40))
def test_a_value_beside_the_grid_is_refused_however_close(step: str, count: int, digits: int) -> None:
    beside = f"{int(count)}." + "0" * digits + "1"
    with pytest.raises(InputError, match="not a multiple"):
        Grid("1").steps(beside)


@pytest.mark.parametrize("step", ["0", "-0.1", "nan", "inf", "abc"])
def test_a_step_must_be_a_positive_number(step: str) -> None:
    with pytest.raises(InputError):
        Grid(step)


def test_equal_steps_are_equal_grids() -> None:
    assert Grid("0.10") == Grid("0.1")
    assert hash(Grid("0.10")) == hash(Grid("0.1"))
    assert Grid("0.1") != Grid("0.01")
    assert str(Grid("1E-8")) == "0.00000001"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_read_through_its_shortest_form(value: float) -> None:
    assert parse_decimal(value) == Decimal(repr(value))


@given(st.integers(1, 400), st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_a_duration_is_the_sum_of_its_parts(days: int, hours: int, minutes: int, seconds: int, millis: int) -> None:
    expected = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds, milliseconds=millis)
    text = f"{days}d {hours}h {minutes}m {seconds}s {millis}ms"
    assert parse_duration(text) == expected // timedelta(microseconds=1) * 1000


@given(st.integers(1, 10**6), st.sampled_from([("h", HOUR_NS), ("min", MINUTE_NS), ("us", 1000), ("ns", 1)]))
def test_a_single_unit_is_exact(count: int, unit: tuple[str, int]) -> None:
    assert parse_duration(f"{count}{unit[0]}") == count * unit[1]


@given(st.integers(1, 3000 * DAY_NS))
def test_a_shown_duration_reads_back_within_its_last_digit(duration_ns: int) -> None:
    shown = format_duration(duration_ns)
    error = abs(parse_duration(shown) - duration_ns)
    assert error <= (duration_ns / 1999 if duration_ns < SECOND_NS else 500_000)
    assert format_duration(-duration_ns) == "-" + shown


@pytest.mark.parametrize(
    ("duration_ns", "shown"),
    [
        (0, "0s"),
        (999, "999ns"),
        (999_999, "1ms"),
        (999_999_999, "1s"),
        (119_999_999_999, "2m"),
        (1_268_000_000, "1.268s"),
        (36 * HOUR_NS, "1d12h"),
    ],
)
def test_a_duration_never_shows_sixty_seconds_or_a_thousand_units(duration_ns: int, shown: str) -> None:
    assert format_duration(duration_ns) == shown


@pytest.mark.parametrize("text", ["", "5", "s", "1x", "0s", "-1s", "1.5ns", "1s and more", "1s2"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="duration"):
        parse_duration(text)


@given(TIMES, st.integers(-14 * 60, 14 * 60))
def test_a_time_with_any_offset_agrees_with_datetime(ts_ns: int, offset_minutes: int) -> None:
    micros = ts_ns // 1000
    when = (EPOCH + timedelta(microseconds=micros)).astimezone(timezone(timedelta(minutes=offset_minutes)))
    assert parse_time(when.isoformat()) == micros * 1000


@given(TIMES)
def test_a_time_keeps_its_nanoseconds(ts_ns: int) -> None:
    text = format_time(ts_ns, digits=9).removesuffix(" UTC")
    assert parse_time(text) == parse_time(text + "Z") == ts_ns
    assert text[:10] == utc_date(ts_ns)


def test_a_number_of_nineteen_digits_is_nanoseconds() -> None:
    assert parse_time("1723161255030314667") == 1723161255030314667


@given(TIMES)
def test_fewer_digits_cut_and_do_not_round(ts_ns: int) -> None:
    assert format_time(ts_ns, digits=0) == format_time(ts_ns, digits=9)[:19] + " UTC"
    assert format_time(ts_ns) == format_time(ts_ns, digits=9)[:23] + " UTC"


@pytest.mark.parametrize("text", ["", "yesterday", "2024-13-01", "2024-08-08T25:00", "2024-08-08T00:00:00.1234567891"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="time"):
        parse_time(text)
