"""Stories of what only happens, such as the restart of a device: told once, and nothing follows (C15)."""

from dataclasses import replace

from sample_policy import CHECKS, HOST, check, policy

from domain import events as ev
from domain.commands import Message
from domain.events import RunOutcome
from domain.model import FaultClass, Flapping, Level, Policy
from domain.reasons import Code
from story.harness import World
from story.test_own_work import rebooted_for_a_service

TRAPS = replace(check("traps", Level.MINOR, FaultClass.RESOURCE), kind="snmp-trap")


def watched() -> Policy:
    return policy(checks=(*CHECKS, TRAPS))


def says(world: World, number: int = 1, check: str = "traps", what: str = "coldStart") -> None:
    world.happens(ev.Occurred(id=f"said/{number}/{world.now_s}", at_s=world.now_s, host=HOST, check=f"{HOST}/{check}", what=what))


def test_it_is_told_at_once_and_never_again() -> None:
    world = World(watched())
    says(world)
    mail = world.expect_mail(Message.OCCURRED, detail="coldStart", level=3, kind="snmp-trap", confirmed_at_s=world.now_s)
    assert mail.incident is None
    world.expect_reason(Code.OCCURRED, check=TRAPS.id, detail="coldStart", level=3)
    assert world.state.incident is None
    world.fast_forward(minutes=600)
    world.expect_nothing()


def test_it_is_no_part_of_the_incident_of_its_host() -> None:
    world = World(watched())
    world.down("disk")
    world.expect_mail(Message.FAULT)
    says(world)
    assert world.expect_mail(Message.OCCURRED).incident is None
    world.up("disk")
    world.expect_recovery(faults=(f"{HOST}/disk",))


def test_in_a_pause_it_is_recorded_only() -> None:
    world = World(watched())
    world.pause_begins(minutes=60)
    says(world)
    world.expect_reason(Code.OCCURRED_IN_PAUSE, check=TRAPS.id, detail="coldStart", pause="maintenance")
    world.fast_forward(minutes=90)
    world.expect_nothing()


def test_a_restart_of_our_own_is_not_told() -> None:
    world = rebooted_for_a_service(World(watched()))
    says(world)
    world.expect_reason(Code.OCCURRED_IN_WORK, check=TRAPS.id)
    world.up("http")
    world.run_ends(RunOutcome.FIXED)
    world.expect_recovery()
    says(world, what="warmStart")
    world.expect_reason(Code.OCCURRED_IN_WORK, check=TRAPS.id)
    world.fast_forward(seconds=TRAPS.interval_s + TRAPS.timeout_s)
    says(world)
    world.expect_mail(Message.OCCURRED)


def test_a_device_that_says_it_all_the_time_is_left_until_it_has_settled() -> None:
    world = World(policy(checks=(*CHECKS, TRAPS), flapping=Flapping(changes=2, window_s=600)))
    for number in range(2):
        says(world, number)
        world.expect_mail(Message.OCCURRED)
        world.fast_forward(minutes=1)
    says(world, 3)
    for operator in ("first", "second"):
        world.expect_notice(operator, Code.OCCURRED_TOO_OFTEN, check=TRAPS.id)
    for number in range(4, 8):
        world.fast_forward(minutes=1)
        says(world, number)
        world.expect_reason(Code.OCCURRED_TOO_OFTEN, check=TRAPS.id, detail="coldStart")
        world.expect_nothing()
    world.fast_forward(minutes=10)
    says(world)
    world.expect_mail(Message.OCCURRED)


def test_a_clock_that_is_set_does_not_silence_it() -> None:
    world = World(policy(checks=(*CHECKS, TRAPS), flapping=Flapping(changes=1, window_s=600)))
    world.clock_is_set(hours=48)
    says(world)
    world.expect_mail(Message.OCCURRED)
    world.clock_is_set(hours=-48)
    world.fast_forward(minutes=11)
    says(world)
    world.expect_mail(Message.OCCURRED)


def test_what_nobody_watches_is_nobody_s_news() -> None:
    world = World(policy())
    says(world)
    world.expect_reason(Code.NOT_WATCHED, check=TRAPS.id)
    world.expect_nothing()
