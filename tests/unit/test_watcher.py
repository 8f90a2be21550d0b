"""The watcher by a clock that is moved by hand, in a small world where every address answers as the test says."""

from dataclasses import replace
from itertools import pairwise
from threading import Event

import pytest
from watcher_world import START_S, A, B, World, check, policy, run, watching

from domain.model import Check, FaultClass, Policy
from domain.observation import Observation, Verdict, down, unknown, up
from watch.desk import DeskAway, Known
from watch.watcher import AWAY_S, BEAT_S, MAX_UNWRITTEN, MISSED_S, SILENT_S, Watcher
from watch.wheel import phase_s


@pytest.fixture
def world() -> World:
    made = World()
    made.adopt(policy(check()))
    return made


class TestTelling:
    def test_a_verdict_that_stays_is_told_once(self, world: World) -> None:
        run(world, watching(world), 3600)
        assert len(world.looks) >= 12
        assert world.told() == [("web01/ssh", Verdict.UP)]

    def test_a_fault_is_told_when_it_failed_again_after_60_s(self, world: World) -> None:
        """C1: repeated once after 60 s; fault_at is the first failing look (R20)."""
        watcher = watching(world)
        run(world, watcher, 400)
        world.seen[A] = down("connection refused")
        before = len(world.looks)
        run(world, watcher, 900)
        first, again, *_ = world.looks[before:]
        assert again[0] - first[0] == pytest.approx(60, abs=0.15)
        (fault,) = world.changes[1:]
        assert fault.verdict is Verdict.DOWN
        assert fault.fault_at_s is not None
        assert fault.at_s - fault.fault_at_s == pytest.approx(60, abs=0.15)
        assert fault.evidence_since_s == fault.fault_at_s
        assert (fault.detail, fault.latency_ms) == ("connection refused", 10.0)

    def test_rapid_needs_three_in_a_row(self, world: World) -> None:
        """C2."""
        world.adopt(policy(check(profile="rapid")))
        world.seen[A] = down("no answer")
        run(world, watching(world), 400)
        assert world.told() == [("web01/ssh", Verdict.DOWN)]
        assert world.changes[0].at_s - (world.changes[0].fault_at_s or 0) == pytest.approx(120, abs=61)

    def test_own_trouble_is_told_as_unknown(self, world: World) -> None:
        world.seen[A] = unknown("no descriptors")
        run(world, watching(world), 3600)
        assert world.told() == [("web01/ssh", Verdict.UNKNOWN)]

    def test_never_two_looks_of_one_check_at_a_time(self, world: World) -> None:
        world.takes_s[A] = 10.0
        world.adopt(policy(check(interval_s=3.0)))
        watcher = watching(world)
        for _ in range(1000):
            watcher.turn()
            assert len(world.under_way) <= 1


class TestEvidence:
    def test_another_customer_begins_anew(self, world: World) -> None:
        """What failed before the host came to it is confirmed and told again, as its own fault."""
        world.seen[A] = down("no answer")
        watcher = watching(world)
        run(world, watcher, 900)
        world.adopt(policy(check(), version="2", owner="another"))
        run(world, watcher, 900)
        first, again = world.changes
        assert (first.verdict, again.verdict) == (Verdict.DOWN, Verdict.DOWN)
        assert again.fault_at_s is not None
        assert again.fault_at_s > first.at_s
        world.adopt(policy(check(), version="3", owner="another"))
        run(world, watcher, 900)
        assert len(world.changes) == 2

    def test_a_suspend_restarts_it(self, world: World) -> None:
        world.seen[A] = down("no answer")
        watcher = watching(world)
        run(world, watcher, 900)
        assert world.told() == [("web01/ssh", Verdict.DOWN)]
        world.sleep(8 * 3600)
        run(world, watcher, 900)
        first, again = world.changes
        assert again.fault_at_s == first.fault_at_s
        assert again.evidence_since_s == again.at_s

    def test_looks_before_a_gap_confirm_nothing(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 400)
        world.seen[A] = down("no answer")
        before = len(world.looks)
        while len(world.looks) == before or world.under_way:
            watcher.turn()
        world.sleep(8 * 3600)
        run(world, watcher, 30)
        assert len(world.changes) == 1, "one look after the gap is not two in a row"
        run(world, watcher, 400)
        assert world.told()[1:] == [("web01/ssh", Verdict.DOWN)]

    def test_so_does_a_watcher_that_comes_more_than_an_interval_too_late(self, world: World) -> None:
        world.seen[A] = down("no answer")
        watcher = watching(world)
        run(world, watcher, 900)
        turn_s = world.looks[-1][0] + 300
        run(world, watcher, turn_s - 50 - world.boot_s)
        world.ask("web01/ssh")
        run(world, watcher, 1)
        assert len(world.changes) == 1
        world.sleep(turn_s + 310 - world.boot_s)  # less than two intervals after that look, but its turn was 310 s ago
        run(world, watcher, 1)
        assert [change.evidence_since_s == change.at_s for change in world.changes] == [False, True]

    def test_a_slow_answer_is_no_gap(self, world: World) -> None:
        """A look of 10 s at an interval of 3 s: the time it takes is not a time nobody looked."""
        world.takes_s[A] = 10.0
        world.seen[A] = down("no answer")
        world.adopt(policy(check(profile="rapid", interval_s=3.0)))
        run(world, watching(world), 120)
        assert world.told() == [("web01/ssh", Verdict.DOWN)]


