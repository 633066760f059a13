"""Orders, fills, and the state changes that are legal.

An order reaches a venue only as `Approved`; a limit that says no gives `Refused`. Both are values, not exceptions.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from counterpoise.core.errors import InputError

__all__ = [
    "Approved",
    "Conditions",
    "Decision",
    "Fill",
    "Order",
    "OrderState",
    "OrderStatus",
    "OrderType",
    "OrderUpdate",
    "PriceReference",
    "Refused",
    "RejectReason",
    "TimeInForce",
    "Trigger",
    "TriggerKind",
    "fills_of",
    "require_transition",
    "tells_of_order",
]


class OrderType(StrEnum):
    LIMIT = "limit"
    MARKET = "market"


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class TriggerKind(StrEnum):
    """STOP waits for a price that is worse for the order's side (a buy for a rise), TAKE_PROFIT for a better one."""

    STOP = "stop"
    TAKE_PROFIT = "take_profit"


class PriceReference(StrEnum):
    LAST = "last"
    MARK = "mark"


class OrderState(StrEnum):
    """IN_FLIGHT and UNKNOWN orders count as live: the venue may hold them."""

    IN_FLIGHT = "in_flight"
    WORKING = "working"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    UNKNOWN = "unknown"

    @property
    def live(self) -> bool:
        return self in (OrderState.IN_FLIGHT, OrderState.WORKING, OrderState.UNKNOWN)


class RejectReason(StrEnum):
    """Why a venue said no, and in the comment what the sender should do."""

    WOULD_TAKE = "would_take"  # post-only crossed: re-price
    BELOW_MIN_NOTIONAL = "below_min_notional"  # stop: dust
    OFF_GRID = "off_grid"  # stop: not a whole, positive number of ticks and lots
    NO_LIQUIDITY = "no_liquidity"  # retry: the opposite side is empty
    BOOK_NOT_SYNCED = "book_not_synced"  # retry when the book is back
    UNKNOWN_ORDER = "unknown_order"  # query
    DUPLICATE_ID = "duplicate_id"  # query
    UNKNOWN_ACCOUNT = "unknown_account"  # stop
    UNKNOWN_MARKET = "unknown_market"  # stop
    HALTED = "halted"  # retry when the market is open, or rest a limit order if it holds an auction
    PRICE_BAND = "price_band"  # re-price: too far beyond the mark
    OUT_OF_REACH = "out_of_reach"  # re-price: too far from what rests in the book
    SIZE_LIMIT = "size_limit"  # re-size
    POSITION_LIMIT = "position_limit"  # stop, or reduce
    WOULD_NOT_REDUCE = "would_not_reduce"  # stop: there is no position to reduce
    CANNOT_FILL = "cannot_fill"  # retry: not all of a fill-or-kill order could be filled
    SELF_MATCH = "self_match"  # cancel the other order first
    TRIGGER_PASSED = "trigger_passed"  # send it without the trigger
    INSUFFICIENT_FUNDS = "insufficient_funds"  # re-size, or deposit
    VENUE_FULL = "venue_full"  # retry: no place for an order that rests
    MATCH_LIMIT = "match_limit"  # send the rest again
    NOT_SUPPORTED = "not_supported"  # send another kind of order
    QUOTE_EXPIRED = "quote_expired"  # ask again: too late, or the request was answered
    LAST_LOOK = "last_look"  # ask again, elsewhere: the dealer looked and declined
    ALL_OR_NONE = "all_or_none"  # take the size quoted, or ask for another


_LEGAL: Final = {
    OrderState.IN_FLIGHT: {
        OrderState.WORKING,
        OrderState.FILLED,
        OrderState.CANCELLED,
        OrderState.REJECTED,
        OrderState.UNKNOWN,
    },
    OrderState.WORKING: {OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.UNKNOWN},
    OrderState.UNKNOWN: {OrderState.WORKING, OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED},
    OrderState.FILLED: set[OrderState](),
    OrderState.CANCELLED: set[OrderState](),
    OrderState.REJECTED: set[OrderState](),
}


def require_transition(order_id: str, before: OrderState, after: OrderState) -> None:
    """Refuse a state change that cannot happen, such as a fill after a cancel."""
    if after not in _LEGAL[before]:
        raise InputError(f"order {order_id}: {before} cannot become {after}; reconcile with the venue")


class Trigger(msgspec.Struct, frozen=True, kw_only=True):
    """What an order waits for before it enters the book: a price, of the last trade or the mark."""

    kind: TriggerKind
    price_ticks: int
    reference: PriceReference = PriceReference.LAST

    def __post_init__(self) -> None:
        if self.price_ticks <= 0:
            raise InputError(f"a trigger at {self.price_ticks} ticks; expected a positive price")


