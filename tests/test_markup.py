"""The small pieces of HTML: whatever text is put into them stays text and reads as it was."""

from __future__ import annotations

import re

import pytest

from kqa.markup import badge, chips, esc, notes_html, references_html, verbatim, words_class
from kqa.types import Kind, Reference, Source
from shown import HOSTILE, SHOWABLE, Parsed, check_inert


def reference(text: str = "x", locator: str = "x") -> Reference:
    return Reference("a", text, text, 2020, text, locator)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain words, ünïcode 🌊 \u2028", "plain words, ünïcode 🌊 \u2028"),
        ("<b>", "&#60;b&#62;"),
        ("\"'", "&#34;&#39;"),
        ("&amp;", "&#38;amp;"),
        ("{{x}} ${x} `x`", "&#123;&#123;x&#125;&#125; &#36;&#123;x&#125; &#96;x&#96;"),
        ("tab\tline\nreturn\r", "tab\tline\nreturn\r"),
        ("\x00\x07\x1b\x7f\x9b\ud800", "\ufffd" * 6),
    ],
)
def test_text_is_escaped(text: str, shown: str) -> None:
    assert esc(text) == shown


@pytest.mark.parametrize("text", SHOWABLE, ids=range(len(SHOWABLE)))
def test_an_escaped_text_reads_as_it_was(text: str) -> None:
    parsed = check_inert(f'<p title="{esc(text)}">{esc(text)}</p>')
    assert parsed.text == text
    assert parsed.attributes == [("title", text)]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("One.[^a] Two.[^b]", "One.<sup>1</sup> Two."),
        ("[^a][^a]", "<sup>1</sup><sup>1</sup>"),
        ("<i>[^a]</i>", "&#60;i&#62;<sup>1</sup>&#60;/i&#62;"),
        ("[^<script>]", ""),
        ("![i](https://evil.example/i.png)", "![i](https://evil.example/i.png)"),
        ("", ""),
    ],
)
def test_marks_become_their_notes_and_the_rest_is_escaped(text: str, shown: str) -> None:
    assert verbatim(text, {"a": "<sup>1</sup>"}) == shown


@pytest.mark.parametrize(
    ("path", "text", "paged", "kept"),
    [
        ("a.md", "One\ntwo", False, False),
        ("A.MD", "One\ntwo", False, False),
        ("a.md", "- One\n- two", False, True),
        ("a.md", "One\n2) two", False, True),
        ("a.md", "| One |\n| two |", False, True),
        ("a.md", "One\n\ntwo", False, True),
        ("a.md", "One\n-two", False, True),
        ("a.txt", "One\ntwo", False, True),
        ("a.txt", "One\ntwo", True, False),
    ],
)
def test_lines_are_kept_where_they_mean_something(path: str, text: str, paged: bool, kept: bool) -> None:
    assert words_class(path, text, paged) == ("words lines-kept" if kept else "words")


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_has_a_badge(kind: Kind) -> None:
    shown = badge(Source("", kind))
    assert re.fullmatch(rf'<span class="badge {kind}">[A-Z][a-z ]+</span>', shown)


def test_a_number_leads_to_its_reference_and_says_so_aloud() -> None:
    references = [Reference(name, "Org", "Study", 2020, "", "") for name in ("x", "y")]
    notes = notes_html(references, "p-r")
    assert notes["y"] == '<sup><a href="#p-r2" data-jump="p-r2" aria-label="Source 2">2</a></sup>'
    assert Parsed(references_html(references, "p-r")).values("id") == ["p-r1", "p-r2"]


@pytest.mark.parametrize(
    ("locator", "address"),
    [
        ("https://www.fda.gov/x?y=1&z=2", "https://www.fda.gov/x?y=1&z=2"),
        ("http://example.org", "http://example.org"),
        ("doi:10.1000/182", "https://doi.org/10.1000/182"),
        ("10.1016/S0140-6736(06)68770-9.", "https://doi.org/10.1016/S0140-6736(06)68770-9"),
        ("https://doi.org/10.1000/182", "https://doi.org/10.1000/182"),
        ("see https://example.org/a, table 2", "https://example.org/a"),
        ("(https://example.org)", "https://example.org"),
        ("PMC3000408", "https://pmc.ncbi.nlm.nih.gov/articles/PMC3000408/"),
        ("pmid:35231204", "https://pubmed.ncbi.nlm.nih.gov/35231204/"),
        ("PMID: 35231204.", "https://pubmed.ncbi.nlm.nih.gov/35231204/"),
        ("https://pmc.ncbi.nlm.nih.gov/articles/PMC3000408/", "https://pmc.ncbi.nlm.nih.gov/articles/PMC3000408/"),
        ("page 12", None),
        ("", None),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//evil.example", None),
        ("javascript:x()//https://example.org", "https://example.org"),
        ('https://example.org/"onclick="x()', "https://example.org/"),
        ("https://example.org/${x}", "https://example.org/${x}"),
    ],
)
def test_a_locator_is_a_link_only_to_the_web(locator: str, address: str | None) -> None:
    parsed = check_inert(references_html([reference(locator=locator)], "r"))
    assert parsed.values("href") == ([address] if address else [])
    assert locator in parsed.text
    assert parsed.values("rel") == (["noopener noreferrer"] if address else [])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_reference_and_no_question_acts(text: str) -> None:
    check_inert(references_html([reference(text, text)], "r"))
    check_inert(chips("Try", [text, text]))


@pytest.mark.parametrize("text", SHOWABLE, ids=range(len(SHOWABLE)))
def test_references_and_questions_read_as_they_are(text: str) -> None:
    shown = Parsed(references_html([reference(text, text)], "r"))
    assert shown.inside("li") == f"{text} (2020). {text}. {text}"
    assert shown.inside("bdi") == text * 3, "what turns text around stays within its own words"
    asked = Parsed(chips("Try", [text]))
    assert (asked.inside("button"), asked.values("data-ask")) == (text, [text])


def test_empty_lists_leave_nothing() -> None:
    assert (references_html([], "r"), chips("Try", [])) == ("", "")
