"""Sequence rules: is this message the next one of its book, and what to do when it is not."""

from counterpoise.market.sequence.binance import BinanceFutures, BinanceSpot
from counterpoise.market.sequence.counted import Bybit, CoinbaseAdvanced, KrakenFutures
from counterpoise.market.sequence.kraken import KrakenBook, KrakenV2, kraken_checksum
from counterpoise.market.sequence.linked import Deribit, Okx
from counterpoise.market.sequence.rule import SequenceRule, Update, Verdict
from counterpoise.market.sequence.rules import RULES, sequence_rule
from counterpoise.market.sequence.synchroniser import Synchroniser
from counterpoise.market.sequence.unnumbered import BitMex, Hyperliquid, Unsequenced

__all__ = [
    "RULES",
    "BinanceFutures",
    "BinanceSpot",
    "BitMex",
    "Bybit",
    "CoinbaseAdvanced",
    "Deribit",
    "Hyperliquid",
    "KrakenBook",
    "KrakenFutures",
    "KrakenV2",
    "Okx",
    "SequenceRule",
    "Synchroniser",
    "Unsequenced",
    "Update",
    "Verdict",
    "kraken_checksum",
    "sequence_rule",
]
