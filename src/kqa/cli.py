"""Arguments → one command, and its errors in words."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from kqa.commands import (
    CORPUS,
    FINE,
    INDEX,
    LINT,
    QUESTIONS,
    REFUSED,
    run_ask,
    run_benchmark,
    run_check,
    run_compare,
    run_disagreements,
    run_evaluate,
    run_feedback,
    run_login,
    run_mcp,
    run_serve,
    run_verify,
    say,
)
from kqa.errors import KqaError
from kqa.indexing import run_build, run_merge
from kqa.postgres import place
from kqa.rules import RULES

if TYPE_CHECKING:
    _Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns 0 when fine, 1 when a check or a measure failed, 2 for what kqa refuses."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed by who started it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 - until the end
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
        say(str(error))
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
    _add_serving(commands)
    _add_measuring(commands)
    return parser


def _add_building(commands: _Commands) -> None:
    build = _command(commands, "build", run_build, "corpus → index; only what changed is encoded", "kqa build corpus")
    build.add_argument("folder", nargs="?", type=Path, metavar="CORPUS", help="the documents (default: corpus)")
    build.add_argument("--shard", metavar="I/N", help="only encode this share, into a file in the index folder, for kqa merge")
    build.set_defaults(shards=())
    merge = _command(
        commands, "merge", run_merge, "shares of a build → index", "kqa merge shares/shard-*.vectors --index index"
    )
    merge.add_argument("shards", nargs="+", type=Path, metavar="SHARD", help="what kqa build --shard wrote, for all shares")
    for command in (build, merge):
        command.add_argument("--config", type=Path, metavar="FILE", help="JSON file of settings, see kqa.Config")
        does = "stop at the first file that cannot be read (default: build the others, and exit 1)"
        command.add_argument("--strict", action="store_true", help=does)
        _options(command, "index", "corpus", "json")
    does = "index against its manifest and its corpus; bare --corpus: the corpus against its rules; --rules: reviewed files"
    check = _command(commands, "check", run_check, does, "kqa check --corpus")
    check.add_argument(
        "--corpus", nargs="?", const=LINT, type=Path, metavar="DIR", help="the index's corpus; bare: lint corpus/"
    )
    instead = check.add_mutually_exclusive_group()
    instead.add_argument("--lint", type=Path, metavar="DIR", help="lint this corpus")
    does = "check a rules file (bare: kqa's own) with its examples, and the corpus's disagreements.toml, without building"
    instead.add_argument("--rules", nargs="?", const=RULES, type=Path, metavar="FILE", help=does)
    check.add_argument("--against", type=Path, metavar="DIR", help="texts from which no eight words in a row may be copied")
    verify = _command(commands, "verify", run_verify, "does a citation still stand, word for word", "kqa verify citation.json")
    verify.add_argument("citation", metavar="CITATION.json", help="a quote, or a whole kqa ask --json; - for standard input")
    _add_disagreements(commands)
    _options(check, "index", "json")
    _options(verify, "corpus", "json")


def _add_disagreements(commands: _Commands) -> None:
    does = "propose sentences that may contradict each other, for a person to review"
    command = _command(commands, "disagreements", run_disagreements, does, "kqa disagreements corpus --across -n 20")
    command.add_argument(
        "folder", nargs="?", type=Path, default=CORPUS, metavar="CORPUS", help="the documents (default: corpus)"
    )
    command.add_argument("--index", type=place, metavar="DIR", help="use this index of them (default: build one for now)")
    command.add_argument("-n", dest="number", type=int, default=50, metavar="N", help="pairs at most (default: 50)")
    command.add_argument("--across", action="store_true", help="only pairs of sources of different kinds")
    form = command.add_mutually_exclusive_group()
    form.add_argument("--toml", action="store_true", help="print entries for disagreements.toml, to be completed")
    _options(form, "json")


def _add_asking(commands: _Commands) -> None:
    ask = _command(commands, "ask", run_ask, "one answer", 'kqa ask "Is ketamine addictive?"')
    ask.add_argument("question", metavar="QUESTION")
    ask.add_argument("--after", action="append", default=[], metavar="Q", help="an earlier question, oldest first; repeatable")
    ask.add_argument("-k", type=int, default=5, metavar="N", help="quotes at most (default: 5)")
    _options(ask, "index", "built from", "country", "json")


def _add_serving(commands: _Commands) -> None:
    serve = _command(commands, "serve", run_serve, "the page", "kqa serve --port 7860")
    serve.add_argument("--host", default="127.0.0.1", help="address to serve at (default: 127.0.0.1, this machine alone)")
    serve.add_argument("--port", type=int, default=7860, help="port to serve at (default: 7860)")
    does = "let readers judge the passages; each question judged, passage and verdict are appended to this file (default: no)"
    serve.add_argument("--feedback", type=Path, metavar="FILE", help=does)
    does = "questions of one client, all at once or evenly; 0 for no limit (default: 60/minute)"
    serve.add_argument("--rate", default="60/minute", metavar="N/minute", help=does)
    does = "believe what this proxy says of who asks (X-Forwarded-For, Forwarded); an address or network, repeatable"
    serve.add_argument("--trusted-proxy", action="append", default=[], metavar="CIDR", help=does)
    does = "the path at which a proxy shows the page, stripped by it or not (default: none)"
    serve.add_argument("--root-path", default="", metavar="PATH", help=does)
    serve.add_argument("--login", type=Path, metavar="FILE", help="ask for a name and password of this file; see kqa login")
    _options(serve, "index", "built from", "country")
    does = "answer another program over standard input and output (Model Context Protocol; needs kqa[mcp])"
    mcp = _command(commands, "mcp", run_mcp, does, "kqa mcp --index /srv/kqa/index")
    _options(mcp, "index", "built from", "country")
    does = "print the line of a login file for one person, for kqa serve --login FILE"
    login = _command(commands, "login", run_login, does, "kqa login ada >> logins")
    login.add_argument("name", metavar="NAME", help="one word, without a colon")
    login.add_argument("--stdin", action="store_true", help="read the password from standard input, one line, and ask nothing")


def _add_measuring(commands: _Commands) -> None:
    does = "accuracy, citations, abstention, safety"
    evaluate = _command(commands, "evaluate", run_evaluate, does, "kqa evaluate --split dev")
    evaluate.add_argument("questions", nargs="?", type=Path, default=QUESTIONS, help=f"default: {QUESTIONS}")
    evaluate.add_argument("--split", choices=("dev", "test"), help="only this split (default: both)")
    does = "write the ranking, and beside it its judgments (.qrels), in TREC form"
    evaluate.add_argument("--run", dest="run_file", type=Path, metavar="FILE", help=does)
    evaluate.add_argument("--html", type=Path, metavar="FILE", help="write the report, with charts and each failure")
    evaluate.add_argument("--against", type=Path, metavar="FILE", help="an earlier --json: the report lists what rose and fell")
    evaluate.add_argument("--baseline", type=Path, metavar="FILE", help="exit 1 when a measure falls below it")
    benchmark = _command(commands, "benchmark", run_benchmark, "retrieval on a BEIR-layout folder", "kqa benchmark scifact")
    benchmark.add_argument("dataset", type=Path, metavar="DATASET", help="a folder in BEIR layout")
    benchmark.add_argument("--queries", type=Path, metavar="FILE", help="another queries file")
    benchmark.add_argument("--qrels", type=Path, metavar="FILE", help="another judgments file")
    benchmark.add_argument("--config", type=Path, metavar="FILE", help="JSON file of settings, see kqa.Config")
    benchmark.add_argument("--work", type=Path, metavar="DIR", help="keep its index here (default: a temporary folder)")
    benchmark.add_argument("--run", dest="run_file", type=Path, metavar="FILE", help="write the ranking, in TREC form")
    does = "readers' judgments of passages → judged questions; what they found wrong or harmful is printed"
    feedback = _command(commands, "feedback", run_feedback, does, "kqa feedback judged.jsonl --to questions.jsonl")
    feedback.add_argument("file", type=Path, metavar="FILE", help="what kqa serve --feedback FILE kept")
    feedback.add_argument("--to", required=True, type=Path, metavar="QUESTIONS", help="write a file for kqa evaluate here")
    feedback.add_argument("--force", action="store_true", help="replace a file that is there already")
    does = "two runs: differences, intervals, p-values"
    compare = _command(commands, "compare", run_compare, does, "kqa compare A.run B.run --qrels Q")
    compare.add_argument("runs", nargs=2, type=Path, metavar="RUN", help="two rankings in TREC form")
    compare.add_argument("--qrels", type=Path, required=True, metavar="Q", help="the judgments, TREC or tab-separated")
    _options(evaluate, "index", "built from", "json")
    _options(benchmark, "json")
    _options(feedback, "corpus")
    _options(compare, "json")


def _command(
    commands: _Commands, name: str, run: Callable[[argparse.Namespace], int], does: str, example: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=does, description=does, epilog=f"example: {example}")
    command.set_defaults(run=run)
    return command


def _options(command: argparse._ActionsContainer, *names: str) -> None:
    if "index" in names:
        does = "the index: a folder (default: index) or, with kqa[postgres], postgresql://user@host/database"
        command.add_argument("--index", type=place, default=INDEX, metavar="DIR", help=does)
    if "corpus" in names:
        command.add_argument("--corpus", type=Path, metavar="DIR", help="the corpus folder (default: corpus)")
    if "built from" in names:
        does = "refuse an index that is older than this corpus folder (default: corpus, for the default index alone)"
        command.add_argument("--corpus", type=Path, metavar="DIR", help=does)
    if "country" in names:
        does = "whose help lines come first, by its name in safety.toml (default: the first there)"
        command.add_argument("--country", metavar="NAME", help=does)
    if "json" in names:
        command.add_argument("--json", action="store_true", help="print JSON")
