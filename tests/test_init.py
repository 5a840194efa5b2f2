from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import kqa


def test_all_is_what_the_facade_imports_and_defines() -> None:
    tree = ast.parse(Path(kqa.__file__).read_text(encoding="utf-8"))
    imported = [
        a.name for n in tree.body if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("kqa.") for a in n.names
    ]
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    assert sorted(kqa.__all__) == sorted([*imported, *defined])
    assert len(set(kqa.__all__)) == len(kqa.__all__)


@pytest.mark.parametrize("name", kqa.__all__)
def test_every_name_is_there_and_says_what_it_is(name: str) -> None:
    thing = getattr(kqa, name)
    assert inspect.getdoc(thing)
    assert thing.__module__.partition(".")[0] == "kqa"


def test_the_three_lines_of_the_contract(lighthouse: Path, tmp_path: Path, config: kqa.Config) -> None:
    kqa.build(lighthouse, tmp_path / "index", config)
    index = kqa.Index.load(tmp_path / "index")
    hits = kqa.search("When does the horn sound?", index, history=(), k=5)
    assert hits[0].passage.document in index.documents
    assert index.documents[hits[0].passage.document].text[hits[0].passage.start : hits[0].passage.end]
    answer = kqa.ask("When does the horn sound?", index, history=("Is the lamp lit?",), k=5)
    for text in (kqa.to_json(answer), kqa.to_text(answer), kqa.to_html(answer)):
        assert "horn" in text


def test_build_reports_what_it_did(lighthouse: Path, tmp_path: Path, config: kqa.Config) -> None:
    built = kqa.build(lighthouse, tmp_path / "index", config)
    index = kqa.Index.load(tmp_path / "index")
    assert (built.documents, built.passages) == (len(index.documents), len(index.passages))
    assert built.manifest == index.manifest
    assert set(built.dropped) == set(index.documents)
