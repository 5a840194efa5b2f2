"""Login files: what is written can be read, what is wrong is refused at the start, and only the right password fits."""

from __future__ import annotations

import base64
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kqa.errors import ConfigError
from kqa.login import login_line, read_logins

ADA = login_line("ada", "open sesame")


def basic(name: str, password: str) -> bytes:
    return b"Basic " + base64.b64encode(f"{name}:{password}".encode())


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "logins"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_only_the_right_password_of_the_right_name_fits(tmp_path: Path) -> None:
    logins = read_logins(written(tmp_path, f"# who may come in\n\n{ADA}\n{login_line('björn', 'pass:wörd')}\n"))
    right = basic("ada", "open sesame")
    assert not logins.remembers(right)
    assert logins.admits(right)
    assert logins.remembers(right)
    assert logins.admits(basic("björn", "pass:wörd")), "a password may hold a colon"
    wrong = [
        basic("ada", "open sesame "), basic("ada", ""), basic("eve", "open sesame"), basic("", ""), b"", b"Basic", b"Basic !!",
        b"Bearer " + right.split()[1], b"Basic " + base64.b64encode(b"ada"), b"Basic " + base64.b64encode(b"\xff\xfe:x"),
    ]  # fmt: skip
    for header in wrong:
        assert not logins.admits(header)
        assert not logins.remembers(header)


def test_a_line_is_salted_and_tells_no_password() -> None:
    assert login_line("ada", "open sesame") != ADA
    assert ADA.startswith("ada:scrypt$32768$8$1$")
    assert "sesame" not in ADA


def test_the_hash_is_scrypt_as_others_compute_it(tmp_path: Path) -> None:
    import hashlib

    salt = b"NaCl" * 4
    key = hashlib.scrypt(b"pleaseletmein", salt=salt, n=2**14, r=8, p=1, maxmem=2**26, dklen=32)
    coded = "$".join(base64.b64encode(data).decode() for data in (salt, key))
    logins = read_logins(written(tmp_path, f"ada:scrypt$16384$8$1${coded}\n"))
    assert logins.admits(basic("ada", "pleaseletmein"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "names nobody"), ("# nobody\n", "names nobody"), ("ada:secret\n", ":1 is no line"),
        (f"{ADA}\n{ADA}\n", ":2 names ada"),
        (ADA.replace("$32768$", "$1024$"), "is no line"), (ADA.replace("$32768$", "$32769$"), "is no line"),
        (ADA.replace("$32768$", "$4194304$"), "is no line"), (ADA.replace("$8$1$", "$99$1$"), "is no line"),
        (ADA[:-8], "is no line"), (ADA.replace("scrypt", "md5"), "is no line"), (ADA + " x", "is no line"),
    ],
)  # fmt: skip
def test_a_malformed_file_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as refused:
        read_logins(written(tmp_path, text))
    assert ADA.rpartition("$")[2] not in str(refused.value)


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o602, 0o620, 0o666])
def test_a_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(ConfigError, match="chmod 600"):
        read_logins(written(tmp_path, ADA, mode))


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_a_file_that_its_group_may_read_is_fine(tmp_path: Path, mode: int) -> None:
    assert read_logins(written(tmp_path, ADA, mode)).admits(basic("ada", "open sesame"))


def test_a_missing_file_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="kqa login NAME"):
        read_logins(tmp_path / "none")


@pytest.mark.parametrize(
    ("name", "password"), [("", "open sesame"), ("a:b", "open sesame"), ("a b", "open sesame"), ("#a", "open sesame"),
                           ("ada", "short"), ("ada", "with\ttabulator")]
)  # fmt: skip
def test_a_name_or_password_that_cannot_be_used_is_refused(name: str, password: str) -> None:
    with pytest.raises(ConfigError):
        login_line(name, password)


def test_the_command_prints_a_line_that_can_be_read(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("open sesame\nnot this\n"))
    code, line, said = run("login", "ada", "--stdin")
    assert (code, said) == (0, "")
    assert read_logins(written(tmp_path, line)).admits(basic("ada", "open sesame"))
    monkeypatch.setattr("getpass.getpass", lambda prompt: "open sesame")
    assert run("login", "ada")[1].startswith("ada:scrypt$")
    given = iter(["open sesame", "open sesam"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(given))
    code, line, said = run("login", "ada")
    assert (code, line) == (2, "")
    assert "the two passwords differ" in said


def test_without_a_terminal_the_command_says_what_to_do(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr("getpass.getpass", ended)
    code, line, said = run("login", "ada")
    assert (code, line) == (2, "")
    assert "no terminal to ask for the password; give it on standard input, with --stdin" in said
