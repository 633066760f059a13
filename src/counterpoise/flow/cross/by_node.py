"""Flow of every instrument added up the granularity tree, in coins and in one currency."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import parse_decimal
from counterpoise.flow.cells import STATE_NAMES, UTC_NS, ratio
from counterpoise.flow.column import Column, Group
from counterpoise.flow.cross.additive import require_leaves
from counterpoise.flow.cross.rates import Rates, RateTable, value_before
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.quality import BookState
from counterpoise.market.symbol import parse_instrument
from counterpoise.market.tree import LEVELS, Tree, level_of

__all__ = ["GROUPS", "ON_MISSING", "OnMissing", "Weight", "by_node", "exact_sum"]

OnMissing = Literal["null", "leave_out"]
Weight = float | pl.DataFrame
ON_MISSING: Final = ("null", "leave_out")
_FLOWS: Final = ("signed", "volume", "ofi")
_NEEDED: Final = ("ts", "mid", "ofi", "buy_qty", "sell_qty", "quality")
_WORST: Final = BookState.GAPPED
_Leaf = dict[str, Float1D]


def by_node(
    tree: Tree,
    frames: Mapping[str, pl.DataFrame],
    *,
    instruments: Iterable[Instrument] = (),
    rates: RateTable = None,
    currency: str = "USD",
    weights: Mapping[str, Weight] | None = None,
    on_missing: OnMissing = "null",
    depth: tuple[str, str] | None = None,
    volatility_bins: int = 0,
) -> pl.DataFrame:
    """Signed flow, volume and OFI of every node of a tree, from the measures of its instruments.

    A linear quantity q is q coins and q · mid · rate dollars; of an inverse contract it is q · multiplier · rate dollars and
    those over its own mid coins. An option counts with its delta, at the mean mid of the token's other instruments.

    Parameters
    ----------
    tree : Tree
    frames : mapping of instrument id to frame
        With ``ts``, ``mid``, ``ofi``, ``buy_qty``, ``sell_qty``, ``quality`` as `counterpoise.flow.measures` gives them.
    instruments : iterable of Instrument, optional
        Contract terms; those not given are read from the id.
    rates, currency
        As `counterpoise.flow.cross.rates.Rates`; the columns ``*_usd`` are in `currency`.
    weights : mapping of instrument id to float or frame, optional
        Coins of the token per unit of the instrument, 1 when not given: the delta of an option, as a number or as a frame of
        ``ts`` and ``value`` that holds until its next row. Negative ones turn buying into selling.
    on_missing : {"null", "leave_out"}
        A node with a missing or unsound leaf is null, or the sum of the others; `coverage` says how many there were.
    depth : tuple of str, optional
        Columns of bid and ask quantity, in the unit of ``buy_qty``, for ``depth_usd`` and ``ofi_per_depth``.
    volatility_bins : int
        Past bins over which a leaf's volatility is taken for ``signed_risk_usd``; 0 leaves it out.

    Returns
    -------
    pl.DataFrame
        One row a bin and node: see `GROUPS`. Coins stand up to the token, above it they are null.

    Raises
    ------
    InputError
        If a frame lacks a column, a token holds instruments of several coins, an option has no weight, or rates are missing.
    UnknownName
        If a frame or weight is of no leaf of the tree.

    Notes
    -----
    Causal: a row depends on its own bin's row of each leaf, on the volatility of earlier bins, and on rates and weights given
    before its end. Sums are compensated (`exact_sum`), so a parent differs from the sum of its children by the rounding of
    each child only. O(bins · nodes · leaves).
    """
    require_leaves(tree, [*frames, *(weights or {})])
    if on_missing not in ON_MISSING:
        raise UnknownName("rule for what is missing", on_missing, ON_MISSING)
    terms = {instrument.id: instrument for instrument in instruments}
    terms = {leaf: terms.get(leaf) or parse_instrument(leaf) for leaf in frames}
    _require_one_coin(tree, terms)
    value = Rates(terms.values(), table=rates, currency=currency)
    ts = _times(frames)
    aligned = {leaf: _aligned(frame, leaf, ts, depth) for leaf, frame in frames.items()}
    coin_price = _coin_prices(tree, terms, aligned, value, ts)
    leaves = {}
    for leaf, columns in aligned.items():
        weight = _weight(terms[leaf], (weights or {}).get(leaf), ts)
        leaves[leaf] = _in_coins_and_dollars(
            terms[leaf], columns, value.at(terms[leaf].quote, ts), weight, coin_price.get(leaf)
        )
        if volatility_bins:
            leaves[leaf]["signed_risk_usd"] = leaves[leaf]["signed_usd"] * _volatility(columns["mid"], volatility_bins)
    nodes = [node for level in tree.levels().values() for node in level]
    sums = {node: _node(tree, node, leaves, ts, on_missing=on_missing) for node in nodes}
    _weigh_up(tree, sums)
    return pl.concat([_frame(node, ts, sums[node]) for node in nodes]).sort("ts", maintain_order=True)


def _require_one_coin(tree: Tree, terms: Mapping[str, Instrument]) -> None:
    for token in tree.levels().get("token", ()):
        coins = sorted({terms[leaf].base for leaf in tree.leaves(token) if leaf in terms})
        if len(coins) > 1:
            raise InputError(f"{token} holds instruments of {', '.join(coins)}, which do not add up; give each coin its token")


def _times(frames: Mapping[str, pl.DataFrame]) -> Int1D:
    """Every bin's end that stands in a frame."""
    found = [frame["ts"].dt.epoch("ns").to_numpy() for frame in frames.values() if "ts" in frame.columns]
    return np.unique(np.concatenate(found)).astype(np.int64) if found else np.zeros(0, np.int64)


