from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from conftest import DISAGREEMENTS, write_files
from kqa.errors import RulesError
from kqa.trust import Contradiction, Side, contradiction_from_json, disagreements, read_contradictions
from kqa.types import Document, Passage, Quote, Source, Span

A, B = "Lamps burn. The pier is open at night. Gulls sleep.", "Inns are warm. The pier is shut at night."
DOCUMENTS = {path: Document(path, text, path, Source(path)) for path, text in (("a.md", A), ("b.md", B))}
OPEN, SHUT = Span(12, 38), Span(15, 41)  # both sentences have 26 characters
PASSAGES = [Passage(0, "a.md", 0, 38, "Night", (OPEN,)), Passage(1, "b.md", 15, 41, "Doors", (SHUT,))]


def contradiction(topic: str = "pier", a: Span = OPEN, b: Span = SHUT, better: int = 1) -> Contradiction:
    return Contradiction(topic, (Side("a.md", a), Side("b.md", b)), better, "because", "Is it?", "What?")


def quote(path: str, start: int, end: int) -> Quote:
    return DOCUMENTS[path].cut(Span(start, end))


def shown(quotes: list[Quote], *table: Contradiction) -> list[str]:
    return [found.topic for found in disagreements(quotes, table, DOCUMENTS, PASSAGES)]


def test_the_texts_of_this_table() -> None:
    assert A[OPEN.start : OPEN.end] == "The pier is open at night."
    assert B[SHUT.start : SHUT.end] == "The pier is shut at night."


@pytest.mark.parametrize(
    ("path", "start", "end", "held"),
    [
        ("a.md", 12, 38, True),  # the sentence itself
        ("a.md", 0, 51, True),  # and more
        ("a.md", 12, 26, True),  # 14 of 26
        ("a.md", 12, 25, False),  # 13 of 26: half is not more than half
        ("a.md", 25, 51, False),
        ("a.md", 24, 51, True),
        ("a.md", 0, 11, False),
        ("a.md", 39, 51, False),
        ("b.md", 15, 41, True),  # the other direction
        ("b.md", 12, 27, False),  # 12 of 26, though it would hold the place in the other document
    ],
)
def test_a_quote_holds_a_side_with_more_than_half_of_it(path: str, start: int, end: int, held: bool) -> None:
    assert shown([quote(path, start, end)], contradiction()) == (["pier"] if held else [])


def test_what_is_shown_is_cut_from_both_documents() -> None:
    for path, start, end in (("a.md", 0, 38), ("b.md", 15, 41)):
        (found,) = disagreements([quote(path, start, end)], [contradiction()], DOCUMENTS, PASSAGES)
        assert [side.text for side in found.sides] == ["The pier is open at night.", "The pier is shut at night."]
        assert [side.citation.section for side in found.sides] == ["Night", "Doors"]
        assert [side.citation.span for side in found.sides] == [OPEN, SHUT]
        assert (found.topic, found.better_supported, found.why) == ("pier", 1, "because")


def test_order_is_that_of_the_quotes_and_each_is_shown_once() -> None:
    lamps = contradiction("lamps", a=Span(0, 11), b=Span(0, 14), better=0)
    table = (contradiction(), lamps)
    assert shown([quote("a.md", 0, 11), quote("b.md", 15, 41)], *table) == ["lamps", "pier"]
    assert shown([quote("b.md", 15, 41), quote("a.md", 0, 11)], *table) == ["pier", "lamps"]
    assert shown([quote("a.md", 0, 51)], *table) == ["pier", "lamps"]  # within a quote, the order of the table
    assert shown([quote("a.md", 12, 38), quote("b.md", 15, 41), quote("a.md", 0, 51)], contradiction()) == ["pier"]
    assert shown([], *table) == []
    assert shown([quote("a.md", 0, 51)]) == []


def test_stored_and_read_back() -> None:
    assert contradiction_from_json(json.loads(json.dumps(asdict(contradiction())))) == contradiction()


def read(folder: Path, table: str | bytes | None) -> list[Contradiction]:
    write_files(folder, {"disagreements.toml": table} if table is not None else {})
    return read_contradictions(folder, list(DOCUMENTS.values()))


ENTRY = {
    "topic": '"pier"',
    "better": '{document = "a.md", text = "The pier is open at night."}',
    "other": '{document = "b.md", text = "The pier is shut at night."}',
    "better_supported": "true",
    "why": '"because"',
    "shows_on": '"Is it?"',
    "silent_on": '"What?"',
}


def table(**changes: str | None) -> str:
    entry = {key: value for key, value in {**ENTRY, **changes}.items() if value is not None}
    return "[[disagreement]]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items())


