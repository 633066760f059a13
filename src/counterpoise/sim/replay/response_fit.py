"""A response model fitted from a recording, each parameter with its standard error and how many observations it has."""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec
import numpy as np
import polars as pl
from scipy.linalg import solve_toeplitz
from scipy.optimize import nnls

from counterpoise.core.arrays import Float1D, Float2D, Int1D
from counterpoise.core.config import Config
from counterpoise.core.errors import DataError, InputError, NumericalError
from counterpoise.core.units import HOUR_NS, SECOND_NS
from counterpoise.flow.bins import Bins
from counterpoise.flow.book.recovery import resilience as recoveries
from counterpoise.flow.book.sweeps import Sweeps
from counterpoise.flow.impact.fit import Z95, block_starts, draw_blocks, least_squares
from counterpoise.flow.impact.metaorders import metaorders
from counterpoise.flow.impact.power_law import power_law, power_law_impact
from counterpoise.flow.impact.square_root_fit import fit_square_root
from counterpoise.flow.measures import Measures
from counterpoise.market.event import TRADE, Events
from counterpoise.market.instrument import Instrument
from counterpoise.sim.replay.response import NO_FOLLOWERS, Followers, Resilience, ResponseModel

__all__ = ["Estimate", "ResponseFit", "fit_response"]

_BIN_NS: Final = SECOND_NS
_MILLION: Final = 1e6
_SIGN_LAGS: Final = 50
_FOLLOW_LAGS: Final = 400
_FOLLOW_HALF_LIVES: Final = (1, 4, 16, 64)  # mean times between orders
_DRAWS: Final = 200


class Estimate(Config, frozen=True, kw_only=True):
    """One fitted or assumed number; `se` is null where it was given, `value` where the recording does not say."""

    name: str
    value: float | None
    se: float | None
    n: int
    says: str


