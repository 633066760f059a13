"""From chain to chain: what the change of open interest between two snapshots says where no trade was recorded.

A snapshot has no sides. Open interest grows when both parties open and falls when both close, so its change is a quantity of
positions, not of buying.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from counterpoise.core.arrays import Bool1D, Float1D, Int1D
from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import DAY_NS
from counterpoise.flow.cells import UTC_NS
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.latest import times_of
from counterpoise.flow.derivatives.option_weights import DEALERS, Dealers, DeltaKind, signs_of_dealers, summed, with_weights
from counterpoise.market.chain import require_chain

__all__ = ["GROUPS", "chain_changes", "chain_flow"]

_KEPT: Final = ("symbol", "base", "cash", "expiry_ns", "strike", "right")
_WEIGHTS: Final = ("delta_coin", "gamma_coin", "vega_cash", "out_of_money")
_STATUS: Final = ("held", "new", "returned", "expired", "gone")

GROUPS: Final = (
    Group(
        "chain_changes",
        "change of open interest of each option between two snapshots, weighted by its greeks",
        "chain_changes",
        ("options", "open_interest"),
        (
            Column("ts_local", "ns", "the later snapshot"),
            Column("since", "ns", "the earlier snapshot"),
            Column("gap_ns", "ns", "time between them"),
            Column("symbol", "1", "the option"),
            Column("base", "1", "the coin"),
            Column("cash", "1", "currency of strike and vega"),
            Column("expiry", "ns", "when it expires"),
            Column("strike", "quote", "strike"),
            Column("right", "1", "C or P"),
            Column("status", "1", "held, new, returned (seen before, not in the earlier one), expired or gone"),
            Column("open_interest", "coin", "in the later snapshot", "even", "linear"),
            Column(
                "open_interest_change",
                "coin",
                "null when returned or gone; of an expired one what was settled",
                "even",
                "linear",
            ),
            Column("volume_least", "coin", "what was traded between them, at least", "even", "linear"),
            Column("volume_most", "coin", "at most; null when they lie more than 24 h apart", "even", "linear"),
            Column("delta_change", "coin", "open_interest_change · delta", "even", "linear"),
            Column("gamma_change", "coin", "open_interest_change · change of delta for a move of 1 %", "even", "linear"),
            Column("vega_change", "quote", "open_interest_change · vega of a vol point", "even", "linear"),
            Column("out_of_money", "1", "struck beyond the forward"),
        ),
        "docs/theory/flow.md, From chain to chain",
    ),
    Group(
        "chain_flow",
        "the same added up over a chain, with what expired apart, and the dealers' gamma by assumption",
        "chain_flow",
        ("options", "open_interest"),
        (
            Column("ts_local", "ns", "the later snapshot"),
            Column("since", "ns", "the earlier snapshot"),
            Column("gap_ns", "ns", "time between them"),
            Column("base", "1", "the coin"),
            Column("cash", "1", "currency of strikes and vega"),
            *(Column(f"{status}_options", "count", f"options that are {status}") for status in _STATUS),
            Column("unsized_options", "count", "those whose open interest, or its change, is not known: in no sum of it"),
            Column("unweighted_options", "count", "held or new ones without greeks or open interest: in no weighted sum"),
            Column("open_interest", "coin", "of all options of the later snapshot", "even", "linear"),
            Column("call_change", "coin", "change of open interest of calls held and new", "even", "linear"),
            Column("put_change", "coin", "change of open interest of puts held and new", "even", "linear"),
            Column("expired_interest", "coin", "open interest that expired between them", "even", "linear"),
            Column("volume_least", "coin", "traded between them, at least", "even", "linear"),
            Column("volume_most", "coin", "at most; null when they lie more than 24 h apart", "even", "linear"),
            Column("delta_change", "coin", "Σ open_interest_change · delta of held and new ones", "even", "linear"),
            Column("gamma_change", "coin", "Σ open_interest_change · change of delta for a move of 1 %", "even", "linear"),
            Column("vega_change", "quote", "Σ open_interest_change · vega of a vol point", "even", "linear"),
            Column("put_vega_change", "quote", "vega_change of puts struck below the forward", "even", "linear"),
            Column("call_vega_change", "quote", "vega_change of calls struck above it", "even", "linear"),
            Column("dealer_gamma", "coin", "gamma of all open interest as dealers are assumed to hold it", "free", "linear"),
        ),
        "docs/theory/flow.md, From chain to chain",
    ),
)


def chain_changes(chains: pl.DataFrame, *, delta: DeltaKind = "black", seen: Iterable[str] = ()) -> pl.DataFrame:
    """Changes of open interest from each snapshot to the next, option by option.

    Parameters
    ----------
    chains : pl.DataFrame
        Snapshots under each other, in the columns of `counterpoise.market.chain.CHAIN_COLUMNS`; equal ``ts_local`` and base
        make a snapshot.
    delta : {"black", "net"}
        See `counterpoise.flow.derivatives.option_weights.with_weights`.
    seen : iterable of str
        Symbols of snapshots before these, so that one of them is returned and not new: for the next call add
        ``chains["symbol"]`` of this one, and begin its chains with the last snapshot of this one.

    Returns
    -------
    pl.DataFrame
        The columns of the first of `GROUPS`, by time, coin, expiry, strike and right. Greeks are those of the later snapshot;
        of an expired option there are none. The change of an option that is new is all its open interest.

    Raises
    ------
    InputError
        If a column is missing.
    DataError
        If a chain has faults (see `counterpoise.market.chain.chain_faults`), or times go back.

    Notes
    -----
    Volume is the venue's rolling 24 h figure: between snapshots less than 24 h apart it grew by what was traded less what
    was traded a day before. So max(0, change) is the least that was traded, and the later figure the most; further apart the
    later figure is the least. The change of open interest is no bound: positions also close off the book. Causal.
    O(rows log rows).
    """
    times_of(chains, "ts_local", what="option chains")
    require_chain(chains)
    sized = with_weights(chains, delta=delta).with_columns(
        interest=pl.col("open_interest") * pl.col("multiplier"), volume=pl.col("volume") * pl.col("multiplier")
    )
    first = pl.when(~pl.col("symbol").is_in(pl.Series(list(seen), dtype=pl.String).implode())).then(pl.col("ts_local"))
    sized = sized.with_columns(first_seen=first.min().over("symbol"))
    parts = [_joined(*pair) for _, group in sized.group_by("base", maintain_order=True) for pair in _pairs(group)]
    if not parts:
        parts = [_joined(sized.clear(), sized.clear())]
    keys = ("ts_local", "base", "cash", "expiry", "strike", "right")
    return pl.concat(parts).sort(keys).select(column.name for column in GROUPS[0].columns)


def _pairs(group: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    return pairwise(group.partition_by("ts_local", maintain_order=True))


def _joined(earlier: pl.DataFrame, later: pl.DataFrame) -> pl.DataFrame:
    """One row for each option of either snapshot."""
    then, now = (int(f["ts_local"][0]) if f.height else 0 for f in (earlier, later))
    before = earlier.select(*_KEPT, interest_before="interest", volume_before="volume", was=pl.lit(True))
    after = later.select(*_KEPT, "interest", "volume", "first_seen", *_WEIGHTS, here=pl.lit(True))
    both = before.join(after, on=_KEPT, how="full", coalesce=True).with_columns(pl.col("was", "here").fill_null(False))
    status = (
        pl.when(pl.col("was") & pl.col("here"))
        .then(pl.lit("held"))
        .when(pl.col("here") & (pl.col("first_seen") == now))
        .then(pl.lit("new"))
        .when(pl.col("here"))
        .then(pl.lit("returned"))
        .when(pl.col("expiry_ns") <= now)
        .then(pl.lit("expired"))
        .otherwise(pl.lit("gone"))
    )
    told = both.with_columns(status=status, ts_local=pl.lit(now).cast(UTC_NS), since=pl.lit(then).cast(UTC_NS))
    grown = (pl.col("volume") - pl.col("volume_before")).clip(0)
    within = pl.lit(now - then <= DAY_NS)
    change = (
        pl.when(pl.col("status") == "held")
        .then(pl.col("interest") - pl.col("interest_before"))
        .when(pl.col("status") == "new")
        .then(pl.col("interest"))
        .when(pl.col("status") == "expired")
        .then(0 - pl.col("interest_before"))
    )
    changed = told.with_columns(open_interest_change=change, gap_ns=pl.lit(now - then, pl.Int64))
    weighted = {name: pl.col("open_interest_change") * pl.col(of) for name, of in _CHANGES.items()}
    return changed.with_columns(
        expiry=pl.col("expiry_ns").cast(UTC_NS),
        open_interest=pl.col("interest"),
        volume_least=pl.when(pl.col("status") == "held").then(pl.when(within).then(grown).otherwise(pl.col("volume"))),
        volume_most=pl.when(within).then(pl.col("volume")),
        **weighted,
    )


_CHANGES: Final = {"delta_change": "delta_coin", "gamma_change": "gamma_coin", "vega_change": "vega_cash"}


def chain_flow(
    chains: pl.DataFrame,
    *,
    delta: DeltaKind = "black",
    dealers: Dealers = "customers_short_calls_long_puts",
    seen: Iterable[str] = (),
) -> pl.DataFrame:
    """Changes of a whole chain from each snapshot to the next, one row a snapshot, coin and currency of its options.

    Parameters
    ----------
    chains, delta, seen
        See `chain_changes`.
    dealers : {"customers_short_calls_long_puts", "customers_long_calls_short_puts"}
        How ``dealer_gamma`` takes dealers to hold what is open. The first is the published convention: customers write calls
        and buy puts. The second turns the sign. Open interest has no aggressor, so ``other_side`` is refused.

    Returns
    -------
    pl.DataFrame
        The columns of the second of `GROUPS`; the first snapshot of a coin has no row. A sum is 0 over no option, and null
        over options of which none is known.

    Raises
    ------
    UnknownName
        If there is no such assumption.
    InputError
        If it is ``other_side``.
    DataError
        As `chain_changes`.
    """
    if dealers not in DEALERS:
        raise UnknownName("assumption about dealers", dealers, DEALERS)
    if dealers == "other_side":
        raise InputError("open interest has no aggressor whose other side dealers could take; choose customers_… as dealers")
    rows = chain_changes(chains, delta=delta, seen=seen)
    keys = rows.select("ts_local", "since", "gap_ns", "base", "cash")
    places = keys.unique().sort("ts_local", "base", "cash").with_row_index("place")
    into = keys.join(places, on=keys.columns, how="left", maintain_order="left")["place"].to_numpy().astype(np.int64)
    flows = _flows(rows, into, places.height)
    held = _dealer_gamma(chains, delta=delta, dealers=dealers)
    out = pl.concat([places.drop("place"), pl.DataFrame(flows, nan_to_null=True)], how="horizontal")
    out = out.join(held, on=["ts_local", "base", "cash"], how="left", maintain_order="left")
    return out.select(column.name for column in GROUPS[1].columns)


def _flows(rows: pl.DataFrame, into: Int1D, size: int) -> dict[str, object]:
    status, call = rows["status"], (rows["right"] == "C").to_numpy()
    marks = {name: (status == name).to_numpy() for name in _STATUS}
    open_ = marks["held"] | marks["new"]
    bare = rows.select(pl.any_horizontal(pl.col(tuple(_CHANGES)).is_null()).alias("bare"))["bare"].to_numpy()
    beyond = rows["out_of_money"]
    outside = beyond.fill_null(True).to_numpy()  # where nobody knows, vega is not known to be inside either
    whole = pl.Series(~bare) & beyond.is_not_null()
    sized = np.where(marks["returned"], rows["open_interest"].is_not_null(), rows["open_interest_change"].is_not_null())
    unsaid = np.bincount(into[rows["volume_most"].is_null().to_numpy()], minlength=size) > 0
    columns: dict[str, object] = {f"{name}_options": np.bincount(into[mark], minlength=size) for name, mark in marks.items()}
    columns["unsized_options"] = np.bincount(into[~sized & ~marks["gone"]], minlength=size)
    columns["unweighted_options"] = np.bincount(into[bare & open_], minlength=size)

    def add(name: str, of: Bool1D) -> Float1D:
        return _sum_known(rows[name], into, size=size, of=of)

    def weigh(name: str, of: Bool1D) -> Float1D:
        return _sum_known(rows.select(pl.when(whole).then(name))[name], into, size=size, of=of)

    return columns | {
        "open_interest": add("open_interest", open_ | marks["returned"]),
        "call_change": add("open_interest_change", open_ & call),
        "put_change": add("open_interest_change", open_ & ~call),
        "expired_interest": 0 - add("open_interest_change", marks["expired"]),
        "volume_least": add("volume_least", marks["held"]),
        "volume_most": np.where(unsaid, np.nan, _sum_known(rows["volume_most"], into, size=size)),
        **{name: weigh(name, open_) for name in _CHANGES},
        "put_vega_change": weigh("vega_change", open_ & outside & ~call),
        "call_vega_change": weigh("vega_change", open_ & outside & call),
    }


def _sum_known(values: pl.Series, into: Int1D, *, size: int, of: Bool1D | None = None) -> Float1D:
    """Sum of the known values in each place, of the rows `of`; NaN where there are such rows and no value is known."""
    there = np.ones(len(into), np.bool_) if of is None else of
    known = there & values.is_not_null().to_numpy()
    total = summed(values, into=into, size=size, factor=known.astype(np.float64))
    empty = (np.bincount(into[there], minlength=size) > 0) & (np.bincount(into[known], minlength=size) == 0)
    return np.asarray(np.where(empty, np.nan, total), np.float64)


def _dealer_gamma(chains: pl.DataFrame, *, delta: DeltaKind, dealers: Dealers) -> pl.DataFrame:
    """Gamma of all open interest of each snapshot, coin and currency; NaN where none is known."""
    sized = with_weights(chains, delta=delta)
    keys = sized.select("ts_local", "base", "cash")
    places = keys.unique(maintain_order=True).with_row_index("place")
    into = keys.join(places, on=keys.columns, how="left", maintain_order="left")["place"].to_numpy().astype(np.int64)
    signs = signs_of_dealers(sized["right"], dealers=dealers)
    held = sized["open_interest"] * sized["multiplier"] * sized["gamma_coin"]
    total = _sum_known(held if signs is None else held * pl.Series(signs), into, size=places.height)
    gamma = pl.Series("dealer_gamma", total, nan_to_null=True)
    return places.select(pl.col("ts_local").cast(UTC_NS), "base", "cash").with_columns(gamma)