def test_a_table_is_read_and_its_texts_are_found(tmp_path: Path) -> None:
    assert read(tmp_path, table()) == [contradiction()]
    assert read(tmp_path, table() + table(better_supported="false")) == [contradiction(), contradiction(better=0)]


@pytest.mark.parametrize("text", [None, "", "# nothing yet\n"])
def test_no_table_no_contradictions(tmp_path: Path, text: str | None) -> None:
    assert read(tmp_path, text) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[disagreement]\n", r"disagreements\.toml, line 1, column 15: the name of a table is not closed; write \[name\]"),
        (b"topic = '\xff'\n", r"disagreements\.toml, line 1: this is not saved as UTF-8; save the file as UTF-8"),
        (table(why=None), r"disagreements\.toml, line 1: entry 1: missing why; add it below"),
        (table(why=None, topic=None), r"line 1: entry 1: missing topic, why; add it below"),
        (table() + table(wy='"because"'), r"line 17: entry 2: unknown wy; correct its name"),
        (
            table(better_supported='"yes"'),
            r"line 5: entry 1: better_supported is true when “better” is better supported, false when",
        ),
        (table(better_supported="1"), r"line 5: entry 1: better_supported is true when"),
        (
            table(better='"The pier is open at night."'),
            r"line 3: entry 1: a side is \{document = .…., text = .….\}; write it so",
        ),
        (table(better='{document = "a.md"}'), r"line 3: entry 1: a side is \{document = .…., text = .….\}; write it so"),
        (
            table(better='{document = "a.md", text = "x", page = 2}'),
            r"line 3: entry 1: a side is \{document = .…., text = .….\}; write it so",
        ),
        (table(other='{document = "c.md", text = "x"}'), r"line 4: entry 1: no document c\.md; correct its path"),
        (
            table(better='{document = "a.md", text = "The pier is closed."}'),
            r"line 3: entry 1: a\.md holds the text 0 times: “The pier is closed\.”; copy it again, exactly",
        ),
        (table(better='{document = "a.md", text = "s"}'), r"line 3: entry 1: a\.md holds the text [2-9] times: “s”"),
        (table(other=ENTRY["better"]), r"line 4: entry 1: both sides are the same words; copy the sentence that contradicts"),
        (table(better='{document = "a.md", text = ""}'), r"line 3: entry 1: a\.md holds the text 0 times: “”"),
        # a misspelt name of the table must not silence every disagreement
        (
            table().replace("[[disagreement]]", "[[disagreements]]"),
            r"disagreements\.toml, line 1: 'disagreements' is no entry; write nothing but",
        ),
        ("disagreement = 5\n", r"disagreements\.toml, line 1: 'disagreement' is no table"),
        ("disagreement = [5]\n", r"line 1: entry 1"),
        ('disagreement = ["pier"]\n', r"line 1: entry 1"),
        (table(topic="3"), r"line 2: entry 1: topic is 3; write it out"),
        (table(why='""'), r"line 6: entry 1: why is ''; write it out"),
        (table(better='{document = 3, text = "x"}'), r"line 3: entry 1: document is 3; write it out in straight quotes"),
        (table(better='{document = "a.md", text = 3}'), r"line 3: entry 1: text is 3; write it out in straight quotes"),
        (table() + "\n# again\n" + table(), r"line 11: entry 2: this entry stands on line 1 already; take one of the two out"),
        (table(why="“because”"), r"line 6, column 7: use straight quotes"),
        (table(why='"because'), r"line 6, column 15: a closing quote is missing"),
        (table(why='"because"\nwhy = "because"'), r"line 7, column 16: the key on this line stands twice"),
        (table(why='"""because') + table(why='"""because"""'), r"line 6: the text that opens here is not closed"),
        ("\ufeff" + table(), r"line 1: an invisible mark \(BOM\) stands before the text; save the file as UTF-8, without BOM"),
        ((table() + table(why="3")).replace("\n", "\r\n"), r"line 14: entry 2: why is 3"),
        ((table() + table(why="3")).replace(" = ", "\t=\t"), r"line 14: entry 2: why is 3"),
    ],
)
def test_a_table_that_does_not_hold(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(RulesError, match=message) as caught:
        read(tmp_path, text)
    assert "\n" not in str(caught.value)


def test_the_lighthouse_shows_its_disagreements(index) -> None:
    import kqa

    for entry in DISAGREEMENTS.split("[[disagreement]]")[1:]:
        said = dict(line.split(" = ", 1) for line in entry.strip().splitlines())
        topic = json.loads(said["topic"])
        assert topic in {found.topic for found in kqa.ask(json.loads(said["shows_on"]), index, k=2).disagreements}
        assert topic not in {found.topic for found in kqa.ask(json.loads(said["silent_on"]), index, k=1).disagreements}
