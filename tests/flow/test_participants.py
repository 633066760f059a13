"""Clusters of events: fitted on the past, matched from fit to fit, flow by label that adds up."""

from __future__ import annotations

import itertools
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal, assert_series_equal

from counterpoise.core.errors import InputError, SchemaError
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.measures import measure
from counterpoise.flow.participants import centroids
from counterpoise.flow.participants.event_features import FEATURES, event_features
from counterpoise.flow.participants.participants import GROUPS, Participants
from counterpoise.market.event import DELTA, SNAPSHOT, TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument
from reference.binance_recordings import CAPTURES, read_recording
from reference.message_script import Message, events_of
from reference.random_stream import RandomStream

pytest.importorskip("sklearn")
PERP = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
T0 = 1_723_161_300 * SECOND_NS


def features(seed: int, rows: int = 900, *, shift: float = 0.0, start_s: int = 0) -> pl.DataFrame:
    """Three clouds of events, log-normal in all six features, in turn."""
    draw = np.random.default_rng(seed)
    kind = np.arange(rows) % 3
    logs = draw.normal(0, 0.3, (rows, 6)) + np.array([[0.0] * 6, [4.0, 4, 0, 0, 4, 4], [0.0, 0, 4, 4, 0, 8]])[kind] + shift
    columns = {name: np.exp(logs[:, i]) for i, name in enumerate(FEATURES)}
    times = T0 + (start_s * 1000 + np.arange(rows)) * 10**6
    frame = pl.DataFrame(
        {"ts_local": times, "event": np.where(kind == 0, "trade", "add"), "qty": np.arange(rows) + 1.0} | columns
    )
    return frame.with_columns(pl.col("ts_local").cast(pl.Datetime("ns", "UTC")), kind=pl.Series(kind))


def same_bytes(one: Participants, other: Participants) -> bool:
    first, second = one.to_arrays(), other.to_arrays()
    return all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_clouds_are_told_apart_and_the_seed_settles_all() -> None:
    past, later = features(1), features(2, start_s=10)
    fit = Participants.fit(past, seed=4)
    assert same_bytes(fit, Participants.fit(past, seed=4))
    assert fit.labels.tolist() == [0, 1, 2]
    assert fit.shares.tolist() == pytest.approx([1 / 3] * 3)
    labelled = later.with_columns(fit.label(later))
    assert labelled.group_by("kind").agg(pl.col("label").n_unique())["label"].to_list() == [1, 1, 1]
    assert labelled["label"].n_unique() == 3


def test_label_is_the_nearest_centroid_by_hand() -> None:
    fit = Participants.fit(features(1))
    later = features(3, 300, start_s=9)
    raw = later.select(FEATURES).to_numpy()
    for row, label in zip(raw, fit.label(later), strict=True):
        z = [(np.log(1 + x / s) - m) / d for x, s, m, d in zip(row, fit.scale, fit.mean, fit.spread, strict=True)]
        far = [sum((min(5, max(-5, a)) - b) ** 2 for a, b in zip(z, c, strict=True)) for c in fit.centroids]
        assert label == fit.labels[int(np.argmin(far))]


def test_what_the_fit_has_seen_and_what_has_no_features_is_not_labelled() -> None:
    past = features(1)
    fit = Participants.fit(past)
    assert set(fit.label(past)) == {-1}
    assert set(fit.label(past, in_sample=True)) == {0, 1, 2}
    later = features(2, 300, start_s=5).with_columns(level_qty=pl.when(pl.col("kind") != 1).then("level_qty"))
    assert fit.label(later).eq(-1).equals((later["kind"] == 1).alias("label"))
    assert fit.label(later.clear()).len() == 0


def test_the_fit_depends_on_its_rows_only_and_scale_is_learned() -> None:
    """Twice the sizes: another unit of the logarithm, the same clusters."""
    past = features(1)
    fit = Participants.fit(past)
    wider = Participants.fit(past.with_columns(pl.col(FEATURES[:3]) * 2))
    assert wider.scale[:3].tolist() == (fit.scale[:3] * 2).tolist()
    assert np.array_equal(wider.centroids, fit.centroids)
    with_nulls = pl.concat([past, past.with_columns(pl.lit(None, pl.Float64).alias("level_qty"))])
    assert np.array_equal(Participants.fit(with_nulls).centroids, fit.centroids)


@pytest.mark.parametrize("warm", [True, False])
def test_labels_stay_over_refits(warm: bool) -> None:
    fit = Participants.fit(features(1))
    moved, match = fit.refit(features(2, shift=0.2, start_s=10), warm=warm)
    assert match.frame["label"].to_list() == [0, 1, 2]
    assert match.frame["distance"].max() < 0.5
    assert not match.frame["new"].any()
    assert len(match.lost) == 0
    probe = features(3, start_s=30)
    assert_series_equal(fit.label(probe), moved.label(probe))
    assert moved.numbers.tolist()[0] == 1800
    pooled = np.log1p(pl.concat([features(1), features(2, shift=0.2, start_s=10)]).select(FEATURES).to_numpy() / fit.scale)
    np.testing.assert_allclose(moved.mean, pooled.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moved.spread, pooled.std(axis=0), rtol=1e-12)


