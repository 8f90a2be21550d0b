"""Nothing is done that the gate did not admit, whoever asks and however many ask at once (R26)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hand_clock import HandClock
from sqlmodel import select
from store_samples import NOW_S, WAIT_S, accept, approve, ask, boots, lapse, opened, policy, put_state, race, run, state, working

import runbooks
from domain.commands import Run
from domain.events import Event, HoldReleased, HoldSet, PauseSet, RunbookRevoked
from domain.model import Contract, FaultClass, Limits, Mode, PowerLimit, PowerLimits
from domain.pauses import Pause
from domain.procedure import Effect, Step
from domain.reasons import Code
from domain.state import HostState, RunRef, Whereabouts
from remediation import ACTIONS
from store import inbox, journal, outbox, overlay, trust, whereabouts
from store.admit import Request, admit
from store.db import Store, StoreError
from store.tables import Attempt

HOUR = Pause("window", "2025-06-15T15:00", 3600.0, zone="UTC", host="web01")
"""Open at NOW_S, 15:06:40 UTC."""


INTO = Step("rescue", "power", {"do": "cycle", "boot": "rescue"}, effect=Effect.POWER)


def intents(store: Store) -> list[Attempt]:
    with store.read() as session:
        return [row for row in session.exec(select(Attempt)).all() if row.code == Code.ADMITTED]


def settle(store: Store, attempt_id: str | None) -> None:
    with store.write() as session:
        assert journal.settle(session, attempt_id or "", "done", "", NOW_S)


def test_an_intent_is_written_with_its_verdict(store: Store, clock: HandClock) -> None:
    (command,) = working(store)
    request = Request(
        command=command.key, who="us", step=Step("restart", "service"), stop_file=Path("/nonexistent/STOP"),
        before={"uptime_s": 12.5}, command_line="systemctl restart nginx",
    )  # fmt: skip
    admission = admit(store, request)
    assert (admission.code, admission.intent_boot_s) == (Code.ADMITTED, clock.boot_s)
    with store.read() as session:
        (attempt,) = journal.attempts(session, command.key)
    assert attempt.id == admission.attempt_id
    assert (attempt.step, attempt.action, attempt.host, attempt.customer) == ("restart", "service", "web01", "acme")
    assert (attempt.claimer, attempt.intent_s, attempt.intent_boot_s) == ("us", clock.at_s, clock.boot_s)
    assert (attempt.before, attempt.command_line) == ({"uptime_s": 12.5}, "systemctl restart nginx")
    assert (attempt.outcome, attempt.ended_s) == (None, None), "not known until somebody says so"


def test_a_refusal_is_recorded_and_counts_for_nothing(store: Store, tmp_path: Path) -> None:
    (command,) = working(store)
    stop_file = tmp_path / "STOP"
    stop_file.touch()
    refused = ask(store, command, stop_file=stop_file)
    assert (refused.code, refused.attempt_id, refused.held) == (Code.GATE_STOP_FILE, None, True)
    with store.read() as session:
        (attempt,) = journal.attempts(session, command.key)
    assert (attempt.code, attempt.outcome, attempt.claimer) == (Code.GATE_STOP_FILE, "refused", "us")
    assert ask(store, command).code is Code.ADMITTED


def test_of_somebody_without_the_claim_nothing_is_recorded(store: Store) -> None:
    """Whoever holds it goes on by the journal: a refusal that is not his would end his run."""
    (command,) = working(store)
    refused = ask(store, command, who="somebody else")
    assert (refused.code, refused.attempt_id, refused.held) == (Code.GATE_CLAIM_LOST, None, False)
    with store.read() as session:
        assert journal.attempts(session, command.key) == []


def test_a_step_is_admitted_once_in_a_run(store: Store) -> None:
    (command,) = working(store)
    settle(store, ask(store, command).attempt_id)
    assert ask(store, command).code is Code.GATE_ATTEMPTED
    assert ask(store, command, step="fsck").code is Code.ADMITTED


def test_a_step_that_may_be_repeated_is_admitted_as_often_as_it_may_be_tried(store: Store) -> None:
    (command,) = working(store)
    diagnose = Step("diagnose", "diagnose", effect=Effect.NONE, attempts=2)
    for _ in range(2):
        settle(store, ask(store, command, step=diagnose).attempt_id)
    assert ask(store, command, step=diagnose).code is Code.GATE_ATTEMPTED


REBOOT = Step("reboot", "reboot", effect=Effect.POWER)
CYCLE = Step("cycle", "power", effect=Effect.POWER)


def another_run(store: Store, first: Run, **changes: Any) -> Run:
    """A later run for the same host, and for the same incident unless ``changes`` say otherwise."""
    later = replace(first, key=f"{first.key}/later", **changes)
    held = policy(version=later.key)
    [host] = held.hosts.values()
    named = replace(host, procedures={FaultClass.SERVICE: later.runbook})
    runbook = replace(held.procedures["restart-service"], id=later.runbook)
    accept(store, replace(held, hosts={host.id: named}, procedures={runbook.id: runbook}))
    put_state(store, state(later))
    approve(store, runbook)
    with store.write() as session:
        outbox.put(session, later)
    assert outbox.claim(store, later.key, "us", WAIT_S) is not None
    return later


@pytest.mark.parametrize("runbook", ["restart-service", "another"])
def test_one_run_for_an_incident_switches_the_power(store: Store, runbook: str) -> None:  # R26: one reboot for one cause
    """Also where the later one is of another runbook, or names its step otherwise."""
    (command,) = working(store)
    settle(store, ask(store, command, step=REBOOT, max_power_actions=9).attempt_id)
    settle(store, ask(store, command, step=replace(CYCLE, id="first"), max_power_actions=9).attempt_id)
    again = another_run(store, command, runbook=runbook)
    for step in (REBOOT, CYCLE):
        assert ask(store, again, step=step, max_power_actions=9).code is Code.GATE_ATTEMPTED
    assert ask(store, again, step="restart", max_power_actions=9).code is Code.ADMITTED, "what leaves the power alone goes on"


def test_power_is_switched_as_often_as_the_procedure_says(store: Store) -> None:  # R26
    (command,) = working(store)
    settle(store, ask(store, command, step=REBOOT, max_power_actions=2).attempt_id)
    settle(store, ask(store, command, step=CYCLE, max_power_actions=2).attempt_id)
    refused = ask(store, command, step=Step("back", "power", effect=Effect.POWER), max_power_actions=2)
    assert (refused.code, refused.facts["limit"]) == (Code.GATE_POWER_SPENT, 2)
    assert ask(store, command, step="restart", max_power_actions=2).code is Code.ADMITTED, "what leaves the power alone goes on"


def test_without_a_bound_the_power_is_not_switched(store: Store) -> None:
    (command,) = working(store)
    assert ask(store, command, step=REBOOT).code is Code.GATE_POWER_SPENT


def test_a_power_action_that_certainly_did_nothing_counts_for_nothing_in_a_later_run(store: Store) -> None:
    (command,) = working(store)
    attempt = ask(store, command, step=REBOOT, max_power_actions=1).attempt_id
    with store.write() as session:
        assert journal.settle(session, attempt or "", "late", "", NOW_S)
    again = another_run(store, command)
    assert ask(store, again, step=REBOOT, max_power_actions=1).code is Code.ADMITTED


def test_a_power_action_that_may_be_going_on_counts(store: Store) -> None:
    (command,) = working(store)
    attempt = ask(store, command, step=REBOOT, max_power_actions=1).attempt_id
    again = another_run(store, command, runbook="another")
    assert ask(store, again, step=CYCLE, max_power_actions=1).code is Code.GATE_ATTEMPTED
    settle(store, attempt)


def test_another_reboot_that_a_person_asks_for_is_that_persons_judgement(store: Store) -> None:
    (command,) = working(store)
    settle(store, ask(store, command, step=REBOOT, max_power_actions=1).attempt_id)
    asked = another_run(store, command, requested_by="taro")
    settle(store, ask(store, asked, step=REBOOT, max_power_actions=1).attempt_id)
    assert ask(store, asked, step=CYCLE, max_power_actions=1).code is Code.GATE_POWER_SPENT


@pytest.mark.parametrize(("bound", "code"), [(1, Code.GATE_POWER_SPENT), (2, Code.ADMITTED)])
def test_what_a_person_did_counts_for_the_engines_bound(store: Store, bound: int, code: Code) -> None:
    (asked,) = working(store, requested_by="taro")
    settle(store, ask(store, asked, step=REBOOT, max_power_actions=1).attempt_id)
    later = another_run(store, asked, requested_by="engine", runbook="another")
    assert ask(store, later, step=CYCLE, max_power_actions=bound).code is code


@pytest.mark.parametrize(("bound", "code"), [(2, Code.GATE_POWER_SPENT), (3, Code.ADMITTED)])
def test_the_rescue_system_is_booted_only_where_the_way_back_is_left(store: Store, bound: int, code: Code) -> None:
    (asked,) = working(store, requested_by="taro")
    settle(store, ask(store, asked, step=REBOOT, max_power_actions=1).attempt_id)
    later = another_run(store, asked, requested_by="engine", runbook="another")
    assert ask(store, later, step=INTO, max_power_actions=bound).code is code


SHIPPED = {step.id: step for step in runbooks.load(ACTIONS)["reboot-and-fsck"].steps}


@pytest.mark.parametrize("requested_by", ["engine", "taro"])
@pytest.mark.parametrize(("spare_s", "code"), [(0.0, Code.ADMITTED), (-1.0, Code.GATE_NO_TIME_BACK)])
def test_nor_where_the_run_might_be_over_before_it_is_back(
    store: Store, clock: HandClock, requested_by: str, spare_s: float, code: Code
) -> None:  # R22
    (command,) = working(store, runbook="reboot-and-fsck", requested_by=requested_by)
    held = policy(version="later")
    accept(store, replace(held, hosts={"web01": replace(held.hosts["web01"], procedures={FaultClass.SERVICE: "reboot-and-fsck"})}))
    longest_s = sum(SHIPPED[name].timeout_s + SHIPPED[name].reach_s for name in ("rescue", "fsck", "disk"))
    clock.sleep(3600 - longest_s - spare_s)
    assert outbox.claim(store, command.key, "us", WAIT_S) is not None
    answer = ask(store, command, step=SHIPPED["rescue"], max_power_actions=3)
    assert answer.code is code
    if answer.attempt_id is None:
        back = ask(store, command, step=SHIPPED["disk"], max_power_actions=3)
        assert back.code is Code.ADMITTED, "for the disk there is always time"


def test_another_incident_is_another_cause(store: Store) -> None:
    (command,) = working(store)
    settle(store, ask(store, command, step=REBOOT, max_power_actions=1).attempt_id)
    fresh = another_run(store, command, incident="INC-later")
    assert ask(store, fresh, step=REBOOT, max_power_actions=1).code is Code.ADMITTED


def test_one_action_at_a_time_on_a_host(store: Store) -> None:
    (command,) = working(store)
    first = ask(store, command)
    assert ask(store, command, step="fsck").code is Code.GATE_BUSY
    settle(store, first.attempt_id)
    assert ask(store, command, step="fsck").code is Code.ADMITTED


def test_the_limit_counts_what_is_not_known_to_have_ended(store: Store) -> None:
    one, two, three = working(store, 3)
    first = ask(store, one)
    assert ask(store, two).code is Code.ADMITTED
    refused = ask(store, three)
    assert (refused.code, refused.facts["limit"]) == (Code.GATE_LIMIT, 2)
    settle(store, first.attempt_id)
    assert ask(store, three).code is Code.ADMITTED


def _admit(number: int, url: str, who: str) -> str:
    store = opened(url)
    code = ask(store, run(f"web{number + 1:02}"), who=who).code
    store.close()
    return str(code)


def test_of_twenty_processes_with_a_limit_of_two_exactly_two_are_admitted(real_store: Store, store_url: str) -> None:
    working(real_store, 20)
    codes = race(20, _admit, store_url, "us")
    assert sorted(codes) == ["admitted"] * 2 + ["gate_limit"] * 18
    assert len(intents(real_store)) == 2


def _admit_same(_number: int, url: str) -> str:
    return _admit(0, url, "us")


def test_of_twenty_that_do_the_same_step_one_is_admitted(real_store: Store, store_url: str) -> None:
    working(real_store, 1)
    codes = race(20, _admit_same, store_url)
    assert sorted(codes) == ["admitted"] + ["gate_attempted"] * 19
    assert len(intents(real_store)) == 1


def test_only_with_a_live_claim(store: Store) -> None:
    (command,) = working(store, who=None)
    assert ask(store, command).code is Code.GATE_CLAIM_LOST
    assert outbox.claim(store, command.key, "us", WAIT_S) is not None
    lapse(store)
    assert ask(store, command).code is Code.GATE_CLAIM_LOST
    assert outbox.claim(store, command.key, "them", WAIT_S) is not None
    assert ask(store, command).code is Code.GATE_CLAIM_LOST
    assert ask(store, command, who="them").code is Code.ADMITTED


def test_not_when_the_command_is_done(store: Store) -> None:
    (command,) = working(store)
    with store.write() as session:
        assert outbox.complete(session, command.key, "us", "fixed", "", NOW_S)
    assert ask(store, command).code is Code.GATE_CLAIM_LOST


def test_not_when_the_engine_has_given_the_run_up(store: Store) -> None:
    (command,) = working(store)
    given_up = state(command)
    assert given_up.incident is not None
    put_state(store, replace(given_up, incident=replace(given_up.incident, run=None)))
    assert ask(store, command).code is Code.GATE_CLAIM_LOST
    put_state(store, HostState("web01"))
    assert ask(store, command).code is Code.GATE_CLAIM_LOST


def test_not_when_its_incident_was_closed_though_its_end_is_waited_for(store: Store) -> None:
    (command,) = working(store)
    out = state(command)
    assert out.incident is not None
    put_state(store, replace(out, incident=replace(out.incident, run=None), asked=out.incident.run))
    assert ask(store, command).code is Code.GATE_CLAIM_LOST


def test_the_stop_file_stops_everything(store: Store, tmp_path: Path) -> None:
    (command,) = working(store)
    stop_file = tmp_path / "STOP"
    stop_file.touch()
    assert ask(store, command, stop_file=stop_file).code is Code.GATE_STOP_FILE
    stop_file.unlink()
    assert ask(store, command, stop_file=stop_file).code is Code.ADMITTED


@pytest.mark.parametrize(("host", "code"), [("web01", Code.GATE_HOLD), (None, Code.GATE_HOLD_ALL), ("web02", Code.ADMITTED)])
def test_holds(store: Store, host: str | None, code: Code) -> None:
    (command,) = working(store)
    with store.write() as session:
        overlay.apply(session, HoldSet(id="h1", at_s=NOW_S, host=host, by="noc"))
    assert ask(store, command).code is code
    with store.write() as session:
        overlay.apply(session, HoldReleased(id="r1", at_s=NOW_S, host=host, by="noc"))
    assert ask(store, command, step="again").code in (Code.ADMITTED, Code.GATE_BUSY)


@pytest.mark.parametrize(
    ("pause", "code"),
    [
        (HOUR, Code.GATE_PAUSE),
        (replace(HOUR, host=None, customer="acme"), Code.GATE_PAUSE),
        (replace(HOUR, check="web01/http"), Code.GATE_PAUSE),
        (replace(HOUR, check="web01/ssh"), Code.ADMITTED),
        (replace(HOUR, host="web02"), Code.ADMITTED),
        (replace(HOUR, duration_s=60.0), Code.ADMITTED),
    ],
)
@pytest.mark.parametrize("of_inventory", [True, False])
def test_pauses(store: Store, pause: Pause, code: Code, of_inventory: bool) -> None:
    (command,) = working(store)
    if of_inventory:
        accept(store, policy(1, "v2", pauses=(pause,)))
    else:
        with store.write() as session:
            overlay.apply(session, PauseSet(id="s1", at_s=NOW_S, pause=pause, by="noc"))
    admission = ask(store, command)
    assert admission.code is code
    if code is Code.GATE_PAUSE:
        assert dict(admission.facts) == {"pause": "window", "until_s": 1_750_003_200.0}


def test_an_operators_run_stops_for_a_pause_too(store: Store) -> None:
    (command,) = working(store, requested_by="hanako")
    accept(store, policy(1, "v2", pauses=(HOUR,)))
    assert ask(store, command).code is Code.GATE_PAUSE


@pytest.mark.parametrize(
    ("of_fault", "code"),
    [
        ({"evidence_since_s": None}, Code.GATE_UNKNOWN),
        ({"flapping": True}, Code.GATE_FLAPPING),
        ({"up": True}, Code.GATE_FAULT_GONE),
        ({"check": "web01/other"}, Code.GATE_FAULT_GONE),
    ],
)
def test_the_evidence_must_still_stand(store: Store, of_fault: dict[str, object], code: Code) -> None:
    (command,) = working(store)
    put_state(store, state(command, **of_fault))
    assert ask(store, command).code is code


def test_one_fault_that_stands_is_enough(store: Store) -> None:
    (command,) = working(store, checks=("web01/http", "web01/a-first-one"))
    both = state(command)
    assert both.incident is not None
    (fault,) = both.incident.faults
    unseen = replace(fault, check="web01/a-first-one", evidence_since_s=None)
    put_state(store, replace(both, incident=both.incident.with_fault(unseen)))
    assert ask(store, command).code is Code.ADMITTED
    put_state(store, state(command, evidence_since_s=None))
    assert ask(store, command, step="fsck").code is Code.GATE_UNKNOWN


def test_while_the_rescue_system_answers_the_work_goes_on(store: Store) -> None:
    """It has the host's address, so that ping and SSH are up though nothing is mended."""
    (command,) = working(store)
    rescue, disk = replace(CYCLE, id="rescue"), replace(CYCLE, id="disk")
    settle(store, ask(store, command, step=rescue, max_power_actions=3, before={"boot": "rescue"}).attempt_id)
    failing = state(command)
    assert failing.incident is not None
    put_state(store, replace(failing, incident=failing.incident.without_fault(command.checks[0])))
    settle(store, ask(store, command, step="fsck").attempt_id)
    with store.write() as session:
        overlay.apply(session, HoldSet(id="h1", at_s=NOW_S, host="web01", by="noc"))
    assert ask(store, command, step=disk, max_power_actions=3).code is Code.GATE_HOLD, "what stops everything stops this too"
    with store.write() as session:
        overlay.apply(session, HoldReleased(id="r1", at_s=NOW_S, host="web01", by="noc"))
    settle(store, ask(store, command, step=disk, max_power_actions=3, before={"boot": "disk"}).attempt_id)
    assert ask(store, command, step="something else").code is Code.GATE_FAULT_GONE


