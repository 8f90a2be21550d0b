"""Restart a systemd service (R22)."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from domain.model import Host
from domain.procedure import Effect, Parameter, StepOutcome
from domain.unit import service_unit
from remediation.action import NOTHING, Attempted, CannotAct, CannotReach, Connect, Connection, Leave, Ran, Result, Target
from runbooks.spec import ParameterSpec

_PROPERTIES = "LoadState,ActiveState,SubState,Result,InvocationID,ActiveEnterTimestampMonotonic"
_LOOK_TIMEOUT_S = 15.0
_POLL_S = 1.0
_KILLED = 128
"""A shell tells so, by a greater exit status, that a signal ended the command; what systemd was asked to do goes on."""
_MOVING = frozenset({"activating", "deactivating", "reloading", "refreshing", "maintenance"})
"""ActiveStates in which a job of systemd is still at work."""


def restart_argv(unit: str) -> tuple[str, ...]:
    """The command that acts: as root, by a sudo rule for exactly this (see ``sudoers``)."""
    return ("sudo", "-n", "systemctl", "restart", unit)


def _show_argv(unit: str) -> tuple[str, ...]:
    return ("systemctl", "show", unit, "-p", _PROPERTIES)


def _unit(parameters: Mapping[str, Parameter], service: str | None) -> str:
    named = parameters.get("unit", service)
    if named is None:
        raise CannotAct("no unit to restart: the step names none, and the check that failed has no service")
    try:
        return service_unit(named)
    except ValueError as error:
        raise CannotAct(f"{named!r} is not {error}") from error


def _show(connection: Connection, unit: str) -> dict[str, str] | Ran:
    """systemd's properties of the unit; the command itself where it brought none."""
    ran = connection.run(_show_argv(unit), _LOOK_TIMEOUT_S)
    if ran.exit_status != 0:
        return ran
    return dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)


def _words(ran: Ran) -> str:
    """What a command that went wrong said, in one line."""
    said = " ".join((ran.stderr or ran.stdout).split())[:300]
    return ": ".join(filter(None, (ran.detail or f"exit status {ran.exit_status}", said)))


def _state(unit: str, seen: Mapping[str, str]) -> str:
    result = seen.get("Result", "")
    return f"{unit} is {seen.get('ActiveState', '?')} ({seen.get('SubState', '?')})" + (
        f", result {result}" if result not in ("", "success") else ""
    )


def _started_anew(before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    """Whether systemd has started the unit since: each start has an InvocationID of its own. systemd before 232 has none; there the
    time at which the unit became active counts, which a failed start doesn't move."""
    if not before:
        return False
    if "InvocationID" in after:
        return after["InvocationID"] not in ("", before.get("InvocationID", ""))
    entered = after.get("ActiveEnterTimestampMonotonic", "0")
    return entered not in ("0", before.get("ActiveEnterTimestampMonotonic", "0"))


@dataclass
class PreparedRestart:
    unit: str
    before: Mapping[str, str]
    _connection: Connection

    def start(self, leave: Leave) -> Result:
        ran = self._connection.run(restart_argv(self.unit), leave.timeout_s, leave.guard)
        line = shlex.join(ran.argv)
        if not ran.sent:
            return Result(StepOutcome.NOT_DONE, _words(ran), line)
        if ran.exit_status is None or ran.exit_status > _KILLED:
            return Result(StepOutcome.UNKNOWN, _words(ran), line)
        after = _show(self._connection, self.unit)
        state = f"afterwards unseen, {_words(after)}" if isinstance(after, Ran) else _state(self.unit, after)
        if ran.exit_status != 0:
            return Result(StepOutcome.FAILED, f"{_words(ran)}; {state}", line)
        return Result(StepOutcome.DONE, f"restarted; {state}", line)

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True)
class RestartService:
    """``systemctl restart`` of the step's ``unit``, or of the service that the failed check names."""

    name: str = "restart_service"
    effect: Effect = Effect.CHANGE
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"guest"})
    parameters: Mapping[str, ParameterSpec] = field(
        default_factory=lambda: MappingProxyType(
            {"unit": ParameterSpec("the service's unit; by default the one that the failed check names", service_unit)}
        )
    )

    def describe(
        self,
        host: Host,  # noqa: ARG002 - other kinds of action need it
        parameters: Mapping[str, Parameter],
        service: str | None,
        known: Mapping[str, str] = NOTHING,  # noqa: ARG002
    ) -> tuple[str, ...]:
        unit = _unit(parameters, service)
        look, act = shlex.join(_show_argv(unit)), shlex.join(restart_argv(unit))
        return (look, act, look)

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> PreparedRestart:
        unit = _unit(parameters, target.service)
        connection = connect(target)
        try:
            before = _show(connection, unit)
            if isinstance(before, Ran):
                raise CannotReach(f"systemctl show {unit}: {_words(before)}")
            if before.get("LoadState") != "loaded":
                raise CannotAct(f"{unit} is {before.get('LoadState', 'of unknown state')}, so it can't be restarted")
        except BaseException:
            connection.close()
            raise
        return PreparedRestart(unit, before, connection)

    def settle(
        self,
        target: Target,
        parameters: Mapping[str, Parameter],
        before: Mapping[str, str],
        connect: Connect,
        attempt: Attempted,
    ) -> Result:
        try:
            unit = _unit(parameters, target.service)
            connection = connect(target)
        except (CannotAct, CannotReach) as error:
            return Result(StepOutcome.UNKNOWN, f"could not look whether it was restarted: {error}")
        try:
            return _settle(target, unit, before, connection, attempt.timeout_s)
        finally:
            connection.close()


def _settle(target: Target, unit: str, before: Mapping[str, str], connection: Connection, timeout_s: float) -> Result:
    deadline_s = target.clock.boottime_s() + timeout_s
    while True:
        seen = _show(connection, unit)
        if isinstance(seen, Ran):
            return Result(StepOutcome.UNKNOWN, f"could not look whether it was restarted: {_words(seen)}")
        if seen.get("ActiveState") not in _MOVING:
            break
        if target.clock.boottime_s() >= deadline_s:
            return Result(StepOutcome.UNKNOWN, f"still under way after {timeout_s:g} s: {_state(unit, seen)}")
        target.clock.sleep(_POLL_S)
    if not _started_anew(before, seen):
        return Result(StepOutcome.UNKNOWN, f"not started since: {_state(unit, seen)}")
    if seen.get("ActiveState") == "active":
        return Result(StepOutcome.DONE, f"started since: {_state(unit, seen)}")
    return Result(StepOutcome.FAILED, f"started since, and failed: {_state(unit, seen)}")


RESTART_SERVICE = RestartService()
