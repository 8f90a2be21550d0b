"""Services that systemd keeps."""

from collections.abc import Mapping

from remediation.action import CannotAct, CannotReach, Connection, Ran, Target
from remediation.host import INIT, LOOK_TIMEOUT_S, SYSTEMD, without_systemd, words

_PROPERTIES = "LoadState,ActiveState,SubState,Result,InvocationID,ActiveEnterTimestampMonotonic"
_MOVING = frozenset({"activating", "deactivating", "reloading", "refreshing", "maintenance"})
"""ActiveStates in which a job of systemd is still at work."""


def look_argv(unit: str) -> tuple[str, ...]:
    return ("systemctl", "show", unit, "-p", _PROPERTIES)


def restart_argv(unit: str) -> tuple[str, ...]:
    """The command that acts: as root, by a sudo rule for exactly this (see ``sudoers``)."""
    return ("sudo", "-n", "systemctl", "restart", unit)


def look(connection: Connection, unit: str) -> dict[str, str] | Ran:
    """systemd's properties of the unit; the command itself where it brought none."""
    ran = connection.run(look_argv(unit), LOOK_TIMEOUT_S)
    if ran.exit_status != 0:
        return ran
    return dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)


def first_look(target: Target, connection: Connection, unit: str) -> dict[str, str] | None:
    """What is the case before anything is done; ``None`` where there is no systemd. Raises ``CannotReach`` and ``CannotAct``."""
    seen = look(connection, unit)
    if isinstance(seen, Ran):
        if INIT not in target.known and without_systemd(target, connection, seen):
            return None
        raise CannotReach(f"systemctl show {unit}: {words(seen)}")
    if INIT not in target.known:
        target.remember(INIT, SYSTEMD)
    if seen.get("LoadState") != "loaded":
        raise CannotAct(f"{unit} is {seen.get('LoadState', 'of unknown state')}, so it can't be restarted")
    return seen


def state(unit: str, seen: Mapping[str, str]) -> str:
    result = seen.get("Result", "")
    return f"{unit} is {seen.get('ActiveState', '?')} ({seen.get('SubState', '?')})" + (
        f", result {result}" if result not in ("", "success") else ""
    )


def moving(seen: Mapping[str, str]) -> bool:
    """Something is still under way."""
    return seen.get("ActiveState") in _MOVING


def active(seen: Mapping[str, str]) -> bool:
    return seen.get("ActiveState") == "active"


def started_anew(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether systemd has started the unit since: each start has an InvocationID of its own. systemd before 232 has none; there the
    time at which the unit became active counts, which a failed start doesn't move."""
    if not before:
        return False
    if "InvocationID" in after:
        return after["InvocationID"] not in ("", before.get("InvocationID", ""))
    entered = after.get("ActiveEnterTimestampMonotonic", "0")
    return entered not in ("0", before.get("ActiveEnterTimestampMonotonic", "0"))
