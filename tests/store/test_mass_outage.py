"""Many hosts falling together: nothing is switched, one page, and every customer is told (R26). No sockets, a clock by hand."""

from collections import Counter, deque
from dataclasses import replace
from pathlib import Path

import pytest
from deciding import HOLDER, Deciding
from fleet import LEASE_S, NO_LIMITS, WAIT_OF_CONTRACT_S, ask_for_power, fleet
from hand_clock import HandClock
from sqlmodel import Session, col, select

from domain import events as ev
from domain import mass
from domain.commands import Message, Notify, Run
from domain.gate import PASSING, POWER_WINDOW_S
from domain.model import Host, Limits, MassOutage, Mode, Policy
from domain.observation import Verdict
from domain.pauses import Pause
from domain.reasons import Code
from domain.state import Incident
from engine.acting import LIMIT_PATIENCE_S
from engine.situation import state_of
from engine.stepping import follow
from engine.tick import Ticker
from store import inbox, journal, outbox, policies, segments
from store.codec import decode, encode
from store.db import Store
from store.tables import CommandRow, Decision, IncidentRow, UnreachableRow

SEGMENT = mass.of_segment("main")
SMALL = replace(NO_LIMITS, mass_outage=MassOutage(share=30, hosts=3, within_s=600, patience_s=3600))
"""Of ten hosts four are too many; three are not; it is over when two are left."""


class Fleet(Deciding):
    """An engine of many hosts, and somebody who performs its runs: each is one power action, which takes a minute."""

    def __init__(self, store: Store, clock: HandClock, home: Path, policy: Policy) -> None:
        super().__init__(store, clock, home, policy)
        self.policy = policy
        self.began_s = clock.boot_s
        self.orders = 0
        self.waiting: deque[tuple[Run, float]] = deque()
        self.under_way: dict[str, tuple[str, float]] = {}
        self.switched: list[tuple[float, str]] = []
        """When, and whose power."""
        self.refused: Counter[str] = Counter()
        self.most_at_once = 0

    def verdicts(self, hosts: list[str], verdict: Verdict = Verdict.DOWN) -> list[ev.VerdictChanged]:
        now_s = self.clock.at_s
        self.orders += 1
        since_s = now_s if verdict is Verdict.DOWN else None
        return [
            ev.VerdictChanged(
                id=f"{host}/{self.orders}", at_s=now_s, host=host, check=f"{host}/ping", verdict=verdict, fault_at_s=since_s,
                evidence_since_s=since_s, detail="no answer", order=self.orders,
            )
            for host in hosts
        ]  # fmt: skip

    def fall(self, *hosts: str) -> None:
        self.happens(*self.verdicts(list(hosts)))

    def rise(self, *hosts: str) -> None:
        self.happens(*self.verdicts(list(hosts), Verdict.UP))

    def passes(self, seconds: float, every_s: float = 30.0) -> None:
        """Time, in which timers fire and runs are performed."""
        for _ in range(int(seconds / every_s)):
            self.clock.sleep(every_s)
            self.decide()
            self._perform()

    def _perform(self) -> None:
        now_s = self.clock.boot_s
        with self.store.read() as session:
            rows = outbox.claimable(session, ["Run"], 0.0)
        for row in rows:
            if outbox.claim(self.store, row.key, "us", LEASE_S) is not None:
                self.waiting.append((decode(Run, row.payload), now_s))
        for host, (attempt, until_s) in list(self.under_way.items()):
            if now_s >= until_s:
                with self.store.write() as session:
                    journal.settle(session, attempt, "done", "", now_s)
                del self.under_way[host]
        for _ in range(len(self.waiting)):
            run, since_s = self.waiting.popleft()
            patient = now_s - since_s < LIMIT_PATIENCE_S
            assert outbox.renew(self.store, run.key, "us", LEASE_S)
            admission = ask_for_power(self.store, run, patient=patient)
            self.refused[admission.code] += 1
            if admission.attempt_id is not None:
                self.under_way[run.host] = (admission.attempt_id, now_s + 60)
                self.switched.append((now_s, run.host))
            elif patient and admission.code in PASSING:
                self.waiting.append((run, since_s))
            else:
                ended = ev.RunEnded(
                    id=f"{run.key}/ended", at_s=self.clock.at_s, host=run.host, run=run.key, outcome=ev.RunOutcome.REFUSED,
                    acted=False, by="us", code=str(admission.code),
                )  # fmt: skip
                with self.store.write() as session:
                    outbox.complete(session, run.key, "us", "refused", "", now_s)
                self.happens(ended)
        self.most_at_once = max(self.most_at_once, len(self.under_way))

    # what came of it

    def messages(self, *kinds: Message) -> list[Notify]:
        with self.store.read() as session:
            rows = session.exec(select(CommandRow).where(CommandRow.kind == "Notify").order_by(col(CommandRow.seq))).all()
        told = [decode(Notify, row.payload) for row in rows]
        return [item for item in told if item.message in kinds]

    def pages(self) -> list[tuple[str | None, str]]:
        return [(page.host, page.recipient) for page in self.messages(Message.PAGE)]

    def of(self, host: str) -> Incident | None:
        with self.store.read() as session:
            return state_of(session, host).incident

    @property
    def outage(self) -> Incident | None:
        return self.of(SEGMENT)

    def lost(self) -> list[str]:
        with self.store.read() as session:
            return sorted(session.exec(select(UnreachableRow.host)))

    def codes_of(self, host: str) -> list[str]:
        with self.store.read() as session:
            rows = session.exec(select(Decision).where(Decision.host == host).order_by(col(Decision.seq))).all()
        return [item["code"] for row in rows for item in row.reasons]


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def one_store(tmp_path: Path, clock: HandClock) -> Store:
    store = Store(f"sqlite:///{tmp_path}/state.db", clock)
    store.migrate()
    return store


