"""What holds for the source as a whole."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

import kqa
from conftest import ROOT, run_python

SOURCE = ROOT / "src" / "kqa"
FILES = sorted(SOURCE.glob("*.py"))
TREES = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}
HEAVY = ("torch", "transformers", "sentence_transformers", "gradio")

# From the ground up: a module imports only from those that stand before it.
ORDER = [
    "errors", "places", "types",
    "seam", "postgres",
    "cite",
    "catalogue",
    "config", "progress",
    "reading", "encodings", "webpages", "lines", "pdf", "word", "isolation", "readers", "folder",
    "amounts", "corpus", "passages", "intake",
    "lexical", "spelling", "fusion",
    "scan",
    "dense", "encoder", "exports", "bulk", "triage",
    "records", "store", "trust", "readability", "copies", "lint",
    "journal", "vectors",
    "postgres_rows", "postgres_search", "postgres_home",
    "index", "building", "shards",
    "postgres_write", "postgres_build",
    "quantities", "polarity", "candidates", "question", "confidence", "gather",
    "phrases", "rules", "reviewed", "countries", "safety", "answer", "suggest", "verify",
    "markup", "panels", "compared", "cards", "html", "render", "proposals", "sheets",
    "judgments", "measures", "tables", "outcomes", "topics", "evaluate",
    "changes", "reliability", "charts", "report", "howwell", "about", "compare", "benchmark",
    "limits", "login", "access",
    "metrics",
    "serving",
    "admission", "openapi", "routes", "guard", "feedback", "page",
    "connections",
    "traces", "server", "stdio", "__init__", "commands", "indexing", "cli", "__main__",
]  # fmt: skip
LONGEST_FILE, LONGEST_FUNCTION, MOST_PARAMETERS = 300, 30, 5


def functions(name: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(TREES[name]) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def typing_only(tree: ast.Module) -> set[ast.AST]:
    """Return every node under ``if TYPE_CHECKING``."""
    guarded = (n for n in ast.walk(tree) if isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test))
    return {inner for node in guarded for statement in node.body for inner in ast.walk(statement)}


def imports(name: str) -> Iterator[tuple[int, str]]:
    """Yield the modules of kqa that a module imports, at its top or within a function."""
    spared = typing_only(TREES[name])
    for node in ast.walk(TREES[name]):
        if node in spared:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "kqa" or alias.name.startswith("kqa."):
                    yield node.lineno, alias.name.partition(".")[2] or "__init__"
        elif isinstance(node, ast.ImportFrom) and node.module == "kqa":
            for alias in node.names:
                yield node.lineno, alias.name if alias.name in TREES else "__init__"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kqa."):
            yield node.lineno, (node.module or "").split(".")[1]


def test_the_order_names_every_module() -> None:
    assert sorted(ORDER) == sorted(TREES)
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("name", TREES)
def test_imports_go_downwards_only(name: str) -> None:
    below = ORDER[: ORDER.index(name)]
    assert [f"{name}.py:{line} imports {other}" for line, other in imports(name) if other not in below] == []


@pytest.mark.parametrize("name", TREES)
def test_no_file_and_no_function_is_too_long(name: str) -> None:
    lines = (SOURCE / f"{name}.py").read_text(encoding="utf-8").splitlines()
    long = [f"{name}.py has {len(lines)} lines"] if len(lines) > LONGEST_FILE else []
    for function in functions(name):
        if (count := code_lines(function, lines)) > LONGEST_FUNCTION:
            long.append(f"{name}.py:{function.lineno} {function.name} has {count} lines of code")
    assert long == []


def code_lines(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> int:
    """Count the lines of a function's body, without its docstring, blank lines, comments and the functions inside it."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    spared = {
        line
        for inner in ast.walk(function)
        if inner is not function and isinstance(inner, ast.FunctionDef | ast.ClassDef)
        for line in range(inner.lineno, (inner.end_lineno or inner.lineno) + 1)
    }
    numbers = {n for s in body for n in range(s.lineno, (s.end_lineno or s.lineno) + 1)} - spared
    return sum(bool(lines[n - 1].strip()) and not lines[n - 1].strip().startswith("#") for n in numbers)


@pytest.mark.parametrize("name", TREES)
def test_parameters_are_few(name: str) -> None:
    counted = {
        f"{name}.py:{f.lineno} {f.name}": len([a for a in f.args.args if a.arg not in ("self", "cls")]) for f in functions(name)
    }
    assert {where: count for where, count in counted.items() if count > MOST_PARAMETERS} == {}


@pytest.mark.parametrize("name", TREES)
def test_names_of_modules_say_what_they_do(name: str) -> None:
    assert not re.search(r"util|helper|base|manager|common|misc|core|factory", name)
    assert ast.get_docstring(TREES[name])


@pytest.mark.parametrize("name", TREES)
def test_every_module_has_its_test_file(name: str) -> None:
    test = {"__init__": "init", "__main__": "cli"}.get(name, name)
    assert (ROOT / "tests" / f"test_{test}.py").is_file()


@pytest.mark.parametrize("name", TREES)
def test_the_library_neither_asserts_nor_prints_nor_reads_its_surroundings(name: str) -> None:
    found = []
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Assert):
            found.append(f"{name}.py:{node.lineno} assert")
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("print", "eval", "exec", "input")
        ):
            found.append(f"{name}.py:{node.lineno} {node.func.id}")
        reads = isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Load)
        if reads and re.match(r"os\.environ[.\[]|os\.getenv$|pickle\.loads?$", ast.unparse(node)):
            found.append(f"{name}.py:{node.lineno} {ast.unparse(node)}")
        if isinstance(node, ast.ExceptHandler) and node.type is None:
            found.append(f"{name}.py:{node.lineno} bare except")
    assert found == []