class TestOrders:
    def test_are_looked_at_at_once_and_answered_with_what_was_seen(self, world: World) -> None:
        world.adopt(policy(check(), check("http", B)))
        watcher = watching(world)
        run(world, watcher, 20)
        world.seen[B] = down("connection refused")
        begun_s = world.boot_s
        key = world.ask("web01/ssh", "web01/http")
        run(world, watcher, 0.3)
        (answer,) = world.answers
        assert answer.key == key
        assert {name: one.verdict for name, one in answer.seen.items()} == {"web01/ssh": Verdict.UP, "web01/http": Verdict.DOWN}
        assert world.boot_s - begun_s < 1

    def test_learn_nothing_from_what_says_nothing_about_the_host(self, world: World) -> None:  # C50
        world.seen[A] = down("name resolution failed")._replace(told_only=True)
        watcher = watching(world)
        run(world, watcher, 10)
        world.ask("web01/ssh")
        run(world, watcher, 0.3)
        assert world.answers[0].seen["web01/ssh"] == unknown("name resolution failed")

    def test_count_as_ordinary_looks_and_their_verdict_comes_before_their_answer(self, world: World) -> None:
        world.seen[A] = down("connection refused")
        watcher = watching(world)
        run(world, watcher, 10)
        world.ask("web01/ssh")
        run(world, watcher, 0.3)
        world.seen[A] = up()
        world.ask("web01/ssh")
        run(world, watcher, 0.3)
        assert [type(one).__name__ for one in world.written] == ["VerdictChanged", "Looked", "VerdictChanged", "Looked"]
        assert world.told() == [("web01/ssh", Verdict.DOWN), ("web01/ssh", Verdict.UP)]

    def test_a_look_that_began_before_is_not_their_answer(self, world: World) -> None:
        world.takes_s[A] = 5.0
        watcher = watching(world)
        while not world.under_way:
            watcher.turn()
        world.sleep(4.0)
        world.ask("web01/ssh")
        asked_s = world.boot_s
        run(world, watcher, 6)
        assert world.looks[-1][0] >= asked_s
        assert len(world.answers) == 1

    def test_two_for_one_check_share_the_later_look(self, world: World) -> None:
        world.takes_s[A] = 2.0
        watcher = watching(world)
        run(world, watcher, 20)
        first = world.ask("web01/ssh")
        run(world, watcher, 1)
        second = world.ask("web01/ssh")
        run(world, watcher, 3)
        assert {answer.key for answer in world.answers} == {first, second}

    def test_what_is_not_in_the_inventory_is_unknown(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 1)
        world.ask("web01/gone")
        world.ask()
        run(world, watcher, 0.5)
        strange, empty = world.answers
        assert strange.seen == {"web01/gone": unknown("the inventory has no such check")}
        assert empty.seen == {}


class TestRestart:
    def test_nothing_is_announced_again_but_an_old_fault_needs_new_evidence(self, world: World) -> None:
        world.adopt(policy(check(), check("http", B)))
        world.last_known = {"web01/ssh": Known(Verdict.DOWN, START_S - 7200), "web01/http": Known(Verdict.UP, None)}
        world.seen[A] = down("no answer")
        watcher = watching(world)
        run(world, watcher, 1)
        assert world.looks[0][1] == A, "what is down is looked at first"
        run(world, watcher, 900)
        (change,) = world.changes
        assert (change.check, change.verdict, change.fault_at_s) == ("web01/ssh", Verdict.DOWN, START_S - 7200)
        assert change.evidence_since_s == change.at_s

    def test_what_recovered_meanwhile_is_told(self, world: World) -> None:
        world.last_known = {"web01/ssh": Known(Verdict.DOWN, START_S - 7200)}
        run(world, watching(world), 10)
        assert world.told() == [("web01/ssh", Verdict.UP)]

    def test_what_could_not_be_judged_is_judged_anew(self, world: World) -> None:
        world.last_known = {"web01/ssh": Known(Verdict.UNKNOWN, START_S - 7200)}
        world.seen[A] = down("no answer")
        run(world, watching(world), 100)
        (change,) = world.changes
        assert (change.verdict, change.fault_at_s) == (Verdict.DOWN, START_S - 7200)


