"""`reboot` through a real sshd whose `shutdown` and `ps` are scripts, and by power where nothing answers.

On a real host: tests/bed/test_power_on_guest.py.
"""

import contextlib
from dataclasses import replace

import pytest
from fixtures_power import PASSWORD, Clock, leave
from fixtures_ssh import ME, SshServer

from bed.host import make_key
from bed.process import free_port
from bed.redfish import Redfish
from domain.model import Host, PowerControl, Secret
from domain.procedure import StepOutcome
from remediation import ACTIONS, Attempted, CannotAct, CannotReach, NoAnswer, Result, Target, open_connection
from remediation.action import INSTEAD, Resolve
from remediation.since import elapsed_s

REBOOT, POWER = ACTIONS["reboot"], ACTIONS["power"]


def target_at(server: SshServer, power: PowerControl | None = None) -> Target:
    target = server.target()
    return replace(target, host=replace(target.host, power=power), clock=Clock())


def up_since(server: SshServer, age: str) -> None:
    """How old process 1 is, as `ps` prints it."""
    server.script("ps", f'[ "$*" = "-o etime= -p 1" ] && echo "   {age}"')


def reboot(target: Target, timeout_s: float = 5) -> Result:
    with contextlib.closing(REBOOT.prepare(target, {}, open_connection)) as prepared:
        return prepared.start(leave(timeout_s))


@pytest.fixture
def server(sshd_server: SshServer) -> SshServer:
    """A host that accepts a reboot, and has been up for a day."""
    for name in ("sudo", "shutdown"):
        sshd_server.script(name, "true")
    up_since(sshd_server, "1-00:00:01")
    return sshd_server


@pytest.fixture
def control(redfish: Redfish, tmp_path: object) -> PowerControl:
    return PowerControl(
        "redfish", redfish.address, redfish.port, redfish.user, PASSWORD, redfish.system, ca_file=f"{tmp_path}/ca.pem"
    )


def test_one_that_has_restarted_is_told_by_its_age(server: SshServer) -> None:
    up_since(server, "00:00")
    result = reboot(replace(target_at(server), clock=Late()))
    assert (result.outcome, server.commands()[0]) == (StepOutcome.DONE, result.command_line)
    assert result.command_line == ("" if ME == "root" else "sudo -n ") + "shutdown -r now"
    assert result.detail == "ordered over SSH; it has restarted: it has been up for 0 s, less than since the order"


class Late(Clock):
    """Every look at it takes a second."""

    def boottime_s(self) -> float:
        self.boot_s += 1
        return self.boot_s


def test_both_ways_are_shown(server: SshServer, control: PowerControl) -> None:
    host = target_at(server, control).host
    by_power = POWER.describe(host, {"do": "reset"}, None)
    assert REBOOT.describe(host, {}, None)[2:] == tuple(INSTEAD + line for line in by_power)
    assert REBOOT.describe(replace(host, ssh=None), {}, None) == by_power
    with pytest.raises(CannotAct, match="neither ssh nor a power control of web01"):
        REBOOT.describe(replace(host, ssh=None, power=None), {}, None)


def test_one_that_does_not_go_down_has_failed(server: SshServer) -> None:
    result = reboot(target_at(server))
    assert result.outcome is StepOutcome.FAILED
    assert result.detail.startswith("ordered over SSH; not gone down within 5 s: it has been up for 86401 s")


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("sudo: a password is required", StepOutcome.NOT_DONE),
        ("Sorry, user hikeshi is not allowed to execute '/usr/sbin/shutdown -r now' as root on web01.", StepOutcome.NOT_DONE),
        ("Failed to talk to init daemon.", StepOutcome.FAILED),
    ],
)
def test_a_refusal_of_sudo_is_no_reboot_that_failed(server: SshServer, said: str, outcome: StepOutcome) -> None:
    """What comes next depends on it: a host that only lacks the sudo rule is not taken into its rescue system."""
    for name in ("sudo", "shutdown"):
        server.script(name, f'echo "{said}" >&2; exit 1')
    result = reboot(target_at(server))
    assert (result.outcome, len(server.commands())) == (outcome, 1)
    assert result.detail == f"exit status 1: {said}"


