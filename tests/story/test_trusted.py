"""R26: what a runbook may do of its own accord: as it was approved, and as long as its cures last."""

from collections.abc import Callable

from sample_policy import CUSTOMER, POWER, RESTART, policy

from domain.commands import Message
from domain.events import RunOutcome
from domain.model import Mode
from domain.reasons import Code
from domain.trust import End
from story.harness import World


def test_an_edited_runbook_is_in_shadow_and_people_have_it_at_once() -> None:
    world = World()
    world.runbook_is_edited(RESTART, "another hash")
    world.down("http")
    world.expect_mail(Message.FAULT, next="people")
    world.expect_page("first", reason="gate_runbook_unapproved")
    world.expect_reason(Code.GATE_RUNBOOK_UNAPPROVED, runbook=RESTART)
    world.expect_reason(Code.WOULD_RUN, runbook=RESTART, service="nginx.service")
    world.expect_nothing()
    world.up("http")
    world.expect_mail(Message.RECOVERED)


def test_it_acts_again_once_that_version_is_approved_or_the_old_one_is_back() -> None:
    mends: tuple[Callable[[World], None], ...] = (
        lambda world: world.operator_approves(RESTART),
        lambda world: world.runbook_is_edited(RESTART, f"hash of {RESTART}"),
    )
    for mend in mends:
        world = World()
        world.runbook_is_edited(RESTART, "another hash")
        mend(world)
        world.down("http")
        world.expect_mail(Message.FAULT, next="restart_now")
        world.expect_run(RESTART, service="nginx.service")


def test_what_is_revoked_while_a_server_waits_for_its_clock_goes_to_people_at_once() -> None:
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT, next="recover_after_wait")
    world.fast_forward(minutes=5)
    world.operator_revokes(POWER)
    world.expect_reason(Code.RUNBOOK_REVOKED, by="first")
    world.expect_page("first", reason="gate_runbook_unapproved")
    world.expect_nothing()
    world.operator_acknowledges()
    world.fast_forward(minutes=10)
    world.expect_reason(Code.WOULD_RUN, runbook=POWER)
    world.expect_nothing()


def test_the_strictest_counts() -> None:
    world = World(policy(mode=Mode.OFF))
    world.operator_revokes(RESTART)
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first", reason="gate_mode_off")


def test_a_cure_that_does_not_last_lowers_its_runbook_for_the_customer() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    run = world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery()
    world.fast_forward(minutes=30)
    world.down("http")
    world.expect_lowered(RESTART, "http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first", reason="gate_tried")
    assert [(item.run, item.end, item.customer) for item in world.learnt] == [
        (run.key, End.FIXED, CUSTOMER),
        (run.key, End.REFAILED, CUSTOMER),
    ]
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)
    world.fast_forward(minutes=90)
    world.down("smtp")  # another service, another incident, the same runbook
    world.expect_mail(Message.FAULT, next="people")
    world.expect_page("first", reason="gate_runbook_lowered")
    world.expect_reason(Code.WOULD_RUN, runbook=RESTART, service="postfix.service")
    world.expect_nothing()


def test_a_lowered_runbook_acts_again_when_a_person_raises_it() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery()
    world.down("http")
    world.expect_lowered(RESTART, "http")
    world.expect_mail(Message.FAULT)
    world.expect_page("first", reason="gate_tried")
    world.operator_raises(RESTART)
    world.expect_reason(Code.RUNBOOK_RAISED, by="first", customer=CUSTOMER)
    world.up("http")
    world.expect_recovery()
    world.expect_notice("first", Code.RECOVERED)
    world.fast_forward(minutes=90)
    world.down("http")
    world.expect_mail(Message.FAULT, next="restart_now")
    world.expect_run(RESTART, service="nginx.service")


def test_what_fails_again_after_the_cool_down_or_in_a_pause_or_elsewhere_lowers_nothing() -> None:
    meanwhile: tuple[Callable[[World], None], ...] = (
        lambda world: world.fast_forward(minutes=61),
        lambda world: world.pause_begins(minutes=30, check="http"),
        lambda world: world.mass_outage_begins(),
    )
    for between in meanwhile:
        world = World()
        world.down("http")
        world.expect_mail(Message.FAULT)
        world.expect_run(RESTART, service="nginx.service")
        world.run_ends(RunOutcome.FIXED)
        world.up("http")
        world.expect_recovery()
        between(world)
        world.down("http")
        assert [item.end for item in world.learnt] == [End.FIXED]
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery()
    world.down("smtp")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="postfix.service")
    assert [item.end for item in world.learnt] == [End.FIXED]


def test_what_failed_in_a_mass_outage_since_then_is_no_matter_of_the_cure_before() -> None:
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_ends(RunOutcome.FIXED)
    world.up("ping")
    world.expect_recovery()
    world.mass_outage_begins()
    world.down("ping")
    world.up("ping")
    world.mass_outage_ends()
    world.fast_forward(minutes=5)
    world.down("ping")
    assert [item.end for item in world.learnt] == [End.FIXED]


def test_what_failed_in_a_pause_since_then_is_no_matter_of_the_cure_before() -> None:  # R51
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery()
    world.pause_begins(minutes=10)
    world.down("http")
    world.up("http")
    world.fast_forward(minutes=20)
    world.down("http")
    assert [item.end for item in world.learnt] == [End.FIXED]


def test_runs_that_did_nothing_teach_nothing_and_lost_ones_count_as_unknown() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.GONE, acted=False)
    assert world.learnt == []
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_acts()
    world.fast_forward(minutes=63)
    assert [item.end for item in world.learnt] == [End.UNKNOWN]


def test_a_run_that_nobody_took_up_teaches_nothing() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.fast_forward(minutes=63)
    world.expect_reason(Code.RUN_LOST)
    assert world.learnt == []


def test_an_operators_own_run_is_that_persons_judgement_and_the_record_says_so() -> None:
    world = World()
    world.operator_revokes(RESTART)
    world.operator_runs(RESTART, service="nginx.service")
    world.expect_run(RESTART, service="nginx.service")
    world.expect_reason(Code.OWN_JUDGEMENT, by="first", runbook=RESTART)
    world = World()
    world.operator_runs(RESTART, service="nginx.service")
    world.expect_run(RESTART, service="nginx.service")
    assert Code.OWN_JUDGEMENT not in {reason.code for reason in world.reasons}


def test_one_that_only_people_run_is_no_judgement_against_anybodys_word() -> None:
    world = World()
    world.operator_revokes("leave-rescue")
    world.operator_runs("leave-rescue")
    world.expect_run("leave-rescue")
    assert Code.OWN_JUDGEMENT not in {reason.code for reason in world.reasons}
