"""What lasts runs on a real host as a unit: begun once, found again after a lost connection, with its end and output."""

import contextlib
import itertools
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from fixtures_login import Login

from bed.process import wait_for
from domain.model import FileSystem, Rescue
from domain.procedure import Parameter, StepOutcome
from remediation import ACTIONS, Action, Attempted, CannotAct, Leave, Result
from remediation.action import ATTEMPT
from remediation.host import INIT
from remediation.network import NETWORK

pytestmark = pytest.mark.root
COMMAND = ACTIONS["command"]
_numbers = itertools.count(1)


def attempt() -> str:
    return f"hikeshi-{next(_numbers):016x}"


def in_time() -> None:
    """The leave to act has not lapsed."""


def run(login: Login, *argv: str, timeout_s: float = 20, name: str = "", as_root: bool = False) -> Result:
    given: Mapping[str, Parameter] = {"argv": argv, "as_root": as_root}
    login.allow(COMMAND, given)
    with contextlib.closing(COMMAND.prepare(login.target(), given, login.connect)) as prepared:
        return prepared.start(Leave(name or attempt(), timeout_s, in_time))


def described(login: Login, action: Action, name: str, parameters: Mapping[str, Parameter], **changes: Any) -> list[str]:
    """What a dry run says now, of an attempt of this name."""
    host = login.target(**changes).host
    return [
        line.replace(ATTEMPT, name) for line in action.describe(host, parameters, None, login.known) if not line.startswith("#")
    ]


def test_a_command_ends_well_and_its_output_is_kept(login: Login) -> None:
    name = attempt()
    said = described(login, COMMAND, name, {"argv": ("/usr/bin/id", "-un")})
    result = run(login, "/usr/bin/id", "-un", name=name)
    assert login.sent == said
    assert result.command_line == said[1]
    assert (result.outcome, result.detail) == (StepOutcome.DONE, "exit status 0: hikeshi")
    assert login.kept == {"output of the command": "hikeshi\n"}
    assert login.known == {INIT: "systemd"}
    assert run(login, "/usr/bin/id", "-un", as_root=True).detail == "exit status 0: root"


@pytest.mark.parametrize(
    ("argv", "detail"),
    [
        (("/bin/ls", "/nonexistent"), "exit status 2: /bin/ls: cannot access '/nonexistent': No such file or directory"),
        (("/var/dies",), "ended by signal 9"),
        (("/nonexistent",), None),
    ],
)
def test_a_command_that_fails(login: Login, argv: tuple[str, ...], detail: str | None) -> None:
    dies = login.guest.root / "var/dies"
    dies.write_text("#!/bin/sh\nkill -KILL $$\n")
    dies.chmod(0o755)
    result = run(login, *argv)
    assert result.outcome is StepOutcome.FAILED
    assert detail is None or result.detail == detail


def test_the_rule_allows_this_command_only_under_the_name_of_an_attempt(login: Login) -> None:
    login.allow(COMMAND, {"argv": ("/usr/bin/id",)})
    ours = ["systemd-run", f"--unit={attempt()}", "--remain-after-exit", "--uid=hikeshi", "/usr/bin/id"]
    with contextlib.closing(login.connect(login.target())) as connection:
        for wrong in (
            [*ours, "-u"],
            [*ours[:4], "/bin/sh"],
            [ours[0], ours[1], ours[2], ours[4]],
            [ours[0], "--unit=ssh", *ours[2:]],
            [ours[0], f"{ours[1]} --property=User=root", *ours[2:]],
            [ours[0], ours[1], "--property=ExecStartPre=/bin/sh", *ours[2:]],
            ["journalctl", "--output=cat"],
        ):
            ran = connection.run(["sudo", "-n", *wrong], 10)
            assert ran.exit_status == 1, wrong
            assert "password is required" in ran.stderr, wrong
        assert connection.run(["sudo", "-n", *ours], 10).exit_status == 0


