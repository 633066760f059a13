"""Limits in front of every order: approved or refused, as a value."""

from __future__ import annotations

from counterpoise.core.config import Config
from counterpoise.core.errors import InputError
from counterpoise.core.units import BPS
from counterpoise.market.instrument import Instrument
from counterpoise.market.order import Approved, Decision, Order, OrderType, Refused
from counterpoise.market.quality import BookState
from counterpoise.market.venue import TopOfBook

__all__ = ["Limits", "approve"]


class Limits(Config, frozen=True, kw_only=True):
    """Hard bounds; an order past one of them is not sent.

    Parameters
    ----------
    max_order_notional : float
        Greatest value of one order [quote].
    max_position : float
        Greatest absolute position after all live orders fill [venue quantity unit]; an order that makes it smaller may pass.
    price_band_bps : float
        How far beyond the opposite touch a limit price may reach.
    """

    max_order_notional: float = 5_000_000.0
    max_position: float = 1e9
    price_band_bps: float = 50.0

    def __post_init__(self) -> None:
        if not all(limit > 0 for limit in (self.max_order_notional, self.max_position, self.price_band_bps)):
            raise InputError(
                f"limits must be positive, found {self.max_order_notional}, {self.max_position}, {self.price_band_bps}"
            )


def approve(
    order: Order, limits: Limits, instrument: Instrument, *, top: TopOfBook, signed_position_lots: int, signed_live_lots: int
) -> Decision:
    """Hold one order against the limits.

    Parameters
    ----------
    top : TopOfBook
        Best prices as shown now.
    signed_position_lots, signed_live_lots : int
        What is held, and what working and in-flight orders may add.
    """
    if top.state is not BookState.SYNCED:
        return Refused(order, f"the book is {top.state.name}; an order needs a SYNCED one")
    opposite = top.ask_ticks if order.side > 0 else top.bid_ticks
    if not opposite:
        return Refused(order, "the opposite side is empty: no price to hold the order against; wait for the book to fill")
    price = order.price_ticks if order.type is OrderType.LIMIT else opposite
    notional = float(instrument.notional(price, order.qty_lots))
    if notional > limits.max_order_notional:
        return Refused(order, f"order value {notional:,.0f} exceeds max_order_notional {limits.max_order_notional:,.0f}")
    before_lots = signed_position_lots + signed_live_lots
    after_lots = before_lots + order.side * order.qty_lots
    after = instrument.qty(abs(after_lots))
    if after > limits.max_position and abs(after_lots) > abs(before_lots):
        return Refused(order, f"position could reach {after:g}, beyond max_position {limits.max_position:g}")
    beyond = order.side * (price - opposite)
    if beyond > opposite * limits.price_band_bps * BPS:
        return Refused(order, f"price {instrument.price(price):g} reaches beyond price_band_bps {limits.price_band_bps:g}")
    return Approved(order)
