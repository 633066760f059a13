"""Readers on damaged copies of the real captures: one gap where one message is lost, nothing where one comes twice."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest

from counterpoise.core.errors import CorruptRecord
from counterpoise.market.event import GAP, SNAPSHOT
from counterpoise.market.symbol import parse_instrument
from reference.capture_reading import Reading, files, final_book, naive_books, read, terms

pytestmark = pytest.mark.realdata


def book_lines(lines: list[str], mark: str) -> list[int]:
    return [i for i, line in enumerate(lines) if mark in line]


KRAKEN, KRAKEN_MARK = "PI_ETHUSD", '"feed":"book","product_id":"PI_ETHUSD"'
BINANCE, BINANCE_MARK = "SUSHIUSDT", '"stream":"sushiusdt@depth'


def kraken_cure(reading: Reading, lines: list[str], at: int) -> str:
    """The book of the clean reading after line `at`, written as the venue's snapshot."""
    data = json.loads(lines[at].split(": ", 1)[1])
    batch = next(b for b in reading.books if b.instrument.symbol == KRAKEN.lower())
    offset = reading.report.messages - len([line for line in lines if line])
    sides = next(({s: dict(v) for s, v in book.items()} for seq, book in naive_books(batch.frame) if seq - offset == at))
    levels = {
        s: [{"price": batch.instrument.price(p), "qty": batch.instrument.qty(q)} for p, q in sides[s].items()] for s in (1, -1)
    }
    body = {"feed": "book_snapshot", "product_id": KRAKEN, "timestamp": data["timestamp"], "seq": data["seq"]}
    return lines[at].split(": ")[0] + ": " + json.dumps({**body, "bids": levels[1], "asks": levels[-1]})


def test_one_lost_delta_is_one_gap_until_the_next_snapshot(
    captures: Path, readings: dict[str, Reading], tmp_path: Path
) -> None:
    clean, path = readings["KRAKEN_FUTURES"], files(captures, "KRAKEN_FUTURES")[-1]
    lines = path.read_text().splitlines()
    marked = book_lines(lines, KRAKEN_MARK)
    cure_at = marked[1000]
    damaged = [*lines[: cure_at + 1], kraken_cure(clean, lines, cure_at), *lines[cure_at + 1 :]]
    del damaged[marked[500]]
    copy = tmp_path / path.name
    copy.write_text("\n".join(damaged))
    reading = read([copy], "kraken_futures")
    assert (reading.report.gaps, reading.report.bad) == (1, 0)
    found = reading.frame("book", KRAKEN.lower())
    gaps = found.filter(pl.col("kind") == GAP)
    assert gaps.height == 1
    assert gaps["id"][0] == json.loads(lines[marked[501]].split(": ", 1)[1])["seq"]
    after = found.filter(pl.col("seq") > gaps["seq"][0])
    assert after["kind"][0] == SNAPSHOT
    assert final_book(found) == final_book(clean.frame("book", KRAKEN.lower()))
    others = [b.instrument.symbol for b in clean.books if b.instrument.symbol != KRAKEN.lower()]
    assert all(reading.frame("book", o).drop("seq").equals(clean.frame("book", o).drop("seq")) for o in others)


def test_repeated_deltas_change_nothing(captures: Path, readings: dict[str, Reading], tmp_path: Path) -> None:
    clean, path = readings["KRAKEN_FUTURES"], files(captures, "KRAKEN_FUTURES")[-1]
    lines = path.read_text().splitlines()
    again = set(book_lines(lines, KRAKEN_MARK)[::7])
    copy = tmp_path / path.name
    copy.write_text("\n".join(line for i, line in enumerate(lines) for line in [line] * (1 + (i in again))))
    reading = read([copy], "kraken_futures")
    assert reading.report.gaps == 0
    assert reading.report.dropped["book message old, repeated or stale"] == len(again)
    expected = clean.frame("book", KRAKEN.lower()).drop("seq")
    assert reading.frame("book", KRAKEN.lower()).drop("seq").equals(expected)


def raw_binance_book(lines: list[str], answer: dict[str, Any], until: int) -> tuple[int, dict[str, dict[str, str]]]:
    """Book and last id straight from the texts: the REST snapshot and every later diff up to line `until`."""
    sides = {"bids": dict(answer["bids"]), "asks": dict(answer["asks"])}
    last = answer["lastUpdateId"]
    for i in book_lines(lines, BINANCE_MARK):
        data = json.loads(lines[i].split(": ", 1)[1])["data"]
        if i > until or data["u"] < answer["lastUpdateId"]:
            continue
        for name, rows in (("bids", data["b"]), ("asks", data["a"])):
            sides[name].update(rows)
            sides[name] = {p: q for p, q in sides[name].items() if float(q)}
        last = data["u"]
    return last, sides