class TestInventory:
    def test_a_check_that_is_gone_is_not_looked_at_any_more(self, world: World) -> None:
        watcher = watching(world)
        world.takes_s[A] = 9.0
        run(world, watcher, 20)
        world.ask("web01/ssh")
        run(world, watcher, 1)
        world.adopt(policy(check("http", B), version="2"))
        run(world, watcher, 700)
        assert world.answers[0].seen == {"web01/ssh": unknown("the inventory has no such check any more")}
        assert {address for _, address in world.looks[2:]} == {B}

    def test_a_check_that_changed_keeps_its_verdict_until_a_look_says_otherwise(self, world: World) -> None:
        world.seen[A] = down("no answer")
        watcher = watching(world)
        run(world, watcher, 400)
        world.adopt(policy(check(address=B), version="2"))
        run(world, watcher, 400)
        assert world.told() == [("web01/ssh", Verdict.DOWN), ("web01/ssh", Verdict.UP)]
        assert world.looks[-1][1] == B

    def test_a_fault_of_a_check_that_changed_keeps_its_beginning_and_needs_new_evidence(self, world: World) -> None:
        world.seen = {A: down("no answer"), B: down("no answer")}
        watcher = watching(world)
        run(world, watcher, 400)
        world.adopt(policy(check(address=B), version="2"))
        run(world, watcher, 400)
        before, after = world.changes
        assert after.fault_at_s == before.fault_at_s
        assert after.evidence_since_s == after.at_s

    def test_the_same_check_keeps_its_turn(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 700)
        gaps = len(world.changes)
        world.adopt(policy(check(), check("http", B), version="2"))
        run(world, watcher, 700)
        turns = [at_s for at_s, address in world.looks if address == A]
        assert {round(later - sooner) for sooner, later in pairwise(turns[1:])} == {300}
        assert len(world.changes) == gaps + 1  # the new one


class TestStoreAway:
    def test_changes_wait_and_come_in_order(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 400)
        world.away = True
        world.seen[A] = down("no answer")
        run(world, watcher, 400)
        world.seen[A] = up()
        run(world, watcher, 400)
        assert len(world.changes) == 1
        world.away = False
        run(world, watcher, AWAY_S + 0.3)
        assert world.told()[1:] == [("web01/ssh", Verdict.DOWN), ("web01/ssh", Verdict.UP)]

    def test_news_that_came_meanwhile_are_not_lost(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 1)
        world.adopt(policy(check("http", B), version="2"))

        def away() -> Policy | None:
            raise DeskAway("between the bell and the answer")

        world.policy = away  # type: ignore[method-assign]  # fails once, after the bell was heard
        watcher.turn()
        while world.news:
            watcher.turn()
        del world.policy  # the class's own again
        run(world, watcher, 20)
        assert world.looks[-1][1] == B

    def test_the_memory_of_changes_is_bounded(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 400)
        world.away = True
        watcher._changes = [*world.changes] * (MAX_UNWRITTEN + 1)
        with pytest.raises(DeskAway):
            run(world, watcher, 5)


class TestProcess:
    def test_beats(self, world: World) -> None:
        run(world, watching(world), 60)
        assert [later - sooner for (sooner, _), (later, _) in pairwise(world.beats)] == pytest.approx(
            [BEAT_S] * (len(world.beats) - 1), abs=0.25
        )
        assert len(world.beats) >= 12

    def test_says_how_late_its_looks_were(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 400)
        world.sleep(1000)
        run(world, watcher, 6)
        assert 700_000 <= max(lag for _, lag in world.beats) <= 1_000_000  # a look was due within 300 s, and 1000 were slept

    def test_idle_it_wakes_a_few_times_a_second(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 400)
        turns, end_s = 0, world.boot_s + 10
        while world.boot_s < end_s:
            watcher.turn()
            turns += 1
        assert turns <= 60

    def test_stops_when_told_and_leaves_nothing_unwritten(self, world: World) -> None:
        class AfterFirstLook:
            def is_set(self) -> bool:
                return bool(world.looks and not world.under_way)

        watching(world).run(AfterFirstLook())
        assert world.told() == [("web01/ssh", Verdict.UP)]
        assert world.closed


