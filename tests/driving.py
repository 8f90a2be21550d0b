"""Carries single looks out over real sockets. As a program (in a namespace, for instance) it prints what it saw, as JSON."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from probe_talk import look, target

from domain.observation import Observation, Verdict
from probes import PROBES
from probes.spec import Call
from store.clock import SystemClock
from watch.driver import Driver


def see(kind: str, given: Mapping[str, object], address: str = "127.0.0.1", timeout_s: float = 10.0) -> Observation:
    """What a check of this kind sees there."""
    driver = Driver(SystemClock())
    found: list[Observation] = []
    spec = PROBES[kind]
    wanted = target(kind, given, address)
    way = spec.shape(wanted.options)
    if isinstance(way, Call):
        driver.call(partial(way.look, wanted), timeout_s, found.append)
    else:
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


def inside(setup: str, *looks: Mapping[str, Any]) -> list[Observation]:
    """The same looks in a network namespace of their own; what ``setup`` starts there ends with them. Their limits stay there."""
    argv = ["unshare", "--net", "--pid", "--fork", "--kill-child", "sh", "-ec", f'ip link set lo up; {setup}; exec "$@"', "sh"]
    argv += [sys.executable, __file__, json.dumps([{"given": {}, **one} for one in looks])]
    tests = Path(__file__).parent
    done = subprocess.run(
        argv, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": f"{tests.parent}:{tests}"}
    )
    assert done.returncode == 0, done.stderr
    return [Observation(Verdict(one[0]), *one[1:]) for one in map(json.loads, done.stdout.splitlines())]


def _once_up(within_s: float = 0.0, **wanted: Any) -> Observation:
    """What is seen at last: the first that is up, or the first after so long."""
    deadline_s = time.monotonic() + within_s
    while (seen := see(**wanted)).verdict is not Verdict.UP and time.monotonic() < deadline_s:
        time.sleep(0.1)
    return seen


if __name__ == "__main__":
    for wanted in json.loads(sys.argv[1]):
        print(json.dumps(_once_up(**wanted)[:4]))
