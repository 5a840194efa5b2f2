from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

import kqa
from conftest import KEEPING, WEATHER, write_files
from kqa.errors import CitationError
from kqa.verify import UNCHANGED, compare, read_citations, verify

PATH = "rules/keeping.md"
TEXT = "The lamp is lit at sunset and put out at sunrise."
START = KEEPING.index(TEXT)
SHA256 = hashlib.sha256(KEEPING.encode()).hexdigest()


def citation(**changes: object) -> dict[str, object]:
    at = {"document": PATH, "sha256": SHA256, "start": START, "end": START + len(TEXT), "text": TEXT, **changes}
    at = {key: value for key, value in at.items() if value is not ...}
    return {"text": at.pop("text"), "citation": at} if "text" in at else {"citation": at}


@pytest.mark.parametrize(
    ("changes", "stands", "reason"),
    [
        ({}, True, "word for word there, and the document is unchanged"),
        ({"sha256": "0" * 64}, True, "word for word there, but the document changed elsewhere"),
        ({"text": TEXT.upper()}, False, rf"the text at \[{START}, {START + len(TEXT)}\) reads otherwise"),
        ({"text": TEXT[:-1]}, False, "reads otherwise"),
        ({"text": TEXT + " "}, False, "reads otherwise"),
        ({"start": START + 1, "end": START + 1 + len(TEXT)}, False, "reads otherwise"),
        ({"start": 10**9, "end": 10**9 + 5}, False, "reads otherwise"),
        ({"document": "gone.md"}, False, r"gone\.md cannot be read"),
        ({"document": "rules"}, False, "cannot be read"),
        ({"document": "x" * 5000 + ".md"}, False, "cannot be read"),
        # offsets beyond the end are not the offsets of this text, though a slice forgives them
        ({"start": len(KEEPING) - 5, "end": 10**9, "text": KEEPING[-5:]}, False, "reads otherwise"),
    ],
)
def test_verdicts(lighthouse: Path, changes: dict[str, object], stands: bool, reason: str) -> None:
    verdict = verify(citation(**changes), lighthouse)
    assert verdict.stands is stands
    assert re.search(reason, verdict.reason)


def test_offsets_are_code_points_with_line_endings_as_they_are(lighthouse: Path) -> None:
    words = "“A red\u00a0sky at dawn is the pilot’s warning.”"
    start = WEATHER.index(words)
    assert len(WEATHER[:start].encode()) == start, "what stands before it is plain"
    tail = "Swell above four metres"
    at = {"document": "weather.txt", "sha256": hashlib.sha256(WEATHER.encode()).hexdigest()}
    for text in (words, tail, "🌊 and last two days.\r\n\r\nSwell"):
        start = WEATHER.index(text)
        found = verify({"text": text, "citation": {**at, "start": start, "end": start + len(text)}}, lighthouse)
        assert (found.stands, found.reason) == (True, "word for word there, and the document is unchanged")


def test_a_document_that_changed(own_lighthouse: Path) -> None:
    write_files(own_lighthouse, {PATH: KEEPING + "\nOne more rule.\n"})
    assert verify(citation(), own_lighthouse).reason == "word for word there, but the document changed elsewhere"
    write_files(own_lighthouse, {PATH: KEEPING.replace("sunset", "Sunset")})
    assert not verify(citation(), own_lighthouse).stands
    write_files(own_lighthouse, {PATH: b"\xff"})
    assert "is not UTF-8" in verify(citation(), own_lighthouse).reason


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"document": ...}, "the citation lacks 'document'; copy it whole"),
        ({"start": ...}, "the citation lacks 'start'; copy it whole"),
        ({"end": ...}, "the citation lacks 'end'; copy it whole"),
        ({"sha256": ...}, "the citation lacks 'sha256'; copy it whole"),
        ({"text": ...}, "the citation lacks 'text'; copy it whole"),
        ({"document": 3}, "must be text; copy it whole"),
        ({"text": None}, "must be text; copy it whole"),
        ({"sha256": 1}, "must be text; copy it whole"),
        ({"document": "a\0.md"}, "must be text; copy it whole"),
        ({"start": "0"}, "are no span; copy it whole"),
        ({"start": -1}, "are no span"),
        ({"start": True}, "are no span"),
        ({"end": START}, "are no span"),
        ({"end": 1.5}, "are no span"),
        ({"document": "../outside.md"}, r"\.\./outside\.md points out of .*; a citation names a path below the corpus folder"),
        ({"document": "rules/../../outside.md"}, "points out of"),
        ({"document": "/etc/hostname"}, "points out of"),
        ({"document": "\ud800.md"}, "."),
    ],
)
def test_what_is_no_citation(lighthouse: Path, changes: dict[str, object], message: str) -> None:
    with pytest.raises(CitationError, match=message):
        verify(citation(**changes), lighthouse)  # type: ignore[arg-type]


