"""Stoikov's microprice: where the mid is expected to go from here, as far as imbalance and spread of the book can tell."""

from __future__ import annotations

from typing import Any, Final, NamedTuple, Self

import numpy as np
import polars as pl

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.errors import DataError, InputError
from counterpoise.flow.column import Column, Group
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Microprice"]

_CONVERGED: Final = 1e-9  # ticks
_MOST_TERMS: Final = 10_000
_SOURCE: Final = "Stoikov (2018), Quantitative Finance 18, doi 10.1080/14697688.2018.1489139"

GROUPS: Final = (
    Group(
        "stoikov",
        "the expected future mid, fitted on the past",
        "Microprice",
        ("quotes", "bins"),
        (Column("stoikov_microprice", "quote", "mid + G*(imbalance bucket, spread); null in a state never seen", "price"),),
        _SOURCE,
    ),
)


class Microprice(NamedTuple):
    """Adjustment of the mid by state of the book.

    Attributes
    ----------
    adjustment : (spreads, buckets) float64
        G* = Σ Bⁱ G¹ [ticks]: what the mid is expected to move, by spread of 1, 2, ... ticks and bucket of imbalance.
    observed : (spreads, buckets) float64
        Transitions seen from each state, of the data and their mirror image, so of each 1/2.
    terms : int
        Terms of the sum until a term was below 1e-9 ticks.

    Notes
    -----
    The state is (bucket of bid size / (bid size + ask size), spread in ticks). Over transitions from one sample to the next: Q
    those without a move of the mid, R¹K the mean move of those with one, R² their next state; G¹ = (I − Q)⁻¹R¹K,
    B = (I − Q)⁻¹R². Data are made symmetric by adding their mirror image, which makes the sum converge (Stoikov, section 3).
    """

    adjustment: Float2D
    observed: Float2D
    terms: int

    @classmethod
    def fit(cls, past: pl.DataFrame, instrument: Instrument, *, buckets: int = 11, spreads: int = 3) -> Self:
        """From samples of the book, one a row, at equal distances in time.

        Parameters
        ----------
        past : DataFrame
            ``mid`` and ``spread`` [quote], ``bid_qty`` and ``ask_qty``: bins of `counterpoise.flow.measures.Measures`, or one
            row a book message. A null breaks the chain of samples.
        buckets : int
            Of imbalance, equally wide; an odd number, so that an even book is its own mirror image.
        spreads : int
            Spreads of more ticks are left out, and counted by the difference of `observed` from the rows.

        Raises
        ------
        InputError
            If columns are missing or numbers not positive.
        DataError
            If there are fewer than 100 transitions, or the mid never moved.
        """
        if buckets < 3 or buckets % 2 == 0 or spreads < 1:
            raise InputError(f"a microprice wants 3, 5, ... buckets and 1 spread at least, found {buckets} and {spreads}")
        bucket, spread, mid = _states(past, instrument, buckets)
        held = (bucket >= 0) & (spread >= 1) & (spread <= spreads)
        both = held[:-1] & held[1:]
        if both.sum() < 100:
            raise DataError(f"a microprice wants 100 transitions between samples, found {int(both.sum())}; give more past")
        states = (spread - 1) * buckets + bucket
        mirror = (spread - 1) * buckets + (buckets - 1 - bucket)
        move = np.diff(mid)[both]
        if not move.any():
            raise DataError(f"the mid never moved over {int(both.sum())} samples: no microprice can be fitted")
        before = np.concatenate([states[:-1][both], mirror[:-1][both]])
        after = np.concatenate([states[1:][both], mirror[1:][both]])
        return cls._solve(before, after, np.concatenate([move, -move]), (spreads, buckets))

    @classmethod
    def _solve(cls, before: Int1D, after: Int1D, move: Float1D, shape: tuple[int, int]) -> Self:
        n = shape[0] * shape[1]
        seen = np.bincount(before, minlength=n)
        scale = np.maximum(seen, 1)[:, None]
        still = move == 0
        q, r2 = np.zeros((n, n)), np.zeros((n, n))
        np.add.at(q, (before[still], after[still]), 1)
        np.add.at(r2, (before[~still], after[~still]), 1)
        rk = np.bincount(before, weights=move, minlength=n)
        inverse = np.linalg.pinv(np.eye(n) - q / scale)
        g1, b = inverse @ (rk / scale[:, 0]), inverse @ (r2 / scale)
        total, term, terms = g1.copy(), g1, 1
        while np.abs(term).max() > _CONVERGED and terms < _MOST_TERMS:
            term = b @ term
            total += term
            terms += 1
        if terms == _MOST_TERMS:
            raise DataError("the microprice does not converge: some states lead nowhere; give more past or fewer buckets")
        total[seen == 0] = np.nan
        return cls(total.reshape(shape), seen.reshape(shape) / 2, terms)

    def apply(self, frame: pl.DataFrame, instrument: Instrument) -> pl.Series:
        """``stoikov_microprice`` of each row [quote]; null in a state never seen and at a spread wider than fitted."""
        spreads, buckets = self.adjustment.shape
        bucket, spread, mid = _states(frame, instrument, buckets)
        held = (bucket >= 0) & (spread >= 1) & (spread <= spreads)
        moved = np.full(frame.height, np.nan)
        moved[held] = self.adjustment[spread[held] - 1, bucket[held]]
        return pl.Series("stoikov_microprice", (mid + moved) * instrument.price_grid.size, nan_to_null=True)

    @property
    def frame(self) -> pl.DataFrame:
        """One row a state: ``spread_ticks``, ``imbalance_from``, ``imbalance_to``, ``adjustment_ticks``, ``observed``."""
        spreads, buckets = self.adjustment.shape
        edges = np.linspace(0, 1, buckets + 1)
        return pl.DataFrame(
            {
                "spread_ticks": np.repeat(np.arange(1, spreads + 1), buckets),
                "imbalance_from": np.tile(edges[:-1], spreads),
                "imbalance_to": np.tile(edges[1:], spreads),
                "adjustment_ticks": self.adjustment.ravel(),
                "observed": self.observed.ravel(),
            },
            nan_to_null=True,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, to keep; a state never seen is None."""
        rows = [[None if np.isnan(x) else float(x) for x in row] for row in self.adjustment]
        return {"adjustment_ticks": rows, "observed": self.observed.tolist(), "terms": self.terms}

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Self:
        """What `to_dict` gave."""
        try:
            adjustment = np.array([[np.nan if x is None else x for x in row] for row in kept["adjustment_ticks"]], np.float64)
            made = cls(adjustment, np.array(kept["observed"], np.float64), int(kept["terms"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"no microprice: {error}; give what to_dict() gave") from error
        if adjustment.ndim != 2 or adjustment.shape != made.observed.shape:
            raise InputError(f"a microprice wants two tables of one shape, found {adjustment.shape} and {made.observed.shape}")
        return made


def _states(frame: pl.DataFrame, instrument: Instrument, buckets: int) -> tuple[Int1D, Int1D, Float1D]:
    """Bucket of imbalance (−1 where null), spread [ticks], mid [ticks] of each row."""
    missing = [name for name in ("mid", "spread", "bid_qty", "ask_qty") if name not in frame.columns]
    if missing:
        raise InputError(f"a microprice needs columns mid, spread, bid_qty, ask_qty; missing: {', '.join(missing)}")
    columns = (frame[name].to_numpy().astype(np.float64) for name in ("mid", "spread", "bid_qty", "ask_qty"))
    mid, spread, bid, ask = columns
    tick = instrument.price_grid.size
    lots = [np.rint(np.nan_to_num(size) / instrument.flow_grid.size).astype(np.int64) for size in (bid, ask)]
    both = np.maximum(sum(lots), 1)
    sound = np.isfinite(mid) & np.isfinite(spread) & np.isfinite(bid + ask) & (sum(lots) > 0)
    up, down = (np.minimum(size * buckets // both, buckets - 1) for size in lots)
    # a share on an edge goes outward on either side, so that mirror images fall into mirrored buckets
    bucket = np.where(sound, np.where(lots[0] >= lots[1], up, buckets - 1 - down), -1)
    wide = np.where(sound, np.rint(np.nan_to_num(spread) / tick), 0).astype(np.int64)
    return bucket, wide, np.asarray(np.rint(2 * mid / tick) / 2, np.float64)