@pytest.fixture
def ten(one_store: Store, clock: HandClock, tmp_path: Path) -> Fleet:
    return Fleet(one_store, clock, tmp_path, fleet(10, limits=SMALL))


def names(*numbers: int) -> list[str]:
    return [f"srv{number:03}" for number in numbers]


def test_two_hundred_hosts_that_fall_together(one_store: Store, clock: HandClock, tmp_path: Path) -> None:
    """By the limits that hold where nothing is configured."""
    world = Fleet(one_store, clock, tmp_path, fleet(200, customers=20, parents=10, limits=Limits()))
    world.fall(*world.policy.hosts)
    world.passes(WAIT_OF_CONTRACT_S + 600, every_s=300)
    assert world.switched == []
    assert world.pages() == [(SEGMENT, "first"), (SEGMENT, "second"), (SEGMENT, "first")], "one matter, until one has it"
    outage = world.outage
    assert outage is not None
    world.happens(ev.Acknowledged(id="ack", at_s=clock.at_s, incident=outage.id, host=SEGMENT, by="first"))
    world.passes(3600, every_s=600)
    assert world.switched == []
    assert len(world.pages()) == 3, "also when it lasts"
    faults = world.messages(Message.FAULT)
    assert sorted({str(mail.host) for mail in faults}) == sorted(world.policy.hosts)
    said = Counter(str(mail.facts["next"]) for mail in faults)
    assert said == {"recover_after_wait": 41, "mass_outage": 159}, "the first are told before anybody can know"


def test_just_below_the_threshold_the_limits_hold(one_store: Store, clock: HandClock, tmp_path: Path) -> None:
    world = Fleet(one_store, clock, tmp_path, fleet(200, customers=20, parents=10, limits=Limits()))
    limits = world.policy.limits.power
    world.fall(*list(world.policy.hosts)[:40])
    world.passes(WAIT_OF_CONTRACT_S + 1200, every_s=100)
    assert world.outage is None
    assert limits.overall.at_once >= world.most_at_once > 0
    for at_s, _ in world.switched:
        window = [host for other_s, host in world.switched if at_s <= other_s < at_s + POWER_WINDOW_S]
        hosts = [world.policy.hosts[host] for host in window]
        assert len(window) <= limits.overall.per_10min
        assert max(Counter(host.customer for host in hosts).values()) <= limits.customer.per_10min
        assert max(Counter(host.parent for host in hosts).values()) <= limits.parent.per_10min
    assert len(world.switched) > limits.overall.per_10min, "they go on when there is room"
    assert world.refused[Code.GATE_POWER_RATE] > 0
    in_vain = [page.host for page in world.messages(Message.PAGE) if page.facts["reason"] in PASSING]
    switched = {host for _, host in world.switched}
    assert {*in_vain} | switched == {*list(world.policy.hosts)[:40]}, "people have what waited in vain"
    assert not {*in_vain} & switched


