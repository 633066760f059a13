"""Where a lake's files lie: a local directory that survives a power cut, or any fsspec file system.

A file appears whole or not at all. Locally it is written under another name, flushed to the disk and renamed; an object store
publishes an object only when its upload has ended.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import fsspec

from counterpoise.core.errors import InputError

if sys.platform != "win32":
    import fcntl

__all__ = ["TEMPORARY", "LocalStorage", "RemoteStorage", "Storage", "open_storage"]

TEMPORARY: Final = ".writing-"


class Storage(Protocol):
    """Files by their path below a root, with ``/`` between folders."""

    @property
    def url(self) -> str:
        """The root as the user gave it, for messages."""
        ...

    def require(self) -> None:
        """Refuse a root that does not exist."""
        ...

    def put(self, path: str, data: bytes) -> None:
        """Make a file appear whole, over any earlier one, and durable."""
        ...

    def read(self, path: str) -> bytes: ...

    def size(self, path: str) -> int | None:
        """Bytes of a file; None where asking costs a request a file."""
        ...

    def remove(self, path: str) -> None:
        """Take a file away; one that is not there is no error."""
        ...

    def listing(self, folder: str) -> dict[str, str]:
        """Names in a folder, each with a token that changes when the file does; empty when there is no folder."""
        ...

    def walk(self, folder: str = "") -> Iterator[str]:
        """Paths of every file below a folder."""
        ...

    def lock(self, path: str, *, wait: bool) -> AbstractContextManager[None]:
        """File that one process holds at a time; without `wait`, BlockingIOError when another does. It stays afterwards."""
        ...

    def location(self, path: str) -> str:
        """The path as other programs take it."""
        ...


def open_storage(url: str | Path) -> LocalStorage | RemoteStorage:
    """Storage behind a directory or an fsspec URL.

    Raises
    ------
    InputError
        If fsspec does not know the protocol.
    """
    if isinstance(url, Path) or "://" not in url:
        return LocalStorage(Path(url))
    if url.startswith("file://"):
        return LocalStorage(Path(url.removeprefix("file://")))
    return RemoteStorage(url)


class LocalStorage:
    """A directory of the local file system."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root.expanduser()

    @property
    def url(self) -> str:
        return str(self.root)

    def require(self) -> None:
        if not self.root.is_dir():
            raise InputError(f"no lake at {self.root}: expected a directory; ingest a recording into it first")

    def put(self, path: str, data: bytes) -> None:
        target = self.root / path
        self._make_folder(target.parent)
        temporary = target.with_name(f"{TEMPORARY}{os.getpid()}-{target.name}")
        try:
            with self._create(temporary) as file:
                file.write(data)
                file.flush()
                self._sync(file.fileno())
            self._rename(temporary, target)
        except BaseException:
            with suppress(FileNotFoundError):
                self._unlink(temporary)
            raise
        self._sync_folder(target.parent)

    def read(self, path: str) -> bytes:
        return (self.root / path).read_bytes()

    def size(self, path: str) -> int | None:
        return (self.root / path).stat().st_size

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self._unlink(self.root / path)

    def listing(self, folder: str) -> dict[str, str]:
        try:
            with os.scandir(self.root / folder) as entries:
                return {e.name: f"{s.st_ino}-{s.st_mtime_ns}-{s.st_size}" for e in entries if (s := e.stat())}
        except FileNotFoundError:
            return {}

    def walk(self, folder: str = "") -> Iterator[str]:
        for parent, _, names in os.walk(self.root / folder):
            yield from ((Path(parent) / name).relative_to(self.root).as_posix() for name in names)

    @contextmanager
    def lock(self, path: str, *, wait: bool) -> Iterator[None]:
        target = self.root / path
        self._make_folder(target.parent)
        while True:
            with self._create(target, "ab") as file:
                if sys.platform != "win32":
                    fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))  # freed when the process dies
                if not _is_at(file.fileno(), target):
                    continue  # its last holder took it away while we waited
                yield
                return

    def location(self, path: str) -> str:
        return str(self.root / path)

    # The only calls that change a disk; a test stops the world at each.

    def _create(self, path: Path, mode: str = "wb") -> BinaryIO:
        return open(path, mode)  # type: ignore[return-value]

    def _rename(self, source: Path, target: Path) -> None:
        os.replace(source, target)

    def _unlink(self, path: Path) -> None:
        path.unlink()

    def _sync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def _mkdir(self, path: Path) -> None:
        path.mkdir(exist_ok=True)

    def _make_folder(self, folder: Path) -> None:
        """Make a folder and those above it, each durable in its parent."""
        if folder.is_dir():
            return
        self._make_folder(folder.parent)
        self._mkdir(folder)
        self._sync_folder(folder.parent)

    def _sync_folder(self, folder: Path) -> None:
        if sys.platform == "win32":
            return
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            self._sync(descriptor)
        finally:
            os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


class RemoteStorage:
    """Any fsspec file system; a put is as atomic and as durable as the store makes it.

    There are no locks: one writer a source is the caller's duty.
    """

    def __init__(self, url: str) -> None:
        try:
            self.fs, root = fsspec.core.url_to_fs(url)
        except (ValueError, ImportError) as error:
            raise InputError(f"cannot open {url}: {error}; give a directory or a URL that fsspec knows") from error
        self._url: Final = url
        self._root: Final = str(root).rstrip("/")

    @property
    def url(self) -> str:
        return self._url

    def require(self) -> None:
        self.fs.invalidate_cache()
        if not self.fs.exists(self._root):
            raise InputError(f"no lake at {self._url}; ingest a recording into it first")

    def put(self, path: str, data: bytes) -> None:
        target = f"{self._root}/{path}"
        self.fs.makedirs(target.rpartition("/")[0], exist_ok=True)
        self.fs.pipe_file(target, data)

    def read(self, path: str) -> bytes:
        return bytes(self.fs.cat_file(f"{self._root}/{path}"))

    def size(self, path: str) -> int | None:
        return None

    def remove(self, path: str) -> None:
        with suppress(FileNotFoundError):
            self.fs.rm_file(f"{self._root}/{path}")

    def listing(self, folder: str) -> dict[str, str]:
        self.fs.invalidate_cache()
        try:
            entries = self.fs.ls(f"{self._root}/{folder}", detail=True)
        except FileNotFoundError:
            return {}
        return {e["name"].rpartition("/")[2]: str(sorted(e.items())) for e in entries}

    def walk(self, folder: str = "") -> Iterator[str]:
        for found in self.fs.find(f"{self._root}/{folder}".rstrip("/")):
            yield found.removeprefix(self._root).lstrip("/")

    @contextmanager
    def lock(self, path: str, *, wait: bool) -> Iterator[None]:
        self.put(path, b"")
        yield

    def location(self, path: str) -> str:
        return str(self.fs.unstrip_protocol(f"{self._root}/{path}"))
