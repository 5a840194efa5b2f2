"""People who ask the served page all at once, over loopback: how long they wait, what they are told, and what memory it takes.

    python tests/load.py --users 50 --seconds 60 [--index DIR] [--crowd 200]

Starts ``kqa serve`` as a process of its own at a free port. One person asks first, then ``--users``, then ``--crowd``, then one
again. Each has an address of their own (a trusted proxy on loopback names it, so that the rate is that of the default),
opens the page, asks what the page itself offers, thinks for 1 to 5 seconds, and asks again; every tenth question is one about
suicide, which must get its help whatever goes on. Who is told to come back does, when told, as the page does. Prints what was
seen as JSON and a row for docs/reliability.md; ends with 1 where it does not hold. Load and server share the machine.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from locust import FastHttpUser, task
from locust.env import Environment

ROOT = Path(__file__).resolve().parents[1]
ENDPOINT = "/gradio_api/component_server/"
CRISIS, HELP = "I want to die", "You do not have to go through this alone"
THINKING = (1.0, 5.0)  # seconds between an answer and the next question
_ALONE = (0.1, 0.3)  # the same for the single user, or a minute would give too few
_TRIES = 4  # of one question, each when the server said
_WORST_RATIO, _MOST_GROWN, _SLOWEST_HELP = 10, 20.0, 10.0


@dataclass
class Seen:
    """What the people of one phase saw."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {"answer": [], "help": [], "refusal": [], "open": []})
    told: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    waited: list[float] = field(default_factory=list)  # from a question to its answer, with every retry
    given_up: int = 0


class Person(FastHttpUser):
    """Opens the page, and asks."""

    abstract = False
    max_retries = 0
    network_timeout = connection_timeout = 60.0
    seen = Seen()
    thinking = THINKING
    component = 0
    questions: tuple[str, ...] = ()
    born = 0

    def on_start(self) -> None:
        Person.born += 1
        self._chance = random.Random(Person.born)
        self._from = {"x-forwarded-for": f"10.{Person.born >> 16 & 255}.{Person.born >> 8 & 255}.{Person.born & 255}"}
        if self.thinking is THINKING:
            gevent.sleep(self._chance.uniform(0, THINKING[1]))
        self._sent("open", lambda: self.client.get("/", headers=self._from, catch_response=True))

    def wait_time(self) -> float:
        return self._chance.uniform(*self.thinking)

    @task
    def ask(self) -> None:
        if self._chance.random() < 0.1:
            self._asked(CRISIS)
            return
        started = time.perf_counter()
        question = self._chance.choice(self.questions)
        for _ in range(_TRIES):
            again = self._asked(question)
            if again is None:
                return
            if not again:
                self.seen.waited.append(time.perf_counter() - started)
                return
            gevent.sleep(again * self._chance.uniform(1, 1.5))
        self.seen.given_up += 1

    def _asked(self, question: str) -> int | None:
        """Ask once; return in how many seconds to ask again, 0 once answered, or None where it failed."""
        call = {"data": {"question": question, "history": [], "turn": 1}, "component_id": self.component, "fn_name": "turn"}
        body = {**call, "session_hash": f"{Person.born}-{id(self)}"}
        kind = "help" if question == CRISIS else "answer"
        return self._sent(
            kind, lambda: self.client.post(ENDPOINT, json=body, headers=self._from, catch_response=True, name="turn")
        )

    def _sent(self, kind: str, send: Any) -> int | None:
        started = time.perf_counter()
        try:
            with send() as response:
                status, text, again = (
                    response.status_code,
                    response.text or "",
                    response.headers and response.headers.get("retry-after"),
                )
                response.success()  # what went wrong is counted here
                took, error = time.perf_counter() - started, type(getattr(response, "error", None)).__name__
        except Exception as broken:  # noqa: BLE001 - whatever it was, nothing was answered
            self.seen.failed[f"{kind}: {type(broken).__name__}"] += 1
            return None
        self.environment.stats.clear_all()
        if status in (429, 503) and again and kind != "help":
            self.seen.seconds["refusal"].append(took)
            self.seen.told[f"{status}: {re.sub('[0-9]+', 'N', text)}"] += 1
            return int(again)
        if status != 200 or (kind == "answer" and '"html"' not in text) or (kind == "help" and HELP not in text):
            self.seen.failed[f"{kind}: {status} {text[:200] or error}"] += 1
            return None
        self.seen.seconds[kind].append(took)
        return 0


