"""The mark of a market, its band, and what its perpetual owes.

    last     price of the last trade        mid     (bid + ask) / 2        index    price of the index
    median   of index × (1 + last rate × time to funding / interval), index + mean of the last 30 of (mid − index), and last

A half is rounded up. A part that is missing (no trade, an empty side, no index) leaves the mark as it was. The median is the
rule of Binance for USD-M perpetuals ("Mark price and price index"), where samples are a second apart.

So is funding ("Introduction to Binance futures funding rates"): the premium is (max(0, impact bid − index) − max(0, index −
impact ask)) / index, its mean over the interval weights the i-th sample by i, and the rate is premium + clamp(interest −
premium, ±clamp), at most the cap. An impact price is the mean price of taking `IMPACT_LOTS` from a side; samples in which a
side shows less are left out and counted.
"""

from __future__ import annotations

from typing import Final

from counterpoise.core.arrays import Int1D
from counterpoise.core.jit import inner_kernel, whole_kernel
from counterpoise.sim.exchange.kernels.codes import MARK_INDEX, MARK_LAST, MARK_MID
from counterpoise.sim.exchange.kernels.layout import (
    ACCOUNT_COUNT,
    ASKS,
    BAND_HIGH,
    BAND_LOW,
    BAND_PPM,
    BASIS,
    BASIS_COUNT,
    BEST,
    BIDS,
    CASH,
    COUNT,
    CURRENCY,
    FUNDING_CAP,
    FUNDING_CLAMP,
    FUNDING_INTERVAL,
    FUNDING_PAID,
    FUNDING_RATE,
    IMPACT_LOTS,
    INDEX,
    INTEREST,
    LAST_PRICE,
    LEVEL_LOTS,
    MARK,
    MARK_RULE,
    MARKET_NUMBER,
    MAX_PRICE,
    NEXT_FUNDING,
    NEXT_SAMPLE,
    NO_KEY,
    POSITION_LOTS,
    PREMIUM_COUNT,
    PREMIUM_MISSED,
    PREMIUM_SUM,
    SAMPLE_NS,
    VENUE,
)
from counterpoise.sim.exchange.kernels.levels import level_at, next_below, side_of
from counterpoise.sim.exchange.kernels.money import share, value_of
from counterpoise.sim.exchange.kernels.orders import money_at, position_at

__all__ = ["BASIS_SAMPLES", "fund", "funding_due", "premium_ppb", "set_mark", "take_sample", "wanted_mark"]

BASIS_SAMPLES: Final = 30
_BILLION: Final = 1_000_000_000
_MILLION: Final = 1_000_000  # of a band; and ns of a millisecond


@inner_kernel
def _mid_times_two(ex: Int1D, market: int) -> int:
    bid, ask = ex[market + BIDS + BEST], ex[market + ASKS + BEST]
    return 0 if bid == NO_KEY or ask == NO_KEY else bid - ask


@inner_kernel
def _median(a: int, b: int, c: int) -> int:
    return max(min(a, b), min(max(a, b), c))


