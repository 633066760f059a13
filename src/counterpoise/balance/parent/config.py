"""What is wanted of a parent order."""

from __future__ import annotations

from math import inf
from typing import Final, Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import parse_duration

__all__ = ["ParentConfig"]

_BOUNDS: Final[dict[str, tuple[float, float]]] = {  # both ends allowed
    "cross_after": (0, 1),
    "cross_bps": (0, 999),
    "min_child": (0, 1),
    "max_jump_bps": (0, 1e9),
    "limit_bps": (0, 1e4),
}


class ParentConfig(Config, frozen=True, kw_only=True):
    """What is wanted of a massive order.

    Parameters
    ----------
    side : {"buy", "sell"}
    qty : str
        Decimal quantity in the venue's unit; a multiple of the lot.
    slice : str
        Length of a TWAP slice.
    max_participation : float
        Most we may be of all that trades since the start, our own volume included: own ≤ p (own + others). In (0, 1].
    min_participation : float
        Least that we want to be of it, though the schedule asks for less. In [0, max_participation].
    limit_price : str
        No worse than this; ``""`` for none.
    limit_bps : float
        No worse than this beyond the first mid it sees with a book in order; 0 for none.
    would_price : str
        Where the other side's touch is this or better, all that is left may trade at once, inside the cap; ``""`` for none.
    cross_after : float
        Part of a slice spent waiting at our own touch before what is left crosses the spread; 0 crosses at once, 1 never.
    cross_bps : float
        How far beyond the opposite touch a crossing order may reach.
    min_child : float
        Part of a slice's quantity that a child waits to have, so that a cap that grows trade by trade does not send crumbs: of
        what is smaller, one a slice goes out, when it crosses. In [0, 1].
    completion : {"cap", "cross"}
        What rules the last slice: the cap, or that all is done, crossing from its `cross_after` on whatever others trade. The
        limit prices hold in either.
    max_jump_bps : float
        Most that the mid may move between two decisions with a book in order: beyond it the parent pauses; 0 for no bound.
    patience : str
        How long the venue may be silent on an order before it is asked.

    Raises
    ------
    InputError
        If a value is out of its bound.
    """

    side: Literal["buy", "sell"]
    qty: str
    slice: str = "5s"
    max_participation: float = 0.2
    min_participation: float = 0.0
    limit_price: str = ""
    limit_bps: float = 0.0
    would_price: str = ""
    cross_after: float = 0.5
    cross_bps: float = 1.0
    min_child: float = 0.1
    completion: Literal["cap", "cross"] = "cap"
    max_jump_bps: float = 0.0
    patience: str = "5s"

    def __post_init__(self) -> None:
        for field, (low, high) in _BOUNDS.items():
            value = getattr(self, field)
            if not low <= value <= high or value == inf:
                raise InputError(f"a parent needs {field} in [{low:g}, {high:g}], found {value}")
        if not 0 <= self.min_participation <= self.max_participation <= 1 or not self.max_participation:
            raise InputError(
                "a parent needs max_participation in (0, 1] and min_participation in [0, max_participation], found "
                f"{self.max_participation} and {self.min_participation}"
            )
        parse_duration(self.slice)
        parse_duration(self.patience)
