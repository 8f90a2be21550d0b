"""`power` by Redfish, against a real service (sushy-tools) over real TLS, which also lies, fails, and does nothing."""

import contextlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fixtures_power import PASSWORD, RESCUE, PaperMachine, db01, leave, target_of

from bed.redfish import Redfish
from bed.tls import Authority
from domain.model import Host, PowerControl
from domain.procedure import Parameter, StepOutcome
from remediation import ACTIONS, Attempted, CannotReach, Leave, Result, Target, TooLate, open_connection
from remediation.redfish_words import request_line

POWER = ACTIONS["power"]


def host_of(bmc: Redfish, tmp_path: Path, rescue: bool = False, **changes: Any) -> Host:
    control = PowerControl("redfish", bmc.address, bmc.port, bmc.user, PASSWORD, bmc.system, ca_file=str(tmp_path / "ca.pem"))
    return db01(replace(control, **changes), RESCUE if rescue else None)


def target(bmc: Redfish, tmp_path: Path, rescue: bool = False, **changes: Any) -> Target:
    return target_of(host_of(bmc, tmp_path, rescue, **changes), {"BMC": bmc.password})


def do(bmc: Redfish, at: Target, timeout_s: float = 20, **parameters: Parameter) -> Result:
    with contextlib.closing(POWER.prepare(at, parameters, open_connection)) as prepared:
        return prepared.start(leave(timeout_s))


def lines(bmc: Redfish) -> list[str]:
    """What the service was asked, as a dry run tells it."""
    return [request_line(method, f"https://{bmc.address}:{bmc.port}", path, body) for method, path, body in bmc.requests]


def orders(bmc: Redfish) -> list[tuple[str, str]]:
    return [(order.what, order.boot) for order in bmc.chassis.orders]


def test_what_is_booted_is_set_before_it_is_reset(redfish: Redfish, tmp_path: Path) -> None:
    result = do(redfish, target(redfish, tmp_path, rescue=True), do="reset", boot="rescue")
    assert result.outcome is StepOutcome.DONE
    assert result.command_line == " && ".join(lines(redfish)[1:3])
    assert orders(redfish) == [("boot", "rescue"), ("reset", "rescue")]
    assert result.detail == (
        "before: on, health OK, lamp Lit; boots pxe from now on; ordered: reset; the BMC accepted it; after: on"
    )


@pytest.mark.parametrize(
    ("what", "resets", "given"),
    [
        ("cycle", ["On", "ForceOff", "ForceRestart", "PowerCycle"], ["off", "on"]),
        ("cycle", ["On", "ForceOff", "ForceRestart"], ["reset"]),
        ("reset", [], ["reset"]),
        ("off", ["On", "ForceOff"], ["off"]),
    ],
)
def test_the_kind_of_reset_is_one_that_the_service_offers(
    redfish: Redfish, tmp_path: Path, what: str, resets: list[str], given: list[str]
) -> None:
    redfish.resets = resets
    assert do(redfish, target(redfish, tmp_path), do=what).outcome is StepOutcome.DONE
    assert [order.what for order in redfish.chassis.orders] == given


def test_what_it_does_not_offer_is_not_tried(redfish: Redfish, tmp_path: Path) -> None:
    redfish.resets = ["On", "GracefulRestart"]
    result = do(redfish, target(redfish, tmp_path), do="cycle")
    assert (result.outcome, orders(redfish)) == (StepOutcome.NOT_DONE, [])
    assert "it offers none of PowerCycle, ForceRestart" in result.detail


def test_the_only_system_need_not_be_named(redfish: Redfish, tmp_path: Path, machine: PaperMachine) -> None:
    redfish.chassis.critical = True
    machine.running = False
    result = do(redfish, target(redfish, tmp_path, system=""), do="cycle")
    assert (result.outcome, orders(redfish)) == (StepOutcome.DONE, [("on", "disk")])
    assert result.detail.startswith("before: off, health Critical, lamp Lit; ordered: on")
    assert lines(redfish)[0].endswith("/redfish/v1/Systems")