def test_it_begins_with_one_too_many(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3))
    assert ten.pages() == []
    ten.fall("srv004")
    assert ten.outage is not None
    assert ten.pages() == [(SEGMENT, "first")]
    page = ten.messages(Message.PAGE)[0]
    assert (page.facts["label"], page.facts["detail"], page.facts["reason"]) == ("main", "4/10", Code.MASS_OUTAGE)
    with ten.store.read() as session:
        row = session.get(IncidentRow, ten.outage.id)
    assert row is not None
    assert (row.host, row.phase, row.level) == (SEGMENT, "handed", 5)


def test_those_that_were_lost_long_ago_do_not_count(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3))
    ten.clock.sleep(600)
    ten.fall("srv004")
    assert ten.outage is None
    ten.fall(*names(5, 6))
    assert ten.outage is None
    ten.fall("srv007")
    assert ten.outage is not None


def test_another_segment_is_none_of_it(one_store: Store, clock: HandClock, tmp_path: Path) -> None:
    policy = fleet(20, limits=SMALL)
    hosts = {
        name: replace(host, segment="east" if number < 10 else "west") for number, (name, host) in enumerate(policy.hosts.items())
    }
    world = Fleet(one_store, clock, tmp_path, replace(policy, hosts=hosts))
    world.fall(*names(1, 2, 11, 12, 3, 13))
    world.fall("srv004")
    assert world.of(mass.of_segment("east")) is not None
    assert world.of(mass.of_segment("west")) is None
    world.passes(WAIT_OF_CONTRACT_S + 60)
    assert {host for _, host in world.switched} == set(names(11, 12, 13))


def test_a_pause_is_no_outage(ten: Fleet) -> None:
    """R51: what is down on purpose."""
    hour = Pause("work", "2025-06-15T15:00", 3600.0, "UTC", customer="c1")
    ten.happens(ev.PauseSet(id="p", at_s=ten.clock.at_s, pause=hour, by="first"))
    ten.fall(*names(1, 2, 3, 4, 5))
    assert (ten.outage, ten.lost()) == (None, [])


def test_what_people_do_on_purpose_stays_possible(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3, 4))
    now_s = ten.clock.at_s
    ten.happens(ev.RunRequested(id="asked", at_s=now_s, host="srv001", runbook="power-cycle", by="first"))
    ten.passes(60)
    assert [host for _, host in ten.switched] == ["srv001"]


def test_when_enough_are_back_the_rest_is_judged_again(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3, 4))
    ten.passes(WAIT_OF_CONTRACT_S + 60)
    assert ten.switched == []
    assert Code.GATE_MASS_OUTAGE in ten.codes_of("srv001")
    ten.rise("srv004")
    assert Code.MASS_OUTAGE_OVER not in ten.codes_of(SEGMENT), "one that is back is not enough"
    ten.rise("srv003")
    assert ten.outage is None
    over = [notice for notice in ten.messages(Message.NOTICE) if notice.facts["reason"] == Code.MASS_OUTAGE_OVER]
    assert [notice.recipient for notice in over] == ["first", "second"]
    ten.passes(60)
    assert sorted(host for _, host in ten.switched) == names(1, 2), "whose wait is over by now"
    assert {host for host, _ in ten.pages()} == {SEGMENT}


def test_what_lasts_too_long_is_left_to_people(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3, 4))
    ten.passes(3600 + 60, every_s=60)
    assert Code.GATE_MASS_OUTAGE_LONG in ten.codes_of("srv001")
    assert {host for host, _ in ten.pages()} == {SEGMENT}, "the outage is still the one matter"
    ten.rise(*names(3, 4))
    ten.passes(60)
    assert ten.switched == [], "people have them"
    assert {host for host, _ in ten.pages()} == {SEGMENT, "srv001", "srv002"}


