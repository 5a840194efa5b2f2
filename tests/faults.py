"""Faults injected into an index folder and into what runs on it; each command counts what was lost and fails if anything was.

    python tests/faults.py damage [--index DIR]        every file, every kind of damage: refused, naming the file?
    python tests/faults.py kills --runs 100            builders killed at random moments while a server answers
    python tests/faults.py crowd --seconds 120         two builders, three servers and a deleter on one folder
    python tests/faults.py space --runs 30             no room: a full disk, no inodes left, files cut at a size

The small forms of the same functions run with the tests. What was seen stands in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import kqa
from conftest import CALIBRATION, LIGHTHOUSE, ROOT, write_files
from kqa.errors import IndexMissing, KqaError
from kqa.store import FORMAT, open_generation

CONFIG = kqa.Config(encoder="hashing", calibration=CALIBRATION, threshold=0.5)
QUESTION, ANSWER = "When is the lamp lit?", "The lamp is lit at sunset and put out at sunrise."
FLIPS, CUTS = 100, 20
_SEED = 20261126
_FOLLOWS = 30.0  # seconds within which a server answers from a new index, its load under such stress included

# Each build runs in a child of its own, which can be killed; the parent has imported everything, so that no second is lost.
_BUILDER = """
import os, sys
from pathlib import Path
import kqa, kqa.building, kqa.encoder, kqa.vectors, bm25s, faiss, filelock, sentencex
from faults import CONFIG
corpus, folder = map(Path, sys.argv[1:])

def say(line):
    os.write(1, f"{line}\\n".encode())

for line in iter(sys.stdin.readline, ""):
    if child := os.fork():
        if sys.stdin.readline() == "kill\\n":
            os.kill(child, 9)  # it is not waited for yet, so that its number is still its own
        os.waitpid(child, 0)
        say("ended")
        continue
    (corpus / "log.txt").write_text(f"Entry {line.strip()} of the log stands here for its day.\\n", encoding="utf-8")
    try:
        say(kqa.build(corpus, folder, CONFIG).manifest)
    except kqa.errors.KqaError as error:
        say(f"refused: {error}")
    os._exit(0)
"""


# --- damage ---------------------------------------------------------------------------------------------------------------


@dataclass
class Damage:
    """How many cases of each kind were refused in words that name the file, and those that were not."""

    refused: Counter[str] = field(default_factory=Counter)
    failed: list[str] = field(default_factory=list)

    def hold(self, kind: str, folder: Path, name: str) -> None:
        """Load a damaged index; ``name`` is the file that the refusal must name."""
        try:
            kqa.Index.load(folder)
        except IndexMissing as error:
            named = name == "CURRENT" and f"no index in {folder}/" in str(error)
        except KqaError as error:
            named = name in str(error) and "kqa build" in str(error) and "\n" not in str(error)
        except Exception as error:  # noqa: BLE001 - what is no refusal in words is a failure
            self.failed.append(f"{kind}, {name}: {type(error).__name__}: {error}")
            return
        else:
            named = False
        if named:
            self.refused[kind] += 1
        else:
            self.failed.append(f"{kind}, {name}")


def damage(folder: Path, other: Path, flips: int = FLIPS, cuts: int = CUTS) -> Damage:
    """Damage each file of an index folder in each way and load it each time; the folder is whole again afterwards."""
    result, chance = Damage(), random.Random(_SEED)
    generation = open_generation(folder).folder
    kqa.Index.load(folder)
    files = sorted(path for path in [*generation.rglob("*"), folder / "CURRENT"] if path.is_file())
    for path in files:
        whole, name = path.read_bytes(), path.relative_to(generation if generation in path.parents else folder).as_posix()
        for place in chance.sample(range(8 * len(whole)), min(flips, 8 * len(whole))):
            flipped = bytes([whole[place // 8] ^ 1 << place % 8])
            with path.open("r+b") as file:
                file.seek(place // 8)
                file.write(flipped)
            result.hold("one flipped bit", folder, name)
            with path.open("r+b") as file:
                file.seek(place // 8)
                file.write(whole[place // 8 : place // 8 + 1])
        sizes = range(len(whole))
        for size in sorted({*sizes[:1], *sizes[-1:], *chance.sample(sizes, min(cuts - 2, len(whole)))}):
            os.truncate(path, size)
            result.hold("truncated", folder, name)
            path.write_bytes(whole)
        _replaced(result, folder, path, name, files, other)
    _formats(result, folder)
    kqa.Index.load(folder)
    return result


def _replaced(result: Damage, folder: Path, path: Path, name: str, files: list[Path], other: Path) -> None:
    """Put something else in a file's place: more bytes, nothing, a folder, another file, the same file of another index."""
    whole = path.read_bytes()
    path.write_bytes(whole + b"\0")
    result.hold("one byte more", folder, name)
    path.unlink()
    result.hold("missing", folder, name)
    path.mkdir()
    result.hold("a folder in its place", folder, name)
    path.rmdir()
    for second in files:
        content = second.read_bytes() if second != path else whole
        if content != whole:
            path.write_bytes(content)
            second.write_bytes(whole)
            first = min(path, second, key=lambda p: (p.name != "CURRENT", p.name != "manifest.json", str(p)))
            result.hold("two files swapped", folder, first.name)
            second.write_bytes(content)
    theirs = open_generation(other).folder / name if name != "CURRENT" else other / name
    if theirs.is_file() and theirs.read_bytes() != whole:
        path.write_bytes(theirs.read_bytes())
        result.hold("a file of another index", folder, name)
    path.write_bytes(whole)


