"""The layout that style.md and design.md promise, read from the sources without importing them."""

from __future__ import annotations

import ast
import re
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


@pytest.mark.parametrize(
    "path", [p for p in MODULES if p.name not in ("__init__.py", "cli.py") and not is_kernel(p)], ids=relative
)
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


@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if p.parent.name != "kernels" and p.name != "__init__.py" and not p.name.startswith("cli")],
    ids=relative,
)
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


def test_modules_stay_short() -> None:
    long = {relative(p): n for p in MODULES if (n := len(p.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long, f"split by noun: {long}"


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "cli.py"], ids=relative)
def test_public_names_are_sorted_and_defined(path: Path) -> None:
    tree = tree_of(path)
    listed = assigned(tree).get("__all__")
    if listed is None:  # an empty kernels/__init__ or a stage that holds nothing yet
        assert is_kernel(path) or path.name == "__init__.py"
        return
    public = ast.literal_eval(listed)
    assert public == sorted(public, key=export_order), f"expected {sorted(public, key=export_order)}"
    bound = {
        alias.asname or alias.name for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom) for alias in n.names
    }
    bound |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)} | set(assigned(tree))
    lazy = path.name == "__init__.py" and "__getattr__" in bound
    assert lazy or not set(public) - bound, f"__all__ names what is not there: {sorted(set(public) - bound)}"


def export_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """Constants, then classes, then the rest; numbers inside names by value (ruff's RUF022)."""
    rank = 0 if len(name) > 1 and name.isupper() else 1 if name[0].isupper() else 2
    return rank, [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


@pytest.mark.parametrize("path", [p for p in MODULES if p.name != "__init__.py"], ids=relative)
def test_public_functions_and_classes_are_documented(path: Path) -> None:
    tree = tree_of(path)
    public = set(ast.literal_eval(assigned(tree)["__all__"])) if "__all__" in assigned(tree) else set()
    bare = [n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name in public and not ast.get_docstring(n)]
    bare += [n.name for n in tree.body if isinstance(n, ast.ClassDef) and n.name in public and needs_words(n)]
    assert not bare, f"say in one sentence what they are: {bare}"


def needs_words(node: ast.ClassDef) -> bool:
    """A class without a docstring, unless it holds names only: an enumeration, or a line of the drawn error tree."""
    plain = all(isinstance(part, ast.Assign | ast.AnnAssign) for part in node.body)
    return not ast.get_docstring(node) and not plain


def test_numba_is_imported_in_one_place() -> None:
    found = [relative(p) for p in MODULES if any(name.split(".")[0] in ("numba", "llvmlite") for name in imported(tree_of(p)))]
    assert found == ["core/jit.py"]


def test_only_the_app_prints() -> None:
    found = [
        f"{relative(p)}:{n.lineno}" for p in MODULES if p.relative_to(PACKAGE).parts[0] != "app" for n in calls(p, "print")
    ]
    assert not found, f"return it, or log it: {found}"


def calls(path: Path, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]


def test_no_error_is_swallowed_whole() -> None:
    found = []
    for path in MODULES:
        lines = path.read_text(encoding="utf-8").splitlines()
        for node in ast.walk(tree_of(path)):
            if isinstance(node, ast.ExceptHandler) and catches_all(node) and not raises_again(node):
                reason = lines[node.lineno - 1].partition("noqa: BLE001")[2]  # an exception to the rule says why
                if len(reason.split()) < 3:
                    found.append(f"{relative(path)}:{node.lineno}")
    assert not found, f"catch what can happen, by name: {found}"


def catches_all(node: ast.ExceptHandler) -> bool:
    names = [] if node.type is None else [n.id for n in ast.walk(node.type) if isinstance(n, ast.Name)]
    return node.type is None or bool({"Exception", "BaseException"} & set(names))


def raises_again(node: ast.ExceptHandler) -> bool:
    """Tidying up before the error goes on is no swallowing."""
    return isinstance(node.body[-1], ast.Raise) and node.body[-1].exc is None


DISK = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "write_parquet", "write_csv"}
DISK |= {"read_parquet", "scan_parquet", "read_csv", "urlopen", "connect"}
MAY_TOUCH_DISK = {"core/jit.py"}  # reads its own sources to name the kernel cache


@pytest.mark.parametrize("path", MODULES, ids=relative)
def test_only_adapters_and_app_touch_disk_and_network(path: Path) -> None:
    stage = path.relative_to(PACKAGE).parts[0]
    if stage in ("adapters", "app") or relative(path) in MAY_TOUCH_DISK:
        return
    calls = [node.func for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call)]
    names = {f.attr if isinstance(f, ast.Attribute) else f.id for f in calls if isinstance(f, ast.Attribute | ast.Name)}
    assert not names & DISK, f"move it to adapters: {sorted(names & DISK)}"
