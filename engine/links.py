"""Links in mails to operators: signed, and bound to an incident and an operator. What such a link is good for ends with the
incident: an incident is taken once, and one that is over can't be taken.

GET only shows, POST decides: mail scanners follow links. The same page mail sent twice carries the same link.
"""

import contextlib
import os
import secrets as entropy
from pathlib import Path

from itsdangerous import BadData, URLSafeSerializer

from engine.settings import Settings

_SALT = "hikeshi.acknowledge"


class LinkError(ValueError):
    """The link is forged, mangled, or not for this."""


def ack_url(settings: Settings, incident: str, operator: str) -> str:
    """Where ``operator`` acknowledges ``incident``."""
    return f"{settings.ingress_url}/ack/{_serializer(settings).dumps([incident, operator])}"


def read_ack(settings: Settings, token: str) -> tuple[str, str]:
    """``(incident, operator)`` of a link; raises ``LinkError``. The incident's own state bounds how long it is of use."""
    try:
        incident, operator = _serializer(settings).loads(token)
    except (BadData, ValueError, TypeError) as error:
        raise LinkError("this link is not one of ours, or it was cut short by a mail reader") from error
    return str(incident), str(operator)


def _serializer(settings: Settings) -> URLSafeSerializer:
    return URLSafeSerializer(ensure_key(settings.home / "ingress.key"), salt=_SALT)


def ensure_key(path: Path) -> str:
    """The signing key, made on first use, readable by its owner only."""
    if not path.exists():
        _make_key(path)
    key = path.read_text(encoding="ascii").strip()
    if not key:
        raise LinkError(f"{path} is empty; remove it, and a new key is made")
    return key


def _make_key(path: Path) -> None:
    """It appears whole: several processes may make it at once, and all must read the same."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.{entropy.token_hex(4)}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(entropy.token_urlsafe(32))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(partial, path)
    finally:
        partial.unlink(missing_ok=True)
