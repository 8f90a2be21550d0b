"""What a runbook could not do on a host is said by ``hikeshi check``, and not in the night in which it is needed."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest
from fixtures_ssh import host_at
from sample_policy import policy

import runbooks
from domain.model import FaultClass, Host, PowerControl, Rescue, Secret, SshAccess
from hikeshi.possible import not_possible
from remediation import ACTIONS

SERVICE, SERVER = FaultClass.SERVICE, FaultClass.SERVER
KEY = Secret("file", "key")
WEB = host_at("192.0.2.1", 22, (), user="hikeshi", service="nginx.service")
POWER = PowerControl("ipmi", "192.0.2.9", user="op", password=KEY)
POWERED = replace(WEB, power=POWER)
WHOLE = replace(POWERED, rescue=Rescue("pxe", SshAccess("root", (), KEY)))


def said(host: Host, procedures: Mapping[FaultClass, str]) -> list[str]:
    named = replace(host, procedures=MappingProxyType(dict(procedures)))
    return not_possible(replace(policy(), hosts={"web01": named}, procedures=runbooks.load(ACTIONS)))


def test_what_a_host_has_all_for_is_not_said() -> None:
    assert said(WHOLE, {SERVICE: "first-line", SERVER: "first-line"}) == []
    assert said(WEB, {SERVICE: "restart-service", SERVER: "reboot"}) == []


def test_a_power_step_wants_a_power_control() -> None:
    assert said(WEB, {SERVER: "leave-rescue"}) == [
        "hosts.web01: leave-rescue: disk: not possible: the inventory names no power control of web01"
    ]


def test_what_boots_or_needs_the_rescue_system_wants_one() -> None:
    lines = said(POWERED, {SERVER: "reboot-and-fsck"})
    assert any("not possible: the inventory names no rescue system of web01" in line for line in lines)
    assert any("fsck: not possible: the inventory names no rescue system" in line for line in lines)


def test_a_step_for_another_class_of_fault_is_passed_over() -> None:
    [check] = WHOLE.checks
    nameless = replace(WHOLE, checks=(replace(check, service=None),))
    assert said(nameless, {SERVER: "first-line"}) == []
    assert ["first-line: restart: not possible" in line for line in said(nameless, {SERVICE: "first-line"})] == [True]


@pytest.mark.parametrize(("address", "apart"), [(None, False), ("192.0.2.1", False), ("192.0.2.77", True)])
def test_a_network_is_restored_over_another(address: str | None, *, apart: bool) -> None:
    assert WEB.ssh is not None
    lines = said(replace(WEB, ssh=replace(WEB.ssh, address=address)), {SERVER: "restore-network"})
    assert [("no second way in" in line, "ssh.address" in line) for line in lines] == ([] if apart else [(True, True)])


def test_a_network_is_not_restored_without_any() -> None:
    assert any("says nothing about ssh" in line for line in said(replace(POWERED, ssh=None), {SERVER: "restore-network"}))
