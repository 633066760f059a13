"""What the report shows of the market: frames that add up to the recording, words for what was found and for what was not."""

from __future__ import annotations

import random
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from counterpoise.app.config import ReportConfig
from counterpoise.app.frames import RunFrames
from counterpoise.app.panel_sections import market_sections
from counterpoise.app.panels import DETECTORS, PANEL_FRAMES, panel_frames
from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.market.event import TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.message_script import T0, events_of

ROOT = Path(__file__).resolve().parents[2]
PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SECOND = Bins.every(SECOND_NS)
ALL = tuple(PANEL_FRAMES)
BEGIN = datetime.fromtimestamp(T0 / 1e9, UTC)
COUNTED = ("sized_flow", "footprint", "profile")


def trades(*, count: int = 300, spread: int = 15, gap_s: float = 0.1) -> Events:
    draw = random.Random(4)
    return events_of(
        (gap_s * i, TRADE, [(draw.choice((1, -1)), 600_000 + round(draw.gauss(0, spread)), draw.randint(1, 4000))])
        for i in range(count)
    )


def run_frames(panels: dict[str, pl.DataFrame], *, minutes: float = 3) -> RunFrames:
    """Only what the panels look at: the mid, and how long it went."""
    ts = pl.Series([BEGIN, BEGIN + timedelta(minutes=minutes)], dtype=pl.Datetime("ns", "UTC"))
    flow = pl.DataFrame({"ts": ts, "mid": [60_000.0, 60_001.0]})
    return RunFrames(flow, pl.DataFrame({"ts": ts}), pl.DataFrame(), pl.DataFrame(), pl.DataFrame(), panels)


def nothing() -> dict[str, pl.DataFrame]:
    return panel_frames(Events.empty(), PERP, panels=ALL, every=SECOND)


def one_row(frame: pl.DataFrame, **values: Any) -> pl.DataFrame:
    """A row of a detector, with what is not said set to 1."""
    times = {n: BEGIN + timedelta(seconds=5) for n, kind in frame.schema.items() if kind == pl.Datetime("ns", "UTC")}
    rest = {name: "?" if kind == pl.String else 1 for name, kind in frame.schema.items() if name not in times}
    return pl.DataFrame([times | rest | values], schema=frame.schema)


def sections(panels: dict[str, pl.DataFrame], names: tuple[str, ...] = ALL, **given: Any) -> dict[str, str]:
    return market_sections(run_frames(panels, **given), PERP, names, average_price=None)


def test_only_what_is_asked_for_is_made() -> None:
    for name, frames in PANEL_FRAMES.items():
        assert tuple(panel_frames(Events.empty(), PERP, panels=[name], every=SECOND)) == frames
    assert panel_frames(Events.empty(), PERP, panels=[], every=SECOND) == {}
    assert tuple(nothing()) == tuple(name for names in PANEL_FRAMES.values() for name in names)


@pytest.mark.parametrize(("spread", "gap_s"), [(3, 0.02), (15, 0.1), (4_000, 3.0), (90_000, 400.0)])
def test_footprint_and_profile_hold_all_that_traded_in_as_many_fields_as_fit(spread: int, gap_s: float) -> None:
    events = trades(spread=spread, gap_s=gap_s)
    frames = panel_frames(events, PERP, panels=COUNTED, every=SECOND)
    for side, column in ((1, "buy_qty"), (-1, "sell_qty")):
        whole = events.qty_lots[events.side == side].sum() * 0.001
        for name in ("footprint", "footprint_bars", "profile", "sized_flow"):
            assert frames[name][column].sum() == pytest.approx(whole, rel=1e-9)
    rows = frames["footprint"]["row"].to_numpy()
    assert 8 <= np.ptp(rows) + 1 <= 41
    assert 4 <= frames["footprint_bars"].height <= 13


def test_flow_by_size_names_the_sizes_that_traded() -> None:
    """60,000 a coin: .004 is 240, .5 is 30,000; nothing between 1,000 and 10,000 or from 100,000 on."""
    events = events_of((i, TRADE, [(1, 600_000, lots)]) for i, lots in enumerate((4, 4, 500, 4)))
    html = sections(panel_frames(events, PERP, panels=["sized_flow"], every=SECOND), ("sized_flow",))["sized_flow"]
    assert "below 1k USDT" in html
    assert "10k to 100k USDT" in html
    assert "1k to 10k USDT" not in html
    assert "100k and more" not in html
    assert "whose it is nobody can see" in html


def test_footprint_and_profile_are_drawn_with_our_average() -> None:
    frames = run_frames(panel_frames(trades(), PERP, panels=COUNTED, every=SECOND))
    made = market_sections(frames, PERP, COUNTED, average_price=60_000.4)
    assert "Bars of 5s" in made["footprint"]
    assert 'id="footprint"' in made["footprint"]
    assert "our average 60,000.4" in made["profile"]
    assert "our average" not in market_sections(frames, PERP, COUNTED, average_price=None)["profile"]
    assert "exact" in made["footprint"]
    assert "exact for 3 minutes" in made["profile"]


