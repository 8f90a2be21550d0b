"""Stories of hosts whose power we switch: nobody is told of an outage that we make, everybody of what outlasts it (R24)."""

from sample_policy import POWER, RESTART, policy

from domain import mass
from domain.commands import Message
from domain.events import RunOutcome
from domain.model import Flapping
from domain.reasons import Code
from story.harness import CONFIRMED_AFTER_S, START_S, World


def rebooted_for_a_service(world: World | None = None) -> World:
    """A service fails, and the run that works on it restarts the whole host."""
    world = world or World()
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.expect_run(RESTART, service="nginx.service")
    world.run_announces_work()
    world.expect_mail(Message.WORK_STARTED)
    world.run_boots()
    return world


def test_the_outage_that_we_make_is_not_told() -> None:
    world = rebooted_for_a_service()
    world.fast_forward(minutes=2)
    world.down("ping")
    world.expect_reason(Code.OWN_WORK, check="web01/ping")
    assert [reason.code for reason in world.reasons] == [Code.OWN_WORK], "it has not joined what was told"
    world.down("ssh")
    assert mass.unreachable(world.state) is False, "nor is it a part of a mass outage"
    world.fast_forward(minutes=2)
    world.up("http")
    world.down("http")
    world.up("ssh")
    world.up("http")
    world.up("ping")
    up_s = world.now_s
    world.fast_forward(minutes=1)
    world.expect_nothing()
    world.run_ends(RunOutcome.FIXED)
    began_s = START_S - CONFIRMED_AFTER_S
    world.expect_recovery(level=4, check="web01/http", faults=("web01/http",), fault_at_s=began_s, recovered_at_s=up_s)
    world.expect_nothing()


def test_what_was_up_again_before_our_work_is_the_same_outage_when_we_take_it_down() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.up("http")
    world.fast_forward(minutes=1)
    world.run_boots()
    world.down("http", after_s=10)
    world.fast_forward(minutes=1)
    world.up("http")
    world.run_ends(RunOutcome.FIXED)
    world.expect_recovery(check="web01/http", fault_at_s=START_S - CONFIRMED_AFTER_S)


def test_what_is_back_a_little_after_the_run_is_not_told_either() -> None:
    world = rebooted_for_a_service()
    world.down("ping")
    world.up("http")
    world.run_ends(RunOutcome.FIXED)
    world.fast_forward(seconds=65)
    world.expect_nothing()
    world.up("ping")
    world.expect_recovery(check="web01/http", recovered_at_s=world.now_s)


def test_what_is_seen_only_after_the_run_and_began_in_it_is_not_told_either() -> None:
    world = rebooted_for_a_service()
    world.up("http")
    world.run_ends(RunOutcome.FIXED)
    world.expect_recovery()
    world.fast_forward(seconds=30)
    world.down("smtp")
    world.expect_reason(Code.OWN_WORK, check="web01/smtp")
    world.fast_forward(seconds=30)
    world.up("smtp")
    world.expect_reason(Code.RECOVERED_SILENTLY)
    world.expect_nothing()


def test_what_outlasts_our_work_is_told_and_goes_to_people() -> None:
    """Its power was switched once for this cause (R26)."""
    world = rebooted_for_a_service()
    world.down("ping")
    world.up("http")
    world.run_ends(RunOutcome.FIXED)
    world.fast_forward(seconds=69)
    world.expect_nothing()
    world.fast_forward(seconds=1)
    world.expect_mail(Message.LEVEL_CHANGE, level=5, previous_level=4, faults=("web01/ping",), next="people_after_wait")
    world.expect_nothing()
    assert mass.unreachable(world.state) is True
    world.fast_forward(minutes=15)
    world.expect_page("first")
    world.expect_mail(Message.NOT_RECOVERED)
    world.operator_acknowledges()
    world.expect_nothing()
    world.up("ping")
    world.expect_notice("first", Code.RECOVERED)
    world.expect_recovery(level=5, check="web01/ping", faults=("web01/http", "web01/ping"))


