"""`power` by a hypervisor's own commands, through a real sshd.

In the place of `virsh`, `qm` and `xl` are scripts that speak as their manuals say (virsh(1) of libvirt 9.0, qm(1) of Proxmox VE
8, xl(1) of Xen 4.17): one machine can't be a hypervisor of each kind, and libvirt's test driver forgets all between two commands.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_power import Clock, db01, leave, target_of
from fixtures_ssh import ME, SshServer

from domain.model import Host, PowerControl, Secret, SshAccess
from domain.procedure import StepOutcome
from remediation import ACTIONS, POWER_DRIVERS, Attempted, CannotAct, CannotReach, Result, Target, open_connection
from remediation.action import WHERE_OFF

POWER = ACTIONS["power"]
_COMMON = """
[ "$1" = -n ] && shift && shift
state={folder}/state; id=$(cat $state)
start() {{ [ "$id" = off ] || exit 1; echo $(($(cat {folder}/starts) + 1)) >{folder}/starts; cp {folder}/starts $state; }}
stop() {{ [ "$id" != off ] || exit 1; echo off >$state; }}
"""
SCRIPTS: Mapping[str, str] = {
    "virsh": """
[ "$1 $2" = "--connect qemu:///system" ] && shift && shift
case "$1 $2" in
"domid db01") [ "$id" = off ] && echo - || echo "$id"; echo;;
"domstate db01") [ "$id" = off ] && echo "shut off (destroyed)" || echo "running (booted)"; echo;;
"start db01") start;; "destroy db01") stop;; "reset db01") [ "$id" != off ];;
*) echo "error: failed to get domain '$2'" >&2; exit 1;; esac
""",
    "qm": """
case "$1 $2" in
"status db01") if [ "$id" = off ]; then printf "qmpstatus: stopped\\nstatus: stopped\\nvmid: 101\\n"
  else printf "pid: $id\\nqmpstatus: running\\nstatus: running\\n"; fi;;
"start db01") start;; "stop db01") stop;; "reset db01") [ "$id" != off ];;
*) echo "Configuration file 'nodes/pve/qemu-server/$2.conf' does not exist" >&2; exit 2;; esac
""",
    "xl": """
case "$1 $2" in
"list ") echo "Name                                        ID   Mem VCPUs      State   Time(s)"
  echo "Domain-0                                     0  4096     4     r-----     120.1"
  [ "$id" = off ] || echo "db01                                     $id  1024     1     -b----       2.5";;
"create /etc/xen/db01.cfg") start;; "destroy db01") stop;;
*) exit 1;; esac
""",
}
ORDERS = [(driver, order) for driver, spec in POWER_DRIVERS.items() if driver in SCRIPTS for order in sorted(spec.orders)]


class Hypervisor:
    """A real sshd, and a machine that is a number in a file: its domain's id, or `off`."""

    def __init__(self, server: SshServer, driver: str) -> None:
        self.server = server
        self.driver = driver
        self.state, self.started = server.folder / "state", server.folder / "starts"
        self.state.write_text("7")
        self.started.write_text("7")
        body = _COMMON.format(folder=server.folder) + SCRIPTS[driver]
        server.script("sudo", body)
        server.script(driver, body)
        self.given: list[str] = []

    def host(self, user: str = ME) -> Host:
        access = SshAccess(user, tuple(self.server.host_keys.values()), Secret("file", "hypervisor"), self.server.port)
        return db01(PowerControl(self.driver, "127.0.0.1", system="db01", ssh=access))

    def target(self) -> Target:
        return Target(self.host(), self.server.resolve, Clock())

    def do(self, order: str) -> Result:
        with contextlib.closing(POWER.prepare(self.target(), {"do": order}, open_connection)) as prepared:
            return prepared.start(leave(3))


@pytest.fixture(params=SCRIPTS)
def hypervisor(request: pytest.FixtureRequest, sshd_server: SshServer) -> Hypervisor:
    return Hypervisor(sshd_server, request.param)


@pytest.mark.parametrize(("driver", "order"), ORDERS)
def test_each_order_does_what_it_says(sshd_server: SshServer, driver: str, order: str) -> None:
    there = Hypervisor(sshd_server, driver)
    if order == "on":
        there.state.write_text("off")
    result = there.do(order)
    assert result.outcome is StepOutcome.DONE, result
    assert result.command_line in " && ".join(sshd_server.commands())
    assert there.state.read_text().strip() == {"off": "off", "reset": "7"}.get(order, "8")


def test_whoever_is_not_root_asks_sudo(hypervisor: Hypervisor) -> None:
    access = hypervisor.host().power
    assert access is not None
    for user, words in (("root", 0), ("hikeshi", 2)):
        told = POWER.describe(hypervisor.host(user), {"do": "cycle"}, None)
        lines = [line for line in told if not line.startswith(WHERE_OFF)]
        assert {tuple(line.split()[:words]) for line in lines} == {("sudo", "-n")[:words]}
        assert all(line.split()[words] == hypervisor.driver for line in lines)


