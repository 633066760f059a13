"""The Avellaneda-Stoikov maker as a plain loop over plain numbers."""

from __future__ import annotations

from math import exp

from reference.naive_market import Xoshiro


def path(model, dt, widths, skews, random: Xoshiro, mid=100.0):
    """Profit and inventory at the end of one path."""
    cash, held, price = 0.0, 0, mid
    for width, skew in zip(widths, skews, strict=True):
        bid = price - held * skew - width / 2
        ask = price - held * skew + width / 2
        bought = random.uniform() < model.intensity * dt * exp(-model.kappa * (price - bid))
        sold = random.uniform() < model.intensity * dt * exp(-model.kappa * (ask - price))
        cash += sold * ask - bought * bid
        held += bought - sold
        price += model.sigma * dt**0.5 * (1 if random.uniform() < 0.5 else -1)
    return cash + held * price, held
