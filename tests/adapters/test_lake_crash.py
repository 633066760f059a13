"""A lake after a crash at any step and any byte, after damage on the disk, and beside other writers."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from counterpoise.adapters import lake_ingest, part
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.lake_ingest import ingest
from counterpoise.adapters.manifest import FOLDER, Manifests
from counterpoise.adapters.reader import Batch
from counterpoise.adapters.storage import LocalStorage
from counterpoise.core.errors import DataError, InputError, SchemaError
from counterpoise.core.progress import silent
from counterpoise.core.units import SECOND_NS
from reference.lake_rows import START_NS, perp, rows

BTC = perp()
OLD = [Batch(BTC, "book", rows("book", 40)), Batch(BTC, "trade", rows("trade", 40))]
NEW = [Batch(BTC, "book", rows("book", 30, seed=i, start_ns=START_NS + (10 + i) * SECOND_NS)) for i in range(3)]
OVER = [Batch(BTC, "book", rows("book", 25, seed=7)), Batch(BTC, "quote", rows("quote", 25))]


class Crash(BaseException):
    """The machine stops."""


class Fragile(LocalStorage):
    """A disk on which only so many changes happen; the change at which it stops is done in part, and nothing after it."""

    def __init__(self, root: Path, *, steps: int | None = None, share: float = 0.0) -> None:
        super().__init__(root)
        self.left, self.share, self.done = steps, share, 0

    def step(self) -> bool:
        """Whether this change happens; the last one raises after its share is done."""
        if self.left is None or self.left > 0:
            self.left = None if self.left is None else self.left - 1
            self.done += 1
            return True
        return False

    def _change(self, change: Any, *args: Any) -> Any:
        if self.step():
            return change(*args)
        happens = self.left == 0 and self.share == 1.0
        self.left = -1
        opened = change(*args) if happens else None
        if opened is not None:
            opened.close()
        raise Crash

    def _create(self, path: Path, mode: str = "wb") -> BinaryIO:
        return FragileFile(self._change(super()._create, path, mode), self)  # type: ignore[return-value]

    def _rename(self, source: Path, target: Path) -> None:
        self._change(super()._rename, source, target)

    def _unlink(self, path: Path) -> None:
        self._change(super()._unlink, path)

    def _sync(self, descriptor: int) -> None:
        self._change(super()._sync, descriptor)

    def _mkdir(self, path: Path) -> None:
        self._change(super()._mkdir, path)


class FragileFile:
    def __init__(self, file: BinaryIO, disk: Fragile) -> None:
        self._file, self._disk = file, disk

    def write(self, data: bytes) -> int:
        if self._disk.step():
            return self._file.write(data)
        if self._disk.left == 0:
            self._file.write(data[: int(len(data) * self._disk.share)])
            self._file.flush()
        self._disk.left = -1
        raise Crash

    def __enter__(self) -> FragileFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def total(root: Path) -> int:
    """Rows that a reader of the lake counts through files."""
    lake = Lake(root)
    assert lake.verify() == []
    with lake.sql() as sql:
        by_sql = sum(sql.execute(f"SELECT count(*) FROM {t}").fetchall()[0][0] for t in ("book", "quote", "trade"))
    described = int(lake.describe()["rows"].sum())
    scanned = sum(lake.scan(BTC.id, t).collect().height for t in ("book", "quote", "trade")) if described else 0
    assert by_sql == described == scanned
    return described


def nothing_left_over(root: Path) -> None:
    listed = {p.path for m in Manifests(LocalStorage(root)).visible() for p in m.parts}
    expected = listed | {m.path for m in Manifests(LocalStorage(root)).visible()} | {f"{FOLDER}/.commit"}
    assert set(LocalStorage(root).walk()) == expected


def run(disk: LocalStorage, source: str, batches: list[Batch], *, replace: bool = False) -> None:
    ingest(disk, source, batches, progress=silent, replace=replace)


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("case", ["first", "second", "replace"])
def test_a_crash_at_any_step_leaves_all_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, share: float
) -> None:
    monkeypatch.setattr(lake_ingest, "PART_BYTES", 100)  # every batch a part
    batches, replace = (OVER, True) if case == "replace" else (NEW, False)
    before = 0 if case == "first" else 80
    after = sum(b.frame.height for b in batches) + (before if case == "second" else 0)
    seen = set()
    for steps in count():
        root = tmp_path / str(steps)
        root.mkdir()
        if before:
            run(LocalStorage(root), "old", OLD)
        try:
            run(Fragile(root, steps=steps, share=share), "new", batches, replace=replace)
        except Crash:
            found = total(root)
            assert found in (before, after), f"step {steps}"
            seen.add(found)
            run(LocalStorage(root), "new", batches, replace=replace)
            assert Lake(root).verify() == []
            assert int(Lake(root).describe()["rows"].sum()) == after, f"step {steps}"
            nothing_left_over(root)
            continue
        assert total(root) == after
        nothing_left_over(root)
        break
    assert steps > 15
    assert seen == {before, after}, "the crashes fell on both sides of the commit"


def test_what_a_dead_writer_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second attempt writes fewer files, under another process id."""
    monkeypatch.setattr(lake_ingest, "PART_BYTES", 100)
    for steps in count():
        with pytest.raises(Crash):
            run(Fragile(tmp_path / str(steps), steps=steps, share=0.5), "new", NEW)
        if len(parts(tmp_path / str(steps))) == 3:
            break
    root = tmp_path / str(steps)
    last = parts(root)[-1]
    last.with_name(f".writing-1-{last.name}").write_bytes(b"PAR1")
    monkeypatch.setattr(lake_ingest, "PART_BYTES", 1 << 20)
    result = ingest(LocalStorage(root), "new", NEW, progress=silent, replace=False)
    assert (len(result.parts), result.swept) == (1, 4)
    nothing_left_over(root)


