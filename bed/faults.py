"""Faults with names, for rehearsals and stories: what each does, in words, and how it is brought about."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

from bed.chassis import Chassis
from bed.disk_guest import DiskGuest
from bed.guest import Guest
from bed.process import BedError, wait_for

GUEST, DISKS, BMC = "guest", "disks", "bmc"
"""What a fault can befall: any guest, one with disks of its own, the BMC of a machine."""

RETURNS_AFTER_S = 15
_FULL_FOLDERS = {"nginx": "/var/log/nginx", "postfix": "/var/lib/postfix"}


@runtime_checkable
class Bmc(Protocol):
    """A BMC of the bed (ipmi.py, redfish.py)."""

    chassis: Chassis

    def stop(self) -> None:
        """Answer nobody any more."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`text` says what will be wrong; `kinds` what it can befall (see `kinds_of`); `bring` brings it about, on a machine that is up
    or, for `BMC`, on a BMC that answers. BedError when it does not come about."""

    name: str
    text: str
    kinds: frozenset[str]
    bring: Callable[[Any], None]  # what fits is told by `kinds`


def kinds_of(what: object) -> frozenset[str]:
    """Which kinds of fault can befall it."""
    if isinstance(what, DiskGuest):
        return frozenset({GUEST, DISKS})
    if isinstance(what, Guest):
        return frozenset({GUEST})
    return frozenset({BMC}) if isinstance(what, Bmc) else frozenset()


def _unit(guest: Guest) -> str:
    if not guest.services:
        raise BedError(f"{guest.name} has no service that could break")
    return guest.services[0]


def _kill_service(guest: Guest) -> None:
    guest.break_service(_unit(guest))


def _ruin_service(guest: Guest) -> None:
    guest.break_service(_unit(guest), repairable=False)


def _mask_service(guest: Guest) -> None:
    _kill_service(guest)
    guest.run(["systemctl", "mask", f"{_unit(guest)}.service"])


def _stop_processes(guest: Guest) -> None:
    guest.run(["systemctl", "kill", "--signal=STOP", _unit(guest)])


def _never_start(guest: Guest) -> None:
    _kill_service(guest)
    drop_in = f"/run/systemd/system/{_unit(guest)}.service.d/bed-stuck.conf"
    text = "[Service]\nExecStartPre=/bin/sleep infinity\nTimeoutStartSec=infinity\n"
    guest.run(["sh", "-c", f"mkdir -p {drop_in.rpartition('/')[0]} && cat >{drop_in} && systemctl daemon-reload"], stdin=text)


def _return_later(guest: Guest) -> None:
    unit = _unit(guest)
    _kill_service(guest)
    timer = ["systemd-run", "--quiet", f"--on-active={RETURNS_AFTER_S}", "--timer-property=AccuracySec=100ms"]
    guest.run([*timer, "systemctl", "start", unit])


def _fill_disk(guest: Guest) -> None:
    unit = _unit(guest)
    if unit == "database":
        guest.run(["rm", "/srv/data/live/journal"])  # as much as the next start will want again
        guest.run(["sh", "-c", "cat /dev/zero >/srv/data/full; sync /srv/data/full"], check=False)  # until nothing more fits
    else:
        folder = _FULL_FOLDERS[unit]
        guest.run(["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=2", "full", folder])
        guest.run(["sh", "-c", f"cat /dev/zero >{folder}/full"], check=False)
    _kill_service(guest)
    if guest.run(["systemctl", "restart", unit], check=False).returncode == 0:
        raise BedError(f"{unit} of {guest.name} starts although its disk is full")


def _lose_address(guest: Guest) -> None:
    guest.run(["ip", "-4", "address", "flush", "dev", "eth0"])


def _hang_with_ping(guest: Guest) -> None:
    guest.hang(answers_ping=True)


def _damage_data(guest: DiskGuest) -> None:
    guest.damage_data()
    guest.reset()
    guest.wait_emergency()


def _hang_and_damage_data(guest: DiskGuest) -> None:
    guest.damage_data()
    guest.hang()


def _damage_root(guest: DiskGuest) -> None:
    guest.damage_root()
    guest.reset()
    wait_for(lambda: not guest.booted, f"{guest.name} to fail to boot", 10)


def _refuse_sudo(guest: Guest) -> None:
    guest.run(["rm", "-f", "/etc/sudoers.d/hikeshi"])


def _change_host_key(guest: Guest) -> None:
    key = "/etc/ssh/ssh_host_ed25519_key"
    guest.run(["sh", "-c", f"rm {key} {key}.pub && ssh-keygen -q -t ed25519 -N '' -f {key} && systemctl restart ssh"])


def _silence(bmc: Bmc) -> None:
    bmc.stop()


def _deafen(bmc: Bmc) -> None:
    bmc.chassis.deaf = True


def _lie(bmc: Bmc) -> None:
    bmc.chassis.says = not bmc.chassis.machine.running


def _fault(name: str, text: str, kind: str, bring: Callable[[Any], None]) -> tuple[str, Fault]:
    return name, Fault(name, text, frozenset({kind}), bring)


FAULTS = dict(
    (
        _fault("service-killed", "the service is killed and stays dead until somebody starts it", GUEST, _kill_service),
        _fault("service-irreparable", "the service is dead and fails whenever it is started", GUEST, _ruin_service),
        _fault("service-masked", "the service is dead and masked: systemd refuses to start it", GUEST, _mask_service),
        _fault("service-hangs", "the service takes connections and answers nothing", GUEST, _stop_processes),
        _fault("start-never-ends", "the service is dead, and a command to start it never ends", GUEST, _never_start),
        _fault(
            "service-returns", f"the service is killed and comes back by itself after {RETURNS_AFTER_S} s", GUEST, _return_later
        ),
        _fault("disk-full", "the service is dead and can't start, because nothing more fits on its disk", GUEST, _fill_disk),
        _fault(
            "network-down",
            "the IPv4 address is gone until the network is started anew; over IPv6 the host can still be reached",
            GUEST,
            _lose_address,
        ),
        _fault("sudo-refused", "who logs in may do nothing as root", GUEST, _refuse_sudo),
        _fault("host-key-changed", "the host shows another SSH host key than before", GUEST, _change_host_key),
        _fault("hang", "nothing runs any more, not even ping: only a power cycle helps", GUEST, Guest.hang),
        _fault("hang-with-ping", "nothing runs any more; the kernel still answers ping", GUEST, _hang_with_ping),
        _fault("powered-off", "the power is off", GUEST, Guest.power_off),
        _fault(
            "damaged-data", "the data file system is damaged: the host waits in emergency mode, ping answers", DISKS, _damage_data
        ),
        _fault("hang-damaged-data", "it hangs, and will come no further than emergency mode", DISKS, _hang_and_damage_data),
        _fault(
            "damaged-root", "the root file system is damaged: the host starts over and over, nothing answers", DISKS, _damage_root
        ),
        _fault("bmc-dead", "the BMC answers nobody", BMC, _silence),
        _fault("bmc-deaf", "the BMC accepts every order and does nothing", BMC, _deafen),
        _fault("bmc-lies", "the BMC reports the opposite of the power's true state", BMC, _lie),
    )
)
"""Every fault by its name."""


_UNSEEN = ("sudo-refused", "host-key-changed")


def _seen(fault: Fault) -> Fault:
    """What breaks no check by itself, with a killed service."""
    if fault.name not in _UNSEEN:
        return fault

    def bring(guest: Guest) -> None:
        fault.bring(guest)
        _kill_service(guest)

    return replace(fault, text=f"{fault.text}; {FAULTS['service-killed'].text}", bring=bring)


REHEARSED = {name: _seen(fault) for name, fault in FAULTS.items() if fault.kinds & {GUEST, DISKS}}
"""What a runbook can be rehearsed with, by name: each a fault of a host that a check of it sees."""
