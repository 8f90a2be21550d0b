"""What a dry run shows is what a real run sends, line by line: of every action, and of every way to switch the power.

What is sent over SSH goes to a host of paper, whose programs say what goes well; BMCs are real ones. Whether a line changes
something is not asked of its words: an action says so by asking its leave right before. Only what changes nothing may come more
often than it is told, while something is waited for.
"""

import contextlib
import itertools
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from fixtures_power import PASSWORD, RESCUE, Clock, ipmitool_lines
from fixtures_ssh import host_at
from hand_clock import HandClock

from domain.model import FileSystem, Host, PowerControl, Rescue, Secret, SshAccess
from domain.procedure import Effect, Parameter, StepOutcome
from remediation import ACTIONS, POWER_DRIVERS, Connection, Guard, Leave, NoAnswer, NoWay, Target
from remediation.action import ATTEMPT, INSTEAD, NOT_SENT, OR, WHERE_OFF, Ran
from remediation.redfish_words import request_line

NAME = "hikeshi-0123456789abcdef"


@dataclass(frozen=True)
class Sample:
    """A step, and the host that it is for. ``control``: what switches it, a key of ``POWER_DRIVERS``; ``away``: nobody can log in;
    ``off``: its power is."""

    action: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    known: Mapping[str, str] = field(default_factory=dict)
    host: Mapping[str, Any] = field(default_factory=dict)
    control: str = ""
    away: bool = False
    off: bool = False

    def __str__(self) -> str:
        said = [self.action, self.control, *map(str, self.parameters.values()), *self.known.values(), *self.host]
        return " ".join([*filter(None, said), *(["away"] if self.away else []), *(["off"] if self.off else [])])


SYSTEMD, SYSV, EXT4 = {"init": "systemd"}, {"init": "sysv"}, {"filesystems": (FileSystem("/dev/sda1", "ext4"),)}
XFS = {"filesystems": (FileSystem("/dev/sda1", "xfs"), FileSystem("/dev/sdb1", "ext3"))}
BMCS = ("ipmi", "redfish")
SAMPLES = [
    Sample("diagnose"),
    Sample("diagnose", known=SYSTEMD),
    Sample("diagnose", known=SYSV),
    Sample("diagnose", control="ipmi"),
    Sample("diagnose", control="virsh"),
    Sample("diagnose", control="qm", host={"ssh": None}),
    Sample("restart_service"),
    Sample("restart_service", {"unit": "php-fpm.service"}, {"init": "systemd", "panel": "none"}),
    Sample("restart_service", known=SYSV),
    Sample("restart_service", known={"init": "systemd", "panel": "plesk"}),
    Sample("restart_service", {"watchdog_s": 60.0}, host={"panel": "plesk"}),
    Sample("restart_network"),
    Sample("restart_network", known={"init": "systemd", "network": "networking.service"}),
    *(
        Sample("power", {"do": str(order)}, control=name, off=off)
        for name, driver in POWER_DRIVERS.items()
        if not driver.boots
        for order in sorted(driver.orders)
        for off in {"on": [True], "off": [False]}.get(order, [False, True])
    ),
    *(Sample("power", {"do": "cycle", "boot": "rescue"}, control=name, host={"rescue": RESCUE}, off=True) for name in BMCS),
    *(Sample("power", {"do": "reset", "boot": "rescue"}, control=name, host={"rescue": RESCUE}) for name in BMCS),
    Sample("power", {"do": "off"}, control="redfish"),
    Sample("reboot"),
    Sample("reboot", control="virsh"),
    Sample("reboot", control="xl", away=True),
    Sample("reboot", control="redfish", host={"ssh": None}),
    Sample("reboot", control="ipmi", away=True, off=True),
    Sample("fsck_at_boot", host=EXT4),
    Sample("fsck_at_boot", host=XFS),
    Sample("fsck_at_boot"),
    Sample("fsck", host={"rescue": Rescue("pxe", SshAccess("root", (), Secret("file", "x"))), **XFS}),
    Sample("command", {"argv": ("/usr/bin/app", "--clear")}),
    Sample("command", {"argv": ("/usr/bin/app",)}, SYSTEMD),
    Sample("command", {"argv": ("/usr/bin/app",), "as_root": True}),
]