class Served:
    """A ``kqa serve`` of its own."""

    def __init__(self, index: Path, said: Path) -> None:
        self._said = said
        command = [sys.executable, "-m", "kqa", "serve", "--index", str(index), "--port", "0", "--trusted-proxy", "127.0.0.1"]
        source = {"PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT / "src"), os.environ.get("PYTHONPATH"))))}
        with said.open("w", encoding="utf-8") as stderr:
            self._process = subprocess.Popen(command, cwd=ROOT, env=os.environ | source, stderr=stderr)
        until = time.monotonic() + 180
        while not (found := re.search(r"kqa answers at (http://127\.0\.0\.1:\d+)", said.read_text(encoding="utf-8"))):
            if self._process.poll() is not None or time.monotonic() > until:
                self._process.kill()
                raise RuntimeError(f"the server did not start: {said.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        self.url = found[1]

    def memory(self) -> float:
        """Return the resident memory in MB; 0 where the system does not tell."""
        try:
            status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0.0
        return int(status.partition("VmRSS:")[2].split()[0]) / 1024

    def stop(self) -> list[str]:
        """Stop it; return what went wrong in it."""
        self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(60)
        said = self._said.read_text(encoding="utf-8").splitlines()[1:]
        return ([f"the server ended with {code}"] if code else []) + [f"the server said: {line}" for line in said[:5]]


@contextmanager
def serving(index: Path) -> Iterator[tuple[Served, list[str]]]:
    """Serve an index until the block ends; yields the server, and a list of what went wrong that is whole afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        server, wrong = Served(index, Path(folder) / "said"), list[str]()
        try:
            yield server, wrong
        finally:
            wrong += server.stop()


def phase(server: Served, users: int, seconds: float, thinking: tuple[float, float] = THINKING) -> Seen:
    """Let so many people ask for so long."""
    Person.seen, Person.thinking, Person.host = Seen(), thinking, server.url
    environment = Environment(user_classes=[Person], catch_exceptions=False, stop_timeout=70)
    runner = environment.create_local_runner()
    runner.start(users, spawn_rate=users)
    gevent.sleep(seconds)
    runner.quit()  # an answer under way is still waited for
    return Person.seen


def prepare(server: Served) -> None:
    """Read from the served page what its endpoint is called with, and what it offers to ask."""
    from urllib.request import urlopen

    with urlopen(f"{server.url}/config", timeout=60) as reply:
        config = json.load(reply)
    stage = next(part for part in config["components"] if part["props"].get("elem_id") == "stage")
    found = re.search(r'data-questions="([^"]*)"', stage["props"]["value"])
    assert found, "the page offers no questions"
    offered = json.loads(html.unescape(found[1]))
    Person.component = stage["id"]
    Person.questions = tuple(one if isinstance(one, str) else one[0] for one in offered)


def facts(seen: Seen) -> dict[str, Any]:
    """Return one phase in figures: milliseconds, counts."""
    times = {
        kind: {"count": len(found), "p50": at(found, 50), "p95": at(found, 95), "most": at(found, 100)}
        for kind, found in {**seen.seconds, "with retries": seen.waited}.items()
        if found
    }
    return {"ms": times, "refused": dict(seen.told), "failed": dict(seen.failed), "given up": seen.given_up}


def at(seconds: list[float], percent: int) -> int:
    """Return a percentile in milliseconds."""
    if percent == 100 or len(seconds) < 2:
        return round(1000 * max(seconds, default=0))
    return round(1000 * statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1])


def run(index: Path, users: int, seconds: float, crowd: int, single: float) -> tuple[dict[str, Any], list[str]]:
    """Run the four phases; return what was seen, and what does not hold."""
    with serving(index) as (server, wrong):
        prepare(server)
        phase(server, 2, single / 2, _ALONE)  # what is read once is read
        load = [os.getloadavg()[0]]
        memory = [server.memory()]
        seen = {"one": phase(server, 1, single, _ALONE)}
        for name, many in (("many", users), ("crowd", crowd)):
            memory.append(server.memory())
            seen[name] = phase(server, many, seconds)
            load.append(os.getloadavg()[0])
        memory.append(server.memory())
        seen["one again"] = phase(server, 1, single, _ALONE)
        memory.append(server.memory())
    wrong += judged(seen, memory)
    shown = {name: facts(one) for name, one in seen.items()}
    asked = {
        "asked": {"many": users, "crowd": crowd},
        "seconds": seconds,
        "questions": len(Person.questions),
        "thinking, s": THINKING,
    }
    grown = {"MB before, with one, many, crowd, one": [round(m, 1) for m in memory]}
    return {**asked, **shown, **grown, "load average": [round(one, 1) for one in load], "wrong": wrong}, wrong


def judged(seen: dict[str, Seen], memory: list[float]) -> list[str]:
    """Return what does not hold."""
    wrong = [f"{name}: {what} ({count} times)" for name, one in seen.items() for what, count in one.failed.items()]
    alone = at(seen["one"].seconds["answer"], 50)
    if (p95 := at(seen["many"].seconds["answer"], 95)) >= _WORST_RATIO * alone:
        wrong.append(f"many: the 95th percentile is {p95} ms, that of one user the 50th {alone} ms")
    if (again := at(seen["one again"].seconds["answer"], 50)) > 3 * alone:
        wrong.append(f"one again: {again} ms, {alone} ms before")
    for name, before, after in (("many", memory[1], memory[2]), ("all", memory[1], memory[-1])):
        if after - before >= _MOST_GROWN:
            wrong.append(f"{name}: memory grew by {after - before:.1f} MB")
    for name, one in seen.items():
        if not one.seconds["answer"]:
            wrong.append(f"{name}: nothing was answered")
        if (slowest := max(one.seconds["help"], default=0)) > _SLOWEST_HELP:
            wrong.append(f"{name}: help took {slowest:.1f} s")
    return wrong


def row(told: dict[str, Any]) -> str:
    """Return the row of the table."""
    one, many, crowd, again = (told[name]["ms"]["answer"] for name in ("one", "many", "crowd", "one again"))
    refused = [sum(told[name]["refused"].values()) for name in ("many", "crowd")]
    helped = max(told[name]["ms"].get("help", {"most": 0})["most"] for name in ("many", "crowd"))
    memory = next(value for name, value in told.items() if name.startswith("MB"))
    few, most = told["asked"].values()
    cells = (
        f"{few} people for {told['seconds']:g} s, then {most}",
        f"one: p50 {one['p50']} ms",
        f"{few}: p50 {many['p50']}, p95 {many['p95']} ms, {many['count']} answers, {refused[0]} times told to wait",
        f"{most}: p50 {crowd['p50']}, p95 {crowd['p95']} ms, {crowd['count']} answers, {refused[1]} times told to wait",
        f"slowest help {helped} ms",
        f"one again: p50 {again['p50']} ms",
        f"{memory[1]} → {memory[-1]} MB",
        f"load average {told['load average'][-1]}",
    )
    return f"| {' | '.join(cells)} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--crowd", type=int, default=200)
    parser.add_argument("--single", type=float, default=15, help="seconds that the single user asks, before and after")
    parser.add_argument("--index", type=Path, default=ROOT / "index")
    given = parser.parse_args()
    told, wrong = run(given.index.resolve(), given.users, given.seconds, given.crowd, given.single)
    print(json.dumps(told, indent=1, ensure_ascii=False))
    print(row(told))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
