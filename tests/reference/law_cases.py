"""Settings and streams under which rare things happen often enough for a law to say something about them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.event import Events
from reference.absorbing_stream import AbsorbingStream
from reference.forced_orders import with_liquidations
from reference.random_stream import RandomStream
from reference.sweeping_stream import SweepingStream
from reference.tight_stream import TightStream

CENTRE: Final = 600_000

LOOSE: Final[dict[str, dict[str, Any]]] = {
    "icebergs": {
        "refill_ns": 60 * MS_NS,
        "similar": 0.1,
        "prior": 0.01,
        "min_score": 0.0,
        "min_refills": 1,
        "stale_ns": SECOND_NS,
    },
    "spoofing": {
        "reach_ticks": 40,
        "tail_max": 0.4,
        "min_seen": 3,
        "life_ns": 2 * SECOND_NS,
        "brief_ns": 100 * MS_NS,
        "react_ns": 20 * MS_NS,
        "together_ns": 30 * MS_NS,
        "pulled_share": 0.8,
        "min_levels": 2,
        "heavy": 0.1,
        "prior": 0.01,
        "min_score": 0.0,
        "stale_ns": SECOND_NS,
    },
    "stuffing": {
        "window_ns": 50 * MS_NS,
        "sigmas": 0.3,
        "trade_sigmas": 2.0,
        "max_net": 0.9,
        "max_moves": 4.0,
        "memory": 20,
        "min_windows": 5,
        "stale_ns": SECOND_NS,
    },
    "wash": {"within_ns": 500 * MS_NS, "prior": 0.01, "min_score": 0.0, "min_pairs": 1},
    "ignition": {
        "window_ns": 50 * MS_NS,
        "volume_sigmas": 0.2,
        "one_sided": 0.2,
        "calm_windows": 2,
        "calm_sigmas": 3.0,
        "move_windows": 4,
        "move_sigmas": 0.4,
        "back_windows": 10,
        "back_share": 0.5,
        "memory": 20,
        "min_windows": 5,
        "min_score": 0.0,
        "stale_ns": SECOND_NS,
    },
    "large_prints": {"least_sigma": 0.5, "span": 10, "warm": 3},
    "divergences": {"reversal_bps": None, "reversal_ticks": 3},
    "swings": {"reversal_bps": None, "reversal_ticks": 3},
    "absorption": {"threshold": "sigmas:0.1", "within_ns": 2 * SECOND_NS, "min_refill": 0.0, "warm": 2},
    "toxicity": {"buckets": 3, "period_ns": 2 * SECOND_NS},
    "trade_sizes": {"min_trades": 1},
}


def settings_of(name: str) -> dict[str, Any]:
    """Settings for a function or class, by its name in lower case."""
    plain = {"LargePrints": "large_prints", "find_absorption": "absorption"}.get(name, name.lower())
    given = LOOSE.get(plain, {})
    return {key: value for key, value in given.items() if key != "warm"} if name == "find_absorption" else given


def stream_for(name: str) -> Callable[[int], Events]:
    """A random stream by seed in which the thing of that name happens."""
    plain = name.lower()
    if "sweep" in plain:
        return lambda seed: SweepingStream(seed, centre=CENTRE, far=50_000).events(250)
    if "absorption" in plain:
        return lambda seed: AbsorbingStream(seed, centre=CENTRE, far=50_000).events(250)
    if plain in ("icebergs", "spoofing", "stuffing", "wash", "ignition"):
        return lambda seed: TightStream(seed).events(250)
    if "liquidation" in plain:
        return lambda seed: with_liquidations(seed, centre=CENTRE, far=50_000)
    return lambda seed: RandomStream(seed, centre=CENTRE, far=50_000).events(250)
