"""Settings and streams under which rare things happen often enough for a law to say something about them.

A noun of the stage is written here as its class is, in lower case; functions go by the class that does their work.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final, NamedTuple

from counterpoise.core.units import HOUR_NS, MS_NS, SECOND_NS
from counterpoise.flow.auction.definition import imbalance_definition
from counterpoise.flow.bins import Bins
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.absorbing_stream import AbsorbingStream
from reference.forced_orders import with_liquidations
from reference.message_script import T0
from reference.random_stream import RandomStream
from reference.random_tape import random_tape
from reference.sweeping_stream import SweepingStream
from reference.tight_stream import TightStream

CENTRE: Final = 600_000
PERP: Final = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN: Final = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SECOND: Final = Bins.every(SECOND_NS)


class Case(NamedTuple):
    """Settings of one way to measure, and why a symmetry does not hold for it, if it does not."""

    settings: dict[str, Any]
    instrument: Instrument = PERP
    no_scale: str = ""
    no_mirror: str = ""


GIVEN: Final = "it compares with an amount that was given"
WORTH: Final = "it compares notionals, which turn with the price"

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
}
SMALL: Final = imbalance_definition("atas")._replace(
    min_qty=Decimal("0.1"), unfinished_qty=Decimal("0.01"), stack=2, zero="count"
)
SESSIONS: Final = [("early", "23:00", "02:30"), ("noon", "11:30", "12:00"), ("late", "12:00", "18:00")]
PATIENT: Final = {"within_ns": SECOND_NS, "patience_ns": SECOND_NS, "stale_ns": 2 * SECOND_NS}
OPEN: Final = {"levels": 1, "patience_ns": 2 * SECOND_NS, "most_open": 5}
RECENT: Final = {"span": 10, "warm": 3}
AFTER: Final = {"anchor": "session", "session_start_ns": (T0 + 5 * SECOND_NS) % (24 * HOUR_NS)}


def bins(text: str, **settings: Any) -> dict[str, Any]:
    return {"bins": Bins.parse(text), **settings}


# label → case; nothing said of a noun is one case with what the laws give every measure
CASES: Final[dict[str, dict[str, Case]]] = {
    **{name: {"": Case(settings)} for name, settings in LOOSE.items()},
    "absorption": {
        "sigmas": Case({"threshold": "sigmas:0.5", "warm": 2, "memory": 5, **PATIENT}),
        "qty": Case({"threshold": "qty:0.002", **PATIENT}, no_scale=GIVEN),
    },
    "bestquotes": {
        "depth": Case({"source": "depth"}),
        "ticker": Case({"source": "ticker"}),
        "inverse": Case({}, COIN, no_mirror=WORTH),
    },
    "developingprofile": {
        "hours": Case(bins("1h")),
        "regions": Case(bins("1h", sessions="regions")),
        "volume": Case(bins("volume:0.1", sessions=SESSIONS), no_scale=GIVEN),
    },
    "divergences": {"": Case({"reversal_bps": None, "reversal_ticks": 3})},
    "footprint": {"": Case(bins("1s", definition=SMALL), no_scale=GIVEN), "trades": Case(bins("trades:3"))},
    "footprintbars": {
        "": Case(bins("1s")),
        "range": Case(bins("range:3", row_ticks=5), no_mirror="a row of several ticks has a low edge only"),
        "tick-imbalance": Case(bins("tick-imbalance:4")),
    },
    "illiquidity": {
        "time": Case(bins("500ms", window=4)),
        "trades": Case(bins("trades:2", window=4)),
        "volume": Case(bins("volume:0.5", window=4), no_scale=GIVEN),
    },
    "largeprints": {
        "sigma": Case({"least_sigma": 0.5, **RECENT}, no_mirror=WORTH),
        "quantile": Case({"least_quantile": 0.75, **RECENT}, no_mirror=WORTH),
        "notional": Case({"least_notional": 5000}, no_scale=GIVEN, no_mirror=WORTH),
    },
    "liquidationepisodes": {"": Case({"gap_ns": SECOND_NS})},
    "liquidations": {"": Case(bins("1s")), "volume": Case(bins("volume:1"), no_scale=GIVEN)},
    "marketbins": {
        "depth": Case({"source": "depth"}),
        "trades": Case(bins("trades:3")),
        "volume": Case(bins("volume:0.5"), no_scale=GIVEN),
        "ticker": Case({"source": "ticker"}),
        "inverse": Case({}, COIN, no_mirror=WORTH),
    },
    "measures": {
        **{quotes: Case(bins("1s", quotes=quotes)) for quotes in ("depth", "ticker", "trades")},
        "inverse": Case(bins("1s"), COIN, no_mirror=WORTH),
        "volume": Case(bins("volume:0.5"), no_scale=GIVEN),
    },
    "profile": {"": Case({}), "sessions": Case({"sessions": SESSIONS})},
    "sessionprofile": {"": Case({}), "sessions": Case({"sessions": SESSIONS})},
    "sizedflow": {
        "": Case(bins("1s")),
        "trades": Case(bins("trades:7", **AFTER)),
        "range": Case(bins("range:2", **AFTER)),
        "tick-imbalance": Case(bins("tick-imbalance:5", **AFTER)),
        "volume": Case(bins("volume:3", **AFTER), no_scale=GIVEN),
        "notional": Case(bins("notional:100000", **AFTER), no_scale=GIVEN, no_mirror=WORTH),
    },
    "sizegroups": {
        "quantile": Case(bins("5s", profile="quantile")),
        "trades": Case(bins("trades:20", profile="quantile")),
        "notional": Case(bins("range:4", profile="notional"), no_scale=GIVEN, no_mirror=WORTH),
    },
    "sweeps": {
        "swept": Case({"recovery": "swept", **OPEN}),
        "levels": Case({"recovery": "levels", **OPEN}),
        "band": Case({"recovery": "band", **OPEN}, no_mirror="a band is wider where the price is higher"),
    },
    "swings": {"": Case({"reversal_bps": None, "reversal_ticks": 3})},
    "tape": {"": Case({}), "patient": Case({"join_ns": 60, "wait_ns": 400 * MS_NS})},
    "toxicity": {
        "period": Case({"buckets": 5, "period_ns": 10 * SECOND_NS}),
        "fixed": Case({"bucket_qty": "0.2", "buckets": 5}, no_scale=GIVEN),
        "bulk": Case({"bucket_qty": "0.2", "buckets": 5, "classify": "bulk"}, no_scale=GIVEN),
    },
    "tradesizes": {"": Case({"min_trades": 1})},
}
WITHOUT: Final = {"find_absorption": ("warm", "memory", "patience_ns", "stale_ns"), "find_sweeps": ("most_open",)}
ANOTHER: Final = {"find_absorption": "absorption", "find_sweeps": "sweeps", "time_and_sales": "tape", "measure": "measures"}


def noun_of(name: str) -> str:
    """The noun that a function, a class or the maker of a group stands for."""
    return ANOTHER.get(name, name.replace("_", "").lower())


def cases_of(name: str) -> dict[str, Case]:
    """Cases of a function or class by its name; a function may know fewer settings than its class."""
    cases, out = CASES.get(noun_of(name), {"": Case({})}), {}
    for label, case in cases.items():
        kept = {key: value for key, value in case.settings.items() if key not in WITHOUT.get(name, ())}
        out[f"{name}-{label}" if label else name] = case._replace(settings=kept)
    return out


def random_stream(seed: int, **more: int) -> Events:
    return RandomStream(seed, **{"centre": CENTRE, "far": 50_000, **more}).events(250)


STREAMS: Final[dict[str, Callable[[int], Events]]] = {
    **dict.fromkeys(("icebergs", "spoofing", "stuffing", "wash"), lambda seed: TightStream(seed).events(250)),
    **dict.fromkeys(("liquidations", "liquidationepisodes"), lambda seed: with_liquidations(seed, centre=CENTRE, far=50_000)),
    **dict.fromkeys(("divergences", "swings"), lambda seed: random_tape(seed, 400, odd=0.2)),
    **dict.fromkeys(("largeprints", "sizedflow", "sizegroups", "tape"), lambda seed: random_tape(seed, 300)),
    **dict.fromkeys(
        ("developingprofile", "marketprofile", "profile", "sessionprofile"),
        lambda seed: random_stream(seed, pace_ns=600 * SECOND_NS),
    ),
    "absorption": lambda seed: AbsorbingStream(seed, centre=CENTRE, far=50_000, pace_ns=100 * MS_NS).events(300),
    "ignition": lambda seed: TightStream(seed, pace_ns=8 * MS_NS).events(500),
    "sweeps": lambda seed: SweepingStream(seed, centre=CENTRE, far=50_000, pace_ns=100 * MS_NS).events(250),
    "toxicity": lambda seed: RandomStream(seed, centre=CENTRE, far=50_000).events(500),
}


def stream_for(name: str, seed: int) -> Events:
    """A random stream in which the thing of that name happens."""
    return STREAMS.get(noun_of(name), random_stream)(seed)
