"""`power` by IPMI: the real ipmitool against a real BMC (ipmi_sim), which also lies, hangs, and does nothing."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
from fixtures_power import PASSWORD, RESCUE, PaperMachine, db01, leave, target_of

from bed.ipmi import Ipmi
from domain.model import Host, PowerControl
from domain.procedure import Parameter, StepOutcome, whereabouts
from remediation import ACTIONS, Attempted, CannotAct, CannotReach, Leave, Result, Target, TooLate, open_connection
from remediation.power_ipmi import read_status

POWER = ACTIONS["power"]


def host_of(bmc: Ipmi, rescue: bool = False) -> Host:
    control = PowerControl("ipmi", bmc.address, bmc.port, bmc.user, PASSWORD)
    return db01(control, RESCUE if rescue else None)


def target(bmc: Ipmi, rescue: bool = False, password: str | None = None) -> Target:
    return target_of(host_of(bmc, rescue), {"BMC": password or bmc.password})


def do(bmc: Ipmi, rescue: bool = False, timeout_s: float = 20, **parameters: Parameter) -> Result:
    with contextlib.closing(POWER.prepare(target(bmc, rescue), parameters, open_connection)) as prepared:
        return prepared.start(leave(timeout_s))


def orders(bmc: Ipmi) -> list[tuple[str, str]]:
    return [(order.what, order.boot) for order in bmc.chassis.orders]


def test_the_password_is_in_no_argument_and_the_environment_is_small(ipmi: Ipmi, ran: Path) -> None:
    result = do(ipmi, rescue=True, do="reset", boot="rescue")
    assert result.outcome is StepOutcome.DONE
    assert ipmi.password not in ran.read_text()
    names = {line.split()[2].partition("=")[0] for line in Path(f"{ran}.environ").read_text().splitlines()}
    assert names <= {"PATH", "LC_ALL", "IPMI_PASSWORD", "OLDPWD", "PWD", "SHLVL"}
    assert orders(ipmi) == [("boot", "rescue"), ("reset", "rescue")]


@pytest.mark.parametrize(("what", "given", "starts"), [("cycle", ["off", "on"], 1), ("reset", ["reset"], 1), ("off", ["off"], 0)])
def test_each_order_is_given_once(ipmi: Ipmi, machine: PaperMachine, what: str, given: list[str], starts: int) -> None:
    result = do(ipmi, do=what)
    assert result.outcome is StepOutcome.DONE
    assert result.detail.startswith(f"before: on, no fault; ordered: {what}; the BMC accepted it; after: ")
    assert [order.what for order in ipmi.chassis.orders] == given
    assert (machine.running, machine.starts) == (what != "off", starts)


def test_what_is_off_is_switched_on(ipmi: Ipmi, machine: PaperMachine) -> None:
    machine.running = False
    result = do(ipmi, do="cycle")
    assert (result.outcome, orders(ipmi)) == (StepOutcome.DONE, [("on", "disk")])
    assert result.detail == "before: off, no fault; ordered: on; the BMC accepted it; after: on"


def test_what_is_as_it_shall_be_is_left(ipmi: Ipmi) -> None:
    result = do(ipmi, do="on")
    assert (result.outcome, result.command_line, orders(ipmi)) == (StepOutcome.DONE, "", [])
    assert result.detail == "nothing ordered, since it is on; before: on, no fault"


def test_a_host_with_a_rescue_system_boots_its_disk_again_unless_told_otherwise(ipmi: Ipmi) -> None:
    do(ipmi, rescue=True, do="reset", boot="rescue")
    do(ipmi, rescue=True, do="reset")
    assert orders(ipmi)[2:] == [("boot", "disk"), ("reset", "disk")]


@pytest.mark.parametrize(
    ("off", "words"),
    [("stall", "no answer"), ("password", "login refused: the password is wrong"), ("user", "no such user")],
)
def test_what_keeps_it_from_being_reached_is_told_before_anything_is_done(ipmi: Ipmi, off: str, words: str) -> None:
    at = target(ipmi)
    match off:
        case "stall":
            ipmi.stall()
        case "password":
            at = target(ipmi, password="hunter2")
        case "user":
            at = replace(at, host=db01(PowerControl("ipmi", ipmi.address, ipmi.port, "nobody", PASSWORD)))
    with pytest.raises(CannotReach, match=words) as caught:
        POWER.prepare(at, {"do": "cycle"}, open_connection)
    assert "hunter2" not in str(caught.value)
    assert orders(ipmi) == []


def test_a_password_that_is_not_to_be_had_is_told(ipmi: Ipmi) -> None:
    with pytest.raises(CannotReach, match=r"the password \(env BMC\) is not to be had"):
        POWER.prepare(target_of(host_of(ipmi), {}), {"do": "cycle"}, open_connection)


def test_one_that_accepts_and_does_nothing_is_noticed_by_the_state(ipmi: Ipmi) -> None:
    ipmi.chassis.deaf = True
    result = do(ipmi, do="off", timeout_s=5)
    assert (result.outcome, orders(ipmi)) == (StepOutcome.FAILED, [("off", "disk")])
    assert result.detail.endswith("ordered: off; the BMC accepted it; after 5 s: on")


def test_one_that_lies_about_the_state_is_believed_no_further_than_its_word(ipmi: Ipmi, machine: PaperMachine) -> None:
    ipmi.chassis.says = False
    result = do(ipmi, do="cycle", timeout_s=3)
    assert (result.outcome, orders(ipmi), machine.starts) == (StepOutcome.FAILED, [("on", "disk")], 0)
    assert result.detail.endswith("ordered: on; the BMC accepted it; after 3 s: off")


def test_what_is_too_late_is_not_ordered_and_what_was_set_already_is_told(ipmi: Ipmi) -> None:
    def refuse() -> None:
        if orders(ipmi):
            raise TooLate("slept too long")

    prepared = POWER.prepare(target(ipmi, rescue=True), {"do": "cycle"}, open_connection)
    with pytest.raises(TooLate, match="boots disk from now on; slept too long"):
        prepared.start(Leave("hikeshi-1", 10, refuse))
    assert orders(ipmi) == [("boot", "disk")]


@pytest.mark.parametrize("how", ["too late", "not heard"])
def test_a_rescue_system_that_was_set_and_not_ordered_is_no_nothing(ipmi: Ipmi, how: str) -> None:
    """The next restart, whosever, boots it: so the host counts as being there, and the way back to the disk follows."""

    def then() -> None:
        if orders(ipmi) and how == "too late":
            raise TooLate("slept too long")
        if orders(ipmi):
            ipmi.stop()

    prepared = POWER.prepare(target(ipmi, rescue=True), {"do": "cycle", "boot": "rescue"}, open_connection)
    result = prepared.start(Leave("hikeshi-1", 10, then))
    assert (result.outcome, orders(ipmi)) == (StepOutcome.FAILED, [("boot", "rescue")])
    words = "slept too long" if how == "too late" else "ordered: cycle; the BMC was not told: no answer"
    assert result.detail == f"before: on, no fault; boots pxe from now on; {words}"
    assert whereabouts([("rescue", result.outcome)]) is True


def test_an_order_that_was_never_heard_was_not_done(ipmi: Ipmi) -> None:
    with contextlib.closing(POWER.prepare(target(ipmi), {"do": "cycle"}, open_connection)) as prepared:
        ipmi.stop()
        result = prepared.start(leave())
    assert (result.outcome, orders(ipmi)) == (StepOutcome.NOT_DONE, [])
    assert result.detail.endswith("ordered: cycle; the BMC was not told: no answer")


def test_an_order_without_an_end_is_settled_by_the_state_alone(ipmi: Ipmi, machine: PaperMachine) -> None:
    """What nobody can tell stays unknown: IPMI keeps no trace of restarts, and nobody can log in."""
    at = target(ipmi)
    prepared = POWER.prepare(at, {"do": "off"}, open_connection)
    assert POWER.settle(at, {"do": "off"}, prepared.before, open_connection, Attempted("a", 5, 2)).outcome is StepOutcome.UNKNOWN
    machine.running = False
    settled = POWER.settle(at, {"do": "off"}, prepared.before, open_connection, Attempted("a", 5, 2))
    assert (settled.outcome, settled.detail) == (StepOutcome.DONE, "seen since: it is off, no fault")
    machine.running = True
    cycle = POWER.prepare(at, {"do": "cycle"}, open_connection)
    assert POWER.settle(at, {"do": "cycle"}, cycle.before, open_connection, Attempted("a", 5, 2)).outcome is StepOutcome.UNKNOWN
    assert orders(ipmi) == []


@pytest.mark.parametrize(
    ("host", "parameters", "words"),
    [
        (db01(None), {"do": "cycle"}, "names no power control of db01"),
        (db01(PowerControl("ipmi", "192.0.2.1")), {"do": "cycle", "boot": "rescue"}, "names no rescue system of db01"),
        (db01(PowerControl("ipmi", "192.0.2.1")), {"do": "off", "boot": "disk"}, "boots nothing"),
        (db01(PowerControl("redfish", "192.0.2.1"), replace(RESCUE, boot="floppy")), {"do": "on"}, "can't boot .* 'floppy'"),
    ],
)
def test_what_can_not_be_is_said_by_a_dry_run_too(host: Host, parameters: dict[str, Parameter], words: str) -> None:
    with pytest.raises(CannotAct, match=words):
        POWER.describe(host, parameters, None)
    with pytest.raises(CannotAct, match=words):
        POWER.prepare(target_of(host, {}), parameters, open_connection)


@pytest.mark.parametrize(("key", "value"), [("do", "reboot"), ("do", True), ("boot", "pxe"), ("boot", None)])
def test_parameters_are_words_of_a_list(key: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"cycle, reset, on or off|disk or rescue"):
        POWER.parameters[key].parse(value)


def test_the_lamp_is_read_in_words() -> None:
    """As ipmitool 1.8.19 prints it."""
    text = """System Power         : on
Power Overload       : false
Power Interlock      : inactive
Main Power Fault     : false
Power Control Fault  : false
Drive Fault          : true
Cooling/Fan Fault    : true
"""
    assert read_status(text).health == "drive fault, cooling or fan fault"
    assert read_status(text).on is True
    assert read_status("").on is None
