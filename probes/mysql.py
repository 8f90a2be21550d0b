"""``mysql`` (C36): the named database can be opened with the account, on MySQL and MariaDB.

Spoken here and by no library, since those that await send the password in clear to whoever asks for it.
"""

from collections.abc import Generator
from hashlib import sha1, sha256
from typing import NamedTuple

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.database import options
from probes.spec import Connect, Dialogue, Exactly, Send, Spec, StartTls, Talk, Target, Tls, Wish
from probes.way_in import Account
from probes.words import quoted

PORT = 3306
MAX_COLUMNS = 10
_LONG = 0xFB
"""From here on the first byte of a cell is no length (NULL, or longer than 250 bytes)."""
MAX_PACKET_BYTES = 65_536
MAX_TURNS = 8
"""Packets of an authentication; two or three are usual."""

_LONG_PASSWORD, _CONNECT_WITH_DB, _PROTOCOL_41, _SSL, _SECURE, _PLUGIN_AUTH = 1, 8, 0x200, 0x800, 0x8000, 0x80000
_CAPABILITIES = _LONG_PASSWORD | _CONNECT_WITH_DB | _PROTOCOL_41 | _SECURE | _PLUGIN_AUTH
_UTF8MB4 = 45
METHODS = (b"mysql_native_password", b"caching_sha2_password")
_OK, _MORE, _SWITCH, _ERROR = 0x00, 0x01, 0xFE, 0xFF
_FULL = b"\4"
"""Of caching_sha2_password: the server does not know this account's password yet and wants it as it is."""

Said = Generator[Wish, bytes, Observation | None]


class Greeting(NamedTuple):
    """Protocol::HandshakeV10."""

    version: bytes
    capabilities: int
    salt: bytes
    plugin: bytes


class Session(NamedTuple):
    """A database that is open."""

    version: bytes
    account: Account


def _look(target: Target) -> Dialogue:
    session = yield from opened(target)
    if isinstance(session, Observation):
        return session
    yield from leave()
    return up(quoted(session.version))


def opened(target: Target) -> Generator[Wish, bytes, Session | Observation]:
    """The database, or why it can't be opened."""
    given = target.options
    login = option.as_login(given["login"])
    account = Account(login.user, target.secrets(login.password))
    if not account.password:
        return unknown("the password is empty")
    yield Connect(target.address, given["port"] or PORT)
    number, packet = yield from _packet("greeting")
    if not packet:
        return down(f"its greeting is longer than {MAX_PACKET_BYTES} bytes, or empty")
    if packet[:1] == bytes([_ERROR]):
        return down(f"refused with {account.said(_error(packet))}")
    greeting = _greeting(packet)
    if greeting is None:
        return down(f"greets with {quoted(packet)} instead of MySQL's handshake")
    how: str = given["tls"]
    capabilities = _CAPABILITIES | (_SSL if how != "none" else 0)
    head = capabilities.to_bytes(4, "little") + MAX_PACKET_BYTES.to_bytes(4, "little") + bytes([_UTF8MB4]) + bytes(23)
    if how != "none":
        if not greeting.capabilities & _SSL:
            return down("offers no TLS")
        number += 1
        yield Send(_framed(number, head))
        yield StartTls(Tls(given["server_name"] or target.called, how == "verified", given["ca_file"]))
    plugin = greeting.plugin if greeting.plugin in METHODS else METHODS[0]  # another is asked for anew
    answer = _scrambled(plugin, greeting.salt, account.password)
    yield Send(_framed(number + 1, head + _login(account, answer or b"", given["database"], plugin)))
    refusal = yield from _authenticated(account, may_show=how == "verified")
    return refusal if refusal is not None else Session(greeting.version, account)


def leave() -> Generator[Wish, bytes, None]:
    yield Send(_framed(0, b"\1"))  # COM_QUIT


def asked(session: Session, query: str) -> Generator[Wish, bytes, tuple[bytes, ...] | Observation]:
    """The first row of the answer, its cells as texts; none of what has no rows."""
    yield Send(_framed(0, b"\3" + query.encode()))  # COM_QUERY
    awaited = "answer to the question"
    _, packet = yield from _packet(awaited)
    if packet[:1] == bytes([_ERROR]):
        return down(f"refused the question with {session.account.said(_error(packet))}")
    if packet[:1] == bytes([_OK]):
        return ()
    columns = packet[0] if len(packet) == 1 else 0
    if not 0 < columns <= MAX_COLUMNS:
        return down(f"answered {quoted(packet)} to the question")
    for _ in range(columns):
        yield from _packet(awaited)
    rows = []
    for _ in range(3):  # the end of the columns, one row, the end of the rows
        _, packet = yield from _packet(awaited)
        if not packet or packet[:1] == bytes([_ERROR]):
            return down(f"refused the question with {session.account.said(_error(packet))}")
        rows.append(packet)
    cells = _cells(rows[1])
    return cells if len(cells) == columns else down("answered something else than a row to the question")