def _formats(result: Damage, folder: Path) -> None:
    """Give a whole generation another format number, its name and its pointer with it, as another kqa would have."""
    generation, pointer = open_generation(folder).folder, (folder / "CURRENT").read_bytes()
    for number in (0, FORMAT - 1, FORMAT + 1, 10**30, -1, 1.5, str(FORMAT), None, True, [FORMAT]):
        manifest = json.loads((generation / "manifest.json").read_bytes()) | {"format": number}
        data = json.dumps(manifest).encode()
        foreign = folder / f"gen-{hashlib.sha256(data).hexdigest()[:16]}"
        shutil.copytree(generation, foreign, copy_function=os.link)
        (foreign / "manifest.json").unlink()
        (foreign / "manifest.json").write_bytes(data)
        (folder / "CURRENT").write_text(f"{foreign.name}\n", encoding="ascii")
        result.hold("another format number", folder, foreign.name)
        shutil.rmtree(foreign)
    (folder / "CURRENT").write_bytes(pointer)


# --- what runs beside -----------------------------------------------------------------------------------------------------


class Server:
    """A ``kqa serve`` of its own on a free port, and people who ask it without a pause."""

    def __init__(self, folder: Path, said: Path, people: int = 2) -> None:
        self.said = said
        command = [sys.executable, "-m", "kqa", "serve", "--index", str(folder), "--port", "0", "--rate", "0"]
        with said.open("w", encoding="utf-8") as stderr:
            self.process = subprocess.Popen(command, cwd=said.parent, env=_environment(), stderr=stderr)
        until = time.monotonic() + 300
        while "kqa answers at" not in said.read_text(encoding="utf-8"):
            if self.process.poll() is not None or time.monotonic() > until:
                self.process.kill()
                raise RuntimeError(f"the server did not start: {said.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        first = next(line for line in said.read_text(encoding="utf-8").splitlines() if "kqa answers at" in line)
        self.port = int(first.rpartition(":")[2].partition("/")[0])
        self.answered: Counter[str] = Counter()
        self.lost: list[str] = []
        self.slowest = 0.0
        self._stopping = threading.Event()
        self._people = [threading.Thread(target=self._ask, daemon=True) for _ in range(people)]
        for person in self._people:
            person.start()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        while not self._stopping.is_set():
            started = time.monotonic()
            try:
                connection.request("POST", "/ask", json.dumps({"question": QUESTION}))
                reply = connection.getresponse()
                status, told = reply.status, json.loads(reply.read())
                self.slowest = max(self.slowest, time.monotonic() - started)
                if status == 200 and any(ANSWER in quote["text"] for quote in told["quotes"]):
                    self.answered[told["manifest"]] += 1
                else:
                    self.lost.append(f"{status}: {told}")
            except Exception as error:  # noqa: BLE001 - every failure is a lost answer
                self.lost.append(f"{type(error).__name__}: {error}")
                connection.close()
            time.sleep(0.005)

    def manifest(self) -> str:
        """Return the index that answers now."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("GET", "/healthz")
        return connection.getresponse().read().decode().split()[1]

    def follows(self, manifest: str) -> bool:
        """Wait until an index answers; whether it did in time."""
        until = time.monotonic() + _FOLLOWS
        while self.manifest() != manifest:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        return True

    def memory(self) -> float:
        """Return the resident memory in MB; 0 where the system does not tell."""
        with suppress(OSError):
            status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
            return int(status.partition("VmRSS:")[2].split()[0]) / 1024
        return 0.0

    def stop(self) -> list[str]:
        """Let the people go and stop the server; return what went wrong."""
        self._stopping.set()
        for person in self._people:
            person.join(70)
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        said = self.said.read_text(encoding="utf-8")
        wrong = [f"answer lost, {what}" for what in self.lost]
        wrong += [f"the server ended with {code}"] if code else []
        return wrong + ([f"the server said {said}"] if "Traceback" in said else [])


class Builder:
    """A process that builds when it is told to, in a child that can be killed."""

    def __init__(self, corpus: Path, folder: Path) -> None:
        write_files(corpus, LIGHTHOUSE)
        command = [sys.executable, "-c", _BUILDER, str(corpus), str(folder)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self._process = subprocess.Popen(command, text=True, env=_environment(), **pipes)

    def begin(self, entry: object) -> None:
        """Start one build of a corpus that differs from those before by ``entry``."""
        self._say(str(entry))

    def told(self) -> str:
        """Wait for the build to end and return its manifest or its refusal; empty where it was killed or broke."""
        return self._ended("wait")

    def kill(self) -> str:
        """End the build at once, wherever it is."""
        return self._ended("kill")

    def stop(self) -> list[str]:
        """End the process; return what went wrong in it."""
        _, said = self._process.communicate()
        return [f"a builder said {said}"] if "Traceback" in said else []

    def _ended(self, how: str) -> str:
        self._say(how)
        lines = list(iter(self._line, "ended"))
        return lines[0] if lines else ""

    def _say(self, line: str) -> None:
        self._process.stdin.write(f"{line}\n")  # type: ignore[union-attr]
        self._process.stdin.flush()  # type: ignore[union-attr]

    def _line(self) -> str:
        line: str = self._process.stdout.readline()  # type: ignore[union-attr]
        return line.strip() or "ended"


def _environment() -> dict[str, str]:
    paths = [str(ROOT / "src"), str(ROOT / "tests")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1", "GRADIO_ANALYTICS_ENABLED": "False"}


@dataclass
class Outcome:
    """What a run counted, in the order it is told, and what went wrong."""

    facts: dict[str, object]
    wrong: list[str]


# --- kills ----------------------------------------------------------------------------------------------------------------


def kills(work: Path, runs: int) -> Outcome:
    """Kill ``runs`` builds at random moments while a server answers; after each the index opens and a build succeeds."""
    chance, folder, wrong = random.Random(_SEED), work / "index", list[str]()
    kqa.build(write_files(work / "first", LIGHTHOUSE), folder, CONFIG)
    known, when = {open_generation(folder).sha256}, Counter[str]()
    server = Server(folder, work / "server")
    builder = Builder(work / "corpus", folder)
    try:
        took, run = _measured(builder, wrong, known), 0
        while when.total() - when["too late, and not counted"] < runs and run < 10 * runs:
            before, run = (folder / "CURRENT").read_bytes(), run + 1
            builder.begin(f"{run} killed")
            if run % 2:  # half of them at any moment, half once writing has begun
                _writing(folder, took)
            time.sleep(chance.uniform(0, (0.5 if run % 2 else 1.0) * took))
            told = builder.kill()
            published = (folder / "CURRENT").read_bytes() != before
            writing = bool(list(folder.glob(".building-*")))
            moment = "with the new index in force" if published else "while it wrote" if writing else "before it wrote"
            when["too late, and not counted" if told else moment] += 1
            known.add(_opened(folder, f"after kill {run}", wrong))
            started = time.monotonic()
            builder.begin(f"{run} whole")
            known.add(told := builder.told())
            took = time.monotonic() - started
            if told != _opened(folder, f"after the build that followed kill {run}", wrong):
                wrong.append(f"the build that followed kill {run}: {told}")
            if left := list(folder.glob(".building-*")):
                wrong.append(f"left behind: {left}")
        if not server.follows(open_generation(folder).sha256):
            wrong.append("the server did not follow the last index")
    finally:
        wrong += [*builder.stop(), *server.stop()]
    wrong += [f"an answer came from {manifest}, never in force" for manifest in server.answered if manifest not in known]
    facts = {"kills": dict(when), "answers": server.answered.total(), "indexes that answered": len(server.answered)}
    return Outcome({**facts, "slowest answer, s": round(server.slowest, 2)}, wrong)


def _writing(folder: Path, seconds: float) -> None:
    """Wait until a build writes, for twice the time of a build at most."""
    until = time.monotonic() + 2 * seconds
    while not list(folder.glob(".building-*")) and time.monotonic() < until:
        time.sleep(0.001)


def _measured(builder: Builder, wrong: list[str], known: set[str]) -> float:
    """Return how many seconds a build takes, once everything is read from the disk."""
    took = 0.0
    for entry in ("first", "second", "third"):
        started = time.monotonic()
        builder.begin(entry)
        told = builder.told()
        took = time.monotonic() - started
        known.add(told)
        wrong += [told] if len(told) != 64 else []
    return took


def _opened(folder: Path, when: str, wrong: list[str]) -> str:
    """Load the index and let it answer; return its manifest."""
    try:
        index = kqa.Index.load(folder)
        if not any(ANSWER in quote.text for quote in kqa.ask(QUESTION, index).quotes):
            wrong.append(f"no answer {when}")
        return index.manifest
    except Exception as error:  # noqa: BLE001 - whatever it is, the state is not readable
        wrong.append(f"unreadable {when}: {type(error).__name__}: {error}")
        return ""


# --- crowd ----------------------------------------------------------------------------------------------------------------


def crowd(work: Path, seconds: float, servers: int = 3, builders: int = 2) -> Outcome:
    """Let servers, builders and a deleter, who takes away anything there, work on one folder; then look what still holds."""
    folder, wrong, told = work / "index", list[str](), Counter[str]()
    kqa.build(write_files(work / "first", LIGHTHOUSE), folder, CONFIG)
    known, stopping, most = {open_generation(folder).sha256}, threading.Event(), [0]
    serving = _started(folder, work, servers)
    building = [Builder(work / f"corpus-{number}", folder) for number in range(builders)]
    memory = [server.memory() for server in serving]
    deleted = Counter[str]()

    def build(builder: Builder, number: int) -> None:
        entry = 0
        while not stopping.is_set():
            builder.begin(f"{entry} of builder {number}")
            answer, entry = builder.told(), entry + 1
            told["published" if len(answer) == 64 else "refused" if answer else "broken"] += 1
            known.add(answer)

    def delete() -> None:
        chance = random.Random(_SEED)
        while not stopping.wait(chance.uniform(0.1, 0.6)):
            most[0] = max(most[0], len(list(folder.glob("gen-*"))))
            deleted[_delete_something(folder, chance)] += 1

    threads = [threading.Thread(target=build, args=(builder, n)) for n, builder in enumerate(building)]
    threads.append(threading.Thread(target=delete))
    for thread in threads:
        thread.start()
    stopping.wait(seconds)
    stopping.set()
    for thread in threads:
        thread.join(120)
    wrong += _afterwards(folder, building, serving, known)
    grown = max(server.memory() - before for server, before in zip(serving, memory, strict=True))
    for each in building:
        wrong += each.stop()
    for server in serving:
        wrong += server.stop()
        wrong += [f"an answer came from {manifest}, never published" for manifest in server.answered if manifest not in known]
    facts = {"seconds": seconds, "builds": dict(told), "deleted": dict(deleted), "most generations": most[0]}
    facts["answers"] = sum(server.answered.total() for server in serving)
    facts["indexes that answered"] = len({manifest for server in serving for manifest in server.answered})
    facts["slowest answer, s"] = round(max(server.slowest for server in serving), 2)
    return Outcome({**facts, "most memory grown, MB": round(grown)}, wrong)


def _started(folder: Path, work: Path, servers: int) -> list[Server]:
    """Start servers; where one does not start, none is left running."""
    started: list[Server] = []
    try:
        for number in range(servers):
            started.append(Server(folder, work / f"server-{number}"))
    except RuntimeError:
        for server in started:
            server.stop()
        raise
    return started


def _delete_something(folder: Path, chance: random.Random) -> str:
    kinds = {
        "an old generation": ".damaged-*", "a generation, maybe in force": "gen-*", "a half-written one": ".building-*",
        "the pointer": "CURRENT", "the lock": ".lock",
    }  # fmt: skip
    kind = chance.choice([*kinds, "an old generation", "an old generation"])
    found = sorted(folder.glob(kinds[kind]))
    if kind == "an old generation":
        with suppress(OSError):
            force = (folder / "CURRENT").read_text(encoding="ascii").strip()
            found += [path for path in folder.glob("gen-*") if path.name != force]
    if not found:
        return "nothing there"
    victim = chance.choice(found)
    if victim.is_dir():
        shutil.rmtree(victim, ignore_errors=True)
    else:
        victim.unlink(missing_ok=True)
    return kind


def _afterwards(folder: Path, building: list[Builder], serving: list[Server], known: set[str]) -> list[str]:
    """Build once more with each builder, look at the folder, and wait until every server answers from the last index."""
    wrong = []
    for builder in building:
        builder.begin("the last")
        known.add(told := builder.told())
        if told != _opened(folder, "afterwards", wrong):
            wrong.append(f"the last build: {told}")
    for server in serving:
        if not server.follows(told):
            wrong.append(f"a server answers from {server.manifest()}, not from {told}")
    building[0].begin("the very last")
    known.add(building[0].told())
    left = sorted(path.name for path in folder.iterdir())
    if len([name for name in left if name.startswith("gen-")]) > 2 or any(n.startswith(".building") for n in left):
        wrong.append(f"left behind: {left}")  # the one in force, and the one that the servers still read
    return wrong


# --- space ----------------------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(size: str) -> Iterator[Path]:
    """Mount a disk in memory of its own, ``size=…`` or ``nr_inodes=…``; raises OSError where that is not allowed."""
    folder = Path(tempfile.mkdtemp(prefix="kqa-disk-"))
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        folder.rmdir()
        raise OSError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)
        folder.rmdir()


def space(work: Path, runs: int, how: Callable[[random.Random, int, int], ExitStack]) -> Outcome:
    """Build ``runs`` times where there is less room than a build needs: the old index answers, with room a build succeeds.

    ``how(chance, size, files)`` leaves too little room in ``work`` until the stack that it returns is closed.
    """
    chance, wrong, ended, folder = random.Random(_SEED), list[str](), Counter[str](), work / "index"
    corpus = write_files(work / "corpus", LIGHTHOUSE)
    kqa.build(corpus, folder, CONFIG)
    sizes = [path.stat().st_size for path in folder.glob("gen-*/**/*") if path.is_file()]
    for run in range(runs):
        (corpus / "log.txt").write_text(f"Entry {run:06} of the log stands here for its day.\n", encoding="utf-8")
        before = open_generation(folder).sha256
        with how(chance, sum(sizes), len(sizes)):
            try:
                kqa.build(corpus, folder, CONFIG)
                ended["room enough after all"] += 1
            except KqaError as error:
                ended[str(error).partition("(")[2].partition(")")[0] or str(error)] += 1
                if _opened(folder, f"without room, run {run}", wrong) != before:
                    wrong.append(f"another index than before, run {run}")
            except Exception as error:  # noqa: BLE001 - what is no refusal in words is a failure
                wrong.append(f"{type(error).__name__}: {error}")
        if kqa.build(corpus, folder, CONFIG).manifest != _opened(folder, f"with room again, run {run}", wrong):
            wrong.append(f"no new index, run {run}")
    return Outcome({"runs": runs, **ended}, wrong)


def filled(folder: Path) -> Callable[[random.Random, int, int], ExitStack]:
    """Fill a small disk but for less than a new index needs."""

    def fill(chance: random.Random, size: int, files: int) -> ExitStack:
        free = shutil.disk_usage(folder).free - int(chance.uniform(0, 1) * size)
        (folder / "filler").write_bytes(b"\0" * max(0, free))
        stack = ExitStack()
        stack.callback((folder / "filler").unlink)
        return stack

    return fill


def crammed(folder: Path) -> Callable[[random.Random, int, int], ExitStack]:
    """Use up the inodes of a small disk but for fewer than a new index needs."""

    def cram(chance: random.Random, size: int, files: int) -> ExitStack:
        left = chance.randrange(files)
        (folder / "crammed").mkdir()
        for number in range(os.statvfs(folder).f_ffree - left):
            (folder / "crammed" / str(number)).touch()
        stack = ExitStack()
        stack.callback(shutil.rmtree, folder / "crammed")
        return stack

    return cram


def limited(chance: random.Random, size: int, files: int) -> ExitStack:
    """Let no file of this process grow beyond a size: what a quota does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(chance.uniform(0, 1) * 0.5 * size), before[1]))
    stack = ExitStack()
    stack.callback(signal.signal, signal.SIGXFSZ, ignored)
    stack.callback(resource.setrlimit, resource.RLIMIT_FSIZE, before)
    return stack