def test_what_matches_nothing_is_new_and_what_is_not_found_again_is_lost() -> None:
    fit = Participants.fit(features(1))
    strange = features(2, start_s=10).with_columns(
        since_mid_ns=pl.when(pl.col("kind") == 2).then(pl.col("since_mid_ns") * 1e6).otherwise("since_mid_ns"),
        level_age_ns=pl.when(pl.col("kind") == 2).then(pl.lit(0.0)).otherwise("level_age_ns"),
    )
    after, match = fit.refit(strange, warm=False, farthest=1.0)
    assert match.frame["label"].max() == 3
    assert match.frame.filter("new")["distance"].null_count() == match.frame["new"].sum() >= 1
    assert len(match.lost) == match.frame["new"].sum()
    assert 3 in after.label(features(3, start_s=30).with_columns(strange.select("since_mid_ns", "level_age_ns"))).to_list()
    more, grown = fit.refit(features(2, start_s=10), clusters=4)
    assert len(more.labels) == 4
    assert grown.frame.filter("new").height >= 1


@given(seed=st.integers(0, 2**32), old=st.integers(1, 5), new=st.integers(1, 5))
def test_matching_is_least_in_sum_equals_naive(seed: int, old: int, new: int) -> None:
    """Against every way to match them."""
    draw = np.random.default_rng(seed)
    before, after = draw.normal(size=(old, 6)), draw.normal(size=(new, 6))
    labels = np.arange(10, 10 + old)
    got, distance, fresh = centroids.match_centroids(before, after, labels, fresh=50, farthest=99.0)
    far = np.linalg.norm(after[:, None] - before[None], axis=2)
    few = min(old, new)
    ways = itertools.product(itertools.combinations(range(new), few), itertools.permutations(range(old), few))
    least = min(sum(far[i, j] for i, j in zip(*way, strict=True)) for way in ways)
    assert np.nansum(distance) == pytest.approx(least, rel=1e-12)
    assert len(set(got.tolist())) == new
    assert fresh - 50 == max(0, new - old) == int(np.isnan(distance).sum())


def test_arrays_hold_all_of_it() -> None:
    fit = Participants.fit(features(1))
    again = Participants.from_arrays(fit.to_arrays())
    assert same_bytes(fit, again)
    assert same_bytes(fit.refit(features(2, start_s=10))[0], again.refit(features(2, start_s=10))[0])
    assert all(array.dtype in (np.int64, np.float64) for array in fit.to_arrays().values())
    with pytest.raises(SchemaError, match="missing mean"):
        Participants.from_arrays({k: v for k, v in fit.to_arrays().items() if k != "mean"})
    with pytest.raises(SchemaError, match="have shapes"):
        Participants.from_arrays(fit.to_arrays() | {"labels": np.arange(2)})


