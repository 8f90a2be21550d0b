"""A customer's command is a program and its arguments, never a shell's text, and never what takes a machine down (R60, R26)."""

import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest
from fixtures_ssh import host_at
from hypothesis import given
from hypothesis import strategies as st

from domain.procedure import Parameter
from remediation import ACTIONS, CannotAct

COMMAND = ACTIONS["command"]
HOST = host_at("192.0.2.1", 22, (), user="hikeshi")
parse: Callable[[object], Parameter] = COMMAND.parameters["argv"].parse


@pytest.mark.parametrize(
    "argv", [["/usr/local/bin/app-clear-cache"], ["/usr/bin/php", "/srv/app/artisan", "--env=live", "cache:clear"]]
)
def test_a_program_with_its_arguments(argv: list[str]) -> None:
    assert parse(argv) == tuple(argv)
    begun = COMMAND.describe(HOST, {"argv": tuple(argv)}, None)[1]
    assert shlex.split(begun) == [
        "sudo", "-n", "systemd-run", "--unit=hikeshi-ATTEMPT", "--remain-after-exit", "--uid=hikeshi", *argv,
    ]  # fmt: skip
    begun = COMMAND.describe(HOST, {"argv": tuple(argv), "as_root": True}, None)[1]
    assert "--uid" not in begun


@pytest.mark.parametrize(
    "argv",
    [
        None, "", "/bin/true", [], [""], ["true"], ["./true"], ["/bin/../sbin/reboot"], ["/bin/"], ["/srv/app", "-c", "rm -r /"],
        ["/bin/echo", "$(reboot)"], ["/bin/echo", "{host}"], ["/bin/echo", "a\nb"], ["/bin/echo", 1], ["/bin/echo", "*"],
        ["/bin/echo", "`id`"], ["/bin/echo"] * 33, ["/bin/echo", "x" * 256],
    ],
)  # fmt: skip
def test_anything_else_is_refused(argv: object) -> None:
    with pytest.raises(ValueError, match="a list: the absolute path of a program"):
        parse(argv)
    with pytest.raises(CannotAct):
        COMMAND.describe(HOST, {"argv": argv}, None)  # type: ignore[dict-item]


@pytest.mark.parametrize(
    "argv",
    [["/sbin/reboot"], ["/usr/sbin/shutdown", "-r", "now"], ["/sbin/init", "6"], ["/bin/systemctl", "--force", "reboot"],
     ["/usr/bin/systemctl", "isolate", "rescue.target"], ["/bin/systemctl", "start", "reboot.target"],
     ["/usr/bin/ipmitool", "chassis", "power", "cycle"], ["/usr/bin/virsh", "reset", "db01"], ["/usr/sbin/rtcwake", "-m", "off"],
     ["/usr/bin/env", "reboot"], ["/usr/bin/sudo", "/sbin/reboot"], ["/bin/busybox", "reboot"], ["/srv/any", "/sbin/shutdown"],
     ["/srv/any", "--run=/sbin/init"], ["/usr/bin/tee", "/proc/sysrq-trigger"]],
)  # fmt: skip
def test_the_machine_is_not_taken_down_past_the_limits(argv: list[str]) -> None:
    with pytest.raises(ValueError, match="there are the actions reboot and power"):
        parse(argv)


@pytest.mark.parametrize(
    "argv",
    [["/bin/sh", "-c", "id"], ["/bin/bash", "-c", "id"], ["/bin/sh", "-i"], ["/bin/sh", "/srv/procedure"], ["/usr/bin/env", "id"],
     ["/usr/bin/sudo", "id"], ["/usr/bin/nohup", "id"], ["/bin/busybox", "id"], ["/usr/bin/systemd-run", "id"],
     ["/usr/bin/at", "now"], ["/usr/bin/find", "/", "-exec", "id"], ["/usr/bin/ssh", "db02", "id"],
     ["/usr/bin/python3.11", "-c", "1"], ["/usr/bin/perl", "-e", "1"], ["/usr/bin/php", "-r", "1"], ["/usr/bin/node"]],
)  # fmt: skip
def test_no_program_that_runs_what_it_is_told_to(argv: list[str]) -> None:
    with pytest.raises(ValueError, match=r"by its own absolute path|the absolute path of a script"):
        parse(argv)


@pytest.mark.parametrize(
    "argv", [["/usr/bin/redis-cli", "shutdown"], ["/srv/app/manage", "init"], ["/srv/app/restart", "--halt-on=error"]]
)
def test_words_of_a_programs_own_are_left_to_it(argv: list[str]) -> None:
    assert parse(argv) == tuple(argv)


@given(st.lists(st.text(max_size=20), max_size=5))
def test_whatever_is_accepted_arrives_word_by_word(argv: list[str]) -> None:
    try:
        accepted = parse(argv)
    except ValueError:
        return
    begun = COMMAND.describe(HOST, {"argv": accepted}, None)[1]
    assert shlex.split(begun)[6:] == argv
    assert begun.endswith(" ".join(argv)), "no shell would read it otherwise"


@given(st.text(alphabet="$`{}%;|&<>*?[]()'\"\\ \n\0!#~", min_size=1, max_size=5), st.text(max_size=5))
def test_nothing_that_a_shell_reads_is_accepted(special: str, around: str) -> None:
    for argv in (["/bin/echo", around + special], ["/bin/" + special + around], [special]):
        with pytest.raises(ValueError, match=r"a list|doesn't take"):
            parse(argv)


def test_without_a_login_there_is_no_command() -> None:
    with pytest.raises(CannotAct, match="says nothing about ssh"):
        COMMAND.describe(replace(HOST, ssh=None), {"argv": ("/bin/true",)}, None)
