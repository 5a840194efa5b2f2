"""The tool ``ask`` over real standard input and output, and starts that are refused."""

from __future__ import annotations

import importlib.metadata
import json
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import kqa
from browser_server import small_index
from conftest import ROOT
from kqa import stdio
from kqa.errors import ConfigError
from kqa.index import Index
from kqa.serving import Serving

installed = pytest.mark.skipif(find_spec("mcp") is None, reason="mcp is not installed: it comes with kqa[mcp] and kqa[test]")
QUESTION = "Is ketamine addictive?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_index(tmp_path_factory.mktemp("stdio"))


def talk(folder: Path, calls: list[dict[str, Any]], log: Path, *options: str) -> tuple[list[Any], list[Any]]:
    """Start ``kqa mcp``, list its tools and call ``ask`` once for each of the given arguments."""
    import anyio
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    arguments = ["-m", "kqa", "mcp", "--index", str(folder), *options]
    program = StdioServerParameters(command=sys.executable, args=arguments, cwd=ROOT, env={"PYTHONPATH": ":".join(sys.path)})

    async def conversation() -> tuple[list[Any], list[Any]]:
        with log.open("w") as errors:
            async with Client(stdio_client(program, errors), read_timeout_seconds=60) as client:
                tools = (await client.list_tools()).tools
                return tools, [await client.call_tool("ask", call) for call in calls]

    return anyio.run(conversation)


@installed
def test_a_program_asks_and_gets_the_contract(folder: Path, tmp_path: Path) -> None:
    calls: list[dict[str, Any]] = [
        {"question": QUESTION, "k": 2},
        {"question": "and the side effects of it?", "history": [QUESTION]},
        {"question": "I want to die"},
        {"question": "secretword", "k": 99},
        {"question": ""},
        {"history": "secretword"},
    ]
    log = tmp_path / "log"
    tools, replies = talk(folder, calls, log, "--country", "UK")
    assert [tool.name for tool in tools] == ["ask"]
    schema = tools[0].input_schema
    assert (schema["required"], schema["properties"]["k"]["default"]) == (["question"], 5)
    assert schema["properties"]["history"]["default"] == []
    index = Index.load(folder)
    expected = [
        kqa.ask(QUESTION, index, (), 2),
        kqa.ask("and the side effects of it?", index, [QUESTION]),
        kqa.ask("I want to die", index),
    ]
    assert [reply.content[0].text for reply in replies[:3]] == [kqa.to_json(answer, "UK") for answer in expected]
    assert json.loads(replies[2].content[0].text)["notices"][0]["lines"][0]["country"] == "UK"
    assert [bool(reply.is_error) for reply in replies] == [False] * 3 + [True] * 3
    assert "ask for 1 to 50" in replies[3].content[0].text
    assert "the question is empty" in replies[4].content[0].text
    assert "secretword" not in log.read_text()


@installed
def test_a_failure_tells_nothing_of_the_question(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import anyio
    from mcp import Client

    def broken(question: str, *_: object) -> None:
        raise RuntimeError(question)

    monkeypatch.setattr(stdio, "answered", broken)
    server = stdio.stdio_server(Serving(Index.load(folder)))

    async def conversation() -> Any:
        async with Client(server) as client:
            return await client.call_tool("ask", {"question": "secretword"})

    reply = anyio.run(conversation)
    assert reply.is_error
    assert "try again" in reply.content[0].text
    assert "secretword" not in reply.content[0].text + caplog.text
    assert "RuntimeError" in caplog.text


def test_without_the_extra_nothing_starts(
    run: Callable[..., tuple[int, str, str]], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(stdio, "version", missing)
    code, printed, said = run("mcp", "--index", folder)
    assert (code, printed) == (2, "")
    assert "pip install 'kqa[mcp]'" in said


@pytest.mark.parametrize("found", ["1.27.0", "3.0.0", "0.9"])
def test_another_version_is_refused(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(stdio, "version", lambda name: found)
    with pytest.raises(ConfigError, match=f"needs mcp 2, not {found}"):
        stdio.check_installed()


@installed
def test_a_version_that_does_not_work_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mcp.server.mcpserver

    monkeypatch.delattr(mcp.server.mcpserver, "MCPServer")
    with pytest.raises(ConfigError, match="does not work with kqa"):
        stdio.stdio_server(Serving(Index.load(folder)))
