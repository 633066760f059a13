"""Hayashi-Yoshida by the double sum of its definition: the slow twin of `counterpoise.flow.cross.lead_lag`."""

from __future__ import annotations

from math import fsum, log, sqrt

Seen = list[tuple[int, float | None]]  # time, price; None is a gap
Change = tuple[int, int, float]  # (start, end], log change


def changes_of(seen: Seen) -> list[Change]:
    """Between the moments the price moved; of one moment the last word counts; nothing spans a gap."""
    by_time = dict(seen)
    out: list[Change] = []
    before: tuple[int, float] | None = None
    for ts, price in by_time.items():
        if price is None:
            before = None
        elif before is None:
            before = ts, price
        elif price != before[1]:
            out.append((before[0], ts, log(price) - log(before[1])))
            before = ts, price
    return out


def covariance(x: list[Change], y: list[Change], lag: int) -> float:
    """Σᵢⱼ Δxᵢ Δyⱼ where (sᵢ, tᵢ] and (s'ⱼ − lag, t'ⱼ − lag] have a moment in common."""
    return fsum(dx * dy for s, t, dx in x for u, v, dy in y if s < v - lag and u - lag < t)


def correlation(x: list[Change], y: list[Change], lag: int) -> float:
    since, until = max(x[0][0], y[0][0]), min(x[-1][1], y[-1][1])
    x, y = ([one for one in part if one[0] >= since and one[1] <= until] for part in (x, y))
    return covariance(x, y, lag) / sqrt(fsum(c * c for _, _, c in x) * fsum(c * c for _, _, c in y))
