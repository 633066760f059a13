"""An append-only file of records, one a line: eight hex digits of CRC-32, a space, the bytes, a newline.

Every append is handed to the operating system before it returns, so killing the process loses nothing. What a crash of the
machine may lose is the choice of `fsync`: "always" nothing, "interval:N" at most the last N records, "never" what the system
had not written yet.
"""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from counterpoise.core.errors import DataError, InputError

if sys.platform != "win32":
    import fcntl

__all__ = ["JournalFile", "TornTail", "read_journal", "torn_tail"]


class TornTail(NamedTuple):
    """Where the whole records of a journal end, and how many bytes of an unfinished one follow.

    Attributes
    ----------
    records : int
    whole_bytes, torn_bytes : int
    """

    records: int
    whole_bytes: int
    torn_bytes: int


class JournalFile:
    """A journal open for appending; a torn last line of an earlier run is cut off.

    Parameters
    ----------
    path : Path
        Made, with its folder, when it does not exist.
    fsync : str
        ``"always"``, ``"interval:N"`` or ``"never"``.

    Attributes
    ----------
    recovered : TornTail
        What stood in the file when it was opened.

    Raises
    ------
    InputError
        If the policy is not one of these, the file cannot be opened, or another process appends to it.
    DataError
        If a whole line is damaged; the file is left as it is.
    """

    def __init__(self, path: Path, *, fsync: str = "always") -> None:
        self._every: Final = _policy(fsync)
        self._unsynced = 0
        self.path: Final = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("ab", buffering=0)
        except OSError as error:
            raise InputError(f"cannot append to {path}: {error.strerror or error}; give the path of a file") from error
        try:
            self._hold()
            self.recovered: Final = torn_tail(path)
            if self.recovered.torn_bytes:
                self._file.truncate(self.recovered.whole_bytes)
            if self._every:
                _sync_folder(path.parent)
                os.fsync(self._file.fileno())
        except BaseException:
            self._file.close()
            raise

    def append(self, data: bytes) -> None:
        """Add one record; when this returns the operating system has it.

        Raises
        ------
        InputError
            If the record holds a newline, or the journal is closed.
        DataError
            If the disk did not take it, which leaves a torn line at most: close the journal and stop trading.
        """
        if b"\n" in data:
            raise InputError(f"a journal record is one line, found a newline in {data[:40]!r}")
        if self._file.closed:
            raise InputError(f"{self.path}: the journal is closed; open it again to append")
        line = memoryview(b"%08x %b\n" % (zlib.crc32(data), data))
        try:
            while line:
                line = line[self._file.write(line) :]
            self._unsynced += 1
            if self._every and self._unsynced >= self._every:
                self._sync()
        except OSError as error:
            self._file.close()
            raise DataError(
                f"{self.path}: record not written ({error.strerror or error}); the journal is closed, free the disk and restart"
            ) from error

    def flush(self) -> None:
        """Make everything appended survive the death of the machine."""
        self._sync()

    def close(self) -> None:
        if not self._file.closed:
            if self._every:
                self._sync()
            self._file.close()

    def __enter__(self) -> JournalFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sync(self) -> None:
        os.fsync(self._file.fileno())
        self._unsynced = 0

    def _hold(self) -> None:
        if sys.platform == "win32":
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(f"{self.path} is being written by another session; give each session its own journal") from error


def read_journal(path: Path) -> Iterator[bytes]:
    """Records of a journal in order; a torn last line is left out, and `torn_tail` says whether there is one.

    Raises
    ------
    InputError
        If the file cannot be read.
    DataError
        If a whole line is damaged.
    """
    for data, _ in _records(path):
        yield data


def torn_tail(path: Path) -> TornTail:
    """How much of a journal is whole; raises as `read_journal`."""
    records = whole = 0
    for _, end in _records(path):
        records, whole = records + 1, end
    return TornTail(records, whole, path.stat().st_size - whole)


def _records(path: Path) -> Iterator[tuple[bytes, int]]:
    """Each record and the byte at which it ends."""
    end = number = 0
    try:
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return  # the write that a crash cut off: it was never acknowledged
                number += 1
                data = line[9:-1]
                if line[:9] != b"%08x " % zlib.crc32(data):
                    raise DataError(
                        f"{path}:{number}: damaged record at byte {end}: its CRC-32 does not agree; restore the file from a "
                        f"copy, or, if it is the last record, cut the file to {end} bytes and reconcile with the venue"
                    )
                end += len(line)
                yield data, end
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}; give the path of a journal") from error


def _policy(fsync: str) -> int:
    """Records between two fsyncs; 0 is never."""
    kind, colon, count = fsync.partition(":")
    if kind == "interval" and count.isdecimal() and int(count) > 0:
        return int(count)
    if not colon and kind in ("always", "never"):
        return int(kind == "always")
    raise InputError(f"fsync policy {fsync!r}; expected always, interval:N with N > 0, or never")


def _sync_folder(folder: Path) -> None:
    if sys.platform == "win32":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