def test_a_rescue_system_that_was_certainly_not_booted_changes_nothing(store: Store) -> None:
    (command,) = working(store)
    asked = ask(store, command, step=replace(CYCLE, id="rescue"), max_power_actions=3, before={"boot": "rescue"})
    with store.write() as session:
        assert journal.settle(session, asked.attempt_id or "", "not_done", "", NOW_S)
    put_state(store, state(command, up=True, flapping=True))
    assert ask(store, command, step="fsck").code is Code.GATE_FAULT_GONE


def test_what_was_tried_is_not_tried_again(store: Store) -> None:
    (command,) = working(store)
    tried = state(command)
    assert tried.incident is not None
    put_state(store, replace(tried, incident=replace(tried.incident, tried=("service:nginx",))))
    assert ask(store, command).code is Code.GATE_TRIED


@pytest.mark.parametrize(
    ("mode", "code"), [(Mode.OFF, Code.GATE_MODE_OFF), (Mode.SHADOW, Code.GATE_MODE_SHADOW), (Mode.ON, Code.ADMITTED)]
)
def test_the_policy_that_holds_now_counts(store: Store, mode: Mode, code: Code) -> None:
    (command,) = working(store)
    accept(store, policy(1, "v2", mode=mode))
    assert ask(store, command).code is code


