"""`restart_service` on a real host: systemd, sudo with the rules we print, sshd."""

import contextlib
import threading
from collections.abc import Callable, Mapping

import pytest
from fixtures_bed import ClientKey
from fixtures_ssh import host_at

from bed.guest import Guest
from bed.process import wait_for
from domain.procedure import StepOutcome
from remediation import ACTIONS, Attempted, CannotAct, CannotReach, Connection, Leave, Result, Target, open_connection, sudoers
from store.clock import SystemClock

pytestmark = pytest.mark.root
RESTART = ACTIONS["restart_service"]


@pytest.fixture
def target(guest: Guest, client_key: ClientKey) -> Target:
    """nginx of web01, ours to restart and nothing else."""
    guest.authorize(client_key.public)
    host = host_at(guest.address, guest.ssh_port, (guest.host_key,), user=guest.user, service="nginx")
    guest.sudoers(sudoers(host))
    return Target(host, lambda _: client_key.path.read_text(), SystemClock(), "nginx")


@pytest.fixture
def connect(guest: Guest) -> Callable[[Target], Connection]:
    """Log in from inside the bed's network."""

    def inside(target: Target) -> Connection:
        with guest.bed.inside():
            return open_connection(target)

    return inside


def in_time() -> None:
    """The leave to act has not lapsed."""


def restart(target: Target, connect: Callable[[Target], Connection], timeout_s: float = 30) -> tuple[Mapping[str, str], Result]:
    with contextlib.closing(RESTART.prepare(target, {}, connect)) as prepared:
        return prepared.before, prepared.start(Leave("hikeshi-1", timeout_s, in_time))


def slow_start(guest: Guest, unit: str, seconds: float) -> None:
    """From its next start on, the unit takes so long to start."""
    folder = guest.root / f"etc/systemd/system/{unit}.d"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "slow.conf").write_text(f"[Service]\nExecStartPre=/bin/sleep {seconds}\n")
    guest.run(["systemctl", "daemon-reload"])


def test_a_killed_service_is_back(guest: Guest, target: Target, connect: Callable[[Target], Connection]) -> None:
    guest.break_service("nginx.service")
    starts = guest.service_starts("nginx.service")
    before, result = restart(target, connect)
    assert (result.outcome, result.detail) == (StepOutcome.DONE, "restarted; nginx.service is active (running)")
    assert (before["ActiveState"], before["Result"]) == ("failed", "signal")
    assert guest.service_starts("nginx.service") == starts + 1
    settled = RESTART.settle(target, {}, before, connect, Attempted("hikeshi-1", 5))
    assert settled.outcome is StepOutcome.DONE
    assert guest.service_starts("nginx.service") == starts + 1


def test_the_rules_allow_this_one_command_only(guest: Guest, target: Target, connect: Callable[[Target], Connection]) -> None:
    with contextlib.closing(connect(target)) as login:
        for argv in (
            ["sudo", "-n", "systemctl", "restart", "ssh.service"],
            ["sudo", "-n", "systemctl", "restart", "nginx.service", "ssh.service"],
            ["sudo", "-n", "systemctl", "stop", "nginx.service"],
            ["sudo", "-n", "systemctl", "restart", "--no-block", "nginx.service"],
            ["sudo", "-n", "/bin/sh", "-c", "systemctl restart nginx.service"],
            ["sudo", "-n", "id"],
        ):
            ran = login.run(argv, 10)
            assert ran.exit_status == 1, argv
            assert "password is required" in ran.stderr or "not allowed" in ran.stderr


def test_without_its_rule_sudo_refuses(guest: Guest, target: Target, connect: Callable[[Target], Connection]) -> None:
    guest.run(["rm", "/etc/sudoers.d/hikeshi"])
    guest.break_service("nginx.service")
    starts = guest.service_starts("nginx.service")
    _, result = restart(target, connect)
    assert result.outcome is StepOutcome.FAILED
    assert "sudo: a password is required" in result.detail
    assert guest.service_starts("nginx.service") == starts


def test_a_service_that_does_not_start_has_failed(guest: Guest, target: Target, connect: Callable[[Target], Connection]) -> None:
    guest.break_service("nginx.service", repairable=False)
    before, result = restart(target, connect)
    assert result.outcome is StepOutcome.FAILED
    assert "nginx.service is failed (failed), result exit-code" in result.detail
    settled = RESTART.settle(target, {}, before, connect, Attempted("hikeshi-1", 5))
    assert (settled.outcome, settled.detail) == (
        StepOutcome.FAILED,
        "started since, and failed: nginx.service is failed (failed), result exit-code",
    )


