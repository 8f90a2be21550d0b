"""Who may have which secret: a child process gets only the environment variables that its work needs."""

from collections.abc import Iterable, Mapping

from domain.model import Policy, Secret
from probes.option import as_secret


def secret_names(policy: Policy) -> dict[str, list[str]]:
    """Names of the environment variables that hold secrets, by process. Host logins are for those who act (hands and the
    flow executor), passwords of checks for the watcher, webhook addresses for those who send."""
    logins = _env(host.ssh.identity for host in policy.hosts.values() if host.ssh is not None)
    checks = _env(value for host in policy.hosts.values() for check in host.checks for value in _within(check.options))
    webhooks = _env(operator.webhook for operator in policy.operators.values() if isinstance(operator.webhook, Secret))
    acting = sorted({*logins, *webhooks})
    return {"watcher": checks, "hands": acting, "executor": acting}


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
