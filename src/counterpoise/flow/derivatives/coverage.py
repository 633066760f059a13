"""How much of its liquidations a venue shows: a rule for each venue and the date since which it is known to hold."""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from counterpoise.core.units import parse_time

__all__ = ["RULES", "Coverage", "CoverageRule", "coverage_at"]

Coverage = Literal["complete", "latest_per_second", "unknown"]


class CoverageRule(NamedTuple):
    """What a venue's liquidation channel leaves out.

    Attributes
    ----------
    venue : str
    since : str
        First day [UTC] on which the rule is known to hold; it holds until the next rule of that venue.
    coverage : {"complete", "latest_per_second", "unknown"}
        Every liquidation; at most one a symbol and second, so that sums are lower bounds; nobody says.
    says : str
        What the venue writes.
    """

    venue: str
    since: str
    coverage: Coverage
    says: str


_BINANCE: Final = "forceOrder pushes only the latest order of a symbol within 1000 ms"
_FLAGGED: Final = "every trade says whether a liquidation was on one side of it"
RULES: Final = (
    CoverageRule("binance_coinm", "2021-04-27", "latest_per_second", _BINANCE),
    CoverageRule("binance_usdm", "2021-04-27", "latest_per_second", _BINANCE),
    CoverageRule("bybit", "2023-12-25", "latest_per_second", "liquidation: at most one order a second and symbol"),
    CoverageRule("bybit", "2025-02-14", "complete", "allLiquidation: all of them, every 500 ms, at the bankruptcy price"),
    CoverageRule("deribit", "2021-01-01", "complete", _FLAGGED),
    CoverageRule("kraken_futures", "2021-01-01", "complete", _FLAGGED),
    CoverageRule("okx", "2024-01-01", "latest_per_second", "liquidation-orders: at most one order a contract and second"),
)


def coverage_at(venue: str, ts_ns: int, rules: tuple[CoverageRule, ...] = RULES) -> Coverage:
    """The rule of a venue at a time; ``"unknown"`` before the first and for venues without one.

    Examples
    --------
    >>> coverage_at("bybit", parse_time("2024-06-01")), coverage_at("bybit", parse_time("2026-01-01"))
    ('latest_per_second', 'complete')
    """
    held = [rule for rule in rules if rule.venue == venue and parse_time(rule.since) <= ts_ns]
    return max(held, key=lambda rule: parse_time(rule.since)).coverage if held else "unknown"
