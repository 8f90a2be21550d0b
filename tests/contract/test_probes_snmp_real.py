"""Readings from a real net-snmp agent, over IPv4 and IPv6, in v1 and v2c, all the way through the watcher."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from real_snmpd import COMMUNITY, snmpd
from story.harness import World as Story
from watcher_world import World, check, policy

from domain.commands import Message
from domain.events import VerdictChanged
from domain.model import Check, Confirmation, Level, Secret, SnmpAccess
from domain.observation import Limit, Verdict
from notify.text import write
from probes import PROBES
from store.clock import SystemClock
from watch.driver import Driver
from watch.watcher import Watcher

UCD = ".1.3.6.1.4.1.2021"
STORAGE = ".1.3.6.1.2.1.25.2.3.1"
FULL_DISK = [f"override {STORAGE}.{column}.31 {kind} {said}" for column, kind, said in (
    (3, "octet_str", '"/data"'), (4, "integer", "4096"), (5, "integer", "1000"), (6, "integer", "835"),
)]  # fmt: skip
NO_MEMORY = [f"override {UCD}.4.{item}.0 integer {kib}" for item, kib in (
    (3, 1000), (4, 50), (5, 8388608), (6, 100000), (14, 20000), (15, 300000),
)]  # fmt: skip
STATUS = "finished=4102444800 outcome=ok restorable=yes"
EXTENDS = (
    f"extend backup /bin/echo {STATUS}",
    "extend mailqueue /bin/echo 612",
    "extend failing /bin/false",
    "extend wordy /bin/echo Mail queue is empty",
)
BOTH = pytest.mark.parametrize(("address", "version"), [("127.0.0.1", "1"), ("::1", "2c")])
ALLOWED = Secret("env", COMMUNITY)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A real agent that tells of this machine what it sees, of its load 25.00, and of a partition that is nearly full."""
    lines = (f"override {UCD}.10.1.5.1 integer 2500", *FULL_DISK, *NO_MEMORY, "includeAllDisks 10%", *EXTENDS)
    with snmpd(tmp_path_factory.mktemp("snmpd"), *lines) as port:
        yield port


def reading(kind: str, access: SnmpAccess, address: str = "127.0.0.1", profile: str = "standard", **given: object) -> Check:
    """Looked at every second; a failure is one. ``name`` and ``timeout_s`` are the check's, what else is given an option's."""
    spec, name, timeout_s = PROBES[kind], given.pop("name", kind), float(str(given.pop("timeout_s", 10.0)))
    options = spec.in_profile(profile, {option: spec.options[option].parse(value) for option, value in given.items()})
    made = check(str(name), address, kind=kind, level=spec.level, interval_s=1.0, confirmation=Confirmation(1))
    return replace(made, snmp=access, options=options, timeout_s=timeout_s)


def told(*checks: Check, within_s: float = 20.0) -> dict[str, VerdictChanged]:
    """What a watcher of its own tells of these checks first, by name."""
    clock, desk = SystemClock(), World()
    desk.adopt(policy(*checks))
    driver = Driver(clock)
    watcher = Watcher(desk, driver, clock, lambda reference: reference.name)
    end_s = clock.boottime_s() + within_s
    while len(desk.changes) < len(checks) and clock.boottime_s() < end_s:
        watcher.turn()
    driver.close()
    return {change.check.partition("/")[2]: change for change in desk.changes}


@BOTH
def test_readings_of_a_real_agent(agent: int, address: str, version: str) -> None:
    access = SnmpAccess("1" if version == "1" else "2c", ALLOWED, agent)
    found = told(
        reading("disk", access, address, threshold=100),
        reading("disk", access, address, "rapid", name="data", partition="/data"),
        reading("load", access, address),
        reading("load", access, address, name="scaled", levels={2: 0.9}),
        reading("disk", access, address, name="gone", partition="/nowhere"),
    )
    assert found["disk"].verdict is Verdict.UP
    assert found["disk"].value == pytest.approx(_df(), abs=0.3)
    assert (found["data"].value, found["data"].limit) == (83.5, Limit(Level.WARNING, ">", 80, "%"))
    assert (found["load"].value, found["load"].limit) == (25.0, Limit(Level.MINOR, ">", 0.9))
    assert found["scaled"].limit == Limit(Level.WARNING, "≥", pytest.approx(0.9 * _cpus()))  # type: ignore[arg-type]  # nearly
    assert found["gone"].detail == "the SNMP agent's hrStorageTable has no /nowhere"


