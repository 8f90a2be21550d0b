"""Readings in the watcher: one session for all that is due of a host, and what becomes of each."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from readings import Offer, agent
from snmp_agent import COMMUNITY, FakeAgent
from watcher_world import A, B, World, check, policy, run, watching

from domain.commands import Look
from domain.model import Check, Secret, SnmpAccess
from domain.observation import Limit, Observation, Verdict, unknown
from probes import PROBES
from probes.conversation import Conversation
from probes.mib import (
    HR_PROCESSOR_LOAD,
    HR_STORAGE_DESCR,
    HR_STORAGE_SIZE,
    HR_STORAGE_UNITS,
    HR_STORAGE_USED,
    LA_LOAD_1,
    SYS_UP_TIME,
)
from probes.reading import Values
from probes.spec import Ask, Dialogue, SecretMissing
from watch.readings import Readings
from watch.watcher import Watcher

ACCESS = SnmpAccess("2c", Secret("env", COMMUNITY.decode()))
HEALTHY: Offer = {
    SYS_UP_TIME: 10**6, LA_LOAD_1: 50, HR_PROCESSOR_LOAD: [10, 20], HR_STORAGE_DESCR: [b"/", b"/var"], HR_STORAGE_UNITS: [4096] * 2,
    HR_STORAGE_SIZE: [1000, 1000], HR_STORAGE_USED: [500, 500],
}  # fmt: skip


@dataclass(eq=False)
class Flight:
    at_s: float
    start: Callable[[], Dialogue]
    timeout_s: float
    landed: Callable[[Observation], None]
    begun: bool = False


@dataclass
class Agents(World):
    """Every address has an agent; one that is not there is silent. A session begins with the next turn, as the driver does it."""

    agents: dict[str, FakeAgent] = field(default_factory=dict)
    flights: list[Flight] = field(default_factory=list)
    sessions: list[float] = field(default_factory=list)
    lasts_s: float = 0.05

    def look(self, start: Callable[[], Dialogue], timeout_s: float, landed: Callable[[Observation], None]) -> Any:
        flight = Flight(self.boot_s, start, timeout_s, landed)
        self.flights.append(flight)
        return flight

    def give_up(self, flight: Any) -> None:
        self.flights.remove(flight)

    def next_s(self) -> float | None:
        return min((flight.at_s for flight in self.flights), default=None)

    def turn(self, wait_s: float) -> None:
        for flight in [flight for flight in self.flights if not flight.begun]:
            flight.begun = True
            self.sessions.append(self.boot_s)
            self._begin(flight)
        self.sleep(max(0.0, min(wait_s, (self.next_s() or 1e12) - self.boot_s)))
        for flight in [flight for flight in self.flights if flight.begun and flight.at_s <= self.boot_s]:
            self.flights.remove(flight)
            flight.landed(flight.seen)  # type: ignore[attr-defined]  # set when it began

    def _begin(self, flight: Flight) -> None:
        conversation = Conversation(flight.start())
        try:
            step = conversation.begin()
        except SecretMissing as missing:
            step = unknown(str(missing))
        took_s = self.lasts_s
        while not isinstance(step, Observation):
            assert isinstance(step, Ask)
            asked = self.agents.get(step.address)
            step = conversation.answered(asked.answer(step.data)) if asked else conversation.too_late(flight.timeout_s)
            took_s = self.lasts_s if asked else flight.timeout_s
        flight.at_s = self.boot_s + took_s
        flight.seen = step._replace(latency_ms=took_s * 1000)  # type: ignore[attr-defined]  # for the turn above


def reading(kind: str, address: str = A, profile: str = "standard", host: str = "web01", **changes: Any) -> Check:
    spec = PROBES[kind]
    options = spec.in_profile(profile, changes.pop("options", {}))
    made = check(kind, address, profile, kind=kind, level=spec.level, fault_class=spec.fault_class, snmp=ACCESS, options=options)
    return replace(made, id=f"{host}/{changes.pop('name', kind)}", host=host, **changes)


@pytest.fixture
def world() -> Agents:
    made = Agents(agents={A: agent(HEALTHY)})
    made.adopt(policy(reading("cpu"), reading("load"), reading("disk"), reading("disk", name="var", options={"partition": "/var"})))
    return made


SILENT = "no answer of the SNMP agent within 10 s (it is silent to a wrong community, too)"


class TestSessions:
    def test_all_that_is_due_of_a_host_comes_in_one(self, world: Agents) -> None:
        run(world, watching(world), 3600)
        assert 12 <= len(world.sessions) <= 14
        assert len(world.agents[A].asked) == 2 * len(world.sessions), "one GET and one GETBULK each"
        assert world.told() == [(f"web01/{name}", Verdict.UP) for name in ("cpu", "load", "disk", "var")]
        assert all(change.latency_ms == 50.0 for change in world.changes)

    def test_checks_of_another_interval_meet_where_they_can(self, world: Agents) -> None:
        world.adopt(policy(reading("cpu", interval_s=60.0), reading("load"), reading("disk", interval_s=120.0)))
        watcher = watching(world)
        run(world, watcher, 600)
        before = len(world.sessions)
        run(world, watcher, 3600)
        assert len(world.sessions) - before == 60

    def test_the_repetition_of_all_that_fail_is_one_too(self, world: Agents) -> None:
        """C1."""
        watcher = watching(world)
        run(world, watcher, 400)
        world.agents.clear()
        before = len(world.sessions)
        run(world, watcher, 900)
        first, again, *_ = world.sessions[before:]
        assert again - first == pytest.approx(70, abs=0.2), "60 s after the 10 s of silence"
        faults = world.changes[4:]
        assert {(change.check, change.verdict, change.detail) for change in faults} == {
            (f"web01/{name}", Verdict.DOWN, SILENT) for name in ("cpu", "load", "disk", "var")
        }

    def test_never_two_of_a_host_at_a_time(self, world: Agents) -> None:
        """Not even by two addresses, or with different times to answer."""
        world.agents[B] = world.agents[A]
        world.lasts_s = 7.0
        slow = reading("cpu", B, name="six", interval_s=10.0)
        world.adopt(policy(reading("cpu", interval_s=10.0), slow, reading("load", timeout_s=20.0, interval_s=10.0)))
        watcher = watching(world)
        for _ in range(1000):
            watcher.turn()
            assert len(world.flights) <= 1
        assert {check for check, _ in world.told()} == {"web01/cpu", "web01/six", "web01/load"}

    def test_each_has_its_own_time_to_answer(self, world: Agents) -> None:
        world.agents.clear()
        world.adopt(policy(reading("load"), reading("cpu", timeout_s=4.0)))
        run(world, watching(world), 200)
        assert sorted((change.check, change.detail[:45], change.latency_ms) for change in world.changes) == [
            ("web01/cpu", "no answer of the SNMP agent within 4 s (it is", 4000.0),
            ("web01/load", "no answer of the SNMP agent within 10 s (it i", 10_000.0),
        ]

    def test_one_host_waits_for_no_other(self, world: Agents) -> None:
        other = policy(reading("load"), version="2").hosts["web01"]
        both = policy(reading("load"))
        two = replace(other, id="web02", address=B, checks=(reading("load", B, host="web02"),))
        world.adopt(replace(both, hosts={**both.hosts, "web02": two}))
        run(world, watching(world), 700)
        assert dict(world.told())["web01/load"] is Verdict.UP
        assert dict(world.told())["web02/load"] is Verdict.DOWN

    def test_a_secret_that_is_not_there_is_told_as_ours(self, world: Agents) -> None:
        def missing(_: Secret) -> str:
            raise SecretMissing("environment variable COMMUNITY is not set here")

        run(world, Watcher(world, world, world, missing), 30)
        assert [(change.verdict, change.detail) for change in world.changes] == [
            (Verdict.UNKNOWN, "environment variable COMMUNITY is not set here")
        ] * 4

    def test_v1_is_asked_in_v1(self, world: Agents) -> None:
        world.adopt(policy(reading("disk", snmp=replace(ACCESS, version="1"))))
        run(world, watching(world), 30)
        assert {asked.version for asked in world.agents[A].asked} == {0}
        assert world.told() == [("web01/disk", Verdict.UP)]


class TestJudging:
    def test_a_level_is_told_with_its_value(self, world: Agents) -> None:
        world.adopt(policy(reading("disk", profile="rapid")))
        world.agents[A] = agent({**HEALTHY, HR_STORAGE_USED: [835, 1]})
        run(world, watching(world), 400)
        (fault,) = world.changes
        assert (fault.verdict, fault.value, fault.limit) == (Verdict.DOWN, 83.5, Limit(fault.limit.level, ">", 80, "%"))  # type: ignore[union-attr]  # it has one
        assert fault.limit.level == 2  # type: ignore[union-attr]  # it has one

    def test_the_level_of_a_threshold_is_its_check_s(self, world: Agents) -> None:
        world.adopt(policy(reading("disk", level=4)))
        world.agents[A] = agent({**HEALTHY, HR_STORAGE_USED: [835, 1]})
        run(world, watching(world), 400)
        assert world.changes[-1].limit == Limit(4, ">", 80, "%")  # type: ignore[arg-type]  # Lv.4

    def test_nothing_to_judge_yet_leaves_what_was_known(self, world: Agents) -> None:
        """An agent that has just begun has no mean yet: that is neither a fault nor a recovery."""
        world.adopt(policy(reading("cpu")))
        watcher = watching(world)
        world.agents[A] = agent({**HEALTHY, HR_PROCESSOR_LOAD: [99]})
        run(world, watcher, 400)
        assert world.told() == [("web01/cpu", Verdict.DOWN)]
        world.agents[A] = agent({SYS_UP_TIME: 100})
        key = world.ask("web01/cpu")
        run(world, watcher, 700)
        assert world.told() == [("web01/cpu", Verdict.DOWN)]
        (answer,) = world.answers
        assert (answer.key, answer.seen["web01/cpu"].verdict) == (key, Verdict.UNKNOWN)

    def test_one_kind_s_mistake_costs_the_others_nothing(self, world: Agents) -> None:
        world.agents[A] = agent({**HEALTHY, HR_STORAGE_USED: [500, 500]})
        world.adopt(policy(reading("load"), reading("disk", options={"partition": None})))
        run(world, watching(world), 60)
        told = {change.check: change for change in world.changes}
        assert told["web01/load"].verdict is Verdict.UP
        assert told["web01/disk"].verdict is Verdict.UNKNOWN
        assert told["web01/disk"].detail.startswith("the check failed with ")


class TestGivingUp:
    def test_who_is_asked_for_now_is_in_a_new_session_and_the_others_stay_in_theirs(self, world: Agents) -> None:
        world.lasts_s = 2.0
        watcher = watching(world)
        while not world.sessions:
            watcher.turn()
        key = world.ask("web01/cpu")
        run(world, watcher, 1.5)
        assert world.answers == []
        run(world, watcher, 3)
        assert [answer.key for answer in world.answers] == [key]
        assert len(world.sessions) == 2
        assert {check for check, _ in world.told()} == {"web01/cpu", "web01/load", "web01/disk", "web01/var"}

    def test_a_session_that_nobody_waits_for_ends(self, world: Agents) -> None:
        world.lasts_s = 5.0
        watcher = watching(world)
        while not world.sessions:
            watcher.turn()
        world.adopt(policy(version="2"))
        run(world, watcher, 1)
        assert world.flights == []
        world.orders.append(Look(key="k", incident=None, host="web01", checks=("web01/cpu",)))
        run(world, watcher, 20)
        assert len(world.sessions) == 1

    def test_one_may_be_given_up_by_another_that_lands(self, world: Agents) -> None:
        readings, landed = Readings(world, lambda reference: reference.name), list[str]()

        def lands(_: Observation, values: Values) -> None:
            landed.append("first")
            readings.give_up(second)
            readings.look(reading("load"), [LA_LOAD_1], lambda *_: landed.append("third"))

        readings.look(reading("load"), [LA_LOAD_1], lands)
        second = readings.look(reading("cpu"), [HR_PROCESSOR_LOAD], lambda *_: landed.append("second"))
        for _ in range(5):
            world.turn(0.1)
        assert landed == ["first", "third"]

    def test_another_community_is_asked_with_at_once(self, world: Agents) -> None:
        watcher = watching(world)
        run(world, watcher, 30)
        world.adopt(policy(reading("load", snmp=replace(ACCESS, community=Secret("env", "other"))), version="2"))
        run(world, watcher, 310)
        assert world.agents[A].asked[-1].community == b"other"
