"""Traps and informs as bytes: of v1 (RFC 1157 4.1.6), of v2c (RFC 3416 4.2.6), and the PDUs of v3. What is none is ``None``."""

from typing import NamedTuple

from probes.reading import Absent, Oid
from probes.snmp_trap import Trap
from watch.snmp.ber import SEQUENCE, BadBer, header, integer, read_integer, read_octets, tlv
from watch.snmp.message import RESPONSE, Version, read_binds, read_oid, read_pdu

_TRAP_V1, _INFORM, _TRAP_V2 = 0xA4, 0xA6, 0xA7
_IP_ADDRESS, _OID, _TIME_TICKS, _OCTETS = 0x40, 0x06, 0x43, 0x04
_ENTERPRISE_SPECIFIC = 6
_TRAPS: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 5)
_TRAP_OID: Oid = (1, 3, 6, 1, 6, 3, 1, 1, 4, 1, 0)
"""snmpTrapOID.0: the trap's name."""


class Said(NamedTuple):
    """``answer``: the PDU that an inform waits for; empty for a trap, which nobody answers."""

    trap: Trap
    answer: bytes


class OfCommunity(NamedTuple):
    version: Version
    community: bytes
    said: Said

    def answer(self) -> bytes:
        """The whole message to an inform."""
        return tlv(SEQUENCE, integer(self.version) + tlv(_OCTETS, self.community) + self.said.answer)


def version_of(data: bytes) -> int | None:
    """0 for v1, 1 for v2c, 3 for v3."""
    try:
        at, end = header(data, 0, len(data), SEQUENCE)
        return read_integer(data, at, end)[0]
    except (IndexError, BadBer):
        return None


def of_community(data: bytes) -> OfCommunity | None:
    """One of v1 or v2c."""
    try:
        at, end = header(data, 0, len(data), SEQUENCE)
        version, at = read_integer(data, at, end)
        community, at = read_octets(data, at, end)
        if end != len(data) or version not in (Version.V1, Version.V2C):
            return None
        said = Said(_of_v1(data, at, end), b"") if version == Version.V1 else _of_v2(data, at, end)
        return OfCommunity(Version(version), community, said)
    except (IndexError, BadBer):
        return None


def of_pdu(data: bytes, at: int) -> Said | None:
    """One of v3, which begins at ``at`` and ends with ``data``."""
    try:
        return _of_v2(data, at, len(data))
    except (IndexError, BadBer):
        return None


def _of_v2(data: bytes, at: int, end: int) -> Said:
    kind = data[at]
    if kind not in (_TRAP_V2, _INFORM):
        raise BadBer
    _, said = read_pdu(data, at, end, kind)
    variables = {bind.oid: bind.value for bind in said.binds if not isinstance(bind.value, Absent)}
    name = variables.get(_TRAP_OID)
    if not isinstance(name, tuple):
        raise BadBer
    contents, stop = header(data, at, end, kind)
    return Said(Trap(name, variables), tlv(RESPONSE, data[contents:stop]) if kind == _INFORM else b"")


def _of_v1(data: bytes, at: int, end: int) -> Trap:
    at, stop = header(data, at, end, _TRAP_V1)
    start, at = header(data, at, stop, _OID)
    enterprise = read_oid(data[start:at])
    _, at = header(data, at, stop, _IP_ADDRESS)
    generic, at = read_integer(data, at, stop)
    specific, at = read_integer(data, at, stop)
    _, at = header(data, at, stop, _TIME_TICKS)
    at, last = header(data, at, stop, SEQUENCE)
    if stop != end or last != end or generic < 0 or specific < 0:
        raise BadBer
    variables = {bind.oid: bind.value for bind in read_binds(data, at, last) if not isinstance(bind.value, Absent)}
    if generic == _ENTERPRISE_SPECIFIC:
        return Trap((*enterprise, 0, specific), variables)  # RFC 3584 3.1
    return Trap((*_TRAPS, generic + 1), variables)
