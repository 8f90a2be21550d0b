"""What a check costs, all in: the driver, the probe and the system, against a small server of its own on loopback.

The limits are a third of what blackbox_exporter takes on a machine of two cores (357 µs a banner, 588 µs a page, 345 µs a ping).
"""

import time
from collections.abc import Iterator

from bench import Figure, tiny
from domain.observation import Observation, Verdict
from probes import PROBES
from probes.spec import Talk, Target
from store.clock import SystemClock
from watch.driver import Driver

LOOKS = 6000
AT_ONCE = 200


def figures() -> Iterator[Figure]:
    with tiny.banner() as port:
        yield _figure("ssh", {"port": port}, 119.0)
    with tiny.page() as port:
        yield _figure("url", {"url": f"http://127.0.0.1:{port}/", "redirects": 0, "contains": tiny.NEEDLE}, 196.0)
    yield _figure("ping", {}, 115.0)


def _figure(kind: str, options: dict[str, object], limit_us: float) -> Figure:
    spent_us = _cpu_s(kind, options) / LOOKS * 1e6
    return Figure(f"a {kind} check", spent_us, limit_us, "µs", f"{1000 / spent_us:.1f}k per CPU-second, user and system")


def _cpu_s(kind: str, options: dict[str, object]) -> float:
    spec = PROBES[kind]
    way = spec.way
    if not isinstance(way, Talk):
        raise SystemExit(f"{kind} is no dialogue")
    target = Target("127.0.0.1", spec.complete(options), str)
    driver = Driver(SystemClock(), at_once=AT_ONCE)
    seen: list[Observation] = []
    begun_s = time.process_time()
    for _ in range(LOOKS):
        driver.look(lambda: way.start(target), 10.0, seen.append)
    while len(seen) < LOOKS:
        driver.turn(0.05)
    spent_s = time.process_time() - begun_s
    driver.close()
    bad = [one for one in seen if one.verdict is not Verdict.UP]
    if bad:
        raise SystemExit(f"{kind}: {len(bad)} looks failed, the first with: {bad[0].detail}")
    return spent_s
