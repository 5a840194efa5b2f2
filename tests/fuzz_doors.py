"""What strangers can put into kqa, and what must hold whatever they put there: for Hypothesis and for the fuzzer.

Each door takes any input, may refuse it with a ``KqaError`` and raises AssertionError when an invariant is broken; any other
exception is a defect. ``DOORS`` makes doors for bytes of them.
"""

from __future__ import annotations

import asyncio
import json
import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import kqa
from browser_server import small_index
from kqa.admission import Admission
from kqa.answer import search
from kqa.compared import compared_html
from kqa.config import Config, config_from_json
from kqa.corpus import read_noted
from kqa.errors import ConfigError, CorpusError, KqaError, QuestionError, RulesError
from kqa.folder import TABLE
from kqa.guard import Guard
from kqa.html import to_html
from kqa.index import Index
from kqa.intake import take_in
from kqa.login import _credentials, _read
from kqa.page import server_functions
from kqa.passages import split
from kqa.places import read_toml
from kqa.records import document_from_json
from kqa.routes import ask_route, plain_route
from kqa.rules import load_rules
from kqa.serving import Serving
from kqa.sheets import document_html
from kqa.trust import read_contradictions
from kqa.types import Document, Source
from kqa.verify import read_citations, verify
from test_passages import check

CONFIGS = (Config(encoder="hashing"), Config(encoder="hashing", min_words=1, max_words=12), Config(min_words=1, max_words=1))


@lru_cache(1)
def ground() -> tuple[Index, Path, Path]:
    """Return a small index, its corpus, and a folder to write into; all of this process."""
    folder = Path(tempfile.mkdtemp(prefix="kqa-fuzz-"))
    index = small_index(folder)
    (folder / "work").mkdir()
    return Index.load(index), folder / "corpus", folder / "work"


def split_text(text: str, path: str, config: Config) -> None:
    """Passages and what is dropped tile the document in order, word for word; in plain text no word is left between."""
    document = Document(path, text, "0" * 64, Source("A title of its own"))
    passages, gone = split(document, config)
    check(document, passages, gone, config)
    for passage in passages:
        quote = document.cut(passage.span, passage.section, passage.sentences[0])
        assert document.text[passage.start : passage.end] == quote.text
    if path.endswith(".txt"):
        spans = sorted([p.span for p in passages] + [d.span for d in gone])
        ends, starts = [0, *(s.end for s in spans)], [*(s.start for s in spans), len(text)]
        assert not re.search(r"[^\W_]", "".join(text[end:start] for end, start in zip(ends, starts, strict=True)))


def read_file(data: bytes) -> None:
    """A document is refused or read as it stands; then it is split, stored, read back and shown."""
    folder = ground()[2]
    (folder / "a.md").write_bytes(data)
    with suppress(CorpusError):
        document = read_noted(folder, "a.md")[0]
        assert document.text.encode() == data or not _is_utf8(data)  # another encoding is read by what it says or by its looks
        assert document.source.title.strip()
        stored = json.dumps(asdict(document), ensure_ascii=False).encode()
        assert document_from_json(json.loads(stored)) == document
        document_html(document).encode()
        passages, gone = split(document, CONFIGS[0])
        check(document, passages, gone, CONFIGS[0])


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def ask_question(question: str, history: Sequence[str] = ()) -> None:
    """A question is refused or answered; hits have a total order, quotes are verbatim."""
    index = ground()[0]
    with suppress(QuestionError):
        answer = kqa.ask(question, index, history)
        for text in (kqa.to_json(answer), kqa.to_text(answer), to_html(answer)):
            text.encode()
        json.loads(kqa.to_json(answer))
        assert 0 <= answer.confidence <= 1
        shown = [*answer.quotes, *answer.closest, *(side for found in answer.disagreements for side in found.sides)]
        for quote in shown:
            span, document = quote.citation.span, index.documents[quote.citation.document]
            assert document.text[span.start : span.end] == quote.text
            assert span.start <= quote.answer.start < quote.answer.end <= span.end
        hits = search(question, index, history)
        order = [(-hit.score, hit.passage.number) for hit in hits]
        assert order == sorted(set(order))


