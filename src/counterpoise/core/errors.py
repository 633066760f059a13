"""The error tree. Each class has a code; `docs/errors.md` has a section per code.

CounterpoiseError
├── InputError        CP-100  the caller gave something that cannot be meant
│   ├── ConfigError   CP-110  a configuration file or field is wrong
│   └── UnknownName   CP-120  a name that does not exist (the nearest is suggested)
├── DataError         CP-200  a file or stream says something impossible
│   ├── CorruptRecord CP-210  one record cannot be read: file, line and field are named
│   └── SchemaError   CP-220  a table has other columns, types or version than expected
├── NumericalError    CP-300  a computation has no answer in doubles
└── VenueError        CP-400  the venue, or the way to it, said no
    ├── Retryable     CP-410  nothing happened; the same call may be made again
    ├── Rejected      CP-420  the venue refused; the order does not live
    └── Unknown       CP-430  the order may be live: only reconcile clears it
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar

__all__ = [
    "ConfigError",
    "CorruptRecord",
    "CounterpoiseError",
    "DataError",
    "InputError",
    "NumericalError",
    "Rejected",
    "Retryable",
    "SchemaError",
    "Unknown",
    "UnknownName",
    "VenueError",
]


class CounterpoiseError(Exception):
    """Root of the tree; the message says what was found, what was expected, what to do."""

    code: ClassVar[str] = "CP-000"
    exit_code: ClassVar[int] = 1


class InputError(CounterpoiseError):
    code = "CP-100"
    exit_code = 2


class ConfigError(InputError):
    code = "CP-110"


class UnknownName(InputError):
    """A name that is not in a known set; the nearest one is suggested."""

    code = "CP-120"

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
        super().__init__(f"unknown {what} {name!r}; {hint}")


class DataError(CounterpoiseError):
    code = "CP-200"
    exit_code = 3


class CorruptRecord(DataError):
    """One record that cannot be read.

    Parameters
    ----------
    source : str
        File name as the user gave it.
    line : int
        1-based line (or record) number.
    field : str
        The field at fault, or ``"record"`` when the whole record is.
    found, expected : str
        What stands there and what should.
    """

    code = "CP-210"

    def __init__(self, source: str, line: int, field: str, found: str, expected: str) -> None:
        self.source, self.line, self.field = source, line, field
        shown = found if len(found) <= 80 else found[:77] + "..."
        super().__init__(
            f"{source}:{line}: field {field!r} is {shown!r}, expected {expected}; "
            "fix the file or allow bad records with --max-bad"
        )


class SchemaError(DataError):
    code = "CP-220"


class NumericalError(CounterpoiseError):
    code = "CP-300"


class VenueError(CounterpoiseError):
    code = "CP-400"


class Retryable(VenueError):
    code = "CP-410"


class Rejected(VenueError):
    code = "CP-420"


class Unknown(VenueError):
    code = "CP-430"
