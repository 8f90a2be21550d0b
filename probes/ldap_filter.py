"""Search filters of LDAP: their text (RFC 4515) as it goes over the wire (RFC 4511 4.5.1.7)."""

import re
from typing import NamedTuple

MAX_CHARS = 500
MAX_DEPTH = 20
RIGHT = "a search filter such as (uid=watch) or (&(objectClass=person)(mail=*)); RFC 4515"

_ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.;-]{0,99}")
_AND, _OR, _NOT, _EQUAL, _PARTS, _PRESENT = 0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0x87
_COMPARED = {">": 0xA5, "<": 0xA6, "~": 0xA8}
_SETS = {"&": _AND, "|": _OR}


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element of BER (X.690), definite length."""
    body = b"".join(parts)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def compiled(text: str) -> bytes:
    """Raises ``ValueError`` with what would be right."""
    if not 0 < len(text) <= MAX_CHARS:
        raise ValueError(RIGHT)
    read = _filter(text, 0, 0)
    if read.end != len(text):
        raise ValueError(RIGHT)
    return read.data


class _Read(NamedTuple):
    data: bytes
    end: int


def _filter(text: str, at: int, depth: int) -> _Read:
    if text[at : at + 1] != "(" or depth > MAX_DEPTH:
        raise ValueError(RIGHT)
    sign = text[at + 1 : at + 2]
    if sign in _SETS:
        found, end = [], at + 2
        while text[end : end + 1] == "(":
            read = _filter(text, end, depth + 1)
            found.append(read.data)
            end = read.end
        return _closed(text, _Read(tlv(_SETS[sign], *found), end)) if found else _refuse()
    if sign == "!":
        negated = _filter(text, at + 2, depth + 1)
        return _closed(text, _Read(tlv(_NOT, negated.data), negated.end))
    end = text.find(")", at)
    return _closed(text, _Read(_item(text[at + 1 : end]), end)) if end > at else _refuse()


def _closed(text: str, read: _Read) -> _Read:
    return _Read(read.data, read.end + 1) if text[read.end : read.end + 1] == ")" else _refuse()


def _refuse() -> _Read:
    raise ValueError(RIGHT)


def _item(text: str) -> bytes:
    attribute, equals, value = text.partition("=")
    tag = _EQUAL
    if attribute[-1:] in _COMPARED:
        tag, attribute = _COMPARED[attribute[-1]], attribute[:-1]
    if not equals or not _ATTRIBUTE.fullmatch(attribute) or "(" in value:
        raise ValueError(RIGHT)
    name = attribute.encode()
    if tag == _EQUAL and value == "*":
        return tlv(_PRESENT, name)
    if tag == _EQUAL and "*" in value:
        first, *middle, last = map(_octets, value.split("*"))
        parts = [tlv(0x80, first)] if first else []
        parts += [tlv(0x81, part) for part in middle if part]
        parts += [tlv(0x82, last)] if last else []
        if not parts:
            raise ValueError(RIGHT)
        return tlv(_PARTS, tlv(0x04, name), tlv(0x30, *parts))
    return tlv(tag, tlv(0x04, name), tlv(0x04, _octets(value)))


def _octets(text: str) -> bytes:
    r"""A value with its ``\2a`` resolved."""
    plain, *escaped = text.split("\\")
    found = plain.encode()
    for part in escaped:
        if not re.fullmatch("[0-9a-fA-F]{2}", part[:2]):
            raise ValueError(RIGHT)
        found += bytes.fromhex(part[:2]) + part[2:].encode()
    return found
