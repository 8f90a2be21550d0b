"""R26: many hosts of a segment are lost at once; what becomes of each of them."""

import pytest
from sample_policy import POWER, RESTART, policy

from domain.commands import Message
from domain.events import RunOutcome
from domain.model import Contract, FaultClass, Mode
from domain.reasons import Code
from story.harness import World


def test_a_server_of_a_mass_outage_is_left_alone_and_said_to_be() -> None:
    world = World()
    world.mass_outage_begins()
    world.down("ping")
    world.expect_mail(Message.FAULT, next="mass_outage", wait_s=None)
    world.fast_forward(minutes=30)
    world.expect_nothing()  # operators were called for the segment
    world.mass_outage_ends()
    world.expect_run(POWER)


def test_its_recovery_is_told_like_any() -> None:
    world = World()
    world.mass_outage_begins()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=20)
    world.expect_nothing()
    world.up("ping")
    world.expect_recovery(acted=False, outcome=None)


def test_the_wait_of_the_contract_goes_on_meanwhile() -> None:
    world = World()
    world.mass_outage_begins()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=5)
    world.mass_outage_ends()
    world.expect_nothing()
    world.fast_forward(minutes=10)
    world.expect_run(POWER)


def test_what_lasts_too_long_goes_to_people_who_are_called_when_the_others_are_back() -> None:
    world = World()
    world.mass_outage_begins(patience_minutes=60)
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=61)
    world.expect_nothing()
    world.mass_outage_ends()
    world.expect_page("first", reason=Code.GATE_MASS_OUTAGE_LONG)
    world.fast_forward(minutes=5)
    world.expect_nothing()


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.OFF])
def test_without_automation_people_are_called_when_the_others_are_back(mode: Mode) -> None:
    world = World(policy(mode=mode))
    world.mass_outage_begins()
    world.down("ping")
    world.expect_mail(Message.FAULT, next="mass_outage")
    world.fast_forward(minutes=20)
    world.expect_nothing()
    world.mass_outage_ends()
    world.expect_page("first")


def test_what_is_not_covered_is_no_matter_of_ours_in_it_either() -> None:
    world = World(policy(contract=Contract(frozenset({FaultClass.SERVICE}))))
    world.mass_outage_begins()
    world.down("ping")
    world.expect_mail(Message.FAULT, next="mail_only")


def test_a_service_that_can_be_reached_is_restarted() -> None:
    world = World()
    world.mass_outage_begins()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)


def test_a_run_that_met_it_waits_for_its_end() -> None:
    """Its power step was refused when it was about to be done."""
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.mass_outage_begins()
    world.run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_MASS_OUTAGE)
    world.fast_forward(minutes=10)
    world.expect_nothing()
    world.mass_outage_ends()
    world.expect_run(POWER)


def test_what_was_done_before_it_is_for_people() -> None:
    """Of a host that was worked on already, an operator hears whatever befell the others."""
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.mass_outage_begins()
    world.run_ends(RunOutcome.NOT_FIXED)
    world.expect_mail(Message.NOT_RECOVERED)
    world.expect_page("first", reason=Code.RUN_NOT_FIXED)