# --- commands -------------------------------------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fault", choices=("damage", "kills", "crowd", "space"))
    parser.add_argument("--index", type=Path, help="damage: a copy of this index (default: a small one)")
    parser.add_argument("--flips", type=int, default=FLIPS, help=f"damage: bits flipped in each file (default: {FLIPS})")
    parser.add_argument("--runs", type=int, default=100, help="kills, space (default: 100)")
    parser.add_argument("--seconds", type=float, default=120, help="crowd (default: 120)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kqa-faults-") as temporary:
        outcomes = _run(options, Path(temporary))
        for name, outcome in outcomes:
            print(f"{name}: {json.dumps(outcome.facts)}")
            for line in outcome.wrong:
                print(f"  WRONG {line}")
        print(f"wrong: {sum(len(outcome.wrong) for _, outcome in outcomes)}")
    return any(outcome.wrong for _, outcome in outcomes)


def _run(options: argparse.Namespace, work: Path) -> list[tuple[str, Outcome]]:
    if options.fault == "kills":
        return [("kills", kills(work, options.runs))]
    if options.fault == "crowd":
        return [("crowd", crowd(work, options.seconds))]
    if options.fault == "damage":
        folder = work / "index"
        if options.index:
            shutil.copytree(options.index, folder)
        else:
            kqa.build(write_files(work / "corpus", LIGHTHOUSE), folder, CONFIG)
        kqa.build(write_files(work / "theirs", LIGHTHOUSE | {"gulls.txt": "Gulls nest on the pier.\n"}), work / "other", CONFIG)
        found = damage(folder, work / "other", options.flips)
        return [("damage", Outcome(dict(found.refused), found.failed))]
    outcomes = [("cut at a size", space(work, options.runs, limited))]
    for name, size, how in (("no room", "size=4m", filled), ("no inodes", "nr_inodes=200", crammed)):
        with small_disk(size) as disk:
            outcomes.append((name, space(disk, options.runs, how(disk))))
    return outcomes


if __name__ == "__main__":
    sys.exit(main())
