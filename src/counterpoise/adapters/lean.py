"""QuantConnect Lean equity ticks, zip or plain: quotes and trades of one day.

Times are ms after midnight in New York, the date stands in the file's name, prices are ×10⁴. A quote speaks of one side at a
time and for one exchange; quotes of several exchanges mixed are not a book, so one exchange is kept. The files hold one clock:
`ts_local` is `ts_venue`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from counterpoise.adapters.reader import Batch, Reader, ReadReport
from counterpoise.adapters.recording import Recording
from counterpoise.adapters.session import date_in_name, new_york_midnight
from counterpoise.adapters.text import Check, FieldType, Layout, Lines, read_lines, sift
from counterpoise.adapters.ticks import (
    MessageCount,
    QuoteSide,
    order_check,
    price_checks,
    qty_checks,
    quote_frame,
    steps,
    tick_frame,
)
from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import UnknownName
from counterpoise.core.units import DAY_NS, MS_NS
from counterpoise.market.event import TRADE
from counterpoise.market.instrument import Instrument

__all__ = ["LEAN_KINDS", "LEAN_LOT", "LEAN_TICK", "read_lean"]

LEAN_KINDS: Final = ("quote", "trade")
LEAN_TICK: Final = "0.0001"  # what the files can hold
LEAN_LOT: Final = "1"
_TAIL: Final[dict[str, FieldType]] = {"exchange": pl.String, "condition": pl.String, "suspicious": pl.Int64}
_SIDES: Final = (("bid_price", "bid_size"), ("ask_price", "ask_size"))
_LAYOUTS: Final = {
    "quote": Layout(
        {"time": pl.Int64, **{name: pl.Int64 for side in _SIDES for name in side}, **_TAIL}, frozenset({"condition"})
    ),
    "trade": Layout({"time": pl.Int64, "price": pl.Int64, "size": pl.Int64, **_TAIL}, frozenset({"condition"})),
}


def read_lean(
    path: Path, *, kind: str, instrument: Instrument, exchange: str = "N", date: str = "", max_bad: int = 0
) -> Reader:
    """Open a Lean file of equity ticks.

    Parameters
    ----------
    path : Path
    kind : {"quote", "trade"}
    instrument : Instrument
        `LEAN_TICK` and `LEAN_LOT` are the finest grid of the format.
    exchange : str
        The one that is kept, as the file writes it; "" keeps all.
    date : str
        ISO date; taken from the file's name when empty.
    max_bad : int
        Bad records allowed.

    Returns
    -------
    Reader
        Table quote or trade; trades have no aggressor, their side is 0.

    Raises
    ------
    InputError
        If no date is given and the name holds none.
    UnknownName
        If there is no such kind.
    """
    if kind not in LEAN_KINDS:
        raise UnknownName("Lean kind", kind, LEAN_KINDS)
    midnight = new_york_midnight(date or date_in_name(path))
    layout = _LAYOUTS[kind]

    def batches(report: ReadReport) -> Iterator[Batch]:
        count, latest = MessageCount(), 0
        for lines in read_lines(path, report, layout_of=lambda _: (layout, False)):
            good = sift(lines, _checks(lines.frame, kind, instrument, latest), path=path, report=report)
            latest = max(latest, int(good.frame["time"].max() or 0))  # type: ignore[arg-type]
            kept = _kept(good, exchange, report)
            ts = midnight + kept["time"].to_numpy() * MS_NS
            frame = _quotes(kept, ts, count, instrument) if kind == "quote" else _trades(kept, ts, count, instrument)
            yield Batch(instrument, kind, frame)

    return Recording(batches, name=str(path), max_bad=max_bad)


def _checks(frame: pl.DataFrame, kind: str, instrument: Instrument, latest: int) -> list[Check]:
    time = frame["time"].to_numpy()
    sane = (time >= 0) & (time < DAY_NS // MS_NS)
    checks = [Check("time", ~sane, "ms after midnight"), order_check("time", time, sane=sane, latest=latest)]
    flag = frame["suspicious"].to_numpy()
    checks.append(Check("suspicious", (flag != 0) & (flag != 1), "0 or 1"))
    if kind == "trade":
        return checks + price_checks("price", _price(frame, "price"), instrument) + _size_checks(frame, "size", instrument)
    for price, size in _SIDES:
        values, absent = _price(frame, price), frame[price].to_numpy() == 0
        checks += [check._replace(bad=check.bad & ~absent) for check in price_checks(price, values, instrument)]
        checks += _size_checks(frame, size, instrument)
    return checks


def _size_checks(frame: pl.DataFrame, name: str, instrument: Instrument) -> list[Check]:
    return qty_checks(name, frame[name].to_numpy().astype(np.float64), instrument)


def _price(frame: pl.DataFrame, name: str) -> Float1D:
    return frame[name].to_numpy() / 1e4


def _kept(lines: Lines, exchange: str, report: ReadReport) -> pl.DataFrame:
    """Rows of the exchange that are not suspicious and say something."""
    frame = lines.frame
    if exchange:
        frame = _without(frame, (frame["exchange"] != exchange).to_numpy(), "other exchange", report)
    frame = _without(frame, frame["suspicious"].to_numpy() == 1, "suspicious", report)
    if "bid_price" in frame.columns:
        silent = ~np.logical_or(*(_given(frame, *side) for side in _SIDES))
        frame = _without(frame, silent, "quote without a side", report)
    return frame


def _without(frame: pl.DataFrame, out: Bool1D, reason: str, report: ReadReport) -> pl.DataFrame:
    report.drop(reason, int(out.sum()))
    return frame.filter(~out)


def _given(frame: pl.DataFrame, price: str, size: str) -> Bool1D:
    """A side with zero price or size is not spoken of."""
    return np.asarray((frame[price].to_numpy() > 0) & (frame[size].to_numpy() > 0))


def _quotes(frame: pl.DataFrame, ts: Int1D, count: MessageCount, instrument: Instrument) -> pl.DataFrame:
    bid, ask = (
        QuoteSide(_price(frame, price), frame[size].to_numpy().astype(np.float64), _given(frame, price, size))
        for price, size in _SIDES
    )
    seq, _ = count.number(np.ones(len(ts), np.bool_))
    return quote_frame(bid, ask, ts_local=ts, ts_venue=ts, seq=seq, instrument=instrument)


def _trades(frame: pl.DataFrame, ts: Int1D, count: MessageCount, instrument: Instrument) -> pl.DataFrame:
    seq, flags = count.number(np.ones(len(ts), np.bool_))
    return tick_frame(
        ts_local=ts,
        ts_venue=ts,
        seq=seq,
        flags=flags,
        kind=TRADE,
        side=0,
        price_ticks=steps(_price(frame, "price"), instrument.price_grid),
        qty_lots=steps(frame["size"].to_numpy().astype(np.float64), instrument.qty_grid),
    )