def test_a_full_disk_is_an_error_that_leaves_the_lake_clean(tmp_path: Path) -> None:
    class Full(LocalStorage):
        def _sync(self, descriptor: int) -> None:
            raise OSError(28, "No space left on device")

    run(LocalStorage(tmp_path), "old", OLD)
    with pytest.raises(OSError, match="No space"):
        run(Full(tmp_path), "new", NEW)
    assert total(tmp_path) == 80
    run(LocalStorage(tmp_path), "new", NEW)
    nothing_left_over(tmp_path)


_WRITER = """
import sys
from pathlib import Path
from counterpoise.adapters import lake_ingest
from counterpoise.adapters.lake import Lake
from counterpoise.adapters.reader import Batch
from counterpoise.core.units import SECOND_NS
from reference.lake_rows import START_NS, perp, rows
lake_ingest.PART_BYTES = 20_000
batches = [Batch(perp(), "book", rows("book", 300, seed=i, start_ns=START_NS + i * SECOND_NS)) for i in range(60)]
print("ready", flush=True)
Lake(Path(sys.argv[1])).ingest("new", batches, progress=lambda done, _="": print(done, flush=True))
print("done", flush=True)
"""


def writer(root: Path) -> subprocess.Popen[str]:
    env = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen([sys.executable, "-c", _WRITER, str(root)], stdout=subprocess.PIPE, text=True, env=env)


def test_a_killed_ingest_leaves_all_or_nothing(tmp_path: Path) -> None:
    chance = random.Random(20261120)
    for attempt in range(6):
        root = tmp_path / str(attempt)
        root.mkdir()
        with writer(root) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            for _ in range(chance.randrange(62)):
                process.stdout.readline()
            time.sleep(chance.uniform(0.0, 0.002))
            process.send_signal(signal.SIGKILL)
            said = process.stdout.read()
        found = total(root)
        assert found in (0, 18_000)
        assert found == 18_000 or "done" not in said, "what was acknowledged is there"
    with writer(root) as process:
        assert process.wait() == 0
        process.communicate()
    assert total(root) == 18_000
    nothing_left_over(root)


def test_a_source_has_one_writer_at_a_time(tmp_path: Path) -> None:
    storage = LocalStorage(tmp_path)
    with storage.lock(f"{FOLDER}/new.pending", wait=False), pytest.raises(InputError, match="another process"):
        run(LocalStorage(tmp_path), "new", NEW)
    run(LocalStorage(tmp_path), "new", NEW)
    nothing_left_over(tmp_path)


def test_two_writers_of_the_same_time_cannot_both_commit(tmp_path: Path) -> None:
    """The second finishes while the first is still reading."""

    def slow() -> Any:
        yield OLD[0]
        run(LocalStorage(tmp_path), "quick", OVER)
        yield OLD[1]

    with pytest.raises(InputError, match="has this time already"):
        ingest(LocalStorage(tmp_path), "slow", slow(), progress=silent, replace=False)
    assert total(tmp_path) == 50
    nothing_left_over(tmp_path)


def parts(root: Path) -> list[Path]:
    return sorted(root.rglob("*.parquet"))


@pytest.mark.parametrize("where", [0.0, 0.5, 0.999])
def test_a_cut_file_is_named(tmp_path: Path, where: float) -> None:
    run(LocalStorage(tmp_path), "old", OLD)
    path = parts(tmp_path)[0]
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * where)])
    lake = Lake(tmp_path)
    for read in (lambda: lake.scan(BTC.id, "book"), lambda: lake.events(BTC.id), lambda: list(lake.stream(BTC.id))):
        with pytest.raises(DataError, match=f"{path.name}.*ingest the source again"):
            read()
    assert [path.name in str(error) for error in lake.verify()] == [True]
    assert lake.scan(BTC.id, "trade").collect().height == 40


def test_a_changed_bit_anywhere_is_found(tmp_path: Path) -> None:
    run(LocalStorage(tmp_path), "old", OLD[:1])
    path = parts(tmp_path)[0]
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
        with pytest.raises(DataError, match=path.name):
            Lake(tmp_path).events(BTC.id)
    path.write_bytes(good)
    assert Lake(tmp_path).events(BTC.id).rows == 40


def test_a_damaged_manifest_is_named(tmp_path: Path) -> None:
    run(LocalStorage(tmp_path), "old", OLD)
    path = tmp_path / FOLDER / "old.json"
    good = path.read_bytes()
    for bad in (b"", good[:-3], good.replace(b'"tick"', b'"tack"')):
        path.write_bytes(bad)
        with pytest.raises(DataError, match=r"old\.json: not a manifest"):
            Lake(tmp_path).describe()


def test_another_schema_version_is_refused_and_can_be_ingested_again(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lake_ingest, "VERSION", 0)
        patch.setattr(part, "VERSION", 0)
        run(LocalStorage(tmp_path), "old", OLD)
    lake = Lake(tmp_path)
    for read in (lambda: lake.scan(BTC.id, "book"), lambda: lake.events(BTC.id), lake.sql):
        with pytest.raises(SchemaError, match="schema version 0, expected 1; ingest the source again"):
            read()
    run(LocalStorage(tmp_path), "old", OLD)
    assert total(tmp_path) == 80
    nothing_left_over(tmp_path)


def test_a_file_of_another_version_behind_our_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "VERSION", 0)
        run(LocalStorage(tmp_path), "old", OLD)
    with pytest.raises(SchemaError, match=r"old-\d\.parquet: schema version 0"):
        Lake(tmp_path).events(BTC.id)
