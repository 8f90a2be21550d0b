"""The rules that let the remote user do what the runbooks need, and nothing else: what ``hikeshi sudoers HOST`` prints."""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence

from domain.model import Host, SshAccess
from remediation.action import ATTEMPT, NOTHING, OR
from remediation.power_command import hypervisor_lines
from remediation.service import RESTART_SERVICE

_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}", re.ASCII)
_SPECIAL = re.compile(r"([,:=\\*?\[\]])")
_ANY_ATTEMPT = "hikeshi-" + "[0-9a-f]" * 16
"""As ``store.admit`` names attempts. A range is one character exactly; a * would let in further arguments."""
_SBIN = frozenset({"tune2fs", "grub-reboot", "shutdown"})
_SUDO = ["sudo", "-n"]


def sudoers(host: Host, lines: Iterable[str] = (), known: Mapping[str, str] = NOTHING) -> str:
    """The text of ``/etc/sudoers.d/hikeshi`` for this host: one exact command line for the restart of each service that its checks
    name, and one for each of ``lines`` that asks for root (they are as ``Action.describe`` gives them). ValueError where nothing
    can be allowed to anybody."""
    if host.ssh is None:
        raise ValueError(f"{host.id} has no ssh access, so no rules are needed")
    services = sorted({check.service for check in host.checks if check.service is not None})
    restarts = [line for service in services for line in RESTART_SERVICE.describe(host, {}, service, known)]
    user = _user(host.ssh)
    commands = _commands([*restarts, *lines])
    if not commands:
        raise ValueError(f"no check of {host.id} names a service, and no runbook of it needs root, so there is nothing to allow")
    return _rules(f"on {host.id}", user, commands)


def hypervisor_sudoers(host: Host) -> str:
    """The rules for the hypervisor that switches this host: look at it, and each order. ValueError where none does."""
    control = host.power
    if control is None or control.ssh is None:
        raise ValueError(f"{host.id} is not switched by a hypervisor, so no rules are needed there")
    user = _user(control.ssh)
    return _rules(f"to {host.id} on the hypervisor {control.address}", user, _commands(hypervisor_lines(control)))


def _user(access: SshAccess) -> str:
    if _USER.fullmatch(access.user) is None:
        raise ValueError(f"{access.user!r} is no user name for sudo rules: a-z, 0-9, _ and -")
    if access.user == "root":
        raise ValueError("root needs no rules; recovery should log in as a user of its own")
    return access.user


def _commands(lines: Iterable[str]) -> list[str]:
    """Each command line that asks for root, as a rule names it."""
    wanted = [argv for line in lines if (argv := _split(line))[:2] == _SUDO]
    return list(dict.fromkeys(_command(argv) for argv in wanted))


def _rules(where: str, user: str, commands: Iterable[str]) -> str:
    return "\n".join(
        [
            f"# What hikeshi may do {where}. Install: visudo -f /etc/sudoers.d/hikeshi",
            "Cmnd_Alias HIKESHI = \\",
            ",\\\n".join(f"    {command}" for command in commands),
            f"Defaults:{user} !requiretty",
            f"{user} ALL=(root) NOPASSWD: HIKESHI",
            "",
        ]
    )


def _split(line: str) -> list[str]:
    return shlex.split(line.removeprefix(OR)) if line.startswith(OR) or not line.startswith("#") else []


def _command(argv: Sequence[str]) -> str:
    """The rule for ``sudo -n PROGRAM ARGUMENT…``. sudo looks a program up in secure_path and compares its full path. A backslash
    goes before the characters that sudoers(5) and fnmatch(3) would else read as their own."""
    program, *arguments = argv[2:]
    path = program if program.startswith("/") else f"/usr/{'sbin' if program in _SBIN else 'bin'}/{program}"
    # a rule without arguments would allow any
    return " ".join([path, *map(_escaped, arguments)] if arguments else [path, '""'])


def _escaped(argument: str) -> str:
    if any(char.isspace() for char in argument) or '"' in argument:
        raise ValueError(f"no sudo rule can be written for the argument {argument!r}")
    return _SPECIAL.sub(r"\\\1", argument).replace(ATTEMPT, _ANY_ATTEMPT)
