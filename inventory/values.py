"""What a single value may be. Every parser takes a node, returns the typed value, and raises ``Refused``."""

import base64
import binascii
import re
import unicodedata
from collections.abc import Callable, Collection
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TypeVar
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from domain.mistake import hint, listed, shown
from domain.model import Secret
from domain.pauses import no_such_day
from domain.unit import TakesMachineDown, service_unit
from inventory.fields import ID, Parse
from inventory.mistakes import Code, Refused
from inventory.tree import Map, Node, Scalar, named
from probes.option import is_own

T = TypeVar("T")
DAY_S = 86_400.0


def scalar(node: Node, right: str) -> Scalar:
    if isinstance(node, Scalar):
        return node
    raise Refused(Code.NOT_SCALAR, got=named(node), right=right)


def text(max_chars: int) -> Parse[str]:
    """One line of visible characters: it goes into mail headers (no injection) and is read by people (no hidden direction)."""

    def parse(node: Node) -> str:
        written = scalar(node, f"a text of 1 to {max_chars} characters").text
        if any(unicodedata.category(char) in _UNSEEN or char in _DIRECTIONS for char in written):
            raise Refused(Code.TEXT_CONTROL, got=shown(written))
        if not 0 < len(written.strip()) <= max_chars:
            raise Refused(Code.TEXT_LENGTH, got=len(written.strip()), high=max_chars)
        return written.strip()

    return parse


def whole(low: int, high: int) -> Parse[int]:
    right = f"a whole number from {low} to {high}"

    def parse(node: Node) -> int:
        value = scalar(node, right).value()
        if isinstance(value, bool) or not isinstance(value, int):
            raise Refused(Code.NUMBER, got=named(node), right=right)
        if not low <= value <= high:
            raise Refused(Code.RANGE, got=named(node), right=right)
        return value

    return parse


def duration(low_s: float, high_s: float) -> Parse[float]:
    """``60s``, ``15m``, ``2h``, ``1d``, or a number of seconds: float seconds."""
    right = f"{spoken(low_s)} to {spoken(high_s)}"

    def parse(node: Node) -> float:
        found = _DURATION.fullmatch(scalar(node, f"a time such as 15m, {right}").text)
        if found is None:
            raise Refused(Code.DURATION, got=named(node))
        seconds = round(float(found[1]) * _UNITS_S[found[2] or "s"], 3)
        if not low_s <= seconds <= high_s:
            raise Refused(Code.RANGE, got=named(node), right=right)
        return seconds

    return parse


def spoken(seconds: float) -> str:
    """A duration in the largest unit that fits, as an inventory would write it."""
    unit = next((name for name in ("d", "h", "m") if seconds and seconds % _UNITS_S[name] == 0), "s")
    return f"{seconds / _UNITS_S[unit]:g}{unit}"


def word(meanings: Callable[[str], T], known: Collection[str]) -> Parse[T]:
    """One of a few words, turned into what it means."""

    def parse(node: Node) -> T:
        written = scalar(node, f"one of {listed(known)}").text
        if written not in known:
            raise Refused(Code.WORD, got=shown(written), hint=hint(written, known))
        return meanings(written)

    return parse


def reference(what: str, known: Collection[str]) -> Parse[str]:
    """The id of something that is defined elsewhere."""

    def parse(node: Node) -> str:
        written = scalar(node, f"the id of one {what}").text
        if written not in known:
            raise Refused(Code.UNKNOWN, what=what, got=shown(written), hint=hint(written, known))
        return written

    return parse


def zone(node: Node) -> str:
    """An IANA time zone."""
    right = "an IANA time zone such as Asia/Tokyo or Europe/Berlin"
    written = scalar(node, right).text
    if written in _zones():
        return written
    close = get_close_matches(written, _zones(), n=1)
    raise Refused(Code.ZONE, got=shown(written), hint=f"did you mean {shown(close[0])}?" if close else f"would be right: {right}")


def mail(node: Node) -> str:
    """An addr-spec (RFC 5321 4.1.2, dot-string); the domain in lower case."""
    written = scalar(node, "one mail address").text
    local, at, host = written.rpartition("@")
    if not at or len(written) > 254 or len(local) > 64 or not _LOCAL.fullmatch(local) or not _HOST.fullmatch(host.lower()):
        raise Refused(Code.MAIL, got=shown(written))
    return f"{local}@{host.lower()}"


def domain(node: Node) -> str:
    """A host name (RFC 1123 2.1), in lower case."""
    written = scalar(node, "one host name").text.lower().removesuffix(".")
    if not _HOST.fullmatch(written) or len(written) > 253:
        raise Refused(Code.DOMAIN, got=named(node))
    return written


def address(node: Node) -> str:
    """An IPv4 or IPv6 literal of one machine."""
    return str(_address(node, "an IPv4 or IPv6 address of one machine, such as 192.0.2.10"))


