"""What a measure is, said once: its columns, their units, what they need, and how they behave under two symmetries.

A noun of this stage lists its `Group`; `counterpoise.flow.catalogue` gathers them. ``counterpoise flow --list`` prints them,
`--measures` chooses by them, and the laws in ``tests/laws`` hold every column to what it says here.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

__all__ = ["Column", "Group", "Mirror", "Needs", "Size"]

Mirror = Literal["even", "odd", "swaps", "price", "free"]
Size = Literal["none", "linear", "free"]
Needs = Literal["depth", "quotes", "trades", "liquidations", "marks", "open_interest", "options", "bins", "transfers"]


class Column(NamedTuple):
    """One column of a frame, or a family of them.

    Attributes
    ----------
    name : str
        As in the frame; ``{level}`` stands for a whole number and any other name in braces for a number or a word of a family,
        as in ``ofi_{level}`` and ``bid_depth_{x}bps``.
    unit : str
        ``quote``, ``base`` (coins; contracts of an inverse instrument), ``bps``, ``ns``, ``1`` (a pure number), ``count``, ...
    says : str
        What it is, in a line.
    mirror : {"even", "odd", "swaps", "price", "free"}
        When sides are exchanged and prices turned about a constant c: stays; changes its sign; stays, but on the other side;
        becomes 2c − itself; or no law, because it depends on the price itself. All but "even" change places with the column of
        the other side (buy/sell, bid/ask, long/short, high/low, max/min) where there is one.
    size : {"none", "linear", "free"}
        When every size is multiplied: stays; is multiplied; or no law, because it compares with a size that was given.
    """

    name: str
    unit: str
    says: str
    mirror: Mirror = "even"
    size: Size = "none"

    def covers(self, column: str) -> bool:
        """Whether a column of a frame is this one or of this family."""
        pattern = re.sub(r"\\\{\w+\\\}", r"[\\w.]+", re.escape(self.name).replace(r"\{level\}", r"\d+"))
        return re.fullmatch(pattern, column) is not None


class Group(NamedTuple):
    """Measures that are made together, by one class or function.

    Attributes
    ----------
    name : str
        As `--measures` takes it.
    says : str
        What it is for, in a line.
    made_by : str
        Name within `counterpoise.flow` of what makes it.
    needs : tuple
        What the data must hold.
    columns : tuple of Column
    source : str
        Paper or rule it follows.
    """

    name: str
    says: str
    made_by: str
    needs: tuple[Needs, ...]
    columns: tuple[Column, ...]
    source: str