class TestSilence:
    """C52: who is not heard of for too long is given up as blind, and must notice that itself."""

    @pytest.fixture
    def slow(self, world: World) -> World:
        """Looked at every hour: what happens within a minute is no gap of its own."""
        world.adopt(policy(check(interval_s=3600.0)))
        world.seen[A] = down("no answer")
        return world

    def told_down(self, world: World) -> Watcher:
        watcher = watching(world)
        run(world, watcher, 100)
        assert world.told() == [("web01/ssh", Verdict.DOWN)]
        return watcher

    def test_a_watcher_that_stood_still_looks_again_and_its_evidence_begins_anew(self, slow: World) -> None:
        watcher = self.told_down(slow)
        slow.sleep(SILENT_S + 1)
        run(slow, watcher, 1)
        first, again = slow.changes
        assert again.verdict is Verdict.DOWN
        assert again.fault_at_s == first.fault_at_s
        assert again.evidence_since_s == again.at_s

    def test_so_does_one_whose_store_was_away(self, slow: World) -> None:
        watcher = self.told_down(slow)
        slow.away = True
        run(slow, watcher, SILENT_S + BEAT_S + 1)
        slow.away = False
        run(slow, watcher, 10)
        assert len(slow.changes) == 2

    def test_a_shorter_silence_is_none(self, slow: World) -> None:
        watcher = self.told_down(slow)
        slow.sleep(SILENT_S - BEAT_S - 1)
        run(slow, watcher, 30)
        assert len(slow.changes) == 1


class TestSamples:
    """P10: every look is handed over for the record, whatever it means and whether the store is there."""

    @pytest.mark.parametrize("sight", [up(), down("no answer"), unknown("no route")], ids=str)
    def test_each_look_is_handed_over_once_and_soon(self, world: World, sight: Observation) -> None:
        world.adopt(policy(check(profile="rapid")))
        world.seen[A] = sight
        watcher = watching(world)
        run(world, watcher, 200)
        world.away = True
        run(world, watcher, 200)
        handed = [seen for seens in world.kept for seen in seens]
        assert len(handed) == len(world.looks) >= 6
        began_s = world.at_s - world.boot_s
        assert [at_s for _, at_s, _ in handed] == pytest.approx([began_s + boot_s for boot_s, _ in world.looks], abs=0.02)
        assert {(name, saw) for name, _, saw in handed} == {("web01/ssh", sight._replace(latency_ms=10.0))}

    def test_the_last_ones_are_handed_over_at_the_end(self, world: World) -> None:
        watcher = watching(world)
        run(world, watcher, 400)
        watcher._seen = [("web01/ssh", 1.0, up())]
        ended = Event()
        ended.set()
        watcher.run(ended)
        assert world.kept[-1] == [("web01/ssh", 1.0, up())]


class TestParents:
    """C53: whether a switch is down is known in time."""

    @pytest.fixture
    def behind(self) -> World:
        made = World()
        made.adopt(behind_a_switch(check()))
        return made

    def test_it_is_looked_at_as_soon_as_something_behind_it_fails(self, behind: World) -> None:
        watcher = watching(behind)
        run(behind, watcher, 700)
        while behind.looks[-1][1] != B:  # the host's turn comes first
            watcher.turn()
        run(behind, watcher, 1)
        behind.seen = {A: down("no answer"), B: down("no answer")}
        before = len(behind.looks)
        run(behind, watcher, 400)
        (failed_s, first), (asked_s, second), *_ = behind.looks[before:]
        assert (first, second) == (A, B)
        assert asked_s - failed_s < 0.5
        own, parents = behind.changes[-2:]
        assert (own.check, parents.check) == ("web01/ssh", "switch/ping")
        assert parents.at_s - own.at_s < 0.5, "confirmed likewise (C1)"

    def test_one_that_was_up_a_moment_before_is_looked_at_again(self, behind: World) -> None:
        watcher = watching(behind)
        run(behind, watcher, 700)
        behind.ask("switch/ping")
        while behind.looks[-1][1] != B:
            watcher.turn()
        run(behind, watcher, 0.3)
        behind.seen = {A: down("host unreachable"), B: down("no answer")}
        behind.ask("web01/ssh")
        before = len(behind.looks)
        run(behind, watcher, 3)
        assert [address for _, address in behind.looks[before:]] == [A, B]

    def test_one_that_is_up_is_asked_once_for_all_that_fails_together(self, behind: World) -> None:
        many = [check(f"ssh{number}") for number in range(50)]
        behind.adopt(behind_a_switch(*many))
        watcher = watching(behind)
        run(behind, watcher, 700)
        behind.seen[A] = down("connection refused")
        before = len(behind.looks)
        behind.ask(*[item.id for item in many])
        run(behind, watcher, 1)
        assert [address for _, address in behind.looks[before:]].count(B) == 1


