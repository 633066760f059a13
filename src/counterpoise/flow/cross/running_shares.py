"""Where the price is found, as it goes on: information shares and component shares over a window of the recent past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float2D, Int2D
from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.core.units import format_time
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.vecm import ROWS_PER_COEFFICIENT, Moments, Vecm, moments_of, shares_of
from counterpoise.flow.kernels import cross_moments as k
from counterpoise.flow.kernels.tables import CODE, OPENS, TOLD, TS
from counterpoise.flow.tables import Field, Table, TableStream

__all__ = ["GROUPS", "MOST_VENUES", "RunningShares"]

MOST_VENUES: Final = 6  # 720 orderings

GROUPS: Final = (
    Group(
        "running_shares",
        "share of each venue in the finding of a common price, over a window that goes along",
        "RunningShares",
        ("bins",),
        (
            Column("ts_local", "ns", "the last grid point of the window"),
            Column("since", "ns", "its first"),
            Column("n", "count", "grid points used"),
            Column("venue", "1", "column of prices"),
            Column("share_low", "1", "information share, least over orderings"),
            Column("share_high", "1", "largest over orderings"),
            Column("share", "1", "mean over orderings"),
            Column("component_share", "1", "weight of the venue's price in the common one; may lie outside [0, 1]"),
            Column("residual_correlation", "1", "largest absolute correlation of residuals of two venues"),
            Column("half_life_steps", "count", "grid steps until half of the slowest gap is closed; infinite when it never is"),
        ),
        "Hasbrouck (1995), Journal of Finance 50; Gonzalo, Granger (1995)",
    ),
)


class RunningShares(TableStream):
    """Shares of venues in price discovery over a window of whole blocks: the estimator of
    `counterpoise.flow.cross.information.information_shares`, held as running cross moments.

    Table ``prices``: ``ts`` on an even grid, and a column of prices for each venue, as
    `counterpoise.flow.cross.best_quotes.prices_on_grid` gives it; null where a venue's book was not in order. A grid point that
    is left out is a hole, as a null is.

    Parameters
    ----------
    venues : sequence of str
        Columns of 2 to 6 venues.
    every_ns : int
        Step of the grid.
    lags : int
        Lagged differences. BIC on a sample chooses them (`information_shares`).
    block : int
        Grid points of a block. Each block that is full tells a row for each venue.
    blocks : int
        Whole blocks of the window; the block that is open comes on top. A number that is never reached makes it expand.

    Raises
    ------
    InputError
        If there are not 2 to 6 venues, or a number is not positive (`lags` may be 0).

    Notes
    -----
    Columns are those of `GROUPS`; shares are null where the window holds fewer than ten grid points a coefficient, two venues
    are the same, or none adjusts. A window is the same to the last bit as the batch form over its prices in blocks of that
    size, since both pool the same blocks. It is counted in grid points that are known, so behind a hole it reaches further
    back: see ``since``.

    Causal. O(k² lags²) a grid point; a row costs that times `blocks`, and the orderings. Memory is `blocks` times
    O(k² lags²) words.

    References
    ----------
    Hasbrouck (1995), doi:10.1111/j.1540-6261.1995.tb04054.x. Gonzalo, Granger (1995), doi:10.1080/07350015.1995.10524576.
    Chan, Golub, LeVeque (1983), doi:10.1080/00031305.1983.10483115: pooling of moments.
    """

    rows = staticmethod(k.moment_rows)

    def __init__(self, venues: Sequence[str], *, every_ns: int, lags: int, block: int, blocks: int, told: bool = True) -> None:
        if not 2 <= len(venues) <= MOST_VENUES or len(set(venues)) < len(venues):
            raise InputError(f"give 2 to {MOST_VENUES} venues, each once, found {', '.join(venues) or 'none'}")
        if lags < 0:
            raise InputError(f"lags are 0 or more, found {lags}")
        if min(every_ns, block, blocks) <= 0:
            raise InputError(f"the grid's step, block and blocks must be positive, found {every_ns} ns, {block}, {blocks}")
        count = len(venues)
        state = np.zeros(k.blocks_at(count, lags) + (blocks + 1) * k.block_size(count, lags), np.int64)
        state[k.LAST_TS] = k.NEVER
        fields = [Field(name, TOLD + i, "price") for i, name in enumerate(venues)]
        super().__init__(
            {"prices": Table(OPENS, "prices on a grid", (Field("ts", TS, "time"), *fields))},
            state=state,
            settings=np.array([count, lags, every_ns, block, blocks, not told], np.float64),
            width=k.POOLED + k.block_size(count, lags),
            row_width=TOLD + count,
        )
        self.venues, self.lags, self.every_ns, self._kept = tuple(venues), lags, every_ns, blocks
        self.numbers = k.numbers_of_row(count, lags)  # of a row of the regression

    def _words(self) -> str:
        return ", ".join(self.venues)

    def _look(self, rows: Int2D) -> None:
        ts = rows[rows[:, CODE] == OPENS, TS]
        last = int(self._state[k.LAST_TS])
        stamps = ts if last == k.NEVER else np.concatenate([[last], ts])
        steps = np.diff(stamps)
        wrong = np.flatnonzero((steps <= 0) | (steps % self.every_ns != 0))
        if len(wrong):
            raise DataError(
                f"ts must ascend on an even grid of {self.every_ns} ns; a step of {steps[wrong[0]]} stands before "
                f"{format_time(int(stamps[wrong[0] + 1]))}: sample again, say with 1 s bins"
            )

    def _begin(self, first_ns: int, last_ns: int) -> None:
        super()._begin(first_ns, last_ns)
        self._horizon = -(2**63)  # every step is looked at

    def _close(self) -> None:
        k.close_moments(self._state, self._settings, self._out)
        self._keep()

    @property
    def whole_blocks(self) -> int:
        """Whole blocks in the window."""
        return min(int(self._state[k.BLOCKS_DONE]), self._kept)

    def regression(self, frames: Mapping[str, pl.DataFrame]) -> Float2D:
        """Rows of the regression that prices would give behind what was taken; takes nothing."""
        rows = self._packed("prices", frames["prices"])
        out = np.empty((len(rows), self.numbers))
        return out[: k.regression_rows(self._state.copy(), self._settings, rows, out)]

    def blocks(self) -> Float2D:
        """Blocks of the window from the oldest on; the open one last, when it holds a row."""
        count, done = len(self.venues), int(self._state[k.BLOCKS_DONE])
        size, at = k.block_size(count, self.lags), k.blocks_at(count, self.lags)
        lies = self._state[at:].view(np.float64).reshape(-1, size)
        order = [1 + (done - self.whole_blocks + i) % self._kept for i in range(self.whole_blocks)]
        return lies[order + [0] * bool(self._state[k.OPEN_COUNT])].copy()

    def moments(self) -> Moments:
        """Moments of the whole window."""
        blocks = self.blocks()
        pooled = np.zeros(k.block_size(len(self.venues), self.lags))
        k.pool(blocks, np.ones(len(blocks)), self.numbers, pooled)
        return moments_of(pooled, venues=len(self.venues), lags=self.lags)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        count = len(self.venues)
        pooled = np.ascontiguousarray(rows[:, k.POOLED :]).view(np.float64)
        said = [self._said(moments_of(one, venues=count, lags=self.lags)) for one in pooled]
        told: dict[str, Any] = {
            "ts_local": np.repeat(rows[:, 0], count),
            "since": np.repeat(rows[:, k.POOLED + k.FIRST_TS], count),
            "n": np.repeat(real(rows, k.POOLED + k.COUNT).astype(np.int64), count),
            "venue": pl.Series(self.venues * len(rows), dtype=pl.String),
        }
        numbers = np.concatenate(said) if said else np.zeros((0, len(_SHARES)))
        told |= {name: numbers[:, i] for i, name in enumerate(_SHARES)}
        return pl.DataFrame(told, nan_to_null=True).with_columns(pl.col("ts_local", "since").cast(UTC_NS))

    def _said(self, moments: Moments) -> Float2D:
        """(k, 6) what a window says of each venue; NaN where it says nothing."""
        try:
            if moments.n < ROWS_PER_COEFFICIENT * (len(moments.mean) - moments.venues + 1):
                return np.full((moments.venues, len(_SHARES)), np.nan)
            model = Vecm.fit(moments)
            shares, component = shares_of(model)
        except NumericalError:
            return np.full((moments.venues, len(_SHARES)), np.nan)
        same = np.full(moments.venues, model.residual_correlation), np.full(moments.venues, model.half_life())
        return np.column_stack([shares.min(axis=0), shares.max(axis=0), shares.mean(axis=0), component, *same])


_SHARES: Final = ("share_low", "share_high", "share", "component_share", "residual_correlation", "half_life_steps")
