"""Which rule follows which venue's book channel today."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from counterpoise.core.errors import UnknownName
from counterpoise.market.sequence.binance import BinanceFutures, BinanceSpot
from counterpoise.market.sequence.counted import Bybit, CoinbaseAdvanced, KrakenFutures
from counterpoise.market.sequence.kraken import KrakenV2
from counterpoise.market.sequence.linked import Deribit, Okx
from counterpoise.market.sequence.rule import SequenceRule
from counterpoise.market.sequence.unnumbered import BitMex, Hyperliquid, Unsequenced

__all__ = ["RULES", "sequence_rule"]

RULES: Final[dict[str, Callable[[], SequenceRule]]] = {
    "binance": BinanceSpot,
    "binance_coinm": BinanceFutures,
    "binance_options": BinanceFutures,
    "binance_usdm": BinanceFutures,
    "bitmex": BitMex,
    "bybit": Bybit,
    "bybit_spot": Bybit,
    "coinbase": CoinbaseAdvanced,
    "deribit": Deribit,
    "dydx": Unsequenced,
    "hyperliquid": Hyperliquid,
    "kraken": KrakenV2,
    "kraken_futures": KrakenFutures,
    "okx": Okx,
}


def sequence_rule(venue: str) -> SequenceRule:
    """A fresh rule for a venue's book.

    Raises
    ------
    UnknownName
        If the venue has none.
    """
    try:
        return RULES[venue]()
    except KeyError:
        raise UnknownName("venue with a sequence rule", venue, RULES) from None
