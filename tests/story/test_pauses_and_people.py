"""Stories of pauses, holds, modes and the people on call (R25, R26, R50, R51)."""

from dataclasses import replace

import pytest
from sample_policy import CHECKS, HOST, OPERATORS, POWER, RESTART, SMTP, policy

from domain import events as ev
from domain.commands import Message
from domain.events import RunOutcome
from domain.model import Contract, FaultClass, Mode, OnCall
from domain.reasons import Code
from story.harness import World


def test_what_fails_and_recovers_in_a_pause_is_recorded_silently() -> None:  # R51
    world = World()
    world.pause_begins(minutes=60)
    world.down("http")
    world.expect_reason(Code.OPENED_IN_PAUSE, pause="maintenance", until_s=world.now_s + 3600)
    world.fast_forward(minutes=20)
    world.up("http")
    world.expect_reason(Code.RECOVERED_SILENTLY)
    world.fast_forward(minutes=60)
    world.expect_nothing()


def test_what_is_still_down_when_a_pause_ends_is_told_then_and_its_clock_starts_then() -> None:  # R51
    world = World()
    world.pause_begins(minutes=60)
    world.down("ping")
    first_failed_s = world.incident.fault_at_s
    world.fast_forward(minutes=59)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_mail(Message.FAULT, fault_at_s=first_failed_s)
    world.fast_forward(minutes=14)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(POWER)


def test_the_clock_of_one_check_starts_when_its_own_pause_ends() -> None:  # R51
    world = World()
    world.pause_begins(minutes=60, check="ping")
    world.down("ping")
    world.down("disk")
    world.expect_mail(Message.FAULT, level=2)
    world.fast_forward(minutes=60)
    world.expect_mail(Message.LEVEL_CHANGE, level=5, next="recover_after_wait")
    world.fast_forward(minutes=14)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(POWER)


def test_a_pause_that_begins_stops_the_clock() -> None:  # R51
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=14)
    world.pause_begins(minutes=10)
    world.expect_reason(Code.CLOCK_STOPPED)
    world.fast_forward(minutes=24, seconds=59)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_run(POWER)


def test_a_cancelled_pause_ends_at_once() -> None:  # R50
    world = World()
    world.pause_begins(minutes=600)
    world.down("http")
    world.pause_is_cancelled()
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")


def test_an_announced_incident_that_recovers_in_a_pause_is_told_at_its_end() -> None:  # R51
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.pause_begins(minutes=30)
    world.fast_forward(minutes=10)
    world.up("ping")
    world.expect_reason(Code.RECOVERY_HELD_BACK)
    recovered_s = world.now_s
    world.fast_forward(minutes=19)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_recovery(recovered_at_s=recovered_s, down_s=720.0)


def test_what_recovers_and_fails_again_in_a_pause_is_told_as_failing_at_its_end() -> None:  # R51
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.pause_begins(minutes=30)
    world.up("ping")
    world.down("ping")
    world.expect_nothing()
    world.fast_forward(minutes=30)
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)


def test_what_returns_in_a_pause_is_silent_too() -> None:  # R51, R26
    world = World()
    world.down("disk")
    world.expect_mail(Message.FAULT)
    world.up("disk")
    world.expect_recovery()
    world.pause_begins(minutes=30)
    world.down("disk")
    world.expect_reason(Code.REOPENED)
    world.up("disk")
    world.expect_reason(Code.RECOVERED_SILENTLY)
    world.fast_forward(minutes=60)
    world.expect_nothing()


def test_no_work_is_announced_once_a_pause_has_begun() -> None:  # R51
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.pause_begins(minutes=30)
    world.run_announces_work()
    world.run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_PAUSE)
    world.expect_nothing()
    world.fast_forward(minutes=30)
    world.expect_run(RESTART, service="nginx.service")


def test_a_run_that_failed_in_a_pause_is_told_at_its_end() -> None:  # R51, R25
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.pause_begins(minutes=30)
    world.run_ends(RunOutcome.NOT_FIXED)
    world.fast_forward(minutes=29)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_mail(Message.NOT_RECOVERED)
    world.expect_page("first")


