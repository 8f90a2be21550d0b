"""How an agent is asked, with the secrets that the inventory only refers to."""

from domain.model import SnmpAccess, SnmpKey, SnmpUser
from probes.spec import SecretMissing, Secrets
from watch.snmp.message import MAX_COMMUNITY_BYTES, Access, Version
from watch.snmp.usm import MIN_PASSWORD_CHARS, User


def access(known: SnmpAccess, secrets: Secrets) -> Access | User:
    """Raises ``SecretMissing``."""
    if known.user is not None:
        return user(known.user, secrets)
    return Access(Version.V1 if known.version == "1" else Version.V2C, community(known, secrets))


def community(known: SnmpAccess, secrets: Secrets) -> bytes:
    """Raises ``SecretMissing``."""
    if known.community is None:
        raise SecretMissing("the inventory has no SNMP community for this host")
    read = secrets(known.community).encode()
    if len(read) > MAX_COMMUNITY_BYTES:
        raise SecretMissing(f"the SNMP community is longer than {MAX_COMMUNITY_BYTES} bytes")
    return read


def user(known: SnmpUser, secrets: Secrets) -> User:
    """Raises ``SecretMissing``."""
    auth, auth_password = _key(known.auth, "auth", secrets)
    privacy, privacy_password = _key(known.privacy, "privacy", secrets)
    return User(known.name.encode(), auth, auth_password, privacy, privacy_password, known.context.encode())


def _key(key: SnmpKey | None, what: str, secrets: Secrets) -> tuple[str, str]:
    if key is None:
        return "", ""
    password = secrets(key.password)
    if len(password) < MIN_PASSWORD_CHARS:
        raise SecretMissing(f"the SNMP user's password of {what} is shorter than {MIN_PASSWORD_CHARS} characters")
    return key.protocol, password