def test_what_is_off_is_started(hypervisor: Hypervisor) -> None:
    hypervisor.state.write_text("off")
    result = hypervisor.do("cycle")
    assert (result.outcome, hypervisor.started.read_text().strip()) == (StepOutcome.DONE, "8")
    assert "ordered: on" in result.detail


def test_a_cycle_whose_second_half_fails_says_that_it_is_off(hypervisor: Hypervisor) -> None:
    hypervisor.started.unlink()  # the script can't start then
    hypervisor.started.mkdir()
    result = hypervisor.do("cycle")
    assert result.outcome is StepOutcome.FAILED
    assert "it was switched off, and then: on the hypervisor: exit status" in result.detail


def test_one_that_accepts_and_does_nothing_is_noticed_by_its_record(hypervisor: Hypervisor) -> None:
    prepared = POWER.prepare(hypervisor.target(), {"do": "cycle"}, open_connection)
    deaf = 'for word; do case "$word" in start|stop|create|destroy) exit 0;; esac; done\n'
    for name in ("sudo", hypervisor.driver):
        hypervisor.server.script(name, deaf + _COMMON.format(folder=hypervisor.server.folder) + SCRIPTS[hypervisor.driver])
    result = prepared.start(leave(3))
    assert result.outcome is StepOutcome.FAILED
    assert result.detail.endswith("after 3 s: on, and not restarted by its own record")


def test_a_cycle_without_an_end_is_settled_by_its_record(hypervisor: Hypervisor) -> None:
    target = hypervisor.target()
    with contextlib.closing(POWER.prepare(target, {"do": "cycle"}, open_connection)) as prepared:
        before = prepared.before
    sent = len(hypervisor.server.commands())
    attempt = Attempted("a", 5, 2)
    assert POWER.settle(target, {"do": "cycle"}, before, open_connection, attempt).outcome is StepOutcome.UNKNOWN
    hypervisor.state.write_text("8")
    assert POWER.settle(target, {"do": "cycle"}, before, open_connection, attempt).outcome is StepOutcome.DONE
    looked = set(hypervisor.server.commands()[sent:])
    assert not [line for line in looked if {"start", "stop", "create", "destroy", "reset"} & set(line.split())]


@pytest.mark.parametrize("driver", SCRIPTS)
def test_a_number_is_no_name_where_it_may_be_another_machines_id(driver: str) -> None:
    access = SshAccess("hikeshi", (), Secret("file", "x"))
    host = db01(PowerControl(driver, "192.0.2.5", system="12", ssh=access))
    if driver == "qm":
        assert any("qm stop 12" in line for line in POWER.describe(host, {"do": "off"}, None))
        return
    with pytest.raises(CannotAct, match=f"{driver} takes '12' for the id of a machine"):
        POWER.describe(host, {"do": "off"}, None)


@pytest.mark.parametrize("driver", SCRIPTS)
@pytest.mark.parametrize("system", ["", "db01; reboot", "--all", "db01 db02", "$(reboot)", "../db01", "db01\n"])
def test_a_name_that_could_become_more_is_not_even_logged_in_for(driver: str, system: str) -> None:
    access = SshAccess("hikeshi", (), Secret("file", "x"))
    host = db01(PowerControl(driver, "192.0.2.5", system=system, ssh=access))
    with pytest.raises(CannotAct, match="is no domain name"):
        POWER.describe(host, {"do": "on"}, None)
    with pytest.raises(CannotAct, match="is no domain name"):
        POWER.prepare(target_of(host, {}), {"do": "on"}, open_connection)


def test_a_hypervisor_that_does_not_know_it_or_can_not_be_logged_in_to_is_told(sshd_server: SshServer, tmp_path: Path) -> None:
    there = Hypervisor(sshd_server, "virsh")
    control = there.host().power
    assert control is not None
    stranger = replace(there.host(), power=replace(control, system="db99"))
    with pytest.raises(
        CannotReach, match=r"the hypervisor at 127\.0\.0\.1: .*domid db99: exit status 1: error: failed to get domain"
    ):
        POWER.prepare(replace(there.target(), host=stranger), {"do": "cycle"}, open_connection)
    sshd_server.stop()
    with pytest.raises(CannotReach, match=r"the hypervisor at 127\.0\.0\.1: no connection"):
        POWER.prepare(there.target(), {"do": "cycle"}, open_connection)


def test_xl_has_no_reset() -> None:
    host = db01(PowerControl("xl", "192.0.2.1", system="db01", ssh=SshAccess("root", (), Secret("file", "x"))))
    with pytest.raises(CannotAct, match="xl has no reset; it has cycle, off, on"):
        POWER.describe(host, {"do": "reset"}, None)
