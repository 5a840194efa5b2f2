from __future__ import annotations

import kqa
from conftest import LIGHTHOUSE
from kqa.dense import ASK, WHOLE
from kqa.passages import plain
from kqa.vectors import digest, rows


def test_a_row_for_each_passage_its_sentences_and_the_questions_of_its_section(index: kqa.Index) -> None:
    owners, texts = rows(index.documents, index.passages)
    assert len(owners) == len(texts) == index.facts["counts"]["vectors"]
    for passage in index.passages:
        own = [(ordinal, text) for (number, ordinal), text in zip(owners, texts, strict=True) if number == passage.number]
        document = index.documents[passage.document]
        spans = [passage.span, *passage.sentences]
        expected = [plain(document.text[span.start : span.end]) for span in spans]
        asked = document.asks.get("the-lamp", ()) if passage.section == "The lamp" else ()
        assert own == [*zip((WHOLE, *range(len(passage.sentences))), expected, strict=True), *((ASK, text) for text in asked)]
    assert sum(ordinal == ASK for _, ordinal in owners) == str(LIGHTHOUSE["rules/keeping.md"]).count('?"')


def test_a_text_has_a_name_of_sixteen_bytes() -> None:
    assert len(digest("lamp")) == 16
    assert digest("lamp") == digest("lamp") != digest("lamp ")
