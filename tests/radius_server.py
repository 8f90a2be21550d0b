"""A RADIUS server's side of RFC 2865, written apart from the probe's: what it makes of a request, and how it answers."""

import hmac
from collections.abc import Callable
from hashlib import md5
from typing import NamedTuple

SECRET = b"the secret RS"


class Request(NamedTuple):
    """``signed``: its Message-Authenticator is right, and comes first."""

    user: bytes
    password: bytes
    signed: bool
    named: bool


def read(packet: bytes, secret: bytes = SECRET) -> Request:
    assert packet[0] == 1
    assert int.from_bytes(packet[2:4], "big") == len(packet)
    found, at = {}, 20
    while at < len(packet):
        found[packet[at]] = packet[at + 2 : at + packet[at + 1]]
        at += packet[at + 1]
    plain, last = b"", packet[4:20]
    for start in range(0, len(found[2]), 16):
        block = found[2][start : start + 16]
        plain += bytes(a ^ b for a, b in zip(block, md5(secret + last).digest(), strict=True))
        last = block
    blank = packet[:22] + bytes(16) + packet[38:]
    signed = packet[20] == 80 and hmac.digest(secret, blank, "md5") == found[80]
    return Request(found[1], plain.rstrip(b"\0"), signed, 32 in found)


def answer(
    code: int, attributes: bytes = b"", secret: bytes = SECRET, *, signed: bool = False, tail: bytes = b""
) -> Callable[[bytes], bytes]:
    """``signed``: with a Message-Authenticator as well; ``tail`` comes after the packet's own length."""

    def made(asked: bytes) -> bytes:
        head = bytes((code, asked[1])) + (20 + len(attributes) + 18 * signed).to_bytes(2, "big")
        rest = attributes
        if signed:
            rest = b"\x50\x12" + hmac.digest(secret, head + asked[4:20] + b"\x50\x12" + bytes(16) + attributes, "md5") + attributes
        return head + md5(head + asked[4:20] + rest + secret).digest() + rest + tail

    return made


def attribute(kind: int, value: bytes) -> bytes:
    return bytes((kind, len(value) + 2)) + value