def test_a_link_that_leads_out_of_the_corpus(own_lighthouse: Path) -> None:
    outside = own_lighthouse.parent / "outside.md"
    outside.write_text(KEEPING, encoding="utf-8")
    (own_lighthouse / "in.md").symlink_to(outside)
    with pytest.raises(CitationError, match="points out of"):
        verify(citation(document="in.md"), own_lighthouse)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "here is not JSON"),
        ("{", r"here is not JSON \(.*\); pass what “Copy citation” or kqa ask --json gave"),
        ("[" * 100_000, "here is not JSON"),
        ("{}", "here holds no quote with its citation; pass what"),
        ("[]", "here holds no quote"),
        ("3", "here holds no quote"),
        ('"text"', "here holds no quote"),
        ('{"quotes": []}', "here holds no quote"),
        ('{"quotes": [3, null, "x"]}', "here holds no quote"),
        ('{"citation": 3}', "here holds no quote"),
        ("[" * 900 + "]" * 900, "here"),
    ],
)
def test_what_holds_no_citation(text: str, message: str) -> None:
    with pytest.raises(CitationError, match=message):
        read_citations(text, "here")


@pytest.mark.parametrize(
    "question", ["When does the horn sound in fog?", "When does the unicorn zeppelin yodel?", "climb after dark"]
)
def test_every_quote_of_an_answer_stands(index: kqa.Index, lighthouse: Path, question: str) -> None:
    answer = kqa.ask(question, index)
    found = read_citations(kqa.to_json(answer), "here")
    assert len(found) == len(answer.quotes) + len(answer.closest) + 2 * len(answer.disagreements) > 0
    for one in found:
        assert verify(one, lighthouse).reason == "word for word there, and the document is unchanged"


def test_one_quote_alone_and_one_flat_citation(lighthouse: Path) -> None:
    flat = {"document": PATH, "sha256": SHA256, "start": START, "end": START + len(TEXT), "text": TEXT}
    for text in (json.dumps(citation()), json.dumps(flat), json.dumps([citation()])):
        (found,) = read_citations(text, "here")
        assert verify(found, lighthouse).stands


def test_an_answering_sentence_that_was_altered_does_not_stand(index: kqa.Index, lighthouse: Path) -> None:
    quote = json.loads(kqa.to_json(kqa.ask("When does the horn sound in fog?", index)))["quotes"][0]
    assert verify(quote, lighthouse).stands
    quote["answer"]["text"] = "The horn never sounds."
    assert not verify(quote, lighthouse).stands


def test_a_citation_is_compared_with_any_text() -> None:
    assert compare(citation(), KEEPING, SHA256).reason == UNCHANGED
    assert compare(citation(), KEEPING, "0" * 64).reason == "word for word there, but the document changed elsewhere"
    assert not compare(citation(), KEEPING[:-1].upper(), SHA256).stands


def test_a_link_that_leads_to_itself(own_lighthouse: Path) -> None:
    (own_lighthouse / "round.md").symlink_to("round.md")
    with pytest.raises(CitationError, match=r"round\.md is a link that leads to itself"):
        verify(citation(document="round.md"), own_lighthouse)


def test_what_an_answer_gathers_is_found_too() -> None:
    gathered = {"what": "numbers", "quotes": [citation()]}
    assert read_citations(json.dumps({"quotes": [], "gathered": gathered}), "a.json") == [citation()]


def test_a_citation_nested_without_end_is_refused() -> None:
    for depth in range(700, 1100, 10):
        with pytest.raises(CitationError, match=r"a\.json"):
            read_citations('{"quotes": ' * depth + "[]" + "}" * depth, "a.json")
