"""What the pages claim is held against the code, and their worked tables are computed again."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import msgspec
import pytest

from counterpoise.app.config import RunConfig
from counterpoise.core import errors

DOCS = Path(__file__).resolve().parents[1] / "docs"
DECISIONS = sorted((DOCS / "decisions").glob("0*.md"))


def rows(text: str) -> list[list[str]]:
    """Cells of the table lines of a page, without the header rule."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not set(line) <= set("|- :")]
    return [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]


def number(cell: str) -> float:
    return float(cell.replace(",", "").replace("−", "-").replace("×", ""))


def test_every_error_has_a_section() -> None:
    page = (DOCS / "errors.md").read_text(encoding="utf-8")
    classes = {getattr(errors, name) for name in errors.__all__}
    expected = {f"{c.code} {c.__name__}" for c in classes}
    assert set(re.findall(r"^## (CP-\d+ \w+)$", page, flags=re.MULTILINE)) == expected
    for c in classes & {errors.InputError, errors.DataError, errors.NumericalError, errors.VenueError}:
        assert re.search(rf"{c.__name__} +{c.code} +exit {c.exit_code}$", page, flags=re.MULTILINE)


@pytest.mark.parametrize("page", DECISIONS, ids=lambda p: p.stem)
def test_decision_has_its_four_parts(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"^\*\*(Context|Choice|Cost|Revisit when)\b", text, flags=re.MULTILINE)
    assert found == ["Context", "Choice", "Cost", "Revisit when"]
    assert text.startswith(f"# {page.stem[:4]} ")
    assert page.name in (DOCS / "decisions" / "index.md").read_text(encoding="utf-8")


def test_ofi_table_follows_its_formula() -> None:
    text = (DOCS / "theory" / "flow.md").read_text(encoding="utf-8").partition("## Order-flow imbalance, best level")[2]
    table = [r for r in rows(text.partition("*What is published.*")[0]) if len(r) == 6 and r[0] != "bid"]
    books = [tuple(number(cell) for cell in row[:4]) for row in table]
    assert len(books) == 8
    for (pb0, qb0, pa0, qa0), (pb, qb, pa, qa), row in zip(books[:-1], books[1:], table[1:], strict=True):
        e = (pb >= pb0) * qb - (pb <= pb0) * qb0 - (pa <= pa0) * qa + (pa >= pa0) * qa0
        assert number(row[4]) == e


def test_shortfall_table_adds_up() -> None:
    table = rows((DOCS / "theory" / "balance.md").read_text(encoding="utf-8"))
    worked = {row[0]: (row[1], number(row[2]), number(row[3])) for row in table if len(row) == 4 and row[0] != "part"}
    total = worked.pop("shortfall")
    assert len(worked) == 4
    for computation, cost, bps in worked.values():
        assert eval(computation.replace(",", "").replace("×", "*"), {"__builtins__": {}}) == pytest.approx(cost)
        assert bps == pytest.approx(cost / (10_000 * 100) * 1e4)
    assert total[1:] == (sum(c for _, c, _ in worked.values()), pytest.approx(sum(b for *_, b in worked.values())))
    paper = 10_000 * (101 - 100)
    real = 6_000 * (101 - 100.20) + 2_000 * (101 - 100.40) - 8_000 * 0.01
    assert total[1] == pytest.approx(paper - real)


def test_auction_table_follows_its_orders() -> None:
    """Bids 10 at 1002, 1001 and 999, asks 5 at 998, 10 at 999 and 1001, as in tests/sim/test_exchange.py."""
    table = [r for r in rows((DOCS / "theory" / "exchange.md").read_text(encoding="utf-8")) if len(r) == 5 and r[0].isdigit()]
    assert [row[0] for row in table] == ["998", "999", "1000", "1001", "1002"]
    for price, *cells in ([int(cell) for cell in row] for row in table):
        demand = sum(10 for bid in (1002, 1001, 999) if bid >= price)
        supply = sum(lots for ask, lots in ((998, 5), (999, 10), (1001, 10)) if ask <= price)
        assert cells == [demand, supply, min(demand, supply), abs(demand - supply)]


BUILT = sorted(path.parent.name for path in (DOCS.parent / "src" / "counterpoise").glob("*/__init__.py"))


@pytest.mark.parametrize("stage", BUILT)
def test_stage_has_an_api_page(stage: str) -> None:
    assert f"::: counterpoise.{stage}\n" in (DOCS / "api" / f"{stage}.md").read_text(encoding="utf-8")


def test_every_key_of_a_run_is_explained() -> None:
    text = (DOCS / "how-to" / "parent-order.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"`(?:\[[\w.]+\.)?(\w+)\]?`", text.partition("## Before you run")[0]))
    todo, keys = [RunConfig], set()
    while todo:
        for field in msgspec.inspect.type_info(todo.pop()).fields:
            keys.add(field.name)
            if isinstance(field.type, msgspec.inspect.StructType):
                todo.append(field.type.cls)
    assert not keys - explained - {"data", "parent", "flow", "venue", "limits", "report"}


def test_every_variable_of_the_environment_is_listed() -> None:
    sources = [path.read_text(encoding="utf-8") for path in (DOCS.parent / "src").rglob("*.py")]
    read = {name for text in sources for name in re.findall(r"[\"'](COUNTERPOISE_\w+)[\"']", text)}
    page = (DOCS / "command-line.md").read_text(encoding="utf-8")
    assert len(read) >= 4
    assert read == set(re.findall(r"^\| `(COUNTERPOISE_\w+)`", page, flags=re.MULTILINE))


def docstrings() -> list[tuple[str, str]]:
    out = []
    for path in sorted((DOCS.parent / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and (text := ast.get_docstring(node)):
                out.append((f"{path.name}: {getattr(node, 'name', 'module')}", text))
    return out


def test_docstrings_hold_no_bare_double_brackets() -> None:
    """``x[i] [unit]`` in prose is a cross-reference to the documentation builder, and a broken one fails it."""
    found = []
    for where, text in docstrings():
        prose = "\n".join(line for line in text.splitlines() if not re.match(r"\s*(>>>|\.\.\.)", line))
        if re.search(r"\w\[[^\]]*\] ?\[", re.sub(r"``.*?``|`.*?`", "", prose, flags=re.DOTALL)):
            found.append(where)
    assert not found, f"put the expression into double backticks: {found}"
