"""Our own looks, as the watcher makes them: through the driver, all at once or at a given rate."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from bench.cost import Cost
from bench.tiny_datagrams import COMMUNITY, COUNTERS, STEP
from domain.observation import Observation, Verdict, down, up
from probes import PROBES
from probes.reading import Get
from probes.spec import Dialogue, Talk, Target
from store.clock import SystemClock
from watch.driver import Driver
from watch.memory import settle_down
from watch.snmp.message import Access, Version
from watch.snmp.poll import Agent, Found, poll
from watch.snmp.user import Engines
from watch.wheel import Wheel

TIMEOUT_S = 10.0
TEN = [Get(oid, "octets") for oid in COUNTERS]

Start = Callable[[], Dialogue]


def looks(kind: str, addresses: Sequence[str], options: Mapping[str, object], count: int) -> list[Start]:
    """So many of that kind, one address after the other."""
    spec = PROBES[kind]
    way = spec.way
    if not isinstance(way, Talk):
        raise TypeError(f"{kind} is no dialogue")
    targets = [Target(address, spec.complete(options), str) for address in addresses]
    return [partial(way.start, targets[number % len(targets)]) for number in range(count)]


def gets_of_ten(addresses: Sequence[str], port: int, count: int) -> list[Start]:
    """Sessions with an SNMP agent as readings have them: ten values of each."""
    access, engines = Access(Version.V2C, COMMUNITY.encode()), Engines()
    agents = [Agent(address, port, lambda: access, engines) for address in addresses]
    return [partial(_ten, agents[number % len(agents)]) for number in range(count)]


def _ten(agent: Agent) -> Dialogue:
    found: Found = {}
    seen = yield from poll(agent, TEN, found)
    right = len(found) == len(TEN) and all(
        isinstance(value := found[item], int) and value // STEP == place for place, item in enumerate(TEN, 1)
    )
    return seen if right or seen.verdict is not Verdict.UP else down(f"{found} is not right")


def burst(starts: Sequence[Start]) -> Cost:
    """As fast as it goes."""
    driver, seen = Driver(SystemClock()), list[Observation]()
    settle_down()
    begun_s, begun_cpu_s = time.monotonic(), time.process_time()
    for start in starts:
        driver.look(start, TIMEOUT_S, seen.append)
    while len(seen) < len(starts):
        driver.turn(0.05)
    return _cost(driver, seen, begun_s, begun_cpu_s)


def paced(starts: Sequence[Start], rate_s: float) -> Cost:
    """So many a second, each in its slot of the wheel."""
    clock = SystemClock()
    driver, wheel, seen = Driver(clock), Wheel[int](), list[Observation]()
    first_s = clock.boottime_s() + 0.1
    for number in range(len(starts)):
        wheel.put(number, first_s + number / rate_s)
    settle_down()
    begun_s, begun_cpu_s = time.monotonic(), time.process_time()
    while len(seen) < len(starts):
        wishes = [at_s for at_s in (wheel.next_s(), driver.next_s()) if at_s is not None]
        driver.turn(max(0.0, min(wishes) - clock.boottime_s()))
        for number, _ in wheel.due(clock.boottime_s()):
            driver.look(starts[number], TIMEOUT_S, seen.append)
    return _cost(driver, seen, begun_s, begun_cpu_s)


def _cost(driver: Driver, seen: Sequence[Observation], begun_s: float, begun_cpu_s: float) -> Cost:
    cost = Cost(len(seen), time.process_time() - begun_cpu_s, time.monotonic() - begun_s)
    driver.close()
    bad = [one for one in seen if one.verdict is not up().verdict]
    if bad:
        raise RuntimeError(f"{len(bad)} of {len(seen)} looks failed, the first with: {bad[0].detail}")
    return cost
