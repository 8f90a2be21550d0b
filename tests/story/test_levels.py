"""A value that passes one threshold after the other: each level is told, with the value it has now (R1, R2, R4)."""

from sample_policy import CPU, PING, SWAP, policy

from domain.commands import Message
from domain.model import Level
from domain.observation import Limit
from domain.reasons import Code
from story.harness import World

FULL = {level: Limit(level, ">", value, "%") for level, value in ((Level.WARNING, 80), (Level.MINOR, 90), (Level.SERVICE_DOWN, 95))}
"""C20."""


def test_each_level_that_a_disk_reaches_is_a_mail_with_its_threshold_and_its_value() -> None:
    world = World()
    world.passes("disk", FULL[Level.WARNING], 83.5)
    world.expect_mail(Message.FAULT, level=2, threshold="> 80%", value=83.5, unit="%")
    world.fast_forward(minutes=20)
    world.passes("disk", FULL[Level.SERVICE_DOWN], 97.0)
    world.expect_mail(Message.LEVEL_CHANGE, level=4, previous_level=2, threshold="> 95%", value=97.0)
    world.passes("disk", FULL[Level.MINOR], 94.0)
    world.expect_mail(Message.LEVEL_CHANGE, level=3, previous_level=4, threshold="> 90%", value=94.0)
    world.up("disk")
    world.expect_recovery()
    world.expect_nothing()


def test_another_level_is_on_record_and_is_no_new_evidence() -> None:
    world = World()
    world.passes("disk", FULL[Level.WARNING], 83.5)
    world.expect_mail(Message.FAULT, level=2)
    world.passes("disk", FULL[Level.MINOR], 91.0)
    world.expect_mail(Message.LEVEL_CHANGE, level=3)
    assert [reason.code for reason in world.reasons] == [Code.LEVEL_CHANGED, Code.LEVEL_TOLD]


def test_a_gap_keeps_the_level_of_before() -> None:
    world = World()
    world.passes("disk", FULL[Level.MINOR], 91.0)
    world.expect_mail(Message.FAULT, level=3)
    world.gap("disk", FULL[Level.MINOR])
    world.expect_nothing()
    assert world.incident.faults[0].level is Level.MINOR


def test_whoever_took_it_hears_that_it_got_worse() -> None:
    world = World()
    world.passes("disk", FULL[Level.WARNING], 83.5)
    world.expect_mail(Message.FAULT, level=2)
    world.operator_acknowledges()
    world.passes("disk", FULL[Level.SERVICE_DOWN], 99.0)
    world.expect_mail(Message.LEVEL_CHANGE, level=4)
    world.expect_notice("first", Code.LEVEL_TOLD, level=4, previous_level=2)
    world.expect_nothing()


def test_what_gets_worse_below_the_worst_fault_is_no_mail() -> None:
    """The level of an incident is that of its worst fault."""
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.expect_run("restart-service", service="nginx.service")
    world.passes("disk", FULL[Level.WARNING], 83.5)
    world.expect_mail(Message.FAULT, level=2, faults=("web01/disk",))
    world.passes("disk", FULL[Level.MINOR], 92.0)
    world.expect_nothing()


def test_an_inventory_that_changes_something_else_leaves_the_level_alone() -> None:
    world = World()
    world.passes("disk", FULL[Level.MINOR], 91.0)
    world.expect_mail(Message.FAULT, level=3)
    world.inventory_becomes(world.situation.policy)
    world.expect_nothing()
    assert world.incident.faults[0].level is Level.MINOR


def test_an_agent_that_is_silent_is_one_mail_and_a_value_that_fails_afterwards_another() -> None:
    """R9: all its readings fail with it, in the same words."""
    world = World(policy(checks=(PING, CPU, SWAP)))
    world.down("cpu", "no answer from the agent")
    world.expect_mail(Message.FAULT, faults=("web01/cpu",))
    world.down("swap", "no answer from the agent")
    world.expect_reason(Code.SAME_AGENT, check="web01/swap")
    world.expect_nothing()
    world.passes("swap", FULL[Level.WARNING], 85.0)
    world.expect_mail(Message.FAULT, threshold="> 80%", value=85.0)
    world.up("cpu")
    world.up("swap")
    world.expect_recovery()
    world.expect_nothing()


def test_readings_that_fail_for_reasons_of_their_own_are_told_each() -> None:
    world = World(policy(checks=(PING, CPU, SWAP)))
    world.down("cpu", "no answer from the agent")
    world.expect_mail(Message.FAULT)
    world.down("swap", "the agent knows no swap")
    world.expect_mail(Message.FAULT, check="web01/swap")
