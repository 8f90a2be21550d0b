"""Stories of a host behind a switch: nobody is told of each host of a switch that is down, everybody of what lasts (C53)."""

import pytest
from sample_policy import OTHER, POWER, RESTART, policy

from domain import mass
from domain.commands import Message
from domain.model import Level
from domain.observation import Limit
from domain.reasons import Code
from story.harness import CONFIRMED_AFTER_S, World

CONFIRM_S = 180.0
"""So long after its first failing look the switch would be known to fail."""
AGAIN_S = 90.0


def behind_a_switch() -> World:
    world = World()
    world.hangs_on("switch", confirm_s=CONFIRM_S, again_s=AGAIN_S)
    return world


def test_what_fails_with_the_switch_is_neither_told_nor_worked_on() -> None:
    world = behind_a_switch()
    world.down("ping")
    world.expect_reason(Code.PARENT_ASKED, check="web01/ping")
    world.fast_forward(seconds=30)
    world.parent_falls()
    world.down("http")
    world.expect_reason(Code.BEHIND_PARENT, check="web01/http", parent="switch")
    assert mass.unreachable(world.state) is False, "no part of a mass outage"
    world.fast_forward(minutes=600)
    world.parent_returns()
    world.fast_forward(seconds=30)
    world.up("ping")
    world.up("http")
    world.fast_forward(minutes=60)
    world.expect_nothing()
    assert world.state.incident is None
    assert world.state.last is None


def test_what_fails_while_the_switch_is_up_is_told_once_that_is_sure() -> None:
    world = behind_a_switch()
    world.down("ping")
    world.expect_nothing()
    world.fast_forward(seconds=CONFIRM_S - CONFIRMED_AFTER_S - 1)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_mail(Message.FAULT, level=5, check="web01/ping", fault_at_s=world.now_s - CONFIRM_S)


def test_what_lasts_after_its_return_is_told_then_and_its_wait_begins() -> None:
    world = behind_a_switch()
    world.down("ping")
    world.parent_falls()
    world.fast_forward(minutes=60)
    world.parent_returns()
    world.fast_forward(seconds=AGAIN_S - 1)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_mail(Message.FAULT, level=5)
    world.fast_forward(minutes=14, seconds=59)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_run(POWER)


def test_what_was_told_before_is_left_alone_meanwhile() -> None:
    """R20: the wait of the contract begins anew when it is known again that the host itself fails."""
    world = behind_a_switch()
    world.down("ping")
    world.fast_forward(minutes=2)
    world.expect_mail(Message.FAULT, level=5)
    world.fast_forward(minutes=10)
    world.parent_falls()
    world.expect_reason(Code.CLOCK_STOPPED, check="web01/ping")
    world.fast_forward(minutes=60)
    world.expect_nothing()
    world.parent_returns()
    world.fast_forward(seconds=AGAIN_S)
    world.fast_forward(minutes=14)
    world.expect_nothing()
    world.fast_forward(minutes=2)
    world.expect_run(POWER)


def test_no_service_is_restarted_behind_it() -> None:
    world = behind_a_switch()
    world.operator_holds()
    world.down("http")
    world.fast_forward(minutes=2)
    world.expect_mail(Message.FAULT, level=4)
    world.expect_notice("first", Code.NOT_WORKED_ON)
    world.expect_notice("second", Code.NOT_WORKED_ON)
    world.parent_falls()
    world.operator_releases()
    world.expect_reason(Code.GATE_PARENT_DOWN, parent="switch")
    world.expect_nothing()
    world.parent_returns()
    world.fast_forward(seconds=AGAIN_S)
    world.expect_run(RESTART, service="nginx.service")


def test_a_value_comes_from_the_host_itself() -> None:
    world = behind_a_switch()
    world.parent_falls()
    world.passes("disk", Limit(Level.MINOR, ">", 90, "%"), 92)
    world.expect_mail(Message.FAULT, level=3)


@pytest.mark.parametrize("level", [Level.WARNING, Level.UNREACHABLE])
def test_a_value_that_can_not_be_had_behind_it_is_as_bad_as_it_was(level: Level) -> None:
    """One that can't be read has a level of its own, which may be higher or lower."""
    world = behind_a_switch()
    limit = Limit(level, ">", 90, "%")
    world.passes("disk", limit, 92)
    world.expect_mail(Message.FAULT, level=int(level))
    world.fast_forward(minutes=60)
    world.parent_falls()
    world.down("disk", "no answer of the SNMP agent")
    world.expect_reason(Code.BEHIND_PARENT, check="web01/disk", parent="switch")
    world.fast_forward(minutes=60)
    world.parent_returns()
    world.passes("disk", limit, 92)
    world.fast_forward(minutes=60)
    world.expect_nothing()
    world.up("disk")
    world.expect_recovery()


def test_a_host_that_answers_all_the_same_is_not_behind_it() -> None:
    """It is reached by another way; that is known when it had the time to be seen failing."""
    world = behind_a_switch()
    world.up("ping")
    world.parent_falls()
    world.down("http")
    world.expect_nothing()
    world.fast_forward(minutes=10)
    world.expect_mail(Message.FAULT, check="web01/http")


def test_what_comes_and_goes_with_the_switch_is_no_flapping() -> None:
    world = behind_a_switch()
    for _ in range(10):
        world.parent_falls()
        world.down("ping", after_s=0)
        world.fast_forward(minutes=1)
        world.parent_returns()
        world.up("ping")
    world.fast_forward(minutes=60)
    world.expect_nothing()
    [known] = [item for item in world.state.checks if item.check == "web01/ping"]
    assert known.changes == ()


def test_a_switch_that_is_taken_out_of_the_inventory_hides_nothing() -> None:
    world = behind_a_switch()
    world.down("ping")
    world.parent_falls()
    world.hangs_on_nothing()
    world.expect_mail(Message.FAULT, level=5)


def test_a_fault_behind_it_that_belongs_to_another_customer_now_is_forgotten() -> None:
    """The watcher, which begins anew, tells the new one of what still fails."""
    world = behind_a_switch()
    world.down("ping")
    world.parent_falls()
    world.inventory_becomes(policy(version="2", owner=OTHER))
    world.parent_returns()
    world.fast_forward(minutes=60)
    world.expect_nothing()


def test_a_host_that_was_reached_all_the_same_and_falls_later_falls_by_itself() -> None:
    """The switch's own address may be silent for days."""
    world = behind_a_switch()
    world.up("ping")
    world.parent_falls()
    world.fast_forward(minutes=600)
    world.down("ping")
    world.expect_mail(Message.FAULT, level=5)


def test_what_is_kept_aside_counts_towards_flapping_when_it_is_taken_up() -> None:
    """C54: and not where it fell with the switch, however often, also when it was seen to before the switch was."""
    world = behind_a_switch()
    for _ in range(10):
        world.down("ping", after_s=0)
        world.fast_forward(seconds=10)
        world.parent_falls()
        world.fast_forward(minutes=1)
        world.parent_returns()
        world.up("ping")
    world.down("ping", after_s=0)
    world.fast_forward(minutes=4)
    world.expect_mail(Message.FAULT, level=5)
    [known] = [item for item in world.state.checks if item.check == "web01/ping"]
    assert len(known.changes) == 1