def _aligned(frame: pl.DataFrame, leaf: str, ts: Int1D, depth: tuple[str, str] | None) -> _Leaf:
    """Columns of a frame at all the times; NaN and GAPPED where it has no row.

    Bins that several trades of one time end have equal times: their flows add up, the last price stands, the worst state.
    """
    needed = [*_NEEDED, *(depth or ())]
    missing = [name for name in needed if name not in frame.columns]
    if missing:
        raise InputError(f"the frame of {leaf} lacks {', '.join(missing)}; give what counterpoise.flow.measures makes")
    at = np.searchsorted(ts, frame["ts"].dt.epoch("ns").to_numpy())
    out = {}
    for name, column in zip(("mid", "ofi", "buy", "sell", "bid_depth", "ask_depth"), [*needed[1:5], *needed[6:]], strict=False):
        values = frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if name in ("ofi", "buy", "sell"):
            total = np.zeros(len(ts))
            np.add.at(total, at, values)
            values = total[at]
        out[name] = np.full(len(ts), np.nan)
        out[name][at] = values
    codes = {state.name: float(state) for state in BookState}
    out["quality"] = np.full(len(ts), -1.0)
    np.maximum.at(out["quality"], at, frame["quality"].replace_strict(codes, return_dtype=pl.Float64).to_numpy())
    out["quality"][out["quality"] < 0] = float(_WORST)
    return out


def _weight(instrument: Instrument, given: Weight | None, ts: Int1D) -> Float1D:
    if given is None and instrument.kind is InstrumentKind.OPTION:
        raise InputError(f"{instrument.id} is an option, its coins are its delta's; give weights={{{instrument.id!r}: delta}}")
    if isinstance(given, pl.DataFrame):
        return value_before(given, ts)
    return np.full(len(ts), 1.0 if given is None else float(given))


def _coin_prices(
    tree: Tree, terms: Mapping[str, Instrument], leaves: Mapping[str, _Leaf], rates: Rates, ts: Int1D
) -> dict[str, Float1D]:
    """Price of the coin for each option: mean of the sound mids of what else its token holds, in the common currency."""
    out = {}
    for leaf in (leaf for leaf in leaves if terms[leaf].kind is InstrumentKind.OPTION):
        others = [o for o in leaves if terms[o].base == terms[leaf].base and terms[o].kind is not InstrumentKind.OPTION]
        mids = [np.where(_sound(leaves[o]), leaves[o]["mid"] * rates.at(terms[o].quote, ts), np.nan) for o in others]
        held = np.array(mids).reshape(len(mids), len(ts))
        count = np.isfinite(held).sum(axis=0)
        out[leaf] = np.where(count > 0, np.nansum(held, axis=0) / np.maximum(count, 1), np.nan)
    return out


