"""A small corpus about an invented lighthouse, its index, and what tests share to build and run others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kqa
from kqa.cli import main
from kqa.encoder import OnnxEncoder, load_encoder
from kqa.errors import KqaError
from kqa.exports import TUNED, is_current
from kqa.store import open_generation
from postgres_server import Server, Servers

if TYPE_CHECKING:
    from starlette.testclient import TestClient

ROOT = Path(__file__).resolve().parents[1]

# Only the share of words that a first passage holds and how far the best cosine falls short speak here, so that a new
# calibration of the real encoder changes no outcome of these tests.
CALIBRATION = (-4.0, 0.0, 0.0, 0.0, 0.0, -2.0, 9.0, 0.0)

KEEPING = """---
title: Keeping the Harrow light
kind: reference
publisher: Harrow Trust
reviewed: 2026-03-01
jurisdiction: Harrow Island
references:
  trust-1911: {org: Harrow Trust, title: Standing orders, year: 1911, class: regulator, locator: "https://example.org/orders"}
  pilot-1998: {org: Pilot Office, title: Notices to pilots, year: 1998, class: guideline, locator: "doi:10.1000/182"}
asks:
  the-lamp: ["When is the beacon switched on?", "Who winds the clockwork?"]
---
# Keeping the Harrow light

## The lamp

The lamp is lit at sunset and put out at sunrise.[^trust-1911] The lens is turned by a clockwork that the keeper winds every
four hours.[^trust-1911][^pilot-1998] A spare mantle hangs beside the stairs.

## Fog

The horn sounds twice a minute while fog hides the outer buoy.[^pilot-1998] It runs on compressed air, and the compressor is
started before the fog reaches the pier.

## Visitors

Visitors may not climb the tower after dark.[^trust-1911] Children under eight stay on the ground floor with an adult, because
the gallery has a low rail.

| Season | Opening hours |
|---|---|
| Summer | ten until six |
| Winter | noon until three |

- Dogs wait in the yard.
- Drones are forbidden within a mile of the gallery.
"""

BROCHURE = """---
title: A night at Harrow
kind: clinic-marketing
publisher: Harrow Inn
date: 2024-06-01
url: https://example.org/inn
---
## The tower

The tower is open to visitors every night of the year. Guests of the inn climb to the gallery with a lantern and a glass of
cider. The horn never sounds in summer.

## Rooms

Every room looks over the harbour and costs forty crowns with breakfast.
"""

NOTICE = """Leave a Reply

The Harrow Ferry

The ferry crosses to the island three times a day from the stone quay. The last boat leaves the island at five.
In this article we look at the ferry and its history.

Related Posts
Your email address stays private. Required fields are marked *
"""

WEATHER = (
    "Reading the sky\r\n\r\n"
    "The keeper wrote: “A red\u00a0sky at dawn is the pilot’s warning.” Gales come from the north-west in nine winters of ten "
    "🌊 and last two days.\r\n\r\n"
    "Swell above four metres closes the pier, and the ferry waits at the quay.\r\n"
)

DISAGREEMENTS = """
[[disagreement]]
topic = "climbing at night"
better = {document = "rules/keeping.md", text = "Visitors may not climb the tower after dark."}
other = {document = "brochure.md", text = "The tower is open to visitors every night of the year."}
better_supported = true
why = "The standing orders bind the inn as well."
shows_on = "May visitors climb the tower after dark?"
silent_on = "What does a room cost?"

[[disagreement]]
topic = "the horn in summer"
better = {document = "rules/keeping.md", text = "The horn sounds twice a minute while fog hides the outer buoy."}
other = {document = "brochure.md", text = "The horn never sounds in summer."}
better_supported = false
why = "Nobody kept a log of the horn."
shows_on = "When does the horn sound?"
silent_on = "What does a room cost?"
"""

LIGHTHOUSE: dict[str, str | bytes] = {
    "rules/keeping.md": KEEPING,
    "brochure.md": BROCHURE,
    "ferry.txt": NOTICE,
    "weather.txt": WEATHER.encode(),
    "disagreements.toml": DISAGREEMENTS,
    "README.md": "# How to add a document\n\nThis file is about the folder and is never quoted.\n",
    ".draft.md": "A hidden file is never quoted either.\n",
    ".git/notes.md": "Nor is one in a hidden folder.\n",
    "map.png": b"\x89PNG\r\n",
}
DOCUMENTS = ["brochure.md", "ferry.txt", "rules/keeping.md", "weather.txt"]


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, text as UTF-8 with its line endings as they are."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder_bytes(folder: Path) -> dict[str, bytes]:
    """Return every file of an index folder by its name, but for the builder's lock."""
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and p.name != ".lock"
    }


def run_python(
    code: str, *arguments: object, prefix: tuple[str, ...] = (), cwd: Path = ROOT
) -> subprocess.CompletedProcess[str]:
    """Run a Python program in a process of its own."""
    command = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120, check=False)


TEXTS = (  # what an encoder must bear
    "a",
    "",
    "Is it safe?",
    "The keeper winds the clockwork every four hours. " * 3,
    "🌊 é “so”",
    "ferry " * 400,
    "\u202ebidi \0 nul",
)


@pytest.fixture(scope="session")
def config() -> kqa.Config:
    return kqa.Config(encoder="hashing", calibration=CALIBRATION, threshold=0.5)


