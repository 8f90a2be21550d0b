"""`restart_service` through a real sshd whose `systemctl` and `sudo` are small scripts: what is sent, and how each end is told.

The same against real systemd and real sudo: tests/bed/test_restart_on_guest.py.
"""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from fixtures_ssh import SshServer, host_at
from hand_clock import HandClock

from bed.host import make_key
from bed.plain import PlainHost
from domain.procedure import StepOutcome
from remediation import ACTIONS, Attempted, CannotAct, CannotReach, Guard, Leave, Prepared, Target, TooLate, open_connection
from remediation.action import Ran

RESTART = ACTIONS["restart_service"]
BEFORE = {"LoadState": "loaded", "ActiveState": "failed", "SubState": "failed", "Result": "signal", "InvocationID": "aaaa"}


def show(server: SshServer, **properties: str) -> None:
    """What `systemctl show` is to say; by default a unit that was killed."""
    lines = "\\n".join(f"{name}={value}" for name, value in {**BEFORE, **properties}.items())
    server.script("systemctl", f"printf '{lines}\\n'")


def in_time() -> None:
    """The leave to act has not lapsed."""


def prepare(server: SshServer, service: str | None = "nginx") -> Prepared:
    return RESTART.prepare(server.target(service=service), {}, open_connection)


def test_looking_before_changes_nothing(sshd_server: SshServer) -> None:
    show(sshd_server)
    with contextlib.closing(prepare(sshd_server)) as prepared:
        assert prepared.before == BEFORE
    assert [line.split()[:2] for line in sshd_server.commands()] == [["systemctl", "show"]]


def test_the_steps_unit_goes_before_the_checks_service(sshd_server: SshServer) -> None:
    host = sshd_server.target().host
    assert RESTART.describe(host, {"unit": "php-fpm.service"}, "nginx")[2] == "sudo -n systemctl restart php-fpm.service"


@pytest.mark.parametrize("service", [None, "", "-f", "nginx; reboot", "nginx.service --now", "reboot.target", "systemd-reboot"])
def test_without_a_proper_unit_nothing_is_tried(sshd_server: SshServer, service: str | None) -> None:
    with pytest.raises(CannotAct):
        RESTART.describe(sshd_server.target().host, {}, service)
    with pytest.raises(CannotAct):
        prepare(sshd_server, service)
    assert sshd_server.commands() == []


@pytest.mark.parametrize("state", ["masked", "not-found", "error"])
def test_a_unit_that_cannot_be_restarted_is_told_before_anything_is_done(sshd_server: SshServer, state: str) -> None:
    show(sshd_server, LoadState=state)
    with pytest.raises(CannotAct, match=f"nginx.service is {state}, so it can't be restarted"):
        prepare(sshd_server)


def test_a_host_that_cannot_show_its_units_is_not_acted_on(sshd_server: SshServer) -> None:
    sshd_server.script("systemctl", "echo 'Failed to connect to bus' >&2; exit 1")
    sshd_server.script("test", '[ "$*" = "-d /run/systemd/system" ]')
    with pytest.raises(CannotReach, match=r"systemctl show nginx\.service: exit status 1: Failed to connect to bus"):
        prepare(sshd_server)


@pytest.mark.parametrize(
    ("sudo", "outcome", "detail"),
    [
        ("true", StepOutcome.DONE, "restarted; nginx.service is failed (failed), result signal"),
        (
            "echo 'sudo: a password is required' >&2; exit 1",
            StepOutcome.FAILED,
            "exit status 1: sudo: a password is required; nginx.service is failed (failed), result signal",
        ),
        ("kill -9 $$", StepOutcome.UNKNOWN, "connection lost, or ended by a signal"),
        ("exit 143", StepOutcome.UNKNOWN, "exit status 143"),
        ("exec sleep 60", StepOutcome.UNKNOWN, "no end within 1 s; it may go on"),
    ],
)
def test_how_a_restart_ends(sshd_server: SshServer, sudo: str, outcome: StepOutcome, detail: str) -> None:
    show(sshd_server)
    sshd_server.script("sudo", sudo)
    with contextlib.closing(prepare(sshd_server)) as prepared:
        result = prepared.start(Leave("hikeshi-1", 1, in_time))
    assert (result.outcome, result.detail) == (outcome, detail)
    assert result.command_line == "sudo -n systemctl restart nginx.service"


def test_what_is_too_late_is_not_sent(sshd_server: SshServer) -> None:
    """Asked at the very end: the channel is open, and only the command is missing."""
    show(sshd_server)
    sshd_server.script("sudo", "true")

    def refuse() -> None:
        raise TooLate("slept too long")

    with contextlib.closing(prepare(sshd_server)) as prepared:
        with pytest.raises(TooLate):
            prepared.start(Leave("hikeshi-1", 10, refuse))
        assert [line.split()[0] for line in sshd_server.commands()] == ["systemctl"]
        assert prepared.start(Leave("hikeshi-1", 10, in_time)).outcome is StepOutcome.DONE, "the login is as good as before"


