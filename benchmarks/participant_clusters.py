"""How stable clusters of events are from fit to fit, out of sample, on real recordings.

    python benchmarks/participant_clusters.py [--windows 6] [--seeds 5] [--seed 20261120]

Each recording (Binance USD-M, COIN-M and spot, 2024-08-08 23:54 to 24:00) is cut into windows of equal time. Two fits on two
neighbouring windows label the window after both; the adjusted Rand index says how far they agree there beyond chance. Beside
it: two seeds on one window (what the start of k-means alone does), and a fit of shuffled columns (no structure left but each
feature's own distribution). Six minutes of one evening are few: ranges are over windows, not over days or markets.
Nothing here says who traded: agreement means that the same events fall together, not that a participant stands behind them.
"""

from __future__ import annotations

import argparse
import itertools
import os
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import adjusted_rand_score

from counterpoise.adapters.binance_capture import read_binance_capture
from counterpoise.core.units import SECOND_NS
from counterpoise.flow.participants.event_features import FEATURES, event_features
from counterpoise.flow.participants.participants import Participants
from counterpoise.market.event import Events, merge_events
from counterpoise.market.instrument import Instrument
from counterpoise.market.symbol import parse_instrument

ROOT = Path(__file__).resolve().parents[1]
FOLDER = Path("01_binance_l2_20240808")
CAPTURES = {
    "USD-M BTCUSDT": ("usdm/btcusdt", "binance_usdm:BTCUSDT", "0.1", "0.001"),
    "COIN-M BTCUSD_PERP": ("cm/btcusd_perp", "binance_coinm:BTCUSD_PERP", "0.1", "1"),
    "spot BTCUSDT": ("spot/btcusdt", "binance:BTCUSDT", "0.01", "0.00000001"),
}
CLUSTERS = (2, 3, 4, 6)
WARM_UP_NS = 20 * SECOND_NS  # before it, ages of prices only say when the recording began


def read(name: str) -> tuple[Events, Instrument]:
    """Events of a recording."""
    path, symbol, tick, lot = CAPTURES[name]
    instrument = parse_instrument(symbol, tick=tick, lot=lot)
    file = Path(os.environ.get("COUNTERPOISE_DATA", ROOT.parent / "shared" / "data")) / FOLDER / f"{path}_20240808.gz"
    if not file.is_file():
        raise SystemExit(f"no recording at {file}; set COUNTERPOISE_DATA")
    reader = read_binance_capture(file, venue=instrument.venue, instrument=lambda _: instrument)
    return merge_events([Events.from_frame(batch.frame) for batch in reader]), instrument


def windows(features: pl.DataFrame, count: int) -> list[pl.DataFrame]:
    """Known events in windows of equal time, without the first seconds."""
    known = features.drop_nulls(FEATURES)
    ts = known["ts_local"].dt.epoch("ns")
    start, end = int(ts[0]) + WARM_UP_NS, int(ts[-1]) + 1
    edges = np.linspace(start, end, count + 1).astype(np.int64)
    return [known.filter((ts >= a) & (ts < b)) for a, b in itertools.pairwise(edges)]


def shuffled(features: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Every feature in an order of its own."""
    return features.with_columns(pl.col(name).shuffle(seed=seed + i) for i, name in enumerate(FEATURES))


def rand(one: Participants, other: Participants, probe: pl.DataFrame) -> float:
    """Adjusted Rand index of two fits on events that neither has seen."""
    return float(adjusted_rand_score(one.label(probe), other.label(probe)))


def kept(one: Participants, other: Participants, probe: pl.DataFrame) -> float:
    """Share of events with the same label, which a matched refit should keep."""
    return float((one.label(probe) == other.label(probe)).mean())


def stability(parts: list[pl.DataFrame], clusters: int, seeds: list[int]) -> dict[str, list[float]]:
    """Every pair of neighbouring windows and every seed."""
    out: dict[str, list[float]] = {n: [] for n in ("refit anew", "refit warm", "labels kept", "seed alone", "shuffled")}
    for past, later, probe in zip(parts, parts[1:], parts[2:], strict=False):
        for seed in seeds:
            first = Participants.fit(past, clusters=clusters, seed=seed)
            anew, warm = (first.refit(later, warm=w)[0] for w in (False, True))
            out["refit anew"].append(rand(first, anew, probe))
            out["refit warm"].append(rand(first, warm, probe))
            out["labels kept"].append(kept(first, warm, probe))
            out["seed alone"].append(rand(first, Participants.fit(past, clusters=clusters, seed=seed + 1), probe))
            chance = Participants.fit(shuffled(past, seed), clusters=clusters, seed=seed)
            out["shuffled"].append(rand(chance, chance.refit(shuffled(later, seed), warm=False)[0], probe))
    return out


def explained(events: Events, instrument: Instrument, fit: Participants) -> dict[str, float]:
    """What share of order flow and of events each label has, after the fit."""
    frame = fit.ofi(events, instrument, every_ns=SECOND_NS).filter(quality="SYNCED")
    later = frame.filter(pl.col("ts").dt.epoch("ns") > int(fit.numbers[1]) + SECOND_NS)
    total = sum(float(later[f"ofi_{label}"].abs().sum()) for label in fit.labels)
    return {str(label): float(later[f"ofi_{label}"].abs().sum()) / total for label in fit.labels}


def spread(values: list[float], blocks: int) -> str:
    """Mean over windows, least and most of them; they share data and are few, so this is no confidence interval."""
    table = np.array(values).reshape(blocks, -1).mean(axis=1)
    return f"{table.mean():.2f} ({table.min():.2f} to {table.max():.2f})"


def main() -> None:
    """Print a table a recording."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--windows", type=int, default=6)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=20261120)
    wanted = parser.parse_args()
    draw = np.random.default_rng(wanted.seed)
    seeds = draw.integers(0, 2**31, wanted.seeds).tolist()
    for name in CAPTURES:
        events, instrument = read(name)
        parts = windows(event_features(events, instrument), wanted.windows)
        print(
            f"{name}: {sum(p.height for p in parts):,} events in {len(parts)} windows; adjusted Rand index on the window after"
        )
        print("clusters " + "".join(f"{c:>20s}" for c in ("refit anew", "refit warm", "labels kept", "seed alone", "shuffled")))
        for clusters in CLUSTERS:
            found = stability(parts, clusters, seeds)
            print(f"{clusters:8d} " + "".join(f"{spread(v, len(parts) - 2):>20s}" for v in found.values()))
        fit = Participants.fit(pl.concat(parts[: len(parts) // 2]), seed=seeds[0])
        shares = explained(events, instrument, fit)
        print("three clusters fitted on the first half; share of |OFI| per second in the second half:", end=" ")
        print(", ".join(f"{label} {share:.2f}" for label, share in shares.items()))
        with pl.Config(
            tbl_hide_dataframe_shape=True, tbl_formatting="ASCII_MARKDOWN", tbl_hide_column_data_types=True, tbl_cols=9
        ):
            print(fit.centres(), "\n")


if __name__ == "__main__":
    main()
