"""Days of US equity recordings, whose times count from midnight in New York."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import polars as pl

from counterpoise.core.errors import InputError
from counterpoise.core.units import DAY_NS

__all__ = ["date_in_name", "new_york_midnight"]

_DATE: Final = re.compile(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)")


def date_in_name(path: Path) -> str:
    """ISO date that a file's name holds, as ``20131007_quote.zip`` or ``AMZN_2012-06-21_message.csv``.

    Raises
    ------
    InputError
        If there is none.
    """
    found = _DATE.search(path.name)
    if found is None:
        raise InputError(f"{path}: no date in the file's name, expected one such as 20131007; rename it, or give the date")
    return "-".join(found.groups())


def new_york_midnight(date: str) -> int:
    """Epoch ns UTC from which the session times of an ISO date count.

    Twelve hours before noon: on the two days a year when the clock changes, at 2 am, this is an hour off midnight and right for
    the session.

    Raises
    ------
    InputError
        If the date does not exist.
    """
    try:
        noon = pl.Series([f"{date} 12:00"]).str.to_datetime("%Y-%m-%d %H:%M", time_unit="ns", time_zone="America/New_York")
    except pl.exceptions.PolarsError as error:
        raise InputError(f"{date!r} is not a date; write it like 2013-10-07") from error
    return int(noon.dt.epoch("ns")[0]) - DAY_NS // 2
