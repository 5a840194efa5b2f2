"""The way in: logins over HTTP, the root path behind proxies of both kinds, and claims that only a proxy may make."""

from __future__ import annotations

import base64
import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.testclient import TestClient

from browser_server import CHROMIUM, Served, browser, small_index
from kqa.access import Access, Doorkeeper, placed, read_access, without_claims
from kqa.errors import ConfigError
from kqa.index import Index
from kqa.limits import Rate, read_networks
from kqa.login import login_line
from kqa.page import build_app

QUESTION = "Is ketamine addictive?"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Index:
    return Index.load(small_index(tmp_path_factory.mktemp("access")))


@pytest.fixture(scope="module")
def logins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logins") / "logins"
    path.write_text(login_line("ada", "open sesame") + "\n", encoding="utf-8")
    path.chmod(0o600)
    return path


@contextmanager
def client_of(index: Index, access: Access, peer: str = "testclient") -> Iterator[TestClient]:
    app = build_app(index, access=access)
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False, client=(peer, 5)) as started:
        yield started


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"root": "kqa"}, "--root-path"), ({"root": "/a b"}, "--root-path"), ({"root": "//x"}, "--root-path"),
        ({"root": "/ask"}, "a path of kqa's own"), ({"root": "/assets/x"}, "a path of kqa's own"),
        ({"root": "/about"}, "a path of kqa's own"), ({"root": "/theme.css"}, "a path of kqa's own"),
        ({"rate": "many"}, "--rate"), ({"proxies": ["here"]}, "--trusted-proxy"), ({"login": Path("/none")}, "kqa login"),
    ],
)  # fmt: skip
def test_a_setting_that_cannot_be_is_refused_at_the_start(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read_access(**given)


def test_settings_are_read(logins: Path) -> None:
    access = read_access("5/minute", ["10.0.0.0/8"], logins, "/kqa/")
    assert (access.rate, access.root, len(access.proxies)) == (5, "/kqa", 1)
    assert read_access().rate == 60
    assert read_access(root="/").root == ""


@pytest.mark.parametrize(
    ("path", "root", "full", "below"),
    [
        ("/ask", "", "/ask", "/ask"), ("/ask", "/kqa", "/kqa/ask", "/ask"), ("/kqa/ask", "/kqa", "/kqa/ask", "/ask"),
        ("/kqa", "/kqa", "/kqa", ""), ("/kqa/", "/kqa", "/kqa/", "/"), ("/", "/kqa", "/kqa/", "/"),
        ("/kqax/ask", "/kqa", "/kqa/kqax/ask", "/kqax/ask"), ("/a/b/ask", "/a/b", "/a/b/ask", "/ask"),
    ],
)  # fmt: skip
def test_the_path_below_the_root_path(path: str, root: str, full: str, below: str) -> None:
    scope, found = placed({"path": path, "headers": []}, root)
    assert (scope["path"], scope["root_path"], found) == (full, root, below)


def test_only_a_trusted_proxy_says_where_a_request_came_from() -> None:
    headers = [(b"X-Forwarded-Host", b"a.example"), (b"x-gradio-server", b"http://a.example"), (b"accept", b"*/*")]
    proxies = read_networks(["10.0.0.0/8"])
    for peer, kept in (("203.0.113.1", 1), ("10.0.0.1", 2)):
        assert len(without_claims({"client": (peer, 5), "headers": headers}, proxies)["headers"]) == kept


def test_the_page_does_not_take_its_address_from_anyone(index: Index) -> None:
    claims = {"x-forwarded-host": "a.example", "x-forwarded-proto": "https", "x-gradio-server": "http://b.example"}
    with client_of(index, Access(), "127.0.0.1") as client:
        assert client.get("/config", headers=claims).json()["root"] == "http://testserver"
    with client_of(index, Access(proxies=read_networks(["127.0.0.1"])), "127.0.0.1") as client:
        assert client.get("/config", headers=claims).json()["root"] == "https://a.example"


DOORS = (
    "/",
    "/ask",
    "/plain",
    "/how-well",
    "/metrics",
    "/openapi.json",
    "/config",
    "/theme.css",
    "/gradio_api/info",
    "/nothing",
)


def test_everything_but_health_asks_for_a_login(index: Index, logins: Path) -> None:
    with client_of(index, read_access("0", login=logins)) as client:
        assert client.get("/healthz").status_code == 200
        for path in DOORS:
            for auth in (None, ("eve", "open sesame")):
                reply = client.get(path, auth=auth)
                assert reply.status_code in (401, 429)
                assert "frame-ancestors 'none'" in reply.headers["content-security-policy"]
                assert reply.headers["cache-control"] == "no-store"
        assert client.get("/", auth=None).headers["www-authenticate"].startswith('Basic realm="kqa"')


def test_with_the_right_login_everything_is_open(index: Index, logins: Path) -> None:
    with client_of(index, read_access("0", login=logins)) as client:
        for _ in range(2):
            assert client.get("/", auth=("ada", "open sesame")).status_code == 200
        asked = client.post("/ask", json={"question": QUESTION}, auth=("ada", "open sesame"))
        assert asked.json()["outcome"] == "answered"
        assert client.get("/", auth=("ada", "open sesam")).status_code == 401


def test_who_guesses_is_slowed_down_and_who_was_in_stays_in(index: Index, logins: Path) -> None:
    access = Access(logins=read_access(login=logins).logins, failures=Rate(2, lambda: 0.0))
    with client_of(index, access) as client:
        assert client.get("/plain", auth=("ada", "open sesame")).status_code == 200
        assert [client.get("/plain", auth=("ada", f"guess {n}")).status_code for n in range(4)] == [401, 401, 429, 429]
        assert client.get("/plain", auth=("ada", "guess 5")).headers["retry-after"] == "30"
        assert client.get("/plain", auth=("ada", "open sesame")).status_code == 200
        assert client.get("/plain").status_code == 401, "to be asked costs nothing"


def test_guesses_sent_at_once_are_slowed_down_like_those_sent_in_turn(logins: Path) -> None:
    access = Access(logins=read_access(login=logins).logins, failures=Rate(2, lambda: 0.0))
    statuses: list[int] = []

    async def guess_at_once() -> None:
        keeper = Doorkeeper(access)

        async def guess(number: int) -> None:
            given = b"Basic " + base64.b64encode(b"ada:guess %d" % number)
            reply: Any = await keeper.refusal({"headers": [(b"authorization", given)]}, b"client")
            statuses.append(reply.status_code)

        async with anyio.create_task_group() as group:
            for number in range(5):
                group.start_soon(guess, number)

    anyio.run(guess_at_once)
    assert sorted(statuses) == [401, 401, 429, 429, 429]


@pytest.mark.parametrize("before", ["", "/kqa"], ids=["stripped", "not stripped"])
def test_every_way_works_below_a_root_path(index: Index, before: str) -> None:
    with client_of(index, Access(root="/kqa")) as client:
        page = client.get(f"{before}/")
        assert page.status_code == 200
        assert '<a href="plain">' in page.text
        config = client.get(f"{before}/config").json()
        assert config["root"] == "http://testserver/kqa"
        asset = next(c for c in page.text.split('"') if c.startswith("./assets/") and c.endswith(".js"))
        assert client.get(f"{before}/{asset[2:]}").status_code == 200
        assert client.post(f"{before}/ask", json={"question": QUESTION}).json()["outcome"] == "answered"
        assert "Sources disagree" in client.post(f"{before}/plain", data={"q": QUESTION}).text
        assert 'action="plain"' in client.get(f"{before}/plain").text
        assert client.get(f"{before}/how-well").status_code == 200
        assert client.get(f"{before}/healthz").text.startswith("ok ")
        stage = next(c for c in config["components"] if c["props"].get("elem_id") == "stage")
        call = {"data": {"question": QUESTION}, "component_id": stage["id"], "fn_name": "turn", "session_hash": "s"}
        for path in ("component_server", "component_server/"):
            assert "Sources disagree" in client.post(f"{before}/gradio_api/{path}", json=call).json()["html"]
        moved = client.get(f"{before}/?q=Is%20it%20safe%3F")
        assert (moved.status_code, moved.headers["location"]) == (303, "/kqa/#q=Is%20it%20safe%3F")
        slashed = client.get(f"{before}/how-well/")
        assert slashed.status_code == 404 or slashed.headers["location"].endswith("/kqa/how-well")
        assert client.get(f"{before}/nothing").status_code == 404
        shown = client.get(f"{before}/metrics").text
        assert 'route="ask",status="200"' in shown
    with client_of(index, Access(root="/kqa")) as client:
        bare = client.get("/kqa")
        assert (bare.status_code, bare.headers["location"]) == (308, "/kqa/")


def proxy_to(port: int, *, strip: bool) -> ThreadingHTTPServer:
    """Return a reverse proxy that shows a server below ``/kqa`` and nothing else."""

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.0"

        def pass_on(self) -> None:
            if not self.path.startswith("/kqa"):
                self.send_error(404)
                return
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            upstream = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            upstream.request(self.command, self.path.removeprefix("/kqa") if strip else self.path, body, headers)
            reply = upstream.getresponse()
            self.send_response_only(reply.status)
            for name, value in reply.getheaders():
                if name.lower() not in ("connection", "transfer-encoding"):
                    self.send_header(name, value)
            self.end_headers()
            if "event-stream" not in reply.getheader("content-type", ""):
                self.wfile.write(reply.read())
            upstream.close()

        do_GET = do_POST = do_HEAD = pass_on

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
@pytest.mark.parametrize("strip", [True, False], ids=["stripping", "not stripping"])
def test_the_page_works_in_a_browser_behind_a_proxy(index: Index, strip: bool) -> None:
    server = Served(index, access=Access(root="/kqa"))
    proxy = proxy_to(int(server.url.rpartition(":")[2]), strip=strip)
    missing: list[str] = []
    try:
        with browser() as chromium:
            page = chromium.new_page()
            page.on("response", lambda reply: missing.append(reply.url) if reply.status >= 400 else None)
            page.goto(f"http://127.0.0.1:{proxy.server_address[1]}/kqa/")
            page.get_by_label("Your question").fill(QUESTION)
            page.get_by_role("button", name="Ask", exact=True).click()
            page.get_by_text("Sources disagree").first.wait_for(timeout=20_000)
            page.get_by_role("button", name="New conversation").click()
            page.get_by_role("link", name="How well does this work?").click()
            page.get_by_role("heading", name="How well does this work?").wait_for()
            page.get_by_role("link", name="Ask without JavaScript").click()
            page.locator("#q").fill(QUESTION)
            page.get_by_role("button", name="Ask").click()
            page.get_by_text("Sources disagree").first.wait_for()
            assert page.url.endswith("/kqa/plain")
    finally:
        proxy.shutdown()
        proxy.server_close()
        server.stop()
    assert missing == []


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_the_page_tells_who_asks_too_often_and_helps_all_the_same(index: Index) -> None:
    server = Served(index, access=Access(1))
    try:
        with browser() as chromium:
            page = chromium.new_page()
            page.goto(server.url)
            for question, shown in (
                (QUESTION, "Sources disagree"),
                (QUESTION, "Too many questions came from your address"),
                ("I want to die", "988"),
            ):  # fmt: skip
                page.get_by_label("Your question").fill(question)
                page.get_by_role("button", name="Ask", exact=True).click()
                page.get_by_text(shown).locator("visible=true").first.wait_for(timeout=20_000)
            assert page.locator("#kqa-problem").inner_text() == ""
    finally:
        server.stop()


@pytest.mark.parametrize("option", [["--rate", "x"], ["--root-path", "x"], ["--trusted-proxy", "x"], ["--login", "/none"]])
def test_the_command_refuses_at_the_start(run: Callable[..., tuple[int, str, str]], option: list[str]) -> None:
    code, printed, said = run("serve", "--port", "0", *option)
    assert (code, printed, len(said.splitlines())) == (2, "", 1)
