"""Volume by time of day: how much is usual at this hour, how much more there is now, and how a day's volume spreads over it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal, NamedTuple, Self, TypeAlias

import msgspec
import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Float2D, Int1D
from counterpoise.core.errors import DataError, InputError, UnknownName
from counterpoise.core.units import DAY_NS, format_duration, format_time
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.kernels import seasonality as k

__all__ = ["GROUPS", "Average", "TimeOfDay", "relative_volume"]

Average: TypeAlias = Literal["median", "mean"]
Table: TypeAlias = tuple[tuple[float | None, ...], ...]  # a row for each weekday, or one; a column for each time of day
Counts: TypeAlias = tuple[tuple[int, ...], ...]

_AVERAGES: Final = {"median": k.median_of_days, "mean": k.mean_of_days}

GROUPS: Final = (
    Group(
        name="relative_volume",
        says="volume of a bin over what was usual at its time of day",
        made_by="relative_volume",
        needs=("trades", "bins"),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("volume", "base", "traded in the bin", size="linear"),
            Column("expected", "base", "median or mean of the bins of the same time on past days", size="linear"),
            Column("relative", "1", "volume over expected; null when nothing was expected"),
            Column("days_seen", "count", "past days that hold the bin of this time"),
            Column("days_missing", "count", "days that were asked for and do not"),
        ),
        source="the same time of day, UTC, of the days before",
    ),
)


class TimeOfDay(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Volume by time of day, fitted on past days: a table of averages, and from when on it may be used.

    Attributes
    ----------
    every_ns : int
        Length of a bin; it divides a day.
    first_ns, until_ns : int [ns UTC]
        Start of the first and end of the last bin it was fitted on.
    mean, median : table [unit of the volume]
        A row for each weekday from Monday, or a single one; a column for each time of day from 00:00 UTC. None where no day had
        the bin.
    days, missing : table of counts
        Days that had the bin; days within the span that did not. A missing bin is not filled.

    Notes
    -----
    Save with `to_dict`, load with `from_dict`: plain numbers and lists, the same to the last bit. A time of day is UTC: what
    follows New York's or London's clock moves by an hour twice a year.
    """

    every_ns: int
    first_ns: int
    until_ns: int
    mean: Table
    median: Table
    days: Counts
    missing: Counts

    def __post_init__(self) -> None:
        slots = _slots(self.every_ns)
        for table in (self.mean, self.median, self.days, self.missing):
            if len(table) not in (1, k.WEEK) or len(table) != len(self.mean) or any(len(row) != slots for row in table):
                raise InputError(
                    f"a profile of {format_duration(self.every_ns)} bins has 1 or 7 rows of {slots} in each table, found "
                    f"{len(table)} rows of {sorted({len(row) for row in table})}; give what to_dict() gave"
                )

    @classmethod
    def fit(
        cls,
        frame: pl.DataFrame,
        every_ns: int,
        *,
        column: str = "volume",
        by_weekday: bool = False,
        days: int | None = None,
    ) -> Self:
        """Average the bins of each time of day.

        Parameters
        ----------
        frame : polars.DataFrame
            ``ts``, the end of each bin of time, ascending, and a column of volume; null or an absent row says unknown.
        every_ns : int
            Length of the bins.
        column : str
        by_weekday : bool
            One row of averages for each day of the week.
        days : int, optional
            Only the last so many days, counted back from the last bin's.

        Raises
        ------
        InputError
            If the bins are not of that length, or do not ascend, or there is none.
        DataError
            If a volume is negative or infinite.

        Notes
        -----
        O(n log n).
        """
        bins = _bins_of(frame, every_ns, column)
        if days is not None:
            if days < 1:
                raise InputError(f"a profile needs one day or more, found {days}")
            bins = bins.since(int(bins.start[-1] // DAY_NS - days + 1) * DAY_NS if len(bins.start) else 0)
        if not len(bins.start):
            raise InputError("a profile needs at least one bin, found none; give the bins of past days")
        grid = _by_day(bins)
        first, until = int(bins.start[0]), int(bins.start[-1]) + every_ns
        rows = k.weekday(grid.days) if by_weekday else np.zeros(len(grid.days), np.int64)
        chosen = [grid.volume[rows == row] for row in range(k.WEEK if by_weekday else 1)]
        seen = np.array([k.known_days(volume) for volume in chosen])
        calendar = k.bins_of_calendar(first, until, every_ns, day_ns=DAY_NS, rows=len(chosen))
        return cls(
            every_ns=every_ns,
            first_ns=first,
            until_ns=until,
            mean=_table([k.mean_of_days(volume) for volume in chosen]),
            median=_table([k.median_of_days(volume) for volume in chosen]),
            days=tuple(tuple(row) for row in seen.tolist()),
            missing=tuple(tuple(row) for row in (calendar - seen).tolist()),
        )

    @classmethod
    def from_dict(cls, saved: dict[str, Any]) -> Self:
        """What `to_dict` gave, as it was.

        Raises
        ------
        InputError
            If it is not that.
        """
        try:
            return msgspec.convert(saved, cls)
        except msgspec.ValidationError as error:
            raise InputError(f"this is no saved profile ({error}); give what to_dict() gave") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists, for JSON or any other store."""
        return dict(msgspec.json.decode(msgspec.json.encode(self)))

    @property
    def frame(self) -> pl.DataFrame:
        """The table, a row for each time: ``weekday`` (1 Monday; null when all are one), ``time``, averages and counts."""
        slots = _slots(self.every_ns)
        weekday = [None] * slots if len(self.mean) == 1 else [row + 1 for row in range(k.WEEK) for _ in range(slots)]
        flat = {name: [x for row in getattr(self, name) for x in row] for name in ("mean", "median", "days", "missing")}
        times = [slot * self.every_ns for slot in range(slots)] * len(self.mean)
        types = {"weekday": pl.Int64, "time": pl.Time, "mean": pl.Float64, "median": pl.Float64}
        return pl.DataFrame({"weekday": weekday, "time": times, **flat}, schema_overrides=types)

    def relative(self, frame: pl.DataFrame, *, column: str = "volume", against: Average = "median") -> pl.DataFrame:
        """Volume of later bins over what is usual at their time.

        Returns
        -------
        polars.DataFrame
            The columns of `relative_volume`; ``relative`` is null where nothing, or zero, is expected.

        Raises
        ------
        InputError
            If a bin began before the profile's last one ended: it may have been fitted on that very bin.
        """
        bins = _bins_of(frame, self.every_ns, column)
        self._require_later(int(bins.start[0]) if len(bins.start) else self.until_ns)
        row, slot = self._places(bins.start)
        return _relative(
            bins, self._averages(against)[row, slot], np.array(self.days)[row, slot], np.array(self.missing)[row, slot]
        )

    def curve(self, start_ns: int, end_ns: int, *, against: Average = "mean") -> pl.DataFrame:
        """How the volume from `start_ns` to `end_ns` is expected to spread over the bins between.

        Parameters
        ----------
        start_ns, end_ns : int [ns UTC]
            Within one day or over several; a bin that is cut counts by its share of time.
        against : {"mean", "median"}
            Means add up to the expected volume of the span; medians do not, but no single day moves them.

        Returns
        -------
        polars.DataFrame
            ``ts`` end of each bin, at most `end_ns`; ``share`` of the volume; ``cumulative``, which ends with 1.

        Raises
        ------
        InputError
            If the span is empty, or begins before the profile's last bin ended.
        DataError
            If the profile has no day with one of the bins, or expects nothing at all.
        """
        if end_ns <= start_ns:
            raise InputError(f"a span ends after it begins, found {format_time(start_ns)} to {format_time(end_ns)}")
        self._require_later(start_ns)
        begin = np.arange(start_ns // self.every_ns * self.every_ns, end_ns, self.every_ns)
        end = np.minimum(begin + self.every_ns, end_ns)
        expected = self._averages(against)[self._places(begin)] * ((end - np.maximum(begin, start_ns)) / self.every_ns)
        unknown = np.flatnonzero(np.isnan(expected))
        if len(unknown):
            raise DataError(
                f"no past day had the bin of {format_time(int(begin[unknown[0]]), digits=0)} (and {len(unknown) - 1} more of "
                f"this span); fit on more days, on longer bins, or without by_weekday"
            )
        if not expected.sum() > 0:
            raise DataError("nothing was traded at these times on past days; fit on more days, or against='mean'")
        cumulative = np.cumsum(expected)
        cumulative /= cumulative[-1]
        frame = pl.DataFrame({"ts": end, "share": np.diff(cumulative, prepend=0.0), "cumulative": cumulative})
        return frame.with_columns(pl.col("ts").cast(UTC_NS))

    def _averages(self, name: str) -> Float2D:
        _chosen(name)
        return np.array(self.mean if name == "mean" else self.median, np.float64)

    def _places(self, start: Int1D) -> tuple[Int1D, Int1D]:
        """Row and column of the bins that begin at some times."""
        days, into = np.divmod(start, DAY_NS)
        return k.weekday(days) if len(self.mean) == k.WEEK else np.zeros_like(days), into // self.every_ns

    def _require_later(self, start_ns: int) -> None:
        if start_ns < self.until_ns:
            raise InputError(
                f"the profile was fitted on bins up to {format_time(self.until_ns)}; from {format_time(start_ns)} on it would "
                "know the future; fit on earlier days, or use relative_volume, which looks back only"
            )


def relative_volume(
    frame: pl.DataFrame,
    *,
    every_ns: int,
    days: int = 20,
    column: str = "volume",
    by_weekday: bool = False,
    against: Average = "median",
) -> pl.DataFrame:
    """Volume of each bin over the average of the same time on the `days` calendar days before its own.

    Parameters
    ----------
    frame : polars.DataFrame
        ``ts``, the end of each bin of time, ascending, and a column of volume; null or an absent row says unknown.
    every_ns : int
        Length of the bins; it divides a day.
    days : int
        How far back; with `by_weekday`, how many of the same weekday.
    column : str
    by_weekday : bool
    against : {"median", "mean"}

    Returns
    -------
    polars.DataFrame
        ``ts``, ``volume``, ``expected``, ``relative``, ``days_seen`` and ``days_missing``, which add up to `days`. ``expected``
        is null when no past day has the bin, ``relative`` also when it is zero.

    Raises
    ------
    InputError, UnknownName, DataError
        As `TimeOfDay.fit`.

    Notes
    -----
    Causal: a bin is compared with days before its own only. O(n · days).
    """
    if days < 1:
        raise InputError(f"relative volume looks back one day or more, found {days}")
    bins, step = _bins_of(frame, every_ns, column), k.WEEK if by_weekday else 1
    grid, average = _by_day(bins), _chosen(against)
    expected, seen = np.full(grid.volume.shape, np.nan), np.zeros(grid.volume.shape, np.int64)
    for i, day in enumerate(grid.days):
        ago = day - grid.days[:i]
        past = grid.volume[:i][(ago % step == 0) & (ago <= step * days)]
        expected[i], seen[i] = average(past), k.known_days(past)
    seen_of_bins = seen[grid.row, grid.slot]
    return _relative(bins, expected[grid.row, grid.slot], seen_of_bins, days - seen_of_bins)


class _Bins(NamedTuple):
    """Bins of one length: where they begin, and what was traded, NaN where that is unknown."""

    every_ns: int
    start: Int1D
    volume: Float1D

    def since(self, start_ns: int) -> _Bins:
        kept: Bool1D = self.start >= start_ns
        return _Bins(self.every_ns, self.start[kept], self.volume[kept])


class _Grid(NamedTuple):
    """Volume by day and time of day, NaN where there is no bin; and the place of each bin in it."""

    days: Int1D
    volume: Float2D
    row: Int1D
    slot: Int1D


def _bins_of(frame: pl.DataFrame, every_ns: int, column: str) -> _Bins:
    _slots(every_ns)
    for name in ("ts", column):
        if name not in frame.columns:
            raise UnknownName("column", name, frame.columns)
    if not isinstance(frame.schema["ts"], pl.Datetime) or frame["ts"].null_count():
        raise InputError(f"ts is the end of each bin, a time without nulls; found {frame.schema['ts']}")
    start = frame["ts"].dt.epoch("ns").to_numpy() - every_ns
    if (start % every_ns != 0).any() or (np.diff(start) <= 0).any():
        raise InputError(
            f"bins of {format_duration(every_ns)} end at multiples of it and ascend, each once; found others; "
            "give the frame of Bins.every(every_ns), sorted"
        )
    volume = frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    if (np.isinf(volume) | (volume < 0)).any():
        bad = int(np.flatnonzero(np.isinf(volume) | (volume < 0))[0])
        raise DataError(f"{column} is {volume[bad]} in row {bad}; a volume is 0 or more, and null where it is not known")
    return _Bins(every_ns, start, volume)


def _slots(every_ns: int) -> int:
    """Bins of a day."""
    if every_ns <= 0 or DAY_NS % every_ns:
        raise InputError(f"a time of day needs bins that divide a day, found {every_ns} ns; take 1m, 5m, 30m, 1h ...")
    return DAY_NS // every_ns


def _by_day(bins: _Bins) -> _Grid:
    day, into = np.divmod(bins.start, DAY_NS)
    days, row = np.unique(day, return_inverse=True)
    slot = into // bins.every_ns
    volume = np.full((len(days), _slots(bins.every_ns)), np.nan)
    volume[row, slot] = bins.volume
    return _Grid(days, volume, row, slot)


def _table(rows: list[Float1D]) -> Table:
    return tuple(tuple(None if np.isnan(x) else float(x) for x in row) for row in rows)


def _chosen(average: str) -> Callable[[Float2D], Float1D]:
    if average not in _AVERAGES:
        raise UnknownName("average", average, _AVERAGES)
    return _AVERAGES[average]


def _relative(bins: _Bins, expected: Float1D, seen: Int1D, missing: Int1D) -> pl.DataFrame:
    share = np.divide(bins.volume, expected, out=np.full(len(expected), np.nan), where=expected > 0)
    columns = {"ts": bins.start + bins.every_ns, "volume": bins.volume, "expected": expected, "relative": share}
    frame = pl.DataFrame({**columns, "days_seen": seen, "days_missing": missing}, nan_to_null=True)
    return frame.with_columns(pl.col("ts").cast(UTC_NS))
