"""Ways of acting on a host: one file per action. A new action is one file, one line here and one test.

Fabric and paramiko (0.2 s, 33 MB) are imported at the first login: whoever only asks what there is need not pay for them.
"""

from collections.abc import Mapping
from types import MappingProxyType

from remediation.action import (
    Action,
    Attempted,
    CannotAct,
    CannotReach,
    Connect,
    Connection,
    Guard,
    Leave,
    NoAnswer,
    NothingDone,
    NoWay,
    Prepared,
    Resolve,
    Result,
    Target,
    TooLate,
)
from remediation.boot_check import FSCK_AT_BOOT
from remediation.command import COMMAND
from remediation.diagnose import DIAGNOSE
from remediation.fsck import FSCK
from remediation.network import RESTART_NETWORK
from remediation.power import POWER
from remediation.powering import POWER_DRIVERS
from remediation.reboot import REBOOT
from remediation.service import RESTART_SERVICE
from remediation.sudoers import hypervisor_sudoers, sudoers

_ACTIONS: tuple[Action, ...] = (
    DIAGNOSE,
    RESTART_SERVICE,
    RESTART_NETWORK,
    POWER,
    REBOOT,
    FSCK_AT_BOOT,
    FSCK,
    COMMAND,
)
ACTIONS: Mapping[str, Action] = MappingProxyType({action.name: action for action in _ACTIONS})


def open_connection(target: Target) -> Connection:
    """Log in on the target's host over SSH. Raises ``CannotReach``."""
    from remediation import ssh  # noqa: PLC0415 - see above

    return ssh.open_connection(target)


__all__ = [
    "ACTIONS",
    "POWER_DRIVERS",
    "Action",
    "Attempted",
    "CannotAct",
    "CannotReach",
    "Connect",
    "Connection",
    "Guard",
    "Leave",
    "NoAnswer",
    "NoWay",
    "NothingDone",
    "Prepared",
    "Resolve",
    "Result",
    "Target",
    "TooLate",
    "hypervisor_sudoers",
    "open_connection",
    "sudoers",
]
