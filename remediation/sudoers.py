"""The rules that let the remote user do what the runbooks need, and nothing else: what ``hikeshi sudoers HOST`` prints."""

import re
from collections.abc import Iterable, Sequence

from domain.model import Host
from domain.unit import service_unit
from remediation.service import restart_argv

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_SPECIAL = re.compile(r"([,:=\\])")


def sudoers(host: Host, units: Iterable[str] = ()) -> str:
    """The text of ``/etc/sudoers.d/hikeshi`` for this host: one exact command line for each unit, those that its checks name and
    the further ``units`` that runbooks name. ValueError where nothing can be allowed to anybody."""
    if host.ssh is None:
        raise ValueError(f"{host.id} has no ssh access, so no rules are needed")
    user = host.ssh.user
    if _USER.fullmatch(user) is None:
        raise ValueError(f"{user!r} is no user name for sudo rules: a-z, 0-9, _ and -")
    if user == "root":
        raise ValueError("root needs no rules; recovery should log in as a user of its own")
    named = sorted(
        {service_unit(unit) for unit in (*units, *(check.service for check in host.checks if check.service is not None))}
    )
    if not named:
        raise ValueError(f"no check and no runbook of {host.id} names a service, so there is nothing to allow")
    commands = [_command(restart_argv(unit)) for unit in named]
    return "\n".join(
        [
            f"# What hikeshi may do on {host.id}. Install: visudo -f /etc/sudoers.d/hikeshi",
            "Cmnd_Alias HIKESHI_RESTART = \\",
            ",\\\n".join(f"    {command}" for command in commands),
            f"Defaults:{user} !requiretty",
            f"{user} ALL=(root) NOPASSWD: HIKESHI_RESTART",
            "",
        ]
    )


def _command(argv: Sequence[str]) -> str:
    """The rule for ``sudo -n PROGRAM ARGUMENT…``. sudo looks a program up in secure_path and compares its full path. A backslash
    goes before the characters that sudoers(5) would else read as its own."""
    program, *arguments = argv[2:]
    return " ".join([f"/usr/bin/{program}", *(_SPECIAL.sub(r"\\\1", argument) for argument in arguments)])
