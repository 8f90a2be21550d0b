"""HTTP/1.1 as far as a check needs it (RFC 9110, RFC 9112): one GET, one response, everything bounded.

Own code and not h11, which the tests use as the judge of this file: h11 takes 51 µs of CPU for one exchange where this takes 21
(``python -m bench http``, both in one run); a check of a page may take 196 µs in all (``python -m bench probes``).
"""

from collections.abc import Generator
from functools import lru_cache
from typing import NamedTuple

from probes.option import Url
from probes.spec import Exactly, Line, Rest, Wish
from probes.words import quoted

MAX_HEADER_LINES = 200
MAX_HEADER_BYTES = 65_536
MAX_INTERIM = 10
MAX_CHUNKS = 20_000
_STATUS_LINE, _HEADER_LINE = Line(8192, "HTTP status line"), Line(16_384, "HTTP header")


class Malformed(Exception):  # noqa: N818 - says what the peer's bytes are; it never leaves the probe
    """The peer's bytes are no HTTP response; the text says why."""


class Response(NamedTuple):
    """``headers`` by lower-case name, repeated ones joined by ", "; ``cut``: the body was longer than what was read of it."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes = b""
    cut: bool = False


def get(url: Url, host: str, authorization: bytes = b"") -> bytes:
    """The request. ``host`` is a name or address; the connection is closed after the response."""
    proof = b"Authorization: " + authorization + b"\r\n" if authorization else b""
    return _head(url, host) + proof + b"Connection: close\r\n\r\n"


@lru_cache(4096)
def _head(url: Url, host: str) -> bytes:
    """Without what is secret."""
    name = f"[{host}]" if ":" in host else host
    where = name if url.port == (443 if url.tls else 80) else f"{name}:{url.port}"
    head = f"GET {url.target} HTTP/1.1\r\nHost: {where}\r\nUser-Agent: hikeshi\r\nAccept: */*\r\nAccept-Encoding: identity\r\n"
    return head.encode("ascii")


def response(body_bytes: int) -> Generator[Wish, bytes, Response]:
    """Read a response, and at most ``body_bytes`` of its body (none, where it is 0). Raises ``Malformed``."""
    for _ in range(MAX_INTERIM):
        status = _status((yield _STATUS_LINE))
        headers = yield from _headers()
        if status >= 200:
            break
        if status == 101:
            raise Malformed("switched protocols without being asked to")
    else:
        raise Malformed(f"sent {MAX_INTERIM} interim responses and no final one")
    if body_bytes == 0 or status in {204, 304}:
        return Response(status, headers)
    body = yield from _body(headers, body_bytes)
    return Response(status, headers, body[:body_bytes], len(body) > body_bytes)


def _status(line: bytes) -> int:
    code = line[9:12]
    if line[:7] != b"HTTP/1." or line[8:9] != b" " or line[12:13] not in {b"", b" "} or not (code.isdigit() and len(code) == 3):
        raise Malformed(f"answered {quoted(line)}, which is no HTTP/1 status line")
    if code < b"100":
        raise Malformed(f"answered with status {code.decode()}")
    return int(code)


def _headers() -> Generator[Wish, bytes, dict[bytes, bytes]]:
    found: dict[bytes, bytes] = {}
    name, size = b"", 0
    for _ in range(MAX_HEADER_LINES):
        line = yield _HEADER_LINE
        if not line:
            return found
        size += len(line)
        if size > MAX_HEADER_BYTES:
            raise Malformed(f"sent more than {MAX_HEADER_BYTES} bytes of headers")
        if line[:1] in b" \t" and name:  # obs-fold (RFC 9112 5.2)
            found[name] += b" " + line.strip()
            continue
        name, colon, value = line.partition(b":")
        if not colon or not name or name != name.strip():
            raise Malformed(f"sent {quoted(line)}, which is no HTTP header")
        name = name.lower()
        value = value.strip(b" \t")
        found[name] = found[name] + b", " + value if name in found else value
    raise Malformed(f"sent more than {MAX_HEADER_LINES} headers")


def _body(headers: dict[bytes, bytes], body_bytes: int) -> Generator[Wish, bytes, bytes]:
    """The body by RFC 9112 6.3; one byte more than ``body_bytes`` where there is more."""
    coding = headers.get(b"transfer-encoding", b"").lower()
    if coding:
        if coding != b"chunked":
            raise Malformed(f"sent its body in the transfer coding {quoted(coding)}, which was not asked for")
        return (yield from _chunks(body_bytes))
    length = headers.get(b"content-length")
    if length is None:
        return (yield Rest(body_bytes + 1, "body"))
    lengths = {part.strip() for part in length.split(b",")}
    count = lengths.pop()
    if lengths or not count.isdigit() or len(count) > 18:
        raise Malformed(f"sent the content length {quoted(length)}")
    wanted = min(int(count), body_bytes + 1)
    return (yield Exactly(wanted, f"body of {int(count)} bytes")) if wanted else b""


def _chunks(body_bytes: int) -> Generator[Wish, bytes, bytes]:
    body = bytearray()
    for _ in range(MAX_CHUNKS):
        size_line = (yield Line(1024, "chunk size")).partition(b";")[0].strip(b" \t")
        if not size_line or len(size_line) > 15 or not set(size_line) <= _HEX:
            raise Malformed(f"sent {quoted(size_line)} as the size of a chunk")
        size = int(size_line, 16)
        if size == 0:
            return bytes(body)
        body += yield Exactly(min(size, body_bytes + 1 - len(body)), f"chunk of {size} bytes")
        if len(body) > body_bytes:
            return bytes(body)
        if (yield Line(2, "chunk end")):
            raise Malformed("sent a chunk longer than its size")
    raise Malformed(f"sent more than {MAX_CHUNKS} chunks")


_HEX = frozenset(b"0123456789abcdefABCDEF")