def behind_a_switch(*checks: Check) -> Policy:
    made = policy(*checks)
    ping = replace(checks[0], id="switch/ping", host="switch", address=B, kind="ping", fault_class=FaultClass.SERVER)
    switch = replace(made.hosts["web01"], id="switch", checks=(ping,))
    return replace(made, hosts={"switch": switch, "web01": replace(made.hosts["web01"], parent="switch")})


class TestSpreading:
    """Many checks share their interval as evenly as chance has it, always the same way, whatever this process has been through."""

    MANY = 600
    INTERVAL_S = 60.0

    @pytest.fixture
    def many(self, world: World) -> World:
        checks = [check(f"c{number}", interval_s=self.INTERVAL_S) for number in range(self.MANY)]
        world.adopt(policy(*checks))
        world.last_known = {one.id: Known(Verdict.UP, None) for one in checks}
        return world

    def test_looks_are_spread_over_the_interval(self, many: World) -> None:
        run(many, watching(many), self.INTERVAL_S)
        assert len(many.looks) == pytest.approx(self.MANY, abs=2)
        assert self._most_in_a_second(many) < 3 * self.MANY / self.INTERVAL_S

    def test_after_a_restart_they_have_the_same_turns(self, many: World) -> None:
        watcher = watching(many)
        run(many, watcher, self.INTERVAL_S)
        before, many.looks = many.looks, []
        run(many, watching(many), self.INTERVAL_S)
        assert [at_s % self.INTERVAL_S for at_s, _ in sorted(many.looks)][:50] == pytest.approx(
            [at_s % self.INTERVAL_S for at_s, _ in sorted(before)][:50], abs=0.2
        )

    @pytest.mark.parametrize("stood_s", [20.0, 55.0, 3600.0])
    def test_what_was_missed_is_not_caught_up(self, many: World, stood_s: float) -> None:
        watcher = watching(many)
        run(many, watcher, self.INTERVAL_S)
        many.looks.clear()
        many.sleep(stood_s)
        run(many, watcher, self.INTERVAL_S)
        assert self._most_in_a_second(many) < MISSED_S * 3 * self.MANY / self.INTERVAL_S
        assert len(many.looks) <= self.MANY + MISSED_S * 3 * self.MANY / self.INTERVAL_S

    def test_a_watcher_that_is_always_late_misses_no_check_twice(self, many: World) -> None:
        """Though the machine is too slow for all of them, each has its turn at last."""
        watcher = watching(many)
        run(many, watcher, self.INTERVAL_S)
        many.looks.clear()
        many.adopt(policy(*[check(f"c{number}", f"192.0.2.{number + 10}", interval_s=self.INTERVAL_S) for number in range(9)]))
        many.seen |= {f"192.0.2.{number + 10}": up() for number in range(9)}
        for _ in range(20):
            many.sleep(self.INTERVAL_S - many.boot_s % self.INTERVAL_S + 30)
            run(many, watcher, 0.5)
        assert {address for _, address in many.looks} >= {f"192.0.2.{number + 10}" for number in range(9)}

    def test_what_failed_is_looked_at_at_once(self, many: World) -> None:
        many.last_known = {**many.last_known, "web01/c7": Known(Verdict.DOWN, 5.0)}
        many.seen[B] = down("no answer")
        many.adopt(policy(check("c7", B, interval_s=self.INTERVAL_S), version="2"))
        watcher = watching(many)
        run(many, watcher, self.INTERVAL_S)
        run(many, watcher, phase_s("web01/c7", self.INTERVAL_S) + self.INTERVAL_S - many.boot_s % self.INTERVAL_S - 1)
        many.looks.clear()
        many.sleep(20)
        run(many, watcher, 1.0)
        assert [address for _, address in many.looks] == [B]

    @staticmethod
    def _most_in_a_second(world: World) -> int:
        seconds = [int(at_s) for at_s, _ in world.looks]
        return max(map(seconds.count, set(seconds)))
