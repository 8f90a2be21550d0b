"""``ldap`` (C34): a bind is accepted, and a search finds something (RFC 4511); StartTLS by RFC 4511 4.14."""

from collections.abc import Generator
from typing import NamedTuple

from domain.model import FaultClass, Level
from domain.observation import Observation, down, up
from probes import option
from probes.ldap_filter import compiled, tlv
from probes.option import Option
from probes.spec import Connect, Dialogue, Exactly, Send, Spec, StartTls, Talk, Target, Wish
from probes.way_in import Account, options, way_in
from probes.words import quoted

IMPLIED_TLS = {636: "implicit"}
MAX_MESSAGE_BYTES = 65_536
MAX_MESSAGES = 50
"""Of one search: at most one entry is asked for, but referrals may come before it."""

_BIND, _SEARCH, _EXTENDED = 0x60, 0x63, 0x77
_BOUND, _ENTRY, _DONE, _REFERRED, _EXTENDED_DONE = 0x61, 0x64, 0x65, 0x73, 0x78
_UNBIND = tlv(0x42)
_START_TLS = b"1.3.6.1.4.1.1466.20037"
_SUBTREE, _TIME_LIMIT_S = 2, 10
_SIZE_LIMIT_EXCEEDED = 4
"""More than the one entry that was asked for."""
_WORDS = {
    1: "operations error", 2: "protocol error", 7: "this way to bind is not supported", 8: "a stronger way to bind is required",
    13: "TLS is required", 32: "no such object", 34: "not a distinguished name", 48: "not this way to bind",
    49: "wrong credentials", 50: "insufficient access rights", 51: "busy", 52: "unavailable", 53: "unwilling to perform",
}  # fmt: skip
"""RFC 4511 4.1.9."""

Refused = Generator[Wish, bytes, Observation | None]


class Answer(NamedTuple):
    """A message's operation; ``tag`` is 0 for what is no message at all."""

    tag: int
    body: bytes


def _look(target: Target) -> Dialogue:
    way = way_in(target, IMPLIED_TLS)
    if isinstance(way, Observation):
        return way
    yield Connect(target.address, way.port, way.tls if way.how == "implicit" else None)
    if way.how == "starttls":
        refusal = yield from _asked(0, tlv(_EXTENDED, tlv(0x80, _START_TLS)), _EXTENDED_DONE, "StartTLS", None)
        if refusal is not None:
            return refusal
        yield StartTls(way.tls)
    account = way.account
    credentials = (account.user.encode(), account.password.encode()) if account is not None else (b"", b"")
    bind = tlv(_BIND, tlv(0x02, b"\3"), tlv(0x04, credentials[0]), tlv(0x80, credentials[1]))
    refusal = yield from _asked(1, bind, _BOUND, "the bind", account)
    if refusal is None:
        refusal = yield from _searched(target.options["base"], target.options["filter"])
    if refusal is not None:
        return refusal
    yield Send(_message(3, _UNBIND))
    return up("found")


def _asked(number: int, operation: bytes, answered: int, said: str, account: Account | None) -> Refused:
    yield Send(_message(number, operation))
    answer = yield from _answer(f"answer to {said}")
    if answer.tag != answered:
        return down(f"answered {quoted(answer.body)} to {said}")
    return _result(answer.body, said, account)


def _searched(base: str, wanted: str) -> Refused:
    """At most one entry, without its attributes, is enough."""
    limits = tlv(0x02, b"\1") + tlv(0x02, bytes([_TIME_LIMIT_S])) + tlv(0x01, b"\xff")
    scope = tlv(0x0A, bytes([_SUBTREE])) + tlv(0x0A, b"\0")
    yield Send(_message(2, tlv(_SEARCH, tlv(0x04, base.encode()), scope, limits, compiled(wanted), tlv(0x30, tlv(0x04, b"1.1")))))
    found = False
    for _ in range(MAX_MESSAGES):
        answer = yield from _answer("answer to the search")
        if answer.tag == _DONE:
            refusal = _result(answer.body, "the search", None, also=_SIZE_LIMIT_EXCEEDED)
            return refusal if refusal is not None or found else down(f"found nothing for {quoted(wanted.encode())}")
        if answer.tag not in {_ENTRY, _REFERRED}:
            return down(f"answered {quoted(answer.body)} to the search")
        found = found or answer.tag == _ENTRY
    return down(f"did not come to an end within {MAX_MESSAGES} messages of the search")


def _result(body: bytes, said: str, account: Account | None, also: int = 0) -> Observation | None:
    """An LDAPResult: what it refuses, if it does."""
    code, rest = _element(body)
    _, rest = _element(rest)
    words, _ = _element(rest)
    number = int.from_bytes(code, "big")
    if len(code) == 1 and number in {0, also}:
        return None
    meant = _WORDS.get(number, f"result {number}") if len(code) == 1 else "something that is no result"
    more = f", {account.said(words) if account is not None else quoted(words)}" if words else ""
    return down(f"refused {said}: {meant}{more}")


def _answer(awaited: str) -> Generator[Wish, bytes, Answer]:
    """The next message's operation, whatever its number: one question is out at a time."""
    head = yield Exactly(2, awaited)
    size = head[1]
    if size & 0x80:
        count = size & 0x7F
        if not 0 < count <= 4:
            return Answer(0, head)
        size = int.from_bytes((yield Exactly(count, awaited)), "big")
    if head[0] != 0x30 or size > MAX_MESSAGE_BYTES:
        return Answer(0, head)
    body = yield Exactly(size, awaited)
    _, operation = _element(body)
    content, _ = _element(operation)
    return Answer(operation[0] if operation else 0, content)


def _element(data: bytes) -> tuple[bytes, bytes]:
    """The content of the first element, and what follows it; nothing of what lies about its length."""
    if len(data) < 2:
        return b"", b""
    size, at = data[1], 2
    if size & 0x80:
        at += size & 0x7F
        size = int.from_bytes(data[2:at], "big")
    return (data[at : at + size], data[at + size :]) if at + size <= len(data) else (b"", b"")


def _message(number: int, operation: bytes) -> bytes:
    return tlv(0x30, tlv(0x02, bytes([number + 1])), operation)


def _filter(value: object) -> str:
    written = option.text(500)(value)
    compiled(written)
    return written


LDAP = Spec(
    name="ldap",
    source="C34",
    doc="Binds to an LDAP server, and finds something there",
    way=Talk(_look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options={
        **options(389, IMPLIED_TLS),
        "base": Option("where to search: a distinguished name, such as dc=example,dc=com", option.text(250), required=True),
        "filter": Option("what must be found, such as (uid=watch) (RFC 4515)", _filter, required=True),
    },
)
