"""Who may have which secret: a child process gets only the environment variables that its work needs. And which can't be had."""

from collections.abc import Iterable, Iterator, Mapping

from domain.model import Host, Policy, Secret, SnmpAccess
from engine.secrets import SecretError, resolve
from probes.option import as_secret


def secret_names(policy: Policy) -> dict[str, list[str]]:
    """Names of the environment variables that hold secrets, by process. Host logins and the passwords of power controls are for
    those who act (hands and the flow executor), what checks ask with (passwords, SNMP communities and users' passwords) for the
    watcher, webhook addresses for those who send."""
    logins = _env(secret for host in policy.hosts.values() for _, secret in _logins(host))
    checks = _env(secret for host in policy.hosts.values() for _, secret in _asking(host))
    webhooks = _env(operator.webhook for operator in policy.operators.values() if isinstance(operator.webhook, Secret))
    acting = sorted({*logins, *webhooks})
    return {"watcher": checks, "hands": acting, "executor": acting}


def unreadable(policy: Policy, *, env: bool) -> list[str]:
    """What the inventory refers to and this user can't read here, in words, each secret once; never what it holds.
    ``env``: variables too, which ``up`` has in its own environment and others need not."""
    used: dict[Secret, list[str]] = {}
    for where, secret in _references(policy):
        if env or secret.kind == "file":
            used.setdefault(secret, []).append(where)
    found = []
    for secret, places in used.items():
        try:
            resolve(secret)
        except SecretError as error:
            more = f" and {len(places) - 1} more" if len(places) > 1 else ""
            found.append(f"{places[0]}{more}: {error}")
    return found


def _references(policy: Policy) -> Iterator[tuple[str, Secret]]:
    """Every secret, and where it stands in the inventory."""
    for host in policy.hosts.values():
        yield from ((f"hosts.{host.id}.{where}", secret) for where, secret in _logins(host))
        yield from _asking(host)
    for operator in policy.operators.values():
        if isinstance(operator.webhook, Secret):
            yield f"operators.{operator.id}.webhook", operator.webhook


def _asking(host: Host) -> Iterator[tuple[str, Secret]]:
    """What its checks ask it with."""
    if host.snmp is not None:
        yield from ((f"hosts.{host.id}.snmp.{where}", secret) for where, secret in _snmp(host.snmp))
    for check in host.checks:
        yield from ((f"check {check.id}", secret) for secret in _within(check.options))


def _snmp(access: SnmpAccess) -> Iterator[tuple[str, Secret]]:
    if access.community is not None:
        yield "community", access.community
    if access.user is not None and access.user.auth is not None:
        yield "auth.password", access.user.auth.password
    if access.user is not None and access.user.privacy is not None:
        yield "privacy.password", access.user.privacy.password


def _logins(host: Host) -> Iterator[tuple[str, Secret]]:
    """What opens the host, its rescue system, and what switches its power."""
    if host.ssh is not None:
        yield "ssh.identity", host.ssh.identity
    if host.rescue is not None:
        yield "rescue.ssh.identity", host.rescue.ssh.identity
    if host.power is not None and host.power.ssh is not None:
        yield "power.ssh.identity", host.power.ssh.identity
    if host.power is not None and host.power.password is not None:
        yield "power.password", host.power.password


def _within(options: Mapping[str, object]) -> Iterable[Secret]:
    """The references among a check's options, which are plain data: ``{env: NAME}`` wherever a value stands."""
    for value in options.values():
        if isinstance(value, Mapping):
            try:
                yield as_secret(value)
            except ValueError:  # no reference, but it may hold some
                yield from _within(value)


def _env(secrets: Iterable[Secret]) -> list[str]:
    return sorted({secret.name for secret in secrets if secret.kind == "env"})
