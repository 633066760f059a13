"""What a configuration names of the venue: one response of three ways, fits saved and read back, a feed read whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from counterpoise.app.venue_models import HeldFeed, VenueConfig, assumptions, venue_models
from counterpoise.core.config import parse_config
from counterpoise.core.errors import ConfigError, CounterpoiseError, DataError
from counterpoise.core.units import MS_NS, SECOND_NS
from counterpoise.market.event import Events, merge_events
from counterpoise.sim.replay.response_fit import ResponseFit
from counterpoise.sim.synthetic.market import SyntheticFeed, default_config, generate

CONFIG = default_config(seed=3, duration="5m")
INSTRUMENT = CONFIG.tokens[0].instrument(CONFIG.venue)


@pytest.fixture(scope="module")
def events() -> Events:
    return generate(CONFIG)[INSTRUMENT.id]


def config(text: str) -> VenueConfig:
    return parse_config(text, VenueConfig)


def test_a_response_is_given_or_fitted_or_read() -> None:
    assert not config("[response.impact]\nbps_per_million = 1.0").needs_events
    assert config("[response]\nfit = true").needs_events
    for both in (
        "[response]\nfit = true\nfile = 'a.json'",
        "[response]\nfit = true\n[response.impact]\nbps_per_million = 1.0",
        "[response]\nfile = 'a.json'\n[response.followers]\nper_lot = 0.1\nvolume_per_s = 1.0",
    ):
        with pytest.raises(ConfigError, match="give one of the three"):
            config(both)


@pytest.mark.parametrize("wrong", ["queue = 'fifo'", "queue = 'power:0'", "[latency]\nmodel = 'fast'"])
def test_names_that_are_none_are_refused(wrong: str) -> None:
    with pytest.raises(CounterpoiseError, match=r"queue model|latency\.model"):
        config(wrong)


def test_a_fit_is_made_from_the_events_and_read_back_from_its_file(events: Events, tmp_path: Path) -> None:
    made = venue_models(config("[response]\nfit = true"), INSTRUMENT, events=events, folder=tmp_path, seed=1)
    assert made.fit is not None
    (tmp_path / "response.json").write_bytes(made.fit.to_json())
    read = venue_models(config("[response]\nfile = 'response.json'"), INSTRUMENT, events=None, folder=tmp_path, seed=9)
    assert read.response == made.response
    told = read.told(config("queue = 'log'"))
    assert told["fit"][0]["name"] == "impact.bps_per_million"
    assert told["response"]["impact"]["bps_per_million"] == made.response.impact.bps_per_million
    words = " ".join(assumptions(read))
    assert f"displaces quotes and later trades by {made.response.impact.bps_per_million:.3g} bps" in words
    assert "fitted to a recording of sim:BTC-PERP" in words
    other = ResponseFit(instrument="sim:ETH-PERP", model=made.response, estimates=made.fit.estimates)
    (tmp_path / "response.json").write_bytes(other.to_json())
    with pytest.raises(ConfigError, match="fitted to sim:ETH-PERP, and the run is of sim:BTC-PERP"):
        venue_models(config("[response]\nfile = 'response.json'"), INSTRUMENT, events=None, folder=tmp_path, seed=1)


def test_files_that_are_not_there_or_no_fits_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is none at"):
        venue_models(config("[response]\nfile = 'no.json'"), INSTRUMENT, events=None, folder=tmp_path, seed=1)
    (tmp_path / "no.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="is no fitted response"):
        venue_models(config("[response]\nfile = 'no.json'"), INSTRUMENT, events=None, folder=tmp_path, seed=1)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_recorded_delays_and_their_table(suffix: str, events: Events, tmp_path: Path) -> None:
    recorded = events._replace(ts_venue=events.ts_local + SECOND_NS - 5 * MS_NS)  # a clock that is behind
    with pytest.raises(DataError, match="give latency least"):
        venue_models(config("[latency]\nmodel = 'recorded'"), INSTRUMENT, events=recorded, folder=tmp_path, seed=1)
    text = f"[latency]\nmodel = 'recorded'\nleast = '5ms'\ntable = 'delays.{suffix}'"
    with pytest.raises(ConfigError, match="there is none at"):
        venue_models(config(text), INSTRUMENT, events=recorded, folder=tmp_path, seed=1)
    first = int(recorded.ts_local[0])
    (tmp_path / "delays.csv").write_text(f"ts_ns,order_ns,ack_ns\n{first},{MS_NS},{2 * MS_NS}\n", encoding="utf-8")
    if suffix == "parquet":
        pl.read_csv(tmp_path / "delays.csv").write_parquet(tmp_path / "delays.parquet")
    models = venue_models(config(text), INSTRUMENT, events=recorded, folder=tmp_path, seed=1)
    rng = np.random.default_rng(0)
    assert (models.latency.order_delay(first, rng), models.latency.ack_delay(first, rng)) == (MS_NS, 2 * MS_NS)
    assert models.latency.feed_delay(first) == 5 * MS_NS
    assert models.told(config(text))["latency"]["offset_ns"] == SECOND_NS
    assert "1s having been added as the clocks disagree" in " ".join(assumptions(models))


def test_a_feed_read_whole_gives_the_same_in_the_same_pieces() -> None:
    held, fresh = HeldFeed(SyntheticFeed(CONFIG)), SyntheticFeed(CONFIG)
    assert (held.instruments, held.span_ns) == (fresh.instruments, fresh.span_ns)
    first, last = held.span_ns
    for ts in np.linspace(first, last + 1, 7).astype(np.int64).tolist():
        ours = {i.id: part for i, part in held.until(ts)}
        theirs: dict[str, list[Events]] = {}
        for i, part in fresh.until(ts):
            theirs.setdefault(i.id, []).append(part)
        assert ours.keys() == theirs.keys()
        for name, part in ours.items():
            for found, expected in zip(part, merge_events(theirs[name]), strict=True):
                assert found.tolist() == expected.tolist()