@BOTH
def test_the_other_kinds(agent: int, address: str, version: str) -> None:
    access = SnmpAccess("1" if version == "1" else "2c", ALLOWED, agent)
    found = told(
        reading("memory", access, address),
        reading("swap", access, address),
        reading("process", access, address, process="snmpd"),
        reading("process", access, address, name="absent", process="no-such-process"),
        reading("inode", access, address, threshold=100),
        reading("inode", access, address, name="inodeless", partition="/nowhere"),
        reading("interface", access, address, interface="lo"),
        reading("interface", access, address, name="unplugged", interface="eth99"),
        reading("logins", access, address, threshold=1000),
        reading("traffic", access, address, interface="lo", threshold=1000),
        reading("mailqueue", access, address),
        reading("backup", access, address),
        reading("mailqueue", access, address, name="failing", extend="failing"),
        reading("mailqueue", access, address, name="wordy", extend="wordy"),
        reading("mailqueue", access, address, name="unknown", extend="unknown"),
    )
    assert (found["memory"].value, found["memory"].limit) == (95.0, Limit(Level.MINOR, ">", 90, "%"))
    assert (found["swap"].value, found["swap"].limit) == (95.0, Limit(Level.MINOR, ">", 90, "%"))
    assert found["process"].verdict is Verdict.UP
    assert (found["process"].value or 0) >= 1
    assert (found["absent"].verdict, found["absent"].detail) == (Verdict.DOWN, "no process no-such-process runs")
    assert found["inode"].verdict is Verdict.UP, found["inode"].detail
    assert found["inodeless"].detail == "the SNMP agent's dskTable has no inodes of /nowhere"
    assert (found["interface"].verdict, found["interface"].detail) == (Verdict.UP, "lo is up")
    assert found["unplugged"].detail == "the SNMP agent's ifTable has no eth99"
    assert found["logins"].verdict is Verdict.UP
    assert found["traffic"].verdict is Verdict.UP
    assert (found["traffic"].value or 0) >= 0
    assert (found["backup"].verdict, "finished -" in found["backup"].detail) == (Verdict.UP, True), "by the agent's own clock"
    assert (found["mailqueue"].value, found["mailqueue"].limit) == (612, Limit(Level.WARNING, ">", 500))
    assert "ended with exit code 1" in found["failing"].detail
    assert "instead of a number" in found["wordy"].detail
    assert found["unknown"].detail.startswith("the SNMP agent offers no extend unknown (noSuch")


def test_an_agent_that_has_just_begun_has_no_mean_of_the_last_minute_yet(agent: int) -> None:
    found = told(reading("cpu", SnmpAccess("2c", ALLOWED, agent)), within_s=1.5)
    assert "cpu" not in found or found["cpu"].value is not None, "neither a fault nor up"


def _df() -> float:
    root = os.statvfs("/")
    used = root.f_blocks - root.f_bfree
    return used / (used + root.f_bavail) * 100


def _cpus() -> int:
    return sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())


def test_a_wrong_community_is_answered_by_silence(agent: int) -> None:
    (found,) = told(reading("load", SnmpAccess("2c", Secret("env", "public"), agent), timeout_s=0.5)).values()
    assert (found.verdict, found.detail) == (
        Verdict.DOWN,
        "no answer of the SNMP agent within 0.5 s (it is silent to a wrong community, too)",
    )


def test_where_no_agent_listens(agent: int) -> None:
    (found,) = told(reading("load", SnmpAccess("2c", ALLOWED, 9), timeout_s=5.0)).values()
    assert (found.verdict, found.detail) == (Verdict.DOWN, "connection refused")


def test_what_the_agent_may_not_show_is_a_fault(tmp_path: Path) -> None:
    with snmpd(tmp_path, f"rocommunity narrow default {STORAGE}") as port:
        found = told(
            reading("load", SnmpAccess("2c", Secret("env", "narrow"), port)),
            reading("cpu", SnmpAccess("2c", Secret("env", "narrow"), port)),
            reading("disk", SnmpAccess("2c", Secret("env", "narrow"), port), threshold=100),
        )
    assert found["load"].detail == "the SNMP agent offers no laLoadInt.1 (noSuchObject)"
    assert found["cpu"].detail == "the SNMP agent offers no sysUpTime (noSuchObject)"
    assert found["disk"].verdict is Verdict.UP


def test_the_mail_names_the_value(agent: int) -> None:
    """R2, from the agent to the subject."""
    seen = told(reading("disk", SnmpAccess("2c", ALLOWED, agent), profile="rapid", partition="/data"))["disk"]
    assert seen.limit is not None
    assert seen.value is not None
    story = Story()
    story.passes("disk", seen.limit, seen.value)
    mail = story.expect_mail(Message.FAULT, level=2)
    subject = write(mail, story.situation.policy.brand, "en").subject
    assert subject.endswith("Disk usage > 80% (now 83.5%)")
