"""Stories of what the customer hears: one fault, one mail; levels; flapping (R2-R9, C54)."""

from dataclasses import replace

import pytest
from sample_policy import CONTACTS, CUSTOMER, DISK, HOST, HTTP, OTHER, PING, POWER, RESTART, policy

from domain.commands import Message
from domain.events import RunOutcome
from domain.model import Brand, Contract, Flapping, Mode, Policy
from domain.observation import Verdict
from domain.reasons import Code
from notify.text import write
from story.harness import World

WATCHED_ONLY = Contract()


def test_two_checks_of_one_service_are_one_mail() -> None:  # R9
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    world.expect_mail(Message.FAULT, faults=("web01/http",))
    world.down("web")
    world.expect_reason(Code.SAME_SERVICE, check="web01/web", service="nginx.service")
    world.expect_nothing()
    world.up("http")
    world.expect_nothing()
    world.up("web")
    world.expect_recovery(faults=("web01/http", "web01/web"))


def test_another_service_is_a_mail_in_the_same_thread() -> None:  # R9
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    first = world.expect_mail(Message.FAULT, service="nginx.service")
    assert first.facts["first_key"] == first.key
    world.down("smtp")
    second = world.expect_mail(Message.FAULT, service="postfix.service", faults=("web01/smtp",))
    assert second.facts["first_key"] == first.key
    assert second.incident == first.incident


def test_a_raised_and_a_lowered_level_is_a_new_mail() -> None:  # R4
    world = World(policy(contract=WATCHED_ONLY))
    world.down("disk")
    world.expect_mail(Message.FAULT, level=2)
    world.down("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=5, previous_level=2, faults=("web01/ping",))
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.up("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=4, previous_level=5)
    world.up("http")
    world.expect_mail(Message.LEVEL_CHANGE, level=2, previous_level=4)
    world.up("disk")
    world.expect_recovery()
    world.expect_nothing()


def test_a_level_is_not_lowered_by_what_a_pause_hides() -> None:  # R51
    world = World(policy(contract=WATCHED_ONLY))
    world.down("ping")
    world.expect_mail(Message.FAULT, level=5)
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.pause_begins(minutes=30, check="ping")
    world.expect_nothing()
    world.fast_forward(minutes=30)
    world.expect_nothing()


def test_a_flapping_check_is_told_once_as_flapping_and_once_as_settled() -> None:  # C54
    world = World(policy(contract=WATCHED_ONLY, flapping=Flapping(changes=3, window_s=1800)))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=1)
    world.up("http")
    world.expect_recovery()
    world.fast_forward(minutes=1)
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=1)
    world.up("http")
    world.expect_mail(Message.FLAPPING, changes=4, window_s=1800.0)
    for _ in range(3):
        world.fast_forward(minutes=5)
        world.down("http")
        world.fast_forward(minutes=5)
        world.up("http")
    world.expect_nothing()
    world.fast_forward(minutes=29)
    world.expect_nothing()
    settled_s = world.now_s + 60
    world.fast_forward(minutes=1)
    world.expect_mail(Message.SETTLED, recovered_at_s=settled_s - 1800)
    world.expect_report()
    world.expect_nothing()
    assert world.state.incident is None


def _flapping_world() -> World:
    world = World(policy(flapping=Flapping(changes=1, window_s=600)))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_mail(Message.FLAPPING, changes=2)
    return world


def test_what_flaps_is_left_to_people() -> None:  # C54, R25
    world = _flapping_world()
    world.fast_forward(minutes=1)
    world.expect_reason(Code.GATE_FLAPPING)
    world.expect_page("first", reason="gate_flapping")
    world.expect_nothing()


def test_what_settles_as_failing_is_told_as_failing() -> None:  # C54
    world = _flapping_world()
    world.down("http")
    world.operator_acknowledges()
    world.expect_nothing()
    world.fast_forward(minutes=10)
    world.expect_notice("first", Code.GATE_FLAPPING)
    world.expect_mail(Message.SETTLED, recovered_at_s=None, next="people")
    world.expect_nothing()
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)


