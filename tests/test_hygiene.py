"""What must never be committed: download addresses, machine paths, secrets, recordings, and files nobody can read in one go."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT = Path(__file__).resolve().parents[1]
MAX_LINES: Final = {".py": 600, ".md": 500}  # src is held to 400 by test_layout
MAX_BYTES: Final = 500_000

# hosts that name a licence, a standard or a paper, and this machine itself
CITED: Final = (
    r"(?:www\.apache\.org|doi\.org|arxiv\.org|keepachangelog\.com|semver\.org|127\.0\.0\.1|localhost)(?=[:/\s)>\"'`]|$)"
)
FORBIDDEN: Final = {
    "download address": re.compile(
        rf"\b(?:https?|ftp|wss?)://(?!{CITED})[\w{{\[]"
        r"|\b(?:git|hg|svn)\+(?:https?|ssh):"
        r"|\b(?:pypi\.org|pythonhosted\.org|githubusercontent\.com|jsdelivr\.net|unpkg\.com|anaconda\.org|huggingface\.co)\b"
        r"|\b(?:\w+\.)+(?:binance|bybit|bitmex|coinbase|deribit|hyperliquid|kraken|okx)\.(?:com|vision|xyz)\b"
        r"|--hash=sha(?:256|512):"
    ),
    "machine path": re.compile(r"(?<![\w.\-/}])/(?:work|home|root|Users|mnt|opt)/\w|\b[A-Z]:\\{1,2}Users\b|(?<![\w/])/tmp/\w"),
    "secret": re.compile(
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}\b"
        r"|(?i:api_?secret|api_?key|password)\s*[=:]\s*[\"'][A-Za-z0-9+/_\-]{16,}[\"']"
    ),
    "work left undone": re.compile(r"(?:#|//)\s*(?:TODO|FIXME|XXX)\b|raise\s+NotImplementedError\b"),
}
RECORDING: Final = {".gz", ".zip", ".zst", ".parquet", ".csv", ".feather", ".npz", ".npy", ".db", ".sqlite"}


@cache
def tracked() -> tuple[Path, ...]:
    """Files git knows; without git (an unpacked archive) there is nothing committed to look at."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return tuple(path for name in listed.split("\0") if name and (path := ROOT / name).is_file())


def findings(text: str, what: str) -> list[int]:
    """1-based lines of a text in which a forbidden thing stands."""
    return [number for number, line in enumerate(text.splitlines(), 1) if FORBIDDEN[what].search(line)]


@pytest.mark.parametrize("what", sorted(FORBIDDEN))
def test_nothing_forbidden_is_committed(what: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in tracked()
        for line in findings(path.read_text(encoding="utf-8", errors="replace"), what)
    ]
    assert not found, f"{what} in {found}"


def test_files_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {lines}"
        for path in tracked()
        if path.parent.name != "theory"  # one page a stage, however much the stage says
        and (limit := MAX_LINES.get(path.suffix))
        and (lines := path.read_bytes().count(b"\n")) > limit
    ]
    assert not long, f"split by noun: {long}"


def test_no_recording_is_committed() -> None:
    found = [str(path.relative_to(ROOT)) for path in tracked() if path.suffix in RECORDING or path.stat().st_size > MAX_BYTES]
    assert not found, f"recordings stay where COUNTERPOISE_DATA points: {found}"


@pytest.mark.parametrize("name", ["constraints.txt", "constraints-peers.txt"])
def test_constraints_are_plain_pins(name: str) -> None:
    lines = [line for line in (ROOT / name).read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    wrong = [line for line in lines if not re.fullmatch(r"[A-Za-z0-9][\w.\-]*==[\w.+!]+", line)]
    assert lines
    assert not wrong, f"expected name==version, found {wrong}"


# a middle dot keeps these lines themselves out of the scan
@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("download address", "see h·ttps://example.com/file.gz"),
        ("download address", "w·ss://stream.example.com/ws"),
        ("download address", "pkg @ git+ss·h://host/x"),
        ("download address", "h·ttps://doi.org.example.com/x"),
        ("download address", "host = 'stream.bin·ance.com'"),
        ("download address", "numpy==2.0 --ha·sh=sha256:00"),
        ("machine path", "open('/ho·me/ann/x.csv')"),
        ("machine path", "DATA = /wo·rk/shared"),
        ("machine path", "C:\\Us·ers\\ann"),
        ("secret", "-----BEGIN RSA PRIV·ATE KEY-----"),
        ("secret", "api_key = 'abcdefgh·ijklmnop1234'"),
        ("work left undone", "x = 1  # TO·DO later"),
    ],
)
def test_the_scan_sees(what: str, line: str) -> None:
    assert findings("fine\n" + line.replace("·", "") + "\n", what) == [2]


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("download address", "https://doi.org/10.1093/jjfinec/nbt003"),
        ("download address", "http://127.0.0.1:8080/fapi"),
        ("machine path", "../shared/data and s3-like key bucket/home/x"),
        ("machine path", "ROOT.parent / 'work' / 'x'"),
        ("secret", "api_key = os.environ['KEY']"),
        ("work left undone", "the method TODOS is a name"),
    ],
)
def test_the_scan_lets_pass(what: str, line: str) -> None:
    assert findings(line, what) == []
