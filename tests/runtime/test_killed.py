"""A client killed at random moments while its venue lives on: it resumes, sends nothing twice, and loses nothing."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from multiprocessing.connection import Client
from pathlib import Path

import pytest

from counterpoise.adapters.journal_file import read_journal
from counterpoise.market.order import Fill, OrderStatus
from counterpoise.runtime.journal import CancelIntent, Intent, VenueSaid, decode

TESTS = Path(__file__).parents[1]
SCRIPT = TESTS / "reference" / "living_venue.py"


def start(*words: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])}
    return subprocess.Popen([sys.executable, str(SCRIPT), *words], stdout=subprocess.PIPE, text=True, env=environment)


def wait_for(path: Path, *, size: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while (not path.exists() or path.stat().st_size < size) and process.poll() is None:
        assert time.monotonic() < until, f"{path} does not grow"
        time.sleep(0.002)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a local socket and SIGKILL")
@pytest.mark.parametrize("seed", [1, 2])
def test_a_client_killed_at_random_moments_goes_on_with_the_rest(tmp_path: Path, seed: int) -> None:
    draw, journal, socket = random.Random(seed), tmp_path / "journal.log", f"{tmp_path}/venue"
    venue = start("venue", socket)
    wait_for(Path(socket), size=0, process=venue)
    deaths = 0
    for _ in range(3):
        size = journal.stat().st_size if journal.exists() else 0
        client = start("client", socket, str(journal))
        wait_for(journal, size=size + draw.randint(200, 1_500), process=client)
        deaths += client.poll() is None
        client.kill()
        client.communicate()
    last = start("client", socket, str(journal))
    said = last.communicate(timeout=120)[0].split()
    filled, live, fills, told = map(int, said)
    with Client(socket, "AF_UNIX") as line:
        line.send(("over", (), {}))
        sent, filled_there = line.recv()
    venue.communicate(timeout=60)
    assert deaths > 0
    assert len(sent) == len(set(sent))
    assert filled > 190  # of 200: the last crossing order finds what the book holds
    assert live == 0
    assert fills == told
    records = [decode(data) for data in read_journal(journal)]
    intents = [record.order.client_id for record in records if isinstance(record, Intent)]
    assert len(intents) == len(set(intents))
    assert set(sent) <= set(intents)
    events = [record.event for record in records if isinstance(record, VenueSaid)]
    known = {(f.client_id, f.trade_id): f.qty_lots for f in events if isinstance(f, Fill)}
    known |= {(f.client_id, f.trade_id): f.qty_lots for e in events if isinstance(e, OrderStatus) for f in e.fills}
    assert sum(known.values()) == filled_there == filled
    assert any(isinstance(record, CancelIntent) for record in records)