def test_what_settled_under_a_run_that_left_the_host_in_its_rescue_system_is_told_as_over_once_more() -> None:  # R9, R24
    world = _flapping_world()
    world.fast_forward(minutes=1)
    world.expect_page("first", reason="gate_flapping")
    world.operator_acknowledges()
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots("rescue")
    world.fast_forward(minutes=10)
    world.expect_mail(Message.SETTLED)
    world.run_ends(RunOutcome.UNKNOWN)
    world.expect_notice("first", Code.IN_RESCUE)
    world.expect_mail(Message.NOT_RECOVERED, reason="in_rescue")
    world.operator_says_its_own_system_runs()
    world.expect_notice("first", Code.RECOVERED)
    world.expect_recovery()
    world.expect_nothing()


def test_what_settles_as_working_beside_another_fault_is_told_as_working() -> None:  # C54
    world = _flapping_world()
    world.operator_acknowledges()
    world.down("disk")
    world.expect_mail(Message.FAULT, level=2)
    world.fast_forward(minutes=10)
    mail = world.expect_mail(Message.SETTLED)
    assert mail.facts["recovered_at_s"] is not None
    world.expect_mail(Message.LEVEL_CHANGE, level=2, previous_level=4)
    world.up("disk")
    world.expect_recovery()


def test_of_what_settles_at_once_each_mail_says_what_follows_for_all() -> None:  # C54, R3
    world = World(policy(flapping=Flapping(changes=1, window_s=600)))
    world.operator_holds()
    for name in ("http", "web"):
        world.down(name)
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=1)
    for name in ("http", "web"):
        world.up(name)
        world.expect_mail(Message.FLAPPING)
    world.fast_forward(minutes=10)
    for check in ("web01/http", "web01/web"):
        world.expect_mail(Message.SETTLED, check=check, faults=("web01/http", "web01/web"), next="watch")
    assert world.state.incident is None


def test_what_settles_is_not_told_with_a_fault_that_is_watched_no_more() -> None:  # C54, R3
    world = _flapping_world()
    world.operator_acknowledges()
    world.down("smtp")
    world.expect_mail(Message.FAULT)
    world.expect_notice("first", Code.FAULT_TOLD)
    world.fast_forward(minutes=9)
    world.expect_run(RESTART, service="postfix.service")
    world.run_ends(RunOutcome.NOT_FIXED)
    world.expect_mail(Message.NOT_RECOVERED, next="people")
    world.expect_notice("first", Code.RUN_NOT_FIXED)
    world.situation = replace(world.situation, host=policy(checks=(HTTP,)).hosts[HOST])  # accepted, and not decided yet
    world.fast_forward(minutes=1)
    world.expect_mail(Message.SETTLED, next="watch")
    world.expect_notice("first", Code.RECOVERED)
    world.expect_report()
    world.expect_nothing()


def test_what_flapped_in_a_pause_is_told_at_its_end() -> None:  # C54, R51
    world = _flapping_world()
    world.operator_acknowledges()
    world.pause_begins(minutes=60)
    world.fast_forward(minutes=59)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_mail(Message.SETTLED)
    world.expect_notice("first", Code.RECOVERED)
    world.expect_report()
    world.expect_nothing()


def test_what_cannot_be_seen_does_not_settle() -> None:  # C52, C54
    world = _flapping_world()
    world.operator_acknowledges()
    world.unknown("http")
    world.fast_forward(minutes=60)
    world.expect_notice("first", Code.OUT_OF_SIGHT)  # who took it, and nobody else
    world.expect_nothing()
    world.up("http")
    world.expect_mail(Message.SETTLED)
    world.expect_report()


def test_what_arrives_late_is_known_as_late() -> None:
    world = World()
    world.down("disk")
    world.expect_mail(Message.FAULT)
    world.late("disk", Verdict.UP)
    world.expect_reason(Code.STALE)
    world.expect_nothing()
    assert world.incident.faults


def test_each_contact_has_a_thread_of_its_own() -> None:  # R5, R9
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    mails = list(world.waiting)
    assert len({mail.key for mail in mails}) == 2
    world.expect_mail(Message.FAULT)
    world.up("http")
    world.expect_recovery()


