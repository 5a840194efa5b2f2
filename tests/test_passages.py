from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kqa
from conftest import ROOT
from kqa.config import Config
from kqa.errors import CorpusError
from kqa.intake import take_in
from kqa.passages import Dropped, plain, slug, split
from kqa.types import Document, Passage, Source

SEEDS = ROOT.parent / "shared" / "seeds"
LONGEST = 1500  # characters that a sentence may have: nobody reads a longer one as a sentence
CONFIG = Config(encoder="hashing")
SHORT = Config(encoder="hashing", min_words=1, max_words=12)


def document(text: str, path: str = "a.md", **changes: object) -> Document:
    return Document(path, text, "0" * 64, Source("A title of its own"), **changes)  # type: ignore[arg-type]


def cut(text: str, path: str = "a.md", config: Config = SHORT) -> list[str]:
    passages, _ = split(document(text, path), config)
    return [text[p.start : p.end] for p in passages]


def sentences(text: str, path: str = "a.md", config: Config = CONFIG) -> list[str]:
    passages, dropped = split(document(text, path), config)
    check(document(text, path), passages, dropped, config)
    return [text[s.start : s.end] for p in passages for s in p.sentences]


def dropped(text: str, path: str = "a.txt") -> list[tuple[str, str]]:
    return [(d.reason, text[d.span.start : d.span.end]) for d in split(document(text, path), CONFIG)[1]]


def check(document: Document, passages: list[Passage], dropped: list[Dropped], config: Config) -> None:
    """Assert what holds for every document, whatever it says."""
    end = document.body
    for number, passage in enumerate(passages):
        assert passage.number == number
        assert passage.document == document.path
        assert end <= passage.start < passage.end <= len(document.text)
        text = document.text[passage.start : passage.end]
        assert text == text.strip() != ""
        at = passage.start
        assert passage.sentences
        for sentence in passage.sentences:
            assert at <= sentence.start < sentence.end <= passage.end
            inner = document.text[sentence.start : sentence.end]
            assert inner == inner.strip()
            assert len(inner) <= LONGEST
            at = sentence.end
        assert len(text.split()) <= config.max_words or len(passage.sentences) == 1 or _oversized(document, passage, config)
        end = passage.end
    spans = sorted([d.span for d in dropped] + [p.span for p in passages])
    for left, right in zip(spans, spans[1:], strict=False):
        assert left.end <= right.start, "what is dropped is not quoted"
    for span in (d.span for d in dropped):
        assert document.body <= span.start < span.end <= len(document.text)