@inner_kernel
def wanted_mark(ex: Int1D, market: int, ts: int) -> int:
    """Mark [ticks] by the market's rule, 0 when a part of it is missing."""
    rule, index, last = ex[market + MARK_RULE], ex[market + INDEX], ex[market + LAST_PRICE]
    if rule == MARK_LAST:
        return last
    if rule == MARK_MID:
        return (_mid_times_two(ex, market) + 1) // 2
    if rule == MARK_INDEX:
        return index
    count = min(ex[market + BASIS_COUNT], BASIS_SAMPLES)
    if index == 0 or last == 0 or count == 0:
        return 0
    total = 0
    for i in range(count):
        total += ex[market + BASIS + i]
    by_basis = index + (total + count) // (2 * count)
    by_funding = index
    if ex[market + FUNDING_INTERVAL]:
        whole = ex[market + FUNDING_INTERVAL] // _MILLION
        left = min(max((ex[market + NEXT_FUNDING] - ts) // _MILLION, 0), whole)
        by_funding += (share(index * ex[market + FUNDING_RATE], left, whole) + _BILLION // 2) // _BILLION
    return _median(by_funding, by_basis, last)


@inner_kernel
def set_mark(ex: Int1D, market: int, mark: int) -> None:
    """Put the mark, and the band around it, where it belongs; 0 changes nothing."""
    if mark <= 0:
        return
    ex[market + MARK] = mark
    band = ex[market + BAND_PPM]
    if band:
        ex[market + BAND_LOW] = -(-(mark * (_MILLION - band)) // _MILLION)
        ex[market + BAND_HIGH] = min(mark * (_MILLION + band) // _MILLION, ex[market + MAX_PRICE])


@inner_kernel
def _impact_cost(ex: Int1D, market: int, side: int, lots: int) -> int:
    """Ticks × lots of taking lots from a side, shown ones only; −1 when it holds less."""
    book, cost = side_of(market, side), 0
    key = ex[book + BEST]
    for level in range(ex[book + COUNT]):
        if level:
            key = next_below(ex, book, key)
        taken = min(lots, ex[level_at(ex, book, key) + LEVEL_LOTS])
        cost += taken * side * key
        lots -= taken
        if lots == 0:
            return cost
    return -1


@inner_kernel
def _parts_per_billion(part: int, whole: int) -> int:
    """part × 10⁹ / whole, rounded down, digit by digit so that nothing leaves 64 bits. Assumes 0 < whole < 2⁵⁹."""
    ratio = part // whole
    rest = part - ratio * whole
    for _ in range(9):
        digit = 10 * rest // whole
        rest = 10 * rest - digit * whole
        ratio = 10 * ratio + digit
    return ratio


@inner_kernel
def premium_ppb(ex: Int1D, market: int) -> int:
    """Premium of the book over the index in 10⁻⁹, rounded down; NO_KEY when the index or the depth of a side is missing."""
    index, lots = ex[market + INDEX], ex[market + IMPACT_LOTS]
    bid, ask = _impact_cost(ex, market, 1, lots), _impact_cost(ex, market, -1, lots)
    if index == 0 or bid < 0 or ask < 0:
        return NO_KEY
    whole = index * lots
    return _parts_per_billion(max(0, bid - whole) - max(0, whole - ask), whole)


@whole_kernel
def take_sample(ex: Int1D, market: int, ts: int) -> None:
    """Sample basis and premium, once in `SAMPLE_NS` at most."""
    if ts < ex[market + NEXT_SAMPLE]:
        return
    step = ex[market + SAMPLE_NS]
    ex[market + NEXT_SAMPLE] = ts // step * step + step
    both, index = _mid_times_two(ex, market), ex[market + INDEX]
    if both and index:
        ex[market + BASIS + ex[market + BASIS_COUNT] % BASIS_SAMPLES] = both - 2 * index
        ex[market + BASIS_COUNT] += 1
    premium = premium_ppb(ex, market)
    if premium == NO_KEY:
        ex[market + PREMIUM_MISSED] += 1
        return
    ex[market + PREMIUM_COUNT] += 1
    ex[market + PREMIUM_SUM] += ex[market + PREMIUM_COUNT] * premium


@inner_kernel
def _rate_ppb(ex: Int1D, market: int) -> int:
    """Rate of the interval that ends in 10⁻⁹; 0 without a sample."""
    count = ex[market + PREMIUM_COUNT]
    if count == 0:
        return 0
    premium = ex[market + PREMIUM_SUM] // (count * (count + 1) // 2)
    clamp, cap = ex[market + FUNDING_CLAMP], ex[market + FUNDING_CAP]
    rate = premium + min(max(ex[market + INTEREST] - premium, -clamp), clamp)
    return min(max(rate, -cap), cap)


@inner_kernel
def funding_due(ex: Int1D, market: int, ts: int) -> bool:
    """Whether an interval has ended, and there is a mark to pay at; the first interval ends at its next whole multiple."""
    interval = ex[market + FUNDING_INTERVAL]
    if interval and ex[market + NEXT_FUNDING] == 0:
        ex[market + NEXT_FUNDING] = ts // interval * interval + interval
    return interval > 0 and ts >= ex[market + NEXT_FUNDING] and ex[market + MARK] > 0


@whole_kernel
def fund(ex: Int1D, market: int, ts: int) -> None:
    """Longs pay shorts rate × value at the mark (of a negative rate the other way), each to the nearest grain, halves up.

    What the roundings leave is the venue's. O(accounts).
    """
    rate, mark, number = _rate_ppb(ex, market), ex[market + MARK], ex[market + MARKET_NUMBER]
    left = 0
    for account in range(ex[ACCOUNT_COUNT]):
        position = position_at(ex, account, number)
        lots = ex[position + POSITION_LOTS]
        if lots:
            value = value_of(ex, market, mark, abs(lots))
            whole = value // _BILLION
            paid = whole * rate + ((value - whole * _BILLION) * rate + _BILLION // 2) // _BILLION
            paid = paid if lots > 0 else -paid
            ex[money_at(ex, account, ex[market + CURRENCY]) + CASH] -= paid
            ex[position + FUNDING_PAID] += paid
            left += paid
    ex[money_at(ex, VENUE, ex[market + CURRENCY]) + CASH] += left
    ex[market + FUNDING_RATE] = rate
    ex[market + PREMIUM_COUNT], ex[market + PREMIUM_SUM] = 0, 0
    interval = ex[market + FUNDING_INTERVAL]
    ex[market + NEXT_FUNDING] = ts // interval * interval + interval
