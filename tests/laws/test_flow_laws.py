"""Laws of every public measure of `counterpoise.flow`: found by walking the package, so that later ones fall under them too.

A measure is a public function whose first parameter is `Events` and which gives a frame with ``ts``, the end of each bin; or a
public class with `step` and `finish` that gives such frames piece by piece.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import random
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from counterpoise import flow
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.catalogue import CATALOGUE
from counterpoise.flow.column import Column
from counterpoise.flow.stream import Stream
from counterpoise.market.event import Events
from counterpoise.market.symbol import parse_instrument
from reference.law_cases import CENTRE, settings_of, stream_for

PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
# values of parameters without a default
ARGUMENTS: Final[dict[str, Any]] = {"instrument": PERP, "every_ns": SECOND_NS, "bins": Bins.every(SECOND_NS)}
SEEDS: Final = (1, 2, 3)
NO_MIRROR: Final = {"large_prints": "it compares notionals, which turn with the price"}
ABSTRACT: Final = {"Stream", "RowStream"}  # bases without rows of their own

Measure = Callable[[Events], pl.DataFrame]


def column_of(measure: str, name: str) -> Column:
    """What the catalogue says of a column: first that of the groups of the measure's own module."""
    module = inspect.getmodule(public_members()[measure.partition("-")[0]])
    own = getattr(module, "GROUPS", ())
    for group in (*own, *CATALOGUE):
        for column in group.columns:
            if column.covers(name):
                return column
    raise AssertionError(f"{measure} gives a column {name!r}: say in a Group what it is, and put the group in the catalogue")


def known(frame: pl.DataFrame, now: int) -> pl.DataFrame:
    """Rows that were complete before anything of `now` happened: bins by their exclusive end, what happened by its time."""
    if "ts" in frame.columns:
        return frame.filter(pl.col("ts").dt.epoch("ns") <= now)
    return frame.filter(pl.col("ts_local").dt.epoch("ns") < now)


def public_members() -> dict[str, Any]:
    """Public names defined in the modules of the stage."""
    found: dict[str, Any] = {}
    for info in pkgutil.walk_packages(flow.__path__, f"{flow.__name__}."):
        if ".kernels" in info.name:
            continue
        module = importlib.import_module(info.name)
        for name in getattr(module, "__all__", ()):
            member = getattr(module, name)
            if getattr(member, "__module__", None) == module.__name__:
                found[name] = member
    return found


