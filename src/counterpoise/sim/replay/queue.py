"""Who stands ahead of a resting order of ours: queue models by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from counterpoise.core.errors import ConfigError, UnknownName
from counterpoise.sim.kernels.replay_state import CONSERVATIVE, EXACT, LOG, POWER

__all__ = ["QUEUE_MODELS", "QueueModel"]

QUEUE_MODELS: Final = {
    "conservative": "cancels come from behind us, until the level is smaller than what is ahead",
    "proportional": "every lot of the level is as likely to be cancelled as any other; the same as power:1",
    "power:N": "a cancel comes from behind with chance back^N / (back^N + front^N)",
    "log": "a cancel comes from behind with chance ln(1 + back) / (ln(1 + back) + ln(1 + front))",
    "exact": "the recording names every order: who came before us is ahead, who came after is not",
}
_MOST: Final = 20.0  # of an exponent: beyond it every cancel comes from the longer part


@dataclass(frozen=True, slots=True)
class QueueModel:
    """What is assumed of the queue at the price of a resting order.

    All models agree that an order joins behind all that is displayed, that trades at its price eat what is ahead first, and
    that no more can be ahead than the level holds. They differ in whose lots a cancel takes, front of us or back of us:

        ahead ← ahead − (1 − p)·cancelled + min(back − p·cancelled, 0),    p = f(back) / (f(back) + f(front))

    where cancelled is the fall of the level less what traded there since it last changed. `QUEUE_MODELS` says f in words.

    Attributes
    ----------
    name : str
        As it was parsed.
    code : int
        Of `counterpoise.sim.kernels.replay_state`.
    power : float
        Exponent N of ``power:N``.

    Notes
    -----
    The probability models are those of hftbacktest: ``PowerProbQueueFunc`` and ``LogProbQueueFunc`` with sizes counted in
    lots; what is ahead is kept to 1/1024 of a lot and is never below 0, where it has it fall below and fills the difference by
    the next trade. Only the conservative model errs on one side; with the others the expected place is right if the chance is.
    ``exact`` needs rows that name orders (flag ORDER), which LOBSTER recordings have; levels that come into view without a name
    are ahead of us.

    References
    ----------
    Rigtorp (2013), "Estimating order queue position". Moallemi, Yuan (2016), "A model for queue position valuation in a limit
    order book": what a place is worth.

    Examples
    --------
    >>> QueueModel.parse("power:3").power
    3.0
    """

    name: str = "conservative"
    code: int = CONSERVATIVE
    power: float = 1.0

    @classmethod
    def parse(cls, text: str) -> QueueModel:
        """A model by its name.

        Raises
        ------
        UnknownName
            If there is none of that name.
        ConfigError
            If the exponent of ``power:N`` is not a number in (0, 20].
        """
        name, colon, exponent = text.partition(":")
        if name == "power":
            return cls(text, POWER, _exponent(exponent, text))
        codes = {"conservative": CONSERVATIVE, "proportional": POWER, "log": LOG, "exact": EXACT}
        if name not in codes or colon:
            raise UnknownName("queue model", text, QUEUE_MODELS)
        return cls(text, codes[name])

    @property
    def assumes(self) -> str:
        """In words, for a report."""
        return QUEUE_MODELS["power:N" if self.name.startswith("power:") else self.name].replace("N", f"{self.power:g}")


def _exponent(text: str, whole: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not 0 < value <= _MOST:
        raise ConfigError(f"queue model {whole!r}: expected power:N with N in (0, {_MOST:g}], such as power:3")
    return value
