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


def bounded_value(model, limit, left, steps):
    """v of the inventories −limit … limit at a time to the horizon: Runge and Kutta's rule on the equations as printed."""
    alpha = model.kappa / 2 * model.gamma * model.sigma**2
    eta = model.intensity * (1 + model.gamma / model.kappa) ** -(1 + model.kappa / model.gamma)
    held = range(-limit, limit + 1)

    def slope(v):
        padded = [0.0, *v, 0.0]
        return [eta * (padded[i] + padded[i + 2]) - alpha * q * q * padded[i + 1] for i, q in enumerate(held)]

    def moved(v, by, step):
        return [a + step * b for a, b in zip(v, by, strict=True)]

    v, h = [1.0] * (2 * limit + 1), left / steps
    for _ in range(steps):
        a = slope(v)
        b = slope(moved(v, a, h / 2))
        c = slope(moved(v, b, h / 2))
        d = slope(moved(v, c, h))
        v = [x + h / 6 * (p + 2 * q + 2 * r + s) for x, p, q, r, s in zip(v, a, b, c, d, strict=True)]
    return v


def bounded_path(model, dt, below, above, random: Xoshiro, mid=100.0):
    """Profit and inventory of one path with quotes given by step and inventory."""
    cash, held, price, limit = 0.0, 0, mid, len(below[0]) // 2
    for bids, asks in zip(below, above, strict=True):
        bid, ask = price - bids[held + limit], price + asks[held + limit]
        bought = random.uniform() < model.intensity * dt * exp(-model.kappa * (price - bid))
        sold = random.uniform() < model.intensity * dt * exp(-model.kappa * (ask - price))
        cash += (ask if sold else 0.0) - (bid if bought else 0.0)
        held += bought - sold
        price += model.sigma * dt**0.5 * (1 if random.uniform() < 0.5 else -1)
    return cash + held * price, held
