"""SNMP messages of v1 and v2c as bytes (RFC 1157, RFC 1905 and 3416, in BER by X.690): requests made, responses read.

Whatever comes in is bounded by its datagram and read to the last byte; what is no response is ``None``, never an exception.
"""

from collections.abc import Sequence
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from probes.reading import Absent, Oid, Value
from watch.snmp.ber import BadBer, header, integer, read_integer, read_octets, tlv

GET, GET_NEXT, RESPONSE, GET_BULK = 0xA0, 0xA1, 0xA2, 0xA5
MAX_COMMUNITY_BYTES = 255
NUMBER_BYTES = 4
_INTEGER, _OCTETS, _NULL, _OID, _SEQUENCE = 0x02, 0x04, 0x05, 0x06, 0x30
_IP_ADDRESS, _COUNTER32, _GAUGE32, _TIME_TICKS, _OPAQUE, _COUNTER64 = 0x40, 0x41, 0x42, 0x43, 0x44, 0x46
_UNSIGNED = frozenset({_COUNTER32, _GAUGE32, _TIME_TICKS, _COUNTER64})
_BYTES = frozenset({_OCTETS, _IP_ADDRESS, _OPAQUE})
_ABSENT = {0x80: Absent("noSuchObject"), 0x81: Absent("noSuchInstance"), 0x82: Absent("endOfMibView"), _NULL: Absent("null")}
_MAX_SUBIDS = 128  # RFC 3416 4.1
_MAX_SUBID = 2**32 - 1


class Version(IntEnum):
    V1 = 0
    V2C = 1


class Access(NamedTuple):
    """How an agent is asked."""

    version: Version
    community: bytes


class Bind(NamedTuple):
    oid: Oid
    value: Value | Absent


class Response(NamedTuple):
    """``variable``: whose ``status`` it is, from 1; 0 where it is the whole request's."""

    status: int
    variable: int
    binds: list[Bind]


def request(access: Access, number: int, kind: int, oids: Sequence[Oid], repetitions: int = 0) -> bytes:
    """``number``: 0 to 2^31-1, by which the response is known; ``repetitions`` of a GET_BULK, which has no non-repeaters."""
    before, after = framed(access, kind, tuple(oids), repetitions)
    return before + number.to_bytes(NUMBER_BYTES, "big") + after


@lru_cache(4096)
def framed(access: Access, kind: int, oids: tuple[Oid, ...], repetitions: int) -> tuple[bytes, bytes]:
    """What comes before a request's number, and after it: a host is asked for the same again and again."""
    said = pdu(0, kind, oids, repetitions)
    message = tlv(_SEQUENCE, integer(access.version) + tlv(_OCTETS, access.community) + said)
    at = len(message) - len(said) + header(said, 0, len(said), kind)[0] + 2
    return message[:at], message[at + NUMBER_BYTES :]


def pdu(number: int, kind: int, oids: Sequence[Oid], repetitions: int = 0) -> bytes:
    """The part of a request that v3 has too."""
    return tlv(
        kind, tlv(_INTEGER, number.to_bytes(NUMBER_BYTES, "big")) + b"\x02\x01\x00" + integer(repetitions) + _binds(tuple(oids))
    )


def response(data: bytes, access: Access, number: int) -> Response | None:
    """The response to that request; ``None`` for anything else."""
    try:
        return _response(data, access, number)
    except (IndexError, BadBer):
        return None


def _response(data: bytes, access: Access, number: int) -> Response | None:
    at, end = header(data, 0, len(data), _SEQUENCE)
    version, at = read_integer(data, at, end)
    community, at = read_octets(data, at, end)
    if end != len(data) or version != access.version or community != access.community:
        return None
    got, answer = read_pdu(data, at, end, RESPONSE)
    return answer if got == number else None


def read_pdu(data: bytes, at: int, end: int, kind: int) -> tuple[int, Response]:
    """The PDU that fills the message up to ``end``, and which request it is of. Raises ``BadBer``, ``IndexError``."""
    at, stop = header(data, at, end, kind)
    number, at = read_integer(data, at, stop)
    status, at = read_integer(data, at, stop)
    variable, at = read_integer(data, at, stop)
    at, last = header(data, at, stop, _SEQUENCE)
    if stop != end or last != end:
        raise BadBer
    return number, Response(status, variable, read_binds(data, at, end))


def read_binds(data: bytes, at: int, end: int) -> list[Bind]:
    """One after the other, up to ``end``; short lengths, as nearly all are, are read in place."""
    binds = []
    while at < end:
        short = data[at] == _SEQUENCE and data[at + 1] < 0x80
        at, stop = (at + 2, at + 2 + data[at + 1]) if short else header(data, at, end, _SEQUENCE)
        short = data[at] == _OID and data[at + 1] < 0x80
        start, at = (at + 2, at + 2 + data[at + 1]) if short else header(data, at, stop, _OID)
        if at >= stop or stop > end:
            raise BadBer
        oid, tag = read_oid(data[start:at]), data[at]
        start, at = (at + 2, at + 2 + data[at + 1]) if data[at + 1] < 0x80 else header(data, at, stop, tag)
        if at != stop:
            raise BadBer
        binds.append(Bind(oid, value(tag, data[start:at])))
    return binds


def value(tag: int, contents: bytes) -> Value | Absent:
    """What the contents of an element mean. Raises ``BadBer``."""
    if tag == _INTEGER or tag in _UNSIGNED:
        if not 1 <= len(contents) <= 9:
            raise BadBer
        number = int.from_bytes(contents, "big", signed=True)
        return number if tag == _INTEGER else number % 2**64  # some agents write a counter without its leading zero
    if tag in _BYTES:
        return contents
    if tag == _OID:
        return read_oid(contents)
    absent = _ABSENT.get(tag)
    if absent is None:
        raise BadBer
    return absent


@lru_cache(65_536)
def read_oid(data: bytes) -> Oid:
    """Most names come again with the next look."""
    if not data or data[-1] & 0x80:
        raise BadBer
    subids, value = [], 0
    for byte in data:
        value = value << 7 | byte & 0x7F
        if value > _MAX_SUBID + 80:
            raise BadBer
        if not byte & 0x80:
            subids.append(value)
            value = 0
    if len(subids) >= _MAX_SUBIDS or max(subids[1:], default=0) > _MAX_SUBID:
        raise BadBer
    first = min(subids[0] // 40, 2)
    return (first, subids[0] - 40 * first, *subids[1:])


@lru_cache(4096)
def _binds(oids: tuple[Oid, ...]) -> bytes:
    """A host is asked for the same again and again."""
    return tlv(_SEQUENCE, b"".join(tlv(_SEQUENCE, tlv(_OID, oid_bytes(oid)) + b"\x05\x00") for oid in oids))


def oid_bytes(oid: Oid) -> bytes:
    return b"".join(_subid(value) for value in (oid[0] * 40 + oid[1], *oid[2:]))


def _subid(value: int) -> bytes:
    septets = [value & 0x7F]
    while value := value >> 7:
        septets.append(0x80 | value & 0x7F)
    return bytes(reversed(septets))
