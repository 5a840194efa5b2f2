"""Metrics count requests and seconds, and hold nothing of what was asked."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest

from kqa.metrics import Metrics


def test_nothing_counted_yet() -> None:
    assert Metrics().to_text() == "# TYPE kqa_requests_total counter\n# TYPE kqa_request_seconds_total counter\n"


def test_requests_and_seconds_add_up_by_route_and_status() -> None:
    metrics = Metrics()
    for path, status, seconds in [("/plain", 200, 1.0), ("/ask", 400, 0.25), ("/ask", 200, 0.5), ("/ask", 200, 0.125)]:
        metrics.observe(path, status, seconds)
    assert metrics.to_text() == (
        "# TYPE kqa_requests_total counter\n"
        'kqa_requests_total{route="ask",status="200"} 2\n'
        'kqa_requests_total{route="ask",status="400"} 1\n'
        'kqa_requests_total{route="plain",status="200"} 1\n'
        "# TYPE kqa_request_seconds_total counter\n"
        'kqa_request_seconds_total{route="ask"} 0.875000\n'
        'kqa_request_seconds_total{route="plain"} 1.000000\n'
    )


@pytest.mark.parametrize(
    ("path", "route"),
    [
        ("/", "home"), ("", "home"), ("//", "home"), ("/ask", "ask"), ("/ask/", "ask"),
        ("/plain", "plain"), ("/gradio_api/component_server", "page"), ("/healthz", "other"), ("/Ask", "other"),
        ("/ask/secretword", "other"), ("/plain?q=secretword", "other"), ("/?q=secretword", "other"),
        ("/secretword\nkqa_requests_total 9", "other"), ('/"} 1 secretword', "other"), ("/" + "secretword" * 10_000, "other"),
    ],
)  # fmt: skip
def test_a_route_is_one_of_few_words_and_never_what_was_asked(path: str, route: str) -> None:
    metrics = Metrics()
    metrics.observe(path, 200, 0.5)
    assert re.findall(r'route="([^"]*)"', metrics.to_text()) == [route, route]
    assert "secretword" not in metrics.to_text()
    assert len(metrics.to_text().splitlines()) == 4


def test_many_addresses_do_not_fill_the_memory() -> None:
    metrics = Metrics()
    for number in range(1000):
        metrics.observe(f"/secretword{number}", 404, 0.0)
    assert 'kqa_requests_total{route="other",status="404"} 1000' in metrics.to_text()


def test_threads_lose_no_count() -> None:
    metrics = Metrics()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(4):
            pool.submit(lambda: [metrics.observe("/ask", 200, 0.25) for _ in range(500)])
    assert 'kqa_requests_total{route="ask",status="200"} 2000' in metrics.to_text()
    assert 'kqa_request_seconds_total{route="ask"} 500.000000' in metrics.to_text()
