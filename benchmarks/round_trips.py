"""Whether a round trip can earn from its own impact: a random search in the market that applies it.

    python benchmarks/round_trips.py [--data DIR] [--schedules 10000] [--seed 1]

For each of the three Binance recordings a response model is fitted, its followers included, and that many random schedules are
traded in a market whose recording stands still: sizes, times, taken or waited for. The last row has followers that come faster
than the impact decays, which `ResponseModel` refuses: there the search has to find what the others must not have.
"""

from __future__ import annotations

import argparse
import os
from copy import copy
from pathlib import Path

import msgspec
import numpy as np

from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.sim.replay.response import Followers, ResponseModel
from counterpoise.sim.replay.response_fit import fit_response
from counterpoise.sim.replay.round_trips import round_trip_costs
from recordings import RECORDINGS, events_of


def refused() -> ResponseModel:
    """Each lot calls up another within seconds, and what is displaced stays: buy, wait, sell."""
    model = copy(ResponseModel(impact=TransientImpact(bps_per_million=1.0, permanent=1.0)))
    msgspec.structs.force_setattr(model, "followers", Followers(per_lot=1.0, half_lives=("1s",), volume_per_s=1.0))
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTERPOISE_DATA", "../shared/data")))
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    models: dict[str, ResponseModel] = {}
    for name, recording in RECORDINGS.items():
        for words, exponent in (("beta 1/2", 0.5), ("beta fitted", None)):
            rng = np.random.default_rng(options.seed)
            fit = fit_response(events_of(recording, options.data), recording.instrument, rng=rng, exponent=exponent)
            models[f"{name}, {words}"] = fit.model
    models["followers too fast (refused)"] = refused()
    print(f"{'model':32}{'schedules':>10}{'trades':>8}{'least cost':>12}{'median':>9}{'earn':>6}")
    for words, model in models.items():
        found = round_trip_costs(model, schedules=options.schedules, rng=np.random.default_rng(options.seed))
        earn = int((found.cost < -found.rounding).sum())
        print(
            f"{words:32}{options.schedules:10,}{found.trades.mean():8.1f}{found.cost.min():12.5f}{np.median(found.cost):9.3f}{earn:6,}"
        )
    print("cost over what the same trades would cost if each were alone; earn: below 0 by more than rounding to ticks")


if __name__ == "__main__":
    main()
