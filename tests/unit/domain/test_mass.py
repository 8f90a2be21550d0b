"""R26: when so many hosts of a segment are lost that the cause lies in none of them, and when enough are back."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import mass
from domain.model import FaultClass, Level, MassOutage
from domain.state import Fault, HostState, Incident

NOW_S = 1_772_413_200.0
SERVER = Fault("web01/ping", Level.UNREACHABLE, FaultClass.SERVER, None, NOW_S, NOW_S, NOW_S, clock_from_s=NOW_S)
SERVICE = replace(SERVER, check="web01/http", fault_class=FaultClass.SERVICE)
rules = st.builds(MassOutage, share=st.integers(1, 100), hosts=st.integers(2, 1000))
sizes = st.integers(0, 5000)


@given(rules, sizes, st.integers(0, 5000))
def test_more_than_the_share_and_at_least_the_number(rule: MassOutage, hosts: int, lost: int) -> None:
    assert mass.begins(rule, hosts, lost) == (lost >= rule.hosts and lost * 100 > rule.share * hosts)


@given(rules, sizes, st.integers(0, 5000), st.integers(0, 5000))
def test_none_ends_as_it_begins_or_begins_as_it_ends(rule: MassOutage, hosts: int, of_late: int, before: int) -> None:
    """Half has to be back, so one host that comes and goes brings no page each time."""
    lost = of_late + before
    assert not (mass.begins(rule, hosts, of_late) and mass.ends(rule, hosts, lost))
    if mass.begins(rule, hosts, of_late):
        assert not mass.ends(rule, hosts, lost - 1)


def test_of_two_hosts_that_make_one_both_have_to_be_back() -> None:
    rule = MassOutage(share=1, hosts=2)
    assert [mass.ends(rule, 10, lost) for lost in (2, 1, 0)] == [False, False, True]
    assert [mass.ends(replace(rule, hosts=3), 10, lost) for lost in (2, 1, 0)] == [False, True, True]


@given(rules, sizes)
def test_it_ends_when_all_are_back(rule: MassOutage, hosts: int) -> None:
    assert mass.ends(rule, hosts, 0)


def test_the_defaults() -> None:
    rule = MassOutage()
    assert [mass.threshold(rule, hosts) for hosts in (3, 10, 24, 25, 40, 200, 5000)] == [5, 5, 5, 6, 9, 41, 1001]


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        ((), False),
        ((SERVICE,), False),
        ((SERVER,), True),
        ((SERVER, SERVICE), True),
        ((replace(SERVER, flapping=True, up=True),), False),
        ((replace(SERVER, up=True),), None),
        ((replace(SERVER, clock_from_s=None),), False),
        ((replace(SERVER, clock_from_s=None, evidence_since_s=None),), None),
        ((replace(SERVER, clock_from_s=None, evidence_since_s=None), replace(SERVER, check="web01/ssh")), True),
    ],
    ids=[
        "none",
        "a service",
        "a server",
        "both",
        "up again",
        "up while we are at work",
        "in a pause",
        "out of sight",
        "partly out of sight",
    ],
)
def test_what_counts_as_unreachable(faults: tuple[Fault, ...], expected: bool | None) -> None:
    incident = Incident("INC-000001", "aozora", "web01", NOW_S, NOW_S, faults)
    assert mass.unreachable(HostState("web01", incident=incident if faults else None)) is expected


def test_the_name_of_a_segment_is_nobody_elses() -> None:
    assert mass.segment_of(mass.of_segment("main")) == "main"
    assert mass.is_segment(mass.of_segment(""))
    assert not mass.is_segment("segment")
