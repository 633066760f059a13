"""Every measure of the stage in one list: what ``counterpoise flow --list`` prints and ``--measures`` chooses from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import polars as pl

from counterpoise.core.errors import UnknownName
from counterpoise.flow import integrated, measure_frame, microprice
from counterpoise.flow.auction import diagonal, footprint, market_profile, naked, profile, value_area
from counterpoise.flow.book import absorption, recovery, sweeps
from counterpoise.flow.column import Group
from counterpoise.flow.cross import (
    best_quotes,
    by_node,
    consolidated,
    disparity,
    half_life,
    information,
    lead_lag,
    market_bins,
    merged_book,
    running_shares,
)
from counterpoise.flow.derivatives import (
    basis,
    chain_changes,
    chain_flow,
    funding,
    liquidations,
    open_interest,
    option_trades,
    options_flow,
    settlements,
)
from counterpoise.flow.impact import (
    cross_impact_fit,
    illiquidity,
    impact_fit,
    metaorders,
    propagator_fit,
    square_root_fit,
    toxicity,
)
from counterpoise.flow.manipulation import icebergs, ignition, spoofing, stuffing, trade_sizes, wash
from counterpoise.flow.participants import event_features, participants, size_groups
from counterpoise.flow.tape import divergence, seasonality, sized_flow, tape
from counterpoise.flow.wallet import wallets

__all__ = ["CATALOGUE", "catalogue_frame", "chosen_columns", "group"]

CATALOGUE: Final[tuple[Group, ...]] = (
    *measure_frame.GROUPS,
    *integrated.GROUPS,
    *microprice.GROUPS,
    *absorption.GROUPS,
    *recovery.GROUPS,
    *sweeps.GROUPS,
    *divergence.GROUPS,
    *seasonality.GROUPS,
    *sized_flow.GROUPS,
    *tape.GROUPS,
    *diagonal.GROUPS,
    *footprint.GROUPS,
    *market_profile.GROUPS,
    *naked.GROUPS,
    *profile.GROUPS,
    *value_area.GROUPS,
    *cross_impact_fit.GROUPS,
    *illiquidity.GROUPS,
    *impact_fit.GROUPS,
    *metaorders.GROUPS,
    *propagator_fit.GROUPS,
    *square_root_fit.GROUPS,
    *toxicity.GROUPS,
    *icebergs.GROUPS,
    *ignition.GROUPS,
    *spoofing.GROUPS,
    *stuffing.GROUPS,
    *trade_sizes.GROUPS,
    *wash.GROUPS,
    *basis.GROUPS,
    *chain_changes.GROUPS,
    *chain_flow.GROUPS,
    *funding.GROUPS,
    *settlements.GROUPS,
    *liquidations.GROUPS,
    *open_interest.GROUPS,
    *option_trades.GROUPS,
    *options_flow.GROUPS,
    *best_quotes.GROUPS,
    *by_node.GROUPS,
    *consolidated.GROUPS,
    *disparity.GROUPS,
    *half_life.GROUPS,
    *information.GROUPS,
    *lead_lag.GROUPS,
    *market_bins.GROUPS,
    *merged_book.GROUPS,
    *running_shares.GROUPS,
    *event_features.GROUPS,
    *participants.GROUPS,
    *size_groups.GROUPS,
    *wallets.GROUPS,
)
_ALWAYS: Final = ("ts", "quality")


def group(name: str) -> Group:
    """A group by its name.

    Raises
    ------
    UnknownName
        With the nearest name.
    """
    for found in CATALOGUE:
        if found.name == name:
            return found
    raise UnknownName("group of measures", name, [g.name for g in CATALOGUE])


def chosen_columns(wanted: Iterable[str], columns: list[str]) -> list[str]:
    """Columns of a frame that names of groups, families (``ofi_{level}``) or columns choose, in the frame's order.

    Parameters
    ----------
    wanted : iterable of str
        Nothing chooses all.
    columns : list of str
        Of the frame; ``ts`` and ``quality`` are always kept.

    Raises
    ------
    UnknownName
        If a name is no group, no column and no family of the frame.

    Examples
    --------
    >>> chosen_columns(["cvd"], ["ts", "ofi", "cvd", "obv", "quality"])
    ['ts', 'cvd', 'obv', 'quality']
    """
    kept: set[str] = set()
    groups = {g.name: g for g in CATALOGUE}
    families = {c.name: c for g in CATALOGUE for c in g.columns}
    for name in wanted:
        if name in groups:
            found = {column for column in columns if any(c.covers(column) for c in groups[name].columns)}
        elif name in columns:
            found = {name}
        else:
            found = {column for column in columns if name in families and families[name].covers(column)}
        if not found:
            raise UnknownName("measure", name, [*groups, *columns])
        kept |= found
    return [c for c in columns if not kept or c in kept or c in _ALWAYS]


def catalogue_frame() -> pl.DataFrame:
    """One row a column or family: group, column, unit, needs, says, made_by, source."""
    rows = [
        {
            "group": g.name,
            "column": c.name,
            "unit": c.unit,
            "needs": ", ".join(g.needs),
            "says": c.says,
            "made_by": g.made_by,
            "source": g.source,
        }
        for g in CATALOGUE
        for c in g.columns
    ]
    return pl.DataFrame(rows)