def arguments_of(member: Any, *, skip: int) -> dict[str, Any]:
    """What its parameters without default get, past the first `skip`."""
    parameters = list(inspect.signature(member).parameters.values())[skip:]
    needed = [p.name for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    unknown = [name for name in needed if name not in ARGUMENTS]
    assert not unknown, f"give {unknown} of {member.__name__} a value in ARGUMENTS, so that the laws can call it"
    return {name: ARGUMENTS[name] for name in needed}


def measures() -> dict[str, Measure]:
    """Every function Events → frame of the stage; where it takes `quotes`, once for each source."""
    out: dict[str, Measure] = {}
    for name, member in public_members().items():
        if not inspect.isfunction(member):
            continue
        signature = inspect.signature(member)
        first = next(iter(signature.parameters.values()), None)
        if first is None or first.annotation != "Events" or signature.return_annotation != "pl.DataFrame":
            continue
        call = partial(member, **arguments_of(member, skip=1), **settings_of(name))
        if "quotes" in signature.parameters:
            out |= {f"{name}-{quotes}": partial(call, quotes=quotes) for quotes in ("depth", "ticker", "trades")}
        else:
            out[name] = call
    return out


def streams() -> dict[str, Callable[[], Any]]:
    """Every class of the stage that takes events piece by piece."""
    return {
        name: partial(member, **arguments_of(member, skip=0), **settings_of(name))
        for name, member in public_members().items()
        if inspect.isclass(member) and hasattr(member, "step") and hasattr(member, "finish") and name not in ABSTRACT
    }


MEASURES, STREAMS = measures(), streams()
each_measure = pytest.mark.parametrize("name", sorted(MEASURES))


def stream(name: str, seed: int) -> Events:
    return stream_for(name.partition("-")[0])(seed)


def test_the_walk_finds_the_measures() -> None:
    """Without this, laws over nothing would hold."""
    assert {"measure-depth", "measure-ticker", "measure-trades"} <= set(MEASURES)
    assert "Measures" in STREAMS


@each_measure
def test_frames_hold_something(name: str) -> None:
    frame = pl.concat([MEASURES[name](stream(name, seed)) for seed in SEEDS])
    assert frame.height > 0
    assert any(frame[column].n_unique() > min(10, frame.height / 2) for column in frame.columns[1:])


@each_measure
@pytest.mark.parametrize("seed", SEEDS)
def test_no_look_ahead(name: str, seed: int) -> None:
    """Whatever happens from a moment on, every bin that ended by then is bit-equal; also when only the last event changes."""
    events = stream(name, seed)
    whole = MEASURES[name](events)
    draw = np.random.default_rng(seed)
    for row in [events.rows - 1, *draw.integers(1, events.rows, 6).tolist()]:
        now = int(events.ts_local[row])
        start = events.until(now) if row < events.rows - 1 else row
        price, lots = events.price_ticks.copy(), events.qty_lots.copy()
        price[start:] += draw.integers(-50, 50, events.rows - start)
        lots[start:] = draw.integers(0, 10**6, events.rows - start)
        changed = MEASURES[name](events._replace(price_ticks=price, qty_lots=lots))
        short = MEASURES[name](events.cut(0, start + 1))
        assert_frame_equal(known(changed, now), known(whole, now), check_exact=True)
        assert_frame_equal(known(short, now), known(whole, now), check_exact=True)


@each_measure
def test_a_change_is_seen(name: str) -> None:
    """The law above would hold for a constant too."""
    events = stream(name, 1)
    doubled = MEASURES[name](events._replace(qty_lots=events.qty_lots * 2, price_ticks=events.price_ticks + 1))
    assert not doubled.equals(MEASURES[name](events))


@each_measure
def test_inputs_are_untouched(name: str) -> None:
    events = stream(name, 2)
    before = [column.copy() for column in events]
    MEASURES[name](events)
    assert all(np.array_equal(now, then) and now.dtype == then.dtype for now, then in zip(events, before, strict=True))


@each_measure
def test_same_bytes_twice(name: str) -> None:
    first, second = (MEASURES[name](stream(name, 3)).write_ipc(None, compat_level=pl.CompatLevel.oldest()) for _ in range(2))
    assert first.getvalue() == second.getvalue()


@each_measure
@pytest.mark.parametrize("factor", [2, 64])
def test_scale(name: str, factor: int) -> None:
    """Sizes times a power of two: flows times it, to the last bit; prices, shares and counts as they were."""
    for seed in SEEDS:
        events = stream(name, seed)
        base = MEASURES[name](events)
        scaled = MEASURES[name](events._replace(qty_lots=events.qty_lots * factor))
        size = {c: column_of(name, c).size for c in base.columns}
        held = [c for c in base.columns if size[c] != "free"]
        expected = base.select(pl.col(c) * factor if size[c] == "linear" else pl.col(c) for c in held)
        assert_frame_equal(scaled.select(held), expected, check_exact=True)


@each_measure
def test_mirror(name: str) -> None:
    """Sides exchanged and prices turned about a constant: flows and imbalances change their sign, nothing else changes."""
    if name in NO_MIRROR:
        pytest.skip(NO_MIRROR[name])
    for seed in SEEDS:
        events = stream(name, seed)
        flipped = events._replace(side=-events.side, price_ticks=2 * CENTRE - events.price_ticks)
        base, mirrored = MEASURES[name](events), MEASURES[name](flipped)
        if "side" in base.columns:  # what becomes known of both sides at one time has no order of its own
            base = base.sort("ts_local", "side", maintain_order=True)
            mirrored = mirrored.sort("ts_local", -pl.col("side"), maintain_order=True)
        for column in base.columns:
            mirror = column_of(name, column).mirror
            if mirror != "free":
                theirs = in_mirror(base, column, mirror)
                if mirror == "price" or column in ("mid_change",):  # prices, not on a binary grid
                    assert_frame_equal(mirrored.select(column), theirs.to_frame(), rel_tol=0, abs_tol=1e-9)
                else:
                    assert_frame_equal(mirrored.select(column), theirs.to_frame(), check_exact=True)


def in_mirror(base: pl.DataFrame, column: str, mirror: str) -> pl.Series:
    """What a column should be when sides are exchanged and prices turned about the centre."""
    theirs = base[column]
    if mirror == "swaps":
        for one, other in (("buy", "sell"), ("bid", "ask"), ("long", "short")):
            theirs = (
                base[column.replace(one, "?").replace(other, one).replace("?", other)]
                if one in column or other in column
                else theirs
            )
    if mirror == "odd":
        theirs = 0 - theirs
    if mirror == "price":
        theirs = PERP.price(2 * CENTRE) - theirs
    return theirs.alias(column)


@pytest.mark.parametrize("name", sorted(STREAMS))
@pytest.mark.parametrize("seed", SEEDS)
def test_batch_equals_stream(name: str, seed: int) -> None:
    """In one piece, in pieces, and one row at a time."""
    events, draw = stream(name, seed), random.Random(seed)
    cuts = sorted(draw.sample(range(1, events.rows), 20))
    whole, *others = (in_pieces(STREAMS[name](), events, at) for at in ([], cuts, range(1, events.rows)))
    for other in others:
        assert_frame_equal(other, whole, check_exact=True)


def in_pieces(made: Any, events: Events, at: Any) -> pl.DataFrame:
    pieces = [events.cut(i, j) for i, j in zip([0, *at], [*at, events.rows], strict=True)]
    return pl.concat([*(made.step(piece) for piece in pieces), made.finish()])


@pytest.mark.parametrize("name", sorted(n for n, made in STREAMS.items() if issubclass(made.func, Stream)))
def test_saved_and_restored_it_goes_on_the_same(name: str) -> None:
    """At any row, also within a message; and one event at a time, as from a socket."""
    events = stream(name, 5)
    whole = in_pieces(STREAMS[name](), events, [])
    for at in (1, 77, events.rows // 2, events.rows - 1):
        first = STREAMS[name]()
        begun = first.step(events.cut(0, at))
        second = STREAMS[name]().restore(first.save())
        assert_frame_equal(
            pl.concat([begun, second.step(events.cut(at, events.rows)), second.finish()]), whole, check_exact=True
        )
    single = STREAMS[name]()
    for row in zip(*(column.tolist() for column in events), strict=True):
        single.event(row)
    assert_frame_equal(pl.concat([single.drain(), single.finish()]), whole, check_exact=True)


@pytest.mark.parametrize("name", sorted(n for n, made in STREAMS.items() if issubclass(made.func, Stream)))
def test_reading_it_now_changes_nothing(name: str) -> None:
    events = stream(name, 6)
    read, unread = STREAMS[name](), STREAMS[name]()
    for at in range(0, events.rows, 50):
        piece = events.cut(at, min(at + 50, events.rows))
        read.push(piece)
        unread.push(piece)
        assert_frame_equal(read.now(), read.now(), check_exact=True)
    assert_frame_equal(read.finish(), unread.finish(), check_exact=True)
