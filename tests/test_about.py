"""The page about this site: who wrote what, what is kept, in words that are easy to read."""

from __future__ import annotations

import re

import pytest

from kqa.about import about_html
from kqa.catalogue import catalogue_of
from kqa.readability import reading_age
from kqa.types import Document, Kind
from shown import HOSTILE, Parsed, check_inert, make_document

DOCUMENTS = [
    make_document(path="a.md", title="A"),
    make_document(path="b.md", title="B"),
    make_document(path="c.md", title="C", kind=Kind.CLINIC_MARKETING, publisher="A clinic"),
]


def told(documents: list[Document], country: str | None = None, *, judged: bool = False) -> Parsed:
    return check_inert(about_html("", catalogue_of(documents, ()), country, judged=judged))


def test_it_counts_the_kinds_of_sources_and_who_published_them() -> None:
    text = told(DOCUMENTS).text
    assert "2 Reference by kqa, sources named Written from primary sources" in text
    assert "1 Clinic marketing What clinics say to win patients. Not evidence." in text
    assert "Published by: kqa editors (2), A clinic (1)." in text


def test_many_publishers_are_counted_and_none_is_left_out_in_silence() -> None:
    many = [make_document(path=f"{n}.md", title=f"T{n}", publisher=f"P{n:02}") for n in range(11)]
    assert "P07 (1) and 3 more." in told(many).text
    nobody = told([make_document(publisher="")]).text
    assert "Published by" not in nobody


@pytest.mark.parametrize(("country", "number"), [(None, "911"), ("UK", "999")])
def test_help_comes_before_anything_else(country: str | None, number: str) -> None:
    parsed = told(DOCUMENTS, country)
    assert parsed.text.index("Do not wait for this page.") < parsed.text.index("Who wrote what is searched")
    assert next(value for value in parsed.values("href")) == f"tel:{number}"


def test_what_is_kept_depends_on_whether_readers_may_judge() -> None:
    assert "Kept: nothing. Your question is answered and forgotten." in told(DOCUMENTS).text
    judged = told(DOCUMENTS, judged=True).text
    assert "Kept: nothing" not in judged
    assert "“Judge this passage”" in judged
    for text in (told(DOCUMENTS).text, judged):
        assert "There are no cookies" in text
        assert "no log of questions" in text


def test_it_names_the_licence_and_leads_on() -> None:
    parsed = told(DOCUMENTS)
    assert "Apache License 2.0" in parsed.text
    assert {"./", "plain", "how-well"} <= set(parsed.values("href"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_text_acts(text: str) -> None:
    told([make_document(title=text, publisher=text)])


def test_it_reads_plainly() -> None:
    html = about_html("", catalogue_of(DOCUMENTS, ()), judged=True)
    own = re.sub(r'<section class="panel urgent">.*?</section>', "", html, flags=re.DOTALL)  # names and numbers, no sentences
    blocks = re.findall(r"<(?:p|li)>(.*?)</(?:p|li)>", own)
    sentences = [s for block in blocks for s in re.split(r"(?<=[.!?]) ", re.sub(r"<[^>]+>", "", block)) if len(s.split()) > 2]
    assert len(sentences) > 20
    assert reading_age(sentences) < 13
