"""Reboot a host: in good order over SSH where one can log in, by its power control where nothing answers (R21, R22)."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import Host
from domain.procedure import Effect, Parameter, StepOutcome
from remediation import powering, since
from remediation.action import (
    INSTEAD,
    NOTHING,
    Attempted,
    CannotAct,
    Connect,
    Connection,
    Leave,
    NoAnswer,
    Prepared,
    Result,
    Target,
)
from remediation.power_driver import Order
from runbooks.spec import ParameterSpec

_POLL_S = 1.0
_KILLED = 128
_SUDO_SAYS = ("sudo:", "Sorry, user ")
"""How the lines begin in which sudo itself refuses: a fault of our rights there, which no power cycle mends."""
_SSH, _POWER = "ssh", "power"


def reboot_argv(user: str) -> tuple[str, ...]:
    """The command that every init system has."""
    argv = ("shutdown", "-r", "now")
    return argv if user == "root" else ("sudo", "-n", *argv)


def _by_power(host: Host) -> powering.Wish:
    """The reset line; where the driver has none, the power itself."""
    driver = powering.POWER_DRIVERS.get(host.power.driver) if host.power is not None else None
    return powering.wish(host, Order.RESET if driver is None or Order.RESET in driver.orders else Order.CYCLE)


class _OverSsh:
    """Logged in. ``user`` is whom as."""

    def __init__(self, target: Target, connect: Connect, connection: Connection, user: str) -> None:
        self._target = target
        self._connect = connect
        self._connection = connection
        self._argv = reboot_argv(user)
        self.before: Mapping[str, str] = {"way": _SSH}

    def start(self, leave: Leave) -> Result:
        clock = self._target.clock
        sent_s = clock.boottime_s()
        ran = self._connection.run(self._argv, leave.timeout_s, leave.guard)
        line = shlex.join(self._argv)
        if not ran.sent:
            return Result(StepOutcome.NOT_DONE, ran.detail, line)
        if ran.exit_status is None or ran.exit_status > _KILLED:
            return Result(StepOutcome.UNKNOWN, ran.detail or f"exit status {ran.exit_status}", line)
        if ran.exit_status != 0:
            said = " ".join((ran.stderr or ran.stdout).split())[:300]
            refused = any(words.startswith(_SUDO_SAYS) for words in ran.stderr.splitlines())
            outcome = StepOutcome.NOT_DONE if refused else StepOutcome.FAILED
            return Result(outcome, f"exit status {ran.exit_status}: {said}", line)
        self._connection.close()
        # The host goes down in good order, which takes a while: a look at it now would see what it was before.
        attempt, give_up_s = Attempted(leave.attempt, 0.0), sent_s + leave.timeout_s
        while True:
            found, said = since.started_since(self._target, self._connect, attempt, sent_s)
            if found is not False:
                return Result(
                    StepOutcome.DONE, f"ordered over SSH; {'it has restarted' if found else 'it went down'}: {said}", line
                )
            if clock.boottime_s() >= give_up_s:
                return Result(StepOutcome.FAILED, f"ordered over SSH; not gone down within {leave.timeout_s:g} s: {said}", line)
            clock.sleep(_POLL_S)

    def close(self) -> None:
        self._connection.close()


class _ByPower:
    def __init__(self, prepared: powering.PreparedPower, why: str) -> None:
        self._prepared = prepared
        self._why = why
        self.before: Mapping[str, str] = {**prepared.before, "way": _POWER}

    def start(self, leave: Leave) -> Result:
        result = self._prepared.start(leave)
        return Result(result.outcome, f"by power, since nobody can log in ({self._why}); {result.detail}", result.command_line)

    def close(self) -> None:
        self._prepared.close()


@dataclass(frozen=True, slots=True)
class Reboot:
    """By power only where nothing answers. A host that answers and refuses the login is not helped by it: another host key may be
    another machine, and a key that can't be read here is our own trouble."""

    name: str = "reboot"
    effect: Effect = Effect.POWER
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"guest"})
    parameters: Mapping[str, ParameterSpec] = field(default_factory=lambda: MappingProxyType({}))

    # Other kinds of action need the rest.
    def describe(
        self,
        host: Host,
        parameters: Mapping[str, Parameter],  # noqa: ARG002
        service: str | None,  # noqa: ARG002
        known: Mapping[str, str] = NOTHING,  # noqa: ARG002
    ) -> tuple[str, ...]:
        lines = [shlex.join(reboot_argv(host.ssh.user)), shlex.join(since.LOOK)] if host.ssh is not None else []
        if host.power is None:
            if not lines:
                raise CannotAct(f"the inventory names neither ssh nor a power control of {host.id}")
            return tuple(lines)
        by_power = powering.describe(_by_power(host))
        return (*lines, *(INSTEAD + line for line in by_power)) if lines else by_power

    def prepare(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],  # noqa: ARG002 - there are none
        connect: Connect,
    ) -> Prepared:
        access = target.host.ssh
        if access is None:
            return _ByPower(powering.prepare(target, _by_power(target.host), connect), "the inventory names no ssh")
        try:
            return _OverSsh(target, connect, connect(target), access.user)
        except NoAnswer as error:
            if target.host.power is None:
                raise
            return _ByPower(powering.prepare(target, _by_power(target.host), connect), str(error))

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],  # noqa: ARG002 - there are none
        before: Mapping[str, str],
        connect: Connect,
        attempt: Attempted,
    ) -> Result:
        if before["way"] == _POWER:
            try:
                return powering.settle(target, _by_power(target.host), before, connect, attempt)
            except CannotAct as error:
                return Result(StepOutcome.UNKNOWN, f"could not look what became of it: {error}")
        asked_boot_s = target.clock.boottime_s()
        return powering.poll(target, attempt, lambda: since.started_since(target, connect, attempt, asked_boot_s))


REBOOT = Reboot()
