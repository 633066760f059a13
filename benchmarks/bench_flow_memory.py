"""Memory of the order-flow measures: what measuring takes beside the events, what a stream remembers, what `save` gives.

    python benchmarks/bench_flow_memory.py [--rows 5000000]

Each measure takes the USD-M recording (COUNTERPOISE_DATA or ../shared/data; the synthetic market where it is absent), repeated,
in one push, in a process of its own. "beside" is the highest resident memory from then on less what was resident when events
and kernels were ready, so frame and rows waiting for it count. Linux only: the kernel is asked to forget the highest so far.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from bench_flow import SIX
from streams import PERP, recording, repeated, synthetic

KILOBYTE, MEGABYTE = 1e3, 1e6
ME = Path("/proc/self")


def resident(which: str) -> float:
    """VmRSS, now, or VmHWM, the highest, in MB."""
    found = re.search(rf"{which}:\s+(\d+) kB", (ME / "status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) * 1024 / MEGABYTE


def measured(name: str, rows: int) -> dict[str, float]:
    """The child's work: sizes in MB, of what it remembers in kB."""
    real = recording()
    events, instrument = (repeated(real, rows), PERP) if real is not None else synthetic(rows)
    SIX[name](instrument).push(events.cut(0, 1000))
    stream = SIX[name](instrument)
    (ME / "clear_refs").write_text("5", encoding="ascii")
    before = resident("VmRSS")
    stream.push(events)
    frame = stream.finish()
    highest = resident("VmHWM")
    return {
        "rows": events.rows,
        "events": sum(column.nbytes for column in events) / MEGABYTE,
        "highest": highest,
        "beside": highest - before,
        "frame": frame.estimated_size() / MEGABYTE,
        "book": stream._book.nbytes / KILOBYTE,
        "state": stream._state.nbytes / KILOBYTE,
        "save": len(stream.save()) / KILOBYTE,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=5_000_000)
    parser.add_argument("--child", choices=SIX, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.child:
        print(json.dumps(measured(wanted.child, wanted.rows)))
        return
    if not (ME / "clear_refs").exists():
        print("this system does not tell the highest resident memory of a part of a run; nothing measured")
        return
    heads = ("events MB", "highest MB", "beside MB", "frame MB", "book kB", "state kB", "save kB")
    print(" " * 14 + "".join(f"{head:>11}" for head in heads))
    for name in SIX:
        command = [sys.executable, __file__, "--rows", str(wanted.rows), "--child", name]
        told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        rows = told.pop("rows")
        print(f"{name:14}" + "".join(f"{size:11.1f}" for size in told.values()), flush=True)
    print(f"of {rows:,} rows each")


if __name__ == "__main__":
    main()
