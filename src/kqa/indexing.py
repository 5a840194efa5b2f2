"""The commands that make an index: whole, in shares, and of shares."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kqa.commands import CORPUS, FAILED, FINE, config_of, print_json, say
from kqa.errors import ConfigError
from kqa.postgres import is_address, shown
from kqa.progress import progress_bar

if TYPE_CHECKING:
    from kqa.building import Built
    from kqa.config import Config


def run_build(options: argparse.Namespace) -> int:
    """Corpus → index; what was dropped and passed over is said."""
    import kqa
    from kqa.rules import RULES, load_rules

    load_rules(RULES)  # with its examples: a rule that does not do what it says must not be served
    if options.folder and options.corpus and options.folder != options.corpus:
        raise ConfigError(f"two corpora are named, {options.folder} and {options.corpus}; leave one of them out")
    corpus, config = options.folder or options.corpus or CORPUS, config_of(options)
    if options.shard:
        return _encode_share(corpus, config, options)
    chosen = {"strict": options.strict, "reading": progress_bar("files"), "shards": options.shards}
    built = kqa.build(corpus, options.index, config, progress_bar("texts"), **chosen)
    return _tell(built, corpus, options)


def run_merge(options: argparse.Namespace) -> int:
    """The shares that several builds encoded → the index that one build would have made."""
    options.folder = options.shard = None
    return run_build(options)


def _encode_share(corpus: Path, config: Config, options: argparse.Namespace) -> int:
    from kqa.intake import take_in
    from kqa.shards import encode_shard, read_share

    share = read_share(options.shard)
    if is_address(options.index):
        raise ConfigError("a share is a file in a folder; name one with --index, and the database to kqa merge")
    intake = take_in(corpus, strict=options.strict, progress=progress_bar("files"))
    path, count = encode_shard(intake.documents, options.index, config, share, progress_bar("texts"))
    if options.json:
        print_json({"shard": str(path), "texts": count, "refused": dict(intake.refused)})
    else:
        say(f"{count} texts in {path}; when all shares are there: kqa merge {options.index}/shard-*.vectors")
    return _say_refused(intake.refused, "share")


def _tell(built: Built, corpus: Path, options: argparse.Namespace) -> int:
    from kqa.folder import passed_over

    dropped = {path: [(d.span.start, d.span.end, d.reason) for d in spans] for path, spans in built.dropped.items()}
    if options.json:
        said = {"dropped": dropped, "refused": dict(built.refused), "notes": dict(built.notes)}
        facts = {"documents": built.documents, "passages": built.passages, "encoded": built.encoded, "reused": built.reused}
        print_json({**facts, **said, "manifest": built.manifest})
        return _say_refused(built.refused, "index")
    for path, spans in dropped.items():
        parts = [f"[{start}, {end}) {reason}" for start, end, reason in spans if reason != "heading"]
        if parts:
            say(f"dropped in {path}: {'; '.join(parts)}")
    for path, why in passed_over(corpus).items():
        say(f"passed over {path}: {why}")
    for path, notes in built.notes.items():
        say(f"{path}: {'; '.join(notes)}")
    say(f"{built.documents} documents, {built.passages} passages; {built.encoded} texts encoded, {built.reused} reused")
    say(f"index in {shown(options.index)}, manifest {built.manifest[:16]}")
    return _say_refused(built.refused, "index")


def _say_refused(refused: Mapping[str, str], made: str) -> int:
    """List at the end what is not in what was made, and why; return the exit code."""
    if not refused:
        return FINE
    say(f"refused, and not in the {made}: {len(refused)}; the others are in it (to stop instead: --strict)")
    for reason in refused.values():
        say(f"  {reason}")
    return FAILED