def test_a_run_that_failed_says_so_at_once_and_what_it_took_down_when_it_outlasts_it() -> None:
    world = rebooted_for_a_service()
    world.down("ping")
    world.run_ends(RunOutcome.NOT_FIXED)
    world.expect_page("first", reason="run_not_fixed", level=5)
    world.expect_mail(Message.NOT_RECOVERED, level=4, faults=("web01/http",))
    world.operator_acknowledges()
    world.expect_nothing()
    world.fast_forward(seconds=70)
    world.expect_mail(Message.LEVEL_CHANGE, level=5, previous_level=4)
    world.expect_notice("first", Code.LEVEL_TOLD)


def test_after_a_lost_run_too() -> None:  # R22: nobody knows what it did but its attempts
    world = rebooted_for_a_service()
    world.down("ping")
    world.fast_forward(minutes=62)
    world.expect_page("first", reason="run_lost")
    world.expect_mail(Message.NOT_RECOVERED)
    world.fast_forward(seconds=70)
    world.expect_mail(Message.LEVEL_CHANGE, level=5)


def test_a_fault_that_was_told_comes_and_goes_with_our_work_and_stays_the_same() -> None:
    """The rescue system answers, the disk is booted, and until the host's own system runs it fails again: no level goes up and
    down, and the outage is as long as it was."""
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT, level=5)
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    for _ in range(2):
        world.run_boots("rescue")
        world.up("ping")
        world.expect_reason(Code.CLEARED)
        assert mass.unreachable(world.state) is None, "as before"
        world.fast_forward(minutes=2)
        world.run_boots("disk")
        world.down("ping")
    world.expect_nothing()
    world.run_ends(RunOutcome.NOT_FIXED)
    world.expect_page("first")
    world.expect_mail(Message.NOT_RECOVERED, level=5, faults=("web01/http", "web01/ping"))
    world.fast_forward(minutes=5)
    world.up("http")
    world.up("ping")
    world.expect_notice("first", Code.RECOVERED)
    world.expect_recovery(fault_at_s=START_S - CONFIRMED_AFTER_S)
    world.expect_nothing()


def test_what_is_up_when_the_run_is_over_has_recovered() -> None:
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT, level=5)
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_boots("disk")
    world.up("ping")
    world.expect_nothing()
    world.run_ends(RunOutcome.FIXED)
    world.expect_nothing()
    world.fast_forward(minutes=1)
    world.expect_mail(Message.LEVEL_CHANGE, level=4, previous_level=5)


def test_no_service_is_restarted_before_the_server_is_back_from_our_work() -> None:  # R22
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT, level=5)
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_boots("disk")
    world.down("ssh")
    world.up("ping")
    world.run_ends(RunOutcome.FIXED)
    world.fast_forward(seconds=65)
    world.expect_nothing()
    world.up("ssh")
    world.expect_mail(Message.LEVEL_CHANGE, level=4, previous_level=5)
    world.expect_run(RESTART, service="nginx.service")


def test_an_operators_reboot_of_a_host_that_is_well_is_told_to_nobody() -> None:
    world = World()
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots("disk")
    world.down("ping")
    world.expect_reason(Code.OPENED, check="web01/ping")
    world.expect_reason(Code.OWN_WORK, check="web01/ping")
    world.fast_forward(minutes=3)
    world.up("ping")
    world.expect_reason(Code.RECOVERED_SILENTLY)
    world.run_ends(RunOutcome.FIXED)
    world.expect_nothing()
    assert world.state.incident is None


def test_an_operators_reboot_from_which_a_host_does_not_come_back_is_told() -> None:
    world = World()
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots("disk")
    world.down("ping")
    world.run_ends(RunOutcome.NOT_FIXED)
    world.expect_nothing()
    world.fast_forward(seconds=70)
    world.expect_mail(Message.FAULT, level=5)


