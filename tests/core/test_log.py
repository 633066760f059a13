"""The log goes to stderr, one JSON object a line when it is no terminal."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
from counterpoise.core.log import configure_log, get_log
configure_log({level!r})
log = get_log(venue="v")
log.debug("fine", n=1)
log.info("fill", lots=3)
log.warning("gap", at=7)
"""


def run(level: str) -> tuple[str, list[dict[str, object]]]:
    done = subprocess.run([sys.executable, "-c", SCRIPT.format(level=level)], capture_output=True, text=True, check=True)
    return done.stdout, [json.loads(line) for line in done.stderr.splitlines()]


def test_a_pipe_gets_json_lines_on_stderr_and_nothing_on_stdout() -> None:
    out, lines = run("info")
    assert out == ""
    assert [(line["event"], line["level"], line["venue"]) for line in lines] == [("fill", "info", "v"), ("gap", "warning", "v")]
    assert lines[0]["lots"] == 3
    assert all(str(line["timestamp"]).endswith("Z") for line in lines)


def test_the_level_decides_what_is_written() -> None:
    assert [line["event"] for line in run("debug")[1]] == ["fine", "fill", "gap"]
    assert [line["event"] for line in run("warning")[1]] == ["gap"]
