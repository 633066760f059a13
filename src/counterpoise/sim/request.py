"""What we ask of a simulated venue, and the answer to what cannot be asked."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

from counterpoise.market.order import OrderState, OrderUpdate, RejectReason

__all__ = ["Request", "What", "rejected"]

What: TypeAlias = Literal["submit", "submit again", "amend", "cancel", "query"]


class Request(NamedTuple):
    """Something that we ask of the venue; price and size are an amendment's."""

    what: What
    client_id: str
    qty_lots: int = 0
    price_ticks: int = 0


def rejected(ts_ns: int, client_id: str, reason: RejectReason | None) -> OrderUpdate:
    """The answer that a request or an order was not taken."""
    return OrderUpdate(ts_ns=ts_ns, client_id=client_id, state=OrderState.REJECTED, left_lots=0, reason=reason)