def test_nobody_is_paged_in_a_pause() -> None:  # R51
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.pause_begins(minutes=30)
    world.fast_forward(minutes=29)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_page("second")


@pytest.mark.parametrize(("everything", "code"), [(False, Code.GATE_HOLD), (True, Code.GATE_HOLD_ALL)])
def test_a_hold_stops_work_and_its_release_lets_it_go_on(everything: bool, code: Code) -> None:  # R26
    world = World()
    world.operator_holds(everything=everything)
    world.expect_reason(Code.HOLD_SET)
    world.down("http")
    world.expect_mail(Message.FAULT, next="held")
    world.expect_reason(code)
    world.expect_reason(Code.NOT_WORKED_ON)
    world.expect_notice("first", Code.NOT_WORKED_ON, faults=("web01/http",), level=4)
    world.expect_notice("second", Code.NOT_WORKED_ON)
    world.fast_forward(minutes=60)
    world.expect_nothing()
    world.operator_releases()
    world.expect_reason(Code.HOLD_RELEASED)
    world.expect_run(RESTART, service="nginx.service")


def test_a_stop_file_stops_everything() -> None:  # R26
    world = World(stop_file=True)
    world.down("http")
    world.expect_mail(Message.FAULT, next="held")
    world.expect_reason(Code.GATE_STOP_FILE)
    world.expect_notice("first", Code.NOT_WORKED_ON)
    world.expect_notice("second", Code.NOT_WORKED_ON)
    world.fast_forward(minutes=60)
    world.expect_nothing()
    world.stop_file_goes()
    world.fast_forward(minutes=1)
    world.expect_run(RESTART, service="nginx.service")


def test_a_held_server_is_known_to_operators_before_its_wait_is_over() -> None:  # R26
    world = World()
    world.operator_holds()
    world.down("ping")
    world.expect_mail(Message.FAULT, next="held")
    world.expect_notice("first", Code.NOT_WORKED_ON, level=5)
    world.expect_notice("second", Code.NOT_WORKED_ON)
    world.operator_releases()
    world.fast_forward(minutes=14)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(POWER)


