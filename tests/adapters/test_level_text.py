"""Prices and sizes in JSON text against Python's decimals."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from counterpoise.adapters.kernels.level_text import BAD_TEXT, OFF_GRID, PARSED, TOO_LONG, parse_pairs

Pairs = list[tuple[int, int, int]]  # segment, ticks, lots
GRIDS = ["1", "0.1", "0.01", "0.00000001", "0.5", "0.25", "5", "100", "0.0025"]
FITS = 9 * 10**18  # the kernel lets a number grow this far in units of the grid's last digit


def scale(step: str) -> tuple[int, int]:
    digits = max(0, -int(Decimal(step).as_tuple().exponent))
    return digits, int(Decimal(step).scaleb(digits))


def parse(segments: list[str], tick: str = "0.1", lot: str = "0.001") -> tuple[int, Pairs, int]:
    """Status, pairs read, byte at fault."""
    text = np.frombuffer("".join(segments).encode(), np.uint8)
    ends = np.cumsum([len(segment.encode()) for segment in segments])
    columns = tuple(np.full(len(text) // 5 + 1, -77, np.int64) for _ in range(3))
    count, status, at = parse_pairs(text, ends, *scale(tick), *scale(lot), columns)
    return status, list(zip(*(column[:count].tolist() for column in columns), strict=True)), at


def naive_number(text: str, step: str) -> tuple[int, int]:
    """Status and steps by decimals."""
    if not re.fullmatch(r"-?(\d+\.?\d*|\.\d+)", text):
        return BAD_TEXT, 0
    value = Decimal(text)
    top, bottom = value.as_integer_ratio()
    step_top, step_bottom = Decimal(step).as_integer_ratio()
    steps, rest = divmod(top * step_bottom, bottom * step_top)
    if abs(value).scaleb(scale(step)[0]) >= FITS:
        return TOO_LONG, 0
    return (OFF_GRID, 0) if rest else (PARSED, steps)


def on_grid(step: str) -> st.SearchStrategy[str]:
    """Text of a multiple of a step, with zeros where a venue may put them."""

    def written(steps: int, zeros: int, ahead: int) -> str:
        body = format(abs(steps) * Decimal(step), "f")
        body += ("." if zeros and "." not in body else "") + "0" * zeros
        return "-" * (steps < 0) + "0" * ahead + body

    _, whole = scale(step)
    most = FITS // whole - 1
    return st.builds(written, st.integers(-most, most), st.integers(0, 30), st.integers(0, 25))


@given(data=st.data(), tick=st.sampled_from(GRIDS), lot=st.sampled_from(GRIDS), quoted=st.booleans())
@settings(max_examples=200)
def test_numbers_on_the_grid_are_exact_as_naive_decimals(data: st.DataObject, tick: str, lot: str, quoted: bool) -> None:
    side = st.lists(st.tuples(on_grid(tick), on_grid(lot)), max_size=6)
    segments = data.draw(st.lists(side, min_size=1, max_size=5))
    mark = '"' if quoted else ""
    texts = ["[" + ",".join(f"[{mark}{p}{mark},{mark}{q}{mark}]" for p, q in pairs) + "]" for pairs in segments]
    expected = [(i, naive_number(p, tick)[1], naive_number(q, lot)[1]) for i, pairs in enumerate(segments) for p, q in pairs]
    assert parse(texts, tick, lot) == (PARSED, expected, sum(map(len, texts)))


@given(text=st.text("0123456789.-", min_size=1, max_size=26), step=st.sampled_from(GRIDS))
@settings(max_examples=400)
def test_any_number_is_read_or_refused_as_the_naive_does(text: str, step: str) -> None:
    status, steps = naive_number(text, step)
    found, pairs, at = parse([f'[["{text}","1"]]'], tick=step, lot="1")
    if status == PARSED:
        assert (found, pairs) == (PARSED, [(0, steps, 1)])
    elif status == OFF_GRID:
        assert found == OFF_GRID
        assert at == 3
    else:  # a number that is wrong in two ways may be refused for either
        assert found in ({TOO_LONG, OFF_GRID} if status == TOO_LONG else {BAD_TEXT, TOO_LONG, OFF_GRID})
        assert (pairs, at) == ([], 3)


@given(
    garbage=st.text(st.characters(codec="ascii", exclude_characters='0123456789.-"[], \\'), min_size=1, max_size=5),
    data=st.data(),
)
def test_garbage_within_a_number_is_bad_text(garbage: str, data: st.DataObject) -> None:
    where = data.draw(st.integers(0, 4))
    text = "12.3"[:where] + garbage + "12.3"[where:]
    assert parse([f'[["{text}","1"]]'])[0] == BAD_TEXT
    assert parse([f'[["1","{text}"]]'])[0] == BAD_TEXT


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-99, 99) | st.text("019.e-", max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=1), inner, max_size=2),
    max_leaves=12,
)


@given(value=JSON_VALUES, compact=st.booleans())
@settings(max_examples=500)
def test_any_json_is_levels_or_is_refused(value: object, compact: bool) -> None:
    """Nothing that is not a list of [price, size, ...] gives a level, and nothing that is one loses a level."""
    status, pairs, _ = parse([json.dumps(value, separators=(",", ":") if compact else None)], "1", "1")
    expected = levels_of(value)
    assert (status == PARSED) == (expected is not None)
    if expected is not None:
        assert pairs == [(0, price, lots) for price, lots in expected]


def levels_of(value: object) -> list[tuple[int, int]] | None:
    """Levels of a JSON value, None when it is no list of levels."""
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) >= 2 for pair in value):
        return None
    numbers = [[naive_number(json_text(x), "1") for x in pair[:2]] for pair in value]
    return None if any(status for pair in numbers for status, _ in pair) else [(p[1], q[1]) for p, q in numbers]


def json_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ('[["1.0","2"],["1.1"]]', BAD_TEXT),
        ('[["1.0",""]]', BAD_TEXT),
        ("[[,]]", BAD_TEXT),
        ("[[]]", BAD_TEXT),
        ("[1,2]", BAD_TEXT),
        ('["1","2"]', BAD_TEXT),
        ('[[["1","2"]]]', BAD_TEXT),
        ('[["1 2","3"]]', BAD_TEXT),
        ("null", BAD_TEXT),
        ('[["1.05","2"]]', OFF_GRID),
        ('[["1.0","0.0005"]]', OFF_GRID),
        ('[["9000000000000000000","2"]]', TOO_LONG),
        ('[["1","9999999999999999"]]', TOO_LONG),
    ],
)
def test_what_is_no_level_is_refused_and_nothing_is_made_up(text: str, status: int) -> None:
    found, pairs, _ = parse([text])
    assert found == status
    assert all(ticks != -77 and lots != -77 for _, ticks, lots in pairs)


def test_further_items_of_a_level_are_passed_over() -> None:
    """Older spot snapshots carry an empty list behind price and size."""
    found, pairs, _ = parse(['[["1.0","2",[]],["1.1","3","x",["5","6"]]]', "[]", '[[2,"7"]]'])
    assert (found, pairs) == (PARSED, [(0, 10, 2000), (0, 11, 3000), (2, 20, 7000)])


def test_the_byte_at_fault_is_named() -> None:
    segments = ['[["1.0","2"]]', '[["1.0","2"],["7.77","3"]]']
    status, pairs, at = parse(segments)
    assert (status, len(pairs)) == (OFF_GRID, 2)
    assert "".join(segments)[at:].startswith("7.77")
