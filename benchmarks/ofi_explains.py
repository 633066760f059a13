"""What order flow explains of the mid's change in the same bin: best level, ten levels, integrated, in and out of sample.

    python benchmarks/ofi_explains.py [--data DIR] [--draws 2000] [--seed 7]

Out of sample: regressions, and the weights of integrated OFI, are fitted on all bins before a block of 30 and judged on it,
R² = 1 − Σ(y − fit)² / Σ(y − mean of the past)². Intervals are 95 % percentiles of a circular block bootstrap over bins (blocks
of 10), drawn in pairs, so that differences have intervals of their own; the fits are held fixed, so an interval
says nothing of how much they would vary. It is the same bin: nothing here is a forecast.
"""

from __future__ import annotations

import argparse
import os
import sys
import tarfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.flow.bins import Bins
from counterpoise.flow.integrated import IntegratedOfi, scaled_levels
from counterpoise.flow.measures import measure
from counterpoise.market.event import Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument

ROOT = Path(__file__).resolve().parents[1]
LEAST_PAST, BLOCK, DRAW_BLOCK = 100, 30, 10
LEAST_JUDGED, LEAST_MOVES = 100, 20  # bins to judge on, and moves of the mid in the first past
RECORDINGS = {
    "USD-M": ("usdm/btcusdt_20240808.gz", parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")),
    "COIN-M": ("cm/btcusd_perp_20240808.gz", parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")),
    "spot": ("spot/btcusdt_20240808.gz", parse_instrument("binance:BTCUSDT", tick="0.01", lot="0.00000001")),
}
FORMS = ("best level", "best, scaled", "ten, scaled", "integrated")


def bins_of(data: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Bins of every recording with levels, at two lengths."""
    for name, (path, instrument) in RECORDINGS.items():
        reader = read_binance_capture(
            data / "01_binance_l2_20240808" / path, venue=instrument.venue, instrument=lambda _, i=instrument: i
        )
        events = merge_events([Events.from_frame(batch.frame) for batch in reader])
        for every in ("1s", "250ms"):
            yield f"{name} {every}", measure(events, instrument, bins=Bins.parse(every))


def bins_of_captures(data: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Bins of a tenth of a second of the venues' half-minute captures, of markets that moved."""
    sys.path.insert(0, str(ROOT / "tests"))
    from reference.capture_reading import VENUES, files, read, terms

    with TemporaryDirectory() as folder:
        with tarfile.open(data / "08_venue_captures" / "cryptofeed_9venues.tar.xz") as archive:
            archive.extractall(folder, filter="data")
        for name, venue in VENUES.items():
            parts: dict[Instrument, list[Events]] = {}
            for batch in read(files(Path(folder), name), venue, known=terms(name)).batches:
                if batch.table in ("book", "trade"):
                    parts.setdefault(batch.instrument, []).append(Events.from_frame(batch.frame))
            for instrument, held in parts.items():
                yield f"{instrument.id} 100ms", measure(merge_events(held), instrument, bins=Bins.parse("100ms"))


def fits(frame: pl.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Mid changes, their past means, in-sample R² and out-of-sample fits of each form, over the bins judged."""
    levels = scaled_levels(frame)
    y = frame["mid_change"].to_numpy().astype(np.float64)
    sound = np.isfinite(levels).all(axis=1) & np.isfinite(y)
    levels, y = levels[sound], y[sound]
    best = frame["ofi"].to_numpy().astype(np.float64)[sound][:, None]
    fitted = {form: np.full(len(y), np.nan) for form in FORMS}
    mean = np.full(len(y), np.nan)
    for start in range(LEAST_PAST, len(y), BLOCK):
        past, block = slice(0, start), slice(start, start + BLOCK)
        mean[block] = y[past].mean()
        weights = IntegratedOfi._of(levels[past]).weights
        inputs = forms_of(best, levels, weights)
        for form, x in inputs.items():
            slope, *_ = np.linalg.lstsq(with_one(x[past]), y[past], rcond=None)
            fitted[form][block] = with_one(x[block]) @ slope
    whole = forms_of(best, levels, IntegratedOfi._of(levels).weights)
    inside = np.array([explained(y, in_sample(x, y), np.full(len(y), y.mean())) for x in whole.values()])
    judged = slice(LEAST_PAST, None)
    return y[judged], mean[judged], inside, {form: values[judged] for form, values in fitted.items()}


def forms_of(best: np.ndarray, levels: np.ndarray, weights: np.ndarray) -> dict[str, np.ndarray]:
    """Regressors of each form; scaled is divided by the bin's mean depth of a level."""
    return dict(zip(FORMS, (best, levels[:, :1], levels, (levels @ weights)[:, None]), strict=True))


def with_one(x: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(x)), x])


def in_sample(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return with_one(x) @ np.linalg.lstsq(with_one(x), y, rcond=None)[0]


def explained(y: np.ndarray, fitted: np.ndarray, mean: np.ndarray) -> float:
    return float(1 - ((y - fitted) ** 2).sum() / ((y - mean) ** 2).sum())


def blocks(rows: int, draw: np.random.Generator) -> np.ndarray:
    starts = draw.integers(0, rows, -(-rows // DRAW_BLOCK))
    return ((starts[:, None] + np.arange(DRAW_BLOCK)) % rows).ravel()[:rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTERPOISE_DATA", ROOT.parent / "shared" / "data")))
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    wanted = parser.parse_args()
    print(
        f"{'recording':28} {'bins':>5} {'form':12} {'R² in':>7} {'R² out':>7}  95 % interval    over best level, 95 % interval"
    )
    for name, frame in chain(bins_of(wanted.data), bins_of_captures(wanted.data)):
        moved = frame.select("mid_change", "ofi_10", "mean_depth").drop_nulls()["mid_change"]
        if len(moved) < LEAST_PAST + LEAST_JUDGED or (moved[:LEAST_PAST] != 0).sum() < LEAST_MOVES:
            continue
        draw = np.random.default_rng(wanted.seed)
        y, mean, inside, fitted = fits(frame)
        at = [blocks(len(y), draw) for _ in range(wanted.draws)]
        drawn = {form: np.array([explained(y[i], values[i], mean[i]) for i in at]) for form, values in fitted.items()}
        for form, of_all in zip(FORMS, inside, strict=True):
            low, high = np.percentile(drawn[form], [2.5, 97.5])
            less, more = np.percentile(drawn[form] - drawn["best level"], [2.5, 97.5])
            gain = explained(y, fitted[form], mean) - explained(y, fitted["best level"], mean)
            over = "" if form == "best level" else f"{gain:+.3f} [{less:+.3f}, {more:+.3f}]"
            outside = f"{explained(y, fitted[form], mean):7.3f}  [{low:.3f}, {high:.3f}]"
            print(f"{name:28} {len(y):5} {form:12} {of_all:7.3f} {outside}   {over}")


if __name__ == "__main__":
    main()