def test_a_hold_is_told_of_again_when_worse_comes() -> None:  # R26
    world = World()
    world.operator_holds()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_notice("first", Code.NOT_WORKED_ON, level=4)
    world.expect_notice("second", Code.NOT_WORKED_ON)
    world.operator_releases()
    world.expect_run(RESTART, service="nginx.service")
    world.operator_holds()
    world.run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_HOLD)
    world.fast_forward(minutes=60)
    world.expect_nothing()
    world.down("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=5, next="held")
    world.expect_notice("first", Code.NOT_WORKED_ON, faults=("web01/http", "web01/ping"), level=5)
    world.expect_notice("second", Code.NOT_WORKED_ON)
    world.expect_nothing()


def test_a_hold_over_what_nobody_would_work_on_wakes_nobody() -> None:  # R20
    world = World(policy(contract=Contract()))
    world.operator_holds()
    world.down("http")
    world.expect_mail(Message.FAULT, next="mail_only")
    world.fast_forward(minutes=60)
    world.expect_nothing()


def test_in_shadow_mode_what_would_have_been_done_is_recorded_and_people_do_it() -> None:  # R26
    world = World(policy(mode=Mode.SHADOW))
    world.down("http")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_reason(Code.GATE_MODE_SHADOW)
    world.expect_reason(Code.WOULD_RUN, runbook=RESTART, service="nginx.service", faults=("web01/http",))
    world.expect_page("first", reason="gate_mode_shadow")
    world.expect_nothing()


def test_in_shadow_mode_people_have_it_at_once_and_the_record_waits_as_long_as_real_work_would() -> None:  # R20, R25
    world = World(policy(mode=Mode.SHADOW, on_call=OnCall(("first",), escalate_after_s=7200)))
    world.down("ping")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_reason(Code.GATE_MODE_SHADOW)
    world.expect_page("first", reason="gate_mode_shadow")
    world.fast_forward(minutes=14, seconds=59)
    assert Code.WOULD_RUN not in {reason.code for reason in world.reasons}
    world.fast_forward(seconds=1)
    world.expect_reason(Code.WOULD_RUN, runbook=POWER, faults=("web01/ping", "web01/ssh"))
    world.fast_forward(minutes=60)
    assert world.reasons == []
    world.unknown("disk")
    assert Code.WOULD_RUN not in {reason.code for reason in world.reasons}, "once"
    world.expect_nothing()


def test_what_recovers_before_its_wait_would_not_have_been_worked_on() -> None:  # R20
    world = World(policy(mode=Mode.SHADOW))
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.fast_forward(minutes=5)
    world.up("ping")
    world.expect_recovery(acted=False)
    world.expect_notice("first", Code.RECOVERED)
    world.fast_forward(minutes=60)
    assert world.reasons == []


def test_with_automation_off_nobody_waits_for_a_server_either() -> None:  # R25
    world = World(policy(mode=Mode.OFF))
    world.down("ping")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_page("first", reason="gate_mode_off")
    world.expect_nothing()


def test_with_automation_off_people_do_everything() -> None:  # R26
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_reason(Code.GATE_MODE_OFF)
    world.expect_page("first", reason="gate_mode_off")
    world.expect_nothing()


def test_escalation_goes_round_the_people_on_call_and_slows_down() -> None:  # R25
    world = World(policy(mode=Mode.OFF, on_call=OnCall(("first", "second"), escalate_after_s=600)))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first", round=0)
    world.fast_forward(minutes=10)
    world.expect_page("second", round=1)
    world.fast_forward(minutes=10)
    world.expect_page("first", round=2)
    world.fast_forward(minutes=19)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_page("second", round=3)
    world.fast_forward(minutes=20)
    world.expect_page("first", round=4)
    world.fast_forward(minutes=40)
    world.expect_page("second", round=5)
    world.expect_nothing()


def test_an_acknowledgement_stops_escalation() -> None:  # R25
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges()
    world.expect_reason(Code.ACKNOWLEDGED, by="first")
    world.fast_forward(minutes=600)
    world.expect_nothing()
    world.operator_acknowledges()
    world.expect_reason(Code.NO_CHANGE)


def test_only_those_who_were_woken_hear_of_the_recovery() -> None:
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED, faults=("web01/http",), acted=False, outcome=None)
    world.expect_nothing()


def test_everybody_who_was_woken_hears_of_the_recovery() -> None:
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.fast_forward(minutes=20)
    world.expect_page("second")
    world.expect_page("first")
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)
    world.expect_notice("second", Code.RECOVERED)
    world.expect_nothing()


def test_who_was_woken_hears_of_the_recovery_though_others_are_on_call_now() -> None:
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges()
    world.inventory_becomes(policy(version="2", mode=Mode.OFF, on_call=OnCall(("second",))))
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)
    world.expect_nothing()


def test_who_was_woken_and_has_left_is_not_told() -> None:
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    left = policy(version="2", mode=Mode.OFF, on_call=OnCall(("second",)))
    world.inventory_becomes(replace(left, operators={"second": OPERATORS["second"]}))
    world.up("http")
    world.expect_recovery()
    world.expect_nothing()


def test_an_acknowledgement_by_somebody_who_has_left_silences_nobody() -> None:  # R25
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges()
    world.fast_forward(minutes=600)
    world.expect_nothing()
    left = policy(version="2", mode=Mode.OFF, on_call=OnCall(("second",)))
    world.inventory_becomes(replace(left, operators={"second": OPERATORS["second"]}))
    world.expect_reason(Code.ACKNOWLEDGER_LEFT, by="first")
    world.expect_page("second", round=0)
    assert world.incident.acknowledged_by is None
    world.fast_forward(minutes=10)
    world.expect_page("second", round=1)
    world.up("http")
    world.expect_recovery()
    world.expect_notice("second", Code.RECOVERED)
    world.expect_nothing()


