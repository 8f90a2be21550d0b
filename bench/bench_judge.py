"""What an unchanged verdict costs in the watcher: from "a look has landed" to "its next turn is on the wheel"."""

import time
from collections.abc import Iterator

from bench import Figure
from domain.checks import PROFILES
from domain.model import Check, FaultClass, Level
from domain.observation import Observation, Verdict
from store.clock import SystemClock
from watch.watched import watched
from watch.watcher import Watcher

LIMIT_US = 5.0
CHECKS = 1000
LOOKS = 40_000
ROUNDS = 5


def figures() -> Iterator[Figure]:
    # nothing is written and nothing is carried out on this path, so that neither desk nor driver is needed
    watcher = Watcher(None, None, SystemClock(), str)  # type: ignore[arg-type]
    items = [watched(_check(f"host{number}"), None, str) for number in range(CHECKS)]
    seen = Observation(Verdict.UP, "", None, 1.0)
    for item in items:
        watcher._landed(item, seen)  # the first look of each is news
    best_s = float("inf")
    for _ in range(ROUNDS):
        begun_s = time.process_time()
        for number in range(LOOKS):
            watcher._landed(items[number % CHECKS], seen)
        best_s = min(best_s, time.process_time() - begun_s)
    yield Figure("unchanged verdict in the watcher", best_s / LOOKS * 1e6, LIMIT_US, "µs", "judged, and its next turn on the wheel")


def _check(host: str) -> Check:
    standard = PROFILES["standard"]
    return Check(
        f"{host}/ping",
        host,
        "ping",
        "192.0.2.1",
        Level.UNREACHABLE,
        FaultClass.SERVER,
        standard.interval_s,
        5.0,
        standard.confirmation,
    )
