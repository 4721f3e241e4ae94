"""The product's source as data for the project rules: modules, their imports, their functions.

Only `ast`: nothing of the product is imported, so a rule still speaks when the product is broken.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("gb28181", "sip", "media", "catalog", "config")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported name in full (`sip.flow`, or `sip.flow.Flow` for a name out of a module)."""

    name: str
    line: int
    at_run_time: bool
    at_top: bool


@dataclass(frozen=True)
class Module:
    name: str
    path: Path
    text: str
    tree: ast.Module

    @functools.cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self))

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def where(self) -> str:
        return str(self.path.relative_to(ROOT))


@functools.cache
def modules() -> dict[str, Module]:
    """Every module of the five packages that exists in this checkout."""
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "static" in path.parts:
                continue
            module = parse(path)
            found[module.name] = module
    return found


def parse(path: Path) -> Module:
    relative = path.relative_to(ROOT).with_suffix("")
    parts = relative.parts[:-1] if relative.name == "__init__" else relative.parts
    text = path.read_text("utf-8")
    return Module(".".join(parts), path, text, ast.parse(text, str(path)))


def _imports(module: Module) -> Iterator[Import]:
    yield from _walk(module, module.tree, True, True)


def _walk(module: Module, node: ast.AST, at_run_time: bool, at_top: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, at_run_time, at_top)
        elif isinstance(child, ast.ImportFrom):
            base = _base(module, child)
            for alias in child.names:
                yield Import(f"{base}.{alias.name}", child.lineno, at_run_time, at_top)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            for inner in child.body:
                yield from _walk(module, ast.Module([inner], []), False, at_top)
        else:
            function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _walk(module, child, at_run_time, at_top and not function)


def _base(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = module.path.name == "__init__.py"
    parts = module.name.split(".")
    keep = len(parts) - node.level + (1 if is_package else 0)
    return ".".join([*parts[:keep], *([node.module] if node.module else [])])


def target(name: str, known: dict[str, Module]) -> str | None:
    """The module an imported name lives in; None when it is not one of ours."""
    while name:
        if name in known:
            return name
        name = name.rpartition(".")[0]
    return None


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function from `def` on, its docstring left out."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines
