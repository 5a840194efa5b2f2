"""The Model Context Protocol over standard input and output: one tool, ``ask``, for a program on this machine.

There is no port, so nobody else reaches it, and what the program may do is what its owner may do.
"""

from __future__ import annotations

import logging
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from kqa.answer import ask as answered
from kqa.errors import ConfigError, KqaError
from kqa.render import to_json
from kqa.serving import Serving

_NEEDS = 2  # the major version of mcp
_DOES = (
    "Answer a question about ketamine therapy by quoting sources word for word, with citations. The outcome may be a "
    "referral: then show its notices and help lines to the person first, in full. history: the earlier questions of the "
    "conversation, oldest first; k: quotes at most, 1 to 50. Returns JSON."
)
_log = logging.getLogger(__name__)


def stdio_server(serving: Serving, country: str | None = None) -> Any:
    """Return the server, whose ``run()`` answers until its input ends; ``country``'s help lines come first.

    Raises ConfigError where the extra is missing or of a version that does not work.
    """
    check_installed()
    try:
        from mcp.server.mcpserver import MCPServer
        from mcp.server.mcpserver.exceptions import ToolError

        server = MCPServer("kqa", version=version("kqa"), log_level="CRITICAL")  # its logs could hold arguments

        def ask(question: str, history: list[str] = [], k: int = 5) -> str:  # noqa: B006 - only read; its schema says so
            try:
                return to_json(answered(question, serving.now.index, history, k), country)
            except KqaError as error:
                raise ToolError(str(error)) from None
            except Exception as error:  # noqa: BLE001 - a traceback could hold the question
                _log.error("a question failed: %s", type(error).__name__)
                raise ToolError("this question was not answered; try again") from None

        server.add_tool(ask, name="ask", description=_DOES, structured_output=False)
    except (ImportError, TypeError, AttributeError, ValueError) as error:
        raise ConfigError(f"mcp {version('mcp')} does not work with kqa ({error}); install it with: {_install()}") from error
    return server


def check_installed() -> None:
    """Raise ConfigError unless the extra is installed, in a version that can work."""
    try:
        found = version("mcp")
    except PackageNotFoundError as error:
        raise ConfigError(f"kqa mcp needs the package mcp, which is not installed; install it with: {_install()}") from error
    if found.partition(".")[0] != str(_NEEDS):
        raise ConfigError(f"kqa mcp needs mcp {_NEEDS}, not {found}; install it with: {_install()}")


def _install() -> str:
    return "pip install 'kqa[mcp]'"