def test_a_restart_that_was_never_sent_was_not_done(sshd_server: SshServer) -> None:
    """So that nobody need find out what became of it."""
    show(sshd_server)
    prepared = prepare(sshd_server)
    prepared.close()
    result = prepared.start(Leave("hikeshi-1", 10, in_time))
    assert (result.outcome, result.detail) == (StepOutcome.NOT_DONE, "connection lost before the command was sent")
    assert len(sshd_server.commands()) == 1


def test_a_login_for_nothing_is_closed() -> None:
    login = Shown({**BEFORE, "LoadState": "masked"})
    with pytest.raises(CannotAct):
        RESTART.prepare(Target(host_at("192.0.2.1", 22, ()), lambda _: "", HandClock(), "nginx"), {}, lambda _: login)
    assert login.closed


class Shown:
    """A login on a host whose unit is, look by look, as given; after the last one it stays so."""

    def __init__(self, *states: Mapping[str, str] | None) -> None:
        self.states = list(states)
        self.asked: list[tuple[str, ...]] = []
        self.closed = False

    def run(self, argv: Sequence[str], timeout_s: float, guard: Guard | None = None) -> Ran:
        self.asked.append(tuple(argv))
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        if state is None:
            return Ran(tuple(argv), None, detail="connection lost: gone")
        return Ran(tuple(argv), 0, "".join(f"{name}={value}\n" for name, value in state.items()))

    def close(self) -> None:
        self.closed = True


STARTED = {**BEFORE, "ActiveState": "active", "SubState": "running", "Result": "success", "InvocationID": "bbbb"}
STARTING = {**STARTED, "ActiveState": "activating", "SubState": "start-pre"}
OLD_BEFORE = {"LoadState": "loaded", "ActiveState": "failed", "ActiveEnterTimestampMonotonic": "100"}


@pytest.mark.parametrize(
    ("before", "states", "outcome", "detail", "slept_s"),
    [
        (BEFORE, [STARTED], "done", "started since: nginx.service is active (running)", 0),
        (BEFORE, [STARTING, STARTING, STARTED], "done", "started since: nginx.service is active (running)", 2),
        (BEFORE, [STARTING], "unknown", "still under way after 5 s: nginx.service is activating (start-pre)", 5),
        (BEFORE, [BEFORE], "unknown", "not started since: nginx.service is failed (failed), result signal", 0),
        (
            BEFORE,
            [{**BEFORE, "InvocationID": ""}],
            "unknown",
            "not started since: nginx.service is failed (failed), result signal",
            0,
        ),
        (
            BEFORE,
            [{**BEFORE, "InvocationID": "bbbb", "Result": "exit-code"}],
            "failed",
            "started since, and failed: nginx.service is failed (failed), result exit-code",
            0,
        ),
        (BEFORE, [None], "unknown", "could not look whether it was restarted: connection lost: gone", 0),
        # systemd before 232 knows no InvocationID
        (OLD_BEFORE, [{**OLD_BEFORE, "ActiveState": "active", "ActiveEnterTimestampMonotonic": "200"}], "done", None, 0),
        (OLD_BEFORE, [{**OLD_BEFORE, "ActiveState": "active"}], "unknown", None, 0),
        # nothing was read before: nothing can be told
        ({}, [STARTED], "unknown", None, 0),
    ],
)
def test_settling_goes_by_what_is_seen(
    before: Mapping[str, str], states: list[Mapping[str, str] | None], outcome: str, detail: str | None, slept_s: float
) -> None:
    clock = HandClock()
    target = Target(host_at("192.0.2.1", 22, ()), lambda _: "", clock, "nginx")
    login = Shown(*states)
    result = RESTART.settle(target, {}, before, lambda _: login, Attempted("hikeshi-1", 5, 5))
    assert result.outcome == outcome
    assert detail is None or result.detail == detail
    assert sum(clock.slept) == slept_s
    assert {argv[:2] for argv in login.asked} == {("systemctl", "show")}
    assert login.closed


def test_settling_a_host_that_cannot_be_reached_stays_unknown() -> None:
    def refuse(target: Target) -> Shown:
        raise CannotReach("host key mismatch")

    target = Target(host_at("192.0.2.1", 22, ()), lambda _: "", HandClock(), "nginx")
    result = RESTART.settle(target, {}, BEFORE, refuse, Attempted("hikeshi-1", 5, 5))
    assert (result.outcome, result.detail) == (StepOutcome.UNKNOWN, "could not look whether it was restarted: host key mismatch")


def test_the_host_without_root_is_recovered_alike(tmp_path: Path) -> None:
    """What the demo shows where no real guests can run."""
    with PlainHost() as plain:
        plain.authorize(make_key(tmp_path / "mine"))
        plain.break_service("nginx")
        starts = plain.service_starts("nginx")
        host = host_at(plain.address, plain.ssh_port, (plain.host_key,), service="nginx")
        target = Target(host, lambda _: (tmp_path / "mine").read_text(), HandClock(), "nginx")
        with contextlib.closing(RESTART.prepare(target, {}, open_connection)) as prepared:
            assert prepared.start(Leave("hikeshi-1", 10, in_time)).outcome is StepOutcome.DONE
        assert RESTART.settle(target, {}, prepared.before, open_connection, Attempted("hikeshi-1", 5)).outcome is StepOutcome.DONE
        assert plain.service_starts("nginx") == starts + 1
