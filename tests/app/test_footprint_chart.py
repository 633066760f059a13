"""What a person sees of footprints and profiles: lines that fit, marks that need no colour, pages that hold every number."""

from __future__ import annotations

import random
import re

import polars as pl
import pytest

from counterpoise.app.chart import decimals, short
from counterpoise.app.footprint import footprint_html, footprint_text
from counterpoise.app.profile import profile_html, profile_text
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.auction.diagonal import stacked_imbalances
from counterpoise.flow.auction.footprint import footprint, footprint_bars
from counterpoise.flow.auction.profile import composite, profile
from counterpoise.flow.bins import Bins
from counterpoise.market.event import TRADE, Events
from counterpoise.market.symbol import parse_instrument
from reference.message_script import events_of

COIN = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")
SECOND = Bins.every(SECOND_NS)
ANSI = re.compile("\x1b\\[[0-9;]*m")


def trades(seed: int = 1, count: int = 400, spread: int = 15) -> Events:
    draw = random.Random(seed)
    return events_of(
        (0.02 * i, TRADE, [(draw.choice((1, -1)), 100_000 + round(draw.gauss(i / 20, spread / 3)), draw.randint(1, 200))])
        for i in range(count)
    )


def frames(events: Events) -> tuple[pl.DataFrame, pl.DataFrame]:
    return footprint(events, COIN, bins=SECOND), footprint_bars(events, COIN, bins=SECOND)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.0421, ".0421"),
        (0.00004, "<.001"),
        (7.5, "7.5"),
        (999.4, "999.4"),
        (999.9, "1k"),
        (1234.0, "1.23k"),
        (56_789.0, "56.8k"),
        (1e6, "1M"),
        (2.5e16, "25P"),
    ],
)
def test_short_numbers_fit(value: float, text: str) -> None:
    assert short(value) == text
    assert len(short(value)) <= 5
    assert short(-value) == (f"-{text}" if value else "0")
    assert short(value, sign=True) == (f"+{text}" if value else "0")


def test_decimals_of_a_tick() -> None:
    assert [decimals(step) for step in (0.1, 0.01, 1.0, 0.00000001, 0.5, 10.0)] == [1, 2, 0, 8, 1, 0]


@pytest.mark.parametrize("width", [30, 44, 80, 100, 200])
def test_lines_of_a_footprint_fit_and_hold_what_fits(width: int) -> None:
    rows, bars = frames(trades())
    text = footprint_text(rows, bars, COIN, width=width, height=30, color=False)
    assert max(map(len, text.splitlines())) <= width
    heads = re.findall(r"\d\d:\d\d:\d\d", text.splitlines()[0])
    assert heads == [f"{ts:%H:%M:%S}" for ts in bars["ts"].tail(len(heads))]
    assert len(heads) == min(bars.height, (width - 7) // 16)
    assert "\x1b" not in text


def test_a_footprint_by_hand() -> None:
    """Buyers of 130 at 10.1 against 40 sold at 10.0: more than three times, and more than 30."""
    events = events_of(
        [
            (0.1, TRADE, [(-1, 100, 40)]),
            (0.2, TRADE, [(1, 100, 2)]),
            (0.3, TRADE, [(1, 101, 130)]),
            (0.4, TRADE, [(-1, 103, 5)]),
            (0.5, TRADE, [(1, 103, 8)]),
        ]
    )
    lines = footprint_text(*frames(events), COIN, width=60, color=False).splitlines()
    assert lines[1].split() == ["10.3", "5×8"]
    assert lines[2].strip() == "⋮"  # a row that did not trade
    assert lines[3].split() == ["10.1", "0×130", "+*"]
    assert lines[4].split() == ["10.0", "40×2"]
    assert (lines[5].split()[-1], lines[6].split()[-1]) == ("+95", "185")
    assert "contracts" in " ".join(lines[7:])


def test_rows_are_added_up_until_they_fit() -> None:
    rows, bars = frames(trades(spread=200))
    text = footprint_text(rows, bars, COIN, width=400, height=10, color=False)
    prices = [line for line in text.splitlines() if re.match(r"\s*\d+\.\d ", line)]
    assert len(prices) <= 11
    assert "rows a line" in text
    assert footprint_text(rows.clear(), bars.clear(), COIN) == "no trade in this range\n"


def test_colour_only_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    rows, bars = frames(trades())
    plain = footprint_text(rows, bars, COIN, color=False)
    painted = footprint_text(rows, bars, COIN, color=True)
    assert painted != plain
    assert [line.rstrip() for line in ANSI.sub("", painted).splitlines()] == plain.splitlines()
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("NO_COLOR", "1")
    assert footprint_text(rows, bars, COIN) == plain
    monkeypatch.delenv("NO_COLOR")
    assert footprint_text(rows, bars, COIN) == painted


@pytest.mark.parametrize("width", [24, 50, 120])
def test_lines_of_a_profile_fit_and_mark_its_area(width: int) -> None:
    rows = composite(profile(trades(), COIN))
    text = profile_text(rows, COIN, width=width, height=25, color=False)
    lines = [line for line in text.splitlines() if re.match(r"\s*\d+\.\d ", line)]
    assert max(map(len, text.splitlines())) <= width
    assert len(lines) <= 26
    marks = [line[8] for line in lines]
    assert marks.count("P") == 1
    assert "".join(marks).strip().strip("|").startswith(("H", "P"))
    longest = max(lines, key=lambda line: line.count("█") + line.count("▒"))
    assert abs(len(longest) - width) <= 2
    assert profile_text(rows.clear(), COIN) == "no trade in this range\n"


def test_pages_hold_every_number() -> None:
    events = trades(seed=3)
    rows, bars = frames(events)
    html = footprint_html(rows, bars, COIN)
    assert html == footprint_html(rows, bars, COIN)
    folds = [fold.count("<tr>") - 1 for fold in html.split("<details>")[1:]]
    assert folds == [bars.height, stacked_imbalances(rows).height, rows.height]
    assert "point of control" in html
    assert "prefers-color-scheme: dark" in html
    assert "<script src" not in html
    held = composite(profile(events, COIN))
    page = profile_html(held, COIN)
    assert page.count("<td>") >= held.height * held.width
    assert "value area" in page


def test_pages_of_very_many_bars_stay_drawable() -> None:
    events = trades(count=3000, spread=600)
    rows, bars = (
        footprint(events, COIN, bins=Bins.parse("trades:20")),
        footprint_bars(events, COIN, bins=Bins.parse("trades:20")),
    )
    html = footprint_html(rows, bars, COIN)
    assert bars.height == 150
    assert "the last 2,000 of" in html
    assert "texttemplate" not in html.split("<h2>Footprint</h2>")[1].split("<details>")[0]
