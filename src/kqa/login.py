"""Names and passwords for HTTP Basic: salted scrypt hashes in a file of their own, compared in constant time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import stat
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from kqa.errors import ConfigError

_COST = (2**15, 8, 1)  # scrypt's n, r and p: 32 MiB and about a tenth of a second
_LEAST, _MOST = 2**14, 2**20  # n that is taken from a file
_LINE = re.compile(
    r"(?P<name>[^:\s]+):scrypt\$(?P<n>\d{1,7})\$(?P<r>\d{1,2})\$(?P<p>\d{1,2})\$(?P<salt>[\w+/=]+)\$(?P<key>[\w+/=]+)"
)
_SHORTEST = 8  # characters of a password
_KNOWN = 1000  # logins remembered at once, as keyed hashes


@dataclass(frozen=True, slots=True)
class Login:
    """One person's salted hash and what it was made with."""

    cost: tuple[int, int, int]
    salt: bytes
    key: bytes


_NOBODY = Login(_COST, b"\0" * 16, b"\0" * 32)  # hashed for unknown names, so that they take as long as known ones


class Logins:
    """Who may come in; safe for many threads. A login that was right is remembered as a hash with a key of this object."""

    def __init__(self, logins: Mapping[str, Login]) -> None:
        self._logins = dict(logins)
        self._secret = secrets.token_bytes(32)
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._lock = Lock()

    def remembers(self, authorization: bytes) -> bool:
        """Whether this very header was right before; takes microseconds."""
        with self._lock:
            return self._mark(authorization) in self._right

    def admits(self, authorization: bytes) -> bool:
        """Whether a header names a person with the right password; takes a tenth of a second of one processor."""
        name, password = _credentials(authorization)
        login = self._logins.get(name)
        same = hmac.compare_digest(_derived(password, login or _NOBODY), (login or _NOBODY).key)
        if not (same and login):
            return False
        with self._lock:
            self._right[self._mark(authorization)] = None
            if len(self._right) > _KNOWN:
                self._right.popitem(last=False)
        return True

    def _mark(self, authorization: bytes) -> bytes:
        return hashlib.blake2b(authorization, key=self._secret).digest()


def login_line(name: str, password: str) -> str:
    """Return the line of a login file for one person; raises ConfigError for a name or password that cannot be used."""
    check_name(name)
    if len(password) < _SHORTEST:
        raise ConfigError(f"the password has {len(password)} characters; take at least {_SHORTEST}")
    if not password.isprintable():
        raise ConfigError("the password holds control characters; type it again")
    salt = secrets.token_bytes(16)
    key = _derived(password.encode(), Login(_COST, salt, bytes(32)))
    cost = "$".join(map(str, _COST))
    return f"{name}:scrypt${cost}${_text(salt)}${_text(key)}"


def check_name(name: str) -> None:
    """Raise ConfigError for a name that cannot stand in a login file."""
    if not re.fullmatch(r"[^:\s#][^:\s]*", name) or not name.isprintable():
        raise ConfigError(f"{name!r} cannot be a name; write one word without a colon")


def read_logins(path: Path) -> Logins:
    """Read a login file; raises ConfigError for one that is missing, empty, malformed or open to others."""
    try:
        mode = path.stat().st_mode
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read ({error}); write it with: kqa login NAME >> {path}") from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ConfigError(f"{path} can be read by others or written by its group; close it with: chmod 600 {path}")
    logins: dict[str, Login] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, login = _read(line.strip(), f"{path}:{number}")
        if name in logins:
            raise ConfigError(f"{path}:{number} names {name} a second time; keep one line of them")
        logins[name] = login
    if not logins:
        raise ConfigError(f"{path} names nobody; add a line with: kqa login NAME >> {path}")
    return Logins(logins)


def _read(line: str, where: str) -> tuple[str, Login]:
    refused = ConfigError(f"{where} is no line of a login file; make one with: kqa login NAME")
    if not (found := _LINE.fullmatch(line)):
        raise refused
    n, r, p = int(found["n"]), int(found["r"]), int(found["p"])
    try:
        salt, key = (base64.b64decode(found[part], validate=True) for part in ("salt", "key"))
    except binascii.Error as error:
        raise refused from error
    if not (_LEAST <= n <= _MOST and n & (n - 1) == 0 and 8 <= r <= 16 and 1 <= p <= 16 and len(salt) >= 16 and len(key) == 32):
        raise refused
    return found["name"], Login((n, r, p), salt, key)


def _credentials(authorization: bytes) -> tuple[str, bytes]:
    """Read a header of HTTP Basic; anything else is nobody."""
    scheme, _, given = authorization.partition(b" ")
    try:
        name, _, password = base64.b64decode(given.strip(), validate=True).partition(b":")
        return (name.decode(), password) if scheme.lower() == b"basic" else ("", b"")
    except (binascii.Error, UnicodeDecodeError):
        return "", b""


def _derived(password: bytes, login: Login) -> bytes:
    n, r, p = login.cost
    return hashlib.scrypt(password, salt=login.salt, n=n, r=r, p=p, maxmem=2 * 128 * n * r + 2**20, dklen=32)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