def test_who_took_it_hears_when_it_gets_worse_and_nobody_is_woken_anew() -> None:  # R4, R25
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges()
    world.down("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=5, next="people")
    world.expect_notice("first", Code.LEVEL_TOLD, level=5, previous_level=4)
    world.fast_forward(minutes=600)
    world.expect_nothing()
    world.up("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=4)
    world.expect_nothing()


def test_with_nobody_on_call_nobody_is_paged() -> None:
    world = World(policy(mode=Mode.OFF, on_call=OnCall(())))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=600)
    world.expect_nothing()


def test_an_acknowledgement_of_another_incident_is_stale() -> None:
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges("INC-000999")
    world.expect_reason(Code.STALE)
    world.fast_forward(minutes=10)
    world.expect_page("second")


def test_an_operator_runs_a_procedure_on_a_healthy_host() -> None:
    world = World(policy(mode=Mode.OFF))
    world.operator_runs(RESTART)
    world.expect_reason(Code.ADMITTED, by="first", why="to be sure")
    world.expect_reason(Code.RUN_STARTED, by="first", why="to be sure")
    run = world.expect_run(RESTART, service="nginx.service", checks=("http", "web"))
    assert run.requested_by == "first"
    assert run.incident is None
    world.operator_runs(RESTART)
    world.expect_reason(Code.GATE_BUSY)
    world.run_ends(RunOutcome.NOT_FIXED)
    world.expect_reason(Code.RUN_NOT_FIXED)
    world.expect_nothing()
    world.operator_runs(POWER)
    world.expect_run(POWER, checks=("ping", "ssh", "http", "web", "smtp", "disk"))


def test_an_operator_names_the_service() -> None:
    world = World()
    world.operator_runs(RESTART, service="postfix.service")
    run = world.expect_run(RESTART, service="postfix.service", checks=("smtp",))
    assert run.policy == world.situation.policy.version
    world.run_ends(RunOutcome.FIXED)
    world.operator_runs(RESTART, service="exim4.service")
    world.expect_reason(Code.NOT_WATCHED, service="exim4.service")
    world.expect_nothing()


@pytest.mark.parametrize("ago_s", [61, -61])
def test_what_an_operator_asked_for_long_ago_is_not_done(ago_s: float) -> None:
    world = World()
    world.operator_runs(RESTART, ago_s=ago_s)
    world.expect_reason(Code.REQUEST_LATE, by="first", due_s=world.now_s - ago_s)
    world.expect_nothing()
    world.operator_runs(RESTART, ago_s=60)
    world.expect_run(RESTART, service="nginx.service")


def test_a_run_whose_host_is_another_one_by_now_goes_to_people() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    run = world.expect_run(RESTART, service="nginx.service")
    assert run.policy == world.situation.policy.version
    world.run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_TARGET_CHANGED)
    world.expect_mail(Message.NOT_RECOVERED, next="people", acted=False)
    world.expect_page("first", reason="gate_target_changed", acted=False)
    world.fast_forward(minutes=5)
    world.expect_nothing()


def test_an_operators_run_whose_host_is_another_one_by_now_is_told() -> None:
    world = World()
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_TARGET_CHANGED)
    world.expect_notice("first", Code.GATE_TARGET_CHANGED)
    world.expect_notice("second", Code.GATE_TARGET_CHANGED)
    world.expect_nothing()


def test_the_engine_waits_for_an_operators_run_to_end() -> None:  # R26: never two at once
    world = World()
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")
    world.down("smtp")
    world.expect_mail(Message.FAULT, next="restart_now")
    world.expect_reason(Code.GATE_BUSY)
    world.expect_nothing()
    world.run_ends(RunOutcome.FIXED)
    world.expect_run(RESTART, service="postfix.service")


