"""Stories of hosts that a run has booted into their rescue system: what answers there is not the host (R24)."""

import pytest
from sample_policy import POWER, policy

from domain.commands import Message
from domain.events import RunOutcome
from domain.reasons import Code
from story.harness import World


def booted_into_rescue() -> World:
    """A server is gone, and the run that works on it has booted the rescue system."""
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED)
    world.run_boots("rescue")
    return world


def rescued() -> World:
    """It answers there."""
    world = booted_into_rescue()
    world.fast_forward(minutes=2)
    world.up("ping")
    world.expect_nothing()
    return world


@pytest.mark.parametrize("acted", [True, False])
def test_where_there_is_no_time_for_the_rescue_system_people_take_over_and_know_why(*, acted: bool) -> None:  # R22
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_ends(RunOutcome.REFUSED, acted=acted, code=Code.GATE_NO_TIME_BACK)
    world.expect_page("first", reason=Code.GATE_NO_TIME_BACK)
    world.expect_mail(Message.NOT_RECOVERED, reason=Code.GATE_NO_TIME_BACK)
    world.expect_nothing()


def test_a_repaired_host_has_recovered_when_its_own_system_is_seen() -> None:
    world = rescued()
    world.fast_forward(minutes=10)
    world.run_boots("disk")
    world.fast_forward(minutes=2)
    world.run_ends(RunOutcome.FIXED)
    world.expect_recovery(acted=True, recovered_at_s=world.now_s)
    world.expect_nothing()


def test_left_in_its_rescue_system_it_is_handed_to_people_and_has_not_recovered() -> None:
    world = rescued()
    world.run_ends(RunOutcome.UNKNOWN, detail="the file system check may still be running")
    world.expect_page("first", reason="in_rescue", recovered_at_s=None)
    world.expect_mail(Message.NOT_RECOVERED, reason="in_rescue", next="people", recovered_at_s=None)
    world.operator_acknowledges()
    world.fast_forward(minutes=300)
    world.expect_nothing()
    world.operator_says_its_own_system_runs()
    world.expect_reason(Code.OWN_SYSTEM, by="first", why="seen on its console")
    world.expect_notice("first", Code.RECOVERED)
    world.expect_recovery(recovered_at_s=world.now_s)
    world.expect_nothing()


def test_a_run_that_was_lost_there_left_it_there() -> None:  # R22: read from its attempts
    world = rescued()
    world.fast_forward(minutes=62)
    world.expect_reason(Code.RUN_LOST)
    world.expect_notice("first", Code.IN_RESCUE)
    world.expect_notice("second", Code.IN_RESCUE)
    world.expect_page("first", reason="in_rescue")
    world.expect_mail(Message.NOT_RECOVERED, reason="in_rescue")
    assert world.state.rescue


def test_an_operators_run_brings_it_back() -> None:
    world = rescued()
    world.run_ends(RunOutcome.REFUSED, code=Code.GATE_HOLD)
    world.expect_page("first", reason="in_rescue")
    world.expect_mail(Message.NOT_RECOVERED)
    world.operator_acknowledges()
    world.operator_runs("leave-rescue")
    world.expect_run("leave-rescue")
    world.operator_says_its_own_system_runs()
    world.expect_reason(Code.GATE_BUSY)
    world.run_boots("disk")
    world.expect_nothing()
    world.run_ends(RunOutcome.FIXED)
    world.expect_notice("first", Code.RECOVERED)
    world.expect_recovery(recovered_at_s=world.now_s)


def test_booted_from_its_disk_and_never_looked_at_it_has_recovered_when_the_watcher_would_have_seen_it_fail() -> None:
    world = rescued()
    world.run_boots("disk")
    world.run_ends(RunOutcome.UNKNOWN, detail="the watcher did not look within 60 s")
    world.expect_notice("first", Code.RUN_UNKNOWN)
    world.expect_notice("second", Code.RUN_UNKNOWN)
    world.expect_nothing()
    world.fast_forward(minutes=3)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_recovery()


def test_outside_of_any_incident_too() -> None:
    world = World()
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots("rescue")
    world.run_ends(RunOutcome.UNKNOWN)
    world.expect_notice("first", Code.IN_RESCUE)
    world.expect_notice("second", Code.IN_RESCUE)
    world.fast_forward(minutes=5)
    world.down("ping")
    world.expect_page("first", reason="in_rescue")
    world.expect_mail(Message.FAULT, next="people")
    world.up("ping")
    world.expect_nothing()


def test_in_a_pause_operators_are_told_and_paged_when_it_ends() -> None:  # R51
    world = rescued()
    world.pause_begins(minutes=30)
    world.run_ends(RunOutcome.UNKNOWN)
    world.expect_notice("first", Code.IN_RESCUE)
    world.expect_notice("second", Code.IN_RESCUE)
    world.expect_nothing()
    world.fast_forward(minutes=30)
    world.expect_page("first", reason="in_rescue")
    world.expect_mail(Message.NOT_RECOVERED)


def test_whoever_says_so_of_a_host_that_runs_changes_nothing() -> None:
    world = World()
    world.operator_says_its_own_system_runs()
    world.expect_reason(Code.NO_CHANGE)


def test_somebody_has_looked_before_people_could_be_paged_and_it_still_fails() -> None:  # R25, R51
    world = booted_into_rescue()
    world.pause_begins(minutes=30)
    world.run_ends(RunOutcome.UNKNOWN)
    world.expect_notice("first", Code.IN_RESCUE)
    world.expect_notice("second", Code.IN_RESCUE)
    world.operator_says_its_own_system_runs()
    world.fast_forward(minutes=30)
    world.expect_page("first", reason="run_not_fixed")
    world.expect_mail(Message.NOT_RECOVERED, reason="run_not_fixed", next="people")
    world.expect_nothing()


def test_somebody_has_looked_after_the_first_page_and_it_still_fails() -> None:  # R25
    world = booted_into_rescue()
    world.run_ends(RunOutcome.UNKNOWN)
    world.expect_page("first", reason="in_rescue")
    world.expect_mail(Message.NOT_RECOVERED, reason="in_rescue")
    world.operator_says_its_own_system_runs()
    world.fast_forward(minutes=10)
    world.expect_page("second", reason="handed_over")
    world.expect_nothing()


def test_one_that_leaves_the_inventory_in_a_pause_is_told_of_when_the_pause_ends() -> None:  # R51
    world = rescued()
    world.run_ends(RunOutcome.UNKNOWN)
    world.expect_page("first", reason="in_rescue")
    world.expect_mail(Message.NOT_RECOVERED)
    world.operator_acknowledges()
    world.pause_begins(minutes=30)
    world.inventory_becomes(policy(version="without it", checks=None))
    world.expect_nothing()
    world.fast_forward(minutes=30)
    world.expect_notice("first", Code.IN_RESCUE)
    world.expect_notice("second", Code.IN_RESCUE)
    world.expect_mail(Message.WATCH_ENDED)
    world.expect_notice("first", Code.HOST_REMOVED)
    world.expect_notice("second", Code.HOST_REMOVED)
    world.expect_nothing()
    assert world.state.incident is None
