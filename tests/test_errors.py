from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

from kqa import errors

CLASSES = {name: c for name, c in vars(errors).items() if inspect.isclass(c) and c.__module__ == errors.__name__}
DRAWING = (errors.__doc__ or "").splitlines()


def drawn_tree() -> dict[str, str]:
    """Read the tree in the module's docstring: each class with the one it stands under."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for line in DRAWING:
        match = re.match(r"^((?:│   |    |├── |└── )*)([A-Z]\w+)(?:\s|$)", line)
        if match and match[2] in CLASSES:
            depth = len(match[1]) // 4
            path[depth:] = [match[2]]
            parents[match[2]] = path[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_drawn_is_the_tree_there_is() -> None:
    assert drawn_tree() == {name: c.__bases__[0].__name__ for name, c in CLASSES.items()}


@pytest.mark.parametrize("name", CLASSES)
def test_every_error_is_one_of_kqa_with_one_parent(name: str) -> None:
    assert issubclass(CLASSES[name], errors.KqaError)
    assert len(CLASSES[name].__bases__) == 1
    assert CLASSES[name].__doc__


def test_a_class_drawn_as_raised_only_by_its_kinds_is_not_raised_itself() -> None:
    abstract = [line.split()[1] for line in DRAWING if "raised only as one of its kinds" in line]
    raised = {
        f"{path.name}:{node.lineno}": node.exc.func.id
        for path in sorted(Path(errors.__file__).parent.glob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    }
    assert {where: name for where, name in raised.items() if name in {*abstract, "KqaError"}} == {}