def test_a_contract_that_no_longer_covers_it(store: Store) -> None:
    (command,) = working(store)
    changed = policy(1, "v2")
    accept(store, replace(changed, customers={"acme": replace(changed.customers["acme"], contract=Contract())}))
    assert ask(store, command).code is Code.GATE_NOT_COVERED


def test_a_runbook_that_is_no_longer_the_hosts(store: Store) -> None:
    (command,) = working(store)
    changed = policy(1, "v2")
    accept(store, replace(changed, hosts={"web01": replace(changed.hosts["web01"], procedures={})}))
    assert ask(store, command).code is Code.GATE_NO_PROCEDURE


@pytest.mark.parametrize("requested_by", ["engine", "hanako"])
def test_a_host_that_is_no_longer_watched(store: Store, requested_by: str) -> None:
    (command,) = working(store, requested_by=requested_by)
    accept(store, policy(0, "v2"))
    assert ask(store, command).code is Code.NOT_WATCHED


def test_an_operators_run_needs_neither_mode_nor_fault(store: Store) -> None:
    (command,) = working(store, requested_by="hanako", incident=None)
    accept(store, policy(1, "v2", mode=Mode.OFF))
    put_state(store, HostState("web01", asked=RunRef(command.key, "restart_service", "service:nginx", NOW_S + 60)))
    assert ask(store, command).code is Code.ADMITTED


