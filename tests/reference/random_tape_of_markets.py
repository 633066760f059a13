"""A market tape whose books wander and thin out, with trades at, inside and through the best prices."""

from __future__ import annotations

import numpy as np

from counterpoise.core.units import SECOND_NS
from counterpoise.market.symbol import parse_instrument
from counterpoise.sim.env.tape import FEATURES, MarketTape

LINEAR = parse_instrument("binance_usdm:BTCUSDT", tick="0.1", lot="0.001")
INVERSE = parse_instrument("binance_coinm:BTCUSD_PERP", tick="0.1", lot="1")


def random_market_tape(seed: int, *, markets: int = 2, steps: int = 40, levels: int = 5) -> MarketTape:
    draw = np.random.default_rng(seed)
    ticks, lots = np.zeros((2, markets, steps, 2, levels), np.int64)
    offsets, trades = np.zeros((markets, steps + 1), np.int64), []
    for market in range(markets):
        mid = 600_000 + np.cumsum(draw.integers(-3, 4, steps))
        offsets[market, 0] = len(trades)
        for step in range(steps):
            for side in range(2):
                away = np.cumsum(draw.integers(1, 3, levels))
                ticks[market, step, side] = mid[step] - (1 - 2 * side) * away
                lots[market, step, side] = draw.integers(1, 2000, levels)
                found = draw.integers(1, levels + 1)
                lots[market, step, side, found:] = 0
                ticks[market, step, side, found:] = ticks[market, step, side, found - 1]
            for _ in range(draw.integers(0, 5)):
                trades.append((draw.choice((-1, 0, 1)), mid[step] + draw.integers(-3, 4), draw.integers(1, 1500)))
            offsets[market, step + 1] = len(trades)
    features = draw.normal(size=(steps, markets * len(FEATURES)))
    features[:, FEATURES.index("volatility_bps")] = draw.uniform(0.5, 2, steps)
    return MarketTape(
        instruments=(LINEAR, INVERSE)[:markets],
        first_ns=1_700_000_000 * SECOND_NS,
        step_ns=SECOND_NS,
        ticks=ticks,
        lots=lots,
        offsets=offsets,
        trades=np.array(trades, np.int64).reshape(-1, 3),
        features=features,
        noise=draw.uniform(0, 3, (markets, steps)),
        sound=np.ones(steps, np.bool_),
    )
