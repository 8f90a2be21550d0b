"""Panels whose watchdog restarts services itself (R23): before anything is done, it gets its time, and is never raced."""

from collections.abc import Callable, Mapping

from domain.model import Host
from remediation.action import Connection, Target
from remediation.host import LOOK_TIMEOUT_S

PANEL = "panel"
"""Trait: ``PLESK``, or ``NONE`` that is known."""
PLESK, NONE = "plesk", "none"
PERIOD_S = 300.0
"""How often Plesk's watchdog looks, unless it was told otherwise."""
_VERSION = ("cat", "/usr/local/psa/version")
_RUNS = ("pgrep", "-x", "monit")  # what Plesk's watchdog is made of
_POLL_S = 15.0


def describe(host: Host, known: Mapping[str, str], period_s: float) -> tuple[tuple[str, ...], ...]:
    """What is asked of a host that has no panel."""
    if _panel(host, known) is None:
        return (_VERSION,)
    return (_RUNS,) if period_s > 0 and host.panel is None and known.get(PANEL) == PLESK else ()


def waits(host: Host, known: Mapping[str, str], period_s: float) -> bool:
    return period_s > 0 and _panel(host, known) == PLESK


def _panel(host: Host, known: Mapping[str, str]) -> str | None:
    return host.panel or known.get(PANEL)


def has_one(target: Target, connection: Connection, period_s: float) -> bool:
    """Whether a watchdog may restart services of this host. Where the inventory names the panel, that is believed; one that was
    only found counts while its watchdog runs."""
    if _panel(target.host, target.known) is None:
        found = connection.run(_VERSION, LOOK_TIMEOUT_S)
        target.remember(PANEL, PLESK if found.exit_status == 0 else NONE)
    if not waits(target.host, target.known, period_s):
        return False
    return target.host.panel is not None or connection.run(_RUNS, LOOK_TIMEOUT_S).exit_status == 0


def give_time(target: Target, period_s: float, restarted: Callable[[], bool]) -> bool:
    """Look for at most ``period_s`` whether the watchdog does it; whether it did."""
    deadline_s = target.clock.boottime_s() + period_s
    while not restarted():
        remaining_s = deadline_s - target.clock.boottime_s()
        if remaining_s <= 0:
            return False
        target.clock.sleep(min(_POLL_S, remaining_s))
    return True
