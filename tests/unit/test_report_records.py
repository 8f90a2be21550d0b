"""What the incident report (P2, P3) makes of the records."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hand_clock import HandClock
from sample_messages import LANGUAGES
from sample_policy import CUSTOMER, HOST, RESTART, policy
from sqlmodel import SQLModel

from domain.model import Language
from domain.reasons import Code
from domain.state import HostState, Incident
from engine.reporting import gather
from remediation.fsck import OUTPUT
from reports import IncidentReport, What
from reports import encode as plain_data
from reports.words import WORDS, WORK_WORDS
from store.codec import encode
from store.db import Store
from store.tables import Attempt, CommandRow, Decision, FindingRow, HostRow, Inbox

INCIDENT = "INC-000001"
FAULT_S, ORDERED_S, ADMITTED_S, ENDED_S = 1000.0, 1010.0, 1015.0, 1016.0
RUN = f"{INCIDENT}/3/run/{RESTART}"


def reported(
    path: Path, language: Language, *codes: tuple[Code, dict[str, str]], attempts: dict[float, str], more: Sequence[SQLModel] = ()
) -> IncidentReport:
    """The report of an incident with these decisions, and these attempts: when, and the gate's refusal or how they ended. ``more``
    rows, in the order in which they need each other."""
    store = Store(f"sqlite:///{path / 'hikeshi.db'}", HandClock())
    store.migrate()
    incident = Incident(INCIDENT, CUSTOMER, HOST, FAULT_S, FAULT_S + 5, recovered_at_s=ENDED_S + 1)
    try:
        with store.write() as session:
            session.add(HostRow(host=HOST, state=encode(HostState(HOST, last=incident))))
            session.add(Inbox(seq=1, event_id="e1", kind="RunEnded", host=HOST, at_s=ENDED_S, received_s=ENDED_S, payload="{}"))
            session.add(
                CommandRow(
                    key=RUN,
                    kind="Run",
                    incident=INCIDENT,
                    host=HOST,
                    queue=RUN,
                    payload="{}",
                    created_s=ORDERED_S,
                    not_before_s=0.0,
                )
            )
            session.flush()
            for number, (at_s, ended) in enumerate(attempts.items(), 1):
                refused = ended.startswith("gate_")
                session.add(
                    Attempt(
                        id=f"a{number}", command=RUN, number=number, step="restart", action="restart_service", host=HOST,
                        customer=CUSTOMER, claimer="hands:1", intent_s=at_s, intent_boot_s=1.0,
                        code=ended if refused else Code.ADMITTED, outcome="refused" if refused else ended or None,
                    )
                )  # fmt: skip
            for row in more:
                session.add(row)
                session.flush()
            session.add(
                Decision(
                    event_seq=1, event_kind="RunEnded", at_s=ORDERED_S, host=HOST, incident=INCIDENT, version="1",
                    policy_version="1",
                    reasons=[{"code": str(code), "facts": facts} for code, facts in codes],
                )
            )  # fmt: skip
        with store.read() as session:
            now = policy()
            return gather(
                session,
                policy=now,
                host=now.hosts[HOST],
                customer=now.customers[CUSTOMER],
                incident_id=INCIDENT,
                language=language,
            )
    finally:
        store.close()


def test_work_began_with_the_first_action_and_not_with_the_order(tmp_path: Path) -> None:
    attempts = {ORDERED_S + 1: Code.GATE_LIMIT, ORDERED_S + 2: "late", ADMITTED_S: "", ADMITTED_S + 9: "done"}
    report = reported(tmp_path, "en", (Code.RUN_STARTED, {"runbook": RESTART}), attempts=attempts)
    assert report.work_at_s == ADMITTED_S


def test_work_before_the_incident_was_reopened_is_none_on_this_fault(tmp_path: Path) -> None:
    before = {FAULT_S - 600: "done"}
    assert reported(tmp_path, "en", (Code.REOPENED, {}), attempts=before).work_at_s is None


def attempt(number: int, action: str, outcome: str | None, before: dict[str, str], effect: str = "power") -> Attempt:
    return Attempt(
        id=f"more{number}", command=RUN, number=number, step=f"{action}{number}", action=action, effect=effect, host=HOST,
        customer=CUSTOMER, claimer="hands:1", intent_s=ADMITTED_S + number, intent_boot_s=1.0, code=Code.ADMITTED, before=before,
        outcome=outcome,
    )  # fmt: skip


FSCK_SAID = """== /dev/sda: e2fsck -f -y
== /dev/sda: exit 0
== /dev/sdb: e2fsck -f -y
Entry '0163' in /archive (2049) has deleted/unused inode 177.  Clear? yes
Free inodes count wrong (15969, counted=15989).
Fix? yes
== /dev/sdb: exit 1
"""


def work() -> list[SQLModel]:
    cycle, rescue = {"order": "cycle", "boot": "disk"}, {"order": "reset", "boot": "rescue"}
    checking = attempt(3, "fsck", "done", {"filesystems": "/dev/sda ext4\n/dev/sdb ext4"}, "change")
    return [
        attempt(1, "power", "done", cycle),
        attempt(2, "power", None, rescue),
        checking,
        FindingRow(
            attempt=checking.id, incident=INCIDENT, host=HOST, step=checking.step, name=OUTPUT, text=FSCK_SAID, at_s=ADMITTED_S
        ),
        attempt(4, "power", "not_done", cycle),
        attempt(5, "power", "late", cycle),
        attempt(6, "diagnose", "done", {}, "none"),
        attempt(7, "reboot", "failed", {"way": "ssh"}),
    ]


def test_every_power_action_that_was_done_or_may_have_been_is_in_it(tmp_path: Path) -> None:
    report = reported(tmp_path, "en", (Code.RUN_STARTED, {"runbook": RESTART}), attempts={}, more=work())
    assert [(row.at_s, row.what, row.result) for row in report.work if row.power] == [
        (ADMITTED_S + 1, "Power switched off and on again, to start from its own disk", "done"),
        (ADMITTED_S + 2, "Power reset, to start the rescue system", "unknown"),
        (ADMITTED_S + 7, "Reboot of the server", "failed"),
    ]


@pytest.mark.parametrize(
    ("language", "clean", "mended"),
    [
        ("ja", "異常はありませんでした。", "不整合を 2 件修復しました。1 件のファイルは復元できず、失われました。"),
        ("en", "No errors.", "Inconsistencies corrected: 2. Files that could not be saved: 1."),
    ],
)
def test_what_a_repair_has_mended_and_cost_is_in_it(language: Language, clean: str, mended: str, tmp_path: Path) -> None:
    report = reported(tmp_path, language, (Code.RUN_STARTED, {"runbook": RESTART}), attempts={}, more=work())
    good, bad = (row for row in report.work if row.at_s == ADMITTED_S + 3)
    assert "/dev/sda" in good.what
    assert (good.result, good.lost) == (clean, ())
    assert (bad.result, bad.lost) == (mended, ("/archive/0163",))


def test_a_run_that_was_only_ordered_was_no_work(tmp_path: Path) -> None:
    refused = {ADMITTED_S: Code.GATE_HOLD, ADMITTED_S + 1: "late"}
    assert reported(tmp_path, "en", (Code.RUN_STARTED, {"runbook": RESTART}), attempts=refused).work_at_s is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_written_in_words_and_never_in_codes(language: Language, tmp_path: Path) -> None:
    omitted = [code for code in Code if code.startswith("gate_") or code in (Code.WOULD_RUN, Code.SAME_SERVICE, Code.SAME_AGENT)]
    ended = (Code.RUN_NOT_FIXED, {"outcome": "not_fixed"})
    report = reported(tmp_path, language, ended, *((code, {}) for code in omitted), attempts={})
    assert len(report.omissions) == len(omitted)
    assert {row.what for row in report.omissions} == {WORDS[language]["omitted_work"], WORDS[language]["omitted_notice"]}
    assert [row.outcome for row in report.timeline] == [{"ja": "未復旧", "en": "not fixed"}[language]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_for_operators_is_not_in_it(language: Language, tmp_path: Path) -> None:
    inside = {"by": "tanaka", "why": "try it, they never pay", "detail": "systemctl show: exit status 1", "recipient": "suzuki"}
    ended = {"by": "flow:6656", "outcome": "not_fixed", "outcome_detail": "restart: exit status 5"}
    told = (Code.NOTED, Code.HOLD_SET, Code.HOLD_RELEASED, Code.ADMITTED, Code.RUN_STARTED, Code.PAGED, Code.ACKNOWLEDGED)
    codes = [(code, {**inside, "runbook": RESTART}) for code in told]
    step = (Code.STEP_DONE, {**inside, "action": "look", "outcome": "down", "by": "hands:0c39"})
    report = reported(tmp_path, language, *codes, step, (Code.RUN_NOT_FIXED, ended), attempts={})
    said = plain_data(report)
    for word in (*inside.values(), "flow:", "hands:", "exit status"):
        assert word not in said
    assert len(report.timeline) == len(told) + 1


def test_a_run_that_only_looked_or_did_not_reach_the_host_began_no_work(tmp_path: Path) -> None:
    only = [
        attempt(1, "look", "down", {}, "none"),
        attempt(2, "diagnose", "done", {}, "none"),
        attempt(3, "power", "unreached", {}),
    ]
    assert reported(tmp_path, "en", (Code.RUN_STARTED, {"runbook": RESTART}), attempts={}, more=only).work_at_s is None


def decided(event: str, at_s: float, seq: int, code: Code, **facts: str) -> list[SQLModel]:
    """What came in as this event, and was decided then."""
    reasons = [{"code": str(code), "facts": facts}]
    return [
        Inbox(seq=seq, event_id=event, kind="E", host=HOST, at_s=at_s, received_s=at_s, payload="{}"),
        Decision(
            event_seq=seq, event_kind="E", at_s=at_s, host=HOST, incident=INCIDENT, version="1", policy_version="1", reasons=reasons
        ),
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_answers_in_the_rescue_system_is_no_recovery_and_each_action_has_one_time(language: Language, tmp_path: Path) -> None:
    into = attempt(1, "power", "done", {"order": "reset", "boot": "rescue"})
    back = attempt(7, "power", "done", {"order": "reset", "boot": "disk"})
    more = [
        into,
        back,
        *decided("v1", ADMITTED_S + 3, 2, Code.CLEARED, check="db01/ssh"),
        *decided(f"{into.id}/recorded", ADMITTED_S + 5, 3, Code.STEP_DONE, action="power", outcome="done"),
        *decided("v2", ADMITTED_S + 8, 4, Code.CLEARED, check="db01/ssh"),
        *decided(f"{back.id}/recorded", ADMITTED_S + 9, 5, Code.STEP_DONE, action="power", outcome="done"),
    ]
    report = reported(tmp_path, language, (Code.RUN_STARTED, {"runbook": RESTART}), attempts={}, more=more)
    told = [(row.at_s - ADMITTED_S, row.what) for row in report.timeline if row.at_s > ADMITTED_S]
    assert told == [(1, What.WORK), (3, What.DECISION), (7, What.WORK), (8, What.RECOVERY)]
    assert [row.at_s - ADMITTED_S for row in report.work] == [1, 7]
    assert WORK_WORDS[language]["in_rescue"].format(check="db01/ssh") in [row.text for row in report.timeline]
