"""R26: a reboot happens at most once for one cause, also when what it had cured comes back."""

import pytest
from sample_policy import POWER, RESTART

from domain.commands import Message
from domain.events import RunOutcome
from domain.reasons import Code
from story.harness import World


def rebooted() -> World:
    """A server that came back by a reboot."""
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_ends(RunOutcome.FIXED)
    world.up("ping")
    world.expect_recovery(outcome="fixed")
    return world


@pytest.mark.parametrize("check", ["ping", "ssh"])
def test_a_server_that_fails_again_within_the_cool_down_goes_to_people_and_is_not_rebooted(check: str) -> None:
    """Whichever of its checks tells it."""
    world = rebooted()
    world.fast_forward(minutes=30)
    world.down(check)
    world.expect_reason(Code.REOPENED, incident="INC-000001")
    world.expect_lowered(POWER, check)
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_page("first")
    world.fast_forward(minutes=5)
    world.expect_nothing()


def test_a_server_whose_service_was_cured_by_a_reboot_goes_to_people_when_it_fails() -> None:
    """What the run was for does not matter: its power was switched once in this incident."""
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_boots()
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery(outcome="fixed")
    world.fast_forward(minutes=10)
    world.down("ping")
    world.expect_reason(Code.REOPENED, incident="INC-000001")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_page("first")
    world.fast_forward(minutes=5)
    world.expect_nothing()


def test_so_does_one_whose_run_was_lost_after_a_reboot() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_boots()
    world.fast_forward(minutes=63)
    world.expect_reason(Code.RUN_LOST)
    world.expect_page("first", reason=Code.RUN_LOST)
    world.expect_mail(Message.NOT_RECOVERED)
    assert world.incident.tried == ("service:nginx.service", "server:")


def test_after_the_cool_down_it_is_another_trouble() -> None:
    world = rebooted()
    world.fast_forward(minutes=61)
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)


def test_a_service_of_a_rebooted_server_is_still_restarted() -> None:
    """That is not what the reboot was for; a power step of its run is refused."""
    world = rebooted()
    world.down("http")
    world.expect_reason(Code.REOPENED)
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.REFUSED, acted=False, code=Code.GATE_ATTEMPTED)
    world.expect_mail(Message.NOT_RECOVERED)
    world.expect_page("first", reason=Code.GATE_ATTEMPTED)


def test_a_server_that_fails_after_its_service_was_restarted_is_rebooted_once() -> None:
    """Its power was not switched for this cause yet, so the restart does not keep it from the one reboot; the wait begins anew."""
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery(outcome="fixed")
    world.fast_forward(minutes=10)
    world.down("ping")
    world.expect_reason(Code.REOPENED, incident="INC-000001")
    world.expect_mail(Message.FAULT, next="recover_after_wait")
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_ends(RunOutcome.FIXED)
    world.up("ping")
    world.expect_recovery(outcome="fixed")
    world.down("ping")
    world.expect_reason(Code.REOPENED, incident="INC-000001")
    world.expect_lowered(POWER, "ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=20)
    world.expect_page("first")
