"""An option chain over one perpetual: where its numbers stand, and what each option is worth to one who believes in a smile.

The perpetual's mid is the forward F of every expiry. Total variance at log-moneyness k = ln(K/F) is

    w(k) = L² · T/T₀ · (a + b (ρ(k − m) + √((k − m)² + σ²)))

a raw SVI smile at the opening (Gatheral and Jacquier 2014, arXiv 1204.0646, section 3) that moves with the forward, ages with
the time T to expiry, and is scaled by a level L whose logarithm is an Ornstein-Uhlenbeck process of mean 0. Values are
Black-76. A chain that settles in the coin has the premium V/F, whose own delta F ∂(V/F)/∂F = Δ − V/F its owners hedge.

Options stand expiry by expiry, strike by strike, the call and then the put: option i is market FIRST + i of the exchange.
"""

from __future__ import annotations

from math import exp, hypot, log, sqrt
from typing import Final

import numpy as np

from counterpoise.core.arrays import Float1D, Int1D, UInt2D
from counterpoise.core.jit import kernel
from counterpoise.options.kernels.black import black_value, log_moneyness, normal_cdf
from counterpoise.sim.agents.kernels.chance import normal
from counterpoise.sim.agents.kernels.layout import NOW
from counterpoise.sim.agents.kernels.wire import best_price

__all__ = [
    "CHAIN_HEAD",
    "CHAIN_INTS",
    "EXPIRY_SIZE",
    "E_A",
    "E_B",
    "E_LEFT_S",
    "E_M",
    "E_RHO",
    "E_SIGMA",
    "K_COIN",
    "K_COUNT",
    "K_FADE",
    "K_FIRST",
    "K_LEVEL",
    "K_LEVEL_SIGMA",
    "K_OPENING_NS",
    "K_PERP",
    "K_PERP_LOTS",
    "K_PERP_TICK",
    "K_STRIKES",
    "K_TICK",
    "OPTION_SIZE",
    "O_DELTA",
    "O_GAMMA",
    "O_STRIKE",
    "O_VALUE",
    "O_VEGA",
    "forward_of",
    "move_level",
    "option_row",
    "right_of",
    "value_chain",
]

YEAR_S: Final = 365.0 * 86_400.0

# integers of a chain, at the head of its agents' own
K_FIRST: Final = 0  # market of its first option
K_COUNT: Final = 1
K_STRIKES: Final = 2  # of each expiry
K_PERP: Final = 3  # market of the perpetual
K_COIN: Final = 4  # 1 when premiums are in the coin
K_OPENING_NS: Final = 5
CHAIN_INTS: Final = 6

# numbers of a chain: a head, a row an expiry, a row an option
K_TICK: Final = 0  # of an option's price [quote or coin]
K_PERP_TICK: Final = 1
K_PERP_LOTS: Final = 2  # of the perpetual for one lot of delta 1
K_LEVEL: Final = 3  # ln L
K_LEVEL_SIGMA: Final = 4  # its standard deviation
K_FADE: Final = 5  # how fast it returns [1/s]
CHAIN_HEAD: Final = 6

E_A: Final = 0
E_B: Final = 1
E_RHO: Final = 2
E_M: Final = 3
E_SIGMA: Final = 4
E_LEFT_S: Final = 5  # T₀, seconds from the opening
EXPIRY_SIZE: Final = 6

O_STRIKE: Final = 0  # [quote]
O_VALUE: Final = 1  # at the last look, in the premium's money
O_DELTA: Final = 2  # coins to hold against one coin's option
O_GAMMA: Final = 3  # change of delta for a relative move of 1
O_VEGA: Final = 4  # of the premium, for 1.00 of volatility
OPTION_SIZE: Final = 5


@kernel
def forward_of(ex: Int1D, reals: Float1D, ints: Int1D, at: int) -> float:
    """Mid of the perpetual [quote], 0 when a side is empty."""
    bid, ask = best_price(ex, ints[K_PERP], 1), best_price(ex, ints[K_PERP], -1)
    return 0.5 * (bid + ask) * reals[at + K_PERP_TICK] if bid > 0 and ask > 0 else 0.0


@kernel
def option_row(ints: Int1D, at: int, option: int) -> int:
    """Where the numbers of an option stand."""
    expiries = ints[K_COUNT] // (2 * ints[K_STRIKES])
    return at + CHAIN_HEAD + expiries * EXPIRY_SIZE + option * OPTION_SIZE


@kernel
def right_of(option: int) -> int:
    """+1 call, −1 put."""
    return 1 - 2 * (option & 1)


@kernel
def move_level(reals: Float1D, at: int, rng: UInt2D, stream: int, elapsed_s: float) -> None:
    """Let the level of volatility move for a time."""
    fade = exp(-reals[at + K_FADE] * elapsed_s)
    shock = reals[at + K_LEVEL_SIGMA] * sqrt(1.0 - fade * fade) * normal(rng, stream)
    reals[at + K_LEVEL] = fade * reals[at + K_LEVEL] + shock


@kernel
def value_chain(world: Int1D, reals: Float1D, ints: Int1D, at: int, forward: float) -> None:
    """Value, delta, gamma and vega of every option. Assumes that no expiry has passed and a forward above 0."""
    passed_s = (world[NOW] - ints[K_OPENING_NS]) * 1e-9
    for option in range(ints[K_COUNT]):
        expiry = at + CHAIN_HEAD + option // (2 * ints[K_STRIKES]) * EXPIRY_SIZE
        row = option_row(ints, at, option)
        strike, right = reals[row + O_STRIKE], right_of(option)
        years = (reals[expiry + E_LEFT_S] - passed_s) / YEAR_S
        k = log(strike / forward) - reals[expiry + E_M]
        smile = reals[expiry + E_A] + reals[expiry + E_B] * (reals[expiry + E_RHO] * k + hypot(k, reals[expiry + E_SIGMA]))
        deviation = exp(reals[at + K_LEVEL]) * sqrt(smile * (1.0 - passed_s / reals[expiry + E_LEFT_S]))
        d1 = log_moneyness(forward, strike) / deviation + 0.5 * deviation
        value, density = black_value(forward, strike, deviation, right), exp(-0.5 * d1 * d1) / sqrt(2.0 * np.pi)
        delta, gamma, vega = right * normal_cdf(right * d1), density / deviation, forward * density * sqrt(years)
        if ints[K_COIN]:
            coins = value / forward
            value, vega = coins, vega / forward
            delta, gamma = delta - coins, gamma - (delta - coins)
        reals[row + O_VALUE], reals[row + O_DELTA] = value, delta
        reals[row + O_GAMMA], reals[row + O_VEGA] = gamma, vega
