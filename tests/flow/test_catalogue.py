"""The catalogue: every group has a maker, tables that no stream gives are described too, and the theory page lists all."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import polars as pl

from counterpoise import flow
from counterpoise.flow.auction.definition import imbalance_definition
from counterpoise.flow.auction.value_area import ValueArea
from counterpoise.flow.bins import Bins
from counterpoise.flow.catalogue import CATALOGUE, group
from counterpoise.flow.column import Group
from counterpoise.market.symbol import parse_instrument
from reference.flow_walk import assert_described
from reference.random_stream import RandomStream
from reference.sweeping_stream import SweepingStream

PERP: Final = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "theory" / "flow.md"


def test_every_group_is_made_by_something_public() -> None:
    assert not {g.made_by for g in CATALOGUE} - set(flow.__all__)
    names = [g.name for g in CATALOGUE]
    assert len(names) == len(set(names))


def test_the_page_lists_every_group_in_the_order_of_the_catalogue() -> None:
    text = PAGE.read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(\w+)` \| (.+) \| `(\w+)` \| (?:above|\[.+\]\(#.+\)) \|$", text, flags=re.MULTILINE)
    assert listed == [(g.name, g.says, g.made_by) for g in CATALOGUE]


def tables() -> dict[str, pl.DataFrame]:
    """Of each group that no stream gives, by the names that made it."""
    events = RandomStream(3, centre=600_000, far=50_000).events(400)
    loose = imbalance_definition("flowsurface")._replace(zero="count", stack=2)
    rows = flow.footprint(events, PERP, bins=Bins.parse("5s"), row_ticks=5, definition=loose)
    profile = flow.profile(events, PERP)
    letters = flow.market_profile(events, PERP)
    sweeps = flow.find_sweeps(SweepingStream(1, centre=600_000, far=50_000).events(250), PERP)
    return {
        "resilience": flow.resilience(sweeps),
        "diagonal_imbalances": flow.diagonal_imbalances(rows),
        "stacked_imbalances": flow.stacked_imbalances(rows),
        "session_auction": flow.session_auction(letters, PERP),
        "nodes": flow.nodes(profile, PERP),
        "value_area": pl.DataFrame([flow.value_area(profile, PERP)], schema=list(ValueArea._fields), orient="row"),
    }


def test_tables_drawn_from_tables_are_described() -> None:
    for name, frame in tables().items():
        found: Group = group(name)
        assert frame.height > 0, name
        assert_described((found,), frame)
        assert [column.name for column in found.columns] == frame.columns
