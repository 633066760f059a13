"""Linear equations that go one way, and a seller who tries every distance, as plain loops."""

from __future__ import annotations

from math import exp

import numpy as np


def advance(value, leave, gain):
    """e^B value by scaling, its series on whole matrices, and squaring."""
    n = len(value)
    matrix = np.zeros((n, n))
    for q in range(n):
        matrix[q, q] = -leave[q]
        if q:
            matrix[q, q - 1] = gain[q]
    halvings = 0
    while np.abs(matrix).sum() > 1:
        matrix, halvings = matrix / 2, halvings + 1
    whole = term = np.eye(n)
    for order in range(1, 30):
        term = term @ matrix / order
        whole = whole + term
    for _ in range(halvings):
        whole = whole @ whole
    return whole @ value


def worth(units, model, penalty, drift, steps):
    """Certainty equivalents of 0 … units above the mid: at each step of time the best of many distances, by no closed form."""
    distances = np.linspace(-penalty - 5, 40, 8001)
    rates = model.intensity * np.exp(-model.kappa * distances)
    h = model.horizon / steps

    def slope(c):
        out = [0.0]
        for q in range(1, units + 1):
            gains = rates * (1 - np.exp(-model.gamma * (distances + c[q - 1] - c[q]))) / model.gamma
            out.append(drift * q - model.gamma * model.sigma**2 * q * q / 2 + gains.max())
        return np.array(out)

    c = -penalty * np.arange(units + 1.0)
    for _ in range(steps):
        middle = c + h / 2 * slope(c)
        c = c + h * slope(middle)
    return c


def sell(model, distances, penalty, drift, paths, rng):
    """Cash at the end and units left of sellers who follow the distances of each step, on random paths of the mid."""
    steps, units = len(distances) - 1, distances.shape[1]
    step = model.horizon / steps
    mid, cash, left = np.zeros(paths), np.zeros(paths), np.full(paths, units)
    for i in range(steps):
        at = distances[i, np.maximum(left, 1) - 1]
        filled = (rng.random(paths) < -np.expm1(-step * model.intensity * np.exp(-model.kappa * at))) & (left > 0)
        cash += filled * (mid + at)
        left = left - filled
        mid += drift * step + model.sigma * step**0.5 * rng.standard_normal(paths)
    return cash + left * (mid - penalty), left


def risk_neutral(units, model, penalty, left):
    """w of a calm market by the sum that the authors print for no risk: Σ (ητ)^j/j! e^(−κb(q − j))."""
    eta = model.intensity * (1 + model.gamma / model.kappa) ** -(1 + model.kappa / model.gamma)
    out = []
    for q in range(units + 1):
        total, term = 0.0, 1.0
        for j in range(q + 1):
            total += term * exp(-model.kappa * penalty * (q - j))
            term *= eta * left / (j + 1)
        out.append(total)
    return out