@pytest.mark.parametrize("stale", [False, True])
def test_binance_recovers_by_a_new_rest_snapshot(
    captures: Path, readings: dict[str, Reading], tmp_path: Path, stale: bool
) -> None:
    clean = readings["BINANCE_FUTURES"]
    _, rest, socket = files(captures, "BINANCE_FUTURES")
    lines = socket.read_text().splitlines()
    answers = [line for line in rest.read_text().splitlines() if line]
    answer = json.loads(next(line for line in answers if BINANCE in line).split(": ", 1)[1])
    marked = book_lines(lines, BINANCE_MARK)
    last, sides = raw_binance_book(lines, answer, marked[20] if stale else marked[60])
    body = {"lastUpdateId": last, "T": 1, **{name: list(rows.items()) for name, rows in sides.items()}}
    when = lines[marked[80]].split(": ")[0]
    (tmp_path / rest.name).write_text("\n".join([*answers, f"rest/depth?symbol={BINANCE} -> {when}: {json.dumps(body)}"]))
    (tmp_path / socket.name).write_text("\n".join(line for i, line in enumerate(lines) if i != marked[40]))
    reading = read([tmp_path / rest.name, tmp_path / socket.name], "binance_usdm")
    assert (reading.report.gaps, reading.report.bad) == (1, 0)
    found = reading.frame("book", BINANCE)
    if stale:
        assert found["kind"][-1] == GAP
        assert reading.report.dropped["book update without a snapshot"] == len(marked) - 41
    else:
        assert final_book(found) == final_book(clean.frame("book", BINANCE))


def test_unnumbered_books_are_void_after_a_bad_record(captures: Path, readings: dict[str, Reading], tmp_path: Path) -> None:
    """A record nobody can read may have been a delta of any book."""
    path = files(captures, "COINBASE")[-1]
    lines = path.read_text().splitlines()
    broken = next(i for i, line in enumerate(lines) if "l2update" in line and i > 5000)
    lines[broken] = lines[broken][:-9]
    copy = tmp_path / path.name
    copy.write_text("\n".join(lines))
    with pytest.raises(CorruptRecord, match=rf"{path.name}:{broken + 1}: field 'JSON'"):
        read([copy], "coinbase")
    reading = read([copy], "coinbase", max_bad=1)
    books = readings["COINBASE"].books
    assert (reading.report.bad, reading.report.gaps) == (1, len(books))
    assert all(reading.frame("book", b.instrument.symbol)["kind"][-1] == GAP for b in books)
    assert reading.report.rows["trade"] == readings["COINBASE"].report.rows["trade"]


def test_a_new_connection_voids_unnumbered_books_until_their_partial(captures: Path, tmp_path: Path) -> None:
    path = files(captures, "BITMEX")[-1]
    lines = path.read_text().splitlines()
    copy = tmp_path / path.name
    later = [re.sub(r"^\d+\.\d+:", "1626993999.5:", line) for line in lines if re.match(r"\d", line)]
    copy.write_text("\n".join([*lines, "socket <-> 1626993999.0", *later]))
    once, twice = (read([p], "bitmex", known=terms("BITMEX")) for p in (path, copy))
    assert twice.report.gaps == len(once.books) == 10
    for batch in once.books:
        assert final_book(twice.frame("book", batch.instrument.symbol)) == final_book(batch.frame)


def test_bitmex_level_never_seen_is_a_gap(captures: Path, tmp_path: Path) -> None:
    path = files(captures, "BITMEX")[-1]
    lines = path.read_text().splitlines()
    inserted = [
        i for i in book_lines(lines, '"action":"insert"') if '"table":"orderBookL2"' in lines[i] and "XBTUSD" in lines[i]
    ]
    ids = {i: {row["id"] for row in json.loads(lines[i].split(": ", 1)[1])["data"]} for i in inserted}
    lost = next(i for i in inserted if any(str(n) in line for n in ids[i] for line in lines[i + 1 :]))
    copy = tmp_path / path.name
    copy.write_text("\n".join(line for i, line in enumerate(lines) if i != lost))
    assert read([copy], "bitmex", known=terms("BITMEX")).report.gaps == 1


def test_dydx_lost_message_voids_every_book(captures: Path, readings: dict[str, Reading], tmp_path: Path) -> None:
    path = files(captures, "DYDX")[-1]
    lines = path.read_text().splitlines()
    copy = tmp_path / path.name
    copy.write_text("\n".join(line for i, line in enumerate(lines) if i != 2000))
    assert read([copy], "dydx").report.gaps == len(readings["DYDX"].books) == 10


def test_a_price_off_the_given_grid_is_an_error_that_says_so(captures: Path) -> None:
    known = [msgspec.structs.replace(parse_instrument(f"binance_usdm:{BINANCE}"), tick="0.01", lot="1")]
    with pytest.raises(CorruptRecord, match=r"off the grid of tick 0\.01"):
        read(files(captures, "BINANCE_FUTURES"), "binance_usdm", known=known)


def test_deribit_lost_change_is_one_gap_and_the_rest_waits(captures: Path, tmp_path: Path) -> None:
    path, option = files(captures, "DERIBIT")[-1], "BTC-24SEP21-8000-P"
    lines = path.read_text().splitlines()
    marked = [i for i in book_lines(lines, f'"channel":"book.{option}.raw"') if '"prev_change_id"' in lines[i]]
    copy = tmp_path / path.name
    copy.write_text("\n".join(line for i, line in enumerate(lines) if i != marked[10]))
    reading = read([copy], "deribit")
    assert reading.report.gaps == 1
    assert reading.frame("book", option)["kind"][-1] == GAP
    assert reading.report.dropped["book update without a snapshot"] == len(marked) - 11