class Conditions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an order asks for beyond side, size, price and life.

    Parameters
    ----------
    display_lots : int
        Lots an iceberg shows at a time; 0 shows all.
    reduce_only : bool
        Never fill more than the account's position of the other side.
    trigger : Trigger, optional
        Wait for it first.
    """

    display_lots: int = 0
    reduce_only: bool = False
    trigger: Trigger | None = None


_PLAIN: Final = Conditions()


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as intended.

    Parameters
    ----------
    client_id : str
        Deterministic and unique per venue; the venue refuses it twice.
    instrument : str
        ``venue:symbol``.
    side : int
        +1 buy, −1 sell.
    qty_lots : int
        > 0.
    price_ticks : int
        Limit price; 0 for a market order.
    conditions : Conditions, optional
        Left out of a journal where there are none.
    """

    client_id: str
    instrument: str
    side: int
    qty_lots: int
    type: OrderType = OrderType.LIMIT
    price_ticks: int = 0
    time_in_force: TimeInForce = TimeInForce.GTC
    conditions: Conditions | msgspec.UnsetType = msgspec.UNSET

    def __post_init__(self) -> None:
        if self.side not in (1, -1) or self.qty_lots <= 0:
            raise InputError(
                f"order {self.client_id}: side {self.side} and {self.qty_lots} lots; expected +1 or -1 and a positive size"
            )
        if self.price_ticks < 0 or (self.type is OrderType.LIMIT) != (self.price_ticks > 0):
            raise InputError(
                f"order {self.client_id}: a limit order needs a positive price and a market order none, "
                f"found {self.type} at {self.price_ticks} ticks"
            )
        if not 0 <= self.asks.display_lots <= self.qty_lots:
            raise InputError(f"order {self.client_id}: shows {self.asks.display_lots} lots; expected 0 to its {self.qty_lots}")

    @property
    def asks(self) -> Conditions:
        """Its conditions, those of a plain order where there are none."""
        return _PLAIN if isinstance(self.conditions, msgspec.UnsetType) else self.conditions


class Approved(msgspec.Struct, frozen=True):
    """An order that the limits let through; the only thing a venue takes."""

    order: Order


class Refused(msgspec.Struct, frozen=True):
    """An order that a limit stopped, and the limit in words."""

    order: Order
    reason: str


Decision: TypeAlias = Approved | Refused


class Fill(msgspec.Struct, frozen=True, kw_only=True, tag=True, omit_defaults=True):
    """One execution. `fee` is in the settle currency, negative for a rebate; `maker` when our order rested.

    `trade_id` is the venue's number of it, by which a fill told twice is known; 0 where the venue gives none.
    """

    ts_ns: int
    client_id: str
    instrument: str
    side: int
    price_ticks: int
    qty_lots: int
    fee: float
    maker: bool
    trade_id: int = 0


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A change of an order's state as the venue reports it.

    `left_lots` is what still rests, for a CANCELLED order what it left undone. A WORKING one with a `reason` says that an
    amendment was refused; REJECTED for DUPLICATE_ID or UNKNOWN_ORDER is the answer to a request, not the end of an order.
    """

    ts_ns: int
    client_id: str
    state: OrderState
    left_lots: int
    reason: RejectReason | None = None


class OrderStatus(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A venue's answer to the question what became of an order: all that it knows, not what is new.

    Parameters
    ----------
    ts_ns : int
    client_id : str
    state : OrderState, optional
        None: the venue has never had it.
    left_lots : int
        As of an `OrderUpdate`.
    fills : tuple of Fill
        From its first on.
    """

    ts_ns: int
    client_id: str
    state: OrderState | None
    left_lots: int = 0
    fills: tuple[Fill, ...] = ()


def tells_of_order(event: Fill | OrderUpdate | OrderStatus) -> bool:
    """Whether it tells of the order itself, not of a request about it or that there is none."""
    if isinstance(event, OrderStatus):
        return event.state is not None
    return isinstance(event, Fill) or event.reason not in (RejectReason.DUPLICATE_ID, RejectReason.UNKNOWN_ORDER)


def fills_of(event: Fill | OrderUpdate | OrderStatus) -> tuple[Fill, ...]:
    """Fills that it tells of, those that were told before among them."""
    if isinstance(event, Fill):
        return (event,)
    return event.fills if isinstance(event, OrderStatus) else ()
