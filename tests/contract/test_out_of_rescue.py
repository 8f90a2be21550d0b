"""Out of the rescue system: a real BMC orders it, and whether the host has left it is seen by logging in there (R24)."""

import contextlib
from dataclasses import replace

import pytest
from fixtures_power import PASSWORD, RESCUE, PaperMachine, db01, leave, target_of
from fixtures_ssh import host_at

from bed.ipmi import Ipmi
from domain.model import Host, PowerControl
from domain.procedure import Parameter, StepOutcome, whereabouts
from remediation import ACTIONS, CannotReach, Connection, NoAnswer, Result, Target
from remediation.action import Ran

POWER = ACTIONS["power"]
DISK: dict[str, Parameter] = {"do": "reset", "boot": "disk"}


class Login:
    def run(self, *_: object) -> Ran:
        raise AssertionError("nothing is run there")

    def close(self) -> None: ...


class Logins:
    """The rescue system answers until the machine starts anew; ``fails``: of the logins, counted from 0, that fail by chance."""

    def __init__(self, machine: PaperMachine, fails: frozenset[int] = frozenset()) -> None:
        self.tried = 0
        self._machine, self._fails = machine, fails

    def __call__(self, target: Target) -> Connection:
        self.tried += 1
        assert target.host.ssh == RESCUE.ssh, "only the rescue system is logged in to"
        if self.tried - 1 in self._fails:
            raise NoAnswer("no SSH session on port 22")
        if self._machine.starts:
            raise CannotReach("host key mismatch")
        return Login()


def host_of(bmc: Ipmi) -> Host:
    return db01(PowerControl("ipmi", bmc.address, bmc.port, bmc.user, PASSWORD), RESCUE)


def reset(bmc: Ipmi, logins: Logins, host: Host | None = None) -> Result:
    target = target_of(host or host_of(bmc), {"BMC": bmc.password})
    with contextlib.closing(POWER.prepare(target, DISK, logins)) as prepared:
        return prepared.start(leave(5))


def test_a_host_that_has_left_it_is_seen_to(ipmi: Ipmi, machine: PaperMachine) -> None:
    result = reset(ipmi, Logins(machine))
    assert (result.outcome, machine.starts) == (StepOutcome.DONE, 1)
    assert result.detail.endswith("; the BMC accepted it; after: on; its rescue system answers no more")


@pytest.mark.parametrize("fails", [frozenset[int](), frozenset({1}), frozenset({2, 4})], ids=["always", "once", "twice"])
def test_the_word_of_a_bmc_that_does_nothing_is_not_believed(ipmi: Ipmi, machine: PaperMachine, fails: frozenset[int]) -> None:
    """Nor a login or two that fail by chance."""
    ipmi.chassis.deaf = True
    result = reset(ipmi, Logins(machine, fails))
    assert (result.outcome, [order.what for order in ipmi.chassis.orders]) == (StepOutcome.FAILED, ["boot", "reset"])
    assert result.detail.endswith("; the BMC accepted it; after: on; but after 5 s its rescue system still answers")
    assert whereabouts([("rescue", StepOutcome.DONE), ("disk", result.outcome)]) is True


def test_where_it_does_not_answer_before_it_is_not_waited_for(ipmi: Ipmi, machine: PaperMachine) -> None:
    logins = Logins(machine, frozenset({0}))
    assert (reset(ipmi, logins).detail.endswith("; after: on"), logins.tried) == (True, 1)


def test_nobody_can_tell_two_systems_with_the_same_host_key_apart(ipmi: Ipmi, machine: PaperMachine) -> None:
    own = host_at("192.0.2.10", 22, ("ssh-ed25519 AAAA",)).ssh
    assert own is not None
    logins = Logins(machine)
    result = reset(ipmi, logins, replace(host_of(ipmi), ssh=own, rescue=replace(RESCUE, ssh=own)))
    assert (result.outcome, logins.tried) == (StepOutcome.DONE, 0)