def test_an_operators_run_that_is_never_heard_of_again_is_lost() -> None:
    world = World()
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")
    world.fast_forward(minutes=62)
    world.expect_reason(Code.RUN_LOST)
    world.expect_notice("first", Code.RUN_LOST)
    world.expect_notice("second", Code.RUN_LOST)
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")


def test_an_operators_run_whose_effect_is_unknown_is_told() -> None:
    world = World()
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.UNKNOWN, detail="connection lost")
    world.expect_notice("first", Code.RUN_UNKNOWN)
    world.expect_notice("second", Code.RUN_UNKNOWN)
    world.expect_nothing()


def test_a_hold_and_a_pause_stop_an_operators_run_too() -> None:  # R26, R51
    world = World()
    world.operator_holds()
    world.operator_runs(RESTART)
    world.expect_reason(Code.GATE_HOLD)
    world.operator_releases()
    world.pause_begins(minutes=30)
    world.operator_runs(POWER)
    world.expect_reason(Code.GATE_PAUSE)
    world.expect_nothing()


def test_an_operator_works_on_an_incident_that_people_have() -> None:
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges()
    world.operator_runs(RESTART)
    run = world.expect_run(RESTART, service="nginx.service", checks=("http",))
    assert run.incident == world.incident.id
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED)
    world.run_ends(RunOutcome.NOT_FIXED)
    world.expect_mail(Message.NOT_RECOVERED)
    world.expect_notice("first", Code.RUN_NOT_FIXED)
    world.fast_forward(minutes=600)
    world.expect_nothing()


def test_what_people_have_stays_theirs_after_their_run() -> None:  # R25
    world = World(policy(mode=Mode.SHADOW))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges()
    world.inventory_becomes(policy(version="2"))
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.GONE, acted=False)
    world.down("smtp")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_notice("first", Code.FAULT_TOLD, faults=("web01/smtp",))
    world.fast_forward(minutes=60)
    world.expect_nothing()


def test_work_that_fails_after_somebody_took_it_is_told_to_whoever_did() -> None:  # R25
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.operator_acknowledges()
    world.run_ends(RunOutcome.NOT_FIXED, detail="it came up and went down again")
    world.expect_mail(Message.NOT_RECOVERED, next="people")
    world.expect_notice("first", Code.RUN_NOT_FIXED, outcome_detail="it came up and went down again")
    world.fast_forward(minutes=600)
    world.expect_nothing()
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)
    world.expect_nothing()