def _cells(row: bytes) -> tuple[bytes, ...]:
    """Of ProtocolText::ResultsetRow; only what is short, as numbers are."""
    found, at = [], 0
    while at < len(row) and row[at] < _LONG:
        found.append(row[at + 1 : at + 1 + row[at]])
        at += 1 + row[at]
    return tuple(found) if at == len(row) else ()


def _authenticated(account: Account, *, may_show: bool) -> Said:
    """What the server makes of the login; ``None``: it let us in."""
    for _ in range(MAX_TURNS):
        number, packet = yield from _packet("answer to the login")
        kind, rest = packet[:1], packet[1:]
        if kind == bytes([_OK]):
            return None
        if kind == bytes([_ERROR]):
            return down(f"refused the login with {account.said(_error(packet))}")
        if kind == bytes([_SWITCH]):
            plugin, _, salt = rest.partition(b"\0")
            answer = _scrambled(plugin, salt.rstrip(b"\0"), account.password)
            if answer is None:
                return down(f"wants a login by {quoted(plugin)}, which is none of mysql_native_password, caching_sha2_password")
            yield Send(_framed(number + 1, answer))
        elif kind == bytes([_MORE]) and rest == _FULL:
            if not may_show:
                return down("wants the password itself, which is only sent over TLS that is verified (tls: verified)")
            yield Send(_framed(number + 1, account.password.encode() + b"\0"))
        elif kind != bytes([_MORE]):
            return down(f"answered {account.said(packet)} to the login")
    return down(f"did not come to an end within {MAX_TURNS} packets of the login")


def _scrambled(plugin: bytes, salt: bytes, password: str) -> bytes | None:
    """The proof of the password that this method asks for; ``None``: it asks for the password, or is not known here."""
    secret = password.encode()
    if plugin == METHODS[0]:
        once = sha1(secret, usedforsecurity=False).digest()
        return _xor(once, sha1(salt[:20] + sha1(once, usedforsecurity=False).digest(), usedforsecurity=False).digest())
    if plugin == METHODS[1]:
        once = sha256(secret).digest()
        return _xor(once, sha256(sha256(once).digest() + salt[:20]).digest())
    return None


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _login(account: Account, answer: bytes, database: str, plugin: bytes) -> bytes:
    """The rest of Protocol::HandshakeResponse41."""
    user, name = account.user.encode(), database.encode()
    return user + b"\0" + bytes([len(answer)]) + answer + name + b"\0" + plugin + b"\0"


def _greeting(packet: bytes) -> Greeting | None:
    version, end, rest = packet[1:].partition(b"\0")
    if packet[:1] != b"\n" or not end or len(rest) < 31:
        return None
    capabilities = int.from_bytes(rest[13:15], "little") | int.from_bytes(rest[18:20], "little") << 16
    salt, plugin = rest[4:12] + rest[31:43], rest[44:].partition(b"\0")[0]
    return Greeting(version, capabilities, salt, plugin or METHODS[0])


def _error(packet: bytes) -> bytes:
    """The words of an ERR packet, without its number and state."""
    words = packet[3:]
    return words[6:] if words[:1] == b"#" else words


def _packet(awaited: str) -> Generator[Wish, bytes, tuple[int, bytes]]:
    """The next packet's number, and what is in it: nothing, of one that claims to be larger than any is here."""
    head = yield Exactly(4, awaited)
    size = int.from_bytes(head[:3], "little")
    body = (yield Exactly(size, awaited)) if size <= MAX_PACKET_BYTES else b""
    return head[3], body


def _framed(number: int, body: bytes) -> bytes:
    return len(body).to_bytes(3, "little") + bytes([number % 256]) + body


MYSQL = Spec(
    name="mysql",
    source="C36",
    doc="Opens a database with an account, on MySQL or MariaDB",
    way=Talk(_look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    options=options(PORT),
)
