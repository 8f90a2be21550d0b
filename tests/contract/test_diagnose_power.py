"""A diagnosis asks the power control as well, and alone where nobody can log in; with neither, the host was not reached."""

import contextlib
from dataclasses import replace

import pytest
from fixtures_power import PASSWORD, db01, leave, target_of

from bed.ipmi import Ipmi
from domain.model import PowerControl
from domain.procedure import StepOutcome
from remediation import ACTIONS, CannotReach, NoWay, Target, open_connection

DIAGNOSE = ACTIONS["diagnose"]


def target(bmc: Ipmi, kept: dict[str, str], password: str | None = None) -> Target:
    control = PowerControl("ipmi", bmc.address, bmc.port, bmc.user, PASSWORD)
    return replace(target_of(db01(control), {PASSWORD.name: bmc.password if password is None else password}), keep=kept.__setitem__)


def test_nobody_can_log_in_but_the_lamp_is_read(ipmi: Ipmi) -> None:
    kept: dict[str, str] = {}
    with contextlib.closing(DIAGNOSE.prepare(target(ipmi, kept), {}, open_connection)) as prepared:
        result = prepared.start(leave())
    assert result.outcome is StepOutcome.DONE
    assert result.detail.startswith("kept: power control; not whole: all that needs a login (the inventory says nothing about ssh")
    assert kept["power control"].startswith("power: on\nhealth: ")


def test_with_neither_login_nor_power_control_it_was_not_reached(ipmi: Ipmi) -> None:
    with pytest.raises(CannotReach, match=r"says nothing about ssh .*; power control \(") as caught:
        DIAGNOSE.prepare(target(ipmi, {}, "wrong"), {}, open_connection)
    assert not isinstance(caught.value, NoWay), "its power control may answer later"
    with pytest.raises(NoWay, match="says nothing about ssh"):
        DIAGNOSE.prepare(target_of(db01(None), {}), {}, open_connection)
