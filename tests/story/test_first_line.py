"""Stories of the first line: what the engine does of its own accord (R20-R26)."""

import pytest
from sample_policy import POWER, RESTART, policy

from domain.commands import Message
from domain.events import RunOutcome
from domain.gate import PASSING
from domain.model import Contract, FaultClass
from domain.reasons import Code
from story.harness import World


def test_a_dead_service_is_restarted_at_once() -> None:  # R22
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT, level=4, next="restart_now", service="nginx.service", down_s=120.0)
    world.expect_run(RESTART, service="nginx.service", checks=("http",))
    world.expect_nothing()

    world.fast_forward(seconds=4)
    world.run_announces_work(by="flow:a")
    world.expect_mail(Message.WORK_STARTED, runbook=RESTART, next="working")
    world.fast_forward(seconds=10)
    world.run_ends(RunOutcome.FIXED, by="flow:a")
    world.expect_nothing()

    world.fast_forward(seconds=2)
    world.up("http")
    world.expect_recovery(acted=True, outcome="fixed", down_s=136.0, recovered_at_s=world.now_s, next="watch")
    world.expect_nothing()


def test_the_flow_run_that_works_also_sends_what_follows() -> None:
    world = World()
    world.down("http")
    assert world.expect_mail(Message.FAULT).prefer is None
    world.expect_run(RESTART, service="nginx.service")
    world.run_announces_work(by="flow:a")
    assert world.expect_mail(Message.WORK_STARTED).prefer == "flow:a"
    world.run_ends(RunOutcome.FIXED, by="flow:a")
    world.up("http")
    assert world.expect_mail(Message.RECOVERED).prefer == "flow:a"


def test_a_server_is_recovered_when_its_outage_has_lasted_15_minutes() -> None:  # R20, R21
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT, level=5, next="recover_after_wait", wait_s=900.0)
    world.expect_reason(Code.CLOCK_STARTED, due_s=world.now_s + 900, wait_s=900.0)
    world.fast_forward(minutes=14, seconds=59)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_run(POWER, checks=("ping", "ssh"))
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED)
    world.run_ends(RunOutcome.FIXED)
    world.up("ping")
    world.expect_recovery(acted=True)


def test_what_the_watcher_fell_silent_about_says_nothing_of_a_servers_recovery() -> None:  # C52, R24
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.down("ssh")
    world.expect_mail(Message.FAULT, level=4)
    world.watcher_falls_silent()
    world.gap("ping")  # and ssh is not heard of again
    world.fast_forward(minutes=15)
    world.expect_run(POWER, checks=("ping",))


def test_a_second_sign_of_the_same_outage_does_not_put_off_its_recovery() -> None:  # R20
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=10)
    world.down("ssh")
    world.expect_mail(Message.FAULT, level=4, next="recover_after_wait")
    world.fast_forward(minutes=5)
    world.expect_run(POWER, checks=("ping", "ssh"))


def test_a_service_waits_for_the_server_it_runs_on() -> None:  # R22: without a login nothing can be restarted
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.down("http")
    world.expect_mail(Message.FAULT, level=4, next="recover_after_wait")
    world.fast_forward(minutes=15)
    world.expect_run(POWER, checks=("ping", "ssh"))
    world.run_ends(RunOutcome.FIXED)
    world.up("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=4, previous_level=5)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(RESTART, service="nginx.service", checks=("http",))


def test_a_gap_in_the_evidence_restarts_the_clock_of_acting_and_not_of_the_report() -> None:
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    first_failed_s = world.incident.fault_at_s
    world.fast_forward(minutes=10)
    world.gap("ping")
    world.expect_reason(Code.EVIDENCE_RESTARTED)
    world.expect_reason(Code.CLOCK_STARTED, due_s=world.now_s + 900)
    world.fast_forward(minutes=14)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(POWER)
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED, fault_at_s=first_failed_s, down_s=27 * 60.0)


def test_unknown_stops_the_clock_of_acting_and_not_of_the_report() -> None:  # C52
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    first_failed_s = world.incident.fault_at_s
    world.fast_forward(minutes=14)
    world.unknown("ping")
    world.expect_reason(Code.CLOCK_STOPPED)
    world.fast_forward(minutes=9)
    world.expect_nothing()
    world.gap("ping")
    world.fast_forward(minutes=14, seconds=59)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_run(POWER)
    assert world.incident.fault_at_s == first_failed_s


