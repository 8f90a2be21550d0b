"""What the system says of names: whom to ask (resolv.conf(5)), and what need not be asked (hosts(5))."""

from collections.abc import Callable, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

MAX_SERVERS = 3
"""As many as the C library asks."""
_PORT = 53

T = TypeVar("T")


class Server(NamedTuple):
    """A resolver."""

    address: str
    port: int = _PORT

    def __str__(self) -> str:
        return self.address


LOCAL = (Server("127.0.0.1"),)
"""Asked where the system names none (resolv.conf(5))."""


def servers(written: str) -> tuple[Server, ...]:
    """``192.0.2.53, [2001:db8::53]:5353``: at most three addresses, each with a port or without. Raises ``ValueError``."""
    found = tuple(_server(one.strip()) for one in written.split(",")) if written.strip() else ()
    if len(found) > MAX_SERVERS:
        raise ValueError(f"at most {MAX_SERVERS}")
    return found


def _server(written: str) -> Server:
    address, port = written, str(_PORT)
    if written.startswith("["):
        address, _, port = written[1:].partition("]")
        port = port.removeprefix(":") or str(_PORT)
    elif written.count(":") == 1:
        address, _, port = written.partition(":")
    if "%" in address or not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65_536:
        raise ValueError(written)
    return Server(str(ip_address(address)), int(port))


def nameservers(text: str) -> tuple[Server, ...]:
    """Of a resolv.conf. One with a zone of this machine's (``fe80::1%eth0``) is left out."""
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver" and (address := _address(words[1])) is not None:
            found.append(Server(address))
    return tuple(found[:MAX_SERVERS]) or LOCAL


def hosts(text: str) -> Mapping[str, Sequence[str]]:
    """Of an /etc/hosts: the addresses of each name, in lower case."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        address = _address(words[0]) if words else None
        if address is not None:
            for name in words[1:]:
                found.setdefault(name.lower().removesuffix("."), []).append(address)
    return found


def _address(written: str) -> str | None:
    try:
        return str(ip_address(written)) if "%" not in written else None
    except ValueError:
        return None


class Kept(Generic[T]):
    """What a file says, read anew whenever it has changed; one that can't be read says nothing."""

    def __init__(self, path: Path, read: Callable[[str], T]) -> None:
        self._path, self._read = path, read
        self._changed_ns: int | None = None
        self._said = read("")

    @property
    def said(self) -> T:
        try:
            changed_ns: int | None = self._path.stat().st_mtime_ns
            text = self._path.read_text("utf-8", "replace") if changed_ns != self._changed_ns else None
        except OSError:
            changed_ns, text = None, ""
        if text is not None:
            self._said = self._read(text)
        self._changed_ns = changed_ns
        return self._said