def test_heavy_libraries_are_imported_within_functions_only() -> None:
    heavy = (
        *HEAVY,
        "faiss",
        "onnxruntime",
        "onnx",
        "bm25s",
        "tokenizers",
        "sentencex",
        "Stemmer",
        "ir_measures",
        "rapidfuzz",
        "matplotlib",
    )
    found = [
        f"{name}.py:{node.lineno} {module}"
        for name, tree in TREES.items()
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
        if module.partition(".")[0] in heavy
    ]
    assert found == []


def constructions(name: str, noun: str) -> list[str]:
    return [
        f"{name}.py"
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in (noun, f"{noun}._make")
    ]


@pytest.mark.parametrize(("noun", "where"), [("Quote", ["types.py"]), ("Notice", ["rules.py"]), ("HelpLine", ["rules.py"])])
def test_words_that_are_shown_are_made_in_one_place(noun: str, where: list[str]) -> None:
    assert [place for name in TREES for place in constructions(name, noun)] == where


def test_nothing_copies_a_quote_with_other_words() -> None:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in (
                "replace",
                "dataclasses.replace",
                "object.__setattr__",
            ):
                given = {keyword.arg for keyword in node.keywords}
                assert not {"text", "quotes", "notices", "why"} & given, f"{name}.py:{node.lineno}"


def test_an_answer_has_no_room_for_prose() -> None:
    assert {field.name: field.type for field in fields(kqa.Answer)} == {
        "question": "str",
        "outcome": "Outcome",
        "confidence": "float",
        "notices": "tuple[Notice, ...]",
        "quotes": "tuple[Quote, ...]",
        "disagreements": "tuple[Disagreement, ...]",
        "unsupported": "tuple[str, ...]",
        "manifest": "str",
        "follows": "str | None",
        "closest": "tuple[Quote, ...]",
        "gathered": "Gathered | None",
    }
    assert [field.name for field in fields(kqa.types.Gathered)] == ["what", "quotes"]
    assert [field.name for field in fields(kqa.Quote)] == ["text", "citation", "answer", "hit"]
    assert [field.name for field in fields(kqa.Notice)] == ["rule", "text", "lines"]


def test_every_way_to_an_answer_goes_through_ask() -> None:
    made = [name for name in TREES for _ in constructions(name, "Answer")]
    assert set(made) == {"answer"}


def test_enums_are_never_compared_with_strings() -> None:
    values = {member.value for enum in (kqa.Outcome, kqa.Kind) for member in enum}
    found = [
        f"{name}.py:{node.lineno} {ast.unparse(node)}"
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Compare)
        and any(isinstance(side, ast.Constant) and side.value in values for side in (node.left, *node.comparators))
        and any(re.search(r"outcome|kind", ast.unparse(side)) for side in (node.left, *node.comparators))
    ]
    assert found == []


def test_the_glossary_is_kept() -> None:
    """Names and docstrings use one word for one thing."""
    avoided = re.compile(r"\b(chunks?|embeddings?|embedder|snippets?|knowledge base|ensemble)\b", re.IGNORECASE)
    spared = ("sentence_embedding", "normalize_embeddings", "get_embedding_dimension")  # names of other libraries
    found = []
    for path in FILES:
        with path.open("rb") as file:
            for token in tokenize.tokenize(io.BytesIO(file.read()).readline):
                if token.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT) and not any(
                    s in token.string for s in spared
                ):
                    found += [f"{path.name}:{token.start[0]} {word}" for word in avoided.findall(token.string)]
    assert found == []


@pytest.mark.parametrize(
    "code",
    [
        "import kqa, kqa.cli",
        "import kqa; kqa.Index.load; kqa.build",
        "from kqa.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_importing_loads_nothing_heavy(code: str) -> None:
    heavy = (*HEAVY, "faiss", "onnxruntime", "bm25s", "matplotlib")
    done = run_python(f"import sys\n{code}\nsys.stderr.write(' '.join(m for m in {heavy} if m in sys.modules))")
    assert (done.returncode, done.stderr) == (0, "")


ASK = """
import sys
from pathlib import Path
import kqa
answer = kqa.ask("When does the horn sound in fog?", kqa.Index.load(Path(sys.argv[1])))
kqa.to_html(answer), kqa.to_json(answer), kqa.to_text(answer)
sys.stdout.write(answer.outcome + " " + " ".join(m for m in %r if m in sys.modules))
"""


def test_answering_loads_nothing_heavy(index_folder: Path) -> None:
    done = run_python(ASK % (HEAVY,), index_folder)
    assert (done.stdout, done.stderr) == ("answered ", "")


@pytest.mark.weights
def test_answering_with_the_real_encoder_loads_nothing_heavy(real_folder: Path) -> None:
    done = run_python(ASK % (HEAVY,), real_folder)
    assert done.stderr == ""
    assert done.stdout.split(" ", 1)[1] == ""


def test_the_package_carries_its_data_and_its_types() -> None:
    assert (SOURCE / "py.typed").is_file()
    assert (SOURCE / "safety.toml").is_file()


def test_texts_in_the_source_fit_their_lines() -> None:
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in FILES) < 14_950
