"""A million leveraged accounts through half of the price, beside lrvx's LiquidationEngine on the same accounts.

    python benchmarks/bench_cascade.py [--accounts N] [--peer-accounts N] [--rounds R] [--peer PYTHON]

The peer knows no book that answers, so both follow one path of marks, in a book without bottom. What only ours does (impact,
refill, the fall that feeds on itself) is timed apart. The peer is asked about fewer accounts by default: its time grows faster
than their number. Everything runs on one core, is warmed once, and turns are interleaved.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np

from counterpoise.flow.impact.impact import TransientImpact
from counterpoise.risk.margin import MarginRules
from counterpoise.risk.margin_tiers import Tier, TierTable
from counterpoise.sim.leverage.accounts import Accounts, AccountsConfig
from counterpoise.sim.leverage.cascade import CascadeResult, cascade
from counterpoise.sim.leverage.cascade import population as drawn
from counterpoise.sim.leverage.cascade_config import CascadeConfig, DepthProfile
from counterpoise.sim.leverage.coin_accounts import CoinAccounts

ROOT = Path(__file__).resolve().parents[1]
PEER = Path(__file__).with_name("peers") / "lrvx_cascade.py"
ONE_TIER = MarginRules(venue="own", valid_from="2026-01-01", tiers=TierTable(tiers=(Tier(floor=0, maintenance=0.005),)))
Ask = Callable[[], dict[str, Any]]


def path_config(accounts: int, *, one_tier: bool, fund: float) -> CascadeConfig:
    """Half of the price in 300 steps, in a book without bottom."""
    return CascadeConfig(
        shock_bps=-5000.0,
        shock_over="5m",
        duration="5m",
        book=DepthProfile(density=1e13),
        refill_half_life="",
        fee_bps=0.0,
        fund=fund,
        rules=ONE_TIER if one_tier else None,
        accounts=AccountsConfig(count=accounts, cross_share=1.0),
    )


def fed_back(config: CascadeConfig) -> CascadeConfig:
    """The same shock where the book is thin, refills, and quotes shift."""
    return msgspec.structs.replace(
        config, book=DepthProfile(density=3e6), refill_half_life="30s", impact=TransientImpact(bps_per_million=0.02)
    )


def in_coin(config: CascadeConfig) -> CascadeConfig:
    """The same positions and shock, margined in coin; a fund of the same value."""
    rules = msgspec.structs.replace(ONE_TIER, inverse=True)
    return msgspec.structs.replace(config, contract="inverse", lot="100", rules=rules, fund=config.fund_settle / config.price)


def population(config: CascadeConfig, seed: int) -> Accounts | CoinAccounts:
    return drawn(msgspec.structs.replace(config, seed=seed))


@contextmanager
def peer_of(python: Path, config: CascadeConfig, held: Accounts) -> Iterator[Ask]:
    """A process of the peer's environment that holds the accounts."""
    with tempfile.TemporaryDirectory() as folder:
        path, tiers = Path(folder) / "accounts.npz", config.margin_rules.tiers
        marks = cascade(config, accounts=held).frame["price"].to_numpy()
        np.savez(
            path,
            qty=held.signed_lots * 0.001,
            entry=held.entry_ticks * 1.0,
            equity=held.collateral * config.unit,
            marks=marks,
            floors=tiers.floors,
            rates=tiers.rates,
            fund=config.fund,
            adl=config.adl,
        )
        command = [str(python), str(PEER), str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            print(f"  peer: lrvx {json.loads(process.stdout.readline())['version']}")

            def ask() -> dict[str, Any]:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write("run\n")
                process.stdin.flush()
                answer: dict[str, Any] = json.loads(process.stdout.readline())
                return answer

            yield ask
            process.stdin.close()


def timed(config: CascadeConfig, held: Accounts | CoinAccounts) -> tuple[float, CascadeResult]:
    start = time.perf_counter()
    result = cascade(config, accounts=held)
    return time.perf_counter() - start, result


def report(title: str, config: CascadeConfig, seed: int, *, peer: Path | None, rounds: int) -> None:
    """Times of ours and of the peer, and whether they liquidate the same number."""
    held = population(config, seed)
    worth = float(np.abs(held.signed_lots).sum()) * config.lot_value
    print(f"\n{title}: {config.accounts.count:,} accounts, {worth / 1e9:.1f} bn open, {config.steps} steps")
    _, result = timed(config, held)
    seconds = [timed(config, held)[0] for _ in range(rounds)] if peer is None else []
    theirs: list[dict[str, Any]] = []
    if peer is not None:
        with peer_of(peer, config, held) as ask:
            for _ in range(rounds):
                seconds.append(timed(config, held)[0])
                theirs.append(ask())
    told = result.summary.row(0, named=True)
    print(f"  ours, all of cascade()     best {min(seconds):7.3f} s  median {median(seconds):7.3f} s")
    print(f"    down to {told['worst_price']:,.0f}: {told['accounts']:,} liquidated, {result.victims.height:,} deleveraged")
    if theirs:
        times = [answer["seconds"] for answer in theirs]
        print(f"  lrvx, on_mark alone        best {min(times):7.3f} s  median {median(times):7.3f} s")
        last = theirs[-1]
        print(f"    {last['liquidated']:,} liquidated, {last['adl']:,} deleveraged; filling took {last['fill']:.2f} s")
        print(f"    peak memory of its process {last['peak_mb']:,.0f} MB")
        ratio = min(times) / min(seconds), median(times) / median(seconds)
        print(f"  ours is {ratio[0]:.1f} x as fast by best of {rounds}, {ratio[1]:.1f} x by median")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--peer-accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=20_261_120)
    parser.add_argument("--peer", type=Path, default=ROOT / ".venv-peers" / "bin" / "python")
    wanted = parser.parse_args()
    peer = wanted.peer if wanted.peer.is_file() else None
    if peer is not None and subprocess.run([str(peer), "-c", "import lrvx"], capture_output=True, check=False).returncode:
        peer = None
    if peer is None:
        print(f"no lrvx at {wanted.peer}; going on without")
    sizes = [(wanted.accounts, None)] if peer is None else [(wanted.peer_accounts, peer), (wanted.accounts, None)]
    for accounts, python in sizes:
        one_tier = path_config(accounts, one_tier=True, fund=1e9)
        tiers = path_config(accounts, one_tier=False, fund=1e9)
        poor = msgspec.structs.replace(one_tier, fund=0.0, shock_over="5s")
        for title, config in (
            ("given path, one tier, large fund", one_tier),
            ("given path, twelve tiers, large fund", tiers),
            ("given path in 5 steps, no fund: ADL", poor),
        ):
            report(title, config, wanted.seed, peer=python, rounds=wanted.rounds)
        for title, config in (("margined in coin, given path", one_tier), ("margined in coin, no fund: ADL", poor)):
            report(title, in_coin(config), wanted.seed, peer=None, rounds=wanted.rounds)
        report("with book, impact and refill", fed_back(tiers), wanted.seed, peer=None, rounds=wanted.rounds)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    held = "96 bytes an account, 104 if inverse, beside 33 of the columns given"
    print(f"\npeak memory of this process {peak:,.0f} MB; kernels hold {held}")


if __name__ == "__main__":
    main()
