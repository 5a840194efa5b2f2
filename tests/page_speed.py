"""What a visit and a question cost: python tests/page_speed.py [--index DIR] [--questions N].

Requests, bytes on the wire, and milliseconds from a click to the painted answer: in all, and beyond what ``ask`` itself takes
for the same question, timed in the server's process just before. Take times on a machine that has nothing else to do.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path

from playwright.sync_api import Browser, Page

import kqa
from browser_server import browser, served

QUESTIONS = Path(__file__).parents[1] / "evaluation" / "questions.jsonl"
CLICK_TO_PAINT = """question => new Promise(done => {
  const turn = document.querySelector("#kqa-turn");
  const started = performance.now();
  new MutationObserver((_, observer) => {
    if (turn.querySelector(".turn")?.dataset.question !== question) return;
    observer.disconnect();
    requestAnimationFrame(() => {  // the message arrives once this frame is painted
      const painted = new MessageChannel();
      painted.port1.onmessage = () => done(performance.now() - started);
      painted.port2.postMessage(null);
    });
  }).observe(turn, {childList: true, subtree: true});
  [...document.querySelectorAll("button")].find(button => button.textContent.trim() === "Ask").click();
})"""


class Wire:
    """Counts what a page loads: requests, and bytes as they came over the wire."""

    def __init__(self, page: Page) -> None:
        self.requests = self.bytes = 0
        session = page.context.new_cdp_session(page)
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.loadingFinished", self._loaded)
        session.send("Network.enable")

    def taken(self) -> tuple[int, int]:
        """Return requests and bytes since the last call."""
        found, self.requests, self.bytes = (self.requests, self.bytes), 0, 0
        return found

    def _sent(self, event: dict[str, dict[str, str]]) -> None:
        icon = event["request"]["url"].endswith("/favicon.ico")  # asked for at each address, and kept for a day
        self.requests += not icon

    def _loaded(self, event: dict[str, int]) -> None:
        self.bytes += event["encodedDataLength"]


def first_visit(chromium: Browser, url: str) -> tuple[Page, Wire, tuple[int, int]]:
    """Open the page with an empty cache; return it, its counter, and what the visit took."""
    page = chromium.new_context().new_page()
    wire = Wire(page)
    page.goto(url)
    page.wait_for_selector("#kqa-home .chip")
    page.wait_for_load_state("networkidle")
    return page, wire, wire.taken()


def asked(page: Page, question: str) -> float:
    """Ask, and return the milliseconds from the click to the painted answer."""
    page.get_by_label("Your question").fill(question)
    return float(page.evaluate(CLICK_TO_PAINT, question))


def main() -> None:
    """Visit, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--index", type=Path, default=Path("index"))
    parser.add_argument("--questions", type=int, default=60)
    given = parser.parse_args()
    rows = [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]
    questions = [row["question"] for row in rows if row["label"] == "answerable" and not row["history"]]
    questions = questions[:: max(1, len(questions) // given.questions)][: given.questions]
    totals, beyond, sizes, counts = [], [], [], []
    with served(given.index) as server, browser() as chromium:
        page, wire, (requests, size) = first_visit(chromium, server.url)
        print(f"first visit: {requests} requests, {size / 1000:.0f} kB")
        for question in questions:
            page.goto(server.url)  # each asked first
            page.wait_for_selector("#kqa-home .chip")
            page.wait_for_load_state("networkidle")
            wire.taken()
            began = time.perf_counter()
            kqa.ask(question, server.index)
            own = 1000 * (time.perf_counter() - began)
            totals.append(asked(page, question))
            beyond.append(totals[-1] - own)
            count, size = wire.taken()
            counts.append(count)
            sizes.append(size / 1000)
    for name, values in (("click to painted, ms", totals), ("beyond ask, ms", beyond), ("requests", counts), ("kB", sizes)):
        cut = statistics.quantiles(values, n=20)
        print(f"a question, {name}: half below {statistics.median(values):.1f}, 95 of 100 below {cut[-1]:.1f}")


if __name__ == "__main__":
    main()