def test_what_automation_may_not_do_is_told_to_whoever_took_it_already() -> None:  # R25
    world = World(policy(procedures={FaultClass.SERVER: POWER}))
    world.down("ping")
    world.expect_mail(Message.FAULT, next="recover_after_wait")
    world.operator_acknowledges()
    world.up("ping")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.operator_acknowledges()
    world.down("http")
    world.expect_mail(Message.FAULT, next="recover_after_wait")
    world.expect_notice("first", Code.FAULT_TOLD, faults=("web01/http",))
    world.up("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=4, next="people")
    world.expect_notice("first", Code.GATE_NO_PROCEDURE)
    world.expect_nothing()


def test_what_joins_is_told_to_whoever_has_it() -> None:  # R25
    world = World(policy(mode=Mode.OFF))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first")
    world.operator_acknowledges()
    world.down("smtp")
    world.expect_mail(Message.FAULT, next="people", faults=("web01/smtp",))
    world.expect_notice("first", Code.FAULT_TOLD, faults=("web01/smtp",), level=4)
    world.down("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=5)
    world.expect_notice("first", Code.LEVEL_TOLD, level=5, previous_level=4)
    world.fast_forward(minutes=600)
    world.expect_nothing()


def test_an_unknown_effect_that_a_pause_hides_is_told_to_operators_when_the_incident_closes() -> None:  # R26, R51
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.pause_begins(minutes=60)
    world.run_ends(RunOutcome.UNKNOWN, detail="connection lost")
    world.up("http")
    world.expect_nothing()
    world.fast_forward(minutes=60)
    world.expect_recovery()
    world.expect_notice("first", Code.RUN_UNKNOWN, outcome_detail="connection lost")
    world.expect_notice("second", Code.RUN_UNKNOWN)
    world.expect_nothing()


def test_a_power_cycle_by_an_operator_is_not_followed_by_one_of_the_engine() -> None:  # R26: at most once for one cause
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.operator_runs(POWER)
    world.expect_run(POWER, checks=("ping",))
    world.run_ends(RunOutcome.FIXED)
    world.fast_forward(minutes=15)
    world.expect_lowered(POWER, "ping")
    world.expect_mail(Message.NOT_RECOVERED)
    world.expect_page("first", reason="gate_tried")
    world.expect_nothing()


def test_a_run_on_a_host_that_is_not_watched_is_refused() -> None:
    world = World(policy(checks=None))
    world.operator_runs(RESTART)
    world.expect_reason(Code.NOT_WATCHED)
    world.inventory_becomes(policy(version="2", checks=()))
    world.operator_runs(POWER)
    world.expect_reason(Code.NOT_WATCHED)
    world.expect_nothing()


def test_work_is_announced_once() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED)
    world.run_announces_work()
    world.expect_reason(Code.STALE)
    world.expect_nothing()


def test_a_message_that_could_not_be_delivered_is_told_to_operators_once() -> None:
    world = World()
    for message in (Message.FAULT, Message.NOTICE):
        world.happens(
            ev.DeliveryFailed(
                id=f"lost/{message}",
                at_s=world.now_s,
                host=HOST,
                command="k",
                message=message,
                recipient="desk",
                error="550 no such user",
            )
        )
        world.expect_reason(Code.DELIVERY_FAILED)
    world.expect_notice("first", Code.DELIVERY_FAILED, recipient="desk", error="550 no such user")
    world.expect_notice("second", Code.DELIVERY_FAILED)
    world.expect_nothing()


def test_what_people_and_runs_report_is_recorded() -> None:
    world = World()
    at_s, host, incident = world.now_s, HOST, "INC-000001"
    for event, code in (
        (ev.NoteAdded(id="1", at_s=at_s, host=host, incident=incident, by="first", text="disk ordered"), Code.NOTED),
        (ev.ActionRecorded(id="2", at_s=at_s, host=host, run="r", step="s", action="service", outcome="done"), Code.STEP_DONE),
        (ev.ReportWritten(id="3", at_s=at_s, host=host, incident=incident, path="INC-000001.pdf"), Code.REPORT_WRITTEN),
        (ev.ReportFailed(id="6", at_s=at_s, host=host, incident=incident, error="no space left"), Code.REPORT_FAILED),
        (ev.InventoryRefused(id="4", at_s=at_s, error="web.yaml:3"), Code.INVENTORY_REFUSED),
        (ev.WatcherSilent(id="5", at_s=at_s, watcher="here"), Code.WATCHER_SILENT),
    ):
        world.happens(event)
        world.expect_reason(code)
    for code in (Code.REPORT_FAILED, Code.INVENTORY_REFUSED, Code.WATCHER_SILENT):
        world.expect_notice("first", code)
        world.expect_notice("second", code)
    world.expect_nothing()


def test_what_recovers_twice_in_a_pause_is_held_back_each_time() -> None:  # R51
    world = World()
    world.down("disk")
    world.expect_mail(Message.FAULT)
    world.pause_begins(minutes=30)
    for _ in range(2):
        world.up("disk")
        world.expect_reason(Code.RECOVERY_HELD_BACK)
        world.down("disk")
    world.up("disk")
    world.fast_forward(minutes=30)
    world.expect_recovery()


def test_what_left_the_inventory_in_a_pause_is_not_spoken_of_as_worked_on() -> None:  # R20, R51
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.down("smtp")
    world.expect_mail(Message.FAULT)
    world.pause_begins(minutes=10, check="smtp")
    world.inventory_becomes(policy(version="2", checks=tuple(check for check in CHECKS if check is not SMTP)))
    world.expect_nothing()
    world.pause_is_over_unnoticed()
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED, faults=("web01/http",))
