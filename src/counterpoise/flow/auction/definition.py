"""Where the field disagrees about a word, each meaning of it under its name, as data.

Three words: imbalance of a footprint, value area, node of a profile. The first one listed is the default.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeVar

from counterpoise.core.errors import InputError, UnknownName
from counterpoise.core.units import parse_decimal

__all__ = [
    "IMBALANCES",
    "NODES",
    "VALUE_AREAS",
    "ImbalanceDefinition",
    "NodeDefinition",
    "ValueAreaDefinition",
    "imbalance_definition",
    "node_definition",
    "value_area_definition",
]


class ImbalanceDefinition(NamedTuple):
    """When a row of a footprint is out of balance, and when an auction is unfinished.

    Attributes
    ----------
    name : str
    multiplier : Decimal
        How many times the diagonal opposite a side must be. Sources write percentages, and mean different things by them.
    min_qty : Decimal
        Least quantity of the greater side [base coins; contracts of an inverse instrument].
    stack : int
        Adjacent rows out of balance to the same side that make a stack.
    zero : {"ignore", "count"}
        Whether a row against nothing is out of balance.
    strict : bool
        Whether the multiplier must be exceeded, not only reached.
    unfinished_qty : Decimal
        What the aggressors at the bar's extreme must exceed when the other side traded there too.
    source : str
    """

    name: str
    multiplier: Decimal
    min_qty: Decimal
    stack: int
    zero: Literal["ignore", "count"]
    strict: bool
    unfinished_qty: Decimal
    source: str


class ValueAreaDefinition(NamedTuple):
    """How a value area grows from the point of control.

    Attributes
    ----------
    name : str
    rows : int
        Rows above and rows below that are compared, and added together. The larger wins, of equals the upper.
    source : str
    """

    name: str
    rows: int
    source: str


class NodeDefinition(NamedTuple):
    """What counts as a high-volume or low-volume node.

    Attributes
    ----------
    name : str
    smooth_rows : int
        Length of the centred mean over rows before anything is looked for; odd.
    prominence : float
        Least drop to the higher of the two saddles around a peak, as a share of the highest row; 0 asks for none.
    neighbours : float
        Rows on each side that must all be lower, as a share of the profile's rows; 0 asks for none but the next.
    source : str
    """

    name: str
    smooth_rows: int
    prominence: float
    neighbours: float
    source: str


_MOST: Final = 1 << 20
_THREE, _FOUR, _NONE = Decimal(3), Decimal(4), Decimal(0)

IMBALANCES: Final = (
    ImbalanceDefinition(
        "atas",
        _THREE,
        Decimal(30),
        3,
        "ignore",
        False,
        Decimal(20),
        "ATAS: imbalance 300 %, stacked imbalance, unfinished auction",
    ),
    ImbalanceDefinition(
        "flowsurface", _THREE, _NONE, 3, "ignore", False, _NONE, "flowsurface: threshold 200 %, which is (100 + 200) / 100"
    ),
    ImbalanceDefinition(
        "chart_patterns", _FOUR, _NONE, 3, "ignore", False, _NONE, "chart pattern guides: 300 % more, which is 4 times"
    ),
)
VALUE_AREAS: Final = (
    ValueAreaDefinition("classic", 2, "CBOT Market Profile handbook: two rows at a time"),
    ValueAreaDefinition("atas", 2, "ATAS: N rows at a time; N is the user's setting, and with 2 this is classic"),
    ValueAreaDefinition("one_row", 1, "one row at a time"),
)
NODES: Final = (
    NodeDefinition("prominence", 5, 0.15, 0.0, "topographic prominence on a mean of five rows; ours"),
    NodeDefinition("neighbours", 1, 0.0, 0.09, "public chart scripts: no row within 9 % of all rows is higher"),
)

DefinitionT = TypeVar("DefinitionT", ImbalanceDefinition, ValueAreaDefinition, NodeDefinition)


def imbalance_definition(definition: str | ImbalanceDefinition) -> ImbalanceDefinition:
    """The definition of that name, or the one that is given; floats in it are read as they are written.

    Raises
    ------
    UnknownName
        If there is none of that name.
    InputError
        If one that is given cannot be, or its multiplier is no ratio of whole numbers below 2²⁰.

    Examples
    --------
    >>> imbalance_definition("atas")._replace(min_qty=Decimal("2.5")).multiplier
    Decimal('3')
    """
    found = _named(definition, IMBALANCES, what="imbalance definition")
    found = found._replace(
        multiplier=parse_decimal(found.multiplier, what="multiplier"),
        min_qty=parse_decimal(found.min_qty, what="min_qty"),
        unfinished_qty=parse_decimal(found.unfinished_qty, what="unfinished_qty"),
    )
    if found.multiplier <= 0 or found.stack < 1 or found.min_qty < 0 or found.unfinished_qty < 0:
        raise InputError(f"{found} cannot be; give a positive multiplier and stack, and no negative quantity")
    if max(found.multiplier.as_integer_ratio()) >= _MOST:
        raise InputError(f"multiplier {found.multiplier} is no ratio of whole numbers below 2^20; write it short, like 3.3")
    if found.zero not in ("ignore", "count"):
        raise UnknownName("treatment of zero", found.zero, ("ignore", "count"))
    return found


def value_area_definition(definition: str | ValueAreaDefinition) -> ValueAreaDefinition:
    """The definition of that name, or the one that is given. Raises as `imbalance_definition`."""
    found = _named(definition, VALUE_AREAS, what="value area definition")
    if found.rows < 1:
        raise InputError(f"{found} cannot be; at least one row is added at a time")
    return found


def node_definition(definition: str | NodeDefinition) -> NodeDefinition:
    """The definition of that name, or the one that is given. Raises as `imbalance_definition`."""
    found = _named(definition, NODES, what="node definition")
    if found.smooth_rows < 1 or found.smooth_rows % 2 == 0:
        raise InputError(f"a centred mean needs an odd number of rows, found {found.smooth_rows}")
    if not (0 <= found.prominence <= 1 and 0 <= found.neighbours <= 1):
        raise InputError(f"prominence and neighbours are shares between 0 and 1, found {found.prominence}, {found.neighbours}")
    return found


def _named(definition: str | DefinitionT, known: tuple[DefinitionT, ...], *, what: str) -> DefinitionT:
    if not isinstance(definition, str):
        return definition
    for one in known:
        if one.name == definition:
            return one
    raise UnknownName(what, definition, (one.name for one in known))