def read_tables(data: bytes) -> None:
    """A reviewed file, a table of disagreements or a file of settings is refused with its line, or read."""
    _, corpus, folder = ground()
    documents = _documents(corpus)
    path = folder / TABLE
    path.write_bytes(data)
    for read in (lambda: read_toml(path), lambda: load_rules.__wrapped__(path), lambda: read_contradictions(folder, documents)):
        said = _refusal(read)
        assert re.match(rf"{re.escape(str(path))}, line \d+|$", said), said
        said.encode()
    with suppress(ConfigError):
        config_from_json(data.decode("utf-8", "replace"), "settings")
    with suppress(ConfigError):
        _read(data.decode("utf-8", "replace"), "logins:1")


def _refusal(read: Callable[[], object]) -> str:
    try:
        read()
    except RulesError as error:
        return str(error)
    return ""


@lru_cache(1)
def _documents(corpus: Path) -> tuple[Document, ...]:
    return tuple(take_in(corpus, strict=True).documents)


def read_citation(text: str) -> None:
    """A citation is refused or held against its document; one that stands is there word for word."""
    index, corpus, _ = ground()
    with suppress(KqaError):
        for citation in read_citations(text, "input"):
            with suppress(KqaError):
                verdict = verify(citation, corpus)
                verdict.reason.encode("utf-8", "surrogateescape")
                if verdict.stands:
                    found = (corpus / verdict.document).read_bytes().decode()
                    assert found[verdict.start : verdict.end] == citation["text"]
            with suppress(KqaError):
                compared_html({**citation["citation"], "text": citation.get("text"), "path": "reference/dependence.md"},
                              index.documents, corpus).encode()  # fmt: skip


async def _requested(scope: dict[str, Any], body: bytes) -> tuple[int, bytes]:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await _app()(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:])


@lru_cache(1)
def _app() -> Any:
    from starlette.applications import Starlette
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    from kqa.access import Access, read_access

    serving = Serving(ground()[0])
    limits = Admission()
    routes = [
        Route("/ask", ask_route(serving, limits), methods=["GET", "POST"]),
        Route("/plain", plain_route(serving, limits), methods=["GET", "POST"]),
        Route("/{rest:path}", lambda request: PlainTextResponse("else")),
    ]
    access = read_access(proxies=["127.0.0.1"])
    return Guard(Starlette(routes=routes), limits.metrics, Access(0, access.proxies))


@lru_cache(1)
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def send_request(method: str, path: str, query: bytes, header: bytes, body: bytes) -> None:
    """A request is answered, never with a failure; what the page's script sends is answered, never with one."""
    headers = [(b"host", b"127.0.0.1"), (b"x-forwarded-for", header), (b"forwarded", header), (b"authorization", header)]
    scope: dict[str, Any] = {
        "type": "http", "method": method, "path": path, "raw_path": path.encode("utf-8", "replace"), "query_string": query,
        "headers": headers, "client": ("127.0.0.1", 1), "root_path": "", "scheme": "http", "server": ("127.0.0.1", 80),
        "http_version": "1.1",
    }  # fmt: skip
    status, reply = _loop().run_until_complete(_requested(scope, body))
    assert status < 500, (status, reply)
    _credentials(header)


def call_page(text: str) -> None:
    """Whatever JSON a browser sends to the page's functions, each answers or says in words why not."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return
    for function in _functions():
        reply = function(data)
        assert "Something went wrong" not in reply.get("error", ""), (function, data)
        json.dumps(reply)


@lru_cache(1)
def _functions() -> Sequence[Callable[[Any], dict[str, Any]]]:
    index, corpus, folder = ground()
    return server_functions(Serving(index), folder / "judged.jsonl", corpus=corpus)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _split(data: bytes) -> None:
    choice = data[0] if data else 0
    split_text(_text(data[1:]), ("a.md", "a.txt")[choice % 2], CONFIGS[choice // 2 % 3])


def _question(data: bytes) -> None:
    question, *history = _text(data).split("\n\n")
    ask_question(question, history)


def _request(data: bytes) -> None:
    head, _, body = data.partition(b"\n")
    first, _, header = head.partition(b"\t")
    path, _, query = first.partition(b"?")
    method = "POST" if body else "GET"
    send_request(method, "/" + path.decode("utf-8", "replace").lstrip("/"), query, header, body)
    call_page(_text(body))


DOORS: dict[str, Callable[[bytes], None]] = {
    "splitter": _split,
    "front-matter": read_file,
    "question": _question,
    "toml": read_tables,
    "citation": lambda data: read_citation(_text(data)),
    "request": _request,
}
