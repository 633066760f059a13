"""Progress: a bar on a terminal, silence in a pipe."""

from __future__ import annotations

import os
import subprocess
import sys

SCRIPT = """
import sys
from counterpoise.core.progress import progress, silent
with progress("replay", 10) as show:
    if show is silent:
        sys.stdout.write("silent")
    for done in range(11):
        show(done, "day 1")
sys.stdout.write("done rich" if "rich" in sys.modules else "done plain")
"""


def test_a_pipe_sees_nothing_and_pays_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout == "silentdone plain"


def test_a_terminal_sees_a_bar_on_stderr() -> None:
    leader, follower = os.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=follower, env=environment) as child:
        os.close(follower)
        shown = b""
        try:
            while block := os.read(leader, 4096):
                shown += block
        except OSError:  # Linux says EIO when the last writer closes a terminal
            pass
        finally:
            os.close(leader)
        assert child.stdout is not None
        assert child.stdout.read() == b"done rich"
    assert child.returncode == 0
    assert b"replay" in shown
    assert b"100 %" in shown
