"""What there is in an index, counted when it was built: the page says it without reading every document."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from kqa.cite import kind_label
from kqa.types import Document, Kind, Passage, Source

_LISTED = 200  # documents of one badge that are named on the page; more would hide the rest of it
_PUBLISHERS = 8  # that are named, for the same reason
_ASKING = 600  # documents whose questions may be suggested, spread over all that list some


@dataclass(frozen=True, slots=True)
class Group:
    """The documents of one badge: the source of one of them, how many there are, path and title of the first by title."""

    source: Source
    count: int
    listed: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What there is: documents, passages, documents without a passage, the groups by badge, the best kind of source first.

    ``publishers`` are those of most documents, with how many; ``unnamed`` counts the others. ``asking`` are paths of documents
    that list questions: all, or as many as may be suggested from.
    """

    documents: int
    passages: int
    unquotable: int
    groups: tuple[Group, ...]
    publishers: tuple[tuple[str, int], ...]
    unnamed: int
    asking: tuple[str, ...]


def catalogue_of(documents: Iterable[Document], passages: Sequence[Passage]) -> Catalogue:
    """Count documents, each read once, and their passages."""
    badges: dict[tuple[int, str], list[tuple[str, str, str]]] = {}
    sources: dict[tuple[int, str], Source] = {}
    publishers: Counter[str] = Counter()
    asking: list[str] = []
    order = list(Kind)
    for document in documents:
        source = document.source
        badge = (order.index(source.kind), kind_label(source))
        sources.setdefault(badge, source)
        badges.setdefault(badge, []).append((source.title.casefold(), document.path, source.title))
        publishers.update([source.publisher] if source.publisher else [])
        asking += [document.path] if document.asks else []
    groups = tuple(_group(sources[badge], badges[badge]) for badge in sorted(badges))
    total = sum(group.count for group in groups)
    unquotable = total - len({passage.document for passage in passages})
    named = tuple(publishers.most_common(_PUBLISHERS))
    spread = tuple(asking[:: -(-len(asking) // _ASKING) or 1])
    return Catalogue(total, len(passages), unquotable, groups, named, len(publishers) - len(named), spread)


def catalogue_to_json(catalogue: Catalogue) -> str:
    """Return a catalogue as JSON."""
    return json.dumps(asdict(catalogue), ensure_ascii=False, indent=0) + "\n"


def catalogue_from_json(text: str) -> Catalogue:
    """Read back what ``catalogue_to_json`` returned."""
    data = json.loads(text)
    groups = [
        Group(Source(**{**g["source"], "kind": Kind(g["source"]["kind"])}), g["count"], tuple(map(tuple, g["listed"])))
        for g in data["groups"]
    ]
    publishers = tuple((name, count) for name, count in data["publishers"])
    return Catalogue(**{**data, "groups": tuple(groups), "publishers": publishers, "asking": tuple(data["asking"])})


def _group(source: Source, documents: list[tuple[str, str, str]]) -> Group:
    return Group(source, len(documents), tuple((path, title) for _, path, title in sorted(documents)[:_LISTED]))
