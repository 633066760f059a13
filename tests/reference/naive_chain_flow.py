"""Chain-to-chain changes from dictionaries of options: the slow twin of `counterpoise.flow.derivatives.chain_flow`."""

from __future__ import annotations

from typing import Any

DAY = 86_400 * 10**9
Rows = list[dict[str, Any]]


def naive_chain_changes(rows: Rows) -> Rows:
    """One dictionary for each option of either of two snapshots that follow each other."""
    out: Rows = []
    for base in sorted({row["base"] for row in rows}):
        times = sorted({row["ts_local"] for row in rows if row["base"] == base})
        chains = [{r["symbol"]: r for r in rows if r["base"] == base and r["ts_local"] == ts} for ts in times]
        ever: set[str] = set(chains[0])
        for i in range(1, len(times)):
            before, now = chains[i - 1], chains[i]
            for symbol in before.keys() | now.keys():
                out.append(_change(symbol, before.get(symbol), now.get(symbol), times[i - 1 : i + 1], ever))
            ever |= set(now)
    return sorted(out, key=lambda r: (r["ts_local"], r["base"], r["expiry"], r["strike"], r["right"]))


def _change(symbol: str, before: Any, now: Any, times: list[int], ever: set[str]) -> dict[str, Any]:
    terms = now or before
    gap = times[1] - times[0]
    size = terms["multiplier"]
    row = {"ts_local": times[1], "since": times[0], "gap_ns": gap, "symbol": symbol, "expiry": terms["expiry_ns"]}
    row |= {name: terms[name] for name in ("base", "cash", "strike", "right")}
    change: float | None = None
    least = None
    if now is None:
        status = "expired" if terms["expiry_ns"] <= times[1] else "gone"
        change = -before["open_interest"] * size if status == "expired" else None
    elif before is None:
        status = "returned" if symbol in ever else "new"
        change = now["open_interest"] * size if status == "new" else None
    else:
        status = "held"
        change = (now["open_interest"] - before["open_interest"]) * size
        least = max(0.0, now["volume"] - before["volume"]) * size if gap <= DAY else now["volume"] * size
    greeks = {} if now is None else {"delta": now["delta"], "gamma": now["gamma"], "vega": now["vega"]}
    percent = 0.0 if now is None else now["underlying_price"] / 100
    units = {"delta": 1.0, "gamma": percent, "vega": 1.0}
    row |= {
        f"{name}_change": None if change is None or greeks.get(name) is None else change * greeks[name] * unit
        for name, unit in units.items()
    }
    return row | {
        "status": status,
        "open_interest": None if now is None else now["open_interest"] * size,
        "open_interest_change": change,
        "volume_least": least,
        "volume_most": now["volume"] * size if now is not None and gap <= DAY else None,
    }
