"""Machines that are switched: `machine` (of paper), its `chassis`, a real `ipmi` BMC and `redfish` service that switch it.

`ran`: each ipmitool that was run.
"""

import os
import shlex
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_ssh import host_at
from hand_clock import HandClock

from bed.chassis import Chassis
from bed.ipmi import Ipmi
from bed.redfish import Redfish
from bed.tls import Authority
from domain.model import Host, PowerControl, Rescue, Secret, SshAccess
from remediation import Leave, Target

PASSWORD = Secret("env", "BMC")
RESCUE = Rescue("pxe", SshAccess("root", (), Secret("env", "RESCUE")))


class PaperMachine:
    """A machine that only knows whether it is on; `starts` counts how often it began to run."""

    name = "db01"

    def __init__(self) -> None:
        self.next_boot = "disk"
        self.running = True
        self.starts = 0

    def power_on(self) -> None:
        self.running = True
        self.starts += 1

    def power_off(self) -> None:
        self.running = False

    def reset(self) -> None:
        self.starts += 1

    def press_button(self) -> None:
        self.running = False


class Clock(HandClock):
    """By hand; whoever sleeps also lets the others run for a moment, since BMCs have clocks of their own."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        time.sleep(0.05)


def db01(control: PowerControl | None, rescue: Rescue | None = None) -> Host:
    """A host where nobody can log in, with this power control."""
    return replace(host_at("192.0.2.10", 22, ()), id="db01", ssh=None, power=control, rescue=rescue)


def target_of(host: Host, secrets: Mapping[str, str]) -> Target:
    return Target(host, lambda secret: secrets[secret.name], Clock())


def leave(timeout_s: float = 20) -> Leave:
    """Leave that does not lapse."""
    return Leave("hikeshi-1", timeout_s, lambda: None)


@pytest.fixture
def machine() -> PaperMachine:
    return PaperMachine()


@pytest.fixture
def chassis(machine: PaperMachine, tmp_path: Path) -> Iterator[Chassis]:
    with Chassis(machine, tmp_path) as made:
        yield made


@pytest.fixture
def ipmi(chassis: Chassis, tmp_path: Path) -> Iterator[Ipmi]:
    with Ipmi(chassis, tmp_path) as made:
        yield made


@pytest.fixture
def redfish(chassis: Chassis, tmp_path: Path) -> Iterator[Redfish]:
    with Redfish(chassis, tmp_path, Authority(tmp_path)) as made:
        yield made


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every ipmitool that is run, as a line of this file; with its environment's names."""
    log, bin_ = tmp_path / "ran", tmp_path / "bin"
    bin_.mkdir()
    real = next(f"{folder}/ipmitool" for folder in os.environ["PATH"].split(":") if Path(folder, "ipmitool").exists())
    script = f'#!/bin/bash\nprintf "%s\\n" "${{*@Q}}" >>{log}\nexport -p >>{log}.environ\nexec {real} "$@"\n'
    (bin_ / "ipmitool").write_text(script)
    (bin_ / "ipmitool").chmod(0o755)
    monkeypatch.setenv("PATH", f"{bin_}:{os.environ['PATH']}")
    return log


def ipmitool_lines(ran: Path) -> list[str]:
    """The command lines in the file of ``ran``, each quoted as a person would."""
    return ["ipmitool " + shlex.join(shlex.split(line)) for line in ran.read_text().splitlines()] if ran.exists() else []