def test_a_silent_watcher_is_no_evidence() -> None:  # C52
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=14)
    world.watcher_falls_silent()
    world.expect_reason(Code.EVIDENCE_LOST)
    world.expect_reason(Code.GATE_UNKNOWN)
    world.fast_forward(minutes=60)
    world.expect_notice("first", Code.OUT_OF_SIGHT, faults=("web01/ping",))
    world.expect_notice("second", Code.OUT_OF_SIGHT)
    world.expect_nothing()
    world.gap("ping")
    world.fast_forward(minutes=15)
    world.expect_run(POWER)


def test_what_cannot_be_judged_keeps_nobody_from_what_can() -> None:  # C52, R22
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.unknown("ping")
    world.expect_reason(Code.GATE_UNKNOWN, check="web01/ping")
    world.down("http")
    world.expect_mail(Message.FAULT, next="restart_now", service="nginx.service")
    world.expect_run(RESTART, service="nginx.service", checks=("http",))
    world.expect_nothing()


def test_of_two_services_the_one_in_sight_is_restarted() -> None:  # C52
    world = World()
    world.operator_holds()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_notice("first", Code.NOT_WORKED_ON)
    world.expect_notice("second", Code.NOT_WORKED_ON)
    world.down("smtp")
    world.expect_mail(Message.FAULT, next="held")
    world.unknown("http")
    world.operator_releases()
    world.expect_run(RESTART, service="postfix.service", checks=("smtp",))
    world.run_ends(RunOutcome.FIXED)
    world.up("smtp")
    world.fast_forward(minutes=1)
    world.expect_reason(Code.GATE_UNKNOWN, check="web01/http")
    world.expect_nothing()


def test_what_stays_out_of_sight_is_told_to_operators_each_time_it_does() -> None:  # C52
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    for _ in range(2):
        world.unknown("ping")
        world.expect_reason(Code.GATE_UNKNOWN)
        world.fast_forward(minutes=9, seconds=59)
        world.expect_nothing()
        world.fast_forward(seconds=1)
        world.expect_reason(Code.OUT_OF_SIGHT, faults=("web01/ping",))
        world.expect_notice("first", Code.OUT_OF_SIGHT)
        world.expect_notice("second", Code.OUT_OF_SIGHT)
        world.fast_forward(minutes=600)
        world.expect_nothing()
        world.gap("ping")
    world.fast_forward(minutes=14)
    world.expect_nothing()


def test_a_clock_that_is_set_changes_nothing_of_when_it_is_told_that_something_is_out_of_sight() -> None:  # C52
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.unknown("ping")
    world.clock_is_set(hours=-3)
    world.fast_forward(minutes=9)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_notice("first", Code.OUT_OF_SIGHT)


def test_unknown_alone_alerts_nobody() -> None:  # C52
    world = World()
    world.unknown("http")
    world.expect_reason(Code.EVIDENCE_LOST)
    world.up("http")
    world.fast_forward(minutes=60)
    world.expect_nothing()
    assert world.state.incident is None


def test_what_recovers_just_before_its_clock_is_left_alone() -> None:  # R20
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=14, seconds=59)
    world.up("ping")
    world.expect_recovery(acted=False, outcome=None)
    world.fast_forward(minutes=60)
    world.expect_nothing()


def test_nothing_is_recovered_that_the_contract_does_not_cover() -> None:  # R20
    world = World(policy(contract=Contract()))
    world.down("http")
    world.expect_mail(Message.FAULT, next="mail_only")
    world.expect_reason(Code.GATE_NOT_COVERED)
    world.fast_forward(minutes=120)
    world.expect_nothing()
    world.up("http")
    world.expect_recovery(acted=False)


def test_a_covered_service_on_an_uncovered_server() -> None:
    world = World(policy(contract=Contract(frozenset({FaultClass.SERVICE}))))
    world.down("ping")
    world.expect_mail(Message.FAULT, next="mail_only")
    world.fast_forward(minutes=120)
    world.expect_nothing()
    world.up("ping")
    world.expect_recovery()
    world.down("http")
    world.expect_mail(Message.FAULT, next="restart_now")
    world.expect_run(RESTART, service="nginx.service")


def test_a_resource_fault_is_told_and_never_recovered() -> None:  # R4
    world = World()
    world.down("disk", "91 % used", value=91.0)
    world.expect_mail(Message.FAULT, level=2, next="mail_only", value=91.0)
    world.fast_forward(minutes=120)
    world.expect_nothing()
    world.up("disk")
    world.expect_recovery(acted=False, level=2, value=91.0)


def test_without_a_procedure_a_person_is_called() -> None:  # R25
    world = World(policy(procedures={FaultClass.SERVICE: RESTART}))
    world.down("ping")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_reason(Code.GATE_NO_PROCEDURE)
    world.expect_page("first", reason="gate_no_procedure", acted=False)
    world.expect_nothing()


