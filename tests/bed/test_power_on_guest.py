"""`power` and `reboot` on a real host that hangs: switched by a real BMC, settled by the host's own word."""

import contextlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_bed import ClientKey
from fixtures_power import PASSWORD, leave
from fixtures_ssh import host_at

from bed.chassis import Chassis
from bed.guest import Guest
from bed.ipmi import Ipmi
from bed.network import Bed
from domain.model import PowerControl
from domain.procedure import StepOutcome
from remediation import ACTIONS, Attempted, Connection, Target, open_connection
from store.clock import SystemClock

POWER, REBOOT = ACTIONS["power"], ACTIONS["reboot"]


@pytest.fixture
def target(guest: Guest, client_key: ClientKey) -> Target:
    guest.authorize(client_key.public)
    host = host_at(guest.address, guest.ssh_port, (guest.host_key,), user=guest.user)
    return Target(host, lambda secret: "bed-bmc-secret" if secret == PASSWORD else client_key.path.read_text(), SystemClock())


@pytest.fixture
def connect(bed: Bed) -> Callable[[Target], Connection]:
    def inside(target: Target) -> Connection:
        with bed.inside():
            return open_connection(target)

    return inside


@pytest.mark.root
def test_a_host_that_hangs_is_cycled_and_the_order_is_settled_by_how_long_it_has_been_up(
    bed: Bed, guest: Guest, target: Target, connect: Callable[[Target], Connection], tmp_path: Path
) -> None:
    with Chassis(guest, tmp_path) as chassis, Ipmi(chassis, tmp_path, bed) as bmc, bed.inside():
        at = replace(target, host=replace(target.host, power=PowerControl("ipmi", bmc.address, bmc.port, bmc.user, PASSWORD)))
        asked_s = at.clock.boottime_s()
        with contextlib.closing(POWER.prepare(at, {"do": "cycle"}, connect)) as prepared:
            age_s = at.clock.boottime_s() - asked_s
            unsettled = POWER.settle(at, {"do": "cycle"}, prepared.before, connect, Attempted("a", age_s, 0))
            assert unsettled.outcome is StepOutcome.UNKNOWN, unsettled
            guest.freeze()
            result = prepared.start(leave())
        assert result.outcome is StepOutcome.DONE, result
        guest.wait_ready()
        age_s = at.clock.boottime_s() - asked_s
        settled = POWER.settle(at, {"do": "cycle"}, prepared.before, connect, Attempted("a", age_s, 5))
        assert (settled.outcome, "it has been up for" in settled.detail) == (StepOutcome.DONE, True), settled
        assert (chassis.given("off"), chassis.given("on"), guest.service_starts("nginx")) == (1, 1, 2)


@pytest.mark.root
def test_a_host_reboots_over_ssh_with_its_one_sudo_rule_only(
    guest: Guest, target: Target, connect: Callable[[Target], Connection]
) -> None:
    with contextlib.closing(REBOOT.prepare(target, {}, connect)) as prepared:
        refused = prepared.start(leave())
    assert (refused.outcome, guest.service_starts("nginx")) == (StepOutcome.NOT_DONE, 1)
    guest.sudoers(f"{guest.user} ALL=(root) NOPASSWD: /sbin/shutdown -r now\n")
    asked_s = target.clock.boottime_s()
    with contextlib.closing(REBOOT.prepare(target, {}, connect)) as prepared:
        result = prepared.start(leave())
    if result.outcome is StepOutcome.UNKNOWN:  # it was faster than its own answer
        attempt = Attempted("a", target.clock.boottime_s() - asked_s, 20)
        result = REBOOT.settle(target, {}, prepared.before, connect, attempt)
    assert result.outcome is StepOutcome.DONE, result
    guest.wait_ready()
    assert guest.service_starts("nginx") == 2
