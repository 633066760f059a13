"""The flat array of a new exchange."""

from __future__ import annotations

from math import ceil
from typing import Final

import numpy as np

from counterpoise.core.arrays import Int1D
from counterpoise.core.errors import InputError
from counterpoise.sim.exchange.kernels import codes, layout
from counterpoise.sim.exchange.kernels.outputs import EXCHANGE_TAPE_COLUMNS
from counterpoise.sim.exchange.rules import ExchangeConfig, FundingRules, MarketRules

__all__ = ["RESERVED_ACCOUNTS", "new_exchange", "new_outputs"]

RESERVED_ACCOUNTS: Final = 2  # the venue and its fund
_PAYOFFS: Final = {"linear": layout.LINEAR, "inverse": layout.INVERSE, "spot": layout.SPOT}
_MARKS: Final = {"last": codes.MARK_LAST, "mid": codes.MARK_MID, "index": codes.MARK_INDEX, "median": codes.MARK_MEDIAN}
_NO_FUNDING: Final = FundingRules()  # samples of the basis are taken all the same
_SELF_TRADE: Final = {
    "allowed": codes.SELF_TRADE_ALLOWED,
    "cancel_newest": codes.CANCEL_NEWEST,
    "cancel_oldest": codes.CANCEL_OLDEST,
    "cancel_both": codes.CANCEL_BOTH,
    "decrement": codes.DECREMENT,
}


def new_exchange(config: ExchangeConfig) -> Int1D:
    """An exchange with empty books and empty accounts.

    Parameters
    ----------
    config : ExchangeConfig

    Returns
    -------
    (n,) int64
        As `counterpoise.sim.exchange.kernels.layout`; markets and currencies are numbered as in the config, accounts from 2.
    """
    markets, accounts = len(config.markets), config.accounts + RESERVED_ACCOUNTS
    account_size = layout.FIRST_MONEY + layout.MONEY_SIZE * len(config.currencies)
    sizes = {
        layout.FEES: 2 * len(config.fee_tiers),
        layout.TOUCHED: config.max_fills + 8,
        layout.MARKETS: markets * layout.MARKET_SIZE,
        layout.ACCOUNTS: accounts * account_size,
        layout.POSITIONS: accounts * markets * layout.POSITION_SIZE,
        layout.ORDERS: config.orders * layout.ORDER_SIZE,
    }
    at, addresses = layout.HEAD_SIZE, {}
    for slot, size in sizes.items():
        addresses[slot] = at
        at += -(-size // 8) * 8  # rows begin where a cache line does, if the array does
    rings = [at]
    for rules in config.markets:
        rings.append(rings[-1] + 2 * _ring_size(rules))
    ex = np.zeros(rings[-1], np.int64)
    for slot, address in addresses.items():
        ex[slot] = address
    _fill_head(ex, config, account_size)
    for number, rules in enumerate(config.markets):
        _fill_market(ex, config, number, rules, rings[number])
    return ex


def new_outputs(config: ExchangeConfig, *, requests: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """A tape and reports with room for at least so many requests, whatever they do.

    Parameters
    ----------
    config : ExchangeConfig
    requests : int

    Returns
    -------
    tape : (n, EXCHANGE_TAPE_COLUMNS) int64
    reports : (n, REPORT_COLUMNS) int64

    Raises
    ------
    InputError
        If there is not one request.
    """
    if requests < 1:
        raise InputError(f"outputs for {requests} requests; expected at least 1")
    rows = requests * (2 * config.max_fills + 8)
    return np.zeros((rows, EXCHANGE_TAPE_COLUMNS), np.int64), np.zeros((rows, codes.REPORT_COLUMNS), np.int64)


def _ring_size(rules: MarketRules) -> int:
    words = ceil(rules.reach_ticks / 64)
    return -(-(rules.reach_ticks * layout.LEVEL_SIZE + words + ceil(words / 64)) // 8) * 8


def _fill_head(ex: Int1D, config: ExchangeConfig, account_size: int) -> None:
    ex[layout.ORDER_BITS] = config.orders.bit_length() - 1
    ex[layout.MARKET_COUNT] = len(config.markets)
    ex[layout.ACCOUNT_COUNT] = config.accounts + RESERVED_ACCOUNTS
    ex[layout.ACCOUNT_SIZE] = account_size
    ex[layout.CURRENCY_COUNT] = len(config.currencies)
    ex[layout.FEE_TIERS] = len(config.fee_tiers)
    ex[layout.MAX_FILLS] = config.max_fills
    ex[layout.QUOTING] = config.quotes
    ex[layout.HOLD_PPM] = max(0, *(max(fees.maker_ppm, fees.taker_ppm) for fees in config.fee_tiers))
    for tier, fees in enumerate(config.fee_tiers):
        ex[ex[layout.FEES] + 2 * tier] = fees.maker_ppm
        ex[ex[layout.FEES] + 2 * tier + 1] = fees.taker_ppm
    places = ex[layout.ORDERS] + layout.ORDER_SIZE * np.arange(config.orders)
    ex[places[1:-1] + layout.NEXT] = places[2:]  # place 0 is not free
    ex[layout.FREE] = places[1]


def _fill_market(ex: Int1D, config: ExchangeConfig, number: int, rules: MarketRules, ring: int) -> None:
    market = int(ex[layout.MARKETS]) + number * layout.MARKET_SIZE
    words = ceil(rules.reach_ticks / 64)
    for side, start in ((layout.BIDS, ring), (layout.ASKS, ring + _ring_size(rules))):
        ex[market + side + layout.BEST] = layout.NO_KEY
        ex[market + side + layout.LEVELS] = start
        ex[market + side + layout.BITS] = start + rules.reach_ticks * layout.LEVEL_SIZE
        ex[market + side + layout.SUMS] = start + rules.reach_ticks * layout.LEVEL_SIZE + words
        ex[market + side + layout.MASK] = rules.reach_ticks - 1
    currencies = config.currencies
    terms = {
        layout.MARKET_NUMBER: number,
        layout.PAYOFF: _PAYOFFS[rules.payoff],
        layout.GRAINS: config.step_grains(rules),
        layout.CURRENCY: currencies.index(rules.money),
        layout.BASE: currencies.index(rules.instrument.base) if rules.payoff == "spot" else -1,
        layout.BASE_GRAINS: config.base_grains(rules),
        layout.TICK_STEP: rules.tick_step,
        layout.LOT_STEP: rules.lot_step,
        layout.MIN_LOTS: rules.min_lots,
        layout.MAX_LOTS: rules.max_lots,
        layout.MIN_VALUE: ceil(rules.instrument.least_notional / config.grain(rules.money)),
        layout.MAX_POSITION: config.position_limit(rules),
        layout.SELF_TRADE: _SELF_TRADE[rules.self_trade],
        layout.BAND_PPM: rules.band_ppm,
        layout.BAND_HIGH: rules.max_price_ticks,
        layout.MAX_PRICE: rules.max_price_ticks,
        layout.MARK_RULE: _MARKS[rules.mark],
        **_funding_terms(rules.funding or _NO_FUNDING),
        layout.FUNDING_INTERVAL: rules.funding.interval_ns if rules.funding else 0,
    }
    for slot, value in terms.items():
        ex[market + slot] = value


def _funding_terms(funding: FundingRules) -> dict[int, int]:
    return {
        layout.INTEREST: funding.interest_ppb,
        layout.FUNDING_CLAMP: funding.clamp_ppb,
        layout.FUNDING_CAP: funding.cap_ppb,
        layout.IMPACT_LOTS: funding.impact_lots,
        layout.SAMPLE_NS: funding.sample_ns,
    }
