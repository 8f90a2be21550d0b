"""A small world for the watcher: a clock that is moved by hand, and every address answers as the test says."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hand_clock import HandClock

from domain.checks import PROFILES
from domain.commands import Look
from domain.events import VerdictChanged, WatcherCutOff
from domain.model import Brand, Check, Contract, Customer, FaultClass, Host, Level, OnCall, Policy, Segment
from domain.observation import Observation, Verdict, up
from probes.spec import Connect, Dialogue, Echo, Heard
from watch.desk import DeskAway, Known, Looked, Seen
from watch.watcher import Watcher

START_S = 1_800_000_000.0
A, B = "192.0.2.1", "192.0.2.2"


@dataclass
class World(HandClock):
    """Clock, driver and desk in one: ``seen`` is what a look at an address sees, ``takes_s`` how long it takes."""

    at_s: float = START_S
    boot_s: float = 1000.0
    seen: dict[str, Observation] = field(default_factory=lambda: {A: up(), B: up()})
    takes_s: dict[str, float] = field(default_factory=dict)
    under_way: list[tuple[float, str, Callable[[Observation], None]]] = field(default_factory=list)
    looks: list[tuple[float, str]] = field(default_factory=list)

    policy_now: Policy | None = None
    last_known: Mapping[str, Known] = field(default_factory=dict)
    said: dict[str, Sequence[Heard]] = field(default_factory=dict)
    orders: list[Look] = field(default_factory=list)
    away: bool = False
    news: bool = True
    written: list[VerdictChanged | WatcherCutOff | Looked] = field(default_factory=list)
    beats: list[tuple[float, float]] = field(default_factory=list)
    closed: bool = False
    kept: list[list[Seen]] = field(default_factory=list)

    # driver

    def look(self, start: Callable[[], Dialogue], timeout_s: float, landed: Callable[[Observation], None]) -> Any:
        wish = next(start())
        assert isinstance(wish, Connect | Echo)
        self.looks.append((self.boot_s, wish.address))
        flight = (self.boot_s + self.takes_s.get(wish.address, 0.01), wish.address, landed)
        self.under_way.append(flight)
        return flight

    def call(self, start: Callable[[], Awaitable[Observation]], timeout_s: float, landed: Callable[[Observation], None]) -> Any:
        raise AssertionError("nothing here is awaited")

    def give_up(self, flight: Any) -> None:
        self.under_way.remove(flight)

    def next_s(self) -> float | None:
        return min((at_s for at_s, _, _ in self.under_way), default=None)

    def turn(self, wait_s: float) -> None:
        self.sleep(wait_s)
        for flight in [flight for flight in self.under_way if flight[0] <= self.boot_s]:
            if flight not in self.under_way:
                continue  # another one's landing gave it up
            self.under_way.remove(flight)
            _, address, landed = flight
            landed(self.seen[address]._replace(latency_ms=self.takes_s.get(address, 0.01) * 1000))

    def close(self) -> None:
        self.closed = True

    # desk

    def keep(self, seen: list[Seen]) -> None:
        self.kept.append(seen)

    def rung(self) -> bool:
        self._check()
        news, self.news = self.news, False
        return news

    def policy(self) -> Policy | None:
        self._check()
        return self.policy_now

    def known(self) -> Mapping[str, Known]:
        return self.last_known

    def heard(self) -> Mapping[str, Sequence[Heard]]:
        return self.said

    def take_looks(self) -> Sequence[Look]:
        taken, self.orders = self.orders, []
        return taken

    def write(self, changes: Sequence[VerdictChanged | WatcherCutOff], looked: Sequence[Looked]) -> None:
        self._check()
        self.written += [*changes, *looked]

    def beat(self, lag_ms: float) -> None:
        self._check()
        self.beats.append((self.boot_s, lag_ms))

    def _check(self) -> None:
        if self.away:
            raise DeskAway("the test sent it away")

    # what tests ask

    def ask(self, *checks: str) -> str:
        key = f"look/{len(self.looks)}"
        self.orders.append(Look(key=key, incident=None, host="web01", checks=checks))
        self.news = True
        return key

    def adopt(self, policy: Policy) -> None:
        self.policy_now, self.news = policy, True

    @property
    def changes(self) -> list[VerdictChanged]:
        return [one for one in self.written if isinstance(one, VerdictChanged)]

    @property
    def answers(self) -> list[Looked]:
        return [one for one in self.written if isinstance(one, Looked)]

    def told(self) -> list[tuple[str, Verdict]]:
        return [(change.check, change.verdict) for change in self.changes]


def check(name: str = "ssh", address: str = A, profile: str = "standard", **changes: Any) -> Check:
    made = Check(
        id=f"web01/{name}",
        host="web01",
        kind="ssh",
        address=address,
        level=Level.SERVICE_DOWN,
        fault_class=FaultClass.SERVER,
        interval_s=PROFILES[profile].interval_s,
        timeout_s=10.0,
        confirmation=PROFILES[profile].confirmation,
    )
    return replace(made, **changes)


def policy(*checks: Check, version: str = "1", owner: str = "c", anchors: tuple[str, ...] = ()) -> Policy:
    host = Host(id="web01", label="web01", customer=owner, address=A, checks=checks)
    customer = Customer(owner, "Customer", (), Contract())
    segments = {"main": Segment("main", anchors)}
    return Policy(version, Brand("b", "b@example.com"), {owner: customer}, {"web01": host}, {}, OnCall(()), segments=segments)


def watching(world: World) -> Watcher:
    return Watcher(world, world, world, lambda reference: reference.name)


def run(world: World, watcher: Watcher, seconds: float) -> None:
    end_s = world.boot_s + seconds
    while world.boot_s < end_s:
        watcher.turn()
