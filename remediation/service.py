"""Restart a service (R22): systemd's, or on an old host without it the one of a script in /etc/init.d."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from domain.model import Host
from domain.procedure import Effect, Parameter, StepOutcome
from domain.unit import service_unit
from remediation import init_systemd, init_sysv, watchdog
from remediation.action import NOTHING, Attempted, CannotAct, CannotReach, Connect, Connection, Leave, Ran, Result, Target
from remediation.host import INIT, KILLED, SYSTEMD, SYSV, words
from runbooks.spec import ParameterSpec

_POLL_S = 1.0
_WATCHDOG_MAX_S = 900.0


class Init(Protocol):
    """What keeps services, as a module. ``look`` returns what is the case, or the command itself where it brought nothing."""

    def look_argv(self, unit: str) -> tuple[str, ...]: ...

    def restart_argv(self, unit: str) -> tuple[str, ...]: ...

    def look(self, connection: Connection, unit: str) -> dict[str, str] | Ran: ...

    def state(self, unit: str, seen: Mapping[str, str]) -> str: ...

    def moving(self, seen: Mapping[str, str]) -> bool: ...

    def active(self, seen: Mapping[str, str]) -> bool: ...

    def started_anew(self, before: Mapping[str, str], after: Mapping[str, str]) -> bool: ...


INITS: Mapping[str, Init] = MappingProxyType({SYSTEMD: init_systemd, SYSV: init_sysv})


def _unit(parameters: Mapping[str, Parameter], service: str | None) -> str:
    named = parameters.get("unit", service)
    if named is None:
        raise CannotAct("no unit to restart: the step names none, and the check that failed has no service")
    try:
        return service_unit(named)
    except ValueError as error:
        raise CannotAct(f"{named!r} is not {error}") from error


def _seconds(written: object) -> float:
    if isinstance(written, bool) or not isinstance(written, int | float) or not 0 <= written <= _WATCHDOG_MAX_S:
        raise ValueError(f"0 to {_WATCHDOG_MAX_S:g} seconds")
    return float(written)


def _period_s(parameters: Mapping[str, Parameter]) -> float:
    return _seconds(parameters.get("watchdog_s", watchdog.PERIOD_S))


@dataclass
class PreparedRestart:
    unit: str
    before: Mapping[str, str]
    waited: str
    _init: Init
    _connection: Connection

    def start(self, leave: Leave) -> Result:
        ran = self._connection.run(self._init.restart_argv(self.unit), leave.timeout_s, leave.guard)
        line = shlex.join(ran.argv)
        if not ran.sent:
            return Result(StepOutcome.NOT_DONE, words(ran), line)
        if ran.exit_status is None or ran.exit_status > KILLED:
            return Result(StepOutcome.UNKNOWN, words(ran), line)
        after = self._init.look(self._connection, self.unit)
        state = f"afterwards unseen, {words(after)}" if isinstance(after, Ran) else self._init.state(self.unit, after)
        if ran.exit_status != 0:
            return Result(StepOutcome.FAILED, f"{self.waited}{words(ran)}; {state}", line)
        return Result(StepOutcome.DONE, f"{self.waited}restarted; {state}", line)

    def close(self) -> None:
        self._connection.close()


@dataclass(frozen=True, slots=True)
class RestartService:
    """``systemctl restart`` of the step's ``unit``, or of the service that the failed check names; ``/etc/init.d/NAME restart``
    where there is no systemd. On a host whose panel has a watchdog (R23) that one gets its time first."""

    name: str = "restart_service"
    effect: Effect = Effect.CHANGE
    repeatable: bool = False
    rehearsals: frozenset[str] = frozenset({"guest"})
    parameters: Mapping[str, ParameterSpec] = field(
        default_factory=lambda: MappingProxyType({
            "unit": ParameterSpec("the service's unit; by default the one that the failed check names", service_unit, service=True),
            "watchdog_s": ParameterSpec(
                f"how long a panel's watchdog gets to do it itself (R23); {watchdog.PERIOD_S:g} by default, 0: none",
                _seconds,
                waits=True,
            ),
        })
    )  # fmt: skip

    def describe(
        self, host: Host, parameters: Mapping[str, Parameter], service: str | None, known: Mapping[str, str] = NOTHING
    ) -> tuple[str, ...]:
        unit, period_s = _unit(parameters, service), _period_s(parameters)
        init = INITS[known.get(INIT, SYSTEMD)]
        look, act = shlex.join(init.look_argv(unit)), shlex.join(init.restart_argv(unit))
        asked = tuple(map(shlex.join, watchdog.describe(host, known, period_s)))
        wait = (f"# waits up to {period_s:g} s for the panel's watchdog",) if watchdog.waits(host, known, period_s) else ()
        return (look, *asked, *wait, act, look)

    def prepare(self, target: Target, parameters: Mapping[str, Parameter], connect: Connect) -> PreparedRestart:
        unit, period_s = _unit(parameters, target.service), _period_s(parameters)
        connection = connect(target)
        try:
            init, before = _first_look(target, connection, unit)
            waited = ""
            if watchdog.has_one(target, connection, period_s):
                before = _after_the_watchdog(target, connection, init=init, unit=unit, before=before, period_s=period_s)
                waited = f"the panel's watchdog did nothing within {period_s:g} s; "
        except BaseException:
            connection.close()
            raise
        return PreparedRestart(unit, before, waited, init, connection)

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
            return _settle(target, connection, unit=unit, before=before, timeout_s=attempt.timeout_s)
        finally:
            connection.close()


def _first_look(target: Target, connection: Connection, unit: str) -> tuple[Init, dict[str, str]]:
    """Which init the host has, and what is the case there before anything is done."""
    if target.known.get(INIT) != SYSV:
        seen = init_systemd.first_look(target, connection, unit)
        if seen is not None:
            return init_systemd, seen
    return init_sysv, init_sysv.first_look(connection, unit)


def _after_the_watchdog(
    target: Target, connection: Connection, *, init: Init, unit: str, before: dict[str, str], period_s: float
) -> dict[str, str]:
    """What is the case when the watchdog has had its time. Raises ``CannotAct`` where it has restarted the service."""
    last = before

    def restarted() -> bool:
        nonlocal last
        seen = init.look(connection, unit)
        if isinstance(seen, Ran):
            raise CannotReach(f"could not look whether the panel's watchdog has restarted {unit}: {words(seen)}")
        last = seen
        return init.started_anew(before, seen) and init.active(seen)

    if watchdog.give_time(target, period_s, restarted):
        raise CannotAct(f"nothing needed to be done: the panel's watchdog has restarted it; {init.state(unit, last)}")
    return last


def _settle(target: Target, connection: Connection, *, unit: str, before: Mapping[str, str], timeout_s: float) -> Result:
    init = INITS[before.get(INIT, SYSTEMD)]
    deadline_s = target.clock.boottime_s() + timeout_s
    while True:
        seen = init.look(connection, unit)
        if isinstance(seen, Ran):
            return Result(StepOutcome.UNKNOWN, f"could not look whether it was restarted: {words(seen)}")
        if not init.moving(seen):
            break
        if target.clock.boottime_s() >= deadline_s:
            return Result(StepOutcome.UNKNOWN, f"still under way after {timeout_s:g} s: {init.state(unit, seen)}")
        target.clock.sleep(_POLL_S)
    if not init.started_anew(before, seen):
        return Result(StepOutcome.UNKNOWN, f"not started since: {init.state(unit, seen)}")
    if init.active(seen):
        return Result(StepOutcome.DONE, f"started since: {init.state(unit, seen)}")
    return Result(StepOutcome.FAILED, f"started since, and failed: {init.state(unit, seen)}")


RESTART_SERVICE = RestartService()
