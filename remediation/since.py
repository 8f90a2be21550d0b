"""Has a host started anew since an attempt? By its own word: a machine, or a container, is as old as its process 1."""

import re

from remediation.action import Attempted, CannotReach, Connect, Target

LOOK = ("ps", "-o", "etime=", "-p", "1")
"""POSIX; procps before 3.3 has no ``etimes``. Not /proc/uptime, which in a container tells the age of what is around it."""
_TIMEOUT_S = 15.0
_ELAPSED = re.compile(r"(?:(?:(\d+)-)?(\d+):)?(\d+):(\d+)")


def started_since(target: Target, connect: Connect, attempt: Attempted, asked_boot_s: float) -> tuple[bool | None, str]:
    """Log in once and ask: true, false, or ``None`` where nobody can be asked; and that in words. ``asked_boot_s``: when
    ``attempt.age_s`` was so much, by CLOCK_BOOTTIME."""
    try:
        connection = connect(target)
    except CannotReach as error:
        return None, f"nobody can log in: {error}"
    try:
        at_least_s = attempt.age_s + target.clock.boottime_s() - asked_boot_s
        ran = connection.run(LOOK, _TIMEOUT_S)
    finally:
        connection.close()
    age_s = elapsed_s(ran.stdout) if ran.exit_status == 0 else None
    if age_s is None:
        return None, "it doesn't tell how long it has been up"
    # Whole seconds: one that started in the very second of the intent is not taken for younger.
    if age_s < int(at_least_s):
        return True, f"it has been up for {age_s} s, less than since the order"
    return False, f"it has been up for {age_s} s, longer than since the order"


def elapsed_s(text: str) -> int | None:
    """``[[dd-]hh:]mm:ss`` in seconds."""
    found = _ELAPSED.fullmatch(text.strip())
    if found is None:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds
