"""How the parents of a host stand (C53)."""

from dataclasses import replace

from sample_policy import policy

from domain.behind import above, hides, lost_since_s, parents_of
from domain.model import Check, Confirmation, FaultClass, Host, Level, Policy, Segment
from domain.observation import Verdict
from domain.state import CheckState, Fault, HostState, Incident

NOW_S = 1_772_413_200.0


def host(name: str, parent: str | None = None, *kinds: str, segment: str = "main") -> Host:
    checks = tuple(
        Check(f"{name}/{kind}", name, kind, "192.0.2.9", Level.UNREACHABLE, FaultClass.SERVER, 60.0, 10.0, Confirmation(3))
        for kind in kinds or ("ping",)
    )
    return Host(name, name, "aozora", "192.0.2.9", checks, parent=parent, segment=segment)


def among(*hosts: Host, **segments: Segment) -> Policy:
    return replace(policy(), hosts={one.id: one for one in hosts}, segments=segments)


def heard(one: Host, *down: str, since_s: float = NOW_S - 120) -> HostState:
    """These checks of it fail, the others are up."""
    checks = tuple(CheckState(check.id, Verdict.DOWN if check.kind in down else Verdict.UP) for check in one.checks)
    faults = tuple(
        Fault(f"{one.id}/{kind}", Level.UNREACHABLE, FaultClass.SERVER, None, since_s + number, NOW_S, since_s + number)
        for number, kind in enumerate(down)
    )
    return HostState(one.id, checks, Incident("INC-000007", "aozora", one.id, since_s, NOW_S, faults) if down else None)


CORE, EDGE, WEB = host("core"), host("edge", "core", "ping", "ssh"), host("web", "edge")
ALL = among(CORE, EDGE, WEB)


def test_a_chain_is_followed_to_its_end_and_no_circle_for_ever() -> None:
    assert parents_of(ALL, WEB) == (EDGE, CORE)
    assert parents_of(among(host("a", "b"), host("b", "a")), host("a", "b")) == (host("b", "a"),)
    assert parents_of(among(WEB), WEB) == (), "a rack of which nobody knows anything"
    assert parents_of(among(replace(EDGE, checks=()), CORE), WEB) == (CORE,), "nobody looks whether it can be reached"


def test_the_nearest_that_is_down_is_named() -> None:
    states = {"core": heard(CORE, "ping"), "edge": heard(EDGE)}
    over = above(ALL, WEB, states.__getitem__)
    assert over is not None
    assert (over.down, over.incident, over.since_s) == ("core", "INC-000007", NOW_S - 120)
    both = above(ALL, WEB, {**states, "edge": heard(EDGE, "ping", "ssh")}.__getitem__)
    assert both is not None
    assert (both.down, both.since_s) == ("edge", NOW_S - 119), "since the last of what tells that it is there has failed"


def test_a_switch_that_answers_ping_is_not_down_though_its_login_is() -> None:
    assert lost_since_s(EDGE, heard(EDGE, "ssh")) is None
    over = above(ALL, WEB, {"core": heard(CORE), "edge": heard(EDGE, "ssh")}.__getitem__)
    assert over is not None
    assert not over.down
    assert not hides(over, WEB, heard(WEB, "ping").checks, (), NOW_S)


def test_when_one_is_back_is_the_last_that_came() -> None:
    states = {"core": replace(heard(CORE), back_s=NOW_S - 50), "edge": replace(heard(EDGE), back_s=NOW_S - 90)}
    over = above(ALL, WEB, states.__getitem__)
    assert over is not None
    assert (over.down, over.named, over.back_s) == ("", "core", NOW_S - 50)


def test_a_parent_that_only_another_watcher_sees_is_given_an_interval_more() -> None:
    """It can't be asked at once."""
    states = {"core": heard(CORE), "edge": heard(EDGE)}
    near = above(ALL, WEB, states.__getitem__)
    elsewhere = replace(CORE, segment="far")
    apart = among(elsewhere, EDGE, WEB, far=Segment("far", watcher="far"), main=Segment("main"))
    far = above(apart, WEB, states.__getitem__)
    assert near is not None
    assert far is not None
    assert (near.confirm_s, far.confirm_s) == (3 * 10 + 2 * 60 + 5, 3 * 10 + 3 * 60 + 5)