def test_without_its_rule_sudo_refuses(login: Login) -> None:
    login.guest.run(["rm", "-f", "/etc/sudoers.d/hikeshi"])
    given = {"argv": ("/usr/bin/id",)}
    with contextlib.closing(COMMAND.prepare(login.target(), given, login.connect)) as prepared:
        result = prepared.start(Leave(attempt(), 5, in_time))
    assert (result.outcome, result.detail) == (
        StepOutcome.FAILED,
        "was not begun: exit status 1: sudo: a password is required",
    )


def test_nothing_is_begun_twice_under_one_name(login: Login) -> None:
    name = attempt()
    counted = login.guest.root / "var/counted"
    counted.mkdir()
    first = run(login, "/bin/mktemp", "-p", "/var/counted", name=name, as_root=True)
    second = run(login, "/bin/mktemp", "-p", "/var/counted", name=name, as_root=True)
    assert (first.outcome, second.outcome) == (StepOutcome.DONE, StepOutcome.FAILED)
    assert "already exists" in second.detail or "already loaded" in second.detail
    assert len(list(counted.iterdir())) == 1


def test_a_connection_that_is_cut_does_not_end_it_and_it_is_picked_up_again(login: Login) -> None:
    name = attempt()
    given = {"argv": ("/bin/sleep", "3")}
    login.allow(COMMAND, given)
    with contextlib.closing(COMMAND.prepare(login.target(), given, login.connect)) as prepared:

        def cut() -> None:
            wait_for(lambda: login.guest.service_state(f"{name}.service") == "active", "the unit to begin", 10)
            login.guest.run(["pkill", "-KILL", "-u", login.guest.user, "sshd"])

        cutter = threading.Thread(target=cut)
        cutter.start()
        result = prepared.start(Leave(name, 30, in_time))
        cutter.join()
    assert result.outcome is StepOutcome.UNKNOWN
    settled = COMMAND.settle(login.target(), given, prepared.before, login.connect, Attempted(name, 5, 20))
    assert (settled.outcome, settled.detail) == (StepOutcome.DONE, "exit status 0")


def test_one_that_never_ends_is_given_up_and_found_again(login: Login) -> None:
    name = attempt()
    result = run(login, "/bin/sleep", "600", timeout_s=1, name=name)
    assert (result.outcome, result.detail) == (StepOutcome.UNKNOWN, f"still running after 1 s, as unit {name}")
    login.guest.run(["systemctl", "kill", "--signal=TERM", f"{name}.service"])
    settled = COMMAND.settle(login.target(), {"argv": ("/bin/sleep", "600")}, {}, login.connect, Attempted(name, 5, 10))
    assert (settled.outcome, settled.detail) == (StepOutcome.FAILED, "ended by signal 15")


def test_one_that_was_never_begun_is_asked_of_a_person(login: Login) -> None:
    name = attempt()
    settled = COMMAND.settle(login.target(), {"argv": ("/bin/true",)}, {}, login.connect, Attempted(name, 5, 5))
    assert settled.outcome is StepOutcome.UNKNOWN
    assert settled.detail == f"no unit {name} on the host: it was never begun, or the host has rebooted since"


def test_the_network_is_restarted_by_what_manages_it(login: Login) -> None:
    network = ACTIONS["restart_network"]
    login.guest.run(["systemctl", "stop", "networking.service"])
    with pytest.raises(CannotAct, match="nothing that is known to manage the network is in use"):
        network.prepare(login.target(), {}, login.connect)
    cuts = login.guest.root / "etc/systemd/system/networking.service.d/cuts.conf"
    cuts.parent.mkdir(parents=True)
    cuts.write_text("[Service]\nExecStop=-/usr/bin/pkill -KILL -u hikeshi sshd\n")
    login.guest.run(["systemctl", "daemon-reload"])
    login.guest.run(["systemctl", "start", "networking.service"])
    login.sent.clear()
    login.known.clear()
    login.allow(network, {})
    began = login.guest.run(["systemctl", "show", "-p", "InvocationID", "networking"]).stdout
    name = attempt()
    with contextlib.closing(network.prepare(login.target(), {}, login.connect)) as prepared:
        said = described(login, network, name, {})
        result = prepared.start(Leave(name, 20, in_time))
    assert result.outcome is StepOutcome.UNKNOWN
    result = network.settle(login.target(), {}, prepared.before, login.connect, Attempted(name, 5, 20))
    assert (result.outcome, result.detail) == (StepOutcome.DONE, "exit status 0")
    assert login.known == {INIT: "systemd", NETWORK: "networking.service"}
    assert login.sent[1:] == said, "once it is known what manages it, a dry run says so"
    assert login.guest.run(["systemctl", "show", "-p", "InvocationID", "networking"]).stdout != began