def test_there_is_nothing_to_admit_without_a_run(store: Store) -> None:
    with pytest.raises(StoreError, match="web09/run: there is no run of this key"):
        ask(store, run("web09"))


BACK = runbooks.load(ACTIONS)["reboot-and-fsck"].steps[-2]


def test_from_its_rescue_system_a_host_is_brought_back_whatever_was_seen_meanwhile(store: Store) -> None:
    """The rescue system answers, so the fault is gone; a pause has begun; automation was set to off; no limit is kept."""
    (command,) = working(store, runbook="reboot-and-fsck")
    none = PowerLimits(*[PowerLimit(0, 0)] * 3)
    accept(store, replace(policy(version="later", mode=Mode.OFF, pauses=(HOUR,)), limits=Limits(actions_at_once=0, power=none)))
    assert ask(store, command, step=BACK, max_power_actions=3).code is Code.GATE_PAUSE
    before = state(command).incident
    assert before is not None
    put_state(store, HostState(command.host, incident=replace(before, faults=())))
    assert ask(store, command, step=BACK, max_power_actions=3).code is Code.GATE_PAUSE
    boots(store, command, "rescue", "failed")
    assert ask(store, command, step="fsck").code is Code.GATE_PAUSE, "the way back and nothing else"
    admitted = ask(store, command, step=BACK, max_power_actions=3, before={"order": "cycle", "boot": "disk"})
    assert admitted.code is Code.ADMITTED
    again = ask(store, command, step=replace(BACK, id="another"), max_power_actions=3)
    assert again.code is Code.GATE_BUSY
    settle(store, admitted.attempt_id)
    assert ask(store, command, step="another").code is Code.GATE_PAUSE, "its own system was booted"