def _oversized(document: Document, passage: Passage, config: Config) -> bool:
    """Whether one sentence alone is longer than a passage may be."""
    return any(len(document.text[s.start : s.end].split()) > config.max_words for s in passage.sentences)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One goes. Two comes.", ["One goes.", "Two comes."]),
        ("One goes.[^a] Two comes.[^b]", ["One goes.[^a]", "Two comes.[^b]"]),
        (
            "One goes.[^a][^b-1][^c_2] Two comes.[^a][^b][^c][^d][^e][^f][^g][^h] Three stays.",
            ["One goes.[^a][^b-1][^c_2]", "Two comes.[^a][^b][^c][^d][^e][^f][^g][^h]", "Three stays."],
        ),
        ("One goes.[^a] [^b] Two comes.", ["One goes.[^a] [^b]", "Two comes."]),
        ("One goes[^a] on and on. Two comes.", ["One goes[^a] on and on.", "Two comes."]),
        ("One goes.\r\nTwo comes\r\nand stays.\r\n", ["One goes.", "Two comes\r\nand stays."]),
        ("One goes.[^a]\r\nTwo comes.[^b]\r\n", ["One goes.[^a]", "Two comes.[^b]"]),
        ("“One goes.” Two comes.", ["“One goes.”", "Two comes."]),
        ("He said it’s fine. She didn’t.", ["He said it’s fine.", "She didn’t."]),
        ("One\u00a0goes. Two\u00a0comes.", ["One\u00a0goes.", "Two\u00a0comes."]),
        ("One goes 🌊. Two comes 👩‍🚀 here. Three.", ["One goes 🌊.", "Two comes 👩‍🚀 here.", "Three."]),
        ("Dr. Hale keeps it, e.g. at night. Two comes.", ["Dr. Hale keeps it, e.g. at night.", "Two comes."]),
        ("It takes 0.5 hours. Two comes.", ["It takes 0.5 hours.", "Two comes."]),
        ("Nul \0 inside. Two comes.", ["Nul \0 inside.", "Two comes."]),
        ("हम जाते हैं। Two comes.", ["हम जाते हैं।", "Two comes."]),
    ],
)
@pytest.mark.parametrize("path", ["a.md", "a.txt"])
def test_sentences_are_the_documents_own_words(text: str, expected: list[str], path: str) -> None:
    assert sentences(text, path) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# Head\n\nOne goes.\n\nTwo comes.\n", ["One goes.", "Two comes."]),
        ("One goes.\n\n## Head\n\nTwo comes.\n", ["One goes.", "Two comes."]),
        ("Head\n====\n\nOne goes.\n", ["One goes."]),
        ("- One goes.\n- Two comes.\n", ["- One goes.", "- Two comes."]),
        ("1. One goes.\n2. Two comes.\n", ["1. One goes.", "2. Two comes."]),
        ("- One goes.\n  - Two comes.\n", ["- One goes.", "- Two comes."]),
        ("> One goes on.\n> Two comes.\n", ["> One goes on.\n> Two comes."]),
        ("| Day | Hours |\n|---|---|\n| Monday | ten |\n", ["| Day | Hours |", "| Monday | ten |"]),
        ("```\nOne goes.\n```\n", ["```\nOne goes.\n```"]),
        ("One goes.\r\n\r\nTwo comes.\r\n", ["One goes.", "Two comes."]),
        ("One goes.\n\n---\n\nTwo comes.\n", ["One goes.", "Two comes."]),
        ("One <b>goes</b> &amp; stays.", ["One <b>goes</b> &amp; stays."]),
    ],
)
def test_blocks_of_markdown(text: str, expected: list[str]) -> None:
    assert cut(text) == expected


def test_a_small_table_is_one_passage_with_its_head() -> None:
    text = "| Day | Hours |\n|---|---|\n| Monday | ten |\n| Tuesday | noon |\n"
    assert cut(text, config=CONFIG) == [text.strip()]
    assert sentences(text) == ["| Day | Hours |", "| Monday | ten |", "| Tuesday | noon |"]


@pytest.mark.parametrize(
    ("text", "path", "sections"),
    [
        ("One goes on.\n\n# First\n\nTwo comes.\n\n## Second ##\n\nThree stays.\n", "a.md", ["", "First", "Second"]),
        ("# A title of its own\n\nOne goes on.\n", "a.md", [""]),
        (
            "Opening hours\n\nOne goes on.\n\nWhat Does It Cost?\n\nTwo comes.\n",
            "a.txt",
            ["Opening hours", "What Does It Cost?"],
        ),
        ("Opening hours\r\n\r\nOne goes on.\r\n", "a.txt", ["Opening hours"]),
        ("One goes on and ends.\nAnd so does this one.\n", "a.txt", [""]),
    ],
)
def test_sections(text: str, path: str, sections: list[str]) -> None:
    passages, _ = split(document(text, path), SHORT)
    assert [passage.section for passage in passages] == sections


def test_short_paragraphs_are_joined_within_their_section_only() -> None:
    text = "# One\n\nTwo words.\n\nThree words here.\n\n# Two\n\nTwo words.\n"
    assert cut(text, config=Config(min_words=5, max_words=20)) == ["Two words.\n\nThree words here.", "Two words."]
    assert cut(text, config=Config(min_words=2, max_words=20)) == ["Two words.", "Three words here.", "Two words."]
    assert cut(text, config=Config(min_words=4, max_words=4)) == ["Two words.", "Three words here.", "Two words."]


def test_long_paragraphs_are_shared_out_evenly() -> None:
    text = " ".join(f"Sentence number {n} has six words." for n in range(10))
    counts = [len(piece.split()) for piece in cut(text, config=Config(min_words=1, max_words=40))]
    assert counts == [30, 30]  # 60 words in two passages of at most 40