def test_one_that_answers_no_more_went_down(server: SshServer) -> None:
    for name in ("sudo", "shutdown"):
        server.script(name, f"kill {server._process.pid}")
    result = reboot(target_at(server))
    assert result.outcome is StepOutcome.DONE
    assert result.detail.startswith("ordered over SSH; it went down: nobody can log in: no connection to port")


@pytest.mark.parametrize(
    ("age", "outcome"), [("00:04", StepOutcome.DONE), ("00:05", StepOutcome.UNKNOWN), ("2-03:04:05", StepOutcome.UNKNOWN)]
)
def test_one_without_an_end_is_settled_by_the_age_of_process_1(server: SshServer, age: str, outcome: StepOutcome) -> None:
    """The order is 5.9 s old: whoever is as old in whole seconds may have started just before."""
    up_since(server, age)
    settled = REBOOT.settle(target_at(server), {}, {"way": "ssh"}, open_connection, Attempted("a", 5.9, 0))
    assert settled.outcome is outcome
    assert set(server.commands()) == {"ps -o etime= -p 1"}


def test_where_nothing_answers_it_is_done_by_power(server: SshServer, control: PowerControl, redfish: Redfish) -> None:
    target = target_at(server, control)
    assert target.host.ssh is not None
    away = replace(target, host=replace(target.host, ssh=replace(target.host.ssh, port=free_port())), resolve=both(server, redfish))
    with contextlib.closing(REBOOT.prepare(away, {}, open_connection)) as prepared:
        assert (prepared.before["way"], prepared.before["order"], prepared.before["state"]) == ("power", "reset", "on")
        settled = REBOOT.settle(away, {}, prepared.before, open_connection, Attempted("a", 5, 0))
        assert settled.outcome is StepOutcome.UNKNOWN
        result = prepared.start(leave())
    assert (result.outcome, [order.what for order in redfish.chassis.orders]) == (StepOutcome.DONE, ["reset"])
    assert result.detail.startswith("by power, since nobody can log in (no connection to port ")
    settled = REBOOT.settle(away, {}, prepared.before, open_connection, Attempted("a", 5, 0))
    assert settled.outcome is StepOutcome.DONE
    with pytest.raises(NoAnswer):
        REBOOT.prepare(replace(away, host=replace(away.host, power=None)), {}, open_connection)


def both(server: SshServer, redfish: Redfish) -> Resolve:
    return lambda secret: redfish.password if secret == PASSWORD else server.resolve(secret)


def not_to_be_had(secret: Secret) -> str:
    raise LookupError(secret.name)


@pytest.mark.parametrize("trouble", ["another host key", "key refused", "key not to be had"])
def test_a_host_that_answers_and_can_not_be_logged_in_to_is_left_alone(
    server: SshServer, control: PowerControl, redfish: Redfish, trouble: str
) -> None:
    """Its power is no cure for that: another host key may be another machine, a key that is not to be had is our own trouble."""
    target = replace(target_at(server, control), resolve=both(server, redfish))
    match trouble:
        case "another host key":
            other = make_key(server.folder / "other")
            host: Host = target.host
            assert host.ssh is not None
            target = replace(target, host=replace(host, ssh=replace(host.ssh, host_keys=(other,))))
        case "key refused":
            (server.folder / "authorized_keys").write_text("")
        case _:
            target = replace(target, resolve=not_to_be_had)
    with pytest.raises(CannotReach) as caught:
        REBOOT.prepare(target, {}, open_connection)
    assert not isinstance(caught.value, NoAnswer)
    assert redfish.requests == []


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("00:00", 0), ("   01:05\n", 65), ("02:01:05", 7265), ("3-02:01:05", 266465), ("", None), ("never", None), ("5", None)],
)
def test_elapsed_time_is_read_as_ps_prints_it(text: str, seconds: int | None) -> None:
    assert elapsed_s(text) == seconds
