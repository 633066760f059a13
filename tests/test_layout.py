"""The layout that style.md and design.md promise, read from the sources without importing them."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "counterpoise"
TESTS = ROOT / "tests"
STAGES = {"core", "market", "flow", "forecast", "options", "risk", "sim", "balance", "adapters", "runtime", "app"}
TEST_FOLDERS = STAGES | {"laws", "reference", "venue"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "tools", "stuff"}
KERNEL_IMPORTS = {
    "__future__",
    "collections.abc",
    "math",
    "numpy",
    "typing",
    "counterpoise.core.arrays",
    "counterpoise.core.jit",
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def is_kernel(path: Path) -> bool:
    return "kernels" in path.relative_to(PACKAGE).with_suffix("").parts


def imported(tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append("." * node.level + (node.module or ""))
    return names


def assigned(tree: ast.Module) -> dict[str, ast.expr]:
    out = {}
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            out[node.targets[0].id] = node.value
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value is not None:
            out[node.target.id] = node.value
    return out


def may_stand_in_init(node: ast.stmt) -> bool:
    """Docstring, imports, dunder names and the two functions of a lazy module."""
    if isinstance(node, ast.FunctionDef):
        return node.name in ("__getattr__", "__dir__")
    if isinstance(node, ast.Assign):
        return all(isinstance(t, ast.Name) and t.id.startswith("__") for t in node.targets)
    if isinstance(node, ast.If):
        return ast.unparse(node.test).endswith("TYPE_CHECKING")
    return isinstance(node, ast.Import | ast.ImportFrom | ast.Expr)


def test_folders_are_stages() -> None:
    folders = {p.name for p in PACKAGE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert folders <= STAGES, f"not a stage of the design: {sorted(folders - STAGES)}"


def test_module_names_are_nouns_of_the_field() -> None:
    vague = [relative(p) for p in MODULES if p.stem in VAGUE or p.parent.name in VAGUE]
    assert not vague, f"name the noun instead: {vague}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py" and not is_kernel(p)], ids=relative)
def test_module_lists_its_public_names(path: Path) -> None:
    tree = tree_of(path)
    assert ast.get_docstring(tree), "a module opens with one sentence that says what it holds"
    names = assigned(tree)
    assert "__all__" in names, "add a sorted __all__"
    public = ast.literal_eval(names["__all__"])
    assert len(public) == len(set(public)), "a name stands twice in __all__"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name == "__init__.py"], ids=relative)
def test_init_only_exports(path: Path) -> None:
    extra = [f"line {node.lineno}" for node in tree_of(path).body if not may_stand_in_init(node)]
    assert not extra, f"__init__ holds imports and __all__ only; found more at {extra}"


@pytest.mark.parametrize("path", [p for p in MODULES if is_kernel(p)], ids=relative)
def test_kernels_see_numbers_only(path: Path) -> None:
    foreign = [n for n in imported(tree_of(path)) if n not in KERNEL_IMPORTS and ".kernels" not in n]
    assert not foreign, f"a kernel imports numpy, core.jit, core.arrays and other kernels; found {foreign}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.parent.name != "kernels" and p.name != "__init__.py"], ids=relative)
def test_functions_take_few_positional_arguments(path: Path) -> None:
    """After the data everything is keyword-only; six by position is already much."""
    many = [
        f"{node.name} (line {node.lineno})"
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef) and len(node.args.posonlyargs) + len(node.args.args) > 6
    ]
    assert not many, f"make the rest keyword-only: {many}"


def test_test_folders_mirror_the_stages() -> None:
    folders = {p.relative_to(TESTS).parts[0] for p in TESTS.rglob("*.py") if p.parent != TESTS}
    assert folders <= TEST_FOLDERS, f"put them under a stage: {sorted(folders - TEST_FOLDERS)}"
    assert not list(TESTS.rglob("__init__.py")), "tests are not packages"


def test_test_files_have_unique_names() -> None:
    twice = [name for name, count in Counter(p.name for p in TESTS.rglob("test_*.py")).items() if count > 1]
    assert not twice, f"rename one of each: {twice}"


def test_root_import_is_light() -> None:
    """`import counterpoise` brings none of the heavy libraries; the stages do when they are used."""
    heavy = "numba", "numpy", "polars", "pyarrow", "plotly", "duckdb", "sqlalchemy"
    script = f"import sys, counterpoise; print([m for m in {heavy} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
    assert found == "[]", f"import counterpoise loads {found}"