@pytest.mark.parametrize(
    "line",
    [
        "Leave a Reply", "Leave a comment", "Related Posts", "RELATED ARTICLES", "Recent Posts", "Read more", "Share this",
        "Your email address stays private. Required fields are marked *", "Previous Post", "Back to top",
        "© 2024 The Harrow Inn. All rights reserved.", "Comments (3)", "Skip to content", "Privacy Policy", "* * *", "|",
        "Leave a Reply\nYour email address stays private. Required fields are marked *", "Related Posts\nRead more",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["a.txt", "a.md"])
def test_site_furniture_is_dropped_and_said(line: str, path: str) -> None:
    text = f"The ferry crosses three times a day.\n\n{line}\n\nThe last boat leaves at five.\n"
    assert cut(text, path) == ["The ferry crosses three times a day.", "The last boat leaves at five."]
    if re.search(r"\w{2}", line):
        assert {reason for reason, _ in dropped(text, path)} == {"site furniture"}
        assert "\n".join(gone for _, gone in dropped(text, path)) == line


def test_furniture_between_the_lines_of_a_text_file_is_dropped() -> None:
    text = "The ferry crosses three times a day.\nLeave a Reply\nThe last boat leaves at five.\nRelated Posts\n"
    assert dropped(text) == [("site furniture", "Leave a Reply"), ("site furniture", "Related Posts")]
    assert sentences(text, "a.txt") == ["The ferry crosses three times a day.", "The last boat leaves at five."]


@pytest.mark.parametrize(
    "kept",
    [
        "The keeper shares this room with the pilot.",
        "Read the log before you leave the tower.",
        "Share the lantern with whoever climbs behind you.",
        "Comments are written in the log by the keeper.",
        "A related post stands at the pier.",
        "Subscribers pay for the paint of the tower.",
        "The copyright of the chart is the Pilot Office's.",
        "This guide rope leads to the gallery.",
        "The keeper wrote “Leave a reply” on the door.",
        "Call the pilot before dawn.",
        "The keeper wrote “the pier is closed.”",
        "The pier is closed (and so is the gallery.)",
        "桟橋は閉鎖されています。" * 20,
        "घाट रात में बंद रहता है।",
        "The pier is closed…",
    ],
)
def test_what_only_looks_like_furniture_is_kept(kept: str) -> None:
    text = f"The ferry crosses three times a day.\n\n{kept}\n"
    assert any(kept in passage for passage in cut(text, "a.txt", CONFIG))
    assert kept in sentences(text, "a.txt") or kept.count("。") > 1


@pytest.mark.parametrize(
    "teaser",
    [
        "In this article, we look at the ferry.",
        "Did you enjoy the ferry?",
        "Keep reading to learn of the ferry.",
        "Contact us today.",
    ],
)
def test_teasers_are_no_answers(teaser: str) -> None:
    alone = f"The ferry crosses three times a day.\n\n{teaser}\n"
    assert dropped(alone) == [("teaser", teaser)]
    beside = f"The ferry crosses three times a day. {teaser} The last boat leaves at five.\n"
    assert cut(beside, "a.txt", CONFIG) == [beside.strip()]
    assert sentences(beside, "a.txt") == ["The ferry crosses three times a day.", "The last boat leaves at five."]


def test_one_line_a_paragraph() -> None:
    long = "The ferry crosses to the island three times a day from the stone quay, and the last boat leaves at five. " * 3
    text = f"The ferry\n{long.strip()}\nThe crossing\n{long.strip()}\n"
    passages, _ = split(document(text, "a.txt"), CONFIG)
    assert [(p.section, text[p.start : p.end]) for p in passages] == [
        ("The ferry", long.strip()),
        ("The crossing", long.strip()),
    ]


@pytest.mark.parametrize("text", ["word " * 200_000, "x" * 1_000_000, "éé🌊" * 50_000, "ab.\u00a0cd " * 10_000])
@pytest.mark.parametrize("path", ["a.txt", "a.md"])
def test_a_sentence_of_a_megabyte(text: str, path: str) -> None:
    passages, gone = split(document(text, path), CONFIG)
    check(document(text, path), passages, gone, CONFIG)
    quoted = sum(len("".join(text[s.start : s.end].split())) for p in passages for s in p.sentences)
    whole = len("".join(text.split()))
    assert quoted == whole


def test_a_thousand_footnotes_in_one_paragraph() -> None:
    text = " ".join(f"Rule {n} holds.[^a-{n}][^b-{n}]" for n in range(1000))
    assert sentences(text) == [f"Rule {n} holds.[^a-{n}][^b-{n}]" for n in range(1000)]


def test_a_document_of_questions_or_teasers_alone_says_just_that() -> None:
    assert sentences("Is the lamp lit?\n\nWho winds it?\n", "a.md") == ["Is the lamp lit?", "Who winds it?"]
    assert sentences("In this article, we look at the ferry.\n\nRelated Posts\n") == ["In this article, we look at the ferry."]


@pytest.mark.parametrize(
    "text",
    [
        "", " \r\n\t\n", "# Only a heading\n", "# A\n\n## B\n", "---\n\n***\n", "🌊\n", "<!-- a note -->\n",
        "Leave a Reply\n\nRelated Posts\n",
    ],
)  # fmt: skip
def test_nothing_to_quote(text: str, make_corpus: Callable[[Mapping[str, str | bytes]], Path], tmp_path: Path) -> None:
    passages, gone = split(document(text), CONFIG)
    assert passages == []
    said = " ".join(text[d.span.start : d.span.end] for d in gone)
    assert re.findall(r"\w+", said) == re.findall(r"\w+", text)
    refused = "holds no text; put words into it, or leave it out"
    dropped = "nothing to quote in 1 documents: all text was dropped; add documents with sentences"
    with pytest.raises(CorpusError, match=dropped if text.strip() else refused):
        kqa.build(make_corpus({"a.md": text}), tmp_path / "index", CONFIG)


def test_asks_must_name_a_section() -> None:
    text = "## The lamp\n\nIt is lit.\n\n## Fog!\n\nIt sounds.\n"
    assert len(split(document(text, asks={"the-lamp": ("When?",), "fog": ("Why?",)}), SHORT)[0]) == 2
    with pytest.raises(CorpusError, match=r"a\.md: asks names a section “lamp” that has no heading; known: .*fog.*the-lamp"):
        split(document(text, asks={"lamp": ("When?",)}), SHORT)


def test_numbering_goes_on() -> None:
    passages, _ = split(document("One goes.\n\n# H\n\nTwo comes.\n"), SHORT, first=41)
    assert [passage.number for passage in passages] == [41, 42]


def test_front_matter_is_never_quoted() -> None:
    text = "---\ntitle: A\n---\nOne goes on.\n"
    assert [text[p.start : p.end] for p in split(document(text, body=17), CONFIG)[0]] == ["One goes on."]
    assert text[17:] == "One goes on.\n"


def test_a_comment_in_markdown_is_not_shown() -> None:
    text = "The ferry crosses three times a day.\n\n<!-- ask the pilot: still true? -->\n\nThe last boat leaves at five.\n"
    assert "pilot" not in "".join(cut(text))


@pytest.mark.parametrize(
    ("text", "heard"),
    [
        ("**Bold** and _slanted_ `code`.[^a]", "Bold and slanted code."),
        ("See [the chart](https://example.org/chart) now.", "See the chart now."),
        ("- One\n- Two", "One Two"),
        ("> A\u00a0b\r\n> c", "A b c"),
        ("2 * 3 are six", "2 * 3 are six"),
    ],
)
def test_plain_text_for_retrieval(text: str, heard: str) -> None:
    assert plain(text) == heard


@pytest.mark.parametrize(
    ("heading", "name"),
    [
        ("The lamp", "the-lamp"),
        ("  What, and why? ", "what-and-why"),
        ("A/B — 2.0", "a-b-2-0"),
        ("Ünïque", "n-que"),
        ("灯", ""),
    ],
)
def test_slugs(heading: str, name: str) -> None:
    assert slug(heading) == name


WORDS = st.sampled_from(
    ["ferry", "Dr.", "e.g.", "five.", "What?", "No!", "“so”", "it’s", "a\u00a0b", "🌊", "0.5", "[^a]", "[^b-2]", "x" * 40]
)
LINES = st.lists(WORDS, min_size=1, max_size=30).map(" ".join)
BLOCKS = st.one_of(
    LINES,
    LINES.map("# {}".format),
    LINES.map("- {}".format),
    LINES.map("> {}".format),
    LINES.map("    {}".format),
    LINES.map("| {} | b |\n|---|---|\n| c | d |".format),
    LINES.map("```\n{}\n```".format),
    st.sampled_from(
        ["Leave a Reply", "Related Posts", "In this article, we look.", "---", "***", "===", "<div>", "[a]: b", "\t", "|"]
    ),
    st.text(max_size=60),
)
TEXTS = st.builds(
    lambda blocks, joint: joint.join(blocks),
    st.lists(BLOCKS, max_size=12),
    st.sampled_from(["\n\n", "\r\n\r\n", "\n", "\r\n", "\r"]),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(TEXTS, st.sampled_from(["a.md", "a.txt"]), st.sampled_from([CONFIG, SHORT, Config(min_words=1, max_words=1)]))
def test_invariants_of_any_text(text: str, path: str, config: Config) -> None:
    passages, gone = split(document(text, path), config)
    check(document(text, path), passages, gone, config)
    assert split(document(text, path), config) == (passages, gone)


@settings(max_examples=80, deadline=None, derandomize=True)
@example("Dr.\n\n***\n\n" + "ferry " * 13)  # what is dropped stands between what is joined
@given(TEXTS)
def test_no_word_of_a_text_file_vanishes_unsaid(text: str) -> None:
    passages, gone = split(document(text, "a.txt"), CONFIG)
    kept = sorted([p.span for p in passages] + [d.span for d in gone])
    ends = [0, *(span.end for span in kept)]
    starts = [*(span.start for span in kept), len(text)]
    between = [text[end:start] for end, start in zip(ends, starts, strict=True)]
    assert not re.search(r"[^\W_]", "".join(between))


@pytest.fixture(scope="module")
def seeds() -> Path:
    if not SEEDS.is_dir():
        pytest.skip(f"{SEEDS} is not here")
    return SEEDS


def test_seeds_keep_invariants_and_lose_their_furniture(seeds: Path) -> None:
    for document in take_in(seeds, strict=True).documents:
        passages, gone = split(document, Config())
        check(document, passages, gone, Config())
        text = " ".join(document.text[p.start : p.end] for p in passages)
        for furniture in (
            "Leave a Reply",
            "Your email address stays private",
            "Required fields are marked",
            "Related Posts",
        ):
            assert furniture.casefold() not in text.casefold()


def _questions(seeds: Path) -> list[str]:
    path = ROOT / "evaluation" / "questions.jsonl"
    if path.is_file():
        return [json.loads(line)["question"] for line in path.read_text(encoding="utf-8").splitlines()][:200]
    told = [word for file in sorted(seeds.glob("*.txt")) for word in re.findall(r"[a-z]{5,}", file.read_text(encoding="utf-8"))]
    return [f"What about {' and '.join(told[at : at + 3])}?" for at in range(0, len(told), max(1, len(told) // 200))][:200]


def test_seeds_are_quoted_as_they_stand_on_disk(seeds: Path, tmp_path: Path) -> None:
    kqa.build(seeds, tmp_path / "index", Config(encoder="hashing", threshold=0.0))
    index = kqa.Index.load(tmp_path / "index", seeds)
    on_disk = {path.name: path.read_bytes().decode() for path in seeds.glob("*.txt")}
    answered = 0
    for question in _questions(seeds):
        answer = kqa.ask(question, index)
        for quote in answer.quotes:
            span = quote.citation.span
            assert on_disk[quote.citation.document][span.start : span.end] == quote.text
            assert on_disk[quote.citation.document][quote.answer.start : quote.answer.end] == quote.answer_text
            answered += 1
    assert answered > 100
