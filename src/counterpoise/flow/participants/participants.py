"""Kinds of participants: mini-batch k-means over features of events, its labels kept from fit to fit, and flow by label.

A cluster is a kind of *event*, not a person, and has no name: the paper calls its three directional, opportunistic and
market-making, by how they traded afterwards. Nothing here knows that; look at `Participants.centres` before naming anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import AnyArray, Float1D, Float2D, Int1D
from counterpoise.core.errors import InputError, SchemaError
from counterpoise.core.units import SECOND_NS, format_time
from counterpoise.flow.bins import Bins
from counterpoise.flow.column import Column, Group
from counterpoise.flow.measures import measure
from counterpoise.flow.participants.centroids import (
    k_means,
    match_centroids,
    pool_moments,
    safe_spread,
    standardise,
    usual_size,
)
from counterpoise.flow.participants.event_features import FEATURES, event_features
from counterpoise.market.event import Events
from counterpoise.market.instrument import Instrument

__all__ = ["GROUPS", "Match", "Participants"]

_PAPER: Final = "Zhang, Cucuringu, Shestopaloff, Zohren (2025), arXiv 2504.20349"
_LEAST_ROWS: Final = 100  # a cluster
_LARGE: Final = 0.99
_UNLABELLED: Final = -1
_ARRAYS: Final = ("scale", "mean", "spread", "centroids", "labels", "shares", "numbers")

GROUPS: Final = (
    Group(
        name="participants",
        says="order flow by cluster of events",
        made_by="Participants",
        needs=("depth", "trades", "bins"),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("ofi", "base", "best-level order flow of all", mirror="odd", size="linear"),
            Column("ofi_{label}", "base", "that of its events; with unlabelled it adds up", mirror="odd", size="free"),
            Column("events_{label}", "count", "its events", size="free"),
            Column("quality", "text", "worst state of the book in the bin"),
        ),
        source=_PAPER,
    ),
    Group(
        name="cluster_prints",
        says="trades as large as the largest hundredth of the past, by cluster",
        made_by="Participants",
        needs=("depth", "trades"),
        columns=(
            Column("ts_local", "ns", "when the print was heard"),
            Column("side", "1", "the aggressor's", mirror="odd"),
            Column("price", "quote", "of the print", mirror="price"),
            Column("qty", "base", "of the print", size="free"),
            Column("label", "1", "of the print's event; −1 when it has no features", size="free"),
            Column("net_qty", "base", "bought − sold by large prints of this label so far", mirror="odd", size="free"),
            Column("quality", "1", "state of the book when it was heard"),
        ),
        source=_PAPER,
    ),
)


@dataclass(frozen=True, slots=True)
class Match:
    """How labels were carried over from one fit to the next.

    Attributes
    ----------
    frame : pl.DataFrame
        One row a cluster of the new fit: ``label``, ``distance`` to the centroid it was matched with [standard deviations of
        the new scaler; null for a new label], ``new``.
    lost : (m,) int64
        Labels of the old fit that none took over.
    """

    frame: pl.DataFrame
    lost: Int1D


@dataclass(frozen=True, slots=True, eq=False)
class Participants:
    """A fit. Make one with `Participants.fit`; it does not change, `refit` gives another.

    Attributes
    ----------
    scale : (6,) float64
        Median of each feature's positive values in the first fit, the unit of the logarithm: x becomes log(1 + x / scale).
    mean, spread : (6,) float64
        Of the logarithms, over all rows ever fitted.
    centroids : (k, 6) float64
        In standard deviations, in order of label.
    labels : (k,) int64
    shares : (k,) float64
        Of the rows of the last fit.
    numbers : (5,) int64
        Rows ever fitted, ts_local of the last of them [ns UTC], next new label, seed, clusters asked for.
    large_qty : float
        The .99 quantile of the sizes of trades in the last fit; a print of this or more is large. NaN when there was no trade.
    """

    scale: Float1D
    mean: Float1D
    spread: Float1D
    centroids: Float2D
    labels: Int1D
    shares: Float1D
    numbers: Int1D
    large_qty: float

    @classmethod
    def fit(cls, features: pl.DataFrame, *, clusters: int = 3, seed: int = 0) -> Participants:
        """Fit to features of the past; labels are in order of share, largest first.

        Parameters
        ----------
        features : pl.DataFrame
            As `counterpoise.flow.event_features.event_features` gives them; rows with a null feature are left out.
        clusters : int
            The paper has three.
        seed : int
            Of k-means++; the same seed gives the same bytes.

        Raises
        ------
        InputError
            If scikit-learn is not installed, or there are fewer than 100 rows a cluster.
        SchemaError
            If a feature is missing.

        Notes
        -----
        O(rows).

        References
        ----------
        Sculley (2010), doi:10.1145/1772690.1772862: mini-batch k-means. Arthur, Vassilvitskii (2007): k-means++.
        """
        raw = _raw(features)
        _require_rows(raw, clusters)
        scale = np.array([usual_size(column) for column in raw.T])
        logs = np.log1p(raw / scale)
        mean, spread = logs.mean(axis=0), logs.std(axis=0)
        centroids, counts = k_means(standardise(logs, mean, spread), clusters=clusters, seed=seed)
        order = np.argsort(-counts, kind="stable")
        return cls(
            scale,
            mean,
            spread,
            centroids[order],
            np.arange(clusters, dtype=np.int64),
            counts[order] / counts.sum(),
            np.array([len(raw), _last(features), clusters, seed, clusters], np.int64),
            _large(features),
        )

    def refit(
        self, features: pl.DataFrame, *, warm: bool = True, clusters: int | None = None, farthest: float = 2.0
    ) -> tuple[Participants, Match]:
        """Fit to later features; what was learned of the scale is kept, and labels stay with what is nearest.

        Parameters
        ----------
        features : pl.DataFrame
            Later than all that was fitted before.
        warm : bool
            Whether to go on from the old centroids, else begin anew.
        clusters : int, optional
            Another number of clusters; begins anew.
        farthest : float
            A new centroid farther than this from every free old one gets a new label [standard deviations].

        Notes
        -----
        Means and spreads of the scaler are those of all rows ever fitted, by Chan's rule; old centroids are carried into the
        new scale. Old and new centroids are matched so that the distances are least in sum (Hungarian method).
        """
        raw = _raw(features)
        clusters = int(self.numbers[4]) if clusters is None else clusters
        _require_rows(raw, clusters)
        if _first(features) <= self.numbers[1]:
            raise InputError(
                f"features begin at {format_time(_first(features))}, but up to {format_time(int(self.numbers[1]))} all was "
                "fitted; give later ones"
            )
        logs = np.log1p(raw / self.scale)
        mean, spread = pool_moments(self.mean, self.spread, int(self.numbers[0]), logs)
        old = (self.centroids * self.spread + self.mean - mean) / safe_spread(spread)
        start = old if warm and clusters == len(old) else None
        points = standardise(logs, mean, spread)
        centroids, counts = k_means(points, clusters=clusters, seed=int(self.numbers[3]), start=start)
        labels, distances, fresh = match_centroids(old, centroids, self.labels, fresh=int(self.numbers[2]), farthest=farthest)
        order = np.argsort(labels, kind="stable")
        after = Participants(
            self.scale,
            mean,
            spread,
            centroids[order],
            labels[order],
            counts[order] / counts.sum(),
            np.array([self.numbers[0] + len(raw), _last(features), fresh, self.numbers[3], clusters], np.int64),
            _large(features),
        )
        frame = pl.DataFrame(
            {"label": labels[order], "distance": distances[order], "new": np.isnan(distances[order])}, nan_to_null=True
        )
        return after, Match(frame, np.setdiff1d(self.labels, labels))

    # use

    def label(self, features: pl.DataFrame, *, in_sample: bool = False) -> pl.Series:
        """Label of each event; −1 without features, and for events that the fit has seen unless `in_sample`.

        Labelling what was fitted looks ahead: an early event would be told apart by what later ones did.
        """
        raw = features.select(pl.col(FEATURES).cast(pl.Float64).fill_null(np.nan)).to_numpy()
        known = ~np.isnan(raw).any(axis=1)
        if not in_sample:
            known &= features["ts_local"].dt.epoch("ns").to_numpy() > self.numbers[1]
        out = np.full(len(raw), _UNLABELLED, np.int64)
        points = standardise(np.log1p(raw[known] / self.scale), self.mean, self.spread)
        far = np.empty((len(points), len(self.labels)))
        for i, centroid in enumerate(self.centroids):
            far[:, i] = ((points - centroid) ** 2).sum(axis=1)
        out[known] = self.labels[far.argmin(axis=1)]
        return pl.Series("label", out)

    def assign(
        self, events: Events, instrument: Instrument, *, stale_ns: int = 10 * SECOND_NS, in_sample: bool = False
    ) -> pl.DataFrame:
        """Events with their features and a ``label`` each; the book is built from these events alone."""
        features = event_features(events, instrument, stale_ns=stale_ns)
        return features.with_columns(self.label(features, in_sample=in_sample))

    def ofi(
        self,
        events: Events,
        instrument: Instrument,
        *,
        every_ns: int,
        stale_ns: int = 10 * SECOND_NS,
        in_sample: bool = False,
    ) -> pl.DataFrame:
        """Order flow of each label per bin of time; null where `measure`'s is.

        Notes
        -----
        In lots the labels and the unlabelled add up to ``ofi``, which is `measure`'s to the last bit.
        """
        bins = Bins.every(every_ns)
        whole = measure(events, instrument, bins=bins, bands_bps=(1.0,), values=(), stale_ns=stale_ns)
        whole = whole.select("ts", "ofi", "quality")
        rows = self.assign(events, instrument, stale_ns=stale_ns, in_sample=in_sample)
        grid = instrument.flow_grid
        end = (rows["ts_local"].dt.epoch("ns") // every_ns + 1) * every_ns
        rows = rows.with_columns(ts=end.cast(whole.schema["ts"]), lots=(pl.col("ofi") / grid.size).round().cast(pl.Int64))
        names = {int(label): str(label) for label in self.labels} | {_UNLABELLED: "unlabelled"}
        sums = rows.group_by("ts").agg(
            *(pl.col("lots").filter(label=at).sum().alias(f"ofi_{name}") for at, name in names.items()),
            *((pl.col("label") == at).sum().cast(pl.Int64).alias(f"events_{name}") for at, name in names.items()),
        )
        joined = whole.join(sums, on="ts", how="left", maintain_order="left")
        flows = [f"ofi_{name}" for name in names.values()]
        synced = pl.col("quality") == "SYNCED"
        return joined.with_columns(
            *(pl.Series(name, grid.values(joined[name].fill_null(0).to_numpy())) for name in flows),
            *(pl.col(f"events_{name}").fill_null(0) for name in names.values()),
        ).select(
            "ts", "ofi", *(pl.when(synced).then(n).alias(n) for n in flows), *(f"events_{n}" for n in names.values()), "quality"
        )

    def prints(
        self, events: Events, instrument: Instrument, *, stale_ns: int = 10 * SECOND_NS, in_sample: bool = False
    ) -> pl.DataFrame:
        """Large prints with their labels, and what those of each label have bought − sold so far."""
        if np.isnan(self.large_qty):
            raise InputError("the fit saw no trade, so no print is large; fit on events that hold trades")
        rows = self.assign(events, instrument, stale_ns=stale_ns, in_sample=in_sample)
        large = rows.filter((pl.col("event") == "trade") & (pl.col("qty") >= self.large_qty))
        lots = (pl.col("qty") / instrument.flow_grid.size).round().cast(pl.Int64) * pl.col("side")
        net = large.select(lots.cum_sum().over("label"))[:, 0].to_numpy()
        return large.select(
            "ts_local", "side", "price", "qty", "label", pl.Series("net_qty", instrument.flow_grid.values(net)), "quality"
        )

    def centres(self) -> pl.DataFrame:
        """Centroids in the features' own units (what the mean of the logarithms stands for), with ``label`` and ``share``."""
        raw = np.expm1(self.centroids * self.spread + self.mean) * self.scale
        return pl.DataFrame(
            {"label": self.labels, "share": self.shares, **{name: raw[:, i] for i, name in enumerate(FEATURES)}}
        )

    # memory

    def to_arrays(self) -> dict[str, AnyArray]:
        """All of the fit as plain arrays, for `numpy.savez` or whatever keeps arrays."""
        return {**{name: getattr(self, name).copy() for name in _ARRAYS}, "large_qty": np.array([self.large_qty])}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, AnyArray]) -> Participants:
        """The fit that `to_arrays` gave."""
        missing = [name for name in (*_ARRAYS, "large_qty") if name not in arrays]
        if missing:
            raise SchemaError(f"a fit needs arrays {', '.join((*_ARRAYS, 'large_qty'))}; missing {', '.join(missing)}")
        real = {name: np.array(arrays[name], np.float64) for name in (*_ARRAYS[:4], "shares", "large_qty")}
        whole = {name: np.array(arrays[name], np.int64) for name in ("labels", "numbers")}
        k = len(whole["labels"])
        shapes = {name: held.shape for name, held in (real | whole).items()}
        expected = {"centroids": (k, 6), "labels": (k,), "shares": (k,), "numbers": (5,), "large_qty": (1,)}
        expected |= dict.fromkeys(_ARRAYS[:3], (6,))
        if shapes != expected:
            raise SchemaError(f"arrays of a fit have shapes {shapes}, expected {expected}; give what to_arrays() gave")
        return cls(
            real["scale"],
            real["mean"],
            real["spread"],
            real["centroids"],
            whole["labels"],
            real["shares"],
            whole["numbers"],
            float(real["large_qty"][0]),
        )


def _raw(features: pl.DataFrame) -> Float2D:
    missing = [name for name in ("ts_local", "event", "qty", *FEATURES) if name not in features.columns]
    if missing:
        raise SchemaError(f"features lack {', '.join(missing)}; give what event_features() gives")
    return np.asarray(features.select(pl.col(FEATURES).cast(pl.Float64)).drop_nulls().to_numpy(), np.float64)


def _require_rows(raw: Float2D, clusters: int) -> None:
    if clusters < 2 or len(raw) < _LEAST_ROWS * clusters:
        raise InputError(
            f"{len(raw)} events with features for {clusters} clusters; expected two clusters or more and {_LEAST_ROWS} events "
            "for each; give a longer past"
        )


def _first(features: pl.DataFrame) -> int:
    return int(features["ts_local"].dt.epoch("ns")[0])


def _last(features: pl.DataFrame) -> int:
    return int(features["ts_local"].dt.epoch("ns")[-1])


def _large(features: pl.DataFrame) -> float:
    sizes = features.filter(pl.col("event") == "trade")["qty"]
    largest = sizes.quantile(_LARGE, interpolation="lower")
    return float("nan") if largest is None else float(largest)
