"""Changes of open interest from chain to chain, summed over each coin and currency."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import polars as pl

from counterpoise.core.arrays import Int2D
from counterpoise.core.errors import InputError
from counterpoise.flow.cells import UTC_NS, real
from counterpoise.flow.column import Column, Group
from counterpoise.flow.derivatives.chain_changes import STATUS, ChainTables
from counterpoise.flow.derivatives.option_weights import Dealers, DeltaKind, require_delta, signs_of_dealers
from counterpoise.flow.kernels import chain_flow as k

__all__ = ["GROUPS", "ChainFlow", "chain_flow"]

_SUMS: Final = (  # in the kernel's order
    "open_interest",
    "call_change",
    "put_change",
    "expired_interest",
    "volume_least",
    "volume_most",
    "delta_change",
    "gamma_change",
    "vega_change",
    "put_vega_change",
    "call_vega_change",
    "dealer_gamma",
)

GROUPS: Final = (
    Group(
        "chain_flow",
        "the same added up over a chain, with what expired apart, and the dealers' gamma by assumption",
        "ChainFlow",
        ("options", "open_interest"),
        (
            Column("ts_local", "ns", "the later snapshot"),
            Column("since", "ns", "the earlier snapshot"),
            Column("gap_ns", "ns", "time between them"),
            Column("base", "1", "the coin"),
            Column("cash", "1", "currency of strikes and vega"),
            *(Column(f"{status}_options", "count", f"options that are {status}") for status in STATUS),
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


def chain_flow(
    chains: pl.DataFrame,
    *,
    delta: DeltaKind = "black",
    dealers: Dealers = "customers_short_calls_long_puts",
    seen: Iterable[str] = (),
) -> pl.DataFrame:
    """Changes of a whole chain from each recorded snapshot to the next; see `ChainFlow`. Raises as there."""
    return ChainFlow(delta=delta, dealers=dealers, seen=seen).whole({"chains": chains})


class ChainFlow(ChainTables):
    """Changes of a whole chain from each snapshot to the next, one row a snapshot, coin and currency of its options.

    Table as of `counterpoise.flow.derivatives.chain_changes.ChainTables`.

    Parameters
    ----------
    delta, seen
        As of `counterpoise.flow.derivatives.chain_changes.ChainChanges`.
    dealers : {"customers_short_calls_long_puts", "customers_long_calls_short_puts"}
        How ``dealer_gamma`` takes dealers to hold what is open. The first is the published convention: customers write calls
        and buy puts. The second turns the sign. Open interest has no aggressor, so ``other_side`` is refused.

    Raises
    ------
    UnknownName
        If there is no such delta or assumption.
    InputError
        If the assumption is ``other_side``.

    Notes
    -----
    Columns are those of `GROUPS`; the first snapshot of a coin has no row. A sum is 0 over no option, and null over options of
    which none is known. Sums are doubles, added by expiry, strike and right. Causal. O(rows), and O(options log options) when
    one is new.
    """

    def __init__(
        self,
        *,
        delta: DeltaKind = "black",
        dealers: Dealers = "customers_short_calls_long_puts",
        seen: Iterable[str] = (),
    ) -> None:
        require_delta(delta)
        signs = signs_of_dealers(dealers)
        if dealers == "other_side":
            raise InputError(
                "open interest has no aggressor whose other side dealers could take; choose customers_… as dealers"
            )
        super().__init__(settings=(delta == "net", *signs, True), width=k.FLOWS_WIDTH, seen=seen)

    def _frame(self, rows: Int2D) -> pl.DataFrame:
        groups = [self._groups[group - 1] for group in rows[:, k.GROUP].tolist()]
        columns: dict[str, Any] = {
            "ts_local": pl.Series(rows[:, k.UNTIL]).cast(UTC_NS),
            "since": pl.Series(rows[:, k.SINCE]).cast(UTC_NS),
            "gap_ns": rows[:, k.UNTIL] - rows[:, k.SINCE],
            "base": pl.Series([base for base, _ in groups], dtype=pl.String),
            "cash": pl.Series([cash for _, cash in groups], dtype=pl.String),
            **{f"{status}_options": rows[:, k.GROUP + 1 + i] for i, status in enumerate(STATUS)},
            "unsized_options": rows[:, k.UNSIZED],
            "unweighted_options": rows[:, k.UNWEIGHTED],
            **{name: real(rows, k.SUMS + i) for i, name in enumerate(_SUMS)},
        }
        return pl.DataFrame(columns, nan_to_null=True).select(column.name for column in GROUPS[0].columns)