def _sound(leaf: _Leaf) -> Bool1D:
    return np.asarray(leaf["quality"] == BookState.SYNCED, np.bool_)


def _in_coins_and_dollars(
    instrument: Instrument, leaf: _Leaf, rate: Float1D, weight: Float1D, coin_price: Float1D | None
) -> _Leaf:
    """Flows of one leaf in both units; NaN where its book was not sound."""
    sound = _sound(leaf)
    buy, sell = np.where(weight < 0, leaf["sell"], leaf["buy"]), np.where(weight < 0, leaf["buy"], leaf["sell"])
    native = {"signed": buy - sell, "volume": buy + sell, "ofi": leaf["ofi"] * np.sign(weight)}
    if "bid_depth" in leaf:
        native["depth"] = leaf["bid_depth"] + leaf["ask_depth"]
    size = np.abs(weight)
    contract = float(parse_decimal(instrument.multiplier))
    price = leaf["mid"] * rate if coin_price is None else coin_price
    if coin_price is None:
        price = np.where(price > 0, price, np.nan)  # times a negative price, buying would be selling
    out = {"quality": leaf["quality"]}
    for name, qty in native.items():
        if instrument.inverse and coin_price is None:
            usd = qty * contract * rate * size
            coin = usd / price
        else:
            coin = qty * size
            usd = coin * price
        out[f"{name}_coin"], out[f"{name}_usd"] = np.where(sound, coin, np.nan), np.where(sound, usd, np.nan)
    return out


def _volatility(mid: Float1D, bins: int) -> Float1D:
    """Root mean square of the log changes of the `bins` bins before each; NaN until there are so many without a hole."""
    change = np.diff(np.log(np.where(mid > 0, mid, np.nan)), prepend=np.nan)
    past = pl.Series(change).fill_nan(None).pow(2).rolling_mean(bins, min_samples=bins).shift(1)
    return np.asarray(past.sqrt().fill_null(float("nan")).to_numpy(), np.float64)


def exact_sum(parts: Sequence[Float1D], length: int) -> Float1D:
    """Element by element sum of columns, each rounding kept and added at the end.

    References
    ----------
    Neumaier (1974), doi:10.1002/zamm.19740540106, algorithm IV.
    """
    total, lost = np.zeros(length), np.zeros(length)
    for part in parts:
        new = total + part
        lost += np.where(np.abs(total) >= np.abs(part), (total - new) + part, (part - new) + total)
        total = new
    return total + lost


def _node(tree: Tree, node: str, leaves: Mapping[str, _Leaf], ts: Int1D, *, on_missing: OnMissing) -> _Leaf:
    """Sums of one node over its leaves, and how many of them were sound."""
    below = tree.leaves(node)
    held = [leaves[leaf] for leaf in below if leaf in leaves]
    sound = [np.isfinite(leaf["signed_coin"] + leaf["signed_usd"] + leaf["ofi_usd"]) for leaf in held]
    count = np.sum(sound, axis=0) if sound else np.zeros(len(ts))
    whole = count == len(below) if on_missing == "null" else count > 0
    names = [name for name in (held[0] if held else {}) if name != "quality"]
    above_token = LEVELS.index(level_of(node)) < LEVELS.index("token")
    out = {"leaves": np.full(len(ts), len(below)), "sound": count, "coverage": count / len(below)}
    for name in names:
        total = exact_sum([np.where(ok, leaf[name], 0.0) for leaf, ok in zip(held, sound, strict=True)], len(ts))
        out[name] = np.where(whole & (not (above_token and name.endswith("_coin"))), total, np.nan)
    worst = np.full(len(ts), float(_WORST))
    if held and on_missing == "leave_out":
        used = [np.where(ok, leaf["quality"], -1.0) for leaf, ok in zip(held, sound, strict=True)]
        worst = np.where(count > 0, np.max(used, axis=0), worst)
    elif len(held) == len(below):
        worst = np.max([leaf["quality"] for leaf in held], axis=0)
    out["quality"] = worst
    return out


