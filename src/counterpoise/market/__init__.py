"""What the venue said: instruments, events, books, bars, and how far they can be trusted."""

from counterpoise.market.bars import BarStream, imbalance_bars, notional_bars, time_bars, trade_bars, volume_bars
from counterpoise.market.book import Book, Levels
from counterpoise.market.chain import chain_at, chain_quotes
from counterpoise.market.event import Events, Feed, merge_events
from counterpoise.market.instrument import Instrument, InstrumentKind
from counterpoise.market.order import (
    Approved,
    Conditions,
    Fill,
    Order,
    OrderState,
    OrderType,
    OrderUpdate,
    PriceReference,
    Refused,
    RejectReason,
    TimeInForce,
    Trigger,
    TriggerKind,
)
from counterpoise.market.quality import BookState, QualityReport, check_events
from counterpoise.market.sequence import Synchroniser, Update, Verdict, sequence_rule
from counterpoise.market.symbol import format_instrument, parse_instrument
from counterpoise.market.tree import Node, Tree, TreeHistory
from counterpoise.market.venue import TopOfBook, Venue, VenueEvent

__all__ = [
    "Approved",
    "BarStream",
    "Book",
    "BookState",
    "Conditions",
    "Events",
    "Feed",
    "Fill",
    "Instrument",
    "InstrumentKind",
    "Levels",
    "Node",
    "Order",
    "OrderState",
    "OrderType",
    "OrderUpdate",
    "PriceReference",
    "QualityReport",
    "Refused",
    "RejectReason",
    "Synchroniser",
    "TimeInForce",
    "TopOfBook",
    "Tree",
    "TreeHistory",
    "Trigger",
    "TriggerKind",
    "Update",
    "Venue",
    "VenueEvent",
    "Verdict",
    "chain_at",
    "chain_quotes",
    "check_events",
    "format_instrument",
    "imbalance_bars",
    "merge_events",
    "notional_bars",
    "parse_instrument",
    "sequence_rule",
    "time_bars",
    "trade_bars",
    "volume_bars",
]