@pytest.fixture
def make_corpus(tmp_path: Path) -> Callable[[Mapping[str, str | bytes]], Path]:
    """Write a corpus of one's own: ``make_corpus({"a.md": "…"})``."""
    return lambda files: write_files(tmp_path / "corpus", files)


@pytest.fixture(scope="session")
def lighthouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the corpus folder about the lighthouse; not to be written to."""
    return write_files(tmp_path_factory.mktemp("lighthouse") / "corpus", LIGHTHOUSE)


@pytest.fixture
def own_lighthouse(tmp_path: Path) -> Path:
    """Return a copy of the corpus about the lighthouse that a test may change."""
    return write_files(tmp_path / "lighthouse", LIGHTHOUSE)


@pytest.fixture(scope="session")
def index_folder(lighthouse: Path, config: kqa.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the index folder of the lighthouse, with the hashing encoder; not to be written to."""
    folder = tmp_path_factory.mktemp("lighthouse-index") / "index"
    kqa.build(lighthouse, folder, config)
    return folder


@pytest.fixture
def own_index(index_folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the index folder that a test may damage."""
    return Path(shutil.copytree(index_folder, tmp_path / "index"))


@pytest.fixture(scope="session")
def index(index_folder: Path) -> kqa.Index:
    """Return the loaded index of the lighthouse."""
    return kqa.Index.load(index_folder)


@pytest.fixture(scope="session")
def encoder_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an index folder whose encoder is the exported one: the project's own where that is current, else empty."""
    folder = tmp_path_factory.mktemp("real") / "index"
    try:
        current = is_current(TUNED, open_generation(ROOT / "index").folder / "encoder")
    except KqaError:
        current = False
    if current:
        shutil.copytree(ROOT / "index", folder, ignore=shutil.ignore_patterns(".lock"))
    return folder


@pytest.fixture(scope="session")
def real_folder(lighthouse: Path, encoder_cache: Path) -> Path:
    """Return the index folder of the lighthouse with the packaged encoder; needs the weights."""
    kqa.build(lighthouse, encoder_cache, kqa.Config())
    return encoder_cache


@pytest.fixture(scope="session")
def real_index(real_folder: Path) -> kqa.Index:
    """Return the loaded index with the packaged encoder; needs the weights."""
    return kqa.Index.load(real_folder)


@pytest.fixture(scope="session")
def powerless() -> tuple[str, ...]:
    """Return what to put before a command so that file permissions bind it, whoever runs the tests."""
    if os.geteuid() != 0:
        return ()
    if not shutil.which("setpriv"):
        pytest.skip("permissions do not bind root, and there is no setpriv to give that up: run the tests as another user")
    lost = "-dac_override,-dac_read_search"
    return ("setpriv", f"--bounding-set={lost}", f"--inh-caps={lost}")


_NOTICES = "".join(
    f'[[notice]]\nid = "{name}"\ntext = "Be well."\nask = []\n'
    for name in ("crisis", "emergency", "self_dosing", "personal_advice", "not-medical-advice")
)
_LINE = """[[line]]
country = "US"
name = "Emergency services"
number = "911"
how = "call"
urgent = true
for = ["crisis", "emergency", "self_dosing"]
sources = ["https://a.example", "https://b.example"]
checked = 2026-01-01
"""
_RULE = """[[rule]]
id = "crisis-sea"
outcome = "crisis"
why = "A test."
any = ["lost at <water>", "help*|save me", "adrift & <number> days|nights", "^ mayday $"]
unless = ["book|film"]
fires_on = ["We are lost at sea", "Save me!", "Adrift. It has been 3 nights."]
silent_on = ["A book about being lost at sea", "Mayday was a band"]
"""
_TOP = """reviewed = 2026-01-01
forgiven = ["adrift"]
[words]
water = ["sea", "the? open ocean"]
[spellings]
sos = "save me"
[follow_up]
why = "A test."
any = ["still"]
fires_on = [["Save me", "still here"]]
silent_on = [["Save me", "a new question"]]
[amounts]
why = "A test."
any = ["how much|many"]
unless = ["how many days"]
fires_on = ["How much?", "how many", "And how much water?"]
silent_on = ["How many days?", "Much ado"]
"""
WHOLE_RULES = _TOP + _NOTICES + _LINE + _RULE


def written_rules(folder: Path, text: str) -> Path:
    """Write a rules file into a folder."""
    path = folder / "safety.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run one command in this process: its exit code, what it printed, what it said on stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse's own refusals and --help
            code = int(stopped.code or 0)
        printed = capfd.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"encoder": "hashing", "calibration": CALIBRATION}), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    from starlette.testclient import TestClient

    from browser_server import small_index
    from kqa.page import build_app

    index = kqa.Index.load(small_index(tmp_path_factory.mktemp("guard")))
    with TestClient(build_app(index), follow_redirects=False, raise_server_exceptions=False) as started:
        yield started


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """Return what starts PostgreSQL servers; all are stopped at the end."""
    started = Servers()
    try:
        yield started
    finally:
        started.close()


@pytest.fixture(scope="session")
def primary(servers: Servers) -> Server:
    """Return a running PostgreSQL server with pgvector; tests take databases of their own."""
    server = servers.server("primary")
    server.create()
    server.start()
    return server


@pytest.fixture(scope="session")
def real(real_folder: Path) -> OnnxEncoder:
    encoder = load_encoder(open_generation(real_folder).folder / "encoder")
    assert isinstance(encoder, OnnxEncoder)
    return encoder
