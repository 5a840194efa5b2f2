"""What each command does: options → library calls → output and exit code."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from kqa.errors import CitationError, ConfigError
from kqa.postgres import shown
from kqa.progress import progress_bar

if TYPE_CHECKING:
    from kqa.config import Config
    from kqa.index import Index

FINE, FAILED, REFUSED = 0, 1, 2
LINT = Path("--corpus")  # stands for a bare --corpus
INDEX, CORPUS, QUESTIONS = Path("index"), Path("corpus"), Path("evaluation/questions.jsonl")


def run_check(options: argparse.Namespace) -> int:
    """Verify an index, lint a corpus, or check the reviewed files."""
    if options.rules:
        return _check_rules(options)
    if options.lint or options.against or options.corpus is LINT:
        return _lint(options)
    from kqa.index import Index

    corpus = _corpus_of(options)
    index = Index.load(options.index, corpus)
    counts = {"files": len(index.facts["files"]), **index.facts["counts"]}
    result = {
        "index": shown(options.index).removesuffix("/"),
        "manifest": index.manifest,
        "corpus": str(corpus) if corpus else None,
        **counts,
    }
    if options.json:
        return print_json(result)
    against = f"built from {corpus}/ as it stands" if corpus else "not compared with a corpus; name one with --corpus"
    return _print(f"{shown(options.index)}: {result['files']} files as built, {result['passages']} passages, {against}")


def _check_rules(options: argparse.Namespace) -> int:
    from kqa import reviewed as module

    if options.against:
        raise ConfigError("--against belongs to --lint, which looks into documents; leave it out, or leave out --rules")
    corpus = CORPUS if options.corpus is LINT else options.corpus or (CORPUS if CORPUS.is_dir() else None)
    checked = module.check_reviewed(options.rules, corpus, date.today())
    _print(module.checked_to_json(checked) if options.json else module.checked_to_text(checked))
    return FAILED if checked.failures else FINE


def _lint(options: argparse.Namespace) -> int:
    from kqa import lint as module

    named = CORPUS if options.corpus in (None, LINT) else options.corpus
    report = module.lint(options.lint or named, options.against)
    _print(module.to_json(report) if options.json else module.to_table(report))
    return FAILED if report.findings else FINE


def run_verify(options: argparse.Namespace) -> int:
    """Say whether citations still stand, word for word."""
    from kqa.verify import read_citations, verify

    try:
        text = sys.stdin.read() if options.citation == "-" else Path(options.citation).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CitationError(
            f"{options.citation} cannot be read ({error}); name a JSON file, or - for standard input"
        ) from error
    verdicts = [verify(c, options.corpus or CORPUS) for c in read_citations(text, options.citation)]
    if options.json:
        print_json([asdict(verdict) for verdict in verdicts])
    else:
        for v in verdicts:
            _print(f"{'stands' if v.stands else 'FAILS '} {v.document} [{v.start}, {v.end}): {v.reason}")
    return FINE if all(v.stands for v in verdicts) else FAILED


def run_disagreements(options: argparse.Namespace) -> int:
    """Propose pairs of sentences that may contradict each other, for a person to review."""
    from kqa import proposals as module
    from kqa.candidates import check_count, find_candidates
    from kqa.index import Index

    check_count(options.number)  # before an index is built for nothing
    index = Index.load(options.index, options.folder) if options.index else _built(options.folder)
    found = index.consistently(lambda held: find_candidates(held, options.number, options.across))
    if options.json:
        return print_json(module.candidates_to_json(found))
    return _print(module.candidates_to_toml(found, index.documents) if options.toml else module.candidates_to_text(found))


def _built(corpus: Path) -> Index:
    import tempfile

    import kqa

    with tempfile.TemporaryDirectory(prefix="kqa-") as folder:
        for reason in kqa.build(corpus, Path(folder), progress=progress_bar("texts")).refused.values():
            say(f"left out: {reason}")
        return kqa.Index.load(Path(folder))


def run_ask(options: argparse.Namespace) -> int:
    """Answer one question."""
    from concurrent.futures import ThreadPoolExecutor

    import kqa
    from kqa.countries import refuse_unknown, wanted_country
    from kqa.rules import load_rules

    with ThreadPoolExecutor(1) as pool:
        pool.submit(load_rules)  # read while the index is: both take part of a second
        index = _load(options)
    country, wrong = wanted_country(options.country)
    answer = kqa.ask(options.question, index, tuple(options.after), options.k)
    refuse_unknown(wrong, answer.notices)
    return _print(kqa.to_json(answer, country) if options.json else kqa.to_text(answer, country))


def run_serve(options: argparse.Namespace) -> int:
    """Serve the page until interrupted."""
    from kqa.access import read_access
    from kqa.server import serve

    access = read_access(options.rate, options.trusted_proxy, options.login, options.root_path)
    chosen = {"feedback": options.feedback, "country": options.country, "access": access}
    serve(options.index, _corpus_of(options), options.host, options.port, **chosen)
    return FINE


def run_mcp(options: argparse.Namespace) -> int:
    """Answer another program until its input ends."""
    from kqa.countries import known_country
    from kqa.serving import Serving, following
    from kqa.stdio import check_installed, stdio_server
    from kqa.traces import no_traces

    check_installed()
    country = known_country(options.country)
    serving = Serving(_load(options))
    with no_traces(), following(options.index, serving):
        stdio_server(serving, country).run()
    return FINE


def run_login(options: argparse.Namespace) -> int:
    """Print one person's line of a login file."""
    from getpass import getpass

    from kqa.login import check_name, login_line

    check_name(options.name)
    if options.stdin:
        return _print(login_line(options.name, sys.stdin.readline().rstrip("\r\n")))
    try:
        password, again = getpass("Password: "), getpass("The same again: ")
    except EOFError as error:
        raise ConfigError("there is no terminal to ask for the password; give it on standard input, with --stdin") from error
    if again != password:
        raise ConfigError("the two passwords differ; start again")
    return _print(login_line(options.name, password))


