"""The import graph of the package, read from its sources."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import harness

ROOT = Path(harness.__file__).parent


def modules() -> dict[str, Path]:
    """Name -> file of every module; a package stands for its `__init__`."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, known: Mapping[str, Path], *, running: bool = False) -> set[str]:
    """The modules of the package that one imports, wherever in its source.

    Args:
        name: the module.
        known: see `modules`.
        running: leaves out what only type checkers read.
    """
    package = name if known[name].name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(known[name].read_text("utf-8"))
    if running:
        tree = _Running().visit(tree)
    return set(_imported(tree, package, known)) - {name}


class _Running(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> ast.AST | None:
        checked = isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        return None if checked else self.generic_visit(node)


def _imported(tree: ast.AST, package: str, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            up = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*up, *([node.module] if node.module else [])])
            named = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            base, named = "", [alias.name for alias in node.names]
        else:
            continue
        for one in named:
            if one in known:
                yield one
            elif base in known:
                yield base
