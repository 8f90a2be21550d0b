"""``hikeshi runbook``: who answers for a runbook, said and seen on the command line (R26, P41)."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local import Door, Local, host, inventory

from domain.events import Event, RunbookRehearsed
from domain.trust import End, Learnt
from engine.inventory_source import InventorySource
from hikeshi.exits import Exit
from runbooks.approvals import shipped
from store import inbox, trust

RESTART = "restart-service"


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    """An engine, and a host whose services are restarted by the shipped runbook."""
    tree = inventory({})
    tree["hosts"] = {"web01": host(Door().port, procedures={"service": RESTART})}
    with Local(tmp_path, tree) as made:
        assert isinstance(made, Local)
        InventorySource(made.context, made.inventory).start()
        made.start("engine")
        yield made


def listed(local: Local) -> dict[str, Any]:
    done = local.quick("runbook", "list", "--json")
    assert done.returncode == Exit.OK, done.stderr
    found: dict[str, Any] = next(item for item in json.loads(done.stdout) if item["runbook"] == RESTART)
    return found


def refused(done: "subprocess.CompletedProcess[str]", code: Exit, *words: str) -> None:
    assert done.returncode == code, done.stdout + done.stderr
    for word in words:
        assert word in done.stderr


def happens(local: Local, event: Event) -> None:
    with local.context.store.write() as session:
        inbox.insert(session, event)
    local.until("it to be decided", lambda: not _pending(local))


def _pending(local: Local) -> bool:
    with local.context.store.read() as session:
        return bool(inbox.pending(session, 1))


def test_a_shipped_runbook_acts_until_somebody_revokes_it_and_again_when_somebody_answers_for_it(local: Local) -> None:
    first = listed(local)
    assert (first["approved"], first["approved_by_project"], first["modes"]) == (True, True, {"shop": "on"})
    assert f"as shipped with {shipped()[RESTART].release}" in local.quick("runbook", "list").stdout
    refused(local.quick("runbook", "approve", RESTART, "-m", "twice"), Exit.REFUSED, "is approved already")
    refused(local.quick("runbook", "revoke", RESTART), Exit.BAD_INPUT, "say why")
    done = local.quick("runbook", "revoke", RESTART, "-m", "it hung yesterday")
    assert done.returncode == Exit.OK, done.stderr
    assert "first revoked the approval of the runbook restart-service" in done.stdout
    now = listed(local)
    assert (now["approved"], now["modes"]) == (False, {"shop": "shadow"})
    refused(local.quick("runbook", "revoke", RESTART, "-m", "again"), Exit.REFUSED, "nothing was revoked")
    cautious = local.quick("run", RESTART, "web01", "--dry-run")
    assert "not approved in its version" in cautious.stderr
    assert local.quick("runbook", "approve", RESTART, "-m", "looked into it").returncode == Exit.OK
    assert listed(local)["approved"]
    steps = json.loads(local.quick("runbook", "show", RESTART, "--json").stdout)["steps"]
    assert [step["action"] for step in steps] == ["look", "announce", "look", "restart_service", "look"]
    shown = local.quick("runbook", "show", RESTART).stdout
    assert "every 2 s for 30 s" in shown
    assert "it hung yesterday" in shown
    assert "looked into it" in shown
    assert "approved: by first" in shown
    assert "not approved" not in local.quick("run", RESTART, "web01", "--dry-run").stderr
    assert "looked into it" in local.quick("explain").stdout


def test_one_that_only_people_run_is_shown_as_that_and_no_caution(local: Local) -> None:
    found = {item["runbook"]: item for item in json.loads(local.quick("runbook", "list", "--json").stdout)}
    assert [name for name, item in found.items() if item["only_on_request"]] == ["leave-rescue"]
    assert "approved: only on request" in local.quick("runbook", "show", "leave-rescue").stdout
    assert "not approved" not in local.quick("run", "leave-rescue", "web01", "--dry-run").stderr


def test_a_host_that_was_not_left_in_its_rescue_system_is_not_brought_out_of_it(local: Local) -> None:
    refused(local.quick("rescued", "web01"), Exit.REFUSED, "web01 is not known to have been left in its rescue system")


def test_what_nobody_rehearsed_is_not_approved(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    version = listed(local)["version"]
    monkeypatch.setattr("engine.trusting.shipped", dict)
    local.quick("runbook", "revoke", RESTART, "-m", "as if it had been edited")
    refused(
        local.quick("runbook", "approve", RESTART, "-m", "trust me"), Exit.REFUSED, "it was never rehearsed", "hikeshi rehearse"
    )

    def rehearsed(name: str, version: str, *, passed: bool) -> RunbookRehearsed:
        now_s = local.clock.now_s()
        return RunbookRehearsed(
            id=name, at_s=now_s, runbook=RESTART, version=version, fault="dead", passed=passed, unreached=("restart",)
        )

    happens(local, rehearsed("another", "another version", passed=True))
    refused(local.quick("runbook", "approve", RESTART, "-m", "trust me"), Exit.REFUSED, "it was never rehearsed")
    happens(local, rehearsed("bad", version, passed=False))
    refused(local.quick("runbook", "approve", RESTART, "-m", "trust me"), Exit.REFUSED, "its last rehearsal failed")
    happens(local, rehearsed("good", version, passed=True))
    done = local.quick("runbook", "approve", RESTART, "-m", "I watched it")
    assert done.returncode == Exit.OK
    assert "it passed with: dead, service-killed\n" in done.stdout
    assert "no rehearsal has reached: restart\n" in done.stdout
    shown = local.quick("runbook", "show", RESTART).stdout
    assert "dead" in shown
    assert "passed" in shown


def test_a_lowered_runbook_is_shown_and_raised_with_a_reason(local: Local) -> None:
    refused(local.quick("runbook", "raise", RESTART, "--customer", "shop", "-m", "?"), Exit.REFUSED, "was not lowered")
    relapse = Learnt(
        run="r", runbook=RESTART, version="v", customer="shop", host="web01", incident="INC-000001", end=End.REFAILED, at_s=1e9,
        check="web01/http",
    )  # fmt: skip
    with local.context.store.write() as session:
        trust.learn(session, [relapse])
    found = listed(local)
    assert found["modes"] == {"shop": "shadow"}
    assert found["rates"] == {"shop": {"fixed": 0, "not_fixed": 0, "unknown": 0, "refailed": 1, "verified": 0.0}}
    assert "restart-service is lowered to shadow for shop" in local.quick("runbook", "list").stdout
    assert "lowered for shop" in local.quick("run", RESTART, "web01", "--dry-run").stderr
    done = local.quick("runbook", "raise", RESTART, "--customer", "shop", "-m", "the disk was replaced")
    assert done.returncode == Exit.OK, done.stderr
    assert listed(local)["modes"] == {"shop": "on"}


def test_names_that_are_not_there_are_refused_with_what_would_be_right(local: Local) -> None:
    refused(local.quick("runbook", "approve", "restart", "-m", "x"), Exit.BAD_INPUT, "'restart' does not exist", RESTART)
    refused(local.quick("runbook", "revoke", RESTART, "-m", "x", by="nobody"), Exit.BAD_INPUT, "operator 'nobody'")
    refused(local.quick("runbook", "raise", RESTART, "--customer", "nobody", "-m", "x"), Exit.BAD_INPUT, "customer 'nobody'")
    refused(local.quick("runbook", "revoke", RESTART, "-m", "x", by=""), Exit.USAGE, "say who you are")