@pytest.mark.parametrize("gone", [True, False])
@pytest.mark.parametrize(
    ("unwanted", "code"),
    [
        ("", Code.ADMITTED),
        ("no place", Code.ADMITTED),
        ("pause", Code.GATE_PAUSE),
        ("off", Code.GATE_MODE_OFF),
        ("shadow", Code.GATE_MODE_SHADOW),
        ("revoked", Code.GATE_RUNBOOK_UNAPPROVED),
        ("not covered", Code.GATE_NOT_COVERED),
        ("another runbook", Code.GATE_NO_PROCEDURE),
    ],
)
def test_what_makes_work_unwanted_stops_all_but_the_way_back(store: Store, unwanted: str, code: Code, *, gone: bool) -> None:
    """Also while the rescue system answers, so that no fault stands; and no limit keeps a host there (R26, R51)."""
    (command,) = working(store)
    boots(store, command, "rescue")
    if gone:
        put_state(store, state(command, up=True))
    held = policy(version="later")
    host, customer, runbook = held.hosts["web01"], held.customers["acme"], held.procedures["restart-service"]
    changes: dict[str, dict[str, Any]] = {
        "no place": {"limits": Limits(actions_at_once=0)},
        "pause": {"pauses": (HOUR,)},
        "off": {"mode": Mode.OFF},
        "shadow": {"mode": Mode.SHADOW},
        "not covered": {"customers": {"acme": replace(customer, contract=Contract())}},
        "another runbook": {"hosts": {"web01": replace(host, procedures={})}},
    }
    accept(store, replace(held, **changes.get(unwanted, {})))
    if unwanted == "revoked":
        said = RunbookRevoked(id="r1", at_s=NOW_S, runbook=runbook.id, version=runbook.version, by="first", reason="-")
        with store.write() as session:
            trust.apply(session, said)
    for step in ("fsck", Step("command", "command", {"argv": ("/usr/bin/true",)})):
        answer = ask(store, command, step=step)
        assert answer.code is code
        if answer.attempt_id is not None:
            settle(store, answer.attempt_id)
    assert ask(store, command, step=BACK, max_power_actions=3).code is Code.ADMITTED