def test_a_server_that_returns_is_left_to_people_after_its_wait() -> None:  # R26: its services may still be worked on
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_ends(RunOutcome.FIXED)
    world.up("ping")
    world.expect_recovery(outcome="fixed")
    world.down("ping")
    world.expect_lowered(POWER, "ping")
    world.expect_mail(Message.FAULT, next="people_after_wait", wait_s=900.0)
    world.fast_forward(minutes=14)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_page("first", reason="gate_tried")
    world.expect_nothing()


def test_what_a_run_could_not_fix_goes_to_people_and_the_customer_is_told() -> None:  # R25
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED)
    world.run_ends(RunOutcome.NOT_FIXED, detail="nginx does not start")
    world.expect_mail(Message.NOT_RECOVERED, next="people", acted=True, outcome="not_fixed", reason="run_not_fixed")
    world.expect_page("first", reason="run_not_fixed", acted=True, outcome_detail="nginx does not start", round=0)
    world.expect_nothing()
    world.up("http")
    world.expect_recovery(acted=True, outcome="not_fixed")
    world.expect_notice("first", Code.RECOVERED)
    world.expect_nothing()


def test_an_action_whose_effect_is_unknown_is_looked_at_by_a_person() -> None:  # R26
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.UNKNOWN, detail="connection lost")
    world.expect_mail(Message.NOT_RECOVERED, outcome="unknown", reason="run_unknown")
    world.expect_page("first", reason="run_unknown")
    world.fast_forward(minutes=5)
    world.expect_nothing()


def test_an_unknown_effect_is_told_to_operators_though_the_fault_is_gone() -> None:  # R26
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.up("http")
    world.expect_nothing()
    world.run_ends(RunOutcome.UNKNOWN, detail="connection lost")
    world.expect_notice("first", Code.RUN_UNKNOWN, outcome_detail="connection lost")
    world.expect_notice("second", Code.RUN_UNKNOWN)
    world.expect_recovery()
    world.expect_nothing()


def test_an_unknown_effect_is_told_though_a_later_run_had_nothing_to_do() -> None:  # R26
    world = World()
    world.pause_begins(minutes=60)
    world.down("http")
    world.unknown("http")
    world.fast_forward(minutes=61)
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.UNKNOWN, detail="connection lost")
    world.expect_nothing()
    world.operator_runs(RESTART)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.GONE, acted=False)
    world.up("http")
    world.expect_notice("first", Code.RUN_UNKNOWN)
    world.expect_notice("second", Code.RUN_UNKNOWN)
    world.expect_nothing()


def test_a_run_of_which_nothing_is_heard_is_lost() -> None:  # R22
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.fast_forward(minutes=61)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_reason(Code.RUN_LOST)
    world.expect_mail(Message.NOT_RECOVERED, outcome="lost", reason="run_lost")
    world.expect_page("first", reason="run_lost")
    world.run_ends(RunOutcome.FIXED)
    world.expect_reason(Code.STALE)
    world.expect_nothing()


def test_a_run_lost_after_its_fault_was_gone_is_told_to_operators() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.up("http")
    world.fast_forward(minutes=62)
    world.expect_reason(Code.RUN_LOST)
    world.expect_notice("first", Code.RUN_LOST)
    world.expect_notice("second", Code.RUN_LOST)
    world.expect_recovery()
    world.expect_nothing()


def test_a_fault_that_went_by_itself_needs_no_work() -> None:  # R20: looked at again before anything is done
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.GONE, acted=False)
    world.expect_reason(Code.RUN_GONE)
    world.up("http")
    world.expect_recovery(acted=False, outcome="gone")


def test_a_run_refused_at_the_last_moment_is_tried_again_after_a_while_and_then_people_have_it() -> None:  # R26
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    for _ in range(5):
        world.expect_run(RESTART, service="nginx.service")
        world.run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_BUSY)
        world.expect_reason(Code.RUN_REFUSED, reason=Code.GATE_BUSY)
        world.expect_nothing()
        world.fast_forward(minutes=1)
    world.expect_mail(Message.NOT_RECOVERED, acted=False, outcome="refused")
    world.expect_page("first", reason="gate_tried")


@pytest.mark.parametrize("code", sorted(PASSING))
def test_a_run_that_waited_for_its_turn_in_vain_goes_to_people(code: Code) -> None:  # R26
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.REFUSED, acted=False, code=code)
    world.expect_mail(Message.NOT_RECOVERED, acted=False, outcome="refused", reason=code)
    world.expect_page("first", reason=code)


def test_a_run_stopped_midway_goes_to_people() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.REFUSED, acted=True, code=Code.GATE_HOLD)
    world.expect_mail(Message.NOT_RECOVERED, acted=True)
    world.expect_page("first", reason="run_refused")


