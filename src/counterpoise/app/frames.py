"""Tables of a run in prices and quantities, and the samples of depth for its picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from counterpoise.app.panels import PANEL_FRAMES
from counterpoise.market.instrument import Instrument
from counterpoise.runtime.session import SessionResult
from counterpoise.sim.agents.venue import AgentVenue
from counterpoise.sim.replay.venue import FillContext, SimVenue

__all__ = ["DepthPicture", "RunFrames", "run_frames"]

_ROW_BPS: Final = 0.5  # height of a row of the depth picture
_ROWS: Final = 48  # rows around mid
_COLUMNS: Final = 400  # at most, over the whole run


@dataclass(frozen=True, slots=True)
class RunFrames:
    """Tables of a run, as they are written beside the report. Times are UTC, prices in quote, quantities in the venue's unit.

    Attributes
    ----------
    flow : DataFrame
        Measures per bin of the market as recorded, see `counterpoise.flow.measures.Measures`.
    steps : DataFrame
        One row a decision: ts, bid and ask as shown to us, state, target_qty, filled_qty, live_qty, and market_qty, which
        others traded since the start.
    fills : DataFrame
        ts, client_id, side (±1), price, qty, fee [settle], maker; mid just before as shown, market_mid without our impact.
    orders : DataFrame
        Children in the order they were sent: ts, client_id, side (±1), price, qty, time_in_force.
    depth : DataFrame
        Samples of the book as shown: ts, price (lower edge of a row), signed_qty (bids up, asks down), row_price (its height).
    panels : dict of DataFrame
        What the report's panels about the market show, see `counterpoise.app.panels.panel_frames`.
    """

    flow: pl.DataFrame
    steps: pl.DataFrame
    fills: pl.DataFrame
    orders: pl.DataFrame
    depth: pl.DataFrame
    panels: dict[str, pl.DataFrame]

    def write(self, folder: Path) -> None:
        """One file a frame; those of panels that an earlier run had and this one has not are taken away."""
        own: dict[str, pl.DataFrame] = {name: getattr(self, name) for name in ("flow", "steps", "fills", "orders", "depth")}
        for name, frame in (own | self.panels).items():
            frame.write_parquet(folder / f"{name}.parquet")
        for name in {name for names in PANEL_FRAMES.values() for name in names} - set(self.panels):
            (folder / f"{name}.parquet").unlink(missing_ok=True)


class DepthPicture:
    """Samples of the depth around mid, for the heat map."""

    def __init__(self, venue: SimVenue | AgentVenue, instrument: Instrument, *, at_least_ns: int) -> None:
        first, last = venue.span_ns
        self._venue, self._instrument = venue, instrument
        self._every_ns = max((last - first) // _COLUMNS, at_least_ns)
        self._next_ns = 0
        self._row_ticks = 0
        self.samples: list[tuple[int, float, float]] = []

    def __call__(self, ts_ns: int) -> None:
        top = self._venue.top(self._instrument.id)
        if ts_ns < self._next_ns or not top.bid_ticks or not top.ask_ticks:
            return
        self._next_ns = (ts_ns // self._every_ns + 1) * self._every_ns
        mid = (top.bid_ticks + top.ask_ticks) / 2
        self._row_ticks = self._row_ticks or max(1, round(mid * _ROW_BPS * 1e-4))
        first = int(mid) // self._row_ticks - _ROWS // 2
        edges = self._row_ticks * (first + np.arange(_ROWS + 1, dtype=np.int64))
        lots = self._venue.depth_rows(self._instrument.id, edges)
        price, qty = self._instrument.price_grid, self._instrument.qty_grid
        for low, depth in zip(price.values(edges[:-1]), qty.values(lots), strict=True):
            self.samples.append((ts_ns, float(low), float(depth)))

    @property
    def row_price(self) -> float:
        """Height of a row [quote]."""
        return self._instrument.price(self._row_ticks)


def run_frames(
    result: SessionResult,
    instrument: Instrument,
    contexts: Sequence[FillContext],
    picture: DepthPicture,
    panels: dict[str, pl.DataFrame],
) -> RunFrames:
    """Tables of a session in prices and quantities, times as UTC."""
    price, qty = instrument.price_grid, instrument.qty_grid
    time = pl.Datetime("ns", "UTC")
    steps = result.steps.select(
        pl.col("ts").cast(time),
        *(
            pl.when(pl.col(f"{side}_ticks") > 0).then(pl.col(f"{side}_ticks") * price.size).alias(side)
            for side in ("bid", "ask")
        ),
        "state",
        *((pl.col(f"{name}_lots").abs() * qty.size).alias(f"{name}_qty") for name in ("target", "filled", "live", "market")),
    )
    mids = {(c.client_id, c.ts_ns): c for c in contexts}
    fills = pl.DataFrame(
        [
            (
                f.ts_ns,
                f.client_id,
                f.side,
                price.value(f.price_ticks),
                qty.value(f.qty_lots),
                f.fee,
                f.maker,
                mids[f.client_id, f.ts_ns].shown_mid_ticks * price.size,
                mids[f.client_id, f.ts_ns].recorded_mid_ticks * price.size,
            )
            for f in result.fills
        ],
        schema={
            "ts": pl.Int64,
            "client_id": pl.String,
            "side": pl.Int64,
            "price": pl.Float64,
            "qty": pl.Float64,
            "fee": pl.Float64,
            "maker": pl.Boolean,
            "mid": pl.Float64,
            "market_mid": pl.Float64,
        },
        orient="row",
    ).with_columns(pl.col("ts").cast(time))
    orders = pl.DataFrame(
        [
            (ts, o.client_id, o.side, price.value(o.price_ticks), qty.value(o.qty_lots), str(o.time_in_force))
            for ts, o in result.orders
        ],
        schema={
            "ts": pl.Int64,
            "client_id": pl.String,
            "side": pl.Int64,
            "price": pl.Float64,
            "qty": pl.Float64,
            "time_in_force": pl.String,
        },
        orient="row",
    ).with_columns(pl.col("ts").cast(time))
    depth = pl.DataFrame(
        picture.samples, schema={"ts": pl.Int64, "price": pl.Float64, "signed_qty": pl.Float64}, orient="row"
    ).with_columns(pl.col("ts").cast(time), row_price=pl.lit(picture.row_price))
    return RunFrames(result.measures[instrument.id], steps, fills, orders, depth, panels)
