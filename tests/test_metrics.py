"""Metrics count requests, seconds and outcomes, and hold nothing of what was asked."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from kqa.metrics import Metrics
from kqa.types import Outcome

_LAST = ("outcome", "reason", "result", "manifest", "route", "status", "le").index


def samples(metrics: Metrics) -> dict[tuple[str, ...], float]:
    """Return every sample as Prometheus would read it, by its name and the values of its labels."""
    families = text_string_to_metric_families(metrics.to_text())
    return {(s.name, *(s.labels[name] for name in sorted(s.labels, key=_LAST))): s.value for f in families for s in f.samples}


def test_nothing_counted_yet() -> None:
    metrics = Metrics()
    metrics.show_index("abc", 3, 7)
    found = samples(metrics)
    assert found == {
        ("kqa_answers_total", "answered"): 0, ("kqa_answers_total", "abstained"): 0, ("kqa_answers_total", "referred"): 0,
        ("kqa_refused_total", "rate"): 0, ("kqa_refused_total", "busy"): 0, ("kqa_index_info", "abc"): 1,
        ("kqa_index_documents",): 3, ("kqa_index_passages",): 7, ("kqa_index_behind",): 0,
        ("kqa_index_changes_total", "taken"): 0, ("kqa_index_changes_total", "refused"): 0,
    }  # fmt: skip


def test_the_index_that_answers_is_told_and_no_earlier_one() -> None:
    metrics = Metrics()
    metrics.show_index("abc", 3, 7)
    metrics.show_index("def", 4, 9)
    metrics.show_behind(True)
    metrics.count_index("taken")
    metrics.count_index("refused")
    found = {key: value for key, value in samples(metrics).items() if key[0].startswith("kqa_index")}
    assert found == {
        ("kqa_index_info", "def"): 1, ("kqa_index_documents",): 4, ("kqa_index_passages",): 9, ("kqa_index_behind",): 1,
        ("kqa_index_changes_total", "taken"): 1, ("kqa_index_changes_total", "refused"): 1,
    }  # fmt: skip


def test_requests_and_seconds_add_up_by_route_and_status() -> None:
    metrics = Metrics()
    for path, status, seconds in [("/plain", 200, 1.0), ("/ask", 400, 0.25), ("/ask", 200, 0.5), ("/ask", 200, 0.125)]:
        metrics.observe(path, status, seconds)
    found = samples(metrics)
    assert found["kqa_requests_total", "ask", "200"] == 2
    assert found["kqa_requests_total", "ask", "400"] == 1
    assert found["kqa_request_seconds_sum", "ask"] == 0.875
    assert found["kqa_request_seconds_count", "plain"] == 1
    buckets = {key[-1]: value for key, value in found.items() if key[:2] == ("kqa_request_seconds_bucket", "ask")}
    assert (buckets["0.1"], buckets["0.25"], buckets["0.5"], buckets["+Inf"]) == (0, 2, 3, 3)


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "home"), ("", "home"), ("//", "home"), ("/ask", "ask"), ("/ask/", "ask"), ("/healthz", "healthz"),
        ("/plain", "plain"), ("/about", "about"), ("/about/", "about"),
        ("/config", "config"), ("/gradio_api/component_server", "page"), ("/gradio_api/component_server/", "page"),
        ("/assets/index-12345678.js", "assets"), ("/assets/secretword", "assets"), ("/Ask", "other"),
        ("/ask/secretword", "other"), ("/plain?q=secretword", "other"), ("/?q=secretword", "other"),
        ("/secretword\nkqa_requests_total 9", "other"), ('/"} 1 secretword', "other"), ("/" + "secretword" * 10_000, "other"),
    ],
)  # fmt: skip
def test_a_route_is_one_of_few_words_and_never_what_was_asked(path: str, route: str) -> None:
    metrics = Metrics()
    metrics.observe(path, 200, 0.5)
    assert set(re.findall(r'route="([^"]*)"', metrics.to_text())) == {route}
    assert "secretword" not in metrics.to_text()


def test_many_addresses_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.observe(f"/secretword{number}", 404, 0.0)
    assert samples(metrics)["kqa_requests_total", "other", "404"] == 1000
    assert len(metrics.to_text().splitlines()) < 50


@pytest.mark.parametrize(
    ("outcome", "name"),
    [
        (Outcome.ANSWERED, "answered"), (Outcome.ABSTAINED, "abstained"), (Outcome.CRISIS, "referred"),
        (Outcome.EMERGENCY, "referred"), (Outcome.SELF_DOSING, "referred"),
    ],
)  # fmt: skip
def test_outcomes_are_counted_no_finer_than_three_classes(outcome: Outcome, name: str) -> None:
    metrics = Metrics()
    metrics.count_answer(outcome)
    found = {key[1]: value for key, value in samples(metrics).items() if key[0] == "kqa_answers_total"}
    assert found == {**dict.fromkeys(("answered", "abstained", "referred"), 0), name: 1}


def test_two_servers_in_one_process_share_nothing() -> None:
    first, second = Metrics(), Metrics()
    first.observe("/ask", 200, 0.1)
    assert ("kqa_requests_total", "ask", "200") not in samples(second)


def test_neither_the_process_nor_the_time_of_creation_is_told() -> None:
    metrics = Metrics()
    metrics.observe("/ask", 200, 0.1)
    assert not re.search(r"_created|process_|python_", metrics.to_text())


def test_threads_lose_no_count() -> None:
    metrics = Metrics()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(lambda: [metrics.observe("/ask", 200, 0.25) for _ in range(500)])
    assert samples(metrics)["kqa_requests_total", "ask", "200"] == 2000
    assert samples(metrics)["kqa_request_seconds_sum", "ask"] == 500
