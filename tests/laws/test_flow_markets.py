"""Laws of classes that take several markets together, piece by piece."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.cross.consolidated import Consolidated, consolidate
from counterpoise.flow.cross.disparity import Disparity, disparity
from counterpoise.market.event import Events
from reference.flow_walk import assert_described, groups_of, public_members
from reference.law_cases import COIN, PERP
from reference.random_stream import RandomStream

GIVEN: Final[dict[str, Any]] = {
    "rates": {"USDT": 0.75, "USD": 1.0},
    "on_missing": "leave_out",
    "stale_ns": 4 * SECOND_NS,
}
PAID: Final = {"fees_bps": {PERP.id: 0.05, COIN.id: 0.1}, **GIVEN}
PAIR: Final = (PERP, COIN)
RULES: Final = ("100ms", "volume:0.5", "notional:100000", "trades:2", "range:0.4", "tick-imbalance:4")
MADE: Final = {
    f"{make.__name__}-{rule}": (
        partial(make, PAIR, **(given | {"bins": Bins.parse(rule)})),
        partial(batch, instruments=PAIR, **(given | {"bins": Bins.parse(rule)})),
    )
    for make, batch, given in ((Consolidated, consolidate, GIVEN), (Disparity, disparity, PAID))
    for rule in RULES
}
each = pytest.mark.parametrize("name", MADE)
Markets = dict[str, Events]


def streams(seed: int) -> Markets:
    """Prices wander apart by some bps: 40 ticks of three or four million."""
    return {
        of.id: RandomStream(seed + i, centre=centre, far=60, pace_ns=60_000_000).events(150)
        for i, (of, centre) in enumerate(zip(PAIR, (4 * 10**6, 3 * 10**6), strict=True))
    }


def frames(found: Any) -> tuple[pl.DataFrame, ...]:
    return (found,) if isinstance(found, pl.DataFrame) else tuple(found)


def joined(parts: list[Any]) -> list[pl.DataFrame]:
    return [pl.concat(frames) for frames in zip(*map(frames, parts), strict=True)]


def known(frame: pl.DataFrame, now: int) -> pl.DataFrame:
    at = pl.col(frame.columns[0]).dt.epoch("ns")
    return frame.filter(at <= now if frame.columns[0] == "ts" else at < now)


def test_every_class_of_several_markets_is_here() -> None:
    assert {name for name, member in public_members().items() if hasattr(member, "take")} == {
        name.partition("-")[0] for name in MADE
    }


@each
@pytest.mark.parametrize("saves", [False, True])
def test_batch_equals_stream_equals_saved(name: str, saves: bool) -> None:
    """All markets cut at common moments; also with a save and restore between."""
    make, batch = MADE[name]
    events, made, parts = streams(5), make(), []
    done = dict.fromkeys(events, 0)
    for moment in [*np.unique(np.concatenate([part.ts_local for part in events.values()]))[3::25].tolist(), 2**62]:
        stops = {market: part.until(moment) for market, part in events.items()}
        parts.append(made.take({market: part.cut(done[market], stops[market]) for market, part in events.items()}))
        done, made = stops, make().restore(made.save()) if saves else made
    parts.append(made.finish())
    for ours, whole in zip(joined(parts), frames(batch(events)), strict=True):
        assert_frame_equal(ours, whole, check_exact=True)


@each
def test_no_look_ahead(name: str) -> None:
    """Rows known by a moment are bit-equal whatever comes from it on; and something else is not."""
    batch, seen, held = MADE[name][1], 0, 0
    for seed in (8, 9, 10):
        events = streams(seed)
        now = int(events[COIN.id].ts_local[events[COIN.id].rows // 2])
        later = {
            market: part._replace(
                price_ticks=part.price_ticks - 9 * (part.ts_local >= now),
                qty_lots=np.where(part.ts_local >= now, 5, part.qty_lots),
            )
            for market, part in events.items()
        }
        for ours, theirs in zip(frames(batch(events)), frames(batch(later)), strict=True):
            assert_frame_equal(known(theirs, now), known(ours, now), check_exact=True)
            seen += not theirs.equals(ours)
            held += known(ours, now).height
    assert seen >= 3
    assert held > (30 if name.endswith("100ms") else 8)


@each
def test_inputs_are_untouched_bytes_the_same_and_columns_described(name: str) -> None:
    batch, events = MADE[name][1], streams(3)
    before = {market: [column.copy() for column in part] for market, part in events.items()}
    first, second = frames(batch(events)), frames(batch(events))
    for one, other in zip(first, second, strict=True):
        assert one.write_ipc(None).getvalue() == other.write_ipc(None).getvalue()
    assert all(np.array_equal(a, b) for market, part in events.items() for a, b in zip(part, before[market], strict=True))
    groups = groups_of(batch.func.__name__)
    assert len(groups) == len(first)
    for group, frame in zip(groups, first, strict=True):
        assert_described((group,), frame)
    for frame, whole in zip(frames(batch({of.id: Events.empty() for of in PAIR})), first, strict=True):
        assert (frame.height, frame.schema) == (0, whole.schema)