REVOKED = runbooks.load(ACTIONS)["restart-service"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (HoldSet(id="a", at_s=NOW_S, host="web01", by="noc"), Code.GATE_HOLD),
        (HoldSet(id="a", at_s=NOW_S, host=None, by="noc"), Code.GATE_HOLD_ALL),
        (PauseSet(id="a", at_s=NOW_S, pause=HOUR, by="noc"), Code.GATE_PAUSE),
        (PauseSet(id="a", at_s=NOW_S, pause=replace(HOUR, host="web02"), by="noc"), Code.ADMITTED),
        (
            RunbookRevoked(id="a", at_s=NOW_S, runbook=REVOKED.id, version=REVOKED.version, by="noc", reason="-"),
            Code.GATE_RUNBOOK_UNAPPROVED,
        ),
        (RunbookRevoked(id="a", at_s=NOW_S, runbook=REVOKED.id, version="another", by="noc", reason="-"), Code.ADMITTED),
    ],
)
def test_to_stop_nobody_has_to_wait_for_the_engine(store: Store, asked: Event, code: Code) -> None:
    """It is away, or busy: what was asked for stands in its inbox and counts (R26, R51)."""
    (command,) = working(store)
    with store.write() as session:
        assert inbox.insert(session, asked)
    assert ask(store, command).code is code