@dataclass
class Record:
    """What was sent, in order, each with whether leave was asked for it. ``others`` brings what did not go over SSH."""

    others: Callable[[], Sequence[str]] = tuple
    sent: list[tuple[str, bool]] = field(default_factory=list)
    _asked: bool = False
    _taken: int = 0

    def guard(self) -> None:
        self.take()
        self._asked = True

    def add(self, line: str) -> None:
        self.sent.append((line, self._asked))
        self._asked = False

    def take(self) -> None:
        lines = self.others()
        for line in lines[self._taken :]:
            self.add(line)
        self._taken = len(lines)


class Domain:
    """A machine that a hypervisor keeps, by what its three kinds of programs say of it and do to it."""

    def __init__(self, on: bool) -> None:
        self.starts = 7
        self.on = on

    def __call__(self, program: str, *words: str) -> str:
        number = str(self.starts) if self.on else "-"
        if {"destroy", "stop"} & set(words):
            self.on = False
        elif {"start", "create"} & set(words):
            self.on, self.starts = True, self.starts + 1
        elif program == "qm":
            return f"status: running\npid: {number}\n" if self.on else "status: stopped\n"
        elif program == "xl":
            return "Name ID Mem VCPUs State Time(s)\n" + (f"db01 {number} 1024 1 -b---- 2.5\n" if self.on else "")
        elif "domid" in words:
            return f"{number}\n"
        return ""


SAYS: Mapping[tuple[str, ...], str] = {
    ("systemctl", "show", "--property=Version"): "Version=252\n",
    ("systemctl", "show", f"{NAME}.service"): (
        "LoadState=loaded\nActiveState=active\nSubState=exited\nExecMainCode=1\nExecMainStatus=0\n"
    ),
    ("systemctl", "show", "NetworkManager.service"): "Id=networking.service\nLoadState=loaded\nActiveState=active\n",
    ("systemctl", "show"): "LoadState=loaded\nActiveState=failed\nInvocationID=aaaa\n",
    ("/bin/sh", "-c"): "status=3\nboot=aaaa\n",
    ("tune2fs", "-l"): "Mount count:              1001\n",
    ("grub-editenv", "list"): "next_entry=hikeshi-fsck\n",
    ("ps", "-o", "etime="): "00:00\n",
}
"""What programs say where all goes well, by how their lines begin; others say nothing."""
FAILS = ("cat", "/usr/local/psa/version")


class Paper:
    """A login on a host of paper."""

    def __init__(self, record: Record, domain: Domain) -> None:
        self._record = record
        self._domain = domain

    def run(self, argv: Sequence[str], timeout_s: float, guard: Guard | None = None) -> Ran:
        self._record.take()
        if guard is not None:
            guard()
        self._record.add(shlex.join(argv))
        words = tuple(argv[2:]) if tuple(argv[:2]) == ("sudo", "-n") else tuple(argv)
        if words[0] in POWER_DRIVERS:
            return Ran(tuple(argv), 0, self._domain(*words))
        said = next((text for start, text in SAYS.items() if words[: len(start)] == start), "")
        return Ran(tuple(argv), 1 if words == FAILS else 0, said)

    def close(self) -> None:
        """There is nothing to close."""


@dataclass
class Controls:
    """What switches hosts: BMCs are real, hypervisors of paper."""

    request: pytest.FixtureRequest

    def make(self, driver: str) -> tuple[PowerControl, str, Callable[[], Sequence[str]]]:
        """The control, its password, and what it was sent that did not go over SSH."""
        if driver == "ipmi":
            log = self.request.getfixturevalue("ran")
            bmc = self.request.getfixturevalue("ipmi")
            return PowerControl("ipmi", bmc.address, bmc.port, bmc.user, PASSWORD), bmc.password, lambda: ipmitool_lines(log)
        if driver == "redfish":
            bmc, folder = self.request.getfixturevalue("redfish"), self.request.getfixturevalue("tmp_path")
            control = PowerControl(
                "redfish", bmc.address, bmc.port, bmc.user, PASSWORD, bmc.system, ca_file=str(Path(folder, "ca.pem"))
            )
            origin = f"https://{bmc.address}:{bmc.port}"
            return control, bmc.password, lambda: [request_line(method, origin, path, body) for method, path, body in bmc.requests]
        access = SshAccess("hikeshi", (), Secret("file", "x"))
        return PowerControl(driver, "192.0.2.5", system="db01", ssh=access), "", tuple


