"""Files and functions stay short enough to be read in one go."""

from __future__ import annotations

import ast

from tests.rules.source import ROOT, functions, length, modules

MAX_FILE = 600
MAX_FUNCTION = 60
# Too long for a reason; these lists may only shrink.
LONG_FILES: frozenset[str] = frozenset()
LONG_FUNCTIONS: frozenset[str] = frozenset()


def test_no_file_is_longer_than_600_lines() -> None:
    found = [
        f"{module.where}: {len(module.text.splitlines())} lines"
        for module in modules().values()
        if len(module.text.splitlines()) > MAX_FILE and module.name not in LONG_FILES
    ]
    assert not found, "\n".join(found)


def test_no_function_is_longer_than_60_lines() -> None:
    found = [
        f"{module.where}:{node.lineno}: {node.name} has {length(node)} lines"
        for module in modules().values()
        for node in functions(module.tree)
        if length(node) > MAX_FUNCTION and f"{module.name}.{node.name}" not in LONG_FUNCTIONS
    ]
    assert not found, "\n".join(found)


def test_every_module_says_what_it_is() -> None:
    found = [
        module.where
        for module in modules().values()
        if module.text.strip() and not ast.get_docstring(module.tree)
    ]
    assert not found, "no docstring: " + ", ".join(found)


def test_every_test_folder_is_a_package() -> None:
    """Without it `import sip` could find tests/unit/sip."""
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    missing = [str(f.relative_to(ROOT)) for f in folders if not (f / "__init__.py").is_file()]
    assert not missing, f"no __init__.py in {missing}"
