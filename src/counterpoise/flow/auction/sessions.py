"""Parts of the day, UTC, that profiles are made over."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Final, NamedTuple, Self

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS, HOUR_NS, MINUTE_NS

__all__ = ["SESSIONS", "Session", "Sessions"]


class Session(NamedTuple):
    """One part of every day: ``[start_ns, end_ns)`` after midnight UTC; past midnight when the end is beyond a day."""

    name: str
    start_ns: int
    end_ns: int


class Sessions(NamedTuple):
    """Parts of the day that do not overlap; hours between them belong to none.

    Attributes
    ----------
    parts : tuple of Session

    Notes
    -----
    Clocks of exchanges move with summer time; these do not. For sessions that overlap, as London and New York do, make one
    object of each.
    """

    parts: tuple[Session, ...]

    @classmethod
    def of(cls, sessions: str | Sessions | Iterable[tuple[str, str, str]]) -> Self:
        """By name (``utc_day``, ``regions``), or from (name, start, end) with times of day as ``"13:30"``, UTC.

        An end at or before its start is on the next day.

        Raises
        ------
        UnknownName
            If there is no such name.
        InputError
            If a time is none, or sessions overlap.

        Examples
        --------
        >>> Sessions.of([("us", "13:30", "20:00")]).at(0)
        (-1, 48600000000000)
        """
        if isinstance(sessions, Sessions):
            return cls(sessions.parts)
        if isinstance(sessions, str):
            if sessions not in SESSIONS:
                raise UnknownName("sessions", sessions, SESSIONS)
            return cls.of(SESSIONS[sessions])
        parts = []
        for name, start, end in sessions:
            begin, stop = _time_of_day(start), _time_of_day(end)
            parts.append(Session(name, begin % DAY_NS, stop if stop > begin % DAY_NS else stop + DAY_NS))
        return cls(_apart(sorted(parts, key=lambda part: part.start_ns)))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(part.name for part in self.parts)

    def at(self, ts_ns: int) -> tuple[int, int]:
        """Which session a moment belongs to, −1 for none, and when that changes [ns UTC]."""
        day = ts_ns // DAY_NS * DAY_NS
        change = day + 2 * DAY_NS
        for i, part in enumerate(self.parts):
            for midnight in (day - DAY_NS, day, day + DAY_NS):
                if midnight + part.start_ns <= ts_ns < midnight + part.end_ns:
                    return i, midnight + part.end_ns
                if midnight + part.start_ns > ts_ns:
                    change = min(change, midnight + part.start_ns)
        return -1, change

    def settings(self) -> list[float]:
        """Their number, then start and end of each [ns], for the kernel."""
        return [float(len(self.parts)), *(float(ns) for part in self.parts for ns in (part.start_ns, part.end_ns))]

    def __str__(self) -> str:
        return ", ".join(f"{part.name} {_clock(part.start_ns)}-{_clock(part.end_ns)}" for part in self.parts)


SESSIONS: Final[dict[str, tuple[tuple[str, str, str], ...]]] = {
    "utc_day": (("day", "00:00", "24:00"),),
    "regions": (("asia", "22:00", "07:00"), ("europe", "07:00", "13:00"), ("us", "13:00", "22:00")),
}


def _apart(parts: list[Session]) -> tuple[Session, ...]:
    if not parts:
        raise InputError("no sessions given; expected at least one (name, start, end)")
    if len({part.name for part in parts}) < len(parts):
        raise InputError(f"two sessions have one name: {[part.name for part in parts]}; name each differently")
    around = [*parts, parts[0]._replace(start_ns=parts[0].start_ns + DAY_NS)]
    for one, following in pairwise(around):
        if one.end_ns > following.start_ns:
            raise InputError(
                f"session {one.name!r} ends at {_clock(one.end_ns)}, after {following.name!r} begins; "
                "make one object for each of those that overlap"
            )
    return tuple(parts)


def _time_of_day(text: str) -> int:
    hours, colon, minutes = text.partition(":")
    if not (colon and hours.isdigit() and minutes.isdigit() and int(minutes) < 60 and int(hours) * 60 + int(minutes) <= 1440):
        raise InputError(f"time of day {text!r} not understood; write 13:30, from 00:00 to 24:00")
    return int(hours) * HOUR_NS + int(minutes) * MINUTE_NS


def _clock(ns: int) -> str:
    hours, minutes = divmod(ns // MINUTE_NS, 60)
    return f"{hours % 24 if hours > 24 else hours:02d}:{minutes:02d}"