@pytest.mark.parametrize(
    ("changes", "password", "words"),
    [
        ({"system": "nobody"}, None, "status 404"),
        ({}, "hunter2", "login refused: the user or the password is wrong"),
        ({"user": "nobody"}, None, "login refused: the user or the password is wrong"),
        ({"ca_file": "/nowhere.pem"}, None, "/nowhere.pem can't be read: No such file or directory"),
        ({"ca_file": "OTHER"}, None, "CERTIFICATE_VERIFY_FAILED"),
        ({"address": "127.0.0.2"}, None, "the BMC at 127.0.0.2: .*refused"),
    ],
)
def test_what_keeps_it_from_being_reached_is_told_before_anything_is_done(
    redfish: Redfish, tmp_path: Path, changes: dict[str, Any], password: str | None, words: str
) -> None:
    (tmp_path / "other").mkdir()
    if changes.get("ca_file") == "OTHER":
        changes = {"ca_file": str(Authority(tmp_path / "other").ca_file)}
    at = target_of(host_of(redfish, tmp_path, **changes), {"BMC": password or redfish.password})
    with pytest.raises(CannotReach, match=words) as caught:
        POWER.prepare(at, {"do": "cycle"}, open_connection)
    assert "hunter2" not in str(caught.value)
    assert orders(redfish) == []


def test_its_own_certificate_may_be_pinned(redfish: Redfish, tmp_path: Path) -> None:
    at = target(redfish, tmp_path, ca_file=str(tmp_path / "db01.redfish" / "crt"))
    assert do(redfish, at, do="reset").outcome is StepOutcome.DONE


def test_one_that_accepts_and_does_nothing_is_noticed_by_its_own_record(redfish: Redfish, tmp_path: Path) -> None:
    redfish.chassis.deaf = True
    result = do(redfish, target(redfish, tmp_path), timeout_s=5, do="reset")
    assert (result.outcome, orders(redfish)) == (StepOutcome.FAILED, [("reset", "disk")])
    assert result.detail.endswith("the BMC accepted it; after 5 s: on, and not restarted by its own record")


def test_one_without_a_record_of_restarts_is_taken_at_its_word(redfish: Redfish, tmp_path: Path) -> None:
    redfish.chassis.deaf, redfish.traced = True, False
    assert do(redfish, target(redfish, tmp_path), do="reset").outcome is StepOutcome.DONE


def test_an_order_whose_answer_is_an_error_of_the_services_own_is_settled_by_its_record(redfish: Redfish, tmp_path: Path) -> None:
    redfish.broken = 503
    at = target(redfish, tmp_path)
    prepared = POWER.prepare(at, {"do": "reset"}, open_connection)
    attempt = Attempted("a", 5, 2)
    nothing = POWER.settle(at, {"do": "reset"}, prepared.before, open_connection, attempt)
    assert nothing.outcome is StepOutcome.UNKNOWN, "it may still come"
    result = prepared.start(leave())
    assert (result.outcome, orders(redfish)) == (StepOutcome.UNKNOWN, [("reset", "disk")])
    settled = POWER.settle(at, {"do": "reset"}, prepared.before, open_connection, attempt)
    assert (settled.outcome, settled.detail) == (StepOutcome.DONE, "seen since: it is on, health OK, lamp Lit")
    assert orders(redfish) == [("reset", "disk")], "settling only looks"


def test_an_order_that_is_refused_has_failed(redfish: Redfish, tmp_path: Path) -> None:
    redfish.broken = 403
    result = do(redfish, target(redfish, tmp_path), do="reset")
    assert (result.outcome, result.detail.split("; ")[-1]) == (
        StepOutcome.FAILED,
        "the BMC answered login refused: this user may not do it",
    )


def test_what_is_too_late_is_not_sent_though_the_connection_is_open(redfish: Redfish, tmp_path: Path) -> None:
    def refuse() -> None:
        raise TooLate("slept too long")

    prepared = POWER.prepare(target(redfish, tmp_path), {"do": "reset"}, open_connection)
    with pytest.raises(TooLate):
        prepared.start(Leave("hikeshi-1", 10, refuse))
    assert [method for method, *_ in redfish.requests] == ["GET"]


def test_an_order_that_was_never_heard_was_not_done(redfish: Redfish, tmp_path: Path) -> None:
    prepared = POWER.prepare(target(redfish, tmp_path), {"do": "reset"}, open_connection)
    redfish.stop()
    result = prepared.start(leave())
    assert (result.outcome, orders(redfish)) == (StepOutcome.NOT_DONE, [])
