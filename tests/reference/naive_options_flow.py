"""Option flow trade by trade in Python floats, and Black's price with its greeks by finite differences.

The slow twin of `counterpoise.flow.derivatives.options_flow` and `counterpoise.flow.derivatives.option_weights`.
"""

from __future__ import annotations

from collections import defaultdict
from math import erfc, log, sqrt
from typing import Any

YEAR = 365 * 86_400 * 10**9
Table = list[dict[str, Any]]
GREEKS = ("underlying_price", "delta", "gamma", "vega")


def black_price(forward: float, strike: float, years: float, iv: float, right: str) -> float:
    """Undiscounted price [cash] of an option on a forward (Black 1976)."""
    width = iv * sqrt(years)
    d1 = log(forward / strike) / width + width / 2
    sign = 1 if right == "C" else -1
    normal = [erfc(-sign * d / sqrt(2)) / 2 for d in (d1, d1 - width)]
    return sign * (forward * normal[0] - strike * normal[1])


def gamma_by_difference(forward: float, strike: float, years: float, iv: float) -> float:
    """Second difference of the price over a thousandth of its own width."""
    step = forward * iv * sqrt(years) * 1e-2
    up, mid, down = (black_price(forward + i * step, strike, years, iv, "C") for i in (1, 0, -1))
    return (up - 2 * mid + down) / step**2


def naive_weighted(trades: Table, quotes: Table, *, max_age_ns: int, net: bool = False) -> Table:
    """Each trade with what it weighs; None where greeks are missing or old."""
    out = []
    for trade in trades:
        said = [q for q in quotes if q["symbol"] == trade["symbol"] and q["ts_local"] < trade["ts_local"]]
        said = [q for q in said if q["delta"] is not None and q["underlying_price"] is not None]
        last = said[-1] if said and trade["ts_local"] - said[-1]["ts_local"] <= max_age_ns else None
        row = {**trade, "weights": None}
        if last is not None:
            row["weights"] = _weights(trade, last, net=net)
        out.append(row)
    return out


def _weights(trade: dict[str, Any], quote: dict[str, Any], *, net: bool) -> dict[str, float] | None:
    forward, years = quote["underlying_price"], (trade["expiry_ns"] - trade["ts_local"]) / YEAR
    gamma = quote["gamma"]
    if gamma is None and quote["mark_iv"] is not None:
        gamma = gamma_by_difference(forward, trade["strike"], years, quote["mark_iv"])
    if gamma is None or quote["vega"] is None:
        return None
    paid = quote["mark_price"] if net and trade["coin_settled"] else 0.0
    call, qty = trade["right"] == "C", trade["qty"]
    return {
        "notional": qty * forward,
        "delta": qty * (quote["delta"] - paid),
        "gamma": qty * gamma * forward / 100,
        "vega": qty * quote["vega"],
        "premium": trade["price"] * qty * (forward if trade["coin_settled"] else 1.0),
        "otm": trade["strike"] > forward if call else trade["strike"] < forward,
    }


def naive_option_flow(weighted: Table, *, every_ns: int, dealers: str) -> Table:
    """One dictionary a bin."""
    if not weighted:
        return []
    groups: dict[int, Table] = defaultdict(list)
    for row in weighted:
        groups[(row["ts_local"] // every_ns + 1) * every_ns].append(row)
    return [_bin(end, groups[end], dealers) for end in range(min(groups), max(groups) + 1, every_ns)]


def _bin(end: int, rows: Table, dealers: str) -> dict[str, Any]:
    def qty(**such: Any) -> float:
        return sum(r["qty"] for r in rows if all(r[name] == value for name, value in such.items()))

    known = [r for r in rows if r["weights"]]
    void = bool(rows) and not known

    def total(name: str, *, signed: bool = True, **such: Any) -> float | None:
        mine = [r for r in known if all({**r, **r["weights"]}[key] == value for key, value in such.items())]
        return None if void else sum(r["weights"][name] * (r["side"] if signed else 1) for r in mine)

    calls, puts = qty(right="C"), qty(right="P")
    premiums = [total("premium", signed=False, right=right) for right in "CP"]
    put_vega, call_vega = (total("vega", right=right, otm=True) for right in "PC")
    per_right = [total("gamma", signed=False, right=right) for right in "CP"]
    signs = {"customers_long_calls_short_puts": (-1, 1), "customers_short_calls_long_puts": (1, -1)}.get(dealers)
    flow = total("gamma")
    held = None
    if not void and flow is not None and per_right[0] is not None and per_right[1] is not None:
        held = -flow if signs is None else signs[0] * per_right[0] + signs[1] * per_right[1]
    return {
        "ts": end,
        "trades": len(rows),
        "unknown_trades": sum(r["side"] == 0 for r in rows),
        "unweighted_trades": len(rows) - len(known),
        "buy_qty": qty(side=1),
        "sell_qty": qty(side=-1),
        "unknown_qty": qty(side=0),
        "call_qty": calls,
        "put_qty": puts,
        "put_call_ratio": puts / calls if calls else None,
        "call_premium": premiums[0],
        "put_premium": premiums[1],
        "put_call_premium_ratio": premiums[1] / premiums[0] if premiums[0] and premiums[1] is not None else None,
        "signed_notional": total("notional"),
        "delta_flow": total("delta"),
        "gamma_flow": flow,
        "vega_flow": total("vega"),
        "signed_premium": total("premium"),
        "put_vega": put_vega,
        "call_vega": call_vega,
        "skew_pressure": None if put_vega is None or call_vega is None else put_vega - call_vega,
        "dealer_gamma": held,
    }