class TestFsck:
    FSCK = ACTIONS["fsck"]

    def image(self, login: Login, name: str, *, damaged: bool = False) -> str:
        """A file system of 8 MB with some files, in a file of the guest's."""
        login.guest.run(["truncate", "-s", "8M", f"/srv/{name}"])
        login.guest.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", "/etc/nginx", f"/srv/{name}"])
        if damaged:
            for order in ("clri /nginx.conf", "clri /sites-available", "freeb 100 200"):
                login.guest.run(["debugfs", "-w", "-R", order, f"/srv/{name}"])
        return f"/srv/{name}"

    def rescue(self, login: Login, *devices: str) -> dict[str, Any]:
        """This guest as its own rescue system, where the user may do anything."""
        assert login.host.ssh is not None
        login.guest.sudoers(f"{login.guest.user} ALL=(root) NOPASSWD: ALL\n")
        return {"rescue": Rescue("pxe", login.host.ssh), "filesystems": tuple(FileSystem(item, "ext4") for item in devices)}

    def check(self, login: Login, host: dict[str, Any], name: str = "") -> Result:
        with contextlib.closing(self.FSCK.prepare(login.target(**host), {}, login.connect)) as prepared:
            return prepared.start(Leave(name or attempt(), 30, in_time))

    def test_a_damaged_file_system_is_repaired_and_the_record_says_what_was_lost(self, login: Login) -> None:
        good, bad = self.image(login, "good.img"), self.image(login, "bad.img", damaged=True)
        host = self.rescue(login, good, bad)
        result = self.check(login, host)
        assert result.outcome is StepOutcome.DONE, result.detail
        assert result.detail.startswith(f"{good} (ext4): clean; {bad} (ext4): ")
        assert result.detail.endswith(" corrected, 2 directory entries lost, 1 put into lost+found")
        assert "FILE SYSTEM WAS MODIFIED" in login.kept["output of the file system check"]
        assert login.known == {}, "the rescue system is not the host"
        login.sent.clear()
        name = attempt()
        said = described(login, self.FSCK, name, {}, **host)
        again = self.check(login, host, name)
        assert login.sent == said
        assert (again.outcome, again.detail) == (StepOutcome.DONE, f"{good} (ext4): clean; {bad} (ext4): clean")

    def test_one_that_is_mounted_is_left_alone(self, login: Login) -> None:
        path = self.image(login, "mounted.img", damaged=True)
        before = (login.guest.root / path.removeprefix("/")).read_bytes()
        login.guest.run(["mount", "-t", "tmpfs", path, "/mnt"])
        try:
            result = self.check(login, self.rescue(login, path))
        finally:
            login.guest.run(["umount", "/mnt"])
        assert (result.outcome, result.detail) == (StepOutcome.FAILED, f"{path} left alone: mounted, or nobody can tell")
        assert (login.guest.root / path.removeprefix("/")).read_bytes() == before

    def test_what_is_none_at_all_has_failed(self, login: Login) -> None:
        login.guest.run(["truncate", "-s", "1M", "/srv/none.img"])
        result = self.check(login, self.rescue(login, "/srv/none.img"))
        assert (result.outcome, result.detail) == (
            StepOutcome.FAILED,
            "/srv/none.img (ext4): exit status 8, errors were left",
        )
