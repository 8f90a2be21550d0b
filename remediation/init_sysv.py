"""Services of a host without systemd, kept by scripts in /etc/init.d (old CentOS).

What tells that one was started since is its oldest process: whatever is started later has a later start time, which the kernel
counts in ticks since boot. Its pid stands in its pid file, or in what ``status`` prints (LSB 20.2; CentOS's ``status()``).
"""

import re
from collections.abc import Mapping

from remediation.action import CannotAct, CannotReach, Connection, Ran
from remediation.host import INIT, LOOK_TIMEOUT_S, SYSV, words

LOOK = (
    'service=$1; script=/etc/init.d/$service; [ -x "$script" ] || { echo "missing"; exit 0; }; '
    'said=$("$script" status 2>&1); echo "status=$?"; '
    'read -r boot </proc/sys/kernel/random/boot_id; echo "boot=$boot"; '
    'for file in "/var/run/$service.pid" "/var/run/$service/$service.pid"; do [ -r "$file" ] && pids="$pids $(cat "$file")"; done; '
    'pids="$pids $(echo "$said" | sed -n \'s/.*(pids\\{0,1\\} *\\([0-9 ]*\\)).*/\\1/p\')"; '
    'for pid in $pids; do [ -r "/proc/$pid/stat" ] && { echo "stat=$(cat "/proc/$pid/stat")"; }; done; exit 0'
)
_STAT = re.compile(r"stat=(\d+) \(.*\) (.*)")
_START_FIELD = 19
"""proc(5): starttime is field 22, and the first after the name is the third."""


def name_of(unit: str) -> str:
    return unit.removesuffix(".service")


def look_argv(unit: str) -> tuple[str, ...]:
    return ("/bin/sh", "-c", LOOK, "look", name_of(unit))


def restart_argv(unit: str) -> tuple[str, ...]:
    """The command that acts: as root, by a sudo rule for exactly this. The script itself, since ``service`` is in no one place."""
    return ("sudo", "-n", f"/etc/init.d/{name_of(unit)}", "restart")


def look(connection: Connection, unit: str) -> dict[str, str] | Ran:
    """``status``: the script's exit status, ``main``: the oldest process, as its pid, start time and boot; the command itself where
    it brought nothing."""
    ran = connection.run(look_argv(unit), LOOK_TIMEOUT_S)
    if ran.exit_status != 0:
        return ran
    lines = ran.stdout.splitlines()
    if "missing" in lines:
        return {INIT: SYSV, "missing": "yes"}
    said = dict(line.split("=", 1) for line in lines if line.startswith(("status=", "boot=")))
    found = [(int(rest.split()[_START_FIELD]), pid) for line in lines for pid, rest in _STAT.findall(line)]
    oldest = min(found, default=None)
    main = f"{oldest[1]} {oldest[0]} {said.get('boot', '')}" if oldest is not None else ""
    return {INIT: SYSV, "status": said.get("status", ""), "main": main}


def first_look(connection: Connection, unit: str) -> dict[str, str]:
    """What is the case before anything is done. Raises ``CannotReach`` and ``CannotAct``."""
    seen = look(connection, unit)
    if isinstance(seen, Ran):
        raise CannotReach(f"status of {name_of(unit)}: {words(seen)}")
    if "missing" in seen:
        raise CannotAct(f"there is no /etc/init.d/{name_of(unit)}, so it can't be restarted")
    return seen


def state(unit: str, seen: Mapping[str, str]) -> str:
    pid = seen.get("main", "").partition(" ")[0]
    running = "running" if active(seen) else "not running"
    return f"{name_of(unit)} is {running} (status {seen.get('status') or '?'}{f', process {pid}' if pid else ''})"


def moving(seen: Mapping[str, str]) -> bool:  # noqa: ARG001 - as of systemd
    return False


def active(seen: Mapping[str, str]) -> bool:
    return seen.get("status") == "0"


def started_anew(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether its oldest process is another one than before. What is not running leaves no trace."""
    return "main" in before and after.get("main", "") not in ("", before["main"])
