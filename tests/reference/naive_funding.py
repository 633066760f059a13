"""Funding, open interest and basis row by row in Fractions: the slow twins of the modules of these names."""

from __future__ import annotations

from fractions import Fraction
from math import log
from typing import Any

HOUR = 3600 * 10**9
MINUTE = 60 * 10**9
YEAR = 365 * 24 * HOUR
Said = list[tuple[int, float | None]]  # ts_local, value


def naive_funding(payments: list[tuple[int, float | None]]) -> list[dict[str, Any]]:
    """Payments (due, rate) with their interval inferred."""
    out: list[dict[str, Any]] = []
    total, interval_before, due_before = Fraction(0), None, None
    for due, rate in payments:
        interval, missing = None, 0
        if due_before is not None:
            gap = due - due_before
            interval = next((h * HOUR for h in (1, 2, 4, 8) if abs(gap - h * HOUR) <= MINUTE), None)
            if interval is None and interval_before is not None:
                times = round(Fraction(gap, interval_before))
                if times > 1 and abs(gap - times * interval_before) <= MINUTE:
                    interval, missing = interval_before, times - 1
        total += Fraction(rate) if rate is not None else 0
        out.append(
            {
                "ts": due,
                "funding_rate": rate,
                "interval_ns": interval,
                "annualised": None if rate is None or interval is None else float(Fraction(rate) * YEAR / interval),
                "cumulative": float(total),
                "changed": interval is not None and interval_before not in (None, interval),
                "missing": missing,
            }
        )
        interval_before, due_before = interval or interval_before, due
    return out


def naive_settlements(marks: list[dict[str, Any]], max_age_ns: int) -> list[dict[str, Any]]:
    """Payments that marks saw happen: rows of one stamp of the next payment are one interval."""
    intervals: list[list[dict[str, Any]]] = []
    for mark in marks:
        stamp = mark["next_funding_ns"]
        if stamp is None:
            continue
        if not intervals or stamp - intervals[-1][-1]["next_funding_ns"] > MINUTE:
            intervals.append([])
        intervals[-1].append(mark)
    out = []
    for number, rows in enumerate(intervals[:-1]):
        due = rows[0]["next_funding_ns"]
        shown = [r for r in rows if r["funding_rate"] is not None]
        foretold = [r["predicted_funding_rate"] for r in intervals[number - 1]] if number else []
        said = [value for value in foretold if value is not None]
        age = due - (shown[-1]["ts_venue"] or shown[-1]["ts_local"]) if shown else -1
        out.append(
            {
                "ts_local": intervals[number + 1][0]["ts_local"],
                "ts": due,
                "funding_rate": shown[-1]["funding_rate"] if shown and age <= max_age_ns else None,
                "predicted": said[-1] if said else None,
                "first_rate": rows[0]["funding_rate"] if number else None,
                "age_ns": age,
            }
        )
    return out


def naive_latest(said: Said, at: int, max_age_ns: int) -> tuple[float | None, int | None]:
    """The last value said before a time, and its age."""
    held = [(ts, value) for ts, value in said if ts < at and value is not None]
    if not held or at - held[-1][0] > max_age_ns:
        return None, None
    return held[-1][1], at - held[-1][0]


def naive_ends(said: Said, every_ns: int) -> list[int]:
    ends = sorted({(ts // every_ns + 1) * every_ns for ts, _ in said})
    return list(range(ends[0], ends[-1] + 1, every_ns)) if ends else []


def naive_open_interest(
    reports: Said, prices: Said, *, every_ns: int, max_age_ns: int, multiplier: str, inverse: bool, dead: tuple[str, str]
) -> list[dict[str, Any]]:
    """Changes and quadrants; dead zones as a share of open interest and in bps."""
    out: list[dict[str, Any]] = []
    before: tuple[Fraction | None, Fraction | None] = (None, None)
    for end in naive_ends(reports, every_ns):
        held, age = naive_latest(reports, end, max_age_ns)
        paid, _ = naive_latest(prices, end, max_age_ns)
        open_ = None if held is None else Fraction(held) * (1 if inverse else Fraction(multiplier))
        price = None if paid is None else Fraction(paid)
        change = None if open_ is None or before[0] is None else open_ - before[0]
        move = None if price is None or before[1] is None else (price / before[1] - 1) * 10_000
        quadrant = None
        if change is not None and move is not None:
            still = bool(before[0]) and abs(change / before[0]) <= Fraction(dead[0])  # type: ignore[operator]
            quadrant = "flat" if still or change == 0 or abs(move) <= Fraction(dead[1]) else _quadrant(change > 0, move > 0)
        worth = None if price is None or open_ is None else open_ * (1 if inverse else price)
        row = {"ts": end, "open_interest": open_, "price": price, "open_interest_change": change, "price_change_bps": move}
        row["open_notional"] = open_ * Fraction(multiplier) if inverse and open_ is not None else worth
        row["open_coins"] = open_
        if inverse:
            row["open_coins"] = None if price is None or open_ is None else open_ * Fraction(multiplier) / price
        row["open_interest_change_share"] = change / before[0] if change is not None and before[0] else None
        shown: dict[str, Any] = {name: float(v) if isinstance(v, Fraction) else v for name, v in row.items()}
        out.append(shown | {"quadrant": quadrant, "open_interest_age_ns": age})
        before = open_, price
    return out


def _quadrant(opened: bool, rose: bool) -> str:
    if opened:
        return "long_build_up" if rose else "short_build_up"
    return "short_covering" if rose else "long_unwinding"


def naive_basis(prices: Said, reference: Said, *, every_ns: int, max_age_ns: int, expiry: int | None) -> list[dict[str, Any]]:
    """Basis and its yield a year."""
    out: list[dict[str, Any]] = []
    for end in naive_ends(prices, every_ns):
        ours, age = naive_latest(prices, end, max_age_ns)
        theirs, their_age = naive_latest(reference, end, max_age_ns)
        row: dict[str, Any] = {"ts": end, "price": ours, "reference": theirs, "price_age_ns": age}
        row |= dict.fromkeys(("basis", "basis_bps", "annualised", "carry")) | {"reference_age_ns": their_age}
        tenor = 0 if expiry is None else max(expiry - end, 0)
        row["tenor_ns"] = tenor or None
        if ours is not None and theirs is not None:
            ratio = Fraction(ours) / Fraction(theirs)
            row |= {"basis": float(Fraction(ours) - Fraction(theirs)), "basis_bps": float((ratio - 1) * 10_000)}
            if tenor >= HOUR:
                row |= {"annualised": float((ratio - 1) * YEAR / tenor), "carry": log(ratio) * YEAR / tenor}
        out.append(row)
    return out