def test_a_run_that_is_out_meets_it_too(ten: Fleet) -> None:
    """The first are due when the others fall: their runs have begun, and their power step is not admitted."""
    ten.fall("srv001")
    ten.clock.sleep(WAIT_OF_CONTRACT_S)
    ten.decide()
    incident = ten.of("srv001")
    assert incident is not None
    assert incident.run is not None
    ten.fall(*names(2, 3, 4, 5))
    ten.passes(120)
    assert ten.switched == []
    assert ten.refused == {Code.GATE_MASS_OUTAGE: 1}
    after = ten.of("srv001")
    assert after is not None
    assert after.refused is Code.GATE_MASS_OUTAGE, "held back, and not given up"


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.OFF])
def test_where_automation_may_not_act_nobody_is_paged_for_each_host_either(
    one_store: Store, clock: HandClock, tmp_path: Path, mode: Mode
) -> None:
    world = Fleet(one_store, clock, tmp_path, fleet(10, limits=SMALL, mode=mode))
    world.fall(*world.policy.hosts)
    world.passes(600)
    assert {host for host, _ in world.pages()} == {*names(1, 2, 3, 4), SEGMENT}, "the first are told before anybody can know"


def test_an_engine_that_is_killed_pages_once(ten: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was found is decided with what brought it about, or not at all."""
    ten.told(*ten.verdicts(names(1, 2, 3, 4)))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    mark_decided, decided = inbox.mark_decided, 0

    def until_the_last(session: Session, seq: int) -> None:
        nonlocal decided
        decided += 1
        mark_decided(session, seq) if decided < 4 else killed()

    monkeypatch.setattr(inbox, "mark_decided", until_the_last)
    with pytest.raises(KeyboardInterrupt):
        ten.decide()
    monkeypatch.undo()
    assert (ten.outage, ten.pages(), ten.lost()) == (None, [], names(1, 2, 3))
    ten.ticker = Ticker(ten.context, HOLDER)
    ten.decide()
    assert ten.pages() == [(SEGMENT, "first")]
    ten.passes(300, every_s=60)
    assert ten.pages() == [(SEGMENT, "first")]


def test_a_clock_that_is_set_neither_begins_nor_ends_one(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3))
    ten.clock.sleep(500)
    ten.clock.at_s -= 86_400
    follow(ten.context, HOLDER)
    ten.clock.sleep(101)
    ten.fall("srv004")
    assert ten.outage is None
    ten.fall(*names(5, 6, 7))
    ten.passes(1800)
    ten.clock.at_s += 86_400
    ten.passes(1700)
    assert Code.GATE_MASS_OUTAGE_LONG not in ten.codes_of("srv007")
    ten.passes(200)
    assert Code.GATE_MASS_OUTAGE_LONG in ten.codes_of("srv007")


def _without(hosts: list[str]) -> Policy:
    policy = fleet(10, limits=SMALL)
    kept: dict[str, Host] = {name: host for name, host in policy.hosts.items() if name not in hosts}
    return replace(policy, version="2", hosts=kept)


def test_hosts_that_leave_the_inventory_leave_the_outage(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3, 4))
    after = _without(names(1, 2, 3))
    with ten.store.write() as session:
        policies.accept(session, after.version, encode(after), "test", ten.clock.at_s)
    changed = [
        ev.PolicyChanged(id=f"policy/{host}", at_s=ten.clock.at_s, host=host, version="2") for host in [SEGMENT, *names(1, 2, 3, 4)]
    ]
    ten.happens(*changed)
    assert ten.lost() == ["srv004"]
    assert ten.outage is None


def test_it_counts_what_holds_until_until_is_known(ten: Fleet) -> None:
    ten.fall(*names(1, 2, 3, 4))
    with ten.store.read() as session:
        policy = policies.current(session)
        assert policy is not None
        assert segments.outage_until_s(session, policy, "main") == ten.clock.at_s + 3600
        assert segments.outage_until_s(session, policy, "other") is None
