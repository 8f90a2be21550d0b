"""What a host's SNMP agent offers to be watched, as YAML to paste: ``hikeshi discover``."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count

from domain.model import Check, Confirmation, FaultClass, Host, Level
from domain.observation import Observation, Verdict
from engine.context import open_context
from engine.requests import current_policy, known_host
from engine.watching import secret
from hikeshi.exits import Exit
from hikeshi.show import refuse
from probes.mib import (
    HR_RUN_NAME,
    HR_RUN_TYPE,
    HR_STORAGE_DESCR,
    HR_STORAGE_FIXED_DISK,
    HR_STORAGE_TYPE,
    IF_DESCR,
    IF_NAME,
    IF_OPER_STATUS,
)
from probes.reading import Item, Table, Values
from store.clock import SystemClock
from watch.driver import Driver
from watch.readings import Readings

TIMEOUT_S = 30.0
ITEMS: tuple[Item, ...] = (
    HR_STORAGE_TYPE, HR_STORAGE_DESCR, IF_NAME, IF_DESCR, IF_OPER_STATUS, HR_RUN_NAME, HR_RUN_TYPE,
)  # fmt: skip
_OF_THE_SYSTEM = ("/proc", "/sys", "/dev", "/run")
_UP, _APPLICATION = 1, 4
Found = tuple[str, str, str]
"""Kind, option and its value."""


def show_discovered(host: str) -> Exit:
    """Checks of all partitions, of the interfaces that are up, and of the processes that run on this host."""
    with closing(open_context()) as context:
        found = known_host(current_policy(context), host)
    if found.snmp is None:
        return refuse(f"{host} has no snmp in the inventory: how its agent is asked", Exit.BAD_INPUT)
    seen, values = asked(found)
    if seen.verdict is not Verdict.UP:
        return refuse(f"{host}: {seen.detail}", Exit.REFUSED)
    print(written(host, discovered(values)), end="")
    return Exit.OK


def asked(host: Host) -> tuple[Observation, Values]:
    any_reading = Check(
        f"{host.id}/discover", host.id, "disk", host.address, Level.MINOR, FaultClass.RESOURCE, 300.0, TIMEOUT_S, Confirmation(1)
    )
    driver = Driver(SystemClock())
    ended: list[tuple[Observation, Values]] = []
    try:
        Readings(driver, secret).look(replace(any_reading, snmp=host.snmp), ITEMS, lambda *both: ended.append(both))
        while not ended:
            driver.turn(0.1)
    finally:
        driver.close()
    return ended[0]


def discovered(values: Values) -> Iterator[Found]:
    kinds = values.rows(HR_STORAGE_TYPE).cells if values.offers(HR_STORAGE_TYPE) else {}
    for row, name in _texts(values, HR_STORAGE_DESCR):
        if kinds.get(row) == HR_STORAGE_FIXED_DISK and not name.startswith(_OF_THE_SYSTEM):
            # Windows adds label and serial number to the drive, which may change
            yield "disk", "partition", re.sub(r"^([A-Z]:\\) .*", r"\1", name)
    status = values.numbers(IF_OPER_STATUS) if values.offers(IF_OPER_STATUS) else {}
    for row, name in _texts(values, IF_NAME if values.offers(IF_NAME) else IF_DESCR):
        if status.get(row) == _UP and name != "lo":
            yield "interface", "interface", name
    types = values.numbers(HR_RUN_TYPE) if values.offers(HR_RUN_TYPE) else {}
    for name in sorted({name for row, name in _texts(values, HR_RUN_NAME) if types.get(row) == _APPLICATION}):
        yield "process", "process", name


def _texts(values: Values, column: Table) -> list[tuple[tuple[int, ...], str]]:
    """What an option can hold and a terminal show."""
    cells = values.texts(column).items() if values.offers(column) else ()
    return [(row, name) for row, name in cells if name.isprintable() and 0 < len(name) <= 128]


def written(host: str, found: Iterator[Found]) -> str:
    """YAML: the section of a host, each check under a name of its own."""
    lines = [f"# What the SNMP agent of {host} offers: put below its checks what is to be watched.", "checks:"]
    taken: set[str] = set()
    for kind, option, value in found:
        stem = re.sub(r"[^a-z0-9]+", "-", f"{kind}-{value}".lower()).strip("-")[:50]
        name = next(one for number in count(1) if (one := stem if number == 1 else f"{stem}-{number}") not in taken)
        taken.add(name)
        lines.append(f"  {name}: {{kind: {kind}, {option}: {json.dumps(value, ensure_ascii=False)}}}")
    return "\n".join(lines if taken else [*lines[:1], "checks: {}"]) + "\n"