def test_a_recovery_that_the_watcher_does_not_see_is_none() -> None:  # R24
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.fast_forward(seconds=59)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_lowered(RESTART, "http")
    world.expect_mail(Message.NOT_RECOVERED, reason="gate_tried", acted=True)
    world.expect_page("first", reason="gate_tried")
    world.expect_nothing()


def test_what_returns_within_the_cool_down_goes_to_people_instead_of_being_restarted_again() -> None:  # R26
    world = World()
    world.down("http")
    first = world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery(outcome="fixed")
    world.fast_forward(minutes=59)
    world.down("http")
    world.expect_reason(Code.REOPENED, incident="INC-000001")
    world.expect_lowered(RESTART, "http")
    again = world.expect_mail(Message.FAULT, next="people", down_s=120.0)
    assert again.facts["first_key"] == first.key
    assert again.key != first.key
    world.expect_reason(Code.GATE_TRIED)
    world.expect_page("first", reason="gate_tried")
    world.expect_nothing()
    world.up("http")
    world.expect_recovery(acted=False, outcome=None)


def test_what_returns_after_the_cool_down_is_another_trouble() -> None:  # R26
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery()
    world.fast_forward(minutes=60)
    world.down("http")
    world.expect_reason(Code.OPENED, incident="INC-000002")
    world.expect_mail(Message.FAULT, next="restart_now")
    world.expect_run(RESTART, service="nginx.service")


def test_another_trouble_within_the_cool_down_is_still_worked_on() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery()
    world.down("smtp")
    world.expect_mail(Message.FAULT, next="restart_now")
    world.expect_run(RESTART, service="postfix.service", checks=("smtp",))


def test_work_that_did_not_help_is_not_repeated_when_the_fault_returns() -> None:  # R26: also where it said it did nothing
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.NOT_FIXED, acted=False)
    world.expect_mail(Message.NOT_RECOVERED, acted=False)
    world.expect_page("first")
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)
    world.down("http")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_page("first", reason="gate_tried")
    world.expect_nothing()


def test_what_was_not_tried_comes_before_what_was() -> None:  # R26
    world = World()
    world.down("disk")
    world.expect_mail(Message.FAULT)
    world.down("http")
    world.expect_mail(Message.LEVEL_CHANGE, level=4)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_mail(Message.LEVEL_CHANGE, level=2)
    world.operator_holds()
    world.down("http")
    world.expect_lowered(RESTART, "http")
    world.expect_mail(Message.LEVEL_CHANGE, level=4)
    world.down("smtp")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=2)
    world.operator_raises(RESTART)
    world.operator_releases()
    world.expect_run(RESTART, service="postfix.service", checks=("smtp",))


def test_a_fault_that_joins_while_a_recovery_is_verified_is_told_that_work_is_under_way() -> None:  # R3
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.down("smtp")
    world.expect_mail(Message.FAULT, next="working", service="postfix.service")


def test_what_one_run_did_is_not_forgotten_over_the_next() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.down("smtp")
    world.expect_mail(Message.FAULT)
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.fast_forward(minutes=1)
    world.expect_run(RESTART, service="postfix.service")
    world.run_ends(RunOutcome.GONE, acted=False)
    world.up("smtp")
    world.expect_recovery(acted=True)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_clock_that_is_set_neither_hastens_nor_puts_off_a_recovery(hours: float) -> None:  # R20
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=10)
    world.clock_is_set(hours=hours)
    world.unknown("disk")  # whatever comes next
    world.fast_forward(minutes=4)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(POWER)


@pytest.mark.parametrize("hours", [-3, 9, -200_000])
def test_after_a_reboot_with_a_wrong_clock_the_evidence_counts_from_there(hours: float) -> None:  # R20
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=10)
    world.machine_reboots(clock_is_off_hours=hours)
    world.fast_forward(minutes=5)
    world.clock_is_set(hours=-hours)
    world.fast_forward(minutes=9)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(POWER)


def test_a_verdict_is_waited_for_as_long_whatever_the_clock_does() -> None:  # R24
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.clock_is_set(hours=-3)
    world.fast_forward(seconds=59)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_lowered(RESTART, "http")
    world.expect_mail(Message.NOT_RECOVERED)
    world.expect_page("first")


def test_work_is_told_only_of_what_was_told_before() -> None:  # R9: a fault comes before the work on it
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.pause_begins(minutes=30, check="web")
    world.down("web")
    world.pause_is_over_unnoticed()
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED, faults=("web01/http",))
    world.expect_reason(Code.SAME_SERVICE, check="web01/web")
    world.expect_nothing()