def test_without_contacts_nothing_is_told_and_the_engine_goes_on() -> None:
    world = World(policy(contacts=()))
    world.down("http")
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_report()
    world.expect_nothing()


def test_a_removed_host_is_told_as_no_longer_watched() -> None:
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    first = world.expect_mail(Message.FAULT)
    world.inventory_becomes(policy(version="2", checks=None))
    world.expect_reason(Code.HOST_REMOVED)
    mail = world.expect_mail(Message.WATCH_ENDED, faults=("web01/http",), label="web01.example")
    assert mail.facts["first_key"] == first.key
    written = write(mail, Brand("Example Hosting", "noc@hosting.example"), "en")
    assert "web01.example http is no longer monitored" in written.subject
    assert not [line for line in written.body.splitlines() if "—" in line or "()" in line or "Trigger" in line]
    world.expect_notice("first", Code.HOST_REMOVED)
    world.expect_notice("second", Code.HOST_REMOVED)
    world.expect_nothing()
    world.up("http")
    world.expect_reason(Code.NOT_WATCHED)
    world.expect_nothing()


def test_a_removed_host_that_comes_back_begins_anew() -> None:
    world = World(policy(contract=WATCHED_ONLY))
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.inventory_becomes(policy(version="2", checks=None))
    world.waiting.clear()
    world.inventory_becomes(policy(version="3", contract=WATCHED_ONLY))
    world.down("http")
    world.expect_mail(Message.FAULT, faults=("web01/http",), level=4)
    world.up("http")
    world.expect_recovery(faults=("web01/http",))


def test_a_silent_incident_of_a_removed_host_ends_silently() -> None:  # R51
    world = World()
    world.pause_begins(minutes=60)
    world.down("http")
    world.inventory_becomes(policy(version="2", checks=None))
    world.expect_nothing()
    world.fast_forward(minutes=60)
    world.expect_reason(Code.HOST_REMOVED)
    world.expect_nothing()
    assert world.state.incident is None


def test_a_host_removed_in_a_pause_is_told_at_its_end() -> None:  # R51
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.pause_begins(minutes=60)
    world.inventory_becomes(policy(version="2", checks=None))
    world.expect_nothing()
    world.fast_forward(minutes=60)
    world.expect_mail(Message.WATCH_ENDED)


def test_a_host_that_comes_to_another_customer_leaves_its_incident_behind() -> None:
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    first = world.expect_mail(Message.FAULT)
    moved = policy(version="2", contract=WATCHED_ONLY, owner=OTHER)
    host = replace(moved.hosts[HOST], label="lab.midori.example", address="198.51.100.7")
    world.inventory_becomes(replace(moved, hosts={HOST: host}))
    world.expect_reason(Code.HOST_MOVED)
    mail = world.expect_mail(Message.WATCH_ENDED, customer=CUSTOMER, faults=("web01/http",), label="web01.example", address="")
    assert mail.facts["first_key"] == first.key
    world.expect_notice("first", Code.HOST_MOVED)
    world.expect_notice("second", Code.HOST_MOVED)
    world.expect_nothing()
    assert world.state.incident is None
    world.down("http")
    world.expect_reason(Code.OPENED, incident="INC-000002")
    world.expect_mail_to_the_other(Message.FAULT, customer=OTHER, label="lab.midori.example")
    world.expect_nothing()


def test_what_returns_to_another_customer_is_another_incident() -> None:  # R26
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.up("http")
    world.expect_recovery()
    world.inventory_becomes(policy(version="2", contract=WATCHED_ONLY, owner=OTHER))
    world.down("http")
    world.expect_reason(Code.OPENED, incident="INC-000002")
    world.expect_mail_to_the_other(Message.FAULT)
    world.expect_nothing()


def test_a_host_that_moves_in_a_pause_or_with_a_silent_incident() -> None:  # R51: a pause of today's is not that customer's
    world = World(policy(contract=WATCHED_ONLY))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.pause_begins(minutes=60)
    world.inventory_becomes(policy(version="2", contract=WATCHED_ONLY, owner=OTHER))
    world.expect_mail(Message.WATCH_ENDED)
    world.expect_notice("first", Code.HOST_MOVED)
    world.expect_notice("second", Code.HOST_MOVED)
    world.down("http")
    world.expect_reason(Code.OPENED_IN_PAUSE)
    world.inventory_becomes(policy(version="3", contract=WATCHED_ONLY))
    world.expect_reason(Code.HOST_MOVED)
    world.expect_nothing()


