"""Transfers between addresses as a graph: read once, checked, and counted, before anybody guesses who is who."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import DataError, SchemaError

__all__ = ["TransferGraph", "own_form", "read_transfers"]

_KNOWN: Final = ("src", "dst", "time", "value", "token")
_HEX: Final = r"^0[xX][0-9a-fA-F]+$"


class TransferGraph(NamedTuple):
    """Addresses by number, and who sent to whom.

    Attributes
    ----------
    addresses : (n,) pl.Series of str
        In their own form (see `own_form`), sorted; the number of an address is its place.
    pairs : pl.DataFrame
        One row an ordered pair: ``src``, ``dst`` (numbers), ``transfers`` (count), ``value`` (sum; null when none is known, or
        when transfers are of several tokens).
    transfers : pl.DataFrame
        Every kept transfer: ``src``, ``dst``, ``time`` [ns UTC] and ``value``, null where unknown or where values of several
        tokens would not add up; in order of time.
    timed : bool
        Whether every kept transfer has a time.
    report : pl.DataFrame
        ``check``, ``count``, ``done``: what was odd in the input and what became of it.
    """

    addresses: pl.Series
    pairs: pl.DataFrame
    transfers: pl.DataFrame
    timed: bool
    report: pl.DataFrame

    @property
    def size(self) -> int:
        return len(self.addresses)

    def counterparties(self) -> Int1D:
        """Distinct others that each address sent to or received from."""
        both = pl.concat([self.pairs.select("src", "dst"), self.pairs.select(src="dst", dst="src")]).unique()
        return np.bincount(both["src"].to_numpy(), minlength=self.size).astype(np.int64)

    def numbers(self, addresses: Sequence[str]) -> Int1D:
        """Numbers of some addresses; those that never transferred are left out."""
        wanted = own_form(pl.Series("address", list(addresses), pl.String))
        known = pl.DataFrame({"address": self.addresses, "at": np.arange(self.size)})
        found = known.filter(pl.col("address").is_in(wanted.implode()))
        return np.asarray(found["at"].to_numpy(), np.int64)


def own_form(addresses: pl.Series) -> pl.Series:
    """Addresses as they are compared: hexadecimal ones in small letters, all others as they stand (Base58 minds the case)."""
    trimmed = addresses.str.strip_chars()
    frame = trimmed.to_frame("a").select(
        pl.when(pl.col("a").str.contains(_HEX)).then(pl.col("a").str.to_lowercase()).otherwise(pl.col("a"))
    )
    return frame["a"].alias(addresses.name)


def read_transfers(edges: pl.DataFrame) -> TransferGraph:
    """Check some transfers and number their addresses.

    Parameters
    ----------
    edges : pl.DataFrame
        ``src``, ``dst`` (text), and if known ``time`` (Datetime, or integers in ns), ``value`` (≥ 0), ``token`` (text). Other
        columns are reported and not read.

    Raises
    ------
    SchemaError
        If src or dst is missing or no text, or time or value has no fitting type.
    DataError
        If a value is negative or infinite: a transfer cannot be.

    Notes
    -----
    Left out and counted: rows without an address, transfers to oneself, and records that stand twice (equal in every column,
    time included; without times a repeated pair is a repeated transfer). A value that is NaN is unknown. Values of several
    tokens do not add up, so none is used: give one token, or values in one currency without ``token``. O(rows log rows).
    """
    frame, found = _columns(edges)
    raw = frame.height
    mixed = sum(int((own_form(frame[name]) != frame[name]).sum()) for name in ("src", "dst"))
    frame = frame.with_columns(own_form(frame["src"]), own_form(frame["dst"]))
    frame = frame.filter((pl.col("src").str.len_chars() > 0) & (pl.col("dst").str.len_chars() > 0))
    nowhere, kept = raw - frame.height, frame.height
    frame = frame.filter(pl.col("src") != pl.col("dst"))
    loops = kept - frame.height
    timed = bool(frame.height) and frame["time"].null_count() == 0
    kept = frame.height
    if timed:
        frame = frame.unique(maintain_order=True)
    repeated = frame.height - frame.select("src", "dst").n_unique() if kept else 0
    valued = frame.filter(pl.col("value").is_not_null())
    mixed_values = valued.height if valued["token"].n_unique() > 1 else 0
    if mixed_values:
        frame = frame.with_columns(value=pl.lit(None, pl.Float64))
    counts = [
        ("rows", raw, "read"),
        ("no address", nowhere, "left out"),
        ("to oneself", loops, "left out"),
        ("recorded twice", kept - frame.height, "left out"),
        ("repeated pair", repeated, "kept: another transfer"),
        ("mixed case", mixed, "compared in small letters"),
        ("value NaN", int(found["nan"]), "value unknown"),
        ("several tokens", mixed_values, "values not used: they do not add up"),
        ("time unknown", frame["time"].null_count(), "time rules not used" if not timed else ""),
        *((f"column {name}", raw, "not read") for name in edges.columns if name not in _KNOWN),
    ]
    report = pl.DataFrame(counts, schema={"check": pl.String, "count": pl.Int64, "done": pl.String}, orient="row")
    return _numbered(frame, timed=timed, report=report)


def _columns(edges: pl.DataFrame) -> tuple[pl.DataFrame, dict[str, int]]:
    missing = [name for name in ("src", "dst") if name not in edges.columns]
    if missing:
        raise SchemaError(
            f"transfers need columns src and dst; missing {', '.join(missing)}, found {edges.columns}; rename them"
        )
    for name in ("src", "dst"):
        if edges[name].dtype not in (pl.String, pl.Categorical):
            raise SchemaError(
                f"column {name} holds {edges[name].dtype}, expected text; give addresses as the chain writes them"
            )
    time = edges["time"] if "time" in edges.columns else pl.Series("time", [None] * edges.height, pl.Int64)
    value = edges["value"] if "value" in edges.columns else pl.Series("value", [None] * edges.height, pl.Float64)
    if not (isinstance(time.dtype, pl.Datetime) or time.dtype.is_integer() or time.dtype == pl.Null):
        raise SchemaError(f"column time holds {time.dtype}, expected Datetime or integers in ns UTC; convert it")
    if not (value.dtype.is_numeric() or value.dtype == pl.Null):
        raise SchemaError(f"column value holds {value.dtype}, expected numbers; convert it")
    if isinstance(time.dtype, pl.Datetime):
        time = time.dt.epoch("ns")
    value = value.cast(pl.Float64)
    bad = ((value < 0) | value.is_infinite()).fill_null(False)
    if bad.any():
        row = int(bad.arg_true()[0])
        raise DataError(f"row {row}: value {value[row]}, expected a finite number of 0 or more; correct the source")
    token = edges["token"].cast(pl.String) if "token" in edges.columns else pl.Series("token", [None] * edges.height, pl.String)
    nan = int(value.is_nan().fill_null(False).sum())
    frame = edges.select(pl.col("src", "dst").cast(pl.String).fill_null("")).with_columns(
        time.cast(pl.Int64).alias("time"), value.fill_nan(None).alias("value"), token.alias("token")
    )
    return frame, {"nan": nan}


def _numbered(frame: pl.DataFrame, *, timed: bool, report: pl.DataFrame) -> TransferGraph:
    addresses = pl.concat([frame["src"], frame["dst"]]).unique().sort().alias("address")
    at = pl.DataFrame({"address": addresses, "at": np.arange(len(addresses), dtype=np.int64)})
    transfers = (
        frame.join(at.rename({"address": "src", "at": "s"}), on="src", how="left", maintain_order="left")
        .join(at.rename({"address": "dst", "at": "d"}), on="dst", how="left", maintain_order="left")
        .select(pl.col("s").alias("src"), pl.col("d").alias("dst"), "time", "value")
    )
    if timed:
        transfers = transfers.sort("time", maintain_order=True)
    known = pl.col("value").is_not_null().any()
    pairs = transfers.group_by("src", "dst").agg(
        transfers=pl.len().cast(pl.Int64), value=pl.when(known).then(pl.col("value").sort().sum())
    )
    return TransferGraph(addresses, pairs.sort("src", "dst"), transfers, timed, report)