class ResponseFit(Config, frozen=True, kw_only=True):
    """A fitted response model, and where its numbers come from.

    Parameters
    ----------
    instrument : str
        Of the recording; a response is not for another one.
    model : ResponseModel
    estimates : tuple of Estimate
    """

    instrument: str
    model: ResponseModel
    estimates: tuple[Estimate, ...]

    @property
    def frame(self) -> pl.DataFrame:
        """One row an estimate."""
        schema = {"name": pl.String, "value": pl.Float64, "se": pl.Float64, "n": pl.Int64, "says": pl.String}
        return pl.DataFrame([msgspec.structs.asdict(one) for one in self.estimates], schema=schema)

    def to_json(self) -> bytes:
        """To save it."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2) + b"\n"

    @classmethod
    def from_json(cls, text: bytes, *, source: str = "<bytes>") -> ResponseFit:
        """What `to_json` wrote; all is checked as when it was made.

        Raises
        ------
        DataError
            If it is not that.
        """
        try:
            return msgspec.json.decode(text, type=cls)
        except (msgspec.DecodeError, msgspec.ValidationError, InputError) as error:
            raise DataError(f"{source} is no fitted response: {error}; write it with to_json") from error

    def to_html(self) -> str:
        """The frame as an HTML table."""
        return self.frame._repr_html_()

    def _repr_html_(self) -> str:
        return self.to_html()


class _Tape(NamedTuple):
    """Orders of a recording: trades of one side and one time of the venue are one."""

    signs: Float1D
    since_ns: int  # mean time between them
    qty: float  # traded in all
    span_ns: int


def fit_response(
    events: Events,
    instrument: Instrument,
    *,
    rng: np.random.Generator,
    exponent: float | None = 0.5,
    reacting: float = 0.1,
) -> ResponseFit:
    """Fit a response model: how far a trade moves the quotes, how soon levels refill, who cancels and who follows.

    Parameters
    ----------
    events : Events
        Depth and trades of one instrument; ten minutes are few.
    rng : numpy.random.Generator
        Of the bootstrap.
    exponent : float, optional
        β of the decay (1 + t/s)^(−β). The default ½ is the square-root law, which some minutes can neither show nor refute;
        None takes 1 − δ, with δ the exponent of impact on size over runs of orders on one side.
    reacting : float
        Share of the memory of order signs that is others following, in [0, 1]; the rest is orders worked in pieces. A
        recording that does not name who trades cannot tell.

    Returns
    -------
    ResponseFit
        `estimates` holds δ of the runs too, whichever exponent was taken.

    Raises
    ------
    InputError
        If a number is out of its bound, or the fitted followers come faster than the fitted impact decays.
    NumericalError
        If flow does not push the price its own way, or fewer than half of the sweeps recover.
    DataError
        If there are no trades of known side.

    Notes
    -----
    *Impact.* s is the mean time between orders. λ is the slope of 1 s returns on the displacement that the kernel with λ = 1
    predicts from all flow up to then, with Newey-West errors. It measures what trades of everybody go with, news included; ours
    are taken to know nothing, hence to leave nothing for ever.
    *Resilience.* Median times to half of the depth lost by sweeps of one level, and of more (`flow.book.recovery`).
    Cancels: Σ q (lost − q) / Σ q² over sweeps, lost being the greatest loss at the swept levels within 250 ms; all that went
    meanwhile counts, so it is an upper bound.
    *Followers.* An autoregression of order signs (Yule-Walker, 50 lags), its coefficients times `reacting`, gives how many
    orders follow one and when; lots are taken to follow lots as orders follow orders. Block-bootstrap errors.
    O(rows + lags²).

    References
    ----------
    Bouchaud, Gefen, Potters, Wyart (2004), arXiv cond-mat/0307332. Donier, Bonart (2015), arXiv 1412.4503: the square-root law
    over four decades of size on Bitcoin. Toth, Palit, Lillo, Farmer (2015), arXiv 1108.1632: the memory of signs is
    overwhelmingly orders worked in pieces.
    """
    if not 0 <= reacting <= 1 or (exponent is not None and not 0 < exponent < 1):
        raise InputError(f"reacting lies in [0, 1] and exponent in (0, 1); found {reacting} and {exponent}")
    tape = _tape(events, instrument)
    bins = _bins(events, instrument)
    runs = _runs(events, instrument, bins, tape)
    beta = 1 - float(runs.value or 0.0) if exponent is None else exponent
    if not 0 < beta < 1:
        raise NumericalError(f"impact of runs goes with size to the power {runs.value:.3g}: no decay; give exponent=0.5")
    level = _level(bins, beta=beta, since_ns=tape.since_ns)
    if level.value is None or level.value <= 0:
        raise NumericalError(f"the slope of returns on flow is {level.value}: flow does not push its own way; take more data")
    restored, found = _resilience(events, instrument)
    followers, follow = _followers(tape, reacting, rng)
    decay = Estimate(
        name="impact.exponent",
        value=beta,
        se=runs.se if exponent is None else None,
        n=runs.n if exponent is None else 0,
        says="decay of impact with time, 1 less that of runs" if exponent is None else "decay of impact with time, given",
    )
    since = Estimate(
        name="impact.since_s",
        value=tape.since_ns / SECOND_NS,
        se=None,
        n=len(tape.signs),
        says="mean time between orders, from where it decays",
    )
    impact = power_law_impact(bps_per_million=level.value, exponent=beta, since_ns=tape.since_ns, until_ns=HOUR_NS)
    model = ResponseModel(impact=impact, resilience=restored, followers=followers)
    return ResponseFit(instrument=instrument.id, model=model, estimates=(level, decay, since, runs, *found, *follow))


def _tape(events: Events, instrument: Instrument) -> _Tape:
    trades = (events.kind == TRADE) & (events.side != 0)
    ts, side = events.ts_venue[trades], events.side[trades]
    if len(ts) < 2:
        raise DataError(f"{instrument.id}: {len(ts)} trades of known side; a response needs thousands")
    begins = np.append(True, (np.diff(ts) != 0) | (np.diff(side) != 0))
    span = int(events.ts_local[-1] - events.ts_local[0])
    qty = float(events.qty_lots[trades].sum()) * instrument.qty_grid.size
    return _Tape(side[begins].astype(np.float64), span // int(begins.sum()), qty, span)


def _bins(events: Events, instrument: Instrument) -> pl.DataFrame:
    """Return [bps] and signed flow [millions of quote] of each second; NaN where the mid is not known at both ends."""
    measures = Measures(instrument, bins=Bins.every(_BIN_NS))
    measures.push(events)
    return measures.finish().select(
        change=(pl.col("mid_change") / (pl.col("mid") - pl.col("mid_change")) * 1e4).fill_null(float("nan")),
        flow=((pl.col("buy_notional") - pl.col("sell_notional")) / _MILLION).fill_null(0.0),
    )


def _level(bins: pl.DataFrame, *, beta: float, since_ns: int) -> Estimate:
    """λ: slope of returns on the displacement that the flow goes with when λ is 1."""
    change, flow = bins["change"].to_numpy(), bins["flow"].to_numpy()
    lags = np.asarray((np.arange(len(flow)) + 0.5) * _BIN_NS, np.float64)  # a bin's flow comes in its middle
    steps = np.diff(power_law(lags, exponent=beta, since_ns=since_ns), prepend=0.0)
    expected = np.convolve(flow, steps)[: len(flow)]
    known = np.isfinite(change)
    fit = least_squares(change[known], expected[known])
    return Estimate(
        name="impact.bps_per_million",
        value=float(fit.coefficients[1]),
        se=float(fit.errors[1]),
        n=fit.n,
        says=f"displacement at once; explains {fit.r2:.0%} of the variance of 1 s returns",
    )


def _runs(events: Events, instrument: Instrument, bins: pl.DataFrame, tape: _Tape) -> Estimate:
    """δ: exponent of impact on size, over runs of two orders or more on one side."""
    volatility = float(np.nanstd(bins["change"].to_numpy()))
    runs = metaorders(events, instrument).drop_nulls("impact_bps")
    volume = tape.qty / tape.span_ns * SECOND_NS
    fit = fit_square_root(runs, volume=pl.lit(volume), volatility=pl.lit(volatility))
    says = "exponent of impact on size over runs of orders on one side, a biased stand-in for orders worked in pieces"
    return Estimate(name="runs.exponent", value=fit.exponent, se=fit.exponent_se, n=fit.n, says=says)


def _resilience(events: Events, instrument: Instrument) -> tuple[Resilience, list[Estimate]]:
    sweeps = Sweeps(instrument, levels=1, recovery="swept").whole(events)
    best = _half_life("half_life", sweeps.filter(pl.col("levels") == 1), "of one level")
    behind = _half_life("half_life_behind", sweeps.filter(pl.col("levels") > 1), "of more levels")
    if best.value is None:
        raise NumericalError(
            f"fewer than half of {best.n} sweeps of one level recovered while they were watched; take more data"
        )
    cancels = _cancels(sweeps)
    model = Resilience(
        half_life=_seconds(best.value),
        half_life_behind="" if behind.value is None else _seconds(behind.value),
        cancels=max(float(cancels.value or 0.0), 0.0),
    )
    return model, [best, behind, cancels]


def _half_life(name: str, sweeps: pl.DataFrame, of: str) -> Estimate:
    row = recoveries(sweeps).row(0, named=True)  # both sides, half of what was lost
    width = None if row["low_ns"] is None or row["high_ns"] is None else (row["high_ns"] - row["low_ns"]) / (2 * Z95)
    unknown = "" if row["median_ns"] is not None else "; fewer than half recovered: taken as at the best level"
    return Estimate(
        name=f"resilience.{name}_s",
        value=None if row["median_ns"] is None else row["median_ns"] / SECOND_NS,
        se=None if width is None else width / SECOND_NS,
        n=row["sweeps"],
        says=f"median time until half of what sweeps {of} took is back{unknown}",
    )


def _cancels(sweeps: pl.DataFrame) -> Estimate:
    """Slope of what others withdrew on what was taken, through the origin, with errors that allow for heteroskedasticity."""
    known = sweeps.filter(pl.col("swept_before").is_not_null() & pl.col("swept_lowest").is_not_null() & (pl.col("qty") > 0))
    taken = known["qty"].to_numpy()
    more = (known["swept_before"] - known["swept_lowest"]).to_numpy() - taken
    square = float(taken @ taken)
    slope = float(taken @ more) / square if square else None
    error = float(np.sqrt((taken**2) @ (more - slope * taken) ** 2)) / square if slope is not None else None
    below = "; below 0, so none" if slope is not None and slope < 0 else ""
    return Estimate(
        name="resilience.cancels",
        value=slope,
        se=error,
        n=known.height,
        says=f"lots that leave a swept level within 250 ms for each lot taken from it, at most{below}",
    )


def _seconds(value: float) -> str:
    return f"{round(value * SECOND_NS)}ns"


def _followers(tape: _Tape, reacting: float, rng: np.random.Generator) -> tuple[Followers, list[Estimate]]:
    x = tape.signs - tape.signs.mean()
    lags = min(_SIGN_LAGS, len(x) // 40)
    if lags < 2:
        raise DataError(f"{len(x)} orders are too few for the memory of their signs; a response needs thousands")
    starts = block_starts(len(x), block=max(2 * lags, int(np.sqrt(len(x)))))
    sums = _products(x, starts, lags)
    following = _following(sums.sum(axis=0), reacting)
    total = float(following.sum())
    drawn = [_following(taken @ sums, reacting).sum() for taken in draw_blocks(len(starts), draws=_DRAWS, rng=rng)]
    half_lives = np.array(_FOLLOW_HALF_LIVES) * tape.since_ns
    after = np.arange(1, len(following) + 1) * tape.since_ns
    rates = np.log(2) / half_lives
    masses, _ = nnls(np.exp(-np.outer(after, rates)) * rates * tape.since_ns, following)
    nobody = total <= 0 or masses.sum() <= 0
    says = f"lots of others that follow one of ours, {reacting:.0%} of the memory of signs" + ("; none" if nobody else "")
    estimate = Estimate(name="followers.per_lot", value=total, se=float(np.std(drawn, ddof=1)), n=len(x), says=says)
    if nobody:
        return NO_FOLLOWERS, [estimate]
    kept = masses > 1e-6 * masses.sum()
    model = Followers(
        per_lot=total,
        half_lives=tuple(f"{int(h)}ns" for h in half_lives[kept]),
        weights=tuple((masses[kept] / masses[kept].sum()).tolist()),
        volume_per_s=tape.qty / 2 / tape.span_ns * SECOND_NS,
    )
    return model, [estimate]


def _products(x: Float1D, starts: Int1D, lags: int) -> Float2D:
    """(blocks, lags + 1) sums of x_t x_{t+l} by the block that t lies in."""
    out = np.zeros((len(starts), lags + 1))
    for lag in range(lags + 1):
        products = np.zeros(len(x))
        products[: len(x) - lag] = x[: len(x) - lag] * x[lag:]
        out[:, lag] = np.add.reduceat(products, starts)
    return out


def _following(covariance: Float1D, reacting: float) -> Float1D:
    """(lags,) orders that follow one, by how many orders later, when that share of the memory is reaction."""
    reaction = reacting * solve_toeplitz(covariance[:-1], covariance[1:])
    out = np.zeros(_FOLLOW_LAGS)
    for i in range(_FOLLOW_LAGS):
        reach = min(i, len(reaction))
        out[i] = (reaction[i] if i < len(reaction) else 0.0) + reaction[:reach] @ out[i - reach : i][::-1]
    return out