def test_what_a_run_says_of_a_host_that_has_moved_reaches_neither_customer() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    moved = policy(version="2", owner=OTHER)
    world.situation = replace(world.situation, policy=moved, host=moved.hosts[HOST])  # accepted, and not decided yet
    world.run_announces_work()
    world.expect_reason(Code.STALE)
    world.expect_mail(Message.WATCH_ENDED)
    world.expect_notice("first", Code.HOST_MOVED)
    world.expect_notice("second", Code.HOST_MOVED)
    world.run_ends(RunOutcome.FIXED)
    world.expect_reason(Code.RUN_FIXED)
    world.expect_nothing()
    world.run_ends(RunOutcome.FIXED)
    world.expect_reason(Code.STALE)


def _closed_under_a_run(inventory: Policy) -> World:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.inventory_becomes(inventory)
    world.expect_mail(Message.WATCH_ENDED)
    world.waiting.clear()  # operators hear why, as ever
    assert world.state.incident is None
    return world


LEFT = pytest.mark.parametrize(
    "inventory",
    [policy(version="2", checks=None), policy(version="2", owner=OTHER), policy(version="2", checks=(PING, DISK))],
    ids=["removed", "moved", "check-removed"],
)


@LEFT
def test_an_unknown_effect_on_a_host_that_has_left_is_told_to_operators(inventory: Policy) -> None:  # R26
    world = _closed_under_a_run(inventory)
    world.run_ends(RunOutcome.UNKNOWN, detail="the connection was lost")
    world.expect_reason(Code.RUN_UNKNOWN)
    world.expect_notice("first", Code.RUN_UNKNOWN, outcome_detail="the connection was lost")
    world.expect_notice("second", Code.RUN_UNKNOWN)
    world.expect_nothing()


@LEFT
def test_work_that_was_cut_short_on_a_host_that_has_left_is_told_to_operators(inventory: Policy) -> None:  # R26
    world = _closed_under_a_run(inventory)
    world.run_ends(RunOutcome.REFUSED, acted=True, code=Code.GATE_CLAIM_LOST)
    world.expect_notice("first", Code.RUN_REFUSED)
    world.expect_notice("second", Code.RUN_REFUSED)
    world.expect_nothing()


@LEFT
def test_a_run_on_a_host_that_has_left_is_lost_when_it_is_not_heard_of(inventory: Policy) -> None:  # R22
    world = _closed_under_a_run(inventory)
    world.fast_forward(minutes=62)
    world.expect_reason(Code.RUN_LOST)
    world.expect_notice("first", Code.RUN_LOST)
    world.expect_notice("second", Code.RUN_LOST)
    world.run_ends(RunOutcome.FIXED)
    world.expect_reason(Code.STALE)
    world.expect_nothing()


def test_what_was_worked_on_when_it_left_is_not_tried_again_when_it_comes_back() -> None:  # R26
    world = _closed_under_a_run(policy(version="2", checks=None))
    world.inventory_becomes(policy(version="3"))
    world.down("http")
    world.expect_reason(Code.REOPENED)
    world.expect_mail(Message.FAULT)
    world.expect_page("first", reason="gate_tried")
    world.expect_nothing()


def test_a_removed_check_leaves_its_incident() -> None:
    world = World(policy(contract=WATCHED_ONLY))
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.down("disk")
    world.expect_mail(Message.FAULT)
    world.inventory_becomes(policy(version="2", checks=(DISK, HTTP), contract=WATCHED_ONLY))
    world.expect_reason(Code.CHECK_REMOVED, faults=("web01/ping",))
    world.expect_mail(Message.LEVEL_CHANGE, level=2, previous_level=5)
    world.inventory_becomes(policy(version="3", checks=(HTTP,), contract=WATCHED_ONLY))
    world.expect_mail(Message.WATCH_ENDED)
    assert world.state.incident is None


