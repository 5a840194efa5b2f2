"""Token buckets, places for answers, and whose address counts: known answers with a clock of our own."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from kqa import limits
from kqa.errors import ConfigError, TooMany
from kqa.limits import Places, Rate, client_of, is_trusted, read_networks, read_rate


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_empties_and_fills_again() -> None:
    clock = Clock()
    rate = Rate(6, clock)
    assert [rate.charge(b"a") for _ in range(8)] == [0] * 6 + [10, 10]
    assert rate.charge(b"b") == 0, "another client has a bucket of its own"
    clock.now += 9.5
    assert (rate.wait(b"a"), rate.charge(b"a")) == (1, 1)
    clock.now += 0.5
    assert [rate.wait(b"a"), rate.wait(b"a"), rate.charge(b"a"), rate.charge(b"a")] == [0, 0, 0, 10]
    clock.now += 3600
    assert [rate.charge(b"a") for _ in range(7)] == [0] * 6 + [10], "no more than a bucket is saved up"


def test_no_limit_and_nobody() -> None:
    assert {Rate(0).charge(b"a") for _ in range(100)} == {0}
    assert {Rate(1).charge(None) for _ in range(100)} == {0}


def test_only_so_many_clients_are_remembered_and_the_silent_one_goes_first() -> None:
    rate = Rate(1, Clock(), clients=2)
    assert (rate.charge(b"a"), rate.charge(b"b"), rate.charge(b"a")) == (0, 0, 60)
    assert rate.charge(b"c") == 0
    assert rate.charge(b"a") == 60
    assert rate.charge(b"b") == 0, "it was forgotten"
    assert len(rate._buckets) == 2


def test_threads_take_no_token_twice() -> None:
    rate = Rate(50, Clock())
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda _: rate.charge(b"a"), range(200)))
    assert taken.count(0) == 50


@pytest.mark.parametrize(("text", "rate"), [("60/minute", 60), ("0", 0), (" 5 ", 5), ("0/minute", 0)])
def test_a_rate_is_read(text: str, rate: int) -> None:
    assert read_rate(text) == rate


@pytest.mark.parametrize("text", ["", "x", "-1", "5/second", "1.5", "9999999", "5/minute/minute"])
def test_another_rate_is_refused_in_words(text: str) -> None:
    with pytest.raises(ConfigError, match="write for example 60/minute"):
        read_rate(text)


def test_what_is_no_network_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="--trusted-proxy: .*10.0.0.0/8"):
        read_networks(["10.0.0.1/8"])
    assert [str(network) for network in read_networks(["10.0.0.0/8", "::1"])] == ["10.0.0.0/8", "::1/128"]


def scope(peer: str | None, **headers: str | Sequence[str]) -> dict[str, Any]:
    """Return a request; a header may be given several times."""
    given = [
        (name.replace("_", "-").encode(), value.encode())
        for name, values in headers.items()
        for value in ([values] if isinstance(values, str) else values)
    ]
    return {"client": (peer, 5) if peer else None, "headers": given}


PROXIES = read_networks(["10.0.0.0/8", "fd00::/8", "127.0.0.1"])


@pytest.mark.parametrize(
    ("peer", "headers", "same"),
    [
        ("203.0.113.9", {"x_forwarded_for": "198.51.100.1"}, "203.0.113.9"),
        ("203.0.113.9", {"forwarded": "for=198.51.100.1"}, "203.0.113.9"),
        ("10.0.0.1", {"x_forwarded_for": "198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.1", {"x_forwarded_for": "1.1.1.1, 198.51.100.1, 10.9.9.9"}, "198.51.100.1"),
        ("10.0.0.1", {"x_forwarded_for": ["1.1.1.1", "198.51.100.1"]}, "198.51.100.1"),
        ("10.0.0.1", {"x_forwarded_for": "198.51.100.1:4711"}, "198.51.100.1"),
        ("::ffff:10.0.0.1", {"x_forwarded_for": "198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.1", {"forwarded": 'for=1.1.1.1, for="198.51.100.1:80";proto=https;by=10.0.0.1'}, "198.51.100.1"),
        ("10.0.0.1", {"forwarded": 'proto=https; For="[2001:db8:1:2::7]:80"'}, "2001:db8:1:2::9"),
        ("10.0.0.1", {"x_forwarded_for": "198.51.100.1", "forwarded": "for=198.51.100.1"}, "198.51.100.1"),
        ("10.0.0.1", {"x_forwarded_for": "198.51.100.1", "forwarded": "for=1.1.1.1"}, "10.0.0.1"),
        ("10.0.0.1", {"x_forwarded_for": "198.51.100.1, unknown"}, "10.0.0.1"),
        ("10.0.0.1", {"forwarded": "for=_hidden"}, "10.0.0.1"),
        ("10.0.0.1", {"x_forwarded_for": ""}, "10.0.0.1"),
        ("10.0.0.1", {"x_forwarded_for": "10.0.0.2, 10.0.0.3"}, "10.0.0.1"),
        ("10.0.0.1", {}, "10.0.0.1"),
        ("2001:db8:1:2::1", {}, "2001:db8:1:2:ffff::"),
    ],
)  # fmt: skip
def test_whose_address_counts(peer: str, headers: dict[str, Any], same: str) -> None:
    assert client_of(scope(peer, **headers), PROXIES) == client_of(scope(same), ())
    assert same.encode() not in client_of(scope(peer, **headers), PROXIES)


def test_neighbours_and_sockets_are_told_apart() -> None:
    known = {client_of(scope(peer), ()) for peer in ("1.1.1.1", "1.1.1.2", "2001:db8:1:2::1", "2001:db8:1:3::1", None)}
    assert len(known) == 5
    assert is_trusted(scope("10.1.1.1"), PROXIES)
    assert not is_trusted(scope(None), PROXIES)


def test_the_key_is_of_this_process_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    before = client_of(scope("1.1.1.1"), ())
    monkeypatch.setattr(limits, "_KEY", b"another key")
    assert client_of(scope("1.1.1.1"), ()) != before


def test_places_are_bounded_and_given_back() -> None:
    places = Places(1, queue=0)
    assert places.try_take()
    assert not places.try_take()
    with pytest.raises(TooMany, match="ask again in 5 seconds"):
        places.take()
    places.give()
    with places.held():
        assert not places.try_take()
    assert places.try_take()


def test_who_waits_in_vain_is_told() -> None:
    places = Places(1, queue=1, patience=0.01)
    places.take()
    for _ in range(3):
        with pytest.raises(TooMany):
            places.take()


def test_the_queue_is_served_and_no_longer_than_it_says() -> None:
    places, got = Places(1, queue=2), []
    places.take()

    def wait() -> None:
        try:
            with places.held():
                got.append("place")
        except TooMany:
            got.append("refused")

    threads = [threading.Thread(target=wait) for _ in range(5)]
    for thread in threads:
        thread.start()
    while len(got) < 3:
        pass
    assert got == ["refused"] * 3
    places.give()
    for thread in threads:
        thread.join(5)
    assert got[3:] == ["place"] * 2
