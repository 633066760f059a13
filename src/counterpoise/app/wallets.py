"""`counterpoise wallets`: entities behind the addresses of a file of transfers, their sybil scores, and who holds how much."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from counterpoise.app.output import print_rows, write_frame
from counterpoise.core.errors import InputError
from counterpoise.flow.wallet.transfers import read_transfers
from counterpoise.flow.wallet.wallet_links import WalletRules
from counterpoise.flow.wallet.wallets import WalletClusters, wallets

__all__ = ["WalletsReport", "print_wallets", "read_edges", "wallets_report"]

_ALIASES: Final = {
    "src": ("from", "from_address", "sender", "source"),
    "dst": ("to", "to_address", "receiver", "target"),
    "time": ("timestamp", "block_timestamp", "block_time"),
    "value": ("amount", "quantity"),
    "token": ("token_address", "asset", "symbol"),
}
_SHOWN: Final = 15
_TABLES: Final = ("frame", "clusters", "hubs", "links", "report")


class WalletsReport(NamedTuple):
    """What was found, over what the concentration is, and which files were written."""

    found: WalletClusters
    concentration: pl.DataFrame
    amounts: str
    files: tuple[Path, ...]


def wallets_report(
    path: Path,
    *,
    out: Path | None = None,
    amounts: Path | None = None,
    rules: WalletRules | None = None,
    seed: int = 0,
    top: int = 10,
) -> WalletsReport:
    """Entities of the transfers in a file.

    Parameters
    ----------
    path : Path
        Parquet or CSV, see `read_edges`.
    out : Path, optional
        Folder for ``frame``, ``clusters``, ``hubs``, ``links``, ``report`` and ``concentration`` as Parquet, and
        ``wallets.html``.
    amounts : Path, optional
        Parquet or CSV with ``address`` and ``amount``, what concentration is measured of; by default the value that each
        address sent and received, or, where no value is known, its number of transfers.
    rules : WalletRules, optional
    seed : int
    top : int
        Largest holders whose share is given.

    Raises
    ------
    InputError
        If a file cannot be read or written.
    SchemaError, DataError, UnknownName
        As `counterpoise.flow.wallets.wallets`.
    """
    edges = read_edges(path)
    found = wallets(edges, rules=rules, seed=seed)
    held, name = (_read(amounts), f"amounts of {amounts.name}") if amounts is not None else _turnover(edges)
    concentration = found.concentration(held, top=top)
    files = () if out is None else _write(found, concentration, out)
    return WalletsReport(found, concentration, name, files)


def read_edges(path: Path) -> pl.DataFrame:
    """Transfers of a Parquet or CSV file, its columns under the names that `counterpoise.flow.wallets.wallets` knows.

    ``from`` and ``to``, ``timestamp``, ``amount`` and the like are renamed where the proper name is absent.
    """
    frame = _read(path)
    renamed = {}
    for name, others in _ALIASES.items():
        present = [other for other in others if other in frame.columns]
        if name not in frame.columns and present:
            renamed[present[0]] = name
    return frame.rename(renamed)


def print_wallets(report: WalletsReport) -> None:
    """Tables a person can read, on stdout."""
    found = report.found
    grouped = found.frame.filter(pl.col("size") > 1).height
    _print(
        "What came of it",
        pl.DataFrame(
            {
                "addresses": [found.frame.height],
                "hubs": [found.hubs.height],
                "in entities of two or more": [grouped],
                "entities": [found.clusters.height],
                "links": [found.links.height],
            }
        ),
    )
    _print("Input", found.report.filter(pl.col("count") > 0))
    _print("Entities with the highest sybil score (a ranking, no probability)", _scored(found.clusters).head(_SHOWN))
    _print("Hubs: in no entity", found.hubs.sort("counterparties", "address", descending=[True, False]).head(_SHOWN))
    _print(f"Concentration of {report.amounts}", report.concentration)


def _print(title: str, frame: pl.DataFrame) -> None:
    print_rows(title, frame)


def _scored(clusters: pl.DataFrame) -> pl.DataFrame:
    """The score beside the entity, so that a narrow terminal has room for it."""
    return clusters.select("entity", "size", "score", pl.exclude("entity", "size", "score"))


def _read(path: Path) -> pl.DataFrame:
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path)
        if path.suffix in (".csv", ".gz"):
            return pl.read_csv(path, infer_schema_length=None)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"cannot read {path}: {error}; give a Parquet file, or CSV with a header") from error
    raise InputError(f"cannot tell the format of {path}; end its name with .parquet, .csv or .csv.gz")


def _turnover(edges: pl.DataFrame) -> tuple[pl.DataFrame, str]:
    """What each address sent and received, as far as it is known: values, or where they are none the number of transfers."""
    graph = read_transfers(edges)
    valued = graph.transfers["value"].is_not_null().any()
    amount = pl.col("value").fill_null(0.0) if valued else pl.lit(1.0)
    ends = [graph.transfers.select(amount.alias("amount"), at=side) for side in ("src", "dst")]
    held = pl.concat(ends).group_by("at").agg(pl.col("amount").sort().sum()).sort("at")
    sums = held.select("amount", address=graph.addresses.gather(held["at"]))
    return sums, "value sent and received" if valued else "transfers sent and received"


def _write(found: WalletClusters, concentration: pl.DataFrame, out: Path) -> tuple[Path, ...]:
    tables = {name: getattr(found, name) for name in _TABLES} | {"concentration": concentration}
    files = [out / f"{name}.parquet" for name in tables]
    for path, frame in zip(files, tables.values(), strict=True):
        write_frame(frame, path)
    page = out / "wallets.html"
    try:
        page.write_text(f"<!doctype html><meta charset='utf-8'><title>Wallets</title>{found.to_html()}\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {page}: {error.strerror or error}") from error
    return (*files, page)