def test_a_masked_service_and_none_at_all_are_left_alone(
    guest: Guest, target: Target, connect: Callable[[Target], Connection]
) -> None:
    guest.run(["systemctl", "mask", "--now", "nginx.service"])
    with pytest.raises(CannotAct, match=r"nginx\.service is masked"):
        RESTART.prepare(target, {}, connect)
    with pytest.raises(CannotAct, match=r"no-such\.service is not-found"):
        RESTART.prepare(target, {"unit": "no-such.service"}, connect)


def test_what_was_never_started_is_not_known_to_be(guest: Guest, target: Target, connect: Callable[[Target], Connection]) -> None:
    """Killed between the intent and the effect: a person is asked, nothing is done."""
    guest.break_service("nginx.service")
    starts = guest.service_starts("nginx.service")
    with contextlib.closing(RESTART.prepare(target, {}, connect)) as prepared:
        before = prepared.before
    settled = RESTART.settle(target, {}, before, connect, Attempted("hikeshi-1", 5))
    assert (settled.outcome, settled.detail) == (
        StepOutcome.UNKNOWN,
        "not started since: nginx.service is failed (failed), result signal",
    )
    assert guest.service_starts("nginx.service") == starts


def test_a_connection_lost_in_the_middle_is_settled_by_looking(
    guest: Guest, target: Target, connect: Callable[[Target], Connection]
) -> None:
    """systemd goes on with the restart; a new login waits for its end."""
    guest.break_service("nginx.service")
    slow_start(guest, "nginx.service", 2)
    starts = guest.service_starts("nginx.service")
    with contextlib.closing(RESTART.prepare(target, {}, connect)) as prepared:

        def cut() -> None:
            wait_for(lambda: guest.service_state("nginx.service") == "activating", "the restart to begin", 10)
            guest.run(["pkill", "-KILL", "-u", guest.user, "sshd"])

        cutter = threading.Thread(target=cut)
        cutter.start()
        result = prepared.start(Leave("hikeshi-1", 30, in_time))
        cutter.join()
    assert result.outcome is StepOutcome.UNKNOWN
    assert result.detail.startswith("connection lost")
    settled = RESTART.settle(target, {}, prepared.before, connect, Attempted("hikeshi-1", 5))
    assert (settled.outcome, settled.detail) == (StepOutcome.DONE, "started since: nginx.service is active (running)")
    assert guest.service_starts("nginx.service") == starts + 1


def test_a_restart_that_takes_too_long_goes_on_at_the_host(
    guest: Guest, target: Target, connect: Callable[[Target], Connection]
) -> None:
    guest.break_service("nginx.service")
    slow_start(guest, "nginx.service", 3)
    before, result = restart(target, connect, timeout_s=0.5)
    assert (result.outcome, result.detail) == (StepOutcome.UNKNOWN, "no end within 0.5 s; it may go on")
    early = RESTART.settle(target, {}, before, connect, Attempted("hikeshi-1", 1, 0.1))
    assert early.detail == "still under way after 0.1 s: nginx.service is activating (start-pre)"
    assert RESTART.settle(target, {}, before, connect, Attempted("hikeshi-1", 5)).outcome is StepOutcome.DONE


def test_a_host_that_hangs_is_given_up(
    guest: Guest, target: Target, connect: Callable[[Target], Connection], monkeypatch: pytest.MonkeyPatch
) -> None:
    from remediation import ssh

    monkeypatch.setattr(ssh, "CONNECT_TIMEOUT_S", 0.5)
    guest.freeze()
    try:
        with pytest.raises(CannotReach, match="no SSH session on port 22"):
            connect(target)
    finally:
        guest.thaw()


def test_it_works_over_ipv6(guest: Guest, target: Target, connect: Callable[[Target], Connection]) -> None:
    host = host_at(guest.address6, guest.ssh_port, (guest.host_key,), user=guest.user, service="nginx")
    _, result = restart(Target(host, target.resolve, target.clock, "nginx"), connect)
    assert result.outcome is StepOutcome.DONE
