from __future__ import annotations

import pytest

from kqa.errors import DocumentRefused
from kqa.webpages import LARGEST_PAGE, read_page

PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>The Harrow
 light</title><script>var stolen = "never shown";</script><style>p { color: red }</style></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/a">About us and our work</a></li></ul></nav>
<main><article><h1>The light</h1><p>The lamp is lit at <b>sun</b>set and put out at
  sunrise, every day.</p><h2>Fog &amp; horn</h2>
<p>The horn sounds twice a minute while fog hides the outer buoy. It runs on <a href="#">compressed air</a>, which is
started<br>before the fog reaches the pier.</p>
<ul><li>Dogs wait in the yard.</li><li>Drones are forbidden within a mile.</li></ul>
<table><tr><th>Season</th><th>Hours</th></tr><tr><td>Summer</td><td>ten until six</td></tr></table>
<p>Visitors may not climb the tower after dark. Children under eight stay on the ground floor.</p></article></main>
<aside><h3>Related posts</h3><ul><li><a href="/b">Another story</a></li></ul></aside>
<footer><p>Copyright Harrow Trust. All rights reserved.</p></footer></body></html>"""

TEXT = """The light

The lamp is lit at sunset and put out at sunrise, every day.

Fog & horn

The horn sounds twice a minute while fog hides the outer buoy. It runs on compressed air, which is started
before the fog reaches the pier.

Dogs wait in the yard.

Drones are forbidden within a mile.

Season\tHours

Summer\tten until six

Visitors may not climb the tower after dark. Children under eight stay on the ground floor."""


def test_the_main_text_word_for_word_with_its_headings() -> None:
    reading = read_page(PAGE.encode(), "a.html")
    assert reading.text == TEXT
    assert [reading.text[span.start : span.end] for span in reading.headings or ()] == ["The light", "Fog & horn"]
    assert (reading.title, reading.pages, reading.notes) == ("The Harrow light", (), ())
    assert read_page(PAGE.encode(), "a.html") == reading


def test_the_declared_encoding_is_read_and_a_detected_one_said() -> None:
    page = PAGE.replace("every day", "café “daily”")
    assert "café “daily”" in read_page(page.replace("utf-8", "windows-1252").encode("cp1252"), "a.html").text
    reading = read_page(page.replace('<meta charset="utf-8">', "").encode("cp1252"), "a.html")
    assert "café “daily”" in reading.text
    assert reading.notes == ("read as windows-1252, detected (it declares none); if that is wrong, save it as UTF-8",)


def test_a_short_page_is_a_page() -> None:
    assert "The ferry leaves at nine." in read_page(b"<h1>Ferry</h1><p>The ferry leaves at nine.</p>", "a.html").text


@pytest.mark.parametrize(
    "source", ["", "<html></html>", "<script>only = 'code'</script>", "<nav><a href=x>Home</a></nav>", "\0" * 99, "<" * 99]
)
def test_nothing_but_furniture_is_refused(source: str) -> None:
    with pytest.raises(DocumentRefused, match=r"a\.html has no main text that can be told"):
        read_page(source.encode(), "a.html")


def test_a_page_beyond_the_limit_is_refused() -> None:
    with pytest.raises(DocumentRefused, match=r"a\.html has 20,000,001 bytes, more than the 20,000,000 of a page; divide it"):
        read_page(b" " * (LARGEST_PAGE + 1), "a.html")
