"""The options of a kind of check: what a value may be.

Every ``parse`` raises ``ValueError`` whose text says what would be right, for the person who wrote the inventory. What it returns
is plain (text, number, truth, mapping), so that it survives the store; parsed again it is the same. Where a probe needs more than
that (``Url``, ``Login``), it reads it with ``as_…`` when it looks.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from domain.model import Secret

MAX_USER_CHARS = 255


@dataclass(frozen=True, slots=True)
class Option:
    """``parse`` takes the value as written in YAML, or as stored; ``default`` is such a value, ``None`` where there is none."""

    doc: str
    parse: Callable[[object], object]
    default: object = None
    required: bool = False


class Url(NamedTuple):
    """Where an HTTP check asks. ``host`` is ``None`` for a bare path: then the host's own address is asked in clear."""

    tls: bool
    host: str | None
    port: int
    target: str
    """Path and query, as sent on the request line (origin-form, RFC 9112 3.2.1)."""


class Login(NamedTuple):
    """An account. The password is only ever a reference."""

    user: str
    password: Secret


def integer(low: int, high: int, unit: str = "") -> Callable[[object], int]:
    right = f"a whole number from {low} to {high}{unit and ' ' + unit}"

    def parse(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise ValueError(right)
        return int(value)

    return parse


port = integer(1, 65535)


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("true or false")
    return value


def choice(*words: str) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if value not in words:
            raise ValueError("one of " + ", ".join(words))
        return str(value)

    return parse


def duration(low_s: int, high_s: int) -> Callable[[object], int]:
    """``15m``, ``1d``, or a whole number of seconds: seconds."""
    right = f"a time such as 15m, from {_spoken(low_s)} to {_spoken(high_s)}"

    def parse(value: object) -> int:
        written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        found = _DURATION.fullmatch(written)
        seconds = int(found[1]) * _UNITS_S[found[2] or "s"] if found is not None else -1
        if not low_s <= seconds <= high_s:
            raise ValueError(right)
        return seconds

    return parse


def _spoken(seconds: int) -> str:
    unit = next(unit for unit in "dhms" if seconds % _UNITS_S[unit] == 0)
    return f"{seconds // _UNITS_S[unit]}{unit if seconds else 's'}"


def size(low: int, high: int) -> Callable[[object], int]:
    """``10 GiB``, ``500 MB``, or a whole number of bytes: bytes."""
    right = f"a size such as 10 GiB or 500 MB, from {low / 10**6:g} MB to {high / 10**12:g} TB"

    def parse(value: object) -> int:
        written = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
        found = _SIZE.fullmatch(written)
        read = round(float(found[1]) * _UNITS_BYTES[found[2]]) if found is not None and found[2] in _UNITS_BYTES else -1
        if not low <= read <= high:
            raise ValueError(right)
        return read

    return parse


def labels(value: object) -> dict[str, str]:
    """Names and values, one to ten."""
    if isinstance(value, Mapping) and 0 < len(value) <= 10:
        found = {str(name): str(said) for name, said in value.items() if isinstance(name, str) and isinstance(said, str)}
        if len(found) == len(value) and all(_LABEL.fullmatch(name) and 0 < len(said) <= 200 for name, said in found.items()):
            return found
    raise ValueError("labels and their values, such as {alertname: DiskFull, instance: web01}; one to ten, all of them texts")


def text(max_chars: int) -> Callable[[object], str]:
    def parse(value: object) -> str:
        if not isinstance(value, str) or not 0 < len(value) <= max_chars:
            raise ValueError(f"a text of 1 to {max_chars} characters")
        return str(value)

    return parse


def server_name(value: object) -> str:
    """A host name or an address as it goes into a Host header and SNI: printable ASCII, nothing that could end a line."""
    labels = value.split(".") if isinstance(value, str) and len(value) <= 253 else []
    if not labels or not all(0 < len(label) <= 63 and set(label) <= _NAME for label in labels):
        raise ValueError(
            "a host name such as www.example.com (ASCII letters, digits, - and .; write an international name as xn--…)"
        )
    return str(value).lower()


def file(value: object) -> str:
    if not isinstance(value, str) or not value.startswith("/") or "\0" in value:
        raise ValueError("the absolute path of a file, such as /etc/ssl/customer-ca.pem")
    return str(value)


def is_own(variable: str) -> bool:
    """Is the name one of those that are kept for hikeshi's own settings?"""
    return variable.upper().startswith("HIKESHI_")


def as_secret(value: object) -> Secret:
    if isinstance(value, Mapping) and len(value) == 1:
        ((kind, name),) = value.items()
        named: Literal["env", "file"] | None = "env" if kind == "env" else "file" if kind == "file" else None
        if named is not None and isinstance(name, str) and name:
            return Secret(named, str(name))
    raise ValueError("a reference to a secret, never the secret itself: {env: NAME} or {file: /path}")


def secret(value: object) -> dict[str, object]:
    read = as_secret(value)
    if read.kind == "env" and is_own(read.name):
        raise ValueError(_RIGHT_VARIABLE)
    return {read.kind: read.name}


def login(value: object) -> dict[str, object]:
    return _account(as_login(value))


def as_login(value: object) -> Login:
    return _as_account(value, "an account as {user: NAME, password: {env: VARIABLE}}", "")


def basic_auth(value: object) -> dict[str, object]:
    return _account(as_basic_auth(value))


def as_basic_auth(value: object) -> Login:
    """RFC 7617."""
    return _as_account(value, "{user: NAME, password: {env: VARIABLE}}; the name has no colon", ":")


def _account(read: Login) -> dict[str, object]:
    return {"user": read.user, "password": secret({read.password.kind: read.password.name})}


def _as_account(value: object, right: str, never: str) -> Login:
    if isinstance(value, Mapping) and set(value) == {"user", "password"}:
        user = value["user"]
        if isinstance(user, str) and 0 < len(user) <= MAX_USER_CHARS and user.isprintable() and not set(never) & set(user):
            return Login(str(user), as_secret(value["password"]))
    raise ValueError(right)


def url(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(_RIGHT_URL)
    as_url(str(value))
    return str(value)


@lru_cache(4096)
def as_url(value: str) -> Url:
    right = _RIGHT_URL
    if not 0 < len(value) <= 2000 or not set(value) <= _URL:
        raise ValueError(right)
    if value.startswith("/") and not value.startswith("//"):
        return Url(False, None, 80, value.partition("#")[0])
    try:
        parts = urlsplit(value)
        at_port = parts.port
        host = _host(parts.hostname or "")
    except ValueError as error:
        raise ValueError(right) from error
    if "@" in parts.netloc:
        raise ValueError("a URL without user and password: they go into the option auth")
    if parts.scheme not in {"http", "https"} or at_port == 0:
        raise ValueError(right)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme == "https", host, at_port or (443 if parts.scheme == "https" else 80), target)


def _host(name: str) -> str:
    return str(ip_address(name)) if ":" in name else server_name(name)


_RIGHT_VARIABLE = "a variable whose name does not begin with HIKESHI_, as hikeshi's own settings do"
_RIGHT_URL = "a URL such as https://www.example.com/health, or a path such as /health (ASCII; anything else %-encoded)"
_DURATION = re.compile(r"(\d{1,9})([smhd]?)")
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SIZE = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,3})?) ?([A-Za-z]{0,3})")
_UNITS_BYTES = {"": 1, "B": 1} | {
    unit: base**power
    for power, letter in enumerate("KMGT", 1)
    for base, units in ((1000, (f"{letter}B", f"{letter.lower()}B")), (1024, (f"{letter}iB",)))
    for unit in units
}
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_")
_URL = frozenset(map(chr, range(0x21, 0x7F))) - frozenset('"<>\\^`{|}')
