"""Best-level OFI and trade imbalance per bin as vectorised pandas does it: a shift of the quotes, a sum by time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from counterpoise.market.event import QUOTE, TRADE, Events
from counterpoise.market.instrument import Instrument


class PandasFlow:
    """Tables of quotes (both sides of a message in a row) and trades, made ready beforehand, and the job on them."""

    def __init__(self, events: Events, *, every_ns: int) -> None:
        self.every_ns = every_ns
        bids, asks = ((events.kind == QUOTE) & (events.side == side) for side in (1, -1))
        if not np.array_equal(events.ts_local[bids], events.ts_local[asks]):
            raise SystemExit("a quote of one side has no other side: pandas' table of quotes cannot be made")
        quotes = {"ts": events.ts_local[bids]}
        for name, rows in (("bid", bids), ("ask", asks)):
            quotes |= {name: events.price_ticks[rows], f"{name}_qty": events.qty_lots[rows].astype(float)}
        trades = events.kind == TRADE
        self.quotes = pd.DataFrame(quotes)
        self.trades = pd.DataFrame(
            {"ts": events.ts_local[trades], "signed": (events.side[trades] * events.qty_lots[trades]).astype(float)}
        )

    def run(self) -> pd.DataFrame:
        """Lots by the end of the bin: ofi, trade_imbalance, cvd."""
        now, before = self.quotes, self.quotes.shift()
        bought = now["bid_qty"].where(now["bid"] >= before["bid"], 0) - before["bid_qty"].where(now["bid"] <= before["bid"], 0)
        sold = now["ask_qty"].where(now["ask"] <= before["ask"], 0) - before["ask_qty"].where(now["ask"] >= before["ask"], 0)
        out = pd.DataFrame(
            {
                "ofi": (bought - sold).groupby(self._ends(now)).sum(),
                "trade_imbalance": self.trades["signed"].groupby(self._ends(self.trades)).sum(),
            }
        ).fillna(0)
        out["cvd"] = out["trade_imbalance"].cumsum()
        return out

    def _ends(self, table: pd.DataFrame) -> Any:
        return (table["ts"] // self.every_ns + 1) * self.every_ns

    def agreement(self, ours: pl.DataFrame, instrument: Instrument) -> str:
        """In how many bins both find the same, to the lot, of those in which something happened and ours is not null."""
        held = ours.filter(pl.col("ofi").is_not_null() & pl.col("cvd").is_not_null()).with_columns(pl.col("ts").dt.epoch("ns"))
        theirs = self.run()
        theirs = theirs[theirs.index.isin(held["ts"])]
        held = held.filter(pl.col("ts").is_in(theirs.index.to_list()))
        said = []
        for column in theirs.columns:
            lots = np.rint(held[column].to_numpy() / instrument.flow_grid.size)
            said.append(f"{column} {int((lots == theirs[column].to_numpy()).sum())}")
        return f"of {len(theirs)} bins the same in {', '.join(said)}"
