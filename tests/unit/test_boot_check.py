"""Several marks for a check at the next boot: what was set stays set, also where the next one comes too late."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from fixtures_ssh import host_at
from hand_clock import HandClock

from domain.model import FileSystem, Secret, SshAccess
from domain.procedure import LEFT_ALONE, StepOutcome
from remediation import ACTIONS, Guard, Leave, Result, Target, TooLate
from remediation.action import Ran

DISKS = (FileSystem("/dev/sda1", "ext4"), FileSystem("/dev/sdb1", "ext4"))


class Login:
    """Whatever is sent ends well."""

    def __init__(self) -> None:
        self.set: list[str] = []

    def run(self, argv: Sequence[str], timeout_s: float, guard: Guard | None = None) -> Ran:
        if guard is not None:
            guard()
            self.set.append(argv[-1])
        return Ran(tuple(argv), 0)

    def close(self) -> None: ...


def start(login: Login, in_time: int) -> Result:
    """With leave for so many changes."""

    def guard() -> None:
        if len(login.set) >= in_time:
            raise TooLate("not done: 5.2 s passed since the intent")

    host = replace(host_at("192.0.2.1", 22, ()), ssh=SshAccess("root", (), Secret("file", "/key")), filesystems=DISKS)
    target = Target(host, lambda _: "", HandClock())
    return ACTIONS["fsck_at_boot"].prepare(target, {}, lambda _: login).start(Leave("hikeshi-1", 60, guard))


def test_the_first_mark_that_is_too_late_leaves_all_as_it_was() -> None:
    login = Login()
    with pytest.raises(TooLate):
        start(login, 0)
    assert login.set == []


def test_a_later_mark_that_is_too_late_leaves_what_was_set() -> None:
    login = Login()
    result = start(login, 1)
    assert (result.outcome, login.set) == (StepOutcome.FAILED, ["/dev/sda1"])
    assert result.outcome not in LEFT_ALONE
    assert result.detail == "/dev/sdb1: not done: 5.2 s passed since the intent; those before it are set"
