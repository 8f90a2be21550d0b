"""Questions and answers of DNS (RFC 1035), as the ``dns`` check and the watcher's own resolver send and read them."""

from collections.abc import Generator

import dns.message
import dns.rcode

from domain.observation import Observation
from probes import chance
from probes.asked import OTHERS, asked
from probes.spec import Ask, Connect, Exactly, Send, Wish

_HEADER_BYTES = 12
_RESPONSE, _TRUNCATED = 0x80, 0x02  # RFC 1035 4.1.1, in the third byte
_AWAITED = "DNS answer"
_RCODES: dict[int, str] = {
    dns.rcode.FORMERR: "it does not understand the question (FORMERR)",
    dns.rcode.SERVFAIL: "it can't answer just now (SERVFAIL)",
    dns.rcode.NXDOMAIN: "there is no such name (NXDOMAIN)",
    dns.rcode.NOTIMP: "it does not know this kind of question (NOTIMP)",
    dns.rcode.REFUSED: "it refuses to answer (REFUSED)",
}


def question(name: str, record: str) -> bytes:
    """For recursion, and without its id, which comes first. Raises dnspython's ``DNSException`` for what is no name."""
    return dns.message.make_query(name, record).to_wire()[2:]


def answer(address: str, port: int, asks: bytes) -> Generator[Wish, bytes, bytes | Observation]:
    """What is answered to the question, without its id: by datagram, and over TCP where that did not fit (RFC 7766 5). Only what
    has the id and the question, and comes from whom was asked, is an answer (RFC 5452 9.1)."""
    sent = chance.token()[:2] + asks
    heard = yield from asked(Ask(address, port, sent, _AWAITED), lambda data: _answers(sent, data))
    if isinstance(heard, Observation):
        return heard
    if heard[2] & _TRUNCATED:
        heard = yield from _by_tcp(address, port, sent)
        if not _answers(sent, heard):
            return OTHERS
    return heard[2:]


def rcode_of(heard: bytes) -> int:
    """Of what ``answer`` returns."""
    return heard[1] & 15


def said_by(rcode: int) -> str:
    """What a server says by this code that is no NOERROR."""
    return _RCODES.get(rcode, f"it failed (RCODE {rcode})")


def read(heard: bytes) -> dns.message.Message:
    """What ``answer`` returns. Raises dnspython's ``DNSException``, or ``ValueError``."""
    return dns.message.from_wire(b"\0\0" + heard)


def _by_tcp(address: str, port: int, sent: bytes) -> Generator[Wish, bytes, bytes]:
    """With its length ahead, in both directions (RFC 1035 4.2.2)."""
    yield Connect(address, port)
    yield Send(len(sent).to_bytes(2, "big") + sent)
    size = int.from_bytes((yield Exactly(2, _AWAITED)), "big")
    return (yield Exactly(size, _AWAITED)) if size else b""


def _answers(sent: bytes, heard: bytes) -> bool:
    """A response of the same id to the same question. Who refuses a question may leave it out."""
    if len(heard) < _HEADER_BYTES or heard[:2] != sent[:2] or not heard[2] & _RESPONSE:
        return False
    if heard[4:6] == b"\0\0":
        return heard[3] & 15 != dns.rcode.NOERROR
    return heard[_HEADER_BYTES : len(sent)].lower() == sent[_HEADER_BYTES:].lower()
