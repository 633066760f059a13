"""A journal file after every cut, every changed byte, and the death of its writer."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterpoise.adapters.journal_file import JournalFile, TornTail, read_journal, torn_tail
from counterpoise.core.errors import DataError, InputError

RECORDS = [b'{"a":1}', b"", b"\x00\xff", b'{"longer":"record"}']


def written(path: Path, records: list[bytes], *, fsync: str = "never") -> bytes:
    with JournalFile(path, fsync=fsync) as journal:
        for record in records:
            journal.append(record)
    return path.read_bytes()


@given(st.lists(st.binary(max_size=40).map(lambda data: data.replace(b"\n", b" ")), max_size=12))
def test_records_come_back(records: list[bytes]) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "new" / "j.log"
        written(path, records)
        written(path, records)
        assert list(read_journal(path)) == records * 2
        assert torn_tail(path) == TornTail(2 * len(records), path.stat().st_size, 0)


def test_format_is_a_crc_a_space_and_the_record(tmp_path: Path) -> None:
    data = written(tmp_path / "j.log", [b"123456789"])
    assert data == b"cbf43926 123456789\n", "the check value of CRC-32 (IEEE 802.3)"


def test_a_file_cut_anywhere_keeps_whole_records_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "j.log"
    data = written(path, RECORDS)
    for cut in range(len(data) + 1):
        path.write_bytes(data[:cut])
        whole = data[:cut].count(b"\n")
        found = list(read_journal(path))
        assert found == RECORDS[:whole]
        with JournalFile(path, fsync="never") as journal:
            assert journal.recovered.records == whole
            assert journal.recovered.whole_bytes + journal.recovered.torn_bytes == cut
            journal.append(b"after")
        assert list(read_journal(path)) == [*found, b"after"]


def test_a_changed_byte_is_an_error_or_a_torn_end_never_another_record(tmp_path: Path) -> None:
    path = tmp_path / "j.log"
    data = written(path, RECORDS)
    for at in range(len(data)):
        for bit in range(8):
            changed = data[:at] + bytes([data[at] ^ (1 << bit)]) + data[at + 1 :]
            path.write_bytes(changed)
            if at == len(data) - 1:  # only the last newline may look like a torn end
                assert list(read_journal(path)) == RECORDS[:-1]
                continue
            for read in (lambda: list(read_journal(path)), lambda: JournalFile(path)):
                with pytest.raises(DataError, match=r"j\.log:\d: damaged record"):
                    read()
            assert path.read_bytes() == changed, "a damaged journal is left as it is"


def test_blocks_that_never_reached_the_disk_are_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "j.log"
    data = written(path, RECORDS)
    path.write_bytes(data + bytes(4096))
    assert list(read_journal(path)) == RECORDS
    assert torn_tail(path) == TornTail(4, len(data), 4096)


@pytest.mark.parametrize(
    ("policy", "syncs"), [("always", [1, 2, 3, 4, 5]), ("interval:2", [0, 1, 1, 2, 2]), ("never", [0] * 5)]
)
def test_policy_says_when_the_disk_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str, syncs: list[int]
) -> None:
    path = tmp_path / "j.log"
    journal = JournalFile(path, fsync=policy)
    asked: list[int] = []
    monkeypatch.setattr(os, "fsync", asked.append)
    seen = []
    for i in range(5):
        journal.append(b"x")
        seen.append(len(asked))
        assert len(list(read_journal(path))) == i + 1, "the system has it at once"
    assert seen == syncs
    journal.flush()
    assert len(asked) == syncs[-1] + 1
    journal.close()
    journal.close()


@pytest.mark.parametrize("policy", ["", "sometimes", "interval", "interval:0", "interval:-1", "interval:x", "always:1"])
def test_other_policies_are_refused(tmp_path: Path, policy: str) -> None:
    with pytest.raises(InputError, match="expected always, interval:N"):
        JournalFile(tmp_path / "j.log", fsync=policy)
    assert list(tmp_path.iterdir()) == []


def test_wrong_use_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        list(read_journal(tmp_path / "none"))
    with pytest.raises(InputError, match="cannot append"):
        JournalFile(tmp_path)
    journal = JournalFile(tmp_path / "j.log")
    with pytest.raises(InputError, match="newline"):
        journal.append(b"a\nb")
    with pytest.raises(InputError, match="another session"):
        JournalFile(tmp_path / "j.log")
    journal.close()
    with pytest.raises(InputError, match="closed"):
        journal.append(b"a")
    assert list(read_journal(tmp_path / "j.log")) == []


_WRITER = """
import sys, zlib
from pathlib import Path
from counterpoise.adapters.journal_file import JournalFile
journal = JournalFile(Path(sys.argv[1]), fsync=sys.argv[2])
for i in range(journal.recovered.records, 10**9):
    journal.append(b"%d %b" % (i, b"x" * (i % 300)))
    sys.stdout.write(f"{i}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("policy", ["always", "interval:10", "never"])
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path: Path, policy: str) -> None:
    chance = random.Random(zlib.crc32(policy.encode()))
    path = tmp_path / "j.log"
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", _WRITER, str(path), policy], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(chance.randrange(1, 60)):
                process.stdout.readline()
            time.sleep(chance.uniform(0, 0.01))
            process.send_signal(signal.SIGKILL)
            rest = process.stdout.read().split()
        records = list(read_journal(path))
        assert [int(record.split()[0]) for record in records] == list(range(len(records)))
        assert not rest or len(records) > int(rest[-1])
        assert len(records) > 0


_LIMITED = """
import resource, signal, sys
from pathlib import Path
from counterpoise.adapters.journal_file import JournalFile
from counterpoise.core.errors import DataError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = JournalFile(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    for i in range(100):
        journal.append(b"%d" % i)
        print(i)
except DataError as error:
    print(error)
"""


def test_a_full_disk_stops_the_journal_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "j.log"
    out = subprocess.run([sys.executable, "-c", _LIMITED, str(path)], capture_output=True, text=True, check=True).stdout
    *acknowledged, error = out.splitlines()
    assert "record not written" in error
    assert [record.decode() for record in read_journal(path)] == acknowledged
    assert 0 < torn_tail(path).torn_bytes < 12