def test_an_operators_run_that_was_lost_is_told_of_and_then_what_it_took_down() -> None:
    world = World()
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots("disk")
    world.down("ping")
    world.fast_forward(minutes=62)
    world.expect_notice("first", Code.RUN_LOST)
    world.expect_notice("second", Code.RUN_LOST)
    world.expect_nothing()
    world.fast_forward(seconds=70)
    world.expect_mail(Message.FAULT, level=5)


def test_left_in_its_rescue_system_people_have_it_at_once() -> None:
    """Though all that fails by now is our own doing."""
    world = World()
    world.down("ping")
    world.expect_mail(Message.FAULT)
    world.fast_forward(minutes=15)
    world.expect_run(POWER)
    world.run_boots("rescue")
    world.up("ping")
    world.down("ssh")
    world.run_ends(RunOutcome.UNKNOWN)
    world.expect_page("first", reason="in_rescue")
    world.expect_mail(Message.NOT_RECOVERED, reason="in_rescue")


def test_a_check_that_flaps_settles_in_its_own_time() -> None:  # C54
    world = World(policy(flapping=Flapping(changes=2, window_s=1200)))
    for _ in range(2):
        world.down("disk")
        world.up("disk")
    assert world.incident.faults[0].flapping
    world.waiting = []
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots()
    world.run_ends(RunOutcome.NOT_FIXED)
    assert world.incident.faults[0].flapping


def test_what_flaps_and_is_out_of_sight_by_the_end_of_our_work_is_told_when_it_is_seen() -> None:  # C52, C54
    world = World()
    for _ in range(2):
        world.down("disk")
        world.up("disk")
    world.waiting = []
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots()
    world.inventory_becomes(policy(version="more of them flap", flapping=Flapping(changes=2)))
    world.down("disk")
    world.unknown("disk")
    world.run_ends(RunOutcome.NOT_FIXED)
    world.fast_forward(minutes=2)
    world.expect_nothing()
    world.down("disk", after_s=10)
    world.expect_mail(Message.FLAPPING)


def test_our_ups_and_downs_are_no_flapping() -> None:  # C54
    world = rebooted_for_a_service(World(policy(flapping=Flapping(changes=2, window_s=1200))))
    for _ in range(4):
        world.down("ping")
        world.up("ping")
    world.down("ping")
    world.run_ends(RunOutcome.FIXED)
    world.up("ping")
    assert all(not check.flapping for check in world.state.checks)
    assert next(check.changes for check in world.state.checks if check.check == "web01/ping") == ()


def test_what_we_take_down_is_no_relapse_of_what_was_cured_before() -> None:  # R26
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT)
    world.expect_run(RESTART, service="nginx.service")
    world.run_ends(RunOutcome.FIXED)
    world.up("http")
    world.expect_recovery()
    world.fast_forward(minutes=10)
    world.operator_runs(POWER)
    world.expect_run(POWER)
    world.run_boots("disk")
    world.down("http")
    world.expect_nothing()
    world.run_ends(RunOutcome.NOT_FIXED)
    world.fast_forward(seconds=70)
    world.expect_mail(Message.FAULT)
    world.expect_page("first", reason="gate_tried")
    world.expect_nothing()


def test_a_relapse_after_our_work_is_one() -> None:
    """What a run has seen up, and fails after it, its work has not taken down."""
    world = rebooted_for_a_service()
    world.up("http")
    world.run_ends(RunOutcome.FIXED)
    world.expect_recovery()
    world.fast_forward(seconds=30)
    world.down("http", after_s=20)
    world.expect_lowered(RESTART, "http")
    world.expect_mail(Message.FAULT)


def test_a_run_that_switched_no_power_makes_no_outage() -> None:
    world = World()
    world.down("http")
    world.expect_mail(Message.FAULT, level=4)
    world.expect_run(RESTART, service="nginx.service")
    world.down("ping")
    world.expect_mail(Message.LEVEL_CHANGE, level=5, previous_level=4)