def test_a_changed_level_holds_for_open_faults_too() -> None:  # R4
    world = World(policy(contract=WATCHED_ONLY))
    world.down("ping")
    world.expect_mail(Message.FAULT, level=5)
    milder = replace(PING, level=HTTP.level)
    world.inventory_becomes(policy(version="2", checks=(milder,), contract=WATCHED_ONLY))
    world.expect_mail(Message.LEVEL_CHANGE, level=4, previous_level=5)


def test_a_changed_contract_holds_at_once() -> None:
    world = World(policy(mode=Mode.OFF, on_call=replace(policy().on_call, order=())))
    world.down("http")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_nothing()
    assert [contact.id for contact in CONTACTS] == ["desk", "boss"]


def test_an_incident_began_with_its_first_fault() -> None:  # R3
    world = World(policy(contract=WATCHED_ONLY))
    world.down("disk")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=10)
    world.down("http")
    world.expect_mail(Message.LEVEL_CHANGE, down_s=720.0)
    world.up("disk")
    assert world.incident.recovered_at_s is None
    world.up("http")
    world.expect_recovery(down_s=720.0)


def test_what_is_said_twice_is_heard_once() -> None:
    world = World(policy(contract=WATCHED_ONLY, flapping=Flapping(changes=2, window_s=1800)))
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.repeats_itself("http", Verdict.UP)
    world.expect_reason(Code.STALE)
    assert world.incident.faults


def test_what_flaps_in_a_pause_does_not_count() -> None:  # C54, R51
    world = World(policy(contract=WATCHED_ONLY, flapping=Flapping(changes=2, window_s=1800)))
    world.pause_begins(minutes=10)
    for _ in range(4):
        world.down("http")
        world.up("http")
    world.fast_forward(minutes=10)
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_nothing()


def test_a_healthy_service_that_flaps_does_not_keep_another_from_its_restart() -> None:  # C54, R22
    world = _flapping_world()
    world.expect_nothing()
    world.down("smtp")
    world.expect_mail(Message.FAULT, service="postfix.service")
    world.fast_forward(minutes=1)
    world.expect_run(RESTART, service="postfix.service", checks=("smtp",))


def test_a_server_is_recovered_for_its_steady_fault_when_that_has_lasted() -> None:  # C54, R20
    world = World(policy(flapping=Flapping(changes=1, window_s=3600)))
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.up("ping")
    world.expect_mail(Message.FLAPPING)
    world.fast_forward(minutes=5)
    world.down("ssh")
    world.expect_mail(Message.FAULT, level=4, next="recover_after_wait")
    world.fast_forward(minutes=14)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_run(POWER, checks=("ssh",))


def test_what_flaps_while_a_worse_fault_is_gone_is_told_with_its_own_level() -> None:  # R4, C54
    world = World(policy(flapping=Flapping(changes=1, window_s=1800)))
    world.down("disk")
    world.expect_mail(Message.FAULT, level=2)
    world.up("disk")
    world.expect_mail(Message.FLAPPING, level=2)
    world.fast_forward(minutes=30)
    world.expect_mail(Message.SETTLED)
    world.expect_report()
    world.down("disk")
    world.expect_mail(Message.FAULT, level=2)
    world.down("http")
    world.expect_mail(Message.LEVEL_CHANGE, level=4, previous_level=2)
    world.expect_run(RESTART, service="nginx.service")
    world.up("disk")
    world.expect_mail(Message.FLAPPING, level=2)
    world.expect_nothing()


def test_what_flaps_after_a_worse_fault_went_lowers_the_level() -> None:  # R4, C54
    world = World(policy(flapping=Flapping(changes=2, window_s=1800)))
    world.down("disk")
    world.expect_mail(Message.FAULT, level=2)
    world.up("disk")
    world.expect_recovery()
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.expect_run(RESTART, service="nginx.service")
    world.up("http")
    world.expect_nothing()
    world.down("disk")
    world.expect_mail(Message.FLAPPING, level=2)
    world.expect_mail(Message.LEVEL_CHANGE, level=2, previous_level=4)