def test_nor_in_an_operators_run_does_a_pause_leave_it_there(store: Store) -> None:
    (command,) = working(store, runbook="reboot-and-fsck", requested_by="taro")
    accept(store, policy(version="later", pauses=(HOUR,)))
    assert ask(store, command, step=BACK, max_power_actions=3).code is Code.GATE_PAUSE
    boots(store, command, "rescue")
    assert ask(store, command, step="fsck").code is Code.GATE_PAUSE
    assert ask(store, command, step=BACK, max_power_actions=3).code is Code.ADMITTED


def test_a_persons_hand_and_the_bounds_count_in_the_rescue_system_too(store: Store, tmp_path: Path) -> None:  # R26
    (command,) = working(store, runbook="reboot-and-fsck")
    boots(store, command, "rescue")
    (tmp_path / "STOP").touch()
    assert ask(store, command, step=BACK, max_power_actions=3, stop_file=tmp_path / "STOP").code is Code.GATE_STOP_FILE
    assert ask(store, command, step=BACK, max_power_actions=3, who="them").code is Code.GATE_CLAIM_LOST
    assert ask(store, command, step=BACK, max_power_actions=1).code is Code.GATE_POWER_SPENT
    with store.write() as session:
        overlay.apply(session, HoldSet(id="h", at_s=NOW_S, host=command.host, by="taro"))
    assert ask(store, command, step=BACK, max_power_actions=3).code is Code.GATE_HOLD


def test_an_attempt_whose_end_nobody_knows_counts_as_a_boot_into_the_rescue_system(store: Store) -> None:
    (command,) = working(store, runbook="reboot-and-fsck")
    with store.read() as session:
        assert whereabouts.of_run(session, command.key) == Whereabouts()
    boots(store, command, "rescue", None)
    with store.read() as session:
        assert whereabouts.of_run(session, command.key) == Whereabouts(power=True, rescue=True, acted=True)
    boots(store, command, "disk", "unknown")
    with store.read() as session:
        assert whereabouts.of_run(session, command.key).rescue is True
        assert whereabouts.of_run(session, "none") == Whereabouts()


@pytest.mark.parametrize(("outcome", "expected"), [(None, True), ("done", True), ("failed", True), ("unreached", False)])
def test_what_was_done_to_a_host_is_read_from_the_attempts(store: Store, outcome: str | None, *, expected: bool) -> None:
    (command,) = working(store)
    settle(store, ask(store, command, step=Step("diagnose", "diagnose", effect=Effect.NONE)).attempt_id)
    with store.read() as session:
        assert whereabouts.of_run(session, command.key) == Whereabouts(), "who only looks does nothing"
    restart = ask(store, command).attempt_id
    with store.write() as session:
        assert outcome is None or journal.settle(session, restart or "", outcome, "", NOW_S)
    with store.read() as session:
        assert whereabouts.of_run(session, command.key) == Whereabouts(acted=expected)
