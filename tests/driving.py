"""Carries single looks out over real sockets. As a program (in a namespace, for instance) it prints what it saw, as JSON."""

import json
import sys
from collections.abc import Mapping

from probe_talk import look

from domain.observation import Observation
from store.clock import SystemClock
from watch.driver import Driver


def see(kind: str, given: Mapping[str, object], address: str = "127.0.0.1", timeout_s: float = 10.0) -> Observation:
    """What a check of this kind sees there."""
    driver = Driver(SystemClock())
    found: list[Observation] = []
    driver.look(lambda: look(kind, given, address), timeout_s, found.append)
    try:
        until(driver, found)
    finally:
        driver.close()
    return found[0]


def until(driver: Driver, found: list[Observation], count: int = 1) -> None:
    """Turn until so many looks have landed."""
    while len(found) < count:
        driver.turn(0.05)


if __name__ == "__main__":
    for wanted in json.loads(sys.argv[1]):
        print(json.dumps(see(**wanted)))