def ways(described: Sequence[str], *, away: bool, off: bool) -> list[list[str]]:
    """All that may be sent by this description where nothing is waited for."""
    if away:
        described = [line.removeprefix(INSTEAD) for line in described if line.startswith(INSTEAD)]
    places: list[list[str]] = []
    for line in described:
        if line.startswith(OR):
            places[-1].append(line.removeprefix(OR))
        elif line.startswith(WHERE_OFF) and off:
            places[-1] = [line.removeprefix(WHERE_OFF)]
        elif not line.startswith("#"):
            places.append([line])
    return [[line for line in way if line != NOT_SENT] for way in itertools.product(*places)]


def without_repeated_looks(sent: Sequence[tuple[str, bool]], way: Sequence[str]) -> list[str]:
    """What was sent, but for looks that come once more where ``way`` has another line."""
    changing = {line for line, changes in sent if changes}
    kept: list[str] = []
    for line, _ in sent:
        again = line not in changing and line in kept and way[len(kept) : len(kept) + 1] != [line]
        if not again:
            kept.append(line)
    return kept


def host_of(sample: Sample, user: str, control: PowerControl | None) -> Host:
    host = host_at("192.0.2.10", 22, (), user=user, service="nginx.service")
    return replace(host, power=control, **sample.host)


LOGINS = [(sample, user) for sample in SAMPLES for user in ("hikeshi", "root") if not sample.control or user != "root"]


@pytest.mark.parametrize(("sample", "user"), LOGINS, ids=str)
def test_a_dry_run_prints_exactly_what_a_real_run_sends(request: pytest.FixtureRequest, sample: Sample, user: str) -> None:
    control, password, others = Controls(request).make(sample.control) if sample.control else (None, "", tuple)
    action, host = ACTIONS[sample.action], host_of(sample, user, control)
    record, domain = Record(others), Domain(on=not sample.off)
    if sample.off and sample.control in BMCS:
        request.getfixturevalue("machine").running = False

    def connect(target: Target) -> Connection:
        if sample.away and target.host.address == host.address:
            raise NoAnswer("away")
        if target.host.ssh is None:
            raise NoWay("the inventory names no login")
        return Paper(record, domain)

    known = dict(sample.known)
    clock = Clock() if sample.control in ("ipmi", "redfish") else HandClock()
    described = [line.replace(ATTEMPT, NAME) for line in action.describe(host, sample.parameters, "nginx", dict(known))]
    target = Target(host, lambda _: password, clock, "nginx", known, known.__setitem__)
    with contextlib.closing(action.prepare(target, sample.parameters, connect)) as prepared:
        looked = len(record.sent)
        result = prepared.start(Leave(NAME, 20, record.guard))
    record.take()
    assert result.outcome is StepOutcome.DONE, result
    assert any(without_repeated_looks(record.sent, way) == way for way in ways(described, away=sample.away, off=sample.off)), (
        f"told: {json.dumps(described, indent=1)}\nsent: {json.dumps(record.sent, indent=1)}"
    )
    changing = [line for line, changes in record.sent if changes]
    assert bool(changing) == (action.effect is not Effect.NONE)
    assert not any(changes for _, changes in record.sent[:looked]), "preparing only looks"
    assert all(line in result.command_line for line in changing), "what was done is on record"


def test_every_action_and_every_way_to_switch_the_power_is_tried() -> None:
    """A new one has its samples here."""
    assert {sample.action for sample in SAMPLES} == set(ACTIONS)
    assert {sample.control for sample in SAMPLES if sample.action == "power"} == set(POWER_DRIVERS)
    used = {(sample.action, name) for sample in SAMPLES for name in sample.parameters}
    assert used == {(name, parameter) for name, action in ACTIONS.items() for parameter in action.parameters}
