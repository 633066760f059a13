"""Fills of one parent as a run writes them, at random."""

from __future__ import annotations

import numpy as np
import polars as pl


def random_fills(seed: int, *, side: int = 1, count: int = 40, children: int = 9, inverse: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    mid = 100 + rng.normal(0, 1, count).cumsum() * 0.1
    return pl.DataFrame(
        {
            "ts": pl.Series(np.sort(rng.integers(0, 600_000_000_000, count))).cast(pl.Datetime("ns", "UTC")),
            "client_id": [f"p-{i:02d}" for i in np.sort(rng.integers(0, children, count))],
            "side": np.full(count, side),
            "price": mid + rng.normal(0, 0.02, count),
            "qty": rng.integers(1, 50, count) * (100.0 if inverse else 0.1),
            "fee": rng.normal(0, 1e-4, count),
            "maker": rng.random(count) < 0.5,
            "mid": mid,
            "market_mid": mid - side * 0.03,
        }
    )
