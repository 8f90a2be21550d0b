"""What a run is aimed at, and whether that is still what it was."""

from dataclasses import replace

import pytest
from sample_policy import HOST, HTTP, PING, POWER, RESTART, RUNBOOKS, SMTP, WEB, policy

from domain.aim import Aim, aim, fault_class, moved, services
from domain.commands import Run
from domain.events import RunRequested
from domain.incident import step
from domain.model import FaultClass, FileSystem, Host, PowerControl, Rescue, Secret, SshAccess
from domain.state import Fault, HostState, Incident, Situation

LOGIN = SshAccess("hikeshi", ("ssh-ed25519 AAAA",), Secret("file", "/key"))
WEB01 = replace(policy().hosts[HOST], ssh=LOGIN)
RUN = Run(
    key="r",
    incident=None,
    host=HOST,
    runbook=RESTART,
    checks=(HTTP.id,),
    service="nginx.service",
    requested_by="engine",
    policy="1",
)
RESTARTS, POWERS = RUNBOOKS[RESTART], RUNBOOKS[POWER]
MOVED: list[tuple[str, Host]] = [
    ("address", replace(WEB01, address="192.0.2.99")),
    ("customer", replace(WEB01, customer="another")),
    ("user", replace(WEB01, ssh=replace(LOGIN, user="root"))),
    ("port", replace(WEB01, ssh=replace(LOGIN, port=2222))),
    ("keys", replace(WEB01, ssh=replace(LOGIN, host_keys=("ssh-ed25519 BBBB",)))),
    ("no login", replace(WEB01, ssh=None)),
    ("power", replace(WEB01, power=PowerControl("ipmi", "192.0.2.200"))),
    ("rescue system", replace(WEB01, rescue=Rescue("pxe", LOGIN))),
    ("file systems", replace(WEB01, filesystems=(FileSystem("/dev/sda1", "ext4"),))),
    ("service", replace(WEB01, checks=(replace(HTTP, service="apache2.service"), WEB, SMTP))),
    ("check", replace(WEB01, checks=(WEB, SMTP))),
]
SAME: list[tuple[str, Host]] = [
    ("nothing", WEB01),
    ("label", replace(WEB01, label="another", fqdn="another.example")),
    ("another check's service", replace(WEB01, checks=(HTTP, WEB, replace(SMTP, service="exim4.service")))),
]


def failing(*checks: str) -> Incident:
    found = {check.id: check for check in WEB01.checks}
    faults = tuple(
        Fault(name, found[name].level, found[name].fault_class, found[name].service, 0.0, 0.0, 0.0) for name in sorted(checks)
    )
    return Incident("INC-000001", "aozora", "web01", 0.0, 0.0, faults)


def test_what_fails_is_aimed_at() -> None:
    assert aim(WEB01, failing(SMTP.id), RESTARTS) == Aim(FaultClass.SERVICE, (SMTP.id,), "postfix.service")


def test_where_nothing_fails_the_first_service() -> None:
    assert aim(WEB01, None, RESTARTS) == Aim(FaultClass.SERVICE, (HTTP.id, WEB.id), "nginx.service")


FIRST_LINE = replace(RESTARTS, id="first-line")
BOTH = replace(WEB01, procedures={FaultClass.SERVER: "first-line", FaultClass.SERVICE: "first-line"})


def test_one_runbook_for_both_classes_is_for_what_fails_the_server_before_its_services() -> None:  # R22
    assert aim(BOTH, failing(SMTP.id), FIRST_LINE) == Aim(FaultClass.SERVICE, (SMTP.id,), "postfix.service")
    assert aim(BOTH, failing(PING.id, SMTP.id), FIRST_LINE) == Aim(FaultClass.SERVER, (PING.id, SMTP.id), None)
    assert aim(BOTH, None, FIRST_LINE).fault_class is FaultClass.SERVER
    assert fault_class(BOTH, [SMTP.id]) is FaultClass.SERVICE
    assert fault_class(BOTH, [SMTP.id, PING.id]) is FaultClass.SERVER


def test_what_may_be_meant() -> None:
    assert services(WEB01, None, RESTARTS) == ("nginx.service", "postfix.service")
    assert services(WEB01, failing(SMTP.id), RESTARTS) == ("postfix.service",)
    assert services(WEB01, failing(PING.id, SMTP.id), RESTARTS) == ("postfix.service",)
    assert services(WEB01, None, POWERS) == ()


def test_a_fault_whose_check_is_no_longer_watched_is_no_aim() -> None:
    """A pause kept it in the incident, and the clock was set past the pause's end: the request comes before any timer."""
    without_ping = replace(policy(), hosts={HOST: replace(WEB01, checks=(WEB, SMTP))})
    state = HostState(HOST, incident=failing(PING.id))
    situation = Situation(policy=without_ping, host=without_ping.hosts[HOST], new_id="INC-000002")
    request = RunRequested(id="q", at_s=10.0, host=HOST, runbook=RESTART, by="first")
    decision = step(state, request, situation, 10.0)
    [run] = [command for command in decision.commands if isinstance(command, Run)]
    assert (run.checks, run.service) == ((WEB.id,), WEB.service)
    assert aim(without_ping.hosts[HOST], failing(PING.id, SMTP.id), RESTARTS).checks == (SMTP.id,)


def test_a_service_that_is_named_counts_more_than_what_fails() -> None:
    aimed = aim(WEB01, failing(SMTP.id), RESTARTS, "nginx.service")
    assert aimed == Aim(FaultClass.SERVICE, (HTTP.id, WEB.id), "nginx.service")
    assert aimed.target == "service:nginx.service"


def test_a_service_that_no_check_names_is_no_target() -> None:
    assert aim(WEB01, None, RESTARTS, "exim4.service").checks == ()


def test_what_is_for_the_whole_server_has_no_service() -> None:
    assert aim(WEB01, None, POWERS) == Aim(FaultClass.SERVER, tuple(check.id for check in WEB01.checks), None)


@pytest.mark.parametrize("procedures", [{}, {FaultClass.SERVICE: POWER}])
def test_no_service_is_asked_for_where_none_is_acted_on(procedures: dict[FaultClass, str]) -> None:
    """Whatever the host has it for."""
    host = replace(WEB01, procedures=procedures)
    assert services(host, failing(HTTP.id, SMTP.id), POWERS) == ()
    assert aim(host, failing(HTTP.id, SMTP.id), POWERS) == Aim(FaultClass.SERVER, (HTTP.id, SMTP.id), None)
    assert services(host, failing(HTTP.id, SMTP.id), RESTARTS) == ("nginx.service", "postfix.service")


@pytest.mark.parametrize(("what", "now"), MOVED, ids=[what for what, _ in MOVED])
def test_what_makes_it_another_target(what: str, now: Host) -> None:
    assert moved(RUN, WEB01, now), what


@pytest.mark.parametrize(("what", "now"), SAME, ids=[what for what, _ in SAME])
def test_what_leaves_it_the_same(what: str, now: Host) -> None:
    assert not moved(RUN, WEB01, now), what
