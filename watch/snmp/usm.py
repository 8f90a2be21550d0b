"""The User-based Security Model of SNMPv3 as functions of bytes (RFC 3414, RFC 7860, RFC 3826): keys, digests, encryption.

MD5, SHA-1 and DES are what agents know; which of them is used the inventory says.
"""

import hashlib
import hmac
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import NamedTuple

from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.decrepit.ciphers.modes import CFB
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

MIN_PASSWORD_CHARS = 8
"""RFC 3414 11.2."""
MAX_NAME_BYTES = 32
SALT_BYTES = 8
_STRETCHED_BYTES = 2**20  # RFC 3414 A.2
_DES_BLOCK_BYTES = 8


class Digest(NamedTuple):
    """``hash`` as hashlib names it; ``size``: how much of it is sent."""

    hash: str
    size: int


DIGESTS: Mapping[str, Digest] = MappingProxyType(
    {
        "md5": Digest("md5", 12), "sha-1": Digest("sha1", 12), "sha-224": Digest("sha224", 16),
        "sha-256": Digest("sha256", 24), "sha-384": Digest("sha384", 32), "sha-512": Digest("sha512", 48),
    }
)  # fmt: skip
AES_KEY_BYTES: Mapping[str, int] = MappingProxyType({"aes-128": 16, "aes-192": 24, "aes-256": 32})
DES = "des"


class User(NamedTuple):
    """Whom an agent knows. ``auth`` is a key of ``DIGESTS``, ``privacy`` of ``AES_KEY_BYTES`` or ``DES``; each is empty without."""

    name: bytes
    auth: str = ""
    auth_password: str = ""
    privacy: str = ""
    privacy_password: str = ""
    context: bytes = b""


class Local(NamedTuple):
    """A user with its keys at one engine."""

    user: User
    auth_key: bytes = b""
    privacy_key: bytes = b""


class Engine(NamedTuple):
    """An SNMP engine as one who is not it knows it: ``time_s`` since its ``boots``-th start (RFC 3414 2.2)."""

    id: bytes
    boots: int
    time_s: int


@lru_cache(4096)
def local(user: User, engine: bytes) -> Local:
    """At the engine of that id."""
    if not user.auth:
        return Local(user)
    digest = DIGESTS[user.auth].hash
    auth = _localised(digest, _stretched(digest, user.auth_password), engine)
    if not user.privacy:
        return Local(user, auth)
    privacy = _localised(digest, _stretched(digest, user.privacy_password), engine)
    size = AES_KEY_BYTES.get(user.privacy, 2 * _DES_BLOCK_BYTES)
    while len(privacy) < size:  # draft-blumenthal-aes-usm-04 3.1.2.1, as net-snmp does
        privacy += hashlib.new(digest, privacy, usedforsecurity=False).digest()
    return Local(user, auth, privacy[:size])


def signature(who: Local, message: bytes) -> bytes:
    """Of a whole message in which zeros stand in its place (RFC 3414 6.3, RFC 7860 4)."""
    known = DIGESTS[who.user.auth]
    return hmac.digest(who.auth_key, message, known.hash)[: known.size]


def encrypted(who: Local, engine: Engine, salt: bytes, plain: bytes) -> bytes:
    cipher = _cipher(who, engine, salt).encryptor()
    padded = plain + bytes(-len(plain) % _DES_BLOCK_BYTES) if who.user.privacy == DES else plain
    return cipher.update(padded) + cipher.finalize()


def decrypted(who: Local, engine: Engine, salt: bytes, secret: bytes) -> bytes | None:
    """Padding may follow what was meant. ``None`` for what can't have been encrypted so."""
    if len(salt) != SALT_BYTES or (who.user.privacy == DES and len(secret) % _DES_BLOCK_BYTES):
        return None
    cipher = _cipher(who, engine, salt).decryptor()
    return cipher.update(secret) + cipher.finalize()


def _cipher(who: Local, engine: Engine, salt: bytes) -> Cipher[CBC | CFB]:
    key = who.privacy_key
    if who.user.privacy == DES:  # RFC 3414 8.1.1: half of the key is for the vector; three times the same key is DES itself
        vector = bytes(one ^ other for one, other in zip(key[_DES_BLOCK_BYTES:], salt, strict=True))
        return Cipher(TripleDES(key[:_DES_BLOCK_BYTES] * 3), CBC(vector))
    return Cipher(AES(key), CFB(engine.boots.to_bytes(4, "big") + engine.time_s.to_bytes(4, "big") + salt))  # RFC 3826 3.1.2.1


@lru_cache(4096)
def _stretched(digest: str, password: str) -> bytes:
    """RFC 3414 A.2: some milliseconds, so it is kept."""
    written = password.encode()
    return hashlib.new(
        digest, (written * (_STRETCHED_BYTES // len(written) + 1))[:_STRETCHED_BYTES], usedforsecurity=False
    ).digest()


def _localised(digest: str, key: bytes, engine: bytes) -> bytes:
    return hashlib.new(digest, key + engine + key, usedforsecurity=False).digest()
