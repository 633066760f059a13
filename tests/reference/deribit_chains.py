"""The recorded Deribit chains in the columns of `counterpoise.market.chain`."""

from __future__ import annotations

import tarfile
from pathlib import Path

import polars as pl

from counterpoise.market.chain import CHAIN_COLUMNS, option_terms

_NAMES = {"instrument_name": "symbol", "underlying": "underlying_price", "implied_volatility": "mark_iv"}
_TOLD = ("bid_price", "ask_price", "mark_price", "delta", "vega", "open_interest", "volume")


def deribit_chains(data_dir: Path, *, count: int = 20) -> pl.DataFrame:
    """The first `count` snapshots of both coins, oldest first; ``years`` is the recording's own time to expiry."""
    with tarfile.open(data_dir / "04_deribit_chains" / "deribit_chains_20260105_09.tar.xz") as archive:
        names = sorted(name for name in archive.getnames() if name.endswith(".csv"))[:count]
        files = [archive.extractfile(name) for name in names]
        frames = [pl.read_csv(file.read(), infer_schema_length=None) for file in files if file is not None]
    table = pl.concat(frames).rename(_NAMES)
    stamp = pl.col("timestamp").str.to_datetime(time_zone="UTC").dt.epoch("ns").alias("ts_local")
    said = table.select(stamp, "symbol", "underlying_price", "mark_iv", *_TOLD, years="time_to_maturity")
    joined = said.join(option_terms(said["symbol"], venue="deribit"), on="symbol", how="left", maintain_order="left")
    chain = joined.with_columns(gamma=pl.lit(None, pl.Float64))
    return chain.select(*(pl.col(name).cast(dtype) for name, dtype in CHAIN_COLUMNS.items()), "years")
