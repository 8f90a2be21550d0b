"""What actions over SSH share: whether root's rights must be asked for, which init the host has, what a failed command said."""

from collections.abc import Mapping

from domain.model import SshAccess
from remediation.action import CannotReach, Connection, Ran, Target

INIT = "init"
"""Trait: ``SYSTEMD``, or ``SYSV`` where there is none."""
SYSTEMD, SYSV = "systemd", "sysv"
LOOK_TIMEOUT_S = 15.0
KILLED = 128
"""A shell tells so, by a greater exit status, that a signal ended the command; what systemd was asked to do goes on."""
_VERSION = ("systemctl", "show", "--property=Version")
_BOOTED = ("test", "-d", "/run/systemd/system")  # sd_booted(3)


def as_root(access: SshAccess | None) -> tuple[str, ...]:
    """What goes before a command that needs root: a sudo rule for exactly this command line allows it (see ``sudoers``)."""
    return () if access is not None and access.user == "root" else ("sudo", "-n")


def words(ran: Ran) -> str:
    """What a command that went wrong said, in one line."""
    said = " ".join((ran.stderr or ran.stdout).split())[:300]
    return ": ".join(filter(None, (ran.detail or f"exit status {ran.exit_status}", said)))


def probes(known: Mapping[str, str]) -> tuple[tuple[str, ...], ...]:
    """What ``has_systemd`` asks of a host that has it."""
    return () if INIT in known else (_VERSION,)


def has_systemd(target: Target, connection: Connection) -> bool:
    """Whether the host's init is systemd; found out once. Raises ``CannotReach`` where it can't be told."""
    if INIT in target.known:
        return target.known[INIT] == SYSTEMD
    asked = connection.run(_VERSION, LOOK_TIMEOUT_S)
    if asked.exit_status != 0:
        return not without_systemd(target, connection, asked)
    target.remember(INIT, SYSTEMD)
    return True


def without_systemd(target: Target, connection: Connection, failed: Ran) -> bool:
    """Whether ``systemctl`` has failed because the host has no systemd. Raises ``CannotReach`` where its systemd is ailing."""
    booted = connection.run(_BOOTED, LOOK_TIMEOUT_S)
    if booted.exit_status != 1:
        raise CannotReach(f"{' '.join(failed.argv[:3])}: {words(failed)}")
    target.remember(INIT, SYSV)
    return True
