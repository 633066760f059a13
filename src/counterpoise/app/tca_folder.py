"""A finished run as `counterpoise run` left it: its tables, terms and what its journal says became of each order."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import polars as pl

from counterpoise.adapters.journal_file import read_journal
from counterpoise.balance.tca.benchmarks import Market
from counterpoise.core.arrays import Float1D, Int1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import OrderState, OrderUpdate
from counterpoise.runtime.journal import VenueSaid, decode

__all__ = ["RunFolder", "read_run"]

_TABLES = ("fills", "orders", "steps", "flow")


class RunFolder(NamedTuple):
    """What one run left.

    Attributes
    ----------
    name : str
        Of the folder.
    instrument : Instrument
    summary, config : dict
        Contents of ``results.json`` and ``config.json``.
    fills, orders, steps, flow : DataFrame
        As `counterpoise.app.frames.RunFrames`; orders with the last ``state`` the journal knows.
    """

    name: str
    instrument: Instrument
    summary: dict[str, Any]
    config: dict[str, Any]
    fills: pl.DataFrame
    orders: pl.DataFrame
    steps: pl.DataFrame
    flow: pl.DataFrame

    @property
    def side(self) -> int:
        return 1 if self.summary["side"] == "buy" else -1

    @property
    def span_ns(self) -> tuple[int, int]:
        """When the parent began and ended."""
        return int(self.summary["start_ns"]), int(self.summary["end_ns"])

    @property
    def unit(self) -> float:
        """Base (inverse: quote) of one venue unit."""
        return float(self.instrument.multiplier)

    @property
    def mids(self) -> tuple[Int1D, Float1D]:
        """Times and mids as shown to us, where both sides stood and the book was in order."""
        sound = self.steps.filter((pl.col("state") == "SYNCED") & pl.col("bid").is_not_null() & pl.col("ask").is_not_null())
        mid = sound.select((pl.col("bid") + pl.col("ask")) / 2).to_series()
        return sound["ts"].cast(pl.Int64).to_numpy(), mid.to_numpy()

    @property
    def market(self) -> Market:
        """What others traded, bin by bin: at the bin's mean price, of an inverse contract at its mid."""
        qty, value = pl.col("buy_qty") + pl.col("sell_qty"), pl.col("buy_notional") + pl.col("sell_notional")
        price = pl.col("mid") if self.instrument.inverse else value / qty
        bins = self.flow.select("ts", price=price, qty=qty * (self.unit if self.instrument.inverse else 1.0))
        bins = bins.filter((pl.col("qty") > 0) & pl.col("price").is_finite())
        # a bin is stamped with its end, which is exclusive; what it holds lies just before
        return Market(bins["ts"].cast(pl.Int64).to_numpy() - 1, bins["price"].to_numpy(), bins["qty"].to_numpy(), *self.mids)

    @property
    def others(self) -> tuple[Int1D, Float1D]:
        """When, by decision times, others traded how much [venue unit] since the parent began."""
        total = self.steps["market_qty"].to_numpy()
        return self.steps["ts"].cast(pl.Int64).to_numpy() - 1, np.maximum(np.diff(total, prepend=0.0), 0.0)


def read_run(folder: Path) -> RunFolder:
    """Read a run's folder.

    Raises
    ------
    InputError
        If it is no folder of a finished run.
    DataError
        If a file of it cannot be read.
    """
    names = ("results.json", "config.json", "instrument.json", "journal.log", *(f"{name}.parquet" for name in _TABLES))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {', '.join(missing)}; give the folder that 'counterpoise run --out' wrote")
    try:
        summary, config = (msgspec.json.decode((folder / f"{name}.json").read_bytes()) for name in ("results", "config"))
        instrument = msgspec.json.decode((folder / "instrument.json").read_bytes(), type=Instrument)
        tables = {name: pl.read_parquet(folder / f"{name}.parquet") for name in _TABLES}
    except (msgspec.DecodeError, pl.exceptions.PolarsError) as error:
        raise DataError(f"a file of {folder} cannot be read ({error}); run it again") from error
    said = [(name, str(state)) for name, state in _states(folder / "journal.log").items()]
    states = pl.DataFrame(said, schema={"client_id": pl.String, "state": pl.String}, orient="row")
    tables["orders"] = tables["orders"].join(states, on="client_id", how="left", maintain_order="left")
    return RunFolder(folder.resolve().name, instrument, summary, config, **tables)


def _states(journal: Path) -> dict[str, OrderState]:
    """Last state of each order, as the venue told it."""
    found: dict[str, OrderState] = {}
    for number, line in enumerate(read_journal(journal), 1):
        record = decode(line, source=str(journal), number=number)
        if isinstance(record, VenueSaid) and isinstance(record.event, OrderUpdate):
            before = found.get(record.event.client_id)
            if before is None or before.live:  # what ended stays ended
                found[record.event.client_id] = record.event.state
    return found