def address6(node: Node) -> str:
    right = "an IPv6 address of one machine, such as 2001:db8::10"
    found = _address(node, right)
    if isinstance(found, IPv4Address):
        raise Refused(Code.ADDRESS, got=named(node), right=right)
    return str(found)


def _address(node: Node, right: str) -> IPv4Address | IPv6Address:
    try:
        found = ip_address(scalar(node, right).text)
    except ValueError as error:
        raise Refused(Code.ADDRESS, got=named(node), right=right) from error
    scoped = isinstance(found, IPv6Address) and found.scope_id is not None
    if scoped or found.is_unspecified or found.is_multicast or str(found) == "255.255.255.255":
        raise Refused(Code.ADDRESS, got=named(node), right=right)
    return found


def secret(node: Node) -> Secret:
    """``{env: NAME}`` or ``{file: /path}``; whatever else was written may be the secret itself and is not repeated."""
    if isinstance(node, Map) and len(node.entries) == 1:
        ((kind, named_by),) = node.entries.items()
        if isinstance(named_by, Scalar):
            if kind == "env" and _ENV.fullmatch(named_by.text):
                if is_own(named_by.text):
                    raise Refused(Code.OWN_VARIABLE, got=shown(named_by.text))
                return Secret("env", named_by.text)
            if kind == "file" and _FILE.fullmatch(named_by.text):
                return Secret("file", named_by.text)
    raise Refused(Code.SECRET)


def webhook(node: Node) -> Secret | str:
    """A URL, or a reference to one (most of them hold a token)."""
    if isinstance(node, Map):
        return secret(node)
    written = scalar(node, "an https:// URL").text
    # what follows the host may be a token, so a message shows the beginning only
    beginning = _BEGINNING.match(written)
    refused = Refused(Code.WEBHOOK, got=shown(beginning[0] + "/…") if beginning else "no URL")
    try:
        url = urlsplit(written)
        host = url.hostname or ""
        at_port = url.port
    except ValueError as error:
        raise refused from error
    local = host in {"localhost", "127.0.0.1", "::1"}
    if url.scheme != "https" and not (url.scheme == "http" and local):
        raise refused
    if not _URL.fullmatch(written) or not host or at_port == 0 or "@" in url.netloc:
        raise refused
    return written


def host_key(node: Node) -> str:
    """``type base64`` (RFC 4253 6.6), the comment dropped; the key must be of the type that stands before it."""
    words = scalar(node, "one SSH host key").text.split()
    if not words or words[0] not in _KEY_TYPES or len(words) < 2:
        raise Refused(Code.HOST_KEY, got="it starts with no type of key: " + listed(_KEY_TYPES))
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused(Code.HOST_KEY, got="the key is no base64") from error
    length = int.from_bytes(blob[:4], "big")
    if blob[4 : 4 + length] != words[0].encode() or len(blob) < 4 + length + 32:
        raise Refused(Code.HOST_KEY, got=f"the key is cut off or not of type {words[0]}")
    return f"{words[0]} {words[1]}"


def unit(node: Node) -> str:
    """A systemd service; ``nginx`` means ``nginx.service``."""
    written = scalar(node, "the name of one systemd service").text
    try:
        return service_unit(written)
    except TakesMachineDown as error:
        raise Refused(Code.POWER_UNIT, got=shown(written), right=error) from error
    except ValueError as error:
        raise Refused(Code.UNIT, got=shown(written)) from error


def user(node: Node) -> str:
    written = scalar(node, "one user name").text
    if not _USER.fullmatch(written):
        raise Refused(Code.USER, got=shown(written))
    return written


def an_id(node: Node) -> str:
    """A name of the operator's choice, that is defined nowhere else."""
    written = scalar(node, "one id").text
    if not ID.fullmatch(written):
        raise Refused(Code.ID, got=shown(written))
    return written


def file(node: Node) -> str:
    """The path of a file that holds no secret."""
    written = scalar(node, "the path of one file").text
    if not _FILE.fullmatch(written):
        raise Refused(Code.FILE, got=shown(written))
    return written


def start(node: Node) -> str:
    """A local wall time without offset, to the minute or second."""
    written = scalar(node, "one local time, YYYY-MM-DDTHH:MM").text
    if not _START.fullmatch(written):
        raise Refused(Code.START, got=shown(written))
    try:
        return datetime.fromisoformat(written).isoformat(timespec="seconds")
    except ValueError as error:
        raise Refused(Code.NO_DAY if no_such_day(written) else Code.START, got=shown(written)) from error


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
_UNITS_S = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)\s?([smhd]?)")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$){_LABEL}|localhost")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_ENV = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")
_FILE = re.compile(r"/[^\x00-\x1f\x7f]{1,4000}")
_URL = re.compile(r"[!-~]{1,2000}")
_BEGINNING = re.compile(r"[a-z]{1,10}://[^/?#]{1,253}")
_KEY_TYPES = frozenset({"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"})
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
_START = re.compile(r"20\d{2}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2})?", re.ASCII)
