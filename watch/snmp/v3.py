"""SNMPv3 messages as bytes (RFC 3412 6, RFC 3414 2.4): written, and read as far as whoever has the keys may.

Whatever comes in is bounded by its datagram; what is no message is ``None``, never an exception.
"""

import hmac
import secrets
from typing import NamedTuple

from probes.reading import Oid
from watch.snmp.ber import OCTETS, SEQUENCE, BadBer, header, integer, read_integer, read_octets, tlv
from watch.snmp.usm import DIGESTS, SALT_BYTES, Engine, Local, decrypted, encrypted, signature

VERSION = 3
REPORT = 0xA8
_USM = 3
_AUTH, _PRIVACY, _REPORTABLE = 1, 2, 4
_MAX_SIZE = 65_507
_MAX_ENGINE_BYTES = 32
_MAX_COUNT = 2**31 - 1
_USM_STATS: Oid = (1, 3, 6, 1, 6, 3, 15, 1, 1)
UNSUPPORTED_LEVEL, NOT_IN_TIME, UNKNOWN_USER, UNKNOWN_ENGINE, WRONG_DIGEST, CANT_DECRYPT = (
    (*_USM_STATS, number, 0) for number in range(1, 7)
)
UNAVAILABLE_CONTEXT: Oid = (1, 3, 6, 1, 6, 3, 12, 1, 4, 0)
UNKNOWN_CONTEXT: Oid = (1, 3, 6, 1, 6, 3, 12, 1, 5, 0)
"""What a report speaks of (RFC 3414 5, RFC 3413 4.1.2)."""


class Message(NamedTuple):
    """One as it came. ``engine`` is who has authority over it, ``secured`` and ``private`` what is claimed of it. ``data`` is its
    scoped PDU, encrypted where it is ``private``."""

    number: int
    reportable: bool
    secured: bool
    private: bool
    engine: Engine
    user: bytes
    mac: bytes
    mac_at: int
    salt: bytes
    data: bytes
    whole: bytes


class Context(NamedTuple):
    """Which part of which engine is meant (RFC 3411 3.3.1)."""

    engine: bytes
    name: bytes


class Scoped(NamedTuple):
    """``pdu``: where it begins in ``data``, which ends with it."""

    context: Context
    data: bytes
    pdu: int


def written(
    who: Local, engine: Engine, number: int, pdu: bytes, *, reportable: bool = True, context: Context | None = None
) -> bytes:
    """``number``: 0 to 2^31-1, by which the answer is known. ``context``: the user's at that engine by default."""
    meant = context or Context(engine.id, who.user.context)
    user, salt = who.user, secrets.token_bytes(SALT_BYTES)  # never the same twice
    flags = (_AUTH if user.auth else 0) | (_PRIVACY if user.privacy else 0) | (_REPORTABLE if reportable else 0)
    head = integer(VERSION) + tlv(SEQUENCE, integer(number) + integer(_MAX_SIZE) + tlv(OCTETS, bytes((flags,))) + integer(_USM))
    data = tlv(SEQUENCE, tlv(OCTETS, meant.engine) + tlv(OCTETS, meant.name) + pdu)
    if user.privacy:
        data = tlv(OCTETS, encrypted(who, engine, salt, data))
    blank = bytes(DIGESTS[user.auth].size) if user.auth else b""
    before = tlv(OCTETS, engine.id) + integer(engine.boots) + integer(engine.time_s) + tlv(OCTETS, user.name)
    after = tlv(OCTETS, salt if user.privacy else b"")
    whole = tlv(SEQUENCE, head + tlv(OCTETS, tlv(SEQUENCE, before + tlv(OCTETS, blank) + after)) + data)
    if not user.auth:
        return whole
    at = len(whole) - len(data) - len(after) - len(blank)
    return whole[:at] + signature(who, whole) + whole[at + len(blank) :]


def read(whole: bytes) -> Message | None:
    """Nothing of it is believed yet."""
    try:
        return _read(whole)
    except (IndexError, BadBer):
        return None


def genuine(message: Message, who: Local) -> bool:
    """Is it from somebody who knows this user's password? (RFC 3414 6.3.2.)"""
    if not who.user.auth or len(message.mac) != DIGESTS[who.user.auth].size:
        return False
    at, size = message.mac_at, len(message.mac)
    blank = message.whole[:at] + bytes(size) + message.whole[at + size :]
    return hmac.compare_digest(signature(who, blank), message.mac)


def opened(message: Message, who: Local) -> Scoped | None:
    """What it says. ``None``: that can't be made out, as it was encrypted with another key, or not as it should."""
    data = message.data
    if message.private:
        plain = decrypted(who, message.engine, message.salt, data) if who.user.privacy else None
        if plain is None:
            return None
        data = plain
    try:
        return _scoped(data, padded=message.private)
    except (IndexError, BadBer):
        return None


def _read(whole: bytes) -> Message | None:
    at, end = header(whole, 0, len(whole), SEQUENCE)
    version, at = read_integer(whole, at, end)
    if version != VERSION or end != len(whole):
        return None
    head, at = header(whole, at, end, SEQUENCE)
    number, head = read_integer(whole, head, at)
    _, head = read_integer(whole, head, at)
    flags, head = read_octets(whole, head, at)
    model, head = read_integer(whole, head, at)
    held, security = header(whole, at, end, OCTETS)
    held, last = header(whole, held, security, SEQUENCE)
    engine, held = read_octets(whole, held, last)
    boots, held = read_integer(whole, held, last)
    time_s, held = read_integer(whole, held, last)
    user, held = read_octets(whole, held, last)
    mac, held = read_octets(whole, held, last)
    mac_at = held - len(mac)
    salt, held = read_octets(whole, held, last)
    if len(flags) != 1 or model != _USM or last != security or held != last or head != at:
        return None
    if not all(0 <= count <= _MAX_COUNT for count in (number, boots, time_s)) or len(engine) > _MAX_ENGINE_BYTES:
        return None
    private = bool(flags[0] & _PRIVACY)
    if private and not flags[0] & _AUTH:  # RFC 3412 6.4
        return None
    start, stop = header(whole, security, end, OCTETS if private else SEQUENCE)
    if stop != end:
        return None
    return Message(
        number=number,
        reportable=bool(flags[0] & _REPORTABLE),
        secured=bool(flags[0] & _AUTH),
        private=private,
        engine=Engine(engine, boots, time_s),
        user=user,
        mac=mac,
        mac_at=mac_at,
        salt=salt,
        data=whole[start if private else security : end],
        whole=whole,
    )


def _scoped(data: bytes, *, padded: bool) -> Scoped | None:
    at, end = header(data, 0, len(data), SEQUENCE)
    if end != len(data) and not padded:
        return None
    engine, at = read_octets(data, at, end)
    name, at = read_octets(data, at, end)
    return Scoped(Context(engine, name), data[:end], at)
