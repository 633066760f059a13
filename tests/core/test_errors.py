"""The error tree: codes, exit codes, and what the messages say."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from counterpoise.core import errors
from counterpoise.core.errors import CorruptRecord, CounterpoiseError, DataError, InputError, UnknownName


def tree() -> list[type[CounterpoiseError]]:
    found, todo = [], [CounterpoiseError]
    while todo:
        kind = todo.pop()
        found.append(kind)
        todo.extend(k for k in kind.__subclasses__() if k.__module__ == errors.__name__)
    return found


def test_every_code_is_used_once() -> None:
    assert [code for code, count in Counter(kind.code for kind in tree()).items() if count > 1] == []


def test_the_drawing_at_the_top_of_the_module_is_the_tree() -> None:
    drawn = dict(re.findall(r"(\w+)\s+(CP-\d{3})", errors.__doc__ or ""))
    assert drawn == {kind.__name__: kind.code for kind in tree() if kind is not CounterpoiseError}


def test_a_code_begins_with_its_parents_digit() -> None:
    for kind in tree():
        parent = kind.__bases__[0]
        if parent not in (Exception, CounterpoiseError):
            assert kind.code[:4] == parent.code[:4], kind


def test_all_names_the_whole_tree() -> None:
    assert sorted(errors.__all__) == sorted(kind.__name__ for kind in tree())


def test_every_code_has_its_section_in_the_docs() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs" / "errors.md").read_text(encoding="utf-8")
    sections = re.findall(r"^## (CP-\d{3}) (\w+)$", text, flags=re.MULTILINE)
    assert dict(sections) == {kind.code: kind.__name__ for kind in tree()}
    assert len(sections) == len(tree())


def test_exit_codes_are_those_of_the_command_line() -> None:
    assert InputError.exit_code == UnknownName.exit_code == 2
    assert DataError.exit_code == CorruptRecord.exit_code == 3


def test_the_nearest_name_is_suggested() -> None:
    assert str(UnknownName("table", "trads", ["book", "trade", "quote"])) == "unknown table 'trads'; did you mean 'trade'?"


def test_without_a_near_name_the_known_ones_are_listed() -> None:
    assert str(UnknownName("table", "xyzzy", ["trade", "book"])) == "unknown table 'xyzzy'; known: book, trade"


def test_a_corrupt_record_names_file_line_and_field_and_is_cut_short() -> None:
    error = CorruptRecord("a.csv", 7, "price", "9" * 500, "a number")
    assert (error.source, error.line, error.field) == ("a.csv", 7, "price")
    assert str(error).startswith("a.csv:7: field 'price' is '999")
    assert "expected a number" in str(error)
    assert len(str(error)) < 200
    with pytest.raises(DataError):
        raise error
