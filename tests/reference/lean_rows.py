"""Lean equity ticks one line at a time: the slow twin of `counterpoise.adapters.lean`."""

from __future__ import annotations

import csv
import zipfile
from collections import Counter
from datetime import date, datetime, time, timedelta
from io import TextIOWrapper
from pathlib import Path
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
Row = tuple[int, int, int, int, int]


def lean_rows(path: Path, *, day: date, exchange: str, per_tick: int) -> tuple[list[Row], Counter[str]]:
    """(ts ns, message, side, price ticks, size) of a file, `per_tick` units of 1e-4 a tick; and what was left out."""
    midnight = datetime.combine(day, time(), NEW_YORK)
    rows: list[Row] = []
    dropped: Counter[str] = Counter()
    messages = 0
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as member:
        for fields in csv.reader(TextIOWrapper(member)):
            if fields[-3] != exchange:
                dropped["other exchange"] += 1
                continue
            if fields[-1] == "1":
                dropped["suspicious"] += 1
                continue
            ts = round((midnight + timedelta(milliseconds=int(fields[0]))).timestamp() * 1000) * 10**6
            pairs = [(0, *fields[1:3])] if len(fields) == 6 else [(1, *fields[1:3]), (-1, *fields[3:5])]
            said = [(side, int(price), int(size)) for side, price, size in pairs if int(price) and int(size)]
            if not said:
                dropped["quote without a side"] += 1
                continue
            for side, price, size in said:
                assert price % per_tick == 0
                rows.append((ts, messages, side, price // per_tick, size))
            messages += 1
    return rows, dropped
