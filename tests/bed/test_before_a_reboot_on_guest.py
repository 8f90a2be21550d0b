"""On a real host, before it is rebooted: what is seen is kept, and a file system check is arranged for the next boot."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from fixtures_login import Login

from domain.model import FileSystem
from domain.procedure import StepOutcome
from remediation import ACTIONS, Attempted, CannotAct, Leave, Result
from remediation.host import INIT

pytestmark = pytest.mark.root
DIAGNOSE, AT_BOOT = ACTIONS["diagnose"], ACTIONS["fsck_at_boot"]


def in_time() -> None:
    """The leave to act has not lapsed."""


def diagnose(login: Login, timeout_s: float = 60) -> Result:
    with contextlib.closing(DIAGNOSE.prepare(login.target(), {}, login.connect)) as prepared:
        return prepared.start(Leave("hikeshi-1", timeout_s, in_time))


class TestDiagnose:
    def test_it_keeps_what_people_look_for_first(self, login: Login) -> None:
        login.allow(DIAGNOSE, {})
        login.guest.break_service("nginx.service")
        said = list(DIAGNOSE.describe(login.host, {}, None, login.known))
        result = diagnose(login)
        login.guest.mend_service("nginx.service")
        login.guest.restart_service("nginx.service")
        assert login.sent == said
        assert result.outcome is StepOutcome.DONE
        assert result.detail.startswith("kept: load and memory, processes, disk space, inodes, ")
        assert "kernel messages (exit status 1: dmesg: read kernel buffer failed" in result.detail, (
            "a guest has no kernel of its own"
        )
        assert "nginx.service" in login.kept["failed units"]
        assert "nginx.service" in login.kept["journal"]
        assert "sshd" in login.kept["processes"]
        assert "/srv" not in login.kept["processes"]
        assert login.known[INIT] == "systemd"

    def test_a_part_that_can_not_be_had_leaves_the_others_alone(self, login: Login) -> None:
        login.guest.run(["rm", "-f", "/etc/sudoers.d/hikeshi"])
        result = diagnose(login)
        assert result.outcome is StepOutcome.DONE
        assert "journal (exit status 1: sudo: a password is required)" in result.detail
        assert "disk space" in login.kept
        assert "journal" not in login.kept

    def test_the_rules_allow_to_look_and_nothing_else(self, login: Login) -> None:
        login.allow(DIAGNOSE, {})
        with contextlib.closing(login.connect(login.target())) as connection:
            for wrong in (["dmesg", "--clear"], ["journalctl", "--vacuum-size=1"], ["journalctl", "--no-pager"]):
                ran = connection.run(["sudo", "-n", *wrong], 10)
                assert (ran.exit_status, "password is required" in ran.stderr) == (1, True), wrong

    def test_it_is_bounded_in_time(self, login: Login) -> None:
        login.guest.run(["rm", "-f", "/etc/sudoers.d/hikeshi"])
        result = diagnose(login, timeout_s=0)
        assert (result.outcome, login.kept) == (StepOutcome.FAILED, {})
        assert result.detail.startswith("nothing kept; not whole: load and memory (no time left), ")


class TestFsckAtBoot:
    def arranged(self, login: Login, **host: Any) -> Result:
        login.allow(AT_BOOT, {}, **host)
        with contextlib.closing(AT_BOOT.prepare(login.target(**host), {}, login.connect)) as prepared:
            return prepared.start(Leave("hikeshi-1", 20, in_time))

    def settled(self, login: Login, **host: Any) -> Result:
        return AT_BOOT.settle(login.target(**host), {}, {}, login.connect, Attempted("hikeshi-1", 5))

    def test_a_count_in_each_ext_file_system_that_the_inventory_names(self, login: Login) -> None:
        for name in ("a", "b"):
            login.guest.run(["truncate", "-s", "4M", f"/srv/{name}.img"])
            login.guest.run(["mke2fs", "-q", "-F", "-t", "ext4", f"/srv/{name}.img"])
        host = {"filesystems": (FileSystem("/srv/a.img", "ext4"), FileSystem("/srv/b.img", "ext3"))}
        login.allow(AT_BOOT, {}, **host)
        assert self.settled(login, **host).detail == "not arranged: /srv/a.img, /srv/b.img"
        login.sent.clear()
        result = self.arranged(login, **host)
        assert (result.outcome, result.detail) == (StepOutcome.DONE, "arranged for the next boot: /srv/a.img, /srv/b.img")
        assert login.sent == list(AT_BOOT.describe(login.target(**host).host, {}, None))
        assert self.settled(login, **host).outcome is StepOutcome.DONE
        checked = login.guest.run(["e2fsck", "-p", "/srv/a.img"], check=False)
        assert "mounted 1001 times without being checked, check forced" in checked.stdout
        again = login.guest.run(["e2fsck", "-p", "/srv/a.img"], check=False)
        assert "check forced" not in again.stdout, "once"

    def test_another_one_by_an_entry_of_grub(self, login: Login) -> None:
        """GRUB itself is not in a guest: its tools are stand-ins that do what they document."""
        boot = login.guest.root / "boot/grub"
        boot.mkdir(parents=True, exist_ok=True)
        for name, text in (
            ("sbin/grub-reboot", 'echo "next_entry=$1" >/boot/grub/grubenv'),
            ("bin/grub-editenv", "cat /boot/grub/grubenv"),
        ):
            tool = Path(login.guest.root / "usr" / name)
            tool.write_text(f"#!/bin/sh\n{text}\n")
            tool.chmod(0o755)
        (boot / "grubenv").write_text("saved_entry=0\n")
        host = {"filesystems": (FileSystem("/dev/vda1", "xfs"),)}
        (boot / "grub.cfg").write_text("menuentry 'Debian GNU/Linux' {\n}\n")
        with pytest.raises(
            CannotAct, match=r"no check can be arranged for the next boot .* or an entry hikeshi-fsck in GRUB's menu"
        ):
            self.arranged(login, **host)
        (boot / "grub.cfg").write_text("menuentry 'Check' --id hikeshi-fsck {\n}\n")
        assert self.settled(login, **host).outcome is StepOutcome.FAILED
        login.sent.clear()
        assert self.arranged(login, **host).detail == "arranged for the next boot: GRUB's entry hikeshi-fsck"
        assert login.sent == list(AT_BOOT.describe(login.target(**host).host, {}, None))
        assert (boot / "grubenv").read_text() == "next_entry=hikeshi-fsck\n"
        assert self.settled(login, **host).outcome is StepOutcome.DONE

    def test_sudo_that_refuses_is_told_before_anything_is_done(self, login: Login) -> None:
        login.guest.run(["rm", "-f", "/etc/sudoers.d/hikeshi"])
        target = login.target(filesystems=(FileSystem("/srv/a.img", "ext4"),))
        with pytest.raises(CannotAct, match="sudo: a password is required"):
            AT_BOOT.prepare(target, {}, login.connect)