def test_bad_input_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    past = features(1)
    with pytest.raises(InputError, match="100 events"):
        Participants.fit(past.head(200))
    with pytest.raises(InputError, match="two clusters"):
        Participants.fit(past, clusters=1)
    with pytest.raises(SchemaError, match="lack level_qty"):
        Participants.fit(past.drop("level_qty"))
    with pytest.raises(InputError, match="give later ones"):
        Participants.fit(past).refit(past)
    silent = Participants.fit(past.with_columns(event=pl.lit("add")))
    with pytest.raises(InputError, match="saw no trade"):
        silent.prints(Events.empty(), PERP)

    def absent(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(centroids, "import_module", absent)
    with pytest.raises(InputError, match=r"needs sklearn; install it with: pip install counterpoise\[learn\]"):
        Participants.fit(past)


def test_a_feature_that_never_changes_does_no_harm() -> None:
    past = features(1).with_columns(level_qty=pl.lit(5.0))
    fit = Participants.fit(past)
    assert fit.spread[0] == 0.0
    after, _ = fit.refit(features(2, start_s=10))
    assert np.isfinite(after.centroids).all()


# flow by label


def lively(seed: int, messages: int) -> Events:
    """A book that stays in sync, with trades of all sizes."""
    draw = random.Random(seed)
    said: list[Message] = [(0.0, SNAPSHOT, [(s, 1000 - s * i, 50) for s in (1, -1) for i in range(1, 20)])]
    for i in range(messages):
        side, when = draw.choice((1, -1)), 0.01 * (i + 1)
        if draw.random() < 0.25:
            said.append((when, TRADE, [(draw.choice((1, -1, 1, -1, 0)), 1000 + side, draw.randint(1, 400))]))
        else:
            said.append((when, DELTA, [(side, 1000 - side * draw.randint(1, 12), draw.randint(0, 90))]))
    return events_of(said)


def assert_adds_up(fit: Participants, events: Events, instrument: Instrument, every_ns: int, *, in_sample: bool) -> int:
    frame = fit.ofi(events, instrument, every_ns=every_ns, in_sample=in_sample)
    whole = measure(events, instrument, bins=Bins.every(every_ns))
    assert_frame_equal(frame.select("ts", "ofi", "quality"), whole.select("ts", "ofi", "quality"), check_exact=True)
    names = [*map(str, fit.labels), "unlabelled"]
    lot = instrument.flow_grid.size
    lots = frame.select((pl.col("ofi", *(f"ofi_{n}" for n in names)) / lot).round().cast(pl.Int64))
    parts = lots.select(pl.sum_horizontal(f"ofi_{n}" for n in names))[:, 0]
    null = frame["quality"] != "SYNCED"
    assert frame.filter(null).select(f"ofi_{n}" for n in names).null_count().sum_horizontal()[0] == null.sum() * len(names)
    assert lots["ofi"].filter(~null).equals(parts.filter(~null).alias("ofi"))
    for name in frame.columns:
        assert any(column.covers(name) for column in GROUPS[0].columns)
    return int(frame.select(pl.sum_horizontal(f"events_{n}" for n in names)).sum().item())


@pytest.mark.parametrize("in_sample", [True, False])
def test_flow_by_label_adds_up(in_sample: bool) -> None:
    events = lively(3, 4000)
    rows = event_features(events, PERP)
    fit = Participants.fit(rows.head(2000))
    assert assert_adds_up(fit, events, PERP, SECOND_NS, in_sample=in_sample) == rows.height
    frame = fit.ofi(events, PERP, every_ns=SECOND_NS, in_sample=in_sample)
    early = frame.filter(pl.col("ts").dt.epoch("ns") <= int(fit.numbers[1]))
    assert (early["events_0"].sum() == 0) == (not in_sample)
    assert max(frame[f"ofi_{label}"].n_unique() for label in fit.labels) > 5


def test_flow_by_label_adds_up_through_gaps_and_snapshots() -> None:
    fit = Participants.fit(event_features(lively(3, 4000), PERP))
    for seed in range(4):
        assert_adds_up(fit, RandomStream(seed, centre=1000, far=500).events(250), PERP, SECOND_NS, in_sample=True)
    assert fit.ofi(Events.empty(), PERP, every_ns=SECOND_NS).height == 0


def test_flow_by_label_does_not_look_ahead_and_turns_in_a_mirror() -> None:
    events = lively(4, 3000)
    fit = Participants.fit(event_features(lively(3, 4000), PERP))
    whole = fit.ofi(events, PERP, every_ns=SECOND_NS, in_sample=True)
    short = fit.ofi(events.cut(0, 1500), PERP, every_ns=SECOND_NS, in_sample=True)
    known = pl.col("ts").dt.epoch("ns") <= int(events.ts_local[1499])
    assert_frame_equal(short.filter(known), whole.filter(known), check_exact=True)
    turned = events._replace(side=-events.side, price_ticks=2000 - events.price_ticks)
    mirrored = fit.ofi(turned, PERP, every_ns=SECOND_NS, in_sample=True)
    flows = pl.col("^ofi.*$")
    assert_frame_equal(mirrored.select(flows), whole.select(flows * -1), check_exact=True)
    assert_frame_equal(mirrored.drop("^ofi.*$"), whole.drop("^ofi.*$"), check_exact=True)


def test_large_prints_run_up_by_label() -> None:
    past, later = lively(3, 4000), lively(4, 3000)
    later = later._replace(ts_local=later.ts_local + 60 * SECOND_NS)
    fit = Participants.fit(event_features(past, PERP))
    sizes = sorted(past.qty_lots[past.kind == TRADE].tolist())
    assert fit.large_qty == PERP.qty(sizes[int(0.99 * (len(sizes) - 1))])
    frame = fit.prints(later, PERP)
    large = (later.kind == TRADE) & (later.qty_lots >= fit.large_qty / 0.001)
    assert frame.height == large.sum() > 3
    net: dict[int, int] = {}
    for row, side, lots in zip(frame.to_dicts(), later.side[large].tolist(), later.qty_lots[large].tolist(), strict=True):
        net[row["label"]] = net.get(row["label"], 0) + side * lots
        assert row["net_qty"] == PERP.qty(net[row["label"]])
        assert any(column.covers(name) for name in row for column in GROUPS[1].columns)
    assert (frame["label"] == -1).equals((frame["side"] == 0).alias("label"))


def test_centres_are_in_the_units_of_the_features() -> None:
    centres = Participants.fit(features(1)).centres()
    assert centres.columns == ["label", "share", *FEATURES]
    largest = centres.sort("level_qty").row(-1, named=True)
    assert np.log(largest["level_qty"]) == pytest.approx(4.0, abs=0.2)


@pytest.mark.realdata
@pytest.mark.parametrize("name", CAPTURES)
def test_flow_by_label_adds_up_on_recordings(name: str, data_dir: Path) -> None:
    events, _ = read_recording(name, data_dir)
    instrument = CAPTURES[name].instrument
    rows = event_features(events, instrument)
    fit = Participants.fit(rows.head(rows.height // 2))
    assert_adds_up(fit, events, instrument, SECOND_NS, in_sample=False)
    frame = fit.ofi(events, instrument, every_ns=SECOND_NS)
    assert (frame["events_0"].sum() + frame["events_1"].sum() + frame["events_2"].sum()) > 0.45 * rows.height
