"""Black-76 with hundreds of decimals, straight from its definition: slow, and right to the last digit of a double."""

from __future__ import annotations

from decimal import Decimal, localcontext

DIGITS = 130
PI = Decimal(
    "3.14159265358979323846264338327950288419716939937510582097494459230781640628620899862803482534211706798214808651328230664709"
)


def normal_cdf(z: Decimal) -> Decimal:
    """N(z) = ½ + φ(z) Σ z^{2k+1}/(2k+1)!!; 100 digits are right for |z| ≤ 20, as many as π has."""
    term, total, k = z, Decimal(0), 0
    while abs(term) > Decimal(10) ** (-DIGITS):
        total += term
        k += 1
        term = term * z * z / (2 * k + 1)
    return Decimal("0.5") + (-z * z / 2).exp() / (2 * PI).sqrt() * total


def normalised(x: float, s: float) -> float:
    """b(x, s) = e^{x/2} N(x/s + s/2) − e^{−x/2} N(x/s − s/2)."""
    with localcontext() as context:
        context.prec = DIGITS
        k, v = Decimal(x), Decimal(s)
        return float((k / 2).exp() * normal_cdf(k / v + v / 2) - (-k / 2).exp() * normal_cdf(k / v - v / 2))


def price(forward: float, strike: float, years: float, sigma: float, sign: int) -> float:
    """± (F N(±d1) − K N(±d2))."""
    with localcontext() as context:
        context.prec = DIGITS
        f, k, s = Decimal(forward), Decimal(strike), Decimal(sigma) * Decimal(years).sqrt()
        d1 = (f / k).ln() / s + s / 2
        return float(sign * (f * normal_cdf(sign * d1) - k * normal_cdf(sign * (d1 - s))))


def deviation(x: float, beta: float) -> float:
    """s with b(x, s) = beta by halving an interval, for values a double of 16 digits can tell apart."""
    low, high = 1e-9, 40.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if normalised(x, middle) < beta else (low, middle)
    return 0.5 * (low + high)