def test_contracts_are_called_contracts() -> None:
    frames = run_frames(panel_frames(trades(), COIN, panels=COUNTED, every=SECOND))
    made = market_sections(frames, COIN, COUNTED, average_price=None)
    assert all("[contracts]" in html for name, html in made.items() if name in COUNTED)


def test_what_is_empty_says_so_and_for_how_long() -> None:
    made = sections(nothing(), minutes=2.5)
    assert set(made) == {*COUNTED, "absorption", "sweeps", "manipulation"}
    for name, html in made.items():
        assert "plotly" not in html, name
        assert re.search(r"(None found|No trade[\w ]*) in 2\.5 minutes", html), name


def test_absorption_is_drawn_listed_and_doubted() -> None:
    panels = nothing()
    row = {"side": -1, "price": 60_000.5, "traded": 12.5, "refilled": 9.25, "strength": 1.75, "ended": "fade"}
    late = {"ts_end": BEGIN + timedelta(seconds=8)}
    panels["absorption"] = one_row(panels["absorption"], **row, **late)
    html = sections(panels)["absorption"]
    assert "<td>sells</td><td>60,000.5</td><td>12.5</td><td>9.25</td><td>1</td><td>1.75</td><td>fade</td>" in html
    assert "<td>3s</td>" in html
    assert "1 times" not in html
    assert "sells absorbed, bids held" in html
    assert "how often chance does the same is not known" in html


def test_the_largest_sweeps_are_listed_in_order_of_time() -> None:
    panels = nothing()
    rows = [one_row(panels["sweeps"], qty=float(qty), half_ns=2 * SECOND_NS) for qty in (*range(1, 26), 0.5)]
    panels["sweeps"] = pl.concat(rows)
    html = sections(panels)["sweeps"]
    assert "26 orders" in html
    assert "The 20 largest of 26." in html
    assert "after 2s (median)" in html
    listed = [float(cell) for cell in re.findall(r"<td>1</td><td>([\d.]+)</td><td>2s</td>", html)]
    assert listed == [float(qty) for qty in range(6, 26)]


def test_signs_of_manipulation_on_one_line_of_time_and_in_one_table() -> None:
    panels = nothing()
    panels["wash"] = one_row(panels["wash"], pairs=7, size=0.25, qty=3.5, wait=SECOND_NS, chance=3e-9, score=0.998, side=1)
    panels["spoofing"] = one_row(
        panels["spoofing"], levels=4, distance=12, cancelled_share=0.97, opposite_qty=1.5, score=0.95, side=-1
    )
    html = sections(panels)["manipulation"]
    assert html.index("<td>spoofing</td><td>1</td>") < html.index("<td>stuffing</td><td>none</td>")
    assert "7 pairs of .25, 1s apart; by chance 3e-09" in html
    assert "4 posted 12 ticks out, 97 % pulled after 1ns; 1.5 traded against meanwhile" in html
    assert "not a finding about a person" in html
    assert 'id="signs-of-manipulation-and-hidden-size"' in html
    only = sections(panels, ("wash",))["manipulation"]
    assert "<td>spoofing</td>" not in only


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_every_detector_can_tell_of_its_rows(name: str) -> None:
    panels = nothing()
    panels[name] = one_row(panels[name], score=0.9876, price=60_000.5)
    html = sections(panels, (name,))["manipulation"]
    assert f"<td>{name}</td>" in html
    assert "<td>60,000.5</td>" in html
    assert "<td>0.9876</td>" in html
    panels[name] = one_row(panels[name], score=1.0)
    assert "<td>over 0.9999</td>" in sections(panels, (name,))["manipulation"]


@pytest.mark.parametrize("name", sorted(DETECTORS))
def test_rates_of_false_alarms_are_those_of_the_theory_page(name: str) -> None:
    text = (ROOT / "docs" / "theory" / "flow.md").read_text(encoding="utf-8")
    measured = re.findall(rf"^ +{name}, (?:BTC|SOL) +(\d+) +[\d.]+ \[([\d.]+), ([\d.]+)\]", text, flags=re.MULTILINE)
    assert len(measured) == 2
    alarms, low, high = max((int(n), float(a), float(b)) for n, a, b in measured)
    expected = f"{alarms} ({low:.1f} to {high:.1f})" if alarms else f"0 (at most {high:.1f})"
    assert f"<td>{expected}</td>" in sections(nothing(), (name,))["manipulation"]


def test_what_was_not_looked_at_is_named() -> None:
    made = sections(nothing(), ("profile", "icebergs"))
    assert set(made) == {"profile", "manipulation", "absent"}
    assert "spoofing" in made["absent"]
    assert "icebergs" not in made["absent"]


def test_frames_of_an_earlier_run_do_not_stay(tmp_path: Path) -> None:
    run_frames(nothing()).write(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} >= set(DETECTORS)
    run_frames(panel_frames(Events.empty(), PERP, panels=["wash"], every=SECOND)).write(tmp_path)
    assert {path.stem for path in tmp_path.iterdir()} == {"depth", "fills", "flow", "orders", "steps", "wash"}


def test_panels_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'spoofing'"):
        ReportConfig(panels=("spofing",))
    with pytest.raises(ConfigError, match="twice"):
        ReportConfig(panels=("wash", "wash"))
    assert ReportConfig(panels=()).panels == ()