def _weigh_up(tree: Tree, sums: dict[str, _Leaf]) -> None:
    """Signed over total of each node, and the mean of its children's by the weights of the tree."""
    for node in reversed(sums):
        line = sums[node]
        if "signed_usd" not in line:
            continue
        line["imbalance"] = ratio(line["signed_usd"], line["volume_usd"])
        if "depth_usd" in line:
            line["ofi_per_depth"] = ratio(line["ofi_usd"], line["depth_usd"])
        children = [child for child in tree.children(node) if "imbalance_weighted" in sums[child]]
        line["imbalance_weighted"] = line["imbalance"].copy()
        if children:
            shares = [np.where(np.isfinite(sums[c]["imbalance_weighted"]), tree.weight(c), 0.0) for c in children]
            parts = [np.nan_to_num(sums[c]["imbalance_weighted"]) * share for c, share in zip(children, shares, strict=True)]
            mean = ratio(exact_sum(parts, len(line["sound"])), np.sum(shares, axis=0))
            line["imbalance_weighted"] = np.where(np.isfinite(line["signed_usd"]), mean, np.nan)


def _frame(node: str, ts: Int1D, line: _Leaf) -> pl.DataFrame:
    names = [f"{name}_{unit}" for unit in ("coin", "usd") for name in (*_FLOWS, "depth")] + ["signed_risk_usd"]
    names += ["imbalance", "imbalance_weighted", "ofi_per_depth"]
    columns: dict[str, Any] = {"ts": ts, "node": [node] * len(ts), "level": [level_of(node)] * len(ts)}
    columns |= {name: line.get(name, np.full(len(ts), np.nan)) for name in names}
    columns |= {name: line[name].astype(np.int64) for name in ("leaves", "sound")}
    columns |= {"coverage": line["coverage"], "quality": STATE_NAMES[line["quality"].astype(np.int64)]}
    words = dict.fromkeys(("node", "level", "quality"), pl.String)
    return pl.DataFrame(columns, nan_to_null=True, schema_overrides=words).with_columns(pl.col("ts").cast(UTC_NS))


GROUPS: Final = (
    Group(
        name="by_node",
        says="flow of every node of the granularity tree",
        made_by="by_node",
        needs=("depth", "trades"),
        columns=(
            Column("ts", "ns", "end of the bin, exclusive"),
            Column("node", "1", "node of the tree"),
            Column("level", "1", "its level"),
            Column("signed_coin", "base", "buying less selling volume; null above the token", "free", "linear"),
            Column("volume_coin", "base", "buying and selling volume; null above the token", "free", "linear"),
            Column("ofi_coin", "base", "best-level order-flow imbalance; null above the token", "free", "linear"),
            Column("depth_coin", "base", "resting quantity of the columns `depth`; null above the token", "free", "linear"),
            Column("signed_usd", "usd", "buying less selling volume at each instrument's own mid", "free", "linear"),
            Column("volume_usd", "usd", "buying and selling volume at each instrument's own mid", "free", "linear"),
            Column("ofi_usd", "usd", "order-flow imbalance at each instrument's own mid", "free", "linear"),
            Column("depth_usd", "usd", "resting quantity at each instrument's own mid", "free", "linear"),
            Column("signed_risk_usd", "usd", "signed_usd times the leaf's volatility of the bins before", "free", "linear"),
            Column("imbalance", "1", "signed_usd / volume_usd, in [-1, 1]", "free"),
            Column("imbalance_weighted", "1", "mean of the children's by the weights of the tree", "free"),
            Column("ofi_per_depth", "1", "ofi_usd / depth_usd", "free"),
            Column("leaves", "count", "instruments below the node"),
            Column("sound", "count", "those of them that were there and in order"),
            Column("coverage", "1", "sound / leaves"),
            Column("quality", "1", "worst state of the leaves that were used"),
        ),
        source="Cont, Kukanov, Stoikov (2014), arXiv 1011.6402, for OFI; contract terms of the venues",
    ),
)
