"""Who may import whom: the rule of the house, held by walking every import."""

from __future__ import annotations

import ast
import importlib.metadata
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STAGES = ("annotate", "train", "evaluate")
PACKAGES = ("demitasse", *STAGES)
ENTRY_POINTS = ("demitasse.cli", "train.sft")  # the only ones that put stages together


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def sources() -> dict[str, ast.Module]:
    """Module name to syntax tree, of all our packages."""
    paths = (path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))
    return {module_name(path): ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in paths}


def imports(tree: ast.AST) -> Iterator[str]:
    """Everything a piece of code imports, wherever in it: at the top, in a function, by name in a string."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                yield str(node.args[0].value)


def test_the_walk_sees_the_whole_house():
    assert len(sources()) > 50
    assert {name.split(".")[0] for name in sources()} == set(PACKAGES)


def test_demitasse_imports_no_stage():
    guilty = [
        f"{name} imports {target}"
        for name, tree in sources().items()
        if name.split(".")[0] == "demitasse" and name not in ENTRY_POINTS
        for target in imports(tree)
        if target.split(".")[0] in STAGES
    ]
    assert not guilty


def test_stages_never_import_each_other():
    guilty = [
        f"{name} imports {target}"
        for name, tree in sources().items()
        if name.split(".")[0] in STAGES and name not in ENTRY_POINTS
        for target in imports(tree)
        if target.split(".")[0] in STAGES and target.split(".")[0] != name.split(".")[0]
    ]
    assert not guilty


def test_imports_are_absolute():
    guilty = [
        name
        for name, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert not guilty


def test_there_is_no_import_cycle_not_even_a_lazy_one():
    graph = {name: {known(target) for target in imports(tree)} - {None, name} for name, tree in sources().items()}
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            pytest.fail(" → ".join([*path[path.index(name) :], name]))
        if name not in done:
            for target in sorted(graph[name]):
                visit(target, (*path, name))
            done.add(name)

    for name in graph:
        visit(name, ())


def known(target: str) -> str | None:
    """The module of ours that an import reaches: `a.b.C` is C of a.b."""
    while target and target not in sources():
        target = target.rpartition(".")[0]
    return target or None


def test_nothing_in_train_is_named_like_a_library():
    """A script's folder leads `sys.path`, so `train/datasets.py` would hide Hugging Face's `datasets`."""
    taken = sys.stdlib_module_names | set(importlib.metadata.packages_distributions())
    ours = {path.stem for path in (ROOT / "train").glob("*.py")} | {
        path.name for path in (ROOT / "train").iterdir() if path.is_dir()
    }
    assert not (ours - {"__init__", "__pycache__"}) & taken
