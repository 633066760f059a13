"""How the queues at the touch live: Cont, Stoikov and Talreja's birth and death of unit orders."""

from __future__ import annotations

from math import ceil, inf, sqrt

import numpy as np

from counterpoise.core.arrays import Float1D
from counterpoise.core.config import Config
from counterpoise.core.errors import InputError

__all__ = ["QueueRates"]


class QueueRates(Config, frozen=True, kw_only=True):
    """Rates of events at the best price of one side, orders of unit size.

    Parameters
    ----------
    limit : float
        λ: new orders [1/s], ≥ 0.
    market : float
        μ: orders taken by market orders [1/s], > 0.
    cancel : float
        θ: cancellations of each order that stands [1/s], ≥ 0.

    References
    ----------
    Cont, Stoikov, Talreja (2010), Operations Research 58, doi:10.1287/opre.1090.0780, section 2.
    """

    limit: float
    market: float
    cancel: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.limit < inf and 0 < self.market < inf and 0 <= self.cancel < inf):
            raise InputError(
                "a queue needs finite rates limit >= 0, market > 0 and cancel >= 0, found "
                f"{self.limit}, {self.market} and {self.cancel}"
            )

    def deaths(self, most: int) -> Float1D:
        """(most,) rate at which a queue of 1, 2, … orders loses one."""
        return np.asarray(self.market + self.cancel * np.arange(1, most + 1), np.float64)

    def longest(self, at_least: int) -> int:
        """Orders at which a queue may be cut off: far above where it is drawn to, and above what is given.

        A queue without cancellation may wander: it is cut off at ten times what is given and 100, where a fair walk's odds are
        felt in the fourth decimal.
        """
        if self.cancel > 0:
            rest = max(self.limit - self.market, 0.0) / self.cancel
            spread = sqrt((self.limit + self.market) / self.cancel)
            return at_least + ceil(rest + 10 * spread) + 20
        return 10 * at_least + 100
