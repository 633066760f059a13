"""A price that follows the book: pegged to the best, the mid or the other side, chased only so far."""

from __future__ import annotations

from math import ceil, floor
from typing import Literal

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.market.venue import TopOfBook

__all__ = ["Peg"]


class Peg(Config, frozen=True, kw_only=True):
    """What an order's price is tied to.

    Parameters
    ----------
    to : {"best", "mid", "opposite"}
        Our own touch, the middle, or the other side's touch.
    offset_ticks : int
        From there, towards the other side; negative is further away from it.
    post_only : bool
        Whether it stays a tick short of the other side, so that it never takes.
    limit_ticks : int
        No worse than this price; 0 for none.
    most_chase_ticks : int
        How far it follows the book from its first price against us, ≥ 0; −1 without bound.
    band_ticks : int
        How far its place may be off before it is moved, ≥ 0: a move loses the place in the queue.

    Examples
    --------
    >>> from counterpoise.market.quality import BookState
    >>> Peg(to="mid").price(TopOfBook(100, 5, 103, 5, BookState.SYNCED), side=1)
    101
    """

    to: Literal["best", "mid", "opposite"] = "best"
    offset_ticks: int = 0
    post_only: bool = True
    limit_ticks: int = 0
    most_chase_ticks: int = -1
    band_ticks: int = 0

    def __post_init__(self) -> None:
        if self.limit_ticks < 0 or self.most_chase_ticks < -1 or self.band_ticks < 0:
            raise InputError(
                "a peg needs limit_ticks >= 0, most_chase_ticks >= -1 and band_ticks >= 0, found "
                f"{self.limit_ticks}, {self.most_chase_ticks} and {self.band_ticks}"
            )

    def price(self, top: TopOfBook, *, side: int, first_ticks: int | None = None) -> int:
        """Where it should stand by this book.

        Parameters
        ----------
        top : TopOfBook
        side : int
            ±1.
        first_ticks : int, optional
            The price it began at, from which it is chased.

        Returns
        -------
        int
            A mid between two ticks goes to our side of it. A bound keeps it behind the book rather than out of the book.

        Raises
        ------
        InputError
            If the book has not two sides in order, or side is not ±1.
        """
        if side not in (1, -1) or not 0 < top.bid_ticks < top.ask_ticks:
            raise InputError(
                f"a peg wants side ±1 and a book with bid below ask, found {side}, {top.bid_ticks} and {top.ask_ticks}"
            )
        own, opposite = (top.bid_ticks, top.ask_ticks) if side > 0 else (top.ask_ticks, top.bid_ticks)
        mid = (own + opposite) / 2
        at = {"best": own, "mid": floor(mid) if side > 0 else ceil(mid), "opposite": opposite}[self.to]
        wanted = at + side * self.offset_ticks
        bounds = [wanted]
        if self.post_only:
            bounds.append(opposite - side)
        if self.limit_ticks:
            bounds.append(self.limit_ticks)
        if first_ticks is not None and self.most_chase_ticks >= 0:
            bounds.append(first_ticks + side * self.most_chase_ticks)
        return min(bounds) if side > 0 else max(bounds)

    def moved(self, top: TopOfBook, *, side: int, price_ticks: int, first_ticks: int | None = None) -> int | None:
        """Its new price, or None while the old one is near enough; a price beyond the limit is always moved."""
        wanted = self.price(top, side=side, first_ticks=first_ticks)
        beyond = self.limit_ticks and side * (price_ticks - self.limit_ticks) > 0
        return wanted if beyond or abs(wanted - price_ticks) > self.band_ticks else None
