"""Arguments → library calls."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from kqa.errors import CitationError, KqaError
from kqa.progress import progress_bar

if TYPE_CHECKING:
    from kqa.index import Index

    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]

FINE, FAILED, REFUSED = 0, 1, 2
_LINT = Path("--corpus")  # stands for a bare --corpus
_INDEX, _CORPUS, _QUESTIONS = Path("index"), Path("corpus"), Path("evaluation/questions.jsonl")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 when fine, 1 when a check or a measure failed, 2 for what kqa refuses."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character still shows the rest
    try:
        try:
            options = _parser().parse_args(arguments)
            code: int = options.run(options)
        finally:
            sys.stdout.flush()
        return code
    except KqaError as error:
        _say(str(error))
        return REFUSED
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader has gone (kqa … | head): nothing more may be written, not even by Python's own flush at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="kqa", description="Answers questions by quoting, word for word, with citations.")
    parser.add_argument("--version", action="version", version=f"kqa {version('kqa')}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_building(commands)
    _add_asking(commands)
    _add_measuring(commands)
    return parser


def _add_building(commands: _Commands) -> None:
    build = _command(commands, "build", _build, "corpus → index; only what changed is encoded", "kqa build corpus")
    build.add_argument("folder", nargs="?", type=Path, metavar="CORPUS", help="the documents (default: corpus)")
    build.add_argument("--config", type=Path, metavar="FILE", help="JSON file of settings, see kqa.Config")
    does = "index against its manifest and its corpus; with a bare --corpus, the corpus against its own rules"
    check = _command(commands, "check", _check, does, "kqa check --corpus")
    check.add_argument(
        "--corpus", nargs="?", const=_LINT, type=Path, metavar="DIR", help="the index's corpus; bare: lint corpus/"
    )
    check.add_argument("--lint", type=Path, metavar="DIR", help="lint this corpus")
    check.add_argument("--against", type=Path, metavar="DIR", help="texts from which no eight words in a row may be copied")
    verify = _command(commands, "verify", _verify, "does a citation still stand, word for word", "kqa verify citation.json")
    verify.add_argument("citation", metavar="CITATION.json", help="a quote, or a whole kqa ask --json; - for standard input")
    _options(build, "index", "corpus", "json")
    _options(check, "index", "json")
    _options(verify, "corpus", "json")


def _add_asking(commands: _Commands) -> None:
    ask = _command(commands, "ask", _ask, "one answer", 'kqa ask "Is ketamine addictive?"')
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument("--after", action="append", default=[], metavar="Q", help="an earlier question, oldest first; repeatable")
    ask.add_argument("-k", type=int, default=5, metavar="N", help="quotes at most (default: 5)")
    serve = _command(commands, "serve", _serve, "the page", "kqa serve --port 7860")
    serve.add_argument("--host", default="127.0.0.1", help="address to serve at (default: 127.0.0.1, this machine alone)")
    serve.add_argument("--port", type=int, default=7860, help="port to serve at (default: 7860)")
    _options(ask, "index", "corpus", "json")
    _options(serve, "index", "corpus")


def _add_measuring(commands: _Commands) -> None:
    does = "accuracy, citations, abstention, safety"
    evaluate = _command(commands, "evaluate", _evaluate, does, "kqa evaluate --split dev")
    evaluate.add_argument("questions", nargs="?", type=Path, default=_QUESTIONS, help=f"default: {_QUESTIONS}")
    evaluate.add_argument("--split", choices=("dev", "test"), help="only this split (default: both)")
    does = "write the ranking, and beside it its judgments (.qrels), in TREC form"
    evaluate.add_argument("--run", dest="run_file", type=Path, metavar="FILE", help=does)
    evaluate.add_argument("--html", type=Path, metavar="FILE", help="write the report, with charts and each failure")
    evaluate.add_argument("--against", type=Path, metavar="FILE", help="an earlier --json: the report lists what rose and fell")
    evaluate.add_argument("--baseline", type=Path, metavar="FILE", help="exit 1 when a measure falls below it")
    benchmark = _command(commands, "benchmark", _benchmark, "retrieval on a BEIR-layout folder", "kqa benchmark scifact")
    benchmark.add_argument("dataset", type=Path, metavar="DATASET", help="a folder in BEIR layout")
    benchmark.add_argument("--queries", type=Path, metavar="FILE", help="another queries file")
    benchmark.add_argument("--qrels", type=Path, metavar="FILE", help="another judgments file")
    benchmark.add_argument("--config", type=Path, metavar="FILE", help="JSON file of settings, see kqa.Config")
    benchmark.add_argument(
        "--work", type=Path, metavar="DIR", help="keep the dataset's index here (default: a temporary folder)"
    )
    does = "two runs: differences, intervals, p-values"
    compare = _command(commands, "compare", _compare, does, "kqa compare A.run B.run --qrels Q")
    compare.add_argument("runs", nargs=2, type=Path, metavar="RUN", help="two rankings in TREC form")
    compare.add_argument("--qrels", type=Path, required=True, metavar="Q", help="the judgments, TREC or tab-separated")
    _options(evaluate, "index", "corpus", "json")
    _options(benchmark, "json")
    _options(compare, "json")


def _command(
    commands: _Commands, name: str, run: Callable[[argparse.Namespace], int], does: str, example: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=does, description=does, epilog=f"example: {example}")
    command.set_defaults(run=run)
    return command


def _options(command: argparse.ArgumentParser, *names: str) -> None:
    if "index" in names:
        command.add_argument("--index", type=Path, default=_INDEX, metavar="DIR", help="the index folder (default: index)")
    if "corpus" in names:
        command.add_argument("--corpus", type=Path, metavar="DIR", help="the corpus folder (default: corpus)")
    if "json" in names:
        command.add_argument("--json", action="store_true", help="print JSON")


def _build(options: argparse.Namespace) -> int:
    import kqa
    from kqa.config import Config, read_config
    from kqa.corpus import passed_over
    from kqa.readers import READERS
    from kqa.safety import RULES, load_rules

    load_rules(RULES)  # with its examples: a rule that does not do what it says must not be served
    corpus = options.folder or options.corpus or _CORPUS
    config = read_config(options.config) if options.config else Config()
    built = kqa.build(corpus, options.index, config, progress_bar("texts"))
    dropped = {path: [(d.span.start, d.span.end, d.reason) for d in spans] for path, spans in built.dropped.items()}
    if options.json:
        facts = {"documents": built.documents, "passages": built.passages, "encoded": built.encoded, "reused": built.reused}
        return _print_json({**facts, "manifest": built.generation.sha256, "dropped": dropped})
    for path, spans in dropped.items():
        parts = [f"[{start}, {end}) {reason}" for start, end, reason in spans if reason != "heading"]
        if parts:
            _say(f"dropped in {path}: {'; '.join(parts)}")
    for path in passed_over(corpus):
        _say(f"passed over {path}: kqa reads {', '.join(sorted(READERS))}; convert it, or leave it")
    _say(f"{built.documents} documents, {built.passages} passages; {built.encoded} texts encoded, {built.reused} reused")
    _say(f"index in {options.index}/, manifest {built.generation.sha256[:16]}")
    return FINE


def _check(options: argparse.Namespace) -> int:
    if options.lint or options.against or options.corpus is _LINT:
        return _lint(options)
    from kqa.index import Index

    corpus = _corpus_of(options)
    index = Index.load(options.index, corpus)
    counts = {"files": len(index.facts["files"]), **index.facts["counts"]}
    result = {"index": str(options.index), "manifest": index.manifest, "corpus": str(corpus) if corpus else None, **counts}
    if options.json:
        return _print_json(result)
    against = f"built from {corpus}/ as it stands" if corpus else "not compared with a corpus; name one with --corpus"
    return _print(f"{options.index}/: {result['files']} files as built, {result['passages']} passages, {against}")


def _lint(options: argparse.Namespace) -> int:
    from kqa import lint as module

    report = module.lint(options.lint or _CORPUS, options.against)
    _print(module.to_json(report) if options.json else module.to_table(report))
    return FAILED if report.findings else FINE


def _verify(options: argparse.Namespace) -> int:
    from kqa.verify import read_citations, verify

    try:
        text = sys.stdin.read() if options.citation == "-" else Path(options.citation).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CitationError(
            f"{options.citation} cannot be read ({error}); name a JSON file, or - for standard input"
        ) from error
    verdicts = [verify(c, options.corpus or _CORPUS) for c in read_citations(text, options.citation)]
    if options.json:
        _print_json([asdict(verdict) for verdict in verdicts])
    else:
        for v in verdicts:
            _print(f"{'stands' if v.stands else 'FAILS '} {v.document} [{v.start}, {v.end}): {v.reason}")
    return FINE if all(v.stands for v in verdicts) else FAILED


def _ask(options: argparse.Namespace) -> int:
    from concurrent.futures import ThreadPoolExecutor

    import kqa
    from kqa.safety import load_rules

    with ThreadPoolExecutor(1) as pool:
        pool.submit(load_rules)  # compiled while the index is read: both take part of a second
        index = _load(options)
    answer = kqa.ask(options.question, index, tuple(options.after), options.k)
    return _print(kqa.to_json(answer) if options.json else kqa.to_text(answer))


def _serve(options: argparse.Namespace) -> int:
    from kqa.page import serve

    serve(options.index, _corpus_of(options), options.host, options.port)
    return FINE


def _evaluate(options: argparse.Namespace) -> int:
    from kqa import evaluate as module
    from kqa.judgments import read_baseline, write_lines
    from kqa.report import writer

    write_report = writer(options.html, options.against, date.today().isoformat())
    baseline = read_baseline(options.baseline) if options.baseline else None
    index = _load(options)
    questions = module.read_questions(options.questions, index.documents)
    result = module.evaluate(index, questions, split=options.split, progress=progress_bar("questions"))
    if options.run_file:
        write_lines(options.run_file, module.run_lines(result))
        write_lines(options.run_file.with_suffix(".qrels"), module.qrels_lines(result))
    _print(module.to_json(result) if options.json else module.to_table(result))
    fallen = module.against_baseline(result, baseline) if baseline is not None else []
    for line in fallen:
        _say(line)
    write_report(result)
    return FAILED if fallen else FINE


def _benchmark(options: argparse.Namespace) -> int:
    import tempfile

    from kqa import benchmark as module
    from kqa.config import Config, read_config

    config = read_config(options.config) if options.config else Config()
    with tempfile.TemporaryDirectory(prefix="kqa-") as temporary:
        work = options.work or Path(temporary)
        chosen = {"queries": options.queries, "qrels": options.qrels}
        result = module.benchmark(options.dataset, config, work, **chosen, progress=progress_bar("texts"))
    return _print(module.to_json(result) if options.json else module.to_table(result))


def _compare(options: argparse.Namespace) -> int:
    from kqa.compare import compare, comparison_to_json, comparison_to_table

    first, second = options.runs
    result = compare(first, second, options.qrels)
    return _print(comparison_to_json(result) if options.json else comparison_to_table(result))


def _load(options: argparse.Namespace) -> Index:
    from kqa.index import Index

    return Index.load(options.index, _corpus_of(options))


def _corpus_of(options: argparse.Namespace) -> Path | None:
    """Return the corpus that the index is held against: the one named, or the default pair; another index has no default."""
    if options.corpus is None and options.index == _INDEX and _CORPUS.is_dir():
        return _CORPUS
    corpus: Path | None = options.corpus
    return corpus


def _print(text: str) -> int:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return FINE


def _print_json(data: object) -> int:
    return _print(json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True))


def _say(text: str) -> None:
    sys.stderr.write(f"kqa: {text}\n")
