"""``radius`` (C35): the account is let in by PAP (RFC 2865); whoever answers knows the shared secret.

MD5 is what RFC 2865 and RFC 3579 sign with; nothing here chose it.
"""

import hmac
import secrets
from collections.abc import Iterator
from hashlib import md5

from domain.model import FaultClass, Level
from domain.observation import Observation, down, unknown, up
from probes import option
from probes.asked import asked
from probes.option import Option
from probes.spec import Ask, Dialogue, Spec, Talk, Target
from probes.way_in import Account

MAX_PASSWORD_BYTES, MAX_VALUE_BYTES = 128, 253
"""RFC 2865 5.2, 5."""
_HEADER_BYTES, _MAX_BYTES, _BLOCK_BYTES = 20, 4096, 16
_REQUEST, _ACCEPT, _REJECT, _CHALLENGE = 1, 2, 3, 11
_USER_NAME, _USER_PASSWORD, _REPLY_MESSAGE, _NAS_IDENTIFIER, _MESSAGE_AUTHENTICATOR = 1, 2, 18, 32, 80
_REFUSALS = {_REJECT: "refuses the account (Access-Reject)", _CHALLENGE: "wants more than a password (Access-Challenge)"}


def _look(target: Target) -> Dialogue:
    login = option.as_login(target.options["login"])
    account = Account(login.user, target.secrets(login.password))
    secret = target.secrets(option.as_secret(target.options["secret"])).encode()
    if not secret or not account.password:
        return unknown("the password or the shared secret is empty")
    if len(account.password.encode()) > MAX_PASSWORD_BYTES or len(account.user.encode()) > MAX_VALUE_BYTES:
        return unknown("the user's name or the password is longer than a request can carry")
    question = _question(account, secret)
    # The RFC has forged answers dropped, and servers drop what is signed with another secret: either way nothing comes
    awaited, silence = "RADIUS answer signed with the shared secret", "it may have another, or not know this watcher"
    heard = yield from asked(
        Ask(target.address, target.options["port"], question, awaited, silence), lambda heard: _answers(question, secret, heard)
    )
    if isinstance(heard, Observation):
        return heard
    if heard[0] == _ACCEPT:
        return up("Access-Accept")
    said = b"".join(value for kind, value, _ in _attributes(heard) if kind == _REPLY_MESSAGE).replace(secret, b"***")
    refusal = _REFUSALS.get(heard[0], f"answers with code {heard[0]} instead of Access-Accept")
    return down(refusal + (f", saying {account.said(said)}" if said else ""))


def _question(account: Account, secret: bytes) -> bytes:
    """An Access-Request; its Message-Authenticator comes first, so that nobody on the way can make another answer fit."""
    authenticator = secrets.token_bytes(_BLOCK_BYTES)
    attributes = _attribute(_MESSAGE_AUTHENTICATOR, bytes(_BLOCK_BYTES)) + b"".join(
        (
            _attribute(_USER_NAME, account.user.encode()),
            _attribute(_USER_PASSWORD, _hidden(account.password.encode(), secret, authenticator)),
            _attribute(_NAS_IDENTIFIER, b"hikeshi"),
        )
    )
    head = bytes((_REQUEST, secrets.randbelow(256))) + (_HEADER_BYTES + len(attributes)).to_bytes(2, "big") + authenticator
    signed = hmac.digest(secret, head + attributes, "md5")
    return head + _attribute(_MESSAGE_AUTHENTICATOR, signed) + attributes[_BLOCK_BYTES + 2 :]


def _attribute(kind: int, value: bytes) -> bytes:
    return bytes((kind, len(value) + 2)) + value


def _hidden(password: bytes, secret: bytes, authenticator: bytes) -> bytes:
    """RFC 2865 5.2."""
    padded = password + bytes(-len(password) % _BLOCK_BYTES)
    found, last = b"", authenticator
    for at in range(0, len(padded), _BLOCK_BYTES):
        mask = md5(secret + last, usedforsecurity=False).digest()
        last = bytes(one ^ other for one, other in zip(padded[at : at + _BLOCK_BYTES], mask, strict=True))
        found += last
    return found


def _answers(question: bytes, secret: bytes, heard: bytes) -> bool:
    """Of this question, and by somebody who knows the secret (RFC 2865 3, RFC 3579 3.2)."""
    size = int.from_bytes(heard[2:4], "big")
    if not _HEADER_BYTES <= size <= min(len(heard), _MAX_BYTES) or heard[1] != question[1]:
        return False
    heard, asked_with = heard[:size], question[4:_HEADER_BYTES]
    signed = md5(heard[:4] + asked_with + heard[_HEADER_BYTES:] + secret, usedforsecurity=False).digest()
    if not hmac.compare_digest(signed, heard[4:_HEADER_BYTES]):
        return False
    for kind, value, at in _attributes(heard):
        if kind == _MESSAGE_AUTHENTICATOR:
            blank = heard[:4] + asked_with + heard[_HEADER_BYTES:at] + bytes(len(value)) + heard[at + len(value) :]
            return hmac.compare_digest(hmac.digest(secret, blank, "md5"), value)
    return True


def _attributes(packet: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Kind, value, and where the value stands; as far as their lengths fit."""
    at = _HEADER_BYTES
    while at + 2 <= len(packet) and 2 <= packet[at + 1] <= len(packet) - at:
        after = at + packet[at + 1]
        yield packet[at], packet[at + 2 : after], at + 2
        at = after


RADIUS = Spec(
    name="radius",
    source="C35",
    doc="Lets the account in (PAP), and proves that it knows the shared secret",
    way=Talk(_look),
    level=Level.SERVICE_DOWN,  # R1
    fault_class=FaultClass.SERVICE,  # R22
    timeout_s=30.0,
    options={
        "port": Option("UDP port; 1812 by default", option.port, 1812),
        "login": Option("the account to let in: {user: NAME, password: {env: VARIABLE}}", option.login, required=True),
        "secret": Option("the secret shared with the server: {env: VARIABLE} or {file: /path}", option.secret, required=True),
    },
)