def run_evaluate(options: argparse.Namespace) -> int:
    """Measure accuracy, citations, abstention and safety."""
    from kqa import evaluate as module
    from kqa.judgments import read_baseline, write_lines
    from kqa.report import writer

    if options.run_file and options.run_file.suffix == ".qrels":
        raise ConfigError(f"{options.run_file} is where the judgments go, beside the ranking; name it otherwise with --run")
    write_report = writer(options.html, options.against, date.today().isoformat())
    baseline = read_baseline(options.baseline) if options.baseline else None
    index = _load(options)
    questions = module.read_questions(options.questions, index.documents)
    chosen = {"split": options.split, "progress": progress_bar("questions")}
    result = index.consistently(lambda held: module.evaluate(held, questions, **chosen))
    if options.run_file:
        write_lines(options.run_file, module.run_lines(result))
        write_lines(options.run_file.with_suffix(".qrels"), module.qrels_lines(result))
    _print(module.to_json(result) if options.json else module.to_table(result))
    fallen = module.against_baseline(result, baseline) if baseline is not None else []
    for line in fallen:
        say(line)
    write_report(result)
    return FAILED if fallen else FINE


def run_benchmark(options: argparse.Namespace) -> int:
    """Measure retrieval on a collection."""
    import tempfile

    from kqa import benchmark as module
    from kqa.judgments import write_lines

    config = config_of(options)
    with tempfile.TemporaryDirectory(prefix="kqa-") as temporary:
        work = options.work or Path(temporary)
        chosen = {"queries": options.queries, "qrels": options.qrels}
        result = module.benchmark(options.dataset, config, work, **chosen, progress=progress_bar("texts"))
    if options.run_file:
        write_lines(options.run_file, module.run_lines(result))
    return _print(module.to_json(result) if options.json else module.to_table(result))


def run_feedback(options: argparse.Namespace) -> int:
    """Turn what readers judged into judged questions, and print what they found wrong or harmful."""
    from kqa import feedback as module
    from kqa.intake import take_in

    module.check_target(options.to, options.file, options.force)
    judgments, corpus = module.read_feedback(options.file), options.corpus or CORPUS
    exported = module.export(judgments, {document.path: document for document in take_in(corpus).documents})
    if table := module.to_table(exported):
        _print(table)
    for line in module.notes(exported, corpus):
        say(line)
    module.write_questions(options.to, exported.questions)
    say(f"questions written to {options.to}: {len(exported.questions)}")
    return FINE


def run_compare(options: argparse.Namespace) -> int:
    """Compare two rankings."""
    from kqa.compare import compare, comparison_to_json, comparison_to_table

    first, second = options.runs
    result = compare(first, second, options.qrels)
    return _print(comparison_to_json(result) if options.json else comparison_to_table(result))


def _load(options: argparse.Namespace) -> Index:
    from kqa.index import Index

    return Index.load(options.index, _corpus_of(options))


def config_of(options: argparse.Namespace) -> Config:
    """Return the settings of the file that is named, or the default ones; raises ConfigError."""
    from kqa.config import Config, read_config

    return read_config(options.config) if options.config else Config()


def _corpus_of(options: argparse.Namespace) -> Path | None:
    """Return the corpus that the index is held against: the one named, or the default pair; another index has no default."""
    if options.corpus is None and options.index == INDEX and CORPUS.is_dir():
        return CORPUS
    corpus: Path | None = options.corpus
    return corpus


def _print(text: str) -> int:
    sys.stdout.write(text if text.endswith("\n") else text + "\n")
    return FINE


def print_json(data: object) -> int:
    """Print data as sorted JSON and return FINE."""
    return _print(json.dumps(data, ensure_ascii=False, indent=2, sort_keys=True))


def say(text: str) -> None:
    """Say something to people, beside the output; words of documents cannot steer their terminal."""
    from kqa.render import for_terminal

    sys.stderr.write(f"kqa: {for_terminal(text)}\n")
